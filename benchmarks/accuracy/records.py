"""The cases: recordings with their reference marks, read from ECG_ENGINE_DATA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecg_engine.types import ABSENT

#: Annotation codes of beats (PhysioNet's list); the rest are rhythm, noise and comments.
BEATS = set("NLRBAaJSVrFejnE/fQ?")
#: Codes of the waves in LUDB and QTDB.
CODES = {"p": "p", "N": "qrs", "t": "t"}
LUDB_LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """One recording with its beats.

    Parameters
    ----------
    record : str
    ecg : (n_leads, n_samples) float64 array
        mV, or unknown units where `unit_is_known` is false.
    fs : float
        Hz.
    beats : (n,) int64 array
        Reference, samples.
    excluded : tuple of (int, int)
        Stretches that are not scored, both ends included.
    unit_is_known : bool
    """

    record: str
    ecg: NDArray[np.float64]
    fs: float
    beats: NDArray[np.int64]
    excluded: tuple[tuple[int, int], ...] = ()
    unit_is_known: bool = True


def mit(folder: Path, records: tuple[str, ...] = ()) -> Iterator[Strip]:
    """Yield the records of a folder in MIT-BIH's form; flutter between "[" and "]" is excluded, as EC57 allows."""
    for path in sorted(folder.glob("*.atr")):
        if records and path.stem not in records:
            continue
        base = str(path.with_suffix(""))
        record, marks = wfdb.rdrecord(base), wfdb.rdann(base, "atr")
        samples, codes = np.asarray(marks.sample, np.int64), np.array(marks.symbol)
        yield Strip(
            record=path.stem,
            ecg=np.ascontiguousarray(record.p_signal.T, np.float64),
            fs=float(record.fs),
            beats=samples[np.isin(codes, list(BEATS))],
            excluded=tuple(
                zip(samples[codes == "["].tolist(), samples[codes == "]"].tolist(), strict=True),
            ),
        )


def cpsc2019(folder: Path, left_out_s: float) -> Iterator[Strip]:
    """Yield the strips of the CPSC2019 sample; their ends are excluded, since marks are missing there."""
    with np.load(next(folder.glob("*.npz"))) as sample:
        # In the publisher's own numbers: nominally mV, but not for all strips.
        x, fs = sample["x"] / float(sample["units_per_input"]), float(sample["fs"])
        starts, marks, names = sample["rpeak_offset"], sample["rpeak"], sample["record"]
    n, edge = x.shape[1], round(left_out_s * fs)
    for i, name in enumerate(names):
        yield Strip(
            record=str(name),
            ecg=np.ascontiguousarray(x[i : i + 1], np.float64),
            fs=fs,
            beats=marks[starts[i] : starts[i + 1]].astype(np.int64),
            excluded=((-n, edge - 1), (n - edge, 2 * n)),
            unit_is_known=False,
        )


