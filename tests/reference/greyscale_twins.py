"""Slow, obvious twins of the greyscale kernels, and the standard's formulas one pixel at a time."""

from __future__ import annotations

import math

import numpy as np


def look_up(pixels, table):
    return table[pixels.astype(np.intp)]


def overlap(n_in, n_out):
    """(n_out, n_in): the share that each input pixel has in each output pixel."""
    share = np.zeros((n_out, n_in))
    for i in range(n_out):
        for j in range(n_in):
            share[i, j] = max(0.0, min((i + 1) * n_in / n_out, j + 1) - max(i * n_in / n_out, j))
    return share * n_out / n_in


def box_mean(pixels, table, shape, sides=None, shift=0.0):
    """The mean over boxes of `sides` input pixels, the first at `shift`; what lies beyond counts nothing."""
    greys = look_up(pixels, table).astype(np.float64)
    high, wide = sides or (greys.shape[0] / shape[0], greys.shape[1] / shape[1])
    down = boxes(greys.shape[0], shape[0], high, shift)
    across = boxes(greys.shape[1], shape[1], wide, shift)
    return (down @ greys @ across.T) / np.outer(down.sum(1), across.sum(1))


def boxes(n_in, n_out, side, shift):
    """(n_out, n_in): how much of each input pixel lies in each box."""
    starts = shift + side * np.arange(n_out)
    at = np.arange(n_in)
    return np.maximum(0.0, np.minimum(starts[:, None] + side, at + 1) - np.maximum(starts[:, None], at))


def histogram(pixels):
    counts = np.zeros(65536, np.int64)
    for value in pixels.ravel():
        counts[value] += 1
    return counts


def unpack_bytes(packed, room):
    """The pseudocode of PS3.5 G.3.2."""
    out, i = [], 0
    while i < len(packed) and len(out) < room:
        n = packed[i] - 256 if packed[i] > 127 else packed[i]
        if n >= 0:
            out += packed[i + 1 : i + 2 + n]
            i += n + 2
        elif n > -128:
            out += packed[i + 1 : i + 2] * (1 - n)
            i += 2
        else:
            i += 1
    return bytes(out[:room])


def table_entry(first, data, value):
    """PS3.3 C.11.1.1: below the first mapped value the first entry, above the last mapped one the last."""
    if value <= first:
        return data[0]
    return data[min(int(value) - first, len(data) - 1)]


def window(function, center, width, x):
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3.2 and C.11.2.1.3.1, with an output of 0 to 1."""
    if function == "SIGMOID":
        return 1 / (1 + math.exp(-4 * (x - center) / width))
    if function == "LINEAR_EXACT":
        if x <= center - width / 2:
            return 0.0
        if x > center + width / 2:
            return 1.0
        return (x - center) / width + 0.5
    if x <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if x > center - 0.5 + (width - 1) / 2:
        return 1.0
    return (x - (center - 0.5)) / (width - 1) + 0.5


def grey(stored, *, modality, voi, is_inverted):
    """Return the grey, 0 to 1, of one stored value.

    `modality`: (slope, intercept), (first, data) as lists of two kinds; `voi`: (function, center, width) or
    (first, bits, data). The inversion comes last (PS3.4 N.2).
    """
    kind, *how = modality
    x = stored * how[0] + how[1] if kind == "rescale" else table_entry(how[0], how[1], stored)
    y = table_entry(voi[1], voi[3], x) / (2 ** voi[2] - 1) if voi[0] == "table" else window(*voi, x)
    return 1 - y if is_inverted else y


def shrink(picture, shape):
    picture = picture.astype(np.float64)
    return overlap(picture.shape[0], shape[0]) @ picture @ overlap(picture.shape[1], shape[1]).T


def limited(counts, most):
    """min(counts + t, most), with the t that leaves the sum as it was, found by bisection."""
    low, high = 0.0, float(most)
    for _ in range(200):
        t = (low + high) / 2
        low, high = (t, high) if np.minimum(counts + t, most).sum() < counts.sum() else (low, t)
    return np.minimum(counts + high, most)


def hats(side, tiles):
    """(side, tiles): the share of each tile in each pixel; flat outside the middles of the first and last tile."""
    place = np.clip((np.arange(side) + 0.5) * tiles / side - 0.5, 0, tiles - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(tiles)))


def equalise(picture, tiles, limit):
    """Zuiderveld 1994, with fractions where his program has integers."""
    picture = picture.astype(np.float64)
    rows, columns = picture.shape
    edges = np.linspace(0, 1, 257)
    out = np.zeros(picture.shape)
    for i in range(tiles):
        for j in range(tiles):
            tile = picture[
                i * rows // tiles : (i + 1) * rows // tiles, j * columns // tiles : (j + 1) * columns // tiles
            ]
            counts = limited(np.histogram(tile, edges)[0].astype(float), limit * tile.size / 256)
            new = np.interp(picture, edges, np.concatenate([[0], np.cumsum(counts) / tile.size]))
            out += np.outer(hats(rows, tiles)[:, i], hats(columns, tiles)[:, j]) * new
    return out
