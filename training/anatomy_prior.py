"""Learn the prior of lungs and heart (``ecg_engine/radiograph/anatomy_prior.npz``) from outlines drawn by people.

    ECG_ENGINE_DATA=... python -m training.anatomy_prior

Images marked NC or ND, and those of a licence of their own, are left out; patients are kept together, also where one
image stands in both sets. Needs NumPy, SciPy and Pillow; some minutes on one core. Every figure printed is of images
that the prior which made it has not seen.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ecg_engine.radiograph import _heart, _lungs, _trust, anatomy
from ecg_engine.radiograph._prior import AnatomyPrior, LinearMap, unpack
from ecg_engine.types import Anatomy
from training.chest_outlines import SIZE, Case, read_cases

SEED = 20260115
SIDE = _lungs.SIDE
VARIANTS = 12
N_MODES = 20
FOLDS = 5
#: Ridge by stage, in units of the number of examples: chosen on the folds below.
RIDGE_COARSE, RIDGE_STAGES, RIDGE_LOCAL, RIDGE_EDGE, RIDGE_TRUST = 2.0, (2.0, 2.0, 4.0, 12.0), 5.0, 1.0, 0.003
#: What makes an outline good: Dice of each lung; and borders of the heart: error of the cardiothoracic ratio.
GOOD_DICE, GOOD_RATIO = 0.88, 0.05
TARGET = Path(__file__).resolve().parent.parent / "ecg_engine" / "radiograph" / "anatomy_prior.npz"

Floats = NDArray[np.float32]


# ------------------------------------------------------------------------------------------------------------ examples


@dataclass(eq=False)
class Example:
    """A varied small picture with its marks; `heart` is the mask on the small picture, or None."""

    case: Case
    contrast: Floats
    mask: NDArray[np.bool_]
    marks: Floats
    heart: Floats | None


def vary(case: Case, count: int, rng: np.random.Generator) -> list[Example]:
    """Return `count` examples: the image as it is, then turned, scaled, shifted, cut and of other greys."""
    half = case.square.reshape(256, 2, 256, 2).mean((1, 3))
    top, left, rows, columns = (value / 2 for value in case.inside)
    mask = np.zeros((256, 256), np.float32)
    mask[round(top) : round(top + rows), round(left) : round(left + columns)] = 1
    heart = None if case.heart is None else case.heart.reshape(256, 2, 256, 2).mean((1, 3))
    out = []
    for n in range(count):
        matrix, offset = 2 * np.eye(2), np.array([0.5, 0.5])
        if n:
            angle = np.deg2rad(rng.normal(0, 4))
            factor = np.exp(rng.normal(0, 0.10) + rng.normal(0, 0.03, 2))
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            matrix = 2 * turn @ np.diag(1 / factor)
            offset = 127.5 - matrix @ (63.5 + rng.normal(0, 8, 2))

        def moved(picture: Floats, matrix: Floats = matrix, offset: Floats = offset) -> Floats:
            return ndimage.affine_transform(picture, matrix, offset, order=1, output_shape=(SIDE, SIDE))

        seen = moved(mask) > 0.5
        picture = moved(half)
        if n and rng.random() < 0.3:
            a, b, c, d = rng.integers(0, 12, 4)
            cut = np.zeros_like(seen)
            cut[a : SIDE - b, c : SIDE - d] = True
            seen &= cut
        if n:
            picture = np.clip(picture, 0, 1) ** np.exp(rng.normal(0, 0.3))
        marks = (((case.marks - 0.5) / 2 - offset) @ np.linalg.inv(matrix).T).astype(np.float32)
        contrast = _lungs.local_contrast(picture.astype(np.float32), seen)
        out.append(Example(case, contrast, seen, marks, None if heart is None else moved(heart)))
    return out


# --------------------------------------------------------------------------------------------------------------- learn


def ridge(features: Floats, wanted: Floats, strength: float) -> LinearMap:
    return _solve(*_sums(features, wanted), strength)


def _sums(features: Floats, wanted: Floats) -> tuple[NDArray[np.float64], ...]:
    x = np.hstack([features, np.ones((len(features), 1), np.float32)])
    return (x.T @ x).astype(np.float64), (x.T @ wanted).astype(np.float64)


def _solve(squares: NDArray[np.float64], products: NDArray[np.float64], strength: float) -> LinearMap:
    penalty = np.full(len(squares), strength * squares[-1, -1])
    penalty[-1] = 0
    weights = np.linalg.solve(squares + np.diag(penalty), products).astype(np.float32)
    return LinearMap(weights[:-1], weights[-1])


def crossed(features: Floats, wanted: Floats, groups: NDArray[np.int64], strength: float) -> tuple[LinearMap, Floats]:
    """Return the map learnt from all, and for each example the outputs of one that has not seen its group."""
    sums = [_sums(features[groups == g], wanted[groups == g]) for g in range(groups.max() + 1)]
    total = [sum(part) for part in zip(*sums, strict=True)]
    out = np.empty_like(wanted)
    for g, (squares, products) in enumerate(sums):
        out[groups == g] = _solve(total[0] - squares, total[1] - products, strength)(features[groups == g])
    return _solve(total[0], total[1], strength), out


def groups_of(cases: Iterable[Case], count: int, rng: np.random.Generator) -> dict[str, int]:
    names = sorted({case.patient for case in cases})
    return {names[k]: i % count for i, k in enumerate(rng.permutation(len(names)))}


def learn(examples: Sequence[Example], seed: int) -> dict[str, NDArray]:
    """Return the arrays of the lungs' cascade. Every step learns from outlines by maps that had not seen them."""
    rng = np.random.default_rng(seed)
    of = groups_of((e.case for e in examples), 4, rng)
    groups = np.array([of[e.case.patient] for e in examples])
    true = np.array([e.marks for e in examples]).reshape(len(examples), -1)
    mean = true.mean(0)
    _, values, modes = np.linalg.svd((true - mean)[::3], full_matrices=False)
    modes = modes[:N_MODES].astype(np.float16).astype(np.float32)
    out = {
        "mean": mean.reshape(-1, 2).astype(np.float32),
        "modes": modes.astype(np.float16),
        "mode_sd": (values[:N_MODES] / np.sqrt(len(true[::3]))).astype(np.float32),
    }
    seen = np.array([_lungs.coarse_features(e.contrast) for e in examples])
    linear, guess = crossed(seen, (true - mean) @ modes.T, groups, RIDGE_COARSE)
    _store(out, "coarse", linear)
    marks = (mean + guess @ modes).reshape(len(true), -1, 2)
    # Of the places where the cascade will start, one each.
    marks = np.array([_lungs.starts(m)[rng.integers(7)] for m in marks])
    for stage, strength in enumerate(RIDGE_STAGES):
        seen = np.array(
            [_lungs.stage_features(e.contrast, m[None], stage)[0] for e, m in zip(examples, marks, strict=True)]
        )
        linear, guess = crossed(seen, (true - marks.reshape(len(true), -1)) @ modes.T, groups, strength)
        _store(out, f"stage_{stage}", linear)
        marks = marks + (guess @ modes).reshape(marks.shape)
    seen = np.array([_lungs.local_features(e.contrast, m[None])[0] for e, m in zip(examples, marks, strict=True)])
    left = true.reshape(marks.shape) - marks
    learnt = [crossed(seen[:, i], left[:, i], groups, RIDGE_LOCAL) for i in range(marks.shape[1])]
    _store(out, "local", LinearMap(np.hstack([m.weights for m, _ in learnt]), np.hstack([m.offset for m, _ in learnt])))
    return out


