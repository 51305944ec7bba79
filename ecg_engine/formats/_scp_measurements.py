"""The device's measurements in SCP-ECG: section 7 of the whole ECG with its pacing spikes, section 10 of each lead.

Section 7 (EN 1064:2005, 5.10): mean RR and PP intervals, ms; for each kind of beat where its waves begin and end, ms
from the beat's start, and its axes, degrees; the spikes; each beat's kind; rates, QTc and its formula. Section 10
(5.13): a block of numbers for each lead.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from ecg_engine.formats._channels import Findings
from ecg_engine.formats._scp_codes import ABSENT, LEADS
from ecg_engine.types import Annotation, Recording

__all__ = ["findings_of", "measurements_section", "spikes_of"]

_HEAD, _BEAT, _SPIKE, _SPIKE_INFO = struct.Struct("<BBHH"), struct.Struct("<5H3h"), 4, 6
_RATES: Final = struct.Struct("<HHHB")
#: What stands for a measurement that was not made: of a time, of an axis, of a formula.
_NO_TIME, _NO_AXIS, _NO_FORMULA = ABSENT[0], 999, 255
_FORMULAS: Final = {1: "qtc_bazett_ms", 2: "qtc_hodges_ms"}
_MOST_MS: Final = 0xFFFF
#: What section 10 holds of a lead, in its order, with units; None is a code, not a measure.
_OF_A_LEAD: Final = (
    ("P duration", "ms"), ("PR interval", "ms"), ("QRS duration", "ms"), ("QT interval", "ms"), ("Q duration", "ms"),
    ("R duration", "ms"), ("S duration", "ms"), ("R' duration", "ms"), ("S' duration", "ms"), ("Q amplitude", "uV"),
    ("R amplitude", "uV"), ("S amplitude", "uV"), ("R' amplitude", "uV"), ("S' amplitude", "uV"),
    ("J amplitude", "uV"), ("P+ amplitude", "uV"), ("P- amplitude", "uV"), ("T+ amplitude", "uV"),
    ("T- amplitude", "uV"), ("ST slope", "uV/s"), (None, ""), (None, ""), ("isoelectric at QRS onset", "ms"),
    ("isoelectric at QRS end", "ms"), ("intrinsicoid deflection", "ms"), (None, ""), ("ST at J+20 ms", "uV"),
    ("ST at J+60 ms", "uV"), ("ST at J+80 ms", "uV"), ("ST at J+RR/16", "uV"), ("ST at J+RR/8", "uV"),
)  # fmt: skip


def findings_of(sections: Mapping[int, bytes]) -> Findings:
    """Return the device's own measurements: by our quantity codes where they are, else in words."""
    found = Findings()
    _global_into(found, sections.get(7, b""))
    for lead, values in _lead_blocks(sections.get(10, b"")):
        for (name, unit), value in zip(_OF_A_LEAD, values, strict=False):
            if name is not None and abs(value) not in ABSENT and value != -(1 << 15):
                found.in_lead(lead, name, f"{value} {unit}")
    return found


def _global_into(found: Findings, section: bytes) -> None:
    if len(section) < _HEAD.size:
        return
    n_beats, n_spikes, rr, pp = _HEAD.unpack_from(section)
    found.measured("rr_ms", _there(rr))
    if _there(pp):
        found.measured(None, float(pp), "PP interval", "ms")
    at = _HEAD.size
    if n_beats and len(section) >= at + _BEAT.size:
        _beat_into(found, *_BEAT.unpack_from(section, at))
    at += n_beats * _BEAT.size + n_spikes * (_SPIKE + _SPIKE_INFO)
    if len(section) >= at + 2:
        at += 2 + struct.unpack_from("<H", section, at)[0]  # the kind of each beat
        if len(section) >= at + _RATES.size:
            ventricular, atrial, qtc, formula = _RATES.unpack_from(section, at)
            found.measured("heart_rate_bpm", _there(ventricular))
            found.measured(None, _there(atrial), "atrial rate", "/min")
            if formula in _FORMULAS:
                found.measured(_FORMULAS[formula], _there(qtc))
            else:
                found.corrected_qt(_there(qtc))
    if "rr_ms" in found.measurements:
        found.measured("heart_rate_bpm", 60_000.0 / found.measurements["rr_ms"])


def _there(value: int) -> float | None:
    """Return a time or a rate, None where it was not measured."""
    return float(value) if 0 < value < min(ABSENT[:3]) else None


