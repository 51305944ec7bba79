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


def local_maxima(x, half):
    found = []
    for i, v in enumerate(x):
        before, after = x[max(0, i - half) : i], x[i + 1 : i + half + 1]
        if v > 0 and (before < v).all() and (after <= v).all():
            found.append(i)
    return np.array(found, np.int64)


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
        above, below = (part - chord).max(axis=1), (part - chord).min(axis=1)
        swings.append(float(((np.maximum(above, 0) - np.minimum(below, 0)) * unit).max()))
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


def lay_beats(signal, places, before, width):
    n, rows = signal.shape[1], []
    for place in places:
        for k in range(width):
            at = place + k - before
            base = int(np.floor(at))
            if base < 0 or at > n - 1:
                rows.append(np.full(len(signal), np.nan))
                continue
            near = np.arange(base - 3, base + 5)
            value = np.zeros(len(signal))
            for j in near:
                others = near[near != j]
                value += signal[:, np.clip(j, 0, n - 1)] * np.prod((at - others) / (j - others))
            rows.append(value)
    return np.array(rows).T


def median_beat(signal, r_peaks, before, width):
    n = signal.shape[1]
    out = np.zeros((len(signal), width))
    for k in range(width):
        at = [r - before + k for r in r_peaks if 0 <= r - before + k < n]
        if at:
            out[:, k] = np.median(signal[:, at], axis=1)
    return out


def swings(signal, r_peaks, half):
    return np.array([[np.ptp(row[max(0, r - half) : r + half + 1]) for r in r_peaks] for row in signal])


def clearest_period(values, seen, least, most, fewest):
    """Return period and phase at which values stand out most, each phase by itself."""
    usual = values.sum() / max(seen.sum(), 1.0)
    best, answer = 0.0, (0, 0)
    for period in range(least, most + 1):
        for phase in range(period):
            room = seen[phase::period].sum()
            if room >= fewest:
                clear = (values[phase::period].sum() / max(room, 1.0) - usual) * np.sqrt(room)
                if clear > best + 1e-9:
                    best, answer = clear, (period, phase)
    return answer


def matches(signal, places, half, shape):
    dot, length = [], []
    for at in places:
        part = signal[:, np.clip(np.arange(at - half, at + half + 1), 0, signal.shape[1] - 1)]
        part = part - part.mean(axis=1, keepdims=True)
        dot.append(float((part * shape).sum()))
        length.append(float(np.linalg.norm(part)))
    return np.array(dot), np.array(length)
