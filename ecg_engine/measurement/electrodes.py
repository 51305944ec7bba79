"""Whether electrodes seem to be exchanged: what P, QRS and T look like from one lead to the next, weighed.

The weights stand in ``electrodes.toml``, made by ``training/electrodes.py`` from recordings whose leads were exchanged
by arithmetic; the figures are beside them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.leads import PRECORDIAL_LEADS, STANDARD_LEADS
from ecg_engine.measurement.lead_measures import LEVEL_S
from ecg_engine.types import ABSENT, MedianBeat

__all__ = ["CHEST_SWAPS", "LIMB_SWAPS", "Weights", "Windows", "chest_features", "limb_features", "load_weights",
           "measure_electrodes", "windows_of"]  # fmt: skip

_FILE: Final = "electrodes.toml"
#: Exchanges of limb electrodes that are weighed (two, or all three in a circle), and the mirrored heart; the value is
#: the quantity that says so.
LIMB_SWAPS: Final = {
    "la_ra": "swap_arms_logit",
    "ra_ll": "swap_arm_leg_logit",
    "la_to_ll": "swap_arm_leg_logit",
    "ra_to_ll": "swap_arm_leg_logit",
    "mirrored": "mirrored_heart_logit",
}
#: Exchanges of chest electrodes: the order in which V1 to V6 stand then.
CHEST_SWAPS: Final[Mapping[str, tuple[int, ...]]] = {
    "v1_v2": (1, 0, 2, 3, 4, 5),
    "v2_v3": (0, 2, 1, 3, 4, 5),
    "v3_v4": (0, 1, 3, 2, 4, 5),
    "v4_v5": (0, 1, 2, 4, 3, 5),
    "v5_v6": (0, 1, 2, 3, 5, 4),
    "v1_v3": (2, 1, 0, 3, 4, 5),
    "v4_v6": (0, 1, 2, 5, 4, 3),
    "all": (5, 4, 3, 2, 1, 0),
}
_I, _II, _V1, _V5, _V6 = 0, 1, 6, 10, 11
#: So much of a wave's usual area is taken as noise of it: the direction of a small wave says little.
_SMALL: Final = 0.06
#: Leads whose angle is less are the same but for noise.
_LEAST_ANGLE: Final = 0.02

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """P (line from onset to offset removed), QRS and ST-T of a median beat, (12, n) each, mV over the PR level.

    `p` is of zeros where there is no P wave.
    """

    p: _Floats
    qrs: _Floats
    t: _Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """One family's classes, weights (n_classes, n_features), what is added, and the least that counts."""

    names: tuple[str, ...]
    weights: _Floats
    offset: _Floats
    least: float

    def log_odds(self, features: _Floats) -> _Floats:
        """Return the log odds of each class against electrodes that are in their places."""
        out: _Floats = self.weights @ features + self.offset
        return out


@cache
def load_weights() -> dict[str, Weights]:
    """Return the weights that ship with the package, of the families ``limb`` and ``chest``."""
    table = tomllib.loads(files("ecg_engine.measurement").joinpath(_FILE).read_text(encoding="utf-8"))
    return {
        family: Weights(
            names=tuple(part["swap"]),
            weights=np.array([row["weights"] for row in part["swap"].values()]),
            offset=np.array([row["offset"] for row in part["swap"].values()]),
            least=float(part["least"]),
        )
        for family, part in table["family"].items()
    }


def windows_of(beat: MedianBeat, rows: Sequence[int], *, has_p: bool) -> Windows | None:
    """Return the waves of the leads at `rows`, None where the QRS has no bounds."""
    onset, j = int(beat.marks.qrs_onset[0]), int(beat.marks.qrs_offset[0])
    if ABSENT in (onset, j) or j - onset < 2:
        return None
    x = beat.signal[list(rows)]
    x = x - x[:, max(0, onset - max(1, round(LEVEL_S * beat.fs))) : onset + 1].mean(axis=1, keepdims=True)
    end = int(beat.marks.t_offset[0])
    if end <= j:
        end = min(x.shape[1] - 1, j + round(0.3 * beat.fs))
    p = np.zeros((len(x), 2))
    start, stop = int(beat.marks.p_onset[0]), int(beat.marks.p_offset[0])
    if has_p and start != ABSENT and stop > start:
        p = x[:, start : stop + 1]
        p = p - p[:, :1] - np.linspace(0.0, 1.0, p.shape[1]) * (p[:, -1:] - p[:, :1])
    return Windows(p=p, qrs=x[:, onset : j + 1], t=x[:, j : end + 1])


def _likeness(a: _Floats, b: _Floats) -> _Floats:
    """Return the cosine of each row of `a` with each of `b`; 0 where a row is of zeros."""
    size = np.sqrt(np.einsum("ij,ij->i", a, a))[:, np.newaxis] * np.sqrt(np.einsum("ij,ij->i", b, b))
    out: _Floats = (a @ b.T) / np.maximum(size, 1e-9)
    return out


