"""When a lead is bad, and how the whole is scored, on signals whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection import detect_r_peaks, measure_quality
from ecg_engine.detection.quality_score import FAULTS, load_weights
from tests.reference.ecg_model import LEADS, PRESETS, simulate


def model(duration_s=12.0, fs=500.0):
    rng = np.random.default_rng(3)
    signal = simulate(PRESETS["normal"], fs=fs, duration_s=duration_s, rng=rng)[0]
    return signal + 0.004 * rng.standard_normal(signal.shape)


def judged(signal, fs=500.0, leads=LEADS):
    return measure_quality(signal, fs=fs, leads=leads, r_peaks=detect_r_peaks(signal, fs=fs))


def mains(n, fs=500.0):
    return 0.2 * np.sin(2 * np.pi * 50 * np.arange(n) / fs)


def drawn(n, kind):
    rng = np.random.default_rng(8)
    rise = np.linspace(0, 1, n)
    return {
        "gaps": lambda x: x * np.nan,
        "flat": lambda x: x * 0 + 0.3,
        "saturated": lambda x: x * 0 + 12.0,
        "baseline_wander": lambda x: x + 4 * np.sin(np.pi * rise),
        "mains": lambda x: x + mains(n),
        "noisy": lambda x: x + 0.3 * rng.standard_normal(n),
        "lead_off": lambda x: x + 15 * np.sign(np.sin(20 * np.pi * rise)),
    }[kind]


@pytest.mark.parametrize("kind", ["gaps", "flat", "saturated", "baseline_wander", "mains", "noisy", "lead_off"])
def test_a_lead_that_turns_bad_is_named_with_its_time(kind):
    signal = model()
    first, stop = 4, 8
    piece = slice(first * 500, stop * 500)
    signal[9, piece] = drawn(2000, kind)(signal[9, piece])
    quality = judged(signal)
    found = [s for s in quality.by_lead["V4"].spells if s.reason == kind]
    assert found, quality.by_lead["V4"].spells
    assert first - 1 <= found[0].start_s <= first + 1 and stop - 1 <= found[-1].stop_s <= stop + 1
    # Mains is removed by windows of 2 s: half of one reaches over.
    assert all(not quality.by_lead[name].spells for name in LEADS if name != "V4")


def test_a_record_filled_up_with_its_last_sample_is_not_clipped():
    """PTB-XL ends so: all leads rest on their last sample for 0.1 s, wherever it was."""
    signal = model()
    signal[9, -200:] += np.linspace(0, 4, 200)
    signal[:, -60:] = signal[:, -61:-60]
    lead = judged(signal).by_lead["V4"]
    assert lead.usable and "clipped" not in {s.reason for s in lead.spells} | set(lead.reasons)
    # One lead that rests alone is at a limit.
    alone = model()
    alone[9, -200:] += np.linspace(0, 4, 200)
    alone[9, -60:] = alone[9].max()
    assert "clipped" in judged(alone).by_lead["V4"].reasons


def test_clipped_seconds_are_those_of_the_tops_cut_off():
    signal = model()
    signal[9, 3000:] = np.minimum(signal[9, 3000:], 0.4)
    signal[9, :3000] *= 0.3
    found = [s for s in judged(signal).by_lead["V4"].spells if s.reason == "clipped"]
    assert found and min(s.start_s for s in found) >= 6


def test_a_clean_recording_has_no_spells():
    assert all(lead.spells == () for lead in judged(model()).by_lead.values())


def test_a_spell_ends_with_the_recording():
    signal = model(10.4)
    signal[2, 4000:] = 0.1
    (spell,) = [s for s in judged(signal).by_lead["III"].spells if s.reason == "flat"]
    assert (spell.start_s, spell.stop_s) == (8.0, 10.4)


def test_long_recordings_say_the_times_of_the_whole():
    fs = 100.0
    signal = np.tile(model(60.0, fs)[[1]], 30)
    # Over the border between two blocks at 600, 900 or 1200 s whatever their length is.
    signal[0, 59_000:91_000] += 0.4 * np.random.default_rng(2).standard_normal(32_000)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=fs, leads=("II",)))
    noisy = [s for s in report.quality.by_lead["II"].spells if s.reason == "noisy"]
    assert max(s.stop_s - s.start_s for s in noisy) > 100
    assert min(s.start_s for s in noisy) == pytest.approx(590, abs=3)
    assert max(s.stop_s for s in noisy) == pytest.approx(910, abs=3)


def test_score_falls_with_every_fault_and_lies_between_0_and_1():
    clean = judged(model()).score
    assert 0.8 < clean <= 1.0
    for kind in ("flat", "baseline_wander", "noisy"):
        signal = model()
        signal[9] = drawn(6000, kind)(signal[9])
        one = judged(signal).score
        signal[:] = [drawn(6000, kind)(row) for row in model()]
        every = judged(signal).score
        assert 0.0 <= every < one < clean, kind


def test_every_weight_makes_what_is_worse_count_as_worse():
    known = load_weights()
    assert len(known.worst) == len(known.mean) == len(FAULTS)
    assert min(known.worst) > 0 and min(known.mean) > 0


@pytest.mark.parametrize("rows", [(1,), (0, 1, 6, 7, 8, 9, 10, 11)])
def test_fewer_leads_are_scored_too(rows):
    rows = list(rows)
    clean = model()
    noisy = clean + 0.5 * np.random.default_rng(1).standard_normal(clean.shape)
    names = [LEADS[i] for i in rows]
    assert judged(clean[rows], leads=names).score > 0.8 > 0.5 > judged(noisy[rows], leads=names).score


@pytest.mark.parametrize("fs", [125.0, 250.0, 1000.0])
def test_score_does_not_hang_on_the_rate(fs):
    assert judged(model(fs=fs), fs=fs).score == pytest.approx(judged(model()).score, abs=0.05)


def test_lost_lead_is_a_statement_with_its_time():
    signal = model()
    signal[9, 2000:4500] = 0.2
    (said,) = [
        s
        for s in ee.analyze_ecg(ee.Recording(signal=signal, fs=500.0, leads=LEADS)).statements
        if s.code == "lead_lost"
    ]
    assert said.leads == ("V4",)
    assert [(e.measurement, e.value) for e in said.evidence] == [("lost_from_s", 4.0), ("lost_to_s", 9.0)]
