"""Pacing spikes of a recording that comes in pieces: found, and bridged where they stand."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.pacing import BRIDGE_S, LEAST_STEP_MV, SPIKE_MV, SPIKE_NOISE, SPIKE_S
from ecg_engine.detection.parameters import QRS, samples
from ecg_engine.kernels.pacing import next_spikes_into, spike_heights_into

#: How steep a lead usually is, is judged by about so many of its steps in the block before.
_JUDGED: Final = 1000


class SpikeFinder:
    """Finds pacing spikes and draws a line over each.

    Parameters
    ----------
    n_leads : int
    fs : float
        Hz.
    floor_mv : float or None
        None: the unit is unknown, and a spike is told by the lead's own steepness alone.
    """

    def __init__(self, n_leads: int, fs: float, floor_mv: float | None) -> None:
        self._width, self._reach = samples(SPIKE_S, fs), samples(BRIDGE_S, fs)
        self._block = samples(QRS.begin_s, fs)
        self._least = 0.0 if floor_mv is None else SPIKE_MV
        self._least_step = 0.0 if floor_mv is None else LEAST_STEP_MV
        self._at_least = 2 if n_leads >= 3 else 1
        self._next = np.ones(n_leads, np.int64)
        self._heights = np.zeros(n_leads)
        self._judged = 0
        self._open: list[int] = []
        self._spikes: list[int] = []
        self._work = np.empty(n_leads * (self._block // self._width + 3), np.int64)

    @property
    def spikes(self) -> NDArray[np.int64]:
        """Spikes so far."""
        return np.array(self._spikes, np.int64)

    def clear(self, x: NDArray[np.float64], base: int, stop: int, *, final: bool) -> int:
        """Bridge the spikes in ``x[:, : stop - base]``; return the sample before which nothing changes any more."""
        if self._judged == 0:
            if stop < self._block and not final:
                return 0
            self._judge(x, base, 0, min(stop, self._block))
        behind = 0 if final else 3 * self._width
        while True:
            # A block is searched with what the one before it was like, the first with what it is like itself.
            edge = self._block * max(self._judged, 1)
            until = min(edge, stop - behind)
            self._seek(x, base, stop, until)
            if until < edge or stop < edge:
                break
            self._judged += 1
            if self._judged > 2:  # the first is judged already
                self._judge(x, base, edge - self._block, edge)
            if edge >= stop - behind:
                break
        certain = stop if final else int(self._next.min())
        self._settle(x, base, stop, certain, final=final)
        if final:
            return stop
        return max(0, min([certain - self._width, *self._open]) - 2 * self._reach)

    def _judge(self, x: NDArray[np.float64], base: int, start: int, stop: int) -> None:
        every = max(1, (stop - start) // _JUDGED)
        work = np.empty((stop - start) // every + 1)
        spike_heights_into(
            x, start - base, stop - base, every, self._least_step, SPIKE_NOISE, self._least, work, self._heights
        )

    def _seek(self, x: NDArray[np.float64], base: int, stop: int, until: int) -> None:
        count = next_spikes_into(x, base, stop, until, self._width, self._heights, self._next, self._work)
        if count > 0:
            self._open.extend(self._work[:count].tolist())

    def _settle(self, x: NDArray[np.float64], base: int, stop: int, certain: int, *, final: bool) -> None:
        """Make one spike of those of several leads that stand together, and bridge it in every lead."""
        self._open.sort()
        while self._open:
            k = 1
            while k < len(self._open) and self._open[k] - self._open[k - 1] <= self._width:
                k += 1
            if not final and self._open[k - 1] + self._width >= certain:
                return
            group, self._open = self._open[:k], self._open[k:]
            if len(group) < self._at_least:
                continue
            at = int(np.median(group))
            self._spikes.append(at)
            first, last = max(0, at - self._reach - base), min(stop - 1 - base, at + self._reach - base)
            share = np.arange(last - first + 1) / max(1, last - first)
            for row in x:
                row[first : last + 1] = row[first] + share * (row[last] - row[first])
