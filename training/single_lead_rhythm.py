"""The rhythm of one lead: normal, atrial fibrillation, another rhythm, too noisy to say.

    python -m training.single_lead_rhythm --out ecg_engine/models/weights   # five folds, then the weight and its card
    python -m training.single_lead_rhythm --smoke                           # seconds, nothing kept

A residual network over 100 Hz, pooled over what is known of the strip, learns from the strips of the PhysioNet/CinC
Challenge 2017. Every figure on the card is of strips that the network had not seen. Finished parts stay in the cache:
the script goes on where it was stopped (`--minutes` stops it between two parts).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_engine.measurement.single_lead_input import LENGTH, strip_of

SEED = 20261128
CODES = ("normal", "atrial_fibrillation", "other", "noisy")
LETTERS = "NAO~"
FOLDS = 5
#: Of the shipped set: int16 samples to mV does not matter, the preparation is free of unit.
SAMPLED_HZ = 100.0
#: Longer strips are cropped so in training, anywhere.
LONGEST = 4000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a fit depends on, besides its strips."""

    stem: int = 32
    #: Of each residual block: channels, width, stride, dilation.
    plan: tuple[tuple[int, int, int, int], ...] = (
        (64, 7, 2, 1), (96, 5, 2, 1), (96, 5, 1, 2), (128, 5, 2, 1), (128, 5, 1, 2),
    )  # fmt: skip
    dropout: float = 0.1
    epochs: int = 14
    batch: int = 64
    rate: float = 4e-3
    decay: float = 0.05
    smoothing: float = 0.05
    averaged: float = 0.99
    mixed: float = 0.0
    flipped: float = 0.2
    noisy: float = 0.5
    slowed: float = 0.12


