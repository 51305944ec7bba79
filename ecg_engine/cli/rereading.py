"""What a recording is read again with: a doctor's corrections, an earlier ECG. No message quotes the patient."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ecg_engine.cli.patients import read_object
from ecg_engine.errors import InputError
from ecg_engine.settings import Corrections

__all__ = ["hash_of", "read_corrections"]


def read_corrections(path: Path) -> Corrections:
    """Return the corrections in a file.

    Raises
    ------
    InputError
        The file cannot be read, is no JSON object, or has an unknown key or a wrong value.
    """
    found = read_object(path, argument="correct", example='{"swap_leads": [["RA", "LA"]]}')
    try:
        return Corrections.from_dict(found)
    except InputError as exc:
        raise InputError(f"{path}: {exc}", argument="correct") from exc


def hash_of(path: Path) -> str:
    """Return the SHA-256 of the earlier ECG, which makes it part of a result's name.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check the path", argument="previous") from exc
