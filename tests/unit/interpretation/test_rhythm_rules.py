"""Rules of rhythm at their limits."""

from __future__ import annotations

import dataclasses

import pytest

from ecg_engine.interpretation import interpret, judge_urgency
from ecg_engine.types import LeadQuality, Patient, Quality
from tests.unit.interpretation.test_rules import FIBRILLATING, context, said

PVC = {
    "n_premature_ventricular": 2.0, "premature_ventricular_rr_ms": 500.0,
    "premature_ventricular_pause_percent": 100.0, "premature_ventricular_qrs_ms": 150.0,
}  # fmt: skip
PAC = {"n_premature_atrial": 1.0, "premature_atrial_rr_ms": 500.0, "premature_atrial_pause_percent": 85.0}


def test_premature_beats_of_either_kind_leave_the_sinus_rhythm():
    assert said(context(**PVC)) == {"sinus_rhythm", "premature_ventricular_complex"}
    assert said(context(**PAC)) == {"sinus_rhythm", "premature_atrial_complex"}


def test_in_fibrillation_ventricular_beats_are_said_and_atrial_ones_are_not():
    found = said(context(**FIBRILLATING, **PVC, **PAC))
    assert "premature_ventricular_complex" in found and "premature_atrial_complex" not in found


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"ventricular_bigeminy_beats": 3.0}, "ventricular_bigeminy"),
        ({"ventricular_trigeminy_beats": 3.0}, "ventricular_trigeminy"),
        ({"n_ventricular_couplets": 1.0}, "ventricular_couplet"),
    ],
)
def test_order_of_ventricular_beats(measured, code):
    assert code in said(context(**PVC, **measured))
    less = {k: v - 1 for k, v in measured.items()}
    assert code not in said(context(**PVC, **less))


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"atrial_bigeminy_beats": 3.0}, "atrial_bigeminy"),
        ({"n_atrial_couplets": 1.0}, "atrial_couplet"),
        ({"atrial_run_longest_beats": 3.0}, "atrial_run"),
    ],
)
def test_order_of_atrial_beats(measured, code):
    assert code in said(context(**PAC, **measured))
    assert code not in said(context(**measured)), "nothing without the beats themselves"


FLUTTER = {"flutter_evenness_percent": 85.0, "flutter_bpm": 280.0, "flutter_ratio": 2.0, "heart_rate_bpm": 140.0,
           "p_axis_deg": -90.0}  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "holds"),
    [
        ({}, True),
        ({"flutter_bpm": 219.0}, False),
        ({"flutter_bpm": 351.0}, False),
        ({"flutter_evenness_percent": 49.0}, False),
        # 280 deflections a minute of ventricles at 190 are no flutter.
        ({"heart_rate_bpm": 190.0}, False),
        # What passes for a sinus P needs more proof.
        ({"p_axis_deg": 50.0, "flutter_evenness_percent": 74.0}, False),
        ({"p_axis_deg": 50.0, "flutter_evenness_percent": 76.0}, True),
    ],
)
def test_flutter(measured, holds):
    found = said(context(**(FLUTTER | measured)))
    assert ("atrial_flutter" in found) is holds
    assert not (holds and found & {"sinus_rhythm", "sinus_tachycardia", "supraventricular_tachycardia", "av_block_1"})


@pytest.mark.parametrize(("irregular", "likely", "holds"), [(6.0, 40.0, True), (5.9, 99.0, False), (20.0, 39.0, False)])
def test_fibrillation_needs_irregular_beats_and_its_likelihood(irregular, likely, holds):
    measured = FIBRILLATING | {"rr_irregularity_percent": irregular, "fibrillation_percent": likely}
    assert ("atrial_fibrillation" in said(context(**measured))) is holds


