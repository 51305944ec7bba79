"""Small DICOM studies for the tests of the batch, in several syntaxes, and files that are none."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG, DEFLATED, J2K = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.90"
_PIXELS = b"\xe0\x7f\x10\x00"
SYNTAXES = (EXPLICIT, IMPLICIT, J2K, DEFLATED, BIG)


def write_film(
    path: Path, *, study: str, image: str = "1", seed: int = 0, syntax: str = EXPLICIT, **attributes: Any
) -> Path:
    """Write one image of 24 rows and 32 columns, its pixels drawn from `seed`."""
    pixels = np.random.default_rng(seed).integers(0, 4096, (24, 32)).astype(np.uint16)
    data = FileDataset("", {}, preamble=b"\0" * 128, file_meta=FileMetaDataset(), is_implicit_VR=syntax == IMPLICIT,
                       is_little_endian=syntax != BIG)  # fmt: skip
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    with pydicom.config.disable_value_validation():
        data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = study, f"{study}.1", "DX"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"{study}.1.{image}"
        data.Rows, data.Columns = pixels.shape
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.WindowCenter, data.WindowWidth, data.BodyPartExamined, data.ViewPosition = 2048, 4096, "CHEST", "PA"
        for keyword, value in attributes.items():
            setattr(data, keyword, value)
        if syntax == J2K:
            import imagecodecs

            data.PixelData = encapsulate(
                [imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", bitspersample=12)]
            )
            data["PixelData"].VR = "OB"
        else:
            data.PixelData = pixels.astype(">u2" if syntax == BIG else "<u2").tobytes()
            data["PixelData"].VR = "OW"
        path.parent.mkdir(parents=True, exist_ok=True)
        data.save_as(path, enforce_file_format=True)
    return path


def write_studies(folder: Path, n: int, *, first: int = 0) -> None:
    """Write `n` studies of one image or two; every fifth patient comes twice, a year later."""
    for i in range(first, first + n):
        uid = f"1.2.826.0.1.{i + 1}"
        patient = f"P{i - 1 if i % 5 == 4 else i:04}"
        facts = {"PatientID": patient, "PatientSex": "F", "PatientBirthDate": "19500102",
                 "StudyDate": f"202{i % 5}0{1 + i % 9}15", "StudyTime": f"{i % 24:02}3000"}  # fmt: skip
        for k in range(1 + i % 2):
            write_film(folder / f"{i % 7}" / f"{i:05}-{k}.dcm", study=uid, image=str(k), seed=100 * i + k,
                       syntax=SYNTAXES[i % len(SYNTAXES)], **facts)  # fmt: skip


def write_bad_files(folder: Path, *, with_bomb: bool = False) -> dict[str, str]:
    """Write files that hold no image that can be read; return the kind of error of each by its name."""
    folder.mkdir(parents=True, exist_ok=True)

    def whole(study: str, **facts: Any) -> bytes:
        path = write_film(folder / "film", study=study, seed=1, **facts)
        content = path.read_bytes()
        path.unlink()
        return content

    (folder / "cut_in_pixels.dcm").write_bytes(whole("1.2.3.1")[:-500])
    (folder / "cut_in_header.dcm").write_bytes(whole("1.2.3.2")[:400])
    film = whole("1.2.3.3")
    at = film.index(_PIXELS) + 8
    (folder / "wrong_length.dcm").write_bytes(film[:at] + (100).to_bytes(4, "little") + film[at + 4 :])
    (folder / "huge.dcm").write_bytes(whole("1.2.3.4", Rows=60000, Columns=60000)[:1024])
    (folder / "text.dcm").write_text("no image at all\n")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "NO_SUFFIX").write_text("neither\n")
    (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (folder / "cut.zip").write_bytes(b"PK\x03\x04" + bytes(40))
    (folder / "nowhere.dcm").symlink_to(folder / "absent")
    (folder / "round.dcm").symlink_to(folder / "round.dcm")
    kinds = {
        "cut_in_pixels.dcm": "CorruptFormatError",
        "cut_in_header.dcm": "CorruptFormatError",
        "wrong_length.dcm": "CorruptFormatError",
        "huge.dcm": "UnsupportedFormatError",
        "text.dcm": "UnknownFormatError",
        "empty.dcm": "UnknownFormatError",
        "NO_SUFFIX": "UnknownFormatError",
        "cut.png": "CorruptFormatError",
        "cut.zip": "CorruptFormatError",
        "nowhere.dcm": "InputError",
        "round.dcm": "InputError",
    }
    if with_bomb:
        (folder / "bomb.dcm").write_bytes(_bomb(whole("1.2.3.5")))
        kinds["bomb.dcm"] = "UnsupportedFormatError"
    return kinds


def _bomb(film: bytes) -> bytes:
    """Return a deflated film of 1 MB whose pixels become more than a GiB."""
    start, at = film.index(b"\x08\x00\x16\x00"), film.index(_PIXELS)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(film[start:at] + _PIXELS + b"OW\0\0\xfe\xff\xff\x7f")
    packed += b"".join(deflater.compress(bytes(1 << 24)) for _ in range(65)) + deflater.flush()
    return _longer_meta(film[:start].replace(EXPLICIT.encode() + b"\0", DEFLATED.encode())) + packed


def _longer_meta(meta: bytes) -> bytes:
    """Return file meta information whose transfer syntax became longer, with its lengths right again."""
    at = meta.index(b"\x02\x00\x10\x00UI") + 6
    value = DEFLATED.encode()
    meta = meta[:at] + len(value).to_bytes(2, "little") + meta[at + 2 :]
    return meta[:140] + (len(meta) - 144).to_bytes(4, "little") + meta[144:]
