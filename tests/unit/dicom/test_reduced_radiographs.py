"""JPEG 2000 and HTJ2K at a lower resolution: means of the full picture, and the full one where they would not be."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image

from ecg_engine.dicom import codestreams as cs
from ecg_engine.dicom.radiographs import read_radiograph
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.types import Radiograph

J = "1.2.840.10008.1.2.4."


def j2k(pixels: np.ndarray, bits: int, **more: Any) -> bytes:
    how = {"level": 0, "reversible": True, "codecformat": "j2k", "bitspersample": bits, **more}
    return bytes(imagecodecs.jpeg2k_encode(pixels, **how))


def htj2k(pixels: np.ndarray, **more: Any) -> bytes:
    return bytes(imagecodecs.htj2k_encode(pixels, **more))


#: What an encoder makes of a picture; the lossy ones keep some 50 dB.
CODINGS = {
    "JPEG 2000": (J + "90", lambda a, bits: j2k(a, bits)),
    "JPEG 2000 lossy": (J + "91", lambda a, bits: j2k(a, bits, level=50, reversible=False)),
    "JPEG 2000 in a JP2": (J + "90", lambda a, bits: j2k(a, bits, codecformat="jp2")),
    "HTJ2K": (J + "201", lambda a, _: htj2k(a)),
    "HTJ2K in tiles": (J + "202", lambda a, _: htj2k(a, tile=(100, 60))),
    "HTJ2K lossy": (J + "203", lambda a, _: htj2k(a, level=0.001, reversible=False)),
}
KINDS = {
    "8": (8, np.uint8), "8 signed": (8, np.int8), "10": (10, np.uint16), "12": (12, np.uint16),
    "12 signed": (12, np.int16), "16": (16, np.uint16), "16 signed": (16, np.int16),
}  # fmt: skip
#: Odd sides, a multiple of 4, and sides that Pillow alone would round down.
SHAPES = [(401, 335), (400, 336), (393, 401)]


def chest(shape: tuple[int, int], bits: int, kind: Any) -> np.ndarray:
    """Smooth waves, an edge from end to end of the range, a black and a white corner, some noise."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = 0.5 + 0.3 * np.sin(x / 70) * np.cos(y / 50) + np.random.default_rng(3).normal(0, 0.004, shape)
    wave[:40, :40], wave[:40, 40:80] = 0, 1
    wave[-30:, -30:] = 1
    low = -(1 << bits - 1) if np.dtype(kind).kind == "i" else 0
    return np.clip(np.rint(wave * ((1 << bits) - 1)) + low, low, low + (1 << bits) - 1).astype(kind)


def attributes(pixels: np.ndarray, bits: int) -> dict[str, Any]:
    is_signed = pixels.dtype.kind == "i"
    return {
        "Rows": pixels.shape[0], "Columns": pixels.shape[1], "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(is_signed), "PixelSpacing": ["0.1", "0.2"],
        "WindowCenter": str(0 if is_signed else 1 << bits - 1), "WindowWidth": str(1 << bits),
    }  # fmt: skip


