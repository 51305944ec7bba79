"""Which seconds of which leads are bad, and why: bit masks, and the same as spells with their times."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import CLEANING, QUALITY, samples
from ecg_engine.kernels.seconds import LEVEL, NOISE, RANGE, seconds_at_level_into
from ecg_engine.types import Spell

__all__ = ["Fault", "flag_seconds", "limits_of", "spells_of"]


class Fault(IntFlag):
    """Bits of the masks; the names in lower case are the codes of the reasons."""

    GAPS = 1
    FLAT = 2
    CLIPPED = 4
    SATURATED = 8
    BASELINE_WANDER = 16
    MAINS = 32
    NOISY = 64
    LEAD_OFF = 128


def flag_seconds(
    given: NDArray[np.float64],
    filled: NDArray[np.float64],
    without_mains: NDArray[np.float64],
    table: NDArray[np.float64],
    limits: Sequence[tuple[float, ...]],
    fs: float,
    stop: int | None = None,
) -> NDArray[np.uint8]:
    """Say of each second of each lead what is wrong with it.

    Parameters
    ----------
    given, filled, without_mains : (n_leads, n_samples) array
        mV: with NaN, without them, without mains.
    table : (n_leads, n_seconds, 4) array
        What `seconds_of` says of the signal without mains at the coarse rate.
    limits : sequence of tuple of float
        What `limits_of` says of each lead of `filled`.
    fs : float
        Hz.
    stop : int, optional
        Clipping is looked for before this sample: behind it all leads are held.

    Returns
    -------
    (n_leads, n_seconds) uint8 array
        Bits of `Fault`. Gaps: more than half of the second is NaN; nothing else is said of it then. Flat: it moves by
        no more than 5 µV without mains. Clipped: it stands at the lead's own limit for 20 ms; saturated: for half of
        the second, or it is flat where no electrode's voltage would be. Baseline wander: its mean is 0.5 mV off the
        last second's. Mains: more than 50 µV of it. Noisy: so much fast noise, as of muscle, that is no mains. Lead
        off: flat, saturated, or moving as no heart moves a lead.
    """
    n_leads, n_seconds = table.shape[:2]
    starts = np.minimum(np.round(np.arange(n_seconds) * fs).astype(np.int64), given.shape[1] - 1)
    lengths = np.diff(np.append(starts, given.shape[1]))
    flags = np.zeros((n_leads, n_seconds), np.uint8)
    gaps = np.zeros((n_leads, n_seconds), dtype=bool)
    if filled is not given:
        gaps = np.add.reduceat(np.isnan(given), starts, axis=1) > 0.5 * lengths
    flat = table[:, :, RANGE] <= QUALITY.flat_mv
    at_limit = np.zeros((n_leads, n_seconds), np.int64)
    for row, levels, counts in zip(filled, limits, at_limit, strict=True):
        for level in levels:
            seconds_at_level_into(row[:stop], level, samples(QUALITY.clip_s, fs), fs, counts)
    saturated = (at_limit > 0.5 * lengths) | (flat & (np.abs(table[:, :, LEVEL]) > QUALITY.rail_mv))
    steps = np.abs(np.diff(table[:, :, LEVEL], axis=1, prepend=table[:, :1, LEVEL]))
    noisy = table[:, :, NOISE] > QUALITY.noise_mv
    mains = _mains_mv(filled, without_mains, starts, lengths) > QUALITY.mains_mv
    for i, k in np.argwhere(noisy):
        second = without_mains[i, starts[k] : starts[k] + lengths[k]]
        if _mains_share(second, fs) > QUALITY.mains_share:
            # Too short a while for it to be taken away.
            mains[i, k], noisy[i, k] = True, False
    for bit, found in (
        (Fault.FLAT, flat),
        (Fault.CLIPPED, at_limit > 0),
        (Fault.SATURATED, saturated),
        (Fault.BASELINE_WANDER, steps > QUALITY.wander_step_mv),
        (Fault.MAINS, mains),
        (Fault.NOISY, noisy),
        (Fault.LEAD_OFF, flat | saturated | (table[:, :, RANGE] > QUALITY.off_mv)),
    ):
        flags |= np.where(found, bit, 0).astype(np.uint8)
    flags[gaps] = int(Fault.GAPS)
    return flags


def limits_of(row: NDArray[np.float64], usual: float) -> tuple[float, ...]:
    """Return the lead's extremes that are far from its usual level.

    A lead whose waves all point one way rests at its own minimum: that is its baseline, not a limit.
    """
    low, high = float(row.min()), float(row.max())
    far = max(QUALITY.clip_mv, QUALITY.clip_far_share * (high - low))
    return tuple(level for level in (low, high) if abs(level - usual) >= far)


def _mains_mv(
    filled: NDArray[np.float64], without: NDArray[np.float64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the amplitude of what was taken away as mains, by lead and second, mV."""
    out = np.zeros((len(filled), len(starts)))
    for row, bare, target in zip(filled, without, out, strict=True):
        taken = row - bare
        if taken.any():
            target[:] = np.sqrt(2.0 * np.add.reduceat(np.square(taken, out=taken), starts) / lengths)
    return out


def _mains_share(x: NDArray[np.float64], fs: float) -> float:
    """Return how much of the power of the differences of `x` is a sine of 50 or 60 Hz, 0 to 1."""
    steps = np.diff(x)
    power = float(steps @ steps)
    best = 0.0
    for hz in CLEANING.mains_hz:
        if hz < 0.45 * fs and power > 0:
            turn = np.exp(-2j * np.pi * hz / fs * np.arange(len(steps)))
            best = max(best, 2 * float(np.abs(steps @ turn)) ** 2 / (len(steps) * power))
    return best


#: Codes in the order of the bits.
CODES: Final = tuple((int(bit), str(bit.name).lower()) for bit in Fault)


def spells_of(flags: NDArray[np.uint8], duration_s: float) -> tuple[Spell, ...]:
    """Return the spells of one lead's mask (n_seconds,), by their begin; the last second ends with the recording."""
    found = []
    any_bit = int(np.bitwise_or.reduce(flags))
    for bit, code in CODES:
        if not any_bit & bit:
            continue
        edges = np.flatnonzero(np.diff((flags & bit != 0).astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        for a, b in edges.tolist():
            stop = duration_s if b == len(flags) else float(b)
            found.append(Spell(reason=code, start_s=float(a), stop_s=stop))
    return tuple(sorted(found, key=lambda spell: (spell.start_s, spell.stop_s, spell.reason)))
