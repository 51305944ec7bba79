"""Fit the weights of the likelihood of atrial fibrillation (``ecg_engine/measurement/fibrillation_score.toml``).

    ECG_ENGINE_DATA=... python -m training.atrial_fibrillation

LUDB and PTB-XL, in mV and as 100 Hz, without records labelled as paced or as flutter. Needs NumPy and scikit-learn; two
minutes on one core. Every figure is of patients that the fit had not seen (ten folds).
"""

from __future__ import annotations

import ast
import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.measurement.rhythm_measures import FEATURES, fibrillation_features

#: Inverse strength of the L2 penalty. Likelihoods from which fibrillation is said.
PENALTY = 1.0
LIMITS = (0.3, 0.4, 0.5, 0.6)
#: A z-score is taken as so many mV.
MV_PER_Z = 0.2
TARGET = Path(__file__).resolve().parent.parent / "ecg_engine" / "measurement" / "fibrillation_score.toml"


def records(folder: Path) -> Iterator[tuple[str, bool, ee.Recording]]:
    """Yield (patient, fibrillation, recording), the same recording once."""
    with open(folder / "ludb" / "ludb.csv", newline="") as file:
        for row in csv.DictReader(file):
            path = folder / "ludb" / f"{row['ID'].strip()}.hea"
            words = " ".join(row.values()).lower()
            if path.exists() and "pac" not in row["Cardiac pacing"].lower() and "flutter" not in words:
                yield f"ludb {row['ID']}", "atrial fibrillation" in words, ee.read_ecg(path)
    seen: set[str] = set()
    for name, fs in (("raw_500hz", 500.0), ("zscored_100hz", 100.0)):
        packed = np.load(folder / "ptbxl" / f"{name}.npz")
        scale = MV_PER_Z / 100 if name.startswith("z") else 1 / float(packed["gain_per_mV"])
        with open(folder / "ptbxl" / f"{name}.csv", newline="") as file:
            for samples, row in zip(packed["x"], csv.DictReader(file), strict=True):
                codes = set(ast.literal_eval(row["scp_codes"]))
                if row["ecg_id"] in seen or codes & {"PACE", "AFLT"}:
                    continue
                seen.add(row["ecg_id"])
                signal = np.asarray(samples, np.float64) * scale
                recording = ee.Recording(signal=signal, fs=fs, leads=STANDARD_LEADS)
                yield f"ptbxl {row['patient_id']}", "AFIB" in codes, recording


def main() -> None:
    """Fit, print the figures, write the card."""
    rows, labels, patients = [], [], []
    for patient, label, recording in records(Path(os.environ["ECG_ENGINE_DATA"]) / "ecg"):
        features = fibrillation_features(ee.analyze_ecg(recording).measurements.overall)
        if features is not None:
            rows.append(features)
            labels.append(label)
            patients.append(patient)
    x, y = np.array(rows), np.array(labels)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY))
    unseen = cross_val_predict(model, x, y, groups=np.array(patients), cv=GroupKFold(10), method="predict_proba")[:, 1]
    figures = [f"{len(y)} records, {int(y.sum())} in fibrillation; area under the ROC {roc_auc_score(y, unseen):.4f}"]
    figures += [f"said from {100 * limit:.0f} %: F1 {100 * f1_score(y, unseen >= limit):.1f}" for limit in LIMITS]
    print(*figures, sep="\n")
    scaler, logistic = model.fit(x, y)[0], model[1]
    weights = logistic.coef_[0] / scaler.scale_
    offset = float(logistic.intercept_[0] - weights @ scaler.mean_)
    lines = [
        "# Made by training/atrial_fibrillation.py; do not edit.",
        'what = "weights of a logistic sum: atrial fibrillation against other rhythms, not paced, no flutter"',
        'data = "LUDB 1.0.1 (ODC-By 1.0); PTB-XL 1.0.3 (CC BY 4.0), also as 100 Hz, each lead in its own scale"',
        'limits = "adults, twelve leads, ten seconds"',
        "figures = [", *(f'    "{line}",' for line in figures), "]",
        f"offset = {offset:.3f}", "", "[weights]",
        *(f"{name} = {weight:.3f}" for name, weight in zip(FEATURES, weights, strict=True)),
    ]  # fmt: skip
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
