"""How likely each moment of a lead belongs to P, QRS or T: learnt from marks that cardiologists made.

Two small networks look at the lead on an even grid. The first sees the shape around a moment and its place between
the beats; the second sees what the first said around that moment and, at the same time from R, in the neighbouring
beats that are alike: a P wave that is in all of them is one, a wiggle that is in one only is not. The numbers stand in
``wave_scores.npz``, made by ``training/wave_scores.py``; ``wave_scores.toml`` beside it names the data and the figures.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import SCORES, samples
from ecg_engine.errors import ModelError
from ecg_engine.kernels.runs import columns_into, mix_runs_into, open_runs_into, rows_into
from ecg_engine.kernels.smoothing import median_in_place
from ecg_engine.kernels.wave_net import (
    add_rectify_into,
    boxes_into,
    features_into,
    grid_into,
    likeness_into,
    log_odds_into,
    neighbours_into,
    phases_into,
    places_into,
    rectify_into,
    shifted_into,
    usual_swing,
)

__all__ = ["STEP_S", "LeadScores", "Rhythm", "WaveModel", "load_model", "scale_of", "score_lead", "shared"]

_FILE: Final = "wave_scores.npz"
#: Points are scored in pieces of so many, so that what is between stays in the cache.
_PIECE: Final = 4096

#: From one scored point to the next, s.
STEP_S: Final = SCORES.finer * SCORES.fine_s
HALVES, SHIFTS, NEAR_SHIFTS, KEPT, MIXED = (
    np.array(v, np.int64) for v in (SCORES.halves, SCORES.shifts, SCORES.near_shifts, SCORES.kept, SCORES.mixed)
)
TABLE, GAINS = np.array(SCORES.table, np.int64), np.array(SCORES.gains, np.float32)
KEPT_TABLE, KEPT_GAINS = TABLE[KEPT], GAINS[KEPT]
#: Knots of the four numbers that say where a moment is between the beats.
SINCE, UNTIL, SHARE, INTERVAL = (
    np.array(v, np.float64) for v in (SCORES.since_s, SCORES.until_s, SCORES.share, SCORES.interval_s)
)

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Three layers; the first has a table of places beside its weights.

    Parameters
    ----------
    first : (inputs, hidden) array
    places : (knots, hidden) array
    second, third : arrays
    biases : tuple of three arrays
    """

    first: _Floats
    places: _Floats
    second: _Floats
    third: _Floats
    biases: tuple[_Floats, _Floats, _Floats]

    def __call__(self, inputs: _Floats, places: _Floats) -> _Floats:
        """Return the sums of the last layer, without its bias, (4, n), for (inputs, n) features.

        `places` is what `of_places` gives for these points. Where `inputs` has fewer rows than `first`, the rest is in
        `places` already.
        """
        hidden: _Floats = inputs.T @ self.first[: len(inputs)]
        add_rectify_into(places, hidden)
        hidden = hidden @ self.second
        rectify_into(self.biases[1], hidden)
        logits: _Floats = np.dot(self.third.T, hidden.T)
        return logits

    def of_places(
        self, rhythm: Rhythm, start: int, stop: int, more: _Floats | None = None, runs: NDArray[np.int64] | None = None
    ) -> _Floats:
        """Return what the places of points ``start .. stop-1`` between the beats add to the first sums, and the bias.

        `more` are the last inputs, where they are the same at every point. Only points of `runs` (first one and the one
        after the last, from `start` on) have a row, where they are given. What a recording's leads share is kept.
        """
        key = (id(self), start, stop)
        if key in rhythm.kept:
            places = rhythm.kept[key]
        else:
            alone = runs is not None and rhythm.of_one_lead
            every = runs if runs is not None and alone else np.array([[0, stop - start]])
            bias = self.biases[0] if more is None else self.biases[0] + more @ self.first[-len(more) :]
            places = np.empty((int((every[:, 1] - every[:, 0]).sum()), len(bias)), np.float32)
            places_into(
                rhythm.beats, rhythm.usual, STEP_S, start, every, len(every), SINCE, UNTIL, SHARE, INTERVAL,
                self.places, bias, np.empty_like(bias), places,
            )  # fmt: skip
            if alone:
                return places
            if stop - start < _PIECE and not rhythm.of_one_lead:  # a short recording's only piece
                rhythm.kept[key] = places
        if runs is None:
            return places
        some = np.empty((int((runs[:, 1] - runs[:, 0]).sum()), places.shape[1]), np.float32)
        rows_into(places, runs, len(runs), some)
        return some


@dataclass(frozen=True, slots=True, eq=False)
class WaveModel:
    """Both networks; the second is None while it is being learnt."""

    shape: Network
    context: Network | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LeadScores:
    """Log odds of one lead.

    Parameters
    ----------
    odds : (3, n) float32 array
        Of P, QRS and T against the rest, every `STEP_S`.
    lead : (m,) float32 array
        The lead itself, lightly smoothed, in units of its QRS swing, with `SCORES.finer` values for each of them.
    """

    odds: _Floats
    lead: _Floats


