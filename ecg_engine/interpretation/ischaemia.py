"""Acute ischaemia: ST elevation of infarction and its equivalents, ST depression, T inversion."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.conduction import is_wide, lbbb_complete, rbbb_complete
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.infarction import has_q, infarction_posterior
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.interpretation.st_segment import (
    LEVEL_ST_MV,
    LOW_ST_BPM,
    RECIPROCAL_MV,
    T_INVERTED_MV,
    acute_leads,
    contiguous,
    deep_t,
    elevation_evidence,
    is_depressed,
    large_voltage,
    opposite_leads,
    r_prevails,
    st_judged,
)
from ecg_engine.leads import PRECORDIAL_LEADS
from ecg_engine.types import Evidence, Statement

#: Diffuse ischaemia: ST so low, mV, in so many leads, with aVR or V1 up by 0.1 mV (2023 ESC guidelines on acute
#: coronary syndromes).
DIFFUSE_ST_MV: Final = -0.1
DIFFUSE_LEADS: Final = 6
DIFFUSE_UP_MV: Final = 0.1
#: Sgarbossa: ST this far in the direction of the QRS, mV (Sgarbossa EB et al. 1996: 5 points up, 3 down in V1 to V3).
CONCORDANT_MV: Final = 0.1
#: Against the QRS: ST as a share of the S before it (Smith SW et al. 2012).
DISCORDANT_SHARE: Final = 0.25
#: Barcelona: ST of 0.1 mV against a QRS no larger than this, mV (Di Marco A et al. 2020).
BARCELONA_QRS_MV: Final = 0.6
#: de Winter: J at least so low, mV, in so many neighbours of V1 to V6, rising into a T of this height, mV (de Winter RJ
#: et al. 2008: 1 to 3 mm; tall T chosen: 0.5 mV and more than half of the R).
DE_WINTER_J_MV: Final = -0.1
DE_WINTER_LEADS: Final = 3
DE_WINTER_T_MV: Final = 0.5
#: Wellens: T of V2 and V3 this deep, mV, or first up and then down by 0.1 (de Zwaan C et al. 1982; the figures chosen).
WELLENS_T_MV: Final = -0.3
#: Its ST is no further from the line than this, mV (same source: at most 1 mm).
WELLENS_ST_MV: Final = 0.1
#: Hyperacute T: this high, mV, and this share of the QRS, in two neighbours of V2 to V4 (the height: Minnesota code
#: 9-5; the share chosen, since T outgrows its QRS there).
HYPERACUTE_T_MV: Final = 1.2
HYPERACUTE_SHARE: Final = 0.75
#: Right ventricle: V1 up by so much, mV, beside an inferior infarction, V2 less than half of it (AHA/ACCF/HRS 2009,
#: part VI); V3R and V4R (fourth Universal Definition).
RIGHT_V1_MV: Final = 0.1
RIGHT_SHARE: Final = 0.5
RIGHT_V4R_MV: Final = 0.05
#: T is low below this share of an R of at least 0.5 mV, and flat within 0.05 mV (AHA/ACCF/HRS 2009, part IV; the
#: smallest R chosen).
LOW_T_SHARE: Final = 0.1
LOW_T_R_MV: Final = 0.5
#: A shallow inversion of T, mV: Minnesota code 5-3 ends where 5-2 (1 mm) begins.
SHALLOW_T_MV: Final = -0.05
_T_LEADS: Final = ("I", "II", "aVL", "aVF", "V2", "V3", "V4", "V5", "V6")
_LOW_LEADS: Final = ("I", "II", "V4", "V5", "V6")


def _certainty(c: Context) -> str:
    return "definite" if c.st_certain else "probable"


@rule("infarction")
def st_elevation_mi(c: Context) -> Statement | None:
    """ST elevation in contiguous leads that is proved an acute infarction's, by what is opposite to it or its shape."""
    leads = acute_leads(c)
    if not leads:
        return None
    low = tuple(fact(c, "st_j_mv", "<=", RECIPROCAL_MV, source="udmi4", lead=x) for x in opposite_leads(c, leads))
    return Statement(
        code="st_elevation_mi", certainty=_certainty(c), evidence=elevation_evidence(c, leads) + low, leads=leads
    )


