"""Studies in a thousand: `ecg-engine triage` beside the naive script, in the same run, on the same files.

    python benchmarks/triage/run.py                                 240 studies in six transfer syntaxes, and raw alone
    python benchmarks/triage/run.py --n 1000 --syntax all
    python benchmarks/triage/run.py --memory                        peak memory of the driver, 100 to 10,000 studies

Studies are made by ``make_studies.py`` into ``.cache/triage`` and used again. Each program runs with `--workers`
processes, first on one study, which tells its start, then on all; what it takes for a thousand is its start and a
thousand times the rest. The order in which the two run changes with each round, and the fastest round counts: what else
the machine does disturbs it least. Files are read once before, so that none is timed on a cold disk.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.triage import make_studies  # noqa: E402

STUDIES: Final = ROOT / ".cache" / "triage"
RESULTS: Final = ROOT / "benchmarks" / "results"
WHO: Final = ("ecg_engine", "naive")
MEMORY_STEPS: Final = (100, 1_000, 10_000)
#: How often the peak of a running program is read, s.
_LOOK_S: Final = 0.05


def studies(n: int, syntaxes: Sequence[str], *, small: bool = False) -> Path:
    """Return a folder of studies, made where it is not there."""
    name = f"{'small' if small else 'all' if len(syntaxes) > 1 else syntaxes[0]}_{n}"
    folder = STUDIES / name
    if not (folder / "truth.csv").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Making {n} studies in {folder.relative_to(ROOT)} ...", flush=True)
        make_studies.make(folder, n, data=make_studies.reference_data(), syntaxes=tuple(syntaxes), small=small)
    return folder


def command(who: str, images: Path, out: Path, workers: int) -> list[str]:
    """Return what runs a program."""
    if who == "naive":
        script = [sys.executable, str(ROOT / "benchmarks" / "triage" / "naive.py"), str(images)]
    else:
        script = [sys.executable, "-m", "ecg_engine", "triage", str(images), "--quiet"]
    return [*script, "--out", str(out), "--workers", str(workers)]


def peak_mib(pid: int) -> float | None:
    """Return the largest resident memory of a process so far, MiB; None where it is over, or no Linux."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return None if found is None else int(found[1]) / 1024


