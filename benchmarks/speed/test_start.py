"""Time to start, with and without compiled kernels, and peak memory; each in a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def child(*args: object, **environment: str) -> dict[str, float]:
    """Return what the child says."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.child", *map(str, args)],
        check=True, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip
    return dict(json.loads(said.stdout.splitlines()[-1]))


def test_help(benchmark: Any) -> None:
    command = [sys.executable, "-m", "ecg_engine", "--help"]
    benchmark.group = "ecg-engine --help"
    benchmark.pedantic(subprocess.run, (command,), {"check": True, "capture_output": True}, rounds=5, warmup_rounds=1)


def test_bare_python(benchmark: Any) -> None:
    benchmark.group = "Python that does nothing"
    benchmark.extra_info["who"] = "python"
    benchmark.pedantic(subprocess.run, ([sys.executable, "-c", ""],), {"check": True}, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("module", ["ecg_engine", "ecg_engine.pipeline"])
def test_import(benchmark: Any, module: str) -> None:
    command = [sys.executable, "-c", f"import {module}"]
    benchmark.group = f"import {module}"
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=5, warmup_rounds=1)


def test_first_decode_without_and_with_compiled_kernels(
    benchmark: Any, cases: dict[str, Any], root: Path, tmp_path: Path
) -> None:
    """Time of the whole process with an empty cache; beside it the decode alone, and that of the next process."""
    path, cache = root / cases["start"]["file"], str(tmp_path)
    benchmark.group = "first decode ever, compiling"
    cold = benchmark.pedantic(child, ("decode", path), {"ECG_ENGINE_CACHE_DIR": cache}, rounds=1)
    filled = child("decode", path, ECG_ENGINE_CACHE_DIR=cache)
    benchmark.extra_info.update(
        compiling_s=round(cold["first_s"], 2),
        next_process_s=round(filled["first_s"], 2),
        next_call_s=round(filled["second_s"], 3),
    )


def test_memory_of_a_decode(benchmark: Any, cases: dict[str, Any], root: Path) -> None:
    benchmark.group = "decode in a new process, kernels compiled"
    found = benchmark.pedantic(child, ("decode", root / cases["start"]["file"]), rounds=3, warmup_rounds=1)
    benchmark.extra_info["peak_mib"] = round(found["peak_mib"])


def test_memory_of_a_day(benchmark: Any, cases: dict[str, Any]) -> None:
    psutil = pytest.importorskip("psutil")
    case = cases["holter"]
    if psutil.virtual_memory().available < case["least_free_gib"] << 30:
        pytest.skip(f"less than {case['least_free_gib']} GiB of memory free")
    benchmark.group = f"analyse {case['hours']} h, {len(case['leads'])} leads, {case['fs']} Hz"
    found = benchmark.pedantic(child, ("holter", case["hours"], case["fs"], *case["leads"]), rounds=1)
    benchmark.extra_info.update(
        analyse_s=round(found["analyse_s"], 1), signal_mib=round(found["signal_mib"]),
        peak_mib=round(found["peak_mib"]), beats=found["beats"],
    )  # fmt: skip
