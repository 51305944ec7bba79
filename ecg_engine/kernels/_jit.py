"""The one door to Numba: declared signatures, compiled on first use, one version each, a cache that cannot be stale.

What goes wrong without it (seen with Numba 0.68): an edit in another file (helper, imported constant) leaves the old
result in the cache; ``NUMBA_BOUNDSCHECK`` is no part of the cache's key; a read-only install without a writable home
fails at import. So the cache stands in the user's cache folder, in a sub-folder named by the hash of all kernel
sources, the Numba version and the bounds-check flag.

A kernel that says that it allocates nothing is compiled without Numba's counting of references: each view of an array,
a row or a slice, costs two atomic additions otherwise, together a third of the time of the detector of beats.

Environment: ``ECG_ENGINE_CACHE_DIR`` moves the cache folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
from numba import types
from platformdirs import user_cache_path

__all__ = [
    "KERNELS",
    "Kernel",
    "b1_write",
    "cache_folder",
    "f4_2d_read",
    "f4_2d_write",
    "f4_read",
    "f4_write",
    "f8",
    "f8_2d_read",
    "f8_2d_write",
    "f8_named",
    "f8_read",
    "f8_write",
    "helper",
    "i8",
    "i8_2d_read",
    "i8_2d_write",
    "i8_3d_read",
    "i8_read",
    "i8_write",
    "inlined",
    "is_cold",
    "kernel",
    "on_compile",
    "u1_2d_read",
    "u1_2d_write",
    "u1_read",
    "u1_write",
    "u2_2d_read",
    "u8_2d_read",
    "warm_kernels",
    "within",
]


def _array(dtype: Any, ndim: int, readonly: bool) -> Any:
    return types.Array(dtype, ndim, "C", readonly=readonly)


f8: Final = types.float64
i8: Final = types.int64
#: Inputs are read-only types: they accept writable arrays too.
f8_read: Final = _array(types.float64, 1, True)
f8_2d_read: Final = _array(types.float64, 2, True)
i8_read: Final = _array(types.int64, 1, True)
i8_2d_read: Final = _array(types.int64, 2, True)
u1_read: Final = _array(types.uint8, 1, True)
f8_write: Final = _array(types.float64, 1, False)
f8_2d_write: Final = _array(types.float64, 2, False)
i8_3d_read: Final = _array(types.int64, 3, True)
i8_write: Final = _array(types.int64, 1, False)
i8_2d_write: Final = _array(types.int64, 2, False)
u1_write: Final = _array(types.uint8, 1, False)
b1_write: Final = _array(types.boolean, 1, False)
u2_2d_read: Final = _array(types.uint16, 2, True)
u8_2d_read: Final = _array(types.uint64, 2, True)
u1_2d_read: Final = _array(types.uint8, 2, True)
u1_2d_write: Final = _array(types.uint8, 2, False)
f4_read: Final = _array(types.float32, 1, True)
f4_write: Final = _array(types.float32, 1, False)
f4_2d_read: Final = _array(types.float32, 2, True)
f4_2d_write: Final = _array(types.float32, 2, False)


def f8_named(cls: Any) -> Any:
    """Return the type of a NamedTuple class whose fields are all floats."""
    return types.NamedUniTuple(types.float64, len(cls._fields), cls)


#: Every kernel by its qualified name.
KERNELS: dict[str, Kernel] = {}

_lock = threading.RLock()
_listeners: list[Callable[[], None]] = []
_announced = False
_folder: Path | None = None
_folder_ready = False
#: Cache folders of other versions are removed when unused for this long, s.
_PRUNE_AFTER_S: Final = 30 * 86400


def on_compile(callback: Callable[[], None]) -> None:
    """Register a call made once in a process, before it compiles a kernel that is not in the cache."""
    _listeners.append(callback)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    digest.update(f"numba {numba.__version__} python {sys.version_info[:2]}".encode())
    digest.update(f"bounds {int(bool(numba.config.BOUNDSCHECK))}".encode())
    return digest.hexdigest()[:16]


def cache_folder() -> Path | None:
    """Return the folder of the compiled kernels, made on first call, or None where none can be written."""
    global _folder, _folder_ready
    with _lock:
        if _folder_ready:
            return _folder
        _folder_ready = True
        own = os.environ.get("ECG_ENGINE_CACHE_DIR")
        root = (Path(own) if own else user_cache_path("ecg_engine")) / "kernels"
        try:
            folder = root / _fingerprint()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
            os.utime(folder)
        except OSError as exc:
            warnings.warn(
                f"compiled kernels cannot be kept in {root} ({exc.strerror}): they are compiled anew in each process; "
                "set ECG_ENGINE_CACHE_DIR to a folder that can be written",
                RuntimeWarning,
                stacklevel=2,
            )
            return None
        _prune(root, keep=folder)
        _folder = folder
        return folder


def _prune(root: Path, *, keep: Path) -> None:
    """Remove cache folders of other versions that nobody used for a while."""
    for other in root.iterdir():
        try:
            if other != keep and other.is_dir() and time.time() - other.stat().st_mtime > _PRUNE_AFTER_S:
                shutil.rmtree(other, ignore_errors=True)
        except OSError:
            continue


def _announce() -> None:
    global _announced
    if not _announced:
        _announced = True
        for callback in _listeners:
            callback()


def helper(function: Callable[..., Any]) -> Any:
    """Mark a small function that kernels call: compiled into them, inlined, for whatever types they pass."""
    return numba.njit(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Mark a helper that is compiled into its caller's own code, for one that few call, and often.

    A helper is called with each field of its arrays pushed one by one unless the compiler thinks that it is small.
    """
    return numba.njit(forceinline=True)(function)


