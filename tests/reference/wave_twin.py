"""Slow twin of the delineation kernel, with whole-array slopes and Python loops over beats."""

from __future__ import annotations

import itertools

import numpy as np

ABSENT = -1


def slopes(x):
    out = np.zeros(len(x))
    out[1:-1] = (x[2:] - x[:-2]) / 2
    return out


def steepest(d, start, stop, sign):
    start, stop = max(start, 1), min(stop, len(d) - 1)
    if stop <= start:
        return ABSENT
    part = np.abs(d[start:stop]) if sign == 0 else d[start:stop] * sign
    return start + int(np.argmax(part)) if part.max() > 0 else ABSENT


def qrs_edge(d, r, step, reach, greatest, low, w):
    n = len(d)
    inside = [i for i in range(r, r + step * (reach + 1), step) if 1 <= i < n - 1]
    sure, still = r, 0
    for i in inside:
        if still > int(w.qrs_quiet):
            break
        still = 0 if abs(d[i]) >= w.qrs_high * greatest else still + 1
        sure = i if still == 0 else sure
    i = sure
    while 1 <= i < n - 1 and abs(i - sure) < w.qrs_walk and abs(d[i]) > low * greatest:
        i += step
    return i


def edge(d, start, step, limit, low):
    i = start
    while i != limit and d[i] * d[start] > low * d[start] ** 2:
        i += step
    return i


def turns(d, start, stop):
    for i in range(start + 1, stop):
        one, two = d[i - 1], d[i]
        if one * two > 0 or (one == 0 and two == 0):
            continue
        yield i, 1.0 if one > two else -1.0


def mark_t(x, d, start, stop, swing, w):
    none = (ABSENT, ABSENT, ABSENT)
    if stop - start < 4:
        return none
    reach, best = int(w.t_lobe), (0.0,)
    for i, sign in turns(d, start, stop):
        left = steepest(d, max(start, i - reach), i + 1, sign)
        right = steepest(d, i, min(stop, i + reach), -sign)
        if right == ABSENT or sign * (x[i] - x[right]) <= 0:
            continue
        rise = 0.0 if left == ABSENT else abs(d[left])
        fall = abs(d[right])
        if fall + min(rise, fall) > best[0]:
            best = (fall + min(rise, fall), i, left, right)
    if len(best) == 1:
        return none
    _, peak, before, after = best
    sign = 1.0 if d[after] < 0 else -1.0
    if sign * (x[peak] - x[min(stop, 2 * after - peak)]) < w.t_min * swing:
        return none
    second = steepest(d, after, min(stop, after + reach), sign)
    if second != ABSENT and abs(d[second]) >= w.t_second * abs(d[after]):
        after = second
    onset = edge(d, before, -1, start, w.t_on_low) if before != ABSENT else ABSENT
    return onset, peak, edge(d, after, 1, stop, w.t_off_low)


def mark_p(x, d, start, stop, swing, noise, w):
    none = (ABSENT, ABSENT, ABSENT)
    if stop - start < 4:
        return none
    reach, best = int(w.p_lobe), (0.0,)
    for i, sign in turns(d, start, stop):
        left = steepest(d, max(start, i - reach), i + 1, sign)
        right = steepest(d, i, min(stop, i + reach), -sign)
        if ABSENT not in (left, right) and min(abs(d[left]), abs(d[right])) > best[0]:
            best = (min(abs(d[left]), abs(d[right])), i, left, right)
    if len(best) == 1:
        return none
    _, peak, before, after = best
    onset, offset = edge(d, before, -1, start, w.p_on_low), edge(d, after, 1, stop, w.p_off_low)
    share = (peak - onset) / max(1, offset - onset)
    height = abs(x[peak] - (x[onset] + share * (x[offset] - x[onset])))
    if height < w.p_min * swing or height < w.p_noise * noise:
        return none
    return onset, peak, offset


def delineate_lead(fine, middle, coarse, r_peaks, noise, w):
    n = len(fine)
    df, dm, dc = slopes(fine), slopes(middle), slopes(coarse)
    marks = np.full((len(r_peaks), 8), ABSENT, np.int64)
    rr = np.diff(r_peaks)
    for b, r in enumerate(r_peaks):
        before = int(min(w.qrs_before, 0.5 * (rr[b - 1] if b else n)))
        after = int(min(w.qrs_after, 0.5 * (rr[b] if b < len(rr) else n)))
        steep = steepest(df, r - before, r + after + 1, 0)
        if steep != ABSENT:
            greatest = abs(df[steep])
            marks[b, 3] = qrs_edge(df, r, -1, before, greatest, w.qrs_on_low, w)
            marks[b, 4] = qrs_edge(df, r, 1, after, greatest, w.qrs_off_low, w)
    for b, r in enumerate(r_peaks):
        if marks[b, 3] == ABSENT:
            continue
        part = np.append(fine[marks[b, 3] : marks[b, 4] + 1], fine[r])
        swing = np.ptp(part)
        reach, end = w.t_reach, n - 1
        if b < len(rr):
            reach = min(reach, w.t_rr_share * rr[b])
            end = marks[b + 1, 3] if marks[b + 1, 3] != ABSENT else end
        marks[b, 5:8] = mark_t(coarse, dc, int(marks[b, 4] + w.t_begin), min(int(r + reach), end), swing, w)
        start = int(marks[b, 3] - w.p_reach)
        if b:
            start = max(start, marks[b - 1, 7] if marks[b - 1, 7] != ABSENT else marks[b - 1, 4])
        marks[b, 0:3] = mark_p(middle, dm, max(start, 1), int(marks[b, 3] - w.p_end), swing, noise, w)
    return marks


def steep_span(speed, r, reach, quiet, share, least):
    n = len(speed)
    steep = speed >= max(share * speed[max(0, r - reach) : r + reach + 1].max(), least)
    ends = []
    for step in (-1, 1):
        path = list(itertools.takewhile(lambda i: 0 < i < n - 1, range(r, r + step * (reach + 1), step)))
        seen = [bool(steep[i]) for i in path]
        # The walk stops once more than `quiet` samples in a row were not steep.
        stop = next((k for k in range(len(path)) if not any(seen[max(0, k - quiet) : k + 1]) and k >= quiet), len(path))
        inside = [i for i, s in zip(path[:stop], seen[:stop], strict=True) if s]
        ends.append(min(max((inside[-1] if inside else r) + step, 0), n - 1))
    return tuple(ends)


def outer(marks, reach, latest):
    known = np.sort(marks[marks != ABSENT])
    known = known[np.abs(known - np.median(known)) <= reach] if len(known) else known
    if not len(known):
        return ABSENT
    k = 1 if len(known) >= 4 else 0
    return known[-1 - k] if latest else known[k]


def combine(table, preferred, reach, least):
    out = np.full(table.shape[1:], ABSENT, np.int64)
    for b in range(table.shape[1]):
        for (onset, peak, offset), near in zip(((0, 1, 2), (3, 3, 4), (5, 6, 7)), reach, strict=True):
            rows = table[preferred, b]
            rows = rows[rows[:, peak] != ABSENT]
            if len(rows) == 2 and abs(rows[0, peak] - rows[1, peak]) > near:
                rows = rows[:1]
            elif len(rows):
                rows = rows[np.abs(rows[:, peak] - np.median(rows[:, peak])) <= near]
            if len(rows) < least:
                continue
            if peak != onset:
                out[b, peak] = int(np.median(rows[:, peak]))
            out[b, onset], out[b, offset] = outer(rows[:, onset], near, False), outer(rows[:, offset], near, True)
    return out
