"""What a measurement is in healthy people of the same age and sex: shown beside the value, and no rule by itself.

Children below 16 years: 2nd and 98th percentiles of 1912 healthy Dutch children (Rijnbeek 2001,
doi:10.1053/euhj.2000.2399; QTc there is Bazett's). Adults: the limits of the recommendations, by sex where they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ecg_engine.interpretation.limits import ADULT_AGE_YEARS

__all__ = ["Range", "normal_limits"]

#: Lowest and highest normal value; None where a side has no limit.
Range = tuple[float | None, float | None]

#: Where each child's limit stands in a row of `_CHILDREN`.
_CHILD_CODES: Final = ("heart_rate_bpm", "pr_ms", "qrs_ms", "qtc_bazett_ms", "qrs_axis_deg")

_Group = tuple[tuple[float, float], ...]
#: From this age, years: boys, girls.
_CHILDREN: Final[tuple[tuple[float, _Group, _Group], ...]] = (
    (0.0, ((129, 192), (77, 120), (50, 85), (378, 448), (75, 140)),
          ((136, 216), (91, 121), (54, 79), (379, 462), (63, 155))),
    (1 / 12, ((126, 187), (85, 120), (52, 77), (396, 458), (37, 138)),
             ((126, 200), (78, 133), (48, 77), (381, 454), (39, 121))),
    (0.25, ((112, 165), (87, 134), (54, 85), (391, 453), (-6, 107)),
           ((122, 191), (84, 127), (50, 78), (386, 448), (17, 108))),
    (0.5, ((106, 194), (82, 141), (52, 86), (379, 449), (14, 122)),
          ((106, 187), (88, 133), (52, 80), (381, 446), (1, 102))),
    (1.0, ((97, 155), (86, 151), (54, 88), (383, 455), (-4, 118)),
          ((95, 178), (78, 147), (54, 85), (381, 447), (2, 121))),
    (3.0, ((73, 123), (98, 152), (58, 92), (377, 448), (7, 112)),
          ((78, 124), (99, 153), (58, 88), (388, 442), (3, 106))),
    (5.0, ((62, 113), (99, 160), (63, 98), (371, 443), (-10, 112)),
          ((68, 115), (92, 156), (59, 95), (375, 449), (27, 117))),
    (8.0, ((55, 101), (105, 174), (67, 103), (373, 440), (-21, 114)),
          ((58, 110), (103, 163), (66, 99), (365, 447), (5, 117))),
    (12.0, ((48, 99), (107, 178), (78, 111), (362, 449), (-9, 112)),
           ((54, 107), (106, 176), (72, 106), (370, 457), (5, 101))),
)  # fmt: skip

#: Of adults, whatever their sex. Rate: by convention. P: AHA/ACCF/HRS 2009, part V. PR: below it pre-excitation is
#: looked for, above it is first-degree block (ACC/AHA/HRS 2018, bradycardia). QRS and its axis: AHA/ACCF/HRS 2009,
#: part III. Voltages: Sokolow-Lyon and the Cornell product, part V of the same. Points of Selvester: 19 of
#: 20 healthy people have no more (Hindman 1985, doi:10.1016/0002-9149(85)90958-0).
_ADULTS: Final[dict[str, Range]] = {
    "heart_rate_bpm": (60.0, 100.0),
    "p_duration_ms": (None, 120.0),
    "pr_ms": (120.0, 200.0),
    "qrs_ms": (None, 110.0),
    "qrs_axis_deg": (-30.0, 90.0),
    "sokolow_lyon_mv": (None, 3.5),
    "cornell_product_mv_ms": (None, 244.0),
    "selvester_points": (None, 3.0),
}
#: By sex: QTc from here on is prolonged (AHA/ACCF/HRS 2009, part IV); Cornell voltage (Casale 1987,
#: doi:10.1161/01.CIR.75.3.565); Peguero-Lo Presti (2017, doi:10.1016/j.jacc.2017.01.037).
_ADULTS_BY_SEX: Final[dict[str, dict[str, Range]]] = {
    "M": {"qtc_fridericia_ms": (None, 450.0), "cornell_mv": (None, 2.8), "peguero_mv": (None, 2.8)},
    "F": {"qtc_fridericia_ms": (None, 460.0), "cornell_mv": (None, 2.0), "peguero_mv": (None, 2.3)},
}


def normal_limits(age_years: float | None, sex: str | None) -> Mapping[str, Range]:
    """Return the normal limits by quantity code.

    Parameters
    ----------
    age_years : float, optional
        None: an adult.
    sex : {"F", "M"}, optional
        None: the wider of both sexes' limits.

    Returns
    -------
    mapping of str to (float or None, float or None)
        Lowest and highest value, in the quantity's unit.

    Examples
    --------
    >>> normal_limits(0.5, "F")["heart_rate_bpm"], normal_limits(40, "M")["qtc_fridericia_ms"]
    ((106, 187), (None, 450.0))
    """
    if age_years is not None and age_years < ADULT_AGE_YEARS:
        _, boys, girls = next(row for row in reversed(_CHILDREN) if age_years >= row[0])
        return _of_sex(dict(zip(_CHILD_CODES, boys, strict=True)), dict(zip(_CHILD_CODES, girls, strict=True)), sex)
    return {**_ADULTS, **_of_sex(_ADULTS_BY_SEX["M"], _ADULTS_BY_SEX["F"], sex)}


def _of_sex(male: Mapping[str, Range], female: Mapping[str, Range], sex: str | None) -> Mapping[str, Range]:
    if sex is not None:
        return male if sex == "M" else female
    return {code: _wider(male[code], female[code]) for code in male}


def _wider(one: Range, other: Range) -> Range:
    lows = [low for low in (one[0], other[0]) if low is not None]
    highs = [high for high in (one[1], other[1]) if high is not None]
    return (min(lows) if len(lows) == 2 else None, max(highs) if len(highs) == 2 else None)
