"""The tools of others that the benchmarks stand beside: one row each, every one called as its own manual says.

A detector takes one lead, (n,) in mV, and Hz, and returns samples; filters are part of it, as they are of ours. A
delineator takes the same and returns, for each wave, (n, 3) onset, peak, offset with `ABSENT` where there is none; it
finds its own R peaks. What a peer cannot do with a signal it says by an exception, which the runner counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ecg_engine as ee

Ecg = NDArray[np.float64]
Marks = NDArray[np.int64]
Waves = dict[str, Marks]
OURS = "ecg_engine"
WAVES = ("p", "qrs", "t")
ABSENT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One tool.

    Parameters
    ----------
    name : str
        What the tables and ``cases.toml`` call it.
    package, module : str
        What is installed, and what is imported.
    licence : str
        SPDX name, from the package's own metadata.
    call : callable
        ``(ecg, fs)`` to marks.
    note : str
        What the reader of a table has to know.
    """

    name: str
    package: str
    module: str
    licence: str
    call: Callable[[Ecg, float], Any]
    note: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether its module can be found."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """Version of the package; of ours, a digest of the sources that decide, so that no edit reads old results."""
        return _our_digest() if self.package == OURS else _version(self.package)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


@cache
def _our_digest() -> str:
    root = Path(ee.__file__).parent
    digest = hashlib.sha256()
    for folder in ("detection", "kernels"):
        for path in sorted((root / folder).glob("**/*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


# ------------------------------------------------------------------------------------------------------ detectors


def _ours(ecg: Ecg, fs: float, **options: Any) -> Marks:
    return ee.detect_r_peaks(ecg, fs=fs, **options)


def _sleepecg(backend: str) -> Callable[[Ecg, float], Any]:
    def detect(ecg: Ecg, fs: float) -> Any:
        import sleepecg

        return sleepecg.detect_heartbeats(ecg, fs, backend=backend)

    return detect


def _neurokit(method: str) -> Callable[[Ecg, float], Any]:
    def detect(ecg: Ecg, fs: float) -> Any:
        import neurokit2 as nk

        clean = nk.ecg_clean(ecg, sampling_rate=round(fs), method=method)
        return nk.ecg_peaks(clean, sampling_rate=round(fs), method=method)[1]["ECG_R_Peaks"]

    return detect


def _xqrs(ecg: Ecg, fs: float) -> Any:
    from wfdb import processing

    return processing.xqrs_detect(ecg, fs, verbose=False)


def _gqrs(ecg: Ecg, fs: float) -> Any:
    """It works in the units of an analogue-digital converter; 200 a mV is what its defaults are written for."""
    from wfdb import processing

    return processing.gqrs_detect(d_sig=np.round(ecg * 200).astype(np.int64), fs=fs, adc_gain=200, adc_zero=0)


def _ecg_detectors(method: str) -> Callable[[Ecg, float], Any]:
    def detect(ecg: Ecg, fs: float) -> Any:
        from ecgdetectors import Detectors

        return getattr(Detectors(round(fs)), f"{method}_detector")(ecg)

    return detect


def _biosppy(method: str) -> Callable[[Ecg, float], Any]:
    """Its own band-pass and its own correction of the peaks, in the order of ``biosppy.signals.ecg.ecg``."""

    def detect(ecg: Ecg, fs: float) -> Any:
        from biosppy.signals import ecg as of_ecg
        from biosppy.signals import tools

        clean = tools.filter_signal(
            signal=ecg, ftype="FIR", band="bandpass", order=int(1.5 * fs), frequency=[0.67, 45], sampling_rate=fs
        )[0]
        (found,) = getattr(of_ecg, f"{method}_segmenter")(signal=clean, sampling_rate=fs)
        (found,) = of_ecg.correct_rpeaks(signal=clean, rpeaks=found, sampling_rate=fs, tol=0.05)
        return found

    return detect


def _openecg_qrs(ecg: Ecg, fs: float) -> Any:
    import openecg

    return openecg.detect_qrs(ecg, round(fs))


def _detector(name: str, package: str, module: str, licence: str, call: Any, note: str = "") -> Peer:
    return Peer(name=name, package=package, module=module, licence=licence, call=call, note=note)


#: Detectors by name. Licences are those of the packages' own metadata; GPL ones are installed for benchmarks only.
DETECTORS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        _detector(OURS, OURS, OURS, "Apache-2.0", _ours),
        _detector("sleepecg c", "sleepecg", "sleepecg", "BSD-3-Clause", _sleepecg("c")),
        _detector("sleepecg numba", "sleepecg", "sleepecg", "BSD-3-Clause", _sleepecg("numba")),
        _detector("neurokit2 neurokit", "neurokit2", "neurokit2", "MIT", _neurokit("neurokit")),
        _detector("neurokit2 pantompkins1985", "neurokit2", "neurokit2", "MIT", _neurokit("pantompkins1985")),
        _detector("neurokit2 kalidas2017", "neurokit2", "neurokit2", "MIT", _neurokit("kalidas2017")),
        _detector("wfdb xqrs", "wfdb", "wfdb", "MIT", _xqrs),
        _detector("wfdb gqrs", "wfdb", "wfdb", "MIT", _gqrs),
        _detector(
            "ecgdetectors pan_tompkins", "py-ecg-detectors", "ecgdetectors", "GPL-3.0", _ecg_detectors("pan_tompkins")
        ),
        _detector(
            "ecgdetectors two_average", "py-ecg-detectors", "ecgdetectors", "GPL-3.0", _ecg_detectors("two_average")
        ),
        _detector("ecgdetectors hamilton", "py-ecg-detectors", "ecgdetectors", "GPL-3.0", _ecg_detectors("hamilton")),
        _detector("biosppy hamilton", "biosppy", "biosppy", "BSD-3-Clause", _biosppy("hamilton")),
        _detector("openecg qrs", "openecg", "openecg", "Apache-2.0", _openecg_qrs),
    )
}

# ---------------------------------------------------------------------------------------------------- delineators


def _our_waves(ecg: Ecg, fs: float) -> Waves:
    r_peaks = ee.detect_r_peaks(ecg, fs=fs)
    d = ee.delineate(ecg, fs=fs, r_peaks=r_peaks)
    return {
        "p": np.stack([d.p_onset, d.p_peak, d.p_offset], axis=1),
        "qrs": np.stack([d.qrs_onset, r_peaks, d.qrs_offset], axis=1),
        "t": np.stack([d.t_onset, d.t_peak, d.t_offset], axis=1),
    }


def nk_delineate(clean: Ecg, r_peaks: Any, fs: float, method: str) -> dict[str, Any]:
    """Return neurokit2's own table of marks."""
    import neurokit2 as nk

    return dict(nk.ecg_delineate(clean, rpeaks=r_peaks, sampling_rate=round(fs), method=method)[1])


