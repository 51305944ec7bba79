"""What is in a recording, in plain JSON types."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from ecg_engine.types import DeviceBeat, Recording

#: Details that may hold words about the patient.
_PRIVATE_DETAILS: Final = frozenset(
    {"comments", "patient_field", "recording_field", "institution", "study_uid", "recording_id", "uid", "trial"}
    | {"technician", "referring_physician", "confirming_physician", "edited_by", "order_number", "sequence_number"}
    | {"location", "department", "room", "indication", "remarks", "history", "phone_id", "device_data"}
)


def describe(recording: Recording, *, phi: bool = False) -> dict[str, Any]:
    """Return what is in a recording, for people and scripts.

    Parameters
    ----------
    recording : Recording
    phi : bool
        Show the patient too, and the free text of the header.

    Returns
    -------
    dict
        Plain JSON types: ``format, path, fs, leads, n_samples, duration_s, unit, lsb_mv, start, device, filters,
        measurements, statements, device_beat`` (its leads, length and marks; None where there is none) ``,
        annotations`` (counts by symbol) ``, gaps`` (share of missing samples by lead) ``, details, patient`` (None
        unless `phi`).

    Examples
    --------
    >>> import numpy as np
    >>> found = describe(Recording(signal=np.zeros((1, 500)), fs=500, leads=("II",)))
    >>> found["leads"], found["duration_s"], found["patient"]
    (['II'], 1.0, None)
    """
    source = recording.source
    details = {k: v for k, v in source.details.items() if phi or k not in _PRIVATE_DETAILS}
    gaps = {name: float(np.isnan(row).mean()) for name, row in zip(recording.leads, recording.signal, strict=True)}
    return {
        "format": source.format,
        "path": source.path,
        "fs": recording.fs,
        "leads": list(recording.leads),
        "n_samples": recording.n_samples,
        "duration_s": recording.duration_s,
        "unit": "mV",
        "lsb_mv": None if source.lsb_mv is None else [float(x) for x in source.lsb_mv],
        "start": plain(recording.start),
        "device": source.device,
        "filters": None if source.filters is None else plain(asdict(source.filters)),
        "measurements": plain(source.measurements),
        "statements": list(source.statements),
        "device_beat": _beat(source.beat),
        "annotations": dict(Counter(mark.symbol for mark in recording.annotations)),
        "gaps": {name: share for name, share in gaps.items() if share > 0},
        "details": plain(details),
        "patient": plain(asdict(recording.patient)) if phi else None,
    }


def _beat(beat: DeviceBeat | None) -> dict[str, Any] | None:
    if beat is None:
        return None
    return {
        "fs": beat.fs, "leads": list(beat.leads), "n_samples": int(beat.signal.shape[1]), "marks": plain(beat.marks),
    }  # fmt: skip


def plain(value: Any) -> Any:
    """Return a value in plain JSON types: dates as ISO texts, sets and tuples as lists, NaN as None, else text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
