"""Infarction by territory: Q waves and what stands for them, and how old."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ecg_engine.interpretation.conduction import is_wide, lbbb_complete, rbbb_complete
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.interpretation.st_segment import (
    FOREIGN_QRS_MS,
    RECIPROCAL_MV,
    acute_leads,
    behind_leads,
    behind_mv,
    deep_t,
    elevation_evidence,
    posterior_leads,
    r_prevails,
    st_threshold_mv,
)
from ecg_engine.leads import TERRITORIES
from ecg_engine.types import Evidence, Statement

#: A Q is one of infarction from this depth, mV, and duration, ms (fourth Universal Definition, table 3); in V2 and V3
#: every Q that lasts 20 ms is one.
Q_MV: Final = -0.1
Q_MS: Final = 30.0
Q_V2_V3_MS: Final = 20.0
#: The Q of a septum is smaller than this share of the R behind it (same source: below a quarter). Here it is none of
#: infarction even where it lasts 30 ms: those of large ventricles do.
SEPTAL_SHARE: Final = 0.25
#: An upward deflection in front of a negative one is an R from here, mV; below it the complex is a QS (Minnesota code:
#: 0.25 mm).
INITIAL_R_MV: Final = 0.025
#: Minnesota codes 1-1 and 1-2: Q of a third of R that lasts 20 ms in II, 30 in V3 to V6; Q of 40 ms in III and aVF, or
#: in a chest lead.
MINNESOTA_SHARE: Final = 1 / 3
MINNESOTA_II_MS: Final = 20.0
MINNESOTA_LONG_MS: Final = 40.0
#: R lost over the anterior wall, mV: R of V3 (Zema MJ, Kligfield P 1979: 1.5 mm); R of V2 too, chosen, since a late
#: transition with a good R in V2 is a normal variant.
POOR_R_V3_MV: Final = 0.15
POOR_R_V2_MV: Final = 0.1
#: Posterior: R in V1 and V2 from this duration on, ms, larger than S, with an upright T (fourth Universal Definition).
POSTERIOR_R_MS: Final = 40.0
#: From this depth of ST in V1 to V3 on, mV, it is probable without further signs (chosen: twice what counts).
POSTERIOR_ST_MV: Final = -0.1

_INFERIOR: Final = ("II", "aVF", "III")
_CHEST: Final = ("V1", "V2", "V3", "V4", "V5", "V6")


def q_judged(c: Context) -> bool:
    """Return whether the beginning of the QRS tells of a scar: not in LBBB and paced ventricles, nor in children."""
    if not c.limits.adult or is_paced(c) or lbbb_complete(c) is not None:
        return False
    return (c.get("qrs_ms") or 0.0) < FOREIGN_QRS_MS or rbbb_complete(c) is not None


def is_qs(c: Context, lead: str) -> bool:
    """Return whether a lead's QRS is negative throughout, an R too small to be one left out."""
    down = min(c.get("s_mv", lead) or 0.0, c.get("q_mv", lead) or 0.0)
    up = max(c.get("r_mv", lead) or 0.0, c.get("r2_mv", lead) or 0.0)
    return down <= Q_MV and up < INITIAL_R_MV


def q_wave(c: Context, lead: str) -> tuple[float, float] | None:
    """Return depth, mV, and duration, ms, of the Q of a lead, or None; what follows an R too small to be one is a Q."""
    r = c.get("r_mv", lead)
    if r is not None and r < INITIAL_R_MV and c.get("r2_mv", lead) is not None:
        depth, lasts = c.get("s_mv", lead), c.get("s_ms", lead)
    else:
        depth, lasts = c.get("q_mv", lead), c.get("q_ms", lead)
    return None if depth is None or lasts is None else (depth, lasts)


def has_q(c: Context, lead: str) -> bool:
    """Return whether a lead has a Q of infarction by the Universal Definition."""
    if is_qs(c, lead):
        return True
    q = q_wave(c, lead)
    if q is None:
        return False
    if lead in ("V2", "V3"):
        return q[1] >= Q_V2_V3_MS
    return q[0] <= Q_MV and q[1] >= Q_MS and -q[0] >= SEPTAL_SHARE * _largest_r(c, lead)


def _largest_r(c: Context, lead: str) -> float:
    return max(c.get("r_mv", lead) or 0.0, c.get("r2_mv", lead) or 0.0)


def _share(c: Context, lead: str) -> float:
    """Return the depth of Q as a share of R."""
    q, r = q_wave(c, lead), _largest_r(c, lead)
    return 0.0 if q is None or r <= 0 else -q[0] / r


def _is_large_q(c: Context, lead: str) -> bool:
    """Return whether the Q of a chest lead is one by itself."""
    q = q_wave(c, lead)
    if q is None or q[0] > Q_MV:
        return False
    return q[1] >= MINNESOTA_LONG_MS or (q[1] >= Q_MS and _share(c, lead) >= MINNESOTA_SHARE)


