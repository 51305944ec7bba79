"""Grouping beats and runs of early ones: kernels as their twins, and what must not change a class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecg_engine.detection import classify_beats, detect_r_peaks
from ecg_engine.detection.parameters import CLASSES
from ecg_engine.kernels import beat_groups
from tests.reference import beat_group_twins as twin
from tests.reference.ecg_model import EcgSpec, Noise, simulate

cuts = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2 * 14)), elements=st.floats(-100, 100, width=32))


@pytest.mark.kernels
@given(cuts, st.sampled_from([1, 2]), st.integers(1, 4))
def test_groups(beats, n_leads, most):
    full = beats.shape[1] // n_leads
    width = full - 6
    shapes, work = np.zeros((most, n_leads * width)), np.empty(n_leads * width)
    group, shift = np.empty(len(beats), np.int64), np.empty(len(beats), np.int64)
    used = beat_groups.group_beats_into(beats, n_leads, 3, 2, 0.9, 0.02, shapes, work, group, shift)
    groups, _, n = twin.group_beats(beats, n_leads, 3, 2, width, 0.9, 0.02, most)
    # Where two are as good as each other to the last digit, either may win.
    if used == n and (group == groups).all():
        lengths = np.linalg.norm(shapes[:used], axis=1)
        np.testing.assert_allclose(lengths[lengths > 0], 1.0, atol=1e-9)
    like, length = np.empty(len(beats)), np.empty(len(beats))
    beat_groups.likeness_into(beats, n_leads, 3, 2, shapes[:used].copy(), like, length)
    expected, _ = twin.likeness(beats, n_leads, 3, 2, shapes[:used])
    np.testing.assert_allclose(like, expected, atol=1e-9)


@pytest.mark.kernels
def test_groups_of_noisy_beats_are_those_of_the_twin(rng):
    kinds = rng.integers(0, 3, 60)
    models = rng.standard_normal((3, 40)).cumsum(axis=1)
    beats = models[kinds] + 0.1 * rng.standard_normal((60, 40))
    shapes, work = np.zeros((8, 28)), np.empty(28)
    group, shift = np.empty(60, np.int64), np.empty(60, np.int64)
    used = beat_groups.group_beats_into(beats, 2, 3, 3, 0.9, 0.02, shapes, work, group, shift)
    groups, shifts, n = twin.group_beats(beats, 2, 3, 3, 14, 0.9, 0.02, 8)
    assert used == n and group.tolist() == groups.tolist() and shift.tolist() == shifts.tolist()


@pytest.mark.kernels
@given(
    st.lists(st.tuples(st.sampled_from([0.5, 0.7, 0.9, 1.0, 1.0, 1.0, 1.3]), st.floats(-0.05, 0.05)), max_size=70),
    st.integers(2, 40),
)
@example([(rr, 0.0) for rr in (1.0, 1.0, 1.0, 1.0, 0.5, 0.62, 0.72, 0.72, 1.0)], 40)
def test_early_runs(intervals, longest):
    log_rr = np.array([np.log(a + b) for a, b in intervals])
    scatter = np.full(len(log_rr), 0.05)
    p = np.array(replace(CLASSES, longest=float(longest)).runs())
    room = 2 * len(log_rr) + 8
    out = np.empty(len(log_rr), bool)
    beat_groups.early_runs_into(log_rr, scatter, 0.0, 0.03, p, np.empty(room), np.empty(room), out)
    assert out.tolist() == twin.early_runs(log_rr, scatter, 0.0, 0.03, p).tolist()


def ectopy(fs=500.0):
    spec = EcgSpec(
        rr_s=(0.8, 0.8, 0.5, 1.1, 0.8, 0.8, 0.55, 0.9, 0.8), kinds=("N", "N", "N", "V", "N", "N", "N", "N", "N"),
        rsa=0.0, noise=(Noise(muscle_mv=0.01),),
    )  # fmt: skip
    signal, truth = simulate(spec, fs=fs, duration_s=30, rng=np.random.default_rng(2))
    return signal, detect_r_peaks(signal, fs=fs), truth


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x * 1000.0,
        lambda x: -x,
        lambda x: x * np.where(np.arange(12) % 2, -2.0, 0.5)[:, None],
        lambda x: x[::-1],
        lambda x: x + 3.0,
    ],
    ids=["unit", "polarity", "each lead's own", "order", "level"],
)
def test_classes_do_not_change_with(change):
    signal, r, _ = ectopy()
    kinds = classify_beats(signal, fs=500, r_peaks=r)
    assert {"N", "V", "S"} == set(kinds)
    assert (classify_beats(np.ascontiguousarray(change(signal)), fs=500, r_peaks=r) == kinds).all()


@pytest.mark.parametrize("fs", [125.0, 250.0, 1000.0])
def test_classes_do_not_change_with_the_rate(fs):
    signal, r, _ = ectopy()
    kinds = classify_beats(signal, fs=500, r_peaks=r)
    at = np.arange(round(signal.shape[1] * fs / 500)) * 500 / fs
    other = np.vstack([np.interp(at, np.arange(signal.shape[1]), row) for row in signal])
    moved = np.minimum(np.round(r * fs / 500), other.shape[1] - 1).astype(np.int64)
    assert (classify_beats(other, fs=fs, r_peaks=moved) == kinds).all()


@given(arrays(np.float64, (2, 600), elements=st.floats(-5, 5, width=32)), st.sets(st.integers(0, 599), max_size=12))
def test_any_signal_gets_a_class_for_each_beat(signal, at):
    kinds = classify_beats(signal, fs=100, r_peaks=np.array(sorted(at), np.int64))
    assert len(kinds) == len(at) and set(kinds) <= set("NSVFQ")
