"""Findings on adult frontal chest radiographs.

    python -m training.chest_findings --out ecg_engine/models/weights     # figures, then the weight and its card
    python -m training.chest_findings --smoke                             # a minute, nothing kept

EfficientNet-Lite0 at 224 px. Its first five stages keep the weights of ImageNet, their batch statistics those of
radiographs; what they make of each picture, as it is and in several varied versions, is kept, and the later stages are
trained on that. The head is a convolution of one pixel whose map, averaged, is the logit: the map says where (class
activation mapping, Zhou et al. 2016, doi:10.1109/CVPR.2016.319).

The sets know different things (`chest_images`): what a set does not know is masked, small sets are drawn more often,
and figures are told for each set by a model that never saw that set, beside those of held-out patients.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training import pictures as pic
from training.backbone import MEAN, STD, Lite0, pretrained
from training.chest_images import FINDINGS, NIH_SETS, Table, folds_by_patient, load

SIZE, SEED = 224, 20260115
#: Stem of three layers and the blocks of the first five stages, and how many channels come out of them.
FROZEN_LAYERS, FROZEN_CHANNELS = 3 + 1 + 2 + 2 + 3 + 3, 112
CODES = tuple(FINDINGS)
VERSION, VERSIONS = "1.0", 6
#: A finding is listed as seen above this share of those who do not have it.
SPECIFICITY = 0.9
#: A score whose interval reaches below it orders nothing.
LEAST_AUC = 0.7
#: Drains in the treated confound it (Oakden-Rayner et al. 2020, doi:10.1145/3368555.3384468).
NEVER_DEFAULT = ("pneumothorax",)
DATA = [
    {"name": "ChestX-ray14, 3,200 images of adults", "licence": "NIH Clinical Center, no restriction",
     "cite": "Wang et al. 2017, doi:10.1109/CVPR.2017.369"},
    {"name": "Scores of a DenseNet121 for 495 of them, as soft targets", "licence": "MIT", "cite": "reproduce-chexnet"},
    {"name": "ImageNet, by the weights of EfficientNet-Lite0", "licence": "Apache-2.0", "cite": "Tan and Le 2019"},
]  # fmt: skip


class Findings(nn.Module):
    """The whole network: (n, 1, 224, 224) to logits (n, findings) and their maps (n, findings, 7, 7)."""

    def __init__(self, body: Lite0) -> None:
        super().__init__()
        self.early = nn.Sequential(*body.layers[:FROZEN_LAYERS])
        self.late = nn.Sequential(*body.layers[FROZEN_LAYERS:])
        self.drop = nn.Dropout2d(0.3)
        self.head = nn.Conv2d(body.channels, len(CODES), 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, -1.0)

    def encode(self, x: Tensor) -> Tensor:
        y: Tensor = self.early((x - MEAN) / STD)
        return y

    def decode(self, y: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.head(self.drop(self.late(y)))
        return maps.mean((2, 3)), maps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.decode(self.encode(x))


@dataclass(slots=True)
class Features:
    """What the early layers make of the pictures: (versions, n, 112, 14, 14) float16; version 0: as they are."""

    values: NDArray[np.float16]
    rows: NDArray[np.int64]


def adult_rows(table: Table) -> NDArray[np.int64]:
    """Return the rows of adults, or of unknown age, in the sets that know findings."""
    return np.flatnonzero(np.isin(table.source, NIH_SETS) & ~(table.age < 18))


def adapt(net: Findings, table: Table, rows: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Give the early layers' batch normalisation the statistics of radiographs."""
    net.early.train()
    with torch.no_grad():
        for _ in range(24):
            net.encode(_plain(table, rng.choice(rows, 32)))
    net.early.eval()


def _plain(table: Table, rows: NDArray[np.int64]) -> Tensor:
    from ecg_engine.radiograph.inputs import network_input

    return torch.from_numpy(
        np.concatenate([network_input(pic.stretched(table.squares[row], table.inside[row]), size=SIZE) for row in rows])
    )


