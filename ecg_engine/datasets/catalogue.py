"""What sets there are: ``datasets.toml`` as records."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from ecg_engine.errors import InputError

__all__ = ["Dataset", "find_dataset", "list_datasets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One public reference set.

    Parameters
    ----------
    name : str
        What the command line calls it.
    title, what, version : str
        The publisher's title; what is in it; the version whose address follows.
    folder : str
        Where it goes under the folder of all sets, ``/`` between the parts.
    address : str
        Where its files are; ends in ``/``.
    checksums : str
        Name of the publisher's list of SHA-256 sums at that address; empty where there is none, so that the set has to
        be fetched by hand.
    page, licence, doi : str
        The page for people; SPDX name of the licence; DOI, empty where it has none.
    size_mb : int
        About how much it is, MB; 0 where not known.
    """

    name: str
    title: str
    what: str
    version: str
    folder: str
    address: str
    checksums: str
    page: str
    licence: str
    doi: str
    size_mb: int


@cache
def _table() -> MappingProxyType[str, Dataset]:
    rows = tomllib.loads(files(__name__.rpartition(".")[0]).joinpath("datasets.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: Dataset(name=name, **row) for name, row in rows.items()})


def list_datasets() -> tuple[Dataset, ...]:
    """Return all sets, in the order of the table.

    Examples
    --------
    >>> [one.name for one in list_datasets()][:2]
    ['mitdb', 'nstdb']
    """
    return tuple(_table().values())


def find_dataset(name: str) -> Dataset:
    """Return the set of a name.

    Raises
    ------
    InputError
        There is none of that name; the message lists those there are.
    """
    try:
        return _table()[name]
    except KeyError:
        raise InputError(f"name: no set {name!r}; there are {', '.join(_table())}", argument="name") from None
