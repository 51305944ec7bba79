"""DICOM waveform objects (12-Lead, General and Ambulatory ECG) to plain records.

pydicom parses; what it leaves to its caller is checked here: that the samples are as many as the header says, that
each channel has a scale, and that texts are in the character set that they claim.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.dicom.codes import lead_of_code, quantity_of
from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.types import Annotation, Filters, Patient
from ecg_engine.vocabulary.letters import mended

#: ECG storage classes that are read, by UID.
SOP_CLASSES: Final = {
    "1.2.840.10008.5.1.4.1.1.9.1.1": "12-lead ECG",
    "1.2.840.10008.5.1.4.1.1.9.1.2": "General ECG",
    "1.2.840.10008.5.1.4.1.1.9.1.3": "Ambulatory ECG",
    "1.2.840.10008.5.1.4.1.1.9.1.4": "General 32-bit ECG",
}
#: NumPy kinds by (interpretation, bits); MB and AB are companded sound.
_KINDS: Final = {
    ("SB", 8): "i1", ("UB", 8): "u1", ("SS", 16): "i2", ("US", 16): "u2", ("SL", 32): "i4", ("UL", 32): "u4",
    ("SS", 8): "i1", ("US", 8): "u1", ("SB", 16): "i2", ("UB", 16): "u2",
}  # fmt: skip
#: A date that stands for "unknown" where the standard demands one.
UNKNOWN_YEAR: Final = 1900
_DAYS_A_YEAR: Final = 365.25
#: Representations that are text, names of persons left out: those have components.
_TEXTS: Final = frozenset({"AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UT"})
_MAX_ANNOTATIONS: Final = 1_000_000
#: The recording may be as many times longer than its samples; beyond, groups at other times are named, not joined.
_MAX_GAPS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of a multiplex group: value = sample * step + zero, in `unit`; NaN where the file gives none."""

    label: str
    unit: str
    step: float
    zero: float
    highpass_hz: float | None
    lowpass_hz: float | None
    notch_hz: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """A multiplex group: samples as the file has them, (n_samples, n_channels)."""

    label: str
    is_original: bool
    fs: float
    channels: tuple[Channel, ...]
    samples: NDArray[Any]
    padding: int | None
    #: When it begins, ms after the object's time.
    offset_ms: float = 0.0

    @property
    def layout(self) -> tuple[tuple[str, str], ...]:
        """Name and unit of each channel: what groups of the same leads share."""
        return tuple((channel.label, channel.unit) for channel in self.channels)

    @property
    def duration_s(self) -> float:
        """Length, s; 0 where the rate is none."""
        return len(self.samples) / self.fs if self.fs > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaveformFile:
    """What an ECG waveform object holds; `main` is the group that is the recording, with the others of `joined`."""

    kind: str
    groups: tuple[Group, ...]
    main: int
    start: datetime | None
    patient: Patient
    device: str | None
    statements: tuple[str, ...]
    measurements: dict[str, float]
    annotations: tuple[Annotation, ...]
    details: dict[str, Any] = field(default_factory=dict)
    #: All groups that hold samples of the recording, in the order of the file, and where each of them begins.
    joined: dict[int, int] = field(default_factory=dict)

    @property
    def n_samples(self) -> int:
        """Samples in each lead, those between groups too."""
        return max(at + len(self.groups[i].samples) for i, at in self.joined.items())


def read_waveforms(path: Path) -> WaveformFile:
    """Read an ECG waveform object.

    Parameters
    ----------
    path : Path

    Returns
    -------
    WaveformFile

    Raises
    ------
    CorruptFormatError
        It is no DICOM, or shorter than its header says.
    UnsupportedFormatError
        It is another kind of object, or its samples are coded in a way that no ECG is.
    """
    with _quiet():
        data = _parsed(path)
        kind = SOP_CLASSES.get(_text(data, "SOPClassUID"))
        if "WaveformSequence" not in data:
            what = data.get("SOPClassUID")
            name = getattr(what, "name", "") or "unknown kind"
            raise UnsupportedFormatError(f"a DICOM object without waveforms ({name}); send the ECG object", path=path)
        little = bool(getattr(data, "original_encoding", (False, True))[1])
        groups = tuple(_group(item, i, little, path) for i, item in enumerate(data.WaveformSequence))
        if not groups:
            raise CorruptFormatError("its waveform sequence is empty; export again", path=path)
        main = _longest(groups)
        joined = _in_time(groups, main, _beside(groups, main))
        marks, statements, measurements, others = _annotations(data, main, groups, joined)
        details: dict[str, Any] = {"sop_class": kind or _text(data, "SOPClassUID")}
        if others:
            details["device_measurements"] = others
        for key, keyword in (("institution", "InstitutionName"),
                             ("study_uid", "StudyInstanceUID"), ("software", "SoftwareVersions")):  # fmt: skip
            if _text(data, keyword):
                details[key] = _text(data, keyword)
        return WaveformFile(
            kind=kind or "waveform",
            groups=groups,
            main=main,
            start=_later(_start(data), min(groups[i].offset_ms for i in joined)),
            patient=_patient(data),
            device=" ".join(filter(None, (_text(data, "Manufacturer"), _text(data, "ManufacturerModelName")))) or None,
            statements=statements,
            measurements=measurements,
            annotations=marks,
            details=details,
            joined=joined,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Read what devices write: pydicom's checks of each value only matter to those who write."""
    from pydicom import config

    with config.disable_value_validation():
        yield


def _parsed(path: Path) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path)
    except InvalidDicomError:
        pass  # a data set without preamble, or no DICOM at all: its elements tell
    except EOFError as exc:
        raise CorruptFormatError("ends in the middle of its header; copy the file again", path=path) from exc
    data = pydicom.dcmread(path, force=True)
    if "SOPClassUID" not in data:
        raise CorruptFormatError("no DICOM, although its name says so; give it its own suffix", path=path)
    return data


