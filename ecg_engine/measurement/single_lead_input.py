"""What the rhythm model of one lead is given: the lead at 100 Hz, in one band and scale, and numbers about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection import detect_r_peaks
from ecg_engine.errors import SignalError
from ecg_engine.measurement.single_lead_numbers import FS, strip_numbers

__all__ = ["FS", "LENGTH", "beats_of", "single_lead_input", "strip_of"]

#: Samples that the model takes: 61.44 s. The longest strip of the PhysioNet/CinC Challenge 2017 has 60.96 s.
LENGTH: Final = 6144
#: Corners, Hz. Hand-held recorders of that challenge keep 0.5 to 40 Hz (Clifford et al. 2017, Comput Cardiol 44).
HIGH_PASS_HZ: Final = 0.5
LOW_PASS_HZ: Final = 40.0
#: Orders of the two slopes: as of a Butterworth filter run forwards and backwards.
HIGH_PASS_ORDER: Final = 4
LOW_PASS_ORDER: Final = 16
#: Between points of so fine a grid a line is drawn: at 40 Hz it errs by less than 1.3 %.
FINE_HZ: Final = 800.0
#: Each end is mirrored for so long before filtering.
MIRRORED_S: Final = 2.0
#: A stretch of this length holds a beat at 30 a minute or more.
STRETCH_S: Final = 2.0
#: In units of the usual peak-to-peak height; what is larger is no heartbeat.
LARGEST: Final = 3.0


def single_lead_input(
    signal: NDArray[np.float64], *, fs: float, measured: Mapping[str, float] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Prepare one lead for the rhythm model.

    Parameters
    ----------
    signal : (1, n) array
        The lead, in any unit and polarity; NaN where nothing was recorded.
    fs : float
        Hz.
    measured : mapping, optional
        Not used: this model looks at the signal alone.

    Returns
    -------
    dict of str to array
        ``strip``: (1, 1, 6144) float32, the lead in units of its usual peak-to-peak height, 0 where it is unknown.
        ``known``: (1, 1, 6144) float32, 1 where it is known, else 0. A shorter recording stands at the beginning; of
        a longer one the middle is taken. ``numbers``: (1, 221) float32, those of `strip_numbers`.
    """
    longest = int(LENGTH / FS * fs)
    start = max(0, (signal.shape[1] - longest) // 2)
    strip = strip_of(np.asarray(signal[0, start : start + longest], np.float64), fs)[:, :LENGTH]
    out = np.zeros((2, 1, 1, LENGTH), np.float32)
    out[:, 0, 0, : strip.shape[1]] = strip
    return {"strip": out[0], "known": out[1], "numbers": strip_numbers(strip, beats_of(strip))[None]}


def beats_of(strip: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the R peaks of a strip of `strip_of`, in samples; none where there is no signal."""
    if not strip[1].any():
        return np.zeros(0, np.int64)
    try:
        return np.asarray(detect_r_peaks(strip[0].astype(np.float64), fs=FS, amplitude_floor_mv=None), np.int64)
    except SignalError:
        return np.zeros(0, np.int64)


def strip_of(lead: NDArray[np.float64], fs: float) -> NDArray[np.float32]:
    """Return the lead at 100 Hz, 0.5 to 40 Hz, in units of its usual height, and where it is known.

    Parameters
    ----------
    lead : (n,) array
        NaN where unknown.
    fs : float
        Hz.

    Returns
    -------
    (2, m) float32 array
        Signal and validity, m = n / fs * 100.
    """
    n, known = round(len(lead) / fs * FS), np.isfinite(lead)
    out = np.zeros((2, n), np.float32)
    if n == 0 or not known.any():
        return out
    at = np.arange(len(lead))
    whole = np.interp(at, at[known], lead[known])
    x = _in_band(whole - np.median(whole), fs, n)
    nearest = np.minimum(np.rint(np.arange(n) * (fs / FS)).astype(np.int64), len(lead) - 1)
    out[1] = known[nearest]
    height = usual_height(x, known[nearest])
    # What filtering leaves of a flat line is rounding, not signal.
    if height > 1e-9 * float(np.abs(whole).max()):
        out[0] = np.clip(x / height, -LARGEST, LARGEST) * out[1]
    return out


def usual_height(x: NDArray[np.float64], known: NDArray[np.bool_]) -> float:
    """Return the median over stretches of two seconds of the peak-to-peak height; 0 where nothing is known."""
    step = min(len(x), int(STRETCH_S * FS))
    rows = x[: len(x) // step * step].reshape(-1, step)
    seen = known[: rows.size].reshape(-1, step)
    enough = seen.mean(1) > 0.5
    if not enough.any():
        return 0.0
    top = np.where(seen, rows, -np.inf)[enough].max(1)
    bottom = np.where(seen, rows, np.inf)[enough].min(1)
    return float(np.median(top - bottom))


def _in_band(x: NDArray[np.float64], fs: float, n: int) -> NDArray[np.float64]:
    """Filter without delay and sample at 100 Hz, both in the frequency domain."""
    pad = int(MIRRORED_S * fs)
    padded = np.pad(x, pad, mode="symmetric")
    finer = max(1, int(np.ceil(FINE_HZ / fs)))
    f = np.fft.rfftfreq(len(padded), 1 / fs)
    with np.errstate(divide="ignore"):
        response = 1 / (1 + (HIGH_PASS_HZ / f) ** HIGH_PASS_ORDER) / (1 + (f / LOW_PASS_HZ) ** LOW_PASS_ORDER)
    fine = np.fft.irfft(np.fft.rfft(padded) * response, len(padded) * finer) * finer
    places = (pad + np.arange(n) * (fs / FS)) * finer
    out: NDArray[np.float64] = np.interp(places, np.arange(len(fine)), fine)
    return out
