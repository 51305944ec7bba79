"""QRS detection as one machine that is fed block by block.

Its state stands in a few arrays that the caller keeps, so that a whole recording and a stream in pieces go the same
way. Time inside is counted in thinned samples, each the mean of `thin` samples as recorded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_write,
    f4_read,
    f8_2d_read,
    f8_2d_write,
    f8_read,
    f8_write,
    helper,
    i8,
    i8_write,
    inlined,
    kernel,
)
from ecg_engine.kernels.bend import (
    IN_GAP,
    MOVED,
    ODD,
    bend_square_into,
    energy_into,
    fuse_into,
    move,
    moves,
    odd_ones,
    steps_into,
    weigh,
)
from ecg_engine.kernels.candidates import forget, judge_tops, seek
from ecg_engine.kernels.choice import decide, give_out
from ecg_engine.kernels.noise import first_noise_share, hold_to_sharp, noise_share, note_quiet, note_sharp
from ecg_engine.kernels.rules import (
    BEAT_RULES,
    BEATS,
    CANDIDATE_ROWS,
    CANDIDATES,
    END,
    GAP,
    HEARD,
    KEPT,
    N_CANDS,
    N_QUIET,
    N_SHARP_QUIET,
    PLAIN,
    QUIET,
    RAW,
    SEEK,
    SEEN,
    SHARPNESS,
    SILENT,
    SPARE,
    SPLIT,
    STATE_SIZE,
    TIME,
    UNKNOWN,
    BeatRules,
)

#: Blocks whose energies are made together, at most: 4 s, in which all that is between stays in the first cache.
GROUP = 16


@helper
def _energies(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    n: int,
    have: int,
    each: int,
    n_energy: int,
    rules: BeatRules,
    arms: NDArray[np.float32],
    state: NDArray[np.int64],
    memory: NDArray[np.float64],
    lines: NDArray[np.float32],
    squares: NDArray[np.float32],
    energies: NDArray[np.float64],
    means: NDArray[np.float64],
    empty: NDArray[np.int64],
) -> bool:
    """Write each lead's energy of the next `n` thinned samples behind its history; `x` has `have` of them, to `stop`.

    Write into `empty` how much of each block of `each` samples is gap in every lead. Return whether a sample is none.
    """
    n_leads = x.shape[0]
    thin, width = int(rules.thin), int(rules.width)
    reach = len(arms)
    history = 2 * int(rules.apart) + 2
    at = state[RAW] - base
    empty[:] = each
    room = squares[n_leads:]
    for lead in range(n_leads):
        line, square = lines[lead], squares[lead]
        energy = energies[lead] if n_leads > 1 else energies[1]
        row = x[lead, at : stop - base]
        odd, beyond = odd_ones(row, rules.most)
        if beyond:
            return True
        memory[lead, ODD] += odd
        steps = line[2 * reach : 2 * reach + n]
        clean = odd == 0 and memory[lead, IN_GAP] == 0.0
        size = n if clean else each
        for block in range(n // size):
            done = block * size
            left = min(size, have - done)
            gap = steps_into(row[done * thin :], thin, left, memory[lead], clean, means, steps[done : done + size])
            empty[block] = min(empty[block], gap)
        if clean:
            empty[:] = 0
        bend_square_into(line, arms, square[width - 1 : width - 1 + n])
        move(line, n, 2 * reach)
        if state[SEEN] == 0:  # the first window's beginning lies before the recording
            move(square, n - n_energy, n_energy + width - 1)
        if n_energy > 0:
            energy_into(square, width, room, energy[history : history + n_energy])
            move(square, n_energy, width - 1)
        k = history
        while memory[lead, MOVED] == 0.0 and k < history + n_energy:
            memory[lead, MOVED] = 1.0 if energy[k] > 0.0 else 0.0
            k += 1
    state[RAW] += have * thin
    return False


@inlined
def _count_gap(state: NDArray[np.int64], empty: int, have: int, split: float) -> None:
    """Follow a gap of all leads over the blocks; where a long one ends, the rhythm begins anew."""
    if empty > 0 and empty == have:
        state[GAP] += empty
        return
    if state[GAP] >= split:
        state[SPLIT] = state[END]
    state[GAP] = 0


@kernel((
    f8_2d_read, i8, i8, i8, f8_read, f4_read, i8_write, f8_2d_write, f4_2d_write, f4_2d_write, f8_2d_write,
    f8_write, f8_2d_write, f8_2d_write, f8_write, f8_2d_write, i8_write,
), allocates=False)  # fmt: skip
def advance_into(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    final: int,
    table: NDArray[np.float64],
    arms: NDArray[np.float32],
    state: NDArray[np.int64],
    memory: NDArray[np.float64],
    lines: NDArray[np.float32],
    squares: NDArray[np.float32],
    energies: NDArray[np.float64],
    weights: NDArray[np.float64],
    stats: NDArray[np.float64],
    cands: NDArray[np.float64],
    work: NDArray[np.float64],
    room: NDArray[np.float64],
    out: NDArray[np.int64],
) -> int:
    """Go on as far as whole blocks of `x` reach, to the end if `final`; write the R peaks found, return how many.

    ``x[:, 0]`` is sample `base` of the recording, `stop` the sample after the last; `table` holds the fields of
    `BeatRules`. Rows of `energies`: one a lead, their fusion, what it was where noise lowers it, and the sharper one
    there; steps and squares are float32, so what bends by less than 1e-19 is flat. The last two rows of `squares`,
    `work` and `room` are working room; `cands` holds the candidates in its first rows, then the beats, and what counts
    for the usual height, noise, sharpness and rhythm. Return -1 where a sample is infinite or beyond the rules' `most`.

    What is decided is decided block by block; energies are made for as many blocks at once as there are, GROUP at
    most: that short loops end and begin so often costs half of all the time.
    """
    # Helpers are given one pointer: of a tuple forty fields are pushed at each call, a tenth of all the time.
    rules: BeatRules = table.view(BEAT_RULES)[0]
    n_leads = x.shape[0]
    thin, width, apart = int(rules.thin), int(rules.width), int(rules.apart)
    delay = len(arms) + width // 2
    history = 2 * apart + 2
    block = int(rules.block)
    group = max(1, min(GROUP, int(rules.begin) // block))
    beats = cands[CANDIDATE_ROWS:]
    fused, plain, sharp = energies[n_leads], energies[n_leads + 1], energies[n_leads + 2]
    empty = state[STATE_SIZE:]
    count = 0
    ends = False
    while not ends and count < len(out) - GROUP * BEATS:
        first = state[SEEN] == 0
        left = (stop - state[RAW]) // thin
        n = int(rules.begin) + delay if first else block
        ends = final == 1 and left <= n
        if left <= n and not ends:
            break
        if ends:
            n = left + delay
        # The energy of a sample is known `delay` samples later.
        n_energy = n - delay if first else n
        blocks = 1 if first or ends else min(group, (left - 1) // n)
        have = min(blocks * n, left)
        until = stop if ends else state[RAW] + have * thin
        if _energies(
            x, base, until, blocks * n, have, n, blocks * n_energy, rules, arms, state, memory, lines, squares,
            energies, room[0], empty,
        ):  # fmt: skip
            return -1
        begun = state[END]
        for b in range(blocks):
            at = history + b * n_energy
            moved = moves(energies[1:2] if n_leads == 1 else energies[:n_leads], at, n_energy)
            if not moved:
                # Silence says nothing of the leads: after it they have the votes that they had.
                state[SILENT] += n_energy
                fused[at : at + n_energy] = 0.0
            elif n_leads > 1:
                heard, whole = state[HEARD], n_energy >= rules.block
                weigh(energies, at, n_energy, stats, weights, heard, rules.no_vote, whole, work)
                fuse_into(energies, at, n_energy, weights, fused)
                state[HEARD] += 1
            if moved:
                note_quiet(fused, at, n_energy, block, cands[QUIET], state, N_QUIET)
            share = noise_share(cands, state)
            now = fused[at : at + n_energy]
            if first:
                share = first_noise_share(x, base, stop, weights, cands, state, rules, work, room, now)
            noisy = share > rules.noisy
            if noisy or state[KEPT] > 0:
                # What is a candidate next may lie in the block before.
                for i in range(at if state[KEPT] > 0 else at - history, at + n_energy):
                    plain[i] = fused[i]
                    sharp[i] = UNKNOWN
            if noisy and moved:
                note_sharp(x, base, stop, beats, weights, cands, state, rules, room)
                hold_to_sharp(x, base, stop, share, weights, cands, state, rules, room, sharp[at : at + n_energy], now)
            elif not noisy:
                state[N_SHARP_QUIET] = 0
            _count_gap(state, empty[b], min(n, left), rules.split)
            state[END] += n_energy
            state[SEEN] += 1
            known = state[N_CANDS]
            state[SEEK], state[N_CANDS] = seek(
                fused, begun - history, state[SEEK], state[END], apart, ends, state[SILENT], cands, state[N_CANDS]
            )
            if noisy or state[KEPT] > 0:
                for i in range(known, state[N_CANDS]):
                    k = int(cands[TIME, i]) - begun + history
                    cands[PLAIN, i] = np.sqrt(plain[k])
                    cands[SHARPNESS, i] = sharp[k] / max(plain[k], 1e-300)
                state[KEPT] = 2 if noisy else state[KEPT] - 1
            judge_tops(cands, state, float(state[END] - apart), rules.top, ends)
            decide(cands, beats, state, rules, share, ends, work)
            count = give_out(x, base, stop, ends, cands, beats, stats, rules, noisy, state, work, out, count)
            if state[N_CANDS] > CANDIDATES - SPARE:
                until = state[END] - state[SILENT] - max(rules.span, rules.back_reach) - 2.0 * rules.top
                forget(cands, state, until)
        move(fused, blocks * n_energy, history)
        if state[KEPT] > 0:
            move(plain, blocks * n_energy, history)
            move(sharp, blocks * n_energy, history)
    return count
