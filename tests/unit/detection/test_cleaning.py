"""Filters are safe for ST: AHA/ACC/HRS 2007 part I, and the impulse of IEC 60601-2-25."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection import delineate, detect_r_peaks, remove_baseline, remove_mains
from ecg_engine.detection.cleaning import clean
from tests.reference.ecg_model import PRESETS, EcgSpec, Noise, simulate

FS = 500.0


def model(spec, seed=3, fs=FS, duration_s=10):
    return simulate(spec, fs=fs, duration_s=duration_s, rng=np.random.default_rng(seed))


def st_samples(truth, n, after_ms, fs=FS):
    at = truth.samples("qrs_offset") + round(after_ms * fs / 1000)
    return at[(truth.samples("qrs_onset") > 0.3 * fs) & (at < n - 0.1 * fs)]


@pytest.mark.parametrize("preset", ["normal", "bradycardia", "inferior_injury", "lbbb", "rbbb"])
@pytest.mark.parametrize("after_ms", [0, 40, 60, 80])
def test_st_moves_by_at_most_25_microvolts_where_there_is_no_wander(preset, after_ms):
    signal, truth = model(PRESETS[preset])
    onsets = delineate(signal, fs=FS, r_peaks=detect_r_peaks(signal, fs=FS)).qrs_onset
    cleaned = clean(signal, fs=FS, qrs_onsets=onsets)
    at = st_samples(truth, signal.shape[1], after_ms)
    assert len(at) >= 5
    assert np.abs(cleaned[:, at] - signal[:, at]).max() <= 0.025


def test_beat_free_impulse_of_the_standard_leaves_nothing_beside_it():
    """IEC 60601-2-25: 3 mV for 100 ms; at most 0.1 mV outside the impulse."""
    signal = np.zeros((1, 5000))
    signal[0, 2500:2550] = 3.0
    onsets = np.zeros(0, np.int64)
    out = clean(signal, fs=FS, qrs_onsets=onsets)
    outside = np.r_[0:2500, 2550:5000]
    assert np.abs(out[0, outside]).max() <= 0.1
    assert np.abs(out[0, 2500:2550] - 3.0).max() <= 0.1


def test_impulse_taken_for_a_beat_leaves_nothing_beside_it():
    signal = np.zeros((1, 5000))
    signal[0, 2500:2550] = 3.0
    r = detect_r_peaks(signal, fs=FS)
    onsets = delineate(signal, fs=FS, r_peaks=r).qrs_onset
    out = clean(signal, fs=FS, qrs_onsets=onsets)
    assert np.abs(out[0, np.r_[0:2500, 2550:5000]]).max() <= 0.1


@pytest.mark.parametrize("offset_ms", range(-400, 401, 25))
def test_impulse_anywhere_on_an_ecg_leaves_at_most_a_tenth_of_a_millivolt_beside_it(offset_ms):
    """The same impulse, from 400 ms before a QRS to 400 ms after it, on the PR knots too."""
    signal, truth = model(EcgSpec(heart_rate_bpm=70, rsa=0.0))
    onsets = truth.samples("qrs_onset")
    onsets = onsets[onsets > 100]
    start = int(onsets[5] + offset_ms * FS / 1000)
    hit = signal.copy()
    hit[:, start : start + 50] += 3.0
    out = remove_baseline(hit, fs=FS, qrs_onsets=onsets)
    plain = remove_baseline(signal, fs=FS, qrs_onsets=onsets)
    outside = np.r_[0:start, start + 50 : signal.shape[1]]
    assert np.abs(out - plain)[:, outside].max() <= 0.1


def test_wander_of_the_standard_is_removed():
    """IEC 60601-2-25 disturbs by 1 mV peak to peak at 0.3 Hz: at ST points a twentieth of it is left at most."""
    signal, truth = model(EcgSpec(heart_rate_bpm=75, rsa=0.01))
    t = np.arange(signal.shape[1]) / FS
    wander = 0.5 * np.sin(2 * np.pi * 0.3 * t + 0.7)
    onsets = truth.samples("qrs_onset")
    onsets = onsets[onsets > 100]
    out = remove_baseline(signal + wander, fs=FS, qrs_onsets=onsets)
    plain = remove_baseline(signal, fs=FS, qrs_onsets=onsets)
    at = st_samples(truth, signal.shape[1], 60)
    at = at[(at > onsets[1]) & (at < onsets[-2])]
    assert np.abs(out - plain)[:, at].max() <= 0.05


@pytest.mark.parametrize("fs", [250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_mains_is_removed_and_nothing_else(fs, mains_hz):
    signal, _ = model(PRESETS["normal"], fs=fs)
    t = np.arange(signal.shape[1]) / fs
    mains = 0.1 * np.sin(2 * np.pi * mains_hz * t + 1.0)
    found = remove_mains(signal + mains, fs=fs)
    assert found.mains_hz == mains_hz
    np.testing.assert_allclose(found.amplitude_mv, 0.1, rtol=0.05)
    assert np.abs(found.signal - signal)[:, int(0.5 * fs) : -int(0.5 * fs)].max() <= 0.012


@pytest.mark.parametrize("seconds", [10, 60])
@pytest.mark.parametrize(
    ("nominal", "off_hz"), [(50, -1.9), (50, -0.5), (50, -0.1), (50, 0.2), (50, 1.0), (60, -1.2), (60, 0.3)]
)
def test_mains_that_strays_is_removed_to_the_ends(nominal, off_hz, seconds):
    """EN 50160 lets a large grid stray by 1 % and a small one by 2 %, at times by 4 %; a device's clock adds to it."""
    signal, _ = model(PRESETS["normal"], duration_s=seconds)
    t = np.arange(signal.shape[1]) / FS
    turns = 2 * np.pi * (nominal + off_hz) * t
    mains = 0.1 * np.sin(turns + 1.0) + 0.02 * np.sin(3 * turns)
    found = remove_mains(signal + mains, fs=FS)
    assert found.mains_hz == nominal
    assert np.abs(found.signal - signal).max() <= 0.15 * np.abs(mains).max()


