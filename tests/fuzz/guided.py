"""``make fuzz-guided FORMATS=scp``: files of one format, changed where that reaches new lines of its reader (atheris).

Begins from every shape that `variants` makes, and from what earlier runs have found under ``.cache/fuzz/NAME-corpus``.
Sums that would stop every broken file at the door are put right. What fails, hangs or takes more than 2 GB is kept
by the fuzzer as ``.cache/fuzz/NAME-crash-...``. Runs until it is stopped, or for ``SECONDS=3600``: one for each night.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Fuzz the format that the command line names first; the rest goes to libFuzzer."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is absent: pip install atheris (wheels for Linux and CPython 3.11 to 3.13)")
    with atheris.instrument_imports(include=["ecg_engine.formats", "ecg_engine.dicom"]):
        from ecg_engine.errors import FormatError, InputError
        from ecg_engine.formats import read_ecg
    from tests.fuzz.formats import KEPT, MEGABYTES, SUFFIXES, _memory, repaired
    from tests.fuzz.variants import shapes

    name, *options = sys.argv[1:]
    made = [dict(shape) for shape in shapes(name)]
    corpus = KEPT / f"{name}-corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    # The first byte says which shape's other files lie beside (a header's samples), the second which file is changed.
    for i, files in enumerate(made):
        for j, suffix in enumerate(sorted(files)):
            (corpus / f"made-{i}-{j}").write_bytes(bytes((i, j)) + files[suffix])
    folder = Path(tempfile.mkdtemp(dir=_memory()))
    path = folder / f"r{SUFFIXES[name]}"

    def once(raw: bytes) -> None:
        if len(raw) < 2:
            return
        files = made[raw[0] % len(made)]
        changed = sorted(files)[raw[1] % len(files)]
        for suffix, content in files.items():
            own = repaired(name, raw[2:], random.Random(len(raw))) if suffix == changed else content
            (folder / f"r{suffix}").write_bytes(own)
        with contextlib.suppress(FormatError, InputError):
            read_ecg(path, format=name, fs=500.0 if raw[0] & 128 else None)

    # A second of a reader takes ten under instrumentation.
    limits = ["-timeout=10", f"-rss_limit_mb={4 * MEGABYTES}", f"-artifact_prefix={KEPT}/{name}-"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, *options], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
