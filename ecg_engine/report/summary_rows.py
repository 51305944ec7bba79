"""A line of a batch's page: a study's picture, urgency, findings and draft, everything escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from html import escape
from typing import Any, Final
from urllib.parse import quote

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.report.words import age_text
from ecg_engine.vocabulary import summary_text
from ecg_engine.vocabulary.wording import views_text

__all__ = ["finding_name", "findings_of", "row_html", "safe"]

#: Control characters and those that turn the direction of writing: a file's name must not rearrange the page.
_HOSTILE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: A finding as ``worklist.csv`` has it: its code or name, its score, whether it is research.
_FINDING: Final = re.compile(r"(?P<code>.+?)[ =:]+(?P<score>[01](?:\.\d+)?)(?P<research> \(research\))?")


# ------------------------------------------------------------------------------------------------------------ escaping


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def safe(value: Any) -> str:
    """Return a value as HTML text: escaped, without characters that control or rearrange."""
    return escape(_HOSTILE.sub("\N{REPLACEMENT CHARACTER}", _text(value)))


def _link(path: Any) -> str:
    """Return a relative path as a URL that can lead nowhere else: no scheme, no host."""
    return escape("./" + quote(_text(path).lstrip("/").encode("utf-8", "surrogateescape")))


def _listed(value: Any, separator: str = ";") -> list[str]:
    """Return the parts of a cell: a list as it is, a text cut at its separators."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(separator) if part.strip()]
    return [] if value is None else [_text(part) for part in value]


def row_html(row: Mapping[str, Any], number: int, lang: str, *, has_picture: bool) -> str:
    """Return a study's line of the table.

    Parameters
    ----------
    row : mapping
        Of ``worklist.csv``.
    number : int
        Its place, where the row itself has no rank.
    lang : {"en", "ru"}
    has_picture : bool
        Whether its picture is shown.
    """
    level = _text(row.get("level"))
    named = level if level in LEVELS else "unscored"
    rank = row.get("rank") or number
    cells = (
        _shot(row, rank, lang) if has_picture else '<td class="shot none"></td>',
        f'<td class="urgency">{_urgency(row, level, named, lang)}</td>',
        f'<td class="about">{_about(row, lang)}</td>',
        f'<td class="seen">{_seen(row, lang)}</td>',
        f'<td class="text">{safe(row.get("conclusion"))}</td>',
    )
    return f'<tr class="{named}"><th scope="row">{safe(rank)}</th>{"".join(cells)}</tr>\n'


def _shot(row: Mapping[str, Any], rank: Any, lang: str) -> str:
    thumbnail = row.get("thumbnail") or row.get("picture")
    if not thumbnail:
        return f'<td class="shot none">{escape(summary_text("no_picture", lang))}</td>'
    part = _part_name(row.get("body_part"), lang)
    alt = safe(summary_text("alt", lang, rank=rank, body_part=part or "?"))
    larger = row.get("overlay") or thumbnail
    picture = f'<img src="{_link(thumbnail)}" alt="{alt}" width="148" height="148" loading="lazy">'
    return f'<td class="shot"><a href="{_link(larger)}">{picture}</a></td>'


def _urgency(row: Mapping[str, Any], level: str, named: str, lang: str) -> str:
    words = summary_text(level, lang) if level in LEVELS else level
    lines = [f'<span class="chip {named}">{safe(words)}</span>']
    # Findings stand in a column of their own.
    reasons = [code for code in _listed(row.get("because")) if code not in vocabulary.findings()]
    worded = (row.get("words") or {}).get("because") or "; ".join(_reason_name(code, row, lang) for code in reasons)
    because = worded if reasons else ""
    if because:
        lines.append(f'<div class="soft">{escape(summary_text("because", lang))}: {safe(because)}</div>')
    if row.get("priority") not in (None, ""):
        value = _decimal(row["priority"], lang)
        lines.append(f'<div class="soft">{escape(summary_text("priority", lang))} {safe(value)}</div>')
    return "".join(lines)


