"""What laying beats on one another does to them, by what holds of any smoothing and of any shift."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection.laying import blurred, fine_places, laid
from ecg_engine.detection.median_beat import _noise_mv


@pytest.mark.parametrize("fs", [100.0, 250.0, 500.0, 1000.0, 4000.0])
def test_a_blurred_beat_is_as_one_whose_place_is_even_over_2_ms(fs):
    """A uniform place has a twelfth of its width squared as variance; areas stay."""
    beat = np.zeros((1, 101))
    beat[0, 50] = 1.0
    out = blurred(beat, fs)[0]
    at = np.arange(101) - 50
    assert out.sum() == pytest.approx(1.0)
    assert (out @ at) == pytest.approx(0.0, abs=1e-9)
    assert (out @ at**2) / fs**2 == pytest.approx(0.002**2 / 12)
    assert (out >= 0).all()


def test_beats_between_samples_are_laid_on_each_other(rng):
    """One wave at six places that fall anywhere between the samples: all beats come out alike."""
    true = np.array([200.0, 411.3, 605.7, 820.1, 1010.45, 1200.9])
    at = np.arange(1400)
    rows = np.array([a * np.exp(-(((at[:, None] - true) / 6.0) ** 2)).sum(axis=1) for a in (1.0, -0.5)])
    places = fine_places(rows, np.round(true).astype(np.int64), 500.0)
    assert np.ptp(places - true) < 0.02
    beats, where = laid(rows, places, 60, 60)
    assert (where == 60 + 120 * np.arange(6)).all()
    assert np.ptp(beats.reshape(2, 6, 120), axis=1).max() < 0.005


@pytest.mark.parametrize("fs", [500.0, 1000.0, 2000.0])
def test_noise_is_that_from_before_the_beat_was_blurred(fs, rng):
    noise = rng.normal(0.0, 0.02, (2, 20_000))
    np.testing.assert_allclose(_noise_mv(blurred(noise, fs), fs), 0.02, rtol=0.05)
