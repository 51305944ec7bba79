"""Codes of leads, units and measurements in DICOM waveforms.

Leads: CID 3001 "ECG Leads" (PS3.16), whose MDC codes are ``2:n``; SCP-ECG's codes ``5.6.3-9-n`` and the 32-bit form
``131072 + n`` number the leads alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

#: Number of each lead in CID 3001, and the meaning that the standard gives it.
LEADS: Final[Mapping[int, tuple[str, str]]] = {
    1: ("I", "Lead I"), 2: ("II", "Lead II"), 61: ("III", "Lead III"),
    62: ("aVR", "aVR, augmented voltage, right"), 63: ("aVL", "aVL, augmented voltage, left"),
    64: ("aVF", "aVF, augmented voltage, foot"), 65: ("-aVR", "-aVR"),
    3: ("V1", "Lead V1"), 4: ("V2", "Lead V2"), 5: ("V3", "Lead V3"), 6: ("V4", "Lead V4"), 7: ("V5", "Lead V5"),
    8: ("V6", "Lead V6"), 9: ("V7", "Lead V7"), 66: ("V8", "Lead V8"), 67: ("V9", "Lead V9"),
    10: ("V2R", "Lead V2R"), 11: ("V3R", "Lead V3R"), 12: ("V4R", "Lead V4R"), 13: ("V5R", "Lead V5R"),
    14: ("V6R", "Lead V6R"), 15: ("V7R", "Lead V7R"), 68: ("V8R", "Lead V8R"), 69: ("V9R", "Lead V9R"),
    16: ("X", "Lead X"), 17: ("Y", "Lead Y"), 18: ("Z", "Lead Z"),
    31: ("I", "Derived Lead I"), 32: ("II", "Derived Lead II"), 111: ("III", "Derived Lead III"),
    112: ("aVR", "Derived Lead aVR"), 113: ("aVL", "Derived Lead aVL"), 114: ("aVF", "Derived Lead aVF"),
    33: ("V1", "Derived Lead V1"), 34: ("V2", "Derived Lead V2"), 35: ("V3", "Derived Lead V3"),
    36: ("V4", "Derived Lead V4"), 37: ("V5", "Derived Lead V5"), 38: ("V6", "Derived Lead V6"),
    20: ("CM5", "Chest-manubrium lead per V5 placement"), 92: ("MCL1", "Modified chest lead per V1 placement"),
    131: ("ES", "EASI Lead ES"), 132: ("AS", "EASI Lead AS"), 133: ("AI", "EASI Lead AI"),
}  # fmt: skip
UNSPECIFIED: Final = (0, "Unspecified lead")

#: Number and meaning of each lead that has a code of its own; those of derived leads (31 to 38, 111 to 114) are left
#: out, since how a lead came about is not known when it is written.
BY_NAME: Final = {
    name: (number, meaning) for number, (name, meaning) in LEADS.items() if not meaning.startswith("Derived")
}

#: Our quantity codes by what devices call theirs, without the word "global".
QUANTITIES: Final[Mapping[str, str]] = {
    "rr interval": "rr_ms", "mean rr interval": "rr_ms", "pr interval": "pr_ms", "pq interval": "pr_ms",
    "p duration": "p_duration_ms", "qrs duration": "qrs_ms", "qt interval": "qt_ms", "p axis": "p_axis_deg",
    "qrs axis": "qrs_axis_deg", "t axis": "t_axis_deg", "ventricular heart rate": "heart_rate_bpm",
    "heart rate": "heart_rate_bpm", "ventricular rate": "heart_rate_bpm",
    "qtc global using bazett formula": "qtc_bazett_ms", "qtc global using fredericia formula": "qtc_fridericia_ms",
}  # fmt: skip
#: What each is written as: number of the nomenclature (MDC), and the meaning that CID 3227 to 3229 (PS3.16) give it. A
#: heart rate is LOINC's.
MEASUREMENTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "rr_ms": ("2:16168", "MDC", "RR interval global"),
    "p_duration_ms": ("2:16184", "MDC", "P duration global"),
    "pr_ms": ("2:15872", "MDC", "PR interval global"),
    "qrs_ms": ("2:16156", "MDC", "QRS duration global"),
    "qt_ms": ("2:16160", "MDC", "QT interval global"),
    "qtc_bazett_ms": ("2:15880", "MDC", "QTc global using Bazett formula"),
    "qtc_fridericia_ms": ("2:15892", "MDC", "QTc global using Fredericia formula"),
    "p_axis_deg": ("2:16128", "MDC", "P Axis"),
    "qrs_axis_deg": ("2:16132", "MDC", "QRS axis"),
    "t_axis_deg": ("2:16136", "MDC", "T axis"),
    "heart_rate_bpm": ("8867-4", "LN", "Heart rate"),
}
#: Unit of a quantity by the ending of our code: UCUM's sign and its words.
UNITS: Final = {"_ms": ("ms", "millisecond"), "_deg": ("deg", "degree"), "_bpm": ("{H.B.}/min", "BPM")}
_ENDS: Final = {"ms": "_ms", "deg": "_deg", "{h.b.}/min": "_bpm", "/min": "_bpm", "bpm": "_bpm"}


def lead_of_code(scheme: str, value: str) -> str | None:
    """Return the lead of a coded channel source, None where the code names none of ours.

    Examples
    --------
    >>> lead_of_code("MDC", "2:1"), lead_of_code("SCPECG", "5.6.3-9-61"), lead_of_code("MDC", "131134")
    ('I', 'III', 'aVR')
    """
    found = re.fullmatch(r"(?:2:|5\.6\.3-9-)(\d{1,3})", value) if scheme.upper() in ("MDC", "SCPECG") else None
    if found is None and scheme.upper() == "MDC" and re.fullmatch(r"131\d{3}", value):
        return LEADS.get(int(value) - 131072, (None, ""))[0]
    return LEADS.get(int(found[1]), (None, ""))[0] if found else None


def quantity_of(meaning: str, unit: str) -> str | None:
    """Return our code of a device's measurement, None where it is none of ours or comes in another unit."""
    code = QUANTITIES.get(meaning.strip().lower().removesuffix(" global"))
    return code if code is not None and code.endswith(_ENDS.get(unit.lower(), "?")) else None
