"""Tiny networks and their cards, made on the spot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CARD = """
name = "{name}"
version = "{version}"
weights = "{weights}"
sha256 = "{sha256}"
task = "{task}"
[input]
name = "picture"
shape = {shape}
preprocessing = "letterboxed square, 1st to 99th percentile of the picture to 0 to 1, area mean"
[outputs]
{outputs}
[limits]
{limits}
{labels}
"""


def graph(
    *, size: int = 8, scale: float = 1.0, opset: int = 17, domain: str = "", bias: tuple[float, ...] = (0.0, 1.0)
) -> Any:
    """Return a network: the mean of the picture times `scale`, plus each label's bias."""
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"], domain=domain),
    ]
    values = {
        "one": np.array([1], np.int64),
        "scale": np.array([scale], np.float32),
        "bias": np.array([bias], np.float32),
    }
    g = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 1, size, size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(bias)])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def put(
    folder: Path,
    *,
    model: Any = None,
    raw: bytes | None = None,
    name: str = "tiny",
    size: int = 8,
    codes: tuple[str, ...] = ("abnormal", "effusion"),
    report: str = "default",
    calibrated: bool = True,
    sha256: str | None = None,
    limits: str = "",
    task: str = "radiograph_findings",
    outputs: str | None = None,
    shape: list[int] | None = None,
    threshold: float = 0.6,
) -> Path:
    """Write weights and card into `folder`; return the card's path."""
    raw = raw if raw is not None else (model if model is not None else graph(size=size)).SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(raw)
    labels = ""
    for code in codes:
        labels += f'[[labels]]\ncode = "{code}"\nthreshold = {threshold}\nreport = "{report}"\n'
        if calibrated:
            labels += "[labels.calibration]\nslope = 2.0\nintercept = -1.0\n"
    card = folder / f"{name}.toml"
    card.write_text(
        CARD.format(
            name=name,
            version="1.0",
            weights=f"{name}.onnx",
            sha256=sha256 or hashlib.sha256(raw).hexdigest(),
            task=task,
            shape=shape or [1, 1, size, size],
            outputs=outputs or f"logits = [1, {len(codes)}]",
            limits=limits,
            labels=labels,
        ),
        encoding="utf-8",
    )
    return card


def external(model: Any) -> Any:
    """Return the network with its bias kept in another file."""
    for tensor in model.graph.initializer:
        if tensor.name == "bias":
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", "/etc/passwd"
            tensor.ClearField("raw_data")
    return model


def with_function(model: Any) -> Any:
    """Return the network with a function of its own."""
    body = [helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(helper.make_function("own", "f", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    return model


__all__ = ["external", "graph", "onnx", "put", "with_function"]
