"""Quantisation, files that appear whole, words of headers, the description of a recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.formats import describe
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import FINEST_MV, LARGEST, MISSING, quantise
from ecg_engine.types import Annotation, Recording, Source


def digits_of(signal: np.ndarray, lsb: float | None = None) -> tuple[np.ndarray, float, int]:
    source = Source() if lsb is None else Source(lsb_mv=(lsb,))
    found = quantise(Recording(signal=signal[np.newaxis], fs=500, leads=("I",), source=source))
    return found.samples[0].astype(int), float(found.lsb_mv[0]), int(found.baseline[0])


def test_samples_on_the_sources_grid_are_exact() -> None:
    counts = np.array([-32767, 0, 5, 32767])
    samples, step, baseline = digits_of(counts * 0.00488, 0.00488)
    np.testing.assert_array_equal(samples, counts)
    assert (step, baseline) == (0.00488, 0)


def test_float32_samples_are_still_on_the_grid() -> None:
    counts = np.arange(-30000, 30000, 37)
    samples, step, _ = digits_of((counts * 0.001).astype(np.float32), 0.001)
    np.testing.assert_array_equal(samples, counts)
    assert step == 0.001


def test_samples_off_the_grid_get_a_step_that_covers_them() -> None:
    signal = np.array([-50.0, 0.0001234, 31.5])
    samples, step, baseline = digits_of(signal, 0.005)
    assert step == pytest.approx(81.5 / (2 * LARGEST - 2))
    assert np.abs((samples - baseline) * step - signal).max() <= 0.5 * step
    assert digits_of(np.array([0.0, 0.00033]))[1] == FINEST_MV


@pytest.mark.parametrize("offset", [400.0, -400.0, 1e6])
def test_a_large_offset_moves_the_baseline_and_never_wraps(offset: float) -> None:
    signal = offset + np.linspace(-3, 3, 1000)
    samples, step, baseline = digits_of(signal)
    assert np.abs(samples).max() <= LARGEST
    assert np.abs((samples - baseline) * step - signal).max() <= 0.51 * step


def test_gaps_have_a_code_that_no_sample_has() -> None:
    samples, _, _ = digits_of(np.array([np.nan, -40.0, 40.0, np.nan]))
    assert list(samples == MISSING) == [True, False, False, True]
    assert (digits_of(np.full(5, np.nan))[0] == MISSING).all()


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as new:
        new.write_bytes(b"half")
        assert new.parent == path.parent
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    with replacing(path) as new:
        new.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_the_description_hides_the_patient_unless_asked(recording: Recording) -> None:
    marked = Recording(
        signal=recording.signal, fs=500, leads=recording.leads, start=recording.start, patient=recording.patient,
        source=Source(format="edf", details={"comments": ["Иванова"], "kind": "EDF+C", "n": np.int64(3)}),
        annotations=(Annotation(sample=1, symbol="N"), Annotation(sample=2, symbol="N"), Annotation(sample=3)),
    )  # fmt: skip
    hidden = json.dumps(describe(marked), ensure_ascii=False)
    assert "Иванова" not in hidden and "A-17" not in hidden
    shown = json.loads(json.dumps(describe(marked, phi=True), ensure_ascii=False))
    assert shown["patient"]["name"] == "Иванова Анна"
    assert shown["details"] == {"comments": ["Иванова"], "kind": "EDF+C", "n": 3}
    assert shown["annotations"] == {"N": 2, '"': 1}
    assert (shown["fs"], shown["duration_s"], shown["format"], len(shown["leads"])) == (500.0, 2.0, "edf", 12)
