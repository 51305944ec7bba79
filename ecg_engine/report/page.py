"""The page: one drawing of a report and its recording, as PDF, SVG or PNG."""

from __future__ import annotations

import os
import secrets
from os import PathLike, fspath
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.leads import STANDARD_LEADS, derive_limb_leads, standard_name
from ecg_engine.report.drawing import Drawing, stacked
from ecg_engine.report.header import FOOTER_Y, SIGNATURE_Y, draw_footer, draw_header, draw_signature
from ecg_engine.report.holter import HOLTER_S, draw_holter
from ecg_engine.report.layout import Grid, Plan, plan_rows, with_bands
from ecg_engine.report.traces import draw_grid, draw_saliency, draw_traces
from ecg_engine.report.words import date_text
from ecg_engine.settings import PAGE_FORMATS, PageSettings
from ecg_engine.types import ABSENT, EcgReport, Recording
from ecg_engine.types.corrections import corrected
from ecg_engine.vocabulary import LANGUAGES, page_text

__all__ = ["draw_page", "draw_pages", "render", "render_bytes"]

#: A4, landscape, mm.
SHEET_MM: Final = (297.0, 210.0)
#: What is cleaned beyond the part that is shown, so that its ends are as straight as its middle, s.
_MARGIN_S: Final = 3.0
#: The rhythm strip is the first of these that can be read: II shows P best, then the leads with a plain QRS.
_RHYTHM_LEADS: Final = ("II", "V1", "V5", "I", "III", "aVF", "V6", "V4", "V2", "V3", "aVR", "aVL")


def render(
    report: EcgReport,
    recording: Recording,
    path: str | PathLike[str],
    *,
    lang: str = "en",
    format: str | None = None,
    settings: PageSettings = PageSettings(),  # noqa: B008 - frozen
) -> None:
    """Draw the page to sign: traces on millimetre paper, measurements, preliminary conclusion, urgency.

    A recording of five minutes and more has pages: summary, tables by the hour and by kind of episode, strips. PDF has
    one sheet for each; SVG and PNG, which have none, show them one under the other.

    Parameters
    ----------
    report : EcgReport
    recording : Recording
        What the report is of, as it was read: what the report says was put right is put right on the page too.
    path : str or PathLike
        The file to write, or to replace: it is whole or not there.
    lang : {"en", "ru"}
    format : {"pdf", "svg", "png"}, optional
        Where the suffix of `path` does not say it.
    settings : PageSettings
        Speed, gain, layout, resolution of PNG.

    Raises
    ------
    InputError
        An unknown format or language, a missing folder, or a report of another recording.
    OSError
        The file cannot be written.
    """
    target = Path(fspath(path))
    kind = format or target.suffix.lstrip(".")
    if not kind:
        raise InputError(f"{target}: no suffix; give one or format=", argument="format")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent}: no such folder; make it first", argument="path")
    content = render_bytes(report, recording, kind, lang=lang, settings=settings)
    unfinished = target.with_name(f".{target.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def render_bytes(
    report: EcgReport,
    recording: Recording,
    format: str,
    *,
    lang: str = "en",
    settings: PageSettings = PageSettings(),  # noqa: B008 - frozen
) -> bytes:
    """Return the pages of `render` as bytes; the same report and recording give the same bytes.

    Parameters
    ----------
    report, recording, lang, settings
        As for `render`.
    format : {"pdf", "svg", "png"}

    Raises
    ------
    InputError
        As for `render`.
    """
    kind = format.lower()
    if kind not in PAGE_FORMATS:
        raise InputError(f"format: {format!r} is not one of {', '.join(PAGE_FORMATS)}", argument="format")
    pages = draw_pages(report, recording, lang=lang, settings=settings)
    if kind == "svg":
        from ecg_engine.report.to_svg import to_svg

        return to_svg(stacked(pages))
    from ecg_engine.report.to_pdf import to_pdf

    if kind == "pdf":
        return to_pdf(*pages)
    from ecg_engine.report.to_png import to_png

    return to_png(to_pdf(stacked(pages)), dpi=settings.png_dpi)


