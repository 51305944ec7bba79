"""How a model's score and the rules' statements join into one urgency: one table, and what they disagree on.

A score changes no statement and takes nothing back. Where a score that counts says what no rule says, the doctor is
told, and the urgency rises at most to what `JOINS` says; a score alone makes nothing critical. A research score does
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.interpretation.clinical import has_chest_pain
from ecg_engine.interpretation.urgency import LEVELS, STATEMENT_LEVELS
from ecg_engine.types import Note, Statement, Urgency

__all__ = ["JOINS", "LIKELY", "LOW", "NORMAL_LABELS", "Join", "join_of", "join_scores"]

#: A calibrated score below it contradicts a statement: of a hundred such recordings fewer than five have it, fewer than
#: of any recordings that come. Chosen.
LOW: Final = 0.05
#: What no rule says is told, and may raise the urgency, where it is as likely as not and above the card's threshold:
#: of a rare finding that may lie at a few in a hundred, and a page of unlikely ones helps nobody. Chosen.
LIKELY: Final = 0.5
#: The most that a score alone may make of a recording.
HIGHEST: Final = "urgent"
#: Labels that say that nothing is wrong: they never lower anything. A normal ECG by the rules that the first of them
#: scores `LOW` is looked at before the routine work.
NORMAL_LABELS: Final = ("NORM",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a label's score goes with.

    Parameters
    ----------
    said_by : frozenset of str
        Statements any of which says the same, or says it finer.
    raises_to : str, optional
        The level to which a score above its threshold may raise a recording of which no rule says so; None: it is told
        and raises nothing.
    with_pain : str, optional
        The same in a patient with pain in the chest.
    contradicts : frozenset of str
        Statements that a score below `LOW` contradicts.
    """

    said_by: frozenset[str]
    raises_to: str | None = None
    with_pain: str | None = None
    contradicts: frozenset[str] = frozenset()


_INFARCTION: Final = frozenset(
    {
        "infarction_anterior", "infarction_inferior", "infarction_lateral", "infarction_posterior", "st_elevation_mi",
        "right_ventricular_infarction", "sgarbossa_criteria", "barcelona_criteria", "de_winter", "hyperacute_t",
        "wellens", "st_elevation", "st_depression_diffuse",
    }
)  # fmt: skip
_REPOLARISATION: Final = _INFARCTION | {
    "st_depression", "t_inversion", "st_t_nonspecific", "pericarditis", "early_repolarization", "juvenile_t",
    "brugada_1", "brugada_2", "hyperkalaemia", "hypokalaemia", "qt_prolonged", "qt_short", "lvh", "rvh",
    "lbbb_complete", "rbbb_complete", "ivcd", "wide_qrs", "paced_rhythm", "pacing_ventricular", "pacing_dual",
    "preexcitation",
}  # fmt: skip
_CONDUCTION: Final = frozenset(
    {
        "av_block_1", "av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_2_to_1", "av_block_2_advanced",
        "av_block_3", "av_dissociation", "preexcitation", "rbbb_complete", "rbbb_incomplete", "lbbb_complete",
        "lbbb_incomplete", "lafb", "lpfb", "bifascicular_block", "ivcd", "wide_qrs", "paced_rhythm",
        "pacing_ventricular", "pacing_dual", "axis_left",
    }
)  # fmt: skip
_HYPERTROPHY: Final = frozenset({"lvh", "rvh", "left_atrial_enlargement", "right_atrial_enlargement"})
_FIBRILLATION: Final = frozenset({"atrial_fibrillation", "atrial_flutter"})

_ECTOPIC_VENTRICULAR: Final = frozenset(
    {
        "premature_ventricular_complex", "ventricular_couplet", "ventricular_bigeminy", "ventricular_trigeminy",
        "ventricular_run", "ventricular_tachycardia",
    }
)  # fmt: skip
_ECTOPIC_ATRIAL: Final = frozenset({"premature_atrial_complex", "atrial_couplet", "atrial_bigeminy", "atrial_run"})
_PACED: Final = frozenset({"paced_rhythm", "pacing_dual", "pacing_ventricular", "pacing_atrial"})
#: Statements whose score alone is no news: what speaks against them has a score of its own.
_CALM: Final = frozenset({"normal_ecg", "sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia"})

_LONG_PR: Final = frozenset({"av_block_1", "av_block_2_mobitz_1", "av_block_2_to_1"})
_WALLS: Final = ("infarction_anterior", "infarction_inferior", "infarction_lateral", "infarction_posterior")
_AN_INFARCTION: Final = Join(said_by=_INFARCTION, raises_to="unscored", with_pain="urgent")
_ISCHAEMIA: Final = Join(said_by=_REPOLARISATION, with_pain="unscored")

