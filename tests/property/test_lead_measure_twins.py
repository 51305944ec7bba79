"""Waves of a lead: kernels as their twins."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecg_engine.kernels import p_t_waves, qrs_waves
from tests.reference import lead_measure_twins as twin

pytestmark = pytest.mark.kernels

#: In steps of 10 µV, with ties and zeros; few of them, joined by lines, so that waves last.
knots = arrays(np.int64, st.integers(3, 25), elements=st.integers(-40, 40))


@st.composite
def leads(draw):
    points = [draw(knots) for _ in range(draw(st.integers(1, 3)))]
    step = draw(st.sampled_from([1, 3, 6]))
    n = 3 * step + max(len(p) for p in points) * step
    return np.array([np.interp(np.arange(n) / step, np.arange(len(p)), p / 100.0) for p in points])


@given(leads(), st.data())
def test_qrs_waves(signal, data):
    n = signal.shape[1]
    first = data.draw(st.integers(0, n - 3))
    last = data.draw(st.integers(first + 2, n - 1))
    w = qrs_waves.WaveLimits(
        least_mv=0.02, least_samples=3.0, ms=2.0, slope_reach=2.0, lobe_share=0.1, dip_share=0.5, away_share=0.25,
        plateau_samples=8.0, middle_from=20.0, middle_share=2 / 3,
    )  # fmt: skip
    out = np.zeros((len(signal), qrs_waves.N_COLUMNS))
    qrs_waves.qrs_waves_into(signal, first, last, w, out)
    expected = [twin.qrs_waves(row, first, last, w) for row in signal]
    np.testing.assert_allclose(out[:, : qrs_waves.NOTCHES], expected, atol=1e-9)


@given(leads(), st.booleans(), st.data())
def test_phases(signal, over_line, data):
    n = signal.shape[1]
    first = data.draw(st.integers(0, n - 3))
    last = data.draw(st.integers(first + 2, n - 1))
    w = p_t_waves.PhaseLimits(least_mv=0.02, least_samples=3.0, ms=2.0, over_line=float(over_line))
    out = np.zeros((len(signal), p_t_waves.N_COLUMNS))
    p_t_waves.wave_phases_into(signal, first, last, w, out)
    np.testing.assert_allclose(out, [twin.wave_phases(row, first, last, w) for row in signal], atol=1e-9)


@given(leads(), st.sampled_from([-2.0, 0.5, 3.0]))
def test_notches_do_not_depend_on_sign_and_gain(signal, gain):
    def count(x):
        w = qrs_waves.WaveLimits(
            least_mv=0.02 * abs(gain) if x is not signal else 0.02, least_samples=3.0, ms=2.0, slope_reach=2.0,
            lobe_share=0.1, dip_share=0.5, away_share=0.25, plateau_samples=8.0, middle_from=5.0, middle_share=0.9,
        )  # fmt: skip
        out = np.zeros((len(x), qrs_waves.N_COLUMNS))
        qrs_waves.qrs_waves_into(x, 0, x.shape[1] - 1, w, out)
        return out[:, qrs_waves.NOTCHES]

    np.testing.assert_array_equal(count(signal), count(signal * gain))


def beats_with_and_without_waves(rng, step):
    """Return a lead and marks of six beats, some without P, some without T, and something between two of them."""
    beats = 100 * np.arange(1, 7)
    places = beats[:, None] + np.array([-40, -30, -20, -5, 5, 10, 15, 20]) + rng.integers(-2, 3, (6, 1))
    x = 0.1 * rng.standard_normal(700).astype(np.float32)
    for b in beats:
        x[b - 36 : b - 24] += np.float32(rng.uniform(0.2, 0.6))
    x[rng.integers(220, 260) : 260] += np.float32(rng.uniform(0.0, 0.6))
    places[rng.random(6) < 0.6 * rng.random(), :3] = -1
    places[rng.random(6) < 0.2, 5:] = -1
    return x, np.where(places < 0, -1, np.rint(places * step)).astype(np.int64)


@pytest.mark.parametrize("step", [1.0, 2.5, 4.0])
def test_whether_another_p_wave_may_stand_between_beats(step):
    answers = []
    for seed in range(12):
        x, marks = beats_with_and_without_waves(np.random.default_rng(seed), step)
        for bump, near, long, share in itertools.product((0.3, 0.6, 0.9), (0.2, 0.8), (0.5, 1.4), (0.2, 0.9)):
            w = p_t_waves.ExtraRules(3.0, bump, 25.0, near, 2.0, long, share)
            answers.append(twin.may_hold_another(x, marks, step, w))
            assert p_t_waves.may_hold_another(x, marks, step, w, np.empty(5)) == answers[-1]
    assert 0.1 < np.mean(answers) < 0.9
