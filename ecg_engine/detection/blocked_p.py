"""P waves that no QRS follows, looked for where there may be some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import middle
from ecg_engine.detection.atria import thin
from ecg_engine.detection.p_train import find_p_train
from ecg_engine.detection.parameters import ATRIA, P_TRAIN, samples
from ecg_engine.kernels.p_t_waves import may_hide_p
from ecg_engine.types import ABSENT

__all__ = ["blocked_p_peaks"]

#: So many leads are looked at, as where nothing is known of their names.
_LEADS: Final = 3
_Indices = NDArray[np.int64]


def blocked_p_peaks(signal: NDArray[np.float64], r_peaks: _Indices, fs: float, table: _Indices) -> _Indices:
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

    Notes
    -----
    Sought in pieces of a minute at most, which share a beat, by `find_p_train`; not in fast rhythms. Nor where each
    beat has its P wave and nothing nearly as high stands between T and the next P, which is soon seen.
    """
    found, margin = [np.empty(0, np.int64)], samples(P_TRAIN.t_margin_s, fs)
    for start, stop, beats in _pieces(r_peaks, signal.shape[1], fs):
        r = r_peaks[beats]
        if len(r) < ATRIA.fewest_beats or middle(r[1:] - r[:-1]) < P_TRAIN.least_rr_s * fs:
            continue
        if may_hide_p(signal[:_LEADS], table[beats], margin, P_TRAIN.gain[0], np.empty(2 * len(r))):
            found.append(_in_piece(signal[:, start:stop], r_peaks[beats] - start, fs, _moved(table[beats], -start)))
            found[-1] += start
    return np.concatenate(found)


def _pieces(r_peaks: _Indices, n: int, fs: float) -> Iterator[tuple[int, int, slice]]:
    """Yield where a piece begins and ends, and its beats; the last one is the first of the next piece."""
    longest, first = samples(ATRIA.longest_s, fs), 0
    while first + 1 < len(r_peaks):
        begin = int(r_peaks[first]) if first else 0
        last = max(int(np.searchsorted(r_peaks, begin + longest)) - 1, first + 1)
        end = n if last + 1 == len(r_peaks) and n - begin <= longest else int(r_peaks[last]) + 1
        # A beat lies in the middle of its window, so a little more is shown on either side where there is more.
        yield max(0, begin - samples(ATRIA.beat_before_s, fs)), end, slice(first, last + 1)
        first = last


def _moved(table: _Indices, by: int) -> _Indices:
    return np.where(table == ABSENT, ABSENT, table + by)


def _in_piece(signal: NDArray[np.float64], r_peaks: _Indices, fs: float, table: _Indices) -> _Indices:
    part = thin(
        signal,
        fs=fs,
        leads=tuple(str(i) for i in range(len(signal))),
        usable=np.ones(len(signal), dtype=bool),
        r_peaks=r_peaks,
        kinds=np.full(len(r_peaks), "N"),
        table=table,
    )
    train = None if part is None else find_p_train(part)
    return np.empty(0, np.int64) if train is None else np.rint(train.extra_s * fs).astype(np.int64)
