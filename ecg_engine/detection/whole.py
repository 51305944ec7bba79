"""Everything that is seen in a recording: quality, beats, waves, the median beat.

Long recordings are seen block by block, so that a day never stands in memory as float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import fill_gaps, moved_marks
from ecg_engine.detection.atria import AtrialSigns, Thinned, see_atria, thin
from ecg_engine.detection.beat_classes import classify_beats, dominant_beats
from ecg_engine.detection.cleaning import remove_baseline, remove_mains
from ecg_engine.detection.delineation import FINER, delineate_finely, marks_by_rule, with_p_of
from ecg_engine.detection.ectopy import confirm_ventricular
from ecg_engine.detection.median_beat import SingleBeats, median_and_singles
from ecg_engine.detection.p_train import PTrain, find_p_train
from ecg_engine.detection.pacing import SPIKE_S, find_locked_spikes, without_spikes
from ecg_engine.detection.parameters import samples
from ecg_engine.detection.quality import measure_quality
from ecg_engine.detection.quality_of_blocks import quality_of_blocks
from ecg_engine.detection.r_peaks import detect_beats
from ecg_engine.leads import derive_limb_leads
from ecg_engine.types import ABSENT, Beats, Delineation, LeadMarks, MedianBeat, Quality
from ecg_engine.types.marks import MARK_NAMES

__all__ = ["Seen", "beat_near", "see"]

#: Up to so long a recording is seen in one piece, s.
WHOLE_S: Final = 1200.0
#: A longer one in blocks of so long, s, or of so many samples over all leads if those are fewer (64 MB of float64).
BLOCK_S: Final = 600.0
BLOCK_SAMPLES: Final = 1 << 23
#: Up to so long every beat's waves are marked by learnt scores, s. In a longer one the rule marks them, at a tenth of
#: the cost: nothing but P before the ordinary beats is read from single beats there, and the rule sees that too.
LEARNT_S: Final = 3600.0
#: Seen beyond a block's ends, so that it ends as it would in the whole, s: the local level of a beat reaches 8 s.
MARGIN_S: Final = 15.0
#: Of a long recording so much goes into the median beat, evenly spread, s.
MEDIAN_S: Final = 1200.0
#: All leads exactly the same for so long: electrodes or cable are off, or the device wrote nothing, s. Between the
#: beats of a slow heart there is noise.
DEAD_S: Final = 2.0
#: A QRS is whole where so much of it is in view before and after R, s.
BEFORE_S: Final = 0.10
AFTER_S: Final = 0.15
#: Half of the beats are at least so like the dominant shape (correlation), or what was found are no beats of one heart:
#: in noise the correlation is 0 to 0.3, in leads that can be read 0.9 and more.
LEAST_LIKENESS: Final = 0.5
#: A moment so near to an R peak means this beat, s (as EC57 pairs beats).
SAME_BEAT_S: Final = 0.15
#: Where fewer of the ordinary beats have a P wave, those by rule are looked at too.
LEAST_P: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What `see` returns.

    Parameters
    ----------
    leads : tuple of str
        The recording's, then the limb leads that follow from them.
    quality : Quality
    beats : Beats
        Empty where no lead is usable; indices of its `leads` are into `leads`.
    marks : Delineation, optional
        Its `by_lead` is in the order of `leads`, all `ABSENT` where a lead is not usable.
    beat : MedianBeat, optional
    singles : SingleBeats, optional
        The beats that it is of.
    mains_hz : float, optional
        The mains frequency that was taken away.
    alike : bool
        Whether the beats are of one shape by half. Where not there are neither `marks` nor `beat`: intervals of noise,
        or of fibrillating ventricles, are none.
    dead_s : float
        How long all leads stood exactly still, s, in stretches of `DEAD_S` and more; they are gaps.
    atria : AtrialSigns, optional
        Of a recording seen in one piece, its middle minute.
    p_train : PTrain, optional
        P waves wherever they stand, of the same minute.
    """

    leads: tuple[str, ...]
    quality: Quality
    beats: Beats
    marks: Delineation | None
    beat: MedianBeat | None
    singles: SingleBeats | None
    mains_hz: float | None
    alike: bool
    dead_s: float
    atria: AtrialSigns | None = None
    p_train: PTrain | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """What is seen in one block; samples count from its first one.

    `table` (n_beats, 8) and `by_lead` (n_leads, n_beats, 8) hold the marks, in the order of `MARK_NAMES`, `fine` has
    those of `table` in `FINER` parts of a sample; `straight` is the signal without mains, spikes and baseline. All are
    None where there is no beat.
    """

    start: int
    quality: Quality
    beats: Beats
    table: NDArray[np.int64] | None = None
    fine: NDArray[np.int64] | None = None
    by_lead: NDArray[np.int64] | None = None
    likeness: NDArray[np.float64] | None = None
    straight: NDArray[np.float64] | None = None
    mains_hz: float | None = None
    thinned: Thinned | None = None
    p_train: PTrain | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Stretch:
    """What of a block goes into the median beat: its middle, with beats, kinds and global marks, these finely."""

    signal: NDArray[np.float64]
    r_peaks: NDArray[np.int64]
    kinds: NDArray[np.str_]
    fine: NDArray[np.int64]


