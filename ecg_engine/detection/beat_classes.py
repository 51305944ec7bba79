"""Beats by shape and timing: the dominant shape, its median beat, AAMI classes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps, leads_of, marks_of
from ecg_engine.detection.delineation import combine, mark_leads
from ecg_engine.detection.pacing import find_pacing_spikes
from ecg_engine.detection.parameters import WAVES, samples
from ecg_engine.kernels.beats import align_into, median_beat_into, snippets_into
from ecg_engine.types import ABSENT, LeadMarks, MedianBeat
from ecg_engine.types.marks import MARK_NAMES
from ecg_engine.types.recording import check_fs

#: Part of a beat that is compared, s before and after R.
_BEFORE_S, _AFTER_S = 0.10, 0.14
#: A beat is moved by so much at most to fit the others, s.
_ALIGN_S: Final = 0.03
#: Beats at least so alike (correlation) are of one shape.
_ALIKE: Final = 0.90
#: Below this a beat is another shape for sure.
_UNLIKE: Final = 0.80
#: Shorter than this share of the usual RR is premature.
_PREMATURE: Final = 0.85
#: And by so many times the usual sway of RR.
_SWAYS: Final = 5.0
#: Beats that vote for the dominant shape.
_VOTERS: Final = 60
#: A spike so long before R belongs to the beat, s.
_CAPTURE_S: Final = 0.20
#: The median beat, s before and after R.
_MEDIAN_BEFORE_S, _MEDIAN_AFTER_S = 0.40, 0.60
#: Beats that go into the median beat at most: more do not change it.
_MEDIAN_BEATS: Final = 120


def _likeness(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> NDArray[np.float64]:
    """Return each beat's QRS, all leads in one row, of unit length."""
    before, after = samples(_BEFORE_S, fs), samples(_AFTER_S, fs)
    step = max(1, round(fs / 250))
    width = (before + after) // step
    out = np.empty((len(r_peaks), len(signal) * width))
    snippets_into(signal, r_peaks, before, after, step, out)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(out / np.where(length > 0, length, 1.0))


