"""Codes and their texts in English and Russian, units, and the codes of other systems: data tables, a leaf.

The tables are the TOML files beside this module: ``statements``, ``quantities``, ``notes``, ``sources``, ``page``,
``drugs``, ``holter``, ``scores``, ``axis``; of radiographs ``findings``, ``body_parts``, ``phrases``, whose words are
put together in `wording`, and ``summary``.
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
    "BodyPartTerm",
    "FindingTerm",
    "QuantityTerm",
    "SourceTerm",
    "StatementTerm",
    "axis_conventions",
    "axis_text",
    "axis_word",
    "body_part",
    "body_parts",
    "change_text",
    "decimal",
    "drug_names",
    "finding",
    "findings",
    "holter_text",
    "note_text",
    "page_text",
    "phrase_starts_line",
    "phrase_text",
    "phrases",
    "quantities",
    "quantity",
    "score_text",
    "source",
    "statement",
    "statements",
    "summary_text",
    "unit_text",
]

LANGUAGES: Final = ("en", "ru")
#: Facts of notes that are codes of this vocabulary, or numbers that print as the language writes them.
_NAMED: Final = frozenset({"body_part", "header", "pixels", "marks", "label", "said", "score", "threshold"})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingTerm:
    """A finding code of radiographs: its texts by language, whether it has a side, its codes in other systems."""

    code: str
    text: Mapping[str, str]
    sided: bool = False
    snomed: str | None = None
    radlex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPartTerm:
    """A body part: its DICOM term, its names, its genitive for Russian headings, the template that describes it."""

    code: str
    text: Mapping[str, str]
    of_ru: str
    template: str
    listed: bool = True


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


#: Conventions that name the frontal QRS axis, in the order in which a report gives them, and the key of their source.
_AXIS_SOURCES: Final = {"aha": "aha_2009_iii", "russian": "murashko_2017"}


def axis_conventions() -> Mapping[str, str]:
    """Return the conventions that name the frontal QRS axis, in order, and the source key of each."""
    return dict(_AXIS_SOURCES)


def axis_word(angle_deg: float, convention: str) -> str:
    """Return the code of what a convention calls a frontal QRS axis of an adult.

    Parameters
    ----------
    angle_deg : float
        Any finite angle; taken as it is printed, in whole degrees.
    convention : {"aha", "russian"}

    Examples
    --------
    >>> axis_word(12.3, "aha"), axis_word(12.3, "russian"), axis_word(69.6, "russian")
    ('aha_normal', 'russian_horizontal', 'russian_vertical')
    """
    whole = (round(angle_deg) + 179) % 360 - 179
    for code, row in _table("axis").items():
        if row["convention"] == convention and row["from_deg"] <= whole <= row["to_deg"]:
            return str(code)
    raise InputError(f"convention: no words for the axis by {convention!r}", argument="convention")


@cache
def axis_text(code: str, lang: str) -> str:
    """Return the words of a code of `axis_word`, or raise InputError."""
    _check_lang(lang)
    said: str = _entry("axis", "axis word", code)[lang]
    return said


#: UCUM units that have a word of their own on the page.
_UNIT_WORDS: Final = {
    "ms": "unit_ms", "s": "unit_s", "mV": "unit_mv", "/min": "unit_bpm", "mV.ms": "unit_mv_ms", "mV/s": "unit_mv_s",
    "min": "unit_min", "h": "unit_h", "/h": "unit_an_hour",
}  # fmt: skip


def unit_text(unit: str, lang: str) -> str:
    """Return a UCUM unit as people write it, itself where there is no word for it.

    Examples
    --------
    >>> unit_text("mV.ms", "ru"), unit_text("deg", "en"), unit_text("1", "en")
    ('мВ·мс', '°', '')
    """
    if unit in _UNIT_WORDS:
        return page_text(_UNIT_WORDS[unit], lang)
    return {"1": "", "deg": "\N{DEGREE SIGN}"}.get(unit, unit)


@cache
def drug_names(group: str) -> tuple[str, ...]:
    """Return how the names of a group of drugs begin, in lower case, or raise InputError; see ``drugs.toml``."""
    return tuple(_entry("drugs", "drug group", group)["names"])


@cache
def finding(code: str) -> FindingTerm:
    """Return the term of a finding code; a code that is not in the table (a hospital's own model) is its own text.

    Examples
    --------
    >>> finding("effusion").text["ru"], finding("scoliosis").text["ru"]
    ('Плевральный выпот', 'scoliosis')
    """
    e: dict[str, Any] = _table("findings").get(code, {})
    return FindingTerm(
        code=code, text={k: e.get(k, code) for k in LANGUAGES}, sided=e.get("sided", False), snomed=e.get("snomed"),
        radlex=e.get("radlex"),
    )  # fmt: skip


def findings() -> tuple[str, ...]:
    """Return every finding code of the table, in the order in which a conclusion lists them."""
    return tuple(_table("findings"))


@cache
def score_text(label: str, lang: str) -> str:
    """Return what the label of an ECG model says; one that is in no table (a hospital's own model) is its own text.

    Examples
    --------
    >>> score_text("MI", "en"), score_text("lbbb_complete", "en"), score_text("scoliosis", "ru")
    ('Myocardial infarction', 'Complete left bundle branch block', 'scoliosis')
    """
    _check_lang(lang)
    if label in _table("statements"):
        return statement(label).text[lang]
    said: str = _table("scores").get(label, {}).get(lang, label)
    return said


@cache
def body_part(name: str) -> BodyPartTerm:
    """Return the body part that a file names; one that is not in the table is its own name and is not `listed`.

    Examples
    --------
    >>> body_part("Lumbar Spine").code, body_part("HAND").of_ru, body_part("TAIL").template
    ('LSPINE', 'кисти', 'other')
    """
    code = _body_part_names().get("".join(c for c in name.upper() if c.isalnum()))
    if code is None:
        return BodyPartTerm(code=name, text=dict.fromkeys(LANGUAGES, name), of_ru=name, template="other", listed=False)
    e = _table("body_parts")[code]
    return BodyPartTerm(code=code, text={k: e[k] for k in LANGUAGES}, of_ru=e["of_ru"], template=e["template"])


def body_parts() -> tuple[str, ...]:
    """Return every body part of the table, DICOM terms."""
    return tuple(_table("body_parts"))


@cache
def _body_part_names() -> dict[str, str]:
    table = _table("body_parts")
    return {name: code for code, entry in table.items() for name in (code, *entry.get("aliases", ()))}


def note_text(code: str, lang: str, facts: Mapping[str, Any] | None = None) -> str:
    """Return the text of a note or reason, its ``{facts}`` filled in.

    Raises
    ------
    InputError
        Unknown code or language, or a fact that the text needs is missing.
    """
    _check_lang(lang)
    template: str = _entry("notes", "note", code)[lang]
    named = {k: v for k, v in (facts or {}).items() if k in _NAMED}
    try:
        return template.format(**{**(facts or {}), **wording.in_words(named, lang)})
    except (KeyError, ValueError) as exc:
        raise InputError(f"note {code}: its text needs a fact that is missing: {exc}", argument="facts") from exc


def change_text(
    code: str, kind: str, lang: str, *, difference: float | None = None, lead: str | None = None, age: str | None = None
) -> str:
    """Return what differs from an earlier ECG, in words.

    Parameters
    ----------
    code : str
        Of a statement, or of a quantity where `kind` is ``"measurement"``.
    kind : {"measurement", "new", "resolved"}
    lang : {"en", "ru"}
    difference : float, optional
        Of the quantity, in its unit.
    lead : str, optional
    age : {"acute", "old", "undetermined"}, optional
        Of an infarction.

    Examples
    --------
    >>> change_text("qrs_ms", "measurement", "en", difference=34.0)
    'QRS longer by 34 ms'
    >>> change_text("lbbb_complete", "new", "ru")
    'появилось: Полная блокада левой ножки пучка Гиса'
    """
    if kind != "measurement":
        what = statement(code).text[lang] + (f" ({page_text(f'age_{age}', lang)})" if age else "")
        return page_text(f"change_{kind}", lang, what=what)
    assert difference is not None
    term = quantity(code)
    name = page_text("st", lang) if code == "st_j_mv" else term.text[lang]
    what = name if lead is None else f"{name} {lead}"
    size = wording.decimal(abs(difference), 2 if term.unit == "mV" else term.decimals, lang)
    by = f"{size}{unit_text(term.unit, lang)}" if term.unit == "deg" else f"{size} {unit_text(term.unit, lang)}"
    more, less = {"ms": ("longer", "shorter"), "deg": ("right", "left")}.get(term.unit, ("higher", "lower"))
    return page_text(f"change_{more if difference >= 0 else less}", lang, what=what, by=by)


def phrase_text(code: str, lang: str, facts: Mapping[str, Any] | None = None) -> str:
    """Return a sentence of a draft text, its ``{facts}`` put into words (`wording.in_words`).

    Raises
    ------
    InputError
        Unknown code or language, or a fact that the sentence needs is missing.

    Examples
    --------
    >>> phrase_text("conclusion_finding", "ru", {"finding": "effusion", "where": "right", "score": 0.834})
    'Плевральный выпот, справа (оценка 0,83).'
    """
    _check_lang(lang)
    template: str = _entry("phrases", "phrase", code)[lang]
    try:
        return wording.capitalised(template.format(**wording.in_words(facts or {}, lang)))
    except (KeyError, ValueError) as exc:
        raise InputError(f"phrase {code}: it needs a fact that is missing: {exc}", argument="facts") from exc


def phrase_starts_line(code: str) -> bool:
    """Return whether a sentence of a draft text starts a line of its own."""
    return bool(_entry("phrases", "phrase", code).get("paragraph", False))


def phrases() -> tuple[str, ...]:
    """Return every code of a draft text's sentences and their parts."""
    return tuple(_table("phrases"))


def page_text(key: str, lang: str, **facts: Any) -> str:
    """Return a word or line of the printed page, its ``{facts}`` filled in."""
    _check_lang(lang)
    template: str = _entry("page", "page text", key)[lang]
    return template.format(**facts) if facts else template


def holter_text(key: str, lang: str, **facts: Any) -> str:
    """Return a word or line of the pages of a long recording, its ``{facts}`` filled in."""
    _check_lang(lang)
    template: str = _entry("holter", "holter text", key)[lang]
    return template.format(**facts) if facts else template


def summary_text(key: str, lang: str, **facts: Any) -> str:
    """Return a word or line of the page of a batch, its ``{facts}`` filled in."""
    _check_lang(lang)
    template: str = _entry("summary", "summary text", key)[lang]
    return template.format(**facts) if facts else template


from ecg_engine.vocabulary import wording  # noqa: E402 - it looks words up in the tables above
from ecg_engine.vocabulary.wording import decimal  # noqa: E402
