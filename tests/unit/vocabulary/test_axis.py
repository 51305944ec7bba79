"""Words for the frontal QRS axis, against the limits that the conventions print."""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.vocabulary import axis_text, axis_word
from tests.reference.ecg_model import LEADS, PRESETS, simulate


@pytest.mark.parametrize(
    ("angle", "aha", "russian"),
    [
        (59, "normal", "normal"), (30, "normal", "normal"), (69, "normal", "normal"), (70, "normal", "vertical"),
        (90, "normal", "vertical"), (29, "normal", "horizontal"), (0, "normal", "horizontal"),
        (-1, "normal", "left"), (-30, "normal", "left"), (-31, "left_moderate", "left"),
        (-45, "left_moderate", "left"), (-46, "left_marked", "left"), (-90, "left_marked", "left"),
        (91, "right_moderate", "right"), (120, "right_moderate", "right"), (121, "right_marked", "right"),
        (180, "right_marked", "right"), (-180, "right_marked", "right"), (-91, "extreme", "upper_right"),
        (-179, "extreme", "upper_right"), (69.4, "normal", "normal"), (69.6, "normal", "vertical"),
    ],
)  # fmt: skip
def test_words_by_the_printed_limits(angle, aha, russian):
    assert (axis_word(angle, "aha"), axis_word(angle, "russian")) == (f"aha_{aha}", f"russian_{russian}")


@pytest.mark.parametrize("convention", ["aha", "russian"])
def test_each_whole_angle_has_one_word_in_both_languages(convention):
    for angle in range(-180, 181):
        code = axis_word(angle, convention)
        assert axis_text(code, "en")
        assert axis_text(code, "ru")
    assert vocabulary.source(vocabulary.axis_conventions()[convention]).citation


def test_an_unknown_convention_is_refused():
    with pytest.raises(InputError, match="convention"):
        axis_word(0.0, "naval")


def _report(age):
    signal, _ = simulate(PRESETS["normal"], fs=500, duration_s=10, rng=np.random.default_rng(3))
    return ee.analyze_ecg(ee.Recording(signal=signal, fs=500, leads=LEADS, patient=ee.Patient(age_years=age)))


def test_the_report_says_the_words_of_adults_only():
    said = _report(50).to_dict("ru")["measurements"]["global"]["qrs_axis_deg"]
    assert set(said["words"]) == {"aha", "russian"}
    for convention, word in said["words"].items():
        assert word["code"] == axis_word(said["value"], convention)
        assert word["text"] == axis_text(word["code"], "ru")
    assert "words" not in _report(5).to_dict()["measurements"]["global"]["qrs_axis_deg"]
