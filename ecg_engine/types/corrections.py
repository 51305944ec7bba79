"""A recording with what a doctor put right in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.leads import exchange_electrodes, standard_name
from ecg_engine.settings import LIMB_ELECTRODES, Corrections
from ecg_engine.types.recording import Recording

__all__ = ["corrected"]


def corrected(recording: Recording, corrections: Corrections | None) -> Recording:
    """Return the recording with its leads and its patient put right; marks and classes of beats are put right later.

    Parameters
    ----------
    recording : Recording
        As it was read.
    corrections : Corrections, optional

    Returns
    -------
    Recording
        The same where nothing of leads or patient is corrected.

    Raises
    ------
    InputError
        A lead that is named is not there, or cannot be had back from those that are, or none would be left.
    """
    if corrections is None:
        return recording
    known: dict[str, Any] = {"age_years": corrections.age_years, "sex": corrections.sex}
    known = {key: value for key, value in known.items() if value is not None}
    if known:
        recording = replace(recording, patient=replace(recording.patient, **known))
    if not (corrections.swap_leads or corrections.invert_leads or corrections.drop_leads):
        return recording
    rows: dict[str, NDArray[Any]] = dict(zip(recording.leads, recording.signal, strict=True))
    for first, second in corrections.swap_leads:
        rows = _exchanged(rows, first, second)
    for name in (_lead(rows, name, "invert_leads") for name in corrections.invert_leads):
        rows[name] = -rows[name]
    dropped = {_lead(rows, name, "drop_leads") for name in corrections.drop_leads}
    kept = [i for i, name in enumerate(recording.leads) if name not in dropped]
    if not kept:
        raise InputError("drop_leads: no lead would be left", argument="drop_leads")
    source = recording.source
    if source.lsb_mv is not None and len(source.lsb_mv) == len(recording.leads):
        source = replace(source, lsb_mv=tuple(source.lsb_mv[i] for i in kept))
    leads = tuple(recording.leads[i] for i in kept)
    return replace(recording, signal=np.stack([rows[name] for name in leads]), leads=leads, source=source)


def _lead(rows: dict[str, NDArray[Any]], name: str, argument: str) -> str:
    """Return the row's own name of a lead."""
    for known in rows:
        if known == name or standard_name(known) == standard_name(name):
            return known
    raise InputError(f"{argument}: lead {name} is not there; there are {', '.join(rows)}", argument=argument)


def _exchanged(rows: dict[str, NDArray[Any]], first: str, second: str) -> dict[str, NDArray[Any]]:
    if first not in LIMB_ELECTRODES:
        one, other = _lead(rows, first, "swap_leads"), _lead(rows, second, "swap_leads")
        return {**rows, one: rows[other], other: rows[one]}
    names = {standard_name(name): name for name in rows}
    moved = exchange_electrodes(
        {name: rows[own] for name, own in names.items()}, LIMB_ELECTRODES[first], LIMB_ELECTRODES[second]
    )
    lost = [name for name in names if name not in moved]
    if lost:
        raise InputError(
            f"swap_leads: {first} and {second} cannot be exchanged back: what {', '.join(lost)} would be is not "
            "recorded; two of I, II, III are needed",
            argument="swap_leads",
        )
    return {own: moved[name] for name, own in names.items()}
