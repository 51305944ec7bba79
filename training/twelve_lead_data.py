"""PTB-XL for the twelve-lead network: both sets in one form, each record once, with what is known of it."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_engine.measurement import twelve_lead_input as prepared

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
#: Fewer cases have no figure.
MIN_CASES = 20
#: Statements with fewer cases than `MIN_CASES` and at least these are learnt beside the others, for the sake of the features.
MIN_LEARNT = 5
#: Of the published z-scored records in a standard deviation; of the kept ones.
ZSCORE_UNITS, STEPS = 100, 512
#: Medians of the standard deviations of the leads of those that have millivolts, in the order of the leads, mV.
USUAL_SD_MV = (0.10, 0.14, 0.09, 0.12, 0.07, 0.10, 0.14, 0.27, 0.23, 0.22, 0.20, 0.16)
#: Two records whose leads correlate as much are one recording.
SAME = 0.999


@dataclass(slots=True)
class Records:
    """The records, in the order of their ids.

    Parameters
    ----------
    signal : ndarray of shape (n, 12, 1000)
        Standard deviations.
    measures : ndarray of shape (n, 2, len(MEASURES))
        Values, zero where unknown; and whether they are known.
    ids, patients, folds : ndarray of shape (n,)
    scp : tuple of frozenset of str
        The statements of each record.
    labels : ndarray of shape (n, len(codes))
    codes : tuple of str
        Superclasses, then SCP statements, commonest first.
    figured : int
        How many of the codes have enough cases for a figure: the first ones.
    """

    signal: NDArray[np.float32]
    measures: NDArray[np.float32]
    ids: NDArray[np.int64]
    patients: NDArray[np.int64]
    folds: NDArray[np.int64]
    scp: tuple[frozenset[str], ...]
    labels: NDArray[np.float32]
    codes: tuple[str, ...]
    figured: int


def load(data: Path, cache: Path, *, limit: int | None = None) -> Records:
    """Return the records under `data`/ecg/ptbxl; prepared signals and measurements are kept in `cache`.

    `limit` takes so many records of each set, and measures none of them.
    """
    folder = data / "ecg" / "ptbxl"
    rows: dict[int, dict[str, str]] = {}
    for name in ("raw_500hz", "zscored_100hz"):
        with open(folder / f"{name}.csv", newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(int(row["ecg_id"]), row)
    ids, signal, voltages = _signals(folder, cache, limit)
    quantities = {} if limit is not None else measured(folder, cache, set(map(int, ids)))
    measures = np.stack(
        [prepared.to_measures({**volts, **quantities.get(int(i), {})}) for i, volts in zip(ids, voltages, strict=True)]
    )
    patients = np.array([int(float(rows[i]["patient_id"])) for i in ids])
    folds = np.array([int(rows[i]["strat_fold"]) for i in ids])
    scp = tuple(frozenset(ast.literal_eval(rows[i]["scp_codes"])) for i in ids)
    labels, codes, figured = _labels(scp, folder)
    return Records(signal, measures, ids, patients, folds, scp, labels, codes, figured)


def raw_records(folder: Path) -> Iterator[tuple[int, NDArray[np.float64], float]]:
    """Yield id, (12, n) mV and Hz of the set that kept its millivolts."""
    with np.load(folder / "raw_500hz.npz") as raw:
        for ecg_id, x in zip(raw["ecg_id"], raw["x"], strict=True):
            yield int(ecg_id), x / float(raw["gain_per_mV"]), float(raw["fs"])


def zscored_records(folder: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield id and (12, 1000) standard deviations at 100 Hz of the set that did not."""
    with np.load(folder / "zscored_100hz.npz") as zscored:
        for ecg_id, x in zip(zscored["ecg_id"], zscored["x"], strict=True):
            yield int(ecg_id), (x / ZSCORE_UNITS).astype(np.float32)


def _signals(
    folder: Path, cache: Path, limit: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float32], list[dict[str, float]]]:
    kept = cache / f"twelve_lead_signals{'' if limit is None else f'_{limit}'}.npz"
    if not kept.exists():
        found: dict[int, tuple[NDArray[np.float32], NDArray[np.float64]]] = {}
        unknown = np.full(len(prepared.VOLTAGES), np.nan)
        for ecg_id, x, fs in islice(raw_records(folder), limit):
            signal = prepared.twelve_lead_input(x, fs=fs, measured={})["signal"][0]
            found[ecg_id] = signal, np.array(list(prepared.voltages(prepared.to_signal(x, fs)).values()))
        for ecg_id, z in islice(zscored_records(folder), limit):
            found.setdefault(ecg_id, (np.clip(z, -prepared.CLIP_SD, prepared.CLIP_SD), unknown))
        ids = np.array(sorted(found))
        signals = np.stack([found[i][0] for i in ids])
        once = first_of_each(signals)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(
            kept, ids=ids[once], signal=np.round(signals[once] * STEPS).astype(np.int16),
            voltages=np.stack([found[i][1] for i in ids[once]]),
        )  # fmt: skip
    with np.load(kept) as held:
        voltages = [dict(zip(prepared.VOLTAGES, row, strict=True)) for row in held["voltages"].tolist()]
        return held["ids"], held["signal"].astype(np.float32) / STEPS, voltages


