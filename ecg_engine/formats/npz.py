"""NumPy archives (``.npz``): ``signal``, ``fs``, ``leads``, ``units``; no pickled object is ever loaded.

What else a recording says stands in ``facts``, as the text of our JSON (docs/recording.schema.json). Each array's
header is checked against the bytes behind it before any memory is taken.
"""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats._arrays import KEYS, opened_arrays
from ecg_engine.formats._common import Opened, Options
from ecg_engine.formats._facts import facts_of, read_facts
from ecg_engine.formats._files import replacing
from ecg_engine.types import Recording

_FACTS: Final = "facts"
_MAX_MEMBERS: Final = 1000
#: Over all arrays, unpacked.
_MAX_BYTES: Final = 1 << 30
#: An ECG packs to a tenth, a flat line to a thousandth: beyond this it takes memory for nothing.
_MAX_RATIO: Final = 200
_SMALL: Final = 1 << 26


def open_file(path: Path, options: Options) -> Opened:
    """Open a NumPy archive."""
    arrays = _read(path)
    said = arrays.pop(_FACTS, None)
    opened = opened_arrays(arrays, path=path, options=options, format="npz")
    if said is None or said.dtype.kind != "U" or said.size != 1:
        return opened
    try:
        text = json.loads(str(said.ravel()[0]))
    except (ValueError, RecursionError) as exc:
        raise CorruptFormatError('"facts" is no JSON; write the file again', path=path) from exc
    if not isinstance(text, dict):
        raise CorruptFormatError('"facts" is no JSON object; write the file again', path=path)
    facts = read_facts(text, path=path, format="npz")
    steps = facts.source.lsb_mv
    names = [str(name) for name in arrays["leads"].ravel()] if "leads" in arrays else []
    if steps is not None:
        by_name = dict(zip(names, steps, strict=False))
        chosen = tuple(by_name[lead] for lead in opened.leads if lead in by_name)
        facts = facts._replace(
            source=replace(facts.source, lsb_mv=chosen if len(chosen) == len(opened.leads) else None)
        )
    return replace(
        opened,
        start=facts.start,
        patient=facts.patient,
        source=facts.source,
        annotations=tuple(mark for mark in facts.annotations if mark.sample < opened.n_samples),
    )


def write_file(recording: Recording, path: Path) -> None:
    """Write a NumPy archive, without any loss."""
    with replacing(path) as new, new.open("wb") as file:
        np.savez_compressed(
            file,
            signal=recording.signal,
            fs=np.float64(recording.fs),
            leads=np.array(recording.leads),
            units=np.array("mV"),
            facts=np.array(json.dumps(facts_of(recording), ensure_ascii=False)),
        )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or sum(m.file_size for m in members) > _MAX_BYTES:
                raise UnsupportedFormatError("arrays above 1 GiB, or above 1000 of them; write WFDB or EDF", path=path)
            if sum(m.file_size for m in members) > max(_SMALL, _MAX_RATIO * path.stat().st_size):
                raise UnsupportedFormatError(
                    f"unpacks to more than {_MAX_RATIO} times its size, as no ECG does; save it again", path=path
                )
            out: dict[str, NDArray[Any]] = {}
            unread = []
            for member in members:
                name = member.filename.removesuffix(".npy").lower()
                array = _array(archive, member, path)
                if array is None:
                    unread.append(name)
                else:
                    out.setdefault(name, array)
    except (zipfile.BadZipFile, NotImplementedError) as exc:
        raise CorruptFormatError("no whole archive of NumPy; save it again", path=path) from exc
    pickled = sorted(KEYS & {*unread})
    if pickled and not out.keys() & KEYS:
        raise UnsupportedFormatError(
            f'"{pickled[0]}" is a pickled object, which is never loaded; save plain arrays (numpy.savez)', path=path
        )
    return out


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> NDArray[Any] | None:
    """Return an array of numbers or texts, None where it is of another kind."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.kind not in "iufUb" or dtype.hasobject or any(n < 0 for n in shape):
            return None
        size = math.prod(shape) * dtype.itemsize
        if size > member.file_size:
            raise CorruptFormatError(f'"{member.filename:.40}" is shorter than it says; save it again', path=path)
        raw = file.read(size)
        # Reading on to the end checks the archive's own sum over it.
        file.read()
    if len(raw) < size:
        raise CorruptFormatError(f'"{member.filename:.40}" is shorter than it says; save it again', path=path)
    flat = np.frombuffer(raw, dtype=dtype) if size else np.empty(0, dtype)
    return np.ascontiguousarray(flat.reshape(shape, order="F" if fortran else "C"))
