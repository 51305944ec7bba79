"""The name of a result: the same for the same input, engine, models and settings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from ecg_engine.settings import DecodeSettings, TriageSettings

__all__ = ["job_key"]


def job_key(
    content: bytes, settings: DecodeSettings | TriageSettings, *, engine: str, models: tuple[str, ...] = ()
) -> str:
    """Return the name of a result: the same for the same file, engine, models and settings, and for no other.

    Parameters
    ----------
    content : bytes
        The input file.
    settings : DecodeSettings or TriageSettings
    engine : str
        Version of this package.
    models : tuple of str
        Hashes of the models used.

    Returns
    -------
    str
        Hexadecimal SHA-256.
    """
    parts = [hashlib.sha256(content).hexdigest(), engine, *models, json.dumps(asdict(settings), sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
