"""Rhythms of the atria and the AV junction: fibrillation, flutter, ectopic and junctional rhythm, tachycardia."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.basic import (
    FLUTTER_EVEN_PERCENT,
    MIN_BEATS,
    PACED_F_WAVE_PERCENT,
    SURE_FIBRILLATION_PERCENT,
    SURE_FLUTTER_PERCENT,
    fibrillation_percent,
    has_no_p,
    has_p,
    is_fibrillation,
    is_flutter,
    is_narrow,
    is_paced,
    is_regular,
    is_sinus,
    shows_p_axis,
)
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.over_time import fibrillation_over_time
from ecg_engine.interpretation.ventricular import is_mostly_ventricular
from ecg_engine.types import Evidence, Statement

#: From this rate a regular narrow rhythm without sinus P is a tachycardia that began above the ventricles, per minute:
#: adults (ACC/AHA/HRS 2015), children from 1 year and infants (Pediatric Advanced Life Support 2015). Between the limit
#: of the age and this rate it is possible.
SVT_BPM: Final = 150.0
SVT_CHILD_BPM: Final = 180.0
SVT_INFANT_BPM: Final = 220.0
#: Junctional escape up to this rate, accelerated up to the next, per minute; slower than 35 it is no junctional rhythm.
JUNCTION_BPM: Final = (35.0, 60.0)
ACCELERATED_BPM: Final = 100.0
#: An inverted P so shortly before the QRS comes from the AV junction, ms.
JUNCTION_PR_MS: Final = 120.0


def _facts(c: Context, codes: tuple[str, ...], source: str) -> tuple[Evidence, ...]:
    return tuple(fact(c, code, source=source) for code in codes if c.get(code) is not None)


@rule("rhythm")
def atrial_fibrillation(c: Context) -> Statement | None:
    """RR irregular throughout, no P waves alike and at an even distance before the QRS, fibrillation waves."""
    if not is_fibrillation(c):
        return None
    likely = c.get("fibrillation_percent")
    codes = ("rr_irregularity_percent", "p_coherence_percent", "pr_spread_ms", "f_wave_percent")
    least = fibrillation_percent(c)
    if likely is None or likely < least:
        waves = fact(c, "f_wave_percent", ">=", PACED_F_WAVE_PERCENT, source="bollmann_2006")
        evidence = (waves, *_facts(c, ("p_coherence_percent", "f_wave_bpm"), "bollmann_2006"))
        return Statement(code="atrial_fibrillation", certainty="possible", evidence=evidence)
    limit = fact(c, "fibrillation_percent", ">=", least, source="fitted_fibrillation")
    certainty = "definite" if likely >= SURE_FIBRILLATION_PERCENT else "probable"
    evidence = (limit, *_facts(c, codes, "esc_af_2020"), *fibrillation_over_time(c))
    return Statement(code="atrial_fibrillation", certainty=certainty, evidence=evidence)


@rule("rhythm")
def atrial_flutter(c: Context) -> Statement | None:
    """Even waves at 220 to 350 per minute between the QRS complexes, one of two or more conducted."""
    if not is_flutter(c):
        return None
    even = c.get("flutter_evenness_percent") or 0.0
    limit = fact(c, "flutter_evenness_percent", ">=", FLUTTER_EVEN_PERCENT, source="acc_svt_2015")
    evidence = (limit, *_facts(c, ("flutter_bpm", "flutter_ratio", "heart_rate_bpm"), "acc_svt_2015"))
    certainty = "definite" if even >= SURE_FLUTTER_PERCENT else "probable"
    return Statement(code="atrial_flutter", certainty=certainty, evidence=evidence)


def _svt_bpm(c: Context) -> float:
    age = c.patient.age_years
    if c.limits.adult or age is None:
        return SVT_BPM
    return SVT_INFANT_BPM if age < 1 else SVT_CHILD_BPM


@rule("rhythm")
def supraventricular_tachycardia(c: Context) -> Statement | None:
    """Fast, regular and narrow, without sinus P waves."""
    rate = c.get("heart_rate_bpm")
    if rate is None or len(c.beats.r_peaks) < 2 * MIN_BEATS or not is_narrow(c) or not is_regular(c):
        return None
    if is_sinus(c) or is_flutter(c) or is_fibrillation(c) or is_paced(c) or is_mostly_ventricular(c):
        return None
    least = _svt_bpm(c)
    # Slower ones are said where P waves prove that the atria lead from elsewhere, or are not there at all.
    if rate < least and not (rate > c.limits.fast_bpm and (has_p(c) or has_no_p(c))):
        return None
    limit = fact(c, "heart_rate_bpm", ">=" if rate >= least else ">", least if rate >= least else c.limits.fast_bpm,
                 source="acc_svt_2015")  # fmt: skip
    evidence = (limit, *_facts(c, ("qrs_ms", "rr_change_percent", "p_axis_deg", "p_share_percent"), "acc_svt_2015"))
    return Statement(
        code="supraventricular_tachycardia", certainty="probable" if rate >= least else "possible", evidence=evidence
    )


def leads_from_elsewhere(c: Context) -> bool:
    """Return whether even P waves of another axis than the sinus node's stand before the QRS."""
    if len(c.beats.r_peaks) < MIN_BEATS or not has_p(c) or c.get("p_axis_deg") is None or not shows_p_axis(c):
        return False
    if is_sinus(c) or is_flutter(c) or is_fibrillation(c) or is_paced(c) or is_mostly_ventricular(c):
        return False
    rate, change = c.get("heart_rate_bpm"), c.get("rr_change_percent") or 0.0
    return rate is not None and rate <= c.limits.fast_bpm and change <= 25.0


