"""Fast ventricular rhythms (tachycardia, flutter, fibrillation) from the leads themselves, over sliding windows.

The R peaks of a fibrillating heart are none, and those of a ventricular tachycardia are found by halves: so the
question is put to the signal. Each window of 2.5 s gets a few measures (how even it is and how fast, how wide its
deflections are, how much it moves as noise does), and a logistic function of them says how likely it is that the
ventricles beat fast by themselves. The function's coefficients stand in ``ventricular_score.toml``, made by
``training/ventricular_rhythm.py``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps, middles
from ecg_engine.detection.laying import VOTERS, spread
from ecg_engine.detection.parameters import VENTRICULAR, odd_samples, samples
from ecg_engine.kernels.fibrillation import (
    N_MEASURES,
    evenness_into,
    likeness_into,
    window_maxima_into,
    window_measures_into,
)
from ecg_engine.kernels.seconds import block_means_into
from ecg_engine.kernels.smoothing import moving_means_into
from ecg_engine.types import Beats

__all__ = ["FEATURES", "FastVentricular", "Windows", "find_fast_ventricular", "see_windows"]

#: The features of a window, in the order of the coefficients.
FEATURES = (
    "evenness", "rate_hz", "rate_above_3_hz", "correlation_of_leads", "sharpness_low", "sharpness_high",
    "size_low", "size_high", "wander_high", "kurtosis_low", "leakage_low", "ventricular_share",
)  # fmt: skip
#: A lead that moves less is no evidence, mV RMS.
_STILL_MV = 1e-3
#: Where no usual beat is known its RMS and swing are taken as so many times those of the usual window.
_BEAT_TO_RMS, _BEAT_TO_EXTREME = 1.6, 1.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Windows and their features.

    Parameters
    ----------
    starts_s : (n,) float64 array
        Where each begins, s.
    features : (n, 12) float64 array
        In the order of `FEATURES`; NaN where no lead shows anything.
    paced : (n,) bool array
        Windows whose beats mostly follow a pacing spike.
    """

    starts_s: NDArray[np.float64]
    features: NDArray[np.float64]
    paced: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class FastVentricular:
    """The longest stretch that looks like a fast ventricular rhythm.

    Parameters
    ----------
    start_s, duration_s : float
        From the first window's beginning to the last one's end.
    likelihood : float
        Of its most telling window, 0 to 1.
    rate_bpm : float
        Of its deflections.
    evenness, leakage : float
        Medians over its windows, 0 to 1: of the autocorrelation's peak, of the VF filter leakage.
    usual_beat : float, optional
        The median of the likeness to the usual beat at its best, 0 to 1; None where there is no usual beat.
    """

    start_s: float
    duration_s: float
    likelihood: float
    rate_bpm: float
    evenness: float
    leakage: float
    usual_beat: float | None


def find_fast_ventricular(
    signal: NDArray[np.floating], *, fs: float, beats: Beats, leads: NDArray[np.bool_]
) -> FastVentricular | None:
    """Return the longest stretch of a fast ventricular rhythm.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV as recorded; NaN is a gap.
    fs : float
        Hz.
    beats : Beats
        With their classes: the usual beat is the median of the most frequent class. May be empty.
    leads : (n_leads,) bool array
        Leads that are connected; noisy ones count, since fibrillation may look like noise.

    Returns
    -------
    FastVentricular or None
        None where no window is more likely than the card's threshold, or the recording is shorter than a window. Of a
        long recording, whose many windows give chance more room, and of one lead alone, the most telling one must be
        likelier still.
    """
    seen = see_windows(signal, fs=fs, beats=beats, leads=leads)
    if not len(seen.starts_s):
        return None
    coefficients, intercept, threshold = _score()
    score = seen.features @ coefficients + intercept
    score[~np.isfinite(score) | seen.paced] = -50.0
    likelihood = 1.0 / (1.0 + np.exp(-np.clip(score, -50.0, 50.0)))
    over = likelihood >= threshold
    if not over.any():
        return None
    edges = np.flatnonzero(np.diff(np.concatenate(([0], over.view(np.int8), [0])))).reshape(-1, 2).tolist()
    least = VENTRICULAR.single_likelihood if np.count_nonzero(leads) == 1 else threshold
    if signal.shape[1] > VENTRICULAR.long_s * fs:
        least = VENTRICULAR.long_likelihood
    edges = [e for e in edges if likelihood[e[0] : e[1]].max() >= least]
    if not edges:
        return None
    first, last = max(edges, key=lambda e: (e[1] - e[0], float(likelihood[e[0] : e[1]].max())))
    middle = dict(zip(FEATURES, np.median(seen.features[first:last], axis=0).tolist(), strict=True))
    return FastVentricular(
        start_s=float(seen.starts_s[first]),
        duration_s=float(seen.starts_s[last - 1] - seen.starts_s[first]) + VENTRICULAR.window_s,
        likelihood=float(likelihood[first:last].max()),
        rate_bpm=60.0 * middle["rate_hz"],
        evenness=middle["evenness"],
        usual_beat=_usual_beat_in(signal, leads, fs, beats, seen.starts_s[first:last]),
        leakage=middle["leakage_low"],
    )


