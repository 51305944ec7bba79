"""Made-up signals for timing: what they hold is known, their length is free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sinus_rhythm(hours: float, fs: float, n_leads: int) -> NDArray[np.float32]:
    """Return sinus rhythm of 75 a minute with noise, (n_leads, n_samples) float32, mV; the same every time."""
    n, rng = round(hours * 3600 * fs), np.random.default_rng(1)
    before, after = round(0.4 * fs), round(0.6 * fs)
    t = np.arange(-before, after) / fs
    waves = ((-0.16, 0.025, 0.1), (0.0, 0.012, 1.0), (0.03, 0.010, -0.2), (0.26, 0.050, 0.25))
    beat = sum(mv * np.exp(-(((t - at) / width) ** 2)) for at, width, mv in waves)
    size = np.linspace(0.6, 1.2, n_leads)[:, np.newaxis]
    each = (beat * size).astype(np.float32)
    signal = 0.01 * rng.standard_normal((n_leads, n), dtype=np.float32)
    for at in np.cumsum(rng.normal(0.8, 0.03, round(n / fs / 0.8)) * fs).astype(int):
        if before <= at < n - after:
            signal[:, at - before : at + after] += each
    return signal
