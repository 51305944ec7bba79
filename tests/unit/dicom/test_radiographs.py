"""What a radiograph's header says, each transfer syntax, pictures, and files that are wrong."""

from __future__ import annotations

import pickle
import sys
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

import ecg_engine as ee
from ecg_engine.dicom import pixels as px
from ecg_engine.dicom import radiographs
from ecg_engine.dicom.radiographs import read_radiograph
from ecg_engine.errors import (
    CorruptFormatError,
    EcgEngineError,
    FormatError,
    InputError,
    MissingDependencyError,
    UnknownFormatError,
    UnsupportedFormatError,
)
from ecg_engine.types import Radiograph, Window

J = "1.2.840.10008.1.2.4."
RLE = "1.2.840.10008.1.2.5"


def j2k(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", bitspersample=12))


ENCODERS = {
    J + "70": lambda a: bytes(imagecodecs.jpeg8_encode(a, lossless=True, predictor=1, bitspersample=12)),
    J + "57": lambda a: bytes(imagecodecs.jpeg8_encode(a, lossless=True, predictor=4, bitspersample=12)),
    J + "80": lambda a: bytes(imagecodecs.jpegls_encode(a)),
    J + "90": j2k,
    J + "201": lambda a: bytes(imagecodecs.htj2k_encode(a)),
    J + "202": lambda a: bytes(imagecodecs.htj2k_encode(a)),
}


def codes(image: Radiograph) -> set[str]:
    return {note.code for note in image.notes}


# -------------------------------------------------------------------------------------------------------------- header


def test_what_the_header_says(make: Any, pixels: np.ndarray) -> None:
    path = make(
        ViewPosition="PA", ImageLaterality="U", BodyPartExamined="CHEST", PatientAge="061Y", PatientSex="F",
        PixelSpacing=["0.14", "0.15"], ImagerPixelSpacing=["0.2", "0.2"], WindowCenter=["2000", "100"],
        WindowWidth=["3000", "50"], BurnedInAnnotation="NO", PhotometricInterpretation="MONOCHROME1",
        PresentationLUTShape="INVERSE",
    )  # fmt: skip
    image = ee.read_radiograph(path)
    assert isinstance(image, ee.Radiograph)
    np.testing.assert_array_equal(image.stored, pixels)
    assert not image.stored.flags.writeable
    assert (image.view, image.laterality, image.body_part, image.modality) == ("PA", "U", "CHEST", "DX")
    assert (image.age_years, image.sex, image.burned_in) == (61.0, "F", False)
    assert (image.spacing_mm, image.spacing_source) == ((0.14, 0.15), "PixelSpacing")
    assert image.windows == (Window(center=2000, width=3000), Window(center=100, width=50))
    assert (image.study_uid, image.series_uid, image.sop_instance_uid) == ("1.2.3", "1.2.3.1", "1.2.3.4")
    assert image.is_inverted and image.notes == ()
    assert "Secret" not in repr(image) and "SECRET" not in repr(image)
    again = pickle.loads(pickle.dumps(image))
    assert not again.stored.flags.writeable and (again.display() == image.display()).all()


@pytest.mark.parametrize(
    ("attributes", "spacing", "source"),
    [
        ({"PixelSpacing": ["0.2", "0.2"], "ImagerPixelSpacing": ["0.2", "0.2"]}, (0.2, 0.2), "ImagerPixelSpacing"),
        ({"ImagerPixelSpacing": ["0.1", "0.2"]}, (0.1, 0.2), "ImagerPixelSpacing"),
        ({"NominalScannedPixelSpacing": ["0.1", "0.1"]}, (0.1, 0.1), "NominalScannedPixelSpacing"),
        ({"PixelSpacing": ["0", "0"]}, None, None),
        ({"PixelSpacing": ["-1", "1"], "ImagerPixelSpacing": ["0.1", "0.1"]}, (0.1, 0.1), "ImagerPixelSpacing"),
        ({}, None, None),
    ],
)
def test_where_the_spacing_is_from(make: Any, attributes: dict[str, Any], spacing: Any, source: str | None) -> None:
    image = read_radiograph(make(**attributes))
    assert (image.spacing_mm, image.spacing_source) == (spacing, source)
    assert ("spacing_unknown" in codes(image)) == (spacing is None)


def test_a_view_from_its_code_and_an_age_from_two_dates(make: Any) -> None:
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "399348003", "SCT", "antero-posterior"
    image = read_radiograph(make(ViewCodeSequence=[view], PatientBirthDate="19800101", StudyDate="20200701"))
    assert image.view == "AP" and image.age_years == pytest.approx(40.5, abs=0.01)
    image = read_radiograph(make(ViewPosition="AP"), view="pa", age_years=33)
    assert image.view == "PA" and image.age_years == 33.0


def test_padding_is_black_and_outside_the_window_of_the_range(make: Any, pixels: np.ndarray) -> None:
    padded = pixels.copy()
    padded[:5] = 4095
    path = make(PixelData=padded.tobytes(), PixelPaddingValue=4095, PhotometricInterpretation="MONOCHROME1")
    image = read_radiograph(path)
    shown = image.display()
    assert image.padding == (4095, 4095) and (shown[:5] == 0).all()
    assert shown[5:].min() == 0 and shown[5:].max() == 255
    assert "window_from_range" in codes(image)
    low, high = int(pixels[5:].min()), int(pixels[5:].max())
    np.testing.assert_allclose(shown[5:], 255 * (1 - (pixels[5:] - float(low)) / (high - low)), atol=0.51)


def test_padding_of_signed_pixels_written_as_unsigned(make: Any) -> None:
    path = make(PixelRepresentation=1)
    data = pydicom.dcmread(path)
    data.add_new("PixelPaddingValue", "US", 65536 - 2000)
    data.save_as(path)
    assert read_radiograph(path).padding == (-2000, -2000)


def test_windows_that_nobody_can_apply_are_said(make: Any) -> None:
    image = read_radiograph(make(WindowCenter=["100", "5"], WindowWidth=["0", "20"]))
    assert image.windows == (Window(center=5, width=20),) and "window_ignored" in codes(image)


def test_a_shape_that_contradicts_the_photometric_interpretation_is_said(make: Any) -> None:
    image = read_radiograph(make(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="IDENTITY"))
    assert "presentation_contradiction" in codes(image) and not image.is_inverted


def test_overlays_are_noticed_and_their_bits_masked(make: Any, pixels: np.ndarray) -> None:
    def add(path: Path) -> None:
        data = pydicom.dcmread(path)
        data.add_new((0x6000, 0x0010), "US", 40)
        data.add_new((0x6000, 0x0011), "US", 48)
        data.PixelData = (pixels | 0x8000).tobytes()
        data.save_as(path)

    add(path := make())
    image = read_radiograph(path)
    assert image.overlays == ("6000",)
    np.testing.assert_array_equal(image.stored, pixels)


def test_the_sign_stands_in_the_highest_stored_bit(make: Any, pixels: np.ndarray) -> None:
    values = pixels.astype(np.int16) - 2048
    image = read_radiograph(make(PixelRepresentation=1, PixelData=(values & 0x0FFF).astype("<u2").tobytes()))
    assert image.stored.dtype == np.int16
    np.testing.assert_array_equal(image.stored, values)


@pytest.mark.parametrize(("vr", "packed"), [("OW", bytes([0, 50, 100, 255])), ("US", [50 << 8, 255 << 8 | 100])])
def test_packed_entries_of_8_bits(vr: str, packed: Any, make: Any) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4, 10, 8])
    item.add_new("LUTData", vr, packed)
    item.ModalityLUTType = "US"
    image = read_radiograph(make(ModalityLUTSequence=[item]))
    assert image.modality_table is not None and image.modality_table.data.tolist() == [0, 50, 100, 255]


