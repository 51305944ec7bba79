"""Where beats and waves are found worst: which records make the errors, with pictures (``docs/kernel_failures.md``).

ECG_ENGINE_DATA=... python -m benchmarks.accuracy.failures                 the table
ECG_ENGINE_DATA=... python -m benchmarks.accuracy.failures --write-docs    and the page's table, and its pictures
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import ecg_engine as ee
from benchmarks.accuracy import records
from benchmarks.accuracy.records import MarkedLead
from benchmarks.accuracy.scores import POINTS, closer_errors_ms
from benchmarks.pages import renew
from benchmarks.peers import DELINEATORS, OURS
from ecg_engine.evaluation import score_wave
from ecg_engine.types import ABSENT

ROOT = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "kernel_failures.md"
BEGIN, END = "<!-- made by benchmarks/accuracy/failures.py -->", "<!-- end of failures -->"
#: So many records are named for each point.
NAMED: Final = 3
#: Limits of the standard deviation, ms: Martinez and others 2004 for the QT Database, the engine's own for LUDB.
QTDB_MS: Final = {"P onset": 14.8, "P offset": 12.8, "QRS onset": 7.7, "QRS offset": 8.7, "T offset": 18.1}
LUDB_MS: Final = {"P onset": 12.0, "P offset": 12.0, "QRS onset": 9.0, "QRS offset": 10.0, "T offset": 18.0}
#: Millimetre of paper in pixels; 50 mm/s and 10 mm/mV for waves, 12.5 mm/s and 5 mm/mV for rhythms.
MM: Final = 4
HEIGHT_MM: Final = 22
COLOURS: Final = {"p": "#2a7f3f", "qrs": "#2050b0", "t": "#b02020"}
WAVES_OF: Final = DELINEATORS[OURS].call
Marks = Mapping[str, NDArray[np.int64]]
Errors = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A stretch of a record that is shown; `lead` counts from 0, or is LUDB's name of it."""

    source: str
    record: str
    start_s: float
    seconds: float
    leads: tuple[int | str, ...]

    @property
    def name(self) -> str:
        return f"failures_{self.source}_{self.record}.svg"


SHOWN: Final = (
    Shown(source="qtdb", record="sel223", start_s=29.9, seconds=2.6, leads=(0, 1)),
    Shown(source="qtdb", record="sel31", start_s=32.0, seconds=2.6, leads=(0, 1)),
    Shown(source="qtdb", record="sel891", start_s=31.0, seconds=2.6, leads=(0, 1)),
    Shown(source="qtdb", record="sel44", start_s=32.0, seconds=2.6, leads=(0, 1)),
    Shown(source="ludb", record="130", start_s=2.0, seconds=2.6, leads=("ii", "v1")),
    Shown(source="nstdb", record="118e00", start_s=330.0, seconds=10.4, leads=(0, 1)),
    Shown(source="alarms2015", record="b734s", start_s=29.6, seconds=10.4, leads=(0, 1)),
    Shown(source="alarms2015", record="t700s", start_s=29.6, seconds=10.4, leads=(0, 1)),
)


# --------------------------------------------------------------------------------------------------------------- table


def of_closer_lead(each: Iterable[list[MarkedLead]]) -> Errors:
    """Return the errors of marks found, ms, by point and record: of the two leads the closer one counts."""
    out: Errors = {point: {} for point in QTDB_MS}
    for leads in each:
        fs = leads[0].fs
        found = [WAVES_OF(lead.ecg, fs) for lead in leads]
        for point in QTDB_MS:
            wave, column = POINTS[point]
            _, out[point][leads[0].record] = closer_errors_ms(found, leads[0].waves[wave][:, column], wave, column, fs)
    return out


