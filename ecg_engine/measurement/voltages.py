"""Sums of voltages that stand for hypertrophy, and the largest QRS of limb and chest leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ecg_engine.leads import LIMB_LEADS, PRECORDIAL_LEADS
from ecg_engine.vocabulary import drug_names

#: What is added to the Cornell voltage of a woman before it is multiplied by the QRS duration, mV: the 8 mm between
#: the limits for men and women (Okin PM et al. J Am Coll Cardiol 1995;25:417-423; later work of the group took 6 mm).
CORNELL_WOMAN_MV: Final = 0.8

#: Points of Romhilt and Estes (Am Heart J 1968;75:752-758), by what they are given for.
ROMHILT_ESTES: Final = {"voltage": 3, "strain": 3, "strain_on_digitalis": 1, "left_atrium": 3, "axis": 2, "qrs": 1,
                        "intrinsicoid": 1}  # fmt: skip
#: And the limits: R or S of a limb lead, S of V1 or V2, R of V5 or V6, mV; terminal force of P in V1 (1 mm for 40 ms),
#: mV·ms; axis, degrees; QRS and intrinsicoid time in V5 or V6, ms.
RE_LIMB_MV: Final = 2.0
RE_CHEST_MV: Final = 3.0
RE_TERMINAL_FORCE_MV_MS: Final = -4.0
RE_AXIS_DEG: Final = -30.0
RE_QRS_MS: Final = 90.0
RE_INTRINSICOID_MS: Final = 50.0
#: ST and T against an upright QRS in V5 or V6: ST at J+80 and T are both this low, mV, chosen (IEC's smallest wave and
#: half a small square, which no noise of a median beat makes).
RE_ST_MV: Final = -0.02
RE_T_MV: Final = -0.05

ByLead = Mapping[str, Mapping[str, float]]


def measure_voltages(
    by_lead: ByLead, overall: Mapping[str, float], *, sex: str | None = None, drugs: tuple[str, ...] = ()
) -> dict[str, float]:
    """Return the sums of voltages that the measured leads allow.

    Parameters
    ----------
    by_lead : mapping of str to mapping of str to float
        What `measure_leads` returns.
    overall : mapping of str to float
        What `measure_global` returns.
    sex : {"F", "M"}, optional
        The Cornell product is defined by sex: without it there is none.
    drugs : tuple of str
        Digitalis takes points from those of Romhilt and Estes.

    Returns
    -------
    dict of str to float
        By quantity code, mV, mV·ms, points; sums are positive. What needs a missing lead is absent.

    Notes
    -----
    Sokolow M, Lyon TP. Am Heart J 1949;37:161-186. Casale PN et al. (Cornell) Circulation 1987;75:565-572,
    doi:10.1161/01.CIR.75.3.565. Peguero JG et al. J Am Coll Cardiol 2017;69:1694-1703,
    doi:10.1016/j.jacc.2017.01.037.
    """
    out: dict[str, float] = {}
    if {"V1", "V5", "V6"} <= set(by_lead):
        out["sokolow_lyon_mv"] = depth(by_lead, "V1") + max(height(by_lead, "V5"), height(by_lead, "V6"))
    if {"aVL", "V3"} <= set(by_lead):
        out["cornell_mv"] = height(by_lead, "aVL") + depth(by_lead, "V3")
        if sex is not None and "qrs_ms" in overall:
            more = CORNELL_WOMAN_MV if sex == "F" else 0.0
            out["cornell_product_mv_ms"] = (out["cornell_mv"] + more) * overall["qrs_ms"]
    if set(LIMB_LEADS) | set(PRECORDIAL_LEADS) <= set(by_lead):
        out["peguero_mv"] = max(depth(by_lead, lead) for lead in by_lead) + depth(by_lead, "V4")
        out["romhilt_estes_points"] = float(romhilt_estes(by_lead, overall, drugs=drugs))
    for code, leads in (("limb_qrs_max_mv", LIMB_LEADS), ("chest_qrs_max_mv", PRECORDIAL_LEADS)):
        if set(leads) <= set(by_lead):
            out[code] = max(by_lead[lead].get("qrs_pp_mv", 0.0) for lead in leads)
    return out


def height(by_lead: ByLead, lead: str) -> float:
    """Return the higher of R and R' of a lead, mV; 0 without."""
    return max(by_lead[lead].get("r_mv", 0.0), by_lead[lead].get("r2_mv", 0.0))


def depth(by_lead: ByLead, lead: str) -> float:
    """Return the deeper of S and S' of a lead, mV, positive; 0 without. A QS is an S."""
    return max(0.0, -by_lead[lead].get("s_mv", 0.0), -by_lead[lead].get("s2_mv", 0.0))


def romhilt_estes(by_lead: ByLead, overall: Mapping[str, float], *, drugs: tuple[str, ...] = ()) -> int:
    """Return the points of Romhilt and Estes, of twelve leads; what was not measured gives none."""
    points = 0
    limb = max(max(height(by_lead, lead), depth(by_lead, lead)) for lead in LIMB_LEADS)
    right = max(depth(by_lead, "V1"), depth(by_lead, "V2"))
    left = max(height(by_lead, "V5"), height(by_lead, "V6"))
    if limb >= RE_LIMB_MV or right >= RE_CHEST_MV or left >= RE_CHEST_MV:
        points += ROMHILT_ESTES["voltage"]
    if any(_strained(by_lead[lead]) for lead in ("V5", "V6")):
        taken = any(drug.strip().lower().startswith(drug_names("digitalis")) for drug in drugs)
        points += ROMHILT_ESTES["strain_on_digitalis" if taken else "strain"]
    if by_lead["V1"].get("p_terminal_force_mv_ms", 0.0) <= RE_TERMINAL_FORCE_MV_MS:
        points += ROMHILT_ESTES["left_atrium"]
    if overall.get("qrs_axis_deg", 0.0) <= RE_AXIS_DEG and overall.get("qrs_axis_deg", 0.0) >= -90.0:
        points += ROMHILT_ESTES["axis"]
    if overall.get("qrs_ms", 0.0) >= RE_QRS_MS:
        points += ROMHILT_ESTES["qrs"]
    if max(by_lead[lead].get("intrinsicoid_ms", 0.0) for lead in ("V5", "V6")) >= RE_INTRINSICOID_MS:
        points += ROMHILT_ESTES["intrinsicoid"]
    return points


def _strained(lead: Mapping[str, float]) -> bool:
    """Return whether ST and T of a lead point against its upright QRS."""
    upright = lead.get("qrs_area_mv_ms", 0.0) > 0
    return upright and lead.get("st_j80_mv", 0.0) <= RE_ST_MV and lead.get("t_mv", 0.0) <= RE_T_MV
