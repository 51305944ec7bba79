"""Urgency: one table, statement by statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ecg_engine.interpretation.basic import is_single_lead, may_hide_p
from ecg_engine.interpretation.clinical import has_chest_pain
from ecg_engine.interpretation.context import Context
from ecg_engine.interpretation.repolarisation import qtc_of_width_ms
from ecg_engine.types import EcgChange, Statement, Urgency

__all__ = ["LEVELS", "QUALIFIED_LEVELS", "STATEMENT_LEVELS", "judge_urgency", "level_of"]

#: From the most pressing down.
LEVELS: Final = ("critical", "urgent", "unscored", "routine")

#: Level of each statement that is not routine. Ventricular arrhythmias: AHA/ACC/HRS 2017
#: (doi:10.1161/CIR.0000000000000549); pauses: ACC/AHA/HRS 2018 (doi:10.1161/CIR.0000000000000628); infarction: fourth
#: Universal Definition (doi:10.1161/CIR.0000000000000617); its equivalents: ACC 2022 (doi:10.1016/j.jacc.2022.08.750)
#: and 2023 ESC guidelines on acute coronary syndromes (doi:10.1093/eurheartj/ehad191); pericarditis, potassium and
#: Brugada's pattern may need treatment today, and none is proved by the ECG alone. A fast or slow rhythm whose P waves
#: are not seen may be a supraventricular tachycardia, a block or an escape rhythm: today, not after the routine work.
STATEMENT_LEVELS: Final[Mapping[str, str]] = {
    "ventricular_fibrillation": "critical",
    "ventricular_tachycardia": "critical",
    "ventricular_run": "urgent",
    "tachycardia": "urgent",
    "bradycardia": "urgent",
    "asystole": "critical",
    "pause": "urgent",
    "st_elevation_mi": "critical",
    "sgarbossa_criteria": "critical",
    "barcelona_criteria": "urgent",
    "de_winter": "critical",
    "right_ventricular_infarction": "critical",
    "st_depression_diffuse": "critical",
    "wellens": "urgent",
    "hyperacute_t": "urgent",
    "st_elevation": "urgent",
    "st_depression": "urgent",
    "pericarditis": "urgent",
    "brugada_1": "urgent",
    "hyperkalaemia": "urgent",
    "hypokalaemia": "urgent",
    "atrial_fibrillation": "urgent",
    "atrial_fibrillation_episodes": "urgent",
    "atrial_flutter": "urgent",
    "pacing_failure_to_capture": "urgent",
    "av_block_3": "critical",
    "av_block_2_mobitz_2": "critical",
    "av_block_2_advanced": "critical",
    "av_block_2_to_1": "urgent",
    "av_block_2_mobitz_1": "urgent",
    "av_dissociation": "urgent",
    "supraventricular_tachycardia": "urgent",
    "sinus_pause": "urgent",
    "junctional_rhythm": "urgent",
    "idioventricular_rhythm": "urgent",
    "accelerated_idioventricular_rhythm": "urgent",
    "undetermined_rhythm": "unscored",
}

#: Level of a statement that an earlier ECG of the patient lacks: a new left bundle branch block may hide an infarction
#: (fourth Universal Definition).
NEW_LEVELS: Final[Mapping[str, str]] = {"lbbb_complete": "urgent"}

#: Level of a statement in a patient with pain in the chest: with ST elevation it is an acute occlusion until proved
#: otherwise (ESC 2023, doi:10.1093/eurheartj/ehad191).
CHEST_PAIN_LEVELS: Final[Mapping[str, str]] = {"st_elevation": "critical"}

_WALLS: Final = ("anterior", "inferior", "lateral", "posterior")
#: Statements whose level hangs on their age or certainty. Acute infarction of any wall: as `st_elevation_mi`; what
#: cannot be dated may be recent: today. Potassium that shows in more than T is about to stop the heart (Durfey N et al.
#: 2017, doi:10.5811/westjem.2017.6.33033).
QUALIFIED_LEVELS: Final[Mapping[tuple[str, ...], str]] = {
    **{(f"infarction_{wall}", "acute"): "critical" for wall in _WALLS},
    **{(f"infarction_{wall}", "undetermined"): "urgent" for wall in _WALLS},
    ("infarction_posterior", "acute", "possible"): "urgent",
    ("hyperkalaemia", "probable"): "critical",
}

#: Statements that are a reason to record again.
_AGAIN: Final = (
    "lead_reversal", "leg_electrode_reversal", "precordial_reversal", "lead_flat", "lead_noisy", "lead_lost",
)  # fmt: skip
#: A rhythm of unknown origin is calm where RR changes by less than this from beat to beat (median), %, unlike in atrial
#: fibrillation, over at least so many beats.
CALM_CHANGE_PERCENT: Final = 8.0
CALM_BEATS: Final = 6
#: One lead alone often hides the P waves of a slow sinus rhythm: there a calm rhythm presses below this only, per
#: minute (Advanced Life Support: slower ones may cause symptoms).
CALM_SINGLE_LEAD_BPM: Final = 50.0

#: Ventricular rates that press by themselves in adults, per minute (ACC/AHA 2015 and 2018; Advanced Life Support:
#: above 150 a tachycardia is likely to be the cause of symptoms, below 50 a bradycardia).
_RATE_LEVELS: Final[tuple[tuple[Callable[[float], bool], str], ...]] = (
    (lambda bpm: bpm >= 150, "critical"),
    (lambda bpm: bpm < 35, "critical"),
    (lambda bpm: bpm >= 130, "urgent"),
    (lambda bpm: bpm < 45, "urgent"),
)


def judge_urgency(
    context: Context, statements: tuple[Statement, ...], *, judged: tuple[str, ...], changes: Sequence[EcgChange] = ()
) -> Urgency:
    """Return how soon a doctor should see the recording.

    Parameters
    ----------
    context : Context
    statements : tuple of Statement
    judged : tuple of str
        Codes of what kept the engine from judging (too short, no usable lead ...); empty where it could.
    changes : sequence of EcgChange
        What differs from an earlier ECG of the patient.

    Returns
    -------
    Urgency
        The most pressing level of any statement, rate or reason. Reasons to record again never lower it.
    """
    reasons: dict[str, list[str]] = {level: [] for level in LEVELS}
    for statement in statements:
        level = level_of(statement)
        if level is not None and not (statement.code in _calmed(context) and _is_calm(context)):
            reasons[level].append(statement.code)
    _add_rate(context, reasons)
    qtc = qtc_of_width_ms(context)
    if qtc is not None and qtc >= context.limits.qtc_critical_ms and any(s.code == "qt_prolonged" for s in statements):
        reasons["urgent"].append("qt_prolonged")
    if has_chest_pain(context.patient.complaint):
        for code in (s.code for s in statements if s.code in CHEST_PAIN_LEVELS):
            reasons[CHEST_PAIN_LEVELS[code]] += [code, "chest_pain"]
    _add_changes(context, changes, reasons)
    reasons["unscored"].extend(judged)
    level = next((name for name in LEVELS if reasons[name]), "routine")
    return Urgency(level=level, because=tuple(reasons[level]), repeat_recording=_repeat(context, statements))


def _add_changes(context: Context, changes: Sequence[EcgChange], reasons: dict[str, list[str]]) -> None:
    wide = (context.get("qrs_ms") or 0.0) >= context.limits.qrs_wide_ms
    for change in changes:
        if change.beyond_error and change.kind == "new" and change.code in NEW_LEVELS:
            reasons[NEW_LEVELS[change.code]].append(change.code)
        longer = change.code == "qtc_fridericia_ms" and (change.difference or 0.0) > 0
        if change.beyond_error and longer and not wide:
            # 60 ms more call for action even below 500 ms (AHA/ACCF 2010, doi:10.1161/CIRCULATIONAHA.109.192704); but a
            # wide QRS lengthens QT by itself.
            reasons["urgent"].append("qtc_longer")


def level_of(statement: Statement) -> str | None:
    """Return the level of a statement by its code, age and certainty, or None where it is routine."""
    code, age, certainty = statement.code, statement.age or "", statement.certainty
    for key in ((code, age, certainty), (code, age), (code, certainty)):
        if key in QUALIFIED_LEVELS:
            return QUALIFIED_LEVELS[key]
    return STATEMENT_LEVELS.get(code)


def _calmed(context: Context) -> tuple[str, ...]:
    """Return the statements that do not press where the rhythm is calm."""
    return ("undetermined_rhythm", "bradycardia") if is_single_lead(context) else ("undetermined_rhythm",)


def _is_calm(context: Context) -> bool:
    """Return whether a rhythm of unknown origin does not press: narrow QRS, regular, at a rate within the limits.

    Whether sinus, atrial or junctional, it carries the circulation; what would press is told from rate, regularity and
    width.
    """
    rate, change = context.get("heart_rate_bpm"), context.get("rr_change_percent")
    width = context.get("qrs_ms")
    if rate is None or change is None or width is None or len(context.beats.r_peaks) < CALM_BEATS:
        return False
    slowest = context.limits.slow_bpm
    if context.limits.adult and is_single_lead(context):
        slowest = CALM_SINGLE_LEAD_BPM
    within = slowest <= rate <= context.limits.fast_bpm
    return within and change < CALM_CHANGE_PERCENT and width < context.limits.qrs_wide_ms


def _add_rate(context: Context, reasons: dict[str, list[str]]) -> None:
    rate = context.get("heart_rate_bpm")
    if rate is None or len(context.beats.r_peaks) < 3:
        return
    if context.limits.adult:
        level = next((name for presses, name in _RATE_LEVELS if presses(rate)), None)
        if level is not None:
            reasons[level].append("heart_rate_bpm")
    elif rate > 1.2 * context.limits.fast_bpm or rate < 0.7 * context.limits.slow_bpm:
        reasons["urgent"].append("heart_rate_bpm")


def _repeat(context: Context, statements: tuple[Statement, ...]) -> tuple[str, ...]:
    quality, codes = context.quality, {s.code for s in statements}
    found: list[str] = [code for code in _AGAIN if code in codes]
    if not quality.acceptable:
        found.extend(quality.reasons)
    if "undetermined_rhythm" in codes and may_hide_p(context):
        found.append("noisy")
    return tuple(dict.fromkeys(found))
