"""What a long recording shows over time: beats by the hour, episodes, extremes, burden, heart rate variability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["EPISODE_KINDS", "Episode", "Extreme", "HeartRateVariability", "Hour", "LongSummary"]

#: Every kind of episode, the graver first: the order in which strips are chosen and tables are sorted.
EPISODE_KINDS: Final = (
    "fast_ventricular", "ventricular_run", "pause_3s", "atrial_fibrillation", "supraventricular_run", "pause_2s",
    "idioventricular_run", "bradycardia", "tachycardia", "ventricular_couplet", "bigeminy", "trigeminy",
    "supraventricular_couplet", "paced", "unreadable",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A stretch of one rhythm.

    Parameters
    ----------
    kind : str
        One of `EPISODE_KINDS`.
    start_s, stop_s : float
        From the first R to the last (of a pause: the two R beside it), from the recording's begin, s.
    n_beats : int
        Beats of the episode: of a run its own, of a bigeminy all, of a pause none.
    rate_bpm : float, optional
        Mean ventricular rate in it, /min; None where there are not two beats.
    """

    kind: str
    start_s: float
    stop_s: float
    n_beats: int
    rate_bpm: float | None = None

    @property
    def duration_s(self) -> float:
        """Length, s."""
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The least or the greatest of something, and when it was (begin of what it is of), s."""

    value: float
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A row of the hourly table.

    Parameters
    ----------
    start_s, stop_s : float
        From the recording's begin, s; the last row may be shorter than an hour.
    analysed_s : float
        How much of it could be analysed, s.
    n_beats : int
    n_ventricular, n_supraventricular, n_paced : int
        Beats of the classes V, S (outside atrial fibrillation) and Q.
    mean_bpm, min_bpm, max_bpm : float, optional
        /min: over the hour's intervals; the least and the greatest over eight of them. None where there are too few.
    n_pauses : int
        Intervals of 2 s and more.
    fibrillation_s : float
        Time in atrial fibrillation, s.
    """

    start_s: float
    stop_s: float
    analysed_s: float
    n_beats: int
    n_ventricular: int
    n_supraventricular: int
    n_paced: int
    mean_bpm: float | None
    min_bpm: float | None
    max_bpm: float | None
    n_pauses: int
    fibrillation_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateVariability:
    """Variability of the intervals between ordinary beats.

    Parameters
    ----------
    n_intervals : int
        NN intervals: between two neighbouring beats of class N, with no gap, ectopic beat or fibrillation beside them.
    usable_s : float
        Their sum, s.
    usable_percent : float
        Their sum against the recording's length, %.
    n_segments : int
        Segments of 5 min that the spectrum and the non-linear figures are means of; 0 where there are none.
    values : mapping of str to float
        By quantity code; what could not be had is not in it.
    """

    n_intervals: int
    usable_s: float
    usable_percent: float
    n_segments: int
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongSummary:
    """The tables of a long recording. No text stands in it.

    Parameters
    ----------
    duration_s, analysed_s : float
        The recording's length and how much of it could be analysed, s.
    counts : mapping of str to int
        Beats by class (``beats``, ``ventricular``, ``supraventricular``, ``paced``, ``fusion``) and episodes by kind.
    burden : mapping of str to float
        Shares: of the beats (``ventricular_percent``, ``supraventricular_percent``, ``paced_percent``) and of the
        analysed time (``atrial_fibrillation_percent``).
    extremes : mapping of str to Extreme
        ``rr_max_s``, ``rr_min_s``, ``rate_min_bpm``, ``rate_max_bpm`` (over eight intervals).
    hours : tuple of Hour
    episodes : tuple of Episode
        By begin.
    variability : HeartRateVariability, optional
        None where too few intervals are usable.
    """

    duration_s: float
    analysed_s: float
    counts: Mapping[str, int]
    burden: Mapping[str, float]
    extremes: Mapping[str, Extreme]
    hours: tuple[Hour, ...]
    episodes: tuple[Episode, ...]
    variability: HeartRateVariability | None = None

    def of_kind(self, kind: str) -> tuple[Episode, ...]:
        """Return the episodes of one kind, by begin."""
        return tuple(e for e in self.episodes if e.kind == kind)
