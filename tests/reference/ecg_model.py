"""An analytic 12-lead ECG whose every mark is known exactly.

The heart is one dipole, a vector in mV. Each wave is a sum of *parts*: a scalar that is zero outside ``[start, end]``,
one at ``peak`` and monotonic between, times a fixed direction. So an onset is the instant before which the model is
exactly zero, an offset the instant after which it is, to the precision of a float and at any sampling rate.

Axes of the dipole: ``x`` to the patient's left, ``y`` to the feet, ``z`` to the front. The limb leads see it through
Einthoven's equilateral triangle, so I + III = II holds and a frontal angle is exact by construction: ``I = x``,
``II = x/2 + y*sqrt(3)/2``; III, aVR, aVL and aVF follow. The chest leads see it through the rows of Dower's matrix
(Dower GE, Machado HB, Osborne JA. Clin Cardiol 1980;3:87-95), scaled by `CHEST_GAIN` for the longer limb lead vectors.

Units: arguments and truth are in the unit that their name ends in; times are seconds from the first sample; samples
are rounded to nearest. Nothing here is taken from a patient, and nothing is imported from the package, so that tests
may hold the package against it.

Examples
--------
>>> spec = EcgSpec(heart_rate_bpm=60, rsa=0.0, pr_ms=160)
>>> signal, truth = simulate(spec, fs=500, duration_s=10, rng=np.random.default_rng(1))
>>> signal.shape, len(truth.r_peaks)
((12, 5000), 10)
>>> bool(np.allclose(truth.qrs_onset_s - truth.p_onset_s, 0.160))
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ABSENT",
    "LEADS",
    "LEAD_MATRIX",
    "MARKS",
    "PRESETS",
    "EcgSpec",
    "EcgTruth",
    "Noise",
    "Part",
    "beat_dipole",
    "bump",
    "lead_signals",
    "rotate_to_axis",
    "simulate",
    "swap_arms",
]

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]

#: No such mark, in samples. In seconds it is NaN.
ABSENT: Final = -1
#: Rows of every signal here.
LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
#: Marks of a beat, in the order of time.
MARKS: Final = (
    "p_onset", "p_peak", "p_offset", "qrs_onset", "r_peak", "qrs_offset", "t_onset", "t_peak", "t_offset",
)  # fmt: skip

#: Dower's chest rows give lead I a gain of 0.632 for `x`, this model a gain of 1.
CHEST_GAIN: Final = 1.5
_CHEST: Final = CHEST_GAIN * np.array(
    [
        [-0.515, 0.157, 0.917],
        [0.044, 0.164, 1.387],
        [0.882, 0.098, 1.277],
        [1.213, 0.127, 0.601],
        [1.125, 0.127, 0.086],
        [0.831, 0.076, -0.230],
    ]
)
_I = np.array([1.0, 0.0, 0.0])
_II = np.array([0.5, np.sqrt(3) / 2, 0.0])
#: (12, 3): lead = matrix @ dipole.
LEAD_MATRIX: Final[Floats] = np.vstack([_I, _II, _II - _I, -(_I + _II) / 2, _I - _II / 2, _II - _I / 2, _CHEST])


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a wave: `bump` times a direction.

    Parameters
    ----------
    start_ms, peak_ms, end_ms : float
        From the reference of the wave (QRS onset for QRS parts, P onset for P parts), increasing.
    vector_mv : (x, y, z)
        The dipole at the peak, mV.
    rise, fall : float
        Exponents, see `bump`.
    """

    start_ms: float
    peak_ms: float
    end_ms: float
    vector_mv: Vector
    rise: float = 1.0
    fall: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What is added to the electrodes, so that the limb leads still obey Einthoven.

    Parameters
    ----------
    muscle_mv : float
        Root mean square of white noise band-limited to about 20-150 Hz, mV.
    mains_mv, mains_hz : float
        Amplitude (half of peak to peak) and frequency of mains interference.
    wander_mv : float
        Amplitude of slow baseline wander, below 0.5 Hz, mV.
    electrodes : tuple of str
        Among ``RA LA LL V1 ... V6``; each gets noise of its own.
    """

    muscle_mv: float = 0.0
    mains_mv: float = 0.0
    mains_hz: float = 50.0
    wander_mv: float = 0.0
    electrodes: tuple[str, ...] = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")


# Right atrium first (down and forwards), then the left one (left and backwards): biphasic in V1.
_P: Final = (
    Part(start_ms=0, peak_ms=38, end_ms=76, vector_mv=(0.045, 0.105, 0.045), rise=1.2, fall=1.3),
    Part(start_ms=30, peak_ms=68, end_ms=104, vector_mv=(0.070, 0.070, -0.050), rise=1.3, fall=1.2),
)
# Septum (right and forwards), free wall (left, down, backwards), base (backwards): q in V6, r in V1, R in V5.
_QRS_NORMAL: Final = (
    Part(start_ms=0, peak_ms=13, end_ms=30, vector_mv=(-0.10, -0.06, 0.20)),
    Part(start_ms=12, peak_ms=39, end_ms=68, vector_mv=(0.78, 0.88, -0.30), rise=1.5, fall=1.5),
    Part(start_ms=30, peak_ms=57, end_ms=92, vector_mv=(-0.16, -0.08, -0.46), rise=1.8, fall=1.2),
)
# Everything to the left and backwards, in two humps: no septal q, notched R in I and V6, QS in V1. The middle part
# fills the notch where the chest leads look from the front.
_QRS_LBBB: Final = (
    Part(start_ms=0, peak_ms=44, end_ms=92, vector_mv=(0.62, 0.10, -0.50), rise=1.1, fall=1.7),
    Part(start_ms=38, peak_ms=76, end_ms=114, vector_mv=(0.0, 0.0, -0.36), rise=1.8, fall=1.8),
    Part(start_ms=60, peak_ms=106, end_ms=152, vector_mv=(0.68, 0.02, -0.56), rise=1.7, fall=1.1),
)
# The normal first 60 ms, then the right ventricle late (right and forwards): rSR' in V1, broad S in I and V6.
_QRS_RBBB: Final = (
    Part(start_ms=0, peak_ms=13, end_ms=30, vector_mv=(-0.10, -0.06, 0.20)),
    Part(start_ms=12, peak_ms=37, end_ms=64, vector_mv=(0.80, 0.75, -0.20), rise=1.5, fall=1.5),
    Part(start_ms=56, peak_ms=92, end_ms=142, vector_mv=(-0.34, 0.02, 0.42), rise=1.3, fall=1.0),
)
# The septum away from the inferior wall: Q in III and aVF.
_QRS_INFERIOR: Final = (
    Part(start_ms=0, peak_ms=18, end_ms=40, vector_mv=(-0.02, -0.26, 0.18)),
    Part(start_ms=16, peak_ms=44, end_ms=72, vector_mv=(0.74, 0.62, -0.30), rise=1.5, fall=1.5),
    Part(start_ms=34, peak_ms=61, end_ms=96, vector_mv=(-0.12, -0.06, -0.40), rise=1.8, fall=1.2),
)
# From the apex of the right ventricle: left, up and backwards, slow throughout.
_QRS_PACED: Final = (
    Part(start_ms=0, peak_ms=60, end_ms=125, vector_mv=(0.20, -0.62, -0.32), rise=1.1, fall=1.6),
    Part(start_ms=60, peak_ms=112, end_ms=172, vector_mv=(0.26, -0.55, -0.46), rise=1.6, fall=1.1),
)
# A premature beat of the left ventricle: right, down and forwards, wide.
_QRS_PVC: Final = (
    Part(start_ms=0, peak_ms=55, end_ms=115, vector_mv=(-0.25, 1.10, 0.60), rise=1.1, fall=1.6),
    Part(start_ms=55, peak_ms=105, end_ms=158, vector_mv=(-0.30, 0.55, 0.45), rise=1.6, fall=1.1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcgSpec:
    """What to simulate.

    Parameters
    ----------
    heart_rate_bpm : float
        Mean ventricular rate, per min; ignored where `rr_s` is given.
    rhythm : {"sinus", "fibrillation"}
        "fibrillation": intervals drawn from a gamma distribution, f waves in place of P waves.
    rr_s : tuple of float, optional
        The intervals themselves, s; repeated where too few.
    rr_cv : float
        Standard deviation over mean of the random part of the intervals ("sinus": normal, "fibrillation": gamma).
    rsa : float
        Respiratory sinus arrhythmia: amplitude (half of the range) as a fraction of the mean interval.
    respiration_bpm : float
        Breaths a minute; also of the breathing of amplitudes.
    breathing : float
        Respiratory modulation of the amplitude of all waves, as a fraction.
    pr_ms : float or None
        P onset to QRS onset; None for no P wave.
    p, qrs : tuple of Part
        `p` in ms from P onset, `qrs` in ms from QRS onset; the earliest start must be 0.
    axis_deg : float or None
        Turn the frontal plane of `qrs` so that its net area lies at this angle; None leaves it as it is.
    st_mv : (x, y, z)
        ST level as a dipole, mV: reached at the J point, kept until the T peak, back at zero at the T end.
    st_rise_ms : float
        The level is built up over so many ms before the J point, inside the QRS.
    t_mv : (x, y, z)
        T wave at its peak, mV, on top of the ST level.
    t_rise, t_fall : float
        Exponents, see `bump`.
    qt_ms : float or None
        QT at a mean interval of 1 s; other intervals scale it by `rr ** qt_power`. QRS onset to T end.
    qt_power : float
        1/3 is Fridericia's.
    t_part : float
        T wave's share of the QT interval; less where the QRS leaves no room.
    t_peak_at : float
        Where in the T wave its peak is, 0 to 1.
    f_wave_mv : float
        Amplitude of the f waves (half of peak to peak, in the direction of `f_vector`), mV.
    f_rate_bpm : float
        f waves a minute, 350 to 600.
    f_vector : (x, y, z)
        Direction of the f waves; the default is largest in V1 and in the inferior leads.
    spike_mv : (x, y, z) or None
        A pacemaker's pulse before each QRS, mV.
    spike_width_ms, spike_to_qrs_ms : float
        Its width, and the time from its start to QRS onset.
    kinds : tuple of str
        "N" or "V" for each beat, repeated; empty for all "N". A "V" beat has no P and its own QRS (`ectopic_qrs`).
    ectopic_qrs, ectopic_st_mv, ectopic_t_mv : as above
    noise : tuple of Noise
    """

    heart_rate_bpm: float = 70.0
    rhythm: Literal["sinus", "fibrillation"] = "sinus"
    rr_s: tuple[float, ...] = ()
    rr_cv: float = 0.0
    rsa: float = 0.02
    respiration_bpm: float = 14.0
    breathing: float = 0.0
    pr_ms: float | None = 160.0
    p: tuple[Part, ...] = _P
    qrs: tuple[Part, ...] = _QRS_NORMAL
    axis_deg: float | None = None
    st_mv: Vector = (0.0, 0.0, 0.0)
    st_rise_ms: float = 24.0
    t_mv: Vector = (0.22, 0.25, 0.12)
    t_rise: float = 1.9
    t_fall: float = 1.5
    qt_ms: float = 405.0
    qt_power: float = 1 / 3
    t_part: float = 0.47
    t_peak_at: float = 0.58
    f_wave_mv: float = 0.0
    f_rate_bpm: float = 400.0
    f_vector: Vector = (-0.4, 0.8, 0.4)
    spike_mv: Vector | None = None
    spike_width_ms: float = 2.0
    spike_to_qrs_ms: float = 8.0
    kinds: tuple[str, ...] = ()
    ectopic_qrs: tuple[Part, ...] = _QRS_PVC
    ectopic_st_mv: Vector = (0.03, -0.10, -0.06)
    ectopic_t_mv: Vector = (0.12, -0.38, -0.25)
    noise: tuple[Noise, ...] = ()

    def __post_init__(self) -> None:
        for name, parts in (("p", self.p), ("qrs", self.qrs), ("ectopic_qrs", self.ectopic_qrs)):
            if min(part.start_ms for part in parts) != 0:
                raise ValueError(f"{name}: the earliest part must start at 0 ms, which is the onset of the wave")

    @property
    def p_ms(self) -> float:
        """Duration of the P wave, ms."""
        return max(part.end_ms for part in self.p)

    @property
    def qrs_ms(self) -> float:
        """Duration of the QRS, ms."""
        return max(part.end_ms for part in self.qrs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EcgTruth:
    """What was simulated: one entry a beat whose R peak lies within the signal.

    Parameters
    ----------
    fs : float
        Hz.
    n_samples : int
    p_onset_s ... t_offset_s : (n_beats,) float64 array
        Seconds from the first sample; NaN where there is no such wave, or where the instant lies outside.
    kinds : tuple of str
        "N" or "V".
    axis_deg : float
        Of the net area between QRS onset and offset in the frontal plane of Einthoven's triangle, -180 to 180, of an
        "N" beat. That of `EcgSpec.axis_deg` where there is no ST level, whose build-up lies in the QRS.
    spikes_s : (n_spikes,) float64 array
        Starts of the pacemaker's pulses.
    clean : (12, n_samples) float64 array
        The signal before noise, mV.
    st_mv : (12,) float64 array
        ST level of an "N" beat in each lead, mV.
    """

    fs: float
    n_samples: int
    p_onset_s: Floats
    p_peak_s: Floats
    p_offset_s: Floats
    qrs_onset_s: Floats
    r_peak_s: Floats
    qrs_offset_s: Floats
    t_onset_s: Floats
    t_peak_s: Floats
    t_offset_s: Floats
    kinds: tuple[str, ...]
    axis_deg: float
    spikes_s: Floats
    clean: Floats = field(repr=False)
    st_mv: Floats = field(repr=False)

    def seconds(self, mark: str) -> Floats:
        """Return a mark of `MARKS` in seconds."""
        values: Floats = getattr(self, f"{mark}_s")
        return values

    def samples(self, mark: str) -> NDArray[np.int64]:
        """Return a mark of `MARKS` in samples, rounded to nearest, `ABSENT` where there is none."""
        return _to_samples(self.seconds(mark), self.fs)

    @property
    def r_peaks(self) -> NDArray[np.int64]:
        """R peaks in samples: where the root mean square over the 12 leads is largest within the QRS."""
        return self.samples("r_peak")

    @property
    def rr_s(self) -> Floats:
        """Intervals between successive R peaks, s."""
        return np.diff(self.r_peak_s)

    @property
    def heart_rate_bpm(self) -> float:
        """60 over the mean interval."""
        return float(60.0 / self.rr_s.mean())

    @property
    def axis_peak_deg(self) -> float | None:
        """Axis by the other usual convention: (largest + smallest) deflection of I and aVF, first whole "N" beat."""
        for kind, start, stop in zip(self.kinds, self.samples("qrs_onset"), self.samples("qrs_offset"), strict=True):
            if kind == "N" and start >= 0 and stop >= 0:
                x, foot = (row.max() + row.min() for row in self.clean[[0, 5], start : stop + 1])
                return float(np.degrees(np.arctan2(foot * 2 / np.sqrt(3), x)))
        return None

    def _median_ms(self, start: Floats, stop: Floats) -> float | None:
        normal = np.array([kind == "N" for kind in self.kinds])
        lengths = (stop - start)[normal]
        lengths = lengths[np.isfinite(lengths)]
        return round(float(1000 * np.median(lengths)), 6) if lengths.size else None

    @property
    def p_ms(self) -> float | None:
        """P duration, median over "N" beats, ms."""
        return self._median_ms(self.p_onset_s, self.p_offset_s)

    @property
    def pr_ms(self) -> float | None:
        """P onset to QRS onset, median over "N" beats, ms."""
        return self._median_ms(self.p_onset_s, self.qrs_onset_s)

    @property
    def qrs_ms(self) -> float | None:
        """QRS duration, median over "N" beats, ms."""
        return self._median_ms(self.qrs_onset_s, self.qrs_offset_s)

    @property
    def qt_ms(self) -> float | None:
        """QRS onset to T end, median over "N" beats, ms."""
        return self._median_ms(self.qrs_onset_s, self.t_offset_s)


def _to_samples(seconds: Floats, fs: float) -> NDArray[np.int64]:
    out = np.full(seconds.shape, ABSENT, np.int64)
    there = np.isfinite(seconds)
    out[there] = np.rint(seconds[there] * fs).astype(np.int64)
    return out


def bump(t: Floats, start: float, peak: float, end: float, *, rise: float = 1.0, fall: float = 1.0) -> Floats:
    """Return a smooth hump: 0 up to `start`, 1 at `peak`, 0 from `end` on.

    Sine quarter-waves raised to a power: ``sin(pi/2 * u) ** rise`` upwards and ``sin(pi/2 * (1 - v)) ** fall``
    downwards. Exponent 1 begins with a corner, as a QRS does; 2 is a raised cosine, which begins softly.

    Parameters
    ----------
    t : array
        Any unit, the same as that of `start`, `peak` and `end`.
    start, peak, end : float
        Increasing.
    rise, fall : float
        Exponents, at least 1.

    Examples
    --------
    >>> bump(np.array([-1.0, 0.0, 1.0, 3.0, 4.0]), 0.0, 1.0, 3.0)
    array([0., 0., 1., 0., 0.])
    """
    up = np.clip((t - start) / (peak - start), 0.0, 1.0)
    down = np.clip((end - t) / (end - peak), 0.0, 1.0)
    value = np.where(t <= peak, np.sin(np.pi / 2 * up) ** rise, np.sin(np.pi / 2 * down) ** fall)
    return np.where((t > start) & (t < end), value, 0.0)


def _ramp(t: Floats, start: float, end: float) -> Floats:
    """Return a raised-cosine step from 0 at `start` to 1 at `end`."""
    u = np.clip((t - start) / (end - start), 0.0, 1.0)
    return (1 - np.cos(np.pi * u)) / 2


def _parts_dipole(t_ms: Floats, parts: Sequence[Part]) -> Floats:
    """Return the (3, n) dipole of parts, mV."""
    total = np.zeros((3, t_ms.size))
    for part in parts:
        shape = bump(t_ms, part.start_ms, part.peak_ms, part.end_ms, rise=part.rise, fall=part.fall)
        total += np.outer(part.vector_mv, shape)
    return total


def _net_axis_deg(parts: Sequence[Part]) -> float:
    """Return the angle of the net area of parts in the frontal plane, degrees."""
    t_ms = np.linspace(0.0, max(part.end_ms for part in parts), 20001)
    x, y, _ = _parts_dipole(t_ms, parts).sum(axis=1)
    return float(np.degrees(np.arctan2(y, x)))


def _recorded_axis_deg(spec: EcgSpec) -> float:
    """Return the angle of the net area within the QRS, the build-up of the ST level included, degrees."""
    bare = replace(spec, pr_ms=None, spike_mv=None)
    t_s = np.linspace(0.0, spec.qrs_ms / 1000, 20001)
    x, y, _ = beat_dipole(t_s, bare, qrs_onset_s=0.0, qt_ms=spec.qt_ms).sum(axis=1)
    return float(np.degrees(np.arctan2(y, x)))


def rotate_to_axis(parts: Sequence[Part], axis_deg: float) -> tuple[Part, ...]:
    """Turn the frontal plane of QRS parts so that their net area lies at `axis_deg`."""
    angle = np.radians(axis_deg - _net_axis_deg(parts))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    turned = []
    for part in parts:
        x, y, z = part.vector_mv
        turned.append(replace(part, vector_mv=(cos * x - sin * y, sin * x + cos * y, z)))
    return tuple(turned)


def lead_signals(dipole: Floats) -> Floats:
    """Return the (12, n) leads, mV, of a (3, n) dipole; Einthoven and Goldberger hold to rounding."""
    leads = LEAD_MATRIX @ dipole
    one, two = leads[0], leads[1]
    leads[2:6] = two - one, -(one + two) / 2, one - two / 2, two - one / 2
    return leads


def swap_arms(signal: Floats) -> Floats:
    """Return (12, n) leads as recorded with the electrodes of the two arms exchanged.

    I turns over, II and III change places, aVR and aVL too; aVF and the chest leads stay, since Wilson's terminal
    holds both arms.
    """
    swapped = signal[[0, 2, 1, 4, 3, 5, 6, 7, 8, 9, 10, 11]].copy()
    swapped[0] *= -1
    return swapped


def _r_peak_ms(parts: Sequence[Part]) -> float:
    """Return where, ms from QRS onset, the root mean square over the leads is largest."""
    t_ms = np.arange(0.0, max(part.end_ms for part in parts), 0.05)
    power = (lead_signals(_parts_dipole(t_ms, parts)) ** 2).sum(axis=0)
    return float(t_ms[int(np.argmax(power))])


def _p_peak_ms(parts: Sequence[Part]) -> float:
    """Return where, ms from P onset, lead II is largest."""
    t_ms = np.arange(0.0, max(part.end_ms for part in parts), 0.05)
    return float(t_ms[int(np.argmax(np.abs(lead_signals(_parts_dipole(t_ms, parts))[1])))])


def _t_marks_ms(qrs_ms: float, qt_ms: float, spec: EcgSpec) -> tuple[float, float, float]:
    """Return onset, peak, end of T, ms from QRS onset: at least 10 ms are left for the ST segment."""
    length = min(spec.t_part * qt_ms, qt_ms - qrs_ms - 10.0)
    if length < 40.0:
        raise ValueError(f"qt_ms: {qt_ms:.0f} ms leaves no room for a T wave after a QRS of {qrs_ms:.0f} ms")
    onset = qt_ms - length
    return onset, onset + spec.t_peak_at * length, qt_ms


def beat_dipole(t_s: Floats, spec: EcgSpec, *, qrs_onset_s: float, qt_ms: float, kind: str = "N") -> Floats:
    """Return the (3, n) dipole of one beat at the instants `t_s`, mV.

    Parameters
    ----------
    t_s : (n,) array
        s.
    spec : EcgSpec
        `axis_deg` must have been applied already (`simulate` does so).
    qrs_onset_s : float
        s.
    qt_ms : float
        Of this beat.
    kind : {"N", "V"}
    """
    ectopic = kind == "V"
    qrs = spec.ectopic_qrs if ectopic else spec.qrs
    st = spec.ectopic_st_mv if ectopic else spec.st_mv
    t_mv = spec.ectopic_t_mv if ectopic else spec.t_mv
    ms = 1000 * (t_s - qrs_onset_s)
    total = _parts_dipole(ms, qrs)
    if spec.pr_ms is not None and not ectopic:
        total += _parts_dipole(ms + spec.pr_ms, spec.p)
    qrs_ms = max(part.end_ms for part in qrs)
    onset, peak, end = _t_marks_ms(qrs_ms, qt_ms, spec)
    total += np.outer(t_mv, bump(ms, onset, peak, end, rise=spec.t_rise, fall=spec.t_fall))
    # Level from the J point to the T peak, then down with the T wave, so that both end at the same instant.
    down = bump(ms, peak - 1.0, peak, end, fall=spec.t_fall)
    level = np.where(ms <= peak, _ramp(ms, qrs_ms - spec.st_rise_ms, qrs_ms), down)
    total += np.outer(st, level)
    if spec.spike_mv is not None and not ectopic:
        since = ms + spec.spike_to_qrs_ms
        # Half a microsecond of tolerance: a start that falls on a sample must not be lost to rounding.
        on = (since >= -5e-4) & (since < spec.spike_width_ms - 5e-4)
        total += np.outer(spec.spike_mv, on.astype(np.float64))
    return total


def _intervals(spec: EcgSpec, n: int, rng: np.random.Generator) -> Floats:
    """Return `n` intervals, s."""
    if spec.rr_s:
        return np.resize(np.asarray(spec.rr_s, np.float64), n)
    mean = 60.0 / spec.heart_rate_bpm
    if spec.rhythm == "fibrillation":
        # Gamma above a floor: the node's refractory period lets nothing through faster.
        cv = spec.rr_cv or 0.22
        floor = 0.55 * mean
        spread = cv * mean
        shape = ((mean - floor) / spread) ** 2
        return floor + rng.gamma(shape, spread**2 / (mean - floor), n)
    out = np.empty(n)
    phase = rng.uniform(0, 2 * np.pi)
    at = 0.0
    for i in range(n):
        breath = np.sin(2 * np.pi * spec.respiration_bpm / 60 * at + phase)
        out[i] = mean * (1 + spec.rsa * breath + spec.rr_cv * rng.standard_normal())
        at += out[i]
    return out


def _f_waves(t_s: Floats, spec: EcgSpec, rng: np.random.Generator) -> Floats:
    """Return the (3, n) dipole of f waves: a saw-like wave of wandering rate, amplitude and direction."""
    dt = t_s[1] - t_s[0]

    def wander(rate_hz: float) -> Floats:
        """Slow random curve of unit standard deviation."""
        knots = rng.standard_normal(int(np.ceil((t_s[-1] - t_s[0]) * rate_hz)) + 4)
        at = (t_s - t_s[0]) * rate_hz + 1.5
        i = at.astype(int)
        w = (1 - np.cos(np.pi * (at - i))) / 2
        return np.asarray((1 - w) * knots[i] + w * knots[i + 1])

    vector = np.asarray(spec.f_vector)
    vector = vector / np.linalg.norm(vector)
    total = np.zeros((3, t_s.size))
    # A second source, weaker, of its own rate and direction, makes the waves change shape from one to the next.
    for share, rate, tilt in ((1.0, 1.0, 0.0), (0.45, 1.13, 0.8)):
        rate_hz = spec.f_rate_bpm / 60 * rate * (1 + 0.06 * wander(1.2))
        phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.cumsum(rate_hz) * dt
        wave = np.sin(phase) + 0.35 * np.sin(2 * phase + 0.6) + 0.12 * np.sin(3 * phase + 1.1)
        wave *= np.clip(0.8 + 0.35 * wander(0.9), 0.15, 1.5)
        direction = vector + tilt * np.array([0.5, -0.4, 0.1])
        total += share * np.outer(direction, wave)
    return spec.f_wave_mv * total


def _electrode_noise(noise: Noise, n: int, fs: float, rng: np.random.Generator) -> dict[str, Floats]:
    """Return the noise of each electrode, mV, zero mean."""
    t_s = np.arange(n) / fs
    frequency = np.fft.rfftfreq(n, 1 / fs)
    pass_band = 1 / (1 + (20 / np.maximum(frequency, 1e-9)) ** 4) / (1 + (frequency / 150) ** 8)
    out = {}
    for name in noise.electrodes:
        muscle = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * pass_band, n)
        muscle *= noise.muscle_mv / max(float(muscle.std()), 1e-12)
        phase = rng.uniform(0, 2 * np.pi, 4)
        mains = np.sin(2 * np.pi * noise.mains_hz * t_s + phase[0])
        mains += 0.15 * np.sin(2 * np.pi * 3 * noise.mains_hz * t_s + phase[1])
        wander = 0.7 * np.sin(2 * np.pi * rng.uniform(0.12, 0.22) * t_s + phase[2])
        wander += 0.3 * np.sin(2 * np.pi * rng.uniform(0.28, 0.42) * t_s + phase[3])
        out[name] = muscle + noise.mains_mv * mains + noise.wander_mv * wander
    return out


def _noise_signals(noise: Noise, n: int, fs: float, rng: np.random.Generator) -> Floats:
    """Return (12, n) noise, mV, through the leads' definitions."""
    electrode = {name: np.zeros(n) for name in ("RA", "LA", "LL", *LEADS[6:])}
    electrode |= _electrode_noise(noise, n, fs, rng)
    ra, la, ll = electrode["RA"], electrode["LA"], electrode["LL"]
    one, two = la - ra, ll - ra
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.vstack(limb + [electrode[name] - (ra + la + ll) / 3 for name in LEADS[6:]])


