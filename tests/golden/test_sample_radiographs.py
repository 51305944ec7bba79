"""The sample radiographs: valid DX objects, the pixels that other decoders see, the pictures that they came from."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

import ecg_engine as ee
from ecg_engine.errors import CorruptFormatError

FOLDER = Path(__file__).resolve().parents[2] / "sample_data" / "radiographs"
FILES = sorted(FOLDER.glob("*.dcm"))
TRUNCATED = FOLDER / "12_truncated.dcm"
WHOLE = [path for path in FILES if path != TRUNCATED]
_J = "1.2.840.10008.1.2.4."
SYNTAXES = {
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5",
    *(_J + last for last in ("50", "70", "80", "81", "90", "91", "201", "203")),
}  # fmt: skip
LOSSY = {_J + last for last in ("50", "81", "91", "203")}
#: dciodvfy of dicom3tools 1.00~20220618 knows no HTJ2K.
UNKNOWN_TO_DCIODVFY = {_J + "201", _J + "203"}
#: The most that a file may be, bytes: they stand in the repository.
MOST_BYTES = 5_000_000

of_each_whole = pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)


@lru_cache
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_radiographs", FOLDER / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_radiographs"] = module
    spec.loader.exec_module(module)
    return module


def stored_by_others(path: Path) -> tuple[Any, np.ndarray]:
    """Return the data set, and its pixels as pydicom's decoders have them."""
    data = pydicom.dcmread(path)
    decoder = pydicom.pixels.get_decoder(data.file_meta.TransferSyntaxUID)
    # GDCM knows no HTJ2K.
    plugin = next((name for name in ("gdcm", "pylibjpeg") if name in decoder.available_plugins), "")
    return data, decoder.as_array(data, index=0, decoding_plugin=plugin, raw=True)[0]


def test_there_are_twelve_studies_of_eleven_patients_in_every_transfer_syntax() -> None:
    heads = [pydicom.dcmread(path, stop_before_pixels=True) for path in FILES]
    assert len({head.StudyInstanceUID for head in heads}) == 12
    assert len({head.PatientID for head in heads}) == 11
    assert len({head.SOPInstanceUID for head in heads}) == len(FILES) == 13
    assert {str(head.file_meta.TransferSyntaxUID) for head in heads} == SYNTAXES
    assert {head.PhotometricInterpretation for head in heads} == {"MONOCHROME1", "MONOCHROME2"}
    assert sum(path.stat().st_size for path in FILES) < MOST_BYTES


def test_the_readme_names_every_file_and_its_picture() -> None:
    said = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in said if line.startswith("| `")]
    found = {(name, picture.split("_")[0]) for name, _, _, _, _, picture, _ in rows}
    assert found == {(f"{sample.file}.dcm", sample.source.split("_")[0]) for sample in maker().SAMPLES}
    for name, _, pixels, study, view, _, _ in rows:
        head = pydicom.dcmread(FOLDER / name, stop_before_pixels=True)
        assert pixels == f"{head.Rows}, {head.BitsStored} bits" and view == head.ViewPosition
        day = f"{head.StudyDate[:4]}-{head.StudyDate[4:6]}-{head.StudyDate[6:]}"
        assert study in (f"{head.PatientID}, {day}", "the same study")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nobody_stands_in_the_header(path: Path) -> None:
    head = pydicom.dcmread(path, stop_before_pixels=True)
    assert head.PatientID.startswith("SAMPLE-") and str(head.PatientName).startswith("Sample^")
    assert head.PatientIdentityRemoved == "YES" and head.BurnedInAnnotation == "NO"
    assert all(head[keyword].value.startswith("2.25.") for keyword in ("StudyInstanceUID", "SOPInstanceUID"))


@of_each_whole
def test_dciodvfy_finds_a_valid_dx_object(path: Path, tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed")
    data = pydicom.dcmread(path)
    if data.file_meta.TransferSyntaxUID in UNKNOWN_TO_DCIODVFY:  # then the same object with its pixels as they are
        data.PixelData = stored_by_others(path)[1].tobytes()
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OW", False
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = tmp_path / path.name
        data.save_as(path, enforce_file_format=True)
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True)
    said = (done.stdout + done.stderr).splitlines()
    assert "DXImageForPresentation" in said
    assert not [line for line in said if line.startswith("Error")]


@of_each_whole
def test_the_pixels_are_those_of_other_decoders(path: Path) -> None:
    ours = ee.read_radiograph(path)
    data, theirs = stored_by_others(path)
    within = 1 if data.file_meta.TransferSyntaxUID in LOSSY else 0
    assert np.abs(ours.stored.astype(int) - theirs.astype(int)).max() <= within


@of_each_whole
def test_the_header_is_read(path: Path) -> None:
    radiograph, head = ee.read_radiograph(path), pydicom.dcmread(path, stop_before_pixels=True)
    assert not radiograph.notes
    assert (radiograph.view, radiograph.body_part, radiograph.modality) == (head.ViewPosition, "CHEST", "DX")
    assert radiograph.patient.age_years == int(head.PatientAge[:3])
    assert radiograph.spacing_mm == pytest.approx((430 / head.Rows, 430 / head.Columns), abs=1e-4)


def test_the_truncated_file_is_refused_in_words() -> None:
    with pytest.raises(CorruptFormatError, match="313924 bytes where its header asks for 524288"):
        ee.read_radiograph(TRUNCATED)


@of_each_whole
def test_what_is_shown_is_the_picture(path: Path, data: Path) -> None:
    sample = next(sample for sample in maker().SAMPLES if sample.file == path.stem)
    with Image.open(data / "cxr" / "samples" / f"{sample.source}.jpg") as picture:
        small = picture.resize((sample.side, sample.side), Image.Resampling.BOX)
    apart = np.abs(ee.read_radiograph(path).display().astype(int) - np.asarray(small).astype(int))
    is_lossy = ee.read_radiograph(path).transfer_syntax in LOSSY
    # A lossless one differs by rounding alone: twice, into the window and out of it.
    assert apart.max() <= 1 if not is_lossy else apart.mean() < 2


def test_made_again_they_are_the_same(data: Path, tmp_path: Path) -> None:
    for sample in maker().SAMPLES:
        again = maker().write(sample, data / "cxr" / "samples", tmp_path)
        here = FOLDER / again.name
        if again.read_bytes() == here.read_bytes():
            continue
        # Another version of an encoder: what it encodes is the same, to the last bit where nothing is lost.
        assert here != TRUNCATED, "no encoder wrote the truncated file"
        (one, pixels), (other, others) = stored_by_others(again), stored_by_others(here)
        within = 2 if one.file_meta.TransferSyntaxUID in LOSSY else 0
        assert np.abs(pixels.astype(int) - others.astype(int)).max() <= within << (one.BitsStored - 8)
        for each in (one, other):
            del each.PixelData, each.LossyImageCompressionRatio
        assert one == other
