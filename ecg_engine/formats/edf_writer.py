"""EDF+ files: 16-bit signals, an annotation channel, header fields in ASCII."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import UnsupportedFormatError
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import LARGEST, quantise
from ecg_engine.formats.edf import ENDS
from ecg_engine.formats.edf_header import ANNOTATIONS_LABEL, MONTHS, SIGNAL_FIELDS
from ecg_engine.types import Annotation, Filters, Patient, Recording

#: Longest data record that the standard recommends, bytes.
_RECORD_BYTES: Final = 61_440
#: Relative error of the sampling rate that is still the same rate.
_SAME_RATE: Final = 1e-9
#: Latin letters of Russian, Ukrainian and Belarusian ones, as in passports (ICAO Doc 9303, part 3, section 6).
_LATIN: Final = {
    "А": "A", "Б": "B", "В": "V", "Г": "G", "Д": "D", "Е": "E", "Ё": "E", "Ж": "Zh", "З": "Z", "И": "I", "Й": "I",
    "К": "K", "Л": "L", "М": "M", "Н": "N", "О": "O", "П": "P", "Р": "R", "С": "S", "Т": "T", "У": "U", "Ф": "F",
    "Х": "Kh", "Ц": "Ts", "Ч": "Ch", "Ш": "Sh", "Щ": "Shch", "Ъ": "Ie", "Ы": "Y", "Ь": "", "Э": "E", "Ю": "Iu",
    "Я": "Ia",
    "Є": "Ie", "І": "I", "Ї": "I", "Ґ": "G", "Ў": "U",
}  # fmt: skip
_TO_LATIN: Final = str.maketrans(_LATIN | {k.lower(): v.lower() for k, v in _LATIN.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    """How samples are cut into data records: the duration's text, samples in each, records."""

    seconds: str
    n_samples: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """One lead's four header texts; mV = physical_min + (digit - digital_min) * step."""

    dimension: str
    physical_min: str
    physical_max: str
    digital_min: int
    digital_max: int

    @property
    def step(self) -> float:
        width = float(self.physical_max) - float(self.physical_min)
        return width / (self.digital_max - self.digital_min) * self.mv

    @property
    def zero(self) -> float:
        return float(self.physical_min) * self.mv - self.digital_min * self.step

    @property
    def mv(self) -> float:
        return 1e-3 if self.dimension == "uV" else 1.0


def write_file(recording: Recording, path: Path) -> None:
    """Write an EDF+ file.

    Raises
    ------
    UnsupportedFormatError
        A sample is missing, which EDF cannot say; or the rate cannot be written in its eight signs.
    """
    gaps = [name for name, row in zip(recording.leads, recording.signal, strict=True) if np.isnan(row).any()]
    if gaps:
        raise UnsupportedFormatError(
            f"lead {gaps[0]}: missing samples (NaN), which EDF cannot say; write WFDB, DICOM or CSV, or cut them out",
            path=path,
            lead=gaps[0],
        )
    labels = [f"ECG {latin(lead)}"[:16] for lead in recording.leads]
    if len(set(labels)) < len(labels):
        raise UnsupportedFormatError(
            "the names of two leads are the same in the sixteen signs that EDF has; write WFDB, DICOM or CSV", path=path
        )
    records = _cut(recording, path)
    digits = quantise(recording)
    scales = [
        _scale(step, baseline, int(row.min()), int(row.max()))
        for step, baseline, row in zip(digits.lsb_mv, digits.baseline, digits.samples, strict=True)
    ]
    texts = _annotation_records(recording, records)
    with replacing(path) as new, new.open("wb") as file:
        file.write(_header(recording, records, scales, texts.shape[1]))
        file.write(_data(recording, records, scales, texts).tobytes())


def latin(text: str) -> str:
    """Return a text in the printable ASCII that EDF allows.

    Cyrillic is written as in passports, Latin letters lose their accents, others become ``?``.

    Examples
    --------
    >>> latin("Щукина Юлия")
    'Shchukina Iuliia'
    >>> latin("Ґалаґан Їжак, José Müller")
    'Galagan Izhak, Jose Muller'
    """
    plain = unicodedata.normalize("NFC", text).translate(_TO_LATIN)
    bare = (c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in bare)


