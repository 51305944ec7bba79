"""Episodes against tapes whose beats, classes and episodes were told, not detected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecg_engine.detection.episodes import find_episodes, rates_bpm, unreadable_stretches
from ecg_engine.detection.irregular import find_fibrillation, irregularity, touches_gap
from ecg_engine.types import Beats, Delineation, LeadQuality, Quality, Spell
from ecg_engine.types.long import EPISODE_KINDS, Episode
from tests.reference.long_ecg import Tape, TapeTruth

FS = 250.0


def beats_of(tape: Tape, gaps: tuple[tuple[int, int], ...] = ()) -> tuple[Beats, TapeTruth]:
    truth = tape.told()
    return Beats(r_peaks=np.round(truth.beat_s * FS).astype(int), kinds=truth.kinds, gaps=gaps), truth


def found(
    beats: Beats, *, marks: Delineation | None = None, unreadable: tuple[tuple[int, int], ...] = ()
) -> list[Episode]:
    return list(find_episodes(beats, marks, fs=FS, unreadable=unreadable, slow_bpm=50, fast_bpm=100))


def of(episodes: list[Episode], kind: str) -> list[Episode]:
    return [e for e in episodes if e.kind == kind]


def test_plain_sinus_rhythm_has_no_episode() -> None:
    beats, _ = beats_of(Tape(seed=1).sinus(300, bpm=70))
    assert found(beats) == []


@pytest.mark.parametrize(
    ("n", "kind", "bpm", "named"),
    [
        (2, "V", 150, "ventricular_couplet"),
        (3, "V", 150, "ventricular_run"),
        (7, "V", 180, "ventricular_run"),
        (5, "V", 80, "idioventricular_run"),
        (2, "S", 140, "supraventricular_couplet"),
        (6, "S", 140, "supraventricular_run"),
    ],
)
def test_a_run_is_named_by_its_class_length_and_rate(n: int, kind: str, bpm: float, named: str) -> None:
    tape = Tape(seed=2).sinus(60, bpm=65)
    tape.run(n, bpm=bpm, kind=kind).sinus(60, bpm=65)
    beats, truth = beats_of(tape)
    start, stop, _ = truth.spans[0]
    (episode,) = found(beats)
    assert episode.kind == named
    assert episode.n_beats == n
    assert (episode.start_s, episode.stop_s) == pytest.approx((start, stop), abs=0.003)
    assert episode.rate_bpm == pytest.approx(bpm, rel=0.02)


def test_a_run_begins_and_ends_with_fusion_beats_and_one_alone_is_no_episode() -> None:
    tape = Tape(seed=2).sinus(60, bpm=65)
    tape.run(5, bpm=150, kind="V").sinus(60, bpm=65)
    beats, truth = beats_of(tape)
    kinds = np.array(beats.kinds)
    first, *_, last = np.flatnonzero(kinds == "V")
    kinds[[first, last, 10]] = "F"
    (episode,) = found(replace(beats, kinds=kinds))
    assert (episode.kind, episode.n_beats) == ("ventricular_run", 5)
    assert (episode.start_s, episode.stop_s) == pytest.approx(truth.spans[0][:2], abs=0.003)


def test_a_single_ectopic_beat_is_no_episode_and_a_slow_atrial_run_neither() -> None:
    beats, _ = beats_of(
        Tape(seed=2).sinus(60, bpm=65).run(1).sinus(30).run(1, kind="S").sinus(30).run(4, bpm=85, kind="S").sinus(9)
    )
    assert found(beats) == []


def test_a_gap_cuts_a_run_in_two() -> None:
    tape = Tape(seed=3).sinus(30)
    tape.run(6, bpm=150).sinus(30)
    whole, truth = beats_of(tape)
    third = int(np.flatnonzero(truth.kinds == "V")[2])
    cut = int(whole.r_peaks[third]) + 20
    beats, _ = beats_of(tape, gaps=((cut, cut + 30),))
    assert [e.n_beats for e in of(found(beats), "ventricular_run")] == [3, 3]


@pytest.mark.parametrize(("normal", "kind"), [(1, "bigeminy"), (2, "trigeminy")])
def test_geminy_from_three_ectopic_beats_on(normal: int, kind: str) -> None:
    tape = Tape(seed=4).sinus(40)
    tape.bigeminy(3, normal=normal).sinus(40).bigeminy(2, normal=normal).sinus(20)
    beats, truth = beats_of(tape)
    (episode,) = found(beats)
    start, stop, told = truth.spans[0]
    assert told == kind == episode.kind
    assert episode.n_beats == 3 * (normal + 1)
    assert (episode.start_s, episode.stop_s) == pytest.approx((start, stop), abs=0.003)


def test_pauses_by_length_and_none_where_nothing_can_be_seen() -> None:
    tape = Tape(seed=5).sinus(30).pause(1.9).sinus(30).pause(2.5).sinus(30).pause(3.4).sinus(30).pause(5.0).sinus(30)
    beats, truth = beats_of(tape)
    episodes = found(beats)
    assert [(e.kind, round(e.duration_s, 1)) for e in episodes] == [
        ("pause_2s", 2.5),
        ("pause_3s", 3.4),
        ("pause_3s", 5.0),
    ]
    assert [e.start_s for e in episodes] == pytest.approx([a for a, b, _ in truth.spans if b - a >= 2], abs=0.003)
    at = round(truth.spans[3][0] * FS)
    beats, _ = beats_of(tape, gaps=((at + 100, at + 600),))
    assert [round(e.duration_s, 1) for e in found(beats)] == [2.5, 3.4]
    hidden = found(beats_of(tape)[0], unreadable=((at + 500, at + 900),))
    assert [round(e.duration_s, 1) for e in hidden if e.kind != "unreadable"] == [2.5, 3.4]


def test_rates_outside_the_limits_from_half_a_minute_on() -> None:
    tape = Tape(seed=6).sinus(120, bpm=70).sinus(20, bpm=125).sinus(120, bpm=70).sinus(90, bpm=125).sinus(120, bpm=70)
    tape.sinus(200, bpm=42).sinus(60, bpm=70)
    beats, _ = beats_of(tape)
    fast, slow = found(beats)
    assert (fast.kind, slow.kind) == ("tachycardia", "bradycardia")
    assert (fast.start_s, fast.stop_s) == pytest.approx((260, 350), abs=6)
    assert (slow.start_s, slow.stop_s) == pytest.approx((470, 670), abs=8)
    assert fast.rate_bpm == pytest.approx(125, rel=0.03)
    assert slow.rate_bpm == pytest.approx(42, rel=0.03)


@pytest.mark.parametrize("bpm", [70, 95, 130])
def test_fibrillation_is_found_where_it_was(bpm: float) -> None:
    tape = Tape(seed=7).sinus(300, bpm=70, spread=0.04)
    tape.fibrillation(240, bpm=bpm).sinus(300, bpm=75, spread=0.04)
    beats, truth = beats_of(tape)
    start, stop, _ = truth.spans[0]
    (span,) = find_fibrillation(beats, fs=FS)
    assert (span[0] / FS, span[1] / FS) == pytest.approx((start, stop), abs=15)


def test_what_is_no_fibrillation() -> None:
    tape = Tape(seed=8).sinus(300, bpm=60, spread=0.08).bigeminy(60).sinus(60)
    for _ in range(20):
        tape.sinus(8).run(1, kind="S")
    assert find_fibrillation(beats_of(tape)[0], fs=FS) == ()


def test_even_p_waves_speak_against_fibrillation() -> None:
    beats, _ = beats_of(Tape(seed=9).fibrillation(120))
    n = len(beats.r_peaks)
    even = beats.r_peaks - 30

    def marks(p_peak: np.ndarray) -> Delineation:
        none = np.full(n, -1)
        return Delineation(
            p_onset=none, p_peak=p_peak, p_offset=none, qrs_onset=beats.r_peaks - 10, qrs_offset=none, t_onset=none,
            t_peak=none, t_offset=none,
        )  # fmt: skip

    assert len(find_fibrillation(beats, fs=FS)) == 1
    assert find_fibrillation(beats, marks(even), fs=FS) == ()
    scattered = even - np.random.default_rng(1).integers(0, 60, n)
    assert len(find_fibrillation(beats, marks(scattered), fs=FS)) == 1
    half = np.where(np.arange(n) % 2, even, -1)
    assert len(find_fibrillation(beats, marks(half), fs=FS)) == 1


def slow_irregularity(rr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, interval by interval."""
    n = len(rr)

    def at(x: np.ndarray, i: int) -> float:
        return float(x[min(max(i, 0), n - 1)])

    medians = np.array([np.median([at(rr, i - 1), rr[i], at(rr, i + 1)]) for i in range(n)])
    unlike, apart = np.zeros(n), np.zeros(n)
    for i in range(n):
        window = [at(medians, j) for j in range(i - 4, i + 4)]
        pairs = [(a, b) for k, a in enumerate(window) for b in window[k + 1 :]]
        unlike[i] = sum(abs(a - b) >= 0.030 for a, b in pairs) / len(pairs)
        apart[i] = (sum(window) / sum(at(rr, j) for j in range(i - 4, i + 4)) - 1) ** 2
    spans = [slice(max(0, i - 15), i + 16) for i in range(n)]
    return (
        np.array([unlike[s].mean() / rr[s].mean() for s in spans]),
        np.array([apart[s].mean() for s in spans]),
    )


