"""Text tables that say everything needed to read them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.formats import _words
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import FINEST_MV, step_mv
from ecg_engine.types import Recording

_BLOCK_ROWS = 65_536


def write_file(recording: Recording, path: Path) -> None:
    """Write a table: ``#`` lines, a header with units, one row a sample; a gap is ``nan``."""
    own = recording.source.lsb_mv or (None,) * recording.n_leads
    steps = [step_mv(row, step) for row, step in zip(recording.signal, own, strict=True)]
    lines = [f"# fs: {recording.fs:.15g}", "# unit: mV"]
    if recording.source.lsb_mv is not None:
        lines.append("# lsb_mv: " + " ".join(f"{step:.15g}" for step in steps))
    if recording.start is not None:
        lines.append(f"# start: {recording.start.replace(tzinfo=None).isoformat()}")
    lines += [f"# {key}: {value}" for key, value in _words.words_of(recording).items()]
    lines += [_words.mark_line(mark) for mark in recording.annotations]
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    lines.append(separator.join(f"{' '.join(lead.split()).replace(separator, ' ')} [mV]" for lead in recording.leads))
    decimals = _decimals(steps)
    with replacing(path) as new, new.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        for start in range(0, recording.n_samples, _BLOCK_ROWS):
            file.write(_rows(recording.signal[:, start : start + _BLOCK_ROWS], separator, decimals))


def _decimals(steps: list[float]) -> int:
    """Return the digits behind the point that keep every lead: exact on a decimal grid, else a hundredth of a step."""
    for digits in range(1, 7):
        if all(abs(step * 10**digits - round(step * 10**digits)) < 1e-9 and step >= 10**-digits for step in steps):
            return digits
    return min(12, 2 + int(np.ceil(-np.log10(min(*steps, FINEST_MV)))))


def _rows(block: NDArray[Any], separator: str, decimals: int) -> str:
    line = separator.join([f"%.{decimals}f"] * len(block))
    return "".join(line % tuple(row) + "\n" for row in block.T.tolist())
