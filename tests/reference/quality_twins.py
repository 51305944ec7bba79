"""Slow, obvious NumPy twins of the kernels of signal quality."""

from __future__ import annotations

import itertools

import numpy as np

from tests.reference.kernel_twins import moving_mean


def block_means(x, step):
    n = x.shape[1] // step
    return x[:, : n * step].reshape(len(x), n, step).mean(axis=2)


def upper_median(values):
    return np.sort(values)[len(values) // 2]


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def seconds(x, fs, count):
    rest = x - moving_mean(x, 3)
    out = []
    for k in range(count):
        first, stop = round(k * fs), min(len(x), round((k + 1) * fs))
        part = x[first:stop]
        edges = [first + i * (stop - first) // 5 for i in range(6)]
        noise = upper_median([rms(rest[a:b]) for a, b in itertools.pairwise(edges) if b > a])
        step = np.abs(np.diff(part)).max() if len(part) > 1 else 0.0
        out.append((part.max() - part.min(), noise, step, part.mean()))
    return np.array(out)


def lead_numbers(x, fs):
    smooth, slow = moving_mean(x, 3), moving_mean(x, 2 * int(0.3 * fs) + 1)
    width = int(fs / 5)
    noise = np.sort([rms(block) for block in (x - smooth)[: len(x) // width * width].reshape(-1, width)])
    fast = x - slow
    count = max(1, int(len(x) / fs))
    swings = [np.ptp(fast[int(k * fs) : int((k + 1) * fs)]) for k in range(count)]
    at = np.arange(len(x))
    slope = np.abs(smooth[np.minimum(at + 1, len(x) - 1)] - smooth[np.maximum(at - 1, 0)]) * 0.5 * fs
    slope = np.sort(moving_mean(slope, 2 * int(0.05 * fs) + 1))
    return np.array([
        noise[len(noise) // 2], noise[len(noise) * 9 // 10], upper_median(swings), np.ptp(slow),
        slope[len(x) * 19 // 20], slope[len(x) // 2],
    ])  # fmt: skip


def seconds_at_level(x, level, shortest, fs, count):
    out = np.zeros(count, np.int64)
    at = x == level
    for i in np.flatnonzero(at):
        first = last = i
        while first > 0 and at[first - 1]:
            first -= 1
        while last + 1 < len(x) and at[last + 1]:
            last += 1
        if last - first + 1 >= shortest:
            out[min(count - 1, int((i + 0.5) / fs))] += 1
    return out


def noise_and_swing(x, smooth, r_peaks, away, reach, block, piece):
    outside = np.ones(len(x), dtype=bool)
    for r in r_peaks:
        outside[max(0, r - away) : r + away] = False
    if outside.sum() < block:
        outside[:] = True
    rest = (x - smooth)[outside]
    blocks = rest[: len(rest) // block * block].reshape(-1, block)
    noise = np.median([rms(b) for b in blocks]) if len(blocks) else rms(rest)
    parts = [smooth[max(0, r - reach) : r + reach + 1] for r in r_peaks]
    if not parts:
        parts = [smooth[i : i + piece] for i in range(0, len(x), piece)]
    return np.array([noise, np.median([np.ptp(p) for p in parts])])
