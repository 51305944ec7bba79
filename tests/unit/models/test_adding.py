"""Models of one's own: checked before they are kept, versions side by side."""

from __future__ import annotations

import hashlib
import pickle
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecg_engine.errors import ModelError
from ecg_engine.models import load_model, read_library
from ecg_engine.models.adding import add_model, check_model
from ecg_engine.models.card_text import card_text
from tests.unit.models import ecg_models, tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(tmp_path / "user"))
    return tmp_path / "user"


def made(tmp_path: Path, **of: Any) -> tuple[Path, Path]:
    card = ecg_models.put(tmp_path / "made", **of)
    return card.with_suffix(".onnx"), card


def test_a_model_that_is_added_is_found_by_its_name_and_its_version(folder: Path, tmp_path: Path) -> None:
    added = add_model(*made(tmp_path))
    assert sorted(path.name for path in folder.iterdir()) == ["tiny_ecg-1.0.onnx", "tiny_ecg-1.0.toml"]
    assert (added.card.title, added.where) == ("tiny_ecg 1.0", "user")
    add_model(*made(tmp_path, version="1.1", labels={"MI": (0.0, 0.5, "default")}))
    assert load_model("tiny_ecg").card.version == "1.1"
    assert load_model("tiny_ecg 1.0").card.labels[0].code == "atrial_fibrillation"


def test_the_same_again_is_no_error_and_another_of_the_same_name_and_version_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    files = made(tmp_path)
    add_model(*files)
    add_model(*files)
    with pytest.raises(ModelError, match="raise the version"):
        add_model(*made(tmp_path, labels={"MI": (0.0, 0.5, "default")}))
    with pytest.raises(ModelError, match="task radiograph_findings"):
        add_model(*made(tmp_path, name="chest_findings"))
    assert load_model("tiny_ecg").card.labels[0].code == "atrial_fibrillation"


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda w, c: w.write_bytes(pickle.dumps({"a": 1}, protocol=4)), "pickled"),
        (lambda w, c: w.write_bytes(b"PK\x03\x04rest"), "pickled"),
        (lambda w, c: w.write_bytes(b"no network"), "SHA-256"),
        (lambda w, c: w.unlink(), "cannot be read"),
        (lambda w, c: c.unlink(), "cannot be read"),
        (lambda w, c: c.write_text(c.read_text().replace("sha256", "sum")), "'sha256'"),
        (lambda w, c: c.write_text(c.read_text().replace("[1, 1, 1000]", "[1, 1, 500]")), "on the card"),
        (lambda w, c: c.write_text(c.read_text() + "[[labels]]\ncode='b'\nthreshold=0.5\n"), "2 labels on the card"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_kept(
    folder: Path, tmp_path: Path, spoil: Callable[[Path, Path], object], word: str
) -> None:
    weights, card = made(tmp_path)
    spoil(weights, card)
    with pytest.raises(ModelError) as caught:
        add_model(weights, card)
    assert word in str(caught.value)
    assert ".adding" not in str(caught.value)
    assert not folder.exists() or list(folder.iterdir()) == []


@pytest.mark.parametrize("how", [tiny.external, tiny.with_function])
def test_data_elsewhere_and_functions_of_ones_own_are_refused(
    folder: Path, tmp_path: Path, how: Callable[[Any], Any]
) -> None:
    card = tiny.put(tmp_path / "made", model=how(tiny.graph()))
    with pytest.raises(ModelError, match=r"other files|functions"):
        add_model(card.with_suffix(".onnx"), card)


def test_a_network_that_gives_no_number_on_zeros_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not finite"):
        add_model(*made(tmp_path, model=ecg_models.graph(scale=float("nan"))))


def test_what_a_task_needs_is_looked_at(folder: Path, tmp_path: Path) -> None:
    def look(card: Any) -> None:
        raise ModelError(f"{card.title}: not today")

    with pytest.raises(ModelError, match="not today"):
        add_model(*made(tmp_path), look=look)
    assert read_library().find("tiny_ecg") is None


def test_a_check_says_what_the_graph_is(tmp_path: Path) -> None:
    weights, card = made(tmp_path)
    found = check_model(load_model(str(card)).card)
    assert (found.opset, found.n_bytes, found.takes_batches) == (17, weights.stat().st_size, True)
    assert found.operators == ("Add", "Mul", "ReduceMean", "Unsqueeze")
    assert found.milliseconds > 0


@pytest.mark.parametrize("name", ["chest_findings", "chest_gate"])
def test_the_shipped_cards_are_written_as_they_are_read(name: str) -> None:
    path = next(one.path for one in read_library().models if one.card.name == name)
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    assert tomllib.loads(card_text(document)) == document


@pytest.mark.parametrize(
    "document",
    [
        {"a": 'quote " back \\ line \n tab \t bell \x07 del \x7f ru Ж', "b": [1, 2.5, -1e-9], "c": True, "d": []},
        {"odd key.1": {"x": {"y": [[1, 2], ["a"]]}}, "z": 1},
        {"tables": [{"a": 1, "in": [{"b": 2}, {"b": 3}]}, {"a": 4}], "mixed": [{"a": 1}, 2]},
        {"inf": float("inf"), "empty": {}},
    ],
)
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(card_text(document)) == document


def test_the_weights_keep_their_bytes(folder: Path, tmp_path: Path) -> None:
    weights, card = made(tmp_path)
    added = add_model(weights, card)
    assert hashlib.sha256(added.card.weights.read_bytes()).hexdigest() == added.card.sha256
    assert added.card.weights.read_bytes() == weights.read_bytes()
