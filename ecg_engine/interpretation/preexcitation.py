"""Ventricular pre-excitation in sinus rhythm: a short PR and a QRS that begins slowly."""

from __future__ import annotations

from statistics import median
from typing import Final

from ecg_engine.interpretation.av_intervals import PR_ERROR_MS
from ecg_engine.interpretation.conduction import is_lbbb
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_sinus
from ecg_engine.types import Statement

#: PR is short below this, ms (WHO/ISFC 1985: 120 ms); within the error of a PR above it (`av_intervals`) it may be.
SHORT_PR_MS: Final = 120.0
#: A delta wave keeps the steepest slope of the QRS so far from its onset, ms, in the middle lead of those measured.
#: Chosen: it is 25 to 45 ms in hearts without a delta wave, whatever their QRS but for bundle branch blocks.
DELTA_MS: Final = 60.0
#: Leads needed for that.
MIN_LEADS: Final = 6


def _delta(c: Context) -> tuple[float, str] | None:
    """Return how long the QRS of the middle lead takes to its steepest slope, ms, and which lead that is."""
    found = [(value, lead) for lead in c.leads if (value := c.get("upstroke_ms", lead)) is not None]
    if len(found) < MIN_LEADS:
        return None
    middle = median(value for value, _ in found)
    return min(found, key=lambda one: abs(one[0] - middle))


@rule("conduction")
def preexcitation(c: Context) -> Statement | None:
    """Sinus rhythm, PR below 120 ms within its error, QRS wide with a slow beginning in most leads, no LBBB."""
    pr, qrs = c.get("pr_ms"), c.get("qrs_ms")
    if pr is None or qrs is None or not is_sinus(c) or pr >= SHORT_PR_MS + PR_ERROR_MS or qrs < c.limits.qrs_wide_ms:
        return None
    delta = _delta(c)
    if delta is None or delta[0] < DELTA_MS or (pr >= SHORT_PR_MS and is_lbbb(c)):
        return None
    return Statement(
        code="preexcitation",
        certainty="probable" if pr < SHORT_PR_MS else "possible",
        evidence=(
            fact(c, "pr_ms", "<", SHORT_PR_MS + PR_ERROR_MS, source="willems_1985"),
            fact(c, "qrs_ms", ">=", c.limits.qrs_wide_ms, source="willems_1985"),
            fact(c, "upstroke_ms", ">=", DELTA_MS, source="design", lead=delta[1]),
        ),
    )
