"""An engine that runs each job at once, in this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class HereEngine:
    deaths: tuple[type[BaseException], ...] = ()
    shares_death = True
    n_tries = 1
    n_workers = 2

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as exc:
            future.set_exception(exc)
        return future

    def restart(self) -> None:
        raise AssertionError("nothing dies here")

    def is_deserted(self) -> bool:
        return False

    def close(self, *, now: bool = False) -> None:
        pass
