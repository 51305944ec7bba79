"""What the report measures of analytic ECGs keeps the limits of IEC 60601-2-25 for its calibration ECGs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.conformity.ecgs import LEADS, calibration, kit
from benchmarks.conformity.run import DURATION_LIMITS, INTERVAL_LIMITS, differences


@pytest.fixture(scope="module")
def found():
    return differences(kit())


#: 20 ms between P and QRS are taken for a part of it.
SHORT = "PQ 120 ms"


@pytest.mark.parametrize("code", (*INTERVAL_LIMITS, *DURATION_LIMITS))
def test_intervals_and_durations(found, code):
    mean, sd = {**INTERVAL_LIMITS, **DURATION_LIMITS}[code]
    errors = np.array([d.error for d in found if d.code == code and d.ecg != SHORT])
    assert len(errors) >= 30 and not np.isnan(errors).any()
    assert abs(errors.mean()) <= mean and errors.std(ddof=1) <= sd, (errors.mean(), errors.std(ddof=1))


@pytest.mark.parametrize(
    "code", ["p_mv", "q_mv", "r_mv", "s_mv", "r2_mv", "t_mv", "st_j20_mv", "st_j60_mv", "st_j80_mv"]
)
def test_amplitudes(found, code):
    part = [d for d in found if d.code == code and d.ecg != SHORT]
    assert len(part) >= 30
    assert [d for d in part if not d.within] == []


def test_the_truth_of_the_kit_is_what_its_formula_says():
    """Read off the samples at 1000 Hz, without anything of the package."""
    ecg = calibration("one", family="", q=-0.2, q_ms=20.0, r=1.0, r_ms=50.0, s=-0.4, s_ms=30.0, rate=60.0)
    lead_2 = ecg.beat(np.arange(-400.0, 800.0))[LEADS.index("II")]
    moving = np.flatnonzero(np.abs(lead_2) > 1e-9) - 400
    assert (moving[0], moving[-1]) == (-159, 389), "P begins at -160, T ends at 390"
    assert ecg.intervals() == {"qrs_ms": 100.0, "qt_ms": 390.0, "p_duration_ms": 110.0, "pr_ms": 160.0}
    assert lead_2[400 + 10] == pytest.approx(-0.2) and lead_2[400 + 45] == pytest.approx(1.0)
    assert ecg.amplitudes()["aVR"]["r_mv"] == pytest.approx(0.2), "upside down: r S r'"
    assert ecg.amplitudes()["aVR"]["r2_mv"] == pytest.approx(0.4)
    assert ecg.durations()["aVR"] == {"r_ms": 20.0, "s_ms": 50.0, "r2_ms": 30.0}
