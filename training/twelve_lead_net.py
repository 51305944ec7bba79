"""The twelve-lead network, what its training pictures go through, and the training itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_engine.measurement.twelve_lead_input import LEADS, MEASURES, SAMPLES, VOLTAGES


@dataclass(frozen=True, slots=True)
class Plan:
    """How a network is made and trained. Chosen on folds 1 to 6, by models that had not seen the fold they were judged on."""

    widths: tuple[int, ...] = (32, 48, 64, 96, 128)
    kernel: int = 7
    stem: int = 15
    epochs: int = 50
    batch: int = 64
    rate: float = 4e-3
    decay: float = 0.05
    drop: float = 0.3
    mix: float = 0.3
    lead_drop: float = 0.3
    noise: float = 0.5
    scale: float = 0.08
    shift: int = 100
    measures_drop: float = 0.3
    super_weight: float = 2.0
    average: float = 0.998
    hidden: int = 32


class Block(nn.Module):
    """Two convolutions with a way round them (He et al. 2016, doi:10.1109/CVPR.2016.90), half as many samples."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        half = (0, kernel // 2)
        self.one = nn.Conv2d(inputs, outputs, (1, kernel), (1, 2), half, bias=False)
        self.two = nn.Conv2d(outputs, outputs, (1, kernel), 1, half, bias=False)
        self.norm_one, self.norm_two = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        self.round = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm_round = nn.BatchNorm2d(outputs)
        nn.init.zeros_(self.norm_two.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm_one(self.one(x)))
        y = self.norm_two(self.two(y))
        return F.relu(y + self.norm_round(self.round(F.avg_pool2d(x, (1, 2), ceil_mode=True))))


class TwelveLead(nn.Module):
    """(n, 12, 1000) standard deviations and (n, 2, len(MEASURES)) values and known to (n, labels) logits."""

    centre: Tensor
    spread: Tensor

    def __init__(self, labels: int, plan: Plan) -> None:
        super().__init__()
        widths, numbers = plan.widths, len(MEASURES)
        self.stem = nn.Conv2d(len(LEADS), widths[0], (1, plan.stem), (1, 2), (0, plan.stem // 2), bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.Sequential(*(Block(a, b, plan.kernel) for a, b in zip(widths, widths[1:], strict=False)))
        self.drop = nn.Dropout(plan.drop)
        self.head = nn.Linear(2 * widths[-1], labels)
        self.beside = nn.Sequential(
            nn.Linear(2 * numbers, plan.hidden), nn.ReLU(), nn.Dropout(plan.drop), nn.Linear(plan.hidden, labels)
        )
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("spread", torch.ones(numbers))
        with torch.no_grad():
            self.head.bias.fill_(-2.0)

    def encode(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.stem(x.unsqueeze(2))))
        y = self.blocks(y)
        return torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)

    def forward(self, signal: Tensor, measures: Tensor) -> Tensor:
        known = measures[:, 1]
        values = torch.clamp((measures[:, 0] - self.centre) / self.spread, -4.0, 4.0) * known
        y: Tensor = self.head(self.drop(self.encode(signal))) + self.beside(torch.cat([values, known], 1))
        return y


class Together(nn.Module):
    """The mean of several networks' logits."""

    def __init__(self, nets: list[TwelveLead], labels: int) -> None:
        super().__init__()
        self.nets, self.labels = nn.ModuleList(nets), labels

    def forward(self, signal: Tensor, measures: Tensor) -> Tensor:
        return torch.stack([net(signal, measures)[:, : self.labels] for net in self.nets]).mean(0)


def set_scale(net: TwelveLead, measures: NDArray[np.float32]) -> None:
    """Give the network the mean and spread of each measure where it is known."""
    for i in range(len(MEASURES)):
        known = measures[measures[:, 1, i] > 0, 0, i]
        if len(known) > 1:
            net.centre[i], net.spread[i] = float(known.mean()), float(max(known.std(), 0.01))


def hidden(measures: Tensor, plan: Plan, rng: np.random.Generator) -> Tensor:
    """Return the measures, all voltages, all others, or single ones of them made unknown, at random."""
    n, numbers = len(measures), len(MEASURES)
    gone = rng.random((n, numbers)) < 0.1
    gone[:, : len(VOLTAGES)] |= rng.random((n, 1)) < plan.measures_drop
    gone[:, len(VOLTAGES) :] |= rng.random((n, 1)) < plan.measures_drop
    return torch.where(torch.from_numpy(gone)[:, None], 0.0, measures)


