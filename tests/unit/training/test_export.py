"""Export of networks with several inputs and an open batch axis, against PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is absent: install the extra train to test training/")
onnx = pytest.importorskip("onnx", reason="onnx is absent: install the extra train")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


class Two(torch.nn.Module):
    """A signal and some numbers beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(2, 8, 5, stride=2)
        self.head = torch.nn.Linear(8 + 3, 4)

    def forward(self, signal, numbers):
        pooled = self.conv(signal).relu().mean(2)
        return self.head(torch.cat([pooled, numbers], 1)), pooled


def test_several_inputs_and_an_open_batch_axis(tmp_path: Path) -> None:
    from training.export import check_file, export

    torch.manual_seed(1)
    net, path = Two().eval(), tmp_path / "two.onnx"
    examples = {"signal": torch.zeros(1, 2, 40), "numbers": torch.zeros(1, 3)}
    assert export(net, examples, ("logits", "pooled"), path, any_batch=True) == {"logits": (1, 4), "pooled": (1, 8)}
    rng = np.random.default_rng(2)
    for n in (1, 5):
        given = {name: rng.standard_normal((n, *x.shape[1:])).astype(np.float32) for name, x in examples.items()}
        assert check_file(path, net, given, ("logits", "pooled")) < 1e-5


def test_another_network_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    from training.export import check_file, export

    torch.manual_seed(1)
    path = tmp_path / "two.onnx"
    export(Two(), {"signal": torch.zeros(1, 2, 40), "numbers": torch.zeros(1, 3)}, ("logits", "pooled"), path)
    given = {"signal": np.ones((1, 2, 40), np.float32), "numbers": np.ones((1, 3), np.float32)}
    with pytest.raises(ValueError, match="between PyTorch and ONNX"):
        check_file(path, Two().eval(), given, ("logits", "pooled"))


class Mirrored(torch.nn.Module):
    """A convolution that pads "same" with stride 2, as EfficientNet does, of a picture and of its mirror image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 128, 3, stride=2)

    def forward(self, picture):
        left, right = (self.conv(torch.nn.functional.pad(one, (0, 1, 0, 1))) for one in (picture, picture.flip(-1)))
        return left + right.flip(-1)


def test_padding_is_part_of_its_convolution_and_weights_that_serve_twice_are_stored_once(tmp_path: Path) -> None:
    from training.export import check_file, export

    torch.manual_seed(1)
    net, path = Mirrored().eval(), tmp_path / "mirrored.onnx"
    export(net, {"picture": torch.zeros(1, 1, 10, 12)}, ("maps",), path)
    graph = onnx.load(path).graph
    assert [node.op_type for node in graph.node if node.op_type in {"Pad", "Conv"}] == ["Conv", "Conv"]
    assert sorted(tuple(tensor.dims) for tensor in graph.initializer if len(tensor.dims) == 4) == [(128, 1, 3, 3)]
    given = {"picture": np.random.default_rng(2).random((1, 1, 10, 12), np.float32)}
    assert check_file(path, net, given, ("maps",)) < 1e-6