@cache
def _score() -> tuple[NDArray[np.float64], float, float]:
    """Return coefficients, intercept and threshold from the card."""
    card = tomllib.loads((files("ecg_engine.detection") / "ventricular_score.toml").read_text(encoding="utf-8"))
    values = np.array([card["coefficients"][name] for name in FEATURES], dtype=np.float64)
    return values, float(card["intercept"]), float(card["threshold"])


def see_windows(signal: NDArray[np.floating], *, fs: float, beats: Beats, leads: NDArray[np.bool_]) -> Windows:
    """Return the features of every window; parameters as of `find_fast_ventricular`.

    Notes
    -----
    Long recordings are seen in blocks, each with its own usual beat.
    """
    parts = []
    rows = np.flatnonzero(leads)
    step_s = VENTRICULAR.step_s if signal.shape[1] <= VENTRICULAR.long_s * fs else VENTRICULAR.long_step_s
    for start, stop in _blocks(signal.shape[1], fs, step_s) if len(rows) else ():
        inside = (beats.r_peaks >= start) & (beats.r_peaks < stop)
        kinds = np.full(int(inside.sum()), "N") if beats.kinds is None else beats.kinds[inside]
        piece = np.array(signal[rows, start:stop], dtype=np.float64)
        part = _block(piece, fs, beats.r_peaks[inside] - start, kinds, step_s)
        if part is not None:
            parts.append(Windows(starts_s=part.starts_s + start / fs, features=part.features, paced=part.paced))
    if not parts:
        return Windows(starts_s=np.zeros(0), features=np.zeros((0, len(FEATURES))), paced=np.zeros(0, dtype=bool))
    return Windows(
        starts_s=np.concatenate([p.starts_s for p in parts]),
        features=np.concatenate([p.features for p in parts]),
        paced=np.concatenate([p.paced for p in parts]),
    )


def _blocks(n: int, fs: float, step_s: float) -> Iterator[tuple[int, int]]:
    """Yield blocks that overlap by a window less a step, so that no stretch is left out between them."""
    step = samples(VENTRICULAR.block_s, fs)
    over = samples(VENTRICULAR.window_s, fs) - samples(step_s, fs)
    for start in range(0, max(n - over, 1), step):
        yield start, min(n, start + step + over)