@dataclass(frozen=True, slots=True, eq=False)
class Rhythm:
    """R peaks, s; the usual RR, s; how uneven RR is: its median change against its median; what is made of them.

    `of_one_lead` says that no other lead will ask for the same.

    `evenness` are the last inputs of the second network, the same at every point: how uneven RR is, by knots.
    """

    beats: NDArray[np.float64]
    usual: float
    uneven: float
    of_one_lead: bool = False
    evenness: _Floats = field(init=False)
    kept: dict[tuple[int, int, int], _Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        knots = SCORES.irregular
        hats = np.zeros(len(knots), np.float32)
        k = min(bisect_right(knots, self.uneven), len(knots) - 1)
        share = min(max((self.uneven - knots[k - 1]) / (knots[k] - knots[k - 1]), 0.0), 1.0)
        hats[k - 1], hats[k] = 1.0 - share, share
        object.__setattr__(self, "evenness", hats)

    @classmethod
    def of(cls, r_peaks: NDArray[np.int64], fs: float, *, of_one_lead: bool = False) -> Rhythm:
        """Return what the R peaks (samples, at least one) say."""
        beats = r_peaks / fs
        rr = beats[1:] - beats[:-1]
        if not len(rr):
            return cls(beats, SCORES.usual_s, SCORES.irregular[1], of_one_lead)
        usual = float(median_in_place(rr.copy()))
        if len(rr) < 3:
            return cls(beats, usual, SCORES.irregular[1], of_one_lead)
        uneven = float(median_in_place(np.abs(rr[1:] - rr[:-1]))) / max(usual, SCORES.fine_s)
        return cls(beats, usual, uneven, of_one_lead)


@cache
def load_model() -> WaveModel:
    """Return the learnt networks; ModelError where the file is not what is expected."""
    try:
        with files("ecg_engine.detection").joinpath(_FILE).open("rb") as file, np.load(file) as stored:
            return WaveModel(*(_network(stored, name) for name in ("shape", "context")))
    except (OSError, KeyError, ValueError) as exc:
        raise ModelError(f"{_FILE}: cannot be read ({exc}); install the package again") from exc


def _network(stored: np.lib.npyio.NpzFile, name: str) -> Network:
    first, places, second, third, *biases = (
        np.ascontiguousarray(stored[f"{name}_{part}"], np.float32)
        for part in ("first", "places", "second", "third", "bias1", "bias2", "bias3")
    )
    return Network(first, places, second, third, (biases[0], biases[1], biases[2]))


def scale_of(row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> float:
    """Return the usual swing of the QRS, in the lead's unit; 0 where it does not move. `fs` in Hz."""
    if not len(r_peaks):
        return 0.0
    step = max(1, len(r_peaks) // SCORES.swings)
    return float(usual_swing(row, r_peaks, step, samples(SCORES.swing_s, fs), np.empty(len(r_peaks))))


def boxes_of(row: NDArray[np.float64], scale: float, fs: float) -> _Floats:
    """Return the lead on the fine grid, smoothed over each of the widths; `SCORES.pad` points more at both ends."""
    n = int((len(row) - 1) / fs / SCORES.fine_s) + 1
    grid = np.empty(n + 2 * SCORES.pad, np.float32)
    grid_into(row, SCORES.fine_s * fs, float(row.mean()), scale, SCORES.pad, grid)
    boxes = np.empty((len(HALVES), len(grid)), np.float32)
    boxes_into(grid, HALVES, boxes)
    return boxes


def lead_of(boxes: _Floats, box: int) -> _Floats:
    """Return one of the smoothed leads without what was added at its ends."""
    return np.ascontiguousarray(boxes[box, SCORES.pad : boxes.shape[1] - SCORES.pad])


def points_of(boxes: _Floats, step: int) -> int:
    """Return how many points of a lead there are when every `step`-th is taken."""
    return (int(boxes.shape[1]) - 2 * SCORES.pad + step - 1) // step


def phases_of(boxes: _Floats, step: int) -> _Floats:
    """Return the smoothed leads dealt out for reading every `step`-th point."""
    if step == 1:
        return boxes
    phases = np.empty((len(boxes) * step, -(-boxes.shape[1] // step)), np.float32)
    phases_into(boxes, step, phases)
    return phases


def shape_features(phases: _Floats, start: int, stop: int, step: int) -> _Floats:
    """Return what the first network sees of points ``start .. stop-1``, `step` fine ones apart: (features, points)."""
    out = np.empty((len(TABLE), stop - start), np.float32)
    features_into(phases, TABLE, GAINS, SCORES.pad + step * start, step, out)
    return out


def shape_odds(phases: _Floats, n: int, rhythm: Rhythm, network: Network) -> _Floats:
    """Return the log odds of `n` points by the first network, (3, n)."""
    odds = np.empty((3, n), np.float32)
    for start in range(0, n, _PIECE):
        stop = min(n, start + _PIECE)
        inputs = shape_features(phases, start, stop, SCORES.finer)
        log_odds_into(network(inputs, network.of_places(rhythm, start, stop)), network.biases[2], start, odds)
    return odds


def neighbourhood(odds: _Floats, boxes: _Floats, rhythm: Rhythm) -> tuple[_Floats, _Floats]:
    """Return what the second network draws on: bent log odds (3, n), those of the neighbours (6, n)."""
    bent: _Floats = np.tanh(odds * np.float32(1 / SCORES.bend))
    near = np.empty((6, bent.shape[1]), np.float32)
    before, after = (round(s / SCORES.fine_s) for s in SCORES.alike_s)
    beats = rhythm.beats / STEP_S
    alike = np.empty((len(beats), SCORES.near))
    likeness_into(
        lead_of(boxes, 0), beats, SCORES.finer, SCORES.near, before, after, SCORES.unlike,
        np.empty((len(beats), before + after + 1)), alike,
    )  # fmt: skip
    neighbours_into(bent, alike, beats, SCORES.near, SCORES.least_weight, near)
    return bent, near


def context_features(bent: _Floats, near: _Floats, phases: _Floats, start: int, stop: int) -> _Floats:
    """Return what the second network sees of ``start .. stop-1``, but for `Rhythm.evenness`: (features, points)."""
    own, others = len(bent) * len(SHIFTS), len(near) * len(NEAR_SHIFTS)
    out = np.empty((own + others + len(KEPT), stop - start), np.float32)
    shifted_into(bent, SHIFTS, start, 0, out)
    shifted_into(near, NEAR_SHIFTS, start, own, out)
    features_into(phases, KEPT_TABLE, KEPT_GAINS, SCORES.pad + SCORES.finer * start, SCORES.finer, out[own + others :])
    return out


def mix_context(odds: _Floats, boxes: _Floats, phases: _Floats, rhythm: Rhythm, network: Network) -> None:
    """Make `odds` (3, n), in place, those of both networks; where the first is sure of no P or T it is not asked."""
    bent, near = neighbourhood(odds, boxes, rhythm)
    runs = np.empty((_PIECE // 2, 2), np.int64)
    for start in range(0, odds.shape[1], _PIECE):
        stop = min(odds.shape[1], start + _PIECE)
        count, points = open_runs_into(odds, MIXED, start, stop, SCORES.closed, runs)
        if not count:
            continue
        every = context_features(bent, near, phases, start, stop)
        some = network.of_places(rhythm, start, stop, rhythm.evenness, runs[:count])
        inputs = np.empty((len(every), points), np.float32)
        columns_into(every, runs, count, inputs)
        second = np.empty((len(odds), points), np.float32)
        log_odds_into(network(inputs, some), network.biases[2], 0, second)
        mix_runs_into(second, MIXED, runs, count, start, odds)


def score_lead(
    row: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    fs: float,
    *,
    rhythm: Rhythm | None = None,
    model: WaveModel | None = None,
) -> LeadScores | None:
    """Return the log odds of one lead.

    Parameters
    ----------
    row : (n_samples,) float64 array
        Any unit; no NaN.
    r_peaks : (n_beats,) int64 array
        At least one.
    fs : float
        Hz.
    rhythm : Rhythm, optional
        What the R peaks say, where it is known already.
    model : WaveModel, optional
        The learnt one where it is None.

    Returns
    -------
    LeadScores or None
        None where the lead does not move around its R peaks.

    Notes
    -----
    P and T are the mean of what both networks say, the QRS is what the first, finer one says, and so are P and T where
    it is sure that there is neither.
    """
    model = load_model() if model is None else model
    scale = scale_of(row, r_peaks, fs)
    if scale <= 0.0:
        return None
    rhythm = Rhythm.of(r_peaks, fs, of_one_lead=True) if rhythm is None else rhythm
    boxes = boxes_of(row, scale, fs)
    phases = phases_of(boxes, SCORES.finer)
    odds = shape_odds(phases, points_of(boxes, SCORES.finer), rhythm, model.shape)
    if model.context is not None:
        mix_context(odds, boxes, phases, rhythm, model.context)
    return LeadScores(odds, lead_of(boxes, 1))


def shared(scores: list[LeadScores | None]) -> list[LeadScores | None]:
    """Return the log odds of simultaneous leads, each with its share of the mean of all: a wave is in all of them.

    Leads that do not move (None) stay so.
    """
    moving = [one.odds for one in scores if one is not None]
    if len(moving) < 2:
        return scores
    share = np.array(SCORES.shared, np.float32)[:, None]
    mean = share * np.mean(moving, axis=0)
    return [None if one is None else LeadScores((1 - share) * one.odds + mean, one.lead) for one in scores]
