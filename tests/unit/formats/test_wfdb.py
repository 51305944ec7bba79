"""WFDB records: what the header says, what it may not do, and the samples against the wfdb library."""

from __future__ import annotations

import tracemalloc
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.formats import open_ecg, read_ecg, write_ecg
from ecg_engine.types import Annotation, Recording


def record(folder: Path, header: str, **signals: np.ndarray) -> Path:
    """Write a header and its 16-bit signal files; the name of each keyword is that of its file."""
    path = folder / "r.hea"
    path.write_text(header, encoding="utf-8")
    for name, values in signals.items():
        (folder / f"{name}.dat").write_bytes(np.asarray(values, dtype="<i2").tobytes())
    return path


def test_gain_baseline_and_unit_become_millivolt(tmp_path: Path) -> None:
    values = np.array([[100, 50, 3], [300, -50, 3]] * 50)
    path = record(
        tmp_path,
        "r 3 250 100\nr.dat 16 200(100)/mV 12 0 0 0 0 MLII\nr.dat 16 0.1/uV 16 0 0 0 0 V1\n"
        "r.dat 16 1000/V 16 0 0 0 0 V2\n",
        r=values,
    )
    read = read_ecg(path)
    assert read.leads == ("MLII", "V1", "V2")
    np.testing.assert_allclose(read.signal[:, 0], [0.0, 0.5, 3.0])
    np.testing.assert_allclose(read.signal[:, 1], [1.0, -0.5, 3.0])
    np.testing.assert_allclose(read.source.lsb_mv, [0.005, 0.01, 1.0])


def test_a_gain_of_zero_or_none_is_200_as_the_standard_says(tmp_path: Path) -> None:
    path = record(tmp_path, "r 2 250 10\nr.dat 16 0 12 0 0 0 0 I\nr.dat 16\n", r=np.full(20, 200))
    np.testing.assert_allclose(read_ecg(path).signal, 1.0)
    assert read_ecg(path).source.lsb_mv == (0.005, 0.005)


