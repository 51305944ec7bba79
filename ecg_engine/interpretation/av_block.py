"""AV block of the second and third degree, P and QRS apart under a pacemaker."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.basic import (
    is_any_paced,
    is_flutter,
    is_paced,
    is_regular,
    is_single_lead,
    stands_even,
)
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.ventricular import is_mostly_ventricular
from ecg_engine.types import Evidence, Statement

#: Sinus and atrial rates up to here; faster atria are blocked by a healthy node, per minute (flutter begins about 200).
ATRIAL_BPM: Final = 180.0
#: P and QRS are apart where P to R takes values so far from each other, ms, while RR is regular; ventricles that the
#: atria do not lead are slower than these by so much.
APART_MS: Final = 120.0
FASTER_ATRIA: Final = 1.15
#: RR varies by so little in an escape rhythm (coefficient of variation), %.
ESCAPE_CV_PERCENT: Final = 10.0
#: Ventricles faster than this may hold their own against the atria without a block, per minute.
ESCAPE_BPM: Final = 60.0
#: PR that shortens by so much over a blocked P grew before it (Mobitz 1), ms; one that changes less is constant
#: (Mobitz 2).
WENCKEBACH_MS: Final = 25.0
#: In one lead alone what stands up to so long after T may be U, ms: its peak comes some 100 ms after the end of T
#: (AHA/ACCF/HRS 2009, part IV).
U_MS: Final = 100.0
#: So many P waves without a QRS prove a block by themselves.
SURE_BLOCKED: Final = 2.0


def _evidence(c: Context) -> tuple[Evidence, ...]:
    codes = (
        "n_blocked_p", "n_p_without_qrs", "atrial_bpm", "heart_rate_bpm", "pp_ms", "p_to_r_before_block_ms",
        "p_to_r_after_block_ms", "p_to_r_range_ms",
    )  # fmt: skip
    return tuple(fact(c, code, source="acc_brady_2018") for code in codes if c.get(code) is not None)


def is_apart(c: Context) -> bool:
    """Return whether P waves and QRS complexes each go their own even way, the atria faster.

    A P wave before each QRS, always as far from it, leads it, whatever else passes for P.
    """
    atria, rate, spread = c.get("atrial_bpm"), c.get("heart_rate_bpm"), c.get("p_to_r_range_ms")
    lone, varies = c.get("n_p_without_qrs"), c.get("rr_cv_percent")
    if atria is None or rate is None or spread is None or lone is None or varies is None:
        return False
    if is_flutter(c) or is_mostly_ventricular(c) or lone < SURE_BLOCKED or atria > ATRIAL_BPM or stands_even(c):
        return False
    return atria >= FASTER_ATRIA * rate and spread >= APART_MS and is_regular(c) and varies <= ESCAPE_CV_PERCENT


def has_blocked_p(c: Context) -> bool:
    """Return whether P waves on time are not conducted, and P and QRS are not apart."""
    blocked, atria = c.get("n_blocked_p"), c.get("atrial_bpm")
    if blocked is None or atria is None or atria > ATRIAL_BPM or is_paced(c):
        return False
    return not (is_flutter(c) or is_mostly_ventricular(c) or is_apart(c) or _is_t_wave(c))


def _is_t_wave(c: Context) -> bool:
    """Return whether what passes for a blocked P is in one lead alone, and stands where T or U does: it may be one.

    It comes a PP before the P wave that is conducted. Other leads would show both.
    """
    rr, pp, pr, qt = (c.get(code) for code in ("rr_ms", "pp_ms", "p_to_r_before_block_ms", "qt_ms"))
    if not is_single_lead(c) or rr is None or pp is None or pr is None or qt is None:
        return False
    return rr - pp - pr <= qt + U_MS


def _drop(c: Context) -> float | None:
    """Return by how much P to R is shorter after a blocked P than before it, ms."""
    before, after = c.get("p_to_r_before_block_ms"), c.get("p_to_r_after_block_ms")
    return None if before is None or after is None else before - after


def _certainty(c: Context) -> str:
    return "definite" if (c.get("n_blocked_p") or 0.0) >= SURE_BLOCKED else "probable"


def _conducts_two(c: Context) -> bool:
    return has_blocked_p(c) and (c.get("conducted_in_a_row") or 0.0) >= 2 and (c.get("blocked_in_a_row") or 0.0) < 2


@rule("av_block")
def av_block_3(c: Context) -> Statement | None:
    """P waves and a slow regular ventricular rhythm without relation, the atria faster."""
    rate = c.get("heart_rate_bpm")
    if not is_apart(c) or is_any_paced(c) or rate is None or rate >= ESCAPE_BPM:
        return None
    return Statement(code="av_block_3", certainty="probable", evidence=_evidence(c))


@rule("av_block")
def av_dissociation(c: Context) -> Statement | None:
    """P waves without relation to paced beats, or to ventricles too fast to call it a block."""
    if not is_apart(c) or av_block_3(c) is not None:
        return None
    return Statement(code="av_dissociation", certainty="probable", evidence=_evidence(c))


@rule("av_block")
def av_block_2_mobitz_1(c: Context) -> Statement | None:
    """P waves on time without a QRS, after PR had grown."""
    drop = _drop(c)
    if not _conducts_two(c) or drop is None or drop < WENCKEBACH_MS:
        return None
    return Statement(code="av_block_2_mobitz_1", certainty=_certainty(c), evidence=_evidence(c))


@rule("av_block")
def av_block_2_mobitz_2(c: Context) -> Statement | None:
    """P waves on time without a QRS, PR the same before and after."""
    drop = _drop(c)
    if not _conducts_two(c) or drop is None or abs(drop) >= WENCKEBACH_MS:
        return None
    return Statement(code="av_block_2_mobitz_2", certainty=_certainty(c), evidence=_evidence(c))


@rule("av_block")
def av_block_2_to_1(c: Context) -> Statement | None:
    """Every second P wave without a QRS: whether PR would grow cannot be seen."""
    if not has_blocked_p(c) or (c.get("n_blocked_p") or 0.0) < SURE_BLOCKED:
        return None
    if (c.get("conducted_in_a_row") or 0.0) >= 2 or (c.get("blocked_in_a_row") or 0.0) >= 2:
        return None
    return Statement(code="av_block_2_to_1", certainty="definite", evidence=_evidence(c))


@rule("av_block")
def av_block_2_advanced(c: Context) -> Statement | None:
    """Two P waves in a row or more without a QRS, others conducted."""
    if not has_blocked_p(c) or (c.get("blocked_in_a_row") or 0.0) < 2:
        return None
    return Statement(code="av_block_2_advanced", certainty="probable", evidence=_evidence(c))
