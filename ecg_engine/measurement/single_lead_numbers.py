"""Numbers about one lead, for the rhythm model: RR intervals, the usual beat, what is between beats, noise, waves."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.measurement.single_lead_rr import CHANGE_NUMBERS, change_numbers
from ecg_engine.measurement.single_lead_waves import WAVE_NUMBERS, wave_numbers

__all__ = ["FS", "NUMBERS", "RR_NUMBERS", "rr_numbers", "strip_numbers"]

#: Rate of the strips that the model learnt from.
FS: Final = 100.0
#: Fewer RR intervals than these say nothing of a rhythm.
FEWEST_RR: Final = 4
#: A change of log RR from beat to beat counts as so much at most: a missed beat is a change of 0.7.
LARGEST_CHANGE: Final = 0.5
#: Two runs of beats are alike where their log RR differ by less.
ALIKE: Final = 0.06
#: Which share of changes is larger than these.
CHANGES: Final = (0.08, 0.2)
RR_QUANTILES: Final = (0.02, 0.1, 0.25, 0.75, 0.9, 0.98)
CHANGE_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Bins of RR in units of its median: from early beats to pauses.
RR_BINS: Final = (0.3, 0.6, 0.8, 0.9, 0.97, 1.03, 1.1, 1.2, 1.4, 2.01)
LAGS: Final = (1, 2, 3)
#: How many `rr_numbers` and `strip_numbers` give.
RR_NUMBERS: Final = 33
NUMBERS: Final = 155 + CHANGE_NUMBERS + WAVE_NUMBERS
#: A beat is looked at from 350 ms before R to 500 ms after; samples.
BEFORE, AFTER = 35, 50
#: Where QRS and P stand in it.
QRS: Final = slice(BEFORE - 12, BEFORE + 13)
P: Final = slice(BEFORE - 30, BEFORE - 6)
#: What is left out as QRS when one looks between the beats.
QRS_BEFORE, QRS_AFTER = 8, 10
FEWEST_BEATS: Final = 4
#: A beat that correlates less with the usual one has another shape.
UNLIKE: Final = 0.8
#: In units of the usual RR around: an early beat, the pause after it, a pause.
EARLY, LATE, PAUSE = 0.87, 1.05, 1.25
SLOW: Final = 50
STRETCH: Final = 200
CLIPPED: Final = 2.9
#: Flutter and coarse fibrillation, fine fibrillation, muscle; and what they are shares of.
BANDS_HZ: Final = ((4, 7), (7, 11), (15, 30))
WHOLE_BAND_HZ: Final = (2, 30)


def rr_numbers(r_peaks: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return numbers that tell regular, irregular and interrupted rhythms apart.

    Rate, changes from beat to beat, the distribution of RR around its median, autocorrelation, and how often runs of
    two and three beats recur (sample entropy; Richman and Moorman 2000, Am J Physiol 278:H2039; for fibrillation Lake
    and Moorman 2011, Am J Physiol 300:H319).

    Parameters
    ----------
    r_peaks : (n,) int array
        Samples at 100 Hz.

    Returns
    -------
    (33,) float32 array
        All 0 where there are fewer than four intervals; else the last is 1.

    Examples
    --------
    >>> regular, irregular = rr_numbers(np.arange(0, 3000, 80)), rr_numbers(np.cumsum([60, 95, 70, 110, 64, 88, 72]))
    >>> bool(regular[2] == 0.0), bool(irregular[2] > 0.2)
    (True, True)
    """
    rr = np.diff(r_peaks) / FS
    if len(rr) < FEWEST_RR:
        return np.zeros(RR_NUMBERS, np.float32)
    usual = float(np.median(rr))
    log = np.log(rr)
    change = np.minimum(np.abs(np.diff(log)), LARGEST_CHANGE)
    over_two = np.minimum(np.abs(log[2:] - log[:-2]), LARGEST_CHANGE)
    apart = np.abs(log[:, None] - log[None])
    pairs = np.triu_indices(len(log) - 1, 1)
    one = apart[:-1, :-1][pairs] < ALIKE
    two = one & (apart[1:, 1:][pairs] < ALIKE)
    found = [
        np.log(usual),
        np.log(len(rr)),
        np.sqrt(np.mean(change**2)),
        *(np.mean(change > limit) for limit in CHANGES),
        *np.quantile(rr / usual, RR_QUANTILES),
        *np.quantile(change, CHANGE_QUANTILES),
        *np.histogram(np.clip(rr / usual, RR_BINS[0], RR_BINS[-1]), RR_BINS)[0] / len(rr),
        *(_alike_after(log, lag) for lag in LAGS),
        np.sqrt(np.mean(over_two**2)),
        np.median(np.abs(log - np.median(log))),
        one.mean(),
        np.log((two.mean() + 1e-3) / (one.mean() + 1e-3)),
        1.0,
    ]
    return np.array(found, np.float32)


