"""The tables of a long recording: by the hour, extremes, burden, from its beats and episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from ecg_engine.detection.episodes import Spans, find_episodes, rates_bpm, unreadable_stretches
from ecg_engine.detection.irregular import touches_gap
from ecg_engine.measurement.variability import measure_variability
from ecg_engine.types import Beats, Delineation, Quality
from ecg_engine.types.long import Episode, Extreme, Hour, LongSummary

__all__ = ["LONG_S", "summarise"]

#: From so long on a recording has tables, s.
LONG_S: Final = 60.0
_HOUR_S: Final = 3600.0
_CLASSES: Final = (("ventricular", "V"), ("supraventricular", "S"), ("paced", "Q"), ("fusion", "F"))


def summarise(
    beats: Beats,
    marks: Delineation | None,
    quality: Quality,
    *,
    leads: Sequence[str],
    fs: float,
    n_samples: int,
    slow_bpm: float,
    fast_bpm: float,
    start: datetime | None = None,
    fast_ventricular: Iterable[tuple[float, float, float]] = (),
) -> LongSummary:
    """Return the tables of a long recording.

    Parameters
    ----------
    beats, marks, quality
        Of the whole recording, the beats with their classes.
    leads : sequence of str
        The leads that can be used.
    fs : float
        Hz.
    n_samples : int
    slow_bpm, fast_bpm : float
        Limits of the rate for the patient's age, /min.
    start : datetime, optional
        With it the rows of the hourly table begin at full hours of the clock.
    fast_ventricular : iterable of (start s, stop s, rate /min)
        As of `find_episodes`.

    Returns
    -------
    LongSummary
    """
    lost = unreadable_stretches(beats, quality, leads=leads, n_samples=n_samples, fs=fs)
    episodes = find_episodes(
        beats, marks, fs=fs, unreadable=lost, slow_bpm=slow_bpm, fast_bpm=fast_bpm, fast_ventricular=fast_ventricular
    )
    duration = n_samples / fs
    analysed = duration - _overlap_s(lost, 0.0, duration, fs)
    fibrillation = tuple((e.start_s, e.stop_s) for e in episodes if e.kind == "atrial_fibrillation")
    left_out = (*lost, *((round(a * fs), round(b * fs)) for a, b in fibrillation))
    beats = _without_premature(beats, fibrillation, fs)
    counts = _counts(beats, episodes)
    burden = {f"{name}_percent": 100.0 * counts[name] / counts["beats"] for name, _ in _CLASSES[:3] if counts["beats"]}
    if analysed > 0:
        burden["atrial_fibrillation_percent"] = 100.0 * min(1.0, sum(b - a for a, b in fibrillation) / analysed)
    return LongSummary(
        duration_s=duration,
        analysed_s=analysed,
        counts=counts,
        burden=burden,
        extremes=_extremes(beats, fs),
        hours=_hours(beats, episodes, lost, fs, duration, start),
        episodes=episodes,
        variability=measure_variability(beats, fs=fs, n_samples=n_samples, left_out=left_out),
    )


def _without_premature(beats: Beats, fibrillation: tuple[tuple[float, float], ...], fs: float) -> Beats:
    """Return the beats with no supraventricular ones in atrial fibrillation: there early beats mean nothing."""
    if beats.kinds is None or not fibrillation:
        return beats
    kinds = beats.kinds.copy()
    for start, stop in fibrillation:
        part = kinds[slice(*np.searchsorted(beats.r_peaks, (start * fs - 0.5, stop * fs + 0.5)))]
        part[part == "S"] = "N"
    return replace(beats, kinds=kinds)


def _overlap_s(spans: Spans, start_s: float, stop_s: float, fs: float) -> float:
    return sum(max(0.0, min(b / fs, stop_s) - max(a / fs, start_s)) for a, b in spans)


def _counts(beats: Beats, episodes: tuple[Episode, ...]) -> dict[str, int]:
    kinds = np.full(len(beats.r_peaks), "N") if beats.kinds is None else beats.kinds
    out = {"beats": len(kinds)} | {name: int((kinds == letter).sum()) for name, letter in _CLASSES}
    return out | dict(Counter(e.kind for e in episodes))


def _extremes(beats: Beats, fs: float) -> dict[str, Extreme]:
    out = {}
    r = beats.r_peaks
    if len(r) >= 2:
        rr = np.diff(r) / fs
        at = np.flatnonzero(~touches_gap(r[:-1], r[1:], beats.gaps))
        if len(at):
            for name, i in (("rr_max_s", at[np.argmax(rr[at])]), ("rr_min_s", at[np.argmin(rr[at])])):
                out[name] = Extreme(value=float(rr[i]), at_s=float(r[i]) / fs)
    bpm, begin_s = rates_bpm(beats, fs=fs)
    if len(bpm):
        for name, i in (("rate_min_bpm", np.argmin(bpm)), ("rate_max_bpm", np.argmax(bpm))):
            out[name] = Extreme(value=float(bpm[i]), at_s=float(begin_s[i]))
    return out


def _hours(
    beats: Beats, episodes: tuple[Episode, ...], lost: Spans, fs: float, duration: float, start: datetime | None
) -> tuple[Hour, ...]:
    r_s = beats.r_peaks / fs
    kinds = np.full(len(r_s), "N") if beats.kinds is None else beats.kinds
    bpm, begin_s = rates_bpm(beats, fs=fs)
    seen = ~touches_gap(beats.r_peaks[:-1], beats.r_peaks[1:], beats.gaps) if len(r_s) >= 2 else np.zeros(0, bool)
    rr = np.diff(r_s)
    pauses = np.array([e.start_s for e in episodes if e.kind.startswith("pause")])
    fibrillation = [(e.start_s, e.stop_s) for e in episodes if e.kind == "atrial_fibrillation"]
    past = 0.0 if start is None else start.minute * 60.0 + start.second + start.microsecond / 1e6
    edges = [0.0, *np.arange(_HOUR_S - past, duration, _HOUR_S).tolist(), duration]
    rows = []
    for a, b in pairwise(edges):
        if b - a <= 0:
            continue
        first, last = np.searchsorted(r_s, (a, b))
        inside = slice(first, max(first, min(last, len(rr))))
        own = rr[inside][seen[inside]]
        rates = bpm[slice(*np.searchsorted(begin_s, (a, b)))]
        n = {letter: int((kinds[first:last] == letter).sum()) for letter in "VSQ"}
        rows.append(
            Hour(
                start_s=a,
                stop_s=b,
                analysed_s=b - a - _overlap_s(lost, a, b, fs),
                n_beats=int(last - first),
                n_ventricular=n["V"],
                n_supraventricular=n["S"],
                n_paced=n["Q"],
                mean_bpm=float(60.0 / own.mean()) if len(own) else None,
                min_bpm=float(rates.min()) if len(rates) else None,
                max_bpm=float(rates.max()) if len(rates) else None,
                n_pauses=int(((pauses >= a) & (pauses < b)).sum()),
                fibrillation_s=sum(max(0.0, min(b, y) - max(a, x)) for x, y in fibrillation),
            )
        )
    return tuple(rows)