def _upright(x: _Floats) -> _Floats:
    """Return the share of the range of each row that is above 0, 0 to 1."""
    high, low = np.maximum(x.max(axis=1), 0.0), np.minimum(x.min(axis=1), 0.0)
    out: _Floats = high / np.maximum(high - low, 1e-9)
    return out


def _net(x: _Floats) -> _Floats:
    """Return the net area of each row over its whole area, -1 to 1."""
    out: _Floats = x.sum(axis=1) / np.maximum(np.abs(x).sum(axis=1), 1e-9)
    return out


def limb_features(w: Windows) -> _Floats:
    """Return where P, QRS and T point in the frontal plane, and how like I, II and III are to V1, V5 and V6.

    Scaling the frontal leads together, or each chest lead by itself, changes nothing.
    """
    out: list[float] = []
    for wave in (w.p, w.qrs, w.t):
        area = wave[:2].sum(axis=1)
        x, y = float(area[_I]), float(2 * area[_II] - area[_I]) / np.sqrt(3.0)
        size = np.hypot(x, y) + _SMALL * float(np.abs(wave[:3]).max()) * wave.shape[1] + 1e-9
        out += [x / size, y / size]
    chest = (_V1, _V5, _V6)
    whole = np.concatenate([w.qrs, w.t], axis=1)
    for part in (whole, w.qrs, w.t, w.p):
        out += _likeness(part[:3], part[list(chest)]).ravel().tolist()
    x, y = w.qrs[_I], (2 * w.qrs[_II] - w.qrs[_I]) / np.sqrt(3.0)
    power = x * x + y * y
    k = int(np.argmax(power))
    size = max(float(np.sqrt(power[k])), 1e-9)
    turn = float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / max(float(power.sum()), 1e-9)
    out += [float(x[k]) / size, float(y[k]) / size, 8 * turn]
    for wave in (w.qrs, w.t, w.p):
        out += _upright(wave[list(chest)]).tolist()
    return np.array(out)


def chest_features(w: Windows) -> _Floats:
    """Return how like each two chest leads are, how upright each is, and how like lead II.

    Scaling each lead by itself changes nothing.
    """
    upper = np.triu_indices(6, 1)
    # The angle's logarithm: neighbours that are alike to 1 % and to 5 % are as far apart as 20 % and 100 %.
    alike = (_likeness(wave[_V1:], wave[_V1:])[upper] for wave in (w.qrs, w.t))
    out = [np.log(np.arccos(np.clip(cosine, -1.0, 1.0)) + _LEAST_ANGLE) for cosine in alike]
    out += [_upright(w.qrs[_V1:]), _net(w.t[_V1:]), _net(w.p[_V1:]), _likeness(w.qrs[_V1:], w.qrs[_II : _II + 1])[:, 0]]
    return np.concatenate(out)


def measure_electrodes(
    beat: MedianBeat | None, *, leads: Sequence[str], usable: Sequence[str], has_p: bool
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Weigh what speaks for exchanged electrodes.

    Parameters
    ----------
    beat : MedianBeat, optional
    leads : sequence of str
        Names of the rows of the median beat.
    usable : sequence of str
        Leads that are measured.
    has_p : bool
        Whether P waves are there.

    Returns
    -------
    overall, by_lead : dict
        Log odds above the limit of the likeliest exchange: of all leads, and of the chest leads that it would move.
        Limb electrodes are judged where I, II, V1, V5 and V6 are usable, chest electrodes where II and V1 to V6 are,
        both in twelve leads.
    """
    if beat is None or not set(STANDARD_LEADS) <= set(leads):
        return {}, {}
    windows = windows_of(beat, [list(leads).index(name) for name in STANDARD_LEADS], has_p=has_p)
    if windows is None:
        return {}, {}
    known = load_weights()
    limb, chest = known["limb"], known["chest"]
    overall: dict[str, float] = {}
    if {"I", "II", "V1", "V5", "V6"} <= set(usable):
        over = limb.log_odds(limb_features(windows)) - limb.least
        for name, value in zip(limb.names, over.tolist(), strict=True):
            code = LIMB_SWAPS[name]
            overall[code] = max(overall.get(code, -np.inf), value)
    if not {"II", *PRECORDIAL_LEADS} <= set(usable):
        return overall, {}
    over = chest.log_odds(chest_features(windows)) - chest.least
    best = int(np.argmax(over))
    moved = [k for k, place in enumerate(CHEST_SWAPS[chest.names[best]]) if place != k]
    return overall, {PRECORDIAL_LEADS[k]: {"swap_logit": float(over[best])} for k in moved}
