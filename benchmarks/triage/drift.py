"""How far scores move when JPEG 2000 and HTJ2K are decoded at a lower resolution, as the triage does.

    python benchmarks/triage/drift.py --n 120

Each study of ``make_studies.py`` in these two syntaxes is scored whole and reduced. The table says the largest
difference of any calibrated score of a study: its mean, 95th percentile and largest over the studies.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.triage.make_studies import make, reference_data
from ecg_engine.dicom.radiographs import read_radiograph
from ecg_engine.pipeline import analyze_radiograph
from ecg_engine.pipeline.radiographs import DECODED_PX

SIDES: Final = (DECODED_PX, DECODED_PX // 2)


def scores(path: Path, least_side: int | None) -> dict[str, float]:
    report = analyze_radiograph(read_radiograph(path, age_years=50, least_side=least_side))
    return {finding.code: finding.score for finding in report.findings}


def drifts(folder: Path, least_side: int) -> np.ndarray:
    """Return the largest drift of each study under `folder`."""
    out = []
    for path in sorted(folder.rglob("*.dcm")):
        whole, reduced = scores(path, None), scores(path, least_side)
        if whole.keys() != reduced.keys():
            raise ValueError(f"{path}: scored {sorted(whole)} whole, {sorted(reduced)} reduced")
        if whole:
            out.append(max(abs(whole[code] - reduced[code]) for code in whole))
    return np.array(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=120)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studies = Path(folder) / "studies"
        make(studies, said.n, data=reference_data(), syntaxes=("jpeg_2000", "htj2k"), n_pictures=said.n // 2)
        for side in SIDES:
            found = drifts(studies, side)
            print(
                f"at least {side} px: {len(found)} studies, drift mean {found.mean():.4f}, "
                f"95th percentile {np.quantile(found, 0.95):.4f}, largest {found.max():.4f}"
            )


if __name__ == "__main__":
    main()
