"""Borders of the heart between midline and chest wall, by the lungs' outlines.

On each of `N_ROWS` heights the way from the midline to the chest wall is sampled; a linear filter says how much each
place looks like the heart's border, and the forward-backward recursion over the heights (Rabiner 1989,
doi:10.1109/5.18626) weighs this against where the border lies in others and against its smoothness: the mean of what it
leaves is the border, its spread says how sure that is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.radiograph._lungs import APEX, COSTOPHRENIC, MARKS_A_LUNG, MEDIAL, sample
from ecg_engine.radiograph._prior import AnatomyPrior

__all__ = ["N_ROWS", "Heart", "Rows", "edge_features", "find_heart", "rows_of", "strips"]

#: Heights at which borders are sought, from `_REACH[0]` to `_REACH[1]` of the lungs' height below the apices.
N_ROWS: Final = 28
_REACH: Final = (0.35, 1.02)
#: Places between midline and chest wall.
_N_PLACES: Final = 48
#: Rows and places about a place that the filter sees, to each side.
_SEEN: Final = (2, 6)
#: Weight of the filter's word: a border that it sees fully stands e^30 to 1 against one that it does not.
_WEIGHT: Final = 30.0
_PRIOR_WEIGHT: Final = 0.1
#: How far the border moves from one height to the next, standard deviation in places.
_SMOOTHNESS: Final = 1.0
#: Borders count from this much of the lung's height above the diaphragm: the dome's own edge is no heart.
_ABOVE_DIAPHRAGM: Final = 0.03
#: The first height at which the heart may be widest: above are the hila.
_FIRST_CARDIAC: Final = 9
#: Width of the outline's upper and lower end against its nearest height.
_END_WIDTH: Final = 0.6

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The heights: row, midline, right and left chest wall there, (N_ROWS,) each, and whether the lung is beside.

    `beside` is (2, N_ROWS, places): whether a place lies above the diaphragm.
    """

    rows: NDArray[np.float64]
    midline: NDArray[np.float64]
    walls: NDArray[np.float64]
    beside: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Heart:
    """The heart's outline and how clear it is.

    `outline` is (n, 2), pixels of the small picture; `spread` of the less sure border, as a share of the way from
    midline to wall; `evidence` is what the filter says of the less clear one, about 0 to 1.
    """

    outline: NDArray[np.float64]
    spread: float
    evidence: float


def rows_of(marks: NDArray[Any]) -> Rows:
    """Return the heights of (n_marks, 2) marks of both lungs."""
    lungs = marks.reshape(2, MARKS_A_LUNG, 2).astype(np.float64)
    top = lungs[:, APEX, 0].min()
    height = max(lungs[:, MEDIAL, 0].mean() - top, 1.0)
    rows = top + np.linspace(*_REACH, N_ROWS) * height
    inner = np.mean([_along(np.vstack([lung[:1], lung[: MEDIAL - 1 : -1]]), rows) for lung in lungs], 0)
    seen = rows <= top + height
    midline = np.polyval(np.polyfit(rows[seen] - top, inner[seen], 1), rows - top)
    walls = np.stack([_along(lung[: COSTOPHRENIC + 1], rows) for lung in lungs])
    beside = np.empty((2, N_ROWS, _N_PLACES), np.bool_)
    for side, lung in enumerate(lungs):
        dome = lung[COSTOPHRENIC : MEDIAL + 1]
        order = np.argsort(dome[:, 1])
        columns = _columns(midline, walls[side])
        floor = np.interp(columns, dome[order, 1], dome[order, 0]) - _ABOVE_DIAPHRAGM * np.ptp(lung[:, 0])
        beside[side] = rows[:, None] <= floor
    return Rows(rows, midline, walls, beside)


