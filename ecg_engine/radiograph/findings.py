"""Findings of the models that a picture's gate admits, with where they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models import Model, ModelCard, load_model, model_names
from ecg_engine.radiograph.gate import ADULT_YEARS
from ecg_engine.radiograph.inputs import prepared
from ecg_engine.types import Finding, Gate, Note, Radiograph

__all__ = ["find", "models_for_findings"]

TASK: Final = "radiograph_findings"
#: Reasons of the gate that each model judges by its own card; all others keep every model out.
_BY_CARD: Final = frozenset({"child", "child_by_sight"})
#: A picture that is a child's with no more than this probability is an adult's, whatever age its header says: as sure
#: as the gate must be (0.9) before it calls one a child's.
_ADULT_BY_SIGHT: Final = 0.1
#: Where the map reaches this share of its maximum the finding is, as Zhou et al. 2016 drew their boxes
#: (doi:10.1109/CVPR.2016.319), who took 0.2 of a smoother map.
_REGION_SHARE: Final = 0.5


def models_for_findings() -> tuple[Model, ...]:
    """Return the models that score findings on radiographs, loaded.

    Raises
    ------
    ModelError
        A card or its weights cannot be used.
    """
    return tuple(load_model(name) for name in model_names(TASK))


def find(
    stretched: NDArray[np.float32],
    inside: tuple[int, int, int, int],
    *,
    shape: tuple[int, int],
    gate: Gate,
    age_years: float | None,
    measured: Mapping[str, float] | None = None,
    radiograph: Radiograph | None = None,
) -> tuple[tuple[Finding, ...], dict[str, NDArray[np.float32]], tuple[Note, ...]]:
    """Score a picture by every model whose card admits it.

    Parameters
    ----------
    stretched : (size, size) float32 array
        Of `inputs.stretch`.
    inside : (top, left, rows, columns)
        Where the picture lies in the square.
    shape : (rows, columns)
        Of the picture that regions are told in.
    gate : Gate
    age_years : float, optional
    measured : mapping of str to float, optional
        Quantities of the picture, that a card may join with a score: the cardiothoracic ratio that is to be expected
        with cardiomegaly's.
    radiograph : Radiograph, optional
        Which picture it is: some cards have their input made of stored pixels.

    Returns
    -------
    tuple of Finding
    dict of str to (rows, columns) float32 array
        Class-activation map of each finding that is seen, over the square, 0 to 1.
    tuple of Note
        Which models kept silent, and why.
    """
    findings: list[Finding] = []
    maps: dict[str, NDArray[np.float32]] = {}
    notes: list[Note] = []
    if set(gate.reasons) - _BY_CARD:
        return (), {}, ()
    for name in model_names(TASK):
        try:
            model = load_model(name)
            if not _admits(model.card, gate, age_years):
                notes.append(Note(stage="models", code="model_abstains", facts={"model": model.card.title}))
                continue
            side, how = model.card.input_shape[-1], model.card.preprocessing
            picture = prepared(stretched, inside, size=side, name=how, radiograph=radiograph)
            found = model.run(picture)
        except ModelError as exc:
            notes.append(Note(stage="models", code="model_failed", facts={"model": name, "reason": str(exc)}))
            continue
        heat = found.get("maps")
        for i, score in enumerate(model.scores(found["logits"], measured)):
            seen = score.value >= score.threshold
            region = None
            if seen and heat is not None:
                maps[score.code] = _heat(heat[0, i])
                region = _region(maps[score.code], len(stretched), inside, shape)
            findings.append(
                Finding(
                    code=score.code,
                    score=score.value,
                    threshold=score.threshold,
                    model=model.card.title,
                    model_sha256=model.card.sha256,
                    region=region,
                    report=score.report,
                )
            )
    return tuple(findings), maps, tuple(notes)


def _admits(card: ModelCard, gate: Gate, age_years: float | None) -> bool:
    limits: Mapping[str, Any] = card.limits
    if gate.view not in limits.get("views", (gate.view,)):
        return False
    low, high = limits.get("age_min_years"), limits.get("age_max_years")
    if age_years is None:
        # An adults' model takes a picture of unknown age that does not look like a child's; a children's takes none.
        return high is None and not gate.child
    if low is not None and (age_years < low or (high is None and "child_by_sight" in gate.reasons)):
        return False
    # Ages are told in completed years: 5 admits until the sixth birthday.
    if high is None:
        return True
    looks_adult = high < ADULT_YEARS and gate.probabilities.get("child", 1.0) <= _ADULT_BY_SIGHT
    return math.floor(age_years) <= high and not looks_adult


def _heat(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the map's part above its mean as 0 to 1: what speaks for the finding more than the rest of the picture."""
    above = np.maximum(logits - logits.mean(), 0.0)
    top = float(above.max())
    heat: NDArray[np.float32] = above / np.float32(top) if top > 0 else above
    return heat


def _region(
    heat: NDArray[np.float32], size: int, inside: tuple[int, int, int, int], shape: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Return the box of the cells around the maximum, in pixels of the picture."""
    from scipy import ndimage

    if heat.max() <= 0:
        return None
    parts, _ = ndimage.label(heat >= _REGION_SHARE)
    rows, columns = np.nonzero(parts == parts[np.unravel_index(int(heat.argmax()), heat.shape)])
    cell = size / heat.shape[0]
    top, left, height, width = inside
    ends = []
    for low, high, start, length, pixels in (
        (rows.min(), rows.max() + 1, top, height, shape[0]),
        (columns.min(), columns.max() + 1, left, width, shape[1]),
    ):
        ends.append([int(np.clip(round((at * cell - start) * pixels / length), 0, pixels)) for at in (low, high)])
    (y0, y1), (x0, x1) = ends
    return (y0, x0, y1, x1) if y1 > y0 and x1 > x0 else None
