"""Numbers about waves and kinds of beats: made hearts with P waves, without, with early narrow and wide beats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_engine.measurement.single_lead_waves import ECTOPY, WAVE_NUMBERS, wave_numbers

FS = 100.0
#: Where the shares and counts of kinds of beats stand, and how likely P waves are.
KINDS, COUNTS, LIKELY = slice(19, 23), slice(23, 25), slice(40, 46)


def bump(t: NDArray[np.float64], at: float, height: float, width: float) -> NDArray[np.float64]:
    return height * np.exp(-0.5 * ((t - at) / width) ** 2)


def heart(
    rr: list[float], *, p: bool = True, wide: tuple[int, ...] = (), without_p: tuple[int, ...] = ()
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return a lead of beats at the sums of `rr`, s, with P waves 160 ms before R, and the R peaks."""
    beats = np.cumsum([0.6, *rr])
    t = np.arange(int((beats[-1] + 0.8) * FS)) / FS
    x = 0.004 * np.random.default_rng(3).standard_normal(len(t))
    for i, r in enumerate(beats):
        if i in wide:
            x += bump(t, r, 1.3, 0.045) + bump(t, r + 0.3, -0.4, 0.06)
            continue
        x += bump(t, r, 1.0, 0.012) - bump(t, r + 0.03, 0.2, 0.01) + bump(t, r + 0.26, 0.25, 0.04)
        if p and i not in without_p:
            x += bump(t, r - 0.16, 0.15, 0.022)
    return x, np.rint(beats * FS).astype(np.int64)


@pytest.mark.parametrize("gain", [1.0, -1.0, 700.0])
def test_p_waves_are_counted_in_any_unit_and_polarity(gain: float) -> None:
    rr = [0.8, 0.82, 0.79, 0.81] * 6
    x, r_peaks = heart(rr)
    found = wave_numbers(gain * x, r_peaks, fs=FS)
    assert found.shape == (WAVE_NUMBERS,)
    assert found[0] > 0.95
    assert found[39] > 0.95
    # They stand at one place, 160 ms before R, so nothing beyond 20 ms; 0.15 of the R wave high, and its way up.
    assert found[6] < 0.05
    assert found[9] == pytest.approx(0.15, abs=0.05)
    assert found[11] > 0.95


def test_waves_of_fibrillation_stand_at_no_place_of_their_own() -> None:
    """Six waves a second, whose size swells and falls, in place of P."""
    rng = np.random.default_rng(5)
    rr = (0.7 + 0.4 * rng.random(30)).tolist()
    with_p = wave_numbers(*heart(rr), fs=FS)
    x, r_peaks = heart(rr, p=False)
    t = np.arange(len(x)) / FS
    without = wave_numbers(x + 0.06 * np.sin(2 * np.pi * 6.1 * t) * (1 + 0.5 * np.sin(1.3 * t)), r_peaks, fs=FS)
    assert with_p[0] > 0.9
    assert without[0] < 0.2
    # The middle of how likely a P wave is before each beat, and how far its likeliest place stands from the usual one.
    assert without[LIKELY][2] < 0 < with_p[LIKELY][2]
    assert without[LIKELY][4] > 20 > with_p[LIKELY][4]


def test_kinds_of_beats_are_counted() -> None:
    rr = [0.8] * 40
    for i in (9, 19, 29):
        rr[i], rr[i + 1] = 0.5, 1.1
    wide = wave_numbers(*heart(rr, wide=(10, 20, 30)), fs=FS)
    early = wave_numbers(*heart(rr), fs=FS)
    assert wide[COUNTS].tolist() == [0.0, 3.0]
    assert wide[KINDS] == pytest.approx([0.0, 3 / 41, 0.0, 0.0])
    assert early[COUNTS].tolist() == [3.0, 0.0]
    ventricular, atrial = (25 + ECTOPY.index(f"n_premature_{where}") for where in ("ventricular", "atrial"))
    assert (wide[ventricular], wide[atrial]) == (3.0, 0.0)
    assert (early[ventricular], early[atrial]) == (0.0, 3.0)
    # Without them the rhythm is even: the smallest that is told apart, 0.5 %.
    assert early[35] == wide[35] == pytest.approx(np.log(0.5), abs=0.7)


def test_p_waves_of_early_beats_are_counted_by_themselves() -> None:
    rr = [0.8] * 40
    for i in (9, 19, 29):
        rr[i], rr[i + 1] = 0.5, 1.1
    found = wave_numbers(*heart(rr, without_p=(10, 20, 30)), fs=FS)
    assert found[38] < 0.4
    assert found[39] > 0.95
    assert wave_numbers(*heart([0.8] * 40), fs=FS)[38] == -1.0


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_beats_say_nothing(n: int) -> None:
    x, r_peaks = heart([0.8] * 10)
    assert not wave_numbers(x, r_peaks[:n], fs=FS).any()
    assert wave_numbers(x, r_peaks, fs=FS).any()
