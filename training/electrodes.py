"""Fit the weights that tell exchanged electrodes (``ecg_engine/measurement/electrodes.toml``).

    ECG_ENGINE_DATA=... python -m training.electrodes

Recordings of LUDB and PTB-XL are taken as right; their leads are exchanged by arithmetic. Needs NumPy and scikit-learn;
two minutes on one core. Every figure printed, and every limit, is of patients that the fit had not seen (five folds).
Some of the recordings are truly exchanged: they count as false alarms here.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.measurement.electrodes import (
    CHEST_SWAPS,
    LIMB_SWAPS,
    Windows,
    chest_features,
    limb_features,
    windows_of,
)

#: Inverse strength of the L2 penalty, and how many of the right ones may be above the limit.
PENALTY = 0.1
ALARMS: Mapping[str, float] = {"limb": 0.001, "chest": 0.003}
#: How many times as many of the right ones make the tail.
TAIL = 10
TARGET = Path(__file__).resolve().parent.parent / "ecg_engine" / "measurement" / "electrodes.toml"

Floats = NDArray[np.float64]
#: I and II after the exchange, from I and II before it: the potentials of RA, LA and LL are 0, I and II.
LIMB: Mapping[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "la_ra": ((-1, 0), (-1, 1)),
    "ra_ll": ((1, -1), (0, -1)),
    "la_ll": ((0, 1), (1, 0)),
    "la_to_ll": ((-1, 1), (-1, 0)),
    "ra_to_ll": ((0, -1), (1, -1)),
}
#: From V1 to V6, I and II to X, Y, Z (Edenbrandt and Pahlm 1988, doi:10.1016/0022-0736(88)90113-6), and from X, Y, Z to
#: the leads (Dower 1980, doi:10.1016/S0022-0736(80)80051-X): to mirror a heart.
TO_XYZ = np.array([
    (-0.172, -0.074, 0.122, 0.231, 0.239, 0.194, 0.156, -0.010),
    (0.057, -0.019, -0.106, -0.022, 0.041, 0.048, -0.227, 0.887),
    (-0.229, -0.310, -0.246, -0.063, 0.055, 0.108, 0.022, 0.102),
])  # fmt: skip
FROM_XYZ = np.array([
    (-0.515, 0.157, -0.917), (0.044, 0.164, -1.387), (0.882, 0.098, -1.277), (1.213, 0.127, -0.601),
    (1.125, 0.127, -0.086), (0.831, 0.076, 0.230), (0.632, -0.235, 0.059), (0.235, 1.066, -0.132),
])  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One recording: who, where from, its waves, whether its chest leads stand in one scale."""

    patient: str
    name: str
    windows: Windows
    in_mv: bool


def read_cases(data: Path) -> Iterator[Case]:
    """Yield what can be used of LUDB and PTB-XL."""
    for path in sorted((data / "ecg" / "ludb").glob("*.hea")):
        recording = ee.read_ecg(path)
        yield from _case(np.array(recording.signal), recording.fs, f"ludb {path.stem}", f"ludb {path.stem}", True)
    seen = set()
    for stem, scale, fs, in_mv in (("raw_500hz", 1000.0, 500.0, True), ("zscored_100hz", 100.0, 100.0, False)):
        packed = np.load(data / "ecg" / "ptbxl" / f"{stem}.npz")["x"]
        with open(data / "ecg" / "ptbxl" / f"{stem}.csv", newline="") as file:
            for x, row in zip(packed, csv.DictReader(file), strict=True):
                if row["ecg_id"] not in seen:
                    seen.add(row["ecg_id"])
                    yield from _case(x / scale, fs, f"ptbxl {row['ecg_id']}", row["patient_id"], in_mv)


def _case(signal: Floats, fs: float, name: str, patient: str, in_mv: bool) -> Iterator[Case]:
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=fs, leads=STANDARD_LEADS))
    # The ventricles' own way with a pacemaker says nothing of electrodes: no statement is made there.
    if report.median_beat is None or any(s.code == "paced_rhythm" for s in report.statements):
        return
    windows = windows_of(report.median_beat, range(12), has_p="pr_ms" in report.measurements.overall)
    if windows is not None and not in_mv:
        windows = _one_scale(windows)
    if windows is not None:
        yield Case(patient=patient, name=name, windows=windows, in_mv=in_mv)


def _one_scale(w: Windows) -> Windows | None:
    """Return the waves with I and II in the scale of III, which is their difference whatever each was scaled by."""
    whole = np.concatenate([w.qrs, w.t], axis=1)
    (a, b), *_ = np.linalg.lstsq(whole[:2].T, whole[2], rcond=None)
    return None if a >= 0 or b <= 0 else _each(w, lambda x: frontal(np.array([-a * x[0], b * x[1]]), x))


def _each(w: Windows, change: Callable[[Floats], Floats]) -> Windows:
    return Windows(p=change(w.p), qrs=change(w.qrs), t=change(w.t))


def frontal(two: Floats, x: Floats) -> Floats:
    """Return `x` (12, n) with the limb leads that follow from I and II."""
    i, ii = two
    return np.concatenate([np.array([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2]), x[6:]])


