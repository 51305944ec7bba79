"""``ecg-engine convert --anonymize``: where the key comes from, and what is said of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ecg_engine.cli.app import app
from ecg_engine.formats import read_ecg, write_ecg
from ecg_engine.types import Patient, Recording

HEX = "00112233445566778899aabbccddeeff"


@pytest.fixture
def visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ECG_ENGINE_PSEUDONYM_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    recording = Recording(
        signal=np.arange(1000.0)[np.newaxis] / 1000,
        fs=500,
        leads=("II",),
        patient=Patient(id="K-0042", name="Щукина Юлия"),
    )
    write_ecg(recording, "visit.csv")
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["convert", *args])


def pseudonym(path: str) -> str | None:
    return read_ecg(path).patient.id


def test_the_key_of_a_file_and_of_the_environment_is_the_same(visit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (visit / "key").write_text(HEX + "\n")
    done = run("visit.csv", "a.edf", "--anonymize", "--key-file", "key")
    assert done.exit_code == 0, done.output
    assert HEX not in done.output and "Щукина" not in done.output and "K-0042" not in done.output
    monkeypatch.setenv("ECG_ENGINE_PSEUDONYM_KEY", HEX.upper())
    assert run("visit.csv", "b.dcm", "--anonymize").exit_code == 0
    assert pseudonym("a.edf") == pseudonym("b.dcm") != "K-0042"
    assert read_ecg("a.edf").patient.name is None


def test_without_a_key_a_new_one_is_made_and_said(visit: Path) -> None:
    first, second = (run("visit.csv", f"{name}.csv", "--anonymize") for name in "ab")
    keys = [re.search(r"\b[0-9a-f]{64}\b", done.output) for done in (first, second)]
    assert keys[0] and keys[1] and keys[0][0] != keys[1][0]
    assert pseudonym("a.csv") != pseudonym("b.csv")
    (visit / "key").write_text(keys[0][0])
    run("visit.csv", "c.csv", "--anonymize", "--key-file", "key")
    assert pseudonym("c.csv") == pseudonym("a.csv")


def test_wrong_keys_are_wrong_usage(visit: Path) -> None:
    (visit / "short").write_text("abc")
    assert run("visit.csv", "a.csv", "--anonymize", "--key-file", "short").exit_code == 2
    assert run("visit.csv", "a.csv", "--anonymize", "--key-file", "none").exit_code == 2
    assert run("visit.csv", "a.csv", "--key-file", "short").exit_code == 2
    assert not (visit / "a.csv").exists()


def test_a_name_of_the_output_that_names_the_patient_is_said(visit: Path) -> None:
    assert "rename" in run("visit.csv", "Щукина.csv", "--anonymize").output
    assert "rename" not in run("visit.csv", "a.csv", "--anonymize").output
