"""Networks of other makers: weights out of files that may not run anything, and the network that they belong to.

The DenseNet-121 of TorchXRayVision (Cohen et al. 2022, https://arxiv.org/abs/2111.00595) is written here anew after
Huang et al. 2017 (https://arxiv.org/abs/1608.06993); those of torchvision, timm and MONAI are made by these libraries,
where they are installed.
"""

from __future__ import annotations

import importlib
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_engine.errors import ModelError

GROWTH, BLOCKS, STEM = 32, (6, 12, 24, 16), 64
#: The outputs of TorchXRayVision's networks.
OUTPUTS = 18
#: What a state dict's names may all begin with: wrappers put it there.
WRAPPERS = ("module.", "model.", "net.", "network.", "backbone.")
#: Layers that a pickled network may hold and that do nothing while they are read.
_LAYERS = (
    nn.Sequential, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Linear,
    nn.Dropout, nn.Identity,
)  # fmt: skip
#: TorchXRayVision's own classes: read as `_Read`, whose code is ours.
_THEIRS = tuple(
    f"{module}.{name}"
    for module in ("torchxrayvision.models", "models")
    for name in ("DenseNet", "_DenseBlock", "_DenseLayer", "_Transition")
)


class _Layer(nn.Sequential):
    def __init__(self, inputs: int) -> None:
        wide = 4 * GROWTH
        super().__init__(
            OrderedDict(
                norm1=nn.BatchNorm2d(inputs), relu1=nn.ReLU(), conv1=nn.Conv2d(inputs, wide, 1, bias=False),
                norm2=nn.BatchNorm2d(wide), relu2=nn.ReLU(), conv2=nn.Conv2d(wide, GROWTH, 3, padding=1, bias=False),
            )
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, super().forward(x)], 1)


