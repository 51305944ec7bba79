"""``ecg-engine models``: from a file of weights to a calibrated score in a report."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import ecg_engine as ee
from ecg_engine import models
from ecg_engine.cli.app import app
from ecg_engine.models import load_model, read_card
from tests.unit.datasets.server import Publisher
from tests.unit.models import ecg_models

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["models", *words])


def table(path: Path, rows: list[dict[str, Any]], *, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def scored(n: int, share: float = 0.3, seed: int = 0) -> list[dict[str, Any]]:
    """Return studies whose scores part the ill from the others by two standard deviations of the logit."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        ill = i < round(n * share)
        p = 1 / (1 + np.exp(-(rng.normal() + 2 * ill - 1)))
        rows.append({"patient": f"p{i}", "atrial_fibrillation": int(ill), "score_atrial_fibrillation": f"{p:.6f}"})
    return rows


def test_the_list_names_models_versions_and_what_they_say(run: Run, tmp_path: Path) -> None:
    for version in ("1.0", "1.1"):
        card = ecg_models.put(tmp_path / "made", version=version)
        assert run("add", str(card.with_suffix(".onnx")), "--card", str(card)).exit_code == 0
    document = json.loads(run("list", "--json").stdout)
    mine = [(m["version"], m["counts"], m["from"]) for m in document["models"] if m["name"] == "tiny_ecg"]
    assert mine == [("1.0", False, "user"), ("1.1", True, "user")]
    assert {"chest_gate", "chest_findings"} <= {m["name"] for m in document["models"] if m["from"] == "package"}
    text = run("list").stdout
    assert "tiny_ecg" in text and "atrial_fibrillation" in text


def test_a_torn_card_is_named_and_the_others_are_listed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "torn.toml").write_text("name =")
    result = run("list")
    assert result.exit_code == 1
    assert "torn.toml" in result.stderr and "chest_gate" in result.stdout
    assert run("check").exit_code == 1
    assert "torn.toml" in run("show", "torn").stderr


def test_show_says_what_the_card_says(run: Run) -> None:
    text = run("show", "chest_findings").stdout
    for word in ("radiograph_findings", "rules nothing out", "Drains confound", "effusion", "ChestX-ray14"):
        assert word in text
    document = json.loads(run("show", "chest_findings 1.3", "--json").stdout)
    assert document["card"]["labels"][0]["code"] == "abnormal"
    missing = run("show", "nothing")
    assert missing.exit_code == 1 and "no card of it" in missing.stderr


def test_every_shipped_card_can_be_shown_with_its_figures(run: Run) -> None:
    cards = [read_card(path) for path in sorted((Path(models.__file__).parent / "weights").glob("*.toml"))]
    assert len(cards) >= 6
    for card in cards:
        result = run("show", card.name)
        assert result.exit_code == 0, card.name
        for label in card.labels:
            low, high = label.figures["auc_95"]
            assert f"{label.figures['auc']:.3f} ({low:.3f}-{high:.3f})" in result.stdout


@pytest.mark.parametrize("figures", ["auc = [0.9, 0.8, 1.0]", 'auc = "good"', "auc = 0.9\nauc_95 = 0.1"])
def test_a_card_with_figures_of_another_form_is_shown_all_the_same(run: Run, tmp_path: Path, figures: str) -> None:
    card = ecg_models.put(tmp_path / "user")
    card.write_text(card.read_text("utf-8") + f"\n[labels.figures]\n{figures}\n", encoding="utf-8")
    assert run("show", "tiny_ecg").exit_code == 0


def test_figures_within_figures_are_shown_by_name(run: Run, tmp_path: Path) -> None:
    path = ecg_models.put(tmp_path / "user")
    path.write_text(
        path.read_text()
        + "[[curve]]\nshare = 0.25\nwho = 'a quarter'\n[found.all]\nauc_95 = [0.91234, 0.95]\nn = 1200\nok = true\n"
        + f"[found.each]\n{''.join(f'x{i} = 0.1234567{chr(10)}' for i in range(60))}"
    )
    text = run("show", "tiny_ecg").stdout
    assert "- all (auc 95 [0.912, 0.95], n 1200, ok yes)" in text
    assert "- each: see --json" in text
    assert "- share 0.25; a quarter" in text


