"""The rhythm of one lead: normal, atrial fibrillation, another rhythm, too noisy to say.

    python -m training.single_lead_rhythm --out ecg_engine/models/weights   # five folds, then the weight and its card
    python -m training.single_lead_rhythm --smoke                           # seconds, nothing kept

A residual network over 100 Hz, pooled over what is known of the strip, and boosted trees over numbers about it (RR, the
usual beat, waves, kinds of beats, what is between the beats, noise) learn from the strips of the PhysioNet/CinC
Challenge 2017, each by itself; a weighted sum of both is what is said. Every figure on the card is of strips that
neither had seen. Finished parts stay in the cache: the script goes on where it was stopped (`--minutes` stops it
between two parts).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import time
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_engine.measurement import single_lead_input, single_lead_numbers, single_lead_rr, single_lead_waves
from ecg_engine.measurement.single_lead_input import LENGTH, beats_of, strip_of
from ecg_engine.measurement.single_lead_numbers import FS, NUMBERS, RR_NUMBERS, strip_numbers
from training.single_lead_elsewhere import elsewhere
from training.single_lead_figures import (
    CODES,
    NAME,
    calibrated,
    card_of,
    f1_of,
    figures_of,
    fit_calibration,
    labels_of,
    page_of,
)
from training.single_lead_trees import SETTINGS, Trees, fit_trees

SEED = 20261128
LETTERS = "NAO~"
FOLDS = 5
#: Networks of each part; what they say is averaged. Two were as good as one (mean F1 0.857, loss 0.346 for 0.348).
NETS = 1
#: Parts of the training strips for the learning curve, and the folds that measure it.
SHARES, CURVE_FOLDS = (0.25, 0.5, 1.0), (0,)
#: Weights of this size and more are stored as float16; thresholds of the trees are fewer.
HALVED_FROM = 20_000
#: Fewer strips than these are a smoke run's.
FEW = 1000
#: Longer strips are cropped so in training, anywhere.
LONGEST = 4000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a fit depends on, besides its strips."""

    stem: int = 16
    stride: int = 2
    #: Of each residual block: channels, width, stride, dilation.
    plan: tuple[tuple[int, int, int, int], ...] = (
        (32, 7, 2, 1), (48, 7, 2, 1), (64, 7, 2, 1), (96, 7, 2, 1), (128, 5, 2, 1),
    )  # fmt: skip
    epochs: int = 20
    batch: int = 24
    rate: float = 2e-3
    decay: float = 0.05
    smoothing: float = 0.02
    averaged: float = 0.985
    mixed: float = 0.0
    flipped: float = 0.2
    noisy: float = 0.15
    slowed: float = 0.12
    #: Width of the layer over the numbers about RR; how often they are withheld, and how much they are shaken.
    beside: int = 48
    withheld: float = 0.4
    shaken: float = 0.15


class Block(nn.Module):
    """Two convolutions and a way round them; pictures one sample high, whose layout CPUs are quicker with."""

    def __init__(self, narrow: int, wide: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        pad = (0, width // 2 * dilation)
        self.one = nn.Conv2d(narrow, wide, (1, width), (1, stride), pad, (1, dilation), bias=False)
        self.two = nn.Conv2d(wide, wide, (1, width), 1, pad, (1, dilation), bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(wide), nn.BatchNorm2d(wide)])
        same = narrow == wide and stride == 1
        self.side = nn.Identity() if same else nn.Conv2d(narrow, wide, (1, stride), (1, stride))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norms[0](self.one(x)))
        return F.relu(self.norms[1](self.two(y)) + self.side(x))


