"""NumPy and MATLAB files: names, sides, units, and that nothing in them is ever run or unpacked without bound."""

from __future__ import annotations

import contextlib
import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.formats import read_ecg, write_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Recording
from tests.unit.formats.exports import counts, mat

MV = counts(12, 300) / 1000


def saved(path: Path, **arrays: Any) -> Path:
    """Write the arrays by the suffix of the path."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        savemat(path, arrays, do_compression=True)
    return path


BOTH = pytest.mark.parametrize("suffix", [".npz", ".mat"])


@BOTH
@pytest.mark.parametrize("key", ["signal", "ecg", "val", "anything"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_signal_is_found_by_its_name_or_by_being_alone(key: str, turned: bool, suffix: str, tmp_path: Path) -> None:
    path = saved(tmp_path / f"a{suffix}", **{key: MV.T if turned else MV, "fs": 500})
    read = read_ecg(path)
    assert (read.fs, read.leads, read.source.format) == (500.0, STANDARD_LEADS, suffix[1:])
    np.testing.assert_array_equal(read.signal, MV)


@BOTH
def test_names_and_units(suffix: str, tmp_path: Path) -> None:
    names = np.array(["mlii", "V5"], dtype=object if suffix == ".mat" else None)
    path = saved(tmp_path / f"a{suffix}", signal=counts(2, 300), sampling_rate=360, lead_names=names, units="uV")
    read = read_ecg(path, leads=("V5",))
    assert (read.fs, read.leads) == (360.0, ("V5",))
    np.testing.assert_allclose(read.signal[0], counts(2, 300)[1] * 0.001)
    np.testing.assert_allclose(read.source.lsb_mv, [0.001])
    # As many rows as names are leads, even where that is the longer side.
    path = saved(
        tmp_path / f"b{suffix}",
        signal=MV[:, :2].T,
        fs=500,
        leads=np.array(["I", "II"], dtype=object if suffix == ".mat" else None),
    )
    assert read_ecg(path).n_samples == 12


@BOTH
def test_a_single_row_is_one_lead(suffix: str, tmp_path: Path) -> None:
    read = read_ecg(saved(tmp_path / f"a{suffix}", ecg=MV[0], fs=250.0))
    assert (read.leads, read.n_samples) == (("ECG1",), 300)


@BOTH
def test_a_rate_that_is_not_there_must_be_given(suffix: str, tmp_path: Path) -> None:
    path = saved(tmp_path / f"a{suffix}", signal=MV)
    with pytest.raises(InputError, match="fs"):
        read_ecg(path)
    assert read_ecg(path, fs=500).fs == 500
    with pytest.raises(InputError, match="250"):
        read_ecg(saved(tmp_path / f"b{suffix}", signal=MV, fs=500), fs=250)


@BOTH
@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"signal": counts(2, 300) * 1000, "fs": 500}, UnsupportedFormatError, "can be no mV.*units"),
        ({"signal": MV, "fs": 500, "units": "mmHg"}, UnsupportedFormatError, "no voltage"),
        ({"signal": np.full((2, 50), np.inf), "fs": 500}, CorruptFormatError, "infinite"),
        ({"signal": MV, "fs": [500, 250]}, CorruptFormatError, "fs"),
        ({"signal": MV, "fs": -1}, CorruptFormatError, "fs"),
        ({"note": "x"}, UnsupportedFormatError, "holds note"),
        ({"a": MV, "b": MV, "fs": 500}, UnsupportedFormatError, "holds a, b, fs"),
        ({"signal": MV.astype(complex), "fs": 500}, UnsupportedFormatError, "signal"),
        ({"signal": np.zeros((2, 3, 4)), "fs": 500}, UnsupportedFormatError, "3 dimensions"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_reason(
    arrays: dict[str, Any], error: type[Exception], words: str, suffix: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        read_ecg(saved(tmp_path / f"a{suffix}", **arrays))


class Bomb:
    """Whoever unpickles it is told on."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (pytest.fail, ("unpickled",))


