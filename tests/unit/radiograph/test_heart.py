"""The heart's numbers that a score is joined with: as drawn where the outline is sure, else nearer to the usual."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.radiograph._outlines import heart_widths
from ecg_engine.radiograph.heart import EXPECTED, expected_heart
from ecg_engine.types import Anatomy, HeartOutline

SIZE = 400
WHOLE = (0, 0, SIZE, SIZE)
USUAL = (0.20, 0.25, 0.30, 0.38, 0.44, 0.40)
SPREAD = (0.042, 0.047, 0.062, 0.074, 0.088, 0.143)


def masks(*, stretch: tuple[int, int] = (1, 1), shift: int = 0) -> np.ndarray:
    """Return lungs 200 high, 200 wide together, and a heart that widens by 10 in each tenth from 40 on."""
    out = np.zeros((3, SIZE, SIZE), np.bool_)
    out[0, 50:250, 60:140] = True
    out[1, 70:230, 180:260] = True
    for tenth in range(10):
        out[2, 50 + 20 * tenth : 70 + 20 * tenth, 150 : 190 + 10 * tenth] = True
    out = np.roll(out, shift, 2)
    return out.repeat(stretch[0], 1).repeat(stretch[1], 2)


def anatomy(outlined: HeartOutline | None) -> Anatomy:
    right, left, _ = masks()
    nothing = np.zeros_like(right)
    return Anatomy(right_lung=right, left_lung=left, heart=nothing, confidence=0.4, method="drawn", outlined=outlined)


@pytest.mark.parametrize("how", [{}, {"shift": 30}, {"stretch": (2, 1)}, {"stretch": (1, 3)}])
def test_widths_are_those_of_the_tenths_over_the_lungs_whatever_the_picture(how: dict[str, object]) -> None:
    drawn = tuple((40 + 10 * tenth) / 200 for tenth in range(3, 9))
    assert heart_widths(masks(**how)) == pytest.approx(drawn, abs=1e-9)  # type: ignore[arg-type]


def test_without_a_lung_there_are_no_widths() -> None:
    for gone in (0, 1):
        one = masks()
        one[gone] = False
        assert heart_widths(one) is None
    low = np.zeros((3, SIZE, SIZE), np.bool_)
    low[:2, 100:105, 100:200] = True
    assert heart_widths(low) is None


def posterior(value: float, usual: float, spread: float, error: float) -> float:
    """By sums over a grid: people spread around the usual value, 9 of 10 errors lie in the bound."""
    true = np.linspace(-2, 3, 50001)
    weight = np.exp(-(((true - usual) / spread) ** 2) / 2 - (((value - true) / (error / 1.6449)) ** 2) / 2)
    return float((weight * true).sum() / weight.sum())


@pytest.mark.parametrize(("view", "usual"), [("PA", 0.48), ("AP", 0.52), (None, 0.50), ("FRONTAL", 0.50)])
@pytest.mark.parametrize(("ratio", "error"), [(0.6, 0.02), (0.6, 0.3), (0.4, 0.1)])
def test_each_number_is_the_mean_of_its_posterior(view: str | None, usual: float, ratio: float, error: float) -> None:
    widths = tuple(ratio - 0.05 * k for k in range(6))
    found = expected_heart(anatomy(HeartOutline(ratio=ratio, error=error, widths=widths)), WHOLE, view=view)
    assert tuple(found) == EXPECTED
    # What AP adds to the ratio is taken off again.
    by_hand = posterior(ratio, usual, 0.07, error) - usual + 0.5
    others = [posterior(*one, error) for one in zip(widths, USUAL, SPREAD, strict=True)]
    assert list(found.values()) == pytest.approx([by_hand, *others], abs=1e-3)


def test_nothing_is_expected_without_a_heart_or_with_a_lung_cut_off() -> None:
    assert expected_heart(anatomy(None), WHOLE, view="PA") == {}
    cut = anatomy(HeartOutline(ratio=0.5, error=0.1, widths=USUAL))
    assert expected_heart(cut, (0, 100, SIZE, SIZE - 100), view="PA") == {}
