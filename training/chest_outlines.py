"""Radiographs with outlines drawn by people, and which of them may teach a weight that ships."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ecg_engine.radiograph.preparation import fit, prepare
from ecg_engine.types import Radiograph

SIZE = 512
#: Thumbnails that correlate more are one image.
SAME = 0.985

Floats = NDArray[np.float32]


@dataclass(eq=False)
class Case:
    """An image with its outlines on the square; `heart` is None where nobody drew it.

    Both sets are of one public collection and number its patients alike.
    """

    name: str
    patient: str
    view: str
    sex: str
    age: float
    licence: str
    square: Floats
    inside: tuple[int, int, int, int]
    right: NDArray[np.bool_]
    left: NDArray[np.bool_]
    heart: NDArray[np.bool_] | None

    @property
    def may_ship(self) -> bool:
        word = self.licence.upper()
        return not word or (word.startswith("CC BY") and "NC" not in word and "ND" not in word)


def read_cases(folder: Path) -> list[Case]:
    """Return all frontal images of both sets that have two lungs drawn apart."""
    out = []
    for row in _rows(folder / "lung_masks" / "labels.csv"):
        if row["view"] == "L":
            continue
        square, inside, shape = _square(folder / "lung_masks" / row["file"])
        lungs = _two(_mask(folder / "lung_masks" / row["mask"], shape))
        if lungs is not None:
            name = f"lung_masks/{row['file']}"
            who = (row["patient_id"], row["view"], row["sex"], float(row["age"] or "nan"))
            out.append(Case(name, *who, row["license"].strip(), square, inside, *lungs, None))
    for row in _rows(folder / "chest_anatomy" / "labels.csv"):
        drawn = [row[part] for part in ("right_lung", "left_lung", "cardiomediastinum")]
        if all(drawn):
            square, inside, shape = _square(folder / "chest_anatomy" / row["file"])
            masks = [_largest(_mask(folder / "chest_anatomy" / one, shape)) for one in drawn]
            name = f"chest_anatomy/{row['file']}"
            who = (row["patientid"], row["view"], row["sex"], float(row["age"] or "nan"))
            out.append(Case(name, *who, row["license"].strip(), square, inside, *masks))
    _join_patients(out)
    return out


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _square(path: Path) -> tuple[Floats, tuple[int, int, int, int], tuple[int, int]]:
    stored = np.asarray(Image.open(path).convert("L"))
    radiograph = Radiograph(stored=stored, bits_stored=8, photometric="MONOCHROME2")
    return prepare(radiograph, size=SIZE), fit(radiograph.shape, SIZE), radiograph.shape


def _mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    top, left, rows, columns = fit(shape, SIZE)
    out = np.zeros((SIZE, SIZE), np.bool_)
    drawn = Image.open(path).convert("L").resize((columns, rows), Image.Resampling.NEAREST)
    out[top : top + rows, left : left + columns] = np.asarray(drawn) > 0
    return out


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, _ = ndimage.label(mask)
    return labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1


def _two(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Return the lung on the left of the picture and the other; None where they are not two.

    What a narrow bridge joins is parted there: each pixel goes to the lung whose core is nearer.
    """
    labels, count = ndimage.label(ndimage.binary_opening(mask, iterations=2))
    if count < 2:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    first, second = np.argsort(sizes)[::-1][:2]
    if sizes[second] < 0.15 * sizes[first]:
        return None
    pair = sorted((first + 1, second + 1), key=lambda k: ndimage.center_of_mass(labels == k)[1])
    away = [ndimage.distance_transform_edt(labels != k) for k in pair]
    is_first = away[0] <= away[1]
    return mask & is_first, mask & ~is_first


def _join_patients(cases: Sequence[Case]) -> None:
    """Give patients of whom one image stands twice one name; a licence forbids what one of its copies' forbids."""
    small = []
    for case in cases:
        top, left, rows, columns = case.inside
        picture = Image.fromarray((case.square[top : top + rows, left : left + columns] * 255).astype(np.uint8))
        values = np.asarray(picture.resize((24, 24), Image.Resampling.BILINEAR), np.float64).ravel()
        small.append((values - values.mean()) / np.linalg.norm(values - values.mean()))
    same = np.triu(np.array(small) @ np.array(small).T, 1) > SAME
    for i, j in zip(*np.nonzero(same), strict=True):
        if not (cases[i].may_ship and cases[j].may_ship):
            worse = cases[i].licence if not cases[i].may_ship else cases[j].licence
            cases[i].licence = cases[j].licence = worse
        old, new = cases[j].patient, cases[i].patient
        for case in cases:
            if case.patient == old:
                case.patient = new
