"""One frame of pixels, of any transfer syntax in use, checked before memory is taken.

imagecodecs decodes compressed frames, a kernel RLE; where imagecodecs is absent, the plug-ins that pydicom finds do
(pylibjpeg-openjpeg, python-gdcm: the extra ``dicom``). A frame that one decoder refuses is not tried on another, which
may not survive it. What a codestream says of its size must be what the data set says, so that neither can lie about
the memory that it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.dicom import codestreams as cs
from ecg_engine.dicom import waveforms as wf
from ecg_engine.errors import (
    CorruptFormatError,
    InputError,
    MissingDependencyError,
    UnsupportedFormatError,
)

#: No radiograph is larger: the largest film digitised at 50 µm has 60 megapixels.
MAX_PIXELS: Final = 100_000_000
_MAX_FRAMES: Final = 1_000_000
_MAX_FRAGMENTS: Final = 1_000_000

DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
_NATIVE: Final = frozenset({"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", DEFLATED, _BIG_ENDIAN})
_J: Final = "1.2.840.10008.1.2.4."
#: Coding of each compressed transfer syntax, and whether its values may leave the range that the bits stored allow.
_CODINGS: Final = {
    _J + "50": ("jpeg", True), _J + "51": ("jpeg", True), _J + "57": ("jpeg", False), _J + "70": ("jpeg", False),
    _J + "80": ("jpeg_ls", False), _J + "81": ("jpeg_ls", True),
    _J + "90": ("jpeg_2000", False), _J + "91": ("jpeg_2000", True),
    _J + "201": ("jpeg_2000", False), _J + "202": ("jpeg_2000", False), _J + "203": ("jpeg_2000", True),
    "1.2.840.10008.1.2.5": ("rle", False),
}  # fmt: skip
_GREY: Final = ("MONOCHROME1", "MONOCHROME2")
_COLOUR: Final = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
#: A PackBits pair of two bytes stands for 128 at most.
_RLE_MOST: Final = 64
#: Low-passed values overshoot edges, by less than this; above it something else stands in the bits beside the stored.
_MOST_OVERSHOOT: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The Image Pixel module of a data set, checked."""

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    high_bit: int
    is_signed: bool
    photometric: str
    planar: int
    n_frames: int

    @property
    def frame_bytes(self) -> int:
        """Length of a native frame, bytes."""
        a_pixel = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * a_pixel * self.allocated // 8


def layout_of(header: Any, path: Path) -> Layout:
    """Check the Image Pixel module of `header`.

    Raises
    ------
    CorruptFormatError
        An attribute is absent, or contradicts another.
    UnsupportedFormatError
        A kind of pixel that no radiograph has, or more of them than memory should be taken for.
    """

    def number(keyword: str, tag: str, default: int | None = None) -> int:
        value = wf._value(header, keyword)
        try:
            return int(default if value is None and default is not None else value)
        except (TypeError, ValueError):
            raise CorruptFormatError(f"{keyword} {tag} is absent or no number; export again", path=path) from None

    rows, columns = number("Rows", "(0028,0010)"), number("Columns", "(0028,0011)")
    if rows < 1 or columns < 1:
        raise CorruptFormatError(
            f"Rows (0028,0010) and Columns (0028,0011) say {rows} x {columns}; export again", path=path
        )
    if rows * columns > MAX_PIXELS:
        raise UnsupportedFormatError(
            f"Rows (0028,0010) and Columns (0028,0011) say {rows} x {columns}, more than {MAX_PIXELS} pixels; "
            "export it smaller",
            path=path,
        )
    allocated, stored = number("BitsAllocated", "(0028,0100)"), number("BitsStored", "(0028,0101)")
    if allocated not in (8, 16):
        raise UnsupportedFormatError(
            f"BitsAllocated (0028,0100) is {allocated}; a radiograph has 8 or 16, export it so", path=path
        )
    high_bit = number("HighBit", "(0028,0102)", stored - 1)
    if not 1 <= stored <= allocated or not stored - 1 <= high_bit < allocated:
        raise CorruptFormatError(
            f"BitsStored (0028,0101) {stored} and HighBit (0028,0102) {high_bit} do not fit into "
            f"BitsAllocated (0028,0100) {allocated}; export again",
            path=path,
        )
    photometric = wf._text(header, "PhotometricInterpretation").upper()
    if photometric == "PALETTE COLOR":
        raise UnsupportedFormatError(
            "PhotometricInterpretation (0028,0004) is PALETTE COLOR: its numbers are places in a colour table, no "
            "greys; export it as MONOCHROME2",
            path=path,
        )
    if photometric not in _GREY + _COLOUR:
        raise UnsupportedFormatError(
            f"PhotometricInterpretation (0028,0004) is {photometric[:16] or 'absent'}; export as MONOCHROME2", path=path
        )
    samples = number("SamplesPerPixel", "(0028,0002)", 1)
    if samples != (1 if photometric in _GREY else 3):
        raise CorruptFormatError(f"SamplesPerPixel (0028,0002) {samples} is not what {photometric} has", path=path)
    n_frames = number("NumberOfFrames", "(0028,0008)", 1)
    if not 0 <= n_frames <= _MAX_FRAMES:
        raise CorruptFormatError(f"NumberOfFrames (0028,0008) says {n_frames}; export again", path=path)
    return Layout(
        rows=rows,
        columns=columns,
        samples=samples,
        allocated=allocated,
        stored=stored,
        high_bit=high_bit,
        is_signed=photometric in _GREY and number("PixelRepresentation", "(0028,0103)", 0) == 1,
        photometric=photometric,
        planar=number("PlanarConfiguration", "(0028,0006)", 0) if samples == 3 else 0,
        n_frames=max(n_frames, 1),
    )


