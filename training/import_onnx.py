"""An ONNX classifier of other makers, rewritten to take greys of 0 to 1 and to give log odds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ecg_engine.errors import ModelError

if TYPE_CHECKING:
    from training.import_model import Classifier

OPSET = 17
#: Probabilities are kept so far from 0 and 1.
LEAST = 1e-6


def rewritten(path: Path, about: Classifier, out: Path) -> None:
    """Write `path` with the normalisation before its graph and the log odds behind it.

    Raises
    ------
    ModelError
        It is no ONNX file of a classifier such as `about` says.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
        onnx.checker.check_model(model)
        if not any(said.domain in ("", "ai.onnx") and said.version >= OPSET for said in model.opset_import):
            model = onnx.version_converter.convert_version(model, OPSET)
    except Exception as exc:
        raise ModelError(f"{path}: no ONNX file that can be read: {str(exc)[:200]}") from exc
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    takes = [one for one in graph.input if one.name not in weights]
    if len(takes) != 1 or len(graph.output) != 1:
        raise ModelError(f"{path}: {len(takes)} inputs and {len(graph.output)} outputs; one of each is needed")
    shape = [dim.dim_value for dim in takes[0].type.tensor_type.shape.dim]
    wanted = [1, len(about.mean), about.side, about.side]
    if len(shape) != 4 or any(found not in (0, said) for found, said in zip(shape, wanted, strict=True)):
        raise ModelError(f"{path}: takes {shape}; --mean, --std and --size say {wanted}")
    _begin(graph, takes[0].name, about)
    _end(graph, graph.output[0].name, about)
    del graph.value_info[:]
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as exc:
        raise ModelError(f"{path}: does not fit what was said of it: {str(exc)[:200]}") from exc
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(model.SerializeToString())


def _constant(graph: onnx.GraphProto, name: str, values: object) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name


def _begin(graph: onnx.GraphProto, name: str, about: Classifier) -> None:
    """Put the cut and the normalisation before the graph."""
    edge = (about.resized - about.side) // 2
    each = (1, -1, 1, 1)
    nodes = [
        helper.make_node(
            "Slice",
            [
                "picture",
                _constant(graph, "greys_first", np.array([edge, edge])),
                _constant(graph, "greys_last", np.array([edge + about.side] * 2)),
                _constant(graph, "greys_axes", np.array([2, 3])),
            ],
            ["greys_cut"],
        ),
        helper.make_node(
            "Sub",
            ["greys_cut", _constant(graph, "greys_mean", np.array(about.mean, np.float32).reshape(each))],
            ["greys_off"],
        ),
        helper.make_node(
            "Div", ["greys_off", _constant(graph, "greys_std", np.array(about.std, np.float32).reshape(each))], [name]
        ),
    ]
    for i, node in enumerate(nodes):
        graph.node.insert(i, node)
    kept = [one for one in graph.input if one.name != name]
    del graph.input[:]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 1, about.resized, about.resized])
    graph.input.extend([picture, *kept])


def _end(graph: onnx.GraphProto, name: str, about: Classifier) -> None:
    """Put the log odds of the kept outputs behind the graph."""
    if about.gives == "softmax":
        graph.node.append(helper.make_node("Softmax", [name], ["odds_shares"], axis=1))
        name = "odds_shares"
    if about.gives != "logits":
        least, most = (_constant(graph, f"odds_{k}", np.float32(v)) for k, v in (("least", LEAST), ("most", 1 - LEAST)))
        one = _constant(graph, "odds_one", np.float32(1))
        graph.node.extend(
            [
                helper.make_node("Clip", [name, least, most], ["odds_p"]),
                helper.make_node("Sub", [one, "odds_p"], ["odds_not"]),
                helper.make_node("Div", ["odds_p", "odds_not"], ["odds"]),
                helper.make_node("Log", ["odds"], ["odds_log"]),
            ]
        )
        name = "odds_log"
    graph.node.append(
        helper.make_node("Gather", [name, _constant(graph, "odds_kept", np.array(about.kept))], ["logits"], axis=1)
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(about.kept)]))
