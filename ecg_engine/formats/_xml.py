"""XML as electrocardiographs write it: a small tree, read by expat with everything off that reaches outside the file.

The tree is our own: the standard library's takes entities, and defusedxml's, which refuses them, bounds neither the
number of elements nor their depth. What is off: entities that a file declares (so nothing expands), a DTD of its own,
anything outside the file. A DTD that is only named (``<!DOCTYPE RestingECG SYSTEM "restecg.dtd">``, which every MUSE
writes) is passed over and never fetched.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.vocabulary.letters import mended

__all__ = ["MAX_BYTES", "Node", "base64_of", "decoded", "number_of", "numbers_of", "parse", "read_xml"]

#: 45 min of twelve leads at 500 Hz, as text; these formats hold resting ECGs and exercise tests, which are shorter.
MAX_BYTES: Final = 64 * 2**20
#: A resting ECG has some 3000 elements.
MAX_ELEMENTS: Final = 200_000
MAX_DEPTH: Final = 100
MAX_ATTRIBUTES: Final = 200
_BUFFER: Final = 2**16
#: NumPy takes a sign without a number for a zero.
_LONE_SIGN: Final = re.compile(r"[+-](?![\d.])")
_DECLARED: Final = re.compile(rb"\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z][\w.:-]{0,40})[\"']")
#: Character sets of devices' exports, by Python's names; nothing that computes rather than looks up.
_ENCODINGS: Final = frozenset(
    {"ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "cp866", "mac-cyrillic"}
    | {"gb2312", "gbk", "gb18030", "big5", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "tis-620", "cp874"}
    | {f"iso8859-{part}" for part in range(1, 17)}
    | {f"cp125{page}" for page in range(9)}
)
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Node:
    """One element: its name without prefix, attributes, children; paths are names joined by ``/``."""

    __slots__ = ("attributes", "children", "parts", "tag")

    def __init__(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Node] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        """Its own text, as it stands."""
        return self.parts[0] if len(self.parts) == 1 else "".join(self.parts)

    def every(self, path: str) -> list[Node]:
        """Return all elements at a path."""
        found = [self]
        for tag in path.split("/"):
            found = [child for node in found for child in node.children if child.tag == tag]
        return found

    def first(self, path: str) -> Node | None:
        """Return the first element at a path, None where there is none."""
        if "/" not in path:
            for child in self.children:
                if child.tag == path:
                    return child
            return None
        head, _, rest = path.partition("/")
        for child in self.children:
            if child.tag == head:
                found = child.first(rest)
                if found is not None:
                    return found
        return None

    def walk(self, tag: str) -> Iterator[Node]:
        """Yield all elements of a name below this one, in order."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.walk(tag)

    def said(self, path: str = "") -> str:
        """Return what is written at a path, trimmed, in the letters that were meant; empty where nothing is."""
        found = self.first(path) if path else self
        return "" if found is None else _meant(" ".join(found.text.split()))

    def attribute(self, path: str, name: str) -> str:
        """Return an attribute of the element at a path, empty where there is none."""
        found = self.first(path) if path else self
        text = None if found is None else found.attributes.get(name)
        return _meant(text.strip()) if text else ""

    def number(self, path: str = "") -> float | None:
        """Return the number at a path, None where there is none."""
        return number_of(self.said(path))


def _meant(text: str) -> str:
    return text if text.isascii() else mended(text)


