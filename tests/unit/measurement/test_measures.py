"""Measurements of an analytic ECG against its own exact truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, simulate

FS = 500.0
#: IEC 60601-2-25: amplitudes above 0.5 mV within 5 % or 40 µV, below within 25 µV.
SMALL_MV, LARGE_MV = 0.025, 0.04


def analysed(spec, seed=11, **source):
    signal, truth = simulate(spec, fs=FS, duration_s=10, rng=np.random.default_rng(seed))
    rng = np.random.default_rng(1)
    signal = signal + 0.002 * rng.standard_normal(signal.shape)
    recording = ee.Recording(signal=signal, fs=FS, leads=LEADS, source=ee.Source(**source))
    return ee.analyze_ecg(recording), truth


FILTERS = ee.Filters(highpass_hz=0.05, lowpass_hz=150.0)


@pytest.mark.parametrize("bpm", [45, 70, 110, 150])
def test_heart_rate(bpm):
    report, truth = analysed(EcgSpec(heart_rate_bpm=bpm, pr_ms=130, qt_ms=390))
    assert report.measurements.get("heart_rate_bpm") == pytest.approx(truth.heart_rate_bpm, abs=1.0)


@pytest.mark.parametrize("pr_ms", [130.0, 160.0, 200.0, 260.0, 320.0])
def test_pr(pr_ms):
    report, _ = analysed(EcgSpec(pr_ms=pr_ms, heart_rate_bpm=60))
    assert report.measurements.get("pr_ms") == pytest.approx(pr_ms, abs=10)


@pytest.mark.parametrize("axis", [-75.0, -45.0, -20.0, 0.0, 30.0, 60.0, 85.0, 110.0, 150.0])
def test_qrs_axis(axis):
    report, _ = analysed(EcgSpec(axis_deg=axis))
    assert report.measurements.get("qrs_axis_deg") == pytest.approx(axis, abs=5)


@pytest.mark.parametrize("preset", ["normal", "inferior_injury"])
@pytest.mark.parametrize("code", ["st_j40_mv", "st_j60_mv"])
def test_st_level_of_every_lead(preset, code):
    """The model holds its ST level from J to the T wave; 25 µV is what the filters may move."""
    spec = replace(PRESETS[preset], t_part=0.40)
    report, truth = analysed(spec, filters=FILTERS)
    for lead in LEADS:
        assert report.measurements.get(code, lead) == pytest.approx(truth.st_mv[LEADS.index(lead)], abs=0.025), lead


def test_amplitudes_of_every_lead():
    spec = replace(PRESETS["normal"], rsa=0.0)
    report, truth = analysed(spec, filters=FILTERS)
    for i, lead in enumerate(LEADS):
        onset, offset = truth.samples("qrs_onset")[5], truth.samples("qrs_offset")[5]
        true = np.ptp(truth.clean[i, onset : offset + 1])
        within = SMALL_MV if true < 0.5 else max(LARGE_MV, 0.05 * true)
        assert report.measurements.get("qrs_pp_mv", lead) == pytest.approx(true, abs=within), lead


def test_einthoven_holds_for_the_amplitudes():
    report, _ = analysed(PRESETS["normal"], filters=FILTERS)
    one, two, three = (report.measurements.get("st_j60_mv", lead) for lead in ("I", "II", "III"))
    assert one + three == pytest.approx(two, abs=0.01)


def test_fibrillation_has_no_p_measurements():
    report, _ = analysed(PRESETS["fibrillation"])
    for code in ("pr_ms", "p_duration_ms", "p_axis_deg"):
        assert report.measurements.get(code) is None
    assert "no_p_wave" in {note.code for note in report.notes}


def test_high_pass_above_a_twentieth_of_a_hertz_leaves_no_st():
    report, _ = analysed(PRESETS["inferior_injury"], filters=ee.Filters(highpass_hz=0.5))
    assert all(not code.startswith("st_") for lead in report.measurements.by_lead.values() for code in lead)
    assert not {"st_elevation", "st_elevation_mi"} & {s.code for s in report.statements}
    assert "st_filtered" in {note.code for note in report.notes}
