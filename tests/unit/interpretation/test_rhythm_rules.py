"""Rules of rhythm at their limits."""

from __future__ import annotations

import pytest

from tests.unit.interpretation.test_rules import FIBRILLATING, context, said

PVC = {
    "n_premature_ventricular": 2.0, "premature_ventricular_rr_ms": 500.0,
    "premature_ventricular_pause_percent": 100.0, "premature_ventricular_qrs_ms": 150.0,
}  # fmt: skip
PAC = {"n_premature_atrial": 1.0, "premature_atrial_rr_ms": 500.0, "premature_atrial_pause_percent": 85.0}


def test_premature_beats_of_either_kind_leave_the_sinus_rhythm():
    assert said(context(**PVC)) == {"sinus_rhythm", "premature_ventricular_complex"}
    assert said(context(**PAC)) == {"sinus_rhythm", "premature_atrial_complex"}


def test_in_fibrillation_ventricular_beats_are_said_and_atrial_ones_are_not():
    found = said(context(**FIBRILLATING, **PVC, **PAC))
    assert "premature_ventricular_complex" in found and "premature_atrial_complex" not in found


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"ventricular_bigeminy_beats": 3.0}, "ventricular_bigeminy"),
        ({"ventricular_trigeminy_beats": 3.0}, "ventricular_trigeminy"),
        ({"n_ventricular_couplets": 1.0}, "ventricular_couplet"),
    ],
)
def test_order_of_ventricular_beats(measured, code):
    assert code in said(context(**PVC, **measured))
    less = {k: v - 1 for k, v in measured.items()}
    assert code not in said(context(**PVC, **less))


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        ({"atrial_bigeminy_beats": 3.0}, "atrial_bigeminy"),
        ({"n_atrial_couplets": 1.0}, "atrial_couplet"),
        ({"atrial_run_longest_beats": 3.0}, "atrial_run"),
    ],
)
def test_order_of_atrial_beats(measured, code):
    assert code in said(context(**PAC, **measured))
    assert code not in said(context(**measured)), "nothing without the beats themselves"
