"""What tells a ventricular beat from the patient's own: shape, width, T wave, timing, by beat and by group of beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import CLASSES
from ecg_engine.kernels.beat_groups import group_beats_into, likeness_into

_Floats = NDArray[np.float64]

#: Beats are compared at this rate, Hz: a QRS has little above 40 Hz.
_FS: Final = 125.0
#: A beat's cut reaches so far before and after R, in samples at that rate; it may be moved by so many.
_BEFORE, _AFTER, _REACH = 38, 60, 5
#: Its QRS: 96 ms before R to 144 ms after it.
_QRS: Final = slice(-12, 18)
#: Moves tried where two groups' shapes are compared.
_TRIED: Final = 3
_TINY: Final = 1e-12
#: Values are held inside this.
_LIMIT: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class BeatFeatures:
    """Features of each beat: `table` (n_beats, n_features) in the order of ``CLASSES.weights``.

    `group` numbers the group of beats of one shape that each is in; `like` is its correlation to the dominant one.
    """

    table: _Floats
    group: NDArray[np.int64]
    like: _Floats


def beat_features(signal: _Floats, r_peaks: NDArray[np.int64], fs: float) -> BeatFeatures:
    """Return the features of beats.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        Any unit, no NaN.
    r_peaks : (n_beats,) int64 array
        At least three.
    fs : float
        Hz.

    Returns
    -------
    BeatFeatures
        None depends on the unit, a lead's polarity or the leads' order.
    """
    cuts = _weighed(_cut(signal, r_peaks, fs))
    n, n_leads, _ = cuts.shape
    rr = np.full(n, np.nan)
    rr[1:] = np.diff(r_peaks) / fs
    start, width = _BEFORE + _QRS.start, _QRS.stop - _QRS.start
    rows = np.ascontiguousarray(cuts.reshape(n, -1))
    shapes, work = np.zeros((CLASSES.most_groups, n_leads * width)), np.empty(n_leads * width)
    fine, shift = np.empty(n, np.int64), np.empty(n, np.int64)
    used = group_beats_into(rows, n_leads, start, _REACH, CLASSES.alike, CLASSES.adapt, shapes, work, fine, shift)
    joined = _joined(shapes[:used].reshape(used, n_leads, width))
    group = joined[fine]
    dominant = _dominant(cuts, group, rr)
    family = np.flatnonzero(joined == dominant)
    family = family[np.argsort(-np.bincount(fine, minlength=used)[family], kind="stable")][: CLASSES.family]
    like, length = np.empty(n), np.empty(n)
    likeness_into(rows, n_leads, start, _REACH, np.ascontiguousarray(shapes[family]), work, like, length)
    at = _REACH + np.arange(cuts.shape[2] - 2 * _REACH)
    beats = np.take_along_axis(cuts, np.broadcast_to((at + shift[:, None])[:, None], (n, n_leads, len(at))), axis=2)
    own = group == dominant
    values = {"like": like, "norm": _against(length, own)}
    values |= _shape(beats, own) | _timing(rr, own) | _neighbours(beats)
    for name in CLASSES.weights:
        if name.startswith("group_"):
            values[name] = _group_median(values[name.removeprefix("group_")], group)
    table = np.column_stack([values[name] for name in CLASSES.weights])
    return BeatFeatures(np.clip(np.nan_to_num(table), -_LIMIT, _LIMIT), group, like)


def _cut(signal: _Floats, r_peaks: NDArray[np.int64], fs: float) -> _Floats:
    """Return the beats, smoothed and at 125 Hz: (n_beats, n_leads, samples)."""
    width = max(1, round(CLASSES.smooth_s * fs))
    at = np.clip(r_peaks[:, None] + np.arange(-_BEFORE - _REACH, _AFTER + _REACH) / _FS * fs, 0, signal.shape[1] - 1)
    before = np.minimum(at.astype(np.int64), max(0, signal.shape[1] - 2))
    after = np.minimum(before + 1, signal.shape[1] - 1)
    part = at - before
    out = np.empty((len(r_peaks), len(signal), at.shape[1]))
    for lead, row in enumerate(signal):
        smooth = _mean(_mean(row, width), width)
        out[:, lead] = smooth[before] * (1 - part) + smooth[after] * part
    return out


def _mean(row: _Floats, width: int) -> _Floats:
    if width == 1:
        return row
    total = np.cumsum(np.pad(row - row.mean(), (width // 2 + 1, width - 1 - width // 2), mode="edge"))
    return np.asarray((total[width:] - total[:-width]) / width)


def _weighed(cuts: _Floats) -> _Floats:
    """Return the leads by their usual QRS, and by how alike their beats are: a noisy lead counts less."""
    qrs = cuts[:, :, _BEFORE + _REACH + _QRS.start : _BEFORE + _REACH + _QRS.stop]
    qrs = qrs - qrs.mean(axis=2, keepdims=True)
    length = np.linalg.norm(qrs, axis=2)
    usual = np.median(length, axis=0)
    middle = np.median(qrs[:: max(1, len(qrs) // 200)], axis=0)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), _TINY)
    alike = np.clip(np.median((qrs * middle).sum(axis=2) / np.maximum(length, _TINY), axis=0), 0.05, 1.0)
    weight = np.where(usual > 0, alike**2 / np.where(usual > 0, usual, 1.0), 0.0)
    return np.asarray(cuts * weight[:, None])


def _joined(shapes: _Floats) -> NDArray[np.int64]:
    """Return for each group the first of those that it is joined with, by single linkage."""
    out = np.arange(len(shapes))
    width = shapes.shape[2]
    for i in range(1, len(shapes)):
        for j in range(i):
            if out[i] != out[j] and any(
                _correlation(shapes[i, :, max(0, t) : width + min(0, t)], shapes[j, :, max(0, -t) : width - max(0, t)])
                >= CLASSES.alike
                for t in range(-_TRIED, _TRIED + 1)
            ):
                out[out == out[i]] = out[j]
    return out


def _correlation(a: _Floats, b: _Floats) -> float:
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    length = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / length if length > 0 else 0.0


def _dominant(cuts: _Floats, group: NDArray[np.int64], rr: _Floats) -> int:
    """Return the patient's own group: large, narrow among the large ones, and not early by habit."""
    centre = _BEFORE + _REACH
    part = cuts[:, :, centre - 14 : centre + 20]
    level = np.median(cuts[:, :, centre - 20 : centre + 26], axis=2, keepdims=True)
    height = np.sqrt(((part - level) ** 2).sum(axis=1))
    width = height.sum(axis=1) / np.maximum(height.max(axis=1), _TINY)
    soon = rr / _running_median(rr, 10) < CLASSES.habit
    names, counts = np.unique(group, return_counts=True)
    widths = np.array([np.median(width[group == g]) for g in names])
    early = np.array([np.mean(soon[(group == g) & ~np.isnan(rr)] if (group == g)[1:].any() else 0.0) for g in names])
    large = counts >= CLASSES.large_share * len(group)
    narrow = widths[large].min() if large.any() else widths.min()
    score = counts * (1 - CLASSES.habit_cost * early) * (narrow / np.maximum(widths, _TINY)) ** 2
    return int(names[np.argmax(score)])


