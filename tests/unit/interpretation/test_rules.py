"""Rules at their thresholds: the guideline's side of the line, and the other."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.interpretation import Context, interpret, judge_urgency
from ecg_engine.interpretation.context import RULES
from ecg_engine.interpretation.limits import limits_for
from ecg_engine.interpretation.urgency import LEVELS, STATEMENT_LEVELS
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Beats, LeadQuality, Measurements, Patient, Quality
from ecg_engine.vocabulary import statements

SINUS = {
    "heart_rate_bpm": 70.0, "rr_ms": 857.0, "rr_min_ms": 850.0, "rr_max_ms": 865.0, "rr_cv_percent": 1.0,
    "rr_change_percent": 1.0, "p_share_percent": 100.0, "pr_spread_ms": 2.0, "pr_ms": 160.0, "p_axis_deg": 50.0,
    "p_duration_ms": 100.0, "qrs_ms": 92.0, "qt_ms": 390.0, "qtc_fridericia_ms": 410.0, "qrs_axis_deg": 40.0,
    "pause_s": 0.9,
}  # fmt: skip


def context(
    *,
    by_lead=None,
    without=(),
    patient=None,
    bad=(),
    kinds=None,
    n_beats=12,
    st_certain=True,
    noise_mv=float("nan"),
    **overall,
) -> Context:
    patient = patient or Patient(age_years=55, sex="M")
    measured = {k: v for k, v in (SINUS | overall).items() if k not in without}
    quality = Quality(
        by_lead={
            name: LeadQuality(
                usable=name not in bad, reasons=("flat",) if name in bad else (), flat_fraction=0.0, noise_mv=noise_mv
            )
            for name in STANDARD_LEADS
        },
        acceptable=True,
    )
    r_peaks = np.arange(n_beats) * 400 + 200
    kinds = np.full(n_beats, "N") if kinds is None else np.array(list(kinds))
    return Context(
        measurements=Measurements(overall=measured, by_lead=by_lead or {}),
        quality=quality,
        beats=Beats(r_peaks=r_peaks, kinds=kinds),
        patient=patient,
        limits=limits_for(patient.age_years, patient.sex),
        leads=STANDARD_LEADS,
        n_beats_in_median=n_beats,
        duration_s=10.0,
        st_certain=st_certain,
    )


def said(c: Context) -> set[str]:
    return {s.code for s in interpret(c)}


def st(**levels: float) -> dict[str, dict[str, float]]:
    """ST levels by lead (m_aVR for aVR is plain aVR), flat elsewhere, at J and after."""
    return {
        lead: {code: levels.get(lead, 0.0) for code in ("st_j_mv", "st_j40_mv", "st_j60_mv", "st_j80_mv")}
        for lead in STANDARD_LEADS
    }


def test_plain_sinus_rhythm_says_that_and_nothing_else():
    assert said(context()) == {"sinus_rhythm"}


@pytest.mark.parametrize(
    ("measured", "code", "holds"),
    [
        ({"heart_rate_bpm": 59.9}, "sinus_bradycardia", True),
        ({"heart_rate_bpm": 60.0}, "sinus_bradycardia", False),
        ({"heart_rate_bpm": 100.0}, "sinus_tachycardia", False),
        ({"heart_rate_bpm": 100.1}, "sinus_tachycardia", True),
        ({"pr_ms": 219.9}, "av_block_1", False),
        ({"pr_ms": 220.0}, "av_block_1", True),
        ({"pr_ms": 240.0, "pr_most_leads_ms": 199.9}, "av_block_1", False),
        ({"pr_ms": 220.0, "pr_most_leads_ms": 200.0}, "av_block_1", True),
        ({"qrs_ms": 119.9}, "wide_qrs", False),
        ({"qrs_ms": 120.0}, "wide_qrs", True),
        ({"qrs_axis_deg": -35.0}, "axis_left", False),
        ({"qrs_axis_deg": -35.1}, "axis_left", True),
        ({"qrs_axis_deg": 95.0}, "axis_right", False),
        ({"qrs_axis_deg": 95.1}, "axis_right", True),
        ({"qrs_axis_deg": -95.0}, "axis_extreme", True),
        ({"qtc_fridericia_ms": 459.9}, "qt_prolonged", False),
        ({"qtc_fridericia_ms": 460.0}, "qt_prolonged", True),
        ({"pause_s": 2.9}, "pause", False),
        ({"pause_s": 3.0}, "pause", True),
        ({"pause_s": 4.0}, "asystole", True),
    ],
)
def test_thresholds(measured, code, holds):
    assert (code in said(context(**measured))) is holds


@pytest.mark.parametrize(("sex", "holds"), [("F", False), ("M", True), (None, False)])
def test_qtc_of_465_is_long_in_men_only(sex, holds):
    """The limits are 460 ms in women and 450 ms in men; 10 ms above them a measured one is beyond its error."""
    c = context(qtc_fridericia_ms=465.0, patient=Patient(age_years=50, sex=sex))
    assert ("qt_prolonged" in said(c)) is holds


def test_wide_qrs_silences_qt():
    assert "qt_prolonged" not in said(context(qrs_ms=150.0, qtc_fridericia_ms=520.0))


#: Fourth Universal Definition: J in V2-V3 from 0.25 mV (men under 40), 0.2 mV (men from 40), 0.15 mV (women); 0.1 mV in
#: the other leads.
@pytest.mark.parametrize(
    ("age", "sex", "level", "holds"),
    [
        (30, "M", 0.24, False), (30, "M", 0.25, True), (45, "M", 0.19, False), (45, "M", 0.20, True),
        (45, "F", 0.14, False), (45, "F", 0.15, True), (30, "F", 0.15, True), (None, "M", 0.2, False),
        (None, None, 0.2, False), (None, None, 0.25, True),
    ],
)  # fmt: skip
def test_st_elevation_in_v2_v3_by_age_and_sex(age, sex, level, holds):
    c = context(by_lead=st(V2=level, V3=level), patient=Patient(age_years=age, sex=sex))
    assert ("st_elevation" in said(c)) is holds


@pytest.mark.parametrize(
    ("leads", "holds"),
    [
        (("II", "III"), False), (("II", "aVF"), True), (("III", "aVF"), True), (("I", "aVL"), True),
        (("V4", "V5"), True), (("V4", "V6"), False), (("V6", "I"), False), (("II",), False),
    ],
)  # fmt: skip
def test_st_elevation_needs_two_contiguous_leads(leads, holds):
    found = said(context(by_lead=st(**dict.fromkeys(leads, 0.12))))
    assert ("st_elevation" in found) is holds


def test_what_ends_with_the_qrs_is_no_st_elevation():
    by_lead = st()
    for lead in ("II", "aVF"):
        by_lead[lead]["st_j_mv"] = 0.2
    assert "st_elevation" not in said(context(by_lead=by_lead))


def test_inferior_elevation_with_reciprocal_depression_is_critical():
    c = context(by_lead=st(II=0.15, III=0.2, aVF=0.17, I=-0.06, aVL=-0.12))
    found = interpret(c)
    assert {"st_elevation_mi", "infarction_inferior"} == {s.code for s in found} - {"sinus_rhythm"}
    assert {s.age for s in found} == {None, "acute"}
    mi = next(s for s in found if s.code == "st_elevation_mi")
    assert set(mi.leads) == {"II", "III", "aVF"}
    assert {e.lead for e in mi.evidence} == {"II", "III", "aVF", "I", "aVL"}
    assert judge_urgency(c, found, judged=()).level == "critical"


def test_unknown_filters_make_st_probable():
    c = context(by_lead=st(II=0.15, aVF=0.17), st_certain=False)
    assert {s.certainty for s in interpret(c) if s.code == "st_elevation"} == {"probable"}


def test_st_is_not_judged_in_wide_or_paced_beats():
    by_lead = st(V1=0.3, V2=0.4, V3=0.4)
    assert not {"st_elevation", "st_elevation_mi"} & said(context(by_lead=by_lead, qrs_ms=150.0))
    assert "st_elevation" not in said(context(by_lead=by_lead, kinds="Q" * 12, n_pacing_spikes=12.0))


FIBRILLATING = {
    "without": ("pr_ms", "p_axis_deg", "p_duration_ms"), "rr_change_percent": 18.0, "pr_spread_ms": 60.0,
    "rr_irregularity_percent": 20.0, "fibrillation_percent": 95.0,
}  # fmt: skip


def test_irregular_without_p_is_fibrillation_not_sinus():
    found = said(context(**FIBRILLATING))
    assert "atrial_fibrillation" in found
    assert not found & {"sinus_rhythm", "sinus_arrhythmia", "av_block_1", "undetermined_rhythm"}


def test_regular_without_p_is_undetermined():
    found = said(context(without=("pr_ms", "p_axis_deg", "p_duration_ms"), pr_spread_ms=50.0))
    assert "undetermined_rhythm" in found and "sinus_rhythm" not in found


def test_p_of_another_axis_is_not_called_sinus():
    assert "sinus_rhythm" not in said(context(p_axis_deg=-80.0))


def test_two_beats_name_no_rhythm():
    assert not said(context(n_beats=2)) & {"sinus_rhythm", "undetermined_rhythm", "atrial_fibrillation"}


def test_paced_rhythm_silences_what_the_ventricles_did_not_choose():
    found = said(context(kinds="Q" * 12, n_pacing_spikes=12.0, qrs_ms=170.0, qrs_axis_deg=-70.0))
    assert found == {"paced_rhythm"}


def test_exchanged_arms_are_said_and_the_axis_is_not():
    by_lead = {
        "I": {"p_mv": -0.1, "s_mv": -0.8, "r_mv": 0.05, "t_mv": -0.2, "qrs_pp_mv": 0.85},
        "aVR": {"r_mv": 0.5, "s_mv": -0.1, "qrs_pp_mv": 0.6},
        "V6": {"r_mv": 1.0, "s_mv": -0.1, "qrs_pp_mv": 1.1},
    }
    found = said(context(by_lead=by_lead, qrs_axis_deg=130.0))
    assert "lead_reversal" in found and "axis_right" not in found


LOGITS = {"swap_arms_logit": -4.0, "swap_arm_leg_logit": -6.0, "mirrored_heart_logit": -5.0}


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ({}, None),
        ({"swap_arms_logit": 1.0}, "lead_reversal"),
        ({"swap_arm_leg_logit": 1.0}, "lead_reversal"),
        ({"mirrored_heart_logit": 3.0}, "dextrocardia"),
        # It is rarer: about as likely by its shape, it is the arms.
        ({"swap_arms_logit": 2.0, "mirrored_heart_logit": 3.0}, "lead_reversal"),
        ({"swap_arms_logit": 2.0, "mirrored_heart_logit": 5.0}, "dextrocardia"),
    ],
)
def test_the_likeliest_of_exchanged_arms_and_a_mirrored_heart_is_said(logits, expected):
    found = said(context(qrs_axis_deg=130.0, **{**LOGITS, **logits}))
    assert found & {"lead_reversal", "dextrocardia"} == ({expected} if expected else set())
    assert ("axis_right" in found) == (expected is None)


def test_paced_beats_say_nothing_of_electrodes():
    high = dict.fromkeys(LOGITS, 9.0)
    found = said(context(kinds="Q" * 12, n_pacing_spikes=12.0, by_lead={"V1": {"swap_logit": 9.0}}, **high))
    assert found == {"paced_rhythm"}


def test_isoelectric_limb_lead_with_a_t_wave_is_not_between_the_legs():
    flat = {name: {"qrs_pp_mv": 1.0, "p_mv": 0.1, "t_mv": 0.3} for name in ("I", "II")}
    for t_mv, expected in ((0.01, True), (0.1, False)):
        found = said(context(by_lead={**flat, "III": {"qrs_pp_mv": 0.05, "p_mv": 0.005, "t_mv": t_mv}}))
        assert ("leg_electrode_reversal" in found) is expected


def test_infants_rate_of_150_is_normal_and_an_adults_is_critical():
    child, adult = Patient(age_years=0.5), Patient(age_years=50)
    assert "sinus_rhythm" in said(context(heart_rate_bpm=150.0, rr_ms=400.0, patient=child))
    one, other = (context(heart_rate_bpm=150.0, rr_ms=400.0, patient=p) for p in (child, adult))
    assert judge_urgency(one, interpret(one), judged=()).level == "routine"
    assert judge_urgency(other, interpret(other), judged=()).level == "critical"


def test_reasons_to_record_again_never_lower_the_level():
    c = context(by_lead=st(II=0.15, III=0.2, aVF=0.17, aVL=-0.12), bad=("V3",))
    urgency = judge_urgency(c, interpret(c), judged=("few_usable_leads",))
    assert urgency.level == "critical" and "lead_flat" in urgency.repeat_recording


def test_what_cannot_be_judged_is_unscored():
    c = context()
    assert judge_urgency(c, (), judged=("too_short",)).level == "unscored"


def test_every_rule_says_its_own_code_and_every_level_is_of_a_known_code():
    assert {r.code for r in RULES} <= set(statements())
    assert set(STATEMENT_LEVELS) <= set(statements())
    assert set(STATEMENT_LEVELS.values()) <= set(LEVELS)


FLUTTER = {
    "fast_ventricular_percent": 97.0, "fast_ventricular_s": 4.0, "fast_ventricular_bpm": 250.0,
    "ventricular_evenness_percent": 80.0, "usual_beat_percent": 60.0, "vf_leakage_percent": 30.0,
}  # fmt: skip


#: The VF filter's threshold is 0.406 (Amann et al. 2005, table 1).
@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"vf_leakage_percent": 40.6}, "ventricular_fibrillation"),
        ({"vf_leakage_percent": 40.7}, "ventricular_tachycardia"),
        ({"fast_ventricular_bpm": 149.0}, "ventricular_tachycardia"),
    ],
)
def test_fast_rhythms_of_the_ventricles_are_critical_and_one_of_the_two(measured, code):
    c = context(**(FLUTTER | measured))
    assert said(c) & {"ventricular_fibrillation", "ventricular_tachycardia"} == {code}
    assert judge_urgency(c, interpret(c), judged=()).level == "critical"


def test_flutter_throughout_leaves_no_sinus_rhythm():
    assert "sinus_rhythm" in said(context(**FLUTTER))
    assert "sinus_rhythm" not in said(context(**(FLUTTER | {"fast_ventricular_s": 8.0})))


def test_usual_beats_that_are_narrow_or_led_by_p_waves_or_not_fast_are_no_tachycardia():
    usual = FLUTTER | {"usual_beat_percent": 98.0, "fast_ventricular_bpm": 120.0, "vf_leakage_percent": 60.0}
    assert "ventricular_tachycardia" not in said(context(**usual, heart_rate_bpm=118.0))
    assert "ventricular_tachycardia" not in said(context(**usual, heart_rate_bpm=118.0, without=("pr_ms",)))
    usual |= {"qrs_ms": 140.0}
    assert "ventricular_tachycardia" in said(context(**usual, heart_rate_bpm=118.0, without=("pr_ms",)))
    slow = usual | {"fast_ventricular_bpm": 98.0}
    assert "ventricular_tachycardia" not in said(context(**slow, heart_rate_bpm=97.0, without=("pr_ms",)))


#: AHA/ACC/HRS 2017: three beats or more.
@pytest.mark.parametrize(("n_beats", "holds"), [(2.0, False), (3.0, True)])
def test_three_ventricular_beats_are_a_run(n_beats, holds):
    c = context(ventricular_run_beats=n_beats, ventricular_run_bpm=120.0)
    assert ("ventricular_run" in said(c)) is holds
    assert judge_urgency(c, interpret(c), judged=()).level == ("urgent" if holds else "routine")


@pytest.mark.parametrize(
    ("measured", "level"),
    [
        ({}, "routine"), ({"rr_change_percent": 9.0}, "unscored"), ({"qrs_ms": 125.0}, "unscored"),
        ({"heart_rate_bpm": 110.0}, "urgent"), ({"heart_rate_bpm": 55.0}, "urgent"), ({"n_beats": 4}, "unscored"),
    ],
)  # fmt: skip
def test_a_rhythm_of_unknown_origin_waits_only_where_it_is_calm(measured, level):
    unknown = {"without": ("pr_ms", "p_axis_deg", "p_duration_ms"), "p_share_percent": 50.0, "pr_spread_ms": 40.0}
    c = context(**(unknown | measured))
    assert "undetermined_rhythm" in said(c)
    assert judge_urgency(c, interpret(c), judged=()).level == level


#: One basic rhythm only.
BASIC = {
    "sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "atrial_fibrillation", "atrial_flutter", "atrial_rhythm",
    "junctional_rhythm", "accelerated_junctional_rhythm", "supraventricular_tachycardia", "undetermined_rhythm",
    "idioventricular_rhythm", "accelerated_idioventricular_rhythm",
}  # fmt: skip
#: No report may say two of one group.
EXCLUSIVE = (
    {"ventricular_fibrillation", "ventricular_tachycardia", "ventricular_run"},
    {"ventricular_fibrillation", "atrial_fibrillation"},
    {"ventricular_fibrillation", "undetermined_rhythm"},
    {"ventricular_fibrillation", "tachycardia"},
    {"ventricular_fibrillation", "bradycardia"},
    {"ventricular_fibrillation", "rbbb_complete", "lbbb_complete", "wide_qrs"},
    {"ventricular_tachycardia", "undetermined_rhythm"},
    {"ventricular_tachycardia", "premature_ventricular_complex"},
    BASIC,
    # The atria may fibrillate under a pacemaker.
    BASIC - {"atrial_fibrillation"} | {"paced_rhythm"},
    {"rbbb_complete", "lbbb_complete", "ivcd", "wide_qrs", "paced_rhythm"},
    {"axis_left", "axis_right", "axis_extreme", "lead_reversal", "dextrocardia"},
    {"axis_left", "axis_right", "axis_extreme", "leg_electrode_reversal"},
    {"lead_reversal", "leg_electrode_reversal"},
    {"st_elevation", "st_elevation_mi"},
    {"asystole", "pause"},
    {"bradycardia", "tachycardia", "sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia"},
    {"atrial_fibrillation", "av_block_1"},
    {"atrial_flutter", "av_block_1"},
    {"atrial_fibrillation", "premature_atrial_complex"},
    {"atrial_flutter", "premature_atrial_complex"},
    {"tachycardia", "supraventricular_tachycardia"},
    {
        "av_block_1",
        "av_block_2_mobitz_1",
        "av_block_2_mobitz_2",
        "av_block_2_advanced",
        "av_block_3",
        "av_dissociation",
    },
    {"av_block_2_to_1", "av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_2_advanced", "av_block_3"},
    {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "av_block_3"},
    {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "av_dissociation"},
    {"atrial_flutter", "av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_2_to_1", "av_block_3"},
    {"ventricular_tachycardia", "av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_3"},
    {"sinus_arrhythmia", "sinus_pause"},
    {"atrial_fibrillation", "sinus_arrhythmia"},
)


def test_statements_that_exclude_each_other_never_meet(rng):
    """Over random measurements, any of which may be absent."""
    ranges = {
        "heart_rate_bpm": (20, 250), "rr_ms": (240, 3000), "rr_min_ms": (200, 1000), "rr_cv_percent": (0, 40),
        "rr_change_percent": (0, 40), "p_share_percent": (0, 100), "pr_spread_ms": (0, 80), "pr_ms": (80, 400),
        "p_axis_deg": (-180, 180), "qrs_ms": (60, 220), "qt_ms": (250, 600), "qtc_fridericia_ms": (330, 600),
        "qrs_axis_deg": (-180, 180), "pause_s": (0.3, 8), "n_pacing_spikes": (1, 20),
        "swap_arms_logit": (-8, 6), "swap_arm_leg_logit": (-8, 6), "mirrored_heart_logit": (-8, 6),
        "ventricular_run_beats": (2, 12), "ventricular_run_bpm": (100, 250),
        "rr_max_ms": (400, 4000), "p_coherence_percent": (0, 100), "rr_irregularity_percent": (0, 30),
        "fibrillation_percent": (0, 100), "f_wave_percent": (5, 70), "f_wave_bpm": (240, 570),
        "flutter_evenness_percent": (0, 100), "flutter_bpm": (210, 375), "flutter_ratio": (1, 5),
        "n_premature_atrial": (1, 5), "n_premature_ventricular": (1, 5), "n_ventricular_couplets": (1, 3),
        "ventricular_bigeminy_beats": (2, 6), "ventricular_trigeminy_beats": (2, 5), "n_atrial_couplets": (1, 2),
        "atrial_bigeminy_beats": (2, 5), "atrial_run_longest_beats": (3, 6),
        "pp_ms": (330, 1500), "atrial_bpm": (40, 220), "n_p_without_qrs": (1, 8), "n_blocked_p": (1, 8),
        "blocked_in_a_row": (1, 3), "conducted_in_a_row": (1, 5), "p_to_r_before_block_ms": (100, 400),
        "p_to_r_after_block_ms": (100, 400), "p_to_r_range_ms": (0, 500), "p_noise_mv": (0, 0.08),
    }  # fmt: skip
    fast = {
        "fast_ventricular_percent": (50, 100), "fast_ventricular_s": (2.5, 10), "fast_ventricular_bpm": (0, 375),
        "ventricular_evenness_percent": (0, 100), "usual_beat_percent": (0, 100), "vf_leakage_percent": (10, 90),
    }  # fmt: skip
    amplitudes = {"p_mv": (-0.3, 0.3), "q_mv": (-1, 0), "r_mv": (0, 2), "s_mv": (-2, 0), "t_mv": (-1, 1)}
    for _ in range(3000):
        overall = {k: float(rng.uniform(*v)) for k, v in ranges.items() if rng.random() < 0.85}
        # QTc is made of QT and RR, and paced beats of spikes: they are never without them.
        overall |= {"rr_ms": 800.0, "qt_ms": 400.0, "n_pacing_spikes": 12.0}
        # What is said of a fast stretch is measured together.
        if rng.random() < 0.5:
            overall |= {k: float(rng.uniform(*v)) for k, v in fast.items()}
        by_lead = {}
        for lead in STANDARD_LEADS:
            values = {k: float(rng.uniform(*v)) for k, v in amplitudes.items() if rng.random() < 0.8}
            values["qrs_pp_mv"] = values.get("r_mv", 0.0) - values.get("s_mv", 0.0)
            level = float(rng.normal(0, 0.1))
            values |= {"st_j_mv": level, "st_j60_mv": level}
            by_lead[lead] = values
        c = context(
            by_lead=by_lead,
            without=set(ranges) - set(overall),
            kinds=rng.choice(["N", "N", "N", "S", "V", "Q"], 12),
            patient=Patient(age_years=float(rng.uniform(0, 90)), sex=rng.choice(["F", "M"])),
            **overall,
        )
        found = said(c)
        for group in EXCLUSIVE:
            assert len(found & group) <= 1, found & group


def test_rr_that_jumps_throughout_is_no_sinus_rhythm_whatever_stands_before_the_qrs():
    assert "sinus_rhythm" in said(context(rr_change_percent=24.0))
    assert "sinus_rhythm" not in said(context(rr_change_percent=26.0))
