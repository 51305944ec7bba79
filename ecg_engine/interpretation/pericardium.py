"""What pericarditis does between T and QRS: a depressed PR segment, and a line before P that falls."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context, fact
from ecg_engine.types import Evidence

#: PR is depressed from here on, mV, in so many leads, and raised by so much in aVR: injury of the atria points there
#: (Charles MA et al. 1973; Spodick DH 1974). The figures chosen: no plain normal ECG of a hundred has such a PR in two
#: leads.
PR_DEPRESSED_MV: Final = -0.08
PR_LEADS: Final = ("I", "II", "aVL", "aVF", "V2", "V3", "V4", "V5", "V6")
LEAST_PR_LEADS: Final = 2
AVR_RAISED_MV: Final = 0.04
#: Spodick's sign: the line between T and P falls by so much in two leads at least, mV (Witting MD et al. 2020).
TP_FALL_MV: Final = 0.1
LEAST_TP_LEADS: Final = 2


def pr_deviation(c: Context) -> tuple[Evidence, ...]:
    """Return PR of the leads in which it is depressed, and of aVR where it is raised; empty unless both hold."""
    low = [x for x in PR_LEADS if (c.get("pr_segment_mv", x) or 0.0) <= PR_DEPRESSED_MV]
    if len(low) < LEAST_PR_LEADS or (c.get("pr_segment_mv", "aVR") or 0.0) < AVR_RAISED_MV:
        return ()
    depressed = [fact(c, "pr_segment_mv", "<=", PR_DEPRESSED_MV, source="charles_1973", lead=x) for x in low]
    return (*depressed, fact(c, "pr_segment_mv", ">=", AVR_RAISED_MV, source="charles_1973", lead="aVR"))


def tp_slope(c: Context) -> tuple[Evidence, ...]:
    """Return the leads with Spodick's sign; empty with fewer than two."""
    falls = [x for x in c.leads if x not in ("aVR", "V1") and (c.get("tp_fall_mv", x) or 0.0) >= TP_FALL_MV]
    if len(falls) < LEAST_TP_LEADS:
        return ()
    return tuple(fact(c, "tp_fall_mv", ">=", TP_FALL_MV, source="witting_2020", lead=x) for x in falls)
