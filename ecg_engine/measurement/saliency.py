"""Where an ECG model looks: how much its logit falls when a second of a lead is blanked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models import Model

__all__ = ["STEP_S", "Saliency", "most_telling", "occlude"]

#: What is blanked at a time, s: about a beat, as a doctor points at it.
STEP_S: Final = 1.0
#: More runs than these are not made for a picture.
_MOST_RUNS: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Saliency:
    """What blanking does.

    Parameters
    ----------
    start_s : float
        Where the first window begins in the recording, s.
    step_s : float
        Length of a window, s.
    drop : (n_leads, n_windows) array
        By how much the label's logit falls; below 0 where it rises.
    """

    start_s: float
    step_s: float
    drop: NDArray[np.float64]


def occlude(
    model: Model,
    x: NDArray[np.float32],
    extra: Mapping[str, NDArray[np.float32]],
    label: int,
    *,
    duration_s: float,
) -> Saliency | None:
    """Blank each second of each lead in turn, all in one batch (occlusion: Zeiler and Fergus 2014).

    Parameters
    ----------
    model : Model
    x : (1, n_leads, n_samples) array
        Its input: of a longer recording the middle, a shorter one at the beginning.
    extra : mapping of str to array
        Its other inputs; those of the shape of `x` (which samples are known) are blanked too.
    label : int
        Index of the label.
    duration_s : float
        Of the recording, s.

    Returns
    -------
    Saliency or None
        None for a model whose input is no (1, n_leads, n_samples) at a known rate.

    Raises
    ------
    ModelError
        The model fails.

    Notes
    -----
    A blanked sample is 0, the mean of a lead that was band-passed or standardised. What a model takes beside the signal
    stays as it is, so a label that rests on it moves less. ``doi:10.1007/978-3-319-10590-1_53``.
    """
    fs = model.card.fs_hz
    if fs is None or x.ndim != 3 or len(x) != 1:
        return None
    _, n_leads, n = x.shape
    step = round(STEP_S * fs)
    n_windows = math.ceil(min(n, duration_s * fs) / step)
    if not step or not 0 < n_leads * n_windows <= _MOST_RUNS:
        return None
    runs = 1 + n_leads * n_windows
    inputs = {name: np.repeat(values, runs, axis=0) for name, values in {"": x, **extra}.items()}
    blanked = [values for values in inputs.values() if values.shape[1:] == x.shape[1:]]
    for lead in range(n_leads):
        for window in range(n_windows):
            for values in blanked:
                values[1 + lead * n_windows + window, lead, window * step : (window + 1) * step] = 0.0
    logits = model.run_batch(inputs.pop(""), extra=inputs)["logits"][:, label].astype(np.float64)
    return Saliency(
        start_s=max(0.0, (duration_s - n / fs) / 2),
        step_s=step / fs,
        drop=(logits[0] - logits[1:]).reshape(n_leads, n_windows),
    )


def most_telling(model: Model, values: list[float]) -> int | None:
    """Return the index of the highest score that counts and is at its threshold or above; None where there is none."""
    if len(values) != len(model.card.labels):
        raise ModelError(f"{model.card.title}: {len(values)} scores for {len(model.card.labels)} labels")
    counting = [
        i for i, label in enumerate(model.card.labels) if label.report == "default" and values[i] >= label.threshold
    ]
    return max(counting, key=lambda i: values[i], default=None)
