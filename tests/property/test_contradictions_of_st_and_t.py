"""No conclusion contradicts itself in what it says of Q, ST and T, whatever was measured."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_engine.interpretation import Context, interpret
from ecg_engine.interpretation.limits import limits_for
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Beats, LeadQuality, Measurements, Patient, Quality

VARIANTS = {"early_repolarization", "juvenile_t", "brugada_2"}
PROVED = {"st_elevation_mi", "de_winter", "sgarbossa_criteria", "right_ventricular_infarction"}
#: No code of the left set may stand beside one of the right set.
EXCLUSIVE = (
    (VARIANTS, PROVED),
    ({"st_elevation"}, {"st_elevation_mi", "pericarditis", "early_repolarization"}),
    ({"pericarditis"}, {"st_elevation_mi", "early_repolarization"}),
    ({"wellens", "juvenile_t"}, {"t_inversion", "st_t_nonspecific"}),
    ({"st_t_nonspecific"}, {"t_inversion", "st_depression", "st_depression_diffuse", "wellens", "st_elevation_mi"}),
    ({"st_depression"}, {"st_elevation_mi", "de_winter"}),
    ({"sgarbossa_criteria"}, {"barcelona_criteria"}),
    ({"st_elevation_mi"}, {"sgarbossa_criteria", "barcelona_criteria", "hyperacute_t", "wellens", "brugada_1"}),
    ({"qt_prolonged"}, {"qt_short"}),
    ({"brugada_1"}, {"brugada_2", "st_elevation", "early_repolarization"}),
    ({"hyperkalaemia"}, {"hyperacute_t", "early_repolarization"}),
    ({"normal_ecg"}, PROVED | {"st_elevation", "st_depression", "t_inversion", "wellens", "pericarditis",
                               "infarction_anterior", "infarction_inferior", "qt_prolonged", "qt_short"}),
)  # fmt: skip
#: Waves of a lead: q, r, s, J, J+80, T, second phase of T, mV; Q and R, ms.
PATTERNS = {
    "plain": (None, 1.0, -0.2, 0.0, 0.02, 0.3, None, 0, 45),
    "rs": (None, 0.3, -1.2, 0.05, 0.1, 0.4, None, 0, 25),
    "qs": (None, None, -1.0, 0.05, 0.05, -0.15, None, 0, 0),
    "qs up": (None, None, -1.0, 0.3, 0.3, 0.4, None, 0, 0),
    "q": (-0.25, 0.5, None, 0.0, 0.0, -0.15, None, 42, 40),
    "up": (None, 0.8, -0.2, 0.25, 0.26, 0.35, None, 0, 45),
    "up and concave": (None, 1.6, -0.1, 0.18, 0.3, 0.9, None, 0, 45),
    "up a little": (None, 1.0, -0.2, 0.2, 0.24, 0.5, None, 0, 45),
    "giant": (None, 0.8, None, 0.6, 0.6, 0.8, None, 0, 45),
    "down": (None, 1.0, -0.1, -0.15, -0.17, -0.1, None, 0, 45),
    "down, T up": (None, 1.0, -0.6, -0.15, -0.12, 0.4, None, 0, 45),
    "down and rising": (None, 0.8, -0.6, -0.2, -0.05, 0.9, None, 0, 45),
    "T down": (None, 1.0, -0.1, 0.0, 0.0, -0.5, None, 0, 45),
    "T up and down": (None, 0.4, -0.6, 0.05, 0.1, 0.25, -0.3, 0, 45),
    "T flat": (None, 1.0, -0.1, 0.0, 0.0, 0.03, None, 0, 45),
    "T giant": (None, 0.6, -0.6, 0.05, 0.08, 1.4, None, 0, 45),
    "coved": (None, 0.3, -0.8, 0.35, 0.15, -0.2, None, 0, 25),
    "saddle": (None, 0.3, -0.8, 0.3, 0.1, 0.4, None, 0, 25),
    "right bundle": (None, 0.9, -0.1, -0.1, -0.15, -0.2, None, 0, 70),
    "left bundle": (None, 1.2, None, -0.2, -0.25, -0.4, None, 0, 110),
}
GROUPS = (("I", "aVL"), ("II", "III", "aVF"), ("aVR",), ("V1",), ("V2",), ("V3",), ("V4",), ("V5", "V6"))


#: Where a pattern of the chest or of the limbs usually stands; the rest is plain. One of them is taken, then changed.
SCENES = {
    "plain": {},
    "early": {"II": "up and concave", "V4": "up and concave", "V5": "up and concave"},
    "pericarditis": {"I": "up a little", "II": "up a little", "V2": "up a little", "V3": "up a little",
                     "V4": "up a little", "V5": "up a little"},
    "left main": {"I": "down", "II": "down", "V3": "down", "V4": "down", "V5": "down", "aVR": "up"},
    "wellens": {"V1": "rs", "V2": "T down", "V3": "T down"},
    "wellens biphasic": {"V1": "rs", "V2": "T up and down", "V3": "T up and down"},
    "potassium": {"V2": "T giant", "V3": "T giant", "V4": "T giant", "V5": "T giant"},
    "brugada": {"V1": "coved", "V2": "coved"},
    "saddle": {"V1": "rs", "V2": "saddle"},
    "juvenile": {"V1": "T down", "V2": "T down"},
    "inferior": {"I": "down", "II": "up"},
    "posterior": {"V1": "down, T up", "V2": "down, T up", "V3": "down, T up"},
    "de winter": {"V2": "down and rising", "V3": "down and rising", "V4": "down and rising"},
    "left bundle": {"I": "left bundle", "II": "left bundle", "V1": "qs up", "V2": "qs up", "V5": "left bundle"},
}  # fmt: skip


@st.composite
def contexts(draw) -> Context:
    by_lead = {}
    scene = SCENES[draw(st.sampled_from(sorted(SCENES)))]
    changed = draw(st.sets(st.sampled_from(GROUPS), max_size=3))
    for group in GROUPS:
        name = draw(st.sampled_from(sorted(PATTERNS))) if group in changed else scene.get(group[0], "plain")
        gain = draw(st.floats(0.5, 1.6)) if group in changed else 1.0
        for lead in group:
            by_lead[lead] = waves(PATTERNS[name], gain)
            if group in changed:
                for code in draw(st.sets(st.sampled_from(sorted(by_lead[lead])), max_size=1)):
                    del by_lead[lead][code]
    overall = {
        "heart_rate_bpm": draw(st.sampled_from([48.0, 72.0, 118.0])), "rr_ms": 833.0, "rr_min_ms": 820.0,
        "rr_max_ms": 845.0, "rr_cv_percent": 1.0, "rr_change_percent": 1.0, "p_share_percent": 100.0,
        "pr_spread_ms": 2.0, "pr_ms": draw(st.sampled_from([150.0, 240.0])), "p_axis_deg": 50.0,
        "p_duration_ms": 100.0, "qrs_ms": draw(st.sampled_from([92.0, 92.0, 128.0, 150.0])), "qrs_axis_deg": 40.0,
        "qt_ms": 390.0, "qtc_fridericia_ms": draw(st.sampled_from([330.0, 410.0, 470.0, 530.0])),
        "qtc_bazett_ms": draw(st.sampled_from([390.0, 430.0])), "pause_s": 0.9,
        "sokolow_lyon_mv": draw(st.sampled_from([2.0, 4.5])), "cornell_mv": 1.0,
    }  # fmt: skip
    patient = Patient(age_years=draw(st.sampled_from([9.0, 19.0, 28.0, 61.0, None])),
                      sex=draw(st.sampled_from(["F", "M", None])))  # fmt: skip
    paced = draw(st.sampled_from([False, False, False, True]))
    if paced:
        overall["n_pacing_spikes"] = 12.0
    return Context(
        measurements=Measurements(overall=overall, by_lead=by_lead),
        quality=Quality(by_lead={x: LeadQuality(usable=True) for x in STANDARD_LEADS}, acceptable=True),
        beats=Beats(r_peaks=np.arange(12) * 400 + 200, kinds=np.full(12, "Q" if paced else "N")),
        patient=patient,
        limits=limits_for(patient.age_years, patient.sex),
        leads=STANDARD_LEADS,
        n_beats_in_median=12,
        duration_s=10.0,
        st_certain=draw(st.booleans()),
    )


def waves(pattern: tuple, gain: float) -> dict[str, float]:
    q, r, s, j, later, t, t2, q_ms, r_ms = pattern
    found = {"q_mv": q, "r_mv": r, "s_mv": s, "t_mv": t * gain, "t2_mv": t2}
    found |= {"st_j_mv": j * gain, "st_j80_mv": later * gain}
    found |= {"st_j40_mv": (j + later) / 2 * gain, "st_j60_mv": (j + 3 * later) / 4 * gain}
    found["qrs_pp_mv"] = (r or 0.0) - min(s or 0.0, q or 0.0)
    found["qrs_area_mv_ms"] = 30 * ((r or 0.0) + min(s or 0.0, q or 0.0))
    found["t_area_mv_ms"] = (70 if t > 1 else 110) * t * gain
    found["r2_mv"] = 0.25 if pattern is PATTERNS["saddle"] else None
    if q is not None:
        found["q_ms"] = float(q_ms)
    if r is not None:
        found["r_ms"] = float(r_ms)
    return {code: value for code, value in found.items() if value is not None}


@settings(max_examples=600, deadline=None)
@given(contexts())
def test_no_conclusion_contradicts_itself(c):
    found = interpret(c)
    codes = {s.code for s in found}
    for left, right in EXCLUSIVE:
        for one, other in product(left, right):
            assert not {one, other} <= codes, codes
    acute = {s.code for s in found if s.age == "acute"}
    assert not VARIANTS & codes or not acute, found
    if acute & {"infarction_anterior", "infarction_inferior", "infarction_lateral"}:
        assert "st_elevation_mi" in codes or "lead_reversal" in codes, found


@settings(max_examples=150, deadline=None)
@given(contexts())
def test_every_statement_rests_on_what_was_measured(c):
    for statement in interpret(c):
        for e in statement.evidence:
            assert c.get(e.measurement, e.lead) == pytest.approx(e.value)


def test_patterns_reach_every_code_of_the_table():
    """Random measurements that never make the statements would prove nothing."""
    seen: set[str] = set()

    @settings(max_examples=1500, deadline=None, database=None, derandomize=True)
    @given(contexts())
    def collect(c):
        seen.update(s.code for s in interpret(c))

    collect()
    named = {code for left, right in EXCLUSIVE for code in left | right}
    assert named - seen <= {"normal_ecg"}, named - seen
