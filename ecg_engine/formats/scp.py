"""SCP-ECG files (EN 1064, ISO 11073-91064).

Huffman codes, differences of first and second order, subtracted reference beats and samples thinned out between the
beats (bimodal compression) are undone. The reader is our own since reader and writer share the standard's tables.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._common import Opened, Options, choose_leads, name_leads, translated
from ecg_engine.formats._scp_bimodal import filled, stretches_of
from ecg_engine.formats._scp_header import read_header, statements_of
from ecg_engine.formats._scp_measurements import findings_of, spikes_of
from ecg_engine.formats._scp_sections import (
    Lead,
    Samples,
    beats_of,
    leads_of,
    read_sections,
    samples_of,
    tables_of,
    zones_of,
)
from ecg_engine.types import Source

_NV_PER_MV = 1e6
#: Samples that one mean stands for, at most: devices take four.
_MOST_THINNED = 8


def open_file(path: Path, options: Options) -> Opened:
    """Open an SCP-ECG file.

    Raises
    ------
    CorruptFormatError
        A checksum, a length or a code is wrong.
    UnsupportedFormatError
        No rhythm data, bimodal compression that does not say by how much, or bytes in the wrong order.
    """
    with translated(path, "SCP-ECG"):
        sections = read_sections(path)
        header = read_header(sections.get(1))
        for number, what in ((3, "leads"), (6, "rhythm data")):
            if number not in sections:
                raise UnsupportedFormatError(f"SCP-ECG without section {number} ({what}): it holds no ECG", path=path)
        stored, is_subtracted = leads_of(sections[3], path)
        names = name_leads([lead.name for lead in stored])
        kept = choose_leads(names, options.leads, path=path)
        mv, samples = _signal(sections, stored, is_subtracted, path)
        details = dict(header.details)
        lossy: tuple[str, ...] = ("reference beat subtracted",) if is_subtracted else ()
        if samples.is_thinned:
            lossy += ("fewer samples between the beats",)
        if lossy:
            details["compression"] = ", ".join(lossy)
        found = findings_of(sections)
        details.update(found.details())
        fs = 1e6 / samples.interval_us
        return Opened(
            fs=fs,
            leads=tuple(names[i] for i in kept),
            n_samples=mv.shape[1],
            fetch=lambda start, stop: mv[kept, start:stop],
            start=header.start,
            patient=header.patient,
            source=Source(
                path=str(path),
                format="scp",
                device=header.device,
                filters=header.filters,
                lsb_mv=(samples.step_nv / _NV_PER_MV,) * len(kept),
                measurements=found.measurements,
                statements=statements_of(sections, header.encoding),
                details=details,
            ),
            annotations=spikes_of(sections.get(7, b""), fs, mv.shape[1]),
        )


def _signal(
    sections: dict[int, bytes], leads: Sequence[Lead], is_subtracted: bool, path: Path
) -> tuple[NDArray[np.float64], Samples]:
    """Return all leads in mV, at their places in time, and how section 6 stores them."""
    samples = _rhythm(sections, leads, path)
    first = min(lead.first for lead in leads)
    out = np.full((len(leads), max(lead.last for lead in leads) - first + 1), np.nan)
    for row, lead, values in zip(out, leads, samples.rows, strict=True):
        row[lead.first - first : lead.last - first + 1] = values * (samples.step_nv / _NV_PER_MV)
    if is_subtracted:
        _add_reference(out, first, sections, leads, samples, path)
    return out, samples


def _rhythm(sections: dict[int, bytes], leads: Sequence[Lead], path: Path) -> Samples:
    """Return the samples of section 6, all of them also where it holds fewer between the beats."""
    tables = tables_of(sections.get(2), path)
    interval, bimodal = struct.unpack_from("<HxB", sections[6].ljust(6, b"\0"), 2)
    full = struct.unpack_from("<H", sections.get(5, b"").ljust(4, b"\0"), 2)[0]
    if not bimodal or interval == full:
        return samples_of(sections[6], 6, [lead.n_samples for lead in leads], tables, path)
    if 4 not in sections or not full or interval % full or interval > _MOST_THINNED * full:
        raise UnsupportedFormatError(
            "SCP-ECG with bimodal compression (fewer samples between the beats) that does not say how many fewer: "
            f"{interval} µs between samples, {full} µs in section 5; set the device to lossless SCP-ECG, or export "
            "HL7 aECG, DICOM or EDF",
            path=path,
        )
    zones = zones_of(sections[4], beats_of(sections[4], path)[1])
    each = interval // full
    stretches = [stretches_of(lead.first, lead.last, zones, each) for lead in leads]
    counts = [sum(stretch.n_stored for stretch in one) for one in stretches]
    # Another layout than ours would show as samples too few or too many: better no curve than a shifted one.
    stored = samples_of(sections[6], 6, counts, tables, path, is_all=True)
    rows = [filled(values, one) for values, one in zip(stored.rows, stretches, strict=True)]
    return Samples(rows=rows, step_nv=stored.step_nv, interval_us=full, is_thinned=True)


def _add_reference(
    signal: NDArray[np.float64],
    first: int,
    sections: dict[int, bytes],
    leads: Sequence[Lead],
    samples: Samples,
    path: Path,
) -> None:
    """Add the reference beat to the residual of each beat of its kind, R upon R."""
    if 4 not in sections or 5 not in sections:
        raise CorruptFormatError(
            "SCP-ECG: a reference beat was subtracted, but sections 4 and 5, which hold it, are not both there; "
            "copy or export the file again",
            path=path,
        )
    fiducial, beats = beats_of(sections[4], path)
    length_ms = struct.unpack_from("<H", sections[4])[0]
    interval = struct.unpack_from("<H", sections[5].ljust(4, b"\0"), 2)[0]
    if interval != samples.interval_us:
        raise UnsupportedFormatError(
            f"SCP-ECG whose reference beat ({interval} µs) and rhythm data ({samples.interval_us} µs) differ in rate; "
            "set the device to lossless SCP-ECG, or export HL7 aECG, DICOM or EDF",
            path=path,
        )
    n = 1000 * length_ms // interval
    reference = samples_of(sections[5], 5, [n] * len(leads), tables_of(sections.get(2), path), path)
    for row, lead, values in zip(signal, leads, reference.rows, strict=True):
        beat = values * (reference.step_nv / _NV_PER_MV)
        for one in beats:
            if one.kind != 0:  # section 5 holds the beats of kind 0 only
                continue
            start, stop = max(one.first, lead.first), min(one.last, lead.last)
            at = fiducial - one.fiducial + start - 1
            start, at = start - min(at, 0), max(at, 0)
            count = min(stop - start + 1, n - at)
            if count > 0:
                row[start - first : start - first + count] += beat[at : at + count]
