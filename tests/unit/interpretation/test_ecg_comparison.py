"""What changed since an earlier ECG: true changes of a model heart are told, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.errors import InputError
from ecg_engine.interpretation.ecg_comparison import LIMITS
from ecg_engine.pipeline import decode_file
from ecg_engine.report import render_bytes, report_json, report_schema
from ecg_engine.settings import DecodeSettings
from ecg_engine.types import EcgChange, Task
from ecg_engine.vocabulary import change_text
from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, simulate

WHO = ee.Patient(id="17", age_years=61, sex="M")


def recording(spec: EcgSpec | str, *, seed: int = 5, who: ee.Patient = WHO, year: int = 2025) -> ee.Recording:
    spec = PRESETS[spec] if isinstance(spec, str) else spec
    signal, _ = simulate(spec, fs=500, duration_s=10.0, rng=np.random.default_rng(seed))
    return ee.Recording(signal=signal, fs=500, leads=LEADS, patient=who, start=datetime(year, 3, 1, 12, 0))


NORMAL = recording("normal", year=2024)


def beyond(report: ee.EcgReport) -> dict[tuple[str, str], EcgChange]:
    assert report.comparison is not None
    return {(c.kind, c.code): c for c in report.comparison.changes if c.beyond_error}


def codes(report: ee.EcgReport) -> set[str]:
    return {note.code for note in report.notes}


def test_the_same_heart_again_has_not_changed() -> None:
    report = ee.analyze_ecg(recording("normal", seed=6), previous=NORMAL)
    assert report.comparison is not None
    assert report.comparison.start == "2024-03-01T12:00:00"
    assert beyond(report) == {}
    assert {c.code for c in report.comparison.changes} == set(LIMITS)


@pytest.mark.parametrize(
    ("longer_ms", "told"),
    [(20.0, False), (50.0, True), (-36.0, True)],
)
def test_pr_longer_by_more_than_two_readings_differ(longer_ms: float, told: bool) -> None:
    spec = PRESETS["normal"]
    assert spec.pr_ms is not None
    report = ee.analyze_ecg(recording(replace(spec, pr_ms=spec.pr_ms + longer_ms)), previous=NORMAL)
    changes = beyond(report)
    assert (("measurement", "pr_ms") in changes) == told
    if told:
        change = changes["measurement", "pr_ms"]
        assert change.difference == pytest.approx(longer_ms, abs=8)
        assert change.before is not None and change.after == pytest.approx(change.before + longer_ms, abs=8)


def test_a_turned_axis_is_measured_the_short_way_round() -> None:
    there = ee.analyze_ecg(recording(replace(PRESETS["normal"], axis_deg=170.0)))
    back = ee.analyze_ecg(recording(replace(PRESETS["normal"], axis_deg=-150.0)), previous=there)
    assert beyond(back)["measurement", "qrs_axis_deg"].difference == pytest.approx(40, abs=12)


def test_a_new_left_bundle_branch_block_is_urgent_and_an_old_one_is_not() -> None:
    block = recording("lbbb")
    fresh = ee.analyze_ecg(block, previous=NORMAL)
    assert ("new", "lbbb_complete") in beyond(fresh)
    assert fresh.urgency.level == "urgent"
    assert "lbbb_complete" in fresh.urgency.because
    old = ee.analyze_ecg(block, previous=recording("lbbb", seed=9, year=2023))
    assert not {kind for kind, _ in beyond(old)} & {"new", "resolved"}
    assert "lbbb_complete" not in old.urgency.because
    gone = ee.analyze_ecg(recording("normal"), previous=recording("lbbb", year=2023))
    assert ("resolved", "lbbb_complete") in beyond(gone)


def test_a_rhythm_that_came_and_one_that_went() -> None:
    changes = beyond(ee.analyze_ecg(recording("fibrillation"), previous=NORMAL))
    assert {("new", "atrial_fibrillation"), ("resolved", "sinus_rhythm")} <= set(changes)


def test_what_crosses_its_limit_within_measurement_error_is_no_change() -> None:
    spec = PRESETS["av_block_1"]
    before = ee.analyze_ecg(recording(replace(spec, pr_ms=194.0)))
    after = ee.analyze_ecg(recording(replace(spec, pr_ms=212.0)), previous=before)
    assert "av_block_1" in {s.code for s in after.statements}
    assert after.comparison is not None
    change = next(c for c in after.comparison.changes if c.code == "av_block_1")
    assert (change.kind, change.beyond_error) == ("new", False)


def test_qtc_longer_by_60_ms_is_urgent() -> None:
    spec = PRESETS["normal"]
    longer = replace(spec, qt_ms=spec.qt_ms + 75) if spec.qt_ms else spec
    report = ee.analyze_ecg(recording(longer), previous=NORMAL)
    assert beyond(report)["measurement", "qtc_fridericia_ms"].difference == pytest.approx(70, abs=15)
    assert report.urgency.level == "urgent"
    assert "qtc_longer" in report.urgency.because


def test_st_is_compared_lead_by_lead() -> None:
    report = ee.analyze_ecg(recording("inferior_injury"), previous=NORMAL)
    assert report.comparison is not None
    st = {c.lead: c.difference for c in report.comparison.changes if c.code == "st_j_mv"}
    assert {"II", "III", "aVF"} <= set(st)
    assert all(st[lead] is not None and st[lead] > 0.1 for lead in ("II", "III", "aVF"))


@pytest.mark.parametrize("other", [{"id": "18"}, {"sex": "F"}])
def test_another_patient_is_not_compared(other: dict[str, Any]) -> None:
    stranger = recording("normal", who=replace(WHO, **other))
    report = ee.analyze_ecg(stranger, previous=NORMAL)
    assert report.comparison is None
    assert "previous_other_patient" in codes(report)


def test_unknown_patients_and_a_later_ecg_are_noted() -> None:
    nobody = ee.Patient(age_years=61, sex="M")
    report = ee.analyze_ecg(recording("normal", who=nobody), previous=recording("normal", who=nobody, year=2030))
    assert report.comparison is not None
    assert {"previous_patient_unknown", "previous_is_later"} <= codes(report)


def test_a_lead_that_the_other_lacks_proves_nothing_new() -> None:
    one = ee.Recording(signal=NORMAL.signal[1:2], fs=500, leads=("II",), patient=WHO)
    report = ee.analyze_ecg(recording("lbbb"), previous=one)
    assert ("new", "lbbb_complete") not in beyond(report)


def test_a_report_its_dictionary_and_its_json_are_the_same_previous() -> None:
    block, before = recording("lbbb"), ee.analyze_ecg(NORMAL)
    ways = [before, before.to_dict("ru"), json.loads(report_json(before)), NORMAL]
    found = [ee.analyze_ecg(block, previous=way).comparison for way in ways]
    assert found[0] is not None
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("wrong", [{}, {"statements": []}, {"measurements": {"global": {}, "by_lead": {}}}])
def test_what_is_no_report_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no report of an ECG"):
        ee.analyze_ecg(NORMAL, previous=wrong)


def test_json_and_page_say_what_changed() -> None:
    block = recording("lbbb")
    report = ee.analyze_ecg(block, previous=NORMAL)
    plain = json.loads(report_json(report, "ru"))
    jsonschema.validate(plain, report_schema())
    texts = [c["text"] for c in plain["comparison"]["changes"] if c["beyond_error"]]
    assert "появилось: Полная блокада левой ножки пучка Гиса" in texts
    page = render_bytes(report, block, "svg").decode()
    assert "Compared with 2024-03-01 12:00:00" in page.replace("\n", " ")


@pytest.mark.parametrize(("difference", "words"), [(34.0, "QRS longer by 34 ms"), (-34.0, "QRS shorter by 34 ms")])
def test_the_words_of_a_change(difference: float, words: str) -> None:
    assert change_text("qrs_ms", "measurement", "en", difference=difference) == words


def test_files_are_compared(tmp_path: Path) -> None:
    now, before, report = tmp_path / "now.edf", tmp_path / "before.edf", tmp_path / "before.json"
    ee.write_ecg(recording("lbbb"), now)
    ee.write_ecg(NORMAL, before)
    report.write_bytes(report_json(ee.analyze_ecg(ee.read_ecg(before))))
    told = []
    for earlier in (before, report):
        outcome = decode_file(Task(path=str(now), settings=DecodeSettings(formats=(), previous=str(earlier))))
        assert outcome.error is None and outcome.report is not None
        told.append({c["code"] for c in outcome.report["comparison"]["changes"] if c["beyond_error"]})
    assert told[0] == told[1]
    assert "lbbb_complete" in told[0]
    report.write_text("[]")
    bad = decode_file(Task(path=str(now), settings=DecodeSettings(formats=(), previous=str(report))))
    assert bad.error is not None and "before.json" in bad.error
