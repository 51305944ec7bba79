"""``ecg-engine datasets``: what public reference sets there are, and one of them into a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecg_engine.errors import InputError

if TYPE_CHECKING:
    from ecg_engine.datasets import Dataset, FetchResult

#: Structure of the documents that ``--json`` prints.
JSON_VERSION = "1.0"
#: Files that could not be had and are named on the terminal.
_MOST_NAMED = 50

datasets_app = typer.Typer(
    name="datasets",
    help="Public reference sets: list them, fetch one from its publisher.",
    epilog="""\b
Examples:
  ecg-engine datasets list
  ecg-engine datasets fetch mitdb --out data
""",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]


def _names() -> list[str]:
    from ecg_engine.datasets import list_datasets

    return [one.name for one in list_datasets()]


@datasets_app.command(
    "list",
    epilog="""\b
Examples:
  ecg-engine datasets list
  ecg-engine datasets list --json
""",
)
def list_command(as_json: AsJson = False) -> None:
    """List the sets with licence, size and address."""
    from ecg_engine.cli.console import print_json, print_table
    from ecg_engine.datasets import list_datasets

    sets = list_datasets()
    if as_json:
        print_json({"schema_version": JSON_VERSION, "datasets": [_facts(one) for one in sets]})
        return
    rows = [
        [one.name, _size(one), one.licence, one.what, one.page if one.checksums else f"{one.page} (by hand)"]
        for one in sets
    ]
    print_table(["name", "about", "licence", "what", "page"], rows, numbers=1, wraps=(3, 4))


@datasets_app.command(
    epilog="""\b
Examples:
  ecg-engine datasets fetch mitdb --out data         asks before it starts
  ecg-engine datasets fetch ludb --out data --yes
  ecg-engine datasets fetch ptbxl --only "records500/00000/*" --only "*.csv"

\b
Each file is checked against the publisher's own list of checksums. Give the
same command again after a break: what is there and right stays.
Exit status: 0 all well; 1 a file or the network failed; 2 wrong usage; 130
interrupted.
"""
)
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A set; see: ecg-engine datasets list.", autocompletion=_names)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of all sets.  [default: what ECG_ENGINE_DATA names]"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PATTERN", help="Only files that match, as *.dat; may be given again."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to licence and size; do not ask.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Fetch a set from its publisher, checked file by file."""
    from ecg_engine.datasets import find_dataset

    try:
        dataset = find_dataset(name)
        folder = _folder(dataset, out)
        code = _run(dataset, folder, tuple(only or ()), yes=yes, as_json=as_json, quiet=quiet)
    except InputError as exc:
        hint = {"name": "NAME", "only": "--only", "out": "--out"}.get(exc.argument or "")
        text = str(exc)
        raise typer.BadParameter(text.removeprefix(f"{exc.argument}: ") if hint else text, param_hint=hint) from exc
    raise typer.Exit(code)


def _folder(dataset: Dataset, out: Path | None) -> Path:
    root = out or (Path(given) if (given := os.environ.get("ECG_ENGINE_DATA", "").strip()) else None)
    if root is None:
        raise InputError("out: name a folder, or set ECG_ENGINE_DATA", argument="out")
    return root / dataset.folder


def _run(dataset: Dataset, folder: Path, only: tuple[str, ...], *, yes: bool, as_json: bool, quiet: bool) -> int:
    from ecg_engine.cli import INTERRUPTED
    from ecg_engine.cli.console import Talk, print_json, shown
    from ecg_engine.datasets import Watcher, fetch_dataset
    from ecg_engine.errors import EcgEngineError

    talk = Talk(quiet=quiet)
    for line in _terms(dataset, folder):
        talk.say(line)
    if not yes and not _agreed():
        talk.error("not fetched: --yes agrees to licence and size")
        return 1

    class Screen(Watcher):
        """A bar of files, with what has come."""

        def __init__(self, bar: Any) -> None:
            self.bar, self.n_bytes, self.n_failed = bar, 0, 0
            self.task = bar.add_task("Files", total=None)

        def planned(self, n_files: int) -> None:
            self.bar.update(self.task, total=n_files)

        def received(self, n_bytes: int) -> None:
            self.n_bytes += n_bytes
            self.bar.update(self.task, description=f"Files ({self.n_bytes / 1e6:.1f} MB)")

        def done(self, path: str) -> None:
            self.bar.advance(self.task)

        def failed(self, path: str, reason: str) -> None:
            self.n_failed += 1
            if self.n_failed <= _MOST_NAMED:
                talk.error(f"{path}: {reason}")

    try:
        with talk.progress(with_rate=True) as bar:
            result = fetch_dataset(dataset, folder, only=only, watcher=Screen(bar))
    except InputError:
        raise
    except EcgEngineError as exc:
        talk.error(str(exc))
        return 1
    except KeyboardInterrupt:
        talk.error("interrupted; give the same command again to go on")
        return INTERRUPTED
    if as_json:
        print_json(_document(dataset, result))
    else:
        talk.say(
            f"{shown(result.folder)}: {result.n_fetched} files fetched, {result.n_kept} were there, "
            f"{len(result.failed)} failed"
        )
    return 1 if result.failed else 0


def _terms(dataset: Dataset, folder: Path) -> list[str]:
    doi = f", doi:{dataset.doi}" if dataset.doi else ""
    return [
        f"{f'{dataset.title} {dataset.version}'.strip()}: {dataset.page}{doi}",
        f"Licence {dataset.licence}; about {_size(dataset)}; into {folder}",
    ]


def _agreed() -> bool:
    """Ask on the terminal; nobody there has not agreed."""
    import sys

    return sys.stdin.isatty() and typer.confirm("Fetch it?", err=True)


def _size(dataset: Dataset) -> str:
    if not dataset.size_mb:
        return "?"
    return f"{dataset.size_mb / 1000:g} GB" if dataset.size_mb >= 1000 else f"{dataset.size_mb} MB"


def _facts(dataset: Dataset) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(dataset), "by_hand": not dataset.checksums}


def _document(dataset: Dataset, result: FetchResult) -> dict[str, Any]:
    from ecg_engine.cli.console import shown

    return {
        "schema_version": JSON_VERSION,
        "name": dataset.name,
        "folder": shown(result.folder),
        "n_files": result.n_files,
        "n_fetched": result.n_fetched,
        "n_kept": result.n_kept,
        "failed": [{"path": shown(path), "reason": reason} for path, reason in result.failed],
    }
