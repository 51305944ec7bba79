"""Floors of the first statements against cardiologists' labels: they only rise."""

from __future__ import annotations

import ast
import csv

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS

SINUS = {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia"}
NOT_ABNORMAL = SINUS | {"normal_ecg"}


@pytest.fixture(scope="module")
def ptbxl(data):
    """Return (labels, report) of each record."""
    folder = data / "ecg" / "ptbxl"
    packed = np.load(folder / "raw_500hz.npz")
    with open(folder / "raw_500hz.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    out = []
    for samples, row in zip(packed["x"], rows, strict=True):
        who = ee.Patient(
            age_years=min(float(row["age"]), 100.0) if row["age"] else None, sex={"0": "M", "1": "F"}.get(row["sex"])
        )
        recording = ee.Recording(
            signal=samples / float(packed["gain_per_mV"]), fs=500.0, leads=STANDARD_LEADS, patient=who
        )
        out.append((set(ast.literal_eval(row["scp_codes"])), ee.analyze_ecg(recording)))
    return out


def rates(pairs):
    """Return sensitivity and specificity, %, of (true, said) pairs."""
    true = np.array([t for t, _ in pairs])
    said = np.array([s for _, s in pairs])
    return 100 * said[true].mean(), 100 * (~said[~true]).mean()


@pytest.mark.parametrize(
    ("label", "code", "sensitivity", "specificity"),
    [
        ("AFIB", "atrial_fibrillation", 90, 99.2),
        ("AFLT", "atrial_flutter", 99, 99.7),
        ("PVC", "premature_ventricular_complex", 99, 99.0),
        ("PAC", "premature_atrial_complex", 99, 98.0),
        ("PACE", "paced_rhythm", 99, 99.7),
        ("CRBBB", "rbbb_complete", 80, 98.5),
        ("CLBBB", "lbbb_complete", 80, 97.5),
        ("1AVB", "av_block_1", 60, 92),
    ],
)
def test_statement_on_ptb_xl(ptbxl, label, code, sensitivity, specificity):
    se, sp = rates([(label in scp, code in {s.code for s in report.statements}) for scp, report in ptbxl])
    assert se >= sensitivity and sp >= specificity, (se, sp)


def test_normal_and_not_normal(ptbxl):
    """Plain normals beside whatever no reader called normal."""
    said = [(scp, "normal_ecg" in {s.code for s in report.statements}) for scp, report in ptbxl]
    se, sp = rates([(scp <= {"NORM", "SR"}, got) for scp, got in said if scp <= {"NORM", "SR"} or "NORM" not in scp])
    assert se >= 78 and sp >= 82, (se, sp)


def test_plain_normals_get_few_abnormal_statements(ptbxl):
    """Over-reading is what doctors switch such programs off for."""
    said = [len({s.code for s in report.statements} - NOT_ABNORMAL) for scp, report in ptbxl if scp <= {"NORM", "SR"}]
    assert len(said) > 200
    assert 100 * np.mean(said) <= 20


def test_plain_normals_are_not_urgent(ptbxl):
    levels = [report.urgency.level for scp, report in ptbxl if scp <= {"NORM", "SR"}]
    assert 100 * np.mean([level == "critical" for level in levels]) <= 1
    assert 100 * np.mean([level == "routine" for level in levels]) >= 94


#: Words of the labels, statements that answer them, sensitivity and specificity.
LUDB = {
    "Rhythms": [("sinus", SINUS, 94, 91), ("atrial fibrillation", {"atrial_fibrillation"}, 90, 99.2),
                ("atrial flutter", {"atrial_flutter"}, 99, 99.3)],
    "Extrasystolies": [("ventricular extrasystole", {"premature_ventricular_complex"}, 99, 98.0),
                       ("atrial extrasystole", {"premature_atrial_complex"}, 74, 98.5)],
    "Cardiac pacing": [("pac", {"paced_rhythm"}, 99, 99.3)],
}  # fmt: skip


@pytest.fixture(scope="module")
def ludb(data):
    """Return (row, codes) of each record."""
    out = []
    with open(data / "ecg" / "ludb" / "ludb.csv", newline="") as file:
        for row in csv.DictReader(file):
            path = data / "ecg" / "ludb" / f"{row['ID'].strip()}.hea"
            if path.exists():
                out.append((row, {s.code for s in ee.analyze_ecg(ee.read_ecg(path)).statements}))
    return out


@pytest.mark.parametrize(
    ("column", "word", "codes", "sensitivity", "specificity"),
    [(column, *row) for column, rows in LUDB.items() for row in rows],
)
def test_rhythm_on_ludb(ludb, column, word, codes, sensitivity, specificity):
    se, sp = rates([(word in row[column].lower(), bool(codes & said)) for row, said in ludb])
    assert se >= sensitivity and sp >= specificity, (se, sp)


def test_no_av_block_of_the_second_or_third_degree_where_nobody_saw_one(ptbxl, ludb):
    """None of these records is labelled so, but for paced ones: a false alarm of this kind calls for help."""
    blocks = {"av_block_3", "av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_2_to_1", "av_block_2_advanced"}
    said = [{s.code for s in report.statements} for _, report in ptbxl] + [codes for _, codes in ludb]
    assert not any(codes & blocks for codes in said)