def read_frame(
    file: BinaryIO, header: Any, layout: Layout, syntax: str, frame: int, path: Path, *, least_side: int | None = None
) -> tuple[NDArray[Any], int]:
    """Decode one frame; `file` stands at the pixel data element.

    Returns
    -------
    (rows, columns) array
        uint8, uint16 or int16: the bits stored alone; colour as luminance.
    int
        How many rows and columns of the frame each one stands for: a power of two where `least_side` is given and the
        coding allows it, else 1.
    """
    if not 0 <= frame < layout.n_frames:
        raise InputError(f"frame: {frame} is not among the {layout.n_frames} of this file", argument="frame")
    length, is_words = _element_length(file, syntax, path)
    if syntax in _NATIVE:
        is_swapped = syntax == _BIG_ENDIAN and (is_words or layout.allocated == 16)
        return _finished(_native(file, layout, frame, length, is_swapped, path), layout, is_clipped=False), 1
    if syntax not in _CODINGS:
        raise UnsupportedFormatError(
            f"transfer syntax {syntax} is not read; export as Explicit Little Endian", path=path
        )
    coding, is_clipped = _CODINGS[syntax]
    raw = _encapsulated(file, header, layout, frame, path)
    stream = _check_stream(coding, raw, layout, path)
    if least_side is not None and stream is not None and _is_low_passed(stream, header, layout):
        n = cs.halvings(stream, least_side)
        smaller = cs.decode_smaller(raw, stream, n) if n else None
        if smaller is not None and smaller.max() <= _MOST_OVERSHOOT * (1 << layout.stored):
            smaller = cs.flattened(smaller, n, is_reversible=stream.is_reversible)
            return _finished(smaller, layout, is_clipped=True), 1 << n
    return _finished(_decoded(coding, raw, layout, syntax, path), layout, is_clipped=is_clipped), 1


def _is_low_passed(stream: cs.Stream, header: Any, layout: Layout) -> bool:
    """Return whether a mean of the stream's values is the mean of the pixels.

    It is not where a sign or an overlay stands in bits of its own.
    """
    has_overlay = any((group, 0x0010) in header for group in range(0x6000, 0x6020, 2))
    return (
        layout.samples == 1
        and layout.high_bit == layout.stored - 1
        and stream.is_signed == layout.is_signed
        and not (has_overlay and stream.bits > layout.stored)
    )


# ---------------------------------------------------------------------------------------------------- bytes of a frame


