"""Text tables: one column a lead, an optional time column, an optional header; what else is known in ``#`` lines."""

from __future__ import annotations

import re
from csv import reader
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, InputError, UnsupportedFormatError
from ecg_engine.formats import _words
from ecg_engine.formats._arrays import scale_mv
from ecg_engine.formats._common import Opened, Options, choose_leads, contradicted_fs, name_leads
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Source
from ecg_engine.vocabulary.letters import cyrillic

#: Above this a table is refused: it would take some ten times as much memory while it is read.
_MAX_BYTES: Final = 1 << 30
_MAX_COLUMNS: Final = 1024
#: Letters of the longest heading that is taken apart.
_MAX_HEADING: Final = 200
#: Rows in which the heading may stand below a title.
_MOST_TITLES: Final = 40
#: What is said of the table itself, by our keys.
_TABLE_KEYS: Final = {
    "fs": "fs", "sampling rate": "fs", "sampling frequency": "fs", "частота дискретизации": "fs", "unit": "unit",
    "lsb_mv": "lsb_mv",
}  # fmt: skip
_NAME_THE_UNIT: Final = '"# unit: uV" as its first line, or "II [uV]" in its header'
_ABSENT: Final = frozenset(("", "nan", "na", "n/a", "null", "none", "-", "--"))
#: ``II [uV]``, ``II (uV)``, ``II, uV``.
_HEADING: Final = re.compile(
    r"^\s*\"?(?P<name>.*?)\"?\s*(?:[\[(]\s*(?P<unit>[^\])]*?)\s*[\])]|,\s*(?P<behind>[^\s,]{1,12}))?\s*\"?\s*$"
)
#: What Excel writes, and reads, in front of a table to name its delimiter.
_SEPARATOR: Final = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)
_TIME: Final = re.compile(r"^(?:time|t|sec(?:onds)?|elapsed(?: time)?|время)$", re.IGNORECASE)
_SECONDS: Final = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "с": 1.0, "ms": 1e-3, "мс": 1e-3, "us": 1e-6}
_INDEX: Final = re.compile(r"^(?:sample|samples|index|#|n|no|№|отсч[её]ты?|номер|№ п/п)$", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class _Table:
    """A file taken apart: ``#`` lines, headings, rows as text with the number of each one's line."""

    words: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    headings: list[str] | None = None
    delimiter: str = ","
    rows: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def cells(self, row: str) -> list[str]:
        """Return the cells of a row."""
        return [cell.strip() for cell in row.split(self.delimiter)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Which columns are leads, and which is the time, with its seconds a unit."""

    leads: list[int]
    labels: list[str]
    units: list[str]
    time: int | None
    time_unit_s: float


def open_file(path: Path, options: Options) -> Opened:
    """Open a text table."""
    table = _split(path)
    values, ends = _numbers(table, path)
    columns = _columns(table, values)
    if not columns.leads:
        raise UnsupportedFormatError("no column but the time; nothing to read", path=path)
    names = name_leads(columns.labels)
    kept = choose_leads(names, options.leads, path=path)
    leads = tuple(names[i] for i in kept)
    _check_ends([ends[columns.leads[i]] for i in kept], leads, path)
    signal = np.ascontiguousarray(values[:, [columns.leads[i] for i in kept]].T)
    n_samples = signal.shape[1]
    if np.isnan(signal).all():
        raise CorruptFormatError("no numbers in it; export it again", path=path)
    scale = scale_mv([columns.units[i] for i in kept], signal, leads, path=path, remedy=_NAME_THE_UNIT)
    signal *= scale[:, np.newaxis]
    fs = _rate(table, columns, values, options, path)
    step = table.words.get("lsb_mv", "")
    steps = [float(part) for part in step.split()] if re.fullmatch(r"[\d.e+ -]+", step) else []
    details: dict[str, object] = {"comments": table.comments} if table.comments else {}
    return Opened(
        fs=fs,
        leads=leads,
        n_samples=n_samples,
        fetch=lambda start, stop: signal[:, start:stop].astype(np.float64),
        start=_words.zoned(_words.datetime_of(table.words.get("start", "")), table.words),
        patient=_words.patient_of(table.words),
        source=Source(
            path=str(path),
            format="csv",
            device=table.words.get("device"),
            filters=_words.filters_of(table.words),
            measurements=_words.measurements_of(table.words),
            statements=_words.statements_of(table.words),
            lsb_mv=tuple(steps[i] for i in kept) if len(steps) == len(names) else None,
            details=details,
        ),
        annotations=_words.marks_of(table.marks, n_samples),
    )


def _split(path: Path) -> _Table:
    if path.stat().st_size > _MAX_BYTES:
        raise UnsupportedFormatError("a text table above 1 GiB; convert it to EDF or WFDB first", path=path)
    text = _text(path.read_bytes(), path)
    table, body = _Table(), []
    for number, line in enumerate(text.splitlines(), start=1):
        if "#" in line and line.lstrip().startswith("#"):
            _comment(table, line)
        elif line and not line.isspace():
            body.append((number, line))
    if not body:
        raise CorruptFormatError("no rows; export it again", path=path)
    named = _SEPARATOR.fullmatch(body[0][1])
    if named:
        body = body[1:] or body
    table.delimiter = named[1] if named else _delimiter([line for _, line in body[:50]])
    body = _below_titles(table, _plain_rows(body, table.delimiter))
    # Excel also writes the rows below a table whose cells once held something.
    while len(body) > 1 and not body[-1][1].strip(f"{table.delimiter} "):
        body.pop()
    first = table.cells(body[0][1])
    if len(first) > _MAX_COLUMNS:
        raise UnsupportedFormatError(
            f"{len(first)} columns; turn the table so that each lead is a column, not a row", path=path
        )
    if not all(_is_number(cell) for cell in first):
        table.headings, body = first, body[1:]
        if any(len(cell) > _MAX_HEADING for cell in first):
            raise CorruptFormatError(f"a heading of more than {_MAX_HEADING} letters; name the leads in it", path=path)
    table.lines, table.rows = [number for number, _ in body], [line for _, line in body]
    if table.delimiter != "," and any("," in row for row in table.rows[:50]):
        table.rows = [row.replace(",", ".") for row in table.rows]
    # A delimiter at the end of every row is no column.
    if table.rows and all(row.rstrip(" ").endswith(table.delimiter) for row in table.rows):
        if table.headings and not table.headings[-1] and len(table.headings) == len(table.cells(table.rows[0])):
            table.headings = table.headings[:-1]
        if table.headings is None or len(table.headings) == len(table.cells(table.rows[0])) - 1:
            table.rows = [row.rstrip(" ")[:-1] for row in table.rows]
    if not table.rows:
        raise CorruptFormatError("a header without rows; export it again", path=path)
    return table


def _below_titles(table: _Table, body: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the table without rows of words above its heading (``Patient;Ivanov``), which are taken as comments.

    Only where that is plain: the heading has no number in it, more cells than any of them, and stands on numbers.
    """
    rows = [[cell for cell in table.cells(line) if cell] for _, line in body[:_MOST_TITLES]]
    start = next((i for i, row in enumerate(rows) if row and all(map(_is_number, row))), 0) - 1
    if start < 1 or any(map(_is_number, rows[start])) or len(rows[start + 1]) < len(rows[start]):
        return body
    if any(len(row) >= len(rows[start]) for row in rows[:start]):
        return body
    for row in rows[:start]:
        _comment(table, ": ".join((row[0].rstrip(":"), " ".join(row[1:]))) if len(row) > 1 else " ".join(row))
    return body[start:]


def _text(raw: bytes, path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 (with its mark or without), or a Cyrillic set of eight bits."""
    start = raw[:1024]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = "utf-16"
    elif b"\0" not in raw:
        name = "utf-8-sig"
    elif start[1::2].count(0) > 0.8 * len(start[1::2]) and 0 not in start[::2]:
        name = "utf-16-le"
    elif start[::2].count(0) > 0.8 * len(start[::2]) and 0 not in start[1::2]:
        name = "utf-16-be"
    else:
        raise CorruptFormatError("not a text, although its suffix says so; give it its own suffix", path=path)
    try:
        return raw.decode(name)
    except UnicodeDecodeError:
        return cyrillic(raw)


def _plain_rows(body: list[tuple[int, str]], delimiter: str) -> list[tuple[int, str]]:
    """Return rows without quotes; columns that blanks keep apart get the delimiter in their place."""
    head = [line for _, line in body[:50]]
    if any('"' in line for line in head):
        lines = [line for _, line in body]
        inside = "." if delimiter == "," else " "
        rows = reader(lines, delimiter=delimiter)
        plain = [delimiter.join(cell.replace(delimiter, inside) for cell in row) for row in rows]
        if len(plain) == len(lines):  # else a cell goes over lines, which no table of samples has
            return [(number, line) for (number, _), line in zip(body, plain, strict=True)]
    elif _is_spaced(head, delimiter):
        return [(number, delimiter.join(line.split())) for number, line in body]
    return body


def _is_spaced(lines: list[str], delimiter: str) -> bool:
    """Tell whether blanks alone stand between columns: as many numbers in each line behind the first."""
    rows = [line.split() for line in lines[1:]]
    return (
        len(rows) > 1
        and len(rows[0]) > 1
        and not any(delimiter in line for line in lines)
        and all(len(row) == len(rows[0]) and all(map(_is_number, row)) for row in rows)
    )


def _comment(table: _Table, line: str) -> None:
    text = line.lstrip().lstrip("#").strip()
    key, _, value = text.partition(":")
    key = key.strip().lower()
    known = _words.split_line(text)
    if key == "annotation":
        table.marks.append(value.strip())
    elif key in _TABLE_KEYS:
        table.words[_TABLE_KEYS[key]] = value.strip()
    elif known:
        table.words.setdefault(*known)
    elif text:
        table.comments.append(text)


def _delimiter(lines: list[str]) -> str:
    # In a table with ; or tab a comma is the decimal sign.
    for sign in (";", "\t"):
        if sum(sign in line for line in lines) > len(lines) / 2:
            return sign
    return "," if any("," in line for line in lines) else ";"


def _is_number(cell: str) -> bool:
    if cell.lower() in _ABSENT:
        return True
    return re.fullmatch(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?", cell) is not None


def _numbers(table: _Table, path: Path) -> tuple[NDArray[np.float64], list[int]]:
    """Return the table as (n_rows, n_columns), and how many rows of each column are not empty at its end.

    A row of another length, or a word in it, is an error with its line.
    """
    width = len(table.headings) if table.headings else len(table.cells(table.rows[0]))
    try:
        # The plain case, ten times as fast as cell by cell; anything else is read again for its line.
        out = np.loadtxt(table.rows, delimiter=table.delimiter, comments=None, ndmin=2)
        ends = [len(table.rows)] * width
    except ValueError:
        out, ends = _cell_by_cell(table, width, path)
    if out.shape[1] != width:
        raise CorruptFormatError(
            f"line {table.lines[0]}: {out.shape[1]} cells where {width} are expected; mend the header", path=path
        )
    if np.isinf(out).any():
        line = table.lines[int(np.flatnonzero(np.isinf(out).any(axis=1))[0])]
        raise CorruptFormatError(f"line {line}: an infinite sample; leave gaps empty", path=path)
    return out, ends


def _cell_by_cell(table: _Table, width: int, path: Path) -> tuple[NDArray[np.float64], list[int]]:
    rows = [table.cells(row) for row in table.rows]
    for line, row in zip(table.lines, rows, strict=True):
        if len(row) != width:
            raise CorruptFormatError(
                f"line {line}: {len(row)} cells where {width} are expected; mend the row or export again", path=path
            )
    out = np.array([[_number(cell, line, path) for cell in row] for line, row in zip(table.lines, rows, strict=True)])
    ends = []
    for column in range(width):
        end = len(rows)
        while end and rows[end - 1][column] == "":
            end -= 1
        # A gap before the end: the column was not cut, it has gaps.
        ends.append(end if all(row[column] != "" for row in rows[:end]) else len(rows))
    return out, ends


def _number(cell: str, line: int, path: Path) -> float:
    if cell.lower() in _ABSENT:
        return np.nan
    try:
        return float(cell)
    except ValueError:
        raise CorruptFormatError(f"line {line}: a cell is no number; leave gaps empty", path=path) from None


def _columns(table: _Table, values: NDArray[np.float64]) -> _Columns:
    width = values.shape[1]
    found = [_HEADING.match(text) for text in table.headings] if table.headings else [None] * width
    names = [match["name"].strip() if match else "" for match in found]
    units = [(match["unit"] or match["behind"] or "").strip() if match else "" for match in found]
    time = next((i for i, name in enumerate(names) if _TIME.match(name)), None)
    unit_s = _SECONDS.get(units[time].lower(), 1.0) if time is not None else 1.0
    leads = [i for i, name in enumerate(names) if i != time and not _INDEX.match(name)]
    if table.headings is None and width in (13, 9, 4, 3, 2) and _is_clock(values[:, 0]):
        time, leads = 0, leads[1:]
    if table.headings is None and len(leads) == 12:
        labels = list(STANDARD_LEADS)
    else:
        labels = [names[i] or f"ECG{k + 1}" for k, i in enumerate(leads)]
    default = table.words.get("unit", "")
    return _Columns(
        leads=leads, labels=labels, units=[units[i] or default for i in leads], time=time, time_unit_s=unit_s
    )


def _is_clock(column: NDArray[np.float64]) -> bool:
    """Tell whether a column without a name is a time in seconds: it starts at 0 and rises in equal, small steps."""
    steps = np.diff(column)
    return len(column) > 9 and column[0] == 0 and bool((steps > 0).all()) and 0 < steps[0] < 0.05 and _is_even(steps)


def _is_even(steps: NDArray[np.float64]) -> bool:
    middle = float(np.median(steps))
    return bool(np.all(np.abs(steps - middle) <= 0.5 * middle))


def _check_ends(ends: list[int], leads: tuple[str, ...], path: Path) -> None:
    """Refuse a lead whose column stops before the others do; a gap that is meant stands as NaN, or ends before."""
    for name, end in zip(leads, ends, strict=True):
        if 0 < end < max(ends):
            raise CorruptFormatError(
                f"lead {name}: {end} samples where the others have {max(ends)}; "
                "drop it with leads=… (--leads) or export again",
                path=path,
                lead=name,
            )


def _rate(table: _Table, columns: _Columns, values: NDArray[np.float64], options: Options, path: Path) -> float:
    stated = table.words.get("fs")
    if stated is not None:
        own = _words.number(stated)
        if not own:
            raise CorruptFormatError('"# fs:" is no rate above zero; write samples a second, in Hz', path=path)
        return own
    if columns.time is not None:
        own = _clock_rate(values[:, columns.time] * columns.time_unit_s, table.lines, path)
        # A time column is rounded: the caller's rate is finer, as long as it is the same one.
        if options.fs is not None and abs(options.fs - own) <= 0.005 * own:
            return float(options.fs)
        contradicted_fs(options.fs, own)
        return own
    if options.fs is None:
        raise InputError(
            "fs: this table does not say its sampling rate; give fs=… (command line: --fs), or write a first line "
            '"# fs: 500"',
            argument="fs",
        )
    return float(options.fs)


def _clock_rate(seconds: NDArray[np.float64], lines: list[int], path: Path) -> float:
    if len(seconds) < 2 or np.isnan(seconds).any():
        raise CorruptFormatError("the time column has gaps; fill them, or take it away and give fs=…", path=path)
    steps = np.diff(seconds)
    mean = float((seconds[-1] - seconds[0]) / (len(seconds) - 1))
    # Cells are rounded to some digit, so single steps may be half a step off, but none may drift from the even grid.
    drift = np.abs(seconds - seconds[0] - mean * np.arange(len(seconds)))
    bad = np.flatnonzero((steps <= 0) | (np.abs(steps - np.median(steps)) > 0.5 * abs(float(np.median(steps)))))
    if mean <= 0 or bad.size or drift.max() > 1.01 * mean:
        at = lines[int(bad[0]) + 1] if bad.size else lines[int(drift.argmax())]
        raise CorruptFormatError(
            f"line {at}: the time column does not rise in equal steps; resample it, or take it away and give fs=…",
            path=path,
        )
    rate = 1.0 / mean
    nearest = round(rate * 2) / 2
    # A rate that rounding of the cells alone explains is the whole (or half) number beside it.
    return nearest if nearest and abs(rate - nearest) <= 1e-3 * rate else rate
