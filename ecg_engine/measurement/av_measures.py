"""Quantities of AV conduction: P waves that no QRS follows, PR around them, P and QRS apart."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.p_train import PTrain
from ecg_engine.types import Beats

#: A P wave is blocked where the RR around it lasts so many PP at least: nearer beats are not conducted from the next P.
BLOCKED_RR: Final = 1.5


def measure_av(train: PTrain | None, beats: Beats, fs: float) -> dict[str, float]:
    """Measure the train of P waves against the beats.

    Parameters
    ----------
    train : PTrain, optional
    beats : Beats
    fs : float
        Hz.

    Returns
    -------
    dict of str to float
        By quantity code; empty without P waves that no QRS follows.
    """
    if train is None or len(beats.r_peaks) < 3 or not len(train.extra_s):
        return {}
    r = beats.r_peaks / fs
    following = np.searchsorted(r, train.peaks_s, side="right")
    last = np.append(following[1:] != following[:-1], True) & (following > 0) & (following < len(r))
    out = {
        "pp_ms": train.pp_ms,
        "atrial_bpm": 60000 / train.pp_ms,
        "n_p_without_qrs": float(len(train.extra_s)),
    }
    beat = following[last]
    pr = 1000 * (r[beat] - train.peaks_s[last])
    if len(pr):
        out["p_to_r_range_ms"] = float(pr.max() - pr.min())
    blocked = _blocked(train, r, beats.kinds)
    if blocked.any():
        out["n_blocked_p"] = float(blocked.sum())
        out["blocked_in_a_row"] = float(blocked.max())
        out |= _around(blocked, beat, pr)
    return out


def _blocked(train: PTrain, r: NDArray[np.float64], kinds: NDArray[np.str_] | None) -> NDArray[np.int64]:
    """Return for each beat how many P waves before it were blocked since the beat before.

    A P wave that finds the ventricles, or the node, not yet recovered from an early beat proves no block.
    """
    blocked = np.zeros(len(r), np.int64)
    for at in train.extra_s:
        beat = int(np.searchsorted(r, at, side="right"))
        early = kinds is not None and kinds[beat - 1] in ("V", "S")
        room = (r[beat] - r[beat - 1]) * 1000 / train.pp_ms
        if not early and room >= BLOCKED_RR:
            # One that stands on T may not have been seen.
            blocked[beat] = max(blocked[beat] + 1, round(room) - 1)
    return blocked


def _around(blocked: NDArray[np.int64], beat: NDArray[np.int64], pr: NDArray[np.float64]) -> dict[str, float]:
    """Return how many beats in a row are conducted, and P to R in the last one before a block and the first after."""
    after_block = blocked > 0
    edges = np.concatenate((np.flatnonzero(after_block), [len(blocked)]))
    runs = np.diff(edges)
    out = {"conducted_in_a_row": float(max(int(edges[0]), int(runs.max()) if len(runs) else 0))}
    known = dict(zip(beat.tolist(), pr.tolist(), strict=True))
    pairs = [(known[k - 1], known[k]) for k in np.flatnonzero(after_block).tolist() if k in known and k - 1 in known]
    if pairs:
        before, after = np.median(np.array(pairs), axis=0)
        out |= {"p_to_r_before_block_ms": float(before), "p_to_r_after_block_ms": float(after)}
    return out
