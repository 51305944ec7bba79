"""What potassium does to the ECG: said as possible only, since the blood decides."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.conduction import is_wide, lbbb_complete, rbbb_complete
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.ischaemia import depressed_leads
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.interpretation.st_segment import acute_leads
from ecg_engine.types import Statement

#: A tall T, mV, in so many of V2 to V5, and how narrow, ms: its area over its height, half the base of a triangle
#: (tall, narrow and pointed T: AHA/ACCF/HRS 2009, part IV; Durfey N et al. 2017; the figures chosen).
TALL_T_MV: Final = 1.0
TALL_LEADS: Final = 3
NARROW_MS: Final = 80.0
#: PR long beside it, ms: what makes it probable, as a wide QRS of no bundle branch block or no P do (Durfey N et al.
#: 2017).
LONG_PR_MS: Final = 220.0
#: Low potassium: T below this share of R in so many leads, a low ST, and a long QT or QU (AHA/ACCF/HRS 2009, part IV).
LOW_SHARE: Final = 0.1
LOW_LEADS: Final = 3
_CHEST: Final = ("V2", "V3", "V4", "V5")
_SEEN: Final = ("II", "V2", "V3", "V4", "V5", "V6")


def peaked_leads(c: Context) -> tuple[str, ...]:
    """Return the leads of V2 to V5 whose T is tall and narrow."""
    return tuple(x for x in _CHEST if _is_peaked(c, x))


def _is_peaked(c: Context, lead: str) -> bool:
    t, area = c.get("t_mv", lead), c.get("t_area_mv_ms", lead)
    return t is not None and area is not None and t >= TALL_T_MV and area <= NARROW_MS * t


@rule("electrolytes")
def hyperkalaemia(c: Context) -> Statement | None:
    """T tall and narrow in V2 to V5; probable beside a wide QRS of no bundle branch block, a long PR, or no P."""
    leads = peaked_leads(c)
    if len(leads) < TALL_LEADS or not c.limits.adult or is_paced(c) or acute_leads(c):
        return None
    facts = tuple(fact(c, "t_mv", ">=", TALL_T_MV, source="durfey_2017", lead=x) for x in leads)
    facts += tuple(fact(c, "t_area_mv_ms", source="durfey_2017", lead=x) for x in leads)
    facts += tuple(fact(c, code, source="durfey_2017") for code in ("qrs_ms", "pr_ms") if c.get(code) is not None)
    blocked = rbbb_complete(c) is not None or lbbb_complete(c) is not None
    pr = c.get("pr_ms")
    further = (is_wide(c) and not blocked) or (pr is not None and pr >= LONG_PR_MS) or pr is None
    return Statement(code="hyperkalaemia", certainty="probable" if further else "possible", evidence=facts, leads=leads)


@rule("electrolytes")
def hypokalaemia(c: Context) -> Statement | None:
    """ST low, T low in three leads, QT or QU long: possible."""
    low = depressed_leads(c)
    qtc = c.get("qtc_fridericia_ms")
    if not low or qtc is None or qtc < c.limits.qtc_long_ms:
        return None
    flat = tuple(x for x in _SEEN if _is_flat(c, x))
    if len(flat) < LOW_LEADS:
        return None
    facts = tuple([fact(c, "qtc_fridericia_ms", ">=", c.limits.qtc_long_ms, source="aha_2009_iv")])
    facts += tuple(fact(c, "st_j_mv", "<", 0.0, source="aha_2009_iv", lead=x) for x in low)
    facts += tuple(fact(c, "t_mv", source="aha_2009_iv", lead=x) for x in flat)
    return Statement(code="hypokalaemia", certainty="possible", evidence=facts, leads=flat)


def _is_flat(c: Context, lead: str) -> bool:
    t, r = c.get("t_mv", lead), c.get("r_mv", lead)
    return t is not None and r is not None and abs(t) < LOW_SHARE * r
