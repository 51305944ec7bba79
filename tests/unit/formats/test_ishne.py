"""ISHNE: fields at the standard's places, checksum, lead codes and quality, pieces, what a broken header may not do."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.formats import open_ecg, read_ecg, write_ecg
from ecg_engine.types import Annotation, Patient, Recording, Source


def crc(data: bytes) -> int:
    """CRC-CCITT bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
    return value


def ishne(
    path: Path,
    samples: np.ndarray,
    *,
    codes: tuple[int, ...] = (6, 11),
    quality: tuple[int, ...] = (1, 3),
    steps: tuple[int, ...] = (5000, 2500),
    text: bytes = b"",
    fields: dict[int, bytes] | None = None,
    stored: int | None = None,
) -> Path:
    """Write a file by offsets from its beginning; `fields` puts bytes where a test wants them."""
    head = bytearray(522)
    head[:8] = b"ISHNE1.0"
    put = {
        10: struct.pack("<4ih", len(text), len(samples), 522, 522 + len(text), 1),
        28: "Анна".encode("cp1251"), 68: "Иванова".encode("cp1251"), 108: b"A-17", 128: struct.pack("<hh", 2, 1),
        132: struct.pack("<3h", 31, 12, 1950), 138: struct.pack("<3h", 5, 3, 2024), 150: struct.pack("<3h", 11, 22, 33),
        156: struct.pack("<h", len(codes)),
        158: struct.pack("<12h", *codes, *[-9] * (12 - len(codes))),
        182: struct.pack("<12h", *quality, *[-9] * (12 - len(quality))),
        206: struct.pack("<12h", *steps, *[-9] * (12 - len(steps))),
        230: struct.pack("<h", 4), 232: b"Acme H3", 272: struct.pack("<h", 200),
    }  # fmt: skip
    for at, raw in (put | (fields or {})).items():
        head[at : at + len(raw)] = raw
    head[8:10] = struct.pack("<H", crc(bytes(head[10:]) + text) if stored is None else stored)
    path.write_bytes(bytes(head) + text + np.asarray(samples, "<i2").tobytes())
    return path


SAMPLES = np.stack([np.arange(400), -np.arange(400)], axis=1)


def test_every_field_of_the_header(tmp_path: Path) -> None:
    path = ishne(tmp_path / "a.ecg", SAMPLES, text=b"bed 4\n")
    read = read_ecg(path)
    assert (read.source.format, read.fs, read.leads) == ("ishne", 200.0, ("II", "V1"))
    np.testing.assert_allclose(read.signal, SAMPLES.T * [[0.005], [0.0025]])
    assert read.patient == Patient(
        id="A-17", name="Иванова Анна", birth_date=date(1950, 12, 31), sex="F", pacemaker=True
    )
    assert (read.start, read.source.device) == (datetime(2024, 3, 5, 11, 22, 33), "Acme H3")
    assert read.source.details == {"lead_quality": {"II": "good", "V1": "frequent noise"}, "comments": ["bed 4"]}


def test_an_absent_lead_is_left_out_and_a_fault_is_a_gap(tmp_path: Path) -> None:
    samples = np.column_stack([np.full(50, 7), np.full(50, 8), np.r_[np.full(40, 9), np.full(10, -32768)]])
    path = ishne(tmp_path / "a.ecg", samples, codes=(5, -9, 0), quality=(0, -9, 0), steps=(1000, -9, 1000))
    read = read_ecg(path)
    assert read.leads == ("I", "ECG3")
    np.testing.assert_allclose(read.signal[:, 0], [0.007, 0.009])
    assert np.isnan(read.signal[1, 40:]).all() and not np.isnan(read.signal[0]).any()


def test_a_wrong_checksum_is_an_error_in_neither_order_of_bytes(tmp_path: Path) -> None:
    right = struct.unpack("<H", ishne(tmp_path / "a.ecg", SAMPLES).read_bytes()[8:10])[0]
    swapped = right >> 8 | (right & 0xFF) << 8
    for stored in (right, swapped, 0):
        assert read_ecg(ishne(tmp_path / "a.ecg", SAMPLES, stored=stored)).n_samples == 400
    with pytest.raises(CorruptFormatError, match="checksum"):
        read_ecg(ishne(tmp_path / "a.ecg", SAMPLES, stored=right ^ 1))


