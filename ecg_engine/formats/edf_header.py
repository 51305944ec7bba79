"""The header of EDF, EDF+ and BDF as records, every field checked before it is used.

Field widths and meanings: Kemp et al. 1992 (doi:10.1016/0013-4694(92)90009-7), Kemp and Olivan 2003
(doi:10.1016/S1388-2457(03)00123-8). BDF differs in its first eight bytes and in samples of 24 bits (BioSemi).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Final

from ecg_engine.errors import CorruptFormatError
from ecg_engine.formats import _words
from ecg_engine.types import Filters, Patient
from ecg_engine.vocabulary.letters import cyrillic

FIXED_BYTES: Final = 256
#: Name and width of each field of a signal, in the order of the file: all labels, then all transducers ...
SIGNAL_FIELDS: Final = (
    ("label", 16), ("transducer", 80), ("dimension", 8), ("physical_min", 8), ("physical_max", 8), ("digital_min", 8),
    ("digital_max", 8), ("prefiltering", 80), ("samples", 8), ("reserved", 32),
)  # fmt: skip
ANNOTATIONS_LABEL: Final = "EDF Annotations"
#: First bytes of a file whose samples have 24 bits.
_BDF: Final = b"\xffBIOSEMI"
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MAX_SIGNALS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class EdfSignal:
    """One channel of the header; numbers that a field does not hold are NaN."""

    label: str
    transducer: str
    dimension: str
    physical_min: float
    physical_max: float
    digital_min: float
    digital_max: float
    prefiltering: str
    n_samples: int
    #: Samples of the record that stand before this channel's.
    offset: int

    @property
    def is_annotations(self) -> bool:
        """Whether it holds texts, not samples."""
        return self.label in (ANNOTATIONS_LABEL, "BDF Annotations")

    @property
    def step(self) -> float:
        """Physical units of one digital step; NaN where the header gives none."""
        width = self.digital_max - self.digital_min
        return (self.physical_max - self.physical_min) / width if width else math.nan

    @property
    def zero(self) -> float:
        """Physical value of the digital value 0."""
        return self.physical_min - self.digital_min * self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class EdfHeader:
    """The header of a file."""

    patient_field: str
    recording_field: str
    start: datetime | None
    header_bytes: int
    kind: str
    n_records: int
    record_s: Fraction
    signals: tuple[EdfSignal, ...]
    #: 2, or 3 in BDF.
    sample_bytes: int = 2

    @property
    def record_samples(self) -> int:
        """Samples of a data record, over all channels; what holds texts counts too."""
        return sum(signal.n_samples for signal in self.signals)


def read_header(path: Path) -> EdfHeader:
    """Read and check the header of a file.

    Raises
    ------
    CorruptFormatError
        It is cut off, a count is no number, or the file is shorter than it says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        fixed = file.read(FIXED_BYTES)
        if len(fixed) < FIXED_BYTES:
            raise CorruptFormatError(f"the header ends after {len(fixed)} of 256 bytes; copy the file again", path=path)
        n_signals = _count(fixed[252:256], "the number of signals", path, 252)
        if not 1 <= n_signals <= _MAX_SIGNALS or FIXED_BYTES * (n_signals + 1) > size:
            raise CorruptFormatError(
                f"{n_signals} signals in the header do not fit the file's {size} bytes; copy or export it again",
                path=path,
                offset=252,
            )
        described = file.read(FIXED_BYTES * n_signals)
    signals = _signals(described, n_signals, path)
    header_bytes = FIXED_BYTES * (n_signals + 1)
    sample_bytes = 3 if fixed.startswith(_BDF) else 2
    record_bytes = sample_bytes * sum(signal.n_samples for signal in signals)
    n_records = _n_records(fixed[236:244], size - header_bytes, record_bytes, path)
    recording_field = text_of(fixed[88:168])
    return EdfHeader(
        patient_field=text_of(fixed[8:88]),
        recording_field=recording_field,
        start=_start(fixed[168:176].decode("latin-1"), fixed[176:184].decode("latin-1"), recording_field),
        header_bytes=header_bytes,
        kind=_kind(text_of(fixed[192:236])),
        n_records=n_records,
        record_s=_duration(fixed[244:252].decode("latin-1").strip(), path),
        signals=signals,
        sample_bytes=sample_bytes,
    )


def _kind(text: str) -> str:
    """Return ``EDF+C`` or ``EDF+D`` where the file says so, in either spelling."""
    return text[:5].replace("BDF+", "EDF+")


def text_of(raw: bytes) -> str:
    """Return the text of a field; devices write it in UTF-8 or a Cyrillic set although the standard says ASCII."""
    raw = raw.split(b"\0")[0]
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return cyrillic(raw).strip()


def patient_of(field: str, *, plus: bool) -> Patient | None:
    """Return the patient of an EDF+ field ``code sex birthdate name ...``; None where it is free text."""
    parts = field.split()
    birth = _edf_date(parts[2]) if len(parts) > 2 else None
    if len(parts) < 4 or parts[1] not in ("F", "M", "X") or not (plus or birth or parts[2] == "X"):
        return None
    more = dict(part.split("=", 1) for part in parts[4:] if "=" in part)
    return Patient(
        id=_known(parts[0]),
        name=_known(parts[3]),
        birth_date=birth,
        age_years=_words.age_years(more.get("age", "")),
        sex=parts[1] if parts[1] != "X" else None,
        pacemaker={"yes": True, "no": False}.get(more.get("pacemaker", "")),
    )