def _along(path: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns of a path from top to bottom at `rows`; it may waver."""
    return np.interp(rows, np.maximum.accumulate(path[:, 0]), path[:, 1])


def _columns(midline: NDArray[np.float64], wall: NDArray[np.float64]) -> NDArray[np.float64]:
    return midline[:, None] + (wall - midline)[:, None] * np.linspace(0.0, 1.0, _N_PLACES)


def strips(contrast: _Floats, at: Rows) -> _Floats:
    """Return the (2, N_ROWS, places) greys from the midline to the right and the left wall."""
    columns = np.stack([_columns(at.midline, wall) for wall in at.walls])
    return sample(contrast, np.broadcast_to(at.rows[:, None], columns.shape), columns)


def edge_features(strip: _Floats, mean: _Floats, sd: _Floats) -> _Floats:
    """Return what the filter sees of each place of a (N_ROWS, places) strip: (N_ROWS, places, 67).

    The greys about it, and how far it lies from the border's mean there, in standard deviations, and that squared.
    """
    rows, places = _SEEN
    padded = np.pad(strip, ((rows, rows), (places, places)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * rows + 1, 2 * places + 1))
    off = (np.linspace(0.0, 1.0, strip.shape[1]) - mean[:, None]) / sd[:, None]
    where = np.stack([off, np.minimum(off**2, 9.0)], -1).astype(np.float32)
    return np.concatenate([windows.reshape(*strip.shape, -1), where], -1)


def find_heart(contrast: _Floats, marks: NDArray[Any], prior: AnatomyPrior) -> Heart:
    """Return the heart between lungs whose (n_marks, 2) marks are known."""
    at = rows_of(marks)
    distances, spreads, evidences = [], [], []
    for side, strip in enumerate(strips(contrast, at)):
        mean, sd = prior.heart_mean[side], prior.heart_sd[side]
        score = prior.heart_edge[side](edge_features(strip, mean, sd))[..., 0]
        border, spread = _border(score, mean, sd)
        place = np.rint(border * (_N_PLACES - 1)).astype(np.intp)
        seen = at.beside[side][np.arange(N_ROWS), place]
        seen[:_FIRST_CARDIAC] = False
        seen[_FIRST_CARDIAC] = True
        distance = border * np.abs(at.walls[side] - at.midline)
        distances.append(np.minimum(distance, distance[seen].max()))
        spreads.append(float(spread[seen].mean()))
        evidences.append(float(score[np.arange(N_ROWS), place][seen].mean()))
    return Heart(_closed(at, np.array(distances), prior.heart_ends), max(spreads), min(evidences))


def _closed(at: Rows, distances: NDArray[np.float64], ends: _Floats) -> NDArray[np.float64]:
    """Return the outline: borders between two narrower ends, whose heights are shares of the lungs' height."""
    height = (at.rows[-1] - at.rows[0]) / (_REACH[1] - _REACH[0])
    rows = np.r_[at.rows[0] + (ends[0] - _REACH[0]) * height, at.rows, at.rows[0] + (ends[1] - _REACH[0]) * height]
    midline = np.interp(rows, at.rows, at.midline)
    wide = np.hstack([_END_WIDTH * distances[:, :1], distances, _END_WIDTH * distances[:, -1:]])
    right, left = (np.stack([rows, midline + way], 1) for way in (-wide[0], wide[1]))
    return np.vstack([right, left[::-1]])


def _border(score: _Floats, mean: _Floats, sd: _Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the border's mean and standard deviation on each height, as shares of the way to the wall."""
    place = np.linspace(0.0, 1.0, _N_PLACES)
    expected = -0.5 * ((place - mean[:, None]) / sd[:, None]) ** 2
    likely = _WEIGHT * score + _PRIOR_WEIGHT * expected
    each = np.exp(likely - likely.max(1, keepdims=True))
    apart = np.subtract.outer(np.arange(_N_PLACES), np.arange(_N_PLACES))
    move = np.exp(-0.5 * (apart / _SMOOTHNESS) ** 2)
    forward, backward = np.empty_like(each), np.ones_like(each)
    forward[0] = each[0] / each[0].sum()
    for i in range(1, len(each)):
        step = (forward[i - 1] @ move) * each[i]
        forward[i] = step / step.sum()
    for i in range(len(each) - 2, -1, -1):
        step = move @ (backward[i + 1] * each[i + 1])
        backward[i] = step / step.sum()
    chance = forward * backward
    chance /= chance.sum(1, keepdims=True)
    border = chance @ place
    return border, np.sqrt(np.maximum(chance @ place**2 - border**2, 0.0))
