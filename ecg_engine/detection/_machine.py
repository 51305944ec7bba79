"""The machine that finds beats, with its state: the same for a whole recording and for one in pieces."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import QRS, odd_samples, samples
from ecg_engine.kernels.bend import IN_GAP, MOVED, ODD, PLACE
from ecg_engine.kernels.qrs import GROUP, advance_into
from ecg_engine.kernels.rules import (
    BEATS,
    CANDIDATES,
    LAST_R,
    RHYTHM,
    STATE_SIZE,
    TENT,
    BeatRules,
)
from ecg_engine.types.recording import MAX_MV, check_signal


@lru_cache(maxsize=32)
def rules_for(fs: float, floor_mv: float | None) -> tuple[BeatRules, NDArray[np.float64], NDArray[np.float32]]:
    """Return the rules in samples of `fs`, the same as an array, and an arm of the bend's filter: weights of steps."""
    thin = max(1, round(fs / QRS.grid_hz))
    rate = fs / thin

    def within(seconds: float) -> float:
        return float(samples(seconds, rate))

    rules = BeatRules(
        thin=float(thin),
        block=within(QRS.block_s),
        begin=within(QRS.begin_s),
        width=float(odd_samples(QRS.width_s, rate)),
        apart=within(QRS.apart_s),
        top=within(QRS.top_s),
        span=within(QRS.span_s),
        refractory=within(QRS.refractory_s),
        margin=within(QRS.margin_s),
        t_window=within(QRS.t_window_s),
        p_window=within(QRS.p_window_s),
        slope_window=within(QRS.slope_window_s),
        back_reach=within(QRS.back_reach_s),
        split=within(QRS.split_s),
        hold=within(QRS.hold_s),
        together=within(QRS.together_s),
        locate=float(samples(QRS.locate_s, fs)),
        slope=float(samples(QRS.slope_s, fs)),
        sharp=float(samples(QRS.sharp_s, fs)),
        locate_smooth=float(round(QRS.locate_smooth_s * fs)),
        level=float(samples(QRS.level_s, fs)),
        twice=float(samples(QRS.twice_s, fs)),
        threshold=QRS.threshold,
        back_share=QRS.back_share,
        noise_share=QRS.noise_share,
        noise_pace=QRS.noise_pace,
        late=QRS.late,
        t_share=QRS.t_share,
        slope_share=QRS.slope_share,
        slow_share=QRS.slow_share,
        p_share=QRS.p_share,
        low_share=QRS.low_share,
        usual_share=QRS.usual_share,
        soon_share=QRS.soon_share,
        noisy=QRS.noisy,
        noisy_share=QRS.noisy_share,
        sharp_quiet=QRS.sharp_quiet,
        sharp_most=QRS.sharp_most,
        sharp_noise=QRS.sharp_noise,
        strong=QRS.strong,
        least_spread=QRS.least_spread,
        most_spread=QRS.most_spread,
        top_odds=QRS.top_odds,
        noise_odds=QRS.noise_odds,
        height_odds=QRS.height_odds,
        unlikely=QRS.unlikely,
        odd=QRS.odd,
        no_vote=QRS.no_vote,
        floor=0.0 if floor_mv is None else float(floor_mv),
        most=MAX_MV,
    )
    # The tap k stands on the sum of the k first steps to either side: each step has the taps from its own on.
    arms = np.cumsum(bend_taps(rate)[::-1])[::-1].astype(np.float32)
    table = np.array(rules)
    arms.setflags(write=False)
    table.setflags(write=False)
    return rules, table, arms


def bend_taps(rate: float) -> NDArray[np.float64]:
    """Return one arm of the second difference over `lag_s`, smoothed by a triangle, at `rate` Hz; its sum is 1/2."""
    reach = max(1, int(np.ceil((QRS.lag_s + QRS.smooth_s) * rate)) - 1)
    at = np.arange(1, reach + 1) / rate

    def triangle(t: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(0.0, 1.0 - np.abs(t) / QRS.smooth_s)

    arm = triangle(at - QRS.lag_s) + triangle(at + QRS.lag_s) - 2.0 * triangle(at)
    return np.ascontiguousarray(arm / (2.0 * np.abs(arm).sum()))


class Machine:
    """State and buffers of the machine for `n_leads` leads.

    Parameters
    ----------
    n_leads : int
    fs : float
        Hz.
    floor_mv : float or None
    """

    __slots__ = ("_arms", "_arrays", "_memory", "_state", "_table", "_twice")

    def __init__(self, n_leads: int, fs: float, floor_mv: float | None) -> None:
        rules, self._table, self._arms = rules_for(fs, floor_mv)
        reach = len(self._arms)
        room = int(rules.begin + rules.block + 2 * rules.width + 2 * rules.apart) + 4 * reach + 8
        sharp = int(rules.thin) * (int(rules.block) + 2 * int(rules.width) + reach) + 4 * int(rules.sharp)
        self._state = np.zeros(STATE_SIZE + GROUP, np.int64)
        self._state[TENT] = self._state[LAST_R] = -1
        self._memory = np.zeros((n_leads, 4))
        self._memory[:, IN_GAP] = 1.0
        self._arrays = (
            np.zeros((n_leads, room), np.float32),
            np.zeros((n_leads + 2, room), np.float32),
            np.zeros((n_leads + 3, room)),
            np.ones(n_leads),
            np.zeros((n_leads, PLACE + 1)),
            np.zeros((RHYTHM + 1, CANDIDATES)),
            np.empty(max(CANDIDATES, 3 * (2 * int(rules.locate) + 1))),
            np.empty((5, max(room, sharp))),
        )
        self._twice = int(rules.twice)

    @property
    def moved(self) -> tuple[int, ...]:
        """The leads that ever moved."""
        return tuple(i for i, moved in enumerate(self._memory[:, MOVED].tolist()) if moved)

    @property
    def has_gaps(self) -> bool:
        """Whether any sample was NaN."""
        return any(self._memory[:, ODD].tolist())

    def feed(self, x: NDArray[np.float64], base: int, stop: int, *, final: bool) -> NDArray[np.int64]:
        """Return the R peaks that follow from what stands in `x`, whose first sample is `base` of the recording.

        Caller guarantees: `x` holds what came before for `KEPT_S`, and all from there to `stop`. A sample that is
        infinite or no voltage in any unit raises what `check_signal` says of it.
        """
        out = np.empty((stop - base) // self._twice + (GROUP + 1) * BEATS, np.int64)
        count = advance_into(
            x, base, stop, int(final), self._table, self._arms, self._state, self._memory, *self._arrays, out
        )
        if count < 0:
            check_signal(x)
        return out[:count]
