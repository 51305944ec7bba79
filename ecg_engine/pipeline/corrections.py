"""Marks and classes of beats put right by a doctor, and what the report says of all that was put right."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.whole import SAME_BEAT_S, Seen, beat_near
from ecg_engine.errors import InputError
from ecg_engine.settings import Corrections
from ecg_engine.types import ABSENT, LeadMarks, MedianBeat, Note
from ecg_engine.types.marks import MARK_NAMES

__all__ = ["correction_notes", "known_kinds", "with_mark_times", "with_marks"]

#: Marks that must follow one another in time where they are there.
_IN_ORDER: Final = MARK_NAMES


def known_kinds(corrections: Corrections, fs: float) -> tuple[tuple[int, str], ...]:
    """Return the classes of beats that are known, by their samples."""
    return tuple((round(at_s * fs), kind) for at_s, kind in corrections.beats)


def with_marks(seen: Seen, corrections: Corrections, fs: float) -> Seen:
    """Return what is seen with the marks moved: those of the median beat, and with them those of the beats it is of.

    Raises
    ------
    InputError
        There is no beat at a time that is named, no median beat, or a mark would lie outside it or before the mark that
        comes before it.
    """
    for at_s, _ in corrections.beats:
        if beat_near(seen.beats.r_peaks, at_s * fs, fs) is None:
            raise InputError(f"beats: no beat within {SAME_BEAT_S:g} s of {at_s:g} s", argument="beats")
    if not corrections.marks:
        return seen
    beat = seen.beat
    if beat is None:
        raise InputError("marks: no median beat was made of this recording, so none can be moved", argument="marks")
    table = {name: int(getattr(beat.marks, name)[0]) for name in MARK_NAMES}
    before = dict(table)
    for key, ms in corrections.marks.items():
        name = key.removesuffix("_ms")
        table[name] = ABSENT if ms is None else beat.r_peak + round(ms * beat.fs / 1000)
        if ms is not None and not 0 <= table[name] < beat.signal.shape[1]:
            raise InputError(f"marks: {key}: outside the median beat", argument="marks")
    there = [table[name] for name in _IN_ORDER if table[name] != ABSENT]
    if there != sorted(there):
        raise InputError(f"marks: must follow one another as {', '.join(_IN_ORDER)}", argument="marks")
    moved = LeadMarks(**{name: np.array([value], np.int64) for name, value in table.items()})
    out = replace(seen, beat=replace(beat, marks=moved))
    if seen.marks is None:
        return out
    dominant = _dominant(seen)
    columns = {}
    for key in corrections.marks:
        name = key.removesuffix("_ms")
        column = getattr(seen.marks, name).copy()
        if table[name] == ABSENT:
            column[dominant] = ABSENT
        else:
            by = round((table[name] - (beat.r_peak if before[name] == ABSENT else before[name])) * fs / beat.fs)
            at = seen.beats.r_peaks if before[name] == ABSENT else column
            column[dominant & (at != ABSENT)] = (at + by)[dominant & (at != ABSENT)]
        columns[name] = column
    return replace(out, marks=replace(seen.marks, **columns))


def with_mark_times(beat: MedianBeat, corrections: Corrections) -> MedianBeat:
    """Return a median beat with the marks that a doctor moved where they were put, the others as they are."""
    if not corrections.marks:
        return beat
    moved = {}
    for key, ms in corrections.marks.items():
        at = ABSENT if ms is None else min(max(beat.r_peak + round(ms * beat.fs / 1000), 0), beat.signal.shape[1] - 1)
        moved[key.removesuffix("_ms")] = np.array([at], np.int64)
    return replace(beat, marks=replace(beat.marks, **moved))


def _dominant(seen: Seen) -> NDArray[np.bool_]:
    """Return which beats are of the class that most are of."""
    kinds = seen.beats.kinds
    assert kinds is not None
    names, counts = np.unique(kinds, return_counts=True)
    chosen: NDArray[np.bool_] = kinds == names[np.argmax(counts)]
    return chosen


def correction_notes(corrections: Corrections) -> tuple[Note, ...]:
    """Return what was put right, one note each."""

    def note(code: str, **facts: object) -> Note:
        return Note(stage="input", code=code, facts=facts)

    c, out = corrections, []
    if c.swap_leads:
        out.append(note("corrected_exchange", pairs=", ".join(f"{a}\N{EN DASH}{b}" for a, b in c.swap_leads)))
    if c.invert_leads:
        out.append(note("corrected_inverted", leads=", ".join(c.invert_leads)))
    if c.drop_leads:
        out.append(note("corrected_dropped", leads=", ".join(c.drop_leads)))
    if c.age_years is not None:
        out.append(note("corrected_age"))
    if c.sex is not None:
        out.append(note("corrected_sex"))
    if c.marks:
        out.append(note("corrected_marks", marks=dict(c.marks)))
    if c.beats:
        out.append(note("corrected_beats", beats=", ".join(f"{at:g} s: {kind}" for at, kind in c.beats)))
    return tuple(out)