def of_one_lead(each: Iterable[MarkedLead], name: str) -> Errors:
    """Return the errors of marks found in the leads of this name, ms, by point and record."""
    out: Errors = {point: {} for point in LUDB_MS}
    for lead in each:
        if lead.lead != name:
            continue
        found = WAVES_OF(lead.ecg, lead.fs)
        known = np.concatenate([rows.ravel() for rows in lead.waves.values()])
        between = (int(known[known != ABSENT].min()), int(known.max()))
        for point in LUDB_MS:
            wave, column = POINTS[point]
            score = score_wave(lead.waves[wave], found[wave], fs=lead.fs, between=between)
            out[point][lead.record] = list(score.onset_ms if column == 0 else score.offset_ms)
    return out


def shares(errors: Mapping[str, list[float]]) -> list[tuple[float, str]]:
    """Return each record's share of the sum of squares about the mean of all errors, the largest first."""
    mean = np.mean(np.concatenate([one for one in errors.values() if one]))
    sums = {record: float(np.sum((np.array(one) - mean) ** 2)) for record, one in errors.items()}
    return sorted(((value / sum(sums.values()), record) for record, value in sums.items()), reverse=True)


def spread(errors: Mapping[str, list[float]], without: Iterable[str] = ()) -> float:
    """Return the standard deviation over all errors, ms, but those of the records `without`."""
    left_out = set(without)
    return float(np.std(np.concatenate([one for record, one in errors.items() if one and record not in left_out])))


