"""Export of networks with several inputs and an open batch axis, against PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is absent: install the extra train to test training/")
pytest.importorskip("onnx", reason="onnx is absent: install the extra train")

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
