"""Floors of the rhythms that kill, on bedside alarms and long records: they only rise.

The strips taught the score that the statements rest on; the figures out of fold stand in its card.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest

import ecg_engine as ee

FAST = {"ventricular_tachycardia", "ventricular_fibrillation"}


@pytest.fixture(scope="module")
def alarms(data):
    """Return (alarm, is it true, codes, level) of the 20 s before each alarm of asystole, tachycardia, fibrillation."""
    folder = data / "ecg" / "alarms2015"
    out = []
    with open(folder / "labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["alarm"] not in ("Asystole", "Ventricular_Tachycardia", "Ventricular_Flutter_Fib"):
                continue
            recording = ee.read_ecg(folder / f"{row['record']}.hea")
            last = np.asarray(recording.signal, float)[:, -int(20 * recording.fs) :].copy()
            report = ee.analyze_ecg(ee.Recording(signal=last, fs=recording.fs, leads=recording.leads))
            out.append((row["alarm"], row["true"] == "1", {s.code for s in report.statements}, report.urgency.level))
    return out


def test_true_asystole_and_fibrillation_are_never_missed(alarms):
    for alarm, true, said, level in alarms:
        if true and alarm == "Asystole":
            assert said & {"asystole", "pause"} or level == "unscored", said
        if true and alarm == "Ventricular_Flutter_Fib":
            assert said & FAST and level == "critical", said


def test_tachycardia_alarms(alarms):
    called = {True: [], False: []}
    for alarm, true, said, level in alarms:
        if alarm == "Ventricular_Tachycardia":
            called[true].append(bool(said & FAST) or level == "unscored")
    assert 100 * np.mean(called[True]) >= 90
    assert 100 * np.mean(called[False]) <= 30


def test_true_alarms_are_urgent_enough(alarms):
    missed = sum(true and level not in ("critical", "unscored") for _, true, _, level in alarms)
    assert missed <= 4


def test_flutter_of_mitdb_207_is_found_and_its_first_minutes_hold_none(data):
    """The annotations have ventricular flutter from 24:15 on (and at 0:55)."""
    recording = ee.read_ecg(data / "ecg" / "mitdb" / "207.hea")
    fs, signal = recording.fs, np.asarray(recording.signal, float)

    def said(start, stop):
        part = signal[:, int(start * fs) : int(stop * fs)].copy()
        return {s.code for s in ee.analyze_ecg(ee.Recording(signal=part, fs=fs, leads=recording.leads)).statements}

    assert "ventricular_fibrillation" in said(1530, 1560)
    assert said(1560, 1590) & FAST
    assert not said(660, 690) & FAST
