"""What tells a ventricular beat from the patient's own: shape, width, T wave, timing, by beat and by group of beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import middle, middles
from ecg_engine.detection.laying import spread
from ecg_engine.detection.parameters import CLASSES
from ecg_engine.kernels.beat_groups import group_beats_into, join_groups_into, likeness_into
from ecg_engine.kernels.beat_windows import (
    cut_beats_into,
    lead_widths_into,
    leads_alike_into,
    neighbours_into,
    running_median_into,
    shapes_into,
    t_and_p_alike_into,
    t_and_p_into,
    widths_into,
)

_Floats = NDArray[np.float64]

#: Beats are compared at this rate, Hz: a QRS has little above 40 Hz.
_FS: Final = 125.0
#: A beat's cut reaches so far before and after R, in samples at that rate; it may be moved by so many.
_BEFORE, _AFTER, _REACH = 38, 60, 5
#: R's place in a cut.
CENTRE: Final = _BEFORE + _REACH
#: Its QRS: 96 ms before R to 144 ms after it.
_QRS: Final = slice(-12, 18)
#: Shapes are as long as the QRS and begin, before a move, 136 ms before R: so much more of the P wave takes part.
_SHAPE: Final = _BEFORE + _QRS.start
#: Moves tried where two groups' shapes are compared.
_TRIED: Final = 3
_TINY: Final = 1e-12
#: The usual T and P waves are medians of so many of the patient's own beats, evenly spread.
_VOTERS: Final = 4096
#: Values are held inside this.
_LIMIT: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class BeatFeatures:
    """Features of each beat: `table` (n_beats, n_features) in the order of ``CLASSES.weights``.

    `group` numbers the group of beats of one shape that each is in, `own` says that it is the patient's own; `like` is
    its correlation to the dominant shape. `late_s` is RR less the usual RR, s, `strays` how far the log of RR between
    the patient's own beats lies from the usual one. `rows` (n_beats, n_leads * samples) are the beats' cuts, in which
    R, so that they lie on each other, stands at ``CENTRE + shift``.
    """

    table: _Floats
    group: NDArray[np.int64]
    like: _Floats
    own: NDArray[np.bool_]
    late_s: _Floats
    strays: _Floats
    rows: _Floats
    n_leads: int
    shift: NDArray[np.int64]


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
    n, n_leads = len(r_peaks), len(signal)
    rows = _cut(signal, r_peaks, fs)
    _weigh(rows, n_leads)
    rr = np.full(n, np.nan)
    rr[1:] = np.diff(r_peaks) / fs
    start, width = _SHAPE, _QRS.stop - _QRS.start
    shapes, work = np.zeros((CLASSES.most_groups, n_leads * width)), np.empty(n_leads * width)
    fine, shift = np.empty(n, np.int64), np.empty(n, np.int64)
    used = group_beats_into(rows, n_leads, start, _REACH, CLASSES.alike, CLASSES.adapt, shapes, work, fine, shift)
    joined = np.empty(used, np.int64)
    join_groups_into(shapes[:used], n_leads, _TRIED, CLASSES.alike, joined)
    group = joined[fine]
    dominant = _dominant(rows, n_leads, group, rr)
    family = np.flatnonzero(joined == dominant)
    family = family[np.argsort(-np.bincount(fine, minlength=used)[family], kind="stable")][: CLASSES.family]
    like, length = np.empty(n), np.empty(n)
    likeness_into(rows, n_leads, start, _REACH, np.ascontiguousarray(shapes[family]), like, length)
    own = group == dominant
    values = {"like": like, "norm": _against(length, own)}
    values |= _shape(rows, n_leads, shift, own) | _timing(rr, own) | _neighbours(rows, n_leads, shift)
    values["lead_wide"] = _narrower_leads(rows, n_leads, shift, own, values["wide_r"])
    for name in CLASSES.weights:
        if name.startswith("group_"):
            values[name] = _group_median(values[name.removeprefix("group_")], group)
    table = np.column_stack([values[name] for name in CLASSES.weights])
    return BeatFeatures(
        table=np.clip(np.nan_to_num(table), -_LIMIT, _LIMIT),
        group=group,
        like=like,
        own=own,
        late_s=values["late_s"],
        strays=values["strays"],
        rows=rows,
        n_leads=n_leads,
        shift=shift,
    )


def _cut(signal: _Floats, r_peaks: NDArray[np.int64], fs: float) -> _Floats:
    """Return the beats, smoothed and at 125 Hz: (n_beats, n_leads * samples)."""
    steps = np.arange(-_BEFORE - _REACH, _AFTER + _REACH) / _FS * fs
    out = np.empty((len(r_peaks), len(signal) * len(steps)))
    cut_beats_into(np.ascontiguousarray(signal), r_peaks, steps, max(1, round(CLASSES.smooth_s * fs)), out)
    return out


def _weigh(rows: _Floats, n_leads: int) -> None:
    """Weigh, in place, the leads by their usual QRS, and by how alike their beats are: a noisy lead counts less."""
    n = len(rows)
    start, stop = CENTRE + _QRS.start, CENTRE + _QRS.stop
    some = rows[:: max(1, n // 200)].reshape(-1, n_leads, rows.shape[1] // n_leads)[:, :, start:stop]
    shape = middles((some - some.mean(axis=2, keepdims=True)).transpose(1, 2, 0))
    shape /= np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), _TINY)
    length, alike = np.empty((n, n_leads)), np.empty((n, n_leads))
    leads_alike_into(rows, start, stop, shape, length, alike)
    usual = middles(length.T)
    clear = np.clip(middles(alike.T), 0.05, 1.0)
    weight = np.where(usual > 0, clear**2 / np.where(usual > 0, usual, 1.0), 0.0)
    rows *= np.repeat(weight, rows.shape[1] // n_leads)


def _dominant(rows: _Floats, n_leads: int, group: NDArray[np.int64], rr: _Floats) -> int:
    """Return the patient's own group: large, narrow among the large ones, and not early by habit."""
    width = np.empty(len(rows))
    widths_into(rows, n_leads, CENTRE, width)
    soon = rr / _running_median(rr, 10) < CLASSES.habit
    names, counts = np.unique(group, return_counts=True)
    widths = np.array([middle(width[group == g]) for g in names])
    early = np.array([np.mean(soon[(group == g) & ~np.isnan(rr)] if (group == g)[1:].any() else 0.0) for g in names])
    large = counts >= CLASSES.large_share * len(group)
    narrow = widths[large].min() if large.any() else widths.min()
    score = counts * (1 - CLASSES.habit_cost * early) * (narrow / np.maximum(widths, _TINY)) ** 2
    return int(names[np.argmax(score)])


