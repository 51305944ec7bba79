"""What a batch tells while it runs, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BatchResult", "Watcher"]


class Watcher:
    """Somebody who looks on: each method is called by the driver, and does nothing here."""

    def say(self, message: str) -> None:
        """Take one line of news."""

    def scanning(self, n_files: int) -> None:
        """Take how many files were looked at."""

    def planned(self, n_studies: int, n_done: int) -> None:
        """Take how many studies there are, and how many of them were done before."""

    def done(self, n_studies: int) -> None:
        """Take how many studies are done."""

    def refused(self, source: str, error: str) -> None:
        """Take a file that goes to the quarantine, and why."""

    def fault(self, trace: str) -> None:
        """Take the traceback of an internal error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch.

    Parameters
    ----------
    out : Path
        Folder of the results.
    n_studies, n_done, n_kept : int
        Studies found; those that have a report; those of them that an earlier run had made.
    levels : mapping of str to int
        Studies by urgency.
    n_refused : int
        Files in the quarantine.
    n_gone : int
        Studies of an earlier run whose files are not there any more: they left the worklist, their reports stay.
    skipped : mapping of str to int
        Files passed over, by suffix.
    seconds : float
        Time taken.
    interrupted : bool
        Whether somebody stopped it.
    """

    out: Path
    n_studies: int = 0
    n_done: int = 0
    n_kept: int = 0
    levels: Mapping[str, int] = field(default_factory=dict)
    n_refused: int = 0
    n_gone: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
