"""From a device's own samples to what a reader gives back; what the readers of devices' exports share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.formats._common import Opened, Options, choose_leads, common_rate, name_leads
from ecg_engine.leads import display_order, standard_name
from ecg_engine.types import Annotation, DeviceBeat, Patient, Source
from ecg_engine.types.marks import MARK_NAMES

__all__ = [
    "MAX_SAMPLES",
    "Channel",
    "Findings",
    "age_of",
    "beat_of",
    "check_total",
    "date_of",
    "gathered",
    "name_of",
    "qtc_code",
    "said_yes",
    "sex_of",
    "stamp_of",
    "with_limb_leads",
]

#: Over all leads: 93 min of twelve leads at 500 Hz.
MAX_SAMPLES: Final = 2**25
#: A QTc is that of a formula if it lies this near, ms: devices round QT, rate and result to whole numbers.
_QTC_NEAR_MS: Final = 3.0
_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Channel:
    """One lead as the file has it: mV = samples * step_mv + zero_mv."""

    name: str
    #: An array, or what has a length and gives a piece of one by ``[start:stop]``.
    samples: Any
    step_mv: float
    zero_mv: float = 0.0


class Findings:
    """The device's own measurements and statements, as they are gathered.

    What has a code of ours and a unit that fits goes among the measurements; the rest is kept in words.
    """

    def __init__(self) -> None:
        self.measurements: dict[str, float] = {}
        self.others: list[str] = []
        self.by_lead: dict[str, dict[str, str]] = {}
        self.statements: list[str] = []

    def measured(self, code: str | None, value: float | None, name: str = "", unit: str = "") -> None:
        """Take a measurement; None, and a zero where none can be, are no measurement."""
        if value is None or (value == 0 and (code is None or not code.endswith("_deg"))):
            return
        if code is None:
            said = f"{name}: {value:g} {unit}".strip()
            if said not in self.others:  # a device may repeat it at every beat
                self.others.append(said)
        else:
            self.measurements.setdefault(code, value)

    def corrected_qt(self, value: float | None, *, name: str = "QTc") -> None:
        """Take a QTc whose formula the file does not name: the one that makes it of QT and RR."""
        rr = self.measurements.get("rr_ms") or _rr_of(self.measurements.get("heart_rate_bpm"))
        code = qtc_code(value, self.measurements.get("qt_ms"), rr)
        self.measured(code, value, name, "ms")

    def in_lead(self, lead: str, name: str, said: str) -> None:
        """Take a measurement of one lead, in words."""
        if said:
            self.by_lead.setdefault(standard_name(lead), {})[name] = said

    def state(self, *texts: str) -> None:
        """Take statements, one line each; lines that only rule off are none."""
        self.statements += [line for text in texts if _says(line := " ".join(text.split()))]

    def details(self) -> dict[str, Any]:
        """Return what has no place of its own in a recording."""
        return _kept({"device_measurements": self.others, "device_measurements_by_lead": self.by_lead})


def _rr_of(rate: float | None) -> float | None:
    return 60_000 / rate if rate else None


def qtc_code(qtc: float | None, qt: float | None, rr: float | None) -> str | None:
    """Return the code of the formula that gives a QTc, None where none does.

    Examples
    --------
    >>> qtc_code(401, 440, 1202), qtc_code(419, 452, 1250), qtc_code(380, 440, 1202)
    ('qtc_bazett_ms', 'qtc_fridericia_ms', None)
    """
    if qtc is None or qt is None or rr is None or rr <= 0:
        return None
    seconds = rr / 1000
    by_formula = {
        "qtc_bazett_ms": qt / math.sqrt(seconds),
        "qtc_fridericia_ms": qt / math.cbrt(seconds),
        "qtc_framingham_ms": qt + 154 * (1 - seconds),
        "qtc_hodges_ms": qt + 1.75 * (60_000 / rr - 60),
    }
    code = min(by_formula, key=lambda name: abs(by_formula[name] - qtc))
    return code if abs(by_formula[code] - qtc) <= _QTC_NEAR_MS else None


def check_total(n_samples: int, *, path: Path) -> None:
    """Refuse more samples, over all leads, than any ECG in these formats has.

    Raises
    ------
    UnsupportedFormatError
        There are more.
    """
    if n_samples > MAX_SAMPLES:
        raise UnsupportedFormatError(
            f"{n_samples} samples, where {MAX_SAMPLES} are read; export a shorter part", path=path
        )


def gathered(
    channels: Sequence[Channel],
    *,
    fs: float,
    path: Path,
    options: Options,
    format: str,
    start: datetime | None = None,
    patient: Patient | None = None,
    device: str = "",
    filters: Any = None,
    findings: Findings | None = None,
    beat: DeviceBeat | None = None,
    annotations: Sequence[Annotation] = (),
    details: Mapping[str, Any] | None = None,
) -> Opened:
    """Return what a reader gives back, of channels in memory or on the disk.

    Raises
    ------
    CorruptFormatError
        Leads of different lengths, without samples, or without a scale.
    """
    if not channels:
        raise UnsupportedFormatError("holds no ECG samples; export the ECG with its waveforms", path=path)
    findings, patient = findings or Findings(), patient or Patient()
    if patient.age_years is None:
        patient = replace(patient, age_years=years_between(patient.birth_date, start))
    names = name_leads([channel.name for channel in channels])
    kept = choose_leads(names, options.leads, path=path)
    leads, chosen = tuple(names[i] for i in kept), [channels[i] for i in kept]
    n_samples = _common_length(leads, chosen, path)
    rows = [channel.samples for channel in chosen]
    arrays = [row for row in rows if isinstance(row, np.ndarray)]
    whole = np.stack(arrays) if len(arrays) == len(rows) else None
    step = np.array([channel.step_mv for channel in chosen])[:, np.newaxis]
    zero = np.array([channel.zero_mv for channel in chosen])[:, np.newaxis]

    def fetch(start: int, stop: int) -> NDArray[np.float64]:
        raw = np.stack([row[start:stop] for row in rows]) if whole is None else whole[:, start:stop]
        out: NDArray[np.float64] = raw * step
        if zero.any():
            out += zero
        return out

    return Opened(
        fs=common_rate(leads[:1], [fs], path=path),
        leads=leads,
        n_samples=n_samples,
        fetch=fetch,
        start=start,
        patient=patient,
        source=Source(
            path=str(path),
            format=format,
            device=" ".join(device.split()) or None,
            filters=filters,
            lsb_mv=tuple(abs(channel.step_mv) for channel in chosen),
            measurements=findings.measurements,
            statements=tuple(findings.statements),
            beat=beat,
            details=_kept({**(details or {}), **findings.details()}),
        ),
        annotations=tuple(
            sorted((mark for mark in annotations if 0 <= mark.sample < n_samples), key=lambda mark: mark.sample)
        ),
    )


def _common_length(leads: Sequence[str], channels: Sequence[Channel], path: Path) -> int:
    lengths = [len(channel.samples) for channel in channels]
    usual = max(set(lengths), key=lengths.count)
    for name, channel, length in zip(leads, channels, lengths, strict=True):
        if not (math.isfinite(channel.step_mv) and channel.step_mv and math.isfinite(channel.zero_mv)):
            raise CorruptFormatError(
                f"lead {name}: no scale; keep others with leads=… (--leads) or export again", path=path, lead=name
            )
        if length != usual or not length:
            others = f"where the others have {usual}" if length != usual else "in the whole file"
            raise CorruptFormatError(
                f"lead {name}: {length} samples {others}; keep others with leads=… (--leads) or export again",
                path=path,
                lead=name,
            )
    return usual


def _kept(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in details.items()
        if value not in (None, [], {}, ()) and (not isinstance(value, str) or _says(value))
    }


def _says(text: str) -> bool:
    """Tell whether a text holds a letter or digit: devices write ``---`` where nothing is known."""
    return any(letter.isalnum() for letter in text)


def with_limb_leads(channels: list[Channel]) -> tuple[list[Channel], list[str]]:
    """Return channels with III, aVR, aVL and aVF put in by rule, exactly; and the names of those put in.

    In whole steps of I and II the augmented leads are whole halves (Einthoven, Goldberger; AHA/ACC/HRS 2007, part I,
    doi:10.1161/CIRCULATIONAHA.106.180200), so they get half the step.
    """
    have = {standard_name(channel.name): channel for channel in channels}
    one, two = have.get("I"), have.get("II")
    if one is None or two is None or len(have) < len(channels):
        return channels, []
    same = (one.step_mv, len(one.samples), one.zero_mv, two.zero_mv) == (two.step_mv, len(two.samples), 0.0, 0.0)
    if not same:
        return channels, []
    first, second = one.samples.astype(np.int64), two.samples.astype(np.int64)
    step, half = one.step_mv, one.step_mv / 2
    every = [
        Channel(name="III", samples=second - first, step_mv=step),
        Channel(name="aVR", samples=-(first + second), step_mv=half),
        Channel(name="aVL", samples=2 * first - second, step_mv=half),
        Channel(name="aVF", samples=2 * second - first, step_mv=half),
    ]
    added = [channel for channel in every if channel.name not in have]
    whole = channels + added
    order = display_order([standard_name(channel.name) for channel in whole])
    return [whole[i] for i in order], [channel.name for channel in added]


def beat_of(channels: Sequence[Channel], *, fs: float, marks_ms: Mapping[str, float | None]) -> DeviceBeat | None:
    """Return the device's representative beat; None where its leads are none, unlike or without scale.

    Parameters
    ----------
    channels : sequence of Channel
    fs : float
        Hz.
    marks_ms : mapping
        Our names of onsets and offsets to their times after the first sample, ms.
    """
    lengths = {len(channel.samples) for channel in channels}
    names = name_leads([channel.name for channel in channels])
    scaled = all(math.isfinite(c.step_mv) and c.step_mv and math.isfinite(c.zero_mv) for c in channels)
    if len(lengths) != 1 or 0 in lengths or len(set(names)) < len(names) or not scaled:
        return None
    (n_samples,) = lengths
    marks = {
        name: round(at * fs / 1000)
        for name, at in marks_ms.items()
        if name in MARK_NAMES and at is not None and 0 < at * fs / 1000 < n_samples
    }
    signal = np.stack([channel.samples * channel.step_mv + channel.zero_mv for channel in channels])
    try:
        return DeviceBeat(signal=signal, fs=fs, leads=tuple(names), marks=marks)
    except (InputError, FormatError):
        return None


def years_between(birth: date | None, then: datetime | None) -> float | None:
    """Return the age at a time, whole years, None where it cannot be one."""
    if birth is None or then is None:
        return None
    years = then.year - birth.year - ((then.month, then.day) < (birth.month, birth.day))
    return float(years) if 0 <= years <= 130 else None


def age_of(value: float | None, unit: str) -> float | None:
    """Return an age in years; None where it cannot be one.

    Examples
    --------
    >>> age_of(6, "MONTHS"), age_of(43, "YEARS"), age_of(300, "a")
    (0.5, 43.0, None)
    """
    letter = unit.strip().lower()[:2]
    a_year = {"y": 1.0, "a": 1.0, "": 1.0, "m": 12.0, "w": _DAYS_A_YEAR / 7, "d": _DAYS_A_YEAR, "h": _DAYS_A_YEAR * 24}
    per = a_year.get(letter[:1])
    years = value / per if value is not None and per else None
    return years if years is not None and 0 <= years <= 130 else None


def date_of(year: Any, month: Any, day: Any) -> date | None:
    """Return a date of numbers or their texts, None where it is none."""
    try:
        return date(int(year), int(month), int(day))
    except (ValueError, TypeError, OverflowError):
        return None


_STAMP: Final = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,]?(\d{1,9}))?)?)?\s*(Z|[+-]\d\d:?\d\d)?"
)


def stamp_of(text: str) -> datetime | None:
    """Return a time stamp of ISO 8601 or HL7 (``20021122091000.000+0300``), with its zone where it has one.

    Examples
    --------
    >>> stamp_of("20021122091000.25").isoformat(), stamp_of("2016-06-01T18:15:25.777-04:00").isoformat()
    ('2002-11-22T09:10:00.250000', '2016-06-01T18:15:25.777000-04:00')
    >>> stamp_of("432432") is None
    True
    """
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return None
    zone = found[8]
    try:
        known = UTC if zone == "Z" else _zone(zone) if zone else None
        parts = [int(found[i] or 0) for i in range(1, 6)]
        moment = datetime(*parts, tzinfo=known)  # type: ignore[arg-type, misc]
        return moment + timedelta(seconds=int(found[6] or 0), microseconds=int((found[7] or "0").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))


def sex_of(text: str) -> str | None:
    """Return "F" or "M" of what devices write, None of anything else."""
    letter = text.strip().lower()
    return {"m": "M", "male": "M", "f": "F", "female": "F"}.get(letter)


def said_yes(text: str) -> bool | None:
    """Return True or False of what devices write of a flag, None of anything else.

    Examples
    --------
    >>> said_yes("ON"), said_yes("no"), said_yes("Unknown")
    (True, False, None)
    """
    word = text.strip().lower()
    return {"yes": True, "true": True, "on": True, "1": True, "paced": True,
            "no": False, "false": False, "off": False, "0": False}.get(word)  # fmt: skip


def name_of(*parts: str) -> str | None:
    """Return a name of its parts, family name first; None of placeholders."""
    words = " ".join(part for part in parts if _says(part)).split()
    return " ".join(words) or None
