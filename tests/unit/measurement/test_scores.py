"""Which ECG models score a recording, what they are given, and what is said where they keep silent."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import ecg_engine as ee
from ecg_engine import vocabulary
from ecg_engine.errors import ModelError
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.measurement.model_inputs import PREPARATIONS, preparation
from ecg_engine.measurement.scores import ecg_scores
from ecg_engine.models import read_card
from ecg_engine.report import render_bytes, report_schema
from ecg_engine.types import Patient, Recording
from tests.unit.models import ecg_models

ONE = ("I",)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path))
    return tmp_path


def level(mv: float, leads: tuple[str, ...] = ONE, *, seconds: float = 10.0, fs: float = 100.0, **of: Any) -> Recording:
    """Return a recording that stands at one voltage: the tiny model's logit is that voltage."""
    return Recording(signal=np.full((len(leads), round(seconds * fs)), mv), fs=fs, leads=leads, patient=Patient(**of))


def ours(recording: Recording, **of: Any) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Return the tiny models' scores by label, and their notes by code."""
    scores, notes = ecg_scores(recording, usable=of.pop("usable", recording.leads), **of)
    mine = [n for n in notes if "tiny" in n.facts.get("model", "")]
    return (
        {s["label"]: s["score"] for s in scores if s["model"].startswith("tiny")},
        {n.code: dict(n.facts) for n in mine},
    )


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_a_score_is_what_the_graph_makes_of_the_signal(folder: Path) -> None:
    labels = {"atrial_fibrillation": (0.0, 0.5, "default"), "MI": (1.0, 0.9, "research")}
    card = read_card(ecg_models.put(folder, labels=labels))
    scores, notes = ecg_scores(level(0.7), usable=ONE)
    mine = [s for s in scores if s["model"] == "tiny_ecg 1.0"]
    assert [(s["label"], s["threshold"], s["report"], s["model_sha256"]) for s in mine] == [
        ("atrial_fibrillation", 0.5, "default", card.sha256),
        ("MI", 0.9, "research", card.sha256),
    ]
    assert [s["score"] for s in mine] == pytest.approx([logistic(0.7), logistic(1.7)], abs=1e-6)
    assert [n for n in notes if n.facts.get("model") == "tiny_ecg 1.0"] == []


def test_leads_come_in_the_cards_order_and_those_that_follow_are_derived(folder: Path) -> None:
    # Only aVF reaches the logit beside II: aVF is II - I / 2 (Goldberger).
    ecg_models.put(folder, n_leads=2, limits='leads = ["aVF", "II"]')
    signal = np.array([np.full(1000, 0.4), np.full(1000, 1.0)])
    recording = Recording(signal=signal, fs=100, leads=("I", "II"))
    scores, _ = ours(recording, usable=("I", "II", "III", "aVR", "aVL", "aVF"))
    assert scores["atrial_fibrillation"] == pytest.approx(logistic((0.8 + 1.0) / 2), abs=1e-6)


def test_leads_that_are_not_there_or_not_usable_keep_a_model_silent(folder: Path) -> None:
    ecg_models.put(folder, n_leads=12, limits=f"leads = {list(STANDARD_LEADS)}")
    scores, notes = ours(level(0.0))
    assert scores == {}
    assert notes["score_needs_leads"]["missing"] == "II, III, aVR, aVL, aVF, V1–V6"
    twelve = level(0.0, STANDARD_LEADS)
    scores, notes = ours(twelve, usable=[name for name in STANDARD_LEADS if name != "V3"])
    assert (scores, notes["score_needs_leads"]["missing"]) == ({}, "V3")
    assert ours(twelve)[0] == {"atrial_fibrillation": pytest.approx(0.5)}


def test_a_model_of_one_lead_takes_any_lead_and_no_twelve(folder: Path) -> None:
    ecg_models.put(folder)
    assert set(ours(level(0.0, ("PATCH",)))[0]) == {"atrial_fibrillation"}
    assert ours(level(0.0, STANDARD_LEADS)) == ({}, {})
    assert "score_needs_more_leads" in ours(level(0.0), usable=())[1]


