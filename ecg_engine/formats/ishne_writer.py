"""ISHNE Holter files; what the header has no place for stands in the block of free text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import UnsupportedFormatError
from ecg_engine.formats import _words
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import LARGEST, step_mv
from ecg_engine.formats.edf_header import text_of
from ecg_engine.formats.ishne import ABSENT, FAULT, HEADER, LEADS, MAGIC, MAX_LEADS, NV_PER_MV, TEXT_AT, checksum
from ecg_engine.types import Recording

_CODES: Final = {name: code for code, name in LEADS.items() if code > 1}
_BLOCK_SAMPLES: Final = 1 << 20
_UNRATED, _FILE_VERSION, _UNKNOWN_PACEMAKER = 0, 1, 1
#: The largest number of 16 bits with a sign.
_MOST: Final = 32767


def write_file(recording: Recording, path: Path) -> None:
    """Write an ISHNE file.

    Raises
    ------
    UnsupportedFormatError
        More than 12 leads, a rate that is no whole number up to 32767 Hz, or a range beyond 1 V.
    """
    if recording.n_leads > MAX_LEADS:
        raise UnsupportedFormatError(
            f"{recording.n_leads} leads, where ISHNE has room for 12; choose them with leads=… (--leads)", path=path
        )
    if recording.fs != round(recording.fs) or recording.fs > _MOST:
        raise UnsupportedFormatError(
            f"{recording.fs:g} Hz is no whole number up to 32767, as ISHNE wants; write WFDB, DICOM or CSV", path=path
        )
    steps = _steps_nv(recording, path)
    text = _text(recording)
    header = _header(recording, steps, len(text))
    with replacing(path) as new, new.open("wb") as file:
        file.write(MAGIC + checksum(header + text).to_bytes(2, "little") + header + text)
        scale = np.array(steps)[:, np.newaxis] / NV_PER_MV
        for start in range(0, recording.n_samples, _BLOCK_SAMPLES):
            file.write(_digits(recording.signal[:, start : start + _BLOCK_SAMPLES], scale).tobytes())


def _steps_nv(recording: Recording, path: Path) -> list[int]:
    """Return each lead's nV a step: its own where that is a whole number and the samples lie on it."""
    own = recording.source.lsb_mv or ()
    steps = []
    for i, (name, row) in enumerate(zip(recording.leads, recording.signal, strict=True)):
        hint = own[i] if len(own) == recording.n_leads else None
        highest = float(np.nanmax(np.abs(row), initial=0.0))
        wanted = step_mv(row, hint) * NV_PER_MV
        # A part of a step too coarse for the header is on the same grid.
        wanted /= max(1, 2 ** int(np.ceil(np.log2(wanted / _MOST))))
        # There is no baseline: 0 mV is the digit 0.
        least = highest * NV_PER_MV / LARGEST
        is_whole = abs(wanted - round(wanted)) < 1e-6 and wanted >= least
        step = round(wanted) if is_whole else int(np.ceil(max(wanted, least)))
        if step > _MOST:
            raise UnsupportedFormatError(
                f"lead {name}: {highest:.4g} mV is beyond what ISHNE can say; write WFDB, DICOM or CSV",
                path=path,
                lead=name,
            )
        steps.append(step)
    return steps


def _digits(block: NDArray[np.floating], scale: NDArray[np.float64]) -> NDArray[np.int16]:
    digits = np.round(block / scale)
    gap = np.isnan(digits)
    np.clip(digits, -LARGEST, LARGEST, out=digits)
    digits[gap] = FAULT
    return np.ascontiguousarray(digits.T.astype("<i2"))


def _text(recording: Recording) -> bytes:
    """Return, as lines ``# key: value``, what the header has no place for or would cut."""
    patient, start = recording.patient, recording.start
    first, last = _name(recording)
    words = _words.words_of(recording)
    in_header = {
        "sex": True,
        "birth_date": True,
        "id": _field(patient.id, 20)[1],
        "name": _field(first, 40)[1] and _field(last, 40)[1] and f"{last} {first}".strip() == words.get("name", ""),
        "device": _field(recording.source.device, 40)[1]
        and words.get("device", "").lower() not in ("analog", "digital"),
        "pacemaker": patient.pacemaker is not False,
    }
    lines = [f"# {key}: {value}" for key, value in words.items() if not in_header.get(key)]
    if start is not None and start.microsecond:
        lines.append(f"# start: {start.replace(tzinfo=None).isoformat()}")
    if any(lead not in _CODES for lead in recording.leads):
        lines.append("# leads: " + ", ".join(" ".join(lead.replace(",", " ").split()) for lead in recording.leads))
    lines += [_words.mark_line(mark) for mark in recording.annotations]
    return "".join(f"{line}\n" for line in lines).encode()


def _header(recording: Recording, steps: list[int], text_bytes: int) -> bytes:
    patient, start = recording.patient, recording.start
    first, last = _name(recording)
    empty = MAX_LEADS - recording.n_leads
    clock = (start.hour, start.minute, start.second) if start else (0, 0, 0)
    return HEADER.pack(
        text_bytes,
        recording.n_samples,
        TEXT_AT,
        TEXT_AT + text_bytes,
        _FILE_VERSION,
        _field(first, 40)[0],
        _field(last, 40)[0],
        _field(patient.id, 20)[0],
        {"M": 1, "F": 2}.get(patient.sex or "", 0),
        0,
        *_date(patient.birth_date),
        *_date(start),
        *_date(datetime.now(UTC)),
        *clock,
        recording.n_leads,
        *[_CODES.get(lead, 0) for lead in recording.leads],
        *[ABSENT] * empty,
        *[_UNRATED] * recording.n_leads,
        *[ABSENT] * empty,
        *steps,
        *[ABSENT] * empty,
        _UNKNOWN_PACEMAKER if patient.pacemaker else 0,
        _field(recording.source.device or "digital", 40)[0],
        round(recording.fs),
        b"",
        b"",
        b"",
    )


def _name(recording: Recording) -> tuple[str, str]:
    """Return the first names and the last name: the last comes first, as in DICOM."""
    last, _, first = " ".join((recording.patient.name or "").split()).partition(" ")
    return first, last


def _field(text: str | None, width: int) -> tuple[bytes, bool]:
    """Return a text in the shortest letters that `text_of` reads back, cut to `width`; and whether it is whole."""
    plain = " ".join((text or "").split())
    for name in ("cp1251", "utf-8"):
        raw = plain.encode(name, errors="replace")
        if len(raw) <= width and text_of(raw) == plain:
            return raw, True
    return plain.encode("ascii", errors="replace")[:width], False


def _date(day: date | None) -> tuple[int, int, int]:
    return (0, 0, 0) if day is None else (day.day, day.month, day.year)
