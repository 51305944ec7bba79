"""Noise between beats, and the sharper energy that decides where there is much of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import helper, inlined
from ecg_engine.kernels.bend import energy_into
from ecg_engine.kernels.candidates import put_in, take_away
from ecg_engine.kernels.locate import smoothed_into
from ecg_engine.kernels.rules import (
    BEAT_SHARPNESS,
    DECIDE,
    EMIT,
    END,
    LEVEL,
    N_QUIET,
    N_SHARP,
    N_SHARP_QUIET,
    NOTED,
    PLAIN_HEIGHT,
    QUIET,
    QUIETS,
    SHARP,
    SHARP_QUIET,
    SHARP_RANKS,
    SHARPS,
    TIME,
    BeatRules,
)
from ecg_engine.kernels.smoothing import median_of

#: The least energy is sought at every so many samples: a mean over a tenth of a second has no sharper hollows.
_SPARSE = 4
#: Pieces a segment: a segment has a beat at 60 a minute.
_PIECES = 4


@inlined
def note_quiet(
    fused: NDArray[np.float64],
    at: int,
    n: int,
    piece: int,
    quiet: NDArray[np.float64],
    state: NDArray[np.int64],
    counter: int,
) -> None:
    """Note the root of the least energy in each `piece` of ``at : at + n``: what is left of a shorter one is not."""
    k = at
    while k + piece <= at + n:
        least = fused[k]
        for i in range(k, k + piece, _SPARSE):
            least = min(least, fused[i])
        quiet[state[counter] % QUIETS] = np.sqrt(least)
        state[counter] += 1
        k += piece


@inlined
def _usual_quiet(quiet: NDArray[np.float64], count: int) -> float:
    """Return the mean of the first `count`, one at least: how high the energy stands between beats of late."""
    a = b = c = d = 0.0
    k = 0
    while k + 4 <= count:  # four sums side by side: one alone waits for itself
        a += quiet[k]
        b += quiet[k + 1]
        c += quiet[k + 2]
        d += quiet[k + 3]
        k += 4
    while k < count:
        a += quiet[k]
        k += 1
    return ((a + b) + (c + d)) / count


@inlined
def noise_share(cands: NDArray[np.float64], state: NDArray[np.int64]) -> float:
    """Return how high the energy stands between beats of late, as a share of the usual height of a beat."""
    count = min(state[N_QUIET], QUIETS)
    if count == 0 or state[DECIDE] == 0:
        return 0.0
    return _usual_quiet(cands[QUIET], count) / max(cands[LEVEL, state[DECIDE] - 1], 1e-300)


@helper
def _add_sums(x: NDArray[np.float64], size: int, share: float, out: NDArray[np.float64]) -> None:
    """Add `share` of the sum of each `size` values, one after the other, to `out`."""
    if size == 2:  # at 360 Hz: written out, it becomes vectors
        for j in range(len(out)):
            out[j] += share * (x[2 * j] + x[2 * j + 1])
        return
    for j in range(len(out)):
        total = 0.0
        for i in range(size * j, size * (j + 1)):
            total += x[i]
        out[j] += share * total


@helper
def sharp_energy_into(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    first: int,
    weights: NDArray[np.float64],
    rules: BeatRules,
    work: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the energy of a shorter bend at the thinned samples from `first` on, its leads weighed as in the other.

    The bend is taken twice, a fourth difference: how far a sample, smoothed, stands from the middle of those
    ``rules.sharp`` before and behind it, and that of this. Where one of the five is missing there is none. `work` has a
    row for squares, one for a line and two for sums.
    """
    n, thin, width, by = stop - base, int(rules.thin), int(rules.width), int(rules.sharp)
    m = len(out) + width - 1
    squares = work[0, :m]
    start = (first - width // 2) * thin - base
    low, high = max(0, start - 2 * by), min(n, start + m * thin + 2 * by)
    count = max(0, high - low - 4 * by)
    squares[:] = 0.0
    for lead in range(x.shape[0]):
        line, bends = work[1, : max(0, high - low)], work[2, :count]
        smoothed_into(x[lead, :n], low, int(rules.locate_smooth), line)
        first_of, before, middle = line[:count], line[by : by + count], line[2 * by : 2 * by + count]
        behind, last_of = line[3 * by : 3 * by + count], line[4 * by : 4 * by + count]
        for k in range(count):
            bend = 1.5 * middle[k] - (before[k] + behind[k]) + 0.25 * (first_of[k] + last_of[k])
            bends[k] = bend * bend if bend == bend else 0.0
        share = weights[lead] * weights[lead] / thin
        j = (low + 2 * by - start) // thin
        k = min(-(low + 2 * by - start) % thin, count)  # the first may not be whole, nor the last
        if k > 0:
            squares[j] += share * bends[:k].sum()
            j += 1
        whole = (count - k) // thin
        _add_sums(bends[k:], thin, share, squares[j : j + whole])
        k += whole * thin
        if k < count:
            squares[j + whole] += share * bends[k:].sum()
    energy_into(squares, width, work[2:], out)


@helper
def note_sharp(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    beats: NDArray[np.float64],
    weights: NDArray[np.float64],
    cands: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    room: NDArray[np.float64],
) -> None:
    """Note how the sharper energy is to the other in the beats given out of late that have not been seen for it.

    That only noise asks for it costs the rest of a recording nothing. The usual ratio stands behind them.
    """
    ranks = cands[SHARP_RANKS]
    noted = state[N_SHARP]
    q = state[EMIT]
    oldest = max(state[NOTED] + 1, state[END] - int(rules.back_reach))
    while q > 0 and beats[TIME, q - 1] >= oldest:
        q -= 1
    while q < state[EMIT]:
        ratio = beats[BEAT_SHARPNESS, q]
        if ratio < 0.0:
            sharp_energy_into(x, base, stop, int(beats[TIME, q]), weights, rules, room[1:], room[0, :1])
            ratio = room[0, 0] / max(beats[PLAIN_HEIGHT, q] ** 2, 1e-300)
        at, count = state[N_SHARP] % SHARPS, min(state[N_SHARP], SHARPS)
        if count == SHARPS:
            take_away(ranks, count, cands[SHARP, at])
            count -= 1
        put_in(ranks, count, ratio)
        cands[SHARP, at] = ratio
        state[N_SHARP] += 1
        state[NOTED] = int(beats[TIME, q])
        q += 1
    if state[N_SHARP] > noted:
        count = min(state[N_SHARP], SHARPS)
        cands[SHARP, SHARPS] = 0.5 * (ranks[(count - 1) // 2] + ranks[count // 2])


@helper
def _segment_peaks(energy: NDArray[np.float64], peaks: NDArray[np.float64], at: int) -> None:
    """Raise ``peaks[at]`` to the greatest of `energy`."""
    for i in range(len(energy)):
        peaks[at] = max(peaks[at], energy[i])


@helper
def first_noise_share(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    weights: NDArray[np.float64],
    cands: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    work: NDArray[np.float64],
    room: NDArray[np.float64],
    energy: NDArray[np.float64],
) -> float:
    """Return the share of noise of the first block by itself; where it is high, note how sharp its beats are.

    Nothing is decided yet, so the usual beat is the median of the greatest energies of its seconds, of either kind.
    """
    piece = int(rules.block)
    segments = len(energy) // (_PIECES * piece)
    count = min(state[N_QUIET], QUIETS)
    if segments < 2 or count == 0:
        return 0.0
    for k in range(segments):
        work[k] = 0.0
        _segment_peaks(energy[k * _PIECES * piece : (k + 1) * _PIECES * piece], work, k)
    usual = max(median_of(work, segments), 1e-300)
    share = _usual_quiet(cands[QUIET], count) / np.sqrt(usual)
    if share > rules.noisy:
        for k in range(segments):
            work[k] = 0.0
            for m in range(k * _PIECES, (k + 1) * _PIECES):
                sharp_energy_into(x, base, stop, m * piece, weights, rules, room[1:], room[0, :piece])
                _segment_peaks(room[0, :piece], work, k)
        cands[SHARP, 0] = cands[SHARP, SHARPS] = cands[SHARP_RANKS, 0] = median_of(work, segments) / usual
        state[N_SHARP] = 1
    return float(share)


@helper
def hold_to_sharp(
    x: NDArray[np.float64],
    base: int,
    stop: int,
    share: float,
    weights: NDArray[np.float64],
    cands: NDArray[np.float64],
    state: NDArray[np.int64],
    rules: BeatRules,
    room: NDArray[np.float64],
    sharp: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Hold the energy of the block that follows to what the sharper one makes of it, in usual beats.

    The sharper one is written into `sharp`. Just above ``rules.noisy`` the other may be so many times as high as the
    noise is short of ``rules.sharp_noise``.
    """
    if state[N_SHARP] == 0:
        return
    most = max(1.0, rules.sharp_noise / share)
    usual = min(max(cands[SHARP, SHARPS], 1e-300), rules.sharp_most)
    scale = most * most / usual
    level = _usual_quiet(cands[QUIET], min(state[N_QUIET], QUIETS)) / share
    done = 0
    piece = int(rules.block)
    while done < len(out):
        n = min(piece, len(out) - done)
        sharp_energy_into(x, base, stop, state[END] + done, weights, rules, room[1:], sharp[done : done + n])
        note_quiet(sharp, done, n, piece, cands[SHARP_QUIET], state, N_SHARP_QUIET)
        quiets = min(state[N_SHARP_QUIET], QUIETS)
        if quiets > 0 and _usual_quiet(cands[SHARP_QUIET], quiets) > rules.sharp_quiet * share * level * np.sqrt(usual):
            done += n
            continue
        for i in range(n):
            out[done + i] = min(out[done + i], scale * sharp[done + i])
        done += n
