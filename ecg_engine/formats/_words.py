"""Patient, start and source as ``key: value`` lines, for formats whose headers are free text (WFDB, CSV)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final

from ecg_engine.types import Annotation, Filters, Patient, Recording

#: ``# Age: 61``, ``#<age>: 61``, ``# age = 61``.
_LINE: Final = re.compile(r"^#?\s*<?\s*([^\W\d_][\w /.-]{0,30}?)\s*>?\s*[:=]\s*(.*)$")
_KEYS: Final = {
    "age": "age", "age_years": "age", "sex": "sex", "gender": "sex", "name": "name", "patient name": "name",
    "id": "id", "patient id": "id", "patient_id": "id", "birth date": "birth_date", "birth_date": "birth_date",
    "pacemaker": "pacemaker", "complaint": "complaint", "drugs": "drugs", "medications": "drugs",
    "start": "start", "timezone": "timezone", "device": "device", "statements": "statements",
    "measurements": "measurements", "пациент": "name", "фио": "name", "ф.и.о.": "name", "возраст": "age", "пол": "sex",
    "дата рождения": "birth_date", "жалобы": "complaint", "аппарат": "device", "прибор": "device",
    "highpass": "highpass", "lowpass": "lowpass", "notch": "notch",
}  # fmt: skip
#: Between two statements of the device on a line.
_BAR: Final = " | "
_MEASURED: Final = re.compile(r"([a-z][a-z0-9_]*) = (-?\d+(?:\.\d+)?)")
_SEX: Final = {
    "f": "F", "female": "F", "w": "F", "ж": "F", "жен": "F", "женский": "F",
    "m": "M", "male": "M", "м": "M", "муж": "M", "мужской": "M",
}  # fmt: skip


def split_line(line: str) -> tuple[str, str] | None:
    """Return (our key, value) of a header line, None where it is none of ours.

    Examples
    --------
    >>> split_line("#<age>: 60"), split_line("# The rhythm is paced.")
    (('age', '60'), None)
    """
    found = _LINE.match(line.strip())
    key = _KEYS.get(found[1].strip().lower()) if found else None
    return (key, found[2].strip()) if found and key else None


def number(text: str) -> float | None:
    """Return the number at the start of `text`, None where there is none."""
    found = re.match(r"\s*(\d+(?:[.,]\d+)?)", text)
    return float(found[1].replace(",", ".")) if found else None


def age_years(text: str) -> float | None:
    """Return an age that can be one, years."""
    value = number(text)
    return value if value is not None and value <= 130 else None


def sex_of(text: str) -> str | None:
    """Return "F", "M" or None."""
    return _SEX.get(text.strip().lower().rstrip("."))


def date_of(text: str) -> date | None:
    """Return a date as ISO or Russian documents write it (``1962-03-04``, ``04.03.1962``), None where it is none."""
    russian = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d{4})", text.strip())
    try:
        return date.fromisoformat("-".join(russian.group(3, 2, 1)) if russian else text.strip())
    except ValueError:
        return None


def datetime_of(text: str) -> datetime | None:
    """Return an ISO date and time, with its zone where it says one; None where it is none."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def zoned(start: datetime | None, words: Mapping[str, str]) -> datetime | None:
    """Return the start in the time zone that header lines speak of.

    Examples
    --------
    >>> zoned(datetime(2024, 3, 5, 11), {"timezone": "+05:30"}).isoformat()
    '2024-03-05T11:00:00+05:30'
    """
    zone = datetime_of(f"2000-01-01T00:00{words['timezone']}") if words.get("timezone") else None
    return start if start is None or zone is None else start.replace(tzinfo=zone.tzinfo)


def statements_of(words: Mapping[str, str]) -> tuple[str, ...]:
    """Return the device's statements that a header line lists."""
    return tuple(text.strip() for text in words.get("statements", "").split(_BAR) if text.strip())


def measurements_of(words: Mapping[str, str]) -> dict[str, float]:
    """Return the device's measurements that a header line lists, by our codes.

    Examples
    --------
    >>> measurements_of({"measurements": "qrs_ms = 92, t_axis_deg = -12.5"})
    {'qrs_ms': 92.0, 't_axis_deg': -12.5}
    """
    parts = (_MEASURED.fullmatch(part.strip()) for part in words.get("measurements", "").split(","))
    return {part[1]: float(part[2]) for part in parts if part}


