"""Onset, peak and offset of P, QRS and T: in each lead, and over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import filled_leads_of, marks_of, median_of_many, middles, smooth_leads
from ecg_engine.detection.blocked_p import blocked_p_peaks
from ecg_engine.detection.parameters import QRS, SCORES, WAVES, samples
from ecg_engine.detection.wave_inputs import STEP_S, Rhythm
from ecg_engine.detection.wave_scores import LeadScores, WaveModel, score_lead, shared
from ecg_engine.kernels.agreement import combine_marks_into
from ecg_engine.kernels.beats import swings_into
from ecg_engine.kernels.wave_edges import EdgeShares, lead_marks_into
from ecg_engine.kernels.wave_spans import BENDS, SpanLimits
from ecg_engine.kernels.waves import WaveShares, delineate_lead_into
from ecg_engine.types import ABSENT, Delineation, LeadMarks
from ecg_engine.types.marks import MARK_NAMES
from ecg_engine.types.recording import check_fs

#: Beats that are looked at, and s of the signal, to judge how clear a lead is.
_BEATS_JUDGED: Final = 50
_NOISE_S: Final = 60.0
#: Global marks are known to such a part of a sample: a median over beats is finer than a sample.
FINER: Final = 8
#: Leads that are smoothed together: as many as the kernel sums side by side; a long block's would not fit the memory.
_TOGETHER: Final = 4


def delineate(ecg: Any, *, fs: float, r_peaks: Any) -> Delineation:
    """Mark P, QRS and T of every beat.

    Parameters
    ----------
    ecg : (n_samples,) or (n_leads, n_samples) array
        mV (any unit will do: thresholds are shares); NaN is a gap. Rows are simultaneous leads.
    fs : float
        Hz.
    r_peaks : (n_beats,) int array
        From `detect_r_peaks`.

    Returns
    -------
    Delineation
        One entry a beat in each mark, `ABSENT` (-1) where there is no such wave. With several leads the marks are
        global: the second earliest onset and the second latest offset of the leads that agree (with fewer than four
        leads the first), and `by_lead` holds each lead's own. `extra_p_peaks` are P waves that no QRS follows, where
        P waves follow each other evenly.

    Raises
    ------
    SignalError
        No samples, infinite or only NaN.
    InputError
        `r_peaks` do not increase, or lie outside the signal.

    Notes
    -----
    Each moment of a lead gets learnt log odds of P, QRS and T (`wave_scores`), as in the networks of Moskalenko et al.
    2019 (doi:10.1007/978-3-030-30425-6_29), but small, told where the R peaks are, and looking at the neighbouring
    beats; a wave is the stretch whose log odds sum to most. Its edges are drawn a little to where its slope dies down,
    as in the method of Martinez et al. 2004 (doi:10.1109/TBME.2003.821031).
    The rule of the second earliest and latest lead: IEC 60601-2-25's global intervals, made proof against one bad lead.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(2000) / 500
    >>> ecg = sum(np.exp(-(((t - at) / 0.01) ** 2)) for at in (1.0, 2.0, 3.0))
    >>> marks = delineate(ecg, fs=500, r_peaks=np.array([500, 1000, 1500]))
    >>> bool((marks.qrs_onset < [500, 1000, 1500]).all()), marks.p_peak.tolist()
    (True, [-1, -1, -1])
    """
    fs = check_fs(fs)
    signal = filled_leads_of(ecg)
    at = marks_of(r_peaks, signal.shape[1])
    marks, _, together, fine = _delineate(signal, at, fs)
    extra = blocked_p_peaks(signal, at, fs, together, fine)
    return replace(marks, extra_p_peaks=extra) if len(extra) else marks


def delineate_finely(ecg: Any, *, fs: float, r_peaks: Any) -> tuple[Delineation, NDArray[np.int64]]:
    """Return what `delineate` does, and the global marks (n_beats, 8) in parts of a sample (`FINER`), or `ABSENT`.

    P waves that no QRS follows are not sought.
    """
    signal = filled_leads_of(ecg)
    marks, fine, *_ = _delineate(signal, marks_of(r_peaks, signal.shape[1]), check_fs(fs))
    return marks, fine


def _delineate(
    signal: NDArray[np.float64], at: NDArray[np.int64], fs: float
) -> tuple[Delineation, NDArray[np.int64], NDArray[np.int64], list[NDArray[np.float32]]]:
    """Return the marks, the global ones (n_beats, 8) in parts of a sample and in samples, and the leads that move.

    These are lightly smoothed, every `SCORES.fine_s`.
    """
    scores: list[LeadScores | None] = [None] * len(signal)
    if len(at):
        rhythm = Rhythm(at / fs)
        scores = shared([score_lead(row, at, fs, rhythm=rhythm) for row in signal])
    leads = [one.lead for one in scores if one is not None]
    # Which lead is clearest tells only where one of two that contradict each other may be believed: of few leads.
    alone = least_agreeing(len(signal)) <= 1
    table, fine = _marks_of(scores, signal, at, fs, alone=alone)
    each = _named(table)
    by_lead = tuple(LeadMarks(**marks) for marks in each)
    if len(signal) == 1:
        return Delineation(**each[0], by_lead=by_lead), fine[0], table[0], leads
    preferred = clearest_first(signal, at, fs) if alone else np.arange(len(table))
    together = combine(table, fs, preferred=preferred)
    finely = combine(fine, FINER * fs, preferred=preferred)
    return Delineation(**_named(together[None])[0], by_lead=by_lead), finely, together, leads


def mark_lead(
    row: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float, *, model: WaveModel | None = None
) -> NDArray[np.int64]:
    """Return the marks of one lead, shape (n_beats, 8), in the order of `MARK_NAMES`; as `score_lead`."""
    table, _ = _marks_of([score_lead(row, r_peaks, fs, model=model)], row[np.newaxis], r_peaks, fs)
    return np.asarray(table[0])


def _marks_of(
    scores: Sequence[LeadScores | None],
    signal: NDArray[np.float64],
    r_peaks: NDArray[np.int64],
    fs: float,
    *,
    alone: bool = True,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the marks (n_leads, n_beats, 8) that the scores of leads give, in samples and in `FINER` parts of them.

    All are `ABSENT` where a lead has none. Where it does not move there is no P and no T: a flat line has no wave,
    whatever the scores. `alone`: each lead may decide for itself.
    """
    shape = (len(signal), len(r_peaks), len(MARK_NAMES))
    table, fine = np.empty(shape, np.int64), np.empty(shape, np.int64)
    work, kept = np.empty(17 * len(r_peaks) + BENDS), np.empty(9 * len(r_peaks), np.int64)
    limits, edges = _limits(), _edge_shares(alone)
    for one, row, marks, finely in zip(scores, signal, table, fine, strict=True):
        if one is None:
            marks[:] = finely[:] = ABSENT
        else:
            lead_marks_into(
                one.odds, one.lead, SCORES.finer, row, SCORES.least_swing, SCORES.p_over, r_peaks, fs * STEP_S, FINER,
                limits, edges, work, kept, marks, finely,
            )  # fmt: skip
    return table, fine


