"""Undoing XLI, the compression of Philips' Sierra ECG XML.

Written from the description of the format by the Sierra ECG Tools project (C. Watford, github.com/sixlettervariables/
sierra-ecg-tools): one chunk a lead, each LZW in words of ten bits, then high bytes in front of low ones, then second
differences. Of leads III, aVR, aVL and aVF what stands there is their distance from what I and II make of them.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError

__all__ = ["limb_leads", "samples_of"]

#: Length of the compressed bytes, a word of no known meaning, the first difference.
_HEADER: Final = struct.Struct("<ihh")
_BITS: Final = 10
_LAST_CODE: Final = (1 << _BITS) - 2  # the highest one ends the chunk
_BIAS: Final = 64
_WEIGHTS: Final = 1 << np.arange(_BITS - 1, -1, -1)


def samples_of(raw: bytes, *, n_leads: int, n_samples: int, path: Path) -> list[NDArray[np.int64]]:
    """Return the samples of each chunk.

    Parameters
    ----------
    raw : bytes
    n_leads, n_samples : int
        What the file's header says; no more memory is taken than that needs.
    path : Path

    Raises
    ------
    CorruptFormatError
        A chunk is cut off, or holds another number of samples.
    """
    out: list[NDArray[np.int64]] = []
    at = 0
    for i in range(n_leads):
        if at + _HEADER.size > len(raw):
            raise CorruptFormatError(f"its samples end after {i} of {n_leads} leads; copy or export again", path=path)
        size, _, first = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        if size <= 0 or at + size > len(raw):
            raise CorruptFormatError(
                f"lead {i + 1} of {n_leads}: {len(raw) - at} bytes where {size} are announced; copy or export again",
                path=path,
            )
        unpacked = _lzw(raw[at : at + size], 2 * n_samples)
        at += size
        if len(unpacked) != 2 * n_samples:
            raise CorruptFormatError(
                f"lead {i + 1} of {n_leads}: {len(unpacked) // 2} samples unpacked where {n_samples} are announced; "
                "copy or export again",
                path=path,
            )
        out.append(_summed(unpacked, first))
    return out


def _lzw(raw: bytes, most: int) -> bytes:
    """Return the unpacked bytes; more than `most` of them stop it, and so does a word that cannot be."""
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8))
    codes = (bits[: len(bits) // _BITS * _BITS].reshape(-1, _BITS) @ _WEIGHTS).tolist()
    table = [bytes((byte,)) for byte in range(256)]
    out: list[bytes] = []
    before, length = b"", 0
    for code in codes:
        if code < len(table):
            word = table[code]
        elif code == len(table) <= _LAST_CODE and before:
            word = before + before[:1]
        else:
            break
        if before and len(table) <= _LAST_CODE:
            table.append(before + word[:1])
        out.append(word)
        length += len(word)
        if length > most:
            break
        before = word
    return b"".join(out)


def _summed(unpacked: bytes, first: int) -> NDArray[np.int64]:
    """Return the samples whose second differences these are; the first two stand as they are."""
    halves = np.frombuffer(unpacked, dtype=np.uint8).reshape(2, -1)
    words: NDArray[np.int64] = ((halves[0].astype(np.uint16) << 8) | halves[1]).view(np.int16).astype(np.int64)
    if len(words) < 3:
        return words
    slope = words.copy()
    slope[1] -= words[0]
    slope[2] = -first
    slope[3:] = _BIAS - words[2:-1]
    slope[1:] = np.cumsum(slope[1:])
    return np.cumsum(slope)


def limb_leads(leads: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return the six limb leads of I, II and the distances of the others from what I and II make of them.

    Halves are cut towards zero. Other programs cut them down, which sets odd sums below zero one step off: in devices'
    files the distances of such samples are then 1 and 2 where they are 0 and 1, -1 everywhere else.
    """
    one, two = leads[0], leads[1]
    three = two - one - leads[2]
    return [
        one,
        two,
        three,
        -_half(one + two) - leads[3],
        _half(one - three) - leads[4],
        _half(two + three) - leads[5],
    ]


def _half(values: NDArray[np.int64]) -> NDArray[np.int64]:
    halves: NDArray[np.int64] = np.sign(values) * (np.abs(values) // 2)
    return halves
