"""The draft text of a study: what it must say, and what it must never say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ecg_engine import vocabulary
from ecg_engine.interpretation.draft import draft_phrases, side_of
from ecg_engine.types import Change, Gate, ImageQuality, Measurements, Note, StudyReport
from tests.unit.report.films import HAND, LATERAL, PA, anatomy, film, finding, study

AP = Gate(accepted=True, view="AP", view_source="header", child=False, body_part="CHEST")
QUIET = (finding("effusion", 0.1), finding("opacity", 0.2))


def text(report: StudyReport, section: str, lang: str = "en") -> str:
    phrases = (p for p in report.phrases if p.section == section)
    return " ".join(vocabulary.phrase_text(p.code, lang, p.facts) for p in phrases)


def other(body_part: str, **image: object):
    gate = Gate(accepted=False, reasons=("other_body_part",), body_part=body_part)
    return film(gate, image=image)


def test_a_quiet_film_is_never_called_normal_and_names_all_that_was_looked_for() -> None:
    report = study(film(PA, QUIET, ratio=0.45))
    for lang, words in (("en", ("pleural effusion", "lung opacity")), ("ru", ("плевральный выпот", "затенение"))):
        said = text(report, "conclusion", lang)
        assert all(word in said for word in words)
        assert not re.search(r"normal|норм|без патолог", said, re.IGNORECASE)
    assert [p.code for p in report.phrases if p.section == "conclusion"] == ["no_findings"]
    assert "___" in text(report, "description"), "what was not assessed is left to the doctor"


def test_findings_stand_in_order_of_urgency_with_their_side_and_score() -> None:
    findings = (finding("cardiomegaly", 0.99), finding("effusion", 0.6, region=(900, 1500, 1400, 1900)),
                finding("pneumothorax", 0.7, region=(100, 200, 600, 900)), finding("opacity", 0.1))  # fmt: skip
    report = study(film(PA, findings))
    said = text(report, "conclusion", "ru")
    assert re.search(r"Пневмоторакс, справа \(оценка 0,70\).*Плевральный выпот, слева.*Расширение тени сердца \(", said)
    assert "опухол" not in said and "затенение" not in said.lower()
    assert "Below the threshold: lung opacity." in text(report, "description")


def test_two_models_that_see_one_thing_make_one_line_of_the_conclusion() -> None:
    report = study(film(PA, (finding("effusion", 0.6), finding("effusion", 0.9, model="second"))))
    found = [p.facts for p in report.phrases if p.code == "conclusion_finding"]
    assert [facts["score"] for facts in found] == [0.9]


@pytest.mark.parametrize(
    ("region", "with_lungs", "side"),
    [
        # Columns 0.25 to 0.45 of 2048 are the right lung, 0.55 to 0.75 the left one (the patient's).
        ((900, 500, 1200, 900), True, "right"), ((900, 1150, 1200, 1500), True, "left"),
        ((900, 500, 1200, 1500), True, None), ((0, 0, 40, 40), True, None),
        # A region that reaches over the midline, but only one lung lies in it.
        ((900, 500, 1200, 1080), True, "right"), ((900, 500, 1200, 1080), False, None),
        ((900, 500, 1200, 900), False, "right"), ((900, 1150, 1200, 1500), False, "left"), (None, True, None),
    ],
)  # fmt: skip
def test_the_side_is_named_where_the_region_lies_clearly_in_one_lung(region, with_lungs, side) -> None:
    image = film(PA, anatomy=anatomy() if with_lungs else None)
    assert side_of(finding("effusion", 0.9, region=region), image) == side


def test_the_side_is_found_in_a_picture_that_is_not_square() -> None:
    # 1024 of 2048 columns: the square's columns 128 to 384 show the picture, the right lung 128 to 230.
    image = film(PA, image={"columns": 1024}, anatomy=anatomy())
    assert side_of(finding("effusion", 0.9, region=(900, 0, 1200, 380)), image) == "right"
    assert side_of(finding("effusion", 0.9, region=(900, 640, 1200, 1024)), image) == "left"


def test_no_side_is_named_of_a_heart_a_turned_film_or_outlines_that_are_not_believed() -> None:
    region = (900, 500, 1200, 1080)
    assert side_of(finding("cardiomegaly", 0.9, region=region), film(PA, anatomy=anatomy())) is None
    turned = Gate(accepted=False, reasons=("turned",), view="PA", turned_deg=180, body_part="CHEST")
    assert side_of(finding("effusion", 0.9, region=region), film(turned, anatomy=anatomy())) is None
    assert side_of(finding("effusion", 0.9, region=region), film(PA, anatomy=anatomy(confidence=0.4))) is None


@pytest.mark.parametrize(
    ("gate", "ratio", "code"),
    [
        (PA, 0.50, "ctr"),
        (PA, 0.504, "ctr"),
        (PA, 0.51, "ctr_above"),
        (AP, 0.60, "ctr_not_pa"),
        (PA, None, "ctr_missing"),
    ],
)
def test_the_ratio_is_judged_on_pa_films_of_adults_only(gate, ratio, code) -> None:
    report = study(film(gate, QUIET, ratio=ratio))
    assert [p.code for p in report.phrases if p.code.startswith("ctr")] == [code]
    assert ("conclusion_ctr" in {p.code for p in report.phrases}) is (code == "ctr_above")
    if ratio is not None:
        assert f"{ratio:.2f}" in text(report, "description")


def test_the_ratio_comes_with_how_far_it_may_be_off() -> None:
    measured = film(PA, QUIET, ratio=0.47)
    both = Measurements(overall={**measured.measurements.overall, "cardiothoracic_ratio_error": 0.034})
    report = study(replace(measured, measurements=both))
    assert "0.47" in text(report, "description")
    assert "may be off by 0.03" in text(report, "description")
    assert "may be off" not in text(study(measured), "description")


@pytest.mark.parametrize(
    ("part", "words_en", "words_ru"),
    [
        ("HAND", "Joint surfaces and joint spaces: ___", "Рентгенограмма кисти"),
        ("FOOT", "Continuity of the bones: ___", "Рентгенограмма стопы"),
        ("KNEE", "Osteophytes", "Рентгенограмма коленного сустава"),
        ("SHOULDER", "Joint surfaces", "Рентгенограмма плечевого сустава"),
        ("LSPINE", "Disc spaces: ___", "Высота межпозвонковых дисков: ___"),
        ("SKULL", "sella turcica", "турецкое седло: ___"),
        ("PELVIS", "Sacroiliac joints: ___", "Лонное сочленение: ___"),
        ("ABDOMEN", "Free air under the diaphragm: ___", "Горизонтальные уровни жидкости: ___"),
        ("BREAST", "BI-RADS category: ___", "Категория BI-RADS: ___"),
        ("TAIL", "TAIL", "TAIL"),
    ],
)
def test_other_body_parts_get_a_template_for_the_doctor(part: str, words_en: str, words_ru: str) -> None:
    report = study(other(part))
    assert words_en in text(report, "description", "en") and words_ru in text(report, "description", "ru")
    assert "___" in text(report, "conclusion", "ru")


def test_the_films_of_one_part_and_side_share_a_template() -> None:
    images = (other("HAND", view="PA", laterality="R"), other("HAND", view="LLO", laterality="R"),
              other("HAND", view="PA", laterality="L"))  # fmt: skip
    report = study(*images)
    assert [p.code for p in report.phrases].count("template_limb") == 2
    assert "кисти (правая сторона), прямая задне-передняя и косая проекции" in text(report, "description", "ru")


def test_an_unscored_study_says_why_and_that_a_doctor_must_read_it() -> None:
    turned = Gate(accepted=False, reasons=("turned",), view="PA", turned_deg=90, body_part="CHEST")
    said = text(study(film(turned)), "conclusion")
    assert "turned clockwise by 90°" in said and "physician must read" in said
    assert "кисть" in text(study(film(HAND)), "conclusion", "ru")


def test_a_file_that_says_chest_of_a_picture_that_is_none_does_not_make_it_one() -> None:
    gate = Gate(accepted=False, reasons=("not_chest",))
    said = text(study(film(gate, image={"body_part": "CHEST"})), "description")
    assert "region is not known" in said and "Lungs" not in said


def test_a_poor_film_without_findings_is_not_said_to_have_none() -> None:
    poor = ImageQuality(acceptable=False, reasons=("noisy",))
    report = study(film(PA, QUIET, quality=poor))
    assert "no_findings" not in {p.code for p in report.phrases}
    assert "Quality: noise." in text(report, "description") and "noise" in text(report, "conclusion")


def test_a_routine_finding_of_an_unscored_film_is_not_lost() -> None:
    poor = ImageQuality(acceptable=False, reasons=("noisy",))
    report = study(film(PA, (finding("cardiomegaly", 0.9),), quality=poor))
    assert "cardiomegaly" in text(report, "conclusion") and "cardiomegaly" in text(report, "description")


def test_research_scores_stand_under_a_heading_of_their_own_and_never_in_the_conclusion() -> None:
    report = study(film(PA, (*QUIET, finding("pneumonia_paediatric", 0.97, report="research", model="k"))))
    (heading,) = (p for p in report.phrases if p.code == "research_scores")
    assert heading.section == "description"
    assert [score["code"] for score in heading.facts["scored"]] == ["pneumonia_paediatric"]
    assert "research_scores" not in {p.code for p in study(film(PA, QUIET)).phrases}
    assert "child" not in text(report, "conclusion") and "0.97" not in text(report, "conclusion")
    assert vocabulary.phrase_starts_line("research_scores")


def test_images_that_were_not_scored_are_counted_beside_those_that_were() -> None:
    assert "Images not assessed by the engine: 2" in text(
        study(film(PA, QUIET), film(LATERAL), film(LATERAL)), "conclusion"
    )


@pytest.mark.parametrize("date", ["2025-01-02", None])
def test_the_comparison_names_what_changed_or_that_nothing_did(date: str | None) -> None:
    changed = Change(code="effusion", kind="finding", before=0.2, after=0.8, beyond_error=True)
    within = Change(code="cardiothoracic_ratio", kind="measurement", before=0.5, after=0.52, beyond_error=False)
    previous = {"study_uid": "1", "date": date}
    said = text(study(film(PA, QUIET), changes=(changed, within), previous=previous), "conclusion", "ru")
    assert "плевральный выпот 0,20 → 0,80" in said and "0,52" not in said
    assert ("02.01.2025" in said) is (date is not None)
    said = text(study(film(PA, QUIET), changes=(within,), previous=previous), "conclusion")
    assert "no change beyond" in said


def test_remarks_are_those_of_the_gate() -> None:
    note = Note(stage="gate", code="view_contradicts_header", facts={"header": "LL", "pixels": "FRONTAL"})
    assert "frontal view" in text(study(film(PA, QUIET, notes=(note,))), "description").lower()


def test_phrases_hold_codes_and_numbers_not_texts() -> None:
    report = study(
        film(PA, (finding("effusion", 0.9, region=(900, 500, 1200, 900)),), ratio=0.6, anatomy=anatomy()), film(HAND)
    )
    assert draft_phrases(report) == report.phrases
    assert not re.search(r"[а-яё]|Pleural", repr(report.phrases), re.IGNORECASE)
