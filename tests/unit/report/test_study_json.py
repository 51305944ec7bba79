"""Reports of radiographs and studies as JSON satisfy the published schemas."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ecg_engine.errors import InputError
from ecg_engine.interpretation.triage import FINDING_LEVELS
from ecg_engine.report import radiograph_schema, report_json, study_schema
from ecg_engine.types import Change, StudyReport
from ecg_engine.vocabulary import findings
from tests.unit.report.films import HAND, LATERAL, PA, anatomy, film, finding, study

DOCS = Path(__file__).parents[3] / "docs"
STUDY = Draft202012Validator(study_schema())
RADIOGRAPH = Draft202012Validator(radiograph_schema())
SEEN = (
    finding("effusion", 0.83, region=(900, 500, 1200, 900)),
    finding("own_code", 0.2),
    finding("pneumonia_paediatric", 0.7, report="research"),
)


def full() -> StudyReport:
    change = Change(code="cardiothoracic_ratio", kind="measurement", before=0.48, after=0.56, beyond_error=True)
    crossed = Change(code="effusion", kind="finding", before=0.1, after=0.83, beyond_error=True)
    images = (film(PA, SEEN, ratio=0.56, anatomy=anatomy()), film(LATERAL))
    return study(*images, changes=(change, crossed), previous={"study_uid": "1.2", "date": "2025-01-02"})


def plain(report: Any, lang: str = "ru") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(report_json(report, lang))
    return document


@pytest.mark.parametrize(("name", "schema"), [("radiograph", radiograph_schema()), ("study", study_schema())])
def test_the_schemas_are_valid_and_are_the_published_ones(name: str, schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert json.loads((DOCS / f"{name}.schema.json").read_bytes()) == schema


def test_an_image_of_a_study_is_described_as_a_radiograph_is() -> None:
    of_study, of_image = study_schema(), radiograph_schema()
    assert {name: of_study["$defs"][name] for name in of_image["$defs"]} == of_image["$defs"]
    image = of_study["properties"]["images"]["items"]["properties"]
    assert image == {key: of_image["properties"][key] for key in image}


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_reports_satisfy_their_schemas(lang: str) -> None:
    for report in (full(), study(film(HAND)), study(film(PA, SEEN), previous={"study_uid": None, "date": None})):
        STUDY.validate(plain(report, lang))
        for image in report.images:
            RADIOGRAPH.validate(plain(image, lang))


@pytest.mark.parametrize(
    ("path", "value"),
    [(("urgency", "level"), "soon"), (("lang",), "de"), (("schema_version",), "0.9"), (("priority",), 1.5),
     (("images", 0, "findings", 0, "report"), "maybe"), (("findings", 0, "score"), 1.2), (("images",), []),
     (("images", 0, "gate", "turned_deg"), 45), (("findings", 0, "region"), [1, 2, 3]), (("patient", "sex"), "X"),
     (("changes", 0, "kind"), "other"), (("previous",), "2025")],
)  # fmt: skip
def test_the_schema_refuses_what_no_report_says(path: tuple[Any, ...], value: object) -> None:
    document = plain(full())
    STUDY.validate(document)
    at: Any = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    assert not STUDY.is_valid(document)


def test_the_schema_refuses_unknown_and_missing_keys() -> None:
    for where in ((), ("images", 0), ("images", 0, "gate"), ("findings", 0), ("urgency",), ("draft",), ("changes", 0)):
        for change in ("more", "less"):
            document = plain(full())
            at: Any = document
            for key in where:
                at = at[key]
            if change == "more":
                at["surprise"] = 1
            else:
                del at[next(iter(at))]
            assert not STUDY.is_valid(document), (where, change)


def test_a_study_says_what_its_parts_say() -> None:
    document = plain(full())
    assert [f["seen"] for f in document["findings"]] == [True, False, True]
    assert document["findings"][0]["text"] == "Плевральный выпот" and document["findings"][1]["text"] == "own_code"
    assert document["images"][0]["measurements"]["global"]["cardiothoracic_ratio"] == {"value": 0.56, "unit": "1"}
    assert document["images"][1]["gate"]["reasons"] == ["lateral_view"]
    assert document["images"][1]["notes"][0]["text"].startswith("боковая проекция")
    assert document["urgency"] == {"level": "urgent", "because": ["effusion"]}
    assert document["changes"][1]["text"] == "Плевральный выпот"
    assert "Плевральный выпот, справа (оценка 0,83)." in document["draft"]["conclusion"].splitlines()
    assert document["draft"]["description"].splitlines()[-1].startswith("Исследовательские оценки")
    assert "подтвержд" in document["draft"]["status"]


def test_a_report_is_the_same_after_pickle_and_unknown_languages_are_refused() -> None:
    report = full()
    assert pickle.loads(pickle.dumps(report)).to_dict("en") == report.to_dict("en")
    for one in (report, report.images[0]):
        with pytest.raises(InputError, match="lang"):
            one.to_dict("de")


# ------------------------------------------------------------------------------------------------------- the documents


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for part in schema.values():
            yield from keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from keys(part)


def test_every_key_and_every_finding_code_is_described() -> None:
    text = (DOCS / "radiograph_report.md").read_text(encoding="utf-8")
    named = {*keys(study_schema()), *keys(radiograph_schema()), *findings()}
    assert {name for name in named if not re.search(rf"\b{name}\b", text)} == set()


def test_the_table_of_levels_is_that_of_the_code() -> None:
    text = (DOCS / "radiograph_report.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (critical|urgent|routine) \|", text, re.MULTILINE))
    assert rows == {code: entry.level for code, entry in FINDING_LEVELS.items()}
    for code, entry in FINDING_LEVELS.items():
        assert f"| `{code}` | {entry.level} | {entry.reason} |" in text
