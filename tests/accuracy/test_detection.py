"""Floors of beat detection on reference databases: they only rise. The unseen half of each set is not here."""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.evaluation import BeatScore, score_beats

#: Annotation codes of beats (PhysioNet's list); the rest are rhythm, noise and comments.
BEATS = set("NLRBAaJSVrFejnE/fQ?")


def scored(folder, leads):
    """Score every record of a folder; flutter between "[" and "]" is not scored, as EC57 allows."""
    total = BeatScore()
    for path in sorted(folder.glob("*.hea")):
        recording = ee.read_ecg(path)
        marks = recording.annotations
        reference = np.array([a.sample for a in marks if a.symbol in BEATS], np.int64)
        starts, stops = ([a.sample for a in marks if a.symbol == s] for s in "[]")
        found = ee.detect_r_peaks(recording.signal[:leads], fs=recording.fs)
        total += score_beats(reference, found, fs=recording.fs, excluded=tuple(zip(starts, stops, strict=True)))
    return total


def test_mit_bih_first_channel(data):
    score = scored(data / "ecg" / "mitdb", 1)
    assert score.hits + score.missed > 50_000
    assert score.error_percent <= 0.38
    assert score.sensitivity_percent >= 99.82 and score.ppv_percent >= 99.79


def test_mit_bih_both_channels(data):
    score = scored(data / "ecg" / "mitdb", 2)
    assert score.error_percent <= 0.30
    assert score.sensitivity_percent >= 99.91 and score.ppv_percent >= 99.77


@pytest.mark.parametrize(
    ("record", "leads", "se", "ppv"), [("118e24", 1, 99.9, 99.9), ("118e12", 1, 99.9, 94.0), ("118e12", 2, 99.9, 99.6)]
)
def test_noise_stress(data, record, leads, se, ppv):
    recording = ee.read_ecg(data / "ecg" / "nstdb" / f"{record}.hea")
    reference = np.array([a.sample for a in recording.annotations if a.symbol in BEATS], np.int64)
    score = score_beats(reference, ee.detect_r_peaks(recording.signal[:leads], fs=recording.fs), fs=recording.fs)
    assert score.sensitivity_percent >= se and score.ppv_percent >= ppv
