"""AliveCor Kardia (``.atc``): blocks of one lead each, every block with a checksum.

After AliveCor's published description of the format: ``ALIVE`` and a version, then blocks of a name of four letters,
a length, the data and the sum of all bytes before it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._channels import Channel, beat_of, check_total, gathered, stamp_of
from ecg_engine.formats._common import Opened, Options
from ecg_engine.types import Annotation, Filters

_FIRST_BLOCK: Final = 12
_HEAD: Final = struct.Struct("<4sI")
_SUM: Final = struct.Struct("<I")
_MAX_BYTES: Final = 64 * 2**20
_MAX_BLOCKS: Final = 1000
#: Format, Hz, nV a step, flags, reserved.
_FORMAT: Final = struct.Struct("<BHHBH")
_LEADS: Final = {b"ecg ": "I", b"ecg2": "II", b"ecg3": "III", b"ecg4": "aVR", b"ecg5": "aVL", b"ecg6": "aVF"}
_BEATS: Final = {b"avg ": "I", b"avg2": "II", b"avg3": "III", b"avg4": "aVR", b"avg5": "aVL", b"avg6": "aVF"}
#: Texts of the block ``info``, and how many bytes each has.
_INFO: Final = (
    ("start", 32), ("recording_id", 40), ("phone_id", 44), ("phone", 32), ("software", 32), ("hardware", 32),
    ("device_data", 52),
)  # fmt: skip
#: Flags: mains at 60 Hz, what takes mains out, the filter of the baseline (0.1 Hz), AliveCor's own filter.
_MAINS_60, _MAINS, _BASELINE, _NOTCH, _ENHANCED = 2, 4, 16, 32, 64
_BASELINE_HZ: Final = 0.1
_TICK: Final = struct.Struct("<IH")


def open_file(path: Path, options: Options) -> Opened:
    """Open a Kardia file."""
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise UnsupportedFormatError(f"{size} bytes, where {_MAX_BYTES} are read; no Kardia writes so much", path=path)
    raw = path.read_bytes()
    if raw[:5] != b"ALIVE":
        raise CorruptFormatError("no Kardia file, although its name says so; give it its own suffix", path=path)
    blocks = _blocks(raw, path)
    if len(blocks.get(b"fmt ", b"")) < _FORMAT.size:
        raise CorruptFormatError("has no block that says its rate and scale; export again", path=path)
    kind, rate, step_nv, flags, _ = _FORMAT.unpack_from(blocks[b"fmt "])
    if kind != 1:
        raise UnsupportedFormatError(f"samples of kind {kind}; 1 (16-bit) is read; export again", path=path)
    info = _info(blocks.get(b"info", b""))
    start = info.pop("start", "")
    return gathered(
        _channels(blocks, _LEADS, step_nv, path),
        fs=float(rate),
        path=path,
        options=options,
        format="kardia",
        start=stamp_of(start),
        device=f"AliveCor {info.pop('hardware', '')}",
        filters=_filters(flags),
        beat=beat_of(_channels(blocks, _BEATS, step_nv, path), fs=float(rate), marks_ms={}) if rate else None,
        annotations=_ticks(blocks.get(b"ann ", b""), float(rate)),
        details={
            **info,
            "version": int.from_bytes(raw[8:12], "little"),
            "enhanced_filter": True if flags & _ENHANCED else None,
            "blocks_left_out": [name.decode("latin-1").strip() for name in blocks if name not in _KNOWN],
        },
    )


_KNOWN: Final = {*_LEADS, *_BEATS, b"fmt ", b"info", b"ann "}


def _blocks(raw: bytes, path: Path) -> dict[bytes, bytes]:
    """Return the data of each block, by its name, with the checksums checked."""
    out: dict[bytes, bytes] = {}
    at = _FIRST_BLOCK
    while at < len(raw):
        name, length = _HEAD.unpack_from(raw, at) if at + _HEAD.size <= len(raw) else (b"", len(raw))
        stop = at + _HEAD.size + length
        if stop + _SUM.size > len(raw) or len(out) >= _MAX_BLOCKS:
            shown = name.decode("latin-1").strip() if name.isalnum() else "at the end"
            raise CorruptFormatError(
                f"ends in the middle of a block ({shown}: {length} bytes announced, {max(0, len(raw) - at)} are left); "
                "copy or export again",
                path=path,
                offset=at,
            )
        if _SUM.unpack_from(raw, stop)[0] not in _sums(raw[at:stop]):
            raise CorruptFormatError(
                f"the checksum of its block {name.decode('latin-1').strip()!r} is wrong, so something in it is "
                "damaged; copy or export again",
                path=path,
                offset=at,
            )
        out.setdefault(name, raw[at + _HEAD.size : stop])
        at = stop + _SUM.size
    return out


def _sums(block: bytes) -> tuple[int, int]:
    """Return the sum of all bytes, as described; and with bytes as signed, as some programs write it."""
    data = np.frombuffer(block, dtype=np.uint8)
    total = int(data.sum(dtype=np.uint64))
    return total % 2**32, (total - 256 * int(np.count_nonzero(data > 127))) % 2**32


def _channels(blocks: Mapping[bytes, bytes], leads: Mapping[bytes, str], step_nv: int, path: Path) -> list[Channel]:
    found = [(name, blocks[key]) for key, name in leads.items() if key in blocks]
    check_total(sum(len(data) for _, data in found) // 2, path=path)
    out = []
    for name, data in found:
        samples: NDArray[Any] = np.frombuffer(data, dtype="<i2", count=len(data) // 2)
        out.append(Channel(name=name, samples=samples, step_mv=step_nv / 1e6))
    return out


def _info(data: bytes) -> dict[str, str]:
    out, at = {}, 0
    for name, length in _INFO:
        text = data[at : at + length].split(b"\0", 1)[0].decode("utf-8", errors="replace").strip()
        at += length
        if text:
            out[name] = text
    return out


def _filters(flags: int) -> Filters | None:
    notch = flags & (_MAINS | _NOTCH)
    if not notch and not flags & _BASELINE:
        return None
    return Filters(
        highpass_hz=_BASELINE_HZ if flags & _BASELINE else None,
        notch_hz=(60.0 if flags & _MAINS_60 else 50.0) if notch else None,
    )


def _ticks(data: bytes, fs: float) -> list[Annotation]:
    """Return the beats that the app marked; what their types mean is not described."""
    if len(data) < _SUM.size or not (rate := _SUM.unpack_from(data)[0]):
        return []
    whole = data[_SUM.size : _SUM.size + (len(data) - _SUM.size) // _TICK.size * _TICK.size]
    return [
        Annotation(sample=round(at * fs / rate), text=f"beat of type {kind}") for at, kind in _TICK.iter_unpack(whole)
    ]
