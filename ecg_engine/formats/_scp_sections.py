"""The frame of an SCP-ECG file: sections found by their pointers, checked, and the numbers that frame the samples."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import _scp_huffman as huffman
from ecg_engine.formats._scp_codes import DEFAULT_TABLES, LEADS, POINTER, RECORD_HEAD, SECTION_HEAD, checksum

__all__ = ["Beat", "Lead", "Samples", "beats_of", "leads_of", "read_sections", "samples_of", "tables_of", "zones_of"]

#: Longest file that is taken into memory: the format is for resting ECGs of seconds to minutes.
_MOST_BYTES: Final = 256 * 1024 * 1024
_MOST_SAMPLES: Final = 100_000_000
_AGAIN: Final = "copy or export the file again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A lead: its name, first and last sample, counted from 1."""

    name: str
    first: int
    last: int

    @property
    def n_samples(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Where a reference beat was subtracted: kind, first sample, R, last sample, counted from 1."""

    kind: int
    first: int
    fiducial: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Samples of sections 5 or 6: a row each lead, nV of one step, µs between two, whether some are filled in."""

    rows: Sequence[NDArray[np.int64] | NDArray[np.float64]]
    step_nv: int
    interval_us: int
    is_thinned: bool = False


def read_sections(path: Path) -> dict[int, bytes]:
    """Return the data of each section that is there, checked.

    Raises
    ------
    CorruptFormatError
        A checksum or a length is wrong; the message says where.
    UnsupportedFormatError
        The bytes are in an order that the standard has not, or the file is too long.
    """
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise UnsupportedFormatError(f"{size} bytes, more than the {_MOST_BYTES} of any SCP-ECG file", path=path)
    data = path.read_bytes()
    if len(data) < RECORD_HEAD + SECTION_HEAD:
        raise CorruptFormatError(f"SCP-ECG of {len(data)} bytes: it ends within its head; {_AGAIN}", path=path)
    crc, length = struct.unpack_from("<HI", data)
    if length != len(data):
        if length > _MOST_BYTES:
            raise UnsupportedFormatError(
                f"SCP-ECG that says {length} bytes of itself: its numbers are not in the order of the standard "
                "(EN 1064: low byte first), as some devices write them; export HL7 aECG, DICOM or EDF",
                path=path,
            )
        what = "cut off" if length > len(data) else "longer than it says"
        raise CorruptFormatError(f"SCP-ECG {what}: {len(data)} bytes of {length}; {_AGAIN}", path=path, offset=2)
    if checksum(data[2:]) != crc:
        raise CorruptFormatError(f"SCP-ECG whose checksum is wrong: bytes were changed; {_AGAIN}", path=path, offset=0)
    head = _section(data, 0, RECORD_HEAD, None, path)
    if not head or len(head) % POINTER:
        raise CorruptFormatError(f"SCP-ECG: the pointers end within one; {_AGAIN}", path=path, offset=RECORD_HEAD)
    sections: dict[int, bytes] = {}
    for number, size, index in struct.iter_unpack("<HII", head):
        if number and size and number not in sections:
            sections[number] = _section(data, number, index - 1, size, path)
    return sections


def _section(data: bytes, number: int, at: int, size: int | None, path: Path) -> bytes:
    """Return a section's data; `size` is what its pointer says."""
    if at < RECORD_HEAD or at + SECTION_HEAD > len(data):
        raise CorruptFormatError(f"SCP-ECG section {number} lies outside the file; {_AGAIN}", path=path)
    crc, its_number, its_size = struct.unpack_from("<HHI", data, at)
    if its_number != number or (size is not None and its_size != size):
        raise CorruptFormatError(
            f"SCP-ECG section {number}: pointer and section disagree; {_AGAIN}", path=path, offset=at
        )
    if its_size < SECTION_HEAD or at + its_size > len(data):
        raise CorruptFormatError(
            f"SCP-ECG section {number}: {its_size} bytes do not fit; {_AGAIN}", path=path, offset=at
        )
    if checksum(data[at + 2 : at + its_size]) != crc:
        raise CorruptFormatError(
            f"SCP-ECG section {number}: its checksum is wrong, bytes were changed; {_AGAIN}", path=path, offset=at
        )
    return data[at + SECTION_HEAD : at + its_size]


def tables_of(section: bytes | None, path: Path) -> list[huffman.HuffmanTable] | None:
    """Return the Huffman tables of section 2; None where samples are stored as they are."""
    if section is None:
        return None
    try:
        (count,) = struct.unpack_from("<H", section)
        if count == DEFAULT_TABLES:
            return [huffman.DEFAULT]
        at, tables = 2, []
        for _ in range(count):
            (n_codes,) = struct.unpack_from("<H", section, at)
            codes = [struct.unpack_from("<BBBhI", section, at + 2 + 9 * i) for i in range(n_codes)]
            tables.append(huffman.make_table(codes))
            at += 2 + 9 * n_codes
    except (struct.error, huffman.HuffmanError) as exc:
        why = exc if isinstance(exc, huffman.HuffmanError) else "it ends too soon"
        raise CorruptFormatError(f"SCP-ECG section 2 (Huffman tables): {why}; {_AGAIN}", path=path) from exc
    return tables or None


def leads_of(section: bytes, path: Path) -> tuple[list[Lead], bool]:
    """Return the leads of section 3, and whether a reference beat was subtracted."""
    if len(section) < 2 or len(section) < 2 + 9 * section[0] or not section[0]:
        raise CorruptFormatError(f"SCP-ECG section 3 (leads) ends too soon; {_AGAIN}", path=path)
    leads = []
    for i in range(section[0]):
        first, last, number = struct.unpack_from("<IIB", section, 2 + 9 * i)
        name = LEADS.get(number, f"lead {number}")
        if not 1 <= first <= last <= _MOST_SAMPLES:
            raise CorruptFormatError(
                f"SCP-ECG section 3: lead {name} from sample {first} to {last}; {_AGAIN}", path=path, lead=name
            )
        leads.append(Lead(name=name, first=first, last=last))
    return leads, bool(section[1] & 1)


def beats_of(section: bytes, path: Path) -> tuple[int, list[Beat]]:
    """Return the fiducial sample of the reference beat, counted from 1, and the beats of section 4."""
    try:
        _, fiducial, count = struct.unpack_from("<HHH", section)
        beats = [struct.unpack_from("<HIII", section, 6 + 14 * i) for i in range(count)]
    except struct.error as exc:
        raise CorruptFormatError(f"SCP-ECG section 4 (beats) ends too soon; {_AGAIN}", path=path) from exc
    return fiducial, [Beat(kind=k, first=a, fiducial=f, last=z) for k, a, f, z in beats]


def zones_of(section: bytes, beats: list[Beat]) -> list[tuple[int, int]]:
    """Return first and last sample of the protected zone of each beat in section 4, counted from 1.

    Files of the standard's first edition have none: there a beat is protected as far as the reference was subtracted.
    """
    at = 6 + 14 * len(beats)
    if len(section) < at + 8 * len(beats):
        return [(beat.first, beat.last) for beat in beats]
    return [struct.unpack_from("<II", section, at + 8 * i) for i in range(len(beats))]


def samples_of(
    section: bytes,
    number: int,
    counts: list[int],
    tables: list[huffman.HuffmanTable] | None,
    path: Path,
    *,
    is_all: bool = False,
) -> Samples:
    """Return the samples of section 5 or 6.

    Parameters
    ----------
    section : bytes
    number : int
        5 or 6, for messages.
    counts : list of int
        Samples of each lead.
    tables : list of HuffmanTable, optional
    path : Path
    is_all : bool
        That a lead may hold no more than its samples.
    """
    head = 6 + 2 * len(counts)
    if len(section) < head:
        raise CorruptFormatError(f"SCP-ECG section {number} ends within its head; {_AGAIN}", path=path)
    step, interval, differences = struct.unpack_from("<HHB", section)
    if not step or not interval or differences > 2:
        raise CorruptFormatError(
            f"SCP-ECG section {number}: step of {step} nV, {interval} µs, differences {differences}; {_AGAIN}",
            path=path,
        )
    lengths = struct.unpack_from(f"<{len(counts)}H", section, 6)
    if head + sum(lengths) > len(section):
        raise CorruptFormatError(f"SCP-ECG section {number} ends within the samples; {_AGAIN}", path=path)
    rows, at = [], head
    for i, (n, length) in enumerate(zip(counts, lengths, strict=True)):
        part = section[at : at + length]
        at += length
        try:
            rows.append(_undo(_stored(part, n, tables, is_all), differences))
        except huffman.HuffmanError as exc:
            raise CorruptFormatError(
                f"SCP-ECG section {number}, lead {i + 1} of {len(counts)}: {exc}; {_AGAIN}", path=path
            ) from exc
    return Samples(rows=rows, step_nv=step, interval_us=interval)


def _stored(part: bytes, n: int, tables: list[huffman.HuffmanTable] | None, is_all: bool) -> NDArray[np.int64]:
    if tables is not None:
        # No code is shorter than a bit: what cannot be there is not asked for.
        if n > 8 * len(part):
            raise huffman.HuffmanError(f"{len(part)} bytes for {n} samples")
        return huffman.decode(part, tables, n, is_all=is_all)
    if 2 * n > len(part) or (is_all and 2 * n < len(part)):
        raise huffman.HuffmanError(f"{len(part)} bytes for {n} samples")
    return np.frombuffer(part, "<i2", n).astype(np.int64)


def _undo(values: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    """Return samples of their first or second differences; the first samples stand as they are."""
    if order == 0:
        return values
    if order == 1 or len(values) < 2:
        return np.cumsum(values)
    first = values.copy()
    first[1] = values[1] - values[0]
    first[1:] = np.cumsum(first[1:])
    return np.cumsum(first)
