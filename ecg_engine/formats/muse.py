"""GE MUSE XML (``RestingECG``): rhythm and median waveforms of eight leads, the other four by rule."""

from __future__ import annotations

import zlib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
    sex_of,
    with_limb_leads,
)
from ecg_engine.formats._common import MV_PER_UNIT, Opened, Options
from ecg_engine.formats._xml import Node, base64_of, read_xml
from ecg_engine.types import Annotation, DeviceBeat, Filters, Patient

#: Our codes by MUSE's elements; the QTc of 12SL, whose formula is a setting, is judged by its value.
_MEASUREMENTS: Final = {
    "VentricularRate": "heart_rate_bpm", "PRInterval": "pr_ms", "QRSDuration": "qrs_ms", "QTInterval": "qt_ms",
    "QTcFrederica": "qtc_fridericia_ms", "PAxis": "p_axis_deg", "RAxis": "qrs_axis_deg", "TAxis": "t_axis_deg",
}  # fmt: skip
_MARKS: Final = {
    "p_onset": "POnset", "p_offset": "POffset", "qrs_onset": "QOnset", "qrs_offset": "QOffset", "t_offset": "TOffset",
}  # fmt: skip
#: The high-pass filter is in hundredths of a hertz (56 is 0.56 Hz).
_HIGHPASS_STEP_HZ: Final = 0.01
_BYTES_A_SAMPLE: Final = 2


def open_file(path: Path, options: Options) -> Opened:
    """Open a MUSE export; its first rhythm waveform is the recording."""
    root = read_xml(path, "RestingECG")
    waveforms = root.every("Waveform")
    rhythm = next((node for node in waveforms if _kind(node) == "rhythm"), None)
    if rhythm is None:
        raise UnsupportedFormatError("holds no rhythm waveform; export the ECG with its waveforms", path=path)
    fs = _rate(rhythm, path)
    own = _channels(rhythm, path)
    channels, derived = with_limb_leads(own)
    median = next((node for node in waveforms if _kind(node) == "median"), None)
    start = _start(root)
    off = [node.said("LeadID") for node in rhythm.every("LeadData") if node.said("LeadOff").upper() == "TRUE"]
    test = root.first("TestDemographics") or Node("", {})
    return gathered(
        channels,
        fs=fs,
        path=path,
        options=options,
        format="muse",
        start=start,
        patient=_patient(root),
        device=_device(root),
        filters=_filters(rhythm),
        findings=_findings(root),
        beat=None if median is None else _beat(median, root, path),
        annotations=_beats(root, fs),
        details={
            "muse_version": root.said("MuseInfo/MuseVersion"),
            "software": test.said("AcquisitionSoftwareVersion"),
            "analysis": test.said("AnalysisSoftwareVersion"),
            "derived_leads": derived,
            "leads_off": off,
            "institution": test.said("SiteName"),
            "location": test.said("LocationName"),
            "room": test.said("RoomID"),
            "technician": name_of(test.said("AcquisitionTechLastName"), test.said("AcquisitionTechFirstName")),
            "confirming_physician": name_of(test.said("OverreaderLastName"), test.said("OverreaderFirstName")),
            "edited_by": name_of(test.said("EditorLastName"), test.said("EditorFirstName")),
            "referring_physician": name_of(test.said("ReferringMDLastName"), test.said("ReferringMDFirstName")),
            "status": test.said("Status"),
            "indication": test.said("TestReason") or root.said("Order/AdmitDiagnosis"),
            "height_cm": root.number("PatientDemographics/HeightCM"),
            "weight_kg": root.number("PatientDemographics/WeightKG"),
            "systolic_mmhg": root.number("RestingECGMeasurements/SystolicBP"),
            "diastolic_mmhg": root.number("RestingECGMeasurements/DiastolicBP"),
            "original_statements": _changed(root),
            "other_groups": [
                f"{_kind(node)}: {len(node.every('LeadData'))} leads" for node in waveforms if node is not rhythm
            ],
        },
    )


def _kind(waveform: Node) -> str:
    return waveform.said("WaveformType").lower() or "rhythm"


def _rate(waveform: Node, path: Path) -> float:
    base, exponent = waveform.number("SampleBase"), waveform.number("SampleExponent") or 0.0
    if base is None or abs(exponent) > 9:
        raise CorruptFormatError("no sampling rate (SampleBase); export again", path=path)
    return float(base * 10.0**exponent)


