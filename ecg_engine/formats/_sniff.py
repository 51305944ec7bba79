"""Telling formats apart by their first bytes; standard library only."""

from __future__ import annotations

import re
from typing import Final

#: Bytes that a sniffer is given.
HEAD_BYTES: Final = 4096
#: Those of XML whose root does not stand among them: comments may be long.
XML_HEAD_BYTES: Final = 2**18

_EDF_FIELDS: Final = rb".{160}[ -~]{8}[ -~]{8}[ \d]{8}.{44}[ \d-]{8}[ -~]{8}[ \d]{4}"
_EDF_HEADER: Final = re.compile(rb"0 {7}" + _EDF_FIELDS, re.DOTALL)
_BDF_HEADER: Final = re.compile(rb"\xffBIOSEMI" + _EDF_FIELDS, re.DOTALL)
#: Name, number of signals, then as many as there are of: rate (with a counter's), samples, time, date.
_WFDB_RECORD: Final = re.compile(
    r"[^\s,;#/]+(?P<segments>/\d+)?[ \t]+\d+"
    r"(?:[ \t]+[\d.]+(?:[eE][+-]?\d+)?(?:/[-\d.]+(?:\([-\d.]+\))?)?"
    r"(?:[ \t]+\d+(?:[ \t]+[\d:.]+(?:[ \t]+[\d/]+)?)?)?)?\s*"
)
_WFDB_SIGNAL: Final = re.compile(
    r"\S+[ \t]+(?:0|8|16|24|32|61|80|160|212|310|311|508|516|524)(?:x\d+)?(?::\d+)?(?:\+\d+)?(?:[ \t].*)?"
)
_WFDB_SEGMENT: Final = re.compile(r"\S+[ \t]+\d+\s*")

#: Declaration, comments, processing instructions and document type in front of a root, and the root.
_XML_SKIPPED: Final = re.compile(
    r"(?:<\?(?:[^?]|\?(?!>))*\?>\s*"
    r"|<!--(?:[^-]|-(?!->))*-->\s*"
    r"|<!DOCTYPE(?:[^\[<>\"']|\"[^\"]*\"|'[^']*')*(?:\[[^\]]*\]\s*)?>\s*)*"
)
_XML_ROOT: Final = re.compile(r"<([A-Za-z_][\w.:-]*)")

#: Files that are often sent in place of an ECG, with what to say of them.
FOREIGN: Final = (
    (b"%PDF", "a PDF page; ask for the device's digital export"),
    (b"\x89PNG", "a picture; ask for the device's digital export"),
    (b"\xff\xd8\xff", "a picture; ask for the device's digital export"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"ANN  1.0", "a list of beats of an ISHNE Holter; name the file of its samples (.ecg), beside which it is read"),
)
#: What is said of XLE, and the labels of its header, whose bytes stand in pairs the wrong way round.
XLE: Final = (
    "XLE, which says neither its sampling rate nor its voltage; export the ECG from the device's "
    "program as SCP-ECG, DICOM, aECG or another format of `ecg-engine formats`"
)
_XLE_LABELS: Final = (b"Given name:", b"Family name:", b"Birth Date:")


def is_edf(head: bytes) -> bool:
    """EDF, EDF+C, EDF+D: version ``0``, then fixed fields of ASCII digits."""
    return _EDF_HEADER.match(head) is not None


def is_bdf(head: bytes) -> bool:
    """BDF, BDF+C, BDF+D: EDF but for the version and three bytes a sample."""
    return _BDF_HEADER.match(head) is not None


def is_dicom(head: bytes) -> bool:
    """DICOM: ``DICM`` behind the preamble, or a data set that starts with group 0002 or 0008 and an explicit VR."""
    return (
        head[128:132] == b"DICM" or re.match(rb"[\x02\x08]\x00.\x00(?:UI|UL|OB|CS|DA|SH)", head, re.DOTALL) is not None
    )


