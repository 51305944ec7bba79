"""Chest studies to measure the triage with, as large and as noisy as a detector's.

    python benchmarks/triage/make_studies.py --n 1000 --out .cache/triage/studies
    python benchmarks/triage/make_studies.py --n 300 --syntax raw --out .cache/triage/raw
    python benchmarks/triage/make_studies.py --n 10000 --small --out .cache/triage/small

Pictures of ChestX-ray14 (``cxr`` in the folder that ``ECG_ENGINE_DATA`` names) are enlarged to 2000 to 2500 pixels, get
quantum noise and 12 bits in 16, and become DX objects: a third of them MONOCHROME1, each with a window, in six transfer
syntaxes by turns. Only `--pictures` of them are drawn and encoded for each syntax; the studies take those by turns
under headers and UIDs of their own, so that a thousand are written as fast as the disk takes them. Everything is
seeded. ``truth.csv`` beside them says what is known of each study.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.triage.encoding import jpeg_lossless, rle

SEED: Final = 20260115
SETS: Final = ("nih_adult", "nih_multi", "nih_effusion", "samples")
#: Longer side of a study, pixels; of a small one.
SIDES: Final = (2000, 2500)
SMALL: Final = 64
BITS: Final = 12
#: Darkest and lightest grey of the picture, and noise at the lightest, of 4096: the noise of a detector grows with the
#: square root of the dose.
BLACK, WHITE, NOISE = 300.0, 3700.0, 10.0
#: Neighbours share some of the noise: the scintillator spreads light.
SPREAD: Final = np.array([0.1, 0.8, 0.1])
_DX: Final = "1.2.840.10008.5.1.4.1.1.1.1"
_J: Final = "1.2.840.10008.1.2.4."

Pixels = NDArray[np.uint16]


#: Name, transfer syntax, encoder of each; ``raw`` has none.
SYNTAXES: Final[dict[str, tuple[str, Callable[[Pixels], bytes] | None]]] = {
    "raw": ("1.2.840.10008.1.2.1", None),
    "jpeg_lossless": (_J + "70", lambda p: jpeg_lossless(p, BITS)),
    "jpeg_ls": (_J + "80", lambda p: imagecodecs.jpegls_encode(p, level=0)),
    "jpeg_2000": (
        _J + "90",
        lambda p: imagecodecs.jpeg2k_encode(p, level=0, reversible=True, codecformat="j2k", bitspersample=BITS),
    ),
    "htj2k": (_J + "201", imagecodecs.htj2k_encode),
    "rle": ("1.2.840.10008.1.2.5", rle),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A public picture and what is known of it: findings in small letters, None where only one was looked for."""

    path: Path
    source: str
    findings: str


def pictures(data: Path) -> list[Picture]:
    """Return the pictures of adults that there are, in a fixed order."""
    found = []
    for source in SETS:
        folder = data / "cxr" / source
        if not (folder / "labels.csv").is_file():
            continue
        with (folder / "labels.csv").open(encoding="utf-8") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
        for row in rows:
            if row.get("age") and int(float(row["age"])) < 18:
                continue
            if not (folder / row["file"]).is_file():
                continue
            if "findings" in row:
                words = row["findings"].split("|")
            elif "label" in row:
                words = [row["label"]]
            else:
                words = [key for key, value in row.items() if key[:1].isupper() and value == "1"]
            names = sorted(word.lower().replace(" ", "_") for word in words)
            said = "|".join("no_finding" if name == "normal" else name for name in names)
            found.append(Picture(path=folder / row["file"], source=source, findings=said))
    return found


def drawn(picture: Image.Image, rng: np.random.Generator, *, small: bool = False) -> Pixels:
    """Return a picture as a detector would give it: enlarged, 12 bits, quantum noise."""
    longer = SMALL if small else int(rng.integers(*SIDES, endpoint=True))
    shorter = longer if small else int(longer * rng.uniform(0.8, 1.0))
    size = (shorter, longer) if rng.random() < 0.5 else (longer, shorter)
    grey = np.asarray(picture.convert("L").resize(size, Image.Resampling.BICUBIC), np.float32) / 255.0
    noise = rng.standard_normal(grey.shape, np.float32)
    for axis in (0, 1):
        before, after = np.roll(noise, 1, axis), np.roll(noise, -1, axis)
        noise = (SPREAD[1] * noise + SPREAD[0] * before + SPREAD[2] * after).astype(np.float32)
    values = BLACK + (WHITE - BLACK) * grey + NOISE * np.sqrt(0.2 + 0.8 * grey) * noise
    return np.clip(np.rint(values), 0, (1 << BITS) - 1).astype(np.uint16)