def electrode_motion(data: Path) -> tuple[list[NDArray[np.float64]], float]:
    """Return the noise of the noise stress database, pieces of two minutes in mV, and Hz: what was added at 0 dB.

    The records of that database are record 118 of MIT-BIH plus scaled recordings of electrode motion, two minutes of
    every four from the fifth on (Moody, Muldrow and Mark 1984), so the difference of the two is the noise. Its level
    differs from piece to piece, so each loses its mean.
    """
    clean = next(mit(data / "ecg" / "mitdb", ("118",)))
    noisy = next(mit(data / "ecg" / "nstdb", ("118e00",)))
    fs = clean.fs
    n = min(clean.ecg.shape[1], noisy.ecg.shape[1])
    noise = noisy.ecg[0, :n] - clean.ecg[0, :n]
    period, first = round(240 * fs), round(300 * fs)
    pieces = [noise[at : at + period // 2] for at in range(first, n - period // 2 + 1, period)]
    return [piece - piece.mean() for piece in pieces], fs


def noisy_strips(
    data: Path, *, snr_db: tuple[float, ...], seconds: float, per_record: int, seed: int, records: tuple[str, ...] = ()
) -> Iterator[Strip]:
    """Yield strips of MIT-BIH's first channel with real electrode motion added at stated ratios, the same every time.

    The ratio is that of the noise stress database: power of the signal is the square of the median peak-to-peak
    amplitude of the QRS complexes over 8 (that of a sine so large), power of the noise its mean square about its mean.
    """
    pieces, noise_fs = electrode_motion(data)
    rng = np.random.default_rng(seed)
    for whole in mit(data / "ecg" / "mitdb", records):
        if whole.record == "118" or whole.fs != noise_fs:
            continue
        n = round(seconds * whole.fs)
        for _ in range(per_record):
            at = int(rng.integers(0, whole.ecg.shape[1] - n))
            noise = pieces[int(rng.integers(0, len(pieces)))]
            start = int(rng.integers(0, len(noise) - n))
            piece = noise[start : start + n]
            ecg = whole.ecg[0, at : at + n]
            beats = whole.beats[(whole.beats >= at) & (whole.beats < at + n)] - at
            excluded = tuple((a - at, b - at) for a, b in whole.excluded)
            half = round(0.06 * whole.fs)
            heights = [np.ptp(ecg[max(0, b - half) : b + half]) for b in beats if b + half > 1]
            if not heights:
                continue
            piece = piece - piece.mean()
            power = float(np.median(heights)) ** 2 / 8
            for ratio in snr_db:
                scale = np.sqrt(power / np.mean(piece**2) / 10 ** (ratio / 10))
                yield Strip(
                    record=f"{whole.record}+{ratio:g}dB@{at}",
                    ecg=np.ascontiguousarray((ecg + scale * piece)[np.newaxis]),
                    fs=whole.fs,
                    beats=beats,
                    excluded=excluded,
                )


# ----------------------------------------------------------------------------------------------------------- waves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkedLead:
    """One lead with its waves: onset, peak, offset of each, `ABSENT` where it is not marked."""

    record: str
    lead: str
    ecg: NDArray[np.float64]
    fs: float
    waves: dict[str, NDArray[np.int64]]


def _triples(marks: Any) -> dict[str, NDArray[np.int64]]:
    """Return the waves of annotations in which "(" opens and ")" closes one."""
    found: dict[str, list[tuple[int, int, int]]] = {wave: [] for wave in CODES.values()}
    codes, at = marks.symbol, marks.sample
    for i, code in enumerate(codes):
        if code in CODES:
            onset = int(at[i - 1]) if i and codes[i - 1] == "(" else ABSENT
            offset = int(at[i + 1]) if i + 1 < len(codes) and codes[i + 1] == ")" else ABSENT
            found[CODES[code]].append((onset, int(at[i]), offset))
    return {wave: np.array(rows, np.int64).reshape(-1, 3) for wave, rows in found.items()}


def ludb(folder: Path, limit: int | None = None) -> Iterator[MarkedLead]:
    """Yield every lead of every record of LUDB; the publisher's tree has them in ``data``."""
    folder = folder / "data" if (folder / "data").is_dir() else folder
    paths = sorted(folder.glob("*.hea"), key=lambda path: int(path.stem))
    for path in paths[:limit]:
        base = str(path.with_suffix(""))
        record = wfdb.rdrecord(base)
        names = [name.lower() for name in record.sig_name]
        for lead in LUDB_LEADS:
            yield MarkedLead(
                record=path.stem,
                lead=lead,
                ecg=np.ascontiguousarray(record.p_signal[:, names.index(lead)], np.float64),
                fs=float(record.fs),
                waves=_triples(wfdb.rdann(base, lead)),
            )


def qtdb(folder: Path, limit: int | None = None) -> Iterator[list[MarkedLead]]:
    """Yield the two leads of every record of the QT Database with the first cardiologist's marks, made over both."""
    for path in sorted(folder.glob("*.hea"))[:limit]:
        base = str(path.with_suffix(""))
        record = wfdb.rdrecord(base)
        waves = _triples(wfdb.rdann(base, "q1c"))
        yield [
            MarkedLead(
                record=path.stem,
                lead=str(i),
                ecg=np.ascontiguousarray(np.nan_to_num(record.p_signal[:, i]), np.float64),
                fs=float(record.fs),
                waves=waves,
            )
            for i in range(record.p_signal.shape[1])
        ]
