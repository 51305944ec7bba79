"""The page as display list and files: all of it inside, nothing over anything else, nothing said that is not so."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pypdfium2
import pytest

from ecg_engine import vocabulary
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.report import render_bytes
from ecg_engine.report.drawing import Drawing, Shape, Strokes, Text
from ecg_engine.report.layout import Grid
from ecg_engine.report.page import draw_page
from ecg_engine.settings import PageSettings
from ecg_engine.types import (
    Beats,
    EcgReport,
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
from tests.unit.report.factory import STATEMENTS, beat_signal, delineation, recording, report_of

LANGS = ["en", "ru"]


def drawn(report: EcgReport, rec: Recording, lang: str = "en", **settings: object) -> Drawing:
    return draw_page(report, rec, lang=lang, settings=PageSettings(**settings))


def words(report: EcgReport, rec: Recording, lang: str = "en", **settings: object) -> str:
    """Return the PDF's text as another reader extracts it."""
    document = pypdfium2.PdfDocument(render_bytes(report, rec, "pdf", lang=lang, settings=PageSettings(**settings)))
    sheet = document[0]
    page = sheet.get_textpage()
    text = page.get_text_bounded()
    for handle in (page, sheet, document):
        handle.close()
    return " ".join(text.split())


def extreme() -> tuple[EcgReport, Recording]:
    """Names of 80 characters, 30 statements with long evidence, every kind of note, noise of 5 mV."""
    rec = recording(
        signal=np.random.default_rng(0).normal(0, 5, (12, 5000)),
        patient=Patient(
            id="0123456789" * 8, name=("Преображенская-Мстиславская " * 3)[:80], age_years=101, sex="M",
            pacemaker=True, complaint="x" * 80, drugs=("препарат " * 4,) * 6,
        ),
        source=Source(
            path="/archive/" + "очень_длинное_имя_" * 8 + ".scp", device="Производитель " * 8,
            filters=Filters(highpass_hz=0.05, lowpass_hz=150, notch_hz=50),
        ),
    )  # fmt: skip
    codes = (vocabulary.statements() * 3)[:30]
    statements = tuple(
        Statement(code=c, certainty="possible", leads=rec.leads, stability=0.9, evidence=STATEMENTS[1].evidence * 2)
        for c in codes
    )
    facts = {"usable": 1, "total": 12, "duration_s": 3.5, "needed_s": 5.0, "n_beats": 2,
             "missing": ", ".join(rec.leads),
             "highpass_hz": 0.5, "value_mv": 90.0, "mains_hz": 50.0, "start_s": 0.0, "stop_s": 1.0}  # fmt: skip
    notes = tuple(
        Note(stage="test", code=code, facts=facts)
        for code in ("flat", "no_p_wave", "no_t_wave", "age_unknown", "sex_unknown", "child_limits", "filters_unknown",
                     "st_filtered", "irregular_rr", "rules_checked", "unit_implausible", "territory_needs_leads")
    )  # fmt: skip
    urgency = Urgency(level="critical", because=codes[:4], repeat_recording=("noisy", "lead_reversal"))
    filters = ("baseline_removed", "mains_removed:50")
    return report_of(rec, statements=statements, notes=notes, urgency=urgency, filters_applied=filters), rec


def cases() -> dict[str, tuple[EcgReport, Recording, dict[str, object]]]:
    twelve, many = recording(), recording((*STANDARD_LEADS, "V7", "V8", "V9"))
    long = recording(("MLII", "V1"), seconds=40, fs=360.0)
    nothing = recording(("ECG1",), patient=Patient(), source=Source(), start=None)
    bare = report_of(
        nothing, measurements=Measurements(), statements=(), notes=(), urgency=Urgency(level="unscored"),
        filters_applied=(),
    )  # fmt: skip
    return {
        "plain": (report_of(twelve, delineation=delineation(twelve)), twelve, {}),
        "12x1": (report_of(twelve), twelve, {"layout": "12x1"}),
        "fast": (report_of(twelve), twelve, {"speed_mm_s": 50.0}),
        "15 leads": (report_of(many), many, {"layout": "12x1"}),
        "lines": (report_of(long), long, {}),
        "nothing known": (bare, nothing, {}),
        "extreme": (*extreme(), {}),
        "extreme 12x1": (*extreme(), {"layout": "12x1", "gain_mm_mv": 20.0}),
    }


