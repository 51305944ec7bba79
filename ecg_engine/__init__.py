"""ecg_engine: ECG files to measurements, statements, an urgency and a page to sign; radiographs to a worklist.

Everything public is imported on first use, so that ``import ecg_engine`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecg_engine.detection import RPeakDetector, classify_beats, delineate, detect_beats, detect_r_peaks
    from ecg_engine.dicom.radiographs import read_radiograph
    from ecg_engine.errors import EcgEngineError
    from ecg_engine.formats import open_ecg, read_ecg, write_ecg
    from ecg_engine.pipeline import analyze_ecg, analyze_radiograph, analyze_study
    from ecg_engine.report import render
    from ecg_engine.settings import Corrections
    from ecg_engine.types import (
        ABSENT,
        Annotation,
        EcgReport,
        Filters,
        Patient,
        Radiograph,
        RadiographReport,
        Recording,
        Source,
        StudyReport,
    )

_WHERE = {
    "ABSENT": "types",
    "Annotation": "types",
    "Corrections": "settings",
    "EcgEngineError": "errors",
    "EcgReport": "types",
    "Filters": "types",
    "Patient": "types",
    "RPeakDetector": "detection",
    "Radiograph": "types",
    "RadiographReport": "types",
    "Recording": "types",
    "Source": "types",
    "StudyReport": "types",
    "analyze_ecg": "pipeline",
    "analyze_radiograph": "pipeline",
    "analyze_study": "pipeline",
    "classify_beats": "detection",
    "delineate": "detection",
    "detect_beats": "detection",
    "detect_r_peaks": "detection",
    "open_ecg": "formats",
    "read_ecg": "formats",
    "read_radiograph": "dicom.radiographs",
    "render": "report",
    "write_ecg": "formats",
}

__all__ = [
    "ABSENT",
    "Annotation",
    "Corrections",
    "EcgEngineError",
    "EcgReport",
    "Filters",
    "Patient",
    "RPeakDetector",
    "Radiograph",
    "RadiographReport",
    "Recording",
    "Source",
    "StudyReport",
    "analyze_ecg",
    "analyze_radiograph",
    "analyze_study",
    "classify_beats",
    "delineate",
    "detect_beats",
    "detect_r_peaks",
    "open_ecg",
    "read_ecg",
    "read_radiograph",
    "render",
    "write_ecg",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ecg_engine")
    if name in _WHERE:
        value = getattr(import_module(f"ecg_engine.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ecg_engine' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
