"""Atrial waves between the QRS complexes, on simulated hearts whose atria are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection.whole import see
from tests.reference.ecg_model import LEAD_MATRIX, LEADS, PRESETS, simulate

FS = 500.0


def seen(signal):
    return see(signal, fs=FS, leads=LEADS)


def flutter(bpm, ratio, rng, *, duration_s=10.0, variable=False):
    """Ventricles at a fraction of a saw-tooth's rate, without P."""
    period = 60 / bpm
    rr = tuple(period * r for r in (rng.choice([2, 3, 4], 40) if variable else [ratio] * 40))
    spec = replace(PRESETS["normal"], pr_ms=None, rr_s=rr, rsa=0.0, t_mv=(0.1, 0.12, 0.05), qt_ms=340.0)
    signal, _ = simulate(spec, fs=FS, duration_s=duration_s, rng=rng)
    t = np.arange(signal.shape[1]) / FS
    phase = (t / period) % 1.0
    saw = np.where(phase < 0.75, phase / 0.75, (1 - phase) / 0.25) - 0.5
    return signal + LEAD_MATRIX @ np.outer((0.02, -0.2, 0.08), saw)


@pytest.mark.parametrize(("bpm", "ratio"), [(300, 2), (260, 2), (300, 3), (280, 4)])
def test_flutter_with_a_fixed_ratio_is_found_with_its_rate(bpm, ratio, rng):
    signal = flutter(bpm, ratio, rng)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=FS, leads=LEADS))
    assert report.measurements.get("flutter_bpm") == pytest.approx(bpm, rel=0.05)
    assert report.measurements.get("flutter_ratio") == pytest.approx(ratio, abs=0.15)
    assert "atrial_flutter" in {s.code for s in report.statements}


def test_flutter_with_a_changing_ratio_is_not_fibrillation(rng):
    report = ee.analyze_ecg(ee.Recording(signal=flutter(290, 2, rng, variable=True), fs=FS, leads=LEADS))
    codes = {s.code for s in report.statements}
    assert "atrial_flutter" in codes and "atrial_fibrillation" not in codes


@pytest.mark.parametrize("name", ["normal", "bradycardia", "tachycardia", "av_block_1", "lbbb", "rbbb"])
def test_sinus_rhythm_has_no_flutter_and_no_fibrillation_waves(name, rng):
    signal, _ = simulate(PRESETS[name], fs=FS, duration_s=10, rng=rng)
    atria = seen(signal + 0.005 * rng.standard_normal(signal.shape)).atria
    assert atria is not None and atria.flutter_evenness < 0.5 and atria.f_wave_share < 0.4


@pytest.mark.parametrize("bpm", [330, 390, 450])
def test_fibrillation_waves_have_their_rate(bpm, rng):
    signal, _ = simulate(replace(PRESETS["fibrillation"], f_rate_bpm=float(bpm)), fs=FS, duration_s=10, rng=rng)
    atria = seen(signal).atria
    assert atria is not None and atria.f_wave_share > 0.3
    assert atria.f_wave_bpm == pytest.approx(bpm, rel=0.2)


def test_too_few_beats_show_no_atria(rng):
    signal, _ = simulate(PRESETS["normal"], fs=FS, duration_s=2.5, rng=rng)
    assert seen(signal).atria is None
