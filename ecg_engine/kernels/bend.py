"""The energy of the bend of a signal, block by block: where it bends sharply there is a QRS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper, inlined
from ecg_engine.kernels.smoothing import median_of

#: Blocks by which a lead is judged for its vote, and blocks a segment: a segment has a beat at 60 a minute.
BLOCKS = 16
SEGMENT = 4
#: Columns of a lead's memory: its last mean, whether in a gap, whether it ever moved, how many samples were odd.
HELD, IN_GAP, MOVED, ODD = range(4)
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
def odd_ones(row: NDArray[np.float64], most: float) -> tuple[int, bool]:
    """Return how many samples are NaN, infinite or beyond `most`, and whether any of them is no NaN."""
    odd = 0
    for i in range(len(row)):
        odd += not abs(row[i]) <= most
    beyond = False
    if odd > 0:
        for i in range(len(row)):
            beyond = beyond or abs(row[i]) > most
    return odd, beyond


@helper
def _means_into(row: NDArray[np.float64], thin: int, have: int, means: NDArray[np.float64]) -> None:
    """Write `have` means of `thin` samples."""
    share = 1.0 / thin
    if thin == 1:
        for j in range(have):
            means[j] = row[j]
    elif thin == 2:  # written out, the sums of neighbours become vectors: half the time
        for j in range(have):
            means[j] = (row[2 * j] + row[2 * j + 1]) * share
    elif thin == 3:
        for j in range(have):
            means[j] = (row[3 * j] + row[3 * j + 1] + row[3 * j + 2]) * share
    elif thin == 4:
        for j in range(have):
            means[j] = (row[4 * j] + row[4 * j + 1] + row[4 * j + 2] + row[4 * j + 3]) * share
    elif thin == 5:
        for j in range(have):
            k = 5 * j
            means[j] = (row[k] + row[k + 1] + row[k + 2] + row[k + 3] + row[k + 4]) * share
    else:
        for j in range(have):
            value = 0.0
            for m in range(j * thin, (j + 1) * thin):
                value += row[m]
            means[j] = value * share


@helper
def steps_into(
    row: NDArray[np.float64],
    thin: int,
    have: int,
    memory: NDArray[np.float64],
    clean: bool,
    means: NDArray[np.float64],
    steps: NDArray[np.float64],
) -> int:
    """Write the steps from each thinned sample to the next, the mean of `thin` samples, and 0 behind the `have` first.

    Over a gap there is no step, nor behind it: what a gap makes is none of the heart's. `clean` says that `row` has
    no NaN and no gap is open. Return how many thinned samples have nothing but gap. `means` is working room.
    """
    empty = 0
    if clean and have > 0:
        _means_into(row, thin, have, means)
        steps[0] = means[0] - memory[HELD]
        for j in range(1, have):
            steps[j] = means[j] - means[j - 1]
        memory[HELD] = means[have - 1]
    else:
        for j in range(have):
            value = 0.0
            n = 0
            for m in range(j * thin, (j + 1) * thin):
                if not np.isnan(row[m]):
                    value += row[m]
                    n += 1
            steps[j] = 0.0
            if n == 0:
                memory[IN_GAP] = 1.0
                empty += 1
                continue
            value /= n
            if memory[IN_GAP] == 0.0:
                steps[j] = value - memory[HELD]
            memory[IN_GAP] = 0.0
            memory[HELD] = value
    for j in range(have, len(steps)):
        steps[j] = 0.0
    return empty


@helper
def bend_square_into(steps: NDArray[np.float64], arms: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the squared bend: ``out[i]`` is that around ``i + len(arms)``.

    The bend is the sum of ``arms[k] * (steps[c + k + 1] - steps[c - k])``: a level and a slope have none, exactly.
    Four arms go together: a pass for each writes and reads `out` more often, at twice the time.
    """
    reach = len(arms)
    n = len(out)
    out[:] = 0.0
    k = 0
    while k + 4 <= reach:
        c = reach - k
        up0, up1, up2, up3 = (
            steps[reach + k + 1 : reach + k + 1 + n],
            steps[reach + k + 2 : reach + k + 2 + n],
            steps[reach + k + 3 : reach + k + 3 + n],
            steps[reach + k + 4 : reach + k + 4 + n],
        )
        down0, down1, down2, down3 = (
            steps[c : c + n],
            steps[c - 1 : c - 1 + n],
            steps[c - 2 : c - 2 + n],
            steps[c - 3 : c - 3 + n],
        )
        for i in range(n):
            out[i] += (arms[k] * (up0[i] - down0[i]) + arms[k + 1] * (up1[i] - down1[i])) + (
                arms[k + 2] * (up2[i] - down2[i]) + arms[k + 3] * (up3[i] - down3[i])
            )
        k += 4
    while k < reach:
        up0 = steps[reach + k + 1 : reach + k + 1 + n]
        down0 = steps[reach - k : reach - k + n]
        for i in range(n):
            out[i] += arms[k] * (up0[i] - down0[i])
        k += 1
    for i in range(n):
        out[i] *= out[i]