def test_a_pickled_object_is_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", signal=np.array([Bomb()], dtype=object), fs=500)
    with pytest.raises(UnsupportedFormatError):
        read_ecg(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", signal=np.array([Bomb()], dtype=object))
    with pytest.raises(UnsupportedFormatError, match="pickled"):
        read_ecg(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CorruptFormatError):
        read_ecg(tmp_path / "c.npz")


def test_an_array_that_says_more_than_it_has_takes_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (12, 10**12)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("signal.npy", header.getvalue() + bytes(80))
    with pytest.raises(CorruptFormatError, match="shorter"):
        read_ecg(tmp_path / "a.npz")


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    raw = bytearray(saved(tmp_path / "a.npz", signal=MV, fs=500).read_bytes())
    raw[5000] ^= 1
    (tmp_path / "a.npz").write_bytes(raw)
    with pytest.raises(CorruptFormatError):
        read_ecg(tmp_path / "a.npz")


def test_a_zip_that_holds_no_arrays_is_still_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("visit.edf", b"x")
    with pytest.raises(UnknownFormatError, match="ZIP"):
        read_ecg(tmp_path / "a.zip")


def test_numpy_keeps_every_bit_and_float32(recording: Recording, tmp_path: Path) -> None:
    exact = Recording(signal=(recording.signal * np.pi).astype(np.float32), fs=333.25, leads=recording.leads)
    write_ecg(exact, tmp_path / "a.npz")
    read = read_ecg(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.signal, exact.signal)
    assert read.fs == 333.25


def test_matlab_of_hdf5_says_how_to_save(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512, b" ") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UnsupportedFormatError, match="-v7"):
        read_ecg(tmp_path / "a.mat")


def test_matlab_of_version_4_is_known_by_its_suffix(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"val": counts(12, 300), "fs": 500, "units": "uV"}, format="4")
    read = read_ecg(tmp_path / "a.mat")
    np.testing.assert_allclose(read.signal, counts(12, 300) / 1000)


def test_as_another_reader_reads_it(tmp_path: Path) -> None:
    names = np.array(["I", "II"], dtype=object)
    for packed in (False, True):
        for dtype in ("f8", "f4", "i2", "i4", "u1"):
            rows = (np.abs(counts(2, 300)) % 100).astype(dtype)
            whole = {"signal": rows, "fs": 500, "leads": names, "units": "uV"}
            savemat(tmp_path / "a.mat", whole, do_compression=packed)
            peer = loadmat(tmp_path / "a.mat")["signal"].astype(float)
            np.testing.assert_array_equal(read_ecg(tmp_path / "a.mat").signal, peer * 0.001)


def test_no_class_that_an_array_claims_does_harm(tmp_path: Path) -> None:
    # A cell of texts that claims to be numbers, a struct ...: such files have crashed other readers.
    raw = bytearray(mat({"signal": MV, "leads": list(STANDARD_LEADS), "fs": 500.0}, packed=False))
    at = raw.index(b"leads") - 32
    for kind in range(256):
        raw[at] = kind
        (tmp_path / "a.mat").write_bytes(raw)
        with contextlib.suppress(FormatError):
            read_ecg(tmp_path / "a.mat")


def test_a_struct_is_looked_into(tmp_path: Path) -> None:
    names = np.array(["I", "II"], dtype=object)
    savemat(tmp_path / "a.mat", {"ECG": {"signal": MV[:2], "fs": 500.0, "leads": names}})
    read = read_ecg(tmp_path / "a.mat")
    assert (read.leads, read.fs, read.n_samples) == (("I", "II"), 500.0, 300)


def test_a_header_beside_it_knows_more(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "a.hea")
    header = (tmp_path / "a.hea").read_text(encoding="utf-8")
    digits = np.fromfile(tmp_path / "a.dat", "<i2").reshape(-1, 12)
    savemat(tmp_path / "a.mat", {"val": digits.T}, format="4")
    lines = [line.replace("a.dat 16", "a.mat 16+24") for line in header.splitlines()]
    (tmp_path / "a.hea").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "a.dat").unlink()
    read = read_ecg(tmp_path / "a.mat")
    assert read.source.format == "wfdb"
    np.testing.assert_allclose(read.signal, recording.signal, atol=1e-9)


def test_matlab_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mat").write_bytes(mat({"signal": np.zeros((12, 200_000)), "fs": 500.0}))
    assert (tmp_path / "a.mat").stat().st_size < 100_000
    monkeypatch.setattr("ecg_engine.formats.mat._MAX_BYTES", 10_000_000)
    with pytest.raises(UnsupportedFormatError, match="unpacked"):
        read_ecg(tmp_path / "a.mat")


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_a_small_file_of_zeros_without_end_takes_no_memory(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    zeros = np.zeros((12, 10_000_000), dtype="i1")
    if suffix == ".npz":
        np.savez_compressed(path, signal=zeros, fs=500)
    else:
        savemat(path, {"signal": zeros, "fs": 500}, do_compression=True)
    del zeros
    tracemalloc.start()
    try:
        with pytest.raises(UnsupportedFormatError, match="unpack"):
            read_ecg(path)
        assert tracemalloc.get_traced_memory()[1] < 160_000_000
    finally:
        tracemalloc.stop()
