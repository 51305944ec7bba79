"""ST and T at their published thresholds, on both sides of the line."""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret, judge_urgency
from ecg_engine.interpretation.advice import ACUTE_ADVICE, ADVICE, advise
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Patient, Statement
from ecg_engine.vocabulary import note_text, statements
from tests.unit.interpretation.test_infarction import waves
from tests.unit.interpretation.test_rules import context


def level(j: float, later: float | None = None, **more: float) -> dict[str, float]:
    later = j if later is None else later
    middle = {"st_j40_mv": (j + later) / 2, "st_j60_mv": (j + 3 * later) / 4}
    return {"st_j_mv": j, "st_j80_mv": later, **middle, **more}


def said(*, patient=None, overall=None, leads=STANDARD_LEADS, kinds=None, **by_lead):
    c = context(by_lead=waves(**by_lead), patient=patient, kinds=kinds, **(overall or {}))
    return {s.code: s for s in interpret(c)}


def urgency(**by_lead):
    c = context(by_lead=waves(**by_lead))
    return judge_urgency(c, interpret(c), judged=()).level


@pytest.mark.parametrize(
    ("by_lead", "holds"),
    [
        ({"V5": level(-0.05), "V6": level(-0.05)}, True),
        ({"V5": level(-0.049), "V6": level(-0.049)}, False),
        ({"V5": level(-0.1, -0.06), "V6": level(-0.1, -0.06)}, False),  # rising
        ({"V6": level(-0.2)}, False),  # one lead
    ],
)
def test_st_depression(by_lead, holds):
    assert ("st_depression" in said(**by_lead)) is holds


@pytest.mark.parametrize(
    ("by_lead", "holds"),
    [
        ({"V4": {"t_mv": -0.1}, "V5": {"t_mv": -0.1}}, True),
        ({"V4": {"t_mv": -0.09}, "V5": {"t_mv": -0.09}}, False),
        ({"III": {"t_mv": -0.3}}, False),
        ({"V2": {"t_mv": -0.2, "s_mv": -1.5}, "V3": {"t_mv": -0.2, "s_mv": -1.5}}, False),  # S prevails
    ],
)
def test_t_inversion(by_lead, holds):
    assert ("t_inversion" in said(**by_lead)) is holds


def test_low_t_in_two_leads_is_nonspecific_and_gives_way_to_more():
    low = {"V5": {"t_mv": 0.07}, "V6": {"t_mv": 0.07}}
    assert "st_t_nonspecific" in said(**low)
    assert "st_t_nonspecific" not in said(V5={"t_mv": 0.07})
    assert "st_t_nonspecific" not in said(**low, I=level(-0.1), aVL=level(-0.1))


def test_six_low_leads_with_avr_up_are_diffuse():
    low = {x: level(-0.1) for x in ("I", "II", "V3", "V4", "V5", "V6")}
    assert "st_depression_diffuse" in said(**low, aVR=level(0.1))
    assert urgency(**low, aVR=level(0.1)) == "critical"
    assert "st_depression_diffuse" not in said(**low, aVR=level(0.09))
    low.pop("V3")
    assert {x for x in said(**low, aVR=level(0.1)) if x.startswith("st_dep")} == {"st_depression"}


@pytest.mark.parametrize(
    ("j", "t", "n", "holds"),
    [(-0.1, 0.6, 3, True), (-0.09, 0.6, 3, False), (-0.1, 0.4, 3, False), (-0.1, 0.6, 2, False)],
)
def test_de_winter(j, t, n, holds):
    leads = {x: level(j, j + 0.08, t_mv=t) for x in ("V2", "V3", "V4")[:n]}
    assert ("de_winter" in said(**leads)) is holds


@pytest.mark.parametrize(("v2", "v3", "holds"), [(-0.3, -0.3, True), (-0.29, -0.3, False)])
def test_deep_t_of_wellens(v2, v3, holds):
    v1 = {"r_mv": 0.2, "s_mv": -0.8}
    assert ("wellens" in said(V1=v1, V2={"t_mv": v2}, V3={"t_mv": v3})) is holds


def test_no_wellens_beside_q_a_large_ventricle_or_a_strained_right_one():
    leads = {"V1": {"r_mv": 0.2, "s_mv": -0.8}, "V2": {"t_mv": -0.5}, "V3": {"t_mv": -0.5}}
    assert "wellens" in said(**leads)
    assert "wellens" not in said(**leads | {"V3": {"t_mv": -0.5, "q_mv": -0.1, "q_ms": 25.0}})
    assert "wellens" not in said(**leads, overall={"sokolow_lyon_mv": 3.5})
    strained = leads | {"V1": {"r_mv": 0.2, "s_mv": -0.8, "t_mv": -0.3}, "III": {"t_mv": -0.2}}
    assert "wellens" not in said(**strained)


