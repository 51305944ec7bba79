"""Radiographs in folders, DICOMDIRs and zip archives: which there are, and each opened again by its name."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, Final

from ecg_engine.dicom import waveforms as wf
from ecg_engine.dicom.radiographs import is_directory, open_header, read_radiograph, read_stream
from ecg_engine.dicom.scanning import Scanned, scan_stream
from ecg_engine.errors import CorruptFormatError, EcgEngineError, InputError, UnsupportedFormatError
from ecg_engine.types import Radiograph

__all__ = ["Scanned", "Source", "iter_radiographs", "iter_sources", "read_source", "scan_source", "source_hash"]

#: Bounds of one archive: members, bytes of one, bytes of one for each byte that the archive holds of it.
MAX_MEMBERS: Final = 100_000
MAX_MEMBER_BYTES: Final = 1 << 29
_MAX_RATIO: Final = 1100  # deflate reaches 1032
_MAX_RECORDS: Final = 1_000_000
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
Found = tuple[str, Radiograph | EcgEngineError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that a walk came upon.

    Parameters
    ----------
    name : str
        Its path; ``archive.zip/member`` in an archive. `read_source` and `scan_source` open it by this name.
    is_given : bool
        Whether it was named itself, by the caller or by a DICOMDIR, and not met in a folder or an archive.
    stamp : str
        Changes when the file is written anew: size and time of change, or size and CRC-32 of an archive's member.
    error : EcgEngineError, optional
        Why it cannot be opened.
    """

    name: str
    is_given: bool = False
    stamp: str = ""
    error: EcgEngineError | None = None


# ---------------------------------------------------------------------------------------------------------------- walk


def iter_radiographs(paths: Paths) -> Iterator[Found]:
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
    for source in iter_sources(paths):
        try:
            found = source.error or _read(source.name, None)
        except EcgEngineError as exc:
            found = exc
        except OSError as exc:
            found = _unreadable(exc)
        if found is not None:
            yield source.name, found


def iter_sources(paths: Paths, *, leave_out: Iterable[str | PathLike[str]] = ()) -> Iterator[Source]:
    """List the files in folders, DICOMDIRs and zip archives that may hold radiographs, in the order of names.

    Parameters
    ----------
    paths : path or iterable of paths
    leave_out : iterable of paths
        Folders that are not entered: the one of the results, which may lie in one of `paths`.

    Yields
    ------
    Source
        Each file as often as `paths` lead to it; what is in it, nobody has looked at yet.

    Notes
    -----
    Lazy; the names of one folder, or of one archive, are in memory at a time.
    """
    closed = {key for path in leave_out if (key := _identity(path)) is not None}
    several = [paths] if isinstance(paths, (str, PathLike)) else paths
    for path in several:
        yield from _at(Path(fspath(path)), set(closed), is_given=True)


def _identity(path: str | PathLike[str]) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _at(path: Path, visited: set[tuple[int, int]], *, is_given: bool) -> Iterator[Source]:
    try:
        if path.is_dir():
            yield from _folder(path, visited)
            return
        if not path.is_file():
            what = "is no ordinary file" if path.exists() else "does not exist"
            raise InputError(f"path: {path} {what}", argument="path")
        with path.open("rb") as file:
            head, status = file.read(1024), os.fstat(file.fileno())
        if head.startswith(_ZIP):
            yield from _archive(path)
        elif is_directory(head):
            if is_given:
                yield from _listed(path)
        else:
            yield Source(name=str(path), is_given=is_given, stamp=f"{status.st_size}:{status.st_mtime_ns}")
    except EcgEngineError as exc:
        yield Source(name=str(path), is_given=is_given, error=exc)
    except OSError as exc:
        yield Source(name=str(path), is_given=is_given, error=_unreadable(exc))


def _unreadable(exc: OSError) -> InputError:
    error = InputError(f"path: cannot be read ({exc.strerror or type(exc).__name__})", argument="path")
    error.__cause__ = exc
    return error


def _folder(path: Path, visited: set[tuple[int, int]]) -> Iterator[Source]:
    status = path.stat()
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    for name in sorted(os.listdir(path)):
        yield from _at(path / name, visited, is_given=False)


# ---------------------------------------------------------------------------------------------------- one by its name


