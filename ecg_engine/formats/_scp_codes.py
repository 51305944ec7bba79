"""Numbers of SCP-ECG (EN 1064, ISO 11073-91064): leads, languages, default Huffman table, checksum."""

from __future__ import annotations

import binascii
from typing import Final

#: Bytes in front of section 0: checksum and length of the record.
RECORD_HEAD: Final = 6
#: Bytes in front of a section's data: checksum, number, length, versions, six reserved ones.
SECTION_HEAD: Final = 16
#: Bytes of one row of the pointer section.
POINTER: Final = 10
#: What the reserved bytes of section 0 hold.
MARK: Final = b"SCPECG"
#: A measurement that was not made, and what the standard keeps for other reasons why there is none.
ABSENT: Final = (29999, 29998, 19999, -29999)
#: Number of Huffman tables that stands for the standard's own.
DEFAULT_TABLES: Final = 19999

LEADS: Final = {
    0: "unspecified", 1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6", 9: "V7", 10: "V2R",
    11: "V3R", 12: "V4R", 13: "V5R", 14: "V6R", 15: "V7R", 16: "X", 17: "Y", 18: "Z", 19: "CC5", 20: "CM5",
    21: "LA", 22: "RA", 23: "LL", 24: "fI", 25: "fE", 26: "fC", 27: "fA", 28: "fM", 29: "fF", 30: "fH",
    61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR", 66: "V8", 67: "V9", 68: "V8R", 69: "V9R",
    70: "D", 71: "A", 72: "J",
}  # fmt: skip
LEAD_NUMBERS: Final = {name: number for number, name in LEADS.items() if number}

#: Python's name of each character set, by the language support code. Without its lowest bit: ASCII.
LANGUAGES: Final = {
    0x01: "iso8859-1", 0x03: "iso8859-2", 0x0B: "iso8859-4", 0x13: "iso8859-5", 0x1B: "iso8859-6", 0x23: "iso8859-7",
    0x2B: "iso8859-8", 0x33: "iso8859-11", 0x3B: "iso8859-15", 0x07: "utf-16-le", 0x27: "gb2312", 0x2F: "cp949",
    0x37: "utf-8",
}  # fmt: skip

#: Huffman codes of the standard: bits of the prefix, bits of the whole, 1 for a value (0: another table), the value,
#: and the prefix with its first bit lowest.
DEFAULT_CODES: Final[tuple[tuple[int, int, int, int, int], ...]] = (
    (1, 1, 1, 0, 0b0),
    *(
        (2 + n, 2 + n, 1, sign * n, (1 << n) - 1 | (sign < 0) << n + 1)
        for n in range(1, 9)
        for sign in (1, -1)
    ),
    (10, 18, 1, 0, 0b0111111111),
    (10, 26, 1, 0, 0b1111111111),
)  # fmt: skip


def checksum(data: bytes) -> int:
    """Return the checksum of a record or section: CRC-CCITT, begun with ones.

    Examples
    --------
    >>> hex(checksum(b"123456789"))
    '0x29b1'
    """
    return binascii.crc_hqx(data, 0xFFFF)
