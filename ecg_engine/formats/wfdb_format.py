"""WFDB records (PhysioNet), read piece by piece through the wfdb library.

The library is right about samples: gain, baseline, skew, frames of several samples, segments, the codes that mean
"no sample". It is kept from three things that it does to headers it trusts: it opens whatever file they name, takes
the memory they ask for, and drops all letters outside ASCII. So the header is looked through here first.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.formats import _words
from ecg_engine.formats._common import (
    Opened,
    Options,
    choose_leads,
    common_rate,
    is_other_signal,
    mv_per_unit,
    name_leads,
    no_ecg,
    translated,
)
from ecg_engine.types import Annotation, Patient, Source
from ecg_engine.vocabulary.letters import cyrillic

#: Bits of one sample of each signal format (WFDB Applications Guide, signal(5)); 0 for the compressed ones.
_BITS: Final = {
    "8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 32 / 3, "311": 32 / 3,
    "508": 0, "516": 0, "524": 0,
}  # fmt: skip
#: FLAC needs some bytes for each of its blocks of at most 65,535 samples; more samples a byte than this is a lie.
_MOST_SAMPLES_A_BYTE: Final = 8192
_MOST_SIGNALS: Final = 4096
#: Frames that one signal may lie behind the others: channels of one recorder differ by a few.
_MOST_SKEW: Final = 100_000
#: Gaps of a record of segments may make it this much longer than its samples.
_MOST_GAP: Final = 100
_MAX_HEADER_BYTES: Final = 1 << 22
#: Suffixes beside a header that are no further annotation files.
_NO_ANNOTATIONS: Final = ("hea", "dat", "mat", "atr", "xws", "csv", "edf", "txt", "pdf", "png", "json")
#: A name may not leave the folder of its header.
_SAFE_NAME: Final = re.compile(r"[^/\\:\0]+")
#: First comment of the MIT-BIH databases: age, sex, tape numbers, recorder.
_MIT_COMMENT: Final = re.compile(r"^(-?\d+)\s+([MF?])\s+\d+\s+\d+\s+x\d")


@dataclass(frozen=True, slots=True)
class _Segment:
    """One single-segment header, as its text has it: (file, format, samples a frame, byte offset) by signal."""

    path: Path
    n_frames: int | None
    signals: tuple[tuple[str, str, int, int], ...]


def open_file(path: Path, options: Options) -> Opened:
    """Open a WFDB record by header, signal file or bare name."""
    header = _header_path(path)
    lines, comments = _read_text(header)
    _check_files(header, lines)
    if len(lines[0].split()) < 3 and options.fs is None:
        # The library would take 250 Hz, as the standard says: no ground to measure intervals on.
        raise InputError("fs: the header does not say its sampling rate; give fs=… (command line: --fs)", argument="fs")
    import wfdb  # 0.5 s: it brings pandas

    name = str(header.with_suffix(""))
    with translated(header, "the header", "mend the header or export again"):
        record = wfdb.rdheader(name, rd_segments=True)
        channels = _channels(record, header)
        channels_left_out = {c.label: c.left_out for c in channels if c.left_out}
        ecg = [c for c in channels if not c.left_out]
        if not ecg:
            raise no_ecg([c.label for c in channels], path=header)
        names = name_leads([c.label for c in ecg])
        kept = choose_leads(names, options.leads, path=header)
        leads = tuple(names[i] for i in kept)
        ecg = [ecg[i] for i in kept]
        frame_rate = float((record.fs or 0) if len(lines[0].split()) >= 3 else options.fs or 0)
        fs = common_rate(leads, [frame_rate * c.per_frame for c in ecg], path=header)
        per_frame = ecg[0].per_frame
        n_samples = _n_frames(record, header) * per_frame
        words, patient, rest = _patient(comments)
        start, details = _start(record)
    if channels_left_out:
        details["channels_left_out"] = channels_left_out
    if rest:
        details["comments"] = rest
    others = _other_annotation_files(header)
    if others:
        details["annotation_files"] = others
    parts = _parts(record, header, ecg)

    def fetch(start: int, stop: int) -> NDArray[np.float64]:
        first, last = start // per_frame, -(-stop // per_frame)
        piece = _frames(wfdb, parts, first, last, len(leads), per_frame)
        return piece[:, start - first * per_frame : stop - first * per_frame]

    return Opened(
        fs=fs,
        leads=leads,
        n_samples=n_samples,
        fetch=fetch,
        start=_words.zoned(start, words),
        patient=patient,
        source=Source(
            path=str(path),
            format="wfdb",
            device=words.get("device"),
            filters=_words.filters_of(words),
            measurements=_words.measurements_of(words),
            statements=_words.statements_of(words),
            lsb_mv=tuple(c.mv / abs(c.gain) for c in ecg),
            details=details,
        ),
        annotations=_annotations(wfdb, header, n_samples, per_frame),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of frames in one record: which of its channels is which lead, and mV in one of its units."""

    name: str
    first: int
    n_frames: int
    channels: tuple[int, ...]
    rows: tuple[int, ...]
    mv: tuple[float, ...]
    is_open_ended: bool = False
    #: Its samples are differences: the library would begin each piece at the header's first value.
    is_summed: bool = False


