"""From what a network says of each pixel to outlines of lungs and heart, and to signs of how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels.outlines import enlarge_into, row_ends_into

__all__ = ["HEART_TENTHS", "PARTS", "heart_widths", "hearts_of", "lungs_of", "masks_of", "row_ends", "shortfall",
           "signs_of_lungs", "whole", "without_tongues"]  # fmt: skip

#: Parts in the order of the network's outputs; the patient's right lung lies on the left of the picture.
PARTS: Final = ("right_lung", "left_lung", "heart")
#: Width of what may stick out of the heart, of the width of both lungs; 0.06 left the smallest errors of the ratio.
_TONGUE: Final = 0.06
#: First and last tenth of the lungs' height, from the apices down, in which the heart's width is taken: above lies the
#: arch of the aorta, below the diaphragm.
HEART_TENTHS: Final = (4, 9)
#: Added to shares before their logarithm is taken.
_LEAST: Final = 1e-3

_Floats = NDArray[np.float32]


def _largest(pieces: NDArray[np.int32]) -> int:
    return int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1


def whole(logits: _Floats) -> _Floats:
    """Return (n, n) logits with one piece: lesser ones are denied, holes in the largest are filled."""
    from scipy import ndimage

    out = logits.copy()
    pieces, count = ndimage.label(logits > 0)
    if count:
        largest = pieces == _largest(pieces)
        out[(pieces > 0) & ~largest] *= -1
        around, n_around = ndimage.label(~largest)
        is_hole = np.ones(n_around + 1, np.bool_)
        is_hole[0] = False  # the piece itself
        for edge in (around[0], around[-1], around[:, 0], around[:, -1]):
            is_hole[edge] = False
        hole = is_hole[around]
        out[hole] = np.abs(out[hole])
    return out


def without_tongues(heart: _Floats, lungs: _Floats) -> _Floats:
    """Return the heart's logits where nothing sticks out that is narrower than a share of the lungs' width.

    A morphological opening by a disc: where the lungs about it are white, the network lets the heart run into them.
    """
    from scipy import ndimage

    mask = heart > 0
    across = np.flatnonzero((lungs > 0).any((0, 1)))
    if not mask.any() or not len(across):
        return heart
    radius = _TONGUE * (across[-1] - across[0] + 1) / 2
    box = _around(mask)  # nothing outside is nearer than what lies on its border
    pieces, count = ndimage.label(ndimage.distance_transform_edt(mask[box]) > radius)
    if not count:
        return heart
    core = pieces == _largest(pieces)
    out = heart.copy()
    out[box][mask[box] & (ndimage.distance_transform_edt(~core) > radius)] *= -1
    return out


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the box of what `mask` holds, with one more place on each side where there is one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.s_[max(rows[0] - 1, 0) : rows[-1] + 2, max(columns[0] - 1, 0) : columns[-1] + 2]


def lungs_of(logits: _Floats) -> _Floats:
    """Return the lungs' logits, each as one piece without holes."""
    return np.stack([whole(one) for one in logits[:2]])


def masks_of(
    logits: _Floats, inside: tuple[int, int, int, int], size: int, *, lungs: _Floats | None = None
) -> NDArray[np.bool_]:
    """Return where each part is likelier than not on a square of `size`, as one piece without holes.

    Parameters
    ----------
    logits : (3, n, n) float32 array
        Of `PARTS`.
    inside : (top, left, rows, columns)
        Where the picture lies in the square: nothing is outside.
    size : int
    lungs : (2, n, n) float32 array, optional
        Of `lungs_of`, where they are known.
    """
    lungs = lungs_of(logits) if lungs is None else lungs
    heart = without_tongues(whole(logits[2]), lungs)
    return _drawn(np.stack([*lungs, heart]), inside, size)


