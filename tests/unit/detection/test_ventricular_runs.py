"""Runs of ventricular beats: alike ones count wherever they stand, deflections of a moving electrode never."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from ecg_engine.detection.ventricular_runs import longest_ventricular_run
from ecg_engine.types import Beats, Spell

FS = 250.0


def _bump(t, at, width, height):
    return height * np.exp(-((t - at) ** 2) / (2 * width**2))


def _strip(run, *, shapes="alike", wander_mv=0.0, n_leads=1, rng=None):
    """Return 12 s of narrow beats each second, from 5 s on `run` broad ones 0.4 s apart, with their classes."""
    rng = np.random.default_rng(1) if rng is None else rng
    t = np.arange(round(12 * FS)) / FS
    usual = np.r_[np.arange(0.5, 5, 1.0), np.arange(5.4 + 0.4 * run + 0.6, 11.5, 1.0)]
    fast = 5.4 + 0.4 * np.arange(run)
    x = sum(_bump(t, at, 0.012, 1.0) for at in usual)
    for at in fast:
        if shapes == "alike":
            x = x + _bump(t, at, 0.04, 1.5) - _bump(t, at + 0.15, 0.06, 0.6)
        else:
            x = x + sum(_bump(t, at + d, 0.03, h) for d, h in zip((-0.06, 0.0, 0.06), rng.normal(0, 1, 3), strict=True))
    ramp = np.clip((t - 4.5) / 3.0, 0, 1)
    x = x + wander_mv * np.sin(2 * np.pi * 0.5 * t) * (ramp > 0) * (ramp < 1)
    at = np.sort(np.r_[usual, fast])
    kinds = np.where(np.isin(at, fast), "V", "N")
    signal = np.repeat(x[None], n_leads, axis=0)
    return signal, Beats(r_peaks=np.round(at * FS).astype(np.int64), kinds=kinds)


def _found(signal, beats, spells=((),)):
    return longest_ventricular_run(signal, fs=FS, beats=beats, spells=spells, least_bpm=100.0)


@pytest.mark.parametrize("n", [3, 5, 9])
@pytest.mark.parametrize("wander_mv", [0.0, 2.0])
def test_beats_that_are_alike_are_a_run_with_their_number_and_rate(n, wander_mv):
    signal, beats = _strip(n, wander_mv=wander_mv)
    assert _found(signal, beats) == (n, pytest.approx(150.0, abs=1.0))


@pytest.mark.parametrize("seed", range(6))
def test_deflections_that_differ_on_a_wandering_baseline_are_none(seed):
    signal, beats = _strip(4, shapes="different", wander_mv=3.0, rng=np.random.default_rng(seed))
    assert _found(signal, beats)[0] == 0


def test_one_still_lead_is_enough_to_tell():
    rng = np.random.default_rng(0)
    signal, beats = _strip(4, n_leads=2)
    signal[1] = np.cumsum(rng.normal(0, 0.05, signal.shape[1]))
    assert _found(signal[:1], beats) == _found(
        signal, beats, spells=((), (Spell(reason="noisy", start_s=0, stop_s=12),))
    )


def test_beats_in_seconds_in_which_every_lead_is_bad_do_not_count():
    signal, beats = _strip(4, n_leads=2)
    bad = (Spell(reason="noisy", start_s=5.0, stop_s=8.0),)
    assert _found(signal, beats, spells=(bad, ()))[0] == 4
    assert _found(signal, beats, spells=(bad, bad)) == (0, 0.0)
    mains = (Spell(reason="mains", start_s=5.0, stop_s=8.0),)
    assert _found(signal, beats, spells=(mains, mains))[0] == 4


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_unit_changes_nothing(scale):
    signal, beats = _strip(5)
    assert _found(scale * signal, beats)[0] == 5


def test_a_couplet_is_not_examined_and_slow_or_single_beats_are_no_run():
    signal, beats = _strip(2, shapes="different", wander_mv=3.0)
    assert _found(signal, beats)[0] == 2
    signal, beats = _strip(3)
    assert longest_ventricular_run(signal, fs=FS, beats=beats, spells=((),), least_bpm=200.0) == (1, 0.0)
    none = Beats(r_peaks=beats.r_peaks, kinds=np.full(len(beats.r_peaks), "N"))
    assert _found(signal, none) == (0, 0.0)


def test_gaps_and_runs_at_the_edges_are_survived():
    signal, beats = _strip(5)
    signal[0, round(6.0 * FS) : round(6.2 * FS)] = np.nan
    assert _found(signal, beats)[0] in (0, 5)
    cut = round(5.4 * FS)
    keep = beats.r_peaks >= cut
    short = Beats(r_peaks=beats.r_peaks[keep] - cut, kinds=beats.kinds[keep])
    assert _found(signal[:, cut:], short)[0] in (0, 5)


def test_a_run_of_hours_takes_no_more_memory_than_one_of_seconds():
    """Two hours at 150 per minute: the beats laid beside each other take 0.25 GB."""
    once, _ = _strip(1)
    beat = once[0, round(5.2 * FS) : round(5.6 * FS)]
    n = 18_000
    signal = np.tile(beat, n)[None]
    at = (round(0.2 * FS) + len(beat) * np.arange(n)).astype(np.int64)
    beats = Beats(r_peaks=at, kinds=np.full(n, "V"))
    _found(signal[:, : 10 * len(beat)], Beats(r_peaks=at[:10], kinds=beats.kinds[:10]))
    tracemalloc.start()
    try:
        found = _found(signal, beats)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == (n, pytest.approx(150.0, abs=0.1))
    assert peak < 20e6
