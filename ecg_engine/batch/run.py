"""A batch from its folder's lock to its result."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from ecg_engine.batch.driver import Driver, Parts
from ecg_engine.batch.executors import Engine, engine_named
from ecg_engine.batch.files import plain_text, remove_parts
from ecg_engine.batch.ledger import Ledger
from ecg_engine.batch.progress import BatchResult, Watcher
from ecg_engine.batch.tables import FOLDER
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.settings import TriageSettings

__all__ = ["LIMIT_S", "run_triage"]

#: Time for one study, s: a hundred times what a large one takes.
LIMIT_S: Final = 300.0
_LEDGER: Final = "triage.sqlite"


def run_triage(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    settings: TriageSettings,
    *,
    parts: Parts | None = None,
    engine: str | Engine = "local",
    n_workers: int | None = None,
    resume: bool = False,
    limit_s: float = LIMIT_S,
    watcher: Watcher | None = None,
) -> BatchResult:
    """Triage every study in files, folders, DICOMDIRs and archives into a worklist.

    Parameters
    ----------
    paths : sequence of paths
    out : path
        Folder of the results; it is made. It may lie in one of `paths`.
    settings : TriageSettings
    parts : Parts, optional
        What does the work; by default this package's pipeline.
    engine : str or Engine
        ``local``, or ``tcp://host:port`` of a Dask scheduler, whose workers see the same paths.
    n_workers : int, optional
        Jobs at a time; by default the cores of this machine, or the threads of the cluster.
    resume : bool
        Go on with what is in `out`: a study whose files, engine, models and settings are the same is not done again.
    limit_s : float
        Time for one study, s.
    watcher : Watcher, optional

    Returns
    -------
    BatchResult
        Also when somebody stopped it with Ctrl-C: what is done stays.

    Raises
    ------
    InputError
        `out` cannot be written, is in use, or holds a triage and `resume` is not set; there is no such engine.
    ModelError, MissingDependencyError
        A model that everything needs cannot be used, or a package is missing.
    EcgEngineError
        The disk is full, or the cluster is gone.

    Examples
    --------
    >>> from ecg_engine.batch import run_triage
    >>> result = run_triage(["/pacs/export"], "results", TriageSettings(lang="ru"))  # doctest: +SKIP
    >>> result.levels  # doctest: +SKIP
    {'critical': 2, 'urgent': 31, 'unscored': 17, 'routine': 204}
    """
    began = time.monotonic()
    folder = Path(os.path.abspath(out))
    where = [Path(os.path.abspath(path)) for path in paths]
    with _locked(folder):
        ledger = Ledger(folder / _LEDGER)
        try:
            _check_ledger(ledger, where, resume=resume)
            runner = engine_named(engine, n_workers) if isinstance(engine, str) else engine
            driver = Driver(
                ledger, folder, settings, runner, parts or _pipeline(), limit_s=limit_s, watcher=watcher or Watcher()
            )
            result = driver.run(where)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise EcgEngineError(f"{folder}: cannot be written ({reason}); mend it and run --resume") from exc
        except sqlite3.DatabaseError as exc:
            raise EcgEngineError(f"{folder / _LEDGER}: cannot be used ({exc}); name another folder") from exc
        finally:
            ledger.close()
    return replace(result, seconds=time.monotonic() - began)


def _pipeline() -> Parts:
    from ecg_engine.batch.work import prepare_triage
    from ecg_engine.interpretation.comparison import compare
    from ecg_engine.pipeline import triage_study
    from ecg_engine.report.summary import write_summary

    return Parts(triage=triage_study, compare=compare, prepare=prepare_triage, summarise=write_summary)


# -------------------------------------------------------------------------------------------------------------- folder


def _not_writable(folder: Path, exc: OSError) -> InputError:
    reason = exc.strerror or type(exc).__name__
    return InputError(f"out: {folder}: cannot be written ({reason}); name another folder", argument="out")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder, and keep others out of it; the lock goes with the process, however that ends."""
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as exc:
        raise _not_writable(folder, exc) from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno in (errno.EACCES, errno.EAGAIN):
                text = f"out: {folder} is in use by another triage; wait for it, or name another folder"
                raise InputError(text, argument="out") from exc
            raise _not_writable(folder, exc) from exc
        remove_parts(folder)
        remove_parts(folder / FOLDER)
        yield
    finally:
        os.close(handle)


def _check_ledger(ledger: Ledger, paths: Sequence[Path], *, resume: bool) -> None:
    """Refuse to begin where something is, and to go on without some of its paths: their studies would be forgotten."""
    folder = ledger.path.parent
    if ledger.get("walk") and not resume:
        raise InputError(
            f"out: {folder} holds a triage already; go on with it by --resume, or name another folder", argument="out"
        )
    given = [plain_text(str(path)) for path in paths]
    missing = [path for path in ledger.get("paths") or [] if path not in given]
    if missing:
        raise InputError(
            f"out: {folder} holds a triage of {', '.join(missing)} too; name that as well, or another folder",
            argument="out",
        )
    with ledger.writing():
        ledger.put("paths", given)
