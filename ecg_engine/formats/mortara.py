"""Mortara (Welch Allyn, Hillrom) ELI XML: electrocardiographs ELI 250, ELI 280 and ELI Link.

The maker describes it nowhere: elements and units are those on which the open readers of real exports agree
(BRAVEHEART, EDFbrowser, ecgdatakit).
"""

from __future__ import annotations

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
    gathered,
    name_of,
    sex_of,
    stamp_of,
)
from ecg_engine.formats._common import Opened, Options, common_rate
from ecg_engine.formats._xml import Node, base64_of, number_of, numbers_of, read_xml
from ecg_engine.types import DeviceBeat, Filters, Patient

_OF_ECG: Final = {"VENT_RATE": "heart_rate_bpm", "AVERAGE_RR": "rr_ms"}
_OF_BEAT: Final = {
    "P_DURATION": "p_duration_ms", "PR_DURATION": "pr_ms", "QRS_DURATION": "qrs_ms", "QT": "qt_ms",
    "QTB": "qtc_bazett_ms", "QTF": "qtc_fridericia_ms", "P_AXIS": "p_axis_deg", "QRS_AXIS": "qrs_axis_deg",
    "T_AXIS": "t_axis_deg",
}  # fmt: skip
#: How samples stand: attribute, what is read, which is also meant where it is left out.
_CODED: Final = (("BITS", "16"), ("FORMAT", "SIGNED"), ("ENCODING", "BASE64"))


def open_file(path: Path, options: Options) -> Opened:
    """Open an ELI export; its channels are the recording."""
    root = read_xml(path, "ECG")
    nodes = root.every("CHANNEL")
    if not nodes:
        raise UnsupportedFormatError("holds no CHANNEL with samples; export the ECG with its waveforms", path=path)
    channels = _channels(nodes, None, path)
    rates = [number_of(node.attribute("", "SAMPLE_FREQ")) or 0.0 for node in nodes]
    fs = common_rate([channel.name for channel in channels], rates, path=path)
    for node, channel in zip(nodes, channels, strict=True):
        _check_length(node, channel, fs, path)
    source, subject = root.first("SOURCE") or Node("", {}), root.first("SUBJECT") or Node("", {})
    offsets = {c.name: n.attribute("", "OFFSET") for n, c in zip(nodes, channels, strict=True)}
    return gathered(
        channels,
        fs=fs,
        path=path,
        options=options,
        format="mortara",
        start=stamp_of(root.attribute("", "ACQUISITION_TIME_XML")) or stamp_of(root.attribute("", "ACQUISITION_TIME")),
        patient=_patient(root, subject),
        device=" ".join(
            (
                source.attribute("", "MANUFACTURER") or "Mortara",
                source.attribute("", "MODEL") or source.attribute("", "ACQUIRING_DEVICE_EXTENDED_MODEL_DESCRIPTION"),
                source.attribute("", "ACQUIRING_DEVICE_SW_VERSION"),
            )
        ),
        filters=_filters(source),
        findings=_findings(root),
        beat=_beat(root, fs, path),
        details={
            "device_serial": source.attribute("", "ACQUIRING_DEVICE_SERIAL_NUMBER"),
            "institution": source.attribute("", "ACQUIRING_DEVICE_SITE_NAME"),
            "technician": root.attribute("", "TECHNICIAN"),
            "location": root.attribute("", "LOCATION"),
            "room": root.attribute("", "ROOM"),
            "remarks": root.attribute("", "COMMENT"),
            # What they mean is described nowhere, and every export that was seen has 0.
            "offsets_not_applied": {name: said for name, said in offsets.items() if number_of(said) not in (None, 0.0)},
        },
    )


def _channels(nodes: list[Node], shared: Node | None, path: Path) -> list[Channel]:
    """Return the leads of channels; of the average beat, scale and coding stand at the element around them."""
    out, total = [], 0
    for i, node in enumerate(nodes):
        lead = node.attribute("", "NAME") or f"ECG{i + 1}"
        said = node if shared is None else shared
        for name, read in _CODED:
            if said.attribute("", name).upper() not in ("", read):
                raise UnsupportedFormatError(
                    f"lead {lead}: {name} {said.attribute('', name):.20}, where {read} is read; export again",
                    path=path,
                    lead=lead,
                )
        samples = _samples(node.attributes.get("DATA") or node.text, lead, path)
        total += len(samples)
        check_total(total, path=path)
        per_mv = number_of(said.attribute("", "UNITS_PER_MV"))
        out.append(Channel(name=lead, samples=samples, step_mv=1 / per_mv if per_mv and per_mv > 0 else np.nan))
    return out


def _samples(text: str, lead: str, path: Path) -> NDArray[Any]:
    """Return samples of base64, or of numbers with commas, which some exports have under the same name."""
    if "," in text:
        return numbers_of(text, path=path, lead=lead, separator=",")
    raw = base64_of(text, path=path, lead=lead)
    if len(raw) % 2:
        raise CorruptFormatError(f"lead {lead}: half a sample at its end; copy or export again", path=path, lead=lead)
    return np.frombuffer(raw, dtype="<i2")


def _check_length(node: Node, channel: Channel, fs: float, path: Path) -> None:
    """Compare the length with what is announced: samples, or milliseconds."""
    said, n = number_of(node.attribute("", "DURATION")), len(channel.samples)
    if said and round(said) not in (n, round(n * 1000 / fs)):
        raise CorruptFormatError(
            f"lead {channel.name}: {n} samples where {said:g} are announced; copy or export again",
            path=path,
            lead=channel.name,
        )


def _patient(root: Node, subject: Node) -> Patient:
    birth = stamp_of(subject.attribute("", "DOB_XML")) or stamp_of(subject.attribute("", "DOB"))
    return Patient(
        id=subject.attribute("", "ID") or subject.attribute("", "LOCAL_ID") or None,
        name=name_of(subject.attribute("", "LAST_NAME"), subject.attribute("", "FIRST_NAME")),
        birth_date=None if birth is None else birth.date(),
        age_years=age_of(number_of(root.attribute("", "AGE")), root.attribute("", "AGE_UNITS")),
        sex=sex_of(subject.attribute("", "GENDER")),
        drugs=tuple(name for node in root.every("MEDICATION") if (name := node.attribute("", "NAME"))),
    )


def _filters(source: Node) -> Filters | None:
    lowpass = number_of(source.attribute("", "LOW_PASS_FILTER"))
    return Filters(lowpass_hz=lowpass) if lowpass else None


def _findings(root: Node) -> Findings:
    found = Findings()
    cycle = root.first("TYPICAL_CYCLE") or Node("", {})
    for node, codes in ((root, _OF_ECG), (cycle, _OF_BEAT)):
        for name, code in codes.items():
            found.measured(code, number_of(node.attribute("", name)))
    found.measured(None, number_of(cycle.attribute("", "QTC")), "QTC", "ms")
    for node in root.every("AUTOMATIC_INTERPRETATION/STATEMENT"):
        text, reason = node.attribute("", "TEXT") or node.said(), node.attribute("", "REASON")
        found.state(f"{text} ({reason})" if text and reason else text)
    return found


def _beat(root: Node, fs: float, path: Path) -> DeviceBeat | None:
    cycle = root.first("TYPICAL_CYCLE")
    nodes = [] if cycle is None else cycle.every("TYPICAL_CYCLE_CHANNEL")
    if cycle is None or not nodes:
        return None
    own = number_of(cycle.attribute("", "SAMPLE_FREQ"))
    # The unit of its marks is described nowhere: they are left out.
    return beat_of(_channels(nodes, cycle, path), fs=own or fs, marks_ms={})