def _element_length(file: BinaryIO, syntax: str, path: Path) -> tuple[int, bool]:
    """Return the length of the pixel data, bytes, and whether they are words of two."""
    order = "big" if syntax == _BIG_ENDIAN else "little"
    head = file.read(8)
    if len(head) < 8:
        raise UnsupportedFormatError("no pixels: Pixel Data (7FE0,0010) is absent; send the image itself", path=path)
    group, element = int.from_bytes(head[:2], order), int.from_bytes(head[2:4], order)  # type: ignore[arg-type]
    if (group, element) != (0x7FE0, 0x0010):
        raise UnsupportedFormatError(
            f"its pixels are floating-point numbers ({group:04X},{element:04X}); export them as whole ones", path=path
        )
    raw = file.read(4) if head[4:6] in (b"OB", b"OW", b"UN") else head[4:8]
    return int.from_bytes(raw, order), head[4:6] == b"OW"  # type: ignore[arg-type]


def _size_left(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end - here


def _native(file: BinaryIO, layout: Layout, frame: int, length: int, is_swapped: bool, path: Path) -> NDArray[Any]:
    size = layout.frame_bytes
    if length == 0xFFFFFFFF:
        raise CorruptFormatError(
            "Pixel Data (7FE0,0010) is encapsulated although its transfer syntax is not; export again", path=path
        )
    held = min(length, _size_left(file))
    if held < size * (frame + 1):
        raise CorruptFormatError(
            f"Pixel Data (7FE0,0010) holds {held} bytes where its header asks for {size * layout.n_frames}; "
            "copy or export it again",
            path=path,
        )
    odd = size * frame % 2
    file.seek(size * frame - odd, 1)
    raw = file.read(size + odd + (size + odd) % 2)
    if is_swapped:  # words of two bytes, whatever the pixels are
        raw = np.frombuffer(raw, ">u2").astype("<u2").tobytes()
    pixels: NDArray[Any] = np.frombuffer(raw[odd : odd + size], "u1" if layout.allocated == 8 else "<u2")
    rows, columns = layout.rows, layout.columns
    if layout.photometric == "YBR_FULL_422":  # Y Y Cb Cr for two pixels side by side
        return pixels.reshape(-1, 4)[:, :2].reshape(rows, columns)
    if layout.samples == 1:
        return pixels.reshape(rows, columns)
    return pixels.reshape(3, rows, columns).transpose(1, 2, 0) if layout.planar else pixels.reshape(rows, columns, 3)


def _encapsulated(file: BinaryIO, header: Any, layout: Layout, frame: int, path: Path) -> bytes:
    """Return the codestream of `frame`; its fragments must be whole."""
    from pydicom.encaps import get_frame

    start = file.tell()
    left = _size_left(file)
    n_items = 0
    while left >= 8:
        head = file.read(8)
        tag, length = head[:4], int.from_bytes(head[4:], "little")
        left -= 8
        if tag == b"\xfe\xff\xdd\xe0":
            break
        if tag != b"\xfe\xff\x00\xe0" or length > left or n_items > _MAX_FRAGMENTS:
            raise CorruptFormatError(
                "Pixel Data (7FE0,0010) ends in the middle of a fragment; copy or export it again", path=path
            )
        n_items += 1
        left -= length
        file.seek(length, 1)
    if n_items < 2:
        raise CorruptFormatError("Pixel Data (7FE0,0010) holds no fragment; export again", path=path)
    file.seek(start)
    tables = wf._value(header, "ExtendedOffsetTable"), wf._value(header, "ExtendedOffsetTableLengths")
    try:
        raw = get_frame(
            file,
            frame,
            number_of_frames=layout.n_frames,
            extended_offsets=tables if all(isinstance(t, bytes) for t in tables) else None,
        )
    except Exception as exc:
        raise CorruptFormatError(
            f"frame {frame} cannot be found in Pixel Data (7FE0,0010); export again", path=path
        ) from exc
    return bytes(raw)


# ------------------------------------------------------------------------------------ the codestream and the header


def _check_stream(coding: str, raw: bytes, layout: Layout, path: Path) -> cs.Stream | None:
    """Compare the codestream's own size with the header's, and find streams that were cut off; None for RLE."""
    size = layout.rows * layout.columns * layout.samples * layout.allocated // 8
    if coding == "rle":
        if len(raw) < 64 or (len(raw) - 64) * _RLE_MOST < size:
            raise CorruptFormatError("Pixel Data (7FE0,0010): too few bytes for its frame; export again", path=path)
        return None
    said = cs.jpeg_2000_stream(raw) if coding == "jpeg_2000" else cs.jpeg_stream(raw)
    if said is None:
        raise CorruptFormatError(
            f"Pixel Data (7FE0,0010) holds no {coding.replace('_', ' ').upper()} stream, which its transfer syntax "
            "says; export again",
            path=path,
        )
    size_said = said.rows, said.columns, said.samples
    if size_said != (layout.rows, layout.columns, layout.samples) or said.bits > layout.allocated:
        raise CorruptFormatError(
            f"Pixel Data (7FE0,0010) is a stream of {said.rows} x {said.columns} pixels of {said.samples} x "
            f"{said.bits} bits, its header says {layout.rows} x {layout.columns} of {layout.samples} x "
            f"{layout.allocated}; export again",
            path=path,
        )
    if b"\xff\xd9" not in raw[-64:]:
        raise CorruptFormatError(
            "Pixel Data (7FE0,0010): the stream breaks off before its end; copy it again", path=path
        )
    return said


# ------------------------------------------------------------------------------------------------------------ decoders


def _decoded(coding: str, raw: bytes, layout: Layout, syntax: str, path: Path) -> NDArray[Any]:
    shape = (layout.rows, layout.columns) if layout.samples == 1 else (layout.rows, layout.columns, layout.samples)
    try:
        try:
            pixels = _DECODERS[coding](raw, layout)
        except ImportError:
            pixels = _by_plugins(raw, layout, syntax)
        if pixels.shape not in (shape, shape[:2]):
            raise ValueError(f"decoded to {pixels.shape}")
    except ImportError as exc:
        raise MissingDependencyError(f"transfer syntax {syntax}", extra="dicom") from exc
    except Exception as exc:
        raise CorruptFormatError(
            f"Pixel Data (7FE0,0010): the {coding.replace('_', ' ').upper()} stream cannot be decoded; "
            "copy or export it again",
            path=path,
        ) from exc
    return pixels


def _by_imagecodecs_jpeg(raw: bytes, layout: Layout) -> NDArray[Any]:
    import imagecodecs

    if layout.samples == 1:
        return np.asarray(imagecodecs.jpeg8_decode(raw))
    if layout.photometric == "RGB":
        return np.asarray(imagecodecs.jpeg8_decode(raw, colorspace="RGB", outcolorspace="RGB"))
    return np.asarray(imagecodecs.jpeg8_decode(raw, colorspace="YCBCR", outcolorspace="GRAYSCALE"))


def _by_imagecodecs_jpeg_ls(raw: bytes, _: Layout) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.jpegls_decode(raw))


