"""Bundle branch blocks, complete and incomplete, wide QRS of no such shape; and what other families ask of the QRS.

AHA/ACCF/HRS 2009, part III (doi:10.1161/CIRCULATIONAHA.108.191095); left bundle branch block also by Strauss DG et al.
2011 (doi:10.1016/j.amjcard.2010.11.010).
"""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.basic import is_flutter
from ecg_engine.interpretation.context import Context, fact, remembered, rule
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.types import Evidence, Statement

#: A negative deflection smaller than this before R is no q: IEC 60601-2-25 asks for 0.02 mV, and what the eye and a
#: normal limit of septal q in I and V6 call one begins at half a small square, mV.
NO_Q_MV: Final = 0.05
#: An S of right bundle branch block in I and V6 lasts longer than R or than this, ms.
RBBB_S_MS: Final = 40.0
#: It is at least so deep, mV: a shallower one is the way back to the level, not a wave of its own.
RBBB_S_MV: Final = 0.05
#: R' is as tall as a small square, mV, or it is no sign of a block: the end of the normal QRS leaves lower ones.
R2_MV: Final = 0.1
#: Where V1 has a single R, its peak comes later than this, ms.
RBBB_PEAK_MS: Final = 50.0
#: The peak of R in a lead of the left side comes later than this in left bundle branch block, ms.
LBBB_PEAK_MS: Final = 60.0
LEFT_LEADS: Final = ("I", "aVL", "V5", "V6")
#: The r of an rS is less than this part of S.
SMALL_R: Final = 0.5
#: Leads whose notch or slur in the middle of the QRS counts, and in how many of them it must stand (Strauss 2011).
STRAUSS_LEADS: Final = ("I", "aVL", "V1", "V2", "V5", "V6")
STRAUSS_N: Final = 2
#: A QRS of no block's shape is called delayed where it is wide beyond its error, ms (IEC 60601-2-25: 10 ms as standard
#: deviation), or notched or slurred in one of these leads besides, wherever in the QRS: within the error a wide one may
#: be a normal one.
QRS_ERROR_MS: Final = 10.0
IVCD_LEADS: Final = ("I", "V5", "V6")
#: Incomplete block of adults from this QRS on, ms.
INCOMPLETE_MS: Final = 110.0


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


@remembered
def is_rbbb_shape(c: Context) -> bool:
    """Return whether V1 points up with an R' taller or wider than R, or one late R, and I and V6 end in a long S."""
    if not is_measured(c, "V1", "I", "V6") or net(c, "V1") <= 0:
        return False
    late = c.get("r2_mv", "V1") is None and (c.get("intrinsicoid_ms", "V1") or 0.0) > RBBB_PEAK_MS
    return (late or _has_tall_r2(c) or _has_long_r2(c)) and all(_has_long_s(c, lead) for lead in ("I", "V6"))


def is_rsr_shape(c: Context) -> bool:
    """Return whether R' of V1 or V2 lasts longer than R, and is taller and I or V6 ends in a long S, or both do."""
    if not is_measured(c, "V1", "I", "V6") or not _has_long_r2(c):
        return False
    ends = [_has_long_s(c, lead) for lead in ("I", "V6")]
    return all(ends) or (any(ends) and _has_tall_r2(c))


def _has_long_r2(c: Context) -> bool:
    """Return whether R' is wider than R, as it usually is by the guideline, in V1 or V2."""
    waves = [[c.get(code, lead) or 0.0 for code in ("r2_mv", "r2_ms", "r_ms")] for lead in ("V1", "V2")]
    return any(r2 >= R2_MV and lasts > first for r2, lasts, first in waves)


def _has_tall_r2(c: Context) -> bool:
    second = [(c.get("r2_mv", lead) or 0.0, c.get("r_mv", lead) or 0.0) for lead in ("V1", "V2")]
    return any(r2 > r and r2 >= R2_MV for r2, r in second)


def _has_long_s(c: Context, lead: str) -> bool:
    s, r = c.get("s_ms", lead), c.get("r_ms", lead)
    return s is not None and late_depth(c, lead) >= RBBB_S_MV and (s > RBBB_S_MS or (r is not None and s > r))