CASES = cases()


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("case", CASES)
def test_every_line_of_text_is_on_the_sheet_and_over_no_other(case: str, lang: str) -> None:
    report, rec, settings = CASES[case]
    texts = drawn(report, rec, lang, **settings).texts()
    assert len(texts) > 40
    for text in texts:
        left, top, right, bottom = text.bounds
        assert left >= 5 and right <= 292 and top >= 4 and bottom <= 206, text
    for i, one in enumerate(texts):
        for other in texts[i + 1 :]:
            assert not overlap(one, other), (one, other)


def overlap(one: Text, other: Text) -> bool:
    # A hundredth of a millimetre is rounding.
    a, b = one.bounds, other.bounds
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.01 and min(a[3], b[3]) - max(a[1], b[1]) > 0.01


@pytest.mark.parametrize("case", CASES)
def test_no_trace_enters_the_row_of_another(case: str) -> None:
    report, rec, settings = CASES[case]
    grid = Grid()
    traces = [e for e in drawn(report, rec, **settings).of("trace") if isinstance(e, Strokes)]
    spans = []
    for trace in traces:
        y = trace.points[:, 1]
        spans.append((np.nanmin(y), np.nanmax(y), np.nanmin(trace.points[:, 0]), np.nanmax(trace.points[:, 0])))
        assert grid.top - 1e-6 <= spans[-1][0] and spans[-1][1] <= grid.top + grid.height + 1e-6
    for i, (top, bottom, left, right) in enumerate(spans):
        for other in spans[i + 1 :]:
            apart_in_time = left >= other[3] or other[2] >= right
            assert apart_in_time or bottom <= other[0] + 1e-6 or other[1] <= top + 1e-6


@pytest.mark.parametrize("case", CASES)
def test_no_trace_hides_the_name_of_its_lead(case: str) -> None:
    """Where the trace leaves no room for the name, there is white paper under the name."""
    report, rec, settings = CASES[case]
    drawing = drawn(report, rec, **settings)
    halos = [(h.x, h.y, h.x + h.width, h.y + h.height) for h in drawing.of("halo")]
    last_trace = max(i for i, e in enumerate(drawing.elements) if e.role == "trace")
    for i, element in enumerate(drawing.elements):
        if element.role != "lead":
            continue
        assert i > last_trace
        left, top, right, bottom = element.bounds
        crossed = False
        for trace in drawing.of("trace"):
            x, y = trace.points[:, 0], trace.points[:, 1]
            near = (x >= left) & (x <= right)
            crossed |= bool(np.any(near & (y > top + 0.7) & (y < bottom - 0.7)))
        covered = any(h[0] <= left and h[2] >= right and h[1] < top + 1 and h[3] > bottom - 1 for h in halos)
        assert covered or not crossed, element.text


def test_traces_beyond_their_row_are_marked_and_explained() -> None:
    report, rec = extreme()
    drawing = drawn(report, rec)
    marks = [e for e in drawing.of("clipped") if isinstance(e, Shape)]
    assert marks
    assert "trace goes beyond its row" in words(report, rec)
    quiet = recording()
    assert not drawn(report_of(quiet), quiet).of("clipped")
    assert "beyond its row" not in words(report_of(quiet), quiet)


@pytest.mark.parametrize(
    ("asked", "scale", "expected"), [(10.0, 1.0, "10 mm/mV"), (10.0, 3.5, "5 mm/mV"), (20.0, 3.5, "20 mm/mV")]
)
def test_the_default_gain_goes_down_a_step_where_traces_do_not_fit_and_the_page_says_so(
    asked: float, scale: float, expected: str
) -> None:
    rec = recording(signal=beat_signal(12, 5000, 500.0, scale=scale))
    text = words(report_of(rec), rec, gain_mm_mv=asked)
    assert f"25 mm/s · {expected}" in text
    assert ("reduced from 10" in text) == (expected == "5 mm/mV")


def test_a_row_that_needs_more_paper_gets_it_before_the_gain_goes_down() -> None:
    signal = beat_signal(12, 5000, 500.0)
    signal[7] *= 4
    rec = recording(signal=signal)
    text = words(report_of(rec), rec)
    assert "10 mm/mV" in text
    assert "beyond its row" not in text