def test_under_a_pacemaker_fibrillation_is_told_by_its_waves():
    paced = {"kinds": "Q" * 12, "n_pacing_spikes": 12.0, "without": ("pr_ms", "p_axis_deg"), "f_wave_bpm": 380.0}
    found = context(**paced, f_wave_percent=45.0, p_coherence_percent=20.0)
    assert said(found) == {"paced_rhythm", "atrial_fibrillation"}
    assert said(context(**paced, f_wave_percent=45.0, p_coherence_percent=60.0)) == {"paced_rhythm"}
    assert said(context(**paced, f_wave_percent=29.0, p_coherence_percent=20.0)) == {"paced_rhythm"}


NO_P = {"without": ("pr_ms", "p_axis_deg", "p_duration_ms"), "p_share_percent": 10.0, "p_coherence_percent": 15.0,
        "pr_spread_ms": 50.0}  # fmt: skip


@pytest.mark.parametrize(
    ("bpm", "age", "code"),
    [(45.0, 55, "junctional_rhythm"), (80.0, 55, "accelerated_junctional_rhythm"),
     (160.0, 55, "supraventricular_tachycardia"), (230.0, 0.5, "supraventricular_tachycardia")],
)  # fmt: skip
def test_regular_and_narrow_without_p(bpm, age, code):
    c = context(**NO_P, heart_rate_bpm=bpm, rr_ms=60000 / bpm, patient=Patient(age_years=age, sex="M"), qrs_ms=75.0)
    found = said(c)
    assert code in found and "undetermined_rhythm" not in found


def test_irregular_or_wide_without_p_is_none_of_these():
    assert "undetermined_rhythm" in said(context(**NO_P, heart_rate_bpm=80.0, rr_change_percent=7.0))
    assert not {"junctional_rhythm", "supraventricular_tachycardia"} & said(context(**NO_P, qrs_ms=140.0))


@pytest.mark.parametrize(
    ("bpm", "code"),
    [(50.0, "idioventricular_rhythm"), (51.0, "accelerated_idioventricular_rhythm"), (101.0, "undetermined_rhythm")],
)
def test_regular_and_wide_without_p(bpm, code):
    assert code in said(context(**NO_P, heart_rate_bpm=bpm, rr_ms=60000 / bpm, qrs_ms=150.0))


WITHOUT_P = {
    "junctional_rhythm", "accelerated_junctional_rhythm", "supraventricular_tachycardia", "idioventricular_rhythm",
    "accelerated_idioventricular_rhythm",
}  # fmt: skip


@pytest.mark.parametrize("where", ["noise_mv", "p_noise_mv"])
@pytest.mark.parametrize(("bpm", "qrs_ms"), [(45.0, 75.0), (80.0, 75.0), (130.0, 75.0), (45.0, 150.0), (80.0, 150.0)])
def test_where_noise_would_hide_p_no_rhythm_without_p_is_said(bpm, qrs_ms, where):
    seen, hidden = (
        said(context(**NO_P, heart_rate_bpm=bpm, rr_ms=60000 / bpm, qrs_ms=qrs_ms, **{where: mv}))
        for mv in (0.01, 0.05)
    )
    assert seen & WITHOUT_P and "undetermined_rhythm" not in seen
    assert "undetermined_rhythm" in hidden and not hidden & WITHOUT_P


def test_noise_of_p_waves_passes_for_fibrillation_as_in_one_lead():
    """There RR must be as irregular, and the likelihood as high, as in one lead alone: 11 and 65 %."""
    uneven = NO_P | {"heart_rate_bpm": 80.0, "rr_change_percent": 9.0}
    for irregular, likely, noise, fibrillates in (
        (9.0, 95.0, 0.02, True), (9.0, 95.0, 0.06, False), (15.0, 95.0, 0.06, True),
        (15.0, 50.0, 0.02, True), (15.0, 50.0, 0.06, False),
    ):  # fmt: skip
        found = said(
            context(**uneven, rr_irregularity_percent=irregular, fibrillation_percent=likely, p_noise_mv=noise)
        )
        assert ("atrial_fibrillation" in found) is fibrillates, (irregular, likely, noise)
        assert ("undetermined_rhythm" in found) is not fibrillates


