"""Normal limits by age and sex, against what their sources print."""

from __future__ import annotations

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine import vocabulary
from ecg_engine.interpretation.normal_limits import normal_limits
from tests.reference.ecg_model import LEADS, PRESETS, simulate


@pytest.mark.parametrize(
    ("age", "sex", "code", "limits"),
    [
        (0.02, "M", "heart_rate_bpm", (129, 192)), (0.02, "F", "qrs_axis_deg", (63, 155)),
        (0.1, "F", "heart_rate_bpm", (126, 200)), (0.3, "M", "pr_ms", (87, 134)), (0.7, "F", "qrs_ms", (52, 80)),
        (2.9, "M", "qtc_bazett_ms", (383, 455)), (4.0, "M", "heart_rate_bpm", (73, 123)),
        (7.9, "F", "pr_ms", (92, 156)), (8.0, "F", "qrs_ms", (66, 99)),
        (15.9, "M", "qrs_ms", (78, 111)), (15.9, "F", "heart_rate_bpm", (54, 107)),
    ],
)  # fmt: skip
def test_children_by_the_published_table(age, sex, code, limits):
    assert normal_limits(age, sex)[code] == limits


def test_without_a_sex_the_wider_limits_hold():
    assert normal_limits(0.02, None)["heart_rate_bpm"] == (129, 216)
    assert normal_limits(40, None)["qtc_fridericia_ms"] == (None, 460)
    assert normal_limits(40, None)["cornell_mv"] == (None, 2.8)


def test_adults_by_sex_and_unknown_age_as_adults():
    assert normal_limits(16.0, "M")["qtc_fridericia_ms"] == (None, 450)
    assert normal_limits(16.0, "F")["qtc_fridericia_ms"] == (None, 460)
    assert normal_limits(None, "F") == normal_limits(40, "F")


@pytest.mark.parametrize("age", [None, 0.0, 0.5, 5.0, 16.0, 130.0])
@pytest.mark.parametrize("sex", [None, "F", "M"])
def test_limits_are_ordered_and_of_known_quantities(age, sex):
    for code, (low, high) in normal_limits(age, sex).items():
        assert code in vocabulary.quantities()
        assert low is not None or high is not None
        assert low is None or high is None or low < high


def test_the_report_has_the_limits_of_what_was_measured():
    signal, _ = simulate(PRESETS["normal"], fs=500, duration_s=10, rng=np.random.default_rng(3))
    patient = ee.Patient(age_years=30, sex="F")
    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=500, leads=LEADS, patient=patient))
    plain = report.to_dict("en")["measurements"]["global"]
    assert plain["pr_ms"]["normal"] == [120, 200] and plain["qtc_fridericia_ms"]["normal"] == [None, 460]
    assert "normal" not in plain["rr_ms"]
    assert set(report.measurements.normal) <= set(report.measurements.overall)
