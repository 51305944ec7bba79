"""Writing HL7 annotated ECGs, after the HL7 aECG implementation guide (B. Brown, F. Badilini, 2005)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np

from ecg_engine.errors import UnsupportedFormatError
from ecg_engine.formats import _aecg_codes as codes
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import Digits, quantise
from ecg_engine.types import Annotation, Filters, Recording

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_UV_PER_MV: Final = 1000.0
#: What XML 1.0 cannot hold.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LEAD_NAME: Final = re.compile(r"[A-Za-z0-9_+.-]{1,40}")
_FILTERS: Final = (
    ("LOW_PASS", "CUTOFF_FREQ", "lowpass_hz"), ("HIGH_PASS", "CUTOFF_FREQ", "highpass_hz"),
    ("NOTCH", "NOTCH_FREQ", "notch_hz"),
)  # fmt: skip
#: The nomenclature's codes of our measurements and of WFDB's beats: the first of each.
_MEASUREMENTS: Final = {ours: code for code, ours in reversed(codes.MEASUREMENTS.items()) if code.startswith("MDC_")}
_BEATS: Final = {symbol: code for code, symbol in reversed(codes.BEATS.items())}
_UNITS: Final = {"ms": "ms", "bpm": "bpm", "deg": "deg"}


def write_file(recording: Recording, path: Path) -> None:
    """Write an annotated ECG.

    Raises
    ------
    UnsupportedFormatError
        A lead has a gap, or a name that no code can hold.
    """
    for name, row in zip(recording.leads, recording.signal, strict=True):
        if np.isnan(row).any():
            raise UnsupportedFormatError(
                f"lead {name}: has a gap, which an annotated ECG cannot hold; write WFDB, DICOM or CSV", path=path
            )
        if _LEAD_NAME.fullmatch(name) is None:
            raise UnsupportedFormatError(
                f"lead {name}: a name that no code can hold; rename it with Latin letters and digits", path=path
            )
    root = _document(recording, quantise(recording))
    with replacing(path) as new:
        new.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _document(recording: Recording, digits: Digits) -> ET.Element:
    root = ET.Element("AnnotatedECG", {"xmlns": "urn:hl7-org:v3", "xmlns:xsi": _XSI, "type": "Observation"})
    _put(root, "id", root=str(uuid.uuid4()))
    _put(root, "code", code="93000", codeSystem=codes.CPT4, codeSystemName="CPT-4")
    _interval(root, recording)
    _subject(root, recording)
    patient = recording.patient
    if patient.age_years is not None:
        age = _put(_put(root, "controlVariable"), "relatedObservation")
        _put(age, "code", code=codes.AGE, codeSystem=codes.LOINC, codeSystemName="LOINC", displayName="Reported Age")
        _quantity(age, f"{patient.age_years:.10g}", "a")
    if patient.complaint:
        _put(_put(_put(root, "pertainsTo"), "subjectFindingComment"), "text", said=patient.complaint)
    _series(_put(_put(root, "component"), "series"), recording, digits)
    return root


def _subject(root: ET.Element, recording: Recording) -> None:
    patient = recording.patient
    assignment = _put(_put(_put(_put(root, "componentOf"), "timepointEvent"), "componentOf"), "subjectAssignment")
    subject = _put(_put(assignment, "subject"), "trialSubject")
    if patient.id is None:
        _put(subject, "id", nullFlavor="UNK")
    else:
        # An identifier needs the number of who gave it, which is not known: one made of the identifier itself.
        _put(subject, "id", root=str(uuid.uuid5(uuid.NAMESPACE_OID, patient.id)), extension=patient.id)
    person = _put(subject, "subjectDemographicPerson")
    if patient.name:
        _put(person, "name", said=patient.name)
    _put(person, "administrativeGenderCode", code=patient.sex or "UN", codeSystem=codes.GENDER)
    if patient.birth_date is not None:
        _put(person, "birthTime", value=patient.birth_date.strftime("%Y%m%d"))
    _put(_put(_put(assignment, "componentOf"), "clinicalTrial"), "id", nullFlavor="NA")


def _series(series: ET.Element, recording: Recording, digits: Digits) -> None:
    _put(series, "id", root=str(uuid.uuid4()))
    _put(series, "code", code="RHYTHM", codeSystem=codes.ACT, codeSystemName="ActCode", displayName="Rhythm Waveforms")
    _interval(series, recording)
    if recording.source.device:
        device = _put(_put(_put(series, "author"), "seriesAuthor"), "manufacturedSeriesDevice")
        _put(device, "manufacturerModelName", said=recording.source.device)
    _filters(series, recording.source.filters or Filters())
    sequences = _put(_put(series, "component"), "sequenceSet")
    _clock(sequences, recording)
    for name, row, step, zero in zip(recording.leads, digits.samples, digits.lsb_mv, digits.baseline, strict=True):
        sequence = _put(_put(sequences, "component"), "sequence")
        lead = name.upper() if name.startswith("aV") else name
        _put(sequence, "code", code=codes.LEAD + lead, codeSystem=codes.MDC, codeSystemName="MDC")
        value = _typed(sequence, "value", "SLIST_PQ")
        _put(value, "origin", value=_decimal(-zero * step * _UV_PER_MV), unit="uV")
        _put(value, "scale", value=_decimal(step * _UV_PER_MV), unit="uV")
        _put(value, "digits", said=" ".join(map(str, row.tolist())))
    _annotations(series, recording)


def _clock(sequences: ET.Element, recording: Recording) -> None:
    sequence = _put(_put(sequences, "component"), "sequence")
    absolute = recording.start is not None
    _put(sequence, "code", code="TIME_ABSOLUTE" if absolute else "TIME_RELATIVE", codeSystem=codes.ACT)
    value = _typed(sequence, "value", "GLIST_TS" if absolute else "GLIST_PQ")
    if recording.start is not None:
        _put(value, "head", value=_stamp(recording.start))
    else:
        _put(value, "head", value="0", unit="s")
    _put(value, "increment", value=_decimal(1 / recording.fs), unit="s")


def _filters(series: ET.Element, filters: Filters) -> None:
    for kind, what, name in _FILTERS:
        hz = getattr(filters, name)
        if hz is None:
            continue
        outer = _put(_put(series, "controlVariable"), "controlVariable")
        _put(outer, "code", code=f"MDC_ECG_CTL_VBL_ATTR_FILTER_{kind}", codeSystem=codes.MDC, codeSystemName="MDC")
        inner = _put(_put(outer, "component"), "controlVariable")
        _put(inner, "code", code=f"MDC_ECG_CTL_VBL_ATTR_FILTER_{what}", codeSystem=codes.MDC, codeSystemName="MDC")
        _quantity(inner, _decimal(hz), "Hz")


def _annotations(series: ET.Element, recording: Recording) -> None:
    source = recording.source
    measured = {
        _MEASUREMENTS[code]: (code, value) for code, value in source.measurements.items() if code in _MEASUREMENTS
    }
    if not (measured or source.statements or recording.annotations):
        return
    group = _put(_put(series, "subjectOf"), "annotationSet")
    for name, (code, value) in measured.items():
        annotation = _annotation(group, name)
        _quantity(annotation, _decimal(value), _UNITS[code.rpartition("_")[2]])
    if source.statements:
        outer = _annotation(group, "MDC_ECG_INTERPRETATION")
        for text in source.statements:
            inner = _annotation(outer, "MDC_ECG_INTERPRETATION_STATEMENT")
            _typed(inner, "value", "ST").text = _clean(text)
    for mark in recording.annotations:
        _mark(group, mark, recording)


def _mark(group: ET.Element, mark: Annotation, recording: Recording) -> None:
    """Put an annotation in time: a plain beat by its code, anything else in words under a code of ours."""
    lead = mark.lead if mark.lead in recording.leads else None
    if mark.symbol in _BEATS and not mark.text and lead is None:
        annotation = _annotation(group, codes.BEAT)
        _typed(annotation, "value", "CE", code=_BEATS[mark.symbol], codeSystem=codes.MDC, codeSystemName="MDC")
    else:
        annotation = _put(_put(group, "component"), "annotation")
        _put(annotation, "code", code=codes.NOTE, codeSystem="", codeSystemName="ecg_engine")
        _put(annotation, "text", said=mark.text)
        _typed(annotation, "value", "CE", code=mark.symbol, codeSystem="", codeSystemName="WFDB")
    region = _put(_put(annotation, "support"), "supportingROI", classCode="ROIBND")
    _put(region, "code", code="ROIPS", codeSystem=codes.ACT)
    boundary = _put(_put(region, "component"), "boundary")
    _put(boundary, "code", code="TIME_RELATIVE", codeSystem=codes.ACT)
    edges = [_decimal(at * 1000 / recording.fs) for at in (mark.sample, mark.sample + mark.duration)]
    if mark.duration:
        value = _typed(boundary, "value", "IVL_PQ")
        for name, edge in zip(("low", "high"), edges, strict=True):
            _put(value, name, value=edge, unit="ms")
    else:
        _quantity(boundary, edges[0], "ms")
    if lead is not None:
        boundary = _put(_put(region, "component"), "boundary")
        shown = lead.upper() if lead.startswith("aV") else lead
        _put(boundary, "code", code=codes.LEAD + shown, codeSystem=codes.MDC, codeSystemName="MDC")


def _annotation(parent: ET.Element, code: str) -> ET.Element:
    annotation = _put(_put(parent, "component"), "annotation")
    _put(annotation, "code", code=code, codeSystem=codes.MDC, codeSystemName="MDC")
    return annotation


def _interval(parent: ET.Element, recording: Recording) -> None:
    if recording.start is None:
        _put(parent, "effectiveTime", nullFlavor="UNK")
        return
    time = _put(parent, "effectiveTime")
    _put(time, "low", value=_stamp(recording.start), inclusive="true")
    end = recording.start + timedelta(seconds=recording.duration_s)
    _put(time, "high", value=_stamp(end), inclusive="false")


def _quantity(parent: ET.Element, value: str, unit: str) -> None:
    _typed(parent, "value", "PQ", value=value, unit=unit)


def _typed(parent: ET.Element, tag: str, kind: str, **attributes: str) -> ET.Element:
    return _made(parent, tag, {"xsi:type": kind, **attributes})


def _put(parent: ET.Element, tag: str, said: str | None = None, **attributes: str) -> ET.Element:
    element = _made(parent, tag, attributes)
    if said is not None:
        element.text = _clean(said)
    return element


def _made(parent: ET.Element, tag: str, attributes: Mapping[str, str]) -> ET.Element:
    return ET.SubElement(parent, tag, {name: _clean(value) for name, value in attributes.items()})


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)


def _decimal(value: float) -> str:
    """Return a number without exponent, as exact as a float is."""
    return np.format_float_positional(float(value), trim="-")


def _stamp(moment: datetime) -> str:
    """Return a time stamp of HL7, to the millisecond or the microsecond."""
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond % 1000 == 0 else f".{moment.microsecond:06d}"
    return f"{moment.year:04d}{moment:%m%d%H%M%S}{fraction if moment.microsecond else ''}{moment:%z}"