def read_source(name: str, *, least_side: int | None = None) -> Radiograph:
    """Read the radiograph that a `Source` names, in this process or another one.

    Parameters
    ----------
    name : str
        `Source.name`.
    least_side : int, optional
        As `read_radiograph` takes it.

    Raises
    ------
    EcgEngineError
        As `read_radiograph`; `InputError` where there is no such file or member any more.
    """
    try:
        found = _read(name, least_side)
    except OSError as exc:
        raise _unreadable(exc) from exc
    if found is None:
        raise InputError("path: a DICOMDIR; use iter_radiographs", argument="path")
    return found


def _read(name: str, least_side: int | None) -> Radiograph | None:
    """Return the radiograph; None for a DICOMDIR in an archive."""
    path = Path(name)
    options: dict[str, Any] = {} if least_side is None else {"least_side": least_side}
    if path.exists() or _archive_of(path) is None:
        return read_radiograph(path, **options)
    with _opened(path) as file:
        head = file.read(1024)
        file.seek(0)
        return None if is_directory(head) else read_stream(file, path, **options)


def scan_source(name: str) -> Scanned:
    """Return what the header of a `Source` says, without reading its pixels.

    Raises
    ------
    UnknownFormatError
        Neither DICOM nor PNG nor JPEG.
    CorruptFormatError
        Its header, or its archive, is broken.
    InputError
        It cannot be opened.
    """
    path = Path(name)
    try:
        with _opened(path) as file:
            return scan_stream(file, path)
    except OSError as exc:
        raise _unreadable(exc) from exc


def source_hash(name: str) -> str:
    """Return the SHA-256 of all bytes of a `Source`; raises as `scan_source`."""
    import hashlib

    try:
        with _opened(Path(name)) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as exc:
        raise _unreadable(exc) from exc


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or a member of an archive."""
    archive = None if path.exists() else _archive_of(path)
    if archive is None:
        with path.open("rb") as file:
            yield file
        return
    status = archive.stat()
    opened, members = _index(archive, status.st_size, status.st_mtime_ns)
    member = members.get(path.relative_to(archive).as_posix())
    if member is None:
        raise InputError(f"path: {path} is not in its archive any more", argument="path")
    yield _unpacked(opened, member, path)


def _archive_of(path: Path) -> Path | None:
    """Return the file among the folders of `path`: an archive is no folder, but its members' names make it one."""
    return next((parent for parent in path.parents if parent.is_file()), None)


# ------------------------------------------------------------------------------------------------------------ DICOMDIR


def _listed(path: Path) -> Iterator[Source]:
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
            error = CorruptFormatError(
                f"ReferencedFileID (0004,1500) names {shown or 'nothing'}, which is not in its folder; "
                "copy it with its files",
                path=path,
            )
            yield Source(name=str(path), is_given=True, error=error)
        else:
            for source in _at(target, set(), is_given=False):
                yield Source(name=source.name, is_given=True, stamp=source.stamp, error=source.error)


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


def _archive(path: Path) -> Iterator[Source]:
    status = path.stat()
    _, members = _index(path, status.st_size, status.st_mtime_ns)
    if len(members) > MAX_MEMBERS:
        raise UnsupportedFormatError(f"an archive of {len(members)} members; split it", path=path)
    for name, member in members.items():
        yield Source(name=str(path / name), stamp=f"{member.file_size}:crc{member.CRC:08x}")


@lru_cache(maxsize=2)
def _index(path: Path, size: int, mtime_ns: int) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """Return an open archive and its members by the names that they are called here; `size` and time tell it is new.

    Names lead nowhere outside; where that makes two of them alike, the later one gets a number.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError) as exc:
        raise CorruptFormatError("a zip archive that is cut off or damaged; copy it again", path=path) from exc
    named: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if not member.is_dir():
            parts = member.filename.replace("\\", "/").split("/")
            plain = name = "/".join(part for part in parts if part not in ("", ".", "..")) or "member"
            n = 2
            while name in named:
                name, n = f"{plain}~{n}", n + 1
            named[name] = member
    return archive, named


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
    if data.startswith(_ZIP[0]):
        raise UnsupportedFormatError("an archive in an archive; unpack it", path=name)
    return io.BytesIO(data)
