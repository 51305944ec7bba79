"""What the twelve-lead network is given, held against the published z-scored set and against plain arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg_engine.measurement import twelve_lead_input as prepared
from ecg_engine.measurement.twelve_lead_input import LEADS, MEASURES, SAMPLES, twelve_lead_input


def beats(fs: float, seconds: float = 10.0, *, seed: int = 1) -> NDArray[np.float64]:
    """Return twelve leads of one wave a second, of other heights in each, on a little noise, mV."""
    t = np.arange(round(fs * seconds)) / fs
    wave = np.exp(-0.5 * (((t + 0.5) % 1 - 0.5) / 0.02) ** 2)
    heights = np.linspace(0.3, 1.8, len(LEADS))[:, None]
    slow = np.sin(2 * np.pi * 1.3 * t) * 0.05
    return heights * wave + slow + np.random.default_rng(seed).normal(0, 1e-3, (len(LEADS), len(t)))


def test_raw_records_become_what_was_published_z_scored(data: Path) -> None:
    folder = data / "ecg" / "ptbxl"
    with np.load(folder / "raw_500hz.npz") as raw, np.load(folder / "zscored_100hz.npz") as published:
        at = {int(i): k for k, i in enumerate(published["ecg_id"])}
        both = [(k, at[int(i)]) for k, i in enumerate(raw["ecg_id"]) if int(i) in at]
        x, gain, z = raw["x"], float(raw["gain_per_mV"]), published["x"]
    assert len(both) == 27
    for mine, theirs in both:
        found = twelve_lead_input(x[mine] / gain, fs=500.0, measured={})["signal"][0]
        expected = z[theirs] / 100
        # A hundredth is the step in which they were stored, truncated.
        assert np.abs(found - expected).max() < 0.03
        assert np.abs(found - expected).mean() < 0.004


@pytest.mark.parametrize("fs", [100.0, 125.0, 250.0, 257.0, 360.0, 500.0, 1000.0])
def test_every_rate_gives_the_same_picture(fs: float) -> None:
    reference = twelve_lead_input(beats(500.0), fs=500.0, measured={})["signal"]
    found = twelve_lead_input(beats(fs), fs=fs, measured={})["signal"]
    assert found.shape == (1, 12, SAMPLES) and found.dtype == np.float32
    inside = slice(100, 850)
    for a, b in zip(found[0], reference[0], strict=True):
        assert np.corrcoef(a[inside], b[inside])[0, 1] > 0.98


@settings(max_examples=25, deadline=None)
@given(
    gain=st.floats(0.2, 5.0), offset=st.floats(-3.0, 3.0), seconds=st.floats(1.0, 30.0), seed=st.integers(0, 5),
)  # fmt: skip
def test_gain_and_offset_change_voltages_only(gain: float, offset: float, seconds: float, seed: int) -> None:
    x = beats(250.0, seconds, seed=seed)
    plain = twelve_lead_input(x, fs=250.0, measured={})
    other = twelve_lead_input(x * gain + offset, fs=250.0, measured={})
    assert np.allclose(plain["signal"], other["signal"], atol=2e-3)
    n = len(prepared.VOLTAGES)
    sums = slice(len(LEADS), n)
    assert np.allclose(other["measures"][0, 0, sums], gain * plain["measures"][0, 0, sums], rtol=1e-3, atol=2e-3)
    logs = slice(0, len(LEADS))
    assert np.allclose(other["measures"][0, 0, logs], plain["measures"][0, 0, logs] + np.log(gain), atol=1e-3)
    for made in (plain, other):
        assert np.isfinite(made["signal"]).all() and np.isfinite(made["measures"]).all()


def test_each_lead_has_unit_standard_deviation_and_flat_ones_are_zero() -> None:
    x = beats(500.0)
    x[3] = 0.7
    x[4] = np.nan
    found = twelve_lead_input(x, fs=500.0, measured={})["signal"][0]
    good = [i for i in range(12) if i not in (3, 4)]
    assert np.allclose(found[good].std(axis=1), 1.0, atol=1e-3)
    assert np.allclose(found[good].mean(axis=1), 0.0, atol=1e-3)
    assert (found[[3, 4]] == 0).all()


def test_voltages_are_those_of_the_waves() -> None:
    x = np.zeros((12, 5000))
    at = np.arange(250, 5000, 500)
    wave = np.exp(-0.5 * (np.arange(-40, 41) / 12) ** 2)
    for lead, height in (("V1", -1.2), ("V5", 2.0), ("V6", 1.5), ("aVL", 0.9), ("V3", -0.8)):
        for k in at:
            x[LEADS.index(lead), k - 40 : k + 41] += height * wave
    made = twelve_lead_input(x, fs=500.0, measured={})["measures"][0]
    value = dict(zip(MEASURES, made[0], strict=True))
    # The band takes some of a wave's height: the wave lasts 56 ms at half of it.
    assert value["sokolow"] == pytest.approx(3.2, rel=0.12)
    assert value["cornell"] == pytest.approx(1.7, rel=0.12)
    assert value["r_avl"] == pytest.approx(0.9, rel=0.12)


def test_measurements_stand_at_their_places_and_unknown_ones_are_marked() -> None:
    given = {"qrs_ms": 120.0, "rmssd_ms": np.e - 1, "pr_ms": float("nan"), "sokolow": 99.0, "not_a_quantity": 1.0}
    values, known = twelve_lead_input(beats(250.0), fs=250.0, measured=given)["measures"][0]
    at = {name: i for i, name in enumerate(MEASURES)}
    assert values[at["qrs_ms"]] == 120 and known[at["qrs_ms"]] == 1
    assert values[at["rmssd_ms"]] == pytest.approx(1.0)
    assert values[at["pr_ms"]] == 0 and known[at["pr_ms"]] == 0
    assert values[at["t_axis_deg"]] == 0 and known[at["t_axis_deg"]] == 0
    # A voltage is taken from the signal, not from elsewhere.
    assert values[at["sokolow"]] < 10


def test_a_long_recording_gives_its_middle_and_a_short_one_is_followed_by_zeros() -> None:
    x = beats(200.0, 30.0)
    whole = twelve_lead_input(x, fs=200.0, measured={})["signal"]
    middle = twelve_lead_input(x[:, 2000:4000], fs=200.0, measured={})["signal"]
    assert np.array_equal(whole, middle)
    short = twelve_lead_input(x[:, :800], fs=200.0, measured={})["signal"][0]
    assert (short[:, 400:] == 0).all() and (short[:, :400].std(axis=1) > 0.9).all()


def test_names_are_quantities_of_the_vocabulary() -> None:
    from ecg_engine.vocabulary import quantities

    assert set(prepared.QUANTITIES) <= set(quantities())
    assert len(set(MEASURES)) == len(MEASURES)


@pytest.mark.parametrize(
    ("shape", "fs", "says"),
    [((8, 1000), 100.0, "not \\(12, n\\)"), ((12, 1000), 90.0, "below 100 Hz"), ((12, 9), 0.0, "Hz")],
)
def test_what_cannot_be_prepared_is_refused(shape: tuple[int, int], fs: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        twelve_lead_input(np.zeros(shape), fs=fs, measured={})
