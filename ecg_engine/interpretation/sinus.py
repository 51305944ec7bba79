"""Sinus rhythm, its rate, its irregularity, its pauses."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.av_block import has_blocked_p
from ecg_engine.interpretation.basic import is_sinus
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.over_time import is_longest_hidden
from ecg_engine.types import Evidence, Statement

#: Sinus arrhythmia: coefficient of variation of RR, %.
SINUS_ARRHYTHMIA_CV_PERCENT: Final = 10.0
#: A sinus pause is an RR of so much, ms, and so much longer than the mean RR.
SINUS_PAUSE_MS: Final = 2000.0
SINUS_PAUSE_SHARE: Final = 1.5


def _certainty(c: Context) -> str:
    return "definite" if c.get("p_axis_deg") is not None else "probable"


def _sinus_bpm(c: Context) -> float | None:
    """Return the rate of the sinus node: that of the P waves, where some of them are blocked."""
    rate = c.get("heart_rate_bpm")
    return rate if rate is None or not has_blocked_p(c) else c.get("atrial_bpm")


def _rate_code(c: Context) -> str:
    return "atrial_bpm" if has_blocked_p(c) else "heart_rate_bpm"


def _sinus_evidence(c: Context) -> tuple[Evidence, ...]:
    codes = ("p_share_percent", "pr_spread_ms", "p_coherence_percent", "p_axis_deg")
    return tuple(fact(c, code, source="acc_svt_2015") for code in codes if c.get(code) is not None)


@rule("rhythm")
def sinus_rhythm(c: Context) -> Statement | None:
    """P of a sinus axis before each QRS, rate within the limits of the age."""
    rate = _sinus_bpm(c)
    if rate is None or not is_sinus(c) or not c.limits.slow_bpm <= rate <= c.limits.fast_bpm:
        return None
    evidence = (*_sinus_evidence(c), fact(c, _rate_code(c), source="acc_brady_2018"))
    return Statement(code="sinus_rhythm", certainty=_certainty(c), evidence=evidence)


@rule("rhythm")
def sinus_bradycardia(c: Context) -> Statement | None:
    """Sinus rhythm below the limit of the age."""
    rate = _sinus_bpm(c)
    if rate is None or not is_sinus(c) or rate >= c.limits.slow_bpm:
        return None
    limit = fact(c, _rate_code(c), "<", c.limits.slow_bpm, source="acc_brady_2018")
    return Statement(code="sinus_bradycardia", certainty=_certainty(c), evidence=(limit, *_sinus_evidence(c)))


@rule("rhythm")
def sinus_tachycardia(c: Context) -> Statement | None:
    """Sinus rhythm above the limit of the age."""
    rate = _sinus_bpm(c)
    if rate is None or not is_sinus(c) or rate <= c.limits.fast_bpm:
        return None
    limit = fact(c, _rate_code(c), ">", c.limits.fast_bpm, source="acc_svt_2015")
    return Statement(code="sinus_tachycardia", certainty=_certainty(c), evidence=(limit, *_sinus_evidence(c)))


def has_ectopy(c: Context) -> bool:
    """Return whether beats are classed as premature or were found so."""
    kinds = c.beats.kinds
    classed = kinds is not None and bool(((kinds == "S") | (kinds == "V")).any())
    return classed or c.get("n_premature_atrial") is not None or c.get("n_premature_ventricular") is not None


@rule("rhythm")
def sinus_arrhythmia(c: Context) -> Statement | None:
    """Sinus rhythm whose RR varies, without premature beats, blocked P waves or pauses to account for it."""
    spread = c.get("rr_cv_percent")
    if spread is None or not is_sinus(c) or spread < SINUS_ARRHYTHMIA_CV_PERCENT or has_ectopy(c):
        return None
    if sinus_pause(c) is not None:
        return None
    limit = fact(c, "rr_cv_percent", ">=", SINUS_ARRHYTHMIA_CV_PERCENT, source="design")
    return Statement(code="sinus_arrhythmia", certainty="probable", evidence=(limit,))


@rule("rhythm")
def sinus_pause(c: Context) -> Statement | None:
    """In sinus rhythm one RR much longer than the others, without a P wave in it."""
    longest, mean = c.get("rr_max_ms"), c.get("rr_ms")
    if longest is None or mean is None or not is_sinus(c) or c.get("n_blocked_p") is not None:
        return None
    if longest < max(SINUS_PAUSE_MS, SINUS_PAUSE_SHARE * mean) or is_longest_hidden(c):
        return None
    evidence = (fact(c, "rr_max_ms", ">=", SINUS_PAUSE_MS, source="design"), fact(c, "rr_ms", source="design"))
    return Statement(code="sinus_pause", certainty="probable", evidence=evidence)
