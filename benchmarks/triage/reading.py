"""What decoding alone takes: the least that any triage of these studies can take, whatever it does with the pixels.

    python benchmarks/triage/reading.py

For each transfer syntax, ms a study on one core, the least of `--tries` over each of `--n` studies, their mean: as
pydicom decodes with its usual plug-ins (the naive script), and as `read_radiograph` does, whole and reduced.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pydicom

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.triage import make_studies  # noqa: E402
from benchmarks.triage.run import studies  # noqa: E402
from ecg_engine.dicom.radiographs import read_radiograph  # noqa: E402

#: The side that the engine's models look at.
SIDE: Final = 512
WAYS: Final[dict[str, Callable[[Path], Any]]] = {
    "pydicom": lambda path: pydicom.dcmread(path).pixel_array,
    "read_radiograph": read_radiograph,
    "reduced": lambda path: read_radiograph(path, least_side=SIDE),
}


def least_ms(way: Callable[[Path], Any], path: Path, tries: int) -> float:
    """Return the least time of several tries, ms."""
    found = []
    for _ in range(tries):
        began = time.perf_counter()
        way(path)
        found.append(1000 * (time.perf_counter() - began))
    return min(found)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Decoding alone, by transfer syntax.")
    parser.add_argument("--n", type=int, default=12, help="studies of each transfer syntax")
    parser.add_argument("--tries", type=int, default=3)
    given = parser.parse_args()
    print("| transfer syntax | " + " | ".join(WAYS) + " |\n|---" + "|--:" * len(WAYS) + "|")
    sums = dict.fromkeys(WAYS, 0.0)
    for syntax in make_studies.SYNTAXES:
        paths = sorted((studies(given.n, (syntax,)) / "images").rglob("*.dcm"))
        row = {name: sum(least_ms(way, path, given.tries) for path in paths) / len(paths) for name, way in WAYS.items()}
        print(f"| {syntax} | " + " | ".join(f"{ms:.1f}" for ms in row.values()) + " |", flush=True)
        sums = {name: sums[name] + row[name] / len(make_studies.SYNTAXES) for name in WAYS}
    print("| mean | " + " | ".join(f"{ms:.1f}" for ms in sums.values()) + " |")


if __name__ == "__main__":
    main()
