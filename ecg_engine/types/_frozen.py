"""What every record with arrays needs: read-only views that stay read-only through pickle."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T")


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view of `array`; the caller's own array stays as writable as it was."""
    view = array.view()
    view.flags.writeable = False
    return view


def frozen_arrays(cls: type[_T]) -> type[_T]:
    """Class decorator for frozen dataclasses with slots: unpickling freezes the arrays again.

    Pickle rebuilds arrays writable, whatever they were. The decorator stands above ``@dataclass``, which would
    put its own ``__setstate__`` over an inherited one.
    """

    def get_state(self: Any) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def set_state(self: Any, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, read_only(value) if isinstance(value, np.ndarray) else value)

    cls.__getstate__ = get_state  # type: ignore[method-assign]
    cls.__setstate__ = set_state  # type: ignore[attr-defined]
    return cls
