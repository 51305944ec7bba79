"""What JPEG and JPEG 2000 codestreams say of themselves, and JPEG 2000 decoded at a lower resolution.

A JPEG 2000 picture is stored as a small one and what each doubling adds (Rec. ITU-T T.800, annexes B and F): leaving
out the last levels reads and computes only a part of the stream.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_START_OF_CODESTREAM: Final = b"\xff\x4f\xff\x51"
#: A JP2 file, which DICOM forbids and some write, begins with boxes; the codestream starts within these bytes.
_MOST_BOXES: Final = 4096
#: Markers of T.800 A.6 and A.4.2, and the most levels that A.6.1 allows.
_COD, _COC, _SOT = 0x52, 0x53, 0x90
_MOST_LEVELS: Final = 32
#: Wavelet transformation of 5 and 3 taps (T.800 table A.20).
_REVERSIBLE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The main header of a codestream.

    Parameters
    ----------
    rows, columns, samples, bits : int
    is_signed : bool
    levels : int
        How many times the picture can be halved; 0 where the coding has no such levels.
    is_reversible : bool
        Whether the wavelet is the reversible one of 5 and 3 taps; else the one of 9 and 7.
    start : int
        Where the codestream begins, bytes.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    is_signed: bool = False
    levels: int = 0
    is_reversible: bool = False
    start: int = 0


def jpeg_stream(raw: bytes) -> Stream | None:
    """Return what the frame header of a JPEG or JPEG-LS stream says; None where it is no such stream."""
    at = 2
    if raw[:2] != b"\xff\xd8":
        return None
    while at + 9 < len(raw):
        if raw[at] != 0xFF:
            return None
        marker = raw[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return Stream(rows=_two(raw, at + 5), columns=_two(raw, at + 7), samples=raw[at + 9], bits=raw[at + 4])
        else:
            at += 2 + _two(raw, at + 2)
    return None


def jpeg_2000_stream(raw: bytes) -> Stream | None:
    """Return what a JPEG 2000 or HTJ2K codestream, bare or in JP2 boxes, says; None where it is none."""
    at = 0 if raw[:4] == _START_OF_CODESTREAM else raw[:_MOST_BOXES].find(_START_OF_CODESTREAM)
    if at < 0 or len(raw) < at + 45:
        return None
    x, y, x0, y0 = (int.from_bytes(raw[at + 8 + 4 * i : at + 12 + 4 * i], "big") for i in range(4))
    levels, is_reversible = _levels(raw, at + 2)
    return Stream(
        rows=y - y0,
        columns=x - x0,
        samples=_two(raw, at + 40),
        bits=(raw[at + 42] & 0x7F) + 1,
        is_signed=raw[at + 42] >= 0x80,
        levels=levels,
        is_reversible=is_reversible,
        start=at,
    )


def _two(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 2], "big")


def _levels(raw: bytes, at: int) -> tuple[int, bool]:
    """Return what COD and COC of the main header, from `at`, say: the least levels; whether all are reversible."""
    levels, kinds = [], []
    while at + 14 <= len(raw) and raw[at] == 0xFF and raw[at + 1] != _SOT:
        if raw[at + 1] in (_COD, _COC):  # SPcod and SPcoc differ in where they begin, of fewer than 257 components
            first = at + (9 if raw[at + 1] == _COD else 6)
            levels.append(raw[first])
            kinds.append(raw[first + 4])
        at += 2 + _two(raw, at + 2)
    if not levels or max(levels) > _MOST_LEVELS:
        return 0, False
    return min(levels), all(kind == _REVERSIBLE for kind in kinds)


def halvings(stream: Stream, least_side: int) -> int:
    """Return how often the picture can be halved until its longer side has less than `least_side` pixels.

    Examples
    --------
    >>> halvings(Stream(rows=2500, columns=2048, samples=1, bits=12, levels=5), 512)
    2
    """
    longer, n = max(stream.rows, stream.columns), 0
    while n < stream.levels and -(-longer >> n + 1) >= least_side:
        n += 1
    return n


def decode_smaller(raw: bytes, stream: Stream, n: int) -> NDArray[Any] | None:
    """Decode a grey JPEG 2000 or HTJ2K codestream, halved `n` times.

    Returns
    -------
    (ceil(rows / 2**n), ceil(columns / 2**n)) array, or None
        uint8 or uint16, int16 where signed: values of the full picture, low-passed, so that they may overshoot.
        Pixel (i, j) is centred on pixel ``(i * 2**n, j * 2**n)``. None where it cannot be decoded so.

    Notes
    -----
    By Pillow, whose OpenJPEG leaves levels out: imagecodecs has no such argument for JPEG 2000. For HTJ2K it has one
    (OpenJPH), four times faster at a quarter of the side; but damaged streams crash OpenJPH 0.26 or keep it
    forever, and negative overshoots of lossless streams come as 65535.
    """
    from PIL import Image

    shape = tuple(-(-side >> n) for side in (stream.rows, stream.columns))
    try:
        with Image.open(io.BytesIO(raw[stream.start :]), formats=("JPEG2000",)) as image:
            image.reduce = n  # type: ignore[method-assign, assignment]
            # Pillow rounds the size where the standard takes the ceiling, and then refuses the picture.
            image._size = (shape[1] << n, shape[0] << n)
            pixels = np.asarray(image)
    except Exception:  # decoding it whole will say what is wrong
        return None
    if pixels.shape != shape:
        return None
    # Pillow moves the highest bit to the highest of 8 or 16, and what is signed up by half the range.
    values: NDArray[Any] = pixels >> ((8 if stream.bits <= 8 else 16) - stream.bits)
    if stream.is_signed:
        return (values.astype(np.int32) - (1 << stream.bits - 1)).astype(np.int16)
    return values


def flattened(pixels: NDArray[Any], n: int, *, is_reversible: bool) -> NDArray[Any]:
    """Return pixels halved `n` times with the wavelet's low-pass undone: their means are those of the full picture.

    To the second order in the frequency f (cycles a full pixel), with N = 2**n: a low-pass that passes ``1 - c w**2``
    at the angular frequency w of its own samples (c = -1/4 for the reversible wavelet, taps (-1, 2, 6, 2, -1) / 8, and
    0.229 for that of 9 and 7 taps; T.800 annex F) passes ``1 - 4 c (pi f)**2 (N**2 - 1) / 3`` after n levels. A reduced
    pixel that stands for its block passes ``1 - (pi f)**2 (N**2 - 1) / 6`` more. Both are undone by the taps
    (a, 1 - 2 a, a) in both directions, which pass ``1 - a (2 pi N f)**2``.
    """
    c = -0.25 if is_reversible else 0.2292
    a = -(1.0 - 0.25**n) * (c / 3 + 1 / 24)
    out = pixels.astype(np.float32)
    for _ in range(2):
        side = np.concatenate([out[:1], out, out[-1:]])
        out = ((1 - 2 * a) * out + a * (side[:-2] + side[2:])).T
    ends = np.iinfo(pixels.dtype)
    flat: NDArray[Any] = np.clip(np.rint(out), ends.min, ends.max).astype(pixels.dtype)
    return np.ascontiguousarray(flat)