def measured(folder: Path, cache: Path, wanted: set[int]) -> dict[int, dict[str, float]]:
    """Return by id what the engine measures of each record and the network may use; three minutes, kept in `cache`.

    The z-scored set gets the usual size of each lead, the limb leads in the proportion that Einthoven's law gives back, so
    that the engine finds waves and axes; voltages are not taken from it. At 100 Hz and below 40 Hz waves are longer: what a
    quantity gains by that, the median over the records that have both forms, is taken away again.
    """
    kept = cache / "twelve_lead_measured.json"
    found: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    for name, signal, fs in _millivolts(folder, wanted):
        if name not in found:
            found[name] = _quantities(signal, fs)
            if len(found) % 200 == 0:
                kept.write_text(json.dumps(found))
    kept.write_text(json.dumps(found))
    sharp = {int(name): values for name, values in found.items() if name.isdigit()}
    blurred = {int(name[1:]): values for name, values in found.items() if name.startswith("z")}
    both = [(sharp[i], blurred[i]) for i in sharp if i in blurred]
    gained = {
        code: float(np.median([b[code] - a[code] for a, b in both if code in a and code in b] or [0.0]))
        for code in prepared.QUANTITIES
    }
    corrected = {i: {code: value - gained[code] for code, value in v.items()} for i, v in blurred.items()}
    return {**corrected, **sharp}


def _millivolts(folder: Path, wanted: set[int]) -> Iterator[tuple[str, NDArray[np.float64], float]]:
    """Yield a name, a recording and its rate: the raw ones as they are and as z-scored ones, then the z-scored ones."""
    done = set()
    for ecg_id, x, fs in raw_records(folder):
        if ecg_id in wanted:
            done.add(ecg_id)
            yield str(ecg_id), x, fs
            z = prepared.twelve_lead_input(x, fs=fs, measured={})["signal"][0]
            yield f"z{ecg_id}", z * sizes(z)[:, None], prepared.FS_HZ
    for ecg_id, z in zscored_records(folder):
        if ecg_id in wanted and ecg_id not in done:
            yield f"z{ecg_id}", z * sizes(z)[:, None], prepared.FS_HZ


def _quantities(signal: NDArray[np.float64], fs: float) -> dict[str, float]:
    import ecg_engine as ee

    report = ee.analyze_ecg(ee.Recording(signal=signal, fs=fs, leads=prepared.LEADS)).to_dict()
    found = report["measurements"]["global"]
    return {code: float(found[code]["value"]) for code in prepared.QUANTITIES if code in found}


def sizes(z: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (12,) standard deviations, mV, for z-scored leads: usual ones, the limb leads in their true proportion.

    I - II + III = 0: of the three z-scored leads' multiples that cancel best, the factors are the proportion. aVF and
    the others follow.
    """
    first = z[:3] * np.array([[1.0], [-1.0], [1.0]])
    factor = np.linalg.eigh(first @ first.T)[1][:, 0]
    out = np.array(USUAL_SD_MV)
    if (factor > 0).all() or (factor < 0).all():
        one, two = np.abs(factor[:2, None]) * z[:2]
        limb = np.std([one, two, two - one, (one + two) / 2, one - two / 2, two - one / 2], axis=1)
        out[:6] = limb / limb.mean() * out[:6].mean()
    return out


def first_of_each(signal: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the rows that repeat no earlier one."""
    flat = signal[:, (1, 7, 10)].reshape(len(signal), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    alike = np.tril(flat @ flat.T, -1) > SAME
    return np.flatnonzero(~alike.any(axis=1))


def _labels(scp: tuple[frozenset[str], ...], folder: Path) -> tuple[NDArray[np.float32], tuple[str, ...], int]:
    with open(folder / "scp_statements.csv", newline="") as file:
        known = {row[""]: row for row in csv.DictReader(file)}
    above = {code: row["diagnostic_class"] for code, row in known.items() if row["diagnostic"] == "1.0"}
    count = {code: sum(code in s for s in scp) for code in known if code not in SUPERCLASSES}
    ordered = sorted((code for code, n in count.items() if n >= MIN_LEARNT), key=lambda code: (-count[code], code))
    columns = [[code in {above.get(c) for c in s} for s in scp] for code in SUPERCLASSES]
    columns += [[code in s for s in scp] for code in ordered]
    figured = len(SUPERCLASSES) + sum(count[code] >= MIN_CASES for code in ordered)
    return np.array(columns, np.float32).T.copy(), (*SUPERCLASSES, *ordered), figured


def real_noise(data: Path, cache: Path) -> NDArray[np.float32]:
    """Return (4, n) noise of moved electrodes at 100 Hz, of unit standard deviation.

    The Noise Stress Test Database (Moody et al. 1984) adds it to the clean record 118: the difference of the two, and
    its difference over 0.2 s, which has less of the slow part.
    """
    kept = cache / "twelve_lead_noise.npy"
    if kept.exists():
        return np.asarray(np.load(kept), np.float32)
    import wfdb

    noisy = wfdb.rdrecord(str(data / "ecg" / "nstdb" / "118e00")).p_signal.T
    clean = wfdb.rdrecord(str(data / "ecg" / "mitdb" / "118"))
    slow = prepared.to_signal(noisy - clean.p_signal.T, float(clean.fs), samples=None)
    # The first five minutes, and every second pair of minutes after them, are clean.
    level = np.array([part.std() for part in np.array_split(slow[0], slow.shape[1] // 1000)])
    loud = np.repeat(level > level.max() / 20, 1000)[: slow.shape[1]]
    slow = slow[:, : len(loud)][:, loud]
    fast = slow[:, 20:] - slow[:, :-20]
    both = np.concatenate([slow[:, 20:], fast])
    both = np.clip(both / both.std(axis=1, keepdims=True), -4, 4).astype(np.float32)
    np.save(kept, both)
    return both
