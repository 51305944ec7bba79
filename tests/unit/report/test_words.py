"""Numbers, ages and evidence as each language writes them."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from string import Formatter

import pytest

from ecg_engine.report.typeface import ellipsised, name_shrunk, printable, text_width_mm
from ecg_engine.report.words import (
    age_text,
    applied_text,
    date_text,
    day_text,
    evidence_text,
    fact_text,
    filters_text,
    normal_text,
    number,
    quantity_text,
    reason_words,
)
from ecg_engine.types import Evidence, Note
from tests.unit.report.factory import recording, report_of


@pytest.mark.parametrize(
    ("years", "en", "ru"),
    [(None, "—", "—"), (0.5, "6 mo", "6 мес."), (2.99, "35 mo", "35 мес."), (3, "3 y", "3 года"),
     (11, "11 y", "11 лет"), (14, "14 y", "14 лет"), (21, "21 y", "21 год"), (34.9, "34 y", "34 года"),
     (101, "101 y", "101 год"),
     (112, "112 y", "112 лет")],
)  # fmt: skip
def test_ages(years: float | None, en: str, ru: str) -> None:
    assert (age_text(years, "en"), age_text(years, "ru")) == (en, ru)


def test_numbers() -> None:
    assert number(-0.0004, 2, "en") == "0.00"
    assert number(-1.25, 1, "ru") == "−1,2"
    assert number(float("nan"), 1, "en") == "—"


@pytest.mark.parametrize(
    ("code", "value", "en", "ru"),
    [("pr_ms", 162.4, "162 ms", "0,16 с"), ("heart_rate_bpm", 71.6, "72 bpm", "72 уд/мин"),
     ("qrs_axis_deg", -35.2, "−35°", "−35°"),
     ("pause_s", 3.24, "3.2 s", "3,2 с"), ("r_mv", 1.234, "1.23 mV", "1,23 мВ"),
     ("p_share_percent", 90.0, "90 %", "90 %"),
     ("n_pacing_spikes", 12.0, "12", "12"), ("qt_ms", None, "—", "—"), ("qt_ms", float("nan"), "—", "—")],
)  # fmt: skip
def test_quantities(code: str, value: float | None, en: str, ru: str) -> None:
    assert (quantity_text(code, value, "en"), quantity_text(code, value, "ru")) == (en, ru)


@pytest.mark.parametrize(
    ("code", "limits", "en", "ru"),
    [
        ("pr_ms", (120.0, 200.0), "120–200", "0,12–0,20"), ("qtc_fridericia_ms", (None, 460.0), "≤460", "≤0,46"),
        ("qrs_axis_deg", (-30.0, 90.0), "−30…90", "−30…90"), ("heart_rate_bpm", (60.0, None), "≥60", "≥60"),
        ("pr_ms", None, "", ""),
    ],
)  # fmt: skip
def test_normal_limits(code: str, limits: tuple[float | None, float | None] | None, en: str, ru: str) -> None:
    assert normal_text(code, limits, "en") == en
    assert normal_text(code, limits, "ru") == ru


def test_a_value_just_below_its_limit_does_not_read_as_the_limit() -> None:
    evidence = [Evidence(measurement="qrs_ms", value=118.0, relation="<", threshold=120.0)]
    assert evidence_text(evidence, "ru") == "QRS 0,118 с < 0,12"
    assert evidence_text(evidence, "en") == "QRS 118 ms < 120"


@pytest.mark.parametrize(
    ("value", "relation", "limit", "told"),
    [
        (59.8, "<", 60.0, "59.8"), (59.96, "<", 60.0, "59.96"), (100.3, ">", 100.0, "100.3"), (59.2, "<", 60.0, "59"),
        (60.0, ">=", 60.0, "60"), (59.6, "<=", 59.6, "59.6"), (60.4, "<", 60.0, "60"),
    ],
)  # fmt: skip
def test_no_rounding_hides_that_a_limit_is_crossed(value: float, relation: str, limit: float, told: str) -> None:
    evidence = Evidence(measurement="heart_rate_bpm", value=value, relation=relation, threshold=limit)
    words = evidence_text([evidence], "en")
    assert words.split(" bpm")[0].split()[-1] == told
    assert fact_text(evidence, "en").startswith(told + " ")


def test_leads_with_another_threshold_stand_apart() -> None:
    evidence = [
        Evidence(measurement="st_j60_mv", value=0.21, lead="II", relation=">=", threshold=0.1),
        Evidence(measurement="st_j60_mv", value=0.26, lead="V2", relation=">=", threshold=0.2),
        Evidence(measurement="st_j60_mv", value=0.2, lead="III", relation=">=", threshold=0.1),
        Evidence(measurement="p_share_percent", value=95.0),
    ]
    assert evidence_text(evidence, "en") == (
        "ST J+60 II 0.21 / III 0.20 mV ≥ 0.1; ST J+60 V2 0.26 mV ≥ 0.2; Beats with a P wave 95 %"
    )


def test_moments() -> None:
    assert date_text("2024-05-01T09:17:34+03:00", "ru") == "01.05.2024 09:17:34"
    assert date_text("2024-05-01T09:17:34", "en") == "2024-05-01 09:17:34"
    assert date_text("last Tuesday", "en") == "last Tuesday"
    assert (date_text(None, "en"), day_text(None, "ru"), day_text("1962-03-04", "ru")) == ("—", "—", "04.03.1962")


def test_filters() -> None:
    assert filters_text(None, "en") == "unknown"
    assert (
        filters_text({"highpass_hz": 0.05, "lowpass_hz": 150.0, "notch_hz": 50.0}, "ru")
        == "0,05–150 Гц, режекторный 50 Гц"
    )
    assert filters_text({"highpass_hz": None, "lowpass_hz": 40.0, "notch_hz": None}, "en") == "to 40 Hz"
    assert applied_text((), "ru") == "нет"
    assert applied_text(("baseline_level", "mains_removed:60"), "en") == "baseline level removed, mains 60 Hz removed"


def test_a_reason_is_a_statement_a_note_with_its_facts_or_its_code() -> None:
    rec = recording()
    report = report_of(rec, notes=(Note(stage="x", code="few_beats", facts={"n_beats": 2}),))
    assert reason_words("qt_prolonged", report, "en") == "Prolonged QT interval"
    assert reason_words("few_beats", report, "en").startswith("QRS complexes found: 2")
    assert reason_words("too_short", report, "en") == "too_short"  # its facts are nowhere
    assert reason_words("a_hospitals_own", report, "ru") == "a_hospitals_own"


def test_page_texts_have_the_same_facts_in_both_languages() -> None:
    table = tomllib.loads((files("ecg_engine.vocabulary") / "page.toml").read_text(encoding="utf-8"))
    for key, entry in table.items():
        assert set(entry) == {"en", "ru"}, key
        names = [{name for _, name, _, _ in Formatter().parse(entry[lang]) if name} for lang in ("en", "ru")]
        assert names[0] == names[1], key


def test_ellipsis_is_measured_in_the_font() -> None:
    cut = ellipsised("Преображенская Александра", 20, 9)
    assert cut.endswith("…")
    assert text_width_mm(cut, 9) <= 20 < text_width_mm(cut[:-1] + "MM…", 9)
    assert ellipsised("short", 20, 9) == "short"
    assert printable("a\x00\n  b\u202e") == "a b\u202e"


def test_names_of_channels_keep_their_ends() -> None:
    names = [name_shrunk(f"ECG channel {i}", 8.0, 9.5, 5.5)[0] for i in (1, 12, 13)]
    assert len(set(names)) == 3
    assert names[1].endswith("12")
