"""How likely each moment near R belongs to the QRS: a small dense network that sees half a second, finely.

It marks the edges of a QRS as well as any network that sees more, and keeps to them where a beat is like none that was
learnt from; only the moments that a QRS may reach are looked at. Mixed with what the network of convolutions says it
is better than either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import SCORES
from ecg_engine.kernels.qrs_net import features_into, places_into, qrs_odds_into, qrs_room, runs_near_into
from ecg_engine.kernels.wave_net import MOST_ODDS

__all__ = ["HALVES", "Network", "features_of", "near_r", "write_qrs_odds"]

_STEP_S: Final = SCORES.finer * SCORES.fine_s

#: The lead is smoothed over twice so many fine points and one.
HALVES: Final = np.array(SCORES.halves, np.int64)
_TABLE: Final = np.array(SCORES.table, np.int64)
_GAINS: Final = np.array(SCORES.table_gains, np.float32)
#: Knots of the four numbers that say where a moment is between the beats.
_KNOTS: Final = tuple(
    np.array(v, np.float64) for v in (SCORES.since_s, SCORES.until_s, SCORES.share, SCORES.interval_s)
)  # fmt: skip

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Three layers; the first has a table of places beside its weights.

    Parameters
    ----------
    first : (inputs, hidden) array
    places : (knots, hidden) array
    second, third : arrays
    biases : tuple of three arrays
    """

    first: _Floats
    places: _Floats
    second: _Floats
    third: _Floats
    biases: tuple[_Floats, _Floats, _Floats]


def features_of(phases: _Floats, start: int, stop: int, step: int) -> _Floats:
    """Return what is seen of points ``start .. stop-1``, `step` fine ones apart: (features, points)."""
    out = np.empty((len(_TABLE), stop - start), np.float32)
    runs = np.array([[0, stop - start]])
    features_into(phases, _TABLE, _GAINS, SCORES.pad + step * start, step, runs, out)
    return out


def near_r(
    beats: NDArray[np.float64], some: NDArray[np.float64], usual: float, start: int, stop: int, network: Network
) -> tuple[NDArray[np.int64], _Floats]:
    """Return the runs of points ``start .. stop-1`` near R, and what their places between the beats add.

    A run is its first point, counted from `start`, and the one after its last; added are (points, hidden) sums to those
    of the first layer, with its bias. It is the same for all leads. `beats` are R peaks in s, `some` those that may be
    near, `usual` is from one to the next.
    """
    room, bias = np.empty((len(some), 2), np.int64), network.biases[0]
    count, points = runs_near_into(some, SCORES.qrs_before_s, SCORES.qrs_after_s, _STEP_S, start, stop, room)
    runs, places = room[:count], np.empty((points, len(bias)), np.float32)
    places_into(
        beats, usual, _STEP_S, start, runs, count, *_KNOTS, network.places, bias, np.empty_like(bias), places
    )  # fmt: skip
    return runs, places


def write_qrs_odds(
    phases: _Floats, start: int, runs: NDArray[np.int64], places: _Floats, network: Network, odds: _Floats
) -> None:
    """Draw `odds`, the log odds of the QRS from point `start` on, towards what the network says; far from R are none.

    `phases` are those of the whole lead, `runs` and `places` as `near_r` returns them.
    """
    bias, second_bias, last_bias = network.biases
    work = np.empty(qrs_room(len(places), len(_TABLE), len(bias), len(second_bias)), np.float32)
    qrs_odds_into(
        phases, _TABLE, _GAINS, SCORES.pad + SCORES.finer * start, SCORES.finer, runs, places, network.first,
        second_bias, network.second, last_bias, network.third, SCORES.dense_share, -MOST_ODDS, work, odds,
    )  # fmt: skip