def markdown(name: str, found: Errors, limits: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for each point: the spread, that of the records without the worst, and what these are."""
    for point, limit in limits.items():
        errors = found[point]
        worst = shares(errors)[:NAMED]
        named = "; ".join(
            f"{record} {100 * share:.0f} % ({np.mean(errors[record]):+.0f} ± {np.std(errors[record]):.0f})"
            for share, record in worst
        )
        rest = spread(errors, (record for _, record in worst))
        yield f"| {name} | {point} | {limit:g} | {spread(errors):.1f} | {rest:.1f} | {named} |"


def table(data: Path) -> str:
    lines = [
        f"| | | limit, ms | SD, ms | SD without the {NAMED} | share of the squares, and mean ± SD, ms |",
        "|---|---|--:|--:|--:|---|",
    ]
    lines += markdown("QT Database", of_closer_lead(records.qtdb(data / "ecg" / "qtdb")), QTDB_MS)
    lines += markdown("LUDB, lead II", of_one_lead(records.ludb(data / "ecg" / "ludb"), "ii"), LUDB_MS)
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------------------ pictures


def picture(shown: Shown, data: Path) -> str:
    """Return the SVG of a stretch: what is found as lines, what cardiologists marked as triangles below."""
    rows, fs, found, marked = _what_is_shown(shown, data)
    wide = shown.seconds < 5.0
    speed, gain = (50.0, 10.0) if wide else (12.5, 5.0)
    w, h = round(shown.seconds * speed * MM), HEIGHT_MM * MM
    body = []
    for k, row in enumerate(rows):
        x = (np.arange(len(row)) / fs - shown.start_s) * speed * MM
        inside = np.flatnonzero((x >= 0) & (x <= w))
        gain_px = min(gain * MM, 0.7 * h / float(np.ptp(row[inside])))
        middle = 0.5 * (row[inside].max() + row[inside].min())
        y = h * (k + 0.46) - (row - middle) * gain_px
        step = max(1, round(fs / (250.0 if wide else 125.0)))
        body.append(_trace(x[inside][::step], y[inside][::step]))
        body += _lines(found[k], x, w, h * k, h)
        body += _triangles(marked[k], x, w, h * (k + 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h * len(rows)}">{_paper(w, h * len(rows))}'
        f"{''.join(body)}</svg>\n"
    )


def _what_is_shown(shown: Shown, data: Path) -> tuple[list[NDArray[np.float64]], float, list[Marks], list[Marks]]:
    """Return leads, mV, Hz, and for each lead what is found and what was marked."""
    folder = data / "ecg" / shown.source
    if shown.source == "qtdb":
        leads: list[Any] = next(one for one in records.qtdb(folder) if one[0].record == shown.record)
    elif shown.source == "ludb":
        leads = [one for one in records.ludb(folder) if one.record == shown.record and one.lead in shown.leads]
    else:
        return _rhythm(shown, folder)
    rows = [lead.ecg for lead in leads]
    return rows, leads[0].fs, [WAVES_OF(row, leads[0].fs) for row in rows], [lead.waves for lead in leads]


def _rhythm(shown: Shown, folder: Path) -> tuple[list[NDArray[np.float64]], float, list[Marks], list[Marks]]:
    """As `_what_is_shown`, with R peaks only; of noise stress each lead by itself."""
    nothing: Marks = {}
    if shown.source == "nstdb":
        strip = next(records.mit(folder, (shown.record,)))
        rows = [strip.ecg[k] for k in range(len(shown.leads))]
        found: list[Marks] = [{"qrs": ee.detect_r_peaks(row, fs=strip.fs)[:, None]} for row in rows]
        return rows, strip.fs, found, [{"qrs": strip.beats[:, None]}] * len(rows)
    recording = ee.read_ecg(folder / f"{shown.record}.hea")
    both: Marks = {"qrs": ee.detect_r_peaks(recording.signal, fs=recording.fs)[:, None]}
    return list(recording.signal), recording.fs, [both] * len(recording.signal), [nothing] * len(recording.signal)


def _paper(w: int, h: int) -> str:
    lines = [f'<line x1="{x}" y1="0" x2="{x}" y2="{h}"/>' for x in range(0, w + 1, 5 * MM)]
    lines += [f'<line x1="0" y1="{y}" x2="{w}" y2="{y}"/>' for y in range(0, h + 1, 5 * MM)]
    return f'<rect width="{w}" height="{h}" fill="#fff"/><g stroke="#f0c8c8" stroke-width="0.6">{"".join(lines)}</g>'


def _trace(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """Return a line through points, pixels, in whole tenths from one to the next: half as long as in full."""
    at = np.rint(10 * np.column_stack([x, y])).astype(int)
    steps = " ".join(f"{dx},{dy}" for dx, dy in np.diff(at, axis=0).tolist())
    return (
        f'<path transform="scale(.1)" fill="none" stroke="#000" stroke-width="10" d="M{at[0, 0]},{at[0, 1]}l{steps}"/>'
    )


def _edges(marks: Marks, x: NDArray[np.float64], w: float) -> Iterator[tuple[str, list[float]]]:
    """Yield the colour of each wave, and where its onsets and offsets (of a single column: R peaks) stand, pixels."""
    for wave, rows in marks.items():
        at = np.unique(rows[:, [0, -1]])
        at = at[at != ABSENT]
        inside = x[at][(x[at] >= 0) & (x[at] <= w)].tolist()
        if inside:
            yield COLOURS[wave], inside


def _lines(marks: Marks, x: NDArray[np.float64], w: float, top: float, height: float) -> list[str]:
    return [
        f'<path stroke="{colour}" d="{"".join(f"M{v:.1f} {top + 2:.0f}V{top + height - 9:.0f}" for v in at)}"/>'
        for colour, at in _edges(marks, x, w)
    ]


def _triangles(marks: Marks, x: NDArray[np.float64], w: float, bottom: float) -> list[str]:
    return [
        f'<path fill="{colour}" d="{"".join(f"M{v:.1f} {bottom - 8:.0f}l4 7h-8z" for v in at)}"/>'
        for colour, at in _edges(marks, x, w)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-docs", action="store_true")
    given = parser.parse_args()
    data = Path(os.environ["ECG_ENGINE_DATA"])
    made = table(data)
    print(made)
    if given.write_docs:
        renew(PAGE, BEGIN, END, made)
        for shown in SHOWN:
            (PAGE.parent / "pictures" / shown.name).write_text(picture(shown, data), encoding="utf-8")


if __name__ == "__main__":
    main()