def _channels(waveform: Node, path: Path) -> list[Channel]:
    nodes = waveform.every("LeadData")
    kind = waveform.said("SampleType").upper()
    if kind not in ("", "CONTINUOUS_SAMPLES"):
        raise UnsupportedFormatError(f"samples of kind {kind[:40]}; export them as CONTINUOUS_SAMPLES", path=path)
    check_total(sum(len(found.text) * 3 // 8 for node in nodes for found in node.every("WaveFormData")), path=path)
    return [_channel(node, i, path) for i, node in enumerate(nodes)]


def _channel(node: Node, index: int, path: Path) -> Channel:
    lead = node.said("LeadID") or f"lead {index + 1}"
    found = node.first("WaveFormData")
    raw = base64_of("" if found is None else found.text, path=path, lead=lead)
    if (node.number("LeadSampleSize") or _BYTES_A_SAMPLE) != _BYTES_A_SAMPLE:
        raise UnsupportedFormatError(f"lead {lead}: samples of other than two bytes; export again", path=path)
    n_bytes, n_samples = node.number("LeadByteCountTotal"), node.number("LeadSampleCountTotal")
    announced = n_bytes if n_bytes is not None else n_samples and n_samples * _BYTES_A_SAMPLE
    if len(raw) % _BYTES_A_SAMPLE or (announced is not None and announced != len(raw)):
        raise CorruptFormatError(
            f"lead {lead}: {len(raw)} bytes of samples where {announced or 0:g} are announced; copy or export again",
            path=path,
            lead=lead,
        )
    checksum = node.number("LeadDataCRC32")
    if checksum is not None and int(checksum) != zlib.crc32(raw):
        raise CorruptFormatError(
            f"lead {lead}: its checksum (CRC-32) is wrong, so samples are damaged; copy or export again",
            path=path,
            lead=lead,
        )
    per_unit = MV_PER_UNIT.get(node.said("LeadAmplitudeUnits").lower(), np.nan)
    step = node.number("LeadAmplitudeUnitsPerBit")
    samples: NDArray[Any] = np.frombuffer(raw, dtype="<i2")
    return Channel(name=lead, samples=samples, step_mv=np.nan if step is None else step * per_unit)


def _start(root: Node) -> datetime | None:
    test = "TestDemographics"
    day = root.said(f"{test}/AcquisitionDate").split("-")
    clock = (root.said(f"{test}/AcquisitionTime") or "0:0").split(":")
    if len(day) != 3:
        return None
    try:
        month, number, year = (int(part) for part in day)
        hour, minute, second = (int(part) for part in [*clock, "0"][:3])
        return datetime(year, month, number, hour, minute, second)
    except ValueError:
        return None


def _patient(root: Node) -> Patient:
    who = root.first("PatientDemographics") or Node("", {})
    month, day, year = [*who.said("DateofBirth").split("-"), "", "", ""][:3]
    birth = date_of(year, month, day)
    return Patient(
        id=who.said("PatientID") or None,
        name=name_of(who.said("PatientLastName"), who.said("PatientFirstName")),
        birth_date=birth,
        age_years=age_of(who.number("PatientAge"), who.said("AgeUnits")),
        sex=sex_of(who.said("Gender")),
    )


def _device(root: Node) -> str:
    model = root.said("TestDemographics/AcquisitionDevice")
    return f"GE {model}" if model else f"GE MUSE {root.said('MuseInfo/MuseVersion')}"


def _filters(waveform: Node) -> Filters | None:
    high, low = waveform.number("HighPassFilter"), waveform.number("LowPassFilter")
    notch = waveform.number("ACFilter")
    if not (high or low or notch):
        return None
    return Filters(
        highpass_hz=round(high * _HIGHPASS_STEP_HZ, 4) if high else None, lowpass_hz=low or None, notch_hz=notch or None
    )


def _findings(root: Node) -> Findings:
    found = Findings()
    own = root.first("RestingECGMeasurements") or Node("", {})
    for name, code in _MEASUREMENTS.items():
        found.measured(code, own.number(name))
    found.measured("rr_ms", root.number("QRSTimesTypes/GlobalRR"))
    rate = own.number("ECGSampleBase")
    onset, offset = own.number("POnset"), own.number("POffset")
    if rate and onset and offset and not own.number("ECGSampleExponent") and offset > onset:
        found.measured("p_duration_ms", (offset - onset) * 1000 / rate)
    found.corrected_qt(own.number("QTCorrected"), name="QTCorrected")
    found.measured(None, own.number("AtrialRate"), "AtrialRate", "bpm")
    found.state(*_statements(root.first("Diagnosis")))
    return found


def _statements(diagnosis: Node | None) -> list[str]:
    """Return the lines of a diagnosis: a statement goes on until its flag says that the line ends."""
    lines, line = [], ""
    for statement in [] if diagnosis is None else diagnosis.every("DiagnosisStatement"):
        text = statement.said("StmtText")
        line = f"{line}{'' if not line or text.startswith(',') else ' '}{text}"
        if any(flag.said().upper() == "ENDSLINE" for flag in statement.every("StmtFlag")):
            lines.append(line)
            line = ""
    return [one for one in [*lines, line] if one]


def _changed(root: Node) -> list[str]:
    """Return the statements before somebody edited them, where they differ."""
    original = _statements(root.first("OriginalDiagnosis"))
    return original if original != _statements(root.first("Diagnosis")) else []


def _beat(median: Node, root: Node, path: Path) -> DeviceBeat | None:
    channels, _ = with_limb_leads(_channels(median, path))
    own = root.first("RestingECGMeasurements") or Node("", {})
    rate = own.number("ECGSampleBase") or 0.0
    at = {name: own.number(tag) for name, tag in _MARKS.items()}
    ms = {name: value * 1000 / rate for name, value in at.items() if value is not None and rate > 0}
    return beat_of(channels, fs=_rate(median, path), marks_ms=ms)


def _beats(root: Node, fs: float) -> list[Annotation]:
    out = []
    for node in root.every("QRSTimesTypes/QRS"):
        time = node.number("Time")
        if time is not None and 0 <= time < 1e9:
            out.append(Annotation(sample=round(time * fs / 1000), text=f"QRS of type {node.said('Type') or '?'}"))
    return out
