"""Hypertrophy, atria and voltage by their named criteria: just reached, and just not."""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret
from ecg_engine.types import Patient
from tests.unit.interpretation.test_conduction import leads
from tests.unit.interpretation.test_rules import context, said

CHAMBERS = {"lvh", "rvh", "left_atrial_enlargement", "right_atrial_enlargement", "low_voltage"}
STRAIN = {"V6": {"st_j80_mv": -0.06, "t_mv": -0.2, "qrs_area_mv_ms": 30.0}}
MAN, WOMAN = Patient(age_years=60, sex="M"), Patient(age_years=60, sex="F")


def statement(c, code):
    return next((s for s in interpret(c) if s.code == code), None)


#: Sokolow-Lyon from 3.5 mV; by itself it is called from 35 years on.
@pytest.mark.parametrize(
    ("sum_mv", "age", "holds"),
    [(3.5, 60, True), (3.49, 60, False), (3.5, 35, True), (3.5, 34, False), (3.5, None, True)],
)
def test_sokolow_lyon(sum_mv, age, holds):
    c = context(by_lead=leads(), sokolow_lyon_mv=sum_mv, patient=Patient(age_years=age, sex="M"))
    assert (statement(c, "lvh") is not None) is holds


#: Cornell above 2.8 mV in men and 2.0 in women, its product above 2440 mm ms, Peguero from 2.8 and 2.3 mV.
@pytest.mark.parametrize(
    ("measured", "patient", "holds"),
    [
        ({"cornell_mv": 2.81}, MAN, True), ({"cornell_mv": 2.8}, MAN, False),
        ({"cornell_mv": 2.01}, WOMAN, True), ({"cornell_mv": 2.0}, WOMAN, False),
        ({"cornell_product_mv_ms": 244.1}, MAN, True), ({"cornell_product_mv_ms": 244.0}, MAN, False),
        ({"peguero_mv": 2.8}, MAN, True), ({"peguero_mv": 2.79}, MAN, False),
        ({"peguero_mv": 2.3}, WOMAN, True), ({"peguero_mv": 2.29}, WOMAN, False),
        ({"romhilt_estes_points": 7.0}, MAN, False),
    ],
)  # fmt: skip
def test_other_voltages_make_the_statement_with_strain_only(measured, patient, holds):
    assert statement(context(by_lead=leads(), patient=patient, **measured), "lvh") is None
    found = statement(context(by_lead=leads(STRAIN), patient=patient, **measured), "lvh")
    assert (found is not None) is holds
    if found is not None:
        assert {e.measurement for e in found.evidence} == {*measured, "t_mv"}


@pytest.mark.parametrize(("r_mv", "holds"), [(1.11, True), (1.1, False)])
def test_r_of_avl(r_mv, holds):
    c = context(by_lead=leads(STRAIN, {"aVL": {"r_mv": r_mv}}))
    assert (statement(c, "lvh") is not None) is holds


def test_every_criterion_that_holds_is_evidence():
    c = context(by_lead=leads(), sokolow_lyon_mv=4.0, cornell_mv=3.0, peguero_mv=3.0, romhilt_estes_points=5.0)
    shown = {e.measurement for e in statement(c, "lvh").evidence}
    assert shown == {"sokolow_lyon_mv", "cornell_mv", "peguero_mv", "romhilt_estes_points"}


def test_left_bundle_branch_block_and_childhood_make_voltages_of_their_own():
    from tests.unit.interpretation.test_conduction import LEFT

    assert statement(context(by_lead=leads(LEFT), qrs_ms=150.0, sokolow_lyon_mv=5.0), "lvh") is None
    assert statement(context(by_lead=leads(), sokolow_lyon_mv=5.0, patient=Patient(age_years=12)), "lvh") is None