def test_check_runs_every_model_and_names_the_one_that_fails(run: Run, tmp_path: Path) -> None:
    assert run("check").exit_code == 0
    card = ecg_models.put(tmp_path / "user")
    card.with_suffix(".onnx").write_bytes(b"damaged")
    result = run("check", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [f["model"] for f in document["failed"]] == ["tiny_ecg 1.0"]
    assert {"chest_gate", "chest_findings"} <= {m["name"] for m in document["models"]}
    one = run("check", "tiny_ecg")
    assert one.exit_code == 1 and "SHA-256" in one.stderr


def test_a_card_that_names_no_preparation_is_refused(run: Run, tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path / "made", preprocessing="poetry")
    result = run("add", str(card.with_suffix(".onnx")), "--card", str(card))
    assert result.exit_code == 1 and "poetry" in result.stderr
    assert "tiny_ecg" not in run("list").stdout


def test_a_model_of_ones_own_is_research_until_it_is_calibrated(run: Run, tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path / "made", calibrated=False, limits="max_leads = 12")
    added = run("add", str(card.with_suffix(".onnx")), "--card", str(card))
    assert added.exit_code == 0 and "research, of no influence on the urgency: atrial_fibrillation" in added.stderr
    assert "counts for" not in added.stderr
    ecg = ee.Recording(signal=_beats(), fs=250, leads=("I",))
    assert _mine(ecg) == [("tiny_ecg 1.0", "research")]
    labels = table(tmp_path / "studies.csv", scored(500))
    result = run("calibrate", "tiny_ecg", "--labels", str(labels))
    assert result.exit_code == 0, result.stderr
    assert _mine(ecg) == [("tiny_ecg 1.0-local.1", "default")]
    # The old one still answers to the name that its results bear.
    assert load_model("tiny_ecg 1.0").card.labels[0].report == "research"
    figures = load_model("tiny_ecg").card.labels[0].figures
    # Two standard deviations apart: AUC = Phi(2 / sqrt(2)) = 0.921.
    assert figures["auc"] == pytest.approx(0.921, abs=0.03)
    assert figures["auc_95"][0] < 0.921 < figures["auc_95"][1]
    assert run("check", "tiny_ecg").exit_code == 0


def test_who_adds_a_model_is_told_what_will_count(run: Run, tmp_path: Path) -> None:
    labels = {"atrial_fibrillation": (0.0, 0.5, "default"), "scoliosis": (0.0, 0.5, "research")}
    card = ecg_models.put(tmp_path / "made", labels=labels)
    said = run("add", str(card.with_suffix(".onnx")), "--card", str(card)).stderr
    assert "counts for the urgency: atrial_fibrillation\n" in said
    assert "research, of no influence on the urgency: scoliosis\n" in said


def _mine(ecg: ee.Recording) -> list[tuple[str, str]]:
    return [(s["model"], s["report"]) for s in ee.analyze_ecg(ecg).scores if "tiny" in s["model"]]


def _beats(bpm: float = 75.0, seconds: float = 10.0, fs: int = 250) -> np.ndarray:
    t = np.arange(round(seconds * fs)) / fs % (60 / bpm)
    waves = ((0.12, 0.2, 0.02), (1.0, 0.36, 0.01), (-0.2, 0.38, 0.008), (0.25, 0.6, 0.04))
    beat = sum(a * np.exp(-((t - at) ** 2) / (2 * w * w)) for a, at, w in waves)
    return (beat + 0.005 * np.random.default_rng(0).standard_normal(len(t)))[None]


def test_too_few_studies_are_refused_unless_told_and_then_the_interval_is_said(run: Run, tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path / "made", calibrated=False)
    run("add", str(card.with_suffix(".onnx")), "--card", str(card))
    for rows in (scored(200), scored(500, share=0.06)):
        labels = table(tmp_path / "studies.csv", rows)
        refused = run("calibrate", "tiny_ecg", "--labels", str(labels))
        assert refused.exit_code == 1 and "--few" in refused.stderr
        assert load_model("tiny_ecg").card.version == "1.0"
    told = run("calibrate", "tiny_ecg", "--labels", str(labels), "--few")
    assert told.exit_code == 0 and "95 % interval is 0." in told.stderr
    none = run("calibrate", "tiny_ecg", "--labels", str(table(tmp_path / "a.csv", scored(500, share=0.01))), "--few")
    assert none.exit_code == 1 and "at least 10" in none.stderr


def test_the_doctor_may_keep_it_research(run: Run, tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path / "made", calibrated=False)
    run("add", str(card.with_suffix(".onnx")), "--card", str(card))
    labels = str(table(tmp_path / "studies.csv", scored(500), delimiter=";"))
    result = run("calibrate", "tiny_ecg", "--labels", labels, "--report", "research", "--json")
    document = json.loads(result.stdout)
    assert [one["report"] for one in document["labels"]] == ["research"]
    assert len(document["figures"]["atrial_fibrillation"]["calibration_curve"]) == 10
    assert load_model("tiny_ecg").card.labels[0].report == "research"
    assert load_model("tiny_ecg").card.labels[0].calibration is not None
    assert run("calibrate", "tiny_ecg", "--labels", labels, "--report", "loud").exit_code == 2


def test_the_hospitals_files_go_through_the_engine(run: Run, tmp_path: Path) -> None:
    # Tall and flat beats: the tiny model's score is their mean voltage.
    card = ecg_models.put(tmp_path / "made", calibrated=False, limits="max_leads = 1")
    run("add", str(card.with_suffix(".onnx")), "--card", str(card))
    rows = []
    for i in range(24):
        tall = i % 2
        signal = _beats(bpm=60 + i) * (1.5 if tall else 0.8)
        ee.write_ecg(ee.Recording(signal=signal, fs=250, leads=("I",)), tmp_path / f"{i}.edf")
        rows.append({"file": f"{i}.edf", "patient": f"p{i}", "atrial_fibrillation": tall})
    rows.append({"file": "gone.edf", "patient": "p99", "atrial_fibrillation": 1})
    result = run("calibrate", "tiny_ecg", "--labels", str(table(tmp_path / "f.csv", rows)), "--few", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert sum(document["without_score"].values()) == 1
    assert load_model("tiny_ecg").card.labels[0].figures["n"] == 24
    assert load_model("tiny_ecg").card.labels[0].figures["auc"] > 0.9


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda rows: [{"a": 1}], "no column is named by a label"),
        (lambda rows: [{"atrial_fibrillation": 1}], "no column score_atrial_fibrillation"),
        (lambda rows: [{**rows[0], "atrial_fibrillation": "maybe"}], "row 2"),
        (lambda rows: [{**rows[0], "score_atrial_fibrillation": "7"}], "row 2"),
    ],
)
def test_a_table_that_lacks_something_is_named(run: Run, tmp_path: Path, change: Callable[..., Any], word: str) -> None:
    card = ecg_models.put(tmp_path / "made")
    run("add", str(card.with_suffix(".onnx")), "--card", str(card))
    labels = table(tmp_path / "studies.csv", change(scored(4)))
    result = run("calibrate", "tiny_ecg", "--labels", str(labels))
    assert result.exit_code == 1 and word in result.stderr


