"""EDF, EDF+ and BDF files, read by data record.

The reader is our own, since of the common ones one takes an interrupted file (EDF+D) for one without gaps and a file
that was cut off for a shorter one, and the other refuses both, and files of recorders that were never closed (-1
records) or that write letters outside ASCII.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._common import (
    Opened,
    Options,
    choose_leads,
    common_rate,
    is_other_signal,
    looks_like_ecg,
    mv_per_unit,
    name_leads,
    no_ecg,
)
from ecg_engine.formats.edf_header import EdfHeader, EdfSignal, device_of, filters_of, patient_of, read_header, text_of
from ecg_engine.types import Annotation, Patient, Source

#: EDF+ standard text for the end of a recording inside its last data record.
ENDS: Final = "Recording ends"
#: Gaps of an interrupted file may make it this much longer than its samples.
_MOST_GAP: Final = 100
_TAL: Final = re.compile(rb"([+-]\d{1,12}(?:\.\d*)?)(?:\x15(\d{1,12}(?:\.\d*)?))?\x14(.*)", re.DOTALL)
_SYMBOLS: Final = frozenset("NLRBAaJSVrFejnE/fQ?[!]xpt+~|")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    onset_s: float
    duration_s: float
    text: str


def open_file(path: Path, options: Options) -> Opened:
    """Open an EDF, EDF+ or BDF file."""
    header = read_header(path)
    ecg, channels_left_out = _ecg_channels(header, path)
    names = name_leads([signal.label for signal in ecg])
    kept = choose_leads(names, options.leads, path=path)
    leads, ecg = tuple(names[i] for i in kept), [ecg[i] for i in kept]
    fs = common_rate(leads, [_rate(header, signal) for signal in ecg], path=path)
    for name, signal in zip(leads, ecg, strict=True):
        if not (math.isfinite(signal.step) and signal.step and math.isfinite(signal.zero)):
            raise CorruptFormatError(
                f"lead {name}: no scale in the header; keep others with leads=… (--leads) or export again",
                path=path,
                lead=name,
            )
    onsets, marks = _texts(path, header)
    fetcher = _Fetcher(path, header, ecg, fs, onsets if header.kind == "EDF+D" else None)
    n_samples = _end(marks, fetcher, fs)
    details: dict[str, object] = {}
    patient = patient_of(header.patient_field, plus=header.kind.startswith("EDF+"))
    for key, value in (
        ("channels_left_out", channels_left_out),
        ("patient_field", header.patient_field if patient is None else ""),
        ("recording_field", header.recording_field),
        ("transducer", ecg[0].transducer),
        ("kind", header.kind),
    ):
        if value:
            details[key] = value
    start = header.start
    if start is not None and onsets is not None and len(onsets):
        start += timedelta(seconds=float(onsets[0]))
    return Opened(
        fs=fs,
        leads=leads,
        n_samples=n_samples,
        fetch=fetcher.fetch,
        start=start,
        patient=patient or Patient(),
        source=Source(
            path=str(path),
            format="edf" if header.sample_bytes == 2 else "bdf",
            device=device_of(header.recording_field),
            filters=filters_of([signal.prefiltering for signal in ecg]),
            lsb_mv=tuple(abs(signal.step) * _mv(signal) for signal in ecg),
            details=details,
        ),
        annotations=_annotations(marks, fs, n_samples, float(onsets[0]) if onsets is not None and len(onsets) else 0.0),
    )


def _ecg_channels(header: EdfHeader, path: Path) -> tuple[list[EdfSignal], dict[str, str]]:
    """Return the channels that are an ECG, and why each other one is left out, by its label."""
    ecg, channels_left_out = [], {}
    for signal in header.signals:
        if signal.is_annotations:
            continue
        voltage = mv_per_unit(signal.dimension) is not None
        if not voltage and not (signal.dimension == "" and looks_like_ecg(signal.label)):
            channels_left_out[signal.label] = f"unit {signal.dimension}" if signal.dimension else "no unit"
        elif is_other_signal(signal.label):
            channels_left_out[signal.label] = "no ECG by its name"
        else:
            ecg.append(signal)
    if not ecg:
        raise no_ecg([signal.label for signal in header.signals], path=path)
    return ecg, channels_left_out


def _mv(signal: EdfSignal) -> float:
    # The EDF+ standard texts give an ECG without a dimension no unit: microvolts are its convention.
    return 1e-3 if signal.dimension == "" else mv_per_unit(signal.dimension) or math.nan


def _rate(header: EdfHeader, signal: EdfSignal) -> float:
    return float(signal.n_samples / header.record_s) if header.record_s else 0.0


class _Fetcher:
    """Samples by data record; an interrupted file's records stand at their own times, with NaN between."""

    def __init__(
        self, path: Path, header: EdfHeader, ecg: list[EdfSignal], fs: float, onsets: NDArray[np.float64] | None
    ) -> None:
        self.path, self.header, self.ecg = path, header, ecg
        self.a_record = ecg[0].n_samples
        self.step = np.array([signal.step * _mv(signal) for signal in ecg])[:, np.newaxis]
        self.zero = np.array([signal.zero * _mv(signal) for signal in ecg])[:, np.newaxis]
        self.firsts: NDArray[np.int64] | None = None
        self.n_samples = header.n_records * self.a_record
        if onsets is not None and header.n_records:
            self.firsts, self.n_samples = self._placed(onsets, fs)

    def _placed(self, onsets: NDArray[np.float64], fs: float) -> tuple[NDArray[np.int64], int]:
        at = (onsets - onsets[0]) * fs
        if not np.isfinite(at).all() or at[-1] > _MOST_GAP * max(self.n_samples, 1):
            raise UnsupportedFormatError(
                "an interrupted recording (EDF+D) with gaps far longer than its samples; split it into files without "
                "gaps",
                path=self.path,
            )
        firsts = np.round(at).astype(np.int64)
        if (np.diff(firsts) < self.a_record).any():
            raise CorruptFormatError("data records overlap in time; export again", path=self.path)
        return firsts, int(firsts[-1]) + self.a_record

    def fetch(self, start: int, stop: int) -> NDArray[np.float64]:
        n = self.a_record
        if self.firsts is None:
            first, last = start // n, -(-stop // n)
            return self._records(first, last)[:, start - first * n : stop - first * n]
        out = np.full((len(self.ecg), stop - start), np.nan)
        low = max(0, int(np.searchsorted(self.firsts, start, side="right")) - 1)
        high = int(np.searchsorted(self.firsts, stop, side="left"))
        samples = self._records(low, high) if high > low else out[:, :0]
        for i in range(low, high):
            at = int(self.firsts[i]) - start
            piece = samples[:, (i - low) * n : (i - low + 1) * n]
            left, right = max(0, -at), min(n, stop - start - at)
            if right > left:
                out[:, at + left : at + right] = piece[:, left:right]
        return out

    def _records(self, first: int, last: int) -> NDArray[np.float64]:
        words, width = self.header.record_samples, self.header.sample_bytes
        with self.path.open("rb") as file:
            file.seek(self.header.header_bytes + first * words * width)
            raw = np.fromfile(file, dtype=np.uint8, count=(last - first) * words * width)
        records = raw.reshape(last - first, words * width)
        out = np.empty((len(self.ecg), (last - first) * self.a_record))
        for row, signal in zip(out, self.ecg, strict=True):
            row[:] = _integers(records[:, signal.offset * width : (signal.offset + signal.n_samples) * width], width)
        out *= self.step
        out += self.zero
        return out