@rule("infarction")
def right_ventricular_infarction(c: Context) -> Statement | None:
    """Inferior ST elevation with V1 up more than V2, or V3R or V4R up."""
    acute = acute_leads(c)
    if not {"III", "aVF"} & set(acute):
        return None
    right = tuple(x for x in ("V3R", "V4R") if x in c.leads and (c.get("st_j_mv", x) or 0.0) >= RIGHT_V4R_MV)
    if right:
        facts = tuple(fact(c, "st_j_mv", ">=", RIGHT_V4R_MV, source="udmi4", lead=x) for x in right)
        return Statement(code="right_ventricular_infarction", certainty="probable", evidence=facts, leads=right)
    first, second = c.get("st_j_mv", "V1"), c.get("st_j_mv", "V2")
    if first is None or second is None or first < RIGHT_V1_MV or second > RIGHT_SHARE * first:
        return None
    facts = (
        fact(c, "st_j_mv", ">=", RIGHT_V1_MV, source="aha_2009_vi", lead="V1"),
        fact(c, "st_j_mv", source="aha_2009_vi", lead="V2"),
    )
    return Statement(code="right_ventricular_infarction", certainty="possible", evidence=facts, leads=("V1",))


def is_foreign(c: Context) -> bool:
    """Return whether the QRS is one of left bundle branch block or of paced ventricles."""
    return c.limits.adult and is_wide(c) and (is_paced(c) or lbbb_complete(c) is not None)


def _direction(c: Context, lead: str) -> float:
    """Return the area of a QRS, mV ms; 0 where unknown, or where the larger wave points the other way."""
    area = c.get("qrs_area_mv_ms", lead) or 0.0
    return area if (area > 0) == r_prevails(c, lead) else 0.0


def _st(c: Context, lead: str) -> float:
    """Return ST where it stands at J and 60 ms later: the one nearer to zero, mV; 0 where they differ in sign."""
    j, later = c.get("st_j_mv", lead), c.get("st_j60_mv", lead)
    if j is None or later is None or j * later <= 0:
        return 0.0
    return min(j, later, key=abs)


def concordant_leads(c: Context) -> tuple[str, ...]:
    """Return the leads that meet Sgarbossa's first two criteria."""
    up = {x for x in c.leads if x != "aVR" and _direction(c, x) > 0 and _st(c, x) >= CONCORDANT_MV}
    down = {x for x in ("V1", "V2", "V3") if _direction(c, x) < 0 and _st(c, x) <= -CONCORDANT_MV}
    return tuple(x for x in c.leads if x in up | down)


@rule("infarction")
def sgarbossa_criteria(c: Context) -> Statement | None:
    """ST in the direction of the QRS in LBBB or paced ventricles: 3 points and more by Sgarbossa."""
    leads = concordant_leads(c) if is_foreign(c) else ()
    if not leads:
        return None
    return Statement(
        code="sgarbossa_criteria",
        certainty="probable",
        evidence=tuple(_st_fact(c, x, CONCORDANT_MV, "sgarbossa_1996") for x in leads),
        leads=leads,
    )


def _st_fact(c: Context, lead: str, limit: float, source: str) -> Evidence:
    up = (c.get("st_j_mv", lead) or 0.0) > 0
    return fact(c, "st_j_mv", ">=" if up else "<=", limit if up else -limit, source=source, lead=lead)


@rule("infarction")
def barcelona_criteria(c: Context) -> Statement | None:
    """ST of LBBB or paced ventricles too large for its QRS, or low where the QRS is negative; Sgarbossa not met."""
    if not is_foreign(c) or concordant_leads(c):
        return None
    leads = tuple(x for x in c.leads if x != "aVR" and _is_out_of_proportion(c, x))
    if not leads:
        return None
    return Statement(
        code="barcelona_criteria",
        certainty="possible",
        evidence=tuple(_st_fact(c, x, CONCORDANT_MV, _criterion(c, x)) for x in leads),
        leads=leads,
    )


def _criterion(c: Context, lead: str) -> str:
    """Return whose criterion a lead meets: the share of a deep S, or a small QRS or ST in its direction."""
    deepest = -min(c.get(code, lead) or 0.0 for code in ("q_mv", "s_mv", "s2_mv"))
    by_share = _st(c, lead) >= DISCORDANT_SHARE * deepest and deepest > BARCELONA_QRS_MV
    return "smith_2012_lbbb" if by_share else "barcelona_2020"


def _is_out_of_proportion(c: Context, lead: str) -> bool:
    st, area = _st(c, lead), _direction(c, lead)
    if abs(st) < CONCORDANT_MV or area == 0:
        return False
    if st * area > 0:
        return True
    deepest = -min(c.get(code, lead) or 0.0 for code in ("q_mv", "s_mv", "s2_mv"))
    tallest = max(c.get(code, lead) or 0.0 for code in ("r_mv", "r2_mv"))
    return max(deepest, tallest) <= BARCELONA_QRS_MV or (st > 0 and st >= DISCORDANT_SHARE * deepest)


