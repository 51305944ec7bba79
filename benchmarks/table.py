"""Benchmark figures as one CSV and one markdown table.

    python benchmarks/table.py                     the newest run in .benchmarks
    python benchmarks/table.py run.json            what --benchmark-json wrote
    python benchmarks/table.py run.json --csv out.csv

Each benchmark names its case in `group` and itself in ``extra_info["who"]``; the ratio is the peer's fastest round
over ours in the same group and run (what else the machine does disturbs it least): 3 means that the peer takes three
times as long.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

OURS = "ecg_engine"
ROOT = Path(__file__).resolve().parent.parent
FIELDS = ("case", "who", "median_ms", "min_ms", "rounds", "ratio", "detail")


def rows_of(benchmarks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a benchmark, in the order of the run, with its ratio to ours in its group."""
    rows = []
    for one in benchmarks:
        extra = dict(one.get("extra_info") or {})
        rows.append(
            {
                "case": one.get("group") or one["name"],
                "who": extra.pop("who", OURS),
                "median_ms": 1e3 * one["stats"]["median"],
                "min_ms": 1e3 * one["stats"]["min"],
                "rounds": one["stats"]["rounds"],
                "ratio": None,
                "detail": "; ".join(f"{key} {value}" for key, value in extra.items()),
            }
        )
    ours = {row["case"]: row["min_ms"] for row in rows if row["who"] == OURS}
    for row in rows:
        if row["who"] != OURS and ours.get(row["case"]):
            row["ratio"] = row["min_ms"] / ours[row["case"]]
    return rows


def write_csv(rows: Iterable[Mapping[str, Any]], target: Path) -> Path:
    """Write the rows, numbers unrounded but for their ninth digit."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()})
    return target


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as a markdown table."""
    lines = ["| case | who | median, ms | fastest, ms | ratio | |", "|---|---|--:|--:|--:|---|"]
    for row in rows:
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2g}"
        cells = [row["case"], row["who"], _number(row["median_ms"]), _number(row["min_ms"]), ratio, row["detail"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def main() -> None:
    """Read a run, print the table, write the CSV."""
    parser = argparse.ArgumentParser(description="Benchmark figures as CSV and markdown.")
    parser.add_argument("run", nargs="?", type=Path, help="JSON of pytest-benchmark; the newest where none is named")
    parser.add_argument("--csv", type=Path, default=ROOT / "benchmarks" / "results" / "speed.csv")
    given = parser.parse_args()
    run = given.run or max((ROOT / ".benchmarks").rglob("*.json"), key=lambda p: p.stat().st_mtime, default=None)
    if run is None:
        parser.error("no run in .benchmarks; make bench makes one")
    document = json.loads(run.read_text(encoding="utf-8"))
    rows = rows_of(document["benchmarks"])
    write_csv(rows, given.csv)
    machine = document["machine_info"]
    print(markdown(rows))
    versions = ", ".join(f"{name} {found}" for name, found in machine.get("packages", {}).items())
    print(f"\n{machine.get('processor_name', machine['machine'])}; Python {machine['python_version']}; {versions}")


if __name__ == "__main__":
    main()
