"""Episodes of a long recording, from its beats and their classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.irregular import find_fibrillation, touches_gap
from ecg_engine.detection.parameters import EPISODES
from ecg_engine.types import Beats, Delineation, Quality
from ecg_engine.types.long import EPISODE_KINDS, Episode

__all__ = ["find_episodes", "rates_bpm", "unreadable_stretches"]

#: What makes a second of a lead no evidence of a beat, nor of a pause. A flat line may be a heart that stands still.
_LOST: Final = frozenset({"gaps", "saturated", "lead_off", "noisy"})
#: What noise makes of ordinary beats is not said of it; a fast run is, for it may be what looks like noise.
_NOT_IN_NOISE: Final = frozenset({
    "ventricular_couplet", "supraventricular_couplet", "supraventricular_run", "idioventricular_run", "bigeminy",
    "trigeminy",
})  # fmt: skip
Spans = tuple[tuple[int, int], ...]


def find_episodes(
    beats: Beats,
    marks: Delineation | None,
    *,
    fs: float,
    unreadable: Spans,
    slow_bpm: float,
    fast_bpm: float,
    fast_ventricular: Iterable[tuple[float, float, float]] = (),
) -> tuple[Episode, ...]:
    """Return the episodes of a recording, by begin.

    Parameters
    ----------
    beats : Beats
        With their classes.
    marks : Delineation, optional
        Of every beat.
    fs : float
        Hz.
    unreadable : tuple of (int, int)
        As of `unreadable_stretches`: no pause is seen there, and no slow or short row of ectopic beats.
    slow_bpm, fast_bpm : float
        Limits of the rate for the patient's age, /min.
    fast_ventricular : iterable of (start s, stop s, rate /min)
        Stretches that the leads themselves show as a fast rhythm of the ventricles.

    Returns
    -------
    tuple of Episode
    """
    found = [
        Episode(kind="fast_ventricular", start_s=a, stop_s=b, n_beats=_count(beats, a * fs, b * fs), rate_bpm=bpm)
        for a, b, bpm in fast_ventricular
    ]
    found += [
        Episode(kind="unreadable", start_s=a / fs, stop_s=b / fs, n_beats=_count(beats, a, b)) for a, b in unreadable
    ]
    if len(beats.r_peaks) >= 2:
        seen = ~touches_gap(beats.r_peaks[:-1], beats.r_peaks[1:], beats.gaps)
        found += _pauses(beats, seen, fs, unreadable)
        found += [_episode("atrial_fibrillation", beats, a, b, fs) for a, b in find_fibrillation(beats, marks, fs=fs)]
        found += _rates(beats, seen, fs, slow_bpm, fast_bpm)
        if beats.kinds is not None:
            found += _outside(_runs(beats, seen, fs), [e for e in found if e.kind == "atrial_fibrillation"])
            found += _geminies(beats, seen, fs)
            found += _paced(beats, seen, fs)
    hidden = [e for e in found if e.kind == "unreadable"]
    found = [e for e in found if e.kind not in _NOT_IN_NOISE or not _meets(e, hidden)]
    return tuple(sorted(found, key=lambda e: (e.start_s, EPISODE_KINDS.index(e.kind))))


def unreadable_stretches(beats: Beats, quality: Quality, *, leads: Sequence[str], n_samples: int, fs: float) -> Spans:
    """Return the stretches ``[start, stop)`` in which no lead shows a beat well, in samples.

    Parameters
    ----------
    beats : Beats
        Its gaps are such stretches.
    quality : Quality
        With its spells: seconds in which every one of `leads` is off, missing, saturated or noisy are too.
    leads : sequence of str
        Leads that were looked at.
    n_samples : int
    fs : float
        Hz.
    """
    n = int(np.ceil(n_samples / fs))
    lost = np.ones(n, dtype=bool) if leads else np.zeros(n, dtype=bool)
    for name in leads:
        bad = np.zeros(n, dtype=bool)
        for spell in quality.by_lead[name].spells:
            if spell.reason in _LOST:
                bad[int(spell.start_s) : int(np.ceil(spell.stop_s))] = True
        lost &= bad
    spans = [(round(a * fs), min(n_samples, round(b * fs))) for a, b in _stretches(lost)] + list(beats.gaps)
    joined: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(b, joined[-1][1]))
        elif a < b:
            joined.append((a, b))
    return tuple(joined)


def rates_bpm(beats: Beats, *, fs: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ventricular rate over eight intervals in a row that no gap interrupts, and where each begins, s."""
    r, width = beats.r_peaks, EPISODES.rate_intervals
    if len(r) <= width:
        return np.zeros(0), np.zeros(0)
    broken = np.concatenate(([0], np.cumsum(touches_gap(r[:-1], r[1:], beats.gaps))))
    whole = broken[width:] == broken[:-width]
    return (60.0 * width * fs / (r[width:] - r[:-width]))[whole], (r[:-width] / fs)[whole]


