"""A recording as it was read: samples in mV, leads, rate, patient, where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError, SignalError
from ecg_engine.types._frozen import frozen_arrays, read_only

#: Sampling rates that any electrocardiograph, monitor or research converter uses, Hz. Outside, the header is wrong.
MIN_FS, MAX_FS = 20.0, 100_000.0
#: No converter's count, in whatever unit, is beyond it; what is marks a gap in some file (the largest float, say).
MAX_MV = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Who the recording is of; everything is optional.

    Parameters
    ----------
    id, name : str, optional
    birth_date : datetime.date, optional
    age_years : float, optional
        Age at the recording, years.
    sex : {"F", "M"}, optional
    pacemaker : bool, optional
    complaint : str, optional
    drugs : tuple of str
        Names as given.

    Raises
    ------
    InputError
        Age outside 0 to 130 years, or a sex other than "F", "M" or None.
    """

    id: str | None = None
    name: str | None = None
    birth_date: date | None = None
    age_years: float | None = None
    sex: str | None = None
    pacemaker: bool | None = None
    complaint: str | None = None
    drugs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.sex not in (None, "F", "M"):
            raise InputError('sex: only "F", "M" or None is understood', argument="sex")
        if self.age_years is not None:
            try:
                age = float(self.age_years)
            except (TypeError, ValueError):
                raise InputError("age_years: not a number; give years, or None", argument="age_years") from None
            if not 0.0 <= age <= 130.0:
                raise InputError("age_years: must lie in 0 to 130; give years, or None", argument="age_years")
            object.__setattr__(self, "age_years", age)
        object.__setattr__(self, "drugs", tuple(self.drugs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters that the device had already applied, Hz; None where it does not say."""

    highpass_hz: float | None = None
    lowpass_hz: float | None = None
    notch_hz: float | None = None


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceBeat:
    """The device's own representative beat (median, average), kept beside ours.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV. Kept as a read-only view.
    fs : float
        Hz.
    leads : tuple of str
        One name a row.
    marks : mapping of str to int
        Where the device sets onsets and offsets, in samples, by our names (``p_onset``, ``qrs_onset`` ...).
    """

    signal: NDArray[Any]
    fs: float
    leads: tuple[str, ...]
    marks: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fs", check_fs(self.fs))
        object.__setattr__(self, "leads", tuple(self.leads))
        object.__setattr__(self, "signal", read_only(check_signal(self.signal, self.leads)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a recording came from.

    Parameters
    ----------
    path : str, optional
        The file, as it was given.
    format : str, optional
        Name of the reader in the registry: ``"wfdb"``, ``"edf"``, ``"dicom"``, ``"aecg"``, ``"muse"`` ... ``"csv"``.
    device : str, optional
        Manufacturer and model.
    filters : Filters, optional
        None where the file says nothing of filters.
    lsb_mv : tuple of float, optional
        The smallest step of each lead, mV.
    measurements : mapping of str to float
        The device's own, by our quantity codes.
    statements : tuple of str
        The device's own, as it words them.
    beat : DeviceBeat, optional
        The device's own representative beat.
    details : mapping
        Whatever else the header holds and somebody may look for (``ecg-engine info`` shows it).
    """

    path: str | None = None
    format: str | None = None
    device: str | None = None
    filters: Filters | None = None
    lsb_mv: tuple[float, ...] | None = None
    measurements: Mapping[str, float] = field(default_factory=dict)
    statements: tuple[str, ...] = ()
    beat: DeviceBeat | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A mark that came with the recording.

    Parameters
    ----------
    sample : int
        Index into the recording, 0 at its first sample.
    symbol : str
        WFDB symbol where there is one, else ``'"'`` (a comment).
    text : str
        What the file says beside it.
    duration : int
        In samples, 0 for a point.
    lead : str, optional
        The lead it belongs to, None for all.
    """

    sample: int
    symbol: str = '"'
    text: str = ""
    duration: int = 0
    lead: str | None = None


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Simultaneous leads, mV.

    Parameters
    ----------
    signal : (n_leads, n_samples) or (n_samples,) array
        mV, float32 or float64 (whole numbers are converted to float64); NaN is a gap. Kept as a read-only view.
    fs : float
        Samples a second, Hz.
    leads : sequence of str
        One name a row, all different.
    start : datetime, optional
        Time of the first sample.
    patient : Patient
    source : Source
    annotations : tuple of Annotation

    Raises
    ------
    InputError
        The rate is not a positive number, names are missing, doubled or not as many as rows.
    SignalError
        No samples, samples that are infinite or beyond 1e12 mV, or an array of another shape or kind.

    Examples
    --------
    >>> recording = Recording(signal=np.zeros((2, 500)), fs=500, leads=("I", "II"))
    >>> recording.n_samples, recording.duration_s
    (500, 1.0)
    """

    signal: NDArray[Any]
    fs: float
    leads: tuple[str, ...]
    start: datetime | None = None
    patient: Patient = field(default_factory=Patient)
    source: Source = field(default_factory=Source)
    annotations: tuple[Annotation, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fs", check_fs(self.fs))
        leads = (self.leads,) if isinstance(self.leads, str) else tuple(str(name) for name in self.leads)
        object.__setattr__(self, "leads", leads)
        object.__setattr__(self, "annotations", tuple(self.annotations))
        object.__setattr__(self, "signal", read_only(check_signal(self.signal, leads)))

    @property
    def n_leads(self) -> int:
        """Number of leads."""
        return int(self.signal.shape[0])

    @property
    def n_samples(self) -> int:
        """Samples in each lead."""
        return int(self.signal.shape[1])

    @property
    def duration_s(self) -> float:
        """Length, s."""
        return self.n_samples / self.fs

    def lead(self, name: str) -> NDArray[Any]:
        """Return one lead's samples, mV.

        Raises
        ------
        InputError
            No lead has this name.
        """
        if name not in self.leads:
            raise InputError(f"lead {name}: not in this recording, which has {', '.join(self.leads)}", argument="name")
        row: NDArray[Any] = self.signal[self.leads.index(name)]
        return row


def check_fs(fs: float) -> float:
    """Return `fs` as a float, or raise InputError that says how to mend it."""
    try:
        value = float(fs)
    except (TypeError, ValueError):
        raise InputError("fs: not a number; give samples a second, in Hz", argument="fs") from None
    if not math.isfinite(value) or value <= 0:
        raise InputError(f"fs: {value:g} Hz is no sampling rate; give samples a second, in Hz", argument="fs")
    if not MIN_FS <= value <= MAX_FS:
        raise InputError(
            f"fs: {value:g} Hz is outside {MIN_FS:g} to {MAX_FS:g} Hz, where no ECG is recorded; give the true rate",
            argument="fs",
        )
    return value


def as_signal(signal: Any) -> NDArray[Any]:
    """Return `signal` as C-ordered (n_leads, n_samples) float32 or float64, or raise; the samples are not looked at."""
    array = np.asarray(signal)
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    if array.dtype not in (np.float32, np.float64):
        if array.dtype.kind != "f":
            raise SignalError(f"signal: samples of kind {array.dtype} are no numbers; give mV as float64")
        array = array.astype(np.float64)
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2:
        raise SignalError(f"signal: {array.ndim} dimensions; give (n_samples,) or (n_leads, n_samples)")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise SignalError("signal: no samples; the file or array is empty")
    return np.ascontiguousarray(array)


def are_usual(rows: NDArray[Any]) -> list[bool]:
    """Return which rows have samples only, no NaN, that are a voltage in some unit."""
    # No temporary on the usual clean lead, and no product: libraries share that out to threads, which costs more.
    with np.errstate(invalid="ignore"):
        return [bool(row.max() <= MAX_MV and row.min() >= -MAX_MV) for row in rows]


def check_signal(signal: Any, leads: tuple[str, ...] | None = None) -> NDArray[Any]:
    """Return `signal` as C-ordered (n_leads, n_samples) float32 or float64, or raise what is wrong with it.

    A NaN is a gap and passes; an infinite sample, or one that is no voltage in any unit, does not.
    """
    array = as_signal(signal)
    if leads is not None:
        if len(leads) != array.shape[0]:
            raise InputError(
                f"leads: {len(leads)} names for {array.shape[0]} rows; give one name a row of signal", argument="leads"
            )
        doubled = sorted({name for name in leads if leads.count(name) > 1})
        if doubled:
            raise InputError(f"leads: {', '.join(doubled)} twice; give each lead a name of its own", argument="leads")
    usual = are_usual(array)
    for i, row in enumerate(array):
        if not usual[i] and (beyond := np.flatnonzero(np.abs(row) > MAX_MV)).size:
            name = leads[i] if leads is not None else str(i)
            what = "infinite" if np.isinf(row[beyond[0]]) else f"{row[beyond[0]]:.3g} mV, which is no voltage,"
            raise SignalError(f"lead {name}: {what} at sample {beyond[0]}; mark gaps as NaN", lead=name)
    return array
