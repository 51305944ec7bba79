"""Huffman codes of SCP-ECG: tables that a file brings or the standard's own, values to bits and back.

Every bit of a lead is looked at as if a code began there (what code, how long), all at once; then the chain of those
that do begin is walked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.formats._scp_codes import DEFAULT_CODES

__all__ = ["DEFAULT", "HuffmanError", "HuffmanTable", "decode", "encode", "make_table"]

#: The longest prefix that is looked up; the standard's own has 10 bits.
_LONGEST: Final = 16
#: The longest value behind a prefix, bits.
_LONGEST_VALUE: Final = 32


class HuffmanError(ValueError):
    """A table that is none, or bits that none of its codes has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HuffmanTable:
    """A table by prefix: a row for each number that `width` bits can be.

    Parameters
    ----------
    width : int
        Bits of the longest prefix.
    prefix : (2 ** width,) array of int64
        Bits of the code's prefix, 0 where no code begins so.
    total : (2 ** width,) array of int64
        Bits of the whole code.
    value : (2 ** width,) array of int64
        What it stands for; where `switches`, the number of the next table.
    switches : (2 ** width,) array of bool
    """

    width: int
    prefix: NDArray[np.int64]
    total: NDArray[np.int64]
    value: NDArray[np.int64]
    switches: NDArray[np.bool_]


def make_table(codes: Sequence[tuple[int, int, int, int, int]]) -> HuffmanTable:
    """Return the table of codes as `_scp_codes.DEFAULT_CODES` has them.

    Raises
    ------
    HuffmanError
        No codes, a length that cannot be, or two codes that begin alike.
    """
    if not codes:
        raise HuffmanError("a table without codes")
    for prefix, total, *_ in codes:
        if not 0 < prefix <= _LONGEST or not prefix <= total <= prefix + _LONGEST_VALUE:
            raise HuffmanError(f"a code of {prefix} and {total} bits")
    width = max(code[0] for code in codes)
    rows = np.zeros((4, 1 << width), np.int64)
    for prefix, total, mode, value, reversed_bits in codes:
        bits = int(f"{reversed_bits & (1 << prefix) - 1:0{prefix}b}"[::-1], 2)
        first = bits << width - prefix
        part = slice(first, first + (1 << width - prefix))
        if rows[0, part].any():
            raise HuffmanError("two codes begin alike")
        rows[:, part] = np.array([prefix, total, value, mode == 0])[:, np.newaxis]
    return HuffmanTable(width=width, prefix=rows[0], total=rows[1], value=rows[2], switches=rows[3] > 0)


DEFAULT: Final = make_table(DEFAULT_CODES)


#: Bits that may follow the last code: a lead's bytes are filled up to an even number.
_MOST_PADDING: Final = 15


def decode(data: bytes, tables: Sequence[HuffmanTable], n: int, *, is_all: bool = False) -> NDArray[np.int64]:
    """Return the first `n` values of a lead's bits; with `is_all` there may be no more than these.

    Raises
    ------
    HuffmanError
        The bits end too soon, are no code, or (`is_all`) go on.

    Examples
    --------
    >>> decode(bytes([0b0_100_1101, 0b0_0000000]), [DEFAULT], 4).tolist()
    [0, 1, -2, 0]
    """
    n_bits = 8 * len(data)
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    padded = np.concatenate([bits, np.zeros(_LONGEST + _LONGEST_VALUE, np.uint8)]).astype(np.int32)
    starts = [_windows(padded, n_bits, table.width) for table in tables]
    if len(tables) == 1 and not tables[0].switches.any():
        where, at = _walk(tables[0].total[starts[0]].tolist(), n, n_bits)
        _check_end(at, n_bits, n, is_all)
        return _values(padded, starts, tables, where, np.zeros(n, np.int64))
    steps = [table.total[at].tolist() for table, at in zip(tables, starts, strict=True)]
    to = [np.where(table.switches, table.value, 0)[at].tolist() for table, at in zip(tables, starts, strict=True)]
    found = np.empty((2, n), np.int64)
    where, which = found
    at = count = table = 0
    step, leads_to = steps[0], to[0]
    while count < n:
        if at >= n_bits:
            raise HuffmanError(f"the bits end after {count} of {n} samples")
        length = step[at]
        if not length:
            raise HuffmanError(f"no code begins at bit {at}, behind {count} of {n} samples")
        if leads_to[at]:
            table = leads_to[at] - 1
            if not 0 <= table < len(tables):
                raise HuffmanError(f"table {table + 1} of {len(tables)}")
            at += length
            step, leads_to = steps[table], to[table]
            continue
        where[count], which[count] = at, table
        count += 1
        at += length
    _check_end(at, n_bits, n, is_all)
    return _values(padded, starts, tables, where, which)


