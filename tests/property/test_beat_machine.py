"""The machine that finds beats does what its slow twin says; a stream in any pieces finds what the whole does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecg_engine import RPeakDetector, detect_beats, detect_r_peaks
from ecg_engine.detection._machine import Machine, bend_taps, rules_for
from ecg_engine.errors import SignalError
from ecg_engine.kernels import bend
from tests.reference import beat_machine_twin as twin


def ecg_like(seed, n, fs):
    """Return pulses of many heights and distances in noise, with drift: everything a rule looks at happens."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / fs
    x = 0.03 * rng.uniform(0.2, 4) * rng.standard_normal(n) + 0.3 * np.sin(t * rng.uniform(0.5, 3))
    at = rng.uniform(0, 0.5)
    while at < t[-1]:
        wide = rng.choice([0.008, 0.012, 0.025])
        x += rng.choice([0.15, 0.4, 1.0, 1.0, 1.2, -1.5]) * np.exp(-(((t - at) / wide) ** 2))
        x += rng.choice([0.1, 0.3, 0.5]) * np.exp(-(((t - at - 0.28) / 0.04) ** 2))
        at += rng.choice([0.3, 0.45, 0.8, 0.8, 0.8, 0.8, 1.7, 4.0])
    return x


@settings(max_examples=30)
@example(4754, 4754, 100.0)  # as noisy as the limit, by the level before a block's beats are decided
@given(st.integers(0, 10_000), st.integers(100, 9000), st.sampled_from([100.0, 250.0, 360.0]))
def test_twin(seed, n, fs):
    x = ecg_like(seed, n, fs)
    rules, *_ = rules_for(fs, 0.1)
    found = Machine(1, fs, 0.1).feed(x[np.newaxis], 0, n, final=True)
    assert found.tolist() == twin.find_beats(x, rules, bend_taps(fs / rules.thin))


def even_in_noise(seed, n, fs):
    """Return even beats of the same height with lower ones between, in noise: what noise makes, and alternation."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / fs
    x = rng.uniform(0.03, 0.25) * rng.standard_normal(n)
    for at in np.arange(0.3, t[-1], 0.8) + rng.normal(0, 0.02, len(np.arange(0.3, t[-1], 0.8))):
        x += np.exp(-(((t - at) / 0.012) ** 2))
        if rng.random() < 0.4:
            x += rng.uniform(0.5, 1.0) * np.exp(-(((t - at - rng.uniform(0.3, 0.5)) / 0.015) ** 2))
    return x


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2000, 9000), st.sampled_from([100.0, 250.0, 360.0]))
def test_twin_in_noise(seed, n, fs):
    x = even_in_noise(seed, n, fs)
    rules, *_ = rules_for(fs, 0.1)
    found = Machine(1, fs, 0.1).feed(x[np.newaxis], 0, n, final=True)
    assert found.tolist() == twin.find_beats(x, rules, bend_taps(fs / rules.thin))


def test_the_twin_in_noise_sees_the_rule_of_noise():
    rules, *_ = rules_for(250.0, 0.1)
    taps = bend_taps(250.0 / rules.thin)
    with_rule, without = (
        sum(len(twin.find_beats(even_in_noise(seed, 9000, 250.0), r, taps)) for seed in range(12))
        for r in (rules._replace(strong=np.inf), rules._replace(noisy=np.inf, strong=np.inf))
    )
    assert with_rule < without


def in_motion(seed, n, fs):
    """Return beats, narrow and wide, in noise like that of moving electrodes (its power falls with f^2) and muscles."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / fs
    hz = np.fft.rfftfreq(n, 1 / fs)
    motion = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) / np.maximum(hz, 0.7), n)
    x = rng.uniform(0.1, 1.0) * motion / motion.std() + rng.choice([0.01, 0.15]) * rng.standard_normal(n)
    x[: n // 3] *= rng.choice([0.1, 1.0])  # noisy from the beginning, or later
    for at in np.cumsum(rng.normal(0.8, 0.03, int(t[-1] / 0.8) + 1)):
        wide = rng.choice([0.012, 0.012, 0.012, 0.03])
        x += rng.choice([0.5, 1.0, 1.0]) * (1.0 + (wide > 0.02)) * np.exp(-(((t - at) / wide) ** 2))
    return x


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(200, 9000), st.sampled_from([100.0, 250.0, 360.0, 500.0]))
def test_twin_in_motion(seed, n, fs):
    x = in_motion(seed, n, fs)
    rules, *_ = rules_for(fs, 0.1)
    found = Machine(1, fs, 0.1).feed(x[np.newaxis], 0, n, final=True)
    assert found.tolist() == twin.find_beats(x, rules, bend_taps(fs / rules.thin))


