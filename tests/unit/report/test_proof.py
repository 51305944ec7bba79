"""The wave that proves a statement is marked where it stands, and nothing is marked on a normal ECG."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.report.drawing import Drawing, Strokes
from ecg_engine.report.page import draw_page
from ecg_engine.report.proof import proofs
from ecg_engine.settings import PageSettings
from ecg_engine.types import Beats, Evidence, Statement
from tests.reference.ecg_model import LEADS, PRESETS, simulate

FS = 500
#: A page begins at 31 mm and runs at 25 mm/s.
X_ZERO, SPEED = 31.0, 25.0


def recording(preset: str) -> ee.Recording:
    signal, _ = simulate(PRESETS[preset], fs=FS, duration_s=10.0, rng=np.random.default_rng(5))
    return ee.Recording(signal=signal, fs=FS, leads=LEADS, patient=ee.Patient(age_years=61, sex="M"))


def page(report: ee.EcgReport, of: ee.Recording, lang: str = "en") -> Drawing:
    return draw_page(report, of, lang=lang, settings=PageSettings())


def brackets(drawing: Drawing) -> list[tuple[float, float]]:
    """Left and right end of each bracket, mm."""
    out = []
    for stroke in (cast(Strokes, element) for element in drawing.of("proof")):
        lines = stroke.points.reshape(-1, 3, 2)[:, :2]
        out += [(a[0], b[0]) for a, b in lines if a[1] == b[1]]
    return out


def labels(drawing: Drawing) -> set[str]:
    return {text.text for text in drawing.texts() if text.role == "proof-label"}


def with_statements(report: ee.EcgReport, *statements: Statement) -> ee.EcgReport:
    return replace(report, statements=statements)


def test_nothing_is_marked_on_a_normal_ecg() -> None:
    of = recording("normal")
    report = ee.analyze_ecg(of)
    assert {s.code for s in report.statements} <= {"normal_ecg", "sinus_rhythm"}
    assert brackets(page(report, of)) == []


def test_elevated_leads_are_marked_at_st() -> None:
    of = recording("inferior_injury")
    report = ee.analyze_ecg(of)
    drawing = page(report, of)
    assert {p.lead for p in proofs(report)} >= {"II", "III", "aVF"}
    assert any(text.startswith("ST 0.") for text in labels(drawing))
    assert report.delineation is not None
    j_points = report.delineation.qrs_offset / FS
    for left, right in brackets(drawing):
        at_s = (left - X_ZERO) / SPEED
        if right - left < 2.1:  # 80 ms
            assert np.abs(j_points - at_s).min() < 0.002
            assert right - left == pytest.approx(0.08 * SPEED, abs=0.06)


def test_an_interval_is_marked_on_the_rhythm_strip_between_its_marks() -> None:
    of = recording("av_block_1")
    report = ee.analyze_ecg(of)
    report = with_statements(report, *(s for s in report.statements if s.code == "av_block_1"))
    drawing = page(report, of)
    ((left, right),) = brackets(drawing)
    assert report.delineation is not None
    starts, stops = report.delineation.p_onset / FS, report.delineation.qrs_onset / FS
    k = int(np.argmin(np.abs(starts - (left - X_ZERO) / SPEED)))
    assert (left - X_ZERO) / SPEED == pytest.approx(starts[k], abs=0.001)
    assert (right - X_ZERO) / SPEED == pytest.approx(stops[k], abs=0.001)
    assert labels(drawing) == {f"PR {report.measurements.overall['pr_ms']:.0f} ms"}


def test_a_pause_is_marked_between_its_beats() -> None:
    of = recording("normal")
    report = ee.analyze_ecg(of)
    r_peaks = report.beats.r_peaks
    kept = np.delete(r_peaks, [4, 5, 6])
    evidence = Evidence(measurement="pause_s", value=3.4, relation=">=", threshold=3.0, source="acc_brady_2018")
    report = with_statements(
        replace(report, beats=Beats(r_peaks=kept, kinds=np.full(len(kept), "N"))),
        Statement(code="pause", evidence=(evidence,)),
    )
    ((left, right),) = brackets(page(report, of))
    assert (left - X_ZERO) / SPEED == pytest.approx(r_peaks[3] / FS, abs=0.001)
    assert (right - X_ZERO) / SPEED == pytest.approx(r_peaks[7] / FS, abs=0.001)


def test_what_presses_is_marked_before_the_rest() -> None:
    low = Evidence(measurement="r_mv", value=0.3, lead="V1", source="aha_2009_iii")
    st = Evidence(measurement="st_j_mv", value=0.3, lead="V1", relation=">=", threshold=0.1, source="udmi4")
    of = recording("normal")
    report = ee.analyze_ecg(of)
    report = replace(
        report,
        statements=(Statement(code="low_voltage", evidence=(low,)), Statement(code="st_elevation", evidence=(st,))),
        urgency=replace(report.urgency, because=("st_elevation",)),
    )
    assert [p.evidence.measurement for p in proofs(report)] == ["st_j_mv"]


@pytest.mark.parametrize("preset", ["lbbb", "inferior_injury", "rbbb", "paced"])
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_labels_stay_on_the_paper_and_apart(preset: str, lang: str) -> None:
    of = recording(preset)
    drawing = page(ee.analyze_ecg(of), of, lang)
    written = [text.bounds for text in drawing.texts() if text.role == "proof-label"]
    for k, (left, top, right, bottom) in enumerate(written):
        assert 11.0 <= left < right <= 286.5
        assert 58.5 <= top < bottom <= 189.0
        for other in written[k + 1 :]:
            assert left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom
