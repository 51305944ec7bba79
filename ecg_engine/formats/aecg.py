"""HL7 annotated ECG (aECG, ``AnnotatedECG`` of HL7 v3): the first rhythm series.

After the HL7 aECG implementation guide (B. Brown, F. Badilini, 2005) and what devices (Mindray, Mortara) make of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import _aecg_codes as codes
from ecg_engine.formats._aecg_annotations import Clock, annotations_of, findings_of, wave_marks_ms
from ecg_engine.formats._channels import (
    Channel,
    age_of,
    beat_of,
    check_total,
    date_of,
    gathered,
    name_of,
    said_yes,
    sex_of,
    stamp_of,
)
from ecg_engine.formats._common import Opened, Options, mv_per_unit
from ecg_engine.formats._xml import Node, number_of, numbers_of, read_xml
from ecg_engine.types import DeviceBeat, Filters, Patient

_SUBJECT: Final = "componentOf/timepointEvent/componentOf/subjectAssignment/subject/trialSubject"
_S: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "": 1.0}
_MAX_WHOLE: Final = 1e6
_SAME: Final = 1e-12
_FILTER: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Set:
    """Leads that were recorded together, and their clock."""

    channels: list[Channel]
    fs: float | None
    head: datetime | None


def open_file(path: Path, options: Options) -> Opened:
    """Open an annotated ECG; its first rhythm series is the recording, of that the longest set of leads."""
    root = read_xml(path, "AnnotatedECG")
    series = root.every("component/series")
    rhythm = next((one for one in series if _code(one) == "RHYTHM"), series[0] if series else None)
    sets = [] if rhythm is None else [_set(node, path) for node in rhythm.every("component/sequenceSet")]
    if rhythm is None or not any(one.channels for one in sets):
        raise UnsupportedFormatError("an annotated ECG without a waveform; export the ECG with it", path=path)
    main = max(sets, key=lambda one: len(one.channels[0].samples) if one.channels else 0)
    fs = main.fs if main.fs is not None else options.fs
    if fs is None:
        raise CorruptFormatError("no sampling rate (increment of TIME_ABSOLUTE); give it with fs=… (--fs)", path=path)
    start = main.head or _low(rhythm) or _low(root)
    clock = Clock(start=start, fs=fs)
    device = rhythm.first("author/seriesAuthor") or Node("", {})
    made, model = device.said("manufacturerOrganization/name"), "manufacturedSeriesDevice"
    return gathered(
        main.channels,
        fs=fs,
        path=path,
        options=options,
        format="aecg",
        start=start,
        patient=_patient(root),
        device=f"{made} {device.said(f'{model}/manufacturerModelName')}",
        filters=_filters(rhythm),
        findings=findings_of(rhythm),
        beat=_beat(rhythm, path),
        annotations=annotations_of(rhythm, clock),
        details={
            "recording_id": root.attribute("id", "extension") or root.attribute("id", "root"),
            "software": device.said(f"{model}/softwareName"),
            "device_serial": device.said(f"{model}/SerialNumber"),
            "technician": _name(rhythm.first("secondaryPerformer/seriesPerformer/assignedPerson/name")),
            "institution": _site(root),
            "trial": root.said(
                "componentOf/timepointEvent/componentOf/subjectAssignment/componentOf/clinicalTrial/title"
            ),
            "other_groups": [
                f"{_code(one) or 'series'}: {len(list(one.walk('sequenceSet')))} sets"
                for one in series
                if one is not rhythm
            ]
            + [f"set of {len(one.channels)} leads" for one in sets if one is not main],
        },
    )


def _code(node: Node) -> str:
    return node.attribute("code", "code")


def _low(node: Node) -> datetime | None:
    time = node.first("effectiveTime") or Node("", {})
    return stamp_of(time.attribute("low", "value") or time.attribute("center", "value") or time.attribute("", "value"))


def _set(node: Node, path: Path) -> _Set:
    channels: list[Channel] = []
    fs, head, total = None, None, 0
    for i, sequence in enumerate(node.every("component/sequence")):
        code, value = _code(sequence), sequence.first("value")
        if value is None:
            continue
        if code in ("TIME_ABSOLUTE", "TIME_RELATIVE"):
            fs = _rate(value)
            head = stamp_of(value.attribute("head", "value"))
            continue
        digits = value.first("digits")
        if digits is None:
            continue
        lead = code.removeprefix(codes.LEAD) or f"lead {i}"
        samples = numbers_of(digits.text, path=path, lead=lead)
        total += len(samples)
        check_total(total, path=path)
        channels.append(
            Channel(
                name=lead,
                samples=samples,
                step_mv=_voltage(value, "scale", lead, path),
                zero_mv=_voltage(value, "origin", lead, path) if value.first("origin") else 0.0,
            )
        )
    return _Set(channels=channels, fs=fs, head=head)


def _voltage(value: Node, name: str, lead: str, path: Path) -> float:
    number, unit = number_of(value.attribute(name, "value")), value.attribute(name, "unit")
    per_unit = mv_per_unit(unit)
    if number is None or (per_unit is None and number):
        raise CorruptFormatError(
            f"lead {lead}: its {name} is no voltage (unit {unit[:20] or 'none'}); keep others or export again",
            path=path,
            lead=lead,
        )
    return number * (per_unit or 0.0)


def _rate(value: Node) -> float | None:
    """Return the rate of a time sequence, Hz: the one whole number whose increment rounds to this, where there is one.

    So 0.003333 s is 300 Hz, but 0.003 s, to which 333 and 334 Hz would round alike, is 333.333 Hz.
    """
    text = value.attribute("increment", "value")
    step, per = number_of(text), _S.get(value.attribute("increment", "unit").lower())
    if step is None or per is None or step <= 0:
        return None
    fs = 1 / (step * per)
    decimals = min(len(text.partition(".")[2]), 20)
    near = [whole for whole in range(max(1, round(fs) - 1), round(fs) + 2)] if fs < _MAX_WHOLE else []
    alike = [whole for whole in near if abs(round(1 / (whole * per), decimals) - step) < _SAME * step]
    return float(alike[0]) if len(alike) == 1 else round(fs, 9)


def _name(node: Node | None) -> str | None:
    """Return a person's name: its parts in order, family name first, or its text."""
    if node is None:
        return None
    family = [part.said() for part in node.every("family")]
    given = [part.said() for part in node.every("given")]
    return name_of(*family, *given) or name_of(node.said())


