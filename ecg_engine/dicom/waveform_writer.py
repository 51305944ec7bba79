"""A recording as a DICOM ECG object (PS3.3, A.34.3 to A.34.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.dicom.codes import BY_NAME, MEASUREMENTS, UNITS, UNSPECIFIED
from ecg_engine.dicom.waveforms import UNKNOWN_YEAR
from ecg_engine.errors import UnsupportedFormatError
from ecg_engine.types import Annotation, Patient, Recording

_MONTHS_A_YEAR: Final = 12
_DAYS_A_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """The limits of a storage class, for one multiplex group."""

    uid: str
    name: str
    fs: tuple[float, float]
    n_channels: int
    n_samples: float
    coded_only: bool


#: In the order in which they are tried.
_KINDS: Final = (
    _Kind(uid="1.2.840.10008.5.1.4.1.1.9.1.1", name="12-lead ECG", fs=(200, 1000), n_channels=13, n_samples=16384,
          coded_only=True),
    _Kind(uid="1.2.840.10008.5.1.4.1.1.9.1.2", name="General ECG", fs=(200, 1000), n_channels=24, n_samples=math.inf,
          coded_only=False),
    _Kind(uid="1.2.840.10008.5.1.4.1.1.9.1.3", name="Ambulatory ECG", fs=(50, 1000), n_channels=12,
          n_samples=math.inf, coded_only=False),
)  # fmt: skip
#: Longest values of the representations PN, ST and LT (PS3.5, 6.2).
_PN_SIGNS, _ST_SIGNS, _LT_SIGNS = 64, 1024, 10_240
#: The length of an element is 32 bits.
_MAX_BYTES: Final = 0xFFFFFFFE


def check_fits(fs: float, leads: Sequence[str], n_samples: int, path: Path) -> _Kind:
    """Return the first storage class that can hold a recording.

    Raises
    ------
    UnsupportedFormatError
        None can; the message says why.
    """
    for kind in _KINDS:
        coded = not kind.coded_only or (len(leads) >= 3 and all(lead in BY_NAME for lead in leads))
        if kind.fs[0] <= fs <= kind.fs[1] and len(leads) <= kind.n_channels and n_samples <= kind.n_samples and coded:
            if 2 * n_samples * len(leads) > _MAX_BYTES:
                raise UnsupportedFormatError("longer than a DICOM element can be; write EDF or WFDB", path=path)
            return kind
    raise UnsupportedFormatError(
        f"{len(leads)} leads at {fs:g} Hz fit no DICOM ECG object (12-lead and General ECG: 200 to 1000 Hz, 24 leads; "
        "Ambulatory ECG: 50 to 1000 Hz, 12 leads); write EDF or WFDB",
        path=path,
    )


def waveform_object(
    recording: Recording,
    *,
    samples: NDArray[np.int16],
    step_mv: NDArray[np.float64],
    zero_mv: NDArray[np.float64],
    padding: int,
) -> Any:
    """Return a pydicom data set, ready to be saved.

    Parameters
    ----------
    recording : Recording
    samples : (n_leads, n_samples) array of int16
    step_mv, zero_mv : (n_leads,) array
        mV = sample * step + zero.
    padding : int
        What stands for a missing sample.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    kind = check_fits(recording.fs, recording.leads, recording.n_samples, Path(recording.source.path or ""))
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = kind.uid, generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    _patient(data, recording.patient)
    _study(data, recording)
    data.WaveformSequence = [_group(recording, samples, step_mv, zero_mv, padding)]
    said = _annotations(recording)
    if said:
        data.WaveformAnnotationSequence = said
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    return data


def _patient(data: Any, patient: Patient) -> None:
    # Family, given and middle name are the first three words.
    words = _plain(patient.name or "").replace("^", " ").replace("=", " ").split()
    data.PatientName = "^".join([*words[:2], " ".join(words[2:])]).rstrip("^")[:_PN_SIGNS]
    data.PatientID = _plain(patient.id or "")[:64]
    data.PatientBirthDate = patient.birth_date.strftime("%Y%m%d") if patient.birth_date else ""
    data.PatientSex = patient.sex or ""
    if patient.age_years is not None:
        data.PatientAge = _age(patient.age_years)
    if patient.complaint:
        data.AdditionalPatientHistory = patient.complaint[:_LT_SIGNS]


def _age(years: float) -> str:
    """Return an age in the unit that keeps it: whole years, else months, else days.

    Examples
    --------
    >>> _age(61), _age(0.5), _age(3 / 365.25)
    ('061Y', '006M', '003D')
    """
    months, days = years * _MONTHS_A_YEAR, years * _DAYS_A_YEAR
    if years >= 1 and (abs(years - round(years)) < 1e-6 or months > 999):
        return f"{math.floor(years + 1e-6):03d}Y"
    if years >= 1 or (months >= 1 and abs(months - round(months)) < 1e-6):
        return f"{math.floor(months + 1e-6):03d}M"
    return f"{round(days):03d}D"