def _cut(recording: Recording, path: Path) -> _Records:
    """Return the data records, about 1 s each, without padding where the length allows it."""
    longest = max(1, _RECORD_BYTES // (2 * recording.n_leads))
    rate = Fraction(recording.fs)
    best: tuple[tuple[bool, float], _Records] | None = None
    for n in range(1, longest + 1):
        text = _number8(float(n / rate))
        if text is None or abs(n / float(text) / recording.fs - 1) > _SAME_RATE:
            continue
        rest = recording.n_samples % n != 0
        # Whole records first, then the length nearest to 1 s on a scale of ratios.
        rank = (rest, abs(float(np.log(n / recording.fs))))
        if best is None or rank < best[0]:
            best = rank, _Records(seconds=text, n_samples=n, count=-(-recording.n_samples // n))
    if best is None:
        raise UnsupportedFormatError(
            f"{recording.fs:g} Hz cannot be written in the eight signs that EDF has; write WFDB, DICOM or CSV",
            path=path,
        )
    return best[1]


def _scale(step: float, baseline: int, low: int, high: int) -> _Scale:
    """Return header texts of eight signs whose step comes nearest to the lead's own."""
    best: tuple[float, _Scale] | None = None
    for dimension, unit in (("uV", 1e3), ("mV", 1.0)):
        for edge in _edges(low, high, baseline):
            texts = [_number8((d - baseline) * step * unit) for d in (-edge, edge)]
            if texts[0] is None or texts[1] is None or float(texts[0]) >= float(texts[1]):
                continue
            scale = _Scale(
                dimension=dimension, physical_min=texts[0], physical_max=texts[1], digital_min=-edge, digital_max=edge
            )
            # How far off, in steps, the samples at either end come out.
            off = max(abs(scale.zero + d * scale.step - (d - baseline) * step) for d in (low, high)) / step
            if best is None or off < best[0] - 1e-9:
                best = off, scale
            if off < 1e-9:
                return scale
    assert best is not None  # a step of 0.1 µV and 16 bits fit eight signs in one of the units
    return best[1]


def _edges(low: int, high: int, baseline: int) -> list[int]:
    """Return digital limits to try: the whole width, round numbers, then every one that holds the samples."""
    least = max(abs(low), abs(high), 1)
    every = [LARGEST, 32000, 30000, 25000, 20000, 10000, *range(LARGEST - 1, LARGEST - 2000, -1)]
    return [edge for edge in every if edge >= least]


def _number8(value: float) -> str | None:
    """Return `value` in at most eight signs without an exponent, None where it does not fit."""
    for digits in range(7, -1, -1):
        text = f"{value:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if len(text) <= 8:
            return "0" if text == "-0" else text
    return None


def _data(recording: Recording, records: _Records, scales: list[_Scale], texts: NDArray[np.uint8]) -> NDArray[np.int16]:
    n, width = records.n_samples, recording.n_leads * records.n_samples
    out = np.empty((records.count, width + texts.shape[1] // 2), dtype="<i2")
    for i, (row, scale) in enumerate(zip(recording.signal, scales, strict=True)):
        digits = np.round((np.asarray(row, dtype=np.float64) - scale.zero) / scale.step)
        padded = np.full(records.count * n, digits[-1])
        padded[: len(digits)] = digits
        np.clip(padded, scale.digital_min, scale.digital_max, out=padded)
        out[:, i * n : (i + 1) * n] = padded.reshape(records.count, n)
    out[:, width:] = texts.view("<i2")
    return out


def _annotation_records(recording: Recording, records: _Records) -> NDArray[np.uint8]:
    """Return the annotation channel, (n_records, bytes): each record's time, then the annotations that start in it."""
    marks = list(recording.annotations)
    if records.count * records.n_samples > recording.n_samples:
        # The last record is padded: the standard's own word for where the samples end.
        marks.append(Annotation(sample=recording.n_samples, text=ENDS))
    fraction = recording.start.microsecond * 1e-6 if recording.start is not None else 0.0
    each = [
        f"+{_decimal(fraction + i * records.n_samples / recording.fs)}\x14\x14\0".encode() for i in range(records.count)
    ]
    for mark in sorted(marks, key=lambda a: a.sample):
        onset = fraction + mark.sample / recording.fs
        text = re.sub(r"[\x00-\x1f]+", " ", mark.text).strip() or mark.symbol
        length = f"\x15{_decimal(mark.duration / recording.fs)}" if mark.duration else ""
        i = min(max(mark.sample, 0) // records.n_samples, records.count - 1)
        each[i] += f"+{_decimal(onset)}{length}\x14{text}\x14\0".encode()
    width = -(-max(len(texts) for texts in each) // 2) * 2
    return np.frombuffer(b"".join(texts.ljust(width, b"\0") for texts in each), dtype=np.uint8).reshape(-1, width)


def _decimal(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".") or "0"


def _header(recording: Recording, records: _Records, scales: list[_Scale], text_bytes: int) -> bytes:
    start, n_signals = recording.start, recording.n_leads + 1
    day = start.strftime("%d.%m.") + f"{start.year % 100:02d}" if start else "01.01.85"
    if start and not 1985 <= start.year <= 2084:
        day = start.strftime("%d.%m.") + "yy"  # the standard's own answer: the year stands in the field above
    fixed = (
        ("0", 8),
        (_patient_field(recording.patient), 80),
        (_recording_field(start, recording.source.device), 80),
        (day, 8),
        (start.strftime("%H.%M.%S") if start else "00.00.00", 8),
        (str(256 * (n_signals + 1)), 8),
        ("EDF+C", 44),
        (str(records.count), 8),
        (records.seconds, 8),
        (str(n_signals), 4),
    )
    filters = _filters_field(recording.source.filters)
    signals = [
        {
            "label": f"ECG {latin(lead)}"[:16],
            "dimension": scale.dimension,
            "physical_min": scale.physical_min,
            "physical_max": scale.physical_max,
            "digital_min": str(scale.digital_min),
            "digital_max": str(scale.digital_max),
            "prefiltering": filters,
            "samples": str(records.n_samples),
        }
        for lead, scale in zip(recording.leads, scales, strict=True)
    ]
    signals.append(
        {
            "label": ANNOTATIONS_LABEL,
            "physical_min": "-1",
            "physical_max": "1",
            "digital_min": "-32768",
            "digital_max": "32767",
            "samples": str(text_bytes // 2),
        }
    )
    parts = [text.ljust(width) for text, width in fixed]
    parts += [signal.get(name, "").ljust(width) for name, width in SIGNAL_FIELDS for signal in signals]
    return "".join(parts).encode("ascii")


def _patient_field(patient: Patient) -> str:
    """Return ``code sex birthdate name`` and what else fits; the name is cut where 80 signs end."""
    more = "" if patient.birth_date or patient.age_years is None else f" age={patient.age_years:g}"
    if patient.pacemaker is not None:
        more += f" pacemaker={'yes' if patient.pacemaker else 'no'}"
    front = f"{_subfield(patient.id)[:20]} {patient.sex or 'X'} {_date(patient.birth_date)} "
    return front + _subfield(patient.name)[: 80 - len(front) - len(more)] + more


def _recording_field(start: datetime | None, device: str | None) -> str:
    return f"Startdate {_date(start)} X X {_subfield(device)}"[:80]


def _subfield(text: str | None) -> str:
    return "_".join(latin(text).split()) if text and text.strip() else "X"


def _date(day: date | None) -> str:
    return "X" if day is None else f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year:04d}"


def _filters_field(filters: Filters | None) -> str:
    if filters is None:
        return ""
    every = (("HP", filters.highpass_hz), ("LP", filters.lowpass_hz), ("N", filters.notch_hz))
    return " ".join(f"{key}:{value:g}Hz" for key, value in every if value is not None)
