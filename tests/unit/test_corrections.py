"""A recording is put right and read again: what was exchanged is exchanged back, and the report says so."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.errors import InputError
from ecg_engine.report import render_bytes, report_schema
from ecg_engine.settings import MARKS_MS, DecodeSettings
from ecg_engine.types.marks import MARK_NAMES
from tests.reference.ecg_model import LEADS, PRESETS, simulate

SIGNAL, _ = simulate(PRESETS["normal"], fs=500, duration_s=10.0, rng=np.random.default_rng(5))
WHOLE = ee.Recording(signal=SIGNAL, fs=500, leads=LEADS, patient=ee.Patient(age_years=61, sex="M"))
#: Potentials of the electrodes behind the limb leads, by their definitions (AHA/ACC/HRS 2007, part I): RA at 0.
RA, LA, LL = np.zeros_like(SIGNAL[0]), SIGNAL[0], SIGNAL[1]


def limb_leads(ra: np.ndarray, la: np.ndarray, ll: np.ndarray) -> np.ndarray:
    """I, II, III, aVR, aVL, aVF of three potentials."""
    return np.stack([la - ra, ll - ra, ll - la, ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2])


def with_electrodes(ra: np.ndarray, la: np.ndarray, ll: np.ndarray) -> ee.Recording:
    return replace(WHOLE, signal=np.vstack([limb_leads(ra, la, ll), SIGNAL[6:]]))


def said(report: ee.EcgReport) -> dict[str, Any]:
    """What is said of a recording, without what tells that it was corrected."""
    plain = report.to_dict()
    del plain["recording"]["corrections"]
    plain["notes"] = [note for note in plain["notes"] if note["stage"] != "input"]
    return plain


def same(a: Any, b: Any) -> bool:
    """Equal but for the last bits of numbers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-6, abs=1e-6)
    return bool(a == b)


STRAIGHT = ee.analyze_ecg(with_electrodes(RA, LA, LL))


@pytest.mark.parametrize(
    ("worn", "pairs"),
    [
        ((LA, RA, LL), [("RA", "LA")]),
        ((LL, LA, RA), [("R", "F")]),
        ((RA, LL, LA), [("LL", "LA")]),
        ((LA, LL, RA), [("RA", "LA"), ("RA", "LL")]),
        ((LL, RA, LA), [("LA", "LL"), ("RA", "LL")]),
    ],
)
def test_exchanged_electrodes_put_back_give_the_report_of_the_original(
    worn: tuple[np.ndarray, np.ndarray, np.ndarray], pairs: list[tuple[str, str]]
) -> None:
    wrong = with_electrodes(*worn)
    fixed = ee.analyze_ecg(wrong, corrections=ee.Corrections(swap_leads=tuple(pairs)))
    assert not same(said(ee.analyze_ecg(wrong)), said(STRAIGHT))
    assert same(said(fixed), said(STRAIGHT))
    assert [n.code for n in fixed.notes if n.stage == "input"] == ["corrected_exchange"]


@pytest.mark.parametrize("pair", [("RA", "LA"), ("RA", "LL"), ("LA", "LL"), ("V1", "V2"), ("V3", "V6")])
def test_what_is_exchanged_twice_is_as_it_was(pair: tuple[str, str]) -> None:
    twice = ee.analyze_ecg(WHOLE, corrections={"swap_leads": [list(pair), list(pair)]})
    assert said(twice) == said(ee.analyze_ecg(WHOLE))


def test_the_missing_leads_of_an_exchange_follow_from_the_others() -> None:
    eight = [0, 1, 6, 7, 8, 9, 10, 11]
    wrong = with_electrodes(LA, RA, LL)
    short = replace(wrong, signal=wrong.signal[eight], leads=tuple(LEADS[i] for i in eight))
    fixed = ee.analyze_ecg(short, corrections={"swap_leads": [["RA", "LA"]]})
    assert fixed.measurements.get("qrs_axis_deg") == pytest.approx(STRAIGHT.measurements.get("qrs_axis_deg"), abs=1e-6)


def test_leads_are_dropped_and_turned_over() -> None:
    turned = SIGNAL.copy()
    turned[6] *= -1
    given = replace(WHOLE, signal=turned)
    fixed = ee.analyze_ecg(given, corrections={"invert_leads": ["V1"], "drop_leads": ["V6"]})
    assert fixed.leads == LEADS[:-1]
    straight = ee.analyze_ecg(WHOLE)
    assert fixed.measurements.get("r_mv", "V1") == pytest.approx(straight.measurements.get("r_mv", "V1"), abs=0.02)
    assert {n.code for n in fixed.notes if n.stage == "input"} == {"corrected_inverted", "corrected_dropped"}


