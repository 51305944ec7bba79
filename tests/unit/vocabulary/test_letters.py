"""Names in eight-bit Cyrillic sets that nobody names are read, and CP1251 is never taken for another."""

from __future__ import annotations

import pytest

from ecg_engine.vocabulary.letters import cyrillic, mended

SURNAMES = [
    "Иванов", "Петрова", "Щукина", "Сидоренко", "Кузнецов", "Ющенко", "Эйхгорн", "Жуков", "Фёдорова", "Цой",
    "Ким", "Хабибуллин", "Шмидт", "Юсупова", "Яковлев", "Гайворонский", "Бобров", "Объедков", "Съедин",
    "Подъячева", "Ли", "Ян", "Ежов", "Бык", "Ус",
]  # fmt: skip
NAMES = ["Юлия", "Пётр", "Эдуард", "Фаина", "Жанна", "Хасан", "Игорь", "Ольга", "Ян", "Цезарь"]
WHOLE = [f"{surname} {name}" for surname in SURNAMES for name in NAMES]


@pytest.mark.parametrize("case", [str, str.upper, str.lower], ids=["name", "capitals", "small"])
def test_cp1251_is_never_taken_for_another(case: type[str]) -> None:
    texts = [case(text) for text in (*SURNAMES, *NAMES, *WHOLE, "мВ", "с", "Время, с", "ЭКГ", "Ж", "щ")]
    assert [text for text in texts if cyrillic(text.encode("cp1251")) != text] == []
    assert cyrillic("µV".encode("latin-1")) == "µV"


@pytest.mark.parametrize("charset", ["koi8-r", "cp866", "iso8859-5"])
def test_names_in_other_sets_are_read(charset: str) -> None:
    wrong = [text for text in WHOLE if cyrillic(text.encode(charset)) != text]
    assert len(wrong) <= 0.05 * len(WHOLE), wrong


@pytest.mark.parametrize("charset", ["koi8-r", "cp866", "iso8859-5", "cp1251"])
def test_a_conclusion_is_read_in_every_set(charset: str) -> None:
    text = "Ритм синусовый, ЧСС 74 в мин. ЭОС отклонена влево. НЕПОЛНАЯ БЛОКАДА ПРАВОЙ НОЖКИ ПУЧКА ГИСА."
    assert cyrillic(text.encode(charset)) == text


def test_what_claims_to_be_latin_is_koi8() -> None:
    assert mended("Щукина Юлия".encode("koi8-r").decode("latin-1")) == "Щукина Юлия"
    assert mended("Müller") == "Müller"
