"""The shipped rhythm model of one lead on strips that it learnt from: that it still works, not how good it is.

How good it is stands on its card, from networks that had not seen the strips; `training/single_lead_rhythm.py` makes
those figures again. A floor may only rise.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_engine.measurement.single_lead_input import single_lead_input
from ecg_engine.models import load_model

LETTERS = {"N": "normal", "A": "atrial_fibrillation", "O": "other", "~": "noisy"}
EVERY = 8


@pytest.fixture(scope="module")
def strips(data: Path) -> tuple[list[NDArray[np.float64]], NDArray[np.str_]]:
    folder = data / "ecg" / "cinc2017"
    if not folder.is_dir():
        pytest.skip("the strips of CinC 2017 are absent")
    packed = np.load(folder / "single_lead_100hz.npz")
    with open(folder / "single_lead_100hz.csv", newline="") as file:
        labels = [LETTERS[row["label_v3"]] for row in csv.DictReader(file)]
    ends, gain = packed["offset"], float(packed["gain_per_mV"])
    rows = range(0, len(labels), EVERY)
    return [packed["x"][ends[i] : ends[i + 1]] / gain for i in rows], np.array(labels)[rows]


def said(signals: list[NDArray[np.float64]], fs: float) -> NDArray[np.str_]:
    model = load_model("rhythm_single_lead")
    out = []
    for signal in signals:
        given = single_lead_input(signal[None], fs=fs)
        scores = model.scores(model.run(given.pop("strip"), extra=given)["logits"])
        assert sum(score.value for score in scores) == pytest.approx(1.0, abs=1e-3)
        out.append(max(scores, key=lambda score: score.value).code)
    return np.array(out)


def f1(truth: NDArray[np.str_], found: NDArray[np.str_]) -> dict[str, float]:
    return {
        code: 2
        * float(np.sum((truth == code) & (found == code)))
        / float(np.sum(truth == code) + np.sum(found == code))
        for code in LETTERS.values()
    }


def test_strips_it_learnt_from(strips: tuple[list[NDArray[np.float64]], NDArray[np.str_]]) -> None:
    signals, truth = strips
    found = f1(truth, said(signals, 100.0))
    print(f"{len(truth)} strips, in sample:", {code: round(value, 3) for code, value in found.items()})
    # Of 27 noisy strips one more was learnt by heart by version 1.1; unseen they are told as well as before.
    floors = {"normal": 0.95, "atrial_fibrillation": 0.925, "other": 0.88, "noisy": 0.87}
    assert not {code: found[code] for code, floor in floors.items() if found[code] < floor}


def test_another_recorder_says_the_same(strips: tuple[list[NDArray[np.float64]], NDArray[np.str_]]) -> None:
    """The same hearts at 500 Hz, upside up, in other units, with mains and drift of a wide-band recorder."""
    from scipy.signal import resample_poly

    signals = strips[0][:60]
    wide = []
    for signal in signals:
        x = resample_poly(signal, 5, 1, padtype="line")
        t, height = np.arange(len(x)) / 500.0, float(np.std(x))
        wide.append(
            1000 * (x + 0.3 * height * np.sin(2 * np.pi * 60 * t) + 2 * height * np.sin(2 * np.pi * 0.05 * t)) + 5000
        )
    assert np.mean(said(signals, 100.0) == said(wide, 500.0)) >= 0.95
