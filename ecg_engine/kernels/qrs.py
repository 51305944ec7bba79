"""QRS detection as one machine that is fed block by block.

Its state stands in a few arrays that the caller keeps, so that a whole recording and a stream in pieces go the same
way. Time inside is counted in thinned samples, each the mean of `thin` samples as recorded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_2d_read, f8_2d_write, f8_named, f8_read, f8_write, helper, i8, i8_write, kernel
from ecg_engine.kernels.bend import (
    IN_GAP,
    MOVED,
    ODD,
    PLACE,
    bend_square_into,
    energy_into,
    fuse_into,
    move,
    moves,
    odd_ones,
    steps_into,
    weigh,
)
from ecg_engine.kernels.candidates import forget, judge_tops, level, seek
from ecg_engine.kernels.locate import locate
from ecg_engine.kernels.rules import (
    BEAT_ROWS,
    BEATS,
    CANDIDATE_ROWS,
    CANDIDATES,
    DECIDE,
    EMIT,
    END,
    GAP,
    HEARD,
    HEIGHT,
    LAST_R,
    LEVEL,
    LOOKS,
    N_BEATS,
    N_CANDS,
    NOISE,
    RAW,
    RR,
    SEEK,
    SEEN,
    SILENT,
    SPARE,
    SPLIT,
    STATE_SIZE,
    TENT,
    TIME,
    USUAL_BEATS,
    USUAL_RR,
    BeatRules,
)
from ecg_engine.kernels.smoothing import median_of

#: Blocks whose energies are made together, at most: 4 s, in which all that is between stays in the first cache.
GROUP = 16
#: Beats are tall whose usual swing is so many times the floor: then the floor is half as high again (0.15 mV, which
#: IEC 60601-2-27 lets be none).
TALL = 5.0


@helper
def _usual_rr(beats: NDArray[np.float64], stop: int, work: NDArray[np.float64]) -> float:
    """Return the median of the last (up to) ten RR before the beat `stop`; 0 where there is none."""
    count = 0
    q = stop - 1
    while q >= 0 and count < USUAL_RR:
        if beats[RR, q] > 0.0:
            work[count] = beats[RR, q]
            count += 1
        q -= 1
    return median_of(work, count) if count > 0 else 0.0


@helper
def _is_soon(beats: NDArray[np.float64], stop: int, gap: float, late: float) -> bool:
    """Return whether `gap` is no more than `late` times most of the last (up to) ten RR: then of their median too."""
    count = 0
    longer = 0
    q = stop - 1
    while q >= 0 and count < USUAL_RR:
        if beats[RR, q] > 0.0:
            count += 1
            longer += gap <= late * beats[RR, q]
        q -= 1
    return longer > count // 2


@helper
def _add_beat(beats: NDArray[np.float64], state: NDArray[np.int64], time: float, height: float) -> None:
    """Add a beat behind the last; where the room is full, the older half goes."""
    n = state[N_BEATS]
    if n == BEATS:
        keep = BEATS // 2
        for row in range(BEAT_ROWS):
            move(beats[row], n - keep, keep)
        state[EMIT] = max(0, state[EMIT] - (n - keep))
        n = keep
    beats[TIME, n] = time
    beats[HEIGHT, n] = height
    broken = n == 0 or (beats[TIME, n - 1] < state[SPLIT] <= time)
    beats[RR, n] = 0.0 if broken else time - beats[TIME, n - 1]
    state[N_BEATS] = n + 1


@helper
def _search_back(
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    i: int,
    rules: BeatRules,
    work: NDArray[np.float64],
) -> None:
    """Where candidate `i`, a beat, is late, add the highest between that passes the lower threshold, and look again.

    Behind a gap that splits it is late from the gap's end on, by the usual RR before it.
    """
    n = state[N_BEATS]
    time = cands[TIME, i]
    if n == 0:
        return
    split = beats[TIME, n - 1] < state[SPLIT] <= time
    left = float(state[SPLIT]) if split else beats[TIME, n - 1]
    left_height = 0.0 if split else beats[HEIGHT, n - 1]
    margin = 0.0 if split else rules.margin
    if _is_soon(beats, n, time - left, rules.late):
        return
    usual = _usual_rr(beats, n, work)
    if usual == 0.0:
        return
    found = 0
    while time - left > rules.late * usual and found < LOOKS:
        # the highest in between; then again to the left of it, until no gap before it is left
        right = time
        chosen = -1
        for _look in range(LOOKS):
            if right - left <= rules.late * usual:
                break
            best = -1
            j = i - 1
            while j >= 0 and cands[TIME, j] > max(left, time - rules.back_reach):
                after = cands[TIME, j] - left
                if (
                    right - cands[TIME, j] >= rules.margin
                    and after >= margin
                    and not (after < rules.t_window and cands[HEIGHT, j] < rules.t_share * left_height)
                    and cands[HEIGHT, j] >= rules.back_share * cands[LEVEL, j] + rules.noise_share * cands[NOISE, j]
                    and (best < 0 or cands[HEIGHT, j] > cands[HEIGHT, best])
                ):
                    best = j
                j -= 1
            if best < 0:
                break
            chosen = best
            right = cands[TIME, best]
        if chosen < 0:
            return
        _add_beat(beats, state, cands[TIME, chosen], cands[HEIGHT, chosen])
        left = cands[TIME, chosen]
        left_height = cands[HEIGHT, chosen]
        margin = rules.margin
        found += 1


@helper
def _splits(
    beats: NDArray[np.float64], state: NDArray[np.int64], q: int, rules: BeatRules, work: NDArray[np.float64]
) -> bool:
    """Return whether beat `q` is low and splits an ordinary RR: a T or P wave between two QRS complexes."""
    n = state[N_BEATS]
    if q < 1 or q > n - 2 or beats[RR, q] == 0.0 or beats[RR, q + 1] == 0.0:
        return False
    if beats[HEIGHT, q] >= min(beats[HEIGHT, q - 1], beats[HEIGHT, q + 1]) * rules.low_share:
        return False
    low, high = max(0, q - USUAL_BEATS), min(n, q + USUAL_BEATS // 2)
    for k in range(low, high):
        work[k - low] = beats[HEIGHT, k]
    tall = rules.low_share * median_of(work, high - low)
    count = 0
    previous = -1
    for k in range(low, high):
        if k != q and beats[HEIGHT, k] >= tall:
            if previous >= 0:
                work[count] = beats[TIME, k] - beats[TIME, previous]
                count += 1
            previous = k
    return count >= 2 and beats[TIME, q + 1] - beats[TIME, q - 1] <= rules.usual_share * median_of(work, count)


@helper
def _take_out(beats: NDArray[np.float64], state: NDArray[np.int64], q: int) -> None:
    """Take beat `q` out, so that its two RR become one."""
    beats[RR, q + 1] += beats[RR, q]
    for row in range(BEAT_ROWS):
        for k in range(q, state[N_BEATS] - 1):
            beats[row, k] = beats[row, k + 1]
    state[N_BEATS] -= 1


@helper
def _confirm(
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    work: NDArray[np.float64],
) -> None:
    """Make the tentative candidate a beat."""
    i = state[TENT]
    state[TENT] = -1
    _search_back(cands, beats, state, i, rules, work)
    _add_beat(beats, state, cands[TIME, i], cands[HEIGHT, i])


@helper
def _decide(
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    final: bool,
    work: NDArray[np.float64],
) -> None:
    """Decide the candidates behind which enough is known."""
    while state[DECIDE] < state[N_CANDS]:
        i = state[DECIDE]
        state[DECIDE] = i + 1
        time = cands[TIME, i]
        height = cands[HEIGHT, i]
        cands[LEVEL, i] = level(cands, state, i, rules)
        k = state[TENT]
        if k >= 0 and time - cands[TIME, k] >= max(rules.p_window, rules.refractory):
            _confirm(cands, beats, state, rules, work)
        noise = cands[NOISE, i - 1] if i > 0 else 0.0
        cands[NOISE, i] = noise
        if height < rules.threshold * cands[LEVEL, i] + rules.noise_share * noise:
            cands[NOISE, i] = noise + rules.noise_pace * (min(height, cands[LEVEL, i]) - noise)
            continue
        if k >= 0:
            after = time - cands[TIME, k]
            if after < rules.refractory or (after < rules.p_window and cands[HEIGHT, k] < rules.p_share * height):
                if height > cands[HEIGHT, k]:
                    state[TENT] = i
                continue
            if after < rules.t_window and height < rules.t_share * cands[HEIGHT, k]:
                continue
            if state[TENT] >= 0:
                _confirm(cands, beats, state, rules, work)
        elif state[N_BEATS] > 0:
            n = state[N_BEATS] - 1
            after = time - beats[TIME, n]
            if after < rules.t_window and height < rules.t_share * beats[HEIGHT, n]:
                continue
        state[TENT] = i
    # What could follow it too soon is known now.
    known = state[SEEK] - max(rules.p_window, rules.refractory)
    if state[TENT] >= 0 and (final or cands[TIME, state[TENT]] <= known):
        _confirm(cands, beats, state, rules, work)


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
    arms: NDArray[np.float64],
    state: NDArray[np.int64],
    memory: NDArray[np.float64],
    lines: NDArray[np.float64],
    squares: NDArray[np.float64],
    energies: NDArray[np.float64],
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
            gap = steps_into(row[done * thin :], thin, left, memory[lead], clean, room[0], steps[done : done + size])
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


@helper
def _count_gap(state: NDArray[np.int64], empty: int, have: int, split: float) -> None:
    """Follow a gap of all leads over the blocks; where a long one ends, the rhythm begins anew."""
    if empty > 0 and empty == have:
        state[GAP] += empty
        return
    if state[GAP] >= split:
        state[SPLIT] = state[END]
    state[GAP] = 0


@helper
def _give_out(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    final: bool,
    beats: NDArray[np.float64],
    stats: NDArray[np.float64],
    rules: BeatRules,
    state: NDArray[np.int64],
    work: NDArray[np.float64],
    out: NDArray[np.int64],
    count: int,
) -> int:
    """Write the R peaks of the beats that nothing can change any more behind the `count` there are; return how many."""
    while state[EMIT] < state[N_BEATS]:
        q = state[EMIT]
        n = state[N_BEATS]
        low_after = q > 0 and beats[HEIGHT, q] < rules.low_share * beats[HEIGHT, q - 1]
        if _splits(beats, state, q, rules, work):
            _take_out(beats, state, q)
            continue
        waits = q == n - 1 and not final and state[END] - beats[TIME, q] < rules.hold
        if waits and (q == 0 or low_after):
            break
        state[EMIT] = q + 1
        # At either end there is one neighbour only: a low beat that comes far too soon is the T or P wave of that one.
        if n >= 4:
            rr = 0.0
            if q == n - 1 and final and low_after:
                rr = beats[RR, q]
            elif q == 0 and state[LAST_R] < 0 and beats[HEIGHT, 0] < rules.low_share * beats[HEIGHT, 1]:
                rr = beats[RR, 1]
            if 0.0 < rr < rules.soon_share * _usual_rr(beats, n, work):
                continue
        r_peak, swing = locate(x, base, stop, beats[TIME, q], stats, rules, work)
        # Where beats are tall, what is a little above the floor is a P wave or noise in a pause.
        tallest = 0.0
        for lead in range(len(stats)):
            tallest = max(tallest, stats[lead, PLACE])
        floor = rules.floor * (1.5 if tallest >= TALL * rules.floor else 1.0)
        if swing >= floor and (state[LAST_R] < 0 or r_peak - state[LAST_R] >= rules.twice):
            state[LAST_R] = r_peak
            out[count] = r_peak
            count += 1
    return count


@kernel((
    f8_2d_read, i8, i8, i8, f8_named(BeatRules), f8_read, i8_write, f8_2d_write, f8_2d_write, f8_2d_write, f8_2d_write,
    f8_write, f8_2d_write, f8_2d_write, f8_write, i8_write,
), allocates=False)  # fmt: skip
def advance_into(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    final: int,
    rules: BeatRules,
    arms: NDArray[np.float64],
    state: NDArray[np.int64],
    memory: NDArray[np.float64],
    lines: NDArray[np.float64],
    squares: NDArray[np.float64],
    energies: NDArray[np.float64],
    weights: NDArray[np.float64],
    stats: NDArray[np.float64],
    cands: NDArray[np.float64],
    work: NDArray[np.float64],
    out: NDArray[np.int64],
) -> int:
    """Go on as far as whole blocks of `x` reach, to the end if `final`; write the R peaks found, return how many.

    ``x[:, 0]`` is sample `base` of the recording, `stop` the sample after the last. Rows of `energies`: one a lead, and
    their fusion; the last two rows of `squares` are working room; `cands` holds the candidates in its first rows, the
    beats in 3 more, and the heights that count. Return -1 where a sample is infinite or beyond ``rules.most``.

    What is decided is decided block by block; energies are made for as many blocks at once as there are, GROUP at
    most: that short loops end and begin so often costs half of all the time.
    """
    n_leads = x.shape[0]
    thin, width, apart = int(rules.thin), int(rules.width), int(rules.apart)
    delay = len(arms) + width // 2
    history = 2 * apart + 2
    block = int(rules.block)
    group = max(1, min(GROUP, int(rules.begin) // block))
    beats = cands[CANDIDATE_ROWS:]
    fused = energies[n_leads]
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
            energies, empty,
        ):  # fmt: skip
            return -1
        begun = state[END]
        for b in range(blocks):
            at = history + b * n_energy
            if not moves(energies[1:] if n_leads == 1 else energies[:n_leads], at, n_energy):
                # Silence says nothing of the leads: after it they have the votes that they had.
                state[SILENT] += n_energy
                fused[at : at + n_energy] = 0.0
            elif n_leads > 1:
                heard, whole = state[HEARD], n_energy >= rules.block
                votes = weigh(energies, at, n_energy, stats, weights, heard, rules.no_vote, whole, work)
                fuse_into(energies, at, n_energy, weights, votes, fused)
                state[HEARD] += 1
            _count_gap(state, empty[b], min(n, left), rules.split)
            state[END] += n_energy
            state[SEEN] += 1
            state[SEEK], state[N_CANDS] = seek(
                fused, begun - history, state[SEEK], state[END], apart, ends, state[SILENT], cands, state[N_CANDS]
            )
            judge_tops(cands, state, float(state[END] - apart), rules.top, ends)
            _decide(cands, beats, state, rules, ends, work)
            count = _give_out(x, base, stop, ends, beats, stats, rules, state, work, out, count)
            if state[N_CANDS] > CANDIDATES - SPARE:
                until = state[END] - state[SILENT] - max(rules.span, rules.back_reach) - 2.0 * rules.top
                forget(cands, state, until)
        move(fused, blocks * n_energy, history)
    return count