def _shape(rows: _Floats, n_leads: int, shift: NDArray[np.int64], own: NDArray[np.bool_]) -> dict[str, _Floats]:
    """Return widths, T waves, the P wave and noise."""
    shape = np.empty((len(rows), 4))
    shapes_into(rows, n_leads, CENTRE, shift, shape)
    wide, discordance, noise, sharp = (np.ascontiguousarray(column) for column in shape.T)
    wide /= _FS
    voters = spread(np.flatnonzero(own), _VOTERS)
    waves = np.empty((len(voters), n_leads * 51))
    t_and_p_into(rows[voters], n_leads, CENTRE, shift[voters], waves)
    alike = np.empty((len(rows), 2))
    t_and_p_alike_into(rows, n_leads, CENTRE, shift, middles(waves.T), alike)
    return {
        "wide": wide,
        "wide_r": wide - middle(wide[own]),
        "discordance": discordance,
        "t_like": alike[:, 0],
        "p_like": alike[:, 1],
        "noise": np.log(noise / max(middle(sharp[own]), _TINY) + 1e-3),
    }


def _narrower_leads(
    rows: _Floats, n_leads: int, shift: NDArray[np.int64], own: NDArray[np.bool_], wider_all: _Floats
) -> _Floats:
    """Return how much less each beat is wider than usual, in s, in the narrower half of the leads than in all together.

    An impulse that spreads without the bundles is late in every lead; what is wide in one lead only is its noise. In
    one lead 0.
    """
    if n_leads == 1:
        return np.zeros(len(rows))
    wide = np.empty((len(rows), n_leads))
    lead_widths_into(rows, n_leads, CENTRE, shift, wide)
    wider = np.sort((wide - middles(wide[own].T)) / _FS, axis=1)[:, : (n_leads + 1) // 2]
    return np.asarray(wider.mean(axis=1) - wider_all)


def _timing(rr: _Floats, own: NDArray[np.bool_]) -> dict[str, _Floats]:
    between = np.where(own & np.r_[False, own[:-1]], rr, np.nan)
    if np.isfinite(between).sum() < 3:
        between = rr
    usual = _running_median(between, 8)
    usual = np.where(np.isnan(usual), np.nanmedian(between), usual)
    after = np.r_[rr[1:], np.nan]
    change = np.abs(np.diff(np.log(rr), prepend=np.nan))
    strays = _running_median(np.abs(np.log(between / usual)), 40)
    return {
        "early": np.log(rr / usual),
        "late_s": rr - usual,
        "strays": np.where(np.isnan(strays), np.nanmedian(strays), strays),
        "pause": np.log(after / usual),
        "both": np.log((rr + after) / (2 * usual)),
        "irregular": _running_median(change, 15),
    }


def _neighbours(rows: _Floats, n_leads: int, shift: NDArray[np.int64]) -> dict[str, _Floats]:
    """Return how alike a beat is to the four before and after it, and to the one before it."""
    n = len(rows)
    back = np.empty((n, 5))
    neighbours_into(rows, n_leads, CENTRE, shift, back)
    at = np.arange(n)
    # At either end the first or last beat stands for those that are missing.
    like = {by: back[at, at - np.maximum(at - by, 0)] for by in (1, 2, 3, 4)}
    for by in (1, 2, 3, 4):
        later = np.minimum(at + by, n - 1)
        like[-by] = back[later, later - at]
    return {"near_like": middles(np.array(list(like.values())).T), "last_like": like[1]}


def _against(values: _Floats, own: NDArray[np.bool_]) -> _Floats:
    return np.log(np.maximum(values, _TINY) / max(middle(values[own]), _TINY))


def _running_median(values: _Floats, half: int) -> _Floats:
    """Return the median of the known values within `half` either side; NaN without any."""
    out = np.empty(len(values))
    running_median_into(np.ascontiguousarray(values), half, out)
    return out


def _group_median(values: _Floats, group: NDArray[np.int64]) -> _Floats:
    of = np.full(int(group.max()) + 1, np.nan)
    for g in np.unique(group):
        part = values[group == g]
        part = part[~np.isnan(part)]
        if len(part):
            of[g] = middle(part)
    return of[group]


def group_mean(values: _Floats, group: NDArray[np.int64]) -> _Floats:
    """Return each beat's group's mean."""
    return np.asarray((np.bincount(group, values) / np.maximum(np.bincount(group), 1))[group])
