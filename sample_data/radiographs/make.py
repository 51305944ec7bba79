"""Make the sample radiographs again: ``python sample_data/radiographs/make.py`` from the repository root.

Needs the packages of the extra ``test`` and the folder that ``ECG_ENGINE_DATA`` names, with ``cxr/samples`` in it:
twelve public pictures of ChestX-ray14 as JPEG. What comes out is the same byte for byte with the same versions of the
encoders, and the same pixel for pixel with any: UIDs, dates and headers are fixed, nothing is random.

``README.md`` says what each file is; whom it says it shows is made up.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.triage.encoding import jpeg_lossless, rle

HERE: Final = Path(__file__).resolve().parent
DX: Final = "1.2.840.10008.5.1.4.1.1.1.1"
#: A detector of 43 cm, whatever the number of pixels.
DETECTOR_MM: Final = 430.0
#: Grey levels that stand at the dark end of the window, of 1024.
BLACK: Final = 60
_J: Final = "1.2.840.10008.1.2.4."
_DERIVATION: Final = "Public picture of ChestX-ray14 (8 bits, JPEG) put into a DICOM object; the header is made up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file.

    Parameters
    ----------
    file : str
        Its name without suffix; its SOP Instance UID follows from it.
    source : str
        The picture in ``cxr/samples``.
    side : int
        Rows and columns.
    bits : {8, 10, 12}
        Bits stored.
    coding : str
        Key of `CODINGS`.
    patient : str
        Patient ID ``SAMPLE-...``.
    age, sex : int, str
    taken : str
        Date and hour, ``YYYYMMDDHHMM``; names the study together with the patient.
    view : {"PA", "AP", "LL"}
    is_inverted : bool
        MONOCHROME1: the pixels are stored black for white.
    number : int
        Instance Number in its study.
    kept : float
        Share of the file that is written: below 1 it is cut off.
    """

    file: str
    source: str
    side: int
    bits: int
    coding: str
    patient: str
    age: int
    sex: str
    taken: str
    view: str = "PA"
    is_inverted: bool = False
    number: int = 1
    kept: float = 1.0


