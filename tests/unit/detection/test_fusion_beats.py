"""Fusion beats are sums of the patient's own beat and of a ventricular one, on the rhythm's time; made so here."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.detection import classify_beats

FS = 250.0
LEADS = 2


def hump(t, at, width, height):
    return height * np.exp(-(((t - at) / width) ** 2))


def own(t, lead):
    """Return a narrow QRS and its T wave, R at 0."""
    qrs = hump(t, -0.025, 0.008, -0.15) + hump(t, 0.0, 0.011, 1.0 - 0.3 * lead) + hump(t, 0.028, 0.010, -0.25)
    return qrs + hump(t, 0.27, 0.045, 0.30 - 0.1 * lead)


def ventricular(t, lead):
    """Return a wide QRS and a T wave the other way."""
    qrs = hump(t, 0.01, 0.045, -1.2 + 0.5 * lead) + hump(t, -0.045, 0.02, 0.35) + hump(t, 0.09, 0.03, 0.4)
    return qrs + hump(t, 0.33, 0.07, 0.5 - 0.2 * lead)


def made(classes, *, early_s=0.35, rr=0.85, noise=0.01, usual=0.5, scatter=0.0, late_v_s=0.0):
    """Return a signal, R peaks: N on time with P, V by `early_s` early with a pause, F on time, `usual` of it own."""
    rng = np.random.default_rng(5)
    at, times, clock = 1.0, [], 1.0
    for kind in classes:
        clock += rr * float(np.exp(rng.normal(0.0, scatter))) if times else 0.0
        at = clock - (early_s if kind == "V" else 0.0)
        times.append(at)
    n = int((clock + 1.5) * FS)
    t = np.arange(n) / FS
    x = rng.normal(0.0, noise, (LEADS, n))
    for r, kind in zip(times, classes, strict=True):
        near = slice(max(0, int((r - 0.4) * FS)), int((r + 0.7) * FS))
        for lead in range(LEADS):
            part = t[near] - r
            share = {"N": 1.0, "V": 0.0, "F": usual}[kind]
            x[lead, near] += share * own(part, lead) + (1 - share) * ventricular(part + late_v_s, lead)
            if kind != "V":
                x[lead, near] += hump(part, -0.16, 0.02, 0.12)
    return x, np.round(np.array(times) * FS).astype(np.int64)


def pattern(n, fused=()):
    """Return `n` beats, each sixth V, and F where told."""
    kinds = np.full(n, "N", dtype="<U1")
    kinds[5::6] = "V"
    kinds[list(fused)] = "F"
    return kinds


FUSED = (14, 27, 44, 62, 75)


@pytest.mark.parametrize("usual", [0.4, 0.5])
@pytest.mark.parametrize("late_v_s", [0.0, 0.02])
def test_a_sum_of_both_beats_on_time_is_a_fusion_beat(usual, late_v_s):
    kinds = pattern(90, FUSED)
    x, r = made(kinds, usual=usual, late_v_s=late_v_s)
    assert classify_beats(x, fs=FS, r_peaks=r).tolist() == kinds.tolist()


def test_neither_unit_nor_polarity_changes_it():
    kinds = pattern(90, FUSED)
    x, r = made(kinds)
    for factor in (-1.0, 1000.0, 1e-3):
        assert classify_beats(x * factor, fs=FS, r_peaks=r).tolist() == kinds.tolist()


def test_without_fusion_beats_none_is_told():
    kinds = pattern(90)
    x, r = made(kinds)
    assert classify_beats(x, fs=FS, r_peaks=r).tolist() == kinds.tolist()


def test_a_ventricular_beat_on_time_is_no_fusion_beat():
    """An escape or a late extrasystole comes when the next beat is due, and has nothing of it."""
    kinds = pattern(90)
    x, r = made(kinds, early_s=0.02)
    assert "F" not in classify_beats(x, fs=FS, r_peaks=r)


def test_early_beats_are_not_told_from_ventricular_ones():
    """Earlier than by 60 ms the usual impulse has not arrived (Marriott and others 1962)."""
    kinds = pattern(90, FUSED)
    x, r = made(kinds)
    early = r.copy()
    for i in FUSED:  # the same beats, moved 0.2 s ahead
        cut = slice(r[i] - 75, r[i] + 120)
        part = x[:, cut].copy()
        x[:, cut] = 0.0
        x[:, cut.start - 50 : cut.stop - 50] = part
        early[i] -= 50
    assert "F" not in classify_beats(x, fs=FS, r_peaks=early)


def test_where_the_rhythm_has_no_time_there_is_none():
    kinds = pattern(90, FUSED)
    x, r = made(kinds, scatter=0.25, early_s=0.2)
    assert "F" not in classify_beats(x, fs=FS, r_peaks=r)


def test_too_few_ventricular_beats_prove_no_shape():
    kinds = np.full(60, "N", dtype="<U1")
    kinds[[10, 20, 31, 42]] = "V"
    kinds[[15, 36]] = "F"
    x, r = made(kinds)
    assert "F" not in classify_beats(x, fs=FS, r_peaks=r)


def test_one_lead_alone_does_not_tell_it():
    x, r = made(pattern(90, FUSED))
    assert set(classify_beats(x[0], fs=FS, r_peaks=r)) == {"N", "V"}
