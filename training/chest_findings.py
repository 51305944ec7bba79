"""Findings on adult frontal chest radiographs.

    python -m training.chest_findings --out ecg_engine/models/weights     # figures, then the weight and its card
    python -m training.chest_findings --minutes 10                        # as many models as begin within it
    python -m training.chest_findings --out ... --card-only               # a new card for the weight that is there
    python -m training.chest_findings --smoke                             # seconds, nothing kept

EfficientNet-Lite0 at 224 px, inside a network that takes 256 and smooths them first, so that the noise of a detector
and the route by which a picture was made small hardly reach a score. Its first five stages keep the weights of
ImageNet, their batch statistics moved towards those of radiographs; what they make of each picture, as it is and in
several varied versions, is kept, and the later stages are trained on that. The head is a convolution of one pixel whose
map, averaged, is the logit: the map says where (class activation mapping, Zhou et al. 2016,
doi:10.1109/CVPR.2016.319).

The networks average their maps; where things lie, and how large a heart is, a linear map beside them tells
(`chest_places`).

The sets know different things (`chest_images`): what a set does not know is masked, small sets are drawn more often.
A tenth of the patients is never trained on. One network for each fold of the others gives the figures out of fold and
the calibration; one for each set that it never saw those of that set. What ships is the mean of three (`SHIPPED`), the
first of them trained on four fifths of the patients: one early part, three late ones, whose weights are bytes. The
tenth tells what the weight itself is worth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from training import pictures as pic
from training.backbone import MEAN, STD, Conv, Lite0, pretrained
from training.brief_layers import through
from training.chest_images import FINDINGS, NIH_SETS, Table, folds_by_patient, load
from training.chest_places import Places, add_places, fit_places, without_places
from training.export import session_of

#: Side of what the network takes and of what its convolutions see, pixels.
INPUT, SIZE, SEED = 256, 224, 20260115
#: Stem of three layers and the blocks of the first five stages, and how many channels come out of them.
FROZEN_LAYERS, FROZEN_CHANNELS, FROZEN_SIDE = 3 + 1 + 2 + 2 + 3 + 3, 112, 14
CODES = tuple(FINDINGS)
VERSIONS, FOLDS = 6, 3
SHIPPED = ("most", "fold_0", "fold_1")
#: The first of so many parts of the patients is left out by the network of most of them, and never trained on: the
#: latter lies in the former.
MOST_OF, NEVER_OF = 5, 10
#: Steps of the network of most patients, of a fold's, and of one that leaves a set out.
STEPS, STEPS_FOLD, STEPS_ACROSS, BATCH = 480, 400, 240, 48
#: Pictures that pass the early layers at once.
AT_ONCE = 8
#: Weights of the early layers are stored as float16 from this size on: they move no logit by more than 0.005.
MIN_HALVED = 5_000
#: Binomial weights of standard deviation 1 pixel.
SMOOTH = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


class Findings(nn.Module):
    """The whole network: (n, 1, 256, 256) to logits (n, findings) and their maps (n, findings, 7, 7)."""

    def __init__(self, body: Lite0) -> None:
        super().__init__()
        self.early = nn.Sequential(*body.layers[:FROZEN_LAYERS])
        self.late = nn.Sequential(*body.layers[FROZEN_LAYERS:])
        self.drop = nn.Dropout2d(0.3)
        self.head = nn.Conv2d(body.channels, len(CODES), 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, -1.0)

    def encode(self, small: Tensor) -> Tensor:
        """Return the features of pictures that are smooth and small already."""
        y: Tensor = self.early(((small - MEAN) / STD).contiguous(memory_format=torch.channels_last))
        return y

    def decode(self, y: Tensor) -> tuple[Tensor, Tensor]:
        late = through(self.late, y) if Conv.is_brief else self.late(y)
        maps = self.head(self.drop(late))
        return maps.mean((2, 3)), maps

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.decode(self.encode(reduced(x)))


def smoothed(x: Tensor) -> Tensor:
    """Return the pictures without their finest detail."""
    x = F.conv2d(F.pad(x, (2, 2, 0, 0)), SMOOTH.view(1, 1, 1, 5))
    return F.conv2d(F.pad(x, (0, 0, 2, 2)), SMOOTH.view(1, 1, 5, 1))


def reduced(x: Tensor) -> Tensor:
    """Return smoothed pictures at the size that the convolutions see."""
    return F.interpolate(smoothed(x), (SIZE, SIZE), mode="bilinear", align_corners=False)


class Early(nn.Module):
    """The early layers alone."""

    def __init__(self, net: Findings) -> None:
        super().__init__()
        self.net = net

    def forward(self, small: Tensor) -> Tensor:
        return self.net.encode(small)


@dataclass(slots=True)
class Features:
    """What the early layers make of the pictures: (versions, n, 112, 14, 14) float16; version 0: as they are."""

    values: NDArray[np.float16]
    rows: NDArray[np.int64]


def adult_rows(table: Table) -> NDArray[np.int64]:
    """Return the rows of adults, or of unknown age, in the sets that know findings."""
    return np.flatnonzero(np.isin(table.source, NIH_SETS) & ~(table.age < 18))


def plain(table: Table, rows: NDArray[np.int64]) -> Tensor:
    """Return what the product gives the network: (n, 1, 256, 256)."""
    squares = [pic.stretched(table.squares[row], table.inside[row]) for row in rows]
    return torch.from_numpy(np.stack(squares)[:, None])


def _varied(table: Table, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    x = plain(table, rows)
    flipped = torch.from_numpy(rng.random(len(rows)) < 0.5)[:, None, None, None]
    x = smoothed(torch.where(flipped, x.flip(3), x))
    x = pic.varied(x, rng, SIZE, turn_deg=7, scale=0.15, shift=0.1, squash=0.08)
    return pic.toned(x, rng, gamma=0.45, noise_sd=0.02, blur=0.35)


def fresh(cache: Path | None = None) -> Findings:
    """Return an untrained network: its head always the same, its early layers those that made the features."""
    torch.manual_seed(SEED)
    net = Findings(pretrained()).to(memory_format=torch.channels_last)
    early = None if cache is None else cache / f"chest_early_{VERSIONS}.pt"
    if early is not None and early.exists():
        net.early.load_state_dict(torch.load(early, weights_only=True))
    return net


def adapt(net: Findings, table: Table, rows: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Give the batch normalisation the statistics of radiographs."""
    net.train()
    with torch.no_grad():
        for _ in range(30):
            net.encode(reduced(plain(table, rng.choice(rows, 32))))
    net.early.eval()


