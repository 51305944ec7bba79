"""The kernels of fast ventricular rhythms do what their slow twins say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ecg_engine.kernels import fibrillation as kernels
from tests.reference import fibrillation_twins as twin

seeds = st.integers(0, 10_000)


def noise(seed, n_leads, n):
    """Smooth random leads, one of them at times flat."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(n_leads, n)), axis=1)
    x -= x.mean(axis=1, keepdims=True)
    if seed % 4 == 0:
        x[0] = 0.0
    return np.ascontiguousarray(x)


@given(seeds, st.integers(1, 3), st.integers(3, 9))
def test_likeness(seed, n_leads, width):
    x = noise(seed, n_leads, 60)
    shape = noise(seed + 1, n_leads, width)
    shape -= shape.mean(axis=1, keepdims=True)
    out = np.empty_like(x)
    kernels.likeness_into(x, shape, 0.4, 2.5, out)
    np.testing.assert_allclose(out, twin.likeness(x, shape, 0.4, 2.5), atol=1e-7)


@given(seeds, st.integers(4, 20), st.integers(1, 7))
def test_window_measures(seed, width, step):
    main, fast, slow = (noise(seed + k, 1, 60)[0] for k in range(3))
    count = (60 - width) // step + 1
    out = np.empty((count, kernels.N_MEASURES))
    kernels.window_measures_into(main, fast, slow, width, step, out)
    np.testing.assert_allclose(out, twin.window_measures(main, fast, slow, width, step, count), atol=1e-9)


@given(seeds, st.integers(1, 4), st.integers(1, 2), st.integers(1, 9))
def test_evenness(seed, n_leads, every, step):
    main, width = noise(seed, n_leads, 80), 40
    count = (80 - width) // step + 1
    size = np.ascontiguousarray(np.random.default_rng(seed).integers(0, 2, (count, n_leads)).astype(float))
    out = np.empty((count, 3))
    kernels.evenness_into(main, size, width, step, every, 2, 12, out)
    np.testing.assert_allclose(out, twin.evenness(main, size, width, step, every, 2, 12), atol=1e-9)


@given(seeds, st.integers(2, 20), st.integers(1, 7))
def test_window_maxima(seed, width, step):
    x = noise(seed, 1, 50)[0]
    count, reach = (50 - width) // step + 1, max(1, width // 2)
    out = np.empty(count)
    kernels.window_maxima_into(x, width, step, reach, out)
    np.testing.assert_allclose(out, twin.window_maxima(x, width, step, reach, count))


def test_leakage_of_a_sine_is_nothing_and_of_a_spike_is_all():
    """Kuo and Dillman: a sine cancels itself half a period later; a narrow spike does not."""
    t = np.arange(250) / 125
    sine, spike = np.sin(2 * np.pi * 5 * t), np.exp(-(((t - 1.0) / 0.02) ** 2))
    out = np.empty((1, kernels.N_MEASURES))
    leaks = []
    for x in (sine, spike):
        kernels.window_measures_into(x, x, x, 250, 250, out)
        leaks.append(out[0, 3])
    assert leaks[0] < 0.1 and leaks[1] > 0.7
