"""The cold start is honest: the first run after install says that it compiles, the next one does not compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Decode one file, then print how many kernels came out of the cache and how many were compiled.
PROBE = """
import sys
from ecg_engine.cli import main
from ecg_engine.kernels._jit import KERNELS
source, out = sys.argv[1:]
sys.argv[1:] = ["decode", source, "--out", out, "--format", "json"]
try:
    main()
except SystemExit as exc:
    assert exc.code in (0, None), exc.code
used = [k.dispatcher for k in KERNELS.values() if k.dispatcher is not None]
hits = sum(sum(d.stats.cache_hits.values()) for d in used)
misses = sum(sum(d.stats.cache_misses.values()) for d in used)
versions = max(len(d.signatures) for d in used)
print(f"kernels {len(used)} hits {hits} misses {misses} versions {versions}")
"""


def run(tmp_path, cache):
    env = {**os.environ, "ECG_ENGINE_CACHE_DIR": str(cache)}
    env.pop("NUMBA_DISABLE_JIT", None)
    command = [sys.executable, "-c", PROBE, str(ROOT / "sample_data" / "ecg" / "normal.hea"), str(tmp_path / "out")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    words = done.stdout.strip().splitlines()[-1].split()
    return done.stderr, dict(zip(words[::2], map(int, words[1::2]), strict=True))


def test_first_run_says_that_it_compiles_and_the_next_one_does_not_compile(tmp_path):
    cache = tmp_path / "cache"
    said, first = run(tmp_path, cache)
    assert "compiling the kernels" in said
    assert first["misses"] == first["kernels"] > 10 and first["hits"] == 0
    said, second = run(tmp_path, cache)
    assert "compiling" not in said
    assert second["hits"] == second["kernels"] == first["kernels"] and second["misses"] == 0
    # One declared signature each, whatever the file's own types were.
    assert first["versions"] == second["versions"] == 1


def test_without_a_writable_cache_it_warns_once_and_works(tmp_path):
    """A file stands where the folder should be: as unwritable as it gets, for the superuser too."""
    blocked = tmp_path / "cache"
    blocked.write_text("")
    env = {**os.environ, "ECG_ENGINE_CACHE_DIR": str(blocked)}
    code = (
        "import numpy as np, warnings\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    from ecg_engine.kernels.smoothing import moving_mean_into\n"
        "    from ecg_engine.kernels.beats import median_beat_into\n"
        "    out = np.empty(5); moving_mean_into(np.arange(5.0), 3, out)\n"
        "    median_beat_into.compile()\n"
        "print(len([w for w in seen if 'ECG_ENGINE_CACHE_DIR' in str(w.message)]), out[2])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.stdout.split() == ["1", "2.0"], done.stderr
