"""The two charts of a batch's page, as inline SVG and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.report.summary_rows import safe
from ecg_engine.vocabulary import summary_text

__all__ = ["bars", "histogram"]

_WIDTH: Final = 520
_HEIGHT: Final = 190
_LEFT: Final = 44
_BOTTOM: Final = 34
_TOP: Final = 8


def histogram(bins: Mapping[str, Sequence[int]], lang: str) -> str:
    """Return the histogram of priorities, 0 to 1, the levels stacked, the most pressing at the bottom."""
    n_bins = max((len(values) for values in bins.values()), default=20)
    totals = [sum(values[i] for values in bins.values()) for i in range(n_bins)]
    most = _round_up(max(totals, default=0))
    step = (_WIDTH - _LEFT - 6) / n_bins
    tall = _HEIGHT - _BOTTOM - _TOP
    floor = _HEIGHT - _BOTTOM
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = floor - share * tall
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 6}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{most * share:g}</text>')
    for i in range(n_bins):
        y = float(floor)
        for level in LEVELS:
            n = bins[level][i] if level in bins else 0
            if n:
                height = n / most * tall
                y -= height
                title = escape(f"{summary_text(level, lang)}: {n}")
                parts.append(
                    f'<rect class="{level}" x="{_LEFT + i * step + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" '
                    f'height="{height:.1f}"><title>{title}</title></rect>'
                )
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _LEFT + value * step * n_bins
        words = f"{value:g}".replace(".", "," if lang == "ru" else ".")
        parts.append(f'<text x="{x:.1f}" y="{floor + 14}" text-anchor="middle">{words}</text>')
    middle = _LEFT + step * n_bins / 2
    parts.append(f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{_TOP}" y2="{floor}" stroke-dasharray="3 3"/>')
    axis = escape(summary_text("priority_axis", lang))
    parts.append(f'<text x="{middle:.1f}" y="{_HEIGHT - 4}" text-anchor="middle">{axis}</text>')
    label = escape(f"{summary_text('by_priority', lang)}: {'; '.join(map(str, totals))}")
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _round_up(most: int) -> int:
    """Return the end of an axis: an even number of 1, 2, 4, 6 or 10 times a power of ten, at least 2."""
    power = 1
    while True:
        for step in (2, 4, 6, 10):
            if most <= step * power:
                return step * power
        power *= 10


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """Return a list of names with their counts as bars."""
    most = max(n for _, n in counts)
    lines = "".join(
        f'<dt>{safe(name)}</dt><dd><progress max="{most}" value="{n}" aria-hidden="true"></progress></dd>'
        f'<dd class="n">{n}</dd>\n'
        for name, n in counts
    )
    return f'<dl class="bars">\n{lines}</dl>'
