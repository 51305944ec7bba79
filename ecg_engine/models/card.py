"""Model cards: what a network takes, what its outputs mean, how good it is. TOML beside the weights."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ecg_engine.errors import ModelError

__all__ = ["Calibration", "Join", "Label", "ModelCard", "read_card"]

TASKS: Final = ("radiograph_gate", "radiograph_findings")
REPORTS: Final = ("default", "research")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logit to probability: ``1 / (1 + exp(-(slope * logit + intercept)))`` (Platt 1999)."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, logit: float) -> float:
        """Return the calibrated probability."""
        x = self.slope * logit + self.intercept
        return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A measurement that a logit is joined with, where it was taken, by a logistic regression.

    Parameters
    ----------
    quantity : str
        Code of the measurement in `vocabulary`.
    slope : float
        Of the logit.
    weight : float
        Of the measurement, in its unit, from `centre`.
    centre, intercept : float
    threshold : float
        Operating point on the joined probability.
    """

    quantity: str
    slope: float
    weight: float
    centre: float
    intercept: float
    threshold: float

    def apply(self, logit: float, measured: float) -> float:
        """Return the probability from both."""
        return Calibration(intercept=self.intercept + self.weight * (measured - self.centre), slope=self.slope).apply(
            logit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One output of a model.

    Parameters
    ----------
    code : str
        Of `vocabulary`, or the model's own.
    threshold : float
        Operating point on the calibrated probability.
    chosen_for : str
        What the threshold was chosen for.
    report : {"default", "research"}
        ``research`` where there is no calibration, or where the card says so.
    calibration : Calibration, optional
    figures : mapping
        What was measured, with intervals.
    join : Join, optional
        Takes the place of calibration and threshold where its measurement is there.
    """

    code: str
    threshold: float
    chosen_for: str = ""
    report: str = "research"
    calibration: Calibration | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    join: Join | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model's card.

    Parameters
    ----------
    name, version : str
    sha256 : str
        Of the weights' file.
    weights : Path
        That file.
    task : str
        One of `TASKS`.
    input_name, input_shape, preprocessing : str, tuple of int, str
        What the graph takes, and how it is made.
    outputs : mapping of str to tuple of int
        Names and shapes of what it gives.
    labels : tuple of Label
        In the order of the output ``logits``.
    limits : mapping
        What it was made for: ``views``, ``age_min_years``, ``age_max_years``.
    document : mapping
        Everything else on the card: data, licences, splits, figures, known failures, intended use.
    """

    name: str
    version: str
    sha256: str
    weights: Path
    task: str
    input_name: str
    input_shape: tuple[int, ...]
    preprocessing: str
    outputs: Mapping[str, tuple[int, ...]]
    labels: tuple[Label, ...]
    limits: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises
    ------
    ModelError
        It cannot be read, or lacks something.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ModelError(f"{path}: the card cannot be read ({exc}); mend it or name another") from exc
    try:
        return _card(document, path)
    except (KeyError, TypeError, ValueError) as exc:
        raise ModelError(f"{path}: the card lacks or misstates {exc}; see docs/models.md for what it holds") from exc


def _card(document: dict[str, Any], path: Path) -> ModelCard:
    known = ("name", "version", "sha256", "weights", "task", "input", "outputs", "labels", "limits")
    task = str(document["task"])
    if task not in TASKS:
        raise ValueError(f"task: {task!r} is not one of {', '.join(TASKS)}")
    return ModelCard(
        name=str(document["name"]),
        version=str(document["version"]),
        sha256=str(document["sha256"]).lower(),
        weights=path.parent / Path(str(document["weights"])).name,
        task=task,
        input_name=str(document["input"]["name"]),
        input_shape=tuple(int(n) for n in document["input"]["shape"]),
        preprocessing=str(document["input"]["preprocessing"]),
        outputs={str(name): tuple(int(n) for n in shape) for name, shape in document["outputs"].items()},
        labels=tuple(_label(entry) for entry in document["labels"]),
        limits=dict(document.get("limits", {})),
        document={key: value for key, value in document.items() if key not in known},
    )


def _label(entry: dict[str, Any]) -> Label:
    given = entry.get("calibration")
    report = str(entry.get("report", "research"))
    threshold = float(entry["threshold"])
    if report not in REPORTS:
        raise ValueError(f"report: {report!r} is not one of {', '.join(REPORTS)}")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"threshold: {threshold:g} of {entry['code']} is not in 0 to 1")
    calibration = None
    if given is not None:
        calibration = Calibration(slope=float(given["slope"]), intercept=float(given["intercept"]))
        if not (math.isfinite(calibration.slope) and math.isfinite(calibration.intercept) and calibration.slope > 0):
            raise ValueError(f"calibration of {entry['code']}: slope must be above 0, both finite")
    return Label(
        code=str(entry["code"]),
        threshold=threshold,
        chosen_for=str(entry.get("chosen_for", "")),
        report=report if calibration is not None else "research",
        calibration=calibration,
        figures=dict(entry.get("figures", {})),
        join=_join(entry["code"], entry["join"]) if "join" in entry else None,
    )


def _join(code: str, given: Mapping[str, Any]) -> Join:
    join = Join(
        quantity=str(given["quantity"]),
        **{key: float(given[key]) for key in ("slope", "weight", "centre", "intercept", "threshold")},
    )
    numbers = (join.slope, join.weight, join.centre, join.intercept)
    if not all(map(math.isfinite, numbers)) or not 0.0 <= join.threshold <= 1.0:
        raise ValueError(f"join of {code}: give finite numbers, and a threshold in 0 to 1")
    return join
