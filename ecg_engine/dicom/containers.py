"""Radiographs in folders, DICOMDIRs and zip archives, one after the other."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, Final

from ecg_engine.dicom import waveforms as wf
from ecg_engine.dicom.radiographs import is_directory, open_header, read_radiograph, read_stream
from ecg_engine.errors import CorruptFormatError, EcgEngineError, InputError, UnsupportedFormatError
from ecg_engine.types import Radiograph

#: Bounds of one archive: members, bytes of one, bytes of one for each byte that the archive holds of it.
MAX_MEMBERS: Final = 100_000
MAX_MEMBER_BYTES: Final = 1 << 29
_MAX_RATIO: Final = 1100  # deflate reaches 1032
_MAX_RECORDS: Final = 1_000_000

Found = tuple[str, Radiograph | EcgEngineError]


def iter_radiographs(paths: str | PathLike[str] | Iterable[str | PathLike[str]]) -> Iterator[Found]:
    """Read radiographs one by one from files, folders, DICOMDIRs and zip archives.

    Parameters
    ----------
    paths : path or iterable of paths

    Yields
    ------
    (str, Radiograph or EcgEngineError)
        The file (``archive.zip/member`` in an archive) and what it holds, or why it cannot be read. One bad file never
        stops the rest.

    Notes
    -----
    Lazy: nothing is read before it is asked for. Folders go in the order of names; links are followed, and each
    folder is visited once. A DICOMDIR inside a folder is passed over, since the files that it lists are there.
    Archives are read in memory, nothing is unpacked to the disk; an archive in an archive is an error.
    """
    several = [paths] if isinstance(paths, (str, PathLike)) else paths
    for path in several:
        yield from _at(Path(fspath(path)), set(), is_given=True)


def _at(path: Path, visited: set[tuple[int, int]], *, is_given: bool) -> Iterator[Found]:
    try:
        if path.is_dir():
            yield from _folder(path, visited)
        elif path.is_file() and _starts_zip(path):
            yield from _archive(path)
        elif path.is_file() and _is_directory_file(path):
            if is_given:
                yield from _listed(path)
        else:
            yield str(path), read_radiograph(path)
    except EcgEngineError as exc:
        yield str(path), exc
    except OSError as exc:
        yield str(path), _unreadable(exc)


def _unreadable(exc: OSError) -> InputError:
    error = InputError(f"path: cannot be read ({exc.strerror or type(exc).__name__})", argument="path")
    error.__cause__ = exc
    return error


def _folder(path: Path, visited: set[tuple[int, int]]) -> Iterator[Found]:
    status = path.stat()
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    for entry in sorted(os.scandir(path), key=lambda e: e.name):
        yield from _at(Path(entry.path), visited, is_given=False)


def _starts_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


# ------------------------------------------------------------------------------------------------------------ DICOMDIR


def _is_directory_file(path: Path) -> bool:
    with path.open("rb") as file:
        return is_directory(file.read(1024))


def _listed(path: Path) -> Iterator[Found]:
    with path.open("rb") as file, wf._quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of devices' slips
        header, _, _ = open_header(file, path)
        records = wf._value(header, "DirectoryRecordSequence") or []
        if len(records) > _MAX_RECORDS:
            raise UnsupportedFormatError(f"a DICOMDIR of {len(records)} records; read its folder", path=path)
        names = [_components(record) for record in records if wf._text(record, "DirectoryRecordType") == "IMAGE"]
    root = path.parent.resolve()
    for parts in names:
        target = _inside(root, parts)
        if target is None:
            shown = "/".join(parts)
            yield (
                str(path),
                CorruptFormatError(
                    f"ReferencedFileID (0004,1500) names {shown or 'nothing'}, which is not in its folder; "
                    "copy it with its files",
                    path=path,
                ),
            )
        else:
            yield from _at(target, set(), is_given=False)


def _components(record: Any) -> list[str]:
    value = wf._value(record, "ReferencedFileID")
    parts = [value] if isinstance(value, str) else list(value or ())
    return [str(part).strip(" \0") for part in parts]


def _inside(root: Path, parts: list[str]) -> Path | None:
    """Return the file, None where there is none under `root`; media were often copied with small letters."""
    here = root
    if not parts:
        return None
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
            return None
        exact = here / part
        if not exact.exists():
            try:
                alike = [e for e in here.iterdir() if e.name.rstrip(".;1").lower() == part.lower()]
            except OSError:
                return None
            if not alike:
                return None
            exact = alike[0]
        here = exact
    real = here.resolve()
    return here if real.is_relative_to(root) and real.is_file() else None


# ----------------------------------------------------------------------------------------------------------------- zip


def _archive(path: Path) -> Iterator[Found]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as exc:
        raise CorruptFormatError("a zip archive that is cut off or damaged; copy it again", path=path) from exc
    with archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise UnsupportedFormatError(f"an archive of {len(members)} members; split it", path=path)
        for member in members:
            if member.is_dir():
                continue
            parts = member.filename.replace("\\", "/").split("/")
            name = path.joinpath(*(part for part in parts if part not in ("", ".", "..")))
            try:
                with _unpacked(archive, member, name) as file:
                    if file.read(4) == b"PK\x03\x04":
                        raise UnsupportedFormatError("an archive in an archive; unpack it", path=name)
                    file.seek(0)
                    head = file.read(1024)
                    file.seek(0)
                    if is_directory(head):
                        continue
                    found: Radiograph | EcgEngineError = read_stream(file, name)
            except EcgEngineError as exc:
                found = exc
            yield str(name), found


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: Path) -> BinaryIO:
    if member.file_size > MAX_MEMBER_BYTES or member.file_size > _MAX_RATIO * max(member.compress_size, 64):
        raise UnsupportedFormatError(
            f"a member of {member.file_size} bytes, packed into {member.compress_size}; unpack it", path=name
        )
    if member.flag_bits & 1:
        raise UnsupportedFormatError("a member under a password; unpack it", path=name)
    try:
        with archive.open(member) as packed:
            data = packed.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as exc:
        raise CorruptFormatError("a member that cannot be unpacked; copy the archive again", path=name) from exc
    if len(data) != member.file_size:
        raise CorruptFormatError("a member that is not as long as the archive says; copy it again", path=name)
    return io.BytesIO(data)