def _group(item: Any, index: int, little: bool, path: Path) -> Group:
    n_channels, n_samples = _int(item, "NumberOfWaveformChannels"), _int(item, "NumberOfWaveformSamples")
    bits, how = _int(item, "WaveformBitsAllocated"), _text(item, "WaveformSampleInterpretation")
    kind = _KINDS.get((how, bits))
    if kind is None:
        raise UnsupportedFormatError(
            f"samples coded as {how or '?'} of {bits} bits; export as SS of 16 bits", path=path
        )
    raw = item.get("WaveformData")
    raw = raw if isinstance(raw, bytes) else b""
    need = n_channels * n_samples * bits // 8
    if n_channels < 1 or n_samples < 1 or len(raw) < need:
        raise CorruptFormatError(
            f"waveform {index + 1} holds {len(raw)} bytes where its header says {need}; copy or export it again",
            path=path,
        )
    described = list(item.get("ChannelDefinitionSequence") or ())
    if len(described) != n_channels:
        raise CorruptFormatError(
            f"waveform {index + 1} describes {len(described)} of {n_channels} channels; export again", path=path
        )
    dtype = np.dtype(("<" if little else ">") + kind)
    padding = item.get("WaveformPaddingValue")
    return Group(
        label=_text(item, "MultiplexGroupLabel"),
        is_original=_text(item, "WaveformOriginality") != "DERIVED",
        fs=_float(item, "SamplingFrequency") or 0.0,
        channels=tuple(_channel(one, i) for i, one in enumerate(described)),
        samples=np.frombuffer(raw, dtype=dtype, count=n_channels * n_samples).reshape(n_samples, n_channels),
        padding=_padding(padding, dtype),
        offset_ms=_float(item, "MultiplexGroupTimeOffset") or 0.0,
    )


def _padding(value: Any, dtype: np.dtype[Any]) -> int | None:
    if isinstance(value, bytes) and len(value) >= dtype.itemsize:
        return int(np.frombuffer(value[: dtype.itemsize], dtype=dtype)[0])
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _channel(item: Any, index: int) -> Channel:
    source = _first(item, "ChannelSourceSequence")
    meaning, value = _text(source, "CodeMeaning"), _text(source, "CodeValue")
    named = lead_of_code(_text(source, "CodingSchemeDesignator"), value)
    own = _text(item, "ChannelLabel")
    # A code is sure; then what the device calls it; a code of "unspecified" says nothing.
    label = named or own or ("" if meaning.lower().startswith("unspecified") else meaning) or f"ECG{index + 1}"
    unit = _text(_first(item, "ChannelSensitivityUnitsSequence"), "CodeValue")
    sensitivity, factor = _float(item, "ChannelSensitivity"), _float(item, "ChannelSensitivityCorrectionFactor")
    return Channel(
        label=label,
        unit=unit,
        step=math.nan if sensitivity is None else sensitivity * (1.0 if factor is None else factor),
        zero=_float(item, "ChannelBaseline") or 0.0,
        highpass_hz=_float(item, "FilterLowFrequency") or None,
        lowpass_hz=_float(item, "FilterHighFrequency") or None,
        notch_hz=_float(item, "NotchFilterFrequency") or None,
    )


def filters_of(channels: list[Channel]) -> Filters | None:
    """Return the narrowest band that the filters of the channels leave, None where they say nothing."""
    high = [c.highpass_hz for c in channels if c.highpass_hz]
    low = [c.lowpass_hz for c in channels if c.lowpass_hz]
    notch = [c.notch_hz for c in channels if c.notch_hz]
    if not (high or low or notch):
        return None
    return Filters(
        highpass_hz=max(high, default=None), lowpass_hz=min(low, default=None), notch_hz=min(notch, default=None)
    )


