"""A warm decode of a 12-lead ECG of 10 s, file to PDF, on one core; and its stages apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecg_engine.formats import read_ecg
from ecg_engine.pipeline import analyze_ecg, decode_file
from ecg_engine.report import render_bytes, report_json
from ecg_engine.settings import DecodeSettings
from ecg_engine.types import EcgReport, Recording, Task

READERS = ("wfdb", "edf", "dicom", "csv")


@pytest.fixture(scope="module")
def recording(cases: dict[str, Any], root: Path) -> Recording:
    return read_ecg(root / cases["decode"]["wfdb"])


@pytest.fixture(scope="module")
def report(recording: Recording) -> EcgReport:
    return analyze_ecg(recording)


@pytest.mark.parametrize("name", READERS)
def test_file_to_pdf(benchmark: Any, cases: dict[str, Any], root: Path, name: str) -> None:
    task = Task(path=str(root / cases["decode"][name]), settings=DecodeSettings(formats=("pdf",)))
    outcome = decode_file(task)
    assert outcome.error is None and outcome.files["pdf"].startswith(b"%PDF")
    benchmark.group = f"decode, {name} to PDF"
    benchmark.extra_info["target_ms"] = cases["decode"]["target_ms"]
    benchmark.extra_info["aim_ms"] = cases["decode"]["aim_ms"]
    benchmark(decode_file, task)


@pytest.mark.parametrize("name", READERS)
def test_read(benchmark: Any, cases: dict[str, Any], root: Path, name: str) -> None:
    path = root / cases["decode"][name]
    read_ecg(path)
    benchmark.group = f"stage: read {name}"
    benchmark(read_ecg, path)


def test_analyse(benchmark: Any, recording: Recording, report: EcgReport) -> None:
    assert report.beats.r_peaks.size
    benchmark.group = "stage: analyse"
    benchmark(analyze_ecg, recording)


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_draw(benchmark: Any, recording: Recording, report: EcgReport, kind: str) -> None:
    render_bytes(report, recording, kind)
    benchmark.group = f"stage: draw {kind}"
    benchmark(render_bytes, report, recording, kind)


def test_json(benchmark: Any, report: EcgReport) -> None:
    report_json(report, "en")
    benchmark.group = "stage: JSON"
    benchmark(report_json, report, "en")