@pytest.mark.parametrize(("noise_mv", "n_beats", "shown"), [(0.03, 12, True), (0.1, 12, False), (0.1, 40, True)])
def test_noise_that_the_median_beat_keeps_gives_p_no_axis(noise_mv, n_beats, shown):
    """Of 12 beats a third of the noise is left (its standard error, 1.25 / sqrt(n)), of 40 a fifth."""
    c = context(p_axis_deg=-80.0, pr_ms=140.0, by_lead=inverted(-0.1), noise_mv=noise_mv, n_beats=n_beats)
    assert ("atrial_rhythm" in said(c)) is shown


def inverted(mv: float) -> dict[str, dict[str, float]]:
    return {lead: {"p_mv": mv} for lead in ("II", "III", "aVF")}


def test_inverted_p_comes_from_the_atria_or_the_junction_by_its_distance():
    assert "atrial_rhythm" in said(context(p_axis_deg=-80.0, pr_ms=140.0, by_lead=inverted(-0.1)))
    # A block is one wherever the atria begin (ACC/AHA/HRS 2018: each P conducted, PR above 200 ms).
    assert {"atrial_rhythm", "av_block_1"} <= said(context(p_axis_deg=-80.0, pr_ms=240.0, by_lead=inverted(-0.1)))
    assert "accelerated_junctional_rhythm" in said(context(p_axis_deg=-80.0, pr_ms=100.0, by_lead=inverted(-0.1)))
    assert "sinus_rhythm" in said(context(p_axis_deg=-80.0, pr_ms=140.0, by_lead=inverted(-0.02))), "it shows no axis"


@pytest.mark.parametrize(("longest", "holds"), [(2000.0, True), (1990.0, False)])
def test_sinus_pause(longest, holds):
    found = said(context(rr_max_ms=longest, rr_cv_percent=12.0))
    assert ("sinus_pause" in found) is holds and ("sinus_arrhythmia" in found) is not holds


BLOCKED = {
    "n_blocked_p": 2.0, "n_p_without_qrs": 2.0, "blocked_in_a_row": 1.0, "conducted_in_a_row": 3.0, "atrial_bpm": 80.0,
    "pp_ms": 750.0, "p_to_r_before_block_ms": 200.0, "p_to_r_after_block_ms": 200.0, "p_to_r_range_ms": 10.0,
    "heart_rate_bpm": 62.0, "rr_change_percent": 12.0, "rr_cv_percent": 30.0,
}  # fmt: skip

#: P and QRS each in its own way: P to R takes every value.
APART = {"p_to_r_range_ms": 300.0, "rr_change_percent": 1.0, "rr_cv_percent": 2.0, "pr_spread_ms": 90.0}


@pytest.mark.parametrize(
    ("measured", "code", "level"),
    [
        ({}, "av_block_2_mobitz_2", "critical"),
        ({"p_to_r_before_block_ms": 224.0}, "av_block_2_mobitz_2", "critical"),
        ({"p_to_r_before_block_ms": 225.0}, "av_block_2_mobitz_1", "urgent"),
        ({"conducted_in_a_row": 1.0}, "av_block_2_to_1", "urgent"),
        ({"conducted_in_a_row": 1.0, "blocked_in_a_row": 2.0}, "av_block_2_advanced", "critical"),
        (APART | {"heart_rate_bpm": 45.0}, "av_block_3", "critical"),
        (APART, "av_dissociation", "urgent"),
    ],
)  # fmt: skip
def test_av_block_of_the_second_and_third_degree(measured, code, level):
    c = context(**(BLOCKED | measured), without=("pr_ms",) if "pr_spread_ms" in measured else ())
    found = interpret(c)
    assert {s.code for s in found if s.code.startswith("av_")} == {code}
    assert judge_urgency(c, found, judged=()).level == level


def test_paced_beats_apart_from_p_are_no_complete_block():
    c = context(
        **(BLOCKED | APART | {"heart_rate_bpm": 50.0}), kinds="Q" * 12, n_pacing_spikes=12.0, without=("pr_ms",)
    )
    assert said(c) >= {"av_dissociation", "paced_rhythm"} and "av_block_3" not in said(c)