def test_russian_page_speaks_russian() -> None:
    rec = recording()
    text = words(report_of(rec, delineation=delineation(rec)), rec, "ru")
    for expected in (
        "Предварительное заключение, подлежит подтверждению врачом", "Иванова Мария Петровна", "61 год", "жен.",
        "04.03.1962", "01.05.2024 09:17:34", "ЧСС", "72 уд/мин", "PQ", "0,16 с", "0,09 с", "0,38 с", "QTc Базетт",
        "QTc Фридеричиа", "0,42 с", "Угол α", "−35°", "Ритм синусовый", "Подъём сегмента ST", "вероятно",
        "J II 0,21 / III 0,26 / aVF 0,23 мВ ≥ 0,1", "СРОЧНО (сегодня)", "Подпись", "25 мм/с · 10 мм/мВ",
        "показано: 0–10 с из 10 с", "фильтры прибора: неизвестны", "изолиния выровнена по сегментам PQ",
        "сетевая наводка 50 Гц удалена", "visit-0042.scp", "стр. 1 из 1", "0,5 Гц",
    ):  # fmt: skip
        assert expected in text, expected


def test_english_page_gives_intervals_in_ms() -> None:
    rec = recording()
    text = words(report_of(rec), rec)
    for expected in (
        "Preliminary, to be confirmed by a physician", "72 bpm", "162 ms", "92 ms", "384 ms", "421 ms", "408 ms",
        "J II 0.21 / III 0.26 / aVF 0.23 mV ≥ 0.1", "URGENT (today)", "Signature", "shown: 0–10 s of 10 s",
        "device filters: unknown", "applied here: baseline straightened through the PR segments, mains 50 Hz removed",
    ):  # fmt: skip
        assert expected in text, expected


@pytest.mark.parametrize(
    ("lang", "line"),
    [
        (
            "en",
            "The device's own: Sinus rhythm "
            "The device measured: Heart rate 59 bpm, PR 214 ms, QTc Fridericia 441 ms, QRS axis −67°",
        ),
        (
            "ru",
            "Заключение прибора: Sinus rhythm "
            "Измерения прибора: ЧСС 59 уд/мин, PQ 0,21 с, QTc Фридеричиа 0,44 с, Угол α (QRS) −67°",
        ),
    ],
)
def test_what_the_device_measured_and_said_stands_beside_ours(lang: str, line: str) -> None:
    rec = recording()
    report = report_of(rec)
    measured = {"heart_rate_bpm": 59.0, "pr_ms": 214.0, "qrs_axis_deg": -67.0, "qtc_fridericia_ms": 441.0, "sv1_mv": 1}
    report = replace(report, source={**report.source, "measurements": measured, "statements": ["Sinus rhythm"]})
    assert line in words(report, rec, lang)


def test_what_is_not_known_is_a_dash_and_never_zero() -> None:
    report, rec, _ = CASES["nothing known"]
    drawing = drawn(report, rec)
    values = [e.text for e in drawing.elements if e.role in ("measurement", "patient")]
    assert len(values) == 12 + 9
    assert set(values) == {"—"}
    assert "no statement" in words(report, rec)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("level", ["critical", "urgent", "unscored", "routine"])
def test_the_urgency_is_said_in_words(level: str, lang: str) -> None:
    rec = recording()
    text = words(report_of(rec, urgency=Urgency(level=level)), rec, lang)
    assert vocabulary.page_text(level, lang) in text


@pytest.mark.parametrize("lang", LANGS)
def test_the_reasons_to_record_again_are_said_even_where_room_is_short(lang: str) -> None:
    report, rec = extreme()
    text = words(report, rec, lang)
    assert vocabulary.page_text("repeat", lang) in text
    assert vocabulary.note_text("noisy", lang) in text
    assert vocabulary.statement("lead_reversal").text[lang] in text


def test_statements_that_made_it_urgent_are_not_the_ones_left_out() -> None:
    report, rec = extreme()
    last = report.statements[-1].code
    report = report_of(rec, statements=report.statements, urgency=Urgency(level="urgent", because=(last,)))
    text = words(report, rec)
    assert "more, see JSON" in text
    assert text.count(vocabulary.statement(last).text["en"]) >= 2  # in the conclusion and as the reason


