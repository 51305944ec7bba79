"""The strip given to the rhythm model does not depend on unit, offset, rate or recorder; expected is the formula."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg_engine.measurement.single_lead_input import LENGTH, beats_of, single_lead_input, strip_of
from ecg_engine.measurement.single_lead_numbers import NUMBERS, RR_NUMBERS, rr_numbers, strip_numbers
from ecg_engine.measurement.single_lead_rr import CHANGE_NUMBERS, change_numbers
from ecg_engine.measurement.single_lead_waves import WAVE_NUMBERS, wave_numbers

SECONDS = 20.0
#: Beside the ends, where nobody knows what came before.
INSIDE = slice(200, -200)
#: Behind the numbers about events stand those about changes of RR and about waves.
BEHIND = CHANGE_NUMBERS + WAVE_NUMBERS


def heart(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return beats of 1 mV with T waves, at 100 to 130 a minute, as a formula of time."""
    out = np.zeros_like(t)
    for at in np.cumsum(0.45 + 0.15 * np.sin(np.arange(60)) ** 2):
        out += np.exp(-0.5 * ((t - at) / 0.012) ** 2) - 0.2 * np.exp(-0.5 * ((t - at - 0.03) / 0.01) ** 2)
        out += 0.25 * np.exp(-0.5 * ((t - at - 0.25) / 0.04) ** 2)
    return out


def sampled(fs: float) -> NDArray[np.float64]:
    return heart(np.arange(int(SECONDS * fs)) / fs)


@settings(max_examples=15, deadline=None)
@given(
    gain=st.floats(1e-4, 1e5), shift=st.floats(-50, 50), upside_down=st.booleans(), fs=st.sampled_from([100.0, 300.0])
)
def test_unit_offset_and_polarity_do_not_matter(gain: float, shift: float, upside_down: bool, fs: float) -> None:
    sign = -1.0 if upside_down else 1.0
    plain, other = strip_of(sampled(fs), fs), strip_of(gain * sign * (sampled(fs) + shift), fs)
    np.testing.assert_allclose(other[0], sign * plain[0], atol=1e-4)
    assert (other[1] == 1).all()


@settings(max_examples=15, deadline=None)
@given(fs=st.sampled_from([120.0, 125.0, 200.0, 250.0, 257.3, 300.0, 360.0, 500.0, 512.0, 1000.0, 2000.0]))
def test_any_rate_gives_the_strip_of_one_rate(fs: float) -> None:
    expected, found = strip_of(sampled(4000.0), 4000.0), strip_of(sampled(fs), fs)
    assert abs(found.shape[1] - 2000) <= 1
    n = min(found.shape[1], 2000)
    difference = (found[0, :n] - expected[0, :n])[INSIDE]
    assert np.abs(difference).max() < 0.03


@settings(max_examples=15, deadline=None)
@given(mains=st.sampled_from([50.0, 60.0]), hum=st.floats(0, 0.2), drift=st.floats(0, 1.5), phase=st.floats(0, 6.28))
def test_what_a_clinics_recorder_keeps_and_a_hand_held_one_does_not_is_gone(
    mains: float, hum: float, drift: float, phase: float
) -> None:
    t = np.arange(int(SECONDS * 500)) / 500.0
    wide = heart(t) + hum * np.sin(2 * np.pi * mains * t + phase) + drift * np.sin(2 * np.pi * 0.08 * t + phase)
    difference = (strip_of(wide, 500.0)[0] - strip_of(heart(t), 500.0)[0])[INSIDE]
    # mains at 50 Hz, 10 Hz above the corner, is brought to 3 % of itself
    assert np.abs(difference).max() < 0.03


@settings(max_examples=15, deadline=None)
@given(start=st.floats(4, 12), length=st.floats(0.1, 3))
def test_a_gap_is_unknown_and_leaves_the_rest_as_it_was(start: float, length: float) -> None:
    x = sampled(250.0)
    x[int(start * 250) : int((start + length) * 250)] = np.nan
    whole, found = strip_of(sampled(250.0), 250.0), strip_of(x, 250.0)
    t = np.arange(found.shape[1]) / 100.0
    inside = (t > start + 0.02) & (t < start + length - 0.02)
    assert (found[:, inside] == 0).all()
    far = (t < start - 1.5) | (t > start + length + 1.5)
    assert (found[1, far] == 1).all()
    assert np.abs(found[0, far] - whole[0, far])[200:-200].max() < 0.06


