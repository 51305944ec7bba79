"""What a written file does not hold is named: the places that each format lacks by its own description."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.formats import losses, write_ecg
from ecg_engine.types import Annotation, DeviceBeat, Patient, Recording, Source

FULL = Patient(
    id="K-0042",
    name="Щукина Юлия Петровна",
    age_years=61,
    sex="F",
    pacemaker=True,
    complaint="боль",
    drugs=("сотагексал",),
)


def said(given: Recording, path: Path) -> set[str]:
    write_ecg(given, path)
    return {*losses(given, path)}


@pytest.fixture
def full(recording: Recording) -> Recording:
    """A recording that says everything."""
    beat = DeviceBeat(signal=np.zeros((1, 300)), fs=500.0, leads=("II",))
    source = Source(
        device="Acme X1", measurements={"qrs_ms": 92.0, "qtc_hodges_ms": 431.0}, statements=("Норма",), beat=beat,
        lsb_mv=recording.source.lsb_mv, details={"institution": "ЦРБ"},
    )  # fmt: skip
    start = datetime(2024, 3, 5, 11, 22, 33, 500_000, tzinfo=timezone(timedelta(hours=3)))
    marks = (Annotation(sample=100, symbol="V"), Annotation(sample=321, text="боль", lead="II", duration=20))
    return replace(recording, patient=FULL, source=source, start=start, annotations=marks)


@pytest.mark.parametrize("name", ["a.json", "a.npz"])
def test_formats_of_our_own_lose_nothing(name: str, full: Recording, tmp_path: Path) -> None:
    assert said(full, tmp_path / name) == set()


def test_edf_has_no_place_for_findings_zone_complaint_and_drugs(full: Recording, tmp_path: Path) -> None:
    lost = said(full, tmp_path / "a.edf")
    assert {
        "the time zone", "the complaint", "the drugs", "the patient's name as it was",
        "2 of 2 measurements of the device", "1 of 1 statements of the device", "the device's representative beat",
        "details of the source that no field has", "symbol, text, length or lead of annotations as they were",
    } == lost  # fmt: skip
    assert not any(word in " ".join(lost) for word in ("K-0042", "Щукина", "боль", "сотагексал"))


def test_scp_has_no_place_for_annotations_parts_of_a_second_and_pacemaker(full: Recording, tmp_path: Path) -> None:
    assert {
        "parts of a second of the start", "the pacemaker", "2 of 2 annotations", "the device's representative beat",
        "details of the source that no field has",
    } == said(full, tmp_path / "a.scp")  # fmt: skip


def test_dicom_has_no_code_for_hodges(full: Recording, tmp_path: Path) -> None:
    lost = said(full, tmp_path / "a.dcm")
    assert {"1 of 2 measurements of the device", "the drugs", "the pacemaker"} <= lost
    assert not {one for one in lost if "statements" in one or "time" in one}


def test_rounded_samples_are_said_with_how_much(recording: Recording, tmp_path: Path) -> None:
    signal = recording.signal + 0.4e-3 * np.sin(np.arange(recording.n_samples))
    given = replace(recording, signal=signal, source=Source(lsb_mv=recording.source.lsb_mv))
    lost = [one for one in said(given, tmp_path / "a.edf") if one.startswith("samples exactly")]
    assert len(lost) == 1
    # Sixteen bits over the lead's range, no finer than 0.1 µV: half a step of it at most.
    most_uv = max(0.1, float(np.ptp(signal, axis=1).max()) / 65535 * 1000) / 2
    assert 0 < float(lost[0].split("up to ")[1].split(" ")[0]) <= most_uv


def test_a_file_of_another_length_is_not_what_was_written(recording: Recording, tmp_path: Path) -> None:
    write_ecg(recording, tmp_path / "a.edf")
    longer = replace(recording, signal=np.hstack([recording.signal, recording.signal]))
    assert "the number of samples" in losses(longer, tmp_path / "a.edf")
