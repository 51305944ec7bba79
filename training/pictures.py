"""Pictures that are no chest: drawn limbs, phantoms, pages of text, noise, photographs; and how pictures are varied."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Picture = NDArray[np.float32]
#: Photographs of scikit-image's own data (public domain or CC0 as its README states); others are kept for tests.
PHOTOGRAPHS = ("astronaut", "brick", "camera", "cell", "chelsea", "clock", "coins", "grass", "gravel", "horse", "moon",
               "page", "rocket", "text")  # fmt: skip


def _grid(size: int) -> tuple[Picture, Picture]:
    line = np.linspace(-1, 1, size, dtype=np.float32)
    return np.meshgrid(line, line, indexing="ij")  # type: ignore[return-value]


def _capsule(y: Picture, x: Picture, a: NDArray[np.float64], b: NDArray[np.float64], radius: float) -> Picture:
    """Return the distance of each pixel from the segment `a` to `b`, in radii."""
    d = b - a
    t = np.clip(((y - a[0]) * d[0] + (x - a[1]) * d[1]) / max(float(d @ d), 1e-6), 0, 1)
    # Bones are thicker at their ends.
    wide = radius * (1 + 0.7 * np.abs(2 * t - 1) ** 6)
    return (np.hypot(y - a[0] - t * d[0], x - a[1] - t * d[1]) / wide).astype(np.float32)


def limb(rng: np.random.Generator, size: int) -> Picture:
    """Draw one to twelve bones with a bright cortex in soft tissue: a limb, a joint, or a hand."""
    y, x = _grid(size)
    tissue, bone = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    if rng.random() < 0.4:  # a hand or foot: rays from a common root
        root = np.array([0.6, 0.0]) + rng.uniform(-0.3, 0.3, 2)
        rays = [
            (root, root + rng.uniform(0.8, 1.5) * np.array([-np.cos(a), np.sin(a)]))
            for a in np.linspace(-0.6, 0.6, int(rng.integers(3, 6))) + rng.uniform(-0.2, 0.2)
        ]
        pairs = []
        for a, b in rays:
            cuts = np.sort(rng.uniform(0.2, 0.9, int(rng.integers(1, 4))))
            stops = [0.0, *cuts, 1.0]
            pairs += [(a + (b - a) * (s + 0.02), a + (b - a) * (t - 0.02)) for s, t in pairwise(stops)]
        radius = rng.uniform(0.04, 0.08)
    else:  # a shaft or two, and what meets it at a joint
        joint = rng.uniform(-0.4, 0.4, 2)
        angle = rng.uniform(0, np.pi)
        pairs = []
        for turn in (0.0, np.pi + rng.uniform(-0.7, 0.7)):
            way = np.array([np.cos(angle + turn), np.sin(angle + turn)])
            for k in range(int(rng.integers(1, 3))):
                shift = k * rng.uniform(0.15, 0.3) * np.array([-way[1], way[0]])
                pairs.append((joint + 0.05 * way + shift, joint + rng.uniform(0.9, 2.2) * way + shift))
        radius = rng.uniform(0.08, 0.22)
    for a, b in pairs:
        at = _capsule(y, x, a, b, radius)
        near = _capsule(y, x, a, b, radius * rng.uniform(1.8, 3.2))
        tissue = np.maximum(tissue, np.sqrt(np.clip(1 - near**2, 0, 1)))
        shell = np.exp(-((at - 0.85) ** 2) / 0.02) * 0.6 + 0.5 * np.sqrt(np.clip(1 - at**2, 0, 1))
        bone = np.maximum(bone, shell * (at < 1.1))
    return _finish(rng, rng.uniform(0.15, 0.5) * tissue + rng.uniform(0.4, 0.9) * bone, rng.uniform(0, 0.1))


def phantom(rng: np.random.Generator, size: int) -> Picture:
    """Draw ellipses, wedges and bars of various brightness: a phantom, a skull, a slice."""
    y, x = _grid(size)
    out = np.full((size, size), rng.uniform(0, 0.6), np.float32)
    for _ in range(int(rng.integers(1, 9))):
        c, r = rng.uniform(-0.6, 0.6, 2), rng.uniform(0.05, 0.9, 2)
        a = rng.uniform(0, np.pi)
        u, v = (x - c[1]) * np.cos(a) + (y - c[0]) * np.sin(a), (y - c[0]) * np.cos(a) - (x - c[1]) * np.sin(a)
        level = rng.uniform(-0.7, 0.7)
        if rng.random() < 0.3:
            out += level * ((np.abs(u) < r[0]) & (np.abs(v) < r[1]))
        else:
            at = np.hypot(u / r[0], v / r[1])
            out += level * (
                np.exp(-((at - 1) ** 2) / 0.005) if rng.random() < 0.4 else np.sqrt(np.clip(1 - at**2, 0, 1))
            )
    if rng.random() < 0.3:
        out += rng.uniform(-0.5, 0.5) * (x * np.cos(c[0]) + y * np.sin(c[0]))
    return _finish(rng, out, rng.uniform(0, 0.15))


def noise(rng: np.random.Generator, size: int) -> Picture:
    """Return white to brown noise, or a constant."""
    if rng.random() < 0.1:
        return np.full((size, size), rng.random(), np.float32)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    picture = np.fft.irfft2(spectrum / np.maximum(np.hypot(fy, fx), 1 / size) ** rng.uniform(0, 2), (size, size))
    low, high = np.percentile(picture, [1, 99])
    return np.clip((picture - low) / (high - low), 0, 1).astype(np.float32)


def text_page(rng: np.random.Generator, size: int) -> Picture:
    """Return lines of small dark marks on paper."""
    out = np.ones((size, size), np.float32)
    step, tall = int(rng.integers(6, 18)), int(rng.integers(3, 9))
    for top in range(int(rng.integers(2, 30)), size - tall, step):
        at = int(rng.integers(2, 30))
        while at < size - 12:
            wide = int(rng.integers(2, 12))
            if rng.random() < 0.85:
                out[top : top + tall, at : at + wide] = rng.uniform(0, 0.4)
            at += wide + int(rng.integers(1, 5))
    return out if rng.random() < 0.6 else 1 - out


def photograph_crops() -> list[Picture]:
    """Return grey photographs, as large as they are."""
    from skimage import color, data

    found = []
    for name in PHOTOGRAPHS:
        picture = np.asarray(getattr(data, name)())
        grey = color.rgb2gray(picture[..., :3]) if picture.ndim == 3 else picture / max(float(picture.max()), 1.0)
        found.append(grey.astype(np.float32))
    return found


def crop_of(rng: np.random.Generator, picture: Picture, size: int, low: float, high: float) -> Picture:
    """Return a square of `low` to `high` of the picture's shorter side, resampled."""
    side = max(8, int(min(picture.shape) * rng.uniform(low, high)))
    top, left = (int(rng.integers(0, n - side + 1)) for n in picture.shape)
    part = torch.from_numpy(np.ascontiguousarray(picture[top : top + side, left : left + side]))[None, None]
    mode = {"mode": "area"} if side >= size else {"mode": "bilinear", "align_corners": False}
    return F.interpolate(part, (size, size), **mode)[0, 0].numpy()  # type: ignore[arg-type]


