"""Q waves at the thresholds of the fourth Universal Definition (table 3) and of the Minnesota code; ages."""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret, judge_urgency
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Patient
from tests.unit.interpretation.test_rules import context, st


def waves(**leads: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return plain leads with the given ones changed; None takes a wave away."""
    plain = {"r_mv": 0.8, "r_ms": 45.0, "s_mv": -0.2, "s_ms": 30.0, "t_mv": 0.3, "qrs_pp_mv": 1.0}
    found = st()
    for lead in STANDARD_LEADS:
        found[lead] |= plain
        for code, value in leads.get(lead, {}).items():
            if value is None:
                found[lead].pop(code, None)
            else:
                found[lead][code] = value
    return found


def q(mv: float, ms: float, **more: float) -> dict[str, float]:
    return {"q_mv": mv, "q_ms": ms, **more}


QS = {"r_mv": None, "r_ms": None, "s_mv": -0.9, "s_ms": 90.0}


def found(code, **leads):
    c = context(by_lead=waves(**leads))
    return next((s for s in interpret(c) if s.code == code), None)


@pytest.mark.parametrize(
    ("leads", "certainty"),
    [
        ({"II": q(-0.25, 30), "aVF": q(-0.25, 30)}, "definite"),
        ({"aVF": q(-0.25, 30), "III": QS}, "definite"),
        ({"II": q(-0.25, 30), "III": q(-0.25, 30)}, None),  # no neighbours
        ({"II": q(-0.25, 29), "aVF": q(-0.25, 29)}, None),
        ({"II": q(-0.09, 32), "aVF": q(-0.09, 32)}, None),
        ({"II": q(-0.15, 32), "aVF": q(-0.15, 32)}, None),  # less than a quarter of R, as a septum's
        ({"II": q(-0.28, 20)}, "probable"),  # Minnesota 1-2-1: a third of R, 20 ms
        ({"II": q(-0.28, 19)}, None),
        ({"aVF": q(-0.25, 40)}, "probable"),  # Minnesota 1-2-5
        ({"aVF": q(-0.25, 31)}, "possible"),  # Minnesota 1-3-5
        ({"III": QS}, None),  # by itself a matter of the axis
    ],
)
def test_inferior(leads, certainty):
    statement = found("infarction_inferior", **leads)
    assert (None if statement is None else statement.certainty) == certainty


@pytest.mark.parametrize(
    ("leads", "certainty"),
    [
        ({"V2": QS, "V3": QS}, "definite"),
        ({"V2": q(-0.05, 20), "V3": q(-0.05, 20)}, "definite"),  # any Q of 20 ms there
        ({"V2": q(-0.05, 19), "V3": q(-0.05, 19)}, None),
        ({"V1": QS, "V2": QS}, "definite"),
        ({"V1": QS}, None),  # normal
        ({"V3": QS}, "probable"),  # Minnesota 1-1-6: QS beside an R on its right
        ({"V3": q(-0.2, 40)}, "probable"),  # Minnesota 1-1-2: a Q of 40 ms in a chest lead
        ({"V3": q(-0.2, 39)}, None),
        ({"V4": q(-0.3, 30)}, "probable"),  # Minnesota 1-1-1: a third of R, 30 ms
        ({"V4": q(-0.25, 30)}, None),
        ({"V2": {"r_mv": 0.02, "s_mv": -0.9}, "V3": {"r_mv": 0.02, "s_mv": -0.9}}, "definite"),  # below 0.25 mm no R
        ({"V2": {"r_mv": 0.08, "s_mv": -0.9}, "V3": {"r_mv": 0.12, "s_mv": -0.9}}, "possible"),
        ({"V2": {"r_mv": 0.2, "s_mv": -0.9}, "V3": {"r_mv": 0.12, "s_mv": -0.9}}, None),  # late transition
    ],
)
def test_anterior(leads, certainty):
    statement = found("infarction_anterior", **leads)
    assert (None if statement is None else statement.certainty) == certainty


@pytest.mark.parametrize(
    ("leads", "certainty"),
    [
        ({"I": q(-0.25, 31), "aVL": q(-0.25, 31)}, "definite"),
        ({"V5": q(-0.25, 31), "V6": q(-0.25, 31)}, "definite"),
        ({"aVL": q(-0.25, 45)}, None),  # one lead: a vertical heart
        ({"V6": q(-0.1, 35)}, None),
        ({"I": q(-0.3, 22)}, "probable"),
    ],
)
def test_lateral(leads, certainty):
    statement = found("infarction_lateral", **leads)
    assert (None if statement is None else statement.certainty) == certainty


@pytest.mark.parametrize(("recorded", "is_said"), [(("I",), False), (("I", "aVL"), True), (("I", "V5"), True)])
def test_a_lead_by_itself_proves_no_territory(recorded, is_said):
    """Fourth Universal Definition, table 3: in two leads of a group; one strip may be that of exchanged arms."""
    every = waves(I=QS)
    c = context(by_lead={lead: every[lead] for lead in recorded})
    assert any(s.code == "infarction_lateral" for s in interpret(c)) == is_said


def test_a_broad_r_of_v1_is_old_posterior_only_beside_another_scar():
    broad = {"r_mv": 0.9, "r_ms": 45.0, "s_mv": -0.3}
    right = {"V1": broad, "V2": broad}
    assert found("infarction_posterior", **right) is None
    beside = found("infarction_posterior", **right, II=q(-0.3, 40), aVF=q(-0.3, 40))
    assert (beside.age, beside.certainty) == ("old", "possible")


def test_age_by_st_and_t():
    old = found("infarction_inferior", II=q(-0.3, 40), aVF=q(-0.3, 40))
    turned = found("infarction_inferior", II=q(-0.3, 40, t_mv=-0.2), aVF=q(-0.3, 40, t_mv=-0.2))
    raised = {code: 0.15 for code in ("st_j_mv", "st_j40_mv", "st_j60_mv", "st_j80_mv")}
    lowered = {code: -0.1 for code in raised}
    up = {"II": q(-0.3, 40, **raised), "III": raised, "aVF": q(-0.3, 40, **raised)}
    unproved = found("infarction_inferior", **up)
    acute = found("infarction_inferior", **up, aVL=lowered)
    assert [s.age for s in (old, turned, unproved, acute)] == ["old", "undetermined", "undetermined", "acute"]


@pytest.mark.parametrize(
    ("leads", "level"),
    [
        ({"II": q(-0.3, 40), "aVF": q(-0.3, 40)}, "routine"),
        ({"II": q(-0.3, 40, t_mv=-0.2), "aVF": q(-0.3, 40, t_mv=-0.2)}, "urgent"),
    ],
)
def test_level_by_age(leads, level):
    c = context(by_lead=waves(**leads))
    assert judge_urgency(c, interpret(c), judged=()).level == level


def test_q_says_nothing_where_the_left_bundle_or_a_pacemaker_begins_the_qrs():
    leads = {"V1": QS, "V2": QS, "V3": QS, "I": {"q_mv": None, "s_mv": None}, "V6": {"q_mv": None, "s_mv": None}}
    blocked = context(by_lead=waves(**leads), qrs_ms=150.0)
    paced = context(by_lead=waves(**leads), kinds="Q" * 12, n_pacing_spikes=12.0)
    child = context(by_lead=waves(**leads), patient=Patient(age_years=8, sex="M"))
    for c in (blocked, paced, child):
        assert "infarction_anterior" not in {s.code for s in interpret(c)}
    assert "infarction_anterior" in {s.code for s in interpret(context(by_lead=waves(**leads)))}
