"""MATLAB files up to version 7: arrays of numbers and texts by their names; no object is made.

The PhysioNet challenges' ``.mat`` with a header (``.hea``) beside it is WFDB's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._arrays import opened_arrays
from ecg_engine.formats._common import Opened, Options
from ecg_engine.formats._mat_elements import MatError, TooLargeError, arrays_of

_HDF5: Final = (b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n")
#: Of the file, and of what it unpacks to.
_MAX_BYTES: Final = 1 << 28
#: No ECG unpacks to more times its size; smaller ones may.
_MAX_RATIO: Final = 200
_SMALL: Final = 1 << 26


def open_file(path: Path, options: Options) -> Opened:
    """Open a MATLAB file."""
    if path.stat().st_size > _MAX_BYTES:
        raise UnsupportedFormatError("a MATLAB file above 256 MiB; convert it to WFDB or EDF first", path=path)
    raw = path.read_bytes()
    if raw.startswith(_HDF5):
        raise UnsupportedFormatError(
            "a MATLAB file of version 7.3 (HDF5), which is not read; save it again with save(..., '-v7')", path=path
        )
    try:
        found = arrays_of(raw, min(_MAX_BYTES, max(_SMALL, _MAX_RATIO * len(raw))))
    except TooLargeError as exc:
        raise UnsupportedFormatError(
            "more than 256 MiB, or 200 times its size, unpacked, or too many values; save fewer of them", path=path
        ) from exc
    except MatError as exc:
        raise CorruptFormatError(f"{exc}; copy or save the file again", path=path) from exc
    arrays: dict[str, NDArray[Any]] = {}
    for name, array in found:
        arrays.setdefault(name.lower(), array)
    return opened_arrays(arrays, path=path, options=options, format="mat")
