"""What lies where in a chest: a linear map from the features of 4 x 4 places to the findings, beside the networks.

The networks average their maps, so they hardly tell where anything lies, nor how large a heart is. Ridge regression
(Hoerl and Kennard 1970, doi:10.2307/1267351) on the means of the early layers' features over 4 x 4 places tells both.
It learns in seconds from the features that are kept for the networks, and costs the weight 15,000 numbers and no time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from training.chest_images import FINDINGS

CODES = tuple(FINDINGS)
#: Places along a side, features along the side of one, and how many at each border belong to none.
PLACES, PLACE_SIDE, BORDER = 4, 3, 1
#: Weight of the penalty, features in standard deviations over the root of their number; and the first versions of each
#: picture that are learnt from.
STRENGTH, VERSIONS_LEARNT = 5.0, 3
#: Standard deviations of this map's logits for one of the networks': out of fold the heart's size is told by places.
SHARE: Mapping[str, float] = {code: 0.5 for code in CODES} | {"cardiomegaly": 2.0}
#: Names of all that `add_places` adds to a graph.
PREFIX = "places_"


def places_of(values: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the means over each place: (n, channels, 14, 14) to (n, channels * 16)."""
    n, channels = values.shape[:2]
    inner = values[:, :, BORDER : values.shape[2] - BORDER, BORDER : values.shape[3] - BORDER].astype(np.float32)
    cells = inner.reshape(n, channels, PLACES, PLACE_SIDE, PLACES, PLACE_SIDE)
    out: NDArray[np.float32] = cells.mean((3, 5)).reshape(n, -1)
    return out


@dataclass(frozen=True, slots=True)
class Places:
    """The map: (channels * 16, findings) weights of `places_of`, and an offset of each finding."""

    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def logits(self, values: NDArray[np.float16]) -> NDArray[np.float64]:
        """Return (n, findings) of (n, channels, 14, 14)."""
        out: NDArray[np.float64] = places_of(values) @ self.weights + self.offsets
        return out

    def beside(self, nets: NDArray[np.floating], own: NDArray[np.floating]) -> Places:
        """Return the map whose logits are to be added to the networks': `SHARE` of their spread, and none on average.

        `nets` and `own` are what both say of the same pictures, (n, findings).
        """
        share = np.array([SHARE[code] for code in CODES]) * nets.std(0) / own.std(0)
        return Places(self.weights * share, (self.offsets - own.mean(0)) * share)


def fit_places(
    values: NDArray[np.float16], wanted: NDArray[np.float32], use: NDArray[np.bool_], weight: NDArray[np.float64]
) -> Places:
    """Return the map learnt from (versions, n, channels, 14, 14) features of the rows that `use` names.

    `wanted` are (n, findings) probabilities, NaN where nothing is known; `weight` is how much each row counts.
    """
    seen = np.stack([places_of(version) for version in values[:VERSIONS_LEARNT]])
    mean, sd = seen[0, use].mean(0), seen[0, use].std(0) + 1e-6
    scale = sd * np.sqrt(seen.shape[2])
    seen = (seen - mean) / scale
    weights, offsets = np.zeros((seen.shape[2], wanted.shape[1])), np.zeros(wanted.shape[1])
    for i in range(wanted.shape[1]):
        rows = np.flatnonzero(use & np.isfinite(wanted[:, i]))
        counts = (weight[rows] / weight[rows].sum() * len(rows)).astype(np.float32)
        x, y = seen[:, rows], wanted[rows, i].astype(np.float64)
        centre, level = (x * counts[:, None]).mean((0, 1)), float((y * counts).mean())
        x = (x - centre).reshape(-1, seen.shape[2])
        both = np.tile(counts, len(seen))
        gram = ((x * both[:, None]).T @ x).astype(np.float64) / len(seen) + STRENGTH * np.eye(seen.shape[2])
        answer = (x.T @ (both * np.tile(y - level, len(seen))).astype(np.float32)).astype(np.float64) / len(seen)
        found = np.linalg.solve(gram, answer)
        weights[:, i] = found / scale
        offsets[i] = level - found @ centre - (mean / scale) @ found
    return Places(weights, offsets)


def without_places(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph as it was before `add_places`, or as it is."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    own = [node for node in out.graph.node if node.name.startswith(PREFIX)]
    for node in own:
        out.graph.node.remove(node)
    for tensor in [one for one in out.graph.initializer if one.name.startswith(PREFIX)]:
        out.graph.initializer.remove(tensor)
    for node in out.graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == f"{PREFIX}nets":
                    names[i] = "logits"
    return out


def early_of(model: onnx.ModelProto) -> str:
    """Return the name of what the early layers give: the one tensor that every network's first convolution takes."""
    known = {tensor.name for tensor in model.graph.initializer}
    takers: dict[str, int] = {}
    for node in model.graph.node:
        for name in node.input:
            if node.op_type == "Conv" and name not in known:
                takers[name] = takers.get(name, 0) + 1
    heads = sum(node.op_type == "Conv" and node.name.startswith("/head") for node in model.graph.node)
    names = [name for name, count in takers.items() if count == heads]
    if heads < 2 or len(names) != 1:
        raise ValueError(f"{heads} networks and {len(names)} tensors that each of them takes: this is no panel")
    return names[0]


def add_places(path: Path, places: Places) -> None:
    """Add the map's logits to those of the networks in the file; a map that is in it already is replaced.

    The maps of the findings stay those of the networks.
    """
    model = without_places(onnx.load_from_string(path.read_bytes()))
    early = early_of(model)
    for node in model.graph.node:
        for i, name in enumerate(node.output):
            if name == "logits":
                node.output[i] = f"{PREFIX}nets"
    ends = BORDER + PLACES * PLACE_SIDE
    constants = {
        "starts": np.array([BORDER, BORDER]), "ends": np.array([ends, ends]), "axes": np.array([2, 3]),
        "weights": places.weights.astype(np.float32), "offsets": places.offsets.astype(np.float32),
    }  # fmt: skip
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(value, f"{PREFIX}{name}") for name, value in constants.items()
    )

    def node(kind: str, takes: list[str], gives: str, **how: object) -> onnx.NodeProto:
        names = [one if one == early else f"{PREFIX}{one}" for one in takes]
        return onnx.helper.make_node(kind, names, [gives], name=f"{PREFIX}{kind}", **how)

    side = [PLACE_SIDE, PLACE_SIDE]
    model.graph.node.extend(
        [
            node("Slice", [early, "starts", "ends", "axes"], f"{PREFIX}inner"),
            node("AveragePool", ["inner"], f"{PREFIX}means", kernel_shape=side, strides=side),
            node("Flatten", ["means"], f"{PREFIX}row"),
            node("Gemm", ["row", "weights", "offsets"], f"{PREFIX}logits"),
            node("Add", ["nets", "logits"], "logits"),
        ]
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
