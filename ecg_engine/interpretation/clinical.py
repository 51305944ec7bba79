"""What the complaint and the drugs add to the statements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ecg_engine import vocabulary
from ecg_engine.interpretation.context import Context
from ecg_engine.interpretation.early_repolarisation import j_wave_notes
from ecg_engine.types import Note, Statement

__all__ = ["clinical_notes", "has_chest_pain", "taken"]

#: Pain that a coronary occlusion gives, as clinics write it.
_PAIN: Final = (
    r"(?:chest (?:pain|discomfort|pressure|tightness)|pain in (?:the |his |her )?chest|retrosternal|substernal|angina"
    r"|бол\w* (?:в|за) (?:груд\w*|област\w* сердца)|груд\w+ бол\w*|загрудин\w*|давящ\w+ бол\w*"
    r"|стенокарди\w*|ангинозн\w*)"
)
#: And what says that there is none, at most two words before it or one behind it: "chest pain, no relief" is pain.
_DENIED: Final = re.compile(
    rf"\b(?:no|denies|without|free of|нет|без|отрицает)\s+(?:\w+\s+){{0,2}}{_PAIN}"
    rf"|{_PAIN}\s+(?:\w+\s+)?(?:denied|absent|нет|отрицает|отсутству\w+|не было|не беспоко\w+)",
    re.IGNORECASE,
)
_SAID: Final = re.compile(_PAIN, re.IGNORECASE)
_CLAUSES: Final = re.compile(r"[.,;!?\n]|\bbut\b|\bно\b", re.IGNORECASE)
#: Statements that digitalis makes by itself: its sagging ST and flat T (AHA/ACCF/HRS 2009, part IV).
_BY_DIGITALIS: Final = frozenset({"st_depression", "st_t_nonspecific", "t_inversion"})

#: Beside these an end of the QRS that is notched or slurred is none of early repolarisation.
_NO_J_WAVES: Final = frozenset(
    {"preexcitation", "ventricular_tachycardia", "ventricular_fibrillation", "st_elevation_mi", "hyperkalaemia"}
)


def has_chest_pain(complaint: str | None) -> bool:
    """Return whether a complaint speaks of pain in the chest.

    Examples
    --------
    >>> has_chest_pain("Chest pain for 2 h"), has_chest_pain("denies chest pain"), has_chest_pain("боли за грудиной")
    (True, False, True)
    """
    clauses = _CLAUSES.split(complaint or "")
    return any(_SAID.search(clause) and not _DENIED.search(clause) for clause in clauses)


def taken(drugs: Iterable[str], group: str) -> tuple[str, ...]:
    """Return which of the drugs, as they are named, belong to a group of `vocabulary`."""
    begins = vocabulary.drug_names(group)
    return tuple(drug for drug in drugs if any(word.lower().startswith(begins) for word in re.split(r"[\s/+]+", drug)))


def clinical_notes(context: Context, statements: tuple[Statement, ...]) -> tuple[Note, ...]:
    """Return what complaint, drugs and pacemaker add to what is said.

    Parameters
    ----------
    context : Context
    statements : tuple of Statement

    Returns
    -------
    tuple of Note
        Drugs that lengthen QT beside a long one; digitalis beside ST and T that it changes by itself; a pacemaker of
        which nothing is seen beside a wide QRS; notches and slurs at the end of the QRS where they may be early
        repolarisation.
    """

    def note(code: str, **facts: str) -> Note:
        return Note(stage="interpretation", code=code, facts=facts)

    said = {s.code for s in statements}
    patient, notes = context.patient, []
    lengthen, digitalis = taken(patient.drugs, "qt_prolonging"), taken(patient.drugs, "digitalis")
    if lengthen and "qt_prolonged" in said:
        notes.append(note("qt_drugs", drugs=", ".join(lengthen)))
    if digitalis and said & _BY_DIGITALIS:
        notes.append(note("digitalis_st", drugs=", ".join(digitalis)))
    wide = (context.get("qrs_ms") or 0.0) >= context.limits.qrs_wide_ms
    if patient.pacemaker and wide and not len(context.beats.pacing_spikes):
        notes.append(note("pacemaker_unseen"))
    if not said & _NO_J_WAVES:
        notes += j_wave_notes(context)
    return tuple(notes)
