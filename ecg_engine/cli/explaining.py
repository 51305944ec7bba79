"""``ecg-engine decode --explain``: each statement with what it rests on, from the report's plain form."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.cli.console import shown

__all__ = ["explained"]

_WIDTH: Final = 100


def explained(path: Path, report: Mapping[str, Any] | None, lang: str) -> Iterator[str]:
    """Yield the lines that explain a report: statements, what changed, urgency, notes.

    Parameters
    ----------
    path : Path
        Of the input.
    report : mapping, optional
        ``EcgReport.to_dict``; None where the input failed.
    lang : {"en", "ru"}
    """
    if report is None:
        return
    yield shown(path)
    if not report["statements"]:
        yield f"  {vocabulary.page_text('no_statement', lang)}"
    for statement in report["statements"]:
        yield f"  {_head(statement, report.get('stability_n') or 0, lang)}"
        for fact in statement["evidence"]:
            yield from _wrapped(_fact(fact, lang), "      ")
    comparison = report.get("comparison")
    if comparison is not None:
        start = comparison["start"]
        key = "compared" if start else "compared_undated"
        yield f"  {vocabulary.page_text(key, lang, start=start) if start else vocabulary.page_text(key, lang)}:"
        said = [change["text"] for change in comparison["changes"] if change["beyond_error"]]
        for text in said or [vocabulary.page_text("no_change", lang)]:
            yield from _wrapped(text, "      ")
    urgency = report["urgency"]
    words = vocabulary.page_text(urgency["level"], lang)
    because = f" ({', '.join(urgency['because'])})" if urgency["because"] else ""
    yield f"  {vocabulary.page_text('urgency', lang)}: {words}{because}"
    for note in report["notes"]:
        yield from _wrapped(shown(note["text"]), "  - ")
    yield ""


def _head(statement: Mapping[str, Any], readings: int, lang: str) -> str:
    details = [vocabulary.page_text(f"age_{statement['age']}", lang)] if statement["age"] is not None else []
    if statement["certainty"] != "definite":
        details.append(vocabulary.page_text(statement["certainty"], lang))
    if statement["stability"] is not None and readings:
        said = round(statement["stability"] * readings)
        details.append(vocabulary.page_text("stability", lang, said=said, n=readings))
    if statement["leads"]:
        details.append(", ".join(statement["leads"]))
    return f"{statement['text']} [{statement['code']}]" + (f" ({'; '.join(details)})" if details else "")


def _fact(fact: Mapping[str, Any], lang: str) -> str:
    term = vocabulary.quantity(fact["measurement"])
    unit = vocabulary.unit_text(term.unit, lang)
    decimals = max(term.decimals, 2) if term.unit == "mV" else term.decimals
    name = term.text[lang] if fact["lead"] is None else f"{fact['lead']} {term.text[lang]}"
    gap = "" if unit in ("", "\N{DEGREE SIGN}", "%") else " "
    text = f"{name} = {vocabulary.decimal(fact['value'], decimals, lang)}{gap}{unit}"
    if fact["threshold"] is not None:
        text += f" {fact['relation']} {vocabulary.decimal(fact['threshold'], decimals, lang)}{gap}{unit}"
    source = fact["source"]
    if source is not None:
        doi = f", doi:{source['doi']}" if source["doi"] else ""
        text += f"; {source['key']}{doi}"
    return text


def _wrapped(text: str, lead: str) -> list[str]:
    rest = " " * (len(lead) + 2)
    return textwrap.wrap(
        text, _WIDTH, initial_indent=lead, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
