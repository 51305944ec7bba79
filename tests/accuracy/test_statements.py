"""Floors of the first statements against cardiologists' labels: they only rise."""

from __future__ import annotations

import ast
import csv

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

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
        ("CRBBB", "rbbb_complete", 99, 99),
        ("CLBBB", "lbbb_complete", 85, 99.7),
        ("1AVB", "av_block_1", 99, 99.4),
        ("LAFB", "lafb", 55, 99),
        ("IVCD", "ivcd", 50, 99),
        ("IRBBB", "rbbb_incomplete", 20, 98.5),
        ("LVH", "lvh", 75, 97),
    ],
)
def test_statement_on_ptb_xl(ptbxl, label, code, sensitivity, specificity):
    se, sp = rates([(label in scp, code in {s.code for s in report.statements}) for scp, report in ptbxl])
    assert se >= sensitivity and sp >= specificity, (se, sp)


#: Where each named criterion of left ventricular hypertrophy begins, by sex where it differs (F, M): Sokolow 1949,
#: Casale 1987, Okin 1995, Peguero 2017, Romhilt 1968.
LVH_CRITERIA = {
    "sokolow_lyon_mv": (3.5, 3.5),
    "cornell_mv": (2.001, 2.801),
    "cornell_product_mv_ms": (244.001, 244.001),
    "peguero_mv": (2.3, 2.8),
    "romhilt_estes_points": (5, 5),
}


def test_hypertrophy_is_called_no_worse_than_by_any_criterion_alone(ptbxl):
    """Our call has the larger sum of sensitivity and specificity than each, and is no worse in both than the best."""

    def holds(report, code):
        if code == "R of aVL":
            return (report.measurements.get("r_mv", "aVL") or 0.0) > 1.1
        limit = LVH_CRITERIA[code][0 if report.patient.get("sex") == "F" else 1]
        return (report.measurements.get(code) or 0.0) >= limit

    ours = rates([("LVH" in scp, "lvh" in {s.code for s in report.statements}) for scp, report in ptbxl])
    alone = {
        code: rates([("LVH" in scp, holds(report, code)) for scp, report in ptbxl])
        for code in [*LVH_CRITERIA, "R of aVL"]
    }
    best = max(alone.values(), key=sum)
    assert sum(ours) > sum(best), alone
    assert ours[0] >= best[0] and ours[1] >= best[1], (ours, best)


def test_points_of_selvester_are_few_in_the_healthy_and_many_in_scars(ptbxl):
    """Hindman 1985: more than 3 points in less than 1 of 20 healthy people, whatever their age and sex."""

    def above_3(wanted):
        points = [report.measurements.get("selvester_points") for scp, report in ptbxl if wanted(scp)]
        return np.mean([p > 3 for p in points if p is not None])

    assert above_3(lambda scp: scp <= {"NORM", "SR"}) <= 0.05
    assert above_3(lambda scp: {"AMI", "ASMI", "ALMI"} & scp) >= 0.5
    assert above_3(lambda scp: {"IMI", "ILMI", "IPMI", "IPLMI"} & scp) >= 0.25


#: Statements of conduction and chambers.
SHAPES = {
    "av_block_1", "preexcitation", "rbbb_complete", "rbbb_incomplete", "lbbb_complete", "lbbb_incomplete", "lafb",
    "lpfb", "bifascicular_block", "ivcd", "wide_qrs", "left_atrial_enlargement", "right_atrial_enlargement", "lvh",
    "rvh", "low_voltage",
}  # fmt: skip


def test_plain_normals_get_few_statements_of_conduction_and_chambers(ptbxl):
    said = [SHAPES & {s.code for s in report.statements} for scp, report in ptbxl if scp <= {"NORM", "SR"}]
    assert 100 * np.mean([len(codes) for codes in said]) <= 3


