"""``make fuzz``: files of each format, broken by chance, many times; `tests/property` does it in seconds.

For each only our own errors may come out, within a second of CPU time and 512 MB. Each format runs in a process of its
own, so that a crash of a library is seen too; what fails is kept under ``.cache/fuzz``, the same with the same seed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecg_engine.errors import FormatError, InputError
from ecg_engine.formats import FORMATS, read_ecg
from ecg_engine.formats.ishne import TEXT_AT, checksum
from tests.fuzz.variants import shapes
from tests.property.test_formats_fuzz import HOSTILE, SUFFIXES

KEPT = Path(__file__).parents[2] / ".cache" / "fuzz"
SECONDS, MEGABYTES = 1.0, 512
#: Whole numbers at which counts, lengths and offsets break.
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 1)
WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class TooSlowError(BaseException):
    """No Exception: no reader may take it for a fault of the file."""


def broken(raw: bytes, chance: random.Random) -> bytes:
    """Return a file with one to eight places changed; the beginning, where headers are, more often."""
    out = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        size = len(out)
        at = chance.randrange(size + 1) if chance.random() < 0.5 else chance.randrange(min(size, 1024) + 1)
        what = chance.choice(HOSTILE) if chance.random() < 0.3 else chance.randbytes(chance.randint(1, 4))
        kind = chance.randrange(8)
        if kind == 0:
            out[at : at + len(what)] = what
        elif kind == 1:
            out[at:at] = what
        elif kind == 2:
            del out[at : at + chance.choice((1, 2, 4, 64))]
        elif kind == 3 and chance.random() < 0.3:
            del out[at:]
        elif kind == 4 and at < size:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 5:
            width = chance.choice((1, 2, 4, 8))
            value = chance.choice(EDGES) & (1 << 8 * width) - 1
            out[at : at + width] = struct.pack(chance.choice("<>") + WIDTHS[width], value)
        elif kind == 6:  # a piece of itself at another place
            start = chance.randrange(size + 1)
            out[at:at] = out[start : start + chance.choice((4, 16, 256))]
        elif kind == 7:  # digits of a number in a text
            out[at : at + 1] = chance.choice((b"9", b"0", b"-", b"1e9", b"9999999"))
    return bytes(out)


def repaired(name: str, raw: bytes, chance: random.Random) -> bytes:
    """Put right the sums that would otherwise stop every broken file at the door, most of the time."""
    if chance.random() < 0.2:
        return raw
    if name == "ishne" and len(raw) > TEXT_AT:
        length = max(0, int.from_bytes(raw[10:14], "little", signed=True))
        return raw[:8] + checksum(raw[10 : TEXT_AT + length]).to_bytes(2, "little") + raw[10:]
    if name == "kardia":
        return _kardia(raw)
    if name == "scp":
        return _scp(raw)
    return raw


def _kardia(raw: bytes) -> bytes:
    out, at = bytearray(raw), 12
    while at + 12 <= len(out):
        stop = at + 8 + int.from_bytes(out[at + 4 : at + 8], "little")
        if stop + 4 > len(out):
            break
        out[stop : stop + 4] = (sum(out[at:stop]) % 2**32).to_bytes(4, "little")
        at = stop + 4
    return bytes(out)


def _scp(raw: bytes) -> bytes:
    from ecg_engine.formats._scp_codes import checksum as crc

    out, at = bytearray(raw), 6
    while at + 16 <= len(out):
        length = int.from_bytes(out[at + 4 : at + 8], "little")
        if length < 16 or at + length > len(out):
            break
        out[at : at + 2] = crc(bytes(out[at + 2 : at + length])).to_bytes(2, "little")
        at += length
    if len(out) > 6:
        out[2:6] = len(out).to_bytes(4, "little")
        out[:2] = crc(bytes(out[2:])).to_bytes(2, "little")
    return bytes(out)


def one(name: str, index: int, seed: int, folder: Path) -> Callable[[], None]:
    """Write the broken files of a number; return what reads them."""
    chance = random.Random(f"{seed}/{name}/{index}")
    files = dict(chance.choice(shapes(name)))
    suffix = chance.choice(sorted(files))
    files[suffix] = repaired(name, broken(files[suffix], chance), chance)
    for stale in folder.iterdir():
        stale.unlink()
    for end, raw in files.items():
        (folder / f"r{end}").write_bytes(raw)
    forced = chance.choice((None, name))

    def read() -> None:
        # InputError: the rate that is given contradicts the file, or none is given where one is needed.
        with contextlib.suppress(FormatError, InputError):
            read_ecg(folder / f"r{SUFFIXES[name]}", format=forced, fs=chance.choice((None, 500.0)))

    return read


def run(name: str, start: int, count: int, seed: int) -> int:
    """Read broken files of one format; print and keep each that fails; return how many did."""

    def too_slow(*_: Any) -> None:
        raise TooSlowError

    signal.signal(signal.SIGPROF, too_slow)
    failed = 0
    with tempfile.TemporaryDirectory(dir=_memory()) as place, (KEPT / f"{name}.index").open("wb") as note:
        folder = Path(place)
        one(name, -1, seed, folder)()  # imports, and whatever is made once
        for index in range(start, start + count):
            read = one(name, index, seed, folder)
            os.pwrite(note.fileno(), b"%-20d" % index, 0)  # outlives a crash; the number alone makes the file again
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            what = ""
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                read()
            except TooSlowError:
                what = f"more than {SECONDS:g} s"
            except Exception:
                what = traceback.format_exc(limit=-3)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            if used > MEGABYTES:
                what = f"{used:.0f} MB"
            if what:
                failed += 1
                _keep(folder, name, str(index))
                print(f"{name} {index}: {what}", flush=True)
    return failed


def _memory() -> str | None:
    """A folder in memory where there is one: some 100,000 files are written and read."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _keep(folder: Path, name: str, label: str) -> None:
    for file in folder.iterdir():
        shutil.copyfile(file, KEPT / f"{name}-{label}{file.suffix}")


def main() -> int:
    """Run what the command line asks for."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--count", type=int, default=2000, help="files of each format")
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--formats", default=",".join(row.name for row in FORMATS), help="names, with commas")
    ask.add_argument("--start", type=int, default=None, help=argparse.SUPPRESS)
    args = ask.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    if args.start is not None:
        return min(run(args.formats, args.start, args.count, args.seed), 99)
    failed = 0
    for name in args.formats.split(","):
        start, crashes, bad = 0, 0, 0
        while start < args.count:
            rest = str(args.count - start)
            command = [sys.executable, "-m", "tests.fuzz.formats", "--formats", name, "--start", str(start)]
            code = subprocess.run([*command, "--count", rest, "--seed", str(args.seed)], env=os.environ).returncode
            if code >= 0:
                bad += code
                break
            index = int((KEPT / f"{name}.index").read_text())
            crashes += 1
            print(f"{name} {index}: the process died of signal {-code}; see {KEPT}/{name}-crash{index}.*", flush=True)
            with tempfile.TemporaryDirectory() as place:
                one(name, index, args.seed, Path(place))
                _keep(Path(place), name, f"crash{index}")
            start = index + 1
        failed += bad + crashes
        print(f"{name}: {args.count} files, {bad} failed, {crashes} crashed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
