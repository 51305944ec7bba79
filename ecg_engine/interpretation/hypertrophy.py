"""Hypertrophy of the ventricles by named criteria, and low voltage.

AHA/ACCF/HRS 2009, part V (doi:10.1161/CIRCULATIONAHA.108.191097): several criteria are to be looked at, the report
names those that hold, and none is to be used where a bundle branch block or pre-excitation makes the voltages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ecg_engine.interpretation.conduction import (
    height,
    is_lbbb,
    is_measured,
    is_rbbb_shape,
    is_ventricular_shape,
    is_wide,
    late_depth,
)
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.leads import LIMB_LEADS, PRECORDIAL_LEADS
from ecg_engine.types import Evidence, Statement

#: S of V1 and R of V5 or V6, mV (Sokolow, Lyon 1949).
SOKOLOW_LYON_MV: Final = 3.5
#: Cornell product, mV·ms (Okin 1995: 2440 mm·ms).
CORNELL_PRODUCT_MV_MS: Final = 244.0
#: R of aVL, mV (Sokolow, Lyon 1949).
R_AVL_MV: Final = 1.1
#: Points of Romhilt and Estes (1968) for a definite hypertrophy.
ROMHILT_ESTES_POINTS: Final = 5.0
#: The chest leads of slender and younger people reach the voltages without hypertrophy: below this age, years, voltage
#: alone is not called (part V: criteria should depend on age; the common lower bound of the voltage criteria is 35).
VOLTAGE_AGE_YEARS: Final = 35.0
#: ST and T against an upright QRS in V5 or V6, mV: at J+80 and T (part IV: T is inverted from 0.1 mV on).
STRAIN_ST_MV: Final = -0.03
STRAIN_T_MV: Final = -0.1

#: Right ventricular hypertrophy (part V, table 3), mV and ratios, and how many of them must stand beside a right axis.
RVH_AXIS_DEG: Final = 90.0
RVH_R_V1_MV: Final = 0.6
RVH_S_V5_MV: Final = 1.0
RVH_S_V6_MV: Final = 0.3
RVH_R_AVR_MV: Final = 0.4
RVH_R_PLUS_S_MV: Final = 1.05
RVH_MIN: Final = 2

#: Low voltage: QRS of every limb lead, of every chest lead, below, mV (AHA/ACC/HRS 2007, part II).
LOW_LIMB_MV: Final = 0.5
LOW_CHEST_MV: Final = 1.0


def lvh_criteria(c: Context) -> dict[str, Evidence]:
    """Return the named criteria of left ventricular hypertrophy that hold, with what they rest on."""
    limits = {
        "sokolow_lyon": ("sokolow_lyon_mv", None, ">=", SOKOLOW_LYON_MV, "sokolow_1949"),
        "cornell": ("cornell_mv", None, ">", c.limits.cornell_mv, "casale_1987"),
        "cornell_product": ("cornell_product_mv_ms", None, ">", CORNELL_PRODUCT_MV_MS, "okin_1995"),
        "peguero": ("peguero_mv", None, ">=", c.limits.peguero_mv, "peguero_2017"),
        "r_avl": ("r_mv", "aVL", ">", R_AVL_MV, "sokolow_1949"),
        "romhilt_estes": ("romhilt_estes_points", None, ">=", ROMHILT_ESTES_POINTS, "romhilt_1968"),
    }
    found = {}
    for name, (code, lead, relation, limit, source) in limits.items():
        value = c.get(code, lead)
        if value is not None and (value >= limit if relation == ">=" else value > limit):
            found[name] = fact(c, code, relation, limit, source=source, lead=lead)
    return found


def strained_leads(c: Context) -> tuple[str, ...]:
    """Return those of V5 and V6 whose ST and T point against an upright QRS."""
    return tuple(
        lead
        for lead in ("V5", "V6")
        if (c.get("qrs_area_mv_ms", lead) or 0.0) > 0
        and (c.get("st_j80_mv", lead) or 0.0) <= STRAIN_ST_MV
        and (c.get("t_mv", lead) or 0.0) <= STRAIN_T_MV
    )


def _is_judged(c: Context) -> bool:
    return c.limits.adult and not is_ventricular_shape(c)


@rule("chambers")
def lvh(c: Context) -> Statement | None:
    """Sokolow-Lyon from 35 years on, or any criterion of voltage with ST and T against QRS; the evidence names all.

    The Cornell, Peguero and aVL voltages without such ST-T are listed where the statement is made, but do not make it:
    by themselves each calls more of the healthy than it adds.
    """
    if not _is_judged(c) or is_lbbb(c):
        return None
    found = lvh_criteria(c)
    strain = strained_leads(c)
    old = c.patient.age_years is None or c.patient.age_years >= VOLTAGE_AGE_YEARS
    by_voltage = bool(found.keys() - {"romhilt_estes"})
    if not (("sokolow_lyon" in found and old) or (by_voltage and strain)):
        return None
    evidence = [*found.values(), *(fact(c, "t_mv", "<=", STRAIN_T_MV, source="aha_2009_v", lead=x) for x in strain)]
    certainty = "definite" if strain and len(found) > 1 else "probable"
    return Statement(code="lvh", certainty=certainty, evidence=tuple(evidence))


_Criterion = tuple[Callable[[Context], bool], tuple[tuple[str, str], ...]]

#: Each criterion of right ventricular hypertrophy, and the measurements that show it.
_RVH: Final[tuple[_Criterion, ...]] = (
    (lambda c: height(c, "V1") > RVH_R_V1_MV, (("r_mv", "V1"),)),
    (lambda c: height(c, "V1") > late_depth(c, "V1"), (("r_mv", "V1"), ("s_mv", "V1"))),
    (lambda c: late_depth(c, "V5") > RVH_S_V5_MV, (("s_mv", "V5"),)),
    (lambda c: late_depth(c, "V6") > RVH_S_V6_MV, (("s_mv", "V6"),)),
    (lambda c: height(c, "aVR") > RVH_R_AVR_MV, (("r_mv", "aVR"),)),
    (
        lambda c: height(c, "V1") + max(late_depth(c, "V5"), late_depth(c, "V6")) > RVH_R_PLUS_S_MV,
        (("r_mv", "V1"), ("s_mv", "V5"), ("s_mv", "V6")),
    ),
)


@rule("chambers")
def rvh(c: Context) -> Statement | None:
    """Axis beyond 90 degrees with two of: R or R/S of V1, S of V5 or V6, R of aVR, R of V1 with S of V5 or V6."""
    axis = c.get("qrs_axis_deg")
    if axis is None or axis <= RVH_AXIS_DEG or not _is_judged(c) or is_wide(c) or is_rbbb_shape(c):
        return None
    if not is_measured(c, "V1", "V5", "V6", "aVR"):
        return None
    holding = [shown for holds, shown in _RVH if holds(c)]
    if len(holding) < RVH_MIN:
        return None
    shapes = dict.fromkeys(one for shown in holding for one in shown if c.get(*one) is not None)
    evidence = [fact(c, "qrs_axis_deg", ">", RVH_AXIS_DEG, source="aha_2009_v")]
    evidence += [fact(c, code, source="aha_2009_v", lead=lead) for code, lead in shapes]
    certainty = "probable" if len(holding) > RVH_MIN else "possible"
    return Statement(code="rvh", certainty=certainty, evidence=tuple(evidence), leads=("V1", "V6"))


@rule("chambers")
def low_voltage(c: Context) -> Statement | None:
    """QRS below 0.5 mV in every limb lead, or below 1.0 mV in every chest lead; definite where both hold."""
    if not _is_judged(c):
        return None
    parts = (("limb_qrs_max_mv", LOW_LIMB_MV, LIMB_LEADS), ("chest_qrs_max_mv", LOW_CHEST_MV, PRECORDIAL_LEADS))
    low = [(code, limit, leads) for code, limit, leads in parts if (c.get(code) or limit) < limit]
    if not low:
        return None
    return Statement(
        code="low_voltage",
        certainty="definite" if len(low) == len(parts) else "probable",
        evidence=tuple(fact(c, code, "<", limit, source="aha_2007_ii") for code, limit, _ in low),
        leads=tuple(lead for *_, leads in low for lead in leads),
    )
