"""Where jobs run, and how they survive a worker that does not: every engine is a `concurrent.futures.Executor`."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from concurrent.futures.process import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar

from ecg_engine.batch.worker import limited, start_worker
from ecg_engine.errors import EcgEngineError, InputError, MissingDependencyError, ModelError

__all__ = ["MAY_PASS_LATER", "DaskEngine", "Engine", "LocalEngine", "Lost", "engine_named", "run_all", "run_groups"]

_J = TypeVar("_J")
_R = TypeVar("_R")

#: A job that its worker's own clock did not end in time is given up this much later, s.
_GRACE_S: Final = 10.0
#: How long the number of a cluster's threads is believed, s.
_COUNT_EVERY_S: Final = 5.0
_CONNECT_S: Final = 15.0
#: Kinds of `Lost` whose reason may lie in the machine (memory, time) rather than in the file.
MAY_PASS_LATER: Final = ("WorkerDied", "TimeLimit")
#: Errors of a job that every other job would have too.
_FATAL: Final = (ModelError, MissingDependencyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A job without a result: what became of it, the kind of error, the traceback of a fault of ours."""

    error: str
    error_kind: str
    trace: str | None = None

    @property
    def may_pass_later(self) -> bool:
        """Whether the reason may lie in the machine (memory, time) rather than in the file."""
        return self.error_kind in MAY_PASS_LATER


class Engine(Protocol):
    """Where jobs run."""

    #: What a job's future raises when the process that ran it died.
    deaths: tuple[type[BaseException], ...]
    #: Whether a worker that dies takes the other jobs in flight with it.
    shares_death: bool
    #: On how many workers a job is tried before its future raises one of `deaths`.
    n_tries: int

    @property
    def n_workers(self) -> int:
        """Jobs at a time."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Start a job."""

    def restart(self) -> None:
        """Give up what runs; the next job gets a new worker."""

    def is_deserted(self) -> bool:
        """Return whether there is nobody to run anything."""

    def close(self, *, now: bool = False) -> None:
        """Stop; `now`: without waiting for what runs."""


class LocalEngine:
    """Processes of this machine.

    Parameters
    ----------
    n_workers : int

    Notes
    -----
    Workers are spawned, not forked: a fork copies whatever threads and locks the driver's libraries happen to hold.
    """

    deaths: tuple[type[BaseException], ...] = (BrokenExecutor,)
    shares_death = True
    n_tries = 1

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def n_workers(self) -> int:
        """Processes."""
        return self._n_workers

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Start a job."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._n_workers, mp_context=multiprocessing.get_context("spawn"), initializer=start_worker
            )
        return self._pool.submit(function, *args)

    def restart(self) -> None:
        """Kill the workers; the next job starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            # The pool has no public way to end a worker that does not come back before Python 3.14.
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                with suppress(OSError, ValueError):
                    process.kill()
            pool.shutdown(wait=True, cancel_futures=True)

    def is_deserted(self) -> bool:
        """Return False: workers are started as they are needed."""
        return False

    def close(self, *, now: bool = False) -> None:
        """Stop; `now`: kill what runs."""
        if now:
            self.restart()
        elif self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None


class DaskEngine:
    """Workers of a Dask cluster, whose scheduler runs the jobs of a dead worker on another one.

    Parameters
    ----------
    address : str
        ``tcp://host:port`` of the scheduler.
    n_workers : int, optional
        At most so many jobs at a time; by default as many as the cluster has threads.

    Raises
    ------
    MissingDependencyError
        `distributed` is not installed.
    InputError
        No scheduler answers.
    """

    shares_death = False
    #: The scheduler's default: ``distributed.scheduler.allowed-failures`` is 3.
    n_tries = 4

    def __init__(self, address: str, n_workers: int | None = None) -> None:
        try:
            from distributed import Client, KilledWorker
        except ImportError as exc:
            raise MissingDependencyError("a Dask cluster (--engine tcp://...)", extra="scale") from exc
        self.deaths: tuple[type[BaseException], ...] = (KilledWorker,)
        try:
            make: Any = Client
            self._client: Any = make(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as exc:
            raise InputError(
                f"engine: no scheduler answers at {address}; start one with: dask scheduler", argument="engine"
            ) from exc
        self._executor: Executor = self._client.get_executor(pure=False)
        self._most = n_workers
        self._counted = (-_COUNT_EVERY_S, 1)

    @property
    def n_workers(self) -> int:
        """Threads of the cluster now: workers come and go."""
        counted_at, n = self._counted
        if time.monotonic() - counted_at > _COUNT_EVERY_S:
            n = max(1, sum(self._client.nthreads().values()))
            self._counted = time.monotonic(), n
        return n if self._most is None else min(n, self._most)

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Start a job."""
        future: Future[Any] = self._executor.submit(function, *args)
        return future

    def restart(self) -> None:
        """Give up what runs; the cluster's workers are not ours to kill."""
        self._executor.shutdown(wait=False)
        self._executor = self._client.get_executor(pure=False)

    def is_deserted(self) -> bool:
        """Return whether the cluster has no worker."""
        return not self._client.nthreads()

    def close(self, *, now: bool = False) -> None:
        """Leave the cluster."""
        with suppress(Exception):  # it may be gone
            self._executor.shutdown(wait=not now)
        self._client.close()


