"""Bring what callers give into the numeric domain that the kernels are promised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import odd_samples
from ecg_engine.errors import InputError, SignalError
from ecg_engine.kernels.smoothing import median_in_place, twice_moving_means_into
from ecg_engine.types import ABSENT
from ecg_engine.types.recording import are_usual, as_signal, check_signal

#: Scaled samples are held inside this: what is so far out is no heart.
LIMIT = 1e4
#: Level and swing of a lead are judged by about so many of its samples, evenly spread.
_JUDGED = 20_000
#: Up to so many values the kernel finds the median sooner than NumPy's partition.
_FEW = 400


def leads_of(ecg: Any) -> NDArray[np.float64]:
    """Return `ecg` as (n_leads, n_samples) float64 with its gaps; SignalError where nothing can be analysed."""
    signal = check_signal(ecg).astype(np.float64, copy=False)
    if np.isnan(signal[0, 0]) and np.isnan(signal).all():
        raise SignalError("signal: every sample is NaN; there is nothing to analyse", argument="ecg")
    return signal


def filled_leads_of(ecg: Any) -> NDArray[np.float64]:
    """Return what `leads_of` does, gaps filled as by `fill_gaps`; a lead without any is looked at once."""
    signal = as_signal(ecg)
    return signal.astype(np.float64, copy=False) if all(are_usual(signal)) else fill_gaps(leads_of(signal))


def median_of_many(x: NDArray[np.float64]) -> float:
    """Return the median, of a long array that of `_JUDGED` or more of its values, evenly spread; no NaN."""
    return middle(x[:: max(1, len(x) // _JUDGED)])


def middle(x: NDArray[np.float64] | NDArray[np.int64]) -> float:
    """Return the median of one value or more, no NaN, as NumPy does.

    A few values cost a fourteenth of `numpy.median`'s time, which looks at its arguments for 7 us, and 5000 the half.
    """
    n = len(x)
    if n <= _FEW:
        return float(median_in_place(np.array(x, dtype=np.float64)))
    parted = np.partition(np.asarray(x, np.float64), n // 2)
    upper = float(parted[n // 2])
    return upper if n % 2 else 0.5 * (float(parted[: n // 2].max()) + upper)


def middles(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median along the last axis, one value at least and no NaN, as NumPy does."""
    n = x.shape[-1]
    parted = np.partition(x, n // 2, axis=-1)
    upper = parted[..., n // 2]
    return upper if n % 2 else np.asarray(0.5 * (parted[..., : n // 2].max(axis=-1) + upper))


def quantile(x: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return a quantile along the last axis, one value at least and no NaN, as NumPy does, in a third of its time."""
    place = share * (x.shape[-1] - 1)
    first = int(place)
    over = place - first
    last = min(first + 1, x.shape[-1] - 1)
    parted = np.partition(x, (first, last), axis=-1)
    low, high = parted[..., first], parted[..., last]
    return np.asarray(low + (high - low) * over if over < 0.5 else high - (high - low) * (1 - over))


def fill_gaps(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a copy whose NaN are replaced by straight lines between their neighbours, zeros in an empty lead."""
    filled = np.ascontiguousarray(signal)
    if not np.isnan(filled.sum()):
        return filled
    filled = filled.copy()
    for row in filled:
        gap = np.isnan(row)
        if gap.all():
            row[:] = 0.0
        elif gap.any():
            at = np.arange(len(row))
            row[gap] = np.interp(at[gap], at[~gap], row[~gap])
    return filled


def gaps_of(signal: NDArray[np.float64], shortest: int) -> tuple[tuple[int, int], ...]:
    """Return the stretches of at least `shortest` samples in which every lead is NaN."""
    if not np.isnan(signal.sum()):
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.isnan(signal).all(axis=0).astype(np.int8), [0]))))
    return tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= shortest)


def scaled(row: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return a lead around 0 in units of its own usual swing, and that unit: so microvolts and raw counts both work.

    Zeros, and 0, where the lead does not move at all.
    """
    part = row[:: max(1, len(row) // _JUDGED)]
    level = float(np.median(part))
    usual = float(np.quantile(np.abs(part - level), 0.98))
    if usual == 0.0:
        usual = float(np.abs(row - level).max())
    if usual == 0.0:
        return np.zeros_like(row), 0.0
    out = row - level
    out /= usual
    return np.clip(out, -LIMIT, LIMIT, out=out), usual


def marks_of(r_peaks: Any, n_samples: int) -> NDArray[np.int64]:
    """Return `r_peaks` as increasing int64 indices inside the signal, or raise InputError."""
    array = np.asarray(r_peaks)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError("r_peaks: give sample indices, shape (n_beats,), as whole numbers", argument="r_peaks")
    marks = np.ascontiguousarray(array, dtype=np.int64)
    if marks.size and (marks[0] < 0 or marks[-1] >= n_samples or bool((marks[1:] <= marks[:-1]).any())):
        raise InputError(
            f"r_peaks: must increase and lie in 0 to {n_samples - 1}; were they found at another rate?",
            argument="r_peaks",
        )
    return marks


def smooth_leads(signal: NDArray[np.float64], seconds: float, fs: float) -> NDArray[np.float64]:
    """Return leads, (n_leads, n_samples) in mV, after two moving means: a triangle as wide as twice `seconds`."""
    rows = np.ascontiguousarray(signal)
    once, twice = np.empty_like(rows), np.empty_like(rows)
    twice_moving_means_into(rows, odd_samples(seconds, fs), once, twice)
    return twice


def moved_marks(marks: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    """Return marks `by` samples later; `ABSENT` ones stay so."""
    return np.where(marks == ABSENT, ABSENT, marks + by)
