"""What a file that was written does not say of the recording: found by reading it again, not by a list of formats."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Final

import numpy as np

from ecg_engine.formats._reading import RecordingReader, open_ecg
from ecg_engine.types import Annotation, Patient, Recording

__all__ = ["losses"]

#: What the fields of a patient are called.
_PATIENT: Final = {
    "id": "the patient's number", "name": "the patient's name", "birth_date": "the birth date", "age_years": "the age",
    "sex": "the sex", "pacemaker": "the pacemaker", "complaint": "the complaint", "drugs": "the drugs",
}  # fmt: skip
_SAME_MV: Final = 1e-9
_BLOCK_S: Final = 600.0


def losses(recording: Recording, path: str | os.PathLike[str], *, format: str | None = None) -> tuple[str, ...]:
    """Return, in words, what of a recording a file just written does not hold, or holds otherwise.

    Parameters
    ----------
    recording : Recording
        What was written.
    path : str or PathLike
        The file; it is read from end to end.
    format : str, optional
        Of the file, where its content does not say.

    Returns
    -------
    tuple of str
        No value of the patient's is among the words.

    Raises
    ------
    FormatError
        The file cannot be read again.

    Examples
    --------
    >>> write_ecg(recording, "visit.edf")  # doctest: +SKIP
    >>> losses(recording, "visit.edf")  # doctest: +SKIP
    ("6 of 6 statements of the device", "the time zone")
    """
    with open_ecg(path, format=format) as reader:
        return (*_samples(recording, reader), *_words(recording, reader))


def _samples(recording: Recording, reader: RecordingReader) -> Iterator[str]:
    if reader.leads != recording.leads:
        yield "the names of leads"
    if (reader.n_leads, reader.n_samples) != recording.signal.shape:
        yield "the number of samples"
        return
    furthest, at, has_gaps = 0.0, 0, True
    for block in reader.blocks(_BLOCK_S):
        own = recording.signal[:, at : at + block.shape[1]]
        at += block.shape[1]
        has_gaps = has_gaps and bool((np.isnan(own) == np.isnan(block)).all())
        furthest = max(furthest, float(np.nanmax(np.abs(own - block), initial=0.0)))
    if not has_gaps:
        yield "gaps"
    if furthest > _SAME_MV:
        yield f"samples exactly (rounded by up to {furthest * 1000:.2g} µV)"


def _words(recording: Recording, reader: RecordingReader) -> Iterator[str]:
    yield from _start(recording.start, reader.start)
    yield from _patient(recording.patient, reader.patient)
    ours, theirs = recording.source, reader.source
    if ours.device and ours.device != theirs.device:
        yield "the device's name" if theirs.device is None else "the device's name as it was"
    if ours.filters is not None and ours.filters != theirs.filters:
        yield "the filters" if theirs.filters is None else "the filters as they were"
    yield from _missing("measurements of the device", {*ours.measurements.items()}, {*theirs.measurements.items()})
    yield from _missing("statements of the device", ours.statements, theirs.statements)
    yield from _annotations(recording.annotations, reader.annotations)
    if ours.beat is not None and theirs.beat is None:
        yield "the device's representative beat"
    if {key for key, value in ours.details.items() if theirs.details.get(key) != value}:
        yield "details of the source that no field has"


def _start(ours: datetime | None, theirs: datetime | None) -> Iterator[str]:
    if ours is None or ours == theirs:
        return
    if theirs is None or ours.replace(tzinfo=None, microsecond=0) != theirs.replace(tzinfo=None, microsecond=0):
        yield "the time of the recording"
        return
    if ours.utcoffset() != theirs.utcoffset():
        yield "the time zone"
    if ours.microsecond != theirs.microsecond:
        yield "parts of a second of the start"


def _patient(ours: Patient, theirs: Patient) -> Iterator[str]:
    for one in fields(Patient):
        own, other = getattr(ours, one.name), getattr(theirs, one.name)
        if one.name == "age_years" and other is None and theirs.birth_date is not None:
            continue  # it follows from the birth date
        if own not in (None, ()) and own != other:
            yield _PATIENT[one.name] + ("" if other in (None, ()) else " as it was")


def _annotations(ours: Collection[Annotation], theirs: Collection[Annotation]) -> Iterator[str]:
    places = [mark.sample for mark in ours]
    lost = sum((Counter(places) - Counter(mark.sample for mark in theirs)).values())
    if lost:
        yield f"{lost} of {len(ours)} annotations"
    elif {*ours} - {*theirs}:
        yield "symbol, text, length or lead of annotations as they were"


def _missing(what: str, ours: Collection[object], theirs: Collection[object]) -> Iterator[str]:
    lost = sum(one not in theirs for one in ours)
    if lost:
        yield f"{lost} of {len(ours)} {what}"
