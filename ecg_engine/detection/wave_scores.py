"""How likely each moment of a lead belongs to P, QRS or T: learnt from marks that cardiologists made.

A small network of convolutions, a U-Net, looks at the lead on an even grid, told where the R peaks are and what the
lead does at the same time from R in the neighbouring beats that are alike: a P wave that is in all of them is one, a
wiggle that is in one only is not. P and T are what it says; the QRS is what it and a dense network say (`qrs_scores`).
Their numbers stand in ``wave_scores.npz``, made by ``training/wave_scores.py``; ``wave_scores.toml`` beside it names
the data and the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import SCORES
from ecg_engine.detection.qrs_scores import Network, write_qrs_odds
from ecg_engine.detection.wave_inputs import SHARES, Inputs, Rhythm, inputs_of, scale_of
from ecg_engine.errors import ModelError
from ecg_engine.kernels.wave_net import CONVOLVE, CONVOLVE_AND_ADD, DOUBLE, EDGE, HALVE, SEEN, wave_odds_into

__all__ = ["LeadScores", "WaveModel", "layers_of", "load_model", "score_lead", "shared"]

_FILE: Final = "wave_scores.npz"
_CLASSES: Final = 4
_QRS: Final = 1

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WaveModel:
    """The network as `run_plan_into` takes it.

    Parameters
    ----------
    weights : (n,) float32 array
        Weights and biases of each layer, one after the other.
    plan : (steps, 8) int64 array
    rows : tuple of int
        How many rows each level has.
    qrs : Network or None
        The dense network of the QRS; None while it is being learnt.
    """

    weights: _Floats
    plan: NDArray[np.int64]
    rows: tuple[int, ...]
    qrs: Network | None = None

    @classmethod
    def of(cls, weights: _Floats, qrs: Network | None = None) -> WaveModel:
        """Return the network with these weights; ModelError where they are not as many as it has."""
        plan, rows = _plan()
        expected = sum(n_out * (n_in * width + 1) for n_in, n_out, width, _ in layers_of())
        if weights.shape != (expected,):
            raise ModelError(f"{weights.size} weights where the network has {expected}")
        return cls(np.array(weights, np.float32), plan, rows, qrs)


def layers_of() -> list[tuple[int, int, int, int]]:
    """Return rows read, rows written, values of each and how far apart they are, for each layer: down, through, up."""
    c = SCORES.channels
    down = [(SEEN, c[0], 3, 1)]
    for a, b in pairwise(c):
        down += [(a, b, 3, 1), (b, b, 3, 1)]
    down.pop()  # through the lowest level go others
    through = [(c[-1], c[-1], 3, reach) for reach in SCORES.reaches]
    up = [(a + b, a, 3, 1) for a, b in reversed(list(pairwise(c)))]
    return [*down, *through, *up, (c[0], _CLASSES, 1, 0)]


@cache
def _plan() -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Return what is done with which rows, and how many rows each level has.

    Rows of a level: what comes from above (or is seen), what comes of it, what comes back from below, what is kept for
    that moment, and what comes of both.
    """
    c = SCORES.channels
    low = len(c) - 1
    layers = layers_of()
    sizes = [n_out * (n_in * width + 1) for n_in, n_out, width, _ in layers]
    begins = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    steps: list[tuple[int, ...]] = []

    def convolve(level: int, source: int, target: int, *, adds: bool = False) -> None:
        k = sum(step[0] <= CONVOLVE_AND_ADD for step in steps)
        n_in, n_out, _, reach = layers[k]
        steps.append((CONVOLVE_AND_ADD if adds else CONVOLVE, level, source, n_in, target, n_out, reach, begins[k]))

    above = [SEEN, *c[:-1]]
    back = [above[level] + (c[level] if level else 0) for level in range(low)]
    kept = [back[level] + c[level + 1] for level in range(low)]
    both = [kept[level] + c[level] for level in range(low)]
    convolve(0, 0, kept[0])
    for level in range(1, low + 1):
        steps.append((HALVE, level - 1, kept[level - 1], c[level - 1], 0, 0, 0, 0))
        convolve(level, 0, above[level])
        if level < low:
            convolve(level, above[level], kept[level])
    at = above[low]
    for _ in SCORES.reaches:
        convolve(low, at, at + c[low], adds=True)
        at += c[low]
    for level in range(low - 1, -1, -1):
        source = at if level + 1 == low else both[level + 1]
        steps.append((DOUBLE, level + 1, source, c[level + 1], back[level], 0, 0, 0))
        convolve(level, back[level], both[level])
    rows = (*(both[level] + c[level] for level in range(low)), at + c[low])
    return np.array(steps, np.int64), rows


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


