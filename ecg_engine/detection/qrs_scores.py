"""How likely each moment near R belongs to the QRS: a small dense network that sees half a second, finely.

It marks the edges of a QRS as well as any network that sees more, and keeps to them where a beat is like none that was
learnt from; only the moments that a QRS may reach are looked at. Mixed with what the network of convolutions says it
is better than either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import SCORES
from ecg_engine.kernels.qrs_net import (
    add_rectify_into,
    columns_into,
    features_into,
    mix_runs_into,
    phases_into,
    places_into,
    rectify_into,
    runs_near_into,
)
from ecg_engine.kernels.smoothing import median_in_place
from ecg_engine.kernels.wave_net import MOST_ODDS, boxes_into, log_odds_into

__all__ = ["Network", "Piece", "boxes_of", "features_of", "pieces_of", "write_qrs_odds"]

#: Points are scored in pieces of so many, so that what is between stays in the cache.
_PIECE: Final = 4096
_STEP_S: Final = SCORES.finer * SCORES.fine_s
_QRS: Final = 1

HALVES, TABLE = np.array(SCORES.halves, np.int64), np.array(SCORES.table, np.int64)
GAINS = np.array(SCORES.table_gains, np.float32)
#: Knots of the four numbers that say where a moment is between the beats.
SINCE, UNTIL, SHARE, INTERVAL = (
    np.array(v, np.float64) for v in (SCORES.since_s, SCORES.until_s, SCORES.share, SCORES.interval_s)
)

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

    def __call__(self, inputs: _Floats, places: _Floats) -> _Floats:
        """Return the sums of the last layer, (4, n), for (inputs, n) features; `places` is what their places add."""
        hidden: _Floats = inputs.T @ self.first
        add_rectify_into(places, hidden)
        hidden = hidden @ self.second
        rectify_into(self.biases[1], hidden)
        logits = hidden @ self.third  # the other way round it takes twice the time
        logits += self.biases[2]
        return np.ascontiguousarray(logits.T)


def boxes_of(grid: _Floats) -> _Floats:
    """Return the lead on the fine grid, smoothed over each of the widths."""
    boxes = np.empty((len(HALVES), len(grid)), np.float32)
    boxes_into(grid, HALVES, boxes)
    return boxes


def features_of(phases: _Floats, start: int, stop: int, step: int) -> _Floats:
    """Return what is seen of points ``start .. stop-1``, `step` fine ones apart: (features, points)."""
    out = np.empty((len(TABLE), stop - start), np.float32)
    features_into(phases, TABLE, GAINS, SCORES.pad + step * start, step, out)
    return out


class Piece(NamedTuple):
    """A piece of a lead: where it is, its runs near R (the first point and the one after the last)."""

    start: int
    stop: int
    runs: NDArray[np.int64]
    places: _Floats  #: what the places of their points between the beats add to the first sums, (points, hidden)


def pieces_of(beats: NDArray[np.float64], n: int, network: Network) -> Iterator[Piece]:
    """Yield the pieces of a lead of `n` points: the same for all leads; `beats` are R peaks, s."""
    usual = float(median_in_place(beats[1:] - beats[:-1])) if len(beats) > 1 else SCORES.usual_s
    bias, room = network.biases[0], np.empty((len(beats), 2), np.int64)
    before, after = SCORES.qrs_before_s, SCORES.qrs_after_s
    for start in range(0, n, _PIECE):
        stop = min(n, start + _PIECE)
        first, last = np.searchsorted(beats, ((start - 3) * _STEP_S - after, (stop + 3) * _STEP_S + before)).tolist()
        count, points = runs_near_into(beats[first:last], before, after, _STEP_S, start, stop, room)
        runs = room[:count].copy()
        places = np.empty((points, len(bias)), np.float32)
        places_into(
            beats, usual, _STEP_S, start, runs, count, SINCE, UNTIL, SHARE, INTERVAL,
            network.places, bias, np.empty_like(bias), places,
        )  # fmt: skip
        yield Piece(start, stop, runs, places)


def write_qrs_odds(boxes: _Floats, pieces: Iterable[Piece], network: Network, odds: _Floats) -> None:
    """Draw row 1 of `odds`, the log odds of the QRS, towards what the network says; far from R there is none."""
    phases = np.empty((len(boxes) * SCORES.finer, -(-boxes.shape[1] // SCORES.finer)), np.float32)
    phases_into(boxes, SCORES.finer, phases)
    for start, stop, runs, places in pieces:
        some = np.empty((3, len(places)), np.float32)
        if len(places):
            inputs = np.empty((len(TABLE), len(places)), np.float32)
            columns_into(features_of(phases, start, stop, SCORES.finer), runs, len(runs), inputs)
            log_odds_into(network(inputs, places), 0, 0, some)
        row = odds[_QRS, start:stop]
        mix_runs_into(some[_QRS], runs, len(runs), stop - start, SCORES.dense_share, -MOST_ODDS, row)
