"""Encoders that no package at hand has: JPEG lossless with first-order prediction, and RLE faster than in Python."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

__all__ = ["jpeg_lossless", "rle"]


def rle(pixels: NDArray[Any]) -> bytes:
    """Return RLE (PS3.5 G): each byte of the values a segment, each row packed for itself."""
    planes = [(pixels >> shift & 0xFF).astype(np.uint8) for shift in range(8 * pixels.dtype.itemsize - 8, -1, -8)]
    segments = [b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane) for plane in planes]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    header = np.zeros(16, "<u4")
    header[0] = len(segments)
    header[1 : len(segments) + 1] = 64 + np.cumsum([0, *map(len, segments[:-1])])
    return header.tobytes() + b"".join(segments)


def jpeg_lossless(pixels: NDArray[Any], bits: int) -> bytes:
    """Return JPEG lossless with first-order prediction (ITU-T T.81 H, selection value 1), without restart intervals."""
    values = pixels.astype(np.int64)
    left = np.empty_like(values)
    left[:, 1:], left[1:, 0], left[0, 0] = values[:, :-1], values[:-1, 0], 1 << bits - 1
    differences = (values - left).ravel()
    sizes = np.zeros(differences.shape, np.int64)
    for bit in range(bits + 1):
        sizes += np.abs(differences) >= 1 << bit
    lengths = _code_lengths(np.bincount(sizes, minlength=17))
    symbols = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    codes, code, before = np.zeros(17, np.int64), 0, 0
    for length, symbol in symbols:
        code <<= length - before
        codes[symbol], code, before = code, code + 1, length
    extra = np.where(differences < 0, differences - 1, differences) & ((1 << sizes) - 1)
    stream = _packed((codes[sizes] << sizes) | extra, lengths[sizes] + sizes).replace(b"\xff", b"\xff\0")
    rows, columns = pixels.shape
    counts = np.bincount([length for length, _ in symbols], minlength=17)[1:17]
    table = bytes(counts.tolist()) + bytes(symbol for _, symbol in symbols)
    return b"".join((
        b"\xff\xd8\xff\xc3\0\x0b", bytes([bits]), rows.to_bytes(2, "big"), columns.to_bytes(2, "big"),
        b"\x01\x01\x11\0",
        b"\xff\xc4", (3 + len(table)).to_bytes(2, "big"), b"\0", table, b"\xff\xda\0\x08\x01\x01\0\x01\0\0", stream,
        b"\xff\xd9",
    ))  # fmt: skip


def _code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return Huffman code lengths of the symbols that occur; a reserved one takes the code of ones alone."""
    heap = [(int(count), (symbol,)) for symbol, count in enumerate(counts) if count] + [(0, (-1,))]
    depth = dict.fromkeys((symbol for _, (symbol,) in heap), 0)
    while len(heap) > 1:
        heap.sort(reverse=True)
        (n, several), (m, others) = heap.pop(), heap.pop()
        for symbol in several + others:
            depth[symbol] += 1
        heap.append((n + m, several + others))
    # The rarest symbol and the reserved one are the deepest: only the former is written, so the last code stays free.
    return np.array([depth.get(symbol, 0) for symbol in range(17)], np.int64)


def _packed(values: NDArray[np.int64], widths: NDArray[np.int64]) -> bytes:
    """Return the low `widths` bits of each value, one behind the other, padded with ones."""
    ends = np.cumsum(widths)
    bits = np.ones(int(-(-ends[-1] // 8) * 8), np.uint8)
    for bit in range(int(widths.max())):
        has = widths > bit
        bits[ends[has] - 1 - bit] = (values[has] >> bit) & 1
    return np.packbits(bits).tobytes()
