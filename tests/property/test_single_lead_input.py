"""The strip given to the rhythm model does not depend on unit, offset, rate or recorder; expected is the formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg_engine.measurement.single_lead_input import LENGTH, single_lead_input, strip_of

SECONDS = 20.0
#: Beside the ends, where nobody knows what came before.
INSIDE = slice(200, -200)


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
    strip = single_lead_input(x[None], fs=100.0)["strip"]
    assert strip.shape == (1, 2, LENGTH)
    assert strip.dtype == np.float32
    assert (strip[0, 1] == (np.arange(LENGTH) < known)).all()
    if seconds > 300:  # the window begins at 269.28 s
        silent = np.flatnonzero(np.abs(strip[0, 0]) > 0.5)
        widest = np.argmax(np.diff(silent))
        assert silent[widest] / 100 == pytest.approx(290 - 269.28, abs=0.7)
        assert silent[widest + 1] / 100 == pytest.approx(300 - 269.28, abs=0.7)


@pytest.mark.parametrize("value", [0.0, 3.7, np.nan])
def test_a_flat_or_absent_lead_is_no_signal(value: float) -> None:
    x = single_lead_input(np.full((1, 3000), value), fs=300.0)["strip"]
    assert (x[0, 0] == 0).all()
    assert x[0, 1].sum() == (0 if np.isnan(value) else 1000)


def test_the_usual_height_is_one_and_bursts_do_not_change_it() -> None:
    x = sampled(250.0)
    loud = x.copy()
    loud[1000:1500] *= 30
    plain, found = strip_of(x, 250.0), strip_of(loud, 250.0)
    assert np.ptp(plain[0, 300:1700]) == pytest.approx(1.0, abs=0.1)
    assert np.abs(found[0, 1000:1800] - plain[0, 1000:1800]).max() < 0.15
    assert np.abs(found[0]).max() == 3.0