def _varied(table: Table, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    squares = np.stack([pic.stretched(table.squares[row], table.inside[row]) for row in rows])[:, None]
    out = pic.toned(torch.from_numpy(squares), rng, gamma=0.45, noise_sd=0.03, blur=0.4)
    flipped = torch.from_numpy(rng.random(len(rows)) < 0.5)[:, None, None, None]
    out = torch.where(flipped, out.flip(3), out)
    return pic.varied(out, rng, SIZE, turn_deg=7, scale=0.15, shift=0.1, squash=0.08)


def encode(
    net: Findings, table: Table, rows: NDArray[np.int64], *, versions: int, seed: int, cache: Path | None
) -> Features:
    """Return the features of `rows`, from the cache where they are there."""
    kept = None if cache is None else cache / f"chest_features_{versions}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as held:
            net.load_state_dict(torch.load(kept.with_suffix(".pt"), weights_only=True), strict=False)
            return Features(held["values"], held["rows"])
    rng = np.random.default_rng(seed)
    adapt(net, table, rows, rng)
    values = np.empty((versions, len(rows), FROZEN_CHANNELS, 14, 14), np.float16)
    started = time.monotonic()
    with torch.no_grad():
        for version in range(versions):
            for i in range(0, len(rows), 32):
                part = rows[i : i + 32]
                x = _plain(table, part) if version == 0 else _varied(table, part, rng)
                values[version, i : i + 32] = net.encode(x.contiguous(memory_format=torch.channels_last)).numpy()
            print(f"features {version + 1}/{versions} {time.monotonic() - started:.0f} s", flush=True)
    if kept is not None:
        np.savez(kept, values=values, rows=rows)
        torch.save({k: v for k, v in net.state_dict().items() if k.startswith("early")}, kept.with_suffix(".pt"))
    return Features(values, rows)


def _loss(logits: Tensor, labels: Tensor, soft: Tensor) -> Tensor:
    known = torch.isfinite(labels)
    hard = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0) * 0.94 + 0.03, reduction="none")
    total = (hard * known).sum() / known.sum()
    taught = torch.isfinite(soft)
    if taught.any():
        gap = F.binary_cross_entropy_with_logits(logits, soft.nan_to_num(0.0), reduction="none")
        total = total + 0.3 * (gap * taught).sum() / known.sum()
    return total


def train(
    net: Findings,
    features: Features,
    table: Table,
    use: NDArray[np.bool_],
    *,
    steps: int,
    seed: int,
    batch: int = 48,
    say: str = "",
) -> Findings:
    """Train the late layers on the features of the rows that `use` names; the sets are drawn equally often."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    at = np.flatnonzero(use)
    source = table.source[features.rows[at]]
    _, which, counts = np.unique(source, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(counts[which])
    weight /= weight.sum()
    labels, soft = torch.from_numpy(table.labels[features.rows]), torch.from_numpy(table.soft[features.rows])
    late, head = list(net.late.parameters()), list(net.head.parameters())
    optimiser = torch.optim.AdamW([{"params": late, "lr": 4e-4}, {"params": head, "lr": 2e-3}], weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [4e-4, 2e-3], total_steps=steps, pct_start=0.1)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    net.train()
    net.early.eval()
    started, shown = time.monotonic(), 0.0
    for step in range(steps):
        picked = rng.choice(at, batch, p=weight)
        version = rng.integers(0, len(features.values), batch)
        x = torch.from_numpy(features.values[version, picked].astype(np.float32)).contiguous(
            memory_format=torch.channels_last
        )
        # Two pictures mixed, as much as their labels (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).
        other = torch.from_numpy(rng.permutation(batch))
        share = torch.from_numpy(rng.beta(0.3, 0.3, (batch, 1)).astype(np.float32))
        y, s = labels[picked], soft[picked]
        logits, _ = net.decode(share[..., None, None] * x + (1 - share[..., None, None]) * x[other])
        loss = _loss(logits, share * y + (1 - share) * y[other], share * s + (1 - share) * s[other])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        shown = 0.97 * shown + 0.03 * loss.item() if step else loss.item()
        if step % 100 == 0:
            print(f"{say} step {step}/{steps} loss {shown:.3f} {time.monotonic() - started:.0f} s", flush=True)
    best: Findings = average.module
    return best.eval()


@torch.no_grad()
def logits_of(net: Findings, features: Features, at: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the logits of the pictures as they are."""
    parts = [torch.from_numpy(features.values[0, at[i : i + 64]].astype(np.float32)) for i in range(0, len(at), 64)]
    return torch.cat([net.decode(part)[0] for part in parts]).numpy()


# ------------------------------------------------------------------------------------------------------------- figures


