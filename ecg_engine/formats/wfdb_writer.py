"""WFDB records: 16-bit signals, one header, one annotation file."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from ecg_engine.errors import InputError
from ecg_engine.formats import _words
from ecg_engine.formats._files import replacing
from ecg_engine.formats._quantise import Digits, quantise
from ecg_engine.types import Annotation, Recording

#: What the header's comments call our keys.
_TITLES: Final = {
    "age": "Age", "sex": "Sex", "name": "Patient name", "id": "Patient ID", "birth_date": "Birth date",
    "pacemaker": "Pacemaker", "complaint": "Complaint", "drugs": "Drugs", "device": "Device",
    "timezone": "Timezone",
    "statements": "Statements", "measurements": "Measurements", "highpass": "Highpass", "lowpass": "Lowpass",
    "notch": "Notch",
}  # fmt: skip
#: Codes of the annotation symbols (WFDB ``ecgcodes.h``).
CODES: Final = {
    "N": 1, "L": 2, "R": 3, "a": 4, "V": 5, "F": 6, "J": 7, "A": 8, "S": 9, "E": 10, "j": 11, "/": 12, "Q": 13,
    "~": 14, "|": 16, "s": 18, "T": 19, "*": 20, "D": 21, '"': 22, "=": 23, "p": 24, "B": 25, "^": 26, "t": 27,
    "+": 28, "u": 29, "?": 30, "!": 31, "[": 32, "]": 33, "e": 34, "n": 35, "@": 36, "x": 37, "f": 38, "(": 39,
    ")": 40, "r": 41,
}  # fmt: skip
_COMMENT: Final = 22
_SKIP, _AUX = 59, 63
_MAX_INTERVAL: Final = 1023
_MAX_AUX_BYTES: Final = 255


def write_file(recording: Recording, path: Path) -> None:
    """Write a record: signals, annotations, and last the header that names them.

    Raises
    ------
    InputError
        The record's name has signs that WFDB does not allow.
    """
    name = path.stem if path.suffix.lower() in (".hea", ".dat") else path.name
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise InputError(
            "path: the name of a WFDB record has Latin letters, digits, - and _ only; choose another", argument="path"
        )
    digits = quantise(recording)
    marks = path.with_name(f"{name}.atr")
    with ExitStack() as stack:
        # Left in the opposite order: the header gets its name last.
        header = stack.enter_context(replacing(path.with_name(f"{name}.hea")))
        signals = stack.enter_context(replacing(path.with_name(f"{name}.dat")))
        signals.write_bytes(np.ascontiguousarray(digits.samples.T, dtype="<i2").tobytes())
        header.write_text(_header(name, recording, digits), encoding="utf-8", newline="\n")
        if recording.annotations:
            stack.enter_context(replacing(marks)).write_bytes(_annotation_bytes(recording.annotations))
        else:
            # Those of an earlier record of this name are not this one's.
            marks.unlink(missing_ok=True)


def _header(name: str, recording: Recording, digits: Digits) -> str:
    record = f"{name} {recording.n_leads} {recording.fs:.15g} {recording.n_samples}"
    if recording.start is not None:
        record += recording.start.strftime(" %H:%M:%S.%f %d/%m/%Y")
    lines = [record]
    for row, lead, step, baseline in zip(digits.samples, recording.leads, digits.lsb_mv, digits.baseline, strict=True):
        # Units and zero of the converter are those of the samples; the check sum is the 16-bit sum of them.
        checksum = int(row.sum(dtype=np.int64) & 0xFFFF)
        checksum -= 0x10000 if checksum >= 0x8000 else 0
        label = " ".join(lead.split())
        lines.append(f"{name}.dat 16 {_gain(1.0 / step)}({baseline})/mV 16 0 {row[0]} {checksum} 0 {label}")
    words = _words.words_of(recording)
    lines += [f"# {_TITLES[key]}: {value}" for key, value in words.items()]
    return "\n".join(lines) + "\n"


def _gain(gain: float) -> str:
    text = f"{gain:.15g}"
    return text if "e" not in text else np.format_float_positional(gain, precision=15, trim="0")


def _annotation_bytes(annotations: tuple[Annotation, ...]) -> bytes:
    """Return the annotations in MIT format; a symbol of another world becomes a comment that says it."""
    out = bytearray()
    before = 0
    for mark in sorted(annotations, key=lambda a: a.sample):
        code = CODES.get(mark.symbol, _COMMENT)
        text = mark.text if mark.symbol in CODES else f"{mark.symbol} {mark.text}".strip()
        interval = mark.sample - before
        before = mark.sample
        if interval > _MAX_INTERVAL or interval < 0:
            out += _word(_SKIP, 0) + (interval >> 16 & 0xFFFF).to_bytes(2, "little")
            out += (interval & 0xFFFF).to_bytes(2, "little")
            interval = 0
        out += _word(code, interval)
        aux = _cut(text)
        if aux:
            out += _word(_AUX, len(aux)) + aux + b"\0" * (len(aux) % 2)
    return bytes(out + _word(0, 0))


def _word(code: int, value: int) -> bytes:
    return (code << 10 | value).to_bytes(2, "little")


def _cut(text: str) -> bytes:
    """Return a text in UTF-8 of at most 255 bytes, cut between letters."""
    return text.encode()[:_MAX_AUX_BYTES].decode(errors="ignore").encode()
