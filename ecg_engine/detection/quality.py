"""Signal quality of each lead: flat, missing, clipped, noisy, wandering, mains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps
from ecg_engine.detection.cleaning import MainsRemoved, remove_mains
from ecg_engine.detection.parameters import QRS, QUALITY, odd_samples, samples
from ecg_engine.kernels.quality import flat_samples, samples_at_level
from ecg_engine.kernels.smoothing import moving_mean_into, moving_median_into
from ecg_engine.types import LeadQuality, Quality


def measure_quality(
    signal: NDArray[np.floating],
    *,
    fs: float,
    leads: Sequence[str],
    r_peaks: NDArray[np.int64],
    mains: MainsRemoved | None = None,
) -> Quality:
    """Judge each lead, and whether the recording can be interpreted.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV; NaN is a gap.
    fs : float
        Hz.
    leads : sequence of str
        One name a row.
    r_peaks : (n_beats,) int64 array
        Beats known so far: the noise is measured between them, against their swing.
    mains : MainsRemoved, optional
        Where it has been computed already.

    Returns
    -------
    Quality
        Acceptable where at least half of the leads, and one, are usable.
    """
    given = np.ascontiguousarray(signal, dtype=np.float64)
    filled = fill_gaps(given)
    if mains is None:
        mains = remove_mains(filled, fs=fs)
    by_lead = {
        name: _lead(given[i], filled[i], mains.signal[i], float(mains.amplitude_mv[i]), r_peaks, fs)
        for i, name in enumerate(leads)
    }
    return overall_quality(by_lead)


def overall_quality(by_lead: Mapping[str, LeadQuality]) -> Quality:
    """Return whether leads of such quality can be interpreted together."""
    usable = sum(lead.usable for lead in by_lead.values())
    if usable == 0:
        return Quality(by_lead=by_lead, acceptable=False, reasons=("no_usable_lead",))
    if 2 * usable < len(by_lead):
        return Quality(by_lead=by_lead, acceptable=False, reasons=("few_usable_leads",))
    return Quality(by_lead=by_lead, acceptable=True)


def _lead(
    given: NDArray[np.float64],
    filled: NDArray[np.float64],
    without_mains: NDArray[np.float64],
    mains_mv: float,
    r_peaks: NDArray[np.int64],
    fs: float,
) -> LeadQuality:
    n = len(given)
    gap_share = float(np.isnan(given).mean())
    width = min(max(2, samples(QUALITY.flat_s, fs)), n)
    # An electrode that is off may still pick up mains.
    flat = flat_samples(without_mains, width, QUALITY.flat_mv, np.empty(2 * n, np.int64)) / n if n >= 2 else 1.0
    clipped = _clipped_share(filled, fs)
    if gap_share == 1.0:
        return LeadQuality(usable=False, reasons=("missing",), gap_fraction=1.0)
    if flat >= QUALITY.flat_share:
        return LeadQuality(usable=False, reasons=("flat",), gap_fraction=gap_share, flat_fraction=flat)
    noise = _noise_mv(without_mains, r_peaks, fs)
    wander = _wander_mv(filled, fs)
    swing = _swing_mv(without_mains, r_peaks, fs)
    reasons = []
    if gap_share > QUALITY.gap_share:
        reasons.append("gaps")
    if clipped > QUALITY.clip_share:
        reasons.append("clipped")
    too_noisy = noise > QUALITY.noise_mv and noise > QUALITY.noisy_share * swing
    if too_noisy:
        reasons.append("noisy")
    usable = not reasons
    if not too_noisy and noise > QUALITY.noise_mv:
        reasons.append("noisy")
    if wander > QUALITY.wander_mv:
        reasons.append("baseline_wander")
    if mains_mv > QUALITY.mains_mv:
        reasons.append("mains")
    return LeadQuality(
        usable=usable,
        reasons=tuple(reasons),
        gap_fraction=gap_share,
        flat_fraction=flat,
        clipped_fraction=clipped,
        noise_mv=noise,
        wander_mv=wander,
        mains_mv=mains_mv,
    )


def _clipped_share(row: NDArray[np.float64], fs: float) -> float:
    """Return the share of the samples that stand at the lead's extremes, where these are far from its usual level.

    A lead whose waves all point one way rests at its own minimum: that is its baseline, not a limit.
    """
    low, usual, high = float(row.min()), float(np.median(row)), float(row.max())
    far = max(QUALITY.clip_mv, QUALITY.clip_far_share * (high - low))
    shortest = samples(QUALITY.clip_s, fs)
    counts = [samples_at_level(row, level, shortest) for level in (low, high) if abs(level - usual) >= far]
    return float(sum(counts)) / len(row)


def _noise_mv(row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> float:
    """Return the RMS, by the median, of what a mean over 20 ms leaves outside the QRS, mV."""
    smooth = np.empty_like(row)
    moving_mean_into(row, odd_samples(0.020, fs), smooth)
    rest = row - smooth
    outside = np.ones(len(row), dtype=bool)
    reach = samples(0.12, fs)
    for r in r_peaks:
        outside[max(0, r - reach) : r + reach] = False
    part = rest[outside] if outside.sum() >= samples(0.2, fs) else rest
    # RMS rather than the median of the whole: bursts of muscle noise count by their share. Blocks guard against spikes.
    block = samples(0.2, fs)
    whole = part[: len(part) // block * block].reshape(-1, block)
    if not len(whole):
        return float(np.sqrt(np.mean(part**2)))
    return float(np.median(np.sqrt(np.mean(whole**2, axis=1))))


def _wander_mv(row: NDArray[np.float64], fs: float) -> float:
    """Return the peak-to-peak of the 0.6 s median, without its outermost hundredths, mV."""
    width = min(odd_samples(0.6, fs), 2 * (len(row) // 2) - 1 if len(row) > 2 else 1)
    slow = np.empty_like(row)
    moving_median_into(row, max(1, width), samples(0.1, fs), np.empty(max(1, width)), slow)
    low, high = np.quantile(slow, (0.01, 0.99))
    return float(high - low)


def _swing_mv(row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> float:
    """Return the usual swing of the QRS, mV; without beats that of half-second blocks.

    It is that of the mean over 20 ms, which leaves three quarters of a narrow QRS and little of noise: otherwise the
    swing of pure noise, five times its RMS, would pass for a QRS.
    """
    smooth = np.empty_like(row)
    moving_mean_into(row, odd_samples(0.020, fs), smooth)
    row = smooth
    reach = samples(QRS.locate_s, fs)
    if r_peaks.size:
        parts = [row[max(0, r - reach) : r + reach + 1] for r in r_peaks]
    else:
        block = samples(0.5, fs)
        parts = [row[i : i + block] for i in range(0, len(row), block)]
    return float(np.median([p.max() - p.min() for p in parts if len(p)]))