def test_a_p_wave_always_as_far_before_each_qrs_leads_it():
    """Complete block is the absence of any relation between P and QRS (ACC/AHA/HRS 2018)."""
    even = APART | {"heart_rate_bpm": 45.0, "pr_spread_ms": 10.0, "p_share_percent": 100.0, "p_coherence_percent": 90.0}
    found = said(context(**(BLOCKED | even), without=("pr_ms",)))
    assert not found & {"av_block_3", "av_dissociation"}


def _single(c):
    lead = LeadQuality(usable=True)
    return dataclasses.replace(c, quality=Quality(by_lead={"I": lead}, acceptable=True), leads=("I",))


@pytest.mark.parametrize(
    ("rr", "said_block"),
    # The other P stands RR - PP - PR behind R: 100 ms behind the end of T (QT 400) at most it may be T or U.
    [(1020.0, False), (1440.0, False), (1460.0, True)],
)
def test_in_one_lead_what_stands_on_t_or_u_proves_no_block(rr, said_block):
    measured = BLOCKED | {"rr_ms": rr, "qt_ms": 400.0}
    assert any(code.startswith("av_block_2") for code in said(context(**measured))), "other leads tell P from T"
    assert any(code.startswith("av_block_2") for code in said(_single(context(**measured)))) is said_block


@pytest.mark.parametrize(
    ("irregular", "likely", "twelve", "one"),
    [(6.0, 40.0, True, False), (11.0, 64.0, True, False), (10.9, 99.0, True, False), (11.0, 65.0, True, True)],
)
def test_one_lead_needs_more_proof_of_fibrillation(irregular, likely, twelve, one):
    c = context(**(FIBRILLATING | {"rr_irregularity_percent": irregular, "fibrillation_percent": likely}))
    assert ("atrial_fibrillation" in said(c)) is twelve
    assert ("atrial_fibrillation" in said(_single(c))) is one


@pytest.mark.parametrize(("rate", "one", "twelve"), [(55.0, "routine", "urgent"), (49.0, "urgent", "urgent")])
def test_a_calm_slow_rhythm_whose_p_one_lead_hides_does_not_press(rate, one, twelve):
    slow = {"heart_rate_bpm": rate, "p_share_percent": 90.0, "p_coherence_percent": 20.0, "pr_spread_ms": 60.0}
    c = context(**slow, without=("pr_ms",))
    for chosen, level in ((_single(c), one), (c, twelve)):
        assert judge_urgency(chosen, interpret(chosen), judged=()).level == level


def test_an_atrial_rate_of_flutter_is_no_av_block():
    assert not {code for code in said(context(**(BLOCKED | {"atrial_bpm": 181.0}))) if code.startswith("av_")}


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"spike_to_r_ms": 80.0, "first_spike_to_r_ms": 80.0, "spikes_a_beat": 1.0}, "pacing_ventricular"),
        ({"spike_to_r_ms": 80.0, "first_spike_to_r_ms": 240.0, "spikes_a_beat": 2.0}, "pacing_dual"),
        ({"spike_to_r_ms": 200.0, "first_spike_to_r_ms": 200.0, "spikes_a_beat": 1.0, "qrs_ms": 90.0}, "pacing_atrial"),
    ],
)
def test_which_chamber_is_paced(measured, code):
    found = said(context(kinds="Q" * 12, **({"n_pacing_spikes": 12.0, "qrs_ms": 160.0} | measured)))
    assert {c for c in found if c.startswith("pac")} == {"paced_rhythm", code}


@pytest.mark.parametrize(("lost", "pacemaker", "holds"), [(1.0, True, False), (2.0, True, True), (2.0, None, False)])
def test_failure_to_capture(lost, pacemaker, holds):
    c = context(n_pacing_spikes=4.0, n_spikes_without_beat=lost, patient=Patient(age_years=70, pacemaker=pacemaker))
    assert ("pacing_failure_to_capture" in said(c)) is holds
