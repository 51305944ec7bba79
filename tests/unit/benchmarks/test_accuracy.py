"""The accuracy benchmark: what it keeps, what it counts, on signals and marks made by hand."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import noise_rule, scores, tables
from benchmarks.accuracy.records import MarkedLead, Strip
from benchmarks.accuracy.store import Store
from benchmarks.peers import DELINEATORS, DETECTORS, OURS, Peer

ECG = np.zeros(2000)


def tool(name, call):
    return Peer(name=name, package="numpy", module="numpy", licence="none", call=call)


def test_every_tool_of_the_cases_is_a_row_of_the_peers():
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "cases.toml"
    cases = tomllib.loads(path.read_text(encoding="utf-8"))
    for part in (cases["accuracy"], cases["accuracy"]["quick"]):
        assert set(part["detectors"]) <= set(DETECTORS) and part["detectors"][0] == OURS
        assert set(part["delineators"]) <= set(DELINEATORS) and part["delineators"][0] == OURS
    for case, table in (("r_peaks_long", DETECTORS), ("r_peaks_short", DETECTORS), ("r_peaks_day", DETECTORS)):
        assert set(cases[case]["peers"]) <= set(table)
    assert set(cases["waves"]["peers"]) <= set(DELINEATORS)


def test_limits_of_the_rules_of_noise_are_those_that_are_counted(monkeypatch):
    monkeypatch.setattr(noise_rule, "LENGTH_S", 20.0)
    made = [one for one in noise_rule.signals(1) if one[1] in (None, 0.0)]
    usual, without = (noise_rule.counts(made, **change) for change in ({}, {"noisy": np.inf, "strong": np.inf}))
    assert usual["none"][0] > 300 and usual["none"][1:].tolist() == [0, 0]
    assert usual["all"][2] < without["all"][2]


def test_a_result_is_kept_by_tool_and_signal(tmp_path):
    calls = []

    def call(ecg, fs):
        calls.append(fs)
        return [300.0, 100.0, np.nan]

    store = Store(folder=tmp_path)
    for _ in range(2):
        assert store.marks(tool("a", call), ECG, 250.0)["beats"].tolist() == [100, 300]
    store.marks(tool("a", call), ECG + 1, 250.0)
    store.marks(tool("a", call), ECG, 500.0)
    store.marks(tool("b", call), ECG, 250.0)
    assert calls == [250.0, 250.0, 500.0, 250.0]
    assert (store.n_run, store.n_kept) == (4, 1)
    Store(folder=tmp_path, fresh=True).marks(tool("a", call), ECG, 250.0)
    assert len(calls) == 5


def test_a_peer_that_raises_has_found_nothing_and_is_counted_each_time_but_ours_may_not(tmp_path):
    def call(ecg, fs):
        raise IndexError("no peak")

    for _ in range(2):
        store = Store(folder=tmp_path)
        assert store.marks(tool("a", call), ECG, 250.0) == {}
        assert store.failures == {"a": 1}
    with pytest.raises(IndexError):
        store.marks(tool(OURS, call), ECG, 250.0)


def test_beats_are_counted_by_record_and_in_all(tmp_path):
    strips = [
        Strip(record=name, ecg=ECG[np.newaxis] + i, fs=100.0, beats=np.array([100, 200, 300]), excluded=((290, 310),))
        for i, name in enumerate("xy")
    ]
    found = {0.0: [101, 230, 300], 1.0: [95, 195]}
    detector = tool("a", lambda ecg, fs: found[ecg[0]])
    rows = scores.beats("case", strips, [detector], Store(folder=tmp_path), say=len)
    by = {row["record"]: (row["beats"], row["missed"], row["false"], row["median_offset_ms"]) for row in rows}
    # 230 lies 300 ms from the beat at 200; 300 is in the excluded stretch, on both sides.
    assert by == {"x": (2, 1, 1, 10.0), "y": (2, 0, 0, -50.0), "all": (4, 1, 1, -50.0)}


def marked(i, waves):
    return MarkedLead(record="r", lead=str(i), ecg=ECG + i, fs=250.0, waves=waves)


def test_the_closer_of_two_leads_counts(tmp_path):
    """By hand: at 4 ms a sample, +2 of the first lead beats -5 of the second, then +20 loses to -1; 60 is too far."""
    none = np.empty((0, 3), np.int64)
    waves = {"p": none, "qrs": none, "t": np.array([[-1, 500, 520], [-1, 1000, 1020], [-1, 1500, 1520]])}
    answers = {
        0.0: {"t": np.array([[-1, 500, 522], [-1, 1000, 1040], [-1, 1500, 1580]])},
        1.0: {"t": np.array([[-1, 500, 515], [-1, 1000, 1019], [-1, 1500, -1]])},
    }
    delineator = tool("a", lambda ecg, fs: answers[ecg[0]])
    leads = [[marked(0, waves), marked(1, waves)]]
    rows = scores.points_of_closer_lead("case", leads, [delineator], Store(folder=tmp_path), say=len)
    row = next(row for row in rows if row["point"] == "T offset")
    assert row["marks"] == 3 and row["found_percent"] == pytest.approx(200 / 3)
    assert row["mean_ms"] == pytest.approx(np.mean([8, -4])) and row["sd_ms"] == pytest.approx(np.std([8, -4]))
    assert "66.7 %, +2.0 ± 6.0" in tables.markdown("qtdb", rows)


def test_the_page_keeps_the_words_around_the_tables(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{tables.BEGIN}\nold\n{tables.END}\n\nafter\n", encoding="utf-8")
    for _ in range(2):
        tables.write_page(page, {}, [DETECTORS["wfdb gqrs"]], "none")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n\n{tables.BEGIN}") and text.endswith(f"{tables.END}\n\nafter\n")
    assert "old" not in text and text.count("| wfdb gqrs | wfdb |") == 1
