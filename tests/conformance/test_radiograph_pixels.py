"""Pixels and greys beside DCMTK, GDCM and OpenJPH, and the standard's formulas where those do not follow it."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pydicom.data
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from ecg_engine.dicom.codestreams import decode_smaller, jpeg_2000_stream
from ecg_engine.dicom.radiographs import read_radiograph
from ecg_engine.errors import CorruptFormatError, EcgEngineError
from tests.reference import greyscale_twins as twin

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

_J = "1.2.840.10008.1.2.4."
#: DCMTK's tool for each transfer syntax; it has none for JPEG 2000.
TOOLS = {
    _J + "50": "dcmdjpeg", _J + "51": "dcmdjpeg", _J + "57": "dcmdjpeg", _J + "70": "dcmdjpeg",
    _J + "80": "dcmdjpls", _J + "81": "dcmdjpls", "1.2.840.10008.1.2.5": "dcmdrle",
}  # fmt: skip
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")
LOSSY = (_J + "50", _J + "51", _J + "81", _J + "91")
#: In the test set and no radiograph: none of these can be read, and that is right.
BROKEN = {"MR_truncated.dcm", "JPEG2000-embedded-sequence-delimiter.dcm"}


def files() -> list[Path]:
    found = sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm"))
    try:
        more = importlib.metadata.files("pydicom-data") or []
        found += sorted(Path(str(f.locate())) for f in more if f.name.endswith(".dcm"))
    except importlib.metadata.PackageNotFoundError:
        pass
    data = os.environ.get("ECG_ENGINE_DATA")
    return found + (sorted((Path(data) / "cxr" / "dicom").glob("*.dcm")) if data else [])


FILES = files()


def stored_of(data: Any, *, plugin: str = "") -> np.ndarray:
    """The first frame of a data set as pydicom or its plug-in has it, its bits stored alone; colour as luminance."""
    syntax = data.file_meta.TransferSyntaxUID
    pixels, about = pydicom.pixels.get_decoder(syntax).as_array(data, index=0, decoding_plugin=plugin, raw=True)
    if pixels.ndim == 3:
        if about["photometric_interpretation"] in ("YBR_FULL", "YBR_FULL_422"):
            return pixels[..., 0].astype(int)
        return np.rint(pixels @ [0.299, 0.587, 0.114]).astype(int)
    return clipped(pixels, data)


def clipped(pixels: np.ndarray, data: Any) -> np.ndarray:
    stored = int(data.BitsStored)
    low, high = (-(1 << stored - 1), (1 << stored - 1) - 1) if data.PixelRepresentation else (0, (1 << stored) - 1)
    return np.clip(pixels.astype(int), low, high)


def as_dcmtk_left_it(data: Any) -> np.ndarray:
    """The first frame of what DCMTK decoded."""
    if data.SamplesPerPixel == 3:
        return stored_of(data)
    kind = f"<{'i' if data.PixelRepresentation else 'u'}{data.BitsAllocated // 8}"
    pixels = np.frombuffer(data.PixelData, kind, count=data.Rows * data.Columns)
    return clipped(pixels.reshape(data.Rows, data.Columns), data)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_pixels_are_those_of_dcmtk_or_gdcm(path: Path, tmp_path: Path) -> None:
    try:
        ours = read_radiograph(path)
    except EcgEngineError as exc:
        assert not isinstance(exc, CorruptFormatError) or path.name in BROKEN
        pytest.skip(f"not read: {type(exc).__name__}")
    data = pydicom.dcmread(path, force=True)
    syntax = ours.transfer_syntax or ""
    tool = TOOLS.get(syntax)
    is_colour = any(note.code == "colour_to_luminance" for note in ours.notes)
    if syntax in NATIVE:
        if "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = syntax
        theirs = stored_of(data)
    elif tool is not None:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        out = tmp_path / "native.dcm"
        never = ["+cn"] if tool == "dcmdjpeg" else []
        done = subprocess.run([tool, *never, str(path), str(out)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"{tool} cannot decode it: {done.stderr.strip()[-200:]}")
        theirs = as_dcmtk_left_it(pydicom.dcmread(out))
    else:
        pytest.importorskip("gdcm", reason="python-gdcm is not installed")
        try:
            theirs = stored_of(data, plugin="gdcm")
        except Exception as exc:
            pytest.skip(f"GDCM cannot decode it: {exc}")
    apart = np.abs(ours.stored.astype(int) - theirs)
    within = 1 if syntax in LOSSY or is_colour else 0
    assert apart.max() <= within, f"{(apart > within).mean():.4f} of the pixels, by {apart.max()}"


# -------------------------------------------------------------------------------------------------------------- greys

BITS = [(8, False), (8, True), (10, False), (12, False), (12, True), (15, False), (16, False), (16, True)]
MODALITIES = ("none", "rescale", "table")
VOIS = ("LINEAR", "LINEAR_EXACT", "SIGMOID", "table")
SHAPES = ("", "IDENTITY", "INVERSE")


def table_item(length: int, first: int, bits: int, values: np.ndarray, is_signed: bool) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if is_signed else "US", [length if length < 65536 else 0, first, bits])
    item.add_new("LUTData", "US", [int(v) for v in values])
    return item


def image(bits: int, is_signed: bool, modality: str, voi: str, shape: str, photometric: str) -> tuple[Any, Any, Any]:
    """A data set whose pixels go through the whole range, and its transformations as the twin takes them."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    values = np.linspace(low, high, 64 * 64).round().astype(int)
    allocated = 8 if bits == 8 else 16
    kind = np.dtype(f"<{'i' if is_signed else 'u'}{allocated // 8}")
    data = FileDataset("", {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=["grey"])
    data.Modality, data.Rows, data.Columns, data.SamplesPerPixel = "DX", 64, 64, 1
    data.PhotometricInterpretation, data.PixelRepresentation = photometric, int(is_signed)
    data.BitsAllocated, data.BitsStored, data.HighBit = allocated, bits, bits - 1
    data.PixelData = (values & ((1 << bits) - 1 if not is_signed else -1)).astype(kind).tobytes()
    span = high - low
    slope = 1.0 if bits == 16 else 2.0
    how: tuple[Any, ...] = ("rescale", 1.0, 0.0)
    if modality == "rescale":
        # A whole slope: DCMTK rounds what the rescale leaves, the standard does not.
        how = ("rescale", slope, -37.0)
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = str(slope), "-37", "US"
    elif modality == "table":
        n = min(span + 1, 4096)
        first = low + (span + 1 - n) // 2
        entries = np.round(65535 * np.sqrt(np.arange(n) / (n - 1))).astype(int)
        how = ("table", first, entries)
        data.ModalityLUTSequence = Sequence([table_item(n, first, 16, entries, is_signed)])
        data.ModalityLUTSequence[0].ModalityLUTType = "US"
    out_low = {"none": low, "rescale": low * slope - 37, "table": 0}[modality]
    out_span = {"none": span, "rescale": span * slope, "table": 65535}[modality]
    if voi == "table":
        n = 1024
        first = int(out_low + out_span * 0.2)
        entries = np.round(4095 * (np.arange(n) / (n - 1)) ** 2).astype(int)
        window: tuple[Any, ...] = ("table", first, 12, entries)
        data.VOILUTSequence = Sequence([table_item(n, first, 12, entries, first < 0)])
    else:
        center, width = round(out_low + out_span * 0.45), round(out_span * 0.6)
        window = (voi, float(center), float(width))
        data.WindowCenter, data.WindowWidth, data.VOILUTFunction = str(center), str(width), voi
    if shape:
        data.PresentationLUTShape = shape
    return data, how, window


def expected(data: Any, how: Any, voi: Any) -> np.ndarray:
    inverted = {"IDENTITY": False, "INVERSE": True, "": data.PhotometricInterpretation == "MONOCHROME1"}[
        data.get("PresentationLUTShape", "")
    ]
    bits, is_signed = int(data.BitsStored), bool(data.PixelRepresentation)
    kind = f"<{'i' if is_signed else 'u'}{data.BitsAllocated // 8}"
    values = np.frombuffer(data.PixelData, kind).astype(int)
    assert values.max() < 1 << bits
    return np.array([255 * twin.grey(v, modality=how, voi=voi, is_inverted=inverted) for v in values]).reshape(64, 64)


CASES = list(itertools.product(BITS, MODALITIES, VOIS, SHAPES, ("MONOCHROME1", "MONOCHROME2")))


@pytest.mark.parametrize(
    ("bits", "modality", "voi", "shape", "photometric"), CASES,
    ids=["-".join((f"{'s' if b[1] else 'u'}{b[0]}", *rest)) for b, *rest in CASES],
)  # fmt: skip
def test_greys_are_the_standards_and_dcmtks(
    bits: Any, modality: str, voi: str, shape: str, photometric: str, tmp_path: Path
) -> None:
    data, how, window = image(*bits, modality, voi, shape, photometric)
    path = tmp_path / "a.dcm"
    data.save_as(path, enforce_file_format=True)
    ours = read_radiograph(path).display().astype(int)
    np.testing.assert_allclose(ours, expected(data, how, window), atol=0.501)
    if shutil.which("dcm2pnm") is None:
        pytest.skip("dcm2pnm is not installed; compared with the standard's formula only")
    if voi == "LINEAR_EXACT":
        return  # dcm2pnm 3.6.7 takes it for LINEAR
    chosen = ["+Wl", "1"] if voi == "table" else ["+Wi", "1"]
    subprocess.run(["dcm2pnm", "-q", "+opb", *chosen, str(path), str(tmp_path / "a.pgm")], check=True)
    theirs = pgm(tmp_path / "a.pgm")
    assert np.abs(ours - theirs).max() <= 1


def test_what_dcmtk_rounds_is_the_standards(tmp_path: Path) -> None:
    # A slope of 1/2 over 256 values: DCMTK would round to 128 greys, so that only the formula judges.
    data, _, _ = image(8, False, "rescale", "LINEAR", "", "MONOCHROME2")
    data.RescaleSlope, data.WindowCenter, data.WindowWidth = "0.5", "20", "60"
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    ours = read_radiograph(tmp_path / "a.dcm").display()
    wanted = expected(data, ("rescale", 0.5, -37.0), ("LINEAR", 20.0, 60.0))
    np.testing.assert_allclose(ours.astype(int), wanted, atol=0.501)


#: How DCMTK writes the same image in other words; the last says whether nothing is lost.
WAYS = {
    "implicit": ("dcmconv", "+ti", True), "big endian": ("dcmconv", "+tb", True), "deflated": ("dcmconv", "+td", True),
    "no meta information": ("dcmconv", "-F", True), "JPEG lossless": ("dcmcjpeg", "+el", True),
    "JPEG lossless SV1": ("dcmcjpeg", "+e1", True), "JPEG extended": ("dcmcjpeg", "+ee", False),
    "JPEG baseline": ("dcmcjpeg", "+eb", False), "JPEG-LS": ("dcmcjpls", "+el", True),
    "JPEG-LS near": ("dcmcjpls", "+en", False), "RLE": ("dcmcrle", "", True),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("bits", "is_signed"), [(8, False), (12, False), (16, False), (16, True)])
def test_what_dcmtk_encodes_is_read(way: str, bits: int, is_signed: bool, tmp_path: Path) -> None:
    tool, option, is_lossless = WAYS[way]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    if (way == "JPEG baseline" and bits != 8) or (way == "JPEG extended" and bits != 12):
        pytest.skip("the coding has no such pixels")
    if way == "JPEG-LS near" and is_signed:
        pytest.skip("dcmcjpls refuses signed pixels")
    data, _, _ = image(bits, is_signed, "none", "LINEAR", "", "MONOCHROME2")
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    before = read_radiograph(tmp_path / "a.dcm").stored.astype(int)
    command = [tool, *filter(None, [option]), str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm")]
    subprocess.run(command, check=True, capture_output=True)
    after = read_radiograph(tmp_path / "b.dcm").stored.astype(int)
    near = {"JPEG-LS near": 2}.get(way, 3 * 2 ** (bits - 8))
    assert np.abs(after - before).max() <= (0 if is_lossless else near)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_greys_of_files_are_dcmtks(path: Path, tmp_path: Path) -> None:
    if shutil.which("dcm2pnm") is None:
        pytest.skip("dcm2pnm is not installed")
    try:
        ours = read_radiograph(path)
    except EcgEngineError as exc:
        pytest.skip(f"not read: {type(exc).__name__}")
    if "colour_to_luminance" in {note.code for note in ours.notes}:
        pytest.skip("colour")
    voi = ["+Wl", "1"] if ours.voi_tables else ["+Wi", "1"] if ours.windows else ["+Wm"]
    tool = {"dcmdjpeg": "dcmj2pnm", "dcmdjpls": "dcml2pnm"}.get(TOOLS.get(ours.transfer_syntax or "", ""), "dcm2pnm")
    command = [tool, "-q", "+opb", "-O", *voi, str(path), str(tmp_path / "a.pgm")]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("DCMTK cannot decode it")
    theirs, shown = pgm(tmp_path / "a.pgm"), ours.display().astype(int)
    apart = np.abs(shown - theirs)
    if ours.padding is not None:
        apart[(ours.stored >= ours.padding[0]) & (ours.stored <= ours.padding[1])] = 0
    if ours.transfer_syntax in LOSSY:  # what overshoots is masked by dcm2pnm, so that 1024 of 10 bits becomes 0
        apart[ours.stored == (1 << ours.bits_stored) - 1] = 0
    assert apart.max() <= 1, f"{(apart > 1).mean():.4f} of the pixels, by {apart.max()}"


# ------------------------------------------------------------------------------------------------- lower resolutions


def chests() -> list[Path]:
    data = os.environ.get("ECG_ENGINE_DATA")
    return sorted((Path(data) / "cxr" / "samples").glob("*.jpg")) if data else []


def encoded(pixels: np.ndarray, bits: int, coding: str, path: Path) -> bytes:
    """Write `pixels` as a DX object; return the codestream."""
    lossy = {"reversible": False}
    data, _, _ = image(bits, pixels.dtype.kind == "i", "none", "LINEAR", "", "MONOCHROME2")
    syntax, stream = {
        "JPEG 2000": lambda: (
            _J + "90",
            imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", bitspersample=bits),
        ),
        "JPEG 2000 lossy": lambda: (_J + "91", imagecodecs.jpeg2k_encode(pixels, level=45, codecformat="j2k", **lossy)),
        "HTJ2K": lambda: (_J + "201", imagecodecs.htj2k_encode(pixels)),
        "HTJ2K lossy": lambda: (_J + "203", imagecodecs.htj2k_encode(pixels, level=0.002, **lossy)),
    }[coding]()
    data.file_meta.TransferSyntaxUID = syntax
    data.Rows, data.Columns, data.PixelData = *pixels.shape, encapsulate([bytes(stream)])
    data.WindowCenter, data.WindowWidth = str(0 if pixels.dtype.kind == "i" else 1 << bits - 1), str(1 << bits)
    data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)
    return bytes(stream)


@pytest.mark.parametrize("coding", ["JPEG 2000", "JPEG 2000 lossy", "HTJ2K", "HTJ2K lossy"])
@pytest.mark.parametrize("path", chests(), ids=lambda path: path.stem)
def test_reduced_greys_of_chests_are_the_box_means_of_the_whole(path: Path, coding: str, tmp_path: Path) -> None:
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert("L"))
    encoded(grey, 8, coding, tmp_path / "a.dcm")
    whole = read_radiograph(tmp_path / "a.dcm").display()
    reduced = read_radiograph(tmp_path / "a.dcm", least_side=512)
    assert (reduced.reduction, reduced.full_shape) == (2, grey.shape)
    boxes = np.asarray(Image.fromarray(whole).reduce(2)).astype(float)
    assert np.abs(reduced.display() - boxes).mean() / 255 < 0.01


