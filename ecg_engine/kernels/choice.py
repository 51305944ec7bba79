"""Which candidates are beats: thresholds, search back, T and P waves, noise; and when a beat is given out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper, inlined
from ecg_engine.kernels.bend import PLACE, move
from ecg_engine.kernels.candidates import level
from ecg_engine.kernels.locate import locate, steepness
from ecg_engine.kernels.rules import (
    BEAT_ROWS,
    BEAT_SHARPNESS,
    BEATS,
    DECIDE,
    EMIT,
    END,
    HEIGHT,
    JUDGED,
    LAST_R,
    LEVEL,
    LOOKS,
    N_BEATS,
    N_CANDS,
    NOISE,
    PLAIN,
    PLAIN_HEIGHT,
    RHYTHM,
    RR,
    SEEK,
    SHARPNESS,
    SPLIT,
    TENT,
    TIME,
    TOGETHER,
    USUAL_BEATS,
    USUAL_RR,
    BeatRules,
)
from ecg_engine.kernels.smoothing import median_of
from ecg_engine.kernels.together import ROOM, USUAL, choose_together, note_rhythm

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


@inlined
def _add_beat(cands: NDArray[np.float64], i: int, beats: NDArray[np.float64], state: NDArray[np.int64]) -> None:
    """Add candidate `i` as a beat behind the last; where the room is full, the older half goes."""
    time = cands[TIME, i]
    n = state[N_BEATS]
    if n == BEATS:
        keep = BEATS // 2
        for row in range(BEAT_ROWS):
            move(beats[row], n - keep, keep)
        state[EMIT] = max(0, state[EMIT] - (n - keep))
        n = keep
    beats[TIME, n] = time
    beats[HEIGHT, n] = cands[HEIGHT, i]
    beats[PLAIN_HEIGHT, n] = cands[PLAIN, i]
    beats[BEAT_SHARPNESS, n] = cands[SHARPNESS, i]
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
                    and cands[PLAIN, j] >= rules.back_share * cands[LEVEL, j] + rules.noise_share * cands[NOISE, j]
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
        _add_beat(cands, chosen, beats, state)
        left = cands[TIME, chosen]
        left_height = cands[HEIGHT, chosen]
        margin = rules.margin
        found += 1


@helper
def _tall_rr(
    beats: NDArray[np.float64], n: int, q: int, rules: BeatRules, work: NDArray[np.float64]
) -> tuple[float, float, bool]:
    """Return of the beats around `q` the usual height, the usual RR of the tall ones but `q` (0: too few); if even.

    Even is a rhythm two thirds of whose RR differ from the usual one by no more than an ordinary one may.
    """
    low, high = max(0, q - USUAL_BEATS), min(n, q + USUAL_BEATS // 2)
    for k in range(low, high):
        work[k - low] = beats[HEIGHT, k]
    height = median_of(work, high - low)
    tall = rules.low_share * height
    count = 0
    previous = -1
    for k in range(low, high):
        if k != q and beats[HEIGHT, k] >= tall:
            if previous >= 0:
                work[count] = beats[TIME, k] - beats[TIME, previous]
                count += 1
            previous = k
    if count < 2:
        return height, 0.0, False
    usual = median_of(work, count)
    ordinary = 0
    for k in range(count):
        ordinary += abs(work[k] - usual) <= (rules.usual_share - 1.0) * usual
    return height, usual, 3 * ordinary >= 2 * count


@inlined
def _splits(
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    q: int,
    noisy: bool,
    rules: BeatRules,
    work: NDArray[np.float64],
) -> bool:
    """Return whether beat `q` is low and splits an ordinary RR: a T or P wave, or noise, between two QRS complexes."""
    n = state[N_BEATS]
    if q < 1 or q > n - 2 or beats[RR, q] == 0.0 or beats[RR, q + 1] == 0.0:
        return False
    beside = min(beats[HEIGHT, q - 1], beats[HEIGHT, q + 1])
    low = beats[HEIGHT, q] < beside * rules.low_share
    if not low and not (noisy and beats[HEIGHT, q] < beside * rules.noisy_share):
        return False
    height, usual, even = _tall_rr(beats, n, q, rules, work)
    # Where RR is uneven two short ones are no sign of noise, nor is a beat as high as most between two higher ones.
    low = low or (even and beats[HEIGHT, q] < rules.noisy_share * height)
    return low and beats[TIME, q + 1] - beats[TIME, q - 1] <= rules.usual_share * usual


@inlined
def _is_t_wave(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    beats: NDArray[np.float64],
    q: int,
    stats: NDArray[np.float64],
    rules: BeatRules,
) -> bool:
    """Return whether beat `q` is the T wave of the one before: soon behind it, and by far less steep.

    That beat may be steep by noise, so it must also be less steep than the steeper one of the two before that.
    """
    if q < 1 or not 0.0 < beats[RR, q] < rules.slope_window:
        return False
    steep = steepness(x, base, stop, beats[TIME, q], stats, rules)
    if steep >= rules.slope_share * steepness(x, base, stop, beats[TIME, q - 1], stats, rules):
        return False
    before = 0.0
    k = q - 1
    while k > max(0, q - 3) and 0.0 < beats[RR, k] < rules.split:
        before = max(before, steepness(x, base, stop, beats[TIME, k - 1], stats, rules))
        k -= 1
    return k == q - 1 or steep < rules.slope_share * before


@inlined
def _is_slow(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    beats: NDArray[np.float64],
    n: int,
    q: int,
    stats: NDArray[np.float64],
    rules: BeatRules,
) -> bool:
    """Return whether beat `q` is low and hardly steep against both beside it: a P or T wave in a long RR, or drift."""
    if q < 1 or q > n - 2 or not 0.0 < beats[RR, q] < rules.split or not 0.0 < beats[RR, q + 1] < rules.split:
        return False
    if beats[HEIGHT, q] >= rules.low_share * min(beats[HEIGHT, q - 1], beats[HEIGHT, q + 1]):
        return False
    limit = rules.slow_share * steepness(x, base, stop, beats[TIME, q - 1], stats, rules)
    limit = min(limit, rules.slow_share * steepness(x, base, stop, beats[TIME, q + 1], stats, rules))
    return steepness(x, base, stop, beats[TIME, q], stats, rules) < limit


@helper
def _take_out(beats: NDArray[np.float64], state: NDArray[np.int64], q: int) -> None:
    """Take beat `q` out, so that its two RR become one."""
    if q + 1 < state[N_BEATS]:
        beats[RR, q + 1] += beats[RR, q]
    for row in range(BEAT_ROWS):
        for k in range(q, state[N_BEATS] - 1):
            beats[row, k] = beats[row, k + 1]
    state[N_BEATS] -= 1


@inlined
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
    _add_beat(cands, i, beats, state)


@inlined
def _passes(cands: NDArray[np.float64], state: NDArray[np.int64], i: int, rules: BeatRules) -> bool:
    """Return whether candidate `i` passes the threshold; note once the usual heights of a beat and of what is none."""
    height = cands[HEIGHT, i]
    noise = cands[NOISE, i - 1] if i > 0 else 0.0
    new = i == state[JUDGED]
    if new:
        cands[LEVEL, i] = level(cands, state, i, rules)
        cands[NOISE, i] = noise
        state[JUDGED] = i + 1
    if height >= rules.threshold * cands[LEVEL, i] + rules.noise_share * noise:
        return True
    if new:
        cands[NOISE, i] = noise + rules.noise_pace * (min(height, cands[LEVEL, i]) - noise)
    return False


@inlined
def _decide_again(cands: NDArray[np.float64], state: NDArray[np.int64], time: float) -> None:
    """Go back to the first candidate behind `time`."""
    while state[DECIDE] > 0 and cands[TIME, state[DECIDE] - 1] > time:
        state[DECIDE] -= 1


@helper
def _decide_together(
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    share: float,
    final: bool,
    work: NDArray[np.float64],
) -> bool:
    """Choose the beats in strong noise together, as far as enough of what follows is known; return whether it is done.

    Where the noise ends, or no even rhythm is left, what is not decided yet is decided candidate by candidate again.
    """
    rhythm = cands[RHYTHM]
    note_rhythm(beats, state, rules, rhythm, work)
    if rhythm[USUAL] == 0.0:
        if state[TOGETHER] > 0:
            _decide_again(cands, state, beats[TIME, state[N_BEATS] - 1] if state[N_BEATS] > 0 else -1.0)
        state[TOGETHER] = 0
        return False
    while state[DECIDE] < state[N_CANDS]:
        _passes(cands, state, state[DECIDE], rules)
        state[DECIDE] += 1
    ends = final or share <= rules.strong
    until = float(min(state[SEEK], state[END]))
    if not final:
        until -= max(rules.p_window, rules.refractory) if ends else rules.together
    chosen = work[4 * ROOM : 5 * ROOM]
    count = choose_together(cands, beats, state, rules, share, until, chosen, work)
    for k in range(count):
        _add_beat(cands, int(chosen[k]), beats, state)
    state[TENT] = -1
    state[TOGETHER] = 0 if ends else 1
    if ends:
        _decide_again(cands, state, until)
    return True


@inlined
def decide(
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    share: float,
    final: bool,
    work: NDArray[np.float64],
) -> None:
    """Decide the candidates behind which enough is known."""
    strong = share > rules.strong or state[TOGETHER] > 0
    if strong and _decide_together(cands, beats, state, rules, share, final, work):
        return
    while state[DECIDE] < state[N_CANDS]:
        i = state[DECIDE]
        state[DECIDE] = i + 1
        time = cands[TIME, i]
        height = cands[HEIGHT, i]
        passes = _passes(cands, state, i, rules)
        k = state[TENT]
        if k >= 0 and time - cands[TIME, k] >= max(rules.p_window, rules.refractory):
            _confirm(cands, beats, state, rules, work)
        if not passes:
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
def _may_be_noise(
    beats: NDArray[np.float64], state: NDArray[np.int64], q: int, rules: BeatRules, work: NDArray[np.float64]
) -> bool:
    """Return whether the last beat, `q`, must wait for the next one: in noise, it may split an ordinary RR."""
    if q == 0 or beats[RR, q] == 0.0 or beats[HEIGHT, q] >= rules.noisy_share * beats[HEIGHT, q - 1]:
        return False
    gone = state[END] - beats[TIME, q] - rules.p_window
    return beats[RR, q] + gone < rules.usual_share * _usual_rr(beats, state[N_BEATS], work)


@inlined
def give_out(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    final: bool,
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    stats: NDArray[np.float64],
    rules: BeatRules,
    noisy: bool,
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
        if (
            _is_t_wave(x, base, stop, beats, q, stats, rules)
            or _is_slow(x, base, stop, beats, n, q, stats, rules)
            or _splits(beats, state, q, noisy, rules, work)
        ):
            _take_out(beats, state, q)
            continue
        waits = q == n - 1 and not final and state[END] - beats[TIME, q] < rules.hold
        if waits and (q == 0 or low_after or (noisy and _may_be_noise(beats, state, q, rules, work))):
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
