"""The rhythm model of one lead on hearts, recorders and lengths that it never learnt from: leads I and II of PTB-XL."""

from __future__ import annotations

import ast
import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ecg_engine.evaluation.ranking import auc, auc_interval
from ecg_engine.measurement.single_lead_input import single_lead_input
from training.single_lead_figures import CODES

LEADS = ("I", "II")
SETS = {"raw_500hz": 500.0, "zscored_100hz": 100.0}
#: Samples of the model's input that ten seconds fill.
FILLED = 1024


def elsewhere(net: nn.Module, data: Path, every: int = 1) -> dict[str, Any]:
    """Return how well fibrillation is told in ten seconds of one lead, and what normal sinus rhythm is called.

    Flutter is left out: the strips that the model learnt from call it another rhythm.
    """
    signals, codes, patients = [], [], []
    seen: set[str] = set()
    for name, fs in SETS.items():
        packed = np.load(data / "ecg" / "ptbxl" / f"{name}.npz")
        with open(data / "ecg" / "ptbxl" / f"{name}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for samples, row in list(zip(packed["x"], rows, strict=True))[::every]:
            said = set(ast.literal_eval(row["scp_codes"]))
            if row["ecg_id"] in seen or "AFLT" in said:
                continue
            seen.add(row["ecg_id"])
            signals.append((samples[: len(LEADS)].astype(np.float64), fs))
            codes.append(said)
            patients.append(row["patient_id"])
    is_af = np.array(["AFIB" in said for said in codes])
    is_normal = np.array(["NORM" in said and "SR" in said for said in codes])
    out: dict[str, Any] = {
        "how": "leads I and II of PTB-XL, 10 s, by the shipped model; interval of the AUC by bootstrap over patients",
        "n": len(codes),
        "n_fibrillation": int(is_af.sum()),
        "n_normal_sinus": int(is_normal.sum()),
    }
    for i, lead in enumerate(LEADS):
        logits = np.concatenate([_logits(net, x[i : i + 1], fs) for x, fs in signals])
        called = logits.argmax(1)
        af, score = CODES.index("atrial_fibrillation"), logits[:, CODES.index("atrial_fibrillation")]
        low, high = auc_interval(is_af, score, groups=np.array(patients))
        out[lead] = {
            "auc_fibrillation": [auc(is_af, score), low, high],
            "fibrillation_called_so": float((called[is_af] == af).mean()),
            "others_not_called_so": float((called[~is_af] != af).mean()),
            "normal_sinus_called": {code: float((called[is_normal] == k).mean()) for k, code in enumerate(CODES)},
        }
    return out


def _logits(net: nn.Module, lead: np.ndarray, fs: float) -> np.ndarray:
    given = single_lead_input(lead, fs=fs)
    with torch.no_grad():
        strip, known = (torch.from_numpy(given[name][..., :FILLED]) for name in ("strip", "known"))
        out: np.ndarray = net(strip, known, torch.from_numpy(given["numbers"])).numpy()
    return out
