"""The display list as SVG: user units are millimetres, elements carry their role as class.

Text stays text. It names the bundled typeface first and falls back to what the viewer has; ``textLength`` keeps its
width, so that nothing overlaps in another typeface.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from ecg_engine.report.drawing import MM_PER_PT, Box, Drawing, Element, Shape, Strokes, Text, path_template

__all__ = ["to_svg"]

_FAMILY: Final = "'DejaVu Sans Condensed','DejaVu Sans',Arial,'Helvetica Neue',sans-serif"


def to_svg(drawing: Drawing) -> bytes:
    """Return `drawing` as an SVG document, UTF-8."""
    w, h = f"{drawing.width:g}", f"{drawing.height:g}"
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}mm" height="{h}mm" viewBox="0 0 {w} {h}" '
        f'xml:lang="{drawing.lang}" font-family="{_FAMILY}" stroke-linejoin="round" stroke-linecap="round">\n'
        f"<title>{escape(drawing.title)}</title>\n"
        f'<rect class="sheet" width="{w}" height="{h}" fill="#ffffff"/>\n'
    )
    return (head + "\n".join(map(_element, drawing.elements)) + "\n</svg>\n").encode()


def _element(element: Element) -> str:
    role = quoteattr(element.role)
    if isinstance(element, Strokes):
        template, numbers = path_template(element.points, "M%.2f %.2f", "L%.2f %.2f")
        data = "".join(f" data-{key.replace('_', '-')}={quoteattr(value)}" for key, value in element.data.items())
        return (
            f'<path class={role}{data} fill="none" stroke="{element.colour}" stroke-width="{element.width:g}" '
            f'd="{template % tuple(numbers)}"/>'
        )
    if isinstance(element, Text):
        weight = ' font-weight="bold"' if element.bold else ""
        return (
            f'<text class={role} x="{element.x:.2f}" y="{element.y:.2f}" font-size="{element.size_pt * MM_PER_PT:.3f}"'
            f'{weight} fill="{element.colour}" textLength="{element.width:.2f}" lengthAdjust="spacingAndGlyphs">'
            f"{escape(element.text)}</text>"
        )
    if isinstance(element, Box):
        line = f' stroke="{element.stroke}" stroke-width="{element.line_width:g}"' if element.stroke else ""
        return (
            f'<rect class={role} x="{element.x:.2f}" y="{element.y:.2f}" width="{element.width:.2f}" '
            f'height="{element.height:.2f}" fill="{element.fill or "none"}"{line}/>'
        )
    return _shape(element)


def _shape(element: Shape) -> str:
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in element.points)
    return f'<polygon class={quoteattr(element.role)} points="{points}" fill="{element.fill}"/>'
