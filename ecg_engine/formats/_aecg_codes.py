"""Codes of HL7 annotated ECGs (ISO 11073-10102, the MDC nomenclature), beside ours."""

from __future__ import annotations

from typing import Final

#: The nomenclature's own identifier, HL7's for acts, and LOINC's.
MDC: Final = "2.16.840.1.113883.6.24"
ACT: Final = "2.16.840.1.113883.5.4"
LOINC: Final = "2.16.840.1.113883.6.1"
CPT4: Final = "2.16.840.1.113883.6.12"
GENDER: Final = "2.16.840.1.113883.5.1"
AGE: Final = "21612-7"
LEAD: Final = "MDC_ECG_LEAD_"

#: Our codes of measurements; those of Mindray, whose files are in the field, with them.
MEASUREMENTS: Final = {
    "MDC_ECG_HEART_RATE": "heart_rate_bpm",
    "MDC_ECG_HEART_RATE_VENTRICULAR": "heart_rate_bpm",
    "MDC_ECG_TIME_PD_RR": "rr_ms",
    "MDC_ECG_TIME_PD_RR_GL": "rr_ms",
    "MDC_ECG_TIME_PD_P": "p_duration_ms",
    "MDC_ECG_TIME_PD_PR": "pr_ms",
    "MDC_ECG_TIME_PD_PQ": "pr_ms",
    "MDC_ECG_TIME_PD_QRS": "qrs_ms",
    "MDC_ECG_TIME_PD_QT": "qt_ms",
    "MDC_ECG_TIME_PD_QTCB": "qtc_bazett_ms",
    "MDC_ECG_TIME_PD_QTCF": "qtc_fridericia_ms",
    "MDC_ECG_ANGLE_P_FRONT": "p_axis_deg",
    "MDC_ECG_ANGLE_QRS_FRONT": "qrs_axis_deg",
    "MDC_ECG_ANGLE_T_FRONT": "t_axis_deg",
    "MINDRAY_ECG_P_AXIS": "p_axis_deg",
    "MINDRAY_ECG_QRS_AXIS": "qrs_axis_deg",
    "MINDRAY_ECG_T_AXIS": "t_axis_deg",
    "MINDRAY_ECG_TIME_PD_QTCB": "qtc_bazett_ms",
    "MINDRAY_ECG_TIME_PD_QTCF": "qtc_fridericia_ms",
    "MINDRAY_ECG_TIME_PD_QTCH": "qtc_hodges_ms",
    "MINDRAY_ECG_TIME_PD_QTCFR": "qtc_framingham_ms",
}
CORRECTED_QT: Final = "MDC_ECG_TIME_PD_QTC"
#: How many of ours one of each unit is, by the ending of our code.
UNITS: Final = {
    "_ms": {"ms": 1.0, "s": 1000.0, "us": 1e-3},
    "_bpm": {"bpm": 1.0, "/min": 1.0, "{h.b.}/min": 1.0, "{beat}/min": 1.0, "": 1.0},
    "_deg": {"deg": 1.0, "": 1.0},
}
#: Texts of an interpretation, each a statement.
STATEMENTS: Final = frozenset(
    {"MDC_ECG_INTERPRETATION_STATEMENT", "MDC_ECG_INTERPRETATION_SUMMARY", "MDC_ECG_INTERPRETATION_COMMENT"}
)
RHYTHM: Final = "MDC_ECG_RHY"
BEAT: Final = "MDC_ECG_BEAT"
#: Ours, for marks in words: none of the nomenclature's says "whatever somebody wrote here".
NOTE: Final = "ECG_ENGINE_NOTE"
WAVE: Final = ("MDC_ECG_WAVC", "MDC_ECG_WAVC_TYPE")

#: WFDB symbols of beats.
BEATS: Final = {
    "MDC_ECG_BEAT_NORMAL": "N", "MDC_ECG_BEAT_SINUS": "N", "MDC_ECG_BEAT_BBB": "B", "MDC_ECG_BEAT_BBB_COMP": "B",
    "MDC_ECG_BEAT_BBB_L": "L", "MDC_ECG_BEAT_LBBB_COMP": "L", "MDC_ECG_BEAT_BBB_R": "R", "MDC_ECG_BEAT_RBBB_COMP": "R",
    "MDC_ECG_BEAT_ATR_P_C": "A", "MDC_ECG_BEAT_ATR_P_C_ABER": "a", "MDC_ECG_BEAT_JUNC_P_C": "J",
    "MDC_ECG_BEAT_SV_P_C": "S", "MDC_ECG_BEAT_V_P_C": "V", "MDC_ECG_BEAT_V_P_C_RonT": "r",
    "MDC_ECG_BEAT_V_P_C_FUSION": "F", "MDC_ECG_BEAT_ATR_ESC": "e", "MDC_ECG_BEAT_JUNC_ESC": "j",
    "MDC_ECG_BEAT_SV_ESC": "n", "MDC_ECG_BEAT_V_ESC": "E", "MDC_ECG_BEAT_PACED": "/", "MDC_ECG_BEAT_PACED_FUS": "f",
    "MDC_ECG_BEAT_UNKNOWN": "Q", "MDC_ECG_BEAT_OTHER": "Q",
}  # fmt: skip
#: Words for waves, and which of our marks the edges of a representative beat's are.
WAVES: Final = {
    "MDC_ECG_WAVC_PWAVE": "P", "MDC_ECG_WAVC_QRSWAVE": "QRS", "MDC_ECG_WAVC_TWAVE": "T", "MDC_ECG_WAVC_UWAVE": "U",
    "MDC_ECG_WAVC_QWAVE": "Q", "MDC_ECG_WAVC_RWAVE": "R", "MDC_ECG_WAVC_SWAVE": "S", "MDC_ECG_WAVC_PEAK": "peak",
    "MDC_ECG_WAVC_PQSEG": "PQ segment", "MDC_ECG_WAVC_STSEG": "ST segment", "MDC_ECG_WAVC_QTINT": "QT",
}  # fmt: skip
MARKS: Final = {
    "MDC_ECG_WAVC_PWAVE": ("p_onset", "p_offset"),
    "MDC_ECG_WAVC_QRSWAVE": ("qrs_onset", "qrs_offset"),
    "MDC_ECG_WAVC_TWAVE": ("t_onset", "t_offset"),
}
