"""How well scores rank and how true their probabilities are: AUC with intervals, calibration, operating points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecg_engine.errors import InputError

__all__ = [
    "auc",
    "auc_interval",
    "calibration_curve",
    "calibration_error",
    "fit_platt",
    "share_interval",
    "threshold_for_sensitivity",
    "threshold_for_specificity",
]


def _pair(truth: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    y, s = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=np.float64)
    if y.shape != s.shape or y.ndim != 1 or not y.size:
        raise InputError(f"scores: shape {s.shape} for truth of {y.shape}; give two of one length", argument="scores")
    if not np.isfinite(s).all():
        raise InputError("scores: not all finite; leave out what got no score", argument="scores")
    return y, s


def auc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the ROC curve, ties counted half (Mann-Whitney; Hanley and McNeil 1982).

    NaN where one of the classes is absent.

    Parameters
    ----------
    truth : (n,) bool array
    scores : (n,) float array

    Examples
    --------
    >>> auc([False, False, True, True], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y, s = _pair(truth, scores)
    n_true, n_false = int(y.sum()), int((~y).sum())
    if not n_true or not n_false:
        return float("nan")
    _, at, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[at]
    return float((ranks[y].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def auc_interval(
    truth: ArrayLike, scores: ArrayLike, *, groups: ArrayLike | None = None, n_draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the AUC by the bootstrap over groups (patients), percentile method (Efron 1979).

    Parameters
    ----------
    truth : (n,) bool array
    scores : (n,) float array
    groups : (n,) array, optional
        What is drawn as one; None: each row by itself.
    n_draws : int
    seed : int

    Returns
    -------
    (float, float)
        NaN where one of the classes is absent.
    """
    y, s = _pair(truth, scores)
    names, at = np.unique(np.arange(len(y)) if groups is None else np.asarray(groups), return_inverse=True)
    order = np.argsort(at, kind="stable")
    starts = np.searchsorted(at[order], np.arange(len(names) + 1))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(n_draws):
        picked = rng.integers(0, len(names), len(names))
        rows = np.concatenate([order[starts[g] : starts[g + 1]] for g in picked])
        value = auc(y[rows], s[rows])
        if np.isfinite(value):
            drawn.append(value)
    if not drawn:
        return float("nan"), float("nan")
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def calibration_error(truth: ArrayLike, probabilities: ArrayLike, *, n_bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal count (Naeini et al. 2015, AAAI).

    Parameters
    ----------
    truth : (n,) bool array
    probabilities : (n,) float array
    n_bins : int

    Examples
    --------
    >>> calibration_error([True, False, True, False], [0.5, 0.5, 0.5, 0.5], n_bins=1)
    0.0
    """
    y, p = _pair(truth, probabilities)
    parts = np.array_split(np.argsort(p, kind="stable"), min(n_bins, len(p)))
    return float(sum(abs(y[part].mean() - p[part].mean()) * len(part) for part in parts) / len(p))


def calibration_curve(
    truth: ArrayLike, probabilities: ArrayLike, *, n_bins: int = 10
) -> tuple[tuple[float, float, int], ...]:
    """Return mean probability, share that is true, and count of each of the bins of `calibration_error`.

    Examples
    --------
    >>> calibration_curve([False, True, True, True], [0.25, 0.25, 0.75, 0.75], n_bins=2)
    ((0.25, 0.5, 2), (0.75, 1.0, 2))
    """
    y, p = _pair(truth, probabilities)
    parts = np.array_split(np.argsort(p, kind="stable"), min(n_bins, len(p)))
    return tuple((float(p[part].mean()), float(y[part].mean()), len(part)) for part in parts)


def share_interval(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the share ``k / n`` (Wilson 1927, doi:10.1080/01621459.1927.10502953); NaN of none.

    Examples
    --------
    >>> low, high = share_interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if n <= 0:
        return float("nan"), float("nan")
    z = 1.959964
    p = k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)


def fit_platt(truth: ArrayLike, logits: ArrayLike, *, n_steps: int = 100) -> tuple[float, float]:
    """Return slope and intercept that make ``1 / (1 + exp(-(slope * logit + intercept)))`` a probability.

    By Newton's method on the likelihood, with the softened targets of Platt 1999, so that separable data stay finite.

    Parameters
    ----------
    truth : (n,) bool array
    logits : (n,) float array

    Raises
    ------
    InputError
        One of the classes is absent.
    """
    y, x = _pair(truth, logits)
    n_true, n_false = int(y.sum()), int((~y).sum())
    if not n_true or not n_false:
        raise InputError("truth: one of the classes is absent; a calibration needs both", argument="truth")
    target = np.where(y, (n_true + 1) / (n_true + 2), 1 / (n_false + 2))
    design = np.stack([x, np.ones_like(x)], 1)
    weights = np.array([1.0, np.log(n_true / n_false)])
    for _ in range(n_steps):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (p - target)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights -= step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])


def threshold_for_sensitivity(truth: ArrayLike, scores: ArrayLike, sensitivity: float) -> float:
    """Return the highest threshold at which ``score >= threshold`` still finds this share of what is true.

    Parameters
    ----------
    truth : (n,) bool array
    scores : (n,) float array
    sensitivity : float
        0 to 1, more than 0.

    Raises
    ------
    InputError
        Nothing is true, or an impossible share.

    Examples
    --------
    >>> threshold_for_sensitivity([True, True, False, True], [0.2, 0.6, 0.7, 0.9], 0.6)
    0.6
    """
    y, s = _pair(truth, scores)
    if not 0 < sensitivity <= 1:
        raise InputError(f"sensitivity: {sensitivity:g} is not in 0 to 1", argument="sensitivity")
    if not y.any():
        raise InputError("truth: nothing is true; a sensitivity needs something to find", argument="truth")
    positive = np.sort(s[y])[::-1]
    return float(positive[int(np.ceil(sensitivity * len(positive) - 1e-9)) - 1])


def threshold_for_specificity(truth: ArrayLike, scores: ArrayLike, specificity: float) -> float:
    """Return the lowest threshold at which ``score >= threshold`` leaves out this share of what is not true.

    Parameters
    ----------
    truth : (n,) bool array
    scores : (n,) float array
    specificity : float
        0 to 1, more than 0.

    Raises
    ------
    InputError
        Everything is true, or an impossible share.

    Examples
    --------
    >>> t = threshold_for_specificity([False, False, False, False, True], [0.1, 0.2, 0.3, 0.4, 0.35], 0.75)
    >>> 0.3 < t <= 0.4
    True
    """
    y, s = _pair(truth, scores)
    if not 0 < specificity <= 1:
        raise InputError(f"specificity: {specificity:g} is not in 0 to 1", argument="specificity")
    if y.all():
        raise InputError("truth: everything is true; a specificity needs something to leave out", argument="truth")
    negative = np.sort(s[~y])
    highest = negative[int(np.ceil(specificity * len(negative) - 1e-9)) - 1]
    return float(np.nextafter(highest, np.inf))
