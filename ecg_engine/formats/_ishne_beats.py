"""The list of beats that may lie beside an ISHNE Holter (``.ann``): the same header, then four bytes a beat.

After Badilini, Ann Noninvasive Electrocardiol 1998;3(3):263-266, and the description of the THEW's annotation files. A
beat is a letter, a byte for the maker's own use, and the samples since the beat before. Programs disagree whether the
position of a first, unlabelled beat (four bytes) stands in front of them. The bytes decide: a position is hardly ever a
letter of the table with a distance behind it, and of two readings only that is taken whose beats are all in the table,
each behind the last one, and inside the recording. Where both would do, or neither, no beat is read.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.types import Annotation

#: The THEW's first set of files begins like a list, another like the samples themselves.
_MAGICS: Final = (b"ANN  1.0", b"ISHNE1.0")
_HEADER_BYTES: Final = 522
#: Where the id and the rate stand (from the beginning of the file).
_ID: Final = slice(108, 128)
_RATE_AT: Final = 272
#: WFDB's symbols of the standard's letters; calibration pulses are no beats and have none.
_SYMBOLS: Final = {
    b"N": "N", b"V": "V", b"S": "S", b"B": "B", b"P": "/", b"X": "|", b"U": "Q", b"C": '"',
}  # fmt: skip
_TEXTS: Final = {b"C": "calibration pulse"}
#: No beat for longer than two bytes can count: the distance of the next one goes on from here.
_TIMEOUT: Final = b"!"
_MOST: Final = 0xFFFF
#: Some 16 million beats, a hundred days.
_MAX_BYTES: Final = 1 << 26
_RECORD: Final = np.dtype([("letter", "S1"), ("own", "S1"), ("distance", "<u2")])


def read_beats(samples: Path, *, n_samples: int, fs: int, patient_id: str) -> tuple[tuple[Annotation, ...], str]:
    """Return the beats of the list beside a file of samples, and what is to be said of it.

    Parameters
    ----------
    samples : Path
        The ISHNE file; the list has its name with ``.ann``.
    n_samples : int
        Samples in each lead.
    fs : int
        Hz, as the file of samples says; a list of another rate is another recording's.
    patient_id : str
        As the file of samples says, empty where it does not.

    Returns
    -------
    tuple of Annotation
        Empty where there is no list, or none that can be told.
    str
        Why a list was not read; empty otherwise.
    """
    path = next((file for file in (samples.with_suffix(".ann"), samples.with_suffix(".ANN")) if file.is_file()), None)
    if path is None or path == samples:
        return (), ""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return (), f"{path.name}: longer than any list of beats"
        raw = path.read_bytes()
    except OSError as exc:
        return (), f"{path.name}: cannot be opened ({exc.strerror})"
    if raw[:8] not in _MAGICS or len(raw) < _HEADER_BYTES:
        return (), f"{path.name}: no list of beats of an ISHNE Holter"
    (text_bytes,) = struct.unpack_from("<i", raw, 10)
    (rate,) = struct.unpack_from("<h", raw, _RATE_AT)
    own_id = raw[_ID].split(b"\0")[0].strip().decode("cp1251", "replace")
    if (rate > 0 and rate != fs) or (own_id and patient_id and own_id != patient_id):
        return (), f"{path.name}: of another recording (its rate or id differs)"
    data = raw[_HEADER_BYTES + text_bytes :] if 0 <= text_bytes <= len(raw) - _HEADER_BYTES else b""
    if len(data) < 4 or len(data) % 4:
        return (), f"{path.name}: its length is not that of whole beats"
    plain = _marks(data, 0, n_samples)
    behind = _marks(data[4:], struct.unpack_from("<I", data)[0], n_samples)
    if (plain is None) == (behind is None):
        both = "both with and without a first position" if plain else "neither with nor without a first position"
        return (), f"{path.name}: its beats fit the recording {both}"
    return plain or behind or (), ""


def _marks(data: bytes, start: int, n_samples: int) -> tuple[Annotation, ...] | None:
    """Return the beats as read from a position; None where they cannot be so."""
    records = np.frombuffer(data, _RECORD)
    letters: NDArray[np.bytes_] = records["letter"]
    distances = records["distance"].astype(np.int64)
    at = start + np.cumsum(distances)
    timeouts = letters == _TIMEOUT
    known = np.isin(letters, list(_SYMBOLS)) | timeouts
    if not len(records) or not known.all() or timeouts.all() or (distances[1:] < 1).any():
        return None
    if (distances[timeouts] != _MOST).any() or at[~timeouts][-1] >= n_samples:
        return None
    return tuple(
        Annotation(sample=int(sample), symbol=_SYMBOLS[letter], text=_TEXTS.get(letter, ""))
        for letter, sample in zip(letters[~timeouts].tolist(), at[~timeouts], strict=True)
    )
