"""Waves of single leads again, slowly: from lists of crossings, with nothing shared with the kernels."""

from __future__ import annotations

import itertools
import math
from itertools import pairwise

import numpy as np


def zero(x, i, j):
    """Where the line through two samples crosses zero."""
    return i + (j - i) * x[i] / (x[i] - x[j])


def crossings(x, first, last):
    """Runs of one sign in ``first .. last``: begin and end by linear interpolation, and the samples inside."""
    runs = []
    for sign, group in itertools.groupby(range(first, last + 1), key=lambda i: np.sign(x[i])):
        if sign == 0:
            continue
        inside = list(group)
        i, j = inside[0], inside[-1]
        begin = float(i) if i == first else zero(x, i - 1, i)
        end = float(j) if j == last else zero(x, j, j + 1)
        runs.append((sign, begin, end, inside))
    return runs


def corner(x, run, w):
    """Begin and end of a run without what is flat at its ends."""
    _, begin, end, inside = run
    high = [i for i in inside if abs(x[i]) >= w.least_mv]
    a, b = high[0], high[-1]
    if a - begin >= w.least_samples and a > inside[0]:
        begin = max(begin, a - abs(x[a]) / (abs(x[a]) - abs(x[a - 1])))
    if end - b >= w.least_samples and b < inside[-1]:
        end = min(end, b + abs(x[b]) / (abs(x[b]) - abs(x[b + 1])))
    return begin, end


def qrs_waves(x, first, last, w):
    """Return the columns of one lead."""
    waves = []
    for run in crossings(x, first, last):
        sign, begin, end, inside = run
        height = max(x[inside] * sign)
        if height < w.least_mv or end - begin < w.least_samples:
            continue
        if waves and inside[-1] == last and height - abs(x[last]) < w.least_mv and height < abs(waves[-1][2]):
            continue
        begin, end = corner(x, run, w)
        if waves and waves[-1][2] * sign > 0:
            b, _, h = waves[-1]
            waves[-1] = (b, end, sign * max(abs(h), height))
        elif len(waves) < 10:
            waves.append((begin, end, sign * height))
    out = [math.nan] * 14
    positive = [k for k, wave in enumerate(waves) if wave[2] > 0]
    if positive:
        start = positive[0]
        names = ([0] if start else []) + [1, 2, 3, 4]
        for name, (begin, end, height) in zip(names, waves, strict=False):
            out[name] = height
            if name < 4:
                out[5 + name] = (end - begin) * w.ms
        begin, end, _ = waves[positive[1] if len(positive) > 1 else start]
        a, b = math.ceil(begin), min(last, int(end))
        out[11] = (a + int(np.argmax(x[a : b + 1])) - first) * w.ms
        begin, end, _ = waves[start]
        out[12] = reversal(x[math.ceil(begin) : min(last, int(end)) + 1], first + w.middle_from - math.ceil(begin))
    elif waves:
        begin, end, height = waves[0]
        out[2], out[7] = height, (end - begin) * w.ms
    part = x[first : last + 1]
    out[9], out[10] = part.max() - part.min(), part.sum() * w.ms
    if waves:
        slopes = slope(part, int(w.slope_reach))
        top = int(np.argmax(np.abs(part)))
        towards = slopes[: top + 1] * (1.0 if part[top] >= 0 else -1.0)
        out[13] = int(np.argmax(towards)) * w.ms if towards.max() > 0 else 0.0
    return out


def reversal(part, until):
    """Return the most that any low stands below the highest before it and the highest behind it."""
    depths = [min(max(part[: i + 1]), max(part[i:])) - part[i] for i in range(len(part)) if i <= until]
    return max(depths, default=0.0)


def slope(part, reach):
    n = len(part)
    spans = [(max(0, i - reach), min(n - 1, i + reach)) for i in range(n)]
    return np.array([(part[b] - part[a]) / (b - a) for a, b in spans])


def wave_phases(x, first, last, w):
    """Return the columns of one lead."""
    part = x[first : last + 1]
    if w.over_line:
        share = (np.arange(len(part))) / (last - first)
        part = part - (1 - share) * part[0]
    up, down = part.max(), part.min()
    peak, second = (up, down) if up >= -down else (down, up)
    out = [peak, math.nan, part.sum() * w.ms, math.nan]
    runs = crossings(part, 0, len(part) - 1)

    def length(at):
        return next(end - begin for _, begin, end, inside in runs if at in inside)

    sign = np.sign(second)
    edge = max(part[0] * sign, part[-1] * sign, 0.0)
    if second * peak < 0 and abs(second) >= w.least_mv and abs(second) - edge >= w.least_mv:
        at = int(np.argmin(part)) if second < 0 else int(np.argmax(part))
        out[1] = second if length(at) >= w.least_samples else math.nan
    low, high = int(np.argmin(part)), int(np.argmax(part))
    if down <= -w.least_mv and (low > high or up < w.least_mv) and length(low) >= w.least_samples:
        out[3] = down * length(low) * w.ms
    return out


def may_hold_another(x, marks, step, w):
    """Whether a window as long as a P wave, where one may stand, goes far from the line through its ends."""
    n = len(marks) - 1
    known = [row for row in marks[1:] if row[0] >= 0]
    if len(known) < 2:
        return False

    def at(sample):
        return int(np.rint(sample / step))

    def bump(start, stop):
        part = x[start : stop + 1].astype(np.float64)
        return np.abs(part - np.linspace(part[0], part[-1], len(part))).max() if len(part) > 2 else 0.0

    width = max(2, at(np.median([row[2] - row[0] for row in known])))
    usual = np.median([bump(min(at(row[0]), len(x) - 1), min(at(row[2]), len(x) - 1)) for row in known])
    centres = [(row[0] + row[2]) / 2 / step if row[0] >= 0 else None for row in marks]
    known_pp = [b - a for a, b in pairwise(centres) if a is not None and b is not None]
    held = 0
    for (one, other), (c0, c1) in zip(pairwise(marks), pairwise(centres), strict=True):
        both = c0 is not None and c1 is not None
        free = w.near * ((c1 - c0) / max(2, (c1 - c0) // w.shortest) if both else w.shortest) - w.slack
        start = at(max(one[4], one[7])) + int(w.margin)
        stop = min(at(other[0] if other[0] >= 0 else other[3]) - int(w.margin), len(x) - 1)
        places = [
            i
            for i in range(start, stop - width + 1)
            if (c0 is None or i + width / 2 - c0 >= free) and (c1 is None or c1 - i - width / 2 >= free)
        ]
        if any(bump(i, i + width) >= w.bump * usual for i in places):
            held += 1
            if not both or c1 - c0 >= w.long * min(known_pp):
                return True
    return 0 < held >= w.share * n