def run(who: str, images: Path, workers: int, n: int) -> tuple[float, float]:
    """Return seconds and the driver's peak memory, MiB, of one run in a process of its own.

    Raises
    ------
    RuntimeError
        It failed, or did not do all of them: then its time says nothing.
    """
    with tempfile.TemporaryDirectory(prefix="triage_") as name:
        out = Path(name) / "out"
        began, peak = time.perf_counter(), 0.0
        done = subprocess.Popen(
            command(who, images, out, workers), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while done.poll() is None:
            peak = max(peak, peak_mib(done.pid) or 0.0)
            time.sleep(_LOOK_S)
        seconds = time.perf_counter() - began
        said = "" if done.stderr is None else done.stderr.read()
        with (out / "worklist.csv").open(encoding="utf-8-sig", newline="") as file:
            lines = sum(not row.get("error") for row in csv.DictReader(file))
    if done.returncode != 0 or lines != n:
        raise RuntimeError(f"{who}: exit status {done.returncode}, {lines} of {n} studies done\n{said[-2000:]}")
    return seconds, peak


def _one_study(images: Path, folder: Path) -> Path:
    first = min(images.iterdir())
    shutil.copy(first, folder / first.name)
    return folder


def compare(images: Path, n: int, workers: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return start, seconds, rate and seconds for a thousand of each program, the fastest round of each."""
    for path in images.iterdir():
        path.read_bytes()
    best: dict[str, dict[str, float]] = {who: {} for who in WHO}
    with tempfile.TemporaryDirectory(prefix="triage_one_") as name:
        one = _one_study(images, Path(name))
        for who in WHO:  # what the first run of all compiles or loads from the disk is not timed
            run(who, one, workers, 1)
        for i in range(rounds):
            for who in WHO if i % 2 == 0 else WHO[::-1]:
                for key, where, count in (("start_s", one, 1), ("seconds", images, n)):
                    seconds, peak = run(who, where, workers, count)
                    best[who][key] = min(seconds, best[who].get(key, seconds))
                    best[who]["driver_mib"] = peak
    for who, found in best.items():
        if found["seconds"] <= found["start_s"]:
            raise RuntimeError(f"{who}: {n} studies took no longer than one; give more (--n), or rest the machine")
        each = (found["seconds"] - found["start_s"]) / max(n - 1, 1)
        found["studies_per_s"] = 1.0 / each
        found["s_per_1000"] = found["start_s"] + 999 * each
    return best


def speed(n: int, syntaxes: Sequence[str], workers: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each set of studies and program."""
    rows = []
    for name in syntaxes:
        wanted = tuple(make_studies.SYNTAXES) if name == "all" else (name,)
        images = studies(n, wanted) / "images"
        found = compare(images, n, workers, rounds)
        for who in WHO:
            ratio = None if who == "ecg_engine" else found[who]["s_per_1000"] / found["ecg_engine"]["s_per_1000"]
            rows.append({"studies": name, "n": n, "workers": workers, "who": who, **found[who], "ratio": ratio})
            print(markdown(rows[-1:]).splitlines()[-1], flush=True)
    return rows


def memory(workers: int, steps: Sequence[int]) -> list[dict[str, Any]]:
    """Return the driver's peak memory over small studies."""
    rows = []
    for n in steps:
        seconds, peak = run("ecg_engine", studies(n, ("raw",), small=True) / "images", workers, n)
        rows.append(
            {"studies": "small", "n": n, "workers": workers, "who": "ecg_engine", "seconds": seconds,
             "studies_per_s": n / seconds, "driver_mib": peak}
        )  # fmt: skip
        print(markdown(rows[-1:]).splitlines()[-1], flush=True)
    return rows


COLUMNS: Final = (
    ("studies", ""), ("n", "d"), ("workers", "d"), ("who", ""), ("start_s", ".1f"), ("seconds", ".1f"),
    ("studies_per_s", ".2f"), ("s_per_1000", ".0f"), ("ratio", ".2f"), ("driver_mib", ".0f"),
)  # fmt: skip


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a markdown table."""

    def cell(row: dict[str, Any], key: str, form: str) -> str:
        value = row.get(key)
        return "" if value is None else format(value, form)

    heads = [
        "studies", "n", "workers", "who", "start, s", "all, s", "studies/s", "s for 1000", "ratio", "driver, MiB",
    ]  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---|--:|--:|---" + "|--:" * 6 + "|"]
    return "\n".join(
        [*lines, *("| " + " | ".join(cell(row, key, form) for key, form in COLUMNS) + " |" for row in rows)]
    )


def write(rows: Sequence[dict[str, Any]], target: Path) -> None:
    """Write the rows as CSV."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [key for key, _ in COLUMNS], restval="")
        table.writeheader()
        for row in rows:
            table.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="ecg-engine triage beside a naive script.")
    parser.add_argument("--n", type=int, default=240, help="studies of each set")
    parser.add_argument(
        "--syntax", action="append", choices=("all", *make_studies.SYNTAXES),
        help="set of studies, may be repeated [default: all, then raw]",
    )  # fmt: skip
    parser.add_argument("--by-syntax", action="store_true", help="all, then each of the six transfer syntaxes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="peak memory of the driver over small studies instead")
    parser.add_argument("--steps", type=int, nargs="+", default=MEMORY_STEPS, help="numbers of small studies")
    given = parser.parse_args()
    if given.memory:
        rows, target = memory(given.workers, given.steps), RESULTS / "triage_memory.csv"
    else:
        sets = ("all", *make_studies.SYNTAXES) if given.by_syntax else tuple(given.syntax or ("all", "raw"))
        rows, target = speed(given.n, sets, given.workers, given.rounds), RESULTS / "triage.csv"
    write(rows, target)
    print(f"\n{markdown(rows)}\n\n{target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
