"""Recordings and reports made by hand: what the page is given, without the engine that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import (
    Beats,
    Delineation,
    EcgReport,
    Evidence,
    Filters,
    LeadQuality,
    Measurements,
    Note,
    Patient,
    Quality,
    Recording,
    Source,
    Statement,
    Urgency,
)

PATIENT = Patient(
    id="A-1042", name="Иванова Мария Петровна", birth_date=date(1962, 3, 4), age_years=61, sex="F",
    complaint="боль в груди", drugs=("аспирин",),
)  # fmt: skip
MEASURED = {
    "heart_rate_bpm": 72.0, "rr_ms": 833.0, "p_duration_ms": 104.0, "pr_ms": 162.0, "qrs_ms": 92.0, "qt_ms": 384.0,
    "qtc_bazett_ms": 421.0, "qtc_fridericia_ms": 408.0, "p_axis_deg": 48.0, "qrs_axis_deg": -35.0, "t_axis_deg": 41.0,
}  # fmt: skip
WORDS = {"qrs_axis_deg": {"aha": "aha_left_moderate", "russian": "russian_left"}}
STATEMENTS = (
    Statement(
        code="sinus_rhythm",
        evidence=(
            Evidence(measurement="p_share_percent", value=100.0, relation=">=", threshold=80.0, source="aha_2009_iii"),
        ),
    ),
    Statement(
        code="st_elevation",
        certainty="probable",
        leads=("II", "III", "aVF"),
        evidence=tuple(
            Evidence(measurement="st_j_mv", value=v, lead=n, relation=">=", threshold=0.1, source="udmi4")
            for n, v in (("II", 0.21), ("III", 0.26), ("aVF", 0.23))
        ),
    ),
    Statement(
        code="axis_left",
        evidence=(Evidence(measurement="qrs_axis_deg", value=-35.0, relation="<", threshold=-30.0),),
    ),
)  # fmt: skip
NOTES = (
    Note(stage="interpretation", code="filters_unknown"),
    Note(stage="measurement", code="st_filtered", facts={"highpass_hz": 0.5}),
    Note(stage="interpretation", code="rules_checked"),
)


def beat_signal(n_leads: int, n_samples: int, fs: float, *, rr_s: float = 0.833, scale: float = 1.0) -> np.ndarray:
    """Return a drawn heart beat in every lead: bumps for P, Q, R, S and T, the leads scaled differently."""
    t = np.arange(n_samples) / fs
    phase = (t - 0.35) % rr_s
    one = np.zeros_like(t)
    for at, width, height in (
        (0.10, 0.020, 0.12), (0.235, 0.008, -0.1), (0.26, 0.011, 1.1), (0.285, 0.009, -0.25), (0.50, 0.045, 0.28),
    ):  # fmt: skip
        one += height * np.exp(-((phase - at) ** 2) / (2 * width**2))
    factors = np.array([0.6, 1.0, 0.5, -0.8, 0.2, 0.75, -0.6, -0.8, 0.5, 1.2, 1.1, 0.9, 0.4, 0.6, -0.5, 0.7])
    return scale * one * factors[np.arange(n_leads) % factors.size][:, None]


def recording(
    leads: Sequence[str] = STANDARD_LEADS,
    *,
    seconds: float = 10.0,
    fs: float = 500.0,
    signal: np.ndarray | None = None,
    **known: Any,
) -> Recording:
    n = round(seconds * fs)
    return Recording(
        signal=beat_signal(len(leads), n, fs) if signal is None else signal,
        fs=fs,
        leads=tuple(leads),
        start=known.pop("start", datetime(2024, 5, 1, 9, 17, 34)),
        patient=known.pop("patient", PATIENT),
        source=known.pop(
            "source", Source(path="archive/visit-0042.scp", format="scp", device="Heart Screen 60G", filters=Filters())
        ),
    )


def report_of(rec: Recording, **changed: Any) -> EcgReport:
    filters = rec.source.filters
    patient = rec.patient
    values: dict[str, Any] = {
        "fs": rec.fs,
        "leads": rec.leads,
        "duration_s": rec.duration_s,
        "start": None if rec.start is None else rec.start.isoformat(),
        "source": {
            "path": rec.source.path,
            "format": rec.source.format,
            "device": rec.source.device,
            "filters": None
            if filters is None
            else {"highpass_hz": filters.highpass_hz, "lowpass_hz": filters.lowpass_hz, "notch_hz": filters.notch_hz},
            "lsb_mv": None,
            "measurements": {},
            "statements": [],
        },
        "patient": {
            "id": patient.id,
            "name": patient.name,
            "birth_date": None if patient.birth_date is None else patient.birth_date.isoformat(),
            "age_years": patient.age_years,
            "sex": patient.sex,
            "pacemaker": patient.pacemaker,
            "complaint": patient.complaint,
            "drugs": list(patient.drugs),
        },
        "quality": Quality(by_lead={n: LeadQuality(usable=True) for n in rec.leads}, acceptable=True),
        "beats": Beats(r_peaks=np.zeros(0, np.int64)),
        "delineation": None,
        "median_beat": None,
        "measurements": Measurements(overall=MEASURED, words=WORDS),
        "statements": STATEMENTS,
        "urgency": Urgency(level="urgent", because=("st_elevation",)),
        "notes": NOTES,
        "filters_applied": ("baseline_removed", "mains_removed:50"),
    }
    return EcgReport(**(values | changed))


def delineation(rec: Recording, *, rr_s: float = 0.833) -> Delineation:
    """Return the marks of `beat_signal`."""
    starts = np.arange(0.35, rec.duration_s - 0.8, rr_s)
    at = {
        "p_onset": 0.05, "p_peak": 0.10, "p_offset": 0.15, "qrs_onset": 0.21, "qrs_offset": 0.315, "t_onset": 0.40,
        "t_peak": 0.50, "t_offset": 0.61,
    }  # fmt: skip
    return Delineation(**{name: np.round((starts + s) * rec.fs).astype(np.int64) for name, s in at.items()})
