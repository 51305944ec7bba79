"""What `test_start.py` runs in a process of its own; prints one JSON object.

python -m benchmarks.speed.child decode FILE
python -m benchmarks.speed.child holter HOURS FS LEAD...
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any


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
    from benchmarks.speed.synthetic import sinus_rhythm

    rate = float(fs)
    signal = sinus_rhythm(float(hours), rate, len(leads))
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
