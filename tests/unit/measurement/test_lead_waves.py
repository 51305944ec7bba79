"""Waves of single leads, drawn by hand from straight lines and half sines whose every size is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ecg_engine.measurement.lead_measures import measure_leads
from ecg_engine.types import ABSENT, LeadMarks, MedianBeat
from ecg_engine.types.marks import MARK_NAMES

FS = 500.0
#: Marks of every beat here, ms.
P_ON, P_OFF, QRS_ON, T_ON, T_OFF, LENGTH = 100, 200, 300, 500, 700, 800


def hump(start_ms, stop_ms, height, t):
    """Half a sine: its top stands in the middle, its mean is 2 / pi of its height."""
    inside = (t >= start_ms) & (t <= stop_ms)
    return np.where(inside, height * np.sin(np.pi * (t - start_ms) / (stop_ms - start_ms)), 0.0)


def ramp(points, t):
    """Straight lines through (ms, mV)."""
    ms, mv = zip(*points, strict=True)
    return np.interp(t, ms, mv)


def measured(draw, *, qrs_off=400, lead="V1", fs=FS, st=True, has_p=True, t_on=T_ON):
    """Measure the lead that `draw` makes of the time in ms."""
    t = np.arange(0, LENGTH, 1000 / fs)
    marks = {"p_onset": P_ON, "p_peak": 150, "p_offset": P_OFF, "qrs_onset": QRS_ON, "qrs_offset": qrs_off,
             "t_onset": t_on, "t_peak": 600, "t_offset": T_OFF}  # fmt: skip
    at = {name: np.array([ABSENT if marks[name] is None else round(marks[name] * fs / 1000)]) for name in MARK_NAMES}
    beat = MedianBeat(signal=draw(t)[None], fs=fs, r_peak=round(0.35 * fs), n_beats=9, marks=LeadMarks(**at),
                      by_lead=(LeadMarks(**at),), p_coherence=1.0)  # fmt: skip
    return measure_leads(beat, leads=(lead,), usable=(lead,), has_p=has_p, st=st)[lead]


def q_r_s(t):
    return hump(300, 320, -0.2, t) + hump(320, 370, 1.5, t) + hump(370, 400, -0.5, t)


@pytest.mark.parametrize("fs", [500.0, 1000.0])
def test_q_r_s(fs):
    m = measured(q_r_s, fs=fs)
    expected = {"q_mv": -0.2, "r_mv": 1.5, "s_mv": -0.5, "q_ms": 20, "r_ms": 50, "s_ms": 30, "qrs_pp_mv": 2.0}
    for code, value in expected.items():
        assert m[code] == pytest.approx(value, abs=1.1 if code.endswith("ms") else 0.03 * abs(value)), code
    assert not {"r2_mv", "r2_ms", "s2_mv"} & set(m)
    area = 2 / math.pi * (-0.2 * 20 + 1.5 * 50 - 0.5 * 30)
    assert m["qrs_area_mv_ms"] == pytest.approx(area, rel=0.02)
    assert m["intrinsicoid_ms"] == pytest.approx(45, abs=2.1)


def test_the_level_before_the_qrs_does_not_matter():
    low, high = measured(q_r_s), measured(lambda t: q_r_s(t) + 0.7)
    assert low == pytest.approx(high, abs=1e-9)


def test_r_s_r_of_a_right_bundle_branch_block():
    m = measured(lambda t: hump(300, 325, 0.3, t) + hump(325, 355, -0.6, t) + hump(355, 430, 0.9, t), qrs_off=430)
    assert [m[c] for c in ("r_mv", "s_mv", "r2_mv")] == pytest.approx([0.3, -0.6, 0.9], rel=0.02)
    assert [m[c] for c in ("r_ms", "s_ms", "r2_ms")] == pytest.approx([25, 30, 75], abs=1)
    assert "q_mv" not in m and "s2_mv" not in m
    assert m["intrinsicoid_ms"] == pytest.approx(92, abs=2), "to R', not to R"


def test_the_fourth_and_fifth_wave():
    m = measured(lambda t: sum(hump(300 + 20 * k, 320 + 20 * k, (-1) ** k * 0.4, t) for k in range(4)), qrs_off=380)
    assert [m[c] for c in ("r_mv", "s_mv", "r2_mv", "s2_mv")] == pytest.approx([0.4, -0.4, 0.4, -0.4], rel=0.02)


def test_without_r_the_qrs_is_one_s():
    m = measured(lambda t: hump(300, 400, -1.2, t))
    assert m["s_mv"] == pytest.approx(-1.2) and m["s_ms"] == pytest.approx(100, abs=1)
    assert not {"q_mv", "r_mv", "r2_mv", "s2_mv", "intrinsicoid_ms"} & set(m)


@pytest.mark.parametrize(("height", "length", "is_wave"), [(0.03, 10, True), (0.015, 10, False), (0.2, 4, False)])
def test_what_is_a_wave(height, length, is_wave):
    """20 µV and 6 ms; what is less parts nothing and is no Q."""
    m = measured(lambda t: hump(320 - length, 320, -height, t) + hump(320, 370, 1.0, t), fs=1000)
    assert ("q_mv" in m) == is_wave
    if is_wave:
        assert m["q_mv"] == pytest.approx(-height, rel=0.02)


def test_a_notch_that_touches_zero_makes_no_second_r():
    m = measured(lambda t: hump(300, 340, 0.8, t) + hump(340, 346, -0.015, t) + hump(346, 400, 1.0, t))
    assert "r2_mv" not in m and "s_mv" not in m
    assert m["r_mv"] == pytest.approx(1.0, rel=0.01) and m["r_ms"] == pytest.approx(100, abs=1)


def test_flat_stretches_belong_to_no_wave():
    m = measured(lambda t: hump(321, 361, 1.0, t), qrs_off=400)
    assert m["r_ms"] == pytest.approx(40, abs=2.1)
    noisy = measured(lambda t: hump(321, 361, 1.0, t) + 0.004 * np.sin(t / 3), qrs_off=400)
    assert noisy["r_ms"] == pytest.approx(40, abs=3)


def test_a_slow_beginning_belongs_to_its_wave():
    """A delta wave rises slowly from the onset on: nothing of it is flat."""
    m = measured(lambda t: ramp([(300, 0), (340, 0.2), (365, 1.5), (400, 0)], t))
    assert m["r_ms"] == pytest.approx(100, abs=4)
    assert m["upstroke_ms"] > 38
    assert measured(lambda t: hump(300, 400, 1.0, t))["upstroke_ms"] < 12


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_raised_st_is_no_wave_of_the_qrs(sign):
    """From the S on the lead climbs over zero before J and stays: an ST, no R'."""

    def draw(t):
        return sign * ramp(
            [(300, 0), (325, 1.2), (350, 0), (365, -0.4), (380, 0), (390, 0.25), (640, 0.25), (700, 0)], t
        )

    m = measured(draw, qrs_off=392)
    assert not {"r2_mv", "s2_mv"} & set(m)
    assert m["st_j_mv"] == pytest.approx(sign * 0.25, abs=0.01)