def test_of_more_leads_that_a_card_allows_the_usable_one_is_taken(folder: Path) -> None:
    ecg_models.put(folder, limits="max_leads = 2")
    two = Recording(signal=np.array([np.zeros(1000), np.ones(1000)]), fs=100, leads=("I", "V1"))
    assert ours(two)[0]["atrial_fibrillation"] == pytest.approx(0.5)
    assert ours(two, usable=("V1",))[0]["atrial_fibrillation"] == pytest.approx(logistic(1), abs=1e-6)


@pytest.mark.parametrize(
    ("limits", "recording", "code", "fact"),
    [
        ("min_duration_s = 9", level(0, seconds=8.9), "score_other_duration", {"span": "≥ 9", "duration_s": 8.9}),
        ("max_duration_s = 61", level(0, seconds=62), "score_other_duration", {"span": "≤ 61"}),
        ("min_duration_s = 10\nmax_duration_s = 20", level(0, seconds=30), "score_other_duration", {"span": "10–20"}),
        ("age_min_years = 18", level(0, age_years=17.9), "score_other_age", {"span": "≥ 18"}),
        ("age_min_years = 1\nage_max_years = 5", level(0), "score_other_age", {"span": "1–5"}),
        ("min_fs_hz = 100", level(0, fs=50.0, seconds=20), "score_rate_too_low", {"needed_hz": 100}),
    ],
)
def test_outside_its_limits_a_model_keeps_silent(
    folder: Path, limits: str, recording: Recording, code: str, fact: dict[str, Any]
) -> None:
    ecg_models.put(folder, limits=limits)
    scores, notes = ours(recording)
    assert scores == {}
    assert fact.items() <= notes[code].items()
    for lang in ("en", "ru"):
        assert "tiny_ecg 1.0" in vocabulary.note_text(code, lang, notes[code])


def test_a_device_that_rounds_ten_seconds_is_within_them(folder: Path) -> None:
    ecg_models.put(folder, limits="min_duration_s = 10\nage_min_years = 18")
    assert set(ours(level(0, seconds=9.98))[0]) == {"atrial_fibrillation"}


def test_what_cannot_be_judged_is_scored_only_where_the_card_says_so(folder: Path) -> None:
    ecg_models.put(folder)
    assert "score_needs_quality" in ours(level(0), unscorable=("no_beats",))[1]
    ecg_models.put(folder, name="tiny_noise", limits="any_quality = true", labels={"noisy": (0.0, 0.5, "default")})
    assert set(ours(level(0), usable=(), unscorable=("no_usable_lead",))[0]) == {"noisy"}


def test_another_rate_is_brought_to_the_models_and_a_longer_recording_cut_to_its_middle(folder: Path) -> None:
    ecg_models.put(folder)
    x = np.zeros((1, 6000))
    x[0, 2000:4000] = 0.3  # the middle 10 s of 30 s at 200 Hz
    found = ours(Recording(signal=x, fs=200, leads=ONE))[0]["atrial_fibrillation"]
    assert found == pytest.approx(logistic(0.3), abs=2e-3)


def test_gaps_are_no_numbers_to_a_network(folder: Path) -> None:
    ecg_models.put(folder)
    x = np.ones((1, 1000))
    x[0, :500] = np.nan
    assert ours(Recording(signal=x, fs=100, leads=ONE))[0]["atrial_fibrillation"] == pytest.approx(
        logistic(0.5), abs=1e-6
    )


def test_z_scores_have_no_mean_and_unit_spread(folder: Path) -> None:
    card = read_card(ecg_models.put(folder, preprocessing="z_scores", n_leads=2))
    x = np.array([np.linspace(0, 5, 1000), np.full(1000, 3.0)])
    made = preparation(card)(x, fs=100.0, measured={})["signal"]
    assert made.shape == (1, 2, 1000)
    assert made[0, 0].mean() == pytest.approx(0, abs=1e-6)
    assert made[0, 0].std() == pytest.approx(1, abs=1e-6)
    assert not made[0, 1].any()


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"preprocessing": "poetry"}, "none of"),
        ({"model": ecg_models.graph(scale=float("nan"))}, "not finite"),
        ({"model": ecg_models.graph(biases=(0.0, 0.0))}, "[1, 1] on the card"),
        ({"model": ecg_models.graph(n_samples=500)}, "[1, 1, 1000] on the card"),
        ({"model": ecg_models.graph(extra=True)}, "[extra_inputs]"),
        ({"model": ecg_models.graph(extra=True), "extra": "[extra_inputs]\nage = [1, 1]"}, "was given signal"),
    ],
)
def test_a_model_that_fails_leaves_the_report_with_a_note_and_the_others_score(
    folder: Path, ecg: Recording, how: dict[str, Any], word: str
) -> None:
    ecg_models.put(folder, name="tiny_broken", limits="max_leads = 2", **how)
    ecg_models.put(folder, name="tiny_sound", limits="max_leads = 2")
    scores, notes = ours(level(0.0))
    assert set(scores) == {"atrial_fibrillation"}
    reason = notes["model_failed"]["reason"]
    assert word in reason
    # The note names the model already; what is to be done stands behind.
    assert not reason.startswith("tiny_broken 1.0")
    assert re.search("mend|copy|write|name", reason)
    report = ee.analyze_ecg(ecg)
    assert word in " ".join(n.facts.get("reason", "") for n in report.notes)
    assert [s["model"] for s in report.scores if "tiny" in s["model"]] == ["tiny_sound 1.0"]


