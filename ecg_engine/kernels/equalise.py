"""Contrast-limited adaptive histogram equalisation (CLAHE): local contrast, raised no more than by a limit.

K. Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", in P. Heckbert (ed.), Graphics Gems IV, Academic
Press 1994, pp. 474-485.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f4_2d_read, f4_2d_write, f8, helper, i8, kernel

#: Greys that a tile's histogram tells apart: Zuiderveld's 256.
BINS: Final = 256


@helper
def _limit(counts: NDArray[np.float64], most: float) -> None:
    """Cut `counts` off at `most` and share out what was cut evenly among the bins below it, until none is above.

    Caller guarantees: the mean of `counts` is `most` or less.
    """
    for _ in range(len(counts)):  # each round but the last fills a bin at least
        cut, n_open = 0.0, 0
        for b in range(len(counts)):
            if counts[b] > most:
                cut += counts[b] - most
                counts[b] = most
            if counts[b] < most:
                n_open += 1
        if cut <= 0.0 or n_open == 0:
            return
        for b in range(len(counts)):
            if counts[b] < most:
                counts[b] += cut / n_open


@helper
def neighbours(at: int, side: int, tiles: int) -> tuple[int, int, float]:
    """Return the tiles whose middles lie before and behind pixel `at` of a side, and the share of the latter.

    `side` pixels are shared out among `tiles`; before the first middle and behind the last one that tile is both.
    """
    place = min(max((at + 0.5) * tiles / side - 0.5, 0.0), tiles - 1.0)
    before = int(place)
    return before, min(before + 1, tiles - 1), place - before


@kernel((f4_2d_read, i8, f8, f4_2d_write))
def equalise_into(picture: NDArray[np.float32], tiles: int, limit: float, out: NDArray[np.float32]) -> None:
    """Write `picture` with its local contrast equalised into `out`.

    Each of ``tiles * tiles`` tiles has a histogram of `BINS` greys, cut off at `limit` times its mean, whose sum
    leads from old greys to new ones; a pixel takes the bilinear mean of what the four nearest tiles make of it. Between
    the borders of the bins the sum is interpolated (Zuiderveld takes one new grey for each bin).

    Caller guarantees: equal shapes, ``1 <= tiles <= min(picture.shape)``, ``limit >= 1``, greys in 0 to 1, no NaN.
    """
    rows, columns = picture.shape
    sums = np.zeros((tiles, tiles, BINS + 1))
    for i in range(tiles):
        top, bottom = i * rows // tiles, (i + 1) * rows // tiles
        for j in range(tiles):
            left, right = j * columns // tiles, (j + 1) * columns // tiles
            counts = sums[i, j, 1:]
            for r in range(top, bottom):
                for c in range(left, right):
                    counts[min(int(picture[r, c] * BINS), BINS - 1)] += 1.0
            n = (bottom - top) * (right - left)
            _limit(counts, limit * n / BINS)
            total = 0.0
            for b in range(BINS):
                total += counts[b]
                counts[b] = total / n
    for r in range(rows):
        above, below, low = neighbours(r, rows, tiles)
        for c in range(columns):
            before, behind, right_share = neighbours(c, columns, tiles)
            place = picture[r, c] * BINS
            b = min(int(place), BINS - 1)
            part = place - b
            upper = (1.0 - right_share) * (sums[above, before, b] * (1.0 - part) + sums[above, before, b + 1] * part)
            upper += right_share * (sums[above, behind, b] * (1.0 - part) + sums[above, behind, b + 1] * part)
            lower = (1.0 - right_share) * (sums[below, before, b] * (1.0 - part) + sums[below, before, b + 1] * part)
            lower += right_share * (sums[below, behind, b] * (1.0 - part) + sums[below, behind, b + 1] * part)
            out[r, c] = (1.0 - low) * upper + low * lower
