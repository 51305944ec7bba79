"""Schiller XML (SEMA's export ``SchillerEDI``): the rhythm of a resting ECG."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Final

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._channels import (
    Channel,
    Findings,
    beat_of,
    check_total,
    date_of,
    gathered,
    name_of,
    said_yes,
    sex_of,
)
from ecg_engine.formats._common import Opened, Options, mv_per_unit
from ecg_engine.formats._xml import Node, number_of, numbers_of, read_xml
from ecg_engine.types import DeviceBeat, Filters, Patient

_MEASUREMENTS: Final = {
    "HR": "heart_rate_bpm", "RR": "rr_ms", "P": "p_duration_ms", "PQ": "pr_ms", "QRS": "qrs_ms", "QT": "qt_ms",
    "AXIS_P": "p_axis_deg", "AXIS_QRS": "qrs_axis_deg", "AXIS_T": "t_axis_deg",
}  # fmt: skip
#: In samples of the averages.
_MARKS: Final = {
    "p_onset": "P_ON", "p_offset": "P_OFF", "qrs_onset": "QRS_ON", "qrs_offset": "QRS_OFF", "t_offset": "T_OFF",
}  # fmt: skip
_LEAD_UNITS: Final = {"DUR": "ms", "AMPL": "mV", "INTEG": ""}


def open_file(path: Path, options: Options) -> Opened:
    """Open a Schiller export; the first rhythm is the recording."""
    root = read_xml(path, "com.xiriuz.sema.xml.schillerEDI.SchillerEDI", "SchillerEDI")
    events = root.every("eventdata/event")
    waves = [wave for event in events for wave in event.every("wavedata")]
    rhythm = next((wave for wave in waves if wave.said("type").upper() == "ECG_RHYTHMS"), None)
    if rhythm is None:
        kinds = ", ".join(sorted({wave.said("type")[:30] for wave in waves})) or "nothing"
        raise UnsupportedFormatError(f"holds no rhythm (ECG_RHYTHMS) but {kinds}; export the rhythm", path=path)
    event = next(event for event in events if rhythm in event.children)
    averages = next((wave for wave in event.every("wavedata") if wave.said("type").upper() == "ECG_AVERAGES"), None)
    said = {node.said("name"): node.said("value") for node in event.every("annotation_global")}
    exam = root.first("examdescript") or Node("", {})
    texts = _texts(event)
    return gathered(
        _channels(rhythm, path),
        fs=_rate(rhythm, path),
        path=path,
        options=options,
        format="schiller",
        start=_start(exam),
        patient=_patient(root, texts.pop("MEDICATION", [])),
        device=_device(exam),
        filters=_filters(event),
        findings=_findings(said, texts.pop("INTERPRETATION", []), averages),
        beat=None if averages is None else _beat(averages, said, path),
        details={
            "software": " ".join(
                exam.said(f"aquiringdevice/software/{part}") for part in ("vendor", "model", "version")
            ).strip(),
            "institution": exam.said("idu/aquiring_institute/name"),
            "department": exam.said("idu/aquiring_department/name"),
            "technician": exam.said("idu/aquiring_user/name"),
            "referring_physician": exam.said("idu/referring_user/name"),
            "order_number": exam.said("order_id"),
            "weight_kg": _measure(root, "weight", "kg"),
            "height_cm": _measure(root, "height", "cm"),
            "systolic_mmhg": number_of(said.get("BP_S", "")),
            "diastolic_mmhg": number_of(said.get("BP_D", "")),
            "remarks": [line for name, lines in texts.items() if not name.startswith("REMARK_") for line in lines],
            "other_groups": [wave.said("type") for wave in waves if wave is not rhythm],
        },
    )


def _rate(wave: Node, path: Path) -> float:
    value, exponent = wave.number("resolution/samplerate/value"), wave.number("resolution/samplerate/exponent")
    if value is None:
        raise CorruptFormatError("no sampling rate; export again", path=path)
    if exponent not in (None, 0.0, 1.0):
        raise UnsupportedFormatError(f"a sampling rate with exponent {exponent:g}; 1 is read; export again", path=path)
    return value


def _channels(wave: Node, path: Path) -> list[Channel]:
    per_unit = mv_per_unit(wave.said("resolution/yres/units"))
    step = wave.number("resolution/yres/unitperbit")
    out, total = [], 0
    for i, node in enumerate(wave.every("channel")):
        lead = node.said("name") or f"lead {i + 1}"
        kind, found = node.said("datastype").upper(), node.first("data")
        if kind not in ("", "COMMASEPARATE"):
            raise UnsupportedFormatError(f"samples as {kind[:40]}; COMMASEPARATE is read; export again", path=path)
        samples = numbers_of("" if found is None else found.text, path=path, lead=lead, separator=",")
        total += len(samples)
        check_total(total, path=path)
        announced = node.number("samplecount")
        if announced is not None and announced != len(samples):
            raise CorruptFormatError(
                f"lead {lead}: {len(samples)} samples where {announced:g} are announced; copy or export again",
                path=path,
                lead=lead,
            )
        scale = math.nan if step is None or per_unit is None else step * per_unit
        out.append(Channel(name=lead, samples=samples, step_mv=scale))
    return out


def _start(exam: Node) -> datetime | None:
    day, clock = exam.said("startdatetime/date"), exam.said("startdatetime/time").ljust(9, "0")
    try:
        return datetime.strptime(f"{day} {clock[:9]}000", "%Y%m%d %H%M%S%f")
    except ValueError:
        return None


def _patient(root: Node, drugs: list[str]) -> Patient:
    who = root.first("patdata") or Node("", {})
    birth = "".join(letter for letter in who.said("birthdate") if letter.isdigit())
    return Patient(
        id=who.said("id") or None,
        name=name_of(who.said("lastname"), who.said("firstname")),
        birth_date=date_of(birth[:4], birth[4:6], birth[6:8]),
        sex=sex_of(who.said("gender")),
        pacemaker=said_yes(who.said("pacemaker/value")),
        drugs=tuple(drugs),
    )


def _device(exam: Node) -> str:
    parts = [exam.said(f"aquiringdevice/hardware/{part}") for part in ("vendor", "model")]
    return " ".join(part for part in parts if part) or "Schiller"


def _measure(root: Node, name: str, unit: str) -> float | None:
    return root.number(f"patdata/{name}/value") if root.said(f"patdata/{name}/unit") in ("", unit) else None


def _filters(event: Node) -> Filters | None:
    said = {node.said("name"): number_of(node.said("value")) for node in event.every("filters_data/filter")}
    if not said:
        return None
    return Filters(
        highpass_hz=said.get("HIGHPASS_CUTOFF_FREQ") or None,
        lowpass_hz=said.get("LOWPASS_CUTOFF_FREQ") or None,
        notch_hz=said.get("MAINS") or None,
    )


def _findings(said: dict[str, str], statements: list[str], averages: Node | None) -> Findings:
    found = Findings()
    for name, code in _MEASUREMENTS.items():
        found.measured(code, number_of(said.get(name, "")))
    found.corrected_qt(number_of(said.get("QTC", "")), name="QTC")
    for channel in [] if averages is None else averages.every("channel"):
        for node in channel.every("annotation_lead"):
            name, value = node.said("name"), number_of(node.said("value"))
            if value:
                unit = _LEAD_UNITS.get(name.rpartition("_")[2], "")
                found.in_lead(channel.said("name"), name, f"{value:g} {unit}".strip())
    found.state(*statements)
    return found


def _texts(event: Node) -> dict[str, list[str]]:
    """Return the lines of each kind of text."""
    out: dict[str, list[str]] = {}
    for node in event.every("textdata"):
        lines = [line for text in node.every("textdata") for line in text.text.splitlines() if line.strip()]
        if lines:
            out.setdefault(node.said("type").upper(), []).extend(" ".join(line.split()) for line in lines)
    return out


def _beat(averages: Node, said: dict[str, str], path: Path) -> DeviceBeat | None:
    fs = _rate(averages, path)
    if fs <= 0:
        return None
    at = {name: number_of(said.get(tag, "")) for name, tag in _MARKS.items()}
    ms = {name: value * 1000 / fs for name, value in at.items() if value is not None}
    return beat_of(_channels(averages, path), fs=fs, marks_ms=ms)
