"""Which files are meant, what their results are called, and how those get onto the disk."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from ecg_engine.batch.files import write_whole
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.formats._sniff import HEAD_BYTES, is_json_recording

__all__ = ["find_inputs", "make_folder", "result_names", "split_images", "write_whole"]

#: Texts that stand beside recordings and have a suffix that a table of numbers may have.
_NO_RECORDINGS: Final = ("readme", "license", "licence", "notice", "attribution", "changelog", "records", "citation")
#: Suffixes of DICOM files, which hold an ECG or an image.
_DICOM: Final = (".dcm", ".dicom")


def find_inputs(paths: Iterable[Path], suffixes: Collection[str]) -> tuple[list[Path], list[Path]]:
    """Return the files that `paths` mean, each once, and the folders in which there is none.

    A file is taken whatever its suffix; in folders, those that a reader may know by their `suffixes`. A WFDB header
    stands for its signal files.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    suffixes : collection of str
        In small letters, with the dot.

    Returns
    -------
    inputs : list of Path
        In the order given; each folder's files sorted.
    empty : list of Path
        Folders without any.
    """
    inputs: dict[str, Path] = {}
    empty: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(_walk(path, suffixes))
            if not found:
                empty.append(path)
        else:
            found = [_header_of(path)]
        for file in found:
            inputs.setdefault(os.path.realpath(file), file)
    return list(inputs.values()), empty


def split_images(inputs: Sequence[Path], paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return the inputs to decode, and the DICOM images among those that a folder brought.

    An image that was named itself stays, so that somebody is told what is wrong with it.

    Parameters
    ----------
    inputs : sequence of Path
        As `find_inputs` returns them.
    paths : iterable of Path
        As they were given.
    """
    from ecg_engine.dicom.containers import scan_source

    named = {os.path.realpath(path) for path in paths if not path.is_dir()}
    kept: list[Path] = []
    images: list[Path] = []
    for file in inputs:
        is_image = False
        if file.suffix.lower() in _DICOM and os.path.realpath(file) not in named:
            with suppress(EcgEngineError):  # what is wrong with it is said when it is decoded
                is_image = scan_source(os.fspath(file)).is_image
        (images if is_image else kept).append(file)
    return kept, images


def _walk(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(root)
        parts = _parts_of_records(here, [name for name in names if name.lower().endswith(".hea")])
        for name in names:
            file = here / name
            if name.startswith(".") or name in parts or file.suffix.lower() not in suffixes:
                continue
            if name.lower().split(".")[0] in _NO_RECORDINGS or (file.suffix.lower() == ".json" and not _is_ours(file)):
                continue
            yield file


def _is_ours(file: Path) -> bool:
    """Tell whether a JSON file is a recording: reports and cards stand in folders too."""
    with suppress(OSError), file.open("rb") as opened:
        return is_json_recording(opened.read(HEAD_BYTES))
    return False


def _parts_of_records(folder: Path, headers: Sequence[str]) -> set[str]:
    """Return the names of files that WFDB headers of the folder name: their signal files and segments."""
    parts: set[str] = set()
    for header in headers:
        with suppress(OSError):
            lines = (folder / header).read_text(encoding="utf-8", errors="replace").splitlines()
            words = [line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#")]
            for word in words[1:]:
                parts.update((word, f"{word}.hea"))
    return parts - {"~"}


def _header_of(path: Path) -> Path:
    """Return the WFDB header beside a signal file that was named; `path` itself where there is none."""
    header = path.with_suffix(".hea")
    return header if path.suffix.lower() == ".dat" and header.is_file() else path


def result_names(inputs: Sequence[Path]) -> list[str]:
    """Return the name, without suffix, of each input's results: its stem; where several share it, more.

    Examples
    --------
    >>> result_names([Path("a.edf"), Path("b/normal.edf"), Path("normal.hea"), Path("c/normal.edf")])
    ['a', 'normal-edf', 'normal-hea', 'normal-edf-2']
    """
    stems = [path.stem or path.name for path in inputs]
    # Some file systems do not tell a capital from a small letter.
    shared = Counter(stem.casefold() for stem in stems)
    taken = {stem for stem, n in shared.items() if n == 1}
    names = []
    for path, stem in zip(inputs, stems, strict=True):
        name = stem
        if shared[stem.casefold()] > 1:
            base = name = f"{stem}-{path.suffix[1:].lower()}" if path.suffix else stem
            n = 2
            while name.casefold() in taken:
                name, n = f"{base}-{n}", n + 1
            taken.add(name.casefold())
        names.append(name)
    return names


def make_folder(folder: Path) -> None:
    """Make the folder of the results, and see that it can be written.

    Raises
    ------
    InputError
        It cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise InputError(f"out: {folder}: cannot be written ({reason}); name another folder", argument="out") from exc
