"""Random convolutions and ridge regression: a second opinion that learns from few records, whose scores the network is taught.

Dempster et al. 2020 (ROCKET, doi:10.1007/s10618-020-00701-z) and 2021 (MiniRocket, doi:10.1145/3447548.3467231): kernels that
nobody trained, of several dilations; what share of the time each is above a level, and how far, are the features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

KERNEL, SEED = 9, 20261128
DILATIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
#: Kernels of each dilation.
EACH = 240


def features(
    signal: NDArray[np.float32], *, each: int = EACH, seed: int = SEED, cache: Path, batch: int = 32
) -> NDArray[np.float32]:
    """Return (n, 4 * each * len(DILATIONS)): of each kernel the share of time above two levels, mean above, maximum."""
    kept = cache / f"twelve_lead_random_{each}_{seed}_{len(signal)}.npz"
    if kept.exists():
        with np.load(kept) as held:
            return held["x"].astype(np.float32)
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(signal))[:64]
    parts = []
    for dilation in DILATIONS:
        weight = _kernels(each, signal.shape[1], rng)
        levels = _levels(_convolve(signal[some], weight, dilation), rng)
        found = [
            _pool(_convolve(signal[i : i + batch], weight, dilation), levels) for i in range(0, len(signal), batch)
        ]
        parts.append(torch.cat(found).numpy())
    out = np.concatenate(parts, axis=1)
    np.savez(kept, x=out.astype(np.float16))
    return out.astype(np.float16).astype(np.float32)


def _kernels(each: int, leads: int, rng: np.random.Generator) -> torch.Tensor:
    weight = rng.normal(size=(each, leads, 1, KERNEL))
    weight -= weight.mean(axis=-1, keepdims=True)
    # One to six leads, more often few.
    number = np.floor(2 ** rng.uniform(0, np.log2(7), each)).astype(int)
    for row, n in zip(weight, number, strict=True):
        row[rng.permutation(leads)[n:]] = 0.0
    return torch.from_numpy(weight.astype(np.float32))


def _convolve(x: NDArray[np.float32], weight: torch.Tensor, dilation: int) -> torch.Tensor:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        pad = (KERNEL - 1) * dilation // 2
        y = F.conv2d(
            torch.from_numpy(x)[:, :, None].contiguous(memory_format=torch.channels_last), weight,
            padding=(0, pad), dilation=(1, dilation),
        )  # fmt: skip
        return y[:, :, 0]


def _levels(y: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Two levels of each kernel: quantiles of what it gives, (2, kernels)."""
    flat = y.float().transpose(0, 1).reshape(y.shape[1], -1).numpy()
    at = rng.uniform((0.1, 0.6), (0.6, 0.98), (len(flat), 2))
    found = [np.quantile(row, q) for row, q in zip(flat, at, strict=True)]
    return torch.from_numpy(np.stack(found, axis=1).astype(np.float32))


def _pool(y: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    levels = levels.to(y.dtype)
    above = [(y > level[:, None]).float().mean(2) for level in levels]
    return torch.cat([*above, F.relu(y).float().mean(2), y.amax(2).float()], 1)


def ridge(
    x: NDArray[np.float32], labels: NDArray[np.float32], train: NDArray[np.int64], test: NDArray[np.int64], penalty: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the scores of `train`, each by a regression that did not see it, and of `test`.

    Ridge regression on features standardised on `train`, solved by their kernel; leaving one out costs nothing more
    (Allen's residuals: what is left divided by the diagonal of the inverse).
    """
    mean, sd = x[train].mean(axis=0), x[train].std(axis=0)
    size = np.maximum(sd, 1e-4) * np.float32(np.sqrt(x.shape[1]))
    a, b = (x[train] - mean) / size, (x[test] - mean) / size
    offset = labels[train].mean(axis=0)
    inverse = np.linalg.inv((a @ a.T).astype(np.float64) + penalty * np.eye(len(train)))
    weights = inverse @ (labels[train] - offset)
    left_out = labels[train] - weights / np.diag(inverse)[:, None]
    return np.asarray(left_out, np.float32), np.asarray((b @ a.T) @ weights + offset, np.float32)
