"""Sessions: weights checked against their card, loaded once a process, run on one thread unless told otherwise."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models.card import SCORING, Calibration, ModelCard
from ecg_engine.models.graph import read_graph
from ecg_engine.models.library import card_of, find_model, read_library, stamp

__all__ = ["Model", "Score", "load_model", "model_names"]

MIN_OPSET: Final = 11
_CPU: Final = "CPUExecutionProvider"
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

        said, threads = asked_for()
        providers = _providers(said, ort.get_available_providers())
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        # Spinning threads would take the other workers' time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(raw, options, providers=providers)
        except Exception as exc:
            raise ModelError(
                f"{card.title}: the runtime refuses {card.weights.name}: {_short(exc)}; export it again"
            ) from exc
        self._check_shapes()

    def _check_shapes(self) -> None:
        card = self.card
        for tensor in self._session.get_inputs():
            if tensor.type != "tensor(float)":
                raise ModelError(f"{card.title}: takes {tensor.type} as {tensor.name!r}; export it for float32")
        takes = {i.name: i.shape for i in self._session.get_inputs()}
        gives = {o.name: o.shape for o in self._session.get_outputs()}
        said = {card.input_name: card.input_shape, **card.extra_inputs}
        _agree(card, "input", takes, said)
        _agree(card, "output", gives, card.outputs)
        unsaid = [name for name in takes if name not in said]
        if unsaid:
            raise ModelError(
                f"{card.title}: the graph also takes {', '.join(map(repr, unsaid))}; name it under [extra_inputs]"
            )
        if card.task in SCORING and "logits" not in card.outputs:
            raise ModelError(f"{card.title}: a model of task {card.task} gives an output 'logits'; mend the card")
        shapes = [takes[name] for name in said] + [gives[name] for name in card.outputs]
        #: Whether several inputs may be run at once.
        self.takes_batches = all(not isinstance(shape[0], int) for shape in shapes)
        wide = card.outputs.get("logits", (0,))[-1]
        if card.labels and wide != len(card.labels):
            raise ModelError(
                f"{card.title}: {len(card.labels)} labels on the card, {wide} logits in the graph; mend the card"
            )

    def run(
        self, x: NDArray[np.float32], *, extra: Mapping[str, NDArray[np.float32]] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Run one input, or several at once.

        Parameters
        ----------
        x : array
            Of the card's input shape; its first axis may be any number of inputs where the graph leaves that open.
        extra : mapping of str to array, optional
            The card's other inputs, as many as `x` has.

        Returns
        -------
        dict of str to array
            Every output of the card, first axis as of `x`.

        Raises
        ------
        ModelError
            Another shape, an input that is missing, or an output that is not finite.
        """
        card = self.card
        given = {card.input_name: x, **(extra or {})}
        said = {card.input_name: card.input_shape, **card.extra_inputs}
        rows = max(1, len(x)) if self.takes_batches and x.ndim else 1
        for name in [*said, *given]:
            if name not in given or name not in said:
                raise ModelError(
                    f"{card.title}: takes {', '.join(said)}, was given {', '.join(given)}; "
                    "mend [extra_inputs] on the card"
                )
            shape = given[name].shape
            if not _fits(shape, (rows, *said[name][1:])):
                raise ModelError(f"{card.title}: takes {said[name]} as {name}, was given {shape}")
        names = list(card.outputs)
        try:
            values = self._session.run(names, given)
        except Exception as exc:
            raise ModelError(f"{card.title}: it fails on this input: {_short(exc)}; its score is left out") from exc
        found = dict(zip(names, values, strict=True))
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise ModelError(
                    f"{card.title}: output {name} is not finite; mend the graph, until then it gives no score"
                )
            if card.task in SCORING and name == "logits" and values.shape != (len(x), len(card.labels)):
                raise ModelError(f"{card.title}: gave logits of {values.shape}; export it again")
        return found

    def run_batch(
        self, x: NDArray[np.float32], *, extra: Mapping[str, NDArray[np.float32]] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Run any number of inputs: at once where the graph allows it, else one after the other; see `run`."""
        if self.takes_batches or len(x) == 1:
            return self.run(x, extra=extra)
        if not len(x):
            raise ModelError(f"{self.card.title}: was given no input")
        parts = [
            self.run(x[i : i + 1], extra={name: rows[i : i + 1] for name, rows in (extra or {}).items()})
            for i in range(len(x))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def scores(self, logits: NDArray[np.float32], measured: Mapping[str, float] | None = None) -> tuple[Score, ...]:
        """Return the calibrated score of each label of the card.

        Parameters
        ----------
        logits : (n_labels,) array
        measured : mapping of str to float, optional
            Quantities of the same picture: a label that its card joins with some of them is joined where all are there.
        """
        known: Mapping[str, float] = measured or {}
        out = []
        for label, logit in zip(self.card.labels, logits.ravel().tolist(), strict=True):
            value, threshold = (label.calibration or Calibration()).apply(logit), label.threshold
            joined = None if label.join is None else label.join.apply(logit, known)
            if label.join is not None and joined is not None:
                value, threshold = joined, label.join.threshold
            out.append(Score(code=label.code, value=value, threshold=threshold, report=label.report))
        return tuple(out)


def _checked(card: ModelCard) -> bytes:
    try:
        raw = card.weights.read_bytes()
    except OSError as exc:
        raise ModelError(
            f"{card.title}: {card.weights.name} cannot be read; put the weights beside their card"
        ) from exc
    found = hashlib.sha256(raw).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"{card.title}: {card.weights.name} has SHA-256 {found}, its card says {card.sha256}; "
            "these are other weights, or damaged ones: copy them again, or name the card that was made for them"
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
        if not _fits(actual, shape):
            raise ModelError(
                f"{card.title}: {what} {name!r} is {list(actual)} in the graph, {list(shape)} on the card; "
                "mend the card"
            )


def _fits(found: Sequence[Any], said: Sequence[int]) -> bool:
    """Return whether a shape is the card's; what is no number in the graph, or 0 on the card, may be any."""
    return len(found) == len(said) and all(
        not isinstance(a, int) or a == s or s == 0 for a, s in zip(found, said, strict=True)
    )


def _providers(said: str, there: Sequence[str]) -> list[str]:
    """Return the providers that a session tries, the CPU's last."""
    asked = [name for name in map(str.strip, said.split(",")) if name]
    lacking = [name for name in asked if name not in there]
    if lacking:
        raise ModelError(
            f"ECG_ENGINE_PROVIDERS: this onnxruntime has no {', '.join(lacking)}, it has {', '.join(there)}; "
            "mend or unset it"
        )
    return [*(name for name in asked if name != _CPU), _CPU]


def _short(exc: Exception) -> str:
    return " ".join(str(exc).split())[:200]


def model_names(task: str) -> tuple[str, ...]:
    """Return the names of the models of a task, the package's own first.

    Raises
    ------
    ModelError
        A card cannot be read.
    """
    library = read_library()
    for fault in library.faults.values():
        raise ModelError(fault)
    return tuple(one.card.name for one in library.active(task))


def load_model(name: str) -> Model:
    """Return a model by its name, by name and version, or by the path of its card; loaded once a process.

    Parameters
    ----------
    name : str
        A name alone is the version that counts (`library.Library.active`).

    Raises
    ------
    ModelError
        There is none, or it does not fit its card.
    """
    return _loaded(find_model(name).path)


def _loaded(path: Path) -> Model:
    card = card_of(path)
    return _kept(str(path), stamp(path), stamp(card.weights), *asked_for())


@lru_cache(maxsize=16)
def _kept(path: str, _card: tuple[int, int], _weights: tuple[int, int], _providers: str, _threads: int) -> Model:
    return Model(card_of(Path(path)))


def asked_for() -> tuple[str, int]:
    """Return the execution providers and the threads that the environment asks for.

    ``ECG_ENGINE_PROVIDERS`` names providers of onnxruntime in the order in which they are tried
    (``CUDAExecutionProvider``), with commas between; the CPU's stands behind them. ``ECG_ENGINE_MODEL_THREADS`` is the
    number of threads of a session, 1 where it is not set.

    Raises
    ------
    ModelError
        No number of threads.
    """
    threads = os.environ.get("ECG_ENGINE_MODEL_THREADS", "1")
    if not threads.isdigit() or not 1 <= int(threads) <= 256:
        raise ModelError(f"ECG_ENGINE_MODEL_THREADS: {threads!r} is no number of threads, 1 to 256; mend or unset it")
    return os.environ.get("ECG_ENGINE_PROVIDERS", ""), int(threads)
