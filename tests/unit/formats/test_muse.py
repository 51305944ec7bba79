"""GE MUSE XML: eight leads that make twelve, checksums, the device's own findings."""

from __future__ import annotations

import base64
from datetime import date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import describe, read_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Annotation, Filters, Patient, Recording
from tests.unit.formats.exports import counts, declared, muse, muse_lead

ROWS = counts(8)


def read(tmp_path: Path, text: str) -> Recording:
    path = tmp_path / "a.xml"
    path.write_bytes(declared(text, "ISO-8859-1" if text.isascii() else "UTF-8"))
    return read_ecg(path)


def test_four_leads_follow_from_the_other_two(tmp_path: Path) -> None:
    found = read(tmp_path, muse(ROWS))
    assert (found.leads, found.fs) == (STANDARD_LEADS, 500.0)
    one, two = ROWS[0] * 0.00488, ROWS[1] * 0.00488
    by_rule = {
        "I": one,
        "II": two,
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
    }
    for name, row in by_rule.items():
        np.testing.assert_allclose(found.lead(name), row, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.signal[6:], ROWS[2:] * 0.00488, rtol=0, atol=1e-12)
    # Einthoven's and Goldberger's laws hold to the last digit; half a step is the step of the augmented leads.
    steps = dict(zip(found.leads, found.source.lsb_mv or (), strict=True))
    assert steps["III"] == 0.00488 and steps["aVL"] == 0.00244
    assert found.source.details["derived_leads"] == ["III", "aVR", "aVL", "aVF"]
    assert found.source.filters == Filters(highpass_hz=0.05, lowpass_hz=150.0, notch_hz=50.0)


def test_leads_that_are_there_are_not_derived(tmp_path: Path) -> None:
    found = read(tmp_path, muse(counts(12), STANDARD_LEADS))
    np.testing.assert_allclose(found.signal, counts(12) * 0.00488)
    assert "derived_leads" not in found.source.details
    assert read(tmp_path, muse(ROWS[:2], ("II", "V1"))).leads == ("II", "V1")


@pytest.mark.parametrize(("base", "exponent", "fs"), [("500", "0", 500), ("5", "2", 500), ("2500", "-1", 250)])
def test_the_rate_is_base_times_ten_to_the_exponent(base: str, exponent: str, fs: float, tmp_path: Path) -> None:
    assert read(tmp_path, muse(ROWS, base=base, exponent=exponent)).fs == fs


FINDINGS = """<PatientDemographics><PatientID>77</PatientID><PatientAge>6</PatientAge><AgeUnits>MONTHS</AgeUnits>
<DateofBirth>09-05-2023</DateofBirth><Gender>FEMALE</Gender><PatientLastName>Doe</PatientLastName>
<PatientFirstName>Ann</PatientFirstName></PatientDemographics>
<TestDemographics><AcquisitionDevice>MAC55</AcquisitionDevice><AcquisitionTime>11:22:33</AcquisitionTime>
<AcquisitionDate>03-05-2024</AcquisitionDate><SiteName>Somewhere</SiteName></TestDemographics>
<RestingECGMeasurements><VentricularRate>90</VentricularRate><PRInterval>144</PRInterval><QRSDuration>86</QRSDuration>
<QTInterval>402</QTInterval><QTCorrected>491</QTCorrected><PAxis>48</PAxis><RAxis>0</RAxis><TAxis>111</TAxis>
<POnset>40</POnset><POffset>81</POffset><QOnset>100</QOnset><QOffset>143</QOffset><TOffset>190</TOffset>
<ECGSampleBase>500</ECGSampleBase><ECGSampleExponent>0</ECGSampleExponent></RestingECGMeasurements>
<Diagnosis><DiagnosisStatement><StmtText>Anterior infarct</StmtText></DiagnosisStatement>
<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>, age undetermined</StmtText></DiagnosisStatement>
<DiagnosisStatement><StmtText>When compared</StmtText></DiagnosisStatement>
<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>with nothing</StmtText></DiagnosisStatement></Diagnosis>
<OriginalDiagnosis><DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>Normal</StmtText></DiagnosisStatement>
</OriginalDiagnosis>
<QRSTimesTypes><QRS><Number>1</Number><Type>0</Type><Time>212</Time></QRS><GlobalRR>663</GlobalRR></QRSTimesTypes>"""


