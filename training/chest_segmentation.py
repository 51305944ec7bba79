"""Train the outlines of lungs and heart: a U-Net on EfficientNet-Lite0 (``chest_outlines.onnx``), by patient held out.

    ECG_ENGINE_DATA=... python -m training.chest_segmentation --out ecg_engine/models/weights

Each network is trained at half its size, then at its own; then it goes on as a student of itself on radiographs that
nobody outlined (`chest_students`). Both are kept in the cache as soon as they are done, so that an interrupted run goes
on where it stopped. Images marked NC or ND, and those of a licence of their own, teach nothing.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_engine.radiograph._outlines import PARTS
from ecg_engine.radiograph.inputs import stretch
from ecg_engine.radiograph.preparation import shrink
from training.backbone import MEAN, STD, Conv, pretrained
from training.chest_outlines import SIZE as SQUARE
from training.chest_outlines import read_cases

SEED = 20261128
SIZE = 256
FOLDS = 4
#: Steps at half the size and at the whole, of a batch each.
STEPS = (560, 340)
BATCH = 12
#: An image with a drawn heart is drawn so often beside one without: there are few.
HEART_TIMES = 2.5
#: Share of pictures with lungs made white in parts; weight of the past in the mean of the last weights.
CLOUDED, PAST = 0.35, 0.99
#: Largest rates of the backbone and of the rest.
RATES = (1e-3, 3e-3)
#: Stages of the backbone, and the layers whose outputs the decoder takes: at a half, a quarter, an eighth.
STAGES, TAPS = 5, (3, 5, 7)
#: Sides at which what ships looks at the picture and at its mirror image: an eighth more and less than its own.
SIDES = (288, 224)
#: Layers that keep ImageNet's weights: edges are edges, and at half resolution they cost most to train.
FROZEN = 5


# ------------------------------------------------------------------------------------------------------------ pictures


@dataclass(eq=False)
class Pictures:
    """Row by row: the stretched picture, what was drawn, 255 where a pixel lies inside wholly."""

    squares: NDArray[np.uint8]  # (n, 256, 256)
    masks: NDArray[np.uint8]  # (n, 3, 256, 256)
    drawn: NDArray[np.uint8]  # (n, 3, 512, 64): the masks on the square that the engine measures on, 8 columns a byte
    inside: NDArray[np.int64]  # (n, 4): top, left, rows, columns of that square
    has_heart: NDArray[np.bool_]
    may_ship: NDArray[np.bool_]
    patient: NDArray[np.str_]
    view: NDArray[np.str_]
    sex: NDArray[np.str_]  # F, M or nothing
    age: NDArray[np.float64]  # years; NaN unknown
    licence: NDArray[np.str_]
    name: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.name)

    def drawn_of(self, row: int) -> NDArray[np.bool_]:
        """Return what was drawn on an image, (3, 512, 512)."""
        return np.unpackbits(self.drawn[row], axis=-1).astype(np.bool_)

    @property
    def source(self) -> NDArray[np.str_]:
        return np.array([name.split("/")[0] for name in self.name])


def load(cache: Path, data: Path | None = None) -> Pictures:
    """Return all frontal images with outlines, from the cache where they are there."""
    kept = cache / f"chest_outlines_{SQUARE}.npz"
    if kept.exists():
        with np.load(kept) as held:
            return Pictures(**{key: held[key] for key in held.files})
    cases = read_cases((data or Path(os.environ["ECG_ENGINE_DATA"])) / "cxr")
    squares = [shrink(stretch(case.square, case.inside), SIZE) for case in cases]
    nothing = np.zeros((SQUARE, SQUARE), np.bool_)
    drawn = [(c.right, c.left, nothing if c.heart is None else c.heart) for c in cases]
    masks = [[shrink(part.astype(np.float32), SIZE) for part in parts] for parts in drawn]
    out = Pictures(
        squares=np.rint(np.array(squares) * 255).astype(np.uint8),
        masks=np.rint(np.array(masks) * 255).astype(np.uint8),
        drawn=np.packbits(np.array(drawn), axis=-1),
        inside=np.array([case.inside for case in cases]),
        has_heart=np.array([case.heart is not None for case in cases]),
        may_ship=np.array([case.may_ship for case in cases]),
        patient=np.array([case.patient for case in cases]),
        view=np.array([case.view for case in cases]),
        sex=np.array([case.sex for case in cases]),
        age=np.array([case.age for case in cases]),
        licence=np.array([case.licence for case in cases]),
        name=np.array([case.name for case in cases]),
    )
    cache.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(kept, **vars(out))
    return out


def folds_of(pictures: Pictures, n_folds: int = FOLDS, seed: int = SEED) -> NDArray[np.int64]:
    """Return the fold of each image: patients stay together, and those with a drawn heart are shared out first."""
    rng = np.random.default_rng(seed)
    names = np.unique(pictures.patient)
    with_heart = np.isin(names, pictures.patient[pictures.has_heart & pictures.may_ship])
    order = np.concatenate([rng.permutation(np.flatnonzero(part)) for part in (with_heart, ~with_heart)])
    fold_of = {names[k]: i % n_folds for i, k in enumerate(order)}
    return np.array([fold_of[patient] for patient in pictures.patient])


def uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, count).astype(np.float32))


def varied(
    pictures: Pictures, rows: NDArray[np.int64], size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pictures turned, scaled, shifted, mirrored, cut, of other greys; masks at half their size; what is known.

    Mirrored, the lung on the left of the picture stays the right one: which side is which is told by the picture alone.
    """
    count = len(rows)
    x = torch.from_numpy(pictures.squares[rows]).float()[:, None] / 255
    y = torch.from_numpy(pictures.masks[rows]).float() / 255
    known = torch.ones(count, len(PARTS))
    known[:, 2] = torch.from_numpy(pictures.has_heart[rows].astype(np.float32))
    angle = torch.from_numpy(rng.normal(0, 0.09, count).astype(np.float32))
    scale = torch.exp(torch.from_numpy(rng.normal(-0.02, 0.13, count).astype(np.float32)))
    aspect = torch.exp(torch.from_numpy(rng.normal(0, 0.06, count).astype(np.float32)))
    mirror = torch.from_numpy(np.where(rng.random(count) < 0.4, -1.0, 1.0).astype(np.float32))
    theta = torch.stack(
        [
            torch.stack(
                [
                    torch.cos(angle) * scale * mirror,
                    -torch.sin(angle) * scale * aspect,
                    uniform(rng, -0.15, 0.15, count),
                ],
                1,
            ),
            torch.stack(
                [
                    torch.sin(angle) * scale * mirror,
                    torch.cos(angle) * scale * aspect,
                    uniform(rng, -0.15, 0.15, count),
                ],
                1,
            ),
        ],
        1,
    )
    grid = F.affine_grid(theta, [count, 1, size, size], align_corners=False)
    moved = F.grid_sample(torch.cat([x, y], 1), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    x, y = moved[:, :1], moved[:, 1:]
    x = _clouded(x, y[:, :2], rng)
    swapped = y[:, [1, 0, 2]]
    y = torch.where((mirror < 0)[:, None, None, None], swapped, y)
    y = F.avg_pool2d(y, 2)
    return _other_greys(x, rng), y, known


def _clouded(x: Tensor, lungs: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the pictures, in some of which parts of a lung are as white as consolidation makes them.

    The outline stays where it was drawn: beside a white lung it is to be found by the rest of the chest. Clouds fade
    beyond the lung's edge, lest they show it.
    """
    count, size, cells = len(x), x.shape[-1], int(rng.integers(3, 9))
    field = torch.from_numpy(rng.standard_normal((count, 2, cells, cells), np.float32))
    field = F.interpolate(field, size=(size, size), mode="bicubic", align_corners=False)
    each = (count, 1, 1, 1)
    share = uniform(rng, -1.0, 1.5, count).reshape(each)
    white = uniform(rng, 0.5, 0.95, count).reshape(each)
    strength = torch.from_numpy(np.where(rng.random(count) < CLOUDED, rng.uniform(0.2, 0.9, count), 0.0)).float()
    wide = size // 32 * 2 + 1
    where = torch.sigmoid(4 * (field - share)) * F.avg_pool2d(lungs, wide, 1, wide // 2)
    amount = where.sum(1, keepdim=True).clamp(0, 1) * strength.reshape(each)
    return x + amount * (white - x).clamp(min=0)


def _other_greys(x: Tensor, rng: np.random.Generator) -> Tensor:
    count, size = len(x), x.shape[-1]

    def each(low: float, high: float) -> Tensor:
        return uniform(rng, low, high, count)[:, None, None, None]

    gamma = torch.exp(torch.from_numpy(rng.normal(0, 0.35, count).astype(np.float32)))[:, None, None, None]
    x = x.clamp(0, 1) ** gamma * each(0.75, 1.25) + each(-0.12, 0.12) * (x > 0)
    # Exposure that drifts across the picture, shadows of blankets and grids.
    drift = torch.from_numpy(rng.normal(0, 0.08, (count, 1, 4, 4)).astype(np.float32))
    x = x + F.interpolate(drift, size=(size, size), mode="bicubic", align_corners=False) * (x > 0)
    if rng.random() < 0.3:
        x = F.avg_pool2d(x, 3, 1, 1)
    x = x + each(0, 0.06) * torch.from_numpy(rng.standard_normal(x.shape, np.float32))
    for i in range(count):
        if rng.random() < 0.25:  # something that lies over the chest, a collimator, an electrode, a marker
            high, wide = rng.integers(size // 16, size // 4, 2)
            top, left = rng.integers(0, size - high), rng.integers(0, size - wide)
            x[i, 0, top : top + high, left : left + wide] = float(rng.random())
    return x.clamp(0, 1)


# ------------------------------------------------------------------------------------------------------------- network


class Up(nn.Module):
    """Twice the resolution: what comes from below, enlarged, added to what the encoder saw, mixed."""

    def __init__(self, below: int, beside: int, channels: int) -> None:
        super().__init__()
        self.below, self.beside = nn.Conv2d(below, channels, 1), nn.Conv2d(beside, channels, 1)
        self.mix = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        larger = F.interpolate(self.below(below), scale_factor=2, mode="bilinear", align_corners=False)
        y: Tensor = self.mix(larger + self.beside(beside))
        return y


class Outlines(nn.Module):
    """(n, 1, size, size) greys of 0 to 1 to (n, 3, size / 2, size / 2) logits of `PARTS`.

    The shape of a U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28) on five stages of
    EfficientNet-Lite0; the mean over the whole picture joins the deepest features.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.layers = encoder.layers
        self.everywhere = nn.Conv2d(112, 112, 1)
        self.ups = nn.ModuleList([Up(112, 40, 64), Up(64, 24, 40), Up(40, 16, 24)])
        self.head = nn.Conv2d(24, len(PARTS), 1)
        nn.init.constant_(self.head.bias, -1.5)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - MEAN) / STD
        seen = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in TAPS:
                seen.append(x)
        x = x + self.everywhere(x.mean((2, 3), keepdim=True))
        for up, beside in zip(self.ups, reversed(seen), strict=True):
            x = up(x, beside)
        y: Tensor = self.head(x)
        return y

    def train(self, mode: bool = True) -> Outlines:
        super().train(mode)
        self.layers[:FROZEN].eval()
        return self


