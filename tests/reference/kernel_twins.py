"""Slow, obvious NumPy twins of the kernels: what each is defined to compute."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.interpolate import CubicSpline


def padded(x, half):
    return np.pad(x, half, mode="edge")


def moving_mean(x, width):
    return np.convolve(padded(x, width // 2), np.full(width, 1 / width), mode="valid")


def moving_median(x, width, step):
    windows = np.lib.stride_tricks.sliding_window_view(padded(x, width // 2), width)
    exact = np.median(windows, axis=1)
    at = sorted({*range(0, len(x), step), len(x) - 1})
    return np.interp(np.arange(len(x)), at, exact[at])


def slope_energy(x, smooth, lag, width):
    y = moving_mean(moving_mean(x, smooth), smooth)
    slope = np.zeros(len(x))
    if len(x) > 2 * lag:
        slope[lag:-lag] = y[2 * lag :] - y[: -2 * lag]
    return np.sqrt(np.convolve(slope**2, np.full(width, 1 / width), mode="full")[width // 2 : width // 2 + len(x)])


def local_maxima(x, half):
    found = []
    for i, v in enumerate(x):
        before, after = x[max(0, i - half) : i], x[i + 1 : i + half + 1]
        if v > 0 and (before < v).all() and (after <= v).all():
            found.append(i)
    return np.array(found, np.int64)


def local_levels(at, height, apart, span):
    top = [
        all(height[j] < height[i] for j in range(i) if at[i] - at[j] <= apart)
        and all(height[j] <= height[i] for j in range(i + 1, len(at)) if at[j] - at[i] <= apart)
        for i in range(len(at))
    ]
    levels = []
    for i in range(len(at)):
        near = [height[j] for j in range(len(at)) if top[j] and abs(at[j] - at[i]) <= span]
        levels.append(np.median(near) if near else height[i])
    return np.array(levels)


def choose_beats(
    at,
    height,
    level,
    threshold,
    back_share,
    late,
    refractory,
    margin,
    t_window,
    t_share,
    p_window,
    p_share,
    low_share,
    usual_share,
    soon_share,
):
    at, height, level = list(at), list(height), list(level)
    beats = []
    for i in range(len(at)):  # forward
        if height[i] < threshold * level[i]:
            continue
        if beats:
            after = at[i] - at[beats[-1]]
            p_before = after < p_window and height[beats[-1]] < p_share * height[i]
            if after < refractory or p_before:
                if height[i] > height[beats[-1]]:
                    beats[-1] = i
                continue
            if after < t_window and height[i] < t_share * height[beats[-1]]:
                continue
        beats.append(i)
    for _ in range(8):  # back
        extra = []
        for q in range(len(beats) - 1):
            low, high = max(0, q - 5), min(len(beats) - 1, q + 5)
            usual = np.median([at[beats[k + 1]] - at[beats[k]] for k in range(low, high)])
            left, right = beats[q], beats[q + 1]
            fit = [
                j
                for j in range(left + 1, right)
                if at[j] - at[left] >= margin
                and at[right] - at[j] >= margin
                and not (at[j] - at[left] < t_window and height[j] < t_share * height[left])
                and height[j] >= back_share * level[j]
            ]
            if at[right] - at[left] > late * usual and fit:
                extra.append(max(fit, key=lambda j: height[j]))
        beats = sorted(beats + extra)
    for _ in range(2):  # splitters
        gone = set()
        for q in range(1, len(beats) - 1):
            before, i, after = beats[q - 1 : q + 2]
            if before in gone or height[i] >= low_share * min(height[before], height[after]):
                continue
            around = beats[max(0, q - 8) : min(len(beats) - 1, q + 8) + 1]
            tall_from = low_share * np.median([height[k] for k in around])
            tall = [k for k in around if k != i and height[k] >= tall_from]
            rr = np.diff([at[k] for k in tall])
            if len(rr) >= 2 and at[after] - at[before] <= usual_share * np.median(rr):
                gone.add(i)
        beats = [b for b in beats if b not in gone]
    if len(beats) >= 4:  # ends

        def usual(q):
            return np.median(np.diff([at[b] for b in beats[max(0, q - 5) : min(len(beats) - 1, q + 5) + 1]]))

        first, second, *_, before, last = beats
        q = len(beats) - 1
        drop_first = height[first] < low_share * height[second] and at[second] - at[first] < soon_share * usual(0)
        drop_last = height[last] < low_share * height[before] and at[last] - at[before] < soon_share * usual(q)
        beats = beats[1 if drop_first else 0 : q if drop_last else q + 1]
    return np.array([at[b] for b in beats], np.int64)


def locate_r(signal, unit, at, half, smooth, level_half):
    n = signal.shape[1]
    r_peaks, swings = [], []
    for a in at:
        start, stop = max(0, a - half), min(n, a + half + 1)
        part = np.array(
            [[row[max(0, k - smooth) : k + smooth + 1].mean() for k in range(start, stop)] for row in signal]
        )
        level = signal[:, max(0, a - level_half) : a + level_half + 1].mean(axis=1, keepdims=True)
        r_peaks.append(start + int(np.argmax(((part - level) ** 2).sum(axis=0))))
        chord = np.linspace(signal[:, start], signal[:, stop - 1], stop - start, axis=1)
        swings.append(float((np.ptp(part - chord, axis=1) * unit).max()))
    return np.array(r_peaks, np.int64), np.array(swings)


def spline(at, value, n):
    if len(at) == 1:
        return np.full(n, value[0])
    where = np.clip(np.arange(n), at[0], at[-1])
    if len(at) == 2:
        return np.interp(where, at, value)
    return CubicSpline(at, value, bc_type="natural")(where)


def knots(signal, onsets, before, width):
    return np.array(
        [[np.median(row[max(0, max(1, o - before) - width) : max(1, o - before)]) for o in onsets] for row in signal]
    )


def fit_sine(x, weight, omega, length, hop, n_windows):
    out = []
    for k in range(n_windows):
        i = np.arange(k * hop, min(len(x), k * hop + length))
        w = np.sqrt(weight[i])
        design = np.column_stack([np.cos(omega * i), np.sin(omega * i)]) * w[:, None]
        out.append(np.linalg.lstsq(design, x[i] * w, rcond=None)[0])
    return np.array(out)


def subtract_sine(coefficients, omega, length, hop, x):
    middle = (np.arange(len(coefficients)) * hop) + 0.5 * length
    i = np.arange(len(x))
    a, b = np.interp(i, middle, coefficients[:, 0]), np.interp(i, middle, coefficients[:, 1])
    return x - a * np.cos(omega * i) - b * np.sin(omega * i)


def flat_samples(x, width, span):
    flat = np.zeros(len(x), dtype=bool)
    for i in range(len(x) - width + 1):
        if np.ptp(x[i : i + width]) <= span:
            flat[i : i + width] = True
    return int(flat.sum())


def samples_at_level(x, level, shortest):
    runs = [(value, len(list(group))) for value, group in itertools.groupby(x)]
    return sum(length for value, length in runs if value == level and length >= shortest)


def spikes(x, width, height):
    """Scan as the definition reads: steep begin, extreme within `width`, calm shoulders on one level."""
    found, i, n = [], 1, len(x)
    while i < n - width - 1:
        before = x[i - 1]
        if abs(x[i] - before) >= 0.5 * height:
            best = i + int(np.argmax(np.abs(x[i : i + width] - before)))
            after = x[min(best + width, n - 1)]
            rise, fall = x[best] - before, x[best] - after
            shoulders = [before - x[max(i - 1 - width, 0)], x[min(best + 2 * width, n - 1)] - after, after - before]
            least = min(abs(rise), abs(fall))
            if rise * fall > 0 and least >= height and max(np.abs(shoulders)) < 0.3 * least:
                found.append(best)
                i = best + width
        i += 1
    return np.array(found, np.int64)


def bridge(x, at, before, after):
    out = x.copy()
    for i in at:
        start, stop = max(0, i - before), min(len(x) - 1, i + after)
        out[start : stop + 1] = np.linspace(x[start], x[stop], stop - start + 1)
    return out


def snippets(signal, r_peaks, before, after, step):
    n, width = signal.shape[1], (before + after) // step
    rows = []
    for r in r_peaks:
        where = np.clip(r - before + step * np.arange(width), 0, n - 1)
        part = signal[:, where]
        rows.append((part - part.mean(axis=1, keepdims=True)).ravel())
    return np.array(rows)


def align(signal, r_peaks, template, before, reach):
    n, width = signal.shape[1], template.shape[1]
    out = []
    for r in r_peaks:
        costs = []
        for shift in range(-reach, reach + 1):
            off = signal[:, np.clip(r + shift - before + np.arange(width), 0, n - 1)] - template
            costs.append(((off - off.mean(axis=1, keepdims=True)) ** 2).sum())
        out.append(r - reach + int(np.argmin(costs)))
    return np.array(out, np.int64)


def median_beat(signal, r_peaks, before, width):
    n = signal.shape[1]
    out = np.zeros((len(signal), width))
    for k in range(width):
        at = [r - before + k for r in r_peaks if 0 <= r - before + k < n]
        if at:
            out[:, k] = np.median(signal[:, at], axis=1)
    return out
