"""Exchanged electrodes on an analytic dipole, to which no weight was fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.measurement.electrodes import CHEST_SWAPS, chest_features, limb_features, load_weights, windows_of
from tests.reference.ecg_model import LEADS, PRESETS, simulate, swap_arms

SWAPS = {"lead_reversal", "leg_electrode_reversal", "precordial_reversal", "dextrocardia"}


def model(preset="normal", **changes):
    rng = np.random.default_rng(11)
    signal = simulate(replace(PRESETS[preset], **changes), fs=500.0, duration_s=10, rng=rng)[0]
    return signal + 0.008 * rng.standard_normal(signal.shape)


def from_electrodes(ra, la, ll, signal):
    """Return the twelve leads where the three electrodes hold these potentials (their mean does not change)."""
    i, ii, iii = la - ra, ll - ra, ll - la
    return np.vstack([i, ii, iii, -(i + ii) / 2, (i - iii) / 2, (ii + iii) / 2, signal[6:]])


def said(signal, leads=LEADS):
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=500.0, leads=leads))
    return {s.code: s for s in report.statements}


@pytest.mark.parametrize(
    "preset", ["normal", "bradycardia", "fibrillation", "tachycardia", "av_block_1", "lbbb", "rbbb"]
)
def test_electrodes_in_their_places_say_nothing(preset):
    assert not SWAPS & set(said(model(preset)))


@pytest.mark.parametrize("preset", ["normal", "bradycardia", "tachycardia", "av_block_1"])
def test_exchanged_arms(preset):
    found = said(swap_arms(model(preset)))
    statement = found["lead_reversal"]
    assert statement.certainty == "probable" and statement.evidence
    assert "dextrocardia" not in found and not {code for code in found if code.startswith("axis")}


@pytest.mark.parametrize("order", ["ra_ll", "circle", "other circle"])
def test_exchanged_arm_and_leg(order):
    signal = model()
    ra, la, ll = np.zeros(signal.shape[1]), signal[0], signal[1]
    moved = {"ra_ll": (ll, la, ra), "circle": (la, ll, ra), "other circle": (ll, ra, la)}[order]
    assert "lead_reversal" in said(from_electrodes(*moved, signal))


@pytest.mark.parametrize("flat", ["I", "II", "III"])
def test_exchange_with_the_right_leg_leaves_one_limb_lead_without_voltage(flat):
    """RA on the right leg: II is between the legs; LA there: III; both arms on the legs: I."""
    signal = model()
    ra, la, ll = np.zeros(signal.shape[1]), signal[0], signal[1]
    foot = ll + 0.01 * np.random.default_rng(4).standard_normal(signal.shape[1])
    moved = {"II": (foot, la, ll), "III": (ra, foot, ll), "I": (ll, foot, ra)}[flat]
    found = said(from_electrodes(*moved, signal))
    assert found["leg_electrode_reversal"].leads == (flat,)
    assert "lead_reversal" not in found


def test_mirrored_heart_is_told_from_exchanged_arms():
    """The model's chest leads are rows of Dower's matrix: x is turned over in it."""
    from tests.reference import ecg_model

    dipole, *_ = np.linalg.lstsq(ecg_model.LEAD_MATRIX, model(), rcond=None)
    found = said(ecg_model.LEAD_MATRIX @ (dipole * np.array([[-1.0], [1.0], [1.0]])) + 0.0)
    assert "dextrocardia" in found and "lead_reversal" not in found


@pytest.mark.parametrize("swap", ["v1_v3", "all"])
def test_exchanged_chest_electrodes_are_named(swap):
    signal = model()
    signal[6:] = signal[6:][list(CHEST_SWAPS[swap])]
    moved = tuple(f"V{k + 1}" for k, place in enumerate(CHEST_SWAPS[swap]) if place != k)
    assert said(signal)["precordial_reversal"].leads == moved


def test_eight_leads_are_enough():
    rows = [0, 1, 6, 7, 8, 9, 10, 11]
    assert "lead_reversal" in said(swap_arms(model())[rows], leads=[LEADS[i] for i in rows])


def test_scale_of_the_frontal_leads_and_of_each_chest_lead_does_not_count(rng):
    beat = ee.analyze_ecg(ee.Recording(signal=model(), fs=500.0, leads=LEADS)).median_beat
    other = replace(
        beat, signal=beat.signal * np.concatenate([np.full(6, 2.5), rng.uniform(0.3, 3.0, 6)])[:, np.newaxis]
    )
    one, two = (windows_of(b, range(12), has_p=True) for b in (beat, other))
    np.testing.assert_allclose(limb_features(one), limb_features(two), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(chest_features(one), chest_features(two), rtol=1e-5, atol=1e-6)


def test_weights_fit_the_features():
    beat = ee.analyze_ecg(ee.Recording(signal=model(), fs=500.0, leads=LEADS)).median_beat
    windows = windows_of(beat, range(12), has_p=True)
    for family, features in (("limb", limb_features), ("chest", chest_features)):
        known = load_weights()[family]
        assert known.weights.shape == (len(known.names), len(features(windows)))
        assert known.least > 0