@rule("rhythm")
def atrial_rhythm(c: Context) -> Statement | None:
    """Even P waves before the QRS whose axis is not the sinus node's."""
    pr = c.get("pr_ms")
    if not leads_from_elsewhere(c) or pr is None or pr < JUNCTION_PR_MS:
        return None
    evidence = _facts(c, ("p_axis_deg", "pr_ms", "heart_rate_bpm"), "acc_svt_2015")
    return Statement(code="atrial_rhythm", certainty="probable", evidence=evidence)


def _from_junction(c: Context, code: str, slowest: float, fastest: float) -> Statement | None:
    rate, pr, axis = c.get("heart_rate_bpm"), c.get("pr_ms"), c.get("p_axis_deg")
    if rate is None or not slowest <= rate <= fastest or not is_regular(c) or not is_narrow(c):
        return None
    if len(c.beats.r_peaks) < 2 * MIN_BEATS or is_fibrillation(c) or is_flutter(c) or is_paced(c) or is_sinus(c):
        return None
    inverted = leads_from_elsewhere(c) and pr is not None and pr < JUNCTION_PR_MS and axis is not None and axis < 0
    if is_mostly_ventricular(c) or not (inverted or has_no_p(c)):
        return None
    codes = ("heart_rate_bpm", "p_share_percent", "p_coherence_percent", "p_axis_deg", "pr_ms", "qrs_ms")
    return Statement(code=code, certainty="possible", evidence=_facts(c, codes, "acc_svt_2015"))


@rule("rhythm")
def junctional_rhythm(c: Context) -> Statement | None:
    """Slow, regular and narrow without P, or with an inverted P close before the QRS."""
    return _from_junction(c, "junctional_rhythm", JUNCTION_BPM[0], JUNCTION_BPM[1])


@rule("rhythm")
def accelerated_junctional_rhythm(c: Context) -> Statement | None:
    """Regular and narrow at a usual rate without P, or with an inverted P close before the QRS."""
    return _from_junction(c, "accelerated_junctional_rhythm", JUNCTION_BPM[1] + 1e-9, ACCELERATED_BPM)
