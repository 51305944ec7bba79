"""DICOM ECG objects: `ecg_engine.dicom` knows the standard, this maps it to a recording and back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

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


def open_file(path: Path, options: Options) -> Opened:
    """Open a DICOM ECG object; its longest group as acquired is the recording, with those beside it in time."""
    from ecg_engine.dicom.waveforms import filters_of, read_waveforms

    file = read_waveforms(path)
    group = file.groups[file.main]
    every = [(i, k, c) for i in file.joined for k, c in enumerate(file.groups[i].channels)]
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
    for name, channel in zip(leads, channels, strict=True):
        if not (math.isfinite(channel.step) and channel.step):
            raise CorruptFormatError(
                f"lead {name}: no sensitivity; keep others with leads=… (--leads) or export again", path=path, lead=name
            )
    mv = np.array([mv_per_unit(c.unit) or math.nan for c in channels])[:, np.newaxis]
    step = np.array([c.step for c in channels])[:, np.newaxis] * mv
    zero = np.array([c.zero for c in channels])[:, np.newaxis] * mv

    def fetch(start: int, stop: int) -> NDArray[np.float64]:
        out = np.empty((len(leads), stop - start))
        for i in file.joined:
            rows = [row for row, (of, _, _) in enumerate(chosen) if of == i]
            raw = file.groups[i].samples[start:stop, [chosen[row][1] for row in rows]].T
            piece = raw * step[rows] + zero[rows]
            if file.groups[i].padding is not None:
                piece[raw == file.groups[i].padding] = np.nan
            out[rows] = piece
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
        n_samples=len(group.samples),
        fetch=fetch,
        start=file.start,
        patient=file.patient,
        source=Source(
            path=str(path),
            format="dicom",
            device=file.device,
            filters=filters_of(channels),
            lsb_mv=tuple(float(x) for x in np.abs(step[:, 0])),
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
