"""Make the weights of the ventricular score again: ``python -m training.beat_classes [--folds]``.

A logistic regression over the AAMI DS1 records of the MIT-BIH Arrhythmia Database, found under ``ECG_ENGINE_DATA``,
paced records left out. Each record counts once more with either lead alone and in strips of 10 s, since that is what
clinics send; each class counts in each record with at most a stated number of beats, so that no patient rules. What
compares the leads with each other (``lead_wide``; 0 in one lead) is weighed afterwards, over both leads, the rest held,
so that one lead alone is judged as without it.
``--folds`` also scores each record by weights made from the others, without and with the group's vote. Prints lines for
``detection/parameters.py``.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import ecg_engine as ee
from ecg_engine.detection._beat_features import beat_features, group_mean
from ecg_engine.detection.parameters import CLASSES
from ecg_engine.evaluation.beats import WINDOW_S, class_of, match_marks

#: EC57 leaves paced records out of the classes.
PACED: Final = frozenset({"102", "104", "107", "217"})
STRIP_S: Final = 10
#: Name, leads, length of the strips (None: whole), every how many of them, most beats of a class that count.
VIEWS: Final[tuple[tuple[str, slice, int | None, int, int], ...]] = (
    ("both leads", slice(0, 2), None, 1, 300),
    ("first lead", slice(0, 1), None, 1, 150),
    ("second lead", slice(1, 2), None, 1, 150),
    ("both leads, 10 s", slice(0, 2), STRIP_S, 2, 150),
    ("first lead, 10 s", slice(0, 1), STRIP_S, 4, 80),
    ("second lead, 10 s", slice(1, 2), STRIP_S, 4, 80),
)
STRENGTH: Final = 0.03
#: The features that only several leads have, and what share of the weight that fits best they get: with more than
#: half, runs of ventricular beats on bedside monitors (PhysioNet/CinC 2015) are lost.
BETWEEN: Final = "lead_wide"
BETWEEN_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The beats of one record in one view; ``weight`` is 0 where a beat is not learnt from."""

    table: NDArray[np.float64]
    group: NDArray[np.int64]
    kinds: NDArray[np.str_]
    weight: NDArray[np.float64]
    missed: int


def views_of(path: Path) -> list[View]:
    """Return a record's views: the engine's own R peaks, each with the class of the reference beat it hits."""
    recording = ee.read_ecg(path)
    fs, signal = recording.fs, np.asarray(recording.signal, np.float64)
    marks = [(a.sample, class_of(a.symbol)) for a in recording.annotations if class_of(a.symbol)]
    starts, stops = ([a.sample for a in recording.annotations if a.symbol == s] for s in "[]")
    r = ee.detect_r_peaks(signal, fs=fs)
    for start, stop in zip(starts, stops, strict=True):
        r = r[(r < start) | (r > stop)]
    reference = np.array([at for at, _ in marks], np.int64)
    i, j = match_marks(reference, r, window=round(WINDOW_S * fs))
    kinds = np.full(len(r), "-")
    kinds[j] = np.array([k for _, k in marks])[i]
    lost = sum(k == "V" for _, k in marks) - int((kinds == "V").sum())
    out = []
    for number, (_, leads, length, every, most) in enumerate(VIEWS):
        n = signal.shape[1]
        size = n if length is None else round(length * fs)
        tables, groups, truths = [], [], []
        for k, start in enumerate(range(0, n - size + 1, size * every)):
            inside = (r >= start) & (r < start + size)
            if inside.sum() < 3:
                continue
            at = r[inside] - start
            features = beat_features(np.ascontiguousarray(signal[leads, start : start + size]), at, fs)
            truth = kinds[inside].copy()
            truth[(at < 0.1 * fs) | (at > size - 0.14 * fs)] = "F"
            tables.append(features.table)
            groups.append(features.group + 1000 * k)
            truths.append(truth)
        truth = np.concatenate(truths)
        weight = np.zeros(len(truth))
        for one in (truth == "V", (truth != "V") & (truth != "F") & (truth != "Q")):
            weight[one] = min(int(one.sum()), most) / max(1, int(one.sum()))
        group = np.unique(np.concatenate(groups), return_inverse=True)[1]
        out.append(View(np.concatenate(tables), group, truth, weight, lost if number == 0 else 0))
    return out


def fit(views: list[View]) -> tuple[NDArray[np.float64], float]:
    """Return weights and offset for features as they are."""
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    table = np.concatenate([v.table for v in views])
    weight = np.concatenate([v.weight for v in views])
    is_v = np.concatenate([v.kinds == "V" for v in views])
    column = list(CLASSES.weights).index(BETWEEN)
    between = table[:, column].copy()
    table[:, column] = 0.0
    mean, spread = table.mean(axis=0), table.std(axis=0)
    spread[column] = 1.0
    learnt = weight > 0
    model = LogisticRegression(C=STRENGTH, max_iter=500)
    model.fit(((table - mean) / spread)[learnt], is_v[learnt], sample_weight=weight[learnt])
    weights = model.coef_[0] / spread
    offset = float(model.intercept_[0] - weights @ mean)
    several = learnt & (between != 0)
    own = (table @ weights + offset)[several]
    side = np.where(is_v, -1.0, 1.0)[several]

    def loss(of: float) -> float:
        return float(weight[several] @ np.logaddexp(0.0, side * (own + of * between[several])))

    weights[column] = BETWEEN_SHARE * minimize_scalar(loss).x
    return weights, offset


def score(view: View, weights: NDArray[np.float64], offset: float, share: float) -> NDArray[np.int64]:
    """Return hits, misses and false V."""
    own = view.table @ weights + offset
    held = np.clip(own, -CLASSES.score_limit, CLASSES.score_limit)
    said = (1 - share) * own + share * group_mean(held, view.group) > CLASSES.threshold
    is_v, other = view.kinds == "V", ~np.isin(view.kinds, ["V", "F", "Q"])
    return np.array([(said & is_v).sum(), (~said & is_v).sum() + view.missed, (said & other).sum()])


def main() -> None:
    folder = Path(os.environ["ECG_ENGINE_DATA"]) / "ecg" / "mitdb"
    paths = [p for p in sorted(folder.glob("*.hea")) if p.stem not in PACED]
    records = [views_of(p) for p in paths]
    if "--folds" in sys.argv:
        totals = np.zeros((2, len(VIEWS), 3), np.int64)
        for k, record in enumerate(records):
            model = fit([v for j, other in enumerate(records) if j != k for v in other])
            for s, share in enumerate((0.0, CLASSES.group_share)):
                for v, view in enumerate(record):
                    totals[s, v] += score(view, *model, share)
        for s, name in enumerate(("each beat by itself", "with its group")):
            for (view_name, *_), (hit, missed, false) in zip(VIEWS, totals[s], strict=True):
                print(
                    f"# {name}, {view_name}: V Se {100 * hit / (hit + missed):.1f} PPV {100 * hit / (hit + false):.1f}"
                )
    weights, offset = fit([v for record in records for v in record])
    print(f"offset = {offset:.3f}")
    for name, value in zip(CLASSES.weights, weights, strict=True):
        print(f'    "{name}": {value:.3f},')


if __name__ == "__main__":
    main()
