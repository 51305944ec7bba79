"""Marks in samples: quality, cleaning, R peaks, beat classes, wave boundaries."""

from ecg_engine.detection.beat_classes import classify_beats, dominant_beats
from ecg_engine.detection.cleaning import clean, remove_baseline, remove_mains
from ecg_engine.detection.delineation import delineate
from ecg_engine.detection.median_beat import median_beat
from ecg_engine.detection.quality import measure_quality
from ecg_engine.detection.r_peaks import detect_beats, detect_r_peaks
from ecg_engine.detection.streaming import RPeakDetector

__all__ = [
    "RPeakDetector",
    "classify_beats",
    "clean",
    "delineate",
    "detect_beats",
    "detect_r_peaks",
    "dominant_beats",
    "measure_quality",
    "median_beat",
    "remove_baseline",
    "remove_mains",
]
