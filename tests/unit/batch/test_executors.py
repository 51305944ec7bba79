"""Jobs survive their workers: one that kills is lost alone, one that hangs too, all others get their results."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ecg_engine.batch.executors import LocalEngine, Lost, engine_named, run_all
from ecg_engine.errors import EcgEngineError, InputError, MissingDependencyError, ModelError
from tests.unit.batch import fakes
from tests.unit.batch.here import HereEngine


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    local = LocalEngine(2)
    yield local
    local.close(now=True)


def test_each_job_is_yielded_once_with_its_result(engine: LocalEngine) -> None:
    assert sorted(run_all(engine, fakes.double_or_die, range(200, 250), limit_s=30)) == [
        (n, 2 * n) for n in range(200, 250)
    ]


def test_a_worker_that_dies_costs_the_job_that_killed_it_and_no_other(engine: LocalEngine) -> None:
    jobs = list(range(10, 30))
    found = dict(run_all(engine, fakes.double_or_die, jobs, limit_s=30))
    assert sorted(found) == jobs
    lost = found.pop(13)
    assert isinstance(lost, Lost) and lost.error_kind == "WorkerDied" and lost.may_pass_later
    assert found == {n: 2 * n for n in jobs if n != 13}


def test_a_job_that_kills_once_gets_its_second_chance(engine: LocalEngine, tmp_path: Path) -> None:
    marker = tmp_path / "first"
    marker.touch()
    jobs = [str(tmp_path / "a"), str(marker), str(tmp_path / "b")]
    assert sorted(run_all(engine, fakes.die_once, jobs, limit_s=30)) == sorted((job, job) for job in jobs)


def test_a_job_that_hangs_is_ended_and_lost(engine: LocalEngine) -> None:
    began = time.monotonic()
    found = dict(run_all(engine, fakes.double_or_die, [1, 66, 2, 3, 4, 5], limit_s=1.0))
    assert time.monotonic() - began < 15
    lost = found.pop(66)
    assert isinstance(lost, Lost) and lost.error_kind == "TimeLimit" and "--time-limit" in lost.error
    assert found == {n: 2 * n for n in (1, 2, 3, 4, 5)}


def test_a_loop_in_c_is_ended_too(engine: LocalEngine) -> None:
    found = dict(run_all(engine, fakes.spin_in_c, [0, 1, 2], limit_s=0.5))
    lost = found.pop(1)
    assert isinstance(lost, Lost) and lost.error_kind == "TimeLimit"
    assert found == {0: 0, 2: 2}


def test_a_fault_of_ours_is_one_jobs_and_quotes_nothing(engine: LocalEngine) -> None:
    found = dict(run_all(engine, fakes.double_or_die, [6, 7, 8], limit_s=30))
    lost = found.pop(7)
    assert isinstance(lost, Lost) and lost.error_kind == "KeyError" and not lost.may_pass_later
    assert "secret" not in lost.error and "double_or_die" in (lost.trace or "")
    assert found == {6: 12, 8: 16}


def test_missing_weights_stop_everything(engine: LocalEngine) -> None:
    with pytest.raises(ModelError, match="weights missing"):
        list(run_all(engine, fakes.double_or_die, [404, 1], limit_s=30))


def test_a_worker_that_died_idle_is_replaced(engine: LocalEngine) -> None:
    assert list(run_all(engine, fakes.double_or_die, [1], limit_s=30)) == [(1, 2)]
    assert engine._pool is not None
    for process in engine._pool._processes.values():
        process.kill()
        process.join()
    assert list(run_all(engine, fakes.double_or_die, [2], limit_s=30)) == [(2, 4)]


def test_jobs_are_drawn_as_they_are_needed(engine: LocalEngine) -> None:
    drawn: list[int] = []

    def jobs() -> Iterator[int]:
        for n in range(100, 200):
            drawn.append(n)
            yield n

    for done, _ in enumerate(run_all(engine, fakes.double_or_die, jobs(), limit_s=30), 1):
        assert len(drawn) - done <= 4 * engine.n_workers, "so many in flight, and as many being written down"


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_workers_use_one_thread_a_library(engine: LocalEngine) -> None:
    ((_, (setting, n_threads)),) = run_all(engine, fakes.count_threads, [0], limit_s=30)
    assert setting == "1"
    assert n_threads == 3, "the job, its clock, and the one that looks whether the driver is there"


def test_no_scheduler_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="distributed is not installed (extra: scale)")
    monkeypatch.setattr("ecg_engine.batch.executors._CONNECT_S", 0.5)
    with pytest.raises(InputError, match="no scheduler answers at tcp") as caught:
        engine_named("tcp://127.0.0.1:9")
    assert caught.value.argument == "engine"


def test_without_distributed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match="scale"):
        engine_named("tcp://127.0.0.1:9")


class Deserted(HereEngine):
    """A cluster whose workers are gone: nothing ever ends."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        return Future()

    def is_deserted(self) -> bool:
        return True


def test_no_job_is_blamed_for_a_cluster_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecg_engine.batch.executors._GRACE_S", 0.0)
    with pytest.raises(EcgEngineError, match="no worker"):
        list(run_all(Deserted(), fakes.double_or_die, [1, 2], limit_s=0.01))


@pytest.mark.parametrize(("name", "argument"), [("dask", "engine"), ("http://host:8786", "engine")])
def test_no_such_engine(name: str, argument: str) -> None:
    with pytest.raises(InputError) as caught:
        engine_named(name)
    assert caught.value.argument == argument


def test_no_workers_are_none() -> None:
    with pytest.raises(InputError, match="workers"):
        engine_named("local", 0)
    assert engine_named("local", 3).n_workers == 3
    assert engine_named("local").n_workers >= 1
