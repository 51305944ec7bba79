"""What a tool found in a signal, kept: a run that was cut off goes on, and a slow peer runs once."""

from __future__ import annotations

import hashlib
import os
import re
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import OURS, Peer

#: What makes results of an older layout unreadable.
LAYOUT = "1"


@dataclass(slots=True, kw_only=True)
class Store:
    """Results on disk, one small file for each tool, version and signal.

    Parameters
    ----------
    folder : Path
    fresh : bool
        Read nothing that is kept.
    n_run, n_kept : int
        Calls made, results read.
    failures : dict
        Exceptions by tool.
    """

    folder: Path
    fresh: bool = False
    n_run: int = 0
    n_kept: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    def marks(self, peer: Peer, ecg: NDArray[np.float64], fs: float, **options: Any) -> dict[str, NDArray[np.int64]]:
        """Return the arrays that a tool gives for a signal; empty ones where it raised.

        A detector's beats are under "beats", sorted; a delineator's waves under their names.
        """
        path = self._path(peer, ecg, fs, options)
        if path.is_file() and not self.fresh:
            self.n_kept += 1
            with np.load(path) as kept:
                found = {name: kept[name] for name in kept.files}
        else:
            self.n_run += 1
            found = _call(peer, ecg, fs, options)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            with part.open("wb") as file:
                np.savez(file, **found)
            part.replace(path)
        if found.pop("failed", np.array(0)):
            self.failures[peer.name] = self.failures.get(peer.name, 0) + 1
        found.pop("seconds", None)
        return found

    def _path(self, peer: Peer, ecg: NDArray[np.float64], fs: float, options: dict[str, Any]) -> Path:
        digest = hashlib.sha256(np.ascontiguousarray(ecg).tobytes())
        digest.update(repr((LAYOUT, ecg.shape, str(ecg.dtype), fs, sorted(options.items()))).encode())
        name = re.sub(r"\W+", "_", f"{peer.name}-{peer.version}")
        return self.folder / name / f"{digest.hexdigest()[:32]}.npz"


def _call(peer: Peer, ecg: NDArray[np.float64], fs: float, options: dict[str, Any]) -> dict[str, NDArray[np.int64]]:
    started = time.perf_counter()
    failed = 0
    found: Any
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = peer.call(ecg.copy(), fs, **options)
    except Exception:
        # Peers raise all sorts of things where they find nothing; ours has no such licence.
        if peer.name == OURS:
            raise
        failed, found = 1, {}
    if not isinstance(found, dict):
        beats = np.asarray(found, float).ravel()
        found = {"beats": np.unique(beats[np.isfinite(beats)].astype(np.int64))}
    return {**found, "failed": np.array(failed), "seconds": np.array(time.perf_counter() - started)}
