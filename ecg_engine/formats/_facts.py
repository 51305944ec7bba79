"""All that a recording says but its samples, as plain JSON types and back; for our own JSON and for NumPy files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, InputError
from ecg_engine.formats._describe import plain
from ecg_engine.types import Annotation, DeviceBeat, Filters, Patient, Recording, Source

#: How samples stand in base64, all little-endian.
DTYPES: Final = {"int16": "<i2", "int32": "<i4", "float32": "<f4", "float64": "<f8"}


class Facts(NamedTuple):
    """What `read_facts` returns."""

    start: datetime | None
    patient: Patient
    source: Source
    annotations: tuple[Annotation, ...]


def facts_of(recording: Recording) -> dict[str, Any]:
    """Return start, patient, source and annotations in plain JSON types; what is absent is left out."""
    source = recording.source
    said = {
        "device": source.device,
        "filters": None if source.filters is None else _present(asdict(source.filters)),
        "lsb_mv": source.lsb_mv,
        "measurements": source.measurements,
        "statements": source.statements,
        "beat": _beat(source.beat),
        "details": source.details,
    }
    patient = asdict(recording.patient)
    return {
        "start": None if recording.start is None else recording.start.isoformat(),
        "patient": _present(plain(patient)),
        "source": _present(plain(said)),
        "annotations": [_present(asdict(mark)) for mark in recording.annotations],
    }


def read_facts(facts: Mapping[str, Any], *, path: Path, format: str) -> Facts:
    """Return what `facts_of` made.

    Raises
    ------
    CorruptFormatError
        A value is of another kind, or no value that can be.
    """
    try:
        source = facts.get("source") or {}
        return Facts(
            start=datetime.fromisoformat(facts["start"]) if facts.get("start") else None,
            patient=_patient(facts.get("patient") or {}),
            source=Source(
                path=str(path),
                format=format,
                device=_text(source.get("device")),
                filters=_filters(source.get("filters")),
                lsb_mv=_steps(source.get("lsb_mv")),
                measurements={str(k): float(v) for k, v in (source.get("measurements") or {}).items()},
                statements=_texts(source.get("statements")),
                beat=_read_beat(source.get("beat")),
                details=dict(source.get("details") or {}),
            ),
            annotations=tuple(_annotation(mark) for mark in facts.get("annotations") or ()),
        )
    except (AttributeError, InputError, KeyError, TypeError, ValueError) as exc:
        raise CorruptFormatError(
            f"patient, source or annotations are not as described ({type(exc).__name__}); write the file again",
            path=path,
        ) from exc


def encoded(row: NDArray[Any]) -> dict[str, Any]:
    """Return samples as ``{"encoding": ..., "data": base64}``."""
    name = row.dtype.name
    return {"encoding": name, "data": base64.b64encode(row.astype(DTYPES[name]).tobytes()).decode("ascii")}


def decoded(said: Mapping[str, Any]) -> NDArray[Any]:
    """Return the samples of `encoded`, or of a list of numbers with null where one is missing.

    Raises
    ------
    ValueError
        An encoding that is none, base64 that is none, or bytes that do not fill whole samples.
    """
    name, data = said.get("encoding", "numbers"), said["data"]
    if name == "numbers":
        return np.array([np.nan if value is None else float(value) for value in data], dtype=np.float64)
    if name not in DTYPES:
        raise ValueError(f"encoding {name!r}")
    try:
        return np.frombuffer(base64.b64decode(data, validate=True), dtype=DTYPES[name])
    except binascii.Error as exc:
        raise ValueError("no base64") from exc


def _present(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value not in (None, "", [], {}, ())}


def _patient(said: Mapping[str, Any]) -> Patient:
    known = {key: _text(said.get(key)) for key in ("id", "name", "sex", "complaint")}
    birth, age, pacemaker = said.get("birth_date"), said.get("age_years"), said.get("pacemaker")
    return Patient(
        **known,
        birth_date=None if birth is None else date.fromisoformat(birth),
        age_years=None if age is None else float(age),
        pacemaker=pacemaker if isinstance(pacemaker, bool) else None,
        drugs=_texts(said.get("drugs")),
    )


def _filters(said: Mapping[str, Any] | None) -> Filters | None:
    if said is None:
        return None
    values = {key: said.get(key) for key in ("highpass_hz", "lowpass_hz", "notch_hz")}
    return Filters(**{key: None if value is None else float(value) for key, value in values.items()})


def _steps(said: Sequence[Any] | None) -> tuple[float, ...] | None:
    return None if said is None else tuple(float(value) for value in said)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("no text")
    return value or None


def _texts(values: Sequence[Any] | None) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError("one text, where a list stands")
    return tuple(text for text in map(_text, values or ()) if text)


def _annotation(said: Mapping[str, Any]) -> Annotation:
    sample, duration = said["sample"], said.get("duration", 0)
    if type(sample) is not int or type(duration) is not int or min(sample, duration) < 0:
        raise TypeError("no sample")
    return Annotation(
        sample=sample,
        symbol=_text(said.get("symbol")) or '"',
        text=_text(said.get("text")) or "",
        duration=duration,
        lead=_text(said.get("lead")),
    )


def _beat(beat: DeviceBeat | None) -> dict[str, Any] | None:
    if beat is None:
        return None
    rows = [{"name": name, **encoded(row)} for name, row in zip(beat.leads, beat.signal, strict=True)]
    return {"fs": beat.fs, "leads": rows, "marks": dict(beat.marks)}


def _read_beat(said: Mapping[str, Any] | None) -> DeviceBeat | None:
    if said is None:
        return None
    rows = [np.asarray(decoded(lead), dtype=np.float64) for lead in said["leads"]]
    return DeviceBeat(
        signal=np.stack(rows),
        fs=float(said["fs"]),
        leads=tuple(str(lead["name"]) for lead in said["leads"]),
        marks={str(k): int(v) for k, v in (said.get("marks") or {}).items()},
    )
