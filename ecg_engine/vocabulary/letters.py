"""Letters that a file gives under another name than their own."""

from __future__ import annotations

import re

__all__ = ["mended"]


def mended(text: str) -> str:
    """Return a text whose bytes were taken for Latin letters, in the letters that they were meant as.

    Many devices write CP1251 or UTF-8 and claim ISO_IR 6 or 100. Such a word consists of high bytes alone, which no
    word in a western language does.

    Examples
    --------
    >>> mended("Èâàíîâ"), mended("Müller")
    ('Иванов', 'Müller')
    """
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    if raw.isascii():
        return text
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    words = re.findall(r"[^\s^=\\.,()0-9-]+", text)
    high = [word for word in words if all(letter >= "\xa0" for letter in word)]
    if any(len(word) >= 3 for word in high) and all(word in high or word.isascii() for word in words):
        return raw.decode("cp1251", errors="replace")
    return text
