"""Global P, PQ, QRS and QT beside the cardiologists' marks of LUDB, without and with the noises of IEC 60601-2-25.

    python -m benchmarks.accuracy.intervals                    the table, and benchmarks/results/intervals*.csv
    python -m benchmarks.accuracy.intervals --write-docs       the table of docs/conformity.md too
    python -m benchmarks.accuracy.intervals --worst 10         the records with the largest errors

LUDB is marked lead by lead. The reference of a beat is the second earliest onset and the second latest offset over the
leads that have the wave (one lead's slip does not decide), of a record the median over its beats of the most frequent
class. The limits of the
standard are those for biological ECGs, which it scores against the CSE's referees: mean and standard deviation.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import ecg_engine as ee
from benchmarks.pages import renew
from ecg_engine.types import Beats

ROOT = Path(__file__).resolve().parents[2]
#: Mean and standard deviation, ms (IEC 60601-2-25:2011, biological ECGs).
LIMITS: Final = {"p_duration_ms": (10.0, 15.0), "pr_ms": (10.0, 10.0), "qrs_ms": (10.0, 10.0), "qt_ms": (25.0, 30.0)}
#: Where a wave's peak may stand from the R peak, s before and after.
REACH_S: Final = {"p": (0.30, -0.04), "N": (0.10, 0.10), "t": (-0.08, 0.60)}
LEADS: Final = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
#: Fewer leads with a wave make no reference.
MIN_LEADS: Final = 4
BEGIN, END = "<!-- made by benchmarks/accuracy/intervals.py -->", "<!-- end of intervals -->"
Marks = Mapping[str, Mapping[str, NDArray[np.int64]]]


def marks_of(base: Path, lead: str) -> dict[str, NDArray[np.int64]]:
    """Return (onset, peak, offset) of each P, QRS (N) and T of a lead, -1 where a mark is missing."""
    import wfdb

    found = wfdb.rdann(str(base), lead)
    symbols, samples = found.symbol, found.sample
    out: dict[str, list[tuple[int, int, int]]] = {wave: [] for wave in REACH_S}
    for i, (symbol, at) in enumerate(zip(symbols, samples, strict=True)):
        if symbol in out:
            onset = samples[i - 1] if i and symbols[i - 1] == "(" else -1
            offset = samples[i + 1] if i + 1 < len(symbols) and symbols[i + 1] == ")" else -1
            out[symbol].append((onset, at, offset))
    return {wave: np.array(v, np.int64).reshape(-1, 3) for wave, v in out.items()}


def ludb(folder: Path) -> Iterator[tuple[str, ee.Recording, Marks]]:
    """Yield name, recording and marks by lead of each record."""
    for path in sorted(folder.glob("*.hea"), key=lambda p: int(p.stem)):
        base = path.with_suffix("")
        yield path.stem, ee.read_ecg(path), {lead: marks_of(base, lead) for lead in LEADS}


def reference_intervals(by_lead: Marks, r_peaks: NDArray[np.int64], fs: float) -> dict[str, float]:
    """Return P, PQ, QRS and QT of a record, ms, by quantity code."""
    out: dict[str, list[float]] = {code: [] for code in LIMITS}
    for r in r_peaks:
        span = {}
        for wave, (before, after) in REACH_S.items():
            hits = [
                m[wave][(m[wave][:, 1] - r >= -before * fs) & (m[wave][:, 1] - r <= after * fs)]
                for m in by_lead.values()
            ]
            onsets = sorted(h[0, 0] for h in hits if len(h) and h[0, 0] >= 0)
            offsets = sorted(h[0, 2] for h in hits if len(h) and h[0, 2] >= 0)
            if min(len(onsets), len(offsets)) >= MIN_LEADS:
                span[wave] = (onsets[1], offsets[-2])
        if "N" in span:
            out["qrs_ms"].append(span["N"][1] - span["N"][0])
            if "t" in span:
                out["qt_ms"].append(span["t"][1] - span["N"][0])
            if "p" in span:
                out["p_duration_ms"].append(span["p"][1] - span["p"][0])
                out["pr_ms"].append(span["N"][0] - span["p"][0])
    return {code: float(np.median(v)) / fs * 1000 for code, v in out.items() if v}


def dominant(beats: Beats) -> NDArray[np.int64]:
    """Return the R peaks of the class that most beats are of: the report measures these."""
    kinds, counts = np.unique(beats.kinds, return_counts=True)
    return beats.r_peaks[beats.kinds == kinds[np.argmax(counts)]]


def noises(shape: tuple[int, ...], fs: float, rng: np.random.Generator) -> dict[str, NDArray[np.float64] | float]:
    """Return the standard's noises, mV: the same in each lead but the high-frequency one."""
    t = np.arange(shape[1]) / fs
    return {
        "none": 0.0,
        "high frequency, 25 µV rms": 0.025 * rng.standard_normal(shape),
        "mains 50 Hz, 50 µVpp": 0.025 * np.sin(2 * np.pi * 50 * t + rng.uniform(0, 2 * np.pi)),
        "mains 60 Hz, 50 µVpp": 0.025 * np.sin(2 * np.pi * 60 * t + rng.uniform(0, 2 * np.pi)),
        "baseline 0.3 Hz, 1 mVpp": 0.5 * np.sin(2 * np.pi * 0.3 * t + rng.uniform(0, 2 * np.pi)),
    }


