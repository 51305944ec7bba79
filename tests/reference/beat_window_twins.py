"""Slow twins of the kernels that cut and describe beats: whole arrays, one step after the other."""

from __future__ import annotations

import numpy as np


def moving_mean(row, width):
    padded = np.pad(row, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")


def cut_beats(signal, at, steps, width):
    """Each lead of each cut around its own mean: (n_beats, n_leads, samples)."""
    rows = [moving_mean(moving_mean(row, width), width) for row in signal]
    cuts = np.array([[np.interp(r + steps, np.arange(len(row)), row) for row in rows] for r in at])
    return cuts - cuts.mean(axis=2, keepdims=True)


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def leads_alike(beats, start, stop, middle):
    part = beats[:, :, start:stop]
    part = part - part.mean(axis=2, keepdims=True)
    return np.linalg.norm(part, axis=2), np.sum(unit(part) * middle, axis=2)


def width_of(parts):
    height = np.sqrt(np.sum(parts**2, axis=1))
    return height.sum(axis=1) / np.maximum(height.max(axis=1), 1e-12)


def widths(beats, centre):
    level = np.median(beats[:, :, centre - 20 : centre + 26], axis=2, keepdims=True)
    return width_of(beats[:, :, centre - 14 : centre + 20] - level)


def centred(beats, centre, shift):
    """Return the beats with R at 38 of 98 samples."""
    return np.array([beat[:, centre - 38 + s : centre + 60 + s] for beat, s in zip(beats, shift, strict=True)])


def shapes(beats):
    """`beats` as `centred` returns them, here and below."""
    flat = beats - beats[:, :, 22:30].mean(axis=2, keepdims=True)
    curve = np.diff(beats, n=2, axis=2)
    quiet = np.concatenate([curve[:, :, 3:18], curve[:, :, 76:91]], axis=2)
    qrs, t = flat[:, :, 26:56].sum(axis=2), flat[:, :, 56:86].sum(axis=2)
    return np.column_stack(
        [
            width_of(flat[:, :, 26:56]),
            alike(qrs, t),
            np.sqrt(np.mean(quiet**2, axis=(1, 2))),
            np.sqrt(np.mean(curve[:, :, 26:54] ** 2, axis=(1, 2))),
        ]
    )


def lead_widths(beats):
    qrs = beats[:, :, 26:56] - beats[:, :, 22:30].mean(axis=2, keepdims=True)
    return np.array([width_of(qrs[:, [lead]]) for lead in range(qrs.shape[1])]).T


def alike(a, b):
    return np.sum(a * b, axis=-1) / np.maximum(np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-12)


def t_and_p(beats):
    t = beats[:, :, 56:86] - beats[:, :, 22:30].mean(axis=2, keepdims=True)
    p = beats[:, :, 8:29].copy()
    at = np.arange(21)
    for beat in p:
        for row in beat:
            row -= np.polyval(np.polyfit(at, row, 1), at)
    return t, p


def neighbours(beats):
    qrs = beats[:, :, 26:56]
    rows = unit((qrs - qrs.mean(axis=2, keepdims=True)).reshape(len(beats), -1))
    products = rows @ rows.T
    return np.array([[products[b, b - by] if by <= b else np.nan for by in range(5)] for b in range(len(beats))])


def running_median(values, half):
    out = []
    for i in range(len(values)):
        part = values[max(0, i - half) : i + half + 1]
        part = part[~np.isnan(part)]
        out.append(np.median(part) if len(part) else np.nan)
    return np.array(out)


def joined(shapes, reach, alike):
    """Return which shapes are joined, directly or through others, as a matrix; `shapes` (n, n_leads, width)."""
    n, _, width = shapes.shape
    near = np.eye(n, dtype=bool)
    for i in range(n):
        for j in range(n):
            for move in range(-reach, reach + 1):
                a = shapes[i, :, max(0, move) : width + min(0, move)]
                b = shapes[j, :, max(0, -move) : width - max(0, move)]
                a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
                length = np.sqrt(np.sum(a**2) * np.sum(b**2))
                near[i, j] |= bool(length > 0 and np.sum(a * b) / length >= alike)
    return np.linalg.matrix_power(near.astype(float), n) > 0
