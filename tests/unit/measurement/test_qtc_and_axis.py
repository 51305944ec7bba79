"""Formulas against worked figures of the papers; axes against vectors of known angle."""

from __future__ import annotations

import math

import pytest

from ecg_engine.errors import InputError
from ecg_engine.measurement import qtc_bazett_ms, qtc_framingham_ms, qtc_fridericia_ms, qtc_hodges_ms
from ecg_engine.measurement.global_measures import axis_deg


@pytest.mark.parametrize("formula", [qtc_bazett_ms, qtc_fridericia_ms, qtc_framingham_ms, qtc_hodges_ms])
def test_at_a_rate_of_60_every_formula_gives_qt_itself(formula):
    assert formula(412.0, 1000.0) == pytest.approx(412.0)


@pytest.mark.parametrize(
    ("formula", "qt_ms", "rr_ms", "expected"),
    [
        # AHA/ACCF/HRS 2009 part IV warns of Bazett at 100 /min: 380 ms become 491.
        (qtc_bazett_ms, 380.0, 600.0, 490.6),
        (qtc_fridericia_ms, 380.0, 600.0, 450.5),
        (qtc_framingham_ms, 380.0, 600.0, 441.6),
        (qtc_hodges_ms, 380.0, 600.0, 450.0),
    ],
)
def test_worked_figures_at_100_a_minute(formula, qt_ms, rr_ms, expected):
    assert formula(qt_ms, rr_ms) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rr_ms", [0.0, -5.0, float("nan")])
def test_no_rr_no_qtc(rr_ms):
    with pytest.raises(InputError):
        qtc_bazett_ms(400.0, rr_ms)


@pytest.mark.parametrize("pair", [("I", "II"), ("I", "III"), ("II", "III"), ("I", "II", "III")])
@pytest.mark.parametrize("angle", range(-175, 181, 25))
def test_axis_of_a_known_vector_from_any_two_limb_leads(angle, pair):
    """Einthoven's triangle: leads I, II, III are the vector's projections on 0, 60 and 120 degrees."""
    at = {"I": 0, "II": 60, "III": 120}
    areas = {name: 40.0 * math.cos(math.radians(angle - at[name])) for name in pair}
    assert axis_deg(areas, 0.5) == pytest.approx(angle, abs=1e-6)


def test_one_lead_or_no_vector_has_no_axis():
    assert axis_deg({"II": 10.0}, 0.5) is None
    assert axis_deg({"I": 0.1, "II": 0.1}, 0.5) is None
