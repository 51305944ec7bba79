"""Waves, areas and ST of each lead, from the median beat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.measurement import j_waves, p_and_t_waves, pr_levels, qrs_waves, st_levels
from ecg_engine.types import ABSENT, MedianBeat

#: Levels are kept to a tenth of a picovolt, mV.
_DECIMALS: Final = 10
#: The isoelectric level is the mean of so long before the QRS onset, s (AHA/ACC/HRS 2009, part IV: the PR segment).
LEVEL_S: Final = 0.016


def measure_leads(
    beat: MedianBeat | None,
    *,
    leads: Sequence[str],
    usable: Sequence[str],
    has_p: bool,
    st: bool,
    rr_ms: float | None = None,
) -> dict[str, dict[str, float]]:
    """Measure each usable lead.

    Parameters
    ----------
    beat : MedianBeat, optional
    leads : sequence of str
        Names of the rows of the median beat.
    usable : sequence of str
        Leads that are measured.
    has_p : bool
        Whether P waves are there.
    st : bool
        Whether the recording's filters leave ST as it was.
    rr_ms : float, optional
        From one beat to the next: says where the T wave before P ends.

    Returns
    -------
    dict of str to dict of str to float
        By lead and quantity code: mV, ms, mV·ms and mV/s, against the PR segment; J is the global QRS offset. Absent
        waves are absent.
    """
    if beat is None or int(beat.marks.qrs_onset[0]) == ABSENT or int(beat.marks.qrs_offset[0]) == ABSENT:
        return {}
    onset, j = int(beat.marks.qrs_onset[0]), int(beat.marks.qrs_offset[0])
    rows = [row for row, name in enumerate(leads) if name in usable]
    if not rows or j <= onset:
        return {}
    signal = over_level(beat.signal[rows], onset, beat.fs)
    out: dict[str, dict[str, float]] = {leads[row]: {} for row in rows}
    _add(out, qrs_waves.CODES, qrs_waves.qrs_waves(signal, fs=beat.fs, onset=onset, offset=j))
    table = j_waves.j_waves(signal, fs=beat.fs, onset=onset, offset=j)
    _add(out, j_waves.CODES[: None if st else -1], table[:, : None if st else -1])
    for row, marks in enumerate(beat.by_lead):
        end = int(marks.qrs_offset[0])
        if row in rows and end > onset:
            out[leads[row]]["qrs_end_ms"] = (end - onset) / beat.fs * 1000
    if has_p and (span := _span(beat, "p")) is not None:
        _add(out, p_and_t_waves.P_CODES, p_and_t_waves.p_waves(signal, fs=beat.fs, onset=span[0], offset=span[1]))
        for name, values in out.items():
            if name != p_and_t_waves.TERMINAL_FORCE_LEAD:
                values.pop("p_terminal_force_mv_ms", None)
        if st:
            _add(out, pr_levels.CODES, _pr_levels(signal, beat, span, onset, rr_ms))
    if (span := _span(beat, "t")) is not None:
        _add(out, p_and_t_waves.T_CODES, p_and_t_waves.t_waves(signal, fs=beat.fs, onset=span[0], offset=span[1]))
    if st:
        _add(out, st_levels.CODES, st_levels.st_levels(signal, fs=beat.fs, j=j))
    return out


def over_level(signal: NDArray[np.float64], onset: int, fs: float) -> NDArray[np.float64]:
    """Return the leads, shape (n_leads, n_samples), over their mean in the `LEVEL_S` before the QRS onset, mV."""
    start = max(0, onset - max(1, round(LEVEL_S * fs)))
    # What differs by the last bits only, as after another format, is the same: no limit and no tie hangs on them.
    return np.ascontiguousarray(np.round(signal - signal[:, start : onset + 1].mean(axis=1, keepdims=True), _DECIMALS))


def _pr_levels(
    signal: NDArray[np.float64], beat: MedianBeat, p: tuple[int, int], onset: int, rr_ms: float | None
) -> NDArray[np.float64]:
    t_offset = int(beat.marks.t_offset[0])
    known = rr_ms is not None and t_offset != ABSENT
    t_before = t_offset - round((rr_ms or 0.0) * beat.fs / 1000) if known else None
    return pr_levels.pr_levels(signal, fs=beat.fs, p_onset=p[0], p_offset=p[1], qrs_onset=onset, t_before=t_before)


def _add(out: dict[str, dict[str, float]], codes: Sequence[str], table: NDArray[np.float64]) -> None:
    """Put a table of (n_leads, n_codes) under its codes; NaN is absent."""
    for values, row in zip(out.values(), table.tolist(), strict=True):
        values.update((code, value) for code, value in zip(codes, row, strict=True) if not math.isnan(value))


def _span(beat: MedianBeat, wave: str) -> tuple[int, int] | None:
    """Return onset and offset of a wave by its global marks; T without an onset begins at J."""
    start, stop = int(getattr(beat.marks, f"{wave}_onset")[0]), int(getattr(beat.marks, f"{wave}_offset")[0])
    if wave == "t" and start == ABSENT:
        start = int(beat.marks.qrs_offset[0])
    return None if ABSENT in (start, stop) or stop <= start else (start, stop)
