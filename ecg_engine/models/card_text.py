"""Cards as TOML: what `card.read_card` reads, written without a library of its own."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from ecg_engine.errors import ModelError

__all__ = ["card_text", "plain_document", "read_document"]


def read_document(path: Path) -> dict[str, Any]:
    """Return everything that a card says.

    Raises
    ------
    ModelError
        It cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ModelError(f"{path}: the card cannot be read ({exc}); mend it or name another") from exc


def plain_document(path: Path) -> dict[str, Any]:
    """Return everything that a card says in plain JSON types; see `read_document`."""
    plain: dict[str, Any] = _plain(read_document(path))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date | time) else value


def card_text(document: Mapping[str, Any]) -> str:
    """Return a card as TOML 1.0.

    Parameters
    ----------
    document : mapping
        Strings, numbers, truths, days, lists and mappings; what is None is left out.

    Examples
    --------
    >>> print(card_text({"name": "a", "labels": [{"code": "x", "figures": {"n": 3}}]}), end="")
    name = "a"
    <BLANKLINE>
    [[labels]]
    code = "x"
    <BLANKLINE>
    [labels.figures]
    n = 3
    """
    return "\n".join(_table(document, "")) + "\n"


def _table(table: Mapping[str, Any], name: str) -> list[str]:
    lines, inner = [], []
    for key, value in table.items():
        path = f"{name}.{_key(key)}" if name else _key(key)
        if value is None:
            continue
        if isinstance(value, Mapping):
            inner += ["", f"[{path}]", *_table(value, path)]
        elif _is_tables(value):
            for one in value:
                inner += ["", f"[[{path}]]", *_table(one, path)]
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + inner


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(key: str) -> str:
    is_bare = key.isascii() and key != "" and all(c.isalnum() or c in "_-" for c in key)
    return key if is_bare else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
        return repr(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}"
    return _string(str(value))


def _string(text: str) -> str:
    """Return a basic string; control characters as TOML escapes them."""
    out = []
    for c in text:
        if c in '"\\':
            out.append(f"\\{c}")
        elif c == "\n":
            out.append("\\n")
        elif ord(c) < 0x20 or ord(c) == 0x7F:
            out.append(f"\\u{ord(c):04x}")
        else:
            out.append(c)
    return f'"{"".join(out)}"'
