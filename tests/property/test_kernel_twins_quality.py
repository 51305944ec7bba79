"""Each kernel of signal quality does what its slow twin says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecg_engine.kernels import quality, seconds
from tests.reference import quality_twins as twin

values = st.floats(-100, 100, width=32)
steps = st.integers(0, 3).map(float)


def lines(least, most=90):
    return st.one_of(*(arrays(np.float64, st.integers(least, most), elements=e) for e in (values, steps)))


@given(arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=values), st.integers(1, 9))
def test_block_means(x, step):
    step = min(step, x.shape[1])
    out = np.empty((len(x), x.shape[1] // step))
    seconds.block_means_into(x, step, out)
    np.testing.assert_allclose(out, twin.block_means(x, step), atol=1e-9)


@given(lines(2), st.floats(5, 30))
def test_seconds(x, fs):
    count = max(1, int(len(x) / fs + 0.5))
    out = np.empty((count, 4))
    seconds.seconds_into(x, fs, np.empty(len(x)), out)
    np.testing.assert_allclose(out, twin.seconds(x, fs, count), atol=1e-6)


@given(lines(31), st.floats(10, 30))
def test_lead_numbers(x, fs):
    out = np.empty(6)
    seconds.lead_numbers_into(x, fs, np.empty(4 * len(x)), out)
    np.testing.assert_allclose(out, twin.lead_numbers(x, fs), atol=1e-5)


@given(lines(1), st.integers(0, 3), st.integers(1, 5), st.floats(2, 30))
def test_seconds_at_level(x, level, shortest, fs):
    count = max(1, int(len(x) / fs + 0.5))
    out = np.zeros(count, np.int64)
    seconds.seconds_at_level_into(x, float(level), shortest, fs, out)
    np.testing.assert_array_equal(out, twin.seconds_at_level(x, float(level), shortest, fs, count))


@given(lines(2), st.data())
def test_noise_and_swing(x, data):
    r_peaks = np.array(sorted(data.draw(st.sets(st.integers(0, len(x) - 1), max_size=5))), np.int64)
    smooth = np.roll(x, 1)
    away, reach, piece = (data.draw(st.integers(1, 12)) for _ in range(3))
    block = data.draw(st.integers(1, len(x)))
    out = np.array([0.0, float(piece)])
    work = np.empty(max(len(x) // block, len(r_peaks), len(x) // piece) + 1)
    quality.noise_and_swing_into(x, smooth, r_peaks, away, reach, block, work, out)
    np.testing.assert_allclose(out, twin.noise_and_swing(x, smooth, r_peaks, away, reach, block, piece), atol=1e-6)


@pytest.mark.parametrize("fs", [100.0, 125.0, 128.5])
def test_a_second_of_noise_has_the_rms_that_a_mean_of_three_leaves(rng, fs):
    """White noise of variance 1 keeps 1 - 1/3 of it."""
    x = rng.standard_normal(int(60 * fs))
    out = np.empty((60, 4))
    seconds.seconds_into(x, fs, np.empty(len(x)), out)
    assert np.mean(out[:, seconds.NOISE]) == pytest.approx(np.sqrt(2 / 3), rel=0.05)
