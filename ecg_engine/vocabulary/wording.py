"""Facts of notes and draft texts in words: codes by their terms, numbers and dates as the language writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.errors import InputError

__all__ = ["capitalised", "decimal", "in_words", "view_name", "views_text"]

#: Views as files spell them, by the name that `phrases.toml` gives them.
_VIEWS: Final[Mapping[str, str]] = {
    "LL": "LATERAL", "RL": "LATERAL", "LAT": "LATERAL", "LLAT": "LATERAL", "RLAT": "LATERAL", "LLO": "OBLIQUE",
    "RLO": "OBLIQUE", "LAO": "OBLIQUE", "RAO": "OBLIQUE", "LPO": "OBLIQUE", "RPO": "OBLIQUE", "LLD": "DECUBITUS",
    "RLD": "DECUBITUS",
}  # fmt: skip


class _Comma(float):
    """A number that prints with a decimal comma."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec).replace(".", ",")


def capitalised(text: str) -> str:
    """Return `text` with a capital at its start."""
    return text[:1].upper() + text[1:]


def decimal(value: float, decimals: int, lang: str) -> str:
    """Return a number with so many decimals and the decimal mark of the language."""
    return f"{_number(float(value), lang):.{decimals}f}"


def in_words(facts: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Return `facts` with what `_WORDS` knows put into words of `lang`; numbers print as the language writes them.

    Parameters
    ----------
    facts : mapping
        ``finding`` (a code), ``findings`` (codes), ``scored`` (mappings of ``code, score``), ``film`` (a mapping of
        ``body_part, views, laterality``), ``body_part``, ``where`` (``right``, ``left``, None), ``reasons`` (codes of
        notes, or mappings of ``code, facts``), ``changes`` (mappings as `types.Change`), ``marks`` (ms from R by
        name), ``date``, ``label`` (of an ECG model), ``said`` (a statement's code); any others stay.
    lang : {"en", "ru"}

    Examples
    --------
    >>> in_words({"film": {"body_part": "HAND", "views": ["PA", "LLO"]}, "ratio": 0.5}, "ru")["film"]
    'кисти, прямая задне-передняя и косая проекции'
    """
    return {key: _WORDS[key](value, lang) if key in _WORDS else _number(value, lang) for key, value in facts.items()}


def view_name(view: str, lang: str) -> str:
    """Return the name of a view as files spell it; one that is not in the table stays as it is."""
    code = f"view_{_VIEWS.get(view.upper(), view.upper())}"
    return vocabulary.phrase_text(code, lang) if code in vocabulary.phrases() else view


def _view(value: Any, lang: str) -> Any:
    return view_name(value, lang) if isinstance(value, str) else _number(value, lang)


def _number(value: Any, lang: str) -> Any:
    return _Comma(value) if lang == "ru" and isinstance(value, float) else value


def _finding(code: str, lang: str) -> str:
    return vocabulary.finding(code).text[lang]


def _within(code: str, lang: str) -> str:
    """Return a finding's name as it stands within a sentence."""
    text = _finding(code, lang)
    return text if text == code else text[:1].lower() + text[1:]


def _findings(codes: Iterable[str], lang: str) -> str:
    return ", ".join(_within(code, lang) for code in codes)


def _scored(scores: Iterable[Mapping[str, Any]], lang: str) -> str:
    return ", ".join(f"{_within(s['code'], lang)} {_number(float(s['score']), lang):.2f}" for s in scores)


def _film(film: Mapping[str, Any], lang: str) -> str:
    term = vocabulary.body_part(film["body_part"])
    words = term.of_ru if lang == "ru" else term.text[lang]
    side = film.get("laterality")
    if side:
        code = f"laterality_{side}"
        words += f" ({_uncapitalised(code, lang) if code in vocabulary.phrases() else side})"
    views = views_text(film.get("views", ()), lang)
    return f"{words}, {views}" if views else words


def views_text(views: Iterable[str], lang: str) -> str:
    """Return views in one phrase.

    Examples
    --------
    >>> views_text(["PA", "LATERAL"], "en"), views_text(["FRONTAL", "LL"], "ru")
    ('PA and lateral views', 'прямая и боковая проекции')
    """
    one, many = (" view", " views") if lang == "en" else (" проекция", " проекции")
    views = list(dict.fromkeys(_lower(view_name(view, lang)) for view in views))
    if len(views) < 2 or not all(view.endswith(one) for view in views):
        return ", ".join(views)
    bare = [view.removesuffix(one) for view in views]
    return f"{', '.join(bare[:-1])} {'and' if lang == 'en' else 'и'} {bare[-1]}{many}"


def _lower(text: str) -> str:
    """Return `text` without its capital, unless it starts with an abbreviation."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _uncapitalised(code: str, lang: str) -> str:
    return _lower(vocabulary.phrase_text(code, lang))


def _body_part(name: str, lang: str) -> str:
    return vocabulary.body_part(name).text[lang]


def _where(side: str | None, lang: str) -> str:
    return vocabulary.phrase_text(f"side_{side}", lang) if side else ""


def _reasons(reasons: Iterable[str | Mapping[str, Any]], lang: str) -> str:
    words = []
    for reason in reasons:
        code, facts = (reason, {}) if isinstance(reason, str) else (reason["code"], reason.get("facts", {}))
        try:
            words.append(vocabulary.note_text(code, lang, facts))
        except InputError:
            words.append(code)
    return "; ".join(dict.fromkeys(words))


def _changes(changes: Iterable[Mapping[str, Any]], lang: str) -> str:
    def name(change: Mapping[str, Any]) -> str:
        if change["kind"] == "measurement" and change["code"] in vocabulary.quantities():
            return _lower(vocabulary.quantity(change["code"]).text[lang])
        return _within(change["code"], lang)

    return "; ".join(
        f"{name(c)} {_number(float(c['before']), lang):.2f} → {_number(float(c['after']), lang):.2f}" for c in changes
    )


def _marks(marks: Mapping[str, float | None], lang: str) -> str:
    """Return marks of the median beat, ms from R."""

    def word(code: str, ms: float | None) -> str:
        name = vocabulary.page_text(f"mark_{code.removesuffix('_ms')}", lang)
        if ms is None:
            return f"{name}: {vocabulary.page_text('mark_absent', lang)}"
        return f"{name} {ms:+.0f} {vocabulary.page_text('unit_ms', lang)}".replace("-", "\N{MINUS SIGN}")

    return ", ".join(word(code, ms) for code, ms in marks.items())


def _date(day: Any, lang: str) -> str:
    """Return a day as the language writes it, from ISO 8601 or a DICOM date; other text as it is."""
    text = str(day)
    try:
        parsed = date.fromisoformat(text[:10] if "-" in text else text[:8])
    except ValueError:
        return text
    return f"{parsed:%d.%m.%Y}" if lang == "ru" else parsed.isoformat()


def _label(code: str, lang: str) -> str:
    return vocabulary.score_text(code, lang)


def _said(code: str, lang: str) -> str:
    return vocabulary.statement(code).text[lang]


_WORDS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "finding": _finding,
    "findings": _findings,
    "scored": _scored,
    "film": _film,
    "body_part": _body_part,
    "header": _view,
    "pixels": _view,
    "where": _where,
    "reasons": _reasons,
    "changes": _changes,
    "marks": _marks,
    "date": _date,
    "label": _label,
    "said": _said,
}
