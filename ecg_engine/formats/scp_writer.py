"""SCP-ECG files (EN 1064): every sample, as differences in the standard's own Huffman codes, nothing lossy.

Where the samples do not lie on one grid of whole nanovolts, they are rounded to the finest that holds them.
"""

from __future__ import annotations

import struct
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import UnsupportedFormatError
from ecg_engine.formats import _scp_huffman as huffman
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import LARGEST, step_mv
from ecg_engine.formats._scp_codes import (
    DEFAULT_TABLES,
    LANGUAGES,
    LEAD_NUMBERS,
    MARK,
    RECORD_HEAD,
    SECTION_HEAD,
    checksum,
)
from ecg_engine.formats._scp_measurements import measurements_section
from ecg_engine.formats.edf_writer import latin
from ecg_engine.types import Filters, Recording

#: Version of the standard: 2.0 (EN 1064:2005). Category I: rhythm data without loss.
_PROTOCOL, _CATEGORY = 20, 0x90
_N_SECTIONS: Final = 12
_NV_PER_MV: Final = 1e6
_LONGEST_TEXT: Final = 0xFFFF
#: A lead's codes may take so many bytes: their count has two.
_LONGEST_LEAD: Final = 0xFFFF


def write_file(recording: Recording, path: Path) -> None:
    """Write an SCP-ECG file.

    Raises
    ------
    UnsupportedFormatError
        A lead that the standard has no number for, a missing sample, a rate that is no whole number of microseconds,
        or more samples than the standard's counts hold.
    """
    interval_us = _interval(recording, path)
    numbers = _lead_numbers(recording, path)
    step_nv, digits = _digits(recording, path)
    encoding, code = _language(recording)
    sections = {
        1: _header(recording, encoding, code),
        2: struct.pack("<H", DEFAULT_TABLES),
        3: _leads(numbers, recording.n_samples),
        6: _rhythm(digits, step_nv, interval_us, path),
        7: measurements_section(recording),
        8: _statements(recording, encoding),
    }
    with replacing(path) as new:
        new.write_bytes(_record({number: data for number, data in sections.items() if data}))


def _interval(recording: Recording, path: Path) -> int:
    interval = round(1e6 / recording.fs)
    if not 1 <= interval <= 0xFFFF or abs(interval * recording.fs / 1e6 - 1) > 1e-9:
        raise UnsupportedFormatError(
            f"{recording.fs:g} Hz is no whole number of microseconds a sample, as SCP-ECG wants it; write EDF, WFDB or "
            "DICOM, or resample to 500 Hz",
            path=path,
        )
    return interval


def _lead_numbers(recording: Recording, path: Path) -> list[int]:
    if recording.n_leads > 255:
        raise UnsupportedFormatError(f"{recording.n_leads} leads; SCP-ECG holds 255", path=path)
    for lead in recording.leads:
        if lead not in LEAD_NUMBERS:
            raise UnsupportedFormatError(
                f"lead {lead}: SCP-ECG has no number for it; write EDF, WFDB or DICOM, or leave it out",
                path=path,
                lead=lead,
            )
    return [LEAD_NUMBERS[lead] for lead in recording.leads]


def _digits(recording: Recording, path: Path) -> tuple[int, NDArray[np.int64]]:
    """Return the step of all leads, nV, and their samples in steps."""
    for lead, row in zip(recording.leads, recording.signal, strict=True):
        if np.isnan(row).any():
            raise UnsupportedFormatError(
                f"lead {lead}: missing samples (NaN), which SCP-ECG cannot say; write WFDB, DICOM or CSV",
                path=path,
                lead=lead,
            )
    own = recording.source.lsb_mv or ()
    hints = own if len(own) == recording.n_leads else (None,) * recording.n_leads
    steps = []
    for row, hint in zip(recording.signal, hints, strict=True):
        step = step_mv(row, hint)
        # Off the device's own grid, a sixteenth of its step is fine enough.
        fine = hint / 16 if hint is not None and step < hint < np.inf else 0.0
        steps.append(max(1, round(max(step, fine) * _NV_PER_MV)))
    signal = np.asarray(recording.signal, dtype=np.float64) * _NV_PER_MV
    least = float(np.abs(signal).max()) / LARGEST
    # One step for all leads: a common divisor of theirs if it holds the highest sample, else the finest that does.
    common = int(np.gcd.reduce(steps))
    step_nv = common if least <= common <= 0xFFFF else max(min(steps), int(np.ceil(least)), 1)
    if step_nv > 0xFFFF:
        raise UnsupportedFormatError(
            f"samples of {np.abs(signal).max() / _NV_PER_MV:.3g} mV, more than the 2147 mV of SCP-ECG; write CSV",
            path=path,
        )
    return step_nv, np.round(signal / step_nv).astype(np.int64)


def _language(recording: Recording) -> tuple[str, int]:
    """Return the character set that holds all texts, and its code."""
    said = "".join(
        (recording.patient.name or "", recording.patient.id or "", recording.patient.complaint or "",
         *recording.patient.drugs, *recording.source.statements)
    )  # fmt: skip
    if said.isascii():
        return "ascii", 0
    for code in (0x01, 0x13, 0x37):
        try:
            said.encode(LANGUAGES[code])
        except UnicodeEncodeError:
            continue
        return LANGUAGES[code], code
    raise AssertionError("UTF-8 holds every text")


def _record(sections: dict[int, bytes]) -> bytes:
    """Return the whole file: checksum, length, the pointers, the sections."""
    at = RECORD_HEAD + SECTION_HEAD + 10 * _N_SECTIONS
    pointers, bodies = [struct.pack("<HII", 0, at - RECORD_HEAD, RECORD_HEAD + 1)], []
    for number in range(1, _N_SECTIONS):
        body = _section(number, sections[number]) if number in sections else b""
        pointers.append(struct.pack("<HII", number, len(body), at + 1 if body else 0))
        bodies.append(body)
        at += len(body)
    data = _section(0, b"".join(pointers), MARK) + b"".join(bodies)
    data = struct.pack("<I", RECORD_HEAD + len(data)) + data
    return struct.pack("<H", checksum(data)) + data


