"""The machine that finds beats does what its slow twin says; a stream in any pieces finds what the whole does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_engine import RPeakDetector, detect_beats, detect_r_peaks
from ecg_engine.detection._machine import Machine, rules_for
from ecg_engine.kernels import bend
from tests.reference import beat_machine_twin as twin


def ecg_like(seed, n, fs):
    """Return pulses of many heights and distances in noise, with drift: everything a rule looks at happens."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / fs
    x = 0.03 * rng.uniform(0.2, 4) * rng.standard_normal(n) + 0.3 * np.sin(t * rng.uniform(0.5, 3))
    at = rng.uniform(0, 0.5)
    while at < t[-1]:
        wide = rng.choice([0.008, 0.012, 0.025])
        x += rng.choice([0.15, 0.4, 1.0, 1.0, 1.2, -1.5]) * np.exp(-(((t - at) / wide) ** 2))
        x += rng.choice([0.1, 0.3, 0.5]) * np.exp(-(((t - at - 0.28) / 0.04) ** 2))
        at += rng.choice([0.3, 0.45, 0.8, 0.8, 0.8, 0.8, 1.7, 4.0])
    return x


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(100, 9000), st.sampled_from([100.0, 250.0, 360.0]))
def test_twin(seed, n, fs):
    x = ecg_like(seed, n, fs)
    rules, taps = rules_for(fs, 0.1)
    found = Machine(1, fs, 0.1).feed(x[np.newaxis], 0, n, final=True)
    assert found.tolist() == twin.find_beats(x, rules, taps)


def in_pieces(x, fs, rng, longest):
    detector = RPeakDetector(fs=fs)
    found, at = [], 0
    while at < x.shape[-1]:
        n = int(rng.integers(1, longest))
        found.append(detector.push(x[..., at : at + n]))
        at += n
    return np.concatenate([*found, detector.finish()])


@settings(max_examples=30)
@given(
    st.integers(0, 10_000),
    st.integers(1, 20_000),
    st.sampled_from([100.0, 250.0, 360.0, 500.0]),
    st.sampled_from([30, 700, 30_000]),
    st.sampled_from([0, 1, 2, 3]),
    st.booleans(),
)
def test_stream_in_any_pieces_is_the_whole(seed, n, fs, longest, n_leads, spiked):
    rng = np.random.default_rng(seed)
    x = ecg_like(seed, n, fs) if n_leads == 0 else np.array([ecg_like(seed + i, n, fs) for i in range(n_leads)])
    if spiked:
        x[..., 100::431] += 3.0
    for start in rng.integers(0, n, 3):
        x[..., start : start + int(rng.integers(1, 4 * fs))] = np.nan
    if np.isnan(x).all():
        return
    assert in_pieces(x, fs, rng, longest).tolist() == detect_r_peaks(x, fs=fs).tolist()


@pytest.mark.parametrize("spike_mv", [2.0, -4.0])
def test_stream_bridges_the_same_spikes(spike_mv):
    x = ecg_like(3, 30_000, 500.0) * 0.5
    x[1000::397] += spike_mv
    assert len(detect_beats(x, fs=500.0).pacing_spikes) > 40
    rng = np.random.default_rng(0)
    assert in_pieces(x, 500.0, rng, 99).tolist() == detect_r_peaks(x, fs=500.0).tolist()


def test_a_level_has_no_bend_whatever_it_is():
    line = np.full(50, 3.3)
    out = np.full(40, np.nan)
    bend.bend_square_into(line, np.array([0.1, -0.3, 0.7]), 40, out, 0)
    assert (out == 0.0).all()


@given(st.integers(1, 4), st.lists(st.sampled_from([1.0, 2.0, 5.0, np.nan]), min_size=4, max_size=40))
def test_thinning_holds_the_value_over_a_gap(thin, values):
    row = np.array(values)
    have = len(row) // thin
    memory = np.array([0.0, 0.0, 1.0, 0.0])
    line = np.zeros(have + 2)
    empty = bend.thin_into(row, thin, have, have + 2, memory, line, 0)
    held, offset, gap, expected, gaps = 0.0, 0.0, True, [], 0
    for part in row[: have * thin].reshape(have, thin):
        known = part[~np.isnan(part)]
        if known.size:
            if gap:
                offset = held - known.mean()
            held, gap = known.mean() + offset, False
        else:
            gap, gaps = True, gaps + 1
        expected.append(held)
    np.testing.assert_allclose(line, [*expected, held, held], atol=1e-12)
    assert empty == gaps
