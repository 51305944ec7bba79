"""DICOM ECG objects: `ecg_engine.dicom` knows the standard, this maps it to a recording and back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError
from ecg_engine.formats._common import (
    Opened,
    Options,
    choose_leads,
    common_rate,
    is_other_signal,
    mv_per_unit,
    name_leads,
    no_ecg,
)
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import MISSING, quantise
from ecg_engine.leads import standard_name
from ecg_engine.types import Recording, Source

if TYPE_CHECKING:
    from ecg_engine.dicom.waveforms import Group


def open_file(path: Path, options: Options) -> Opened:
    """Open a DICOM ECG object; its longest group as acquired is the recording, with those beside and behind it."""
    from ecg_engine.dicom.waveforms import filters_of, read_waveforms

    file = read_waveforms(path)
    group = file.groups[file.main]
    # Groups of the same leads at other times have the channels of the first of them.
    like: dict[tuple[tuple[str, str], ...], int] = {}
    for i in file.joined:
        like.setdefault(file.groups[i].layout, i)
    every = [(i, k, c) for i in like.values() for k, c in enumerate(file.groups[i].channels)]
    why = {
        c.label: "no ECG by its name" if is_other_signal(c.label) else f"unit {c.unit}" if c.unit else "no unit"
        for _, _, c in every
        if is_other_signal(c.label) or mv_per_unit(c.unit) is None
    }
    ecg = [(i, k, c) for i, k, c in every if c.label not in why]
    if not ecg:
        raise no_ecg([c.label for _, _, c in every], path=path)
    names = name_leads([c.label for _, _, c in ecg])
    kept = choose_leads(names, options.leads, path=path)
    leads, chosen = tuple(names[i] for i in kept), [ecg[i] for i in kept]
    channels = [c for _, _, c in chosen]
    mv = np.array([mv_per_unit(c.unit) or math.nan for c in channels])[:, np.newaxis]
    pieces: list[tuple[int, Group, list[int], list[int], NDArray[np.float64], NDArray[np.float64]]] = []
    for i, at in file.joined.items():
        one = file.groups[i]
        rows = [row for row, (of, _, _) in enumerate(chosen) if of == like[one.layout]]
        columns = [chosen[row][1] for row in rows]
        for row, column in zip(rows, columns, strict=True):
            if not (math.isfinite(one.channels[column].step) and one.channels[column].step):
                raise CorruptFormatError(
                    f"lead {leads[row]}: no sensitivity; keep others with leads=… (--leads) or export again",
                    path=path,
                    lead=leads[row],
                )
        step = np.array([one.channels[k].step for k in columns])[:, np.newaxis] * mv[rows]
        zero = np.array([one.channels[k].zero for k in columns])[:, np.newaxis] * mv[rows]
        pieces.append((at, one, rows, columns, step, zero))

    def fetch(start: int, stop: int) -> NDArray[np.float64]:
        out = np.full((len(leads), stop - start), np.nan)
        for at, one, rows, columns, step, zero in pieces:
            first, last = max(start, at), min(stop, at + len(one.samples))
            if first >= last or not rows:
                continue
            raw = one.samples[first - at : last - at, columns].T
            piece = raw * step + zero
            if one.padding is not None:
                piece[raw == one.padding] = np.nan
            out[rows, first - start : last - start] = piece
        return out

    details = dict(file.details)
    if why:
        details["channels_left_out"] = why
    others = [
        f"{g.label or 'group'}: {len(g.channels)} leads, {g.duration_s:g} s{'' if g.is_original else ', derived'}"
        for i, g in enumerate(file.groups)
        if i not in file.joined
    ]
    if others:
        details["other_groups"] = others
    return Opened(
        fs=common_rate(leads[:1], [group.fs], path=path),
        leads=leads,
        n_samples=file.n_samples,
        fetch=fetch,
        start=file.start,
        patient=file.patient,
        source=Source(
            path=str(path),
            format="dicom",
            device=file.device,
            filters=filters_of(channels),
            lsb_mv=tuple(abs(c.step) * float(mv[row, 0]) for row, c in enumerate(channels)),
            measurements=file.measurements,
            statements=file.statements,
            details=details,
        ),
        annotations=tuple(
            replace(mark, lead=None if mark.lead is None else standard_name(mark.lead)) for mark in file.annotations
        ),
    )


def write_file(recording: Recording, path: Path) -> None:
    """Write a DICOM ECG object."""
    from ecg_engine.dicom.waveform_writer import check_fits, waveform_object

    check_fits(recording.fs, recording.leads, recording.n_samples, path)
    digits = quantise(recording)
    with replacing(path) as new:
        waveform_object(
            recording,
            samples=digits.samples,
            step_mv=digits.lsb_mv,
            zero_mv=-digits.lsb_mv * digits.baseline,
            padding=MISSING,
        ).save_as(new, enforce_file_format=True)