def _beside(leads: tuple[str, ...], found: frozenset[str]) -> tuple[str, ...]:
    """Return those of `found` that stand beside another of them in a contiguous sequence."""
    pairs = [pair for pair in pairwise(leads) if found >= set(pair)]
    return tuple(lead for lead in leads if any(lead in pair for pair in pairs))


def _with_q(c: Context, leads: tuple[str, ...]) -> frozenset[str]:
    return frozenset(lead for lead in leads if has_q(c, lead))


@dataclass(frozen=True, slots=True)
class Scar:
    """Leads with the sign of a scar, how sure it is, and whose sign it is."""

    leads: tuple[str, ...] = ()
    certainty: str = "definite"
    source: str = "udmi4"


def inferior_scar(c: Context) -> Scar:
    """Return Q waves of II, III, aVF: in two of them, or of the length and depth of the Minnesota code in one."""
    both = _beside(_INFERIOR, _with_q(c, _INFERIOR))
    if both:
        return Scar(both)
    two, avf, three = (q_wave(c, lead) for lead in _INFERIOR)
    if is_qs(c, "II") or (two is not None and two[1] >= MINNESOTA_II_MS and _share(c, "II") >= MINNESOTA_SHARE):
        return Scar(("II",), "probable", "minnesota")
    if avf is None:
        return Scar()
    if avf[1] >= MINNESOTA_LONG_MS:
        return Scar(("aVF",), "probable", "minnesota")
    long_three = three is not None and three[1] >= MINNESOTA_LONG_MS and _share(c, "III") >= SEPTAL_SHARE
    if is_qs(c, "III") or long_three:
        if avf[0] <= Q_MV and _share(c, "aVF") >= SEPTAL_SHARE:
            return Scar(("III", "aVF"), "probable", "minnesota")
        if avf[1] >= MINNESOTA_II_MS and _share(c, "aVF") >= SEPTAL_SHARE and c.get("pr_ms") is not None:
            return Scar(("III", "aVF"), "possible", "minnesota")
    if avf[1] >= Q_MS and _share(c, "aVF") >= SEPTAL_SHARE:
        return Scar(("aVF",), "possible", "minnesota")
    return Scar()


def anterior_scar(c: Context) -> Scar:
    """Return Q waves of V1 to V4 in two neighbours, in V2 alone or large in one, a QS beside an R, a lost R."""
    with_q = _with_q(c, _CHEST[:4])
    if "V1" in with_q and not is_qs(c, "V1"):
        with_q -= {"V1"}
    both = _beside(_CHEST[:4], with_q)
    if both and both != ("V1",):
        return Scar(both)
    lone = tuple(b for a, b in pairwise(_CHEST[:4]) if is_qs(c, b) and _largest_r(c, a) >= INITIAL_R_MV)
    if lone:
        return Scar(lone, "probable", "minnesota")
    if "V2" in with_q:
        return Scar(("V2",), "probable")
    large = tuple(lead for lead in _CHEST[2:4] if _is_large_q(c, lead))
    if large:
        return Scar(large, "probable", "minnesota")
    first, second, third = (_initial_r(c, lead) for lead in _CHEST[:3])
    if first is None or second is None or third is None:
        return Scar()
    if second <= POOR_R_V2_MV and third <= POOR_R_V3_MV:
        return Scar(("V2", "V3"), "possible", "zema_1979")
    return Scar()


def lateral_scar(c: Context) -> Scar:
    """Return Q waves of I and aVL, or of two neighbours of V4 to V6, or a deep one in I."""
    limb, chest = ("I", "aVL"), _CHEST[3:]
    found = _beside(limb, _with_q(c, limb)) + _beside(chest, _with_q(c, chest))
    if set(found) - {"V4"}:
        return Scar(tuple(lead for lead in found if lead != "V4"))
    for lead in ("I", "V6"):
        q = q_wave(c, lead)
        if is_qs(c, lead) or (q is not None and q[1] >= MINNESOTA_II_MS and _share(c, lead) >= MINNESOTA_SHARE):
            return Scar((lead,), "probable", "minnesota")
    return Scar()


def _initial_r(c: Context, lead: str) -> float | None:
    """Return the first R of a QRS, mV, 0 in a QS; None where the lead is not measured."""
    if c.get("qrs_pp_mv", lead) is None:
        return None
    return 0.0 if is_qs(c, lead) else c.get("r_mv", lead) or 0.0


def _evidence(c: Context, scar: Scar) -> tuple[Evidence, ...]:
    return tuple(item for lead in scar.leads for item in _facts(c, lead, scar.source))


