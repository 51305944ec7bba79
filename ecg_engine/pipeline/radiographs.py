"""A radiograph to its report, the radiographs of a study to one line of the worklist, files to a study's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.dicom.containers import read_source
from ecg_engine.errors import EcgEngineError, InputError, ModelError
from ecg_engine.interpretation.comparison import compare_reports
from ecg_engine.interpretation.draft import draft_phrases
from ecg_engine.interpretation.triage import judge_radiograph, judge_study
from ecg_engine.pipeline._plain import plain_patient
from ecg_engine.radiograph.anatomy import MODEL as OUTLINES_MODEL
from ecg_engine.radiograph.anatomy import measure_anatomy, segment
from ecg_engine.radiograph.findings import find, models_for_findings
from ecg_engine.radiograph.gate import MODEL as GATE_MODEL
from ecg_engine.radiograph.gate import judge_gate, look
from ecg_engine.radiograph.heart import expected_heart
from ecg_engine.radiograph.inputs import stretch
from ecg_engine.radiograph.preparation import fit, prepare
from ecg_engine.radiograph.quality import judge_quality
from ecg_engine.settings import TriageSettings
from ecg_engine.types import (
    Anatomy,
    Failure,
    Finding,
    Gate,
    Measurements,
    Note,
    Radiograph,
    RadiographReport,
    StudyOutcome,
    StudyReport,
    StudyTask,
)

__all__ = ["SQUARE_PX", "analyze_radiograph", "analyze_study", "model_hashes", "triage_study"]

#: Side of the square that everything is taken from, pixels: networks take less, a doctor's overview needs no more.
SQUARE_PX: Final = 512
#: Longer side, pixels, that a JPEG 2000 picture keeps at least when it is decoded for triage: no score moves by more
#: than 0.001 against the full decode (``benchmarks/triage/drift.py``).
DECODED_PX: Final = 1024
#: Reasons of the gate that leave the anatomy measurable.
_STILL_FRONTAL: Final = frozenset({"child", "child_by_sight"})


def analyze_radiograph(radiograph: Radiograph) -> RadiographReport:
    """Judge one radiograph: gate, quality, anatomy, findings, urgency.

    Parameters
    ----------
    radiograph : Radiograph

    Returns
    -------
    RadiographReport
        What could not be done is absent, and its `notes` say why.

    Raises
    ------
    ModelError
        The gate's network is missing or damaged: without it nothing may be scored.

    Examples
    --------
    >>> blank = Radiograph(stored=np.zeros((64, 64), np.uint8), bits_stored=8, photometric="MONOCHROME2")
    >>> analyze_radiograph(blank).urgency.level
    'unscored'
    """
    inside = fit(radiograph.full_shape, SQUARE_PX)
    square = prepare(radiograph, size=SQUARE_PX)
    stretched = stretch(square, inside)
    gate, notes = judge_gate(radiograph, look(stretched))
    anatomy, failed = _outlined(stretched, inside) if _is_upright_frontal(gate) else (None, ())
    measured = _measured(anatomy, inside, radiograph)
    quality, numbers = judge_quality(
        square, inside=inside, anatomy=anatomy, shape=radiograph.full_shape, burned_in=radiograph.burned_in
    )
    findings, maps, said = find(
        stretched, inside, shape=radiograph.full_shape, gate=gate, age_years=radiograph.age_years,
        measured={**measured, **_expected(anatomy, inside, gate.view)}, radiograph=radiograph,
    )  # fmt: skip
    return RadiographReport(
        image=_plain_image(radiograph),
        patient=plain_patient(radiograph.patient),
        gate=gate,
        quality=quality,
        measurements=Measurements(overall={**measured, **numbers}),
        findings=findings,
        urgency=judge_radiograph(gate, quality, findings),
        notes=(*radiograph.notes, *notes, *_quality_notes(quality.reasons, numbers), *failed, *said),
        anatomy=anatomy,
        maps=maps,
        square=np.rint(square * 255).astype(np.uint8),
    )


def _is_upright_frontal(gate: Gate) -> bool:
    return not set(gate.reasons) - _STILL_FRONTAL


def _outlined(
    stretched: NDArray[np.float32], inside: tuple[int, int, int, int]
) -> tuple[Anatomy | None, tuple[Note, ...]]:
    """Return the outlines, or why there are none: findings do not need them."""
    try:
        return segment(stretched, inside=inside, stretched=True), ()
    except ModelError as exc:
        facts = {"model": OUTLINES_MODEL, "reason": str(exc)}
        return None, (Note(stage="models", code="model_failed", facts=facts),)


def _measured(anatomy: Anatomy | None, inside: tuple[int, int, int, int], radiograph: Radiograph) -> dict[str, float]:
    if anatomy is None:
        return {}
    return measure_anatomy(anatomy, inside=inside, shape=radiograph.shape, spacing_mm=radiograph.spacing_mm)


def _expected(anatomy: Anatomy | None, inside: tuple[int, int, int, int], view: str | None) -> dict[str, float]:
    """Return what no report tells but a card may join with a score."""
    return {} if anatomy is None else expected_heart(anatomy, inside, view=view)


def _quality_notes(reasons: Sequence[str], numbers: Mapping[str, float]) -> tuple[Note, ...]:
    return tuple(Note(stage="quality", code=code) for code in reasons)


def analyze_study(
    radiographs: Sequence[Radiograph], previous: StudyReport | Mapping[str, Any] | None = None
) -> StudyReport:
    """Judge all radiographs of a study together: one line of the worklist.

    Parameters
    ----------
    radiographs : sequence of Radiograph
        At least one.
    previous : StudyReport or mapping, optional
        An earlier study of the patient, or what its ``to_dict`` gave.

    Returns
    -------
    StudyReport

    Raises
    ------
    InputError
        No radiograph.
    ModelError
        The gate's network is missing or damaged.
    """
    if not radiographs:
        raise InputError("radiographs: none; give at least one", argument="radiographs")
    images = tuple(analyze_radiograph(one) for one in radiographs)
    return _joined([_study_facts(one) for one in radiographs], images, previous)


def _joined(
    facts: Sequence[Mapping[str, Any]],
    images: tuple[RadiographReport, ...],
    previous: StudyReport | Mapping[str, Any] | None,
) -> StudyReport:
    urgency, priority = judge_study(images)
    study = StudyReport(
        study=_first_known(facts),
        patient=images[0].patient,
        images=images,
        findings=_highest(images),
        urgency=urgency,
        priority=priority,
    )
    if previous is not None:
        earlier = previous.study if isinstance(previous, StudyReport) else previous["study"]
        study = replace(
            study,
            changes=compare_reports(previous, study),
            previous={"study_uid": earlier.get("study_uid"), "date": earlier.get("date")},
        )
    return replace(study, phrases=draft_phrases(study))


def _highest(images: tuple[RadiographReport, ...]) -> tuple[Finding, ...]:
    """Return the highest score of each code and model, what counts before what is research."""
    best: dict[tuple[str, str], Finding] = {}
    for image in images:
        for one in image.findings:
            key = (one.code, one.model)
            if key not in best or one.score > best[key].score:
                best[key] = one
    return tuple(sorted(best.values(), key=lambda f: f.report != "default"))


def _plain_image(radiograph: Radiograph) -> dict[str, Any]:
    spacing = radiograph.spacing_mm
    return {
        "path": radiograph.path,
        "sop_instance_uid": radiograph.sop_instance_uid,
        "sop_class_uid": radiograph.sop_class_uid,
        "transfer_syntax": radiograph.transfer_syntax,
        "rows": radiograph.full_shape[0],
        "columns": radiograph.full_shape[1],
        "n_frames": radiograph.n_frames,
        "frame": radiograph.frame,
        "spacing_mm": None if spacing is None else [value / radiograph.reduction for value in spacing],
        "spacing_source": radiograph.spacing_source,
        "modality": radiograph.modality,
        "view": radiograph.view,
        "laterality": radiograph.laterality,
        "body_part": radiograph.body_part,
        "photometric": radiograph.photometric,
        "overlays": list(radiograph.overlays),
        "burned_in": radiograph.burned_in,
        "reduction": radiograph.reduction,
    }


def _study_facts(radiograph: Radiograph) -> dict[str, Any]:
    """Return what one image says of its study."""
    details = radiograph.details
    return {
        "study_uid": radiograph.study_uid,
        "date": details.get("study_date"),
        "time": details.get("study_time"),
        "accession": details.get("accession"),
        "description": details.get("study_description"),
        "institution": details.get("institution"),
        "modality": radiograph.modality,
        "body_part": radiograph.body_part,
    }


def _first_known(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return each fact as the first image that knows it says."""
    return {key: next((one[key] for one in facts if one[key]), None) for key in facts[0]}