def test_a_lead_without_signal_says_so() -> None:
    signal = beat_signal(12, 5000, 500.0)
    signal[3], signal[7] = 0.0, np.nan
    rec = recording(signal=signal)
    by_lead = {name: LeadQuality(usable=True) for name in rec.leads}
    by_lead |= {"aVR": LeadQuality(usable=False, reasons=("flat",))}
    by_lead |= {"V2": LeadQuality(usable=False, reasons=("missing",))}
    report = report_of(rec, quality=Quality(by_lead=by_lead, acceptable=True))
    for layout in ("3x4", "12x1"):
        text = words(report, rec, "ru", layout=layout)
        assert "нет сигнала" in text and "нет отсчётов" in text


def test_a_gap_is_a_break_in_the_line() -> None:
    signal = beat_signal(12, 5000, 500.0)
    signal[0, 300:500] = np.nan
    rec = recording(signal=signal)
    first = drawn(report_of(rec), rec).of("trace")[0]
    assert isinstance(first, Strokes)
    broken = np.isnan(first.points[:, 1])
    assert np.flatnonzero(broken).tolist() == list(range(300, 500))
    svg = render_bytes(report_of(rec), rec, "svg").decode()
    path = next(line for line in svg.splitlines() if 'class="trace" data-lead="I"' in line)
    assert path.count("M") == 2


def test_a_lone_sample_between_gaps_is_a_dot() -> None:
    signal = np.full((12, 5000), np.nan)
    signal[:, 700] = 0.3
    rec = recording(signal=signal)
    svg = render_bytes(report_of(rec), rec, "svg").decode()
    path = next(line for line in svg.splitlines() if 'class="trace" data-lead="I"' in line)
    assert path.count("M") == path.count("L") == 1


def test_long_recordings_of_few_leads_fill_the_page_with_lines_named_by_their_start() -> None:
    rec = recording(("MLII", "V1"), seconds=40, fs=360.0)
    drawing = drawn(report_of(rec), rec)
    assert [t.text for t in drawing.of("line-start")] == ["0:00", "0:00", "0:10", "0:10", "0:20", "0:20"]
    starts = [e.data["start_s"] for e in drawing.of("trace")]
    assert starts == ["0", "0", "10", "10", "20", "20"]
    assert "shown: 0–30 s of 40 s" in words(report_of(rec), rec)


@pytest.mark.parametrize(
    ("seconds", "speed", "n_columns", "shown"),
    [(10, 25.0, 4, "0–10 s"), (60, 25.0, 4, "0–10 s"), (8, 25.0, 4, "0–8 s"), (5, 25.0, 2, "0–5 s"),
     (3, 25.0, 1, "0–3 s"), (10, 50.0, 2, "0–5 s")],
)  # fmt: skip
def test_every_lead_is_shown_however_short_the_recording(
    seconds: float, speed: float, n_columns: int, shown: str
) -> None:
    rec = recording(seconds=seconds)
    drawing = drawn(report_of(rec), rec, speed_mm_s=speed)
    starts = {e.data["start_s"] for e in drawing.of("trace")}
    assert len(starts) == n_columns
    assert {e.data["lead"] for e in drawing.of("trace")} == set(STANDARD_LEADS)
    assert f"shown: {shown} of {seconds} s" in words(report_of(rec), rec, speed_mm_s=speed)


def test_eight_stored_leads_become_twelve_and_the_page_says_which_are_computed() -> None:
    leads = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    rec = recording(leads)
    drawing = drawn(report_of(rec), rec)
    assert {e.data["lead"] for e in drawing.of("trace")} == set(STANDARD_LEADS)
    assert "computed from the other limb leads: III, aVR, aVL, aVF" in words(report_of(rec), rec)


def test_leads_too_many_for_the_page_are_named() -> None:
    rec = recording(tuple(f"ECG{i}" for i in range(17)), seconds=4)
    drawing = drawn(report_of(rec), rec)
    assert len(drawing.of("trace")) == 15
    assert "not shown: ECG15, ECG16" in words(report_of(rec), rec)


