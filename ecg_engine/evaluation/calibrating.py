"""A model's card on a hospital's own studies: calibration, operating points and what they are worth, with intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.evaluation.ranking import (
    auc,
    auc_interval,
    calibration_curve,
    calibration_error,
    fit_platt,
    share_interval,
    threshold_for_sensitivity,
    threshold_for_specificity,
)

__all__ = [
    "LEAST_CLASS",
    "LEAST_SHARE",
    "LEAST_STUDIES",
    "Studies",
    "calibrated_document",
    "label_figures",
    "next_version",
]

#: Fewer studies, or a smaller share of either class, leave an AUC an interval too wide to decide by: of 400 with 10 %
#: ill, an AUC of 0.85 has one of about 0.08 to each side (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747).
LEAST_STUDIES: Final = 400
LEAST_SHARE: Final = 0.10
#: Fewer of a class are not calibrated on at all.
LEAST_CLASS: Final = 10
#: Sensitivities at which the specificity is told.
SENSITIVITIES: Final = (0.98, 0.99, 0.999)
_FOLDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Studies:
    """What a hospital says of its studies, and what the model says.

    Parameters
    ----------
    truth : mapping of str to (n,) float array
        1, 0, or NaN where nobody knows, by label.
    logits : mapping of str to (n,) float array
        Of the model, before any calibration; NaN where it kept silent.
    patients : (n,) array of str
    silent : mapping of str to int
        How many studies got no score, by reason.
    """

    truth: Mapping[str, NDArray[np.float64]]
    logits: Mapping[str, NDArray[np.float64]]
    patients: NDArray[np.str_]
    silent: Mapping[str, int]


def label_figures(
    truth: NDArray[np.bool_], logits: NDArray[np.float64], *, patients: NDArray[np.str_], specificity: float
) -> dict[str, Any]:
    """Return a label's calibration, its threshold, and its figures.

    Parameters
    ----------
    truth : (n,) bool array
    logits : (n,) float array
    patients : (n,) array
        Studies of one patient are kept together.
    specificity : float
        That the threshold is chosen for.

    Returns
    -------
    dict
        ``calibration``, ``threshold``, ``figures`` as a card has them. Sensitivity, specificity, negative predictive
        value and the calibration curve are of studies that neither calibration nor threshold was fitted on (5 folds
        by patient).

    Raises
    ------
    InputError
        A class is absent, or the score falls where the label is true.
    """
    slope, intercept = fit_platt(truth, logits)
    if slope <= 0:
        raise InputError("the score is no higher where the label is true; is the column the right one?")
    p = _logistic(slope * logits + intercept)
    held_p, held_seen = np.empty(len(p)), np.empty(len(p), bool)
    for fold in _folds(truth, patients):
        rest = ~fold
        a, b = fit_platt(truth[rest], logits[rest])
        inside = _logistic(a * logits + b)
        held_p[fold] = inside[fold]
        held_seen[fold] = inside[fold] >= threshold_for_specificity(truth[rest], inside[rest], specificity)
    figures: dict[str, Any] = {
        "n": len(truth),
        "n_positive": int(truth.sum()),
        "n_patients": len(np.unique(patients)),
        "auc": auc(truth, logits),
        "auc_95": list(auc_interval(truth, logits, groups=patients)),
    }
    for name, hits in (
        ("sensitivity", held_seen[truth]), ("specificity", ~held_seen[~truth]), ("npv", ~truth[~held_seen]),
    ):  # fmt: skip
        figures[name] = float(hits.mean()) if len(hits) else float("nan")
        figures[f"{name}_95"] = list(share_interval(int(hits.sum()), len(hits)))
    for sensitivity in SENSITIVITIES:
        least = threshold_for_sensitivity(truth, logits, sensitivity)
        key = f"{100 * sensitivity:g}".replace(".", "_")
        figures[f"specificity_at_sensitivity_{key}"] = float((logits[~truth] < least).mean())
    figures["calibration_error"] = calibration_error(truth, held_p)
    figures["calibration_curve"] = [[round(x, 6), round(y, 6), n] for x, y, n in calibration_curve(truth, held_p)]
    return {
        "calibration": {"slope": slope, "intercept": intercept},
        "threshold": min(1.0, threshold_for_specificity(truth, p, specificity)),
        "figures": {key: _rounded(value) for key, value in figures.items()},
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    p: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(x, -60, 60)))
    return p


def _folds(truth: NDArray[np.bool_], patients: NDArray[np.str_], *, seed: int = 0) -> list[NDArray[np.bool_]]:
    """Return which studies each fold holds back: whole patients, those who are ill dealt out evenly."""
    names, at = np.unique(patients, return_inverse=True)
    ill = np.zeros(len(names), bool)
    np.logical_or.at(ill, at, truth)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(ill[order], kind="stable")]
    fold_of = np.empty(len(names), int)
    fold_of[order] = np.arange(len(names)) % _FOLDS
    folds = [fold_of[at] == k for k in range(_FOLDS)]
    kept = [fold for fold in folds if fold.any() and truth[~fold].any() and not truth[~fold].all()]
    covered = np.logical_or.reduce(kept) if kept else np.zeros(len(truth), bool)
    if not covered.all():
        raise InputError("the studies that are true are of too few patients; collect more")
    return kept


def calibrated_document(
    document: Mapping[str, Any],
    studies: Studies,
    *,
    specificity: float = 0.90,
    few: bool = False,
    report: str | None = None,
    version: str | None = None,
    day: date | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a card as a hospital's own studies say it should be, under a new version.

    Parameters
    ----------
    document : mapping
        What the card says.
    studies : Studies
    specificity : float
        That the thresholds are chosen for.
    few : bool
        Go on with fewer than `LEAST_STUDIES`, or a class under `LEAST_SHARE`.
    report : {"default", "research"}, optional
        Of the labels that are calibrated; None keeps what the card says.
    version : str, optional
        Of the new card; by default the old one's with ``-local.N`` behind it.
    day : date, optional
        That it is said to be made on.

    Returns
    -------
    dict
        The new card.
    dict
        ``figures`` by label; ``remarks``: what there is too little of, with the interval that comes of it.

    Raises
    ------
    InputError
        Too little to calibrate on, and `few` was not said; or a class is absent.
    """
    found: dict[str, dict[str, Any]] = {}
    remarks: list[str] = []
    for code in studies.truth:
        known = np.isfinite(studies.truth[code]) & np.isfinite(studies.logits[code])
        truth = studies.truth[code][known] > 0.5
        remark = _too_little(code, truth, few=few)
        try:
            found[code] = label_figures(
                truth, studies.logits[code][known], patients=studies.patients[known], specificity=specificity
            )
        except InputError as exc:
            raise InputError(f"labels: {code}: {exc}", argument="labels") from exc
        if remark:
            low, high = found[code]["figures"]["auc_95"]
            remarks.append(f"{remark}: the AUC's 95 % interval is {low:.2f} to {high:.2f}")
    new = {**document, "version": version or next_version(str(document["version"]))}
    new["labels"] = [_label(entry, found.get(str(entry["code"])), specificity, report) for entry in document["labels"]]
    new["local_calibration"] = {
        "from_version": str(document["version"]),
        "made": day,
        "labels": list(found),
        "n_studies": len(studies.patients),
        "n_patients": len(np.unique(studies.patients)),
        "n_without_score": sum(studies.silent.values()),
        "remarks": remarks or None,
    }
    return new, {"figures": {code: one["figures"] for code, one in found.items()}, "remarks": remarks}


