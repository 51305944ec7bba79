"""Weights of other makers that can be fetched by name: ``published.toml`` as records."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

__all__ = ["Published", "list_published"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Weights with a published address and hash; ``training/import_model.py`` makes a model of them.

    Parameters
    ----------
    name, what : str
    address : str
        Of the makers, at one version.
    sha256 : str
        That the makers publish for it.
    size_bytes : int
    page : str
        Where the hash stands.
    licence : str
        SPDX name, as the makers say it.
    op_threshs : tuple of float
        Their operating points, NaN where an output is not trained.
    """

    name: str
    what: str
    address: str
    sha256: str
    size_bytes: int
    page: str
    licence: str
    op_threshs: tuple[float, ...]

    @property
    def thresholds(self) -> str:
        """The operating points as the importer reads them (TOML)."""
        return f"op_threshs = [{', '.join(map(repr, self.op_threshs))}]\n"


@cache
def list_published() -> MappingProxyType[str, Published]:
    """Return all of them by name, in the order of the table.

    Examples
    --------
    >>> list_published()["xrv-densenet121-all"].licence
    'Apache-2.0'
    """
    rows = tomllib.loads(files("ecg_engine.models").joinpath("published.toml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: Published(name=name, **(row | {"op_threshs": tuple(row["op_threshs"])})) for name, row in rows.items()}
    )