def _nk_waves(method: str) -> Callable[[Ecg, float], Waves]:
    def delineate(ecg: Ecg, fs: float) -> Waves:
        import neurokit2 as nk

        clean = nk.ecg_clean(ecg, sampling_rate=round(fs))
        r_peaks = nk.ecg_peaks(clean, sampling_rate=round(fs))[1]["ECG_R_Peaks"]
        found = nk_delineate(clean, r_peaks, fs, method)
        found["ECG_R_Peaks"] = r_peaks
        return {wave: _triples(found, letter) for wave, letter in zip(WAVES, "PRT", strict=True)}

    return delineate


def _triples(found: dict[str, Any], letter: str) -> Marks:
    columns = [np.asarray(found[f"ECG_{letter}_{kind}"], float) for kind in ("Onsets", "Peaks", "Offsets")]
    n = min(len(column) for column in columns)
    table = np.stack([column[:n] for column in columns], axis=1)
    return np.where(np.isfinite(table), table, ABSENT).astype(np.int64)


@cache
def _openecg_codec() -> Any:
    import openecg

    return openecg.load_codec_onnx()


def _openecg_waves(ecg: Ecg, fs: float) -> Waves:
    """Its network reads 10 s at 500 Hz; longer signals go through its own sliding form."""
    import openecg
    from scipy.signal import resample_poly

    rate, window = 500, 5000
    x = ecg if fs == rate else resample_poly(ecg, rate, round(fs))
    if len(x) <= window:
        frame = openecg.encode(np.pad(x, (0, window - len(x)), mode="edge"), fs=rate, model=_openecg_codec()).frame
    else:
        frame = openecg.encode_stream(x, fs=rate, model=_openecg_codec()).frame
    frame = np.asarray(frame[: len(x)])
    edges = np.flatnonzero(np.diff(frame)) + 1
    waves: dict[str, list[tuple[int, int, int]]] = {wave: [] for wave in WAVES}
    for start, stop in zip(np.r_[0, edges], np.r_[edges, len(frame)], strict=True):
        label = int(frame[start])
        if label in (1, 2, 3):
            piece = x[start:stop]
            peak = start + int(np.argmax(np.abs(piece - np.linspace(piece[0], piece[-1], len(piece)))))
            waves[WAVES[label - 1]].append((int(start), peak, int(stop) - 1))
    scale = fs / rate
    return {wave: np.round(np.array(m, float).reshape(-1, 3) * scale).astype(np.int64) for wave, m in waves.items()}


DELINEATORS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        _detector(OURS, OURS, OURS, "Apache-2.0", _our_waves),
        _detector("neurokit2 dwt", "neurokit2", "neurokit2", "MIT", _nk_waves("dwt")),
        _detector("neurokit2 prominence", "neurokit2", "neurokit2", "MIT", _nk_waves("prominence")),
        _detector(
            "openecg codec",
            "openecg",
            "openecg",
            "Apache-2.0",
            _openecg_waves,
            note="trained on LUDB and QTDB: its figures here are not of unseen records",
        ),
    )
}
