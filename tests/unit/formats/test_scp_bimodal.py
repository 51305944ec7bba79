"""SCP-ECG with bimodal compression: what a device leaves out between the beats, and how it is filled in.

The files are made here by the terms of the standard: outside the protected zones each four samples become their mean,
what is left over of a stretch stays (EN 1064, 5.9 and annex C). There is no second reader to stand beside ours: BioSig,
as it is built for Debian, takes the thinned samples for neighbours.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, FormatError, UnsupportedFormatError
from ecg_engine.formats import _scp_huffman as huffman
from ecg_engine.formats import read_ecg
from ecg_engine.formats._scp_bimodal import filled, stretches_of
from tests.unit.formats.test_scp import leads, raw, samples, scp

FIDUCIALS = (400, 903, 1401, 1950)
N, EACH = 2203, 4


def beats(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """A spike 40 ms wide and a slow wave, about 0."""
    return 900 * np.exp(-((x / 6) ** 2)) + 250 * np.exp(-(((x - 140) / 30) ** 2))


def signal() -> NDArray[np.int64]:
    n = np.arange(N)
    return np.round(sum(beats(n - at) for at in FIDUCIALS) + 40 * np.sin(n / 90)).astype(np.int64)


def zones() -> list[tuple[int, int]]:
    """First and last sample about each QRS, counted from 1; no stretch between is a multiple of four."""
    return [(at - 30, at + 31) for at in FIDUCIALS]


def thinned(x: NDArray[np.int64], each: int = EACH) -> NDArray[np.int64]:
    """The definition, sample by sample."""
    inside = [any(a - 1 <= i <= z - 1 for a, z in zones()) for i in range(len(x))]
    out, i = [], 0
    while i < len(x):
        if inside[i]:
            out.append(int(x[i]))
            i += 1
            continue
        run = i
        while run < len(x) and not inside[run]:
            run += 1
        while run - i >= each:
            out.append(round(float(np.mean(x[i : i + each]))))
            i += each
        out.extend(int(v) for v in x[i:run])
        i = run
    return np.array(out, np.int64)


def sections(*, rows: list[NDArray[np.int64]], reference: NDArray[np.int64], flags: int = 0) -> dict[int, bytes]:
    table = b"".join(struct.pack("<HIII", 0, at - 100, at, at + 199) for at in FIDUCIALS)
    table += b"".join(struct.pack("<II", *zone) for zone in zones())
    coded = [huffman.encode(row) for row in rows]
    coded = [one + bytes(len(one) % 2) for one in coded]
    beat = huffman.encode(reference)
    return {
        2: struct.pack("<H", 19999),
        3: leads(*range(1, 1 + len(rows)), n=N, flags=flags),
        4: struct.pack("<HHH", 600, 101, len(FIDUCIALS)) + table,
        5: samples([beat + bytes(len(beat) % 2)] * len(rows), interval=2000),
        6: samples(coded, interval=2000 * EACH, bimodal=1),
    }


def test_beats_are_whole_and_the_rest_is_filled_in(tmp_path: Path) -> None:
    x = signal()
    path = scp(tmp_path / "a.scp", sections(rows=[thinned(x), thinned(-x)], reference=np.zeros(300, np.int64)))
    read = read_ecg(path)
    assert (read.fs, read.n_samples, read.leads) == (500, N, ("I", "II"))
    found = read.signal * 1000
    for first, last in zones():
        np.testing.assert_array_equal(np.round(found[0, first - 1 : last]), x[first - 1 : last])
    # A slow wave between two beats comes back within a few µV, and it lies where it lay.
    assert np.abs(found[0] - x).max() < 12
    lags = [float(np.abs(found[0, 20:-20] - np.roll(x, lag)[20:-20]).sum()) for lag in (-2, -1, 0, 1, 2)]
    assert int(np.argmin(lags)) == 2
    np.testing.assert_allclose(found[1], -found[0], atol=1.1)
    assert read.source.details["compression"] == "fewer samples between the beats"


def test_with_the_reference_beat_subtracted(tmp_path: Path) -> None:
    x = signal()
    reference = np.round(beats(np.arange(300) - 100.0)).astype(np.int64)
    rest = x.copy()
    for at in FIDUCIALS:
        rest[at - 101 : at + 199] -= reference
    path = scp(tmp_path / "a.scp", sections(rows=[thinned(rest)], reference=reference, flags=1))
    read = read_ecg(path)
    assert np.abs(read.signal[0] * 1000 - x).max() < 4
    assert read.source.details["compression"] == "reference beat subtracted, fewer samples between the beats"


@given(
    first=st.integers(1, 5),
    n=st.integers(1, 200),
    each=st.integers(2, 5),
    edges=st.lists(st.integers(-20, 260), min_size=0, max_size=8),
)
def test_stretches_cover_a_lead_once(first: int, n: int, each: int, edges: list[int]) -> None:
    pairs = [(min(p), max(p)) for p in zip(edges[::2], edges[1::2], strict=False)]
    last = first + n - 1
    found = stretches_of(first, last, pairs, each)
    assert sum(s.n for s in found) == n
    # What lies in a zone is stored sample by sample, what does not is thinned but for a rest shorter than a mean.
    inside = sum(any(a <= i <= z for a, z in pairs) for i in range(first, last + 1))
    assert sum(s.n for s in found if s.each == 1) >= inside
    assert filled(np.zeros(sum(s.n_stored for s in found), np.int64), found).shape == (n,)


def test_another_layout_is_refused_and_not_shifted(tmp_path: Path) -> None:
    x = signal()
    for row in (np.append(thinned(x), np.arange(20) % 2 * 300), thinned(x)[:-20]):
        path = scp(tmp_path / "a.scp", sections(rows=[row], reference=np.zeros(300, np.int64)))
        with pytest.raises(CorruptFormatError, match="section 6, lead 1 of 1"):
            read_ecg(path)


@given(at=st.integers(0, 400), value=st.binary(min_size=1, max_size=4), number=st.sampled_from([3, 4, 5, 6]))
def test_damaged_sections_raise_nothing_foreign(
    at: int, value: bytes, number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    parts = sections(rows=[thinned(signal())], reference=np.ones(300, np.int64), flags=1)
    at %= len(parts[number])
    parts[number] = parts[number][:at] + value + parts[number][at + len(value) :]
    with suppress(FormatError):
        read_ecg(scp(tmp_path_factory.mktemp("scp") / "a.scp", parts))


def test_a_file_that_does_not_say_how_many_fewer(tmp_path: Path) -> None:
    parts = {3: leads(1, n=4), 6: samples([raw([1, 2, 3, 4])], bimodal=1, interval=8000), 5: samples([raw([1])])}
    with pytest.raises(UnsupportedFormatError, match="how many fewer"):
        read_ecg(scp(tmp_path / "a.scp", parts))
