"""The table of formats: a new one joins as one row.

Functions are named as strings and imported on first use, so that reading one format imports no library of another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from ecg_engine.errors import (
    FormatError,
    InputError,
    MissingDependencyError,
    UnknownFormatError,
    UnsupportedFormatError,
)
from ecg_engine.formats import _sniff
from ecg_engine.formats._common import Opened, Options
from ecg_engine.formats._mfer_tags import looks_like_mfer
from ecg_engine.types import Recording

__all__ = ["FORMATS", "Format", "find_format", "find_writer", "format_named", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row.

    Parameters
    ----------
    name : str
        As in ``read_ecg(path, format=name)``.
    title : str
        For people.
    suffixes : tuple of str
        In small letters, with the dot. The first is what a new file gets.
    sniff : callable
        Tells from a file's first `_sniff.HEAD_BYTES` bytes whether it is this format.
    reader : str
        ``"module:function"``; the function is ``(path, options) -> Opened``.
    writer : str, optional
        ``"module:function"``; the function is ``(recording, path) -> None``. None where we only read.
    tried : str
        The files on which the reader was tried that no test made up; empty where none was to be had.
    extra : str, optional
        The extra that installs what it needs.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    reader: str
    writer: str | None = None
    tried: str = ""
    extra: str | None = None


#: In the order in which they are tried.
FORMATS: Final[tuple[Format, ...]] = (
    Format(
        name="dicom",
        title="DICOM waveform (12-Lead, General, Ambulatory ECG)",
        suffixes=(".dcm", ".dicom"),
        sniff=_sniff.is_dicom,
        reader="ecg_engine.formats.dicom_waveform:open_file",
        writer="ecg_engine.formats.dicom_waveform:write_file",
        tried="2 objects of devices",
    ),
    Format(
        name="edf",
        title="EDF, EDF+",
        suffixes=(".edf", ".rec"),
        sniff=_sniff.is_edf,
        reader="ecg_engine.formats.edf:open_file",
        writer="ecg_engine.formats.edf_writer:write_file",
        tried="1 file of a 12-lead device",
    ),
    Format(
        name="bdf",
        title="BDF, BDF+ (24 bits)",
        suffixes=(".bdf",),
        sniff=_sniff.is_bdf,
        reader="ecg_engine.formats.edf:open_file",
    ),
    Format(
        name="wfdb",
        title="WFDB (PhysioNet)",
        suffixes=(".hea", ".dat"),
        sniff=_sniff.is_wfdb_header,
        reader="ecg_engine.formats.wfdb_format:open_file",
        writer="ecg_engine.formats.wfdb_writer:write_file",
        tried="records of LUDB, QTDB, MIT-BIH, NSTDB, CinC 2015",
    ),
    Format(
        name="scp",
        title="SCP-ECG (EN 1064, ISO 11073-91064)",
        suffixes=(".scp", ".ecg"),
        sniff=_sniff.is_scp,
        reader="ecg_engine.formats.scp:open_file",
        writer="ecg_engine.formats.scp_writer:write_file",
        tried="1 file of a device; 1 refused, which breaks the standard",
    ),
    Format(
        name="aecg",
        title="HL7 annotated ECG (aECG)",
        suffixes=(".xml", ".aecg"),
        sniff=_sniff.is_aecg,
        reader="ecg_engine.formats.aecg:open_file",
        writer="ecg_engine.formats.aecg_writer:write_file",
        tried="8 examples of 3 sources; 1 empty, refused",
    ),
    Format(
        name="muse",
        title="GE MUSE XML",
        suffixes=(".xml",),
        sniff=_sniff.is_muse,
        reader="ecg_engine.formats.muse:open_file",
        tried="4 exports",
    ),
    Format(
        name="sierra",
        title="Philips Sierra ECG XML (1.03, 1.04; XLI)",
        suffixes=(".xml",),
        sniff=_sniff.is_sierra,
        reader="ecg_engine.formats.sierra:open_file",
        tried="3 exports (1.03, 1.04)",
    ),
    Format(
        name="cardiosoft",
        title="GE CardioSoft XML",
        suffixes=(".xml",),
        sniff=_sniff.is_cardiosoft,
        reader="ecg_engine.formats.cardiosoft:open_file",
        tried="1 export",
    ),
    Format(
        name="schiller",
        title="Schiller XML (SEMA)",
        suffixes=(".xml",),
        sniff=_sniff.is_schiller,
        reader="ecg_engine.formats.schiller:open_file",
        tried="1 export",
    ),
    Format(
        name="mortara",
        title="Mortara ELI XML (ELI 250, ELI 280)",
        suffixes=(".xml",),
        sniff=_sniff.is_mortara,
        reader="ecg_engine.formats.mortara:open_file",
    ),
    Format(
        name="kardia",
        title="AliveCor Kardia",
        suffixes=(".atc",),
        sniff=_sniff.is_kardia,
        reader="ecg_engine.formats.kardia:open_file",
        tried="3 files; 1 refused, its checksum is wrong",
    ),
    Format(
        name="ishne",
        title="ISHNE Holter",
        suffixes=(".hol", ".ishne"),
        sniff=_sniff.is_ishne,
        reader="ecg_engine.formats.ishne:open_file",
        writer="ecg_engine.formats.ishne_writer:write_file",
    ),
    Format(
        name="mfer",
        title="MFER (ISO 22077-1)",
        suffixes=(".mwf", ".mfer", ".mfr"),
        sniff=looks_like_mfer,
        reader="ecg_engine.formats.mfer:open_file",
    ),
    Format(
        name="json",
        title="JSON of our own, without loss",
        suffixes=(".json",),
        sniff=_sniff.is_json_recording,
        reader="ecg_engine.formats.json_recording:open_file",
        writer="ecg_engine.formats.json_recording:write_file",
    ),
    Format(
        name="npz",
        title="NumPy archive (signal, fs, leads, units)",
        suffixes=(".npz",),
        sniff=_sniff.is_npz,
        reader="ecg_engine.formats.npz:open_file",
        writer="ecg_engine.formats.npz:write_file",
    ),
    Format(
        name="mat",
        title="MATLAB, versions 4 to 7",
        suffixes=(".mat",),
        sniff=_sniff.is_mat,
        reader="ecg_engine.formats.mat:open_file",
    ),
    Format(
        name="csv",
        title="text table (CSV, TSV)",
        suffixes=(".csv", ".tsv", ".txt"),
        sniff=_sniff.is_never,
        reader="ecg_engine.formats.csv:open_file",
        writer="ecg_engine.formats.csv_writer:write_file",
    ),
)


def format_named(name: str) -> Format:
    """Return the row of a name.

    Raises
    ------
    InputError
        There is none; the message lists them.
    """
    for row in FORMATS:
        if row.name == name:
            return row
    raise InputError(f"format: {name!r} is not one of {', '.join(row.name for row in FORMATS)}", argument="format")


def load(where: str, *, extra: str | None = None) -> Any:
    """Import ``"module:function"``.

    Raises
    ------
    MissingDependencyError
        A library that an extra installs is absent.
    """
    module, _, function = where.partition(":")
    try:
        return getattr(import_module(module), function)
    except ImportError as exc:
        if extra is None:
            raise
        raise MissingDependencyError(f"the format read by {module}", extra=extra) from exc


def reader_of(row: Format) -> Callable[[Path, Options], Opened]:
    """Return a format's reading function, imported."""
    function: Callable[[Path, Options], Opened] = load(row.reader, extra=row.extra)
    return function