def _finish(rng: np.random.Generator, picture: Picture, grain: float) -> Picture:
    picture = picture + grain * rng.standard_normal(picture.shape)
    low, high = np.percentile(picture, [0.5, 99.5])
    return np.clip((picture - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)


def stretched(square: NDArray[np.uint8], inside: NDArray[np.int64]) -> Picture:
    """Return the square with its picture's 1st and 99th percentile at 0 and 1, as the product's inputs are."""
    from ecg_engine.radiograph.inputs import stretch

    return stretch(square.astype(np.float32) / 255, tuple(int(v) for v in inside))  # type: ignore[arg-type]


def varied(
    pictures: Tensor, rng: np.random.Generator, size: int, *, turn_deg: float, scale: float, shift: float, squash: float
) -> Tensor:
    """Return (n, 1, size, size): each picture turned, scaled, shifted and squashed a little; black beyond its edge."""
    n = len(pictures)
    a = np.deg2rad(rng.uniform(-turn_deg, turn_deg, n))
    s = np.exp(rng.uniform(-scale, scale, n))
    q = np.exp(rng.uniform(-squash, squash, n))
    move = rng.uniform(-shift, shift, (n, 2))
    theta = np.stack(
        [
            np.stack([np.cos(a) * s * q, -np.sin(a) * s, move[:, 0]], 1),
            np.stack([np.sin(a) * s, np.cos(a) * s / q, move[:, 1]], 1),
        ],
        1,
    )
    grid = F.affine_grid(torch.from_numpy(theta.astype(np.float32)), [n, 1, size, size], align_corners=False)
    source = pictures
    if pictures.shape[-1] >= 2 * size:
        source = F.avg_pool2d(pictures, pictures.shape[-1] // size)
    return F.grid_sample(source, grid, align_corners=False)


def toned(pictures: Tensor, rng: np.random.Generator, *, gamma: float, noise_sd: float, blur: float) -> Tensor:
    """Return the pictures through another detector: gamma, gain, offset, grain, and a blur of some."""
    n = len(pictures)

    def each(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32))

    out = pictures.clamp(0, 1) ** torch.exp(each(-gamma, gamma))
    out = out * each(0.8, 1.1) + each(-0.05, 0.08)
    coarse = torch.from_numpy(rng.random(n) < blur)
    if coarse.any():
        small = F.interpolate(out[coarse], scale_factor=float(rng.uniform(0.35, 0.8)), mode="area")
        out[coarse] = F.interpolate(small, out.shape[-2:], mode="bilinear", align_corners=False)
    return (out + each(0, noise_sd) * torch.randn(out.shape)).clamp(0, 1)
