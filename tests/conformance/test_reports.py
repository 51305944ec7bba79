"""One ECG gives one report, in whatever format it came: those that are written, and made-up exports of devices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_engine.formats import FORMATS, read_ecg, write_ecg
from ecg_engine.leads import STANDARD_LEADS, derive_limb_leads
from ecg_engine.pipeline import analyze_ecg
from ecg_engine.types import EcgReport, Filters, Patient, Recording, Source
from tests.unit.formats import exports

SUFFIXES = {row.name: row.suffixes[0] for row in FORMATS}
WRITTEN = [row.name for row in FORMATS if row.writer is not None]
#: Steps of 10 µV are whole steps in each export, and whole halves in derived leads.
STEP_UV = 10
FILTERS = Filters(highpass_hz=0.05, lowpass_hz=150.0)
#: Files of devices by hand, from digits of 10 µV: how the rows get there.
MADE: dict[str, Callable[[NDArray[np.int64]], bytes]] = {
    "muse": lambda rows: exports.declared(exports.muse(rows[[0, 1, 6, 7, 8, 9, 10, 11]]).replace("4.88", str(STEP_UV))),
    "sierra": lambda rows: exports.declared(exports.sierra(rows * 2)),
    "cardiosoft": lambda rows: exports.declared(exports.cardiosoft(rows * 2)),
    "schiller": lambda rows: exports.declared(exports.schiller(rows * 4)),
    "mortara": lambda rows: exports.declared(exports.mortara(rows * 4)),
    "mfer": lambda rows: exports.mfer(rows * 4, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)),
    "mat": lambda rows: exports.mat({"signal": rows * STEP_UV, "units": "uV", "fs": 500.0}),
    # Physical limits that are the digital ones: a microvolt a step.
    "bdf": lambda rows: exports.bdf(rows * STEP_UV, STANDARD_LEADS, seconds=10, limits=("-8388608", "8388607")),
    "kardia": lambda rows: exports.kardia(rows[:6] * 20, rate=500, marks=()),
}
#: Leads of those that hold fewer than twelve.
LEADS = {"kardia": STANDARD_LEADS[:6]}


@cache
def visit() -> tuple[Recording, NDArray[np.int64]]:
    """Ten seconds of sinus rhythm whose limb leads follow from I and II, and its digits."""
    rng = np.random.default_rng(11)
    t = np.arange(5000) / 500
    waves = ((0.12, 0.16, 0.02), (-0.08, 0.295, 0.008), (1.1, 0.32, 0.012), (-0.25, 0.355, 0.012), (0.3, 0.6, 0.05))
    beat = sum(a * np.exp(-(((t % 0.8) - m) ** 2) / (2 * s * s)) for a, m, s in waves)
    gains = {"I": 0.8, "II": 1.2, "V1": -0.6, "V2": 0.5, "V3": 0.8, "V4": 1.4, "V5": 1.2, "V6": 0.9}
    own = {
        name: np.round(100 * (gain * beat + 0.01 * rng.standard_normal(5000)) / 2) * 2 for name, gain in gains.items()
    }
    every = own | {
        "III": own["II"] - own["I"], "aVR": -(own["I"] + own["II"]) / 2, "aVL": own["I"] - own["II"] / 2,
        "aVF": own["II"] - own["I"] / 2,
    }  # fmt: skip
    digits = np.stack([every[name] for name in STANDARD_LEADS]).astype(np.int64)
    recording = Recording(
        signal=digits * (STEP_UV / 1000), fs=500.0, leads=STANDARD_LEADS, patient=Patient(age_years=61, sex="F"),
        source=Source(filters=FILTERS, lsb_mv=(STEP_UV / 1000,) * 12),
    )  # fmt: skip
    return recording, digits


def judged(recording: Recording) -> dict[str, Any]:
    """What the engine says of the samples: the same patient and filters for all, which not every export names."""
    plain = Recording(
        signal=recording.signal, fs=recording.fs, leads=recording.leads, patient=visit()[0].patient,
        source=Source(filters=FILTERS),
    )  # fmt: skip
    report: EcgReport = analyze_ecg(plain)
    said = report.to_dict()
    return {key: said[key] for key in ("quality", "measurements", "statements", "urgency", "notes", "beats")}


def same(one: Any, other: Any, where: str = "") -> None:
    """Compare values of plain JSON types, numbers to nine digits."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}/{i}")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9), where
    else:
        assert one == other, where


@cache
def wanted(leads: tuple[str, ...] = STANDARD_LEADS) -> dict[str, Any]:
    whole = visit()[0]
    found = judged(replace(whole, signal=np.stack([whole.lead(name) for name in leads]), leads=leads))
    assert found["statements"] and found["measurements"], "an ECG of which nothing is said compares nothing"
    return found


def test_the_ecg_is_what_it_claims() -> None:
    recording, _ = visit()
    limb = derive_limb_leads(recording.signal[:2], ("I", "II"))
    for name in ("III", "aVR", "aVL", "aVF"):
        np.testing.assert_allclose(recording.lead(name), limb[name], atol=1e-12)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_written_format_gives_the_same_report(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"visit{SUFFIXES[name]}"
    write_ecg(visit()[0], path)
    same(judged(read_ecg(path)), wanted())


@pytest.mark.parametrize("name", MADE)
def test_every_export_gives_the_same_report(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"visit{SUFFIXES[name]}"
    path.write_bytes(MADE[name](visit()[1]))
    read = read_ecg(path)
    leads = LEADS.get(name, STANDARD_LEADS)
    assert read.source.format == name and read.leads == leads
    same(judged(read), wanted(leads))


def test_no_format_is_left_out() -> None:
    assert {row.name for row in FORMATS} == {*WRITTEN, *MADE}
