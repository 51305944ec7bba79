"""Samples in mV to 16-bit integers, exactly where they lie on the source's own grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.types import Recording

#: Largest magnitude used; -32768 stands for a missing sample.
LARGEST: Final = 32767
MISSING: Final = -32768
#: No step is finer than this, mV: electrodes are noisier.
FINEST_MV: Final = 1e-4
#: Steps off the grid at which a sample is still on it: float32 at 16 bits is some 0.004 off.
_ON_GRID: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """A recording in 16 bits: mV = (sample - baseline) * lsb_mv, `MISSING` where it was NaN.

    Parameters
    ----------
    samples : (n_leads, n_samples) array of int16
    lsb_mv : (n_leads,) array of float64
    baseline : (n_leads,) array of int64
        The integer that means 0 mV; other than 0 only where the lead does not fit otherwise.
    """

    samples: NDArray[np.int16]
    lsb_mv: NDArray[np.float64]
    baseline: NDArray[np.int64]


def quantise(recording: Recording) -> Digits:
    """Return a recording's samples as 16-bit integers.

    Returns
    -------
    Digits
        Within half a step of the samples; exact where they lie on the grid of ``source.lsb_mv``.
    """
    own = recording.source.lsb_mv or ()
    samples = np.empty(recording.signal.shape, dtype=np.int16)
    steps, baselines = np.empty(recording.n_leads), np.empty(recording.n_leads, dtype=np.int64)
    for i, row in enumerate(recording.signal):
        hint = own[i] if len(own) == recording.n_leads else None
        steps[i] = step_mv(row, hint)
        samples[i], baselines[i] = _digits(row, steps[i])
    return Digits(samples=samples, lsb_mv=steps, baseline=baselines)


def step_mv(row: NDArray[Any], own: float | None) -> float:
    """Return the step of one lead, mV: the source's own if the samples lie on it, else one that covers the range.

    Examples
    --------
    >>> step_mv(np.array([0.0, 0.005, -0.01]), 0.005), step_mv(np.array([0.0, 0.0051]), 0.005)
    (0.005, 0.0001)
    """
    low, high = _range(row)
    if own is not None and np.isfinite(own) and own > 0 and (high - low) / own <= 2 * LARGEST:
        off = np.asarray(row, dtype=np.float64) / own
        off -= np.round(off)
        if np.nanmax(np.abs(off), initial=0.0) <= _ON_GRID:
            return float(own)
    # Half a step of room at either end for the baseline's own rounding.
    return max((high - low) / (2 * LARGEST - 2), FINEST_MV)


def _range(row: NDArray[Any]) -> tuple[float, float]:
    present = row[~np.isnan(row)]
    return (float(present.min()), float(present.max())) if present.size else (0.0, 0.0)


def _digits(row: NDArray[Any], step: float) -> tuple[NDArray[np.int16], int]:
    whole = np.round(np.asarray(row, dtype=np.float64) / step)
    low, high = _range(whole)
    baseline = 0 if max(-low, high) <= LARGEST else -round((low + high) / 2)
    whole += baseline
    gap = np.isnan(whole)
    whole[gap] = MISSING
    # The step covers the range: this only guards against the last rounding.
    assert gap.all() or np.abs(whole[~gap]).max() <= LARGEST
    return whole.astype(np.int16), baseline
