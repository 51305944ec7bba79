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
#: Largest difference of any output between PyTorch and ONNX that the rounding of weights to float16 makes.
TOLERANCE = 2e-2


def export(net: nn.Module, size: int, outputs: tuple[str, ...], path: Path) -> dict[str, tuple[int, ...]]:
    """Write `net` for (1, 1, size, size) float32 as one self-contained file; return the shapes of its outputs."""
    x = torch.zeros(1, 1, size, size)
    buffer = io.BytesIO()
    torch.onnx.export(
        net.eval(), (x,), buffer, input_names=["picture"], output_names=list(outputs), opset_version=OPSET,
        dynamo=False, do_constant_folding=True,
    )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model, full_check=True)
    halve(model)
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


def halve(model: onnx.ModelProto) -> None:
    """Store the large weights as float16; each is cast back to float32, once, when the runtime loads the graph."""
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_HALVED:
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
