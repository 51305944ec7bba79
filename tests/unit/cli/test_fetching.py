"""``ecg-engine datasets`` with a publisher on this machine."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ecg_engine.cli.app import app
from ecg_engine.datasets import catalogue
from tests.unit.datasets.conftest import FILES, made
from tests.unit.datasets.server import Publisher, sums_of

pytest.importorskip("pooch", reason="the extra datasets is not installed")


@pytest.fixture
def publisher(monkeypatch):
    server = Publisher({**FILES, "SHA256SUMS.txt": sums_of(FILES)})
    table = {"made": made(server.address), "hand": made(server.address, checksums="")}
    monkeypatch.setattr(catalogue, "_table", lambda: table)
    yield server
    server.close()


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ECG_ENGINE_DATA", raising=False)
    return lambda *words, **more: CliRunner().invoke(app, ["datasets", *words], **more)


def test_licence_and_size_are_shown_and_nothing_comes_without_a_yes(run, publisher, tmp_path):
    result = run("fetch", "made", "--out", "data")
    assert result.exit_code == 1
    assert "Licence CC0-1.0" in result.stderr and "1 MB" in result.stderr and "--yes" in result.stderr
    assert publisher.asked == [] and list(tmp_path.iterdir()) == []


def test_fetch_and_fetch_again(run, publisher, tmp_path):
    result = run("fetch", "made", "--out", "data", "--yes")
    assert result.exit_code == 0, result.output
    assert "4 files fetched, 0 were there, 0 failed" in result.stderr
    assert (tmp_path / "data/ecg/made/data/deep/101.dat").read_bytes() == FILES["data/deep/101.dat"]
    again = run("fetch", "made", "--out", "data", "-y", "--json")
    document = json.loads(again.stdout)
    assert (document["n_fetched"], document["n_kept"], document["failed"]) == (0, 4, [])


def test_the_folder_of_all_sets_is_that_of_the_environment(run, publisher, tmp_path, monkeypatch):
    assert run("fetch", "made", "--yes").exit_code == 2
    monkeypatch.setenv("ECG_ENGINE_DATA", str(tmp_path / "all"))
    assert run("fetch", "made", "--yes", "--only", "*.hea", "--quiet").exit_code == 0
    assert [p.name for p in (tmp_path / "all/ecg/made").iterdir()] == ["100.hea"]


def test_what_failed_is_named_and_the_status_says_so(run, publisher):
    del publisher.files["100.dat"]
    result = run("fetch", "made", "--out", "data", "--yes")
    assert result.exit_code == 1
    assert "100.dat: the server answers 404" in result.stderr and "3 files fetched" in result.stderr
    publisher.files.clear()
    result = run("fetch", "made", "--out", "data", "--yes")
    assert result.exit_code == 1 and "SHA256SUMS.txt: the server answers 404" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch", "nix", "--out", "x", "--yes"], "no set 'nix'; there are made, hand"),
        (["fetch", "hand", "--out", "x", "--yes"], "by hand"),
        (["fetch", "made", "--out", "x", "--yes", "--only", "zzz"], "none of the 4 files"),
    ],
)
def test_wrong_usage(run, publisher, words, message):
    result = run(*words, env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"})
    assert result.exit_code == 2 and message in " ".join(result.stderr.split())


def test_list(run, publisher):
    result = run("list")
    assert result.exit_code == 0 and "CC0-1.0" in result.stdout and "(by hand)" in result.stdout
    rows = json.loads(run("list", "--json").stdout)["datasets"]
    assert [(row["name"], row["by_hand"]) for row in rows] == [("made", False), ("made", True)]
