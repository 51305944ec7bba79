"""Where each stretch of each lead stands on the paper: rows, columns, times, gain. No drawing here.

All columns of a page are continuous in time: column k of n shows the k-th n-th of the stretch shown, so that a beat is
met once in a row, and the rhythm strip under the columns shows the same seconds above one another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.leads import LIMB_LEADS, PRECORDIAL_LEADS, STANDARD_LEADS, display_order
from ecg_engine.settings import PageSettings

__all__ = ["Cell", "Grid", "Plan", "Row", "band_heights", "plan_rows", "with_bands"]

#: mm of trace in a line: 10 s at 25 mm/s, 5 s at 50 mm/s.
SPAN_MM: Final = 250.0
#: More leads than these are not legible on A4; the rest are named as not shown.
MOST_LEADS: Final = 15
#: A column must show at least this much of its leads: two beats at 60 a minute.
_LEAST_COLUMN_S: Final = 2.0
#: Rows on a page of consecutive lines.
_MOST_LINE_ROWS: Final = 7
#: Share of the samples of a stretch beyond the row at which the gain goes down a step: the tip of one R, 10 ms.
_CLIPPED_SHARE: Final = 0.004
#: Share of a stretch at each end that makes no claim on paper: in a lead that is not to be trusted, and where not all
#: fits (QRS complexes take up about so much).
_NOISE_SHARE, _QRS_SHARE = 0.1, 0.05
#: Free paper above and below a trace in its row, mm.
PADDING_MM: Final = 1.0
DEFAULT_GAIN_MM_MV: Final = PageSettings().gain_mm_mv


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The millimetre paper on the sheet, mm."""

    left: float = 11.0
    top: float = 58.5
    width: float = 275.0
    height: float = 130.0
    #: Where time zero of a line stands, from the left edge: before it the lead's name and the calibration pulse.
    zero: float = 20.0
    pulse: float = 10.0

    @property
    def x_zero(self) -> float:
        """Where a line's time begins on the sheet."""
        return self.left + self.zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One stretch of one lead: samples [start, stop) drawn from `x` mm on."""

    lead: str
    start: int
    stop: int
    x: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of traces, `top` to `bottom` mm; `label` stands left of the pulse."""

    cells: tuple[Cell, ...]
    label: str = ""
    under_label: str = ""
    is_rhythm: bool = False
    top: float = 0.0
    bottom: float = 0.0
    baseline: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole page of traces."""

    rows: tuple[Row, ...]
    start: int
    stop: int
    n_columns: int
    speed: float
    gain: float
    left_out: tuple[str, ...] = ()


def plan_rows(
    leads: Sequence[str], n_samples: int, fs: float, settings: PageSettings, grid: Grid, *, rhythm: str = "II"
) -> Plan:
    """Return which leads stand where, the rows not yet given their heights; `rhythm` is the lead of the strip."""
    speed = settings.speed_mm_s
    line = min(n_samples, round(SPAN_MM / speed * fs))
    ordered = [leads[i] for i in display_order(leads)]
    shown, left_out = ordered[:MOST_LEADS], tuple(ordered[MOST_LEADS:])
    if len(shown) <= 3 and n_samples > line:
        rows, stop, n_columns = _line_rows(shown, n_samples, line, fs, grid), 0, 1
        stop = max(cell.stop for row in rows for cell in row.cells)
    else:
        groups = _columns(shown, line / fs) if settings.layout != "12x1" else [shown]
        rows, stop, n_columns = _column_rows(groups, line, fs, speed, grid, rhythm), line, len(groups)
    return Plan(
        rows=tuple(rows), start=0, stop=stop, n_columns=n_columns, speed=speed, gain=settings.gain_mm_mv,
        left_out=left_out,
    )  # fmt: skip


def _columns(shown: list[str], seconds: float) -> list[list[str]]:
    """Return the leads of each column: as many columns as leave each enough time; one where leads are not standard."""
    if not set(STANDARD_LEADS) <= set(shown):
        return [shown]
    extra = [name for name in shown if name not in STANDARD_LEADS]
    thirds = [list(LIMB_LEADS[:3]), list(LIMB_LEADS[3:]), list(PRECORDIAL_LEADS[:3]), list(PRECORDIAL_LEADS[3:])]
    by_three = [*thirds, extra] if extra else thirds
    if len(extra) <= 3 and seconds / len(by_three) >= _LEAST_COLUMN_S:
        return by_three
    if not extra and seconds / 2 >= _LEAST_COLUMN_S:
        return [list(LIMB_LEADS), list(PRECORDIAL_LEADS)]
    return [shown]


def _column_rows(groups: list[list[str]], line: int, fs: float, speed: float, grid: Grid, rhythm: str) -> list[Row]:
    if len(groups) == 1:
        return [Row(cells=(Cell(lead=n, start=0, stop=line, x=grid.x_zero),), label=n) for n in groups[0]]
    edges = [round(line * k / len(groups)) for k in range(len(groups) + 1)]
    rows = []
    for i in range(max(map(len, groups))):
        cells = [
            Cell(lead=group[i], start=edges[k], stop=edges[k + 1], x=grid.x_zero + edges[k] / fs * speed)
            for k, group in enumerate(groups)
            if i < len(group)
        ]
        rows.append(Row(cells=tuple(cells)))
    rows.append(Row(cells=(Cell(lead=rhythm, start=0, stop=line, x=grid.x_zero),), label=rhythm, is_rhythm=True))
    return rows


def _line_rows(shown: list[str], n_samples: int, line: int, fs: float, grid: Grid) -> list[Row]:
    n_lines = min(math.ceil(n_samples / line), max(1, _MOST_LINE_ROWS // len(shown)))
    rows = []
    for k in range(n_lines):
        start, stop = k * line, min((k + 1) * line, n_samples)
        clock = _clock(start / fs)
        for name in shown:
            cell = Cell(lead=name, start=start, stop=stop, x=grid.x_zero)
            rows.append(Row(cells=(cell,), label=name, under_label=clock))
    return rows


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
    )


def band_heights(needs: Sequence[float], total: float) -> list[float]:
    """Share `total` mm among rows: equally where that is enough for each, else more to those that need more.

    Examples
    --------
    >>> band_heights([10.0, 10.0, 10.0], 60.0)
    [20.0, 20.0, 20.0]
    >>> band_heights([10.0, 10.0, 40.0], 60.0)
    [10.0, 10.0, 40.0]
    >>> band_heights([10.0, 90.0, 90.0], 60.0)
    [10.0, 25.0, 25.0]
    """
    ordered = sorted(needs)
    n = len(ordered)
    if sum(ordered) <= total:
        # Rows below the water line share what the taller ones leave.
        for n_taller in range(n):
            level = (total - sum(ordered[n - n_taller :])) / (n - n_taller)
            if level >= ordered[n - n_taller - 1]:
                return [max(need, level) for need in needs]
        return list(needs)
    for n_lower in range(n):
        cap = (total - sum(ordered[:n_lower])) / (n - n_lower)
        if cap <= ordered[n_lower]:
            return [min(need, cap) for need in needs]
    return list(needs)


def with_bands(plan: Plan, traces: dict[str, NDArray[np.float64]], trusted: set[str], grid: Grid) -> Plan:
    """Return `plan` with heights and base lines, and with the gain a step lower where too much would be cut off.

    The gain goes from the default 10 to 5 mm/mV where the tips of a `trusted` lead would lie beyond their row; another
    gain is the caller's choice and is kept.
    """
    placed = _placed(plan, traces, trusted, grid)
    if plan.gain == DEFAULT_GAIN_MM_MV and _clipped_share(placed, traces, trusted) > _CLIPPED_SHARE:
        return _placed(replace(plan, gain=plan.gain / 2), traces, trusted, grid)
    return placed


def _extent(
    row: Row, traces: dict[str, NDArray[np.float64]], trusted: set[str], share: float = 0.0
) -> tuple[float, float]:
    """Return the lowest and highest voltage of a row, `share` of each stretch left out at both ends, 0 included."""
    low = high = 0.0
    for cell in row.cells:
        stretch = traces[cell.lead][cell.start : cell.stop]
        seen = stretch[~np.isnan(stretch)]
        if seen.size:
            few = int(seen.size * (share if cell.lead in trusted else max(share, _NOISE_SHARE)))
            ordered = np.partition(seen, (few, seen.size - 1 - few))
            low, high = min(low, float(ordered[few])), max(high, float(ordered[seen.size - 1 - few]))
    return low, high


def _placed(plan: Plan, traces: dict[str, NDArray[np.float64]], trusted: set[str], grid: Grid) -> Plan:
    extents = [_extent(row, traces, trusted) for row in plan.rows]
    # No row lower than its pulse of 1 mV, if that can be had.
    least = min(plan.gain + PADDING_MM, grid.height / len(plan.rows))
    needs = [max((high - low) * plan.gain + 2 * PADDING_MM, least) for low, high in extents]
    rows, top = [], grid.top
    for row, (low, high), height in zip(plan.rows, extents, band_heights(needs, grid.height), strict=True):
        bottom = top + height
        centre = (top + bottom) / 2
        baseline = centre
        if _is_outside(baseline, low, high, top, bottom, plan.gain):
            baseline += (high + low) / 2 * plan.gain
        if _is_outside(baseline, low, high, top, bottom, plan.gain):
            # Not all of it fits: let the tips of QRS go, keep ST, T and P.
            low, high = _extent(row, traces, trusted, _QRS_SHARE)
            highest, lowest = top + PADDING_MM + high * plan.gain, bottom - PADDING_MM + low * plan.gain
            baseline = min(max(baseline, highest), lowest) if highest <= lowest else (highest + lowest) / 2
        # On a line of the grid, so that the level of ST can be read off.
        baseline = grid.top + round(baseline - grid.top)
        rows.append(replace(row, top=top, bottom=bottom, baseline=float(min(max(baseline, top), bottom))))
        top = bottom
    return replace(plan, rows=tuple(rows))


def _is_outside(baseline: float, low: float, high: float, top: float, bottom: float, gain: float) -> bool:
    return baseline - high * gain < top + PADDING_MM / 2 or baseline - low * gain > bottom - PADDING_MM / 2


def _clipped_share(plan: Plan, traces: dict[str, NDArray[np.float64]], trusted: set[str]) -> float:
    worst = 0.0
    for row in plan.rows:
        for cell in row.cells:
            stretch = traces[cell.lead][cell.start : cell.stop]
            if cell.lead in trusted and stretch.size:
                y = row.baseline - stretch * plan.gain
                worst = max(worst, float(np.mean((y < row.top) | (y > row.bottom))))
    return worst