@cache
def _limits() -> SpanLimits:
    return SpanLimits(
        qrs_before=SCORES.qrs_before_s / STEP_S,
        qrs_after=SCORES.qrs_after_s / STEP_S,
        t_reach=SCORES.t_reach_s / STEP_S,
        p_reach=SCORES.p_reach_s / STEP_S,
        p_least=SCORES.p_least,
        t_least=SCORES.t_least,
        t_sure=SCORES.t_sure,
    )


@cache
def _edge_shares(alone: bool) -> EdgeShares:
    """Return how edges are drawn; those of P and QRS where a lead stands `alone`.

    Of many leads the second earliest and latest decide: over LUDB that gains nothing by it but for T.
    """
    (p_near, qrs_near, t_near), (p_share, qrs_share, t_share) = SCORES.slope_near, SCORES.slope_share
    return EdgeShares(
        p_near=float(p_near),
        qrs_near=float(qrs_near),
        t_near=float(t_near),
        p_on_low=WAVES.p_on_low,
        p_off_low=WAVES.p_off_low,
        t_on_low=WAVES.t_on_low,
        t_off_low=WAVES.t_off_low,
        qrs_on_low=WAVES.qrs_on_low,
        qrs_off_low=WAVES.qrs_off_low,
        qrs_high=WAVES.qrs_high,
        qrs_beyond=float(SCORES.qrs_beyond),
        qrs_walk=float(SCORES.qrs_beyond + 1),
        reach=SCORES.slope_reach_s / SCORES.fine_s,
        most=SCORES.slope_most_s / SCORES.fine_s,
        p_share=p_share if alone else 0.0,
        qrs_share=qrs_share if alone else 0.0,
        t_share=t_share,
    )


