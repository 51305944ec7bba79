"""Frozen records: what flows between the layers. No text stands in them; texts come from `vocabulary`."""

from ecg_engine.types.findings import (
    Anatomy,
    Change,
    Finding,
    Gate,
    ImageQuality,
    Phrase,
    RadiographReport,
    StudyReport,
)
from ecg_engine.types.long import Episode, Extreme, HeartRateVariability, Hour, LongSummary
from ecg_engine.types.marks import ABSENT, Beats, Delineation, LeadMarks
from ecg_engine.types.radiograph import LookUpTable, Radiograph, Window
from ecg_engine.types.recording import Annotation, DeviceBeat, Filters, Patient, Recording, Source
from ecg_engine.types.report import (
    EcgReport,
    Evidence,
    LeadQuality,
    Measurements,
    MedianBeat,
    Note,
    Quality,
    Spell,
    Statement,
    Urgency,
)
from ecg_engine.types.work import Failure, Outcome, StudyOutcome, StudyTask, Task

__all__ = [
    "ABSENT",
    "Anatomy",
    "Annotation",
    "Beats",
    "Change",
    "Delineation",
    "DeviceBeat",
    "EcgReport",
    "Episode",
    "Evidence",
    "Extreme",
    "Failure",
    "Filters",
    "Finding",
    "Gate",
    "HeartRateVariability",
    "Hour",
    "ImageQuality",
    "LeadMarks",
    "LeadQuality",
    "LongSummary",
    "LookUpTable",
    "Measurements",
    "MedianBeat",
    "Note",
    "Outcome",
    "Patient",
    "Phrase",
    "Quality",
    "Radiograph",
    "RadiographReport",
    "Recording",
    "Source",
    "Spell",
    "Statement",
    "StudyOutcome",
    "StudyReport",
    "StudyTask",
    "Task",
    "Urgency",
    "Window",
]
