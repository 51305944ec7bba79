"""Statements that stay when the same recording is sampled 1 ms later, over LUDB and PTB-XL raw_500hz.

The test of Bailey et al. 1974 (doi:10.1161/01.CIR.50.1.88), in which the programs of the time said exactly the same of
43 to 76 % of the tracings. The shift is a phase of the whole spectrum, so that nothing else changes; then all is
done anew, detection too::

    python -m benchmarks.accuracy.stability [--every 8] [--readings 100]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import ecg_engine as ee
from benchmarks.accuracy.statements import SETS, data_folder

SHIFT_S: Final = 0.001
#: Mirrored signal on both sides, s, so that the ends do not ring.
_EDGE_S: Final = 1.0


def shifted(signal: NDArray[np.float64], fs: float, seconds: float = SHIFT_S) -> NDArray[np.float64]:
    """Return leads, (n_leads, n_samples), as they would be had sampling begun so much later."""
    edge = round(_EDGE_S * fs)
    wide = np.pad(np.asarray(signal, dtype=np.float64), ((0, 0), (edge, edge)), mode="reflect", reflect_type="odd")
    n = wide.shape[1]
    phase = np.exp(2j * np.pi * np.fft.rfftfreq(n, 1 / fs) * seconds)
    return np.fft.irfft(np.fft.rfft(wide) * phase, n)[:, edge:-edge]


@dataclass(slots=True)
class Tally:
    """What became of the statements: how many were made, how many stayed, in how many tracings all are the same."""

    said: int = 0
    stayed: int = 0
    tracings: int = 0
    identical: int = 0
    gone: Counter[str] = field(default_factory=Counter)
    come: Counter[str] = field(default_factory=Counter)

    def add(self, before: frozenset[str], after: frozenset[str]) -> None:
        """Count one tracing."""
        self.said += len(before)
        self.stayed += len(before & after)
        self.tracings += 1
        self.identical += before == after
        self.gone.update(before - after)
        self.come.update(after - before)

    @property
    def share(self) -> float:
        """Share of the statements that stay."""
        return self.stayed / max(1, self.said)


def codes(report: ee.EcgReport) -> frozenset[str]:
    """Return the codes of what a report says."""
    return frozenset(s.code for s in report.statements)


def recordings(data: Path, every: int) -> Iterator[tuple[str, str, ee.Recording]]:
    """Yield set, name and recording of each `every`-th record."""
    for source, records in SETS.items():
        for k, (name, _, made) in enumerate(records(data)):
            if k % every == 0:
                yield source, name, made()


def tally(data: Path, every: int = 1) -> dict[str, Tally]:
    """Return what a shift of 1 ms does, by set."""
    out = {source: Tally() for source in SETS}
    for source, name, recording in recordings(data, every):
        later = replace(recording, signal=shifted(recording.signal, recording.fs))
        before, after = codes(ee.analyze_ecg(recording)), codes(ee.analyze_ecg(later))
        out[source].add(before, after)
        if before != after:
            print(f"  {source} {name}: gone {sorted(before - after)}, come {sorted(after - before)}")
    return out


def readings(data: Path, every: int, n: int) -> None:
    """Print what `n` altered readings say of the statements, and what they cost."""
    shares: list[float] = []
    costs: list[float] = []
    low: Counter[str] = Counter()
    for _, _, recording in recordings(data, every):
        start = time.process_time()
        plain = ee.analyze_ecg(recording)
        middle = time.process_time()
        report = ee.analyze_ecg(recording, stability_n=n)
        costs.append(time.process_time() - middle - (middle - start))
        assert codes(plain) == codes(report)
        for statement in report.statements:
            assert statement.stability is not None
            shares.append(statement.stability)
            if statement.stability < 0.8:
                low[statement.code] += 1
    found = np.array(shares)
    print(
        f"{n} readings of {len(costs)} recordings, s of one core: "
        f"{np.median(costs):.2f} (median), {max(costs):.2f} (most)"
    )
    print(
        f"statements {len(found)}: mean share {found.mean():.3f}; >= 0.95 in {np.mean(found >= 0.95):.3f}, "
        f"< 0.8 in {np.mean(found < 0.8):.3f}, < 0.5 in {np.mean(found < 0.5):.3f}; < 0.8: {dict(low)}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take every n-th record only")
    parser.add_argument("--readings", type=int, default=0, help="make so many altered readings too")
    asked = parser.parse_args()
    data = data_folder()
    for source, found in tally(data, asked.every).items():
        print(
            f"{source}: {found.stayed} of {found.said} statements stay ({100 * found.share:.2f} %), all the same in "
            f"{found.identical} of {found.tracings} tracings; gone {dict(found.gone)}, come {dict(found.come)}"
        )
    if asked.readings:
        readings(data, asked.every, asked.readings)


if __name__ == "__main__":
    main()
