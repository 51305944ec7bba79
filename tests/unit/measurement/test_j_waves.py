"""Notch and slur at the end of the QRS, drawn as the consensus paper draws them (Macfarlane 2015), and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.measurement.j_waves import CODES, j_waves
from tests.unit.measurement.test_lead_waves import measured, ramp

#: A QRS from 300 to 390 ms with a steep downslope from 340 to 370 ms; ST at the level of the last point.
NOTCH = [(300, 0), (335, 1.2), (365, 0.1), (378, 0.2), (390, 0.05), (500, 0.05), (640, 0.4), (700, 0)]
SLUR = [(300, 0), (335, 1.2), (360, 0.25), (390, 0.02), (500, 0.02), (640, 0.4), (700, 0)]


def j(points, *, fs=500.0, qrs_off=390, st=True):
    m = measured(lambda t: ramp(points, t), qrs_off=qrs_off, lead="V5", fs=fs, st=st)
    return {code: m[code] for code in CODES if code in m}


@pytest.mark.parametrize("fs", [500.0, 1000.0])
@pytest.mark.parametrize("qrs_off", [378, 390, 400])
def test_a_notch_is_measured_at_its_peak(fs, qrs_off):
    found = j(NOTCH, fs=fs, qrs_off=qrs_off)
    assert found["j_notch_mv"] == pytest.approx(0.2, abs=0.02) and "j_slur_mv" not in found
    assert found["j_st_rise_mv"] == pytest.approx(0.0, abs=0.02), "level from 390 to 500 ms"


@pytest.mark.parametrize("fs", [500.0, 1000.0])
def test_a_slur_is_measured_at_its_onset(fs):
    found = j(SLUR, fs=fs)
    assert found["j_slur_mv"] == pytest.approx(0.25, abs=0.05) and "j_notch_mv" not in found


def test_st_behind_it_rises_or_falls():
    rising = [*NOTCH[:5], (500, 0.25), (640, 0.6), (700, 0)]
    falling = [*NOTCH[:5], (500, -0.05), (640, 0.2), (700, 0)]
    assert j(rising)["j_st_rise_mv"] == pytest.approx(0.2 * 100 / 110, abs=0.02)
    assert j(falling)["j_st_rise_mv"] == pytest.approx(-0.1 * 100 / 110, abs=0.02)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([(300, 0), (340, 1.2), (380, 0), (500, 0), (640, 0.4), (700, 0)], "a plain R"),
        ([(300, 0), (335, 1.2), (365, -0.3), (390, 0), (500, 0), (640, 0.4), (700, 0)], "an S"),
        ([(300, 0), (335, 1.2), (370, 0.2), (500, 0.25), (640, 0.6), (700, 0)], "ST elevation alone"),
        ([(300, 0), (335, 1.2), (345, 0.8), (352, 0.9), (385, 0), (500, 0), (640, 0.4), (700, 0)], "upper half"),
        ([(300, 0), (335, 1.2), (365, -0.1), (378, 0.2), (390, 0), (500, 0), (640, 0.4), (700, 0)], "below the line"),
        ([(300, 0), (325, 0.5), (350, -1.0), (370, 0.1), (378, 0.2), (390, 0), (500, 0), (640, 0.3)], "S prevails"),
        ([(300, 0), (335, 0.28), (365, 0.1), (378, 0.14), (390, 0.05), (500, 0.05), (640, 0.4), (700, 0)], "a low R"),
    ],
)  # fmt: skip
def test_what_is_neither(points, why):
    assert j(points) == {}, why


def test_a_smooth_end_of_the_qrs_is_no_slur():
    """A raised cosine runs out as softly as any QRS of 80 ms does."""
    m = measured(lambda t: np.where(abs(t - 340) < 40, 0.6 * (1 + np.cos(np.pi * (t - 340) / 40)), 0.0), lead="V5")
    assert not set(CODES) & set(m)


@pytest.mark.parametrize("fs", [250.0, 500.0, 1000.0])
def test_whatever_is_drawn_a_j_wave_lies_above_the_line_and_below_half_of_r(fs):
    rng = np.random.default_rng(7)
    found = 0
    for _ in range(300):
        n = int(0.4 * fs)
        lead = np.cumsum(rng.normal(0, 0.05, n)) + 1.5 * np.exp(-(((np.arange(n) / fs - 0.08) / 0.015) ** 2))
        onset, offset = round(0.04 * fs), round(rng.uniform(0.1, 0.16) * fs)
        notch, slur, _ = j_waves((lead - lead[onset])[None], fs=fs, onset=onset, offset=offset)[0]
        assert np.isnan(notch) or np.isnan(slur)
        jp = np.nanmax([notch, slur, 0.0])
        assert 0 <= jp <= 0.5 * (lead - lead[onset])[onset : offset + 1].max() + 1e-9
        found += jp > 0
    assert found > 10