@rule("infarction")
def de_winter(c: Context) -> Statement | None:
    """ST of V1 to V6 low at J, rising into a tall T."""
    if not st_judged(c):
        return None
    leads = contiguous(c, [x for x in PRECORDIAL_LEADS if _is_de_winter(c, x)])
    if len(leads) < DE_WINTER_LEADS:
        return None
    facts = tuple(fact(c, "st_j_mv", "<=", DE_WINTER_J_MV, source="de_winter_2008", lead=x) for x in leads)
    facts += tuple(fact(c, "t_mv", ">=", DE_WINTER_T_MV, source="de_winter_2008", lead=x) for x in leads)
    return Statement(code="de_winter", certainty="probable", evidence=facts, leads=leads)


def _is_de_winter(c: Context, lead: str) -> bool:
    j, later, t = c.get("st_j_mv", lead), c.get("st_j80_mv", lead), c.get("t_mv", lead)
    if j is None or later is None or t is None:
        return False
    return j <= DE_WINTER_J_MV and later > j + LEVEL_ST_MV and t >= max(DE_WINTER_T_MV, -2 * j)


@rule("ischaemia")
def wellens(c: Context) -> Statement | None:
    """T of V2 and V3 deeply inverted, or first up and then down, under a calm ST, without Q."""
    if not st_judged(c) or is_wide(c) or large_voltage(c) or not _is_grown_up(c):
        return None
    pair = ("V2", "V3")
    if not all(_is_calm(c, x) for x in pair) or any(has_q(c, x) for x in pair):
        return None
    if (c.get("r_mv", "V1") or 0.0) > -(c.get("s_mv", "V1") or 0.0) or (deep_t(c, "III") and deep_t(c, "V1")):
        # A strained right ventricle turns T of V1 to V3 too, and T of III with them (Kosuge M et al. 2007).
        return None
    deep = all((c.get("t_mv", x) or 0.0) <= WELLENS_T_MV for x in pair)
    if not deep and not all(_goes_up_and_down(c, x) for x in pair):
        return None
    facts = tuple(fact(c, "t_mv", source="wellens_1982", lead=x) for x in pair)
    return Statement(code="wellens", certainty="probable" if deep else "possible", evidence=facts, leads=pair)


def _is_calm(c: Context, lead: str) -> bool:
    j = c.get("st_j_mv", lead)
    return j is not None and abs(j) <= WELLENS_ST_MV


def _goes_up_and_down(c: Context, lead: str) -> bool:
    """Return whether T begins upwards and ends inverted."""
    first, t, t2 = c.get("st_j80_mv", lead), c.get("t_mv", lead), c.get("t2_mv", lead)
    if first is None or t is None or t2 is None or first <= 0:
        return False
    return min(t, t2) <= T_INVERTED_MV and max(t, t2) > 0


def _is_grown_up(c: Context) -> bool:
    """Return whether T of V1 to V3 should be upright by age (AHA/ACCF/HRS 2009, part IV: from 20 years)."""
    return c.patient.age_years is None or c.patient.age_years >= 20


@rule("ischaemia")
def hyperacute_t(c: Context) -> Statement | None:
    """T of V2 to V4 as tall as the QRS, in two neighbours."""
    if not st_judged(c) or is_wide(c) or acute_leads(c):
        return None
    leads = contiguous(c, [x for x in ("V2", "V3", "V4") if _is_hyperacute(c, x)])
    if not leads:
        return None
    facts = tuple(fact(c, "t_mv", ">=", HYPERACUTE_T_MV, source="acc_chest_pain_2022", lead=x) for x in leads)
    facts += tuple(fact(c, "qrs_pp_mv", source="acc_chest_pain_2022", lead=x) for x in leads)
    return Statement(code="hyperacute_t", certainty="possible", evidence=facts, leads=leads)


def _is_hyperacute(c: Context, lead: str) -> bool:
    t, swing = c.get("t_mv", lead), c.get("qrs_pp_mv", lead)
    return t is not None and swing is not None and t >= HYPERACUTE_T_MV and t >= HYPERACUTE_SHARE * swing


