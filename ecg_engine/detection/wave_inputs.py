"""What the network of the wave scores sees of a lead: the lead itself, where the R peaks are, and the beats beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import SCORES, samples
from ecg_engine.detection.qrs_scores import Network, Piece, pieces_of
from ecg_engine.kernels.beside import likeness_into, neighbours_into
from ecg_engine.kernels.smoothing import median_in_place
from ecg_engine.kernels.wave_net import (
    EDGE,
    OWN,
    SEEN,
    SeenShares,
    grid_into,
    near_into,
    over_mean_into,
    own_into,
    seen_into,
    usual_swing,
)

__all__ = ["STEP_S", "Inputs", "Rhythm", "beside_of", "grid_of", "inputs_of", "scale_of", "seen_of", "unevenness"]

#: From one scored point to the next, s.
STEP_S: Final = SCORES.finer * SCORES.fine_s
#: What leads may share is kept for as many points, 65 s.
_KEPT: Final = 4096
#: The lead in the beats beside is seen at two bends.
_OWN_GAINS: Final = np.array(SCORES.gains[1:3], np.float32)
#: Half of the moving mean that is taken off, in points of the fine grid.
_HALF: Final = round(SCORES.wander_s / SCORES.fine_s / 2)
#: Beats are compared so many points before and after R.
_BEFORE, _AFTER = (round(s / SCORES.fine_s) for s in SCORES.alike_s)

_Floats = NDArray[np.float32]


class Rhythm:
    """R peaks and what is made of them alone, which a short recording's leads share.

    Parameters
    ----------
    beats : (n_beats,) float64 array
        R peaks, s; one at least.

    Attributes
    ----------
    places : (n_beats,) float64 array
        The same in scored points.
    """

    def __init__(self, beats: NDArray[np.float64]) -> None:
        self.beats = beats
        self.places = beats / STEP_S
        self._pieces: dict[tuple[int, int], list[Piece]] = {}
        self._near: dict[tuple[int, int, int], _Floats] = {}

    @cached_property
    def uneven(self) -> float:
        """How uneven RR is, bent."""
        uneven = unevenness(self.beats)
        return uneven / (uneven + SCORES.uneven)

    def pieces(self, n: int, network: Network) -> Iterable[Piece]:
        """Return what the dense network of the QRS looks at in a lead of `n` points."""
        if n > _KEPT:
            return pieces_of(self.beats, n, network)
        key = (id(network), n)
        if key not in self._pieces:
            self._pieces[key] = list(pieces_of(self.beats, n, network))
        return self._pieces[key]

    def near(self, start: int, points: int, last: int) -> _Floats:
        """Return where `points` from `start` on lie between the beats, (4, points); `last` is the last fine point."""
        key = (start, points, last)
        rows = self._near.get(key)
        if rows is None:
            rows = np.empty((4, points), np.float32)
            near_into(self.beats, SCORES.fine_s, start, last, _shares(), rows)
            if last < _KEPT * SCORES.finer:
                self._near[key] = rows
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """A lead as the network sees it, of which `write` lays out a piece.

    Parameters
    ----------
    grid : (n + 2 * SCORES.pad,) float32 array
        The lead on the fine grid, in QRS swings.
    over : (n,) float32 array
        The same without its moving mean.
    beside : (SEEN - OWN, points) float32 array
    rhythm : Rhythm
    """

    grid: _Floats
    over: _Floats
    beside: _Floats
    rhythm: Rhythm

    def write(self, start: int, out: _Floats) -> None:
        """Write what is seen of the points from `start` on, with `EDGE` zeros at both ends of each row."""
        near = self.rhythm.near(start, out.shape[1] - 2 * EDGE, len(self.over) - 1)
        seen_into(self.over, self.grid, SCORES.pad, near, self.beside, start, _shares(), out)


def scale_of(row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> float:
    """Return the usual swing of the QRS, in the lead's unit; 0 where it does not move. `fs` in Hz."""
    if not len(r_peaks):
        return 0.0
    step = max(1, len(r_peaks) // SCORES.swings)
    return float(usual_swing(row, r_peaks, step, samples(SCORES.swing_s, fs), np.empty(len(r_peaks))))


def grid_of(row: NDArray[np.float64], scale: float, fs: float) -> _Floats:
    """Return the lead on the fine grid, in QRS swings, `SCORES.pad` points more at both ends."""
    n = int((len(row) - 1) / fs / SCORES.fine_s) + 1
    grid = np.empty(n + 2 * SCORES.pad, np.float32)
    grid_into(row, SCORES.fine_s * fs, float(np.add.reduce(row)) / len(row), scale, SCORES.pad, grid)
    return grid


def inputs_of(grid: _Floats, rhythm: Rhythm) -> Inputs:
    """Return what the network sees of a lead on the fine grid."""
    over = np.empty(len(grid) - 2 * SCORES.pad, np.float32)
    over_mean_into(grid, SCORES.pad, _HALF, over)
    n = -(-len(over) // SCORES.finer)
    own, beside = np.empty((len(_OWN_GAINS), n), np.float32), np.empty((SEEN - OWN, n), np.float32)
    own_into(over, _OWN_GAINS, own)
    at = rhythm.places
    alike, shapes = np.empty((len(at), SCORES.near)), np.empty((len(at), _BEFORE + _AFTER + 1))
    inside = grid[SCORES.pad : len(grid) - SCORES.pad]
    likeness_into(inside, at, SCORES.finer, SCORES.near, _BEFORE, _AFTER, SCORES.unlike, shapes, alike)
    neighbours_into(own, alike, at, SCORES.near, SCORES.least_weight, beside[:-1])
    beside[-1] = rhythm.uneven
    return Inputs(grid, over, beside, rhythm)


def seen_of(grid: _Floats, beats: NDArray[np.float64], start: int, stop: int) -> _Floats:
    """Return what the network sees of points ``start .. stop-1``, with `EDGE` zeros at both ends of each row.

    `beats` are R peaks, s.
    """
    out = np.empty((SEEN, stop - start + 2 * EDGE), np.float32)
    inputs_of(grid, Rhythm(beats)).write(start, out)
    return out


def beside_of(grid: _Floats, beats: NDArray[np.float64]) -> _Floats:
    """Return what the beats beside say of each point, (SEEN - OWN, n): the last rows of what is seen."""
    return inputs_of(grid, Rhythm(beats)).beside


def unevenness(beats: NDArray[np.float64]) -> float:
    """Return the median change of RR against the median RR."""
    rr = beats[1:] - beats[:-1]
    if len(rr) < 3:
        return SCORES.few_uneven
    change = median_in_place(np.abs(rr[1:] - rr[:-1]))
    return float(change / max(median_in_place(rr), SCORES.fine_s))


@cache
def _shares() -> SeenShares:
    coarse, middle, fine, slope = SCORES.gains
    return SeenShares(
        gain_coarse=coarse,
        gain_middle=middle,
        gain_fine=fine,
        gain_slope=slope,
        apart_s=SCORES.apart_s,
        near_s=SCORES.near_s,
        bend_s=SCORES.bend_s,
    )
