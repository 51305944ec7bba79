"""How a recording becomes what an ECG model takes: a table of preparations, which cards name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models import ModelCard

__all__ = ["PREPARATIONS", "Prepare", "preparation"]

#: ``prepare(signal, *, fs, measured)``: (n_leads, n_samples) mV in the order of the card's leads, NaN where there is no
#: signal; Hz; quantities of the whole recording by code. It returns the graph's inputs by name, batch axis first.
Prepare: TypeAlias = Callable[..., dict[str, NDArray[np.float32]]]

#: Name on a card to ``module:function``; imported when a model that needs it runs.
PREPARATIONS: Final[Mapping[str, str]] = {
    "millivolts": "ecg_engine.measurement.model_inputs:millivolts",
    "single_lead_100hz": "ecg_engine.measurement.single_lead_input:single_lead_input",
    "twelve_lead_100hz": "ecg_engine.measurement.twelve_lead_input:twelve_lead_input",
    "z_scores": "ecg_engine.measurement.model_inputs:z_scores",
}
#: Those that take the name, rate and length of the input from the card: for models of one's own.
_BY_CARD: Final = frozenset({"millivolts", "z_scores"})
#: A lead of a smaller standard deviation is flat, mV.
_FLAT_MV: Final = 1e-3


def preparation(card: ModelCard) -> Prepare:
    """Return the preparation that a card names.

    Raises
    ------
    ModelError
        There is none of this name, it cannot be had, or it needs what the card does not say.
    """
    name = card.preprocessing
    if name not in PREPARATIONS:
        known = ", ".join(sorted(PREPARATIONS))
        raise ModelError(f"{card.title}: preprocessing {name!r} is none of {known}; write one of them on the card")
    module, _, function = PREPARATIONS[name].partition(":")
    try:
        found: Prepare = getattr(import_module(module), function)
    except (ImportError, AttributeError) as exc:
        raise ModelError(
            f"{card.title}: preprocessing {name!r} is not in this installation; install the package again"
        ) from exc
    if name not in _BY_CARD:
        return found
    if card.fs_hz is None:
        raise ModelError(f"{card.title}: preprocessing {name!r} needs fs_hz under [input]; write it on the card")
    return partial(found, name=card.input_name, fs_hz=card.fs_hz, n_samples=card.input_shape[-1])


def millivolts(
    signal: NDArray[Any], *, fs: float, measured: Mapping[str, float], name: str, fs_hz: float, n_samples: int
) -> dict[str, NDArray[np.float32]]:
    """Return the recording as it is, at the model's rate and length.

    Parameters
    ----------
    signal : (n_leads, n) array
        mV; NaN is a gap, and becomes 0.
    fs : float
        Hz.
    measured : mapping of str to float
        Unused.
    name : str
        Of the graph's input.
    fs_hz : float
        Its rate, Hz.
    n_samples : int
        Its length: the middle of a longer recording, zeros behind a shorter one; 0 keeps all.

    Returns
    -------
    dict of str to (1, n_leads, n_samples) array

    Examples
    --------
    >>> x = np.array([[0.0, np.nan, 2.0, 3.0]])
    >>> millivolts(x, fs=4, measured={}, name="ecg", fs_hz=4, n_samples=2)["ecg"].tolist()
    [[[0.0, 2.0]]]
    """
    return {name: _brought(signal, fs, fs_hz, n_samples)[None].astype(np.float32)}


def z_scores(
    signal: NDArray[Any], *, fs: float, measured: Mapping[str, float], name: str, fs_hz: float, n_samples: int
) -> dict[str, NDArray[np.float32]]:
    """Return each lead in its own standard deviations around its mean; a flat one is 0. Else as `millivolts`."""
    x = _brought(signal, fs, fs_hz, 0)
    sd = x.std(axis=1, keepdims=True)
    x = np.where(sd > _FLAT_MV, (x - x.mean(axis=1, keepdims=True)) / np.maximum(sd, _FLAT_MV), 0.0)
    return {name: _middle(x, n_samples)[None].astype(np.float32)}


def _brought(signal: NDArray[Any], fs: float, fs_hz: float, n_samples: int) -> NDArray[np.float64]:
    wanted = math.ceil(n_samples * fs / fs_hz)
    x = np.asarray(signal)
    if 0 < wanted < x.shape[1]:
        x = _middle(x, wanted)
    x = np.nan_to_num(np.asarray(x, np.float64))
    if fs != fs_hz:
        from scipy.signal import resample_poly

        ratio = Fraction(fs_hz / fs).limit_denominator(1000)
        x = resample_poly(x, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    return _middle(x, n_samples)


def _middle(x: NDArray[Any], n: int) -> NDArray[Any]:
    """Return `n` columns: the middle of more, zeros behind fewer; all where `n` is 0."""
    if not n:
        return x
    start = max(0, (x.shape[1] - n) // 2)
    x = x[:, start : start + n]
    return np.pad(x, ((0, 0), (0, n - x.shape[1])))
