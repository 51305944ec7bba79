"""Bimodal compression of SCP-ECG: all samples about each QRS, fewer between (EN 1064, section 6, byte 6).

Between the protected zones of section 4 a device stores the mean of every few samples, and what is left over of a
stretch as it is. How the samples lie follows the decoder of Cervesato in BioSig, which was tried on the standard's own
test set; here each mean stands in the middle of what it is the mean of, and nothing is smoothed further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stretch", "filled", "stretches_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Samples of a lead in order: `n` of them, stored as they are or as one mean for each `each`."""

    n: int
    each: int

    @property
    def n_stored(self) -> int:
        return self.n // self.each


def stretches_of(first: int, last: int, zones: Sequence[tuple[int, int]], each: int) -> list[Stretch]:
    """Return how the samples `first` to `last` of a lead are stored.

    Parameters
    ----------
    first, last : int
        Counted from 1, both of them in.
    zones : sequence of (int, int)
        First and last sample of each protected zone, counted from 1; where two overlap they are one.
    each : int
        How many samples one mean stands for.
    """
    out: list[Stretch] = []
    at = first
    for start, stop in sorted(zones):
        start, stop = max(start, at), min(stop, last)
        if stop < start:
            continue
        out += _thinned(start - at, each)
        out.append(Stretch(n=stop - start + 1, each=1))
        at = stop + 1
    return out + _thinned(last + 1 - at, each)


def _thinned(n: int, each: int) -> list[Stretch]:
    rest = n % each
    found = (Stretch(n=n - rest, each=each), Stretch(n=rest, each=1))
    return [stretch for stretch in found if stretch.n]


def filled(stored: NDArray[np.int64] | NDArray[np.float64], stretches: Sequence[Stretch]) -> NDArray[np.float64]:
    """Return all samples of a lead: a line from the middle of each mean to the next, level at the ends of a stretch."""
    parts, at = [np.empty(0)], 0
    for stretch in stretches:
        values = stored[at : at + stretch.n_stored].astype(np.float64)
        at += stretch.n_stored
        if stretch.each > 1:
            middles = np.arange(stretch.n_stored) * stretch.each + (stretch.each - 1) / 2
            values = np.interp(np.arange(stretch.n), middles, values)
        parts.append(values)
    return np.concatenate(parts)
