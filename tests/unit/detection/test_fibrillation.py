"""Fast ventricular rhythms: made ones are found, ordinary rhythms are not; gaps, units and long recordings."""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection import fibrillation
from ecg_engine.detection.fibrillation import find_fast_ventricular, see_windows
from ecg_engine.types import Beats

FS = 250.0
LEADS = ("II", "V1")
FAST = {"ventricular_tachycardia", "ventricular_fibrillation"}


def sinus(seconds: float, rng: np.random.Generator, bpm: float = 75.0) -> np.ndarray:
    """P, QRS and T as bells, two leads, with a little noise."""
    t = np.arange(int(seconds * FS)) / FS
    out = rng.normal(0, 0.01, (2, len(t)))
    for at in np.arange(0.4, seconds - 0.3, 60 / bpm):
        for offset, width, one, two in ((-0.16, 0.02, 0.15, 0.08), (0, 0.012, 1.1, -0.8), (0.26, 0.05, 0.3, 0.2)):
            bell = np.exp(-(((t - at - offset) / width) ** 2) / 2)
            out += np.outer((one, two), bell)
    return out


def waves(seconds: float, hz: float, rng: np.random.Generator, jitter: float = 0.0) -> np.ndarray:
    """Even waves without rests: flutter; with their rate and height wandering: fibrillation."""
    n = int(seconds * FS)
    wander = np.convolve(rng.normal(size=n + 250), np.ones(251) / np.sqrt(251), "valid")[:n]
    phase = 2 * np.pi * np.cumsum(hz * (1 + jitter * wander)) / FS
    height = 1 + jitter * np.roll(wander, 40)
    return np.array([0.9 * height * np.sin(phase), 0.7 * height * np.sin(phase + 0.6)]) + rng.normal(0, 0.01, (2, n))


def wide_run(seconds: float, bpm: float, rng: np.random.Generator) -> np.ndarray:
    """Wide beats, each with its T opposite."""
    t = np.arange(int(seconds * FS)) / FS
    out = rng.normal(0, 0.01, (2, len(t)))
    for at in np.arange(0.15, seconds, 60 / bpm):
        out += np.outer((-1.3, 1.1), np.exp(-(((t - at) / 0.045) ** 2) / 2))
        out += np.outer((0.5, -0.4), np.exp(-(((t - at - 0.2) / 0.05) ** 2) / 2))
    return out


def report(signal: np.ndarray) -> ee.EcgReport:
    return ee.analyze_ecg(ee.Recording(signal=signal, fs=FS, leads=LEADS))


def codes(signal: np.ndarray) -> set[str]:
    return {s.code for s in report(signal).statements}


@pytest.mark.parametrize("hz", [3.5, 4.5, 5.5])
def test_fibrillation_after_sinus_rhythm_is_critical(hz, rng):
    got = report(np.hstack([sinus(10, rng), waves(10, hz, rng, 0.05)]))
    assert "ventricular_fibrillation" in {s.code for s in got.statements}
    assert got.urgency.level == "critical"
    assert got.measurements.get("fast_ventricular_bpm") == pytest.approx(60 * hz, rel=0.1)


def test_fibrillation_throughout_is_critical_and_nothing_else_is_said_of_the_rhythm(rng):
    found = codes(waves(12, 5.0, rng, 0.05))
    assert "ventricular_fibrillation" in found
    assert not found & {"atrial_fibrillation", "sinus_rhythm", "undetermined_rhythm", "premature_ventricular_complex"}


@pytest.mark.parametrize("bpm", [150, 180])
def test_a_run_of_wide_beats_is_tachycardia(bpm, rng):
    got = report(np.hstack([sinus(10, rng), wide_run(5, bpm, rng), sinus(5, rng)]))
    assert FAST & {s.code for s in got.statements} and got.urgency.level == "critical"
    assert got.measurements.get("fast_ventricular_bpm") == pytest.approx(bpm, rel=0.1)


@pytest.mark.parametrize("bpm", [50, 75, 110, 150])
def test_sinus_rhythm_of_any_rate_is_none(bpm, rng):
    assert not codes(sinus(20, rng, bpm)) & FAST


def test_noise_in_one_lead_beside_sinus_rhythm_in_the_other_is_none(rng):
    signal = sinus(20, rng)
    signal[1, 2500:] += np.cumsum(rng.normal(0, 0.08, 2500))
    assert not codes(signal) & FAST


def test_leads_that_are_off_are_no_evidence(rng):
    signal = np.vstack([np.zeros(3000), np.full(3000, np.nan)])
    got = report(signal)
    assert got.urgency.level == "unscored" and not {s.code for s in got.statements} & FAST


def test_missing_lead_does_not_hide_fibrillation(rng):
    signal = waves(12, 5.0, rng, 0.05)
    signal[1] = np.nan
    assert "ventricular_fibrillation" in codes(signal)


def test_shorter_than_a_window_says_nothing(rng):
    none = Beats(r_peaks=np.zeros(0, np.int64))
    on = np.array([True, True])
    assert find_fast_ventricular(waves(2, 5.0, rng), fs=FS, beats=none, leads=on) is None
    assert find_fast_ventricular(waves(9, 5.0, rng), fs=FS, beats=none, leads=~on) is None


def test_blocks_leave_nothing_out_and_say_the_same(rng, monkeypatch):
    signal = waves(60, 4.0, rng)
    none = Beats(r_peaks=np.zeros(0, np.int64))
    on = np.array([True, True])
    whole = find_fast_ventricular(signal, fs=FS, beats=none, leads=on)
    monkeypatch.setattr(fibrillation, "VENTRICULAR", type(fibrillation.VENTRICULAR)(block_s=20.0))
    parts = find_fast_ventricular(signal, fs=FS, beats=none, leads=on)
    starts = see_windows(signal, fs=FS, beats=none, leads=on).starts_s
    assert starts[0] == 0 and np.diff(starts).min() > 0 and np.diff(starts).max() < 0.7 and starts[-1] > 56.9
    assert whole is not None and parts is not None
    assert parts.duration_s == pytest.approx(whole.duration_s, abs=0.6)
    assert parts.rate_bpm == pytest.approx(whole.rate_bpm, rel=0.02)


def test_a_window_whose_leads_are_all_gaps_has_no_features(rng):
    signal = sinus(20, rng)
    signal[:, 1500:3500] = np.nan
    seen = see_windows(signal, fs=FS, beats=Beats(r_peaks=np.zeros(0, np.int64)), leads=np.array([True, True]))
    inside = (seen.starts_s > 6.1) & (seen.starts_s < 11)
    assert np.isnan(seen.features[inside]).any(axis=1).all()
    assert np.isfinite(seen.features[seen.starts_s < 3]).all()
