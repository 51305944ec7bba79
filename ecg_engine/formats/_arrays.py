"""Recordings that are named arrays (NumPy, MATLAB): which array is what, which side is time, what the numbers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, InputError, UnsupportedFormatError
from ecg_engine.formats._common import Opened, Options, choose_leads, contradicted_fs, mv_per_unit, name_leads
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Source

#: Names, in small letters, under which people keep each thing; the first that is there counts.
SIGNAL_KEYS: Final = ("signal", "signals", "ecg", "p_signal", "data", "val", "x", "sig", "arr_0")
FS_KEYS: Final = ("fs", "sampling_rate", "sampling_frequency", "sample_rate", "samplerate", "freq", "frequency", "sr")
LEADS_KEYS: Final = ("leads", "lead_names", "lead", "labels", "channels", "channel_names", "sig_name")
UNITS_KEYS: Final = ("units", "unit")
KEYS: Final = frozenset(SIGNAL_KEYS + FS_KEYS + LEADS_KEYS + UNITS_KEYS)
#: Robust range, mV, above which numbers without a unit are raw counts or microvolts, no ECG.
_MAX_RANGE_MV: Final = 20.0
_MAX_LEADS: Final = 4096


def opened_arrays(arrays: Mapping[str, NDArray[Any]], *, path: Path, options: Options, format: str) -> Opened:
    """Return a recording whose parts are named arrays.

    Parameters
    ----------
    arrays : mapping of str to array
        Numbers, and texts as arrays of texts, by their names in small letters.
    path, options, format
        As the reader has them.

    Raises
    ------
    UnsupportedFormatError
        No array is a signal of one or two dimensions, or its numbers can be no mV and no unit is named.
    CorruptFormatError
        Names or units are not as many as leads, or samples are infinite.
    InputError
        No rate is in the file, and none was given.
    """
    rows, labels = _rows(arrays, path)
    names = name_leads(labels)
    kept = choose_leads(names, options.leads, path=path)
    leads = tuple(names[i] for i in kept)
    signal = rows[kept] if kept != list(range(len(names))) else rows
    if np.isinf(signal).any():
        raise CorruptFormatError("an infinite sample; mark gaps as NaN", path=path)
    units = _texts(_first(arrays, UNITS_KEYS))
    if len(units) == 1:
        units = units * len(names)
    if units and len(units) != len(names):
        raise CorruptFormatError(f"{len(units)} units for {len(names)} leads; name one a lead, or one", path=path)
    said = [units[i] if units else "" for i in kept]
    scale = scale_mv(said, signal, leads, path=path, remedy='a text "units" with "mV" or "uV"')[:, np.newaxis]
    return Opened(
        fs=_fs(arrays, options, path),
        leads=leads,
        n_samples=signal.shape[1],
        fetch=lambda start, stop: signal[:, start:stop].astype(np.float64) * scale,
        source=Source(
            path=str(path),
            format=format,
            lsb_mv=tuple(float(x) for x in scale[:, 0]) if signal.dtype.kind in "iu" else None,
        ),
    )


def scale_mv(
    units: Sequence[str], signal: NDArray[Any], leads: Sequence[str], *, path: Path, remedy: str
) -> NDArray[np.float64]:
    """Return mV in one of each lead's unit; numbers without a unit that can be no mV are an error.

    Parameters
    ----------
    units : sequence of str
        One a lead; "" where none is named.
    signal : (n_leads, n_samples) array
    leads : sequence of str
    path : Path
    remedy : str
        How the unit is named in this format.
    """
    scale = np.ones(len(units))
    for i, (unit, name) in enumerate(zip(units, leads, strict=True)):
        if unit:
            mv = mv_per_unit(unit)
            if mv is None:
                raise UnsupportedFormatError(
                    f"lead {name}: its unit is no voltage; write uV, mV or V in the header", path=path, lead=name
                )
            scale[i] = mv
            continue
        row = signal[i][~np.isnan(signal[i])]
        low, high = np.percentile(row, [1, 99]) if row.size else (0.0, 0.0)
        if high - low > _MAX_RANGE_MV:
            raise UnsupportedFormatError(
                f"lead {name}: no unit, and a range of {high - low:.4g} can be no mV; name the unit in the file: "
                f"{remedy}",
                path=path,
                lead=name,
            )
    return scale


def _first(arrays: Mapping[str, NDArray[Any]], keys: Sequence[str]) -> NDArray[Any] | None:
    return next((arrays[key] for key in keys if key in arrays), None)


def _rows(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[NDArray[Any], list[str]]:
    """Return the signal as (n_leads, n_samples), and the names of its leads."""
    signal = _first(arrays, SIGNAL_KEYS)
    if signal is None:
        numbers = [a for name, a in arrays.items() if name not in KEYS and a.dtype.kind in "iuf" and a.size > 1]
        signal = numbers[0] if len(numbers) == 1 else None
    known = ", ".join(sorted(arrays)) or "nothing"
    if signal is None:
        raise UnsupportedFormatError(f'holds {known:.200}; name the samples "signal"', path=path)
    signal = np.squeeze(signal) if signal.ndim > 2 else signal
    if signal.dtype.kind not in "iuf" or signal.ndim not in (1, 2) or signal.size == 0:
        raise UnsupportedFormatError(
            f"its signal has {signal.ndim} dimensions, {signal.size} values of kind {signal.dtype.name:.20}; "
            "save (leads, samples) as numbers",
            path=path,
        )
    if signal.dtype.itemsize > 8 or signal.dtype == np.float16:
        signal = signal.astype(np.float64)
    labels = _texts(_first(arrays, LEADS_KEYS))
    signal = _leads_first(signal, len(labels))
    if signal.shape[0] > _MAX_LEADS:
        raise UnsupportedFormatError(f"{signal.shape[0]} leads; save (leads, samples)", path=path)
    if labels and len(labels) != signal.shape[0]:
        raise CorruptFormatError(f"{len(labels)} names for {signal.shape[0]} leads; name each lead once", path=path)
    if not labels:
        n = signal.shape[0]
        labels = list(STANDARD_LEADS) if n == len(STANDARD_LEADS) else [f"ECG{i + 1}" for i in range(n)]
    return signal, labels


def _leads_first(signal: NDArray[Any], n_names: int) -> NDArray[Any]:
    """Return the signal with leads as rows: as many as there are names, else the shorter side."""
    if signal.ndim == 1:
        return signal[np.newaxis]
    n, m = signal.shape
    turned = m == n_names != n if n_names else m < n
    return np.ascontiguousarray(signal.T) if turned else signal


def _texts(array: NDArray[Any] | None) -> list[str]:
    return [] if array is None or array.dtype.kind != "U" else [str(text).strip() for text in array.ravel()]


def _fs(arrays: Mapping[str, NDArray[Any]], options: Options, path: Path) -> float:
    array = _first(arrays, FS_KEYS)
    if array is None:
        if options.fs is None:
            raise InputError(
                'fs: this file does not say its sampling rate; give fs=… (command line: --fs), or save it as "fs"',
                argument="fs",
            )
        return float(options.fs)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise CorruptFormatError('"fs" is no single number; save samples a second, in Hz', path=path)
    own = float(array.ravel()[0])
    if not 0 < own < float("inf"):
        raise CorruptFormatError(f'"fs" is {own:g}, no rate above zero; save samples a second, in Hz', path=path)
    contradicted_fs(options.fs, own)
    return own
