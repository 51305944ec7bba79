"""Scoring against another tool's and against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.evaluation import BeatScore, match_marks, score_beats, score_wave
from ecg_engine.evaluation.beats import score_class


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("seed", range(20))
def test_counts_equal_those_of_wfdb(seed):
    """wfdb's own comparison (compare_annotations), on marks moved, dropped and added at random."""
    from wfdb.processing import compare_annotations

    rng = np.random.default_rng(seed)
    reference = np.cumsum(rng.integers(150, 400, 200)).astype(np.int64)
    found = reference + rng.integers(-40, 41, 200)
    found = found[rng.random(200) > 0.05]
    found = np.unique(np.concatenate([found, rng.integers(0, reference[-1], 12)])).astype(np.int64)
    found = found[np.insert(np.diff(found) > 110, 0, True)]
    theirs = compare_annotations(reference, found, 55)  # theirs leaves the edge out
    ours = score_beats(reference, found, fs=360)
    assert (ours.hits, ours.missed, ours.false) == (theirs.tp, theirs.fn, theirs.fp)


def test_one_detection_matches_one_beat():
    a, b = match_marks(np.array([100, 120]), np.array([110]), window=54)
    assert len(a) == len(b) == 1


def test_nearer_detection_wins():
    a, b = match_marks(np.array([100]), np.array([60, 99]), window=54)
    assert (a.tolist(), b.tolist()) == ([0], [1])


def test_excluded_stretch_is_not_scored():
    score = score_beats(np.array([100, 500]), np.array([100, 450, 480]), fs=360, excluded=((400, 600),))
    assert score == BeatScore(hits=1, missed=0, false=0)


def test_rates():
    score = BeatScore(hits=8, missed=2, false=2) + BeatScore(hits=2)
    assert score.sensitivity_percent == pytest.approx(100 * 10 / 12)
    assert score.ppv_percent == pytest.approx(100 * 10 / 12)
    assert score.error_percent == pytest.approx(100 * 4 / 12)


def test_wave_errors_and_false_waves_inside_the_reference_only():
    reference = np.array([[90, 100, 110], [290, 300, -1]])
    found = np.array([[-1, -1, -1], [95, 101, 112], [195, 200, 205], [900, 910, 920]])
    score = score_wave(reference, found, fs=500, between=(90, 310))
    assert (score.hits, score.missed, score.false) == (1, 1, 1)
    assert score.onset_ms == (10.0,) and score.offset_ms == (4.0,)
    assert score.f1_percent == pytest.approx(50.0)


def test_a_class_is_scored_as_ec57_has_it():
    """V: one hit, one called N, one not found; false are an N and a spare mark called V, the fusion beat is not."""
    reference, true = np.array([100, 200, 300, 400, 500, 600]), np.array(list("VVVNFN"))
    found, kinds = np.array([100, 201, 401, 499, 560, 600]), np.array(list("VNVVVN"))
    score = score_class(reference, true, found, kinds, fs=100, kind="V")
    assert score == BeatScore(hits=1, missed=2, false=2)
