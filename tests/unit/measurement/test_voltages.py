"""Voltage criteria by their definitions."""

from __future__ import annotations

import pytest

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.measurement.voltages import measure_voltages


def leads(**values):
    """Twelve leads of 0.5 mV, some with values of their own."""
    return {
        name: {"r_mv": 0.5, "qrs_pp_mv": 0.5, "qrs_area_mv_ms": 10.0} | values.get(name, {}) for name in STANDARD_LEADS
    }


def test_sums():
    twelve = leads(V1={"s_mv": -1.4}, V3={"s_mv": -0.9}, V4={"s_mv": -0.3}, V2={"s_mv": -1.9, "s2_mv": -0.1},
                   V5={"r_mv": 1.8}, V6={"r_mv": 0.4, "r2_mv": 2.1}, aVL={"r_mv": 1.1})  # fmt: skip
    found = measure_voltages(twelve, {"qrs_ms": 100.0}, sex="M")
    assert found["sokolow_lyon_mv"] == pytest.approx(1.4 + 2.1)
    assert found["cornell_mv"] == pytest.approx(1.1 + 0.9)
    assert found["cornell_product_mv_ms"] == pytest.approx(200)
    assert found["peguero_mv"] == pytest.approx(1.9 + 0.3)


def test_cornell_product_of_a_woman_and_of_nobody():
    """A woman of 2.0 mV stands where a man of 2.8 mV stands: the two limits of the voltage (Casale 1987)."""
    twelve = leads(aVL={"r_mv": 1.0}, V3={"s_mv": -1.0})
    woman = measure_voltages(twelve, {"qrs_ms": 100.0}, sex="F")["cornell_product_mv_ms"]
    man = measure_voltages(leads(aVL={"r_mv": 1.4}, V3={"s_mv": -1.4}), {"qrs_ms": 100.0}, sex="M")
    assert woman == pytest.approx(man["cornell_product_mv_ms"])
    assert "cornell_product_mv_ms" not in measure_voltages(twelve, {"qrs_ms": 100.0})
    assert "cornell_product_mv_ms" not in measure_voltages(twelve, {}, sex="F")


def test_largest_of_limbs_and_chest():
    found = measure_voltages(leads(II={"qrs_pp_mv": 0.9}, V4={"qrs_pp_mv": 2.2}), {})
    assert (found["limb_qrs_max_mv"], found["chest_qrs_max_mv"]) == (0.9, 2.2)


def test_missing_leads_take_their_sums_along():
    six = {name: {"r_mv": 0.5, "qrs_pp_mv": 0.6} for name in STANDARD_LEADS[:6]}
    assert set(measure_voltages(six, {"qrs_ms": 90.0}, sex="F")) == {"limb_qrs_max_mv"}
    assert measure_voltages({}, {}) == {}


@pytest.mark.parametrize(
    ("by_lead", "overall", "points"),
    [
        ({}, {}, 0),
        ({"III": {"s_mv": -2.0}}, {}, 3),
        ({"V2": {"s_mv": -3.0}}, {}, 3),
        ({"V6": {"r_mv": 3.0}}, {}, 3),
        ({"V5": {"st_j80_mv": -0.08, "t_mv": -0.2}}, {}, 3),
        ({"V5": {"st_j80_mv": -0.08, "t_mv": -0.2, "qrs_area_mv_ms": -3.0}}, {}, 0),
        ({"V5": {"st_j80_mv": -0.08, "t_mv": 0.2}}, {}, 0),
        ({"V1": {"p_terminal_force_mv_ms": -4.5}}, {}, 3),
        ({"V1": {"p_terminal_force_mv_ms": -3.5}}, {}, 0),
        ({}, {"qrs_axis_deg": -35.0}, 2),
        ({}, {"qrs_axis_deg": -120.0}, 0),
        ({}, {"qrs_ms": 92.0}, 1),
        ({"V6": {"intrinsicoid_ms": 52.0}}, {}, 1),
        ({"V6": {"r_mv": 3.1, "intrinsicoid_ms": 52.0, "st_j80_mv": -0.1, "t_mv": -0.3},
          "V1": {"p_terminal_force_mv_ms": -6.0}}, {"qrs_axis_deg": -40.0, "qrs_ms": 105.0}, 13),
    ],
)  # fmt: skip
def test_romhilt_estes(by_lead, overall, points):
    """13 points at most (Romhilt and Estes 1968): 3 + 3 + 3 + 2 + 1 + 1."""
    assert measure_voltages(leads(**by_lead), overall)["romhilt_estes_points"] == points


@pytest.mark.parametrize("drug", ["Digoxin 0.25", "дигоксин"])
def test_digitalis_takes_points(drug):
    strained = leads(V5={"st_j80_mv": -0.08, "t_mv": -0.2})
    assert measure_voltages(strained, {}, drugs=("aspirin", drug))["romhilt_estes_points"] == 1
