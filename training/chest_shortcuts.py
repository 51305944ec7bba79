"""What a score could rest on beside the finding: how a picture was exposed and cut, from which side, and its set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.chest_images import FINDINGS, NIH_SETS, Table

CODES = tuple(FINDINGS)


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
    numbers: NDArray[np.float64], labels: NDArray[np.float32], use: NDArray[np.bool_], ask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how a logistic regression on `plain_numbers` scores the rows of `ask`, learnt from those of `use`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = use & np.isfinite(labels)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(numbers[known], labels[known] > 0.5)
    scores: NDArray[np.float64] = fitted.decision_function(numbers[ask])
    return scores


def reproduced(
    table: Table,
    rows: NDArray[np.int64],
    numbers: NDArray[np.float64],
    scores: NDArray[np.float64],
    folds: NDArray[np.int64],
) -> dict[str, dict[str, float]]:
    """Return how far shortcuts reproduce each finding's score, and what it is worth where they cannot.

    ``variance_explained``: by ridge regression on `plain_numbers` and the set's name, of scores in each fold's standard
    deviations, learnt from the other folds. ``auc_within_set_and_view``: of pictures of one set and one view, the mean
    over these weighted by their pairs of one with the finding and one without.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from ecg_engine.evaluation.ranking import auc

    source, view = table.source[rows], table.view[rows]
    told = np.column_stack([numbers, *(source == name for name in NIH_SETS)])
    parts = [(source == name) & (view == one) for name in NIH_SETS for one in np.unique(view)]
    out = {}
    for i, code in enumerate(CODES):
        y, said = scores[:, i].copy(), np.empty(len(rows))
        for fold in np.unique(folds):
            own = folds == fold
            y[own] = (y[own] - y[own].mean()) / y[own].std()
        for fold in np.unique(folds):
            own = folds == fold
            said[own] = make_pipeline(StandardScaler(), Ridge()).fit(told[~own], y[~own]).predict(told[own])
        pairs = worth = 0.0
        for part in parts:
            known = part & np.isfinite(table.labels[rows, i])
            truth = table.labels[rows[known], i] > 0.5
            if min(truth.sum(), (~truth).sum()) >= 5:
                weight = float(truth.sum()) * float((~truth).sum())
                pairs, worth = pairs + weight, worth + weight * auc(truth, y[known])
        out[code] = {
            "variance_explained": float(1 - ((y - said) ** 2).mean() / y.var()),
            "auc_within_set_and_view": worth / pairs if pairs else float("nan"),
        }
    return out
