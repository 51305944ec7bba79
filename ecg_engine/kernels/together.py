"""Beats in strong noise, chosen together: by how high they stand and by how well they keep the rhythm."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper, inlined
from ecg_engine.kernels.rules import (
    END,
    HEIGHT,
    LEVEL,
    N_BEATS,
    N_CANDS,
    RHYTHM,
    RR,
    SEEK,
    SPLIT,
    TIME,
    BeatRules,
)
from ecg_engine.kernels.smoothing import median_of

#: The last RR make the rhythm: so many at most, and at least.
MOST_RR, LEAST_RR = 20, 5
#: Candidates that are looked at behind the last beat, at most: more than stand within three seconds.
ROOM = 32
#: A median distance from the median, for normal values, as a standard deviation.
_MAD = 1.4826
#: Of an interval that may be anything between half and four times the usual one, the density: ln(0.5 sqrt(2 pi)).
_ANYHOW = 0.2257
_NEVER = -1e9
#: Rows of the table of ways, a column a candidate: the most that the log odds of a way to it sum to, as a beat of the
#: rhythm, and the one before it (-1: the last beat; from ROOM on: an ectopic one); the same as an ectopic beat.
VALUE, BACK, ECTOPIC, BASE = range(4)
#: What is noted of the rhythm: of how many beats, the last at what time; the usual RR; spreads of RR and of heights.
COUNT, LAST, USUAL, SPREAD, STRAY = range(5)


@helper
def _usual_and_spread(values: NDArray[np.float64], count: int, most: float) -> tuple[float, float]:
    """Return the median of the first `count` values and how far they stray from it, a share; 1 where beyond `most`."""
    usual = median_of(values, count)
    share = 1.0 / usual
    near = 0
    for k in range(count):
        values[k] = abs(values[k] * share - 1.0)
        near += values[k] <= most / _MAD
    if 2 * near < count:
        return usual, 1.0
    return usual, _MAD * median_of(values, count)


@helper
def note_rhythm(
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    rhythm: NDArray[np.float64],
    work: NDArray[np.float64],
) -> None:
    """Note the usual RR of the last beats and its spread, and that of their heights, as shares.

    The usual RR is 0 where RR are few or stray more, and behind a gap that splits. Nothing is done where no beat has
    come or gone.
    """
    n = state[N_BEATS]
    if n <= LEAST_RR or state[SPLIT] > beats[TIME, n - 1]:
        rhythm[USUAL] = rhythm[COUNT] = 0.0
        return
    if rhythm[COUNT] == n and rhythm[LAST] == beats[TIME, n - 1]:
        return
    rhythm[COUNT], rhythm[LAST], rhythm[USUAL] = n, beats[TIME, n - 1], 0.0
    if max(beats[RR, n - 1], beats[RR, n - 2]) < rules.slope_window:
        return
    count = 0
    q = n - 1
    while q >= 0 and count < MOST_RR:
        if beats[RR, q] > 0.0:
            work[count] = beats[RR, q]
            count += 1
        q -= 1
    if count < LEAST_RR:
        return
    usual, spread = _usual_and_spread(work, count, rules.most_spread)
    if spread > rules.most_spread:
        return
    rhythm[USUAL], rhythm[SPREAD] = usual, max(spread, rules.least_spread)
    count = min(MOST_RR, n)
    for k in range(count):
        work[k] = beats[HEIGHT, n - 1 - k]
    rhythm[STRAY] = _usual_and_spread(work, count, 1.0)[1]


class Tempo(NamedTuple):
    """What is expected of the next beats."""

    root: float  # time of the last beat, thinned samples
    usual: float  # RR
    pace: float  # the last RR, 0: none
    per_spread: float
    even: float  # log odds of the usual RR
    top: float  # log odds of the usual height
    stray: float  # of heights


@helper
def _tempo_of(rhythm: NDArray[np.float64], root: float, pace: float, share: float, rules: BeatRules) -> Tempo:
    """Return what is expected behind the beat at `root` in noise of such a `share`."""
    spread = rhythm[SPREAD]
    return Tempo(
        root, rhythm[USUAL], pace, 1.0 / spread, -np.log(spread) - _ANYHOW,
        rules.top_odds - rules.noise_odds * share, rhythm[STRAY],
    )  # fmt: skip


@inlined
def _off(ratio: float, whole: float, per_spread: float) -> float:
    """Return the logarithm of a normal density, 0 at most: how far an interval is from so many usual ones."""
    z = (ratio - whole) / min(ratio, whole) * per_spread
    return -0.5 * z * z


@inlined
def _of_interval(ratio: float, tempo: Tempo, rules: BeatRules) -> float:
    """Return the log odds that an interval of so many usual RR is one of the rhythm, beats within it missed."""
    low = max(1.0, np.floor(ratio))
    score = (low - 1.0) * rules.unlikely + _off(ratio, low, tempo.per_spread)
    if ratio > 1.0:
        score = max(score, low * rules.unlikely + _off(ratio, low + 1.0, tempo.per_spread))
    return max(score + tempo.even, rules.unlikely * (1.0 + max(0.0, np.floor(ratio - 0.5))))


@inlined
def _around_ectopic(ratio: float, tempo: Tempo, rules: BeatRules) -> float:
    """Return the same of an interval within which an ectopic beat stands: in place of a beat, or between two."""
    whole = max(1.0, np.floor(ratio + 0.5))
    missed = (whole - 2.0) * rules.unlikely if whole > 1.0 else rules.odd
    return max(tempo.even + _off(ratio, whole, tempo.per_spread), rules.unlikely) + missed


@inlined
def _of_height(height: float, tempo: Tempo, rules: BeatRules) -> float:
    """Return the log odds that a candidate of so many usual heights is a beat."""
    away = np.log(max(height, 1e-9))
    if away > 0.0:
        return max(tempo.top - rules.height_odds * max(0.0, away - tempo.stray), min(tempo.top, 0.0))
    return tempo.top + rules.height_odds * min(0.0, away + tempo.stray)


@inlined
def _to_come(gone: float, tempo: Tempo, rules: BeatRules) -> float:
    """Return what may be hoped for `gone` usual RR after a beat: part of the next one, or that it comes late.

    Without it a way whose last beat has just been seen is ahead of one whose next beat is due.
    """
    beat = tempo.even + max(0.0, tempo.top)
    if gone <= 1.0:
        return beat * max(gone, 0.0)
    whole = np.floor(gone)
    missed = whole * rules.unlikely + beat * (gone - whole)
    return max(missed, (whole - 1.0) * rules.unlikely + beat + _off(gone, whole, tempo.per_spread))


@inlined
def _are_one(heights: NDArray[np.float64], j: int, k: int, gone: float, rules: BeatRules) -> bool:
    """Return whether candidate `j` is the P wave of `k`, or `k` the T wave of `j`, or both one QRS."""
    if gone < rules.p_window and heights[j] < rules.p_share * heights[k]:
        return True
    return gone < rules.refractory or (gone < rules.t_window and heights[k] < rules.t_share * heights[j])


@inlined
def _time_of(times: NDArray[np.float64], place: float, root: float) -> float:
    """Return the time of the candidate at a `place` of the table of ways."""
    return root if place < 0.0 else times[int(place) % ROOM]


@helper
def _reach(
    k: int,
    times: NDArray[np.float64],
    heights: NDArray[np.float64],
    tempo: Tempo,
    rules: BeatRules,
    ways: NDArray[np.float64],
) -> None:
    """Find the best ways to candidate `k`. No interval is more likely than the usual one: most are not looked at."""
    usual, even = tempo.usual, tempo.even
    first = times[k] - tempo.root
    value, back = _of_interval(first / usual, tempo, rules), -1.0
    if tempo.pace > 0.0:
        value = max(value, _of_interval(first / tempo.pace, tempo, rules) + rules.odd)
    early, base = rules.odd if first < usual else _NEVER, -1.0
    for j in range(k - 1, -1, -1):
        inside, outside = ways[VALUE, j], ways[ECTOPIC, j]
        gone = times[k] - times[j]
        hopeless = max(inside, outside) + even <= value and (gone >= usual or inside + rules.odd <= early)
        if hopeless or _are_one(heights, j, k, gone, rules):
            continue
        if inside + even > value:
            v = inside + _of_interval(gone / usual, tempo, rules)
            if v > value:
                value, back = v, float(j)
            if inside + even + rules.odd > value:  # as long as the interval before
                before = times[j] - _time_of(times, ways[BACK, j], tempo.root)
                v = inside + rules.odd + _of_interval(gone / before, tempo, rules)
                if v > value:
                    value, back = v, float(j)
        if outside + even > value:  # from an ectopic beat on, the rhythm counts from the beat before that
            before = times[k] - _time_of(times, ways[BASE, j], tempo.root)
            v = outside + _around_ectopic(before / usual, tempo, rules)
            if v > value:
                value, back = v, float(j + ROOM)
        if gone < usual and inside + rules.odd > early:
            early, base = inside + rules.odd, float(j)
    ways[VALUE, k], ways[BACK, k], ways[ECTOPIC, k], ways[BASE, k] = value, back, early, base


@helper
def choose_together(
    cands: NDArray[np.float64],
    beats: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    share: float,
    until: float,
    chosen: NDArray[np.float64],
    work: NDArray[np.float64],
) -> int:
    """Write into `chosen` the candidates behind the last beat that are beats, as far as `until`; return how many.

    Of all ways to choose among the candidates that is taken whose log odds sum to most: those of each height, and those
    of each interval by the rhythm of the beats before (Viterbi's algorithm). A candidate may continue the rhythm or
    stand outside it as an ectopic beat, from which on the rhythm counts from the beat before it.
    """
    last_beat = state[N_BEATS] - 1
    tempo = _tempo_of(cands[RHYTHM], beats[TIME, last_beat], beats[RR, last_beat], share, rules)
    end = float(min(state[SEEK], state[END]))
    stop = state[N_CANDS]
    first = stop
    while first > 0 and cands[TIME, first - 1] >= tempo.root + rules.refractory and stop - first < ROOM:
        first -= 1
    if first == stop or cands[TIME, first] > until:
        return 0
    times, heights = cands[TIME, first:stop], cands[HEIGHT, first:stop]
    ways = work[: 4 * ROOM].reshape(4, ROOM)
    best, last = _to_come((end - tempo.root) / tempo.usual, tempo, rules), -1
    for k in range(stop - first):
        _reach(k, times, heights, tempo, rules, ways)
        height = _of_height(heights[k] / max(cands[LEVEL, first + k], 1e-300), tempo, rules)
        ways[VALUE, k] += height
        ways[ECTOPIC, k] += height
        value = ways[VALUE, k] + _to_come((end - times[k]) / tempo.usual, tempo, rules)
        if value > best:
            best, last = value, k
        base = _time_of(times, ways[BASE, k], tempo.root)
        value = ways[ECTOPIC, k] + _to_come((end - base) / tempo.usual - 1.0, tempo, rules)
        if value > best:
            best, last = value, k + ROOM
    count = 0
    while last >= 0:
        k = last % ROOM
        if times[k] <= until:
            chosen[count] = float(first + k)
            count += 1
        last = int(ways[BASE if last >= ROOM else BACK, k])
    for k in range(count // 2):
        chosen[k], chosen[count - 1 - k] = chosen[count - 1 - k], chosen[k]
    return count
