from __future__ import annotations

from pathlib import Path

import pytest

import ecg_engine as ee
from ecg_engine.cli.explaining import explained
from ecg_engine.cli.rereading import hash_of, read_corrections
from ecg_engine.errors import InputError
from ecg_engine.settings import Corrections


def written(folder: Path, text: str) -> Path:
    path = folder / "correct.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_is_understood(tmp_path: Path) -> None:
    text = """{"swap_leads": [["RA", "LA"], ["V1", "V2"]], "invert_leads": ["V3"], "drop_leads": ["V6"],
    "age_years": 61, "sex": "F", "marks": {"qrs_offset_ms": 52, "p_onset_ms": null}, "beats": [[3.42, "V"]]}"""
    got = read_corrections(written(tmp_path, text))
    assert got == Corrections(
        swap_leads=(("RA", "LA"), ("V1", "V2")),
        invert_leads=("V3",),
        drop_leads=("V6",),
        age_years=61,
        sex="F",
        marks={"qrs_offset_ms": 52, "p_onset_ms": None},
        beats=((3.42, "V"),),
    )
    assert Corrections.from_dict(got.to_dict()) == got


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"swap": [["RA", "LA"]]}', "unknown key swap"),
        ('{"swap_leads": [["RA", "RL"]]}', "record again"),
        ('{"beats": [[3.42, "PVC"]]}', "N, S, V, F, Q"),
        ('{"marks": {"t_end_ms": 3}}', "t_offset_ms"),
        ('{"sex": "F",\n}', "line 2"),
        ("[]", "one object"),
    ],
)
def test_a_wrong_file_is_refused_saying_what(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_corrections(written(tmp_path, text))
    assert caught.value.argument == "correct"
    assert "correct.json" in str(caught.value)


def test_the_hash_of_an_earlier_ecg_that_is_not_there(tmp_path: Path) -> None:
    assert hash_of(written(tmp_path, "")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(InputError, match="cannot be read") as caught:
        hash_of(tmp_path / "absent.edf")
    assert caught.value.argument == "previous"


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["Complete LBBB", "QRS = 150 ms >= 120 ms; aha_2009_iii, doi:10.1161/CIRCULATIONAHA.108.191095"]),
        ("ru", ["QRS = 150 мс >= 120 мс", "V1 ", "из 20 прочтений"]),
    ],
)
def test_explained_is_every_statement_with_its_numbers(lang: str, words: list[str]) -> None:
    recording = ee.read_ecg("sample_data/ecg/lbbb.dcm")
    report = ee.analyze_ecg(recording, previous=recording, stability_n=20).to_dict(lang)
    qrs = report["measurements"]["global"]["qrs_ms"]["value"]
    text = "\n".join(explained(Path("lbbb.dcm"), report, lang))
    assert text.startswith("lbbb.dcm\n")
    for statement in report["statements"]:
        assert f"{statement['text']} [{statement['code']}]" in text
    for word in words[1:]:
        assert word.replace("150", f"{qrs:.0f}") in text
    assert report["comparison"]["changes"]


def test_a_failed_input_has_nothing_to_explain() -> None:
    assert list(explained(Path("bad.dcm"), None, "en")) == []
