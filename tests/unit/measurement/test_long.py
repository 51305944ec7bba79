"""The tables of long recordings: told by a tape, then found by the whole engine in the drawn signal."""

from __future__ import annotations

from datetime import datetime

import jsonschema
import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.measurement.long import summarise
from ecg_engine.report import report_schema
from ecg_engine.types import Beats, EcgReport, LeadQuality, Quality, Spell
from tests.reference.long_ecg import LEADS, Tape, TapeTruth

FS = 250.0


@pytest.fixture(scope="module")
def tape() -> tuple[EcgReport, TapeTruth]:
    t = Tape(seed=11).sinus(120, bpm=68)
    for _ in range(6):
        t.run(1).sinus(20, bpm=68)
    t.run(2, bpm=140).sinus(60).run(5, bpm=160).sinus(60, bpm=72).run(6, kind="S", bpm=150).sinus(60)
    t.pause(2.6).sinus(60).pause(3.5).sinus(60).bigeminy(8).sinus(90)
    t.fibrillation(180, bpm=95).sinus(200, bpm=64).off(25).sinus(120)
    signal, truth = t.draw(fs=FS)
    recording = ee.Recording(signal=signal, fs=FS, leads=LEADS, start=datetime(2026, 5, 4, 9, 50))
    return ee.analyze_ecg(recording), truth


def spans_of(truth: TapeTruth, kind: str) -> list[tuple[float, float]]:
    return [(a, b) for a, b, told in truth.spans if told == kind]


def test_every_episode_comes_back_at_its_time(tape: tuple[EcgReport, TapeTruth]) -> None:
    report, truth = tape
    assert report.long is not None
    for told, kind, within in (
        ("run_V2", "ventricular_couplet", 0.1), ("run_V5", "ventricular_run", 0.1),
        ("run_S6", "supraventricular_run", 0.1),
        ("bigeminy", "bigeminy", 0.1), ("atrial_fibrillation", "atrial_fibrillation", 15.0), ("off", "unreadable", 1.5),
    ):  # fmt: skip
        (span,) = spans_of(truth, told)
        (episode,) = report.long.of_kind(kind)
        assert (episode.start_s, episode.stop_s) == pytest.approx(span, abs=within), kind
    lesser, greater = spans_of(truth, "pause")
    for kind, span in (("pause_2s", lesser), ("pause_3s", greater)):
        (episode,) = report.long.of_kind(kind)
        assert (episode.start_s, episode.stop_s) == pytest.approx(span, abs=0.05)
    assert report.long.extremes["rr_max_s"].value == pytest.approx(3.5, abs=0.05)
    assert report.long.extremes["rr_max_s"].at_s == pytest.approx(greater[0], abs=0.05)


def test_counts_and_burden(tape: tuple[EcgReport, TapeTruth]) -> None:
    report, truth = tape
    tables = report.long
    assert tables is not None
    assert tables.counts["ventricular"] == (truth.kinds == "V").sum()
    # The first beats of fibrillation are early too.
    assert tables.counts["supraventricular"] == pytest.approx((truth.kinds == "S").sum(), abs=3)
    n = len(truth.beat_s)
    assert tables.counts["beats"] == pytest.approx(n, abs=2)
    assert tables.burden["ventricular_percent"] == pytest.approx(100 * (truth.kinds == "V").mean(), abs=0.1)
    (fibrillation,) = spans_of(truth, "atrial_fibrillation")
    share = 100 * (fibrillation[1] - fibrillation[0]) / (truth.duration_s - 25)
    assert tables.burden["atrial_fibrillation_percent"] == pytest.approx(share, rel=0.12)
    assert tables.analysed_s == pytest.approx(truth.duration_s - 25, abs=3)


def test_rows_begin_at_full_hours_and_add_up(tape: tuple[EcgReport, TapeTruth]) -> None:
    report, truth = tape
    tables = report.long
    assert tables is not None
    assert [row.start_s for row in tables.hours] == [0.0, 600.0]
    assert tables.hours[-1].stop_s == report.duration_s
    for row in tables.hours:
        inside = (truth.beat_s >= row.start_s) & (truth.beat_s < row.stop_s)
        assert row.n_beats == pytest.approx(inside.sum(), abs=2)
        assert row.n_ventricular == (truth.kinds[inside] == "V").sum()
        rr = np.diff(truth.beat_s[inside])
        assert row.mean_bpm == pytest.approx(60 / rr[rr < 10].mean(), rel=0.02)
        assert row.min_bpm is not None and row.max_bpm is not None and row.mean_bpm is not None
        assert row.min_bpm <= row.mean_bpm <= row.max_bpm
    assert sum(row.n_pauses for row in tables.hours) == 2
    assert sum(row.fibrillation_s for row in tables.hours) == pytest.approx(
        sum(e.duration_s for e in tables.of_kind("atrial_fibrillation"))
    )


