"""Tables of radiographs: findings, body parts, sentences; every text in both languages, and facts in words."""

from __future__ import annotations

import re
import string
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.vocabulary import body_part, finding, note_text, phrase_text
from ecg_engine.vocabulary.wording import in_words

TABLES = ("body_parts", "findings", "phrases", "summary")
FIXED_CODES = {
    "abnormal", "opacity", "pneumonia", "effusion", "cardiomegaly", "edema", "atelectasis", "nodule_mass",
    "pneumothorax", "pneumonia_paediatric",
}  # fmt: skip


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((files("ecg_engine.vocabulary") / f"{name}.toml").read_text(encoding="utf-8"))


def asked(template: str) -> set[str | None]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


@pytest.mark.parametrize("name", TABLES)
def test_every_text_is_there_in_both_languages_and_asks_for_the_same_facts(name: str) -> None:
    for code, entry in table(name).items():
        assert entry["en"].strip() and entry["ru"].strip(), code
        assert asked(entry["en"]) == asked(entry["ru"]), code
        assert not re.search(r"[а-яё]", entry["en"], re.IGNORECASE), code


def test_the_codes_that_others_compute_with_are_there() -> None:
    assert set(vocabulary.findings()) == FIXED_CODES


@pytest.mark.parametrize(
    ("code", "snomed", "radlex"),
    [
        ("effusion", "60046008", "RID34539"), ("pneumothorax", "36118008", "RID5352"),
        ("pneumonia", "233604007", "RID5350"), ("edema", "19242006", None), ("cardiomegaly", "8186001", None),
        ("nodule_mass", None, None),
    ],
)  # fmt: skip
def test_codes_of_other_systems(code: str, snomed: str | None, radlex: str | None) -> None:
    assert (finding(code).snomed, finding(code).radlex) == (snomed, radlex)


def test_a_code_of_a_hospitals_own_model_is_its_own_text() -> None:
    for lang in vocabulary.LANGUAGES:
        assert finding("scoliosis {x}").text[lang] == "scoliosis {x}"
        text = phrase_text("conclusion_finding", lang, {"finding": "scoliosis {x}", "where": None, "score": 0.5})
        assert "coliosis {x}" in text


@pytest.mark.parametrize(
    ("said", "code"),
    [("CHEST", "CHEST"), ("thorax", "CHEST"), ("Lumbar Spine", "LSPINE"), ("T-SPINE", "TSPINE"), ("RIBS", "RIB"),
     ("TIBIA_FIBULA", "LEG"), ("HAND", "HAND")],
)  # fmt: skip
def test_body_parts_are_known_by_their_terms_and_by_what_files_write(said: str, code: str) -> None:
    assert body_part(said).code == code and body_part(said).listed


def test_no_body_part_has_the_spelling_of_another_and_each_has_its_template() -> None:
    spellings = [name for code, entry in table("body_parts").items() for name in (code, *entry.get("aliases", ()))]
    assert len(spellings) == len(set(spellings))
    assert all(name == name.upper() and name.isalnum() for name in spellings)
    for code in vocabulary.body_parts():
        for lang in vocabulary.LANGUAGES:
            assert "___" in phrase_text(f"template_{body_part(code).template}", lang)


def test_an_unlisted_body_part_is_its_own_name() -> None:
    assert (body_part("TAIL").listed, body_part("TAIL").text["ru"]) == (False, "TAIL")


def test_a_note_names_body_part_and_views_in_its_language() -> None:
    assert "кисть" in note_text("other_body_part", "ru", {"body_part": "HAND"})
    said = note_text("view_contradicts_header", "ru", {"header": "PA", "pixels": "LATERAL"})
    assert "задне-передняя" in said.lower() and "боковая" in said.lower()


@pytest.mark.parametrize(
    ("code", "facts"),
    [("not_chest", {}), ("lateral_view", {}), ("view_unknown", {}), ("turned", {"degrees": 90}), ("inverted", {}),
     ("child", {}), ("child_by_sight", {}), ("age_unknown_radiograph", {}), ("no_model", {}),
     ("other_body_part", {"body_part": "KNEE"}), ("view_contradicts_header", {"header": "PA", "pixels": "LATERAL"}),
     ("reduced_decode", {}), ("earlier_film_compared", {})],
)  # fmt: skip
def test_every_note_of_the_gate_has_its_words(code: str, facts: dict[str, Any]) -> None:
    for lang in vocabulary.LANGUAGES:
        text = note_text(code, lang, facts)
        assert text and "{" not in text
    assert note_text(code, "en", facts) != note_text(code, "ru", facts)


@pytest.mark.parametrize(
    ("facts", "lang", "words"),
    [
        ({"film": {"body_part": "CHEST", "views": ["PA", "LL", "LATERAL"]}}, "en", "chest, PA and lateral views"),
        ({"film": {"body_part": "KNEE", "views": ["AP"], "laterality": "L"}}, "ru",
         "коленного сустава (левая сторона), прямая передне-задняя проекция"),
        ({"film": {"body_part": "KNEE", "views": ["SUNRISE"]}}, "en", "knee, SUNRISE"),
        ({"date": "20250102"}, "ru", "02.01.2025"), ({"date": "2025-01-02"}, "en", "2025-01-02"),
        ({"date": "yesterday"}, "ru", "yesterday"), ({"where": "left"}, "ru", ", слева"), ({"where": None}, "ru", ""),
        ({"findings": ["effusion", "abc"]}, "en", "pleural effusion, abc"),
        ({"scored": [{"code": "effusion", "score": 0.456}]}, "ru", "плевральный выпот 0,46"),
        ({"reasons": ["noisy", {"code": "turned", "facts": {"degrees": 90}}, "what_is_this"]}, "en",
         "noise; the picture is turned clockwise by 90°; what_is_this"),
        ({"reasons": ["noisy", "noisy"]}, "en", "noise"),
    ],
)  # fmt: skip
def test_facts_become_words(facts: dict[str, Any], lang: str, words: str) -> None:
    assert list(in_words(facts, lang).values()) == [words]


def test_numbers_have_the_decimal_mark_of_the_language_and_names_keep_theirs() -> None:
    assert "0,56" in phrase_text("conclusion_ctr", "ru", {"ratio": 0.56})
    assert "0.56" in phrase_text("conclusion_ctr", "en", {"ratio": 0.56})
    assert "v1.0" in phrase_text("conclusion_finding", "ru", {"finding": "x v1.0", "where": None, "score": 0.5})


def test_a_missing_fact_and_an_unknown_sentence_are_errors() -> None:
    with pytest.raises(InputError, match="fact"):
        phrase_text("conclusion_ctr", "en", {})
    with pytest.raises(InputError, match="vocabulary"):
        phrase_text("nonsense", "en")
    with pytest.raises(InputError, match="lang"):
        phrase_text("conclusion_ctr", "de", {"ratio": 0.5})


def test_no_text_calls_a_film_normal() -> None:
    """A model looks for what its card names: only a doctor can say that nothing else is there."""
    for name in ("phrases", "summary"):
        for code, entry in table(name).items():
            words = f"{entry['en']} {entry['ru']}".lower()
            assert not re.search(r"\bnormal|\bнорм|без патолог|no abnormalit|healthy", words), code