def learn_heart(examples: Sequence[Example], marks: Sequence[Floats]) -> dict[str, NDArray]:
    """Return the filter of the heart's borders and where they lie; no `marks` are of a prior that had seen them."""
    out: dict[str, NDArray] = {}
    greys, borders, beside, ends = [], [], [], []
    for example, found in zip(examples, marks, strict=True):
        if example.heart is not None:
            at = _heart.rows_of(found)
            greys.append(_heart.strips(example.contrast, at))
            borders.append(_true_borders(example.heart, at))
            beside.append(at.beside)
            ends.append(_true_ends(example.heart, found))
    place = np.linspace(0, 1, greys[0].shape[-1])
    known, seen, near_lung = np.array(borders), np.array(greys), np.array(beside)
    out["heart_ends"] = np.nanmean(ends, 0).astype(np.float32)
    there = np.isfinite(known).all(1).mean(0) > 0.5
    index, rows = np.arange(_heart.N_ROWS), np.flatnonzero(there)
    means, sds = [], []
    for side in (0, 1):
        means.append(np.interp(index, rows, np.nanmean(known[:, side][:, there], 0)).astype(np.float32))
        sd = np.interp(index, rows, np.nanstd(known[:, side][:, there], 0))
        sds.append(np.maximum(sd, 0.03).astype(np.float32))
        near = np.abs(place - means[-1][:, None]) < 3 * sds[-1][:, None]
        used = np.isfinite(known[:, side])[..., None] & near & near_lung[:, side]
        wanted = np.exp(-0.5 * ((place - known[:, side][..., None]) / 0.05) ** 2)
        features = np.array([_heart.edge_features(strip, means[-1], sds[-1]) for strip in seen[:, side]])
        linear = ridge(features[used], wanted[used][:, None].astype(np.float32), RIDGE_EDGE)
        out[f"edge_{side}_w"], out[f"edge_{side}_b"] = linear.weights, linear.offset
    out["heart_mean"], out["heart_sd"] = np.array(means), np.array(sds)
    return out


