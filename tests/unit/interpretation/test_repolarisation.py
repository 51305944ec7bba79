"""Normal variants, pericarditis, QT, potassium and Brugada's patterns at their thresholds."""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret, judge_urgency
from ecg_engine.interpretation.clinical import clinical_notes
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


def j_wave(mv, rise, *, slur=False):
    return {"j_slur_mv" if slur else "j_notch_mv": mv, "j_st_rise_mv": rise}


#: Macfarlane 2015: Jp of 0.1 mV and more in two neighbours other than V1 to V3, QRS below 120 ms. Below 0.2 mV
#: (Tikkanen 2011) it is a note.
@pytest.mark.parametrize(
    ("by_lead", "overall", "certainty", "note"),
    [
        ({"II": j_wave(0.12, 0.05), "aVF": j_wave(0.1, 0.02)}, {}, None, "j_waves_rising"),
        ({"II": j_wave(0.12, -0.01), "aVF": j_wave(0.1, 0.0)}, {}, None, "j_waves_level"),
        ({"II": j_wave(0.21, 0.05), "aVF": j_wave(0.2, 0.02)}, {}, "probable", "j_waves_rising"),
        ({"V5": j_wave(0.22, -0.01, slur=True), "V6": j_wave(0.2, -0.05)}, {}, "possible", "j_waves_level"),
        ({"II": j_wave(0.3, -0.01), "aVF": j_wave(0.09, -0.02)}, {}, None, None),
        ({"II": j_wave(0.3, -0.01), "V5": j_wave(0.3, -0.02)}, {}, None, None),
        ({"V2": j_wave(0.3, -0.01), "V3": j_wave(0.3, -0.02)}, {}, None, None),
        ({"II": j_wave(0.3, -0.01), "aVF": j_wave(0.3, -0.02)}, {"qrs_ms": 121.0}, None, None),
        ({"II": {"j_notch_mv": 0.12}, "aVF": {"j_notch_mv": 0.12}}, {}, None, "j_waves"),
        # Of three leads two rise; where they tie the taller decides.
        ({"II": j_wave(0.12, 0.05), "aVF": j_wave(0.1, 0.02), "III": j_wave(0.15, -0.1)}, {}, None, "j_waves_rising"),
        ({"V5": j_wave(0.22, 0.05), "V6": j_wave(0.25, -0.02)}, {}, "possible", "j_waves_level"),
    ],
)
def test_early_repolarisation_by_its_notch_or_slur(by_lead, overall, certainty, note):
    c = context(by_lead=waves(**by_lead), patient=YOUNG, **overall)
    found = {s.code: s for s in interpret(c)}
    early = found.get("early_repolarization")
    assert (None if early is None else early.certainty) == certainty
    assert [n.code for n in clinical_notes(c, interpret(c)) if n.code.startswith("j_")] == ([note] if note else [])


@pytest.mark.parametrize(
    ("changed", "holds"),
    [({}, True), ({"t_mv": 0.09}, False), ({"t_mv": 0.12, "r_mv": 1.3}, False), (q(-0.4, 45), False)],
)
def test_tall_j_waves_need_an_upright_t_and_no_scar(changed, holds):
    leads = {x: j_wave(0.25, 0.05) | {"t_mv": 0.3, "r_mv": 1.0} | changed for x in ("II", "III", "aVF")}
    assert ("early_repolarization" in said(patient=YOUNG, **leads)) is holds


@pytest.mark.parametrize(
    ("others", "also"),
    [({"t_mv": 0.05, "r_mv": 1.0}, "st_t_nonspecific"), ({"t_mv": -0.2, "r_mv": 1.0}, "t_inversion")],
)
def test_tall_j_waves_are_not_called_harmless_beside_changes_of_t_elsewhere(others, also):
    leads = {x: j_wave(0.25, 0.05) | {"t_mv": 0.3, "r_mv": 1.0} for x in ("II", "III", "aVF")}
    assert "early_repolarization" in said(patient=YOUNG, **leads)
    found = said(patient=YOUNG, **leads, V5=others, V6=others)
    assert also in found and "early_repolarization" not in found


@pytest.mark.parametrize(("other_ms", "holds"), [(118.0, True), (120.0, False), (None, False)])
def test_a_notch_alone_does_not_make_the_qrs_wide(other_ms, holds):
    """Macfarlane 2015: the QRS is measured in the leads without notch and slur."""
    leads = {x: {} if other_ms is None else {"qrs_end_ms": other_ms} for x in ("I", "V4", "V5", "V6")}
    leads |= {x: j_wave(0.25, 0.05) | {"qrs_end_ms": 126.0} for x in ("II", "aVF")}
    found = interpret(context(by_lead=waves(**leads), patient=YOUNG, qrs_ms=126.0))
    assert ("early_repolarization" in {s.code for s in found}) is holds


def test_a_notch_makes_a_tall_t_more_certain_and_no_infarction_early_repolarisation():
    notched = {x: v | j_wave(0.15, 0.1) for x, v in EARLY.items()}
    assert said(patient=YOUNG, **EARLY)["early_repolarization"].certainty == "possible"
    assert said(patient=YOUNG, **notched)["early_repolarization"].certainty == "probable"
    acute = said(patient=YOUNG, **notched, III=level(-0.1), aVF=level(-0.1))
    assert "st_elevation_mi" in acute and "early_repolarization" not in acute


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


AROUND = {x: level(0.12, 0.15, t_mv=0.4) for x in ("I", "II", "V4", "V5", "V6")} | {"aVR": level(-0.12)}


def test_st_higher_in_iii_than_in_ii_speaks_for_infarction():
    """Witting 2020: an odds ratio of 21 against pericarditis."""
    higher = AROUND | {"III": level(0.14, 0.16, t_mv=0.3), "aVF": level(0.13, 0.16, t_mv=0.3)}
    assert "pericarditis" in said(patient=YOUNG, **AROUND)
    assert "pericarditis" not in said(patient=YOUNG, **higher)


#: Charles 1973: PR depressed in other leads than aVR, raised in aVR. Witting 2020: TP falls by 1 mm in two leads.
@pytest.mark.parametrize(
    ("ii", "v5", "avr", "certainty"),
    [(-0.08, -0.09, 0.04, "probable"), (-0.07, -0.09, 0.04, "possible"), (-0.1, -0.1, 0.03, "possible"),
     (None, None, None, "possible")],
)  # fmt: skip
def test_a_depressed_pr_makes_pericarditis_more_certain(ii, v5, avr, certainty):
    values = {"II": ii, "V5": v5, "aVR": avr}
    leads = {x: AROUND[x] | ({} if mv is None else {"pr_segment_mv": mv}) for x, mv in values.items()}
    found = said(patient=YOUNG, **AROUND | leads)["pericarditis"]
    assert found.certainty == certainty
    shown = [e.lead for e in found.evidence if e.measurement == "pr_segment_mv"]
    assert shown == (["II", "V5", "aVR"] if certainty == "probable" else [])


@pytest.mark.parametrize(("falls", "shown"), [({"II": 0.1, "V5": 0.12}, ["II", "V5"]), ({"II": 0.1, "V5": 0.09}, [])])
def test_spodicks_sign_is_shown(falls, shown):
    found = said(patient=YOUNG, **AROUND | {x: AROUND[x] | {"tp_fall_mv": mv} for x, mv in falls.items()})
    assert [e.lead for e in found["pericarditis"].evidence if e.measurement == "tp_fall_mv"] == shown


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