# ------------------------------------------------------------------------------------------------------------- fetching


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    pytest.importorskip("pooch", reason="the extra datasets is not installed")
    server = Publisher({})
    yield server
    server.close()


def _with_url(card: Path, url: str) -> Path:
    card.write_text(f'weights_url = "{url}"\n' + card.read_text())
    return card


def test_weights_come_from_the_address_on_the_card(run: Run, tmp_path: Path, publisher: Publisher) -> None:
    card = ecg_models.put(tmp_path / "made")
    publisher.files["m.onnx"] = card.with_suffix(".onnx").read_bytes()
    card.with_suffix(".onnx").unlink()
    result = run("fetch", str(_with_url(card, publisher.address + "m.onnx")))
    assert result.exit_code == 0, result.stderr
    found = load_model("tiny_ecg").card
    assert hashlib.sha256(found.weights.read_bytes()).hexdigest() == found.sha256


def test_other_weights_than_the_card_promises_are_thrown_away(run: Run, tmp_path: Path, publisher: Publisher) -> None:
    card = ecg_models.put(tmp_path / "made")
    publisher.files["m.onnx"] = b"something else"
    result = run("fetch", str(_with_url(card, publisher.address + "m.onnx")))
    assert result.exit_code == 1 and "thrown away" in result.stderr
    missing = run("fetch", str(_with_url(ecg_models.put(tmp_path / "b"), publisher.address + "gone.onnx")))
    assert missing.exit_code == 1 and "404" in missing.stderr
    assert "tiny_ecg" not in run("list").stdout


def test_what_is_no_card_and_no_name_is_told(run: Run, tmp_path: Path) -> None:
    result = run("fetch", "torchxrayvision")
    assert result.exit_code == 1 and "xrv-densenet121-all" in result.stderr
    card = ecg_models.put(tmp_path / "made")
    assert "weights_url" in run("fetch", str(card)).stderr
    assert "no address" in run("fetch", str(_with_url(card, "file:///etc/passwd"))).stderr


def test_weights_of_other_makers_come_by_name_with_their_operating_points(
    run: Run, tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from ecg_engine.models import published

    listed = published.list_published()
    assert all(len(one.op_threshs) == 18 and re.fullmatch(r"[0-9a-f]{64}", one.sha256) for one in listed.values())
    assert all(one.address.startswith("https://huggingface.co/torchxrayvision/") for one in listed.values())
    publisher.files["model.pt"] = b"weights"
    name = "xrv-densenet121-mimic-ch"
    right, wrong = (
        replace(
            listed[name], address=publisher.address + "model.pt", sha256=hashlib.sha256(content).hexdigest()
        )
        for content in (b"weights", b"others")
    )  # fmt: skip
    monkeypatch.setattr(published, "list_published", lambda: {name: wrong})
    assert run("fetch", name, "--out", str(tmp_path / "a")).exit_code == 1
    monkeypatch.setattr(published, "list_published", lambda: {name: right})
    result = run("fetch", name, "--out", str(tmp_path / "b"))
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "b" / f"{name}.pt").read_bytes() == b"weights"
    points = tomllib.loads((tmp_path / "b" / f"{name}.toml").read_text())["op_threshs"]
    np.testing.assert_array_equal(points, listed[name].op_threshs)
    assert "training.import_model" in result.stderr + result.stdout
