"""Philips Sierra XML: XLI against a compressor written from its description, and what stands beside the signal."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import _xli, read_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Annotation, Filters, Patient, Recording
from tests.unit.formats.exports import counts, declared, sierra, xli, xli_chunk

ROWS = counts()


def read(tmp_path: Path, text: str, encoding: str = "UTF-16") -> Recording:
    path = tmp_path / "a.xml"
    path.write_bytes(declared(text, encoding))
    return read_ecg(path)


@pytest.mark.parametrize("packed", ["XLI", "Uncompressed"])
@pytest.mark.parametrize("version", ["1.03", "1.04", "1.04.01"])
def test_samples_return(packed: str, version: str, tmp_path: Path) -> None:
    found = read(tmp_path, sierra(ROWS, packed=packed, version=version))
    assert (found.leads, found.fs, found.source.lsb_mv) == (STANDARD_LEADS, 500.0, (0.005,) * 12)
    np.testing.assert_allclose(found.signal, ROWS * 0.005, rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    row=npst.arrays(np.int64, st.integers(3, 300), elements=st.integers(-2000, 2000))
    | st.integers(3, 4000).map(lambda n: np.cumsum(np.random.default_rng(n).integers(-40, 41, n)))
    | st.integers(3, 3000).map(lambda n: np.zeros(n, dtype=np.int64))
)
def test_a_lead_returns_from_its_compressed_form(row: np.ndarray) -> None:
    (found,) = _xli.samples_of(xli_chunk(row), n_leads=1, n_samples=len(row), path=Path("a"))
    np.testing.assert_array_equal(found, row)


def test_limb_leads_are_cut_towards_zero() -> None:
    # By hand: I = 3, II = -6 make III -9, aVR 1 (of 1.5), aVL 6 (of 6), aVF -7 (of -7.5).
    stored = [np.array([value]) for value in (3, -6, 0, 0, 0, 0)]
    assert [int(row[0]) for row in _xli.limb_leads(stored)] == [3, -6, -9, 1, 6, -7]


def test_unpacking_takes_no_more_memory_than_announced() -> None:
    bomb = xli_chunk(np.zeros(500_000, dtype=np.int64))
    with pytest.raises(CorruptFormatError, match="where 100 are announced"):
        _xli.samples_of(bomb, n_leads=1, n_samples=100, path=Path("a"))
    assert len(_xli._lzw(bomb[8:], 200)) < 2000


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (xli(ROWS)[:5], "end after 0 of 12"),
        (xli(ROWS)[:50], "lead 1 of 12: .* bytes where"),
        (xli(ROWS)[:-1], "lead 12 of 12"),
        (b"\0\0\0\0\1\0\0\0" + xli(ROWS), "lead 1 of 12"),
        (b"\xff\xff\xff\xff\1\0\0\0" + xli(ROWS), "lead 1 of 12"),
        (xli_chunk(ROWS[0][:77]) * 12, "77 samples unpacked where 600 are announced"),
    ],
)
def test_damaged_samples_are_named(raw: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match=words):
        read(tmp_path, sierra(ROWS, raw=raw))


def test_the_calibration_pulse_is_cut_off(tmp_path: Path) -> None:
    pulse = np.zeros((12, 250), dtype=np.int64)
    pulse[:, 100:200] = 200  # 1 mV for 200 ms
    found = read(tmp_path, sierra(np.hstack([ROWS + 1, pulse])))
    np.testing.assert_allclose(found.signal, (ROWS + 1) * 0.005)
    assert found.source.details["calibration_pulse"] == "0.5 s with it cut off the end"


def test_what_only_looks_like_a_pulse_stays(tmp_path: Path) -> None:
    flat = np.zeros((12, 250), dtype=np.int64)
    assert read(tmp_path, sierra(np.hstack([ROWS, flat]))).n_samples == 850
    low = flat.copy()
    low[:, 100:200] = 150
    assert read(tmp_path, sierra(np.hstack([ROWS, low]))).n_samples == 850
    short = flat.copy()
    short[:, 100:120] = 200
    assert read(tmp_path, sierra(np.hstack([ROWS, short]))).n_samples == 850


PATIENT = """<patientid>77</patientid><name><lastname>Щукина</lastname><firstname>Юлия</firstname>
<middlename>---</middlename></name><age><dateofbirth>1963-03-01</dateofbirth></age><pacestatus>Unknown</pacestatus>
<sex>Female</sex><height><inch>70</inch></height>"""
MORE = """<reportinfo><reportbandwidth><highpassfiltersetting>0.5</highpassfiltersetting>
<lowpassfiltersetting>40</lowpassfiltersetting><notchfiltersetting>50</notchfiltersetting></reportbandwidth></reportinfo>
<internalmeasurements><leadmeasurements><leadmeasurement leadname="aVF"><pacepulses><pacepulse starttime="100"/>
</pacepulses><ramp>265</ramp><pdur>108</pdur><qamp>0</qamp></leadmeasurement></leadmeasurements></internalmeasurements>
<interpretations><interpretation><globalmeasurements><heartrate>60</heartrate><pdur>100</pdur><print>144</print>
<qonset>512</qonset><qrsdur>84</qrsdur><qtint>352</qtint><qtcb>352</qtcb><pfrontaxis>81</pfrontaxis>
<qrsfrontaxis>Indeterminate</qrsfrontaxis></globalmeasurements><severity code="AB">- ABNORMAL ECG -</severity>
<statement><leftstatement>SINUS RHYTHM</leftstatement><rightstatement>V-rate 60-99</rightstatement></statement>
<statement><leftstatement>---</leftstatement><rightstatement/></statement></interpretation></interpretations>"""


def test_everything_that_comes_with_the_signal(tmp_path: Path) -> None:
    found = read(tmp_path, sierra(ROWS, patient=PATIENT, more=MORE))
    assert found.start == datetime(2024, 3, 5, 11, 22, 33)
    assert found.patient == Patient(id="77", name="Щукина Юлия", birth_date=date(1963, 3, 1), age_years=61, sex="F")
    source = found.source
    assert (source.device, source.filters) == ("Philips PageWriter", Filters(highpass_hz=0.05, lowpass_hz=150))
    assert source.details["page_filters"] == "high-pass 0.5 Hz, low-pass 40 Hz, notch 50 Hz"
    assert source.details["height_cm"] == 177.8
    assert source.measurements == {
        "heart_rate_bpm": 60, "p_duration_ms": 100, "pr_ms": 144, "qrs_ms": 84, "qt_ms": 352, "qtc_bazett_ms": 352,
        "p_axis_deg": 81,
    }  # fmt: skip
    assert source.details["device_measurements_by_lead"] == {"aVF": {"pdur": "108 ms", "ramp": "265 uV"}}
    assert source.statements == ("SINUS RHYTHM (V-rate 60-99)", "ABNORMAL ECG")
    assert found.annotations == (Annotation(sample=50, symbol="^", text="pacing spike", lead="aVF"),)


def test_the_pages_filters_are_the_samples_only_where_the_file_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, sierra(ROWS, more=MORE, attributes='filterflag="True"'))
    assert found.source.filters == Filters(highpass_hz=0.5, lowpass_hz=40.0, notch_hz=50.0)


def test_a_p_wave_that_reaches_beyond_the_qrs_is_none_of_ours(tmp_path: Path) -> None:
    found = read(tmp_path, sierra(ROWS, more=MORE.replace("<pdur>100", "<pdur>508")))
    assert "p_duration_ms" not in found.source.measurements
    assert found.source.details["device_measurements"] == ["pdur: 508 ms"]


@pytest.mark.parametrize(
    ("change", "words", "error"),
    [
        ({"version": "9.9"}, "version 9.9", UnsupportedFormatError),
        ({"packed": "ZIP", "raw": b"x"}, "packed by ZIP", UnsupportedFormatError),
        ({"signal": "<resolution>5</resolution>"}, "samplingrate", CorruptFormatError),
        ({"signal": "<samplingrate>500</samplingrate>"}, "no scale", CorruptFormatError),
        ({"ms": 1e300}, "samples, where", UnsupportedFormatError),
        ({"ms": -1}, "how long", CorruptFormatError),
        ({"packed": "Uncompressed", "ms": 9e4}, "7200 samples where its header announces 540000", CorruptFormatError),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, object], words: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        read(tmp_path, sierra(ROWS, **change))  # type: ignore[arg-type]