def _beat_into(found: Findings, *values: int) -> None:
    """Take what the reference beat's waves and axes give."""
    p_on, p_off, qrs_on, qrs_off, t_off, *axes = values
    for code, start, end in (
        ("p_duration_ms", p_on, p_off), ("pr_ms", p_on, qrs_on), ("qrs_ms", qrs_on, qrs_off), ("qt_ms", qrs_on, t_off),
    ):  # fmt: skip
        if start not in ABSENT and end not in ABSENT and 0 < end - start < 2000:
            found.measured(code, float(end - start))
    for code, value in zip(("p_axis_deg", "qrs_axis_deg", "t_axis_deg"), axes, strict=True):
        if abs(value) <= 180:
            found.measured(code, float(value))


def spikes_of(section: bytes, fs: float, n_samples: int) -> tuple[Annotation, ...]:
    """Return the pacing spikes of section 7 that lie within the recording, as annotations ``^``."""
    if len(section) < _HEAD.size:
        return ()
    n_beats, n_spikes, _, _ = _HEAD.unpack_from(section)
    at = _HEAD.size + n_beats * _BEAT.size
    if len(section) < at + n_spikes * (_SPIKE + _SPIKE_INFO):
        return ()
    times = (struct.unpack_from("<H", section, at + _SPIKE * i)[0] for i in range(n_spikes))
    samples = sorted(round(ms * fs / 1000) for ms in times)
    return tuple(Annotation(sample=sample, symbol="^") for sample in samples if sample < n_samples)


def _lead_blocks(section: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield lead and numbers of each block of section 10.

    A block's length counts its numbers; some devices count its head of four bytes too. The reading is taken in which
    all blocks lie in the section and each has another lead; where neither does, nothing is.
    """
    for counted in (0, 4):
        blocks = _blocks(section, counted)
        if blocks is not None:
            yield from blocks
            return


def _blocks(section: bytes, counted: int) -> list[tuple[str, tuple[int, ...]]] | None:
    if len(section) < 4:
        return None
    (count,) = struct.unpack_from("<H", section)
    out: dict[str, tuple[int, ...]] = {}
    at = 4
    for _ in range(count):
        if at + 4 > len(section):
            return None
        number, length = struct.unpack_from("<HH", section, at)
        length -= counted
        if length < 0 or at + 4 + length > len(section) or number not in LEADS or LEADS[number] in out:
            return None
        out[LEADS[number]] = struct.unpack_from(f"<{length // 2}h", section, at + 4)
        at += 4 + length
    return list(out.items())


def measurements_section(recording: Recording) -> bytes:
    """Return section 7, empty where the recording has neither measurements of a device nor pacing spikes.

    Whole ms and degrees. A P wave without its PR interval has no place: it is left out.
    """
    measured = recording.source.measurements
    times = [round(mark.sample / recording.fs * 1000) for mark in recording.annotations if mark.symbol == "^"]
    spikes = [ms for ms in times if ms <= _MOST_MS][:255]
    formula = next((number for number, code in _FORMULAS.items() if code in measured), _NO_FORMULA)
    rates = [_time(measured.get("heart_rate_bpm")), _NO_TIME, _time(measured.get(_FORMULAS.get(formula, "")))]
    beat = _beat(measured)
    rr = _time(measured.get("rr_ms"))
    if not spikes and beat is None and {rr, *rates} == {_NO_TIME}:
        return b""
    out = [_HEAD.pack(beat is not None, len(spikes), rr, _NO_TIME), beat or b""]
    out += [struct.pack("<Hh", ms, 0) for ms in spikes]
    out += [bytes(2) + struct.pack("<HH", 0, 0) for _ in spikes]
    return b"".join([*out, struct.pack("<H", 0), _RATES.pack(*rates, formula), struct.pack("<H", 0)])


def _time(value: float | None) -> int:
    return round(value) if value is not None and 0 < round(value) < min(ABSENT[:3]) else _NO_TIME


def _beat(measured: Mapping[str, float]) -> bytes | None:
    """Return where the waves of the reference beat begin and end, counted from the first of them, and its axes."""
    pr, p, qrs, qt = (_time(measured.get(code)) for code in ("pr_ms", "p_duration_ms", "qrs_ms", "qt_ms"))
    axes = [measured.get(code) for code in ("p_axis_deg", "qrs_axis_deg", "t_axis_deg")]
    has_pr = pr != _NO_TIME
    onset = pr if has_pr else 0
    marks = [
        0 if has_pr else _NO_TIME,
        p if has_pr else _NO_TIME,
        onset if {pr, qrs, qt} != {_NO_TIME} else _NO_TIME,
        *(_NO_TIME if length == _NO_TIME else onset + length for length in (qrs, qt)),
    ]
    whole = [_NO_AXIS if axis is None or abs(axis) > 180 else round(axis) for axis in axes]
    if {*marks} == {_NO_TIME} and {*whole} == {_NO_AXIS}:
        return None
    return _BEAT.pack(*marks, *whole)
