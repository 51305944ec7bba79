"""The map of places is scikit-learn's ridge regression, and is in the file what it was in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is absent: the extra train is not installed")

import onnx
import onnxruntime as ort

from ecg_engine.models import load_model
from training import chest_places as cp

CHANNELS = 5


def features(n: int, versions: int = cp.VERSIONS_LEARNT) -> np.ndarray:
    rng = np.random.default_rng(4)
    picture = rng.normal(3, 2, (1, n, CHANNELS, 14, 14))
    return (picture + rng.normal(0, 0.3, (versions, n, CHANNELS, 14, 14))).astype(np.float16)


def test_places_are_means_of_what_lies_in_them() -> None:
    values = features(2)[0]
    found = cp.places_of(values).reshape(2, CHANNELS, cp.PLACES, cp.PLACES)
    for row in range(cp.PLACES):
        for column in range(cp.PLACES):
            part = values[:, :, 1 + 3 * row : 4 + 3 * row, 1 + 3 * column : 4 + 3 * column].astype(np.float64)
            assert found[:, :, row, column] == pytest.approx(part.mean((2, 3)), abs=1e-3)


def test_the_map_is_that_of_scikit_learns_ridge_regression() -> None:
    from sklearn.linear_model import Ridge

    values, rng = features(120), np.random.default_rng(5)
    use, weight = rng.random(120) < 0.8, rng.uniform(0.5, 2, 120)
    wanted = rng.random((120, len(cp.CODES))).astype(np.float32)
    wanted[rng.random(wanted.shape) < 0.2] = np.nan
    found = cp.fit_places(values, wanted, use, weight).logits(values[0])
    seen = np.stack([cp.places_of(version) for version in values]).astype(np.float64)
    x = (seen - seen[0, use].mean(0)) / seen[0, use].std(0) / np.sqrt(seen.shape[2])
    for i in range(wanted.shape[1]):
        rows = use & np.isfinite(wanted[:, i])
        w = np.tile(weight[rows] / weight[rows].mean(), len(x))
        ridge = Ridge(alpha=cp.STRENGTH * len(x))
        ridge.fit(x[:, rows].reshape(-1, x.shape[2]), np.tile(wanted[rows, i], len(x)), sample_weight=w)
        assert found[:, i] == pytest.approx(ridge.predict(x[0]), abs=1e-3)


def test_beside_the_networks_it_has_its_share_of_their_spread() -> None:
    rng, values = np.random.default_rng(6), features(80)[0]
    places = cp.Places(rng.normal(0, 1, (CHANNELS * 16, len(cp.CODES))), rng.normal(0, 1, len(cp.CODES)))
    nets = rng.normal(-1, np.arange(1, len(cp.CODES) + 1), (80, len(cp.CODES)))
    added = places.beside(nets, places.logits(values)).logits(values)
    assert added.mean(0) == pytest.approx(0, abs=1e-6)
    assert added.std(0) / nets.std(0) == pytest.approx([cp.SHARE[code] for code in cp.CODES])
    assert np.corrcoef(added[:, 0], places.logits(values)[:, 0])[0, 1] == pytest.approx(1)


def answers(path: Path, pictures: np.ndarray) -> list[Any]:
    session = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    parts = [session.run(["logits", "maps"], {"picture": one[None]}) for one in pictures]
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def test_in_the_file_it_is_added_to_the_networks_and_changes_no_map(tmp_path: Path) -> None:
    shipped = Path(load_model("chest_findings").card.weights)
    rng = np.random.default_rng(7)
    pictures = rng.random((3, 1, 256, 256)).astype(np.float32)
    bare = tmp_path / "bare.onnx"
    model = cp.without_places(onnx.load_from_string(shipped.read_bytes()))
    assert not [one.name for one in (*model.graph.node, *model.graph.initializer) if one.name.startswith(cp.PREFIX)]
    bare.write_bytes(model.SerializeToString())
    logits, maps = answers(bare, pictures)
    assert logits == pytest.approx(maps.mean((2, 3)), abs=1e-4)
    model.graph.output.append(onnx.helper.make_tensor_value_info(cp.early_of(model), onnx.TensorProto.FLOAT, None))
    early = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    seen = np.concatenate([early.run([cp.early_of(model)], {"picture": one[None]})[0] for one in pictures])
    for _ in range(2):  # the second takes the place of the first
        places = cp.Places(rng.normal(0, 1e-3, (seen.shape[1] * 16, len(cp.CODES))), rng.normal(0, 1, len(cp.CODES)))
        cp.add_places(bare, places)
        found, same = answers(bare, pictures)
        assert found == pytest.approx(logits + places.logits(seen), abs=1e-2)
        assert (same == maps).all()


def test_a_graph_that_is_no_panel_is_refused() -> None:
    with pytest.raises(ValueError, match="no panel"):
        cp.early_of(onnx.load_from_string(Path(load_model("chest_gate").card.weights).read_bytes()))