def _parts(record: Any, header: Path, ecg: list[_Channel]) -> list[_Part]:
    """Return where the samples of the leads are; what no part holds is a gap."""
    if not hasattr(record, "seg_name"):
        every = tuple(range(len(ecg)))
        name = str(header.with_suffix(""))
        channels, mv = tuple(c.index for c in ecg), tuple(c.mv for c in ecg)
        part = _Part(
            name,
            0,
            1 << 62,
            channels,
            every,
            mv,
            is_open_ended=record.sig_len is None,
            is_summed="8" in (record.fmt or ()),
        )
        return [part]
    parts, first = [], 0
    for name, n_frames, segment in zip(record.seg_name, record.seg_len, record.segments, strict=True):
        if name != "~" and n_frames and segment is not None:
            labels = [(label or "").strip() for label in segment.sig_name or ()]
            # A fixed layout has the same channels everywhere; a variable one finds them by name.
            where = [c.index if record.layout == "fixed" else _index(labels, c.label) for c in ecg]
            rows = tuple(i for i, channel in enumerate(where) if channel is not None and channel < len(labels))
            channels = tuple(channel for channel in where if channel is not None and channel < len(labels))
            mv = tuple(mv_per_unit(segment.units[channel] or "mV") or np.nan for channel in channels)
            summed = "8" in (segment.fmt or ())
            at = str(header.with_name(name))
            parts.append(_Part(at, first, int(n_frames), channels, rows, mv, is_summed=summed))
        first += int(n_frames)
    return parts


def _index(labels: list[str], label: str) -> int | None:
    return labels.index(label) if label in labels else None


def _frames(wfdb: Any, parts: list[_Part], first: int, last: int, n_leads: int, per_frame: int) -> NDArray[np.float64]:
    """Return (n_leads, samples) in mV of the frames from `first` up to, not including, `last`."""
    out = np.full((n_leads, (last - first) * per_frame), np.nan)
    for part in parts:
        low, high = max(first, part.first), min(last, part.first + part.n_frames)
        if low >= high or not part.channels:
            continue
        # Where the header gives no length the library only reads the whole, from which the piece is cut; differences
        # add up from the first one on.
        from_start = part.is_open_ended or part.is_summed
        span = (
            0 if from_start else low - part.first,
            None if part.is_open_ended else high - part.first,
        )
        # Unsmoothed: the library would otherwise give the mean of a frame's samples.
        record = wfdb.rdrecord(
            part.name,
            sampfrom=span[0],
            sampto=span[1],
            channels=list(part.channels),
            smooth_frames=False,
            warn_empty=False,
        )
        piece = slice((low - part.first - span[0]) * per_frame, (high - part.first - span[0]) * per_frame)
        at = slice((low - first) * per_frame, (high - first) * per_frame)
        for row, mv, signal in zip(part.rows, part.mv, record.e_p_signal, strict=True):
            out[row, at] = signal[piece]
            if mv != 1.0:
                out[row, at] *= mv
    return out


def _header_path(path: Path) -> Path:
    """Return the header of a record given by header, signal file or bare name."""
    if path.suffix.lower() != ".hea":
        for candidate in (path.with_name(path.name + ".hea"), path.with_suffix(".hea")):
            if candidate.is_file():
                return candidate
        if not path.is_file() or path.suffix.lower() in (".dat", ".mat"):
            raise FormatError(f"no header {path.stem}.hea beside it; copy both files", path=path)
        raise UnsupportedFormatError("a WFDB header must end in .hea; give the file its name back", path=path)
    return path


def _read_text(header: Path) -> tuple[list[str], list[str]]:
    """Return a header's lines and its comments."""
    if header.stat().st_size > _MAX_HEADER_BYTES:
        raise CorruptFormatError("the header is longer than any header; export again", path=header)
    raw = header.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = cyrillic(raw)
    every = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in every if line[0] != "#"], [line[1:].strip() for line in every if line[0] == "#"]