def number_of(text: str) -> float | None:
    """Return a text's number, None where it is none; with a decimal comma too.

    Examples
    --------
    >>> number_of(" 2.5 "), number_of("0,05"), number_of("-"), number_of("nan")
    (2.5, 0.05, None, None)
    """
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_xml(path: Path, *root: str) -> Node:
    """Return a file's root element.

    Parameters
    ----------
    path : Path
    *root : str
        The names that it may have.

    Raises
    ------
    CorruptFormatError
        It is no well-formed XML.
    UnsupportedFormatError
        It is another document, longer or deeper than any ECG, declares entities, or has an unknown character set.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise UnsupportedFormatError(
            f"{size / 2**20:.0f} MiB of XML, where {MAX_BYTES >> 20} are read; export a shorter part, or EDF or WFDB",
            path=path,
        )
    node = parse(decoded(path.read_bytes(), path), path)
    if node.tag not in root:
        raise UnsupportedFormatError(f"is XML, but its root is <{node.tag[:60]}>, not <{root[0]}>", path=path)
    return node


def decoded(raw: bytes, path: Path | None = None) -> str:
    """Return the text of an XML file, by its byte order mark, else by what it declares, else as UTF-8.

    A file in an eight-bit character set that claims UTF-8 is taken as Latin letters, which `Node.said` mends.

    Raises
    ------
    UnsupportedFormatError
        It declares a character set that no device uses.
    CorruptFormatError
        Its bytes are not in the set that it declares.
    """
    raw = raw.rstrip(b"\0") if raw[-1:] == b"\0" and raw[:1] == b"<" and raw[1:2] != b"\0" else raw
    for bom, name in _BOMS:
        if raw.startswith(bom):
            return _strict(raw[len(bom) :], name, path)
    if raw[:2] in (b"<\0", b"\0<"):
        return _strict(raw, "utf-16-le" if raw[1] == 0 else "utf-16-be", path)
    found = _DECLARED.match(raw[:300])
    said = found[1].decode("ascii") if found else "utf-8"
    try:
        name = codecs.lookup(said).name
    except LookupError:
        name = ""
    if name not in _ENCODINGS:
        raise UnsupportedFormatError(f"character set {said} is not known; export as UTF-8", path=path)
    if name.startswith("utf-16"):
        name = "utf-8"  # a program re-saved it with eight bits a letter and left the declaration as it was
    if name in ("utf-8", "ascii"):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    return _strict(raw, name, path)


def _strict(raw: bytes, name: str, path: Path | None) -> str:
    try:
        return raw.decode(name)
    except UnicodeDecodeError as exc:
        raise CorruptFormatError(
            f"bytes that are no letters in {name}, which the file declares; copy or export it again",
            path=path,
            offset=exc.start,
        ) from exc


class _Builder:
    """Handlers of expat that build the tree and refuse what no ECG needs."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.count = path, 0
        self.stack = [Node("", {})]

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS or len(self.stack) > MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise UnsupportedFormatError("more or deeper elements than any ECG has; export again", path=self.path)
        node = Node(tag.rpartition(":")[2], attributes)
        self.stack[-1].children.append(node)
        self.stack.append(node)

    def end(self, tag: str) -> None:
        self.stack.pop()

    def data(self, text: str) -> None:
        self.stack[-1].parts.append(text)

    def doctype(self, name: str, system: str | None, public: str | None, has_internal_subset: int) -> None:
        if has_internal_subset:
            self.entity()

    def entity(self, *said: Any) -> int:
        raise UnsupportedFormatError(
            "declares a DTD or entities of its own, which are not read (they can reach outside the file or swell "
            "without end); export it without",
            path=self.path,
        )


def parse(text: str, path: Path | None = None) -> Node:
    """Return the root element of a text.

    Raises
    ------
    CorruptFormatError
        It is no well-formed XML; the message says where.
    UnsupportedFormatError
        It declares entities, or is larger or deeper than any ECG.
    """
    builder = _Builder(path)
    parser = expat.ParserCreate()
    parser.buffer_text, parser.buffer_size = True, _BUFFER
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.EntityDeclHandler = builder.entity
    parser.ExternalEntityRefHandler = builder.entity
    parser.SkippedEntityHandler = builder.entity
    try:
        parser.Parse(text, True)
    except expat.ExpatError as exc:
        raise CorruptFormatError(
            f"the XML breaks off or is damaged at line {exc.lineno}, column {exc.offset + 1} "
            f"({expat.ErrorString(exc.code)}); copy or export it again",
            path=path,
        ) from exc
    except UnicodeEncodeError as exc:  # half of a pair of UTF-16
        raise CorruptFormatError("half a letter in its text; copy or export it again", path=path) from exc
    return builder.stack[0].children[0]


def numbers_of(text: str, *, path: Path, lead: str, separator: str = " ") -> NDArray[Any]:
    """Return the numbers of a text: int32, or float64 where they are no whole ones.

    Parameters
    ----------
    text : str
    path : Path
    lead : str
        For the message.
    separator : str
        ``" "`` stands for any white space.

    Raises
    ------
    CorruptFormatError
        Something in it is no number, or beyond 32 bits.
    """
    text = text.strip().rstrip(separator)
    if not text:
        return np.empty(0, dtype=np.int32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if _LONE_SIGN.search(text):
                raise ValueError
            try:
                whole = np.fromstring(text, dtype=np.int64, sep=separator)
            except (DeprecationWarning, ValueError):
                whole = None
            found = np.fromstring(text, dtype=np.float64, sep=separator) if whole is None else whole
    except (DeprecationWarning, ValueError) as exc:
        raise CorruptFormatError(
            f"lead {lead}: something among its samples is no number; copy or export the file again",
            path=path,
            lead=lead,
        ) from exc
    if whole is None:
        return found
    if whole.size and max(int(whole.max()), -int(whole.min())) > np.iinfo(np.int32).max:
        raise CorruptFormatError(
            f"lead {lead}: a sample beyond 32 bits; copy or export the file again", path=path, lead=lead
        )
    return whole.astype(np.int32)


def base64_of(text: str, *, path: Path, lead: str | None = None) -> bytes:
    """Return the bytes that a text stands for.

    Raises
    ------
    CorruptFormatError
        It is no base64.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        whose = f"lead {lead}: " if lead else ""
        raise CorruptFormatError(
            f"{whose}samples that are no base64; copy or export the file again", path=path, lead=lead
        ) from exc
