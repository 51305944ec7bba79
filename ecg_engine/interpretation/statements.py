"""Run the rules; take back what another statement makes meaningless; put them in the order of a conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

# The families register their rules when they are imported.
from ecg_engine.interpretation import (  # noqa: F401
    atria,
    av_intervals,
    bundle_branches,
    fascicles,
    hypertrophy,
    normal,
    preexcitation,
    repolarisation,
    rhythm,
    technical,
    ventricular,
)
from ecg_engine.interpretation.context import RULES, Context
from ecg_engine.types import Statement
from ecg_engine.vocabulary import statements as statement_order

#: What the shape of the QRS says of conduction and of the ventricles.
SHAPES: Final = frozenset(
    {
        "axis_left",
        "axis_right",
        "axis_extreme",
        "bifascicular_block",
        "ivcd",
        "lafb",
        "lbbb_complete",
        "lbbb_incomplete",
        "low_voltage",
        "lpfb",
        "lvh",
        "rbbb_complete",
        "rbbb_incomplete",
        "rvh",
        "wide_qrs",
    }
)
#: Of these, what rests on the limb leads.
FRONTAL: Final = frozenset(
    {"axis_left", "axis_right", "axis_extreme", "bifascicular_block", "lafb", "lpfb", "lvh", "rvh"}
)
#: What a statement takes away from the conclusion. Exchanged limb electrodes and a mirrored heart turn the limb leads
#: over: nothing that rests on their signs is said.
SUPPRESSES: Final[Mapping[str, frozenset[str]]] = {
    "lead_reversal": FRONTAL | {"undetermined_rhythm", "right_atrial_enlargement"},
    "leg_electrode_reversal": FRONTAL | {"lead_reversal", "dextrocardia", "low_voltage", "right_atrial_enlargement"},
    "dextrocardia": FRONTAL | {"undetermined_rhythm", "precordial_reversal", "low_voltage", "right_atrial_enlargement"},
    # Intervals and shapes of what fibrillating ventricles write are none.
    "ventricular_fibrillation": frozenset(
        {
            "atrial_fibrillation",
            "undetermined_rhythm",
            "bradycardia",
            "tachycardia",
            "premature_beats",
            "sinus_arrhythmia",
            "preexcitation",
            "left_atrial_enlargement",
            "right_atrial_enlargement",
        }
    )
    | SHAPES,
    "ventricular_tachycardia": frozenset({"undetermined_rhythm", "premature_beats", "bradycardia"}),
    "asystole": frozenset({"pause", "undetermined_rhythm", "bradycardia"}),
    # What reaches the ventricles beside the bundle of His makes their axis, their shape and their voltages.
    "preexcitation": SHAPES | {"left_atrial_enlargement"},
    # The late forces of the right ventricle turn the axis of the whole QRS; the unblocked left one is not judged by it.
    "rbbb_complete": frozenset({"axis_extreme", "axis_right"}),
    "lpfb": frozenset({"axis_left"}),
    # The right ventricle explains the axis, a tall QRS of some leads that others are low.
    "rvh": frozenset({"lpfb", "low_voltage"}),
    "lvh": frozenset({"low_voltage"}),
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
    first = [statement for r in RULES if not r.last and (statement := r.run(context)) is not None]
    hidden = {gone for statement in first for gone in SUPPRESSES.get(statement.code, ())}
    kept = [statement for statement in first if statement.code not in hidden]
    whole = replace(context, said=frozenset(statement.code for statement in kept))
    kept += [statement for r in RULES if r.last and (statement := r.run(whole)) is not None]
    rank = {code: i for i, code in enumerate(statement_order())}
    return tuple(sorted(kept, key=lambda s: rank[s.code]))
