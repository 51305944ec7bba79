"""Make ``ecg_engine/detection/ventricular_score.toml``: how likely a window shows a fast ventricular rhythm.

    ECG_ENGINE_DATA=... python -m training.ventricular_rhythm

Learns from windows of 2.5 s with a logistic function under a quadratic penalty. Beat by beat labels come from the
MIT-BIH Arrhythmia Database; the bedside alarms of the Challenge of 2015 say only that a rhythm is somewhere in a strip,
so that its two most telling windows are taken, chosen anew after each fit (learning from bags). The figures are out of
fold, by record.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w
import wfdb
from scipy.optimize import minimize

import ecg_engine as ee
from ecg_engine.detection.fibrillation import FEATURES, see_windows
from ecg_engine.detection.whole import see
from ecg_engine.leads import STANDARD_LEADS

TARGET: Final = Path("ecg_engine/detection/ventricular_score.toml")
THRESHOLD: Final = 0.5
FOLDS: Final = 8
PENALTY: Final = 1.0
TURNS: Final = 6
#: Of the ordinary windows of the long records so many are passed over: they are much alike.
THIN: Final = 4
BAG: Final = 2  # label of the windows of a bag, one of which at least is positive
PASS: Final = -1  # label of windows that count for nothing


@dataclass
class Strip:
    group: str  # record, for the folds
    kind: str  # what it is, for the figures
    x: np.ndarray  # (n_windows, n_features)
    y: np.ndarray  # 0, 1, BAG, PASS
    score: np.ndarray | None = None


def windows(signal: np.ndarray, fs: float, leads: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    seen = see(signal, fs=fs, leads=leads)
    on = np.array([not {"flat", "missing"} & set(seen.quality.by_lead[name].reasons) for name in leads])
    found = see_windows(signal, fs=fs, beats=seen.beats, leads=on)
    good = np.isfinite(found.features).all(axis=1) & ~found.paced
    return found.starts_s[good], found.features[good]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def alarms(root: Path) -> list[Strip]:
    out = []
    for row in table(root / "alarms2015/labels.csv"):
        recording = ee.read_ecg(root / f"alarms2015/{row['record']}.hea")
        signal = np.asarray(recording.signal, float)[:, -int(20 * recording.fs) :].copy()
        _, x = windows(signal, recording.fs, recording.leads)
        true = row["true"] == "1"
        label = 0
        if row["alarm"].startswith("Ventricular"):
            label = BAG if true else 0
        elif row["alarm"] == "Tachycardia":
            label = PASS
        out.append(Strip(row["record"], f"{row['alarm']} {'true' if true else 'false'}", x, np.full(len(x), label)))
    return out


def mitdb(root: Path) -> list[Strip]:
    out = []
    for header in sorted((root / "mitdb").glob("*.hea")):
        recording = ee.read_ecg(header)
        marks = wfdb.rdann(str(header.with_suffix("")), "atr")
        symbol = np.array(marks.symbol)
        is_beat = np.isin(symbol, list("NLRBAaJSVrFejnE/fQ!"))
        at, ventricular = np.array(marks.sample)[is_beat] / recording.fs, np.isin(symbol[is_beat], ["V", "!"])
        signal = np.asarray(recording.signal, float)
        length = int(30 * recording.fs)
        for start in range(0, signal.shape[1] - length, length):
            starts, x = windows(signal[:, start : start + length].copy(), recording.fs, recording.leads)
            y = np.array([_label(at, ventricular, start / recording.fs + s) for s in starts], int)
            ordinary = np.flatnonzero(y == 0)
            keep = np.setdiff1d(np.arange(len(y)), np.setdiff1d(ordinary, ordinary[::THIN]))
            out.append(Strip(f"mitdb {header.stem}", "mitdb", x[keep], y[keep]))
    return out


def _label(at: np.ndarray, ventricular: np.ndarray, start: float) -> int:
    """Four ventricular beats in a row at 97 /min and more: 1; three, or mostly couplets: neither."""
    inside = (at >= start - 0.1) & (at < start + 2.6)
    t, v = at[inside], ventricular[inside]
    run = best = 0
    for i in range(len(t)):
        run = run + 1 if v[i] and (run == 0 or t[i] - t[i - 1] < 0.62) else int(v[i])
        best = max(best, run)
    if best >= 4:
        return 1
    return PASS if best == 3 or (best == 2 and v.mean() > 0.5) else 0


def twelve_leads(root: Path) -> list[Strip]:
    out = []
    packed = np.load(root / "ptbxl/raw_500hz.npz")
    for signal, row in zip(packed["x"], table(root / "ptbxl/raw_500hz.csv"), strict=True):
        _, x = windows(signal.astype(float) / float(packed["gain_per_mV"]), 500.0, STANDARD_LEADS)
        assert not set(ast.literal_eval(row["scp_codes"])) & {"VTAC", "VFIB"}
        out.append(Strip(f"ptbxl {row['patient_id']}", "ptbxl", x, np.zeros(len(x), int)))
    for header in sorted((root / "ludb").glob("*.hea")):
        recording = ee.read_ecg(header)
        _, x = windows(np.asarray(recording.signal, float), recording.fs, recording.leads)
        out.append(Strip(f"ludb {header.stem}", "ludb", x, np.zeros(len(x), int)))
    return out


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    sign = np.where(y > 0, 1.0, -1.0)

    def loss(b: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (z @ b)
        free = np.append(b[:-1], 0.0)
        slope = -(weight * sign / (1 + np.exp(np.clip(margin, -50, 50)))) @ z
        return float((weight * np.logaddexp(0, -margin)).sum() + PENALTY * free @ free), slope + 2 * PENALTY * free

    b = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    coefficients = b[:-1] / spread
    return coefficients, float(b[-1] - coefficients @ mean)


def learn(strips: list[Strip]) -> tuple[np.ndarray, float]:
    negative = [s.x[s.y == 0] for s in strips]
    weight = [np.full(len(x), 0.02 if s.kind == "mitdb" else 0.2 / max(1, len(x)) ** 0.5)
              for s, x in zip(strips, negative, strict=True)]  # fmt: skip
    coefficients, intercept = np.zeros(len(FEATURES)), 0.0
    coefficients[FEATURES.index("evenness")], coefficients[FEATURES.index("kurtosis_low")] = 1.0, -1.0
    for _ in range(TURNS):
        positive, heavy = [], []
        for s in strips:
            if (s.y == 1).any():
                positive.append(s.x[s.y == 1])
                heavy.append(np.full(len(positive[-1]), 0.5 / len(positive[-1]) ** 0.5))
            elif (s.y == BAG).any():
                best = np.argsort(-(s.x @ coefficients + intercept))[:2]
                positive.append(s.x[best])
                heavy.append(np.full(len(best), 1.5))
        x = np.concatenate(negative + positive)
        y = np.concatenate([np.zeros(sum(map(len, negative))), np.ones(sum(map(len, positive)))])
        coefficients, intercept = logistic(x, y, np.concatenate(weight + heavy))
    return coefficients, intercept


def out_of_fold(strips: list[Strip]) -> dict[str, Any]:
    groups = sorted({s.group for s in strips})
    order = np.random.default_rng(0).permutation(len(groups))
    fold = {groups[g]: i % FOLDS for i, g in enumerate(order)}
    for k in range(FOLDS):
        coefficients, intercept = learn([s for s in strips if fold[s.group] != k])
        for s in strips:
            if fold[s.group] == k:
                s.score = s.x @ coefficients + intercept
    figures: dict[str, Any] = {}
    level = np.log(THRESHOLD / (1 - THRESHOLD))
    for kind in sorted({s.kind for s in strips} - {"mitdb"}):
        called = [bool(len(s.x)) and bool((s.score >= level).any()) for s in strips if s.kind == kind]
        figures[kind.replace(" ", "_").lower()] = {"strips": len(called), "called": int(sum(called))}
    long = [s for s in strips if s.kind == "mitdb"]
    y, score = np.concatenate([s.y for s in long]), np.concatenate([s.score for s in long])
    figures["mitdb_windows"] = {
        "ventricular": int((y == 1).sum()), "called": int((score[y == 1] >= level).sum()),
        "other": int((y == 0).sum()), "falsely_called": int((score[y == 0] >= level).sum()),
    }  # fmt: skip
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET)
    out = parser.parse_args().out
    root = Path(os.environ["ECG_ENGINE_DATA"]) / "ecg"
    strips = alarms(root) + mitdb(root) + twelve_leads(root)
    figures = out_of_fold(strips)
    coefficients, intercept = learn(strips)
    card = {
        "name": "ventricular_score",
        "version": "1.0.0",
        "task": "likelihood that a window of 2.5 s of ECG leads shows ventricular tachycardia, flutter or fibrillation",
        "made_by": "training/ventricular_rhythm.py",
        "threshold": THRESHOLD,
        "threshold_for": "nine in ten true bedside alarms called, out of fold",
        "intercept": round(intercept, 4),
        "limits": "learnt from two-lead bedside and ambulatory strips of adults; twelve-lead records gave normal and "
        "abnormal beats, but no ventricular tachycardia; seen by development figures only",
        "coefficients": {name: round(float(v), 4) for name, v in zip(FEATURES, coefficients, strict=True)},
        "data": [
            {
                "name": "PhysioNet/CinC Challenge 2015 alarms",
                "licence": "ODC-By 1.0",
                "doi": "10.1109/CIC.2015.7408639",
            },
            {"name": "MIT-BIH Arrhythmia Database", "licence": "ODC-By 1.0", "doi": "10.1109/51.932724"},
            {"name": "PTB-XL", "licence": "CC BY 4.0", "doi": "10.1038/s41597-020-0495-6"},
            {"name": "Lobachevsky University Database", "licence": "ODC-By 1.0", "doi": "10.1109/ACCESS.2020.3029211"},
        ],
        "figures_out_of_fold": figures,
    }
    out.write_text("# Made by training/ventricular_rhythm.py; do not edit.\n" + tomli_w.dumps(card), encoding="utf-8")
    print(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
