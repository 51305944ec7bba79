"""What an SCP-ECG file says of patient, recording and findings: sections 1, 8 and 11."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from ecg_engine.formats._channels import years_between
from ecg_engine.formats._scp_codes import LANGUAGES
from ecg_engine.types import Filters, Patient
from ecg_engine.vocabulary.letters import mended

__all__ = ["Header", "read_header", "statements_of"]

#: Years in one of each unit of age (0: unspecified, taken for years).
_YEARS: Final = {0: 1.0, 1: 1.0, 2: 1 / 12, 3: 7 / 365.25, 4: 1 / 365.25, 5: 1 / 8766}
_SEX: Final = {1: "M", 2: "F"}
_CM: Final = {1: 1.0, 2: 2.54, 3: 0.1}
_KG: Final = {1: 1.0, 2: 1e-3, 3: 0.45359237, 4: 0.028349523125}
#: Texts that are kept as they are, by tag.
_TEXTS: Final = {
    16: "institution", 18: "department", 20: "referring_physician", 21: "confirming_physician", 22: "technician",
    23: "room", 31: "sequence_number",
}  # fmt: skip
_LISTS: Final = {13: "indication", 30: "remarks", 35: "history"}
#: Bytes of the device in front of its texts; the character set, and where the model stands.
_DEVICE_HEAD, _LANGUAGE, _MODEL = 36, 16, slice(8, 14)
_NOTCH: Final = {1: 60.0, 2: 50.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What section 1 says.

    Parameters
    ----------
    patient : Patient
    start : datetime, optional
        With a zone where the file says one.
    device : str, optional
    filters : Filters, optional
    encoding : str
        Python's name of the character set of the file's texts.
    details : mapping
    """

    patient: Patient
    start: datetime | None
    device: str | None
    filters: Filters | None
    encoding: str
    details: Mapping[str, Any]


