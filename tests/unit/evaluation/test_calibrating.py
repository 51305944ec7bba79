"""Calibration on one's own studies: two normal populations whose figures are known in closed form."""

from __future__ import annotations

from datetime import date
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from ecg_engine.errors import InputError
from ecg_engine.evaluation import calibrating
from ecg_engine.evaluation.calibrating import Studies, calibrated_document, label_figures, next_version
from ecg_engine.evaluation.ranking import calibration_error, share_interval, threshold_for_specificity

APART = 2.0
DOCUMENT: dict[str, Any] = {
    "name": "m",
    "version": "1.0",
    "labels": [{"code": "a", "threshold": 0.5, "report": "default"}, {"code": "b", "threshold": 0.4}],
}


def population(n: int, share: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) < round(n * share)
    return truth, rng.normal(size=n) + APART * truth


def studies(n: int, share: float = 0.3, **of: Any) -> Studies:
    truth, logits = population(n, share)
    patients = of.pop("patients", np.arange(n).astype(str))
    return Studies(truth={"a": truth.astype(float)}, logits={"a": logits}, patients=patients, silent={})


def test_figures_are_those_of_two_normal_populations() -> None:
    truth, logits = population(20_000)
    found = label_figures(truth, logits, patients=np.arange(len(truth)).astype(str), specificity=0.9)
    normal = NormalDist()
    cut = normal.inv_cdf(0.9)
    f = found["figures"]
    assert f["auc"] == pytest.approx(normal.cdf(APART / 2**0.5), abs=0.01)
    assert f["specificity"] == pytest.approx(0.9, abs=0.01)
    assert f["sensitivity"] == pytest.approx(normal.cdf(APART - cut), abs=0.02)
    below = 0.3 * normal.cdf(cut - APART)
    assert f["npv"] == pytest.approx(0.7 * 0.9 / (0.7 * 0.9 + below), abs=0.01)
    for name, sensitivity in (("98", 0.98), ("99", 0.99), ("99_9", 0.999)):
        expected = normal.cdf(APART + normal.inv_cdf(1 - sensitivity))
        assert f[f"specificity_at_sensitivity_{name}"] == pytest.approx(expected, abs=0.05)
    # log odds of equal-variance normals are APART * (x - APART / 2) + log(share / (1 - share)).
    assert found["calibration"]["slope"] == pytest.approx(APART, abs=0.1)
    assert found["calibration"]["intercept"] == pytest.approx(-(APART**2) / 2 + np.log(0.3 / 0.7), abs=0.15)
    assert f["calibration_error"] < 0.02
    assert sum(n for _, _, n in f["calibration_curve"]) == len(truth)
    for name in ("auc", "sensitivity", "specificity", "npv"):
        low, high = f[f"{name}_95"]
        assert low < f[name] < high


def test_what_is_told_is_of_studies_that_nothing_was_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, logits = population(500)
    fitted: list[set[float]] = []
    fit = calibrating.fit_platt

    def noting(y: Any, x: Any) -> tuple[float, float]:
        fitted.append(set(x.tolist()))
        return fit(y, x)

    monkeypatch.setattr(calibrating, "fit_platt", noting)
    label_figures(truth, logits, patients=np.arange(500).astype(str), specificity=0.9)
    every = set(logits.tolist())
    assert fitted[0] == every
    # Five folds: each study is left out of exactly one fit.
    assert len(fitted) == 6
    left_out = [every - one for one in fitted[1:]]
    assert set.union(*left_out) == every and sum(map(len, left_out)) == len(every)


def test_studies_of_a_patient_stay_in_one_fold() -> None:
    # Each patient's studies are alike; the interval is as wide as the patients are few.
    truth, logits = population(100)
    many = label_figures(
        np.repeat(truth, 10), np.repeat(logits, 10), patients=np.repeat(np.arange(100), 10).astype(str), specificity=0.9
    )["figures"]
    alone = label_figures(truth, logits, patients=np.arange(100).astype(str), specificity=0.9)["figures"]
    width, own = (f["auc_95"][1] - f["auc_95"][0] for f in (many, alone))
    assert width == pytest.approx(own, rel=0.25)
    assert many["n_patients"] == 100


def test_the_new_card_keeps_the_rest_and_names_where_it_comes_from() -> None:
    new, found = calibrated_document(DOCUMENT, studies(500), day=date(2026, 11, 28))
    assert new["version"] == "1.0-local.1"
    assert new["labels"][1] == DOCUMENT["labels"][1]
    assert new["labels"][0]["report"] == "default"
    assert new["local_calibration"]["from_version"] == "1.0"
    assert (new["local_calibration"]["n_studies"], new["local_calibration"]["labels"]) == (500, ["a"])
    assert set(found["figures"]) == {"a"} and found["remarks"] == []
    assert DOCUMENT["version"] == "1.0" and "calibration" not in DOCUMENT["labels"][0]


@pytest.mark.parametrize(
    ("n", "share", "allowed"), [(400, 0.1, True), (399, 0.3, False), (400, 0.09, False), (500, 0.95, False)]
)
def test_what_is_enough(n: int, share: float, allowed: bool) -> None:
    if allowed:
        assert calibrated_document(DOCUMENT, studies(n, share))[1]["remarks"] == []
        return
    with pytest.raises(InputError, match="--few"):
        calibrated_document(DOCUMENT, studies(n, share))
    (remark,) = calibrated_document(DOCUMENT, studies(n, share), few=True)[1]["remarks"]
    assert "95 % interval is" in remark and f"a: {n} studies" in remark


def test_ten_of_a_class_are_needed_whatever_is_said() -> None:
    with pytest.raises(InputError, match="at least 10"):
        calibrated_document(DOCUMENT, studies(500, 0.018), few=True)


def test_a_score_that_falls_where_the_label_is_true_is_refused() -> None:
    truth, logits = population(500)
    with pytest.raises(InputError, match="is the column the right one"):
        label_figures(truth, -logits, patients=np.arange(500).astype(str), specificity=0.9)


def test_versions_go_on() -> None:
    assert [next_version(v) for v in ("2.0-local.9", "1.0-rc.1")] == ["2.0-local.10", "1.0-rc.1-local.1"]


def test_shares_have_wilsons_interval() -> None:
    # Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E), table I, method 3.
    for k, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert share_interval(k, n) == pytest.approx((low, high), abs=1e-4)


def test_a_threshold_leaves_out_at_least_the_share_asked_for() -> None:
    rng = np.random.default_rng(0)
    for specificity in (0.5, 0.9, 0.99, 1.0):
        truth, scores = rng.random(200) < 0.3, np.round(rng.random(200), 2)
        t = threshold_for_specificity(truth, scores, specificity)
        assert (scores[~truth] < t).mean() >= specificity
        lower = np.unique(scores[scores < t])
        assert (scores[~truth] < lower[-1]).mean() < specificity
    assert calibration_error([True, False], [0.5, 0.5], n_bins=1) == 0.0
