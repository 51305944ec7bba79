"""Sessions: weights checked against their card, loaded once a process, run on one thread."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models.card import Calibration, ModelCard, read_card
from ecg_engine.models.graph import read_graph

__all__ = ["Model", "Score", "load_model", "model_names", "user_folder"]

MIN_OPSET: Final = 11
_STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A calibrated score of one label, and how it is to be reported."""

    code: str
    value: float
    threshold: float
    report: str


class Model:
    """Weights that fit their card, ready to run.

    Parameters
    ----------
    card : ModelCard

    Raises
    ------
    ModelError
        The weights are missing, are not those of the card, keep data elsewhere, use operators outside ONNX's own, or
        take or give other shapes than the card says.
    """

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        raw = _checked(card)
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads would take the other workers' time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        except Exception as exc:
            raise ModelError(
                f"{card.title}: the runtime refuses {card.weights.name}: {_short(exc)}; export it again"
            ) from exc
        self._check_shapes()

    def _check_shapes(self) -> None:
        card = self.card
        takes = {i.name: i.shape for i in self._session.get_inputs()}
        gives = {o.name: o.shape for o in self._session.get_outputs()}
        _agree(card, "input", takes, {card.input_name: card.input_shape})
        _agree(card, "output", gives, card.outputs)
        wide = card.outputs.get("logits", (0,))[-1]
        if card.labels and wide != len(card.labels):
            raise ModelError(
                f"{card.title}: {len(card.labels)} labels on the card, {wide} logits in the graph; mend the card"
            )

    def run(self, x: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Run one input.

        Parameters
        ----------
        x : array
            Of the card's input shape.

        Returns
        -------
        dict of str to array
            Every output of the card.

        Raises
        ------
        ModelError
            Another shape, or an output that is not finite.
        """
        if x.shape != self.card.input_shape:
            raise ModelError(f"{self.card.title}: takes {self.card.input_shape}, was given {x.shape}")
        names = list(self.card.outputs)
        found = dict(zip(names, self._session.run(names, {self.card.input_name: x}), strict=True))
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise ModelError(f"{self.card.title}: output {name} is not finite; its score is left out")
        return found

    def scores(self, logits: NDArray[np.float32], measured: Mapping[str, float] | None = None) -> tuple[Score, ...]:
        """Return the calibrated score of each label of the card.

        Parameters
        ----------
        logits : (n_labels,) array
        measured : mapping of str to float, optional
            Quantities of the same picture: a label that its card joins with one of them is joined where it is there.
        """
        known: Mapping[str, float] = measured or {}
        out = []
        for label, logit in zip(self.card.labels, logits.ravel().tolist(), strict=True):
            value, threshold = Calibration().apply(logit), label.threshold
            if label.join is not None and label.join.quantity in known:
                value, threshold = label.join.apply(logit, known[label.join.quantity]), label.join.threshold
            elif label.calibration is not None:
                value = label.calibration.apply(logit)
            out.append(Score(code=label.code, value=value, threshold=threshold, report=label.report))
        return tuple(out)


def _checked(card: ModelCard) -> bytes:
    try:
        raw = card.weights.read_bytes()
    except OSError as exc:
        raise ModelError(f"{card.title}: {card.weights} cannot be read; put the weights beside their card") from exc
    found = hashlib.sha256(raw).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"{card.title}: {card.weights.name} has SHA-256 {found[:12]}..., its card says {card.sha256[:12]}...; "
            "these are other weights, or damaged ones"
        )
    try:
        graph = read_graph(raw)
    except ModelError as exc:
        raise ModelError(f"{card.title}: {card.weights.name}: {exc}") from exc
    if graph.has_external_data:
        raise ModelError(f"{card.title}: {card.weights.name} keeps data in other files; export it as one")
    if graph.has_functions or not graph.domains <= _STANDARD_DOMAINS:
        other = ", ".join(sorted(graph.domains - _STANDARD_DOMAINS)) or "functions of its own"
        raise ModelError(
            f"{card.title}: {card.weights.name} uses operators outside ONNX ({other}); export without them"
        )
    if graph.opset < MIN_OPSET:
        raise ModelError(f"{card.title}: operator set {graph.opset}, at least {MIN_OPSET} is needed; export it again")
    return raw


def _agree(card: ModelCard, what: str, found: Mapping[str, Any], said: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in said.items():
        if name not in found:
            raise ModelError(
                f"{card.title}: the graph has no {what} {name!r}, it has {', '.join(map(repr, found))}; mend the card"
            )
        actual = found[name]
        fits = len(actual) == len(shape) and all(
            not isinstance(a, int) or a == s for a, s in zip(actual, shape, strict=True)
        )
        if not fits:
            raise ModelError(
                f"{card.title}: {what} {name!r} is {list(actual)} in the graph, {list(shape)} on the card; "
                "mend the card"
            )


def _short(exc: Exception) -> str:
    return " ".join(str(exc).split())[:200]


def user_folder() -> Path:
    """Return the folder of models that a hospital brings: ``ECG_ENGINE_MODELS``, or the user's data folder."""
    said = os.environ.get("ECG_ENGINE_MODELS")
    if said:
        return Path(said)
    from platformdirs import user_data_path

    return user_data_path("ecg_engine", appauthor=False) / "models"


def _folders() -> tuple[Path, ...]:
    return Path(str(files("ecg_engine.models") / "weights")), user_folder()


def model_names(task: str) -> tuple[str, ...]:
    """Return the names of the models of a task, the package's own first.

    Raises
    ------
    ModelError
        A card cannot be read.
    """
    found: dict[str, None] = {}
    for folder in _folders():
        for path in sorted(folder.glob("*.toml")):
            if read_card(path).task == task:
                found[path.stem] = None
    return tuple(found)


def load_model(name: str) -> Model:
    """Return a model by the name of its card, or by the path of one; loaded once a process.

    Raises
    ------
    ModelError
        There is none, or it does not fit its card.
    """
    for folder in _folders():
        if (folder / f"{name}.toml").is_file():
            return _loaded(str(folder / f"{name}.toml"))
    if name.endswith(".toml") and Path(name).is_file():
        return _loaded(str(Path(name).resolve()))
    raise ModelError(f"model {name!r}: no card {name}.toml in {' or '.join(map(str, _folders()))}")


@lru_cache(maxsize=16)
def _loaded(card_path: str) -> Model:
    return Model(read_card(Path(card_path)))
