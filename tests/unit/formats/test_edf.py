"""EDF and EDF+: channels, scales, texts, gaps, and what a broken header may not do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, FormatError, UnsupportedFormatError
from ecg_engine.formats import open_ecg, read_ecg, write_ecg
from ecg_engine.formats.edf_header import SIGNAL_FIELDS, filters_of
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source
from tests.unit.formats.exports import bdf, counts

DEFAULTS = {
    "dimension": "uV", "physical_min": "-32768", "physical_max": "32767", "digital_min": "-32768",
    "digital_max": "32767", "samples": "100",
}  # fmt: skip


def edf(
    path: Path,
    signals: list[dict[str, str]],
    records: list[list[np.ndarray]],
    *,
    kind: str = "",
    patient: str = "X X X X",
    recording: str = "Startdate X X X X",
    seconds: str = "1",
    count: str | None = None,
) -> Path:
    """Write a file field by field, so that a test can break any of them."""
    fixed = [
        ("0", 8), (patient, 80), (recording, 80), ("02.01.03", 8), ("04.05.06", 8), (str(256 * (len(signals) + 1)), 8),
        (kind, 44), (str(len(records)) if count is None else count, 8), (seconds, 8), (str(len(signals)), 4),
    ]  # fmt: skip
    text = "".join(value.ljust(width)[:width] for value, width in fixed)
    for name, width in SIGNAL_FIELDS:
        text += "".join((DEFAULTS | signal).get(name, "").ljust(width)[:width] for signal in signals)
    data = b"".join(np.asarray(part, dtype="<i2").tobytes() for record in records for part in record)
    path.write_bytes(text.encode("cp1251") + data)
    return path


def tal(*texts: bytes, words: int = 30) -> np.ndarray:
    return np.frombuffer(b"".join(texts).ljust(2 * words, b"\0"), dtype="<i2")


NOTES = {"label": "EDF Annotations", "dimension": "", "samples": "30"}


def test_scale_is_physical_over_digital_range(tmp_path: Path) -> None:
    signal = {"label": "ECG II", "dimension": "mV", "physical_min": "-5", "physical_max": "5", "digital_min": "-2048",
              "digital_max": "2047"}  # fmt: skip
    path = edf(tmp_path / "a.edf", [signal], [[np.full(100, -2048)], [np.full(100, 2047)]])
    read = read_ecg(path)
    assert (read.leads, read.fs, read.n_samples) == (("II",), 100.0, 200)
    np.testing.assert_allclose(read.signal[0, [0, -1]], [-5, 5])
    np.testing.assert_allclose(read.source.lsb_mv, [10 / 4095])


@pytest.mark.parametrize(("unit", "mv"), [("uV", 0.001), ("mV", 1.0), ("V", 1000.0), ("\xb5V", 0.001), ("", 0.001)])
def test_units_of_voltage(unit: str, mv: float, tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf", [{"label": "ECG I", "dimension": unit}], [[np.full(100, 7)]])
    np.testing.assert_allclose(read_ecg(path).signal, 7 * mv)


def test_channels_that_are_no_ecg_are_left_out(tmp_path: Path) -> None:
    labels = [("EEG C3-A2", "uV"), ("EOG left", "uV"), ("ECG", "uV"), ("SpO2", "%"), ("Resp nasal", "uV"), ("Foo", "")]
    path = edf(tmp_path / "a.edf", [{"label": n, "dimension": u} for n, u in labels], [[np.ones(100)] * 6])
    read = read_ecg(path)
    assert read.leads == ("ECG",)
    assert set(read.source.details["channels_left_out"]) == {"EEG C3-A2", "EOG left", "SpO2", "Resp nasal", "Foo"}
    path = edf(tmp_path / "b.edf", [{"label": "SpO2", "dimension": "%"}], [[np.ones(100)]])
    with pytest.raises(UnsupportedFormatError, match="SpO2"):
        read_ecg(path)


def test_leads_of_different_rates_name_both_and_the_remedy(tmp_path: Path) -> None:
    signals = [{"label": "ECG I"}, {"label": "ECG V1", "samples": "50"}]
    path = edf(tmp_path / "a.edf", signals, [[np.ones(100), np.full(50, 2)]] * 2)
    with pytest.raises(UnsupportedFormatError, match=r"100 Hz: I; 50 Hz: V1.*leads="):
        read_ecg(path)
    read = read_ecg(path, leads=("V1",))
    assert (read.fs, read.n_samples) == (50.0, 100)
    np.testing.assert_allclose(read.signal, 0.002)


def test_an_interrupted_recording_keeps_its_times(tmp_path: Path) -> None:
    records = [
        [np.full(100, 1), tal(b"+0.5\x14\x14\0", b"+0.75\x150.2\x14first\x14\0")],
        [np.full(100, 2), tal(b"+1.5\x14\x14\0")],
        [np.full(100, 3), tal(b"+5\x14\x14\0", b"+5.1\x14V\x14\0")],
    ]
    path = edf(tmp_path / "a.edf", [{"label": "ECG I"}, NOTES], records, kind="EDF+D",
               recording="Startdate 02-JAN-2003 X X X")  # fmt: skip
    read = read_ecg(path)
    assert read.start == datetime(2003, 1, 2, 4, 5, 6, 500_000)
    wanted = np.repeat([0.001, 0.002, np.nan, 0.003], [100, 100, 250, 100])
    np.testing.assert_allclose(read.signal[0], wanted)
    assert read.annotations == (Annotation(sample=25, text="first", duration=20), Annotation(sample=460, symbol="V"))
    with open_ecg(path) as reader:
        for start, stop in ((0, 550), (150, 460), (250, 300), (449, 451)):
            np.testing.assert_allclose(reader.read(start, stop)[0], wanted[start:stop])


@pytest.mark.parametrize(
    ("second", "error"), [(b"+0.5\x14\x14\0", CorruptFormatError), (b"+99999999999\x14\x14\0", UnsupportedFormatError)]
)
def test_an_interrupted_recording_with_impossible_times_is_refused(
    second: bytes, error: type[Exception], tmp_path: Path
) -> None:
    records = [[np.ones(100), tal(b"+0\x14\x14\0")], [np.ones(100), tal(second)]]
    path = edf(tmp_path / "a.edf", [{"label": "ECG I"}, NOTES], records, kind="EDF+D")
    with pytest.raises(error):
        read_ecg(path)


def test_the_patient_field_is_read_where_it_has_the_standards_form(tmp_path: Path) -> None:
    one = [{"label": "ECG I"}], [[np.ones(100)]]
    path = edf(tmp_path / "a.edf", *one, kind="EDF+C", patient="MCH-0234567 F 02-MAY-1951 Haagse_Harry")
    assert read_ecg(path).patient == Patient(
        id="MCH-0234567", sex="F", birth_date=date(1951, 5, 2), name="Haagse Harry"
    )
    path = edf(tmp_path / "b.edf", *one, patient="Петров, 61 год")
    read = read_ecg(path)
    assert read.patient == Patient()
    assert read.source.details["patient_field"] == "Петров, 61 год"


def test_a_hidden_date_is_no_date(tmp_path: Path) -> None:
    one = [{"label": "ECG I"}], [[np.ones(100)]]
    assert read_ecg(edf(tmp_path / "a.edf", *one)).start is None
    assert read_ecg(edf(tmp_path / "b.edf", *one, recording="free text")).start == datetime(2003, 1, 2, 4, 5, 6)


def test_prefiltering_texts_become_the_narrowest_band() -> None:
    assert filters_of(["HP:0.05Hz LP:150Hz N:50Hz", "HP: 0.5 Hz LP: 100 Hz"]) == Filters(
        highpass_hz=0.5, lowpass_hz=100.0, notch_hz=50.0
    )
    assert filters_of(["", "none"]) is None


def test_a_recorder_that_did_not_close_its_file_is_read_to_the_end(tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf", [{"label": "ECG I"}], [[np.ones(100)]] * 3, count="-1")
    path.write_bytes(path.read_bytes() + b"\1\0\1\0")
    assert read_ecg(path).n_samples == 300


def test_a_cut_file_says_how_many_records_it_has(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "a.edf"
    write_ecg(recording, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(CorruptFormatError, match="1 whole data records where the header says 2"):
        read_ecg(path)
    for size in (100, 256, 300, 14 * 256):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError):
            read_ecg(path, format="edf")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": "0"}, "0 Hz"),
        ({"seconds": "-1"}, "below zero"),
        ({"seconds": "abc"}, "no number"),
        ({"seconds": "1e99999"}, "no number"),
        ({"count": "99999999"}, "whole data records"),
        ({"count": "-7"}, "-7 data records"),
        ({"count": "x"}, "no number"),
    ],
)
def test_a_broken_count_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf", [{"label": "ECG I"}], [[np.ones(100)]], **change)
    with pytest.raises(CorruptFormatError, match=words):
        read_ecg(path, format="edf")


@pytest.mark.parametrize(
    "signal", [{"samples": "99999999"}, {"samples": "0"}, {"samples": "-5"}, {"digital_max": "-32768"},
               {"physical_max": "-32768"}, {"physical_min": "nan"}, {"physical_min": "abc"}]
)  # fmt: skip
def test_a_broken_signal_field_is_a_format_error(signal: dict[str, str], tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf", [{"label": "ECG I"} | signal], [[np.ones(100)]])
    with pytest.raises(CorruptFormatError):
        read_ecg(path)


def test_signals_that_do_not_fit_the_file_are_not_believed(tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf", [{"label": "ECG I"}], [[np.ones(100)]])
    raw = bytearray(path.read_bytes())
    raw[252:256] = b"9999"
    path.write_bytes(raw)
    with pytest.raises(CorruptFormatError, match="9999 signals"):
        read_ecg(path)


def test_a_name_is_written_in_latin_letters_as_edf_demands(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "a.edf")
    assert (tmp_path / "a.edf").read_bytes()[8:88].isascii()
    assert read_ecg(tmp_path / "a.edf").patient.name == "Ivanova Anna"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Ґалаґан Євген", "Galagan Ievgen"),
        ("Їжак Ілля", "Izhak Illia"),
        ("José Müller", "Jose Muller"),
        ("Кои\u0306чу", "Koichu"),
        ("王", "?"),
    ],
)
def test_letters_become_those_of_passports(name: str, said: str, recording: Recording, tmp_path: Path) -> None:
    # ICAO Doc 9303, part 3, section 6: tables of Cyrillic and of Latin letters with marks.
    write_ecg(replace(recording, patient=Patient(name=name)), tmp_path / "a.edf")
    assert read_ecg(tmp_path / "a.edf").patient.name == said


def test_a_gap_cannot_be_written_and_says_what_can(recording: Recording, tmp_path: Path) -> None:
    signal = recording.signal.copy()
    signal[0, 5] = np.nan
    with pytest.raises(UnsupportedFormatError, match="WFDB, DICOM or CSV"):
        write_ecg(Recording(signal=signal, fs=500, leads=recording.leads), tmp_path / "a.edf")


def test_lead_names_that_sixteen_signs_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    given = Recording(signal=np.zeros((2, 50)), fs=500, leads=("a very long name 1", "a very long name 2"))
    with pytest.raises(UnsupportedFormatError, match="sixteen signs"):
        write_ecg(given, tmp_path / "a.edf")


@pytest.mark.parametrize("fs", [500.0, 360.0, 128.0, 257.0, 1000 / 3, 200.5, 976.5625])
@pytest.mark.parametrize("n_samples", [1, 997, 5000])
def test_rate_and_length_survive(fs: float, n_samples: int, tmp_path: Path) -> None:
    signal = np.round(np.random.default_rng(1).normal(0, 500, (2, n_samples))) / 1000
    given = Recording(signal=signal, fs=fs, leads=("I", "II"), source=Source(lsb_mv=(0.001, 0.001)))
    write_ecg(given, tmp_path / "a.edf")
    read = read_ecg(tmp_path / "a.edf")
    assert read.fs == pytest.approx(fs, rel=1e-9)
    assert read.n_samples == n_samples
    np.testing.assert_allclose(read.signal, signal, atol=1e-9)


def test_a_rate_that_eight_signs_cannot_hold_is_refused(tmp_path: Path) -> None:
    given = Recording(signal=np.zeros((24, 50)), fs=99_998.123, leads=tuple(f"ECG{i}" for i in range(24)))
    with pytest.raises(UnsupportedFormatError, match="eight signs"):
        write_ecg(given, tmp_path / "a.edf")


@pytest.mark.parametrize("lsb", [0.005, 0.00488, 0.0025, 1 / 7247, 0.00125, 1e-3 / 3])
@pytest.mark.parametrize("offset", [0.0, 5.0, -300.0])
def test_steps_of_real_devices_survive_eight_signs(lsb: float, offset: float, tmp_path: Path) -> None:
    counts = np.random.default_rng(2).integers(-20000, 20000, (1, 500))
    signal = (counts + round(offset / lsb)) * lsb
    given = Recording(signal=signal, fs=500, leads=("I",), source=Source(lsb_mv=(lsb,)))
    write_ecg(given, tmp_path / "a.edf")
    np.testing.assert_allclose(read_ecg(tmp_path / "a.edf").signal, signal, atol=0.51 * lsb)


def test_a_real_file_agrees_with_another_reader(data_folder: Path) -> None:
    import pyedflib

    path = data_folder / "vendor" / "edf" / "twelve_lead.edf"
    read = read_ecg(path)
    assert (read.fs, read.n_samples, read.n_leads) == (800.0, 37855, 12)
    with pyedflib.EdfReader(str(path)) as peer:
        for i, row in enumerate(read.signal):
            np.testing.assert_allclose(row, peer.readSignal(i), atol=1e-9)


def test_samples_of_24_bits(tmp_path: Path) -> None:
    rows = counts(2, 250) * 900
    rows[0, :4] = [8388607, -8388608, -1, 65536]
    (tmp_path / "a.bdf").write_bytes(bdf(rows, ("II", "V1"), note=b"+0.5\x14V\x14\0"))
    read = read_ecg(tmp_path / "a.bdf")
    assert (read.source.format, read.fs, read.leads) == ("bdf", 250.0, ("II", "V1"))
    np.testing.assert_allclose(read.signal, (rows + 0.5) * 524.288 / 16777215, rtol=0, atol=1e-9)
    assert read.annotations == (Annotation(sample=125, symbol="V"),)
    with open_ecg(tmp_path / "a.bdf") as reader:
        np.testing.assert_array_equal(reader.read(100, 102), read.signal[:, 100:102])


def test_samples_of_24_bits_as_another_reader_reads_them(tmp_path: Path) -> None:
    import pyedflib

    rows = counts(2, 250) * 900
    (tmp_path / "a.bdf").write_bytes(bdf(rows, ("II", "V1")))
    with pyedflib.EdfReader(str(tmp_path / "a.bdf")) as file:
        peer = np.stack([file.readSignal(i) for i in range(2)])
    np.testing.assert_allclose(read_ecg(tmp_path / "a.bdf").signal, peer / 1000, rtol=1e-12)
