"""Each kernel behind the learnt wave scores does what its slow twin says."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.kernels import runs, wave_net, wave_spans
from tests.reference import wave_net_twin as twin

pytestmark = pytest.mark.kernels

SEEDS = range(6)


def smooth_noise(rng, *shape, width=5):
    noise = rng.standard_normal((*shape[:-1], shape[-1] + width - 1))
    return np.apply_along_axis(np.convolve, -1, noise, np.ones(width) / np.sqrt(width), "valid").astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", [0.8, 1.0, 2.88, 4.0, 16.0])
def test_grid(seed, step):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(rng.integers(1, 300))
    n = int((len(x) - 1) / step) + 1
    out = np.empty(n + 14, np.float32)
    wave_net.grid_into(x, step, 0.3, 2.0, 7, out)
    np.testing.assert_allclose(out, twin.grid(x, step, 0.3, 2.0, 7, n), atol=1e-5)


@pytest.mark.parametrize("n", [1, 6, 7, 50])
def test_boxes(n):
    row = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    halves = np.array([0, 1, 3, 7])
    out = np.empty((4, n), np.float32)
    wave_net.boxes_into(row, halves, out)
    np.testing.assert_allclose(out, twin.boxes(row, halves), atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_features(seed):
    rng = np.random.default_rng(seed)
    smoothed = rng.standard_normal((3, 60)).astype(np.float32)
    table = np.column_stack([rng.integers(0, 3, 9), rng.integers(-9, 10, 9), rng.integers(0, 3, 9), np.zeros(9)])
    table = table.astype(np.int64)
    gains = rng.uniform(0.02, 0.2, 9).astype(np.float32)
    for step, n in ((1, 30), (2, 17)):
        phases, out = np.empty((3 * step, -(-60 // step)), np.float32), np.empty((9, n), np.float32)
        wave_net.phases_into(smoothed, step, phases)
        wave_net.features_into(phases, table, gains, 12, step, out)
        np.testing.assert_allclose(out, twin.features(smoothed, table, gains, 12, step, n), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_places(seed):
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.uniform(0.3, 1.5, 1 + seed))
    knots = [np.sort(rng.uniform(0, 1.5, size)) for size in (5, 4, 2, 3)]
    table, bias = rng.standard_normal((14, 6)).astype(np.float32), rng.standard_normal(6).astype(np.float32)
    out = np.full((200, 6), np.nan, np.float32)
    runs, same = np.array([[0, 40], [41, 42], [90, 249], [260, 270]]), np.empty(6, np.float32)
    wave_net.places_into(beats, 0.8, 0.016, 11, runs, 3, *knots, table, bias, same, out)
    expected = twin.places(beats, 0.8, 0.016, 11, knots, table, bias, 249)
    np.testing.assert_allclose(out, np.concatenate([expected[a:b] for a, b in runs[:3]]), atol=1e-4)


@pytest.mark.parametrize("columns", [4, 11, 12])
def test_phases(columns):
    rows = np.arange(2.0 * columns, dtype=np.float32).reshape(2, columns)
    for step in (1, 2, 3):
        out = np.empty((2 * step, -(-columns // step)), np.float32)
        wave_net.phases_into(rows, step, out)
        padded = np.pad(rows, ((0, 0), (0, step)), mode="edge")
        for r in range(2):
            for phase in range(step):
                assert out[r * step + phase].tolist() == padded[r, phase::step][: out.shape[1]].tolist()


def test_rectify():
    hidden = np.array([[1.0, -1.0], [0.0, 3.0]], np.float32)
    wave_net.rectify_into(np.array([0.5, -2.0], np.float32), hidden)
    assert hidden.tolist() == [[1.5, 0.0], [0.5, 1.0]]
    wave_net.add_rectify_into(np.array([[-1.0, -1.0], [2.0, 3.0]], np.float32), hidden)
    assert hidden.tolist() == [[0.5, 0.0], [2.5, 4.0]]


@pytest.mark.parametrize("seed", SEEDS)
def test_log_odds(seed):
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.uniform(-3, 3, (4, 1))
    logits, bias = (spread * rng.standard_normal((4, 50))).astype(np.float32), rng.standard_normal(4).astype(np.float32)
    out = np.zeros((3, 55), np.float32)
    wave_net.log_odds_into(logits, bias, 5, out)
    expected = twin.log_odds(logits, bias)
    # A float32 of a thousand has steps of 6e-5.
    np.testing.assert_allclose(out[:, 5:], expected, atol=2e-6 + 3e-7 * np.abs(logits).max())
    assert not out[:, :5].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_neighbours(seed):
    rng = np.random.default_rng(seed)
    beats = 3.0 + np.cumsum(rng.uniform(15, 40, 1 + seed))
    n = int(beats[-1]) + 12
    scores, lead = smooth_noise(rng, 3, n), smooth_noise(rng, 2 * n)
    out, alike = np.empty((6, n), np.float32), np.full((len(beats), 2), np.nan)
    wave_net.likeness_into(lead, beats, 2, 2, 8, 12, 0.8, np.empty((len(beats), 21)), alike)
    wave_net.neighbours_into(scores, alike, beats, 2, 0.3, out)
    np.testing.assert_allclose(out, twin.neighbours(scores, lead, beats, 2, 2, 8, 12, 0.8, 0.3), atol=1e-4)


def test_shifted():
    rows = np.arange(12.0, dtype=np.float32).reshape(2, 6)
    shifts = np.array([0, -3, 4])
    out = np.full((7, 4), -1, np.float32)
    wave_net.shifted_into(rows, shifts, 1, 1, out)
    assert out[1:].tolist() == twin.shifted(rows, shifts, 1, 4).tolist()
    assert (out[0] == -1).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_open_points_are_taken_out_and_put_back(seed):
    rng = np.random.default_rng(seed)
    odds = smooth_noise(rng, 3, 90, width=7)
    start, stop, rows = 20, int(rng.integers(20, 91)), np.array([0, 2])
    is_open = np.flatnonzero((odds[rows, start:stop] >= 0.3).any(axis=0))
    found = np.full((40, 2), -1)
    count, points = runs.open_runs_into(odds, rows, start, stop, 0.3, found)
    assert points == len(is_open)
    assert [k for a, b in found[:count] for k in range(a, b)] == is_open.tolist()
    assert (found[1:count, 0] > found[: max(0, count - 1), 1]).all() and (found[count:] == -1).all()
    values = smooth_noise(rng, 4, stop - start)
    columns, lines = np.empty((4, points), np.float32), np.empty((points, 4), np.float32)
    runs.columns_into(values, found, count, columns)
    runs.rows_into(np.ascontiguousarray(values.T), found, count, lines)
    assert (columns == values[:, is_open]).all() and (lines == values[:, is_open].T).all()
    mixed, second = odds.copy(), smooth_noise(rng, 3, points)
    runs.mix_runs_into(second, rows, found, count, start, mixed)
    expected = odds.copy()
    expected[np.ix_(rows, start + is_open)] = (odds[np.ix_(rows, start + is_open)] + second[rows]) / 2
    assert (mixed == expected).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_usual_swing(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(300)
    r = np.unique(rng.integers(0, 300, 1 + 3 * seed))
    for step, half in ((1, 3), (2, 40)):
        found = wave_net.usual_swing(x, r, step, half, np.empty(len(r)))
        assert found == pytest.approx(np.median([np.ptp(x[max(0, at - half) : at + half + 1]) for at in r[::step]]))


def test_places_in_samples_are_inside_and_hold_r():
    places = np.array([[-1, -1, -1, 2.5, 4.25, 5.0, 6.126, 99.0], [7, 8, 9, 10, 11, -1, -1, -1]], float)
    marks = np.empty((2, 8), np.int64)
    wave_spans.to_samples_into(places, 4.0, np.array([9, 46]), 100, marks)
    assert marks.tolist() == [[-1, -1, -1, 8, 17, 20, 25, 99], [28, 32, 36, 40, 47, -1, -1, -1]]


def test_waves_that_do_not_move_are_dropped():
    x = np.zeros(100)
    x[40], x[20], x[70] = 1.0, 0.01, 0.0001
    rows = [[10, 20, 30, 35, 45, 60, 70, 80], [-1, -1, -1, 35, 45, 60, 70, 99], [-1] * 8]
    marks = np.array(rows)
    wave_spans.drop_flat_into(x, 0.003, marks)
    assert marks.tolist() == [[*rows[0][:5], -1, -1, -1], [*rows[1][:5], -1, -1, -1], rows[2]]


LIMITS = wave_spans.SpanLimits(
    qrs_before=6.0, qrs_after=9.0, t_reach=30.0, p_reach=20.0, p_least=2.0, t_least=2.0, t_sure=1.5
)


@pytest.mark.parametrize("finer", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_wave_spans(seed, finer):
    rng = np.random.default_rng(seed)
    beats = rng.uniform(0, 10) + np.cumsum(np.r_[0, rng.uniform(8, 40, 5)])
    n = int(beats[-1]) + int(rng.integers(1, 30))
    odds, x = 3 * smooth_noise(rng, 3, n, width=4), smooth_noise(rng, finer * n)
    marks = np.empty((len(beats), 8))
    wave_spans.wave_spans_into(odds, x, finer, beats, LIMITS, marks)
    expected = twin.wave_spans(odds, x, finer, beats, LIMITS)
    np.testing.assert_allclose(marks, expected, atol=1e-4)


def test_a_wave_is_where_its_odds_are_above_even():
    """Log odds of +2 at points 30 to 40 and -2 elsewhere: the edges lie half way to the points outside."""
    odds = np.full((3, 100), -2.0, np.float32)
    odds[0, 30:41] = 2.0
    odds[1, 50:60] = 2.0
    x = np.zeros(100, np.float32)
    x[36] = 1.0
    marks = np.empty((1, 8))
    wave_spans.wave_spans_into(odds, x, 1, np.array([55.0]), LIMITS._replace(p_reach=40.0), marks)
    assert marks[0].tolist() == [29.5, 36.0, 40.5, 49.5, 59.5, -1.0, -1.0, -1.0]
