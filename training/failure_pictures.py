"""Where the radiograph models fail, as small pictures: ``docs/known_failures.md``.

    ECG_ENGINE_DATA=... python -m training.failure_pictures --out docs

Outlines of radiographs that nobody outlined; findings on the tenth of the patients that the weight never saw. Only
pictures of ChestX-ray14, which may be shown, no larger than 128 pixels.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

#: Longer side of what is shown, pixels; enlarged by whole pixels so that lines are thin.
SHOWN_PX, TIMES = 128, 2
LUNGS, HEART = (255, 140, 40), (60, 200, 255)
N_OUTLINES, COLUMNS = 6, 3
SHOWN_SETS = ("nih_adult", "nih_multi")
#: Every so many-th picture is looked at.
LOOKED_AT = 5
COUNTED = ("abnormal", "effusion", "cardiomegaly")
QUALITY = 60

Picture = NDArray[np.uint8]


def shown(square: Picture, masks: Sequence[tuple[NDArray[np.bool_], tuple[int, int, int]]] = ()) -> Image.Image:
    """Return a square picture at `SHOWN_PX`, enlarged, with the edges of masks (n, n) in their colours."""
    side = SHOWN_PX * TIMES
    small = Image.fromarray(square).resize((SHOWN_PX, SHOWN_PX), Image.Resampling.BOX)
    out = np.asarray(small.resize((side, side), Image.Resampling.BILINEAR).convert("RGB")).copy()
    for mask, colour in masks:
        large = np.asarray(Image.fromarray(mask).resize((side, side), Image.Resampling.NEAREST))
        out[large ^ ndimage.binary_erosion(large)] = colour
    return Image.fromarray(out)


def montage(pictures: Sequence[Image.Image], path: Path) -> None:
    """Write the pictures side by side, numbered from 1."""
    side = SHOWN_PX * TIMES
    rows = -(-len(pictures) // COLUMNS)
    out = Image.new("RGB", (COLUMNS * side, rows * side))
    for i, picture in enumerate(pictures):
        ImageDraw.Draw(picture).text((4, 2), str(i + 1), fill=(255, 255, 255))
        out.paste(picture, (i % COLUMNS * side, i // COLUMNS * side))
    path.parent.mkdir(parents=True, exist_ok=True)
    out.save(path, quality=QUALITY)


def outlines(cache: Path, data: Path, out: Path) -> list[str]:
    """Draw what the outlines' network makes of radiographs that nobody outlined; return a line about each.

    Those that it trusts least, and those whose ratio it trusts least: what such pictures have in common is to be seen.
    """
    from ecg_engine.radiograph.anatomy import segment
    from ecg_engine.radiograph.inputs import stretch
    from training import chest_images

    table = chest_images.load(data, cache=cache)
    is_adult = np.isin(table.source, SHOWN_SETS) & ~(table.age < chest_images.ADULT_YEARS)
    found = []
    for row in np.flatnonzero(is_adult & (table.view != "L"))[::LOOKED_AT].tolist():
        inside = tuple(int(v) for v in table.inside[row])
        square = stretch(table.squares[row].astype(np.float32) / 255, inside)  # type: ignore[arg-type]
        found.append((row, segment(square, inside=inside)))  # type: ignore[arg-type]
    found.sort(key=lambda one: one[1].confidence)
    unsure = found[: N_OUTLINES // 2]
    sure = [one for one in found if one[1].confidence >= 0.5 and one[1].ratio_error is not None]
    wide = sorted(sure, key=lambda one: -(one[1].ratio_error or 0))[: N_OUTLINES // 2]
    pictures, lines = [], []
    for row, anatomy in (*unsure, *wide):
        masks = [(anatomy.right_lung, LUNGS), (anatomy.left_lung, LUNGS), (anatomy.heart, HEART)]
        pictures.append(shown(table.squares[row], [(mask, colour) for mask, colour in masks if mask.any()]))
        bound = "none" if anatomy.ratio_error is None else f"up to {anatomy.ratio_error:.2f} off"
        name = Path(str(table.name[row])).stem
        lines.append(
            f"{len(lines) + 1}. {table.view[row]}: confidence {anatomy.confidence:.2f}, ratio {bound} ({name})"
        )
    montage(pictures, out / "pictures" / "failures_outlines.jpg")
    return lines


def findings(cache: Path, data: Path, out: Path) -> list[str]:
    """Draw, of each finding that counts, the surest miss and the surest false alarm; return a line about each."""
    from ecg_engine.models import load_model
    from ecg_engine.radiograph.anatomy import segment
    from ecg_engine.radiograph.heart import expected_heart
    from ecg_engine.radiograph.inputs import network_input, stretch
    from training import chest_images
    from training.chest_figures import SEED

    table = chest_images.load(data, cache=cache)
    rows = np.flatnonzero(np.isin(table.source, SHOWN_SETS) & ~(table.age < chest_images.ADULT_YEARS))
    rows = rows[chest_images.folds_by_patient(table, 10, SEED)[rows] == 0]
    model = load_model("chest_findings")
    size = model.card.input_shape[-1]
    codes = [label.code for label in model.card.labels]
    scores = []
    for row in rows:
        inside = tuple(int(v) for v in table.inside[row])
        square = stretch(table.squares[row].astype(np.float32) / 255, inside)  # type: ignore[arg-type]
        anatomy = segment(square, inside=inside, stretched=True)  # type: ignore[arg-type]
        heart = expected_heart(anatomy, inside, view=str(table.view[row]))  # type: ignore[arg-type]
        said = model.scores(model.run(network_input(square, size=size))["logits"], heart)
        scores.append([score.value for score in said])
    values = np.array(scores)
    pictures, lines, used = [], [], set[int]()
    for code in COUNTED:
        column, truth = values[:, codes.index(code)], table.labels[rows, codes.index(code)]
        for wanted, word in ((1.0, "missed"), (0.0, "false alarm")):
            order = np.argsort(column if wanted else -column)
            at = next(int(i) for i in order if truth[i] == wanted and int(i) not in used)
            used.add(at)
            pictures.append(shown(table.squares[rows[at]]))
            name = Path(str(table.name[rows[at]])).stem
            lines.append(f"{len(lines) + 1}. {code}, {word}: score {column[at]:.2f} ({table.view[rows[at]]}, {name})")
    montage(pictures, out / "pictures" / "failures_findings.jpg")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    said = parser.parse_args()
    data = Path(os.environ["ECG_ENGINE_DATA"])
    for draw in (outlines, findings):
        print("\n".join([draw.__name__, *draw(said.cache, data, said.out)]))


if __name__ == "__main__":
    main()
