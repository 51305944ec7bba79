"""The learnt wave scores: where they are from, and what they must not depend on."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files

import numpy as np

from ecg_engine.detection import delineate
from ecg_engine.detection.wave_scores import load_model, score_lead
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
    assert load_model().context is not None


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