@inlined
def _part(
    square: NDArray[np.float64],
    fours: NDArray[np.float64],
    sixteens: NDArray[np.float64],
    taken: int,
    width: int,
    n: int,
) -> tuple[NDArray[np.float64], int]:
    """Return the `n` longest sums that fit between `taken` and `width`, and where they end; nothing fits at the end."""
    left = width - taken
    if left >= 16:
        return sixteens[taken : taken + n], taken + 16
    if left >= 4:
        return fours[taken : taken + n], taken + 4
    return square[taken : taken + n], taken + min(left, 1)


@helper
def energy_into(square: NDArray[np.float64], width: int, room: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write the mean of `square` over `width` samples: ``out[i]`` is that of ``square[i : i + width]``.

    Sums over 4 and 16 samples are made of each other, and as many taken as make up `width`: no sum runs, so none
    drifts, each is the same wherever a block begins, and all are vectors (a quarter of the time). `room`, two rows as
    long as `square`, is where they stand.
    """
    n = len(out)
    m = n + width - 1
    fours, sixteens = room[0], room[1]
    for i in range(m - 3):
        fours[i] = (square[i] + square[i + 1]) + (square[i + 2] + square[i + 3])
    for i in range(m - 15):
        sixteens[i] = (fours[i] + fours[i + 4]) + (fours[i + 8] + fours[i + 12])
    share = 1.0 / width
    taken = 0
    while taken < width:
        one, next_one = _part(square, fours, sixteens, taken, width, n)
        two, next_two = _part(square, fours, sixteens, next_one, width, n)
        if taken == 0 and next_two > next_one:
            for i in range(n):
                out[i] = (one[i] + two[i]) * share
        elif taken == 0:
            for i in range(n):
                out[i] = one[i] * share
        elif next_two > next_one:
            for i in range(n):
                out[i] += (one[i] + two[i]) * share
        else:
            for i in range(n):
                out[i] += one[i] * share
        taken = next_two


@inlined
def extremes(line: NDArray[np.float64], start: int, stop: int) -> tuple[float, float]:
    """Return the least and the greatest of ``line[start:stop]``, one value at least, no NaN.

    Four of each are followed side by side: one alone waits for itself, four times as long.
    """
    a = b = c = d = line[start]
    e = f = g = h = a
    k = start
    while k + 4 <= stop:
        a = min(a, line[k])
        b = min(b, line[k + 1])
        c = min(c, line[k + 2])
        d = min(d, line[k + 3])
        e = max(e, line[k])
        f = max(f, line[k + 1])
        g = max(g, line[k + 2])
        h = max(h, line[k + 3])
        k += 4
    while k < stop:
        a = min(a, line[k])
        e = max(e, line[k])
        k += 1
    return min(min(a, b), min(c, d)), max(max(e, f), max(g, h))


@inlined
def greatest(line: NDArray[np.float64]) -> float:
    """Return the greatest of `line`, one value at least, no NaN."""
    n = len(line)
    a = b = c = d = e = f = g = h = line[0]
    for j in range(n // 8):
        part = line[8 * j : 8 * j + 8]
        a = max(a, part[0])
        b = max(b, part[1])
        c = max(c, part[2])
        d = max(d, part[3])
        e = max(e, part[4])
        f = max(f, part[5])
        g = max(g, part[6])
        h = max(h, part[7])
    for k in range(n - n % 8, n):
        a = max(a, line[k])
    return max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))


@inlined
def place_of(line: NDArray[np.float64], value: float) -> int:
    """Return the first place of `value` in `line`, the last place where it is not there."""
    last = len(line) - 1
    for k in range(last):
        if line[k] == value:
            return k
    return last


@inlined
def moves(energies: NDArray[np.float64], at: int, n: int) -> bool:
    """Return whether any lead has any energy in ``at : at + n``: in a gap, and on a flat line, none has."""
    for lead in range(len(energies)):
        for i in range(at, at + n):
            if energies[lead, i] > 0.0:
                return True
    return False


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
) -> None:
    """Weigh the leads by how far their beats stand out over their noise of late, so that their squared votes add to 1.

    `stats` holds the greatest and the least energy of each lead in its last blocks; `blocks` are those before this one.
    """
    votes = 0.0
    count = min(blocks + 1, BLOCKS)
    for lead in range(len(weights)):
        least, greatest = extremes(energies[lead], at, at + n)
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
    for lead in range(len(weights)):
        weights[lead] /= np.sqrt(max(votes, 1e-300))


@helper
def fuse_into(
    energies: NDArray[np.float64], at: int, n: int, weights: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the leads' energies, each with the square of its weight, added into ``out[at : at + n]``."""
    for i in range(at, at + n):
        out[i] = 0.0
    for lead in range(len(weights)):
        share = weights[lead] * weights[lead]
        for i in range(at, at + n):
            out[i] += share * energies[lead, i]
