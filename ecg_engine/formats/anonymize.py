"""Recordings without the patient: a pseudonym and shifted dates that a key makes, the same for each file of a patient.

Pseudonym and shift are HMAC-SHA256 (RFC 2104, FIPS 198-1) of what names the patient: whoever has not the key can
neither undo nor repeat them. What is taken away follows the "safe harbor" list of the HIPAA privacy rule (45 CFR
164.514(b)(2): names, numbers, dates but for intervals, ages above 89, serials, free text that may hold any of them).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from ecg_engine.errors import InputError
from ecg_engine.formats._channels import years_between
from ecg_engine.types import Annotation, Patient, Recording, Source

__all__ = ["Anonymizer", "read_key"]

#: Shorter keys can be tried out.
MIN_KEY_BYTES: Final = 16
#: Dates move back by 1 to so many days: ten years.
MOST_DAYS: Final = 3652
#: Ages above this are told as 90 (45 CFR 164.514(b)(2)(i)(C)).
OLDEST_YEARS: Final = 89
_AGGREGATE_YEARS: Final = 90.0
#: 60 bits: that any two of a million patients share a pseudonym is less likely than one in a million.
_PSEUDONYM_SIGNS: Final = 12
#: Rhythm and quality changes of WFDB annotations, which are codes and no free text: ``(AFIB``, ``(N``, ``cc``.
_CODE: Final = re.compile(r"\([A-Z]{1,6}|[A-Za-z]{1,2}|[-+]?\d{1,3}")
#: Words that stand beside somebody's name, and numbers long enough to name somebody.
_NAMES_SOMEBODY: Final = re.compile(
    r"\b(?:dr|md|mr|mrs|ms|prof|patient|name|by|signed|physician|technician|врач\w*|д-р|доктор\w*|проф|пациент\w*|фио|имя|"
    r"подпис\w*|подтвер\w*|медсестр\w*|г-н|г-жа)\b|\b\w\.\s?\w\.|\d{4,}|\d+[./-]\d+[./-]\d+",
    re.IGNORECASE,
)
#: ``SN 12345``, ``s/n: A-77``, ``Serial no. 5``, ``№ 12``, ``зав. № 12``, and any word with five digits in a row.
_SERIAL: Final = re.compile(
    r"[\s,;(]*(?:\bs/?n\b|\bser(?:ial)?\b\.?(?:\s*(?:no|number|nr)\b)?|(?:\bзав\w*\.?\s*)?№|\bзав\w*)[.:#\s]*\S+"
    r"|\S*\d{5,}\S*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymizer:
    """Takes the patient out of recordings.

    Parameters
    ----------
    key : bytes
        At least 16; whoever holds it can tell which pseudonym is whose.

    Raises
    ------
    InputError
        The key is shorter.

    Examples
    --------
    >>> from ecg_engine.types import Patient, Recording
    >>> somebody = Patient(id="7", name="A B", sex="F")
    >>> given = Recording(signal=np.zeros((1, 500)), fs=500, leads=("II",), patient=somebody)
    >>> hidden = Anonymizer(key=bytes(16))(given).patient
    >>> len(hidden.id), hidden.name, hidden.sex
    (14, None, 'F')
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < MIN_KEY_BYTES:
            raise InputError(f"key: {len(self.key)} bytes; at least {MIN_KEY_BYTES} are needed", argument="key")

    def __call__(self, recording: Recording) -> Recording:
        """Return the recording without the patient.

        Samples, leads, rate, filters, measurements and the device's beat stay; sex, pacemaker and age stay, above 89
        years as 90. Id becomes a pseudonym, the start moves back by a number of days that is the patient's own, keeping
        the time of day. Name, birth date, complaint, drugs, path, details, serial numbers, texts of annotations that
        are no code, and statements that may name somebody, go.
        """
        who = self._who(recording)
        patient, source = recording.patient, recording.source
        words = _words_of(patient)
        return replace(
            recording,
            start=self._shifted(recording.start, who),
            patient=Patient(
                id="P-" + base64.b32encode(self._digest("patient", who)).decode("ascii")[:_PSEUDONYM_SIGNS],
                age_years=_age(patient, recording.start),
                sex=patient.sex,
                pacemaker=patient.pacemaker,
            ),
            source=Source(
                format=source.format,
                device=_device(source.device, words),
                filters=source.filters,
                lsb_mv=source.lsb_mv,
                measurements=source.measurements,
                statements=tuple(text for text in source.statements if not _may_name(text, words)),
                beat=source.beat,
            ),
            annotations=tuple(_annotation(mark) for mark in recording.annotations),
        )

    def days(self, recording: Recording) -> int:
        """Return by how many days the dates of this patient move back: 1 to 3652."""
        return 1 + int.from_bytes(self._digest("days", self._who(recording))[:8], "big") % MOST_DAYS

    def _shifted(self, start: datetime | None, who: bytes) -> datetime | None:
        days = 1 + int.from_bytes(self._digest("days", who)[:8], "big") % MOST_DAYS
        try:
            return None if start is None else start - timedelta(days=days)
        except OverflowError:
            return None

    def _digest(self, what: str, who: bytes) -> bytes:
        return hmac.new(self.key, what.encode() + b"\0" + who, hashlib.sha256).digest()

    def _who(self, recording: Recording) -> bytes:
        """Return what names the patient: the id, else name and birth date, else, of nobody, the samples themselves."""
        patient = recording.patient
        if patient.id and _folded(patient.id):
            return b"id\0" + _folded(patient.id).encode()
        if patient.name and _folded(patient.name):
            return b"name\0" + f"{_folded(patient.name)}\0{patient.birth_date or ''}".encode()
        return b"samples\0" + hashlib.sha256(np.ascontiguousarray(recording.signal).tobytes()).digest()


