"""Philips Sierra ECG XML 1.03 and 1.04 (PageWriter, HeartStart MRx, TraceMasterVue), packed by XLI or not."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import _xli
from ecg_engine.formats._channels import (
    Channel,
    Findings,
    age_of,
    beat_of,
    check_total,
    gathered,
    name_of,
    said_yes,
    sex_of,
    stamp_of,
)
from ecg_engine.formats._common import Opened, Options
from ecg_engine.formats._xml import Node, base64_of, number_of, numbers_of, read_xml
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Annotation, DeviceBeat, Filters, Patient

_VERSIONS: Final = ("1.03", "1.04", "1.04.01", "1.04.02")
#: Our codes by the names of both versions.
_MEASUREMENTS: Final = {
    "heartrate": "heart_rate_bpm", "rrint": "rr_ms", "pdur": "p_duration_ms", "print": "pr_ms", "meanprint": "pr_ms",
    "qrsdur": "qrs_ms", "meanqrsdur": "qrs_ms", "qtint": "qt_ms", "meanqtint": "qt_ms", "qtcb": "qtc_bazett_ms",
    "qtcf": "qtc_fridericia_ms", "pfrontaxis": "p_axis_deg", "qrsfrontaxis": "qrs_axis_deg",
    "tfrontaxis": "t_axis_deg",
}  # fmt: skip
_CORRECTED: Final = ("qtc", "meanqtc")
_OTHERS: Final = {"atrialrate": "bpm", "stfrontaxis": "deg", "i40frontaxis": "deg", "t40frontaxis": "deg"}
#: Measurements of leads that stand in ms, and those in µV.
_LEAD_MS: Final = ("pdur", "qdur", "rdur", "sdur", "rpdur", "spdur", "vat", "qrsdur", "tdur", "print", "qtint")
_LEAD_UV: Final = ("pamp", "qamp", "ramp", "samp", "rpamp", "spamp", "qrsppk", "ston", "stmid", "st80", "stend", "tamp")
_UV_PER_MV: Final = 1e3
_CM_PER_INCH: Final = 2.54
_KG_PER_LB: Final = 0.45359237
#: The pulse that calibrates paper: 1 mV, some 200 ms, in all leads at once.
_PULSE_MV: Final = 1.0
_PULSE_S: Final = 0.1


def open_file(path: Path, options: Options) -> Opened:
    """Open a Sierra file."""
    root = read_xml(path, "restingecgdata")
    version = root.said("documentinfo/documentversion")
    if version not in _VERSIONS:
        raise UnsupportedFormatError(
            f"Sierra ECG of version {version[:20] or '?'}; read are {', '.join(_VERSIONS)}; export as one of them",
            path=path,
        )
    waves = root.first("waveforms/parsedwaveforms")
    if waves is None:
        raise UnsupportedFormatError("holds no waveforms; export the ECG with them", path=path)
    signal = root.first("dataacquisition/signalcharacteristics") or Node("", {})
    fs = number_of(waves.attribute("", "samplespersecond")) or signal.number("samplingrate")
    if not fs or not 0 < fs < 1e6:
        raise CorruptFormatError("no sampling rate (samplingrate); export again", path=path)
    channels, n_pulse = _without_pulse(_channels(waves, signal, fs, path), fs)
    machine, acquirer = "dataacquisition/machine", "dataacquisition/acquirer"
    shown = root.first("interpretations/interpretation") or Node("", {})
    return gathered(
        channels,
        fs=fs,
        path=path,
        options=options,
        format="sierra",
        start=_moment(root.first("dataacquisition")),
        patient=_patient(root),
        device=f"Philips {root.said(machine)}",
        filters=_filters(root, waves, signal),
        findings=_findings(root, shown),
        beat=_beat(root, shown, path),
        annotations=_spikes(root, fs),
        details={
            "version": version,
            "device_serial": root.attribute(machine, "machineid"),
            "software": root.attribute(machine, "detaildescription"),
            "page_filters": _page_filters(root),
            "calibration_pulse": f"{n_pulse / fs:g} s with it cut off the end" if n_pulse else "",
            "signal_offset": signal.number("signaloffset") or None,
            "severity": shown.said("severity").strip("- "),
            "status": root.attributes.get("status", ""),
            "institution": root.said(f"{acquirer}/institutionname"),
            "department": root.said(f"{acquirer}/departmentname") or root.said(f"{acquirer}/departmentid"),
            "technician": root.attribute(f"{acquirer}/operator", "id") or root.said(f"{acquirer}/operatorid"),
            "order_number": root.said("orderinfo/ordernumber"),
            "indication": root.said("orderinfo/reasonfororder"),
            "remarks": [
                text for node in root.every("userdefines/userdefine") if (text := node.said("value").strip("- "))
            ],
            "height_cm": _measure(root, "height", ("cm", 1.0), ("inch", _CM_PER_INCH)),
            "weight_kg": _measure(root, "weight", ("kg", 1.0), ("lb", _KG_PER_LB)),
            "systolic_mmhg": root.number("patient/patientmedicaldata/bloodpressure/systolic/mmHg"),
            "diastolic_mmhg": root.number("patient/patientmedicaldata/bloodpressure/diastolic/mmHg"),
        },
    )


def _channels(waves: Node, signal: Node, fs: float, path: Path) -> list[Channel]:
    ms = number_of(waves.attribute("", "durationperchannel"))
    labels = waves.attribute("", "leadlabels").split()
    n_leads = int(number_of(waves.attribute("", "numberofleads")) or signal.number("numberchannelsallocated") or 0)
    labels = (labels or list(STANDARD_LEADS))[:n_leads] if n_leads else labels
    if not labels or not ms or ms <= 0 or (n_leads and len(labels) != n_leads):
        raise CorruptFormatError("its header does not say which leads it has, or how long; export again", path=path)
    n_samples = round(min(ms, 1e9) * fs / 1000)
    check_total(n_samples * len(labels), path=path)
    step = (
        number_of(waves.attribute("", "resolution")) or signal.number("resolution") or signal.number("signalresolution")
    )
    rows = _samples(waves, len(labels), n_samples, path)
    scale = math.nan if step is None else step / _UV_PER_MV
    return [Channel(name=name, samples=row, step_mv=scale) for name, row in zip(labels, rows, strict=True)]


def _samples(waves: Node, n_leads: int, n_samples: int, path: Path) -> list[NDArray[Any]]:
    packed = waves.attribute("", "compressmethod") or waves.attribute("", "compression") or "Uncompressed"
    coded = waves.attribute("", "dataencoding") or "Base64"
    if packed.lower() == "xli" and coded.lower() == "base64":
        raw = base64_of(waves.text, path=path)
        rows = _xli.samples_of(raw, n_leads=n_leads, n_samples=n_samples, path=path)
        return [*_xli.limb_leads(rows), *rows[6:]] if n_leads >= 6 else list(rows)
    if packed.lower() not in ("uncompressed", "none"):
        raise UnsupportedFormatError(f"samples packed by {packed[:20]}; XLI is read; export again", path=path)
    if coded.lower() == "base64":
        raw = base64_of(waves.text, path=path)
        every: NDArray[Any] = np.frombuffer(raw, dtype="<i2", count=len(raw) // 2)
    elif coded.lower() == "plain":
        every = numbers_of(waves.text.replace(",", " "), path=path, lead="all")
    else:
        raise UnsupportedFormatError(
            f"samples coded as {coded[:20]}; Base64 and Plain are read; export again", path=path
        )
    if len(every) < n_leads * n_samples:
        raise CorruptFormatError(
            f"{len(every)} samples where its header announces {n_leads * n_samples}; copy or export again", path=path
        )
    return list(every[: n_leads * n_samples].reshape(n_leads, n_samples))


def _without_pulse(channels: list[Channel], fs: float) -> tuple[list[Channel], int]:
    """Return channels without the calibration pulse behind the ECG, and how many samples were cut off.

    The last part, where all leads are the same, is cut off if it holds nothing but zeros and the pulse.
    """
    if len(channels) < 3 or len({c.step_mv for c in channels}) > 1 or not math.isfinite(channels[0].step_mv):
        return channels, 0
    rows = np.stack([channel.samples for channel in channels])
    alike = (rows == rows[0]).all(axis=0)
    first = len(alike) - int(np.argmin(alike[::-1])) if not alike.all() else 0
    tail = rows[0, first:]
    high = round(_PULSE_MV / channels[0].step_mv)
    if not np.isin(tail, (0, high)).all() or np.count_nonzero(tail == high) < _PULSE_S * fs or not high:
        return channels, 0
    cut = [Channel(name=c.name, samples=row[:first], step_mv=c.step_mv) for c, row in zip(channels, rows, strict=True)]
    return cut, len(tail)


def _moment(node: Node | None) -> datetime | None:
    return None if node is None else stamp_of(f"{node.attribute('', 'date')} {node.attribute('', 'time')}".strip())


def _patient(root: Node) -> Patient:
    who = root.first("patient/generalpatientdata") or Node("", {})
    birth = stamp_of(who.said("age/dateofbirth"))
    days, months = who.number("age/days"), who.number("age/months")
    age = age_of(who.number("age/years"), "y") or age_of(months, "m") or age_of(days, "d")
    return Patient(
        id=who.said("patientid") or who.said("MRN") or None,
        name=name_of(who.said("name/lastname"), who.said("name/firstname"), who.said("name/middlename")),
        birth_date=None if birth is None else birth.date(),
        age_years=age,
        sex=sex_of(who.said("sex")),
        pacemaker=said_yes(who.said("pacestatus")),
    )


def _measure(root: Node, name: str, *units: tuple[str, float]) -> float | None:
    for unit, factor in units:
        value = root.number(f"patient/generalpatientdata/{name}/{unit}")
        if value:
            return round(value * factor, 1)
    return None


def _filters(root: Node, waves: Node, signal: Node) -> Filters | None:
    """Return the filters that the stored samples have been through: the page's only where the file says so."""
    if said_yes(waves.attribute("", "filterflag")):
        return _page_filters_of(root)
    band = [*signal.said("signalbandwidth").split("-"), ""][:2]
    high = number_of(waves.attribute("", "hipass")) or signal.number("hipass") or number_of(band[0])
    low = number_of(waves.attribute("", "lowpass")) or signal.number("lowpass") or number_of(band[1])
    notched = said_yes(waves.attribute("", "notchfiltered") or signal.said("notchfiltered"))
    notch = number_of(waves.attribute("", "notchfilterfreqs")) or signal.number("acsetting") if notched else None
    return Filters(highpass_hz=high or None, lowpass_hz=low or None, notch_hz=notch or None) if high or low else None