def _alike_after(log: NDArray[np.float64], lag: int) -> float:
    """Return the autocorrelation, 0 where there are too few beats or all are even."""
    if len(log) < lag + FEWEST_RR:
        return 0.0
    a, b = log[:-lag] - log[:-lag].mean(), log[lag:] - log[lag:].mean()
    size = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.sum(a * b)) / size if size > 1e-9 else 0.0


def strip_numbers(strip: NDArray[np.float32], r_peaks: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return all numbers about a strip.

    Parameters
    ----------
    strip : (2, m) array
        Signal and validity at 100 Hz, as `single_lead_input.strip_of` gives them.
    r_peaks : (n,) int array
        Samples.

    Returns
    -------
    (221,) float32 array
        First those of `rr_numbers`, last those of `change_numbers` and `wave_numbers`. What cannot be said is 0.
    """
    x, known = strip[0].astype(np.float64), strip[1] > 0
    # What is slower than half a second is not between two beats.
    quick = x - np.convolve(x, np.ones(SLOW) / SLOW, "same") if len(x) >= SLOW else x
    whole = np.array([r for r in r_peaks if r >= BEFORE and r + AFTER < len(x) and known[r - BEFORE : r + AFTER].all()])
    beats = x[whole.astype(np.int64)[:, None] + np.arange(-BEFORE, AFTER + 1)] if len(whole) >= FEWEST_BEATS else None
    alike = None if beats is None else _correlation(beats, np.median(beats, axis=0), QRS)
    found = np.concatenate(
        [
            rr_numbers(r_peaks),
            beat_numbers(beats),
            noise_numbers(x, quick, known),
            rest_numbers(x, quick, known, whole, beats),
            event_numbers(r_peaks, whole, alike),
            change_numbers(r_peaks, fs=FS),
            wave_numbers(x, r_peaks, fs=FS),
        ]
    )
    return np.nan_to_num(found.astype(np.float32), posinf=0.0, neginf=0.0)


def beat_numbers(beats: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the median beat, R upwards, how far beats stand from it, and how alike they are: (96,)."""
    n = (BEFORE + AFTER) // 2 + 1
    if beats is None:
        return np.zeros(2 * n + 10)
    beats = beats - np.median(beats, axis=1, keepdims=True)
    usual = np.median(beats, axis=0)
    if usual[BEFORE] < 0:
        usual, beats = -usual, -beats
    apart = np.median(np.abs(beats - usual), axis=0)
    alike, sizes = _correlation(beats, usual, QRS), _sizes(beats, usual, QRS)
    p_alike = _correlation(beats, usual, P)
    return np.concatenate(
        [
            usual[::2],
            apart[::2],
            np.quantile(alike, (0.03, 0.1, 0.5)),
            np.quantile(sizes, (0.05, 0.5, 0.95)),
            [np.mean(alike < UNLIKE)],
            np.quantile(p_alike, (0.25, 0.5)),
            [np.log(np.median(np.abs(np.diff(beats, axis=1))) + 1e-4)],
        ]
    )


def noise_numbers(x: NDArray[np.float64], quick: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return heights and roughness of stretches of two seconds, what is clipped, length, slow against quick: (9,)."""
    n = len(x) // STRETCH
    rows = x[: n * STRETCH].reshape(n, STRETCH)
    rows = rows[known[: n * STRETCH].reshape(n, STRETCH).all(axis=1)]
    if not len(rows):
        return np.zeros(9)
    rough = np.sqrt(np.mean(np.diff(rows, axis=1) ** 2, axis=1))
    return np.concatenate(
        [
            np.quantile(np.ptp(rows, axis=1), (0.05, 0.9, 1.0)),
            np.log(np.quantile(rough, (0.1, 0.5, 0.95)) + 1e-3),
            [np.mean(np.abs(x) >= CLIPPED), len(x) / 1000],
            [np.log(np.mean(x**2) / (np.mean(quick**2) + 1e-6) + 1e-3)],
        ]
    )


def rest_numbers(
    x: NDArray[np.float64],
    quick: NDArray[np.float64],
    known: NDArray[np.bool_],
    r_peaks: NDArray[np.int64],
    beats: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Return what is between the QRS: shares of its bands (f waves, flutter, muscle) and its size: (5,)."""
    if beats is None:
        return np.zeros(5)
    usual = np.median(beats, axis=0)
    left, between = x.copy(), known.copy()
    for r in r_peaks:
        left[r - BEFORE : r + AFTER + 1] -= usual
        between[max(0, r - QRS_BEFORE) : r + QRS_AFTER] = False
    power = np.abs(np.fft.rfft(np.where(between, quick, 0.0))) ** 2
    f = np.fft.rfftfreq(len(x), 1 / FS)
    total = power[(f > WHOLE_BAND_HZ[0]) & (f < WHOLE_BAND_HZ[1])].sum() + 1e-6
    shares = [power[(f > low) & (f < high)].sum() / total for low, high in BANDS_HZ]
    size = np.sum(np.where(between, left, 0.0) ** 2) / max(1, between.sum())
    return np.array([*shares, np.log(total / len(x) ** 2 * 1e3 + 1e-6), np.log(size + 1e-6)])


def event_numbers(
    r_peaks: NDArray[np.int64], whole: NDArray[np.int64], alike: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return early beats and pauses, how unlike the early beats are, extremes of rate and of irregularity: (12,)."""
    rr = np.diff(r_peaks) / FS
    if len(rr) <= FEWEST_RR:
        return np.zeros(12)
    around = np.array([np.median(rr[max(0, i - 4) : i + 5]) for i in range(len(rr))])
    share = rr / around
    early = np.flatnonzero((share[:-1] < EARLY) & (share[1:] > LATE))
    pace = np.convolve(rr, np.ones(5) / 5, "valid")
    change = np.abs(np.diff(np.log(rr)))
    irregular = [np.median(change[i : i + 8]) for i in range(0, max(1, len(change) - 7), 4)]
    look = {} if alike is None else dict(zip(whole.tolist(), alike.tolist(), strict=True))
    shapes = [look[r] for r in r_peaks[early + 1].tolist() if r in look] or [1.0]
    return np.array(
        [
            np.mean(share < EARLY), np.sum(share < EARLY), np.sum(share > PAUSE), rr.max(), rr.min(), len(early),
            pace.min(), pace.max(), max(irregular), min(irregular), min(shapes), np.mean(shapes),
        ]
    )  # fmt: skip


def _centred(beats: NDArray[np.float64], usual: NDArray[np.float64], part: slice) -> tuple[NDArray[np.float64], ...]:
    a, b = beats[:, part], usual[part]
    return a - a.mean(axis=1, keepdims=True), b - b.mean()


def _correlation(beats: NDArray[np.float64], usual: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
    a, b = _centred(beats, usual, part)
    out: NDArray[np.float64] = (a * b).sum(axis=1) / (np.sqrt((a**2).sum(axis=1) * (b**2).sum()) + 1e-6)
    return out


def _sizes(beats: NDArray[np.float64], usual: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
    a, b = _centred(beats, usual, part)
    out: NDArray[np.float64] = (a * b).sum(axis=1) / ((b**2).sum() + 1e-6)
    return out
