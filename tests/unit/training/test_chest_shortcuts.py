"""What brightness, view and the set's name can say is told apart from what a score knows beside them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is absent: the extra train is not installed")

from training.chest_images import NIH_SETS, Table
from training.chest_shortcuts import CODES, reproduced


@pytest.fixture
def table() -> Table:
    rng, n = np.random.default_rng(9), 4000
    source = rng.choice(NIH_SETS, n)
    # The more of a set, the more of its patients have every finding.
    often = np.select([source == name for name in NIH_SETS], [0.2, 0.4, 0.6, 0.8])
    return Table(
        squares=np.zeros((n, 1, 1), np.uint8), inside=np.zeros((n, 4), np.int64), source=source,
        patient=np.arange(n).astype(str), view=rng.choice(["PA", "AP"], n), age=np.full(n, 50.0),
        labels=(rng.random((n, len(CODES))) < often[:, None]).astype(np.float32),
        soft=np.full((n, len(CODES)), np.nan, np.float32), may_train=np.ones(n, bool), name=np.arange(n).astype(str),
    )  # fmt: skip


def test_a_score_of_shortcuts_alone_is_found_out_and_one_of_the_finding_is_not(table: Table) -> None:
    rng, n = np.random.default_rng(10), len(table)
    numbers = rng.normal(0, 1, (n, 3))
    rows, folds = np.arange(n), np.arange(n) % 3
    scores = np.zeros((n, len(CODES)))
    often = np.select([table.source == name for name in NIH_SETS], [0.2, 0.4, 0.6, 0.8])
    scores[:, 0] = 5 * often + 0.1 * rng.normal(0, 1, n)  # the set's name
    scores[:, 1] = numbers[:, 1] + rng.normal(0, 1, n)  # half of it brightness
    scores[:, 2] = 2 * table.labels[:, 2] + rng.normal(0, 1, n)  # the finding, whose AUC is that of d' = 2: 0.921
    scores[:, 3:] = rng.normal(0, 1, (n, len(CODES) - 3))
    scores += folds[:, None]  # networks of folds have levels of their own
    found = reproduced(table, rows, numbers, scores, folds)
    explained = [found[code]["variance_explained"] for code in CODES]
    worth = [found[code]["auc_within_set_and_view"] for code in CODES]
    assert explained[0] > 0.98
    assert explained[1] == pytest.approx(0.5, abs=0.04)
    # Labels vary by 0.25, a fifth of it between sets; times 2 squared beside noise of 1 is 0.2 of 2.
    assert explained[2] == pytest.approx(0.1, abs=0.03)
    assert np.abs(explained[3:]).max() < 0.02
    assert worth[0] == pytest.approx(0.5, abs=0.03)
    assert worth[2] == pytest.approx(0.921, abs=0.015)
