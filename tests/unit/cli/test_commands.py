"""The command line around a pipeline that is played by a function."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import ecg_engine
from ecg_engine.cli.app import app
from ecg_engine.types import Outcome, Task

ROOT = Path(__file__).resolve().parents[3]

HEAVY = ("numpy", "scipy", "numba", "pydicom", "wfdb", "pandas", "reportlab", "onnxruntime", "edfio", "rich")
REPORT: dict[str, Any] = {
    "measurements": {
        "global": {
            "heart_rate_bpm": {"value": 71.6, "unit": "/min"},
            "qrs_ms": {"value": 92.0, "unit": "ms"},
        }
    },
    "statements": [
        {"text": "Sinus rhythm", "certainty": "definite"},
        {"text": "ST elevation", "certainty": "probable"},
    ],
    "urgency": {"level": "routine"},
}


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Put a pipeline in place whose answer depends on the file's name; return what it was asked."""
    seen: list[Task] = []

    def decode_file(task: Task) -> Outcome:
        seen.append(task)
        name = Path(task.path).name
        if "interrupt" in name:
            raise KeyboardInterrupt
        if "bug" in name:
            raise KeyError("secret")
        if "broken" in name:
            return Outcome(path=task.path, error=f"{task.path}: samples missing", error_kind="CorruptFormatError")
        return Outcome(path=task.path, report=REPORT, files={f: name.encode() for f in task.settings.formats})

    fake = types.ModuleType("ecg_engine.pipeline")
    fake.decode_file = decode_file  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ecg_engine.pipeline", fake)
    monkeypatch.setattr(ecg_engine, "pipeline", fake, raising=False)
    return seen


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(app, list(args))

    return invoke


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def everything(folder: str) -> list[str]:
    return sorted(os.listdir(folder))


def test_results_are_written_by_stem_and_the_table_printed(run: Any, tasks: list[Task]) -> None:
    make("a.edf", "b.edf")
    result = run("decode", "a.edf", "b.edf", "--out", "out")
    assert result.exit_code == 0, result.output
    assert everything("out") == ["a.json", "a.pdf", "b.json", "b.pdf"]
    assert Path("out/a.pdf").read_bytes() == b"a.edf"
    head, row, *_ = result.stdout.splitlines()
    assert head.split("  ")[0] == "File" and "Urgency" in head
    assert row.split() == [
        "a.edf",
        "72",
        "-",
        "92",
        "-",
        "routine",
        "Sinus",
        "rhythm;",
        "ST",
        "elevation",
        "(probable)",
    ]
    assert "PDF: out/*.pdf (2)" in result.stdout
    assert "confirmed by a physician" in result.stdout
    assert result.stderr == ""


def test_one_bad_file_never_stops_the_rest(run: Any, tasks: list[Task]) -> None:
    make("a.edf", "broken.edf", "bug.edf", "z.edf")
    result = run("decode", "a.edf", "broken.edf", "bug.edf", "z.edf", "--out", "out")
    assert result.exit_code == 1
    assert everything("out") == ["a.json", "a.pdf", "z.json", "z.pdf"]
    assert result.stderr.splitlines() == [
        "error: broken.edf: samples missing",
        "error: bug.edf: internal error (KeyError); please report it, with what --debug prints",
    ]
    assert "Traceback" not in result.output and "secret" not in result.output


def test_debug_prints_the_traceback_of_an_internal_error(run: Any, tasks: list[Task]) -> None:
    make("bug.edf")
    result = run("decode", "bug.edf", "--debug")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_the_settings_reach_the_pipeline(run: Any, tasks: list[Task]) -> None:
    make("a.csv")
    make("b.csv")
    Path("p.json").write_text('{"id": "17", "sex": "M"}')
    Path("c.json").write_text('{"drop_leads": ["V6"]}')
    result = run(
        *("decode", "a.csv", "--out", "out", "--format", "svg, PNG,svg", "--lang", "ru", "--age", "61", "--sex", "F"),
        *("--patient", "p.json", "--fs", "250", "--input-format", "csv", "--speed", "50", "--gain", "20"),
        *("--layout", "12x1", "--correct", "c.json", "--previous", "b.csv", "--stability"),
    )
    assert result.exit_code == 0, result.output
    settings = tasks[0].settings
    assert settings.formats == ("svg", "png")
    assert (settings.lang, settings.fs, settings.input_format) == ("ru", 250.0, "csv")
    assert (settings.page.speed_mm_s, settings.page.gain_mm_mv, settings.page.layout) == (50.0, 20.0, "12x1")
    assert (settings.patient.id, settings.patient.age_years, settings.patient.sex) == ("17", 61.0, "F")
    assert settings.corrections is not None and settings.corrections.drop_leads == ("V6",)
    assert (settings.previous, settings.stability_n) == ("b.csv", 100)
    assert settings.previous_sha256 == hashlib.sha256(Path("b.csv").read_bytes()).hexdigest()
    assert "in place of what the files say: id, age_years, sex" in result.stderr
    assert "Срочность" in result.stdout


