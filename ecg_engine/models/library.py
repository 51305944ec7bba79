"""Where models are found: in the package, in the user's folder, by the path of a card; and which version counts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from ecg_engine.errors import ModelError
from ecg_engine.models.card import ModelCard, read_card

__all__ = ["Found", "Library", "card_of", "find_model", "package_folder", "read_library", "user_folder", "version_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A card that was found.

    Parameters
    ----------
    card : ModelCard
    path : Path
        Of the card.
    where : {"package", "user", "path"}
    """

    card: ModelCard
    path: Path
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Every model that is found.

    Parameters
    ----------
    models : tuple of Found
        The package's first, each folder's by name and version.
    faults : mapping of Path to str
        Cards that cannot be read, and why.
    """

    models: tuple[Found, ...]
    faults: dict[Path, str]

    def active(self, task: str | None = None) -> tuple[Found, ...]:
        """Return the model that counts under each name, in the order in which the names are found first.

        A model of the user's folder replaces the package's of the same name; among several versions in one folder the
        highest counts.
        """
        best: dict[str, Found] = {}
        for one in self.models:
            other = best.get(one.card.name)
            if other is None or _rank(one) > _rank(other):
                best[one.card.name] = one
        return tuple(one for one in best.values() if task is None or one.card.task == task)

    def find(self, name: str) -> Found | None:
        """Return the model of a name, of name and version (``"name 1.0"``), or of a card's file, if there is one."""
        for one in self.active():
            if one.card.name == name:
                return one
        for one in reversed(self.models):
            if name in (one.card.title, one.path.stem):
                return one
        return None


def version_key(version: str) -> tuple[tuple[int, int | str], ...]:
    """Return what versions are ordered by: numbers as numbers, words before them.

    Examples
    --------
    >>> version_key("1.10") > version_key("1.9"), version_key("2.0") > version_key("2.0-beta")
    (True, False)
    """
    return tuple((1, int(part)) if part.isdigit() else (0, part) for part in re.findall(r"\d+|[A-Za-z]+", version))


def _rank(one: Found) -> tuple[bool, tuple[tuple[int, int | str], ...]]:
    return one.where == "user", version_key(one.card.version)


def user_folder() -> Path:
    """Return the folder of models that a hospital brings: ``ECG_ENGINE_MODELS``, or the user's data folder."""
    said = os.environ.get("ECG_ENGINE_MODELS")
    if said:
        return Path(said)
    from platformdirs import user_data_path

    return user_data_path("ecg_engine", appauthor=False) / "models"


def package_folder() -> Path:
    """Return the folder of the models that come with the package."""
    return Path(str(files("ecg_engine.models") / "weights"))


def _folders() -> tuple[tuple[str, Path], ...]:
    return ("package", package_folder()), ("user", user_folder())


def read_library() -> Library:
    """Read the cards of both folders; those that have not changed are not read again."""
    return _library(tuple((where, _cards_in(folder)) for where, folder in _folders()))


def _cards_in(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return the path of each card in a folder, and what changes with its file."""
    try:
        with os.scandir(folder) as entries:
            named = sorted(entry.path for entry in entries if entry.name.endswith(".toml"))
    except OSError:
        return ()
    return tuple((path, *stamp(path)) for path in named)


@lru_cache(maxsize=4)
def _library(cards: tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...]) -> Library:
    models: list[Found] = []
    faults: dict[Path, str] = {}
    for where, stamped in cards:
        here: list[Found] = []
        for name, changed, size in stamped:
            path = Path(name)
            try:
                here.append(Found(card=_read(name, changed, size), path=path, where=where))
            except ModelError as exc:
                faults[path] = str(exc)
        models += sorted(here, key=lambda one: (one.card.name, version_key(one.card.version), one.path.name))
    return Library(models=tuple(models), faults=faults)


def find_model(name: str) -> Found:
    """Return a model by its name, by name and version, or by the path of its card.

    Raises
    ------
    ModelError
        There is none, or its card cannot be read.
    """
    library = read_library()
    found = library.find(name)
    if found is not None:
        return found
    path = Path(name)
    if name.endswith(".toml") and path.is_file():
        return Found(card=card_of(path.resolve()), path=path.resolve(), where="path")
    for torn, fault in library.faults.items():
        if torn.stem == name:
            raise ModelError(fault)
    raise ModelError(f"model {name!r}: no card of it in {' or '.join(str(folder) for _, folder in _folders())}")


def card_of(path: Path) -> ModelCard:
    """Return a card, kept while its file stays as it is.

    Raises
    ------
    ModelError
        It cannot be read, or lacks something.
    """
    return _read(str(path), *stamp(path))


def stamp(path: str | Path) -> tuple[int, int]:
    """Return what changes with a file; zeros where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _read(path: str, _changed: int, _size: int) -> ModelCard:
    return read_card(Path(path))
