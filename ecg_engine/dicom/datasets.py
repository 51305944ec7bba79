"""Data sets parsed by pydicom; those compressed as a whole (PS3.5 A.5), which it unpacks unbounded, within a bound."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError

#: Transfer syntax UID.
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_BLOCK: Final = 1 << 22
#: What a deflated waveform object may become, bytes: a day of three leads at 250 Hz.
_MAX_INFLATED: Final = 128 << 20


def read_dataset(path: Path) -> Any:
    """Parse a whole data set.

    Raises
    ------
    CorruptFormatError
        It is no DICOM, or breaks off.
    UnsupportedFormatError
        It is deflated and becomes longer than memory should be taken for.
    """
    import pydicom
    from pydicom import filereader
    from pydicom.errors import InvalidDicomError

    try:
        if filereader.read_file_meta_info(path).get("TransferSyntaxUID") == DEFLATED:
            with path.open("rb") as file:
                whole = inflated(file, file.read(144), path, _MAX_INFLATED)
            return filereader.read_dataset(whole, is_implicit_VR=False, is_little_endian=True)
        return pydicom.dcmread(path)
    except InvalidDicomError:
        pass  # a data set without preamble, or no DICOM at all: its elements tell
    except EOFError as exc:
        raise CorruptFormatError("ends in the middle of its header; copy the file again", path=path) from exc
    with path.open("rb") as file:
        # A transfer syntax is believed without a preamble too.
        if file.read(2) == b"\x02\0" and DEFLATED.encode() in file.read():
            raise UnsupportedFormatError("deflated, without a preamble; export as Explicit Little Endian", path=path)
    data = pydicom.dcmread(path, force=True)
    if "SOPClassUID" not in data:
        raise CorruptFormatError("no DICOM, although its name says so; give it its own suffix", path=path)
    return data


def inflated(file: BinaryIO, head: bytes, path: Path, most: int) -> BinaryIO:
    """Return the data set of a deflated file, no more of it than memory should be taken for.

    Parameters
    ----------
    file : BinaryIO
    head : bytes
        Its first 144 bytes or more.
    path : Path
        For the message.
    most : int
        Bytes.

    Raises
    ------
    CorruptFormatError
        It breaks off or is damaged.
    UnsupportedFormatError
        It becomes longer than `most`.
    """
    if head[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        raise CorruptFormatError("FileMetaInformationGroupLength (0002,0000) is absent; export again", path=path)
    file.seek(144 + int.from_bytes(head[140:144], "little"))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    out = io.BytesIO()
    while not inflater.eof:
        raw = inflater.unconsumed_tail or file.read(1 << 16)
        if not raw:
            raise CorruptFormatError("its deflated data set breaks off; copy it again", path=path)
        try:
            out.write(inflater.decompress(raw, _BLOCK))
        except zlib.error as exc:
            raise CorruptFormatError("its deflated data set is damaged; copy it again", path=path) from exc
        if out.tell() > most:
            raise UnsupportedFormatError(
                f"its deflated data set becomes more than {most >> 20} MiB; export as Explicit Little Endian",
                path=path,
            )
    out.seek(0)
    return out
