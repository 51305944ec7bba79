"""Signs of pneumonia on frontal chest radiographs of children of 1 to 5 years.

    python -m training.paediatric_pneumonia --out ecg_engine/models/weights   # figures, then the weight and its card
    python -m training.paediatric_pneumonia --smoke                           # seconds, nothing kept

The first five stages of EfficientNet-Lite0 keep the weights of ImageNet; what they make of each picture, as it is and
in varied versions, is kept, and a small head is trained on that. The pictures come from one hospital, squashed to a
square, and their greys alone tell the classes apart to some extent: exposure, gamma, blur, crop and border are varied,
and what such plain numbers reach alone stands on the card. The finding stays `research` until another hospital's
pictures confirm it.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training import pictures as pic
from training.backbone import Lite0, pretrained
from training.chest_images import Table, folds_by_patient, load

SIZE, SEED, STAGES, FOLDS = 224, 20261128, 5, 5
CODE, VERSION, VERSIONS = "pneumonia_paediatric", "1.0", 2
#: A finding is listed as seen above this share of those who do not have it.
SPECIFICITY = 0.9
DATA = [
    {"name": "Kermany, 1,800 chest radiographs of children of 1 to 5 years, one hospital", "licence": "CC BY 4.0",
     "cite": "Kermany et al. 2018, doi:10.1016/j.cell.2018.02.010"},
    {"name": "ImageNet, by the weights of EfficientNet-Lite0", "licence": "Apache-2.0", "cite": "Tan and Le 2019"},
]  # fmt: skip


class Pneumonia(nn.Module):
    """(n, 1, 224, 224) to a logit (n, 1) and its map (n, 1, 7, 7)."""

    def __init__(self, body: Lite0) -> None:
        super().__init__()
        self.body = body
        self.late = nn.Sequential(
            nn.Conv2d(body.channels, 96, 3, 2, 1, bias=False), nn.BatchNorm2d(96), nn.ReLU(),
            nn.Dropout2d(0.2), nn.Conv2d(96, 1, 1),
        )  # fmt: skip

    def decode(self, y: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.late(y)
        return maps.mean((2, 3)), maps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.decode(self.body(x))


def truth_of(table: Table, rows: NDArray[np.int64], data: Path) -> NDArray[np.float32]:
    """Return 1 for pneumonia and 0 for normal, row by row."""
    with (data / "cxr" / "kermany" / "labels.csv").open(encoding="utf-8") as file:
        said = {row["file"]: row["label"] for row in csv.DictReader(file)}
    return np.array([said[str(name)] != "NORMAL" for name in table.name[rows]], np.float32)


def _plain(table: Table, rows: NDArray[np.int64]) -> Tensor:
    from ecg_engine.radiograph.inputs import SQUASHED, prepared

    pictures = [
        prepared(
            pic.stretched(table.squares[row], table.inside[row]),
            tuple(int(v) for v in table.inside[row]),  # type: ignore[arg-type]
            size=SIZE,
            name=SQUASHED,
        )
        for row in rows
    ]
    return torch.from_numpy(np.concatenate(pictures))


def _varied(table: Table, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    out = pic.toned(_plain(table, rows), rng, gamma=0.6, noise_sd=0.03, blur=0.4)
    flipped = torch.from_numpy(rng.random(len(rows)) < 0.5)[:, None, None, None]
    out = torch.where(flipped, out.flip(3), out)
    return pic.varied(out, rng, SIZE, turn_deg=7, scale=0.15, shift=0.08, squash=0.15)


@torch.no_grad()
def encode(net: Pneumonia, table: Table, rows: NDArray[np.int64], versions: int, cache: Path | None) -> NDArray[Any]:
    """Return (versions, n, 112, 14, 14) float16; version 0: the pictures as they are."""
    parts = []
    net.eval()
    for version in range(versions):
        kept = None if cache is None else cache / f"paediatric_features_{version}.npy"
        if kept is not None and kept.exists():
            parts.append(np.load(kept))
            continue
        rng, started, found = np.random.default_rng([SEED, version]), time.monotonic(), []
        for i in range(0, len(rows), 24):
            part = rows[i : i + 24]
            x = _plain(table, part) if version == 0 else _varied(table, part, rng)
            found.append(net.body(x.contiguous(memory_format=torch.channels_last)).numpy().astype(np.float16))
        parts.append(np.concatenate(found))
        if kept is not None:
            np.save(kept, parts[-1])
        print(f"features {version + 1}/{versions} {time.monotonic() - started:.0f} s", flush=True)
    return np.stack(parts)


def train(net: Pneumonia, values: NDArray[Any], truth: NDArray[np.float32], use: NDArray[np.int64], *,
          steps: int, seed: int, batch: int = 48) -> Pneumonia:  # fmt: skip
    """Train the head on the features of the rows `use`."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(net.late.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps, pct_start=0.1)
    net.eval()
    net.late.train()
    for _ in range(steps):
        picked = rng.choice(use, batch)
        x = torch.from_numpy(values[rng.integers(0, len(values), batch), picked].astype(np.float32))
        loss = F.binary_cross_entropy_with_logits(net.decode(x)[0][:, 0], torch.from_numpy(truth[picked]) * 0.94 + 0.03)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def logits_of(net: Pneumonia, values: NDArray[Any], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logits of the pictures whose features these are."""
    parts = [torch.from_numpy(values[at[i : i + 64]].astype(np.float32)) for i in range(0, len(at), 64)]
    return torch.cat([net.decode(part)[0] for part in parts]).numpy()[:, 0].astype(np.float64)


def shortcuts(
    table: Table, rows: NDArray[np.int64], truth: NDArray[np.float32], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how a logistic regression on brightness, contrast, quantiles and border scores rows out of fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from training.chest_shortcuts import plain_numbers

    x, out = plain_numbers(table, rows), np.zeros(len(rows))
    for k in np.unique(fold):
        fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        fitted.fit(x[fold != k], truth[fold != k] > 0.5)
        out[fold == k] = fitted.decision_function(x[fold == k])
    return out


def label_of(
    truth: NDArray[np.float32], logits: NDArray[np.float64], plain: NDArray[np.float64], patient: NDArray[Any]
) -> dict[str, Any]:
    """Return the card's label, from logits out of fold."""
    from ecg_engine.evaluation.ranking import auc, auc_interval, calibration_error, fit_platt

    yes = truth > 0.5
    slope, intercept = fit_platt(yes, logits)
    p = 1 / (1 + np.exp(-(slope * logits + intercept)))
    threshold = float(np.quantile(p[~yes], SPECIFICITY))
    return {
        "code": CODE,
        "threshold": threshold,
        "chosen_for": f"specificity {SPECIFICITY:.2f} among held-out patients without it",
        "report": "research",
        "calibration": {"slope": slope, "intercept": intercept},
        "figures": {
            "n": len(yes),
            "n_positive": int(yes.sum()),
            "auc": auc(yes, logits),
            "auc_95": list(auc_interval(yes, logits, groups=patient, seed=SEED)),
            "shortcut_auc": auc(yes, plain),
            "shortcut_auc_95": list(auc_interval(yes, plain, groups=patient, seed=SEED)),
            "sensitivity": float((p[yes] >= threshold).mean()),
            "specificity": float((p[~yes] < threshold).mean()),
            "calibration_error": calibration_error(yes, p),
        },
    }


def errors_told(label: Mapping[str, Any]) -> str:
    """Return in words how many children out of fold the threshold gets wrong."""
    figures = label["figures"]
    with_it, without = figures["n_positive"], figures["n"] - figures["n_positive"]
    missed, false = (1 - figures["sensitivity"]) * with_it, (1 - figures["specificity"]) * without
    return (
        f"At its threshold it missed {missed:.0f} of {with_it} children with pneumonia and called {false:.0f} of "
        f"{without} without it ill, each scored by a network that had not seen the child."
    )


def card_of(label: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the card."""
    return {
        "name": CODE,
        "version": VERSION,
        "weights": f"{CODE}.onnx",
        "sha256": "",
        "task": "radiograph_findings",
        "intended_use": "Research. Signs of pneumonia on a frontal chest radiograph of a child of 1 to 5 years; it "
        "rules nothing out, raises no urgency, and a doctor reads every one of them.",
        "architecture": "First five stages of EfficientNet-Lite0, one grey channel, a small head; the map, averaged",
        "known_failures": [
            "One hospital's children: nobody knows what it does elsewhere.",
            "The two classes differ in exposure; what that alone reaches stands beside the figures.",
            "Children of 1 to 5 years: it means nothing on infants, older children and adults.",
            "Viral and bacterial pneumonia are one; effusion, tuberculosis and foreign bodies are not looked for.",
            errors_told(label),
        ],
        "input": {"name": "picture", "shape": [1, 1, SIZE, SIZE], "preprocessing": "squashed_224"},
        "outputs": {name: list(shape) for name, shape in shapes.items()},
        "limits": {"views": ["PA", "AP", "FRONTAL"], "age_min_years": 1, "age_max_years": 5},
        "labels": [label],
        "training": {
            "data": DATA,
            "split": f"{FOLDS} folds by patient, the patient taken from the file name; the figures are out of fold, "
            "the weight is trained on all",
            "seed": SEED,
        },
    }


def main() -> None:
    """Make the weight, or try the way there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the weight and its card; without: figures only")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--smoke", action="store_true", help="few pictures and steps; nothing is kept")
    said = parser.parse_args()
    torch.set_num_threads(1)
    data = Path(os.environ.get("ECG_ENGINE_DATA", ".data"))
    table = load(data, cache=said.cache)
    rows = np.flatnonzero(table.source == "kermany")
    versions, steps = VERSIONS, said.steps
    if said.smoke:
        rows, versions, steps = np.random.default_rng(SEED).choice(rows, 60, replace=False), 2, 20
    truth, fold = truth_of(table, rows, data), folds_by_patient(table, FOLDS, SEED)[rows]
    values = encode(Pneumonia(pretrained(STAGES)), table, rows, versions, None if said.smoke else said.cache)
    logits = np.zeros(len(rows))
    for k in range(FOLDS):
        net = train(Pneumonia(pretrained(STAGES)), values, truth, np.flatnonzero(fold != k), steps=steps, seed=SEED + k)
        logits[fold == k] = logits_of(net, values[0], np.flatnonzero(fold == k))
    label = label_of(truth, logits, shortcuts(table, rows, truth, fold), table.patient[rows])
    print({key: np.round(value, 4).tolist() for key, value in label["figures"].items()}, flush=True)
    if said.out is not None and not said.smoke:
        from training.export import check, export, write_card

        net = train(Pneumonia(pretrained(STAGES)), values, truth, np.arange(len(rows)), steps=steps, seed=SEED)
        shapes = export(net, {"picture": torch.zeros(1, 1, SIZE, SIZE)}, ("logits", "maps"), said.out / f"{CODE}.onnx")
        write_card(said.out / f"{CODE}.toml", card_of(label, shapes))
        print("largest difference", check(said.out / f"{CODE}.toml", net, _plain(table, rows[:32]).numpy()))


if __name__ == "__main__":
    main()
