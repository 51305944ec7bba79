"""Signs by which good outlines differ from bad ones; the prior's logistic regressions weigh them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.radiograph._heart import Heart
from ecg_engine.radiograph._lungs import APEX, COSTOPHRENIC, MARKS_A_LUNG, MEDIAL, SIDE, sample
from ecg_engine.radiograph._prior import AnatomyPrior

__all__ = ["signs_of_heart", "signs_of_lungs"]

#: How far from a border greys are compared, RMS radii of the outlines.
_BESIDE: Final = 0.1


def signs_of_lungs(
    contrast: NDArray[np.float32], mask: NDArray[np.bool_], fits: NDArray[np.float32], prior: AnatomyPrior
) -> NDArray[np.float32]:
    """Return what tells a good outline of the lungs from a bad one.

    How far the starts ended apart (log), how unusual the shape is (log), by how much it is brighter outside than inside
    at the walls, the domes and the inner borders of the worse lung, the share of the border where it is so, how much
    of the outline lies outside the picture, and the log of the outlines' size against the picture.
    """
    marks = fits.mean(0)
    apart = fits - marks
    radius = float(np.sqrt(((marks - marks.mean(0)) ** 2).sum(1).mean()))
    spread = float(np.sqrt((apart**2).sum(2).mean())) / radius
    modes = (prior.modes @ (marks - prior.mean).ravel()) / prior.mode_sd
    unusual = float(np.sqrt((modes**2).mean()))
    steps = np.stack([_brighter_outside(contrast, lung, radius) for lung in marks.reshape(2, MARKS_A_LUNG, 2)])
    parts = (slice(APEX + 1, COSTOPHRENIC), slice(COSTOPHRENIC + 1, MEDIAL), slice(MEDIAL + 1, MARKS_A_LUNG))
    worse = [float(steps[:, part].mean(1).min()) for part in parts]
    at = np.clip(np.rint(marks), 0, SIDE - 1).astype(np.intp)
    outside = 1.0 - float(mask[at[:, 0], at[:, 1]].mean())
    size = np.log(radius / np.sqrt(mask.sum()))
    return np.array(
        [np.log(spread), np.log(unusual), *worse, float((steps[:, : MEDIAL + 1] > 0).mean()), outside, size], np.float32
    )


def _brighter_outside(contrast: NDArray[np.float32], lung: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    along = np.roll(lung, -1, 0) - np.roll(lung, 1, 0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1) / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-6)
    outward = np.sign(((lung - lung.mean(0)) * normal).sum(1, keepdims=True)) * normal * radius * _BESIDE
    far, near = lung + outward, lung - outward
    return sample(contrast, far[:, 0], far[:, 1]) - sample(contrast, near[:, 0], near[:, 1])


def signs_of_heart(heart: Heart) -> NDArray[np.float32]:
    """Return what tells good borders of the heart from bad ones: their spread (log) and the filter's word for them."""
    return np.array([np.log(heart.spread + 1e-6), heart.evidence], np.float32)
