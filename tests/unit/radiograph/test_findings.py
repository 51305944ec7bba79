"""Which model scores which picture, and where its finding lies."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ecg_engine.errors import ModelError
from ecg_engine.models import load_model
from ecg_engine.radiograph import findings
from ecg_engine.types import Gate

SQUARE = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
INSIDE = (0, 0, 64, 64)


@pytest.fixture
def tiny() -> Any:
    path = Path(__file__).parents[1] / "models" / "tiny.py"
    spec = importlib.util.spec_from_file_location("tiny_models_of_findings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let these cards be all the models that there are."""

    def set_cards(*cards: Path) -> None:
        monkeypatch.setattr(findings, "model_names", lambda task: tuple(map(str, cards)))

    return set_cards


def run(gate: Gate, age: float | None) -> tuple[list[str], list[str]]:
    found, _, notes = findings.find(SQUARE, INSIDE, shape=(640, 640), gate=gate, age_years=age)
    return [f"{f.code}:{f.report}" for f in found], [note.code for note in notes]


ADULT = 'views = ["PA", "AP", "FRONTAL"]\nage_min_years = 18'
CHILD = 'views = ["PA", "AP", "FRONTAL"]\nage_min_years = 1\nage_max_years = 5'


@pytest.mark.parametrize(
    ("gate", "age", "scored_by"),
    [
        (Gate(accepted=True, view="PA", child=False), 40.0, "adult"),
        (Gate(accepted=True, view="PA", child=None), None, "adult"),
        (Gate(accepted=False, reasons=("child",), view="AP", child=True), 3.0, "children"),
        (Gate(accepted=False, reasons=("child", "child_by_sight"), view="AP", child=True), 5.9, "children"),
        (Gate(accepted=False, reasons=("child",), view="AP", child=True), 6.0, None),
        (Gate(accepted=False, reasons=("child",), view="AP", child=True), 0.5, None),
        (Gate(accepted=False, reasons=("child",), view="AP", probabilities={"child": 0.05}), 3.0, None),
        (Gate(accepted=False, reasons=("child",), view="AP", child=True), 12.0, None),
        (Gate(accepted=False, reasons=("child_by_sight",), view="AP", child=True), None, None),
        (Gate(accepted=False, reasons=("child_by_sight",), view="AP", child=True), 40.0, None),
        (Gate(accepted=False, reasons=("lateral_view",), view="LATERAL"), 40.0, None),
        (Gate(accepted=False, reasons=("turned",), view="PA", turned_deg=90), 40.0, None),
    ],
)
def test_each_model_scores_what_its_card_admits_and_no_other(
    tiny: Any, only: Callable[..., None], tmp_path: Path, gate: Gate, age: float | None, scored_by: str | None
) -> None:
    only(
        tiny.put(tmp_path / "a", name="adult", limits=ADULT, codes=("abnormal",), model=tiny.graph(bias=(1.0,))),
        tiny.put(
            tmp_path / "c",
            name="children",
            limits=CHILD,
            codes=("pneumonia_paediatric",),
            model=tiny.graph(bias=(1.0,)),
        ),
    )
    codes, _ = run(gate, age)
    expected = {"adult": ["abnormal:default"], "children": ["pneumonia_paediatric:default"], None: []}
    assert codes == expected[scored_by]


def test_a_model_that_keeps_silent_says_so(tiny: Any, only: Callable[..., None], tmp_path: Path) -> None:
    only(tiny.put(tmp_path, limits=CHILD))
    assert run(Gate(accepted=True, view="PA", child=False), 40.0) == ([], ["model_abstains"])


def test_a_damaged_model_costs_its_own_scores_only(tiny: Any, only: Callable[..., None], tmp_path: Path) -> None:
    broken = tiny.put(tmp_path / "b", name="broken", limits=ADULT)
    load_model(str(tiny.put(tmp_path / "s", name="sound", limits=ADULT)))
    (tmp_path / "b" / "broken.onnx").write_bytes(b"damaged")
    only(broken, tmp_path / "s" / "sound.toml")
    codes, notes = run(Gate(accepted=True, view="PA", child=False), 40.0)
    assert codes == ["abnormal:default", "effusion:default"]
    assert notes == ["model_failed"]


def test_the_region_is_where_the_map_is_hot_in_the_pictures_own_pixels() -> None:
    # A picture of 1000 x 500 stands in the middle of the square: 64 rows, 32 columns from 16 on. Cells of 8 pixels.
    heat = np.zeros((8, 8), np.float32)
    heat[2:4, 3] = 1.0
    region = findings._region(heat, 64, (0, 16, 64, 32), (1000, 500))
    assert region == (250, 125, 500, 250)  # rows 16..32 of 64; columns 24..32 less 16, of 32


def test_no_heat_no_region() -> None:
    assert findings._region(np.zeros((7, 7), np.float32), 64, INSIDE, (64, 64)) is None


def test_heat_outside_the_picture_is_no_region() -> None:
    heat = np.zeros((8, 8), np.float32)
    heat[:, 0] = 1.0
    assert findings._region(heat, 64, (0, 16, 64, 32), (1000, 500)) is None


def test_a_squashed_picture_fills_the_input_and_one_that_is_square_stays() -> None:
    from ecg_engine.radiograph.inputs import LETTERBOXED, network_input, prepared

    square = np.zeros((64, 64), np.float32)
    square[:, 16:48] = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    found = prepared(square, (0, 16, 64, 32), size=64, name="squashed_224")[0, 0]
    assert np.allclose(found, np.linspace(0, 1, 64)[:, None], atol=1e-6)
    assert np.allclose(prepared(SQUARE, INSIDE, size=64, name="squashed_224")[0, 0], SQUARE, atol=1e-6)
    whole = prepared(square, (0, 16, 64, 32), size=32, name=LETTERBOXED)
    assert np.array_equal(whole, network_input(square, size=32))
    with pytest.raises(ModelError, match="preprocessing 'any'"):
        prepared(square, (0, 16, 64, 32), size=32, name="any")


def test_a_cropped_square_is_the_middle_of_the_picture() -> None:
    """TorchXRayVision's centre crop: of 64 x 32 the rows 16 to 47."""
    from ecg_engine.radiograph.inputs import prepared

    square = np.zeros((64, 64), np.float32)
    square[:, 16:48] = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    found = prepared(square, (0, 16, 64, 32), size=32, name="cropped_square")[0, 0]
    np.testing.assert_allclose(found, square[16:48, 16:48], atol=1e-6)
