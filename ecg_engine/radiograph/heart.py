"""How large the heart is to be expected by its outline, to join a score of cardiomegaly with; never reported.

Where the outline may be far off it says little, so each number is drawn towards the usual one: the mean of the
posterior where both the numbers of people and the errors are normally distributed (Gelman et al., Bayesian Data
Analysis, 3rd ed., 2.11).
"""

from __future__ import annotations

from typing import Final

from ecg_engine.radiograph._outlines import HEART_TENTHS
from ecg_engine.radiograph.anatomy import chest_wall_cut
from ecg_engine.types import Anatomy

__all__ = ["EXPECTED", "expected_heart"]

#: Mean and standard deviation of adults' cardiothoracic ratio, and how much larger it is where the X-rays come from the
#: front, the heart far from the detector: of 1,671 adults of ChestX-ray14 whose ratio is believed 0.484 PA, 0.525 AP.
_RATIO: Final = (0.5, 0.07)
_AP_LARGER: Final = 0.04
#: Mean and standard deviation of the heart's widths, of 2,000 adults of ChestX-ray14.
_WIDTHS: Final = ((0.20, 0.042), (0.25, 0.047), (0.30, 0.062), (0.38, 0.074), (0.44, 0.088), (0.40, 0.143))
#: What 9 of 10 errors stay within, in standard deviations of a normal distribution.
_NINE_OF_TEN: Final = 1.645
#: Codes of the numbers, in order.
EXPECTED: Final = (
    "cardiothoracic_ratio_expected",
    *(f"heart_width_expected_{tenth}" for tenth in range(HEART_TENTHS[0], HEART_TENTHS[1] + 1)),
)


def expected_heart(anatomy: Anatomy, inside: tuple[int, int, int, int], *, view: str | None) -> dict[str, float]:
    """Return the cardiothoracic ratio halfway between PA and AP, and the heart's widths, that are to be expected.

    Parameters
    ----------
    anatomy : Anatomy
        Of `anatomy.segment`; `outlined` counts whether the heart is believed or not.
    inside : (top, left, rows, columns)
        Where the picture lies in the square.
    view : {"PA", "AP"}, optional
        From the header. Half of what AP adds is added to a PA ratio and taken off an AP one; of another view or None
        the ratio stays.

    Returns
    -------
    dict of str to float
        ``cardiothoracic_ratio_expected``: heart's width over the chest's. ``heart_width_expected_4`` to ``_9``: mean
        width of the heart in that tenth of the lungs' height, from the apices down, over the lungs' width. Without a
        unit; the ratio's error is taken for that of each. Empty where no heart was outlined, or a side of the picture
        cuts the chest wall off.

    Examples
    --------
    >>> import numpy as np
    >>> from ecg_engine.types import HeartOutline
    >>> nothing = np.zeros((256, 256), np.bool_)
    >>> seen = HeartOutline(ratio=0.62, error=0.2, widths=(0.2, 0.25, 0.3, 0.4, 0.5, 0.5))
    >>> one = Anatomy(
    ...     right_lung=nothing, left_lung=nothing, heart=nothing, confidence=0.4, method="", outlined=seen
    ... )
    >>> found = expected_heart(one, (0, 0, 256, 256), view="AP")
    >>> round(found["cardiothoracic_ratio_expected"], 3), round(found["heart_width_expected_8"], 3)
    (0.525, 0.461)
    """
    seen = anatomy.outlined
    if seen is None or chest_wall_cut(anatomy, inside):
        return {}
    larger = _AP_LARGER * {"PA": -0.5, "AP": 0.5}.get(view or "", 0.0)
    sd = seen.error / _NINE_OF_TEN
    numbers = zip((seen.ratio - larger, *seen.widths), (_RATIO, *_WIDTHS), strict=True)
    return dict(zip(EXPECTED, (_posterior(value, *usual, sd) for value, usual in numbers), strict=True))


def _posterior(value: float, mean: float, spread: float, sd: float) -> float:
    """Return what is to be expected of a number read with an error of `sd` where people's spread around `mean`."""
    return mean + (value - mean) * spread**2 / (spread**2 + sd**2)