def varied(x: Tensor, plan: Plan, noise: Tensor, rng: np.random.Generator) -> Tensor:
    """Return (n, 12, 1000) stretched, shifted, noisier, louder or softer by lead, with leads missing."""
    n = len(x)
    stretch = np.exp(rng.uniform(-plan.scale, plan.scale, n))
    first = rng.uniform(-plan.shift, plan.shift, n) + (SAMPLES - SAMPLES * stretch) / 2
    at = torch.from_numpy((first[:, None] + stretch[:, None] * np.arange(SAMPLES)).astype(np.float32))
    low = at.floor().clamp(0, SAMPLES - 2)
    part = (at - low).clamp(0, 1)[:, None]
    index = low.long()[:, None].expand(-1, len(LEADS), -1)
    y = torch.gather(x, 2, index) * (1 - part) + torch.gather(x, 2, index + 1) * part
    y = torch.where(((at < 0) | (at > SAMPLES - 1))[:, None], 0.0, y)
    y = y * torch.from_numpy(np.exp(rng.normal(0, 0.1, (n, len(LEADS), 1))).astype(np.float32))
    if plan.noise and len(noise):
        # Of each lead another stretch; in half of the records, in a random part of the leads.
        start = torch.from_numpy(rng.integers(0, noise.shape[-1] - SAMPLES, (n, len(LEADS))))
        which = torch.from_numpy(rng.integers(0, len(noise), (n, len(LEADS))))
        strength = rng.exponential(0.25, (n, 1)) * (rng.random((n, 1)) < plan.noise)
        strength = strength * (rng.random((n, len(LEADS))) < rng.random((n, 1)))
        added = noise[which[:, :, None], start[:, :, None] + torch.arange(SAMPLES)]
        y = y + added * torch.from_numpy(strength.astype(np.float32))[:, :, None]
    if plan.lead_drop:
        gone = (rng.random((n, len(LEADS))) < 0.25) & (rng.random((n, 1)) < plan.lead_drop)
        y = torch.where(torch.from_numpy(gone)[:, :, None], 0.0, y)
    return y


def batches(rows: NDArray[np.int64], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the rows in random order, each once, the last odd ones left out."""
    order = rng.permutation(rows)
    size = min(size, len(order))
    for i in range(len(order) // size):
        yield order[i * size : (i + 1) * size]


def fit(
    signal: NDArray[np.float32], measures: NDArray[np.float32], labels: NDArray[np.float32], rows: NDArray[np.int64],
    *, plan: Plan, seed: int, noise: NDArray[np.float32], important: int = 5, start: dict[str, Tensor] | None = None,
) -> TwelveLead:  # fmt: skip
    """Return a network trained on `rows`; its weights are the moving average of those of the steps."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = TwelveLead(labels.shape[1], plan).to(memory_format=torch.channels_last)
    if start is not None:
        net.load_state_dict(start, strict=False)
    set_scale(net, measures[rows])
    mean = TwelveLead(labels.shape[1], plan)
    mean.load_state_dict(net.state_dict())
    plain = [p for p in net.parameters() if p.ndim < 2]
    other = [p for p in net.parameters() if p.ndim >= 2]
    groups = [{"params": other, "weight_decay": plan.decay}, {"params": plain, "weight_decay": 0.0}]
    steps = plan.epochs * max(1, len(rows) // min(plan.batch, len(rows)))
    optimiser = torch.optim.AdamW(groups, lr=plan.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.rate, total_steps=steps + 1, pct_start=0.25)
    weight = torch.ones(labels.shape[1])
    weight[:important] = plan.super_weight
    x, v, y, hiss = (torch.from_numpy(a) for a in (signal, measures, labels, noise))
    net.train()
    step = 0
    for _ in range(plan.epochs):
        for part in batches(rows, plan.batch, rng):
            index = torch.from_numpy(part)
            seen, numbers, wanted = varied(x[index], plan, hiss, rng), v[index], y[index]
            numbers = hidden(numbers, plan, rng)
            if plan.mix:
                share = torch.from_numpy(np.maximum(b := rng.beta(plan.mix, plan.mix, len(part)), 1 - b).astype(np.float32))
                other_way = torch.from_numpy(rng.permutation(len(part)))
                seen = seen * share[:, None, None] + seen[other_way] * (1 - share[:, None, None])
                mixed = numbers * share[:, None, None] + numbers[other_way] * (1 - share[:, None, None])
                both = numbers[:, 1:] * numbers[other_way, 1:]
                numbers = torch.cat([mixed[:, :1] * both, both], 1)
                wanted = wanted * share[:, None] + wanted[other_way] * (1 - share[:, None])
            with torch.autocast("cpu", torch.bfloat16):
                given = net(seen, numbers)
            loss = (F.binary_cross_entropy_with_logits(given.float(), wanted, reduction="none") * weight).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            _average(mean, net, min(plan.average, step / (step + 20)))
    return mean.eval()


def _average(mean: nn.Module, net: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for a, b in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if a.dtype.is_floating_point:
                a.lerp_(b, 1 - keep)
            else:
                a.copy_(b)


def logits(
    net: nn.Module, signal: NDArray[np.float32], measures: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (len(rows), labels)."""
    with torch.no_grad():
        parts = [
            net(torch.from_numpy(signal[part]), torch.from_numpy(measures[part])).numpy()
            for part in np.array_split(rows, math.ceil(len(rows) / 128))
        ]
    return np.concatenate(parts)
