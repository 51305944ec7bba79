"""What the sender says of the patient: a JSON file, and options that win over it. No message quotes a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, Final

from ecg_engine.errors import InputError
from ecg_engine.settings import PatientSettings


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_age(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 130


#: Key of the file: what its value must be, in words, and the test.
_RULES: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "id": ("a text", _is_text),
    "name": ("a text", _is_text),
    "birth_date": ("a date as 1964-03-31", _is_date),
    "age_years": ("a number of years, 0 to 130", _is_age),
    "sex": ('"F" or "M"', lambda value: value in ("F", "M")),
    "pacemaker": ("true or false", lambda value: isinstance(value, bool)),
    "complaint": ("a text", _is_text),
    "drugs": ("a list of texts", lambda value: isinstance(value, list) and all(map(_is_text, value))),
}


def patient_settings(path: Path | None, *, age_years: float | None = None, sex: str | None = None) -> PatientSettings:
    """Return the patient's facts from a file, if any, and from the options, which win.

    Raises
    ------
    InputError
        The file cannot be read, is no JSON object, or has an unknown key or a value of the wrong kind; or an option
        is out of its range.
    """
    facts = {} if path is None else read_patient(path)
    if age_years is not None:
        if not _is_age(age_years):
            raise InputError("age_years: must lie in 0 to 130; give years", argument="age_years")
        facts["age_years"] = age_years
    if sex is not None:
        if sex.upper() not in ("F", "M"):
            raise InputError("sex: give F or M", argument="sex")
        facts["sex"] = sex.upper()
    return PatientSettings(**facts)


def read_patient(path: Path) -> dict[str, Any]:
    """Return the facts in a patient file, checked.

    Raises
    ------
    InputError
        As for `patient_settings`.
    """
    found = read_object(path, argument="patient", example='{"age_years": 61, "sex": "F"}')
    known = [f.name for f in fields(PatientSettings)]
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise _wrong(f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    facts = {key: value for key, value in found.items() if value is not None}
    for key, value in facts.items():
        words, is_right = _RULES[key]
        if not is_right(value):
            raise _wrong(f"{path}: {key}: must be {words}")
    if "drugs" in facts:
        facts["drugs"] = tuple(facts["drugs"])
    return facts


def read_object(path: Path, *, argument: str, example: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises
    ------
    InputError
        The file cannot be read, is no UTF-8 text, no JSON or no object, or has a key twice.
    """
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_no_doubles)
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check the path", argument=argument) from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: is not UTF-8 text; save it as UTF-8", argument=argument) from exc
    except json.JSONDecodeError as exc:
        raise InputError(
            f"{path}: line {exc.lineno}, column {exc.colno}: no valid JSON ({exc.msg})", argument=argument
        ) from exc
    except _DoubledKeyError as exc:
        raise InputError(f"{path}: a key stands twice; keep one", argument=argument) from exc
    if not isinstance(found, dict):
        raise InputError(f"{path}: must hold one object, such as {example}", argument=argument)
    return found


class _DoubledKeyError(Exception):
    pass


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise _DoubledKeyError
    return table


def _wrong(message: str) -> InputError:
    return InputError(message, argument="patient")