def _integers(raw: NDArray[np.uint8], width: int) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return little-endian integers of two or three bytes."""
    flat = np.ascontiguousarray(raw).reshape(-1)
    if width == 2:
        return flat.view("<i2")
    wide = np.zeros((flat.size // 3, 4), dtype=np.uint8)
    wide[:, 1:] = flat.reshape(-1, 3)
    # The three bytes stand in the upper ones, so that shifting down brings the sign along.
    shifted: NDArray[np.int32] = wide.view("<i4")[:, 0] >> 8
    return shifted


def _texts(path: Path, header: EdfHeader) -> tuple[NDArray[np.float64] | None, list[_Mark]]:
    """Return when each data record starts (s after the header's time), and all annotations.

    The times are None in a file without annotation channel.
    """
    channels = [signal for signal in header.signals if signal.is_annotations and signal.n_samples]
    if not channels or not header.n_records:
        if header.kind == "EDF+D":
            raise CorruptFormatError("interrupted (EDF+D), but without its times; export again", path=path)
        return None, []
    width = header.sample_bytes
    records = np.memmap(
        path, dtype=np.uint8, mode="r", offset=header.header_bytes,
        shape=(header.n_records, header.record_samples * width),
    )  # fmt: skip
    onsets = np.full(header.n_records, np.nan)
    marks: list[_Mark] = []
    for k, channel in enumerate(channels):
        texts = np.ascontiguousarray(records[:, channel.offset * width : (channel.offset + channel.n_samples) * width])
        for i, row in enumerate(texts):
            for j, entry in enumerate(row.tobytes().rstrip(b"\0").split(b"\0")):
                found = _TAL.fullmatch(entry)
                if found is None:
                    continue
                onset = float(found[1])
                if k == 0 and j == 0:
                    onsets[i] = onset
                duration = float(found[2]) if found[2] else 0.0
                marks += [
                    _Mark(onset_s=onset, duration_s=duration, text=text_of(part))
                    for part in found[3].split(b"\x14")
                    if part.strip()
                ]
    if np.isnan(onsets).any():
        if header.kind == "EDF+D":
            raise CorruptFormatError("interrupted (EDF+D), but a data record has no time; export again", path=path)
        return None, marks
    return onsets, marks


def _end(marks: list[_Mark], fetcher: _Fetcher, fs: float) -> int:
    """Return the number of samples, less what pads the last data record."""
    if fetcher.firsts is None:
        for mark in marks:
            at = round(mark.onset_s * fs) if mark.text == ENDS else 0
            if fetcher.n_samples - fetcher.a_record < at < fetcher.n_samples:
                return at
    return fetcher.n_samples


def _annotations(marks: list[_Mark], fs: float, n_samples: int, zero_s: float) -> tuple[Annotation, ...]:
    out = []
    for mark in marks:
        sample = round((mark.onset_s - zero_s) * fs)
        if mark.text == ENDS or not 0 <= sample < n_samples:
            continue
        is_symbol = mark.text in _SYMBOLS
        out.append(
            Annotation(
                sample=sample,
                symbol=mark.text if is_symbol else '"',
                text="" if is_symbol else mark.text,
                duration=round(mark.duration_s * fs),
            )
        )
    return tuple(sorted(out, key=lambda mark: mark.sample))
