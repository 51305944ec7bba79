"""Premature beats: atrial and ventricular, single, in couplets, every second or third, in runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ecg_engine.interpretation.basic import is_fibrillation, is_flutter, is_paced
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.over_time import runs_over_time
from ecg_engine.interpretation.ventricular import is_fast_ventricular
from ecg_engine.types import Evidence, Statement

#: So many premature beats, each after one ordinary beat (bigeminy) or after two (trigeminy), are a pattern.
PATTERN_BEATS: Final = 3
#: Three premature beats in a row or more are a run (AHA/ACC/HRS 2017, definition 2.2).
RUN_BEATS: Final = 3


def _evidence(c: Context, name: str) -> tuple[Evidence, ...]:
    codes = (
        f"n_premature_{name}", f"premature_{name}_rr_ms", "rr_ms", f"premature_{name}_pause_percent",
        f"premature_{name}_qrs_ms",
    )  # fmt: skip
    source = "acc_va_2017" if name == "ventricular" else "acc_svt_2015"
    return tuple(fact(c, code, source=source) for code in codes if c.get(code) is not None)


@rule("premature")
def premature_ventricular_complex(c: Context) -> Statement | None:
    """Beats of ventricular shape, wide and early."""
    if c.get("n_premature_ventricular") is None or c.get("rr_ms") is None:
        return None
    # In fibrillation every beat may be early, and aberrant conduction looks the same.
    certainty = "probable" if is_fibrillation(c) else "definite"
    return Statement(code="premature_ventricular_complex", certainty=certainty, evidence=_evidence(c, "ventricular"))


@rule("premature")
def premature_atrial_complex(c: Context) -> Statement | None:
    """Early beats of the usual shape, where the rhythm is not irregular by itself."""
    if c.get("n_premature_atrial") is None or is_paced(c) or is_fibrillation(c) or is_flutter(c):
        return None
    return Statement(code="premature_atrial_complex", certainty="probable", evidence=_evidence(c, "atrial"))


def _pattern(c: Context, code: str, quantity: str, least: int, source: str) -> Statement | None:
    beats = c.get(quantity)
    if beats is None or beats < least:
        return None
    return Statement(code=code, evidence=(fact(c, quantity, ">=", float(least), source=source),))


@rule("premature")
def ventricular_bigeminy(c: Context) -> Statement | None:
    """Every second beat ventricular, three times or more."""
    return _pattern(c, "ventricular_bigeminy", "ventricular_bigeminy_beats", PATTERN_BEATS, "acc_va_2017")


@rule("premature")
def ventricular_trigeminy(c: Context) -> Statement | None:
    """Every third beat ventricular, three times or more."""
    return _pattern(c, "ventricular_trigeminy", "ventricular_trigeminy_beats", PATTERN_BEATS, "acc_va_2017")


@rule("premature")
def ventricular_couplet(c: Context) -> Statement | None:
    """Two ventricular beats in a row."""
    if c.get("n_premature_ventricular") is None or is_fast_ventricular(c):
        return None
    return _pattern(c, "ventricular_couplet", "n_ventricular_couplets", 1, "acc_va_2017")


@rule("premature")
def atrial_bigeminy(c: Context) -> Statement | None:
    """Every second beat atrial and early, three times or more."""
    if premature_atrial_complex(c) is None:
        return None
    return _pattern(c, "atrial_bigeminy", "atrial_bigeminy_beats", PATTERN_BEATS, "acc_svt_2015")


@rule("premature")
def atrial_couplet(c: Context) -> Statement | None:
    """Two early atrial beats in a row."""
    if premature_atrial_complex(c) is None:
        return None
    return _pattern(c, "atrial_couplet", "n_atrial_couplets", 1, "acc_svt_2015")


@rule("premature")
def atrial_run(c: Context) -> Statement | None:
    """Three early atrial beats in a row or more."""
    if premature_atrial_complex(c) is None:
        return None
    run = _pattern(c, "atrial_run", "atrial_run_longest_beats", RUN_BEATS, "acc_svt_2015")
    return None if run is None else replace(run, evidence=run.evidence + runs_over_time(c, "supraventricular"))
