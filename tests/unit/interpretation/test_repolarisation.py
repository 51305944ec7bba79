"""Normal variants, pericarditis, QT, potassium and Brugada's patterns at their thresholds."""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret, judge_urgency
from ecg_engine.types import Patient
from tests.unit.interpretation.test_infarction import q, waves
from tests.unit.interpretation.test_ischaemia import level, said
from tests.unit.interpretation.test_rules import context

YOUNG = Patient(age_years=28, sex="M")
EARLY = {x: level(0.12, 0.2, t_mv=0.6, r_mv=1.6) for x in ("V5", "V6")}


def test_st_that_rises_into_a_tall_t_is_early_repolarisation():
    found = said(patient=YOUNG, **EARLY)
    assert "early_repolarization" in found and not {"st_elevation", "st_elevation_mi", "pericarditis"} & set(found)


@pytest.mark.parametrize(
    "changed",
    [
        {"V5": level(0.12, 0.2, t_mv=0.34)},  # J more than a third of T
        {"V5": level(0.12, 0.2, t_mv=0.6) | q(-0.3, 40)},  # Q
    ],
)
def test_what_is_not_early_repolarisation_stays_st_elevation(changed):
    found = said(patient=YOUNG, **EARLY | changed)
    assert "early_repolarization" not in found and "st_elevation" in found


@pytest.mark.parametrize(("r_v4", "holds"), [(1.9, True), (0.6, False)])
def test_subtle_anterior_infarction_is_not_called_early_repolarisation(r_v4, holds):
    """Smith 2012: 1.196 * 3 mm + 0.059 * 420 ms - 0.326 * R of V4 is above 23.4 with a small R."""
    leads = {"V3": level(0.26, 0.32, t_mv=1.0, r_mv=1.0), "V4": level(0.2, 0.3, t_mv=1.0, r_mv=r_v4)}
    found = said(patient=YOUNG, overall={"qtc_bazett_ms": 420.0}, **leads)
    assert ("early_repolarization" in found) is holds
    assert ("st_elevation" in found) is not holds


def test_st_elevation_all_around_with_a_quarter_of_t_in_v6_is_pericarditis():
    around = {x: level(0.12, 0.15, t_mv=0.4) for x in ("I", "II", "V4", "V5", "V6")} | {"aVR": level(-0.12)}
    assert "pericarditis" in said(patient=YOUNG, **around)
    assert "pericarditis" not in said(patient=YOUNG, **around | {"V6": level(0.12, 0.15, t_mv=0.6)})
    assert "st_elevation_mi" in said(patient=YOUNG, **around, III=level(-0.1), aVF=level(-0.1))


@pytest.mark.parametrize(
    ("age", "sex", "leads", "holds"),
    [
        (12, "M", ("V1", "V2", "V3"), True), (22, "F", ("V1", "V2"), True), (22, "M", ("V1", "V2"), False),
        (45, "F", ("V1", "V2"), False), (22, "F", ("V1", "V2", "V3", "V4"), False), (22, "F", ("V1",), False),
    ],
)  # fmt: skip
def test_juvenile_t(age, sex, leads, holds):
    by_lead = {x: {"t_mv": -0.15, "s_mv": -1.2} for x in leads}
    assert ("juvenile_t" in said(patient=Patient(age_years=age, sex=sex), **by_lead)) is holds


@pytest.mark.parametrize(("qtc", "certainty"), [(341.0, None), (340.0, "possible"), (320.0, "probable")])
def test_short_qt(qtc, certainty):
    found = said(overall={"qtc_fridericia_ms": qtc}).get("qt_short")
    assert (None if found is None else found.certainty) == certainty


@pytest.mark.parametrize(("qrs_ms", "holds"), [(122.0, True), (129.0, True), (130.0, False)])
def test_a_qrs_within_its_error_of_the_limit_hides_no_long_qt(qrs_ms, holds):
    """QT 500 ms at RR 1 s; 0.485 of a QRS of 130 ms leaves 437 ms (Bogossian 2014)."""
    overall = {"qrs_ms": qrs_ms, "qt_ms": 500.0, "qtc_fridericia_ms": 500.0, "rr_ms": 1000.0}
    assert ("qt_prolonged" in {s.code for s in interpret(context(by_lead=waves(), **overall))}) is holds


def test_a_wide_qrs_is_taken_off_qt():
    """Bogossian: 48.5 % of the QRS; at 60/min 620 - 0.485 * 160 = 542 ms is long, 480 - 78 = 402 ms is not."""
    for qt, holds in ((620.0, True), (480.0, False)):
        overall = {"qrs_ms": 160.0, "qt_ms": qt, "qtc_fridericia_ms": qt, "rr_ms": 1000.0}
        c = context(by_lead=waves(), **overall)
        found = {s.code for s in interpret(c)}
        assert ("qt_prolonged" in found) is holds
        assert ("qt_prolonged" in judge_urgency(c, interpret(c), judged=()).because) is holds


def peaked(t: float, width: float) -> dict[str, float]:
    return {"t_mv": t, "t_area_mv_ms": t * width}


@pytest.mark.parametrize(
    ("t", "width", "overall", "level_"),
    [
        (1.0, 80.0, {}, "urgent"),
        (0.99, 70.0, {}, "routine"),
        (1.0, 81.0, {}, "routine"),
        (1.0, 70.0, {"pr_ms": 220.0}, "critical"),
        (1.0, 70.0, {"qrs_ms": 130.0}, "critical"),
    ],
)
def test_tall_narrow_t_is_potassium_and_presses_with_more(t, width, overall, level_):
    leads = {x: peaked(t, width) | {"r_mv": 1.4} for x in ("V2", "V3", "V4")}
    leads |= {"V1": {"r_mv": 0.3, "s_mv": -0.9}, "V6": q(-0.1, 15)}  # of no bundle branch block
    c = context(by_lead=waves(**leads), **overall)
    assert judge_urgency(c, interpret(c), judged=()).level == level_


def test_low_st_flat_t_and_long_qt_may_be_low_potassium():
    flat = {x: level(-0.06) | {"t_mv": 0.05} for x in ("V4", "V5", "V6")}
    assert "hypokalaemia" in said(overall={"qtc_fridericia_ms": 480.0}, **flat)
    assert "hypokalaemia" not in said(overall={"qtc_fridericia_ms": 440.0}, **flat)


@pytest.mark.parametrize(
    ("v1", "code"),
    [
        (level(0.2, 0.1, t_mv=-0.2), "brugada_1"),
        (level(0.19, 0.1, t_mv=-0.2), None),
        (level(0.2, 0.1, t_mv=0.3, r2_mv=0.3), "brugada_2"),
        (level(0.2, 0.1, t_mv=0.3), None),  # no R'
        (level(0.2, 0.0, t_mv=0.3, r2_mv=0.3), None),  # back at the line
    ],
)
def test_brugada(v1, code):
    found = {x for x in said(patient=YOUNG, V1=v1) if x.startswith("brugada")}
    assert found == ({code} if code else set())
