"""Spikes and beats at made times: what belongs to which."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.measurement.pacing_measures import measure_pacing
from ecg_engine.types import Beats

FS = 500.0


def measured(r_ms, spikes_ms):
    return measure_pacing(
        Beats(
            r_peaks=(np.array(r_ms) * FS / 1000).astype(np.int64),
            pacing_spikes=(np.array(spikes_ms) * FS / 1000).astype(np.int64),
        ),
        FS,
    )


R = np.arange(600, 9000, 1000)


def test_one_spike_before_each_beat():
    assert measured(R, R - 60) == {"spikes_a_beat": 1.0, "spike_to_r_ms": 60.0, "first_spike_to_r_ms": 60.0}


def test_two_spikes_before_each_beat():
    found = measured(R, np.sort(np.concatenate((R - 60, R - 220))))
    assert found == {"spikes_a_beat": 2.0, "spike_to_r_ms": 60.0, "first_spike_to_r_ms": 220.0}


def test_spikes_without_a_beat_are_counted_where_the_ventricles_had_recovered():
    kept = np.delete(R, [3, 6])
    assert measured(kept, R - 60)["n_spikes_without_beat"] == 2.0
    # Right behind a beat the ventricles need not answer, and after the last beat nobody knows.
    assert "n_spikes_without_beat" not in measured(R, np.sort(np.concatenate((R - 60, R[:-1] + 200, [9100]))))


@pytest.mark.parametrize(("r", "spikes"), [(R, []), ([600], [540])])
def test_nothing_without_spikes_or_beats(r, spikes):
    assert measured(r, spikes) == {}