@pytest.mark.parametrize(("seconds", "known"), [(9.0, 900), (60.96, 6096), (61.44, LENGTH), (600.0, LENGTH)])
def test_short_strips_stand_first_and_of_long_ones_the_middle(seconds: float, known: int) -> None:
    x = np.tile(sampled(100.0), 30)[: int(seconds * 100)]
    x[29000:30000] = x[29000] if seconds > 300 else 0.0  # silence from 290 to 300 s of ten minutes
    given_in = single_lead_input(x[None], fs=100.0)
    strip = given_in["strip"]
    assert {name: (v.shape, v.dtype) for name, v in given_in.items()} == dict.fromkeys(
        ("strip", "known"), ((1, 1, LENGTH), np.dtype(np.float32))
    ) | {"numbers": ((1, NUMBERS), np.dtype(np.float32))}
    assert (given_in["known"][0, 0] == (np.arange(LENGTH) < known)).all()
    if seconds > 300:  # the window begins at 269.28 s
        silent = np.flatnonzero(np.abs(strip[0, 0]) > 0.5)
        widest = np.argmax(np.diff(silent))
        assert silent[widest] / 100 == pytest.approx(290 - 269.28, abs=0.7)
        assert silent[widest + 1] / 100 == pytest.approx(300 - 269.28, abs=0.7)


@pytest.mark.parametrize("value", [0.0, 3.7, np.nan])
def test_a_flat_or_absent_lead_is_no_signal(value: float) -> None:
    x = single_lead_input(np.full((1, 3000), value), fs=300.0)
    assert (x["strip"] == 0).all()
    assert x["known"].sum() == (0 if np.isnan(value) else 1000)


def test_the_usual_height_is_one_and_bursts_do_not_change_it() -> None:
    x = sampled(250.0)
    loud = x.copy()
    loud[1000:1500] *= 30
    plain, found = strip_of(x, 250.0), strip_of(loud, 250.0)
    assert np.ptp(plain[0, 300:1700]) == pytest.approx(1.0, abs=0.1)
    assert np.abs(found[0, 1000:1800] - plain[0, 1000:1800]).max() < 0.15
    assert np.abs(found[0]).max() == 3.0


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.integers(30, 160), min_size=4, max_size=60))
def test_numbers_about_rr_are_what_their_definitions_say(steps: list[int]) -> None:
    rr = [step / 100 for step in steps]
    found = rr_numbers(np.cumsum([17, *steps]))
    assert found.shape == (RR_NUMBERS,)
    assert np.isfinite(found).all()
    middle = statistics.median(rr)
    changes = [min(abs(math.log(b / a)), 0.5) for a, b in itertools.pairwise(rr)]
    assert found[0] == pytest.approx(math.log(middle), abs=1e-5)
    assert found[2] == pytest.approx(math.sqrt(statistics.fmean(c * c for c in changes)), abs=1e-5)
    assert found[4] == pytest.approx(sum(c > 0.2 for c in changes) / len(changes), abs=1e-5)
    # sample entropy: of the pairs of runs of one beat that recur, the share whose next beat recurs too
    pairs = list(itertools.combinations(range(len(rr) - 1), 2))
    one = [abs(math.log(rr[i] / rr[j])) < 0.06 for i, j in pairs]
    two = [a and abs(math.log(rr[i + 1] / rr[j + 1])) < 0.06 for a, (i, j) in zip(one, pairs, strict=True)]
    assert found[-3] == pytest.approx(sum(one) / len(pairs), abs=1e-5)
    assert found[-2] == pytest.approx(math.log((sum(two) / len(pairs) + 1e-3) / (found[-3] + 1e-3)), abs=1e-4)
    assert found[14 + 2 : 14 + 11].sum() == pytest.approx(1.0, abs=1e-5)


def test_alternating_beats_are_unlike_the_next_and_like_the_one_after() -> None:
    found = rr_numbers(np.cumsum([0, *[60, 100] * 12]))
    assert found[25:28] == pytest.approx([-1.0, 1.0, -1.0], abs=0.02)
    assert found[28] == pytest.approx(0.0, abs=1e-6)