@remembered
def is_lbbb(c: Context) -> bool:
    """Return whether a wide QRS has the shape of left bundle branch block, by Strauss's or by the classic criteria."""
    return is_wide(c) and (is_strauss(c) or _is_classic_lbbb(c))


def _is_classic_lbbb(c: Context) -> bool:
    """Return whether V1 and V2 are rS or QS, I and V6 point up without q, R peaks late and is notched.

    A small r in V1 and V2 is what both sources begin with: a tall one is the septum's, which is then activated from
    the left, or a delta wave.
    Below Strauss's width, where hypertrophy looks alike, two notched leads are asked for, and R peaks late in V5 and V6
    both, as the guideline has it; above it one lead of each is enough.
    """
    if not is_left_shape(c) or not all(has_small_r(c, lead) for lead in ("V1", "V2") if is_measured(c, lead)):
        return False
    if (c.get("qrs_ms") or 0.0) >= c.limits.lbbb_strauss_ms:
        return len(notched_leads(c)) >= 1
    late = all((c.get("intrinsicoid_ms", lead) or 0.0) > LBBB_PEAK_MS for lead in ("V5", "V6"))
    return late and len(notched_leads(c)) >= STRAUSS_N


def has_small_r(c: Context, lead: str) -> bool:
    """Return whether a lead's QRS is an rS or a QS."""
    return height(c, lead) < SMALL_R * depth(c, lead)


def is_left_shape(c: Context) -> bool:
    """Return whether V1 points down, I and V6 up without q, and R of I, aVL, V5 or V6 peaks late."""
    if not is_measured(c, "V1", "I", "V6") or is_rbbb_shape(c):
        return False
    if net(c, "V1") >= 0 or net(c, "I") <= 0 or net(c, "V6") <= 0 or any(has_q(c, lead) for lead in ("I", "V6")):
        return False
    return _peaks_late(c)


def _peaks_late(c: Context) -> bool:
    return max(c.get("intrinsicoid_ms", lead) or 0.0 for lead in LEFT_LEADS) > LBBB_PEAK_MS


def notched_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with a notch or slur in the middle of the QRS that count for Strauss's criteria."""
    return tuple(lead for lead in STRAUSS_LEADS if (c.get("qrs_notches", lead) or 0.0) >= 1)


def delayed_leads(c: Context) -> tuple[str, ...]:
    """Return the leads whose notches or slurs, wherever in the QRS, tell of a delay of no block's shape."""
    return tuple(lead for lead in IVCD_LEADS if (c.get("qrs_notches_all", lead) or 0.0) >= 1)


def is_strauss(c: Context) -> bool:
    """Return whether Strauss's criteria of complete left bundle branch block hold.

    QS or rS in V1 and V2, the width, and notches; a q in I or V6, as an infarction leaves it, does not matter.
    """
    qrs = c.get("qrs_ms")
    if qrs is None or qrs < c.limits.lbbb_strauss_ms or not is_measured(c, "V1", "V2", "I", "V6"):
        return False
    right = all(has_small_r(c, lead) for lead in ("V1", "V2"))
    return right and net(c, "I") > 0 and _peaks_late(c) and len(notched_leads(c)) >= STRAUSS_N


def _width(c: Context, least: float) -> Evidence:
    return fact(c, "qrs_ms", ">=", least, source="aha_2009_iii")


def _shape(c: Context, *facts: tuple[str, str]) -> tuple[Evidence, ...]:
    return tuple(
        fact(c, code, source="aha_2009_iii", lead=lead) for code, lead in facts if c.get(code, lead) is not None
    )


_RBBB_FACTS: Final = (("r_mv", "V1"), ("r2_mv", "V1"), ("s_ms", "I"), ("s_ms", "V6"))
_LBBB_FACTS: Final = (
    ("s_mv", "V1"),
    ("r_mv", "I"),
    ("r_mv", "V6"),
    ("intrinsicoid_ms", "V5"),
    ("intrinsicoid_ms", "V6"),
)


def _is_judged(c: Context) -> bool:
    return c.limits.adult and not is_ventricular_shape(c)


