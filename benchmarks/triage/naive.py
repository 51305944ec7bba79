"""The triage that a competent person writes in an hour, to measure ours beside it.

    python benchmarks/triage/naive.py FOLDER --out OUT --workers 2

pydicom decodes with its usual plug-ins and applies its own tables (`pydicom.pixels`), Pillow makes the picture small,
onnxruntime scores it with the same weights in single precision; a thumbnail each, and a CSV in the order of the scores.
It judges no quality, measures no anatomy, draws no heat map, writes no report.
"""

from __future__ import annotations

import argparse
import csv
import time
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut

MODEL = Path(__file__).resolve().parents[2] / "ecg_engine" / "models" / "weights" / "chest_findings.onnx"
THUMBNAIL_PX = 256

_session: Any = None
_thumbnails = Path()


def start(model: Path, thumbnails: Path) -> None:
    """Load the model once a process."""
    global _session, _thumbnails
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # the pool has a process for each core
    _session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    _thumbnails = thumbnails


def picture_of(data: Any) -> Image.Image:
    """Return the 8-bit picture that a data set shows."""
    values = np.asarray(apply_voi_lut(apply_modality_lut(data.pixel_array, data), data), np.float32)
    low, high = float(values.min()), float(values.max())
    if data.get("WindowWidth") is None and high > low:
        values = (values - low) / (high - low)
    else:
        values = values / (2**data.BitsStored - 1)
    if data.PhotometricInterpretation == "MONOCHROME1":
        values = 1 - values
    return Image.fromarray((255 * np.clip(values, 0, 1)).astype(np.uint8))


def input_of(picture: Image.Image, size: int) -> np.ndarray:
    """Return what the network takes: a square with the picture in its middle, 1st to 99th percentile to 0 to 1."""
    scale = size / max(picture.size)
    columns, rows = (max(1, round(side * scale)) for side in picture.size)
    small = np.asarray(picture.resize((columns, rows), Image.Resampling.BOX), np.float32)
    low, high = np.percentile(small, (1, 99))
    square = np.zeros((1, 1, size, size), np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    square[0, 0, top : top + rows, left : left + columns] = np.clip((small - low) / max(high - low, 1e-6), 0, 1)
    return square


def work(path: Path) -> tuple[str, float, str]:
    """Return file, score and error of one study."""
    try:
        picture = picture_of(pydicom.dcmread(path))
        given = _session.get_inputs()[0]
        logits = _session.run(None, {given.name: input_of(picture, given.shape[-1])})[0]
        picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        picture.save(_thumbnails / f"{path.stem}.png")
        return path.name, float(1 / (1 + np.exp(-logits.max()))), ""
    except Exception as exc:
        return path.name, float("nan"), f"{type(exc).__name__}: {exc}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Triage a folder of radiographs, naively.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    thumbnails = given.out / "thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    paths = sorted(given.folder.rglob("*.dcm"))
    with Pool(given.workers, start, (given.model, thumbnails)) as pool:
        rows = list(pool.imap_unordered(work, paths))
    rows.sort(key=lambda row: (bool(row[2]), -row[1]))
    with (given.out / "worklist.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "score", "error"), *rows])
    failed = sum(bool(error) for _, _, error in rows)
    print(f"{len(rows)} studies, {failed} failed, {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main()