def _shape(beats: _Floats, own: NDArray[np.bool_]) -> dict[str, _Floats]:
    """Return widths, T waves, the P wave and noise; R stands at `_BEFORE`."""
    level = beats[:, :, _BEFORE - 16 : _BEFORE - 8].mean(axis=2, keepdims=True)
    flat = beats - level
    qrs, t = flat[:, :, _BEFORE + _QRS.start : _BEFORE + _QRS.stop], flat[:, :, _BEFORE + 18 : _BEFORE + 48]
    height = np.sqrt((qrs**2).sum(axis=1))
    wide = height.sum(axis=1) / np.maximum(height.max(axis=1), _TINY) / _FS
    p = beats[:, :, _BEFORE - 30 : _BEFORE - 9]
    p = p - p.mean(axis=2, keepdims=True)
    line = np.linspace(-1.0, 1.0, p.shape[2])
    p = p - (p @ line / (line @ line))[..., None] * line
    curve = np.diff(beats, n=2, axis=2)
    quiet = np.concatenate([curve[:, :, _BEFORE - 35 : _BEFORE - 20], curve[:, :, _BEFORE + 38 : _BEFORE + 53]], axis=2)
    noise = np.sqrt((quiet**2).mean(axis=(1, 2)))
    sharp = np.sqrt((curve[:, :, _BEFORE - 12 : _BEFORE + 16] ** 2).mean(axis=(1, 2)))
    return {
        "wide": wide,
        "wide_r": wide - np.median(wide[own]),
        "discordance": _alike(qrs.sum(axis=2), t.sum(axis=2)),
        "t_like": _alike(t.reshape(len(t), -1), np.median(t[own], axis=0).reshape(1, -1)),
        "p_like": _alike(p.reshape(len(p), -1), np.median(p[own], axis=0).reshape(1, -1)),
        "noise": np.log(noise / max(float(np.median(sharp[own])), _TINY) + 1e-3),
    }