def test_age_and_sex_are_put_right() -> None:
    fixed = ee.analyze_ecg(WHOLE, corrections={"age_years": 3, "sex": "F"})
    assert (fixed.patient["age_years"], fixed.patient["sex"]) == (3, "F")
    assert "child_limits" in {n.code for n in fixed.notes}


def test_a_moved_mark_changes_what_is_measured_from_it() -> None:
    before = ee.analyze_ecg(WHOLE)
    marks = before.to_dict()["beats"]["median"]["marks"]
    fixed = ee.analyze_ecg(WHOLE, corrections={"marks": {"qrs_offset_ms": marks["qrs_offset_ms"] + 40}})
    assert fixed.measurements.overall["qrs_ms"] == pytest.approx(before.measurements.overall["qrs_ms"] + 40)
    assert "wide_qrs" in {s.code for s in fixed.statements} or fixed.measurements.overall["qrs_ms"] < 120
    assert before.delineation is not None and fixed.delineation is not None
    assert set((fixed.delineation.qrs_offset - before.delineation.qrs_offset).tolist()) == {20}


def test_a_mark_taken_away_takes_its_measurements_away() -> None:
    fixed = ee.analyze_ecg(WHOLE, corrections={"marks": {"t_offset_ms": None}})
    assert "qt_ms" not in fixed.measurements.overall


def test_a_beat_gets_its_class_and_leaves_the_median_beat() -> None:
    before = ee.analyze_ecg(WHOLE)
    third = before.beats.r_peaks[3] / 500
    fixed = ee.analyze_ecg(WHOLE, corrections={"beats": [[third, "V"]]})
    assert fixed.beats.kinds is not None and before.median_beat is not None and fixed.median_beat is not None
    assert fixed.beats.kinds.tolist()[2:5] == ["N", "V", "N"]
    assert fixed.median_beat.n_beats == before.median_beat.n_beats - 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"swap": []},
        {"swap_leads": ["RA", "LA"]},
        {"swap_leads": [["RA", "RA"]]},
        {"swap_leads": [["RA", "RL"]]},
        {"swap_leads": [["RA", "V1"]]},
        {"swap_leads": [["V1", "V9"]]},
        {"drop_leads": "V3"},
        {"drop_leads": list(LEADS)},
        {"invert_leads": ["V9"]},
        {"age_years": "61"},
        {"age_years": 200},
        {"sex": "m"},
        {"marks": {"j_ms": 3}},
        {"marks": {"qrs_offset_ms": True}},
        {"marks": {"qrs_offset_ms": 1900}},
        {"marks": {"qrs_offset_ms": -200}},
        {"beats": [[3.4, "X"]]},
        {"beats": [[300, "V"]]},
        {"beats": {"3.4": "V"}},
    ],
)
def test_a_wrong_correction_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r".{15,}"):
        ee.analyze_ecg(WHOLE, corrections=wrong)


def test_an_exchange_that_needs_a_lead_that_is_not_there_is_refused() -> None:
    one = ee.Recording(signal=SIGNAL[:1], fs=500, leads=("I",))
    assert ee.analyze_ecg(one, corrections={"swap_leads": [["RA", "LA"]]}).leads == ("I",)
    with pytest.raises(InputError, match=r"III would|I would"):
        ee.analyze_ecg(one, corrections={"swap_leads": [["RA", "LL"]]})


def test_the_report_its_json_and_its_page_say_what_was_corrected() -> None:
    right = {"swap_leads": [["RA", "LA"]], "sex": "F", "marks": {"t_offset_ms": None, "qrs_onset_ms": -44.0}}
    report = ee.analyze_ecg(with_electrodes(LA, RA, LL), corrections=right)
    plain = json.loads(json.dumps(report.to_dict("ru")))
    jsonschema.validate(plain, report_schema())
    assert plain["recording"]["corrections"] == right
    assert any("RA–LA" in note["text"] for note in plain["notes"])
    page = render_bytes(report, with_electrodes(LA, RA, LL), "svg")
    straight = render_bytes(STRAIGHT, with_electrodes(RA, LA, LL), "svg")
    assert b"exchanged back" in page

    def curve(svg: bytes) -> list[bytes]:
        return [line for line in svg.splitlines() if b'data-lead="I"' in line][:1]

    assert curve(page) == curve(straight) != []


def test_settings_with_corrections_travel_between_processes() -> None:
    settings = DecodeSettings(corrections=ee.Corrections(beats=((1.5, "V"),), marks={"p_onset_ms": None}))
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_every_mark_can_be_moved() -> None:
    assert tuple(name.removesuffix("_ms") for name in MARKS_MS) == MARK_NAMES
