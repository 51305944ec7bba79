"""Slow and moderate rhythms of the ventricles: regular and wide, without P."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.basic import MIN_BEATS, has_no_p, is_any_paced, is_fibrillation, is_flutter, is_regular
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.ventricular import is_mostly_ventricular
from ecg_engine.types import Statement

#: An idioventricular rhythm up to here, an accelerated one up to there, per minute (AHA/ACC/HRS 2017: ventricular
#: tachycardia begins above 100).
IDIOVENTRICULAR_BPM: Final = 50.0
ACCELERATED_BPM: Final = 100.0
#: QRS that begins in the ventricles is so much wider than the limit of a wide QRS, ms: 140 ms and more in adults, as in
#: the classic criteria for ventricular tachycardia. Up to there a P that was not seen is likelier.
WIDER_MS: Final = 20.0


def _is_ventricular(c: Context) -> bool:
    width = c.get("qrs_ms")
    if width is None or width < c.limits.qrs_wide_ms + WIDER_MS or len(c.beats.r_peaks) < MIN_BEATS or is_any_paced(c):
        return False
    if is_fibrillation(c) or is_flutter(c) or is_mostly_ventricular(c):
        return False
    return has_no_p(c) and is_regular(c)


def _said(c: Context, code: str) -> Statement:
    codes = ("heart_rate_bpm", "qrs_ms", "p_share_percent", "p_coherence_percent", "rr_change_percent")
    facts = tuple(fact(c, k, source="acc_va_2017") for k in codes if c.get(k) is not None)
    return Statement(code=code, certainty="possible", evidence=facts)


@rule("rhythm")
def idioventricular_rhythm(c: Context) -> Statement | None:
    """Slow, regular and wide, without P."""
    rate = c.get("heart_rate_bpm")
    if rate is None or rate > IDIOVENTRICULAR_BPM or not _is_ventricular(c):
        return None
    return _said(c, "idioventricular_rhythm")


@rule("rhythm")
def accelerated_idioventricular_rhythm(c: Context) -> Statement | None:
    """Regular and wide without P, at the rate of a sinus rhythm."""
    rate = c.get("heart_rate_bpm")
    if rate is None or not IDIOVENTRICULAR_BPM < rate <= ACCELERATED_BPM or not _is_ventricular(c):
        return None
    return _said(c, "accelerated_idioventricular_rhythm")
