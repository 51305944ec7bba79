"""The page as files: whole, the same each time, in the form, size and letters that were asked for."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pypdfium2
import pytest

from ecg_engine.errors import InputError
from ecg_engine.report import render, render_bytes
from ecg_engine.settings import PageSettings
from ecg_engine.types import Patient
from tests.unit.report.factory import recording, report_of


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_files_are_whole_and_the_same_each_time(kind: str, tmp_path: Path) -> None:
    rec = recording()
    report = report_of(rec)
    target = tmp_path / f"page.{kind}"
    target.write_bytes(b"old")
    render(report, rec, target, lang="ru")
    assert [p.name for p in tmp_path.iterdir()] == [f"page.{kind}"]
    assert target.read_bytes() == render_bytes(report, rec, kind, lang="ru")
    assert target.read_bytes().startswith({"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}[kind])


def test_format_overrides_the_suffix(tmp_path: Path) -> None:
    rec = recording()
    render(report_of(rec), rec, tmp_path / "page.out", format="svg")
    ET.fromstring((tmp_path / "page.out").read_bytes())


def test_png_has_the_pixels_and_the_resolution_that_were_asked_for() -> None:
    from io import BytesIO

    from PIL import Image

    rec = recording()
    with Image.open(BytesIO(render_bytes(report_of(rec), rec, "png", settings=PageSettings(png_dpi=100)))) as image:
        image.load()
        assert image.size == pytest.approx((297 / 25.4 * 100, 210 / 25.4 * 100), abs=1.5)
        assert image.info["dpi"] == pytest.approx((100, 100), abs=0.1)
        assert image.getpixel((1, 1)) == (255, 255, 255)


def test_svg_is_well_formed_whatever_the_names_hold() -> None:
    rec = recording(patient=Patient(name="<b>&\x00\x07 \ud800 Ы", id='"&quot;'))
    root = ET.fromstring(render_bytes(report_of(rec), rec, "svg"))
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<b>& Ы" in texts
    render_bytes(report_of(rec), rec, "pdf")


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    rec = recording()
    report = report_of(rec)
    with pytest.raises(InputError, match="format"):
        render(report, rec, tmp_path / "page.docx")
    with pytest.raises(InputError, match="no suffix"):
        render(report, rec, tmp_path / "page")
    with pytest.raises(InputError, match="no such folder"):
        render(report, rec, tmp_path / "nowhere" / "page.pdf")
    with pytest.raises(InputError, match="lang"):
        render(report, rec, tmp_path / "page.pdf", lang="de")
    with pytest.raises(InputError, match="another recording"):
        render(report, recording(("I", "II", "X")), tmp_path / "page.pdf")
    assert not list(tmp_path.iterdir())


def test_importing_the_report_imports_nothing_that_draws() -> None:
    code = "import sys, ecg_engine.report; sys.exit(bool({'reportlab', 'pypdfium2', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fonts_come_from_the_package_with_their_licence() -> None:
    from importlib.resources import files

    folder = files("ecg_engine.report") / "fonts"
    assert "Bitstream" in (folder / "LICENSE").read_text(encoding="utf-8")
    rec = recording()
    document = pypdfium2.PdfDocument(render_bytes(report_of(rec), rec, "pdf", lang="ru"))
    sheet = document[0]
    fonts = {item.get_font().get_base_name() for item in sheet.get_objects() if hasattr(item, "get_font")}
    sheet.close()
    document.close()
    assert fonts
    assert all("DejaVuSansCondensed" in name for name in fonts)
