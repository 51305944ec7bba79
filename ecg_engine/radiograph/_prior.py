"""What is known of a frontal chest before looking: mean outlines, how they vary, how greys tell where they lie.

The numbers stand in ``anatomy_prior.npz``, made by ``training/anatomy_prior.py``; ``anatomy_prior.toml`` beside it
names the images they were learnt from, their licences and the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError

__all__ = ["AnatomyPrior", "LinearMap", "load_prior", "unpack"]

_FILE: Final = "anatomy_prior.npz"

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """Weights (inputs, outputs) and what is added (outputs,)."""

    weights: _Floats
    offset: _Floats

    def __call__(self, features: _Floats) -> _Floats:
        """Return the outputs for (..., inputs) features."""
        out: _Floats = features @ self.weights + self.offset
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnatomyPrior:
    """What `_lungs`, `_heart` and `anatomy` work with.

    Parameters
    ----------
    mean : (n_marks, 2) array
        Mean marks of both lungs, row and column, in pixels of the small picture.
    modes : (n_modes, 2 n_marks) array
        Orthonormal directions in which marks vary together.
    mode_sd : (n_modes,) array
        Standard deviation along each.
    coarse : LinearMap
        From the coarse picture to modes.
    stages : tuple of LinearMap
        From greys about the marks to modes, one stage after the other.
    local : tuple of LinearMap
        From greys about a mark and its neighbours to that mark's own shift, one a mark.
    heart_edge : tuple of LinearMap
        Right and left: from greys about a place to how likely the heart's border is there.
    heart_mean, heart_sd : (2, n_rows) array
        Where the border lies between midline (0) and chest wall (1), and how that varies.
    heart_ends : (2,) array
        Where the heart begins and ends, as shares of the lungs' height below the apices.
    lung_trust, heart_trust : LinearMap
        From signs of a good fit to the logit of confidence.
    """

    mean: _Floats
    modes: _Floats
    mode_sd: _Floats
    coarse: LinearMap
    stages: tuple[LinearMap, ...]
    local: tuple[LinearMap, ...]
    heart_edge: tuple[LinearMap, ...]
    heart_mean: _Floats
    heart_sd: _Floats
    heart_ends: _Floats
    lung_trust: LinearMap
    heart_trust: LinearMap


@cache
def load_prior() -> AnatomyPrior:
    """Return the prior that ships with the package.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    try:
        with (files(__package__) / _FILE).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return unpack({name: stored[name] for name in stored.files})
    except (OSError, KeyError, ValueError) as exc:
        raise ModelError(f"{_FILE}: missing or damaged ({exc}); install ecg_engine again") from exc


def unpack(stored: dict[str, NDArray[Any]]) -> AnatomyPrior:
    """Return the prior of stored arrays: weights have 8 bits and a scale for each output, or are floats without one."""

    def linear(name: str) -> LinearMap:
        weights = stored[f"{name}_w"].astype(np.float32) * stored.get(f"{name}_scale", np.float32(1))
        return LinearMap(weights, stored[f"{name}_b"].astype(np.float32))

    def several(name: str) -> tuple[LinearMap, ...]:
        count = sum(key.startswith(f"{name}_") and key.endswith("_w") for key in stored)
        return tuple(linear(f"{name}_{i}") for i in range(count))

    arrays = {
        name: stored[name].astype(np.float32)
        for name in ("mean", "modes", "mode_sd", "heart_mean", "heart_sd", "heart_ends")
    }
    return AnatomyPrior(
        **arrays,
        coarse=linear("coarse"),
        stages=several("stage"),
        local=_by_mark(linear("local"), len(arrays["mean"])),
        heart_edge=several("edge"),
        lung_trust=linear("lung_trust"),
        heart_trust=linear("heart_trust"),
    )


def _by_mark(joined: LinearMap, count: int) -> tuple[LinearMap, ...]:
    """Return the maps of single marks, which are stored side by side."""
    return tuple(
        LinearMap(np.ascontiguousarray(joined.weights[:, 2 * i : 2 * i + 2]), joined.offset[2 * i : 2 * i + 2])
        for i in range(count)
    )
