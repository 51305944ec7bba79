"""What is wrong with the recording: flat, lost and noisy leads, electrodes exchanged, a heart on the right."""

from __future__ import annotations

import math
from typing import Final

from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.leads import LIMB_LEADS, PRECORDIAL_LEADS
from ecg_engine.types import Evidence, Statement

#: P, QRS and T upside down in I, QRS upright in aVR, while V6 looks as ever: dextrocardia would turn V6 over too
#: (AHA/ACC/HRS 2007, part I). Only where the leads for the weighed sums are not there.
_MIN_MV: Final = 0.03
#: Dextrocardia is some hundred times rarer than exchanged arm electrodes: so much must its log odds be above theirs.
_RARER: Final = 2.0
#: Both feet have nearly one potential: a lead between them has less than this share of the other limb leads' QRS (of
#: 577 ordinary recordings the least was 0.11), and of their P and T, or no more than noise of it, mV.
_FLAT_SHARE: Final = 0.08
_FLAT_MV: Final = 0.02
#: A lead that is off for so long is named, with its time, s: a second alone may be a loose cable that was touched.
_LOST_S: Final = 2.0
_LIMB_LOGITS: Final = ("swap_arms_logit", "swap_arm_leg_logit", "mirrored_heart_logit")
_LOST: Final = ("flat", "saturated", "lead_off")


@rule("technical")
def lead_reversal(c: Context) -> Statement | None:
    """P, QRS and T in the frontal plane against V1, V5 and V6 as after an exchange of limb electrodes; not if paced."""
    arms, leg, mirrored = (c.get(code) for code in _LIMB_LOGITS)
    # The weights know adults only.
    if arms is None or leg is None or mirrored is None or not c.limits.adult:
        return _arms_by_hand(c)
    if max(arms, leg) <= 0 or mirrored - max(arms, leg) > _RARER or is_paced(c):
        return None
    leads: tuple[str, ...] = LIMB_LEADS
    code = "swap_arm_leg_logit"
    if arms >= leg:
        code, leads = "swap_arms_logit", tuple(lead for lead in LIMB_LEADS if lead != "aVF")
    evidence = [fact(c, code, ">", 0.0, source="fitted_electrodes")]
    for quantity, lead in (("p_mv", "I"), ("t_mv", "I"), ("r_mv", "aVR"), ("r_mv", "V6")):
        if c.get(quantity, lead) is not None:
            evidence.append(fact(c, quantity, source="aha_2007_i", lead=lead))
    return Statement(code="lead_reversal", certainty="probable", evidence=tuple(evidence), leads=leads)


def _arms_by_hand(c: Context) -> Statement | None:
    p, t = c.get("p_mv", "I"), c.get("t_mv", "I")
    r, s = c.get("r_mv", "I") or 0.0, min(c.get("s_mv", "I") or 0.0, c.get("q_mv", "I") or 0.0)
    upright = c.get("r_mv", "V6") or 0.0
    if p is None or t is None or c.get("qrs_pp_mv", "aVR") is None or c.get("qrs_pp_mv", "V6") is None:
        return None
    up_avr = (c.get("r_mv", "aVR") or 0.0) + min(c.get("s_mv", "aVR") or 0.0, c.get("q_mv", "aVR") or 0.0)
    down_v6 = min(c.get("s_mv", "V6") or 0.0, c.get("q_mv", "V6") or 0.0)
    if p > -_MIN_MV or r + s > -_MIN_MV or t > 0 or up_avr < 0 or upright + down_v6 <= 0:
        return None
    evidence = (
        fact(c, "p_mv", "<", 0.0, source="aha_2007_i", lead="I"),
        fact(c, "s_mv" if c.get("s_mv", "I") is not None else "q_mv", source="aha_2007_i", lead="I"),
        fact(c, "r_mv", source="aha_2007_i", lead="V6"),
    )
    return Statement(code="lead_reversal", certainty="probable", evidence=evidence, leads=("I", "aVR"))