def writer_of(row: Format) -> Callable[[Recording, Path], None]:
    """Return a format's writing function, imported.

    Raises
    ------
    UnsupportedFormatError
        The format is only read.
    """
    if row.writer is None:
        can = ", ".join(r.name for r in FORMATS if r.writer)
        raise UnsupportedFormatError(f"format {row.name} is only read; write one of {can}")
    function: Callable[[Recording, Path], None] = load(row.writer, extra=row.extra)
    return function


def find_format(path: Path) -> Format:
    """Return the format of a file: by content, and by suffix where content cannot decide.

    A WFDB record is also found by its bare name or by a signal file beside its header.

    Raises
    ------
    FormatError
        There is no such file, it is a folder, empty, or cannot be opened.
    UnknownFormatError
        No reader knows it.
    """
    wfdb = format_named("wfdb")
    beside = _header_beside(path)
    if path.is_dir():
        raise FormatError("is a folder; name a file in it", path=path)
    if not path.exists():
        if beside:
            return wfdb
        raise FormatError("no such file; check the path", path=path)
    check_file(path)
    head = _head(path)
    if _sniff.looks_like_xml(head) and _sniff.xml_root(head) is None:
        head = _head(path, _sniff.XML_HEAD_BYTES)
    suffix = path.suffix.lower()
    if beside and suffix == ".mat":  # the header knows the scale and the leads; the arrays do not
        return wfdb
    for row in FORMATS:
        if row.sniff(head):
            return row
    if beside and suffix in ("", ".dat", ".mat"):
        return wfdb
    if not head:
        raise FormatError("is empty; copy or export it again", path=path)
    for magic, what in _sniff.FOREIGN:
        if head.startswith(magic):
            raise UnknownFormatError(f"is {what}", path=path)
    if suffix == ".xle" or _sniff.is_xle(head):
        raise UnknownFormatError(f"is {_sniff.XLE}", path=path)
    root = _sniff.xml_root(head)
    if root is not None:
        raise UnknownFormatError(
            f"is XML with the root <{root[:60]}>, which no reader knows; known are aECG, MUSE, Sierra, CardioSoft, "
            "Schiller and Mortara: export the ECG as one of them",
            path=path,
        )
    for row in FORMATS:
        if suffix in row.suffixes:
            return row
    known = ", ".join(row.name for row in FORMATS)
    raise UnknownFormatError(f"no reader knows this content; known are {known}; name one with format=…", path=path)


def check_file(path: Path) -> None:
    """Refuse what is no file: to open a pipe may wait for ever.

    Raises
    ------
    FormatError
    """
    if path.exists() and not path.is_file():
        raise FormatError("is no file but a pipe or a device; copy the ECG into a file", path=path)


def find_writer(path: Path, name: str | None) -> Format:
    """Return the format to write, by name or else by suffix.

    Raises
    ------
    InputError
        Neither says which.
    """
    if name is not None:
        return format_named(name)
    for row in FORMATS:
        if row.writer is not None and path.suffix.lower() in row.suffixes:
            return row
    known = ", ".join(f"{row.name} ({row.suffixes[0]})" for row in FORMATS if row.writer)
    raise InputError(f"format: the suffix {path.suffix!r} names none; use one of {known}", argument="format")


def _head(path: Path, n_bytes: int = _sniff.HEAD_BYTES) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(n_bytes)
    except OSError as exc:
        raise FormatError(f"cannot be opened ({exc.strerror}); check the file and its permissions", path=path) from exc


def _header_beside(path: Path) -> bool:
    if path.suffix.lower() in (".dat", ".mat"):
        return path.with_suffix(".hea").is_file()
    return path.with_name(path.name + ".hea").is_file()
