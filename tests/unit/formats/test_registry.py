"""The table of formats, and finding the reader of a file."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import (
    CorruptFormatError,
    FormatError,
    InputError,
    MissingDependencyError,
    UnknownFormatError,
    UnsupportedFormatError,
)
from ecg_engine.formats import FORMATS, open_ecg, read_ecg, registry, write_ecg
from ecg_engine.types import Recording, Source

SUFFIXES = {row.name: row.suffixes[0] for row in FORMATS if row.writer}


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_every_row_loads(row: registry.Format) -> None:
    assert callable(registry.reader_of(row))
    assert row.writer is None or callable(registry.writer_of(row))


def test_names_are_used_once_and_a_suffix_names_one_format_to_write() -> None:
    names = [row.name for row in FORMATS]
    suffixes = [suffix for row in FORMATS if row.writer for suffix in row.suffixes]
    assert len(set(names)) == len(names)
    assert len(set(suffixes)) == len(suffixes)
    # Of several XML formats the content tells.
    assert {s for row in FORMATS for s in row.suffixes} - set(suffixes) == {
        ".atc",
        ".bdf",
        ".mat",
        ".mwf",
        ".mfer",
        ".mfr",
    }


def test_importing_formats_imports_no_library_of_a_format() -> None:
    code = (
        "import sys, ecg_engine.formats; "
        "print([m for m in ('wfdb', 'pydicom', 'edfio', 'pandas', 'scipy', 'numba', 'pyedflib') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["edf", "csv", "aecg"])
def test_reading_one_format_imports_no_library_of_another(name: str, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / f"visit{SUFFIXES[name]}"
    write_ecg(recording, path)
    code = (
        f"import sys; from ecg_engine.formats import read_ecg; read_ecg({str(path)!r}); "
        "print([m for m in ('wfdb', 'pydicom', 'pandas', 'scipy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["dicom", "edf", "aecg"])
@pytest.mark.parametrize("suffix", [".dat", ".txt", ".csv", ".hea", ".bin", ""])
def test_content_beats_suffix(name: str, suffix: str, recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / f"visit{SUFFIXES[name]}")
    renamed = tmp_path / f"other{suffix}"
    shutil.move(tmp_path / f"visit{SUFFIXES[name]}", renamed)
    read = read_ecg(renamed)
    assert read.source.format == name
    np.testing.assert_allclose(read.signal, recording.signal, atol=1e-9)


@pytest.mark.parametrize("given", ["visit", "visit.hea", "visit.dat"])
def test_a_wfdb_record_is_found_by_header_signals_or_bare_name(
    given: str, recording: Recording, tmp_path: Path
) -> None:
    write_ecg(recording, tmp_path / "visit.hea")
    assert read_ecg(tmp_path / given).n_leads == 12
    assert read_ecg(str(tmp_path / given), format="wfdb").n_leads == 12


def test_a_signal_file_without_its_header_says_what_to_copy(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "visit.hea")
    (tmp_path / "visit.hea").unlink()
    with pytest.raises(FormatError, match=r"visit\.hea"):
        read_ecg(tmp_path / "visit.dat", format="wfdb")
    with pytest.raises(FormatError):
        read_ecg(tmp_path / "visit.dat")


def test_a_missing_file_a_folder_and_an_empty_file_are_plain_format_errors(tmp_path: Path) -> None:
    (tmp_path / "empty.edf").touch()
    for path, words in ((tmp_path / "no.edf", "no such file"), (tmp_path, "folder"), (tmp_path / "empty.edf", "empty")):
        for name in (None, "edf"):
            with pytest.raises(FormatError, match=words) as caught:
                read_ecg(path, format=name)
            assert type(caught.value) is FormatError
            assert caught.value.path == str(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "visit.edf"
    os.mkfifo(path)
    for name in (None, "edf"):
        with pytest.raises(FormatError, match="pipe"):
            read_ecg(path, format=name)


def test_a_file_that_may_not_be_opened_is_a_format_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "visit.edf"
    path.write_bytes(b"0       ")

    def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(FormatError, match="Permission denied") as caught:
        read_ecg(path)
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.parametrize(
    ("content", "word"), [(b"%PDF-1.7 ...", "PDF"), (b"\x89PNG\r\n", "picture"), (b"PK\x03\x04....", "ZIP")]
)
def test_what_is_often_sent_in_place_of_an_ecg_is_named(content: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "visit.csv"
    path.write_bytes(content)
    with pytest.raises(UnknownFormatError, match=word):
        read_ecg(path)


def test_unknown_content_names_the_known_formats(tmp_path: Path) -> None:
    path = tmp_path / "visit.xyz"
    path.write_bytes(b"\x01\x02\x03\x04" * 100)
    with pytest.raises(UnknownFormatError, match=r"dicom, edf, bdf, wfdb, scp, aecg, muse, .*, csv"):
        read_ecg(path)


def test_the_readers_own_error_is_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "letter.dcm"
    path.write_text("Dear colleague, this is a letter and no ECG.")
    with pytest.raises(CorruptFormatError, match="no DICOM"):
        read_ecg(path)


def test_wrong_arguments_are_input_errors(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "visit.edf"
    write_ecg(recording, path)
    with pytest.raises(InputError, match=r"dicom, edf, bdf, wfdb, scp, aecg, muse, .*, csv"):
        read_ecg(path, format="docx")
    with pytest.raises(InputError, match="500 Hz"):
        read_ecg(path, fs=360)
    with pytest.raises(InputError, match="fs"):
        read_ecg(path, fs=0)
    assert read_ecg(path, fs=500).fs == 500
    with pytest.raises(InputError, match=r"V9; the file has I, II"):
        read_ecg(path, leads=("V9",))
    with pytest.raises(InputError, match="suffix"):
        write_ecg(recording, tmp_path / "visit.xyz")


@pytest.mark.parametrize("name", sorted(SUFFIXES))
def test_leads_are_kept_in_the_order_asked_for(name: str, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / f"visit{SUFFIXES[name]}"
    write_ecg(recording, path)
    read = read_ecg(path, leads=("v5", "II"))
    assert read.leads == ("V5", "II")
    np.testing.assert_allclose(read.signal, recording.signal[[10, 1]], atol=1e-9)
    assert read.source.lsb_mv is not None and len(read.source.lsb_mv) == 2
    assert read_ecg(path, leads="II").leads == ("II",)


@pytest.mark.parametrize("name", sorted(SUFFIXES))
def test_pieces_are_the_whole(name: str, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / f"visit{SUFFIXES[name]}"
    write_ecg(recording, path)
    whole = read_ecg(path).signal
    with open_ecg(path) as reader:
        assert (reader.n_leads, reader.n_samples, reader.duration_s) == (12, 1000, 2.0)
        blocks = list(reader.blocks(0.3))
        assert [block.shape[1] for block in blocks] == [150] * 6 + [100]
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)
        for start, stop in ((0, 1), (499, 501), (733, 1000)):
            piece = reader.read(start, stop)
            assert piece.dtype == np.float64
            np.testing.assert_array_equal(piece, whole[:, start:stop])
        for start, stop in ((-1, 5), (5, 5), (0, 1001)):
            with pytest.raises(InputError):
                reader.read(start, stop)
        with pytest.raises(InputError, match="seconds"):
            next(reader.blocks(0))
    with pytest.raises(InputError, match="closed"):
        reader.read(0, 1)


def test_long_recordings_are_float32(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ecg(recording, tmp_path / "visit.edf")
    monkeypatch.setattr("ecg_engine.formats._reading.LONG_SAMPLES", 5000)
    monkeypatch.setattr("ecg_engine.formats._reading._BLOCK_SAMPLES", 2000)
    read = read_ecg(tmp_path / "visit.edf")
    assert read.signal.dtype == np.float32
    np.testing.assert_allclose(read.signal, recording.signal, atol=1e-6)


def test_longer_ones_stand_in_a_file(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ecg(recording, tmp_path / "visit.edf")
    monkeypatch.setattr("ecg_engine.formats._reading.LONG_SAMPLES", 5000)
    in_memory = read_ecg(tmp_path / "visit.edf")
    monkeypatch.setattr("ecg_engine.formats._reading.FILED_SAMPLES", 5000)
    monkeypatch.setattr("ecg_engine.formats._reading._BLOCK_SAMPLES", 2000)
    filed = read_ecg(tmp_path / "visit.edf")
    base = filed.signal
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    np.testing.assert_array_equal(filed.signal, in_memory.signal)
    assert filed.signal.dtype == np.float32
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(filed)).signal, in_memory.signal)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(FormatError, match="open_ecg"):
        read_ecg(tmp_path / "visit.edf")


@pytest.mark.parametrize("name", sorted(SUFFIXES))
def test_nothing_half_written_is_left(
    name: str, recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecg_engine.formats._files.os.replace", full)
    with pytest.raises(FormatError, match="No space left") as caught:
        write_ecg(recording, tmp_path / f"visit{SUFFIXES[name]}")
    assert isinstance(caught.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a system without limits for a process")
@pytest.mark.parametrize("name", sorted(SUFFIXES))
def test_what_the_system_says_while_a_file_is_written_is_told(name: str, recording: Recording, tmp_path: Path) -> None:
    import resource

    own = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, own[1]))
    try:
        with pytest.raises(FormatError, match="File too large"):
            write_ecg(recording, tmp_path / f"visit{SUFFIXES[name]}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, own)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "visit.edf"
    write_ecg(recording, path)
    before = path.read_bytes()
    signal = recording.signal.copy()
    signal[3, 10] = np.nan
    with pytest.raises(UnsupportedFormatError, match="lead aVR"):
        write_ecg(Recording(signal=signal, fs=500, leads=recording.leads), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["visit.edf"]


def test_writing_into_no_folder_is_a_format_error(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="existing folder"):
        write_ecg(recording, tmp_path / "no" / "visit.edf")
    with pytest.raises(FormatError, match="existing folder"):
        write_ecg(recording, tmp_path, format="edf")


def test_a_format_that_is_only_read_says_which_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    row = registry.Format(name="old", title="", suffixes=(".old",), sniff=lambda head: False, reader="x:y")
    with pytest.raises(UnsupportedFormatError, match=r"dicom, edf, wfdb, scp, aecg, .*csv"):
        registry.writer_of(row)


def test_a_missing_library_names_the_extra() -> None:
    with pytest.raises(MissingDependencyError, match=r"ecg_engine\[formats\]"):
        registry.load("no_such_library_at_all:read", extra="formats")


def test_xle_is_refused_with_what_to_do_by_content_and_by_suffix(tmp_path: Path) -> None:
    """Labels of the header as ecgdatakit describes them, each pair of bytes the wrong way round."""
    text = bytearray(0x1000)
    for at, label in ((2673, b"Given name:"), (2712, b"Family name:"), (2761, b"ID:"), (2793, b"Birth Date:")):
        text[at : at + len(label)] = label
    swapped = bytearray(text)
    swapped[0::2], swapped[1::2] = text[1::2], text[0::2]
    for name, raw in (("a.ecg", bytes(swapped)), ("b.xle", b"anything")):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UnknownFormatError, match=r"XLE.*neither its sampling rate.*export"):
            read_ecg(tmp_path / name)


@pytest.mark.parametrize("suffix", [".edf", ".hea"])
def test_a_day_of_samples_is_read_in_pieces(tmp_path: Path, suffix: str) -> None:
    """Ten seconds whose header is made to say a day, behind which lies a hole: only what is asked for is fetched."""
    fs, seconds = 250.0, 86_400
    wave = np.round(200 * np.sin(np.arange(2500) / 40)) * 0.005
    path = tmp_path / f"day{suffix}"
    write_ecg(
        Recording(signal=np.stack([wave, -wave]), fs=fs, leads=("I", "II"), source=Source(lsb_mv=(0.005,) * 2)), path
    )
    if suffix == ".edf":
        raw = bytearray(path.read_bytes())
        records, header = int(raw[236:244]), int(raw[184:192])
        raw[236:244] = str(seconds * records // 10).ljust(8).encode()
        path.write_bytes(raw)
        os.truncate(path, header + (len(raw) - header) // 10 * seconds)
    else:
        text = path.read_text().replace(" 2500", f" {int(fs) * seconds}", 1)
        path.write_text(text)
        os.truncate(tmp_path / "day.dat", (tmp_path / "day.dat").stat().st_size // 10 * seconds)
    tracemalloc.start()
    with open_ecg(path) as reader:
        assert reader.n_samples == int(fs) * seconds
        np.testing.assert_allclose(reader.read(100, 2500)[0], wave[100:], atol=1e-9)
        reader.read(reader.n_samples - 2500, reader.n_samples)
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert top < 40 << 20  # as numbers the day takes 346 MB
