"""The gate: is it a chest, frontal or lateral, how turned, black and white exchanged, mirrored, a child.

    python -m training.chest_gate --out ecg_engine/models/weights     # cross-validation, then the weight and its card
    python -m training.chest_gate --smoke                             # a minute, nothing kept

EfficientNet-Lite0's first five stages at 128 px, five heads. Turned, inverted and mirrored pictures are made from
upright ones; what is no chest is drawn, cut from chests at high magnification, or a photograph. Laterals are few (12
images): each is held out once, by patient, before the figures are written.
"""

from __future__ import annotations

import argparse
import time
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

SIZE, STAGES, SEED = 128, 5, 20260115
KINDS = ("frontal", "lateral", "other_radiograph", "no_radiograph")
TURNS = (0, 90, 180, 270)
HEADS = {"kind": len(KINDS), "turned": len(TURNS), "inverted": 1, "mirrored": 1, "child": 1}
#: Share of each kind in a batch.
SHARES = (0.55, 0.15, 0.2, 0.1)
CHILD_YEARS, ADULT_YEARS = 12, 18
VERSION = "1.0"
#: Operating points of the gate, chosen on the cross-validation: none may cost more than a few adults in a thousand.
THRESHOLDS = {
    "chest": 0.8, "lateral": 0.5, "upright": 0.5, "inverted": 0.5, "mirrored": 0.9, "child": 0.9,
    "child_against_header": 0.98,
}  # fmt: skip
DATA = [
    {
        "name": "ChestX-ray14, 3,287 images",
        "licence": "NIH Clinical Center, no restriction",
        "cite": "Wang et al. 2017",
    },
    {"name": "Labeled Chest X-Ray Images, 1,800 images", "licence": "CC BY 4.0", "cite": "Kermany et al. 2018"},
    {
        "name": "COVID-19 image data collection, 341 images",
        "licence": "CC BY, CC BY-SA, or unstated; none marked NC or ND",
        "cite": "Cohen et al. 2020",
    },
    {"name": "Photographs of scikit-image", "licence": "public domain or CC0", "cite": "van der Walt et al. 2014"},
    {"name": "ImageNet, by the weights of EfficientNet-Lite0", "licence": "Apache-2.0", "cite": "Tan and Le 2019"},
]


class Gate(nn.Module):
    """Logits of every head, side by side; and the mean features, for the distance from what was seen in training."""

    def __init__(self, body: Lite0) -> None:
        super().__init__()
        self.body = body
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(body.channels, sum(HEADS.values()))

    def features(self, x: Tensor) -> Tensor:
        return self.body(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.drop(self.features(x)))
        return out


