"""R peaks and waves beside the detectors and delineators in use today, each in the same run on the same samples."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import ecg_engine as ee
from benchmarks.peers import DELINEATORS, DETECTORS, OURS, nk_delineate
from benchmarks.speed.synthetic import sinus_rhythm

CASES = tomllib.loads(Path(__file__).parents[1].joinpath("cases.toml").read_text(encoding="utf-8"))


def ours_and_peers(case: str) -> list[str]:
    return [OURS, *CASES[case]["peers"]]


def called(table: dict[str, Any], who: str) -> Any:
    """Return how a tool is called, or skip the case where it is not installed."""
    peer = table[who]
    if not peer.is_installed:
        pytest.skip(f"{peer.package} is not installed")
    return peer.call


@pytest.fixture(scope="module")
def long_lead(cases: dict[str, Any], root: Path) -> tuple[NDArray[np.float64], float, str]:
    """Return about 30 minutes of one lead, its rate, and what it is."""
    case, folder = cases["r_peaks_long"], os.environ.get("ECG_ENGINE_DATA")
    path = Path(folder) / case["reference"] if folder else root / case["otherwise"]
    if not path.is_file():
        path = root / case["otherwise"]
    recording = ee.read_ecg(path)
    return np.ascontiguousarray(recording.signal[case["lead"]], np.float64), recording.fs, path.stem


@pytest.fixture(scope="module")
def twelve(cases: dict[str, Any], root: Path) -> Any:
    return ee.read_ecg(root / cases["r_peaks_twelve"]["file"])


@pytest.mark.parametrize("who", ours_and_peers("r_peaks_long"))
def test_r_peaks_of_30_minutes(benchmark: Any, long_lead: Any, who: str) -> None:
    ecg, fs, name = long_lead
    detect = called(DETECTORS, who)
    n_beats = len(detect(ecg, fs))
    assert n_beats > 100
    benchmark.group = f"R peaks, one lead, {len(ecg) / fs / 60:.0f} min at {fs:g} Hz"
    benchmark.extra_info.update(who=who, record=name, beats=n_beats)
    benchmark(detect, ecg, fs)


@pytest.mark.parametrize("who", ours_and_peers("r_peaks_short"))
def test_r_peaks_of_10_seconds(benchmark: Any, cases: dict[str, Any], twelve: Any, who: str) -> None:
    ecg, fs = np.ascontiguousarray(twelve.lead(cases["r_peaks_short"]["lead"]), np.float64), twelve.fs
    detect = called(DETECTORS, who)
    n_beats = len(detect(ecg, fs))
    benchmark.group = f"R peaks, one lead, 10 s at {fs:g} Hz"
    benchmark.extra_info.update(who=who, beats=n_beats)
    benchmark(detect, ecg, fs)


@pytest.mark.parametrize("who", ours_and_peers("r_peaks_twelve"))
def test_r_peaks_of_twelve_leads(benchmark: Any, twelve: Any, who: str) -> None:
    """The peers take one lead at a time; ours gives one answer over all of them."""
    signal, fs = np.asarray(twelve.signal, np.float64), twelve.fs
    detect = called(DETECTORS, who)

    def run() -> Any:
        return detect(signal, fs) if who == OURS else [detect(row, fs) for row in signal]

    run()
    benchmark.group = f"R peaks, 12 leads, 10 s at {fs:g} Hz"
    benchmark.extra_info["who"] = who
    benchmark(run)


@pytest.fixture(scope="module")
def day(cases: dict[str, Any]) -> NDArray[np.float32]:
    case = cases["r_peaks_day"]
    free = psutil.virtual_memory().available / (1 << 30)
    if free < case["least_free_gib"]:
        pytest.skip(f"{free:.1f} GiB of memory free; {case['least_free_gib']} are needed")
    return sinus_rhythm(case["hours"], case["fs"], case["leads"])


@pytest.mark.parametrize("who", ours_and_peers("r_peaks_day"))
def test_r_peaks_of_a_day(benchmark: Any, cases: dict[str, Any], day: NDArray[np.float32], who: str) -> None:
    """The peers take one lead at a time; ours gives one answer over all of them."""
    fs = float(cases["r_peaks_day"]["fs"])
    detect = called(DETECTORS, who)

    def run() -> Any:
        return detect(day, fs) if who == OURS else [detect(row.astype(np.float64), fs) for row in day]

    benchmark.group = f"R peaks, {len(day)} leads, {day.shape[1] / fs / 3600:.0f} h at {fs:g} Hz"
    benchmark.extra_info["who"] = who
    benchmark.pedantic(run, rounds=2)


@pytest.mark.parametrize("minutes", CASES["r_peaks_growth"]["minutes"])
def test_time_grows_with_the_length_alone(benchmark: Any, cases: dict[str, Any], minutes: int) -> None:
    fs = float(cases["r_peaks_growth"]["fs"])
    ecg = sinus_rhythm(minutes / 60, fs, 1)[0].astype(np.float64)
    benchmark.group = f"R peaks, one lead at {fs:g} Hz, time a sample: {minutes} min"
    benchmark.extra_info["who"] = OURS
    benchmark.pedantic(ee.detect_r_peaks, (ecg,), {"fs": fs}, rounds=max(3, 300 // minutes), warmup_rounds=1)
    benchmark.extra_info["ns a sample"] = round(1e9 * benchmark.stats.stats.min / len(ecg), 2)


def delineate(who: str, ecg: NDArray[np.float64], fs: float, r_peaks: NDArray[np.int64]) -> Any:
    """Run a delineator alone, on R peaks that are known; OpenECG's finds its own, there is no other way."""
    if who == OURS:
        return ee.delineate(ecg, fs=fs, r_peaks=r_peaks)
    if who.startswith("neurokit2 "):
        return nk_delineate(ecg, r_peaks, fs, who.removeprefix("neurokit2 "))
    return DELINEATORS[who].call(ecg, fs)


@pytest.mark.parametrize("who", ours_and_peers("waves"))
def test_waves_of_one_lead(benchmark: Any, cases: dict[str, Any], twelve: Any, who: str) -> None:
    called(DELINEATORS, who)
    ecg, fs = np.ascontiguousarray(twelve.lead(cases["waves"]["lead"]), np.float64), twelve.fs
    r_peaks = ee.detect_r_peaks(ecg, fs=fs)
    delineate(who, ecg, fs, r_peaks)
    benchmark.group = f"waves, one lead, 10 s at {fs:g} Hz"
    benchmark.extra_info.update(who=who, beats=len(r_peaks))
    benchmark(delineate, who, ecg, fs, r_peaks)


@pytest.mark.parametrize("who", ours_and_peers("waves"))
def test_waves_of_twelve_leads(benchmark: Any, twelve: Any, who: str) -> None:
    """The peers take one lead at a time; ours gives each lead's marks and the global ones."""
    called(DELINEATORS, who)
    signal, fs = np.asarray(twelve.signal, np.float64), twelve.fs
    r_peaks = ee.detect_r_peaks(signal, fs=fs)

    def run() -> Any:
        if who == OURS:
            return ee.delineate(signal, fs=fs, r_peaks=r_peaks)
        return [delineate(who, row, fs, r_peaks) for row in signal]

    run()
    benchmark.group = f"waves, 12 leads, 10 s at {fs:g} Hz"
    benchmark.extra_info.update(who=who, beats=len(r_peaks))
    benchmark(run)
