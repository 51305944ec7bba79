"""Quantities of rhythm: premature beats, irregularity, atrial waves."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.atria import AtrialSigns
from ecg_engine.types import ABSENT, Beats, Delineation

#: A ventricular beat is premature where the RR before it is at most this share of the usual one ...
EARLY_V: Final = 0.93
#: ... or the RR after it is so much longer than the one before it: every second beat may be one, and then there is no
#: usual RR; the recording may also begin with one.
PAUSE_V: Final = 1.15
#: And where it lasts at least so long, ms, or so much longer than the usual QRS: a little under the 120 ms of a wide
#: QRS (AHA/ACCF/HRS 2009, part III), since single beats are marked less surely than the median beat.
WIDE_V_MS: Final = 110.0
#: An atrial beat comes after at most this share of the RR before it and of the usual RR, and the next one waits so much
#: longer than it did: in sinus arrhythmia RR changes by steps, not to and fro.
EARLY_S: Final = 0.85
PAUSE_S: Final = 1.25
#: Irregularity needs so many changes of RR; a larger change counts as this one (natural logarithm).
FEWEST_CHANGES: Final = 2
LARGEST_CHANGE: Final = 0.3
#: What the score of fibrillation weighs, and what stands for a value that could not be had, % and ms.
FEATURES: Final = ("rr_irregularity", "p_coherence", "pr_spread", "f_wave")
NEUTRAL: Final = {"p_coherence": 50.0, "pr_spread": 30.0, "f_wave": 22.0}
#: Longer runs of early beats are a rhythm of their own.
LONGEST_S: Final = 30


def measure_ectopy(beats: Beats, marks: Delineation | None, fs: float) -> dict[str, float]:
    """Measure premature beats: how many, how early, how wide, in which order.

    Parameters
    ----------
    beats : Beats
        With their classes.
    marks : Delineation, optional
    fs : float
        Hz.

    Returns
    -------
    dict of str to float
        By quantity code; counts that are zero are absent.
    """
    kinds = beats.kinds
    if kinds is None or len(kinds) < 3:
        return {}
    rr = _intervals(beats, fs)
    usual = usual_rr(rr, kinds)
    if usual is None:
        return {}
    width = None if marks is None else _widths(marks, fs)
    out: dict[str, float] = {}
    ventricular = premature_ventricular(kinds, rr, usual, width)
    if ventricular.any():
        out |= _described("ventricular", ventricular, rr, usual)
        if width is not None and np.isfinite(width[ventricular]).any():
            out["premature_ventricular_qrs_ms"] = float(np.nanmedian(width[ventricular]))
        out |= _order("ventricular", kinds == "V")
    atrial = premature_atrial(kinds, rr, usual)
    if atrial.any():
        out |= _described("atrial", atrial, rr, usual)
        out |= _order("atrial", atrial)
    return out


def _intervals(beats: Beats, fs: float) -> NDArray[np.float64]:
    """Return RR, ms, NaN where a gap lies in it."""
    rr = np.diff(beats.r_peaks) / fs * 1000
    for start, stop in beats.gaps:
        rr[(beats.r_peaks[:-1] < stop) & (beats.r_peaks[1:] > start)] = np.nan
    return np.asarray(rr)


def usual_rr(rr: NDArray[np.float64], kinds: NDArray[np.str_]) -> float | None:
    """Return the median RR between two beats that are not premature, ms; of all where there are fewer than two."""
    plain = ~np.isin(kinds, ("V", "S"))
    ordinary = rr[plain[1:] & plain[:-1] & np.isfinite(rr)]
    if len(ordinary) < 2:
        ordinary = rr[np.isfinite(rr)]
    return float(np.median(ordinary)) if len(ordinary) else None


def _widths(marks: Delineation, fs: float) -> NDArray[np.float64]:
    known = (marks.qrs_onset != ABSENT) & (marks.qrs_offset != ABSENT)
    return np.where(known, (marks.qrs_offset - marks.qrs_onset) / fs * 1000, np.nan)


def premature_ventricular(
    kinds: NDArray[np.str_], rr: NDArray[np.float64], usual: float, width: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Return which beats of class V are premature and wide; the beats of a run follow its first."""
    before, after = np.concatenate(([np.nan], rr)), np.concatenate((rr, [np.nan]))
    first = np.isnan(before)
    early = np.where(first, after >= PAUSE_V * usual, (before <= EARLY_V * usual) | (after >= PAUSE_V * before))
    out = (kinds == "V") & early
    if width is not None:
        out &= ~(width < WIDE_V_MS)
    for i in np.flatnonzero(kinds[1:] == "V") + 1:
        out[i] |= out[i - 1]
    return np.asarray(out)


def premature_atrial(kinds: NDArray[np.str_], rr: NDArray[np.float64], usual: float) -> NDArray[np.bool_]:
    """Return which beats are early and of the usual shape, singly or in runs of class S."""
    out = np.zeros(len(kinds), dtype=bool)
    early = rr[1:] <= EARLY_S * np.minimum(rr[:-1], usual)
    for i in (np.flatnonzero(early) + 2).tolist():
        stop = i + 1
        while stop < len(kinds) and kinds[i] == "S" and kinds[stop] == "S" and stop - i < LONGEST_S:
            stop += 1
        if _is_single_or_run(kinds, rr, i, stop):
            out[i:stop] = True
    return out


