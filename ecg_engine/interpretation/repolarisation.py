"""ST elevation that is no infarction's, normal variants of ST and T, QT."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.conduction import QRS_ERROR_MS, is_wide
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.early_repolarisation import has_tall_j_waves, j_wave_evidence, j_wave_leads, st_rises
from ecg_engine.interpretation.infarction import anterior_scar, has_q, inferior_scar, lateral_scar
from ecg_engine.interpretation.ischaemia import depressed_leads, inverted_leads, is_foreign, st_t_nonspecific
from ecg_engine.interpretation.pericardium import pr_deviation, tp_slope
from ecg_engine.interpretation.rhythm import is_paced
from ecg_engine.interpretation.st_segment import (
    SMITH_LIMIT,
    acute_leads,
    deep_t,
    elevated_leads,
    elevation_evidence,
    is_acute,
    is_pericarditis,
    opposite_leads,
    smith_index,
)
from ecg_engine.types import Statement

#: Early repolarisation: J is no more than this share of T (a third; chosen between the quarter that parts it from
#: pericarditis in V6, Ginzton LE, Laks MM 1982, and the half of a straight ST).
EARLY_SHARE: Final = 1 / 3
#: J waves are early repolarisation's where T is upright behind them (Macfarlane 2015): at least so high, mV, and this
#: share of R (as for a normal T: AHA/ACCF/HRS 2009, part IV).
UPRIGHT_T_MV: Final = 0.1
UPRIGHT_T_SHARE: Final = 0.1
#: Juvenile T: V1 to V3 inverted in a woman up to this age, years, or in anyone below 16 (Sharma S et al. 2017 for the
#: latter; persistence in young women: AHA/ACCF/HRS 2009, part IV; the age chosen).
JUVENILE_WOMEN_YEARS: Final = 30.0
CHILD_YEARS: Final = 16.0
#: QT of a wide QRS is too long by this share of the QRS (Bogossian H et al. 2014).
QRS_SHARE: Final = 0.485
#: QT is called long when it is above the limit by more than its error, ms. Chosen: IEC 60601-2-25 lets the mean of a QT
#: be off by 25 ms; a reader who calls the first of these long would call many of the healthy so.
QT_ERROR_MS: Final = 10.0
#: QTc is short up to here, ms (2015 ESC guidelines on ventricular arrhythmias: 340; 2022: 320 is diagnostic).
QTC_SHORT_MS: Final = 340.0
QTC_VERY_SHORT_MS: Final = 320.0


def _certainty(c: Context) -> str:
    return "definite" if c.st_certain else "probable"


@rule("repolarisation")
def pericarditis(c: Context) -> Statement | None:
    """ST elevated and rising in limb and chest leads with nothing opposite, a quarter of T or more in V6.

    More certain where PR is depressed, and raised in aVR; Spodick's sign is shown where it is there.
    """
    leads = elevated_leads(c)
    if not leads or acute_leads(c) or not is_pericarditis(c) or any(has_q(c, x) for x in leads):
        return None
    atrial = pr_deviation(c)
    facts = (*elevation_evidence(c, leads), fact(c, "t_mv", source="ginzton_1982", lead="V6"), *atrial, *tp_slope(c))
    certainty = "probable" if atrial else "possible"
    return Statement(code="pericarditis", certainty=certainty, evidence=facts, leads=leads)


@rule("repolarisation")
def early_repolarization(c: Context) -> Statement | None:
    """Notch or slur at the end of the QRS; or ST elevated and rising into a tall T, without Q, nothing opposite."""
    leads, elevated = j_wave_leads(c), elevated_leads(c)
    if pericarditis(c) is not None or is_acute(c) or (elevated and not _is_early(c)):
        return None
    if not elevated and not _is_by_j_waves(c):
        return None
    facts = j_wave_evidence(c) + elevation_evidence(c, elevated)
    facts += tuple(fact(c, "t_mv", source="macfarlane_2015", lead=x) for x in elevated)
    if {"V2", "V3", "V4"} & set(elevated):
        parts = (("st_j60_mv", "V3"), ("qtc_bazett_ms", None), ("r_mv", "V4"))
        facts += tuple(fact(c, code, source="smith_2012_subtle", lead=lead) for code, lead in parts)
    certainty = "probable" if leads and st_rises(c) else "possible"
    shown = tuple(x for x in c.leads if x in {*leads, *elevated})
    return Statement(code="early_repolarization", certainty=certainty, evidence=facts, leads=shown)


def _is_by_j_waves(c: Context) -> bool:
    """Return whether tall J waves stand alone: T upright behind them, no Q of a scar; else the QRS is a scar's.

    Nor is a harmless pattern said beside changes of ST and T that it does not explain, in whatever leads.
    """
    if not has_tall_j_waves(c) or any(scar(c).leads for scar in (inferior_scar, anterior_scar, lateral_scar)):
        return False
    if depressed_leads(c) or inverted_leads(c) or st_t_nonspecific(c) is not None:
        return False
    waves = [(c.get("t_mv", x) or 0.0, c.get("r_mv", x) or 0.0) for x in j_wave_leads(c)]
    return all(t >= max(UPRIGHT_T_MV, UPRIGHT_T_SHARE * r) for t, r in waves)


def _is_early(c: Context) -> bool:
    leads = elevated_leads(c)
    if not leads or is_wide(c) or is_acute(c) or opposite_leads(c, leads):
        return False
    if any(has_q(c, x) or not _has_tall_t(c, x) for x in leads):
        return False
    if {"V2", "V3", "V4"} & set(leads):
        index = smith_index(c)
        return index is not None and index <= SMITH_LIMIT
    return True


def _has_tall_t(c: Context, lead: str) -> bool:
    j, t = c.get("st_j_mv", lead), c.get("t_mv", lead)
    return j is not None and t is not None and t > 0 and j <= EARLY_SHARE * t


@rule("repolarisation")
def st_elevation(c: Context) -> Statement | None:
    """ST elevation in contiguous leads of which neither infarction nor pericarditis nor a normal variant is shown."""
    leads = elevated_leads(c)
    if not leads or acute_leads(c) or pericarditis(c) is not None or early_repolarization(c) is not None:
        return None
    return Statement(code="st_elevation", certainty=_certainty(c), evidence=elevation_evidence(c, leads), leads=leads)


@rule("repolarisation")
def juvenile_t(c: Context) -> Statement | None:
    """T inverted in V1 and V2, at most to V3, of a child or a young woman: a normal variant."""
    age = c.patient.age_years
    if age is None or is_wide(c) or is_paced(c) or is_acute(c) or not (deep_t(c, "V1") and deep_t(c, "V2")):
        return None
    young = age < CHILD_YEARS or (c.patient.sex == "F" and age <= JUVENILE_WOMEN_YEARS)
    if not young or any(deep_t(c, x) for x in ("V5", "V6", "I", "II")):
        return None
    leads = tuple(x for x in ("V1", "V2", "V3", "V4") if deep_t(c, x))
    if "V4" in leads and age >= CHILD_YEARS:
        return None
    facts = tuple(fact(c, "t_mv", "<", 0.0, source="athletes_2017", lead=x) for x in leads)
    return Statement(code="juvenile_t", certainty="probable", evidence=facts, leads=leads)


def qtc_of_width_ms(c: Context) -> float | None:
    """Return QTc (Fridericia), ms, without what a wide QRS adds to QT."""
    qtc, qt, qrs, rr = (c.get(x) for x in ("qtc_fridericia_ms", "qt_ms", "qrs_ms", "rr_ms"))
    if qtc is None or not _is_too_wide(c):
        return qtc
    if qt is None or qrs is None or rr is None or rr <= 0:
        return None
    return float((qt - QRS_SHARE * qrs) / (rr / 1000) ** (1 / 3))


def _is_too_wide(c: Context) -> bool:
    """Return whether QRS is wide beyond its error, or begins in the ventricles: only there is QT made longer."""
    return (c.get("qrs_ms") or 0.0) >= c.limits.qrs_wide_ms + QRS_ERROR_MS or is_foreign(c)


@rule("repolarisation")
def qt_prolonged(c: Context) -> Statement | None:
    """QTc (Fridericia) above 460 ms in women, 450 ms in men by its error; less a wide QRS's share of QT."""
    qtc, limit = qtc_of_width_ms(c), c.limits.qtc_long_ms + QT_ERROR_MS
    if qtc is None or qtc < limit:
        return None
    wide = _is_too_wide(c)
    certainty = "definite" if qtc >= c.limits.qtc_critical_ms and not wide else "probable"
    evidence = (
        fact(c, "qtc_fridericia_ms", ">=", limit, source="bogossian_2014" if wide else "aha_2009_iv"),
        fact(c, "qt_ms", source="aha_2009_iv"),
        *((fact(c, "qrs_ms", source="bogossian_2014"),) if wide else ()),
    )
    return Statement(code="qt_prolonged", certainty=certainty, evidence=evidence)


@rule("repolarisation")
def qt_short(c: Context) -> Statement | None:
    """QTc (Fridericia) up to 340 ms."""
    qtc = c.get("qtc_fridericia_ms")
    if qtc is None or is_wide(c) or is_paced(c) or qtc > QTC_SHORT_MS:
        return None
    very = qtc <= QTC_VERY_SHORT_MS
    certainty, source = ("probable", "esc_va_2022") if very else ("possible", "esc_va_2015")
    limit = QTC_VERY_SHORT_MS if very else QTC_SHORT_MS
    evidence = (fact(c, "qtc_fridericia_ms", "<=", limit, source=source), fact(c, "qt_ms", source=source))
    return Statement(code="qt_short", certainty=certainty, evidence=evidence)