def _check_files(header: Path, lines: list[str], depth: int = 0) -> int | None:
    """Refuse a header whose files lie elsewhere, are absent, or are shorter than it says; return its frames."""
    if not lines:
        raise CorruptFormatError("no record line in the header; export again", path=header)
    record = lines[0].split()
    segments = record[0].partition("/")[2]
    if segments and depth:
        raise CorruptFormatError("segments of segments; export again", path=header)
    if segments:
        return _check_segments(header, [line.split() for line in lines[1:]], segments)
    if len(record) < 2 or _whole(record[1]) != len(lines) - 1:
        raise CorruptFormatError(
            f"{len(lines) - 1} signal lines where the header says otherwise; export again", path=header
        )
    if len(lines) > _MOST_SIGNALS:
        raise CorruptFormatError(f"{len(lines) - 1} signals, more than any recorder has; export again", path=header)
    n_frames = _whole(record[3]) if len(record) > 3 else None
    if len(record) > 3 and n_frames is None:
        raise CorruptFormatError("the number of samples in the record line is none; mend the header", path=header)
    signals = tuple(_signal_line(header, line, n_frames) for line in lines[1:])
    _check_sizes(_Segment(header, n_frames, signals))
    return n_frames


def _check_segments(header: Path, rows: list[list[str]], count: str) -> int:
    if not rows or len(rows) != _whole(count):
        raise CorruptFormatError(f"{len(rows)} segments where the header says {count}; export again", path=header)
    frames = [(_whole(row[1]) if len(row) > 1 else None) for row in rows]
    own: dict[str, int] = {}
    for row, length in zip(rows, frames, strict=True):
        name = row[0]
        if length is None:
            raise CorruptFormatError("a segment without a length; export again", path=header)
        if name == "~" or name in own:
            continue
        _safe(header, name)
        segment = header.with_name(name + ".hea")
        if not segment.is_file():
            raise FormatError(f"its segment {name}.hea is missing; copy it too", path=header)
        has = _check_files(segment, _read_text(segment)[0], depth=1)
        own[name] = length if has is None else has
        if length > own[name]:
            raise CorruptFormatError(f"segment {name} has {own[name]} samples, not {length}; export again", path=header)
    total = sum(length or 0 for length in frames)
    if total > _MOST_GAP * max(1, sum(own.values())):
        raise UnsupportedFormatError(
            "gaps far longer than the samples; read its segments one by one instead", path=header
        )
    return total


def _signal_line(header: Path, line: str, n_frames: int | None) -> tuple[str, str, int, int]:
    parts = line.split()
    found = re.fullmatch(r"(\d+)(?:x(\d{1,5}))?(?::(\d{1,9}))?(?:\+(\d{1,18}))?", parts[1]) if len(parts) > 1 else None
    if found is None or (found[1] not in _BITS and found[1] != "0"):
        raise CorruptFormatError("a signal line names no known sample format; mend the header", path=header)
    if parts[0] != "~":
        _safe(header, parts[0])
    # The library takes memory for the samples and for the skew.
    if int(found[3] or 0) > (_MOST_SKEW if n_frames is None else min(_MOST_SKEW, n_frames)):
        raise CorruptFormatError("a skew longer than the recording; mend the header", path=header)
    return parts[0], found[1], max(1, int(found[2] or 1)), int(found[4] or 0)


def _check_sizes(segment: _Segment) -> None:
    for name in dict.fromkeys(s[0] for s in segment.signals if s[0] != "~"):
        file = segment.path.with_name(name)
        if not file.is_file():
            raise FormatError(f"its signal file {name} is missing; copy it too", path=segment.path)
        mine = [s for s in segment.signals if s[0] == name]
        bits, a_frame = _BITS.get(mine[0][1], 0), sum(s[2] for s in mine)
        have = file.stat().st_size - (mine[0][3] if bits else 0)
        frames = segment.n_frames
        if frames is None:
            continue
        if bits and have * 8 < int(frames * a_frame * bits):
            raise CorruptFormatError(
                f"{name} holds {max(0, int(have * 8 / (a_frame * bits)))} samples a signal where the header says "
                f"{frames}; copy both files again",
                path=segment.path,
            )
        if not bits and frames * a_frame > max(1, have) * _MOST_SAMPLES_A_BYTE:
            raise CorruptFormatError(f"{name} cannot hold the {frames} samples that the header says", path=segment.path)