def test_irregularity_is_its_slow_twin() -> None:
    rr = 0.8 + 0.1 * np.random.default_rng(3).standard_normal(200)
    for fast, slow in zip(irregularity(rr), slow_irregularity(rr), strict=True):
        np.testing.assert_allclose(fast, slow, atol=1e-12)


def test_pacing_is_one_episode_over_two_own_beats() -> None:
    kinds = np.array(list("NN" + "Q" * 10 + "NN" + "Q" * 5 + "NNNN" + "QQ" + "NN"))
    beats = Beats(r_peaks=np.arange(len(kinds)) * 200, kinds=kinds)
    (episode,) = of(found(beats), "paced")
    assert (episode.n_beats, episode.start_s, episode.stop_s) == (15, 2 * 0.8, 18 * 0.8)


def test_touching_a_gap() -> None:
    starts, stops = np.array([0, 10, 20, 30]), np.array([10, 20, 30, 40])
    assert touches_gap(starts, stops, ((12, 15), (29, 31))).tolist() == [False, True, True, True]
    assert not touches_gap(starts, stops, ()).any()


def test_rates_do_not_cross_a_gap() -> None:
    r = np.arange(30) * 250
    bpm, begin_s = rates_bpm(Beats(r_peaks=r, gaps=((2510, 2600),)), fs=FS)
    np.testing.assert_allclose(bpm, 60)
    assert begin_s.tolist() == [0, 1, 2, *range(11, 22)]


