"""Fast rhythms of the ventricles: fibrillation and flutter, tachycardia, short runs."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.over_time import runs_over_time
from ecg_engine.types import Evidence, Statement

#: VF filter leakage up to here is flutter or fibrillation: the deflections have no rests between them, % (Amann et al.
#: 2005, doi:10.1186/1475-925X-4-60). Tachycardia leaves more of itself.
VF_LEAKAGE_PERCENT: Final = 40.6
#: It is called only above so many deflections a minute: slower ones are tachycardia, or no heart's.
VF_BPM: Final = 150.0
#: From here the likelihood makes the statement probable rather than possible, %.
PROBABLE_PERCENT: Final = 80.0
#: Three ventricular beats in a row at 100 per minute or more are a run (AHA/ACC/HRS 2017, definition 2.2).
RUN_BEATS: Final = 3
RUN_BPM: Final = 100.0
#: What is so like the usual beat, %, and as fast as the whole recording to so much of its rate, is its usual rhythm.
USUAL_PERCENT: Final = 90.0
SAME_RATE: Final = 0.15
#: A fast ventricular rhythm through so much of the recording leaves no other rhythm to be named.
MOST_OF_IT: Final = 0.5


def is_fast_ventricular(c: Context) -> bool:
    """Return whether a stretch of the recording looks like a fast rhythm of the ventricles."""
    return c.get("fast_ventricular_percent") is not None and not _is_usual_rhythm(c)


def _is_usual_rhythm(c: Context) -> bool:
    """Return whether the stretch is the rhythm of the whole, and this is narrow, led by P waves, or not fast."""
    like, found, rate = c.get("usual_beat_percent"), c.get("fast_ventricular_bpm"), c.get("heart_rate_bpm")
    if like is None or found is None or rate is None or like < USUAL_PERCENT:
        return False
    if abs(found - rate) > SAME_RATE * rate or (c.get("ventricular_run_beats") or 0.0) >= RUN_BEATS:
        return False
    width = c.get("qrs_ms")
    return rate < RUN_BPM or c.get("pr_ms") is not None or (width is not None and width < c.limits.qrs_wide_ms)


def is_mostly_ventricular(c: Context) -> bool:
    """Return whether most of the recording looks so: then nothing else is said of the rhythm."""
    lasting = c.get("fast_ventricular_s")
    return lasting is not None and lasting >= MOST_OF_IT * c.duration_s and is_fast_ventricular(c)


def _fibrillates(c: Context) -> bool:
    leakage, rate = c.get("vf_leakage_percent"), c.get("fast_ventricular_bpm")
    return leakage is not None and rate is not None and leakage <= VF_LEAKAGE_PERCENT and rate >= VF_BPM


def _certainty(c: Context) -> str:
    return "probable" if (c.get("fast_ventricular_percent") or 0.0) >= PROBABLE_PERCENT else "possible"


def _evidence(c: Context) -> tuple[Evidence, ...]:
    codes = ("fast_ventricular_percent", "fast_ventricular_s", "ventricular_evenness_percent", "usual_beat_percent")
    return tuple(fact(c, code, source="li_2014") for code in codes if c.get(code) is not None)


@rule("ventricular")
def ventricular_fibrillation(c: Context) -> Statement | None:
    """Fast waves without rests between them, as the VF filter sees them."""
    if not is_fast_ventricular(c) or not _fibrillates(c):
        return None
    evidence = (
        fact(c, "vf_leakage_percent", "<=", VF_LEAKAGE_PERCENT, source="amann_2005"),
        fact(c, "fast_ventricular_bpm", ">=", VF_BPM, source="acc_va_2017"),
        *_evidence(c),
    )
    return Statement(code="ventricular_fibrillation", certainty=_certainty(c), evidence=evidence)


@rule("ventricular")
def ventricular_tachycardia(c: Context) -> Statement | None:
    """Fast even deflections, wide and unlike the usual beat, that are no fibrillation."""
    if not is_fast_ventricular(c) or _fibrillates(c):
        return None
    rate = [fact(c, "fast_ventricular_bpm", source="acc_va_2017")] if c.get("fast_ventricular_bpm") is not None else []
    return Statement(
        code="ventricular_tachycardia",
        certainty=_certainty(c),
        evidence=(*rate, *_evidence(c), *runs_over_time(c, "ventricular")),
    )


@rule("ventricular")
def ventricular_run(c: Context) -> Statement | None:
    """Three ventricular beats or more in a row, by their classes, where the leads do not prove a tachycardia."""
    beats = c.get("ventricular_run_beats")
    if beats is None or beats < RUN_BEATS or is_fast_ventricular(c):
        return None
    evidence = [fact(c, "ventricular_run_beats", ">=", float(RUN_BEATS), source="acc_va_2017")]
    if c.get("ventricular_run_bpm") is not None:
        evidence.append(fact(c, "ventricular_run_bpm", ">=", RUN_BPM, source="acc_va_2017"))
    evidence += runs_over_time(c, "ventricular")
    return Statement(code="ventricular_run", certainty="possible", evidence=tuple(evidence))
