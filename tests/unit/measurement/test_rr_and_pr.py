"""How RR and PR vary, from marks set by hand."""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.measurement import measure_global
from ecg_engine.types import ABSENT, Beats, Delineation, LeadMarks
from tests.reference.ecg_model import LEADS, PRESETS, simulate

FS = 1000.0


def measured(r, *, pr=None, kinds=None, without_p=(), later_by_lead=()):
    """Measure beats at `r` ms: QRS begins 40 ms before R, P `pr` ms before the QRS, and peaks 50 ms later.

    In each lead P begins so much later; in one of None it is absent.
    """
    r = np.array(r)
    pr = np.full(len(r), 160) if pr is None else np.array(pr)
    onset = r - 40
    p = np.where(np.isin(np.arange(len(r)), without_p), ABSENT, onset - pr)
    peak = np.where(p == ABSENT, ABSENT, p + 50)
    none = np.full(len(r), ABSENT)
    rest = {"p_offset": none, "qrs_onset": onset, "qrs_offset": r + 50, "t_onset": none, "t_peak": none,
            "t_offset": none}  # fmt: skip
    by_lead = tuple(
        LeadMarks(p_onset=none if later is None else p + later, p_peak=peak, **rest) for later in later_by_lead
    )
    marks = Delineation(p_onset=p, p_peak=peak, by_lead=by_lead, **rest)
    beats = Beats(r_peaks=r, kinds=None if kinds is None else np.array(list(kinds)))
    return measure_global(fs=FS, leads=("II",), beats=beats, marks=marks, beat=None, usable=("II",), n_samples=20000)


def test_rmssd():
    """RR 800, 810, 790, 800: changes of 10, -20, 10 ms."""
    found = measured(np.cumsum([1000, 800, 810, 790, 800]))
    assert found["rmssd_ms"] == pytest.approx(np.sqrt((100 + 400 + 100) / 3))


def test_premature_beats_are_left_out_of_rmssd():
    r = np.cumsum([1000, 800, 500, 1100, 800, 810, 800, 790])
    assert measured(r, kinds="NNVNNNNN")["rmssd_ms"] == pytest.approx(10.0)
    assert measured(r)["rmssd_ms"] > 100


def test_pr_of_wenckebach_periods():
    """PR grows from 160 to 280 ms, then a beat falls out; P stands unevenly, and both ends are still told."""
    pr = [160, 220, 260, 280, 160, 220, 260, 280]
    r = 1000 + np.arange(8) * 900
    found = measured(r, pr=pr)
    assert (found["pr_min_ms"], found["pr_max_ms"]) == (160, 280)
    assert "pr_ms" not in found


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ((0, 0, 40, 60, 20), 180),  # 220, 220, 200, 180, 160: a quarter of the way up
        ((0, 0, 0, 0, None, None), 220),  # leads without P have no say
        ((0, 20, 40, None), None),  # three are too few
        ((), None),
    ],
)
def test_pr_that_most_leads_reach(later, expected):
    found = measured(1000 + np.arange(8) * 900, pr=[220] * 8, later_by_lead=later)
    assert found.get("pr_most_leads_ms") == expected


def test_pr_of_few_p_waves_is_not_told():
    found = measured(1000 + np.arange(8) * 900, without_p=range(4))
    assert not {"pr_min_ms", "pr_max_ms"} & set(found)


def test_qtc_in_fibrillation_says_what_rr_it_takes():
    def notes(preset):
        signal, _ = simulate(PRESETS[preset], fs=500, duration_s=10, rng=np.random.default_rng(3))
        report = ee.analyze_ecg(ee.Recording(signal=signal, fs=500, leads=LEADS))
        return {note.code: note.facts for note in report.notes}, report

    found, report = notes("fibrillation")
    assert found["qtc_in_fibrillation"] == {
        "rr_ms": round(np.diff(report.beats.r_peaks).mean() * 2), "n_beats": len(report.beats.r_peaks)
    }  # fmt: skip
    assert "qtc_in_fibrillation" not in notes("normal")[0]
