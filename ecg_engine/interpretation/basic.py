"""Which basic rhythm there is: what the rules of all families ask. One answer at most is true of the main ones."""

from __future__ import annotations

from math import isnan, pi, sqrt
from statistics import median
from typing import Final

from ecg_engine.interpretation.context import Context, remembered
from ecg_engine.interpretation.ventricular import is_mostly_ventricular

#: A rhythm is named from so many beats.
MIN_BEATS: Final = 3
#: RR that changes by more than this from beat to beat (median), % of its mean, is no sinus rhythm, whatever stands
#: before the QRS: flutter waves pass for P.
SINUS_CHANGE_PERCENT: Final = 25.0
#: P axis of a sinus rhythm, degrees (ACC/AHA/HRS 2015: P upright in I, II and aVF, negative in aVR).
SINUS_P_AXIS_DEG: Final = (-30.0, 105.0)
#: A P wave smaller than this in I, II and aVF shows no direction, mV.
SMALL_P_MV: Final = 0.05
#: Fibrillation is said from this likelihood, %; from the second it is definite.
FIBRILLATION_PERCENT: Final = 40.0
SURE_FIBRILLATION_PERCENT: Final = 90.0
#: And where RR is irregular (root mean square change from beat to beat, %): conducted fibrillation is never regular.
IRREGULAR_PERCENT: Final = 6.0
#: The likelihood was fitted to twelve leads. In one lead alone noise hides P waves and passes for fibrillation waves:
#: there both must be higher. Chosen on every sixth strip of PhysioNet/CinC 2017 (1114; the optimum of F1 is flat from
#: 60 to 75 and from 10 to 12).
SINGLE_LEAD_FIBRILLATION_PERCENT: Final = 65.0
SINGLE_LEAD_IRREGULAR_PERCENT: Final = 11.0
#: Under a pacemaker RR says nothing: there the waves must have a fibrillation's rate, per minute (atrial cycles
#: shorter than 200 ms), stand out so far, % of the power without QRS and T (nine in ten records without
#: fibrillation have less than 28), and no P be alike before the QRS.
FIBRILLATION_BPM: Final = 300.0
PACED_F_WAVE_PERCENT: Final = 30.0
#: P of a sinus rhythm stands at so even a distance before QRS, ms (median absolute deviation, chosen): flutter waves
#: pass for P, and shift against it.
TIGHT_SPREAD_MS: Final = 10.0
#: Flutter waves are so like each other, %; from the second on even beside what passes for sinus P waves.
FLUTTER_EVEN_PERCENT: Final = 50.0
SURE_FLUTTER_PERCENT: Final = 75.0
#: Their rate per minute: 240 to 340, slower under drugs (ACC/AHA/HRS 2015, table 4) ...
FLUTTER_BPM: Final = (220.0, 350.0)
#: ... and against that of the ventricles.
LEAST_FLUTTER_RATIO: Final = 1.5
#: A rhythm is regular where RR changes from beat to beat by less than this (median), %.
REGULAR_PERCENT: Final = 5.0
#: They stand evenly where so many beats have one, %, its distance varies by so much at most, ms, and it is so alike, %.
EVEN_SHARE_PERCENT: Final = 75.0
EVEN_SPREAD_MS: Final = 20.0
EVEN_COHERENCE_PERCENT: Final = 60.0
#: P waves are missing where so few of the beats have one, %, or what stands there is so unlike, %.
NO_P_SHARE_PERCENT: Final = 30.0
NO_P_COHERENCE_PERCENT: Final = 30.0
#: In more noise than this nothing tells that there is no P wave, mV: above what passes as noise
#: (`LeadQuality.noise_mv`, median of the leads), or between the beats before the QRS (`p_noise_mv`). Of 136 records of
#: PTB-XL with P waves those of one vanish in added white noise of 0.01 mV, of three in 0.02, of seven in 0.05. Between
#: the beats 95 % of records in sinus rhythm have less than 0.010 mV, with noise of 0.5 to 8 Hz and 0.02 mV in each lead
#: 0.012 to 0.016.
NO_P_NOISE_MV: Final = 0.015
#: Fibrillation waves themselves differ by up to 0.020 mV there; above this it is noise, and hides P waves as in one
#: lead.
FIBRILLATION_NOISE_MV: Final = 0.03


