"""Further whole files of a format, in its other shapes: what `make fuzz` breaks beside the one that tests share."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import savemat

from ecg_engine.formats import write_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Recording
from tests.property.test_formats_fuzz import SUFFIXES, valid
from tests.unit.formats import exports
from tests.unit.formats.test_csv import TITLED
from tests.unit.formats.test_scp import leads, raw, samples, scp, section_7, section_10
from tests.unit.formats.test_scp_bimodal import sections, signal, thinned

Files = dict[str, bytes]


def _wfdb(kind: int) -> Files:
    """Sixty samples of two leads in a signal format; whatever the bytes say, they are samples."""
    data = np.random.default_rng(kind).bytes(960)
    line = f"r.dat {kind} 200(0)/mV 12 0 0 0 0"
    return {".hea": f"r 2 250 60 11:22:33 5/3/2024\n{line} II\n{line} V1\n# Age: 61\n".encode(), ".dat": data}


def _segments() -> Files:
    plain = _wfdb(16)
    return {
        ".hea": b"r/3 2 250 140\nra 60\n~ 20\nra 60\n",
        "a.hea": plain[".hea"].replace(b"r 2", b"ra 2"),
        ".dat": plain[".dat"],
    }


def _interrupted() -> Files:
    (raw,) = valid("edf").values()
    return {SUFFIXES["edf"]: raw.replace(b"EDF+C", b"EDF+D")}


def _gaps_in_dicom() -> Files:
    steps = np.round(np.random.default_rng(5).normal(0, 300, (12, 60))) / 1000
    steps[2, 10:20] = np.nan
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dcm"
        write_ecg(Recording(signal=steps, fs=500.0, leads=STANDARD_LEADS), path)
        return {SUFFIXES["dicom"]: path.read_bytes()}


def _matlab4() -> Files:
    out = io.BytesIO()
    savemat(out, {"signal": exports.counts(3, 60).astype(float), "fs": 500.0, "units": "uV"}, format="4")
    return {".mat": out.getvalue()}


def _beats() -> Files:
    (raw,) = valid("ishne").values()
    list_of_beats = b"ANN  1.0" + raw[8:10] + bytes(4) + raw[14:522] + struct.pack("<IBBHBBH", 3, 78, 0, 9, 86, 0, 20)
    return {
        SUFFIXES["ishne"]: raw[:8] + bytes(2) + raw[10:].replace(b"# annotation:", b"# annotatiox:"),
        ".ann": list_of_beats,
    }


def _scp(parts: dict[int, bytes]) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        return {SUFFIXES["scp"]: scp(Path(folder) / "a.scp", parts).read_bytes()}


def _bimodal(flags: int) -> Files:
    thin = thinned(signal())
    return _scp(sections(rows=[thin, thin], reference=signal()[:300], flags=flags))


def _differences() -> Files:
    row = np.diff(np.diff(exports.counts(1, 62)[0]))
    return _scp({3: leads(1, 2, n=60), 6: samples([raw(row)] * 2, order=2)})


def _measured() -> Files:
    beat = section_7(beat=(40, 144, 200, 296, 602, 51, -34, 999), spikes=(20, 90))
    blocks = section_10({1: [104, 160, 96, 402, 19999, 45], 2: [29999] * 31})
    return _scp({3: leads(1, 2, n=60), 6: samples([raw([0] * 60)] * 2), 7: beat, 10: blocks})


#: By format, beside the first of each.
VARIANTS: dict[str, tuple[Callable[[], Files], ...]] = {
    "scp": (lambda: _bimodal(0), lambda: _bimodal(1), _differences, _measured),
    "wfdb": (
        *((lambda kind=kind: _wfdb(kind)) for kind in (8, 24, 32, 61, 80, 160, 212, 310, 311)),
        _segments,
    ),
    "edf": (_interrupted,),
    "dicom": (_gaps_in_dicom,),
    "ishne": (_beats,),
    "sierra": (
        lambda: {".xml": exports.declared(exports.sierra(exports.counts(), version="1.03", packed="Uncompressed"))},
    ),
    "muse": (lambda: {".xml": exports.declared(exports.muse(exports.counts(8), median=exports.counts(8, 300)))},),
    "kardia": (lambda: {".atc": exports.kardia(exports.counts(1), signed=True)},),
    "mfer": (
        lambda: {".mwf": exports.mfer(exports.counts(2, 60), (1, 2), order="little", kind=2, dtype="i4")},
        lambda: {".mwf": exports.mfer(exports.counts(2, 60) % 100, (1, 2), kind=3, dtype="u1")},
    ),
    "mat": (lambda: {".mat": exports.mat({"signal": exports.counts(), "fs": 500.0, "units": "uV"})}, _matlab4),
    "csv": (
        lambda: {".csv": "время, с;II, мкВ;V1, мкВ\n0,002;1,5;2\n0,004;3;-1,25\n0,006;2;2\n".encode("cp1251")},
        lambda: {".csv": TITLED.encode("koi8-r")},
        lambda: {".csv": "sep=\t\nI\tII\n1.5\t2\n2\tnan\n".encode("utf-16")},
    ),
    "json": (
        lambda: {
            ".json": b'{"schema": "ecg_engine.recording", "version": 1, "fs": 250, '
            b'"leads": [{"name": "I", "data": [1, null, 2.5]}]}'
        },
    ),
}  # fmt: skip


@cache
def shapes(name: str) -> tuple[Files, ...]:
    """Return the whole files of a format, each by suffix."""
    return (valid(name), *(make() for make in VARIANTS.get(name, ())))
