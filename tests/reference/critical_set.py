"""A curated set of simulated 12-lead ECGs that must not wait, and of those that look alike and may.

QRS and P come from `ecg_model`; ST and T are written lead by lead, since an injured wall is no dipole: the level at J
and 80 ms later, mV, and the height of T, mV, in the chest leads and in I and II, from which the other limb leads
follow. Amplitudes are those of the sources named beside each case (1 mm is 0.1 mV). Nothing here is taken from a
patient, and nothing is imported from the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, Noise, Part, bump, simulate

__all__ = ["CASES", "VARIANTS", "Case", "Variant", "every", "injure", "make", "on_other_hearts"]

Floats = NDArray[np.float64]
#: T of a healthy adult, mV.
_T: Final[Mapping[str, tuple[float, ...]]] = {
    "I": (0.22,), "II": (0.3,), "V1": (0.05,), "V2": (0.45,), "V3": (0.5,), "V4": (0.5,), "V5": (0.4,), "V6": (0.3,),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pattern.

    Parameters
    ----------
    name : str
    level : {"critical", "urgent", "calm"}
        What it must be called at least; "calm": neither critical nor urgent.
    codes : tuple of str
        One of these must be said; of a calm case: none of these.
    source : str
        Where the amplitudes come from.
    base : EcgSpec
    st : mapping of str to (J, J+80 ms)
        By lead, mV; only I, II and V1 to V6.
    t : mapping of str to one or two heights
        By lead, mV, over the line; two: a first and a second phase.
    keep : bool
        ST and T of the base stay, and `st` and `t` are added to them.
    age, sex : as in a patient
    behind : mapping of str to (J, T)
        More leads, with a third of the QRS of V6.
    """

    name: str
    level: str
    codes: tuple[str, ...]
    source: str
    base: EcgSpec = PRESETS["normal"]
    st: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    t: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    keep: bool = False
    age: float = 62.0
    sex: str = "M"
    behind: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How a pattern is recorded: rate per min, muscle noise and wander, mV, and the gain of ST and T."""

    rate: float
    muscle_mv: float = 0.0
    wander_mv: float = 0.0
    gain: float = 1.0


VARIANTS: Final = (
    Variant(rate=72.0),
    Variant(rate=58.0, muscle_mv=0.015),
    Variant(rate=88.0, wander_mv=0.15, gain=1.25),
    Variant(rate=66.0, muscle_mv=0.01, wander_mv=0.1, gain=1.5),
)


def make(
    case: Case, variant: Variant, *, fs: float = 500.0, duration_s: float = 10.0
) -> tuple[Floats, tuple[str, ...]]:
    """Return the (n_leads, n_samples) recording, mV, and the names of its leads."""
    quiet = case.base if case.keep else replace(case.base, st_mv=(0.0, 0.0, 0.0), t_mv=(0.0, 0.0, 0.0))
    spec = replace(quiet, heart_rate_bpm=variant.rate, rsa=0.01)
    spec = replace(spec, noise=(Noise(muscle_mv=variant.muscle_mv, wander_mv=variant.wander_mv),))
    rng = np.random.default_rng(20240611)
    signal, truth = simulate(spec, fs=fs, duration_s=duration_s + 2, rng=rng)
    t_s = np.arange(signal.shape[1]) / fs
    ramp_ms = spec.st_rise_ms
    extra = np.zeros((len(case.behind), t_s.size))
    added = np.zeros_like(signal)
    for j, onset, peak, end in zip(truth.qrs_offset_s, truth.t_onset_s, truth.t_peak_s, truth.t_offset_s, strict=True):
        if not np.isfinite([j, onset, peak, end]).all():
            continue
        beat = 1000 * (t_s - j)
        marks = (1000 * (onset - j), 1000 * (peak - j), 1000 * (end - j))
        for row, lead in enumerate(LEADS):
            if lead in _T:
                plain = (0.0,) if case.keep else _T[lead]
                added[row] += _st_t(
                    beat, marks, ramp_ms, case.st.get(lead, (0.0, 0.0)), case.t.get(lead, plain), variant.gain
                )
        for row, (level, height) in enumerate(case.behind.values()):
            extra[row] += _st_t(beat, marks, ramp_ms, (level, level), (height,), variant.gain)
    one, two = added[0], added[1]
    added[2:6] = two - one, -(one + two) / 2, one - two / 2, two - one / 2
    behind = signal[11] / 3 + extra
    whole = np.vstack([signal + added, behind])
    return whole[:, round(fs) : round(fs) + round(duration_s * fs)], (*LEADS, *case.behind)


def injure(signal: Floats, case: Case, *, fs: float, j: NDArray[np.int64], t_offset: NDArray[np.int64]) -> Floats:
    """Return a real (12, n_samples) ECG of a healthy heart, mV, with the ST of a case laid over its own ST and T.

    Parameters
    ----------
    signal : (12, n_samples) array
    case : Case
        Its T moves each lead's own by as much as it differs from a healthy one.
    fs : float
        Hz.
    j, t_offset : (n_beats,) int arrays
        Samples; beats with a negative one are left as they are.
    """
    t_s = np.arange(signal.shape[1]) / fs
    added = np.zeros_like(signal)
    for start, stop in zip(j, t_offset, strict=True):
        if start < 0 or stop <= start:
            continue
        length = 1000 * (stop - start) / fs
        beat, marks = 1000 * (t_s - start / fs), (0.2 * length, 0.62 * length, length)
        for row, lead in enumerate(LEADS):
            if lead in case.st:
                moved = case.t.get(lead, _T[lead])[0] - _T[lead][0]
                added[row] += _st_t(beat, marks, 24.0, case.st[lead], (moved,), 1.0)
    one, two = added[0], added[1]
    added[2:6] = two - one, -(one + two) / 2, one - two / 2, two - one / 2
    return signal + added


def _st_t(
    beat_ms: Floats, marks: tuple[float, float, float], ramp_ms: float, st: tuple[float, float],
    t: tuple[float, ...], gain: float,
) -> Floats:  # fmt: skip
    """Return ST and T of one beat in one lead; `beat_ms` counts from J."""
    onset, peak, end = marks
    up = (1 - np.cos(np.pi * np.clip((beat_ms + ramp_ms) / ramp_ms, 0, 1))) / 2
    level = gain * (st[0] + (st[1] - st[0]) * np.clip(beat_ms / 80, 0, 1))
    down = np.where(beat_ms <= peak, 1.0, bump(beat_ms, peak - 1, peak, end, fall=1.5))
    out = level * up * down
    # Only T grows with the gain where it is an illness's: that of the healthy stays.
    heights = [gain * height if any(st) or len(t) > 1 else height for height in t]
    if len(heights) == 1:
        return np.asarray(out + (heights[0] - gain * st[1]) * bump(beat_ms, onset, peak, end, rise=1.9, fall=1.5))
    middle = onset + 0.5 * (end - onset)
    out = out + heights[0] * bump(beat_ms, onset, (onset + middle) / 2, middle, rise=1.9, fall=1.9)
    return np.asarray(out + heights[1] * bump(beat_ms, middle, (middle + end) / 2, end, rise=1.9, fall=1.9))


def _level(**mv: float) -> dict[str, tuple[float, float]]:
    return {lead: (value, value) for lead, value in mv.items()}


def _rising(slope_mv: float, **mv: float) -> dict[str, tuple[float, float]]:
    return {lead: (value, value + slope_mv) for lead, value in mv.items()}


def _t(**mv: float) -> dict[str, tuple[float, ...]]:
    return {lead: (value,) for lead, value in mv.items()}


_LBBB: Final = PRESETS["lbbb"]
_PACED: Final = PRESETS["paced"]
_RBBB: Final = PRESETS["rbbb"]
_FIB: Final = PRESETS["fibrillation"]
#: Septum and anterior wall gone: QS in V1 to V3.
_ANTERIOR_Q: Final = replace(
    PRESETS["normal"],
    qrs=(
        Part(start_ms=0, peak_ms=26, end_ms=56, vector_mv=(0.05, -0.02, -0.55)),
        Part(start_ms=20, peak_ms=46, end_ms=76, vector_mv=(0.70, 0.70, -0.45), rise=1.5, fall=1.5),
        Part(start_ms=36, peak_ms=62, end_ms=94, vector_mv=(-0.10, -0.05, -0.30), rise=1.8, fall=1.2),
    ),
)
#: Voltages of a hypertrophied left ventricle.
_LVH: Final = replace(
    PRESETS["normal"],
    qrs=tuple(replace(p, vector_mv=tuple(2.0 * v for v in p.vector_mv)) for p in PRESETS["normal"].qrs),
)
#: Voltages of a slender young man.
_YOUNG: Final = replace(
    PRESETS["normal"],
    qrs=tuple(replace(p, vector_mv=tuple(1.4 * v for v in p.vector_mv)) for p in PRESETS["normal"].qrs),
)
_UDMI: Final = "fourth Universal Definition, doi:10.1161/CIR.0000000000000617"
_AHA_VI: Final = "AHA/ACCF/HRS 2009 part VI, doi:10.1161/CIRCULATIONAHA.108.191098"
_STEMI: Final = ("st_elevation_mi",)

CASES: Final = (
    # ------------------------------------------------------------------------------------- critical: ST elevation
    Case(
        name="inferior, right coronary artery",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=-0.1, II=0.2),
        t=_t(I=-0.1, II=0.45),
    ),
    Case(
        name="inferior, circumflex artery",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=0.02, II=0.2, V5=0.08, V6=0.1),
        t=_t(I=0.15, II=0.45),
    ),
    Case(
        name="inferior with right ventricle",
        level="critical",
        codes=("right_ventricular_infarction",),
        source=_AHA_VI,
        st=_level(I=-0.12, II=0.15, V1=0.15, V2=0.02),
        t=_t(I=-0.1, II=0.4, V1=0.25),
    ),
    Case(
        name="inferior and posterior",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=-0.08, II=0.17, V1=-0.1, V2=-0.17, V3=-0.12),
        t=_t(I=0.05, II=0.4, V2=0.5),
    ),
    Case(
        name="inferior and lateral",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=-0.06, II=0.18, V5=0.15, V6=0.17),
        t=_t(II=0.4, V5=0.5, V6=0.45),
    ),
    Case(
        name="inferior with Q",
        level="critical",
        codes=_STEMI,
        source=_UDMI,
        base=PRESETS["inferior_injury"],
        st=_level(I=-0.1, II=0.16),
        t=_t(I=0.0, II=0.3),
    ),
    Case(
        name="inferior in a woman in fibrillation",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        base=_FIB,
        st=_level(I=-0.1, II=0.2),
        t=_t(I=-0.1, II=0.45),
        sex="F",
        age=74,
    ),
    Case(
        name="anterior, proximal",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=0.1, II=-0.06, V1=0.15, V2=0.35, V3=0.4, V4=0.3, V5=0.15),
        t=_t(I=0.3, II=0.1, V1=0.3, V2=0.7, V3=0.75, V4=0.6, V5=0.45),
    ),
    Case(
        name="anterior, middle part of the artery",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(V2=0.3, V3=0.35, V4=0.3, V5=0.12),
        t=_t(V2=0.5, V3=0.55, V4=0.5, V5=0.35),
    ),
    Case(
        name="anterior, giant",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(V1=0.2, V2=0.6, V3=0.7, V4=0.55, V5=0.3),
        t=_t(V1=0.3, V2=0.8, V3=0.9, V4=0.75, V5=0.5),
    ),
    Case(
        name="anterior in a woman",
        level="critical",
        codes=_STEMI,
        source=_UDMI,
        sex="F",
        age=55,
        st=_level(I=0.08, II=-0.06, V1=0.1, V2=0.18, V3=0.2, V4=0.15),
        t=_t(I=0.3, V2=0.5, V3=0.5),
    ),
    Case(
        name="anterior in a man of 33",
        level="critical",
        codes=_STEMI,
        source=_UDMI,
        age=33,
        st=_level(I=0.1, II=-0.06, V1=0.12, V2=0.3, V3=0.35, V4=0.25),
        t=_t(I=0.3, V2=0.6, V3=0.65),
    ),
    Case(
        name="anterior with RBBB",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        base=_RBBB,
        st=_level(I=0.08, II=-0.08, V1=0.2, V2=0.35, V3=0.35, V4=0.25),
        t=_t(V1=0.3, V2=0.6, V3=0.6, V4=0.5),
    ),
    Case(
        name="high lateral",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=0.14, II=-0.02, V2=0.1),
        t=_t(I=0.4, II=0.2),
    ),
    Case(
        name="lateral",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=0.15, II=0.02, V5=0.18, V6=0.2),
        t=_t(I=0.4, V5=0.5, V6=0.5),
    ),
    Case(
        name="anterior and lateral",
        level="critical",
        codes=_STEMI,
        source=_AHA_VI,
        st=_level(I=0.15, II=-0.02, V2=0.25, V3=0.35, V4=0.35, V5=0.3, V6=0.2),
        t=_t(I=0.4, V2=0.5, V3=0.7, V4=0.7, V5=0.6, V6=0.45),
    ),
    # --------------------------------------------------------------------------------------- critical: equivalents
    Case(
        name="posterior",
        level="critical",
        codes=("infarction_posterior",),
        source=_UDMI,
        base=replace(
            PRESETS["normal"],
            qrs=tuple(
                replace(p, vector_mv=(p.vector_mv[0], p.vector_mv[1], p.vector_mv[2] + 0.32))
                for p in PRESETS["normal"].qrs
            ),
        ),
        st=_level(V1=-0.1, V2=-0.2, V3=-0.15),
        t=_t(V1=0.2, V2=0.6, V3=0.5),
    ),
    Case(
        name="posterior, seen in V7 to V9",
        level="critical",
        codes=("infarction_posterior",),
        source=_UDMI,
        st=_level(V1=-0.04, V2=-0.04),
        behind={"V7": (0.08, 0.2), "V8": (0.08, 0.2), "V9": (0.07, 0.2)},
    ),
    Case(
        name="de Winter",
        level="critical",
        codes=("de_winter",),
        source="doi:10.1056/NEJMc0804737",
        st=_rising(0.1, V2=-0.2, V3=-0.25, V4=-0.2, V5=-0.15),
        t=_t(V2=0.9, V3=1.1, V4=1.0, V5=0.7),
    ),
    Case(
        name="left main",
        level="critical",
        codes=("st_depression_diffuse",),
        source="doi:10.1093/eurheartj/ehad191",
        st=_level(I=-0.15, II=-0.22, V3=-0.15, V4=-0.25, V5=-0.25, V6=-0.2),
        t=_t(I=-0.1, II=-0.1, V4=-0.1, V5=-0.15, V6=-0.1),
    ),
    Case(
        name="LBBB, ST up with QRS",
        level="critical",
        codes=("sgarbossa_criteria",),
        source="doi:10.1056/NEJM199602223340801",
        base=_LBBB,
        keep=True,
        st=_level(I=0.22, V5=0.3, V6=0.3),
        t=_t(I=0.4, V5=0.5, V6=0.5),
    ),
    Case(
        name="LBBB, ST down in V1 to V3",
        level="critical",
        codes=("sgarbossa_criteria",),
        source="doi:10.1056/NEJM199602223340801",
        base=_LBBB,
        keep=True,
        st=_level(V1=-0.35, V2=-0.45, V3=-0.35),
        t=_t(V1=-0.4, V2=-0.5, V3=-0.4),
    ),
    Case(
        name="paced, ST down in V1 to V3",
        level="critical",
        codes=("sgarbossa_criteria",),
        source="doi:10.1056/NEJM199602223340801",
        base=_PACED,
        keep=True,
        st=_level(V1=-0.4, V2=-0.5, V3=-0.4),
        t=_t(V1=-0.4, V2=-0.5, V3=-0.4),
    ),
    Case(
        name="high potassium, PR long",
        level="critical",
        codes=("hyperkalaemia",),
        source="doi:10.5811/westjem.2017.6.33033",
        base=replace(PRESETS["normal"], pr_ms=250.0, t_part=0.36),
        t=_t(I=0.4, II=0.9, V2=1.4, V3=1.6, V4=1.5, V5=1.2),
    ),
    Case(
        name="high potassium, no P",
        level="critical",
        codes=("hyperkalaemia",),
        source="doi:10.5811/westjem.2017.6.33033",
        base=replace(PRESETS["normal"], pr_ms=None, t_part=0.36),
        t=_t(I=0.4, II=0.9, V2=1.4, V3=1.6, V4=1.5, V5=1.2),
    ),
    # ------------------------------------------------------------------------------------------------------ urgent
    Case(
        name="high potassium, T alone",
        level="urgent",
        codes=("hyperkalaemia",),
        source="doi:10.5811/westjem.2017.6.33033",
        base=replace(PRESETS["normal"], t_part=0.36),
        t=_t(I=0.4, II=0.9, V2=1.4, V3=1.6, V4=1.5, V5=1.2),
    ),
    Case(
        name="Wellens, deep",
        level="urgent",
        codes=("wellens",),
        source="Am Heart J 1982;103:730-736",
        t=_t(V1=0.0, V2=-0.45, V3=-0.6, V4=-0.5, V5=-0.2),
    ),
    Case(
        name="Wellens, biphasic",
        level="urgent",
        codes=("wellens",),
        source="Am Heart J 1982;103:730-736",
        st=_rising(0.06, V2=0.04, V3=0.04),
        t={"V2": (0.25, -0.3), "V3": (0.25, -0.35)},
    ),
    Case(
        name="hyperacute T",
        level="urgent",
        codes=("hyperacute_t", "st_elevation_mi", "st_elevation"),
        source="doi:10.1016/j.jacc.2022.08.750",
        st=_level(V2=0.1, V3=0.12),
        t=_t(V2=1.3, V3=1.5, V4=1.2),
    ),
    Case(
        name="Brugada type 1",
        level="urgent",
        codes=("brugada_1",),
        source="doi:10.1016/j.jelectrocard.2012.06.004",
        st={"V1": (0.3, 0.12), "V2": (0.35, 0.15)},
        t=_t(V1=-0.2, V2=-0.2),
        age=41,
    ),
    Case(
        name="pericarditis",
        level="urgent",
        codes=("pericarditis", "st_elevation"),
        source="Circulation 1982;65:1004-1009",
        st=_rising(0.03, I=0.12, II=0.2, V2=0.15, V3=0.2, V4=0.25, V5=0.22, V6=0.18),
        age=35,
        t=_t(I=0.3, II=0.4, V2=0.45, V3=0.5, V4=0.55, V5=0.5, V6=0.42),
    ),
    Case(
        name="ST depression, lateral",
        level="urgent",
        codes=("st_depression", "st_depression_diffuse"),
        source=_UDMI,
        st=_level(I=-0.08, V4=-0.12, V5=-0.15, V6=-0.12),
        t=_t(I=0.05, V4=0.05, V5=0.05, V6=0.05),
    ),
    Case(
        name="LBBB, ST out of proportion",
        level="urgent",
        codes=("barcelona_criteria", "sgarbossa_criteria"),
        source="doi:10.1161/JAHA.119.015573",
        base=_LBBB,
        keep=True,
        st=_level(V1=0.3, V2=0.6, V3=0.4),
        t=_t(V1=0.3, V2=0.5, V3=0.4),
    ),
    Case(
        name="QT of 560 ms",
        level="urgent",
        codes=("qt_prolonged",),
        source="doi:10.1161/CIRCULATIONAHA.108.191096",
        base=replace(PRESETS["normal"], qt_ms=560.0),
    ),
    # ------------------------------------------------------------------------ looks alike: neither critical nor urgent
    Case(name="normal", level="calm", codes=("st_elevation", "t_inversion", "st_t_nonspecific"), source=_UDMI),
    Case(
        name="early repolarisation",
        level="calm",
        codes=("st_elevation", "st_elevation_mi", "pericarditis"),
        age=28,
        base=_YOUNG,
        source="doi:10.1016/j.jacc.2015.05.033",
        st=_rising(0.08, II=0.08, V3=0.15, V4=0.15, V5=0.12, V6=0.08),
        t=_t(II=0.5, V3=0.9, V4=0.9, V5=0.75, V6=0.5),
    ),
    Case(
        name="V2 and V3 of a healthy man of 30",
        level="calm",
        codes=("st_elevation", "st_elevation_mi"),
        age=30,
        source=_UDMI,
        st=_rising(0.1, V2=0.15, V3=0.15),
        t=_t(V2=0.8, V3=0.8),
    ),
    Case(
        name="LBBB",
        level="calm",
        codes=("sgarbossa_criteria", "barcelona_criteria", "st_elevation"),
        base=_LBBB,
        keep=True,
        source="doi:10.1161/CIRCULATIONAHA.108.191095",
    ),
    Case(
        name="RBBB",
        level="calm",
        codes=("st_elevation", "st_depression", "t_inversion"),
        base=_RBBB,
        keep=True,
        source="doi:10.1161/CIRCULATIONAHA.108.191095",
    ),
    Case(
        name="paced",
        level="calm",
        codes=("sgarbossa_criteria", "barcelona_criteria", "st_elevation"),
        base=_PACED,
        keep=True,
        source="doi:10.1161/CIRCULATIONAHA.108.191095",
    ),
    Case(
        name="LVH, ST up behind deep S",
        level="calm",
        codes=("st_elevation", "st_elevation_mi"),
        base=_LVH,
        source="Am J Cardiol 2012;110:977-983",
        st=_rising(0.05, V1=0.15, V2=0.22, V3=0.2),
        t=_t(V1=0.4, V2=0.7, V3=0.7),
    ),
    Case(
        name="juvenile T",
        level="calm",
        codes=("t_inversion", "wellens"),
        sex="F",
        age=22,
        source="doi:10.1016/j.jacc.2017.01.015",
        t=_t(V1=-0.2, V2=-0.2, V3=-0.15, V4=0.3),
    ),
    Case(
        name="old inferior infarction",
        level="calm",
        codes=("st_elevation_mi", "st_elevation"),
        base=PRESETS["inferior_injury"],
        source=_UDMI,
    ),
)


#: Hearts on which the critical patterns of a normal one are drawn again.
OTHER_HEARTS: Final = ("left_axis", "tachycardia", "fibrillation", "rbbb", "av_block_1", "bradycardia")


def on_other_hearts() -> tuple[tuple[Case, Variant], ...]:
    """Return the critical patterns that have a normal QRS on each of `OTHER_HEARTS`, at its own rate."""
    return tuple(
        (
            replace(case, name=f"{case.name}, {heart}", base=PRESETS[heart]),
            Variant(rate=PRESETS[heart].heart_rate_bpm, muscle_mv=0.01),
        )
        for case in CASES
        if case.base is PRESETS["normal"] and case.level == "critical" and not case.behind
        for heart in OTHER_HEARTS
    )


def every() -> tuple[tuple[Case, Variant], ...]:
    """Return each case in each variant; the gain of a calm case stays 1."""
    return tuple(
        (case, replace(variant, gain=1.0) if case.level == "calm" else variant)
        for case in CASES
        for variant in VARIANTS
    )
