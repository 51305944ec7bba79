"""Cutting and describing beats: kernels as their twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecg_engine.kernels import beat_groups, beat_windows
from tests.reference import beat_window_twins as twin

pytestmark = pytest.mark.kernels

CENTRE, FULL = 43, 108
values = st.integers(-500, 500).map(lambda v: v / 100)
many_beats = st.integers(1, 3).flatmap(
    lambda n_leads: arrays(np.float64, st.tuples(st.integers(1, 7), st.just(n_leads), st.just(FULL)), elements=values)
)


@st.composite
def moved_beats(draw):
    beats = draw(many_beats)
    return beats, draw(arrays(np.int64, len(beats), elements=st.integers(-5, 5)))


def flat(beats):
    return np.ascontiguousarray(beats.reshape(len(beats), -1))


@given(
    arrays(np.float64, st.tuples(st.integers(1, 2), st.integers(2, 300)), elements=values),
    st.sampled_from([100.0, 128.0, 250.0, 500.0]),
    st.integers(1, 6),
    st.data(),
)
def test_cut(signal, fs, width, data):
    marks = data.draw(st.sets(st.integers(0, signal.shape[1] - 1), min_size=1, max_size=5))
    at, steps = np.array(sorted(marks), np.int64), np.arange(-CENTRE, FULL - CENTRE) / 125 * fs
    out = np.empty((len(at), len(signal) * FULL))
    beat_windows.cut_beats_into(signal, at, steps, width, out)
    cuts = out.reshape(len(at), len(signal), FULL)
    expected = twin.cut_beats(signal, at, steps, width)
    np.testing.assert_allclose(cuts - cuts.mean(axis=2, keepdims=True), expected, atol=1e-9)


def test_a_lead_that_stands_still_is_cut_as_zeros():
    out = np.ones((2, FULL))
    steps = np.arange(-CENTRE, FULL - CENTRE) / 125 * 360.0
    beat_windows.cut_beats_into(np.full((1, 900), 0.1), np.array([3, 450]), steps, 4, out)
    assert not out.any()


@given(many_beats)
def test_leads_alike(beats):
    middle = twin.unit(np.cos(np.arange(beats.shape[1] * 30.0)).reshape(-1, 30))
    length, alike = np.empty(beats.shape[:2]), np.empty(beats.shape[:2])
    beat_windows.leads_alike_into(flat(beats), 31, 61, middle, length, alike)
    lengths, expected = twin.leads_alike(beats, 31, 61, middle)
    np.testing.assert_allclose(length, lengths, atol=1e-9)
    np.testing.assert_allclose(alike[lengths > 1e-9], expected[lengths > 1e-9], atol=1e-9)


@given(many_beats)
def test_widths(beats):
    out = np.empty(len(beats))
    beat_windows.widths_into(flat(beats), beats.shape[1], CENTRE, out)
    np.testing.assert_allclose(out, twin.widths(beats, CENTRE), atol=1e-9)


def close_where_large(found, expected, *sizes):
    """A correlation of what is 0 but for rounding is anything."""
    known = np.all([size > 1e-6 for size in sizes], axis=0)
    np.testing.assert_allclose(found[known], expected[known], atol=1e-7)


@given(moved_beats())
def test_shapes(moved):
    beats, shift = moved
    out = np.empty((len(beats), 4))
    beat_windows.shapes_into(flat(beats), beats.shape[1], CENTRE, shift, out)
    part = twin.centred(beats, CENTRE, shift)
    expected = twin.shapes(part)
    level = part - part[:, :, 22:30].mean(axis=2, keepdims=True)
    high = np.abs(level[:, :, 26:56]).max(axis=(1, 2))
    areas = [np.abs(level[:, :, a : a + 30].sum(axis=2)).max(axis=1) for a in (26, 56)]
    close_where_large(out[:, 0], expected[:, 0], high)
    close_where_large(out[:, 1], expected[:, 1], *areas)
    np.testing.assert_allclose(out[:, 2:], expected[:, 2:], atol=1e-9)


@given(moved_beats())
def test_lead_widths(moved):
    beats, shift = moved
    out = np.empty(beats.shape[:2])
    beat_windows.lead_widths_into(flat(beats), beats.shape[1], CENTRE, shift, out)
    part = twin.centred(beats, CENTRE, shift)
    high = np.abs(part[:, :, 26:56] - part[:, :, 22:30].mean(axis=2, keepdims=True)).max(axis=2)
    close_where_large(out, twin.lead_widths(part), high)


@given(moved_beats())
def test_t_and_p(moved):
    beats, shift = moved
    n, n_leads, _ = beats.shape
    waves, out = np.empty((n, n_leads * 51)), np.empty((n, 2))
    beat_windows.t_and_p_into(flat(beats), n_leads, CENTRE, shift, waves)
    expected = twin.t_and_p(twin.centred(beats, CENTRE, shift))
    np.testing.assert_allclose(waves.reshape(n, n_leads, 51), np.concatenate(expected, axis=2), atol=1e-9)
    usual = np.sin(np.arange(n_leads * 51.0))
    beat_windows.t_and_p_alike_into(flat(beats), n_leads, CENTRE, shift, usual, out)
    for column, wave, part in zip(out.T, expected, (slice(30), slice(30, 51)), strict=True):
        row = wave.reshape(n, -1)
        like = twin.alike(row, usual.reshape(n_leads, 51)[:, part].ravel())
        close_where_large(column, like, np.linalg.norm(row, axis=1))


@given(moved_beats())
def test_neighbours(moved):
    beats, shift = moved
    out = np.empty((len(beats), 5))
    beat_windows.neighbours_into(flat(beats), beats.shape[1], CENTRE, shift, out)
    part = twin.centred(beats, CENTRE, shift)
    expected = twin.neighbours(part)
    assert (np.isnan(out) == np.isnan(expected)).all()
    size = np.linalg.norm((part - part.mean(axis=2, keepdims=True)).reshape(len(part), -1), axis=1)
    if np.ptp(part[:, :, 26:56], axis=2).max(axis=1).min() > 0 and size.min() > 0:
        np.testing.assert_allclose(out, expected, atol=1e-9)


@given(arrays(np.float64, st.integers(0, 40), elements=st.one_of(values, st.just(np.nan))), st.integers(1, 15))
def test_running_median(row, half):
    out = np.empty(len(row))
    beat_windows.running_median_into(row, half, out)
    np.testing.assert_array_equal(out, twin.running_median(row, half))


@pytest.mark.parametrize("alike", [0.5, 0.7, 0.9])
def test_joined_groups(rng, alike):
    shapes = rng.standard_normal((12, 2, 16)).cumsum(axis=2)
    shapes[3], shapes[7], shapes[5, :, 2:] = shapes[0] * 2.0, 0.0, shapes[4, :, :-2]
    out = np.empty(12, np.int64)
    beat_groups.join_groups_into(flat(shapes), 2, 3, alike, out)
    assert ((out[:, None] == out) == twin.joined(shapes, 3, alike)).all()


def test_groups_are_those_of_the_twin_where_most_comparisons_are_spared(rng):
    from tests.reference import beat_group_twins

    kinds = rng.integers(0, 6, 150)
    models = rng.standard_normal((6, 60)).cumsum(axis=1)
    beats = models[kinds] + rng.choice([0.02, 0.3], 150)[:, None] * rng.standard_normal((150, 60))
    shapes, work = np.zeros((10, 40)), np.empty(40)
    group, shift = np.empty(150, np.int64), np.empty(150, np.int64)
    used = beat_groups.group_beats_into(beats, 2, 5, 5, 0.9, 0.02, shapes, work, group, shift)
    groups, shifts, n = beat_group_twins.group_beats(beats, 2, 5, 5, 20, 0.9, 0.02, 10)
    assert used == n and group.tolist() == groups.tolist() and shift.tolist() == shifts.tolist()
