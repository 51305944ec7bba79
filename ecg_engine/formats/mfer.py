"""MFER (ISO 22077-1, formerly ISO/TS 11073-92001): Japanese electrocardiographs' and monitors' format.

Samples stand in frames: as many sequences as are said, in each a block of every channel after the other. A sample is
(digit + offset) * sensitivity.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, InputError, UnsupportedFormatError
from ecg_engine.formats import _mfer_tags as tags
from ecg_engine.formats._channels import Channel, beat_of, check_total, date_of, gathered, name_of
from ecg_engine.formats._common import Opened, Options, common_rate, is_other_signal, no_ecg
from ecg_engine.formats._mfer_tags import BrokenError, Item, codec_of, items, read_items
from ecg_engine.leads import standard_name
from ecg_engine.types import Annotation, Filters, Patient

#: Samples stay on the disk until they are asked for.
_MAX_BYTES: Final = 1 << 33
#: Of one definition that is no waveform.
_MAX_TEXT_BYTES: Final = 1 << 20
_MAX_CHANNELS: Final = 1024
#: Kinds of samples; 4 is a status, no signal, 9 the compression of the AHA.
_TYPES: Final = {0: "i2", 1: "u2", 2: "i4", 3: "u1", 4: "u2", 5: "i1", 6: "u4", 7: "f4", 8: "f8"}
_STATUS: Final = 4
#: Numbers of leads (ISO 22077-2, the same as those of SCP-ECG as far as they go).
_LEADS: Final = {
    1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6", 9: "V7", 11: "V3R", 12: "V4R", 13: "V5R",
    14: "V6R", 16: "X", 17: "Y", 18: "Z", 19: "CC5", 20: "CM5", 31: "NASA", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF",
    66: "V8", 67: "V9",
}  # fmt: skip
_STATUS_LEAD: Final = 4160
_DOMINANT_BEAT: Final = 9
_HERTZ, _SECONDS = 0, 1
_VOLT: Final = 0
#: mV in a volt, as a power of ten.
_MV_POWER: Final = 3
_DEFINED: Final = frozenset(
    (
        tags.BLOCK,
        tags.SEQUENCES,
        tags.KIND,
        tags.LEAD,
        tags.TYPE,
        tags.INTERVAL,
        tags.SENSITIVITY,
        tags.OFFSET,
        tags.NULL,
    )
)


@dataclass(slots=True, kw_only=True)
class _Frame:
    """One stretch of samples: what was defined of each channel, its digits (sequences, block), the order of bytes."""

    defined: list[dict[int, bytes]]
    digits: list[NDArray[Any]]
    order: str


class _Digits:
    """The samples of a channel in all its frames, fetched from the file as they are asked for."""

    def __init__(self, frames: list[NDArray[Any]], null: Any) -> None:
        self._frames, self._null = frames, null
        self._ends = np.cumsum([frame.size for frame in frames])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, where: slice) -> NDArray[np.float64]:
        start, stop, _ = where.indices(len(self))
        out = np.empty(max(0, stop - start))
        for digits, end in zip(self._frames, self._ends.tolist(), strict=True):
            begin = end - digits.size
            first, last = max(start, begin), min(stop, end)
            if first < last:
                block = digits.shape[1]
                top, bottom = (first - begin) // block, -(-(last - begin) // block)
                skipped = first - begin - top * block
                piece = digits[top:bottom].reshape(-1)[skipped : skipped + last - first]
                out[first - start : last - start] = piece
                if self._null is not None:
                    out[first - start : last - start][piece == self._null] = np.nan
        return out


@dataclass(slots=True, kw_only=True)
class _File:
    """What has been read so far."""

    raw: bytes | mmap.mmap
    path: Path
    order: str = "big"
    codec: str | None = None
    n_channels: int = 1
    all: dict[int, bytes] = field(default_factory=dict)
    own: dict[int, dict[int, bytes]] = field(default_factory=dict)
    frames: list[_Frame] = field(default_factory=list)
    facts: dict[int, list[bytes]] = field(default_factory=dict)

    def number(self, raw: bytes, *, signed: bool = False) -> int:
        return int.from_bytes(raw[:8], "little" if self.order == "little" else "big", signed=signed)

    def text(self, raw: bytes) -> str:
        for name in (self.codec, "utf-8", "shift_jis"):
            if name is not None:
                try:
                    return " ".join(raw.decode(name).replace("\0", " ").split())
                except UnicodeDecodeError:
                    continue
        return " ".join(raw.decode("latin-1").replace("\0", " ").split())

    def every(self, tag: int) -> list[bytes]:
        return self.facts.get(tag, [])

    def last(self, tag: int) -> bytes:
        return (self.facts.get(tag) or [b""])[-1]


def open_file(path: Path, options: Options) -> Opened:
    """Open an MFER file; its first stretch that is no average beat is the recording."""
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise UnsupportedFormatError(
            f"{size} bytes of MFER, where {_MAX_BYTES} are read; export EDF or WFDB", path=path
        )
    with path.open("rb") as handle:
        file = _File(raw=mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ), path=path)
    for item in read_items(file.raw, path):
        _take(file, item, None)
    rhythm = [frame for frame in file.frames if _kind(file, frame) != _DOMINANT_BEAT]
    if not rhythm:
        raise UnsupportedFormatError("holds no rhythm, only other waveforms or none; export again", path=path)
    frames = [frame for frame in rhythm if _layout(frame) == _layout(rhythm[0])]
    channels, rates, left_out = _channels(file, frames, options)
    if not channels:
        raise no_ecg(list(left_out), path=path)
    asked = None if options.leads is None else {standard_name(name) for name in options.leads}
    wanted = [i for i, c in enumerate(channels) if asked is None or standard_name(c.name) in asked] or [0]
    fs = common_rate([channels[i].name for i in wanted], [rates[i] for i in wanted], path=path)
    beats = [frame for frame in file.frames if _kind(file, frame) == _DOMINANT_BEAT][:1]
    check_total(sum(digits.size for frame in beats for digits in frame.digits), path=path)
    beat, beat_rates, _ = _channels(file, beats, options) if beats else ([], [], {})
    beat = [replace(channel, samples=channel.samples[:]) for channel in beat]
    birth, age = _age(file)
    return gathered(
        channels,
        fs=fs,
        path=path,
        options=options,
        format="mfer",
        start=_time(file),
        patient=Patient(
            id=file.text(file.last(tags.ID)).split("^")[0].strip() or None,
            name=_name(file.text(file.last(tags.NAME))),
            birth_date=birth,
            age_years=age,
            sex={1: "M", 2: "F"}.get(file.last(tags.SEX)[:1][0] if file.last(tags.SEX) else 0),
        ),
        device=" ".join(file.text(file.last(tags.MAKER)).split("^")[:2]),
        filters=_filters(file),
        beat=beat_of(beat, fs=beat_rates[0], marks_ms={}) if beat and len(set(beat_rates)) == 1 else None,
        annotations=_events(file),
        details={
            "version": ".".join(map(str, file.last(tags.VERSION)[:3])),
            "comments": [text for raw in file.every(tags.NOTE) if (text := file.text(raw))],
            "channels_left_out": left_out,
            "other_groups": [
                f"{len(frame.digits)} channels of {max(digits.size for digits in frame.digits)} samples"
                for frame in rhythm
                if _layout(frame) != _layout(rhythm[0])
            ],
        },
    )


def _take(file: _File, item: Item, channel: int | None) -> None:
    """Take one definition, of all channels or of one."""
    content = file.raw[item.start : min(item.stop, item.start + _MAX_TEXT_BYTES)] if item.tag != tags.WAVEFORM else b""
    if item.tag in (tags.CHANNEL, tags.GROUP):
        if channel is not None and item.tag == tags.CHANNEL:
            raise CorruptFormatError("a channel within a channel; export again", path=file.path, offset=item.start)
        inside = channel if item.tag == tags.GROUP else item.channel
        try:
            for one in items(file.raw, item.start, item.stop):
                _take(file, one, inside)
        except BrokenError as exc:
            raise CorruptFormatError(f"{exc}; copy or export it again", path=file.path, offset=exc.at) from exc
    elif item.tag in _DEFINED:
        where = file.all if channel is None else file.own.setdefault(channel, {})
        if content:
            where[item.tag] = content
        else:  # nothing means: as before it was ever defined
            where.pop(item.tag, None)
    elif item.tag == tags.WAVEFORM:
        file.frames.append(_frame(file, item.start, item.stop))
    elif item.tag == tags.ORDER:
        file.order = "little" if content[:1] == b"\x01" else "big"
    elif item.tag == tags.LETTERS:
        file.codec = codec_of(content.decode("ascii", errors="replace"))
    elif item.tag == tags.CHANNELS and channel is None:
        file.n_channels, file.own = file.number(content[:4]) if content else 1, {}
    elif item.tag == tags.COMPRESSION and content and file.number(content[:2]):
        raise UnsupportedFormatError("compressed samples, which are not read; export them plain", path=file.path)
    else:
        file.facts.setdefault(item.tag, []).append(content)


def _frame(file: _File, start: int, stop: int) -> _Frame:
    n, n_bytes = file.n_channels, stop - start
    if not 1 <= n <= _MAX_CHANNELS:
        raise CorruptFormatError(f"{n} channels; export again", path=file.path)
    # The name of a lead that all channels would share is that of the first.
    shared = {tag: content for tag, content in file.all.items() if tag != tags.LEAD}
    defined = [(file.all if i == 0 else shared) | file.own.get(i, {}) for i in range(n)]
    kinds: list[np.dtype[Any]] = []
    for one in defined:
        kind = one.get(tags.TYPE, b"\0")[0]
        if kind not in _TYPES:
            raise UnsupportedFormatError(
                f"samples of kind {kind}, which are not read; export them plain", path=file.path
            )
        kinds.append(np.dtype(("<" if file.order == "little" else ">") + _TYPES[kind]))
    blocks = [file.number(one.get(tags.BLOCK, b"\1")[:4]) if tags.BLOCK in one else 1 for one in defined]
    sequence = sum(block * kind.itemsize for block, kind in zip(blocks, kinds, strict=True))
    counts = {file.number(one[tags.SEQUENCES][:4]) for one in defined if tags.SEQUENCES in one}
    if len(counts) > 1:
        raise UnsupportedFormatError("channels of different numbers of sequences; export again", path=file.path)
    count = counts.pop() if counts else (n_bytes // sequence if sequence else 0)
    if min(blocks) < 1 or count < 1 or count * sequence > n_bytes or (not counts and n_bytes % max(sequence, 1)):
        raise CorruptFormatError(
            f"{n_bytes} bytes of samples, where {count} sequences of {sequence} are announced; copy or export again",
            path=file.path,
            offset=start,
        )
    digits: list[NDArray[Any]] = []
    at = start
    for block, dtype in zip(blocks, kinds, strict=True):
        strides = (sequence, dtype.itemsize)
        digits.append(np.ndarray((count, block), dtype, buffer=file.raw, offset=at, strides=strides))
        at += block * dtype.itemsize
    return _Frame(defined=defined, digits=digits, order=file.order)


def _layout(frame: _Frame) -> list[dict[int, bytes]]:
    free = (tags.SEQUENCES, tags.BLOCK)
    return [{tag: content for tag, content in one.items() if tag not in free} for one in frame.defined]


def _kind(file: _File, frame: _Frame) -> int:
    return file.number(frame.defined[0].get(tags.KIND, b"")[:2])


def _channels(
    file: _File, frames: Sequence[_Frame], options: Options
) -> tuple[list[Channel], list[float], dict[str, str]]:
    """Return the leads of frames of one layout, their rates in Hz, and why each other channel is left out."""
    out, rates, left_out = [], [], {}
    for i, one in enumerate(frames[0].defined):
        said = one.get(tags.LEAD, b"")
        number = said[0] if len(said) == 1 else file.number(said[:2])
        name = _LEADS.get(number) or file.text(said[2:]) or f"ECG{i + 1}"
        unit, step_mv = _scaled(file, one.get(tags.SENSITIVITY, b""), _MV_POWER)
        if one.get(tags.TYPE, b"\0")[0] == _STATUS or number == _STATUS_LEAD:
            left_out[name] = "a status"
        elif unit != _VOLT or is_other_signal(name):
            left_out[name] = "no ECG by its name" if unit == _VOLT else "no voltage"
        else:
            own = frames[0].digits[i].dtype
            null = _value(one.get(tags.NULL, b""), own)
            samples = _Digits([frame.digits[i] for frame in frames], null)
            zero = float(_value(one.get(tags.OFFSET, b""), own) or 0)
            out.append(Channel(name=name, samples=samples, step_mv=step_mv, zero_mv=zero * step_mv))
            rates.append(_rate(file, one.get(tags.INTERVAL, b""), options))
    return out, rates, left_out


def _scaled(file: _File, raw: bytes, shift: int = 0) -> tuple[int | None, float]:
    """Return unit and size, times ten to the `shift`, of unit, power of ten and number; NaN where nothing is said."""
    if len(raw) < 3:
        return (_VOLT if not raw else None), np.nan
    power, number = int.from_bytes(raw[1:2], "big", signed=True) + shift, file.number(raw[2:6], signed=True)
    # 25 / 10**4 is the nearest number to 0.0025, 25 * 10**-4 is not.
    return raw[0], number * 10.0**power if power >= 0 else number / 10.0**-power


def _rate(file: _File, raw: bytes, options: Options) -> float:
    unit, value = _scaled(file, raw)
    if not raw:
        if options.fs is None:
            raise InputError("fs: this file does not say its sampling rate; give fs=… (--fs)", argument="fs")
        return float(options.fs)
    if unit not in (_HERTZ, _SECONDS) or not value > 0:
        raise CorruptFormatError("a sampling interval that is none; export again", path=file.path)
    # 1 / 0.002 is not 500: ten to a power is rounded once.
    return float(value if unit == _HERTZ else round(1 / value, 9))


def _value(raw: bytes, kind: np.dtype[Any]) -> Any:
    return np.frombuffer(raw[: kind.itemsize], dtype=kind)[0] if len(raw) >= kind.itemsize else None


def _name(said: str) -> str | None:
    """Return family, given and middle name; what stands between them is how they sound."""
    return name_of(*(part.strip() for part in said.split("^")[::2]))


def _age(file: _File) -> tuple[date | None, float | None]:
    raw = file.last(tags.AGE)
    birth = date_of(file.number(raw[3:5]), raw[5], raw[6]) if len(raw) >= 7 else None
    years = float(raw[0]) if raw and 0 < raw[0] <= 130 else None
    return birth, years


def _time(file: _File) -> datetime | None:
    raw = file.last(tags.TIME)
    if len(raw) < 7:
        return None
    milli, micro = file.number(raw[7:9]), file.number(raw[9:11])
    try:
        return datetime(file.number(raw[:2]), raw[2], raw[3], raw[4], raw[5], raw[6], milli * 1000 + micro)
    except ValueError:
        return None


def _filters(file: _File) -> Filters | None:
    found: dict[str, float] = {}
    for raw in file.every(tags.FILTER):
        kind, _, rest = file.text(raw).partition("=")
        try:
            found[kind.strip().upper()] = float(rest.split("^")[0].lower().removesuffix("hz"))
        except ValueError:
            continue
    named = {key: found.get(kind) for key, kind in (("highpass_hz", "HPF"), ("lowpass_hz", "LPF"), ("notch_hz", "BEF"))}
    return Filters(**named) if any(named.values()) else None


def _events(file: _File) -> list[Annotation]:
    out = []
    for raw in file.every(tags.EVENT):
        if len(raw) >= 6:
            at, length = file.number(raw[2:6], signed=True), max(0, file.number(raw[6:10], signed=True))
            out.append(
                Annotation(sample=at, duration=length, text=file.text(raw[10:]) or f"event {file.number(raw[:2])}")
            )
    return out
