"""Edges of waves drawn towards where the slope dies down: two ways of looking err less together than either."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import (
    f4_2d_read,
    f4_read,
    f8,
    f8_2d_read,
    f8_2d_write,
    f8_named,
    f8_read,
    f8_write,
    helper,
    i8,
    i8_2d_write,
    i8_read,
    i8_write,
    kernel,
    within,
)
from ecg_engine.kernels.wave_spans import (
    SpanLimits,
    drop_faint_p_into,
    drop_flat_into,
    to_samples_into,
    wave_spans_into,
)
from ecg_engine.kernels.waves import P_OFFSET, P_ONSET, QRS_OFFSET, QRS_ONSET, T_OFFSET, T_ONSET, T_PEAK


class EdgeShares(NamedTuple):
    """How edges are drawn; all floats, lengths in points of the lead."""

    p_near: float  # the slope is the difference of the values from so near, and of the next ones, on either side
    qrs_near: float
    t_near: float
    p_on_low: float  # a wave begins or ends where its slope has fallen to this share of its steepest
    p_off_low: float
    t_on_low: float
    t_off_low: float
    qrs_on_low: float
    qrs_off_low: float
    qrs_high: float  # what is as steep as this share belongs to the QRS for sure
    qrs_beyond: float  # that is looked for so far beyond the edge that is given
    qrs_walk: float  # and the slope is followed so far from there
    reach: float  # the slope is followed so far beyond an edge of P or QRS, and twice as far beyond that of T
    most: float  # what is farther from the edge that is given counts as so far
    p_share: float  # an edge is drawn by this share of the way
    qrs_share: float
    t_share: float


@helper
def _slope(x: NDArray[np.float32], i: int, near: int) -> float:
    """Return the slope around a point, 0 where its arms reach outside."""
    if i - near < 1 or i + near + 1 >= len(x):
        return 0.0
    return (x[i + near] + x[i + near + 1]) - (x[i - near] + x[i - near - 1])


@helper
def _fallen(x: NDArray[np.float32], near: int, start: int, edge: int, stop: int, low: float) -> float:
    """Return where the slope has fallen to `low` of its steepest, which is sought in ``start .. edge``, on to `stop`.

    Between points by interpolation; `stop` where it does not fall, NaN where there is no slope.
    """
    step = 1 if edge > start else -1
    best = 0.0
    at = start
    i = start
    while i != edge + step:
        steep = abs(_slope(x, i, near))
        if steep > best:
            best = steep
            at = i
        i += step
    if best == 0.0:
        return np.nan
    sign = 1.0 if _slope(x, at, near) > 0.0 else -1.0
    floor = low * best
    before = best
    i = at
    while i != stop:
        here = sign * _slope(x, i, near)
        if here <= floor:
            return i - step + step * (before - floor) / (before - here)
        before = here
        i += step
    return float(stop)


@helper
def _qrs_fallen(x: NDArray[np.float32], r: int, edge: int, stop: int, low: float, w: EdgeShares) -> float:
    """Return where outside of the sure part of the QRS the slope, of either sign, has fallen to `low` of its greatest.

    From R on; the greatest is that of this side and of a little on the other one.
    """
    near = int(w.qrs_near)
    step = 1 if edge > r else -1
    beyond = edge + step * int(w.qrs_beyond)
    best = 0.0
    i = r - 2 * step * int(w.qrs_beyond)
    while i != beyond:
        best = max(best, abs(_slope(x, i, near)))
        i += step
    if best == 0.0:
        return np.nan
    sure = r
    i = r
    while i != beyond:
        if abs(_slope(x, i, near)) >= w.qrs_high * best:
            sure = i
        i += step
    before = abs(_slope(x, sure, near))
    walked = 0
    i = sure
    while i != stop and walked < w.qrs_walk:
        here = abs(_slope(x, i, near))
        if here <= low * best:
            return i - step + step * (before - low * best) / (before - here) if before > here else float(i)
        before = here
        i += step
        walked += 1
    return float(i)


@helper
def _drawn(edge: float, to: float, finer: int, share: float, w: EdgeShares) -> float:
    """Return `edge` drawn towards point `to` of the lead, which has `finer` for one in which edges are counted."""
    if np.isnan(to):
        return edge
    return edge + share * min(max(to / finer - edge, -w.most / finer), w.most / finer)


@helper
def _draw_qrs(
    x: NDArray[np.float32],
    finer: int,
    beat: float,
    w: EdgeShares,
    marks: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Draw onset and offset of the QRS; R stays between them."""
    if w.qrs_share == 0.0:
        return
    r = int(np.rint(finer * beat))
    edge = min(int(np.rint(finer * marks[QRS_ONSET])), r - 1)
    stop = max(1, edge - int(w.reach))
    if edge > stop:
        to = _qrs_fallen(x, r, edge, stop, w.qrs_on_low, w)
        out[QRS_ONSET] = min(_drawn(marks[QRS_ONSET], to, finer, w.qrs_share, w), beat)
    edge = max(int(np.rint(finer * marks[QRS_OFFSET])), r + 1)
    stop = min(len(x) - 2, edge + int(w.reach))
    if edge < stop:
        to = _qrs_fallen(x, r, edge, stop, w.qrs_off_low, w)
        out[QRS_OFFSET] = max(_drawn(marks[QRS_OFFSET], to, finer, w.qrs_share, w), beat)


