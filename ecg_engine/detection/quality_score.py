"""How likely an expert would accept the recording: a small logistic sum over what is wrong with its leads.

The weights stand in ``quality_score.toml``, made by ``training/quality_score.py``; the figures are beside them.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import QUALITY
from ecg_engine.kernels.seconds import (
    NOISE_HIGH,
    NOISE_USUAL,
    RANGE,
    SLOPE_HIGH,
    SLOPE_USUAL,
    SWING,
    WANDER,
    block_means_into,
    lead_numbers_into,
    seconds_into,
)

__all__ = ["FAULTS", "ScoreWeights", "coarse", "lead_faults", "load_weights", "quality_score", "score_of", "seconds_of"]

_FILE: Final = "quality_score.toml"
#: The score of a long recording is that of so many of its pieces, or of up to twice as many.
_PIECES: Final = 20
#: What may be wrong with a lead, the higher the worse: share of its seconds that are flat; log10 of noise over swing;
#: log10 of the wander, mV; log10 of the usual slope over that of the QRS (nothing stands out); log10 of the noise of
#: its noisiest tenth, mV; log10 of the inverse of its swing, 1/mV.
FAULTS: Final = ("flat", "noise", "wander", "dull", "burst", "low")
#: What is added before a logarithm is taken: the least that is told from nothing, mV (and mV/s).
_LEAST_NOISE_MV: Final = 0.001
_LEAST_SWING_MV: Final = 0.01
_LEAST_SLOPE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreWeights:
    """Weights of the worst lead's and of the mean lead's faults, in the order of `FAULTS`, and what is added."""

    worst: tuple[float, ...]
    mean: tuple[float, ...]
    offset: float


@cache
def load_weights() -> ScoreWeights:
    """Return the weights that ship with the package."""
    table = tomllib.loads(files("ecg_engine.detection").joinpath(_FILE).read_text(encoding="utf-8"))
    return _weights(table["weights"])


def _weights(table: Mapping[str, Any]) -> ScoreWeights:
    worst, mean = (tuple(float(table[part][fault]) for fault in FAULTS) for part in ("worst", "mean"))
    return ScoreWeights(worst=worst, mean=mean, offset=float(table["offset"]))


def coarse(signal: NDArray[np.float64], fs: float) -> tuple[NDArray[np.float64], float]:
    """Return the block means of `signal` (n_leads, n_samples) at about 125 Hz, and their rate, Hz."""
    step = max(1, min(round(fs / QUALITY.coarse_hz), signal.shape[1]))
    out = np.empty((len(signal), signal.shape[1] // step))
    block_means_into(np.ascontiguousarray(signal), step, out)
    return out, fs / step


def seconds_of(rows: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Return range, noise, largest step and mean of each second of each of `rows`: (n_leads, n_seconds, 4).

    What is left over behind the last whole second counts as one if it is at least half of it, or all there is.
    """
    n = rows.shape[1]
    out = np.empty((len(rows), max(1, math.floor(n / fs + 0.5)), 4))
    work = np.empty(n)
    for row, table in zip(rows, out, strict=True):
        seconds_into(row, fs, work, table)
    return out


def lead_faults(rows: NDArray[np.float64], fs: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the faults of each lead.

    Parameters
    ----------
    rows : (n_leads, n_samples) array
        mV at the coarse rate, no NaN, at least a fifth of a second.
    fs : float
        The coarse rate, Hz.
    seconds : (n_leads, n_seconds, 4) array
        What `seconds_of` says of them.

    Returns
    -------
    (n_leads, 6) array
        In the order of `FAULTS`.
    """
    numbers = np.empty((len(rows), 6))
    work = np.empty(4 * rows.shape[1])
    for row, target in zip(rows, numbers, strict=True):
        lead_numbers_into(row, fs, work, target)
    swing = numbers[:, SWING] + _LEAST_SWING_MV
    return np.column_stack([
        (seconds[:, :, RANGE] <= QUALITY.score_flat_mv).mean(axis=1),
        np.log10((numbers[:, NOISE_USUAL] + _LEAST_NOISE_MV) / swing),
        np.log10(numbers[:, WANDER] + _LEAST_SWING_MV),
        np.log10((numbers[:, SLOPE_USUAL] + _LEAST_SLOPE) / (numbers[:, SLOPE_HIGH] + _LEAST_SLOPE)),
        np.log10(numbers[:, NOISE_HIGH] + _LEAST_NOISE_MV),
        -np.log10(swing),
    ])  # fmt: skip


def score_of(faults: NDArray[np.float64], weights: ScoreWeights) -> float:
    """Return the score, 0 to 1, of leads with such faults (n_leads, 6)."""
    bad = faults.max(axis=0) @ np.array(weights.worst) + faults.mean(axis=0) @ np.array(weights.mean) + weights.offset
    return float(1.0 / (1.0 + np.exp(np.clip(bad, -50.0, 50.0))))


def quality_score(rows: NDArray[np.float64], fs: float, seconds: NDArray[np.float64]) -> float:
    """Return how likely an expert would accept the recording for interpretation, 0 to 1; NaN below a second.

    Parameters
    ----------
    rows : (n_leads, n_samples) array
        mV at the coarse rate, no NaN.
    fs : float
        The coarse rate, Hz.
    seconds : (n_leads, n_seconds, 4) array
        What `seconds_of` says of them.

    Returns
    -------
    float
        The mean over pieces of about 10 s, the length of the recordings whose labels the weights were fitted to; of a
        long recording over twenty of them or more, evenly spread.
    """
    n = rows.shape[1]
    if n < fs:
        return float("nan")
    count = max(1, round(seconds.shape[1] / QUALITY.piece_s))
    edges = np.linspace(0, seconds.shape[1], count + 1).round().astype(np.int64)
    scores = []
    for a, b in list(pairwise(edges.tolist()))[:: max(1, count // _PIECES)]:
        piece = np.ascontiguousarray(rows[:, round(a * fs) : n if b == edges[-1] else round(b * fs)])
        scores.append(score_of(lead_faults(piece, fs, seconds[:, a:b]), load_weights()))
    return float(np.mean(scores))


def known_faults(signal: NDArray[np.float64], fs: float, which: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Return `lead_faults` of a whole signal (n_leads, n_samples), mV, no NaN: what the weights are fitted to."""
    rows, rate = coarse(signal if which is None else signal[list(which)], fs)
    return lead_faults(rows, rate, seconds_of(rows, rate))