def template(pixels: Pixels, syntax: str, *, inverted: bool = False) -> Any:
    """Return a DX object with its pixels; what names the study and the patient is put in later."""
    uid, encode = SYNTAXES[syntax]
    data: Any = FileDataset("", {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
    data.file_meta.TransferSyntaxUID, data.file_meta.MediaStorageSOPClassUID = uid, _DX
    data.file_meta.ImplementationClassUID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'ecg_engine/benchmark').int}"
    data.SOPClassUID, data.Modality, data.BodyPartExamined = _DX, "DX", "CHEST"
    data.PresentationIntentType, data.ImageType = "FOR PRESENTATION", ["ORIGINAL", "PRIMARY", ""]
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, BITS, BITS - 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
    middle = (BLACK + WHITE) / 2
    data.WindowCenter = f"{(1 << BITS) - 1 - middle if inverted else middle:g}"
    data.WindowWidth = f"{WHITE - BLACK:g}"
    data.ImagerPixelSpacing = [f"{430 / max(pixels.shape):.4f}"] * 2
    data.ImageLaterality, data.BurnedInAnnotation = "U", "NO"
    stored = (1 << BITS) - 1 - pixels if inverted else pixels
    data.PixelData = stored.tobytes() if encode is None else encapsulate([bytes(encode(stored))])
    data["PixelData"].VR = "OW" if encode is None else "OB"
    return data


def _uid(kind: str, seed: int, number: int) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'ecg_engine/benchmark/{seed}/{kind}/{number}').int}"


def make(
    out: Path,
    n: int,
    *,
    data: Path,
    syntaxes: tuple[str, ...] = tuple(SYNTAXES),
    n_pictures: int = 12,
    seed: int = SEED,
    small: bool = False,
) -> None:
    """Write `n` studies of one image each, and ``truth.csv``.

    Parameters
    ----------
    out : Path
        A new folder.
    n : int
    data : Path
        The reference data.
    syntaxes : tuple of str
        Of `SYNTAXES`, by turns.
    n_pictures : int
        Pictures drawn and encoded for each syntax.
    seed : int
    small : bool
        64 pixels a side.
    """
    found = pictures(data)
    if not found:
        raise SystemExit(f"{data}: no radiographs in cxr; name the reference data by ECG_ENGINE_DATA")
    rng = np.random.default_rng(seed)
    chosen = [found[i] for i in rng.choice(len(found), min(n_pictures, len(found), n), replace=False)]
    (out / "images").mkdir(parents=True)
    rows = []
    # Study by study: all syntaxes of the first picture, of the second ... and from the beginning.
    for number, picture in enumerate(chosen[: -(-n // len(syntaxes))]):
        with Image.open(picture.path) as opened:
            pixels = drawn(opened, np.random.default_rng((seed, number)), small=small)
        for first, syntax in enumerate(syntaxes, number * len(syntaxes)):
            those = range(first, n, len(chosen) * len(syntaxes))
            data_set = template(pixels, syntax, inverted=number % 3 == 2) if those else None
            rows += [(i, *write(data_set, out, i, seed), syntax, picture) for i in those]
    with (out / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("study_uid", "file", "syntax", "source", "picture", "findings"))
        for _, uid, name, syntax, picture in sorted(rows, key=lambda row: row[0]):
            table.writerow((uid, name, syntax, picture.source, picture.path.name, picture.findings))


def write(data: Any, out: Path, i: int, seed: int = SEED) -> tuple[str, str]:
    """Write study `i` into ``images`` of a folder; return its UID and its file."""
    rng = np.random.default_rng((seed, 1, i))
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid("study", seed, i), _uid("series", seed, i)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = _uid("image", seed, i)
    data.PatientName, data.PatientID = f"Bench^{i}", f"BENCH-{i:05}"
    data.PatientSex, data.PatientAge = ("F", "M")[int(rng.integers(2))], f"{rng.integers(18, 90):03}Y"
    data.ViewPosition = ("PA", "AP")[int(rng.integers(2))]
    minute = int(rng.integers(24 * 60))
    data.StudyDate, data.StudyTime = f"202601{rng.integers(1, 29):02}", f"{minute // 60:02}{minute % 60:02}00"
    name = f"images/{i:05}.dcm"
    data.save_as(out / name, enforce_file_format=True)
    return data.StudyInstanceUID, name


def reference_data() -> Path:
    """Return the folder that ``ECG_ENGINE_DATA`` names, or where make puts it."""
    return Path(os.environ.get("ECG_ENGINE_DATA") or Path(__file__).resolve().parents[2] / ".data")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Write chest studies to measure the triage with.")
    parser.add_argument("--n", type=int, required=True, help="studies")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument(
        "--syntax", choices=SYNTAXES, action="append", help="one transfer syntax, may be repeated [default: all six]"
    )
    parser.add_argument("--pictures", type=int, default=12, help="pictures drawn and encoded for each syntax")
    parser.add_argument("--small", action="store_true", help="64 pixels a side")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists; name a new folder")
    syntaxes = tuple(given.syntax or (("raw",) if given.small else tuple(SYNTAXES)))
    began = time.perf_counter()
    make(
        given.out, given.n, data=reference_data(), syntaxes=syntaxes, n_pictures=given.pictures, seed=given.seed,
        small=given.small,
    )  # fmt: skip
    size = sum(path.stat().st_size for path in (given.out / "images").iterdir())
    print(f"{given.n} studies in {given.out}, {size / 1e9:.2f} GB, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