def names_patient(text: str, patient: Patient) -> bool:
    """Tell whether a text, such as a file's name, holds the id or a word of the name of a patient."""
    return bool(_words_of(patient) & set(re.findall(r"\w+", _folded(text)))) or bool(
        patient.id and len(patient.id) > 2 and _folded(patient.id) in _folded(text)
    )


def read_key(text: str | bytes) -> bytes:
    """Return a key as somebody keeps it: hexadecimal digits, or any other text, without white space around it.

    Examples
    --------
    >>> len(read_key("00112233445566778899aabbccddeeff")), len(read_key("correct horse battery staple"))
    (16, 28)
    """
    raw = text.strip() if isinstance(text, bytes) else text.strip().encode()
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", raw):
        return bytes.fromhex(raw.decode("ascii"))
    return raw


def key_of_file(path: Path) -> bytes:
    """Return the key that a file holds.

    Raises
    ------
    InputError
        It cannot be read.
    """
    try:
        return read_key(path.read_bytes())
    except OSError as exc:
        raise InputError(f"key: {path}: cannot be read ({exc.strerror}); name another file", argument="key") from exc


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("^", " ").split())


def _words_of(patient: Patient) -> set[str]:
    """Return the words of the patient's name and id that say something by themselves, folded."""
    both = _folded(f"{patient.name or ''} {patient.id or ''}")
    return {word for word in re.findall(r"\w+", both) if len(word) > 2}


def _may_name(text: str, words: set[str]) -> bool:
    return _NAMES_SOMEBODY.search(text) is not None or bool(words & set(re.findall(r"\w+", _folded(text))))


def _age(patient: Patient, start: datetime | None) -> float | None:
    age = patient.age_years if patient.age_years is not None else years_between(patient.birth_date, start)
    return _AGGREGATE_YEARS if age is not None and age > OLDEST_YEARS else age


def _device(device: str | None, words: set[str]) -> str | None:
    if device is None or words & set(re.findall(r"\w+", _folded(device))):
        return None
    return _SERIAL.sub("", device).strip(" ,;") or None


def _annotation(mark: Annotation) -> Annotation:
    return mark if _CODE.fullmatch(mark.text) else replace(mark, text="")