class Block(nn.Module):
    """Two convolutions and a way round them."""

    def __init__(self, narrow: int, wide: int, width: int, stride: int, dilation: int, dropout: float) -> None:
        super().__init__()
        pad = width // 2 * dilation
        self.one = nn.Conv1d(narrow, wide, width, stride, pad, dilation, bias=False)
        self.two = nn.Conv1d(wide, wide, width, 1, pad, dilation, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm1d(wide), nn.BatchNorm1d(wide)])
        self.drop = nn.Dropout1d(dropout)
        self.side = nn.Identity() if narrow == wide and stride == 1 else nn.Conv1d(narrow, wide, stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(F.relu(self.norms[0](self.one(x))))
        return F.relu(self.norms[1](self.two(y)) + self.side(x))


class Rhythm(nn.Module):
    """(n, 2, m) strips, signal and validity, to (n, 4) scores of `CODES`."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.stem = nn.Conv1d(1, recipe.stem, 16, 4, 6, bias=False)
        self.norm = nn.BatchNorm1d(recipe.stem)
        channels, self.factor, blocks = recipe.stem, 4, []
        for wide, width, stride, dilation in recipe.plan:
            blocks.append(Block(channels, wide, width, stride, dilation, recipe.dropout))
            channels, self.factor = wide, self.factor * stride
        self.blocks = nn.Sequential(*blocks)
        self.attend = nn.Conv1d(channels, 4, 1)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(6 * channels, len(CODES))

    def forward(self, x: Tensor) -> Tensor:
        known = (F.avg_pool1d(x[:, 1:], self.factor) > 0.5).to(x.dtype)
        y = self.blocks(F.relu(self.norm(self.stem(x[:, :1])))).float()
        mean = (y * known).sum(2) / known.sum(2).clamp(min=1.0)
        top = (y * known).amax(2)
        weights = torch.softmax(self.attend(y) + 30.0 * (known - 1.0), 2)
        attended = torch.matmul(weights, y.transpose(1, 2)).flatten(1)
        out: Tensor = self.head(self.drop(torch.cat([mean, top, attended], 1)))
        return out


class LogOdds(nn.Module):
    """What ships: the calibrated log odds of each label against the three others."""

    def __init__(self, net: Rhythm, slope: float, offsets: NDArray[np.float64]) -> None:
        super().__init__()
        self.net = net
        self.slope = slope
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        return log_odds(self.net(x) * self.slope + self.offsets)


def log_odds(scores: Tensor) -> Tensor:
    """Return log p / (1 - p) of each column, p being the softmax over columns."""
    rest = []
    for i in range(scores.shape[1]):
        rest.append(torch.logsumexp(torch.cat([scores[:, :i], scores[:, i + 1 :]], 1), 1))
    return scores - torch.stack(rest, 1)


@dataclass(frozen=True)
class Strips:
    """All strips, prepared, end to end."""

    x: NDArray[np.float16]
    offset: NDArray[np.int64]
    y: NDArray[np.int64]
    names: NDArray[np.str_]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offset)


def load(data: Path, cache: Path, every: int = 1) -> Strips:
    """Read and prepare the strips as the product prepares them; kept in the cache."""
    folder = data / "ecg" / "cinc2017"
    with open(folder / "single_lead_100hz.csv", newline="") as file:
        rows = list(csv.DictReader(file))[::every]
    y = np.array([LETTERS.index(row["label_v3"]) for row in rows])
    names = np.array([row["record"] for row in rows])
    source = Path(strip_of.__code__.co_filename).read_bytes()
    kept = cache / f"strips_{hashlib.sha256(source).hexdigest()[:10]}_{every}.npz"
    if not kept.exists():
        packed = np.load(folder / "single_lead_100hz.npz")
        x, offset = packed["x"], packed["offset"]
        places = np.arange(len(offset) - 1)[::every]
        prepared = [strip_of(x[offset[i] : offset[i + 1]].astype(np.float64), SAMPLED_HZ)[0] for i in places]
        ends = np.cumsum([0, *map(len, prepared)])
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, x=np.concatenate(prepared).astype(np.float16), offset=ends)
    packed = np.load(kept)
    return Strips(packed["x"], packed["offset"], y, names)


def folds_of(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fold of each strip: each label is dealt evenly. Patients are not known."""
    rng, out = np.random.default_rng(SEED), np.zeros(len(y), np.int64)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        out[rows] = np.arange(len(rows)) % FOLDS
    return out


def batches(strips: Strips, rows: NDArray[np.int64], size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Deal rows into batches of about one length, in random order."""
    length = np.minimum(strips.lengths[rows], LONGEST) + rng.uniform(-150, 150, len(rows))
    order = rows[np.argsort(length, kind="stable")]
    parts = [order[i : i + size] for i in range(0, len(order), size)]
    return [parts[i] for i in rng.permutation(len(parts)) if len(parts[i]) > 1]


def augmented(strips: Strips, rows: NDArray[np.int64], recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Return a batch (n, 2, m): slower or faster, cropped, larger or smaller, upside down, noisier, with gaps."""
    span = int(min(LONGEST, strips.lengths[rows].max()))
    span = -(-span // 32) * 32
    x = np.zeros((len(rows), 2, span), np.float32)
    for one, row in zip(x, rows, strict=True):
        whole = strips.x[strips.offset[row] : strips.offset[row + 1]].astype(np.float32)
        pace = np.exp(rng.uniform(-recipe.slowed, recipe.slowed))
        n = min(span, int(len(whole) / pace))
        start = rng.uniform(0, len(whole) - n * pace) if len(whole) > n * pace else 0.0
        at = start + pace * np.arange(n)
        one[0, :n] = np.interp(at, np.arange(len(whole)), whole)
        one[1, :n] = 1.0
        if rng.random() < recipe.noisy:
            level = 10 ** rng.uniform(-2.3, -1.0)
            noise = rng.standard_normal(n).astype(np.float32)
            if rng.random() < 0.5:
                noise = np.convolve(noise, np.full(5, 5**-0.5, np.float32), "same")
            one[0, :n] += level * noise
        if rng.random() < 0.15:
            a = int(rng.integers(0, n))
            one[:, a : a + int(rng.integers(50, 400))] = 0.0
    gain = np.exp(rng.uniform(-0.25, 0.25, len(rows))) * np.where(rng.random(len(rows)) < recipe.flipped, -1.0, 1.0)
    x[:, 0] *= gain[:, None] * x[:, 1]
    return torch.from_numpy(x)


def fit(
    strips: Strips, rows: NDArray[np.int64], recipe: Recipe, seed: int, soft: NDArray[np.float32] | None = None
) -> Rhythm:
    """Train on the rows; return the running mean of the weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Rhythm(recipe)
    held = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.averaged), use_buffers=True
    )
    grown = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": grown, "weight_decay": recipe.decay}, {"params": rest, "weight_decay": 0.0}], lr=recipe.rate
    )
    steps = recipe.epochs * len(batches(strips, rows, recipe.batch, np.random.default_rng(0)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps + 1, pct_start=0.2)
    began = time.monotonic()
    truth = np.eye(len(CODES), dtype=np.float32)[strips.y] if soft is None else soft
    truth = (1 - recipe.smoothing) * truth + recipe.smoothing / len(CODES)
    for epoch in range(recipe.epochs):
        net.train()
        lost = []
        for part in batches(strips, rows, recipe.batch, rng):
            x, y = augmented(strips, part, recipe, rng), torch.from_numpy(truth[part])
            if rng.random() < recipe.mixed:
                share, order = float(rng.beta(0.4, 0.4)), torch.from_numpy(rng.permutation(len(part)))
                share = max(share, 1 - share)
                x[:, 0] = share * x[:, 0] + (1 - share) * x[order, 0] * x[:, 1]
                y = share * y + (1 - share) * y[order]
            with torch.autocast("cpu", torch.bfloat16):
                scores = net(x)
            loss = F.cross_entropy(scores.float(), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            held.update_parameters(net)
            lost.append(loss.item())
        print(f"  epoch {epoch + 1}: loss {np.mean(lost):.4f}, {time.monotonic() - began:.0f} s", flush=True)
    out: Rhythm = held.module.eval()
    return out


def scores_of(net: nn.Module, strips: Strips, rows: NDArray[np.int64], size: int = 32) -> NDArray[np.float64]:
    """Return what the network says of whole strips, (len(rows), 4)."""
    out = np.zeros((len(rows), len(CODES)))
    order = np.argsort(strips.lengths[rows], kind="stable")
    with torch.no_grad():
        for k in range(0, len(rows), size):
            some = order[k : k + size]
            span = -(-int(strips.lengths[rows[some]].max()) // 32) * 32
            x = np.zeros((len(some), 2, min(span, LENGTH)), np.float32)
            for one, row in zip(x, rows[some], strict=True):
                n = int(strips.lengths[row])
                one[0, :n], one[1, :n] = strips.x[strips.offset[row] : strips.offset[row + 1]], 1.0
            out[some] = net(torch.from_numpy(x)).numpy()
    return out
