"""What the network of the wave scores sees of a lead: the lead itself, where the R peaks are, and the beats beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import SCORES, samples
from ecg_engine.detection.qrs_scores import HALVES, Network, near_r
from ecg_engine.kernels.beside import usual_rr
from ecg_engine.kernels.lead_inputs import InputRules, lead_inputs_into
from ecg_engine.kernels.wave_net import EDGE, OWN, SEEN, SeenShares, near_into, seen_into, usual_swing

__all__ = ["SHARES", "STEP_S", "WHOLE", "Inputs", "Piece", "Rhythm", "inputs_of", "scale_of", "seen_of", "unevenness"]

#: From one scored point to the next, s.
STEP_S: Final = SCORES.finer * SCORES.fine_s
#: What leads may share is kept for as many points, 65 s.
_KEPT: Final = 4096
#: Points are scored in pieces of so many, so that what is between stays in the cache, each with so many more on both
#: sides as the network sees.
_PIECE: Final = 2048
_BESIDE: Final = 128
#: Pieces begin and end at a multiple of so many points: then each level's are whole vectors, which takes a quarter off
#: the time, and what is thought beyond the end of a lead is the same for all pieces.
WHOLE: Final = 8 * 2 ** (len(SCORES.channels) - 1)
#: The lead in the beats beside is seen at two bends.
_OWN_GAINS: Final = np.array(SCORES.gains[1:3], np.float32)
#: Half of the moving mean that is taken off, in points of the fine grid.
_HALF: Final = round(SCORES.wander_s / SCORES.fine_s / 2)
#: Beats are compared so many points before and after R.
_BEFORE, _AFTER = (round(s / SCORES.fine_s) for s in SCORES.alike_s)
#: Values of each beat that the comparison needs.
_WORK: Final = SCORES.near + _BEFORE + _AFTER + 1
#: What the inputs are made with.
SHARES: Final = SeenShares(
    gain_coarse=SCORES.gains[0],
    gain_middle=SCORES.gains[1],
    gain_fine=SCORES.gains[2],
    gain_slope=SCORES.gains[3],
    apart_s=SCORES.apart_s,
    near_s=SCORES.near_s,
    bend_s=SCORES.bend_s,
)

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of a recording: what R peaks alone say of it.

    Parameters
    ----------
    start, stop : int
        Its points.
    first : int
        The first point that the network sees.
    near : (4, points) float32 array
        Where what it sees lies between the beats.
    runs : (n, 2) int64 array
    places : (m, hidden) float32 array
        What `near_r` returns of it.
    """

    start: int
    stop: int
    first: int
    near: _Floats
    runs: NDArray[np.int64]
    places: _Floats


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
    rr : float
        The usual one, s.
    uneven : float
        How uneven RR is, bent.
    """

    def __init__(self, beats: NDArray[np.float64]) -> None:
        self.beats = beats
        self.places = beats / STEP_S
        rr, uneven = usual_rr(beats, SCORES.fine_s, np.empty(len(beats)))
        self.rr = rr if len(beats) > 1 else SCORES.usual_s
        uneven = uneven if len(beats) > 3 else SCORES.few_uneven
        self.uneven = uneven / (uneven + SCORES.uneven)
        self._kept: tuple[object, int, list[Piece]] | None = None

    def pieces(self, n: int, last: int, network: Network | None) -> Iterator[Piece] | list[Piece]:
        """Return the pieces of a lead of `n` points, whose last fine point is `last`; `network` is that of the QRS."""
        if n > _KEPT:
            return self._pieces(n, last, network)
        if self._kept is None or self._kept[0] is not network or self._kept[1] != last:
            self._kept = network, last, list(self._pieces(n, last, network))
        return self._kept[2]

    def _pieces(self, n: int, last: int, network: Network | None) -> Iterator[Piece]:
        size = _PIECE
        before, after = SCORES.qrs_before_s, SCORES.qrs_after_s
        for start in range(0, n, size):
            stop = min(n, start + size)
            first, end = max(0, start - _BESIDE), min(stop + _BESIDE, n + -n % WHOLE)
            near = np.empty((4, end - first), np.float32)
            near_into(self.beats, SCORES.fine_s, first, last, SHARES, near)
            runs, places = _NO_RUNS, _NO_PLACES
            if network is not None:
                beats = self.beats
                if n > size:
                    ends = ((start - 3) * STEP_S - after, (stop + 3) * STEP_S + before)
                    beats = beats[slice(*np.searchsorted(beats, ends))]
                runs, places = near_r(self.beats, beats, self.rr, start, stop, network)
            yield Piece(start, stop, first, near, runs, places)


_NO_RUNS: Final = np.empty((0, 2), np.int64)
_NO_PLACES: Final = np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """A lead as the networks see it.

    Parameters
    ----------
    grid : (n + 2 * SCORES.pad,) float32 array
        The lead on the fine grid, in QRS swings.
    boxes : (n_boxes, n + 2 * SCORES.pad) float32 array
        The same smoothed over each of the widths.
    phases : (n_boxes * SCORES.finer, points) float32 array
        The same dealt out by scored points.
    over : (n,) float32 array
        The lead without its moving mean.
    beside : (SEEN - OWN, points) float32 array
        What the beats beside say of each point.
    """

    grid: _Floats
    boxes: _Floats
    phases: _Floats
    over: _Floats
    beside: _Floats

    @property
    def lead(self) -> _Floats:
        """The lead, lightly smoothed, on the fine grid."""
        return self.boxes[SCORES.smooth, SCORES.pad : len(self.grid) - SCORES.pad]


def scale_of(row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> float:
    """Return the usual swing of the QRS, in the lead's unit; 0 where it does not move. `fs` in Hz."""
    if not len(r_peaks):
        return 0.0
    step = max(1, len(r_peaks) // SCORES.swings)
    return float(usual_swing(row, r_peaks, step, samples(SCORES.swing_s, fs), np.empty(len(r_peaks))))


def inputs_of(row: NDArray[np.float64], scale: float, fs: float, rhythm: Rhythm) -> Inputs:
    """Return what the networks see of a lead, in units of `scale`."""
    n = int((len(row) - 1) / fs / SCORES.fine_s) + 1
    points, padded = -(-n // SCORES.finer), n + 2 * SCORES.pad
    grid, boxes = np.empty(padded, np.float32), np.empty((len(HALVES), padded), np.float32)
    phases = np.empty((len(HALVES) * SCORES.finer, -(-padded // SCORES.finer)), np.float32)
    over, own = np.empty(n, np.float32), np.empty((len(_OWN_GAINS), points), np.float32)
    beside, work = np.empty((SEEN - OWN, points), np.float32), np.empty(len(rhythm.places) * _WORK)
    lead_inputs_into(
        row, rhythm.places, scale, rhythm.uneven, HALVES, _OWN_GAINS, _rules(fs), work,
        grid, boxes, phases, over, own, beside,
    )  # fmt: skip
    return Inputs(grid, boxes, phases, over, beside)


def seen_of(inputs: Inputs, rhythm: Rhythm, start: int, stop: int) -> _Floats:
    """Return what the network sees of points ``start .. stop-1``, with `EDGE` zeros at both ends of each row."""
    near = np.empty((4, stop - start), np.float32)
    out = np.empty((SEEN, stop - start + 2 * EDGE), np.float32)
    near_into(rhythm.beats, SCORES.fine_s, start, len(inputs.over) - 1, SHARES, near)
    seen_into(inputs.over, inputs.grid, SCORES.pad, near, inputs.beside, start, SHARES, out)
    return out


def unevenness(beats: NDArray[np.float64]) -> float:
    """Return the median change of RR against the median RR; what few beats have where there are fewer than four."""
    return usual_rr(beats, SCORES.fine_s, np.empty(len(beats)))[1] if len(beats) > 3 else SCORES.few_uneven


@lru_cache(maxsize=16)
def _rules(fs: float) -> InputRules:
    return InputRules(
        step=SCORES.fine_s * fs,
        finer=float(SCORES.finer),
        pad=float(SCORES.pad),
        half=float(_HALF),
        near=float(SCORES.near),
        before=float(_BEFORE),
        after=float(_AFTER),
        unlike=SCORES.unlike,
        least=SCORES.least_weight,
    )