@remembered
def is_paced(c: Context) -> bool:
    """Return whether at least half of the beats follow a pacing spike."""
    kinds = c.beats.kinds
    return kinds is not None and len(kinds) > 0 and bool((kinds == "Q").sum() * 2 >= len(kinds))


def has_p(c: Context) -> bool:
    """Return whether P waves stand evenly before the QRS, so that PR was measured."""
    return c.get("pr_ms") is not None


def stands_even(c: Context) -> bool:
    """Return whether P waves stand evenly before most QRS complexes, whether or not PR could be measured."""
    if has_p(c):
        return True
    share, spread, alike = c.get("p_share_percent"), c.get("pr_spread_ms"), c.get("p_coherence_percent")
    if share is None or spread is None or alike is None:
        return False
    return share >= EVEN_SHARE_PERCENT and spread <= EVEN_SPREAD_MS and alike >= EVEN_COHERENCE_PERCENT


def _lead_noise_mv(c: Context) -> float:
    """Return the usual noise of the leads above 35 Hz, mV; 0 where none is known."""
    known = [mv for name in c.quality.usable_leads if not isnan(mv := c.quality.by_lead[name].noise_mv)]
    return median(known) if known else 0.0


def _between_beats_mv(c: Context) -> float:
    """Return how far beats differ before the QRS, RMS in mV; 0 where it is not known."""
    return c.get("p_noise_mv") or 0.0


def noise_around_p_mv(c: Context) -> float:
    """Return the noise in which P waves are sought, of either band, RMS in mV; 0 where none is known."""
    return max(_between_beats_mv(c), _lead_noise_mv(c))


def would_show_p(c: Context) -> bool:
    """Return whether noise is so low that P waves, if there were any, would be seen."""
    return noise_around_p_mv(c) <= NO_P_NOISE_MV


def may_hide_p(c: Context) -> bool:
    """Return whether noise may be why no P waves were found; fibrillation and flutter waves are none."""
    return not (has_p(c) or would_show_p(c) or is_fibrillation(c) or is_flutter(c))


def shows_p_axis(c: Context) -> bool:
    """Return whether a P wave that shows a direction is twice the noise that the median beat has left."""
    return 2.0 * sqrt(pi / 2.0 / max(1, c.n_beats_in_median)) * _lead_noise_mv(c) <= SMALL_P_MV


def has_no_p(c: Context) -> bool:
    """Return whether P waves would be seen and are not there; noise makes those of one lead alone unlike."""
    share, alike = c.get("p_share_percent"), c.get("p_coherence_percent")
    if share is None or has_p(c) or not would_show_p(c):
        return False
    if is_single_lead(c):
        return share <= NO_P_SHARE_PERCENT
    return share <= NO_P_SHARE_PERCENT or (alike is not None and alike <= NO_P_COHERENCE_PERCENT)


def is_regular(c: Context) -> bool:
    """Return whether RR stays the same from beat to beat."""
    change = c.get("rr_change_percent")
    return change is not None and change < REGULAR_PERCENT


def is_narrow(c: Context) -> bool:
    """Return whether QRS is narrow for the age."""
    width = c.get("qrs_ms")
    return width is not None and width < c.limits.qrs_wide_ms


@remembered
def has_sinus_p(c: Context) -> bool:
    """Return whether P waves of a sinus axis stand evenly before the QRS."""
    axis = c.get("p_axis_deg")
    if not stands_even(c) or axis is None:
        return stands_even(c)
    inverted = any((c.get("p_mv", lead) or 0.0) <= -SMALL_P_MV for lead in ("I", "II", "aVF"))
    return SINUS_P_AXIS_DEG[0] <= axis <= SINUS_P_AXIS_DEG[1] or not (inverted or c.get("p_mv", "II") is None)


