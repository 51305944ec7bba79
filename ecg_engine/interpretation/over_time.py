"""What the tables of a long recording add to the evidence of other statements."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context, fact
from ecg_engine.types import Evidence

#: Shorter RR are not in that table, ms.
_TABLE_MS: Final = 3000.0
#: Two measures of one interval differ by less, ms.
_SAME_MS: Final = 20.0

__all__ = ["facts", "fibrillation_over_time", "is_longest_hidden", "pauses_over_time", "runs_over_time"]


def facts(c: Context, source: str, *codes: str) -> tuple[Evidence, ...]:
    """Return those of the quantities that were measured, as evidence."""
    return tuple(fact(c, code, source=source) for code in codes if c.get(code) is not None)


def pauses_over_time(c: Context, told: str) -> tuple[Evidence, ...]:
    """Return how many pauses of 3 s and more there are, how long the longest is and when, but for what is told."""
    codes = [code for code in ("n_pauses_3s", "pause_longest_s", "pause_longest_at_h") if code != told]
    return facts(c, "ishne_hrs_2017", *codes)


def runs_over_time(c: Context, name: str) -> tuple[Evidence, ...]:
    """Return how many runs of ``"ventricular"`` or ``"supraventricular"`` beats there are, and the longest."""
    codes = (f"n_{name}_runs", f"{name}_runs_most_beats", f"{name}_runs_longest_bpm")
    return facts(c, "ishne_hrs_2017", *codes)


def fibrillation_over_time(c: Context) -> tuple[Evidence, ...]:
    """Return how much of the time the atria fibrillate, and the longest episode."""
    codes = ("fibrillation_burden_percent", "fibrillation_longest_min", "fibrillation_longest_at_h")
    return facts(c, "esc_af_2020", *codes)


def is_longest_hidden(c: Context) -> bool:
    """Return whether the longest RR of a long recording is none of the pauses of its table: noise hides part of it.

    Silence before the first beat or behind the last one is longer than any RR, and is not in that table.
    """
    silent, longest, rr_max = c.get("pause_s"), c.get("pause_longest_s"), c.get("rr_max_ms")
    if silent is None or rr_max is None or c.get("analysed_h") is None or rr_max < _TABLE_MS:
        return False
    if 1000 * silent > rr_max + _SAME_MS:
        return False
    return longest is None or 1000 * longest < rr_max - _SAME_MS
