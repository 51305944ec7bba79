"""R peaks from a stream: when they come, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine import RPeakDetector, detect_r_peaks
from ecg_engine.errors import InputError, SignalError
from tests.reference.ecg_model import PRESETS
from tests.unit.detection.test_r_peaks import model


@pytest.mark.parametrize("fs", [250.0, 360.0, 500.0])
def test_a_beat_comes_within_a_second_once_four_are_in(fs):
    signal, _ = model(PRESETS["normal"], fs=fs, duration_s=30)
    detector = RPeakDetector(fs=fs)
    step = int(0.05 * fs)
    late, n = [], 0
    for at in range(0, signal.shape[1], step):
        found = detector.push(signal[:, at : at + step])
        n += len(found)
        late += [(at + step - r) / fs for r in found if r > 4 * fs]
    assert len(late) > 20 and max(late) < 1.0
    assert n + len(detector.finish()) == len(detect_r_peaks(signal, fs=fs))


def test_in_strong_noise_a_beat_comes_within_two_seconds_and_a_half(rng):
    signal, _ = model(PRESETS["normal"], fs=250.0, duration_s=60)
    x = signal[1] + 0.2 * rng.standard_normal(signal.shape[1])
    detector = RPeakDetector(fs=250.0)
    late = [(at + 10 - r) / 250 for at in range(0, len(x), 10) for r in detector.push(x[at : at + 10]) if r > 1000]
    assert len(late) > 50 and 1.0 < np.median(late) < max(late) < 2.5


def test_samples_of_other_kinds_are_the_same_beats():
    signal = np.round(1000 * model(PRESETS["normal"])[0][1])
    expected = detect_r_peaks(signal, fs=500.0).tolist()
    assert detect_r_peaks(signal.astype(np.float32), fs=500.0).tolist() == expected
    detector = RPeakDetector(fs=500.0)
    parts = [detector.push(part) for part in np.array_split(signal.astype(np.int16), 7)]
    assert np.concatenate([*parts, detector.finish()]).tolist() == expected


def test_what_is_wrong_is_refused():
    with pytest.raises(InputError):
        RPeakDetector(fs=0)
    detector = RPeakDetector(fs=250)
    with pytest.raises(SignalError):
        detector.finish()
    assert len(detector.push(np.zeros(0))) == 0
    detector.push(np.zeros((2, 100)))
    with pytest.raises(InputError, match="3 leads where the first had 2"):
        detector.push(np.zeros((3, 100)))
    with pytest.raises(SignalError):
        detector.push(np.full((2, 10), np.inf))
    assert len(detector.finish()) == 0 and len(detector.finish()) == 0
    with pytest.raises(InputError, match="finished"):
        detector.push(np.zeros((2, 100)))


def test_a_gap_before_the_first_sample_is_no_beat():
    detector = RPeakDetector(fs=250)
    assert len(detector.push(np.full(3000, np.nan))) + len(detector.finish()) == 0