def encode(
    net: Findings, table: Table, rows: NDArray[np.int64], *, versions: int, seed: int, cache: Path | None
) -> Features:
    """Return the features of `rows`, from the cache where they are there."""
    kept = None if cache is None else cache / f"chest_early_{versions}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as held:
            return Features(held["values"], held["rows"])
    rng = np.random.default_rng(seed)
    adapt(net, table, rows, rng)
    values = np.empty((versions, len(rows), FROZEN_CHANNELS, FROZEN_SIDE, FROZEN_SIDE), np.float16)
    started = time.monotonic()
    session = session_of(Early(net), torch.zeros(2, 1, SIZE, SIZE))
    for version in range(versions):
        for i in range(0, len(rows), AT_ONCE):
            part = rows[i : i + AT_ONCE]
            x = reduced(plain(table, part)) if version == 0 else _varied(table, part, rng)
            values[version, i : i + AT_ONCE] = session.run(None, {"x": x.numpy()})[0]
        print(f"features {version + 1}/{versions} {time.monotonic() - started:.0f} s", flush=True)
    if kept is not None:
        torch.save(net.early.state_dict(), kept.with_suffix(".pt"))
        np.savez(kept, values=values, rows=rows)
    return Features(values, rows)


# ------------------------------------------------------------------------------------------------------------ training


