"""Altered readings of a recording: what its measurements and its conclusion might as well have been."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.median_beat import SHIFT_S, altered_beat
from ecg_engine.detection.parameters import samples
from ecg_engine.detection.whole import Seen
from ecg_engine.pipeline._ecg_context import judge, statements_of, ventricular_of, with_tables
from ecg_engine.pipeline.corrections import with_mark_times
from ecg_engine.settings import Corrections
from ecg_engine.types import ABSENT, Beats, Delineation, LeadMarks, LongSummary, Recording
from ecg_engine.types.marks import MARK_NAMES

__all__ = ["count_readings"]

#: Marks and beats are moved by parts of a sample where a sample is longer than this, s.
_STEP_S: Final = 0.001


def count_readings(
    recording: Recording, seen: Seen, n: int, *, corrections: Corrections, tables: LongSummary | None = None
) -> Mapping[str, int]:
    """Return how many of `n` altered readings say each statement.

    Parameters
    ----------
    recording : Recording
    seen : Seen
        What is seen in it: detection is not done again.
    n : int
    corrections : Corrections
        Marks that a doctor moved are as uncertain as the others, but stay where they were put.
    tables : LongSummary, optional
        Of a long recording: taken over as they are.

    Returns
    -------
    mapping of str to int
        By statement code.

    Notes
    -----
    A reading has a median beat of beats drawn with replacement, with the noise that the recording's own leaves in it,
    sampled up to 1 ms earlier or later and marked anew (`detection.median_beat.altered_beat`); its R peaks and the
    marks of its single beats are each up to 1 ms earlier or later. Everything is measured in it, and the rules are
    run. Quality, classes of beats and a fast ventricular rhythm are taken over as they are. The numbers are drawn from
    the content: the same recording gives the same shares.
    """
    rng = np.random.default_rng(_seed(seen))
    ventricular = ventricular_of(recording, seen)
    finer = max(1, math.ceil(1 / (recording.fs * _STEP_S)))
    said: Counter[str] = Counter()
    for reading in _readings(seen, recording.fs, finer, n, rng, corrections):
        judged = judge(recording, reading, finer=finer, ventricular=ventricular)
        said.update({s.code for s in statements_of(with_tables(judged, tables))})
    return said


def _seed(seen: Seen) -> int:
    """Return a number that only the content decides."""
    content = hashlib.sha256(seen.beats.r_peaks.tobytes())
    if seen.beat is not None:
        content.update(seen.beat.signal.tobytes())
    return int.from_bytes(content.digest()[:8])


def _readings(
    seen: Seen, fs: float, finer: int, n: int, rng: np.random.Generator, corrections: Corrections
) -> Iterator[Seen]:
    noise = np.array([seen.quality.by_lead[name].noise_mv for name in seen.leads])
    reach = samples(SHIFT_S, fs * finer)
    by_lead = () if seen.marks is None else tuple(_finer(one, finer) for one in seen.marks.by_lead)
    for _ in range(n):
        beat = None if seen.singles is None else altered_beat(seen.singles, noise_mv=noise, rng=rng)
        if beat is not None:
            beat = with_mark_times(beat, corrections)
        marks = seen.marks if seen.marks is None else _moved(seen.marks, by_lead, finer, reach, rng)
        yield replace(seen, beats=_beats(seen.beats, finer, reach, rng), marks=marks, beat=beat)


def _beats(beats: Beats, finer: int, reach: int, rng: np.random.Generator) -> Beats:
    return replace(
        beats,
        r_peaks=np.maximum(beats.r_peaks * finer + _jitter(beats.r_peaks, reach, rng), 0),
        pacing_spikes=beats.pacing_spikes * finer,
        gaps=tuple((a * finer, b * finer) for a, b in beats.gaps),
    )


def _moved(
    marks: Delineation, by_lead: tuple[LeadMarks, ...], finer: int, reach: int, rng: np.random.Generator
) -> Delineation:
    columns = {}
    for name in MARK_NAMES:
        column = getattr(marks, name)
        moved = np.maximum(column * finer + _jitter(column, reach, rng), 0)
        columns[name] = np.where(column == ABSENT, ABSENT, moved)
    return Delineation(**columns, by_lead=by_lead, extra_p_peaks=marks.extra_p_peaks * finer)


def _finer(marks: LeadMarks, finer: int) -> LeadMarks:
    columns = {name: getattr(marks, name) for name in MARK_NAMES}
    return LeadMarks(**{name: np.where(c == ABSENT, ABSENT, c * finer) for name, c in columns.items()})


def _jitter(values: NDArray[np.int64], reach: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(-reach, reach, len(values), endpoint=True)
