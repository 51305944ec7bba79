"""Which program made a report."""

from __future__ import annotations

from functools import cache

__all__ = ["engine"]


def engine() -> dict[str, str]:
    """Return the program's name and version, as reports say them."""
    return {"name": "ecg_engine", "version": _version()}


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("ecg_engine")
