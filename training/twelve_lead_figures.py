"""What is told of the twelve-lead network, and its card."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.evaluation.ranking import auc, auc_interval, calibration_error, fit_platt, threshold_for_sensitivity
from ecg_engine.measurement.twelve_lead_input import FS_HZ, LEADS, MEASURES, QUANTITIES, SAMPLES, VOLTAGES
from training import twelve_lead_teacher as teacher
from training.twelve_lead_data import MIN_CASES, SUPERCLASSES, Records

SEED, DRAWS = 20261128, 500
VERSION = "1.0"
#: A label counts for urgency if the interval of its AUC stays above, and its calibration error below.
LEAST_AUC, LARGEST_ERROR = 0.9, 0.05
SPECIFICITY, SENSITIVITY = 0.9, 0.99
#: A record that says no more is a plain normal one.
PLAIN = frozenset({"NORM", "SR"})
DATA = [
    {"name": "PTB-XL, 2,027 records: 429 in mV at 500 Hz, the rest z-scored at 100 Hz", "licence": "CC BY 4.0",
     "cite": "Wagner et al. 2020, doi:10.1038/s41597-020-0495-6"},
    {"name": "MIT-BIH Noise Stress Test Database, noise of moved electrodes", "licence": "ODC-By 1.0",
     "cite": "Moody, Muldrow and Mark 1984"},
]  # fmt: skip


def opinions(
    random: NDArray[np.float32], records: Records, groups: tuple[tuple[int, ...], ...], penalty: float
) -> NDArray[np.float64]:
    """Return what the teacher alone says of the held folds; NaN elsewhere."""
    out = np.full(records.labels.shape, np.nan)
    for held in groups:
        is_held = np.isin(records.folds, held)
        test = np.flatnonzero(is_held)
        out[test] = teacher.ridge(random, records.labels, np.flatnonzero(~is_held), test, penalty)[1]
    return out


def macro(labels: NDArray[np.float32], scores: NDArray[np.float64]) -> float:
    """Return the mean AUC of the superclasses that occur."""
    found = [auc(labels[:, i] > 0.5, scores[:, i]) for i in range(len(SUPERCLASSES))]
    return float(np.nanmean(found))


def macro_with_interval(records: Records, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return the superclasses' mean AUC over `rows`, and its 95 % interval by the bootstrap over patients."""
    rng = np.random.default_rng(SEED)
    _, person = np.unique(records.patients[rows], return_inverse=True)
    of = [np.flatnonzero(person == k) for k in range(person.max() + 1)]
    draws = []
    for _ in range(DRAWS):
        picked = rows[np.concatenate([of[k] for k in rng.integers(0, len(of), len(of))])]
        draws.append(macro(records.labels[picked], scores[picked]))
    low, high = np.percentile(draws, (2.5, 97.5))
    return {"n": len(rows), "auc": macro(records.labels[rows], scores[rows]), "auc_95": [float(low), float(high)]}


def of_label(records: Records, scores: NDArray[np.float64], rows: NDArray[np.int64], i: int) -> dict[str, Any]:
    """Return one label's AUC with its interval over `rows`."""
    truth, x = records.labels[rows, i] > 0.5, scores[rows, i]
    out: dict[str, Any] = {"n": len(rows), "n_positive": int(truth.sum())}
    if min(truth.sum(), (~truth).sum()) > 1:
        interval = auc_interval(truth, x, groups=records.patients[rows], seed=SEED, n_draws=DRAWS)
        out |= {"auc": auc(truth, x), "auc_95": list(interval)}
    return out


def probability(x: NDArray[np.float64], line: tuple[float, float]) -> NDArray[np.float64]:
    """Return the calibrated probability of logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(line[0] * x + line[1], -50, 50))))


def cleared(records: Records, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return which share of the normals is cleared where 99 % of those with anything abnormal are kept back."""
    out: dict[str, Any] = {"sensitivity": SENSITIVITY}
    plain = np.array([records.scp[row] <= PLAIN and "NORM" in records.scp[row] for row in rows])
    normal = records.labels[rows, 0] > 0.5
    for name, is_normal in (("no_statement_but_normal_and_sinus_rhythm", plain), ("superclass_normal", normal)):
        kept_back = -scores[rows, 0]
        limit = threshold_for_sensitivity(~is_normal, kept_back, SENSITIVITY)
        share = float((kept_back[is_normal] < limit).mean())
        out[name] = {"n": int(is_normal.sum()), "n_abnormal": int((~is_normal).sum()), "cleared": share}
    return out


