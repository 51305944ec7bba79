"""The frontal axis of the QRS, and blocks of the left bundle's branches (AHA/ACCF/HRS 2009, part III)."""

from __future__ import annotations

import math
from typing import Final

from ecg_engine.interpretation.conduction import (
    QRS_ERROR_MS,
    has_q,
    height,
    is_lbbb,
    is_measured,
    is_rbbb_shape,
    is_ventricular_shape,
    is_wide,
    net,
)
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.types import Evidence, Statement

#: Left axis deviation from here, right from there, extreme beyond.
LEFT_DEG: Final = -30.0
RIGHT_DEG: Final = 90.0
NORTH_DEG: Final = -90.0
EXTREME_DEG: Final = 180.0
#: A deviation is said where the angle passes its limit by so much, chosen: two readings of one tracing, by areas or by
#: amplitudes, differ by a few degrees, and most angles that are just beyond a limit are of healthy hearts.
AXIS_ERROR_DEG: Final = 5.0
#: Left anterior fascicular block from here on to -90.
LAFB_DEG: Final = -45.0
#: Left posterior fascicular block from here on: the guideline's 90 degrees, and 10 more (chosen), since slender and
#: young hearts stand at 90 to 100.
LPFB_DEG: Final = 100.0
#: R of aVL peaks from here on in left anterior fascicular block, ms.
LAFB_PEAK_MS: Final = 45.0
#: Minnesota code 7-7 asks for a q in I of so much, mV, and shorter than this, ms.
MINNESOTA_Q_MV: Final = 0.025
MINNESOTA_Q_MS: Final = 30.0
#: q of aVL and of III and aVF in the fascicular blocks is small: any wave counts, mV (IEC 60601-2-25).
SMALL_Q_MV: Final = 0.02


def _adult_axis(c: Context) -> float | None:
    """Return the axis where it means something: in adults, whose ventricles set the pace."""
    return c.get("qrs_axis_deg") if c.limits.adult and not is_ventricular_shape(c) else None


@rule("axis")
def axis_left(c: Context) -> Statement | None:
    """QRS axis from -30 to -90 degrees, beyond the limit by the angle's error of 5 degrees."""
    axis = _adult_axis(c)
    if axis is None or not NORTH_DEG <= axis < LEFT_DEG - AXIS_ERROR_DEG:
        return None
    return Statement(code="axis_left", evidence=(fact(c, "qrs_axis_deg", "<", LEFT_DEG, source="aha_2009_iii"),))


@rule("axis")
def axis_right(c: Context) -> Statement | None:
    """QRS axis from 90 to 180 degrees, beyond the limit by the angle's error of 5 degrees; lead I does not point up."""
    axis = _adult_axis(c)
    if axis is None or not RIGHT_DEG + AXIS_ERROR_DEG < axis <= EXTREME_DEG:
        return None
    # A broad S counts for more by areas than by heights: where these point left there is no deviation to be seen.
    if is_measured(c, "I") and net(c, "I") > 0:
        return None
    return Statement(code="axis_right", evidence=(fact(c, "qrs_axis_deg", ">", RIGHT_DEG, source="aha_2009_iii"),))


@rule("axis")
def axis_extreme(c: Context) -> Statement | None:
    """QRS axis from -90 to -180 degrees."""
    axis = _adult_axis(c)
    if axis is None or axis >= NORTH_DEG:
        return None
    return Statement(code="axis_extreme", evidence=(fact(c, "qrs_axis_deg", "<", NORTH_DEG, source="aha_2009_iii"),))


def unblocked_axis_deg(c: Context) -> float | None:
    """Return the frontal axis of the ventricle that is reached in time.

    Right bundle branch block turns the end of the QRS to the right and says nothing of the left bundle's branches:
    there the axis is taken from the waves before it, R with Q of I, and R with the S of aVF.
    """
    axis = _adult_axis(c)
    if axis is None or not (is_wide(c) and is_rbbb_shape(c)):
        return axis
    if not is_measured(c, "I", "aVF"):
        return None
    x = (c.get("r_mv", "I") or 0.0) + (c.get("q_mv", "I") or 0.0)
    # An augmented lead is shorter than I by sqrt(3) / 2.
    y = net(c, "aVF") * 2 / math.sqrt(3)
    return math.degrees(math.atan2(y, x))


