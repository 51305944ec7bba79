"""ST elevation and QT."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ecg_engine.interpretation.conduction import is_wide
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.leads import CONTIGUOUS
from ecg_engine.types import Evidence, Statement

#: ST depression opposite to an elevation, at J, mV (fourth Universal Definition, table 2: 0.05 mV).
RECIPROCAL_MV: Final = -0.05
#: Where to look for it: leads that see the opposite wall (AHA/ACCF/HRS 2009, part VI).
_OPPOSITE: Final = {
    "II": ("aVL", "I"), "III": ("aVL", "I"), "aVF": ("aVL", "I"),
    "I": ("III", "aVF"), "aVL": ("III", "aVF"),
    "V1": ("II", "III", "aVF", "V6"), "V2": ("II", "III", "aVF"), "V3": ("II", "III", "aVF"), "V4": ("III", "aVF"),
    "V5": ("III", "aVF"), "V6": ("V1", "III"),
}  # fmt: skip
#: What stands at J must stand 60 ms later too, to this share of the threshold: else it is the end of the QRS.
LASTING_SHARE: Final = 0.8


def st_threshold_mv(c: Context, lead: str) -> float:
    """Return the elevation at J that counts in a lead, mV, by age and sex."""
    return c.limits.st_v2_v3_mv if lead in ("V2", "V3") else c.limits.st_other_mv


def is_elevated(c: Context, lead: str) -> bool:
    """Return whether ST is elevated in a lead, at J and 60 ms later."""
    j, later = c.get("st_j_mv", lead), c.get("st_j60_mv", lead)
    limit = st_threshold_mv(c, lead)
    return j is not None and later is not None and j >= limit and later >= LASTING_SHARE * limit


def _pairs() -> Iterator[tuple[str, str]]:
    for sequence in CONTIGUOUS:
        yield from pairwise(sequence)


def elevated_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with elevated ST that have an elevated neighbour; -aVR between I and II counts as itself."""
    up = {lead for lead in c.leads if lead not in ("aVR",) and is_elevated(c, lead)}
    minus = c.get("st_j_mv", "aVR")
    if minus is not None and -minus >= c.limits.st_other_mv:
        up.add("-aVR")
    found = {lead for pair in _pairs() if set(pair) <= up for lead in pair} - {"-aVR"}
    return tuple(lead for lead in c.leads if lead in found)


def _judged(c: Context) -> bool:
    """Return whether ST says anything: in adults, whose QRS is narrow and not paced."""
    return c.limits.adult and not is_paced(c) and not is_wide(c)


def _elevation_evidence(c: Context, leads: tuple[str, ...]) -> tuple[Evidence, ...]:
    return tuple(fact(c, "st_j_mv", ">=", st_threshold_mv(c, x), source="udmi4", lead=x) for x in leads)


def _reciprocal(c: Context, leads: tuple[str, ...]) -> tuple[str, ...]:
    """Return the leads opposite to the elevated ones in which ST is depressed, at J and 60 ms later."""
    opposite = {o for lead in leads for o in _OPPOSITE.get(lead, ())} - set(leads)
    low = []
    for lead in c.leads:
        j, later = c.get("st_j_mv", lead), c.get("st_j60_mv", lead)
        if lead in opposite and j is not None and later is not None and max(j, later) <= RECIPROCAL_MV:
            low.append(lead)
    return tuple(low)


def _certainty(c: Context) -> str:
    return "definite" if c.st_certain else "probable"


@rule("infarction")
def st_elevation_mi(c: Context) -> Statement | None:
    """ST elevation in contiguous leads with ST depression opposite to it."""
    leads = elevated_leads(c) if _judged(c) else ()
    opposite = _reciprocal(c, leads)
    if not leads or not opposite:
        return None
    depressed = tuple(fact(c, "st_j_mv", "<=", RECIPROCAL_MV, source="udmi4", lead=x) for x in opposite)
    return Statement(
        code="st_elevation_mi",
        certainty=_certainty(c),
        evidence=_elevation_evidence(c, leads) + depressed,
        leads=leads,
    )


@rule("repolarisation")
def st_elevation(c: Context) -> Statement | None:
    """ST elevation in contiguous leads, nothing opposite to it."""
    leads = elevated_leads(c) if _judged(c) else ()
    if not leads or _reciprocal(c, leads):
        return None
    return Statement(code="st_elevation", certainty=_certainty(c), evidence=_elevation_evidence(c, leads), leads=leads)


@rule("repolarisation")
def qt_prolonged(c: Context) -> Statement | None:
    """QTc (Fridericia) from 460 ms in women, 450 ms in men; not where a wide QRS lengthens QT itself."""
    qtc = c.get("qtc_fridericia_ms")
    if qtc is None or is_paced(c) or is_wide(c) or qtc < c.limits.qtc_long_ms:
        return None
    certainty = "definite" if qtc >= c.limits.qtc_critical_ms else "probable"
    evidence = (
        fact(c, "qtc_fridericia_ms", ">=", c.limits.qtc_long_ms, source="aha_2009_iv"),
        fact(c, "qt_ms", source="aha_2009_iv"),
    )
    return Statement(code="qt_prolonged", certainty=certainty, evidence=evidence)
