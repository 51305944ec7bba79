"""Our own JSON: a recording without any loss, described in docs/recording.schema.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._common import Opened, Options, choose_leads, name_leads
from ecg_engine.formats._facts import decoded, encoded, facts_of, read_facts
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import LARGEST, MISSING
from ecg_engine.types import Recording

SCHEMA: Final = "ecg_engine.recording"
VERSION: Final = 1
_MAX_BYTES: Final = 1 << 28
_MAX_LEADS: Final = 4096


def open_file(path: Path, options: Options) -> Opened:
    """Open a recording in JSON."""
    said = _read(path)
    rows = said.get("leads")
    if not isinstance(rows, list) or not 0 < len(rows) <= _MAX_LEADS or not all(isinstance(r, dict) for r in rows):
        raise CorruptFormatError('"leads" is no list of leads; write the file again', path=path)
    names = name_leads([str(row.get("name", "")) for row in rows])
    kept = choose_leads(names, options.leads, path=path)
    leads = tuple(names[i] for i in kept)
    signal = _signal([rows[i] for i in kept], leads, path)
    facts = read_facts(said, path=path, format="json")
    steps = facts.source.lsb_mv
    if steps is not None and len(steps) != len(rows):
        raise CorruptFormatError(f"{len(steps)} steps for {len(rows)} leads; write the file again", path=path)
    source = facts.source if steps is None else replace(facts.source, lsb_mv=tuple(steps[i] for i in kept))
    return Opened(
        fs=_fs(said, path),
        leads=leads,
        n_samples=signal.shape[1],
        fetch=lambda start, stop: signal[:, start:stop].astype(np.float64),
        start=facts.start,
        patient=facts.patient,
        source=source,
        annotations=tuple(mark for mark in facts.annotations if mark.sample < signal.shape[1]),
    )


def write_file(recording: Recording, path: Path) -> None:
    """Write a recording in JSON.

    Raises
    ------
    UnsupportedFormatError
        The file would be longer than what is read.
    """
    own = recording.source.lsb_mv or (None,) * recording.n_leads
    said = {
        "schema": SCHEMA,
        "version": VERSION,
        "fs": recording.fs,
        "n_samples": recording.n_samples,
        **facts_of(recording),
        "leads": [
            {"name": name, **_lead(row, step)}
            for name, row, step in zip(recording.leads, recording.signal, own, strict=True)
        ],
    }
    raw = json.dumps(said, ensure_ascii=False, allow_nan=False, indent=1).encode()
    if len(raw) > _MAX_BYTES:
        raise UnsupportedFormatError(f"{len(raw)} bytes of JSON; write WFDB, EDF or NumPy (.npz)", path=path)
    with replacing(path) as new:
        new.write_bytes(raw)


def _read(path: Path) -> Mapping[str, Any]:
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise UnsupportedFormatError(f"{size} bytes of JSON, where {_MAX_BYTES} are read; write WFDB or EDF", path=path)
    try:
        said = json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise CorruptFormatError("no JSON, or cut off; write the file again", path=path) from exc
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise UnsupportedFormatError(
            f'JSON, but no recording of ours: its "schema" is not "{SCHEMA}"; see docs/recording.schema.json', path=path
        )
    if said.get("version") != VERSION:
        raise UnsupportedFormatError(f"version {said.get('version')!s:.20} of our JSON; {VERSION} is read", path=path)
    return said


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _fs(said: Mapping[str, Any], path: Path) -> float:
    fs = said.get("fs")
    if isinstance(fs, bool) or not isinstance(fs, (int, float)):
        raise CorruptFormatError('"fs" is no number; write samples a second, in Hz', path=path)
    return float(fs)


def _signal(rows: list[dict[str, Any]], leads: tuple[str, ...], path: Path) -> NDArray[Any]:
    out = []
    for name, row in zip(leads, rows, strict=True):
        try:
            out.append(_mv(row))
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise CorruptFormatError(f"lead {name}: its samples are not as described", path=path, lead=name) from exc
    lengths = {len(row) for row in out}
    if len(lengths) > 1:
        words = ", ".join(f"{name}: {len(row)}" for name, row in zip(leads, out, strict=True))
        raise CorruptFormatError(f"leads of different lengths ({words:.200}); write the file again", path=path)
    return np.stack(out)


def _mv(row: Mapping[str, Any]) -> NDArray[Any]:
    raw = decoded(row)
    if raw.dtype.kind == "f":
        return raw
    out = (raw.astype(np.float64) - float(row.get("baseline", 0))) * float(row["lsb_mv"])
    if row.get("missing") is not None:
        out[raw == int(row["missing"])] = np.nan
    return out


def _lead(row: NDArray[Any], step: float | None) -> dict[str, Any]:
    """Return 16-bit integers where they say the samples to the last bit, else the samples as they are."""
    if step is not None and step > 0 and row.dtype == np.float64:
        digits = np.round(row / step)
        gap = np.isnan(digits)
        digits[gap] = 0
        if np.abs(digits).max() <= LARGEST and np.array_equal(digits * step, np.where(gap, 0, row)):
            digits[gap] = MISSING
            more = {"missing": MISSING} if gap.any() else {}
            return {"lsb_mv": step, **more, **encoded(digits.astype(np.int16))}
    return encoded(row)