def _true_borders(heart: Floats, at: _heart.Rows) -> NDArray[np.float64]:
    """Return the borders as shares of the way from midline to wall; NaN outside the lower two thirds of the heart."""
    out = np.full((2, _heart.N_ROWS), np.nan)
    heights = np.flatnonzero((heart > 0.5).any(1))
    first = heights[0] + (heights[-1] - heights[0]) / 3
    for i, row in enumerate(at.rows):
        if first <= row <= heights[-1]:
            columns = np.flatnonzero(heart[int(row + 0.5)] > 0.5)
            if len(columns):
                ends = columns[0] - 0.5, columns[-1] + 0.5
                out[:, i] = [(ends[k] - at.midline[i]) / (at.walls[k, i] - at.midline[i]) for k in (0, 1)]
    return np.clip(out, 0, 1)


def _true_ends(heart: Floats, marks: Floats) -> tuple[float, float]:
    """Return where the heart begins and ends, as shares of the lungs' height."""
    heights = np.flatnonzero((heart > 0.5).any(1))
    lungs = marks.reshape(2, -1, 2)
    top = lungs[:, _lungs.APEX, 0].min()
    height = lungs[:, _lungs.MEDIAL, 0].mean() - top
    return (heights[0] - top) / height, (heights[-1] - top) / height


def _store(out: dict[str, NDArray], name: str, linear: LinearMap) -> None:
    scale = np.abs(linear.weights).max(0) / 127 + 1e-12
    out[f"{name}_w"] = np.rint(linear.weights / scale).astype(np.int8)
    out[f"{name}_scale"], out[f"{name}_b"] = scale.astype(np.float32), linear.offset.astype(np.float32)


# --------------------------------------------------------------------------------------------------------------- trust


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)


def logistic(signs: Floats, good: NDArray[np.bool_]) -> LinearMap:
    """Return the penalised logistic regression (Newton), with its inputs' scales worked in."""
    mean, sd = signs.mean(0), signs.std(0) + 1e-6
    x = np.hstack([(signs - mean) / sd, np.ones((len(signs), 1))])
    penalty = RIDGE_TRUST * len(x) * np.diag([1.0] * signs.shape[1] + [0.0])
    w = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        w -= np.linalg.solve((x.T * (p * (1 - p))) @ x + penalty, x.T @ (p - good) + penalty @ w)
    weights = (w[:-1] / sd).astype(np.float32)
    return LinearMap(weights[:, None], np.array([w[-1] - float(weights @ mean)], np.float32))


@dataclass(eq=False)
class Trial:
    """What a prior made of an example that it had not seen."""

    example: Example
    variant: int
    fold: int
    lung_signs: Floats
    heart_signs: Floats
    dices: tuple[float, float]
    heart_dice: float
    ratio: float
    true_ratio: float


