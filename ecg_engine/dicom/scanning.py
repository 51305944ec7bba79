"""Facts of a file's header, without its pixels: what sorts files into studies."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from ecg_engine.dicom import pixels as px
from ecg_engine.dicom import radiographs as rg
from ecg_engine.dicom import waveforms as wf
from ecg_engine.errors import CorruptFormatError, UnknownFormatError

#: Bytes of a file that its fingerprint is made of: the UIDs stand in the first hundreds.
_FINGERPRINT_BYTES: Final = 16_384
#: Bytes that are inflated to find the header of a deflated data set.
_INFLATED_BYTES: Final = 1 << 22
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_ROWS: Final = 0x00280010
#: SpecificCharacterSet, SOPClassUID, SOPInstanceUID, StudyDate, StudyTime, Modality, PatientID, PatientBirthDate,
#: PatientSex, StudyInstanceUID, SeriesInstanceUID, PhotometricInterpretation, Rows.
_TAGS: Final = [
    0x00080005, 0x00080016, 0x00080018, 0x00080020, 0x00080030, 0x00080060, 0x00100020, 0x00100030,
    0x00100040, 0x0020000D, 0x0020000E, 0x00280004, _ROWS,
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a file's header says.

    Parameters
    ----------
    source : str
        The file; ``archive.zip/member`` in an archive.
    is_image : bool
        False for DICOM objects without an image (SR, waveform, PDF, presentation state, DICOMDIR).
    study_uid : str
        What groups images. Where the file has none, a name made of its series, its instance or its content; a picture
        is a study of its own, ``picture:`` and the hash of its bytes.
    series_uid, sop_instance_uid : str, optional
        Of a picture, `sop_instance_uid` is its `study_uid`.
    patient_id, sex : str, optional
    birth_date, date : str, optional
        ISO 8601; the patient's birth date, the study's date.
    time : str, optional
        ``HH:MM:SS``, the study's.
    modality : str, optional
    fingerprint : str
        Hash of the first 16 KiB.
    """

    source: str
    is_image: bool
    study_uid: str
    fingerprint: str
    series_uid: str | None = None
    sop_instance_uid: str | None = None
    patient_id: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    date: str | None = None
    time: str | None = None
    modality: str | None = None


def scan_stream(file: BinaryIO, path: Path) -> Scanned:
    """Read the header facts of an open file that can seek; `path` is what messages call it.

    Raises
    ------
    UnknownFormatError
        Neither DICOM nor PNG nor JPEG.
    CorruptFormatError
        Its header cannot be parsed, or breaks off.
    """
    head = file.read(_FINGERPRINT_BYTES)
    print_ = hashlib.sha256(head).hexdigest()
    file.seek(0)
    if head.startswith(_PICTURES):
        name = f"picture:{hashlib.file_digest(file, 'sha256').hexdigest()}"  # type: ignore[arg-type]
        return Scanned(source=str(path), is_image=True, study_uid=name, sop_instance_uid=name, fingerprint=print_)
    if rg.is_directory(head):
        return Scanned(source=str(path), is_image=False, study_uid="", fingerprint=print_)
    with wf._quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of devices' slips
        header = _header(file, head, path)
        return _facts(header, head, path, print_)


def _header(file: BinaryIO, head: bytes, path: Path) -> Any:
    """Parse up to Rows: in what was read already, which takes two thirds of the time, or else in the whole file."""
    if len(head) == _FINGERPRINT_BYTES:
        try:
            header = _parsed(io.BytesIO(head), head)
        except Exception:  # it ends within an element
            header = None
        if header is not None and "Rows" in header:
            return header
    try:
        return _parsed(file, head)
    except Exception as exc:
        if head[128:132] == b"DICM":
            raise CorruptFormatError("its DICOM header cannot be parsed; copy or export it again", path=path) from exc
        raise UnknownFormatError(rg._UNKNOWN, path=path) from exc


def _parsed(file: BinaryIO, head: bytes) -> Any:
    from pydicom.filereader import read_dataset, read_partial

    def behind_rows(tag: Any, vr: str | None, length: int) -> bool:
        return bool(tag > _ROWS)

    if head[128:132] == b"DICM" and rg._meta_syntax(head) == px.DEFLATED:
        file.seek(144 + int.from_bytes(head[140:144], "little"))
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(_INFLATED_BYTES), _INFLATED_BYTES)
        return read_dataset(io.BytesIO(data), False, True, stop_when=behind_rows, specific_tags=_TAGS)
    return read_partial(file, behind_rows, force=True, specific_tags=_TAGS)


def _facts(header: Any, head: bytes, path: Path, fingerprint: str) -> Scanned:
    # The file's own word first: the data set may break off within its.
    kind = wf._text(getattr(header, "file_meta", None), "MediaStorageSOPClassUID") or wf._text(header, "SOPClassUID")
    is_image = wf._value(header, "Rows") is not None or wf._value(header, "PhotometricInterpretation") is not None
    if not is_image and head[128:132] != b"DICM" and "SOPClassUID" not in header:
        raise UnknownFormatError(rg._UNKNOWN, path=path)
    series, instance = wf._text(header, "SeriesInstanceUID"), wf._text(header, "SOPInstanceUID")
    # Every object of a patient has a series (PS3.3 C.7.3.1, type 1): one without was cut off before it.
    if not is_image and (not series or _is_image_class(kind)):
        raise CorruptFormatError("a header that breaks off before its image; copy it again", path=path)
    study = wf._text(header, "StudyInstanceUID")
    if not study:
        study = f"series:{series}" if series else f"image:{instance}" if instance else f"file:{fingerprint}"
    sex = wf._text(header, "PatientSex").upper()
    return Scanned(
        source=str(path),
        is_image=is_image,
        study_uid=study,
        series_uid=series or None,
        sop_instance_uid=instance or None,
        patient_id=wf._text(header, "PatientID") or None,
        birth_date=_iso_date(wf._text(header, "PatientBirthDate")),
        sex=sex if sex in ("F", "M") else None,
        date=_iso_date(wf._text(header, "StudyDate")),
        time=_iso_time(wf._text(header, "StudyTime")),
        modality=wf._text(header, "Modality").upper() or None,
        fingerprint=fingerprint,
    )


def _is_image_class(uid: str) -> bool:
    """Return whether objects of a SOP class are images, by its name in PS3.6 (`X-Ray ... Image Storage`)."""
    from pydicom.uid import UID

    return "Image Storage" in UID(uid).name


def _iso_date(text: str) -> str | None:
    found = wf._date(text)
    return found.isoformat() if found is not None and found.year > wf.UNKNOWN_YEAR else None


def _iso_time(text: str) -> str | None:
    found = re.match(r"([01]\d|2[0-3]):?([0-5]\d)?:?([0-5]\d)?", text)
    return None if found is None else ":".join(part or "00" for part in found.groups())
