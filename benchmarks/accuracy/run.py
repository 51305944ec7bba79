"""Accuracy beside the peers, ours and theirs in one run on the same samples.

    python -m benchmarks.accuracy.run                 every case; what is known of unchanged tools and signals is kept
    python -m benchmarks.accuracy.run --quick         a selection, some two minutes
    python -m benchmarks.accuracy.run --case mitdb    one case
    python -m benchmarks.accuracy.run --fresh         everything anew
    python -m benchmarks.accuracy.run --write-docs    the tables of docs/benchmarks.md too

``ECG_ENGINE_DATA`` names the folder of the reference data; a case whose data is not there is left out, and said so.
Tables go to ``benchmarks/results/*.csv``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.accuracy import records, scores, tables
from benchmarks.accuracy.store import Store
from benchmarks.peers import DELINEATORS, DETECTORS, OURS, Peer

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]


def chosen(names: list[str], known: dict[str, Peer]) -> list[Peer]:
    """Return the tools that are named and installed; say which are not."""
    for name in names:
        if not known[name].is_installed:
            print(f"{name}: not installed (pip install {known[name].package}); left out", file=sys.stderr)
    return [known[name] for name in names if known[name].is_installed]


class Run:
    """The cases of one run.

    Parameters
    ----------
    data : Path
    cases : dict
        ``cases.toml``, its part "accuracy".
    store : Store
    quick : bool
    """

    def __init__(self, data: Path, cases: dict[str, Any], store: Store, *, quick: bool) -> None:
        self.data, self.cases, self.store = data, cases, store
        what = cases["quick"] if quick else cases
        self.detectors = chosen(what["detectors"], DETECTORS)
        self.delineators = chosen(what["delineators"], DELINEATORS)
        self.mit_records = tuple(cases["quick"]["mitdb"]) if quick else ()
        self.limit = cases["quick"]["records"] if quick else None
        self._said = 0.0

    def say(self, text: str) -> None:
        """Show where it is: one line on a terminal, a line every 20 s elsewhere."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._said > 20:
            self._said = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def _folder(self, case: str) -> Path:
        return self.data / str(self.cases[case]["folder"])

    def mitdb(self) -> list[Row]:
        """MIT-BIH, first channel, then both at once."""
        rows: list[Row] = []
        for case, n_leads in (("MIT-BIH, first channel", 1), ("MIT-BIH, both channels", 2)):
            strips = records.mit(self._folder("mitdb"), self.mit_records)
            rows += scores.beats(case, strips, self.detectors, self.store, n_leads=n_leads, say=self.say)
        return rows

    def nstdb(self) -> list[Row]:
        """Noise stress, first channel, then both at once."""
        rows: list[Row] = []
        for case, n_leads in (("noise stress, first channel", 1), ("noise stress, both channels", 2)):
            strips = records.mit(self._folder("nstdb"), tuple(self.cases["nstdb"]["records"]))
            rows += scores.beats(case, strips, self.detectors, self.store, n_leads=n_leads, say=self.say)
        return rows

    def cpsc2019(self) -> list[Row]:
        """CPSC2019."""
        strips = records.cpsc2019(self._folder("cpsc2019"), self.cases["cpsc2019"]["left_out_s"])
        return scores.beats("CPSC2019", strips, self.detectors, self.store, say=self.say)

    def noise(self) -> list[Row]:
        """Strips with electrode motion, grouped by the ratio."""
        case = self.cases["noise"]
        strips = records.noisy_strips(
            self.data,
            snr_db=tuple(case["snr_db"]),
            seconds=case["seconds"],
            per_record=case["per_record"],
            seed=case["seed"],
            records=self.mit_records,
        )
        by_ratio: Callable[[str], str] = lambda record: record.partition("+")[2].partition("@")[0]  # noqa: E731
        name = "strips with electrode motion"
        return scores.beats(name, strips, self.detectors, self.store, group=by_ratio, say=self.say)

    def ludb(self) -> list[Row]:
        """LUDB, each lead by itself."""
        leads = records.ludb(self._folder("ludb"), self.limit)
        return scores.waves_by_lead("ludb", leads, self.delineators, self.store, say=self.say)

    def qtdb(self) -> list[Row]:
        """The QT Database."""
        leads = records.qtdb(self._folder("qtdb"), self.limit)
        return scores.points_of_closer_lead("qtdb", leads, self.delineators, self.store, say=self.say)


CASES = ("mitdb", "nstdb", "cpsc2019", "noise", "ludb", "qtdb")
NEEDS = {"noise": ("mitdb", "nstdb")}


def main() -> None:
    """Run the cases, write the tables."""
    parser = argparse.ArgumentParser(description="Accuracy beside the peers.")
    parser.add_argument("--quick", action="store_true", help="a selection of tools and records")
    parser.add_argument("--case", action="append", choices=CASES, help="only this case; may be given again")
    parser.add_argument("--fresh", action="store_true", help="use nothing that an earlier run kept")
    parser.add_argument("--write-docs", action="store_true", help="write the tables of docs/benchmarks.md")
    given = parser.parse_args()
    if given.write_docs and (given.quick or given.case):
        parser.error("--write-docs goes with the whole run: the page shows all of it")
    folder = os.environ.get("ECG_ENGINE_DATA")
    if not folder or not Path(folder).is_dir():
        print("No reference data: ECG_ENGINE_DATA names no folder. Accuracy is not measured.", file=sys.stderr)
        return
    cases = tomllib.loads((ROOT / "benchmarks" / "cases.toml").read_text(encoding="utf-8"))["accuracy"]
    store = Store(folder=ROOT / ".cache" / "benchmarks", fresh=given.fresh)
    run = Run(Path(folder), cases, store, quick=given.quick)
    results = ROOT / "benchmarks" / "results"
    started = time.monotonic()
    done: dict[str, list[Row]] = {}
    for case in given.case or CASES:
        missing = [n for n in NEEDS.get(case, (case,)) if not (Path(folder) / cases[n]["folder"]).is_dir()]
        if missing:
            print(f"{case}: no {', '.join(missing)} in {folder}; left out", file=sys.stderr)
            continue
        done[case] = getattr(run, case)()
        suffix = "_quick" if given.quick else ""
        target = tables.write_csv(done[case], results / f"accuracy_{case}{suffix}.csv")
        run.say("")
        print(f"\n{tables.markdown(case, done[case])}\n\n{target.relative_to(ROOT)}", flush=True)
    failed = ", ".join(f"{who} {n}" for who, n in store.failures.items()) or "none"
    print(f"\n{store.n_run} calls, {store.n_kept} kept results, {time.monotonic() - started:.0f} s")
    print(f"Signals in which a tool raised an exception, scored as nothing found: {failed}")
    used = [peer for peer in (*run.detectors, *run.delineators) if peer.name != OURS]
    print(tables.machine(used))
    if given.write_docs:
        tables.write_page(ROOT / "docs" / "benchmarks.md", done, used, failed)


if __name__ == "__main__":
    main()
