"""The order in which a doctor should read: the most pressing first, and nobody waits for ever."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ecg_engine.errors import InputError
from ecg_engine.interpretation.urgency import LEVELS

__all__ = ["Entry", "next_to_read", "order", "sort_key"]

#: Rank of studies that waited beyond the cap: behind the critical ones, before all others.
_OVERDUE_RANK: Final = 0.5
_RANKS: Final = {level: float(rank) for rank, level in enumerate(LEVELS)}
#: Nobody knows how urgent these are: a score, if there is one, does not order them.
_UNSCORED: Final = "unscored"

SortKey = tuple[float, float, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the order of a study, or of an ECG, depends on.

    Parameters
    ----------
    key : str
        Its name; decides between entries that are alike otherwise.
    level : {"critical", "urgent", "unscored", "routine"}
    priority : float, optional
        0 to 1; the larger, the earlier among those of its level.
    arrived : float, optional
        When it began to wait, s on any clock that all entries and `now` share; None where nobody knows.

    Raises
    ------
    InputError
        There is no such level.
    """

    key: str
    level: str
    priority: float | None = None
    arrived: float | None = None

    def __post_init__(self) -> None:
        if self.level not in _RANKS:
            raise InputError(f"level: {self.level!r} is not one of {', '.join(LEVELS)}", argument="level")


def sort_key(entry: Entry, *, now: float | None = None, cap_s: float | None = None) -> SortKey:
    """Return what entries are sorted by, ascending: rank, priority, arrival, name.

    Parameters
    ----------
    entry : Entry
    now : float, optional
        The time, s, on the clock of `Entry.arrived`.
    cap_s : float, optional
        Longest wait, s, after which an entry goes before all but the critical ones.

    Notes
    -----
    Without `now` and `cap_s` the key does not change with time, so that a database can keep it.
    """
    arrived = math.inf if entry.arrived is None else entry.arrived
    rank = _RANKS[entry.level]
    if now is not None and cap_s is not None and rank > _OVERDUE_RANK and now - arrived > cap_s:
        return _OVERDUE_RANK, 0.0, arrived, entry.key
    merit = 0.0 if entry.priority is None or entry.level == _UNSCORED else entry.priority
    return rank, -merit, arrived, entry.key


def order(entries: Iterable[Entry], *, now: float | None = None, cap_s: float | None = None) -> list[Entry]:
    """Return entries in the order in which they should be read.

    Critical, urgent, unscored, routine; within a level by priority, the unscored ones first come first served, and
    what is alike by arrival, those of unknown arrival last. What waited longer than the cap goes, in the order of
    arrival, before everything but the critical ones, so that a stream of pressing studies never starves the routine
    ones.

    Parameters
    ----------
    entries : iterable of Entry
    now, cap_s : float, optional
        As `sort_key`; without both there is no cap.

    Returns
    -------
    list of Entry
        The same for the same entries, in whatever order they come.

    Examples
    --------
    >>> waiting = [
    ...     Entry(key="a", level="routine", priority=0.1, arrived=0.0),
    ...     Entry(key="b", level="urgent", priority=0.7, arrived=3600.0),
    ...     Entry(key="c", level="critical", priority=0.9, arrived=7200.0),
    ... ]
    >>> [entry.key for entry in order(waiting)]
    ['c', 'b', 'a']
    >>> [entry.key for entry in order(waiting, now=7200.0, cap_s=5400.0)]
    ['c', 'a', 'b']
    """
    return sorted(entries, key=lambda entry: sort_key(entry, now=now, cap_s=cap_s))


def next_to_read(entries: Iterable[Entry], *, now: float | None = None, cap_s: float | None = None) -> Entry | None:
    """Return the first entry of `order`, without sorting the others; None where nothing waits."""
    return min(entries, key=lambda entry: sort_key(entry, now=now, cap_s=cap_s), default=None)