def apart(whole: Radiograph, reduced: Radiograph) -> float:
    """The mean difference of the reduced picture's greys from the box means of the whole one's, over the range."""
    rows, columns = (side // reduced.reduction for side in whole.shape)
    shown = whole.display()[: rows * reduced.reduction, : columns * reduced.reduction].astype(float)
    boxes = shown.reshape(rows, reduced.reduction, columns, reduced.reduction).mean((1, 3))
    return float(np.abs(reduced.display()[:rows, :columns] - boxes).mean() / 255)


# --------------------------------------------------------------------------------------------- the mean of the picture


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coding", CODINGS)
def test_the_greys_are_the_means_of_the_whole_picture(coding: str, kind: str, photometric: str, make: Any) -> None:
    syntax, encode = CODINGS[coding]
    bits, dtype = KINDS[kind]
    for shape in SHAPES:
        pixels = chest(shape, bits, dtype)
        path = make(
            syntax=syntax, frame=encode(pixels, bits), PhotometricInterpretation=photometric, **attributes(pixels, bits)
        )
        whole, reduced = read_radiograph(path), read_radiograph(path, least_side=100)
        assert (whole.reduction, whole.shape, whole.spacing_mm) == (1, shape, (0.1, 0.2))
        assert (reduced.reduction, reduced.full_shape) == (4, shape)
        assert reduced.shape == tuple(-(-side // 4) for side in shape)
        assert reduced.spacing_mm == pytest.approx((0.4, 0.8))
        assert reduced.stored.dtype == whole.stored.dtype
        assert apart(whole, reduced) < 0.01
        # Black beside white overshoots; nothing may come round to the other end of the range.
        np.testing.assert_allclose(reduced.display()[1:9, 1:9], whole.display()[20, 20], atol=40)
        np.testing.assert_allclose(reduced.display()[1:9, 11:19], whole.display()[20, 60], atol=40)


@pytest.mark.parametrize("coding", ["JPEG 2000", "HTJ2K"])
def test_a_reduced_pixel_is_centred_on_the_first_of_its_block(coding: str, make: Any) -> None:
    ramp = (10 * np.add(*np.mgrid[:161, :133])).astype(np.uint16)
    syntax, encode = CODINGS[coding]
    path = make(syntax=syntax, frame=encode(ramp, 12), **attributes(ramp, 12))
    reduced = read_radiograph(path, least_side=40)
    np.testing.assert_allclose(reduced.stored[2:-2, 2:-2], ramp[::4, ::4][2:-2, 2:-2], atol=2)


def test_the_lowest_resolution_that_keeps_the_longer_side(make: Any) -> None:
    pixels = chest((201, 167), 12, np.uint16)
    path = make(syntax=J + "90", frame=j2k(pixels, 12, resolutions=4), **attributes(pixels, 12))
    sides = {201: 1, 101: 2, 102: 1, 51: 4, 52: 2, 26: 8, 1: 8, 5000: 1}
    found = {side: read_radiograph(path, least_side=side).reduction for side in sides}
    assert found == sides


@pytest.mark.parametrize(("resolutions", "reduction"), [(1, 1), (2, 2), (3, 4)])
def test_no_lower_resolution_than_the_codestream_has(resolutions: int, reduction: int, make: Any) -> None:
    pixels = chest((201, 167), 12, np.uint16)
    frame = j2k(pixels, 12, resolutions=resolutions)
    stream = cs.jpeg_2000_stream(frame)
    assert stream is not None and stream.levels == resolutions - 1
    path = make(syntax=J + "90", frame=frame, **attributes(pixels, 12))
    assert read_radiograph(path, least_side=1).reduction == reduction


def test_coc_may_allow_fewer_levels_than_cod() -> None:
    whole = j2k(chest((64, 64), 12, np.uint16), 12)
    at = whole.index(b"\xff\x52")
    end = at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
    coc = b"\xff\x53" + (9).to_bytes(2, "big") + bytes([0, 0, 2, 4, 4, 0, 1])  # T.800 A.6.2
    stream = cs.jpeg_2000_stream(whole[:end] + coc + whole[end:])
    assert stream is not None and stream.levels == 2


def test_a_side_of_less_than_a_pixel(make: Any) -> None:
    with pytest.raises(InputError, match="least_side"):
        read_radiograph(make(), least_side=0)


# ---------------------------------------------------------------------------------------------------- what stays whole


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", J + "80", J + "70"])
def test_other_codings_are_decoded_whole(syntax: str, make: Any, pixels: np.ndarray) -> None:
    encode = {J + "80": imagecodecs.jpegls_encode, J + "70": lambda a: imagecodecs.jpeg8_encode(a, lossless=True)}
    frame = bytes(encode[syntax](pixels)) if syntax in encode else None
    image = read_radiograph(make(syntax=syntax, frame=frame), least_side=4)
    assert image.reduction == 1 and image.full_shape == image.shape
    np.testing.assert_array_equal(image.stored, pixels)


def test_colour_is_decoded_whole(make: Any) -> None:
    colour = np.dstack([chest((80, 64), 8, np.uint8)] * 3)
    more = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}
    path = make(
        syntax=J + "90", frame=j2k(colour, 8, colorspace="SRGB", mct=False), **{**attributes(colour[..., 0], 8), **more}
    )
    assert read_radiograph(path, least_side=4).shape == (80, 64)


def test_a_sign_in_a_bit_of_an_unsigned_stream_is_not_averaged(make: Any) -> None:
    values = chest((80, 64), 12, np.int16)
    path = make(syntax=J + "90", frame=j2k((values & 0x0FFF).astype(np.uint16), 12), **attributes(values, 12))
    np.testing.assert_array_equal(read_radiograph(path, least_side=4).stored, values)


def test_an_overlay_in_a_bit_of_the_pixels_is_not_averaged(make: Any) -> None:
    pixels = chest((80, 64), 12, np.uint16)
    marked = pixels.copy()
    marked[20, 5:35] |= 0x1000  # a thin line on black, which averaged would pass for a grey
    path = make(syntax=J + "90", frame=j2k(marked, 16), **attributes(pixels, 12))
    data = pydicom.dcmread(path)
    data.add_new((0x6000, 0x0010), "US", 80)
    data.save_as(path)
    np.testing.assert_array_equal(read_radiograph(path, least_side=40).stored, pixels)


def test_bits_beside_the_stored_that_nobody_mentions_are_not_averaged(make: Any) -> None:
    pixels = chest((80, 64), 12, np.uint16)
    path = make(syntax=J + "201", frame=htj2k(pixels | 0x4000), **attributes(pixels, 12))
    np.testing.assert_array_equal(read_radiograph(path, least_side=4).stored, pixels)


@pytest.mark.parametrize(
    ("padding", "photometric", "has_window", "is_whole"),
    [
        (0, "MONOCHROME2", True, False), (4095, "MONOCHROME1", True, False), (4095, "MONOCHROME2", True, True),
        (0, "MONOCHROME1", True, True), (0, "MONOCHROME2", False, True),
    ],
)  # fmt: skip
def test_padding_is_averaged_only_where_its_value_is_black(
    padding: int, photometric: str, has_window: bool, is_whole: bool, make: Any
) -> None:
    pixels = chest((400, 320), 12, np.uint16)
    pixels[:, :32] = padding
    how = {**attributes(pixels, 12), "PixelPaddingValue": padding, "PhotometricInterpretation": photometric}
    if not has_window:
        del how["WindowCenter"], how["WindowWidth"]
    path = make(syntax=J + "90", frame=j2k(pixels, 12), **how)
    whole, reduced = read_radiograph(path), read_radiograph(path, least_side=100)
    assert (reduced.reduction == 1) == is_whole
    assert (reduced.display()[:, : 24 // reduced.reduction] == 0).all()
    assert apart(whole, reduced) < 0.01


def test_where_a_lower_resolution_cannot_be_decoded_the_whole_is(make: Any, monkeypatch: Any) -> None:
    pixels = chest((80, 64), 12, np.uint16)
    path = make(syntax=J + "90", frame=j2k(pixels, 12), **attributes(pixels, 12))
    monkeypatch.setattr(Image, "open", lambda *_, **__: (_ for _ in ()).throw(OSError("built without OpenJPEG")))
    image = read_radiograph(path, least_side=4)
    assert image.reduction == 1
    np.testing.assert_array_equal(image.stored, pixels)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("coding", ["JPEG 2000", "HTJ2K"])
def test_damaged_streams_end_in_our_errors(coding: str, make: Any) -> None:
    pixels = chest((80, 64), 12, np.uint16)
    syntax, encode = CODINGS[coding]
    path = make(syntax=syntax, frame=encode(pixels, 12), **attributes(pixels, 12))
    whole = path.read_bytes()
    start = whole.index(b"\xff\x4f\xff\x51")
    rng = np.random.default_rng(12)
    n_read = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for at in rng.integers(start, len(whole), rng.integers(1, 8)):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_radiograph(path, least_side=20).display()
            n_read += 1
        except EcgEngineError as exc:
            assert "secret" not in str(exc).lower()
    assert n_read > 0


# ---------------------------------------------------------------------------------------------------- facts of a study


def test_what_the_header_says_of_the_study(make: Any) -> None:
    path = make(
        StudyDate="20240229", StudyTime="081502.250000", AccessionNumber="A-17", StudyDescription="Chest, two views",
        SeriesDescription="PA", InstitutionName="Clinic 4",
    )  # fmt: skip
    image = read_radiograph(path)
    facts = ("study_date", "study_time", "accession", "study_description", "series_description", "institution")
    said = ["2024-02-29", "08:15:02", "A-17", "Chest, two views", "PA", "Clinic 4"]
    assert [image.details[fact] for fact in facts] == said
    assert not any(word in repr(image) for word in said)
    assert not set(facts) & set(read_radiograph(make()).details)


@pytest.mark.parametrize(
    ("time", "said"),
    [("08", "08:00:00"), ("0815", "08:15:00"), ("08:15:02", "08:15:02"), ("235960", "23:59:60"), ("2460", None),
     ("8 am", None), ("", None)],
)  # fmt: skip
def test_times_of_the_standard_and_others(time: str, said: str | None, make: Any) -> None:
    assert read_radiograph(make(StudyTime=time)).details.get("study_time") == said


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("level", [0, 5])
def test_means_of_waves_are_those_of_the_full_picture(n: int, level: int) -> None:
    """What a wavelet's low-pass does to a wave of 16 reduced pixels, the flattening undoes; edges are left out."""
    import imagecodecs

    times, side = 1 << n, 768
    x = np.arange(side)
    line = 2048 + 1500 * np.cos(2 * np.pi * x / (16 * times))
    full = np.rint(np.tile(line, (64 * times, 1))).astype(np.uint16)
    raw = imagecodecs.jpeg2k_encode(
        full, reversible=level == 0, level=level and 90, bitspersample=12, codecformat="j2k"
    )
    stream = cs.jpeg_2000_stream(raw)
    assert stream is not None
    assert stream.is_reversible == (level == 0)
    small = cs.decode_smaller(raw, stream, n)
    assert small is not None

    def amplitude(pixels: np.ndarray, block: int, shift: float) -> float:
        """Of means over three reduced pixels, which any later step takes, by the picture as steps of `block`."""
        steps = np.repeat(pixels[len(pixels) // 2].astype(float), block)
        means = np.array([steps[i : i + 3 * times].mean() for i in range(24 * times, side - 24 * times)])
        at = np.arange(24 * times, side - 24 * times) + 1.5 * times - 0.5 - shift
        return 2 * abs((means * np.exp(2j * np.pi * at / (16 * times))).mean())

    expected = amplitude(full, 1, 0.0)
    before = amplitude(small, times, 0.0) / expected - 1
    after = amplitude(cs.flattened(small, n, is_reversible=stream.is_reversible), times, 0.0) / expected - 1
    assert abs(before) > 0.004
    assert abs(after) < abs(before) / 4
