"""``ecg-engine triage`` around a batch that is played by a function."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ecg_engine.batch.progress import BatchResult, Watcher
from ecg_engine.cli.app import app
from ecg_engine.errors import EcgEngineError, InputError, ModelError
from ecg_engine.settings import TriageSettings

LEVELS = {"critical": 1, "routine": 2}


class Batch:
    """A batch that does what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.refused: list[tuple[str, str]] = []
        self.result: dict[str, Any] = {"n_studies": 3, "n_done": 3, "levels": LEVELS}
        self.error: Exception | None = None
        self.trace: str | None = None

    def run_triage(self, paths: Any, out: Path, settings: TriageSettings, **how: Any) -> BatchResult:
        self.asked = {"paths": list(paths), "out": out, "settings": settings, **how}
        watcher: Watcher = how["watcher"]
        watcher.scanning(4)
        watcher.planned(3, 1)
        for source, error in self.refused:
            watcher.refused(source, error)
        if self.trace is not None:
            watcher.fault(self.trace)
        watcher.done(3)
        if self.error is not None:
            raise self.error
        return BatchResult(out=Path(out), n_refused=len(self.refused), **self.result)


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Batch:
    played = Batch()
    runner = types.ModuleType("ecg_engine.batch.run")
    runner.run_triage = played.run_triage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ecg_engine.batch.run", runner)
    return played


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, ["triage", *args])


def test_all_well_ends_with_counts_and_where_the_results_are(run: Any, batch: Batch) -> None:
    batch.result["skipped"] = {".txt": 2, "DICOM without image": 1}
    result = run("in", "--out", "out")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    counts = {line.split()[0]: line.split()[1] for line in lines[1:5]}
    assert counts == {"Critical": "1", "Urgent": "0", "Unscored": "0", "Routine": "2"}
    assert "worklist.csv" in result.stdout and "summary.html" in result.stdout and "physician" in result.stdout
    assert ".txt: 2, DICOM without image: 1" in result.stdout
    assert result.stderr == "Resumed: 1 of 3 studies are done already\n"


def test_every_option_reaches_the_batch(run: Any, batch: Batch) -> None:
    result = run(
        *("a", "b.zip", "--out", "out", "--engine", "tcp://host:8786", "--workers", "5", "--resume", "--lang", "ru"),
        *("--thumbnails", "512", "--overlays", "all", "--full", "--time-limit", "30"),
    )
    assert result.exit_code == 0, result.output
    asked = batch.asked
    assert asked["paths"] == [Path("a"), Path("b.zip")] and asked["out"] == Path("out")
    assert asked["settings"] == TriageSettings(lang="ru", thumbnail_px=512, overlays="all", reduced=False)
    assert (asked["engine"], asked["n_workers"], asked["resume"], asked["limit_s"]) == ("tcp://host:8786", 5, True, 30)
    assert re.search("[а-я]", result.stdout)


def test_refused_files_are_named_and_the_status_says_so(run: Any, batch: Batch) -> None:
    batch.refused = [("in/a.dcm", "cut off\nnow; copy it again"), ("in/\x1b[2Jb.dcm", "no image")]
    result = run("in", "--out", "out")
    assert result.exit_code == 1
    assert "error: in/a.dcm: cut off now; copy it again\n" in result.stderr
    assert "error: in/\\x1b[2Jb.dcm: no image\n" in result.stderr
    assert "Refused files: 2: out/quarantine.csv" in result.stdout


def test_many_refused_files_do_not_flood_the_terminal(run: Any, batch: Batch) -> None:
    batch.refused = [(f"in/{n}.dcm", "cut off") for n in range(500)]
    result = run("in", "--out", "out")
    assert result.stderr.count("error:") == 51 and "quarantine.csv" in result.stderr


def test_json_is_one_document_and_nothing_else(run: Any, batch: Batch) -> None:
    batch.refused = [("in/a.dcm", "cut off")]
    result = run("in", "--out", "out", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["levels"] == {"critical": 1, "urgent": 0, "unscored": 0, "routine": 2}
    assert (document["n_studies"], document["n_refused"], document["interrupted"]) == (3, 1, False)
    assert document["worklist"] == "out/worklist.csv"


def test_quiet_prints_errors_only(run: Any, batch: Batch) -> None:
    batch.refused = [("in/a.dcm", "cut off")]
    result = run("in", "--out", "out", "--quiet")
    assert (result.stdout, result.stderr) == ("", "error: in/a.dcm: cut off\n")


def test_interrupted_it_says_how_to_go_on(run: Any, batch: Batch) -> None:
    batch.result |= {"n_done": 2, "interrupted": True}
    result = run("in", "--out", "out")
    assert result.exit_code == 130
    assert "interrupted: 2 of 3 studies done; go on with: --resume" in result.stderr


@pytest.mark.parametrize("error", [EcgEngineError("out: No space left"), ModelError("weights missing")])
def test_what_stops_everything_is_one_line(run: Any, batch: Batch, error: Exception) -> None:
    batch.error = error
    result = run("in", "--out", "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"error: {error}" and "Traceback" not in result.output


def test_nothing_found_is_no_success(run: Any, batch: Batch) -> None:
    batch.result = {}
    result = run("in", "--out", "out")
    assert result.exit_code == 1 and "no image in in" in result.stderr


def test_a_traceback_is_for_debugging(run: Any, batch: Batch) -> None:
    batch.trace = "Traceback (most recent call last): ..."
    assert "Traceback" not in run("in", "--out", "out").output
    assert "Traceback" in run("in", "--out", "out", "--debug").stderr


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["--lang", "de"], "--lang"),
        (["--thumbnails", "7"], "--thumbnails"),
        (["--overlays", "some"], "--overlays"),
        (["--time-limit", "0"], "--time-limit"),
    ],
)
def test_wrong_usage_names_the_option(run: Any, batch: Batch, words: list[str], option: str) -> None:
    result = run("in", "--out", "out", *words)
    assert result.exit_code == 2 and option in result.stderr


@pytest.mark.parametrize(("argument", "option"), [("out", "--out"), ("engine", "--engine"), ("workers", "--workers")])
def test_what_the_batch_refuses_names_the_option_too(run: Any, batch: Batch, argument: str, option: str) -> None:
    batch.error = InputError(f"{argument}: is wrong; mend it", argument=argument)
    result = run("in", "--out", "out")
    assert result.exit_code == 2 and option in result.stderr and "is wrong; mend it" in result.stderr


def test_without_a_folder_for_results_nothing_begins(run: Any, batch: Batch) -> None:
    assert run("in").exit_code == 2 and batch.asked == {}
