"""Two studies of a patient side by side."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from ecg_engine.interpretation.comparison import CTR_LIMIT, SCORE_LIMIT, compare, compare_reports
from ecg_engine.types import Gate
from tests.unit.report.films import LATERAL, PA, film, finding, study


def view(name: str) -> Gate:
    return Gate(accepted=True, view=name, view_source="header", child=False, body_part="CHEST")


def ratio_change(before, after):
    return [c for c in compare_reports(study(before), study(after)) if c.kind == "measurement"]


@pytest.mark.parametrize(
    ("views", "after", "beyond"),
    [(("PA", "PA"), 0.55, False), (("PA", "PA"), 0.551, True), (("PA", "PA"), 0.44, True), (("PA", "AP"), 0.58, False),
     (("AP", "PA"), 0.61, True), (("FRONTAL", "FRONTAL"), 0.56, True)],
)  # fmt: skip
def test_the_ratio_has_changed_where_it_differs_by_more_than_the_methods_error(views, after, beyond) -> None:
    (change,) = ratio_change(film(view(views[0]), ratio=0.5), film(view(views[1]), ratio=after))
    assert (change.code, change.before, change.after, change.beyond_error) == (
        "cardiothoracic_ratio",
        0.5,
        after,
        beyond,
    )


def test_a_ratio_that_one_study_lacks_is_no_change() -> None:
    assert ratio_change(film(PA), film(PA, ratio=0.5)) == []


def test_the_ratio_of_a_pa_film_is_taken_before_that_of_another() -> None:
    two = study(film(view("AP"), ratio=0.6), film(PA, ratio=0.5))
    (change,) = compare_reports(two, study(film(PA, ratio=0.5)))
    assert change.before == 0.5 and not change.beyond_error


@pytest.mark.parametrize(
    ("before", "after", "told", "beyond"),
    [(0.1, 0.3, False, False), (0.1, 0.301, True, True), (0.45, 0.55, True, False), (0.9, 0.3, True, True),
     (0.6, 0.7, False, False), (0.5, 0.49, True, False)],
)  # fmt: skip
def test_scores_are_told_where_they_cross_the_threshold_or_change_much(before, after, told, beyond) -> None:
    found = compare_reports(
        study(film(PA, (finding("effusion", before),))), study(film(PA, (finding("effusion", after),)))
    )
    assert [(c.code, c.kind, c.beyond_error) for c in found] == ([("effusion", "finding", beyond)] if told else [])


def test_scores_of_different_models_and_research_scores_are_not_compared() -> None:
    before = study(film(PA, (finding("effusion", 0.1), finding("x", 0.1, report="research"))))
    after = study(film(PA, (finding("effusion", 0.9, model_sha256="cd" * 32), finding("x", 0.9, report="research"))))
    assert compare_reports(before, after) == ()


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_dicts_and_reports_give_the_same(lang: str) -> None:
    before = study(film(LATERAL), film(PA, (finding("effusion", 0.1),), ratio=0.48))
    after = study(film(PA, (finding("effusion", 0.8),), ratio=0.56))
    found = compare_reports(before, after)
    assert len(found) == 2 and all(change.beyond_error for change in found)
    assert compare(before.to_dict(lang), after.to_dict("en")) == [asdict(change) for change in found]
    assert compare_reports(before.to_dict(lang), after) == found


def test_limits_are_those_of_the_documents() -> None:
    assert (CTR_LIMIT, SCORE_LIMIT) == (0.05, 0.2)
