"""Frozen records: what flows between the layers. No text stands in them; texts come from `vocabulary`."""

from ecg_engine.types.marks import ABSENT, Beats, Delineation, LeadMarks
from ecg_engine.types.radiograph import LookUpTable, Radiograph, Window
from ecg_engine.types.recording import Annotation, Filters, Patient, Recording, Source
from ecg_engine.types.report import (
    EcgReport,
    Evidence,
    LeadQuality,
    Measurements,
    MedianBeat,
    Note,
    Quality,
    Statement,
    Urgency,
)
from ecg_engine.types.work import Outcome, Task

__all__ = [
    "ABSENT",
    "Annotation",
    "Beats",
    "Delineation",
    "EcgReport",
    "Evidence",
    "Filters",
    "LeadMarks",
    "LeadQuality",
    "LookUpTable",
    "Measurements",
    "MedianBeat",
    "Note",
    "Outcome",
    "Patient",
    "Quality",
    "Radiograph",
    "Recording",
    "Source",
    "Statement",
    "Task",
    "Urgency",
    "Window",
]
