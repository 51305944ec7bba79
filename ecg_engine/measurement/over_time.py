"""What the tables of a long recording say in figures that rules can look at."""

from __future__ import annotations

from typing import Final

from ecg_engine.types.long import Episode, LongSummary

__all__ = ["SLOW_HOUR_S", "over_time"]

#: An hour of the table counts from so much that could be analysed of it, s: half of it, chosen.
SLOW_HOUR_S: Final = 1800.0
_HOUR_S: Final = 3600.0


def over_time(tables: LongSummary, *, slow_bpm: float, fast_bpm: float) -> dict[str, float]:
    """Return the quantities of a long recording.

    Parameters
    ----------
    tables : LongSummary
    slow_bpm, fast_bpm : float
        An hour whose mean rate is beyond them is slow or fast, /min.

    Returns
    -------
    dict of str to float
        By quantity code; counts that are zero are absent.

    Examples
    --------
    >>> empty = LongSummary(duration_s=7200.0, analysed_s=3600.0, counts={"beats": 0}, burden={}, extremes={},
    ...                     hours=(), episodes=())
    >>> over_time(empty, slow_bpm=50.0, fast_bpm=100.0)
    {'analysed_h': 1.0}
    """
    out = {"analysed_h": tables.analysed_s / _HOUR_S}
    pauses = tables.of_kind("pause_3s")
    if pauses:
        longest = max(pauses, key=lambda e: e.duration_s)
        out |= {
            "n_pauses_3s": float(len(pauses)),
            "pause_longest_s": longest.duration_s,
            "pause_longest_at_h": longest.start_s / _HOUR_S,
        }
    out |= _fibrillation(tables)
    for name in ("ventricular", "supraventricular"):
        out |= _ectopy(tables, name)
    least, most = tables.extremes.get("rate_min_bpm"), tables.extremes.get("rate_max_bpm")
    if least is not None and most is not None:
        out |= {"rate_min_bpm": least.value, "rate_max_bpm": most.value}
    means = [h.mean_bpm for h in tables.hours if h.analysed_s >= SLOW_HOUR_S and h.mean_bpm is not None]
    slow, fast = sum(bpm < slow_bpm for bpm in means), sum(bpm > fast_bpm for bpm in means)
    if slow:
        out |= {"n_slow_hours": float(slow), "slowest_hour_bpm": min(means)}
    if fast:
        out |= {"n_fast_hours": float(fast), "fastest_hour_bpm": max(means)}
    return out


def _fibrillation(tables: LongSummary) -> dict[str, float]:
    episodes = tables.of_kind("atrial_fibrillation")
    if not episodes:
        return {}
    longest = max(episodes, key=lambda e: e.duration_s)
    return {
        "n_fibrillation_episodes": float(len(episodes)),
        "fibrillation_burden_percent": tables.burden.get("atrial_fibrillation_percent", 0.0),
        "fibrillation_longest_min": longest.duration_s / 60.0,
        "fibrillation_longest_at_h": longest.start_s / _HOUR_S,
    }


def _ectopy(tables: LongSummary, name: str) -> dict[str, float]:
    """Return burden, number an hour and runs of ventricular or of supraventricular beats."""
    out: dict[str, float] = {}
    n = tables.counts.get(name, 0)
    if n and tables.analysed_s > 0:
        out[f"{name}_burden_percent"] = tables.burden.get(f"{name}_percent", 0.0)
        out[f"{name}_an_hour"] = n * _HOUR_S / tables.analysed_s
    runs = tables.of_kind(f"{name}_run")
    if runs:
        longest = max(runs, key=_size)
        out[f"n_{name}_runs"] = float(len(runs))
        out[f"{name}_runs_most_beats"] = float(longest.n_beats)
        if longest.rate_bpm is not None:
            out[f"{name}_runs_longest_bpm"] = longest.rate_bpm
    return out


def _size(run: Episode) -> tuple[int, float]:
    return run.n_beats, run.rate_bpm or 0.0
