"""Rows as CSV and as the tables of docs/benchmarks.md."""

from __future__ import annotations

import csv
import math
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.pages import renew
from benchmarks.peers import OURS, Peer

Row = dict[str, Any]
BEGIN, END = "<!-- made by benchmarks/accuracy/run.py -->", "<!-- end of what it made -->"


def write_csv(rows: Sequence[Row], target: Path) -> Path:
    """Write rows of one kind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    return target


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|---|{'--:|' * (len(heads) - 1)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _number(value: float, digits: int = 2) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _spread(row: Row, name: str) -> str:
    mean, sd = row[f"{name}mean_ms"], row[f"{name}sd_ms"]
    return "–" if math.isnan(mean) else f"{mean:+.1f} ± {sd:.1f}"


def _name(who: str) -> str:
    return f"**{who}**" if who == OURS else who


def _beats_table(rows: Sequence[Row], case: str) -> str:
    """One row a tool: gross figures, and the error of each record group where there are few."""
    mine = [row for row in rows if row["case"] == case]
    groups = list(dict.fromkeys(row["record"] for row in mine if row["record"] != "all"))
    few = groups if len(groups) <= 4 else []
    by = {(row["who"], row["record"]): row for row in mine}
    heads = ["", "beats", "missed", "false", "error %", "Se %", "PPV %", "median offset ms"]
    heads += [f"{group}: Se / PPV %" for group in few]
    lines = []
    for who in dict.fromkeys(row["who"] for row in mine):
        row = by[who, "all"]
        cells = [_name(who), str(row["beats"]), str(row["missed"]), str(row["false"])]
        cells += [_number(row[k]) for k in ("error_percent", "sensitivity_percent", "ppv_percent")]
        cells.append(_number(row["median_offset_ms"], 0))
        for group in few:
            one = by[who, group]
            cells.append(f"{_number(one['sensitivity_percent'])} / {_number(one['ppv_percent'])}")
        lines.append(cells)
    return _table(heads, lines)


def records_table(rows: Sequence[Row], case: str) -> str:
    """Error of every record, a column a tool."""
    mine = [row for row in rows if row["case"] == case and row["record"] != "all"]
    tools = list(dict.fromkeys(row["who"] for row in mine))
    by = {(row["who"], row["record"]): row for row in mine}
    lines = []
    for record in dict.fromkeys(row["record"] for row in mine):
        first = by[tools[0], record]
        lines.append([record, str(first["beats"]), *(_number(by[who, record]["error_percent"]) for who in tools)])
    return _table(["record", "beats", *(_name(who) for who in tools)], lines)


def _waves_table(rows: Sequence[Row], part: str) -> str:
    mine = [row for row in rows if row["part"] == part]
    by = {(row["who"], row["wave"]): row for row in mine}
    heads = [""]
    for wave in ("P", "QRS", "T"):
        heads += [f"{wave} F1 %", f"{wave} onset ms", f"{wave} offset ms"]
    lines = []
    for who in dict.fromkeys(row["who"] for row in mine):
        cells = [_name(who)]
        for wave in ("p", "qrs", "t"):
            row = by[who, wave]
            cells += [_number(row["f1_percent"]), _spread(row, "onset_"), _spread(row, "offset_")]
        lines.append(cells)
    return _table(heads, lines)


def _points_table(rows: Sequence[Row]) -> str:
    points = list(dict.fromkeys(row["point"] for row in rows))
    by = {(row["who"], row["point"]): row for row in rows}
    lines = []
    for who in dict.fromkeys(row["who"] for row in rows):
        each = [by[who, point] for point in points]
        lines.append([_name(who), *(f"{_number(row['found_percent'], 1)} %, {_spread(row, '')}" for row in each)])
    return _table(["", *points], lines)


def markdown(case: str, rows: Sequence[Row]) -> str:
    """Return the tables of one case."""
    if case == "ludb":
        parts = [("Lead II", "ii"), ("All twelve leads", "all")]
        return "\n\n".join(f"{title}:\n\n{_waves_table(rows, part)}" for title, part in parts)
    if case == "qtdb":
        return _points_table(rows)
    cases = dict.fromkeys(row["case"] for row in rows)
    return "\n\n".join(f"{name[0].upper()}{name[1:]}:\n\n{_beats_table(rows, name)}" for name in cases)


def machine(peers: Iterable[Peer]) -> str:
    """Return processor and versions in a line."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.machine()
    packages = {peer.package: peer.version for peer in peers}
    found = ", ".join(f"{name} {number}" for name, number in packages.items())
    own = f"ecg_engine {version('ecg_engine')}, numpy {version('numpy')}, numba {version('numba')}"
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}; {own}, {found}"


_TITLES = {
    "mitdb": "MIT-BIH Arrhythmia Database",
    "nstdb": "MIT-BIH Noise Stress Test Database",
    "noise": "Strips with electrode motion",
    "cpsc2019": "CPSC2019",
    "ludb": "LUDB, lead by lead",
    "qtdb": "QT Database",
}


def write_page(page: Path, done: dict[str, list[Row]], peers: Sequence[Peer], failed: str) -> None:
    """Write the made part of the page; the words around it stay."""
    parts = [f"Machine and versions: {machine(peers)}."]
    parts.append(f"Signals in which a tool raised an exception, scored as nothing found: {failed}.")
    for case, title in _TITLES.items():
        if case in done:
            parts += [f"### {title}", markdown(case, done[case])]
        if case == "mitdb" and case in done:
            parts += ["Error by record, first channel, %:", records_table(done[case], "MIT-BIH, first channel")]
    parts.append("### The tools")
    tools = {peer.name: peer for peer in peers}.values()
    lines = [[p.name, p.package, p.version, p.licence, p.note] for p in tools]
    parts += [_table(["name here", "package", "version", "licence", ""], lines)]
    renew(page, BEGIN, END, "\n\n".join(parts))
