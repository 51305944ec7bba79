"""What is wrong with the recording: flat and noisy leads, arm electrodes exchanged."""

from __future__ import annotations

import math
from typing import Final

from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.types import Evidence, Statement

#: P, QRS and T upside down in I, QRS upright in aVR, while V6 looks as ever: dextrocardia would turn V6 over too
#: (AHA/ACC/HRS 2007, part I).
_MIN_MV: Final = 0.03


@rule("technical")
def lead_reversal(c: Context) -> Statement | None:
    """Lead I upside down in all its waves, aVR upright, V6 as ever: the arm electrodes are exchanged."""
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
