"""What a long recording shows over time: the lines of a Holter conclusion that are statements.

What such a conclusion holds: ISHNE/HRS 2017 (doi:10.1016/j.hrthm.2017.03.038).
"""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.basic import is_any_paced, is_flutter, is_paced
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.over_time import facts, fibrillation_over_time
from ecg_engine.types import Evidence, Statement

#: A share of the beats is a burden from so much analysed time on, hours; chosen: in a few minutes chance makes it.
LEAST_H: Final = 0.25
#: From this share of ventricular beats on, %, a cardiomyopathy may be theirs (2022 ESC guidelines on ventricular
#: arrhythmias).
VENTRICULAR_PERCENT: Final = 10.0
#: And up to this one, %: what is most of the beats is a rhythm, and no premature beat of it.
MOST_PERCENT: Final = 50.0
#: From so many supraventricular premature beats an hour, or from a run of so many on, their activity is excessive
#: (Binici Z et al. 2010).
SUPRAVENTRICULAR_AN_HOUR: Final = 30.0
SUPRAVENTRICULAR_RUN_BEATS: Final = 20.0


def _long_enough(c: Context) -> bool:
    return (c.get("analysed_h") or 0.0) >= LEAST_H


@rule("long")
def atrial_fibrillation_episodes(c: Context) -> Statement | None:
    """Atrial fibrillation for 30 s or more, in parts of a long recording."""
    if c.get("n_fibrillation_episodes") is None or is_paced(c):
        return None
    evidence = (fact(c, "n_fibrillation_episodes", ">=", 1.0, source="esc_af_2020"), *fibrillation_over_time(c))
    return Statement(code="atrial_fibrillation_episodes", certainty="probable", evidence=evidence)


@rule("long")
def frequent_ventricular_ectopy(c: Context) -> Statement | None:
    """Ventricular premature beats are a tenth of all beats or more, and no more than half; not under a pacemaker."""
    share = c.get("ventricular_burden_percent")
    if share is None or not VENTRICULAR_PERCENT <= share <= MOST_PERCENT or not _long_enough(c) or is_any_paced(c):
        return None
    evidence = (
        fact(c, "ventricular_burden_percent", ">=", VENTRICULAR_PERCENT, source="esc_va_2022"),
        *facts(c, "ishne_hrs_2017", "ventricular_an_hour"),
    )
    return Statement(code="frequent_ventricular_ectopy", certainty="probable", evidence=evidence)


@rule("long")
def frequent_supraventricular_ectopy(c: Context) -> Statement | None:
    """Thirty supraventricular premature beats an hour or more, or a run of twenty, outside fibrillation and flutter."""
    if not _long_enough(c) or is_paced(c) or is_flutter(c):
        return None
    often, run = c.get("supraventricular_an_hour"), c.get("supraventricular_runs_most_beats")
    evidence: list[Evidence] = []
    if often is not None and often >= SUPRAVENTRICULAR_AN_HOUR:
        evidence.append(fact(c, "supraventricular_an_hour", ">=", SUPRAVENTRICULAR_AN_HOUR, source="binici_2010"))
    if run is not None and run >= SUPRAVENTRICULAR_RUN_BEATS:
        limit = SUPRAVENTRICULAR_RUN_BEATS
        evidence.append(fact(c, "supraventricular_runs_most_beats", ">=", limit, source="binici_2010"))
    if not evidence:
        return None
    evidence += facts(c, "ishne_hrs_2017", "supraventricular_burden_percent")
    # Many ventricular beats make ordinary ones look early.
    many = (c.get("ventricular_burden_percent") or 0.0) >= VENTRICULAR_PERCENT
    certainty = "possible" if many else "probable"
    return Statement(code="frequent_supraventricular_ectopy", certainty=certainty, evidence=tuple(evidence))


@rule("long")
def slow_hours(c: Context) -> Statement | None:
    """Mean rate of an hour or more below 50 per minute, or below the limit of a child's age."""
    if c.get("n_slow_hours") is None:
        return None
    evidence = facts(c, "acc_brady_2018", "n_slow_hours", "slowest_hour_bpm", "rate_min_bpm")
    return Statement(code="slow_hours", evidence=evidence)


@rule("long")
def fast_hours(c: Context) -> Statement | None:
    """Mean rate of an hour or more above 100 per minute, or above the limit of a child's age."""
    if c.get("n_fast_hours") is None:
        return None
    evidence = facts(c, "acc_svt_2015", "n_fast_hours", "fastest_hour_bpm", "rate_max_bpm")
    return Statement(code="fast_hours", evidence=evidence)