def engine_named(name: str, n_workers: int | None = None) -> Engine:
    """Return the engine of ``local`` or ``tcp://host:port``.

    Raises
    ------
    InputError
        Neither of these, no scheduler there, or no worker.
    MissingDependencyError
        The extra `scale` is not installed.
    """
    if n_workers is not None and n_workers < 1:
        raise InputError("workers: give 1 or more", argument="workers")
    if name == "local":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return LocalEngine(n_workers or cores)
    if name.startswith(("tcp://", "tls://")):
        return DaskEngine(name, n_workers)
    raise InputError(f"engine: {name!r} is neither local nor tcp://HOST:PORT", argument="engine")


# ---------------------------------------------------------------------------------------------------------------- jobs


def run_all(
    engine: Engine, function: Callable[[_J], _R], jobs: Iterable[_J], *, limit_s: float
) -> Iterator[tuple[_J, _R | Lost]]:
    """Run ``function(job)`` for each job, and yield each job with its result as they end; see `run_groups`."""
    for group in run_groups(engine, function, jobs, limit_s=limit_s):
        yield from group


def run_groups(
    engine: Engine, function: Callable[[_J], _R], jobs: Iterable[_J], *, limit_s: float
) -> Iterator[list[tuple[_J, _R | Lost]]]:
    """Run ``function(job)`` for each job, and yield what has ended since the last time.

    Parameters
    ----------
    engine : Engine
    function : callable
        Found by its name in a worker; never returns None.
    jobs : iterable
        Drawn from as workers get free, twice as many in flight as there are workers.
    limit_s : float
        Time for one job, s.

    Yields
    ------
    list of (job, result or Lost)
        At least one; each job stands in one of the lists.

    Raises
    ------
    ModelError, MissingDependencyError
        A worker lacks what every job needs.
    EcgEngineError
        The cluster, or its last worker, is gone.

    Notes
    -----
    A worker that dies takes the whole pool with it, and nobody can say which of the jobs in flight killed it. So the
    pool is started anew and each of them runs alone: one that kills again is lost, the others get their results. A
    cluster tells which jobs were on the workers that died; those run alone when nothing else is left.
    """
    return _Run(engine, function, jobs, limit_s).results()


