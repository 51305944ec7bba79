"""ISHNE Holter files: a header of 522 bytes, a block of free text, then 16-bit samples, instant by instant.

After Badilini, Ann Noninvasive Electrocardiol 1998;3(3):263-266. Samples are mapped, not loaded: a day of twelve
leads opens at once.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError
from ecg_engine.formats import _words
from ecg_engine.formats._common import Opened, Options, choose_leads, name_leads
from ecg_engine.formats._ishne_beats import read_beats
from ecg_engine.formats.edf_header import text_of
from ecg_engine.types import Patient, Source

MAGIC: Final = b"ISHNE1.0"
#: Where the block of free text begins: behind the magic, the checksum and 512 bytes of header.
TEXT_AT: Final = 522
CHECKED_FROM: Final = 10
MAX_LEADS: Final = 12
#: Length of the text, samples, where the text and the samples begin, version, names, id, sex, race, three dates, time,
#: number of leads, their codes, their quality, their nV a step, pacemaker, recorder, rate, two texts, reserved.
HEADER: Final = struct.Struct("<4ih40s40s20s2h12hh12h12h12hh40sh80s80s88s")
#: The standard's table 1.
LEADS: Final = {
    1: "bipolar", 2: "X", 3: "Y", 4: "Z", 5: "I", 6: "II", 7: "III", 8: "aVR", 9: "aVL", 10: "aVF", 11: "V1", 12: "V2",
    13: "V3", 14: "V4", 15: "V5", 16: "V6", 17: "ES", 18: "AS", 19: "AI",
}  # fmt: skip
ABSENT: Final = -9
#: The standard's table 2.
_QUALITY: Final = {
    1: "good", 2: "intermittent noise", 3: "frequent noise", 4: "intermittent disconnection",
    5: "frequent disconnection",
}  # fmt: skip
#: The sample that marks a fault of its lead.
FAULT: Final = -32768
NV_PER_MV: Final = 1e6
_MAX_TEXT_BYTES: Final = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    text_bytes: int
    declared: int
    first_name: str
    last_name: str
    id: str
    sex: int
    birth: date | None
    start: datetime | None
    n_leads: int
    codes: tuple[int, ...]
    quality: tuple[int, ...]
    step_nv: tuple[int, ...]
    pacemaker: int
    recorder: str
    fs: int
    proprietary: str


def open_file(path: Path, options: Options) -> Opened:
    """Open an ISHNE file."""
    header, text = _read_header(path)
    n_samples = _n_samples(path, header)
    words, marks, comments = _words.split_text(text)
    columns = [i for i in range(header.n_leads) if header.codes[i] != ABSENT]
    if not columns:
        raise CorruptFormatError("all its leads are marked as absent; export again", path=path)
    own = words.get("leads", "").split(", ") if "leads" in words else []
    labels = own if len(own) == len(columns) else [LEADS.get(header.codes[i], f"ECG{i + 1}") for i in columns]
    names = name_leads(labels)
    kept = choose_leads(names, options.leads, path=path)
    columns, leads = [columns[i] for i in kept], tuple(names[i] for i in kept)
    for name, i in zip(leads, columns, strict=True):
        if header.step_nv[i] <= 0:
            raise CorruptFormatError(
                f"lead {name}: no resolution; keep others with leads=… (--leads) or export again", path=path, lead=name
            )
    step = np.array([header.step_nv[i] / NV_PER_MV for i in columns])[:, np.newaxis]
    samples = np.memmap(
        path, dtype="<i2", mode="r", offset=TEXT_AT + header.text_bytes, shape=(n_samples, header.n_leads)
    )

    # What the file itself says of beats goes before a list that may have stayed from an older one.
    own_marks = _words.marks_of(marks, n_samples)
    beats, unread = ((), "") if own_marks else read_beats(path, n_samples=n_samples, fs=header.fs, patient_id=header.id)

    def fetch(start: int, stop: int) -> NDArray[np.float64]:
        raw = np.asarray(samples[start:stop, columns]).T
        out: NDArray[np.float64] = raw * step
        out[raw == FAULT] = np.nan
        return out

    return Opened(
        fs=float(header.fs),
        leads=leads,
        n_samples=n_samples,
        fetch=fetch,
        start=_words.zoned(_start(header, words), words),
        patient=_patient(header, words),
        source=Source(
            path=str(path),
            format="ishne",
            device=words.get("device")
            or (None if header.recorder.lower() in ("analog", "digital", "") else header.recorder),
            filters=_words.filters_of(words),
            measurements=_words.measurements_of(words),
            statements=_words.statements_of(words),
            lsb_mv=tuple(float(x) for x in step[:, 0]),
            details=_details(header, columns, leads, comments) | ({"beats_left_out": unread} if unread else {}),
        ),
        annotations=own_marks or beats,
    )


def _read_header(path: Path) -> tuple[_Header, str]:
    with path.open("rb") as file:
        raw = file.read(TEXT_AT)
        if raw[:8] != MAGIC:
            raise CorruptFormatError("no ISHNE file, although its name says so; give it its own suffix", path=path)
        if len(raw) < TEXT_AT:
            raise CorruptFormatError(f"the header ends after {len(raw)} of 522 bytes; copy the file again", path=path)
        header = _header(HEADER.unpack_from(raw, CHECKED_FROM))
        size = path.stat().st_size
        if not 0 <= header.text_bytes <= min(size - TEXT_AT, _MAX_TEXT_BYTES):
            raise CorruptFormatError(
                f"{header.text_bytes} bytes of text in the header do not fit the file's {size}; copy it again",
                path=path,
                offset=CHECKED_FROM,
            )
        text = file.read(header.text_bytes)
    # The standard does not say in which order the two bytes stand; a zero is what programs leave that compute none.
    stored = int.from_bytes(raw[8:10], "little")
    computed = checksum(raw[CHECKED_FROM:] + text)
    if stored not in (0, computed, computed >> 8 | (computed & 0xFF) << 8):
        raise CorruptFormatError(
            "the checksum of its header is wrong, so something in it is damaged; copy or export again",
            path=path,
            offset=8,
        )
    if not 1 <= header.n_leads <= MAX_LEADS:
        raise CorruptFormatError(f"{header.n_leads} leads, where 1 to 12 are possible; export again", path=path)
    return header, text_of(text)


def checksum(data: bytes) -> int:
    """Return the CRC-CCITT (polynomial 0x1021, beginning with 0xFFFF) of header and text.

    Examples
    --------
    >>> hex(checksum(b"123456789"))
    '0x29b1'
    """
    return binascii.crc_hqx(data, 0xFFFF)


def _header(values: tuple[Any, ...]) -> _Header:
    birth, recorded, clock = values[10:13], values[13:16], values[19:22]
    day = _date(recorded)
    start = None
    if day is not None and 0 <= clock[0] < 24 and 0 <= clock[1] < 60 and 0 <= clock[2] < 60:
        start = datetime(day.year, day.month, day.day, *clock)
    return _Header(
        text_bytes=values[0],
        declared=values[1],
        first_name=text_of(values[5]),
        last_name=text_of(values[6]),
        id=text_of(values[7]),
        sex=values[8],
        birth=_date(birth),
        start=start,
        n_leads=values[22],
        codes=values[23:35],
        quality=values[35:47],
        step_nv=values[47:59],
        pacemaker=values[59],
        recorder=text_of(values[60]),
        fs=values[61],
        proprietary=text_of(values[62]),
    )


def _date(day_month_year: tuple[int, ...]) -> date | None:
    day, month, year = day_month_year
    try:
        return date(year, month, day) if year >= 1800 else None
    except ValueError:
        return None


def _n_samples(path: Path, header: _Header) -> int:
    """Return the samples of each lead: what the header says, if the file has them.

    Some programs count the samples of all leads together, and some leave the count out.
    """
    data = path.stat().st_size - TEXT_AT - header.text_bytes
    frame = 2 * header.n_leads
    have, rest = divmod(data, frame)
    if header.declared <= 0 and not rest:
        return have
    if header.declared == have * header.n_leads and not rest:
        return have
    if not 0 < header.declared <= have:
        raise CorruptFormatError(
            f"{have} whole samples a lead where the header says {header.declared}; copy the file again",
            path=path,
            offset=14,
        )
    return header.declared


def _start(header: _Header, words: dict[str, str]) -> datetime | None:
    exact = _words.datetime_of(words.get("start", ""))
    is_same = exact is not None and exact.replace(microsecond=0) == header.start
    return exact if is_same else header.start


def _patient(header: _Header, words: dict[str, str]) -> Patient:
    said = _words.patient_of(words)
    return replace(
        said,
        id=said.id or header.id or None,
        name=said.name or " ".join(f"{header.last_name} {header.first_name}".split()) or None,
        sex={1: "M", 2: "F"}.get(header.sex),
        birth_date=header.birth,
        pacemaker=False
        if header.pacemaker == 0 and "pacemaker" in words
        else True
        if 1 <= header.pacemaker <= 5
        else None,
    )


def _details(header: _Header, columns: list[int], leads: tuple[str, ...], comments: list[str]) -> dict[str, Any]:
    quality = {
        name: _QUALITY[header.quality[i]]
        for name, i in zip(leads, columns, strict=True)
        if header.quality[i] in _QUALITY
    }
    absent = {f"ECG{i + 1}": "marked as absent" for i in range(header.n_leads) if header.codes[i] == ABSENT}
    every: dict[str, Any] = {
        "lead_quality": quality,
        "channels_left_out": absent,
        "recorder": header.recorder if header.recorder.lower() in ("analog", "digital") else "",
        "proprietary": header.proprietary,
        "comments": comments,
    }
    return {key: value for key, value in every.items() if value}
