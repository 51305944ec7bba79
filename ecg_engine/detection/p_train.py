"""P waves wherever they stand: the train of atrial beats, and those of them that no QRS follows.

A P wave of the patient's own shape is sought in all leads that are looked at, between the QRS complexes, with QRS and T
subtracted; the P waves found must follow each other evenly, as a sinus node's do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import middle, middles
from ecg_engine.detection.atria import Thinned, without_beats
from ecg_engine.detection.parameters import P_TRAIN, samples
from ecg_engine.kernels.beats import clearest_period, matches_into, moved_to_match_into

__all__ = ["PTrain", "find_p_train"]

_Floats = NDArray[np.float64]
_Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PTrain:
    """P waves that follow each other evenly.

    Parameters
    ----------
    peaks_s : (n,) float64 array
        Those that were seen, s from the recording's first sample, increasing.
    extra_s : (m,) float64 array
        Those of them that no QRS follows before the next one.
    pp_ms : float
        Median interval from one P to the next.
    """

    peaks_s: _Floats
    extra_s: _Floats
    pp_ms: float


def find_p_train(part: Thinned, *, known_only: bool = False) -> PTrain | None:
    """Return the train of P waves, or None where they are not found to follow each other evenly.

    Parameters
    ----------
    part : Thinned
    known_only : bool
        Do not look for a period where the P waves before the QRS are few or make no train: that takes most of the time.

    Notes
    -----
    The shape of P is the median of those before the QRS where they stand evenly, and otherwise of the bumps at the
    period that explains most of what is left without QRS and T.
    """
    rr = middle(np.diff(part.r_peaks)) / part.fs
    if rr < P_TRAIN.least_rr_s:
        return None
    rest, visible = _rest(part, rr)
    known = np.sort(part.p_peaks[part.p_peaks >= 0])
    if len(known) >= P_TRAIN.fewest and 2 * len(known) >= len(part.r_peaks):
        train = _from(rest, visible, known, part)
        if train is not None:
            return train
    if known_only or rr < P_TRAIN.apart_rr_s:
        return None
    periodic = _periodic(rest, visible, part.fs)
    return None if periodic is None else _from(rest, visible, periodic, part)


def _from(rest: _Floats, visible: NDArray[np.bool_], seeds: _Indices, part: Thinned) -> PTrain | None:
    shape = _shape(rest, seeds, part.fs)
    return None if shape is None else _train(_alike(rest, shape, visible, part.fs), visible, part)


def _rest(part: Thinned, rr: float) -> tuple[_Floats, NDArray[np.bool_]]:
    """Return the leads without QRS and T, each over its own noise, and where P can be seen."""
    known = part.t_ends >= 0
    reach = min(P_TRAIN.t_end_s, P_TRAIN.t_rr_share * rr)
    if known.any():
        reach = min(reach, middle((part.t_ends - part.r_peaks)[known]) / part.fs + P_TRAIN.t_margin_s)
    rows = []
    for i in range(len(part.signal)):
        rest = without_beats(part, i, max(reach, P_TRAIN.t_least_s))
        free = rest[part.between]
        rows.append(rest / max(1e-6, float(np.std(free)) if len(free) else 1.0))
    return np.array(rows), part.between


def _windows(rest: _Floats, at: _Indices, fs: float) -> _Floats:
    """Return (n, n_leads * width) windows around `at`, each lead around its own mean."""
    half = samples(P_TRAIN.half_s, fs)
    around = at[:, None] + np.arange(-half, half + 1)
    np.minimum(np.maximum(around, 0, out=around), rest.shape[1] - 1, out=around)
    cut = rest[:, around]
    cut -= cut.mean(axis=2, keepdims=True)
    return np.asarray(cut.transpose(1, 0, 2).reshape(len(at), -1))


def _matches(rest: _Floats, at: _Indices, shape: _Floats, fs: float) -> tuple[_Floats, _Floats]:
    """Return the products of the windows around `at` with `shape`, and the windows' lengths."""
    dot, length = np.empty(len(at)), np.empty(len(at))
    matches_into(rest, at, samples(P_TRAIN.half_s, fs), shape.reshape(len(rest), -1), dot, length)
    return dot, length


def _shape(rest: _Floats, seeds: _Indices, fs: float) -> _Floats | None:
    """Return the median of the windows around the seeds, moved together once; None where they are not alike."""
    reach = samples(P_TRAIN.move_s, fs)
    at = seeds
    shape = middles(_windows(rest, at, fs).T)
    for _ in range(2):
        moved = np.empty_like(at)
        moved_to_match_into(rest, at, samples(P_TRAIN.half_s, fs), reach, shape.reshape(len(rest), -1), moved)
        at = moved
        shape = middles(_windows(rest, at, fs).T)
    return shape if np.linalg.norm(shape) > 0 else None