def test_marks_and_pacing_spikes_stand_at_their_times() -> None:
    rec = recording()
    marks = delineation(rec)
    report = report_of(rec, delineation=marks, beats=Beats(r_peaks=marks.qrs_onset, pacing_spikes=[1000, 2500]))
    drawing = drawn(report, rec)
    zero = Grid().x_zero
    (spikes,) = drawing.of("pacing")
    np.testing.assert_allclose(np.unique(spikes.points[~np.isnan(spikes.points[:, 0]), 0]), [zero + 50, zero + 125])
    (brackets,) = drawing.of("marks")
    x = brackets.points[:, 0]
    for at in (marks.p_onset[0], marks.qrs_offset[3], marks.t_offset[5]):
        assert np.nanmin(np.abs(x - (zero + at / 500 * 25))) < 0.01


@pytest.mark.parametrize("case", CASES)
def test_the_lines_to_sign_on_show_in_svg_too(case: str) -> None:
    """A rectangle of no height is not drawn at all, says SVG."""
    report, rec, settings = CASES[case]
    root = ET.fromstring(render_bytes(report, rec, "svg", settings=PageSettings(**settings)))
    svg = "{http://www.w3.org/2000/svg}"
    assert sum(path.get("class") == "sign-line" for path in root.iter(f"{svg}path")) == 4
    assert all(float(box.get("width")) > 0 and float(box.get("height")) > 0 for box in root.iter(f"{svg}rect"))


def test_rows_follow_one_another_down_the_page() -> None:
    rec = recording()
    labels = [t for t in drawn(report_of(rec), rec, layout="12x1").of("lead")]
    assert [t.text for t in labels] == list(STANDARD_LEADS)
    assert all(a.y < b.y for a, b in pairwise(labels))


def test_the_rhythm_strip_is_a_lead_that_can_be_read() -> None:
    rec = recording()
    off = ("I", "II", "III", "V1")
    quality = Quality(
        by_lead={n: LeadQuality(usable=n not in off, reasons=("flat",) if n in off else ()) for n in rec.leads},
        acceptable=True,
    )
    sheet = drawn(report_of(rec, quality=quality), rec)
    strips = [e for e in sheet.of("trace") if isinstance(e, Strokes) and np.ptp(e.points[:, 0]) > 240]
    assert [strip.data["lead"] for strip in strips] == ["V5"]


def test_marks_stand_under_the_lead_that_is_lead_ii_of_a_monitor() -> None:
    rec = recording(("V1", "MLII"), seconds=40.0)
    sheet = drawn(report_of(rec, delineation=delineation(rec)), rec)
    names = [e for e in sheet.of("lead") if isinstance(e, Text)]
    (marks,) = (e for e in sheet.of("marks") if isinstance(e, Strokes))
    for y in np.unique(marks.points[~np.isnan(marks.points[:, 1]), 1]):
        assert max((name for name in names if name.y < y + 3), key=lambda name: name.y).text == "MLII"


def test_a_name_steps_aside_from_its_trace_before_it_goes_to_the_foot_of_the_row() -> None:
    signal = beat_signal(12, 5000, 500.0)
    signal[9, 3755:3775] = 1.9  # V4 is drawn from sample 3750 on
    rec = recording(signal=signal)
    sheet = drawn(report_of(rec), rec)
    by_name = {e.text: e for e in sheet.of("lead") if isinstance(e, Text) and e.text in ("V1", "V4", "V5")}
    assert by_name["V4"].y == pytest.approx(by_name["V1"].y)
    assert 0 < by_name["V4"].x - by_name["V5"].x <= 12


@pytest.mark.parametrize(("seconds", "words"), [(10.0, "shown: 0–10 s of 10 s"), (7200.0, "shown: 0–20 s of 2:00:00")])
def test_the_page_says_how_much_of_the_recording_it_shows(seconds: float, words: str) -> None:
    rec = recording(("II", "V1", "V5"), seconds=seconds, fs=50.0)
    (facts,) = (e for e in drawn(report_of(rec), rec).of("facts") if isinstance(e, Text))
    assert words in facts.text


@pytest.mark.parametrize(
    ("lang", "first", "second"),
    [
        ("en", "Axis, AHA: moderate left deviation", "Axis, Russian: deviation to the left"),
        ("ru", "ЭОС: отклонена влево", "AHA: умеренно отклонена влево"),
    ],
)
def test_the_axis_is_named_by_both_conventions_the_language_of_the_page_first(lang, first, second):
    rec = recording()
    text = words(report_of(rec), rec, lang)
    assert -1 < text.find(first) < text.find(second)
