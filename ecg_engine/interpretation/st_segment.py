"""What several families ask of ST and T: thresholds by age and sex, neighbours, opposite leads, proof of infarction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from ecg_engine.interpretation.conduction import lbbb_complete, rbbb_complete
from ecg_engine.interpretation.context import Context, fact, remembered
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.leads import CONTIGUOUS, LIMB_LEADS, PRECORDIAL_LEADS
from ecg_engine.types import Evidence

#: ST depression opposite to an elevation, at J, mV (fourth Universal Definition, table 2: 0.05 mV).
RECIPROCAL_MV: Final = -0.05
#: Where to look for it: leads that see the opposite wall (AHA/ACCF/HRS 2009, part VI).
OPPOSITE: Final = {
    "II": ("aVL", "I"), "III": ("aVL", "I"), "aVF": ("aVL", "I"),
    "I": ("III", "aVF"), "aVL": ("III", "aVF"),
    "V1": ("II", "III", "aVF"), "V2": ("II", "III", "aVF"), "V3": ("II", "III", "aVF"), "V4": ("III", "aVF"),
    "V5": ("III", "aVF"), "V6": ("V1", "III"),
}  # fmt: skip
#: What stands at J must stand 60 ms later too, to this share of the threshold: else it is the end of the QRS.
LASTING_SHARE: Final = 0.8
#: ST elevation of V1 to V3 behind the deep S, mV, of a hypertrophied ventricle counts from this share of the QRS on
#: (Armstrong EJ et al. Am J Cardiol 2012;110:977-983; how deep: chosen, since Sokolow's voltage alone is common among
#: the healthy).
LVH_ST_SHARE: Final = 0.25
LVH_S_MV: Final = -2.0
#: Voltages of left ventricular hypertrophy, mV (AHA/ACCF/HRS 2009, part V): Sokolow-Lyon; Cornell in men and women.
SOKOLOW_MV: Final = 3.5
CORNELL_MEN_MV: Final = 2.8
CORNELL_WOMEN_MV: Final = 2.0
#: ST elevation without anything opposite to it is an infarction's from this height on in two neighbours, mV: no normal
#: variant reaches it (AHA/ACCF/HRS 2009, part VI).
GIANT_ST_MV: Final = 0.5
#: In three neighbours this is enough, mV (chosen: above every limit of the Universal Definition).
HIGH_ST_MV: Final = 0.3
#: Subtle anterior infarction against early repolarisation: 1.196 * ST at J+60 in V3 (mm) + 0.059 * QTc (Bazett, ms)
#: - 0.326 * R in V4 (mm) above this (Smith SW et al. 2012).
SMITH_LIMIT: Final = 23.4
#: A straight ST: at least so high, mV, and this share of T's height, in so many neighbours that have an R, mV (the
#: shapes: AHA/ACCF/HRS 2009, part VI; the figures chosen so that early repolarisation, whose T is at least three times
#: as high, has none).
STRAIGHT_ST_MV: Final = 0.2
STRAIGHT_SHARE: Final = 0.4
STRAIGHT_LEADS: Final = 3
STRAIGHT_R_MV: Final = 0.05
#: Pericarditis against early repolarisation: ST of V6 as a share of its T (Ginzton LE, Laks MM 1982).
PERICARDITIS_SHARE: Final = 0.25
#: ST that changes less from J to J+80 ms is level, mV (chosen: what noise and the J point's place make of it).
LEVEL_ST_MV: Final = 0.02
#: From this rate on ST is low for the rate's sake, or by flutter waves, per minute (chosen).
LOW_ST_BPM: Final = 130.0
#: ST elevation that counts in V7 to V9, mV; in men below 40 years (fourth Universal Definition).
BEHIND_MV: Final = 0.05
BEHIND_YOUNG_MEN_MV: Final = 0.1
#: A QRS so wide, ms, of no bundle branch block may begin in the ventricles: its first part and its ST tell nothing
#: (chosen). Up to it the width may be that of an ST that runs out of the QRS.
FOREIGN_QRS_MS: Final = 140.0
#: T is inverted from this depth on, mV, where R prevails (fourth Universal Definition: more than 1 mm).
T_INVERTED_MV: Final = -0.1


def st_threshold_mv(c: Context, lead: str) -> float:
    """Return the elevation at J that counts in a lead, mV, by age and sex."""
    return c.limits.st_v2_v3_mv if lead in ("V2", "V3") else c.limits.st_other_mv


@remembered
def large_voltage(c: Context) -> bool:
    """Return whether the QRS is as large as that of a hypertrophied left ventricle."""
    cornell = CORNELL_WOMEN_MV if c.patient.sex == "F" else CORNELL_MEN_MV
    return (c.get("sokolow_lyon_mv") or 0.0) >= SOKOLOW_MV or (c.get("cornell_mv") or 0.0) >= cornell


def is_elevated(c: Context, lead: str) -> bool:
    """Return whether ST is elevated in a lead, at J and 60 ms later, beyond what a deep S brings with it."""
    j, later = c.get("st_j_mv", lead), c.get("st_j60_mv", lead)
    limit = st_threshold_mv(c, lead)
    if j is None or later is None or j < limit or later < LASTING_SHARE * limit:
        return False
    if lead not in ("V1", "V2", "V3") or (c.get("s_mv", lead) or 0.0) > LVH_S_MV or not large_voltage(c):
        return True
    return j >= LVH_ST_SHARE * (c.get("qrs_pp_mv", lead) or 0.0)


def _pairs() -> Iterator[tuple[str, str]]:
    for sequence in CONTIGUOUS:
        yield from pairwise(sequence)


def contiguous(c: Context, found: Iterable[str]) -> tuple[str, ...]:
    """Return those of the leads that have a neighbour among them; ``-aVR`` counts as one and is not returned."""
    up = set(found)
    kept = {lead for pair in _pairs() if set(pair) <= up for lead in pair} - {"-aVR"}
    return tuple(lead for lead in c.leads if lead in kept)


@remembered
def elevated_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with elevated ST that have an elevated neighbour; -aVR between I and II counts as itself."""
    if not st_judged(c):
        return ()
    up = {lead for lead in c.leads if lead != "aVR" and is_elevated(c, lead)}
    minus = c.get("st_j_mv", "aVR")
    if minus is not None and -minus >= c.limits.st_other_mv:
        up.add("-aVR")
    return contiguous(c, up)