def _about(row: Mapping[str, Any], lang: str) -> str:
    who = row.get("patient_id")
    name = summary_text("patient", lang, id=_text(who)) if who else summary_text("patient_unknown", lang)
    sex = {"F": "female", "M": "male"}.get(_text(row.get("sex")))
    person = [summary_text(sex, lang) if sex else "", _age(row.get("age"), lang)]
    views = views_text(_listed(row.get("view")), lang)
    film = [_text(row.get("modality")), _part_name(row.get("body_part"), lang), views]
    n_images = _text(row.get("n_images"))
    accession = row.get("accession")
    lines = [
        ", ".join(filter(None, person)),
        " ".join(filter(None, [_day(row.get("date"), lang), _text(row.get("time"))[:8]])),
        ", ".join(filter(None, film)),
        summary_text("n_images", lang, n=n_images) if n_images not in ("", "1") else "",
        summary_text("accession", lang, accession=accession) if accession else "",
        summary_text("earlier", lang, date=_day(row["previous"], lang)) if row.get("previous") else "",
        _text(row.get("notes")),
    ]
    links = [(row.get("report"), "full_report"), (row.get("overlay"), "overlay")]
    anchors = ", ".join(f'<a href="{_link(to)}">{escape(summary_text(key, lang))}</a>' for to, key in links if to)
    return (
        f"<strong><bdi>{safe(name)}</bdi></strong>"
        + "".join(f'<div class="soft"><bdi>{safe(line)}</bdi></div>' for line in lines if line)
        + (f'<div class="soft">{anchors}</div>' if anchors else "")
    )


def _seen(row: Mapping[str, Any], lang: str) -> str:
    items = []
    for code, score, research in findings_of(row):
        words = f"{finding_name(code, lang)} {_decimal(score, lang)}".strip()
        items.append(words + (f" ({summary_text('research', lang)})" if research else ""))
    ratio = row.get("cardiothoracic_ratio")
    extra = [summary_text("ratio", lang, ratio=_decimal(ratio, lang))] if ratio not in (None, "") else []
    if row.get("changes"):
        extra.append(summary_text("changes", lang, changes=_text(row["changes"])))
    found = "<ul>" + "".join(f"<li>{safe(item)}</li>" for item in items) + "</ul>" if items else ""
    return found + "".join(f'<div class="soft">{safe(line)}</div>' for line in extra)


def findings_of(row: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """Return code, score and whether it is research of each finding of a row; what cannot be read stays as it is."""
    found = []
    for part in _listed(row.get("findings")):
        match = _FINDING.fullmatch(part)
        found.append((match["code"], match["score"], bool(match["research"])) if match else (part, "", False))
    return found


# --------------------------------------------------------------------------------------------------------------- words


def finding_name(code: str, lang: str) -> str:
    """Return a finding's name; its code where the vocabulary has none."""
    return vocabulary.finding(code).text[lang]


def _reason_name(code: str, row: Mapping[str, Any], lang: str) -> str:
    """Return the words of a note, with an ellipsis for facts that a row has not; else what a finding's code says."""
    facts = {**dict.fromkeys(("degrees", "header", "needed", "pixels"), "…"), "body_part": row.get("body_part") or "…"}
    try:
        return vocabulary.note_text(code, lang, facts)
    except InputError:
        return finding_name(code, lang)


def _age(value: Any, lang: str) -> str:
    try:
        return age_text(float(value), lang)
    except (TypeError, ValueError):
        return _text(value)


def _part_name(name: Any, lang: str) -> str:
    return vocabulary.body_part(_text(name)).text[lang] if name else ""


def _decimal(value: Any, lang: str) -> str:
    """Return a number with two decimals as the language writes it; other text as it is."""
    try:
        text = f"{float(value):.2f}"
    except (TypeError, ValueError):
        return _text(value)
    return text.replace(".", ",") if lang == "ru" else text


def _day(value: Any, lang: str) -> str:
    try:
        day = date.fromisoformat(_text(value))
    except ValueError:
        return _text(value)
    return f"{day:%d.%m.%Y}" if lang == "ru" else day.isoformat()
