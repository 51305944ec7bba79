"""MATLAB's files of version 4 and 5 taken apart: arrays of numbers and texts by name, every length checked.

After The MathWorks' description of the MAT-file format. SciPy's reader is not used: some broken files
crash it, and the process with it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

#: Data types of version 5 by number; texts are numbers of letters.
_TYPES: Final = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 16: "u1", 17: "u2",
    18: "u4",
}  # fmt: skip
_MATRIX, _COMPRESSED, _UTF_8 = 14, 15, 16
_CELL, _STRUCT, _CHAR = 1, 2, 4
#: Classes of arrays of numbers.
_NUMBERS: Final = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_COMPLEX: Final = 0x800
_HEADER_BYTES: Final = 128
_TYPES_4: Final = {0: "f8", 1: "f4", 2: "i4", 3: "i2", 4: "u2", 5: "u1"}
_MOST_ITEMS: Final = 10_000
_MOST_DEPTH: Final = 4
#: 256 MiB of the widest numbers.
_MOST_VALUES: Final = 1 << 25

Arrays = list[tuple[str, NDArray[Any]]]


class MatError(ValueError):
    """The file is not what its lengths say."""


class TooLargeError(ValueError):
    """It unpacks to more than is allowed, or holds too many variables."""


class _Reader:
    """The bytes of one level, with their order."""

    def __init__(self, raw: bytes, order: Literal["little", "big"]) -> None:
        self.raw, self.order, self.sign = raw, order, "<" if order == "little" else ">"

    def number(self, at: int) -> int:
        return int.from_bytes(self.raw[at : at + 4], self.order)

    def elements(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield (type, first byte, last) of each element."""
        at = start
        for _ in range(_MOST_ITEMS):
            if at + 8 > stop:
                return
            kind, n_bytes = self.number(at), self.number(at + 4)
            if kind >> 16:  # a short one: length and data in the same eight bytes
                kind, n_bytes, first, following = kind & 0xFFFF, kind >> 16, at + 4, at + 8
                if n_bytes > 4:
                    raise MatError("a short element of more than four bytes")
            else:
                first = at + 8
                following = first + n_bytes + (0 if kind == _COMPRESSED else -n_bytes % 8)
            if first + n_bytes > stop:
                raise MatError("an element reaches beyond its end")
            yield kind, first, first + n_bytes
            at = following
        raise TooLargeError("too many elements")

    def values(self, kind: int, first: int, stop: int) -> NDArray[Any]:
        if kind not in _TYPES:
            raise MatError(f"data of type {kind}")
        dtype = np.dtype(self.sign + _TYPES[kind])
        return np.frombuffer(self.raw, dtype=dtype, count=(stop - first) // dtype.itemsize, offset=first)


def arrays_of(raw: bytes, most_bytes: int) -> Arrays:
    """Return the arrays of numbers and of texts of a file, with their names; of a struct its fields.

    Parameters
    ----------
    raw : bytes
        The whole file.
    most_bytes : int
        To which compressed variables may unpack, all together.

    Raises
    ------
    MatError
        Lengths do not fit.
    TooLargeError
        More than `most_bytes`, or too many variables.
    """
    if raw[:10] != b"MATLAB 5.0":
        return _version_4(raw)
    order: Literal["little", "big"] = "little" if raw[126:128] == b"IM" else "big"
    if raw[126:128] not in (b"IM", b"MI"):
        raise MatError("no order of bytes in its header")
    file, out, left = _Reader(raw, order), Arrays(), most_bytes
    for kind, first, stop in file.elements(_HEADER_BYTES, len(raw)):
        if kind == _COMPRESSED:
            unpacked = _unpacked(raw[first:stop], left)
            left -= len(unpacked)
            inside = _Reader(unpacked, order)
            for deeper, begin, end in inside.elements(0, len(unpacked)):
                if deeper == _MATRIX:
                    out += _matrix(inside, begin, end, 0)
        elif kind == _MATRIX:
            out += _matrix(file, first, stop, 0)
    return out


def _unpacked(data: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        out = unpacker.decompress(data, max(most, 1))
        if unpacker.unconsumed_tail:
            raise TooLargeError("unpacks to too much")
    except zlib.error as exc:
        raise MatError("a variable cannot be unpacked") from exc
    if not unpacker.eof:
        raise MatError("a packed variable ends too soon")
    return out


def _matrix(file: _Reader, start: int, stop: int, depth: int) -> Arrays:
    """Return what an array holds: itself, a cell of texts as texts, the fields of a single struct."""
    parts = list(file.elements(start, stop))
    if len(parts) < 3 or depth > _MOST_DEPTH:
        return []
    flags = file.values(*parts[0]).tolist()
    shape = tuple(file.values(*parts[1]).tolist())
    name = file.raw[parts[2][1] : parts[2][2]].split(b"\0")[0].decode("latin-1")
    if not flags or len(shape) < 2 or min(shape) < 0:
        raise MatError("an array without class or sides")
    kind, size = flags[0] & 0xFF, math.prod(shape)
    if kind == _CELL:
        texts = [_text(file, part, depth) for part in parts[3:] if part[0] == _MATRIX]
        known = [text for text in texts if text is not None]
        return [(name, np.array(known))] if known and len(known) == len(texts) == size else []
    if kind == _STRUCT and size == 1 and len(parts) > 4:
        return _fields(file, parts[3:], depth)
    if kind not in (_CHAR, *_NUMBERS) or len(parts) < 4 or flags[0] & _COMPLEX:
        return []
    if size > _MOST_VALUES:
        raise TooLargeError("an array of too many values")
    if kind == _CHAR and parts[3][0] == _UTF_8:
        letters = file.raw[parts[3][1] : parts[3][2]].decode("utf-8", errors="replace")
        values: NDArray[Any] = np.array([ord(letter) for letter in letters], dtype=np.uint32)
    else:
        values = file.values(*parts[3])
    if len(values) != size:
        raise MatError(f"an array of {len(values)} values where its sides say {size}")
    array = values.reshape(shape, order="F")
    if kind == _CHAR:
        rows = array if array.ndim == 2 else array.reshape(shape[0], -1)
        return [(name, np.array(["".join(map(chr, row)).rstrip() for row in rows.tolist()] or [""]))]
    # Whole numbers are stored in the shortest type that holds them.
    return [(name, array.astype(_NUMBERS[kind]))]


def _fields(file: _Reader, parts: list[tuple[int, int, int]], depth: int) -> Arrays:
    lengths = file.values(*parts[0]).tolist()
    width = lengths[0] if lengths else 0
    names = file.raw[parts[1][1] : parts[1][2]]
    if not 0 < width <= 64:
        raise MatError("a struct without names of fields")
    out = Arrays()
    fields = [part for part in parts[2:] if part[0] == _MATRIX]
    for i, (_, first, stop) in enumerate(fields):
        field = names[i * width : (i + 1) * width].split(b"\0")[0].decode("latin-1")
        found = _matrix(file, first, stop, depth + 1)
        # An array within a struct has no name of its own; a struct's fields have.
        out += [(name or field, array) for name, array in found]
    return out


def _text(file: _Reader, part: tuple[int, int, int], depth: int) -> str | None:
    found = _matrix(file, part[1], part[2], depth + 1)
    is_text = len(found) == 1 and found[0][1].dtype.kind == "U" and found[0][1].size == 1
    return str(found[0][1][0]) if is_text else None


def _version_4(raw: bytes) -> Arrays:
    out, at = Arrays(), 0
    for _ in range(_MOST_ITEMS):
        if at + 20 > len(raw):
            return out
        order: Literal["little", "big"] = "little" if int.from_bytes(raw[at : at + 4], "little") < 5000 else "big"
        kind, rows, columns, imaginary, n_name = (
            int.from_bytes(raw[at + 4 * i : at + 4 * i + 4], order) for i in range(5)
        )
        precision, form = kind // 10 % 10, kind % 10
        if kind >= 5000 or precision not in _TYPES_4 or form not in (0, 1, 2) or imaginary not in (0, 1):
            raise MatError("no variable of version 4")
        dtype = np.dtype(("<" if order == "little" else ">") + _TYPES_4[precision])
        first = at + 20 + n_name
        following = first + rows * columns * dtype.itemsize * (1 + imaginary)
        if following > len(raw):
            raise MatError("a variable reaches beyond its end")
        name = raw[at + 20 : first].split(b"\0")[0].decode("latin-1")
        array = np.frombuffer(raw, dtype=dtype, count=rows * columns, offset=first).reshape(rows, columns, order="F")
        if form == 1 and array.size:
            letters = np.nan_to_num(array).astype(np.int64).clip(0, 0x10FFFF).tolist()
            out.append((name, np.array(["".join(map(chr, row)).rstrip() for row in letters])))
        elif form == 0 and not imaginary:
            out.append((name, array.astype(dtype.newbyteorder("="))))
        at = following
    raise TooLargeError("too many variables")