def see(signal: NDArray[Any], *, fs: float, leads: Sequence[str], kinds: Sequence[tuple[int, str]] = ()) -> Seen:
    """Judge the leads, find the beats, mark their waves, make the median beat.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV; NaN is a gap.
    fs : float
        Hz.
    leads : sequence of str
        One name a row.
    kinds : sequence of (int, str)
        Classes that somebody knows, by the sample of the beat: the nearest beat within `SAME_BEAT_S` has this class.

    Returns
    -------
    Seen

    Notes
    -----
    A block ends between two beats, so that none is found twice or lost between blocks. A lead is usable in the whole
    where it is so for at least half of the time.
    """
    n = signal.shape[1]
    dead = dead_stretches(signal, fs)
    names: tuple[str, ...] = tuple(leads)
    parts: list[_Block] = []
    stretches: list[_Stretch] = []
    blocks = list(_blocks(n, len(signal), fs))
    kept_to = 0
    for start, stop in blocks:
        first, last = max(0, start - samples(MARGIN_S, fs)), min(n, stop + samples(MARGIN_S, fs))
        if len(blocks) == 1:
            first, last = 0, n
        piece = np.array(signal[:, first:last], dtype=np.float64)
        for a, b in dead:
            piece[:, max(0, a - first) : max(0, b - first)] = np.nan
        derived = derive_limb_leads(piece, leads)
        names = (*leads, *derived)
        piece = np.ascontiguousarray(np.vstack([piece, *derived.values()]) if derived else piece)
        block = _see_block(piece, first, fs, names, kinds, learnt=n <= LEARNT_S * fs)
        cut = n if stop == n else first + _between_beats(block.beats.r_peaks, stop - first)
        kept = replace(_kept(block, kept_to, cut), quality=_quality_within(block, kept_to / fs, cut / fs, fs))
        parts.append(kept)
        if block.straight is not None:
            stretches.append(_stretch(block, fs, MEDIAN_S / len(blocks) if len(blocks) > 1 else np.inf))
        kept_to = cut
    quality = parts[0].quality if len(parts) == 1 else quality_of_blocks([p.quality for p in parts])
    usable = np.array([quality.by_lead[name].usable for name in names])
    beats = _beats_of(parts, usable)
    likeness = np.concatenate([np.zeros(0), *(p.likeness for p in parts if p.likeness is not None)])
    alike = len(likeness) < 3 or float(np.median(likeness)) >= LEAST_LIKENESS
    beat, singles = _median_of(stretches, fs, usable, learnt=n <= LEARNT_S * fs) if alike else (None, None)
    return Seen(
        leads=names,
        quality=quality,
        beats=beats,
        marks=_marks_of(parts, fs) if alike and len(beats.r_peaks) else None,
        beat=beat,
        singles=singles,
        mains_hz=next((p.mains_hz for p in parts if p.mains_hz is not None), None),
        alike=alike,
        dead_s=sum(b - a for a, b in dead) / fs,
        p_train=parts[0].p_train if alike and len(parts) == 1 else None,
        atria=see_atria(parts[0].thinned) if alike and len(parts) == 1 and parts[0].thinned is not None else None,
    )


def dead_stretches(signal: NDArray[Any], fs: float) -> tuple[tuple[int, int], ...]:
    """Return the stretches ``[start, stop)`` in which no lead moves at all; none where none ever does."""
    n = signal.shape[1]
    shortest = samples(DEAD_S, fs)
    step = shortest // 2
    if n < 2:
        return ()
    if step < 2 or n < 2 * shortest:
        return _still(signal, 0, n, shortest)
    # A stretch that is long enough holds two neighbours of these places, alike in every lead: only there is it looked.
    alike = np.ones((n - 1) // step, dtype=bool)
    for row in signal:
        places = np.asarray(row[::step])[: len(alike) + 1]
        alike &= (places[1:] == places[:-1]) | np.isnan(places[1:])
    if alike.all():
        return _still(signal, 0, n, shortest)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], alike.view(np.int8), [0])))).reshape(-1, 2)
    found: list[tuple[int, int]] = []
    for a, b in edges.tolist():
        first = max(found[-1][1] - 1 if found else 0, a * step - step)
        found += [dead for dead in _still(signal, first, min(n, b * step + step + 1), shortest) if dead not in found]
    return tuple(found)


