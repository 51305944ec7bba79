"""Figures of the findings' networks on pictures that they never saw, and the card that tells them."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.chest_images import FINDINGS, NIH_SETS, Table
from training.chest_shortcuts import plain_numbers, reproduced, shortcut_scores

if TYPE_CHECKING:
    from training.chest_findings import Plan

CODES = tuple(FINDINGS)
VERSION, SEED, DRAWS = "1.3", 20260115, 400
#: A finding is listed as seen above this share of those who do not have it.
SPECIFICITY = 0.9
#: A score whose interval reaches below it orders nothing.
LEAST_AUC = 0.7
#: Drains in the treated confound it (Oakden-Rayner et al. 2020, doi:10.1145/3368555.3384468).
NEVER_DEFAULT = ("pneumothorax",)
#: Findings whose logit is joined with the heart's numbers by its outline, and the regression's inverse penalty.
JOINED = ("cardiomegaly",)
JOIN_STRENGTH = 0.03
DATA = [
    {"name": "ChestX-ray14, 3,180 images of adults", "licence": "NIH Clinical Center, no restriction",
     "cite": "Wang et al. 2017, doi:10.1109/CVPR.2017.369"},
    {"name": "Scores of a DenseNet121 for 478 of them, as soft targets", "licence": "MIT", "cite": "reproduce-chexnet"},
    {"name": "ImageNet, by the weights of EfficientNet-Lite0", "licence": "Apache-2.0", "cite": "Tan and Le 2019"},
]  # fmt: skip
FAILURES = [
    "The labels were mined from reports by text: some are wrong, above all opacity and no finding.",
    "It sees pictures at 224 pixels: small nodules and a thin pneumothorax are beyond it.",
    "Drains confound pneumothorax in ChestX-ray14.",
    "Its probabilities are those of the development sets, where more than half of the patients are ill.",
    "It ranks worse in a set that it never saw (figures_by_unseen_set): expect that of a new hospital.",
    "Tuberculosis, fractures, foreign bodies, lines and tubes are not among what it looks for.",
    "Pictures of failures: docs/known_failures.md.",
]


# ------------------------------------------------------------------------------------------------------------- figures


def figures(
    truth: NDArray[np.bool_], scores: NDArray[Any], patients: NDArray[np.str_], shortcut: NDArray[np.float64] | None
) -> dict[str, Any]:
    """Return AUC and its 95 % interval over patients, beside the shortcut's."""
    from ecg_engine.evaluation.ranking import auc, auc_interval

    out: dict[str, Any] = {
        "n": len(truth),
        "n_positive": int(truth.sum()),
        "auc": auc(truth, scores),
        "auc_95": list(auc_interval(truth, scores, groups=patients, seed=SEED, n_draws=DRAWS)),
    }
    if shortcut is not None:
        out["shortcut_auc"] = auc(truth, shortcut)
        out["shortcut_auc_95"] = list(auc_interval(truth, shortcut, groups=patients, seed=SEED, n_draws=DRAWS))
    return out


def measured(
    table: Table, rows: NDArray[np.int64], scores: NDArray[Any], shortcut: NDArray[np.float64] | None
) -> dict[str, dict[str, Any]]:
    """Return the figures of each finding of which `rows` hold five with it and five without."""
    out = {}
    for i, code in enumerate(CODES):
        known = np.isfinite(table.labels[rows, i])
        truth = table.labels[rows[known], i] > 0.5
        if truth.sum() >= 5 and (~truth).sum() >= 5:
            plain = None if shortcut is None else shortcut[known, i]
            out[code] = figures(truth, scores[known, i], table.patient[rows[known]], plain)
    return out