def plain_numbers(table: Table, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what a shortcut could rest on, row by row: brightness, contrast, borders, shape, view."""
    out = []
    for row in rows:
        top, left, height, width = table.inside[row]
        picture = table.squares[row, top : top + height, left : left + width].astype(np.float64) / 255
        edge = np.concatenate(
            [picture[:8].ravel(), picture[-8:].ravel(), picture[:, :8].ravel(), picture[:, -8:].ravel()]
        )
        quantiles = np.percentile(picture, [5, 25, 50, 75, 95])
        out.append(
            [
                picture.mean(), picture.std(), *quantiles, edge.mean(), edge.std(), height / width,
                table.view[row] == "PA", table.view[row] == "AP",
            ]
        )  # fmt: skip
    return np.array(out, np.float64)


def shortcut_scores(
    table: Table, train_rows: NDArray[np.int64], test_rows: NDArray[np.int64], code: int
) -> NDArray[np.float64]:
    """Return how a logistic regression on `plain_numbers` scores `test_rows`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = train_rows[np.isfinite(table.labels[train_rows, code])]
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(
        plain_numbers(table, known), table.labels[known, code] > 0.5
    )
    scores: NDArray[np.float64] = fitted.decision_function(plain_numbers(table, test_rows))
    return scores


def measured(
    table: Table, rows: NDArray[np.int64], logits: NDArray[np.float32], train_rows: NDArray[np.int64]
) -> dict[str, dict[str, Any]]:
    """Return AUC with its interval for each finding, beside the shortcut's, over `rows`."""
    from ecg_engine.evaluation.ranking import auc, auc_interval

    out: dict[str, dict[str, Any]] = {}
    for i, code in enumerate(CODES):
        known = np.isfinite(table.labels[rows, i])
        truth = table.labels[rows[known], i] > 0.5
        if truth.sum() < 5 or (~truth).sum() < 5:
            continue
        groups = table.patient[rows[known]]
        plain = shortcut_scores(table, train_rows, rows[known], i)
        out[code] = {
            "n": int(known.sum()),
            "n_positive": int(truth.sum()),
            "auc": auc(truth, logits[known, i]),
            "auc_95": list(auc_interval(truth, logits[known, i], groups=groups, seed=SEED)),
            "shortcut_auc": auc(truth, plain),
            "shortcut_auc_95": list(auc_interval(truth, plain, groups=groups, seed=SEED)),
        }
    return out


def leave_one_set_out(table: Table, features: Features, *, steps: int, cache: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of each set by a model that saw neither the set nor its patients."""
    out = {}
    for k, held in enumerate(NIH_SETS):
        kept = cache / f"chest_findings_without_{held}.npz"
        source, patient = table.source[features.rows], table.patient[features.rows]
        is_test = source == held
        use = ~is_test & ~np.isin(patient, np.unique(patient[is_test]))
        at = np.flatnonzero(is_test)
        if not kept.exists():
            net = train(fresh(cache), features, table, use, steps=steps, seed=SEED + k, say=f"without {held}")
            np.savez(kept, logits=logits_of(net, features, at))
        with np.load(kept) as found:
            out[held] = measured(table, features.rows[at], found["logits"], features.rows[use])
    return out


def fresh(cache: Path) -> Findings:
    """Return an untrained network whose early layers are those that made the features."""
    net = Findings(pretrained()).to(memory_format=torch.channels_last)
    early = cache / f"chest_features_{VERSIONS}.pt"
    if early.exists():
        net.load_state_dict(torch.load(early, weights_only=True), strict=False)
    return net


def labels_of(
    table: Table, rows: NDArray[np.int64], logits: NDArray[np.float32], held: dict[str, Any], across: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the card's labels: calibration, operating point, and whether a finding may raise urgency."""
    from ecg_engine.evaluation.ranking import calibration_error, fit_platt

    out = []
    for i, code in enumerate(CODES):
        known = np.isfinite(table.labels[rows, i])
        truth, x = table.labels[rows[known], i] > 0.5, logits[known, i].astype(np.float64)
        slope, intercept = fit_platt(truth, x)
        p = 1 / (1 + np.exp(-(slope * x + intercept)))
        threshold = float(np.quantile(p[~truth], SPECIFICITY))
        # Beyond its shortcuts in held-out patients, and in the sets that it never saw.
        sets = [found[code] for found in across.values() if code in found]
        proven = held[code]["auc_95"][0] > held[code]["shortcut_auc"] and all(
            found["auc_95"][0] > 0.5 and found["auc"] > found["shortcut_auc"] for found in sets
        )
        is_default = proven and held[code]["auc_95"][0] >= LEAST_AUC and code not in NEVER_DEFAULT
        out.append(
            {
                "code": code,
                "threshold": threshold,
                "chosen_for": f"specificity {SPECIFICITY:.2f} among held-out patients without it",
                "report": "default" if is_default else "research",
                "calibration": {"slope": slope, "intercept": intercept},
                "figures": held[code]
                | {
                    "sensitivity": float((p[truth] >= threshold).mean()),
                    "specificity": float((p[~truth] < threshold).mean()),
                    "calibration_error_in_sample": calibration_error(truth, p),
                },
            }
        )
    return out


def card_of(labels: list[dict[str, Any]], across: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the card."""
    return {
        "name": "chest_findings",
        "version": VERSION,
        "weights": "chest_findings.onnx",
        "sha256": "",
        "task": "radiograph_findings",
        "intended_use": (
            "To put frontal chest radiographs of adults in the order in which a doctor reads them. It rules nothing "
            "out, and a doctor reads every one of them."
        ),
        "input": {
            "name": "picture", "shape": [1, 1, SIZE, SIZE],
            "preprocessing": "letterboxed square, 1st to 99th percentile of the picture to 0 to 1, area mean",
        },
        "outputs": {name: list(shape) for name, shape in shapes.items()},
        "limits": {"views": ["PA", "AP", "FRONTAL"], "age_min_years": 18},
        "labels": labels,
        "architecture": "EfficientNet-Lite0, one grey channel, a map for each finding, averaged",
        "data": DATA,
        "training": {"script": "training/chest_findings.py", "seed": SEED, "split": "a fifth of the patients held out"},
        "figures_by_unseen_set": {
            "how": "Each set by a model that saw neither the set nor its patients; 95 % intervals over patients.",
            **across,
        },
        "known_failures": [
            "The labels were mined from reports by text: some are wrong, above all opacity and no finding.",
            "It was trained on pictures of 64 to 256 pixels: small nodules and a thin pneumothorax are beyond it.",
            "Drains confound pneumothorax in ChestX-ray14.",
            "Its probabilities are those of the development sets, where more than half of the patients are ill.",
            "Tuberculosis, fractures, foreign bodies, lines and tubes are not among what it looks for.",
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the weight and its card")
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--steps-across", type=int, default=300, help="steps of each model that leaves a set out")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--smoke", action="store_true")
    said = parser.parse_args()
    torch.set_num_threads(2)
    table = load(cache=said.cache)
    rows = adult_rows(table)
    if said.smoke:
        net = Findings(pretrained())
        features = encode(net, table, rows[:64], versions=1, seed=SEED, cache=None)
        train(net, features, table, np.ones(64, bool), steps=4, seed=SEED, batch=8, say="smoke")
        return
    features = encode(fresh(said.cache), table, rows, versions=VERSIONS, seed=SEED, cache=said.cache)
    is_held = folds_by_patient(table, 5, SEED)[features.rows] == 0
    kept = said.cache / "chest_findings.pt"
    net = fresh(said.cache)
    if kept.exists():
        net.load_state_dict(torch.load(kept, weights_only=True))
    else:
        net = train(net, features, table, ~is_held, steps=said.steps, seed=SEED + 100, say="shipped")
        torch.save(net.state_dict(), kept)
    across = leave_one_set_out(table, features, steps=said.steps_across, cache=said.cache)
    at = np.flatnonzero(is_held)
    logits = logits_of(net.eval(), features, at)
    held = measured(table, features.rows[at], logits, features.rows[~is_held])
    for name, found in {"held-out patients": held, **across}.items():
        for code, figures in found.items():
            low, high = figures["auc_95"]
            print(
                f"{name:18} {code:13} n {figures['n_positive']:4}/{figures['n']:4} AUC {figures['auc']:.3f} "
                f"[{low:.3f}, {high:.3f}], shortcut {figures['shortcut_auc']:.3f}"
            )
    if said.out is not None:
        write(net, table, labels_of(table, features.rows[at], logits, held, across), across, said.out)


def write(net: Findings, table: Table, labels: list[dict[str, Any]], across: dict[str, Any], out: Path) -> None:
    """Write the weight and its card, and compare both runtimes."""
    from training.export import check, export, write_card

    shapes = export(net, {"picture": torch.zeros(1, 1, SIZE, SIZE)}, ("logits", "maps"), out / "chest_findings.onnx")
    write_card(out / "chest_findings.toml", card_of(labels, across, shapes))
    rows = np.random.default_rng(SEED).choice(len(table), 32, replace=False)
    print("largest difference", check(out / "chest_findings.toml", net, _plain(table, rows).numpy()))


if __name__ == "__main__":
    main()
