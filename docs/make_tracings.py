"""Draw the median beats of doubtful labels that docs/methods.md shows; ECG_ENGINE_DATA names the folder of the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS

#: Record of PTB-XL (CC BY 4.0) and the leads that prove it.
SHOWN: Final = {"287": ("V1", "V2", "I", "V6"), "255": ("V1", "V2", "I", "V6")}
#: Pixels of a millimetre of paper; 25 mm/s and 10 mm/mV.
MM: Final = 4
WIDTH_MM, HEIGHT_MM, MIDDLE_MM = 20, 32, 20


def tracing(signal: np.ndarray, fs: float, left_mm: float) -> str:
    """Return the polyline of one lead."""
    x = (left_mm + np.arange(len(signal)) / fs * 25) * MM
    y = (MIDDLE_MM - signal * 10) * MM
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline fill="none" stroke="#000" stroke-width="1.2" points="{points}"/>'


def picture(record: str, leads: tuple[str, ...]) -> str:
    """Return the SVG of some leads' median beats."""
    folder = Path(os.environ["ECG_ENGINE_DATA"]) / "ecg" / "ptbxl"
    packed = np.load(folder / "raw_500hz.npz")
    names = [line.split(",")[0] for line in (folder / "raw_500hz.csv").read_text(encoding="utf-8").splitlines()[1:]]
    signal = packed["x"][names.index(record)] / float(packed["gain_per_mV"])
    beat = ee.analyze_ecg(ee.Recording(signal=signal, fs=500.0, leads=STANDARD_LEADS)).median_beat
    assert beat is not None
    onset = int(beat.marks.qrs_onset[0])
    shown = slice(max(0, onset - 125), onset + 250)
    w, h = len(leads) * WIDTH_MM * MM, HEIGHT_MM * MM
    lines = [f'<line x1="{x}" y1="0" x2="{x}" y2="{h}"/>' for x in range(0, w + 1, 5 * MM)]
    lines += [f'<line x1="0" y1="{y}" x2="{w}" y2="{y}"/>' for y in range(0, h + 1, 5 * MM)]
    body = [f'<g stroke="#e8b0b0" stroke-width="0.6">{"".join(lines)}</g>']
    for k, lead in enumerate(leads):
        row = beat.signal[STANDARD_LEADS.index(lead)]
        body.append(tracing(row[shown] - row[onset], beat.fs, k * WIDTH_MM + 1))
        body.append(f'<text x="{(k * WIDTH_MM + 1) * MM}" y="12" font-family="sans-serif" font-size="11">{lead}</text>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">{"".join(body)}</svg>\n'


def main() -> None:
    """Write a picture of each record beside this file."""
    for record, leads in SHOWN.items():
        Path(__file__).with_name(f"ptbxl_{record}.svg").write_text(picture(record, leads), encoding="utf-8")


if __name__ == "__main__":
    main()