def labels_of(
    records: Records, scores: NDArray[np.float64], tests: NDArray[np.int64], chosen_on: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Return the card's labels.

    Superclasses are judged on folds 7 to 9, rarer statements on all folds. The calibration error is that of folds 7 to 9
    by a calibration of the others; what ships is fitted on all, each record by networks that had not seen it.
    """
    names = codes()
    out = []
    for i, code in enumerate(records.codes[: records.figured]):
        everyone = np.concatenate([chosen_on, tests])
        judged = tests if code in SUPERCLASSES else everyone
        found = of_label(records, scores, judged, i)
        truth, x = records.labels[:, i] > 0.5, scores[:, i]
        before = fit_platt(truth[chosen_on], x[chosen_on])
        found["calibration_error"] = calibration_error(truth[tests], probability(x[tests], before))
        line = fit_platt(truth[everyone], x[everyone])
        p = probability(x, line)
        if code == "NORM":
            threshold = 1 - threshold_for_sensitivity(~truth[everyone], 1 - p[everyone], SENSITIVITY)
            chosen_for = f"{SENSITIVITY:.2f} of those who are not normal stay below it"
        else:
            threshold = float(np.quantile(p[everyone][~truth[everyone]], SPECIFICITY))
            chosen_for = f"specificity {SPECIFICITY:.2f} among those without it"
        found["sensitivity"] = float((p[everyone][truth[everyone]] >= threshold).mean())
        found["specificity"] = float((p[everyone][~truth[everyone]] < threshold).mean())
        proven = found.get("auc_95", [0.0])[0] >= LEAST_AUC and found["calibration_error"] <= LARGEST_ERROR
        is_default = proven and truth[everyone].sum() >= MIN_CASES
        out.append(
            {
                "code": names.get(code, code), "scp": code, "threshold": threshold, "chosen_for": chosen_for,
                "report": "default" if is_default else "research",
                "calibration": {"slope": line[0], "intercept": line[1]}, "figures": found,
            }
        )  # fmt: skip
    return out


def codes() -> dict[str, str]:
    """Return the vocabulary's code of each SCP statement that has exactly one."""
    from ecg_engine.vocabulary import statement, statements

    found: dict[str, list[str]] = {}
    for code in statements():
        scp = statement(code).scp
        if scp and scp not in SUPERCLASSES:
            found.setdefault(scp, []).append(code)
    return {scp: names[0] for scp, names in found.items() if len(names) == 1}


def card(
    records: Records, tested: NDArray[np.float64], unseen: NDArray[np.float64], *, curve: dict[float, NDArray[np.float64]],
    teacher: NDArray[np.float64], shapes: dict[str, tuple[int, ...]],
) -> dict[str, Any]:  # fmt: skip
    """Return the card.

    Parameters
    ----------
    tested, unseen : ndarray of shape (n, labels)
        Logits by networks that had not seen the record: of folds 7 to 9, of all folds.
    curve : mapping of float to ndarray
        Those of one network that was given this share of the patients.
    teacher : ndarray
        What the teacher alone says.
    shapes : mapping
        Of the graph's outputs.
    """
    tests = np.flatnonzero(np.isfinite(tested[:, 0]))
    others = np.flatnonzero(~np.isfinite(tested[:, 0]))
    has_mv = records.measures[:, 1, 0] > 0
    labels = labels_of(records, unseen, tests, others)
    supers = [label for label in labels if label["code"] in SUPERCLASSES]
    return {
        "name": "ecg_12_lead",
        "version": VERSION,
        "weights": "ecg_12_lead.onnx",
        "sha256": "",
        "task": "ecg_scores",
        "intended_use": (
            "To put twelve-lead ECGs of adults in the order in which a doctor reads them, beside the measurements and "
            "rules. It rules nothing out, and a doctor reads every one of them."
        ),
        "input": {
            "name": "signal", "shape": [1, len(LEADS), SAMPLES], "fs_hz": FS_HZ, "units": "standard deviations",
            "preprocessing": "twelve_lead_100hz",
        },
        "extra_inputs": {"measures": [1, 2, len(MEASURES)]},
        "outputs": {name: list(shape) for name, shape in shapes.items()},
        "limits": {
            "leads": list(LEADS), "min_leads": len(LEADS), "min_duration_s": 9.5, "max_duration_s": 61.0,
            "min_fs_hz": FS_HZ, "age_min_years": 18,
        },
        "labels": labels,
        "figures": {
            "superclasses_folds_7_8_9": macro_with_interval(records, tested, tests)
            | {"by_fold": [macro(records.labels[at], tested[at]) for at in _folds(records, tests)]},
            "superclasses_folds_7_8_9_in_mv": macro_with_interval(records, tested, tests[has_mv[tests]]),
            "superclasses_folds_7_8_9_z_scored": macro_with_interval(records, tested, tests[~has_mv[tests]]),
            "superclasses_folds_1_to_6": macro_with_interval(records, unseen, others),
            "teacher_alone": macro_with_interval(records, teacher, tests),
            "teacher_and_networks": macro_with_interval(records, _ranked(teacher) + _ranked(tested), tests),
            "learning_curve": {
                f"of_{round(100 * share)}": macro_with_interval(records, scores, tests)
                for share, scores in sorted(curve.items())
            },
            "mean_calibration_error_of_superclasses": float(
                np.mean([label["figures"]["calibration_error"] for label in supers])
            ),
            "normals_cleared": cleared(records, tested, tests),
        },
        "splits": (
            "PTB-XL's own folds, by patient; the 27 records that are in both sets once, of five pairs of equal signals "
            "one each. Folds 7, 8 and 9: each by networks that learnt from all other folds. Folds 1 to 6: three pairs, "
            "likewise; the plan of training was chosen on them, by networks that saw none of 7 to 9. The shipped "
            "networks learnt from all folds."
        ),
        "architecture": (
            "Two residual networks (seeds), mean of the logits; 12 leads at 100 Hz, four blocks, mean and maximum over "
            f"time; {len(VOLTAGES)} voltages and {len(QUANTITIES)} other measurements by a hidden layer beside the last"
        ),
        "data": DATA,
        "known_failures": [
            "Left ventricular hypertrophy of the voltage alone, where the record came without millivolts.",
            "Statements were made by one or two cardiologists, or by a machine that they corrected; form statements "
            "(NDT, NST_, ISC_ ...) vary between readers.",
            "One country, machines of one maker, 1989 to 1996; paced rhythms, pre-excitation, flutter, right "
            "hypertrophy and complete block are too few to be learnt.",
            "An infarction is named by its Q waves and ST-T, whatever its age: it is no sign of an acute one.",
            "Its probabilities are those of PTB-XL, where 55 of 100 are normal.",
            "Ten seconds: what comes and goes is missed.",
        ],
    }  # fmt: skip


def _folds(records: Records, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[records.folds[rows] == fold] for fold in np.unique(records.folds[rows])]


def _ranked(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks, 0 to 1, of each column; NaN stays."""
    order = np.where(np.isfinite(scores), scores, np.inf).argsort(axis=0).argsort(axis=0)
    return np.where(np.isfinite(scores), order / len(scores), np.nan)


def tell(card: dict[str, Any]) -> None:
    """Print the card's figures."""
    for name, value in card["figures"].items():
        print(f"{name}: {value}")
    for label in card["labels"]:
        found = label["figures"]
        low, high = found.get("auc_95", (np.nan, np.nan))
        print(
            f"{label['code']:28} {found['n_positive']:5} AUC {found.get('auc', np.nan):.3f} ({low:.3f} to {high:.3f}) "
            f"ECE {found['calibration_error']:.3f} {label['report']}"
        )
