"""R peaks where other detectors fail: flat lines, gaps, polarity, scale, rate, noise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ecg_engine.detection import detect_beats, detect_r_peaks
from ecg_engine.detection.pacing import find_pacing_spikes
from ecg_engine.errors import InputError, SignalError
from tests.reference.ecg_model import PRESETS, EcgSpec, Noise, simulate


def model(spec=PRESETS["normal"], fs=500.0, duration_s=20, seed=4):
    return simulate(spec, fs=fs, duration_s=duration_s, rng=np.random.default_rng(seed))


def inner(marks, n, fs):
    return marks[(marks > 0.2 * fs) & (marks < n - 0.2 * fs)]


def assert_same_beats(found, expected, n, fs, within_s=0.05):
    found, expected = inner(np.asarray(found), n, fs), inner(np.asarray(expected), n, fs)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() <= within_s * fs


@pytest.mark.parametrize("fs", [100.0, 128.0, 250.0, 257.0, 360.0, 500.0, 1000.0, 2000.0])
def test_finds_every_beat_at_any_rate(fs):
    signal, truth = model(fs=fs)
    assert_same_beats(detect_r_peaks(signal, fs=fs), truth.r_peaks, signal.shape[1], fs)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_finds_every_beat_of_every_rhythm(preset):
    signal, truth = model(PRESETS[preset])
    assert_same_beats(detect_r_peaks(signal, fs=500), truth.r_peaks, signal.shape[1], 500)


@pytest.mark.parametrize("lead", range(12))
def test_finds_every_beat_in_each_lead_alone(lead):
    signal, truth = model()
    assert_same_beats(detect_r_peaks(signal[lead], fs=500), truth.r_peaks, signal.shape[1], 500, within_s=0.08)


def test_inverted_lead_gives_the_same_beats():
    signal, _ = model()
    assert detect_r_peaks(-signal[1], fs=500).tolist() == detect_r_peaks(signal[1], fs=500).tolist()


@pytest.mark.parametrize("scale", [1e-6, 0.3, 7.3, 1e3, 1e6])
def test_scaling_does_not_change_the_answer_where_the_unit_is_unknown(scale):
    signal, _ = model()
    expected = detect_r_peaks(signal, fs=500, amplitude_floor_mv=None)
    assert detect_r_peaks(signal * scale, fs=500, amplitude_floor_mv=None).tolist() == expected.tolist()


def test_qrs_below_a_tenth_of_a_millivolt_is_no_beat():
    signal, truth = model()
    swing = np.ptp(signal[1])
    assert len(detect_r_peaks(signal[1] * 0.09 / swing, fs=500)) == 0
    assert len(detect_r_peaks(signal[1] * 0.12 / swing, fs=500)) >= len(truth.r_peaks) - 2


@pytest.mark.parametrize("offset", [-40.0, 5.0, 40.0])
def test_offset_does_not_change_the_answer(offset):
    signal, _ = model()
    np.testing.assert_allclose(detect_r_peaks(signal[1] + offset, fs=500), detect_r_peaks(signal[1], fs=500), atol=1)


@pytest.mark.parametrize("value", [0.0, 3.3, -1e4])
def test_flat_line_has_no_beats(value):
    assert len(detect_r_peaks(np.full(5000, value), fs=500)) == 0


def test_step_is_at_most_one_beat():
    assert len(detect_r_peaks(np.r_[np.zeros(20000), np.ones(20000)], fs=360)) <= 1


def test_one_nan_changes_no_beat():
    signal, truth = model()
    signal[1, 5003] = np.nan
    assert_same_beats(detect_r_peaks(signal[1], fs=500), truth.r_peaks, signal.shape[1], 500)


def test_lead_of_nan_does_not_silence_the_others():
    signal, truth = model()
    signal[3] = np.nan
    beats = detect_beats(signal, fs=500)
    assert_same_beats(beats.r_peaks, truth.r_peaks, signal.shape[1], 500)
    assert 3 not in beats.leads


def test_second_of_nan_costs_its_own_beats_only():
    signal, truth = model()
    signal[:, 4000:4500] = np.nan
    beats = detect_beats(signal, fs=500)
    expected = truth.r_peaks[(truth.r_peaks < 3950) | (truth.r_peaks > 4550)]
    found = beats.r_peaks[(beats.r_peaks < 3950) | (beats.r_peaks > 4550)]
    assert_same_beats(found, expected, signal.shape[1], 500)
    assert beats.gaps == ((4000, 4500),)
    assert not ((beats.r_peaks >= 4000) & (beats.r_peaks < 4500)).any()


@pytest.mark.parametrize("seconds", [2.1, 6.0, 40.0])
@pytest.mark.parametrize("leads", [1, 2, 12])
def test_after_a_long_gap_of_all_leads_each_beat_is_found(leads, seconds):
    spec = EcgSpec(noise=(Noise(muscle_mv=0.02),))
    for seed in range(5):
        signal, truth = model(spec, duration_s=40 + seconds, seed=seed)
        start, stop = 20 * 500 + 37 * seed, int((20 + seconds) * 500) + 37 * seed
        signal = signal[12 - leads :].copy()
        signal[:, start:stop] = np.nan
        found = detect_r_peaks(signal, fs=500)
        assert not ((found >= start) & (found < stop)).any()
        # The beat that the gap cuts may be lost with it.
        away = [r[(r < start - 100) | (r > stop + 100)] for r in (found, truth.r_peaks)]
        assert_same_beats(*away, signal.shape[1], 500, within_s=0.08)


def test_lead_that_turns_to_noise_stops_voting(rng):
    signal, truth = model()
    signal = signal[:3].copy()
    signal[0, 5000:] += 1.5 * rng.standard_normal(5000)
    assert_same_beats(detect_r_peaks(signal, fs=500), truth.r_peaks, signal.shape[1], 500)


def test_order_of_leads_does_not_matter():
    signal, _ = model()
    assert detect_r_peaks(signal[::-1].copy(), fs=500).tolist() == detect_r_peaks(signal, fs=500).tolist()


def test_peaks_increase_and_no_beat_is_found_twice(rng):
    for ecg in (rng.standard_normal(20000), np.tile(np.r_[np.arange(10), 0.0], 2000), model()[0][1]):
        r = detect_r_peaks(ecg, fs=500)
        assert (np.diff(r) >= 0.18 * 500).all()


def test_clean_signal_of_1000_hz_and_140_a_minute():
    signal, truth = model(EcgSpec(heart_rate_bpm=140, pr_ms=120), fs=1000.0)
    assert_same_beats(detect_r_peaks(signal, fs=1000), truth.r_peaks, signal.shape[1], 1000)


def test_muscle_noise_and_mains(rng):
    spec = EcgSpec(noise=(Noise(muscle_mv=0.08, mains_mv=0.1, wander_mv=0.5),))
    signal, truth = model(spec)
    assert_same_beats(detect_r_peaks(signal, fs=500), truth.r_peaks, signal.shape[1], 500)


def test_pacing_spikes_are_reported_and_are_no_beats():
    signal, truth = model(PRESETS["paced"])
    beats = detect_beats(signal, fs=500)
    assert_same_beats(beats.r_peaks, truth.r_peaks, signal.shape[1], 500)
    spikes = (truth.r_peaks[1:-1, None] - beats.pacing_spikes[None]).astype(float)
    nearest = np.where(spikes > 0, spikes, np.inf).min(axis=1)
    assert (nearest <= 0.15 * 500).all()


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - {"paced"}))
def test_a_narrow_qrs_is_no_pacing_spike(preset):
    assert len(find_pacing_spikes(model(PRESETS[preset])[0], fs=500.0)) == 0


@pytest.mark.parametrize(
    "ecg", [np.zeros(0), np.full(500, np.nan), np.full(500, np.inf), np.zeros((2, 2, 50)), np.array(["a", "b"])]
)
def test_what_is_no_signal_is_refused(ecg):
    with pytest.raises(SignalError):
        detect_r_peaks(ecg, fs=500)


@pytest.mark.parametrize("fs", [0, -1, float("nan"), float("inf"), "x", 1.0, 1e9])
def test_what_is_no_rate_is_refused(fs):
    with pytest.raises(InputError, match="fs"):
        detect_r_peaks(np.zeros(500), fs=fs)


def between(spec, noise_mv, seed=4):
    """Return how many beats are found more than there are in a lead with waves between, in white noise of so much."""
    signal, truth = model(spec, fs=250.0, duration_s=60, seed=seed)
    x = signal[1] + noise_mv * np.random.default_rng(seed).standard_normal(signal.shape[1])
    for k in range(1, len(truth.r_peaks) - 1, 3):  # every third interval holds a bump of 60 ms as an electrode makes
        at = (truth.r_peaks[k] + truth.r_peaks[k + 1]) // 2 + 10
        x[at : at + 15] += 0.8 * np.sin(np.pi * np.arange(15) / 15)
    return len(detect_r_peaks(x, fs=250.0)) - len(truth.r_peaks)


def test_in_noise_a_lower_wave_that_splits_an_even_rhythm_is_no_beat():
    assert between(EcgSpec(heart_rate_bpm=70), 0.15) <= 4


def test_in_little_noise_the_same_wave_may_be_a_beat():
    assert between(EcgSpec(heart_rate_bpm=70), 0.03) >= 15


@pytest.mark.parametrize("noise_mv", [0.2, 0.25])
def test_in_strong_noise_waves_like_a_qrs_are_told_by_the_even_rhythm(noise_mv):
    # Every third interval holds one more QRS, anywhere in its middle: 140 in all.
    half, false = 12, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        signal, truth = model(EcgSpec(heart_rate_bpm=70), fs=250.0, duration_s=60, seed=seed)
        x = signal[1] + noise_mv * rng.standard_normal(signal.shape[1])
        for r, after in list(itertools.pairwise(truth.r_peaks))[2::3]:
            at = int(r + rng.uniform(0.3, 0.7) * (after - r))
            x[at - half : at + half] += signal[1, r - half : r + half] - np.median(signal[1])
        found = detect_r_peaks(x, fs=250.0)
        missed = sum(np.abs(found - r).min() > 20 for r in truth.r_peaks)
        false += len(found) + missed - len(truth.r_peaks)
        assert missed <= 1
    assert false <= 30


def test_in_strong_noise_beats_of_an_uneven_rhythm_stay():
    signal, truth = model(PRESETS["fibrillation"], fs=250.0, duration_s=60)
    x = signal[1] + 0.2 * np.random.default_rng(2).standard_normal(signal.shape[1])
    found = detect_r_peaks(x, fs=250.0)
    assert all(np.abs(found - r).min() <= 20 for r in truth.r_peaks)


@pytest.mark.parametrize("noise_mv", [0.0, 0.05, 0.1, 0.15])
def test_interpolated_beats_as_high_as_the_others_stay_in_noise(noise_mv):
    # Every third beat stands in the middle of a sinus interval: noise must not hide it.
    spec = EcgSpec(rr_s=(0.9, 0.9, 0.9, 0.45, 0.45))
    signal, truth = model(spec, fs=250.0, duration_s=60)
    x = signal[1] + noise_mv * np.random.default_rng(1).standard_normal(signal.shape[1])
    assert_same_beats(detect_r_peaks(x, fs=250.0), truth.r_peaks, len(x), 250.0, within_s=0.08)
