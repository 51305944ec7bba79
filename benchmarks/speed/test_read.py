"""Reading a 12-lead ECG of 10 s, warm, in every format: files that are made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecg_engine.formats import FORMATS, read_ecg, write_ecg
from tests.conformance.test_reports import MADE, SUFFIXES, visit


@pytest.mark.parametrize("name", [row.name for row in FORMATS])
def test_read_ten_seconds(benchmark: Any, tmp_path: Path, name: str) -> None:
    recording, digits = visit()
    path = tmp_path / f"visit{SUFFIXES[name]}"
    if name in MADE:
        path.write_bytes(MADE[name](digits))
    else:
        write_ecg(recording, path)
    assert read_ecg(path).n_samples == 5000
    benchmark.group = f"read: {name}"
    benchmark.extra_info["target_ms"] = 30 if name in ("scp", "sierra") else 10
    benchmark(read_ecg, path)
