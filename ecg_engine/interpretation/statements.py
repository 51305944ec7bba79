"""Run the rules; take back what another statement makes meaningless; put them in the order of a conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

# The families register their rules when they are imported.
from ecg_engine.interpretation import (  # noqa: F401
    atria,
    atrial,
    av_block,
    av_intervals,
    brugada,
    conduction,
    electrolytes,
    fascicles,
    hypertrophy,
    infarction,
    ischaemia,
    long_term,
    normal,
    pacing,
    preexcitation,
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

#: What the shape of the QRS says of conduction and of the ventricles.
_SHAPES: Final = frozenset(
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
_FRONTAL: Final = frozenset(
    {"axis_left", "axis_right", "axis_extreme", "bifascicular_block", "lafb", "lpfb", "lvh", "rvh"}
)
#: What Q, ST and T say where the ventricles are activated as usual.
_SCARS: Final = frozenset({"infarction_anterior", "infarction_inferior", "infarction_lateral", "infarction_posterior"})
_CALM_ST_T: Final = frozenset({"t_inversion", "st_t_nonspecific", "early_repolarization", "juvenile_t", "brugada_2"})
_ST_T: Final = _CALM_ST_T | {
    "st_elevation", "st_depression", "st_depression_diffuse", "pericarditis", "wellens", "hyperacute_t", "brugada_1",
    "hypokalaemia", "hyperkalaemia", "qt_prolonged", "qt_short", "st_elevation_mi", "right_ventricular_infarction",
    "de_winter", "sgarbossa_criteria", "barcelona_criteria",
}  # fmt: skip
_ANY_ST_T: Final = _SCARS | _ST_T

_AV_BLOCKS: Final = frozenset({
    "av_block_2_mobitz_1", "av_block_2_mobitz_2", "av_block_2_to_1", "av_block_2_advanced", "av_block_3",
    "av_dissociation",
})  # fmt: skip
#: A block of the second or third degree says more of the rhythm than these, and accounts for them.
_BLOCKED: Final = frozenset({
    "undetermined_rhythm", "atrial_fibrillation", "sinus_arrhythmia", "sinus_pause", "premature_atrial_complex",
    "atrial_bigeminy", "atrial_couplet", "atrial_run", "av_block_1", "junctional_rhythm",
    "accelerated_junctional_rhythm", "supraventricular_tachycardia", "atrial_rhythm", "idioventricular_rhythm",
    "accelerated_idioventricular_rhythm",
})  # fmt: skip

#: What a statement takes away from the conclusion. Exchanged limb electrodes and a mirrored heart turn the limb leads
#: over: nothing that rests on their signs is said.
SUPPRESSES: Final[Mapping[str, frozenset[str]]] = {
    "lead_reversal": _FRONTAL
    | _BY_P_AXIS
    | {"right_atrial_enlargement"}
    | {"infarction_inferior", "infarction_lateral"}
    | _CALM_ST_T,
    "leg_electrode_reversal": _FRONTAL
    | {"lead_reversal", "dextrocardia", "low_voltage", "right_atrial_enlargement"}
    | {"infarction_inferior", "infarction_lateral"}
    | _CALM_ST_T,
    "precordial_reversal": frozenset({"infarction_anterior", "infarction_posterior"}) | _CALM_ST_T,
    "dextrocardia": _FRONTAL
    | _BY_P_AXIS
    | {"precordial_reversal", "low_voltage", "right_atrial_enlargement"}
    | _SCARS
    | _CALM_ST_T,
    # What reaches the ventricles beside the bundle of His makes their axis, shape and voltages, ST and T.
    "preexcitation": _ANY_ST_T | _SHAPES,
    # The late forces of the right ventricle turn the axis of the whole QRS; the unblocked left one is not judged by it.
    "rbbb_complete": frozenset({"axis_extreme", "axis_right"}),
    # What a branch of the left bundle adds to the QRS lies within the error of its width.
    "lafb": frozenset({"ivcd"}),
    "lpfb": frozenset({"axis_left", "ivcd"}),
    # The right ventricle explains the axis; leads that are low beside tall ones are no low voltage.
    "rvh": frozenset({"lpfb", "low_voltage"}),
    "lvh": frozenset({"low_voltage"}),
    # What lasts is no episode.
    "atrial_fibrillation": frozenset({"atrial_fibrillation_episodes"}),
    # Flutter waves bend ST and T, and feign Q in II, III and aVF.
    "atrial_flutter": frozenset(
        {
            "st_depression",
            "st_depression_diffuse",
            "infarction_inferior",
            "hypokalaemia",
            "atrial_fibrillation_episodes",
        }
    )
    | _CALM_ST_T,
    # What is proved leaves no room for what it might have been.
    "st_elevation_mi": _CALM_ST_T
    | {"st_elevation", "pericarditis", "hyperacute_t", "wellens", "brugada_1", "st_depression", "hypokalaemia"},
    "de_winter": _CALM_ST_T | {"infarction_posterior", "hyperacute_t", "st_depression", "hypokalaemia"},
    "st_depression_diffuse": frozenset({"infarction_posterior", "st_t_nonspecific", "juvenile_t"}),
    "sgarbossa_criteria": frozenset({"barcelona_criteria"}),
    "hyperkalaemia": frozenset({"hyperacute_t", "early_repolarization"}),
    "brugada_1": frozenset({"st_elevation", "early_repolarization", "juvenile_t"}),
    "brugada_2": frozenset({"early_repolarization"}),
    "wellens": frozenset({"t_inversion", "st_t_nonspecific", "juvenile_t"}),
    "juvenile_t": frozenset({"t_inversion", "st_t_nonspecific"}),
    "pericarditis": frozenset({"early_repolarization", "st_elevation"}),
    "av_block_2_mobitz_1": _BLOCKED,
    "av_block_2_mobitz_2": _BLOCKED,
    "av_block_2_to_1": _BLOCKED - {"av_block_1"},
    "av_block_2_advanced": _BLOCKED,
    "av_block_3": _BLOCKED | {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia"},
    "av_dissociation": _BLOCKED | {"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia"},
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
            "preexcitation",
            "left_atrial_enlargement",
            "right_atrial_enlargement",
        }
    )
    | _PREMATURE
    | _SHAPES
    | _AV_BLOCKS
    | _ANY_ST_T,
    "ventricular_tachycardia": frozenset({"undetermined_rhythm", "bradycardia"}) | _PREMATURE | _AV_BLOCKS | _ANY_ST_T,
    "asystole": frozenset({"pause", "undetermined_rhythm", "bradycardia"}) | _ANY_ST_T,
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
