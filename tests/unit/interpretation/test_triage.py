"""Urgency of radiographs: the table, abstention, and the place of a study among its equals."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_engine import vocabulary
from ecg_engine.interpretation.triage import (
    FINDING_LEVELS,
    by_urgency,
    judge_radiograph,
    judge_study,
    level_of,
    relative_score,
)
from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.types import Gate, ImageQuality
from tests.unit.report.films import GOOD, HAND, LATERAL, PA, film, finding

CHILD = Gate(accepted=False, reasons=("child",), view="AP", child=True, body_part="CHEST")
NOISY = ImageQuality(acceptable=False, reasons=("noisy",))
QUIET = (finding("effusion", 0.1), finding("opacity", 0.2))


def test_every_finding_of_the_vocabulary_has_a_level_and_a_reason() -> None:
    assert set(FINDING_LEVELS) == set(vocabulary.findings())
    assert all(
        entry.level in LEVELS and entry.level != "unscored" and entry.reason for entry in FINDING_LEVELS.values()
    )


@pytest.mark.parametrize(
    ("code", "level"),
    [("pneumothorax", "critical"), ("edema", "urgent"), ("effusion", "urgent"), ("opacity", "urgent"),
     ("pneumonia", "urgent"), ("nodule_mass", "urgent"), ("abnormal", "urgent"), ("cardiomegaly", "routine"),
     ("atelectasis", "routine"), ("a_hospitals_own", "urgent")],
)  # fmt: skip
def test_a_finding_that_is_seen_makes_its_level(code: str, level: str) -> None:
    urgency = judge_radiograph(PA, GOOD, (*QUIET, finding(code, 0.5, 0.5)))
    assert (urgency.level, urgency.because) == (level, (code,))


def test_the_order_of_a_conclusion_is_that_of_urgency() -> None:
    ranks = [LEVELS.index(level_of(code)) for code in vocabulary.findings() if code != "pneumonia_paediatric"]
    assert ranks == sorted(ranks)


def test_a_film_without_findings_is_routine() -> None:
    assert judge_radiograph(PA, GOOD, QUIET).level == "routine"


@pytest.mark.parametrize("score", [0.6, 0.9999, 1.0])
def test_research_scores_never_raise_urgency_and_score_nothing(score: float) -> None:
    research = finding("pneumothorax", score, report="research")
    assert judge_radiograph(PA, GOOD, (*QUIET, research)).level == "routine"
    alone = judge_radiograph(PA, GOOD, (research,))
    assert (alone.level, alone.because) == ("unscored", ("no_model",))


@pytest.mark.parametrize(
    ("gate", "quality", "findings", "because"),
    [
        (HAND, GOOD, (), ("other_body_part",)),
        (CHILD, GOOD, (finding("pneumonia_paediatric", 0.9, report="research"),), ("child",)),
        (LATERAL, GOOD, QUIET, ("lateral_view",)),
        (PA, NOISY, QUIET, ("noisy",)),
        (PA, GOOD, (), ("no_model",)),
        (HAND, NOISY, (), ("other_body_part", "noisy")),
    ],
)
def test_what_the_engine_cannot_judge_is_unscored_and_says_why(gate, quality, findings, because) -> None:
    urgency = judge_radiograph(gate, quality, findings)
    assert (urgency.level, urgency.because) == ("unscored", because)


def test_a_default_model_whose_own_card_admits_children_scores_a_child() -> None:
    assert judge_radiograph(CHILD, GOOD, (finding("own", 0.1),)).level == "routine"


def test_what_was_seen_on_a_poor_film_is_not_hidden_by_its_quality() -> None:
    assert judge_radiograph(PA, NOISY, (finding("pneumothorax", 0.9),)).level == "critical"
    # A routine finding gives way: a doctor looks before routine work.
    assert judge_radiograph(PA, NOISY, (finding("cardiomegaly", 0.9),)).level == "unscored"


def test_a_lateral_view_beside_a_scored_frontal_one_does_not_make_the_study_unscored() -> None:
    for images in itertools.permutations((film(LATERAL), film(PA, QUIET))):
        urgency, priority = judge_study(images)
        assert urgency.level == "routine" and priority is not None


def test_a_study_is_as_pressing_as_its_most_pressing_image() -> None:
    images = (film(PA, QUIET), film(PA, (finding("effusion", 0.7),)), film(PA, (finding("pneumothorax", 0.8),)))
    urgency, _ = judge_study(images)
    assert (urgency.level, urgency.because) == ("critical", ("pneumothorax",))


def test_a_study_is_unscored_where_every_image_is_with_all_reasons_and_no_priority() -> None:
    urgency, priority = judge_study((film(HAND), film(LATERAL), film(HAND)))
    assert (urgency.level, urgency.because, priority) == ("unscored", ("other_body_part", "lateral_view"), None)


def test_a_routine_finding_does_not_lift_an_urgent_study_over_another() -> None:
    mild = film(PA, (finding("effusion", 0.55), finding("cardiomegaly", 0.99)))
    worse = film(PA, (finding("effusion", 0.7), finding("cardiomegaly", 0.01)))
    assert judge_study((mild,))[1] < judge_study((worse,))[1]


scores = st.floats(0, 1)


@given(a=scores, b=scores, threshold=st.floats(0, 1))
def test_the_relative_score_keeps_the_order_and_is_a_half_at_the_threshold(
    a: float, b: float, threshold: float
) -> None:
    low, high = sorted((a, b))
    assert 0.0 <= relative_score(low, threshold) <= relative_score(high, threshold) <= 1.0
    assert relative_score(threshold, threshold) in (0.5, 1.0)
    assert (relative_score(a, threshold) >= 0.5) == (a >= threshold) or threshold - a < 1e-15


@given(values=st.lists(scores, min_size=3, max_size=3), more=st.floats(0, 1), which=st.integers(0, 2))
def test_a_higher_score_never_lowers_the_place_of_a_study(values: list[float], more: float, which: int) -> None:
    codes = ("pneumothorax", "effusion", "cardiomegaly")

    def place(scores: list[float]) -> tuple[int, float]:
        urgency, priority = judge_study([film(PA, tuple(finding(c, s) for c, s in zip(codes, scores, strict=True)))])
        assert priority is not None
        return -LEVELS.index(urgency.level), priority

    raised = [max(v, more) if i == which else v for i, v in enumerate(values)]
    assert place(raised) >= place(values)


def test_findings_are_ordered_by_level_then_by_relative_score() -> None:
    given_order = (finding("cardiomegaly", 0.99), finding("effusion", 0.6, 0.5), finding("opacity", 0.55, 0.2),
                   finding("pneumothorax", 0.51))  # fmt: skip
    assert [f.code for f in by_urgency(given_order)] == ["pneumothorax", "opacity", "effusion", "cardiomegaly"]
