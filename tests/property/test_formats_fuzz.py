"""Broken files: whatever stands in a file, only our own errors come out, and soon."""

from __future__ import annotations

import contextlib
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_engine.errors import EcgEngineError
from ecg_engine.formats import FORMATS, read_ecg, write_ecg
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source
from tests.unit.formats.exports import SAMPLES

WRITTEN = {row.name: row.suffixes[0] for row in FORMATS if row.writer}
SUFFIXES = {row.name: row.suffixes[0] for row in FORMATS if row.name in WRITTEN or row.name in SAMPLES}
#: Values that counts and lengths are most often broken by.
HOSTILE = (
    b"\0",
    b"\xff",
    b"-1",
    b"0",
    b"9",
    b"99999999",
    b"1e999",
    b"nan",
    b"\xff\xff\xff\xff",
    b"/",
    b"..",
    b" ",
    b"\n",
    b",",
    b"<",
    b"</",
    b">",
    b"&#0;",
    b"&a;",
    b"<!--",
    b"<!DOCTYPE a [<!ENTITY a 'b'>]>",
    b"<a b='",
)


@cache
def valid(name: str) -> dict[str, bytes]:
    """The files of a small recording, by suffix; made up where we do not write the format."""
    if name not in WRITTEN:
        return {SUFFIXES[name]: SAMPLES[name][1]()}
    signal = np.round(np.random.default_rng(3).normal(0, 300, (2, 60))) / 1000
    recording = Recording(
        signal=signal,
        fs=250.0,
        leads=("II", "V1"),
        patient=Patient(id="1", name="A B", age_years=50, sex="M"),
        source=Source(filters=Filters(highpass_hz=0.05), lsb_mv=(0.001, 0.001)),
        annotations=(Annotation(sample=5, symbol="N"), Annotation(sample=50, text="x")),
    )
    with tempfile.TemporaryDirectory() as folder:
        write_ecg(recording, Path(folder) / f"r{SUFFIXES[name]}")
        return {path.suffix: path.read_bytes() for path in Path(folder).iterdir()}


@st.composite
def broken(draw: st.DrawFn, name: str) -> dict[str, bytes]:
    """The same files with some bytes replaced, put in or taken away, in one of them; or cut."""
    files = dict(valid(name))
    suffix = draw(st.sampled_from(sorted(files)))
    raw = bytearray(files[suffix])
    for _ in range(draw(st.integers(1, 4))):
        # Headers are where the harm is.
        at = draw(st.integers(0, len(raw))) if draw(st.booleans()) else draw(st.integers(0, min(len(raw), 700)))
        what = draw(st.sampled_from(HOSTILE) | st.binary(min_size=1, max_size=4))
        kind = draw(st.sampled_from(("replace", "insert", "delete", "cut")))
        if kind == "replace":
            raw[at : at + len(what)] = what
        elif kind == "insert":
            raw[at:at] = what
        elif kind == "delete":
            del raw[at : at + len(what)]
        else:
            del raw[at:]
    files[suffix] = bytes(raw)
    return files


@pytest.mark.parametrize("name", sorted(SUFFIXES))
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_broken_file_raises_only_our_errors(name: str, data: st.DataObject) -> None:
    files = data.draw(broken(name))
    with tempfile.TemporaryDirectory() as folder:
        for suffix, raw in files.items():
            (Path(folder) / f"r{suffix}").write_bytes(raw)
        path = Path(folder) / f"r{SUFFIXES[name]}"
        for forced in (None, name):
            try:
                recording = read_ecg(path, format=forced)
            except EcgEngineError:
                continue
            assert recording.signal.shape == (recording.n_leads, recording.n_samples)
            assert recording.n_samples <= 100_000


@pytest.mark.parametrize("name", sorted(SUFFIXES))
@settings(max_examples=50, deadline=None, derandomize=True)
@given(raw=st.binary(max_size=600))
def test_arbitrary_bytes_raise_only_our_errors(name: str, raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"r{SUFFIXES[name]}"
        path.write_bytes(raw)
        for forced in (None, name):
            with contextlib.suppress(EcgEngineError):
                read_ecg(path, format=forced, fs=500)