#: By label. Fibrillation: what a device finds is a diagnosis when a physician has seen the tracing (ESC 2024,
#: doi:10.1093/eurheartj/ehae176), so it comes as early as the rules' own, today. Infarction: a Q wave alone dates
#: nothing (fourth Universal Definition, doi:10.1161/CIR.0000000000000617), and without pain most are old: before the
#: routine work, of whatever wall; with pain, where every ECG is to be read at once (ESC 2023,
#: doi:10.1093/eurheartj/ehad191), today, and changes of ST and T, ischaemic ones among them, before the routine work.
#: Else these, conduction and hypertrophy of no named kind press no more than the rules' own: routine. SCP-ECG
#: statements of PTB-XL go with the superclass that PTB-XL puts them in; abnormal QRS (ABQRS) names nothing that a rule
#: says or does not say, and has no row.
JOINS: Final[Mapping[str, Join]] = {
    "atrial_fibrillation": Join(
        said_by=_FIBRILLATION, raises_to="urgent", contradicts=frozenset({"atrial_fibrillation"})
    ),
    "MI": _AN_INFARCTION,
    "ASMI": _AN_INFARCTION,
    **{code: replace(_AN_INFARCTION, contradicts=frozenset({code})) for code in _WALLS},
    "QWAVE": Join(said_by=_INFARCTION | _CONDUCTION),
    "STTC": _ISCHAEMIA,
    **dict.fromkeys(("ISC_", "ISCAL", "ISCAS", "ISCIL", "ISCIN"), _ISCHAEMIA),
    **dict.fromkeys(("NDT", "NST_", "NT_", "LOWT"), Join(said_by=_REPOLARISATION)),
    "CD": Join(said_by=_CONDUCTION),
    "LPR": Join(said_by=_LONG_PR),
    "HYP": Join(said_by=_HYPERTROPHY),
    "VCLVH": Join(said_by=_HYPERTROPHY),
    "premature_ventricular_complex": Join(said_by=_ECTOPIC_VENTRICULAR),
    "premature_atrial_complex": Join(said_by=_ECTOPIC_ATRIAL),
    "paced_rhythm": Join(said_by=_PACED, contradicts=_PACED),
    "st_t_nonspecific": Join(said_by=_REPOLARISATION),
    "ivcd": Join(said_by=_CONDUCTION),
}


def join_of(label: str) -> Join | None:
    """Return what the score of a label goes with; None for one that is neither in the table nor a statement's code.

    A statement that is not in `JOINS` is said by itself, and its score raises to its own level, `HIGHEST` at most.
    Sinus rhythms and a normal ECG go with nothing: what speaks against them has a score of its own.
    """
    if label in JOINS:
        return JOINS[label]
    if label not in vocabulary.statements() or label in _CALM:
        return None
    itself = frozenset({label})
    return Join(said_by=itself, raises_to=_at_most(STATEMENT_LEVELS.get(label)), contradicts=itself)


def join_scores(
    urgency: Urgency,
    statements: Sequence[Statement],
    scores: Iterable[Mapping[str, Any]],
    *,
    judged: Sequence[str] = (),
    complaint: str | None = None,
) -> tuple[Urgency, tuple[Note, ...]]:
    """Join what the rules and the models say.

    Parameters
    ----------
    urgency : Urgency
        By the rules.
    statements : sequence of Statement
    scores : iterable of mapping
        As `types.EcgReport.scores`; those of ``report`` other than ``default`` do nothing.
    judged : sequence of str
        Codes of what keeps the engine from judging: then no score raises anything.
    complaint : str, optional

    Returns
    -------
    Urgency
        As given, or more pressing.
    tuple of Note
        Of the stage ``fusion``: each disagreement, what raises the urgency first.
    """
    if judged:
        return urgency, ()
    said = {s.code for s in statements}
    notes: list[tuple[int, Note]] = []
    level = urgency.level
    for score in scores:
        if score.get("report") != "default" or score.get("score") is None:
            continue
        note, raised = _joined(score, said, has_chest_pain(complaint))
        if note is not None:
            notes.append((len(LEVELS) if raised is None else LEVELS.index(raised), note))
        if raised is not None and LEVELS.index(raised) < LEVELS.index(level):
            level = raised
    if level != urgency.level:
        urgency = replace(urgency, level=level, because=("unconfirmed_score",))
    return urgency, tuple(note for _, note in sorted(notes, key=lambda one: one[0]))


def _joined(score: Mapping[str, Any], said: set[str], in_pain: bool) -> tuple[Note | None, str | None]:
    """Return what a score and the statements disagree on, and the level to which that raises the recording."""
    label, value, threshold = str(score["label"]), float(score["score"]), score.get("threshold")
    facts = {"model": score["model"], "label": label, "score": value}
    is_low = value < LOW and (threshold is None or value < threshold)
    if label in NORMAL_LABELS:
        if is_low and "normal_ecg" in said:
            return _note("normal_without_score", facts), "unscored"
        return None, None
    join = join_of(label)
    if join is None:
        return None, None
    if threshold is not None and value >= max(float(threshold), LIKELY) and not join.said_by & said:
        raised = join.with_pain if in_pain and join.with_pain else join.raises_to
        return _note("score_without_statement", {**facts, "threshold": float(threshold)}), _at_most(raised)
    against = sorted(join.contradicts & said)
    if is_low and against:
        return _note("statement_without_score", {**facts, "said": against[0]}), None
    return None, None


def _at_most(level: str | None) -> str | None:
    """Return a level, `HIGHEST` where it is above."""
    if level is None:
        return None
    return level if LEVELS.index(level) >= LEVELS.index(HIGHEST) else HIGHEST


def _note(code: str, facts: Mapping[str, Any]) -> Note:
    return Note(stage="fusion", code=code, facts=facts)
