"""Rhythm: no beats, paced, sinus, atrial fibrillation, undetermined, premature beats."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.ventricular import is_mostly_ventricular
from ecg_engine.types import Evidence, Statement

#: No QRS for so long on connected leads, s.
ASYSTOLE_S: Final = 4.0
PAUSE_S: Final = 3.0
#: A rhythm is named from so many beats.
MIN_BEATS: Final = 3
#: RR changes by so much of its mean from beat to beat (median) in atrial fibrillation, %; sinus arrhythmia stays below.
AF_CHANGE_PERCENT: Final = 8.0
#: RR that changes by more than this is no sinus rhythm, whatever stands before the QRS: flutter waves pass for P.
SINUS_CHANGE_PERCENT: Final = 25.0
#: Sinus arrhythmia: coefficient of variation of RR, %.
SINUS_ARRHYTHMIA_CV_PERCENT: Final = 10.0
#: P axis of a sinus rhythm, degrees (ACC/AHA/HRS 2015: P upright in I, II and aVF, negative in aVR).
SINUS_P_AXIS_DEG: Final = (-30.0, 105.0)


def _silent(c: Context) -> float | None:
    """Return the longest time without QRS, s, where the leads could have shown one."""
    return c.get("pause_s") if c.quality.usable_leads else None


def is_paced(c: Context) -> bool:
    """Return whether at least half of the beats follow a pacing spike."""
    kinds = c.beats.kinds
    return kinds is not None and len(kinds) > 0 and bool((kinds == "Q").sum() * 2 >= len(kinds))


def has_p(c: Context) -> bool:
    """Return whether P waves stand evenly before the QRS, so that PR was measured."""
    return c.get("pr_ms") is not None


def is_sinus(c: Context) -> bool:
    """Return whether P waves of a sinus axis stand before the QRS, one for each."""
    if len(c.beats.r_peaks) < MIN_BEATS or is_paced(c) or not has_p(c) or is_mostly_ventricular(c):
        return False
    if (c.get("rr_change_percent") or 0.0) > SINUS_CHANGE_PERCENT:
        return False
    axis = c.get("p_axis_deg")
    return axis is None or SINUS_P_AXIS_DEG[0] <= axis <= SINUS_P_AXIS_DEG[1]


def is_irregular(c: Context) -> bool:
    """Return whether RR changes from beat to beat as in atrial fibrillation."""
    change = c.get("rr_change_percent")
    return change is not None and change >= AF_CHANGE_PERCENT


def _certainty(c: Context) -> str:
    return "definite" if c.get("p_axis_deg") is not None else "probable"


@rule("rhythm")
def asystole(c: Context) -> Statement | None:
    """No QRS for 4 s or more on connected leads."""
    silent = _silent(c)
    if silent is None or silent < ASYSTOLE_S:
        return None
    return Statement(code="asystole", evidence=(fact(c, "pause_s", ">=", ASYSTOLE_S, source="design"),))


@rule("rhythm")
def pause(c: Context) -> Statement | None:
    """No QRS for 3 s or more on connected leads."""
    silent = _silent(c)
    if silent is None or not PAUSE_S <= silent < ASYSTOLE_S:
        return None
    return Statement(code="pause", evidence=(fact(c, "pause_s", ">=", PAUSE_S, source="acc_brady_2018"),))


@rule("rhythm")
def paced_rhythm(c: Context) -> Statement | None:
    """Half of the beats or more behind a pacing spike."""
    if not is_paced(c) or len(c.beats.r_peaks) < MIN_BEATS:
        return None
    return Statement(code="paced_rhythm", evidence=(fact(c, "n_pacing_spikes", source="iec_60601_2_27"),))


def _sinus_evidence(c: Context) -> tuple[Evidence, ...]:
    codes = ("p_share_percent", "pr_spread_ms", "p_coherence_percent", "p_axis_deg")
    return tuple(fact(c, code, source="acc_svt_2015") for code in codes if c.get(code) is not None)


@rule("rhythm")
def sinus_rhythm(c: Context) -> Statement | None:
    """P of a sinus axis before each QRS, rate within the limits of the age."""
    rate = c.get("heart_rate_bpm")
    if rate is None or not is_sinus(c) or not c.limits.slow_bpm <= rate <= c.limits.fast_bpm:
        return None
    evidence = (*_sinus_evidence(c), fact(c, "heart_rate_bpm", source="acc_brady_2018"))
    return Statement(code="sinus_rhythm", certainty=_certainty(c), evidence=evidence)


@rule("rhythm")
def sinus_bradycardia(c: Context) -> Statement | None:
    """Sinus rhythm below the limit of the age."""
    rate = c.get("heart_rate_bpm")
    if rate is None or not is_sinus(c) or rate >= c.limits.slow_bpm:
        return None
    limit = fact(c, "heart_rate_bpm", "<", c.limits.slow_bpm, source="acc_brady_2018")
    return Statement(code="sinus_bradycardia", certainty=_certainty(c), evidence=(limit, *_sinus_evidence(c)))


@rule("rhythm")
def sinus_tachycardia(c: Context) -> Statement | None:
    """Sinus rhythm above the limit of the age."""
    rate = c.get("heart_rate_bpm")
    if rate is None or not is_sinus(c) or rate <= c.limits.fast_bpm:
        return None
    limit = fact(c, "heart_rate_bpm", ">", c.limits.fast_bpm, source="acc_svt_2015")
    return Statement(code="sinus_tachycardia", certainty=_certainty(c), evidence=(limit, *_sinus_evidence(c)))


@rule("rhythm")
def sinus_arrhythmia(c: Context) -> Statement | None:
    """Sinus rhythm whose RR varies, without premature beats to account for it."""
    spread = c.get("rr_cv_percent")
    if spread is None or not is_sinus(c) or spread < SINUS_ARRHYTHMIA_CV_PERCENT or _n_premature(c):
        return None
    limit = fact(c, "rr_cv_percent", ">=", SINUS_ARRHYTHMIA_CV_PERCENT, source="design")
    return Statement(code="sinus_arrhythmia", certainty="probable", evidence=(limit,))


@rule("rhythm")
def atrial_fibrillation(c: Context) -> Statement | None:
    """RR irregular throughout, and no P waves at an even distance before the QRS."""
    if len(c.beats.r_peaks) < 2 * MIN_BEATS or is_paced(c) or has_p(c) or not is_irregular(c):
        return None
    if is_mostly_ventricular(c):
        return None
    evidence = [fact(c, "rr_change_percent", ">=", AF_CHANGE_PERCENT, source="esc_af_2020")]
    evidence += [
        fact(c, k, source="esc_af_2020") for k in ("p_coherence_percent", "pr_spread_ms") if c.get(k) is not None
    ]
    return Statement(code="atrial_fibrillation", certainty="probable", evidence=tuple(evidence))


@rule("rhythm")
def undetermined_rhythm(c: Context) -> Statement | None:
    """Beats, but neither sinus rhythm, nor fibrillation, nor pacing is proved."""
    if len(c.beats.r_peaks) < MIN_BEATS or is_paced(c) or is_sinus(c) or atrial_fibrillation(c) is not None:
        return None
    facts = [
        fact(c, k, source="design") for k in ("p_share_percent", "pr_spread_ms", "p_axis_deg") if c.get(k) is not None
    ]
    return Statement(code="undetermined_rhythm", evidence=tuple(facts))


@rule("rhythm")
def bradycardia(c: Context) -> Statement | None:
    """Slow ventricular rate in a rhythm that is not sinus."""
    rate = c.get("heart_rate_bpm")
    if rate is None or len(c.beats.r_peaks) < MIN_BEATS or is_sinus(c) or rate >= c.limits.slow_bpm:
        return None
    limit = fact(c, "heart_rate_bpm", "<", c.limits.slow_bpm, source="acc_brady_2018")
    return Statement(code="bradycardia", evidence=(limit,))


@rule("rhythm")
def tachycardia(c: Context) -> Statement | None:
    """Fast ventricular rate in a rhythm that is not sinus."""
    rate = c.get("heart_rate_bpm")
    if rate is None or len(c.beats.r_peaks) < MIN_BEATS or is_sinus(c) or rate <= c.limits.fast_bpm:
        return None
    limit = fact(c, "heart_rate_bpm", ">", c.limits.fast_bpm, source="acc_svt_2015")
    return Statement(code="tachycardia", evidence=(limit,))


def _n_premature(c: Context) -> int:
    kinds = c.beats.kinds
    return 0 if kinds is None else int(((kinds == "S") | (kinds == "V")).sum())
