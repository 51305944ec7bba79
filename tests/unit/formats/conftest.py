"""Recordings and files that the tests of one reader each start from."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source


@pytest.fixture
def recording() -> Recording:
    """Twelve leads, 2 s at 500 Hz, on a grid of 1 µV, with all that a header can say."""
    rng = np.random.default_rng(7)
    counts = np.round(np.cumsum(rng.normal(0, 20, (12, 1000)), axis=1)).astype(int)
    return Recording(
        signal=counts / 1000,
        fs=500.0,
        leads=STANDARD_LEADS,
        start=datetime(2024, 3, 5, 11, 22, 33, 250_000),
        patient=Patient(id="A-17", name="Иванова Анна", age_years=61, sex="F"),
        source=Source(device="Acme X1", filters=Filters(highpass_hz=0.05, lowpass_hz=150.0), lsb_mv=(0.001,) * 12),
        annotations=(Annotation(sample=321, text="боль"),),
    )


@pytest.fixture
def data_folder() -> Path:
    """The reference data, where they are."""
    folder = os.environ.get("ECG_ENGINE_DATA")
    if not folder or not (Path(folder) / "ecg").is_dir():
        pytest.skip("ECG_ENGINE_DATA names no folder with the reference data")
    return Path(folder) / "ecg"
