"""The parameters of the waves: of marks by rule, and of learnt scores. The rest of the table is `parameters`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from ecg_engine.kernels.waves import WaveShares

__all__ = ["ScoreParameters", "WaveParameters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveParameters:
    """Delineation. Times in s; the rest are shares of the steepest slope, or of the QRS swing.

    The scheme is that of Martinez et al. 2004 (doi:10.1109/TBME.2003.821031), whose thresholds are shares of the
    wavelet's modulus maxima too. The values were chosen together, once, by random search for small spread and bias of
    the marks over every third record of the Lobachevsky University Database (doi:10.1109/ACCESS.2020.3029211), each
    lead by itself; none is of a lead or a record.
    """

    TIMES: ClassVar[frozenset[str]] = frozenset({
        "qrs_before", "qrs_after", "qrs_quiet", "qrs_walk", "t_begin", "t_reach", "t_lobe",
        "p_reach", "p_end", "p_lobe",
    })  # fmt: skip

    fine_s: float = 0.016  #: smoothing for QRS, each of two moving means
    middle_s: float = 0.02  #: for P
    coarse_s: float = 0.04  #: for T
    qrs_before: float = 0.13  #: farthest QRS onset before R
    qrs_after: float = 0.17  #: farthest QRS offset after R
    qrs_quiet: float = 0.02  #: the slope stays low for so long outside the QRS
    qrs_high: float = 0.1  #: share of the steepest slope that is QRS for sure
    qrs_on_low: float = 0.03
    qrs_off_low: float = 0.08
    qrs_walk: float = 0.015  #: farthest walk from the sure part
    t_begin: float = 0.04  #: T is looked for from so long after the QRS
    t_reach: float = 0.6  #: to so long after R
    t_rr_share: float = 0.68  #: and to this share of RR
    t_lobe: float = 0.08  #: a slope of T lies so near its peak
    t_on_low: float = 0.4
    t_off_low: float = 0.4
    t_second: float = 0.7  #: a second slope at least so steep is part of a biphasic T
    t_min: float = 0.01  #: lowest T against the QRS swing
    p_reach: float = 0.34  #: P is looked for from so long before the QRS
    p_end: float = 0.02  #: to so long before it
    p_lobe: float = 0.05
    p_on_low: float = 0.3
    p_off_low: float = 0.5
    p_min: float = 0.012  #: lowest P against the QRS swing
    p_noise: float = 3.0  #: and against the noise
    median_share: float = 0.4  #: a median beat has less noise: it is smoothed over this share of the times above
    median_p_on_low: float = 0.3  #: and its waves are followed to where they are lower
    median_p_off_low: float = 0.25
    median_t_off_low: float = 0.2
    plain_share: float = 0.4  #: P or T of a median beat is measured in leads where it is so high against the highest
    span_smooth_s: float = 0.004  #: smoothing for the global QRS of a median beat
    span_share: float = 0.0275  #: its QRS is where the leads' common slope is above this share of its greatest
    span_noise: float = 4.0  #: and above so many times its quiet level
    span_noisy: float = 2.5  #: a lead so much noisier than the usual lead does not count in it
    span_quiet_s: float = 0.016  #: with breaks of so long at most
    span_reach_s: float = 0.15  #: no farther from R
    agree_share: float = 0.34  #: so many of the leads must have a wave
    agree_p_s: float = 0.05  #: with their peaks so near their median
    agree_qrs_s: float = 0.05
    agree_t_s: float = 0.08

    def shares(self, *, median: bool = False) -> dict[str, float]:
        """Return what the kernel needs, in its order, for single beats or for a median beat."""
        values = {name: getattr(self, name) for name in WaveShares._fields}
        if median:
            for name in ("p_on_low", "p_off_low", "t_off_low"):
                values[name] = getattr(self, f"median_{name}")
        return values


#: Differences that are looked at, in grid points: (half box, shift, other half box, other shift, gain). Near values
#: against the one here, ever wider boxes farther off; slopes over 16, 48 and 112 ms; this point against those around.
_SEEN: Final = (
    *((0, o, 0, 0, 0.15) for o in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)),
    *((1, o, 0, 0, 0.15) for o in (-13, -10, -7, 7, 10, 13)),
    *((3, o, 0, 0, 0.15) for o in (-34, -26, -18, 18, 26, 34)),
    *((7, o, 0, 0, 0.15) for o in (-62, -46, 46, 62)),
    *((0, o + 1, 0, o - 1, 0.03) for o in (-5, -3, -2, -1, 0, 1, 2, 3, 5)),
    *((1, o + 3, 1, o - 3, 0.05) for o in (-12, -6, 0, 6, 12)),
    *((3, o + 7, 3, o - 7, 0.08) for o in (-30, -16, 0, 16, 30)),
    (0, 0, 7, 0, 0.1),
    (1, 0, 3, 0, 0.03),
)
_HALVES: Final = (0, 1, 3, 7)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreParameters:
    """What the learnt wave scores look at, and how marks are read off them.

    The weights are learnt (``wave_scores.toml``); what stands here was chosen by hand before: four levels see at 62 to
    8 Hz, as the scales 2^1 to 2^5 of Martinez et al. 2004 (doi:10.1109/TBME.2003.821031). The least sums are where as
    many waves were missed as invented over records that the weights had not been learnt from.
    """

    fine_s: float = 0.008  #: the grid on which the lead is seen
    finer: int = 2  #: so many of its points for one that is scored: edges lie between points, by interpolation
    smooth: int = 1  #: the peaks of P and T are looked for in this one of the smoothings
    pad: int = 80  #: points beyond the ends: more than half of the moving mean, and than the farthest shift and its box
    swing_s: float = 0.06  #: the QRS swing is taken within so much of R
    swings: int = 200  #: of so many beats
    wander_s: float = 1.0  #: the moving mean that is taken off: a usual RR
    #: A value that counts half, in QRS swings: R, T and P waves, their edges; and of the slope from point to point.
    gains: tuple[float, float, float, float] = (0.6, 0.15, 0.03, 0.03)
    apart_s: float = 1.5  #: so far away is the beat before the first one and after the last
    near_s: float = 0.05  #: R is near up to so far away
    bend_s: float = 0.4  #: a time since or until R that counts half: T ends about there
    near: int = 6  #: neighbouring beats on each side
    alike_s: tuple[float, float] = (0.064, 0.096)  #: they are compared so much before and after R
    unlike: float = 0.08  #: a mean difference of this share of the QRS swing makes a neighbour count a quarter
    least_weight: float = 0.3  #: the sum of the neighbours' weights at least: fewer alike ones count less
    uneven: float = 0.1  #: a median change of RR by this share counts half: respiration makes less, fibrillation more
    few_uneven: float = 0.02  #: that of fewer than four beats
    halves: tuple[int, ...] = _HALVES  #: half boxes of the smoothings that the dense network sees, in points
    table: tuple[tuple[int, int, int, int], ...] = tuple(
        (_HALVES.index(a), b, _HALVES.index(c), d) for a, b, c, d, _ in _SEEN
    )
    table_gains: tuple[float, ...] = tuple(row[-1] for row in _SEEN)  #: a difference so great counts half
    usual_s: float = 0.8  #: RR of a single beat
    #: Knots of the time since R.
    since_s: tuple[float, ...] = (
        0, 0.02, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.46, 0.54, 0.65, 0.8, 1.1,
    )  # fmt: skip
    #: Of the time until R.
    until_s: tuple[float, ...] = (
        0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.36, 0.45, 0.6, 0.9,
    )  # fmt: skip
    share: tuple[float, ...] = tuple(k / 8 for k in range(9))  #: of the share of RR that is over
    interval_s: tuple[float, ...] = (0.35, 0.5, 0.65, 0.8, 1.0, 1.3, 1.8)  #: of RR
    channels: tuple[int, ...] = (8, 16, 24, 32)  #: of each level, every one at half the rate of the one above
    reaches: tuple[int, ...] = (1, 2, 4)  #: of the layers of the lowest level, in its points (0.128 s)
    dense_share: float = 0.6  #: of the QRS's log odds; the rest is the network of convolutions'
    qrs_before_s: float = 0.16  #: farthest QRS onset before R
    qrs_after_s: float = 0.224  #: farthest offset after R
    t_reach_s: float = 0.72  #: farthest T offset after R
    p_reach_s: float = 0.40  #: farthest P onset before R
    p_least: float = 2.0  #: least sum of log odds over a P wave's points
    p_over: float = 2.0  #: a P wave goes from the line through its ends by so many times the lead's usual bend
    t_least: float = 1.0
    t_sure: float = 0.5  #: least of the greatest log odds in a T wave
    #: Edges of P, QRS, T are drawn by this share of the way to where the slope dies down; by least squares over records
    #: left out it is 0.2 to 0.4 for P and T. A place farther off counts as so far, and the slope is followed so far.
    slope_share: tuple[float, float, float] = (0.3, 0.2, 0.3)
    slope_most_s: float = 0.04
    slope_reach_s: float = 0.064
    slope_near: tuple[int, int, int] = (1, 0, 3)  #: the slope reaches so many points and the next one either way
    qrs_beyond: int = 3  #: the QRS is sought so many points beyond its edge, and followed one farther
    least_swing: float = 0.003  #: a P or T lower than this share of its QRS is a flat line (5 µV at 1.7 mV)
    shared: tuple[float, float, float] = (0.3, 0.2, 0.3)  #: this share of P, QRS, T's log odds is the mean of all leads