def _longest(groups: tuple[Group, ...]) -> int:
    """Return the index of the rhythm: the longest group as acquired, else the longest."""
    return max(range(len(groups)), key=lambda i: (groups[i].is_original, groups[i].duration_s, -i))


def _beside(groups: tuple[Group, ...], main: int) -> tuple[int, ...]:
    """Return the groups whose leads stand beside those of the main one: the same time, rate, length and originality."""
    own, out = groups[main], []
    names = {channel.label for channel in own.channels}
    for i, group in enumerate(groups):
        same = (group.fs, len(group.samples), group.offset_ms, group.is_original) == (
            own.fs, len(own.samples), own.offset_ms, own.is_original,
        )  # fmt: skip
        labels = {channel.label for channel in group.channels}
        if i == main or (same and not labels & names):
            names |= labels
            out.append(i)
    return tuple(out)


def _in_time(groups: tuple[Group, ...], main: int, beside: tuple[int, ...]) -> dict[int, int]:
    """Return where each group of the recording begins, in samples.

    Beside those that start with the main one, groups of the same leads, rate and originality at times that overlap
    none, each where its own time offset says.
    """
    own, layouts = groups[main], {groups[i].layout for i in beside}
    taken = dict.fromkeys(beside, 0)
    for i in sorted(range(len(groups)), key=lambda i: (groups[i].offset_ms, i)):
        group = groups[i]
        if i in taken or (group.fs, group.is_original) != (own.fs, own.is_original) or group.layout not in layouts:
            continue
        at = round((group.offset_ms - own.offset_ms) * 1e-3 * own.fs)
        same = [k for k in taken if groups[k].layout == group.layout]
        if all(at >= taken[k] + len(groups[k].samples) or at + len(group.samples) <= taken[k] for k in same):
            taken[i] = at
    first = min(taken.values())
    last = max(at + len(groups[i].samples) for i, at in taken.items())
    if last - first > _MAX_GAPS * sum(len(groups[i].samples) for i in taken):
        return dict.fromkeys(beside, 0)
    return {i: taken[i] - first for i in sorted(taken)}


def _later(start: datetime | None, ms: float) -> datetime | None:
    """Return a time some milliseconds later, as it is where there is none or none can be so late."""
    try:
        return start and start + timedelta(milliseconds=ms)
    except OverflowError:
        return start


def _annotations(
    data: Any, main: int, groups: tuple[Group, ...], joined: dict[int, int]
) -> tuple[tuple[Annotation, ...], tuple[str, ...], dict[str, float], list[str]]:
    """Return marks in time, statements (texts without a time), measurements by our codes, and the other ones."""
    marks: list[Annotation] = []
    statements: list[str] = []
    measurements: dict[str, float] = {}
    others: list[str] = []
    for item in list(data.get("WaveformAnnotationSequence") or ())[:_MAX_ANNOTATIONS]:
        concept = _first(item, "ConceptNameCodeSequence")
        text, meaning = _text(item, "UnformattedTextValue"), _text(concept, "CodeMeaning")
        value, unit = _float(item, "NumericValue"), _text(_first(item, "MeasurementUnitsCodeSequence"), "CodeValue")
        mark = _mark(item, main, groups, joined, text or meaning)
        if mark is not None:
            marks.append(mark)
        elif value is not None and meaning:
            code = quantity_of(meaning, unit)
            if code is not None:
                measurements.setdefault(code, value)
            else:
                others.append(f"{meaning}: {value:g} {unit}".strip())
        elif text:
            statements.append(text)
    return tuple(sorted(marks, key=lambda m: m.sample)), tuple(statements), measurements, others


def _mark(item: Any, main: int, groups: tuple[Group, ...], joined: dict[int, int], text: str) -> Annotation | None:
    where = _ints(item, "ReferencedWaveformChannels")
    named = where[0] - 1 if len(where) >= 2 else main
    group = groups[named if named in joined else main]
    at = [position - 1 for position in _ints(item, "ReferencedSamplePositions")]  # DICOM counts from 1
    if not at:
        at = [round(t * 1e-3 * group.fs) for t in _floats(item, "ReferencedTimeOffsets")]
    if not at or named not in joined or not 0 <= at[0] < len(group.samples):
        return None
    channel = where[1] - 1 if len(where) == 2 else -1
    is_range = _text(item, "TemporalRangeType") in ("SEGMENT", "MULTISEGMENT") and len(at) > 1
    return Annotation(
        sample=at[0] + joined[named],
        text=text,
        duration=max(0, at[1] - at[0]) if is_range else 0,
        lead=group.channels[channel].label if 0 <= channel < len(group.channels) else None,
    )


