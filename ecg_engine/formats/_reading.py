"""The friendly functions: read_ecg, open_ecg, write_ecg."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, EcgEngineError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.formats._common import Opened, Options, contradicted_fs, translated
from ecg_engine.formats.registry import check_file, find_format, find_writer, format_named, reader_of, writer_of
from ecg_engine.types import Recording
from ecg_engine.types.recording import check_fs

#: Samples over all leads above which a whole recording is returned as float32: 2**25 are 256 MB of float64.
LONG_SAMPLES: Final = 1 << 25
#: And above which it stands in a file: 2**27 are 512 MB of float32, two days of three leads at 250 Hz.
FILED_SAMPLES: Final = 1 << 27
#: Samples over all leads that are converted at a time.
_BLOCK_SAMPLES: Final = 1 << 22


class RecordingReader:
    """A recording that is read in pieces; made by `open_ecg`.

    Attributes
    ----------
    fs : float
        Hz.
    leads : tuple of str
    n_samples : int
        In each lead.
    start, patient, source, annotations
        As in `Recording`.

    Examples
    --------
    >>> from ecg_engine.formats import open_ecg  # doctest: +SKIP
    >>> with open_ecg("holter.edf") as reader:  # doctest: +SKIP
    ...     for block in reader.blocks(60.0):
    ...         print(block.shape)
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self.fs = opened.fs
        self.leads = opened.leads
        self.n_samples = opened.n_samples
        self.start = opened.start
        self.patient = opened.patient
        self.source = opened.source
        self.annotations = opened.annotations

    @property
    def n_leads(self) -> int:
        """Number of leads."""
        return len(self.leads)

    @property
    def duration_s(self) -> float:
        """Length, s."""
        return self.n_samples / self.fs

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """Return the samples from `start` up to, not including, `stop`.

        Parameters
        ----------
        start, stop : int
            Sample indices; `stop` None is the end.

        Returns
        -------
        (n_leads, stop - start) array of float64
            mV; NaN is a gap.

        Raises
        ------
        InputError
            They do not lie in the recording, in this order.
        FormatError
            The file cannot be read there.
        """
        stop = self.n_samples if stop is None else stop
        if not 0 <= start < stop <= self.n_samples:
            raise InputError(
                f"start, stop: {start} to {stop} is no piece of 0 to {self.n_samples}; give start < stop inside",
                argument="start",
            )
        path = Path(self.source.path or "")
        with translated(path, "the samples"):
            piece = np.ascontiguousarray(self._opened.fetch(start, stop), dtype=np.float64)
        if piece.shape != (self.n_leads, stop - start):
            raise CorruptFormatError("fewer samples than its header says; copy or export it again", path=path)
        return piece

    def blocks(self, seconds: float) -> Iterator[NDArray[np.float64]]:
        """Yield the whole recording in pieces of `seconds`, the last one shorter.

        Raises
        ------
        InputError
            `seconds` is shorter than one sample.
        """
        step = round(float(seconds) * self.fs) if np.isfinite(seconds) else 0
        if step < 1:
            raise InputError("seconds: shorter than one sample; give a positive length", argument="seconds")
        for start in range(0, self.n_samples, step):
            yield self.read(start, min(start + step, self.n_samples))

    def recording(self) -> Recording:
        """Return the whole recording; above `LONG_SAMPLES` samples over all leads as float32.

        Above `FILED_SAMPLES` they stand in an unnamed file of the folder for temporary files, mapped into memory: what
        is not looked at need not stay in memory, and the file goes when the recording does.
        """
        if self.n_samples * self.n_leads <= LONG_SAMPLES:
            signal: NDArray[Any] = self.read()
        else:
            signal = self._room()
            step = max(1, _BLOCK_SAMPLES // self.n_leads)
            for start in range(0, self.n_samples, step):
                stop = min(start + step, self.n_samples)
                signal[:, start:stop] = self.read(start, stop)
        try:
            return Recording(
                signal=signal,
                fs=self.fs,
                leads=self.leads,
                start=self.start,
                patient=self.patient,
                source=self.source,
                annotations=self.annotations,
            )
        except InputError as exc:
            raise CorruptFormatError(str(exc), path=self.source.path, lead=getattr(exc, "lead", None)) from exc

    def _room(self) -> NDArray[np.float32]:
        """Return an array for the whole recording, in memory or in a file."""
        shape = (self.n_leads, self.n_samples)
        try:
            if self.n_samples * self.n_leads <= FILED_SAMPLES:
                return np.empty(shape, dtype=np.float32)
            with tempfile.TemporaryFile(prefix="ecg-engine-") as file:
                if hasattr(os, "posix_fallocate"):  # a disk that is full says so here, not when a sample is written
                    os.posix_fallocate(file.fileno(), 0, 4 * self.n_samples * self.n_leads)
                return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
        except (MemoryError, OSError) as exc:
            raise FormatError(
                f"{self.n_samples} samples a lead fit neither the memory nor the folder for temporary files "
                f"({tempfile.gettempdir()}); read it in pieces with open_ecg",
                path=self.source.path,
            ) from exc

    def close(self) -> None:
        """Let go of the file."""

        def closed(start: int, stop: int) -> NDArray[np.float64]:
            raise InputError("the reader is closed; open the file again", argument="start")

        opened = self._opened
        self._opened = Opened(fs=opened.fs, leads=opened.leads, n_samples=opened.n_samples, fetch=closed)

    def __enter__(self) -> RecordingReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_ecg(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    fs: float | None = None,
    leads: Sequence[str] | None = None,
) -> RecordingReader:
    """Open an ECG file to read it in pieces.

    Parameters, and what is raised, are those of `read_ecg`.

    Returns
    -------
    RecordingReader
        WFDB, EDF, BDF, ISHNE and MFER are read piece by piece; the others stand in memory, as the file's integers or
        float32.
    """
    where = Path(os.fspath(path))
    if fs is not None:
        check_fs(fs)
    wanted = None if leads is None else (leads,) if isinstance(leads, str) else tuple(leads)
    with translated(where, "the file"):
        found = find_format(where) if format is None else _forced(where, format)
        opened = reader_of(found)(where, Options(fs=fs, leads=wanted))
        contradicted_fs(fs, opened.fs)
    try:
        check_fs(opened.fs)
    except InputError as exc:
        raise CorruptFormatError(str(exc), path=where) from exc
    if opened.n_samples < 1:
        raise CorruptFormatError("no samples behind its header; copy or export it again", path=where)
    return RecordingReader(opened)


def read_ecg(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    fs: float | None = None,
    leads: Sequence[str] | None = None,
) -> Recording:
    """Read an ECG file of any known format.

    Parameters
    ----------
    path : str or PathLike
        The file. A WFDB record by its header, its signal file or its bare name.
    format : str, optional
        Forces a reader of the registry (``"wfdb"``, ``"edf"``, ``"dicom"``, ``"aecg"`` ...: `FORMATS`); the content
        decides otherwise.
    fs : float, optional
        Hz, for files that do not say.
    leads : sequence of str, optional
        Keep only these, in this order.

    Returns
    -------
    Recording
        mV, float64; float32 above 2**25 samples over all leads, in a temporary file above 2**27.

    Raises
    ------
    FormatError
        There is no such file, it is empty, or cannot be opened.
    UnknownFormatError
        No reader knows it.
    CorruptFormatError
        It is not what its header says.
    UnsupportedFormatError
        It holds no ECG, or something this version does not read.
    InputError
        `fs` contradicts the file, `leads` are not in it, or `format` is unknown.

    Examples
    --------
    >>> recording = read_ecg("visit.edf", leads=("II", "V1"))  # doctest: +SKIP
    """
    with open_ecg(path, format=format, fs=fs, leads=leads) as reader:
        return reader.recording()


def write_ecg(recording: Recording, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write a recording; the file appears whole or not at all.

    Samples that lie on the grid of ``source.lsb_mv`` are kept exactly; others are rounded to a step that covers each
    lead's range in 16 bits, no finer than 0.1 µV. JSON and NumPy keep every bit.

    Parameters
    ----------
    recording : Recording
    path : str or PathLike
        Its suffix names the format where `format` does not.
    format : str, optional
        ``"wfdb"``, ``"edf"``, ``"dicom"``, ``"scp"``, ``"aecg"``, ``"ishne"``, ``"json"``, ``"npz"``, ``"csv"``.

    Raises
    ------
    InputError
        Neither says which format.
    UnsupportedFormatError
        The format cannot hold this recording; the message says why and which can.
    FormatError
        The file cannot be written.
    """
    where = Path(os.fspath(path))
    writer = writer_of(find_writer(where, format))
    if where.is_dir() or not where.parent.is_dir():
        raise FormatError("cannot be written; name a file in an existing folder", path=where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            writer(recording, where)
    except EcgEngineError:
        raise
    except OSError as exc:
        raise FormatError(f"cannot be written ({_reason(exc)}); check the folder and its space", path=where) from exc
    except Exception as exc:
        raise UnsupportedFormatError(
            f"cannot be written in this format ({type(exc).__name__}); choose another", path=where
        ) from exc


def _reason(exc: OSError) -> str:
    """Return the system's words, which stand behind the first error where a library raised one of its own."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(exc).__name__


def _forced(path: Path, name: str) -> Any:
    row = format_named(name)
    if path.is_dir():
        raise FormatError("is a folder; name a file in it", path=path)
    if not path.exists() and row.name != "wfdb":
        raise FormatError("no such file; check the path", path=path)
    check_file(path)
    if path.exists() and path.stat().st_size == 0:
        raise FormatError("is empty; copy or export it again", path=path)
    return row