def test_the_tables_become_statements(tape: tuple[EcgReport, TapeTruth]) -> None:
    report, truth = tape
    said = {s.code: {e.measurement: e.value for e in s.evidence} for s in report.statements}
    (start, stop) = spans_of(truth, "atrial_fibrillation")[0]
    episodes = said["atrial_fibrillation_episodes"]
    assert episodes["n_fibrillation_episodes"] == 1
    assert episodes["fibrillation_longest_min"] == pytest.approx((stop - start) / 60, abs=0.4)
    assert episodes["fibrillation_longest_at_h"] == pytest.approx(start / 3600, abs=0.01)
    longest = spans_of(truth, "pause")[1][0]
    # The lead that is off writes no beat either: it is a gap and no pause.
    assert said["pause"]["n_pauses_3s"] == 1
    assert said["pause"]["pause_longest_s"] == pytest.approx(3.5, abs=0.05)
    assert said["pause"]["pause_longest_at_h"] == pytest.approx(longest / 3600, abs=0.001)
    (fast,) = said.keys() & {"ventricular_run", "ventricular_tachycardia"}
    assert said[fast]["n_ventricular_runs"] == 1
    assert said[fast]["ventricular_runs_most_beats"] == 5


def test_frequent_ectopy_of_half_an_hour() -> None:
    t = Tape(seed=3).sinus(19, bpm=62)
    for _ in range(90):
        t.run(1).sinus(19, bpm=62)
    signal, truth = t.draw(fs=FS)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=FS, leads=LEADS))
    share = 100 * (truth.kinds == "V").mean()
    said = {s.code: {e.measurement: e.value for e in s.evidence} for s in report.statements}
    assert share < 10 and "frequent_ventricular_ectopy" not in said
    assert report.measurements.overall["ventricular_burden_percent"] == pytest.approx(share, abs=0.2)
    assert report.measurements.overall["analysed_h"] == pytest.approx(truth.duration_s / 3600, rel=0.01)


def test_variability_is_that_of_the_sinus_rhythm(tape: tuple[EcgReport, TapeTruth]) -> None:
    report, truth = tape
    assert report.long is not None and report.long.variability is not None
    (start, stop) = spans_of(truth, "atrial_fibrillation")[0]
    rr = np.diff(truth.beat_s) * 1000
    beat, ordinary = truth.beat_s, truth.kinds == "N"
    nn = ordinary[1:] & ordinary[:-1] & (rr < 1600) & ((beat[1:] < start) | (beat[:-1] > stop))
    assert report.long.variability.values["mean_nn_ms"] == pytest.approx(rr[nn].mean(), rel=0.02)
    assert report.long.variability.n_intervals == pytest.approx(nn.sum(), rel=0.05)
    assert report.long.variability.usable_percent == pytest.approx(rr[nn].sum() / 10 / report.duration_s, rel=0.05)


def test_json_holds_the_tables_and_keeps_to_the_schema(tape: tuple[EcgReport, TapeTruth]) -> None:
    report, _ = tape
    assert report.long is not None
    plain = report.to_dict()
    jsonschema.validate(plain, report_schema())
    assert len(plain["long"]["episodes"]) == len(report.long.episodes)
    assert plain["long"]["variability"]["values"]["sdnn_ms"]["unit"] == "ms"
    # Unknown keys are refused, so a key that is new must be put into the schema.
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**plain, "long": {**plain["long"], "more": 1}}, report_schema())


def test_a_short_recording_has_none() -> None:
    signal, _ = Tape(seed=1).sinus(40).draw(fs=FS)
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=FS, leads=LEADS))
    assert report.long is None
    assert report.to_dict()["long"] is None


def test_no_beat_at_all() -> None:
    none = Beats(r_peaks=np.zeros(0, int), kinds=np.zeros(0, "<U1"), gaps=((0, 50_000),))
    tables = summarise(
        none, None, Quality(by_lead={}, acceptable=False), leads=(), fs=FS, n_samples=50_000, slow_bpm=50, fast_bpm=100
    )
    assert tables.analysed_s == 0
    assert tables.counts["beats"] == 0
    assert [(e.kind, e.start_s, e.stop_s) for e in tables.episodes] == [("unreadable", 0.0, 200.0)]
    assert tables.variability is None
    assert tables.hours[0].mean_bpm is None


def test_ectopy_in_noise_is_not_counted() -> None:
    kinds = np.array(list("NNNNVNNNNN" * 12))
    beats = Beats(r_peaks=np.arange(1, len(kinds) + 1) * 250, kinds=kinds)
    spell = Spell(reason="noisy", start_s=0, stop_s=60)
    quality = Quality(by_lead={"II": LeadQuality(usable=True, spells=(spell,))}, acceptable=True)
    tables = summarise(
        beats, None, quality, leads=("II",), fs=FS, n_samples=250 * 121, slow_bpm=50, fast_bpm=100
    )  # fmt: skip
    assert tables.counts["ventricular"] == 6
    assert tables.counts["beats"] == 120
    assert tables.analysed_s == pytest.approx(61)
