"""The two Brugada patterns of V1 and V2."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.conduction import rbbb_complete
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.st_segment import acute_leads, st_judged
from ecg_engine.types import Evidence, Statement

#: How high the end of the QRS stands, mV (Bayes de Luna A et al. 2012: 2 mm).
TAKE_OFF_MV: Final = 0.2
#: The trough of a saddle stands so high, mV (same source: 0.5 mm).
SADDLE_MV: Final = 0.05
_LEADS: Final = ("V1", "V2")


def _levels(c: Context, lead: str) -> tuple[float, float, float] | None:
    j, middle, later = (c.get(code, lead) for code in ("st_j_mv", "st_j40_mv", "st_j80_mv"))
    return None if j is None or middle is None or later is None else (j, middle, later)


def _is_coved(c: Context, lead: str) -> bool:
    """Return whether ST falls from a high J into an inverted T."""
    st, t = _levels(c, lead), c.get("t_mv", lead)
    return st is not None and t is not None and st[0] >= TAKE_OFF_MV and st[0] > st[1] > st[2] and t < 0


def _is_saddle(c: Context, lead: str) -> bool:
    """Return whether ST falls from a high J, stays above the line and rises into an upright T."""
    st, t = _levels(c, lead), c.get("t_mv", lead)
    if st is None or t is None or c.get("r2_mv", lead) is None:
        return False
    return st[0] >= TAKE_OFF_MV and SADDLE_MV <= min(st[1:]) < st[0] and t > max(st[1:])


def _judged(c: Context) -> bool:
    return st_judged(c) and rbbb_complete(c) is None and not acute_leads(c)


def _evidence(c: Context, leads: tuple[str, ...]) -> tuple[Evidence, ...]:
    high = tuple(fact(c, "st_j_mv", ">=", TAKE_OFF_MV, source="bayes_de_luna_2012", lead=x) for x in leads)
    rest = tuple(
        fact(c, code, source="bayes_de_luna_2012", lead=x) for x in leads for code in ("st_j40_mv", "st_j80_mv", "t_mv")
    )
    return high + rest


@rule("repolarisation")
def brugada_1(c: Context) -> Statement | None:
    """ST of V1 or V2 high at J, falling into an inverted T."""
    leads = tuple(x for x in _LEADS if _is_coved(c, x)) if _judged(c) else ()
    if not leads:
        return None
    return Statement(code="brugada_1", certainty="probable", evidence=_evidence(c, leads), leads=leads)


@rule("repolarisation")
def brugada_2(c: Context) -> Statement | None:
    """ST of V1 or V2 high behind an R', with a trough above the line and an upright T."""
    leads = tuple(x for x in _LEADS if _is_saddle(c, x)) if _judged(c) and brugada_1(c) is None else ()
    if not leads:
        return None
    return Statement(code="brugada_2", certainty="possible", evidence=_evidence(c, leads), leads=leads)