def _block(
    given: NDArray[np.float64], fs: float, r_peaks: NDArray[np.int64], kinds: NDArray[np.str_], step_s: float
) -> Windows | None:
    thin = max(1, round(fs / VENTRICULAR.rate_hz))
    rate = fs / thin
    n = given.shape[1] // thin
    width, step = samples(VENTRICULAR.window_s, rate), samples(step_s, rate)
    if n < width:
        return None
    count = (n - width) // step + 1
    known = _known(given, thin, n, width, step, count)
    measures = np.empty((len(given), count, N_MEASURES))
    less, slow, main = _bands(fill_gaps(given), thin, rate, n)
    fast = less - _means(less, VENTRICULAR.fast_s, rate)
    for target, quick, wander, out in zip(main, fast, slow, measures, strict=True):
        window_measures_into(target, quick, wander, width, step, out)
    known &= measures[:, :, 0].T > _STILL_MV
    even = np.empty((count, 3))
    size = np.where(known, measures[:, :, 0].T, 0.0)
    every = 2 if rate >= 100 else 1
    first, last = (round(lag * rate / every) for lag in VENTRICULAR.lags_s)
    evenness_into(main, size, width, step, every, max(2, first), last, even)
    even[:, 1] /= rate
    usual = _usual_beat(main, rate, r_peaks // thin, kinds)
    starts = np.arange(count) * step / rate
    share, paced = _kinds_in(starts, r_peaks / fs, kinds)
    return Windows(starts_s=starts, features=_features(measures, known, even, usual, share), paced=paced)


def _known(given: NDArray[np.float64], thin: int, n: int, width: int, step: int, count: int) -> NDArray[np.bool_]:
    """Return (n_windows, n_leads) where a lead has hardly a gap in the window."""
    if not np.isnan(given.sum()):
        return np.ones((count, len(given)), dtype=bool)
    gap = np.isnan(given[:, : n * thin]).reshape(len(given), n, thin).any(axis=2)
    total = np.concatenate((np.zeros((len(given), 1)), np.cumsum(gap, axis=1)), axis=1).astype(np.float64)
    at = np.arange(count) * step
    missing: NDArray[np.float64] = total[:, at + width] - total[:, at]
    most = VENTRICULAR.gap_share * width
    return np.asarray(np.less_equal(missing.T, most))


def _bands(
    signal: NDArray[np.float64], thin: int, rate: float, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the thinned leads, their wander, and their main band, about 1 to 10 Hz; (n_leads, n) each."""
    less = np.empty((len(signal), n))
    block_means_into(np.ascontiguousarray(signal), thin, less)
    slow = _means(_means(less, VENTRICULAR.slow_s, rate), VENTRICULAR.slow_s, rate)
    main = _means(_means(less, VENTRICULAR.soft_s, rate), VENTRICULAR.soft_s, rate)
    return less, slow, np.subtract(main, slow, out=main)


def _usual_beat_in(
    signal: NDArray[np.floating], leads: NDArray[np.bool_], fs: float, beats: Beats, starts_s: NDArray[np.float64]
) -> float | None:
    """Return the median over the windows of the likeness to the usual beat at its best; None where there is none.

    The usual beat is that of the stretch and of half a block to either side.
    """
    thin = max(1, round(fs / VENTRICULAR.rate_hz))
    rate = fs / thin
    margin = VENTRICULAR.block_s / 2
    first = max(0, round((float(starts_s[0]) - margin) * fs))
    stop = round((float(starts_s[-1]) + VENTRICULAR.window_s + margin) * fs)
    part = fill_gaps(np.array(signal[:, first:stop][leads], dtype=np.float64))
    main = _bands(part, thin, rate, part.shape[1] // thin)[2]
    inside = (beats.r_peaks >= first) & (beats.r_peaks < stop)
    kinds = np.full(int(inside.sum()), "N") if beats.kinds is None else beats.kinds[inside]
    usual = _usual_beat(main, rate, (beats.r_peaks[inside] - first) // thin, kinds)
    if usual is None:
        return None
    begin, end = (round((float(s) - first / fs) * rate) for s in (starts_s[0], starts_s[-1]))
    width, step = samples(VENTRICULAR.window_s, rate), samples(VENTRICULAR.step_s, rate)
    stretch = np.ascontiguousarray(main[:, max(0, begin) : end + width])
    like = np.empty_like(stretch)
    likeness_into(stretch, usual, *VENTRICULAR.gains, like)
    best = np.zeros(max(1, (stretch.shape[1] - width) // step + 1))
    window_maxima_into(like.max(axis=0), min(width, stretch.shape[1]), step, usual.shape[1], best)
    return float(np.median(best))


def _means(x: NDArray[np.float64], seconds: float, fs: float) -> NDArray[np.float64]:
    out = np.empty_like(x)
    moving_means_into(x, odd_samples(seconds, fs), out)
    return out


def _usual_beat(
    main: NDArray[np.float64], fs: float, r_peaks: NDArray[np.int64], kinds: NDArray[np.str_]
) -> NDArray[np.float64] | None:
    """Return the median of the most frequent class around R, each lead around its mean; None with fewer than three."""
    if not len(kinds):
        return None
    names, counts = np.unique(kinds, return_counts=True)
    before, after = samples(VENTRICULAR.beat_s[0], fs), samples(VENTRICULAR.beat_s[1], fs)
    at = r_peaks[kinds == names[np.argmax(counts)]]
    at = at[(at >= before) & (at + after <= main.shape[1])]
    if len(at) < 3:
        return None
    at = spread(at, VOTERS)
    beat = middles(main[:, np.arange(-before, after)[:, None] + at])
    return np.ascontiguousarray(beat - beat.mean(axis=1, keepdims=True))


def _kinds_in(
    starts: NDArray[np.float64], r_s: NDArray[np.float64], kinds: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the share of each window's beats that are ventricular (a half without beats), and which are paced."""
    first, last = np.searchsorted(r_s, starts), np.searchsorted(r_s, starts + VENTRICULAR.window_s)
    counted = np.maximum(last - first, 1)

    def share(kind: str) -> NDArray[np.float64]:
        total = np.concatenate(([0], np.cumsum(kinds == kind)))
        return np.asarray((total[last] - total[first]) / counted)

    return np.where(last > first, share("V"), 0.5), share("Q") > 0.5


def _features(
    measures: NDArray[np.float64],
    known: NDArray[np.bool_],
    even: NDArray[np.float64],
    usual: NDArray[np.float64] | None,
    share: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Put the measures of the leads together: the lowest and highest of few leads, the quarters of many."""
    rms = np.maximum(measures[:, :, 0], 1e-5)
    if usual is None:
        beat_rms = _BEAT_TO_RMS * np.median(rms, axis=1)
        beat_swing = _BEAT_TO_EXTREME * np.median(measures[:, :, 5], axis=1)
    else:
        beat_rms, beat_swing = np.sqrt(np.mean(usual**2, axis=1)), np.ptp(usual, axis=1)
    beat_rms, beat_swing = np.maximum(beat_rms, 1e-3)[:, None], np.maximum(beat_swing, 5e-3)[:, None]
    sharp = _low_high(np.log(np.maximum(measures[:, :, 1], 1e-5) / rms), known)
    size = _low_high(np.log(rms / beat_rms), known)
    wander = _low_high(np.log(np.maximum(measures[:, :, 2], 1e-4) / beat_swing), known)
    kurtosis = _low_high(np.log(np.maximum(measures[:, :, 4], 1.0)), known)
    leakage = _low_high(measures[:, :, 3], known)
    period = even[:, 1]
    rate = np.where(period > 0, 1.0 / np.maximum(period, VENTRICULAR.lags_s[0]), 0.0)
    together = even[:, 2] if known.shape[1] > 1 else np.full(len(even), VENTRICULAR.single_correlation)
    return np.column_stack([
        even[:, 0], rate, np.maximum(rate - 3.0, 0.0), together,
        sharp[0], sharp[1], size[0], size[1], wander[1], kurtosis[0], leakage[0], share,
    ])  # fmt: skip


def _low_high(values: NDArray[np.float64], known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a low and a high value over the leads that are known in each window; NaN where none is."""
    ordered = np.sort(np.where(known.T, values, np.inf), axis=0)
    n_leads = known.sum(axis=1)
    few = known.shape[1] <= 3
    low = np.zeros(len(known), np.int64) if few else np.round(0.25 * np.maximum(n_leads - 1, 0)).astype(np.int64)
    high = np.maximum(n_leads - 1 - low, 0)
    column = np.arange(len(known))
    return tuple(np.where(n_leads > 0, ordered[at, column], np.nan) for at in (low, high))  # type: ignore[return-value]
