"""Measurements beside the truth of analytic ECGs.

    python -m benchmarks.conformity.run                 the table, and benchmarks/results/conformity*.csv
    python -m benchmarks.conformity.run --write-docs    the table of docs/conformity.md too
    python -m benchmarks.conformity.run --worst 10      the largest deviations, by ECG

The limits are those of IEC 60601-2-25:2011 for its calibration and analytical ECGs: global intervals by mean and
standard deviation, durations of Q, R and S likewise, amplitudes each within 25 µV up to 0.5 mV and within 5 % (40 µV
at least) above.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import ecg_engine as ee
from benchmarks.conformity.ecgs import LEADS, Ecg, kit
from benchmarks.pages import renew

ROOT = Path(__file__).resolve().parents[2]
#: Mean and standard deviation of the differences, ms (IEC 60601-2-25:2011, calibration and analytical ECGs).
INTERVAL_LIMITS: Final = {
    "p_duration_ms": (10.0, 8.0),
    "pr_ms": (10.0, 8.0),
    "qrs_ms": (6.0, 5.0),
    "qt_ms": (12.0, 10.0),
}
#: The same of Q, R and S.
DURATION_LIMITS: Final = {"q_ms": (6.0, 5.0), "r_ms": (6.0, 5.0), "s_ms": (6.0, 5.0), "r2_ms": (6.0, 5.0)}
SMALL_MV, LARGE_SHARE, LARGE_MV, LARGE_FROM_MV = 0.025, 0.05, 0.04, 0.5
BEGIN, END = "<!-- made by benchmarks/conformity/run.py -->", "<!-- end -->"


@dataclass(frozen=True)
class Difference:
    """One measurement beside its truth; `found` is None where it was not made."""

    ecg: str
    family: str
    lead: str
    code: str
    true: float
    found: float | None

    @property
    def error(self) -> float:
        """Found less true; NaN where nothing was found."""
        return float("nan") if self.found is None else self.found - self.true

    @property
    def within(self) -> bool:
        """Whether an amplitude keeps its limit; what was not found does not."""
        return abs(self.error) <= amplitude_limit(self.true)


def amplitude_limit(true_mv: float) -> float:
    """Return how far an amplitude may be off, mV."""
    return SMALL_MV if abs(true_mv) <= LARGE_FROM_MV else max(LARGE_MV, LARGE_SHARE * abs(true_mv))


def differences(ecgs: Iterable[Ecg]) -> list[Difference]:
    """Return every difference of every ECG."""
    out = []
    filters = ee.Filters(highpass_hz=0.05, lowpass_hz=150.0)
    for ecg in ecgs:
        recording = ee.Recording(signal=ecg.signal(), fs=ecg.fs, leads=LEADS, source=ee.Source(filters=filters))
        measured = ee.analyze_ecg(recording).measurements
        tables = [("", ecg.intervals()), *ecg.amplitudes().items(), *ecg.durations().items()]
        for lead, truth in tables:
            for code, true in truth.items():
                found = measured.get(code, lead or None)
                out.append(Difference(ecg.name, ecg.family, lead, code, true, found))
    return out


def rows(found: list[Difference]) -> list[dict[str, Any]]:
    """Return the table: intervals and durations by mean and SD, amplitudes by their largest difference."""
    out = []
    for code, (mean, sd) in {**INTERVAL_LIMITS, **DURATION_LIMITS}.items():
        part = [d for d in found if d.code == code]
        errors = np.array([d.error for d in part if d.found is not None])
        row = {"what": code, "n": len(part), "not found": len(part) - len(errors), "mean": float(errors.mean()),
               "sd": float(errors.std(ddof=1)), "largest": float(np.abs(errors).max()),
               "limit": f"{mean:g} ± {sd:g}"}  # fmt: skip
        row["kept"] = len(errors) == len(part) and abs(row["mean"]) <= mean and row["sd"] <= sd
        out.append(row)
    for code in dict.fromkeys(d.code for d in found if d.code.endswith("_mv")):
        part = [d for d in found if d.code == code]
        errors = 1000 * np.array([d.error for d in part if d.found is not None])
        out.append(
            {"what": code, "n": len(part), "not found": len(part) - len(errors), "mean": float(errors.mean()),
             "sd": float(errors.std(ddof=1)), "largest": float(np.abs(errors).max()), "limit": "25 µV, 5 %",
             "outside": sum(not d.within for d in part), "kept": all(d.within for d in part)}
        )  # fmt: skip
    return out


def markdown(table: list[dict[str, Any]], n_ecgs: int) -> str:
    """Return the table for the docs."""
    lines = [
        f"{n_ecgs} ECGs. Intervals and durations in ms, amplitudes in µV: mean and standard deviation of found less",
        "true, the largest difference, how many were not found, how many amplitudes are outside.",
        "",
        "| measurement | n | mean | SD | largest | not found | outside | limit | kept |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in table:
        lines.append(
            f"| `{row['what']}` | {row['n']} | {row['mean']:.1f} | {row['sd']:.1f} | {row['largest']:.1f} | "
            f"{row['not found']} | {row.get('outside', '')} | {row['limit']} | {'yes' if row['kept'] else 'no'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--worst", type=int, default=0)
    options = parser.parse_args()
    ecgs = kit()
    found = differences(ecgs)
    table = rows(found)
    print(markdown(table, len(ecgs)))
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    with open(folder / "conformity.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("ecg", "family", "lead", "code", "true", "found", "difference"))
        writer.writerows((d.ecg, d.family, d.lead, d.code, d.true, d.found, d.error) for d in found)
    for code in dict.fromkeys(d.code for d in found) if options.worst else ():
        part = sorted((d for d in found if d.code == code), key=lambda d: -np.nan_to_num(abs(d.error), nan=1e9))
        for d in part[: options.worst]:
            print(f"{code:14} {d.ecg:28} {d.lead:4} true {d.true:8.3f} found {d.found} error {d.error:.3f}")
    if options.write_docs:
        renew(ROOT / "docs" / "conformity.md", BEGIN, END, markdown(table, len(ecgs)))


if __name__ == "__main__":
    main()
