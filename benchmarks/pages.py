"""Pages of docs/ with parts that are made."""

from __future__ import annotations

from pathlib import Path


def renew(page: Path, begin: str, end: str, made: str) -> None:
    """Write `made` between the lines `begin` and `end` of a page; the words around it stay."""
    text = page.read_text(encoding="utf-8")
    page.write_text(f"{text.partition(begin)[0]}{begin}\n\n{made}\n\n{end}{text.partition(end)[2]}", encoding="utf-8")