def _safe(header: Path, name: str) -> None:
    if not _SAFE_NAME.fullmatch(name) or name.startswith(".."):
        raise CorruptFormatError(
            "the header names a file outside its own folder, which is never opened; mend the header", path=header
        )


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Channel:
    index: int
    label: str
    mv: float
    gain: float
    per_frame: int
    left_out: str | None


def _channels(record: Any, header: Path) -> list[_Channel]:
    """Return the channels of a record; those of a record of segments are its layout's, or its first segment's."""
    shape = record
    if hasattr(record, "seg_name"):
        described = [s for s in record.segments or () if s is not None and s.n_sig]
        if not described:
            raise CorruptFormatError("none of its segments has a signal; export again", path=header)
        shape = described[0]
        # A layout has no gain of its own where the writer left it out: the first segment with the signal has.
    count = int(shape.n_sig)
    labels = [(name or "").strip() or f"ECG{i + 1}" for i, name in enumerate(shape.sig_name)]
    units = [unit or "mV" for unit in shape.units]
    out = []
    for i in range(count):
        mv, gain = mv_per_unit(units[i]), float(shape.adc_gain[i] or 200.0)
        why = f"unit {units[i]}" if mv is None else "no ECG by its name" if is_other_signal(labels[i]) else None
        if why is None and not np.isfinite(gain):
            raise CorruptFormatError(f"lead {labels[i]}: no gain; mend the header", path=header, lead=labels[i])
        per_frame = int((shape.samps_per_frame[i] if shape.samps_per_frame else 1) or 1)
        out.append(_Channel(index=i, label=labels[i], mv=mv or 0.0, gain=gain, per_frame=per_frame, left_out=why))
    return out


def _n_frames(record: Any, header: Path) -> int:
    if hasattr(record, "seg_len"):
        return int(sum(record.seg_len))
    if record.sig_len is not None:
        return int(record.sig_len)
    # Without a length in the header the signal file's size says it.
    name, fmt = record.file_name[0], str(record.fmt[0])
    a_frame = sum((n or 1) for f, n in zip(record.file_name, record.samps_per_frame, strict=True) if f == name)
    bits, have = _BITS.get(fmt, 0), header.with_name(name).stat().st_size - (record.byte_offset[0] or 0)
    if not bits:
        raise CorruptFormatError("no length in the header; mend the header", path=header)
    return int(have * 8 / bits) // a_frame


def _patient(comments: list[str]) -> tuple[dict[str, str], Patient, list[str]]:
    """Return what the comments say by key, the patient, and the comments that say something else."""
    words: dict[str, str] = {}
    rest: list[str] = []
    for i, line in enumerate(comments):
        mit = _MIT_COMMENT.match(line) if i == 0 else None
        known = _words.split_line(line)
        if mit:
            words["age"], words["sex"] = mit[1], mit[2]
        elif i == 1 and _MIT_COMMENT.match(comments[0]) and not line.endswith("."):
            # The line behind it lists the drugs.
            words["drugs"] = "" if line.lower() == "none" else ";".join(line.split(","))
        elif known:
            words.setdefault(*known)
        elif line:
            rest.append(line)
    return words, _words.patient_of(words), rest


def _start(record: Any) -> tuple[datetime | None, dict[str, Any]]:
    day, time = record.base_date, record.base_time
    if day is not None and time is not None:
        return datetime.combine(day, time), {}
    if time is not None:
        return None, {"start_time_of_day": time.isoformat()}
    return None, {}


def _other_annotation_files(header: Path) -> list[str]:
    stem = header.stem
    ends = (file.suffix[1:] for file in header.parent.glob(f"{glob.escape(stem)}.*") if file.stem == stem)
    return sorted(end for end in ends if end.lower() not in _NO_ANNOTATIONS and re.fullmatch(r"\w{1,8}", end))


def _annotations(wfdb: Any, header: Path, n_samples: int, per_frame: int) -> tuple[Annotation, ...]:
    """Return the reference annotations (``.atr``) that lie in the recording."""
    file = header.with_suffix(".atr")
    if not file.is_file():
        return ()
    with translated(file, "the annotations", "copy the file again or take it away"):
        marks = wfdb.rdann(str(header.with_suffix("")), "atr")
    texts = marks.aux_note or [""] * len(marks.sample)
    return tuple(
        Annotation(sample=int(sample) * per_frame, symbol=symbol, text=_utf8(text.rstrip("\0")))
        for sample, symbol, text in zip(marks.sample, marks.symbol, texts, strict=True)
        if 0 <= sample * per_frame < n_samples
    )


def _utf8(text: str) -> str:
    # The library maps each byte to one character.
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