class Source:
    """Draws batches from the rows it is given."""

    def __init__(self, table: Table, rows: NDArray[np.int64], photographs: list[pic.Picture]) -> None:
        self.table, self.photographs = table, photographs
        is_lateral = table.view[rows] == "L"
        self.lateral = rows[is_lateral]
        frontal = rows[~is_lateral]
        # Each set is drawn as often as the square root of its size.
        _, at, counts = np.unique(table.source[frontal], return_inverse=True, return_counts=True)
        weight = 1 / np.sqrt(counts[at])
        self.frontal, self.weight = frontal, weight / weight.sum()

    def batch(self, rng: np.random.Generator, n: int) -> tuple[Tensor, dict[str, Tensor]]:
        kinds = rng.choice(len(KINDS), n, p=SHARES)
        squares = np.zeros((n, 1, 256, 256), np.float32)
        child = np.full(n, np.nan)
        for i, kind in enumerate(kinds):
            squares[i, 0], child[i] = self._one(rng, int(kind))
        turned, inverted, mirrored = (
            rng.choice(4, n, p=(0.55, 0.15, 0.15, 0.15)),
            rng.random(n) < 0.3,
            rng.random(n) < 0.25,
        )
        out = pic.toned(torch.from_numpy(squares), rng, gamma=0.5, noise_sd=0.04, blur=0.4)
        out = torch.where(torch.from_numpy(inverted)[:, None, None, None], 1 - out, out)
        out = torch.where(torch.from_numpy(mirrored)[:, None, None, None], out.flip(3), out)
        for k in (1, 2, 3):
            which = torch.from_numpy(turned == k)
            out[which] = torch.rot90(out[which], -k, (2, 3))
        out = pic.varied(out, rng, SIZE, turn_deg=8, scale=0.2, shift=0.12, squash=0.12)
        is_chest = kinds < 2
        frontal = kinds == 0

        def masked(values: NDArray[np.generic], known: NDArray[np.bool_]) -> Tensor:
            return torch.from_numpy(np.where(known, values.astype(np.float64), np.nan).astype(np.float32))

        return out, {
            "kind": torch.from_numpy(kinds),
            "turned": torch.from_numpy(np.where(is_chest, turned, -100)),
            "inverted": masked(inverted, is_chest),
            "mirrored": masked(mirrored, frontal),
            "child": masked(child, frontal),
        }

    def _one(self, rng: np.random.Generator, kind: int) -> tuple[pic.Picture, float]:
        if kind < 2:
            row = rng.choice(self.frontal, p=self.weight) if kind == 0 else rng.choice(self.lateral)
            age = float(self.table.age[row])
            child = 1.0 if age < CHILD_YEARS else 0.0 if age >= ADULT_YEARS else np.nan
            return pic.stretched(self.table.squares[row], self.table.inside[row]), child
        which = rng.random()
        if kind == 3:
            if which < 0.5:
                photo = self.photographs[int(rng.integers(len(self.photographs)))]
                return pic.crop_of(rng, photo, 256, 0.4, 1.0), np.nan
            return (pic.noise if which < 0.75 else pic.text_page)(rng, 256), np.nan
        if which < 0.45:
            return pic.limb(rng, 256), np.nan
        if which < 0.65:
            return pic.phantom(rng, 256), np.nan
        row = rng.choice(self.frontal, p=self.weight)
        whole = pic.stretched(self.table.squares[row], self.table.inside[row])
        return pic.crop_of(rng, whole, 256, 0.18, 0.4), np.nan


def loss_of(logits: Tensor, truth: dict[str, Tensor]) -> Tensor:
    """Return the sum over the heads, each over what is known."""
    total = logits.new_zeros(())
    for (name, _), part in zip(HEADS.items(), logits.split(list(HEADS.values()), 1), strict=True):
        if name in ("kind", "turned"):
            total = total + F.cross_entropy(part, truth[name], label_smoothing=0.02, ignore_index=-100)
            continue
        known = torch.isfinite(truth[name])
        if known.any():
            total = total + F.binary_cross_entropy_with_logits(part[known, 0], truth[name][known] * 0.98 + 0.01)
    return total


def train(table: Table, rows: NDArray[np.int64], *, steps: int, seed: int, batch: int = 32, say: str = "") -> Gate:
    """Return a gate trained on `rows`."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    source = Source(table, rows, pic.photograph_crops())
    net = Gate(pretrained(STAGES)).to(memory_format=torch.channels_last)
    slow, fast = list(net.body.parameters()), list(net.head.parameters())
    optimiser = torch.optim.AdamW([{"params": slow, "lr": 1e-3}, {"params": fast, "lr": 3e-3}], weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [1e-3, 3e-3], total_steps=steps, pct_start=0.15)
    net.train()
    started, shown = time.monotonic(), 0.0
    for step in range(steps):
        x, truth = source.batch(rng, batch)
        loss = loss_of(net(x.contiguous(memory_format=torch.channels_last)), truth)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        shown = 0.95 * shown + 0.05 * float(loss) if step else float(loss)
        if step % 50 == 0:
            print(f"{say} step {step}/{steps} loss {shown:.3f} {time.monotonic() - started:.0f} s", flush=True)
    return net.eval()


@torch.no_grad()
def probabilities(net: Gate, inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return each head's probabilities of (n, 1, 128, 128) inputs."""
    logits = torch.cat([net(torch.from_numpy(inputs[i : i + 64])) for i in range(0, len(inputs), 64)])
    out = {}
    for (name, _), part in zip(HEADS.items(), logits.split(list(HEADS.values()), 1), strict=True):
        out[name] = (part.softmax(1) if name in ("kind", "turned") else part.sigmoid()[:, 0]).numpy()
    return out


