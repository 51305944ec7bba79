"""What the README teaches works."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecg_engine.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def beside_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_of_the_readme_runs(beside_the_samples: Path) -> None:
    found = blocks("python")
    assert found
    names: dict[str, object] = {}
    for block in found:
        exec(compile(block, "README.md", "exec"), names)
    assert (beside_the_samples / "page.pdf").read_bytes().startswith(b"%PDF")


def test_the_commands_of_the_readme_run(beside_the_samples: Path) -> None:
    lines = [line.split("  #")[0] for block in blocks("sh") for line in block.splitlines()]
    calls = [shlex.split(line) for line in lines if line.startswith("ecg-engine ")]
    assert {call[1] for call in calls} >= {"decode", "info", "convert", "formats", "triage"}
    for call in calls:
        result = CliRunner().invoke(app, call[1:])
        # One of the sample radiographs is cut off, which is status 1: an input failed, the others are done.
        expected = 1 if call[1:3] == ["triage", "sample_data/radiographs"] else 0
        assert result.exit_code == expected, f"{shlex.join(call)}\n{result.output}"