@rule("technical")
def dextrocardia(c: Context) -> Statement | None:
    """Limb leads as after an exchange of the arms, and the chest leads of a heart that lies on the right."""
    arms, leg, mirrored = (c.get(code) for code in _LIMB_LOGITS)
    if arms is None or leg is None or mirrored is None or is_paced(c) or not c.limits.adult:
        return None
    if mirrored <= 0 or mirrored - max(arms, leg, 0.0) <= _RARER:
        return None
    evidence = [fact(c, "mirrored_heart_logit", ">", 0.0, source="fitted_electrodes")]
    for quantity, lead in (("p_mv", "I"), ("r_mv", "V1"), ("r_mv", "V6")):
        if c.get(quantity, lead) is not None:
            evidence.append(fact(c, quantity, source="aha_2007_i", lead=lead))
    return Statement(code="dextrocardia", certainty="possible", evidence=tuple(evidence), leads=("I", "aVR", "V6"))


@rule("technical")
def leg_electrode_reversal(c: Context) -> Statement | None:
    """One of I, II and III hardly moves while the two others do: its two electrodes are both on the legs."""
    by_lead = {lead: c.get("qrs_pp_mv", lead) for lead in ("I", "II", "III")}
    values = {lead: value for lead, value in by_lead.items() if value is not None}
    if len(values) < 3:
        return None
    least, most = min(values, key=lambda lead: values[lead]), max(values.values())
    limit = _FLAT_SHARE * most
    if values[least] >= limit or any(_has_wave(c, code, least) for code in ("p_mv", "t_mv")):
        return None
    evidence = (fact(c, "qrs_pp_mv", "<", limit, source="aha_2007_i", lead=least),)
    return Statement(code="leg_electrode_reversal", certainty="probable", evidence=evidence, leads=(least,))


def _has_wave(c: Context, code: str, lead: str) -> bool:
    """Return whether a limb lead has more of a wave than one between the feet could have."""
    sizes = {name: abs(c.get(code, name) or 0.0) for name in ("I", "II", "III")}
    return sizes[lead] > max(_FLAT_MV, _FLAT_SHARE * max(sizes.values()))


@rule("technical")
def precordial_reversal(c: Context) -> Statement | None:
    """Chest leads more like a row in which two, or all, are exchanged than like a row in order; not if paced."""
    moved = [lead for lead in PRECORDIAL_LEADS if (c.get("swap_logit", lead) or 0.0) > 0]
    if not moved or is_paced(c) or not c.limits.adult:
        return None
    evidence = tuple(fact(c, "swap_logit", ">", 0.0, source="fitted_electrodes", lead=lead) for lead in moved)
    return Statement(code="precordial_reversal", certainty="possible", evidence=evidence, leads=tuple(moved))


@rule("technical")
def lead_lost(c: Context) -> Statement | None:
    """Leads that can be used but are flat, saturated or off for a while, where others are not."""
    lost = {}
    usable = c.quality.usable_leads
    for name in usable:
        spells = [s for s in c.quality.by_lead[name].spells if s.reason in _LOST and s.stop_s - s.start_s >= _LOST_S]
        if spells:
            lost[name] = (min(s.start_s for s in spells), max(s.stop_s for s in spells))
    if not lost or len(lost) == len(usable):
        return None
    evidence = tuple(
        Evidence(measurement=code, value=value, lead=name, source="iec_60601_2_25")
        for name, times in lost.items()
        for code, value in zip(("lost_from_s", "lost_to_s"), times, strict=True)
    )
    return Statement(code="lead_lost", evidence=evidence, leads=tuple(lost))


@rule("technical")
def lead_flat(c: Context) -> Statement | None:
    """Leads without a signal."""
    flat = {name: q for name, q in c.quality.by_lead.items() if "flat" in q.reasons or "missing" in q.reasons}
    if not flat:
        return None
    evidence = tuple(
        Evidence(measurement="gap_fraction", value=q.gap_fraction, lead=name, source="iec_60601_2_25")
        if "missing" in q.reasons
        else Evidence(measurement="flat_fraction", value=q.flat_fraction, lead=name, source="iec_60601_2_25")
        for name, q in flat.items()
    )
    return Statement(code="lead_flat", evidence=evidence, leads=tuple(flat))


@rule("technical")
def lead_noisy(c: Context) -> Statement | None:
    """Leads with noise."""
    noisy = {name: q for name, q in c.quality.by_lead.items() if "noisy" in q.reasons}
    if not noisy:
        return None
    evidence = tuple(
        Evidence(measurement="noise_mv", value=q.noise_mv, lead=name, source="iec_60601_2_25")
        for name, q in noisy.items()
        if not math.isnan(q.noise_mv)
    )
    return Statement(code="lead_noisy", evidence=evidence, leads=tuple(noisy))
