"""P waves and QRS complexes at times of their own: AV blocks as the textbooks draw them, simulated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from tests.reference.ecg_model import (
    LEADS,
    PRESETS,
    EcgSpec,
    _parts_dipole,
    beat_dipole,
    lead_signals,
    rotate_to_axis,
    simulate,
)

FS = 500.0
BLOCKS = {"av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_2_to_1", "av_block_2_advanced", "av_block_3",
          "av_dissociation"}  # fmt: skip


def heart(p_s, qrs_s, rng, *, noise_mv=0.01, spec: EcgSpec = PRESETS["normal"], qt_ms=380.0):
    """Ten seconds with P waves and QRS complexes that begin at the given times."""
    spec = replace(spec, qrs=rotate_to_axis(spec.qrs, spec.axis_deg or 50.0), pr_ms=None)
    t = np.arange(int(10 * FS)) / FS
    dipole = np.zeros((3, len(t)))
    for at in qrs_s:
        dipole += beat_dipole(t, spec, qrs_onset_s=at, qt_ms=qt_ms)
    for at in p_s:
        dipole += _parts_dipole(1000 * (t - at), spec.p)
    signal = lead_signals(dipole)
    return signal + noise_mv * rng.standard_normal(signal.shape)


def analysed(p_s, qrs_s, rng, **how):
    return ee.analyze_ecg(ee.Recording(signal=heart(p_s, qrs_s, rng, **how), fs=FS, leads=LEADS))


def blocks(report):
    return {s.code for s in report.statements} & BLOCKS


def train(pp, first=-0.3):
    return np.arange(first, 10, pp)


@pytest.mark.parametrize("pp", [0.6, 0.7, 0.8, 0.9])
def test_wenckebach_four_to_three(pp, rng):
    p = train(pp)
    q = np.array([at + (0.18, 0.26, 0.31)[i % 4] for i, at in enumerate(p) if i % 4 < 3])
    report = analysed(p, q, rng)
    assert blocks(report) == {"av_block_2_mobitz_1"}
    assert report.urgency.level == "urgent"
    assert report.measurements.get("atrial_bpm") == pytest.approx(60 / pp, rel=0.03)


@pytest.mark.parametrize("pp", [0.7, 0.8, 0.9])
def test_mobitz_two_is_critical(pp, rng):
    p = train(pp)
    report = analysed(p, np.array([at + 0.17 for i, at in enumerate(p) if i % 4 < 3]), rng)
    assert blocks(report) == {"av_block_2_mobitz_2"} and report.urgency.level == "critical"


@pytest.mark.parametrize("pp", [0.6, 0.7, 0.8])
def test_two_to_one(pp, rng):
    p = train(pp)
    report = analysed(p, p[::2] + 0.17, rng)
    codes = {s.code for s in report.statements}
    assert "av_block_2_to_1" in codes and "sinus_bradycardia" not in codes, "the sinus node is not slow"


@pytest.mark.parametrize(("pp", "rr"), [(0.6, 1.55), (0.7, 1.5), (0.8, 1.55), (0.7, 1.3)])
def test_complete_block_is_critical(pp, rr, rng):
    report = analysed(train(pp, -0.2), np.arange(0.3, 10, rr), rng)
    assert blocks(report) == {"av_block_3"} and report.urgency.level == "critical"
    assert not {"atrial_fibrillation", "sinus_rhythm", "sinus_bradycardia"} & {s.code for s in report.statements}


def test_extra_p_peaks_are_where_the_blocked_p_waves_are(rng):
    p = train(0.8)
    report = analysed(p, np.array([at + 0.17 for i, at in enumerate(p) if i % 4 < 3]), rng)
    # The model's P is highest about 50 ms after its onset; one that ends the recording has no beat after it.
    blocked = np.array([at for i, at in enumerate(p) if i % 4 == 3 and at < 9]) + 0.05
    found = report.delineation.extra_p_peaks / FS
    assert len(found) == len(blocked) and np.abs(found - blocked).max() < 0.04


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_without_a_block_none_is_found(name, rng):
    signal, _ = simulate(PRESETS[name], fs=FS, duration_s=10, rng=rng)
    report = ee.analyze_ecg(ee.Recording(signal=signal + 0.01 * rng.standard_normal(signal.shape), fs=FS, leads=LEADS))
    assert not blocks(report) and not len(report.delineation.extra_p_peaks)


def test_blocked_premature_p_is_no_block_of_the_second_degree(rng):
    """It comes before its time, on the T wave, and the sinus node starts anew."""
    p = np.array([0.3, 1.1, 1.9, 2.7, 3.15, 4.0, 4.8, 5.6, 6.4, 7.2, 8.0, 8.8])
    assert not blocks(analysed(p, np.delete(p, 4) + 0.17, rng))


def test_sinus_pause_has_no_p_in_it(rng):
    p = np.array([0.3, 1.1, 1.9, 2.7, 4.9, 5.7, 6.5, 7.3, 8.1, 8.9])
    report = analysed(p, p + 0.17, rng)
    assert not blocks(report) and "sinus_pause" in {s.code for s in report.statements}


def delineated(signal):
    r_peaks = ee.detect_r_peaks(signal, fs=FS)
    return ee.delineate(signal, fs=FS, r_peaks=r_peaks)


#: P waves, every 0.8 s, that a beat follows, of four; all that stand far enough from T to be seen.
KINDS_OF_BLOCK = {"4 to 3": (0.18, 0.26, 0.31, None), "3 to 2": (0.17, 0.17, None), "2 to 1": (0.17, None)}


@pytest.mark.parametrize("leads", [(1,), (0, 1, 6), tuple(range(12))])
@pytest.mark.parametrize("kind", KINDS_OF_BLOCK)
def test_delineate_marks_p_waves_that_belong_to_no_beat(kind, leads, rng):
    delays, p = KINDS_OF_BLOCK[kind], train(0.8)
    after = [delays[i % len(delays)] for i in range(len(p))]
    q = np.array([at + delay for at, delay in zip(p, after, strict=True) if delay is not None])
    found = delineated(heart(p, q, rng)[list(leads)]).extra_p_peaks / FS
    # One before the first or after the last beat that is seen belongs to none that is known.
    first, last = q[q > 0][0], q[q < 9.9][-1]
    blocked = np.array([at + 0.05 for at, delay in zip(p, after, strict=True) if delay is None and first < at < last])
    assert len(found) == len(blocked) and np.abs(found - blocked).max() < 0.04


def test_p_waves_without_beats_are_found_in_long_recordings_too(rng):
    """Sought by the minute: 26 times the same eight seconds."""
    p = train(0.8, 0.1)[:10]
    q = np.array([at + 0.17 for i, at in enumerate(p) if i % 5 != 4])
    once = heart(p, q, rng)[:3, : int(8 * FS)]
    marks = delineated(np.tile(once, 26))
    expected = (np.arange(26) * 8.0)[:, None] + p[[4, 9]] + 0.05
    found = marks.extra_p_peaks / FS
    near = np.abs(found[:, None] - expected.ravel()[None, :]).min(axis=0) < 0.04
    assert near.mean() > 0.95 and len(found) <= expected.size, (near.mean(), len(found), expected.size)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_delineate_finds_none_where_each_p_wave_has_its_beat(name, rng):
    signal, _ = simulate(PRESETS[name], fs=FS, duration_s=30, rng=rng)
    assert not len(delineated(signal + 0.01 * rng.standard_normal(signal.shape)).extra_p_peaks)
