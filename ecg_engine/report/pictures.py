"""Pictures of a radiograph's report: a thumbnail, and an overlay of outlines, diameters, heat map and regions."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.interpretation.triage import by_urgency
from ecg_engine.radiograph.anatomy import CONFIDENT, ctr_lines
from ecg_engine.radiograph.preparation import fit
from ecg_engine.report.png import encode_png
from ecg_engine.types import Anatomy, Finding, RadiographReport
from ecg_engine.vocabulary import phrase_text

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

__all__ = ["overlay", "thumbnail"]

_Colour = tuple[int, int, int]
#: Okabe and Ito's colours, told apart by colour-blind eyes too (Wong B 2011, doi:10.1038/nmeth.1618).
_LUNGS: Final[_Colour] = (86, 180, 233)
_HEART: Final[_Colour] = (230, 159, 0)
_BOX: Final[_Colour] = (240, 228, 66)
_MIDLINE: Final[_Colour] = (200, 200, 200)
_INK: Final[_Colour] = (245, 245, 245)
_BLACK: Final[_Colour] = (0, 0, 0)
#: Heat: its colours from low to high grow lighter, so that they keep their order without hue.
_HEAT: Final[tuple[_Colour, ...]] = ((110, 0, 110), (204, 60, 90), (240, 140, 40), (250, 230, 90))
#: Below this share of the maximum the heat map is not drawn; at the maximum it covers this share of the picture.
_HEAT_FROM: Final = 0.3
_HEAT_OPACITY: Final = 0.4
_MOST_BOXES: Final = 4


def thumbnail(report: RadiographReport, *, px: int) -> bytes:
    """Return the picture as a grey PNG.

    Parameters
    ----------
    report : RadiographReport
        With its `square`.
    px : int
        Longer side, pixels; a square that is smaller is not enlarged.

    Raises
    ------
    InputError
        The report has no `square`, or `px` is not in 32 to 4096.
    """
    picture, _ = _picture(report, px)
    if max(picture.size) > px:
        scale = px / max(picture.size)
        picture = _resized(picture, (round(picture.width * scale), round(picture.height * scale)))
    return encode_png(np.asarray(picture))


def overlay(report: RadiographReport, *, px: int, lang: str = "en") -> bytes:
    """Return the picture with what the engine saw in it, as a colour PNG.

    Outlines of lungs and heart and the two diameters of the cardiothoracic ratio, the heat map of the most pressing
    finding that was seen, boxes around the regions of findings (of `research` ones only where no other is seen), and
    below the picture a legend. Where nothing is drawn, the greys are the picture's.

    Parameters
    ----------
    report : RadiographReport
        With its `square`; what it lacks else is not drawn.
    px : int
        Longest side, legend included, pixels.
    lang : {"en", "ru"}

    Raises
    ------
    InputError
        The report has no `square`, there are no texts in this language, or `px` is not in 32 to 4096.
    """
    from PIL import Image, ImageDraw

    picture, inside = _picture(report, px)
    font = _font(max(9, round(px / 38)))
    line = round(font.size * 1.5)
    anatomy = report.anatomy if report.anatomy is not None and report.anatomy.confidence >= CONFIDENT else None
    heated = _heated(report)
    n_lines = (anatomy is not None) + (heated is not None)
    scale = min(px / picture.width, (px - n_lines * line) / picture.height)
    view = _View(inside=inside, scale=scale, width=round(picture.width * scale), height=round(picture.height * scale))
    sheet = Image.new("RGB", (max(view.width, min(px, 240)), view.height + n_lines * line), _BLACK)
    sheet.paste(_resized(picture, (view.width, view.height)), (0, 0))
    if heated is not None:
        _draw_heat(sheet, report.maps[heated.code], view, len(_square(report)))
    draw = ImageDraw.Draw(sheet)
    if anatomy is not None:
        is_measured = report.measurements.get("cardiothoracic_ratio") is not None
        _draw_anatomy(sheet, draw, anatomy, view, with_diameters=is_measured)
    _draw_boxes(draw, report, view, font, lang)
    y = view.height
    if anatomy is not None:
        _legend_of_anatomy(draw, report, (y, line), font, lang)
        y += line
    if heated is not None:
        _legend_of_heat(sheet, draw, heated, (y, line), font, lang)
    return encode_png(np.asarray(sheet))


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How the square comes onto the sheet: the part that is picture, enlarged by `scale`."""

    inside: tuple[int, int, int, int]
    scale: float
    width: int
    height: int

    def point(self, row: float, column: float) -> tuple[float, float]:
        """Return x and y on the sheet of a place in the square."""
        return (column - self.inside[1]) * self.scale, (row - self.inside[0]) * self.scale

    def part(self, whole: NDArray[Any]) -> NDArray[Any]:
        """Return the part of a square array that is picture."""
        top, left, rows, columns = self.inside
        return whole[top : top + rows, left : left + columns]


