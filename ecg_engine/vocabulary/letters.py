"""Letters that a file gives under another name than their own."""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = ["cyrillic", "mended"]

#: Of a thousand letters of Russian text, how many are each (Russian National Corpus, after Sharov).
_OF_A_THOUSAND: Final = {
    "о": 109.7, "е": 84.5, "а": 80.1, "и": 73.5, "н": 67.0, "т": 62.6, "с": 54.7, "р": 47.3, "в": 45.4, "л": 44.0,
    "к": 34.9, "м": 32.1, "д": 29.8, "п": 28.1, "у": 26.2, "я": 20.1, "ы": 19.0, "ь": 17.4, "г": 17.0, "з": 16.5,
    "б": 15.9, "ч": 14.4, "й": 12.1, "х": 9.7, "ж": 9.4, "ш": 7.3, "ю": 6.4, "ц": 4.8, "щ": 3.6, "э": 3.2, "ф": 2.6,
    "ё": 0.4, "ъ": 0.4,
}  # fmt: skip
_LIKELY: Final = {letter: math.log(share) for letter, share in _OF_A_THOUSAND.items()}
#: Of Ukrainian and other letters; of a sign that is no letter, or a capital behind a small letter.
_RARE, _ODD = math.log(1.0), -4.0
#: Beside CP1251; what another set must be better by, to be believed.
_OTHERS: Final = ("koi8-r", "cp866", "iso8859-5")
_MARGIN: Final = 4.0
#: Fewer letters tell nothing: the µ of Latin-1 would be a Cyrillic Е.
_LEAST_LETTERS: Final = 3
#: Text in front by which the set is judged.
_JUDGED_BYTES: Final = 65_536


def cyrillic(raw: bytes) -> str:
    """Return the text of bytes in an eight-bit Cyrillic set that nobody names: CP1251, KOI8-R, CP866 or ISO 8859-5.

    The set is taken in which its letters are likeliest in Russian and capitals stand where they do; CP1251 where that
    is not clear, as in a few letters.

    Examples
    --------
    >>> [cyrillic("Иванова Мария, синусовый ритм".encode(name))[:7] for name in ("cp1251", "koi8-r", "cp866")]
    ['Иванова', 'Иванова', 'Иванова']
    """
    if sum(byte > 0x7F for byte in raw[:_JUDGED_BYTES]) < _LEAST_LETTERS:
        return raw.decode("cp1251", errors="replace")
    scores = {name: _likelihood(raw[:_JUDGED_BYTES].decode(name, errors="replace")) for name in ("cp1251", *_OTHERS)}
    best = max(scores, key=scores.__getitem__)
    return raw.decode(best if scores[best] >= scores["cp1251"] + _MARGIN else "cp1251", errors="replace")


def _likelihood(text: str) -> float:
    """Return how likely the letters of a text outside ASCII are in Russian, in logarithms, summed."""
    total, before = 0.0, " "
    for sign in text:
        if not sign.isascii():
            is_inside = sign.isupper() and before.islower() and not before.isascii()
            total += _ODD if is_inside or not sign.isalpha() else _LIKELY.get(sign.lower(), _RARE)
        before = sign
    return total


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
        return cyrillic(raw)
    return text