@remembered
def is_flutter(c: Context) -> bool:
    """Return whether even waves at a flutter's rate go on between the QRS complexes."""
    even, rate, ventricles = c.get("flutter_evenness_percent"), c.get("flutter_bpm"), c.get("heart_rate_bpm")
    if even is None or rate is None or ventricles is None or len(c.beats.r_peaks) < MIN_BEATS:
        return False
    if not FLUTTER_BPM[0] <= rate <= FLUTTER_BPM[1] or rate < LEAST_FLUTTER_RATIO * ventricles:
        return False
    if is_mostly_ventricular(c) or is_paced(c):
        return False
    axis = c.get("p_axis_deg")
    upright = axis is None or SINUS_P_AXIS_DEG[0] <= axis <= SINUS_P_AXIS_DEG[1]
    tight = (c.get("pr_spread_ms") or 0.0) <= TIGHT_SPREAD_MS and upright
    like_sinus = tight and has_sinus_p(c) and (c.get("rr_change_percent") or 0.0) <= SINUS_CHANGE_PERCENT
    return even >= (SURE_FLUTTER_PERCENT if like_sinus else FLUTTER_EVEN_PERCENT)


@remembered
def is_fibrillation(c: Context) -> bool:
    """Return whether the atria fibrillate: RR, P and the waves between the QRS complexes say so together."""
    if len(c.beats.r_peaks) < 2 * MIN_BEATS or is_flutter(c) or is_mostly_ventricular(c):
        return False
    likely, irregular = c.get("fibrillation_percent"), c.get("rr_irregularity_percent")
    if likely is not None and irregular is not None and likely >= fibrillation_percent(c):
        return irregular >= (SINGLE_LEAD_IRREGULAR_PERCENT if needs_clearer_fibrillation(c) else IRREGULAR_PERCENT)
    return fibrillates_under_pacing(c)


def is_single_lead(c: Context) -> bool:
    """Return whether one lead alone can be used."""
    return len(c.quality.usable_leads) == 1


def needs_clearer_fibrillation(c: Context) -> bool:
    """Return whether noise may pass for fibrillation waves: one lead alone, or beats that differ by more than these."""
    return is_single_lead(c) or _between_beats_mv(c) > FIBRILLATION_NOISE_MV


def fibrillation_percent(c: Context) -> float:
    """Return the likelihood from which fibrillation is said."""
    return SINGLE_LEAD_FIBRILLATION_PERCENT if needs_clearer_fibrillation(c) else FIBRILLATION_PERCENT


def fibrillates_under_pacing(c: Context) -> bool:
    """Return whether fibrillation waves stand out under paced beats."""
    waves, rate, alike = c.get("f_wave_percent"), c.get("f_wave_bpm"), c.get("p_coherence_percent")
    if waves is None or rate is None or alike is None or not is_any_paced(c):
        return False
    return waves >= PACED_F_WAVE_PERCENT and rate >= FIBRILLATION_BPM and alike <= NO_P_COHERENCE_PERCENT


@remembered
def is_any_paced(c: Context) -> bool:
    """Return whether any beat follows a pacing spike, or the patient has a pacemaker and the QRS is wide."""
    kinds = c.beats.kinds
    if kinds is not None and bool((kinds == "Q").any()):
        return True
    return bool(c.patient.pacemaker) and c.get("qrs_ms") is not None and not is_narrow(c)


@remembered
def is_sinus(c: Context) -> bool:
    """Return whether P waves of a sinus axis stand before the QRS, one for each."""
    if len(c.beats.r_peaks) < MIN_BEATS or is_paced(c) or not has_sinus_p(c) or is_mostly_ventricular(c):
        return False
    if (c.get("rr_change_percent") or 0.0) > SINUS_CHANGE_PERCENT:
        return False
    return not is_flutter(c) and not is_fibrillation(c)
