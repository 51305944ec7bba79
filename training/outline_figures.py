"""Figures of the outlines of lungs and heart by networks that had not seen them, what tells good ones, the card."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from ecg_engine.radiograph import anatomy
from ecg_engine.radiograph._outlines import masks_of, signs_of_lungs
from ecg_engine.radiograph._trust import Trust
from ecg_engine.types import Anatomy
from training.chest_outlines import SIZE as SQUARE
from training.chest_segmentation import FOLDS, SEED, SIZE, Pictures, Served, folds_of, varied
from training.chest_students import OUTLINED

VERSION = "1.1"
#: What makes outlines good: Dice of each lung.
GOOD_DICE = 0.9
#: The error of a ratio is that within which this share stays; a ratio that may be farther off is not believed.
WITHIN, RATIO_MOST = 0.9, 0.15
#: A group of fewer hearts is too small for a mean error.
LEAST_OF_A_GROUP = 8
#: How often an image with a heart is varied for what tells how far a ratio may be off.
VARIANTS = 8


@dataclass(frozen=True, eq=False)
class Trial:
    """What a network that had not seen an image made of it; `variant` is 0 as it is, -1 spoilt."""

    row: int
    net: str
    variant: int
    right: float = 0.0
    left: float = 0.0
    lungs: float = 0.0
    heart: float = float("nan")
    ratio: float = float("nan")
    true_ratio: float = float("nan")
    lung_signs: NDArray[np.float32] | None = None
    ratio_signs: NDArray[np.float32] | None = None

    @property
    def is_good(self) -> bool:
        return min(self.right, self.left) >= GOOD_DICE

    @property
    def error(self) -> float:
        return self.ratio - self.true_ratio


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)


def ratio_of(masks: NDArray[np.bool_]) -> float:
    lines = anatomy.ctr_lines(
        Anatomy(right_lung=masks[0], left_lung=masks[1], heart=masks[2], confidence=1.0, method="drawn")
    )
    return float("nan") if lines is None else lines.heart_width / lines.thorax_width


@torch.no_grad()
def logits_of(net: Served, x: Tensor) -> NDArray[np.float32]:
    return torch.cat([net(part) for part in x.split(8)]).numpy()


def attempts(
    net: Served, name: str, pictures: Pictures, rows: NDArray[np.int64], variants: Iterable[int]
) -> list[Trial]:
    """Return what `net` makes of the images as they are, varied, and spoilt."""
    rng = np.random.default_rng(SEED)
    whole = (0, 0, SQUARE, SQUARE)
    out = []
    for variant in variants:
        if variant:
            x, y, _ = varied(pictures, rows, SIZE, rng)
        else:
            x, y = torch.from_numpy(pictures.squares[rows]).float()[:, None] / 255, torch.empty(len(rows))
        for row, logits, part in zip(rows.tolist(), logits_of(net, x), y, strict=True):
            inside = whole if variant else tuple(int(value) for value in pictures.inside[row])
            drawn = _enlarged(part) if variant else pictures.drawn_of(row)
            found = masks_of(logits, inside, SQUARE)
            lungs = [dice(a, b) for a, b in zip(found[:2], drawn[:2], strict=True)]
            heart = {}
            if pictures.has_heart[row]:
                heart = {"heart": dice(found[2], drawn[2]), "ratio": ratio_of(found), "true_ratio": ratio_of(drawn)}
            out.append(
                Trial(
                    row, name, variant, *lungs, dice(found[0] | found[1], drawn[0] | drawn[1]), **heart,
                    lung_signs=signs_of_lungs(logits, inside, SQUARE),
                    ratio_signs=anatomy.ratio_signs(logits, found, inside),
                )
            )  # fmt: skip
    return out


def _enlarged(part: Tensor) -> NDArray[np.bool_]:
    """Return shares inside, (3, n, n), as masks on the engine's square."""
    larger = F.interpolate(part[None], size=(SQUARE, SQUARE), mode="bilinear", align_corners=False)[0]
    return larger.numpy() > 0.5


