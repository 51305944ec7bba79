"""Tiny ECG models and their cards, made on the spot: the score is known from the signal by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

CARD = """
name = "{name}"
version = "{version}"
weights = "{file}.onnx"
sha256 = "{sha256}"
task = "ecg_scores"
[input]
name = "signal"
shape = {shape}
fs_hz = {fs_hz}
units = "mV"
preprocessing = "{preprocessing}"
{extra}
[outputs]
logits = [1, {n_labels}]
[limits]
{limits}
{labels}
"""


def graph(
    n_leads: int = 1, n_samples: int = 1000, *, biases: tuple[float, ...] = (0.0,), batch: bool = True,
    extra: bool = False, scale: float = 1.0,
) -> Any:  # fmt: skip
    """Return a network: the mean of the signal times `scale` plus each label's bias (plus the extra input `age`)."""
    first: Any = "batch" if batch else 1
    n = len(biases)
    nodes = [
        helper.make_node("ReduceMean", ["signal"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Mul", ["column", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "age" if extra else "zero"], ["moved"]),
        helper.make_node("Add", ["moved", "bias"], ["logits"]),
    ]
    values = {
        "one": np.array([1], np.int64),
        "zero": np.zeros((1, 1), np.float32),
        "scale": np.array([scale], np.float32),
        "bias": np.array([biases], np.float32),
    }
    if extra:
        del values["zero"]
    inputs = [helper.make_tensor_value_info("signal", TensorProto.FLOAT, [first, n_leads, n_samples])]
    if extra:
        inputs.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, [first, 1]))
    g = helper.make_graph(
        nodes, "tiny", inputs, [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [first, n])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )  # fmt: skip
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def put(
    folder: Path, *, name: str = "tiny_ecg", version: str = "1.0", file: str | None = None,
    labels: dict[str, tuple[float, float, str]] | None = None, calibrated: bool = True, limits: str = "",
    preprocessing: str = "millivolts", n_leads: int = 1, n_samples: int = 1000, fs_hz: float = 100.0,
    model: Any = None, extra: str = "", sha256: str | None = None,
) -> Path:  # fmt: skip
    """Write weights and card into `folder`; return the card's path. `labels`: code to (bias, threshold, report)."""
    labels = labels or {"atrial_fibrillation": (0.0, 0.5, "default")}
    if model is None:
        model = graph(n_leads, n_samples, biases=tuple(bias for bias, _, _ in labels.values()))
    raw = model.SerializeToString()
    folder.mkdir(parents=True, exist_ok=True)
    file = file or name
    (folder / f"{file}.onnx").write_bytes(raw)
    words = ""
    for code, (_, threshold, report) in labels.items():
        words += f'[[labels]]\ncode = "{code}"\nthreshold = {threshold}\nreport = "{report}"\n'
        if calibrated:
            words += "[labels.calibration]\nslope = 1.0\nintercept = 0.0\n"
    card = folder / f"{file}.toml"
    card.write_text(
        CARD.format(
            name=name, version=version, file=file, sha256=sha256 or hashlib.sha256(raw).hexdigest(),
            shape=[1, n_leads, n_samples], fs_hz=fs_hz, preprocessing=preprocessing, extra=extra,
            n_labels=len(labels), limits=limits, labels=words,
        ),
        encoding="utf-8",
    )  # fmt: skip
    return card
