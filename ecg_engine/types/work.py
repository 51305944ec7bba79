"""What travels between processes: a recipe out, a result back. Never live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecg_engine.settings import DecodeSettings, TriageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work: a file and how to do it."""

    path: str
    settings: DecodeSettings = field(default_factory=DecodeSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a task.

    Parameters
    ----------
    path : str
        The input.
    report : dict, optional
        ``EcgReport.to_dict`` in the task's language; None where the input failed.
    files : mapping of str to bytes
        Rendered results by suffix without the dot (``"pdf"``, ``"json"`` ...).
    error : str, optional
        What went wrong, where and how to mend; None where all is well.
    error_kind : str, optional
        Name of the exception's class.
    """

    path: str
    report: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    error: str | None = None
    error_kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTask:
    """The files of one study and how to do them.

    Parameters
    ----------
    study_uid : str
        What groups them: the Study Instance UID, or a name made up for a picture.
    sources : tuple of str
        Files as `dicom.containers` names them; ``archive.zip/member`` in an archive.
    settings : TriageSettings
    """

    study_uid: str
    sources: tuple[str, ...]
    settings: TriageSettings = field(default_factory=TriageSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file that could not be read: which, why and how to mend, and the kind of error."""

    source: str
    error: str
    error_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOutcome:
    """What became of a study.

    Parameters
    ----------
    study_uid : str
        The task's.
    report : dict, optional
        ``StudyReport.to_dict`` in the task's language; None where no file of it could be read.
    pictures : mapping of str to bytes
        PNGs by the end of their names: ``"0.png"`` the thumbnail of the first image, ``"0.overlay.png"`` with outlines
        and heat map.
    failures : tuple of Failure
        Files for the quarantine; the others of the study are done.
    """

    study_uid: str
    report: Mapping[str, Any] | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