@rule("conduction")
@remembered
def rbbb_complete(c: Context) -> Statement | None:
    """QRS wide; V1 points up, with R' or a late R; I and V6 end in a long S."""
    if not _is_judged(c) or not is_wide(c) or not is_rbbb_shape(c):
        return None
    evidence = (_width(c, c.limits.qrs_wide_ms), *_shape(c, *_RBBB_FACTS))
    return Statement(code="rbbb_complete", evidence=evidence, leads=("V1", "I", "V6"))


@rule("conduction")
def rbbb_incomplete(c: Context) -> Statement | None:
    """R' above R in V1 or V2 with a long S in I or V6, QRS not wide; probable from 110 ms, else possible."""
    if not _is_judged(c) or is_wide(c) or not is_rsr_shape(c):
        return None
    width = c.get("qrs_ms") or 0.0
    # Flutter waves at an even distance from the QRS stay in the median beat and end it in V1 as an r' does.
    if width < INCOMPLETE_MS and is_flutter(c):
        return None
    return Statement(
        code="rbbb_incomplete",
        certainty="probable" if width >= INCOMPLETE_MS else "possible",
        evidence=(fact(c, "qrs_ms", "<", c.limits.qrs_wide_ms, source="aha_2009_iii"), *_shape(c, *_RBBB_FACTS)),
        leads=("V1", "V2"),
    )


@rule("conduction")
@remembered
def lbbb_complete(c: Context) -> Statement | None:
    """QRS wide; V1 points down, I and V6 up, late and notched; definite by Strauss's width and notches."""
    if not _is_judged(c) or not is_lbbb(c):
        return None
    evidence = [_width(c, c.limits.qrs_wide_ms), *_shape(c, *_LBBB_FACTS)]
    strauss = is_strauss(c)
    if strauss:
        evidence.append(fact(c, "qrs_ms", ">=", c.limits.lbbb_strauss_ms, source="strauss_2011"))
    evidence += [fact(c, "qrs_notches", ">=", 1.0, source="strauss_2011", lead=lead) for lead in notched_leads(c)]
    certainty = "definite" if strauss else "probable"
    return Statement(code="lbbb_complete", certainty=certainty, evidence=tuple(evidence), leads=("V1", "I", "V6"))


@rule("conduction")
def lbbb_incomplete(c: Context) -> Statement | None:
    """QRS from 110 ms, not wide; V1 points down, I, V5 and V6 up without q, V5 and V6 late."""
    width = c.get("qrs_ms") or 0.0
    if not _is_judged(c) or is_wide(c) or width < INCOMPLETE_MS or not is_left_shape(c) or has_q(c, "V5"):
        return None
    if is_rsr_shape(c) or any((c.get("intrinsicoid_ms", lead) or 0.0) <= LBBB_PEAK_MS for lead in ("V5", "V6")):
        return None
    evidence = (_width(c, INCOMPLETE_MS), *_shape(c, *_LBBB_FACTS))
    return Statement(code="lbbb_incomplete", certainty="probable", evidence=evidence, leads=("V1", "I", "V6"))


@rule("conduction")
def ivcd(c: Context) -> Statement | None:
    """QRS wide in an adult, of the shape of neither bundle branch block; within its error if notched in I, V5 or V6."""
    if not _is_judged(c) or not is_wide(c) or not is_measured(c, "V1", "I", "V6"):
        return None
    if is_rbbb_shape(c) or is_lbbb(c):
        return None
    notched = delayed_leads(c)
    beyond = (c.get("qrs_ms") or 0.0) >= c.limits.qrs_wide_ms + QRS_ERROR_MS
    if not beyond and not notched:
        return None
    facts = tuple(fact(c, "qrs_notches_all", ">=", 1.0, source="aha_2009_iii", lead=lead) for lead in notched)
    evidence = (_width(c, c.limits.qrs_wide_ms), *facts)
    return Statement(code="ivcd", certainty="definite" if beyond else "probable", evidence=evidence)


@rule("conduction")
def wide_qrs(c: Context) -> Statement | None:
    """QRS wide for the age, in a child, or where the leads that would name its shape are missing."""
    if is_ventricular_shape(c) or not is_wide(c) or (c.limits.adult and is_measured(c, "V1", "I", "V6")):
        return None
    return Statement(code="wide_qrs", evidence=(_width(c, c.limits.qrs_wide_ms),))
