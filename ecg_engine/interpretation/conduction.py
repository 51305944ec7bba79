"""Conduction: first-degree AV block, wide QRS and bundle branch blocks, axis deviation."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_paced, is_sinus
from ecg_engine.types import Statement

#: Left axis deviation from here, right from there, extreme beyond (AHA/ACCF/HRS 2009, part III).
LEFT_DEG: Final = -30.0
RIGHT_DEG: Final = 90.0
NORTH_DEG: Final = -90.0
EXTREME_DEG: Final = 180.0
#: An S of right bundle branch block in I and V6 is at least so deep, mV.
RBBB_S_MV: Final = -0.1
#: In LBBB no q stands in I, V5 and V6: a deflection as small as this is none, mV.
NO_Q_MV: Final = 0.05


@rule("conduction")
def av_block_1(c: Context) -> Statement | None:
    """PR above 200 ms in sinus rhythm."""
    pr = c.get("pr_ms")
    if pr is None or not c.limits.adult or not is_sinus(c) or pr <= c.limits.pr_long_ms:
        return None
    return Statement(code="av_block_1", evidence=(fact(c, "pr_ms", ">", c.limits.pr_long_ms, source="acc_brady_2018"),))


def is_wide(c: Context) -> bool:
    """Return whether QRS is wide for the age."""
    qrs = c.get("qrs_ms")
    return qrs is not None and qrs >= c.limits.qrs_wide_ms


def _net(c: Context, lead: str) -> float | None:
    """Return the sum of the largest deflections of either sign of a lead's QRS, mV."""
    if c.get("qrs_pp_mv", lead) is None:
        return None
    up = max(c.get(code, lead) or 0.0 for code in ("r_mv", "r2_mv"))
    down = min(c.get(code, lead) or 0.0 for code in ("q_mv", "s_mv", "s2_mv"))
    return up + down


def _is_lbbb(c: Context) -> bool:
    v1, v6, one = _net(c, "V1"), _net(c, "V6"), _net(c, "I")
    if v1 is None or v6 is None or one is None:
        return False
    no_q = all((c.get("q_mv", lead) or 0.0) > -NO_Q_MV for lead in ("I", "V6"))
    return v1 < 0 and v6 > 0 and one > 0 and no_q


def _is_rbbb(c: Context) -> bool:
    v1 = _net(c, "V1")
    if v1 is None or v1 <= 0:
        return False
    return all(min(c.get("s_mv", lead) or 0.0, c.get("s2_mv", lead) or 0.0) <= RBBB_S_MV for lead in ("I", "V6"))


def _wide_evidence(c: Context, *more: tuple[str, str]) -> tuple:  # type: ignore[type-arg]
    width = fact(c, "qrs_ms", ">=", c.limits.qrs_wide_ms, source="aha_2009_iii")
    shapes = [fact(c, code, source="aha_2009_iii", lead=lead) for code, lead in more if c.get(code, lead) is not None]
    return (width, *shapes)


@rule("conduction")
def rbbb_complete(c: Context) -> Statement | None:
    """QRS wide, upright in V1, with an S in I and V6."""
    if not is_wide(c) or is_paced(c) or not c.limits.adult or not _is_rbbb(c):
        return None
    evidence = _wide_evidence(c, ("r_mv", "V1"), ("r2_mv", "V1"), ("s_mv", "I"), ("s_mv", "V6"))
    return Statement(code="rbbb_complete", certainty="probable", evidence=evidence, leads=("V1",))


@rule("conduction")
def lbbb_complete(c: Context) -> Statement | None:
    """QRS wide, downwards in V1, upright without q in I and V6."""
    if not is_wide(c) or is_paced(c) or not c.limits.adult or _is_rbbb(c) or not _is_lbbb(c):
        return None
    evidence = _wide_evidence(c, ("s_mv", "V1"), ("r_mv", "I"), ("r_mv", "V6"))
    return Statement(code="lbbb_complete", certainty="probable", evidence=evidence, leads=("V1", "V6"))


@rule("conduction")
def wide_qrs(c: Context) -> Statement | None:
    """QRS wide for the age, of no shape that is named here."""
    if not is_wide(c) or is_paced(c) or rbbb_complete(c) is not None or lbbb_complete(c) is not None:
        return None
    return Statement(code="wide_qrs", evidence=_wide_evidence(c))


@rule("axis")
def axis_left(c: Context) -> Statement | None:
    """QRS axis from -30 to -90 degrees."""
    axis = _adult_axis(c)
    if axis is None or not NORTH_DEG <= axis < LEFT_DEG:
        return None
    return Statement(code="axis_left", evidence=(fact(c, "qrs_axis_deg", "<", LEFT_DEG, source="aha_2009_iii"),))


@rule("axis")
def axis_right(c: Context) -> Statement | None:
    """QRS axis from 90 to 180 degrees."""
    axis = _adult_axis(c)
    if axis is None or not RIGHT_DEG < axis <= EXTREME_DEG:
        return None
    return Statement(code="axis_right", evidence=(fact(c, "qrs_axis_deg", ">", RIGHT_DEG, source="aha_2009_iii"),))


@rule("axis")
def axis_extreme(c: Context) -> Statement | None:
    """QRS axis from -90 to -180 degrees."""
    axis = _adult_axis(c)
    if axis is None or axis >= NORTH_DEG:
        return None
    return Statement(code="axis_extreme", evidence=(fact(c, "qrs_axis_deg", "<", NORTH_DEG, source="aha_2009_iii"),))


def _adult_axis(c: Context) -> float | None:
    """Return the axis where it means something: in adults, whose ventricles set the pace."""
    return c.get("qrs_axis_deg") if c.limits.adult and not is_paced(c) else None