def _patient(root: Node) -> Patient:
    subject = root.first(_SUBJECT) or Node("", {})
    person = subject.first("subjectDemographicPerson") or Node("", {})
    birth = person.attribute("birthTime", "value")
    pieces = [node for node in root.every("controlVariable/relatedObservation") if _code(node) == codes.AGE]
    age = next((_age(node) for node in pieces), None)
    return Patient(
        id=subject.attribute("id", "extension") or person.said("PatientID") or subject.attribute("id", "root") or None,
        name=_name(person.first("name")),
        birth_date=date_of(birth[:4], birth[4:6], birth[6:8]),
        age_years=age if age is not None else age_of(person.number("Age"), ""),
        sex=sex_of(person.attribute("administrativeGenderCode", "code")),
        pacemaker=said_yes(person.said("Paced")),
        complaint=root.said("pertainsTo/subjectFindingComment/text") or None,
        drugs=tuple(drug.said() for drug in person.every("Medications/Medication") if drug.said()),
    )


def _age(node: Node) -> float | None:
    return age_of(number_of(node.attribute("value", "value")), node.attribute("value", "unit"))


def _site(root: Node) -> str:
    trial = "componentOf/timepointEvent/componentOf/subjectAssignment/componentOf/clinicalTrial/location/trialSite"
    return root.said("location/testingSite/location/name") or root.said(f"{trial}/location/name")


def _filters(series: Node) -> Filters | None:
    found: dict[str, float] = {}
    for outer in series.every("controlVariable/controlVariable"):
        kind = _code(outer).removeprefix(_FILTER)
        for inner in outer.every("component/controlVariable"):
            hz = number_of(inner.attribute("value", "value"))
            if hz and inner.attribute("value", "unit").lower() in ("hz", ""):
                found.setdefault(kind, hz)
    if not found.keys() & {"HIGH_PASS", "LOW_PASS", "NOTCH"}:
        return None
    return Filters(highpass_hz=found.get("HIGH_PASS"), lowpass_hz=found.get("LOW_PASS"), notch_hz=found.get("NOTCH"))


def _beat(rhythm: Node, path: Path) -> DeviceBeat | None:
    for series in rhythm.every("derivation/derivedSeries"):
        if _code(series) == "REPRESENTATIVE_BEAT" and (node := series.first("component/sequenceSet")) is not None:
            one = _set(node, path)
            if one.channels and one.fs is not None and math.isfinite(one.fs):
                return beat_of(one.channels, fs=one.fs, marks_ms=wave_marks_ms(series))
    return None
