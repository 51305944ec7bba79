"""Annotations of an HL7 annotated ECG: measurements and statements, beats and waves in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ecg_engine.formats import _aecg_codes as codes
from ecg_engine.formats._channels import Findings, stamp_of
from ecg_engine.formats._xml import Node, number_of
from ecg_engine.leads import standard_name
from ecg_engine.types import Annotation

__all__ = ["Clock", "annotations_of", "findings_of", "wave_marks_ms"]

_MS = {"ms": 1.0, "s": 1000.0, "us": 1e-3, "": 1.0}
_MOST = 1e12
_Span = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Times of a file in samples."""

    start: datetime | None
    fs: float

    def sample(self, ms: float) -> int:
        """Return the sample of a time after the start, ms."""
        return round(min(max(ms, -_MOST), _MOST) * self.fs / 1000)


def findings_of(series: Node) -> Findings:
    """Return the device's measurements and statements of a series."""
    found = Findings()
    corrected: list[float] = []
    for annotation in _annotations(series):
        _measured(annotation, found, corrected)
        code, value = annotation.attribute("code", "code"), annotation.first("value")
        if value is None:
            continue
        if code in codes.STATEMENTS:
            found.state(value.said() or value.attribute("", "displayName"))
        elif code == codes.RHYTHM:
            found.state(value.attribute("", "displayName") or value.attribute("", "code"))
    for qtc in corrected:
        found.corrected_qt(qtc)
    return found


def _annotations(series: Node) -> Iterator[Node]:
    for group in series.every("subjectOf/annotationSet"):
        for component in group.every("component"):
            yield from component.walk("annotation")


def _measured(annotation: Node, found: Findings, corrected: list[float]) -> None:
    name, lead = annotation.attribute("code", "code"), _lead(annotation)
    if lead is not None:
        for inner in annotation.every("component/annotation"):
            number, unit = _quantity(inner)
            if number:
                found.in_lead(lead, inner.attribute("code", "code"), f"{number:g} {unit}".strip())
        return
    number, unit = _quantity(annotation)
    if number is None or any(name in row for row in found.by_lead.values()):
        return
    if name.upper() == codes.CORRECTED_QT:
        corrected.append(number)
        return
    code = codes.MEASUREMENTS.get(name.upper())
    factor = codes.UNITS.get(f"_{code.rpartition('_')[2]}", {}).get(unit) if code else None
    if factor is None:
        found.measured(None, number, name, unit)
    else:
        found.measured(code, number * factor)


def _quantity(annotation: Node) -> tuple[float | None, str]:
    """Return the number of an annotation and its unit; none where the annotation is of something else."""
    value = annotation.first("value")
    if value is None or value.attributes.get("xsi:type", "PQ") not in ("PQ", "INT", "REAL"):
        return None, ""
    return number_of(value.attribute("", "value")), value.attribute("", "unit")


def annotations_of(series: Node, clock: Clock) -> list[Annotation]:
    """Return the beats and waves of a series that have a time in it."""
    out: list[Annotation] = []
    for annotation in _annotations(series):
        code, value = annotation.attribute("code", "code"), annotation.attribute("value", "code")
        span = _span_ms(annotation, clock.start)
        if code == codes.BEAT:
            waves = [
                _span_ms(inner, clock.start)
                for inner in annotation.every("component/annotation")
                if inner.attribute("value", "code") == "MDC_ECG_WAVC_QRSWAVE"
            ]
            span = span or next((wave for wave in waves if wave is not None), None)
            out += _marks(span, clock, codes.BEATS.get(value, "Q"), "", None)
        elif code in codes.WAVE and span is not None:
            text = codes.WAVES.get(value, value.removeprefix("MDC_ECG_WAVC_"))
            out += _marks(span, clock, '"', text, _lead(annotation))
        elif code.startswith("MDC_ECG_PACER") or value.startswith("MDC_ECG_PACER"):
            out += _marks(span, clock, "^", "pacing spike", _lead(annotation))
        elif code == codes.NOTE:
            out += _marks(span, clock, value or '"', annotation.said("text"), _lead(annotation))
    return out


def _marks(span: _Span | None, clock: Clock, symbol: str, text: str, lead: str | None) -> list[Annotation]:
    if span is None:
        return []
    if span[0] is None and text:
        text = f"{text}, end"
    edges = [clock.sample(at) for at in span if at is not None]
    first, last = edges[0], edges[-1]
    return [Annotation(sample=first, symbol=symbol, text=text, duration=max(0, last - first), lead=lead)]


def wave_marks_ms(series: Node) -> dict[str, float | None]:
    """Return the edges of the waves of a representative beat, ms after its first sample, by our names."""
    out: dict[str, float | None] = {}
    for annotation in _annotations(series):
        edges = codes.MARKS.get(annotation.attribute("value", "code"))
        span = _span_ms(annotation, None)
        if edges is not None and span is not None and _lead(annotation) is None:
            for name, at in zip(edges, span, strict=True):
                out.setdefault(name, at)
    return out


def _boundaries(annotation: Node) -> list[Node]:
    return annotation.every("support/supportingROI/component/boundary")


def _lead(annotation: Node) -> str | None:
    for boundary in _boundaries(annotation):
        code = boundary.attribute("code", "code")
        if code.startswith(codes.LEAD):
            return standard_name(code.removeprefix(codes.LEAD))
    return None


def _span_ms(annotation: Node, start: datetime | None) -> _Span | None:
    """Return from when to when an annotation is, ms after the start; None where it says no time.

    Of an interval one edge may be missing; a point is both edges.
    """
    for boundary in _boundaries(annotation):
        code, value = boundary.attribute("code", "code"), boundary.first("value")
        if value is None or code not in ("TIME_ABSOLUTE", "TIME_RELATIVE"):
            continue
        low, high = (_ms(value.first(name), code, start) for name in ("low", "high"))
        if low is None and high is None:
            low = high = _ms(value, code, start)
        if low is not None or high is not None:
            return low, high
    return None


def _ms(edge: Node | None, code: str, start: datetime | None) -> float | None:
    if edge is None:
        return None
    text = edge.attribute("", "value")
    if code == "TIME_RELATIVE":
        number, per = number_of(text), _MS.get(edge.attribute("", "unit").lower())
        return None if number is None or per is None else number * per
    moment = stamp_of(text)
    if moment is None or start is None:
        return None
    if (moment.tzinfo is None) != (start.tzinfo is None):
        moment, start = moment.replace(tzinfo=None), start.replace(tzinfo=None)
    return (moment - start).total_seconds() * 1000