class Served(nn.Module):
    """What ships: the mean of what the network says of the picture enlarged and of its mirror image made small.

    `sides` are those of both. Two scales and two ways round cost no more than two ways round at one scale.
    """

    def __init__(self, net: Outlines, sides: tuple[int, int] = SIDES) -> None:
        super().__init__()
        self.net, self.sides = net, sides

    def forward(self, x: Tensor) -> Tensor:
        right, left, heart = self._said(x.flip(-1), self.sides[1]).flip(-1).split(1, 1)
        y: Tensor = (self._said(x, self.sides[0]) + torch.cat([left, right, heart], 1)) / 2
        return y

    def _said(self, x: Tensor, side: int) -> Tensor:
        if side == SIZE:
            y: Tensor = self.net(x)
            return y
        other = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
        return F.interpolate(self.net(other), size=(SIZE // 2, SIZE // 2), mode="bilinear", align_corners=False)


def fresh(pictures: Pictures) -> Outlines:
    """Return an untrained network whose frozen layers have the statistics of radiographs."""
    net = Outlines(pretrained(STAGES)).to(memory_format=torch.channels_last)
    rng = np.random.default_rng(SEED)
    norms = [m for m in net.layers[:FROZEN].modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        usable = np.flatnonzero(pictures.may_ship)
        for _ in range(6):
            net.layers[:FROZEN]((varied(pictures, rng.choice(usable, 8), SIZE, rng)[0] - MEAN) / STD)
    for parameter in net.layers[:FROZEN].parameters():
        parameter.requires_grad_(False)
    return net.train()


def loss_of(logits: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Return cross entropy and soft Dice (Milletari et al. 2016, doi:10.1109/3DV.2016.79) of what is known."""
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean((2, 3))
    p = torch.sigmoid(logits)
    overlap = 2 * (p * wanted).sum((2, 3)) + 1
    dice = 1 - overlap / ((p + wanted).sum((2, 3)) + 1)
    return ((2 * entropy + dice) * known).sum() / known.sum()


def train(
    net: Outlines, pictures: Pictures, rows: NDArray[np.int64], steps: Sequence[int], seed: int, say: str
) -> Outlines:
    """Train at half the size, then at the whole; return the mean of the last weights (exponential)."""
    rng = np.random.default_rng(seed)
    weight = drawn_often(pictures, rows)

    def batch(step: int) -> tuple[Tensor, Tensor, Tensor]:
        size = SIZE // 2 if step < steps[0] else SIZE
        return varied(pictures, rng.choice(rows, BATCH, p=weight), size, rng)

    torch.manual_seed(seed)
    return fitted(net, batch, sum(steps), RATES, PAST, say)


def drawn_often(pictures: Pictures, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance of each of `rows` to be drawn."""
    weight = np.where(pictures.has_heart[rows], HEART_TIMES, 1.0)
    return weight / weight.sum()


def fitted(
    net: Outlines,
    batch: Callable[[int], tuple[Tensor, Tensor, Tensor]],
    steps: int,
    rates: tuple[float, float],
    past: float,
    say: str,
) -> Outlines:
    """Return the mean of the weights of `net` over the last of `steps` steps.

    `rates` are the backbone's and the rest's. Convolutions of one pixel are computed in bfloat16 meanwhile.
    """
    old = [p for p in net.layers.parameters() if p.requires_grad]
    new = [p for name, p in net.named_parameters() if not name.startswith("layers")]
    optimiser = torch.optim.AdamW([{"params": old}, {"params": new}], lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, list(rates), total_steps=steps, pct_start=0.15)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(past), use_buffers=True
    )
    started, shown = time.monotonic(), 1.0
    Conv.is_brief = True
    for step in range(steps):
        x, wanted, known = batch(step)
        loss = loss_of(net(x.contiguous(memory_format=torch.channels_last)), wanted, known)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 3.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        shown = 0.95 * shown + 0.05 * loss.item()
        if step % 50 == 0:
            print(f"{say} step {step}/{steps} loss {shown:.3f} {time.monotonic() - started:.0f} s", flush=True)
    Conv.is_brief = False
    best: Outlines = average.module
    return best.eval()


def kept_net(
    name: str, pictures: Pictures, rows: NDArray[np.int64], steps: Sequence[int], seed: int, cache: Path
) -> Outlines:
    """Return the network of that name, trained on `rows` if the cache lacks it."""
    kept = cache / f"chest_outlines_{name}.pt"
    net = fresh(pictures)
    if kept.exists():
        net.load_state_dict(torch.load(kept, weights_only=True))
        net.eval()
    else:
        net = train(net, pictures, rows, steps, seed, name)
        torch.save(net.state_dict(), kept)
    return net


def rows_for(name: str, pictures: Pictures) -> NDArray[np.int64]:
    """Return what a network may learn from: `shipped`, `lungs_alone`, or the number of the fold held out."""
    use = pictures.may_ship
    if name == "lungs_alone":
        is_other = pictures.source == "chest_anatomy"
        use = use & ~is_other & ~np.isin(pictures.patient, pictures.patient[is_other])
    elif name != "shipped":
        use = use & (folds_of(pictures) != int(name))
    return np.flatnonzero(use)


NETS = (*map(str, range(FOLDS)), "lungs_alone", "shipped")
#: Whose student a network is, where not its own: what ships learns from all that may ship only as a student.
TEACHER_OF = {"shipped": "0"}


def main() -> None:
    from training.chest_students import kept_student

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the weight and its card")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--only", choices=NETS, help="train this one network, if the cache lacks it, and stop")
    parser.add_argument("--smoke", action="store_true")
    said = parser.parse_args()
    torch.set_num_threads(1)
    pictures = load(said.cache)
    if said.smoke:
        train(fresh(pictures), pictures, rows_for("shipped", pictures)[:24], (2, 1), SEED, "smoke")
        return
    names = NETS if said.only is None else (said.only,)
    nets = {}
    for name in names:
        teacher = TEACHER_OF.get(name, name)
        net = kept_net(teacher, pictures, rows_for(teacher, pictures), STEPS, SEED + NETS.index(teacher), said.cache)
        nets[name] = Served(kept_student(name, net, pictures, rows_for(name, pictures), said.cache)).eval()
    if said.only is None:
        from training.outline_figures import all_trials, figures, learn_trust, write

        trials = all_trials(nets, pictures)
        found = figures(trials, pictures)
        for name, value in found.items():
            print(name, value)
        if said.out is not None:
            write(nets["shipped"], pictures, found, learn_trust(trials, pictures), said.out)


if __name__ == "__main__":
    main()
