"""Reports as JSON satisfy the published schema."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ecg_engine.report import report_json, report_schema
from ecg_engine.types import Beats, Evidence, LeadQuality, Measurements, Patient, Quality, Source, Statement
from tests.unit.report.factory import delineation, recording, report_of

VALIDATOR = Draft202012Validator(report_schema())


def full() -> dict:
    rec = recording()
    marks = delineation(rec)
    kinds = np.array(["N"] * marks.qrs_onset.size)
    beats = Beats(r_peaks=marks.qrs_onset, kinds=kinds, pacing_spikes=[7])
    score = {"model": "m", "label": "MI", "score": 0.4, "threshold": None}
    return json.loads(report_json(report_of(rec, beats=beats, delineation=marks, scores=(score,)), "ru"))


def test_the_schema_is_valid_and_is_the_published_one() -> None:
    Draft202012Validator.check_schema(report_schema())
    published = Path(__file__).parents[3] / "docs" / "report.schema.json"
    assert json.loads(published.read_bytes()) == report_schema()


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_reports_satisfy_the_schema(lang: str) -> None:
    bare = recording(("ECG1",), patient=Patient(), source=Source(), start=None)
    for report in (report_of(recording()), report_of(bare, measurements=Measurements(), statements=(), notes=())):
        plain = json.loads(report_json(report, lang))
        VALIDATOR.validate(plain)
        assert plain["lang"] == lang
    VALIDATOR.validate(full())


@pytest.mark.parametrize(
    ("path", "value"),
    [(("urgency", "level"), "soon"), (("statements", 0, "certainty"), "sure"), (("lang",), "de"),
     (("statements", 0, "evidence", 0, "relation"), "!="), (("beats", "r_peaks"), [-1]), (("schema_version",), "0.9"),
     (("recording", "patient", "sex"), "X"), (("beats", "marks", "p_onset"), [1.5]), (("beats", "kinds"), ["B"])],
)  # fmt: skip
def test_the_schema_refuses_what_no_report_says(path: tuple, value: object) -> None:
    plain = full()
    VALIDATOR.validate(plain)
    at = plain
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    assert not VALIDATOR.is_valid(plain)


def test_the_schema_refuses_unknown_and_missing_keys() -> None:
    for where in ((), ("recording",), ("quality",), ("statements", 0), ("urgency",)):
        for change in ("more", "less"):
            plain = copy.deepcopy(full())
            at = plain
            for key in where:
                at = at[key]
            if change == "more":
                at["surprise"] = 1
            else:
                del at[next(iter(at))]
            assert not VALIDATOR.is_valid(plain), (where, change)


def test_numbers_that_are_none_become_null_and_text_stays_readable() -> None:
    rec = recording()
    quality = Quality(by_lead={"I": LeadQuality(usable=True)}, acceptable=True)
    statement = Statement(code="sinus_rhythm", evidence=(Evidence(measurement="pr_ms", value=float("nan")),))
    content = report_json(report_of(rec, quality=quality, statements=(statement,)), "ru")
    assert b"NaN" not in content and b"Infinity" not in content
    assert "Иванова" in content.decode("utf-8")
    VALIDATOR.validate(json.loads(content))