@pytest.mark.parametrize(
    ("change", "seed"),
    [
        ({"sharp_noise": 1e3}, 2),
        ({"sharp_noise": 0.15}, 5),
        ({"sharp_quiet": 1e-3}, 2),
        ({"sharp_most": 1e-3}, 2),
        ({"strong": 9.0}, 1),
        ({"together": 62.0}, 2),
        ({"most_spread": 0.05}, 1),
        ({"least_spread": 0.2}, 0),
        ({"top_odds": 1.0}, 0),
        ({"noise_odds": 12.0}, 3),
        ({"height_odds": 0.0}, 1),
        ({"unlikely": -1.0}, 0),
        ({"odd": -9.0}, 0),
        ({"odd": 0.0}, 0),
    ],
)
def test_twin_in_motion_where_each_rule_of_noise_counts(change, seed):
    x = in_motion(seed, 9000, 250.0)
    rules, *_ = rules_for(250.0, 0.1)
    found = Machine(1, 250.0, 0.1).feed(x[np.newaxis], 0, 9000, final=True).tolist()
    assert found == twin.find_beats(x, rules, bend_taps(250.0 / rules.thin))
    assert found != twin.find_beats(x, rules._replace(**change), bend_taps(250.0 / rules.thin))


@pytest.mark.parametrize("n_leads", [1, 3])
@pytest.mark.parametrize("longest", [30, 3000])
def test_stream_in_motion_is_the_whole(n_leads, longest):
    rng = np.random.default_rng(n_leads)
    x = np.array([in_motion(7 + i, 20_000, 360.0) for i in range(n_leads)])
    assert in_pieces(x, 360.0, rng, longest).tolist() == detect_r_peaks(x, fs=360.0).tolist()


