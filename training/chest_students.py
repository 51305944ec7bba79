"""A noisy student of the outlines' network (Xie et al. 2020, https://arxiv.org/abs/1911.04252).

A trained network outlines radiographs of ChestX-ray14 that nobody outlined, and goes on from there: half of each batch
was drawn by people, half by itself, varied as before. What it is unsure of is left out. Those radiographs are under the
terms of the NIH, which let a weight that ships learn from them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ecg_engine.radiograph._outlines import shortfall
from ecg_engine.radiograph.inputs import stretch
from training import chest_images
from training.chest_segmentation import BATCH, FROZEN, SIZE, Outlines, Pictures, Served, drawn_often, fitted, varied

SEED = 7
#: Sets whose views and ages are known, and how many of their adults' frontal radiographs are outlined.
SETS, OUTLINED = ("nih_adult", "nih_multi"), 360
#: Outlines whose Dice is expected to fall short of 1 by more teach nothing: of a lung, of the heart.
LUNG_SHORT, HEART_SHORT = 0.05, 0.12
STEPS, RATES, PAST = 140, (6e-4, 1.8e-3), 0.97


def unlabelled(table: chest_images.Table, rng: np.random.Generator, count: int = OUTLINED) -> NDArray[np.int64]:
    """Return rows of adults' frontal radiographs that may teach a weight that ships."""
    is_one = np.isin(table.source, SETS) & ~(table.age < chest_images.ADULT_YEARS) & (table.view != "L")
    rows = np.flatnonzero(is_one & table.may_train)
    return np.sort(rng.choice(rows, min(count, len(rows)), replace=False))


def outlined(
    net: Outlines, name: str, table: chest_images.Table, rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the pictures that `net` is sure of: squares, masks, and whether the heart's is to be believed."""
    squares, masks, hearts = [], [], []
    for row in rows:
        inside = tuple(int(v) for v in table.inside[row])
        square = np.rint(stretch(table.squares[row].astype(np.float32) / 255, inside) * 255).astype(np.uint8)  # type: ignore[arg-type]
        with torch.no_grad():
            found = Served(net, (SIZE, SIZE)).eval()(torch.from_numpy(square).float()[None, None] / 255)
            larger = F.interpolate(found, size=(SIZE, SIZE), mode="bilinear", align_corners=False)[0]
        logits = found[0].numpy()
        short = [shortfall(one) for one in logits]
        if max(short[:2]) >= LUNG_SHORT:
            continue
        squares.append(square)
        masks.append(torch.round(255 * torch.sigmoid(larger)).numpy().astype(np.uint8))
        hearts.append(short[2] < HEART_SHORT and name != "lungs_alone")
    return np.array(squares), np.array(masks), np.array(hearts)


def student(
    net: Outlines,
    name: str,
    pictures: Pictures,
    rows: NDArray[np.int64],
    table: chest_images.Table,
    *,
    count: int = OUTLINED,
    steps: int = STEPS,
) -> Outlines:
    """Return `net` trained further on `rows` and on what it outlines itself."""
    rng = np.random.default_rng(SEED)
    squares, masks, hearts = outlined(net, name, table, unlabelled(table, rng, count))
    print(f"{name} student: {len(squares)} pictures outlined, {int(hearts.sum())} hearts", flush=True)
    both = replace(
        pictures,
        squares=np.concatenate([pictures.squares, squares]),
        masks=np.concatenate([pictures.masks, masks]),
        has_heart=np.concatenate([pictures.has_heart, hearts]),
    )
    own, weight = np.arange(len(pictures), len(both.squares)), drawn_often(pictures, rows)

    def batch(_step: int) -> tuple[Tensor, Tensor, Tensor]:
        picked = [rng.choice(rows, BATCH // 2, p=weight), rng.choice(own, BATCH // 2)]
        return varied(both, np.concatenate(picked), SIZE, rng)

    for parameter in net.layers[:FROZEN].parameters():
        parameter.requires_grad_(False)
    return fitted(net.train(), batch, steps, RATES, PAST, f"{name} student")


def kept_student(name: str, net: Outlines, pictures: Pictures, rows: NDArray[np.int64], cache: Path) -> Outlines:
    """Return the student of the network of that name, trained if the cache lacks it."""
    kept = cache / f"chest_outlines_{name}_student.pt"
    if kept.exists():
        net.load_state_dict(torch.load(kept, weights_only=True))
        return net.eval()
    net = student(net, name, pictures, rows, chest_images.load(cache=cache))
    torch.save(net.state_dict(), kept)
    return net