def test_too_few_beats_say_nothing() -> None:
    assert not rr_numbers(np.array([100, 180, 260, 340])).any()
    assert rr_numbers(np.array([100, 180, 260, 340, 420]))[-1] == 1


@pytest.mark.parametrize("fs", [125.0, 250.0, 500.0])
def test_beats_are_those_of_the_formula_at_any_rate_and_unit(fs: float) -> None:
    expected = np.cumsum(0.45 + 0.15 * np.sin(np.arange(60)) ** 2)
    expected = expected[expected < SECONDS]
    found = beats_of(strip_of(-4000 * sampled(fs), fs)) / 100
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 0.03


def test_numbers_about_a_strip_do_not_depend_on_unit_rate_or_polarity() -> None:
    plain, other = strip_of(sampled(100.0), 100.0), strip_of(-700 * sampled(500.0) + 40, 500.0)
    first, second = strip_numbers(plain, beats_of(plain)), strip_numbers(other, beats_of(other))
    assert first.shape == (NUMBERS,)
    # The usual beat, R upwards, and how far beats stand from it, in units of its height.
    beat = slice(RR_NUMBERS, RR_NUMBERS + 86)
    np.testing.assert_allclose(second[beat], first[beat], atol=0.06)
    assert np.abs(first[beat][:43]).argmax() in (17, 18)
    assert first[RR_NUMBERS + 88] > 0.95


def test_numbers_about_changes_and_waves_stand_last() -> None:
    strip = strip_of(sampled(250.0), 250.0)
    r_peaks = beats_of(strip)
    expected = [change_numbers(r_peaks, fs=100.0), wave_numbers(strip[0].astype(np.float64), r_peaks, fs=100.0)]
    np.testing.assert_array_equal(strip_numbers(strip, r_peaks)[-BEHIND:], np.concatenate(expected).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 3000), kind=st.sampled_from(["noise", "flat", "heart", "steps"]))
def test_numbers_are_finite_whatever_the_strip(seed: int, n: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x = {
        "noise": lambda: rng.standard_normal(n),
        "flat": lambda: np.zeros(n),
        "heart": lambda: np.resize(sampled(100.0), n),
        "steps": lambda: np.repeat(rng.standard_normal(n // 50 + 1), 50)[:n],
    }[kind]()
    for _ in range(int(rng.integers(0, 3))):
        a = int(rng.integers(0, n))
        x[a : a + int(rng.integers(1, 400))] = np.nan
    given_in = single_lead_input(x[None], fs=100.0)
    assert all(np.isfinite(values).all() for values in given_in.values())
    assert given_in["numbers"].shape == (1, NUMBERS)


@pytest.mark.parametrize("n_early", [0, 3, 6])
def test_early_beats_are_counted(n_early: int) -> None:
    """Beats every 800 ms; some come 300 ms early and are followed by a pause that makes up for it."""
    r_peaks = np.arange(50, 3000, 80)
    r_peaks[5 : 5 + 5 * n_early : 5] -= 30
    strip = np.zeros((2, 3000), np.float32)
    strip[1] = 1
    found = strip_numbers(strip, r_peaks)[-BEHIND - 12 : -BEHIND]
    assert found[1] == found[2] == found[5] == n_early
    assert found[4] == pytest.approx(0.5 if n_early else 0.8, abs=1e-6)
    assert found[3] == pytest.approx(1.1 if n_early else 0.8, abs=1e-6)


def test_waves_between_the_beats_are_found_in_their_band() -> None:
    t = np.arange(3000) / 100
    r_peaks = np.arange(60, 2940, 90)
    shares = {}
    for f in (5.5, 9.0, 20.0):
        strip = np.stack([0.1 * np.sin(2 * np.pi * f * t), np.ones_like(t)]).astype(np.float32)
        strip[0, r_peaks] += 1
        shares[f] = strip_numbers(strip, r_peaks)[-BEHIND - 17 : -BEHIND - 14]
    assert [int(np.argmax(share)) for share in shares.values()] == [0, 1, 2]
    assert all(share.max() > 0.6 for share in shares.values())
