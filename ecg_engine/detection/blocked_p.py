"""P waves that no QRS follows, looked for where there may be some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import middle, moved_marks
from ecg_engine.detection.atria import thin
from ecg_engine.detection.p_train import find_p_train
from ecg_engine.detection.parameters import ATRIA, P_TRAIN, SCORES, samples
from ecg_engine.detection.wave_inputs import unevenness
from ecg_engine.kernels.p_t_waves import ExtraRules, may_hold_another
from ecg_engine.kernels.waves import P_ONSET
from ecg_engine.types import ABSENT

__all__ = ["blocked_p_peaks"]

#: So many leads are looked at, as where nothing is known of their names.
_LEADS: Final = 3
_RULES: Final = ExtraRules(
    margin=float(samples(P_TRAIN.t_margin_s, 1.0 / SCORES.fine_s)),
    bump=P_TRAIN.bump,
    shortest=P_TRAIN.pp_s[0] / SCORES.fine_s,
    near=1.0 - P_TRAIN.uneven_extra,
    slack=P_TRAIN.move_s / SCORES.fine_s,
    long=2.0 * (1.0 - P_TRAIN.uneven_extra) * (1.0 - P_TRAIN.uneven),
    share=P_TRAIN.bump_share,
)

_Indices = NDArray[np.int64]


def blocked_p_peaks(
    signal: NDArray[np.float64], r_peaks: _Indices, fs: float, table: _Indices, fine: list[NDArray[np.float32]]
) -> _Indices:
    """Return the samples of P waves that no QRS follows, where P waves follow each other evenly.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        No NaN.
    r_peaks : (n_beats,) int64 array
    fs : float
        Hz.
    table : (n_beats, 8) int64 array
        Marks of these beats, in the order of `MARK_NAMES`.
    fine : list of float32 arrays
        Leads, lightly smoothed, every `SCORES.fine_s`.

    Notes
    -----
    Sought in pieces of a minute at most, which share a beat, by `find_p_train`; not in fast rhythms, and only where
    they may be: where in most leads something like a P wave stands between T and the next P, or where most beats of
    a slow and even rhythm have no P wave. That is soon seen.
    """
    found: list[_Indices] = []
    for start, stop, beats in _pieces(r_peaks, signal.shape[1], fs) if fine else ():
        r = r_peaks[beats]
        if len(r) < ATRIA.fewest_beats or middle(r[1:] - r[:-1]) < P_TRAIN.least_rr_s * fs:
            continue
        lost = _are_lost(r, fs, table[beats])
        if lost or _may_be_more(fs, table[beats], fine):
            piece, marks = signal[:, start:stop], moved_marks(table[beats], -start)
            found.append(_in_piece(piece, r - start, fs, marks, known_only=not lost) + start)
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _are_lost(r_peaks: _Indices, fs: float, table: _Indices) -> bool:
    """Return whether most beats of a slow and even rhythm have no P wave."""
    if 2 * np.count_nonzero(table[1:, P_ONSET] == ABSENT) <= len(table) - 1:
        return False
    beats_s = r_peaks / fs
    return unevenness(beats_s) <= P_TRAIN.uneven and middle(beats_s[1:] - beats_s[:-1]) >= P_TRAIN.apart_rr_s


def _may_be_more(fs: float, table: _Indices, fine: list[NDArray[np.float32]]) -> bool:
    """Return whether in most leads something like a P wave stands between T and the next P, where one may."""
    step, shown, work = fs * SCORES.fine_s, fine[:_LEADS], np.empty(len(table))
    count = sum(bool(may_hold_another(x, table, step, _RULES, work)) for x in shown)
    return 2 * count > len(shown)


def _pieces(r_peaks: _Indices, n: int, fs: float) -> Iterator[tuple[int, int, slice]]:
    """Yield where a piece begins and ends, and its beats; the last one is the first of the next piece."""
    longest, first = samples(ATRIA.longest_s, fs), 0
    while first + 1 < len(r_peaks):
        begin = int(r_peaks[first]) if first else 0
        last = max(int(np.searchsorted(r_peaks, begin + longest)) - 1, first + 1)
        end = n if last + 1 == len(r_peaks) and n - begin <= longest else int(r_peaks[last]) + 1
        # A little before its first beat, which is taken off there, whole.
        yield max(0, begin - samples(ATRIA.beat_before_s, fs)), end, slice(first, last + 1)
        first = last


def _in_piece(
    signal: NDArray[np.float64], r_peaks: _Indices, fs: float, table: _Indices, *, known_only: bool
) -> _Indices:
    part = thin(
        signal,
        fs=fs,
        leads=tuple(str(i) for i in range(len(signal))),
        usable=np.ones(len(signal), dtype=bool),
        r_peaks=r_peaks,
        kinds=np.full(len(r_peaks), "N"),
        table=table,
    )
    train = None if part is None else find_p_train(part, known_only=known_only)
    return np.empty(0, np.int64) if train is None else np.rint(train.extra_s * fs).astype(np.int64)
