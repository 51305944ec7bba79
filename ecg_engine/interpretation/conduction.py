"""What the QRS of a lead looks like to the rules of conduction, hypertrophy and repolarisation."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.context import Context
from ecg_engine.interpretation.rhythm import is_paced

#: A negative deflection smaller than this before R is no q: IEC 60601-2-25 asks for 0.02 mV, and what the eye and a
#: normal limit of septal q in I and V6 call one begins at half a small square, mV.
NO_Q_MV: Final = 0.05


def is_wide(c: Context) -> bool:
    """Return whether QRS is wide for the age."""
    qrs = c.get("qrs_ms")
    return qrs is not None and qrs >= c.limits.qrs_wide_ms


def is_measured(c: Context, *leads: str) -> bool:
    """Return whether the QRS was measured in each of the leads."""
    return all(c.get("qrs_pp_mv", lead) is not None for lead in leads)


def height(c: Context, lead: str) -> float:
    """Return the higher of R and R' of a lead, mV; 0 without."""
    return max(c.get(code, lead) or 0.0 for code in ("r_mv", "r2_mv"))


def depth(c: Context, lead: str) -> float:
    """Return the deepest of Q, S and S' of a lead, mV, as a positive number; 0 without."""
    return -min(c.get(code, lead) or 0.0 for code in ("q_mv", "s_mv", "s2_mv"))


def late_depth(c: Context, lead: str) -> float:
    """Return the deeper of S and S' of a lead, mV, as a positive number; 0 without. A QS is an S."""
    return -min(c.get(code, lead) or 0.0 for code in ("s_mv", "s2_mv"))


def net(c: Context, lead: str) -> float:
    """Return the sum of the largest deflections of either sign of a lead's QRS, mV."""
    return height(c, lead) - depth(c, lead)


def has_q(c: Context, lead: str) -> bool:
    """Return whether a Q stands before R in a lead."""
    return (c.get("q_mv", lead) or 0.0) <= -NO_Q_MV


def is_ventricular_shape(c: Context) -> bool:
    """Return whether the shape of the QRS is the pacemaker's and tells nothing of conduction, or nobody knows it."""
    return is_paced(c) or c.get("qrs_ms") is None
