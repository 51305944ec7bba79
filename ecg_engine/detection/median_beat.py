"""The median beat: beats aligned, noise and single odd beats gone, waves marked once and well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import middle, middles, quantile, smooth_leads
from ecg_engine.detection.delineation import clearest_first, combine, mark_leads
from ecg_engine.detection.laying import align, blurred, fine_places, laid, moved, spread
from ecg_engine.detection.parameters import WAVES, samples
from ecg_engine.kernels.beats import median_beat_into
from ecg_engine.kernels.cleaning import spline_into
from ecg_engine.kernels.waves import steep_span_into
from ecg_engine.types import ABSENT, LeadMarks, MedianBeat
from ecg_engine.types.marks import MARK_NAMES

#: The median beat, s before and after R.
_BEFORE_S, _AFTER_S = 0.40, 0.60
#: It reaches so far before the beats' own P onsets, s, where these lie before that: a P on the T of the beat before.
_BEFORE_P_S: Final = 0.02
#: Which of the intervals bounds it.
_RR_QUANTILE: Final = 0.25
#: Beats that go into it at most: more do not change it.
_MOST_BEATS: Final = 120
#: The quiet level of the common slope is this quantile of it.
_QUIET_QUANTILE: Final = 0.15
#: A median beat is marked at about this rate, Hz: at 100 Hz one sample is as long as an edge of a QRS.
_MARK_FS: Final = 500.0
#: Fewer leads have no common slope: their own marks stand.
_SPAN_LEADS: Final = 3
#: And the noise of a lead this quantile of its own slope: more than half of a beat is flat.
_NOISE_QUANTILE: Final = 0.4
#: P is looked for from so long before the QRS onset to so long before it, s; with so many beats and so much room.
_P_WINDOW_S: Final = (0.26, 0.03)
_P_BEATS: Final = 4
_P_LEAST_S: Final = 0.08
#: An altered reading is sampled so much earlier or later at most, s: the shift by which programs were first tested for
#: their repeatability.
SHIFT_S: Final = 0.001
_WAVES: Final = ("p", "t")
#: Columns of each wave in a row of marks.
_COLUMNS: Final = {
    wave: [k for k, name in enumerate(MARK_NAMES) if name.startswith(wave)] for wave in ("p", "qrs", "t")
}
#: The marks of single beats stand for a wave of the median beat where so many of the beats have them.
_SINGLE_SHARE: Final = 0.5
#: Where the leads are steep for a shorter time than this there is no QRS of a heart to be marked, s.
_LEAST_QRS_S: Final = 0.03
#: A stretch so long, s, in which no lead moves by so much, mV (half of the least wave of IEC 60601-2-25), or by so many
#: times its noise, as long as that is less, is no part of a QRS.
_FLAT_MV: Final = 0.01
_FLAT_MOST_MV: Final = 0.02
#: Nor does it move by this share of the lead's own swing, where the unit is not known: a value between samples is on a
#: polynomial, which bends a little before the wave does.
_FLAT_SHARE: Final = 0.001
#: P begins softly: where a lead has left its level by so much, mV, or by its noise, P began so long before, s; a QRS
#: begins and ends more sharply.
_P_FLAT_MV: Final = 0.005
_P_FOOT_S: Final = 0.012
_QRS_FOOT_S: Final = 0.004
_FLAT_NOISE: Final = 3.0
_FLAT_S: Final = 0.012
#: What leaves the level for so long is a wave, s (IEC 60601-2-25: 6 ms).
_HOLD_S: Final = 0.006


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SingleBeats:
    """The beats that a median beat is of.

    Parameters
    ----------
    signal : (n_leads, n_beats * (before + after)) float64 array
        The beats laid one behind the other, as they fit one another; NaN where one reaches outside the recording.
    fs : float
        Of the beats, Hz.
    r_peaks : (n_beats,) int64 array
        Where R stands in `signal`.
    before, after : int
        Samples of a beat before and after R.
    votes : (n_leads,) bool array
        Leads that count for the global marks.
    marks : (n_beats, 8) float64 array, optional
        Their own global marks in samples from R, in the order of `MARK_NAMES`; NaN where a beat has none.
    before_qrs : (n_leads, n_beats, n) array, optional
        The time before the QRS of each whole beat in the leads that count, its level and slope removed.
    """

    signal: NDArray[np.float64]
    fs: float
    r_peaks: NDArray[np.int64]
    before: int
    after: int
    votes: NDArray[np.bool_]
    marks: NDArray[np.float64] | None = None
    before_qrs: NDArray[np.float64] | None = None


def median_beat(
    signal: NDArray[np.float64], *, fs: float, r_peaks: NDArray[np.int64], usable: NDArray[np.bool_] | None = None
) -> MedianBeat | None:
    """Return the median of the beats, with its wave marks; as `median_and_singles`."""
    made = median_and_singles(signal, fs=fs, r_peaks=r_peaks, usable=usable)
    return None if made is None else made[0]


def median_and_singles(
    signal: NDArray[np.float64],
    *,
    fs: float,
    r_peaks: NDArray[np.int64],
    usable: NDArray[np.bool_] | None = None,
    marks: NDArray[np.float64] | None = None,
) -> tuple[MedianBeat, SingleBeats] | None:
    """Return the median of the beats, with its wave marks, and the beats that it is of.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, baseline, mains and pacing spikes removed, no NaN.
    fs : float
        Hz.
    r_peaks : (n_beats,) int64 array
        The beats to take: those of the dominant class.
    usable : (n_leads,) bool array, optional
        Leads that count for the global marks; all where it is None.
    marks : (n_beats, 8) float64 array, optional
        The beats' own global marks, in samples of the signal with fractions, in the order of `MARK_NAMES`; NaN where a
        beat has none.

    Returns
    -------
    tuple of MedianBeat and SingleBeats, or None
        None without beats. It reaches 0.4 s before and 0.6 s after R, less where RR is shorter, but for the beats' P.

    Notes
    -----
    The global marks are the medians over the beats of their own, seen from R. A QRS is cut to where a lead leaves its
    level: on a flat line a mark is as early as the reader whom it has learnt from.

    Where the beats have no marks of a wave, the global QRS is where the leads' common slope (the root mean square over
    the leads, a spatial velocity) stands above a share of its greatest and above its quiet level; P and T are combined
    from the leads that show them plainly.
    """
    if not len(r_peaks):
        return None
    votes = np.ones(len(signal), dtype=bool) if usable is None or not usable.any() else usable
    chosen = spread(np.arange(len(r_peaks)), _MOST_BEATS)
    part = np.ascontiguousarray(r_peaks[chosen])
    # Of uneven intervals the short ones rule: beyond them the next beat's P would be taken for a T.
    rr = float(quantile(np.diff(r_peaks), _RR_QUANTILE)) if len(r_peaks) > 1 else fs
    before = min(samples(_BEFORE_S, fs), max(samples(0.45 * rr / fs, fs), _p_reach(part, marks, chosen, fs)))
    after = min(samples(_AFTER_S, fs), samples(WAVES.t_rr_share * rr / fs, fs))
    voting = np.ascontiguousarray(signal[votes])
    aligned = align(voting, part, fs=fs)
    places = fine_places(voting, aligned, fs)
    rows, where = laid(np.ascontiguousarray(signal), places, before, after)
    beat = np.empty((len(signal), before + after))
    median_beat_into(rows, where, before, np.empty(len(part)), beat)
    made = _marked(beat, before, fs, votes, len(part))
    own = None if marks is None else marks[chosen] - places[:, None]
    singles = SingleBeats(
        signal=rows,
        fs=fs,
        r_peaks=where,
        before=before,
        after=after,
        votes=votes,
        marks=own,
    )
    ruled = int(made.marks.qrs_onset[0])
    if own is not None:
        made = _as_singles(made, own, fs, votes)
    # By rule a P close to the QRS may have been taken for its begin: then the beats' own begin stands.
    onset = int(made.marks.qrs_onset[0]) if ruled <= int(made.marks.p_peak[0]) else ruled
    if ABSENT not in (ruled, onset):
        at = (onset - made.r_peak) // round(made.fs / fs)
        parts = _before_qrs(signal[votes], aligned, at, before, fs)
        if parts is not None:
            made, singles = _with_p(made, parts), replace(singles, before_qrs=parts)
    return made, singles


def _p_reach(
    r_peaks: NDArray[np.int64], marks: NDArray[np.float64] | None, chosen: NDArray[np.int64], fs: float
) -> int:
    """Return how many samples before R the usual P of the single beats begins, and the level before it."""
    if marks is None:
        return 0
    onsets = marks[chosen, _COLUMNS["p"][0]]
    there = ~np.isnan(onsets)
    if np.mean(there) < _SINGLE_SHARE:
        return 0
    return round(middle(r_peaks[there] - onsets[there])) + samples(_BEFORE_P_S, fs)


def altered_beat(singles: SingleBeats, *, noise_mv: NDArray[np.float64], rng: np.random.Generator) -> MedianBeat:
    """Return the median beat as it might as well have been.

    Parameters
    ----------
    singles : SingleBeats
    noise_mv : (n_leads,) array
        RMS noise of each lead, mV; NaN where it is not known.
    rng : Generator

    Returns
    -------
    MedianBeat
        Of as many beats, drawn with replacement; with the noise that a median of so many beats has left (its standard
        error, sqrt(pi / 2 / n) of a beat's); sampled up to 1 ms earlier or later; marked anew.
    """
    n = len(singles.r_peaks)
    picks = rng.integers(0, n, n)
    beat = np.empty((len(singles.signal), singles.before + singles.after))
    median_beat_into(singles.signal, singles.r_peaks[picks], singles.before, np.empty(n), beat)
    left = np.sqrt(np.pi / 2 / n) * np.nan_to_num(noise_mv)
    beat += left[:, np.newaxis] * rng.standard_normal(beat.shape)
    by = rng.uniform(-SHIFT_S, SHIFT_S) * singles.fs
    beat = moved(beat, by)
    made = _marked(beat, singles.before, singles.fs, singles.votes, n)
    if singles.marks is not None:
        made = _as_singles(made, singles.marks[picks] - by, singles.fs, singles.votes)
    parts = singles.before_qrs
    if parts is None:
        return made
    # Of the whole beats only: one at the recording's begin may have no room before its QRS.
    return _with_p(made, parts[:, rng.integers(0, parts.shape[1], parts.shape[1])])


def _marked(beat: NDArray[np.float64], before: int, fs: float, votes: NDArray[np.bool_], n_beats: int) -> MedianBeat:
    """Return a median beat (n_leads, n_samples) with R at `before`, its waves marked."""
    finer = max(1, round(_MARK_FS / fs))
    beat, r, beat_fs = blurred(_finer(beat, finer), fs * finer), before * finer, fs * finer
    table = mark_leads(beat, np.array([r]), beat_fs, median=True)
    together = _combine(table[votes], beat[votes], r, beat_fs)
    return MedianBeat(
        signal=beat,
        fs=beat_fs,
        r_peak=r,
        n_beats=n_beats,
        marks=LeadMarks(**{name: together[:, k] for k, name in enumerate(MARK_NAMES)}),
        by_lead=tuple(LeadMarks(**{name: rows[:, k] for k, name in enumerate(MARK_NAMES)}) for rows in table),
    )


def _as_singles(made: MedianBeat, own: NDArray[np.float64], fs: float, votes: NDArray[np.bool_]) -> MedianBeat:
    """Return the median beat with the medians of the single beats' marks (n_beats, 8), samples from R, for its own."""
    marks = np.array([getattr(made.marks, name)[0] for name in MARK_NAMES])
    onset, offset = _COLUMNS["qrs"]
    if ABSENT not in (marks[onset], marks[offset]) and marks[offset] - marks[onset] < _LEAST_QRS_S * made.fs:
        return made
    share = np.mean(~np.isnan(own), axis=0)
    for columns in _COLUMNS.values():
        if share[columns].max() < _SINGLE_SHARE:
            continue
        for k in columns:
            marks[k] = ABSENT
            if share[k] >= _SINGLE_SHARE:
                at = made.r_peak + made.fs / fs * middle(own[~np.isnan(own[:, k]), k])
                marks[k] = min(max(round(at), 0), made.signal.shape[1] - 1)
    if ABSENT not in (marks[onset], marks[offset]) and marks[onset] < made.r_peak < marks[offset]:
        marks[onset], marks[offset] = _without_flat(made.signal[votes], int(marks[onset]), int(marks[offset]), made)
    p_onset = _COLUMNS["p"][0]
    if ABSENT not in (marks[p_onset], marks[p_onset + 1]):
        marks[p_onset] = _leaves_level(made.signal[votes], int(marks[p_onset]), int(marks[p_onset + 1]), made.fs)
    marks = _in_order(marks[None])
    return replace(made, marks=LeadMarks(**{name: marks[:, k] for k, name in enumerate(MARK_NAMES)}))


def _leaves_level(signal: NDArray[np.float64], onset: int, peak: int, fs: float) -> int:
    """Return where a wave that begins at `onset` or later leaves the level before it in any lead."""
    width = samples(_FLAT_S, fs)
    limit = np.maximum(_P_FLAT_MV, _FLAT_NOISE * _noise_mv(signal, fs))[:, None]
    if middle(limit[:, 0]) > _FLAT_MOST_MV or peak <= onset:
        return onset
    level = signal[:, max(0, onset - width) : onset + 1].mean(axis=1, keepdims=True)
    left = _departures(signal[:, onset : peak + 1] - level, limit, samples(_HOLD_S, fs))
    return onset + max(0, int(left[0]) - samples(_P_FOOT_S, fs)) if len(left) else onset


def _departures(over: NDArray[np.float64], limit: NDArray[np.float64], hold: int) -> NDArray[np.int64]:
    """Return from where on a lead is beyond its limit for so many samples; a single one is noise."""
    beyond = np.abs(over) > limit
    if beyond.shape[1] >= hold:
        beyond = np.asarray(np.lib.stride_tricks.sliding_window_view(beyond, hold, axis=1).all(axis=2))
    return np.flatnonzero(beyond.any(axis=0))


def _noise_mv(signal: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Return the noise that each lead had before it was made less sharp, mV, by its second differences."""
    # Values between samples are drawn from these and have less noise of their own.
    arm = samples(1 / _MARK_FS, fs)
    bend = signal[:, 2 * arm :] - 2 * signal[:, arm:-arm] + signal[:, : -2 * arm]
    return np.asarray(1.4826 * middles(np.abs(bend)) / _bend_of_noise(fs, arm))


@lru_cache(maxsize=64)
def _bend_of_noise(fs: float, arm: int) -> float:
    """Return the standard deviation of the second difference of white noise of one, made as sharp as a median beat."""
    one = np.zeros((1, 8 * arm + 65))
    one[0, one.shape[1] // 2] = 1.0
    one = blurred(one, fs)
    bend = one[:, 2 * arm :] - 2 * one[:, arm:-arm] + one[:, : -2 * arm]
    return float(np.sqrt(np.square(bend).sum()))


def _without_flat(signal: NDArray[np.float64], onset: int, offset: int, made: MedianBeat) -> tuple[int, int]:
    """Return onset and offset of the QRS moved in to the last flat stretch before R and the first behind it."""
    width, r = samples(_FLAT_S, made.fs), made.r_peak
    noise = _noise_mv(signal, made.fs)
    if _FLAT_NOISE * middle(noise) > _FLAT_MOST_MV:
        return onset, offset
    limit = np.maximum(np.maximum(_FLAT_MV, _FLAT_NOISE * noise), _FLAT_SHARE * np.ptp(signal, axis=1))[:, None]
    level = signal[:, max(0, onset - width) : onset + 1].mean(axis=1, keepdims=True)
    hold, foot = samples(_HOLD_S, made.fs), samples(_QRS_FOOT_S, made.fs)
    left = _departures(signal[:, onset:r] - level, limit, hold)
    level = signal[:, offset : offset + width + 1].mean(axis=1, keepdims=True)
    right = _departures(signal[:, offset:r:-1] - level, limit, hold)
    if len(left) and len(right):
        onset, offset = onset + max(0, int(left[0]) - foot), offset - max(0, int(right[0]) - foot)
    first, last = max(0, onset - width), min(signal.shape[1], offset + width + 1)
    parts = np.lib.stride_tricks.sliding_window_view(signal[:, first:last], width + 1, axis=1)
    flat = first + np.flatnonzero((parts.max(axis=2) - parts.min(axis=2) <= limit).all(axis=0))
    before, after = flat[flat + width < r], flat[flat > r]
    if len(before):
        onset = max(onset, int(before[-1]) + width)
    return onset, min(offset, int(after[0])) if len(after) else offset


def _finer(beat: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Return the beat with `times` as many samples, on the cubic spline through those there are."""
    if times == 1:
        return beat
    at = times * np.arange(beat.shape[1])
    out = np.empty((len(beat), int(at[-1]) + 1))
    for row, target in zip(beat, out, strict=True):
        spline_into(at, np.ascontiguousarray(row), target)
    return out


def _before_qrs(
    signal: NDArray[np.float64], r_peaks: NDArray[np.int64], onset: int, reach: int, fs: float
) -> NDArray[np.float64] | None:
    """Return the time before the QRS of each beat, smoothed, (n_leads, n_beats, n); None where there is too little.

    The window ends 30 ms before the QRS onset (`onset` samples from R) and is 230 ms long, less where the median beat
    (`reach` samples before R) is shorter; each beat's level and slope in it are removed.
    """
    start, stop = max(onset - samples(_P_WINDOW_S[0], fs), -reach), onset - samples(_P_WINDOW_S[1], fs)
    whole = r_peaks[r_peaks + start >= 0]
    if len(whole) < _P_BEATS or stop - start < samples(_P_LEAST_S, fs):
        return None
    line = np.linspace(-1.0, 1.0, stop - start)
    out = smooth_leads(signal, WAVES.middle_s, fs)[:, whole[:, None] + np.arange(start, stop)]
    out -= out.mean(axis=2, keepdims=True)
    out -= (out @ line / (line @ line))[:, :, None] * line
    return np.ascontiguousarray(out)


def _with_p(made: MedianBeat, parts: NDArray[np.float64]) -> MedianBeat:
    """Return the median beat with what `parts`, the time before the QRS (n_leads, n_beats, n), say of P waves.

    Which share of the power there the median has, against the median power of single beats; and how far these are from
    it.
    """
    usual = middles(parts.transpose(0, 2, 1))
    single = float(middles(np.square(parts).sum(axis=2)).sum())
    apart = np.square(parts - usual[:, np.newaxis]).mean(axis=2)
    return replace(
        made,
        p_coherence=float(np.square(usual).sum()) / single if single > 0 else float("nan"),
        p_noise_mv=float(np.sqrt(middle(apart.ravel()))),
    )


def _combine(table: NDArray[np.int64], beat: NDArray[np.float64], r: int, fs: float) -> NDArray[np.int64]:
    """Return global marks, shape (1, 8): P and T of the leads that show them plainly, QRS of all leads together."""
    preferred = clearest_first(beat, np.array([r]), fs)
    out = combine(table, fs, preferred=preferred)
    if len(table) > 1:
        plain = table.copy()
        for wave in _WAVES:
            _drop_faint(plain, beat, wave)
        best = combine(plain, fs, preferred=preferred, agree_share=0.0)
        out = np.where((out == ABSENT) | (best == ABSENT), out, best)
    if len(beat) >= _SPAN_LEADS and (span := _qrs_span(beat, r, fs))[0] < r < span[1]:
        onset, offset = span
        out[0, MARK_NAMES.index("qrs_onset")], out[0, MARK_NAMES.index("qrs_offset")] = onset, offset
    return _in_order(out)


def _drop_faint(table: NDArray[np.int64], beat: NDArray[np.float64], wave: str) -> None:
    """Blank a wave in the leads where it is much lower than in the lead that shows it best."""
    onset, peak, offset = (MARK_NAMES.index(f"{wave}_{part}") for part in ("onset", "peak", "offset"))
    height = np.zeros(len(table))
    for i, (row, marks) in enumerate(zip(beat, table[:, 0], strict=True)):
        if ABSENT not in (marks[peak], marks[offset]):
            height[i] = abs(row[marks[peak]] - row[marks[offset]])
    table[height < WAVES.plain_share * height.max(), 0, onset : offset + 1] = ABSENT


def _qrs_span(beat: NDArray[np.float64], r: int, fs: float) -> tuple[int, int]:
    """Return onset and offset of the QRS by the common slope of the leads."""
    slopes = np.zeros_like(beat)
    smooth = smooth_leads(beat, WAVES.span_smooth_s, fs)
    slopes[:, 1:-1] = (smooth[:, 2:] - smooth[:, :-2]) / 2
    noise = quantile(np.abs(slopes), _NOISE_QUANTILE)
    calm = noise <= WAVES.span_noisy * middle(noise)
    speed = np.sqrt(np.mean(slopes[calm] ** 2, axis=0))
    least = WAVES.span_noise * float(quantile(speed, _QUIET_QUANTILE))
    out = np.empty(2, np.int64)
    reach, quiet = samples(WAVES.span_reach_s, fs), samples(WAVES.span_quiet_s, fs)
    steep_span_into(speed, r, reach, quiet, WAVES.span_share, least, out)
    return int(out[0]), int(out[1])


def _in_order(marks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the marks with waves blanked that the wider QRS has swallowed, and edges held outside it."""
    p_onset, p_peak, p_offset, qrs_onset, qrs_offset, t_onset, t_peak, _t_offset = range(8)
    row = marks[0]
    if row[qrs_onset] != ABSENT and row[p_onset] != ABSENT:
        if row[p_peak] >= row[qrs_onset] or row[p_onset] >= row[qrs_onset]:
            row[p_onset : p_offset + 1] = ABSENT
        elif row[p_offset] > row[qrs_onset]:
            row[p_offset] = row[qrs_onset]
    if row[qrs_offset] != ABSENT and row[t_peak] != ABSENT:
        if row[t_peak] <= row[qrs_offset]:
            row[t_onset:] = ABSENT
        elif row[t_onset] != ABSENT and row[t_onset] < row[qrs_offset]:
            row[t_onset] = row[qrs_offset]
    return marks
