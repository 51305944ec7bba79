"""MFER as tags, lengths and contents: what stands in a file, before anything is made of it.

After the Medical waveform Format Encoding Rules (ISO 22077-1, formerly ISO/TS 11073-92001). A tag of one byte, a length
as in BER, the content; definitions hold until they are given again, those inside a channel's attributes for it alone.
"""

from __future__ import annotations

import codecs
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from ecg_engine.errors import CorruptFormatError

ZERO, ORDER, VERSION, LETTERS, BLOCK, CHANNELS, SEQUENCES, POINTER = range(8)
KIND, LEAD, TYPE, INTERVAL, SENSITIVITY, OFFSET, COMPRESSION = range(8, 15)
INTERPOLATION, FILTER, NULL, INFORMATION, NOTE, MAKER, WAVEFORM = 0x0F, 0x11, 0x12, 0x15, 0x16, 0x17, 0x1E
CHANNEL, PREAMBLE, EVENT, VALUE, SKEW, GROUP, END = 0x3F, 0x40, 0x41, 0x42, 0x43, 0x67, 0x80
NAME, ID, AGE, SEX, TIME, MESSAGE, UID = range(0x81, 0x88)
#: All of them, with those that no reader of an ECG needs.
KNOWN: Final = frozenset((*range(16), 0x11, 0x12, 0x15, 0x16, 0x17, 0x1E, *range(0x3F, 0x47), 0x67, *range(0x80, 0x89)))
_LONG, _INDEFINITE = 0x80, None
_MOST_LENGTH_BYTES: Final = 4
#: Channels and groups may stand in each other.
_MOST_DEPTH: Final = 8
_MOST_ITEMS: Final = 200_000


class Item(NamedTuple):
    """One definition: its tag, the channel that it speaks of (of a channel's attributes), and its content."""

    tag: int
    channel: int | None
    start: int
    stop: int


class BrokenError(ValueError):
    """Tags and lengths that do not fit each other; says where."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


def items(raw: bytes | mmap.mmap, start: int = 0, stop: int | None = None, depth: int = 0) -> Iterator[Item]:
    """Yield the definitions between two places, in order, until the end is said.

    Raises
    ------
    BrokenError
        A length reaches beyond what is there.
    """
    at, stop = start, len(raw) if stop is None else stop
    for _ in range(_MOST_ITEMS):
        while at < stop and raw[at] == ZERO:
            at += 1
        if at >= stop:
            return
        tag, channel, behind = _tag(raw, at, stop)
        if tag == END:
            return
        length, first = _length(raw, behind, stop)
        if length is _INDEFINITE:
            end, following = _indefinite(raw, first, stop, depth)
        else:
            end = following = first + length
        if end > stop:
            raise BrokenError(f"tag {tag:#04x} announces {end - first} bytes where {stop - first} are left", at)
        yield Item(tag, channel, first, end)
        at = following
    raise BrokenError("more definitions than any ECG has", at)


def read_items(raw: bytes | mmap.mmap, path: Path) -> list[Item]:
    """Return the definitions of a file.

    Raises
    ------
    CorruptFormatError
        They do not fit the file.
    """
    try:
        return list(items(raw))
    except BrokenError as exc:
        raise CorruptFormatError(f"{exc}; copy or export it again", path=path, offset=exc.at) from exc


def looks_like_mfer(head: bytes) -> bool:
    """Tell whether a file's first bytes are MFER: its preamble, or an order of bytes and then known tags that fit."""
    if head[:1] == b"\x40" and head[2:6] == b"MFR ":
        return True
    if head[:3] not in (b"\x01\x01\x00", b"\x01\x01\x01"):
        return False
    tags = set()
    try:
        for item in items(head):
            if item.tag not in KNOWN:
                return False
            tags.add(item.tag)
    except BrokenError:
        pass  # the head ends somewhere
    return len(tags & {BLOCK, CHANNELS, SEQUENCES, TYPE, INTERVAL, SENSITIVITY, CHANNEL}) >= 2


def codec_of(said: str) -> str | None:
    """Return Python's name of a character set, None where it knows none.

    Examples
    --------
    >>> codec_of("JIS X 0201"), codec_of("UTF-8"), codec_of("ISO 8859-5"), codec_of("?")
    ('shift_jis', 'utf-8', 'iso8859-5', None)
    """
    name = said.strip(" \0").lower()
    if name.startswith("jis x 0201"):
        return "shift_jis"
    if name.startswith(("jis", "rfc 1468", "iso 2022")):
        return "iso2022_jp"
    try:
        return codecs.lookup(name.replace("iso 8859", "iso8859")).name
    except (LookupError, ValueError):
        return None


def _tag(raw: bytes | mmap.mmap, at: int, stop: int) -> tuple[int, int | None, int]:
    tag, at = raw[at], at + 1
    if tag != CHANNEL:
        return tag, None, at
    channel = 0
    for _ in range(_MOST_LENGTH_BYTES):
        if at >= stop:
            break
        channel, more, at = channel << 7 | raw[at] & 0x7F, raw[at] & 0x80, at + 1
        if not more:
            return tag, channel, at
    raise BrokenError("a channel's number has no end", at)


def _length(raw: bytes | mmap.mmap, at: int, stop: int) -> tuple[Any, int]:
    if at >= stop:
        raise BrokenError("ends in the middle of a definition", at)
    first = raw[at]
    if first < _LONG:
        return first, at + 1
    if first == _LONG:
        return _INDEFINITE, at + 1
    n = first & 0x7F
    if n > _MOST_LENGTH_BYTES or at + 1 + n > stop:
        raise BrokenError("a length that is none", at)
    return int.from_bytes(raw[at + 1 : at + 1 + n], "big"), at + 1 + n


def _indefinite(raw: bytes | mmap.mmap, start: int, stop: int, depth: int) -> tuple[int, int]:
    """Return where a content without length ends (two zeros), and where the next definition is."""
    if depth >= _MOST_DEPTH:
        raise BrokenError("definitions stand too deep in each other", start)
    at = start
    while at + 1 < stop:
        if raw[at] == raw[at + 1] == ZERO:
            return at, at + 2
        _, _, behind = _tag(raw, at, stop)
        length, first = _length(raw, behind, stop)
        at = _indefinite(raw, first, stop, depth + 1)[1] if length is _INDEFINITE else first + length
    raise BrokenError("a definition has no end", start)
