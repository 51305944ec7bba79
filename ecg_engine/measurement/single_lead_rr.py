"""Numbers about how RR changes from beat to beat, for the rhythm model: fibrillation against early beats."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANGE_NUMBERS", "change_numbers"]

#: How many `change_numbers` gives.
CHANGE_NUMBERS: Final = 26
#: Fewer RR intervals than these say nothing of a rhythm.
FEWEST_RR: Final = 5
#: Cells of the plane of changes, s, and how much shorter and then longer RR is at an early beat.
CELL_S, EARLY_S = 0.04, 0.1
#: So many RR at each end of their distribution are left out, at most and of how many; into so many bins go the others.
EXTREMES, EXTREME_OF, BINS = 2, 8, 16
#: A beat is early where RR is a smaller share of the median of so many on each side.
EARLY, AROUND = 0.87, 4
#: A change of log RR is one, and counts as so much at most.
CHANGED, LARGEST = 0.06, 0.5
#: The usual change is sought among so many on each side; its quantiles.
NEAR, QUANTILES = 3, (0.1, 0.5, 0.9)
#: Two RR are alike where they differ by less, s.
ALIKE_S: Final = (0.03, 0.1)


def change_numbers(r_peaks: NDArray[np.int64], *, fs: float) -> NDArray[np.float64]:
    """Return numbers about changes of RR.

    Parameters
    ----------
    r_peaks : (n,) int array
        Samples, increasing.
    fs : float
        Hz.

    Returns
    -------
    (26,) float64 array
        Where pairs of successive changes stand in their plane (10: Sarkar et al. 2008, IEEE Trans Biomed Eng 55:1219);
        turning points and entropy (2: Dash et al. 2009, Ann Biomed Eng 37:1701); RR without early beats (4); the
        longest even and uneven stretches and how a change follows another (4); the usual change of each place (4);
        how many pairs of RR are alike (2). All 0 where there are fewer than five intervals.

    Examples
    --------
    >>> even, uneven = (change_numbers(np.cumsum(rr), fs=100) for rr in ([80] * 12, [60, 95, 70, 110, 64, 88, 72] * 2))
    >>> float(even[1]), float(uneven[1])
    (1.0, 0.0)
    """
    rr = np.diff(r_peaks) / fs
    if len(rr) < FEWEST_RR:
        return np.zeros(CHANGE_NUMBERS)
    change = np.diff(np.log(rr))
    size = np.minimum(np.abs(change), LARGEST)
    near = [float(np.median(size[max(0, i - NEAR) : i + NEAR + 1])) for i in range(len(size))]
    pairs = np.abs(rr[:, None] - rr)[:-1, :-1][np.triu_indices(len(rr) - 1, 1)]
    even = size < CHANGED
    found = [
        *_plane(np.diff(rr)),
        _turns(rr),
        _entropy(rr),
        *_without_early(rr),
        _longest(even) / len(even),
        _longest(~even) / len(even),
        _longest(even),
        float(np.corrcoef(change[:-1], change[1:])[0, 1]) if min(np.ptp(change[:-1]), np.ptp(change[1:])) > 0 else 0.0,
        *np.quantile(near, QUANTILES),
        float(np.mean(np.array(near) > CHANGED)),
        *(float(np.mean(pairs < limit)) for limit in ALIKE_S),
    ]
    return np.array(found, np.float64)


def _plane(change: NDArray[np.float64]) -> list[float]:
    """Return what is seen of pairs of changes, s: cells taken, the origin, early beats, six directions, evidence."""
    a, b = change[:-1], change[1:]
    still_a, still_b = np.abs(a) < CELL_S, np.abs(b) < CELL_S
    origin = still_a & still_b
    cells = np.rint(np.stack([a, b])[:, ~origin] / CELL_S)
    taken = len(np.unique(cells, axis=1).T) if cells.size else 0
    early = (a < -EARLY_S) & (b > EARLY_S)
    longer_a, shorter_a, longer_b, shorter_b = a > CELL_S, a < -CELL_S, b > CELL_S, b < -CELL_S
    directions = (
        longer_a & still_b, shorter_a & still_b, still_a & longer_b, still_a & shorter_b, longer_a & longer_b,
        shorter_a & shorter_b,
    )  # fmt: skip
    evidence = (taken - int(origin.sum()) - 2 * int(early.sum())) / len(a)
    shares = (float(one.mean()) for one in (origin, early, *directions))
    return [taken / len(a), *shares, evidence]


def _turns(rr: NDArray[np.float64]) -> float:
    """Return the share of RR that are longer, or shorter, than both neighbours."""
    before, here, after = rr[:-2], rr[1:-1], rr[2:]
    return float(np.mean(((here > before) & (here > after)) | ((here < before) & (here < after))))


def _entropy(rr: NDArray[np.float64]) -> float:
    """Return Shannon's entropy of RR without the extremes, 1 where all bins hold as many."""
    out = min(EXTREMES, len(rr) // EXTREME_OF)
    counts = np.histogram(np.sort(rr)[out : len(rr) - out], BINS)[0]
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum() / np.log(BINS))


def _without_early(rr: NDArray[np.float64]) -> list[float]:
    """Return spread and changes of log RR without early beats and what follows them, and the share that is left."""
    around = [np.median(rr[max(0, i - AROUND) : i + AROUND + 1]) for i in range(len(rr))]
    early = rr < EARLY * np.array(around)
    left = np.log(rr[~(early | np.concatenate(([False], early[:-1])))])
    share = len(left) / len(rr)
    if len(left) < FEWEST_RR:
        return [0.0, 0.0, 0.0, share]
    size = np.minimum(np.abs(np.diff(left)), LARGEST)
    return [float(left.std()), float(np.median(size)), float(np.sqrt(np.mean(size**2))), share]


def _longest(mask: NDArray[np.bool_]) -> int:
    """Return the length of the longest stretch of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))).reshape(-1, 2)
    return int((edges[:, 1] - edges[:, 0]).max(initial=0))
