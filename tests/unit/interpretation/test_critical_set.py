"""Simulated ECGs that must not wait, each in four recordings, and those that look alike and may."""

from __future__ import annotations

import pytest

import ecg_engine as ee
from ecg_engine.interpretation.context import RULES
from tests.reference.critical_set import CASES, VARIANTS, every, make

#: Rules of Q, ST and T: those of rhythm and conduction are not on trial here.
FAMILIES = {"infarction", "ischaemia", "repolarisation", "electrolytes"}
HERE = {rule.code for rule in RULES if rule.family in FAMILIES}
ABOUT_ST = {
    "st_elevation", "st_elevation_mi", "st_depression", "st_depression_diffuse", "pericarditis", "de_winter", "wellens",
    "sgarbossa_criteria", "barcelona_criteria", "right_ventricular_infarction", "early_repolarization", "brugada_1",
    "brugada_2",
}  # fmt: skip
LEVELS = {"critical": {"critical"}, "urgent": {"critical", "urgent"}}


def analyzed(case, variant):
    signal, leads = make(case, variant)
    patient = ee.Patient(age_years=case.age, sex=case.sex)
    return ee.analyze_ecg(ee.Recording(signal=signal, fs=500, leads=leads, patient=patient))


@pytest.mark.parametrize(("case", "variant"), every(), ids=lambda x: getattr(x, "name", None))
def test_case_comes_out_at_its_level(case, variant):
    report = analyzed(case, variant)
    codes = {s.code for s in report.statements}
    if case.level == "calm":
        assert not codes & set(case.codes)
        assert report.urgency.level != "critical"
        assert not HERE & set(report.urgency.because)
    else:
        assert report.urgency.level in LEVELS[case.level], (report.urgency, codes)
        assert codes & set(case.codes), codes


def test_set_is_as_large_as_the_documents_say():
    pressing = [case for case in CASES if case.level in LEVELS]
    assert (len([c for c in CASES if c.level == "critical"]), len(pressing), len(VARIANTS)) == (25, 34, 4)


def test_an_acute_inferior_infarction_asks_for_right_and_posterior_leads():
    case = next(case for case in CASES if case.name == "inferior, right coronary artery")
    notes = [note.code for note in analyzed(case, VARIANTS[0]).notes]
    assert {"advice_v3r_v4r", "advice_v7_v9", "advice_repeat_15_min"} <= set(notes)


@pytest.mark.parametrize("case", [case for case in CASES if case.level in LEVELS], ids=lambda case: case.name)
def test_nothing_of_st_is_said_behind_a_high_pass_that_bends_it(case):
    signal, leads = make(case, VARIANTS[0])
    source = ee.Source(filters=ee.Filters(highpass_hz=0.5))
    patient = ee.Patient(age_years=case.age, sex=case.sex)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=500, leads=leads, patient=patient, source=source))
    assert "st_filtered" in {note.code for note in report.notes}
    measured = {e.measurement for s in report.statements for e in s.evidence}
    assert not {code for code in measured if code.startswith("st_")}
    assert not ABOUT_ST & {s.code for s in report.statements}
    assert "acute" not in {s.age for s in report.statements}
