"""Fusion beats: ventricles that an impulse of their own and the patient's usual one activate together."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._beat_features import CENTRE, BeatFeatures
from ecg_engine.detection._prepare import middles
from ecg_engine.detection.laying import spread
from ecg_engine.detection.parameters import FUSION

_Floats = NDArray[np.float64]

#: QRS and T are explained together, in samples of the beats' cuts (8 ms) around R.
_FROM, _TO = -10, 32
#: The usual beat may be moved by so many samples, a ventricular one by so many: it begins before or after the other.
_USUAL_MOVES: Final = 2
_MOVES: Final = 6
#: A shape is the median of so many of its beats.
_VOTERS: Final = 300
#: Two shapes of which so little of the one is not the other tell no mixture.
_APART: Final = 1e-3


def fusion_beats(features: BeatFeatures, ventricular: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell fusion beats by time and shape.

    Parameters
    ----------
    features : BeatFeatures
    ventricular : (n_beats,) bool array
        Beats that are not the patient's own by shape and time.

    Returns
    -------
    (n_beats,) bool array
        Those of them on the usual rhythm's time whose QRS and T are a sum of the usual beat and of a ventricular
        shape, each with a share that counts, and are neither of them alone. None where RR is irregular, or no
        ventricular shape has beats enough, or by one lead alone, in which a late ventricular beat looks the same.

    Notes
    -----
    A fusion beat stands between the beats that it is made of, in shape, and begins no more than 60 ms before the usual
    one would (Marriott, Schwartz and Bix 1962, Circulation 26:880).
    """
    out = np.zeros(len(ventricular), dtype=bool)
    usual = np.flatnonzero(features.own & ~ventricular)
    # What comes too early for the usual impulse to take part shows the ventricular shape alone.
    early = ventricular & ~features.own & (features.late_s < -FUSION.early_s)
    sources = [
        of
        for g in np.unique(features.group[early])
        if len(of := np.flatnonzero(early & (features.group == g))) >= FUSION.least_beats
    ]
    asked = np.flatnonzero(ventricular & (features.late_s > -FUSION.early_s) & (features.strays < FUSION.strays))
    if features.n_leads == 1 or len(usual) < FUSION.least_beats or not sources or not len(asked):
        return out
    rows = _centred(_cut(features, asked, 0))
    usual_shapes = _shapes(features, usual, _USUAL_MOVES)
    alone = _rest_of_one(rows, _shapes(features, usual, _MOVES))
    shapes = [_shapes(features, of, _MOVES) for of in sources]
    ventricular_alone = np.min([_rest_of_one(rows, shape) for shape in shapes], axis=0)
    for shape in shapes:
        rest, share = _rest_of_two(rows, usual_shapes, shape)
        out[asked] |= (
            (rest < FUSION.unexplained)
            & (rest < FUSION.against_usual * alone)
            & (rest < FUSION.against_ventricular * ventricular_alone)
            & (share > FUSION.least_share)
            & (share < FUSION.most_share)
        )
    return out


def _cut(features: BeatFeatures, beats: NDArray[np.int64], more: int) -> _Floats:
    """Return QRS and T of beats as they lie on each other, `more` samples longer either side: (n, n_leads, samples)."""
    leads = features.rows.reshape(len(features.rows), features.n_leads, -1)
    at = CENTRE + features.shift[beats][:, None] + np.arange(_FROM - more, _TO + more)
    at = np.clip(at, 0, leads.shape[2] - 1)
    return np.asarray(np.take_along_axis(leads[beats], at[:, None, :], axis=2))


def _centred(part: _Floats) -> _Floats:
    """Return rows of all leads, each lead around its mean."""
    return np.asarray((part - part.mean(axis=-1, keepdims=True)).reshape(len(part), -1))


def _shapes(features: BeatFeatures, beats: NDArray[np.int64], moves: int) -> _Floats:
    """Return the median of beats, moved by ``-moves .. moves`` samples: (2 * moves + 1, n_leads * samples)."""
    usual = middles(_cut(features, spread(beats, _VOTERS), moves).transpose(1, 2, 0))
    width = _TO - _FROM
    return _centred(np.array([usual[:, k : k + width] for k in range(2 * moves + 1)]))


def _rest_of_one(rows: _Floats, shapes: _Floats) -> _Floats:
    """Return the least share of each row's power that no shape, upright, explains."""
    power = np.square(rows).sum(axis=1)
    explained = np.square(np.maximum(rows @ shapes.T, 0.0)) / np.maximum(np.square(shapes).sum(axis=1), 1e-300)
    return np.asarray(1.0 - explained.max(axis=1) / np.maximum(power, 1e-300))


def _rest_of_two(rows: _Floats, usual: _Floats, other: _Floats) -> tuple[_Floats, _Floats]:
    """Return the least share of each row's power that no sum of both explains, and the usual one's share of the sum."""
    power = np.maximum(np.square(rows).sum(axis=1), 1e-300)
    by_usual, by_other = rows @ usual.T, rows @ other.T
    of_usual, of_other, both = np.square(usual).sum(axis=1), np.square(other).sum(axis=1), usual @ other.T
    rest, share = np.ones(len(rows)), np.zeros(len(rows))
    for i, j in np.ndindex(len(usual), len(other)):
        apart = of_usual[i] * of_other[j] - both[i, j] ** 2
        if apart <= _APART * of_usual[i] * of_other[j]:
            continue
        a = (by_usual[:, i] * of_other[j] - by_other[:, j] * both[i, j]) / apart
        b = (by_other[:, j] * of_usual[i] - by_usual[:, i] * both[i, j]) / apart
        left = np.where((a > 0) & (b > 0), 1.0 - (a * by_usual[:, i] + b * by_other[:, j]) / power, 1.0)
        better = left < rest
        rest[better], share[better] = left[better], (a / np.maximum(a + b, 1e-300))[better]
    return rest, share