def test_the_code_of_no_sample_is_a_gap_in_16_bits(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 250 4\nr.dat 16 1000/mV 16 0 0 0 0 II\n", r=np.array([0, -32768, -32767, 5]))
    np.testing.assert_array_equal(read_ecg(path).signal, [[0.0, np.nan, -32.767, 0.005]])


def test_the_code_of_no_sample_is_a_gap_in_12_bits(tmp_path: Path) -> None:
    # Two samples in three bytes: -2048 and 5.
    path = record(tmp_path, "r 2 250 1\nr.dat 212 1000/mV 12 0 0 0 0 I\nr.dat 212 1000/mV 12 0 0 0 0 II\n")
    (tmp_path / "r.dat").write_bytes(bytes([0x00, 0x08, 0x05]))
    np.testing.assert_array_equal(read_ecg(path).signal, [[np.nan], [0.005]])


def test_channels_that_are_no_ecg_are_left_out_by_name_and_unit(tmp_path: Path) -> None:
    header = (
        "r 4 250 100\nr.dat 16 1000/mV 16 0 0 0 0 II\nr.dat 16 100/mmHg 16 0 0 0 0 ABP\n"
        "r.dat 16 1000/NU 16 0 0 0 0 PLETH\nr.dat 16 1000/mV 16 0 0 0 0 RESP\n"
    )
    path = record(tmp_path, header, r=np.ones((100, 4)))
    read = read_ecg(path)
    assert read.leads == ("II",)
    left = read.source.details["channels_left_out"]
    assert left == {"ABP": "unit mmHg", "PLETH": "unit NU", "RESP": "no ECG by its name"}


def test_a_record_without_ecg_names_its_channels(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 125 10\nr.dat 16 100/mmHg 16 0 0 0 0 ABP\n", r=np.ones(10))
    with pytest.raises(UnsupportedFormatError, match="ABP"):
        read_ecg(path)


def test_several_samples_a_frame_are_not_averaged_away(tmp_path: Path) -> None:
    # Frames of two ECG samples and one of pressure: 125 frames a second are 250 ECG samples.
    frames = np.stack([np.arange(0, 200, 2), np.arange(1, 200, 2), np.full(100, 9)], axis=1)
    path = record(tmp_path, "r 2 125 100\nr.dat 16x2 1000/mV 16 0 0 0 0 II\nr.dat 16 1/mmHg 16 0 0 0 0 ABP\n", r=frames)
    read = read_ecg(path)
    assert (read.fs, read.n_samples) == (250.0, 200)
    np.testing.assert_allclose(read.signal[0], np.arange(200) / 1000)
    with open_ecg(path) as reader:
        np.testing.assert_allclose(reader.read(3, 8)[0], np.arange(3, 8) / 1000)


def test_a_rate_that_the_header_leaves_out_is_asked_for(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1\nr.dat 16 1000/mV 16 0 0 0 0 II\n", r=np.ones(500))
    with pytest.raises(InputError, match=r"fs=.*--fs"):
        read_ecg(path)
    assert (read_ecg(path, fs=360).fs, read_ecg(path, fs=360).n_samples) == (360.0, 500)


def test_a_signal_file_with_a_head_of_its_own_starts_behind_it(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 500 100\nr.mat 16+24 1000/mV 16 0 0 0 0 I\n")
    (tmp_path / "r.mat").write_bytes(bytes(24) + np.arange(100, dtype="<i2").tobytes())
    for given in (path, tmp_path / "r.mat"):
        np.testing.assert_allclose(read_ecg(given).signal[0], np.arange(100) / 1000)


def _words_310(values: list[int]) -> bytes:
    """Return samples as signal(5) of the WFDB Applications Guide packs format 310: 10 bits, the third one split."""
    out = bytearray()
    for a, b, c in zip(*(iter(value & 0x3FF for value in values),) * 3, strict=True):
        out += (a << 1 | (c & 0x1F) << 11).to_bytes(2, "little") + (b << 1 | (c >> 5) << 11).to_bytes(2, "little")
    return bytes(out)


def _words_311(values: list[int]) -> bytes:
    """Return samples as signal(5) packs format 311: three of 10 bits in four bytes."""
    out = bytearray()
    for a, b, c in zip(*(iter(value & 0x3FF for value in values),) * 3, strict=True):
        out += (a | b << 10 | c << 20).to_bytes(4, "little")
    return bytes(out)


@pytest.mark.parametrize("bits", ["8", "61", "160", "310", "311"])
def test_formats_that_the_library_does_not_write_as_the_guide_describes_them(bits: str, tmp_path: Path) -> None:
    steps = np.random.default_rng(5).integers(-100, 101, (999, 3))
    counts = np.cumsum(steps, axis=0) % 1000 - 500 if bits != "8" else np.cumsum(steps, axis=0)
    flat = counts.reshape(-1).tolist()
    raw = {
        "8": lambda: np.diff(counts, axis=0, prepend=counts[:1]).astype("i1").tobytes(),
        "61": lambda: counts.astype(">i2").tobytes(),
        "160": lambda: (counts + 32768).astype("<u2").tobytes(),
        "310": lambda: _words_310(flat),
        "311": lambda: _words_311(flat),
    }[bits]()
    (tmp_path / "r.dat").write_bytes(raw)
    lines = [f"r.dat {bits} 1000/mV 12 0 {counts[0, k]} 0 0 {name}" for k, name in enumerate(("I", "II", "V1"))]
    (tmp_path / "r.hea").write_text("\n".join(["r 3 360 999", *lines, ""]))
    (tmp_path / "whole.hea").write_text("whole/2 3 360 1998\nr 999\nr 999\n")
    np.testing.assert_allclose(read_ecg(tmp_path / "r.hea").signal, counts.T / 1000, atol=1e-12)
    twice = np.hstack([counts.T, counts.T]) / 1000
    with open_ecg(tmp_path / "whole.hea") as reader:
        for first, last in ((0, 1), (1, 2), (333, 777), (998, 999), (990, 1400), (0, 1998)):
            np.testing.assert_allclose(reader.read(first, last), twice[:, first:last], atol=1e-12)


def test_leads_of_different_rates_name_both_and_the_remedy(tmp_path: Path) -> None:
    path = record(
        tmp_path, "r 2 125 10\nr.dat 16x2 1000/mV 16 0 0 0 0 II\nr.dat 16 1000/mV 16 0 0 0 0 V1\n", r=np.ones((10, 3))
    )
    with pytest.raises(UnsupportedFormatError, match=r"250 Hz: II; 125 Hz: V1.*leads="):
        read_ecg(path)
    assert read_ecg(path, leads=("V1",)).fs == 125


def test_segments_follow_each_other_and_a_null_segment_is_a_gap(tmp_path: Path) -> None:
    for name, value in (("s1", 1), ("s2", 2)):
        (tmp_path / f"{name}.hea").write_text(f"{name} 1 250 100\n{name}.dat 16 1000/mV 16 0 0 0 0 II\n")
        (tmp_path / f"{name}.dat").write_bytes(np.full(100, value, dtype="<i2").tobytes())
    path = tmp_path / "r.hea"
    path.write_text("r/3 1 250 250\ns1 100\n~ 50\ns2 100\n")
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal[0], np.repeat([0.001, np.nan, 0.002], [100, 50, 100]))
    with open_ecg(path) as reader:
        np.testing.assert_allclose(reader.read(90, 160)[0], read.signal[0, 90:160])


def test_a_variable_layout_finds_leads_by_name_and_keeps_each_segments_gain(tmp_path: Path) -> None:
    (tmp_path / "lay.hea").write_text("lay 2 250 0\n~ 0 1000/mV 16 0 0 0 0 II\n~ 0 1000/mV 16 0 0 0 0 V1\n")
    (tmp_path / "s1.hea").write_text("s1 1 250 100\ns1.dat 16 1000/mV 16 0 0 0 0 V1\n")
    (tmp_path / "s1.dat").write_bytes(np.full(100, 5, dtype="<i2").tobytes())
    (tmp_path / "s2.hea").write_text("s2 2 250 100\ns2.dat 16 10/mV 16 0 0 0 0 V1\ns2.dat 16 1/uV 16 0 0 0 0 II\n")
    (tmp_path / "s2.dat").write_bytes(np.tile(np.array([7, 9], dtype="<i2"), 100).tobytes())
    path = tmp_path / "r.hea"
    path.write_text("r/3 2 250 200\nlay 0\ns1 100\ns2 100\n")
    read = read_ecg(path)
    assert read.leads == ("II", "V1")
    np.testing.assert_allclose(read.signal[0], np.repeat([np.nan, 0.009], 100))
    np.testing.assert_allclose(read.signal[1], np.repeat([0.005, 0.7], 100))


@pytest.mark.parametrize(
    ("comments", "age", "sex", "drugs"),
    [
        ("# 69 M 1085 1629 x1\n# Aldomet, Inderal\n", 69, "M", ("Aldomet", "Inderal")),
        ("# -1 F 1085 1629 x1\n# None\n", None, "F", ()),
        ("#<age>: 51\n#<sex>: F\n#<diagnoses>:\n", 51, "F", ()),
        ("# Age: 34\n# Sex: male\n# Drugs: a; b\n", 34, "M", ("a", "b")),
        ("#Age: ?\n#Sex: unknown\n", None, None, ()),
    ],
)
def test_comments_say_who(
    comments: str, age: float | None, sex: str | None, drugs: tuple[str, ...], tmp_path: Path
) -> None:
    path = record(tmp_path, "r 1 250 10\nr.dat 16 1000/mV 16 0 0 0 0 II\n" + comments, r=np.ones(10))
    patient = read_ecg(path).patient
    assert (patient.age_years, patient.sex, patient.drugs) == (age, sex, drugs)


def test_the_start_needs_a_date(tmp_path: Path) -> None:
    line = "\nr.dat 16 1000/mV 16 0 0 0 0 II\n"
    path = record(tmp_path, "r 1 250 10 12:34:56.5 03/02/2021" + line, r=np.ones(10))
    assert read_ecg(path).start == datetime(2021, 2, 3, 12, 34, 56, 500_000)
    record(tmp_path, "r 1 250 10 12:34:56" + line)
    assert read_ecg(path).start is None
    assert read_ecg(path).source.details["start_time_of_day"] == "12:34:56"


@pytest.mark.parametrize(
    "name", ["../x.dat", "/etc/passwd", "..\\x.dat", "http://example.org/x.dat", "s3://b/x.dat", ".."]
)
def test_a_header_cannot_name_a_file_outside_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "x.dat").write_bytes(bytes(200))
    path = record(folder, f"r 1 250 100\n{name} 16 1000/mV 16 0 0 0 0 II\n")
    with pytest.raises(CorruptFormatError, match="outside its own folder"):
        read_ecg(path)


def test_a_record_of_segments_cannot_name_one_outside_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "r.hea"
    path.write_text("r/2 1 250 200\n../s1 100\ns2 100\n")
    with pytest.raises(CorruptFormatError, match="outside its own folder"):
        read_ecg(path, format="wfdb")


def test_a_record_that_names_itself_as_segment_ends(tmp_path: Path) -> None:
    path = tmp_path / "r.hea"
    path.write_text("r/2 1 250 200\nr 100\nr 100\n")
    with pytest.raises(CorruptFormatError, match="segments of segments"):
        read_ecg(path)


def test_a_short_signal_file_says_how_many_samples_it_has(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "r.hea")
    data = (tmp_path / "r.dat").read_bytes()
    (tmp_path / "r.dat").write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptFormatError, match="500 samples a signal where the header says 1000"):
        read_ecg(tmp_path / "r.hea")


def test_a_header_that_declares_a_million_million_samples_takes_no_memory(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 250 1000000000000\nr.dat 16 1000/mV 16 0 0 0 0 II\n", r=np.ones(500))
    with pytest.raises(CorruptFormatError, match="500 samples"):
        read_ecg(path)
    path.write_text("r 1 250 1000000000000\nr.dat 516 1000/mV 16 0 0 0 0 II\n")
    with pytest.raises(CorruptFormatError, match="cannot hold"):
        read_ecg(path)
    path.write_text("r/2 1 250 1000000000000\n~ 999999999999\ns1 1\n")
    (tmp_path / "s1.hea").write_text("s1 1 250 1\nr.dat 16 1000/mV 16 0 0 0 0 II\n")
    with pytest.raises(FormatError):
        read_ecg(path)


@pytest.mark.parametrize(
    "header",
    [
        "r 2 250 10\nr.dat 16 1000/mV 16 0 0 0 0 II\n",
        "r 1 0 10\nr.dat 16 1000/mV 16 0 0 0 0 II\n",
        "r 1 250 10\nr.dat 99 1000/mV 16 0 0 0 0 II\n",
        "r 1 250 10\nr.dat\n",
        "r 1 250 0\nr.dat 16 1000/mV 16 0 0 0 0 II\n",
        "r 0 250 10\n",
        "# nothing but a comment\n",
        "r/3 1 250 10\ns1 5\n",
        "r 2 250 5\nr.dat 16 1000/mV 16 0 0 0 0 II\nr.dat 16 1000/mV 16 0 0 0 0 II\n",
    ],
    ids=["signals", "no rate", "format", "cut line", "no samples", "no signals", "comment", "segments", "lead twice"],
)
def test_a_broken_header_is_a_format_error(header: str, tmp_path: Path) -> None:
    path = record(tmp_path, header, r=np.ones(10))
    with pytest.raises(FormatError) as caught:
        read_ecg(path, format="wfdb")
    assert caught.value.path is not None


def test_a_lead_named_twice_is_mended_with_leads(tmp_path: Path) -> None:
    lines = "".join(f"r.dat 16 1000/mV 16 0 0 0 0 {name}\n" for name in ("II", "V1", "II"))
    path = record(tmp_path, "r 3 250 10\n" + lines, r=np.ones((10, 3)))
    with pytest.raises(CorruptFormatError, match=r"lead II: .*leads=") as caught:
        read_ecg(path)
    assert caught.value.lead == "II"
    assert read_ecg(path, leads=("V1",)).leads == ("V1",)


def test_two_spellings_of_a_lead_are_kept_apart(tmp_path: Path) -> None:
    lines = "".join(f"r.dat 16 1000/mV 16 0 0 0 0 {name}\n" for name in ("II", "ECG II"))
    path = record(tmp_path, "r 2 250 10\n" + lines, r=np.ones((10, 2)))
    assert read_ecg(path).leads == ("II", "ECG II")


def test_a_missing_signal_file_is_named(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "r.hea")
    (tmp_path / "r.dat").unlink()
    with pytest.raises(FormatError, match=r"r\.dat is missing"):
        read_ecg(tmp_path / "r.hea")


def test_annotations_keep_symbol_and_text_and_old_ones_do_not_stay(recording: Recording, tmp_path: Path) -> None:
    marks = (
        Annotation(sample=0, symbol="+", text="(AFIB"),
        Annotation(sample=5, symbol="V"),
        Annotation(sample=999, symbol='"', text="боль в груди"),
    )
    path = tmp_path / "r.hea"
    write_ecg(Recording(signal=recording.signal, fs=500, leads=recording.leads, annotations=marks), path)
    assert read_ecg(path).annotations == marks
    write_ecg(Recording(signal=recording.signal, fs=500, leads=recording.leads), path)
    assert read_ecg(path).annotations == ()


def test_a_broken_annotation_file_names_itself(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "r.hea")
    (tmp_path / "r.atr").write_bytes(b"\x01\x02\x03")
    with pytest.raises(CorruptFormatError) as caught:
        read_ecg(tmp_path / "r.hea")
    assert caught.value.path is not None and caught.value.path.endswith("r.atr")


def test_a_name_that_wfdb_does_not_allow_is_refused(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Latin letters"):
        write_ecg(recording, tmp_path / "запись.hea")


def test_mit_bih_101_is_what_its_directory_says(data_folder: Path) -> None:
    read = read_ecg(data_folder / "mitdb" / "101")
    assert (read.leads, read.fs, read.n_samples) == (("MLII", "V1"), 360.0, 650_000)
    assert (read.patient.age_years, read.patient.sex, read.patient.drugs) == (75, "F", ("Diapres",))
    # PhysioBank: 1,860 normal beats, 3 APCs, 2 unclassified.
    symbols = [mark.symbol for mark in read.annotations]
    assert [symbols.count(s) for s in "NAQ"] == [1860, 3, 2]
    # The header's first samples: 955 and 992, zero at 1024, 200 a mV.
    np.testing.assert_allclose(read.signal[:, 0], [(955 - 1024) / 200, (992 - 1024) / 200])


@pytest.mark.parametrize("folder", ["ludb", "alarms2015", "qtdb"])
def test_real_records_agree_with_the_library(folder: str, data_folder: Path) -> None:
    import wfdb

    for header in sorted((data_folder / folder).glob("*.hea"))[:5]:
        read = read_ecg(header)
        own = wfdb.rdrecord(str(header.with_suffix("")))
        np.testing.assert_allclose(read.signal, own.p_signal.T, atol=1e-12)
        assert read.fs == own.fs


@pytest.mark.parametrize("count", ["6" + 80 * "8" + ",1", "9" * 16])
def test_a_number_of_samples_that_is_none_is_refused(count: str, tmp_path: Path) -> None:
    """Readers that take the digits before the comma would ask for more room than there are numbers for."""
    path = record(tmp_path, f"r 1 250 {count}\nr.dat 16 1000/mV 16 0 0 0 0 II\n", r=np.ones(500))
    with pytest.raises(CorruptFormatError, match="number of samples"):
        read_ecg(path)


@pytest.mark.parametrize("skew", ["9999999999", "99999999", "51"])
def test_a_skew_longer_than_the_recording_takes_no_memory(skew: str, tmp_path: Path) -> None:
    path = record(tmp_path, f"r 1 500 50\nr.dat 16:{skew} 1000/mV 16 0 0 0 0 I\n", r=np.ones(100))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFormatError, match=r"skew|signal line"):
            read_ecg(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_skew_shifts_its_signal_as_the_guide_says(tmp_path: Path) -> None:
    counts = np.arange(200).reshape(100, 2)
    path = record(tmp_path, "r 2 500 90\nr.dat 16:3 1/mV 16 0 0 0 0 I\nr.dat 16 1/mV 16 0 0 0 0 II\n", r=counts)
    with open_ecg(path) as reader:
        piece = reader.read(10, 20)
    np.testing.assert_array_equal(piece, [counts[13:23, 0], counts[10:20, 1]])


def test_more_signals_than_any_recorder_has_are_refused(tmp_path: Path) -> None:
    path = record(tmp_path, "r 50000 500 1\n" + "r.dat 16 1000/mV 16 0 0 0 0 I\n" * 50_000, r=np.ones(50_000))
    with pytest.raises(CorruptFormatError, match="50000 signals"):
        read_ecg(path)
