"""Model cards: what a network takes, what its outputs mean, how good it is. TOML beside the weights."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ecg_engine.errors import ModelError

__all__ = ["Calibration", "Join", "Label", "ModelCard", "Term", "read_card"]

TASKS: Final = ("radiograph_gate", "radiograph_findings", "radiograph_outlines", "ecg_scores")
#: Tasks whose `labels` are what the model says.
SCORING: Final = ("radiograph_findings", "ecg_scores")
REPORTS: Final = ("default", "research")
#: What a name and a version are made of: they are parts of files' names.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
class Term:
    """A measurement and how much it weighs, in its unit, from `centre`; `quantity` is its code."""

    quantity: str
    weight: float
    centre: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Measurements that a logit is joined with, where all of them were taken, by a logistic regression.

    Parameters
    ----------
    terms : tuple of Term
        One at least.
    slope : float
        Of the logit.
    intercept : float
    threshold : float
        Operating point on the joined probability.
    """

    terms: tuple[Term, ...]
    slope: float
    intercept: float
    threshold: float

    def apply(self, logit: float, measured: Mapping[str, float]) -> float | None:
        """Return the probability from all of them; None where one was not taken."""
        if not all(term.quantity in measured for term in self.terms):
            return None
        more = sum(term.weight * (measured[term.quantity] - term.centre) for term in self.terms)
        return Calibration(intercept=self.intercept + more, slope=self.slope).apply(logit)


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
        Takes the place of calibration and threshold where its measurements are there.
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
        What the graph takes, and how it is made: of an ECG the name of a preparation (`measurement.model_inputs`). The
        first axis is the batch and 1; a 0 elsewhere stands for any length.
    outputs : mapping of str to tuple of int
        Names and shapes of what it gives.
    labels : tuple of Label
        In the order of the output ``logits``.
    limits : mapping
        What it was made for: ``views``, ``age_min_years``, ``age_max_years``; of ECGs ``leads``, ``min_leads``,
        ``max_leads``, ``min_duration_s``, ``max_duration_s``, ``min_fs_hz``, ``any_quality``.
    extra_inputs : mapping of str to tuple of int
        Names and shapes of what else the graph takes.
    fs_hz : float, optional
        Sampling frequency of the input, Hz.
    units : str
        Unit of the input.
    document : mapping
        Everything else on the card: data, licences, splits, figures, known failures, intended use.
    card_sha256 : str
        Of the card's text, which names the weights' hash: who knows it knows every score.
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
    extra_inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    fs_hz: float | None = None
    units: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    card_sha256: str = ""

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
        raw = path.read_bytes()
        document = tomllib.loads(raw.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ModelError(f"{path}: the card cannot be read ({exc}); mend it or name another") from exc
    try:
        return replace(_card(document, path), card_sha256=hashlib.sha256(raw).hexdigest())
    except (KeyError, TypeError, ValueError) as exc:
        raise ModelError(f"{path}: the card lacks or misstates {exc}; see docs/models.md for what it holds") from exc


def _card(document: dict[str, Any], path: Path) -> ModelCard:
    known = ("name", "version", "sha256", "weights", "task", "input", "extra_inputs", "outputs", "labels", "limits")
    task = str(document["task"])
    if task not in TASKS:
        raise ValueError(f"task: {task!r} is not one of {', '.join(TASKS)}")
    labels = tuple(_label(entry) for entry in document.get("labels", ()))
    if len({label.code for label in labels}) != len(labels):
        raise ValueError("labels: a code stands twice")
    if task in SCORING and not labels:
        raise ValueError(f"labels: a model of task {task} has at least one")
    given = document["input"]
    fs_hz = None if given.get("fs_hz") is None else float(given["fs_hz"])
    if fs_hz is not None and not (math.isfinite(fs_hz) and fs_hz > 0):
        raise ValueError(f"fs_hz: {fs_hz:g} is no sampling frequency")
    return ModelCard(
        name=_plain_name("name", document["name"]),
        version=_plain_name("version", document["version"]),
        sha256=str(document["sha256"]).lower(),
        weights=path.parent / Path(str(document["weights"])).name,
        task=task,
        input_name=str(given["name"]),
        input_shape=_shape("input", given["shape"]),
        preprocessing=str(given["preprocessing"]),
        outputs={str(name): _shape(name, shape) for name, shape in document["outputs"].items()},
        labels=labels,
        limits=_limits(document.get("limits", {})),
        extra_inputs={str(name): _shape(name, shape) for name, shape in document.get("extra_inputs", {}).items()},
        fs_hz=fs_hz,
        units=str(given.get("units", "")),
        document={key: value for key, value in document.items() if key not in known},
    )


def _plain_name(key: str, said: object) -> str:
    """Return a name or version that may stand in a file's name."""
    name = str(said)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{key}: {name!r} must be of letters, digits, '.', '_', '-'; it begins with a letter or digit")
    return name


def _shape(name: str, said: object) -> tuple[int, ...]:
    shape = tuple(int(n) for n in said) if isinstance(said, list) else ()
    if not shape or shape[0] != 1 or min(shape) < 0:
        raise ValueError(f"shape of {name}: {said!r} must be a list such as [1, 12, 1000], the batch axis first and 1")
    return shape


def _limits(said: Any) -> dict[str, Any]:
    """Return limits whose kinds are right: they decide whom a model scores."""
    for key, value in dict(said).items():
        if key in ("leads", "views"):
            fits = isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)
        elif key == "any_quality":
            fits = isinstance(value, bool)
        elif key.startswith(("min_", "max_", "age_")):
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else:
            fits = True
        if not fits:
            raise ValueError(f"limits: {key} is {value!r}")
    return dict(said)


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
    # A single quantity may stand in the table itself.
    entries = [given] if "quantity" in given else given["terms"]
    terms = tuple(
        Term(quantity=str(one["quantity"]), weight=float(one["weight"]), centre=float(one["centre"])) for one in entries
    )
    join = Join(terms=terms, **{key: float(given[key]) for key in ("slope", "intercept", "threshold")})
    numbers = (join.slope, join.intercept, *(value for term in terms for value in (term.weight, term.centre)))
    if not all(map(math.isfinite, numbers)) or not 0.0 <= join.threshold <= 1.0:
        raise ValueError(f"join of {code}: give finite numbers, and a threshold in 0 to 1")
    if not terms:
        raise ValueError(f"join of {code}: terms has none; name the quantities, or leave the join out")
    return join
