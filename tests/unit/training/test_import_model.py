"""A DenseNet of TorchXRayVision's becomes ONNX and a card, and gives what the library gives."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch (extra train) is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

POINTS = [0.01 * (i + 1) for i in range(18)]


class _Stub(types.ModuleType):
    """Stands for what TorchXRayVision imports and its DenseNet does not use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Stub(f"{self.__name__}.{name}")

    def __mro_entries__(self, bases: tuple[type, ...]) -> tuple[type, ...]:
        return (object,)

    def __call__(self, *_: object, **__: object) -> Any:
        return self


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    if importlib.util.find_spec("torchxrayvision") is None:
        pytest.skip("TorchXRayVision is not installed")
    absent = [name for name in ("imageio", "pandas", "requests", "tqdm") if importlib.util.find_spec(name) is None]
    absent += [name + ".auto" for name in absent if name == "tqdm"]
    torchvision = ("torchvision", "torchvision.transforms", "torchvision.models", "torchvision.transforms.functional")
    for name in (*torchvision, *absent):
        stub = _Stub(name)
        stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
        stub.__path__ = []
        monkeypatch.setitem(sys.modules, name, stub)
    return pytest.importorskip("torchxrayvision")


def test_the_onnx_file_gives_what_the_library_gives(library: Any, tmp_path: Path) -> None:
    """Seeded random weights, and the library's own normalisation before its own network."""
    from ecg_engine.models import load_model
    from training import import_model as im

    assert list(im.FINDINGS) == list(library.datasets.default_pathologies)
    torch.manual_seed(5)
    theirs = library.models.DenseNet(
        num_classes=18, in_channels=1, growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64
    ).eval()
    torch.nn.init.normal_(theirs.classifier.bias)
    # Statistics of pictures in the library's range, as trained weights have them: logits are of the usual size.
    with torch.no_grad():
        theirs.train()
        for _ in range(8):
            theirs(torch.rand(4, 1, 224, 224) * 2048 - 1024)
        theirs.eval()
    torch.save({**theirs.state_dict(), "op_threshs": torch.tensor(POINTS)}, tmp_path / "own.pt")
    assert im.main([str(tmp_path / "own.pt"), "--out", str(tmp_path), "--name", "own"]) == 0
    model = load_model(str(tmp_path / "own.toml"))
    bytes_ = np.random.default_rng(6).integers(0, 256, (224, 224)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(library.utils.normalize(bytes_, 255))[None, None].float())[0].numpy()
    found = model.run((bytes_ / 255)[None, None])["logits"][0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [label.code for label in model.card.labels][:3] == ["atelectasis", "consolidation", "infiltration"]
    assert [label.threshold for label in model.card.labels] == pytest.approx(POINTS)
    assert {label.report for label in model.card.labels} == {"research"}


def _saved(path: Path, **also: object) -> Path:
    from training import import_model as im

    torch.manual_seed(1)
    torch.save({**im.DenseNet().state_dict(), **also}, path)
    return path


def test_findings_that_were_not_trained_are_left_out(tmp_path: Path) -> None:
    """Weights of one collection have no operating point where it knows no such finding."""
    from ecg_engine.models import load_model
    from training import import_model as im

    points = [*POINTS[:14], *[math.nan] * 4]
    path = _saved(tmp_path / "nih.pt", op_threshs=torch.tensor(points))
    assert im.main([str(path), "--out", str(tmp_path), "--name", "nih"]) == 0
    model = load_model(str(tmp_path / "nih.toml"))
    assert [label.code for label in model.card.labels] == list(im.FINDINGS.values())[:14]
    assert model.run(np.zeros((1, 1, 224, 224), np.float32))["logits"].shape == (1, 14)


def test_what_cannot_be_imported_is_refused_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from training import import_model as im

    whole = tmp_path / "whole.pt"
    torch.save(im.DenseNet(), whole)
    other = tmp_path / "other.pt"
    torch.save({"conv.weight": torch.zeros(3)}, other)
    wrong = _saved(tmp_path / "wrong.pt", op_threshs=torch.tensor([0.5, 2.0]))
    cases = (
        (whole, "state_dict"),
        (other, "operating points"),
        (wrong, "operating points"),
        (tmp_path / "no.pt", "no.pt"),
    )
    for path, said in cases:
        assert im.main([str(path), "--out", str(tmp_path / "out")]) == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
    points = tmp_path / "points.toml"
    points.write_text(f"op_threshs = {POINTS}", encoding="utf-8")
    assert im.main([str(other), "--out", str(tmp_path / "out"), "--thresholds", str(points)]) == 1
    assert "no weights of a TorchXRayVision DenseNet-121" in capsys.readouterr().err
