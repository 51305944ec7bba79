"""What every test shares: the reference data, seeded random numbers, and which tests exercise kernels."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
SEED = 20260115

# The same examples in every run; the time that one takes says nothing (a kernel may compile in it).
hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("seeded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what exercises kernels by where it stands: unit/kernels, and kernels in property's file names."""
    for item in items:
        parts = item.path.relative_to(ROOT).parts if item.path.is_relative_to(ROOT) else ()
        in_unit = parts[:3] == ("tests", "unit", "kernels")
        in_property = parts[:2] == ("tests", "property") and any("kernel" in part for part in parts[2:])
        if in_unit or in_property:
            item.add_marker(pytest.mark.kernels)


@pytest.fixture(scope="session", autouse=True)
def plain_numpy_is_quiet() -> Iterator[None]:
    """Without the compiler NumPy's scalars warn of 1/0, overflow and NaN, where compiled kernels do not."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
        yield
        return
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Seed what libraries draw from behind our back."""
    random.seed(SEED)
    np.random.seed(SEED)


@pytest.fixture
def rng() -> np.random.Generator:
    """Return random numbers that are the same in every run."""
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of the reference data, or skip."""
    folder = os.environ.get("ECG_ENGINE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("ECG_ENGINE_DATA is not set: reference data absent")
    return Path(folder)


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Return the folder of the sample ECGs."""
    return ROOT / "sample_data" / "ecg"
