"""From what a network says of each pixel to outlines of lungs and heart, and to signs of how sure they are."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PARTS", "enlarge", "heart_of", "masks_of", "shortfall", "signs_of_lungs", "whole", "without_tongues"]

#: Parts in the order of the network's outputs; the patient's right lung lies on the left of the picture.
PARTS: Final = ("right_lung", "left_lung", "heart")
#: Width of what may stick out of the heart, of the width of both lungs; 0.06 left the smallest errors of the ratio.
_TONGUE: Final = 0.06
#: Added to shares before their logarithm is taken.
_LEAST: Final = 1e-3

_Floats = NDArray[np.float32]


@lru_cache(maxsize=4)
def _weights(size: int, side: int) -> _Floats:
    """Return the (size, side) matrix of linear interpolation between the centres of `side` pixels, ends repeated."""
    at = np.clip((np.arange(size) + 0.5) * side / size - 0.5, 0, side - 1)
    out: _Floats = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(side))).astype(np.float32)
    return out


def enlarge(values: _Floats, size: int) -> _Floats:
    """Return (..., n, n) values bilinearly at (..., size, size)."""
    weights = _weights(size, values.shape[-1])
    out: _Floats = np.matmul(weights @ values, weights.T, dtype=np.float32)
    return out


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
        around, _ = ndimage.label(~largest)
        edge = np.unique(np.concatenate([around[0], around[-1], around[:, 0], around[:, -1]]))
        hole = ~largest & ~np.isin(around, edge)
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
    pieces, count = ndimage.label(ndimage.distance_transform_edt(mask) > radius)
    if not count:
        return heart
    core = pieces == _largest(pieces)
    out = heart.copy()
    out[mask & (ndimage.distance_transform_edt(~core) > radius)] *= -1
    return out


def masks_of(logits: _Floats, inside: tuple[int, int, int, int], size: int) -> NDArray[np.bool_]:
    """Return where each part is likelier than not on a square of `size`, as one piece without holes.

    Parameters
    ----------
    logits : (3, n, n) float32 array
        Of `PARTS`.
    inside : (top, left, rows, columns)
        Where the picture lies in the square: nothing is outside.
    size : int
    """
    lungs = np.stack([whole(one) for one in logits[:2]])
    heart = without_tongues(whole(logits[2]), lungs)
    return _drawn(np.stack([*lungs, heart]), inside, size)


def heart_of(logits: _Floats, shift: float, inside: tuple[int, int, int, int], size: int) -> NDArray[np.bool_]:
    """Return the heart's mask as `masks_of` does, `shift` added to its logits."""
    lungs = np.stack([whole(one) for one in logits[:2]])
    heart = without_tongues(whole(logits[2] + np.float32(shift)), lungs)
    out: NDArray[np.bool_] = _drawn(heart[None], inside, size)[0]
    return out


def _drawn(logits: _Floats, inside: tuple[int, int, int, int], size: int) -> NDArray[np.bool_]:
    top, left, rows, columns = inside
    out = np.zeros((len(logits), size, size), np.bool_)
    window = np.s_[:, top : top + rows, left : left + columns]
    out[window] = enlarge(logits, size)[window] > 0
    return out


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
