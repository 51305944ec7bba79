"""Weights are what their card says, or they are not run."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ecg_engine.errors import ModelError
from ecg_engine.models import load_model, model_names, read_card
from ecg_engine.models.graph import read_graph


def _tiny() -> ModuleType:
    path = Path(__file__).with_name("tiny.py")
    spec = importlib.util.spec_from_file_location("tiny_models", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_models"] = module
    spec.loader.exec_module(module)
    return module


tiny: Any = _tiny()
PICTURE = np.full((1, 1, 8, 8), 0.5, np.float32)


def test_scores_are_the_logits_through_the_cards_calibration(tmp_path: Path) -> None:
    model = load_model(str(tiny.put(tmp_path)))
    logits = model.run(PICTURE)["logits"]
    assert logits.tolist() == [[0.5, 1.5]]  # mean 0.5 times 1, plus 0 and 1
    by_hand = [1 / (1 + math.exp(-(2 * x - 1))) for x in (0.5, 1.5)]
    assert [s.value for s in model.scores(logits)] == pytest.approx(by_hand, abs=1e-7)
    assert [(s.code, s.threshold, s.report) for s in model.scores(logits)] == [
        ("abnormal", 0.6, "default"),
        ("effusion", 0.6, "default"),
    ]


JOIN = """[labels.join]
quantity = "cardiothoracic_ratio"
slope = 0.5
weight = 20.0
centre = 0.5
intercept = -2.0
threshold = 0.25
"""


def joined(folder: Path, join: str = JOIN) -> Path:
    """Return a card of one label that joins its logit with a measurement."""
    card: Path = tiny.put(folder, codes=("cardiomegaly",), model=tiny.graph(bias=(0.0,)))
    card.write_text(card.read_text() + join)
    return card


def test_a_measurement_that_was_taken_is_joined_with_the_logit(tmp_path: Path) -> None:
    model = load_model(str(joined(tmp_path)))
    logits = model.run(PICTURE)["logits"]
    (score,) = model.scores(logits, {"cardiothoracic_ratio": 0.6, "heart_width_mm": 150.0})
    # 0.5 * 0.5 + 20 * (0.6 - 0.5) - 2 = 0.25
    assert score.value == pytest.approx(1 / (1 + math.exp(-0.25)), abs=1e-7)
    assert score.threshold == 0.25


@pytest.mark.parametrize("measured", [None, {}, {"heart_width_mm": 150.0}])
def test_without_the_measurement_the_logit_stands_alone(tmp_path: Path, measured: dict[str, float] | None) -> None:
    model = load_model(str(joined(tmp_path)))
    (score,) = model.scores(model.run(PICTURE)["logits"], measured)
    assert (score.value, score.threshold) == (pytest.approx(0.5), 0.6)  # 2 * 0.5 - 1 = 0


@pytest.mark.parametrize(
    ("old", "new"), [("threshold = 0.25", "threshold = 25.0"), ("weight = 20.0", "weight = nan"), ("centre = 0.5", "")]
)
def test_a_join_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in JOIN
    with pytest.raises(ModelError, match=r"join|centre"):
        read_card(joined(tmp_path, JOIN.replace(old, new)))


def test_a_score_without_calibration_is_research_whatever_its_card_says(tmp_path: Path) -> None:
    model = load_model(str(tiny.put(tmp_path, calibrated=False, report="default")))
    assert {s.report for s in model.scores(model.run(PICTURE)["logits"])} == {"research"}


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"raw": b""}, "no graph"),
        ({"raw": b"this is no network at all"}, "no ONNX file"),
        ({"codes": ("abnormal",)}, "[1, 1] on the card"),
        ({"shape": [1, 1, 16, 16]}, "[1, 1, 16, 16] on the card"),
        ({"outputs": "scores = [1, 2]"}, "no output 'scores'"),
        ({"model": lambda: tiny.graph(opset=9)}, "operator set 9"),
        ({"model": lambda: tiny.graph(domain="com.example")}, "com.example"),
        ({"model": lambda: tiny.external(tiny.graph())}, "other files"),
        ({"model": lambda: tiny.with_function(tiny.graph())}, "functions"),
    ],
)
def test_what_does_not_fit_its_card_is_refused_and_says_why(tmp_path: Path, how: dict[str, Any], word: str) -> None:
    made = {key: value() if callable(value) else value for key, value in how.items()}
    card = tiny.put(tmp_path, **made)
    with pytest.raises(ModelError, match=r"tiny 1\.0: ") as caught:
        load_model(str(card))
    assert word in str(caught.value)


def test_weights_that_are_gone(tmp_path: Path) -> None:
    card = tiny.put(tmp_path)
    (tmp_path / "tiny.onnx").unlink()
    with pytest.raises(ModelError, match="put the weights beside their card"):
        load_model(str(card))


def test_output_that_is_not_finite_is_an_error_and_no_score(tmp_path: Path) -> None:
    model = load_model(str(tiny.put(tmp_path, model=tiny.graph(scale=float("nan")))))
    with pytest.raises(ModelError, match="not finite"):
        model.run(PICTURE)


def test_another_shape_is_refused(tmp_path: Path) -> None:
    model = load_model(str(tiny.put(tmp_path)))
    with pytest.raises(ModelError, match=r"takes \(1, 1, 8, 8\)"):
        model.run(np.zeros((1, 1, 9, 9), np.float32))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('version = "1.0"', "", "version"),
        ("threshold = 0.6", "threshold = 1.6", "threshold"),
        ('report = "default"', 'report = "always"', "report"),
        ("slope = 2.0", "slope = -2.0", "slope"),
        ('task = "radiograph_findings"', 'task = "poetry"', "task"),
        ("[outputs]", "[outputs", "cannot be read"),
    ],
)
def test_a_card_that_lacks_or_misstates_something(tmp_path: Path, old: str, new: str, word: str) -> None:
    card = tiny.put(tmp_path)
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new))
    with pytest.raises(ModelError, match=word):
        read_card(card)


def test_weights_stand_beside_their_card_whatever_path_it_names(tmp_path: Path) -> None:
    card = tiny.put(tmp_path)
    card.write_text(card.read_text().replace('weights = "tiny.onnx"', 'weights = "../../etc/tiny.onnx"'))
    assert read_card(card).weights == tmp_path / "tiny.onnx"


def test_models_of_the_users_folder_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path))
    assert "ours" not in model_names("radiograph_findings")
    tiny.put(tmp_path, name="ours")
    assert "ours" in model_names("radiograph_findings")
    assert load_model("ours").card.name == "ours"


def test_a_model_that_does_not_exist_says_where_it_was_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match=str(tmp_path)):
        load_model("nothing")


def test_the_graph_reader_sees_what_onnx_itself_sees() -> None:
    model = tiny.graph()
    found = read_graph(model.SerializeToString())
    assert found.opset == model.opset_import[0].version
    assert found.operators == {node.op_type for node in model.graph.node}
    assert not found.has_external_data
    assert not found.has_functions


def test_external_data_inside_a_nodes_attribute_is_seen() -> None:
    from onnx import helper

    model = tiny.graph()
    constant = helper.make_node("Constant", [], ["hidden"], value=model.graph.initializer[0])
    constant.attribute[0].t.data_location = 1
    model.graph.node.insert(0, constant)
    assert read_graph(model.SerializeToString()).has_external_data


@pytest.mark.parametrize("cut", [1, 7, 50, 120])
def test_a_graph_that_breaks_off_is_an_error(cut: int) -> None:
    raw = tiny.graph().SerializeToString()
    with pytest.raises(ModelError):
        read_graph(raw[:-cut])