def attempt(example: Example, fits: Floats, prior: AnatomyPrior, variant: int, fold: int) -> Trial:
    marks = fits.mean(0)
    heart = _heart.find_heart(example.contrast, marks, prior)
    signs = _trust.signs_of_lungs(example.contrast, example.mask, fits, prior)
    n = _lungs.MARKS_A_LUNG

    def drawn(points: NDArray) -> NDArray[np.bool_]:
        return _lungs.outline_mask(points * 4 + 1.5, SIZE)

    found, true = [drawn(marks[:n]), drawn(marks[n:])], [drawn(example.marks[:n]), drawn(example.marks[n:])]
    shape = drawn(heart.outline)
    ratios, overlap = [float("nan")] * 2, float("nan")
    if example.heart is not None:
        real = np.kron(example.heart > 0.5, np.ones((4, 4), np.bool_))
        overlap = dice(real, shape)
        for k, (lungs, core) in enumerate(((found, shape), (true, real))):
            lines = anatomy.ctr_lines(
                Anatomy(right_lung=lungs[0], left_lung=lungs[1], heart=core, confidence=1.0, method="")
            )
            ratios[k] = lines.heart_width / lines.thorax_width if lines is not None else float("nan")
    return Trial(
        example, variant, fold, signs, _trust.signs_of_heart(heart),
        (dice(found[0], true[0]), dice(found[1], true[1])), overlap, *ratios,
    )  # fmt: skip


def spoilt(example: Example, rng: np.random.Generator) -> list[Example]:
    """Return what no outline may be believed on: upside down, on its side, inverted, noise coarse and fine."""
    noise = [
        ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), s).astype(np.float32) for s in (0.0, rng.uniform(1, 12))
    ]
    greys = [example.contrast[::-1], np.rot90(example.contrast), -example.contrast]
    greys += [_lungs.local_contrast(one, example.mask) for one in noise]
    away = example.marks + 1000
    return [Example(example.case, np.ascontiguousarray(g), example.mask, away, None) for g in greys]


def with_trust(arrays: dict[str, NDArray], trials: Sequence[Trial]) -> dict[str, NDArray]:
    """Add what tells good from bad."""
    known = [t for t in trials if np.isfinite(t.true_ratio)]
    good = np.array([min(t.dices) >= GOOD_DICE for t in trials])
    close = np.array([abs(t.ratio - t.true_ratio) <= GOOD_RATIO for t in known])
    out = dict(arrays)
    for name, linear in (
        ("lung_trust", logistic(np.array([t.lung_signs for t in trials]), good)),
        ("heart_trust", logistic(np.array([t.heart_signs for t in known]), close)),
    ):
        out[f"{name}_w"], out[f"{name}_b"] = linear.weights, linear.offset
    return out


def untrusting(arrays: dict[str, NDArray]) -> AnatomyPrior:
    """Return a prior of what is learnt so far; the rest is empty."""
    names = (f"{name}_{kind}" for name in ("lung_trust", "heart_trust", "edge_0") for kind in ("w", "b"))
    none = {name: np.zeros((1, 1), np.float32) for name in names}
    blank = {n: np.zeros(1, np.float32) for n in ("heart_mean", "heart_sd", "heart_ends")}
    return unpack({**none, **blank, **arrays})


def main() -> None:
    """Learn, say how good it is on what was held out, write the file."""
    rng = np.random.default_rng(SEED)
    cases = read_cases(Path(os.environ["ECG_ENGINE_DATA"]) / "cxr")
    shipped = [case for case in cases if case.may_ship]
    print(f"{len(cases)} images, {len(shipped)} may ship, of {len({c.patient for c in shipped})} patients; "
          f"{sum(c.heart is not None for c in shipped)} with a heart")  # fmt: skip
    examples = [vary(case, VARIANTS, rng) for case in shipped]
    folds = groups_of(shipped, FOLDS, rng)
    lungs, shown = [], []
    for fold in range(FOLDS):
        lungs.append(learn([e for es in examples for e in es if folds[es[0].case.patient] != fold], SEED))
        prior = untrusting(lungs[-1])
        for held in (es for es in examples if folds[es[0].case.patient] == fold):
            tried = list(enumerate(held[: VARIANTS if held[0].heart is not None else 4]))
            tried += [(-1, e) for e in spoilt(held[0], rng)]
            shown += [(fold, k, e, _lungs.fit_lungs(e.contrast, prior)) for k, e in tried]
        print(f"fold {fold} done", flush=True)

    def heart_of(fold: int) -> dict[str, NDArray]:
        known = [(e, fits.mean(0)) for f, _, e, fits in shown if f != fold and e.heart is not None]
        return learn_heart(*zip(*known, strict=True))

    priors = [untrusting({**lungs[fold], **heart_of(fold)}) for fold in range(FOLDS)]
    trials = [attempt(e, fits, priors[fold], k, fold) for fold, k, e, fits in shown]
    said: list[str] = []
    report(trials, said.append)
    print(*said, sep="\n")
    arrays = with_trust({**learn([e for es in examples for e in es], SEED), **heart_of(-1)}, trials)
    np.savez_compressed(TARGET, **arrays)
    TARGET.with_suffix(".toml").write_text(card(shipped, said), "utf-8")
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


