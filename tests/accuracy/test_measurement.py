"""Floors of wave marks and intervals against the cardiologists' marks of LUDB: they only rise."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import ecg_engine as ee
from benchmarks.accuracy.intervals import dominant, reference_intervals
from ecg_engine.evaluation import WaveScore, score_wave

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
WAVES = {"p": "p", "N": "qrs", "t": "t"}


def marks_of(base, lead):
    import wfdb

    found = wfdb.rdann(str(base), lead)
    symbols, samples = found.symbol, found.sample
    out = {wave: [] for wave in WAVES}
    for i, (symbol, at) in enumerate(zip(symbols, samples, strict=True)):
        if symbol in out:
            onset = samples[i - 1] if i and symbols[i - 1] == "(" else -1
            offset = samples[i + 1] if i + 1 < len(symbols) and symbols[i + 1] == ")" else -1
            out[symbol].append((onset, at, offset))
    return {wave: np.array(v, np.int64).reshape(-1, 3) for wave, v in out.items()}


@cache
def records(folder):
    out = []
    for path in sorted(folder.glob("*.hea"), key=lambda p: int(p.stem)):
        base = path.with_suffix("")
        out.append((ee.read_ecg(path), {lead: marks_of(base, lead) for lead in LEADS}))
    return out


@pytest.fixture
def ludb(data):
    return records(data / "ecg" / "ludb")


def test_waves_of_lead_ii(ludb):
    total = {wave: WaveScore() for wave in WAVES}
    for recording, by_lead in ludb:
        marks, ecg = by_lead["ii"], recording.lead("II")
        known = np.concatenate([v.ravel() for v in marks.values()])
        known = known[known >= 0]
        if not len(known):
            continue
        r = ee.detect_r_peaks(ecg, fs=recording.fs)
        d = ee.delineate(ecg, fs=recording.fs, r_peaks=r)
        found = {
            "p": (d.p_onset, d.p_peak, d.p_offset),
            "N": (d.qrs_onset, r, d.qrs_offset),
            "t": (d.t_onset, d.t_peak, d.t_offset),
        }
        for wave in WAVES:
            total[wave] += score_wave(
                marks[wave], np.column_stack(found[wave]), fs=recording.fs, between=(int(known.min()), int(known.max()))
            )
    f1 = {wave: score.f1_percent for wave, score in total.items()}
    # The networks have learnt from these marks: over records left out (wave_scores.toml) they are at 97.9, 99.7, 98.9.
    assert f1["p"] >= 98.5 and f1["N"] >= 99.7 and f1["t"] >= 98.9, f1
    spread = {wave: (np.std(s.onset_ms), np.std(s.offset_ms)) for wave, s in total.items()}
    assert max(spread["N"]) <= 10.5 and max(spread["p"]) <= 15.5 and spread["t"][1] <= 19.5, spread
    assert all(abs(np.mean(v)) <= 3 for score in total.values() for v in (score.onset_ms, score.offset_ms))


#: Mean and standard deviation of the error, ms. IEC 60601-2-25 asks for 10/15, 10/10, 10/10 and 25/30.
FLOORS_MS = {"p_duration_ms": (10.5, 13.0), "pr_ms": (4.0, 10.0), "qrs_ms": (9.0, 10.0), "qt_ms": (13.0, 15.0)}


def test_intervals_of_the_report(ludb):
    errors = {code: [] for code in FLOORS_MS}
    for recording, by_lead in ludb:
        report = ee.analyze_ecg(recording)
        for code, expected in reference_intervals(by_lead, dominant(report.beats), recording.fs).items():
            measured = report.measurements.get(code)
            if measured is not None:
                errors[code].append(measured - expected)
    for code, (mean, sd) in FLOORS_MS.items():
        assert len(errors[code]) >= 100, code
        assert abs(np.mean(errors[code])) <= mean and np.std(errors[code]) <= sd, (
            code,
            np.mean(errors[code]),
            np.std(errors[code]),
        )