def _is_narrow_or_rbbb(c: Context) -> bool:
    """Return whether the QRS is below its limit within its error, or that of right bundle branch block."""
    narrow = (c.get("qrs_ms") or 0.0) < c.limits.qrs_wide_ms + QRS_ERROR_MS
    return not is_lbbb(c) and (narrow or is_rbbb_shape(c))


def is_lafb(c: Context) -> bool:
    """Return whether the criteria of left anterior fascicular block hold: the AHA's, or those of Minnesota code 7-7."""
    axis = unblocked_axis_deg(c)
    if axis is None or not NORTH_DEG <= axis <= LAFB_DEG or not _is_narrow_or_rbbb(c):
        return False
    return _is_late_qr(c) or _has_minnesota_q(c)


def _is_late_qr(c: Context) -> bool:
    """Return whether aVL shows qR that peaks late."""
    small_q = (c.get("q_mv", "aVL") or 0.0) <= -SMALL_Q_MV
    return small_q and net(c, "aVL") > 0 and (c.get("intrinsicoid_ms", "aVL") or 0.0) >= LAFB_PEAK_MS


def _has_minnesota_q(c: Context) -> bool:
    """Return whether I shows a short q before R."""
    q, length = c.get("q_mv", "I"), c.get("q_ms", "I")
    return q is not None and length is not None and q <= -MINNESOTA_Q_MV and length < MINNESOTA_Q_MS


def is_lpfb(c: Context) -> bool:
    """Return whether the criteria of left posterior fascicular block hold: rS in I and aVL, qR in III and aVF."""
    axis = unblocked_axis_deg(c)
    if axis is None or not LPFB_DEG <= axis <= EXTREME_DEG or (is_wide(c) and not is_rbbb_shape(c)):
        return False
    left = all(not has_q(c, lead) and net(c, lead) < 0 < height(c, lead) for lead in ("I", "aVL"))
    right = all((c.get("q_mv", lead) or 0.0) <= -SMALL_Q_MV and net(c, lead) > 0 for lead in ("III", "aVF"))
    return left and right


def _evidence(c: Context, relation: str, degrees: float, *shapes: tuple[str, str]) -> tuple[Evidence, ...]:
    more = [fact(c, code, source="aha_2009_iii", lead=lead) for code, lead in shapes if c.get(code, lead) is not None]
    return (fact(c, "qrs_axis_deg", relation, degrees, source="aha_2009_iii"), *more)


@rule("conduction")
def lafb(c: Context) -> Statement | None:
    """Axis from -45 to -90 degrees, qR in aVL that peaks from 45 ms on; QRS below 130 ms, or that of RBBB."""
    if not is_lafb(c):
        return None
    evidence = _evidence(c, "<=", LAFB_DEG, ("q_mv", "aVL"), ("r_mv", "aVL"), ("intrinsicoid_ms", "aVL"))
    return Statement(code="lafb", certainty="probable", evidence=evidence, leads=("aVL",))


@rule("conduction")
def lpfb(c: Context) -> Statement | None:
    """Axis from 100 degrees, rS in I and aVL, qR in III and aVF, QRS not wide but for RBBB; other causes not known."""
    if not is_lpfb(c):
        return None
    evidence = _evidence(c, ">=", LPFB_DEG, ("s_mv", "I"), ("q_mv", "III"), ("r_mv", "III"))
    return Statement(code="lpfb", certainty="possible", evidence=evidence, leads=("I", "III"))


@rule("conduction")
def bifascicular_block(c: Context) -> Statement | None:
    """Complete right bundle branch block with block of one branch of the left bundle."""
    if not is_wide(c) or not is_rbbb_shape(c) or not (is_lafb(c) or is_lpfb(c)):
        return None
    certainty = "probable" if is_lafb(c) else "possible"
    width = fact(c, "qrs_ms", ">=", c.limits.qrs_wide_ms, source="aha_2009_iii")
    return Statement(
        code="bifascicular_block",
        certainty=certainty,
        evidence=(width, fact(c, "qrs_axis_deg", source="aha_2009_iii")),
    )
