"""AliveCor Kardia: blocks, checksums, leads, flags."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import describe, read_ecg
from ecg_engine.types import Annotation, Filters, Recording
from tests.unit.formats.exports import atc_block, counts, kardia

ROWS = counts(6)


def read(tmp_path: Path, raw: bytes) -> Recording:
    path = tmp_path / "a.atc"
    path.write_bytes(raw)
    return read_ecg(path)


@pytest.mark.parametrize(("n_leads", "names"), [(1, ("I",)), (6, ("I", "II", "III", "aVR", "aVL", "aVF"))])
def test_one_lead_or_six(n_leads: int, names: tuple[str, ...], tmp_path: Path) -> None:
    found = read(tmp_path, kardia(ROWS[:n_leads], step_nv=250))
    assert (found.leads, found.fs, found.source.lsb_mv) == (names, 300.0, (0.00025,) * n_leads)
    np.testing.assert_allclose(found.signal, ROWS[:n_leads] * 250e-6, rtol=0, atol=1e-12)
    zone = timezone(timedelta(hours=3))
    assert found.start == datetime(2024, 3, 5, 11, 22, 33, 250_000, zone)
    assert found.annotations == (Annotation(sample=30, text="beat of type 1"),)
    assert found.source.device == "AliveCor 19kHz"
    assert found.source.details["phone"] == "Phone 7"
    assert "uuid-1" not in str(describe(found))


@pytest.mark.parametrize(
    ("flags", "filters"),
    [
        (0b0000010, None),
        (0b0000110, Filters(notch_hz=60.0)),
        (0b0100000, Filters(notch_hz=50.0)),
        (0b0010000, Filters(highpass_hz=0.1)),
    ],
)
def test_flags_of_filters(flags: int, filters: Filters | None, tmp_path: Path) -> None:
    assert read(tmp_path, kardia(ROWS[:1], flags=flags)).source.filters == filters


def test_a_wrong_checksum_names_its_block(tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match="checksum of its block 'ecg'"):
        read(tmp_path, kardia(ROWS[:1], off=1))


def test_checksums_of_signed_bytes_are_taken_too(tmp_path: Path) -> None:
    assert (ROWS < 0).any()
    np.testing.assert_allclose(read(tmp_path, kardia(ROWS[:1], signed=True)).signal, ROWS[:1] * 0.0005)


def test_a_block_that_nobody_knows_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, kardia(ROWS[:1], more=atc_block(b"abcd", b"123")))
    assert found.source.details["blocks_left_out"] == ["abcd"]


@pytest.mark.parametrize("cut", [1, 5, 400, 1500])
def test_a_cut_file_says_where_it_ends(cut: int, tmp_path: Path) -> None:
    with pytest.raises(CorruptFormatError, match="ends in the middle of a block"):
        read(tmp_path, kardia(ROWS[:1])[:-cut])


def test_lengths_that_cannot_be_take_no_memory(tmp_path: Path) -> None:
    raw = bytearray(kardia(ROWS[:1]))
    raw[16:20] = b"\xff\xff\xff\xff"
    with pytest.raises(CorruptFormatError, match="4294967295 bytes announced"):
        read(tmp_path, bytes(raw))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    head = b"ALIVE\0\0\0" + struct.pack("<I", 3)
    with pytest.raises(CorruptFormatError, match="rate and scale"):
        read(tmp_path, head)
    with pytest.raises(UnsupportedFormatError, match="no ECG samples"):
        read(tmp_path, head + atc_block(b"fmt ", struct.pack("<BHHBH", 1, 300, 500, 0, 0)))
    with pytest.raises(CorruptFormatError, match="sampling rate 0"):
        read(tmp_path, kardia(ROWS[:1], rate=0))
    with pytest.raises(CorruptFormatError, match="no scale"):
        read(tmp_path, kardia(ROWS[:1], step_nv=0))
