"""A normal ECG: nothing abnormal is said, and everything that the word promises was looked at."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.av_intervals import PR_ERROR_MS
from ecg_engine.interpretation.conduction import INCOMPLETE_MS, R2_MV, delayed_leads
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.repolarisation import QT_ERROR_MS
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Evidence, Statement

#: What may stand beside a normal ECG: rhythms of the sinus node and variants of the healthy.
BESIDE_NORMAL: Final = frozenset(
    {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia", "early_repolarization"}
)
#: Sinus rates of the healthy, per minute; below 50 it is no longer normal by itself (ACC/AHA/HRS 2018,
#: doi:10.1161/CIR.0000000000000628, takes below 50 for sinus node dysfunction).
RATE_BPM: Final = (50.0, 100.0)
#: PR from here on, chosen: the textbooks' 120 ms less the 10 ms that IEC 60601-2-25 allows the measurement; delta waves
#: have a rule of their own. And up to where `av_block_1` begins.
PR_SHORT_MS: Final = 110.0
#: T is flat below this, mV, in these leads where R is taller than the next (AHA/ACCF/HRS 2009, part IV; in I alone it
#: is a matter of the axis too).
FLAT_T: Final = ("II", "V4", "V5", "V6")
FLAT_T_MV: Final = 0.1
FLAT_T_R_MV: Final = 0.3
#: R of V2 and V3 is taller than this, mV: at or below it Selvester's QRS score counts an anterior scar (Wagner GS
#: et al. Circulation 1982;65:342-347).
LEAST_R_MV: Final = {"V2": 0.1, "V3": 0.2}
#: T is upright in these leads of adults (AHA/ACCF/HRS 2009, part IV). Below a tenth of R, where R is as tall as 0.5 mV,
#: it is low; in one lead alone that is a matter of the axis.
T_UPRIGHT: Final = ("I", "II", "V3", "V4", "V5", "V6")
LOW_T_SHARE: Final = 0.1
TALL_R_MV: Final = 0.5
MAX_LOW_T: Final = 1
#: ST that deviates less at J + 60 ms is level, mV (fourth Universal Definition: 0.05 mV of depression counts).
ST_LEVEL_MV: Final = 0.05


@rule("whole", last=True)
def normal_ecg(c: Context) -> Statement | None:
    """Twelve leads, sinus rhythm, intervals, axis, R, ST and T of an adult within the limits, nothing abnormal said."""
    if not c.limits.adult or not _is_complete(c) or not _is_sinus(c) or not c.said <= BESIDE_NORMAL:
        return None
    if not (_intervals_normal(c) and _r_normal(c) and _t_normal(c) and _st_level(c)):
        return None
    return Statement(code="normal_ecg", certainty="probable", evidence=_evidence(c))


def _is_complete(c: Context) -> bool:
    return all(lead in c.measurements.by_lead for lead in STANDARD_LEADS)


def _is_sinus(c: Context) -> bool:
    return bool({"sinus_rhythm", "sinus_bradycardia"} & c.said)


def _intervals_normal(c: Context) -> bool:
    rate, pr, qrs, qtc = (c.get(code) for code in ("heart_rate_bpm", "pr_ms", "qrs_ms", "qtc_fridericia_ms"))
    if rate is None or pr is None or qrs is None or qtc is None:
        return False
    # Beyond 110 ms the guideline calls a QRS delayed: within the error of its width it is where it is notched besides.
    if qrs > INCOMPLETE_MS and delayed_leads(c):
        return False
    return (
        RATE_BPM[0] <= rate <= RATE_BPM[1]
        and PR_SHORT_MS <= pr < c.limits.pr_long_ms + PR_ERROR_MS
        and qrs < c.limits.qrs_wide_ms
        and qtc < c.limits.qtc_long_ms + QT_ERROR_MS
    )


def _r_normal(c: Context) -> bool:
    """Return whether R grows as it should from V1 on, without a second one in V1."""
    if (c.get("r2_mv", "V1") or 0.0) >= R2_MV:
        return False
    return all((c.get("r_mv", lead) or 0.0) > least for lead, least in LEAST_R_MV.items())


def _t_normal(c: Context) -> bool:
    waves = [(c.get("t_mv", lead), c.get("r_mv", lead) or 0.0) for lead in T_UPRIGHT]
    if any(t is None or t <= 0 for t, _ in waves):
        return False
    if any(_is_flat(c, lead) for lead in FLAT_T):
        return False
    return sum(r >= TALL_R_MV and t < LOW_T_SHARE * r for t, r in waves if t is not None) <= MAX_LOW_T


def _is_flat(c: Context, lead: str) -> bool:
    return (c.get("r_mv", lead) or 0.0) >= FLAT_T_R_MV and (c.get("t_mv", lead) or 0.0) < FLAT_T_MV


def _st_level(c: Context) -> bool:
    """Return whether no lead but aVR and V1 has depressed ST; True where the filters let nothing be said of ST."""
    found = [c.get("st_j60_mv", lead) for lead in STANDARD_LEADS if lead not in ("aVR", "V1")]
    return all(st is None or st > -ST_LEVEL_MV for st in found)


def _evidence(c: Context) -> tuple[Evidence, ...]:
    sources = {
        "heart_rate_bpm": "acc_brady_2018", "pr_ms": "aha_2009_iii", "qrs_ms": "aha_2009_iii",
        "qtc_fridericia_ms": "aha_2009_iv", "qrs_axis_deg": "aha_2009_iii",
    }  # fmt: skip
    return tuple(fact(c, code, source=source) for code, source in sources.items() if c.get(code) is not None)
