"""What travels between processes: a recipe out, a result back. Never live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecg_engine.settings import DecodeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work: a file and how to do it."""

    path: str
    settings: DecodeSettings = field(default_factory=DecodeSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a task.

    Parameters
    ----------
    path : str
        The input.
    report : dict, optional
        ``EcgReport.to_dict`` in the task's language; None where the input failed.
    files : mapping of str to bytes
        Rendered results by suffix without the dot (``"pdf"``, ``"json"`` ...).
    error : str, optional
        What went wrong, where and how to mend; None where all is well.
    error_kind : str, optional
        Name of the exception's class.
    """

    path: str
    report: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    error: str | None = None
    error_kind: str | None = None
