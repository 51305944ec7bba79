"""Functions that play the pipeline in workers: found there by their names, so they stand in a module of their own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from ecg_engine.dicom.containers import read_source
from ecg_engine.errors import EcgEngineError, ModelError
from ecg_engine.types import Failure, Radiograph, StudyOutcome, StudyTask


def double_or_die(n: int) -> int:
    """Twice `n`; 13 kills its process, 66 hangs, 7 is a fault of ours."""
    if n == 13:
        os._exit(3)
    if n == 66:
        time.sleep(3600)
    if n == 7:
        raise KeyError("secret")
    if n == 404:
        raise ModelError("weights missing")
    return 2 * n


def die_once(marker: str) -> str:
    """Kill the process where the file `marker` is; it is gone the second time."""
    path = Path(marker)
    if path.exists():
        path.unlink()
        os._exit(3)
    return marker


def spin_in_c(n: int) -> int:
    """Hang in C, where no thread of Python gets its turn."""
    if n == 1:
        return (3 ** (10**8)) % 2
    return n


def count_threads(_: Any) -> tuple[str | None, int]:
    """Multiply matrices, and count this process's threads."""
    a = np.ones((600, 600))
    (a @ a).sum()
    return os.environ.get("OMP_NUM_THREADS"), len(os.listdir("/proc/self/task"))


def triage(task: StudyTask) -> StudyOutcome:
    """Play `pipeline.triage_study`: read the files, and score them by what their pixels sum to.

    A file whose name holds ``kills`` ends the process, one with ``hangs`` never ends.
    """
    images, failures = [], []
    for source in task.sources:
        if "kills" in Path(source).name:
            os._exit(3)
        if "hangs" in Path(source).name:
            time.sleep(3600)
        try:
            images.append(_image(read_source(source)))
        except EcgEngineError as exc:
            failures.append(Failure(source=source, error=str(exc), error_kind=type(exc).__name__))
    if not images:
        return StudyOutcome(study_uid=task.study_uid, failures=tuple(failures))
    return StudyOutcome(
        study_uid=task.study_uid,
        report=_report(images),
        pictures={"0.png": b"\x89PNG picture", "0.overlay.png": b"\x89PNG overlay"},
        failures=tuple(failures),
    )


def _image(film: Radiograph) -> dict[str, Any]:
    score = round(float(film.stored.astype(np.int64).sum() % 1000) / 1000, 6)
    return {
        "film": film,
        "image": {"path": film.path},
        "gate": {"accepted": score > 0.05, "reasons": [] if score > 0.05 else ["noisy"], "view": film.view},
        "measurements": {"global": {"cardiothoracic_ratio": {"value": 0.4 + score / 5, "unit": "1"}}},
        "findings": [],
        "notes": [{"stage": "reading", "code": note.code, "facts": {}, "text": note.code} for note in film.notes],
        "score": score,
    }


def _report(images: list[dict[str, Any]]) -> dict[str, Any]:
    film, score = images[0].pop("film"), max(image.pop("score") for image in images)
    for image in images[1:]:
        image.pop("film")
    scored = any(image["gate"]["accepted"] for image in images)
    level = "unscored" if not scored else "critical" if score > 0.9 else "urgent" if score > 0.6 else "routine"
    finding = {"code": "effusion", "text": "Pleural effusion", "score": score, "threshold": 0.6, "seen": score >= 0.6,
               "model": "fake", "model_sha256": "f" * 64, "region": None, "report": "default"}  # fmt: skip
    details = film.details
    return {
        "schema_version": "1.0",
        "lang": "en",
        "study": {"study_uid": film.study_uid, "date": details.get("study_date"), "time": details.get("study_time"),
                  "accession": details.get("accession"), "description": None, "modality": film.modality,
                  "body_part": film.body_part},
        "patient": {"id": film.patient.id, "sex": film.patient.sex, "age_years": film.patient.age_years},
        "images": images,
        "findings": [finding] if scored else [],
        "urgency": {"level": level, "because": ["effusion"] if score >= 0.6 and scored else []},
        "priority": score if scored else None,
        "changes": [],
        "previous": None,
        "draft": {"description": "", "conclusion": "=SUM(A1) Effusion" if score > 0.6 else "No finding"},
        "notes": [],
    }  # fmt: skip


def slow_triage(task: StudyTask) -> StudyOutcome:
    """As `triage`, 30 ms a study more."""
    time.sleep(0.03)
    return triage(task)


def compare(previous: Any, current: Any) -> list[dict[str, Any]]:
    """Play `interpretation.comparison.compare`."""
    before, after = previous["priority"] or 0.0, current["priority"] or 0.0
    return [{"code": "effusion", "kind": "finding", "before": before, "after": after, "beyond_error": before != after}]


def models(_: Any) -> tuple[str, ...]:
    return ("a" * 64,)


def logged_triage(task: StudyTask) -> StudyOutcome:
    """As `triage`, 20 ms a study more, and a line in the file that TRIAGE_LOG names."""
    with open(os.environ["TRIAGE_LOG"], "a") as log:
        log.write(f"{task.study_uid}\n")
    time.sleep(0.02)
    return triage(task)


def header_triage(task: StudyTask) -> StudyOutcome:
    """Report a study without reading it."""
    n = int(task.study_uid.rpartition(".")[2])
    report = {
        "lang": "en",
        "study": {"study_uid": task.study_uid, "date": None, "time": None},
        "patient": {"id": None},
        "images": [{"image": {"path": task.sources[0]}, "gate": {"accepted": True, "reasons": [], "view": None},
                    "measurements": {"global": {}}, "notes": []}],
        "findings": [],
        "urgency": {"level": "routine", "because": []},
        "priority": n % 97 / 97,
        "changes": [],
        "previous": None,
        "draft": {"conclusion": "x" * 500},
        "notes": [],
    }  # fmt: skip
    return StudyOutcome(study_uid=task.study_uid, report=report)
