"""Boosted trees over the numbers about a strip, and the same trees as a network that ONNX's own operators can run."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LEAVES = 10
SETTINGS: dict[str, Any] = {
    "max_iter": 250, "learning_rate": 0.04, "max_leaf_nodes": LEAVES, "min_samples_leaf": 25, "max_features": 0.3,
}  # fmt: skip


class Trees(nn.Module):
    """(n, k) numbers to (n, classes) scores: all questions of all trees, then the leaf whose path they fit."""

    def __init__(
        self,
        feature: NDArray[np.int64],
        threshold: NDArray[np.float32],
        path: NDArray[np.float32],
        needed: NDArray[np.float32],
        value: NDArray[np.float32],
        first: NDArray[np.float32],
    ) -> None:
        super().__init__()
        self.n_trees, self.n_classes = len(feature), len(first)
        self.register_buffer("feature", torch.from_numpy(feature).reshape(-1))
        self.register_buffer("threshold", torch.from_numpy(threshold).reshape(-1))
        self.register_buffer("path", torch.from_numpy(path))
        self.register_buffer("needed", torch.from_numpy(needed)[:, None])
        self.register_buffer("value", torch.from_numpy(value)[:, None])
        self.register_buffer("first", torch.from_numpy(first))

    def forward(self, numbers: Tensor) -> Tensor:
        left = (numbers[:, self.feature] <= self.threshold).float()
        left = left.reshape(-1, self.n_trees, LEAVES - 1).transpose(0, 1)
        reached = (torch.matmul(left, self.path) > self.needed).float()
        said = (reached * self.value).sum(2)
        return said.reshape(-1, self.n_classes, numbers.shape[0]).sum(0).T + self.first


def fit_trees(numbers: NDArray[np.float32], y: NDArray[np.int64], seed: int, **settings: Any) -> Trees:
    """Boost trees (scikit-learn's, after LightGBM: Ke et al. 2017, NeurIPS) and return them as a network."""
    return trees_of(boosted(numbers, y, seed, **settings))


def boosted(numbers: NDArray[np.float32], y: NDArray[np.int64], seed: int, **settings: Any) -> Any:
    """Return scikit-learn's classifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed, **{**SETTINGS, **settings}).fit(numbers, y)


def trees_of(model: Any) -> Trees:
    """Return scikit-learn's boosted trees as a network that gives their raw scores."""
    trees = [tree.nodes for one in model._predictors for tree in one]
    n = len(trees)
    feature, threshold = np.zeros((n, LEAVES - 1), np.int64), np.zeros((n, LEAVES - 1), np.float32)
    path = np.zeros((n, LEAVES - 1, LEAVES), np.float32)
    # A leaf that a tree lacks can never be reached.
    needed, value = np.full((n, LEAVES), 99.0, np.float32), np.zeros((n, LEAVES), np.float32)
    for t, nodes in enumerate(trees):
        asked, leaves = 0, 0
        waiting: list[tuple[int, list[tuple[int, int]]]] = [(0, [])]
        while waiting:
            i, steps = waiting.pop()
            node = nodes[i]
            if node["is_leaf"]:
                value[t, leaves] = node["value"]
                for question, way in steps:
                    path[t, question, leaves] = way
                # All the questions answered with left, and none of those with right.
                needed[t, leaves] = sum(way > 0 for _, way in steps) - 0.5
                leaves += 1
                continue
            feature[t, asked] = node["feature_idx"]
            threshold[t, asked] = _below(float(node["num_threshold"]))
            waiting.append((int(node["left"]), [*steps, (asked, 1)]))
            waiting.append((int(node["right"]), [*steps, (asked, -1)]))
            asked += 1
    first = np.asarray(model._baseline_prediction, np.float32).reshape(-1)
    return Trees(feature, threshold, path, needed, value, first)


def _below(value: float) -> np.float32:
    """Return the largest float32 that is not above, so that float32 numbers are compared as float64 ones are."""
    near = np.float32(value)
    return np.nextafter(near, np.float32(-np.inf)) if float(near) > value else near
