"""A trained network to an ONNX file and its card, checked against PyTorch through the product's own runtime."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tomli_w
import torch
from numpy.typing import NDArray
from torch import nn

OPSET = 17
#: Smaller weights stay float32: those of the early layers, whose rounding the later ones would amplify.
MIN_HALVED = 100_000
#: Convolutions of at least so many weights are stored as bytes where `rounded` has made them fit, in so many steps.
MIN_NARROWED, STEPS = 20_000, 127
#: Largest difference of any output between PyTorch and ONNX that the rounding of weights to float16 makes: of a cell of
#: a map, whose mean, the logit, moves by a tenth of it.
TOLERANCE = 5e-2


def export(
    net: nn.Module, size: int, outputs: tuple[str, ...], path: Path, *, min_halved: int = MIN_HALVED
) -> dict[str, tuple[int, ...]]:
    """Write `net` for (1, 1, size, size) float32 as one self-contained file; return the shapes of its outputs."""
    x = torch.zeros(1, 1, size, size)
    buffer = io.BytesIO()
    torch.onnx.export(
        net.eval(), (x,), buffer, input_names=["picture"], output_names=list(outputs), opset_version=OPSET,
        dynamo=False, do_constant_folding=True,
    )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model, full_check=True)
    narrow(model)
    halve(model, min_halved)
    # The names of layers and of the exporting machine's files are nobody's business.
    for node in model.graph.node:
        node.doc_string = ""
    model.doc_string = ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    with torch.no_grad():
        given = net(x)
    given = given if isinstance(given, tuple) else (given,)
    return {name: tuple(value.shape) for name, value in zip(outputs, given, strict=True)}


def rounded(net: nn.Module) -> None:
    """Round the large convolutions of `net` to 127 steps either way of each output channel, as `narrow` stores them."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.numel() >= MIN_NARROWED:
                step = layer.weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / STEPS
                layer.weight.copy_(torch.round(layer.weight / step) * step)


def narrow(model: onnx.ModelProto) -> None:
    """Store convolutions that `rounded` has treated as bytes and a scale for each output channel.

    The batch normalisation that an exporter folds into a convolution scales whole channels, so the steps remain. Others
    are left alone.
    """
    kernels = {node.input[1] for node in model.graph.node if node.op_type == "Conv"}
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.name not in kernels or values.dtype != np.float32 or values.size < MIN_NARROWED:
            continue
        step = np.maximum(np.abs(values).max((1, 2, 3), keepdims=True), 1e-12) / STEPS
        steps = np.rint(values / step)
        if np.abs(values / step - steps).max() > 0.01:
            continue
        name = tensor.name
        model.graph.initializer.remove(tensor)
        for kept, label in ((steps.astype(np.int8), "steps"), (step.astype(np.float32), "step")):
            model.graph.initializer.append(onnx.numpy_helper.from_array(kept, f"{name}_{label}"))
        cast = onnx.helper.make_node("Cast", [f"{name}_steps"], [f"{name}_float"], to=onnx.TensorProto.FLOAT)
        times = onnx.helper.make_node("Mul", [f"{name}_float", f"{name}_step"], [name])
        model.graph.node.insert(0, times)
        model.graph.node.insert(0, cast)


def halve(model: onnx.ModelProto, least: int = MIN_HALVED) -> None:
    """Store the large weights as float16; each is cast back to float32, once, when the runtime loads the graph."""
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < least:
            continue
        name = tensor.name
        small = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(small)
        cast = onnx.helper.make_node("Cast", [small.name], [name], to=onnx.TensorProto.FLOAT)
        model.graph.node.insert(0, cast)


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write a card beside its weights, with their hash."""
    weights = path.parent / card["weights"]
    card["sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    path.write_text(tomli_w.dumps(_plain(card), multiline_strings=True), encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value


def check(card: Path, net: nn.Module, inputs: NDArray[np.float32]) -> float:
    """Return the largest difference between PyTorch and the product's runtime over `inputs` (n, 1, size, size).

    Raises
    ------
    ValueError
        More than rounding.
    """
    from ecg_engine.models import load_model

    model = load_model(str(card))
    worst = 0.0
    with torch.no_grad():
        for one in inputs:
            found = model.run(one[None])
            given = net(torch.from_numpy(one[None]))
            given = given if isinstance(given, tuple) else (given,)
            for ours, theirs in zip(found.values(), given, strict=True):
                worst = max(worst, float(np.abs(ours - theirs.numpy()).max()))
    if worst > TOLERANCE:
        raise ValueError(f"{card}: {worst:g} between PyTorch and ONNX")
    return worst
