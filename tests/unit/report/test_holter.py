"""Pages of a long recording: what stands on them, where, and that they stay bounded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import pypdfium2
import pytest
from PIL import Image

import ecg_engine as ee
from ecg_engine import vocabulary
from ecg_engine.report import render_bytes
from ecg_engine.report.drawing import Box, Drawing, Strokes, stacked
from ecg_engine.report.holter import HOLTER_S, draw_holter
from ecg_engine.report.holter_strips import MOST_STRIPS, choose_strips
from ecg_engine.report.holter_trend import rate_bins
from ecg_engine.report.holter_words import clock, kind_text, summary_lines
from ecg_engine.report.page import draw_pages
from ecg_engine.settings import PageSettings
from ecg_engine.types import Beats, EcgReport, Patient, Recording
from ecg_engine.types.long import EPISODE_KINDS, Episode, Hour
from tests.reference.long_ecg import LEADS, Tape, TapeTruth

FS = 250.0
START = datetime(2026, 5, 4, 9, 50)
Told = tuple[EcgReport, Recording, TapeTruth]


@pytest.fixture(scope="module")
def told() -> Told:
    t = Tape(seed=11).sinus(120, bpm=68)
    t.run(1).sinus(20, bpm=68).run(2, bpm=140).sinus(60).run(5, bpm=160).sinus(60, bpm=72)
    t.pause(2.6).sinus(60).pause(3.5).sinus(60).bigeminy(8).sinus(90).fibrillation(180, bpm=95).sinus(200, bpm=64)
    signal, truth = t.draw(fs=FS)
    patient = Patient(name="Иванова Мария Петровна", id="A-1042", age_years=61, sex="F")
    recording = Recording(signal=signal, fs=FS, leads=LEADS, start=START, patient=patient)
    return ee.analyze_ecg(recording), recording, truth


def pages(told: Told, lang: str = "en", **settings: object) -> list[Drawing]:
    return draw_holter(told[0], told[1], lang=lang, settings=PageSettings(**settings))  # type: ignore[arg-type]


def words(drawing: Drawing) -> str:
    return "\n".join(t.text for t in drawing.texts())


def of_day(seconds: float) -> str:
    total = round(seconds) + 9 * 3600 + 50 * 60
    return f"{total // 3600:02}:{total // 60 % 60:02}:{total % 60:02}"


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_nothing_leaves_the_sheet_and_no_text_crosses_another(told: Told, lang: str) -> None:
    for drawing in pages(told, lang):
        texts = [t for t in drawing.texts() if t.role not in ("beat-class", "rr")]
        for t in drawing.texts():
            left, top, right, bottom = t.bounds
            assert left >= 10 and top >= 0 and right <= 287.5 and bottom <= 210, t.text
        for i, a in enumerate(texts):
            for b in texts[i + 1 :]:
                la, ta, ra, ba = a.bounds
                lb, tb, rb, bb = b.bounds
                overlap = min(ra, rb) - max(la, lb), min(ba, bb) - max(ta, tb)
                assert overlap[0] <= 0.1 or overlap[1] <= 0.6, (a.text, b.text)


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_summary_says_what_was_told(told: Told, lang: str) -> None:
    report, _, truth = told
    (pause,) = [a for a, b, kind in truth.spans if kind == "pause" and b - a > 3]
    (run,) = [a for a, _, kind in truth.spans if kind == "run_V5"]
    text = " ".join(words(pages(told, lang)[0]).split())
    lines = summary_lines(report, lang)
    assert any(of_day(pause) in line and re.search(r"3[.,]5", line) for line in lines)
    assert any(of_day(run) in line and "5" in line for line in lines)
    for line in lines:
        assert line.split()[0] in text
    for statement in report.statements:
        assert vocabulary.statement(statement.code).text[lang].split()[0] in text
    assert re.search(r"physician|врач", text)


def test_pages_are_numbered_and_say_whose_they_are(told: Told) -> None:
    drawn = pages(told)
    for number, drawing in enumerate(drawn, start=1):
        text = words(drawing)
        assert f"page {number} of {len(drawn)}" in text
        assert "Иванова Мария Петровна" in text
        assert "Preliminary" in text


def test_strips_are_to_scale_and_at_their_time(told: Told) -> None:
    truth = told[2]
    (start,) = [a for a, _, kind in truth.spans if kind == "run_V5"]
    for drawing in pages(told):
        traces = [e for e in drawing.of("trace") if isinstance(e, Strokes)]
        for trace in traces:
            x = trace.points[:, 0]
            # 25 mm/s: 250 samples are 25 mm.
            assert (x[-1] - x[0]) / (len(x) - 1) == pytest.approx(25 / FS)
            assert x[-1] - x[0] == pytest.approx(250, abs=0.2)
        pulses = [e for e in drawing.of("calibration") if isinstance(e, Strokes)]
        assert len(pulses) == len(traces)
        for pulse in pulses:
            assert np.ptp(pulse.points[:, 1]) == pytest.approx(10.0)
    captions = [t.text for drawing in pages(told) for t in drawing.texts() if t.role == "strip-facts"]
    assert any(of_day(start) in caption and "5 beats" in caption for caption in captions)
    assert all("10 mm/mV" in t.text for drawing in pages(told) for t in drawing.texts() if t.role == "strip-scale")


def test_classes_stand_over_their_beats(told: Told) -> None:
    report, _, _ = told
    for drawing in pages(told)[2:]:
        letters = [t for t in drawing.texts() if t.role == "beat-class"]
        assert letters
        assert {t.text for t in letters} <= set("NSVFQ")
        for letter in letters:
            assert letter.bold == (letter.text != "N")
    assert report.beats.kinds is not None


def test_strips_show_the_gravest_once(told: Told) -> None:
    report, _, _ = told
    strips = choose_strips(report)
    kinds = [s.kind for s in strips]
    assert "pause_3s" in kinds and "atrial_fibrillation" in kinds
    assert {"ventricular_run", "fast_ventricular"} & set(kinds)
    spans = [(s.episode.start_s, s.episode.stop_s) for s in strips]
    assert len(set(spans)) == len(spans)


def test_strips_and_pages_are_bounded(told: Told) -> None:
    report, recording, _ = told
    assert report.long is not None
    many = tuple(
        Episode(kind=kind, start_s=30.0 + i, stop_s=31.0 + i, n_beats=3, rate_bpm=120.0)
        for i in range(300)
        for kind in EPISODE_KINDS
    )
    hour = report.long.hours[0]
    hours = tuple(replace(hour, start_s=3600.0 * k, stop_s=3600.0 * (k + 1)) for k in range(168))
    assert isinstance(hours[0], Hour)
    week = replace(report, long=replace(report.long, episodes=many, hours=hours))
    assert len(choose_strips(week)) <= MOST_STRIPS
    drawn = draw_holter(week, recording, lang="ru", settings=PageSettings())
    assert len(drawn) <= 1 + 6 + MOST_STRIPS // 2 + 1
    rows = [t for drawing in drawn for t in drawing.texts() if t.role == "hour" and "–" in t.text]
    assert len(rows) == 168


def test_the_hourly_table_holds_every_row_and_the_total(told: Told) -> None:
    report, _, _ = told
    assert report.long is not None
    cells = [t.text for t in pages(told)[1].texts() if t.role == "hour"]
    assert "09:50–10:00" in cells
    assert "All" in cells
    assert cells.count(str(report.long.hours[0].n_beats)) >= 1
    kinds = [t.text for t in pages(told)[1].texts() if t.role == "episode"]
    for kind in {e.kind for e in report.long.episodes}:
        assert kind_text(kind, "en") in kinds


def test_marks_of_the_trend_stand_at_their_time(told: Told) -> None:
    report, _, _ = told
    assert report.long is not None
    (e,) = report.long.of_kind("atrial_fibrillation")
    boxes = [b for b in pages(told)[0].of("episode-mark") if isinstance(b, Box)]
    left, right = 11.0 + 16.0, 286.0
    scale = (right - left) / report.duration_s
    (mark,) = [b for b in boxes if b.fill == "#6a1b9a"]
    assert mark.x == pytest.approx(left + e.start_s * scale, abs=0.3)
    assert mark.width == pytest.approx(e.duration_s * scale, abs=0.3)


def test_rate_bins_are_the_rates_of_their_intervals() -> None:
    r = np.concatenate([np.arange(60) * 250, 60 * 250 + np.arange(120) * 125])
    mean, low, high = rate_bins(Beats(r_peaks=r), fs=250, duration_s=120, n_bins=4)
    np.testing.assert_allclose(mean, [60, 60, 120, 120], rtol=0.02)
    np.testing.assert_allclose(low[1:], [60, 120, 120], rtol=0.02)
    np.testing.assert_allclose(high[[0, 2, 3]], [60, 120, 120], rtol=0.02)
    none = rate_bins(Beats(r_peaks=np.zeros(0, int)), fs=250, duration_s=120, n_bins=4)[0]
    assert np.isnan(none).all()


@pytest.mark.parametrize(
    ("start", "duration", "at", "text"),
    [
        (START, 3600.0, 61.2, "09:51:01"),
        (START, 90000.0, 61.2, "day 1 09:51:01"),
        (START, 90000.0, 86400.0, "day 2 09:50:00"),
        (None, 3600.0, 3661.0, "1:01:01"),
    ],
)
def test_the_time_of_day(told: Told, start: datetime | None, duration: float, at: float, text: str) -> None:
    report = replace(told[0], start=None if start is None else start.isoformat(), duration_s=duration)
    assert clock(report, at, "en") == text


def test_files_have_all_pages(told: Told) -> None:
    report, recording, _ = told
    n = len(pages(told))
    document = pypdfium2.PdfDocument(render_bytes(report, recording, "pdf"))
    try:
        assert len(document) == n
        assert document[0].get_size() == pytest.approx((297 / 25.4 * 72, 210 / 25.4 * 72), abs=0.1)
    finally:
        document.close()
    svg = ET.fromstring(render_bytes(report, recording, "svg"))
    assert svg.get("height") == f"{210 * n}mm"
    with Image.open(BytesIO(render_bytes(report, recording, "png", settings=PageSettings(png_dpi=50)))) as image:
        assert image.size[1] == pytest.approx(210 * n / 25.4 * 50, abs=2)
    assert render_bytes(report, recording, "pdf") == render_bytes(report, recording, "pdf")


def test_stacking_lowers_every_element() -> None:
    first, second = Drawing(width=10, height=20), Drawing(width=10, height=20)
    second.text("a", 1, 2, "x", 8)
    second.box("b", 1, 3, 1, 1)
    second.rule("c", 0, 5, 4.0, "#000000", 0.1)
    second.shape("d", ((0.0, 5.0), (1.0, 5.0), (1.0, 6.0)), "#000000")
    whole = stacked([first, second])
    assert whole.height == 40
    text, box, rule, shape = whole.elements
    assert (text.y, box.y, rule.points[0, 1], shape.points[0][1]) == (22, 23, 24.0, 25.0)  # type: ignore[union-attr]


def test_below_five_minutes_the_page_is_the_usual_one(told: Told) -> None:
    _, recording, _ = told
    n = int((HOLTER_S - 1) * FS)
    short = Recording(signal=recording.signal[:, :n], fs=FS, leads=LEADS)
    report = ee.analyze_ecg(short)
    assert report.long is not None
    assert len(draw_pages(report, short, lang="en", settings=PageSettings())) == 1


def test_a_recording_without_a_beat_has_pages() -> None:
    noise = np.full((2, int(400 * FS)), np.nan)
    recording = Recording(signal=noise, fs=FS, leads=("II", "V5"))
    drawn = draw_pages(ee.analyze_ecg(recording), recording, lang="ru", settings=PageSettings())
    assert "Недостаточно интервалов" in words(drawn[0])


def test_twelve_leads_show_three(told: Told) -> None:
    _, recording, _ = told
    names = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    signal = np.repeat(np.asarray(recording.signal), 4, axis=0)
    many = Recording(signal=signal, fs=FS, leads=names, start=START)
    drawn = draw_pages(ee.analyze_ecg(many), many, lang="en", settings=PageSettings())
    leads = {e.data["lead"] for d in drawn for e in d.of("trace") if isinstance(e, Strokes)}
    assert leads == {"II", "V1", "V5"}