@remembered
def st_judged(c: Context) -> bool:
    """Return whether ST says anything: in adults, not paced, without left bundle branch block or a very wide QRS."""
    if not c.limits.adult or is_paced(c) or lbbb_complete(c) is not None:
        return False
    return (c.get("qrs_ms") or 0.0) < FOREIGN_QRS_MS or rbbb_complete(c) is not None


def elevation_evidence(c: Context, leads: Iterable[str]) -> tuple[Evidence, ...]:
    """Return J of each lead beside its threshold."""
    return tuple(fact(c, "st_j_mv", ">=", st_threshold_mv(c, x), source="udmi4", lead=x) for x in leads)


def is_depressed(c: Context, lead: str, limit: float = RECIPROCAL_MV) -> bool:
    """Return whether ST is depressed in a lead, at J and most of it still 60 ms later."""
    j, later = c.get("st_j_mv", lead), c.get("st_j60_mv", lead)
    return j is not None and later is not None and j <= limit and later <= LASTING_SHARE * limit


def opposite_leads(c: Context, leads: Iterable[str]) -> tuple[str, ...]:
    """Return the leads opposite to the elevated ones in which ST is depressed."""
    up = set(leads)
    opposite = {o for lead in up for o in OPPOSITE.get(lead, ())} - up
    return tuple(lead for lead in c.leads if lead in opposite and is_depressed(c, lead))


def smith_index(c: Context) -> float | None:
    """Return the index of subtle anterior infarction, or None where a part of it was not measured."""
    st, qtc, r = c.get("st_j60_mv", "V3"), c.get("qtc_bazett_ms"), c.get("r_mv", "V4")
    if st is None or qtc is None or r is None:
        return None
    return 1.196 * 10 * st + 0.059 * qtc - 0.326 * 10 * r


@remembered
def acute_leads(c: Context) -> tuple[str, ...]:
    """Return the leads whose ST elevation is proved an acute infarction's.

    Proof is ST depression opposite to it, or a height that no normal variant reaches, or a ST of at least 0.2 mV in
    three leads that runs straight into a T hardly higher than itself; the last not where a QS may be an old scar's.
    """
    leads = elevated_leads(c)
    if not leads:
        return ()
    opposite = set(opposite_leads(c, leads))
    if rbbb_complete(c) is not None:
        # There ST of V1 to V3 is low for the block's sake.
        opposite -= {"V1", "V2", "V3"}
    if opposite or _reaching(c, leads, GIANT_ST_MV):
        return leads
    straight = contiguous(c, [lead for lead in leads if _is_straight(c, lead)])
    many = len(straight) >= STRAIGHT_LEADS or len(_reaching(c, leads, HIGH_ST_MV)) >= STRAIGHT_LEADS
    return leads if many and not is_pericarditis(c) else ()