def test_one_frame_of_several(make: Any, pixels: np.ndarray) -> None:
    path = make(NumberOfFrames=2, PixelData=pixels.tobytes() + (pixels + 1).tobytes())
    np.testing.assert_array_equal(read_radiograph(path, frame=1).stored, pixels + 1)
    assert read_radiograph(path).n_frames == 2
    with pytest.raises(InputError, match="frame: 2 is not among the 2"):
        read_radiograph(path, frame=2)


def test_one_compressed_frame_of_several(make: Any, pixels: np.ndarray) -> None:
    both = encapsulate([ENCODERS[J + "80"](pixels), ENCODERS[J + "80"](pixels + 1)])
    path = make(syntax=J + "80", frame=bytes(4), NumberOfFrames=2, PixelData=both)
    np.testing.assert_array_equal(read_radiograph(path, frame=1).stored, pixels + 1)


# --------------------------------------------------------------------------------------------------- transfer syntaxes


@pytest.mark.parametrize("syntax", ENCODERS)
def test_a_lossless_syntax_gives_the_same_pixels(syntax: str, make: Any, pixels: np.ndarray) -> None:
    image = read_radiograph(make(syntax=syntax, frame=ENCODERS[syntax](pixels)))
    np.testing.assert_array_equal(image.stored, pixels)
    assert image.transfer_syntax == syntax and image.stored.dtype == np.uint16