def _aligned(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """Return the R peaks moved to where each beat fits the median beat: R may stand at the R or at the S wave."""
    before, after = samples(_BEFORE_S, fs), samples(_AFTER_S, fs)
    part = _spread(r_peaks, _VOTERS)
    template = np.empty((len(signal), before + after))
    median_beat_into(signal, part, before, np.empty(len(part)), template)
    out = np.empty_like(r_peaks)
    align_into(signal, r_peaks, template, before, samples(_ALIGN_S, fs), out)
    return out


def _spread(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the values, evenly spread."""
    return np.ascontiguousarray(values[np.unique(np.linspace(0, len(values) - 1, min(len(values), most)).astype(int))])


def dominant_beats(signal: NDArray[np.float64], *, fs: float, r_peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how alike each beat is to the dominant shape, as a correlation.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    fs : float
        Hz.
    r_peaks : (n_beats,) int64 array

    Returns
    -------
    (n_beats,) float64 array
        The dominant shape is the mean of the largest group of beats that are alike.
    """
    if not len(r_peaks):
        return np.zeros(0)
    shapes = _likeness(signal, _aligned(signal, r_peaks, fs), fs)
    voters = shapes[_spread(np.arange(len(shapes)), _VOTERS)]
    alike = voters @ voters.T >= _ALIKE
    group = alike[np.argmax(alike.sum(axis=1))]
    template = voters[group].mean(axis=0)
    length = float(np.linalg.norm(template))
    like = np.asarray(shapes @ (template / length if length > 0 else template))
    # A beat cut off by the recording's end is not known to be of another shape.
    whole = (r_peaks >= samples(_BEFORE_S, fs)) & (r_peaks + samples(_AFTER_S, fs) < signal.shape[1])
    return np.where(whole, like, np.maximum(like, 1.0))


def classify_beats(ecg: Any, *, fs: float, r_peaks: Any) -> NDArray[np.str_]:
    """Class each beat by ANSI/AAMI EC57: ``N`` ``S`` ``V`` ``F`` ``Q``.

    Parameters
    ----------
    ecg : (n_samples,) or (n_leads, n_samples) array
        mV; NaN is a gap.
    fs : float
        Hz.
    r_peaks : (n_beats,) int array

    Returns
    -------
    (n_beats,) '<U1' array
        ``Q`` are beats behind a pacing spike; ``V`` are premature and of another shape than the dominant one, or of
        plainly another shape; ``S`` are premature and of the dominant shape; ``N`` the others. A first version: fusion
        beats (``F``) are not told apart, and where RR is irregular throughout nothing is called premature.

    Raises
    ------
    SignalError, InputError
        As `delineate`.
    """
    fs = check_fs(fs)
    signal = fill_gaps(leads_of(ecg))
    at = marks_of(r_peaks, signal.shape[1])
    kinds = np.full(len(at), "N", dtype="<U1")
    if not len(at):
        return kinds
    like = dominant_beats(signal, fs=fs, r_peaks=at)
    rr = np.diff(at) / fs
    usual = _running_median(rr, 4)
    early = np.zeros(len(at), dtype=bool)
    if len(rr) >= 3:
        change = np.abs(np.diff(rr)) / usual[1:]
        irregular = float(np.median(change)) > 0.12
        # Respiration makes RR sway: what is early must stand out from that too.
        sway = float(np.median(np.abs(rr - usual)))
        early[1:] = (rr < _PREMATURE * usual) & (rr < usual - _SWAYS * sway) & (not irregular)
    kinds[early & (like >= _ALIKE)] = "S"
    kinds[(early & (like < _ALIKE)) | (like < _UNLIKE)] = "V"
    spikes = find_pacing_spikes(signal, fs=fs)
    if spikes.size:
        last = np.searchsorted(spikes, at, side="right") - 1
        before = np.where(last >= 0, at - spikes[np.maximum(last, 0)], at + 1)
        kinds[before <= _CAPTURE_S * fs] = "Q"
    return kinds


def _running_median(values: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    padded = np.pad(values, half, mode="reflect" if len(values) > half else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    return np.asarray(np.median(windows, axis=1))


def median_beat(
    signal: NDArray[np.float64], *, fs: float, r_peaks: NDArray[np.int64], usable: NDArray[np.bool_] | None = None
) -> MedianBeat | None:
    """Return the median of the beats of the dominant shape, with its wave marks.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, baseline and mains removed, no NaN.
    fs : float
        Hz.
    r_peaks : (n_beats,) int64 array
        The beats to take: those of the dominant class.
    usable : (n_leads,) bool array, optional
        Leads that count for the global marks; all where it is None.

    Returns
    -------
    MedianBeat or None
        None without beats. It reaches 0.4 s before and 0.6 s after R, less where RR is shorter.
    """
    if not len(r_peaks):
        return None
    keep = np.ones(len(signal), dtype=bool) if usable is None else usable
    part = _spread(r_peaks, _MEDIAN_BEATS)
    rr = float(np.median(np.diff(r_peaks))) if len(r_peaks) > 1 else fs
    before = min(samples(_MEDIAN_BEFORE_S, fs), samples(0.45 * rr / fs, fs))
    after = min(samples(_MEDIAN_AFTER_S, fs), samples(0.75 * rr / fs, fs))
    work = np.empty(len(part))
    near, beyond = samples(_BEFORE_S, fs), samples(_AFTER_S, fs)
    template = np.empty((len(signal), near + beyond))
    median_beat_into(signal, part, near, work, template)
    aligned = np.empty_like(part)
    chosen = np.ascontiguousarray(signal[keep] if keep.any() else signal)
    align_into(
        chosen,
        part,
        np.ascontiguousarray(template[keep] if keep.any() else template),
        near,
        samples(0.008, fs),
        aligned,
    )
    beat = np.empty((len(signal), before + after))
    median_beat_into(signal, aligned, before, work, beat)
    table = mark_leads(beat, np.array([before]), fs, median=True)
    voters = table[keep] if keep.any() else table
    together = voters[0] if len(voters) == 1 else _combine_plain(voters, beat[keep] if keep.any() else beat, fs)
    return MedianBeat(
        signal=beat,
        r_peak=before,
        n_beats=len(part),
        marks=LeadMarks(**{name: together[:, k] for k, name in enumerate(MARK_NAMES)}),
        by_lead=tuple(LeadMarks(**{name: rows[:, k] for k, name in enumerate(MARK_NAMES)}) for rows in table),
    )


def _combine_plain(table: NDArray[np.int64], beat: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    """Return global marks of a one-beat table; P and T are measured where they are plain to see, not in flat leads."""
    every = combine(table, fs)
    plain = table.copy()
    for wave in ("p", "t"):
        onset, peak, offset = (MARK_NAMES.index(f"{wave}_{part}") for part in ("onset", "peak", "offset"))
        height = np.zeros(len(table))
        for i, (row, marks) in enumerate(zip(beat, table[:, 0], strict=True)):
            if ABSENT not in (marks[peak], marks[offset]):
                height[i] = abs(row[marks[peak]] - row[marks[offset]])
        plain[height < WAVES.plain_share * height.max(), 0, onset : offset + 1] = ABSENT
    best = combine(plain, fs, agree_share=0.0)
    return np.where((every == ABSENT) | (best == ABSENT), every, best)