def spoilt(net: Served, name: str, pictures: Pictures, rows: NDArray[np.int64]) -> list[Trial]:
    """Return what `net` makes of what no outline may be believed on: turned, inverted, noise, ramps, stripes."""
    rng = np.random.default_rng(SEED)
    down, across = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    out = []
    for row in rows.tolist():
        picture = pictures.squares[row].astype(np.float32) / 255
        noise = [ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), sigma) for sigma in (0.0, rng.uniform(1, 20))]
        turn, period = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 2)
        ramp = (np.cos(turn) * down + np.sin(turn) * across) % period
        greys = [picture[::-1], np.rot90(picture), 1 - picture, *((n - n.min()) / np.ptp(n) for n in noise)]
        greys.append((ramp - ramp.min()) / np.ptp(ramp))
        x = torch.from_numpy(np.array(greys, np.float32))[:, None]
        out += [
            Trial(row, name, -1, lung_signs=signs_of_lungs(logits, (0, 0, SIZE, SIZE), SIZE))
            for logits in logits_of(net, x)
        ]
    return out


def logistic(signs: NDArray[np.float32], good: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Return weights and offset of the penalised logistic regression."""
    from sklearn.linear_model import LogisticRegression

    mean, sd = signs.mean(0), np.maximum(signs.std(0), 0.05)
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit((signs - mean) / sd, good)
    weights = fitted.coef_[0] / sd
    return weights, float(fitted.intercept_[0] - weights @ mean)


def quantile(
    signs: NDArray[np.float32], values: NDArray[np.float64], share: float
) -> tuple[NDArray[np.float64], float]:
    """Return weights and offset of the linear regression of a quantile (Koenker and Bassett 1978)."""
    from sklearn.linear_model import QuantileRegressor

    fitted = QuantileRegressor(quantile=share, alpha=1e-3).fit(signs, values)
    return fitted.coef_, float(fitted.intercept_)


def least_covering(values: NDArray[np.float64], share: float) -> float:
    """Return what one more value of their kind stays within with a chance of `share`; infinite if they are too few.

    The conformal quantile: no distribution is assumed (Lei et al. 2018, doi:10.1080/01621459.2017.1307116).
    """
    rank = math.ceil((len(values) + 1) * share - 1e-9)
    return float(np.sort(values)[rank - 1]) if rank <= len(values) else math.inf


def learn_trust(trials: Sequence[Trial], pictures: Pictures) -> dict[str, object]:
    """Return the card's table by which outlines are believed; images that may not ship teach nothing here either.

    The median error at given signs is learnt from varied images, too; by how much nine of ten errors stay within a
    multiple of it, from the images as they are, each by what the other folds say of its signs (locally weighted
    conformal prediction: Lei et al. 2018, there 5.2; across folds: Vovk 2015, doi:10.1007/s10472-013-9368-4).
    """
    allowed = [t for t in trials if pictures.may_ship[t.row]]
    lungs, lungs_offset = logistic(np.array([t.lung_signs for t in allowed]), np.array([t.is_good for t in allowed]))
    known = [t for t in allowed if np.isfinite(t.error) and t.ratio_signs is not None and t.net != "lungs_alone"]
    signs = np.array([t.ratio_signs for t in known])
    errors = np.log(np.abs([t.error for t in known]) + 1e-4)
    ratio, ratio_offset = quantile(signs, errors, 0.5)
    nets, is_plain = np.array([t.net for t in known]), np.array([t.variant == 0 for t in known])
    beyond = np.empty(len(known))
    for net in np.unique(nets):
        weights, offset = quantile(signs[nets != net], errors[nets != net], 0.5)
        beyond[nets == net] = (errors - signs @ weights - offset)[nets == net]
    ratio_offset += least_covering(beyond[is_plain], WITHIN)
    return {
        "lungs": lungs.tolist(), "lungs_offset": lungs_offset,
        "ratio": ratio.tolist(), "ratio_offset": ratio_offset, "ratio_most": RATIO_MOST,
    }  # fmt: skip


def mean_and_interval(values: Sequence[float], groups: NDArray[np.str_]) -> list[float]:
    """Return the mean and its 95 % interval by the bootstrap over patients."""
    rng = np.random.default_rng(SEED)
    names, at = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(at, values), np.bincount(at)
    drawn = rng.integers(0, len(names), (2000, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return [float(np.mean(values)), *(float(q) for q in np.quantile(means, (0.025, 0.975)))]


def _sexes(pictures: Pictures) -> NDArray[np.str_]:
    return np.where(pictures.sex == "F", "women", np.where(pictures.sex == "M", "men", "unknown"))


def _ages(pictures: Pictures) -> NDArray[np.str_]:
    bands = np.array(["below_40", "40_to_59", "60_and_above", "unknown"])
    at = np.digitize(np.nan_to_num(pictures.age, nan=0), (40, 60))
    return bands[np.where(np.isnan(pictures.age), 3, at)]


def figures(trials: Sequence[Trial], pictures: Pictures) -> dict[str, object]:
    """Return what stands on the card; trust is that of the other folds."""
    plain = [t for t in trials if t.variant == 0 and t.net != "lungs_alone"]
    out: dict[str, object] = {}

    def add(name: str, of: Sequence[Trial], value: Callable[[Trial], float]) -> None:
        found = [value(t) for t in of]
        out[name] = {"images": len(of), "mean_95": mean_and_interval(found, pictures.patient[[t.row for t in of]])}

    lung_masks = [t for t in plain if pictures.source[t.row] == "lung_masks"]
    add("lungs_dice", lung_masks, lambda t: t.lungs)
    for view in np.unique(pictures.view[[t.row for t in lung_masks]]):
        of = [t for t in lung_masks if pictures.view[t.row] == view]
        add(f"lungs_dice_{str(view).replace(' ', '_').lower()}", of, lambda t: t.lungs)
    groups = {"sex": _sexes(pictures), "age": _ages(pictures)}
    for what, group in groups.items():
        for name in np.unique(group):
            of = [t for t in plain if group[t.row] == name]
            add(f"lungs_dice_by_{what}_{name}", of, lambda t: t.lungs)
            hearts = [t for t in of if np.isfinite(t.error)]
            if len(hearts) >= LEAST_OF_A_GROUP:
                add(f"ratio_error_by_{what}_{name}", hearts, lambda t: abs(t.error))
    add(
        "lungs_dice_of_chest_anatomy_by_lung_masks_alone",
        [t for t in trials if t.net == "lungs_alone"],
        lambda t: t.lungs,
    )
    for words, is_of in (("", True), ("_of_nc_images", False)):
        hearts = [t for t in plain if np.isfinite(t.heart) and pictures.may_ship[t.row] == is_of]
        add(f"heart_dice{words}", hearts, lambda t: t.heart)
        with_ratio = [t for t in hearts if np.isfinite(t.error)]
        add(f"ratio_error{words}", with_ratio, lambda t: abs(t.error))
        middle = float(np.median([t.true_ratio for t in with_ratio]))
        add(f"ratio_error_of_a_constant{words}", with_ratio, lambda t, m=middle: abs(t.true_ratio - m))
    sure, bound = {}, {}
    folds = [t for t in trials if t.net != "lungs_alone"]
    for net in {t.net for t in folds}:
        trust = Trust(**learn_trust([t for t in folds if t.net != net], pictures))
        for t in (t for t in folds if t.net == net):
            sure[t] = trust.confidence(t.lung_signs) >= anatomy.CONFIDENT
            bound[t] = trust.ratio_error(t.ratio_signs)
    out["confident"] = float(np.mean([sure[t] for t in plain]))
    out["lungs_dice_where_confident"] = float(np.mean([t.lungs for t in plain if sure[t]]))
    out["lungs_dice_where_not"] = float(np.mean([t.lungs for t in plain if not sure[t]]))
    out["spoilt_and_confident"] = float(np.mean([sure[t] for t in folds if t.variant < 0]))
    for words, of in (("", [t for t in folds if t.variant == 0]), ("_varied", [t for t in folds if t.variant > 0])):
        hearts = [t for t in of if np.isfinite(t.error)]
        believed = [t for t in hearts if bound[t] is not None]
        out[f"ratio_believed{words}"] = len(believed) / len(hearts)
        out[f"ratio_error_where_believed{words}"] = float(np.mean([abs(t.error) for t in believed]))
        out[f"ratio_within_its_error{words}"] = float(np.mean([abs(t.error) <= bound[t] for t in believed]))
    return out


def by_group(masks: Callable[[NDArray[np.float32]], NDArray[np.float32]], pictures: Pictures) -> dict[str, Any]:
    """Return figures by sex, age and view on the images that nothing was ever learnt from.

    Parameters
    ----------
    masks : callable
        (1, 1, 256, 256) greys to (3, n, n) logits.
    pictures : Pictures
    """
    rows = np.flatnonzero(~pictures.may_ship & pictures.has_heart)
    found: list[tuple[float, float, float]] = []
    for row in rows:
        logits = masks(pictures.squares[row].astype(np.float32)[None, None] / 255)
        ours, drawn = masks_of(logits, tuple(pictures.inside[row].tolist()), SQUARE), pictures.drawn_of(row)
        error = abs(ratio_of(ours) - ratio_of(drawn))
        found.append((dice(ours[0] | ours[1], drawn[0] | drawn[1]), dice(ours[2], drawn[2]), error))
    groups = {
        **{name: _sexes(pictures)[rows] == name for name in ("women", "men")},
        **{name: _ages(pictures)[rows] == name for name in ("below_40", "40_to_59", "60_and_above")},
        **{view.lower(): pictures.view[rows] == view for view in np.unique(pictures.view[rows])},
    }
    values = np.array(found)
    return {
        name: {
            "images": int(of.sum()),
            **dict(zip(("lungs_dice", "heart_dice", "ratio_error"), values[of].mean(0).tolist(), strict=True)),
        }
        for name, of in groups.items()
        if of.any()
    }


def all_trials(nets: Mapping[str, Served], pictures: Pictures) -> list[Trial]:
    folds = folds_of(pictures)
    trials = []
    for name in map(str, range(FOLDS)):
        rows = np.flatnonzero(folds == int(name))
        trials += attempts(nets[name], name, pictures, rows, (0, 1))
        trials += attempts(nets[name], name, pictures, rows[pictures.has_heart[rows]], range(2, VARIANTS))
        trials += spoilt(nets[name], name, pictures, rows[::3])
    trials += attempts(
        nets["lungs_alone"], "lungs_alone", pictures, np.flatnonzero(pictures.source == "chest_anatomy"), (0,)
    )
    return trials


def write(net: Served, pictures: Pictures, found: Mapping[str, object], trust: Mapping[str, object], out: Path) -> None:
    """Write the weight and its card, and compare both runtimes."""
    from training.export import check, export, write_card

    shapes = export(net, {"picture": torch.zeros(1, 1, SIZE, SIZE)}, ("masks",), out / "chest_outlines.onnx")
    write_card(out / "chest_outlines.toml", card_of(pictures, found, trust, shapes))
    grouped(out / "chest_outlines.toml", pictures)
    rows = np.random.default_rng(SEED).choice(len(pictures), 32, replace=False)
    inputs = pictures.squares[rows].astype(np.float32)[:, None] / 255
    print("largest difference", check(out / "chest_outlines.toml", net, inputs))


def grouped(path: Path, pictures: Pictures) -> None:
    """Write figures by group, and of whom the training's images are, into a card beside its weight."""
    from ecg_engine.models import load_model
    from training.export import write_card

    model = load_model(str(path))
    card = tomllib.loads(path.read_text(encoding="utf-8"))
    card["data"] = _data(pictures)
    card["figures_by_group"] = {
        "how": "The shipped weight on 25 images marked NC, which taught it nothing; all that is drawn on them.",
        **by_group(lambda x: model.run(x)["masks"][0], pictures),
    }
    write_card(path, card)


def card_of(
    pictures: Pictures,
    found: Mapping[str, object],
    trust: Mapping[str, object],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, Any]:
    """Return the card."""
    return {
        "name": "chest_outlines",
        "version": VERSION,
        "weights": "chest_outlines.onnx",
        "sha256": "",
        "task": "radiograph_outlines",
        "intended_use": (
            "To outline lungs and heart on upright frontal chest radiographs of adults, for the cardiothoracic ratio, "
            "areas, and what is cut off or turned. It finds no disease."
        ),
        "input": {
            "name": "picture", "shape": [1, 1, SIZE, SIZE],
            "preprocessing": "letterboxed square, 1st to 99th percentile of the picture to 0 to 1, area mean",
        },
        "outputs": {name: list(shape) for name, shape in shapes.items()},
        "labels": [],
        "limits": {"views": ["PA", "AP", "FRONTAL"]},
        "trust": dict(trust),
        "architecture": (
            "U-Net on the first five stages of EfficientNet-Lite0, one grey channel, three logits a pixel; mean over "
            "the picture enlarged by an eighth and its mirror image made smaller by as much"
        ),
        "data": _data(pictures),
        "training": {
            "script": "training/chest_segmentation.py", "seed": SEED,
            "split": f"{FOLDS} folds by patient; the shipped weight learnt from all that may ship",
            "student": (
                "each network went on with half of each batch outlined by itself (Xie et al. 2020, arXiv 1911.04252); "
                "what ships went on from the first fold's and learnt from all that may ship only then"
            ),
        },
        "figures": {
            "how": (
                "By patient held out, networks trained like the shipped one; mean and 95 % interval over patients. "
                "Images marked NC taught nothing, here or in the shipped weight. Two people who outlined the lungs of "
                "the same 24 images agree with a Dice of 0.955."
            ),
            **found,
        },
        "known_failures": [
            "A lung that is white all over is outlined where it ought to be, or not with confidence.",
            "Few children and no amputated lungs were seen; large effusions, rarely.",
            "Hearts were drawn on 37 images, in one way; below a blurred left border the ratio may err by 0.1.",
            "Supine films of the severely ill are outlined less well than others.",
            "Pictures of failures: docs/known_failures.md.",
        ],
    }  # fmt: skip


def _counted(values: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(values, return_counts=True)
    return {str(name): int(n) for name, n in zip(names, counts, strict=True)}


def _data(pictures: Pictures) -> list[dict[str, Any]]:
    about = {
        "lung_masks": "V7 Labs, COVID-19 X-ray dataset: lungs drawn on radiographs of public COVID-19 collections",
        "chest_anatomy": "lungs and cardiomediastinum drawn on radiographs of public COVID-19 collections",
    }
    out = []
    for source, name in about.items():
        used = pictures.may_ship & (pictures.source == source)
        kinds, counts = np.unique(pictures.licence[used], return_counts=True)
        views, of_view = np.unique(pictures.view[used], return_counts=True)
        out.append(
            {
                "name": name,
                "licence": "outlines CC BY 4.0",
                "licences_of_images": {str(k) or "not stated": int(n) for k, n in zip(kinds, counts, strict=True)},
                "views": {str(k): int(n) for k, n in zip(views, of_view, strict=True)},
                "sexes": _counted(_sexes(pictures)[used]),
                "ages": _counted(_ages(pictures)[used]),
                "patients": len(np.unique(pictures.patient[used])),
                "left_out": "images marked NC or ND, copies of such, or of a licence of their own; lateral views",
            }
        )
    out.append(
        {
            "name": "ChestX-ray14: radiographs of adults, outlined by the network itself where it is sure",
            "licence": "NIH Clinical Center, no restriction",
            "images": f"{OUTLINED} at most, frontal",
        }
    )
    out.append({"name": "ImageNet weights of EfficientNet-Lite0, converted", "licence": "Apache-2.0"})
    return out
