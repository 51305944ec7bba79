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
    "analyze_ecg": "pipeline.ecg",
    "analyze_radiograph": "pipeline.radiographs",
    "analyze_study": "pipeline.radiographs",
    "decode_file": "pipeline.ecg",
    "job_key": "pipeline.keys",
    "model_hashes": "pipeline.radiographs",
    "triage_study": "pipeline.radiographs",
    "with_patient": "pipeline.ecg",
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
        value = getattr(import_module(f"ecg_engine.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ecg_engine.pipeline' has no attribute {name!r}")
