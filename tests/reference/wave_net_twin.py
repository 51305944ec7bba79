"""Slow, obvious versions of the kernels behind the learnt wave scores."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def grid(x, step, level, scale, pad, n):
    """Mean of the staircase that is ``x[i]`` from ``i - 1/2`` to ``i + 1/2``."""
    total = np.concatenate([[0.0], np.cumsum((x - level) / scale)])
    width = max(step, 1.0)
    at = np.arange(n) * step
    low, high = (np.clip(at + side * width / 2 + 0.5, 0, len(x)) for side in (-1, 1))
    edges = np.arange(len(total))
    means = (np.interp(high, edges, total) - np.interp(low, edges, total)) / (high - low)
    return np.pad(means, pad, mode="edge")


def boxes(row, halves):
    out = np.tile(row.astype(np.float64), (len(halves), 1))
    for one, half in zip(out, halves, strict=True):
        if 0 < 2 * half < len(row):
            one[half : len(row) - half] = np.convolve(row, np.ones(2 * half + 1) / (2 * half + 1), "valid")
    return out


def features(smoothed, table, gains, start, step, n):
    k = start + step * np.arange(n)
    rows = [smoothed[a, k + b] - smoothed[c, k + d] for a, b, c, d in table]
    return np.array([v / (np.abs(v) + gain) for v, gain in zip(rows, gains, strict=True)])


def hats(values, knots):
    """How near each value is to each knot: (values, knots)."""
    return np.stack([np.interp(values, knots, unit) for unit in np.eye(len(knots))], axis=1)


def places(beats, usual, step, start, knots, table, bias, n):
    out = np.zeros((n, len(bias)))
    for k in range(n):
        t = (start + k) * step
        past, future = beats[beats <= t], beats[beats > t]
        before = past[-1] if len(past) else beats[0] - usual
        after = future[0] if len(future) else beats[-1] + usual
        gone, rr = max(t - before, 0.0), after - before
        values = (gone, max(after - t, 0.0), gone / max(rr, 0.05), rr)
        near = np.concatenate([hats(np.array([v]), one)[0] for v, one in zip(values, knots, strict=True)])
        out[k] = near @ table + bias
    return out


def seen(grid, pad, half, beats, fine_s, start, w, points):
    """What the network sees, one value after the other."""
    n = len(grid) - 2 * pad
    x = grid.astype(np.float64)
    out = np.zeros((12, points))
    for k in range(points):
        for phase in (0, 1):
            i = min(2 * (start + k) + phase, n - 1)
            value = x[pad + i] - np.mean(x[pad + i - half : pad + i + half + 1])
            slope = x[pad + i] - x[pad + i - 1]
            shares = (w.gain_coarse, w.gain_middle, w.gain_fine, w.gain_slope)
            bent = [v / (abs(v) + gain) for v, gain in zip((value, value, value, slope), shares, strict=True)]
            out[8 * phase : 8 * phase + 4, k] = bent
        t = min(2 * (start + k), n - 1) * fine_s
        past, future = beats[beats <= t], beats[beats > t]
        since = t - past[-1] if len(past) else w.apart_s
        until = future[0] - t if len(future) else w.apart_s
        near = max(0.0, 1 - min(since, until) / w.near_s)
        out[4:8, k] = near, since / (since + w.bend_s), until / (until + w.bend_s), since / max(since + until, w.near_s)
    return out


def own(grid, pad, half, gains):
    """The lead without its moving mean, bent: every second point."""
    x = grid.astype(np.float64)
    at = np.arange(pad, len(x) - pad, 2)
    values = np.array([x[i] - np.mean(x[i - half : i + half + 1]) for i in at])
    return np.array([values / (np.abs(values) + gain) for gain in gains])


def without_faint_p(x, finer, over, marks):
    """Marks without P waves that hardly go from the line through their ends."""
    x, out = x.astype(np.float64), marks.copy()
    bends = np.abs(np.diff(x, 2))[:: -(-(len(x) - 2) // 256)]
    for row in out:
        if row[0] >= 0:
            part = x[int(finer * row[0]) : int(np.ceil(finer * row[2])) + 1]
            if np.abs(part - np.linspace(part[0], part[-1], len(part))).max() < over * np.median(bends):
                row[:3] = -1
    return out


def neighbours(rows, lead, beats, finer, near, before, after, unlike, least):
    n = rows.shape[1]
    points, fine = np.arange(n), np.arange(len(lead))
    count = len(rows)
    out = np.zeros((2 * count, n))

    def shape(r):
        values = np.interp(finer * r + np.arange(-before, after + 1), fine, lead)
        return values - values[0]

    for side in (0, 1):
        for k in range(n):
            i = int(np.searchsorted(beats, k, side="right")) - 1 if side == 0 else int(np.searchsorted(beats, k))
            if side == 1 and i < len(beats) and beats[i] == k:
                i += 1
            if not 0 <= i < len(beats):
                continue
            total, there = 0.0, np.zeros(count)
            for j in range(max(0, i - near), min(len(beats), i + near + 1)):
                if j != i:
                    far = np.mean(np.abs(shape(beats[i]) - shape(beats[j]))) / unlike
                    weight = 1 / (1 + far**2) ** 2
                    total += weight
                    there += [weight * np.interp(k + beats[j] - beats[i], points, row) for row in rows]
            out[count * side : count * (side + 1), k] = there / max(total, least)
    return out


def convolved(rows, weights, biases, reach):
    """Sums over all rows of their values around each place, `reach` apart; there is nothing beyond the ends."""
    n, half = rows.shape[1], weights.shape[2] // 2
    padded = np.pad(rows, ((0, 0), (half * reach, half * reach)))
    out = np.tile(biases[:, None], (1, n))
    for o in range(len(weights)):
        for i in range(len(rows)):
            for t in range(weights.shape[2]):
                out[o] += weights[o, i, t] * padded[i, t * reach : t * reach + n]
    return out


def network(seen, layers, levels, reaches):
    """A U-Net: `layers` are weights (out, in, width) and biases, in the order of down, through, up, last."""
    layers = iter(layers)

    def next_layer(rows, reach=1):
        return np.maximum(convolved(rows, *next(layers), reach), 0)

    kept = [next_layer(seen)]
    for level in range(1, levels):
        rows = next_layer((kept[-1][:, ::2] + kept[-1][:, 1::2]) / 2)
        kept.append(next_layer(rows) if level < levels - 1 else rows)
    rows = kept.pop()
    for reach in reaches:
        rows = rows + next_layer(rows, reach)
    while kept:
        rows = next_layer(np.concatenate([np.repeat(rows, 2, axis=1), kept.pop()]))
    return convolved(rows, *next(layers), 1)


def log_odds(logits):
    z = logits.astype(np.float64)
    rest = [np.logaddexp.reduce(np.delete(z, c, axis=0), axis=0) for c in (1, 2, 3)]
    return np.clip(z[1:] - rest, -9.21, 9.21)


def best_span(odds, start, stop):
    """Every stretch is tried."""
    best = (0.0, -1, -1)
    for first in range(start, stop + 1):
        for last in range(first, stop + 1):
            total = float(np.sum(odds[first : last + 1], dtype=np.float64))
            if total > best[0] + 1e-9:
                best = (total, first, last)
    return best


def crossing(odds, i, step):
    j = i + step
    if not 0 <= j < len(odds) or odds[i] <= 0 or odds[j] >= 0:
        return float(i)
    return i + step * float(odds[i]) / (float(odds[i]) - float(odds[j]))


def peak(x, finer, onset, offset):
    first, last = np.clip([int(np.ceil(finer * onset)), int(finer * offset)], 0, len(x) - 1)
    if last <= first + 1:
        return (onset + offset) / 2
    part = x[first : last + 1].astype(np.float64)
    return float(first + np.argmax(np.abs(part - np.linspace(part[0], part[-1], len(part))))) / finer


def mark(odds, x, finer, first, last):
    onset, offset = crossing(odds, first, -1), crossing(odds, last, 1)
    return onset, peak(x, finer, onset, offset), offset


def wave_spans(odds, x, finer, beats, w):
    n, m = odds.shape[1], len(beats)
    marks = np.full((m, 8), -1.0)
    for b, at in enumerate(beats):
        r = int(np.clip(np.rint(at), 0, n - 1))
        low = int((beats[b - 1] + at) / 2) if b else 0
        high = int((at + beats[b + 1]) / 2) if b + 1 < m else n - 1
        low, high = min(max(low, r - int(w.qrs_before), 0), r), max(min(high, r + int(w.qrs_after), n - 1), r)
        first = r - int(np.argmax(np.cumsum(odds[1, low : r + 1][::-1], dtype=np.float64)))
        last = r + int(np.argmax(np.cumsum(odds[1, r : high + 1], dtype=np.float64)))
        marks[b, 3:5] = crossing(odds[1], first, -1), crossing(odds[1], last, 1)
    for b, at in enumerate(beats):
        stop = min(n - 1, int(at + w.t_reach), int(marks[b + 1, 3]) - 1 if b + 1 < m else n)
        total, first, last = best_span(odds[2], int(marks[b, 4]) + 1, stop)
        if total > w.t_least and odds[2, first : last + 1].max() >= w.t_sure:
            marks[b, 5:] = mark(odds[2], x, finer, first, last)
    for b, at in enumerate(beats):
        start = max(0, int(at - w.p_reach))
        if b:
            start = max(start, int(marks[b - 1, 7] if marks[b - 1, 7] >= 0 else marks[b - 1, 4]) + 1)
        total, first, last = best_span(odds[0], start, int(marks[b, 3]) - 1)
        if total > w.p_least:
            marks[b, :3] = mark(odds[0], x, finer, first, last)
    return marks


def slopes(x, near):
    """The slope around each point, 0 near the ends."""
    out = np.zeros(len(x))
    for i in range(near + 1, len(x) - near - 1):
        out[i] = x[i + near] + x[i + near + 1] - x[i - near] - x[i - near - 1]
    return out


def where_it_falls(values, outwards, floor):
    """The first place in `outwards` where `values` are no more than `floor`, by interpolation; None where none is."""
    for last, i in pairwise(outwards):
        if values[i] <= floor:
            return last + (i - last) * (values[last] - floor) / (values[last] - values[i])
    return None


def drawn(x, finer, beats, w, marks):
    """Edges of waves drawn towards where their slope dies down."""
    out, n, reach = marks.copy(), len(x), int(w.reach)
    p_slope, qrs_slope, t_slope = (slopes(x.astype(np.float64), int(near)) for near in (w.p_near, w.qrs_near, w.t_near))

    def draw(b, column, to, share):
        if to is not None:
            off = np.clip(to / finer - marks[b, column], -w.most / finer, w.most / finer)
            out[b, column] = marks[b, column] + share * off

    def of_wave(slope, peak, edge, stop, step, low):
        inside = list(range(peak, (max if step < 0 else min)(edge + step, stop) + step, step))
        at = max(inside, key=lambda i: abs(slope[i]))  # of equals the first
        if slope[at] == 0:
            return None
        outwards = list(range(at, stop, step))
        found = where_it_falls(np.sign(slope[at]) * slope, outwards, low * abs(slope[at]))
        return stop if found is None else found

    def of_qrs(r, edge, stop, step, low):
        steep = np.abs(qrs_slope)
        beyond = edge + step * int(w.qrs_beyond)
        seen = [i for i in range(r - 2 * step * int(w.qrs_beyond), beyond, step) if 0 <= i < n]
        best = max(steep[seen])
        if best == 0:
            return None
        sure = [i for i in range(r, beyond, step) if 0 <= i < n and steep[i] >= w.qrs_high * best]
        first = sure[-1] if sure else r
        if steep[first] <= low * best:
            return first
        outwards = []
        while first + len(outwards) * step != stop and len(outwards) < w.qrs_walk:
            outwards.append(first + len(outwards) * step)
        found = where_it_falls(steep, outwards, low * best)
        return first + len(outwards) * step if found is None else found

    for b, row in enumerate(marks):
        p_onset, p_peak, p_offset, onset, offset, t_onset, t_peak, t_offset = row
        r = int(np.rint(finer * beats[b]))
        edge = min(int(np.rint(finer * onset)), r - 1)
        if w.qrs_share and edge > max(1, edge - reach):
            draw(b, 3, of_qrs(r, edge, max(1, edge - reach), -1, w.qrs_on_low), w.qrs_share)
            out[b, 3] = min(out[b, 3], beats[b])
        edge = max(int(np.rint(finer * offset)), r + 1)
        if w.qrs_share and edge < min(n - 2, edge + reach):
            draw(b, 4, of_qrs(r, edge, min(n - 2, edge + reach), 1, w.qrs_off_low), w.qrs_share)
            out[b, 4] = max(out[b, 4], beats[b])
        if p_onset >= 0:
            peak, edge = int(np.rint(finer * p_peak)), int(finer * p_onset)
            before = int(finer * max(marks[b - 1, 7], marks[b - 1, 4])) if b else 1
            stop = max(1, edge - reach, before)
            if edge > stop:
                draw(b, 0, of_wave(p_slope, peak, edge, stop, -1, w.p_on_low), w.p_share)
                out[b, 0] = min(out[b, 0], p_peak)
            edge = int(finer * p_offset) + 1
            stop = min(n - 2, edge + reach, int(finer * onset))
            if edge < stop:
                draw(b, 2, of_wave(p_slope, peak, edge, stop, 1, w.p_off_low), w.p_share)
                out[b, 2] = max(out[b, 2], p_peak)
            out[b, 2] = min(out[b, 2], max(out[b, 3], p_peak))
        if t_offset >= 0:
            peak, edge = int(np.rint(finer * t_peak)), int(finer * t_onset)
            stop = max(1, edge - reach, int(finer * offset))
            if edge > stop:
                draw(b, 5, of_wave(t_slope, peak, edge, stop, -1, w.t_on_low), w.t_share)
                out[b, 5] = min(out[b, 5], t_peak)
            out[b, 5] = max(out[b, 5], min(out[b, 4], t_peak))
            edge = int(finer * t_offset) + 1
            following = int(finer * marks[b + 1, 3]) if b + 1 < len(marks) else n
            stop = min(n - 2, edge + 2 * reach, following)
            if edge < stop:
                draw(b, 7, of_wave(t_slope, peak, edge, stop, 1, w.t_off_low), w.t_share)
                out[b, 7] = max(out[b, 7], t_peak)
    for b in range(len(marks) - 1):
        if out[b, 7] >= 0:
            following = out[b + 1, 0] if out[b + 1, 0] >= 0 else out[b + 1, 3]
            out[b, 7] = min(out[b, 7], max(following, out[b, 6]))
    return out