def test_st_levels_and_slope():
    m = measured(lambda t: q_r_s(t) + ramp([(399, 0), (400, -0.1), (500, -0.2), (501, 0)], t), qrs_off=400)
    for code, after in {"st_j20_mv": 20, "st_j40_mv": 40, "st_j60_mv": 60, "st_j80_mv": 80}.items():
        assert m[code] == pytest.approx(-0.1 - 0.001 * after, abs=0.002), code
    assert m["st_slope_mv_s"] == pytest.approx(-1.0, rel=0.05)


def test_no_st_where_filters_have_bent_it():
    assert not [code for code in measured(q_r_s, st=False) if code.startswith("st_")]


def test_p_in_two_phases_and_its_terminal_force():
    """Depth 0.15 mV for 55 ms: half a sine has its depth in its middle."""
    m = measured(lambda t: q_r_s(t) + hump(100, 145, 0.2, t) + hump(145, 200, -0.15, t))
    assert m["p_mv"] == pytest.approx(0.2, rel=0.03) and m["p2_mv"] == pytest.approx(-0.15, rel=0.03)
    assert m["p_terminal_force_mv_ms"] == pytest.approx(-0.15 * 55, rel=0.05)
    assert m["p_area_mv_ms"] == pytest.approx(2 / math.pi * (0.2 * 45 - 0.15 * 55), rel=0.1)