def is_wfdb_header(head: bytes) -> bool:
    """WFDB header: a record line, then a signal or segment line."""
    if b"\0" in head:
        return False
    # A line cut by the end of `head` is no evidence of anything.
    text = head.decode("utf-8", errors="replace")
    lines = text.splitlines()[: -1 if len(head) >= HEAD_BYTES else None]
    lines = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    record = _WFDB_RECORD.fullmatch(lines[0]) if lines else None
    if record is None or len(lines) < 2:
        return False
    return (_WFDB_SEGMENT if record["segments"] else _WFDB_SIGNAL).fullmatch(lines[1]) is not None


def is_scp(head: bytes) -> bool:
    """SCP-ECG: section 0 with its mark, or, in files of the first editions, with its number and two equal versions."""
    if head[16:22] == b"SCPECG":
        return True
    return len(head) > 24 and head[8:10] == head[22:24] == b"\0\0" and head[14] == head[15] in (10, 11, 12, 13)


def is_xle(head: bytes) -> bool:
    """XLE: labels of the patient's fields in words of two bytes, the second one first."""
    swapped = bytearray(head[: len(head) // 2 * 2])
    swapped[0::2], swapped[1::2] = swapped[1::2], swapped[0::2]
    return all(label in swapped for label in _XLE_LABELS)


def looks_like_xml(head: bytes) -> bool:
    """Tell whether a file begins as XML does, in eight or sixteen bits a letter."""
    return head[:64].replace(b"\0", b"").lstrip(b"\xff\xfe\xef\xbb\xbf \t\r\n")[:1] == b"<"


def xml_root(head: bytes) -> str | None:
    """Return the name of the root element, without its prefix, of what begins like XML; None of anything else."""
    if not looks_like_xml(head):
        return None
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or (b"\0" in head[:2] and b"<" in head[:2]):
        big = head[:2] == b"\xfe\xff" or head[:1] == b"\0"
        text = head[: len(head) // 2 * 2].decode("utf-16-be" if big else "utf-16-le", errors="replace")
    else:
        text = head.decode("utf-8", errors="replace")
    text = _XML_SKIPPED.sub("", text.lstrip("\ufeff \t\r\n"), count=1)
    found = _XML_ROOT.match(text)
    return None if found is None else found[1].rpartition(":")[2]


def is_aecg(head: bytes) -> bool:
    """HL7 annotated ECG."""
    return xml_root(head) == "AnnotatedECG"


def is_muse(head: bytes) -> bool:
    """GE MUSE."""
    return xml_root(head) == "RestingECG"


def is_sierra(head: bytes) -> bool:
    """Philips Sierra."""
    return xml_root(head) == "restingecgdata"


def is_cardiosoft(head: bytes) -> bool:
    """GE CardioSoft."""
    return xml_root(head) == "CardiologyXML"


def is_schiller(head: bytes) -> bool:
    """Schiller's SEMA."""
    root = xml_root(head)
    return root is not None and root.rpartition(".")[2] == "SchillerEDI"


def is_mortara(head: bytes) -> bool:
    """Mortara ELI."""
    return xml_root(head) == "ECG"


def is_kardia(head: bytes) -> bool:
    """AliveCor Kardia."""
    return head[:8] == b"ALIVE\0\0\0"


def is_ishne(head: bytes) -> bool:
    """ISHNE Holter."""
    return head[:8] == b"ISHNE1.0"


def is_json_recording(head: bytes) -> bool:
    """Our own JSON: an object that names its schema at its beginning."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start[:1] == b"{" and b'"ecg_engine.recording"' in start


def is_npz(head: bytes) -> bool:
    """Archive of NumPy: a ZIP whose first file is an array."""
    length = int.from_bytes(head[26:28], "little")
    return head[:4] == b"PK\x03\x04" and head[30 : 30 + length].endswith(b".npy")


def is_mat(head: bytes) -> bool:
    """MATLAB, version 5 and up, 7.3 too, which the reader refuses in its own words."""
    return head.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"))


def is_never(head: bytes) -> bool:
    """No content decides: the suffix must."""
    return False