def inputs_of(table: Table, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (n, 1, 128, 128): the pictures as the product prepares them."""
    from ecg_engine.radiograph.inputs import network_input

    return np.concatenate(
        [network_input(pic.stretched(table.squares[row], table.inside[row]), size=SIZE) for row in rows]
    )


def held_out(net: Gate, table: Table, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Return every head's probabilities of `rows` upright, turned (``turned90`` ...), inverted and mirrored."""
    x = inputs_of(table, rows)
    inside = table.inside[rows] * SIZE // 256
    inverted = x.copy()
    for one, (top, left, height, width) in zip(inverted[:, 0], inside, strict=True):
        part = one[top : top + height, left : left + width]
        part[:] = 1 - part
    shown = {"upright": x, "inverted": inverted, "mirrored": x[..., ::-1]}
    shown |= {f"turned{90 * k}": np.rot90(x, -k, (2, 3)) for k in (1, 2, 3)}
    out: dict[str, NDArray[np.float32]] = {"rows": rows.astype(np.float32)}
    for name, pictures in shown.items():
        for head, values in probabilities(net, np.ascontiguousarray(pictures)).items():
            out[f"{name}.{head}"] = values
    return out


def cross_validate(table: Table, *, n_folds: int, steps: int, cache: Path) -> None:
    """Train once for each fold and keep what each net says of the patients it never saw."""
    folds = folds_by_patient(table, n_folds, SEED)
    for fold in range(n_folds):
        kept = cache / f"chest_gate_fold{fold}.npz"
        if kept.exists():
            continue
        rows = np.flatnonzero((folds != fold) & table.may_train)
        net = train(table, rows, steps=steps, seed=SEED + fold, say=f"fold {fold}")
        torch.save(net.state_dict(), cache / f"chest_gate_fold{fold}.pt")
        np.savez(kept, **held_out(net, table, np.flatnonzero(folds == fold)))


class Served(nn.Module):
    """The net as the product runs it: probabilities of each head, by name."""

    def __init__(self, net: Gate) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        parts = self.net(x).split(list(HEADS.values()), 1)
        return tuple(
            part.softmax(1) if name in ("kind", "turned") else part.sigmoid()
            for name, part in zip(HEADS, parts, strict=True)
        )


def figures(table: Table, cache: Path, n_folds: int) -> dict[str, Any]:
    """Return what the nets of the folds say of the patients that they never saw."""
    said: dict[str, list[NDArray[np.float32]]] = {}
    for fold in range(n_folds):
        path = cache / f"chest_gate_fold{fold}.npz"
        if path.exists():
            with np.load(path) as held:
                for key in held.files:
                    said.setdefault(key, []).append(held[key])
    every = {key: np.concatenate(parts) for key, parts in said.items()}
    rows = every["rows"].astype(np.int64)
    lateral, age = table.view[rows] == "L", table.age[rows]
    frontal = ~lateral
    kind = every["upright.kind"]
    sees_lateral = kind[:, 1] >= 0.5 * (kind[:, 0] + kind[:, 1])
    child = every["upright.child"]

    def share(values: NDArray[np.bool_]) -> float:
        return float(values.mean()) if values.size else float("nan")

    out = {
        "n_frontal": int(frontal.sum()),
        "n_lateral": int(lateral.sum()),
        "frontals_called_frontal": share(~sees_lateral[frontal]),
        "laterals_called_lateral": share(sees_lateral[lateral]),
        "chests_called_chest": share(kind[:, :2].sum(1) >= THRESHOLDS["chest"]),
        "uprights_called_upright": share(every["upright.turned"][frontal].argmax(1) == 0),
        "right_greys_called_right": share(every["upright.inverted"][frontal] < THRESHOLDS["inverted"]),
        "inverted_called_inverted": share(every["inverted.inverted"][frontal] >= THRESHOLDS["inverted"]),
        "unmirrored_called_mirrored": share(every["upright.mirrored"][frontal] >= THRESHOLDS["mirrored"]),
        "mirrored_called_mirrored": share(every["mirrored.mirrored"][frontal] >= THRESHOLDS["mirrored"]),
        "children_under_12_called_children": share(child[frontal & (age < CHILD_YEARS)] >= THRESHOLDS["child"]),
        "adults_called_children": share(child[frontal & (age >= ADULT_YEARS)] >= THRESHOLDS["child"]),
        "adults_refused_against_header": share(
            child[frontal & (age >= ADULT_YEARS)] >= THRESHOLDS["child_against_header"]
        ),
    }
    for k in (1, 2, 3):
        out[f"turned_{90 * k}_told_right"] = share(every[f"turned{90 * k}.turned"][frontal].argmax(1) == k)
    return out


def card_of(found: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the gate's card."""
    return {
        "name": "chest_gate",
        "version": VERSION,
        "weights": "chest_gate.onnx",
        "sha256": "",
        "task": "radiograph_gate",
        "intended_use": "To keep from the chest models what they were not made for. It finds nothing in a patient.",
        "input": {
            "name": "picture", "shape": [1, 1, SIZE, SIZE],
            "preprocessing": "letterboxed square, 1st to 99th percentile of the picture to 0 to 1, area mean",
        },
        "outputs": {name: list(shape) for name, shape in shapes.items()},
        "labels": [],
        "thresholds": THRESHOLDS,
        "architecture": "EfficientNet-Lite0, stem and first five stages, one grey channel, five linear heads",
        "data": DATA,
        "training": {"script": "training/chest_gate.py", "seed": SEED},
        "figures": {
            "how": "Cross-validation by patient; the weight is the first fold's, and never saw its quarter.",
            **found,
        },
        "known_failures": [
            "Laterals are few; a lateral of a child or of a bedridden patient was never seen.",
            "What is no chest was drawn, cut from chests, or photographed: few radiographs of other parts were tried.",
            "Children of 12 to 17 years look like adults; the header's age tells them.",
            "Most children are of one hospital, whose pictures were squashed to a square.",
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the weight and its card")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--smoke", action="store_true")
    said = parser.parse_args()
    torch.set_num_threads(2)
    table = load(cache=said.cache)
    if said.smoke:
        train(table, np.flatnonzero(table.may_train), steps=4, seed=SEED, batch=8, say="smoke")
        return
    cross_validate(table, n_folds=said.folds, steps=said.steps, cache=said.cache)
    if said.out is None:
        return
    net = Gate(pretrained(STAGES))
    net.load_state_dict(torch.load(said.cache / "chest_gate_fold0.pt", weights_only=True))
    write(net.eval(), table, said.cache, said.folds, said.out)


def write(net: Gate, table: Table, cache: Path, n_folds: int, out: Path) -> None:
    """Write the weight and its card, and compare both runtimes."""
    from training.export import check, export, write_card

    served = Served(net)
    shapes = export(served, {"picture": torch.zeros(1, 1, SIZE, SIZE)}, tuple(HEADS), out / "chest_gate.onnx")
    write_card(out / "chest_gate.toml", card_of(figures(table, cache, n_folds), shapes))
    rows = np.random.default_rng(SEED).choice(len(table), 32, replace=False)
    print("largest difference", check(out / "chest_gate.toml", served, inputs_of(table, rows)))


if __name__ == "__main__":
    main()