def test_mains_of_a_grid_whose_frequency_wanders_is_removed():
    """A grid's frequency wanders by some hundredths of a Hz within minutes."""
    signal, _ = model(PRESETS["normal"], duration_s=600)
    t = np.arange(signal.shape[1]) / FS
    mains = 0.1 * np.sin(2 * np.pi * np.cumsum(50.1 + 0.02 * np.sin(2 * np.pi * t / 300)) / FS)
    left = remove_mains(signal + mains, fs=FS).signal - signal
    assert np.sqrt(np.mean(left**2)) <= 0.05 * np.sqrt(np.mean(mains**2))


def test_a_sine_far_from_mains_is_left_alone():
    signal, _ = model(PRESETS["normal"])
    other = signal + 0.1 * np.sin(2 * np.pi * 54.0 * np.arange(signal.shape[1]) / FS)
    found = remove_mains(other, fs=FS)
    assert found.mains_hz is None
    np.testing.assert_array_equal(found.signal, other)


def test_mains_that_drifts_in_amplitude_is_followed():
    signal, _ = model(PRESETS["normal"])
    t = np.arange(signal.shape[1]) / FS
    mains = (0.05 + 0.01 * t) * np.sin(2 * np.pi * 50.02 * t)
    left = remove_mains(signal + mains, fs=FS).signal - signal
    assert np.sqrt(np.mean(left[:, 500:-500] ** 2)) <= 0.1 * np.sqrt(np.mean(mains[500:-500] ** 2))


def test_no_mains_no_change():
    signal, _ = model(PRESETS["normal"])
    found = remove_mains(signal, fs=FS)
    assert found.mains_hz is None
    np.testing.assert_array_equal(found.signal, signal)


def test_muscle_noise_is_not_taken_for_mains():
    spec = EcgSpec(noise=(Noise(muscle_mv=0.05),))
    assert remove_mains(model(spec)[0], fs=FS).mains_hz is None


def test_gaps_stay_gaps():
    signal, truth = model(PRESETS["normal"])
    signal[2, 100:300] = np.nan
    out = clean(signal, fs=FS, qrs_onsets=truth.samples("qrs_onset")[1:])
    assert np.isnan(out[2, 100:300]).all()
    assert not np.isnan(out[1]).any()
