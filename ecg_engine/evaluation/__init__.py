"""Scoring rules, written once: for accuracy tests, benchmarks and training."""

from ecg_engine.evaluation.beats import BeatScore, match_marks, score_beats
from ecg_engine.evaluation.waves import WaveScore, score_wave

__all__ = ["BeatScore", "WaveScore", "match_marks", "score_beats", "score_wave"]
