"""What is told of the twelve-lead network, and its card."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.evaluation.ranking import auc, auc_interval, calibration_error, fit_platt, threshold_for_sensitivity
from ecg_engine.measurement.twelve_lead_input import FS_HZ, LEADS, MEASURES, QUANTITIES, SAMPLES, VOLTAGES
from training.twelve_lead_data import MIN_CASES, SUPERCLASSES, Records

SEED, DRAWS = 20261128, 500
VERSION = "1.1"
#: A label counts for urgency if the interval of its AUC stays above, and its calibration error below.
LEAST_AUC, LARGEST_ERROR = 0.9, 0.05
#: And if so many of its cases were judged.
LEAST_JUDGED = 10
SPECIFICITY, SENSITIVITY = 0.9, 0.99
#: A record that says no more is a plain normal one.
PLAIN = frozenset({"NORM", "SR"})
#: So many of the abnormal records that look most normal are told of on the card.
LOOKED_AT = 10
DATA = [
    {"name": "PTB-XL, 2,027 records: 429 in mV at 500 Hz, the rest z-scored at 100 Hz", "licence": "CC BY 4.0",
     "cite": "Wagner et al. 2020, doi:10.1038/s41597-020-0495-6"},
    {"name": "MIT-BIH Noise Stress Test Database, noise of moved electrodes", "licence": "ODC-By 1.0",
     "cite": "Moody, Muldrow and Mark 1984"},
]  # fmt: skip


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
    """Return which share of the normals is cleared where 99 % of those with anything abnormal are kept back.

    By the score of normal alone, and by the chance that nothing is wrong, were the labels independent: the product of
    the calibrated probabilities of normal and of the absence of every other label (`unlikely_wrong`). Intervals are of
    the bootstrap over patients: at 99 % the threshold is set by a handful of records.
    """
    out: dict[str, Any] = {"sensitivity": SENSITIVITY}
    plain = np.array([records.scp[row] <= PLAIN and "NORM" in records.scp[row] for row in rows])
    normal = records.labels[rows, 0] > 0.5
    ways = {"cleared": scores[rows, 0], "cleared_by_all_labels": unlikely_wrong(records, scores, rows)}
    for name, is_normal in (("no_statement_but_normal_and_sinus_rhythm", plain), ("superclass_normal", normal)):
        out[name] = {"n": int(is_normal.sum()), "n_abnormal": int((~is_normal).sum())}
        for way, calm in ways.items():
            share, low, high = _cleared_95(is_normal, calm, records.patients[rows])
            out[name] |= {way: share, f"{way}_95": [low, high]}
    first = rows[~plain][np.argsort(-scores[rows[~plain], 0], kind="stable")[:LOOKED_AT]]
    out["said_of_the_abnormal_that_look_most_normal"] = [" ".join(sorted(records.scp[row])) for row in first]
    return out


def unlikely_wrong(records: Records, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log of p(normal) times (1 - p) of every label but normal and sinus rhythm.

    Each fold is calibrated on the others.
    """
    out, folds = np.zeros(len(rows)), records.folds[rows]
    for i, code in enumerate(records.codes[: records.figured]):
        truth, x = records.labels[rows, i] > 0.5, scores[rows, i]
        if code == "SR" or min(truth.sum(), (~truth).sum()) < 2:
            continue
        for fold in np.unique(folds):
            at = folds == fold
            p = probability(x[at], fit_platt(truth[~at], x[~at]))
            out[at] += np.log(np.clip(p if code == "NORM" else 1 - p, 1e-12, 1.0))
    return out


