"""What a normal ECG promises, item by item: the limits of the AHA/ACCF/HRS recommendations of 2009."""

from __future__ import annotations

import pytest

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Patient
from tests.unit.interpretation.test_rules import context, said

QUIET = {"r_mv": 0.8, "s_mv": -0.2, "qrs_pp_mv": 1.0, "t_mv": 0.25, "st_j_mv": 0.0, "st_j60_mv": 0.01}


def leads(**changed: dict[str, float]) -> dict[str, dict[str, float]]:
    return {lead: QUIET | changed.get(lead, {}) for lead in STANDARD_LEADS}


def is_normal(by_lead=None, **others) -> bool:
    return "normal_ecg" in said(context(by_lead=leads() if by_lead is None else by_lead, **others))


def test_sinus_rhythm_with_everything_within_its_limits_is_normal():
    codes = said(context(by_lead=leads()))
    assert codes == {"normal_ecg", "sinus_rhythm"}


@pytest.mark.parametrize(
    "measured",
    [
        {"heart_rate_bpm": 49.0},
        {"heart_rate_bpm": 101.0},
        {"pr_ms": 220.0},
        {"pr_ms": 105.0},
        {"qrs_ms": 120.0},
        {"qtc_fridericia_ms": 461.0},
        {"qrs_axis_deg": -36.0},
        {"qrs_axis_deg": 100.0},
    ],
)
def test_one_value_outside_its_limits_is_enough_against_it(measured):
    assert not is_normal(**measured)


@pytest.mark.parametrize("rate", [50.0, 58.0])
def test_a_slow_sinus_rhythm_from_50_on_is_still_normal(rate):
    assert is_normal(heart_rate_bpm=rate)


@pytest.mark.parametrize("lead", ["I", "II", "V4", "V6"])
def test_a_t_that_is_turned_over_is_not_normal(lead):
    assert not is_normal(leads(**{lead: {"t_mv": -0.1}}))


def test_low_t_counts_in_two_leads():
    low = {"t_mv": 0.05}
    assert is_normal(leads(I=low))
    assert not is_normal(leads(V5=low, V6=low))


@pytest.mark.parametrize("lead", ["II", "V4", "V5", "V6"])
def test_a_flat_t_is_not_normal(lead):
    """Flat is within 0.1 mV of zero beside an R of 0.3 mV (AHA/ACCF/HRS 2009, part IV)."""
    assert not is_normal(leads(**{lead: {"t_mv": 0.09}}))
    assert is_normal(leads(**{lead: {"t_mv": 0.11}}))
    assert is_normal(leads(**{lead: {"t_mv": 0.09, "r_mv": 0.25}}))


@pytest.mark.parametrize(("lead", "r_mv", "normal"), [("V2", 0.1, False), ("V2", 0.11, True), ("V3", 0.2, False),
                                                       ("V3", 0.21, True)])  # fmt: skip
def test_r_that_does_not_grow_is_not_normal(lead, r_mv, normal):
    """What scores as a scar by Wagner 1982: R of V2 up to 0.1 mV, of V3 up to 0.2 mV."""
    assert is_normal(leads(**{lead: {"r_mv": r_mv}})) == normal


@pytest.mark.parametrize(("r2_mv", "normal"), [(0.1, False), (0.09, True)])
def test_a_second_r_of_v1_is_not_normal(r2_mv, normal):
    assert is_normal(leads(V1={"r2_mv": r2_mv})) == normal


@pytest.mark.parametrize(("lead", "normal"), [("V5", False), ("II", False), ("aVR", True), ("V1", True)])
def test_depressed_st_is_not_normal_but_in_avr_and_v1(lead, normal):
    assert is_normal(leads(**{lead: {"st_j60_mv": -0.06}})) == normal


@pytest.mark.parametrize("absent", ["V6", "III"])
def test_it_is_said_of_twelve_leads_only(absent):
    assert not is_normal({lead: values for lead, values in leads().items() if lead != absent})


@pytest.mark.parametrize("absent", ["pr_ms", "qtc_fridericia_ms", "qrs_ms"])
def test_what_was_not_measured_is_not_normal(absent):
    assert not is_normal(without=(absent,))


@pytest.mark.parametrize(("qrs_ms", "lead", "holds"), [(110.0, "I", True), (111.0, "I", False), (111.0, "III", True)])
def test_a_notched_qrs_is_normal_up_to_110_ms(qrs_ms, lead, holds):
    assert is_normal(leads(**{lead: {"qrs_notches_all": 1.0}}), qrs_ms=qrs_ms) is holds


def test_limits_of_adults_say_nothing_of_a_child():
    assert not is_normal(patient=Patient(age_years=8, sex="M"))


def test_nothing_normal_beside_a_premature_beat():
    assert not is_normal(n_premature_ventricular=1.0)
