"""Each kernel behind the learnt wave scores does what its slow twin says."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection import wave_scores
from ecg_engine.detection.parameters import SCORES
from ecg_engine.kernels import beside, qrs_net, wave_edges, wave_net, wave_spans
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
        qrs_net.phases_into(smoothed, step, phases)
        qrs_net.features_into(phases, table, gains, 12, step, np.array([[0, n]]), out)
        np.testing.assert_allclose(out, twin.features(smoothed, table, gains, 12, step, n), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_places(seed):
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.uniform(0.3, 1.5, 1 + seed))
    knots = [np.sort(rng.uniform(0, 1.5, size)) for size in (5, 4, 2, 3)]
    table, bias = rng.standard_normal((14, 6)).astype(np.float32), rng.standard_normal(6).astype(np.float32)
    out = np.full((200, 6), np.nan, np.float32)
    runs, same = np.array([[0, 40], [41, 42], [90, 249], [260, 270]]), np.empty(6, np.float32)
    qrs_net.places_into(beats, 0.8, 0.016, 11, runs, 3, *knots, table, bias, same, out)
    expected = twin.places(beats, 0.8, 0.016, 11, knots, table, bias, 249)
    np.testing.assert_allclose(out, np.concatenate([expected[a:b] for a, b in runs[:3]]), atol=1e-4)


@pytest.mark.parametrize("columns", [4, 11, 12])
def test_phases(columns):
    rows = np.arange(2.0 * columns, dtype=np.float32).reshape(2, columns)
    for step in (1, 2, 3):
        out = np.empty((2 * step, -(-columns // step)), np.float32)
        qrs_net.phases_into(rows, step, out)
        padded = np.pad(rows, ((0, 0), (0, step)), mode="edge")
        for r in range(2):
            for phase in range(step):
                assert out[r * step + phase].tolist() == padded[r, phase::step][: out.shape[1]].tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_features_of_runs_are_those_of_their_points(seed):
    rng = np.random.default_rng(seed)
    phases, gains = rng.standard_normal((4, 40)).astype(np.float32), np.array([0.1, 0.3], np.float32)
    table, runs = np.array([[0, -3, 1, 2], [1, 5, 0, 0]]), np.array([[0, 3], [5, 6], [9, 30]])
    every, some = np.empty((2, 30), np.float32), np.empty((2, 25), np.float32)
    qrs_net.features_into(phases, table, gains, 8, 2, np.array([[0, 30]]), every)
    qrs_net.features_into(phases, table, gains, 8, 2, runs, some)
    np.testing.assert_array_equal(some, np.concatenate([every[:, a:b] for a, b in runs], axis=1))


def dense(rng, inputs, hidden, narrow):
    """Return weights and biases of three layers."""
    sizes = ((inputs, hidden), (hidden, narrow), (narrow, 4))
    weights = [(rng.standard_normal(size) / np.sqrt(size[0])).astype(np.float32) for size in sizes]
    return weights, [rng.standard_normal(n).astype(np.float32) for n in (narrow, 4)]


@pytest.mark.parametrize("points", [0, 1, 7, 50])
def test_three_dense_layers(points):
    rng = np.random.default_rng(points)
    (first, second, third), (bias, last_bias) = dense(rng, 9, 20, 6)
    inputs, places = rng.standard_normal((9, points)), rng.standard_normal((points, 20))
    out, work = np.empty((4, points), np.float32), np.full(qrs_net.dense_room(20, 6), np.nan, np.float32)
    qrs_net.dense_into(
        inputs.astype(np.float32), places.astype(np.float32), first, bias, second, last_bias, third, work, out
    )  # fmt: skip
    hidden = np.maximum(inputs.T @ first + places, 0)
    expected = np.maximum(hidden @ second + bias, 0) @ third + last_bias
    np.testing.assert_allclose(out, expected.T, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_odds_of_the_qrs_are_drawn_to_what_the_dense_network_says(seed):
    rng = np.random.default_rng(seed)
    (first, second, third), (bias, last_bias) = dense(rng, 5, 16, 8)
    boxes = smooth_noise(rng, 2, 120)
    table, gains = np.array([[0, k - 2, 1, 3 - k] for k in range(5)]), np.full(5, 0.1, np.float32)
    phases = np.empty((4, 60), np.float32)
    qrs_net.phases_into(boxes, 2, phases)
    runs = np.array([[2, 9], [15, 30]])[: seed % 3]
    at = np.concatenate([np.arange(0), *(np.arange(a, b) for a, b in runs)]).astype(int)
    places = rng.standard_normal((len(at), 16)).astype(np.float32)
    before = rng.standard_normal(40).astype(np.float32)
    work, out = np.full(qrs_net.qrs_room(len(at), 5, 16, 8), np.nan, np.float32), before.copy()
    qrs_net.qrs_odds_into(
        phases, table, gains, 10, 2, runs, places, first, bias, second, last_bias, third, 0.6, -9.0, work, out
    )  # fmt: skip
    seen = twin.features(boxes, table, gains, 10, 2, 40)[:, at]
    hidden = np.maximum(seen.T @ first + places, 0)
    said = twin.log_odds((np.maximum(hidden @ second + bias, 0) @ third + last_bias).T)[1]
    expected = np.full(40, -9.0)
    expected[at] = 0.4 * before[at] + 0.6 * said
    np.testing.assert_allclose(out, expected, atol=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_runs_near_the_beats(seed):
    """A point is in one run if a beat is near it, widened to whole points and one more."""
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.uniform(0.2, 2.0, 1 + 3 * seed))
    start, stop, before, after, step = 20, 20 + int(rng.integers(1, 300)), 0.16, 0.224, 0.016
    out = np.empty((len(beats), 2), np.int64)
    count, points = qrs_net.runs_near_into(beats, before, after, step, start, stop, out)
    found = [start + k for a, b in out[:count] for k in range(a, b)]
    reach = [(np.floor((r - before) / step) - 1, np.ceil((r + after) / step) + 1) for r in beats]
    assert found == [k for k in range(start, stop) if any(a <= k <= b for a, b in reach)]
    assert points == len(found)


def test_runs_are_drawn_towards_other_values():
    out = np.arange(10.0, dtype=np.float32)
    values = np.array([10.0, 20.0, 30.0], np.float32)
    qrs_net.mix_runs_into(values, np.array([[1, 3], [6, 7]]), 2, 9, 0.5, -9.0, out)
    assert out.tolist() == [-9.0, 5.5, 11.0, -9.0, -9.0, -9.0, 18.0, -9.0, -9.0, 9.0]


SHARES = wave_net.SeenShares(
    gain_coarse=0.6, gain_middle=0.15, gain_fine=0.03, gain_slope=0.05, apart_s=1.5, near_s=0.05, bend_s=0.4
)


@pytest.mark.parametrize("seed", SEEDS)
def test_seen(seed):
    rng = np.random.default_rng(seed)
    n, pad, start = int(rng.integers(150, 250)), 12, int(rng.integers(0, 40))
    grid = np.pad(smooth_noise(rng, n), pad, mode="edge")
    beats = np.sort(rng.uniform(0.1, 0.008 * n, 1 + seed))
    over, near = np.empty(n, np.float32), np.full((4, 100), np.nan, np.float32)
    wave_net.over_mean_into(grid, pad, 9, over)
    wave_net.near_into(beats, 0.008, start, n - 1, SHARES, near)
    beside = rng.standard_normal((wave_net.SEEN - wave_net.OWN, (n + 1) // 2)).astype(np.float32)
    out = np.full((wave_net.SEEN, 100 + 2 * wave_net.EDGE), np.nan, np.float32)
    wave_net.seen_into(over, grid, pad, near, beside, start, SHARES, out)
    inside = out[:, wave_net.EDGE : -wave_net.EDGE]
    expected = twin.seen(grid, pad, 9, beats, 0.008, start, SHARES, 100)
    np.testing.assert_allclose(inside[: wave_net.OWN], expected, rtol=1e-4, atol=2e-5)
    np.testing.assert_array_equal(inside[wave_net.OWN :], beside[:, np.minimum(start + np.arange(100), (n - 1) // 2)])
    assert not out[:, : wave_net.EDGE].any() and not out[:, -wave_net.EDGE :].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lead_without_its_moving_mean(seed):
    rng = np.random.default_rng(seed)
    n, pad = int(rng.integers(1, 250)), 12
    grid = np.pad(smooth_noise(rng, n), pad, mode="edge")
    over, out = np.empty(n, np.float32), np.empty((2, (n + 1) // 2), np.float32)
    wave_net.over_mean_into(grid, pad, 9, over)
    wave_net.own_into(over, np.array([0.15, 0.03], np.float32), out)
    np.testing.assert_allclose(out, twin.own(grid, pad, 9, (0.15, 0.03)), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_neighbours(seed, rows):
    rng = np.random.default_rng(seed)
    beats = 3.0 + np.cumsum(rng.uniform(15, 40, 1 + seed))
    n = int(beats[-1]) + 12
    values, lead = smooth_noise(rng, rows, n), smooth_noise(rng, 2 * n)
    out, alike = np.empty((2 * rows, n), np.float32), np.full((len(beats), 2), np.nan)
    beside.likeness_into(lead, beats, 2, 2, 8, 12, 0.8, np.empty((len(beats), 21)), alike)
    beside.neighbours_into(values, alike, beats, 2, 0.3, out)
    np.testing.assert_allclose(out, twin.neighbours(values, lead, beats, 2, 2, 8, 12, 0.8, 0.3), atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 30])
def test_the_usual_rr_and_its_changes(n):
    beats = np.cumsum(np.random.default_rng(n).uniform(0.3, 1.5, n))
    rr, uneven = beside.usual_rr(beats, 0.008, np.empty(n))
    expected = np.median(np.diff(beats)) if n > 1 else np.nan
    changes = np.median(np.abs(np.diff(beats, 2))) / expected if n > 2 else np.nan
    np.testing.assert_allclose([rr, uneven], [expected, changes], rtol=1e-12)


def learnt(rng):
    """Return weights, biases and all of them in one row."""
    layers = [
        (rng.standard_normal((n_out, n_in, width)) / np.sqrt(n_in * width), 0.3 * rng.standard_normal(n_out))
        for n_in, n_out, width, _ in wave_scores.layers_of()
    ]
    return layers, np.concatenate([part.ravel() for layer in layers for part in layer]).astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_network(seed):
    rng = np.random.default_rng(seed)
    layers, weights = learnt(rng)
    model, points, edge = wave_scores.WaveModel.of(weights), 8 * int(rng.integers(2, 12)), wave_net.EDGE
    strides = [(points >> level) + 2 * edge for level in range(len(model.rows))]
    bases = np.cumsum([0, *(rows * stride for rows, stride in zip(model.rows, strides, strict=True))])
    work = np.full(bases[-1], np.nan, np.float32)
    seen = np.pad(rng.uniform(-1, 1, (wave_net.SEEN, points)), ((0, 0), (edge, edge)))
    work[: seen.size] = seen.ravel()
    logits = np.empty((4, points), np.float32)
    wave_net.run_plan_into(model.plan, bases, points, weights, work, logits)
    expected = twin.network(seen[:, edge:-edge], layers, len(SCORES.channels), SCORES.reaches)
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_log_odds(seed):
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.uniform(-3, 3, (4, 1))
    logits = (spread * rng.standard_normal((4, 60))).astype(np.float32)
    out = np.zeros((3, 55), np.float32)
    wave_net.log_odds_into(logits, 7, 5, out)
    expected = twin.log_odds(logits)
    # A float32 of a thousand has steps of 6e-5.
    np.testing.assert_allclose(out[:, 5:], expected[:, 7:57], atol=2e-6 + 3e-7 * np.abs(logits).max())
    assert not out[:, :5].any()


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


@pytest.mark.parametrize("length", [1, 2, 3, 40, 700])
@pytest.mark.parametrize("finer", [1, 2])
def test_faint_p_waves_are_dropped(length, finer):
    rng = np.random.default_rng(length)
    x = smooth_noise(rng, length, width=4)
    ends = np.sort(rng.uniform(0, (length - 1) / finer, (20, 2)), axis=1)
    marks = np.column_stack([ends[:, 0], ends.mean(axis=1), ends[:, 1], *[np.arange(20.0)] * 5])
    marks[::4, :3] = -1
    faint = 0
    for over in (0.0, 0.5, 2.0, 6.0):
        found = marks.copy()
        wave_spans.drop_faint_p_into(x, finer, over, np.empty(wave_spans.BENDS), found)
        expected = twin.without_faint_p(x, finer, over, marks) if length > 2 else marks
        np.testing.assert_array_equal(found, expected)
        faint += (found[:, 0] != marks[:, 0]).sum()
    assert faint > 0 or length < 40


SHARES_OF_EDGES = wave_edges.EdgeShares(
    p_near=1.0, qrs_near=0.0, t_near=3.0, p_on_low=0.3, p_off_low=0.5, t_on_low=0.4, t_off_low=0.4, qrs_on_low=0.03,
    qrs_off_low=0.08, qrs_high=0.1, qrs_beyond=3.0, qrs_walk=4.0, reach=8.0, most=5.0, p_share=0.3, qrs_share=0.2,
    t_share=0.4,
)  # fmt: skip


def spans(rng, finer):
    """Return the lead, R peaks and marks as `wave_spans_into` gives them."""
    beats = rng.uniform(0, 10) + np.cumsum(np.r_[0, rng.uniform(8, 40, 8)])
    n = int(beats[-1]) + int(rng.integers(1, 30))
    odds, x = 3 * smooth_noise(rng, 3, n, width=4), smooth_noise(rng, finer * n, width=9)
    marks = np.empty((len(beats), 8))
    wave_spans.wave_spans_into(odds, x, finer, beats, LIMITS, marks)
    return x, beats, marks


@pytest.mark.parametrize("finer", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_edges_are_drawn_towards_where_the_slope_dies_down(seed, finer):
    x, beats, marks = spans(np.random.default_rng(seed), finer)
    out = np.empty_like(marks)
    shares = SHARES_OF_EDGES._replace(p_share=0.0, qrs_share=0.0) if seed % 4 == 0 else SHARES_OF_EDGES
    wave_edges.draw_edges_into(x, finer, beats, shares, marks, out)
    np.testing.assert_allclose(out, twin.drawn(x, finer, beats, shares, marks), atol=1e-4)
    # A wave stays or is none, and its edges stay in order.
    assert ((out >= 0) == (marks >= 0)).all()
    for wave in (slice(0, 3), slice(5, 8)):
        there = out[out[:, wave.start + 1] >= 0][:, wave]
        assert (np.diff(there, axis=1) >= -1e-9).all()
    assert (out[:, 3] <= np.maximum(beats, marks[:, 3])).all() and (out[:, 4] >= np.minimum(beats, marks[:, 4])).all()


def test_an_edge_goes_a_share_of_the_way_to_where_the_slope_ends():
    """A wave of straight sides from 20 to 40, marked from 24 to 36: its slope ends where it begins, a little early."""
    x = np.interp(np.arange(120.0), [0, 20, 30, 40, 119], [0, 0, 1, 0, 0]).astype(np.float32)
    x[80] = 5.0
    marks = np.array([[24.0, 30.0, 36.0, 78.0, 82.0, -1.0, -1.0, -1.0]])
    out = np.empty_like(marks)
    shares = SHARES_OF_EDGES._replace(p_near=0.0, p_on_low=0.5, p_share=0.5, most=20.0)
    wave_edges.draw_edges_into(x, 1, np.array([80.0]), shares, marks, out)
    # The difference of the values beside a point has fallen to a half on the corner itself.
    np.testing.assert_allclose(out[0, :3], [22.0, 30.0, 38.0], atol=1e-5)
    wave_edges.draw_edges_into(x, 1, np.array([80.0]), shares._replace(most=1.0), marks, out)
    np.testing.assert_allclose(out[0, :3], [23.5, 30.0, 36.5], atol=1e-5)
