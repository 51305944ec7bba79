"""The one place that knows the whole: a recording or a radiograph to its report, and files to their results."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecg_engine.pipeline.ecg import analyze_ecg, decode_file, with_patient
    from ecg_engine.pipeline.keys import job_key
    from ecg_engine.pipeline.radiographs import analyze_radiograph, analyze_study, model_hashes, triage_study

# A worker that triages imports nothing of ECGs, and the other way round.
_WHERE = {
    "analyze_ecg": "ecg",
    "analyze_radiograph": "radiographs",
    "analyze_study": "radiographs",
    "decode_file": "ecg",
    "job_key": "keys",
    "model_hashes": "radiographs",
    "triage_study": "radiographs",
    "with_patient": "ecg",
}

__all__ = [
    "analyze_ecg",
    "analyze_radiograph",
    "analyze_study",
    "decode_file",
    "job_key",
    "model_hashes",
    "triage_study",
    "with_patient",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f"ecg_engine.pipeline.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ecg_engine.pipeline' has no attribute {name!r}")
