"""Codes and their texts in English and Russian, units, and the codes of other systems: data tables, a leaf.

The tables are the TOML files beside this module: ``statements``, ``quantities``, ``notes``, ``sources``, ``page``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ecg_engine.errors import InputError

__all__ = [
    "LANGUAGES",
    "QuantityTerm",
    "SourceTerm",
    "StatementTerm",
    "note_text",
    "page_text",
    "quantities",
    "quantity",
    "source",
    "statement",
    "statements",
]

LANGUAGES: Final = ("en", "ru")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTerm:
    """A statement code: its texts by language and its codes in other systems (None where there is none)."""

    code: str
    text: Mapping[str, str]
    scp: str | None = None
    aha: str | None = None
    snomed: str | None = None
    minnesota: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityTerm:
    """A quantity code: its unit (UCUM), how many decimals it is printed with, its texts by language."""

    code: str
    unit: str
    decimals: int
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerm:
    """A guideline, standard or paper that a rule rests on."""

    key: str
    citation: str
    doi: str | None = None


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _check_lang(lang: str) -> None:
    if lang not in LANGUAGES:
        raise InputError(f"lang: no texts in {lang!r}; choose one of {', '.join(LANGUAGES)}", argument="lang")


def _entry(table: str, kind: str, code: str) -> dict[str, Any]:
    entries = _table(table)
    if code not in entries:
        raise InputError(f"{kind}: {code!r} is not in the vocabulary ({table}.toml)", argument="code")
    entry: dict[str, Any] = entries[code]
    return entry


@cache
def statement(code: str) -> StatementTerm:
    """Return the term of a statement code, or raise InputError."""
    e = _entry("statements", "statement", code)
    return StatementTerm(
        code=code, text={k: e[k] for k in LANGUAGES}, scp=e.get("scp"), aha=e.get("aha"),
        snomed=e.get("snomed"), minnesota=e.get("minnesota"),
    )  # fmt: skip


def statements() -> tuple[str, ...]:
    """Return every statement code, in the order in which a conclusion lists them."""
    return tuple(_table("statements"))


@cache
def quantity(code: str) -> QuantityTerm:
    """Return the term of a quantity code, or raise InputError."""
    e = _entry("quantities", "quantity", code)
    return QuantityTerm(code=code, unit=e["unit"], decimals=e["decimals"], text={k: e[k] for k in LANGUAGES})


def quantities() -> tuple[str, ...]:
    """Return every quantity code."""
    return tuple(_table("quantities"))


@cache
def source(key: str) -> SourceTerm:
    """Return the citation behind a source key, or raise InputError."""
    e = _entry("sources", "source", key)
    return SourceTerm(key=key, citation=e["citation"], doi=e.get("doi"))


def note_text(code: str, lang: str, facts: Mapping[str, Any] | None = None) -> str:
    """Return the text of a note or reason, its ``{facts}`` filled in.

    Raises
    ------
    InputError
        Unknown code or language, or a fact that the text needs is missing.
    """
    _check_lang(lang)
    template: str = _entry("notes", "note", code)[lang]
    try:
        return template.format(**(facts or {}))
    except (KeyError, ValueError) as exc:
        raise InputError(f"note {code}: its text needs a fact that is missing: {exc}", argument="facts") from exc


def page_text(key: str, lang: str, **facts: Any) -> str:
    """Return a word or line of the printed page, its ``{facts}`` filled in."""
    _check_lang(lang)
    template: str = _entry("page", "page text", key)[lang]
    return template.format(**facts) if facts else template
