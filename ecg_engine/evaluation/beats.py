"""Beat detection scored by ANSI/AAMI EC57: one to one, within 150 ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: EC57's match window, s either side.
WINDOW_S: Final = 0.150

#: EC57's classes of the codes of PhysioNet's beat annotations.
_CLASSES: Final = {
    **dict.fromkeys("NLRBejn", "N"),
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VrE", "V"),
    "F": "F",
    **dict.fromkeys("/fQ?", "Q"),
}


def class_of(symbol: str) -> str:
    """Return the AAMI EC57 class of a PhysioNet annotation code, "" where it is no beat.

    Examples
    --------
    >>> class_of("L"), class_of("a"), class_of("+")
    ('N', 'S', '')
    """
    return _CLASSES.get(symbol, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatScore:
    """Counts of a detection; they add up over records.

    Parameters
    ----------
    hits, missed, false : int
        Matched beats, reference beats without a detection, detections without a reference beat.
    """

    hits: int = 0
    missed: int = 0
    false: int = 0

    def __add__(self, other: BeatScore) -> BeatScore:
        return BeatScore(hits=self.hits + other.hits, missed=self.missed + other.missed, false=self.false + other.false)

    @property
    def sensitivity_percent(self) -> float:
        """Share of the reference beats that were found, %; NaN without any."""
        n = self.hits + self.missed
        return 100 * self.hits / n if n else float("nan")

    @property
    def ppv_percent(self) -> float:
        """Share of the detections that are beats, %; NaN without any."""
        n = self.hits + self.false
        return 100 * self.hits / n if n else float("nan")

    @property
    def error_percent(self) -> float:
        """Missed and false beats over reference beats, %; NaN without any."""
        n = self.hits + self.missed
        return 100 * (self.missed + self.false) / n if n else float("nan")


def match_marks(
    reference: NDArray[np.int64], found: NDArray[np.int64], *, window: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair reference marks with found ones, one to one, each at most `window` samples apart.

    Along time, a pair is made unless the next mark of either side is nearer to its partner and can be paired with it:
    EC57's rule as WFDB's ``bxb`` applies it.

    Parameters
    ----------
    reference, found : (n,) and (m,) int64 arrays
        Increasing samples.
    window : int
        Samples.

    Returns
    -------
    (k,) and (k,) int64 arrays
        Indices into `reference` and `found` of the pairs.

    Examples
    --------
    >>> match_marks(np.array([100, 200, 300]), np.array([98, 140, 305]), window=15)
    (array([0, 2]), array([0, 2]))
    """
    i = j = 0
    pairs: list[tuple[int, int]] = []
    while i < len(reference) and j < len(found):
        apart = abs(int(found[j]) - int(reference[i]))
        if apart > window:
            if found[j] < reference[i]:
                j += 1
            else:
                i += 1
            continue
        if j + 1 < len(found) and abs(int(found[j + 1]) - int(reference[i])) < apart:
            j += 1
            continue
        if i + 1 < len(reference) and abs(int(found[j]) - int(reference[i + 1])) < apart:
            i += 1
            continue
        pairs.append((i, j))
        i, j = i + 1, j + 1
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def score_beats(
    reference: NDArray[np.int64],
    found: NDArray[np.int64],
    *,
    fs: float,
    excluded: tuple[tuple[int, int], ...] = (),
) -> BeatScore:
    """Score found beats against a reference.

    Parameters
    ----------
    reference, found : (n,) and (m,) int64 arrays
        Increasing samples.
    fs : float
        Hz.
    excluded : tuple of (int, int)
        Stretches that are not scored, both ends included: ventricular flutter or fibrillation, as EC57 allows.

    Returns
    -------
    BeatScore
    """
    for start, stop in excluded:
        reference = reference[(reference < start) | (reference > stop)]
        found = found[(found < start) | (found > stop)]
    hits = len(match_marks(reference, found, window=round(WINDOW_S * fs))[0])
    return BeatScore(hits=hits, missed=len(reference) - hits, false=len(found) - hits)


def score_class(
    reference: NDArray[np.int64],
    true: NDArray[np.str_],
    found: NDArray[np.int64],
    kinds: NDArray[np.str_],
    *,
    fs: float,
    kind: str,
) -> BeatScore:
    """Score one class of beats, ``S``, ``V`` or ``F``, by EC57.

    Parameters
    ----------
    reference, true : (n,) int64 and (n,) str arrays
        Increasing samples of the reference beats and their classes.
    found, kinds : (m,) int64 and (m,) str arrays
        The same of the beats found.
    fs : float
        Hz.
    kind : str

    Returns
    -------
    BeatScore
        A beat that was not found is missed; a beat found where there is none is false. A fusion or unknown beat called
        ``V`` counts neither way, as EC57 has it.
    """
    i, j = match_marks(reference, found, window=round(WINDOW_S * fs))
    said = np.full(len(reference), "-", dtype="<U1")
    said[i] = kinds[j]
    spare = np.delete(kinds, j)
    excused = np.isin(true, ["F", "Q"]) if kind == "V" else np.zeros(len(true), dtype=bool)
    hits = int(((true == kind) & (said == kind)).sum())
    false = int(((true != kind) & (said == kind) & ~excused).sum()) + int((spare == kind).sum())
    return BeatScore(hits=hits, missed=int((true == kind).sum()) - hits, false=false)
