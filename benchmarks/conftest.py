"""One core, compiled kernels, the machine on record; the table and the CSV at the end of a run."""

from __future__ import annotations

import os
import platform
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
#: Versions that a figure depends on.
PACKAGES = (
    "ecg_engine",
    "numpy",
    "numba",
    "scipy",
    "reportlab",
    "pypdfium2",
    "wfdb",
    "pydicom",
    "imagecodecs",
    "onnxruntime",
    "python-gdcm",
    "pylibjpeg-openjpeg",
    "sleepecg",
    "neurokit2",
)

if hasattr(os, "sched_setaffinity"):
    # One core, child processes included: figures that do not depend on how many there are.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def pytest_configure(config: pytest.Config) -> None:
    """Keep the figures of every run in ``.benchmarks``, where no option says otherwise."""
    if not (config.option.benchmark_json or config.option.benchmark_save or config.option.benchmark_autosave):
        config.option.benchmark_autosave = "speed"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Record the processor, its cores, and the versions that count."""
    machine_info["processor_name"] = _processor()
    machine_info["cores"] = os.cpu_count()
    machine_info["cores_used"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    machine_info["packages"] = {name: found for name in PACKAGES if (found := _version(name))}


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the CSV and print the table of this run."""
    from benchmarks import table

    session = terminalreporter.config._benchmarksession
    rows = table.rows_of(
        {"name": b.name, "group": b.group, "extra_info": b.extra_info, "stats": _plain(b.stats)}
        for b in session.benchmarks
    )
    if rows:
        target = table.write_csv(rows, RESULTS / "speed.csv")
        terminalreporter.write_line("")
        terminalreporter.write_line(table.markdown(rows))
        terminalreporter.write_line(f"\n{_processor()}, one core; {target.relative_to(ROOT)}")


def _plain(stats: Any) -> dict[str, float]:
    return {"median": stats.median, "min": stats.min, "rounds": stats.rounds}


@pytest.fixture(scope="session")
def cases() -> dict[str, Any]:
    """Return ``cases.toml``."""
    return tomllib.loads((ROOT / "benchmarks" / "cases.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def warm() -> None:
    """Compile the kernels before anything is timed."""
    from ecg_engine.kernels._jit import warm_kernels

    warm_kernels()
