"""MATLAB files up to version 7: arrays of numbers and texts by their names, read through SciPy; no object is made.

The PhysioNet challenges' ``.mat`` with a header (``.hea``) beside it is WFDB's. What SciPy would unpack is measured
first, and named variables alone are loaded.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._arrays import opened_arrays
from ecg_engine.formats._common import Opened, Options

_HDF5: Final = (b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n")
_HEADER_BYTES: Final = 128
_COMPRESSED: Final = 15
_MAX_BYTES: Final = 1 << 29
_MAX_ELEMENTS: Final = 10_000


def open_file(path: Path, options: Options) -> Opened:
    """Open a MATLAB file."""
    if path.stat().st_size > _MAX_BYTES:
        raise UnsupportedFormatError("a MATLAB file above 512 MiB; convert it to WFDB or EDF first", path=path)
    raw = path.read_bytes()
    if raw.startswith(_HDF5):
        raise UnsupportedFormatError(
            "a MATLAB file of version 7.3 (HDF5), which is not read; save it again with save(..., '-v7')", path=path
        )
    if raw[:19] == b"MATLAB 5.0 MAT-file":
        _check_elements(raw, path)
    from io import BytesIO

    from scipy.io import loadmat

    values = loadmat(BytesIO(raw), chars_as_strings=True, struct_as_record=True, verify_compressed_data_integrity=True)
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in values.items():
        if name.startswith("__"):
            continue
        for key, array in _plain(name, value):
            arrays.setdefault(key.lower(), array)
    return opened_arrays(arrays, path=path, options=options, format="mat")


def _plain(name: str, value: Any) -> list[tuple[str, NDArray[Any]]]:
    """Return numbers and texts; a cell array of texts as texts; of a struct of one element its fields."""
    if not isinstance(value, np.ndarray):
        return []
    if value.dtype.kind in "iufU":
        return [(name, value)]
    if value.dtype.kind == "O" and value.dtype.names is None:
        texts = [cell for cell in value.ravel() if isinstance(cell, np.ndarray) and cell.dtype.kind == "U"]
        is_texts = bool(texts) and len(texts) == value.size and all(cell.size == 1 for cell in texts)
        return [(name, np.array([str(cell.ravel()[0]) for cell in texts]))] if is_texts else []
    if value.dtype.names and value.size == 1:
        record = value.ravel()[0]
        return [pair for field in value.dtype.names for pair in _plain(field, record[field]) if field]
    return []


def _check_elements(raw: bytes, path: Path) -> None:
    """Walk over the elements of a version 5 file; what they hold unpacked must stay below a bound.

    Raises
    ------
    CorruptFormatError
        An element reaches beyond the end of the file.
    UnsupportedFormatError
        They unpack to more than 512 MiB, or are too many.
    """
    order = {b"IM": "little", b"MI": "big"}.get(raw[126:128])
    if order is None:
        raise CorruptFormatError("no order of bytes in its header; save it again", path=path)
    at, total, count = _HEADER_BYTES, 0, 0
    while at + 8 <= len(raw):
        kind = int.from_bytes(raw[at : at + 4], order)  # type: ignore[arg-type]
        n_bytes = int.from_bytes(raw[at + 4 : at + 8], order)  # type: ignore[arg-type]
        if at + 8 + n_bytes > len(raw):
            raise CorruptFormatError("a variable reaches beyond its end; copy the file again", path=path, offset=at)
        if kind == _COMPRESSED:
            total += _unpacked(raw[at + 8 : at + 8 + n_bytes], _MAX_BYTES - total, path)
        count += 1
        if total >= _MAX_BYTES or count > _MAX_ELEMENTS:
            raise UnsupportedFormatError("more than 512 MiB unpacked, or too many variables; save fewer", path=path)
        at += 8 + n_bytes


def _unpacked(data: bytes, most: int, path: Path) -> int:
    unpacker, total = zlib.decompressobj(), 0
    try:
        while data and not unpacker.eof and total < most:
            total += len(unpacker.decompress(data, 1 << 20))
            data = unpacker.unconsumed_tail
    except zlib.error as exc:
        raise CorruptFormatError("a variable cannot be unpacked; copy or save the file again", path=path) from exc
    return total