def _study(data: Any, recording: Recording) -> None:
    now = datetime.now()
    # The standard demands a time of acquisition: where it is unknown a year stands that no ECG is from.
    start = (recording.start or datetime(UNKNOWN_YEAR, 1, 1)).replace(tzinfo=None)
    day, clock = start.strftime("%Y%m%d"), start.strftime("%H%M%S.%f")
    data.StudyDate, data.StudyTime = (day, clock) if recording.start else ("", "")
    data.ContentDate, data.ContentTime = day, clock
    data.AcquisitionDateTime = day + clock
    if recording.start is not None and recording.start.tzinfo is not None:
        data.TimezoneOffsetFromUTC = recording.start.strftime("%z")[:5]
    data.InstanceCreationDate, data.InstanceCreationTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.AccessionNumber = data.ReferringPhysicianName = data.StudyID = data.Manufacturer = ""
    data.Modality, data.SeriesNumber, data.InstanceNumber = "ECG", "1", "1"
    if recording.source.device:
        data.ManufacturerModelName = _plain(recording.source.device)[:64]
    data.AcquisitionContextSequence = []


def _group(
    recording: Recording,
    samples: NDArray[np.int16],
    step_mv: NDArray[np.float64],
    zero_mv: NDArray[np.float64],
    padding: int,
) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.valuerep import DSfloat

    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = samples.shape
    group.SamplingFrequency = DSfloat(recording.fs, auto_format=True)
    group.MultiplexGroupLabel = "RHYTHM"
    group.ChannelDefinitionSequence = [
        _channel(recording, i, float(step_mv[i]), float(zero_mv[i])) for i in range(len(samples))
    ]
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    if (samples == padding).any():
        group.add_new("WaveformPaddingValue", "OW", np.array([padding], dtype="<i2").tobytes())
    group.add_new("WaveformData", "OW", np.ascontiguousarray(samples.T, dtype="<i2").tobytes())
    return group


def _channel(recording: Recording, i: int, step: float, zero: float) -> Any:
    from pydicom.dataset import Dataset
    from pydicom.valuerep import DSfloat

    lead, filters = recording.leads[i], recording.source.filters
    number, meaning = BY_NAME.get(lead, UNSPECIFIED)
    item = Dataset()
    item.ChannelLabel = _plain(lead)[:16]
    item.ChannelSourceSequence = [_code(f"2:{number}", "MDC", meaning)]
    item.ChannelSensitivity = DSfloat(step * 1e3, auto_format=True)
    item.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "microvolt")]
    item.ChannelSensitivityCorrectionFactor = "1"
    item.ChannelBaseline = DSfloat(zero * 1e3, auto_format=True)
    item.ChannelSampleSkew = "0"
    item.WaveformBitsStored = 16
    if filters is not None:
        for keyword, value in (
            ("FilterLowFrequency", filters.highpass_hz),
            ("FilterHighFrequency", filters.lowpass_hz),
            ("NotchFilterFrequency", filters.notch_hz),
        ):
            if value is not None:
                setattr(item, keyword, DSfloat(value, auto_format=True))
    return item


def _code(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _annotations(recording: Recording) -> list[Any]:
    from pydicom.dataset import Dataset

    out = []
    for text in recording.source.statements:
        item = Dataset()
        item.UnformattedTextValue, item.ReferencedWaveformChannels = text[:_ST_SIGNS], [1, 0]
        item.AnnotationGroupNumber = 0
        out.append(item)
    out += _measurements(recording)
    for mark in recording.annotations:
        if 0 <= mark.sample < recording.n_samples:
            out.append(_mark(recording, mark))
    return out


def _measurements(recording: Recording) -> list[Any]:
    """Return the device's own measurements that the standard has codes for."""
    from pydicom.dataset import Dataset
    from pydicom.valuerep import DSfloat

    out = []
    for name, code in MEASUREMENTS.items():
        value = recording.source.measurements.get(name)
        if value is not None and math.isfinite(value):
            unit, words = UNITS[name[name.rindex("_") :]]
            item = Dataset()
            item.ConceptNameCodeSequence = [_code(*code)]
            item.ReferencedWaveformChannels = [1, 0]
            item.MeasurementUnitsCodeSequence = [_code(unit, "UCUM", words)]
            item.NumericValue = DSfloat(value, auto_format=True)
            item.AnnotationGroupNumber = 0
            out.append(item)
    return out


def _mark(recording: Recording, mark: Annotation) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    channel = recording.leads.index(mark.lead) + 1 if mark.lead in recording.leads else 0
    item.UnformattedTextValue = (mark.text or mark.symbol)[:_ST_SIGNS]
    item.ReferencedWaveformChannels = [1, channel]
    item.AnnotationGroupNumber = 1
    first = mark.sample + 1  # DICOM counts from 1
    last = min(first + mark.duration, recording.n_samples)
    item.TemporalRangeType = "SEGMENT" if last > first else "POINT"
    item.ReferencedSamplePositions = [first, last] if last > first else first
    return item


def _plain(text: str) -> str:
    """Return a text without line ends and without the sign that separates values."""
    return " ".join(text.replace("\\", "/").split())