@pytest.mark.parametrize(("syntax", "decoder"), [(J + "201", "pylibjpeg"), (J + "80", "gdcm"), (J + "70", "gdcm")])
def test_without_imagecodecs_the_plugins_decode(
    syntax: str, decoder: str, make: Any, pixels: np.ndarray, monkeypatch: Any
) -> None:
    pytest.importorskip("openjpeg" if decoder == "pylibjpeg" else decoder, reason=f"{decoder} is not installed")
    path = make(syntax=syntax, frame=ENCODERS[syntax](pixels))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    np.testing.assert_array_equal(read_radiograph(path).stored, pixels)


def test_without_any_decoder_the_error_says_what_to_install(make: Any, pixels: np.ndarray, monkeypatch: Any) -> None:
    path = make(syntax=J + "90", frame=j2k(pixels))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    monkeypatch.setattr(pydicom.pixels.decoders.base.Decoder, "is_available", property(lambda _: False))
    with pytest.raises(MissingDependencyError, match=r"ecg_engine\[dicom\]"):
        read_radiograph(path)


def test_a_file_without_preamble(make: Any, pixels: np.ndarray, tmp_path: Path) -> None:
    data = pydicom.dcmread(make())
    del data.file_meta, data.preamble
    pydicom.dcmwrite(tmp_path / "bare", data, implicit_vr=True, little_endian=True)
    np.testing.assert_array_equal(read_radiograph(tmp_path / "bare").stored, pixels)


# ------------------------------------------------------------------------------------------------------------ pictures


def test_pictures(tmp_path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels * 16).save(tmp_path / "a.png")
    image = read_radiograph(tmp_path / "a.png", view="PA", age_years=50)
    np.testing.assert_array_equal(image.stored, pixels * 16)
    assert (image.view, image.age_years, image.spacing_mm, image.bits_stored) == ("PA", 50.0, None, 16)
    assert codes(image) == {"picture_greys_unknown", "spacing_unknown"}
    colour = np.dstack([pixels >> 4, pixels >> 5, pixels >> 6]).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "b.png")
    image = read_radiograph(tmp_path / "b.png")
    np.testing.assert_allclose(image.display(), colour @ [0.299, 0.587, 0.114], atol=1)
    assert "colour_to_luminance" in codes(image)
    grey = Image.fromarray((pixels >> 4).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # stands on its side
    grey.save(tmp_path / "c.jpg", quality=100, exif=exif)
    turned = read_radiograph(tmp_path / "c.jpg")
    np.testing.assert_allclose(turned.stored.astype(int), np.rot90(pixels >> 4, -1).astype(int), atol=3)


def test_pictures_that_are_wrong(tmp_path: Path, pixels: np.ndarray, monkeypatch: Any) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFormatError, match="cut off or damaged"):
        read_radiograph(tmp_path / "cut.png")
    with pytest.raises(InputError, match="frame"):
        read_radiograph(tmp_path / "a.png", frame=1)
    monkeypatch.setattr(px, "MAX_PIXELS", 1000)
    with pytest.raises(UnsupportedFormatError, match="more than 1000"):
        read_radiograph(tmp_path / "a.png")


# --------------------------------------------------------------------------------------------------------- wrong files


@pytest.mark.parametrize(
    ("attributes", "kind", "match"),
    [
        ({"Rows": 60000, "Columns": 60000}, UnsupportedFormatError, r"\(0028,0010\).*60000 x 60000"),
        ({"Rows": 0}, CorruptFormatError, r"\(0028,0010\)"),
        ({"Rows": None}, CorruptFormatError, r"Rows \(0028,0010\) is absent"),
        ({"BitsStored": 20, "HighBit": 19}, CorruptFormatError, r"\(0028,0101\) 20"),
        ({"HighBit": 16}, CorruptFormatError, r"\(0028,0102\) 16"),
        ({"BitsAllocated": 32}, UnsupportedFormatError, r"\(0028,0100\) is 32"),
        ({"Rows": 41}, CorruptFormatError, r"\(7FE0,0010\) holds 3840 bytes .* 3936"),
        ({"NumberOfFrames": 3}, CorruptFormatError, r"\(7FE0,0010\) holds"),
        ({"NumberOfFrames": -3}, CorruptFormatError, r"\(0028,0008\)"),
        ({"SamplesPerPixel": 3}, CorruptFormatError, r"\(0028,0002\)"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, UnsupportedFormatError, "colour table"),
        ({"PhotometricInterpretation": "CMYK"}, UnsupportedFormatError, "CMYK"),
        ({"PhotometricInterpretation": None}, UnsupportedFormatError, "absent"),
        ({"PixelData": None}, UnsupportedFormatError, "Pixel Data .* is absent"),
    ],
)
def test_wrong_headers(attributes: dict[str, Any], kind: type[FormatError], match: str, make: Any) -> None:
    frame = 2 if attributes.get("NumberOfFrames", 0) > 0 else 0
    with pytest.raises(kind, match=match) as caught:
        read_radiograph(make(**attributes), frame=frame)
    assert caught.value.path is not None
    assert "secret" not in str(caught.value).lower()