def _section(number: int, data: bytes, reserved: bytes = bytes(6)) -> bytes:
    data += bytes(len(data) % 2)
    data = struct.pack("<HIBB", number, SECTION_HEAD + len(data), _PROTOCOL, _PROTOCOL) + reserved + data
    return struct.pack("<H", checksum(data)) + data


def _field(tag: int, value: bytes) -> bytes:
    return struct.pack("<BH", tag, len(value)) + value


def _text(text: str | None, encoding: str) -> bytes:
    """Return a text ended by a zero."""
    return (text or "").replace("\0", " ").encode(encoding, errors="replace")[: _LONGEST_TEXT - 1] + b"\0"


def _date(day: date | None) -> bytes:
    return b"" if day is None else struct.pack("<HBB", day.year, day.month, day.day)


def _header(recording: Recording, encoding: str, language: int) -> bytes:
    patient, start = recording.patient, recording.start
    out = [
        _field(0, _text(patient.name, encoding)),
        _field(2, _text(patient.id, encoding)),
        _field(5, _date(patient.birth_date)),
        _field(8, bytes([{"M": 1, "F": 2}.get(patient.sex or "", 0)])),
        _field(14, _device(recording, language)),
        _field(25, _date(start)),
        _field(26, b"" if start is None else bytes([start.hour, start.minute, start.second])),
    ]
    if patient.age_years is not None:
        # Whole years, or days where years would be wrong.
        days = round(patient.age_years * 365.25)
        is_whole = abs(patient.age_years - round(patient.age_years)) < 1e-9
        value, unit = (round(patient.age_years), 1) if is_whole else (min(days, 0xFFFF), 4)
        out.append(_field(4, struct.pack("<HB", value, unit)))
    out += [_field(10, bytes(3) + _text(drug, encoding)) for drug in patient.drugs]
    if patient.complaint:
        out.append(_field(13, _text(patient.complaint, encoding)))
    out += _filters(recording.source.filters)
    zone = None if start is None else start.utcoffset()
    if zone is not None:
        out.append(_field(34, struct.pack("<hH", round(zone.total_seconds() / 60), 0) + b"\0"))
    return b"".join([*out, _field(255, b"")])


def _device(recording: Recording, language: int) -> bytes:
    """Return the acquiring device: a cart, its name as the manufacturer's text."""
    name = latin(recording.source.device or "").encode("ascii")[:120]
    head = struct.pack("<HHHBB6s", 0, 0, 0, 0, 255, b"")
    head += bytes([_PROTOCOL, _CATEGORY, language, 0, 0]) + bytes(16) + b"\x01"
    return head + b"\0" * 4 + name + b"\0"


def _filters(filters: Filters | None) -> list[bytes]:
    if filters is None:
        return []
    out = []
    if filters.highpass_hz:
        out.append(_field(27, struct.pack("<H", min(round(filters.highpass_hz * 100), 0xFFFF))))
    if filters.lowpass_hz:
        out.append(_field(28, struct.pack("<H", min(round(filters.lowpass_hz), 0xFFFF))))
    if filters.notch_hz:
        out.append(_field(29, bytes([1 if round(filters.notch_hz) == 60 else 2])))
    return out


def _leads(numbers: list[int], n_samples: int) -> bytes:
    simultaneous = min(len(numbers), 31)
    head = bytes([len(numbers), 0b100 | simultaneous << 3])
    return head + b"".join(struct.pack("<IIB", 1, n_samples, number) for number in numbers)


def _rhythm(digits: NDArray[np.int64], step_nv: int, interval_us: int, path: Path) -> bytes:
    """Return section 6: differences of the order that takes fewest bytes, none where all take too many bits."""
    coded = {order: rows for order in (2, 1, 0) if (rows := _coded(digits, order)) is not None}
    order, rows = min(coded.items(), key=lambda item: sum(map(len, item[1])))
    if max(map(len, rows)) > _LONGEST_LEAD:
        raise UnsupportedFormatError(
            f"{digits.shape[1]} samples a lead take more than the {_LONGEST_LEAD} bytes that SCP-ECG has; cut the "
            "recording, or write EDF, WFDB or DICOM",
            path=path,
        )
    head = struct.pack("<HHBB", step_nv, interval_us, order, 0) + struct.pack(f"<{len(rows)}H", *map(len, rows))
    return head + b"".join(rows)


def _coded(digits: NDArray[np.int64], order: int) -> list[bytes] | None:
    """Return the codes of each lead, of an even number of bytes; None where a difference has more than 16 bits."""
    rows = []
    for row in digits:
        differences = row.copy()
        differences[order:] = np.diff(row, order)
        if order == 2:
            differences[1] = row[1]
        try:
            data = huffman.encode(differences)
        except huffman.HuffmanError:
            return None
        rows.append(data + bytes(len(data) % 2))
    return rows


def _statements(recording: Recording, encoding: str) -> bytes:
    """Return the device's statements as section 8, original and unconfirmed."""
    said = recording.source.statements[:255]
    if not said:
        return b""
    start = recording.start
    head = b"\0" + (_date(start) or bytes(4))
    head += bytes(3) if start is None else bytes([start.hour, start.minute, start.second])
    texts = [_text(text, encoding) for text in said]
    return head + bytes([len(said)]) + b"".join(
        struct.pack("<BH", i + 1, len(text)) + text for i, text in enumerate(texts)
    )  # fmt: skip
