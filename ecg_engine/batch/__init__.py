"""Many studies: planned, run on one machine or many, written down one by one, resumed where they stopped.

`run_triage` is the driver. It alone writes files and the ledger; workers get a recipe and give back a result.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecg_engine.batch.progress import BatchResult, Watcher
    from ecg_engine.batch.run import run_triage

# A worker imports this package to find its functions, and needs nothing of the driver's.
_WHERE = {"BatchResult": "progress", "Watcher": "progress", "run_triage": "run"}

__all__ = ["BatchResult", "Watcher", "run_triage"]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f"ecg_engine.batch.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ecg_engine.batch' has no attribute {name!r}")