def diffuse_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with low ST where there are many and aVR or V1 is up; else none."""
    if not st_judged(c) or (c.get("heart_rate_bpm") or 0.0) >= LOW_ST_BPM:
        return ()
    low = tuple(x for x in _depressible(c) if is_depressed(c, x, DIFFUSE_ST_MV))
    up = any((c.get("st_j_mv", x) or 0.0) >= DIFFUSE_UP_MV for x in ("aVR", "V1"))
    return low if len(low) >= DIFFUSE_LEADS and up else ()


@rule("ischaemia")
def st_depression_diffuse(c: Context) -> Statement | None:
    """ST low in six leads and more, aVR or V1 elevated: left main or several vessels."""
    low = diffuse_leads(c)
    if not low or acute_leads(c):
        return None
    facts = tuple(fact(c, "st_j_mv", "<=", DIFFUSE_ST_MV, source="esc_acs_2023", lead=x) for x in low)
    facts += tuple(
        fact(c, "st_j_mv", ">=", DIFFUSE_UP_MV, source="esc_acs_2023", lead=x)
        for x in ("aVR", "V1")
        if (c.get("st_j_mv", x) or 0.0) >= DIFFUSE_UP_MV
    )
    return Statement(code="st_depression_diffuse", certainty=_certainty(c), evidence=facts, leads=low)


def depressed_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with low ST that is level or falls, with a neighbour of the same kind."""
    if not st_judged(c):
        return ()
    return contiguous(c, [x for x in _depressible(c) if is_depressed(c, x) and _is_level(c, x)])


def _depressible(c: Context) -> tuple[str, ...]:
    """Return the leads whose low ST means something: not aVR, nor V1 to V3 in right bundle branch block."""
    out = {"aVR"} if rbbb_complete(c) is None else {"aVR", "V1", "V2", "V3"}
    return tuple(x for x in c.leads if x not in out)


def _is_level(c: Context, lead: str) -> bool:
    """Return whether ST does not rise behind J, or is still low by 0.1 mV 80 ms later."""
    j, later = c.get("st_j_mv", lead), c.get("st_j80_mv", lead)
    return j is not None and later is not None and (later <= j + LEVEL_ST_MV or later <= DIFFUSE_ST_MV)


@rule("ischaemia")
def st_depression(c: Context) -> Statement | None:
    """ST low by 0.05 mV and level in two neighbours, not as the mirror of an elevation."""
    leads = depressed_leads(c)
    if not leads or acute_leads(c) or infarction_posterior_acute(c):
        return None
    facts = tuple(fact(c, "st_j_mv", "<=", RECIPROCAL_MV, source="udmi4", lead=x) for x in leads)
    return Statement(code="st_depression", certainty=_certainty(c), evidence=facts, leads=leads)


def infarction_posterior_acute(c: Context) -> bool:
    """Return whether an acute posterior infarction is seen."""
    found = infarction_posterior(c)
    return found is not None and found.age == "acute"


def inverted_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with prevailing R and inverted T that have a neighbour of the same kind."""
    if not c.limits.adult or is_paced(c) or is_wide(c):
        return ()
    return contiguous(c, [x for x in (*_T_LEADS, "III") if deep_t(c, x) and r_prevails(c, x)])


@rule("ischaemia")
def t_inversion(c: Context) -> Statement | None:
    """T inverted by more than 0.1 mV in two neighbours where R prevails."""
    leads = inverted_leads(c)
    if not leads or wellens(c) is not None:
        return None
    facts = tuple(fact(c, "t_mv", "<=", T_INVERTED_MV, source="udmi4", lead=x) for x in leads)
    return Statement(code="t_inversion", evidence=facts, leads=leads)


@rule("ischaemia")
def st_t_nonspecific(c: Context) -> Statement | None:
    """T low, flat or shallowly inverted in two leads with a good R; nothing more definite is said of ST and T."""
    if not c.limits.adult or is_paced(c) or is_wide(c) or inverted_leads(c) or depressed_leads(c):
        return None
    if acute_leads(c) or diffuse_leads(c) or infarction_posterior_acute(c) or wellens(c) is not None:
        return None
    leads = tuple(x for x in _LOW_LEADS if _is_low(c, x))
    if len(leads) < 2:
        return None
    facts = tuple(fact(c, "t_mv", "<", _low_limit(c, x), source="aha_2009_iv", lead=x) for x in leads)
    return Statement(code="st_t_nonspecific", certainty="probable", evidence=facts, leads=leads)


def _low_limit(c: Context, lead: str) -> float:
    return LOW_T_SHARE * (c.get("r_mv", lead) or 0.0)


def _is_low(c: Context, lead: str) -> bool:
    r, t = c.get("r_mv", lead), c.get("t_mv", lead)
    return r is not None and t is not None and r >= LOW_T_R_MV and t < LOW_T_SHARE * r
