"""Scores and statements join as the table says: nothing is lowered, nothing critical comes of a score alone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from ecg_engine import models, vocabulary
from ecg_engine.interpretation.fusion import JOINS, LOW, join_of, join_scores
from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.models import read_card
from ecg_engine.types import Statement, Urgency

ROUTINE = Urgency(level="routine")


def score(label: str, value: float, *, report: str = "default", threshold: float = 0.5) -> dict[str, Any]:
    return {"model": "m 1", "label": label, "score": value, "threshold": threshold, "report": report}


def joined(codes: str, *scores: dict[str, Any], level: str = "routine", **of: Any) -> tuple[str, list[str]]:
    statements = [Statement(code=code) for code in codes.split()]
    urgency, notes = join_scores(Urgency(level=level), statements, scores, **of)
    return urgency.level, [note.code for note in notes]


@pytest.mark.parametrize(
    ("codes", "scored", "level", "notes"),
    [
        # By the text of the table: fibrillation today, infarction before the routine work, the rest is told.
        ("sinus_rhythm", score("atrial_fibrillation", 0.9), "urgent", ["score_without_statement"]),
        ("sinus_rhythm", score("atrial_fibrillation", 0.4), "routine", []),
        ("atrial_fibrillation", score("atrial_fibrillation", 0.9), "routine", []),
        ("atrial_flutter", score("atrial_fibrillation", 0.9), "routine", []),
        ("atrial_fibrillation", score("atrial_fibrillation", 0.04), "routine", ["statement_without_score"]),
        ("normal_ecg", score("MI", 0.9), "unscored", ["score_without_statement"]),
        ("infarction_inferior", score("MI", 0.9), "routine", []),
        ("infarction_inferior", score("MI", 0.01), "routine", []),
        ("normal_ecg", score("STTC", 0.9), "routine", ["score_without_statement"]),
        ("normal_ecg", score("CD", 0.9), "routine", ["score_without_statement"]),
        ("normal_ecg", score("HYP", 0.9), "routine", ["score_without_statement"]),
        ("normal_ecg", score("NORM", 0.04), "unscored", ["normal_without_score"]),
        ("sinus_rhythm", score("NORM", 0.04), "routine", []),
        ("normal_ecg", score("NORM", 0.99), "routine", []),
        # A label that is a statement's code raises to that statement's level, and never above today.
        ("sinus_rhythm", score("av_block_3", 0.9), "urgent", ["score_without_statement"]),
        ("sinus_rhythm", score("lbbb_complete", 0.9), "routine", ["score_without_statement"]),
        ("lbbb_complete", score("lbbb_complete", 0.01), "routine", ["statement_without_score"]),
        # PTB-XL files ASMI and IMI under MI, ISC_ and NDT under STTC, VCLVH beside LVH: they press as those do.
        ("normal_ecg", score("ASMI", 0.9), "unscored", ["score_without_statement"]),
        ("infarction_anterior", score("ASMI", 0.9), "routine", []),
        ("sinus_rhythm", score("infarction_inferior", 0.9), "unscored", ["score_without_statement"]),
        ("st_elevation_mi", score("infarction_inferior", 0.9), "routine", []),
        ("infarction_inferior", score("infarction_inferior", 0.01), "routine", ["statement_without_score"]),
        ("normal_ecg", score("ISC_", 0.9), "routine", ["score_without_statement"]),
        ("t_inversion", score("ISC_", 0.9), "routine", []),
        ("st_t_nonspecific", score("NDT", 0.9), "routine", []),
        ("lvh", score("VCLVH", 0.9), "routine", []),
        ("av_block_1", score("LPR", 0.9), "routine", []),
        ("normal_ecg", score("ABQRS", 0.9), "routine", []),
        ("sinus_rhythm", score("other", 0.99), "routine", []),
        ("atrial_fibrillation", score("sinus_rhythm", 0.99), "routine", []),
        ("ventricular_bigeminy", score("premature_ventricular_complex", 0.99), "routine", []),
        ("sinus_rhythm", score("scoliosis", 0.99), "routine", []),
    ],
)
def test_the_table(codes: str, scored: dict[str, Any], level: str, notes: list[str]) -> None:
    assert joined(codes, scored) == (level, notes)


def test_pain_in_the_chest_brings_a_possible_infarction_today() -> None:
    assert joined("normal_ecg", score("MI", 0.9), complaint="chest pain for an hour")[0] == "urgent"
    assert joined("normal_ecg", score("MI", 0.9), complaint="denies chest pain")[0] == "unscored"
    assert joined("normal_ecg", score("STTC", 0.9), complaint="боли за грудиной")[0] == "unscored"
    assert joined("normal_ecg", score("ASMI", 0.9), complaint="chest pain for an hour")[0] == "urgent"
    assert joined("normal_ecg", score("ISC_", 0.9), complaint="chest pain for an hour")[0] == "unscored"


LABELS = (*JOINS, "NORM", "normal", "other", "noisy", "scoliosis", *vocabulary.statements())


def test_no_score_lowers_and_none_alone_makes_critical() -> None:
    rows = itertools.product(
        LABELS, (0.0, 0.5, 1.0), LEVELS, ("", "normal_ecg", "atrial_fibrillation"), ("", "chest pain")
    )
    for label, value, level, codes, complaint in rows:
        found, _ = joined(codes, score(label, value), level=level, complaint=complaint)
        assert LEVELS.index(found) <= LEVELS.index(level), label
        assert found != "critical" or level == "critical", label


def test_research_scores_and_those_of_what_cannot_be_judged_do_nothing() -> None:
    for label, value in itertools.product(LABELS, (0.0, 1.0)):
        for codes in ("normal_ecg", "atrial_fibrillation"):
            assert joined(codes, score(label, value, report="research")) == ("routine", [])
            assert joined(codes, score(label, value), judged=("no_beats",)) == ("routine", [])


def test_the_statements_stay_and_the_reason_is_named() -> None:
    before = Urgency(level="routine", because=(), repeat_recording=("lead_noisy",))
    urgency, notes = join_scores(before, [Statement(code="sinus_rhythm")], [score("atrial_fibrillation", 0.9)])
    assert urgency == Urgency(level="urgent", because=("unconfirmed_score",), repeat_recording=("lead_noisy",))
    pressing = Urgency(level="urgent", because=("bradycardia",))
    assert join_scores(pressing, [], [score("atrial_fibrillation", 0.9)])[0] == pressing
    assert notes[0].facts == {"model": "m 1", "label": "atrial_fibrillation", "score": 0.9, "threshold": 0.5}


@pytest.mark.parametrize(("value", "n_notes"), [(0.49, 0), (0.5, 1)])
def test_what_is_less_likely_than_not_is_no_disagreement(value: float, n_notes: int) -> None:
    """A rare finding's threshold lies at a few in a hundred: a page full of them would be switched off."""
    urgency, notes = join_scores(ROUTINE, [], [score("atrial_fibrillation", value, threshold=0.01)])
    assert len(notes) == n_notes
    assert urgency.level == ("urgent" if n_notes else "routine")


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_each_disagreement_has_its_words(lang: str) -> None:
    scores = [score("MI", 0.91, threshold=0.25), score("NORM", 0.01), score("atrial_fibrillation", 0.02)]
    statements = [Statement(code="atrial_fibrillation"), Statement(code="normal_ecg")]
    _, notes = join_scores(ROUTINE, statements, scores)
    words = [vocabulary.note_text(note.code, lang, note.facts) for note in notes]
    assert len(words) == 3
    assert vocabulary.statement("atrial_fibrillation").text[lang] in words[2]
    assert ("0,91" if lang == "ru" else "0.91") in words[0]
    assert vocabulary.score_text("NORM", lang) in words[1]


def test_each_label_that_counts_has_a_row_and_words_of_its_own() -> None:
    for path in (Path(models.__file__).parent / "weights").glob("*.toml"):
        card = read_card(path)
        if card.task != "ecg_scores":
            continue
        for label in card.labels:
            if label.report == "default" and label.code in vocabulary.statements():
                assert join_of(label.code) is not None or label.code.startswith(("sinus", "normal")), label.code
            elif label.report == "default" and label.code not in ("NORM", "normal", "other", "noisy"):
                assert label.code in JOINS, label.code
            for lang in ("en", "ru"):
                assert vocabulary.score_text(label.code, lang) != label.code, label.code


def test_every_statement_of_the_table_is_of_the_vocabulary() -> None:
    known = set(vocabulary.statements())
    for label in LABELS:
        join = join_of(label)
        if join is not None:
            assert join.said_by <= known
            assert join.contradicts <= join.said_by
            assert join.raises_to in (None, "urgent", "unscored")
    assert 0 < LOW < 0.1