def simulate(spec: EcgSpec, *, fs: float, duration_s: float, rng: np.random.Generator) -> tuple[Floats, EcgTruth]:
    """Simulate a 12-lead ECG.

    Beats that began before the first sample, and those that end after the last, are drawn too; the truth lists the
    beats whose R peak lies within.

    Parameters
    ----------
    spec : EcgSpec
    fs : float
        Hz.
    duration_s : float
        s.
    rng : numpy.random.Generator
        All chance comes from it: the same state gives the same samples.

    Returns
    -------
    signal : (12, n_samples) float64 array
        mV, rows as in `LEADS`.
    truth : EcgTruth

    Examples
    --------
    >>> signal, truth = simulate(PRESETS["lbbb"], fs=500, duration_s=10, rng=np.random.default_rng(0))
    >>> truth.qrs_ms, truth.samples("qrs_offset")[0] - truth.samples("qrs_onset")[0]
    (152.0, np.int64(76))
    """
    if spec.axis_deg is not None:
        spec = replace(spec, qrs=rotate_to_axis(spec.qrs, spec.axis_deg))
    n = round(duration_s * fs)
    t_s = np.arange(n) / fs
    mean = float(np.mean(spec.rr_s)) if spec.rr_s else 60.0 / spec.heart_rate_bpm
    intervals = _intervals(spec, int(duration_s / mean * 1.6) + 8, rng)
    # The second beat is the first within: the one before it lends its T wave to the start.
    first = rng.uniform(0.30, 0.55) * intervals[0]
    onsets = first - intervals[0] + np.concatenate([[0.0], np.cumsum(intervals)])
    kinds = np.resize(np.asarray(spec.kinds or ("N",)), onsets.size)
    phase = rng.uniform(0, 2 * np.pi)

    dipole = np.zeros((3, n))
    marks: dict[str, list[float]] = {name: [] for name in MARKS}
    kept: list[str] = []
    spikes: list[float] = []
    r_at = {"N": _r_peak_ms(spec.qrs), "V": _r_peak_ms(spec.ectopic_qrs)}
    p_at = _p_peak_ms(spec.p)
    for i, onset in enumerate(onsets[:-1]):
        if onset > duration_s + 1.0:
            break
        kind = str(kinds[i])
        qrs_ms = max(part.end_ms for part in (spec.ectopic_qrs if kind == "V" else spec.qrs))
        before = intervals[i - 1] if i else intervals[0]
        # A beat's QT follows its interval with memory: half of the last one, half of the mean.
        qt_ms = spec.qt_ms * (0.5 * before + 0.5 * mean) ** spec.qt_power
        if kind == "V":
            qt_ms += qrs_ms - spec.qrs_ms
        t_onset, t_peak, t_end = _t_marks_ms(qrs_ms, qt_ms, spec)
        lo, hi = np.searchsorted(t_s, [onset - 0.6, onset + qt_ms / 1000 + 0.01])
        gain = 1 + spec.breathing * np.sin(2 * np.pi * spec.respiration_bpm / 60 * onset + phase)
        dipole[:, lo:hi] += gain * beat_dipole(t_s[lo:hi], spec, qrs_onset_s=onset, qt_ms=qt_ms, kind=kind)
        if spec.spike_mv is not None and kind == "N" and 0 <= onset - spec.spike_to_qrs_ms / 1000 < n / fs:
            spikes.append(onset - spec.spike_to_qrs_ms / 1000)
        r_peak = onset + r_at[kind] / 1000
        if not 0 <= round(r_peak * fs) < n:
            continue
        has_p = spec.pr_ms is not None and kind == "N"
        p_onset = onset - (spec.pr_ms or 0.0) / 1000 if has_p else np.nan
        values = (
            p_onset, p_onset + p_at / 1000, p_onset + spec.p_ms / 1000,
            onset, r_peak, onset + qrs_ms / 1000,
            onset + t_onset / 1000, onset + t_peak / 1000, onset + t_end / 1000,
        )  # fmt: skip
        for name, value in zip(MARKS, values, strict=True):
            marks[name].append(value if 0 <= value <= (n - 1) / fs else np.nan)
        kept.append(kind)
    if spec.f_wave_mv:
        dipole += _f_waves(t_s, spec, rng)
    clean = lead_signals(dipole)
    signal = clean.copy()
    for noise in spec.noise:
        signal += _noise_signals(noise, n, fs, rng)
    arrays: dict[str, Any] = {f"{name}_s": np.array(values, np.float64) for name, values in marks.items()}
    truth = EcgTruth(
        fs=float(fs),
        n_samples=n,
        kinds=tuple(kept),
        axis_deg=_recorded_axis_deg(spec),
        spikes_s=np.array(spikes, np.float64),
        clean=clean,
        st_mv=LEAD_MATRIX @ np.asarray(spec.st_mv),
        **arrays,
    )
    return signal, truth