@pytest.mark.parametrize("path", [p for p in FILES if "J2K" in p.name and "CR" in p.name], ids=lambda path: path.name)
def test_reduced_greys_of_a_computed_radiograph_are_the_box_means(path: Path) -> None:
    whole, reduced = read_radiograph(path), read_radiograph(path, least_side=512)
    assert reduced.reduction > 1 and reduced.full_shape == whole.shape
    boxes = np.asarray(Image.fromarray(whole.display()).reduce(reduced.reduction)).astype(float)
    assert np.abs(reduced.display() - boxes).mean() / 255 < 0.01


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("coding", ["HTJ2K", "HTJ2K lossy"])
def test_lower_resolutions_of_htj2k_are_openjphs(coding: str, kind: Any, tmp_path: Path) -> None:
    bits = 8 * np.dtype(kind).itemsize
    low = -(1 << bits - 1) if np.dtype(kind).kind == "i" else 0
    y, x = np.mgrid[:203, :167]
    waves = 0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 7) + np.random.default_rng(8).normal(0, 0.01, x.shape)
    stream = encoded((waves * (1 << bits) + low).astype(kind), bits, coding, tmp_path / "a.dcm")
    for skipped in (1, 2, 3):
        head = jpeg_2000_stream(stream)
        assert head is not None
        ours = decode_smaller(stream, head, skipped)
        assert ours is not None
        theirs = imagecodecs.htj2k_decode(stream, skipres=skipped)
        apart = np.abs(ours.astype(int) - theirs.astype(int))
        # Lossy: two programs' floating-point numbers.
        assert ours.shape == theirs.shape and apart.max() <= (0 if coding == "HTJ2K" else max(1, 2 ** (bits - 13)))


def pgm(path: Path) -> np.ndarray:
    words = [w for line in path.read_text().splitlines() if not line.startswith("#") for w in line.split()]
    assert words[0] == "P2"
    return np.array(words[4:], int).reshape(int(words[2]), int(words[1]))