def _timing(rr: _Floats, own: NDArray[np.bool_]) -> dict[str, _Floats]:
    between = np.where(own & np.r_[False, own[:-1]], rr, np.nan)
    if np.isfinite(between).sum() < 3:
        between = rr
    usual = _running_median(between, 8)
    usual = np.where(np.isnan(usual), np.nanmedian(between), usual)
    after = np.r_[rr[1:], np.nan]
    change = np.abs(np.diff(np.log(rr), prepend=np.nan))
    return {
        "early": np.log(rr / usual),
        "pause": np.log(after / usual),
        "both": np.log((rr + after) / (2 * usual)),
        "irregular": _running_median(change, 15),
    }


def _neighbours(beats: _Floats) -> dict[str, _Floats]:
    """Return how alike a beat is to the four before and after it, and to the one before it."""
    qrs = beats[:, :, _BEFORE + _QRS.start : _BEFORE + _QRS.stop]
    rows = (qrs - qrs.mean(axis=2, keepdims=True)).reshape(len(qrs), -1)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    at = np.arange(len(rows))
    like = {by: (rows * rows[np.clip(at + by, 0, len(rows) - 1)]).sum(axis=1) for by in (-4, -3, -2, -1, 1, 2, 3, 4)}
    return {"near_like": np.median(list(like.values()), axis=0), "last_like": like[-1]}


def _alike(a: _Floats, b: _Floats) -> _Floats:
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(length, _TINY))


def _against(values: _Floats, own: NDArray[np.bool_]) -> _Floats:
    return np.log(np.maximum(values, _TINY) / max(float(np.median(values[own])), _TINY))


def _running_median(values: _Floats, half: int) -> _Floats:
    """Return the median of the known values within `half` either side; NaN without any."""
    padded = np.pad(values, half, constant_values=np.nan)
    rows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    known = (~np.isnan(rows)).sum(axis=1)
    at = np.arange(len(values))
    low, high = rows[at, np.maximum(0, (known - 1) // 2)], rows[at, np.minimum(2 * half, known // 2)]
    return np.asarray((low + high) / 2)


def _group_median(values: _Floats, group: NDArray[np.int64]) -> _Floats:
    out = np.empty(len(values))
    for g in np.unique(group):
        part = values[group == g]
        part = part[~np.isnan(part)]
        out[group == g] = np.median(part) if len(part) else np.nan
    return out


def group_mean(values: _Floats, group: NDArray[np.int64]) -> _Floats:
    """Return each beat's group's mean."""
    return np.asarray((np.bincount(group, values) / np.maximum(np.bincount(group), 1))[group])