def _still(signal: NDArray[Any], start: int, stop: int, shortest: int) -> tuple[tuple[int, int], ...]:
    """Return the stretches of `signal[:, start:stop]` in which no lead moves, in samples of the whole."""
    still = np.ones(stop - start - 1, dtype=bool)
    for row in signal:
        part = row[start:stop]
        still &= (part[1:] == part[:-1]) | np.isnan(part[1:])
    whole = start == 0 and stop == signal.shape[1]
    if (whole and still.all()) or not still.any():
        return ()
    edges = np.flatnonzero(np.diff(np.concatenate(([0], still.view(np.int8), [0])))).reshape(-1, 2)
    return tuple((int(a) + start, int(b) + 1 + start) for a, b in edges if b + 1 - a >= shortest)


def _blocks(n: int, n_leads: int, fs: float) -> Iterator[tuple[int, int]]:
    """Yield ``[start, stop)`` of each block."""
    if n <= WHOLE_S * fs and n * n_leads <= 2 * BLOCK_SAMPLES:
        yield 0, n
        return
    length = max(samples(2 * MARGIN_S, fs), min(samples(BLOCK_S, fs), BLOCK_SAMPLES // n_leads))
    count = max(1, n // length)
    edges = np.linspace(0, n, count + 1).astype(np.int64).tolist()
    yield from pairwise(edges)


def _see_block(
    signal: NDArray[np.float64],
    start: int,
    fs: float,
    leads: tuple[str, ...],
    known: Sequence[tuple[int, str]] = (),
    *,
    learnt: bool,
) -> _Block:
    """See one block: `signal` (n_leads, n_samples) with its gaps; `known` are classes of beats by their samples.

    Waves are marked by learnt scores, or by rule alone.
    """
    n_leads, n = signal.shape
    none = np.zeros(0, np.int64)
    gap = Beats(r_peaks=none, kinds=np.zeros(0, "<U1"), gaps=((0, n),))
    if np.isnan(signal).all():
        return _Block(start=start, quality=measure_quality(signal, fs=fs, leads=leads, r_peaks=none), beats=gap)
    mains = remove_mains(fill_gaps(signal), fs=fs)
    # Mains comes and goes at the edges of its windows, and looks like a beat there: beats are sought without it.
    quiet = np.where(np.isnan(signal), np.nan, mains.signal) if mains.mains_hz is not None else signal
    beats = detect_beats(quiet, fs=fs)
    quality = measure_quality(signal, fs=fs, leads=leads, r_peaks=beats.r_peaks, mains=mains)
    rows = np.array([quality.by_lead[name].usable for name in leads])
    if not rows.any():
        # What no lead shows well is no evidence of a beat, nor of a pause.
        return _Block(start=start, quality=quality, beats=gap, mains_hz=mains.mains_hz)
    used = np.flatnonzero(rows)
    if not rows.all():
        # A lead that turned out to be useless has no vote on the beats either.
        beats = detect_beats(np.ascontiguousarray(quiet[rows]), fs=fs)
        beats = replace(beats, leads=tuple(int(used[i]) for i in beats.leads))
    if not len(beats.r_peaks):
        beats = replace(beats, kinds=np.zeros(0, "<U1"))
        return _Block(start=start, quality=quality, beats=beats, mains_hz=mains.mains_hz)
    locked = find_locked_spikes(np.ascontiguousarray(mains.signal[rows]), beats.r_peaks, fs=fs)
    beats = replace(beats, pacing_spikes=_with_new(beats.pacing_spikes, locked, samples(SPIKE_S, fs)))
    heart = without_spikes(mains.signal, beats.pacing_spikes, fs=fs)
    votes = np.ascontiguousarray(heart[rows])
    kinds = classify_beats(np.ascontiguousarray(mains.signal[rows]), fs=fs, r_peaks=beats.r_peaks)
    kinds = confirm_ventricular(votes, kinds, beats.r_peaks, fs=fs)
    kinds[np.searchsorted(beats.r_peaks, locked)] = "Q"
    for at, kind in known:
        k = beat_near(beats.r_peaks, at - start, fs)
        if k is not None:
            kinds[k] = kind
    rule, rule_each = marks_by_rule(votes, beats.r_peaks, fs)
    # The rule's onset is the sharp rise itself; cardiologists mark a little before it, where P may still be.
    onsets = rule[:, MARK_NAMES.index("qrs_onset")]
    straight = remove_baseline(heart, fs=fs, qrs_onsets=onsets[onsets != ABSENT])
    table, each, fine = rule, rule_each, _scaled(rule, FINER)
    if learnt:
        marks, fine = delineate_finely(np.ascontiguousarray(straight[rows]), fs=fs, r_peaks=beats.r_peaks)
        table, each = _table(marks), np.array([_table(one) for one in marks.by_lead])
        ordinary = table[kinds == "N", MARK_NAMES.index("p_peak")] != ABSENT
        if ordinary.size and ordinary.mean() < LEAST_P:
            # Whether these are P waves is judged later, by how even and how alike they are.
            table, each = with_p_of(table, rule), with_p_of(each, rule_each)
            fine = with_p_of(fine, _scaled(rule, FINER))
    by_lead = np.full((n_leads, len(beats.r_peaks), len(MARK_NAMES)), ABSENT, np.int64)
    by_lead[used] = each
    thinned = None
    if n <= WHOLE_S * fs:
        thinned = thin(straight, fs=fs, leads=leads, usable=rows, r_peaks=beats.r_peaks, kinds=kinds, table=table)
    train = None if thinned is None else find_p_train(thinned)
    return _Block(
        start=start,
        quality=quality,
        beats=replace(beats, kinds=kinds),
        table=table,
        fine=fine,
        by_lead=by_lead,
        likeness=dominant_beats(votes, fs=fs, r_peaks=beats.r_peaks),
        straight=straight,
        mains_hz=mains.mains_hz,
        thinned=thinned,
        p_train=train,
    )


def beat_near(r_peaks: NDArray[np.int64], at: float, fs: float) -> int | None:
    """Return which beat is meant by a sample: the nearest, None where none is near."""
    if not len(r_peaks):
        return None
    k = int(np.argmin(np.abs(r_peaks - at)))
    return k if abs(float(r_peaks[k]) - at) <= SAME_BEAT_S * fs else None


def _with_new(known: NDArray[np.int64], found: NDArray[np.int64], apart: int) -> NDArray[np.int64]:
    """Return the spikes known and those found that stand not beside one of them."""
    if not len(found) or not len(known):
        return known if not len(found) else found
    nearest = np.abs(found[:, None] - known[None, :]).min(axis=1)
    return np.sort(np.concatenate((known, found[nearest > apart])))


def _table(marks: LeadMarks) -> NDArray[np.int64]:
    return np.column_stack([getattr(marks, name) for name in MARK_NAMES])


def _between_beats(r_peaks: NDArray[np.int64], near: int) -> int:
    """Return the middle between the two beats that stand around `near`, itself where there are none."""
    after = int(np.searchsorted(r_peaks, near))
    return int(r_peaks[after - 1] + r_peaks[after]) // 2 if 0 < after < len(r_peaks) else near


def _kept(block: _Block, start: int, stop: int) -> _Block:
    """Return what of a block lies in ``[start, stop)`` of the recording, counted from the recording's first sample."""
    beats, at = block.beats, block.start
    inside = (beats.r_peaks + at >= start) & (beats.r_peaks + at < stop)
    spikes = beats.pacing_spikes + at
    gaps = tuple((max(a + at, start), min(b + at, stop)) for a, b in beats.gaps)
    assert beats.kinds is not None
    return replace(
        block,
        beats=Beats(
            r_peaks=beats.r_peaks[inside] + at,
            kinds=beats.kinds[inside],
            pacing_spikes=spikes[(spikes >= start) & (spikes < stop)],
            gaps=tuple((a, b) for a, b in gaps if a < b),
            leads=beats.leads,
        ),
        table=None if block.table is None else moved_marks(block.table[inside], at),
        by_lead=None if block.by_lead is None else moved_marks(block.by_lead[:, inside], at),
        likeness=None if block.likeness is None else block.likeness[inside],
        fine=None,
        straight=None,
    )


def _scaled(marks: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    return np.where(marks == ABSENT, ABSENT, marks * by)


def _beats_of(parts: Sequence[_Block], usable: NDArray[np.bool_]) -> Beats:
    gaps: list[tuple[int, int]] = []
    for a, b in (gap for part in parts for gap in part.beats.gaps):
        if gaps and gaps[-1][1] >= a:
            gaps[-1] = (gaps[-1][0], b)
        else:
            gaps.append((a, b))
    kinds = [part.beats.kinds for part in parts if part.beats.kinds is not None]
    return Beats(
        r_peaks=np.concatenate([part.beats.r_peaks for part in parts]),
        kinds=np.concatenate(kinds),
        pacing_spikes=np.concatenate([part.beats.pacing_spikes for part in parts]),
        gaps=tuple(gaps),
        leads=tuple(sorted({i for part in parts for i in part.beats.leads if usable[i]})),
    )


def _marks_of(parts: Sequence[_Block], fs: float) -> Delineation:
    table = np.concatenate([part.table for part in parts if part.table is not None])
    by_lead = np.concatenate([part.by_lead for part in parts if part.by_lead is not None], axis=1)
    trains = [part.p_train for part in parts if part.p_train is not None] if len(parts) == 1 else []
    extra = np.concatenate([np.zeros(0), *(train.extra_s for train in trains)])
    return Delineation(
        **{name: table[:, k] for k, name in enumerate(MARK_NAMES)},
        by_lead=tuple(LeadMarks(**{name: rows[:, k] for k, name in enumerate(MARK_NAMES)}) for rows in by_lead),
        extra_p_peaks=np.rint(extra * fs).astype(np.int64),
    )


def _stretch(block: _Block, fs: float, seconds: float) -> _Stretch:
    """Return the middle of a block."""
    assert block.straight is not None and block.beats.kinds is not None and block.fine is not None
    n = block.straight.shape[1]
    width = n if seconds * fs >= n else samples(seconds, fs)
    first = (n - width) // 2
    r = block.beats.r_peaks - first
    inside = (r >= 0) & (r < width)
    if width < n:
        # Whole beats only: the stretches stand one behind the other afterwards.
        inside = (r >= fs) & (r < width - fs)
    return _Stretch(
        signal=block.straight[:, first : first + width].copy() if width < n else block.straight,
        r_peaks=r[inside],
        kinds=block.beats.kinds[inside],
        fine=moved_marks(block.fine[inside], -FINER * first),
    )


def _median_of(
    stretches: Sequence[_Stretch], fs: float, usable: NDArray[np.bool_], *, learnt: bool
) -> tuple[MedianBeat | None, SingleBeats | None]:
    """Return the median of the beats of the class that most are of, and these; their own marks count if learnt."""
    if not stretches or not usable.any():
        return None, None
    starts = np.cumsum([0, *(one.signal.shape[1] for one in stretches)])[:-1].tolist()
    signal = stretches[0].signal if len(stretches) == 1 else np.concatenate([one.signal for one in stretches], axis=1)
    r_peaks = np.concatenate([one.r_peaks + at for one, at in zip(stretches, starts, strict=True)])
    fine = np.concatenate([moved_marks(one.fine, FINER * at) for one, at in zip(stretches, starts, strict=True)])
    kinds = np.concatenate([one.kinds for one in stretches])
    if not len(kinds):
        return None, None
    names, counts = np.unique(kinds, return_counts=True)
    # A beat cut off by the recording's end has no measures of its own.
    whole = (r_peaks >= samples(BEFORE_S, fs)) & (r_peaks + samples(AFTER_S, fs) < signal.shape[1])
    dominant = whole & (kinds == names[np.argmax(counts)])
    made = median_and_singles(
        np.ascontiguousarray(signal),
        fs=fs,
        r_peaks=np.ascontiguousarray(r_peaks[dominant]),
        usable=usable,
        marks=np.where(fine == ABSENT, np.nan, fine / FINER)[dominant] if learnt else None,
    )
    return (None, None) if made is None else made


def _quality_within(block: _Block, start_s: float, stop_s: float, fs: float) -> Quality:
    """Return a block's quality, its spells on the recording's clock and cut to ``[start_s, stop_s)``."""
    at = block.start / fs
    by_lead = {}
    for name, lead in block.quality.by_lead.items():
        moved = (
            replace(spell, start_s=max(start_s, spell.start_s + at), stop_s=min(stop_s, spell.stop_s + at))
            for spell in lead.spells
        )
        by_lead[name] = replace(lead, spells=tuple(spell for spell in moved if spell.start_s < spell.stop_s))
    return replace(block.quality, by_lead=by_lead)
