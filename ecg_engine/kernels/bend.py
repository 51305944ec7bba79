"""The energy of the bend of a signal, block by block: where it bends sharply there is a QRS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper
from ecg_engine.kernels.smoothing import median_of

#: Blocks by which a lead is judged for its vote, and blocks a segment: a segment has a beat at 60 a minute.
BLOCKS = 16
SEGMENT = 4
#: Columns of a lead's memory: the value held, what is added since a gap, whether in a gap, whether it ever moved.
HELD, OFFSET, IN_GAP, MOVED = range(4)
#: A lead's vote, at least and at most.
LEAST_VOTE, MOST_VOTE = 1e-3, 20.0
#: Column of a lead's statistics that holds its usual swing.
PLACE = 2 * BLOCKS


@helper
def move(line: NDArray[np.float64], by: int, n: int) -> None:
    """Move ``line[by : by + n]`` to the front."""
    for i in range(n):
        line[i] = line[i + by]


@helper
def _thin_plainly(row: NDArray[np.float64], thin: int, have: int, line: NDArray[np.float64], at: int) -> bool:
    """Write `have` means of `thin` samples into ``line[at:]``; return whether there is a gap."""
    share = 1.0 / thin
    if thin == 1:
        for j in range(have):
            line[at + j] = row[j]
    elif thin == 2:  # written out, the sums of neighbours become vectors: half the time
        for j in range(have):
            line[at + j] = (row[2 * j] + row[2 * j + 1]) * share
    elif thin == 3:
        for j in range(have):
            line[at + j] = (row[3 * j] + row[3 * j + 1] + row[3 * j + 2]) * share
    elif thin == 4:
        for j in range(have):
            line[at + j] = (row[4 * j] + row[4 * j + 1] + row[4 * j + 2] + row[4 * j + 3]) * share
    elif thin == 5:
        for j in range(have):
            k = 5 * j
            line[at + j] = (row[k] + row[k + 1] + row[k + 2] + row[k + 3] + row[k + 4]) * share
    else:
        for j in range(have):
            value = 0.0
            for m in range(j * thin, (j + 1) * thin):
                value += row[m]
            line[at + j] = value * share
    gaps = 0
    for j in range(at, at + have):
        gaps += line[j] != line[j]
    return gaps > 0


@helper
def thin_into(
    row: NDArray[np.float64],
    thin: int,
    have: int,
    want: int,
    memory: NDArray[np.float64],
    line: NDArray[np.float64],
    at: int,
) -> int:
    """Write `want` thinned samples, of which `row` has `have`, into ``line[at:]``; the rest repeats the last one.

    A gap holds the value before it, and what comes after it is moved there: a bend of the gap's making is none of the
    heart's. Return how many thinned samples have nothing but gap.
    """
    gaps = _thin_plainly(row, thin, have, line, at)
    share = 1.0 / thin
    empty = 0
    if gaps or memory[IN_GAP] > 0.0:
        for j in range(have):
            value = 0.0
            n = 0
            for m in range(j * thin, (j + 1) * thin):
                if not np.isnan(row[m]):
                    value += row[m]
                    n += 1
            if n == 0:
                memory[IN_GAP] = 1.0
                empty += 1
            else:
                value *= share if n == thin else 1.0 / n
                if memory[IN_GAP] > 0.0:
                    memory[OFFSET] = memory[HELD] - value
                    memory[IN_GAP] = 0.0
                memory[HELD] = value + memory[OFFSET]
            line[at + j] = memory[HELD]
    elif have > 0:
        for j in range(at, at + have):
            line[j] += memory[OFFSET]
        memory[HELD] = line[at + have - 1]
    for j in range(at + have, at + want):
        line[j] = memory[HELD]
    return empty


@helper
def bend_square_into(
    line: NDArray[np.float64], taps: NDArray[np.float64], n: int, out: NDArray[np.float64], at: int
) -> None:
    """Write the squared bend: ``out[at + i]`` is that of ``line[i + len(taps)]``.

    The bend is the sum of ``taps[k] * (line[c + k + 1] + line[c - k - 1] - 2 * line[c])``: a level has none, exactly.
    """
    reach = len(taps)
    goal = out[at : at + n]
    centre = line[reach : reach + n]
    for i in range(n):
        goal[i] = taps[0] * ((line[reach + 1 + i] - centre[i]) + (line[reach - 1 + i] - centre[i]))
    for k in range(1, reach):
        tap = taps[k]
        ahead = line[reach + 1 + k : reach + 1 + k + n]
        behind = line[reach - 1 - k : reach - 1 - k + n]
        for i in range(n):
            goal[i] += tap * ((ahead[i] - centre[i]) + (behind[i] - centre[i]))
    for i in range(n):
        goal[i] *= goal[i]


@helper
def energy_into(square: NDArray[np.float64], width: int, n: int, out: NDArray[np.float64], at: int) -> None:
    """Write the mean of `square` over `width` samples: ``out[at + i]`` is that of ``square[i : i + width]``."""
    total = 0.0
    for k in range(width):
        total += square[k]
    share = 1.0 / width
    out[at] = total * share
    for i in range(1, n):
        total += square[i + width - 1] - square[i - 1]
        out[at + i] = total * share if total > 0.0 else 0.0


@helper
def weigh(
    energies: NDArray[np.float64],
    at: int,
    n: int,
    stats: NDArray[np.float64],
    weights: NDArray[np.float64],
    blocks: int,
    no_vote: float,
    whole: bool,
    work: NDArray[np.float64],
) -> float:
    """Weigh the leads by how far their beats stand out over their noise of late; return the sum of squared votes.

    `stats` holds the greatest and the least energy of each lead in its last blocks.
    """
    votes = 0.0
    count = min(blocks + 1, BLOCKS)
    for lead in range(len(weights)):
        greatest = 0.0
        least = np.inf
        for i in range(at, at + n):
            greatest = max(greatest, energies[lead, i])
            least = min(least, energies[lead, i])
        stats[lead, blocks % BLOCKS] = greatest
        stats[lead, BLOCKS + blocks % BLOCKS] = least
        segments = 0
        for k in range(0, count, SEGMENT):
            work[segments] = 0.0
            for m in range(k, min(k + SEGMENT, count)):
                work[segments] = max(work[segments], stats[lead, m])
            segments += 1
        usual = np.sqrt(median_of(work, segments))
        for k in range(count):
            work[k] = stats[lead, BLOCKS + k]
        noise = median_of(work, count)
        if whole:  # a lead that turns to noise is known by this block: it is longer than a QRS in the window
            noise = max(noise, least)
        noise = np.sqrt(noise)
        weights[lead] = 0.0
        if usual > 0.0:
            contrast = usual / max(noise, 1e-9 * usual)
            vote = min(max(contrast - no_vote, LEAST_VOTE), MOST_VOTE)
            weights[lead] = vote / usual
            votes += vote * vote
    return votes


@helper
def fuse_into(
    energies: NDArray[np.float64], at: int, n: int, weights: NDArray[np.float64], votes: float, out: NDArray[np.float64]
) -> None:
    """Write the weighted mean of the leads' energies into ``out[at : at + n]``."""
    for i in range(at, at + n):
        out[i] = 0.0
    for lead in range(len(weights)):
        share = weights[lead] * weights[lead] / max(votes, 1e-300)
        for i in range(at, at + n):
            out[i] += share * energies[lead, i]
