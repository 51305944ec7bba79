"""What the twelve-lead network takes: each lead between 0.5 and 40 Hz at 100 Hz, in its own standard deviations, and measures.

A standard 12-lead that was kept without its millivolts (z-scored) and one that has them come to the same `signal`; only
the second has voltages among its `measures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

__all__ = ["LEADS", "MEASURES", "SAMPLES", "VOLTAGES", "to_measures", "to_signal", "twelve_lead_input", "voltages"]

LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
FS_HZ: Final = 100.0
#: Ten seconds.
SAMPLES: Final = 1000
#: Of the published z-scored PTB-XL: Butterworth of order 4, forwards and backwards.
BAND_HZ: Final = (0.5, 40.0)
ORDER: Final = 4
#: A lead that varies less is flat: no noise, no pulse, is as small.
FLAT_MV: Final = 1e-3
#: Beyond it is an electrode's step, not a heart, standard deviations: the network is spared.
CLIP_SD: Final = 20.0
#: Highest and lowest values are taken in windows as long as two slow beats, and their median counts, so that one
#: artefact does not.
WINDOW: Final = 200
#: Voltages, mV: the logarithm of each lead's standard deviation, sums that stand for hypertrophy, and single waves.
VOLTAGES: Final = (
    *(f"log_sd_{lead}" for lead in LEADS), "sokolow", "cornell", "r_avl", "r_v5", "s_v2", "s_v3", "limb_peak_to_peak",
    "chest_peak_to_peak",
)  # fmt: skip
#: The engine's global quantities that need no voltage.
QUANTITIES: Final = (
    "rr_ms", "rr_cv_percent", "rmssd_ms", "rr_change_percent", "rr_irregularity_percent", "p_share_percent",
    "p_coherence_percent", "pr_ms", "pr_spread_ms", "p_duration_ms", "qrs_ms", "qt_ms", "qtc_fridericia_ms", "jt_ms",
    "qrs_axis_deg", "t_axis_deg", "p_axis_deg", "qrs_t_angle_deg", "f_wave_percent", "fibrillation_percent",
)  # fmt: skip
#: Those that run over decades: their logarithm is taken, log(1 + x).
LOGARITHMIC: Final = frozenset(
    {"rr_cv_percent", "rmssd_ms", "rr_change_percent", "rr_irregularity_percent", "pr_spread_ms", "f_wave_percent"}
)
#: What `measures` holds, in this order.
MEASURES: Final = (*VOLTAGES, *QUANTITIES)


def twelve_lead_input(
    signal: NDArray[Any], *, fs: float, measured: Mapping[str, float]
) -> dict[str, NDArray[np.float32]]:
    """Return the inputs of the twelve-lead network.

    Parameters
    ----------
    signal : ndarray of shape (12, n)
        mV, in the order of `LEADS`; NaN where there is none.
    fs : float
        Sampling frequency, Hz, at least 100.
    measured : mapping of str to float
        Global quantities by code, in their own units; what is absent or not finite is unknown to the network.

    Returns
    -------
    dict
        ``signal`` of shape (1, 12, 1000), in standard deviations of each lead, and ``measures`` of shape
        (1, 2, ``len(MEASURES)``): values, zero where unknown, then 1 where known. A recording of more than ten seconds
        gives its middle ten, a shorter one is followed by zeros.

    Raises
    ------
    ValueError
        Not twelve leads, or `fs` is below 100 Hz.
    """
    x = np.asarray(signal, np.float64)
    if x.ndim != 2 or len(x) != len(LEADS):
        raise ValueError(f"signal: shape {x.shape}, not (12, n); give the twelve leads in the order of LEADS")
    if not fs >= FS_HZ:
        raise ValueError(f"fs: {fs:g} Hz is below {FS_HZ:g} Hz; give the recording at its own rate")
    wanted = round(SAMPLES * fs / FS_HZ)
    start = max(0, (x.shape[1] - wanted) // 2)
    x = x[:, start : start + wanted]
    filtered = to_signal(np.where(np.isfinite(x), x, 0.0), fs)
    sd = filtered.std(axis=-1, keepdims=True)
    z = np.where(sd > FLAT_MV, (filtered - filtered.mean(axis=-1, keepdims=True)) / np.maximum(sd, FLAT_MV), 0.0)
    out = np.zeros((1, len(LEADS), SAMPLES), np.float32)
    out[0, :, : z.shape[1]] = np.clip(z, -CLIP_SD, CLIP_SD)
    return {"signal": out, "measures": to_measures({**voltages(filtered), **_only_quantities(measured)})[None]}


def _only_quantities(measured: Mapping[str, float]) -> dict[str, float]:
    return {code: measured[code] for code in QUANTITIES if code in measured}


def to_measures(values: Mapping[str, float]) -> NDArray[np.float32]:
    """Return (2, ``len(MEASURES)``): what is under each name of `MEASURES`, or zero, and whether it is known."""
    out = np.zeros((2, len(MEASURES)), np.float32)
    for i, name in enumerate(MEASURES):
        value = float(values.get(name, np.nan))
        if np.isfinite(value):
            out[:, i] = np.log1p(max(value, 0.0)) if name in LOGARITHMIC else value, 1.0
    return out


def to_signal(signal: NDArray[np.float64], fs: float, *, samples: int | None = SAMPLES) -> NDArray[np.float64]:
    """Return (..., n) band-passed and at 100 Hz, at most `samples` long, in its own unit.

    The filter runs at the recording's own rate, as it did where the published z-scored set was made.
    """
    # A band that reaches half the sampling rate has no filter.
    sos = sps.butter(ORDER, BAND_HZ, "bandpass", fs=fs, output="sos")
    ratio = Fraction(FS_HZ / fs).limit_denominator(1000)
    padding = min(3 * (2 * len(sos) + 1), signal.shape[-1] - 1)
    y = sps.sosfiltfilt(sos, signal, axis=-1, padlen=max(padding, 0))
    if ratio != 1:
        y = sps.resample_poly(y, ratio.numerator, ratio.denominator, axis=-1, padtype="line")
    return np.asarray(y[..., :samples])


def voltages(filtered: NDArray[np.float64]) -> dict[str, float]:
    """Return what stands under `VOLTAGES`, of (12, n) mV at 100 Hz, band-passed.

    Sokolow and Lyon: S V1 + R V5 or V6 (Am Heart J 1949;37:161-186); Cornell: R aVL + S V3 (Casale et al. 1987,
    doi:10.1161/01.CIR.75.3.565). Highs and lows of the filtered lead stand for R and S.
    """
    sd = np.log(np.maximum(filtered.std(axis=-1), FLAT_MV))
    whole = filtered.shape[1] // WINDOW * WINDOW
    parts = filtered[:, :whole].reshape(len(LEADS), -1, WINDOW) if whole else filtered[:, None]
    high = np.maximum(np.median(parts.max(axis=-1), axis=-1), 0.0)
    low = np.maximum(-np.median(parts.min(axis=-1), axis=-1), 0.0)
    at = {lead: i for i, lead in enumerate(LEADS)}
    span = high + low
    sums = (
        low[at["V1"]] + max(high[at["V5"]], high[at["V6"]]), high[at["aVL"]] + low[at["V3"]], high[at["aVL"]],
        high[at["V5"]], low[at["V2"]], low[at["V3"]], span[:6].max(), span[6:].max(),
    )  # fmt: skip
    return {name: float(value) for name, value in zip(VOLTAGES, (*sd, *sums), strict=True)}