def mark_leads(
    signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float, *, median: bool = False
) -> NDArray[np.int64]:
    """Return the marks of each lead by rule, shape (n_leads, n_beats, 8), in the order of `MARK_NAMES`.

    The slopes of the smoothed signal stand for the wavelets of Martinez et al. 2004 (doi:10.1109/TBME.2003.821031).
    `signal` (n_leads, n_samples) has no NaN; `median` says that it is a median beat.
    """
    shares = wave_shares(fs, median=median)
    share = WAVES.median_share if median else 1.0
    widths = (share * WAVES.fine_s, share * WAVES.middle_s, share * WAVES.coarse_s)
    table = np.empty((len(signal), len(r_peaks), len(MARK_NAMES)), np.int64)
    for first in range(0, len(signal), _TOGETHER):
        rows = signal[first : first + _TOGETHER]
        centred = rows - np.array([[median_of_many(row)] for row in rows])
        smooth = [smooth_leads(centred, seconds, fs) for seconds in widths]
        rest = np.abs(np.subtract(centred, smooth[0], out=centred), out=centred)
        for k, row in enumerate(rest):
            noise = 1.4826 * median_of_many(row)
            delineate_lead_into(*(one[k] for one in smooth), r_peaks, noise, shares, table[first + k])
    return table


def marks_by_rule(
    signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return global marks (n_beats, 8) and each lead's (n_leads, n_beats, 8) by rule; `signal` has no NaN."""
    each = mark_leads(signal, r_peaks, fs)
    together = each[0] if len(each) == 1 else combine(each, fs, preferred=clearest_first(signal, r_peaks, fs))
    return together, each


def with_p_of(marks: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `marks`, (..., 8), with the P waves of `other`: one that reaches into the QRS ends where it begins."""
    onset = marks[..., 3:4]
    p = other[..., :3]
    kept = (p[..., 1:2] != ABSENT) & ((p[..., 1:2] < onset) | (onset == ABSENT))
    p = np.where(onset == ABSENT, p, np.minimum(p, onset))
    return np.concatenate([np.where(kept, p, ABSENT), marks[..., 3:]], axis=-1)


def wave_shares(fs: float, *, median: bool = False) -> WaveShares:
    """Return the delineation's parameters for a sampling rate: times in samples, shares as they are."""
    shares = WAVES.shares(median=median)
    return WaveShares(*(float(v * fs if name in WAVES.TIMES else v) for name, v in shares.items()))


def _named(table: NDArray[np.int64]) -> list[dict[str, NDArray[np.int64]]]:
    """Return the marks of each lead, (n_leads, n_beats, 8), by name."""
    columns = np.ascontiguousarray(table.transpose(0, 2, 1))
    columns.flags.writeable = False
    return [dict(zip(MARK_NAMES, rows, strict=True)) for rows in columns]


def least_agreeing(n_leads: int, agree_share: float = WAVES.agree_share) -> int:
    """Return how many of the leads must have a wave at one place."""
    return max(1, round(agree_share * n_leads))


def combine(
    table: NDArray[np.int64], fs: float, *, preferred: NDArray[np.int64], agree_share: float = WAVES.agree_share
) -> NDArray[np.int64]:
    """Return one set of marks for the marks of several leads.

    Parameters
    ----------
    table : (n_leads, n_beats, 8) int64 array
    fs : float
        Hz.
    preferred : (n_leads,) int64 array
        Leads, the clearest first: of two that contradict each other the first is believed.
    agree_share : float

    Returns
    -------
    (n_beats, 8) int64 array
        `ABSENT` where fewer than `agree_share` of the leads (and one) have the wave at one place.
    """
    out = np.empty((table.shape[1], len(MARK_NAMES)), np.int64)
    reach = np.array([WAVES.agree_p_s, WAVES.agree_qrs_s, WAVES.agree_t_s]) * fs
    combine_marks_into(np.ascontiguousarray(table), preferred, reach, least_agreeing(len(table), agree_share), out)
    return out


def clearest_first(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """Return the leads in the order of their QRS swing over their own noise.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        No NaN.
    r_peaks : (n_beats,) int64 array
    fs : float
        Hz.

    Returns
    -------
    (n_leads,) int64 array
    """
    half = samples(QRS.locate_s, fs)
    part = r_peaks[:: max(1, len(r_peaks) // _BEATS_JUDGED)]
    if not len(part):
        return np.arange(len(signal))
    heard = signal[:, : samples(_NOISE_S, fs)]
    noise = middles(np.abs(heard[:, 1:] - heard[:, :-1])) if signal.shape[1] > 1 else np.zeros(len(signal))
    swings = np.empty((len(signal), len(part)))
    swings_into(signal, np.ascontiguousarray(part), half, swings)
    clarity = middles(swings) / (noise + 1e-3 * np.maximum(1e-12, swings.max(axis=1)))
    return np.argsort(-clarity, kind="stable").astype(np.int64)
