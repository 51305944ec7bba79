"""Small pacing spikes at one time before the beats; none where there is no pacemaker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection.pacing import find_locked_spikes
from tests.reference.ecg_model import LEADS, PRESETS, simulate

FS = 500.0


def paced(mv, rng):
    """The simulated paced heart with spikes of another height, and noise."""
    spec = replace(PRESETS["paced"], spike_mv=tuple(mv * v / 1.3 for v in (0.4, -1.3, -0.4)))
    signal, truth = simulate(spec, fs=FS, duration_s=10, rng=rng)
    return signal + 0.004 * rng.standard_normal(signal.shape), truth


@pytest.mark.parametrize("mv", [0.3, 0.6, 1.3])
def test_a_small_spike_before_each_beat_is_a_paced_rhythm(mv, rng):
    signal, truth = paced(mv, rng)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=FS, leads=LEADS))
    assert {"paced_rhythm", "pacing_ventricular"} <= {s.code for s in report.statements}
    found = report.beats.pacing_spikes / FS
    assert len(found) >= len(truth.spikes_s) - 2
    assert np.abs(found[:, None] - truth.spikes_s).min(axis=1).max() < 0.01


@pytest.mark.parametrize("name", [n for n in sorted(PRESETS) if n != "paced"])
def test_no_spikes_without_a_pacemaker(name, rng):
    signal, truth = simulate(PRESETS[name], fs=FS, duration_s=10, rng=rng)
    signal = signal + 0.004 * rng.standard_normal(signal.shape)
    assert not len(find_locked_spikes(signal, truth.samples("r_peak"), fs=FS))


def test_a_lead_that_rests_on_one_value_is_no_steeper_once_it_carries_rounding_errors(rng):
    """Of a converter that resolves 5 µV: a tick of 30 µV before each R is no spike, whatever a resampling adds."""
    signal, truth = simulate(PRESETS["normal"], fs=FS, duration_s=10, rng=rng)
    r = truth.samples("r_peak")[1:-1]
    signal[:, r - 60] += 0.03
    coarse = np.round(signal / 0.005) * 0.005
    assert np.mean(np.diff(coarse) == 0) > 0.3
    assert not len(find_locked_spikes(coarse, r, fs=FS))
    assert not len(find_locked_spikes(coarse + 1e-9 * rng.standard_normal(signal.shape), r, fs=FS))


def test_slow_sampling_shows_none(rng):
    signal, truth = paced(1.3, rng)
    assert not len(find_locked_spikes(np.ascontiguousarray(signal[:, ::2]), truth.samples("r_peak") // 2, fs=FS / 2))
