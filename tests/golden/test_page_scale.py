"""The page is true to scale: PDF read back by pdfium, SVG by an XML parser, pixels by counting them.

Expectations are those of every electrocardiograph: paper of 1 and 5 mm, 25 or 50 mm/s, 5, 10 or 20 mm/mV, a pulse of
1 mV and 0.2 s.
"""

from __future__ import annotations

import ctypes
import re
import xml.etree.ElementTree as ET

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium_c
import pytest

from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.report import render_bytes
from ecg_engine.settings import PageSettings
from ecg_engine.types import Measurements, Urgency
from tests.unit.report.factory import recording, report_of

TOLERANCE = 0.005
SCALES = [(25.0, 10.0), (50.0, 20.0), (25.0, 5.0), (50.0, 10.0)]
FS = 500


def square_wave() -> np.ndarray:
    """1 mV peak to peak, 1 Hz: up at every whole second."""
    t = np.arange(10 * FS)
    return np.where(t % FS < FS // 2, 0.5, -0.5)[None]


def page(signal: np.ndarray, leads: tuple[str, ...], kind: str, **settings: object) -> bytes:
    rec = recording(leads, signal=signal, fs=FS)
    report = report_of(
        rec, measurements=Measurements(), statements=(), notes=(), urgency=Urgency(level="routine"), filters_applied=()
    )
    return render_bytes(report, rec, kind, settings=PageSettings(**settings))


def pdf_paths(pdf: bytes) -> list[tuple[tuple[int, int, int], np.ndarray]]:
    """Return the colour of every path and its points, (n, 3): mm from the upper left, and 1 where the pen moves."""
    document = pypdfium2.PdfDocument(pdf)
    sheet = document[0]
    height = sheet.get_height()
    found = []
    for item in sheet.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_PATH]):
        rgba = [ctypes.c_uint() for _ in range(4)]
        pdfium_c.FPDFPageObj_GetStrokeColor(item.raw, *map(ctypes.byref, rgba))
        matrix = pdfium_c.FS_MATRIX()
        pdfium_c.FPDFPageObj_GetMatrix(item.raw, ctypes.byref(matrix))
        points = []
        for i in range(pdfium_c.FPDFPath_CountSegments(item.raw)):
            segment = pdfium_c.FPDFPath_GetPathSegment(item.raw, i)
            x, y = ctypes.c_float(), ctypes.c_float()
            pdfium_c.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
            moves = pdfium_c.FPDFPathSegment_GetType(segment) == pdfium_c.FPDF_SEGMENT_MOVETO
            px = matrix.a * x.value + matrix.c * y.value + matrix.e
            py = matrix.b * x.value + matrix.d * y.value + matrix.f
            points.append((px / 72 * 25.4, (height - py) / 72 * 25.4, float(moves)))
        found.append((tuple(c.value for c in rgba[:3]), np.array(points)))
    sheet.close()
    document.close()
    return found


def svg_paths(svg: bytes) -> list[tuple[str, str, np.ndarray]]:
    """Return class, lead and points of every path, mm."""
    root = ET.fromstring(svg)
    assert root.get("viewBox") == "0 0 297 210"
    assert (root.get("width"), root.get("height")) == ("297mm", "210mm")
    out = []
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        numbers = [
            (float(x), float(y), float(letter == "M"))
            for letter, x, y in re.findall(r"([ML])([-\d.]+) ([-\d.]+)", path.get("d"))
        ]
        out.append((path.get("class"), path.get("data-lead", ""), np.array(numbers)))
    return out


def black(paths: list[tuple[tuple[int, int, int], np.ndarray]]) -> list[np.ndarray]:
    return [points for colour, points in paths if colour == (0, 0, 0)]


def pulses(paths: list[np.ndarray]) -> list[np.ndarray]:
    return [p for p in paths if len(p) == 6]


def check_pulse(points: np.ndarray, speed: float, gain: float) -> None:
    assert np.ptp(points[:, 1]) == pytest.approx(1.0 * gain, rel=TOLERANCE)
    top = points[points[:, 1] < points[:, 1].min() + 0.01]
    assert np.ptp(top[:, 0]) == pytest.approx(0.2 * speed, rel=TOLERANCE)


def check_square(points: np.ndarray, speed: float, gain: float) -> None:
    assert np.ptp(points[:, 1]) == pytest.approx(1.0 * gain, rel=TOLERANCE)
    rises = points[1:, 0][np.diff(points[:, 1]) < -0.9 * gain]
    assert len(rises) >= 4
    np.testing.assert_allclose(np.diff(rises), speed, rtol=TOLERANCE)


@pytest.mark.parametrize(("speed", "gain"), SCALES)
def test_pdf_pulse_and_square_wave_are_true_to_scale(speed: float, gain: float) -> None:
    lines = black(pdf_paths(page(square_wave(), ("II",), "pdf", speed_mm_s=speed, gain_mm_mv=gain)))
    found, traces = pulses(lines), [line for line in lines if len(line) > 100]
    assert len(found) == len(traces) == speed / 25  # 10 s are one line at 25 mm/s, two at 50
    for pulse, trace in zip(found, traces, strict=True):
        check_pulse(pulse, speed, gain)
        check_square(trace, speed, gain)


