"""What `test_start.py` runs in a process of its own; prints one JSON object.

python benchmarks/speed/child.py decode FILE
python benchmarks/speed/child.py holter HOURS FS LEAD...
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def _peak_mib() -> float:
    """Return the peak of this program alone: on Linux getrusage's also holds the parent's memory before the exec."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.is_file() else None
    if found:
        return int(found[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def decode(path: str) -> dict[str, float]:
    """Decode a file to PDF twice: what the first call compiles or loads, the second does not."""
    started = time.perf_counter()
    from ecg_engine.pipeline import decode_file
    from ecg_engine.settings import DecodeSettings
    from ecg_engine.types import Task

    task = Task(path=path, settings=DecodeSettings(formats=("pdf",)))
    outcome = decode_file(task)
    first = time.perf_counter()
    assert outcome.error is None, outcome.error
    decode_file(task)
    return {"first_s": first - started, "second_s": time.perf_counter() - first, "peak_mib": _peak_mib()}


def holter(hours: str, fs: str, *leads: str) -> dict[str, float]:
    """Analyse a long synthetic recording: sinus rhythm of 75 a minute with noise, float32."""
    import ecg_engine as ee

    rate = float(fs)
    n, rng = round(float(hours) * 3600 * rate), np.random.default_rng(1)
    before, after = round(0.4 * rate), round(0.6 * rate)
    t = np.arange(-before, after) / rate
    waves = ((-0.16, 0.025, 0.1), (0.0, 0.012, 1.0), (0.03, 0.010, -0.2), (0.26, 0.050, 0.25))
    beat = sum(mv * np.exp(-(((t - at) / width) ** 2)) for at, width, mv in waves)
    size = np.linspace(0.6, 1.2, len(leads))[:, np.newaxis]
    each = (beat * size).astype(np.float32)
    signal = 0.01 * rng.standard_normal((len(leads), n), dtype=np.float32)
    for at in np.cumsum(rng.normal(0.8, 0.03, round(n / rate / 0.8)) * rate).astype(int):
        if before <= at < n - after:
            signal[:, at - before : at + after] += each
    recording = ee.Recording(signal=signal, fs=rate, leads=leads)
    held, started = _peak_mib(), time.perf_counter()
    report = ee.analyze_ecg(recording)
    return {
        "analyse_s": time.perf_counter() - started,
        "signal_mib": signal.nbytes / (1 << 20),
        "held_mib": held,
        "peak_mib": _peak_mib(),
        "beats": len(report.beats.r_peaks),
    }


def main() -> None:
    """Run what is named."""
    commands: dict[str, Any] = {"decode": decode, "holter": holter}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))


if __name__ == "__main__":
    main()