def _by_imagecodecs_jpeg_2000(raw: bytes, layout: Layout) -> NDArray[Any]:
    import imagecodecs

    pixels = np.asarray(imagecodecs.jpeg2k_decode(raw, numthreads=1))  # by itself it takes every core
    stream = cs.jpeg_2000_stream(raw)
    if stream is not None and layout.is_signed and not stream.is_signed and stream.bits < layout.stored:
        # An unsigned stream of signed pixels: the sign stands in the stream's own highest bit.
        pixels = pixels.astype(np.int32)
        return np.where(pixels >> (stream.bits - 1) & 1, pixels - (1 << stream.bits), pixels).astype(np.int16)
    return pixels


def _rle(raw: bytes, layout: Layout) -> NDArray[Any]:
    """Decode RLE (PS3.5 G): one segment for each byte of a pixel, the most significant first."""
    from ecg_engine.kernels.greyscale import unpack_bytes_into

    wide, n_pixels = layout.allocated // 8, layout.rows * layout.columns
    n_segments, *starts = (int(value) for value in np.frombuffer(raw, "<u4", count=16))
    if n_segments != layout.samples * wide:
        raise ValueError(f"{n_segments} segments")
    ends = [*starts[1:n_segments], len(raw)]
    planes = np.empty((n_segments, n_pixels), np.uint8)
    for plane, start, end in zip(planes, starts, ends, strict=False):
        if not 64 <= start <= end <= len(raw):
            raise ValueError(f"a segment from {start} to {end}")
        if unpack_bytes_into(np.frombuffer(raw, np.uint8, end - start, start), plane) != n_pixels:
            raise ValueError("a segment that breaks off")
    pixels: NDArray[Any] = planes if wide == 1 else (planes[::2].astype(np.uint16) << 8) | planes[1::2]
    if layout.samples == 1:
        return pixels.reshape(layout.rows, layout.columns)
    return pixels.reshape(layout.samples, layout.rows, layout.columns).transpose(1, 2, 0)


