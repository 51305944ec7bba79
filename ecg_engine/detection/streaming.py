"""R peaks of an ECG that comes in pieces."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._machine import Machine
from ecg_engine.detection._spikes import SpikeFinder
from ecg_engine.detection.pacing import MIN_FS
from ecg_engine.detection.parameters import QRS, samples
from ecg_engine.errors import InputError, SignalError
from ecg_engine.types.recording import check_fs, check_signal

#: So much of the past is kept, s: search back reaches 8 s, and R is sought in the signal as it came.
KEPT_S: Final = 12.0
#: And so much is gone on with at once, s.
PIECE_S: Final = 20.0


class Feed:
    """A recording in pieces on its way into the machine: what is kept, pacing spikes, what is not gone on with yet."""

    __slots__ = ("_base", "_fed", "_filled", "_finder", "_kept", "_machine", "_step", "_x")

    def __init__(self, n_leads: int, fs: float, floor_mv: float | None) -> None:
        self._machine = Machine(n_leads, fs, floor_mv)
        self._finder = SpikeFinder(n_leads, fs, floor_mv) if fs >= MIN_FS else None
        self._kept = samples(KEPT_S, fs)
        self._step = samples(QRS.block_s / 2, fs)
        self._x = np.empty((n_leads, self._kept + samples(PIECE_S, fs)))
        self._base = self._filled = self._fed = 0

    @property
    def moved(self) -> tuple[int, ...]:
        """The leads that ever moved."""
        return self._machine.moved

    @property
    def spikes(self) -> NDArray[np.int64]:
        """Pacing spikes so far."""
        return np.zeros(0, np.int64) if self._finder is None else self._finder.spikes

    def push(self, signal: NDArray[Any], *, final: bool = False) -> NDArray[np.int64]:
        """Take (n_leads, n) more samples, one at least; return the R peaks that are certain now, all if `final`."""
        found: list[NDArray[np.int64]] = []
        at, n = 0, signal.shape[1]
        while at < n:
            if self._filled == self._x.shape[1]:
                drop = self._filled - self._kept
                self._x[:, : self._kept] = self._x[:, drop:].copy()
                self._base += drop
                self._filled = self._kept
            take = min(n - at, self._x.shape[1] - self._filled)
            self._x[:, self._filled : self._filled + take] = signal[:, at : at + take]
            at += take
            self._filled += take
            last = final and at == n
            if last or self._base + self._filled - self._fed >= self._step:
                found.append(self._go_on(final=last))
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def finish(self) -> NDArray[np.int64]:
        """Return the R peaks that are left at the end."""
        return self._go_on(final=True)

    def _go_on(self, *, final: bool) -> NDArray[np.int64]:
        stop = self._base + self._filled
        self._fed = stop
        if self._finder is not None:
            stop = self._finder.clear(self._x, self._base, stop, final=final)
        return self._machine.feed(self._x, self._base, stop, final=final)


class RPeakDetector:
    """Find R peaks while the ECG comes in.

    However the samples are cut into chunks, all R peaks together are exactly those of `detect_r_peaks` over the whole.

    Parameters
    ----------
    fs : float
        Hz.
    amplitude_floor_mv : float or None
        As in `detect_r_peaks`.

    Raises
    ------
    InputError
        `fs` is no sampling rate; a chunk has another number of leads than the first one; anything is pushed after
        `finish`.
    SignalError
        A chunk is no signal.

    Notes
    -----
    The first beats come once 4 s are in, which make the first level; from then on a beat comes within 1 s of its R
    peak, but for two kinds that only what follows tells from a T wave or noise: one much lower than the beat before it
    (in noise, a tenth lower), which waits for the next one (2 s at most), and one that search back finds in a long RR,
    which comes with the beat that ends it. In strong noise, where the beats of an even rhythm are chosen together with
    what follows them, they come within 2.5 s, those in a long RR with the beat that ends it. Memory does not grow: 32 s
    of signal are kept.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(5000) / 500
    >>> ecg = sum(np.exp(-(((t - at) / 0.012) ** 2)) for at in np.arange(0.6, 9.9, 0.8))
    >>> detector = RPeakDetector(fs=500)
    >>> found = [detector.push(chunk) for chunk in np.split(ecg, 50)]
    >>> found.append(detector.finish())
    >>> np.concatenate(found)[:3]
    array([ 300,  700, 1100])
    """

    def __init__(self, *, fs: float, amplitude_floor_mv: float | None = QRS.floor_mv) -> None:
        self._fs = check_fs(fs)
        self._floor_mv = amplitude_floor_mv
        self._feed: Feed | None = None
        self._n_leads = 0
        self._finished = False

    def push(self, chunk: Any) -> NDArray[np.int64]:
        """Take the next samples; return the R peaks that are certain now.

        Parameters
        ----------
        chunk : (n_samples,) or (n_leads, n_samples) array
            mV; NaN is a gap. May be empty.

        Returns
        -------
        (n_beats,) int64 array
            Samples since the first one pushed, increasing from call to call.
        """
        if self._finished:
            raise InputError("chunk: the detector is finished; make a new one", argument="chunk")
        array = np.asarray(chunk)
        if array.size == 0 and array.ndim in (1, 2):
            return np.zeros(0, np.int64)
        signal = check_signal(array)
        if self._feed is None:
            self._n_leads = len(signal)
            self._feed = Feed(self._n_leads, self._fs, self._floor_mv)
        elif len(signal) != self._n_leads:
            raise InputError(f"chunk: {len(signal)} leads where the first had {self._n_leads}", argument="chunk")
        return self._feed.push(signal)

    def finish(self) -> NDArray[np.int64]:
        """Return the R peaks that are left, after the last chunk.

        Raises
        ------
        SignalError
            Nothing was pushed.
        """
        if self._feed is None:
            raise SignalError("signal: no samples were pushed", argument="chunk")
        if self._finished:
            return np.zeros(0, np.int64)
        self._finished = True
        return self._feed.finish()
