"""MFER: tags, both orders of bytes, kinds of samples, channels' own definitions, and what broken ones may not do."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.formats import open_ecg, read_ecg
from ecg_engine.types import Annotation, Filters, Patient
from tests.unit.formats.exports import counts, mfer, tlv


def written(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("order", ["big", "little"])
def test_all_that_a_header_says(order: str, tmp_path: Path) -> None:
    rows = counts(3, 600)
    read = read_ecg(written(tmp_path / "a.mwf", mfer(rows, (1, 2, 3), order=order)))
    assert (read.source.format, read.fs, read.leads) == ("mfer", 500.0, ("I", "II", "V1"))
    np.testing.assert_allclose(read.signal, rows * 0.0025, rtol=1e-12)
    assert read.start == datetime(2024, 3, 5, 11, 22, 33, 250_000)
    assert read.patient == Patient(id="A-17", name="山田 太郎", birth_date=date(1960, 5, 6), age_years=63, sex="M")
    assert read.source.device == "Acme X1" and read.source.filters == Filters(highpass_hz=0.05, notch_hz=50.0)
    assert read.annotations == (Annotation(sample=100, duration=20, text="VPC"),)
    assert read.source.details["comments"] == ["rest"]


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize(
    ("kind", "dtype"), [(0, "i2"), (1, "u2"), (2, "i4"), (3, "u1"), (5, "i1"), (6, "u4"), (7, "f4"), (8, "f8")]
)
def test_kinds_of_samples(kind: int, dtype: str, order: str, tmp_path: Path) -> None:
    rows = np.abs(counts(2, 100)) % 100
    read = read_ecg(written(tmp_path / "a.mwf", mfer(rows, (1, 2), order=order, kind=kind, dtype=dtype)))
    np.testing.assert_allclose(read.signal, rows * 0.0025, rtol=1e-6)


@pytest.mark.parametrize("order", ["big", "little"])
def test_as_another_reader_reads_it(order: str, tmp_path: Path) -> None:
    from ecgdatakit import FileParser

    path = written(tmp_path / "a.mwf", mfer(counts(12, 600), (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), order=order))
    read, peer = read_ecg(path), FileParser().parse(path)
    assert read.leads == tuple(lead.label for lead in peer.leads)
    np.testing.assert_allclose(read.signal, [lead.samples for lead in peer.leads], rtol=0, atol=1e-9)
    assert peer.recording.date == read.start and peer.patient.patient_id == read.patient.id


def test_gaps_offsets_and_definitions_of_one_channel(tmp_path: Path) -> None:
    rows = np.array([[1, 2, -32768, 4], [10, 20, 30, 40]])
    own = {
        0: tlv(0x12, (-32768).to_bytes(2, "big", signed=True)),
        1: tlv(0x0D, (5).to_bytes(2, "big")) + tlv(0x0C, b"\0\xfa\0\x01"),
    }
    read = read_ecg(written(tmp_path / "a.mwf", mfer(rows, (1, 2), own=own)))
    np.testing.assert_allclose(read.signal, [[0.0025, 0.005, np.nan, 0.01], [0.015, 0.025, 0.035, 0.045]])


def test_frames_of_one_layout_are_joined_and_others_named(tmp_path: Path) -> None:
    rows = counts(2, 200)
    first = mfer(rows, (1, 2))[:-2]
    again = tlv(0x1E, np.ascontiguousarray(rows).astype(">i2").tobytes())
    other = tlv(0x0B, b"\0\0" + (250).to_bytes(2, "big")) + again
    read = read_ecg(written(tmp_path / "a.mwf", first + again + other))
    np.testing.assert_allclose(read.signal, np.tile(rows, 2) * 0.0025)
    assert read.source.details["other_groups"] == ["2 channels of 200 samples"]


def test_a_status_and_what_is_no_voltage_are_left_out(tmp_path: Path) -> None:
    own = {1: tlv(0x0A, b"\x04"), 2: tlv(0x0C, b"\x01\x00\x00\x01")}
    read = read_ecg(written(tmp_path / "a.mwf", mfer(np.abs(counts(3, 100)), (2, 4160, 143), own=own)))
    assert read.leads == ("II",)
    assert sorted(read.source.details["channels_left_out"].values()) == ["a status", "no voltage"]


def test_a_rate_that_is_not_said_must_be_given(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mwf", mfer(counts(1, 100), (2,), rate=b""))
    with pytest.raises(InputError, match="fs"):
        read_ecg(path)
    assert read_ecg(path, fs=250).fs == 250
    # 2 ms, as an interval.
    assert read_ecg(written(tmp_path / "b.mwf", mfer(counts(1, 100), (2,), rate=b"\x01\xfd\0\x02"))).fs == 500


@pytest.mark.parametrize(
    "more",
    [
        tlv(0x05, b"\0\0"), tlv(0x05, b"\x7f\xff\xff\xff"), tlv(0x04, b"\0"), tlv(0x04, b"\x7f\xff\xff\xff"),
        tlv(0x06, b"\x7f\xff\xff\xff"), tlv(0x06, b"\0"), tlv(0x0A, b"\x09"), tlv(0x0A, b"\x55"), tlv(0x0E, b"\0\x01"),
        b"\x3f" + b"\xff" * 8, b"\x3f\x80", b"\x3f\0\x80" * 20, b"\x16\x84\xff\xff\xff\xff", b"\x16\x85\0\0\0\0\0",
        tlv(0x3F, b"", channel=0)[:-1] + b"\x05\x3f\x00\x02\x04\x00",
    ],
)  # fmt: skip
def test_impossible_definitions_are_errors(more: bytes, tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_ecg(written(tmp_path / "a.mwf", mfer(counts(2, 100), (1, 2), more=more)))


def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    whole = mfer(counts(2, 300), (1, 2))
    for n in (5, 20, len(whole) // 2, len(whole) - 3):
        with pytest.raises((CorruptFormatError, UnsupportedFormatError)):
            read_ecg(written(tmp_path / "a.mwf", whole[:n]), format="mfer")


def test_a_file_without_preamble_is_known_by_its_tags(tmp_path: Path) -> None:
    raw = mfer(counts(2, 100), (1, 2))
    bare = raw[raw.index(b"\x01\x01\x00") :]
    assert read_ecg(written(tmp_path / "a.bin", bare)).source.format == "mfer"


def test_leads_are_chosen_by_name(tmp_path: Path) -> None:
    own = {1: tlv(0x0B, b"\0\0" + (250).to_bytes(2, "big"))}
    path = written(tmp_path / "a.mwf", mfer(counts(2, 100), (1, 2), own=own))
    with pytest.raises(UnsupportedFormatError, match=r"500 Hz: I; 250 Hz: II"):
        read_ecg(path)
    read = read_ecg(path, leads=("II",))
    assert (read.fs, replace(read.source, path=None).format) == (250.0, "mfer")


@pytest.mark.parametrize("joined", [False, True])
def test_pieces_are_those_of_the_whole(joined: bool, tmp_path: Path) -> None:
    """Sequences of blocks, and a second frame: pieces begin and end within any of them."""
    rows = counts(2, 600)
    raw = mfer(rows, (1, 2))
    if joined:
        again = mfer(rows, (1, 2))
        raw = raw[:-2] + again[again.index(b"\x1e\x84") :]
    (tmp_path / "a.mwf").write_bytes(raw)
    whole = np.concatenate([rows] * (1 + joined), axis=1) * 0.0025
    with open_ecg(tmp_path / "a.mwf") as reader:
        assert reader.n_samples == whole.shape[1]
        for start, stop in (
            (0, 1),
            (0, 600),
            (199, 201),
            (150, 450),
            (599, 600),
            (7, whole.shape[1]),
            (590, 600 + 30 * joined),
        ):
            np.testing.assert_allclose(reader.read(start, stop), whole[:, start:stop], atol=1e-12)


def test_a_day_of_samples_is_opened_without_reading_them(tmp_path: Path) -> None:
    """As long as a Holter and mostly a hole in the file: only what is asked for is fetched."""
    n = 24 * 3600 * 500
    raw = mfer(counts(2, 600), (1, 2))
    at = raw.index(b"\x1e\x84")
    head = raw[:at].replace(b"\x04\x04" + (200).to_bytes(4, "big"), b"\x04\x04" + n.to_bytes(4, "big"))
    head = head.replace(b"\x06\x02\x00\x03", b"\x06\x02\x00\x01")
    with (tmp_path / "a.mwf").open("wb") as file:
        file.write(head + b"\x1e\x84" + (4 * n).to_bytes(4, "big"))
        file.seek(4 * n - 2, 1)
        file.write((400).to_bytes(2, "big"))
    tracemalloc.start()
    with open_ecg(tmp_path / "a.mwf") as reader:
        np.testing.assert_allclose(reader.read(n - 2, n), [[0, 0], [0, 1.0]])
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