def within(one: Kernel) -> Any:
    """Return a kernel as a helper, for a kernel that does what several do in one call: each call costs 1 us."""
    return numba.njit(one.py_func)


class Kernel:
    """A Numba loop with one declared signature, compiled (or taken from the cache) on its first call.

    Parameters
    ----------
    function : callable
        The loop; arrays and numbers only.
    signature : tuple of Numba types
    allocates : bool
        Whether it makes arrays of its own (a slice that is assigned to a slice counts).

    Attributes
    ----------
    py_func : callable
        The plain Python function.
    """

    def __init__(self, function: Callable[..., Any], signature: tuple[Any, ...], *, allocates: bool = True) -> None:
        self.py_func = function
        self.signature = signature
        self.allocates = allocates
        self.name = f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}"
        self.dispatcher: Any = None
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__module__ = function.__module__
        self._call: Callable[..., Any] = self._first_call
        KERNELS[self.name] = self

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def _first_call(self, *args: Any) -> Any:
        self.compile()
        return self._call(*args)

    def is_cold(self) -> bool:
        """Return whether the next call has to compile: neither in this process nor in the cache."""
        if self.dispatcher is not None or numba.config.DISABLE_JIT:
            return False
        folder = cache_folder()
        return folder is None or not any(folder.rglob(f"{self.name}-*.nbi"))

    def compile(self) -> None:
        """Compile the one version, or take it from the cache; nothing the second time."""
        with _lock:
            if self._call != self._first_call:
                return
            if numba.config.DISABLE_JIT:
                self._call = self.py_func
                return
            if self.is_cold():
                _announce()
            folder = cache_folder()
            # The cache's place is read from Numba's configuration when the dispatcher is made, and by nobody of ours
            # at another time: what else uses Numba in this process keeps its own place.
            before = numba.config.CACHE_DIR
            try:
                if folder is not None:
                    numba.config.CACHE_DIR = str(folder)
                # A division is NumPy's, without a test for 0 before each: with it no loop that divides becomes vectors.
                options = {"cache": folder is not None, "_nrt": self.allocates, "error_model": "numpy"}
                dispatcher = numba.njit(**options)(self.py_func)
            finally:
                numba.config.CACHE_DIR = before
            dispatcher.compile(self.signature)
            dispatcher.disable_compile()
            self.dispatcher = dispatcher
            self._call = dispatcher


def kernel(signature: tuple[Any, ...], *, allocates: bool = True) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel with its one signature; ``allocates=False`` where it makes no arrays."""

    def wrap(function: Callable[..., Any]) -> Kernel:
        return Kernel(function, signature, allocates=allocates)

    return wrap


def _load_all() -> None:
    from importlib import import_module

    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        import_module(f"ecg_engine.kernels.{path.stem}")


def is_cold() -> bool:
    """Return whether any kernel has to be compiled still."""
    _load_all()
    return any(k.is_cold() for k in KERNELS.values())


def warm_kernels() -> None:
    """Compile every kernel that is not in the cache, so that processes started later find them all there."""
    _load_all()
    for k in KERNELS.values():
        k.compile()