@cache
def load_model() -> WaveModel:
    """Return the learnt network; ModelError where the file is not what is expected."""
    try:
        with files("ecg_engine.detection").joinpath(_FILE).open("rb") as file, np.load(file) as stored:
            return WaveModel.of(stored["weights"], _dense(stored))
    except (OSError, KeyError, ValueError) as exc:
        raise ModelError(f"{_FILE}: cannot be read ({exc}); install the package again") from exc


def _dense(stored: np.lib.npyio.NpzFile) -> Network:
    first, places, second, third, *biases = (
        np.ascontiguousarray(stored[f"qrs_{part}"], np.float32)
        for part in ("first", "places", "second", "third", "bias1", "bias2", "bias3")
    )
    return Network(first, places, second, third, (biases[0], biases[1], biases[2]))


def odds_of(inputs: Inputs, rhythm: Rhythm, model: WaveModel) -> _Floats:
    """Return the log odds of P, QRS and T, (3, n), every `STEP_S`."""
    n = inputs.beside.shape[1]
    odds = np.empty((3, n), np.float32)
    for piece in rhythm.pieces(n, len(inputs.over) - 1, model.qrs):
        points = piece.near.shape[1]
        bases = _bases(model.rows, points)
        wave_odds_into(
            inputs.over, inputs.grid, SCORES.pad, piece.near, inputs.beside, piece.first, piece.start, SHARES,
            model.plan, bases, model.weights, np.empty(bases[-1] + _CLASSES * points, np.float32), odds,
        )  # fmt: skip
        if model.qrs is not None:
            row = odds[_QRS, piece.start : piece.stop]
            write_qrs_odds(inputs.phases, piece.start, piece.runs, piece.places, model.qrs, row)
    return odds


@lru_cache(maxsize=16)
def _bases(rows: tuple[int, ...], points: int) -> NDArray[np.int64]:
    """Return where the rows of each level begin in the working array, and where it ends."""
    sizes = [n * ((points >> level) + 2 * EDGE) for level, n in enumerate(rows)]
    return np.cumsum([0, *sizes])


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
        Of these R peaks, where other leads ask for the same.
    model : WaveModel, optional
        The learnt one where it is None.

    Returns
    -------
    LeadScores or None
        None where the lead does not move around its R peaks.

    Notes
    -----
    P and T are what the network of convolutions says, the QRS what it and the dense one say (`qrs_scores`).
    """
    model = load_model() if model is None else model
    scale = scale_of(row, r_peaks, fs)
    if scale <= 0.0:
        return None
    rhythm = Rhythm(r_peaks / fs) if rhythm is None else rhythm
    inputs = inputs_of(row, scale, fs, rhythm)
    return LeadScores(odds_of(inputs, rhythm, model), inputs.lead)


def shared(scores: list[LeadScores | None]) -> list[LeadScores | None]:
    """Return the log odds of simultaneous leads, each with its share of the mean of all: a wave is in all of them.

    Leads that do not move (None) stay so.
    """
    moving = [one.odds for one in scores if one is not None]
    if len(moving) < 2:
        return scores
    share = np.array(SCORES.shared, np.float32)[:, None]
    mean = moving[0].copy()
    for odds in moving[1:]:
        mean += odds
    mean *= share / np.float32(len(moving))
    out: list[LeadScores | None] = []
    for one in scores:
        if one is None:
            out.append(None)
            continue
        own = (1 - share) * one.odds
        own += mean
        out.append(LeadScores(own, one.lead))
    return out
