"""The radiographs of the reference data as one table: squares of 256 px, labels, patients, what may be trained on.

The table is made once and kept in ``.cache/training``.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIZE = 256
#: Findings of a model and the labels of ChestX-ray14 that stand for them.
FINDINGS = {
    "abnormal": (),
    "opacity": ("Pneumonia", "Infiltration", "Consolidation"),
    "effusion": ("Effusion",),
    "cardiomegaly": ("Cardiomegaly",),
    "edema": ("Edema",),
    "atelectasis": ("Atelectasis",),
    "nodule_mass": ("Nodule", "Mass"),
    "pneumothorax": ("Pneumothorax",),
}
NIH_SETS = ("nih_adult", "nih_multi", "nih_effusion", "nih_adult_64px")
#: No weight that ships is trained on these (licences of `chest_anatomy` and `lung_masks`).
_FORBIDDEN = re.compile(r"NC|ND")
ADULT_YEARS = 18


@dataclass(slots=True)
class Table:
    """Row by row: picture, where it lies in its square, what is known of it."""

    squares: NDArray[np.uint8]  # (n, 256, 256)
    inside: NDArray[np.int64]  # (n, 4): top, left, rows, columns
    source: NDArray[np.str_]
    patient: NDArray[np.str_]
    view: NDArray[np.str_]  # PA, AP, L or nothing
    age: NDArray[np.float64]  # years; NaN unknown
    labels: NDArray[np.float32]  # (n, findings): 0, 1, NaN unknown
    soft: NDArray[np.float32]  # (n, findings): another network's probability, NaN unknown
    may_train: NDArray[np.bool_]
    name: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.source)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _nih_labels(row: dict[str, str]) -> list[float]:
    said = {name: row[name] == "1" for names in FINDINGS.values() for name in names}
    out = [float(any(said[name] for name in names)) for names in FINDINGS.values()]
    out[0] = float(row["No Finding"] != "1")
    return out


def _nih_soft(scores: dict[str, str] | None) -> list[float]:
    if scores is None:
        return [float("nan")] * len(FINDINGS)

    def any_of(names: tuple[str, ...]) -> float:
        return 1.0 - float(np.prod([1.0 - float(scores[name]) for name in names]))

    every = tuple(key for key in scores if key not in ("set", "nih_name"))
    return [any_of(names or every) for names in FINDINGS.values()]


def _patient_of(name: str) -> str:
    """Return the patient in the file names of the paediatric set, whose table lumps most normals into one."""
    found = re.match(r"(person\d+|(?:NORMAL2-)?IM-\d+)", Path(name).name)
    if found is None:
        raise ValueError(f"{name}: no patient in this name")
    return found.group(1)


def _described(data: Path) -> list[dict[str, object]]:
    unknown = [float("nan")] * len(FINDINGS)
    with (data / "nih_densenet121_scores.csv").open(encoding="utf-8") as file:
        soft = {(row["set"], row["nih_name"]): row for row in csv.DictReader(file)}
    out: list[dict[str, object]] = []

    def add(folder: str, file: str, **facts: object) -> None:
        base = {"view": "", "age": float("nan"), "labels": unknown, "soft": unknown, "may_train": True}
        out.append(base | facts | {"source": folder, "path": data / folder / file, "name": file})

    for folder in ("nih_adult", "nih_multi", "nih_adult_64px"):
        for row in _rows(data / folder):
            add(
                folder, row["file"], patient=f"nih {int(row['patient_id'])}", view=row["view"],
                age=float(row["age"] or "nan"), labels=_nih_labels(row),
                soft=_nih_soft(soft.get((folder, row["nih_name"]))),
            )  # fmt: skip
    for row in _rows(data / "nih_effusion"):
        is_normal = row["label"] == "normal"
        labels = [0.0] * len(FINDINGS) if is_normal else list(unknown)
        if not is_normal:
            labels[list(FINDINGS).index("abnormal")] = labels[list(FINDINGS).index("effusion")] = 1.0
        add("nih_effusion", row["file"], patient=f"effusion {row['file']}", labels=labels)
    for row in _rows(data / "kermany"):
        add("kermany", row["file"], patient=_patient_of(row["file"]), view="AP", age=3.0)
    for row in _rows(data / "lung_masks"):
        add(
            "lung_masks", row["file"], patient=f"covid {row['patient_id']}", view=row["view"].split(" ")[0],
            age=float(row["age"] or "nan"), may_train=not _FORBIDDEN.search(row["license"]),
        )  # fmt: skip
    for row in _rows(data / "chest_anatomy"):
        add(
            "chest_anatomy", row["file"], patient=f"covid {row['patientid']}", view=row["view"].split(" ")[0],
            age=float(row["age"] or "nan"), may_train=not _FORBIDDEN.search(row["license"]),
        )  # fmt: skip
    return out


def load(data: Path | None = None, cache: Path = Path(".cache/training")) -> Table:
    """Return the table, from the cache where it is there.

    Raises
    ------
    FileNotFoundError
        ECG_ENGINE_DATA names no folder that holds ``cxr``.
    """
    from ecg_engine.dicom.radiographs import read_radiograph
    from ecg_engine.radiograph.preparation import fit, prepare

    folder = (data or Path(os.environ.get("ECG_ENGINE_DATA", ".data"))) / "cxr"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; set ECG_ENGINE_DATA to the reference data")
    kept = cache / "chest_images.npz"
    if kept.exists():
        with np.load(kept) as held:
            return Table(**{key: held[key] for key in held.files})
    rows = _described(folder)
    squares = np.empty((len(rows), SIZE, SIZE), np.uint8)
    inside = np.empty((len(rows), 4), np.int64)
    for i, row in enumerate(rows):
        picture = read_radiograph(str(row["path"]))
        squares[i] = np.rint(prepare(picture, size=SIZE) * 255)
        inside[i] = fit(picture.shape, SIZE)
    table = Table(
        squares=squares,
        inside=inside,
        labels=np.array([row["labels"] for row in rows], np.float32),
        soft=np.array([row["soft"] for row in rows], np.float32),
        **{
            key: np.array([row[key] for row in rows])
            for key in ("source", "patient", "view", "age", "may_train", "name")
        },
    )
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(kept, **{key: getattr(table, key) for key in table.__slots__})  # type: ignore[arg-type]
    return table


def folds_by_patient(table: Table, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row; a patient stands in one fold only, in whatever set."""
    names, at = np.unique(table.patient, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    folds: NDArray[np.int64] = (order % n_folds)[at]
    return folds
