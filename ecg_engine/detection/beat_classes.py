"""Beats by shape and timing: the dominant shape, AAMI classes."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._beat_features import BeatFeatures, beat_features, group_mean
from ecg_engine.detection._prepare import filled_leads_of, marks_of
from ecg_engine.detection.fusion_beats import fusion_beats
from ecg_engine.detection.laying import FIT_S, VOTERS, align, spread
from ecg_engine.detection.pacing import find_pacing_spikes
from ecg_engine.detection.parameters import CLASSES, samples
from ecg_engine.kernels.beat_groups import early_runs_into
from ecg_engine.kernels.beats import snippets_into
from ecg_engine.types.recording import check_fs

#: Beats at least so alike (correlation) are of one shape.
_ALIKE: Final = 0.90
#: So many beats, and intervals, can be compared.
_FEWEST: Final = 3
#: A spike so long before R belongs to the beat, s.
_CAPTURE_S: Final = 0.20


def _likeness(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], fs: float) -> NDArray[np.float64]:
    """Return each beat's QRS, all leads in one row, of unit length."""
    before, after = samples(FIT_S[0], fs), samples(FIT_S[1], fs)
    step = max(1, round(fs / 250))
    width = (before + after) // step
    out = np.empty((len(r_peaks), len(signal) * width))
    snippets_into(signal, r_peaks, before, after, step, out)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.asarray(out / np.where(length > 0, length, 1.0))


def dominant_beats(signal: NDArray[np.float64], *, fs: float, r_peaks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how alike each beat is to the dominant shape, as a correlation.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, no NaN.
    fs : float
        Hz.
    r_peaks : (n_beats,) int64 array

    Returns
    -------
    (n_beats,) float64 array
        The dominant shape is the mean of the largest group of beats that are alike.
    """
    if not len(r_peaks):
        return np.zeros(0)
    shapes = _likeness(signal, align(signal, r_peaks, fs=fs), fs)
    voters = shapes[spread(np.arange(len(shapes)), VOTERS)]
    alike = voters @ voters.T >= _ALIKE
    group = alike[np.argmax(alike.sum(axis=1))]
    template = voters[group].mean(axis=0)
    length = float(np.linalg.norm(template))
    like = np.asarray(shapes @ (template / length if length > 0 else template))
    # A beat cut off by the recording's end is not known to be of another shape.
    whole = (r_peaks >= samples(FIT_S[0], fs)) & (r_peaks + samples(FIT_S[1], fs) < signal.shape[1])
    return np.where(whole, like, np.maximum(like, 1.0))


def classify_beats(ecg: Any, *, fs: float, r_peaks: Any) -> NDArray[np.str_]:
    """Class each beat by ANSI/AAMI EC57: ``N`` ``S`` ``V`` ``F`` ``Q``.

    Parameters
    ----------
    ecg : (n_samples,) or (n_leads, n_samples) array
        mV; NaN is a gap.
    fs : float
        Hz.
    r_peaks : (n_beats,) int array

    Returns
    -------
    (n_beats,) '<U1' array
        ``Q`` are beats behind a pacing spike; ``V`` are those whose shape, width, T wave and timing, against the
        patient's own beat and judged together with the others of their shape, are ventricular; ``F`` are those on the
        rhythm's time whose shape is a sum of the patient's own and of a ventricular one that comes alone too; ``S`` are
        early beats of the patient's own shape, single or in a run; ``N`` the others.

    Raises
    ------
    SignalError, InputError
        As `delineate`.

    Notes
    -----
    Beats are grouped by shape; the patient's own group is the large, narrow one that is not early by habit (so a bundle
    branch block is N). A logistic score of scale-free features says V, to a large part as the mean over the group, as
    in de Chazal and Reilly 2006 (doi:10.1109/TBME.2006.883802) the classes follow the patient's own beats. Where RR
    scatters as in atrial fibrillation nothing is S or F. Junctional escape beats and early beats with aberrant
    conduction (``V``, mostly) are not told apart. With fewer than three beats all are ``N``.
    """
    fs = check_fs(fs)
    signal = filled_leads_of(ecg)
    at = marks_of(r_peaks, signal.shape[1])
    kinds = np.full(len(at), "N", dtype="<U1")
    if not len(at):
        return kinds
    if len(at) >= _FEWEST:
        features = beat_features(signal, at, fs)
        # A beat cut off by the recording's end is not known to be of another shape.
        whole = (at >= samples(FIT_S[0], fs)) & (at + samples(FIT_S[1], fs) < signal.shape[1])
        ventricular = whole & (ventricular_score(features) > CLASSES.threshold)
        own = ~ventricular & (~whole | (features.like >= CLASSES.heart))
        kinds[early_beats(at / fs, own)] = "S"
        kinds[ventricular] = "V"
        kinds[fusion_beats(features, ventricular)] = "F"
    spikes = find_pacing_spikes(signal, fs=fs)
    if spikes.size:
        last = np.searchsorted(spikes, at, side="right") - 1
        before = np.where(last >= 0, at - spikes[np.maximum(last, 0)], at + 1)
        kinds[before <= _CAPTURE_S * fs] = "Q"
    return kinds


def ventricular_score(features: BeatFeatures) -> NDArray[np.float64]:
    """Return each beat's log odds of being V, mostly those of its group."""
    score = features.table @ np.array(list(CLASSES.weights.values())) + CLASSES.offset
    held = np.clip(score, -CLASSES.score_limit, CLASSES.score_limit)
    share = CLASSES.group_share
    return np.asarray((1 - share) * score + share * group_mean(held, features.group))


def early_beats(times_s: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which beats are early, single or in runs, judged by the intervals between the patient's own beats.

    Parameters
    ----------
    times_s : (n_beats,) float64 array
        Increasing.
    own : (n_beats,) bool array
        Beats that are not ventricular, and are beats.

    Returns
    -------
    (n_beats,) bool array
    """
    out = np.zeros(len(times_s), dtype=bool)
    pairs = np.flatnonzero(own[1:] & own[:-1]) + 1
    if len(pairs) < _FEWEST:
        return out
    log_rr = np.log(times_s[pairs] - times_s[pairs - 1])
    first = np.sort(log_rr[:8])
    usual = float(np.median(first[len(first) // 3 :]))
    sway = max(0.01, float(np.median(np.abs(np.diff(log_rr[:13])))))
    early = np.empty(len(log_rr), dtype=bool)
    room = 2 * len(log_rr) + 8
    early_runs_into(
        log_rr, scatter(log_rr), usual, sway, np.array(CLASSES.runs()), np.empty(room), np.empty(room), early
    )
    out[pairs[early]] = True
    return out


def scatter(log_rr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the width of the densest 40 % of the 31 intervals around each: small where RR has levels, if several."""
    width = min(CLASSES.scatter_beats, len(log_rr))
    rows = np.sort(np.lib.stride_tricks.sliding_window_view(log_rr, width), axis=1)
    held = max(2, math.ceil(CLASSES.scatter_share * width))
    narrowest = (rows[:, held - 1 :] - rows[:, : width - held + 1]).min(axis=1)
    return np.asarray(narrowest[np.clip(np.arange(len(log_rr)) - width // 2, 0, len(rows) - 1)])