def test_unreadable_is_what_no_lead_shows() -> None:
    def lead(*spells: Spell) -> LeadQuality:
        return LeadQuality(usable=True, spells=spells)

    quality = Quality(
        acceptable=True,
        by_lead={
            "II": lead(Spell(reason="noisy", start_s=10, stop_s=20), Spell(reason="mains", start_s=40, stop_s=50)),
            "V5": lead(Spell(reason="lead_off", start_s=15, stop_s=30), Spell(reason="noisy", start_s=40, stop_s=50)),
        },
    )
    beats = Beats(r_peaks=np.zeros(0, int), gaps=((4000, 4500), (5000, 6000)))
    spans = unreadable_stretches(beats, quality, leads=("II", "V5"), n_samples=6000, fs=FS)
    assert spans == ((3750, 6000),)


def test_every_kind_has_its_place() -> None:
    assert len(set(EPISODE_KINDS)) == len(EPISODE_KINDS)


def test_in_noise_a_couplet_is_none_and_a_fast_run_is_one() -> None:
    tape = Tape(seed=2).sinus(60, bpm=65).run(2).sinus(20).run(4, bpm=80).sinus(20).run(5, bpm=160).sinus(20)
    beats, _ = beats_of(tape.bigeminy(5).sinus(30))
    shown = {e.kind for e in found(beats)}
    assert shown == {"ventricular_couplet", "idioventricular_run", "ventricular_run", "bigeminy"}
    hidden = found(beats, unreadable=((0, int(beats.r_peaks[-1]) + 1),))
    assert {e.kind for e in hidden} == {"ventricular_run", "unreadable"}