def _facts(c: Context, lead: str, source: str) -> Iterator[Evidence]:
    q = q_wave(c, lead)
    if is_qs(c, lead):
        code = min(("s_mv", "q_mv"), key=lambda code: c.get(code, lead) or 0.0)
        yield fact(c, code, "<=", Q_MV, source=source, lead=lead)
    elif q is not None and c.get("q_ms", lead) is not None:
        yield fact(c, "q_ms", ">=", Q_V2_V3_MS if lead in ("V2", "V3") else Q_MS, source=source, lead=lead)
        if c.get("q_mv", lead) is not None:
            yield fact(c, "q_mv", source=source, lead=lead)
    elif c.get("r_mv", lead) is not None:
        yield fact(c, "r_mv", source=source, lead=lead)


def age_of(c: Context, leads: tuple[str, ...]) -> str:
    """Return how old an infarction is: acute beside the ST elevation of one, old where ST and T are calm."""
    if set(leads) & set(acute_leads(c)):
        return "acute"
    restless = any(deep_t(c, lead) or (c.get("st_j_mv", lead) or 0.0) >= st_threshold_mv(c, lead) for lead in leads)
    return "undetermined" if restless else "old"


def _can_be_compared(c: Context, territory: str) -> bool:
    """Return whether two leads of a territory are measured, as the definition asks.

    Minnesota's signs of a single lead are those of a whole recording: on a strip of one lead nothing tells a scar from
    an electrode on the other arm.
    """
    return sum(c.get("qrs_pp_mv", lead) is not None for lead in TERRITORIES[territory]) >= 2


def _infarction(c: Context, code: str, territory: str, scar: Scar) -> Statement | None:
    acute = tuple(lead for lead in acute_leads(c) if lead in TERRITORIES[territory])
    if acute and len(acute) >= 2:
        evidence = elevation_evidence(c, acute)
        return Statement(code=code, certainty="probable", evidence=evidence, leads=acute, age="acute")
    if not scar.leads or not _can_be_compared(c, territory):
        return None
    evidence = _evidence(c, scar)
    return Statement(
        code=code, certainty=scar.certainty, evidence=evidence, leads=scar.leads, age=age_of(c, scar.leads)
    )


@rule("infarction")
def infarction_anterior(c: Context) -> Statement | None:
    """Q waves or acute ST elevation in V1 to V4."""
    return _infarction(c, "infarction_anterior", "anterior", anterior_scar(c) if q_judged(c) else Scar())


@rule("infarction")
def infarction_inferior(c: Context) -> Statement | None:
    """Q waves or acute ST elevation in II, III, aVF."""
    return _infarction(c, "infarction_inferior", "inferior", inferior_scar(c) if q_judged(c) else Scar())


@rule("infarction")
def infarction_lateral(c: Context) -> Statement | None:
    """Q waves or acute ST elevation in I, aVL, V5, V6."""
    return _infarction(c, "infarction_lateral", "lateral", lateral_scar(c) if q_judged(c) else Scar())


@rule("infarction")
def infarction_posterior(c: Context) -> Statement | None:
    """Acute: ST low and level in V1 to V3 under upright T, or up in V7 to V9; old: broad R beside an inferior Q."""
    behind = behind_leads(c)
    if behind:
        limit = behind_mv(c)
        facts = tuple(fact(c, "st_j_mv", ">=", limit, source="udmi4", lead=lead) for lead in behind)
        return Statement(code="infarction_posterior", evidence=facts, leads=behind, age="acute", certainty="probable")
    mirrored = posterior_leads(c)
    if mirrored:
        facts = tuple(fact(c, "st_j_mv", "<=", RECIPROCAL_MV, source="udmi4", lead=lead) for lead in mirrored)
        facts += tuple(fact(c, "t_mv", ">", 0.0, source="udmi4", lead=lead) for lead in mirrored)
        deep = min(c.get("st_j_mv", lead) or 0.0 for lead in mirrored) <= POSTERIOR_ST_MV
        certainty = "probable" if deep or acute_leads(c) or r_prevails(c, "V2") else "possible"
        return Statement(code="infarction_posterior", certainty=certainty, evidence=facts, leads=mirrored, age="acute")
    if q_judged(c) and not is_wide(c) and _has_broad_r(c) and (inferior_scar(c).leads or lateral_scar(c).leads):
        facts = tuple(fact(c, "r_ms", ">=", POSTERIOR_R_MS, source="udmi4", lead=lead) for lead in ("V1", "V2"))
        return Statement(
            code="infarction_posterior", certainty="possible", evidence=facts, leads=("V1", "V2"), age="old"
        )
    return None


def _has_broad_r(c: Context) -> bool:
    """Return whether V1 and V2 have a broad R that prevails, and an upright T."""
    return all(
        (c.get("r_ms", lead) or 0.0) >= POSTERIOR_R_MS and r_prevails(c, lead) and (c.get("t_mv", lead) or 0.0) > 0
        for lead in ("V1", "V2")
    )
