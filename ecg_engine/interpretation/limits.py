"""Clinical limits by age and sex, each with its source. What a limit is asked for without an age is the adult's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ADULT_AGE_YEARS", "Limits", "limits_for"]

#: From this age the adult limits hold (AHA/ACC/HRS 2009, part III: QRS limits change at 16 years).
ADULT_AGE_YEARS: Final = 16.0

#: Usual heart rate awake by age: (from years, lowest, highest), per minute. Pediatric Advanced Life Support 2015
#: (doi:10.1161/CIR.0000000000000266); adults: 60 to 100 by convention, bradycardia below 60, tachycardia above 100.
_RATES: Final = ((0.0, 100.0, 180.0), (1.0, 98.0, 140.0), (3.0, 80.0, 120.0), (6.0, 75.0, 118.0), (12.0, 60.0, 100.0))

#: Widest normal QRS by age, ms: wide is above 90 below 4 years, above 100 to 16, 120 and more in adults
#: (AHA/ACCF/HRS 2009, part III, doi:10.1161/CIRCULATIONAHA.108.191095).
_WIDE_QRS_MS: Final = ((0.0, 90.0), (4.0, 100.0), (16.0, 120.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits for one patient.

    Parameters
    ----------
    slow_bpm, fast_bpm : float
        Bradycardia below, tachycardia above.
    pr_long_ms : float
        First-degree block above.
    qrs_wide_ms : float
        Wide from here.
    lbbb_strauss_ms : float
        Complete left bundle branch block by Strauss's criteria from here: 130 ms in women, 140 ms in men
        (doi:10.1016/j.amjcard.2010.11.010); 140 where sex is unknown.
    cornell_mv, peguero_mv : float
        Left ventricular hypertrophy above by the Cornell voltage (Casale 1987): 2.0 mV in women, 2.8 mV in men; from
        here on by Peguero-Lo Presti (2017): 2.3 mV in women, 2.8 mV in men. The men's where sex is unknown.
    qtc_long_ms : float
        Prolonged from here: 460 ms in women, 450 ms in men (AHA/ACCF/HRS 2009, part IV); 460 where sex is unknown.
    qtc_critical_ms : float
        From here the risk of torsade is high (same source).
    st_v2_v3_mv, st_other_mv : float
        ST elevation at J from here (fourth Universal Definition, table 2).
    adult : bool
    """

    slow_bpm: float
    fast_bpm: float
    pr_long_ms: float
    qrs_wide_ms: float
    lbbb_strauss_ms: float
    cornell_mv: float
    peguero_mv: float
    qtc_long_ms: float
    qtc_critical_ms: float
    st_v2_v3_mv: float
    st_other_mv: float
    adult: bool


def limits_for(age_years: float | None, sex: str | None) -> Limits:
    """Return the limits for an age in years and a sex ("F", "M"); None where unknown.

    Without a sex, or for men without an age, the limits that call less are taken.

    Examples
    --------
    >>> limits_for(30, "M").st_v2_v3_mv, limits_for(61, "M").st_v2_v3_mv, limits_for(61, "F").st_v2_v3_mv
    (0.25, 0.2, 0.15)
    >>> limits_for(0.5, None).fast_bpm
    180.0
    """
    adult = age_years is None or age_years >= ADULT_AGE_YEARS
    slow, fast = 60.0, 100.0
    wide = 120.0
    if age_years is not None:
        for start, low, high in _RATES:
            if age_years >= start:
                slow, fast = low, high
        for start, value in _WIDE_QRS_MS:
            if age_years >= start:
                wide = value
    st_v2_v3_men = 0.2 if age_years is not None and age_years >= 40 else 0.25
    return Limits(
        slow_bpm=slow,
        fast_bpm=fast,
        pr_long_ms=200.0,
        qrs_wide_ms=wide,
        lbbb_strauss_ms=130.0 if sex == "F" else 140.0,
        cornell_mv=2.0 if sex == "F" else 2.8,
        peguero_mv=2.3 if sex == "F" else 2.8,
        qtc_long_ms=450.0 if sex == "M" else 460.0,
        qtc_critical_ms=500.0,
        st_v2_v3_mv=0.15 if sex == "F" else st_v2_v3_men,
        st_other_mv=0.1,
        adult=adult,
    )