def patient_of(words: Mapping[str, str]) -> Patient:
    """Return the patient that header lines speak of; what cannot be understood is left out."""
    pacemaker = words.get("pacemaker", "").lower()
    return Patient(
        id=words.get("id") or None,
        name=words.get("name") or None,
        birth_date=date_of(words.get("birth_date", "")),
        age_years=age_years(words.get("age", "")),
        sex=sex_of(words.get("sex", "")),
        pacemaker=True if pacemaker == "yes" else False if pacemaker == "no" else None,
        complaint=words.get("complaint") or None,
        drugs=tuple(part.strip() for part in words.get("drugs", "").split(";") if part.strip()),
    )


def filters_of(words: Mapping[str, str]) -> Filters | None:
    """Return the filters that header lines speak of, None where they do not."""
    found = {key: number(words.get(key, "")) for key in ("highpass", "lowpass", "notch")}
    if all(value is None for value in found.values()):
        return None
    return Filters(highpass_hz=found["highpass"], lowpass_hz=found["lowpass"], notch_hz=found["notch"])


def words_of(recording: Recording) -> dict[str, str]:
    """Return what a recording's header says, by key; what is absent is left out."""
    patient, filters = recording.patient, recording.source.filters or Filters()
    pacemaker = None if patient.pacemaker is None else "yes" if patient.pacemaker else "no"
    every = {
        "age": None if patient.age_years is None else f"{patient.age_years:.10g}",
        "sex": patient.sex,
        "name": patient.name,
        "id": patient.id,
        "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
        "pacemaker": pacemaker,
        "complaint": patient.complaint,
        "drugs": "; ".join(patient.drugs) or None,
        "timezone": _zone(recording.start),
        "device": recording.source.device,
        "statements": _BAR.join(text.replace("|", "/") for text in recording.source.statements),
        "measurements": ", ".join(f"{code} = {value:.10g}" for code, value in recording.source.measurements.items()),
        "highpass": _hz(filters.highpass_hz),
        "lowpass": _hz(filters.lowpass_hz),
        "notch": _hz(filters.notch_hz),
    }
    return {key: " ".join(value.split()) for key, value in every.items() if value}


def _zone(start: datetime | None) -> str | None:
    return start.isoformat(timespec="seconds")[19:] if start is not None and start.tzinfo is not None else None


def _hz(value: float | None) -> str | None:
    return None if value is None else f"{value:g} Hz"


def mark_line(mark: Annotation) -> str:
    """Return an annotation as a line, ``# annotation: sample,duration,symbol,lead,text``."""
    # A comma would end the cell, and nothing means a comment.
    symbol = "" if mark.symbol in (",", '"') else mark.symbol
    return f"# annotation: {mark.sample},{mark.duration},{symbol},{mark.lead or ''},{' '.join(mark.text.split())}"


def marks_of(marks: Iterable[str], n_samples: int) -> tuple[Annotation, ...]:
    """Return the annotations of lines, without what stands in front of the sample; what is none is left out."""
    out = []
    for mark in marks:
        parts = [part.strip() for part in mark.split(",", 4)]
        if len(parts) == 5 and re.fullmatch(r"\d{1,12}", parts[0]) and re.fullmatch(r"\d{1,12}", parts[1]):
            sample = int(parts[0])
            if sample < n_samples:
                out.append(
                    Annotation(
                        sample=sample,
                        duration=int(parts[1]),
                        symbol=parts[2] or '"',
                        lead=parts[3] or None,
                        text=parts[4],
                    )
                )
    return tuple(out)


def split_text(text: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Return what lines of text say by our keys, the annotations among them, and all other lines."""
    words: dict[str, str] = {}
    marks: list[str] = []
    comments: list[str] = []
    for line in text.splitlines():
        plain = line.strip().lstrip("#").strip()
        value = plain.partition(":")[2]
        known = split_line(plain)
        if line.startswith("# annotation:"):
            marks.append(value.strip())
        elif line.startswith("# leads:"):
            words["leads"] = value.strip()
        elif line.startswith("#") and known:
            words.setdefault(*known)
        elif plain:
            comments.append(plain)
    return words, marks, comments