def test_json_is_one_document_and_nothing_else(run: Any, tasks: list[Task]) -> None:
    make("a.edf", "broken.edf")
    result = run("decode", "a.edf", "broken.edf", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["n_failed"] == 1 and document["interrupted"] is False
    good, bad = document["results"]
    assert (good["path"], good["report"], good["error"]) == ("a.edf", REPORT, None)
    assert (bad["error_kind"], bad["report"], bad["files"]) == ("CorruptFormatError", None, {})


def test_without_out_nothing_is_written(run: Any, tasks: list[Task]) -> None:
    make("a.edf")
    assert run("decode", "a.edf").exit_code == 0
    assert tasks[0].settings.formats == ()
    assert everything(".") == ["a.edf"]


def test_quiet_prints_errors_only(run: Any, tasks: list[Task]) -> None:
    make("a.edf", "broken.edf")
    result = run("decode", "a.edf", "broken.edf", "--out", "out", "--age", "61", "--quiet")
    assert result.stdout == ""
    assert result.stderr.splitlines() == ["error: broken.edf: samples missing"]


def test_inputs_are_never_written_over(run: Any, tasks: list[Task]) -> None:
    make("a.json", "sub/a.edf")
    result = run("decode", "sub/a.edf", "a.json", "--out", ".", "--format", "json")
    assert result.exit_code == 0, result.output
    assert Path("a.json").read_bytes() == b"x"
    assert everything(".") == ["a-edf.json", "a-json.json", "a.json", "sub"]
    result = run("decode", "a.json", "--out", ".", "--format", "json")
    assert result.exit_code == 1
    assert "one of the inputs" in result.stderr
    assert Path("a.json").read_bytes() == b"x"


def test_interrupted_what_is_done_stays(run: Any, tasks: list[Task]) -> None:
    make("a.edf", "interrupt.edf", "z.edf")
    result = run("decode", "a.edf", "interrupt.edf", "z.edf", "--out", "out")
    assert result.exit_code == 130
    assert everything("out") == ["a.json", "a.pdf"]
    assert "interrupted: 1 of 3 files done" in result.stderr
    assert "Traceback" not in result.output


def test_a_full_disk_is_an_error_of_the_file(run: Any, tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    make("a.edf")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecg_engine.cli.files.os.fsync", full)
    result = run("decode", "a.edf", "--out", "out")
    assert result.exit_code == 1
    assert "a.pdf cannot be written (No space left on device)" in result.stderr
    assert everything("out") == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--speed", "30"], "--speed"),
        (["--gain", "7"], "--gain"),
        (["--layout", "6x2"], "--layout"),
        (["--lang", "de"], "--lang"),
        (["--format", "docx", "--out", "out"], "--format"),
        (["--format", ",", "--out", "out"], "--format"),
        (["--format", "pdf"], "--out"),
        (["--input-format", "xyz"], "--input-format"),
        (["--fs", "0"], "--fs"),
        (["--age", "200"], "--age"),
        (["--sex", "X"], "--sex"),
        (["--patient", "absent.json"], "--patient"),
        (["--correct", "absent.json"], "--correct"),
        (["--previous", "absent.edf"], "--previous"),
        (["b.edf", "--previous", "a.edf"], "--previous"),
        (["--out", "a.edf/out"], "--out"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_2_and_names_the_option(run: Any, tasks: list[Task], args: list[str], words: str) -> None:
    make("a.edf", "b.edf")
    result = run("decode", "a.edf", *args)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert tasks == []


def test_a_folder_without_an_ecg_is_an_error(run: Any, tasks: list[Task]) -> None:
    Path("empty").mkdir()
    result = run("decode", "empty")
    assert result.exit_code == 1
    assert "empty: no ECG file in this folder" in result.stderr


def test_radiographs_in_a_folder_are_left_out_and_said(run: Any, tasks: list[Task]) -> None:
    film = ROOT / "sample_data" / "radiographs" / "01_explicit_le.dcm"
    Path("mixed").mkdir()
    Path("films").mkdir()
    make("mixed/a.edf")
    for folder in ("mixed", "films"):
        shutil.copy(film, Path(folder) / "film.dcm")
    result = run("decode", "mixed")
    assert result.exit_code == 0, result.output
    assert [Path(task.path).name for task in tasks] == ["a.edf"]
    assert "Radiographs left out: 1" in result.stderr and "triage" in result.stderr
    result = run("decode", "films")
    assert result.exit_code == 1 and "films: no ECG file in this folder" in result.stderr
    run("decode", "films/film.dcm")  # named: it is tried, and the reader says what it is
    assert Path(tasks[-1].path).name == "film.dcm"


def test_a_file_name_cannot_steer_the_terminal(run: Any, tasks: list[Task]) -> None:
    name = "a\x1b[2J\nb.edf"
    make(name)
    result = run("decode", name)
    assert result.exit_code == 0
    assert "\x1b" not in result.output


def test_the_first_compilation_is_announced(run: Any, tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    from ecg_engine.kernels import _jit

    callbacks: list[Callable[[], None]] = []
    monkeypatch.setattr(_jit, "on_compile", callbacks.append)
    make("a.edf")
    assert run("decode", "a.edf").exit_code == 0
    assert len(callbacks) == 1


@pytest.mark.parametrize("args", [["--help"], ["decode", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys\nsys.argv = ['ecg-engine', *sys.argv[1:]]\nfrom ecg_engine.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    status = stop.code\n"
        f"print('heavy:', [m for m in {HEAVY!r} if m in sys.modules], status)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: [] 0"


def test_formats_lists_every_row(run: Any) -> None:
    from ecg_engine.formats.registry import FORMATS

    result = run("formats")
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [row.name for row in FORMATS]
    document = json.loads(run("formats", "--json").stdout)
    assert [row["name"] for row in document["formats"]] == [row.name for row in FORMATS]


def test_no_command_shows_the_help(run: Any) -> None:
    result = run()
    assert result.exit_code == 2
    assert "ecg-engine decode visit.edf" in result.output
