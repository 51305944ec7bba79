"""Statements on conduction and chambers that exclude each other never meet, whatever is measured."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Patient
from tests.unit.interpretation.test_rules import context, said

BLOCKS = {"rbbb_complete", "rbbb_incomplete", "lbbb_complete", "lbbb_incomplete", "ivcd", "wide_qrs"}
#: No report may say two of one group.
EXCLUSIVE = (
    BLOCKS | {"preexcitation", "paced_rhythm"},
    {"lafb", "lpfb", "lbbb_complete", "lbbb_incomplete", "ivcd", "preexcitation", "paced_rhythm"},
    {"bifascicular_block", "lbbb_complete", "rbbb_incomplete", "ivcd", "preexcitation"},
    {"axis_left", "axis_right", "axis_extreme", "preexcitation", "paced_rhythm"},
    {"lafb", "axis_right", "axis_extreme"},
    {"lpfb", "axis_left", "axis_extreme"},
    {"lvh", "low_voltage"},
    {"rvh", "low_voltage"},
    {"rvh", "lpfb"},
    {"rvh", "axis_left", "axis_extreme"},
    {"lvh", "lbbb_complete", "preexcitation", "paced_rhythm"},
    {"rvh", "rbbb_complete", "lbbb_complete", "ivcd", "preexcitation", "paced_rhythm"},
    {"av_block_1", "preexcitation", "atrial_fibrillation"},
    {"left_atrial_enlargement", "atrial_fibrillation", "paced_rhythm"},
    {"right_atrial_enlargement", "atrial_fibrillation", "paced_rhythm"},
    {"lafb", "lpfb", "lead_reversal", "dextrocardia", "leg_electrode_reversal"},
    {"rvh", "lead_reversal", "dextrocardia", "leg_electrode_reversal"},
)


def _within(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


OVERALL = {
    "heart_rate_bpm": _within(40, 140), "rr_change_percent": _within(0, 30), "pr_ms": _within(80, 300),
    "p_axis_deg": _within(-60, 120), "p_duration_ms": _within(60, 200), "qrs_ms": _within(90, 180),
    "qrs_axis_deg": _within(-180, 180), "sokolow_lyon_mv": _within(0, 6), "cornell_mv": _within(0, 5),
    "peguero_mv": _within(0, 5), "romhilt_estes_points": _within(0, 10), "limb_qrs_max_mv": _within(0.2, 2),
    "chest_qrs_max_mv": _within(0.4, 3), "swap_arms_logit": _within(-8, 2), "mirrored_heart_logit": _within(-8, 2),
}  # fmt: skip
BY_LEAD = {
    "q_mv": _within(-0.5, 0), "q_ms": _within(6, 50), "r_mv": _within(0, 2), "r_ms": _within(10, 120),
    "s_mv": _within(-2, 0), "s_ms": _within(6, 120), "r2_mv": _within(0, 1.5), "r2_ms": _within(6, 100),
    "intrinsicoid_ms": _within(10, 120),
    "upstroke_ms": _within(20, 100), "qrs_notches": st.sampled_from([0.0, 0.0, 1.0]),
    "qrs_notches_all": st.sampled_from([0.0, 0.0, 1.0]), "p_mv": _within(-0.2, 0.4),
    "qrs_area_mv_ms": _within(-50, 50), "t_mv": _within(-0.5, 0.5), "st_j80_mv": _within(-0.2, 0.2),
    "p_terminal_force_mv_ms": _within(-10, 0),
}  # fmt: skip
#: What blocks and fascicles look like, for a start: else random leads hardly ever show one.
PATTERNS: tuple[dict[str, dict[str, float]], ...] = (
    {},
    {
        "V1": {"r_mv": 0.1, "r_ms": 25.0, "r2_mv": 0.9, "r2_ms": 60.0, "s_mv": -0.2},
        "I": {"s_mv": -0.4, "s_ms": 60.0},
        "V6": {"s_mv": -0.4, "s_ms": 60.0},
    },
    {lead: {"r_mv": 1.2, "q_mv": 0.0, "s_mv": -0.1, "intrinsicoid_ms": 80.0} for lead in ("I", "aVL", "V5", "V6")}
    | {lead: {"r_mv": 0.1, "r2_mv": 0.0, "s_mv": -1.2} for lead in ("V1", "V2")},
    {lead: {"r_mv": 0.2, "q_mv": 0.0, "s_mv": -0.8} for lead in ("I", "aVL")}
    | {lead: {"r_mv": 1.2, "q_mv": -0.1, "s_mv": -0.1} for lead in ("III", "aVF")},
    {"aVL": {"q_mv": -0.1, "r_mv": 0.9, "s_mv": -0.1, "intrinsicoid_ms": 50.0}, "aVF": {"r_mv": 0.1, "s_mv": -1.0}},
)


@st.composite
def measured(draw: st.DrawFn) -> Any:
    overall = draw(st.fixed_dictionaries({}, optional=OVERALL))
    some = draw(st.lists(st.fixed_dictionaries({}, optional=BY_LEAD), min_size=4, max_size=4))
    by_lead = {lead: dict(some[i % 4]) for i, lead in enumerate(STANDARD_LEADS)}
    for index in draw(st.lists(st.integers(0, len(PATTERNS) - 1), min_size=1, max_size=2)):
        for lead, values in PATTERNS[index].items():
            by_lead[lead] |= values
    for values in by_lead.values():
        values["qrs_pp_mv"] = values.get("r_mv", 0.0) - values.get("s_mv", 0.0) + 0.1
    for lead in draw(st.lists(st.sampled_from(STANDARD_LEADS), max_size=2)):
        by_lead.pop(lead, None)
    patient = Patient(age_years=draw(_within(10, 90)), sex=draw(st.sampled_from(["F", "M", None])))
    kinds = draw(st.sampled_from(["N" * 12, "N" * 12, "N" * 12, "Q" * 12]))
    return context(by_lead=by_lead, patient=patient, kinds=kinds, n_pacing_spikes=12.0, **overall)


@given(measured())
def test_no_report_says_two_that_exclude_each_other(c):
    found = said(c)
    for group in EXCLUSIVE:
        assert len(found & group) <= 1, found & group


@given(measured())
def test_a_bifascicular_block_is_made_of_both(c):
    found = said(c)
    if "bifascicular_block" in found:
        assert "rbbb_complete" in found and found & {"lafb", "lpfb"}
