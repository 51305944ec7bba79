"""Fit the weights of the quality score (``ecg_engine/detection/quality_score.toml``) to experts' labels.

    ECG_ENGINE_DATA=... python -m training.quality_score

Needs NumPy and scikit-learn; seconds on one core. Every figure printed is of recordings that the weights which made it
have not seen: each record is of its own, five folds, three times.
"""

from __future__ import annotations

import csv
import itertools
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecg_engine.detection.quality_score import FAULTS, known_faults

#: Inverse strength of the L2 penalty: between 0.03 and 0.1 the figures do not change.
PENALTY = 0.05
SEEDS = (20260115, 20260116, 20260117)
#: I, II and V1 to V6: what a recording with eight leads holds.
EIGHT = (0, 1, 6, 7, 8, 9, 10, 11)
TARGET = Path(__file__).resolve().parent.parent / "ecg_engine" / "detection" / "quality_score.toml"

Floats = NDArray[np.float64]


def read_labelled(data: Path) -> tuple[list[Floats], NDArray[np.bool_], float]:
    """Return the labelled recordings, mV, whether each is unacceptable, and their rate."""
    folder = data / "ecg" / "quality2011"
    packed = np.load(folder / "twelve_lead_125hz.npz")
    with open(folder / "twelve_lead_125hz.csv", newline="") as file:
        groups = [row["group"] for row in csv.DictReader(file)]
    scale = float(packed["uV_per_unit"]) / 1000
    known = [i for i, group in enumerate(groups) if group]
    signals = [packed["x"][i] * scale for i in known]
    return signals, np.array([groups[i].startswith("II_") for i in known]), float(packed["fs"])


def inputs(faults: Floats) -> Floats:
    """Return what the sum weighs: the worst and the mean over the leads, (n, 12) of (n, n_leads, 6)."""
    return np.concatenate([faults.max(axis=1), faults.mean(axis=1)], axis=1)


def fit(faults: Floats, bad: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return weights and offset for faults in their own units."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=2000)).fit(inputs(faults), bad)
    scaler, logistic = model[0], model[1]
    weights = logistic.coef_[0] / scaler.scale_
    return weights, float(logistic.intercept_[0] - weights @ scaler.mean_)


def figures(faults: Floats, bad: NDArray[np.bool_]) -> list[str]:
    """Return what the folds say, of all leads and of eight."""
    areas: dict[str, list[float]] = {"12 leads": [], "8 leads": []}
    refused = []
    for seed in SEEDS:
        seen = {name: np.zeros(len(bad)) for name in areas}
        for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(faults, bad):
            weights, offset = fit(faults[train], bad[train])
            seen["12 leads"][test] = inputs(faults[test]) @ weights + offset
            seen["8 leads"][test] = inputs(faults[test][:, EIGHT]) @ weights + offset
        for name, values in seen.items():
            areas[name].append(float(roc_auc_score(bad, values)))
        refused.append((seen["12 leads"][bad] > 0).mean())
    lines = [f"AUC, {name}: {np.mean(a):.3f} ({min(a):.3f} to {max(a):.3f})" for name, a in areas.items()]
    return [*lines, f"score below 0.5: {np.mean(refused):.2f} of the unacceptable"]


def single_leads(data: Path, weights: Floats, offset: float) -> str:
    """Return how the score tells noisy single leads of another set from the rest: no weight was fitted to it."""
    folder = data / "ecg" / "cinc2017"
    packed = np.load(folder / "single_lead_100hz.npz")
    with open(folder / "single_lead_100hz.csv", newline="") as file:
        noisy = np.array([row["label_v3"] == "~" for row in csv.DictReader(file)])
    fs, edges = float(packed["fs"]), packed["offset"]
    samples, gain = packed["x"], float(packed["gain_per_mV"])
    sums = []
    for a, b in itertools.pairwise(edges.tolist()):
        pieces = np.array_split(samples[a:b] / gain, max(1, round((b - a) / fs / 10)))
        faults = np.array([known_faults(piece[np.newaxis], fs) for piece in pieces])
        sums.append(float(np.mean(inputs(faults) @ weights + offset)))
    area = roc_auc_score(noisy, sums)
    return f"AUC of PhysioNet/CinC 2017, {int(noisy.sum())} noisy of {len(noisy)} leads: {area:.3f}"


def main() -> None:
    """Fit, judge, write."""
    data = Path(os.environ["ECG_ENGINE_DATA"])
    signals, bad, fs = read_labelled(data)
    faults = np.array([known_faults(signal, fs) for signal in signals])
    weights, offset = fit(faults, bad)
    said = [f"{len(bad)} recordings, {int(bad.sum())} unacceptable", *figures(faults, bad)]
    said.append(single_leads(data, weights, offset))
    print(*said, sep="\n")
    lines = [
        "# Made by training/quality_score.py; do not edit.",
        'what = "weights of a logistic sum over the faults of the worst and the mean lead: how bad"',
        'data = "PhysioNet/CinC Challenge 2011, set a: twelve leads, 10 s, 125 Hz, from mobile telephones"',
        'licence = "ODC-By 1.0"',
        'limits = "labels of volunteers, who disagree about short artefacts in one lead; no figure for children"',
        f"seed = {SEEDS[0]}",
        "# Of recordings that the fit had not seen: five folds, three times.",
        "figures = [",
        *(f'    "{line}",' for line in said),
        "]",
        "",
        "[weights]",
        f"offset = {offset:.4f}",
    ]
    for part, values in (("worst", weights[: len(FAULTS)]), ("mean", weights[len(FAULTS) :])):
        lines += ["", f"[weights.{part}]", *(f"{n} = {v:.4f}" for n, v in zip(FAULTS, values, strict=True))]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
