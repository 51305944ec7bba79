"""CardioSoft and Schiller XML: scales, counts, what stands beside the signal."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import read_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Annotation, Filters, Patient, Recording
from tests.unit.formats.exports import cardiosoft, counts, declared, schiller

ROWS = counts()


def read(tmp_path: Path, text: str, encoding: str = "windows-1251", **options: object) -> Recording:
    path = tmp_path / "a.xml"
    path.write_bytes(declared(text, encoding))
    return read_ecg(path, **options)  # type: ignore[arg-type]


SOFT = """<ObservationDateTime><Hour>11</Hour><Minute>22</Minute><Second>33</Second><Day>5</Day><Month>3</Month>
<Year>2024</Year></ObservationDateTime><ClinicalInfo><ReasonForStudy>боль</ReasonForStudy><DeviceInfo>
<Desc>CardioSoft</Desc><SoftwareVer>V6.73</SoftwareVer></DeviceInfo></ClinicalInfo>
<PatientVisit><Medications><Drug>A</Drug><Dosage>1</Dosage><Drug>Б</Drug></Medications></PatientVisit>
<PatientInfo><PID>77</PID><Name><FamilyName>Щукина</FamilyName><GivenName>Юлия</GivenName></Name>
<Age units="YEARS">61</Age><BirthDateTime><Day>1</Day><Month>3</Month><Year>1963</Year></BirthDateTime>
<Gender>FEMALE</Gender><Height units="CENTIMETERS">175</Height><PaceMaker>yes</PaceMaker></PatientInfo>
<FilterSetting><Filter50Hz>No</Filter50Hz><Filter60Hz>Yes</Filter60Hz><LowPass units="Hz">100</LowPass>
<HighPass units="Hz">0.01</HighPass></FilterSetting>
<Interpretation><Diagnosis><DiagnosisText>Sinus bradycardia</DiagnosisText><DiagnosisText>---</DiagnosisText>
</Diagnosis><Conclusion><ConclusionText>Norm</ConclusionText></Conclusion></Interpretation>
<RestingECGMeasurements><VentricularRate>50</VentricularRate><PQInterval>174</PQInterval><QTInterval>440</QTInterval>
<QTCInterval>401</QTCInterval><RRInterval>1202</RRInterval><PPInterval units="ms">1200</PPInterval>
<MeasurementTable><LeadOrder>I, II</LeadOrder><RAmplitude units="uV">615, </RAmplitude></MeasurementTable>
<POnset>40</POnset><QOnset>80</QOnset><MedianSamples><SampleRate>500</SampleRate>
<ChannelSampleCountTotal>60</ChannelSampleCountTotal><Resolution units="uVperLsb">5</Resolution>MEDIAN</MedianSamples>
</RestingECGMeasurements>"""
STRIP = "<ArrhythmiaResults><Time>800</Time><BeatClass>dominant</BeatClass><Time>900</Time></ArrhythmiaResults>"


def test_cardiosoft(tmp_path: Path) -> None:
    median = f'<WaveformData lead="I">{",".join(map(str, ROWS[0, :60]))}</WaveformData>'
    found = read(tmp_path, cardiosoft(ROWS, more=SOFT.replace("MEDIAN", median), strip=STRIP))
    assert (found.leads, found.fs, found.source.lsb_mv) == (STANDARD_LEADS, 500.0, (0.005,) * 12)
    np.testing.assert_allclose(found.signal, ROWS * 0.005, rtol=0, atol=1e-12)
    assert found.start == datetime(2024, 3, 5, 11, 22, 33)
    assert found.patient == Patient(
        id="77", name="Щукина Юлия", birth_date=date(1963, 3, 1), age_years=61, sex="F", pacemaker=True,
        drugs=("A", "Б"),
    )  # fmt: skip
    source = found.source
    assert source.device == "GE CardioSoft V6.73"
    assert source.filters == Filters(highpass_hz=0.01, lowpass_hz=100.0, notch_hz=60.0)
    assert source.measurements == {
        "heart_rate_bpm": 50, "rr_ms": 1202, "pr_ms": 174, "qt_ms": 440, "qtc_bazett_ms": 401,
    }  # fmt: skip
    assert source.details["device_measurements"] == ["PPInterval: 1200 ms"]
    assert source.details["device_measurements_by_lead"] == {"I": {"RAmplitude": "615 uV"}}
    assert (source.statements, source.details["conclusion"]) == (("Sinus bradycardia",), ["Norm"])
    assert found.annotations == (Annotation(sample=400, text="QRS, dominant"),)
    assert source.beat is not None and dict(source.beat.marks) == {"p_onset": 20, "qrs_onset": 40}
    np.testing.assert_allclose(source.beat.signal, ROWS[:1, :60] * 0.005)


@pytest.mark.parametrize(
    ("change", "words", "error"),
    [
        ({"n": 599}, "lead I: 600 samples where 599 are announced", CorruptFormatError),
        ({"scale": ""}, "no scale", CorruptFormatError),
        ({"scale": '<Resolution units="nVperLsb">5</Resolution>'}, "nVperLsb", UnsupportedFormatError),
        ({"rate": ""}, "SampleRate", CorruptFormatError),
    ],
)
def test_what_cannot_be_in_cardiosoft_is_named(
    change: dict[str, object], words: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        read(tmp_path, cardiosoft(ROWS, **change))  # type: ignore[arg-type]


def test_a_rate_that_is_missing_can_be_given(tmp_path: Path) -> None:
    assert read(tmp_path, cardiosoft(ROWS, rate=""), fs=250).fs == 250


def test_an_exercise_test_without_a_strip_is_refused(tmp_path: Path) -> None:
    text = "<CardiologyXML><ObservationType>StressECG</ObservationType></CardiologyXML>"
    with pytest.raises(UnsupportedFormatError, match="StressECG"):
        read(tmp_path, text)


PAT = """<patdata><id>77</id><lastname>Щукина</lastname><firstname>Юлия</firstname><birthdate>19630301</birthdate>
<gender>FEMALE</gender><height><value>175.0</value><unit>cm</unit></height><pacemaker><value>OFF</value></pacemaker>
</patdata><examdescript><startdatetime><date>20240305</date><time>112233250</time></startdatetime><aquiringdevice>
<hardware><vendor>Schiller</vendor><model>AT-110</model></hardware></aquiringdevice></examdescript>"""
EVENT = """<annotation_global><name>HR</name><value>59</value></annotation_global>
<annotation_global><name>RR</name><value>1012</value></annotation_global>
<annotation_global><name>QT</name><value>458</value></annotation_global>
<annotation_global><name>QTC</name><value>454</value></annotation_global>
<annotation_global><name>P_ON</name><value>20</value></annotation_global>
<annotation_global><name>BP_D</name><value>-</value></annotation_global>
<filters_data><filter><name>MAINS</name><value>-</value></filter><filter><name>HIGHPASS_CUTOFF_FREQ</name>
<value>0.05</value></filter><filter><name>LOWPASS_CUTOFF_FREQ</name><value>150</value></filter></filters_data>
<textdata><type>INTERPRETATION</type><textdata>Синусовый ритм
Норма</textdata></textdata><textdata><type>MEDICATION</type><textdata>A</textdata></textdata>"""


def test_schiller(tmp_path: Path) -> None:
    averages = schiller(ROWS[:, :60]).split("<event>")[1].split("</event>")[0].replace("ECG_RHYTHMS", "ECG_AVERAGES")
    averages = averages.replace(
        "</channel>", "<annotation_lead><name>R_AMPL</name><value>0.77</value></annotation_lead></channel>", 1
    )
    found = read(tmp_path, schiller(ROWS, more=PAT, event=averages + EVENT))
    assert (found.leads, found.fs) == (STANDARD_LEADS, 500.0)
    np.testing.assert_allclose(found.signal, ROWS * 0.0025, rtol=0, atol=1e-12)
    assert found.start == datetime(2024, 3, 5, 11, 22, 33, 250_000)
    assert found.patient == Patient(
        id="77", name="Щукина Юлия", birth_date=date(1963, 3, 1), age_years=61, sex="F", pacemaker=False, drugs=("A",)
    )
    source = found.source
    assert (source.device, source.filters) == ("Schiller AT-110", Filters(highpass_hz=0.05, lowpass_hz=150.0))
    assert source.measurements == {"heart_rate_bpm": 59, "rr_ms": 1012, "qt_ms": 458, "qtc_bazett_ms": 454}
    assert source.statements == ("Синусовый ритм", "Норма")
    assert source.details["device_measurements_by_lead"] == {"I": {"R_AMPL": "0.77 mV"}}
    assert source.beat is not None and dict(source.beat.marks) == {"p_onset": 20}
    assert source.beat.signal.shape == (12, 60)


@pytest.mark.parametrize(
    ("change", "words", "error"),
    [
        ({"n": 1}, "lead I: 600 samples where 1 are announced", CorruptFormatError),
        ({"units": "BAR"}, "no scale", CorruptFormatError),
        ({"exponent": "3"}, "exponent 3", UnsupportedFormatError),
    ],
)
def test_what_cannot_be_in_schiller_is_named(
    change: dict[str, object], words: str, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        read(tmp_path, schiller(ROWS, **change))  # type: ignore[arg-type]


def test_a_schiller_without_a_rhythm_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match="but ECG_AVERAGES"):
        read(tmp_path, schiller(ROWS).replace("ECG_RHYTHMS", "ECG_AVERAGES"))