def exchanged(case: Case, swap: str) -> Windows:
    """Return the waves as they would be."""
    if swap in LIMB:
        matrix = np.array(LIMB[swap], float)
        return _each(case.windows, lambda x: frontal(matrix @ x[:2], x))
    if swap in CHEST_SWAPS:
        order = [6 + k for k in CHEST_SWAPS[swap]]
        return _each(case.windows, lambda x: np.concatenate([x[:6], x[order]]))
    assert swap == "mirrored"
    there_and_back = FROM_XYZ @ np.diag((-1.0, 1.0, 1.0)) @ TO_XYZ

    def mirror(x: Floats) -> Floats:
        leads = there_and_back @ np.concatenate([x[6:], x[:2]])
        return frontal(leads[6:], np.concatenate([x[:6], leads[:6]]))

    return _each(case.windows, mirror)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Weights against the right ones (n_swaps, n_features), what is added, the limit."""

    weights: Floats
    offset: Floats
    least: float = 0.0


def fit(right: Floats, wrong: Mapping[str, tuple[NDArray[np.int64], Floats]]) -> Fitted:
    """Fit one sum for each exchange against the right ones and the other exchanges together (softmax)."""
    x = np.concatenate([right, *(f for _, f in wrong.values())])
    y = np.concatenate(
        [np.zeros(len(right), int), *(np.full(len(f), k + 1) for k, (_, f) in enumerate(wrong.values()))]
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=400)).fit(x, y)
    weights = model[1].coef_ / model[0].scale_
    offset = model[1].intercept_ - weights @ model[0].mean_
    return Fitted(weights=weights[1:] - weights[0], offset=offset[1:] - offset[0])


def tail_limit(values: Floats, share: float) -> float:
    """Return what a share of values is above, by an exponential tail over ten times as many.

    Two or three of two thousand would else decide where one in a thousand lies. Peaks over a threshold, their excess
    exponential: Coles 2001, An Introduction to Statistical Modeling of Extreme Values, chapter 4.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> round(tail_limit(rng.exponential(size=200_000), 0.001))  # ln 1000 = 6.9
    7
    """
    start = float(np.quantile(values, 1 - TAIL * share))
    return start + float((values[values > start] - start).mean()) * float(np.log(TAIL))


def judge(
    cases: list[Case], swaps: list[str], features: Callable[[Windows], Floats], alarms: float
) -> tuple[Fitted, list[str]]:
    """Return the fit of all with limits, and what the folds say."""
    right = np.array([features(c.windows) for c in cases])
    wrong = {}
    for swap in swaps:
        at = np.flatnonzero([c.in_mv or swap != "mirrored" for c in cases])
        wrong[swap] = (at, np.array([features(exchanged(cases[i], swap)) for i in at]))
    odds = np.zeros((len(cases), len(swaps)))
    swapped = {swap: np.zeros((len(at), len(swaps))) for swap, (at, _) in wrong.items()}
    patients = [c.patient for c in cases]
    for train, test in GroupKFold(5).split(right, groups=patients):
        some = {s: (at[np.isin(at, train)], f[np.isin(at, train)]) for s, (at, f) in wrong.items()}
        fitted = fit(right[train], some)
        odds[test] = right[test] @ fitted.weights.T + fitted.offset
        for swap, (at, f) in wrong.items():
            mine = np.isin(at, test)
            swapped[swap][mine] = f[mine] @ fitted.weights.T + fitted.offset
    counted = [k for k, swap in enumerate(swaps) if swap in LIMB_SWAPS or swap in CHEST_SWAPS]
    highest = odds[:, counted].max(axis=1)
    least = tail_limit(highest, alarms)
    raw = np.array([c.in_mv for c in cases])
    said = highest > least
    lines = [
        f"false alarms: {said.sum()} of {len(said)}, in mV {said[raw].sum()} of {raw.sum()}",
        "found at that limit; found as what it is; found by its own sum alone with 0.5 % false alarms, %:",
    ]
    for k, swap in enumerate(swaps):
        own = swapped[swap]
        found = own[:, counted].max(axis=1) > least
        named = found & (own.argmax(axis=1) == k)
        alone = own[:, k] > np.quantile(odds[:, k], 0.995)
        lines.append(f"{swap}: {100 * found.mean():.1f}; {100 * named.mean():.1f}; {100 * alone.mean():.1f}")
    print(
        *(f"{cases[i].name} {swaps[int(np.argmax(odds[i]))]} {highest[i]:.1f}" for i in np.flatnonzero(said)), sep="; "
    )
    return replace(fit(right, wrong), least=least), lines


def main() -> None:
    """Fit, judge, write."""
    cases = list(read_cases(Path(os.environ["ECG_ENGINE_DATA"])))
    lines = [
        "# Made by training/electrodes.py; do not edit.",
        'what = "weights of logistic sums: exchanged electrodes against electrodes in their places"',
        'data = "LUDB 1.0.1 (ODC-By 1.0); PTB-XL 1.0.3 (CC BY 4.0), also as 100 Hz, each lead in its own scale"',
        'limits = "adults; exchanges made by arithmetic, the mirrored heart by a dipole; no paced rhythm"',
        "# Of patients that the fit had not seen. LA and LL are fitted, to be told from other exchanges, and not said.",
    ]
    body: list[str] = []
    for family, swaps, features in (
        ("limb", [*LIMB, "mirrored"], limb_features),
        ("chest", list(CHEST_SWAPS), chest_features),
    ):
        fitted, said = judge(cases, swaps, features, ALARMS[family])
        print(*said, sep="\n")
        lines += [f"{family}_figures = [", *(f'    "{line}",' for line in said), "]"]
        body += ["", f"[family.{family}]", f"least = {fitted.least:.3f}"]
        for k, swap in enumerate(swaps):
            if swap in LIMB_SWAPS or swap in CHEST_SWAPS:
                numbers = ", ".join(f"{v:.4g}" for v in fitted.weights[k])
                body += ["", f"[family.{family}.swap.{swap}]"]
                body += [f"offset = {fitted.offset[k]:.4f}", f"weights = [{numbers}]"]
    TARGET.write_text("\n".join([*lines, *body]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
