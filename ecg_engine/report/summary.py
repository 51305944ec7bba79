"""The page of a batch of radiographs: one static file that needs no network, no script and no server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, Final

from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.report.summary_charts import bars, histogram
from ecg_engine.report.summary_rows import finding_name, findings_of, row_html, safe
from ecg_engine.vocabulary import summary_text

__all__ = ["MOST_PICTURES", "MOST_REFUSED", "write_summary"]

#: Studies that are shown with their picture: a browser still scrolls well through so many.
MOST_PICTURES: Final = 500
#: Refused files that are listed; ``quarantine.csv`` has all.
MOST_REFUSED: Final = 1000
#: Bins of the histogram of priorities.
N_BINS: Final = 20
#: Facts of the run, in the order in which they are shown.
_FACTS: Final = (
    "inputs", "engine", "models", "started", "finished", "seconds", "n_files", "n_studies", "n_kept", "n_gone",
    "skipped",
)  # fmt: skip
#: Nothing is loaded but pictures, and nothing runs, whatever a file's name or description says.
_POLICY: Final = "default-src 'none'; img-src * data:; style-src 'unsafe-inline'"


@dataclass(slots=True)
class _Tally:
    """What is counted while the rows go by."""

    levels: Counter[str] = field(default_factory=Counter)
    findings: Counter[tuple[str, bool]] = field(default_factory=Counter)
    bins: dict[str, list[int]] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        level = str(row.get("level"))
        self.levels[level] += 1
        self.findings.update({(code, research) for code, _, research in findings_of(row) if code})
        try:
            priority = float(row.get("priority"))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return
        if 0 <= priority <= 1:
            bins = self.bins.setdefault(level, [0] * N_BINS)
            bins[min(int(priority * N_BINS), N_BINS - 1)] += 1


def write_summary(
    path: Path,
    *,
    facts: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    refused: Iterable[Mapping[str, Any]],
    n_rows: int,
    lang: str,
) -> None:
    """Write the page of a batch: counts, the distribution of scores, the worklist with pictures, what was refused.

    Rows are taken one by one; memory does not grow with them. The file appears whole, or not at all.

    Parameters
    ----------
    path : Path
        ``*.html``; links to reports and pictures are relative to its folder.
    facts : mapping
        Of the run, all optional: ``inputs, engine, models, started, finished, seconds, n_files, n_studies, n_kept,
        n_gone``, ``skipped`` (a mapping of what to how many), ``interrupted``. Lists are joined, others shown as text.
    rows : iterable of mapping
        The rows of ``worklist.csv`` in its order, with ``report``, ``thumbnail`` (or ``picture``) and ``overlay``:
        paths relative to the page's folder, with ``/``. A mapping ``words`` may hold ``because`` in words.
    refused : iterable of mapping
        ``file, reason, kind``.
    n_rows : int
        How many rows there will be, for the line about pictures left out.
    lang : {"en", "ru"}

    Raises
    ------
    InputError
        There are no texts in this language.
    OSError
        The file cannot be written.
    """
    title = summary_text("title", lang)
    tally = _Tally()
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as body:
        body.writelines(_rows(rows, tally, lang))
        body.seek(0)
        try:
            with part.open("w", encoding="utf-8", newline="\n") as page:
                page.write(_head(title, lang))
                page.write(f"<body>\n<header>\n<h1>{escape(title)}</h1>\n{_warnings(facts, lang)}</header>\n<main>\n")
                page.write(_overview(tally, lang))
                _write_worklist(page, body, tally, n_rows, lang)
                page.writelines(_refused(refused, lang))
                page.write(_run(facts, lang))
                page.write("</main>\n<footer></footer>\n</body>\n</html>\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------------------- head and overview


def _head(title: str, lang: str) -> str:
    style = (files("ecg_engine.report") / "summary.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
    )


def _warnings(facts: Mapping[str, Any], lang: str) -> str:
    lines = ["preliminary", *(["incomplete"] if facts.get("interrupted") else [])]
    return "".join(f'<p class="warn" role="note">{escape(summary_text(line, lang))}</p>\n' for line in lines)


def _overview(tally: _Tally, lang: str) -> str:
    cards = "".join(
        f'<li class="{level}"><b>{tally.levels[level]}</b><span>{escape(summary_text(level, lang))}</span>'
        f"<small>{escape(summary_text(f'{level}_means', lang))}</small></li>\n"
        for level in LEVELS
    )
    named = [
        (finding_name(code, lang) + (f" ({summary_text('research', lang)})" if research else ""), n)
        for (code, research), n in sorted(tally.findings.items(), key=lambda item: (item[0][1], -item[1], item[0][0]))
    ]
    chart = bars(named) if named else f'<p class="soft">{escape(summary_text("no_finding_seen", lang))}</p>'
    return (
        f'<section aria-labelledby="overview">\n<h2 id="overview">{escape(summary_text("overview", lang))}</h2>\n'
        f'<ul class="levels">\n{cards}</ul>\n<div class="charts">\n'
        f"<div><h3>{escape(summary_text('by_priority', lang))}</h3>{histogram(tally.bins, lang)}</div>\n"
        f"<div><h3>{escape(summary_text('by_finding', lang))}</h3>{chart}</div>\n</div>\n</section>\n"
    )


# ------------------------------------------------------------------------------------------------------------ worklist


def _write_worklist(page: IO[str], body: IO[str], tally: _Tally, n_rows: int, lang: str) -> None:
    def say(key: str, **facts: Any) -> str:
        return escape(summary_text(key, lang, **facts))

    page.write(f'<section aria-labelledby="worklist">\n<h2 id="worklist">{say("worklist")}</h2>\n')
    if not tally.levels:
        page.write(f"<p>{say('no_studies')}</p>\n</section>\n")
        return
    if n_rows > MOST_PICTURES:
        page.write(f'<p class="soft">{say("pictures_left_out", shown=MOST_PICTURES, total=n_rows)}</p>\n')
    boxes = "".join(
        f'<label><input type="checkbox" id="show-{level}" checked> {say(level)} ({tally.levels[level]})</label>\n'
        for level in LEVELS
        if tally.levels[level]
    )
    heads = "".join(
        f'<th scope="col">{say(key)}</th>' for key in ("rank", "picture", "level", "study", "findings", "conclusion")
    )
    page.write(f'<fieldset class="filters"><legend>{say("show")}:</legend>\n{boxes}</fieldset>\n')
    page.write(f'<table class="work">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n')
    shutil.copyfileobj(body, page)
    page.write("</tbody>\n</table>\n</section>\n")


def _rows(rows: Iterable[Mapping[str, Any]], tally: _Tally, lang: str) -> Iterator[str]:
    for number, row in enumerate(rows, 1):
        tally.add(row)
        yield row_html(row, number, lang, has_picture=number <= MOST_PICTURES)


# ------------------------------------------------------------------------------------------------- refused and the run


def _refused(refused: Iterable[Mapping[str, Any]], lang: str) -> Iterator[str]:
    """Yield the list of refused files; it is counted while it goes by, so its heading says no number."""

    def say(key: str, **facts: Any) -> str:
        return escape(summary_text(key, lang, **facts))

    total = 0
    kept: list[str] = []
    for one in refused:
        total += 1
        if total <= MOST_REFUSED:
            cells = "".join(f"<td><bdi>{safe(one.get(key))}</bdi></td>" for key in ("file", "reason", "kind"))
            kept.append(f"<tr>{cells}</tr>\n")
    yield f'<section aria-labelledby="refused">\n<h2 id="refused">{say("refused", n=total)}</h2>\n'
    if not total:
        yield f"<p>{say('refused_none')}</p>\n</section>\n"
        return
    if total > MOST_REFUSED:
        yield f'<p class="soft">{say("refused_left_out", shown=MOST_REFUSED, total=total)}</p>\n'
    heads = "".join(f'<th scope="col">{say(key)}</th>' for key in ("file", "reason", "kind"))
    yield f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    yield from kept
    yield "</tbody>\n</table>\n</section>\n"


def _run(facts: Mapping[str, Any], lang: str) -> str:
    lines = []
    for key in _FACTS:
        value = facts.get(key)
        if value is None or value == "":
            continue
        lines.append(f"<dt>{escape(summary_text(key, lang))}</dt><dd><bdi>{safe(_fact(key, value, lang))}</bdi></dd>\n")
    return (
        f'<section aria-labelledby="run">\n<h2 id="run">{escape(summary_text("run", lang))}</h2>\n'
        f'<dl class="facts">\n{"".join(lines)}</dl>\n</section>\n'
    )


def _fact(key: str, value: Any, lang: str) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name or '—'}: {n}" for name, n in value.items()) or summary_text("none", lang)
    if isinstance(value, list | tuple | set):
        return ", ".join(map(str, value)) or summary_text("none", lang)
    if key == "seconds" and isinstance(value, float):
        return f"{value:.1f}".replace(".", "," if lang == "ru" else ".")
    return str(value)