def draw_pages(report: EcgReport, recording: Recording, *, lang: str, settings: PageSettings) -> list[Drawing]:
    """Return the display lists of the pages: one, or those of a long recording."""
    shown = _checked(report, recording, lang)
    if report.long is None or report.duration_s < HOLTER_S:
        return [draw_page(report, recording, lang=lang, settings=settings)]
    return draw_holter(report, shown, lang=lang, settings=settings)


def _checked(report: EcgReport, recording: Recording, lang: str) -> Recording:
    """Return the recording as it is shown: with what the report says was put right."""
    if lang not in LANGUAGES:
        raise InputError(f"lang: no texts in {lang!r}; choose one of {', '.join(LANGUAGES)}", argument="lang")
    recording = corrected(recording, report.corrections)
    if not set(recording.leads) <= set(report.leads) or report.fs != recording.fs:
        raise InputError("report: of another recording (its leads or rate differ)", argument="report")
    return recording


def draw_page(report: EcgReport, recording: Recording, *, lang: str, settings: PageSettings) -> Drawing:
    """Return the display list of the page."""
    recording = _checked(report, recording, lang)
    grid = Grid()
    names = _shown_names(recording.leads)
    derived = _derivable(recording, names)
    leads = (*names, *derived)
    known = report.quality.by_lead
    quality = {shown: known.get(name) for name, shown in zip((*recording.leads, *derived), leads, strict=True)}
    trusted = {name for name, lead in quality.items() if lead is None or lead.usable}
    rhythm = next((name for name in _RHYTHM_LEADS if name in trusted), "II")
    plan = plan_rows(leads, recording.n_samples, recording.fs, settings, grid, rhythm=rhythm)
    traces = _traces(report, recording, plan, names, derived)
    plan = with_bands(plan, traces, trusted, grid)

    title = f"{page_text('short_title', lang)} {date_text(report.start, lang)}"
    drawing = Drawing(width=SHEET_MM[0], height=SHEET_MM[1], title=title, lang=lang)
    tinted = draw_saliency(drawing, plan, report)
    draw_grid(drawing, grid)
    is_clipped = draw_traces(drawing, plan, traces, report, quality, grid)
    draw_header(drawing, report)
    draw_signature(drawing, SIGNATURE_Y)
    remarks = [] if tinted is None else [tinted]
    if derived:
        remarks.append(page_text("derived", lang, leads=", ".join(derived)))
    if plan.left_out:
        remarks.append(page_text("leads_left_out", lang, leads=", ".join(plan.left_out)))
    if is_clipped:
        remarks.append(page_text("clipped_mark", lang))
    draw_footer(drawing, report, plan, recording.fs, asked_gain=settings.gain_mm_mv, remarks=remarks, y=FOOTER_Y)
    return drawing


def _shown_names(leads: tuple[str, ...]) -> tuple[str, ...]:
    """Return the leads' names in their standard spelling, as they are where two would become one."""
    names = tuple(standard_name(name) for name in leads)
    return names if len(set(names)) == len(names) else leads


def _derivable(recording: Recording, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the limb leads to compute where they complete the twelve: devices often store eight of them."""
    missing = [name for name in STANDARD_LEADS if name not in names]
    if not missing:
        return ()
    derived = derive_limb_leads(recording.signal[:, :1], names)
    return tuple(missing) if set(missing) <= set(derived) else ()


def _traces(
    report: EcgReport, recording: Recording, plan: Plan, names: tuple[str, ...], derived: tuple[str, ...]
) -> dict[str, NDArray[np.float64]]:
    """Return the shown part of each lead, mV, without mains and baseline; index 0 is the recording's first sample."""
    from ecg_engine.detection.cleaning import clean

    stop = min(recording.n_samples, plan.stop + round(_MARGIN_S * recording.fs))
    onsets = np.zeros(0, np.int64)
    if report.delineation is not None:
        onsets = report.delineation.qrs_onset
        onsets = onsets[(onsets != ABSENT) & (onsets < stop)]
    signal = clean(recording.signal[:, :stop], fs=recording.fs, qrs_onsets=onsets)
    traces = dict(zip(names, signal, strict=True))
    if derived:
        every = derive_limb_leads(signal, names)
        traces |= {name: np.asarray(every[name], dtype=np.float64) for name in derived}
    return traces