def _reaching(c: Context, leads: Iterable[str], mv: float) -> tuple[str, ...]:
    """Return the leads whose J is so high, and that have a neighbour of the same kind."""
    return contiguous(c, [lead for lead in leads if (c.get("st_j_mv", lead) or 0.0) >= mv])


def _is_straight(c: Context, lead: str) -> bool:
    j, t, r = c.get("st_j_mv", lead), c.get("t_mv", lead), c.get("r_mv", lead)
    if j is None or t is None or r is None or r < STRAIGHT_R_MV:
        return False
    return j >= STRAIGHT_ST_MV and t > 0 and j >= STRAIGHT_SHARE * t


def is_pericarditis(c: Context) -> bool:
    """Return whether ST is elevated all around the heart, as in pericarditis: limb and chest leads, none opposite."""
    leads = set(elevated_leads(c))
    limb, chest = leads & set(LIMB_LEADS), leads & set(PRECORDIAL_LEADS)
    if len(limb) < 2 or len(chest) < 2 or "II" not in limb or "V6" not in chest or "V1" in chest:
        return False
    if (c.get("st_j_mv", "III") or 0.0) > (c.get("st_j_mv", "II") or 0.0):
        # Of the inferior wall's infarction (Witting MD et al. 2020, doi:10.1016/j.jemermed.2020.01.017).
        return False
    j, t = c.get("st_j_mv", "V6"), c.get("t_mv", "V6")
    if j is None or t is None or t <= 0 or j < PERICARDITIS_SHARE * t:
        return False
    low = [x for x in c.leads if x not in ("aVR", "V1") and (c.get("st_j_mv", x) or 0.0) <= RECIPROCAL_MV]
    return not low and all(is_concave(c, lead) for lead in leads)


def is_concave(c: Context, lead: str) -> bool:
    """Return whether ST does not fall from J on."""
    j, later = c.get("st_j_mv", lead), c.get("st_j80_mv", lead)
    return j is not None and later is not None and later >= j - LEVEL_ST_MV


def posterior_leads(c: Context) -> tuple[str, ...]:
    """Return the leads of V1 to V3 that mirror a posterior infarction: ST low, T upright; at least two.

    None where ST is lower elsewhere, which is another wall's ischaemia, nor at a rate that lowers ST by itself.
    """
    if not st_judged(c) or rbbb_complete(c) is not None or (c.get("heart_rate_bpm") or 0.0) >= LOW_ST_BPM:
        return ()
    found = [lead for lead in ("V1", "V2", "V3") if _is_mirror(c, lead)]
    others = ("V4", "V5", "V6", "II", "III", "aVF")
    deepest = min((c.get("st_j_mv", lead) or 0.0 for lead in others), default=0.0)
    here = min((c.get("st_j_mv", lead) or 0.0 for lead in found), default=0.0)
    return contiguous(c, found) if here < deepest else ()


def _is_mirror(c: Context, lead: str) -> bool:
    t, j, later = c.get("t_mv", lead), c.get("st_j_mv", lead), c.get("st_j40_mv", lead)
    return t is not None and j is not None and later is not None and t > 0 and j <= RECIPROCAL_MV and later <= 0


def behind_mv(c: Context) -> float:
    """Return the elevation at J that counts in V7 to V9, mV."""
    young_man = c.patient.sex == "M" and c.patient.age_years is not None and c.patient.age_years < 40
    return BEHIND_YOUNG_MEN_MV if young_man else BEHIND_MV


def behind_leads(c: Context) -> tuple[str, ...]:
    """Return the leads of V7 to V9 with elevated ST: at least two, or none."""
    limit = behind_mv(c)
    up = tuple(x for x in ("V7", "V8", "V9") if x in c.leads and (c.get("st_j_mv", x) or 0.0) >= limit)
    return up if len(up) >= 2 and st_judged(c) else ()


def is_acute(c: Context) -> bool:
    """Return whether ST proves or suggests an acute infarction: nothing harmless is said of ST and T then."""
    return bool(acute_leads(c) or posterior_leads(c) or behind_leads(c))


def r_prevails(c: Context, lead: str) -> bool:
    """Return whether R is at least as large as the largest negative wave of a lead."""
    up = max(c.get("r_mv", lead) or 0.0, c.get("r2_mv", lead) or 0.0)
    down = min(c.get(code, lead) or 0.0 for code in ("q_mv", "s_mv", "s2_mv"))
    return up > 0 and up >= -down


def deep_t(c: Context, lead: str) -> bool:
    """Return whether T is inverted in a lead."""
    t = c.get("t_mv", lead)
    return t is not None and t <= T_INVERTED_MV
