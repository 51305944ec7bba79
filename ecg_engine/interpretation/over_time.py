"""What the tables of a long recording add to the evidence of other statements."""

from __future__ import annotations

from ecg_engine.interpretation.context import Context, fact
from ecg_engine.types import Evidence

__all__ = ["facts", "fibrillation_over_time", "pauses_over_time", "runs_over_time"]


def facts(c: Context, source: str, *codes: str) -> tuple[Evidence, ...]:
    """Return those of the quantities that were measured, as evidence."""
    return tuple(fact(c, code, source=source) for code in codes if c.get(code) is not None)


def pauses_over_time(c: Context) -> tuple[Evidence, ...]:
    """Return how many pauses of 3 s and more there are, how long the longest is and when."""
    return facts(c, "ishne_hrs_2017", "n_pauses_3s", "pause_longest_s", "pause_longest_at_h")


def runs_over_time(c: Context, name: str) -> tuple[Evidence, ...]:
    """Return how many runs of ``"ventricular"`` or ``"supraventricular"`` beats there are, and the longest."""
    codes = (f"n_{name}_runs", f"{name}_runs_most_beats", f"{name}_runs_longest_bpm")
    return facts(c, "ishne_hrs_2017", *codes)


def fibrillation_over_time(c: Context) -> tuple[Evidence, ...]:
    """Return how much of the time the atria fibrillate, and the longest episode."""
    codes = ("fibrillation_burden_percent", "fibrillation_longest_min", "fibrillation_longest_at_h")
    return facts(c, "esc_af_2020", *codes)