def device_of(field: str) -> str | None:
    """Return the equipment of an EDF+ field ``Startdate date code technician equipment ...``."""
    parts = field.split()
    return _known(parts[4]) if len(parts) > 4 and parts[0].lower() == "startdate" else None


def filters_of(texts: list[str]) -> Filters | None:
    """Return the narrowest band that the pre-filtering texts of the leads leave, None where they say nothing.

    Examples
    --------
    >>> filters_of(["HP:0.05Hz LP:150Hz N:50Hz"])
    Filters(highpass_hz=0.05, lowpass_hz=150.0, notch_hz=50.0)
    """
    found: dict[str, list[float]] = {"HP": [], "LP": [], "N": []}
    for text in texts:
        for key, value, unit in re.findall(r"\b(HP|LP|N)\s*:?\s*(\d{1,6}(?:\.\d{1,6})?)\s*([a-zA-Z]*)", text):
            if unit.lower() in ("", "hz"):
                found[key].append(float(value))
    if not any(found.values()):
        return None
    return Filters(
        highpass_hz=max(found["HP"], default=None),
        lowpass_hz=min(found["LP"], default=None),
        notch_hz=min(found["N"], default=None),
    )


def _signals(raw: bytes, n_signals: int, path: Path) -> tuple[EdfSignal, ...]:
    fields: dict[str, list[bytes]] = {}
    at = 0
    for name, width in SIGNAL_FIELDS:
        fields[name] = [raw[at + i * width : at + (i + 1) * width] for i in range(n_signals)]
        at += width * n_signals
    out, offset = [], 0
    for i in range(n_signals):
        n_samples = _count(fields["samples"][i], f"the samples a record of signal {i + 1}", path, FIXED_BYTES)
        if n_samples < 0:
            raise CorruptFormatError(f"signal {i + 1} has {n_samples} samples a record; export again", path=path)
        out.append(
            EdfSignal(
                label=text_of(fields["label"][i]),
                transducer=text_of(fields["transducer"][i]),
                dimension=text_of(fields["dimension"][i]),
                physical_min=_float(fields["physical_min"][i]),
                physical_max=_float(fields["physical_max"][i]),
                digital_min=_float(fields["digital_min"][i]),
                digital_max=_float(fields["digital_max"][i]),
                prefiltering=text_of(fields["prefiltering"][i]),
                n_samples=n_samples,
                offset=offset,
            )
        )
        offset += n_samples
    return tuple(out)


def _n_records(raw: bytes, data_bytes: int, record_bytes: int, path: Path) -> int:
    declared = _count(raw, "the number of data records", path, 236)
    if record_bytes <= 0:
        raise CorruptFormatError("its data records are empty; export again", path=path)
    have = data_bytes // record_bytes
    # -1 stands in a file whose recorder never came to close it.
    if declared == -1:
        return have
    if declared < 0:
        raise CorruptFormatError(f"{declared} data records in the header; export again", path=path, offset=236)
    if have < declared:
        raise CorruptFormatError(
            f"{have} whole data records where the header says {declared}; copy the file again", path=path, offset=236
        )
    return declared


def _count(raw: bytes, what: str, path: Path, offset: int) -> int:
    found = re.fullmatch(rb"\s*([+-]?\d{1,8})(?:\.0*)?[\s\0]*", raw)
    if found is None:
        raise CorruptFormatError(f"{what} is no number; export again", path=path, offset=offset)
    return int(found[1])


def _float(raw: bytes) -> float:
    try:
        value = float(raw.decode("latin-1").strip(" \0").replace(",", "."))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _duration(text: str, path: Path) -> Fraction:
    try:
        # A plain decimal is exact; 1e999999 would be a number of a million digits.
        value = Fraction(text) if re.fullmatch(r"\d*\.?\d+|\d+\.", text) else Fraction(float(text))
    except (ValueError, OverflowError):
        raise CorruptFormatError("the length of a data record is no number; export again", path=path) from None
    if value < 0:
        raise CorruptFormatError("the length of a data record is below zero; export again", path=path)
    return value


def _start(day: str, time: str, recording_field: str) -> datetime | None:
    """Return when the recording starts; None where the date is missing, or replaced by X to hide the patient."""
    parts = recording_field.split()
    stated = _edf_date(parts[1]) if len(parts) > 1 and parts[0].lower() == "startdate" else None
    if len(parts) > 1 and parts[0].lower() == "startdate" and parts[1] == "X":
        return None
    clock = re.fullmatch(r"(\d\d?)[.:](\d\d?)[.:](\d\d?)\s*", time)
    short = re.fullmatch(r"(\d\d?)[./-](\d\d?)[./-](\d\d)\s*", day)
    try:
        if stated is None and short:
            # Two digits of the year: 85 to 99 belong to the last century.
            year = int(short[3]) + (1900 if int(short[3]) >= 85 else 2000)
            stated = date(year, int(short[2]), int(short[1]))
        if stated is None or clock is None:
            return None
        return datetime(stated.year, stated.month, stated.day) + timedelta(
            hours=int(clock[1]), minutes=int(clock[2]), seconds=int(clock[3])
        )
    except (ValueError, OverflowError):
        return None


def _edf_date(text: str) -> date | None:
    found = re.fullmatch(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})", text)
    if found is None or found[2].upper() not in MONTHS:
        return None
    try:
        return date(int(found[3]), MONTHS.index(found[2].upper()) + 1, int(found[1]))
    except ValueError:
        return None


def _known(text: str) -> str | None:
    return None if text == "X" else text.replace("_", " ").strip() or None
