"""What runs in a worker beside the study function: scanning, hashing, loading the models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ecg_engine.errors import EcgEngineError
from ecg_engine.types.work import Failure

if TYPE_CHECKING:
    from ecg_engine.dicom.containers import Scanned

_R = TypeVar("_R")


def plain_words(message: str, source: str) -> str:
    """Return an error's message without what stands beside it already: the file's name.

    Examples
    --------
    >>> plain_words("a.dcm: cut off; copy it again", "a.dcm"), plain_words("path: a.dcm does not exist", "a.dcm")
    ('cut off; copy it again', 'does not exist')
    """
    return message.removeprefix("path: ").removeprefix(f"{source}: ").removeprefix(f"{source} ")


def _failure(exc: Exception, source: str) -> Failure:
    if isinstance(exc, EcgEngineError):
        return Failure(source=source, error=plain_words(str(exc), source), error_kind=type(exc).__name__)
    text = f"internal error ({type(exc).__name__}); please report it"
    return Failure(source=source, error=text, error_kind=type(exc).__name__)


def _each(names: tuple[str, ...], function: Callable[[str], _R]) -> list[tuple[str, _R | Failure]]:
    found: list[tuple[str, _R | Failure]] = []
    for name in names:
        try:
            found.append((name, function(name)))
        except Exception as exc:  # one file must not take the others of its chunk with it
            found.append((name, _failure(exc, name)))
    return found


def scan_chunk(names: tuple[str, ...]) -> list[tuple[str, Scanned | Failure]]:
    """Return the header facts of each source, or why there are none."""
    from ecg_engine.dicom.containers import scan_source

    return _each(names, scan_source)


def hash_chunk(names: tuple[str, ...]) -> list[tuple[str, str | Failure]]:
    """Return the SHA-256 of all bytes of each source, or why it cannot be read."""
    from ecg_engine.dicom.containers import source_hash

    return _each(names, source_hash)


def prepare_triage(_: Any = None) -> tuple[str, ...]:
    """Fill the kernels' cache where it is empty, load the models, return their hashes.

    Raises
    ------
    ModelError
        A model that everything needs is missing or damaged.
    """
    from ecg_engine.kernels._jit import is_cold, warm_kernels
    from ecg_engine.pipeline import model_hashes

    if is_cold():
        warm_kernels()
    return tuple(model_hashes())
