"""An earlier ECG of the patient, as a file: an ECG, or a report of one as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecg_engine.errors import InputError
from ecg_engine.types import Recording

__all__ = ["read_previous"]


def read_previous(path: str) -> Recording | Mapping[str, Any]:
    """Return the recording, or the report, in a file.

    Parameters
    ----------
    path : str
        An ECG in any format that is read, what ``ecg-engine decode --format json`` wrote, or what ``--json`` printed of
        one file.

    Raises
    ------
    InputError
        JSON that holds no report, or more than one.
    FormatError
        No ECG.
    """
    from ecg_engine.formats import read_ecg

    if not path.lower().endswith(".json"):
        return read_ecg(path)
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check the path", argument="previous") from exc
    except ValueError as exc:
        raise InputError(f"{path}: no valid JSON", argument="previous") from exc
    if isinstance(found, dict) and isinstance(found.get("results"), list):
        reports = [one.get("report") for one in found["results"] if isinstance(one, dict)]
        if len(reports) != 1:
            raise InputError(f"{path}: holds {len(reports)} reports; name one", argument="previous")
        found = reports[0]
    if not isinstance(found, dict):
        raise InputError(f"{path}: holds no report of an ECG", argument="previous")
    return found
