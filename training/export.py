"""A trained network to an ONNX file and its card, checked against PyTorch through the product's own runtime."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxslim
import tomli_w
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

OPSET = 17
#: Smaller weights stay float32: those of the early layers, whose rounding the later ones would amplify.
MIN_HALVED = 100_000
#: Convolutions of at least so many weights are stored as bytes where `rounded` has made them fit, in so many steps.
MIN_NARROWED, STEPS = 20_000, 127
#: Largest difference of any output between PyTorch and ONNX that the rounding of weights to float16 makes: of a cell of
#: a map, whose mean, the logit, moves by a tenth of it.
TOLERANCE = 5e-2


def export(
    net: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    path: Path,
    *,
    any_batch: bool = False,
    halved_from: int = MIN_HALVED,
) -> dict[str, tuple[int, ...]]:
    """Write `net` as one self-contained file; return the shapes of its outputs.

    Parameters
    ----------
    inputs : mapping of str to tensor
        An example of each input by its name in the graph, in the order in which `net` takes them, batch axis first.
    outputs : tuple of str
        Names of what `net` gives, in its order.
    any_batch : bool
        Leave the first axis of every input and output open; else it is the example's.
    halved_from : int
        Weights of so many numbers and more are stored as float16.
    """
    examples = tuple(inputs.values())
    buffer = io.BytesIO()
    torch.onnx.export(
        net.eval(), examples, buffer, input_names=list(inputs), output_names=list(outputs), opset_version=OPSET,
        dynamo=False, do_constant_folding=True,
        dynamic_axes={name: {0: "batch"} for name in (*inputs, *outputs)} if any_batch else None,
    )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compact(model, halved_from).SerializeToString())
    return {name: tuple(value.shape) for name, value in zip(outputs, _given(net, examples), strict=True)}


def session_of(net: nn.Module, example: Tensor) -> Any:
    """Return `net`, of one input ``x`` and one output, as a session of one thread for any number of examples.

    On a processor ONNX Runtime computes frozen convolutions several times as fast as PyTorch: the early layers of
    EfficientNet-Lite0 at 224 px in 8 ms for 40.
    """
    import onnxruntime as ort

    buffer = io.BytesIO()
    torch.onnx.export(
        net.eval(), (example,), buffer, input_names=["x"], output_names=["y"], opset_version=OPSET, dynamo=False,
        dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}},
    )  # fmt: skip
    whole = compact(onnx.load_from_string(buffer.getvalue()), halved_from=2**62)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])


def compact(model: onnx.ModelProto, halved_from: int = MIN_HALVED) -> onnx.ModelProto:
    """Return a graph with the same results that runs faster and takes less room.

    What can be computed beforehand is, and padding becomes part of its convolution: a `Pad` of its own takes ONNX
    Runtime out of the layout in which it convolves and back, a quarter of the time of a network that pads "same" as
    EfficientNet does. Then `narrow` and `halve`.
    """
    small = onnxslim.slim(model)
    share(small)
    onnx.checker.check_model(small, full_check=True)
    narrow(small)
    halve(small, halved_from)
    # The names of layers and of the exporting machine's files are nobody's business.
    for node in small.graph.node:
        node.doc_string = ""
    small.doc_string = ""
    return small


def _given(net: nn.Module, inputs: Iterable[Tensor]) -> tuple[Tensor, ...]:
    with torch.no_grad():
        given = net(*inputs)
    return given if isinstance(given, tuple) else (given,)


def rounded(net: nn.Module) -> None:
    """Round the large convolutions of `net` to 127 steps either way of each output channel, as `narrow` stores them."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.numel() >= MIN_NARROWED:
                step = layer.weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / STEPS
                layer.weight.copy_(torch.round(layer.weight / step) * step)


def share(model: onnx.ModelProto) -> None:
    """Keep weights once that several nodes use: a net that looks at a picture and its mirror image has two of each."""
    kept: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    instead: dict[str, str] = {}
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        first = kept.setdefault((tensor.data_type, values.shape, values.tobytes()), tensor.name)
        if first != tensor.name:
            instead[tensor.name] = first
            model.graph.initializer.remove(tensor)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = instead.get(name, name)


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
        step = np.maximum(np.abs(values).max(tuple(range(1, values.ndim)), keepdims=True), 1e-12) / STEPS
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


def halve(model: onnx.ModelProto, smallest: int = MIN_HALVED) -> None:
    """Store the large weights as float16; each is cast back to float32, once, when the runtime loads the graph."""
    for tensor in list(model.graph.initializer):
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < smallest:
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


def check(card: Path, net: nn.Module, inputs: NDArray[np.float32] | Mapping[str, NDArray[np.float32]]) -> float:
    """Return the largest difference between PyTorch and the product's runtime, one example after the other.

    Parameters
    ----------
    inputs : (n, ...) array, or mapping of str to (n, ...) array
        Examples: of the card's one input, or of each by name in the order in which `net` takes them, the card's own
        first.

    Raises
    ------
    ValueError
        More than rounding.
    """
    from ecg_engine.models import load_model

    model = load_model(str(card))
    named = inputs if isinstance(inputs, Mapping) else {model.card.input_name: inputs}
    worst = 0.0
    for rows in zip(*named.values(), strict=True):
        one = {name: row[None] for name, row in zip(named, rows, strict=True)}
        x = one.pop(model.card.input_name)
        found = model.run(x, **({"extra": one} if one else {}))
        worst = max(worst, _apart(found.values(), net, (x, *one.values())))
    return _judged(worst, card)


def check_file(
    path: Path, net: nn.Module, inputs: Mapping[str, NDArray[np.float32]], outputs: tuple[str, ...]
) -> float:
    """Return the largest difference between PyTorch and the file itself, all examples as one batch.

    Raises
    ------
    ValueError
        More than rounding.
    """
    import onnxruntime as ort

    found = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"]).run(list(outputs), dict(inputs))
    return _judged(_apart(found, net, inputs.values()), path)


def _apart(ours: Iterable[Any], net: nn.Module, inputs: Iterable[NDArray[np.float32]]) -> float:
    theirs = _given(net, [torch.from_numpy(x) for x in inputs])
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(ours, theirs, strict=True))


def _judged(worst: float, path: Path) -> float:
    if not worst <= TOLERANCE:
        raise ValueError(f"{path}: {worst:g} between PyTorch and ONNX")
    return worst
