"""Run a batch around a study function that plays the pipeline, in a process of its own that a test may kill."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path

from ecg_engine.batch.driver import Parts
from ecg_engine.batch.run import run_triage
from ecg_engine.settings import TriageSettings
from tests.unit.batch import fakes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--function", default="logged_triage")
    parser.add_argument("--limit", type=float, default=60.0)
    given = parser.parse_args()
    print("begun", flush=True)
    result = run_triage(
        given.paths,
        given.out,
        TriageSettings(),
        parts=Parts(triage=getattr(fakes, given.function), compare=fakes.compare, prepare=fakes.models),
        engine=given.engine,
        n_workers=given.workers,
        resume=True,
        limit_s=given.limit,
    )
    print(json.dumps({**asdict(result), "out": str(result.out), "peak_kib": peak_kib()}), flush=True)


def peak_kib() -> int:
    """Return the largest resident set of this process; what `getrusage` says includes the one it was forked from."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    main()
