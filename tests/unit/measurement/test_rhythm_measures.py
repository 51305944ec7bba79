"""Premature beats by their intervals: definitions of textbooks, on made rows of beats."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection.ectopy import confirm_ventricular
from ecg_engine.measurement.rhythm_measures import longest_chain, measure_ectopy
from ecg_engine.types import Beats, Delineation

FS = 500.0


def measured(rr_ms, kinds, widths=None):
    r = np.cumsum(np.concatenate(([300], np.array(rr_ms) / 2))).astype(np.int64)
    assert len(r) == len(kinds)
    none = np.full(len(r), -1)
    marks = None
    if widths is not None:
        onset = r - 20
        marks = Delineation(
            p_onset=none, p_peak=none, p_offset=none, qrs_onset=onset,
            qrs_offset=onset + (np.array(widths) / 2).astype(np.int64), t_onset=none, t_peak=none, t_offset=none,
        )  # fmt: skip
    return measure_ectopy(Beats(r_peaks=r, kinds=np.array(list(kinds))), marks, FS)


def test_ventricular_extrasystole_with_a_full_compensatory_pause():
    found = measured([800, 800, 500, 1100, 800, 800], "NNNVNNN", [90, 90, 90, 150, 90, 90, 90])
    assert found == {
        "n_premature_ventricular": 1.0, "premature_ventricular_rr_ms": 500.0,
        "premature_ventricular_pause_percent": 100.0, "premature_ventricular_qrs_ms": 150.0,
    }  # fmt: skip


def test_interpolated_ventricular_extrasystole_is_premature_without_a_pause():
    found = measured([800, 800, 380, 420, 800, 800], "NNNVNNN", [90, 90, 90, 150, 90, 90, 90])
    assert found["n_premature_ventricular"] == 1.0
    assert found["premature_ventricular_pause_percent"] == 50.0


@pytest.mark.parametrize(
    ("rr", "width"), [((800, 800), 150), ((1600, 800), 150), ((500, 1100), 90)], ids=["on time", "escape", "narrow"]
)
def test_ventricular_beats_that_are_on_time_late_or_narrow_are_no_extrasystoles(rr, width):
    found = measured([800, 800, *rr, 800, 800], "NNNVNNN", [90, 90, 90, width, 90, 90, 90])
    assert "n_premature_ventricular" not in found


def test_bigeminy_is_premature_though_every_interval_recurs():
    found = measured([500, 1100] * 5, "NVNVNVNVNVN", [90, 150] * 5 + [90])
    assert found["n_premature_ventricular"] == 5.0 and found["ventricular_bigeminy_beats"] == 5.0


def test_trigeminy_couplet_and_run():
    assert measured([800, 500, 1100] * 3, "NNVNNVNNVN")["ventricular_trigeminy_beats"] == 3.0
    assert measured([800, 800, 500, 500, 1100, 800], "NNNVVNN")["n_ventricular_couplets"] == 1.0
    run = measured([800, 800, 500, 400, 400, 1100, 800], "NNNVVVNN")
    assert run["ventricular_run_longest_beats"] == 3.0 and run["n_premature_ventricular"] == 3.0


def test_atrial_extrasystole_is_early_and_the_next_beat_waits():
    found = measured([800, 800, 550, 900, 800, 800], "NNNSNNN")
    assert found["n_premature_atrial"] == 1.0 and found["premature_atrial_rr_ms"] == 550.0
    assert measured([800, 800, 550, 900, 800, 800], "NNNNNNN") == found, "whatever its class is"


def test_respiratory_arrhythmia_is_no_extrasystole():
    """RR goes up and down by steps, as far as 0.7 of the longest."""
    rr = 850 + 150 * np.sin(2 * np.pi * np.arange(20) / 5)
    assert measured(rr, "N" * 21) == {}


def test_a_sinus_rhythm_that_gets_faster_is_no_extrasystole():
    assert measured([900, 900, 700, 700, 700, 700], "NNNNNNN") == {}


def test_atrial_run_ends_with_a_pause():
    found = measured([800, 800, 500, 450, 460, 900, 800], "NNNSSSNN")
    assert found["n_premature_atrial"] == 3.0 and found["atrial_run_longest_beats"] == 3.0


def test_longest_chain():
    assert longest_chain(np.array([1, 4, 7, 9, 11, 13]), 2) == 4
    assert longest_chain(np.array([1, 4, 7, 9, 11, 13]), 3) == 3
    assert longest_chain(np.zeros(0, np.int64), 2) == 0


def test_an_interval_with_a_gap_in_it_is_none():
    r = np.array([300, 700, 1100, 1350, 1900, 2300])
    kinds = np.array(list("NNNVNN"))
    assert "n_premature_ventricular" in measure_ectopy(Beats(r_peaks=r, kinds=kinds), None, FS)
    gap = Beats(r_peaks=r, kinds=kinds, gaps=((1200, 1300), (1400, 1800)))
    assert measure_ectopy(gap, None, FS) == {}


def shapes(changed_leads: int):
    """Twelve leads, six beats; the fourth is another shape in so many of them."""
    t = np.arange(-60, 60) / FS
    narrow, wide = np.exp(-((t / 0.012) ** 2)), -np.exp(-(((t - 0.03) / 0.04) ** 2))
    r = np.arange(1, 7) * 400
    signal = np.zeros((12, 2900))
    for lead in range(12):
        for k, at in enumerate(r):
            signal[lead, at - 60 : at + 60] += wide if k == 3 and lead < changed_leads else narrow
    return signal, r


@pytest.mark.parametrize(("changed", "kept"), [(1, False), (2, False), (8, True), (12, True)])
def test_a_beat_that_one_lead_shows_otherwise_is_not_ventricular(changed, kept):
    signal, r = shapes(changed)
    kinds = np.array(list("NNNVNN"))
    assert (confirm_ventricular(signal, kinds, r, fs=FS)[3] == "V") is kept
    few = confirm_ventricular(signal[:3], kinds, r, fs=FS)
    assert few.tolist() == kinds.tolist(), "three leads have no majority"