def _fields(section: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and value; what a damaged length leaves over is not guessed at."""
    at = 0
    while at + 3 <= len(section):
        tag, length = struct.unpack_from("<BH", section, at)
        if tag == 255:
            return
        yield tag, section[at + 3 : at + 3 + length]
        at += 3 + length


def read_header(section: bytes | None) -> Header:
    """Return what section 1 says; fields that make no sense are left out."""
    fields: dict[int, list[bytes]] = {}
    for tag, value in _fields(section or b""):
        fields.setdefault(tag, []).append(value)
    encoding = _encoding(fields)

    def text(tag: int) -> str | None:
        return _text(fields[tag][0], encoding) if tag in fields else None

    details: dict[str, Any] = {name: text(tag) for tag, name in _TEXTS.items()}
    for tag, name in _LISTS.items():
        details[name] = [said for one in fields.get(tag, ()) if (said := _text(one, encoding))]
    details["height_cm"] = _measure(fields, 6, _CM)
    details["weight_kg"] = _measure(fields, 7, _KG)
    details["systolic_mmhg"], details["diastolic_mmhg"] = _number(fields, 11), _number(fields, 12)
    names = [part for part in (text(0), text(1), text(3)) if part]
    start, age, born = _start(fields), _age(fields), _date(fields, 5)
    patient = Patient(
        id=text(2),
        name=" ".join(names) or None,
        birth_date=born,
        age_years=age if age is not None else years_between(born, start),
        sex=_SEX.get(fields[8][0][0]) if fields.get(8, [b""])[0] else None,
        complaint="; ".join(details.pop("indication")) or None,
        drugs=tuple(said for one in fields.get(10, ()) if (said := _text(one[3:], encoding))),
    )
    device, serial = _device(fields, encoding)
    details["device_serial"] = serial
    return Header(
        patient=patient,
        start=start,
        device=device,
        filters=_filters(fields),
        encoding=encoding,
        details={key: value for key, value in details.items() if value},
    )


def _encoding(fields: Mapping[int, list[bytes]]) -> str:
    device = fields.get(14, [b""])[0]
    code = device[_LANGUAGE] if len(device) > _LANGUAGE else 0
    # Files that say ASCII and hold other bytes come from Western European devices.
    return LANGUAGES.get(code if code & 2 else code & 1, "iso8859-1")


def _text(value: bytes, encoding: str) -> str | None:
    text = value.decode(encoding, errors="replace").partition("\0")[0]
    return " ".join((mended(text) if encoding == "iso8859-1" else text).split()) or None


def _number(fields: Mapping[int, list[bytes]], tag: int, form: str = "<H") -> int | None:
    value = fields.get(tag, [b""])[0]
    return int(struct.unpack_from(form, value)[0]) if len(value) >= struct.calcsize(form) else None


def _measure(fields: Mapping[int, list[bytes]], tag: int, units: Mapping[int, float]) -> float | None:
    value = fields.get(tag, [b""])[0]
    if len(value) < 3 or value[2] not in units:
        return None
    return round(int.from_bytes(value[:2], "little") * units[value[2]], 3) or None


def _age(fields: Mapping[int, list[bytes]]) -> float | None:
    value = fields.get(4, [b""])[0]
    if len(value) < 3 or value[2] not in _YEARS:
        return None
    years = int.from_bytes(value[:2], "little") * _YEARS[value[2]]
    # No age at all is stored as zero of an unspecified unit.
    return years if years <= 130 and (years or value[2]) else None


def _date(fields: Mapping[int, list[bytes]], tag: int) -> date | None:
    value = fields.get(tag, [b""])[0]
    try:
        return date(int.from_bytes(value[:2], "little"), value[2], value[3])
    except (ValueError, IndexError):
        return None


def _start(fields: Mapping[int, list[bytes]]) -> datetime | None:
    day, clock = _date(fields, 25), fields.get(26, [b""])[0]
    if day is None or len(clock) < 3:
        return None
    zone = None
    minutes = _number(fields, 34, "<h")
    if minutes is not None and abs(minutes) < 24 * 60:
        zone = timezone(timedelta(minutes=minutes))
    try:
        return datetime(day.year, day.month, day.day, clock[0], clock[1], clock[2], tzinfo=zone)
    except ValueError:
        return None


def _device(fields: Mapping[int, list[bytes]], encoding: str) -> tuple[str | None, str | None]:
    """Return manufacturer and model, and the serial number."""
    value = fields.get(14, [b""])[0]
    if encoding == "utf-16-le":  # the model has six bytes, and zeros end the texts
        encoding = "iso8859-1"
    model = _text(value[_MODEL], encoding) if len(value) >= _DEVICE_HEAD else None
    # Behind the head: program, serial number, software, implementation, manufacturer, each ended by a zero.
    texts = [_text(part, encoding) for part in value[_DEVICE_HEAD:].split(b"\0")]
    maker = texts[4] if len(texts) > 4 else None
    serial = texts[1] if len(texts) > 1 else None
    words = [word for word in (maker, model) if word and word.lower() != "unknown"]
    return " ".join(words) or None, None if serial is None or serial.lower() == "unknown" else serial


def _filters(fields: Mapping[int, list[bytes]]) -> Filters | None:
    high, low = _number(fields, 27), _number(fields, 28)
    notch = _NOTCH.get(fields[29][0][0] & 3) if fields.get(29, [b""])[0] else None
    if not high and not low and notch is None:
        return None
    return Filters(highpass_hz=high / 100 if high else None, lowpass_hz=float(low) if low else None, notch_hz=notch)


def statements_of(sections: Mapping[int, bytes], encoding: str) -> tuple[str, ...]:
    """Return the device's statements: the texts of section 8, else the codes of section 11."""
    said = list(_statements(sections.get(8, b""), 0, encoding))
    return tuple(said or _statements(sections.get(11, b""), 1, encoding))


def _statements(section: bytes, kind_bytes: int, encoding: str) -> Iterator[str]:
    # Confirmed or not, date, time, number of statements; each: its number, its length, in section 11 its kind.
    at, count = 9, section[8] if len(section) > 8 else 0
    for _ in range(count):
        if at + 3 > len(section):
            return
        (length,) = struct.unpack_from("<H", section, at + 1)
        value = section[at + 3 + kind_bytes : at + 3 + length]
        parts = [value] if encoding == "utf-16-le" else value.split(b"\0")
        text = ", ".join(said for part in parts if (said := _text(part, encoding)))
        if text:
            yield text
        at += 3 + length