def test_a_card_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "tiny_torn.toml").write_text("name = ")
    reason = ours(level(0.0))[1]["model_failed"]["reason"]
    assert reason.startswith("tiny_torn.toml: the card cannot be read")
    # Where a machine keeps its models is nobody's business who reads the report.
    assert str(folder) not in reason


def test_a_preparation_that_is_not_installed_is_an_error_that_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PREPARATIONS, "away", "ecg_engine.measurement.no_such_module:prepare")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not in this installation"):
        preparation(read_card(ecg_models.put(folder, preprocessing="away")))


def test_scores_stand_in_the_report_and_on_its_page(folder: Path, ecg: Recording) -> None:
    labels = {"atrial_fibrillation": (-3.0, 0.5, "default"), "MI": (2.0, 0.5, "research"), "X1": (0.0, 0.5, "default")}
    ecg_models.put(folder, labels=labels, limits="max_leads = 12")
    report = ee.analyze_ecg(ecg)
    plain = json.loads(json.dumps(report.to_dict("ru")))
    Draft202012Validator(report_schema()).validate(plain)
    mine = [s for s in plain["scores"] if s["model"] == "tiny_ecg 1.0"]
    assert [s["text"] for s in mine] == ["Фибрилляция предсердий", "Инфаркт миокарда", "X1"]
    page = render_bytes(report, ecg, "svg", lang="en").decode()
    assert "Model scores" in page
    assert "Research scores" in page
    shown = [page.index(word) for word in ("X1", "Research scores", "infarction")]
    assert shown == sorted(shown)