def card(shipped: Sequence[Case], said: Sequence[str]) -> str:
    """Return the text that stands beside the prior: what it is, what it was learnt from, how good it is."""
    lines = [
        "# Made by training/anatomy_prior.py; do not edit.",
        'what = "mean outlines of lungs and heart on frontal chest radiographs, their modes, regressions from greys"',
        f'sha256 = "{hashlib.sha256(TARGET.read_bytes()).hexdigest()}"',
        f"seed = {SEED}",
        "# Held out patient by patient; trust, too. Ratio: against the same definition on the drawn outlines.",
        "figures = [",
        *(f'    "{line}",' for line in said),
        "]",
        'left_out = "images marked NC or ND, or of another licence than CC BY, CC BY-SA or none stated; lateral views"',
    ]
    sources = {
        "lung_masks": ("V7 Labs, COVID-19 X-ray dataset: lung outlines over radiographs of public COVID-19 collections",
                       "outlines CC BY 4.0"),
        "chest_anatomy": ("lungs and cardiomediastinum over radiographs of public COVID-19 collections",
                          "outlines CC BY 4.0"),
    }  # fmt: skip
    for folder, (name, licence) in sources.items():
        of = Counter(c.licence or "not stated" for c in shipped if c.name.startswith(folder))
        images = ", ".join(f"{kind}: {count}" for kind, count in sorted(of.items()))
        lines += ["", "[[data]]", f'set = "{folder}"', f'name = "{name}"']
        lines.append(f'licence = "{licence}; images by licence: {images}"')
    return "\n".join(lines) + "\n"


def report(trials: Sequence[Trial], say: Callable[[str], None] = print) -> None:
    """Say how good the held-out outlines are; trust, too, is learnt from the other folds."""
    trust = {}
    for fold in range(FOLDS):
        learnt = with_trust({}, [t for t in trials if t.fold != fold])
        for t in (t for t in trials if t.fold == fold):
            lungs, heart = (
                float(signs @ learnt[f"{name}_w"][:, 0] + learnt[f"{name}_b"][0]) >= 0
                for name, signs in (("lung_trust", t.lung_signs), ("heart_trust", t.heart_signs))
            )
            trust[id(t)] = lungs, lungs and heart
    plain = [t for t in trials if t.variant == 0]
    both = np.array([t.dices for t in plain])
    sure = np.array([trust[id(t)][0] for t in plain])
    say(f"lungs: {len(plain)} images, Dice right {both[:, 0].mean():.3f}, left {both[:, 1].mean():.3f}, "
        f"below 0.85 {(both.mean(1) < 0.85).mean():.3f}; confident {sure.mean():.3f}: {both[sure].mean():.3f}, "
        f"the others {both[~sure].mean():.3f}")  # fmt: skip
    for name, hearts in (
        ("as they are", [t for t in plain if np.isfinite(t.true_ratio)]),
        ("all variants", [t for t in trials if np.isfinite(t.true_ratio)]),
    ):
        true = np.array([t.true_ratio for t in hearts])
        error = np.abs([t.ratio - t.true_ratio for t in hearts])
        sure = np.array([trust[id(t)][1] for t in hearts])
        say(f"heart, {name}: {len(hearts)}, Dice {np.mean([t.heart_dice for t in hearts]):.3f}, ratio error "
            f"{error.mean():.4f} (a constant {np.abs(true - np.median(true)).mean():.4f}); believed {sure.mean():.2f}: "
            f"{error[sure].mean():.4f}, the others {error[~sure].mean():.4f}")  # fmt: skip
    bad = [trust[id(t)][0] for t in trials if t.variant < 0]
    say(f"spoilt and believed: {np.mean(bad):.4f} of {len(bad)}")


if __name__ == "__main__":
    main()
