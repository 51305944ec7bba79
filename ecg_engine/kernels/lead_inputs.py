"""All that the networks are shown of a lead, in one call: on the fine grid, smoothed, without its mean, and beside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_write,
    f4_read,
    f4_write,
    f8,
    f8_named,
    f8_read,
    f8_write,
    helper,
    i8_read,
    kernel,
    within,
)
from ecg_engine.kernels.beside import likeness_into, neighbours_into
from ecg_engine.kernels.qrs_net import phases_into
from ecg_engine.kernels.wave_net import boxes_into, grid_into, over_mean_into, own_into


class InputRules(NamedTuple):
    """How a lead is shown; all floats."""

    step: float  # samples from one point of the fine grid to the next
    finer: float  # fine points for one that is scored
    pad: float  # fine points beyond the ends
    half: float  # the moving mean reaches over so many on both sides
    near: float  # beats on each side that may be alike
    before: float  # fine points before R that are compared
    after: float
    unlike: float  # beats that differ by so much on average are half alike, in QRS swings
    least: float  # weights of the beats beside sum to so much at least


_grid, _boxes, _phases = within(grid_into), within(boxes_into), within(phases_into)
_over_mean, _own = within(over_mean_into), within(own_into)
_likeness, _neighbours = within(likeness_into), within(neighbours_into)


@helper
def _mean(x: NDArray[np.float64]) -> float:
    """Return the mean; eight sums run side by side, so none waits for another."""
    a = b = c = d = e = f = g = h = 0.0
    whole = len(x) - len(x) % 8
    for i in range(0, whole, 8):
        a += x[i]
        b += x[i + 1]
        c += x[i + 2]
        d += x[i + 3]
        e += x[i + 4]
        f += x[i + 5]
        g += x[i + 6]
        h += x[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(whole, len(x)):
        total += x[i]
    return total / len(x)


@kernel(
    (
        f8_read, f8_read, f8, f8, i8_read, f4_read, f8_named(InputRules), f8_write,
        f4_write, f4_2d_write, f4_2d_write, f4_write, f4_2d_write, f4_2d_write,
    ),
    allocates=False,
)  # fmt: skip
def lead_inputs_into(
    x: NDArray[np.float64],
    beats: NDArray[np.float64],
    scale: float,
    uneven: float,
    halves: NDArray[np.int64],
    gains: NDArray[np.float32],
    w: InputRules,
    work: NDArray[np.float64],
    grid: NDArray[np.float32],
    boxes: NDArray[np.float32],
    phases: NDArray[np.float32],
    over: NDArray[np.float32],
    own: NDArray[np.float32],
    beside: NDArray[np.float32],
) -> None:
    """Write what the networks are shown of a lead, in units of `scale`; the last row of `beside` is `uneven`.

    `beats` are R peaks in scored points. See what it does by: `grid_into`, `boxes_into` (over `halves`), `phases_into`,
    `over_mean_into`, `own_into` (at `gains`), `likeness_into`, `neighbours_into`.

    Caller guarantees: as these; `work` has room for ``near + before + after + 1`` values a beat.
    """
    pad, finer = int(w.pad), int(w.finer)
    near, before, after = int(w.near), int(w.before), int(w.after)
    _grid(x, w.step, _mean(x), scale, pad, grid)
    _boxes(grid, halves, boxes)
    _phases(boxes, finer, phases)
    _over_mean(grid, pad, int(w.half), over)
    _own(over, gains, own)
    m, width = len(beats), before + after + 1
    alike = work[: m * near].reshape(m, near)
    shapes = work[m * near : m * (near + width)].reshape(m, width)
    _likeness(grid[pad : len(grid) - pad], beats, finer, near, before, after, w.unlike, shapes, alike)
    last = len(beside) - 1
    _neighbours(own, alike, beats, near, w.least, beside[:last])
    for k in range(beside.shape[1]):
        beside[last, k] = uneven
