"""The report as a JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import numpy as np

from ecg_engine.types import EcgReport, RadiographReport, StudyReport

__all__ = ["radiograph_schema", "report_json", "report_schema", "study_schema"]


def report_json(report: EcgReport | RadiographReport | StudyReport, lang: str = "en") -> bytes:
    """Return ``report.to_dict(lang)`` as UTF-8 JSON; a number that is not finite becomes null.

    Raises
    ------
    InputError
        There are no texts in this language.
    """
    plain = _plain(report.to_dict(lang))
    return (json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every report of an ECG satisfies."""
    return _schema("report")


def radiograph_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every report of a radiograph satisfies."""
    return _schema("radiograph")


def study_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every report of a study satisfies."""
    return _schema("study")


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((files("ecg_engine.report") / f"{name}.schema.json").read_bytes())
    return schema


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return value