def test_p_without_a_second_phase_has_none():
    up = measured(lambda t: q_r_s(t) + hump(100, 200, 0.2, t))
    assert not {"p2_mv", "p_terminal_force_mv_ms"} & set(up)
    down = measured(lambda t: q_r_s(t) + hump(100, 200, -0.1, t))
    assert down["p_mv"] == pytest.approx(-0.1) and "p2_mv" not in down
    assert down["p_terminal_force_mv_ms"] == pytest.approx(-10, rel=0.05), "the whole P is its terminal part"
    first = measured(lambda t: q_r_s(t) + hump(100, 150, -0.1, t) + hump(150, 200, 0.1, t))
    assert "p_terminal_force_mv_ms" not in first, "the end is positive"


def test_the_terminal_force_is_of_v1():
    assert "p_terminal_force_mv_ms" not in measured(lambda t: hump(100, 200, -0.1, t) + q_r_s(t), lead="V2")


def test_no_p_no_measures_of_it():
    assert not [code for code in measured(q_r_s, has_p=False) if code.startswith("p")]


def test_t_in_two_phases():
    m = measured(lambda t: q_r_s(t) + hump(500, 610, 0.3, t) + hump(610, 700, -0.2, t))
    assert m["t_mv"] == pytest.approx(0.3, rel=0.01) and m["t2_mv"] == pytest.approx(-0.2, rel=0.01)
    assert m["t_area_mv_ms"] == pytest.approx(2 / math.pi * (0.3 * 110 - 0.2 * 90), rel=0.02)


def test_depressed_st_that_runs_into_t_is_no_phase_of_it():
    m = measured(lambda t: q_r_s(t) + ramp([(399, 0), (400, -0.1), (520, -0.1), (600, 0.4), (700, 0)], t), t_on=None)
    assert m["t_mv"] == pytest.approx(0.4, rel=0.02) and "t2_mv" not in m


@pytest.mark.parametrize(
    ("points", "middle", "everywhere"),
    [
        ([(300, 0), (360, 1.0), (440, 0)], 0, 0),
        ([(300, 0), (350, 1.0), (370, 0.7), (390, 1.0), (440, 0)], 1, 1),  # M
        ([(300, 0), (340, 0.8), (375, 0.95), (395, 1.2), (440, 0)], 1, 1),  # slower, then on
        ([(300, 0), (345, 1.0), (385, 1.0), (440, 0)], 1, 1),  # flat top
        ([(300, 0), (320, 0.7), (330, 0.5), (360, 1.2), (440, 0)], 0, 1),  # within the first 40 ms
        ([(300, 0), (350, 1.0), (405, 0.4), (420, 0.6), (440, 0)], 0, 1),  # in the last third
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_notches_and_slurs(points, middle, everywhere, sign):
    m = measured(lambda t: sign * ramp(points, t), qrs_off=440)
    assert (m["qrs_notches"], m["qrs_notches_all"]) == (middle, everywhere)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(300, 0), (360, 1.0), (440, 0)], 0.0),
        ([(300, 0), (320, 0.7), (330, 0.5), (360, 1.2), (440, 0)], 0.2),  # falls by 0.2, rises by 0.7
        ([(300, 0), (320, 1.2), (330, 0.5), (360, 0.6), (440, 0)], 0.1),  # falls by 0.7, rises by 0.1
        ([(300, 0), (345, 0.7), (355, 0.5), (380, 1.2), (440, 0)], 0.0),  # behind the first 40 ms
    ],
)
def test_r_falls_and_rises_again(points, expected):
    assert measured(lambda t: ramp(points, t), qrs_off=440)["r_reversal_mv"] == pytest.approx(expected, abs=0.02)


def test_waves_that_cross_zero_are_no_notches():
    m = measured(q_r_s)
    assert m["qrs_notches"] == 0 and m["qrs_notches_all"] == 0


def test_a_beat_without_a_qrs_is_not_measured():
    beat = MedianBeat(signal=np.zeros((1, 400)), fs=FS, r_peak=175, n_beats=3,
                      marks=LeadMarks(**{name: np.array([ABSENT]) for name in MARK_NAMES}), by_lead=(),
                      p_coherence=1.0)  # fmt: skip
    assert measure_leads(beat, leads=("II",), usable=("II",), has_p=True, st=True) == {}
    assert measure_leads(None, leads=("II",), usable=("II",), has_p=True, st=True) == {}
