"""Blocks, axis, PR and pre-excitation at the guideline's side of each line and at the other.

AHA/ACCF/HRS 2009, part III (doi:10.1161/CIRCULATIONAHA.108.191095); Strauss 2011 (doi:10.1016/j.amjcard.2010.11.010).
"""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Patient
from tests.unit.interpretation.test_rules import context, said

PLAIN = {"r_mv": 0.8, "r_ms": 50.0, "s_mv": -0.2, "s_ms": 30.0, "qrs_pp_mv": 1.0, "intrinsicoid_ms": 40.0,
         "upstroke_ms": 30.0, "qrs_notches": 0.0, "qrs_area_mv_ms": 15.0, "t_mv": 0.25}  # fmt: skip
DOWN = {"r_mv": 0.1, "r_ms": 20.0, "s_mv": -1.2, "s_ms": 60.0, "qrs_pp_mv": 1.3, "intrinsicoid_ms": 15.0}
#: rsR' in V1 and a long S in I and V6.
RIGHT = {
    "V1": {"r_mv": 0.1, "r_ms": 25.0, "s_mv": -0.3, "s_ms": 25.0, "r2_mv": 0.9, "r2_ms": 60.0, "intrinsicoid_ms": 90.0},
    "I": {"s_ms": 60.0},
    "V6": {"s_ms": 60.0},
}
#: rS in V1 and V2; R of I, aVL, V5 and V6 without q, late, notched in I and V6.
LATE = {"r_mv": 1.0, "r_ms": 120.0, "s_mv": 0.0, "intrinsicoid_ms": 80.0}
LEFT = {
    "V1": DOWN,
    "V2": DOWN,
    "I": LATE | {"qrs_notches": 1.0, "qrs_notches_all": 1.0},
    "aVL": LATE,
    "V5": LATE,
    "V6": LATE | {"qrs_notches": 1.0, "qrs_notches_all": 1.0},
}
SHAPES = {"rbbb_complete", "rbbb_incomplete", "lbbb_complete", "lbbb_incomplete", "ivcd", "wide_qrs"}


