"""How often slightly altered readings say a statement again."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.detection.laying import moved
from ecg_engine.detection.median_beat import altered_beat
from ecg_engine.detection.whole import see
from ecg_engine.errors import InputError
from ecg_engine.interpretation.stability import bounded, with_stability
from ecg_engine.report import render_bytes, report_schema
from ecg_engine.types import ABSENT, Statement
from tests.reference.ecg_model import LEADS, PRESETS, Noise, simulate

N = 60


def recording(preset: str = "normal", *, fs: float = 500, noise: Noise | None = None, seed: int = 5) -> ee.Recording:
    spec = PRESETS[preset] if noise is None else replace(PRESETS[preset], noise=(noise,))
    signal, _ = simulate(spec, fs=fs, duration_s=10.0, rng=np.random.default_rng(seed))
    return ee.Recording(signal=signal, fs=fs, leads=LEADS, patient=ee.Patient(age_years=61, sex="M"))


def shares(report: ee.EcgReport) -> dict[str, float]:
    return {s.code: s.stability for s in report.statements if s.stability is not None}


def test_nobody_asked_and_no_statement_has_a_share() -> None:
    assert {s.stability for s in ee.analyze_ecg(recording()).statements} == {None}


def test_a_clean_recording_says_the_same_again_and_again() -> None:
    report = ee.analyze_ecg(recording(), stability_n=N)
    assert report.stability_n == N
    assert shares(report)["sinus_rhythm"] == 1.0


def test_the_same_recording_gives_the_same_shares() -> None:
    noisy = recording(noise=Noise(muscle_mv=0.05))
    assert shares(ee.analyze_ecg(noisy, stability_n=N)) == shares(ee.analyze_ecg(noisy, stability_n=N))


def test_what_stands_at_its_limit_is_said_by_a_part_of_the_readings() -> None:
    noisy = recording(noise=Noise(muscle_mv=0.035))
    report = ee.analyze_ecg(noisy)
    qrs_offset = report.to_dict()["beats"]["median"]["marks"]["qrs_offset_ms"]
    qrs = report.measurements.overall["qrs_ms"]
    # QRS of 120 ms and more is wide, and no ECG with one is normal. A moved mark stays where it was put, the begin of
    # its QRS is as uncertain as it was.
    just_below = {"marks": {"qrs_offset_ms": qrs_offset + 118 - qrs}}
    far_below = {"marks": {"qrs_offset_ms": qrs_offset + 110 - qrs}}
    near = shares(ee.analyze_ecg(noisy, corrections=just_below, stability_n=N))["normal_ecg"]
    far = shares(ee.analyze_ecg(noisy, corrections=far_below, stability_n=N))["normal_ecg"]
    # The noise alone takes the word normal from an eighth of the readings.
    assert 0.1 < near < 0.8 < far


@pytest.mark.parametrize("fs", [100, 250, 1000])
def test_other_rates(fs: float) -> None:
    assert shares(ee.analyze_ecg(recording(fs=fs), stability_n=20))["sinus_rhythm"] > 0.8


def test_without_beats_what_is_said_is_said_again() -> None:
    rng = np.random.default_rng(1)
    silent = ee.Recording(signal=rng.normal(0, 0.004, (2, 5000)), fs=500, leads=("I", "II"))
    report = ee.analyze_ecg(silent, stability_n=5)
    assert all(s.stability == 1.0 for s in report.statements)


@pytest.mark.parametrize(
    ("said", "share", "bound"),
    [
        ("definite", 1.0, "definite"),
        ("definite", 0.8, "definite"),
        ("definite", 0.79, "probable"),
        ("definite", 0.49, "possible"),
        ("probable", 0.79, "probable"),
        ("possible", 1.0, "possible"),
    ],
)
def test_the_share_bounds_the_certainty(said: str, share: float, bound: str) -> None:
    assert bounded(said, share) == bound
    got = with_stability((Statement(code="pause", certainty=said),), {"pause": round(100 * share)}, 100)[0]
    assert (got.certainty, got.stability) == (bound, share)


def test_what_no_reading_says_again_has_the_share_0() -> None:
    assert with_stability((Statement(code="pause"),), {}, 10)[0].stability == 0.0


@pytest.mark.parametrize("n", [-1, 1001, 2.5, True])
def test_a_wrong_number_of_readings_is_refused(n: int) -> None:
    with pytest.raises(InputError, match="0 to 1000"):
        ee.analyze_ecg(recording(), stability_n=n)


def test_a_later_beat_is_the_function_at_later_times() -> None:
    t = np.arange(200.0)
    wave = np.stack([np.sin(t / 9), np.cos(t / 7)])
    for by in (-0.5, 0.0, 0.25, 1.5):
        later = np.stack([np.sin((t + by) / 9), np.cos((t + by) / 7)])
        assert np.abs(moved(wave, by) - later)[:, 5:-5].max() < 1e-4


def test_altered_beats_scatter_around_the_median_beat_by_its_standard_error() -> None:
    noise = 0.02
    seen = see(recording(noise=Noise(muscle_mv=noise)).signal, fs=500, leads=LEADS)
    assert seen.singles is not None and seen.beat is not None
    rng = np.random.default_rng(3)
    quiet = np.zeros(len(seen.leads))
    made = [altered_beat(seen.singles, noise_mv=quiet, rng=rng) for _ in range(100)]
    flat = slice(0, round(0.08 * seen.beat.fs))  # before P
    spread = np.std([beat.signal[:, flat] for beat in made], axis=0).mean()
    # The bootstrap's spread of a median of n beats with Gaussian noise: about sqrt(pi / 2 / n) of it.
    assert spread == pytest.approx(noise * np.sqrt(np.pi / 2 / seen.beat.n_beats), rel=0.4)
    onsets = [int(beat.marks.qrs_onset[0]) for beat in made]
    assert ABSENT not in onsets
    assert np.ptp(onsets) / seen.beat.fs <= 0.012


def test_json_and_page_say_how_many_readings() -> None:
    report = ee.analyze_ecg(recording(), stability_n=N)
    plain = json.loads(json.dumps(report.to_dict()))
    jsonschema.validate(plain, report_schema())
    assert plain["stability_n"] == N
    assert f"{N} of {N} readings".encode() in render_bytes(report, recording(), "svg")