@pytest.mark.parametrize("syntax", [J + "70", J + "80", J + "90", J + "201"])
def test_a_stream_that_breaks_off_is_no_picture(syntax: str, make: Any, pixels: np.ndarray) -> None:
    whole = ENCODERS[syntax](pixels)
    with pytest.raises(CorruptFormatError, match="breaks off"):
        read_radiograph(make(syntax=syntax, frame=whole[: len(whole) * 2 // 3]))


@pytest.mark.parametrize("syntax", [J + "70", J + "80", J + "90", J + "201"])
def test_a_stream_of_another_size_is_refused_before_it_is_decoded(syntax: str, make: Any, pixels: np.ndarray) -> None:
    with pytest.raises(CorruptFormatError, match="stream of 80 x 48"):
        read_radiograph(make(syntax=syntax, frame=ENCODERS[syntax](np.vstack([pixels, pixels]))))


def test_a_file_that_breaks_off_in_a_fragment(make: Any, pixels: np.ndarray) -> None:
    path = make(syntax=J + "90", frame=j2k(pixels))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptFormatError, match="middle of a fragment"):
        read_radiograph(path)


def test_a_few_bytes_of_rle_do_not_take_memory(make: Any) -> None:
    with pytest.raises(CorruptFormatError, match="too few bytes"):
        read_radiograph(make(syntax=RLE, frame=bytes(100), Rows=9000, Columns=9000))


def test_a_stream_of_another_kind(make: Any) -> None:
    with pytest.raises(CorruptFormatError, match="no JPEG 2000 stream"):
        read_radiograph(make(syntax=J + "90", frame=bytes(100)))


def test_a_transfer_syntax_that_nobody_reads(make: Any) -> None:
    with pytest.raises(UnsupportedFormatError, match=r"4\.102"):
        read_radiograph(make(syntax=J + "102", frame=bytes(100)))


def test_a_deflate_bomb_stops_at_its_bound(make: Any, monkeypatch: Any) -> None:
    head = make(syntax=px.DEFLATED).read_bytes()
    start = 144 + int.from_bytes(head[140:144], "little")
    path = make("bomb.dcm")
    path.write_bytes(head[:start] + zlib.compress(bytes(50_000_000), wbits=-15))
    monkeypatch.setattr(radiographs, "_MAX_INFLATED", 1 << 20)
    with pytest.raises(UnsupportedFormatError, match="more than 1 MiB"):
        read_radiograph(path)
    path.write_bytes(head[:-20])
    with pytest.raises(CorruptFormatError, match="breaks off"):
        read_radiograph(path)


def test_what_is_no_radiograph(tmp_path: Path, make: Any) -> None:
    (tmp_path / "note.txt").write_text("no image here, only words; " * 20)
    (tmp_path / "empty").write_bytes(b"")
    for name in ("note.txt", "empty"):
        with pytest.raises(UnknownFormatError, match="neither DICOM nor PNG nor JPEG"):
            read_radiograph(tmp_path / name)
    with pytest.raises(InputError, match="folder"):
        read_radiograph(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_radiograph(tmp_path / "absent.dcm")
    with pytest.raises(UnsupportedFormatError, match="without an image"):
        read_radiograph(make(Rows=None, PhotometricInterpretation=None, PixelData=None))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", px.DEFLATED, J + "70", J + "80", J + "90"])
def test_damaged_files_end_in_our_errors(syntax: str, make: Any, pixels: np.ndarray) -> None:
    path = make(syntax=syntax, frame=ENCODERS[syntax](pixels) if syntax in ENCODERS else None)
    whole = path.read_bytes()
    rng = np.random.default_rng(11)
    for _ in range(150):
        damaged = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.3 else whole)
        for at in rng.integers(0, len(damaged), rng.integers(0, 12)):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read_radiograph(path).display()
        except EcgEngineError as exc:
            assert "secret" not in str(exc).lower()
