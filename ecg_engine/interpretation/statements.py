"""Run the rules; take back what another statement makes meaningless; put them in the order of a conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The families register their rules when they are imported.
from ecg_engine.interpretation import (  # noqa: F401
    atrial,
    conduction,
    premature,
    repolarisation,
    rhythm,
    sinus,
    technical,
    ventricular,
)
from ecg_engine.interpretation.context import RULES, Context
from ecg_engine.types import Statement
from ecg_engine.vocabulary import statements as statement_order

_PREMATURE: Final = frozenset({
    "premature_ventricular_complex", "premature_atrial_complex", "ventricular_bigeminy", "ventricular_trigeminy",
    "ventricular_couplet", "atrial_bigeminy", "atrial_couplet", "atrial_run",
})  # fmt: skip

#: What is told by where P points.
_BY_P_AXIS: Final = frozenset({
    "undetermined_rhythm", "atrial_rhythm", "junctional_rhythm", "accelerated_junctional_rhythm",
})  # fmt: skip

#: What a statement takes away from the conclusion. Exchanged limb electrodes and a mirrored heart turn the limb leads
#: over: nothing that rests on their signs is said.
SUPPRESSES: Final[Mapping[str, frozenset[str]]] = {
    "lead_reversal": frozenset({"axis_left", "axis_right", "axis_extreme"}) | _BY_P_AXIS,
    "leg_electrode_reversal": frozenset({"axis_left", "axis_right", "axis_extreme", "lead_reversal", "dextrocardia"}),
    "dextrocardia": frozenset({"axis_left", "axis_right", "axis_extreme", "precordial_reversal"}) | _BY_P_AXIS,
    # Intervals and shapes of what fibrillating ventricles write are none.
    "ventricular_fibrillation": frozenset(
        {
            "atrial_fibrillation",
            "atrial_flutter",
            "supraventricular_tachycardia",
            "undetermined_rhythm",
            "bradycardia",
            "tachycardia",
            "sinus_arrhythmia",
            "wide_qrs",
            "rbbb_complete",
            "lbbb_complete",
        }
    )
    | _PREMATURE,
    "ventricular_tachycardia": frozenset({"undetermined_rhythm", "bradycardia"}) | _PREMATURE,
    "asystole": frozenset({"pause", "undetermined_rhythm", "bradycardia"}),
}


def interpret(context: Context) -> tuple[Statement, ...]:
    """Return the statements that the measurements support.

    Parameters
    ----------
    context : Context

    Returns
    -------
    tuple of Statement
        In the order of the vocabulary; no two exclude each other.
    """
    said = [statement for r in RULES if (statement := r.run(context)) is not None]
    codes = {statement.code for statement in said}
    hidden = {gone for code in codes for gone in SUPPRESSES.get(code, ())}
    rank = {code: i for i, code in enumerate(statement_order())}
    return tuple(sorted((s for s in said if s.code not in hidden), key=lambda s: rank[s.code]))
