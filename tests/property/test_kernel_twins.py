"""Each kernel does what its slow twin says, on whatever hypothesis thinks of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecg_engine.detection._prepare import middle, middles, quantile
from ecg_engine.detection.delineation import wave_shares
from ecg_engine.detection.parameters import odd_samples
from ecg_engine.kernels import agreement, beats, cleaning, pacing, quality, smoothing, waves
from tests.reference import kernel_twins as twin
from tests.reference import wave_twin

values = st.floats(-100, 100, width=32)
lines = arrays(np.float64, st.integers(2, 80), elements=values)
#: Few distinct values: ties, plateaus and flat stretches.
steps = arrays(np.float64, st.integers(2, 80), elements=st.integers(0, 3).map(float))
odd = st.integers(0, 8).map(lambda k: 2 * k + 1)


@given(st.one_of(lines, steps), odd)
def test_moving_mean(x, width):
    out = np.empty_like(x)
    smoothing.moving_mean_into(x, width, out)
    np.testing.assert_allclose(out, twin.moving_mean(x, width), atol=1e-10)


tables = st.tuples(st.integers(1, 9), st.integers(2, 40)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=values)
)


@given(tables, odd)
def test_moving_means_of_rows(x, width):
    once, twice = np.empty_like(x), np.empty_like(x)
    smoothing.moving_means_into(x, width, once)
    smoothing.twice_moving_means_into(x, width, np.empty_like(x), twice)
    for row, mean, again in zip(x, once, twice, strict=True):
        np.testing.assert_allclose(mean, twin.moving_mean(row, width), atol=1e-10)
        np.testing.assert_allclose(again, twin.moving_mean(twin.moving_mean(row, width), width), atol=1e-10)


def test_moving_means_of_long_rows(rng):
    x = rng.standard_normal((5, 3 * smoothing.RESTART + 7))
    out = np.empty_like(x)
    smoothing.moving_means_into(x, 31, out)
    np.testing.assert_allclose(out, [twin.moving_mean(row, 31) for row in x], atol=1e-10)


def test_moving_mean_does_not_drift_after_large_values():
    x = np.r_[np.full(5000, 1e6), np.full(5000, 1e-6)]
    out = np.empty_like(x)
    smoothing.moving_mean_into(x, 11, out)
    np.testing.assert_allclose(out[8000:], 1e-6, rtol=1e-9)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.3, -0.4, np.nan]), min_size=1, max_size=60), st.integers(1, 5))
def test_spikes_are_so_much_higher_than_the_usual_step(values, every):
    x = np.array(values)
    steps = [abs(x[k + 1] - x[k]) for k in range(0, (len(x) - 1) // every * every, every)]
    steps = [step for step in steps if step >= 0.15]
    expected = np.median(steps) if steps else 0.0
    out = np.empty(2)
    leads = np.array([np.full(len(x) + 3, 9.0), [9.0, *x, 9.0, 9.0]])
    for least in (0.0, 0.9):
        pacing.spike_heights_into(leads, 1, 1 + len(x), every, 0.15, 3.0, least, np.empty(len(x) + 1), out)
        heights = [max(least, 3.0 * usual) or np.inf for usual in (0.0, expected)]
        assert out == pytest.approx(heights, abs=1e-12)


@given(st.one_of(lines, steps), odd, st.integers(1, 7))
def test_moving_median(x, width, step):
    out = np.empty_like(x)
    smoothing.moving_median_into(x, width, step, np.empty(width), out)
    np.testing.assert_allclose(out, twin.moving_median(x, width, step), atol=1e-10)


@st.composite
def knot_lines(draw):
    at = np.cumsum(draw(arrays(np.int64, st.integers(1, 9), elements=st.integers(1, 30)))) - 1
    return at, draw(arrays(np.float64, len(at), elements=values)), int(at[-1]) + draw(st.integers(1, 20))


@given(knot_lines())
def test_spline_is_scipys_natural_one(found):
    at, value, n = found
    out = np.empty(n)
    cleaning.spline_into(at, value, out)
    np.testing.assert_allclose(out, twin.spline(at, value, n), atol=1e-7)


@given(arrays(np.float64, (2, 50), elements=values), st.lists(st.integers(0, 49), min_size=1, max_size=5, unique=True))
def test_knots(signal, onsets):
    at = np.array(sorted(onsets), np.int64)
    out = np.empty((2, len(at)))
    cleaning.knots_into(signal, at, 3, 5, out)
    np.testing.assert_allclose(out, twin.knots(signal, at, 3, 5), atol=1e-10)


@given(
    arrays(np.float64, 120, elements=values), arrays(np.float64, 120, elements=st.sampled_from([0.0, 1.0, 1.0, 1.0]))
)
def test_fit_and_subtract_sine(x, weight):
    omega, length, hop, n_windows = 0.7, 60, 30, 3
    weight[:20], weight[40:60], weight[80:] = 1.0, 1.0, 1.0
    out = np.empty((n_windows, 2))
    turns = omega * np.arange(len(x))
    cleaning.fit_sine_into(x, weight, np.cos(turns), np.sin(turns), length, hop, out)
    np.testing.assert_allclose(out, twin.fit_sine(x, weight, omega, length, hop, n_windows), atol=1e-8)
    left = x.copy()
    cleaning.subtract_sine_into(out, omega, length, hop, left)
    np.testing.assert_allclose(left, twin.subtract_sine(out, omega, length, hop, x), atol=1e-8)


@given(st.one_of(lines, steps), st.integers(2, 12), st.sampled_from([0.0, 0.5, 1.0, 50.0]))
def test_flat_samples(x, width, span):
    width = min(width, len(x))
    assert quality.flat_samples(x, width, span, np.empty(2 * len(x), np.int64)) == twin.flat_samples(x, width, span)


@given(steps, st.integers(0, 3), st.integers(1, 5))
def test_samples_at_level(x, level, shortest):
    assert quality.samples_at_level(x, float(level), shortest) == twin.samples_at_level(x, level, shortest)


@given(st.one_of(lines, steps), st.integers(2, 4), st.sampled_from([0.5, 1.0, 20.0]))
def test_spikes(x, width, height):
    out = np.empty(len(x) // width + 1, np.int64)
    count = pacing.spikes_into(x, width, height, out)
    assert out[:count].tolist() == twin.spikes(x, width, height).tolist()


@given(lines, st.integers(1, 5))
def test_bridge(x, width):
    at = np.array(sorted({len(x) // 3, len(x) - 1}), np.int64)
    out = np.empty_like(x)
    pacing.bridge_into(x, at, width, width, out)
    np.testing.assert_allclose(out, twin.bridge(x, at, width, width), atol=1e-10)


@given(arrays(np.float64, (3, 70), elements=values), st.integers(1, 3))
def test_snippets(signal, step):
    r = np.array([5, 30, 66])
    out = np.empty((3, 3 * (20 // step)))
    beats.snippets_into(signal, r, 8, 12, step, out)
    np.testing.assert_allclose(out, twin.snippets(signal, r, 8, 12, step), atol=1e-9)


def test_align(rng):
    shape = np.exp(-(((np.arange(30) - 12) / 3.0) ** 2))
    signal = 0.01 * rng.standard_normal((2, 300))
    true = np.array([40, 120, 203, 260])
    for r in true:
        signal[:, r - 12 : r + 18] += shape
    off = true + np.array([2, -3, 0, 1])
    template = np.vstack([shape, shape])
    out = np.empty_like(off)
    beats.align_into(signal, off, template, 12, 4, out)
    assert out.tolist() == true.tolist()
    assert out.tolist() == twin.align(signal, off, template, 12, 4).tolist()


@pytest.mark.parametrize("part", [-0.4, -0.1, 0.0, 0.3])
def test_align_finely_finds_parts_of_a_sample(part):
    k = np.arange(30)
    template = np.exp(-(((k - 12) / 5.0) ** 2))[None]
    signal = np.exp(-(((np.arange(100) - 50 - part) / 5.0) ** 2))[None]
    out = np.empty(1)
    beats.align_finely_into(signal, np.array([49]), template, 12, 3, out)
    assert out[0] == pytest.approx(50 + part, abs=0.01)


@given(arrays(np.float64, (2, 60), elements=values), st.floats(2, 57, width=32))
def test_lay_beats(signal, place):
    places = np.array([3.0, place, 58.75])
    out = np.empty((2, 3 * 14))
    beats.lay_beats_into(signal, places, 6, out)
    np.testing.assert_allclose(out, twin.lay_beats(signal, places, 6, 14), atol=1e-7)


@given(arrays(np.float64, (2, 60), elements=values))
def test_median_beat(signal):
    r = np.array([3, 20, 41, 58])
    out = np.empty((2, 25))
    beats.median_beat_into(signal, r, 10, np.empty(4), out)
    np.testing.assert_allclose(out, twin.median_beat(signal, r, 10, 25), atol=1e-10)


@given(arrays(np.float64, (3, 60), elements=values), st.integers(1, 30))
def test_swings(signal, half):
    r = np.array([0, 20, 41, 59])
    out = np.empty((3, 4))
    beats.swings_into(signal, r, half, out)
    np.testing.assert_array_equal(out, twin.swings(signal, r, half))


@given(st.integers(0, 999), st.integers(5, 120), st.integers(1, 12), st.integers(0, 20), st.integers(0, 4))
def test_clearest_period(seed, n, least, more, fewest):
    rng = np.random.default_rng(seed)
    values, seen = rng.random(n), rng.choice([0.0, 0.4, 1.0, 1.0], n)
    values[rng.integers(0, least) :: least + more // 2] += 2.0
    work = np.full((2, least + more), np.nan)
    found = beats.clearest_period(values, seen, least, least + more, fewest, work[0], work[1])
    assert found == twin.clearest_period(values, seen, least, least + more, fewest)


@given(arrays(np.float64, (2, 40), elements=values), arrays(np.float64, (2, 9), elements=values))
def test_matches(signal, shape):
    places = np.arange(-3, 44)
    dot, length = np.empty(len(places)), np.empty(len(places))
    beats.matches_into(signal, places, 4, shape, dot, length)
    expected = twin.matches(signal, places, 4, shape)
    np.testing.assert_allclose(dot, expected[0], atol=1e-8)
    np.testing.assert_allclose(length, expected[1], atol=1e-8)


@given(arrays(np.float64, (2, 40), elements=values), arrays(np.float64, (2, 9), elements=values), st.integers(0, 5))
def test_places_moved_to_match(signal, shape, reach):
    places = np.arange(-3, 44, 6)
    moved = np.empty_like(places)
    beats.moved_to_match_into(signal, places, 4, reach, shape, moved)
    assert (np.abs(moved - places) <= reach).all()
    products = np.array([twin.matches(signal, places + k, 4, shape)[0] for k in range(-reach, reach + 1)])
    found = twin.matches(signal, moved, 4, shape)[0]
    np.testing.assert_allclose(found, products.max(axis=0), atol=1e-7)


@given(tables, st.floats(0, 1))
def test_medians_and_quantiles_are_numpys(x, share):
    np.testing.assert_array_equal(middles(x), np.median(x, axis=1))
    np.testing.assert_allclose(quantile(x, share), np.quantile(x, share, axis=1), atol=1e-12)
    assert middle(x[0]) == np.median(x[0])


@pytest.mark.parametrize("seed", range(8))
def test_delineate_lead(seed):
    rng = np.random.default_rng(seed)
    fs, n = 250, 2500
    t = np.arange(n) / fs
    x = 0.02 * rng.standard_normal(n) + 0.1 * np.sin(t)
    r = (np.arange(0.6, 9.4, rng.uniform(0.4, 1.1)) * fs).astype(np.int64)
    for beat in r / fs:
        for size, where, width in ((0.15, -0.16, 0.03), (1.0, 0.0, 0.012), (-0.3, 0.03, 0.01), (0.3, 0.25, 0.05)):
            x += rng.choice([-1, 1, 1, 0]) * size * np.exp(-(((t - beat - where) / width) ** 2))
    smooth = [twin.moving_mean(twin.moving_mean(x, w), w) for w in (odd_samples(s, fs) for s in (0.01, 0.02, 0.04))]
    marks = np.empty((len(r), 8), np.int64)
    waves.delineate_lead_into(*smooth, r, 0.01, wave_shares(fs), marks)
    assert marks.tolist() == wave_twin.delineate_lead(*smooth, r, 0.01, wave_shares(fs)).tolist()
    assert (marks[:, 3] >= 0).all()


@given(arrays(np.float64, 60, elements=st.floats(0, 1, width=32)), st.integers(0, 59), st.integers(0, 4))
def test_steep_span(speed, r, quiet):
    out = np.empty(2, np.int64)
    waves.steep_span_into(speed, r, 20, quiet, 0.3, 0.1, out)
    assert tuple(out) == wave_twin.steep_span(speed, r, 20, quiet, 0.3, 0.1)


@given(
    arrays(
        np.int64,
        st.tuples(st.integers(1, 7), st.integers(1, 4), st.just(8)),
        elements=st.sampled_from([-1, 3, 10, 11, 12, 14, 15, 18, 30, 60]),
    ),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_combine_marks(table, least, random):
    preferred = list(range(len(table)))
    random.shuffle(preferred)
    reach = np.array([3.0, 5.0, 8.0])
    out = np.empty(table.shape[1:], np.int64)
    agreement.combine_marks_into(table, np.array(preferred), reach, least, out)
    assert out.tolist() == wave_twin.combine(table, preferred, reach, least).tolist()


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_median_in_place(values):
    assert smoothing.median_in_place(np.array(values)) == np.median(values)
