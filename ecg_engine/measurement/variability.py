"""Heart rate variability of NN intervals: over time, in frequency, non-linear.

Definitions are those of the Task Force of the ESC and NASPE 1996 (doi:10.1161/01.CIR.93.5.1043).
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ecg_engine.types import Beats
from ecg_engine.types.long import HeartRateVariability

__all__ = ["measure_variability", "nn_intervals"]

#: An NN interval is no shorter and no longer, ms: rates of 300 and 30 a minute.
NN_MS: Final = (200.0, 2000.0)
#: An interval so far from the median of the eleven around it holds a missed beat, or ends at a false one.
NN_TO_MEDIAN: Final = (0.6, 1.6)
_AROUND: Final = 11
#: So many intervals, and so long together, make figures: half a minute and a minute are the least that is published.
LEAST_INTERVALS, LEAST_S = 30, 30.0
SEGMENT_S: Final = 300.0
#: A segment counts where NN intervals cover so much of it.
SEGMENT_SHARE: Final = 0.8
#: SDANN and the SDNN index need so many segments.
LEAST_SEGMENTS: Final = 3
#: The spectrum and the non-linear figures are those of so many segments at most, the best of as many parts of the
#: recording: 24 make one an hour of a day.
MOST_SEGMENTS: Final = 24
#: Bin of the histogram of NN intervals, ms.
BIN_MS: Final = 1000.0 / 128
#: Intervals are made even at so many a second for the spectrum.
EVEN_HZ: Final = 4
#: Sample entropy: length of the patterns, and how alike in standard deviations (Richman and Moorman 2000,
#: doi:10.1152/ajpheart.2000.278.6.H2039).
ENTROPY: Final = (2, 0.2)
#: The short scales of detrended fluctuation analysis, beats (Peng et al. 1995, doi:10.1063/1.166141).
SCALES: Final = (4, 16)


def nn_intervals(
    beats: Beats, *, fs: float, left_out: tuple[tuple[int, int], ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the NN intervals: which of the intervals between beats they are, and their lengths, ms.

    Parameters
    ----------
    beats : Beats
        With their classes: both ends of an NN interval are of class N.
    fs : float
        Hz.
    left_out : tuple of (int, int)
        Stretches ``[start, stop)`` that an NN interval does not touch: gaps, noise, atrial fibrillation. Any order.
    """
    r = beats.r_peaks
    if len(r) < 2:
        return np.zeros(0, np.int64), np.zeros(0)
    rr = np.diff(r) / fs * 1000.0
    ordinary = np.ones(len(r), bool) if beats.kinds is None else beats.kinds == "N"
    good = ordinary[1:] & ordinary[:-1] & (rr >= NN_MS[0]) & (rr <= NN_MS[1])
    for start, stop in left_out:
        first = np.searchsorted(r[1:], start, side="right")
        last = np.searchsorted(r[:-1], stop)
        good[first:last] = False
    at = np.flatnonzero(good)
    if len(at) >= _AROUND:
        usual = np.median(sliding_window_view(np.pad(rr[at], _AROUND // 2, mode="reflect"), _AROUND), axis=1)
        share = rr[at] / usual
        at = at[(share >= NN_TO_MEDIAN[0]) & (share <= NN_TO_MEDIAN[1])]
    return at, rr[at]


def measure_variability(
    beats: Beats, *, fs: float, n_samples: int, left_out: tuple[tuple[int, int], ...]
) -> HeartRateVariability | None:
    """Measure the variability of the heart rate.

    Parameters
    ----------
    beats, fs, left_out
        As of `nn_intervals`.
    n_samples : int
        Length of the recording.

    Returns
    -------
    HeartRateVariability or None
        None with fewer than 30 NN intervals or less than 30 s of them. Spectrum and non-linear figures need 5 min of
        which NN intervals cover 80 %, SDANN and the SDNN index three times that.

    Notes
    -----
    Differences (RMSSD, pNN50, SD1) are taken between intervals that follow each other only, and pNN50 is the share of
    those pairs. The spectrum (Welch) and the non-linear figures (sample entropy, short-term DFA) are NeuroKit2's, each
    the mean over the best 5 min of each of up to 24 equal parts of the recording; SD1 and SD2 are of the whole.
    """
    at, nn = nn_intervals(beats, fs=fs, left_out=left_out)
    usable_s = float(nn.sum()) / 1000.0
    if len(nn) < LEAST_INTERVALS or usable_s < LEAST_S:
        return None
    values = _over_time(at, nn)
    begin_s = beats.r_peaks[at] / fs
    segments = _segments(begin_s, nn, n_samples / fs)
    if len(segments) >= LEAST_SEGMENTS:
        values["sdann_ms"] = float(np.std([nn[a:b].mean() for a, b in segments], ddof=1))
        values["sdnn_index_ms"] = float(np.mean([nn[a:b].std(ddof=1) for a, b in segments]))
    chosen = _best(segments, begin_s, nn, n_samples / fs)
    values |= _by_neurokit([(begin_s[a:b] + nn[a:b] / 1000.0, nn[a:b]) for a, b in chosen])
    return HeartRateVariability(
        n_intervals=len(nn),
        usable_s=usable_s,
        usable_percent=100.0 * usable_s * fs / n_samples,
        n_segments=len(chosen),
        values=values,
    )


def _over_time(at: NDArray[np.int64], nn: NDArray[np.float64]) -> dict[str, float]:
    out = {"mean_nn_ms": float(nn.mean()), "sdnn_ms": float(nn.std(ddof=1))}
    change = np.diff(nn)[np.diff(at) == 1]
    if len(change) >= LEAST_INTERVALS - 1:
        out["rmssd_ms"] = float(np.sqrt(np.mean(change**2)))
        out["pnn50_percent"] = 100.0 * float(np.mean(np.abs(change) > 50.0))
        # Brennan et al. 2001, doi:10.1109/10.959330: the ellipse of the Poincare plot from these two spreads.
        sd1 = float(change.std(ddof=1)) / np.sqrt(2)
        out["sd1_ms"] = sd1
        out["sd2_ms"] = float(np.sqrt(max(0.0, 2 * out["sdnn_ms"] ** 2 - sd1**2)))
    counts = np.bincount((nn / BIN_MS).astype(np.int64))
    out["hrv_triangular_index"] = len(nn) / float(counts.max())
    return out


def _segments(begin_s: NDArray[np.float64], nn: NDArray[np.float64], duration_s: float) -> list[tuple[int, int]]:
    """Return first and last (exclusive) interval of each segment of 5 min that NN intervals cover well."""
    n = int(duration_s / SEGMENT_S)
    edges = np.searchsorted(begin_s, np.arange(n + 1) * SEGMENT_S)
    total = np.concatenate(([0.0], np.cumsum(nn))) / 1000.0
    covered = total[edges[1:]] - total[edges[:-1]]
    good = covered >= SEGMENT_SHARE * SEGMENT_S
    return [(int(a), int(b)) for a, b in zip(edges[:-1][good], edges[1:][good], strict=True)]


def _best(
    segments: list[tuple[int, int]], begin_s: NDArray[np.float64], nn: NDArray[np.float64], duration_s: float
) -> list[tuple[int, int]]:
    """Return the segment that is covered best in each part of the recording."""
    part_s = max(SEGMENT_S, duration_s / MOST_SEGMENTS)
    best: dict[int, tuple[float, int, int]] = {}
    for a, b in segments:
        part, covered = int(begin_s[a] / part_s), float(nn[a:b].sum())
        if part not in best or covered > best[part][0]:
            best[part] = (covered, a, b)
    return [(a, b) for _, a, b in best.values()][:MOST_SEGMENTS]


def _by_neurokit(segments: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> dict[str, float]:
    """Return the means over segments of (end of each interval s, its length ms) of what NeuroKit2 measures."""
    if not segments:
        return {}
    import neurokit2

    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for times, nn in segments:
            rri = {"RRI": nn, "RRI_Time": times}
            power = neurokit2.hrv_frequency(
                rri, sampling_rate=1000, psd_method="welch", normalize=False, interpolation_rate=EVEN_HZ, silent=True
            ).iloc[0]
            vlf, lf, hf = (float(power[f"HRV_{band}"]) for band in ("VLF", "LF", "HF"))
            order, alike = ENTROPY
            entropy, _ = neurokit2.entropy_sample(nn, dimension=order, tolerance=alike * float(nn.std(ddof=1)))
            alpha, _ = neurokit2.fractal_dfa(nn, scale=np.arange(SCALES[0], SCALES[1] + 1))
            rows.append((vlf, lf, hf, lf / hf if hf > 0 else np.nan, float(entropy), float(alpha)))
    table = np.array(rows)
    table[~np.isfinite(table)] = np.nan
    names = ("vlf_power_ms2", "lf_power_ms2", "hf_power_ms2", "lf_hf_ratio", "sample_entropy", "dfa_alpha1")
    return {
        name: float(np.nanmean(column))
        for name, column in zip(names, table.T, strict=True)
        if np.isfinite(column).any()
    }