def _stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.view(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _count(beats: Beats, start: float, stop: float) -> int:
    first, last = np.searchsorted(beats.r_peaks, (start, stop))
    return int(last - first)


def _episode(kind: str, beats: Beats, start: int, stop: int, fs: float, n_beats: int | None = None) -> Episode:
    """Return the episode from the R at `start` to the R at `stop`, samples."""
    n = _count(beats, start, stop + 1)
    bpm = 60.0 * (n - 1) * fs / (stop - start) if n >= 2 and stop > start else None
    return Episode(
        kind=kind, start_s=start / fs, stop_s=stop / fs, n_beats=n if n_beats is None else n_beats, rate_bpm=bpm
    )


def _pauses(beats: Beats, seen: NDArray[np.bool_], fs: float, unreadable: Spans) -> list[Episode]:
    """Return intervals of 2 s and more of which noise hides no more than a fifth."""
    r = beats.r_peaks
    lesser, greater = EPISODES.pause_s
    out = []
    for i in np.flatnonzero(seen & (np.diff(r) >= lesser * fs)).tolist():
        a, b = int(r[i]), int(r[i + 1])
        hidden = sum(max(0, min(b, stop) - max(a, start)) for start, stop in unreadable)
        if hidden <= EPISODES.noise_share * (b - a):
            kind = "pause_3s" if b - a >= greater * fs else "pause_2s"
            out.append(Episode(kind=kind, start_s=a / fs, stop_s=b / fs, n_beats=0))
    return out


def _rates(beats: Beats, seen: NDArray[np.bool_], fs: float, slow_bpm: float, fast_bpm: float) -> list[Episode]:
    """Return the stretches of 30 s and more whose rate, and that over every eight intervals, is beyond a limit."""
    r, width = beats.r_peaks, EPISODES.rate_intervals
    if len(r) <= width:
        return []
    bpm = 60.0 * width * fs / (r[width:] - r[:-width])
    broken = np.concatenate(([0], np.cumsum(~seen)))
    whole = broken[width:] == broken[:-width]
    out = []
    for kind, sign, limit in (("bradycardia", -1, slow_bpm), ("tachycardia", 1, fast_bpm)):

        def beyond(a: int, b: int, sign: int = sign, limit: float = limit) -> bool:
            return bool(sign * (60.0 * (b - a) * fs / (r[b] - r[a]) - limit) > 0)

        spans: list[tuple[int, int]] = []
        for i, j in _stretches(whole & (sign * (bpm - limit) > 0)):
            a, b = i, j - 1 + width
            near = spans and r[a] - r[spans[-1][1]] <= EPISODES.rate_bridge_s * fs
            if near and beyond(spans[-1][0], b):
                a = spans.pop()[0]
            spans.append((a, b))
        long_enough = [(a, b) for a, b in spans if r[b] - r[a] >= EPISODES.rate_least_s * fs and beyond(a, b)]
        out += [_episode(kind, beats, int(r[a]), int(r[b]), fs) for a, b in long_enough]
    return out


def _in_a_row(chosen: NDArray[np.bool_], seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last index of each row of chosen beats that no gap interrupts."""
    out = []
    for a, b in _stretches(chosen):
        cuts = (np.flatnonzero(~seen[a : b - 1]) + a + 1).tolist()
        out += [(i, j - 1) for i, j in zip([a, *cuts], [*cuts, b], strict=True)]
    return out


def _runs(beats: Beats, seen: NDArray[np.bool_], fs: float) -> list[Episode]:
    """Return couplets and runs of ventricular and of supraventricular beats."""
    assert beats.kinds is not None
    r = beats.r_peaks
    out = []
    # A run of ventricular beats begins or ends with a fusion beat.
    for letters, name in ((("V", "F"), "ventricular"), (("S",), "supraventricular")):
        for a, b in _in_a_row(np.isin(beats.kinds, letters), seen):
            n = b - a + 1
            if n < 2:
                continue
            if n < EPISODES.run_beats:
                out.append(_episode(f"{name}_couplet", beats, int(r[a]), int(r[b]), fs))
                continue
            run = _episode(f"{name}_run", beats, int(r[a]), int(r[b]), fs)
            if (run.rate_bpm or 0.0) >= EPISODES.run_bpm:
                out.append(run)
            elif name == "ventricular":
                out.append(_episode("idioventricular_run", beats, int(r[a]), int(r[b]), fs))
    return out


def _outside(runs: list[Episode], fibrillation: list[Episode]) -> list[Episode]:
    """Return runs without the supraventricular ones inside atrial fibrillation, where early beats mean nothing."""
    return [run for run in runs if not run.kind.startswith("supraventricular") or not _meets(run, fibrillation)]


def _meets(one: Episode, others: Iterable[Episode]) -> bool:
    """Return whether an episode shares time with any of others."""
    return any(one.start_s < e.stop_s and one.stop_s > e.start_s for e in others)


def _geminies(beats: Beats, seen: NDArray[np.bool_], fs: float) -> list[Episode]:
    """Return where single ventricular beats come every second or third time, three times at least."""
    assert beats.kinds is not None
    r = beats.r_peaks
    single = np.array([a for a, b in _in_a_row(beats.kinds == "V", seen) if a == b], dtype=np.int64)
    if len(single) < EPISODES.geminy_least:
        return []
    broken = np.concatenate(([0], np.cumsum(~seen)))
    whole = broken[single[1:]] == broken[single[:-1]]
    out = []
    for step, kind in ((2, "bigeminy"), (3, "trigeminy")):
        for i, j in _stretches((np.diff(single) == step) & whole):
            if j - i + 1 < EPISODES.geminy_least:
                continue
            first, last = int(single[i]), int(single[j])
            before = first - (step - 1)
            start = before if before >= 0 and seen[before:first].all() else first
            out.append(_episode(kind, beats, int(r[start]), int(r[last]), fs))
    return out


def _paced(beats: Beats, seen: NDArray[np.bool_], fs: float) -> list[Episode]:
    """Return where beats follow a pacing spike; up to two others between them are bridged."""
    assert beats.kinds is not None
    chosen = beats.kinds == "Q"
    rows = _in_a_row(chosen, seen)
    joined: list[tuple[int, int]] = []
    for a, b in rows:
        if joined and a - joined[-1][1] <= 3:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    r = beats.r_peaks
    return [
        _episode("paced", beats, int(r[a]), int(r[b]), fs, n_beats=int(chosen[a : b + 1].sum()))
        for a, b in joined
        if b - a + 1 >= EPISODES.run_beats
    ]
