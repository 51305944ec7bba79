"""Draw beats and rhythms of doubtful labels for docs/methods.md; ECG_ENGINE_DATA names the folder of the data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS

#: The leads that prove or refute a block; records of PTB-XL (CC BY 4.0) and LUDB (ODC-By 1.0) that are shown in them.
PROVING: Final = ("V1", "V2", "I", "V6")
SHOWN: Final = ("ptbxl_188", "ptbxl_255", "ptbxl_282", "ptbxl_287", "ptbxl_482", "ludb_22", "ludb_127")
#: Record and lead whose rhythm is shown whole, at 12.5 mm/s.
STRIPS: Final = {"ptbxl_181": "V1", "ptbxl_423": "V1"}
#: Pixels of a millimetre of paper; 25 mm/s and 10 mm/mV.
MM: Final = 4
WIDTH_MM, HEIGHT_MM, MIDDLE_MM = 20, 32, 20


def tracing(signal: np.ndarray, fs: float, left_mm: float) -> str:
    """Return the polyline of one lead."""
    x = (left_mm + np.arange(len(signal)) / fs * 25) * MM
    y = (MIDDLE_MM - signal * 10) * MM
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline fill="none" stroke="#000" stroke-width="1.2" points="{points}"/>'


def signal_of(name: str) -> np.ndarray:
    """Return the leads of a record, mV at 500 Hz."""
    source, record = name.split("_")
    folder = Path(os.environ["ECG_ENGINE_DATA"]) / "ecg" / source
    if source == "ludb":
        recording = ee.read_ecg(folder / f"{record}.hea")
        return np.stack([recording.signal[recording.leads.index(lead)] for lead in STANDARD_LEADS])
    packed = np.load(folder / "raw_500hz.npz")
    names = [line.split(",")[0] for line in (folder / "raw_500hz.csv").read_text(encoding="utf-8").splitlines()[1:]]
    return np.asarray(packed["x"][names.index(record)] / float(packed["gain_per_mV"]))


def paper(w: int, h: int) -> str:
    """Return the lines of the paper, 5 mm apart."""
    lines = [f'<line x1="{x}" y1="0" x2="{x}" y2="{h}"/>' for x in range(0, w + 1, 5 * MM)]
    lines += [f'<line x1="0" y1="{y}" x2="{w}" y2="{y}"/>' for y in range(0, h + 1, 5 * MM)]
    return f'<g stroke="#e8b0b0" stroke-width="0.6">{"".join(lines)}</g>'


def strip(record: str, lead: str) -> str:
    """Return the SVG of ten seconds of a lead."""
    row = signal_of(record)[STANDARD_LEADS.index(lead)].reshape(-1, 4).mean(axis=1)
    # Half the paper speed: the samples stand at twice the rate they have.
    body = tracing(row - np.median(row), 250.0, 1)
    w, h = 130 * MM, HEIGHT_MM * MM
    name = f'<text x="{MM}" y="12" font-family="sans-serif" font-size="11">{lead}</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">{paper(w, h)}{body}{name}</svg>\n'


def picture(record: str, leads: tuple[str, ...]) -> str:
    """Return the SVG of some leads' median beats."""
    signal = signal_of(record)
    beat = ee.analyze_ecg(ee.Recording(signal=signal, fs=500.0, leads=STANDARD_LEADS)).median_beat
    assert beat is not None
    onset = int(beat.marks.qrs_onset[0])
    shown = slice(max(0, onset - 125), onset + 250)
    w, h = len(leads) * WIDTH_MM * MM, HEIGHT_MM * MM
    body = [paper(w, h)]
    for k, lead in enumerate(leads):
        row = beat.signal[STANDARD_LEADS.index(lead)]
        body.append(tracing(row[shown] - row[onset], beat.fs, k * WIDTH_MM + 1))
        body.append(f'<text x="{(k * WIDTH_MM + 1) * MM}" y="12" font-family="sans-serif" font-size="11">{lead}</text>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">{"".join(body)}</svg>\n'


def main() -> None:
    """Write a picture of each record beside this file."""
    pictures = {name: picture(name, PROVING) for name in SHOWN}
    pictures |= {name: strip(name, lead) for name, lead in STRIPS.items()}
    for name, drawn in pictures.items():
        (Path(__file__).parent / "pictures" / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
