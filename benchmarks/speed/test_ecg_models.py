"""The ECG models: loading, one recording, 64 at once, on one thread; the preparation by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ecg_engine.measurement.scores import inputs_of
from ecg_engine.models import load_model, read_card
from ecg_engine.models.library import find_model
from ecg_engine.models.session import Model

#: Model, leads, seconds: the longest that each looks at.
MODELS = [("rhythm_single_lead", 1, 60.0), ("ecg_12_lead", 12, 10.0)]
FS_HZ, BATCH = 500.0, 64


def heard(leads: int, seconds: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return noise of the heart's size: what is in a signal does not change the time."""
    return np.random.default_rng(1).normal(0.0, 0.2, (leads, round(seconds * FS_HZ)))


@pytest.mark.parametrize(("name", "leads", "seconds"), MODELS)
def test_preparation(benchmark: Any, name: str, leads: int, seconds: float) -> None:
    card, signal = load_model(name).card, heard(leads, seconds)
    benchmark.group = f"{name}, {seconds:.0f} s prepared"
    benchmark(inputs_of, card, signal, fs=FS_HZ, measured={})


@pytest.mark.parametrize(("name", "leads", "seconds"), MODELS)
def test_loading(benchmark: Any, name: str, leads: int, seconds: float) -> None:
    path = find_model(name).path
    benchmark.group = f"{name}, loading"
    benchmark.pedantic(lambda: Model(read_card(path)), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("batch", [1, BATCH])
@pytest.mark.parametrize(("name", "leads", "seconds"), MODELS)
def test_inference(benchmark: Any, name: str, leads: int, seconds: float, batch: int) -> None:
    model = load_model(name)
    x, extra = inputs_of(model.card, heard(leads, seconds), fs=FS_HZ, measured={})
    given = np.repeat(x, batch, 0), {key: np.repeat(value, batch, 0) for key, value in extra.items()}
    benchmark.group = f"{name}, {seconds:.0f} s, {batch} at once"
    benchmark(lambda: model.run(given[0], extra=given[1]))
