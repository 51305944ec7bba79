"""Short cuts that long recordings take: each gives what the plain way gives."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection import whole
from ecg_engine.detection._prepare import median_of_many, middle
from ecg_engine.detection.cleaning import remove_mains
from ecg_engine.detection.whole import dead_stretches, see
from tests.reference.long_ecg import LEADS, Tape

FS = 250.0


def plainly_dead(signal: np.ndarray, fs: float) -> list[tuple[int, int]]:
    """Sample by sample: where every lead is as it was a sample before, for 2 s and more."""
    n = signal.shape[1]
    still = [all(row[i] == row[i - 1] or np.isnan(row[i]) for row in signal) for i in range(1, n)]
    out, start = [], None
    for i, s in enumerate([*still, False]):
        if s and start is None:
            start = i
        elif not s and start is not None:
            if i + 1 - start >= round(2 * fs):
                out.append((start, i + 1))
            start = None
    return [] if all(still) else out


@pytest.mark.parametrize("seed", range(40))
def test_dead_stretches_as_sample_by_sample(seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(30, 4000))
    fs = float(random.choice([10, 25, 50]))
    signal = random.integers(0, 3 if seed % 2 else 50, (2, n)).astype(float)
    for _ in range(int(random.integers(0, 6))):
        a = int(random.integers(0, n))
        b = a + int(random.integers(1, 8 * fs))
        kind = random.integers(0, 3)
        rows = slice(None) if kind else int(random.integers(0, 2))
        signal[rows, a:b] = np.nan if kind == 2 else 7.0
    assert list(dead_stretches(signal, fs)) == plainly_dead(signal, fs)


def test_a_recording_that_never_moves_has_no_dead_stretch() -> None:
    assert dead_stretches(np.zeros((2, 5000)), 25.0) == ()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 399, 400, 401, 402, 5000, 5001])
def test_the_middle_is_numpys_median_to_the_bit_and_leaves_its_values_in_place(n: int) -> None:
    x = np.random.default_rng(n).normal(size=2 * n).round(1 if n % 2 else 9)
    before = x.copy()
    assert middle(x[:n]) == np.median(x[:n])
    assert middle(x[::2]) == np.median(x[::2])
    np.testing.assert_array_equal(x, before)


def test_the_median_of_many() -> None:
    x = np.random.default_rng(1).standard_normal(300_000)
    assert median_of_many(x[:30_000]) == np.median(x[:30_000])
    assert median_of_many(x) == pytest.approx(np.median(x), abs=0.02)


@pytest.mark.parametrize(("amplitude", "found"), [(0.0, None), (0.05, 50.0), (0.012, 50.0)])
def test_mains_in_a_long_block(amplitude: float, found: float | None) -> None:
    signal, _ = Tape(seed=2).sinus(500).draw(fs=FS)
    t = np.arange(signal.shape[1]) / FS
    clean = signal.astype(np.float64)
    removed = remove_mains(clean + amplitude * np.sin(2 * np.pi * 50 * t), fs=FS)
    assert removed.mains_hz == found
    np.testing.assert_allclose(removed.signal, clean, atol=0.03)


def test_waves_by_rule_give_the_same_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, truth = Tape(seed=3).sinus(900).fibrillation(300).sinus(400).draw(fs=FS)
    learnt = see(signal, fs=FS, leads=LEADS)
    monkeypatch.setattr(whole, "LEARNT_S", 60.0)
    ruled = see(signal, fs=FS, leads=LEADS)
    np.testing.assert_array_equal(learnt.beats.r_peaks, ruled.beats.r_peaks)
    assert len(learnt.beats.r_peaks) == pytest.approx(len(truth.beat_s), abs=3)
    assert learnt.marks is not None and ruled.marks is not None
    assert learnt.beat is not None and ruled.beat is not None
    np.testing.assert_array_equal(learnt.beat.signal, ruled.beat.signal)
    both = (learnt.marks.qrs_onset >= 0) & (ruled.marks.qrs_onset >= 0)
    assert both.mean() > 0.98
    assert np.median(np.abs(learnt.marks.qrs_onset - ruled.marks.qrs_onset)[both]) <= 0.02 * FS


@pytest.mark.parametrize("seconds", [2.5, 6.0, 20.0])
@pytest.mark.parametrize("seed", range(6))
def test_no_beat_is_missed_after_the_leads_were_off(seed: int, seconds: float) -> None:
    signal, truth = Tape(seed=seed).sinus(60 + seed, bpm=57).off(seconds).sinus(60, bpm=57).draw(fs=FS, noise_mv=0.015)
    found = see(signal, fs=FS, leads=LEADS).beats
    missed = [b for b in truth.beat_s if np.abs(found.r_peaks / FS - b).min() > 0.1]
    (off,) = truth.spans
    # The beat beside the gap may be lost with it.
    assert all(min(abs(b - off[0]), abs(b - off[1])) < 0.6 for b in missed), missed
    assert len(found.gaps) == 1
