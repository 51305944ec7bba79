"""What people see: tables, error lines, progress. Nothing that comes from a file may steer the terminal."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike, fsencode
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text


def shown(value: str | PathLike[str]) -> str:
    """Return a path or a text as it may be printed: control characters and undecodable bytes escaped.

    Examples
    --------
    >>> shown("синус.edf"), shown("a" + chr(27) + "b") == "a" + chr(92) + "x1bb"
    ('синус.edf', True)
    """
    text = value if isinstance(value, str) else fsencode(value).decode("utf-8", "backslashreplace")
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(message: str) -> str:
    """Return a message on one line, safe to print."""
    return shown(" ".join(message.split()))


class _RateColumn(ProgressColumn):
    """How many a second, of late."""

    def render(self, task: Task) -> Text:
        """Return ``12.3/s``."""
        return Text("" if task.speed is None else f"{task.speed:.1f}/s", style="progress.data.speed")


class Talk:
    """Messages and progress on stderr; both go together with a bar on the screen.

    Parameters
    ----------
    quiet : bool
        Print errors only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def error(self, message: str) -> None:
        """Print one error line."""
        self.console.print(Text("error: ", style="bold red") + Text(one_line(message)))

    def say(self, message: str) -> None:
        """Print one line, unless quiet."""
        if not self.quiet:
            self.console.print(Text(one_line(message)))

    def traceback(self, text: str) -> None:
        """Print a traceback as it is."""
        self.console.print(Text(text.rstrip()))

    def progress(self, *, with_rate: bool = False) -> Progress:
        """Return a bar; one that shows nothing where stderr is no terminal, or quiet.

        Parameters
        ----------
        with_rate : bool
            Show how many a second, and the time left, too.
        """
        more = (_RateColumn(), TimeRemainingColumn()) if with_rate else ()
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            *more,
            console=self.console,
            disable=self.quiet or not self.console.is_terminal,
        )

    def show_warnings(self) -> None:
        """Print warnings as lines of the program, not of its source; each text once."""
        seen: set[str] = set()

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            text = one_line(str(message))
            if text not in seen and not issubclass(category, (DeprecationWarning, PendingDeprecationWarning)):
                seen.add(text)
                self.say(f"warning: {text}")

        warnings.showwarning = show


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: int = 0,
    wraps: Sequence[int] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print a table on stdout: drawn on a terminal, aligned columns elsewhere.

    Parameters
    ----------
    heads : sequence of str
    rows : sequence of sequences of str
    numbers : int
        How many columns behind the first hold numbers, set to the right.
    wraps : sequence of int
        Columns whose texts may be broken into lines on a narrow terminal.
    styles : mapping, optional
        Cells that are coloured on a terminal, and how.
    """
    styles = styles or {}
    cells = [[one_line(cell) for cell in row] for row in rows]
    right = range(1, 1 + numbers)
    if not sys.stdout.isatty():
        widths = [max(len(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
        for row in [list(heads), *cells]:
            line = "  ".join(
                c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
            )
            print(line.rstrip())
        return
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, head in enumerate(heads):
        table.add_column(
            head, justify="right" if i in right else "left", no_wrap=i not in (*right, *wraps), overflow="fold"
        )
    for row in cells:
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    Console(highlight=False).print(table)


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print a title and, under it, names and values."""
    print(shown(title))
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        words = _in_words(value)
        if words:
            print(f"  {shown(name).ljust(width)}  {words}")


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{shown(str(k))} {words}" for k, v in value.items() if (words := _in_words(v)))
    if isinstance(value, (list, tuple)):
        each = [_in_words(v) for v in value]
        return f"{each[0]} (each)" if len(each) > 1 and len(set(each)) == 1 else ", ".join(each)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else one_line(str(value))


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    import json

    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(document, ensure_ascii=not utf8, allow_nan=False, indent=2))
