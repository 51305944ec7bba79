"""Floors of the episodes of long recordings, against the rhythm and beat annotations of half-hour records.

Durations as ANSI/AAMI EC57 counts those of atrial fibrillation: time that both hold against the time that either holds.
Flutter is neither; paced records are left out.
"""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee

RECORDS = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip


def told(path, n: int) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int, int]]]:
    """Return where it is fibrillation, where flutter, and each run of three ventricular beats or more."""
    import wfdb

    marks = wfdb.rdann(str(path), "atr")
    rhythms = [(s, x.rstrip("\0")) for s, x in zip(marks.sample, marks.aux_note, strict=True) if x.startswith("(")]
    masks = {"(AFIB": np.zeros(n, bool), "(AFL": np.zeros(n, bool)}
    for (start, name), (stop, _) in zip(rhythms, [*rhythms[1:], (n, "")], strict=True):
        if name in masks:
            masks[name][start:stop] = True
    beats = [(int(s), m) for s, m in zip(marks.sample, marks.symbol, strict=True) if m in "NLRejAaJSVEF/fQ"]
    runs, first = [], None
    for i, (_, symbol) in enumerate([*beats, (n, "N")]):
        if symbol == "V" and first is None:
            first = i
        elif symbol != "V" and first is not None:
            if i - first >= 3:
                runs.append((beats[first][0], beats[i - 1][0], i - first))
            first = None
    return masks["(AFIB"], masks["(AFL"], runs


@pytest.fixture(scope="module")
def half_hours(data):
    out = {}
    for name in RECORDS:
        recording = ee.read_ecg(data / "ecg" / "mitdb" / f"{name}.hea")
        report = ee.analyze_ecg(recording)
        out[name] = (
            report,
            recording.fs,
            recording.n_samples,
            *told(data / "ecg" / "mitdb" / name, recording.n_samples),
        )
    return out


def spans(report, fs: float, kinds: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(round(e.start_s * fs), round(e.stop_s * fs)) for kind in kinds for e in report.long.of_kind(kind)]


def test_atrial_fibrillation_by_duration(half_hours):
    both = missed = false = 0.0
    for report, fs, n, truth, flutter, _ in half_hours.values():
        found = np.zeros(n, bool)
        for a, b in spans(report, fs, ("atrial_fibrillation",)):
            found[a:b] = True
        counted = ~flutter
        both += (found & truth & counted).sum() / fs
        missed += (~found & truth & counted).sum() / fs
        false += (found & ~truth & counted).sum() / fs
    sensitivity, ppv = 100 * both / (both + missed), 100 * both / (both + false)
    print(f"atrial fibrillation by duration: Se {sensitivity:.1f} %, PPV {ppv:.1f} % ({both + missed:.0f} s)")
    assert sensitivity >= 99.0
    assert ppv >= 97.0


def test_ventricular_runs(half_hours):
    """Most of what is called wrongly: aberrant beats in fibrillation (203), runs that hold a fusion beat (208)."""
    hit = of = right = called = 0
    for name, (report, fs, _, _, _, runs) in half_hours.items():
        found = spans(report, fs, ("ventricular_run", "idioventricular_run"))
        if name == "207":  # ventricular flutter has no beats to make runs of
            continue
        hit += sum(any(a <= stop and b >= start for a, b in found) for start, stop, _ in runs)
        of += len(runs)
        right += sum(any(a <= stop and b >= start for start, stop, _ in runs) for a, b in found)
        called += len(found)
    print(f"runs of three ventricular beats and more: Se {hit}/{of}, PPV {right}/{called}")
    assert hit / of >= 0.8
    assert right / called >= 0.55
