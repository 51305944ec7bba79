"""The QRS score of Selvester: how much of the left ventricle an infarction took, where the score is defined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["selvester_points"]

#: The leads of the score; III and aVR take no part.
LEADS: Final = ("I", "II", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
#: Where R is the first one.
FIRST_R: Final = ("V1", "V2", "V3")
#: It was made on QRS without block, pre-excitation or hypertrophy (Wagner 1982, Hindman 1985): a narrow QRS, ms, ...
MAX_QRS_MS: Final = 120.0
#: ... no left anterior fascicular block (axis from here on to the left, degrees: AHA/ACCF/HRS 2009, part III) ...
FASCICULAR_AXIS_DEG: Final = -45.0
#: ... a PR of this length, ms, where there is a P wave ...
MIN_PR_MS: Final = 120.0
#: ... and no hypertrophy by the Cornell voltage of men and women, mV (Casale 1987, doi:10.1161/01.CIR.75.3.565), whose
#: signs in ST and T are those of an infarction too.
CORNELL_MAN_MV: Final = 2.8
CORNELL_WOMAN_MV: Final = 2.0
#: From this age on, years; and V1 and V2 tell nothing of the posterior wall where P speaks of a right atrium under
#: load: as high in V1 or V2, or in aVF, mV (Loring Z et al. J Electrocardiol 2011;44:544-554).
MIN_AGE_YEARS: Final = 18.0
RIGHT_ATRIUM_V1_V2_MV: Final = 0.1
RIGHT_ATRIUM_AVF_MV: Final = 0.175
#: R is notched where it falls by this much and rises again, its low within the first 40 ms of the QRS, mV.
NOTCH_MV: Final = 0.05

ByLead = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Waves:
    """Q, R and S of a lead as the score takes them: heights and depths positive, mV; durations, ms; 0 where absent.

    A QRS without R is a Q. R is the first one in V1 to V3, whose second is the right ventricle's, elsewhere the
    highest.
    """

    q_mv: float
    q_ms: float
    r_mv: float
    r_ms: float
    s_mv: float
    reversal_mv: float

    @classmethod
    def of(cls, lead: Mapping[str, float], *, first_r: bool) -> Waves:
        def height(code: str) -> float:
            return abs(lead.get(code, 0.0))

        r = height("r_mv") if first_r else max(height("r_mv"), height("r2_mv"))
        if r == 0.0:
            return cls(height("s_mv"), lead.get("s_ms", 0.0), 0.0, 0.0, 0.0, 0.0)
        s = max(height("s_mv"), height("s2_mv"))
        return cls(height("q_mv"), lead.get("q_ms", 0.0), r, lead.get("r_ms", 0.0), s, lead.get("r_reversal_mv", 0.0))

    def has_q(self) -> bool:
        return self.q_mv > 0.0

    def r_within(self, times: float, *, of_s: bool = False) -> bool:
        """Return whether R is at most so many times Q, or S, which must be there."""
        other = self.s_mv if of_s else self.q_mv
        return other > 0.0 and self.r_mv <= times * other


def selvester_points(
    by_lead: ByLead, overall: Mapping[str, float], *, sex: str | None = None, age_years: float | None = None
) -> int | None:
    """Return the points of the complete QRS score, 54 criteria, 0 to 32, each some 3 % of the left ventricle.

    Parameters
    ----------
    by_lead : mapping of str to mapping of str to float
        What `measure_leads` returns.
    overall : mapping of str to float
        What `measure_global` and `measure_voltages` return.
    sex : {"F", "M"}, optional
        None: hypertrophy is judged as a woman's.
    age_years : float, optional
        None: an adult.

    Returns
    -------
    int or None
        None where the score is not defined: a lead is missing, QRS of 120 ms and more, an axis of left anterior
        fascicular block, a short PR, hypertrophy by voltage, a child.

    Notes
    -----
    Hindman NB et al. Am J Cardiol 1985;55:1485-1490, doi:10.1016/0002-9149(85)90958-0, where more than 3 points were
    rarer than 1 in 20 among 500 healthy people. Of the criteria on one line only the one with most points counts.
    """
    if not set(LEADS) <= set(by_lead) or not _is_defined(overall, sex, age_years):
        return None
    w = {lead: Waves.of(by_lead[lead], first_r=lead in FIRST_R) for lead in LEADS}
    points = _limb(w) + _septal_and_anterior(w) + sum(_apical(w[lead], *APICAL[lead]) for lead in APICAL)
    return points if _right_atrium(by_lead) else points + _posterior(w["V1"], w["V2"])


def _is_defined(overall: Mapping[str, float], sex: str | None, age_years: float | None) -> bool:
    qrs, axis = overall.get("qrs_ms"), overall.get("qrs_axis_deg", 0.0)
    cornell_mv = CORNELL_MAN_MV if sex == "M" else CORNELL_WOMAN_MV
    return (
        qrs is not None
        and qrs < MAX_QRS_MS
        and not -90.0 <= axis <= FASCICULAR_AXIS_DEG
        and overall.get("pr_ms", MIN_PR_MS) >= MIN_PR_MS
        and overall.get("cornell_mv", 0.0) < cornell_mv
        and (age_years is None or age_years >= MIN_AGE_YEARS)
    )


def _right_atrium(by_lead: ByLead) -> bool:
    def p(lead: str) -> float:
        return by_lead[lead].get("p_mv", 0.0)

    return max(p("V1"), p("V2")) >= RIGHT_ATRIUM_V1_V2_MV or p("aVF") >= RIGHT_ATRIUM_AVF_MV


def _most(*criteria: tuple[bool, int]) -> int:
    """Return the most points that any fulfilled criterion of a line gives."""
    return max((points for holds, points in criteria if holds), default=0)


def _limb(w: Mapping[str, Waves]) -> int:
    one, two, avl, avf = w["I"], w["II"], w["aVL"], w["aVF"]
    return (
        _most((one.q_ms >= 30, 1))
        + _most((one.r_within(1), 1), (one.r_mv <= 0.2, 1))
        + _most((two.q_ms >= 40, 2), (two.q_ms >= 30, 1))
        + _most((avl.q_ms >= 30, 1))
        + _most((avl.r_within(1), 1))
        + _most((avf.q_ms >= 50, 3), (avf.q_ms >= 40, 2), (avf.q_ms >= 30, 1))
        + _most((avf.r_within(1), 2), (avf.r_within(2), 1))
    )


def _septal_and_anterior(w: Mapping[str, Waves]) -> int:
    v1, v2, v3 = w["V1"], w["V2"], w["V3"]
    return (
        _most((v1.has_q(), 1))
        + _most((max(v1.q_mv, v1.s_mv) >= 1.8, 1))
        + _most((v2.has_q() or v2.r_ms <= 10 or v2.r_mv <= max(0.1, v1.r_mv), 1))
        + _most((v3.has_q() or v3.r_ms <= 20 or v3.r_mv <= 0.2, 1))
    )


def _posterior(v1: Waves, v2: Waves) -> int:
    return (
        _most((v1.r_mv >= v1.s_mv and v1.r_mv > 0, 1))
        + _most((v1.r_ms >= 50 or v1.r_mv >= 1.0, 2), (v1.r_ms >= 40 or v1.r_mv >= 0.6, 1))
        + _most((v1.q_mv <= 0.3 and v1.s_mv <= 0.3, 1))
        + _most((v2.r_mv >= 1.5 * v2.s_mv and v2.r_mv > 0, 1))
        + _most((v2.r_ms >= 60 or v2.r_mv >= 2.0, 2), (v2.r_ms >= 50 or v2.r_mv >= 1.5, 1))
        + _most((v2.q_mv <= 0.4 and v2.s_mv <= 0.4, 1))
    )


#: Of V4 to V6: Q, ms; R over Q or S for two points and for one; a low R, mV.
APICAL: Final = {"V4": (20.0, 0.5, 1.0, 0.7), "V5": (30.0, 1.0, 2.0, 0.7), "V6": (30.0, 1.0, 3.0, 0.6)}


def _apical(w: Waves, q_ms: float, two: float, one: float, low_mv: float) -> int:
    def lost(times: float) -> bool:
        return w.r_within(times) or w.r_within(times, of_s=True)

    weak = lost(one) or w.r_mv <= low_mv or w.reversal_mv >= NOTCH_MV
    return _most((w.q_ms >= q_ms, 1)) + _most((lost(two), 2), (weak, 1))