def test_everything_that_comes_with_the_signal(tmp_path: Path) -> None:
    found = read(tmp_path, muse(ROWS, more=FINDINGS, median=ROWS[:, :200]))
    assert found.start == datetime(2024, 3, 5, 11, 22, 33)
    assert found.patient == Patient(id="77", name="Doe Ann", birth_date=date(2023, 9, 5), age_years=0.5, sex="F")
    source = found.source
    assert source.device == "GE MAC55"
    # 402 ms at 663 ms make 493.7 by Bazett, 461.0 by Fridericia; an axis of zero is one.
    assert source.measurements == {
        "heart_rate_bpm": 90, "pr_ms": 144, "qrs_ms": 86, "qt_ms": 402, "qtc_bazett_ms": 491, "p_axis_deg": 48,
        "qrs_axis_deg": 0, "t_axis_deg": 111, "rr_ms": 663, "p_duration_ms": 82,
    }  # fmt: skip
    assert source.statements == ("Anterior infarct, age undetermined", "When compared with nothing")
    assert source.details["original_statements"] == ["Normal"]
    assert found.annotations == (Annotation(sample=106, text="QRS of type 0"),)
    assert "Somewhere" not in str(describe(found)) and "Somewhere" in str(describe(found, phi=True))
    assert source.beat is not None
    assert source.beat.signal.shape == (12, 200)
    assert dict(source.beat.marks) == {
        "p_onset": 40, "p_offset": 81, "qrs_onset": 100, "qrs_offset": 143, "t_offset": 190,
    }  # fmt: skip
    np.testing.assert_allclose(source.beat.signal[1], ROWS[1, :200] * 0.00488)
    shown = describe(found)["device_beat"]
    assert (shown["fs"], shown["n_samples"], shown["marks"]["p_onset"]) == (500.0, 200, 40)


def test_a_wrong_checksum_names_the_lead(tmp_path: Path) -> None:
    def lead(name: str, row: np.ndarray) -> str:
        return muse_lead(name, row, crc=1 if name == "V3" else None)

    with pytest.raises(CorruptFormatError, match=r"lead V3: its checksum \(CRC-32\) is wrong") as caught:
        read(tmp_path, muse(ROWS, lead=lead))
    assert caught.value.lead == "V3"


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    text = muse(ROWS)
    data = base64.encodebytes(ROWS[3].astype("<i2").tobytes()).decode()
    other = ("B" if data[0] != "B" else "C") + data[1:]
    with pytest.raises(CorruptFormatError, match="lead V2: its checksum"):
        read(tmp_path, text.replace(data, other))


@pytest.mark.parametrize(
    ("said", "words", "error"),
    [
        ({"LeadByteCountTotal": "4"}, "1200 bytes of samples where 4 are announced", CorruptFormatError),
        ({"LeadByteCountTotal": "", "LeadSampleCountTotal": "7"}, "where 14 are announced", CorruptFormatError),
        ({"LeadSampleSize": "4"}, "two bytes", UnsupportedFormatError),
        ({"LeadAmplitudeUnits": "PARSECS"}, "no scale", CorruptFormatError),
        ({"LeadAmplitudeUnitsPerBit": ""}, "no scale", CorruptFormatError),
    ],
)
def test_what_cannot_be_is_named(said: dict[str, str], words: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        read(tmp_path, muse(ROWS, lead=partial(muse_lead, **said)))  # type: ignore[arg-type]


def test_what_is_no_base64_or_no_rhythm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match="lead I: samples that are no base64"):
        read(tmp_path, muse(ROWS).replace("<WaveFormData>", "<WaveFormData>!", 1))
    with pytest.raises(UnsupportedFormatError, match="no rhythm"):
        read(tmp_path, "<RestingECG/>")
    with pytest.raises(CorruptFormatError, match="SampleBase"):
        read(tmp_path, muse(ROWS, base=""))
