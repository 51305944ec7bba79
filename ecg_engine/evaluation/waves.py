"""Delineation scored against manual marks: found or not, and by how many milliseconds off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.evaluation.beats import match_marks
from ecg_engine.types import ABSENT

#: A wave is found where its peak lies so near the reference's, s (the window of EC57 and of the LUDB papers).
WINDOW_S: Final = 0.150


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveScore:
    """Counts of one wave, and its errors; they add up over leads and records.

    Parameters
    ----------
    hits, missed, false : int
    onset_ms, offset_ms : tuple of float
        Found less reference, ms.
    """

    hits: int = 0
    missed: int = 0
    false: int = 0
    onset_ms: tuple[float, ...] = field(default=(), repr=False)
    offset_ms: tuple[float, ...] = field(default=(), repr=False)

    def __add__(self, other: WaveScore) -> WaveScore:
        return WaveScore(
            hits=self.hits + other.hits,
            missed=self.missed + other.missed,
            false=self.false + other.false,
            onset_ms=self.onset_ms + other.onset_ms,
            offset_ms=self.offset_ms + other.offset_ms,
        )

    @property
    def f1_percent(self) -> float:
        """Harmonic mean of sensitivity and positive predictive value, %; NaN without any wave."""
        n = 2 * self.hits + self.missed + self.false
        return 200 * self.hits / n if n else float("nan")


def score_wave(
    reference: NDArray[np.int64], found: NDArray[np.int64], *, fs: float, between: tuple[int, int]
) -> WaveScore:
    """Score one wave of one lead.

    Parameters
    ----------
    reference, found : (n, 3) and (m, 3) int64 arrays
        Onset, peak, offset of each wave, samples; `ABSENT` where there is none.
    fs : float
        Hz.
    between : (int, int)
        First and last sample that the reference covers: what is found outside is not counted as false.

    Returns
    -------
    WaveScore
    """
    found = found[found[:, 1] != ABSENT]
    found = found[np.argsort(found[:, 1], kind="stable")]
    a, b = match_marks(reference[:, 1], found[:, 1], window=round(WINDOW_S * fs))
    spare = np.delete(found[:, 1], b)
    false = int(((spare >= between[0]) & (spare <= between[1])).sum())

    def errors(column: int) -> tuple[float, ...]:
        one, other = reference[a, column], found[b, column]
        known = (one != ABSENT) & (other != ABSENT)
        return tuple(((other - one)[known] / fs * 1000).tolist())

    return WaveScore(
        hits=len(a),
        missed=len(reference) - len(a),
        false=false,
        onset_ms=errors(0),
        offset_ms=errors(2),
    )