class DenseNet(nn.Module):
    """DenseNet-121 for one channel: (n, 1, 224, 224), -1024 to 1024, to logits (n, findings)."""

    def __init__(self, outputs: int = OUTPUTS) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(1, STEM, 7, 2, 3, bias=False), norm0=nn.BatchNorm2d(STEM), relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        wide = STEM
        for b, layers in enumerate(BLOCKS, 1):
            named = OrderedDict((f"denselayer{i + 1}", _Layer(wide + i * GROWTH)) for i in range(layers))
            parts[f"denseblock{b}"] = nn.Sequential(named)  # type: ignore[arg-type]
            wide += layers * GROWTH
            if b < len(BLOCKS):
                parts[f"transition{b}"] = nn.Sequential(
                    OrderedDict(
                        norm=nn.BatchNorm2d(wide), relu=nn.ReLU(), conv=nn.Conv2d(wide, wide // 2, 1, bias=False),
                        pool=nn.AvgPool2d(2, 2),
                    )
                )  # fmt: skip
                wide //= 2
        parts["norm5"] = nn.BatchNorm2d(wide)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(wide, outputs)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(F.relu(self.features(x)).mean((2, 3)))
        return logits


class _Read(nn.Module):
    """Stands for a class of TorchXRayVision's while a network that was pickled whole is read: it only holds weights."""


def read_weights(path: Path, *, trust_pickle: bool = False) -> tuple[dict[str, Tensor], list[float] | None]:
    """Return the state dict, and the operating points where the file holds them.

    A network of TorchXRayVision's that was pickled whole, as its published files are, is read without its code: plain
    layers and our stand-ins for its classes are all that such a file may name.

    Raises
    ------
    ModelError
        It cannot be read, or it would run code and was not trusted, or it holds no state dict.
    """
    try:
        if trust_pickle:
            held = torch.load(path, map_location="cpu", weights_only=False)
        else:
            with torch.serialization.safe_globals([*_LAYERS, *((_Read, name) for name in _THEIRS)]):
                held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise ModelError(
            f"{path}: a pickled network, which can run anything when it is opened; save its state_dict(), or give "
            "--trust-pickle where you trust whoever made it"
        ) from exc
    except (OSError, RuntimeError, EOFError, AttributeError, ImportError) as exc:
        raise ModelError(f"{path}: cannot be read ({exc})") from exc
    if isinstance(held, nn.Module):
        points = getattr(held, "op_threshs", None)
        held = _state_of(held) | ({} if points is None else {"op_threshs": points})
    if not isinstance(held, Mapping):
        raise ModelError(f"{path}: holds no state dict; save the network's state_dict()")
    state = dict(held.get("state_dict", held))
    points = state.pop("op_threshs", held.get("op_threshs"))
    return _unwrapped(state), None if points is None else [float(value) for value in points]


def _state_of(net: nn.Module) -> dict[str, Tensor]:
    """Return the weights that a network holds, without a call of anything that came with it."""
    found: dict[str, Tensor] = {}
    for place, module in net.named_modules():
        left_out = getattr(module, "_non_persistent_buffers_set", set())
        held = {**module._parameters, **{k: v for k, v in module._buffers.items() if k not in left_out}}
        found |= {f"{place}.{name}".lstrip("."): value for name, value in held.items() if value is not None}
    return found


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for start in WRAPPERS:
        if state and all(name.startswith(start) for name in state):
            return {name.removeprefix(start): value for name, value in state.items()}
    return state


def build(state: Mapping[str, Tensor]) -> DenseNet:
    """Return TorchXRayVision's network with these weights.

    Raises
    ------
    ModelError
        Names or shapes are those of another network.
    """
    net = DenseNet()
    _fill(net, state, "a TorchXRayVision DenseNet-121")
    return net.eval()


def made_by(library: str, architecture: str, state: Mapping[str, Tensor], *, outputs: int, channels: int) -> nn.Module:
    """Return a network of torchvision's, timm's or MONAI's with these weights.

    Parameters
    ----------
    library : str
    architecture : str
        As the library names it: ``densenet121``, ``resnet50``, ``efficientnet_b0``, ``DenseNet121``.
    state : mapping of str to Tensor
    outputs, channels : int

    Raises
    ------
    ModelError
        The library is not installed, has no such network, or the weights are those of another.
    """
    try:
        if library == "torchvision":
            net = importlib.import_module("torchvision.models").get_model(
                architecture, weights=None, num_classes=outputs
            )
            if channels != 3:
                _take(net, channels)
        elif library == "timm":
            net = importlib.import_module("timm").create_model(
                architecture, pretrained=False, num_classes=outputs, in_chans=channels
            )
        else:
            nets = importlib.import_module("monai.networks.nets")
            net = getattr(nets, architecture)(**_sizes(architecture, channels, outputs))
    except ImportError as exc:
        raise ModelError(
            f"{library} is not installed here; install it, or save the network with torch.export.save or as ONNX where "
            "it is and give --from export or onnx"
        ) from exc
    except (ValueError, RuntimeError, AttributeError, TypeError) as exc:
        raise ModelError(f"{library} makes no classifier {architecture!r}: {str(exc)[:200]}") from exc
    _fill(net, state, f"{library}'s {architecture}")
    made: nn.Module = net.eval()
    return made


def _sizes(architecture: str, channels: int, outputs: int) -> dict[str, Any]:
    """Return the arguments of a network of MONAI's: its families name them differently."""
    if architecture.lower().startswith("resnet"):
        return {"spatial_dims": 2, "n_input_channels": channels, "num_classes": outputs}
    if architecture.lower().startswith("efficientnet"):
        return {"model_name": "efficientnet-b0", "spatial_dims": 2, "in_channels": channels, "num_classes": outputs,
                "pretrained": False}  # fmt: skip
    return {"spatial_dims": 2, "in_channels": channels, "out_channels": outputs}


def _take(net: nn.Module, channels: int) -> None:
    """Give a network's first convolution `channels` inputs."""
    name, first = next((name, m) for name, m in net.named_modules() if isinstance(m, nn.Conv2d))
    parent = net.get_submodule(name.rpartition(".")[0])
    own = nn.Conv2d(
        channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None
    )  # type: ignore[arg-type]
    setattr(parent, name.rpartition(".")[2], own)


def _fill(net: nn.Module, state: Mapping[str, Tensor], words: str) -> None:
    try:
        net.load_state_dict(dict(state))
    except (RuntimeError, AttributeError, TypeError) as exc:
        raise ModelError(f"these are no weights of {words}: {str(exc)[:300]}") from exc


def exported(path: Path) -> nn.Module:
    """Return a network that ``torch.export.save`` wrote: a graph, of which nothing is run to read it.

    Raises
    ------
    ModelError
        It cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: nn.Module = torch.export.load(path).module(check_guards=False)
    except Exception as exc:
        raise ModelError(f"{path}: no program of torch.export ({str(exc)[:200]})") from exc
    # It was fixed when it was exported: it refuses to be set to anything, and its checks of shapes cannot be traced.
    module._forward_pre_hooks.clear()
    module._forward_pre_hooks_with_kwargs.clear()
    module.train = lambda mode=True: module  # type: ignore[method-assign]
    return module


class Greys(nn.Module):
    """A network as the engine runs it: (n, 1, s, s) greys of 0 to 1 to log odds of the `kept` outputs.

    Parameters
    ----------
    net : Module
    mean, std : sequence of float
        What the network's greys are normalised by, of each channel.
    side : int
        Of the square in the middle that the network sees.
    gives : str
        ``logits``; ``softmax`` (scores of classes of which one is true: their log odds against the others);
        ``probabilities``.
    kept : sequence of int
    """

    def __init__(
        self, net: nn.Module, *, mean: Sequence[float], std: Sequence[float], side: int, gives: str, kept: Sequence[int]
    ) -> None:
        super().__init__()
        self.net, self.side, self.gives, self.kept = net, side, gives, list(kept)
        self.register_buffer("mean", torch.tensor(list(mean)).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        edge = (x.shape[-1] - self.side) // 2
        x = x[..., edge : edge + self.side, edge : edge + self.side]
        out = self.net((x - self.mean) / self.std)
        out = out[0] if isinstance(out, tuple | list) else out
        if self.gives == "probabilities":
            out = torch.logit(out, 1e-6)
        if self.gives == "softmax":
            others = [torch.cat([out[:, :k], out[:, k + 1 :]], 1) for k in self.kept]
            columns = [out[:, k] - torch.logsumexp(rest, 1) for k, rest in zip(self.kept, others, strict=True)]
            return torch.stack(columns, 1)
        return torch.stack([out[:, k] for k in self.kept], 1)