def _square(report: RadiographReport) -> NDArray[np.uint8]:
    if report.square is None:
        raise InputError("report: it has no square (the prepared picture) to draw on", argument="report")
    return report.square


def _picture(report: RadiographReport, px: int) -> tuple[Image, tuple[int, int, int, int]]:
    """Return the part of the square that is picture, and where it lies."""
    from PIL import Image

    if not 32 <= px <= 4096:
        raise InputError(f"px: {px}; give 32 to 4096", argument="px")
    square = _square(report)
    top, left, rows, columns = fit((report.image["rows"], report.image["columns"]), len(square))
    part = np.ascontiguousarray(square[top : top + rows, left : left + columns])
    return Image.fromarray(part), (top, left, rows, columns)


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    """Return a picture at another size: averaged over the area when it shrinks, smooth when it grows."""
    from PIL.Image import Resampling

    grows = size[0] > picture.width
    size = (max(size[0], 1), max(size[1], 1))
    return picture.resize(size, Resampling.BICUBIC if grows else Resampling.BOX, reducing_gap=None)


@cache
def _font(size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(
        io.BytesIO((files("ecg_engine.report") / "fonts/DejaVuSansCondensed.ttf").read_bytes()), size
    )


# ------------------------------------------------------------------------------------------------------------ heat map


def _heated(report: RadiographReport) -> Finding | None:
    """Return the finding whose map is drawn: the most pressing one seen, `default` before `research`."""
    seen = [finding for finding in by_urgency(report.findings) if finding.seen and finding.code in report.maps]
    return min(seen, key=lambda finding: finding.report != "default", default=None)


def _draw_heat(sheet: Image, heat: NDArray[np.float32], view: _View, size: int) -> None:
    """Lay a map over the picture; it spans the whole square in coarser cells."""
    from PIL import Image

    top, left, rows, columns = view.inside
    cells = heat.shape[0] / size
    box = (left * cells, top * cells, (left + columns) * cells, (top + rows) * cells)
    levels = Image.fromarray(np.rint(np.clip(np.nan_to_num(heat), 0, 1) * 255).astype(np.uint8))
    levels = levels.resize((view.width, view.height), Image.Resampling.BICUBIC, box=box)
    sheet.paste(_heat_colours(levels), (0, 0), levels.point(_heat_opacity()))


def _heat_colours(levels: Image) -> Image:
    coloured = levels.copy()
    coloured.putpalette(_heat_palette())
    return coloured.convert("RGB")


@cache
def _heat_palette() -> bytes:
    at = np.linspace(_HEAT_FROM, 1, len(_HEAT))
    shares = np.linspace(0, 1, 256)
    channels = [np.interp(shares, at, [colour[i] for colour in _HEAT]) for i in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8).tobytes()


@cache
def _heat_opacity() -> list[int]:
    """Return the opacity of each level: none below `_HEAT_FROM`, then quickly to a third and slowly to all of it."""
    shares = np.clip((np.linspace(0, 1, 256) - _HEAT_FROM) / (1 - _HEAT_FROM), 0, 1)
    opacity: list[int] = np.rint(255 * _HEAT_OPACITY * shares**0.5).astype(int).tolist()
    return opacity


def _legend_of_heat(
    sheet: Image, draw: ImageDraw, finding: Finding, place: tuple[int, int], font: FreeTypeFont, lang: str
) -> None:
    from PIL import Image

    y, line = place
    width, height = round(font.size * 4), round(font.size * 0.8)
    ramp = np.tile(np.linspace(_HEAT_FROM * 255, 255, width).astype(np.uint8), (height, 1))
    sheet.paste(_heat_colours(Image.fromarray(ramp)), (4, y + (line - height) // 2))
    facts = {"finding": finding.code, "score": float(finding.score)}
    draw.text((width + 10, y + line / 2), phrase_text("picture_heat", lang, facts), _INK, font, anchor="lm")


# ------------------------------------------------------------------------------------------------------------- anatomy


def _draw_anatomy(sheet: Image, draw: ImageDraw, anatomy: Anatomy, view: _View, *, with_diameters: bool) -> None:
    for mask, colour in ((anatomy.right_lung, _LUNGS), (anatomy.left_lung, _LUNGS), (anatomy.heart, _HEART)):
        _draw_outline(sheet, mask, colour, view)
    lines = ctr_lines(anatomy) if with_diameters else None
    if lines is None:
        return
    _draw_line(draw, lines.midline, _MIDLINE, view, has_ends=False)
    for line, colour in ((lines.heart_right, _HEART), (lines.heart_left, _HEART), (lines.thorax, _LUNGS)):
        _draw_line(draw, line, colour, view)


def _draw_line(
    draw: ImageDraw,
    line: tuple[tuple[float, float], tuple[float, float]],
    colour: _Colour,
    view: _View,
    *,
    has_ends: bool = True,
) -> None:
    """Draw a line on a thin dark one, with a tick at each end of a diameter."""
    ends = [view.point(*end) for end in line]
    for width, ink in ((4, _BLACK), (2, colour)):
        draw.line(ends, ink, width)
        if has_ends:
            for x, y in ends:
                draw.line((x, y - 5, x, y + 5), ink, width)


def _draw_outline(sheet: Image, mask: NDArray[np.bool_], colour: _Colour, view: _View) -> None:
    """Draw the edge of a mask as a smooth line on a thin dark one: the middle of its blurred step."""
    from PIL import Image, ImageFilter

    part = view.part(mask)
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    if not rows.size:
        return
    margin = 6
    y0, y1 = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, part.shape[0])
    x0, x1 = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, part.shape[1])
    size = (max(round((x1 - x0) * view.scale), 1), max(round((y1 - y0) * view.scale), 1))
    step = Image.fromarray(np.ascontiguousarray(part[y0:y1, x0:x1]).view(np.uint8) * 255)
    step = step.resize(size, Image.Resampling.BILINEAR).filter(ImageFilter.BoxBlur(2))
    at = (round(x0 * view.scale), round(y0 * view.scale))
    sheet.paste(_BLACK, (*at, at[0] + size[0], at[1] + size[1]), step.point(_edge_opacity(100, 140)))
    sheet.paste(colour, (*at, at[0] + size[0], at[1] + size[1]), step.point(_edge_opacity(55, 255)))


@cache
def _edge_opacity(half_width: int, most: int) -> list[int]:
    """Return the opacity of each level of a blurred step: `most` in its middle, none `half_width` levels away."""
    away = np.abs(np.arange(256) - 127.5)
    opacity: list[int] = np.rint(np.clip((half_width - away) / (half_width * 0.4), 0, 1) * most).astype(int).tolist()
    return opacity


def _legend_of_anatomy(
    draw: ImageDraw, report: RadiographReport, place: tuple[int, int], font: FreeTypeFont, lang: str
) -> None:
    y, line = place
    middle = y + line / 2
    x = 4.0
    for code, colour in (("picture_lungs", _LUNGS), ("picture_heart", _HEART)):
        draw.line((x, middle, x + font.size, middle), colour, 2)
        x += font.size + 5
        word = phrase_text(code, lang)[:1].lower() + phrase_text(code, lang)[1:]
        draw.text((x, middle), word, _INK, font, anchor="lm")
        x += font.getlength(word) + font.size
    ratio = report.measurements.get("cardiothoracic_ratio")
    if ratio is not None:
        draw.text((x, middle), phrase_text("picture_ctr", lang, {"ratio": float(ratio)}), _INK, font, anchor="lm")


# ------------------------------------------------------------------------------------------------------------- regions


def _draw_boxes(draw: ImageDraw, report: RadiographReport, view: _View, font: FreeTypeFont, lang: str) -> None:
    """Draw a box around each region with the findings seen there: `research` ones only where no other is seen."""
    regions: dict[tuple[int, int, int, int], list[str]] = {}
    seen = [finding for finding in by_urgency(report.findings) if finding.seen and finding.region is not None]
    for finding in [finding for finding in seen if finding.report == "default"] or seen:
        if finding.region is not None:
            regions.setdefault(finding.region, []).append(_label(finding, lang))
    taken: list[tuple[float, float, float, float]] = []
    scale = view.width / report.image["columns"]
    for region, labels in list(regions.items())[:_MOST_BOXES]:
        top, left, bottom, right = (side * scale for side in region)
        box = (max(left, 1), max(top, 1), min(right, view.width) - 2, min(bottom, view.height) - 2)
        box = (box[0], box[1], max(box[2], box[0]), max(box[3], box[1]))
        draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), outline=_BLACK, width=4)
        draw.rectangle(box, outline=_BOX, width=2)
        for text in labels:
            _draw_label(draw, text, box, view, font, taken)


def _label(finding: Finding, lang: str) -> str:
    facts = {"finding": finding.code, "score": float(finding.score)}
    return phrase_text("picture_finding" if finding.report == "default" else "picture_research", lang, facts)


def _draw_label(
    draw: ImageDraw,
    text: str,
    box: tuple[float, float, float, float],
    view: _View,
    font: FreeTypeFont,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Write a label above its box, or below what stands there already."""
    width, height = font.getlength(text) + 6, font.size * 1.35
    x = min(max(box[0] - 1, 0), max(view.width - width, 0))
    y = max(box[1] - height - 1, 0)
    while any(x < t[2] and t[0] < x + width and y < t[3] and t[1] < y + height for t in taken):
        y += 1
    if y + height > view.height:
        y = max(view.height - height, 0)
    taken.append((x, y, x + width, y + height))
    draw.rectangle((x, y, x + width, y + height), fill=_BOX)
    draw.text((x + 3, y + height / 2), text, _BLACK, font, anchor="lm")
