"""The QRS score of Selvester by its published table."""

from __future__ import annotations

import pytest

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.measurement.infarct_size import selvester_points

#: A heart without a point: R everywhere, no Q, R of V1 and V2 small before a deep S.
SOUND = {name: {"r_mv": 1.0, "r_ms": 40.0, "s_mv": -0.2, "s_ms": 20.0} for name in STANDARD_LEADS} | {
    "V1": {"r_mv": 0.2, "r_ms": 25.0, "s_mv": -1.0, "s_ms": 50.0},
    "V2": {"r_mv": 0.5, "r_ms": 30.0, "s_mv": -1.2, "s_ms": 50.0},
}
OVERALL = {"qrs_ms": 90.0, "pr_ms": 160.0, "qrs_axis_deg": 50.0, "cornell_mv": 1.2}


def points(overall=OVERALL, *, sex="M", age_years=60.0, **changed):
    by_lead = {lead: values | changed.get(lead, {}) for lead, values in SOUND.items()}
    return selvester_points(by_lead, overall, sex=sex, age_years=age_years)


def q(ms, mv=-0.15):
    return {"q_mv": mv, "q_ms": ms}


QS = {"r_mv": 0.0, "s_mv": -1.0, "s_ms": 80.0}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 0),
        # I and II
        ({"I": q(30)}, 1), ({"I": q(29)}, 0), ({"I": q(20, -1.0)}, 1), ({"I": {"r_mv": 0.2}}, 1),
        ({"I": q(30, -1.0)}, 2), ({"II": q(30)}, 1), ({"II": q(40)}, 2), ({"II": q(20, -1.5)}, 0),
        # aVL and aVF
        ({"aVL": q(30)}, 1), ({"aVL": q(30, -1.0)}, 2),
        ({"aVF": q(30)}, 1), ({"aVF": q(40)}, 2), ({"aVF": q(50)}, 3), ({"aVF": q(20, -0.5)}, 1),
        ({"aVF": q(50, -1.0)}, 5), ({"aVF": QS}, 5),
        # V1 to V3, in front
        ({"V1": q(5, -0.05)}, 1), ({"V1": {"s_mv": -1.8}}, 1), ({"V1": {**QS, "s_mv": -1.8}}, 2),
        ({"V2": q(5, -0.05)}, 1), ({"V2": {"r_ms": 10.0}}, 1), ({"V2": {"r_mv": 0.1}}, 1),
        ({"V2": {"r_mv": 0.2}}, 1), ({"V2": {"r_mv": 0.21}}, 0),
        ({"V3": q(5, -0.05)}, 1), ({"V3": {"r_ms": 20.0}}, 1), ({"V3": {"r_mv": 0.2}}, 1),
        # V1 and V2, behind
        ({"V1": {"s_mv": -0.4, "r_mv": 0.4}}, 1), ({"V1": {"r_ms": 40.0}}, 1), ({"V1": {"r_ms": 50.0}}, 2),
        ({"V1": {"s_mv": -0.3, "r_mv": 0.2}}, 1), ({"V1": {"r_mv": 0.6, "s_mv": -0.7}, "V2": {"r_mv": 0.7}}, 1),
        ({"V1": {"r_mv": 1.0, "r_ms": 50.0, "s_mv": -0.3}, "V2": {"r_mv": 1.1}}, 4),
        ({"V2": {"r_mv": 1.5, "s_mv": -1.1}}, 1), ({"V2": {"r_mv": 0.9, "s_mv": -0.6}}, 1),
        ({"V2": {"r_ms": 50.0}}, 1), ({"V2": {"r_mv": 2.0, "s_mv": -0.4}}, 4), ({"V2": {"s_mv": -0.4, "r_mv": 0.5}}, 1),
        # V4 to V6
        ({"V4": q(20)}, 1), ({"V4": {"s_mv": -1.0}}, 1), ({"V4": {"s_mv": -2.0}}, 2), ({"V4": {"r_mv": 0.7}}, 1),
        ({"V4": q(20, -2.0)}, 3), ({"V4": {"r_reversal_mv": 0.05}}, 1), ({"V4": {"r_reversal_mv": 0.04}}, 0),
        ({"V5": q(20)}, 0), ({"V5": q(30)}, 1), ({"V5": {"s_mv": -0.5}}, 1), ({"V5": {"s_mv": -1.0}}, 2),
        ({"V5": {"r_mv": 0.7}}, 1), ({"V5": {"r_reversal_mv": 0.06}}, 1),
        ({"V6": q(30)}, 1), ({"V6": {"s_mv": -0.34}}, 1), ({"V6": {"s_mv": -1.0}}, 2), ({"V6": {"r_mv": 0.7}}, 0),
        ({"V6": {"r_mv": 0.6, "s_mv": -0.1}}, 1), ({"V6": {"r_reversal_mv": 0.06}}, 1),
        # What has no part in it.
        ({"III": q(60, -1.0), "aVR": QS}, 0),
    ],
)  # fmt: skip
def test_each_line_of_the_table(changed, expected):
    """Hindman 1985, as its table is given by the collections of medical algorithms."""
    assert points(**changed) == expected


def test_no_more_than_32_points():
    """2 + 2 + 2 + 5 + 6 + 5 + 1 + 3 + 3 + 3: those in front and behind never meet in one heart."""
    front = {lead: QS for lead in ("I", "II", "aVL", "aVF", "V2", "V3", "V4", "V5", "V6")}
    assert points(V1={**QS, "s_mv": -2.0}, **front) == 2 + 2 + 2 + 5 + 2 + 1 + 1 + 3 + 3 + 3
    behind = {"V1": {"r_mv": 1.2, "r_ms": 60.0, "s_mv": -0.1}, "V2": {"r_mv": 2.2, "r_ms": 60.0, "s_mv": -0.1}}
    assert points(**behind) == 4 + 4


def test_a_second_r_of_v1_is_the_right_ventricle():
    assert points(V1={"r2_mv": 1.2, "r2_ms": 40.0}) == 0


@pytest.mark.parametrize(
    "overall",
    [
        {"qrs_ms": 120.0}, {"qrs_axis_deg": -45.0}, {"qrs_axis_deg": -80.0}, {"pr_ms": 118.0}, {"cornell_mv": 2.8},
    ],
)  # fmt: skip
def test_not_where_the_qrs_is_another(overall):
    assert points(OVERALL | overall) is None


def test_where_it_is_defined():
    assert points(OVERALL | {"qrs_axis_deg": -44.0, "qrs_ms": 119.0, "cornell_mv": 2.7}) == 0
    assert points({"qrs_ms": 90.0}) == 0, "no P waves, no axis"
    assert points(OVERALL | {"cornell_mv": 2.4}, sex="F") is None
    assert points(OVERALL | {"cornell_mv": 2.4}, sex=None) is None, "could be a woman"
    assert points(age_years=12.0) is None and points(age_years=None) == 0
    assert selvester_points({k: v for k, v in SOUND.items() if k != "V4"}, OVERALL) is None
    assert selvester_points(SOUND, {}) is None


@pytest.mark.parametrize("loaded", [{"V1": {"p_mv": 0.1}}, {"V2": {"p_mv": 0.12}}, {"aVF": {"p_mv": 0.175}}])
def test_a_loaded_right_atrium_takes_the_points_behind(loaded):
    behind = {"V2": {"r_mv": 1.6, "s_mv": -0.3}}
    assert points(**behind) == 3
    assert points(**{lead: behind.get(lead, {}) | loaded.get(lead, {}) for lead in behind | loaded}) == 0