def tall_t_waves(seed, n, fs):
    """Return narrow beats, each with a broad T wave as tall as it is, pauses with a broad low wave, and where R is."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / fs
    x, at, beat = 0.002 * rng.standard_normal(n), [], 0.3
    while beat < t[-1]:
        at.append(beat)
        x += 0.4 * np.exp(-(((t - beat) / 0.008) ** 2))
        x += rng.uniform(0.35, 0.45) * np.exp(-(((t - beat - 0.28) / 0.05) ** 2))
        pause = rng.random() < 0.2
        if pause:
            x += 0.25 * np.exp(-(((t - beat - 1.1) / 0.07) ** 2))
        beat += rng.normal(1.7 if pause else 0.9, 0.02)
    return x, np.array(at)


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(2000, 9000), st.sampled_from([250.0, 360.0, 500.0]))
def test_twin_with_tall_t_waves(seed, n, fs):
    x, _ = tall_t_waves(seed, n, fs)
    rules, *_ = rules_for(fs, 0.1)
    found = Machine(1, fs, 0.1).feed(x[np.newaxis], 0, n, final=True)
    assert found.tolist() == twin.find_beats(x, rules, bend_taps(fs / rules.thin))


@pytest.mark.parametrize("fs", [250.0, 500.0])
def test_tall_t_waves_and_waves_in_pauses_are_no_beats(fs):
    x, at = tall_t_waves(1, round(30 * fs), fs)
    found = detect_r_peaks(x, fs=fs) / fs
    assert len(found) == len(at)
    np.testing.assert_allclose(found, at, atol=0.01)


def in_pieces(x, fs, rng, longest):
    detector = RPeakDetector(fs=fs)
    found, at = [], 0
    while at < x.shape[-1]:
        n = int(rng.integers(1, longest))
        found.append(detector.push(x[..., at : at + n]))
        at += n
    return np.concatenate([*found, detector.finish()])


@settings(max_examples=30)
@given(
    st.integers(0, 10_000),
    st.integers(1, 20_000),
    st.sampled_from([100.0, 250.0, 360.0, 500.0]),
    st.sampled_from([30, 700, 30_000]),
    st.sampled_from([0, 1, 2, 3]),
    st.booleans(),
)
def test_stream_in_any_pieces_is_the_whole(seed, n, fs, longest, n_leads, spiked):
    rng = np.random.default_rng(seed)
    x = ecg_like(seed, n, fs) if n_leads == 0 else np.array([ecg_like(seed + i, n, fs) for i in range(n_leads)])
    if spiked:
        x[..., 100::431] += 3.0
    for start, most in zip(rng.integers(0, n, 3), (4, 4, 20), strict=True):
        x[..., start : start + int(rng.integers(1, most * fs))] = np.nan
    if np.isnan(x).all():
        return
    assert in_pieces(x, fs, rng, longest).tolist() == detect_r_peaks(x, fs=fs).tolist()


@settings(max_examples=30)
@given(
    st.integers(0, 10_000),
    st.sampled_from([100.0, 250.0, 360.0]),
    st.sampled_from([1, 3]),
    st.integers(10, 60),
    st.integers(40, 400),
)
def test_how_long_a_gap_is_that_splits_changes_nothing(seed, fs, n_leads, shorter, longer):
    rules, *_ = rules_for(fs, 0.1)
    block = int(rules.block * rules.thin)
    x = np.array([ecg_like(seed + i, 160 * block, fs) for i in range(n_leads)])
    at = block * (20 + seed % 80) + seed % 7
    one, other = (
        detect_r_peaks(np.concatenate([x[:, :at], np.full((n_leads, k * block), np.nan), x[:, at:]], axis=1), fs=fs)
        for k in (shorter, longer)
    )
    assert one[one < at].tolist() == other[other < at].tolist()
    assert (one[one >= at] - shorter * block).tolist() == (other[other >= at] - longer * block).tolist()


@pytest.mark.parametrize("spike_mv", [2.0, -4.0])
def test_stream_bridges_the_same_spikes(spike_mv):
    x = ecg_like(3, 30_000, 500.0) * 0.5
    x[1000::397] += spike_mv
    assert len(detect_beats(x, fs=500.0).pacing_spikes) > 40
    rng = np.random.default_rng(0)
    assert in_pieces(x, 500.0, rng, 99).tolist() == detect_r_peaks(x, fs=500.0).tolist()


@pytest.mark.parametrize("n_leads", [1, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seconds", [2.5, 7.0, 19.9, 20.1])
def test_a_short_recording_with_spikes_is_found_as_its_stream(n_leads, dtype, seconds):
    x = np.array([ecg_like(lead, int(seconds * 500), 500.0) * 0.5 for lead in range(n_leads)])
    x[:, 100::397] += 1.5
    x[:, 700:760] = np.nan
    x = x.astype(dtype)
    before = x.copy()
    beats = detect_beats(x, fs=500.0)
    np.testing.assert_array_equal(x, before)
    assert len(beats.pacing_spikes) >= 2
    assert in_pieces(x, 500.0, np.random.default_rng(0), 300).tolist() == beats.r_peaks.tolist()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e13])
@pytest.mark.parametrize("seconds", [5, 30])
def test_one_sample_that_is_no_voltage_is_no_spike(value, seconds):
    x = ecg_like(3, seconds * 500, 500.0)
    x[1234] = value
    with pytest.raises(SignalError, match="at sample 1234"):
        detect_r_peaks(x, fs=500.0)


@given(st.integers(1, 12), st.integers(1, 70), st.integers(0, 99))
def test_the_bend_is_a_symmetrical_filter(reach, n, seed):
    rng = np.random.default_rng(seed)
    taps, line = rng.standard_normal(reach), rng.standard_normal(n + 2 * reach)
    steps, out = np.diff(line, prepend=line[0]), np.full(n, np.nan)
    bend.bend_square_into(steps, np.cumsum(taps[::-1])[::-1].copy(), out)
    kernel = np.concatenate([taps[::-1], [-2 * taps.sum()], taps])
    np.testing.assert_allclose(out, np.convolve(line, kernel, mode="valid") ** 2, atol=1e-9)


@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_a_level_or_slope_has_no_bend_whatever_it_is(slope):
    steps, out = np.full(50, slope), np.full(40, np.nan)
    bend.bend_square_into(steps, np.array([0.5, 0.4, 0.7]), out)
    assert (out == 0.0).all()


@given(st.integers(1, 70), st.integers(1, 90), st.integers(0, 99))
def test_the_energy_is_a_mean(width, n, seed):
    square, out = np.random.default_rng(seed).random(n + width - 1), np.full(n, np.nan)
    bend.energy_into(square, width, np.full((2, len(square)), np.nan), out)
    np.testing.assert_allclose(out, np.convolve(square, np.full(width, 1 / width), mode="valid"), rtol=1e-12)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=40), st.data())
def test_extremes_and_the_first_highest(values, data):
    line = np.array(values, float)
    start = data.draw(st.integers(0, len(line) - 1))
    stop = data.draw(st.integers(start + 1, len(line)))
    part = line[start:stop]
    assert bend.extremes(line, start, stop) == (part.min(), part.max())
    assert bend.greatest(part) == part.max()
    assert bend.place_of(part, part.max()) == int(np.argmax(part))
    assert bend.place_of(part, 9.0) == len(part) - 1


@given(st.integers(1, 6), st.lists(st.sampled_from([1.0, 2.0, 5.0, np.nan]), min_size=6, max_size=40), st.booleans())
def test_over_a_gap_there_is_no_step(thin, values, opened):
    row = np.array(values)
    have = len(row) // thin
    memory = np.array([0.0, 1.0, 0.0, 0.0]) if opened else np.array([3.0, 0.0, 0.0, 0.0])
    steps = np.full(have + 2, np.nan)
    clean = not opened and not np.isnan(row).any()
    empty = bend.steps_into(row, thin, have, memory, clean, np.empty(have), steps)
    held, gap, expected, gaps = 3.0, opened, [], 0
    for part in row[: have * thin].reshape(have, thin):
        known = part[~np.isnan(part)]
        expected.append(0.0 if gap or not known.size else known.mean() - held)
        gap = not known.size
        gaps += gap
        held = known.mean() if known.size else held
    np.testing.assert_allclose(steps, [*expected, 0.0, 0.0], atol=1e-12)
    assert empty == gaps


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e13])
@pytest.mark.parametrize("at", [0, 4001, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_voltage_is_refused_wherever_it_stands(value, at, dtype):
    x = ecg_like(1, 9001, 250.0).astype(dtype)
    x[300:400] = np.nan
    x[at] = value
    with pytest.raises(SignalError, match=f"at sample {at % 9001}"):
        detect_r_peaks(x, fs=250.0)


def test_the_first_of_equal_places_is_r_at_any_scale():
    x = np.zeros(3000)
    for at in range(300, 2900, 270):
        x[at : at + 2] = 1.0
    found = detect_r_peaks(x, fs=360.0)
    assert len(found) == 10
    for unit in (0.1, 3.0, 7.7, 1e-3 / 3):
        assert detect_r_peaks(x * unit, fs=360.0, amplitude_floor_mv=None).tolist() == found.tolist()