def errors(folder: Path, which: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return one row a record, noise and interval: found less reference, ms (NaN where it was not found)."""
    out = []
    for seed, (name, recording, by_lead) in enumerate(ludb(folder)):
        reference: dict[str, float] | None = None
        for noise, added in noises(recording.signal.shape, recording.fs, np.random.default_rng(seed)).items():
            if which and noise not in which:
                continue
            report = ee.analyze_ecg(replace(recording, signal=recording.signal + added))
            if reference is None:
                reference = reference_intervals(by_lead, dominant(report.beats), recording.fs)
            for code, true in reference.items():
                found = report.measurements.get(code)
                row = {"record": name, "noise": noise, "code": code, "true": true, "found": found}
                out.append(row | {"error": float("nan") if found is None else found - true})
    return out


def table(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and standard deviation by noise and interval."""
    rows = []
    for noise in dict.fromkeys(row["noise"] for row in found):
        for code, (mean, sd) in LIMITS.items():
            part = np.array([row["error"] for row in found if (row["noise"], row["code"]) == (noise, code)])
            known = part[~np.isnan(part)]
            row = {"noise": noise, "what": code, "n": len(known), "not found": len(part) - len(known)}
            row |= {"mean": float(known.mean()), "sd": float(known.std(ddof=1)), "limit": f"{mean:g} ± {sd:g}"}
            rows.append(row | {"kept": abs(row["mean"]) <= mean and row["sd"] <= sd})
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return the table for the docs."""
    lines = ["| noise | interval | records | not found | mean, ms | SD, ms | limit | kept |",
             "|---|---|--:|--:|--:|--:|--:|---|"]  # fmt: skip
    for row in rows:
        lines.append(
            f"| {row['noise']} | `{row['what']}` | {row['n']} | {row['not found']} | {row['mean']:.1f} | "
            f"{row['sd']:.1f} | {row['limit']} | {'yes' if row['kept'] else 'no'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("--noise", action="append", default=[], help="only this one; may be given again")
    options = parser.parse_args()
    found = errors(Path(os.environ["ECG_ENGINE_DATA"]) / "ecg" / "ludb", tuple(options.noise))
    rows = table(found)
    print(markdown(rows))
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    with open(folder / "intervals.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("record", "noise", "code", "true", "found", "error"))
        writer.writeheader()
        writer.writerows(found)
    for code in LIMITS if options.worst else ():
        part = [row for row in found if row["code"] == code and not np.isnan(row["error"])]
        for row in sorted(part, key=lambda row: -abs(row["error"]))[: options.worst]:
            print(f"{code:14} {row['record']:>4} {row['noise']:26} true {row['true']:5.0f} error {row['error']:+.0f}")
    if options.write_docs:
        renew(ROOT / "docs" / "conformity.md", BEGIN, END, markdown(rows))


if __name__ == "__main__":
    main()