def _cleared_95(
    is_normal: NDArray[np.bool_], calm: NDArray[np.float64], patients: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return the share of normals above all but one in a hundred of the others, and its 95 % interval."""

    def share(at: NDArray[np.int64]) -> float:
        yes, x = is_normal[at], -calm[at]
        if yes.all() or not yes.any():
            return np.nan
        return float((x[yes] < threshold_for_sensitivity(~yes, x, SENSITIVITY)).mean())

    rng = np.random.default_rng(SEED)
    _, person = np.unique(patients, return_inverse=True)
    of = [np.flatnonzero(person == k) for k in range(person.max() + 1)]
    draws = [share(np.concatenate([of[k] for k in rng.integers(0, len(of), len(of))])) for _ in range(DRAWS)]
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return share(np.arange(len(patients))), float(low), float(high)


def labels_of(records: Records, scores: NDArray[np.float64], tests: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return the card's labels, judged on `tests`, each record by a network that had not seen it.

    The calibration error is that of each fold by a calibration of the others; what ships is fitted on all of them.
    """
    names = codes()
    out = []
    for i, code in enumerate(records.codes[: records.figured]):
        found = of_label(records, scores, tests, i)
        truth, x = records.labels[tests, i] > 0.5, scores[tests, i]
        apart = np.empty(len(x))
        for fold in np.unique(records.folds[tests]):
            at = records.folds[tests] == fold
            apart[at] = probability(x[at], fit_platt(truth[~at], x[~at]))
        found["calibration_error"] = calibration_error(truth, apart)
        line = fit_platt(truth, x)
        p = probability(x, line)
        if code == "NORM":
            threshold = 1 - threshold_for_sensitivity(~truth, 1 - p, SENSITIVITY)
            chosen_for = f"{SENSITIVITY:.2f} of those who are not normal stay below it"
        else:
            threshold = float(np.quantile(p[~truth], SPECIFICITY))
            chosen_for = f"specificity {SPECIFICITY:.2f} among those without it"
        found["sensitivity"] = float((p[truth] >= threshold).mean())
        found["specificity"] = float((p[~truth] < threshold).mean())
        proven = found.get("auc_95", [0.0])[0] >= LEAST_AUC and found["calibration_error"] <= LARGEST_ERROR
        cases = int(records.labels[:, i].sum())
        out.append(
            {
                "code": names.get(code, code), "scp": code, "threshold": threshold, "chosen_for": chosen_for,
                "report": "default" if proven and cases >= MIN_CASES and truth.sum() >= LEAST_JUDGED else "research",
                "figures": found | {"n_positive_in_all": cases},
            }
        )  # fmt: skip
        if line[0] > 0:
            # A score that ranks the wrong way round has no calibration, and stays research.
            out[-1]["calibration"] = {"slope": line[0], "intercept": line[1]}
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
    records: Records, tested: NDArray[np.float64], *, curve: dict[float, NDArray[np.float64]],
    shapes: dict[str, tuple[int, ...]],
) -> dict[str, Any]:  # fmt: skip
    """Return the card.

    Parameters
    ----------
    tested : ndarray of shape (n, labels)
        Logits by networks that had not seen the record: of folds 7 to 9; NaN elsewhere.
    curve : mapping of float to ndarray
        What the teacher alone says, of this share of the patients.
    shapes : mapping
        Of the graph's outputs.
    """
    tests = np.flatnonzero(np.isfinite(tested[:, 0]))
    has_mv = records.measures[:, 1, 0] > 0
    labels = labels_of(records, tested, tests)
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
            "teacher_alone": macro_with_interval(records, curve[1.0], tests),
            "teacher_and_network": macro_with_interval(records, _ranked(curve[1.0]) + _ranked(tested), tests),
            "learning_curve_of_the_teacher": {
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
            "one each. Folds 7, 8, 9: each by a network that learnt from all other folds; the plan of training was "
            "chosen on folds 1 to 6. The shipped network learnt from all folds, so that nothing of PTB-XL that it saw "
            "can judge it."
        ),
        "architecture": (
            "The mean of two residual networks: 12 leads at 100 Hz, four blocks, mean and maximum over time; "
            f"{len(VOLTAGES)} voltages and {len(QUANTITIES)} other measurements by a hidden layer beside the last"
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


def _share(found: dict[str, Any], way: str) -> str:
    low, high = found[f"{way}_95"]
    return f"{100 * found[way]:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def page_of(card: dict[str, Any]) -> str:
    """Return the page of figures, `docs/twelve_lead.md`."""
    figures = card["figures"]
    lines = [
        "# The twelve-lead model",
        "",
        f"`{card['name']}` {card['version']}. {card['intended_use']}",
        "",
        f"{card['architecture']}. {card['splits']}",
        "",
        "Written by `python -m training.twelve_lead`; intervals are of 95 %, by the bootstrap over patients.",
        "",
        "| superclasses, mean AUC | records | AUC | interval |",
        "|---|---|---|---|",
    ]
    rows = {
        "folds 7, 8, 9": figures["superclasses_folds_7_8_9"],
        "of these in mV": figures["superclasses_folds_7_8_9_in_mv"],
        "of these z-scored": figures["superclasses_folds_7_8_9_z_scored"],
        "folds 7, 8, 9: teacher and network": figures["teacher_and_network"],
    }
    for share, found in figures["learning_curve_of_the_teacher"].items():
        rows[f"folds 7, 8, 9: the teacher, of {share.removeprefix('of_')} % of the patients"] = found
    for name, found in rows.items():
        low, high = found["auc_95"]
        lines.append(f"| {name} | {found['n']} | {found['auc']:.3f} | {low:.3f} to {high:.3f} |")
    by_fold = ", ".join(f"{value:.3f}" for value in figures["superclasses_folds_7_8_9"]["by_fold"])
    plain, normal = (
        figures["normals_cleared"][name] for name in ("no_statement_but_normal_and_sinus_rhythm", "superclass_normal")
    )
    looked_at = figures["normals_cleared"]["said_of_the_abnormal_that_look_most_normal"]
    lines += [
        "",
        f"Fold by fold: {by_fold}. Mean calibration error of the superclasses: "
        f"{figures['mean_calibration_error_of_superclasses']:.3f} (each fold calibrated on the other two).",
        "",
        f"Where {100 * SENSITIVITY:.0f} % of everything abnormal is kept back, the score `NORM` alone clears "
        f"{_share(plain, 'cleared')} of {plain['n']} records that have no statement but normal and sinus rhythm, and "
        f"{_share(normal, 'cleared')} of the {normal['n']} of the superclass normal. The chance that no label is true "
        "(the product of their calibrated probabilities) clears "
        f"{_share(plain, 'cleared_by_all_labels')} and {_share(normal, 'cleared_by_all_labels')}. "
        "A handful of records sets these thresholds, mostly called normal too: the abnormal ones that look most normal "
        f"are {', '.join(f'`{said}`' for said in looked_at)}.",
        "",
        "Folds 7 to 9; the calibration error is that of each fold, calibrated on the other two. `default` counts for "
        f"urgency: interval of the AUC above {LEAST_AUC}, calibration error at most {LARGEST_ERROR}, in all folds at "
        f"least {MIN_CASES} cases, of which {LEAST_JUDGED} in these.",
        "",
        "| label | SCP-ECG | cases | AUC | interval | sensitivity | specificity | calibration error | report |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for label in card["labels"]:
        found = label["figures"]
        low, high = found.get("auc_95", (np.nan, np.nan))
        lines.append(
            f"| `{label['code']}` | {label['scp']} | {found['n_positive']} | {found.get('auc', np.nan):.3f} | "
            f"{low:.3f} to {high:.3f} | {found['sensitivity']:.2f} | {found['specificity']:.2f} | "
            f"{found['calibration_error']:.3f} | {label['report']} |"
        )
    lines += ["", "Known failures:", "", *(f"- {text}" for text in card["known_failures"]), ""]
    return "\n".join(lines)