#: AHA/ACCF/HRS 2009, part V, table 3.
@pytest.mark.parametrize(
    ("by_lead", "expected"),
    [
        ({"V1": {"r_mv": 0.7, "s_mv": -0.2}}, "possible"),
        ({"V1": {"r_mv": 0.7, "s_mv": -0.2}, "V6": {"s_mv": -0.35}}, "probable"),
        ({"V1": {"r_mv": 0.5, "s_mv": -0.4}}, None),
        ({"V1": {"r_mv": 0.7, "s_mv": -0.9}}, None),
        ({"V5": {"s_mv": -1.1}, "V6": {"s_mv": -0.31}}, "probable"),
        ({"aVR": {"r_mv": 0.45}, "V6": {"s_mv": -0.31}}, "possible"),
    ],
)
def test_right_ventricular_hypertrophy_needs_a_right_axis_and_two_signs(by_lead, expected):
    by_lead = {"aVR": {"r_mv": 0.1}} | by_lead
    found = statement(context(by_lead=leads(by_lead), qrs_axis_deg=95.0), "rvh")
    assert (found.certainty if found else None) == expected
    assert statement(context(by_lead=leads(by_lead), qrs_axis_deg=90.0), "rvh") is None


@pytest.mark.parametrize(
    ("p_ms", "force", "holds"), [(140.0, -5.0, True), (139.0, -5.0, False), (140.0, -4.9, False), (160.0, None, False)]
)
def test_left_atrium_by_long_p_and_terminal_force(p_ms, force, holds):
    v1 = {} if force is None else {"V1": {"p_terminal_force_mv_ms": force}}
    found = said(context(by_lead=leads(v1), p_duration_ms=p_ms))
    assert ("left_atrial_enlargement" in found) is holds


@pytest.mark.parametrize(
    ("by_lead", "holds"),
    [
        ({"II": {"p_mv": 0.26}}, True), ({"II": {"p_mv": 0.25}}, False),
        ({"V1": {"p_mv": 0.16}}, True), ({"V1": {"p_mv": 0.15}}, False), ({"II": {"p_mv": -0.3}}, False),
    ],
)  # fmt: skip
def test_right_atrium_by_the_height_of_p(by_lead, holds):
    assert ("right_atrial_enlargement" in said(context(by_lead=leads(by_lead)))) is holds


BOTH = {"II": {"p_mv": 0.3}, "V1": {"p_terminal_force_mv_ms": -6.0}}


def test_both_atria_are_named_together_with_the_evidence_of_each():
    """AHA/ACCF/HRS 2009, part V: biatrial enlargement is the criteria of both."""
    c = context(by_lead=leads(BOTH), p_duration_ms=150.0)
    assert {"left_atrial_enlargement", "right_atrial_enlargement"} <= said(c)
    both = statement(c, "biatrial_enlargement")
    assert {(e.measurement, e.lead) for e in both.evidence} == {
        ("p_duration_ms", None), ("p_terminal_force_mv_ms", "V1"), ("p_mv", "II"),
    }  # fmt: skip
    assert both.leads == ("II", "V1")


@pytest.mark.parametrize(("p_ms", "ii"), [(139.0, 0.3), (150.0, 0.25)])
def test_one_atrium_alone_is_not_both(p_ms, ii):
    c = context(by_lead=leads(BOTH | {"II": {"p_mv": ii}}), p_duration_ms=p_ms)
    assert "biatrial_enlargement" not in said(c)
    assert len(said(c) & {"left_atrial_enlargement", "right_atrial_enlargement"}) == 1


def test_exchanged_electrodes_hide_both_atria():
    logits = {"swap_arms_logit": 9.0, "swap_arm_leg_logit": -9.0, "mirrored_heart_logit": -9.0}
    found = said(context(by_lead=leads(BOTH), p_duration_ms=150.0, **logits))
    assert "lead_reversal" in found and not {"right_atrial_enlargement", "biatrial_enlargement"} & found


def test_atria_are_not_judged_outside_sinus_rhythm():
    by_lead = leads({"II": {"p_mv": 0.4}, "aVF": {"p_mv": -0.2}, "V1": {"p_terminal_force_mv_ms": -9.0}})
    assert not said(context(by_lead=by_lead, p_duration_ms=160.0, p_axis_deg=-80.0)) & CHAMBERS


@pytest.mark.parametrize(
    ("limb", "chest", "expected"),
    [(0.49, 0.99, "definite"), (0.49, 1.0, "probable"), (0.5, 0.99, "probable"), (0.5, 1.0, None)],
)
def test_low_voltage_of_limb_or_chest_leads(limb, chest, expected):
    found = statement(context(by_lead=leads(), limb_qrs_max_mv=limb, chest_qrs_max_mv=chest), "low_voltage")
    assert (found.certainty if found else None) == expected
