"""Enlargement of the atria, as P shows it (AHA/ACCF/HRS 2009, part V, doi:10.1161/CIRCULATIONAHA.108.191097)."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_sinus
from ecg_engine.types import Evidence, Statement

#: P of at least so long, ms. The 120 ms of the guideline are one lead's; over all leads, from the first onset to the
#: last offset, P is longer: 140 ms are chosen for it, which few of the healthy reach.
LONG_P_MS: Final = 140.0
#: Terminal force of P in V1, mV·ms. Morris's limit (1964: 1 mm deep for 40 ms) is reached by one healthy adult in
#: seven; later work on atrial cardiopathy took this one (ARCADIA trial: more than 5000 µV·ms).
TERMINAL_FORCE_MV_MS: Final = -5.0
#: P taller than this in II, and its positive part in V1, mV.
TALL_P_MV: Final = 0.25
TALL_P_V1_MV: Final = 0.15


def _left(c: Context) -> tuple[Evidence, ...]:
    """Return what shows the left atrium enlarged; empty where it is not."""
    p, force = c.get("p_duration_ms"), c.get("p_terminal_force_mv_ms", "V1")
    if p is None or force is None or not c.limits.adult or not is_sinus(c):
        return ()
    if p < LONG_P_MS or force > TERMINAL_FORCE_MV_MS:
        return ()
    return (
        fact(c, "p_duration_ms", ">=", LONG_P_MS, source="aha_2009_v"),
        fact(c, "p_terminal_force_mv_ms", "<=", TERMINAL_FORCE_MV_MS, source="kamel_2019", lead="V1"),
    )


def _right(c: Context) -> tuple[Evidence, ...]:
    """Return what shows the right atrium enlarged; empty where it is not."""
    if not c.limits.adult or not is_sinus(c):
        return ()
    tall = [
        (lead, limit)
        for lead, limit in (("II", TALL_P_MV), ("V1", TALL_P_V1_MV))
        if (c.get("p_mv", lead) or 0.0) > 0 and _positive_p(c, lead) > limit
    ]
    return tuple(fact(c, "p_mv", ">", limit, source="aha_2009_v", lead=lead) for lead, limit in tall)


def _positive_p(c: Context, lead: str) -> float:
    return max(c.get(code, lead) or 0.0 for code in ("p_mv", "p2_mv"))


def _statement(c: Context, code: str, evidence: tuple[Evidence, ...]) -> Statement | None:
    if not evidence:
        return None
    seen = {e.lead for e in evidence}
    return Statement(code=code, certainty="probable", evidence=evidence, leads=tuple(x for x in c.leads if x in seen))


@rule("chambers")
def left_atrial_enlargement(c: Context) -> Statement | None:
    """P long, and its terminal force in V1 of -5 mV·ms or below; one alone is common in the healthy."""
    return _statement(c, "left_atrial_enlargement", _left(c))


@rule("chambers")
def right_atrial_enlargement(c: Context) -> Statement | None:
    """P above 0.25 mV in II, or its positive part above 0.15 mV in V1."""
    return _statement(c, "right_atrial_enlargement", _right(c))


@rule("chambers", last=True)
def biatrial_enlargement(c: Context) -> Statement | None:
    """Both atria enlarged: the criteria of the left one and of the right one are met together."""
    if not {"left_atrial_enlargement", "right_atrial_enlargement"} <= c.said:
        return None
    return _statement(c, "biatrial_enlargement", (*_left(c), *_right(c)))
