"""The tables of a triage: a study's line of the worklist, the worklist, the quarantine."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.batch.files import whole_file
from ecg_engine.errors import InputError
from ecg_engine.interpretation.worklist import Entry

__all__ = ["COLUMNS", "FOLDER", "cells_of", "changes_cells", "entry_of", "write_quarantine", "write_worklist"]

#: Columns of ``worklist.csv``.
COLUMNS: Final = (
    "rank", "level", "because", "priority", "patient_id", "sex", "age", "date", "time", "accession", "modality",
    "body_part", "view", "gate", "findings", "cardiothoracic_ratio", "conclusion", "previous", "changes", "n_images",
    "notes", "report", "picture", "overlay", "study_uid", "file",
)  # fmt: skip
#: Of the studies' files, in that of the results.
FOLDER: Final = "studies"
#: Below this age the first decimal counts, years.
_WHOLE_YEARS: Final = 10
_EPOCH: Final = datetime(1970, 1, 1)
#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@")


def entry_of(report: Mapping[str, Any], key: str) -> Entry:
    """Return what the place of a study in the worklist depends on; it began to wait when it was taken."""
    study = report["study"]
    try:
        clock = (study.get("time") or "00:00:00").replace(":60", ":59")  # a leap second
        taken = datetime.fromisoformat(f"{study.get('date')}T{clock}")
        arrived: float | None = (taken - _EPOCH).total_seconds()
    except (ValueError, TypeError):
        arrived = None
    return Entry(key=key, level=report["urgency"]["level"], priority=report.get("priority"), arrived=arrived)


def cells_of(report: Mapping[str, Any], *, name: str, pictures: Collection[str]) -> dict[str, Any]:
    """Return a study's line of the worklist, all but its rank.

    Parameters
    ----------
    report : mapping
        ``StudyReport.to_dict``.
    name : str
        Of the study's files.
    pictures : collection of str
        Ends of the names of its pictures.

    Returns
    -------
    dict
        The cells of `COLUMNS`; ``because`` and ``findings`` in codes, and under ``words`` as a reader wants them.
    """
    study, patient, images = report["study"], report["patient"], report["images"]
    age = patient.get("age_years")
    seen = [finding for finding in report["findings"] if finding["seen"]]
    said = [*report["findings"], *report["notes"], *(note for image in images for note in image["notes"])]
    texts = {one["code"]: one["text"] for one in said}
    because = report["urgency"]["because"]
    overlay = next((end for end in sorted(pictures) if end.endswith(".overlay.png")), None)
    return {
        "level": report["urgency"]["level"],
        "because": "; ".join(because),
        "priority": _rounded(report.get("priority"), 4),
        "patient_id": patient.get("id"),
        "sex": patient.get("sex"),
        "age": _rounded(age, 0 if age is not None and age >= _WHOLE_YEARS else 1),
        "date": study.get("date"),
        "time": study.get("time"),
        "accession": study.get("accession"),
        "modality": study.get("modality"),
        "body_part": study.get("body_part"),
        "view": _several(image["gate"].get("view") for image in images),
        "gate": _several(_gate(image["gate"]) for image in images),
        "findings": "; ".join(_scored(finding["code"], finding) for finding in seen),
        "cardiothoracic_ratio": next((ratio for image in images if (ratio := _ratio(image)) is not None), None),
        "conclusion": (report.get("draft") or {}).get("conclusion"),
        "previous": None,
        "changes": None,
        "n_images": len(images),
        "notes": "; ".join(note["text"] for note in report["notes"] if note["stage"] == "batch"),
        "report": f"{FOLDER}/{name}.json",
        "picture": f"{FOLDER}/{name}.0.png" if "0.png" in pictures else None,
        "overlay": None if overlay is None else f"{FOLDER}/{name}.{overlay}",
        "study_uid": study.get("study_uid"),
        "file": images[0]["image"].get("path"),
        "words": {
            "because": "; ".join(texts.get(code) or _reason(code, report["lang"]) for code in because),
            "findings": "; ".join(_scored(finding["text"], finding) for finding in seen),
        },
    }


def changes_cells(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells that tell what has changed since an earlier study."""
    beyond = [change for change in report["changes"] if change["beyond_error"]]
    return {
        "previous": None if report["previous"] is None else report["previous"]["date"],
        "changes": "; ".join(f"{c['text']} {c['before']:.2f} > {c['after']:.2f}" for c in beyond) or None,
    }


def _rounded(value: float | None, decimals: int) -> float | int | None:
    return None if value is None else round(value, decimals) if decimals else round(value)


def _several(words: Iterable[str | None]) -> str:
    return "; ".join(dict.fromkeys(word for word in words if word))


def _reason(code: str, lang: str) -> str:
    """Return the words of a note that stands in no report; its code where it has none, or needs facts."""
    try:
        return vocabulary.note_text(code, lang)
    except InputError:
        return code


def _gate(gate: Mapping[str, Any]) -> str:
    return "accepted" if gate["accepted"] else ", ".join(gate["reasons"]) or "refused"


def _scored(words: str, finding: Mapping[str, Any]) -> str:
    return f"{words} {finding['score']:.2f}{' (research)' if finding['report'] == 'research' else ''}"


def _ratio(image: Mapping[str, Any]) -> float | None:
    value = image["measurements"]["global"].get("cardiothoracic_ratio", {}).get("value")
    return None if value is None else round(value, 3)


# -------------------------------------------------------------------------------------------------------------- tables


def write_worklist(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``worklist.csv``: `rows` in their order, numbered from 1.

    Raises
    ------
    OSError
        It cannot be written.
    """
    numbered = ({"rank": rank, **row, **row["words"]} for rank, row in enumerate(rows, 1))
    _write_rows(path, COLUMNS, ([row.get(column) for column in COLUMNS] for row in numbered))


def write_quarantine(path: Path, refused: Iterable[tuple[str, str, str]]) -> None:
    """Write ``quarantine.csv``: file, reason, kind of error.

    Raises
    ------
    OSError
        It cannot be written.
    """
    _write_rows(path, ("file", "reason", "kind"), refused)


def _write_rows(path: Path, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file row by row.

    UTF-8 with its mark at the beginning, by which spreadsheets know it; texts in quotes, so that a spreadsheet can be
    told to leave them alone; a text that it would take for a formula gets an apostrophe in front.
    """
    with whole_file(path, "w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        table.writerow(heads)
        table.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        text = re.sub(r"[\x00-\x1f\x7f]+", " ", value)
        return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
    return value