#: Statements of Q, ST and T: those of other families are not on trial.
ST_T = {
    "infarction_anterior", "infarction_inferior", "infarction_lateral", "infarction_posterior", "st_elevation_mi",
    "st_elevation", "right_ventricular_infarction", "sgarbossa_criteria", "barcelona_criteria", "de_winter", "wellens",
    "hyperacute_t", "st_depression", "st_depression_diffuse", "t_inversion", "st_t_nonspecific", "pericarditis",
    "early_repolarization", "juvenile_t", "brugada_1", "brugada_2", "hyperkalaemia", "hypokalaemia", "qt_prolonged",
    "qt_short",
}  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "codes", "sensitivity", "specificity"),
    [
        ("AMI ASMI ALMI", "infarction_anterior", 42, 99.5),
        ("IMI ILMI IPMI IPLMI", "infarction_inferior", 44, 98.5),
        ("LMI ALMI ILMI", "infarction_lateral", 33, 99),
        ("INVT", "t_inversion", 75, 94.5),
        ("STD_", "st_depression st_depression_diffuse", 52, 96),
        ("NDT NST_ NT_ LOWT", "st_t_nonspecific st_depression t_inversion", 54, 88),
    ],
)
def test_q_st_and_t_on_ptb_xl(ptbxl, labels, codes, sensitivity, specificity):
    wanted, named = set(labels.split()), set(codes.split())
    se, sp = rates([(bool(wanted & scp), bool(named & {s.code for s in report.statements})) for scp, report in ptbxl])
    assert se >= sensitivity and sp >= specificity, (se, sp)


def test_plain_normals_get_hardly_a_statement_of_q_st_and_t(ptbxl):
    said = [ST_T & {s.code for s in report.statements} for scp, report in ptbxl if scp <= {"NORM", "SR"}]
    assert 100 * np.mean([len(codes) for codes in said]) <= 5


def test_normal_and_not_normal(ptbxl):
    """Plain normals beside whatever no reader called normal."""
    said = [(scp, "normal_ecg" in {s.code for s in report.statements}) for scp, report in ptbxl]
    se, sp = rates([(scp <= {"NORM", "SR"}, got) for scp, got in said if scp <= {"NORM", "SR"} or "NORM" not in scp])
    assert se >= 87 and sp >= 94, (se, sp)


def test_plain_normals_get_few_abnormal_statements(ptbxl):
    """Over-reading is what doctors switch such programs off for."""
    said = [len({s.code for s in report.statements} - NOT_ABNORMAL) for scp, report in ptbxl if scp <= {"NORM", "SR"}]
    assert len(said) > 200
    assert 100 * np.mean(said) <= 11


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


@pytest.mark.parametrize("band", [None, (0.5, 8.0)], ids=["white", "electrodes"])
@pytest.mark.parametrize("rows", [slice(0, 12), slice(1, 2), slice(7, 8)], ids=["twelve leads", "II", "V2"])
def test_noise_that_hides_p_makes_no_other_rhythm_of_sinus_rhythm(data, ptbxl, rows, band):
    """That P is not seen does not say that it is absent: in noise of 0.05 mV, twice what IEC 60601-2-25 tests with.

    White, or in the band of moving electrodes. Without asking whether P could be seen, of 97 records 2, 4 and many more
    (of the leads of this test) had a rhythm without P, and 20 of twelve leads with moving electrodes. Premature atrial
    beats whose P is hidden may still pass for fibrillation.
    """
    packed = np.load(data / "ecg" / "ptbxl" / "raw_500hz.npz")
    sinus = [k for k, (labels, _) in enumerate(ptbxl) if labels & {"SR", "SBRAD", "STACH", "SARRH"}][::4]
    without_p = {
        "junctional_rhythm", "accelerated_junctional_rhythm", "supraventricular_tachycardia", "idioventricular_rhythm",
        "accelerated_idioventricular_rhythm",
    }  # fmt: skip
    rng = np.random.default_rng(0)
    wrong, fibrillate = [], 0
    for k in sinus:
        signal = packed["x"][k][rows] / float(packed["gain_per_mV"])
        noise = rng.normal(0.0, 1.0, signal.shape)
        if band:
            noise = sosfilt(butter(2, band, "band", fs=500.0, output="sos"), noise, axis=1)
        noisy = signal + 0.05 / noise.std() * noise
        report = ee.analyze_ecg(ee.Recording(signal=noisy, fs=500.0, leads=STANDARD_LEADS[rows]))
        wrong += [(k, s.code) for s in report.statements if s.code in without_p]
        fibrillate += any(s.code == "atrial_fibrillation" for s in report.statements)
    assert len(sinus) >= 50 and not wrong, (len(sinus), wrong)
    assert fibrillate <= 0.021 * len(sinus), fibrillate
