"""Recordings with fewer or other leads than twelve: nothing is said that needs a lead which is not there."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.leads import LIMB_LEADS, PRECORDIAL_LEADS, STANDARD_LEADS, TERRITORIES
from tests.reference.ecg_model import LEAD_MATRIX, LEADS, PRESETS, simulate

WHO = ee.Patient(age_years=61, sex="M")
#: Leads of monitors, Holter recorders and stored files.
SETS = {
    "one": ("II",),
    "one of a watch": ("I",),
    "three": ("I", "II", "III"),
    "three of a monitor": ("II", "V1", "V5"),
    "six": LIMB_LEADS,
    "eight": ("I", "II", *PRECORDIAL_LEADS),
    "chest": PRECORDIAL_LEADS,
    "twelve": STANDARD_LEADS,
}
CASES = [(preset, name) for preset in PRESETS for name in SETS]
RHYTHMS = {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "atrial_fibrillation", "paced_rhythm"}


@cache
def signal(preset: str) -> np.ndarray:
    made, _ = simulate(PRESETS[preset], fs=500, duration_s=10.0, rng=np.random.default_rng(5))
    return made


@cache
def report(preset: str, leads: tuple[str, ...]) -> ee.EcgReport:
    rows = np.stack([signal(preset)[LEADS.index(name)] for name in leads])
    return ee.analyze_ecg(ee.Recording(signal=rows, fs=500, leads=leads, patient=WHO))


def had(leads: tuple[str, ...]) -> set[str]:
    """Leads that are there or follow: two of I, II, III give all six."""
    return {*leads, *LIMB_LEADS} if len({"I", "II", "III"} & set(leads)) >= 2 else set(leads)


@pytest.mark.parametrize(("preset", "name"), CASES)
def test_nothing_rests_on_a_lead_that_is_not_there(preset: str, name: str) -> None:
    found, there = report(preset, SETS[name]), had(SETS[name])
    for statement in found.statements:
        assert set(statement.leads) <= there, statement.code
        assert {e.lead for e in statement.evidence} - {None} <= there, statement.code
    codes = {s.code for s in found.statements}
    assert "normal_ecg" not in codes or there >= set(STANDARD_LEADS)
    if not there >= {"I", "V1", "V6"}:
        assert not codes & {"lbbb_complete"}
    if not there >= {"I", "II"}:
        assert not codes & {"axis_left", "axis_right", "axis_extreme", "lafb", "lpfb"}
    for wall, leads in TERRITORIES.items():
        if len(there & set(leads)) < 2:
            assert f"infarction_{wall}" not in codes


@pytest.mark.parametrize(("preset", "name"), CASES)
def test_the_rhythm_needs_one_lead(preset: str, name: str) -> None:
    whole = {s.code for s in report(preset, STANDARD_LEADS).statements} & RHYTHMS
    assert whole <= {s.code for s in report(preset, SETS[name]).statements}


@pytest.mark.parametrize("name", SETS)
def test_the_report_says_which_leads_are_missing(name: str) -> None:
    missing = set(STANDARD_LEADS) - had(SETS[name])
    notes = {n.code: n for n in report("normal", SETS[name]).notes}
    assert ("territory_needs_leads" in notes) == bool(missing)
    if missing:
        said = notes["territory_needs_leads"].facts["missing"].replace("V1–V6", ", ".join(PRECORDIAL_LEADS))
        assert set(said.split(", ")) == missing
    assert ("axis_needs_limb_leads" in notes) == (not had(SETS[name]) >= {"I", "II"})


def test_without_the_chest_a_wide_qrs_has_no_kind_and_the_report_says_why() -> None:
    found = report("lbbb", LIMB_LEADS)
    assert "wide_qrs" in {s.code for s in found.statements} or "ivcd" in {s.code for s in found.statements}
    notes = {n.code: n for n in found.notes}
    assert notes["block_needs_leads"].facts["missing"] == "V1, V6"
    assert "block_needs_leads" not in {n.code for n in report("lbbb", STANDARD_LEADS).notes}


def test_eight_stored_leads_are_read_as_twelve() -> None:
    for preset in PRESETS:
        eight, twelve = report(preset, SETS["eight"]), report(preset, STANDARD_LEADS)
        assert [s.code for s in eight.statements] == [s.code for s in twelve.statements]
        assert set(eight.measurements.by_lead) == set(STANDARD_LEADS)


def test_fifteen_leads_say_what_twelve_say() -> None:
    for preset in PRESETS:
        rows = np.vstack([signal(preset), 0.6 * signal(preset)[[6, 11, 11]]])
        leads = (*STANDARD_LEADS, "V4R", "V8", "V9")
        found = ee.analyze_ecg(ee.Recording(signal=rows, fs=500, leads=leads, patient=WHO))
        twelve = {s.code for s in report(preset, STANDARD_LEADS).statements}
        assert twelve <= {s.code for s in found.statements}
        assert {"V4R", "V8", "V9"} <= set(found.measurements.by_lead)


@pytest.mark.parametrize("preset", ["normal", "lbbb", "fibrillation", "left_axis", "inferior_injury"])
def test_frank_leads_give_rhythm_rate_and_intervals_but_no_axis_and_no_wall(preset: str) -> None:
    xyz = np.linalg.lstsq(LEAD_MATRIX, signal(preset), rcond=None)[0]
    found = ee.analyze_ecg(ee.Recording(signal=xyz, fs=500, leads=("X", "Y", "Z"), patient=WHO))
    codes = {s.code for s in found.statements}
    assert codes & RHYTHMS == {s.code for s in report(preset, STANDARD_LEADS).statements} & RHYTHMS
    assert not any(code.startswith(("axis_", "infarction_", "st_elevation", "lbbb", "rbbb")) for code in codes)
    assert not any(code.endswith("axis_deg") for code in found.measurements.overall)
    notes = {n.code: n for n in found.notes}
    assert notes["territory_needs_leads"].facts["missing"] == "I, II, III, aVR, aVL, aVF, V1–V6"
    assert "axis_needs_limb_leads" in notes


def test_a_lead_that_cannot_be_used_is_as_good_as_missing() -> None:
    rows = signal("normal").copy()
    rows[LEADS.index("V3")] = 0.0
    found = ee.analyze_ecg(ee.Recording(signal=rows, fs=500, leads=LEADS, patient=WHO))
    notes = {n.code: n for n in found.notes}
    assert notes["territory_needs_leads"].facts["missing"] == "V3"
    assert "normal_ecg" not in {s.code for s in found.statements}


def test_names_that_are_no_standard_ones_carry_no_wall() -> None:
    rows = signal("inferior_injury")[[1, 6]]
    found = ee.analyze_ecg(ee.Recording(signal=rows, fs=500, leads=("MLII", "MCL1"), patient=WHO))
    assert not any(code.code.startswith(("infarction_", "st_elevation")) for code in found.statements)
    assert "sinus_rhythm" in {s.code for s in found.statements}