_DECODERS: Final[dict[str, Callable[[bytes, Layout], NDArray[Any]]]] = {
    "jpeg": _by_imagecodecs_jpeg,
    "jpeg_ls": _by_imagecodecs_jpeg_ls,
    "jpeg_2000": _by_imagecodecs_jpeg_2000,
    "rle": _rle,
}


def _by_plugins(raw: bytes, layout: Layout, syntax: str) -> NDArray[Any]:
    """Decode by whatever pydicom finds installed."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    try:
        decoder = get_decoder(UID(syntax))
    except NotImplementedError as exc:
        raise ImportError(str(exc)) from exc
    if not decoder.is_available:
        raise ImportError(f"no decoder of {syntax} is installed")
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(syntax)
    data.Rows, data.Columns, data.SamplesPerPixel = layout.rows, layout.columns, layout.samples
    data.BitsAllocated, data.BitsStored, data.HighBit = layout.allocated, layout.stored, layout.high_bit
    data.PixelRepresentation, data.PhotometricInterpretation = int(layout.is_signed), layout.photometric
    if layout.samples > 1:
        data.PlanarConfiguration = layout.planar
    data.PixelData = encapsulate([raw])
    pixels, _ = decoder.as_array(data, raw=layout.samples == 1)
    return np.asarray(pixels) if layout.samples == 1 else luminance(pixels)


# ------------------------------------------------------------------------------------------------------- stored values


def _finished(pixels: NDArray[Any], layout: Layout, *, is_clipped: bool) -> NDArray[Any]:
    """Return the bits stored alone, signed where they are; colour as luminance.

    Bits beside them may hold an overlay and are masked; a lossy coding overshoots the range and is clipped.
    """
    if pixels.ndim == 3:
        return _luminance(pixels, layout)
    if layout.photometric in _COLOUR:
        return pixels
    low, high = (
        (-(1 << layout.stored - 1), (1 << layout.stored - 1) - 1) if layout.is_signed else (0, (1 << layout.stored) - 1)
    )
    kind = np.dtype(np.int16) if layout.is_signed else np.dtype(np.uint8 if layout.allocated == 8 else np.uint16)
    if pixels.dtype.kind == "i":
        pixels = np.clip(pixels, low, high)
        return pixels.astype(kind)
    if is_clipped and not layout.is_signed:
        pixels = np.minimum(pixels, high)
        return pixels.astype(kind, copy=False)
    bits = pixels if layout.high_bit == layout.stored - 1 else pixels >> (layout.high_bit + 1 - layout.stored)
    if layout.is_signed:
        # Shifted up to bit 15, where int16 has its sign, and back.
        up = 16 - layout.stored
        extended: NDArray[Any] = (bits.astype(np.uint16) << up).view(np.int16) >> up
        return extended
    # To look for bits beside the stored takes less than half of what masking takes, which needs a copy.
    is_clean = layout.stored == layout.allocated or bits.max() <= high
    masked: NDArray[Any] = bits if is_clean else bits & bits.dtype.type(high)
    return masked


def _luminance(pixels: NDArray[Any], layout: Layout) -> NDArray[Any]:
    if layout.photometric in ("YBR_FULL", "YBR_FULL_422"):
        return np.ascontiguousarray(pixels[..., 0])
    return luminance(pixels)


def luminance(colours: NDArray[Any]) -> NDArray[Any]:
    """Return Y of (rows, columns, 3 or 4) red, green and blue, in their own type (Rec. 601)."""
    grey = colours[..., 0] * 0.299 + colours[..., 1] * 0.587 + colours[..., 2] * 0.114
    return np.rint(grey).astype(colours.dtype)
