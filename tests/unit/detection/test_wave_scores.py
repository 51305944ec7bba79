"""The learnt wave scores: where they are from, and what they must not depend on."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files

import numpy as np
import pytest

from ecg_engine.detection import delineate, qrs_scores
from ecg_engine.detection.wave_inputs import STEP_S, Rhythm, inputs_of, scale_of, unevenness
from ecg_engine.detection.wave_scores import WaveModel, load_model, score_lead
from ecg_engine.errors import ModelError
from ecg_engine.types import ABSENT
from tests.reference.ecg_model import PRESETS, EcgSpec, simulate


def model(spec, fs=500.0, seconds=10.0, seed=4):
    return simulate(spec, fs=fs, duration_s=seconds, rng=np.random.default_rng(seed))


def test_the_networks_are_small_and_say_where_they_are_from():
    folder = files("ecg_engine.detection")
    stored = (folder / "wave_scores.npz").read_bytes()
    card = tomllib.loads((folder / "wave_scores.toml").read_text("utf-8"))
    assert len(stored) <= 150_000
    assert hashlib.sha256(stored).hexdigest() == card["sha256"]
    assert all(one["licence"] for one in card["data"])
    assert len(load_model().weights) <= 30_000


def test_weights_of_another_network_are_refused():
    with pytest.raises(ModelError, match="7 weights where the network has"):
        WaveModel.of(np.zeros(7, np.float32))


def test_a_long_lead_is_scored_in_pieces_like_the_whole(monkeypatch):
    signal, truth = model(PRESETS["normal"], seconds=40.0)
    whole = score_lead(signal[1], truth.r_peaks, 500.0).odds
    monkeypatch.setattr("ecg_engine.detection.wave_inputs._PIECE", 640)
    np.testing.assert_allclose(score_lead(signal[1], truth.r_peaks, 500.0).odds, whole, atol=1e-3)


def test_a_lead_that_does_not_move_has_no_waves():
    signal = np.zeros((2, 2000))
    signal[0] = model(PRESETS["normal"])[0][1, :2000]
    marks = delineate(signal, fs=500, r_peaks=np.array([400, 800, 1200]))
    assert (marks.by_lead[1].qrs_onset == ABSENT).all() and (marks.by_lead[1].t_peak == ABSENT).all()
    assert score_lead(signal[1], np.array([400, 800]), 500.0) is None


def test_a_lead_marks_the_same_whatever_comes_long_after():
    """More than a few beats and half a second away nothing counts: a piece of a recording is marked like the whole."""
    signal, truth = model(PRESETS["normal"], seconds=60.0)
    r = truth.r_peaks[(truth.r_peaks > 250) & (truth.r_peaks < 29_000)]
    whole = delineate(signal[1], fs=500, r_peaks=r)
    piece = delineate(signal[1, :15_000], fs=500, r_peaks=r[r < 14_900])
    for name in ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_offset"):
        one, other = getattr(whole, name)[1:15], getattr(piece, name)[1:15]
        assert np.abs(one - other).max() <= 2, name


def test_no_p_wave_before_a_premature_ventricular_beat_but_in_the_pause_after_it():
    spec = EcgSpec(rr_s=(0.8, 0.8, 0.8, 0.5, 1.1), kinds=("N", "N", "N", "N", "V"), axis_deg=50.0)
    signal, truth = model(spec, seconds=20.0)
    marks = delineate(signal, fs=500, r_peaks=truth.r_peaks)
    kinds = np.array(truth.kinds)[1:-1]
    has = (marks.p_peak != ABSENT)[1:-1]
    assert has[kinds == "N"].mean() >= 0.9 and has[kinds == "V"].mean() <= 0.25


def test_far_from_r_nothing_is_qrs():
    signal, truth = model(PRESETS["normal"])
    odds = score_lead(signal[1], truth.r_peaks, 500.0).odds[1]
    t = np.arange(len(odds)) * STEP_S
    far = np.abs(t[:, None] - truth.r_peaks / 500.0).min(axis=1) > 0.3
    assert far.any() and (odds[far] == np.float32(-9.21)).all()
    assert (odds[np.rint(truth.r_peaks / 500.0 / STEP_S).astype(int)] > 0).all()


def test_a_lead_is_scored_around_r_as_everywhere(monkeypatch):
    """The QRS of a piece is that of the whole: only what is looked at differs."""
    signal, truth = model(PRESETS["normal"])
    some = score_lead(signal[1], truth.r_peaks, 500.0).odds[1]

    def every(beats, before, after, step, start, stop, out):
        out[0] = 0, stop - start
        return 1, stop - start

    monkeypatch.setattr(qrs_scores, "runs_near_into", every)
    whole = score_lead(signal[1], truth.r_peaks, 500.0).odds[1]
    seen = some > np.float32(-9.2)
    np.testing.assert_allclose(some[seen], whole[seen], atol=1e-3)


def test_leads_that_share_their_rhythm_are_scored_like_each_alone():
    signal, truth = model(PRESETS["normal"])
    rhythm = Rhythm(truth.r_peaks / 500.0)
    for row in signal[[1, 7]]:
        together = score_lead(row, truth.r_peaks, 500.0, rhythm=rhythm).odds
        assert (together == score_lead(row, truth.r_peaks, 500.0).odds).all()
    assert rhythm._kept is not None and len(rhythm._kept[2]) == 1


def test_how_uneven_a_rhythm_is():
    """The median change from one RR to the next, against the median RR."""
    assert unevenness(np.arange(10) * 0.8) == pytest.approx(0.0, abs=1e-12)
    alternating = np.cumsum([0.0, *[0.7, 0.9] * 5])
    assert unevenness(alternating) == pytest.approx(0.2 / 0.8)
    rare = np.cumsum([0.0, *[0.8] * 6, 0.5, 1.1, *[0.8] * 6])
    assert unevenness(rare) == pytest.approx(0.0, abs=1e-12)  # one premature beat makes no rhythm uneven
    assert unevenness(np.array([0.3, 1.0, 2.0])) == 0.02


def test_what_the_beats_beside_say():
    """A bump before every R stands in the beats beside, one before a single R does not; a lone beat has none beside."""
    fs, at = 500.0, np.arange(1.0, 9.5, 1.0)
    t = np.arange(5000) / fs

    def lead(of_bumps, beats=at):
        bumps = sum(0.1 * np.exp(-(((t - r + 0.16) / 0.03) ** 2)) for r in of_bumps)
        return bumps + sum(np.exp(-(((t - r) / 0.01) ** 2)) for r in beats)

    def beside(row, beats=at):
        r_peaks = np.rint(beats * fs).astype(np.int64)
        return inputs_of(row, scale_of(row, r_peaks, fs), fs, Rhythm(beats)).beside

    bump = round((at[4] - 0.16) / STEP_S)
    every, one, none = beside(lead(at)), beside(lead(at[4:5])), beside(lead(()))
    assert every[2, bump] > 0.2 + none[2, bump]  # set side by side at the R after it
    assert abs(one[2, bump] - none[2, bump]) < 0.02
    assert not beside(lead(at[:1], at[:1]), at[:1])[:-1].any()
