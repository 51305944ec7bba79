"""The gate: is a picture what the chest models were made for? By header and by pixels, since headers lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.models import load_model
from ecg_engine.radiograph.inputs import network_input
from ecg_engine.types import Gate, Note, Radiograph

__all__ = ["ADULT_YEARS", "Sight", "judge_gate", "look"]

MODEL: Final = "chest_gate"
#: Younger patients are children, years.
ADULT_YEARS: Final = 18.0
#: A picture whose shorter side has fewer pixels shows no lung markings: the coarsest set that was tried has 64.
MIN_SIDE_PX: Final = 48
KINDS: Final = ("frontal", "lateral", "other_radiograph", "no_radiograph")
TURNS_DEG: Final = (0, 90, 180, 270)
_CHEST_PARTS: Final = frozenset(
    {"", "CHEST", "THORAX", "LUNG", "LUNGS", "CHESTABDOMEN", "CHEST_TO_PELVIS", "HEART", "RIB", "PORT CHEST"}
)
_LATERAL_VIEWS: Final = frozenset(
    {"LL", "RL", "LATERAL", "LAT", "LLAT", "RLAT", "L", "LLD", "RLD", "LAO", "RAO", "LPO", "RPO", "OBLIQUE"}
)
_NO_CHEST: Final = frozenset({"not_radiograph", "not_chest", "other_body_part", "body_part_contradiction"})
_FRONTAL_VIEWS: Final = frozenset({"PA", "AP"})

#: Modalities of projection radiography (PS3.3 C.7.3.1.1.1), and those that say nothing of the picture.
_RADIOGRAPHS: Final = frozenset({"", "CR", "DX", "RG", "RF", "XC", "OT", "SC", "HC", "DD"})

_Say = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the gate network sees.

    Parameters
    ----------
    kind : dict of str to float
        Probability of each of `KINDS`.
    turned : dict of int to float
        Probability of each of `TURNS_DEG`.
    inverted, mirrored, child : float
        Probabilities; they mean something for a chest only.
    thresholds : dict of str to float
        Operating points, from the model's card.
    """

    kind: dict[str, float]
    turned: dict[int, float]
    inverted: float
    mirrored: float
    child: float
    thresholds: dict[str, float]

    @property
    def probabilities(self) -> dict[str, float]:
        """Every probability by name."""
        return {
            **self.kind,
            **{f"turned_{deg}": p for deg, p in self.turned.items()},
            "inverted": self.inverted,
            "mirrored": self.mirrored,
            "child": self.child,
        }


def look(stretched: NDArray[np.float32]) -> Sight:
    """Run the gate network on a stretched square (`inputs.stretch`).

    Raises
    ------
    ModelError
        The network is missing or does not fit its card.
    """
    model = load_model(MODEL)
    found = model.run(network_input(stretched, size=model.card.input_shape[-1]))
    return Sight(
        kind=dict(zip(KINDS, found["kind"][0].tolist(), strict=True)),
        turned=dict(zip(TURNS_DEG, found["turned"][0].tolist(), strict=True)),
        inverted=float(found["inverted"][0, 0]),
        mirrored=float(found["mirrored"][0, 0]),
        child=float(found["child"][0, 0]),
        thresholds={str(k): float(v) for k, v in model.card.document["thresholds"].items()},
    )


def judge_gate(radiograph: Radiograph, sight: Sight) -> tuple[Gate, tuple[Note, ...]]:
    """Join what the header says with what the network sees; whichever speaks against keeps the picture out.

    Parameters
    ----------
    radiograph : Radiograph
    sight : Sight

    Returns
    -------
    Gate
    tuple of Note
        What was found, in words; every reason of the gate is among them.
    """
    notes: list[Note] = []
    reasons: list[str] = []

    def say(code: str, *, refuses: bool = True, **facts: object) -> None:
        notes.append(Note(stage="gate", code=code, facts=facts))
        if refuses:
            reasons.append(code)

    limits = sight.thresholds
    modality = (radiograph.modality or "").upper()
    if modality not in _RADIOGRAPHS:
        say("not_radiograph", modality=modality)
    if min(radiograph.full_shape) < MIN_SIDE_PX:
        say("low_resolution", pixels=min(radiograph.full_shape), needed=MIN_SIDE_PX)
    chest = sight.kind["frontal"] + sight.kind["lateral"]
    body_part = _body_part(radiograph, chest >= limits["chest"], say)
    if chest < limits["chest"] and not reasons:
        say("not_chest")
    is_chest = not _NO_CHEST.intersection(reasons)
    view, source = _view(radiograph, sight, say) if is_chest else (None, None)
    turned = max(sight.turned, key=lambda deg: sight.turned[deg]) if is_chest else 0
    if turned or (is_chest and sight.turned[0] < limits["upright"]):
        say("turned", degrees=turned)
    inverted = is_chest and sight.inverted >= limits["inverted"]
    if inverted:
        say("inverted")
    if is_chest and view != "LATERAL" and not turned and not inverted and sight.mirrored >= limits["mirrored"]:
        say("maybe_mirrored", refuses=False)
    child = _child(radiograph, sight, say) if is_chest and view != "LATERAL" else _child_by_age(radiograph)
    return (
        Gate(
            accepted=not reasons,
            reasons=tuple(reasons),
            view=view,
            view_source=source,
            child=child,
            body_part=body_part,
            turned_deg=turned,
            inverted=inverted,
            probabilities=sight.probabilities,
        ),
        tuple(notes),
    )


def _body_part(radiograph: Radiograph, looks_like_chest: bool, say: _Say) -> str | None:
    said = (radiograph.body_part or "").upper()
    if said in _CHEST_PARTS:
        return "CHEST" if looks_like_chest else None
    if looks_like_chest:
        say("body_part_contradiction", body_part=said)
        return said
    say("other_body_part", body_part=said)
    return said


def _view(radiograph: Radiograph, sight: Sight, say: _Say) -> tuple[str, str]:
    said = (radiograph.view or "").upper()
    sees_lateral = sight.kind["lateral"] >= sight.thresholds["lateral"] * (
        sight.kind["lateral"] + sight.kind["frontal"]
    )
    if said in _LATERAL_VIEWS or sees_lateral:
        say("lateral_view")
        if bool(said) and sees_lateral != (said in _LATERAL_VIEWS):
            say("view_contradicts_header", refuses=False, header=said, pixels="LATERAL" if sees_lateral else "FRONTAL")
        return "LATERAL", "header" if said in _LATERAL_VIEWS else "pixels"
    return (said, "header") if said in _FRONTAL_VIEWS else ("FRONTAL", "pixels")


def _child_by_age(radiograph: Radiograph) -> bool | None:
    return None if radiograph.age_years is None else radiograph.age_years < ADULT_YEARS


def _child(radiograph: Radiograph, sight: Sight, say: _Say) -> bool | None:
    """Return whether it is a child: the header's age holds, unless the picture speaks clearly against an adult's."""
    by_age = _child_by_age(radiograph)
    if by_age:
        say("child")
        return True
    sure = sight.thresholds["child_against_header" if by_age is False else "child"]
    if sight.child >= sure:
        say("child_by_sight")
        return True
    if by_age is None:
        say("age_unknown_radiograph", refuses=False)
    return by_age