SAMPLES: Final = tuple(
    Sample(file=file, source=source, side=side, bits=bits, coding=coding, patient=patient, age=age, sex=sex,
           taken=taken, **more)
    for file, source, side, bits, coding, patient, age, sex, taken, more in (
        ("01_explicit_le", "00004934_000", 512, 12, "explicit", "SAMPLE-01", 34, "F", "202601120805", {}),
        ("02_implicit_le_inverted", "00006004_000", 512, 12, "implicit", "SAMPLE-02", 28, "M", "202601120819",
         {"is_inverted": True}),
        ("03_rle", "00003940_000", 640, 8, "rle", "SAMPLE-03", 41, "F", "202601120833", {}),
        ("04_jpeg_lossless_before", "00010234_000", 640, 10, "jpeg_lossless", "SAMPLE-04", 52, "F", "202601120848", {}),
        ("05_jpeg_ls_after", "00012975_000", 640, 10, "jpeg_ls", "SAMPLE-04", 52, "F", "202604130910", {}),
        ("06_jpeg_2000", "00013310_056", 768, 10, "jpeg_2000", "SAMPLE-05", 47, "M", "202604130926", {"view": "AP"}),
        ("07_htj2k", "00016587_021", 768, 10, "htj2k", "SAMPLE-06", 63, "M", "202604130941", {"view": "AP"}),
        ("08_jpeg_baseline", "00000211_019", 1024, 8, "jpeg_baseline", "SAMPLE-07", 58, "M", "202604130957",
         {"view": "AP"}),
        ("09_jpeg_2000_lossy", "00011122_005", 1024, 12, "jpeg_2000_lossy", "SAMPLE-08", 71, "F", "202604131012",
         {"view": "AP"}),
        ("10_jpeg_ls_near_lossless", "00019085_004", 768, 10, "jpeg_ls_near", "SAMPLE-09", 66, "M", "202604131030",
         {"view": "AP"}),
        ("11_two_images_1", "00019651_003", 1024, 8, "jpeg_baseline", "SAMPLE-10", 39, "F", "202604131044", {}),
        ("11_two_images_2", "00019651_003", 768, 10, "htj2k_lossy", "SAMPLE-10", 39, "F", "202604131044",
         {"view": "LL", "number": 2}),
        ("12_truncated", "00028012_001", 512, 12, "explicit", "SAMPLE-11", 74, "F", "202604131101", {"kept": 0.6}),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """A transfer syntax, what encodes a frame for it, and its name in Lossy Image Compression Method."""

    syntax: str
    encode: Callable[[NDArray[Any], int], bytes] | None = None
    lossy: str | None = None


CODINGS: Final = {
    "implicit": Coding(syntax="1.2.840.10008.1.2"),
    "explicit": Coding(syntax="1.2.840.10008.1.2.1"),
    "rle": Coding(syntax="1.2.840.10008.1.2.5", encode=lambda p, bits: rle(p)),
    "jpeg_baseline": Coding(
        syntax=_J + "50", encode=lambda p, bits: imagecodecs.jpeg8_encode(p, level=90), lossy="ISO_10918_1"
    ),
    "jpeg_lossless": Coding(syntax=_J + "70", encode=jpeg_lossless),
    "jpeg_ls": Coding(syntax=_J + "80", encode=lambda p, bits: imagecodecs.jpegls_encode(p, level=0)),
    "jpeg_ls_near": Coding(
        syntax=_J + "81", encode=lambda p, bits: imagecodecs.jpegls_encode(p, level=2), lossy="ISO_14495_1"
    ),
    "jpeg_2000": Coding(
        syntax=_J + "90",
        encode=lambda p, bits: imagecodecs.jpeg2k_encode(
            p, level=0, reversible=True, codecformat="j2k", bitspersample=bits
        ),
    ),
    "jpeg_2000_lossy": Coding(
        syntax=_J + "91",
        encode=lambda p, bits: imagecodecs.jpeg2k_encode(
            p, level=50, reversible=False, codecformat="j2k", bitspersample=bits
        ),
        lossy="ISO_15444_1",
    ),
    "htj2k": Coding(syntax=_J + "201", encode=lambda p, bits: imagecodecs.htj2k_encode(p)),
    "htj2k_lossy": Coding(
        syntax=_J + "203",
        encode=lambda p, bits: imagecodecs.htj2k_encode(p, level=0.0002, reversible=False),
        lossy="ISO_15444_15",
    ),
}


def uid(*words: str) -> str:
    """Return the UID of a thing under the root that PS3.5 B.2 keeps for UUIDs."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(('ecg_engine', 'sample', *words))).int}"


def window_of(bits: int) -> tuple[float, float]:
    """Return centre and width (LINEAR) that show the darkest grey of the picture black, the lightest white."""
    if bits == 8:
        return 128.0, 256.0
    low, high = (v << (bits - 10) for v in (BLACK, 1023 - BLACK))
    return (low + high + 1) / 2, high - low + 1.0


def greys_of(picture: Image.Image, sample: Sample) -> NDArray[Any]:
    """Return stored values: the picture made smaller, its 256 greys spread over the window."""
    small = picture.convert("L").convert("F").resize((sample.side, sample.side), Image.Resampling.BOX)
    grey = np.clip(np.asarray(small, np.float64) / 255.0, 0.0, 1.0)
    centre, width = window_of(sample.bits)
    values = np.rint(centre - 0.5 + (grey - 0.5) * (width - 1)).astype(np.uint8 if sample.bits == 8 else np.uint16)
    return (1 << sample.bits) - 1 - values if sample.is_inverted else values


def _coded(code: Any) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


_VIEWS: Final = {
    "PA": (codes.cid4010.PosteroAnterior, ["L", "F"]),
    "AP": (codes.cid4010.AnteroPosterior, ["L", "F"]),
    "LL": (codes.cid4010.LeftLateral, ["A", "F"]),
}


def _identity(data: Any, sample: Sample) -> None:
    """Who it is, when and where: all made up."""
    day, hour = sample.taken[:8], f"{sample.taken[8:]}00"
    number = int(sample.patient.rpartition("-")[2])
    words = ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven"]
    data.PatientName, data.PatientID = f"Sample^{words[number - 1]}", sample.patient
    data.PatientBirthDate = f"{int(day[:4]) - sample.age - 1}1201"
    data.PatientSex, data.PatientAge = sample.sex, f"{sample.age:03}Y"
    data.PatientIdentityRemoved, data.DeidentificationMethod = "YES", "Header made up"
    data.StudyInstanceUID = uid(sample.patient, sample.taken)
    data.SeriesInstanceUID = uid(sample.patient, sample.taken, sample.view)
    data.SOPClassUID, data.SOPInstanceUID = DX, uid(sample.patient, sample.taken, sample.file)
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = day
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = hour
    data.StudyID = data.AccessionNumber = f"S{number:02}{day[4:]}"
    data.StudyDescription, data.SeriesDescription = "Chest", f"Chest {sample.view}"
    data.ReferringPhysicianName = ""
    data.Manufacturer = data.ManufacturerModelName = "ecg_engine sample"
    data.InstitutionName = "Sample clinic"
    data.Modality, data.PresentationIntentType = "DX", "FOR PRESENTATION"
    data.SeriesNumber = data.InstanceNumber = sample.number


def _exposure(data: Any, sample: Sample) -> None:
    """The part of the body, the view and the detector."""
    view, orientation = _VIEWS[sample.view]
    data.BodyPartExamined, data.ViewPosition = "CHEST", sample.view
    data.AnatomicRegionSequence = Sequence([_coded(codes.SCT.Chest)])
    data.ViewCodeSequence = Sequence([_coded(view)])
    data.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence()
    data.PatientOrientation, data.ImageLaterality = orientation, "U"
    data.PositionerType, data.DetectorType, data.DetectorConfiguration = "NONE", "DIRECT", "AREA"
    data.ImagerPixelSpacing = [f"{DETECTOR_MM / sample.side:.4f}"] * 2
    data.AcquisitionContextSequence = Sequence()
    data.BurnedInAnnotation = "NO"


def _image(data: Any, sample: Sample, pixels: NDArray[Any], source: Path) -> None:
    """The pixels and what they mean."""
    coding = CODINGS[sample.coding]
    native = pixels.tobytes()
    data.ImageType = ["DERIVED", "PRIMARY", ""]
    data.DerivationDescription = _DERIVATION
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.PhotometricInterpretation = "MONOCHROME1" if sample.is_inverted else "MONOCHROME2"
    data.PresentationLUTShape = "INVERSE" if sample.is_inverted else "IDENTITY"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * pixels.dtype.itemsize, sample.bits, sample.bits - 1
    data.PixelIntensityRelationship = "LOG"
    data.PixelIntensityRelationshipSign = 1 if sample.is_inverted else -1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
    data.WindowCenter, data.WindowWidth = (f"{value:g}" for value in window_of(sample.bits))
    data.LossyImageCompression = "01"  # the picture came as JPEG
    ratios, methods = [f"{1024 * 1024 / source.stat().st_size:.3g}"], ["ISO_10918_1"]
    if coding.encode is None:
        data.PixelData = native
    else:
        frame = bytes(coding.encode(pixels, sample.bits))
        data.PixelData = encapsulate([frame])
        data["PixelData"].VR = "OB"
        if coding.lossy:
            ratios.append(f"{len(native) / len(frame):.3g}")
            methods.append(coding.lossy)
    data.LossyImageCompressionRatio, data.LossyImageCompressionMethod = ratios, methods


def write(sample: Sample, pictures: Path, out: Path) -> Path:
    """Write one file.

    Parameters
    ----------
    sample : Sample
    pictures : Path
        Folder of the JPEG pictures.
    out : Path

    Returns
    -------
    Path
        The file.
    """
    source = pictures / f"{sample.source}.jpg"
    with Image.open(source) as picture:
        pixels = greys_of(picture, sample)
    data: Any = FileDataset("", {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
    data.SpecificCharacterSet = "ISO_IR 192"
    _identity(data, sample)
    _exposure(data, sample)
    _image(data, sample, pixels, source)
    meta = data.file_meta
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = DX, data.SOPInstanceUID
    meta.TransferSyntaxUID = CODINGS[sample.coding].syntax
    # Else pydicom's, with its version.
    meta.ImplementationClassUID, meta.ImplementationVersionName = uid("implementation"), "SAMPLE_1"
    path = out / f"{sample.file}.dcm"
    data.save_as(path, enforce_file_format=True)
    if sample.kept < 1:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * sample.kept)])
    return path


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into (default: where this script is)")
    given = parser.parse_args()
    pictures = Path(os.environ.get("ECG_ENGINE_DATA", "")) / "cxr" / "samples"
    if not pictures.is_dir():
        parser.error("ECG_ENGINE_DATA names no folder with cxr/samples in it: the files here stay as they are")
    given.out.mkdir(parents=True, exist_ok=True)
    size = sum(write(sample, pictures, given.out).stat().st_size for sample in SAMPLES)
    print(f"{len(SAMPLES)} radiographs in {given.out}, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
