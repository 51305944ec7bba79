"""A model into the user's folder, and whether one runs: everything is checked before anything is kept."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models.card import ModelCard, read_card
from ecg_engine.models.card_text import card_text, read_document
from ecg_engine.models.graph import read_graph
from ecg_engine.models.library import Found, read_library, user_folder
from ecg_engine.models.session import Model

__all__ = ["Checked", "add_model", "check_model", "keep_model"]

#: Length of an axis that the card leaves open, when the model is tried.
_OPEN_AXIS: Final = 1000
#: Beginnings of files that hold pickled objects: of torch's archives and of plain pickles.
_PICKLES: Final = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
#: Looks at what a task needs beside the graph; raises ModelError.
Look = Callable[[ModelCard], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found.

    Parameters
    ----------
    card : ModelCard
    opset, n_bytes : int
        Of the weights.
    operators : tuple of str
    takes_batches : bool
    milliseconds : float
        Of one run, the faster of two.
    """

    card: ModelCard
    opset: int
    n_bytes: int
    operators: tuple[str, ...]
    takes_batches: bool
    milliseconds: float


def check_model(card: ModelCard, *, look: Look | None = None) -> Checked:
    """Check weights against their card, and run them on zeros and on noise.

    Parameters
    ----------
    card : ModelCard
    look : callable, optional
        What else a task needs; raises ModelError.

    Raises
    ------
    ModelError
        What is wrong, and how to mend it.
    """
    model = Model(card)
    if look is not None:
        look(card)
    raw = card.weights.read_bytes()
    graph = read_graph(raw)
    took = []
    for make in (_zeros, _noise):
        began = time.perf_counter()
        x, extra = (make(_closed(card.input_shape)), {n: make(_closed(s)) for n, s in card.extra_inputs.items()})
        model.run(x, extra=extra)
        took.append(time.perf_counter() - began)
    return Checked(
        card=card,
        opset=graph.opset,
        n_bytes=len(raw),
        operators=tuple(sorted(graph.operators)),
        takes_batches=model.takes_batches,
        milliseconds=1e3 * min(took),
    )


def _zeros(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)


def _noise(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _closed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n or _OPEN_AXIS for n in shape)


def add_model(weights: Path, card: Path, *, look: Look | None = None) -> Found:
    """Copy a model into the user's folder, after all checks.

    Parameters
    ----------
    weights : Path
        The ONNX file.
    card : Path
        Its card.
    look : callable, optional
        As for `check_model`.

    Returns
    -------
    Found
        The model as it lies there, in files named by name and version. Other versions stay.

    Raises
    ------
    ModelError
        The weights are no plain ONNX file, do not fit the card, or the name and version are taken.
    """
    try:
        with weights.open("rb") as file:
            begin = file.read(4)
    except OSError as exc:
        raise ModelError(f"{weights}: cannot be read ({exc.strerror or exc}); name the ONNX file") from exc
    if begin.startswith(_PICKLES):
        raise ModelError(
            f"{weights}: holds pickled objects, which may run anything when they are read; export the model as ONNX"
        )
    return keep_model(weights, read_document(card), said=card, look=look)


def keep_model(
    weights: Path, document: dict[str, Any], *, said: Path, look: Look | None = None, folder: Path | None = None
) -> Found:
    """Put weights and what their card says into a folder (the user's), after all checks; see `add_model`.

    Parameters
    ----------
    weights : Path
    document : dict
        What the card says; the name of the weights' file is put in.
    said : Path
        Where it says so, for messages.
    look : callable, optional
    folder : Path, optional
    """
    target = folder or user_folder()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".adding-") as name:
            stage = Path(name)
            (stage / "card.toml").write_text(card_text({**document, "weights": "model.onnx"}), encoding="utf-8")
            try:
                first = read_card(stage / "card.toml")
            except ModelError as exc:
                raise ModelError(str(exc).replace(str(stage / "card.toml"), str(said))) from exc
            file = f"{first.name}-{first.version}"
            text = card_text({**document, "weights": f"{file}.onnx"})
            _check_name(first, text)
            shutil.copyfile(weights, stage / f"{file}.onnx")
            (stage / f"{file}.toml").write_text(text, encoding="utf-8")
            check_model(read_card(stage / f"{file}.toml"), look=look)
            # The card last: a model without one is none.
            for suffix in (".onnx", ".toml"):
                os.replace(stage / f"{file}{suffix}", target / f"{file}{suffix}")
    except OSError as exc:
        raise ModelError(f"{target}: cannot be written ({exc.strerror or exc}); set ECG_ENGINE_MODELS") from exc
    path = target / f"{file}.toml"
    return Found(card=read_card(path), path=path, where="user")


def _check_name(card: ModelCard, text: str) -> None:
    """Refuse a name and version that results of another model bear, and a name of another task."""
    for one in read_library().models:
        if one.card.name != card.name:
            continue
        if one.card.task != card.task:
            raise ModelError(f"{card.name}: is the name of a model of task {one.card.task}; choose another name")
        if one.card.version == card.version and one.path.read_text(encoding="utf-8") != text:
            raise ModelError(
                f"{card.title}: results bear this name already ({one.path}); raise the version on the card"
            )
