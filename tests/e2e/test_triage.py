"""Batches in processes of their own: killed and resumed, with workers that die or hang, on a Dask cluster."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.unit.batch import films

ROOT = Path(__file__).resolve().parents[2]
N_STUDIES, N_KILLS = 50, 20


def start(*paths: Path, out: Path, log: Path | None = None, **options: Any) -> subprocess.Popen[str]:
    """Start a driver as the head of a process group."""
    words = [f"--{name}={value}" for name, value in options.items()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRIAGE_LOG": str(log or out.with_suffix(".log"))}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.triage_driver", *map(str, paths), f"--out={out}", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def done_studies(out: Path) -> dict[str, str]:
    """Return the name of the files of each study that the ledger says is done."""
    path = out / "triage.sqlite"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as ledger:
        if not ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'studies'").fetchone():
            return {}
        return dict(ledger.execute("SELECT key, name FROM studies WHERE state = 'done'"))


def results(out: Path) -> dict[str, bytes]:
    """Return what a run leaves for people, by name: all but the ledger and the lock."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith((".lock", "triage.sqlite"))
    }


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    films.write_studies(folder, N_STUDIES)
    films.write_bad_files(folder / "bad")
    return folder


@pytest.fixture(scope="module")
def undisturbed(studies: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    result = finished(start(studies, out=out))
    assert (result["n_done"], result["n_refused"]) == (N_STUDIES, 11)
    return out


def test_killed_at_twenty_moments_and_resumed_it_ends_as_if_nothing_had_been(
    studies: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    moments = random.Random(20260115)
    seen: list[int] = []
    for i in range(N_KILLS):
        done = done_studies(out)
        log.write_text("")
        process = start(studies, out=out, log=log)
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        if i < N_KILLS // 2:  # within the studies, by what is done and not by the clock: machines differ
            wait_for_lines(log, moments.randint(1, 3), process)
        else:  # somewhere: start, scan, plan, studies, comparison, tables
            time.sleep(moments.uniform(0.0, 1.2))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        again = set(log.read_text().splitlines()) & set(done)
        assert again == set(), "done, and done again"
        for name in done_studies(out).values():
            json.loads((out / "studies" / f"{name}.json").read_bytes())
        seen.append(len(done_studies(out)))
    assert seen == sorted(seen), "nothing that was done is lost"
    assert len({n for n in seen if 0 < n < N_STUDIES}) >= 4, f"the kills hit little work: {seen}"
    finished(start(studies, out=out, log=log))
    assert results(out) == results(undisturbed)


def wait_for_lines(log: Path, n: int, process: subprocess.Popen[str]) -> None:
    wait_for(lambda: len(log.read_text().splitlines()) >= n or process.poll() is not None)


def test_the_number_of_workers_changes_nothing(studies: Path, undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    finished(start(studies, out=out, workers=3))
    assert results(out) == results(undisturbed)


def test_a_driver_that_is_killed_leaves_no_worker_behind(studies: Path, tmp_path: Path) -> None:
    process = start(studies, out=tmp_path / "out", log=tmp_path / "log")
    wait_for(lambda: (tmp_path / "log").exists() and len((tmp_path / "log").read_text().splitlines()) > 3)
    assert len(members(process.pid)) >= 2
    process.kill()
    process.communicate()
    wait_for(lambda: members(process.pid) == [])


def test_ctrl_c_stops_cleanly_and_resume_goes_on(studies: Path, undisturbed: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    process = start(studies, out=out, log=log)
    wait_for(lambda: log.exists() and len(log.read_text().splitlines()) > 10)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    result = finished(process)
    assert result["interrupted"] and 0 < result["n_done"] < N_STUDIES
    assert len(table(out / "worklist.csv")) == result["n_done"]
    wait_for(lambda: members(process.pid) == [])
    finished(start(studies, out=out, log=log))
    assert results(out) == results(undisturbed)


def members(group: int) -> list[int]:
    """Return the processes of a group, but for those that ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[2]) == group and words[0] != "Z":
                found.append(int(entry.name))
    return found


def wait_for(condition: Any, timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def test_a_file_that_kills_and_one_that_hangs_are_in_quarantine_and_the_others_done(tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 8)
    films.write_film(tmp_path / "in" / "kills.dcm", study="1.2.3", image="1")
    films.write_film(tmp_path / "in" / "beside.dcm", study="1.2.3", image="2")
    films.write_film(tmp_path / "in" / "hangs.dcm", study="1.2.4")
    result = finished(start(tmp_path / "in", out=tmp_path / "out", function="triage", limit=2))
    refused = {Path(row["file"]).name: row["kind"] for row in table(tmp_path / "out" / "quarantine.csv")}
    assert refused == {"kills.dcm": "WorkerDied", "hangs.dcm": "TimeLimit"}
    assert (result["n_studies"], result["n_done"]) == (10, 9)
    row = next(row for row in table(tmp_path / "out" / "worklist.csv") if row["study_uid"] == "1.2.3")
    assert row["n_images"] == "1"


def test_memory_does_not_grow_with_the_number_of_studies(tmp_path: Path) -> None:
    film = films.write_film(tmp_path / "film.dcm", study="1.2.3.4.5.000000").read_bytes()
    peaks = []
    for n in (100, 2000):
        folder = tmp_path / str(n)
        folder.mkdir()
        for i in range(n):
            (folder / f"{i}.dcm").write_bytes(film.replace(b"1.2.3.4.5.000000", b"1.2.3.4.5.1%05d" % i))
        result = finished(start(folder, out=tmp_path / f"out{n}", function="header_triage"))
        assert result["n_done"] == n
        peaks.append(result["peak_kib"] / 1024)
    assert peaks[1] - peaks[0] < 20, f"{peaks} MiB"


@contextmanager
def cluster() -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.dask_cluster"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate(timeout=60)


@pytest.mark.skipif(find_spec("distributed") is None, reason="distributed is not installed (extra: scale)")
def test_a_dask_cluster_that_loses_a_worker_gives_the_same(studies: Path, undisturbed: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.environ["TRIAGE_LOG"] = str(log)  # the workers write it
    try:
        with cluster() as dask:
            process = start(studies, out=tmp_path / "out", log=log, engine=dask["address"])
            wait_for(lambda: log.exists() and len(log.read_text().splitlines()) >= 10)
            os.kill(dask["pids"][0], signal.SIGKILL)
            result = finished(process)
    finally:
        del os.environ["TRIAGE_LOG"]
    assert result["n_done"] == N_STUDIES
    assert results(tmp_path / "out") == results(undisturbed)


def cli(*words: Any, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ecg_engine", "triage", *map(str, words)],
        capture_output=True, text=True, timeout=280, cwd=cwd, check=False,
    )  # fmt: skip


def test_the_command_takes_bad_input_and_does_the_rest(tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 4)
    kinds = films.write_bad_files(tmp_path / "in" / "bad", with_bomb=True)
    (tmp_path / "in" / "bad" / "loop").symlink_to(tmp_path / "in")
    films.write_film(
        tmp_path / "in" / "path.dcm", study="../../etc/passwd", SeriesInstanceUID="1", SOPInstanceUID="1.9"
    )
    if os.geteuid() != 0:  # root may read everything
        films.write_film(tmp_path / "in" / "closed.dcm", study="1.2.9").chmod(0)
        kinds["closed.dcm"] = "InputError"
    first = cli("in", "--out", "out", "--workers", 2, cwd=tmp_path)
    assert first.returncode == 1, first.stderr
    refused = {Path(row["file"]).name: row for row in table(tmp_path / "out" / "quarantine.csv")}
    assert {name: row["kind"] for name, row in refused.items()} == kinds
    assert all(f"{row['file']}: {row['reason']}" in first.stderr for row in refused.values())
    rows = table(tmp_path / "out" / "worklist.csv")
    assert len(rows) == 5 and sorted(os.listdir(tmp_path)) == ["in", "out"]
    assert all(
        (tmp_path / "out" / row["report"]).resolve().is_relative_to(tmp_path / "out" / "studies") for row in rows
    )
    assert "<html" in (tmp_path / "out" / "summary.html").read_text(encoding="utf-8")
    before = results(tmp_path / "out")
    again = cli("in", "--out", "out", cwd=tmp_path)
    assert again.returncode == 2 and "--resume" in again.stderr
    again = cli("in", "--out", "out", "--resume", "--json", cwd=tmp_path)
    document = json.loads(again.stdout)
    assert again.returncode == 1 and (document["n_kept"], document["n_refused"]) == (5, len(kinds))
    for one in (before, after := results(tmp_path / "out")):
        del one["summary.html"]  # it says when, and how long it took
    assert after == before
