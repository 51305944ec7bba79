"""The critical patterns of the simulated set, laid over real ECGs of healthy hearts: their own QRS, T and noise."""

from __future__ import annotations

import ast
import csv

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS
from tests.reference.critical_set import CASES, injure

#: Share of the recordings, %, that come out critical at least.
FLOORS = {
    "inferior, right coronary artery": 100,
    "inferior, circumflex artery": 85,
    "inferior and posterior": 100,
    "anterior, proximal": 95,
    "anterior, middle part of the artery": 90,
    "high lateral": 95,
    "lateral": 100,
    "de Winter": 90,
    "left main": 90,
    "posterior": 75,
}
#: One of so many plain normals is taken.
EVERY = 8


@pytest.fixture(scope="module")
def hearts(data):
    """Return (signal, patient, J, T end) of plain normals."""
    folder = data / "ecg" / "ptbxl"
    packed = np.load(folder / "raw_500hz.npz")
    with open(folder / "raw_500hz.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    plain = [k for k, row in enumerate(rows) if set(ast.literal_eval(row["scp_codes"])) <= {"NORM", "SR"}]
    out = []
    for k in plain[::EVERY]:
        signal = packed["x"][k].astype(float) / float(packed["gain_per_mV"])
        age = min(float(rows[k]["age"]), 100.0) if rows[k]["age"] else None
        patient = ee.Patient(age_years=age, sex={"0": "M", "1": "F"}.get(rows[k]["sex"]))
        marks = ee.delineate(signal, fs=500, r_peaks=ee.detect_r_peaks(signal, fs=500))
        out.append((signal, patient, marks.qrs_offset, marks.t_offset))
    return out


@pytest.mark.parametrize(("name", "least"), FLOORS.items())
def test_pattern_on_real_hearts_is_critical(hearts, name, least):
    case = next(case for case in CASES if case.name == name)
    levels = []
    for signal, patient, j, t_offset in hearts:
        hurt = injure(signal, case, fs=500, j=j, t_offset=t_offset)
        recording = ee.Recording(signal=hurt, fs=500, leads=STANDARD_LEADS, patient=patient)
        levels.append(ee.analyze_ecg(recording).urgency.level)
    assert 100 * np.mean([level == "critical" for level in levels]) >= least, levels
