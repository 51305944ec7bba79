"""Beats laid on one another, by whole samples and by parts of them, and a beat moved or made less sharp."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection.parameters import samples
from ecg_engine.kernels.beats import align_finely_into, align_into, lay_beats_into, median_beat_into

#: Part of a beat that is fitted, s before and after R.
FIT_S: Final = (0.10, 0.14)
#: A beat is moved by so much at most to fit the others, s: R may stand at the R or at the S wave.
_ALIGN_S: Final = 0.03
#: Beats that make the template which the others are fitted to.
VOTERS: Final = 60
#: From this rate on, Hz, beats are fitted by parts of a sample: up to a fifth of it the values between samples are
#: right (`lay_beats_into`), and most of a QRS lies below 25 Hz.
_FINE_FROM_FS: Final = 125.0
#: Samples to either side in which a beat is fitted more finely, after it has been fitted by whole ones.
_FINE_REACH: Final = 2
#: A median beat is made as sharp as one whose beats are laid on each other by whole samples so long, s, chosen: those
#: of 500 Hz, the rate of the records that IEC 60601-2-25 tests with. Fixed limits of q, r' and P have been kept on such
#: beats, and a sharper one passes more of them.
_APERTURE_S: Final = 0.002


def spread(values: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the values, evenly spread."""
    if len(values) <= most:
        return np.ascontiguousarray(values)
    return np.ascontiguousarray(values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))])


def align(signal: NDArray[np.float64], r_peaks: NDArray[np.int64], *, fs: float) -> NDArray[np.int64]:
    """Return the R peaks moved to where each beat fits the median of all.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        No NaN.
    r_peaks : (n_beats,) int64 array
        At least one.
    fs : float
        Hz.

    Returns
    -------
    (n_beats,) int64 array
    """
    before, after = samples(FIT_S[0], fs), samples(FIT_S[1], fs)
    part = spread(r_peaks, VOTERS)
    template = np.empty((len(signal), before + after))
    median_beat_into(signal, part, before, np.empty(len(part)), template)
    out = np.empty_like(r_peaks)
    align_into(signal, r_peaks, template, before, samples(_ALIGN_S, fs), out)
    return out


def laid(
    signal: NDArray[np.float64], places: NDArray[np.float64], before: int, after: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the beats one behind the other, and where R stands in each."""
    width = before + after
    out = np.empty((len(signal), len(places) * width))
    lay_beats_into(signal, places, before, out)
    return out, before + width * np.arange(len(places))


def fine_places(signal: NDArray[np.float64], aligned: NDArray[np.int64], fs: float) -> NDArray[np.float64]:
    """Return where the beats fit one another, in samples with fractions.

    Where between two samples R falls is chance, and moves every height and width of a median of whole samples. So the
    beats are fitted to their median again by parts of a sample, and then all are moved so that the centre of the
    energy of its slopes stands on a sample.
    """
    if fs < _FINE_FROM_FS:
        return aligned.astype(np.float64)
    before, after = samples(FIT_S[0], fs), samples(FIT_S[1], fs)
    n = len(aligned)
    template = np.empty((len(signal), before + after))
    part = spread(aligned, VOTERS)
    median_beat_into(signal, part, before, np.empty(len(part)), template)
    places = np.empty(n)
    for _ in range(2):
        align_finely_into(signal, aligned, template, before, _FINE_REACH, places)
        voters = places[spread(np.arange(n), VOTERS)]
        rows, at = laid(signal, voters, before, after)
        median_beat_into(rows, at, before, np.empty(len(at)), template)
        energy = np.square(np.diff(template, axis=1)).sum(axis=0)
        centre = float(energy @ np.arange(len(energy))) / max(float(energy.sum()), np.finfo(float).tiny)
        off = centre - round(centre)
        rows, at = laid(signal, voters + off, before, after)
        median_beat_into(rows, at, before, np.empty(len(at)), template)
    align_finely_into(signal, aligned, template, before, _FINE_REACH, places)
    return places


def moved(beat: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Return the beat sampled `by` samples later, on the cubic through the four nearest samples."""
    whole = int(np.floor(by))
    u = by - whole
    weights = (
        -u * (u - 1) * (u - 2) / 6,
        (u + 1) * (u - 1) * (u - 2) / 2,
        -(u + 1) * u * (u - 2) / 2,
        (u + 1) * u * (u - 1) / 6,
    )
    reach = abs(whole) + 2
    wide = np.pad(beat, ((0, 0), (reach, reach)), mode="edge")
    n = beat.shape[1]
    out = np.zeros_like(beat)
    for k, weight in enumerate(weights):
        start = reach + whole - 1 + k
        out += weight * wide[:, start : start + n]
    return out


def blurred(beat: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Return the beat as one whose place is even over `_APERTURE_S`: smoothed by weights of the same variance."""
    side = (_APERTURE_S * fs) ** 2 / 24
    times = max(1, math.ceil(4 * side))
    side /= times
    for _ in range(times):
        wide = np.pad(beat, ((0, 0), (1, 1)), mode="edge")
        beat = (1 - 2 * side) * beat + side * (wide[:, :-2] + wide[:, 2:])
    return beat
