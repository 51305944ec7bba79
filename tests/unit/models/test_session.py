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
from tests.unit.models import ecg_models


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


SEVERAL = """[labels.join]
slope = 0.5
intercept = -2.0
threshold = 0.25
terms = [
    {quantity = "cardiothoracic_ratio", weight = 20.0, centre = 0.5},
    {quantity = "heart_width_mm", weight = 0.01, centre = 130.0},
]
"""


def test_several_measurements_are_joined_where_all_of_them_were_taken(tmp_path: Path) -> None:
    model = load_model(str(joined(tmp_path, SEVERAL)))
    logits = model.run(PICTURE)["logits"]
    (score,) = model.scores(logits, {"cardiothoracic_ratio": 0.6, "heart_width_mm": 150.0})
    # 0.5 * 0.5 + 20 * (0.6 - 0.5) + 0.01 * (150 - 130) - 2 = 0.45
    assert (score.value, score.threshold) == (pytest.approx(1 / (1 + math.exp(-0.45)), abs=1e-7), 0.25)
    (alone,) = model.scores(logits, {"cardiothoracic_ratio": 0.6})
    assert (alone.value, alone.threshold) == (pytest.approx(0.5), 0.6)


def test_a_join_of_nothing_is_refused(tmp_path: Path) -> None:
    head, _, _ = SEVERAL.partition("terms")
    for tail in ("terms = []\n", ""):
        with pytest.raises(ModelError, match="terms"):
            read_card(joined(tmp_path, head + tail))


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


def test_a_graph_with_an_open_batch_axis_runs_many_at_once_as_one_by_one(tmp_path: Path) -> None:
    model = load_model(str(ecg_models.put(tmp_path, labels={"a": (0.0, 0.5, "default"), "b": (1.0, 0.5, "default")})))
    x = np.random.default_rng(0).normal(size=(5, 1, 1000)).astype(np.float32)
    at_once = model.run(x)["logits"]
    assert at_once.shape == (5, 2)
    for i in range(5):
        assert np.allclose(at_once[i], model.run(x[i : i + 1])["logits"], atol=1e-6)
    assert np.allclose(at_once[:, 1] - at_once[:, 0], 1.0)


def test_a_graph_made_for_one_runs_a_batch_one_after_the_other(tmp_path: Path) -> None:
    model = load_model(str(tiny.put(tmp_path)))
    x = np.stack([PICTURE[0] * i for i in range(3)])
    with pytest.raises(ModelError, match="was given"):
        model.run(x)
    assert model.run_batch(x)["logits"][:, 0].tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(ModelError, match="no input"):
        model.run_batch(x[:0])


def test_other_inputs_are_those_of_the_card(tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path, model=ecg_models.graph(extra=True), extra="[extra_inputs]\nage = [1, 1]")
    model = load_model(str(card))
    x, age = np.zeros((2, 1, 1000), np.float32), np.array([[0.25], [0.5]], np.float32)
    assert model.run(x, extra={"age": age})["logits"].tolist() == [[0.25], [0.5]]
    for wrong in ({}, {"sex": age}, {"age": age[:1]}, {"age": age, "sex": age}):
        with pytest.raises(ModelError, match="tiny_ecg"):
            model.run(x, extra=wrong)


def test_an_input_of_any_length_is_0_on_the_card(tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path, model=ecg_models.graph(n_samples="n"), n_samples=0)  # type: ignore[arg-type]
    model = load_model(str(card))
    assert model.run(np.ones((1, 1, 77), np.float32))["logits"].tolist() == [[1.0]]
    with pytest.raises(ModelError):
        model.run(np.ones((1, 2, 77), np.float32))


def test_the_highest_version_counts_and_the_others_keep_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path))
    for version in ("1.9", "1.10", "0.5"):
        ecg_models.put(tmp_path, version=version, file=f"tiny_ecg-{version}")
    assert model_names("ecg_scores").count("tiny_ecg") == 1
    assert load_model("tiny_ecg").card.version == "1.10"
    assert load_model("tiny_ecg 0.5").card.version == "0.5"
    assert load_model("tiny_ecg-1.9").card.version == "1.9"


def test_a_model_of_the_users_folder_replaces_the_packages_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path))
    shipped = load_model("chest_findings").card
    tiny.put(tmp_path, name="chest_findings")
    assert load_model("chest_findings").card.sha256 != shipped.sha256
    assert model_names("radiograph_findings").count("chest_findings") == 1


def test_a_model_that_is_changed_on_disk_is_loaded_again(tmp_path: Path) -> None:
    card = ecg_models.put(tmp_path)
    assert load_model(str(card)).run(np.zeros((1, 1, 1000), np.float32))["logits"].item() == 0.0
    ecg_models.put(tmp_path, version="1.1", labels={"atrial_fibrillation": (2.0, 0.5, "default")})
    assert load_model(str(card)).run(np.zeros((1, 1, 1000), np.float32))["logits"].item() == 2.0


def test_the_environment_names_providers_and_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = str(ecg_models.put(tmp_path))
    monkeypatch.setenv("ECG_ENGINE_PROVIDERS", "CPUExecutionProvider")
    monkeypatch.setenv("ECG_ENGINE_MODEL_THREADS", "2")
    assert load_model(card).run(np.zeros((1, 1, 1000), np.float32))["logits"].shape == (1, 1)
    monkeypatch.setenv("ECG_ENGINE_PROVIDERS", "NoSuchProvider")
    with pytest.raises(ModelError, match=r"no NoSuchProvider, it has .*CPUExecutionProvider"):
        load_model(card)
    monkeypatch.setenv("ECG_ENGINE_PROVIDERS", "")
    monkeypatch.setenv("ECG_ENGINE_MODEL_THREADS", "many")
    with pytest.raises(ModelError, match="ECG_ENGINE_MODEL_THREADS"):
        load_model(card)


@pytest.mark.parametrize("name", ["../evil", "", "a b", ".hidden", "a/b"])
def test_a_name_that_may_not_stand_in_a_files_name_is_refused(tmp_path: Path, name: str) -> None:
    card = ecg_models.put(tmp_path)
    card.write_text(card.read_text().replace('name = "tiny_ecg"', f'name = "{name}"'))
    with pytest.raises(ModelError, match="letters, digits"):
        read_card(card)


def test_a_network_of_outlines_has_no_labels(tmp_path: Path) -> None:
    card = tiny.put(tmp_path, task="radiograph_outlines", codes=(), outputs="logits = [1, 2]")
    assert load_model(str(card)).run(PICTURE)["logits"].shape == (1, 2)
    with pytest.raises(ModelError, match="at least one"):
        read_card(tiny.put(tmp_path, codes=(), outputs="logits = [1, 2]"))


@pytest.mark.parametrize(
    "limits",
    [
        'min_duration_s = "10"',
        "age_min_years = true",
        'leads = "II"',
        "leads = []",
        "leads = [1]",
        'any_quality = "yes"',
        "max_leads = nan",
    ],
)
def test_limits_of_the_wrong_kind_are_refused(tmp_path: Path, limits: str) -> None:
    with pytest.raises(ModelError, match=f"limits: {limits.split(' ')[0]}"):
        read_card(ecg_models.put(tmp_path, limits=limits))


def test_a_label_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="twice"):
        read_card(tiny.put(tmp_path, codes=("abnormal", "abnormal")))
