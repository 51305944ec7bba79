"""What the sender should do next: goes with a statement that presses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ecg_engine.types import Note, Statement

__all__ = ["ACUTE_ADVICE", "ADVICE", "advise"]

#: Notes by statement. More leads and repeated recordings: fourth Universal Definition
#: (doi:10.1161/CIR.0000000000000617) and 2023 ESC guidelines on acute coronary syndromes
#: (doi:10.1093/eurheartj/ehad191); V1 and V2 higher up: consensus on the Brugada pattern
#: (doi:10.1016/j.jelectrocard.2012.06.004).
ADVICE: Final[Mapping[str, tuple[str, ...]]] = {
    "ventricular_fibrillation": ("advice_see_patient",),
    "ventricular_tachycardia": ("advice_see_patient",),
    "asystole": ("advice_see_patient",),
    "st_elevation_mi": ("advice_repeat_15_min",),
    "st_elevation": ("advice_repeat_15_min",),
    "sgarbossa_criteria": ("advice_repeat_15_min",),
    "barcelona_criteria": ("advice_repeat_15_min",),
    "de_winter": ("advice_repeat_15_min",),
    "hyperacute_t": ("advice_repeat_15_min", "advice_potassium"),
    "wellens": ("advice_repeat_15_min",),
    "st_depression_diffuse": ("advice_repeat_15_min",),
    "st_depression": ("advice_repeat_15_min",),
    "right_ventricular_infarction": ("advice_v3r_v4r",),
    "brugada_1": ("advice_high_v1_v2",),
    "hyperkalaemia": ("advice_potassium",),
    "hypokalaemia": ("advice_potassium",),
}
#: Notes by infarction that is acute.
ACUTE_ADVICE: Final[Mapping[str, tuple[str, ...]]] = {
    "infarction_inferior": ("advice_v3r_v4r", "advice_v7_v9"),
    "infarction_posterior": ("advice_v7_v9", "advice_repeat_15_min"),
}
#: A lead that shows that an advice was followed.
_DONE: Final = {"advice_v7_v9": "V8", "advice_v3r_v4r": "V4R"}


def advise(statements: Iterable[Statement], leads: Iterable[str]) -> tuple[Note, ...]:
    """Return what to do next, each thing once; no leads that the recording has.

    Parameters
    ----------
    statements : iterable of Statement
    leads : iterable of str
        Of the recording.

    Returns
    -------
    tuple of Note
        Of the stage ``interpretation``.

    Examples
    --------
    >>> [note.code for note in advise([Statement(code="brugada_1")], ("V1", "V2"))]
    ['advice_high_v1_v2']
    """
    had = set(leads)
    codes: list[str] = []
    for statement in statements:
        codes += ADVICE.get(statement.code, ())
        if statement.age == "acute":
            codes += ACUTE_ADVICE.get(statement.code, ())
    kept = [code for code in dict.fromkeys(codes) if _DONE.get(code) not in had]
    return tuple(Note(stage="interpretation", code=code) for code in kept)