@pytest.mark.parametrize(("declared", "n_samples"), [(400, 400), (800, 400), (0, 400), (300, 300)])
def test_samples_counted_in_each_lead_or_in_all(declared: int, n_samples: int, tmp_path: Path) -> None:
    path = ishne(tmp_path / "a.ecg", SAMPLES, fields={14: struct.pack("<i", declared)})
    assert read_ecg(path).n_samples == n_samples


@pytest.mark.parametrize(
    "fields",
    [
        {10: struct.pack("<i", -1)}, {10: struct.pack("<i", 2**31 - 1)}, {14: struct.pack("<i", 401)},
        {156: struct.pack("<h", 0)}, {156: struct.pack("<h", 13)}, {156: struct.pack("<h", -1)},
        {158: struct.pack("<2h", -9, -9)}, {206: struct.pack("<h", 0)}, {272: struct.pack("<h", 0)},
        {272: struct.pack("<h", -200)},
    ],
)  # fmt: skip
def test_impossible_fields_are_errors(fields: dict[int, bytes], tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError):
        read_ecg(ishne(tmp_path / "a.ecg", SAMPLES, fields=fields, stored=0))


def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    path = ishne(tmp_path / "a.ecg", SAMPLES)
    whole = path.read_bytes()
    for n in (9, 300, 522, 524, len(whole) - 1, len(whole) - 4):
        path.write_bytes(whole[:n])
        with pytest.raises(CorruptFormatError):
            read_ecg(path, format="ishne")


def test_a_list_of_beats_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.ann").write_bytes(b"ANN  1.0" + bytes(600))
    with pytest.raises(UnknownFormatError, match="list of beats"):
        read_ecg(tmp_path / "a.ann")


def test_what_the_header_has_no_place_for_returns(tmp_path: Path) -> None:
    patient = Patient(
        id="number 1234567890 of a long kind", name="Очень-Длинная-Фамилия-Которая-Не-Помещается-В-Поле Юлия",
        age_years=61.5, sex="F", pacemaker=False, complaint="боль", drugs=("эгилок", "кардиомагнил"),
    )  # fmt: skip
    given = Recording(
        signal=np.array([[0.5, np.nan, -0.25], [1.0, 2.0, 3.0]]), fs=128, leads=("MLII", "CM5"), patient=patient,
        start=datetime(2024, 3, 5, 11, 22, 33, 125_000), source=Source(lsb_mv=(0.25, 0.03)),
        annotations=(Annotation(sample=1, symbol="V", lead="MLII", text="пауза, да", duration=2),),
    )  # fmt: skip
    write_ecg(given, tmp_path / "a.hol")
    read = read_ecg(tmp_path / "a.hol")
    assert (read.patient, read.start, read.leads) == (given.patient, given.start, given.leads)
    assert read.annotations == given.annotations
    # 0.25 mV a step is more than 16 bits of nV hold: a finer one is chosen.
    np.testing.assert_allclose(read.signal, given.signal, atol=1e-4)


def test_what_the_format_cannot_say_is_refused(recording: Recording, tmp_path: Path) -> None:
    for change in (
        {"fs": 62.5},
        {"fs": 40_000.0},
        {"signal": np.full((13, 10), 1.0), "leads": tuple(f"L{i}" for i in range(13))},
        {"signal": recording.signal + 2000},
    ):
        with pytest.raises(UnsupportedFormatError):
            write_ecg(replace(recording, **change), tmp_path / "a.hol")
    assert not list(tmp_path.iterdir())


def test_a_day_is_read_in_pieces(tmp_path: Path) -> None:
    path = ishne(tmp_path / "day.ecg", SAMPLES)
    # A hole of 24 h at 200 Hz, two leads: it takes no memory unless it is read.
    n = 24 * 3600 * 200
    with path.open("r+b") as file:
        file.seek(14)
        file.write(struct.pack("<i", n))
        file.seek(8)
        file.write(b"\0\0")
        file.truncate(522 + n * 4)
    with open_ecg(path) as reader:
        assert reader.duration_s == 24 * 3600
        assert reader.read(n - 200, n).shape == (2, 200)
        np.testing.assert_allclose(reader.read(100, 102)[0], [0.5, 0.505])


