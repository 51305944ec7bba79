"""Outlines of the lungs: marks of a mean chest, moved step by step to where the greys about them say.

A cascade of linear regressions from greys at the marks to the modes of a point distribution model: Cootes et al.,
Active Shape Models, Comput Vis Image Underst 1995, doi:10.1006/cviu.1995.1004; Xiong and De la Torre, Supervised
Descent Method, CVPR 2013, doi:10.1109/CVPR.2013.75. Everything happens on a small picture of `SIDE` pixels whose local
contrast is normalised, so that exposure and window matter little.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.radiograph._prior import AnatomyPrior

__all__ = [
    "APEX",
    "COARSE",
    "COSTOPHRENIC",
    "MARKS_A_LUNG",
    "MEDIAL",
    "SIDE",
    "coarse_features",
    "fit_lungs",
    "local_contrast",
    "local_features",
    "outline_mask",
    "picture_mask",
    "sample",
    "small_picture",
    "stage_features",
    "starts",
]

#: Side of the small picture, pixels.
SIDE: Final = 128
#: Side of the coarse picture that the first step sees.
COARSE: Final = 16
#: Marks of a lung: apex, down the chest wall, costophrenic angle, along the diaphragm, medial corner, up to the apex.
MARKS_A_LUNG: Final = 28
APEX, COSTOPHRENIC, MEDIAL = 0, 12, 20
#: Reach of the local mean and contrast, pixels of the small picture (a tenth of its side).
_CONTRAST_SIGMA: Final = 12.0
#: Share of the whole picture's contrast that is added to the local one, so that flat parts stay flat.
_CONTRAST_FLOOR: Final = 0.25
_CONTRAST_CLIP: Final = 3.0
#: Where greys are taken about a mark, in steps: a diamond of two steps.
_DIAMOND: Final = np.array(
    [(0, 0), (-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1), (2, 0), (-2, 0), (0, 2), (0, -2)],
    np.float32,
)
_SQUARE: Final = np.array([(i, j) for i in range(-2, 3) for j in range(-2, 3)], np.float32)
#: Length of a step in each stage, in RMS radii of the outlines (about 40 pixels of the small picture).
STEPS: Final = (0.2, 0.14, 0.10, 0.08)
_LOCAL_STEP: Final = 0.04
#: Where the cascade starts beside the first guess: shifts in RMS radii (rows, columns) and factors of size. Their mean
#: is the outline, their spread a sign of how sure it is.
_STARTS: Final = np.array(
    [(0, 0, 1), (0.12, 0, 1), (-0.12, 0, 1), (0, 0.12, 1), (0, -0.12, 1), (0, 0, 0.9), (0, 0, 1.1)], np.float32
)

_Floats = NDArray[np.float32]


def small_picture(square: _Floats) -> _Floats:
    """Return the mean of each block of a prepared square whose side is a multiple of `SIDE`."""
    block = square.shape[0] // SIDE
    out: _Floats = square.reshape(SIDE, block, SIDE, block).mean((1, 3), dtype=np.float32)
    return out


def picture_mask(inside: tuple[int, int, int, int], size: int) -> NDArray[np.bool_]:
    """Return which pixels of the small picture are picture, at least one each way.

    `inside` is (top, left, rows, columns) of a square of `size` pixels.
    """
    top, left, rows, columns = (value * SIDE / size for value in inside)
    first_row, first_column = min(round(top), SIDE - 1), min(round(left), SIDE - 1)
    out = np.zeros((SIDE, SIDE), np.bool_)
    rows_in = slice(first_row, max(round(top + rows), first_row + 1))
    out[rows_in, first_column : max(round(left + columns), first_column + 1)] = True
    return out


def local_contrast(small: _Floats, mask: NDArray[np.bool_]) -> _Floats:
    """Return the greys less their local mean, over their local contrast: -3 to 3, 0 outside the picture."""
    from scipy import ndimage

    def blurred(values: _Floats) -> _Floats:
        out: _Floats = ndimage.gaussian_filter(values, _CONTRAST_SIGMA, mode="constant", truncate=3.0)
        return out

    weight = blurred(mask.astype(np.float32)) + 1e-6
    apart = np.where(mask, small - blurred(np.where(mask, small, np.float32(0))) / weight, np.float32(0))
    spread = np.sqrt(blurred(apart * apart) / weight)
    overall = np.sqrt((apart * apart).sum() / max(int(mask.sum()), 1))
    scaled = apart / (spread + _CONTRAST_FLOOR * overall + 1e-6)
    out: _Floats = np.clip(scaled, -_CONTRAST_CLIP, _CONTRAST_CLIP).astype(np.float32)
    return out


def sample(picture: _Floats, rows: NDArray[Any], columns: NDArray[Any]) -> _Floats:
    """Return `picture` between its pixels, bilinear; beyond its border the border."""
    last = picture.shape[0] - 1.001
    y, x = np.clip(rows, 0, last), np.clip(columns, 0, last)
    i, j = y.astype(np.intp), x.astype(np.intp)
    a, b = (y - i).astype(np.float32), (x - j).astype(np.float32)
    flat, width = picture.ravel(), picture.shape[1]
    at = i * width + j
    upper = flat[at] * (1 - b) + flat[at + 1] * b
    lower = flat[at + width] * (1 - b) + flat[at + width + 1] * b
    out: _Floats = upper * (1 - a) + lower * a
    return out


def coarse_features(contrast: _Floats) -> _Floats:
    """Return the (COARSE²,) means of blocks."""
    block = SIDE // COARSE
    out: _Floats = contrast.reshape(COARSE, block, COARSE, block).mean((1, 3)).ravel()
    return out


def _radii(marks: _Floats) -> _Floats:
    """Return the RMS distance of (n, n_marks, 2) marks from their centre, (n,)."""
    apart = marks - marks.mean(1, keepdims=True)
    out: _Floats = np.sqrt((apart * apart).sum(2).mean(1))
    return out


def _about(contrast: _Floats, marks: _Floats, offsets: _Floats, step: float) -> _Floats:
    """Return the (n, n_marks, n_offsets) greys about (n, n_marks, 2) marks."""
    places = marks[:, :, None, :] + (_radii(marks) * step)[:, None, None, None] * offsets
    return sample(contrast, places[..., 0], places[..., 1])


def stage_features(contrast: _Floats, marks: _Floats, stage: int) -> _Floats:
    """Return what stage `stage` sees of (n, n_marks, 2) marks: (n, 13 n_marks)."""
    return _about(contrast, marks, _DIAMOND, STEPS[stage]).reshape(len(marks), -1)


def local_features(contrast: _Floats, marks: _Floats) -> _Floats:
    """Return what the last step sees of each mark and its two neighbours: (n, n_marks, 75)."""
    greys = _about(contrast, marks, _SQUARE, _LOCAL_STEP)
    each = greys.reshape(len(marks), -1, MARKS_A_LUNG, greys.shape[2])
    beside = np.concatenate([np.roll(each, 1, 2), each, np.roll(each, -1, 2)], 3)
    return beside.reshape(len(marks), greys.shape[1], -1)


def starts(first: _Floats) -> _Floats:
    """Return where the cascade starts: `first` (n_marks, 2) shifted and scaled, (n_starts, n_marks, 2)."""
    centre = first.mean(0)
    radius = _radii(first[None])[0]
    out: _Floats = centre + _STARTS[:, None, :2] * radius + (first - centre) * _STARTS[:, None, 2:]
    return out


def fit_lungs(contrast: _Floats, prior: AnatomyPrior) -> _Floats:
    """Return the marks of both lungs from each start, (n_starts, n_marks, 2): rows and columns of the small picture.

    Parameters
    ----------
    contrast : (SIDE, SIDE) float32 array
        Of `local_contrast`.
    prior : AnatomyPrior
    """
    n_marks = len(prior.mean)
    first = prior.mean + (prior.coarse(coarse_features(contrast)) @ prior.modes).reshape(n_marks, 2)
    marks = starts(first)
    for stage, regression in enumerate(prior.stages):
        shift = regression(stage_features(contrast, marks, stage)) @ prior.modes
        marks = marks + shift.reshape(-1, n_marks, 2)
    seen = local_features(contrast, marks)
    own = np.stack([regression(seen[:, i]) for i, regression in enumerate(prior.local)], 1)
    out: _Floats = marks + own
    return out


def outline_mask(outline: NDArray[Any], size: int) -> NDArray[np.bool_]:
    """Return which pixel centres of a square lie inside a closed outline (even-odd rule).

    Parameters
    ----------
    outline : (n, 2) array
        Rows and columns, pixels; it may leave the square.
    size : int
        Side of the square.

    Examples
    --------
    >>> outline_mask(np.array([(-0.5, -0.5), (-0.5, 1.5), (0.5, 1.5), (0.5, -0.5)]), 3).astype(int)
    array([[1, 1, 0],
           [0, 0, 0],
           [0, 0, 0]])
    """
    crossings = np.zeros((size, size + 1), np.int8)
    for (a, b), (c, d) in zip(outline, np.roll(outline, -1, 0), strict=True):
        if a == c:
            continue
        (low, at_low), (high, at_high) = sorted(((a, b), (c, d)))
        rows = np.arange(max(int(np.ceil(low)), 0), min(int(np.ceil(high)), size))
        columns = np.ceil(at_low + (rows - low) * (at_high - at_low) / (high - low))
        crossings[rows, np.clip(columns, 0, size).astype(np.intp)] ^= 1
    return np.logical_xor.accumulate(crossings[:, :-1].astype(np.bool_), axis=1)
