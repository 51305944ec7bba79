"""Figures, card and page of the rhythm model of one lead, all of strips that the network had not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ecg_engine.evaluation.ranking import auc, calibration_error, threshold_for_sensitivity
from ecg_engine.measurement.single_lead_input import LENGTH
from ecg_engine.measurement.single_lead_numbers import FS, NUMBERS

CODES = ("normal", "atrial_fibrillation", "other", "noisy")
NAME, VERSION = "rhythm_single_lead", "1.5"
#: A label whose calibration errs more is shown and never counts for urgency.
LARGEST_CALIBRATION_ERROR = 0.05


def f1_of(y: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F1 of each label, as the Challenge scored."""
    k = range(len(CODES))
    return np.array([2 * np.sum((y == c) & (said == c)) / max(1, np.sum(y == c) + np.sum(said == c)) for c in k])


def fit_calibration(
    scores: NDArray[np.float64], y: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return slopes and offsets that make the softmax of ``sum(slope * scores) + offsets`` likeliest.

    Temperature scaling with a bias for each class (Guo et al. 2017, ICML), over any number of models (stacking;
    Wolpert 1992, Neural Networks 5:241): (models, n, classes) scores.
    """
    x, truth = torch.from_numpy(scores), torch.from_numpy(y)
    slopes = torch.full((len(x), 1, 1), 1.0 / len(x), dtype=torch.float64).requires_grad_()
    offsets = torch.zeros(x.shape[2], dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.LBFGS([slopes, offsets], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy((slopes * x).sum(0) + offsets, truth)
        value.backward()
        return value

    optimizer.step(loss)
    found = offsets.detach().numpy()
    return slopes.detach().numpy().ravel(), found - found.mean()


def calibrated(scores: NDArray[np.float64], y: NDArray[np.int64], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return probabilities of each strip, calibrated on the other folds: (models, n, classes) to (n, classes)."""
    out = np.zeros(scores.shape[1:])
    for k in np.unique(fold):
        slopes, offsets = fit_calibration(scores[:, fold != k], y[fold != k])
        out[fold == k] = _softmax(np.tensordot(slopes, scores[:, fold == k], 1) + offsets)
    return out


def _softmax(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.exp(x - x.max(1, keepdims=True))
    return x / x.sum(1, keepdims=True)


def interval(values: list[float]) -> list[float]:
    """Return mean, and the ends of its 95 % interval over folds (Student's t)."""
    from scipy.stats import t

    v = np.array(values)
    half = float(t.ppf(0.975, len(v) - 1)) * v.std(ddof=1) / len(v) ** 0.5
    return [float(v.mean()), float(v.mean() - half), float(v.mean() + half)]


def figures_of(y: NDArray[np.int64], p: NDArray[np.float64], fold: NDArray[np.int64]) -> dict[str, Any]:
    """Return the figures of the card, all of strips that the network had not seen."""
    said, folds = p.argmax(1), np.unique(fold)
    by_fold = [f1_of(y[fold == k], said[fold == k]) for k in folds]
    cleared = []
    for k in folds:
        level = clear_from(y[fold != k], p[fold != k])
        cleared.append((p[fold == k, 0] >= level, y[fold == k]))
    out: dict[str, Any] = {
        "how": "five folds, each by a network that had not seen it; mean, and 95 % interval over folds (Student)",
        "n": len(y),
        "f1_mean_n_a_o": interval([float(f[:3].mean()) for f in by_fold]),
        "f1": {code: interval([float(f[i]) for f in by_fold]) for i, code in enumerate(CODES)},
        "auc": {
            code: interval([auc(y[fold == k] == i, p[fold == k, i]) for k in folds]) for i, code in enumerate(CODES)
        },
        "calibration_error": {code: calibration_error(y == i, p[:, i]) for i, code in enumerate(CODES)},
        "calibration_error_of_what_is_said": calibration_error(said == y, p.max(1)),
        "confusion_truth_by_row": [[int(np.sum((y == a) & (said == b))) for b in range(4)] for a in range(4)],
        "normals_cleared_at_sensitivity_99": interval([float(c[t == 0].mean()) for c, t in cleared]),
        "sensitivity_then": interval([float(1 - c[t > 0].mean()) for c, t in cleared]),
    }
    return out


def clear_from(y: NDArray[np.int64], p: NDArray[np.float64]) -> float:
    """Return the probability of normal above which one in a hundred of what is not normal stands."""
    return 1.0 - threshold_for_sensitivity(y > 0, 1.0 - p[:, 0], 0.99) + 1e-9


def best_threshold(y: NDArray[np.bool_], p: NDArray[np.float64]) -> float:
    """Return the threshold of the largest F1."""
    order = np.argsort(-p, kind="stable")
    found = np.cumsum(y[order])
    f1 = 2 * found / (np.arange(1, len(y) + 1) + y.sum())
    i = int(np.argmax(f1))
    return float((p[order[i]] + p[order[min(i + 1, len(y) - 1)]]) / 2)


def labels_of(y: NDArray[np.int64], p: NDArray[np.float64], figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the card's labels: operating point, calibration, figures."""
    out = []
    for i, code in enumerate(CODES):
        truth = y == i
        threshold = clear_from(y, p) if i == 0 else best_threshold(truth, p[:, i])
        chosen = "sensitivity 0.99 for anything not normal" if i == 0 else "the largest F1, strips not seen"
        found = p[:, i] >= threshold
        is_calibrated = figures["calibration_error"][code] <= LARGEST_CALIBRATION_ERROR
        out.append(
            {
                "code": code,
                "threshold": threshold,
                "chosen_for": chosen,
                "report": "default" if is_calibrated else "research",
                "calibration": {"slope": 1.0, "intercept": 0.0},
                "figures": {
                    "n": len(y),
                    "n_positive": int(truth.sum()),
                    "f1_of_the_largest": figures["f1"][code][0],
                    "f1_of_the_largest_95": figures["f1"][code][1:],
                    "auc": figures["auc"][code][0],
                    "auc_95": figures["auc"][code][1:],
                    "calibration_error": figures["calibration_error"][code],
                    "sensitivity": float(found[truth].mean()),
                    "specificity": float((~found)[~truth].mean()),
                },
            }
        )
    return out


def card_of(
    labels: list[dict[str, Any]],
    figures: dict[str, Any],
    curve: list[dict[str, Any]],
    elsewhere: dict[str, Any],
    training: dict[str, Any],
) -> dict[str, Any]:
    """Return the card."""
    return {
        "name": NAME,
        "version": VERSION,
        "weights": f"{NAME}.onnx",
        "sha256": "",
        "task": "ecg_scores",
        "intended_use": (
            "To put one-lead strips of hand-held recorders and patches in the order in which a doctor reads them. It "
            "rules nothing out, and a doctor reads every one of them."
        ),
        "input": {
            "name": "strip", "shape": [1, 1, LENGTH], "fs_hz": FS, "units": "the lead's usual peak-to-peak height",
            "preprocessing": "single_lead_100hz",
        },
        "extra_inputs": {"known": [1, 1, LENGTH], "numbers": [1, NUMBERS]},
        "outputs": {"logits": [1, len(CODES)]},
        "limits": {
            "min_leads": 1, "max_leads": 1, "min_duration_s": 9.0, "max_duration_s": 61.0, "min_fs_hz": 100.0,
            "age_min_years": 18, "any_quality": True,
        },
        "labels": labels,
        "exclusive": "One of the four labels is true; logits are log odds of a softmax, calibrated within the graph.",
        "architecture": (
            "residual 1-D convolutions at 50 to 1.6 Hz, pooled over what is known (mean, largest, attention), beside a "
            "layer over numbers about RR; boosted trees over 221 numbers; a weighted sum of both"
        ),
        "data": [
            {
                "name": "PhysioNet/CinC Challenge 2017, version 1.0.0, 6,859 of its 8,528 training strips, labels v3",
                "licence": "ODC-By 1.0",
                "doi": "10.22489/CinC.2017.065-469",
                "cite": "Clifford et al. 2017, Comput Cardiol 44; Goldberger et al. 2000, Circulation 101:e215",
            }
        ],
        "training": {
            "script": "training/single_lead_rhythm.py", **training,
            "split": "five folds of strips, each label dealt evenly; the set names no patients",
            "chosen_on": (
                "a part of fold 0 (network), folds 0, 1 and 4 (which numbers, of six sets; all were looked at before "
                "it shipped) and all folds (trees, of three settings; one network or two): this may flatter"
            ),
            "shipped": "one more fit, of the same recipe, that learnt from all strips; calibrated as the five were",
        },
        "figures_of_unseen_strips": figures,
        "learning_curve": curve,
        "elsewhere": elsewhere,
        "known_failures": [
            "Patients are not known: one patient's strips may stand in two folds, and the figures may flatter.",
            "Other means any rhythm but sinus and fibrillation, above all premature beats; experts differ on it.",
            "One in a hundred of what is not normal stands above the threshold of normal, by its choice.",
            "Flutter, pacing, ventricular tachycardia and block are few in the set: it does not tell them apart.",
            "Amplitude is scaled away: low voltage and a lead fallen off look alike.",
            "Recorders of the set keep 0.5 to 40 Hz, most strips are lead I of adults who bought a recorder.",
            "Probabilities are those of the set: 60 % normal, 9 % fibrillation.",
        ],
    }  # fmt: skip


def page_of(figures: dict[str, Any], curve: list[dict[str, Any]], elsewhere: dict[str, Any]) -> str:
    """Return the page of figures, `docs/single_lead_rhythm.md`."""

    def shown(v: list[float]) -> str:
        return f"{v[0]:.3f} ({v[1]:.3f} to {v[2]:.3f})"

    names = [code.replace("_", " ") for code in CODES]
    lines = [
        "# Rhythm of one lead: figures",
        "",
        "<!-- Made by training/single_lead_rhythm.py; do not edit. -->",
        "",
        f"{figures['n']:,} strips of the PhysioNet/CinC Challenge 2017; {figures['how']}.",
        "Development figures: the set names no patients, so one patient's strips may stand in two folds.",
        "Settings were chosen on a part of fold 0 (network), on folds 0, 1 and 4 (which numbers, of six sets; all were "
        "looked at before it shipped) and on all folds (trees, of three settings; one network or two).",
        "",
        "F1, mean of normal, atrial fibrillation and other, as the Challenge scored: "
        f"**{shown(figures['f1_mean_n_a_o'])}**.",
        "",
        "| label | F1 | AUC | calibration error |",
        "|---|---|---|---|",
        *(
            f"| {name} | {shown(figures['f1'][code])} | {shown(figures['auc'][code])} "
            f"| {figures['calibration_error'][code]:.3f} |"
            for name, code in zip(names, CODES, strict=True)
        ),
        "",
        f"Calibration error of the label said: {figures['calibration_error_of_what_is_said']:.3f}. Normals cleared "
        f"where 99 % of what is not normal is kept: {shown(figures['normals_cleared_at_sensitivity_99'])}; "
        f"sensitivity then {shown(figures['sensitivity_then'])}.",
        "",
        "| truth, said: | " + " | ".join(names) + " |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | " + " | ".join(map(str, row)) + " |"
            for name, row in zip(names, figures["confusion_truth_by_row"], strict=True)
        ),
        "",
        *(_curve(curve) if curve else ()),
        "## Elsewhere",
        "",
        f"{elsewhere['n']:,} other hearts: {elsewhere['how']}. {elsewhere['n_fibrillation']} in fibrillation, "
        f"{elsewhere['n_normal_sinus']} normal in sinus rhythm; flutter left out.",
        "",
        "| lead | AUC of fibrillation | fibrillation called so | others not called so | normal sinus called normal |",
        "|---|---|---|---|---|",
        *(
            f"| {lead} | {shown(row['auc_fibrillation'])} | {row['fibrillation_called_so']:.3f} "
            f"| {row['others_not_called_so']:.3f} | {row['normal_sinus_called']['normal']:.3f} |"
            for lead, row in elsewhere.items()
            if isinstance(row, dict)
        ),
        "",
    ]
    return "\n".join(lines)


def _curve(curve: list[dict[str, Any]]) -> list[str]:
    return [
        "## What more strips would bring",
        "",
        "One fold, learnt from a part of the rest; the share is of each label.",
        "",
        "| share | strips | mean F1 | F1 of atrial fibrillation |",
        "|---|---|---|---|",
        *(
            f"| {row['share']:.0%} | {row['n']} | {row['f1_mean_n_a_o']:.3f} | {row['f1_atrial_fibrillation']:.3f} |"
            for row in curve
        ),
        "",
    ]