def targets(table: Table, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what is to be learnt: labels smoothed, and half of another network's word where it is known.

    Its probabilities are those of its own training set, where few are ill; refitted to the labels of the same pictures
    (Platt 1999) they say the same of who is more likely ill than whom, and no longer contradict the other labels.
    """
    from ecg_engine.evaluation.ranking import fit_platt

    labels, soft = table.labels[rows], np.clip(table.soft[rows].astype(np.float64), 1e-4, 1 - 1e-4)
    out = labels * 0.94 + 0.03
    for i in range(len(CODES)):
        known = np.isfinite(soft[:, i]) & np.isfinite(labels[:, i])
        x = np.log(soft[known, i] / (1 - soft[known, i]))
        if len(np.unique(labels[known, i])) < 2:
            continue
        slope, intercept = fit_platt(labels[known, i] > 0.5, x)
        out[known, i] = 0.5 * out[known, i] + 0.5 / (1 + np.exp(-(slope * x + intercept)))
    return out.astype(np.float32)


def masked_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean cross-entropy over what is known; what is not (NaN) teaches nothing."""
    known = torch.isfinite(wanted)
    each = F.binary_cross_entropy_with_logits(logits, wanted.nan_to_num(0.0), reduction="none")
    return (each * known).sum() / known.sum()


def train(
    net: Findings,
    features: Features,
    table: Table,
    use: NDArray[np.bool_],
    *,
    steps: int,
    seed: int,
    batch: int = BATCH,
    say: str = "",
) -> Findings:
    """Train the late layers on the features of the rows that `use` names; small sets are drawn more often."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    at = np.flatnonzero(use)
    _, which, counts = np.unique(table.source[features.rows[at]], return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(counts[which])
    weight /= weight.sum()
    wanted = torch.full((len(features.rows), len(CODES)), float("nan"))
    wanted[at] = torch.from_numpy(targets(table, features.rows[at]))
    late, head = list(net.late.parameters()), list(net.head.parameters())
    optimiser = torch.optim.AdamW([{"params": late, "lr": 4e-4}, {"params": head, "lr": 2e-3}], weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [4e-4, 2e-3], total_steps=steps, pct_start=0.1)
    # The mean over the last twelfth or so of the steps: a longer one would hold on to the untrained weights.
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(max(0.0, 1.0 - 12.0 / steps)), use_buffers=True
    )
    net.train()
    net.early.eval()
    Conv.is_brief = True
    started, shown = time.monotonic(), 0.0
    for step in range(steps):
        picked = rng.choice(at, batch, p=weight)
        version = rng.integers(0, len(features.values), batch)
        x = torch.from_numpy(features.values[version, picked].astype(np.float32)).contiguous(
            memory_format=torch.channels_last
        )
        # Two pictures mixed, as much as their labels (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).
        other = torch.from_numpy(rng.permutation(batch))
        share = torch.from_numpy(rng.beta(0.3, 0.3, (batch, 1)).astype(np.float32))
        y = wanted[picked]
        logits, _ = net.decode(share[..., None, None] * x + (1 - share[..., None, None]) * x[other])
        loss = masked_loss(logits, share * y + (1 - share) * y[other])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(net)
        shown = 0.97 * shown + 0.03 * loss.item() if step else loss.item()
        if step % 100 == 0:
            print(f"{say} step {step}/{steps} loss {shown:.3f} {time.monotonic() - started:.0f} s", flush=True)
    Conv.is_brief = False
    best: Findings = average.module
    return best.eval()


@torch.no_grad()
def logits_of(net: Findings, features: Features, at: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the logits of the pictures as they are."""
    parts = [torch.from_numpy(features.values[0, at[i : i + 64]].astype(np.float32)) for i in range(0, len(at), 64)]
    return torch.cat([net.decode(part)[0] for part in parts]).numpy()


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pictures each network is trained on and which it is asked about, as masks over the features."""

    name: str
    use: NDArray[np.bool_]
    ask: NDArray[np.bool_]
    seed: int
    steps: int


def plans(table: Table, rows: NDArray[np.int64]) -> list[Plan]:
    """Return the networks of the folds, those of the sets left out, and that of most patients."""
    never = folds_by_patient(table, NEVER_OF, SEED)[rows] == 0
    fold = folds_by_patient(table, FOLDS, SEED + 1)[rows]
    out = [Plan(f"fold_{k}", ~never & (fold != k), never | (fold == k), SEED + k, STEPS_FOLD) for k in range(FOLDS)]
    patient, source = table.patient[rows], table.source[rows]
    for k, held in enumerate(NIH_SETS):
        is_held = source == held
        out.append(
            Plan(
                f"without_{held}", ~np.isin(patient, np.unique(patient[is_held])), is_held, SEED + 100 + k, STEPS_ACROSS
            )
        )
    is_left = folds_by_patient(table, MOST_OF, SEED)[rows] == 0
    return [*out, Plan("most", ~is_left, is_left, SEED + 200, STEPS)]


class Panel(nn.Module):
    """Several networks of the same early layers as one: the mean of their logits and of their maps."""

    def __init__(self, nets: Sequence[Findings]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first: Findings = self.nets[0]  # type: ignore[assignment]
        y = first.encode(reduced(x))
        maps = torch.stack([net.decode(y)[1] for net in self.nets]).mean(0)  # type: ignore[operator]
        return maps.mean((2, 3)), maps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the weight and its card")
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no further network after that many")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--card-only", action="store_true", help="keep the weight in --out: its join and figures anew")
    parser.add_argument("--smoke", action="store_true")
    said = parser.parse_args()
    if said.card_only and said.out is None:
        parser.error("--card-only: name the folder of the weight by --out")
    torch.set_num_threads(said.threads)
    started = time.monotonic()
    table = load(cache=said.cache)
    rows = adult_rows(table)
    if said.smoke:
        features = encode(fresh(), table, rows[::40], versions=2, seed=SEED, cache=None)
        use = np.ones(len(features.rows), bool)
        nets = [train(fresh(), features, table, use, steps=2, seed=k, batch=8, say="smoke") for k in (1, 2)]
        Panel(nets)(plain(table, rows[:1]))
        return
    features = encode(fresh(), table, rows, versions=VERSIONS, seed=SEED, cache=said.cache)
    found: dict[str, Any] = {}
    for plan in plans(table, rows):
        if said.card_only and plan.name == "most":
            continue
        kept = said.cache / f"chest_findings_{plan.name}.npz"
        if not kept.exists():
            if time.monotonic() - started > 60 * said.minutes:
                print(f"{plan.name} is left for the next time")
                return
            net = train(fresh(said.cache), features, table, plan.use, steps=plan.steps, seed=plan.seed, say=plan.name)
            torch.save(net.state_dict(), kept.with_suffix(".pt"))
            np.savez(kept, logits=logits_of(net, features, np.flatnonzero(plan.ask)))
        with np.load(kept) as held:
            found[plan.name] = held["logits"]
        if plan.name != "most":
            places = places_for(table, features, plan.use, said.cache / f"chest_places_{plan.name}.npz")
            own = places.logits(features.values[0, plan.ask])
            found[plan.name] = found[plan.name] + places.beside(found[plan.name], own).logits(
                features.values[0, plan.ask]
            )
    if said.out is None:
        return
    path = said.out / "chest_findings.onnx"
    outputs = outputs_of(path) if said.card_only else assemble(table, said.cache, path)
    finish(table, features, found, said.cache, path, outputs, is_new=not said.card_only)


def hearts_of(table: Table, rows: NDArray[np.int64], cache: Path) -> NDArray[np.float64]:
    """Return what the outlines tell of the hearts, from the cache where it is there."""
    from training import chest_figures

    kept = cache / "chest_hearts.npy"
    if not kept.exists():
        np.save(kept, chest_figures.expected_hearts(table, rows))
    hearts: NDArray[np.float64] = np.load(kept)
    return hearts


def places_for(table: Table, features: Features, use: NDArray[np.bool_], kept: Path) -> Places:
    """Return the map of places learnt from the rows that `use` names, from the cache where it is there."""
    if not kept.exists():
        wanted = np.full((len(use), len(CODES)), np.nan, np.float32)
        wanted[use] = targets(table, features.rows[use])
        _, which, counts = np.unique(table.source[features.rows], return_inverse=True, return_counts=True)
        found = fit_places(features.values, wanted, use, 1.0 / np.sqrt(counts[which]))
        np.savez(kept, weights=found.weights, offsets=found.offsets)
    with np.load(kept) as held:
        return Places(held["weights"], held["offsets"])


def outputs_of(path: Path) -> dict[str, list[int]]:
    """Return the shapes that the card beside a weight names."""
    from ecg_engine.models import load_model

    return {name: list(shape) for name, shape in load_model(str(path.with_suffix(".toml"))).card.outputs.items()}


def assemble(table: Table, cache: Path, path: Path) -> dict[str, list[int]]:
    """Write the networks that ship as one; return the shapes of its outputs."""
    from training.export import check_file, export, rounded

    nets = []
    for name in SHIPPED:
        nets.append(fresh(cache).eval())
        nets[-1].load_state_dict(torch.load(cache / f"chest_findings_{name}.pt", weights_only=True))
        rounded(nets[-1].late)
        rounded(nets[-1].head)
    panel = Panel(nets).eval()
    names = ("logits", "maps")
    shapes = export(panel, {"picture": torch.zeros(1, 1, INPUT, INPUT)}, names, path, halved_from=MIN_HALVED)
    for row in np.random.default_rng(SEED).choice(len(table), 32, replace=False):
        check_file(path, panel, {"picture": plain(table, np.array([row])).numpy()}, names)
    return {name: list(shape) for name, shape in shapes.items()}


def finish(
    table: Table,
    features: Features,
    found: dict[str, Any],
    cache: Path,
    path: Path,
    outputs: dict[str, list[int]],
    *,
    is_new: bool,
) -> None:
    """Add the map of places to the networks in the file, tell the figures, write the card.

    Without `is_new` the figures of single networks are of others than those in the file, made by the same recipe.
    """
    from training import chest_figures
    from training.export import write_card

    rows = features.rows
    never = folds_by_patient(table, NEVER_OF, SEED)[rows] == 0
    nets = networks_of(path)
    said = np.array([nets.run(["logits"], {"picture": plain(table, rows[[at]]).numpy()})[0][0] for at in
                     np.flatnonzero(never)])  # fmt: skip
    values = features.values[0, never]
    places = places_for(table, features, ~never, cache / "chest_places_shipped.npz")
    beside = places.beside(said, places.logits(values))
    add_places(path, beside)
    every = np.full((len(rows), len(CODES)), np.nan, np.float32)
    every[never] = said + beside.logits(values)
    card = chest_figures.card_of(table, rows, plans(table, rows), found, every, hearts_of(table, rows, cache))
    if not is_new:
        card["training"]["figures"] = (
            "out of fold and by unseen set: of networks made again by the same recipe, which differ from those in the "
            "weight by rounding and by how pictures were varied"
        )
    write_card(path.with_suffix(".toml"), card | {"outputs": outputs})
    check_places(path, table, rows[never], every[never])


def networks_of(path: Path) -> Any:
    """Return a session of the networks alone."""
    import onnx
    import onnxruntime as ort

    alone = without_places(onnx.load_from_string(path.read_bytes()))
    return ort.InferenceSession(alone.SerializeToString(), providers=["CPUExecutionProvider"])


def check_places(path: Path, table: Table, rows: NDArray[np.int64], wanted: NDArray[np.float32]) -> None:
    """Refuse a file that says otherwise than the figures on its card rest on.

    Raises
    ------
    ValueError
        More than the rounding of the early layers' features to float16.
    """
    from ecg_engine.models import load_model

    model = load_model(str(path.with_suffix(".toml")))
    given = np.array([model.run(plain(table, rows[i : i + 1]).numpy())["logits"][0] for i in range(0, len(rows), 8)])
    worst = float(np.abs(given - wanted[::8]).max())
    print(f"largest difference {worst:.4f}")
    if not worst <= 0.1:
        raise ValueError(f"{path}: a logit differs by {worst:g} from what its card tells")


if __name__ == "__main__":
    main()
