"""Quality of leads and classes of beats on signals whose faults are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection import classify_beats, detect_r_peaks, measure_quality, median_beat
from ecg_engine.detection.pacing import find_pacing_spikes
from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, Noise, simulate


def model(spec=PRESETS["normal"], seed=4, duration_s=10):
    return simulate(spec, fs=500.0, duration_s=duration_s, rng=np.random.default_rng(seed))


def judged(signal):
    return measure_quality(signal, fs=500.0, leads=LEADS, r_peaks=detect_r_peaks(signal, fs=500.0))


def test_clean_leads_are_usable():
    quality = judged(model()[0] + 0.002 * np.random.default_rng(1).standard_normal((12, 5000)))
    assert quality.acceptable and quality.usable_leads == LEADS
    assert all(lead.reasons == () for lead in quality.by_lead.values())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda x, rng: x * 0, "flat"),
        (lambda x, rng: x * 0 + 2.5, "flat"),
        (lambda x, rng: x * np.nan, "missing"),
        (lambda x, rng: np.where(np.arange(5000) % 10 < 3, np.nan, x), "gaps"),
        (lambda x, rng: np.clip(x, -0.1, 0.3), "clipped"),
        (lambda x, rng: x + 0.6 * rng.standard_normal(5000), "noisy"),
    ],
)
def test_spoilt_lead_is_not_usable_and_says_why(spoil, reason, rng):
    signal = model()[0]
    signal[7] = spoil(signal[7], rng)
    quality = judged(signal)
    assert not quality.by_lead["V2"].usable
    assert reason in quality.by_lead["V2"].reasons
    assert set(quality.usable_leads) == set(LEADS) - {"V2"}


def test_lead_that_rests_at_its_own_minimum_is_not_clipped():
    signal = np.round(np.abs(model()[0]), 2)
    assert all("clipped" not in lead.reasons for lead in judged(signal).by_lead.values())


def test_wander_and_mains_are_said_but_do_not_exclude():
    signal = model()[0]
    t = np.arange(5000) / 500
    signal[6] += 1.0 * np.sin(2 * np.pi * 0.2 * t)
    signal[8] += 0.1 * np.sin(2 * np.pi * 50 * t)
    quality = judged(signal)
    assert "baseline_wander" in quality.by_lead["V1"].reasons and quality.by_lead["V1"].usable
    assert "mains" in quality.by_lead["V3"].reasons and quality.by_lead["V3"].usable
    assert quality.by_lead["V3"].mains_mv == pytest.approx(0.1, rel=0.05)


def test_nothing_usable_is_not_acceptable():
    quality = judged(np.zeros((12, 5000)))
    assert not quality.acceptable and quality.reasons == ("no_usable_lead",)


def test_few_usable_leads_are_not_acceptable():
    signal = model()[0]
    signal[2:9] = 0.0
    quality = judged(signal)
    assert not quality.acceptable and quality.reasons == ("few_usable_leads",)


def test_premature_ventricular_beats_are_v_and_the_rest_n():
    kinds = ("N", "N", "N", "V", "N", "N", "N")
    rr = (0.8, 0.8, 0.5, 1.1, 0.8, 0.8, 0.8)
    signal, truth = model(EcgSpec(rr_s=rr, kinds=kinds, rsa=0.0), duration_s=32)
    r = detect_r_peaks(signal, fs=500)
    found = classify_beats(signal, fs=500, r_peaks=r)
    true = np.array(truth.kinds)
    assert len(r) == len(truth.r_peaks)
    assert (found == true).mean() >= 0.95
    assert (found[true == "V"] == "V").all()


def test_breathing_is_not_premature():
    signal, _ = model(EcgSpec(rsa=0.10, heart_rate_bpm=65), duration_s=30)
    r = detect_r_peaks(signal, fs=500)
    assert set(classify_beats(signal, fs=500, r_peaks=r)) == {"N"}


def test_premature_beats_of_the_usual_shape_are_s():
    rr = (0.85,) * 5 + (0.5, 1.1)
    signal, _ = model(EcgSpec(rr_s=rr, rsa=0.0), duration_s=30)
    r = detect_r_peaks(signal, fs=500)
    found = classify_beats(signal, fs=500, r_peaks=r)
    early = np.flatnonzero(np.diff(r) / 500 < 0.6) + 1
    assert early.size >= 3
    assert (found[early] == "S").all() and (np.delete(found, early) == "N").all()


def test_a_run_of_early_beats_is_s_until_it_ends():
    """Paroxysmal supraventricular tachycardia: it begins and ends from one beat to the next."""
    rr = (0.85,) * 12 + (0.42,) * 12
    signal, _ = model(EcgSpec(rr_s=rr, rsa=0.0), duration_s=45)
    r = detect_r_peaks(signal, fs=500)
    fast = np.flatnonzero(np.diff(r) / 500 < 0.6) + 1
    assert fast.size >= 24
    found = classify_beats(signal, fs=500, r_peaks=r)
    assert (found[fast] == "S").all() and (np.delete(found, fast) == "N").all()


def test_a_faster_sinus_rhythm_is_no_run():
    rr = tuple(np.r_[np.full(10, 0.9), np.linspace(0.9, 0.5, 25), np.full(10, 0.5), np.linspace(0.5, 0.9, 25)])
    signal, _ = model(EcgSpec(rr_s=rr, rsa=0.0), duration_s=60)
    assert set(classify_beats(signal, fs=500, r_peaks=detect_r_peaks(signal, fs=500))) == {"N"}


@pytest.mark.parametrize("preset", ["rbbb", "lbbb"])
def test_a_wide_beat_that_is_the_patients_own_is_n(preset):
    signal, _ = model(PRESETS[preset], duration_s=30)
    assert set(classify_beats(signal, fs=500, r_peaks=detect_r_peaks(signal, fs=500))) == {"N"}


def test_paced_beats_are_q():
    signal, _ = model(PRESETS["paced"])
    r = detect_r_peaks(signal, fs=500)
    assert (classify_beats(signal, fs=500, r_peaks=r)[1:-1] == "Q").all()


def test_median_beat_loses_the_noise_and_keeps_the_beat():
    spec = replace(PRESETS["normal"], rsa=0.0)
    clean, truth = model(spec, duration_s=30)
    noisy, _ = model(replace(spec, noise=(Noise(muscle_mv=0.05),)), duration_s=30)
    r = truth.r_peaks[1:-1]
    one, other = median_beat(clean, fs=500.0, r_peaks=r), median_beat(noisy, fs=500.0, r_peaks=r)
    assert one is not None and other is not None
    assert one.n_beats == len(r)
    left = (other.signal - one.signal)[:, 50:-50]
    assert left.std() <= 0.05 * 1.6 / np.sqrt(len(r)) + 0.005


def test_median_of_no_beats_is_none():
    assert median_beat(np.zeros((1, 500)), fs=500.0, r_peaks=np.zeros(0, np.int64)) is None


def test_deep_breathing_is_not_premature_either():
    """RR falls below 0.85 of its running median in each breath, but no farther than it always sways."""
    signal, truth = model(EcgSpec(rsa=0.18, respiration_bpm=7, heart_rate_bpm=65), duration_s=60)
    rr = np.diff(truth.r_peaks)
    assert (rr < 0.85 * np.median(rr)).any()
    r = detect_r_peaks(signal, fs=500)
    assert set(classify_beats(signal, fs=500, r_peaks=r)) == {"N"}


def test_median_beat_is_sharp_where_r_peaks_are_marked_unevenly(rng):
    signal, truth = model(replace(PRESETS["normal"], rsa=0.0), duration_s=20)
    r = truth.r_peaks[1:-1]
    sharp = median_beat(signal, fs=500.0, r_peaks=r)
    uneven = median_beat(signal, fs=500.0, r_peaks=r + rng.integers(-8, 9, len(r)))
    assert sharp is not None and uneven is not None
    np.testing.assert_allclose(np.ptp(uneven.signal, axis=1), np.ptp(sharp.signal, axis=1), rtol=0.03)


@pytest.mark.parametrize(("leads", "n_spikes"), [((3,), 0), ((3, 7), 1), (tuple(range(12)), 1)])
def test_a_spike_in_one_lead_of_twelve_is_no_pacing(leads, n_spikes):
    signal, truth = model()
    at = int(truth.r_peaks[3]) - 100
    for lead in leads:
        signal[lead, at] += 2.0
    assert len(find_pacing_spikes(signal, fs=500.0)) == n_spikes


@pytest.mark.parametrize("pr_ms", [230.0, 280.0])
def test_the_median_beat_reaches_to_a_p_on_the_t_before(pr_ms, rng):
    """A first-degree block at 98 per minute: P lies farther before R than half of RR less the QRS."""
    spec = replace(PRESETS["normal"], heart_rate_bpm=98.0, pr_ms=pr_ms, rsa=0.0)
    signal, _ = simulate(spec, fs=500.0, duration_s=10, rng=rng)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=500.0, leads=LEADS))
    assert report.measurements.get("pr_ms") == pytest.approx(pr_ms, abs=12)
    assert "av_block_1" in {s.code for s in report.statements}
