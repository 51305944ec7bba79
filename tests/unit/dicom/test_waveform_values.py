"""Values of an element that was not looked at before are those that pydicom gives."""

from __future__ import annotations

import io

import pytest
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ecg_engine.dicom import waveforms

TEXTS = {
    "PatientID": "Иванов 7",
    "PatientName": "Петров^Пётр",
    "PatientSex": "F",
    "PatientAge": "041Y",
    "AcquisitionDateTime": "20260102030405.25",
    "AdditionalPatientHistory": "a~b  and  c ",
    "StudyDescription": "odd",
    "SOPInstanceUID": "1.2.3",
    "Manufacturer": "",
}
NUMBERS = {
    "NumberOfWaveformChannels": 12,
    "NumberOfWaveformSamples": 5_000_000,
    "SamplingFrequency": "500.5 ",
    "ChannelSensitivity": "-1.25e-3",
    "Rows": 3,
}


def _read(content, syntax):
    return read_dataset(io.BytesIO(content), syntax.is_implicit_VR, syntax.is_little_endian)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian])
def test_plain_values_are_those_of_pydicom(syntax):
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 144"
    for keyword, value in {**TEXTS, **NUMBERS}.items():
        setattr(made, keyword, value)
    made.ReferencedWaveformChannels = [1, 2]
    file = io.BytesIO()
    dcmwrite(file, made, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    raw, seen = (_read(file.getvalue(), syntax) for _ in range(2))
    for element in seen:  # each is converted by pydicom
        assert element is not None
    for keyword in TEXTS:
        assert waveforms._text(raw, keyword) == waveforms._text(seen, keyword) == TEXTS[keyword].strip()
    for keyword, value in NUMBERS.items():
        assert waveforms._float(raw, keyword) == waveforms._float(seen, keyword) == float(value)
    assert waveforms._ints(raw, "ReferencedWaveformChannels") == [1, 2]