#: Starting points; change them with `dataclasses.replace`.
PRESETS: Final[dict[str, EcgSpec]] = {
    "normal": EcgSpec(axis_deg=50.0),
    "bradycardia": EcgSpec(heart_rate_bpm=46.0, axis_deg=55.0, pr_ms=170.0),
    "fibrillation": EcgSpec(
        heart_rate_bpm=88.0,
        rhythm="fibrillation",
        rr_cv=0.24,
        pr_ms=None,
        f_wave_mv=0.06,
        f_rate_bpm=390.0,
        axis_deg=40.0,
        t_mv=(0.15, 0.17, 0.07),
    ),
    "tachycardia": EcgSpec(heart_rate_bpm=112.0, pr_ms=140.0, axis_deg=60.0, qt_ms=388.0),
    "av_block_1": EcgSpec(heart_rate_bpm=62.0, pr_ms=260.0, axis_deg=35.0),
    "lbbb": EcgSpec(
        heart_rate_bpm=72.0,
        pr_ms=170.0,
        qrs=_QRS_LBBB,
        axis_deg=-8.0,
        st_mv=(-0.06, -0.005, 0.10),
        st_rise_ms=40.0,
        t_mv=(-0.22, -0.02, 0.26),
        qt_ms=440.0,
    ),
    "rbbb": EcgSpec(
        heart_rate_bpm=68.0, pr_ms=165.0, qrs=_QRS_RBBB, st_mv=(0.01, 0.0, -0.02), t_mv=(0.25, 0.22, -0.16), qt_ms=425.0
    ),
    "inferior_injury": EcgSpec(
        heart_rate_bpm=78.0, qrs=_QRS_INFERIOR, st_mv=(-0.13, 0.25, -0.07), t_mv=(0.04, 0.36, 0.12), qt_ms=410.0
    ),
    "left_axis": EcgSpec(heart_rate_bpm=74.0, axis_deg=-50.0, t_mv=(0.24, 0.10, 0.12)),
    "paced": EcgSpec(
        heart_rate_bpm=70.0,
        rsa=0.0,
        pr_ms=None,
        qrs=_QRS_PACED,
        st_mv=(-0.02, 0.09, 0.07),
        st_rise_ms=50.0,
        t_mv=(-0.08, 0.30, 0.26),
        qt_ms=460.0,
        spike_mv=(0.4, -1.3, -0.4),
    ),
}