@helper
def _draw_wave(
    x: NDArray[np.float32],
    finer: int,
    near: int,
    first: int,
    last: int,
    on_low: float,
    off_low: float,
    share: float,
    w: EdgeShares,
    wave: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Draw onset and offset of a P or T wave (three marks); its slope is followed to `first` and `last` at most."""
    if share == 0.0:
        return
    peak = int(np.rint(finer * wave[1]))
    edge = int(finer * wave[0])
    stop = max(1, edge - int(w.reach), first)
    if edge > stop:
        to = _fallen(x, near, peak, max(edge - 1, stop), stop, on_low)
        out[0] = min(_drawn(wave[0], to, finer, share, w), wave[1])
    edge = int(finer * wave[2]) + 1
    stop = min(len(x) - 2, last)
    if edge < stop:
        to = _fallen(x, near, peak, min(edge + 1, stop), stop, off_low)
        out[2] = max(_drawn(wave[2], to, finer, share, w), wave[1])


@kernel((f4_read, i8, f8_read, f8_named(EdgeShares), f8_2d_read, f8_2d_write), allocates=False)
def draw_edges_into(
    x: NDArray[np.float32],
    finer: int,
    beats: NDArray[np.float64],
    w: EdgeShares,
    marks: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the marks of each beat with their edges drawn towards where the slope of the wave dies down.

    `marks` are those of `wave_spans_into`, -1 where there is no wave, and stay in their order; `x` has `finer` values
    for one of their points. Peaks stay.

    Caller guarantees: `beats` (in points of the marks) increasing and inside, ``marks.shape == (len(beats), 8)``.
    """
    m = len(beats)
    for b in range(m):
        for k in range(8):
            out[b, k] = marks[b, k]
        _draw_qrs(x, finer, beats[b], w, marks[b], out[b])
    for b in range(m):
        row, new = marks[b], out[b]
        p, t = row[P_ONSET : P_OFFSET + 1], row[T_ONSET : T_OFFSET + 1]
        onset, offset = int(finer * row[QRS_ONSET]), int(finer * row[QRS_OFFSET])
        if p[1] >= 0.0:
            first = int(finer * max(marks[b - 1, T_OFFSET], marks[b - 1, QRS_OFFSET])) if b > 0 else 1
            last = min(int(finer * p[2]) + 1 + int(w.reach), onset)
            _draw_wave(
                x, finer, int(w.p_near), first, last, w.p_on_low, w.p_off_low, w.p_share, w, p,
                new[P_ONSET : P_OFFSET + 1],
            )  # fmt: skip
            new[P_OFFSET] = min(new[P_OFFSET], max(new[QRS_ONSET], p[1]))
        if t[1] >= 0.0:
            last = int(finer * t[2]) + 1 + 2 * int(w.reach)
            if b + 1 < m:
                last = min(last, int(finer * marks[b + 1, QRS_ONSET]))
            _draw_wave(
                x, finer, int(w.t_near), offset, last, w.t_on_low, w.t_off_low, w.t_share, w, t,
                new[T_ONSET : T_OFFSET + 1],
            )  # fmt: skip
            new[T_ONSET] = max(new[T_ONSET], min(new[QRS_OFFSET], t[1]))
    for b in range(m - 1):
        if out[b, T_OFFSET] >= 0.0:
            following = out[b + 1, P_ONSET] if out[b + 1, P_ONSET] >= 0.0 else out[b + 1, QRS_ONSET]
            out[b, T_OFFSET] = min(out[b, T_OFFSET], max(following, out[b, T_PEAK]))


_spans, _to_samples, _drop_flat = within(wave_spans_into), within(to_samples_into), within(drop_flat_into)
_drop_faint, _draw_edges = within(drop_faint_p_into), within(draw_edges_into)


@kernel(
    (
        f4_2d_read, f4_read, i8, f8_read, f8, f8, i8_read, f8, i8, f8_named(SpanLimits), f8_named(EdgeShares),
        f8_write, i8_write, i8_2d_write, i8_2d_write,
    )
)  # fmt: skip
def lead_marks_into(
    odds: NDArray[np.float32],
    lead: NDArray[np.float32],
    finer: int,
    x: NDArray[np.float64],
    least: float,
    over: float,
    r_peaks: NDArray[np.int64],
    step: float,
    parts: int,
    limits: SpanLimits,
    edges: EdgeShares,
    work: NDArray[np.float64],
    kept: NDArray[np.int64],
    marks: NDArray[np.int64],
    fine: NDArray[np.int64],
) -> None:
    """Write the eight marks of each beat of lead `x` in samples and in `parts` of them, -1 where there is none.

    `wave_spans_into`, without what is faint (`drop_faint_p_into`) or flat (`drop_flat_into`), drawn by
    `draw_edges_into`: see what it does by. A point of `odds` is `step` samples.

    Caller guarantees: as these; ``marks.shape == fine.shape == (len(r_peaks), 8)``; `work` has room for `BENDS`
    values and 17 a beat, `kept` for 9.
    """
    m, n = len(r_peaks), len(x)
    beats, spans = work[:m], work[m : 9 * m].reshape(m, 8)
    places, undrawn, fine_peaks = work[9 * m : 17 * m].reshape(m, 8), kept[: 8 * m].reshape(m, 8), kept[8 * m : 9 * m]
    for b in range(m):
        beats[b] = r_peaks[b] / step
        fine_peaks[b] = parts * r_peaks[b]
    _spans(odds, lead, finer, beats, limits, spans)
    _drop_faint(lead, finer, over, work[17 * m :], spans)
    _to_samples(spans, step, r_peaks, n, undrawn)
    _drop_flat(x, least, undrawn)
    _draw_edges(lead, finer, beats, edges, spans, places)
    _to_samples(places, step, r_peaks, n, marks)
    _to_samples(places, parts * step, fine_peaks, parts * n, fine)
    for b in range(m):
        for k in range(8):
            if undrawn[b, k] < 0:
                marks[b, k] = fine[b, k] = -1