def _too_little(code: str, truth: NDArray[np.bool_], *, few: bool) -> str:
    """Return what there is too little of, empty where there is enough; raise where it may not go on."""
    n, n_true = len(truth), int(truth.sum())
    counts = f"{code}: {n} studies with a score and a label, {n_true} of them true"
    if min(n_true, n - n_true) < LEAST_CLASS:
        raise InputError(
            f"labels: {counts}; at least {LEAST_CLASS} true and {LEAST_CLASS} others are needed: collect more, or "
            "leave the column out",
            argument="labels",
        )
    enough = n >= LEAST_STUDIES and min(n_true, n - n_true) >= LEAST_SHARE * n
    if not enough and not few:
        raise InputError(
            f"labels: {counts}; at least {LEAST_STUDIES} are needed and {100 * LEAST_SHARE:g} % of either class: "
            "collect more, leave the column out, or say --few, which tells how wide the interval then is",
            argument="labels",
        )
    return "" if enough else counts


def _label(
    entry: Mapping[str, Any], found: Mapping[str, Any] | None, specificity: float, report: str | None
) -> Mapping[str, Any]:
    if found is None:
        return entry
    return {
        **entry,
        "threshold": found["threshold"],
        "chosen_for": f"specificity {specificity:g} among the hospital's own studies without it",
        "report": report or entry.get("report", "research"),
        "calibration": found["calibration"],
        "figures": found["figures"],
    }


def next_version(version: str) -> str:
    """Return the version of a card that a local calibration makes.

    Examples
    --------
    >>> next_version("1.0"), next_version("1.0-local.3")
    ('1.0-local.1', '1.0-local.4')
    """
    found = re.fullmatch(r"(.*)-local\.(\d+)", version)
    return f"{found[1]}-local.{int(found[2]) + 1}" if found else f"{version}-local.1"


def figures_rows(figures: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return figures by label as a table for people."""
    rows = []
    for code, f in figures.items():
        cells = [code, str(f["n"]), str(f["n_positive"])]
        for name in ("auc", "sensitivity", "specificity", "npv"):
            low, high = f[f"{name}_95"]
            cells.append(f"{f[name]:.3f} ({low:.3f}-{high:.3f})")
        cells += [f"{f[f'specificity_at_sensitivity_{key}']:.3f}" for key in ("98", "99", "99_9")]
        rows.append([*cells, f"{f['calibration_error']:.3f}"])
    return rows


FIGURE_HEADS: Final[Sequence[str]] = (
    "label", "studies", "true", "AUC (95 %)", "sensitivity", "specificity", "NPV", "spec. at sens. 98 %", "99 %",
    "99.9 %", "calibration error",
)  # fmt: skip
