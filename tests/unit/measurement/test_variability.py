"""Heart rate variability against figures counted by hand, NeuroKit2's, and power that a sine has by definition."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ecg_engine.measurement.variability import measure_variability, nn_intervals
from ecg_engine.types import Beats
from ecg_engine.types.long import HeartRateVariability

FS = 1000.0


def beats_at(rr_ms: np.ndarray, kinds: str | None = None, *, first: int = 500) -> Beats:
    r = first + np.concatenate(([0], np.cumsum(np.round(rr_ms)))).astype(int)
    return Beats(r_peaks=r, kinds=np.full(len(r), "N") if kinds is None else np.array(list(kinds)))


def measured(beats: Beats, left_out: tuple[tuple[int, int], ...] = ()) -> HeartRateVariability:
    out = measure_variability(beats, fs=FS, n_samples=int(beats.r_peaks[-1]) + 500, left_out=left_out)
    assert out is not None
    return out


def breathing(seconds: float, *, hf_ms: float = 30.0, lf_ms: float = 40.0, noise_ms: float = 0.0) -> np.ndarray:
    """RR that swings at 0.25 and 0.1 Hz."""
    random = np.random.default_rng(4)
    t, rr = 0.0, []
    while t < seconds:
        x = 850 + hf_ms * np.sin(2 * np.pi * 0.25 * t) + lf_ms * np.sin(2 * np.pi * 0.1 * t)
        rr.append(x + noise_ms * random.standard_normal())
        t += rr[-1] / 1000
    return np.array(rr)


def test_by_hand() -> None:
    rr = np.array([800, 860, 800, 820] * 10, float)
    values = measured(beats_at(rr)).values
    # Mean 820; deviations -20, 40, -20, 0: squares 400, 1600, 400, 0.
    assert values["mean_nn_ms"] == pytest.approx(820)
    assert values["sdnn_ms"] == pytest.approx(np.sqrt(10 * 2400 / 39))
    # Changes 60, -60, 20, -20, 60 ... : 39 of them, ten of 60, ten of -60, ten of 20, nine of -20.
    assert values["rmssd_ms"] == pytest.approx(np.sqrt((20 * 3600 + 19 * 400) / 39))
    assert values["pnn50_percent"] == pytest.approx(100 * 20 / 39)
    # Twenty of the forty are 800, the tallest bin of 7.8 ms.
    assert values["hrv_triangular_index"] == pytest.approx(2)


def test_over_time_as_neurokit_has_it() -> None:
    import neurokit2

    beats = beats_at(breathing(200, noise_ms=15))
    values = measured(beats).values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = neurokit2.hrv_time(beats.r_peaks, sampling_rate=1000).iloc[0]
        shape = neurokit2.hrv_nonlinear(beats.r_peaks, sampling_rate=1000).iloc[0]
    for code, name in (
        ("mean_nn_ms", "MeanNN"),
        ("sdnn_ms", "SDNN"),
        ("rmssd_ms", "RMSSD"),
        ("hrv_triangular_index", "HTI"),
    ):
        assert values[code] == pytest.approx(float(peer[f"HRV_{name}"]), rel=1e-6), code
    # It divides by the number of intervals, the pairs are one fewer.
    n = len(beats.r_peaks) - 1
    assert values["pnn50_percent"] == pytest.approx(float(peer["HRV_pNN50"]) * n / (n - 1), rel=1e-6)
    for code, name in (("sd1_ms", "SD1"), ("sd2_ms", "SD2")):
        assert values[code] == pytest.approx(float(shape[f"HRV_{name}"]), rel=0.01), code


def test_the_spectrum_holds_the_power_of_its_sines() -> None:
    out = measured(beats_at(breathing(1500)))
    assert out.n_segments == 5
    # A sine of amplitude A has the power A squared over two.
    assert out.values["hf_power_ms2"] == pytest.approx(30**2 / 2, rel=0.06)
    assert out.values["lf_power_ms2"] == pytest.approx(40**2 / 2, rel=0.06)
    assert out.values["lf_hf_ratio"] == pytest.approx(40**2 / 30**2, rel=0.08)
    assert out.values["vlf_power_ms2"] < 20


def test_the_spectrum_and_the_non_linear_figures_are_neurokits() -> None:
    import neurokit2

    beats = beats_at(breathing(299, noise_ms=20))
    n_samples = int(FS * 302)
    out = measure_variability(beats, fs=FS, n_samples=n_samples, left_out=())
    assert out is not None and out.n_segments == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape = neurokit2.hrv_nonlinear(beats.r_peaks, sampling_rate=1000).iloc[0]
    assert out.values["sample_entropy"] == pytest.approx(float(shape["HRV_SampEn"]), rel=1e-6)


def test_noise_has_the_exponent_a_half_and_a_random_walk_one_and_a_half() -> None:
    random = np.random.default_rng(6)
    white = 800 + 20 * random.standard_normal(4000)
    assert measured(beats_at(white)).values["dfa_alpha1"] == pytest.approx(0.5, abs=0.12)
    walk = 800 + np.cumsum(random.standard_normal(4000))
    assert measured(beats_at(np.clip(walk, 600, 1000))).values["dfa_alpha1"] == pytest.approx(1.5, abs=0.15)


def test_ectopy_and_gaps_leave_the_figures_as_they_were() -> None:
    plain = breathing(900, noise_ms=8)
    before = measured(beats_at(plain))
    rr, kinds = plain.copy(), ["N"] * (len(plain) + 1)
    for i in range(20, len(rr) - 5, 15):
        rr[i], rr[i + 1] = 0.55 * plain[i], 2 * plain[i + 1] - 0.55 * plain[i]
        kinds[i + 1] = "V" if i % 2 else "S"
    beats = beats_at(rr, "".join(kinds))
    after = measured(beats, left_out=((200_000, 230_000),))
    for code in ("mean_nn_ms", "sdnn_ms", "rmssd_ms", "sd1_ms"):
        assert after.values[code] == pytest.approx(before.values[code], rel=0.06), code
    ectopic = sum(k != "N" for k in kinds)
    hidden = ((beats.r_peaks[1:] > 200_000) & (beats.r_peaks[:-1] < 230_000)).sum()
    assert len(rr) - 2 * ectopic - hidden <= after.n_intervals <= len(rr) - 2 * ectopic - hidden + 8
    assert after.usable_percent == pytest.approx(100 * after.n_intervals / len(rr), abs=1.5)


def test_a_missed_beat_and_a_false_one_are_no_nn_intervals() -> None:
    rr = np.full(60, 800.0)
    rr[20] = 1600
    rr[40:42] = 400
    at, nn = nn_intervals(beats_at(rr), fs=FS, left_out=())
    assert len(nn) == 57
    assert not {20, 40, 41} & set(at.tolist())


def test_segments_give_the_slow_figures() -> None:
    rr = np.concatenate([np.full(375, 800.0), np.full(300, 1000.0), np.full(375, 800.0), np.full(300, 1000.0)])
    rr += np.tile([5.0, -5.0], len(rr) // 2)
    values = measured(beats_at(rr, first=0)).values
    assert values["sdann_ms"] == pytest.approx(np.std([800, 1000, 800, 1000], ddof=1), rel=0.02)
    assert values["sdnn_index_ms"] == pytest.approx(5, rel=0.3)


def test_none_of_too_little() -> None:
    assert measure_variability(beats_at(np.full(20, 800.0)), fs=FS, n_samples=17_000, left_out=()) is None
    assert measure_variability(Beats(r_peaks=np.zeros(0, int)), fs=FS, n_samples=17_000, left_out=()) is None
    paced = beats_at(np.full(100, 800.0), "Q" * 101)
    assert measure_variability(paced, fs=FS, n_samples=81_000, left_out=()) is None