#: Left bundle branch block: QRS up in I and V6, down in V1 to V3.
DOWN = {"r_mv": 0.1, "s_mv": -2.0, "qrs_area_mv_ms": -80.0, "t_mv": 0.5, "qrs_pp_mv": 2.1}
UP = {
    "r_mv": 1.2, "s_mv": None, "qrs_area_mv_ms": 80.0, "t_mv": -0.3, "qrs_pp_mv": 1.2, "intrinsicoid_ms": 80.0,
    "qrs_notches": 1.0,
}  # fmt: skip


def blocked(**changes):
    leads = {x: dict(DOWN) for x in ("V1", "V2", "V3")} | {x: dict(UP) for x in ("I", "aVL", "V5", "V6")}
    for lead, more in changes.items():
        leads[lead] = leads.get(lead, {}) | more
    return said(**leads, overall={"qrs_ms": 150.0})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"V5": level(0.1), "V6": level(0.1)}, "sgarbossa_criteria"),  # up with the QRS: 5 points
        ({"V2": level(-0.1)}, "sgarbossa_criteria"),  # down with the QRS in V1 to V3: 3 points
        ({"V2": level(-0.09)}, None),
        ({"V2": level(0.5)}, "barcelona_criteria"),  # a quarter of S
        ({"V2": level(0.49)}, None),
        ({"aVF": level(0.1, r_mv=0.1, s_mv=-0.6, qrs_area_mv_ms=-20.0)}, "barcelona_criteria"),  # small QRS
        ({"aVF": level(0.1, r_mv=0.1, s_mv=-0.7, qrs_area_mv_ms=-20.0)}, None),
    ],
)
def test_criteria_in_lbbb(changes, code):
    found = {x for x in blocked(**changes) if x in ("sgarbossa_criteria", "barcelona_criteria")}
    assert found == ({code} if code else set())


def test_st_opposite_to_a_right_bundle_branch_block_is_no_reciprocal():
    """There ST of V1 to V3 is low for the block's sake."""
    block = {
        "V1": level(-0.1, r_mv=0.9, s_mv=-0.1, intrinsicoid_ms=90.0, qrs_pp_mv=1.0),
        "I": {"s_mv": -0.3, "s_ms": 60.0, "qrs_pp_mv": 0.8},
        "V6": level(0.12, s_mv=-0.3, s_ms=60.0, qrs_pp_mv=0.8),
        "V5": level(0.12),
    }
    found = said(**block, overall={"qrs_ms": 140.0})
    assert "rbbb_complete" in found and "st_elevation_mi" not in found


@pytest.mark.parametrize(
    ("age", "sex", "mv", "holds"),
    [
        (60, "M", 0.05, True),
        (60, "M", 0.049, False),
        (39, "M", 0.05, False),
        (39, "M", 0.1, True),
        (39, "F", 0.05, True),
    ],
)
def test_v7_to_v9(age, sex, mv, holds):
    by_lead = waves() | {x: level(mv, t_mv=0.2, r_mv=0.4) for x in ("V7", "V8", "V9")}
    from dataclasses import replace

    c = context(by_lead=by_lead, patient=Patient(age_years=age, sex=sex))
    c = replace(c, leads=(*STANDARD_LEADS, "V7", "V8", "V9"))
    assert ("infarction_posterior" in {s.code for s in interpret(c)}) is holds


def test_level_st_low_in_v1_to_v3_under_upright_t_is_posterior():
    mirror = {x: level(-0.1, t_mv=0.4) for x in ("V1", "V2", "V3")}
    found = said(**mirror)["infarction_posterior"]
    assert found.age == "acute" and urgency(**mirror) == "critical"
    assert "infarction_posterior" not in said(**{x: level(-0.1, t_mv=-0.2) for x in ("V1", "V2", "V3")})
    # Low in V4 to V6 more than in V1 to V3: the ischaemia of another wall.
    assert "infarction_posterior" not in said(**mirror, V4=level(-0.2), V5=level(-0.2))


def test_v1_above_v2_in_an_inferior_infarction_is_the_right_ventricle():
    inferior = {"II": level(0.15), "III": level(0.2), "aVF": level(0.17), "aVL": level(-0.1)}
    assert "right_ventricular_infarction" in said(**inferior, V1=level(0.1), V2=level(0.05))
    assert "right_ventricular_infarction" not in said(**inferior, V1=level(0.1), V2=level(0.06))
    assert "right_ventricular_infarction" not in said(V1=level(0.1), V2=level(0.0))


def test_advice_names_statements_and_notes_that_exist():
    for table in (ADVICE, ACUTE_ADVICE):
        for code, notes in table.items():
            assert code in statements()
            assert all(note_text(note, lang) for note in notes for lang in ("en", "ru"))


def test_advice_is_given_once_and_not_for_leads_that_were_recorded():
    acute = [Statement(code="infarction_inferior", age="acute"), Statement(code="infarction_posterior", age="acute")]
    assert [n.code for n in advise(acute, STANDARD_LEADS)] == ["advice_v3r_v4r", "advice_v7_v9", "advice_repeat_15_min"]
    assert "advice_v7_v9" not in {n.code for n in advise(acute, (*STANDARD_LEADS, "V7", "V8", "V9"))}
    assert not advise([Statement(code="infarction_inferior", age="old")], STANDARD_LEADS)