def expected_hearts(table: Table, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the numbers of `radiograph.heart.EXPECTED` on each picture, (n, numbers); NaN where it has none."""
    from ecg_engine.radiograph.anatomy import segment
    from ecg_engine.radiograph.heart import EXPECTED, expected_heart

    out = np.full((len(rows), len(EXPECTED)), np.nan)
    for k, row in enumerate(rows):
        inside = tuple(int(v) for v in table.inside[row])
        anatomy = segment(table.squares[row].astype(np.float32) / 255, inside=inside)  # type: ignore[arg-type]
        found = expected_heart(anatomy, inside, view=str(table.view[row]))  # type: ignore[arg-type]
        out[k] = [found.get(code, np.nan) for code in EXPECTED]
    return out


@dataclass(frozen=True, slots=True)
class Fit:
    """A logistic regression on a logit and on the heart's numbers, beside one on the logit alone."""

    alone: tuple[float, float]  # slope, intercept
    slope: float
    weights: NDArray[np.float64]
    centres: NDArray[np.float64]
    intercept: float

    def apply(self, logits: NDArray[np.float64], hearts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log odds, by the logit alone where a number is missing."""
        more = (np.nan_to_num(hearts) - self.centres) @ self.weights
        joined = self.slope * logits + more + self.intercept
        out: NDArray[np.float64] = np.where(np.isfinite(hearts).all(1), joined, self.alone[0] * logits + self.alone[1])
        return out


def fit_join(truth: NDArray[np.bool_], logits: NDArray[np.float64], hearts: NDArray[np.float64]) -> Fit:
    """Return the regressions, of numbers in standard deviations, regularised by `JOIN_STRENGTH`."""
    from sklearn.linear_model import LogisticRegression

    from ecg_engine.evaluation.ranking import fit_platt

    there = np.isfinite(hearts).all(1)
    x = np.column_stack([logits, hearts])[there]
    mean, sd = x.mean(0), x.std(0)
    fitted = LogisticRegression(C=JOIN_STRENGTH, max_iter=2000).fit((x - mean) / sd, truth[there])
    weights = fitted.coef_[0] / sd
    slope, intercept = fit_platt(truth, logits)
    return Fit(
        (slope, intercept), float(weights[0]), weights[1:], mean[1:], float(fitted.intercept_[0] - weights[0] * mean[0])
    )


def teaches(table: Table, rows: NDArray[np.int64], i: int) -> NDArray[np.bool_]:
    """Return which rows teach a join with finding `i`: of sets that hold some with it, some without.

    Of another set it would learn how the set's pictures are made.
    """
    labels, source = table.labels[rows, i], table.source[rows]
    both = [name for name in NIH_SETS if {0.0, 1.0} <= set(np.unique(np.round(labels[source == name])).tolist())]
    out: NDArray[np.bool_] = np.isfinite(labels) & np.isin(source, both)
    return out


def _threshold(p: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    return float(np.quantile(p[~truth], SPECIFICITY))


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-x))


@dataclass(frozen=True, slots=True)
class Join:
    """What a label's logit is joined with: the regression, the numbers, and log odds cross-fitted with them."""

    fit: Fit
    hearts: NDArray[np.float64]
    scores: NDArray[np.float64]

    def on_card(
        self, truth: NDArray[np.bool_], logits: NDArray[np.float64], scale: tuple[float, float]
    ) -> dict[str, Any]:
        """Return the card's table, of the shipped network's logit."""
        from ecg_engine.radiograph.heart import EXPECTED

        fit, there = self.fit, np.isfinite(self.hearts).all(1)
        p = _logistic(fit.apply(logits, self.hearts))[there]
        terms = zip(EXPECTED, fit.weights, fit.centres, strict=True)
        return {
            "slope": fit.slope * scale[0], "intercept": fit.intercept + fit.slope * scale[1],
            "threshold": _threshold(p, truth[there]), "measured_share": float(there.mean()),
            "terms": [{"quantity": code, "weight": weight, "centre": centre} for code, weight, centre in terms],
        }  # fmt: skip


def label_of(
    code: str,
    truth: NDArray[np.bool_],
    logits: NDArray[np.float64],
    scale: tuple[float, float],
    found: dict[str, Any],
    across: Sequence[dict[str, Any]],
    join: Join | None,
) -> dict[str, Any]:
    """Return the card's label: calibration, operating point, and whether the finding may raise urgency.

    `scale` takes the shipped network's logit to that of the networks that gave `logits`.
    """
    from ecg_engine.evaluation.ranking import calibration_error, fit_platt

    slope, intercept = fit_platt(truth, logits)
    p = _logistic(slope * logits + intercept)
    threshold = _threshold(p, truth)
    proven = found["auc_95"][0] > found["shortcut_auc_95"][1] and all(
        one["auc_95"][0] > 0.5 and one["auc"] > one["shortcut_auc"] for one in across
    )
    is_default = proven and found["auc_95"][0] >= LEAST_AUC and code not in NEVER_DEFAULT
    out: dict[str, Any] = {
        "code": code,
        "threshold": threshold,
        "chosen_for": f"specificity {SPECIFICITY:.2f} among patients without it",
        "report": "default" if is_default else "research",
        "calibration": {"slope": slope * scale[0], "intercept": intercept + slope * scale[1]},
    }
    if join is not None:
        out["join"] = join.on_card(truth, logits, scale)
        p = _logistic(join.scores)
    seen = p >= _threshold(p, truth)
    out["figures"] = found | {
        "sensitivity": float(seen[truth].mean()),
        "specificity": float((~seen)[~truth].mean()),
        "calibration_error": calibration_error(truth, p),
    }
    return out


# ---------------------------------------------------------------------------------------------------------- the card


def sexes(table: Table, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return M, F or nothing."""
    folder = Path(os.environ.get("ECG_ENGINE_DATA", ".data")) / "cxr"
    known = {}
    for name in NIH_SETS:
        with (folder / name / "labels.csv").open(encoding="utf-8") as file:
            known.update({(name, row["file"]): row.get("sex", "") for row in csv.DictReader(file)})
    return np.array([known[str(table.source[row]), str(table.name[row])] for row in rows])


def by_group(table: Table, rows: NDArray[np.int64], scores: NDArray[Any]) -> dict[str, Any]:
    """Return n and AUC of the findings in men and women, by age and by view."""
    age, sex = table.age[rows], sexes(table, rows)
    groups = {
        "women": sex == "F", "men": sex == "M", "under_40": age < 40, "40_to_64": (age >= 40) & (age < 65),
        "65_and_over": age >= 65, "PA": table.view[rows] == "PA", "AP": table.view[rows] == "AP",
    }  # fmt: skip
    return {
        name: {
            code: {key: one[key] for key in ("n", "n_positive", "auc", "auc_95")}
            for code, one in measured(table, rows[is_in], scores[is_in], None).items()
        }
        for name, is_in in groups.items()
    }


def beside_teacher(table: Table, rows: NDArray[np.int64], scores: NDArray[Any]) -> dict[str, Any]:
    """Return our AUC and the DenseNet121's on the pictures that it scored."""
    from ecg_engine.evaluation.ranking import auc

    both = np.isfinite(table.soft[rows, 0])
    out = {}
    for i, code in enumerate(CODES):
        known = both & np.isfinite(table.labels[rows, i])
        truth = table.labels[rows[known], i] > 0.5
        out[code] = {
            "n": int(known.sum()), "n_positive": int(truth.sum()), "auc": auc(truth, scores[known, i]),
            "densenet121_auc": auc(truth, table.soft[rows[known], i]),
        }  # fmt: skip
    return out


def told_apart(table: Table, rows: NDArray[np.int64], scores: NDArray[Any]) -> dict[str, float]:
    """Return how well the score of abnormal tells each set's normal pictures from the others' (0.5: not at all)."""
    from ecg_engine.evaluation.ranking import auc

    normal = table.labels[rows, 0] < 0.5
    source = table.source[rows[normal]]
    return {name: auc(source == name, scores[normal, 0]) for name in NIH_SETS}


def card_of(
    table: Table,
    rows: NDArray[np.int64],
    plans: Sequence[Plan],
    found: dict[str, NDArray[np.float32]],
    shipped: NDArray[np.float32],
    hearts: NDArray[np.float64],
) -> dict[str, Any]:
    """Return the card but for its outputs, and print its figures.

    `found` holds each plan's logits of the pictures that it asks about, `shipped` those of the weight that ships, on
    the tenth that is never trained on, and `hearts` the numbers of `expected_hearts`.
    """
    from ecg_engine.evaluation.ranking import auc, auc_interval, calibration_error

    numbers = plain_numbers(table, rows)
    folds = [plan for plan in plans if plan.name.startswith("fold")]
    never = np.all([plan.ask for plan in folds], 0)
    n, wide = len(rows), len(CODES)
    logits, fold_of, shortcut = np.full((n, wide), np.nan), np.full(n, -1), np.full((n, wide), np.nan)
    on_never = []
    for k, plan in enumerate(folds):
        own = plan.ask & ~never
        logits[own] = found[plan.name][own[plan.ask]]
        on_never.append(found[plan.name][never[plan.ask]])
        fold_of[own] = k
        for i in range(wide):
            shortcut[own, i] = shortcut_scores(numbers, table.labels[rows, i], plan.use, own)
    is_out = fold_of >= 0
    scores = logits.copy()
    for i in map(CODES.index, JOINED):
        truth, taught = table.labels[rows, i] > 0.5, is_out & teaches(table, rows, i)
        for k in range(len(folds)):
            ours, others = fold_of == k, taught & (fold_of != k)
            fit = fit_join(truth[others], logits[others, i], hearts[others])
            scores[ours, i] = fit.apply(logits[ours, i], hearts[ours])
    out_rows = rows[is_out]
    pooled = measured(table, out_rows, scores[is_out], shortcut[is_out])
    alone = measured(table, out_rows, logits[is_out], None)
    by_set = {
        name: measured(table, rows[at], scores[at], shortcut[at])
        for name in NIH_SETS
        for at in (is_out & (table.source[rows] == name),)
    }
    across = {}
    for plan in [plan for plan in plans if plan.name.startswith("without_")]:
        plain = np.stack([shortcut_scores(numbers, table.labels[rows, i], plan.use, plan.ask) for i in range(wide)], 1)
        name = plan.name.removeprefix("without_")
        given = found[plan.name].astype(np.float64)
        for i in map(CODES.index, JOINED):
            others = is_out & teaches(table, rows, i) & plan.use
            fit = fit_join(table.labels[rows[others], i] > 0.5, logits[others, i], hearts[others])
            given[:, i] = fit.apply(given[:, i], hearts[plan.ask])
        across[name] = measured(table, rows[plan.ask], given, plain)
    labels = []
    singles = np.mean(on_never, 0)
    kept = shipped[never].astype(np.float64)
    for i, code in enumerate(CODES):
        known = is_out & np.isfinite(table.labels[rows, i])
        scale = tuple(float(v) for v in np.polyfit(kept[:, i], singles[:, i], 1))
        join = None
        if code in JOINED:
            taught = is_out & teaches(table, rows, i)
            fit = fit_join(table.labels[rows[taught], i] > 0.5, logits[taught, i], hearts[taught])
            join = Join(fit, hearts[known], scores[known, i])
        sets = [one[code] for one in across.values() if code in one]
        labels.append(
            label_of(
                code, table.labels[rows[known], i] > 0.5, logits[known, i], scale, pooled[code], sets, join,
            )  # type: ignore[arg-type]
        )  # fmt: skip
        if code in JOINED:
            labels[-1]["figures"]["auc_without_the_measurement"] = alone[code]["auc"]
            labels[-1]["figures"]["auc_95_without_the_measurement"] = alone[code]["auc_95"]
    plain = np.stack([shortcut_scores(numbers, table.labels[rows, i], ~never, never) for i in range(wide)], 1)
    held = measured(table, rows[never], shipped[never], plain)
    for label in labels:
        i = CODES.index(label["code"])
        known = never & np.isfinite(table.labels[rows, i])
        truth, given = table.labels[rows[known], i] > 0.5, label["calibration"]
        x = shipped[known, i].astype(np.float64)
        p = _logistic(given["slope"] * x + given["intercept"])
        seen = p >= label["threshold"]
        if "join" in label:
            held[label["code"]]["auc_without_the_measurement"] = held[label["code"]]["auc"]
            join, there = label["join"], np.isfinite(hearts[known]).all(1)
            weights, centres = (np.array([term[key] for term in join["terms"]]) for key in ("weight", "centre"))
            q = _logistic(join["slope"] * x + (hearts[known] - centres) @ weights + join["intercept"])
            p, seen = np.where(there, q, p), np.where(there, q >= join["threshold"], seen)
            held[label["code"]] |= {
                "auc": auc(truth, p),
                "auc_95": list(auc_interval(truth, p, groups=table.patient[rows[known]], seed=SEED, n_draws=DRAWS)),
            }
        held[label["code"]] |= {
            "sensitivity": float(seen[truth].mean()),
            "specificity": float((~seen)[~truth].mean()),
            "calibration_error": calibration_error(truth, p),
        }
    for name, group in {"out of fold": pooled, "held-out tenth": held, **across}.items():
        for code, one in group.items():
            low, high = one["auc_95"]
            print(
                f"{name:18} {code:13} n {one['n_positive']:4}/{one['n']:4} AUC {one['auc']:.3f} "
                f"[{low:.3f}, {high:.3f}], shortcut {one['shortcut_auc']:.3f}"
            )
    return document(labels) | {
        "figures_by_set": {
            "how": "Out of fold, by single networks trained on three fifths; 95 % intervals over patients.",
            **by_set,
        },
        "figures_by_group": {"how": "Out of fold.", **by_group(table, out_rows, scores[is_out])},
        "figures_by_unseen_set": {
            "how": "Each set by a network that saw neither the set nor its patients; 95 % intervals over patients.",
            **across,
        },
        "figures_of_the_weight": {
            "how": "The weight that ships, on the tenth of the patients that none of its parts was trained on.",
            **held,
        },
        "figures_beside_a_densenet121": {
            "how": "Out of fold, on the pictures that a DenseNet121 trained on 78,000 others has scored.",
            **beside_teacher(table, out_rows, scores[is_out]),
        },
        "shortcuts": {
            "how": (
                "Out of fold: variance of a score that brightness, borders, shape, view and the set's name explain; "
                "AUC among pictures of one set and one view."
            ),
            **reproduced(table, out_rows, numbers[is_out], scores[is_out], fold_of[is_out]),
        },
        "sets_told_apart": {
            "how": "AUC of the score of abnormal for each set's normal pictures against the others'; 0.5: not at all.",
            **told_apart(table, out_rows, scores[is_out]),
        },
    }


def document(labels: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the card says beside the figures."""
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
            "name": "picture", "shape": [1, 1, 256, 256],
            "preprocessing": "letterboxed square, 1st to 99th percentile of the picture to 0 to 1, area mean",
        },
        "limits": {"views": ["PA", "AP", "FRONTAL"], "age_min_years": 18},
        "labels": labels,
        "architecture": (
            "EfficientNet-Lite0 at 224 px, one grey channel, a map for each finding, averaged; beside it ridge "
            "regression on the early features of 4 x 4 places"
        ),
        "data": DATA,
        "training": {
            "script": "training/chest_findings.py", "seed": SEED,
            "split": (
                "by patient: a tenth never trained on; the weight is the mean of three networks, one trained on four "
                "fifths, two on three fifths, and of a map of places learnt from nine tenths; figures out of fold are "
                "those of single networks, and maps, of three fifths"
            ),
        },
        "known_failures": FAILURES,
    }  # fmt: skip
