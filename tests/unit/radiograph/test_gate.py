"""The gate: header and pixels both have a say, and whichever speaks against keeps the picture out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ecg_engine.radiograph.gate import KINDS, TURNS_DEG, Sight, judge_gate, look
from ecg_engine.radiograph.inputs import stretch
from ecg_engine.types import Patient, Radiograph

CARD = {"chest": 0.8, "lateral": 0.5, "upright": 0.5, "inverted": 0.5, "mirrored": 0.9, "child": 0.9}
CARD["child_against_header"] = 0.98


def sight(kind: str = "frontal", turned: int = 0, **probabilities: float) -> Sight:
    """Return what a network sure of itself sees."""
    return Sight(
        kind={name: 0.97 if name == kind else 0.01 for name in KINDS},
        turned={deg: 0.97 if deg == turned else 0.01 for deg in TURNS_DEG},
        **({"inverted": 0.01, "mirrored": 0.01, "child": 0.01} | probabilities),
        thresholds=CARD,
    )


def film(**facts: Any) -> Radiograph:
    made = {"view": "PA", "body_part": "CHEST", "modality": "DX", "patient": Patient(age_years=50.0)} | facts
    return Radiograph(stored=np.zeros((64, 64), np.uint8), bits_stored=8, photometric="MONOCHROME2", **made)


def test_an_adults_upright_frontal_chest_passes() -> None:
    gate, notes = judge_gate(film(), sight())
    assert gate.accepted
    assert (gate.view, gate.view_source, gate.child, gate.body_part) == ("PA", "header", False, "CHEST")
    assert notes == ()


@pytest.mark.parametrize(
    ("facts", "seen", "reason"),
    [
        ({}, {"kind": "lateral"}, "lateral_view"),
        ({"view": "LL"}, {}, "lateral_view"),
        ({"view": "LATERAL"}, {"kind": "lateral"}, "lateral_view"),
        ({}, {"turned": 90}, "turned"),
        ({}, {"turned": 180}, "turned"),
        ({}, {"inverted": 0.9}, "inverted"),
        ({}, {"kind": "other_radiograph"}, "not_chest"),
        ({"body_part": None}, {"kind": "no_radiograph"}, "not_chest"),
        ({"body_part": "HAND"}, {"kind": "other_radiograph"}, "other_body_part"),
        ({"body_part": "HAND"}, {}, "body_part_contradiction"),
        ({"modality": "CT"}, {}, "not_radiograph"),
        ({"patient": Patient(age_years=5.0)}, {}, "child"),
        ({"patient": Patient()}, {"child": 0.95}, "child_by_sight"),
        ({"patient": Patient(age_years=40.0)}, {"child": 0.99}, "child_by_sight"),
    ],
)
def test_each_reason_keeps_a_picture_out_and_is_told(facts: dict[str, Any], seen: dict[str, Any], reason: str) -> None:
    gate, notes = judge_gate(film(**facts), sight(**seen))
    assert not gate.accepted
    assert reason in gate.reasons
    assert {note.code for note in notes} >= set(gate.reasons)


def test_a_header_that_calls_a_lateral_pa_is_contradicted_aloud() -> None:
    gate, notes = judge_gate(film(view="PA"), sight("lateral"))
    assert (gate.view, gate.view_source) == ("LATERAL", "pixels")
    said = next(note for note in notes if note.code == "view_contradicts_header")
    assert said.facts == {"header": "PA", "pixels": "LATERAL"}


def test_a_child_is_a_child_by_age_and_a_sure_look_only() -> None:
    assert judge_gate(film(patient=Patient(age_years=40.0)), sight(child=0.95))[0].child is False
    gate, notes = judge_gate(film(patient=Patient()), sight(child=0.5))
    assert gate.accepted
    assert gate.child is None
    assert [note.code for note in notes] == ["age_unknown_radiograph"]


def test_a_mirrored_heart_is_told_and_keeps_nothing_out() -> None:
    gate, notes = judge_gate(film(), sight(mirrored=0.95))
    assert gate.accepted
    assert [note.code for note in notes] == ["maybe_mirrored"]


def test_a_frontal_of_unknown_direction_is_called_frontal() -> None:
    gate, _ = judge_gate(film(view=None), sight())
    assert (gate.view, gate.view_source) == ("FRONTAL", "pixels")


def test_a_picture_of_few_pixels_is_refused_by_its_full_size() -> None:
    small = replace(film(), stored=np.zeros((40, 64), np.uint8))
    gate, notes = judge_gate(small, sight())
    assert gate.reasons == ("low_resolution",)
    assert notes[0].facts == {"pixels": 40, "needed": 48}


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_picture_of_one_grey_is_no_chest(level: float) -> None:
    seen = look(stretch(np.full((512, 512), level, np.float32), (0, 0, 512, 512)))
    assert "not_chest" in judge_gate(film(), seen)[0].reasons
