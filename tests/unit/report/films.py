"""Reports of radiographs made by hand: what pages, drafts and worklists are given, without the engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ecg_engine.interpretation.draft import draft_phrases
from ecg_engine.interpretation.triage import judge_radiograph, judge_study
from ecg_engine.types import (
    Anatomy,
    Finding,
    Gate,
    ImageQuality,
    Measurements,
    Note,
    RadiographReport,
    StudyReport,
    Urgency,
)

MODEL = "chest findings 1.0"
PATIENT = {
    "id": "A-1042", "name": "Иванова Мария Петровна", "birth_date": "1962-03-04", "age_years": 61.0, "sex": "F",
    "pacemaker": None, "complaint": None, "drugs": [],
}  # fmt: skip
PA = Gate(
    accepted=True, view="PA", view_source="header", child=False, body_part="CHEST", probabilities={"frontal": 0.99}
)
LATERAL = Gate(accepted=False, reasons=("lateral_view",), view="LATERAL", view_source="header", body_part="CHEST")
HAND = Gate(accepted=False, reasons=("other_body_part",), body_part="HAND")
GOOD = ImageQuality(acceptable=True)
SIZE = 512


def finding(code: str, score: float, threshold: float = 0.5, **changes: Any) -> Finding:
    values = {"model": MODEL, "model_sha256": "ab" * 32, "report": "default", **changes}
    return Finding(code=code, score=score, threshold=threshold, **values)


def ellipse(cy: float, cx: float, ry: float, rx: float, size: int = SIZE) -> np.ndarray:
    y, x = np.mgrid[:size, :size] / size
    return ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1


def anatomy(confidence: float = 0.9) -> Anatomy:
    """Lungs of 0.25 to 0.75 of the width, a heart of 0.42 to 0.62: a ratio of 0.2 to 0.5."""
    return Anatomy(
        right_lung=ellipse(0.5, 0.35, 0.3, 0.1),
        left_lung=ellipse(0.5, 0.65, 0.3, 0.1),
        heart=ellipse(0.62, 0.52, 0.15, 0.1),
        confidence=confidence,
        method="by hand",
    )


def film(
    gate: Gate = PA,
    findings: tuple[Finding, ...] = (),
    *,
    ratio: float | None = None,
    quality: ImageQuality = GOOD,
    notes: tuple[Note, ...] | None = None,
    urgency: Urgency | None = None,
    image: dict[str, Any] | None = None,
    **changes: Any,
) -> RadiographReport:
    said = {
        "path": "0001.dcm", "sop_instance_uid": "1.2.3.4", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "transfer_syntax": "1.2.840.10008.1.2.1", "rows": 2048, "columns": 2048, "n_frames": 1, "frame": 0,
        "spacing_mm": [0.2, 0.2], "spacing_source": "ImagerPixelSpacing", "modality": "DX", "view": None,
        "laterality": None, "body_part": gate.body_part, "photometric": "MONOCHROME2", "overlays": [],
        "burned_in": None, "reduction": 1,
    }  # fmt: skip
    reasons = (*gate.reasons, *quality.reasons)
    facts = {"other_body_part": {"body_part": gate.body_part}, "turned": {"degrees": gate.turned_deg}}
    own = tuple(Note(stage="gate", code=code, facts=facts.get(code, {})) for code in reasons)
    return RadiographReport(
        image={**said, **(image or {})},
        patient=PATIENT,
        gate=gate,
        quality=quality,
        measurements=Measurements(overall={} if ratio is None else {"cardiothoracic_ratio": ratio}),
        findings=findings,
        urgency=urgency or judge_radiograph(gate, quality, findings),
        notes=own if notes is None else notes,
        **changes,
    )


def study(*images: RadiographReport, **changes: Any) -> StudyReport:
    best: dict[tuple[str, str], Finding] = {}
    for one in (one for image in images for one in image.findings):
        if (one.code, one.model) not in best or best[one.code, one.model].score < one.score:
            best[one.code, one.model] = one
    urgency, priority = judge_study(images)
    values: dict[str, Any] = {
        "study": {"study_uid": "1.2.3", "date": "2026-02-03", "time": "10:11:12", "accession": "77",
                  "description": "Chest", "institution": None, "modality": "DX", "body_part": "CHEST"},
        "patient": PATIENT, "images": images, "findings": tuple(sorted(best.values(), key=lambda f: f.report)),
        "urgency": urgency, "priority": priority, **changes,
    }  # fmt: skip
    bare = StudyReport(**values)
    return StudyReport(**values, phrases=draft_phrases(bare))
