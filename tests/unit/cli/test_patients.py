from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecg_engine.cli.patients import patient_settings
from ecg_engine.errors import InputError
from ecg_engine.settings import PatientSettings


def written(folder: Path, text: str) -> Path:
    path = folder / "patient.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_of_the_settings_is_understood(tmp_path: Path) -> None:
    facts = {
        "id": "17", "name": "Иванова", "birth_date": "1964-03-31", "age_years": 61.5, "sex": "F",
        "pacemaker": True, "complaint": "боль", "drugs": ["digoxin"],
    }  # fmt: skip
    got = patient_settings(written(tmp_path, json.dumps(facts)))
    assert got == PatientSettings(**{**facts, "drugs": ("digoxin",)})
    assert set(facts) == set(PatientSettings.__dataclass_fields__)


def test_options_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '{"age_years": 30, "sex": "M", "name": null}')
    got = patient_settings(path, age_years=61, sex="f")
    assert (got.age_years, got.sex, got.name) == (61, "F", None)


def test_complaint_drugs_and_pacemaker_may_be_options(tmp_path: Path) -> None:
    path = written(tmp_path, '{"complaint": "cough", "drugs": ["aspirin"], "pacemaker": true}')
    assert patient_settings(path).drugs == ("aspirin",)
    got = patient_settings(path, complaint="chest pain", drugs=("sotalol",), pacemaker=False)
    assert (got.complaint, got.drugs, got.pacemaker) == ("chest pain", ("sotalol",), False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n "sex": "F",\n "agee": 61\n}', "unknown key agee"),
        ('{\n "sex": "F",\n "age_years": \n}', "line 4, column 1"),
        ("[1]", "one object"),
        ('{"sex": "F", "sex": "M"}', "stands twice"),
        ('{"age_years": "61"}', "age_years: must be a number"),
        ('{"age_years": true}', "age_years: must be a number"),
        ('{"age_years": NaN}', "age_years: must be a number"),
        ('{"sex": "female"}', 'sex: must be "F" or "M"'),
        ('{"birth_date": "31.03.1964"}', "birth_date: must be a date"),
        ('{"drugs": "digoxin"}', "drugs: must be a list"),
    ],
)
def test_a_wrong_file_is_refused_saying_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        patient_settings(written(tmp_path, text))
    assert caught.value.argument == "patient"


def test_no_message_quotes_the_patient(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        patient_settings(written(tmp_path, '{"birth_date": "Иванова", "name": 7}'))
    assert "Иванова" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        patient_settings(tmp_path / "absent.json")
    (tmp_path / "b.json").write_bytes(b'{"name": "\xc8\xe2"}')
    with pytest.raises(InputError, match="not UTF-8"):
        patient_settings(tmp_path / "b.json")


@pytest.mark.parametrize(("age", "sex"), [(-1, None), (200, None), (float("nan"), None), (None, "X")])
def test_options_out_of_range_are_refused(age: float | None, sex: str | None) -> None:
    with pytest.raises(InputError):
        patient_settings(None, age_years=age, sex=sex)
