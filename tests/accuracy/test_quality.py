"""Floors of quality and exchanged electrodes: they only rise. Held-out figures stand on the weights' cards."""

from __future__ import annotations

import csv
import itertools

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection import detect_r_peaks, measure_quality
from ecg_engine.evaluation.ranking import auc
from ecg_engine.leads import STANDARD_LEADS

SWAPS = {"lead_reversal", "leg_electrode_reversal", "dextrocardia"}
ARMS = ((-1, 0), (-1, 1))


def score(signal, fs, leads):
    r_peaks = detect_r_peaks(np.nan_to_num(signal), fs=fs)
    return measure_quality(signal, fs=fs, leads=leads, r_peaks=r_peaks).score


@pytest.mark.parametrize("rows", [tuple(range(12)), (0, 1, 6, 7, 8, 9, 10, 11)])
def test_score_against_the_labels_of_cinc_2011(data, rows):
    folder = data / "ecg" / "quality2011"
    packed = np.load(folder / "twelve_lead_125hz.npz")
    with open(folder / "twelve_lead_125hz.csv", newline="") as file:
        groups = [row["group"] for row in csv.DictReader(file)]
    names = [STANDARD_LEADS[i] for i in rows]
    known = [
        (x[list(rows)] / 1000, group == "I_acceptable") for x, group in zip(packed["x"], groups, strict=True) if group
    ]
    scores = np.array([score(x, 125.0, names) for x, _ in known])
    assert auc(np.array([good for _, good in known]), scores) >= 0.96


def test_score_of_single_leads_that_nothing_was_fitted_to(data):
    folder = data / "ecg" / "cinc2017"
    packed = np.load(folder / "single_lead_100hz.npz")
    with open(folder / "single_lead_100hz.csv", newline="") as file:
        noisy = [row["label_v3"] == "~" for row in csv.DictReader(file)]
    gain = float(packed["gain_per_mV"])
    chosen = _single(packed, noisy, gain)
    scores = np.array([score(x[np.newaxis], 100.0, ["I"]) for x, _ in chosen])
    assert auc(np.array([not bad for _, bad in chosen]), scores) >= 0.92


def _single(packed, noisy, gain):
    samples, edges = packed["x"], packed["offset"].tolist()
    return [
        (samples[a:b] / gain, bad)
        for k, ((a, b), bad) in enumerate(zip(itertools.pairwise(edges), noisy, strict=True))
        if bad or k % 8 == 0
    ]


@pytest.fixture(scope="module")
def recordings(data):
    """Return mV of LUDB and of PTB-XL in mV, each with its rate."""
    packed = np.load(data / "ecg" / "ptbxl" / "raw_500hz.npz")
    out = [(x / float(packed["gain_per_mV"]), 500.0) for x in packed["x"]]
    for path in sorted((data / "ecg" / "ludb").glob("*.hea")):
        recording = ee.read_ecg(path)
        out.append((np.array(recording.signal), recording.fs))
    return out


def codes(signal, fs):
    return {s.code for s in ee.analyze_ecg(ee.Recording(signal=signal, fs=fs, leads=STANDARD_LEADS)).statements}


def test_recordings_as_they_are_are_not_called_exchanged(recordings):
    found = [codes(*one) for one in recordings]
    assert np.mean([bool(SWAPS & c) for c in found]) <= 0.005
    assert np.mean(["precordial_reversal" in c for c in found]) <= 0.005


def test_exchanged_arms_are_found(recordings):
    found = []
    for signal, fs in recordings[::4]:
        i, ii = np.array(ARMS, float) @ signal[:2]
        swapped = np.vstack([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2, signal[6:]])
        found.append("lead_reversal" in codes(swapped, fs))
    assert np.mean(found) >= 0.95