class _Run(Generic[_J, _R]):
    def __init__(self, engine: Engine, function: Callable[[_J], _R], jobs: Iterable[_J], limit_s: float) -> None:
        self.engine, self.function, self.limit_s = engine, function, limit_s
        self.jobs = iter(jobs)
        self.flying: dict[Future[_R], _J] = {}
        self.suspects: deque[_J] = deque()

    def results(self) -> Iterator[list[tuple[_J, _R | Lost]]]:
        while True:
            self._fill()
            if not self.flying:
                if not self.suspects:
                    return
                job = self.suspects.popleft()
                yield [(job, self._alone(job))]
                continue
            done = self._waited(self.flying)
            n_suspects = len(self.suspects)
            group = self._landed(done)
            if not done or (self.engine.shares_death and len(self.suspects) > n_suspects):
                group += self._after_a_death()
            else:
                self._fill()  # workers go on while the group is written down
            if group:
                yield group

    def _landed(self, done: Iterable[Future[_R]]) -> list[tuple[_J, _R | Lost]]:
        """Take jobs that have ended out of the air; those whose worker died are suspects."""
        group = []
        for future in done:
            job = self.flying.pop(future)
            result = self._result(future)
            if result is None:
                self.suspects.append(job)
            else:
                group.append((job, result))
        return group

    def _fill(self) -> None:
        if self.engine.shares_death and self.suspects:
            return
        room = 2 * self.engine.n_workers - len(self.flying)
        for job in islice(self.jobs, max(0, room)):
            try:
                self.flying[self._submit(job)] = job
            except self.engine.deaths:  # of a job that flies already, noticed here first
                self.suspects.append(job)
                return

    def _submit(self, job: _J) -> Future[_R]:
        try:
            return self.engine.submit(limited, self.function, job, self.limit_s)
        except self.engine.deaths:
            if self.flying:
                raise
            self.engine.restart()  # a worker died that had nothing to do
            return self.engine.submit(limited, self.function, job, self.limit_s)

    def _after_a_death(self) -> list[tuple[_J, _R | Lost]]:
        """Start the workers anew; what flew has either ended in time or is suspect."""
        self.engine.restart()
        done, late = wait(self.flying, timeout=_GRACE_S)
        given_up = [*late, *(future for future in done if future.cancelled())]
        self.suspects.extend(self.flying.pop(future) for future in given_up)
        return self._landed(done.difference(given_up))

    def _waited(self, futures: Iterable[Future[_R]]) -> set[Future[_R]]:
        """Return what has ended, as soon as one has; nothing, where the workers' own clocks are not to be believed."""
        patience_s = (self.engine.n_tries + 1) * self.limit_s + _GRACE_S
        done, _ = wait(futures, timeout=patience_s, return_when=FIRST_COMPLETED)
        if not done and self.engine.is_deserted():  # no job is to blame
            raise EcgEngineError("the cluster has no worker any more; start some and run again with --resume")
        return done

    def _alone(self, job: _J) -> _R | Lost:
        began = time.monotonic()
        future = self._submit(job)
        done = self._waited([future])
        result = self._result(future) if done else None
        if result is not None:
            return result
        self.engine.restart()
        if time.monotonic() - began >= self.engine.n_tries * self.limit_s:
            text = f"not done in {self.limit_s:g} s, twice; give it more time (--time-limit) or leave it out"
            return Lost(error=text, error_kind="TimeLimit")
        text = "the process that read it died, twice, the second time with nothing else to do; leave it out"
        return Lost(error=text, error_kind="WorkerDied")

    def _result(self, future: Future[_R]) -> _R | Lost | None:
        """Return a job's result; None where its worker died."""
        try:
            return future.result()
        except self.engine.deaths:
            return None
        except CancelledError as exc:
            raise EcgEngineError(
                "the connection to the scheduler is lost; start it and run again with --resume"
            ) from exc
        except _FATAL:
            raise
        except Exception as exc:  # a fault of ours must not stop the other jobs
            text = f"internal error ({type(exc).__name__}); please report it, with what --debug prints"
            trace = "".join(traceback.format_exception(exc))
            return Lost(error=text, error_kind=type(exc).__name__, trace=trace)