class Rhythm(nn.Module):
    """(n, 2, m) strips, signal and validity, and numbers, of which it takes those about RR, to (n, 4) scores."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        pad = (0, 8 - recipe.stride // 2)
        self.stem = nn.Conv2d(1, recipe.stem, (1, 16), (1, recipe.stride), pad, bias=False)
        self.norm = nn.BatchNorm2d(recipe.stem)
        channels, self.factor, blocks = recipe.stem, recipe.stride, []
        for wide, width, stride, dilation in recipe.plan:
            blocks.append(Block(channels, wide, width, stride, dilation))
            channels, self.factor = wide, self.factor * stride
        self.blocks = nn.Sequential(*blocks)
        self.attend = nn.Conv1d(channels, 4, 1)
        self.drop = nn.Dropout(0.3)
        self.register_buffer("usual", torch.zeros(RR_NUMBERS))
        self.register_buffer("spread", torch.ones(RR_NUMBERS))
        self.beside = nn.Sequential(nn.Linear(RR_NUMBERS, recipe.beside), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(6 * channels + recipe.beside, len(CODES))

    def forward(self, x: Tensor, numbers: Tensor) -> Tensor:
        known = (F.avg_pool1d(x[:, 1:], self.factor) > 0.5).to(x.dtype)
        y = self.blocks(F.relu(self.norm(self.stem(x[:, :1].unsqueeze(2))))).squeeze(2).float()
        mean = (y * known).sum(2) / known.sum(2).clamp(min=1.0)
        top = (y * known).amax(2)
        weights = torch.softmax(self.attend(y) + 30.0 * (known - 1.0), 2)
        attended = torch.matmul(weights, y.transpose(1, 2)).flatten(1)
        numbers = numbers[:, :RR_NUMBERS]
        beside = self.beside(torch.clamp((numbers - self.usual) / self.spread * numbers[:, -1:], -5.0, 5.0)).float()
        out: Tensor = self.head(torch.cat([self.drop(torch.cat([mean, top, attended], 1)), beside], 1))
        return out


class LogOdds(nn.Module):
    """What ships: the calibrated log odds of each label against the three others."""

    def __init__(
        self, nets: list[Rhythm], trees: Trees, slopes: NDArray[np.float64], offsets: NDArray[np.float64]
    ) -> None:
        super().__init__()
        self.nets, self.trees = nn.ModuleList(nets), trees
        self.slopes = [float(slope) for slope in slopes]
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.float32))

    def forward(self, strip: Tensor, known: Tensor, numbers: Tensor) -> Tensor:
        x = torch.cat([strip, known], 1)
        by_net = torch.stack([net(x, numbers) for net in self.nets]).mean(0)
        return log_odds(self.slopes[0] * by_net + self.slopes[1] * self.trees(numbers) + self.offsets)


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
    numbers: NDArray[np.float32]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offset)


def load(data: Path, cache: Path, every: int = 1) -> Strips:
    """Read and prepare the strips as the product prepares them; kept in the cache."""
    folder = data / "ecg" / "cinc2017"
    with open(folder / "single_lead_100hz.csv", newline="") as file:
        rows = list(csv.DictReader(file))[::every]
    y = np.array([LETTERS.index(row["label_v3"]) for row in rows])
    modules = (single_lead_input, single_lead_numbers, single_lead_rr, single_lead_waves)
    source = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    kept = cache / f"strips_{hashlib.sha256(source).hexdigest()[:10]}_{every}.npz"
    if not kept.exists():
        packed = np.load(folder / "single_lead_100hz.npz")
        x, offset = packed["x"], packed["offset"]
        places = np.arange(len(offset) - 1)[::every]
        prepared = [strip_of(x[offset[i] : offset[i + 1]].astype(np.float64), FS) for i in places]
        ends = np.cumsum([0, *(one.shape[1] for one in prepared)])
        numbers = np.stack([strip_numbers(one, beats_of(one)) for one in prepared])
        cache.mkdir(parents=True, exist_ok=True)
        joined = np.concatenate([one[0] for one in prepared]).astype(np.float16)
        np.savez(kept, x=joined, offset=ends, numbers=numbers)
    packed = np.load(kept)
    return Strips(packed["x"], packed["offset"], y, packed["numbers"])


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
    span = -(-span // 128) * 128
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


def shaken(
    numbers: NDArray[np.float32], spread: NDArray[np.float32], recipe: Recipe, rng: np.random.Generator
) -> Tensor:
    """Return numbers about RR a little off, and now and then none."""
    out = numbers.copy()
    out[:, :-1] += recipe.shaken * spread[:-1] * rng.standard_normal(out[:, :-1].shape).astype(np.float32)
    out *= numbers[:, -1:] * (rng.random((len(out), 1)) >= recipe.withheld)
    return torch.from_numpy(out.astype(np.float32))


def fit(
    strips: Strips, rows: NDArray[np.int64], recipe: Recipe, seed: int, soft: NDArray[np.float32] | None = None
) -> Rhythm:
    """Train on the rows; return the running mean of the weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Rhythm(recipe).to(memory_format=torch.channels_last)
    about_rr = strips.numbers[:, :RR_NUMBERS]
    seen = about_rr[rows][about_rr[rows, -1] > 0]
    net.usual.copy_(torch.from_numpy(seen.mean(0)))
    net.spread.copy_(torch.from_numpy(seen.std(0) + 1e-3))
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
            numbers = shaken(about_rr[part], net.spread.numpy(), recipe, rng)
            if rng.random() < recipe.mixed:
                share, order = float(rng.beta(0.4, 0.4)), torch.from_numpy(rng.permutation(len(part)))
                share = max(share, 1 - share)
                x[:, 0] = share * x[:, 0] + (1 - share) * x[order, 0] * x[:, 1]
                numbers = share * numbers + (1 - share) * numbers[order]
                y = share * y + (1 - share) * y[order]
            with torch.autocast("cpu", torch.bfloat16):
                scores = net(x, numbers)
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
            span = -(-int(strips.lengths[rows[some]].max()) // 128) * 128
            numbers = torch.from_numpy(strips.numbers[rows[some]])
            out[some] = net(torch.from_numpy(whole(strips, rows[some], span)), numbers).numpy()
    return out


def whole(strips: Strips, rows: NDArray[np.int64], span: int) -> NDArray[np.float32]:
    """Return strips as the product gives them: (len(rows), 2, span)."""
    x = np.zeros((len(rows), 2, span), np.float32)
    for one, row in zip(x, rows, strict=True):
        n = int(strips.lengths[row])
        one[0, :n], one[1, :n] = strips.x[strips.offset[row] : strips.offset[row + 1]], 1.0
    return x


class Parts:
    """Finished fits, kept by name and by everything that they depend on."""

    def __init__(self, cache: Path, strips: Strips, recipe: Recipe, until: float) -> None:
        self.strips, self.recipe, self.until = strips, recipe, until
        said = f"{SEED} {asdict(recipe)} {len(strips.y)} {float(np.abs(strips.x[::97].astype(np.float64)).sum()):.6g}"
        self.folder = cache / f"fits_{hashlib.sha256(said.encode()).hexdigest()[:10]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def net(self, name: str, rows: NDArray[np.int64], seed: int) -> Rhythm:
        """Return the network of a part, trained now where it is not kept."""
        kept = self.folder / f"{name}.pt"
        net = Rhythm(self.recipe).eval()
        if kept.exists():
            net.load_state_dict(torch.load(kept, weights_only=True))
            return net
        if time.monotonic() > self.until:
            raise SystemExit("The minutes are over; run again to go on.")
        print(f"{name}: {len(rows)} strips", flush=True)
        net = fit(self.strips, rows, self.recipe, seed)
        torch.save(net.state_dict(), kept)
        return net

    def nets(self, name: str, rows: NDArray[np.int64], seed: int) -> list[Rhythm]:
        """Return the networks of a part, which differ by their seed only."""
        return [self.net(f"{name}_net{i}", rows, seed + 100 * i) for i in range(NETS)]

    def scores(self, name: str, rows: NDArray[np.int64], seed: int, held: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what the networks of a part say, in their mean, of strips that they had not seen."""
        said = []
        for i in range(NETS):
            kept = self.folder / f"{name}_net{i}.npy"
            if not kept.exists():
                np.save(kept, scores_of(self.net(f"{name}_net{i}", rows, seed + 100 * i), self.strips, held))
            said.append(np.load(kept))
        return np.asarray(np.mean(said, axis=0))

    def trees(self, rows: NDArray[np.int64], seed: int, held: NDArray[np.int64]) -> tuple[Trees, NDArray[np.float64]]:
        """Return trees that learnt from the rows, made in seconds, and what they say of others."""
        settings = {"max_iter": 3} if len(self.strips.y) < FEW else {}
        trees = fit_trees(self.strips.numbers[rows], self.strips.y[rows], seed, **settings)
        with torch.no_grad():
            return trees, trees(torch.from_numpy(self.strips.numbers[held])).numpy().astype(np.float64)


def learning_curve(parts: Parts, y: NDArray[np.int64], fold: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return what a quarter, a half and all of the other folds teach: network and trees summed, not calibrated."""
    out = []
    for share in SHARES:
        found, n = [], []
        for k in CURVE_FOLDS:
            rows, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            name = f"fold_{k}" if share == 1 else f"fold_{k}_{share:.0%}".replace("%", "")
            if share < 1:
                rank = np.random.default_rng(SEED + k).permutation(len(rows))
                dealt = [rows[rank][y[rows[rank]] == c] for c in range(len(CODES))]
                rows = np.sort(np.concatenate([d[: round(share * len(d))] for d in dealt]))
            both = parts.scores(name, rows, SEED + k, held) + parts.trees(rows, SEED + k, held)[1]
            found.append(f1_of(y[held], both.argmax(1)))
            n.append(len(rows))
        mean = np.mean(found, axis=0)
        out.append(
            {
                "share": share,
                "n": int(np.mean(n)),
                "f1_mean_n_a_o": float(mean[:3].mean()),
                "f1_atrial_fibrillation": float(mean[1]),
            }
        )
    return out


def write(net: LogOdds, strips: Strips, card: dict[str, Any], out: Path) -> None:
    """Write the weight and its card, and compare it with PyTorch."""
    from training.export import check_file, export, write_card

    path = out / f"{NAME}.onnx"
    example = {"strip": torch.zeros(1, 1, LENGTH), "known": torch.ones(1, 1, LENGTH), "numbers": torch.ones(1, NUMBERS)}
    export(net, example, ("logits",), path, any_batch=True, halved_from=HALVED_FROM)
    write_card(out / f"{NAME}.toml", card)
    rows = np.random.default_rng(SEED).choice(len(strips.y), min(32, len(strips.y)), replace=False)
    x = whole(strips, rows, LENGTH)
    given = {"strip": x[:, :1], "known": x[:, 1:], "numbers": strips.numbers[rows]}
    print("largest difference", check_file(path, net, given, ("logits",)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the weight and its card")
    parser.add_argument("--page", type=Path, help="file for the page of figures, made from the card")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training/single_lead_rhythm"))
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no further part after so many")
    parser.add_argument("--smoke", action="store_true")
    said = parser.parse_args()
    torch.set_num_threads(1)
    recipe = (
        replace(Recipe(), epochs=1, batch=8, stem=8, plan=((8, 5, 2, 1), (16, 5, 4, 1))) if said.smoke else Recipe()
    )
    data = Path(os.environ["ECG_ENGINE_DATA"])
    strips = load(data, said.cache, every=20 if said.smoke else 1)
    y, fold = strips.y, folds_of(strips.y)
    parts = Parts(said.cache, strips, recipe, time.monotonic() + 60 * said.minutes)
    # First what the network says, then what the trees say, of strips that neither has seen.
    z = np.zeros((2, len(y), len(CODES)))
    for k in range(FOLDS):
        rows, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        z[0, held] = parts.scores(f"fold_{k}", rows, SEED + k, held)
        z[1, held] = parts.trees(rows, SEED + k, held)[1]
        print(f"fold {k}: F1 of network and trees", *(np.round(f1_of(y[held], one[held].argmax(1)), 3) for one in z))
    every = np.arange(len(y))
    nets, trees = parts.nets("all", every, SEED + FOLDS), parts.trees(every, SEED + FOLDS, every[:1])[0]
    curve = learning_curve(parts, y, fold)
    p = calibrated(z, y, fold)
    figures = figures_of(y, p, fold)
    slopes, offsets = fit_calibration(z, y)
    shipped = LogOdds(nets, trees, slopes, offsets).eval()
    training = {"seed": SEED, "networks": NETS, "network": asdict(recipe), "trees": SETTINGS}
    others = elsewhere(shipped, data, every=20 if said.smoke else 1)
    print(page_of(figures, curve, others))
    if said.out is not None:
        write(shipped, strips, card_of(labels_of(y, p, figures), figures, curve, others, training), said.out)
        card = tomllib.loads((said.out / f"{NAME}.toml").read_text(encoding="utf-8"))
        if said.page is not None:
            page = page_of(*(card[name] for name in ("figures_of_unseen_strips", "learning_curve", "elsewhere")))
            said.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    # The processor's own mode, for all that runs in this process: no test may be left in it.
    torch.set_flush_denormal(True)
    main()