@pytest.mark.parametrize(("speed", "gain"), SCALES)
def test_svg_pulse_and_square_wave_are_true_to_scale(speed: float, gain: float) -> None:
    paths = svg_paths(page(square_wave(), ("II",), "svg", speed_mm_s=speed, gain_mm_mv=gain))
    found = [points for role, _, points in paths if role == "calibration"]
    traces = [points for role, lead, points in paths if role == "trace" and lead == "II"]
    assert len(found) == len(traces) == speed / 25
    for pulse, trace in zip(found, traces, strict=True):
        check_pulse(pulse, speed, gain)
        check_square(trace, speed, gain)


@pytest.mark.parametrize("layout", ["3x4", "12x1"])
def test_every_row_of_twelve_leads_has_its_pulse(layout: str) -> None:
    signal = np.repeat(square_wave(), 12, axis=0) * 0.8
    found = pulses(black(pdf_paths(page(signal, STANDARD_LEADS, "pdf", layout=layout, gain_mm_mv=5.0))))
    assert len(found) == {"3x4": 4, "12x1": 12}[layout]
    for pulse in found:
        check_pulse(pulse, 25.0, 5.0)


def check_grid(thin: np.ndarray, thick: np.ndarray) -> None:
    def levels(points: np.ndarray, axis: int) -> np.ndarray:
        pairs = points[:, :2].reshape(-1, 2, 2)
        along = np.isclose(pairs[:, 0, axis], pairs[:, 1, axis], atol=1e-3)
        return np.sort(pairs[along, 0, axis])

    for axis in (0, 1):
        np.testing.assert_allclose(np.diff(levels(thick, axis)), 5.0, rtol=TOLERANCE)
        every = np.sort(np.concatenate((levels(thin, axis), levels(thick, axis))))
        assert every.size > 100
        np.testing.assert_allclose(np.diff(every), 1.0, rtol=TOLERANCE)


def test_pdf_grid_pitch_is_1_and_5_mm() -> None:
    red = [points for (r, g, _), points in pdf_paths(page(square_wave(), ("II",), "pdf")) if r > 200 > 0 and r > g]
    thin, thick = sorted(red, key=len, reverse=True)
    check_grid(thin, thick)


def test_svg_grid_pitch_is_1_and_5_mm() -> None:
    paths = {role: points for role, _, points in svg_paths(page(square_wave(), ("II",), "svg"))}
    check_grid(paths["grid-1mm"], paths["grid-5mm"])


def test_pixels_of_the_pulse_at_300_dpi() -> None:
    document = pypdfium2.PdfDocument(page(square_wave(), ("II",), "pdf"))
    sheet = document[0]
    bitmap = sheet.render(scale=300 / 72, grayscale=True)
    dark = np.array(bitmap.to_numpy()).squeeze() < 100
    for handle in (bitmap, sheet, document):
        handle.close()
    per_mm = 300 / 25.4
    # Left of time zero, on the paper: only the pulse is as tall as this.
    area = dark[round(59 * per_mm) : round(188 * per_mm), round(20.5 * per_mm) : round(31 * per_mm)]
    columns = np.flatnonzero(area.sum(axis=0) > 8 * per_mm)
    edges = [group.mean() for group in np.split(columns, np.flatnonzero(np.diff(columns) > 3) + 1)]
    assert len(edges) == 2
    assert (edges[1] - edges[0]) / per_mm == pytest.approx(5.0, abs=1.5 / per_mm)
    rows = np.flatnonzero(area.sum(axis=1) > 1.5 * per_mm)
    levels = [group.mean() for group in np.split(rows, np.flatnonzero(np.diff(rows) > 3) + 1)]
    assert (levels[-1] - levels[0]) / per_mm == pytest.approx(10.0, abs=1.5 / per_mm)


def test_columns_of_3x4_are_continuous_in_time() -> None:
    times = np.array([1.0, 4.0, 6.5, 9.0])
    signal = np.zeros((12, 10 * FS))
    signal[:, (times * FS).astype(int)] = 1.0
    lines = black(pdf_paths(page(signal, STANDARD_LEADS, "pdf", layout="3x4")))
    zero = pulses(lines)[0][:, 0].max()
    traces = [p for p in lines if len(p) > 100]
    assert len(traces) == 13
    for trace in traces:
        spikes = trace[trace[:, 1] < trace[:, 1].min() + 1, 0]
        begins, ends = (trace[:, 0].min() - zero) / 25, (trace[:, 0].max() - zero) / 25
        expected = times[(times >= begins - 1e-3) & (times <= ends + 1e-3)]
        assert expected.size == (4 if ends - begins > 5 else 1)
        np.testing.assert_allclose((spikes - zero) / 25, expected, atol=0.002)
    starts = sorted({round((t[0, 0] - zero) / 25, 1) for t in traces})
    assert starts == [0.0, 2.5, 5.0, 7.5]


def test_sheet_is_a4_landscape() -> None:
    document = pypdfium2.PdfDocument(page(square_wave(), ("II",), "pdf"))
    assert len(document) == 1
    width, height = document.get_page_size(0)
    document.close()
    assert (width / 72 * 25.4, height / 72 * 25.4) == pytest.approx((297, 210), abs=0.05)