def _check_end(at: int, n_bits: int, n: int, is_all: bool) -> None:
    if at > n_bits:
        raise HuffmanError("the bits end within the last sample")
    if is_all and n_bits - at > _MOST_PADDING:
        raise HuffmanError(f"{n_bits - at} bits follow the {n} samples that there should be")


def _walk(steps: list[int], n: int, n_bits: int) -> tuple[NDArray[np.int64], int]:
    """Return where each of `n` codes of a single table begins, and where the last ends."""
    out, at, count = [0] * n, 0, 0
    try:
        for count in range(n):
            out[count] = at
            at += steps[at]
    except IndexError:
        raise HuffmanError(f"the bits end after {count} of {n} samples") from None
    where = np.array(out, np.int64)
    # A step of no bits: it stays where it is.
    stuck = np.flatnonzero(np.diff(np.append(where, at)) == 0)
    if stuck.size:
        raise HuffmanError(f"no code begins at bit {where[stuck[0]]}, behind {stuck[0]} of {n} samples")
    return where, at


def _windows(padded: NDArray[np.int32], n_bits: int, width: int) -> NDArray[np.int32]:
    """Return the number that `width` bits from each bit on are."""
    out = np.zeros(n_bits, np.int32)
    for i in range(width):
        out = (out << 1) | padded[i : i + n_bits]
    return out


def _values(
    padded: NDArray[np.int32],
    starts: Sequence[NDArray[np.int32]],
    tables: Sequence[HuffmanTable],
    where: NDArray[np.int64],
    which: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return what the codes at `where` stand for; behind some prefixes the value itself follows, signed."""
    out = np.empty(len(where), np.int64)
    for i, (table, start) in enumerate(zip(tables, starts, strict=True)):
        mine = np.flatnonzero(which == i)
        code = start[where[mine]]
        out[mine] = table.value[code]
        behind = table.total[code] - table.prefix[code]
        for width in np.unique(behind[behind > 0]).tolist():
            these = mine[behind == width]
            first = where[these] + table.prefix[start[where[these]]]
            value = np.zeros(len(these), np.int64)
            for k in range(width):
                value = (value << 1) | padded[first + k]
            out[these] = value - ((value >> width - 1) << width)
    return out


def encode(values: NDArray[np.int64]) -> bytes:
    """Return values by the standard's own table, padded to whole bytes with zeros.

    Raises
    ------
    HuffmanError
        A value needs more than 16 bits.

    Examples
    --------
    >>> encode(np.array([0, 1, -2, 0])).hex()
    '4d00'
    """
    if len(values) and (values.min() < -32768 or values.max() > 32767):
        raise HuffmanError("a difference needs more than 16 bits")
    size = np.abs(values)
    long = np.where(size <= 127, 8, 16)
    long[(values == -128)] = 8
    short = size <= 8
    width = np.where(short, np.where(size == 0, 1, size + 2), 10 + long)
    # The codes: as many ones as the value, then 0 and the sign; the two long ones, then the value itself.
    plain = np.where(size == 0, 0, (((1 << size) - 1) << 2) | (values < 0))
    escape = np.where(long == 8, 0b1111111110, 0b1111111111)
    code = np.where(short, plain, (escape << long) | (values & ((1 << long) - 1)))
    ends = np.cumsum(width)
    bits = np.zeros(-(-int(ends[-1] if len(ends) else 0) // 8) * 8, np.uint8)
    for bit in range(int(width.max(initial=0))):
        has = width > bit
        bits[ends[has] - 1 - bit] = (code[has] >> bit) & 1
    return np.packbits(bits).tobytes()
