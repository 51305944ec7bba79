"""R peaks and waves beside the detectors and delineators in use today, each in the same run on the same samples."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ecg_engine as ee

#: Detectors by name: (n_samples,) mV and Hz to sample indices; filters included, as in ours.
Detector = Callable[[NDArray[np.float64], float], Any]


def _ours(ecg: NDArray[np.float64], fs: float) -> Any:
    return ee.detect_r_peaks(ecg, fs=fs)


def _sleepecg(ecg: NDArray[np.float64], fs: float) -> Any:
    sleepecg = pytest.importorskip("sleepecg")
    return sleepecg.detect_heartbeats(ecg, fs, backend="c")


def _neurokit2(ecg: NDArray[np.float64], fs: float) -> Any:
    nk = pytest.importorskip("neurokit2")
    clean = nk.ecg_clean(ecg, sampling_rate=round(fs), method="pantompkins1985")
    return nk.ecg_peaks(clean, sampling_rate=round(fs), method="pantompkins1985")[1]["ECG_R_Peaks"]


CASES = tomllib.loads(Path(__file__).parents[1].joinpath("cases.toml").read_text(encoding="utf-8"))
DETECTORS: dict[str, Detector] = {"ecg_engine": _ours, "sleepecg": _sleepecg, "neurokit2": _neurokit2}


@pytest.fixture(scope="module")
def long_lead(cases: dict[str, Any], root: Path) -> tuple[NDArray[np.float64], float, str]:
    """Return about 30 minutes of one lead, its rate, and what it is."""
    case, folder = cases["r_peaks_long"], os.environ.get("ECG_ENGINE_DATA")
    path = Path(folder) / case["reference"] if folder else root / case["otherwise"]
    if not path.is_file():
        path = root / case["otherwise"]
    recording = ee.read_ecg(path)
    return np.ascontiguousarray(recording.signal[case["lead"]]), recording.fs, path.stem


@pytest.fixture(scope="module")
def twelve(cases: dict[str, Any], root: Path) -> Any:
    return ee.read_ecg(root / cases["r_peaks_twelve"]["file"])


def ours_and_peers(case: str) -> list[str]:
    return ["ecg_engine", *CASES[case]["peers"]]


@pytest.mark.parametrize("who", ours_and_peers("r_peaks_long"))
def test_r_peaks_of_30_minutes(benchmark: Any, long_lead: Any, who: str) -> None:
    ecg, fs, name = long_lead
    n_beats = len(DETECTORS[who](ecg, fs))
    assert n_beats > 100
    benchmark.group = f"R peaks, one lead, {len(ecg) / fs / 60:.0f} min at {fs:g} Hz"
    benchmark.extra_info.update(who=who, record=name, beats=n_beats)
    benchmark(DETECTORS[who], ecg, fs)


@pytest.mark.parametrize("who", ours_and_peers("r_peaks_twelve"))
def test_r_peaks_of_twelve_leads(benchmark: Any, twelve: Any, who: str) -> None:
    """The peers take one lead at a time; ours gives one answer over all of them."""
    signal, fs = np.asarray(twelve.signal), twelve.fs

    def run() -> Any:
        if who == "ecg_engine":
            return ee.detect_r_peaks(signal, fs=fs)
        return [DETECTORS[who](row, fs) for row in signal]

    run()
    benchmark.group = f"R peaks, 12 leads, 10 s at {fs:g} Hz"
    benchmark.extra_info["who"] = who
    benchmark(run)


def _nk_waves(ecg: NDArray[np.float64], fs: float, r_peaks: NDArray[np.int64]) -> Any:
    nk = pytest.importorskip("neurokit2")
    return nk.ecg_delineate(ecg, rpeaks=r_peaks, sampling_rate=round(fs), method="prominence")


def _our_waves(ecg: NDArray[np.float64], fs: float, r_peaks: NDArray[np.int64]) -> Any:
    return ee.delineate(ecg, fs=fs, r_peaks=r_peaks)


DELINEATORS = {"ecg_engine": _our_waves, "neurokit2": _nk_waves}


@pytest.mark.parametrize("who", ours_and_peers("waves"))
def test_waves_of_one_lead(benchmark: Any, cases: dict[str, Any], twelve: Any, who: str) -> None:
    ecg, fs = np.ascontiguousarray(twelve.lead(cases["waves"]["lead"])), twelve.fs
    r_peaks = ee.detect_r_peaks(ecg, fs=fs)
    DELINEATORS[who](ecg, fs, r_peaks)
    benchmark.group = f"waves, one lead, 10 s at {fs:g} Hz"
    benchmark.extra_info.update(who=who, beats=len(r_peaks))
    benchmark(DELINEATORS[who], ecg, fs, r_peaks)


@pytest.mark.parametrize("who", ours_and_peers("waves"))
def test_waves_of_twelve_leads(benchmark: Any, twelve: Any, who: str) -> None:
    """The peer takes one lead at a time; ours gives each lead's marks and the global ones."""
    signal, fs = np.asarray(twelve.signal), twelve.fs
    r_peaks = ee.detect_r_peaks(signal, fs=fs)

    def run() -> Any:
        if who == "ecg_engine":
            return ee.delineate(signal, fs=fs, r_peaks=r_peaks)
        return [_nk_waves(row, fs, r_peaks) for row in signal]

    run()
    benchmark.group = f"waves, 12 leads, 10 s at {fs:g} Hz"
    benchmark.extra_info.update(who=who, beats=len(r_peaks))
    benchmark(run)