def _page_filters_of(root: Node) -> Filters | None:
    page = root.first("reportinfo/reportbandwidth")
    if page is None:
        return None
    return Filters(
        highpass_hz=page.number("highpassfiltersetting") or None,
        lowpass_hz=page.number("lowpassfiltersetting") or None,
        notch_hz=page.number("notchfiltersetting") or None,
    )


def _page_filters(root: Node) -> str:
    page = _page_filters_of(root)
    if page is None:
        return ""
    said = (("high-pass", page.highpass_hz), ("low-pass", page.lowpass_hz), ("notch", page.notch_hz))
    return ", ".join(f"{name} {hz:g} Hz" for name, hz in said if hz)


def _shown_measurements(shown: Node) -> Node:
    return shown.first("globalmeasurements") or shown.first("interpretationmeasurements") or Node("", {})


def _findings(root: Node, shown: Node) -> Findings:
    found = Findings()
    own = _shown_measurements(shown)
    inner = root.first("internalmeasurements") or root.first("measurements") or Node("", {})
    pr, p = own.number("print") or math.inf, own.number("pdur") or 0.0
    for name, code in _MEASUREMENTS.items():
        # It gives several P waves as one: then its duration reaches beyond the QRS onset, and is not what we mean.
        found.measured(None if name == "pdur" and p > pr else code, own.number(name), name, "ms")
    for name in _CORRECTED:
        found.corrected_qt(own.number(name), name=name)
    for name, unit in _OTHERS.items():
        found.measured(None, own.number(name), name, unit)
    for node in inner.every("leadmeasurements/leadmeasurement"):
        for names, unit in ((_LEAD_MS, "ms"), (_LEAD_UV, "uV")):
            for name in names:
                value = node.number(name)
                if value:
                    found.in_lead(node.attribute("", "leadname"), name, f"{value:g} {unit}")
    for statement in shown.every("statement"):
        left, right = statement.said("leftstatement"), statement.said("rightstatement")
        found.state(f"{left} ({right})" if left and right else left or right)
    found.state(shown.said("severity").strip("- "))
    return found


