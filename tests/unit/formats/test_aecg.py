"""HL7 annotated ECGs: the numbers of the implementation guide, what a file may leave out, and what is written."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import read_ecg, write_ecg
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source
from tests.unit.formats.exports import aecg, counts, declared

ROWS = counts(2)
TWO = ("I", "aVF")


def read(tmp_path: Path, text: str, **options: object) -> Recording:
    path = tmp_path / "a.xml"
    path.write_bytes(declared(text))
    return read_ecg(path, **options)  # type: ignore[arg-type]


def test_a_value_is_origin_plus_digit_times_scale(tmp_path: Path) -> None:
    text = aecg(ROWS, TWO, origin='<origin value="100" unit="uV"/>', scale='<scale value="0.0025" unit="mV"/>')
    found = read(tmp_path, text)
    assert (found.leads, found.fs, found.source.lsb_mv) == (TWO, 500.0, (0.0025, 0.0025))
    np.testing.assert_allclose(found.signal, 0.1 + ROWS * 0.0025, rtol=0, atol=1e-12)


def test_the_clock_keeps_its_zone(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=3))
    assert read(tmp_path, aecg(ROWS, TWO)).start == datetime(2024, 3, 5, 11, 22, 33, 250_000, zone)
    assert read(tmp_path, aecg(ROWS, TWO, head="202403051122")).start == datetime(2024, 3, 5, 11, 22)
    # Without a clock of its own the series' time is the start.
    assert read(tmp_path, aecg(ROWS, TWO, head="")).start == datetime(2024, 3, 5, 11, 22, 33)


@pytest.mark.parametrize(
    ("increment", "unit", "fs"),
    [("0.002", "s", 500), ("2", "ms", 500), ("0.003333", "s", 300), ("1000", "us", 1000), ("0.00390625", "s", 256),
     ("0.0027778", "s", 360), ("0.004987531", "s", 200.5), ("0.003", "s", 1000 / 3), ("3", "ms", 1000 / 3)],
)  # fmt: skip
def test_an_increment_that_rounds_a_whole_rate_is_that_rate(
    increment: str, unit: str, fs: float, tmp_path: Path
) -> None:
    text = aecg(ROWS, TWO, increment=f'<increment value="{increment}" unit="{unit}"/>')
    assert read(tmp_path, text).fs == pytest.approx(fs, rel=1e-7)


def test_a_rate_that_is_missing_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match="fs="):
        read(tmp_path, aecg(ROWS, TWO, increment=""))
    assert read(tmp_path, aecg(ROWS, TWO, increment=""), fs=250).fs == 250


PERSON = """<subjectDemographicPerson><name><family>Щукина</family><given>Юлия</given></name>
<administrativeGenderCode code="F"/><birthTime value="19630301"/></subjectDemographicPerson>"""
AROUND = """<controlVariable><relatedObservation><code code="21612-7"/><value xsi:type="PQ" value="18" unit="mo"/>
</relatedObservation></controlVariable><pertainsTo><subjectFindingComment><text>dizzy</text></subjectFindingComment>
</pertainsTo>"""


def test_the_patient(tmp_path: Path) -> None:
    found = read(tmp_path, aecg(ROWS, TWO, subject=PERSON, before=AROUND))
    assert found.patient == Patient(
        id="A-17", name="Щукина Юлия", birth_date=date(1963, 3, 1), age_years=1.5, sex="F", complaint="dizzy"
    )
    # Where no age is said it follows from birth and recording: two days past the 61st birthday.
    assert read(tmp_path, aecg(ROWS, TWO, subject=PERSON)).patient.age_years == 61


def roi(value: str, lead: str = "") -> str:
    where = f'<component><boundary><code code="MDC_ECG_LEAD_{lead}"/></boundary></component>' if lead else ""
    return (
        '<support><supportingROI><component><boundary><code code="TIME_ABSOLUTE"/>'
        f"{value}</boundary></component>{where}</supportingROI></support>"
    )


def note(code: str, value: str = "", inner: str = "") -> str:
    return f'<component><annotation><code code="{code}"/>{value}{inner}</annotation></component>'


def span(low: str, high: str) -> str:
    edges = "".join(f'<{n} value="20240305112233.{v}"/>' for n, v in (("low", low), ("high", high)) if v)
    return f'<value xsi:type="IVL_TS">{edges}</value>'


WAVE = '<value xsi:type="CE" code="MDC_ECG_WAVC_{}"/>'
SERIES = (
    "<subjectOf><annotationSet>"
    + note("MDC_ECG_HEART_RATE", '<value xsi:type="PQ" value="60" unit="bpm"/>')
    + note("MDC_ECG_TIME_PD_QT", '<value xsi:type="PQ" value="0.4" unit="s"/>')
    + note("MDC_ECG_TIME_PD_QTc", '<value xsi:type="PQ" value="400" unit="ms"/>')
    + note("MDC_ECG_TIME_PD_PR", '<value xsi:type="PQ" value="0" unit="ms"/>')
    + note("MDC_ECG_TIME_PD_QRS", '<value xsi:type="PQ" value="90" unit="furlong"/>')
    + note("MDC_ECG_RHY", '<value xsi:type="CE" code="MDC_ECG_RHY_SINUS_RHY" displayName="Sinus Rhythm"/>')
    + note("MDC_ECG_INTERPRETATION", inner=note("MDC_ECG_INTERPRETATION_STATEMENT", '<value xsi:type="ST">ЭКГ</value>'))
    + note(
        "MDC_ECG_BEAT",
        '<value xsi:type="CE" code="MDC_ECG_BEAT_V_P_C"/>',
        note("MDC_ECG_WAVC", WAVE.format("QRSWAVE"), roi(span("450", "650")))
        + note("MDC_ECG_WAVC", WAVE.format("TWAVE"), roi(span("", "850"))),
    )
    + note("MDC_ECG_WAVC_TYPE", WAVE.format("RWAVE"), roi('<value xsi:type="TS" value="20240305112233.450"/>', "AVF"))
    + "</annotationSet></subjectOf>"
)


def test_measurements_statements_and_marks(tmp_path: Path) -> None:
    found = read(tmp_path, aecg(ROWS, TWO, head="20240305112233.250", series=SERIES))
    # A QTc of 400 of a QT of 400 at 60 a minute is Bazett's as well as any other's; a PR of zero is none.
    assert found.source.measurements == {"heart_rate_bpm": 60.0, "qt_ms": 400.0, "qtc_bazett_ms": 400.0}
    assert found.source.details["device_measurements"] == ["MDC_ECG_TIME_PD_QRS: 90 furlong"]
    assert found.source.statements == ("Sinus Rhythm", "ЭКГ")
    assert found.annotations == (
        Annotation(sample=100, symbol="V", duration=100),
        Annotation(sample=100, text="QRS", duration=100),
        Annotation(sample=100, text="R", lead="aVF"),
        Annotation(sample=300, text="T, end"),
    )


def test_the_representative_beat_stands_beside(tmp_path: Path) -> None:
    inner = aecg(ROWS[:, :50], TWO).split("<sequenceSet>")[1].split("</sequenceSet>")[0]
    marks = note(
        "MDC_ECG_WAVC",
        WAVE.format("QRSWAVE"),
        roi('<value><low value="20" unit="ms"/><high value="60" unit="ms"/></value>').replace("ABSOLUTE", "RELATIVE"),
    )
    series = (
        '<derivation><derivedSeries><code code="REPRESENTATIVE_BEAT"/><component><sequenceSet>'
        f"{inner}</sequenceSet></component><subjectOf><annotationSet>{marks}</annotationSet></subjectOf>"
        "</derivedSeries></derivation>"
    )
    beat = read(tmp_path, aecg(ROWS, TWO, series=series)).source.beat
    assert beat is not None
    assert (beat.fs, beat.leads, dict(beat.marks)) == (500.0, TWO, {"qrs_onset": 10, "qrs_offset": 30})
    np.testing.assert_allclose(beat.signal, ROWS[:, :50] * 0.0025)


def test_the_rhythm_is_the_recording_and_others_are_named(tmp_path: Path) -> None:
    one, other = aecg(ROWS, TWO), aecg(ROWS[:, :60], TWO, kind="REPRESENTATIVE_BEAT")
    series = other.split("</componentOf>")[-1].removesuffix("</AnnotatedECG>")
    text = one.replace("<component><series>", f"{series}<component><series>", 1)
    found = read(tmp_path, text)
    assert found.n_samples == 600
    assert found.source.details["other_groups"] == ["REPRESENTATIVE_BEAT: 1 sets"]


@pytest.mark.parametrize(
    ("change", "words", "error"),
    [
        ({"scale": ""}, "lead I: its scale is no voltage", CorruptFormatError),
        ({"scale": '<scale value="2.5" unit="mmHg"/>'}, "mmHg", CorruptFormatError),
        ({"scale": '<scale value="0" unit="uV"/>'}, "no scale", CorruptFormatError),
        ({"origin": '<origin value="5" unit="degC"/>'}, "origin", CorruptFormatError),
        ({"increment": '<increment value="0" unit="s"/>'}, "sampling rate", CorruptFormatError),
        ({"leads": ("I", "I")}, "lead I: 2 channels", CorruptFormatError),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, object], words: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        read(tmp_path, aecg(ROWS, **({"leads": TWO} | change)))  # type: ignore[arg-type]


def test_leads_of_different_lengths_say_which(tmp_path: Path) -> None:
    text = aecg(counts(3), ("I", "II", "V1")).replace(" ".join(map(str, counts(3)[2])), "1 2 3")
    with pytest.raises(CorruptFormatError, match="lead V1: 3 samples where the others have 600"):
        read(tmp_path, text)
    assert read(tmp_path, text, leads=("I", "II")).n_samples == 600


def test_an_annotated_ecg_without_a_waveform_is_refused(tmp_path: Path) -> None:
    for text in ('<AnnotatedECG xmlns="urn:hl7-org:v3"></AnnotatedECG>', aecg(ROWS[:0], ())):
        with pytest.raises(UnsupportedFormatError, match="without a waveform"):
            read(tmp_path, text)


# ---------------------------------------------------------------------------------------------------------- written

NS = "{urn:hl7-org:v3}"


def test_what_is_written_has_the_order_of_the_guide(recording: Recording, tmp_path: Path) -> None:
    given = Recording(
        signal=recording.signal, fs=500, leads=recording.leads, start=recording.start,
        patient=Patient(id="A-17", age_years=61, complaint="боль", sex="F"),
        source=Source(device="X1", filters=Filters(lowpass_hz=150), measurements={"qrs_ms": 90.0}, statements=("a",)),
    )  # fmt: skip
    write_ecg(given, tmp_path / "a.xml")
    root = ET.parse(tmp_path / "a.xml").getroot()
    tags = [child.tag.removeprefix(NS) for child in root]
    assert root.tag == f"{NS}AnnotatedECG"
    assert tags == ["id", "code", "effectiveTime", "componentOf", "controlVariable", "pertainsTo", "component"]
    (series,) = root.findall(f"{NS}component/{NS}series")
    tags = [child.tag.removeprefix(NS) for child in series]
    assert tags == ["id", "code", "effectiveTime", "author", "controlVariable", "component", "subjectOf"]
    codes = [node.get("code") for node in series.iter(f"{NS}code")]
    assert codes[0] == "RHYTHM" and "TIME_ABSOLUTE" in codes and "MDC_ECG_LEAD_AVR" in codes
    value = series.find(f"{NS}component/{NS}sequenceSet/{NS}component[2]/{NS}sequence/{NS}value")
    assert value is not None
    assert [(node.tag.removeprefix(NS), node.get("unit")) for node in value] == [
        ("origin", "uV"), ("scale", "uV"), ("digits", None),
    ]  # fmt: skip


def test_everything_with_a_place_returns(recording: Recording, tmp_path: Path) -> None:
    given = Recording(
        signal=recording.signal,
        fs=500,
        leads=recording.leads,
        start=datetime(2024, 3, 5, 11, 22, 33, 250_123, timezone(-timedelta(hours=3, minutes=30))),
        patient=Patient(id="A & <17>", name="Иванова Анна", birth_date=date(1963, 3, 1), age_years=61.5, sex="M",
                        complaint="боль"),
        source=Source(
            device="Acme X1", filters=Filters(highpass_hz=0.05, notch_hz=50), lsb_mv=(0.001,) * 12,
            measurements={"qrs_ms": 90.0, "heart_rate_bpm": 61.5, "qrs_axis_deg": -30.0, "qtc_fridericia_ms": 401.0},
            statements=("Синусовый ритм", 'a < b & "c"'),
        ),
        annotations=(
            Annotation(sample=3, symbol="N"), Annotation(sample=321, text="боль", duration=7, lead="aVR"),
            Annotation(sample=400, symbol="~"), Annotation(sample=500, symbol="V", lead="V1"),
        ),
    )  # fmt: skip
    write_ecg(given, tmp_path / "a.xml")
    found = read_ecg(tmp_path / "a.xml")
    assert (found.start, found.patient, found.annotations) == (given.start, given.patient, given.annotations)
    for name in ("device", "filters", "measurements", "statements"):
        assert getattr(found.source, name) == getattr(given.source, name)
    np.testing.assert_allclose(found.signal, given.signal, rtol=0, atol=1e-12)


def test_what_is_unknown_stays_unknown(tmp_path: Path) -> None:
    given = Recording(signal=np.zeros((1, 50)), fs=1000 / 3, leads=("CM5",))
    write_ecg(given, tmp_path / "a.aecg")
    found = read_ecg(tmp_path / "a.aecg")
    assert (found.start, found.patient, found.leads) == (None, Patient(), ("CM5",))
    assert found.fs == pytest.approx(1000 / 3, rel=1e-9)


def test_letters_that_xml_cannot_hold_are_left_out(tmp_path: Path) -> None:
    given = Recording(signal=np.zeros((1, 50)), fs=500, leads=("I",), patient=Patient(name="A\x00\x1fB\ud800"))
    write_ecg(given, tmp_path / "a.xml")
    assert read_ecg(tmp_path / "a.xml").patient.name == "AB"


def test_gaps_and_names_that_no_code_can_hold_are_refused(tmp_path: Path) -> None:
    signal = np.zeros((1, 50))
    signal[0, 3] = np.nan
    with pytest.raises(UnsupportedFormatError, match="WFDB, DICOM or CSV"):
        write_ecg(Recording(signal=signal, fs=500, leads=("I",)), tmp_path / "a.xml")
    with pytest.raises(UnsupportedFormatError, match="rename"):
        write_ecg(Recording(signal=np.zeros((1, 50)), fs=500, leads=("lead one",)), tmp_path / "a.xml")