def leads(*changes: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    out = {lead: dict(PLAIN) for lead in STANDARD_LEADS}
    out["V1"] |= DOWN
    for change in changes:
        for lead, values in change.items():
            out[lead] |= values
    return out


def certainty(c, code: str) -> str | None:
    return next((s.certainty for s in interpret(c) if s.code == code), None)


@pytest.mark.parametrize(("qrs_ms", "code"), [(119.0, "rbbb_incomplete"), (120.0, "rbbb_complete")])
def test_right_bundle_branch_block_is_complete_from_120_ms(qrs_ms, code):
    c = context(by_lead=leads(RIGHT), qrs_ms=qrs_ms)
    assert said(c) & SHAPES == {code}
    evidence = next(s.evidence for s in interpret(c) if s.code == code)
    assert {("r2_mv", "V1"), ("s_ms", "I"), ("s_ms", "V6"), ("qrs_ms", None)} <= {
        (e.measurement, e.lead) for e in evidence
    }


@pytest.mark.parametrize(
    ("v1", "v6", "holds"),
    [
        ({"r2_mv": 0.2, "r2_ms": 40.0}, {"s_ms": 30.0}, True),
        ({"r2_mv": 0.2, "r2_ms": 24.0}, {"s_ms": 60.0}, False),  # narrower than r
        ({"r2_mv": 0.09, "r2_ms": 40.0}, {"s_ms": 60.0}, False),  # lower than a small square
        # Lower than R: the guideline's rsr' counts too, where I and V6 both end in a long S.
        ({"r_mv": 0.3, "r2_mv": 0.2, "r2_ms": 40.0}, {"s_ms": 60.0}, True),
        ({"r_mv": 0.3, "r2_mv": 0.2, "r2_ms": 40.0}, {"s_ms": 30.0}, False),
    ],
)
def test_r2_of_an_incomplete_right_bundle_branch_block_lasts_longer_than_r(v1, v6, holds):
    c = context(by_lead=leads(RIGHT, {"V1": v1, "V6": v6}), qrs_ms=112.0)
    assert ("rbbb_incomplete" in said(c)) is holds


@pytest.mark.parametrize(("qrs_ms", "holds"), [(104.0, False), (112.0, True)])
def test_flutter_waves_behind_a_narrow_qrs_are_no_r2(qrs_ms, holds):
    flutter = {"flutter_evenness_percent": 85.0, "flutter_bpm": 280.0, "heart_rate_bpm": 70.0, "p_share_percent": 0.0}
    assert "rbbb_incomplete" in said(context(by_lead=leads(RIGHT), qrs_ms=qrs_ms))
    c = context(by_lead=leads(RIGHT), qrs_ms=qrs_ms, **flutter)
    assert "atrial_flutter" in said(c)
    assert ("rbbb_incomplete" in said(c)) is holds


@pytest.mark.parametrize(
    ("v1", "code"),
    [
        ({"r_mv": 0.5, "r2_mv": 0.06, "r2_ms": 60.0}, "ivcd"),  # lower than a small square, however late
        ({"r_mv": 0.5, "r2_mv": 0.2, "r2_ms": 20.0}, "ivcd"),  # lower and narrower than R
        ({"r_mv": 0.5, "r2_mv": 0.2, "r2_ms": 60.0}, "rbbb_complete"),  # rsr' of the guideline: wider than R
        ({"r_mv": 0.1, "r2_mv": 0.4, "r2_ms": 20.0}, "rbbb_complete"),  # taller
    ],
)
def test_a_late_peak_alone_speaks_for_a_single_r_only(v1, code):
    """AHA/ACCF/HRS 2009, part III: rsr', rsR' or rSR', R' usually wider than R; the R peak time asks for a pure R."""
    c = context(by_lead=leads(RIGHT, {"V1": v1 | {"s_mv": -0.3, "intrinsicoid_ms": 96.0}}), qrs_ms=130.0)
    assert said(c) & SHAPES == {code}


@pytest.mark.parametrize("lead", ["I", "V6"])
def test_right_bundle_branch_block_needs_an_s_longer_than_40_ms_or_than_r(lead):
    short = leads(RIGHT, {lead: {"s_ms": 40.0, "r_ms": 50.0}})
    assert said(context(by_lead=short, qrs_ms=130.0)) & SHAPES == {"ivcd"}
    longer_than_r = leads(RIGHT, {lead: {"s_ms": 40.0, "r_ms": 39.0}})
    assert said(context(by_lead=longer_than_r, qrs_ms=130.0)) & SHAPES == {"rbbb_complete"}


@pytest.mark.parametrize(("peak_ms", "code"), [(50.0, "ivcd"), (51.0, "rbbb_complete")])
def test_a_single_r_in_v1_peaks_after_50_ms_in_right_bundle_branch_block(peak_ms, code):
    single = {"V1": {"r_mv": 0.9, "r_ms": 100.0, "s_mv": 0.0, "intrinsicoid_ms": peak_ms}}
    by_lead = leads(RIGHT, single)
    del by_lead["V1"]["r2_mv"]
    assert said(context(by_lead=by_lead, qrs_ms=130.0)) & SHAPES == {code}


@pytest.mark.parametrize(
    ("sex", "qrs_ms", "expected"),
    [("M", 139.0, "probable"), ("M", 140.0, "definite"), ("F", 129.0, "probable"), ("F", 130.0, "definite"),
     (None, 139.0, "probable")],
)  # fmt: skip
def test_left_bundle_branch_block_is_definite_by_strauss_and_probable_by_the_classic_criteria(sex, qrs_ms, expected):
    c = context(by_lead=leads(LEFT), qrs_ms=qrs_ms, patient=Patient(age_years=60, sex=sex))
    assert certainty(c, "lbbb_complete") == expected
    assert said(c) & SHAPES == {"lbbb_complete"}


def test_strauss_asks_for_two_notched_leads():
    one = leads(LEFT, {"V6": {"qrs_notches": 0.0}})
    assert certainty(context(by_lead=one, qrs_ms=150.0), "lbbb_complete") == "probable"
    none = leads(LEFT, {"V6": {"qrs_notches": 0.0}, "I": {"qrs_notches": 0.0}})
    assert said(context(by_lead=none, qrs_ms=150.0)) & SHAPES == {"ivcd"}


@pytest.mark.parametrize(
    ("qrs_ms", "notched", "expected"),
    [(119.0, "V5", None), (121.0, None, None), (121.0, "aVL", None), (121.0, "V5", "probable"), (129.9, None, None),
     (130.0, None, "definite")],
)  # fmt: skip
def test_a_delay_of_no_block_is_beyond_the_error_of_qrs_or_seen_in_its_shape(qrs_ms, notched, expected):
    """The error of a QRS duration is 10 ms (IEC 60601-2-25), its limit 120 ms (AHA/ACCF/HRS 2009, part III)."""
    by_lead = leads({notched: {"qrs_notches_all": 1.0}} if notched else {})
    assert certainty(context(by_lead=by_lead, qrs_ms=qrs_ms), "ivcd") == expected


@pytest.mark.parametrize(("r_mv", "shape"), [(0.55, "lbbb_complete"), (0.65, "ivcd")])
def test_r_of_v2_is_small_in_left_bundle_branch_block(r_mv, shape):
    """QS or rS in V1 and V2 (Strauss 2011): a tall r of V2 before an S of 1.2 mV is the septum's or a delta wave."""
    c = context(by_lead=leads(LEFT, {"V2": {"r_mv": r_mv}}), qrs_ms=150.0)
    assert said(c) & SHAPES == {shape}


def test_v2_that_is_not_connected_says_nothing_against_left_bundle_branch_block():
    by_lead = leads(LEFT)
    del by_lead["V2"]
    assert said(context(by_lead=by_lead, qrs_ms=150.0)) & SHAPES == {"lbbb_complete"}


def test_q_of_an_infarction_speaks_against_the_classic_criteria_and_not_against_strauss():
    q = leads(LEFT, {"V6": {"q_mv": -0.1}})
    assert certainty(context(by_lead=q, qrs_ms=150.0), "lbbb_complete") == "definite"
    assert said(context(by_lead=q, qrs_ms=125.0)) & SHAPES == {"ivcd"}


@pytest.mark.parametrize(("qrs_ms", "found"), [(109.0, set()), (110.0, {"lbbb_incomplete"})])
def test_incomplete_left_bundle_branch_block_from_110_ms(qrs_ms, found):
    assert said(context(by_lead=leads(LEFT), qrs_ms=qrs_ms)) & SHAPES == found


def test_wide_qrs_of_a_child_and_of_missing_leads_is_not_named():
    child = Patient(age_years=8, sex="M")
    assert said(context(by_lead=leads(RIGHT), qrs_ms=110.0, patient=child)) & SHAPES == {"wide_qrs"}
    limb = {lead: PLAIN for lead in STANDARD_LEADS[:6]}
    assert said(context(by_lead=limb, qrs_ms=130.0)) & SHAPES == {"wide_qrs"}


#: Axis from -45 degrees, qR in aVL, R peak of aVL from 45 ms.
ANTERIOR = {"aVL": {"q_mv": -0.05, "q_ms": 20.0, "r_mv": 0.9, "s_mv": 0.0, "intrinsicoid_ms": 45.0}}


@pytest.mark.parametrize(
    ("axis", "change", "holds"),
    [
        (-45.0, {}, True),
        (-44.0, {}, False),
        (-90.0, {}, True),
        (-91.0, {}, False),
        (-60.0, {"intrinsicoid_ms": 44.0}, False),
        (-60.0, {"q_mv": 0.0}, False),
    ],
)
def test_left_anterior_fascicular_block(axis, change, holds):
    found = said(context(by_lead=leads(ANTERIOR, {"aVL": change}), qrs_axis_deg=axis))
    assert ("lafb" in found) is holds and "bifascicular_block" not in found


@pytest.mark.parametrize(("q_mv", "q_ms", "holds"), [(-0.025, 29.0, True), (-0.02, 29.0, False), (-0.03, 30.0, False)])
def test_left_anterior_fascicular_block_by_minnesota_7_7(q_mv, q_ms, holds):
    by_lead = leads({"I": {"q_mv": q_mv, "q_ms": q_ms}})
    assert ("lafb" in said(context(by_lead=by_lead, qrs_axis_deg=-50.0))) is holds


@pytest.mark.parametrize(("qrs_ms", "shape"), [(129.0, "lafb"), (130.0, "ivcd")])
def test_wide_qrs_without_right_bundle_branch_block_is_no_fascicular_block(qrs_ms, shape):
    """A branch's block adds up to 20 ms to the QRS: below the limit, 120 ms, and the error of a measured one, 10 ms."""
    by_lead = leads(ANTERIOR, {"V5": {"qrs_notches_all": 1.0}})
    assert said(context(by_lead=by_lead, qrs_axis_deg=-60.0, qrs_ms=qrs_ms)) & {"lafb", "ivcd"} == {shape}


POSTERIOR = {
    "I": {"r_mv": 0.2, "s_mv": -0.7},
    "aVL": {"r_mv": 0.1, "s_mv": -0.8},
    "III": {"q_mv": -0.06, "r_mv": 1.2, "s_mv": 0.0},
    "aVF": {"q_mv": -0.05, "r_mv": 1.0, "s_mv": 0.0},
}


@pytest.mark.parametrize(("qrs_ms", "shape"), [(119.0, {"lpfb"}), (120.0, {"ivcd"})])
def test_left_posterior_fascicular_block_ends_at_120_ms(qrs_ms, shape):
    c = context(by_lead=leads(POSTERIOR, {"I": {"qrs_notches_all": 1.0}}), qrs_axis_deg=110.0, qrs_ms=qrs_ms)
    assert said(c) & {"lpfb", "ivcd"} == shape


@pytest.mark.parametrize(("r_mv", "holds"), [(0.5, True), (0.8, False)])
def test_right_axis_is_seen_in_lead_i(r_mv, holds):
    """By the guideline's figure the axis is beyond 90 degrees where the QRS of I points down."""
    c = context(by_lead=leads({"I": {"r_mv": r_mv, "s_mv": -0.7}}), qrs_axis_deg=97.0)
    assert ("axis_right" in said(c)) is holds


@pytest.mark.parametrize(("axis", "holds"), [(100.0, True), (99.0, False), (-170.0, False)])
def test_left_posterior_fascicular_block_by_axis(axis, holds):
    assert ("lpfb" in said(context(by_lead=leads(POSTERIOR), qrs_axis_deg=axis))) is holds


@pytest.mark.parametrize("lead", ["III", "aVF"])
def test_left_posterior_fascicular_block_needs_q_in_iii_and_avf(lead):
    by_lead = leads(POSTERIOR, {lead: {"q_mv": 0.0}})
    assert "lpfb" not in said(context(by_lead=by_lead, qrs_axis_deg=120.0))


def test_bifascicular_block_takes_the_axis_of_the_left_ventricle():
    """In right bundle branch block the end of the QRS turns the axis of the whole; R and q of I and aVF tell."""
    early = {"I": {"r_mv": 0.6, "q_mv": -0.03, "q_ms": 15.0, "s_mv": -0.5}, "aVF": {"r_mv": 0.1, "s_mv": -0.9}}
    found = said(context(by_lead=leads(RIGHT, ANTERIOR, early), qrs_axis_deg=-110.0, qrs_ms=140.0))
    assert {"rbbb_complete", "lafb", "bifascicular_block"} <= found and not found & {"axis_extreme", "axis_right"}
    upright = {"aVF": {"r_mv": 0.9, "s_mv": -0.1}}
    assert "lafb" not in said(
        context(by_lead=leads(RIGHT, ANTERIOR, early, upright), qrs_axis_deg=-110.0, qrs_ms=140.0)
    )


SLOW = {lead: {"upstroke_ms": 70.0} for lead in STANDARD_LEADS}


@pytest.mark.parametrize(
    ("measured", "slow", "expected"),
    [
        ({"pr_ms": 110.0, "qrs_ms": 130.0}, SLOW, "probable"),
        ({"pr_ms": 125.0, "qrs_ms": 130.0}, SLOW, "possible"),
        ({"pr_ms": 139.0, "qrs_ms": 130.0}, SLOW, "possible"),
        ({"pr_ms": 140.0, "qrs_ms": 130.0}, SLOW, None),
        ({"pr_ms": 110.0, "qrs_ms": 119.0}, SLOW, None),
        ({"pr_ms": 110.0, "qrs_ms": 130.0}, {}, None),
    ],
)
def test_preexcitation_is_a_short_pr_with_a_wide_qrs_that_begins_slowly(measured, slow, expected):
    assert certainty(context(by_lead=leads(slow), **measured), "preexcitation") == expected


def test_a_qrs_of_left_bundle_branch_block_begins_slowly_too():
    found = said(context(by_lead=leads(LEFT, SLOW), pr_ms=130.0, qrs_ms=150.0))
    assert "lbbb_complete" in found and "preexcitation" not in found


def test_preexcitation_leaves_no_block_axis_or_hypertrophy():
    c = context(by_lead=leads(LEFT, SLOW), pr_ms=110.0, qrs_ms=150.0, qrs_axis_deg=-60.0, sokolow_lyon_mv=5.0)
    assert said(c) - {"sinus_rhythm"} == {"preexcitation"}
