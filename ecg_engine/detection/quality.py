"""Signal quality of each lead: flat, missing, clipped, noisy, wandering, mains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps
from ecg_engine.detection.cleaning import MainsRemoved, remove_mains
from ecg_engine.detection.lead_spells import flag_seconds, limits_of, spells_of
from ecg_engine.detection.parameters import QRS, QUALITY, odd_samples, samples
from ecg_engine.detection.quality_score import coarse, quality_score, seconds_of
from ecg_engine.kernels.quality import flat_samples, noise_and_swing_into, samples_at_level
from ecg_engine.kernels.seconds import block_means_into
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
        Acceptable where at least half of the leads, and one, are usable. Beside that stands a score, and of each lead
        the spells in which something is wrong.
    """
    given = np.ascontiguousarray(signal, dtype=np.float64)
    filled = fill_gaps(given)
    if mains is None:
        mains = remove_mains(filled, fs=fs)
    rows, rate = coarse(filled, fs)
    bare = rows if mains.mains_hz is None else coarse(mains.signal, fs)[0]
    seconds = seconds_of(rows, rate)
    usual = np.sort(rows, axis=1)[:, rows.shape[1] // 2].tolist()
    limits = [limits_of(row, level) for row, level in zip(filled, usual, strict=True)]
    bare_seconds = seconds if bare is rows else seconds_of(bare, rate)
    stop = filled.shape[1] - held_at_end(filled, fs)
    flags = flag_seconds(given, filled, mains.signal, bare_seconds, limits, fs, stop)
    by_lead = {}
    for i, name in enumerate(leads):
        lead = _Lead(
            given=given[i],
            filled=filled[i],
            without_mains=mains.signal[i],
            rows=(rows[i], bare[i]),
            mains_mv=float(mains.amplitude_mv[i]),
            limits=limits[i],
            stop=stop,
        )
        by_lead[name] = replace(_judge(lead, r_peaks, fs, rate), spells=spells_of(flags[i], given.shape[1] / fs))
    return overall_quality(by_lead, score=quality_score(rows, rate, seconds))


def held_at_end(signal: NDArray[np.float64], fs: float) -> int:
    """Return how many samples at the end all leads stand still at once, less than a flat lead's; 0 for one lead alone.

    A device that fills the rest of its record with the last sample: that is no limit of an amplifier, however far from
    the usual level the lead was then.
    """
    most = min(samples(QUALITY.flat_s, fs), signal.shape[1])
    if len(signal) < 2:
        return 0
    moves = np.flatnonzero((signal[:, -most:] != signal[:, -1:]).any(axis=0))
    return most - 1 - int(moves[-1]) if len(moves) else 0


def overall_quality(by_lead: Mapping[str, LeadQuality], *, score: float = float("nan")) -> Quality:
    """Return whether leads of such quality can be interpreted together."""
    usable = sum(lead.usable for lead in by_lead.values())
    if usable == 0:
        return Quality(by_lead=by_lead, acceptable=False, reasons=("no_usable_lead",), score=score)
    if 2 * usable < len(by_lead):
        return Quality(by_lead=by_lead, acceptable=False, reasons=("few_usable_leads",), score=score)
    return Quality(by_lead=by_lead, acceptable=True, score=score)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lead:
    """One lead: with NaN, without them, without mains, both at the coarse rate, its mains, its limits, its own end."""

    given: NDArray[np.float64]
    filled: NDArray[np.float64]
    without_mains: NDArray[np.float64]
    rows: tuple[NDArray[np.float64], NDArray[np.float64]]
    mains_mv: float
    limits: tuple[float, ...]
    stop: int


def _judge(lead: _Lead, r_peaks: NDArray[np.int64], fs: float, rate: float) -> LeadQuality:
    gap_share = float(np.isnan(lead.given).mean()) if lead.given is not lead.filled else 0.0
    if gap_share == 1.0:
        return LeadQuality(usable=False, reasons=("missing",), gap_fraction=1.0)
    filled, bare = lead.rows
    n = len(bare)
    width = min(max(2, samples(QUALITY.flat_s, rate)), n)
    # An electrode that is off may still pick up mains.
    flat = flat_samples(bare, width, QUALITY.flat_mv, np.empty(2 * n, np.int64)) / n if n >= 2 else 1.0
    if flat >= QUALITY.flat_share:
        return LeadQuality(usable=False, reasons=("flat",), gap_fraction=gap_share, flat_fraction=flat)
    shortest = samples(QUALITY.clip_s, fs)
    own = lead.filled[: lead.stop]
    clipped = float(sum(samples_at_level(own, level, shortest) for level in lead.limits)) / len(lead.filled)
    noise, swing = _noise_and_swing_mv(lead.without_mains, r_peaks, fs)
    wander = _wander_mv(filled, rate)
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
    if lead.mains_mv > QUALITY.mains_mv:
        reasons.append("mains")
    return LeadQuality(
        usable=usable,
        reasons=tuple(reasons),
        gap_fraction=gap_share,
        flat_fraction=flat,
        clipped_fraction=clipped,
        noise_mv=noise,
        wander_mv=wander,
        mains_mv=lead.mains_mv,
    )


def _noise_and_swing_mv(row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> tuple[float, float]:
    """Return noise and swing, mV.

    Noise is the RMS of what a mean over 20 ms leaves outside the QRS, the median of blocks: spikes do not count. Swing
    is that of the mean over 20 ms, which leaves three quarters of a narrow QRS and little of noise: otherwise the swing
    of pure noise, five times its RMS, would pass for a QRS. Without beats it is that of half-second pieces.
    """
    smooth = np.empty_like(row)
    moving_mean_into(row, odd_samples(0.020, fs), smooth)
    block = min(samples(0.2, fs), len(row))
    piece = samples(0.5, fs)
    out = np.array([0.0, float(piece)])
    work = np.empty(max(len(row) // block, len(r_peaks), len(row) // piece) + 1)
    noise_and_swing_into(row, smooth, r_peaks, samples(0.12, fs), samples(QRS.locate_s, fs), block, work, out)
    return float(out[0]), float(out[1])


def _wander_mv(row: NDArray[np.float64], rate: float) -> float:
    """Return the peak-to-peak of the 0.6 s median, without its outermost hundredths, mV; of means over 40 ms."""
    step = max(1, min(round(rate / 25), len(row)))
    slower = np.empty((1, len(row) // step))
    block_means_into(row[np.newaxis], step, slower)
    width = min(odd_samples(0.6, rate / step), 2 * (slower.shape[1] // 2) - 1)
    slow = np.empty(slower.shape[1])
    moving_median_into(slower[0], max(1, width), samples(0.2, rate / step), np.empty(max(1, width)), slow)
    slow.sort()
    last = len(slow) - 1
    return float(slow[round(0.99 * last)] - slow[round(0.01 * last)])