def _patient(data: Any) -> Patient:
    name = _text(data, "PatientName").split("=")[0]
    sex = _text(data, "PatientSex")
    return Patient(
        id=_text(data, "PatientID") or None,
        name=" ".join(name.replace("^", " ").split()) or None,
        birth_date=_date(_text(data, "PatientBirthDate")),
        age_years=_age(_text(data, "PatientAge")),
        sex=sex if sex in ("F", "M") else None,
        complaint=_text(data, "AdditionalPatientHistory") or None,
    )


def _age(text: str) -> float | None:
    found = re.fullmatch(r"(\d{1,3})([DWMY])", text.strip().upper())
    if found is None:
        return None
    a_year = {"Y": 1.0, "M": 12.0, "W": _DAYS_A_YEAR / 7, "D": _DAYS_A_YEAR}[found[2]]
    years = int(found[1]) / a_year
    return years if years <= 130 else None


def _start(data: Any) -> datetime | None:
    """Return the device's own clock at the first sample, with its zone where the object says one."""
    zone = _text(data, "TimezoneOffsetFromUTC")
    for whole in (
        _text(data, "AcquisitionDateTime"),
        _text(data, "AcquisitionDate") + _text(data, "AcquisitionTime"),
        _text(data, "ContentDate") + _text(data, "ContentTime"),
        _text(data, "StudyDate") + _text(data, "StudyTime"),
    ):
        found = re.match(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.(\d{1,6}))?\s*([+-]\d{4})?", whole)
        if found is None:
            continue
        try:
            parts = [int(found[i] or 0) for i in range(1, 7)]
            start = datetime(*parts[:5]) + timedelta(  # type: ignore[arg-type]
                seconds=parts[5], microseconds=int((found[7] or "0").ljust(6, "0"))
            )
        except (ValueError, OverflowError):
            continue
        return start.replace(tzinfo=_zone(found[8] or zone)) if start.year > UNKNOWN_YEAR else None
    return None


def _zone(text: str) -> timezone | None:
    """Return the time zone of an offset from UTC, ``+0530``; None where it is none."""
    found = re.fullmatch(r"([+-])([01]\d)([0-5]\d)", text)
    return timezone(timedelta(minutes=int(found[1] + "1") * (60 * int(found[2]) + int(found[3])))) if found else None


def _date(text: str) -> date | None:
    found = re.fullmatch(r"(\d{4})\.?(\d\d)\.?(\d\d)", text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _value(item: Any, keyword: str) -> Any:
    if item is None:
        return None
    try:
        tag = _tag(keyword)  # a keyword that is absent takes pydicom's `get` ten times as long
        if tag not in item:
            return None
        plain = _plain(item.get_item(tag))
        return item[tag].value if plain is None else plain
    except Exception:  # one broken value, which the caller does without
        return None


def _plain(element: Any) -> str | int | None:
    """Return what an element says that was not looked at before, where its bytes are plain: three times as fast.

    A single whole number, and a single text of ASCII, which is the same in every character set that DICOM has but for
    the tilde (an overline in ISO-IR 14).
    """
    raw, vr = element.value, element.VR
    if not isinstance(raw, bytes):
        return None
    if vr in _TEXTS and raw.isascii() and b"\\" not in raw and b"\x1b" not in raw and b"~" not in raw:
        return raw.decode("ascii").rstrip(" \0")
    if vr in ("US", "UL") and len(raw) == (2 if vr == "US" else 4):
        return int.from_bytes(raw, "little" if element.is_little_endian else "big")
    return None


@cache
def _tag(keyword: str) -> Any:
    from pydicom.tag import Tag

    return Tag(keyword)


def _text(item: Any, keyword: str) -> str:
    value = _value(item, keyword)
    if value is None or isinstance(value, bytes):
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        value = " ".join(str(part) for part in value)
    return mended(str(value)).strip(" \0")


def _float(item: Any, keyword: str) -> float | None:
    try:
        value = float(_value(item, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _int(item: Any, keyword: str) -> int:
    value = _float(item, keyword)
    return 0 if value is None else int(value)


def _floats(item: Any, keyword: str) -> list[float]:
    value = _value(item, keyword)
    every = value if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    try:
        return [float(part) for part in every if part is not None and math.isfinite(float(part))]
    except (TypeError, ValueError, OverflowError):
        return []


def _ints(item: Any, keyword: str) -> list[int]:
    return [int(value) for value in _floats(item, keyword)]


def _first(item: Any, keyword: str) -> Any:
    sequence = _value(item, keyword)
    try:
        return sequence[0] if sequence else None
    except (TypeError, IndexError, KeyError):
        return None
