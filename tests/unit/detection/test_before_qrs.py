"""What the time before the QRS says of P waves, on made beats."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection import median_beat

FS = 500.0
R_PEAKS = np.arange(400, 14_600, 400)


def heart(p_mv: float) -> np.ndarray:
    """Three leads of 30 s: P 160 ms before R, QRS and T, all alike."""
    t = np.arange(15_000) / FS
    waves = ((-0.16, 0.020, p_mv), (0.0, 0.012, 1.0), (0.25, 0.040, 0.3))
    one = sum(mv * np.exp(-0.5 * ((t - r / FS - at) / width) ** 2) for r in R_PEAKS for at, width, mv in waves)
    return np.array([1.0, 0.7, -0.5])[:, None] * one


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
def test_differences_between_beats_are_the_noise_that_smoothing_leaves(sigma):
    """A triangle as wide as twice w samples leaves (2 w^2 + 1) / (3 w^3) of the variance of white noise."""
    rng = np.random.default_rng(1)
    noisy = heart(0.1) + rng.normal(0.0, sigma, (3, 15_000))
    w = 11  # 20 ms, odd
    expected = sigma * np.sqrt((2 * w**2 + 1) / (3 * w**3))
    assert median_beat(noisy, fs=FS, r_peaks=R_PEAKS).p_noise_mv == pytest.approx(expected, rel=0.2)


def test_beats_that_are_alike_do_not_differ_whether_or_not_they_have_a_p_wave():
    assert median_beat(heart(0.1), fs=FS, r_peaks=R_PEAKS).p_noise_mv < 1e-3
    assert median_beat(heart(0.0), fs=FS, r_peaks=R_PEAKS).p_noise_mv < 1e-3


def test_with_few_beats_nothing_is_known():
    assert np.isnan(median_beat(heart(0.1), fs=FS, r_peaks=R_PEAKS[:3]).p_noise_mv)
