"""Each study beside the one before it of the same patient: the last pass over a ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.batch.files import report_bytes, write_files
from ecg_engine.batch.ledger import Ledger
from ecg_engine.batch.tables import changes_cells

__all__ = ["Compare", "compare_studies"]

Compare = Callable[[Mapping[str, Any], Mapping[str, Any]], list[dict[str, Any]]]
#: What stands for a patient's ID where there is none, small letters without marks: many patients share it.
_NOBODY: Final = frozenset({"anonymous", "anonymized", "anonymised", "anon", "unknown", "none", "null", "na", "nn",
                            "patient", "test", "nopatientid", "noid", "notavailable", "x", "xx", "xxx"})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    key: str
    name: str
    birth_date: str | None
    sex: str | None
    date: str
    time: str | None
    cells: str


def compare_studies(ledger: Ledger, folder: Path, compare: Compare, *, lang: str) -> None:
    """Add to each study what has changed since the one before it.

    Parameters
    ----------
    ledger : Ledger
    folder : Path
        Of the studies' files.
    compare : callable
        As `interpretation.comparison.compare`.
    lang : {"en", "ru"}

    Notes
    -----
    Earlier is a study with the same patient ID, which is not one of those that stand for nobody; whose birth date and
    sex do not contradict; and whose date, or on the same day whose time, is before. The result depends on the studies
    alone, whatever was done in which run.
    """
    patients = ledger.pages(  # also those of whom one is left, who may have been compared with one that is gone
        "SELECT patient_id FROM studies WHERE state = 'done' AND patient_id > ? GROUP BY patient_id"
        " HAVING COUNT(*) > 1 OR MAX(json_extract(cells, '$.previous') IS NOT NULL) ORDER BY patient_id LIMIT ?",
        after="",
    )
    for (patient_id,) in patients:
        if not is_nobody(patient_id):
            for line, earlier in _pairs(list(_lines(ledger, patient_id))):
                _rewrite(ledger, folder, line, earlier, compare, lang)


def is_nobody(patient_id: str) -> bool:
    """Return whether a patient's ID names nobody.

    Examples
    --------
    >>> is_nobody("ANONYMOUS"), is_nobody("0000"), is_nobody("17-0042")
    (True, True, False)
    """
    plain = "".join(letter for letter in patient_id.casefold() if letter.isalnum())
    return plain.strip("0") == "" or plain in _NOBODY


def _lines(ledger: Ledger, patient_id: str) -> Iterator[_Line]:
    rows = ledger.rows(
        "SELECT key, name, birth_date, sex, date, time, cells FROM studies WHERE patient_id = ? AND state = 'done'"
        " AND date IS NOT NULL ORDER BY date, time, key",
        (patient_id,),
    )
    for key, name, birth_date, sex, date, time, cells in rows:
        yield _Line(key=key, name=name, birth_date=birth_date, sex=sex, date=date, time=time, cells=cells)


def _pairs(lines: list[_Line]) -> Iterator[tuple[_Line, _Line | None]]:
    for i, line in enumerate(lines):
        yield line, next((other for other in reversed(lines[:i]) if _is_earlier(other, line)), None)


def _is_earlier(other: _Line, line: _Line) -> bool:
    for before, after in ((other.birth_date, line.birth_date), (other.sex, line.sex)):
        if before is not None and after is not None and before != after:
            return False
    if other.date != line.date:
        return other.date < line.date
    return other.time is not None and line.time is not None and other.time < line.time


def _rewrite(ledger: Ledger, folder: Path, line: _Line, earlier: _Line | None, compare: Compare, lang: str) -> None:
    path = folder / f"{line.name}.json"
    before = path.read_bytes()
    report = json.loads(before)
    report["changes"], report["previous"] = [], None
    if earlier is not None:
        previous = json.loads((folder / f"{earlier.name}.json").read_bytes())
        report["changes"] = [_with_text(change, lang) for change in compare(previous, report)]
        report["previous"] = {"study_uid": previous["study"].get("study_uid"), "date": earlier.date}
    after = report_bytes(report)
    cells = json.dumps({**json.loads(line.cells), **changes_cells(report)})
    if after != before:
        write_files({path: after})
    if cells != line.cells:
        with ledger.writing():
            ledger.run("UPDATE studies SET cells = ? WHERE key = ?", (cells, line.key))


def _with_text(change: Mapping[str, Any], lang: str) -> dict[str, Any]:
    code = change["code"]
    term = vocabulary.finding(code) if change["kind"] == "finding" else vocabulary.quantity(code)
    return {"code": code, "text": term.text[lang], **{k: v for k, v in change.items() if k != "code"}}