def test_altered_readings_run_no_network(folder: Path, ecg: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    from ecg_engine.models import Model

    ecg_models.put(folder, limits="max_leads = 12")
    runs: list[int] = []
    run = Model.run
    monkeypatch.setattr(Model, "run", lambda self, x, **of: (runs.append(1), run(self, x, **of))[1])
    ee.analyze_ecg(ecg)
    once = len(runs)
    assert once >= 1
    ee.analyze_ecg(ecg, stability_n=20)
    assert len(runs) == 2 * once


@pytest.fixture(scope="module")
def ecg() -> Recording:
    """Return a synthetic sinus rhythm in two leads."""
    fs, n = 250, 2500
    t = np.arange(n) / fs
    beat = sum(
        a * np.exp(-(((t % 0.8) - at) ** 2) / (2 * w * w))
        for a, at, w in ((0.12, 0.2, 0.02), (1.0, 0.36, 0.01), (-0.2, 0.38, 0.008), (0.25, 0.6, 0.04))
    )
    noise = 0.005 * np.random.default_rng(0).standard_normal((2, n))
    return Recording(signal=np.array([beat, 0.7 * beat]) + noise, fs=fs, leads=("I", "II"))


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_a_score_that_no_rule_confirms_is_shown_and_raises_the_urgency(folder: Path, ecg: Recording, lang: str) -> None:
    before = ee.analyze_ecg(ecg)
    ecg_models.put(folder, labels={"atrial_fibrillation": (3.0, 0.5, "default")}, limits="max_leads = 12")
    report = ee.analyze_ecg(ecg)
    assert (before.urgency.level, report.urgency.level) == ("routine", "urgent")
    assert report.urgency.because == ("unconfirmed_score",)
    assert report.statements == before.statements
    page = render_bytes(report, ecg, "svg", lang=lang).decode()
    assert vocabulary.page_text("disagreements", lang) in page
    # A line may break between them.
    assert "tiny_ecg 1.0" in " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert ("0,95" if lang == "ru" else "0.95") in page
    again = ee.analyze_ecg(ecg, previous=report)
    assert again.urgency.level == "urgent"


def test_a_research_score_raises_nothing(folder: Path, ecg: Recording) -> None:
    labels = {"atrial_fibrillation": (3.0, 0.5, "default")}
    ecg_models.put(folder, labels=labels, limits="max_leads = 12", calibrated=False)
    report = ee.analyze_ecg(ecg)
    assert [s["report"] for s in report.scores if s["model"] == "tiny_ecg 1.0"] == ["research"]
    assert report.urgency.level == "routine"


def test_saliency_is_what_a_second_of_a_lead_adds_to_the_logit(folder: Path) -> None:
    # The tiny model's logit is the mean of the signal: a second of it adds its own sum over all samples.
    ecg_models.put(folder, n_leads=2, limits='leads = ["I", "V1"]', labels={"MI": (0.0, 0.5, "default")})
    x = np.zeros((2, 1000))
    x[1, 300:400] = 2.0
    recording = Recording(signal=x, fs=100, leads=("I", "V1"))
    scores, _ = ecg_scores(recording, usable=("I", "V1"), saliency=True)
    (mine,) = [s for s in scores if s["model"] == "tiny_ecg 1.0"]
    seen = mine["saliency"]
    assert (seen["start_s"], seen["step_s"], seen["leads"]) == (0.0, 1.0, ["I", "V1"])
    drop = np.array(seen["drop"])
    assert drop.shape == (2, 10)
    assert drop[1, 3] == pytest.approx(2.0 * 100 / 2000, abs=1e-4)
    drop[1, 3] = 0
    assert not drop.any()
    assert all("saliency" not in s for s in ecg_scores(recording, usable=("I", "V1"))[0])


def test_saliency_of_a_longer_recording_begins_where_its_middle_does(folder: Path) -> None:
    ecg_models.put(folder, labels={"MI": (1.0, 0.5, "default")})
    scores, _ = ecg_scores(level(0.5, seconds=25), usable=ONE, saliency=True)
    (mine,) = [s for s in scores if s["model"] == "tiny_ecg 1.0"]
    assert mine["saliency"]["start_s"] == pytest.approx(7.5)
    short, _ = ecg_scores(level(0.5, seconds=4), usable=ONE, saliency=True)
    (mine,) = [s for s in short if s["model"] == "tiny_ecg 1.0"]
    assert len(mine["saliency"]["drop"][0]) == 4


@pytest.mark.parametrize("labels", [{"MI": (-3.0, 0.5, "default")}, {"MI": (3.0, 0.5, "research")}])
def test_no_saliency_of_a_score_below_its_threshold_or_for_research(folder: Path, labels: dict[str, Any]) -> None:
    ecg_models.put(folder, labels=labels)
    scores, _ = ecg_scores(level(0.5), usable=ONE, saliency=True)
    (mine,) = [s for s in scores if s["model"] == "tiny_ecg 1.0"]
    assert "saliency" not in mine


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_page_tints_what_a_score_rests_on(folder: Path, ecg: Recording, lang: str) -> None:
    ecg_models.put(folder, labels={"MI": (3.0, 0.5, "default")}, limits="max_leads = 12", n_samples=1000)
    report = ee.analyze_ecg(ecg, saliency=True)
    plain = report.to_dict(lang)
    Draft202012Validator(report_schema()).validate(json.loads(json.dumps(plain)))
    page = render_bytes(report, ecg, "svg", lang=lang).decode()
    word = vocabulary.page_text("saliency", lang, model="tiny_ecg 1.0", label=vocabulary.score_text("MI", lang))
    assert word in page
    # The bumps of ten seconds weigh nearly alike, and in both leads: each second of I is tinted.
    assert page.count('class="saliency"') >= 10
    assert page.index('class="saliency"') < page.index('class="grid-1mm"') < page.index('class="trace"')
    plainly = render_bytes(ee.analyze_ecg(ecg), ecg, "svg", lang=lang).decode()
    assert word not in plainly and 'class="saliency"' not in plainly