def hearts_of(
    logits: _Floats,
    shifts: Sequence[float],
    inside: tuple[int, int, int, int],
    size: int,
    *,
    lungs: _Floats | None = None,
) -> NDArray[np.bool_]:
    """Return the heart's masks as `masks_of` does, each of `shifts` added to its logits."""
    lungs = lungs_of(logits) if lungs is None else lungs
    hearts = [without_tongues(whole(logits[2] + np.float32(shift)), lungs) for shift in shifts]
    return _drawn(np.stack(hearts), inside, size)


def heart_widths(masks: NDArray[np.bool_]) -> tuple[float, ...] | None:
    """Return the heart's mean widths in the tenths of the lungs' height that `HEART_TENTHS` names, over the lungs'.

    Both are counted along the rows, so that neither a picture's size nor sides drawn out unequally matter. None where
    a lung is missing, or both together are less than ten rows high.
    """
    lungs = masks[0] | masks[1]
    rows, columns = np.flatnonzero(lungs.any(1)), np.flatnonzero(lungs.any(0))
    if not (masks[0].any() and masks[1].any()) or rows[-1] - rows[0] < 9:
        return None
    heart = masks[2].sum(1)[rows[0] : rows[-1] + 1] / (columns[-1] - columns[0] + 1)
    first, last = HEART_TENTHS
    ends = np.rint(np.arange(first - 1, last + 1) * len(heart) / 10).astype(int)
    return tuple(float(heart[low:high].mean()) for low, high in pairwise(ends))


def _drawn(logits: _Floats, inside: tuple[int, int, int, int], size: int) -> NDArray[np.bool_]:
    top, left, rows, columns = inside
    out = np.zeros((len(logits), size, size), np.bool_)
    fine = np.empty((rows, columns), np.float32)
    for one, mask in zip(logits, out, strict=True):
        enlarge_into(np.ascontiguousarray(one), size, top, left, fine)
        mask[top : top + rows, left : left + columns] = fine > 0
    return out


def row_ends(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the last column of each row that `mask` holds, -1 where it holds none."""
    first, last = np.empty((2, len(mask)), np.int64)
    if mask.shape[1] % 8:  # the kernel looks at eight columns together
        mask = np.pad(mask, ((0, 0), (0, -mask.shape[1] % 8)))
    held = np.ascontiguousarray(mask)
    row_ends_into(held.view(np.uint64), held.view(np.uint8), first, last)
    return first, last


def shortfall(logits: _Floats) -> float:
    """Return by how much the Dice to be expected of a part's outline falls short of 1, by the network's own word."""
    chance = 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))
    mask = logits > 0
    return 1.0 - 2.0 * float(chance[mask].sum()) / max(float(chance.sum()) + float(mask.sum()), 1.0)


def signs_of_lungs(logits: _Floats, inside: tuple[int, int, int, int], size: int) -> _Floats:
    """Return what tells good outlines of the lungs from bad ones, by the network's own word.

    Of the worse lung: the `shortfall` (log), how much of what it claims lies apart from the largest piece (log), its
    share of the picture (log); further how much the lungs overlap (log), how unequal they are (log), and how far the
    centre of the right one lies to the left of the other's, of the square's width.
    """
    from scipy import ndimage

    side = logits.shape[-1]
    picture = inside[2] * inside[3] * (side / size) ** 2
    apart, area, centre = [], [], []
    claimed: NDArray[np.bool_] = logits[:2] > 0
    for mask in claimed:
        pieces, count = ndimage.label(mask)
        total = float(mask.sum())
        apart.append(1.0 - float(np.bincount(pieces.ravel())[1:].max()) / total if count else 1.0)
        area.append(total / picture)
        centre.append(float(np.nonzero(mask)[1].mean()) / side if count else 0.5)
    both = float((claimed[0] & claimed[1]).sum()) / max(float(claimed.sum()), 1.0)
    short = max(shortfall(one) for one in logits[:2])
    signs = np.log(np.array([short, max(apart), min(area), both, 1.0 - min(area) / max(*area, _LEAST)]) + _LEAST)
    return np.append(signs, centre[1] - centre[0]).astype(np.float32)