def _is_single_or_run(kinds: NDArray[np.str_], rr: NDArray[np.float64], i: int, stop: int) -> bool:
    """Return whether the early beats ``[i, stop)`` stand between ordinary ones, and the next one waits."""
    if stop >= len(kinds) or np.isin(kinds[i - 2 : stop + 1], ("V", "Q")).any():
        return False
    return bool(rr[stop - 1] >= PAUSE_S * rr[i - 1])


def _described(name: str, found: NDArray[np.bool_], rr: NDArray[np.float64], usual: float) -> dict[str, float]:
    out = {f"n_premature_{name}": float(found.sum())}
    at = np.flatnonzero(found)
    before = rr[at[at > 0] - 1]
    if np.isfinite(before).any():
        out[f"premature_{name}_rr_ms"] = float(np.nanmedian(before))
    inside = at[(at > 0) & (at < len(rr))]
    both = rr[inside - 1] + rr[inside]
    if np.isfinite(both).any():
        out[f"premature_{name}_pause_percent"] = float(100 * np.nanmedian(both) / (2 * usual))
    return out


def _order(name: str, found: NDArray[np.bool_]) -> dict[str, float]:
    """Return couplets, the longest run, and the longest chains of every second and every third beat."""
    out: dict[str, float] = {}
    edges = np.flatnonzero(np.diff(np.concatenate(([0], found.astype(np.int8), [0])))).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    if (lengths == 2).any():
        out[f"n_{name}_couplets"] = float((lengths == 2).sum())
    if lengths.max() >= 3:
        out[f"{name}_run_longest_beats"] = float(lengths.max())
    single = edges[lengths == 1, 0]
    for code, step in (("bigeminy", 2), ("trigeminy", 3)):
        chain = longest_chain(single, step)
        if chain >= 2:
            out[f"{name}_{code}_beats"] = float(chain)
    return out


def longest_chain(at: NDArray[np.int64], step: int) -> int:
    """Return how many of the increasing beat numbers follow each other at exactly `step`.

    Examples
    --------
    >>> longest_chain(np.array([1, 3, 5, 9]), 2)
    3
    """
    longest = run = 1 if len(at) else 0
    for gap in np.diff(at):
        run = run + 1 if gap == step else 1
        longest = max(longest, run)
    return longest


def rr_irregularity(beats: Beats, fs: float) -> float | None:
    """Return the root mean square change of RR from beat to beat, %, over three ordinary beats in a row.

    One change counts as 35 % at most, so that a single pause does not make a rhythm irregular.
    """
    kinds = beats.kinds
    if kinds is None or len(kinds) < 5:
        return None
    rr = np.log(_intervals(beats, fs))
    plain = ~np.isin(kinds, ("V", "S", "Q"))
    change = np.abs(np.diff(rr))
    usable = plain[:-2] & plain[1:-1] & plain[2:] & np.isfinite(change)
    if usable.sum() < FEWEST_CHANGES:
        beside = ~np.isin(kinds, ("V", "Q"))
        usable = beside[:-2] & beside[1:-1] & beside[2:] & np.isfinite(change)
    if usable.sum() < FEWEST_CHANGES:
        return None
    return float(100 * np.sqrt(np.mean(np.square(np.minimum(change[usable], LARGEST_CHANGE)))))


def measure_atria(atria: AtrialSigns | None, measured: Mapping[str, float]) -> dict[str, float]:
    """Return the atrial waves seen, and how likely the atria fibrillate.

    Parameters
    ----------
    atria : AtrialSigns, optional
    measured : mapping of str to float
        `rr_irregularity_percent`, `p_coherence_percent` and `pr_spread_ms`, where they are known; `rr_ms`.

    Returns
    -------
    dict of str to float
        By quantity code.
    """
    out: dict[str, float] = {}
    if atria is not None and not math.isnan(atria.f_wave_share):
        out |= {"f_wave_percent": 100 * atria.f_wave_share, "f_wave_bpm": atria.f_wave_bpm}
    if atria is not None and atria.flutter_evenness > 0:
        out |= {"flutter_evenness_percent": 100 * atria.flutter_evenness, "flutter_bpm": atria.flutter_bpm}
        if "heart_rate_bpm" in measured:
            out["flutter_ratio"] = atria.flutter_bpm / measured["heart_rate_bpm"]
    features = fibrillation_features({**measured, **out})
    if features is not None:
        weights, offset = _score()
        out["fibrillation_percent"] = 100 / (1 + math.exp(-float(features @ weights) - offset))
    return out


def fibrillation_features(measured: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Return what is weighed, in the order of `FEATURES`; what is unknown stands at what says nothing."""
    irregular = measured.get("rr_irregularity_percent")
    if irregular is None:
        return None
    return np.array([
        math.log(max(irregular, 1.0)),
        measured.get("p_coherence_percent", NEUTRAL["p_coherence"]) / 100,
        math.log(5.0 + measured.get("pr_spread_ms", NEUTRAL["pr_spread"])),
        measured.get("f_wave_percent", NEUTRAL["f_wave"]) / 100,
    ])  # fmt: skip


@cache
def _score() -> tuple[NDArray[np.float64], float]:
    """Return weights and offset of the fibrillation score from its card."""
    card = tomllib.loads((files("ecg_engine.measurement") / "fibrillation_score.toml").read_text(encoding="utf-8"))
    return np.array([card["weights"][name] for name in FEATURES], dtype=np.float64), float(card["offset"])