def beats_file(
    path: Path, body: bytes, *, rate: int = 200, patient: bytes = b"A-17", magic: bytes = b"ANN  1.0"
) -> None:
    """Write a list of beats: the header of the samples with another name, then what is given."""
    head = bytearray(522)
    head[:8] = magic
    head[10:14] = struct.pack("<i", 3)
    head[108 : 108 + len(patient)] = patient
    head[272:274] = struct.pack("<h", rate)
    path.write_bytes(bytes(head) + b"x\n\0" + body)


def beat(letter: bytes, distance: int, own: bytes = b"\0") -> bytes:
    return letter + own + struct.pack("<H", distance)


FIVE = beat(b"N", 60) + beat(b"V", 50, b"r") + beat(b"S", 70) + beat(b"P", 80) + beat(b"X", 40)


@pytest.mark.parametrize("magic", [b"ANN  1.0", b"ISHNE1.0"])
@pytest.mark.parametrize(("first", "at"), [(None, [60, 110, 180, 260, 300]), (25, [85, 135, 205, 285, 325])])
def test_a_list_of_beats_beside_is_read_with_and_without_a_first_position(
    magic: bytes, first: int | None, at: list[int], tmp_path: Path
) -> None:
    path = ishne(tmp_path / "a.ecg", SAMPLES)
    beats_file(tmp_path / "a.ann", (b"" if first is None else struct.pack("<I", first)) + FIVE, magic=magic)
    read = read_ecg(path)
    assert [(mark.sample, mark.symbol) for mark in read.annotations] == list(zip(at, "NVS/|", strict=True))
    assert "beats_left_out" not in read.source.details


def test_a_silence_longer_than_two_bytes_is_counted_on(tmp_path: Path) -> None:
    path = ishne(tmp_path / "a.ecg", np.zeros((200_000, 2)))
    beats_file(tmp_path / "a.ann", struct.pack("<I", 10) + beat(b"N", 90) + beat(b"!", 65535) + beat(b"N", 1000))
    assert [mark.sample for mark in read_ecg(path).annotations] == [100, 66635]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        # 'N', a byte, 1: a beat at sample 1, or sample 65614 as the first position.
        (struct.pack("<I", 0x1004E) + beat(b"N", 90), "both with and without"),
        (struct.pack("<I", 7) + beat(b"?", 90), "neither with nor without"),
        (struct.pack("<I", 7) + beat(b"N", 90) + beat(b"N", 0), "neither with nor without"),
        (struct.pack("<I", 7) + beat(b"N", 90) + beat(b"!", 9) + beat(b"N", 9), "neither with nor without"),
        (struct.pack("<I", 250_000) + beat(b"N", 90), "neither with nor without"),
        (FIVE[:-1], "whole beats"),
        (b"", "whole beats"),
    ],
)
def test_a_list_of_beats_that_cannot_be_told_is_left_out_and_said_so(body: bytes, words: str, tmp_path: Path) -> None:
    path = ishne(tmp_path / "a.ecg", np.zeros((200_000, 2)))
    beats_file(tmp_path / "a.ann", body)
    read = read_ecg(path)
    assert not read.annotations and words in read.source.details["beats_left_out"]


@pytest.mark.parametrize("other", [{"rate": 180}, {"patient": b"B-2"}])
def test_a_list_of_beats_of_another_recording_is_left_out(other: dict[str, object], tmp_path: Path) -> None:
    path = ishne(tmp_path / "a.ecg", SAMPLES)
    beats_file(tmp_path / "a.ann", FIVE, **other)  # type: ignore[arg-type]
    read = read_ecg(path)
    assert not read.annotations and "another recording" in read.source.details["beats_left_out"]


def test_marks_of_the_file_itself_go_before_a_list_beside_it(recording: Recording, tmp_path: Path) -> None:
    write_ecg(replace(recording, annotations=(Annotation(sample=3, symbol="V"),)), tmp_path / "a.hol")
    beats_file(tmp_path / "a.ann", FIVE)
    assert [mark.sample for mark in read_ecg(tmp_path / "a.hol").annotations] == [3]