def model_hashes() -> tuple[str, ...]:
    """Return the hashes of the cards of the models that a triage uses, for `job_key`; each names its weights' hash.

    Raises
    ------
    ModelError
        A model cannot be used.
    """
    from ecg_engine.models import load_model

    own = (load_model(name).card.card_sha256 for name in (GATE_MODEL, OUTLINES_MODEL))
    return (*own, *(model.card.card_sha256 for model in models_for_findings()))


# --------------------------------------------------------------------------------------------------------------- files


def triage_study(task: StudyTask) -> StudyOutcome:
    """Read the files of a study, judge them together, draw what the settings ask for.

    Parameters
    ----------
    task : StudyTask

    Returns
    -------
    StudyOutcome
        Never raises for a bad file: `StudyOutcome.failures` name it, and the others are done.

    Raises
    ------
    ModelError
        A model that everything needs is missing or damaged.
    """
    settings = task.settings
    facts: list[Mapping[str, Any]] = []
    images: list[RadiographReport] = []
    failures: list[Failure] = []
    for source in task.sources:
        try:
            read = read_source(source, least_side=DECODED_PX if settings.reduced else None)
            images.append(analyze_radiograph(read))
        except ModelError:
            raise
        except EcgEngineError as exc:
            failures.append(Failure(source=source, error=str(exc), error_kind=type(exc).__name__))
            continue
        facts.append(_study_facts(read))
    if not images:
        return StudyOutcome(study_uid=task.study_uid, failures=tuple(failures))
    report = _joined(facts, tuple(images), None)
    return StudyOutcome(
        study_uid=task.study_uid,
        report=report.to_dict(settings.lang),
        pictures=_pictures(report.images, settings),
        failures=tuple(failures),
    )


def _pictures(images: tuple[RadiographReport, ...], settings: TriageSettings) -> dict[str, bytes]:
    from ecg_engine.report.pictures import overlay, thumbnail

    if not settings.thumbnail_px:
        return {}
    drawn: dict[str, bytes] = {}
    for i, image in enumerate(images):
        drawn[f"{i}.png"] = thumbnail(image, px=settings.thumbnail_px)
        flagged = any(finding.seen for finding in image.findings)
        if settings.overlays == "all" or (settings.overlays == "flagged" and flagged):
            drawn[f"{i}.overlay.png"] = overlay(image, px=max(SQUARE_PX, settings.thumbnail_px), lang=settings.lang)
    return drawn
