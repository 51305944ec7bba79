"""The bundled typeface: where its files are, how wide its text is, and fitting text into a width.

DejaVu Sans Condensed shows Latin, Cyrillic and Greek. Its files and their licence lie in ``fonts/``; the system's fonts
are never used, so that a page looks the same on every machine.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import Any, Final

__all__ = ["BOLD", "REGULAR", "ellipsised", "font", "name_shrunk", "printable", "shrunk", "text_width_mm"]

REGULAR: Final = "DejaVuSansCondensed"
BOLD: Final = "DejaVuSansCondensed-Bold"

_MM_PER_PT: Final = 25.4 / 72


@cache
def font(name: str) -> Any:
    """Return the parsed font, ready for reportlab; parsed once in a process."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    with as_file(files("ecg_engine.report") / "fonts" / f"{name}.ttf") as path:
        parsed = TTFont(name, str(path))
    pdfmetrics.registerFont(parsed)
    return parsed


@lru_cache(maxsize=8192)
def _ems(text: str, bold: bool) -> float:
    face = font(BOLD if bold else REGULAR).face
    widths, default = face.charWidths, face.defaultWidth
    return float(sum(widths.get(ord(c), default) for c in text)) / 1000


def text_width_mm(text: str, size_pt: float, *, bold: bool = False) -> float:
    """Return the width of one line of text, mm."""
    return _ems(text, bold) * size_pt * _MM_PER_PT


def printable(text: str) -> str:
    """Return `text` on one line, without control characters and halves of surrogate pairs."""
    if text.isprintable() and "  " not in text and text == text.strip():
        return text
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    return " ".join("".join(kept).split())


def ellipsised(text: str, width: float, size_pt: float, *, bold: bool = False) -> str:
    """Return `text`, its end replaced by an ellipsis where it is wider than `width` mm; empty where nothing fits."""
    text = printable(text)
    if text_width_mm(text, size_pt, bold=bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width_mm(text[:middle].rstrip() + "…", size_pt, bold=bold) <= width:
            low = middle
        else:
            high = middle - 1
    cut = text[:low].rstrip() + "…"
    return cut if text_width_mm(cut, size_pt, bold=bold) <= width else ""


def shrunk(text: str, width: float, size_pt: float, smallest_pt: float, *, bold: bool = False) -> tuple[str, float]:
    """Return `text` and the size at which it fits `width` mm; ellipsised where even `smallest_pt` is too wide."""
    text = printable(text)
    natural = text_width_mm(text, size_pt, bold=bold)
    if natural <= width:
        return text, size_pt
    size = size_pt * width / natural * 0.999
    if size >= smallest_pt:
        return text, size
    return ellipsised(text, width, smallest_pt, bold=bold), smallest_pt


def name_shrunk(name: str, width: float, size_pt: float, smallest_pt: float) -> tuple[str, float]:
    """Return a bold name as `shrunk` does, but cut in its middle: the names of channels differ at their ends."""
    name = printable(name)
    for n_tail in range(len(name), 1, -1):
        shorter = name if n_tail == len(name) else f"{name[:2]}…{name[-n_tail:].strip()}"
        text, size = shrunk(shorter, width, size_pt, smallest_pt, bold=True)
        if text == shorter:
            return text, size
    return shrunk(name, width, size_pt, smallest_pt, bold=True)
