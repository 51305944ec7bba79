"""GE CardioSoft XML (``CardiologyXML``): the resting strip of twelve leads."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Final

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._channels import (
    Channel,
    Findings,
    age_of,
    beat_of,
    check_total,
    date_of,
    gathered,
    name_of,
    said_yes,
    sex_of,
)
from ecg_engine.formats._common import Opened, Options
from ecg_engine.formats._xml import Node, numbers_of, read_xml
from ecg_engine.types import Annotation, DeviceBeat, Filters, Patient

_MEASUREMENTS: Final = {
    "VentricularRate": "heart_rate_bpm", "RRInterval": "rr_ms", "PQInterval": "pr_ms", "PDuration": "p_duration_ms",
    "QRSDuration": "qrs_ms", "QTInterval": "qt_ms", "PAxis": "p_axis_deg", "RAxis": "qrs_axis_deg",
    "TAxis": "t_axis_deg",
}  # fmt: skip
_OTHERS: Final = ("PPInterval", "SokolovLVHIndex", "QTDispersion", "QTDispersionBazett", "AtrialRate")
_MARKS: Final = {
    "p_onset": "POnset", "p_offset": "POffset", "qrs_onset": "QOnset", "qrs_offset": "QOffset", "t_offset": "TOffset",
}  # fmt: skip
_UV_PER_MV: Final = 1e3


def open_file(path: Path, options: Options) -> Opened:
    """Open a CardioSoft export; the resting strip is the recording."""
    root = read_xml(path, "CardiologyXML")
    strip = root.first("StripData")
    if strip is None:
        raise UnsupportedFormatError(
            f"holds no resting strip (StripData) but {root.said('ObservationType')[:40] or 'something else'}; "
            "export the resting ECG",
            path=path,
        )
    fs = strip.number("SampleRate")
    if fs is None and options.fs is None:
        raise CorruptFormatError("no sampling rate (SampleRate); give it with fs=… (--fs)", path=path)
    findings = _findings(root)
    marks, visit, info = root.first("RestingECGMeasurements"), root.first("PatientVisit"), root.first("ClinicalInfo")
    visit, info = visit or Node("", {}), info or Node("", {})
    fs = fs or options.fs or math.nan
    diagnosis, conclusion = _texts(root, "Diagnosis"), _texts(root, "Conclusion")
    return gathered(
        _channels(strip, path),
        fs=fs,
        path=path,
        options=options,
        format="cardiosoft",
        start=_start(root),
        patient=_patient(root),
        device=f"GE {info.said('DeviceInfo/Desc') or 'CardioSoft'} {info.said('DeviceInfo/SoftwareVer')}",
        filters=_filters(root),
        findings=findings,
        beat=None if marks is None else _beat(marks, path),
        annotations=_beats(strip, fs),
        details={
            "analysis": info.said("DeviceInfo/AnalysisVer"),
            "uid": root.said("UID/DICOMStudyUID"),
            "conclusion": conclusion if conclusion != diagnosis else [],
            "indication": info.said("ReasonForStudy"),
            "remarks": info.said("ObservationComment"),
            "history": visit.said("MedicalHistory/MedicalHistoryText"),
            "technician": name_of(info.said("Technician/FamilyName"), info.said("Technician/GivenName")),
            "referring_physician": name_of(
                visit.said("ReferringDoctor/FamilyName"), visit.said("ReferringDoctor/GivenName")
            ),
            "institution": visit.said("ServicingFacility/Name"),
            "order_number": visit.said("OrderNumber"),
            "height_cm": _height_cm(root),
            "weight_kg": root.number("PatientInfo/Weight"),
            "systolic_mmhg": visit.number("SysBP"),
            "diastolic_mmhg": visit.number("DiaBP"),
            "other_groups": [
                f"full disclosure: {node.number('NumberOfChannels') or 0:g} leads"
                for node in root.every("FullDisclosure")
            ],
        },
    )


def _channels(group: Node, path: Path) -> list[Channel]:
    """Return the leads of a strip or of the median beats."""
    uv = group.number("Resolution")
    unit = group.attribute("Resolution", "units")
    if unit.lower() not in ("", "uvperlsb"):
        raise UnsupportedFormatError(f"a scale in {unit[:40]}; uVperLsb is read; export again", path=path)
    n_samples = group.number("ChannelSampleCountTotal")
    out, total = [], 0
    for i, node in enumerate(group.every("WaveformData")):
        lead = node.attribute("", "lead") or f"lead {i + 1}"
        samples = numbers_of(node.text, path=path, lead=lead, separator=",")
        total += len(samples)
        check_total(total, path=path)
        if n_samples is not None and len(samples) != n_samples:
            raise CorruptFormatError(
                f"lead {lead}: {len(samples)} samples where {n_samples:g} are announced; copy or export again",
                path=path,
                lead=lead,
            )
        out.append(Channel(name=lead, samples=samples, step_mv=math.nan if uv is None else uv / _UV_PER_MV))
    return out


def _start(root: Node) -> datetime | None:
    parts = [
        root.number(f"ObservationDateTime/{name}") for name in ("Year", "Month", "Day", "Hour", "Minute", "Second")
    ]
    try:
        return datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None


def _patient(root: Node) -> Patient:
    who = root.first("PatientInfo") or Node("", {})
    return Patient(
        id=who.said("PID") or None,
        name=name_of(who.said("Name/FamilyName"), who.said("Name/GivenName")),
        birth_date=date_of(*(who.said(f"BirthDateTime/{part}") for part in ("Year", "Month", "Day"))),
        age_years=age_of(who.number("Age"), who.attribute("Age", "units")),
        sex=sex_of(who.said("Gender")),
        pacemaker=said_yes(who.said("PaceMaker")),
        drugs=tuple(drug.said() for drug in root.every("PatientVisit/Medications/Drug") if drug.said()),
    )


def _height_cm(root: Node) -> float | None:
    unit = root.attribute("PatientInfo/Height", "units").upper()
    return root.number("PatientInfo/Height") if unit in ("", "CENTIMETERS", "CM") else None


def _filters(root: Node) -> Filters | None:
    said = root.first("FilterSetting")
    if said is None:
        return None
    notch = [hz for hz in (50.0, 60.0) if said_yes(said.said(f"Filter{hz:.0f}Hz"))]
    return Filters(
        highpass_hz=said.number("HighPass") or None,
        lowpass_hz=said.number("LowPass") or None,
        notch_hz=notch[0] if notch else None,
    )


def _findings(root: Node) -> Findings:
    found = Findings()
    own = root.first("RestingECGMeasurements") or Node("", {})
    for name, code in _MEASUREMENTS.items():
        found.measured(code, own.number(name))
    found.corrected_qt(own.number("QTCInterval"), name="QTCInterval")
    for name in _OTHERS:
        found.measured(None, own.number(name), name, own.attribute(name, "units"))
    _tabled(own.first("MeasurementTable"), found)
    found.state(*_texts(root, "Diagnosis"))
    return found


def _tabled(table: Node | None, found: Findings) -> None:
    """Take the table of leads: one row a measurement, one column a lead."""
    if table is None:
        return
    leads = [lead.strip() for lead in table.said("LeadOrder").split(",")]
    for row in table.children:
        values = [value.strip() for value in row.said().split(",")]
        if row.tag != "LeadOrder" and len(values) == len(leads):
            for lead, value in zip(leads, values, strict=True):
                found.in_lead(lead, row.tag, value and f"{value} {row.attribute('', 'units')}".strip())


def _texts(root: Node, kind: str) -> list[str]:
    return [text for node in root.every(f"Interpretation/{kind}/{kind}Text") if (text := node.said())]


def _beat(own: Node, path: Path) -> DeviceBeat | None:
    median = own.first("MedianSamples")
    fs = None if median is None else median.number("SampleRate")
    if median is None or not fs:
        return None
    return beat_of(_channels(median, path), fs=fs, marks_ms={name: own.number(tag) for name, tag in _MARKS.items()})


def _beats(strip: Node, fs: float) -> list[Annotation]:
    """Return the beats that the device marked: a time, then its class."""
    out, time = [], None
    for node in (child for table in strip.every("ArrhythmiaResults") for child in table.children):
        if node.tag == "Time":
            time = node.number()
        elif node.tag == "BeatClass" and time is not None and 0 <= time < 1e9 and fs < 1e6:
            out.append(Annotation(sample=round(time * fs / 1000), text=f"QRS, {node.said()}"))
            time = None
    return out