def _alike(rest: _Floats, shape: _Floats, visible: NDArray[np.bool_], fs: float) -> _Indices:
    """Return where the leads together look like `shape`, in size too."""
    n = rest.shape[1]
    dot, length = _matches(rest, np.arange(n), shape, fs)
    like = dot / np.maximum(length * np.linalg.norm(shape), 1e-9)
    gain = dot / float(shape @ shape)
    good = (like >= P_TRAIN.like) & (gain >= P_TRAIN.gain[0]) & (gain <= P_TRAIN.gain[1]) & visible
    apart = samples(P_TRAIN.apart_s, fs)
    out: list[int] = []
    free = np.ones(n, dtype=bool)
    for i in np.flatnonzero(good)[np.argsort(-dot[good], kind="stable")].tolist():
        if free[i]:
            out.append(i)
            free[max(0, i - apart + 1) : i + apart] = False
    return np.array(sorted(out), np.int64)


def _periodic(rest: _Floats, visible: NDArray[np.bool_], fs: float) -> _Indices | None:
    """Return where bumps stand at the period that explains most of the rest, moved to the nearest bump."""
    width = samples(2 * P_TRAIN.half_s, fs)
    bump = np.hanning(width + 2)[1:-1]
    bump -= bump.mean()
    energy = np.zeros(rest.shape[1])
    for row in rest:
        energy += np.square(np.convolve(row, bump, mode="same"))
    energy[~visible] = 0.0
    energy = np.minimum(energy, np.quantile(energy[visible], P_TRAIN.loudest))
    soft = np.convolve(energy, np.ones(5) / 5, mode="same")
    seen = np.convolve(visible.astype(np.float64), np.ones(5) / 5, mode="same")
    least, most = int(P_TRAIN.pp_s[0] * fs), int(P_TRAIN.pp_s[1] * fs)
    period, first = clearest_period(soft, seen, least, most, P_TRAIN.fewest, np.empty(most), np.empty(most))
    if not period:
        return None
    reach = samples(P_TRAIN.seed_s, fs)
    seeds = []
    for i in range(first, len(soft), period):
        start, stop = max(0, i - reach), min(len(soft), i + reach + 1)
        if visible[start:stop].all():
            seeds.append(start + int(np.argmax(energy[start:stop])))
    return np.array(seeds, np.int64) if len(seeds) >= P_TRAIN.fewest else None


def _train(found: _Indices, visible: NDArray[np.bool_], part: Thinned) -> PTrain | None:
    """Return the train that the P waves make; None where they are not even, or too many are missing."""
    if len(found) < P_TRAIN.fewest:
        return None
    steps = np.diff(found)
    pp = _period(steps)
    if pp is None:
        return None
    times = np.maximum(np.rint(steps / pp), 1)
    even = np.abs(steps / (times * pp) - 1) <= P_TRAIN.uneven / np.sqrt(times)
    if even.mean() < P_TRAIN.even_share:
        return None
    missed = 0
    for start, n in zip(found[:-1][times > 1], times[times > 1].astype(int), strict=True):
        between = (start + pp * np.arange(1, n)).astype(np.int64)
        around = between[:, None] + np.arange(-2, 3)
        missed += int(visible[np.clip(around, 0, len(visible) - 1)].all(axis=1).sum())
    if missed > P_TRAIN.missed_share * len(found):
        return None
    return _against_beats(found, pp, part)


def _period(steps: _Indices) -> float | None:
    """Return the interval that most of the steps are near to."""
    near = np.abs(steps[:, None] / steps[None, :] - 1) <= P_TRAIN.uneven
    votes = near.sum(axis=0)
    # Of periods with as many votes the shortest: a longer one leaves P waves out.
    most = steps[votes >= P_TRAIN.vote_share * votes.max()]
    pp = middle(steps[np.abs(steps / most.min() - 1) <= P_TRAIN.uneven])
    return pp if pp > 0 else None


def _against_beats(found: _Indices, pp: float, part: Thinned) -> PTrain:
    """Say which P waves no QRS follows: what stands unevenly between two of them is none."""
    while True:
        following = np.searchsorted(part.r_peaks, found, side="right")
        inside = (following > 0) & (following < len(part.r_peaks))
        extra = np.append(following[1:] == following[:-1], False) & inside
        steps = np.diff(found) / pp
        near = np.minimum(np.append(np.inf, steps), np.append(steps, np.inf))
        odd = extra & (near < 1 - P_TRAIN.uneven_extra)
        if not odd.any():
            break
        found = np.delete(found, np.flatnonzero(odd)[0])
    whole = (part.first + found * part.every) / (part.fs * part.every)
    return PTrain(peaks_s=whole, extra_s=whole[extra], pp_ms=pp / part.fs * 1000)