def _beat(root: Node, shown: Node, path: Path) -> DeviceBeat | None:
    group = root.first("waveforms/repbeats")
    if group is None or group.attribute("", "dataencoding").lower() != "base64":
        return None
    fs, uv = number_of(group.attribute("", "samplespersec")), number_of(group.attribute("", "resolution"))
    if not fs or not uv or not 0 < fs < 1e6:
        return None  # version 1.03 leaves both out
    channels = []
    for node in group.every("repbeat"):
        wave = node.first("waveform") or node
        raw = base64_of(wave.text, path=path, lead=node.attribute("", "leadname"))
        samples: NDArray[Any] = np.frombuffer(raw, dtype="<i2", count=len(raw) // 2)
        channels.append(Channel(name=node.attribute("", "leadname"), samples=samples, step_mv=uv / _UV_PER_MV))
    return beat_of(channels, fs=fs, marks_ms=_marks_ms(_shown_measurements(shown))) if channels else None


def _marks_ms(own: Node) -> dict[str, float | None]:
    """Return the marks that the intervals make of the QRS onset."""
    onset, pr, p = own.number("qonset"), own.number("print"), own.number("pdur")
    qrs, qt = own.number("qrsdur"), own.number("qtint")
    if onset is None:
        return {}
    return {
        "p_onset": onset - pr if pr else None,
        "p_offset": onset - pr + p if pr and p and p <= pr else None,
        "qrs_onset": onset,
        "qrs_offset": onset + qrs if qrs else None,
        "t_offset": onset + qt if qt else None,
    }


def _spikes(root: Node, fs: float) -> list[Annotation]:
    """Return the pacing spikes that the device found in each lead."""
    out = []
    inner = root.first("internalmeasurements") or root.first("measurements") or Node("", {})
    for lead in inner.every("leadmeasurements/leadmeasurement"):
        for node in lead.every("pacepulses/pacepulse"):
            time = number_of(node.attribute("", "starttime"))
            if time is not None and 0 <= time < 1e9:
                name = lead.attribute("", "leadname") or None
                out.append(Annotation(sample=round(time * fs / 1000), symbol="^", text="pacing spike", lead=name))
    return out
