"""Ranking figures against scikit-learn and against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.errors import InputError
from ecg_engine.evaluation.ranking import auc, auc_interval, calibration_error, fit_platt, threshold_for_sensitivity


def counted_auc(y: np.ndarray, s: np.ndarray) -> float:
    """Compare every pair, as the definition says."""
    pairs = [(a > b) + 0.5 * (a == b) for a in s[y] for b in s[~y]]
    return float(np.mean(pairs))


def test_auc_is_the_share_of_pairs_in_the_right_order(rng: np.random.Generator) -> None:
    y = rng.random(80) < 0.3
    s = np.round(rng.normal(y.astype(float), 1.0), 1)  # rounded, so that there are ties
    assert auc(y, s) == pytest.approx(counted_auc(y, s), abs=1e-12)


def test_auc_without_one_of_the_classes_is_nan() -> None:
    assert np.isnan(auc([True, True], [0.1, 0.2]))


def test_interval_agrees_with_hanley_and_mcneil(rng: np.random.Generator) -> None:
    y = np.arange(400) < 150
    s = rng.normal(y * 1.2, 1.0)
    a = auc(y, s)
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    se = np.sqrt((a * (1 - a) + 149 * (q1 - a * a) + 249 * (q2 - a * a)) / (150 * 250))
    low, high = auc_interval(y, s, seed=1)
    assert (low, high) == pytest.approx((a - 1.96 * se, a + 1.96 * se), abs=0.01)


def test_rows_of_one_patient_are_drawn_together(rng: np.random.Generator) -> None:
    y = np.arange(60) < 30
    s = rng.normal(y * 1.0, 1.0)
    rows = np.repeat(np.arange(60), 10)  # ten copies of each say no more than one
    alone = auc_interval(y, s, seed=2)
    copied = auc_interval(y[rows], s[rows], groups=rows, seed=2)
    assert copied == pytest.approx(alone, abs=1e-12)


def test_calibration_error_of_what_is_right_and_of_what_is_wrong_by_a_fifth(rng: np.random.Generator) -> None:
    p = rng.random(20000)
    y = rng.random(20000) < p
    assert calibration_error(y, p) < 0.02
    assert calibration_error(y, np.full(20000, 0.7)) == pytest.approx(abs(y.mean() - 0.7), abs=1e-9)


def test_platt_finds_the_line_that_made_the_data(rng: np.random.Generator) -> None:
    x = rng.normal(0, 2, 40000)
    y = rng.random(40000) < 1 / (1 + np.exp(-(0.7 * x - 1.1)))
    assert fit_platt(y, x) == pytest.approx((0.7, -1.1), abs=0.05)


def test_platt_of_separable_scores_stays_finite() -> None:
    slope, intercept = fit_platt([False] * 5 + [True] * 5, np.arange(10.0))
    assert np.isfinite([slope, intercept]).all()
    assert slope > 0


def test_threshold_finds_at_least_the_share_and_no_higher_one_does(rng: np.random.Generator) -> None:
    y = rng.random(200) < 0.4
    s = rng.random(200)
    t = threshold_for_sensitivity(y, s, 0.9)
    assert (s[y] >= t).mean() >= 0.9
    assert (s[y] > t).mean() < 0.9


@pytest.mark.parametrize(
    "call",
    [
        lambda: auc([True], [0.1, 0.2]),
        lambda: auc([True, False], [0.1, float("nan")]),
        lambda: fit_platt([True, True], [1.0, 2.0]),
        lambda: threshold_for_sensitivity([False], [0.1], 0.9),
        lambda: threshold_for_sensitivity([True], [0.1], 0.0),
    ],
)
def test_impossible_input_is_refused(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]
