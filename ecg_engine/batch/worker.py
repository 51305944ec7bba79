"""The start of a worker of a local pool, and the time limit of a job. Imports nothing that reads the environment."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["limited", "start_worker"]

_J = TypeVar("_J")
_R = TypeVar("_R")

#: Each worker is one of many: a library that starts as many threads as there are cores would make them wait for each
#: other. Libraries look when they are loaded.
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def start_worker() -> None:
    """Begin a worker of a local pool: one thread a library, deaf to Ctrl-C, and gone when the driver is.

    Ctrl-C reaches every process of a terminal's group, but only the driver knows what to do. A driver that was killed
    closes nothing, and its workers would wait for work for ever.
    """
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def limited(function: Callable[[_J], _R], job: _J, limit_s: float) -> _R:
    """Return ``function(job)``; the process ends itself where that takes longer than `limit_s`.

    In the main thread of a process of its own the clock is C's, which ends a loop in C too. In a thread of a shared
    worker (Dask) it is Python's, which waits for a loop in C that keeps the interpreter to itself.
    """
    if threading.current_thread() is threading.main_thread():
        with open(os.devnull, "w") as nowhere:
            faulthandler.dump_traceback_later(limit_s, exit=True, file=nowhere)
            try:
                return function(job)
            finally:
                faulthandler.cancel_dump_traceback_later()
    clock = threading.Timer(limit_s, os._exit, (1,))
    clock.daemon = True
    clock.start()
    try:
        return function(job)
    finally:
        clock.cancel()
