"""Marks in samples: beats and the waves of each beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.types._frozen import frozen_arrays, read_only

#: No such wave. Never an index: test for it before indexing, since ``a[-1]`` is the last sample.
ABSENT: Final = -1

#: The marks of a beat, in the order of time.
MARK_NAMES: Final = (
    "p_onset", "p_peak", "p_offset", "qrs_onset", "qrs_offset", "t_onset", "t_peak", "t_offset",
)  # fmt: skip


_INT64: Final = np.dtype(np.int64)


def _indices(values: Any) -> NDArray[np.int64]:
    if type(values) is np.ndarray and (values.dtype is _INT64 or values.dtype == _INT64):
        flags = values.flags  # made anew each time
        if flags.c_contiguous:
            return read_only(values) if flags.writeable else values
    return read_only(np.ascontiguousarray(values, dtype=np.int64))


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beats:
    """Heart beats of a recording and what else was seen while looking for them.

    Parameters
    ----------
    r_peaks : (n_beats,) int64 array
        Sample of each R peak, increasing.
    kinds : (n_beats,) '<U1' array, optional
        AAMI EC57 classes ``N S V F Q``; None where nobody classified them.
    pacing_spikes : (n_spikes,) int64 array
        Samples of pacemaker spikes.
    gaps : tuple of (int, int)
        Stretches ``[start, stop)`` without any usable lead.
    leads : tuple of int
        Indices of the leads that were used.
    """

    r_peaks: NDArray[np.int64]
    kinds: NDArray[np.str_] | None = None
    pacing_spikes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    gaps: tuple[tuple[int, int], ...] = ()
    leads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "r_peaks", _indices(self.r_peaks))
        object.__setattr__(self, "pacing_spikes", _indices(self.pacing_spikes))
        if self.kinds is not None:
            object.__setattr__(self, "kinds", read_only(np.asarray(self.kinds, dtype="<U1")))


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeadMarks:
    """Wave marks: int64 arrays with one entry a beat, `ABSENT` where there is no wave."""

    p_onset: NDArray[np.int64]
    p_peak: NDArray[np.int64]
    p_offset: NDArray[np.int64]
    qrs_onset: NDArray[np.int64]
    qrs_offset: NDArray[np.int64]
    t_onset: NDArray[np.int64]
    t_peak: NDArray[np.int64]
    t_offset: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in MARK_NAMES:
            given = getattr(self, name)
            kept = _indices(given)
            if kept is not given:
                object.__setattr__(self, name, kept)


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delineation(LeadMarks):
    """Wave marks over all leads, and each lead's own.

    Parameters
    ----------
    p_onset ... t_offset : (n_beats,) int64 array
        The global marks: those of the lead itself where there is one only.
    by_lead : tuple of LeadMarks
        One a lead, in the order of the signal's rows.
    extra_p_peaks : (n,) int64 array
        P waves that belong to no beat.
    """

    by_lead: tuple[LeadMarks, ...] = ()
    extra_p_peaks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        LeadMarks.__post_init__(self)
        object.__setattr__(self, "extra_p_peaks", _indices(self.extra_p_peaks))
