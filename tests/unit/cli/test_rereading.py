from __future__ import annotations

from pathlib import Path

import pytest

from ecg_engine.cli.rereading import read_corrections
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
