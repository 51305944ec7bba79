"""The ECGs of the conformity kit: drawn by formula, so that every mark and amplitude is known.

They are modelled on the calibration and analytical ECGs which IEC 60601-2-25 tests measurements with (its CTS set is
sold, and not copied here): *calibration* ones have one waveform in I, II and V1 to V6, *analytical* ones their own in
each lead. Each wave has a corner at its begin and end (half sines, triangles, skewed half sines), so that an onset is
where a reader would put it and no matter of taste; the QRS of some begins softly. Nothing is taken from a patient, and
nothing from the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
#: The independent ones, in which an analytical ECG is given.
FREE: Final = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
DURATION_S: Final = 10.0
#: Quantised to so much, mV, as a file is.
LSB_MV: Final = 0.001
#: Lower deflections of a QRS are no waves (IEC 60601-2-25), mV.
LEAST_MV: Final = 0.02

Floats = NDArray[np.float64]

SHAPES: Final[dict[str, Callable[[Floats], Floats]]] = {
    "half_sine": lambda u: np.sin(np.pi * u),
    "triangle": lambda u: 1 - np.abs(2 * u - 1),
    "late": lambda u: np.where(u < 0.6, np.sin(np.pi / 2 * u / 0.6), np.cos(np.pi / 2 * (u - 0.6) / 0.4)),
    "soft": lambda u: np.sin(np.pi * u) ** 2,
}


@dataclass(frozen=True)
class Wave:
    """One wave: begin and length in ms from the QRS onset, height in mV of the free leads."""

    begin: float
    length: float
    mv: tuple[float, ...]
    shape: str = "half_sine"

    @property
    def end(self) -> float:
        """When it is over, ms."""
        return self.begin + self.length

    def at(self, ms: Floats) -> Floats:
        """Return its height over time, 1 at its top, 0 outside."""
        u = (ms - self.begin) / self.length
        return np.where((u > 0) & (u < 1), SHAPES[self.shape](np.clip(u, 0, 1)), 0.0)


@dataclass(frozen=True)
class Ecg:
    """An analytic ECG.

    Parameters
    ----------
    name, family : str
    p : Wave or None
    qrs : tuple of Wave
        Its waves, one after the other.
    t : Wave
    st : tuple of float
        Level in mV of the free leads from the QRS offset to the T onset; it builds up over the last wave of the QRS and
        goes back over T.
    rate : float
        Per minute.
    fs : float
        Hz.
    """

    name: str
    family: str
    p: Wave | None
    qrs: tuple[Wave, ...]
    t: Wave
    st: tuple[float, ...] = field(default=(0.0,) * 8)
    rate: float = 66.0
    fs: float = 500.0

    @property
    def qrs_end(self) -> float:
        """The QRS offset, ms from its onset."""
        return self.qrs[-1].end

    def beat(self, ms: Floats) -> Floats:
        """Return the twelve leads, shape (12, n), at times from the QRS onset."""
        last = self.qrs[-1]
        plateau = np.interp(ms, [last.begin, last.end, self.t.begin, self.t.end], [0.0, 1.0, 1.0, 0.0])
        free = np.outer(self.st, plateau)
        for wave in (*((self.p,) if self.p else ()), *self.qrs, self.t):
            free += np.outer(wave.mv, wave.at(ms))
        one, two = free[0], free[1]
        return np.vstack((one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, free[2:]))

    def signal(self) -> Floats:
        """Return ten seconds, shape (12, n), mV."""
        n = round(DURATION_S * self.fs)
        ms = np.arange(n) * 1000 / self.fs
        rr = 60000 / self.rate
        # The first beat begins off the sampling grid, and so do the others where RR is no whole number of samples.
        onsets = np.arange(357.3, 1000 * DURATION_S, rr)
        out = np.zeros((12, n))
        for onset in onsets:
            inside = (ms > onset - 400) & (ms < onset + 800)
            out[:, inside] += self.beat(ms[inside] - onset)
        return np.round(out / LSB_MV) * LSB_MV

    def intervals(self) -> dict[str, float]:
        """Return the true global intervals, ms, by quantity code."""
        out = {"qrs_ms": self.qrs_end, "qt_ms": self.t.end}
        if self.p is not None:
            out |= {"p_duration_ms": self.p.length, "pr_ms": -self.p.begin}
        return out

    def amplitudes(self) -> dict[str, dict[str, float]]:
        """Return the true amplitudes, mV, by lead and quantity code; waves below 30 µV are left out."""
        fine = np.arange(-400, 800, 0.05)
        beat = self.beat(fine)
        out: dict[str, dict[str, float]] = {}
        for lead, x in zip(LEADS, beat, strict=True):
            found = {}
            for code, wave in (("p_mv", self.p), ("t_mv", self.t)):
                if wave is not None and abs(top := _extreme(x, fine, wave)) >= 0.03:
                    found[code] = top
            named = dict(_labels([(wave.begin, wave.end, _extreme(x, fine, wave)) for wave in self.qrs]))
            if not named:
                continue
            found |= {code: height for code, (_, _, height) in named.items()}
            for code, after in (("st_j20_mv", 20), ("st_j60_mv", 60), ("st_j80_mv", 80)):
                if self.qrs_end + after < self.t.begin:
                    found[code] = float(np.interp(self.qrs_end + after, fine, x))
            out[lead] = found
        return out

    def durations(self) -> dict[str, dict[str, float]]:
        """Return the true durations of Q, R, S and R', ms, by lead; none where ST bends the last wave."""
        if any(self.st):
            return {}
        fine = np.arange(-400, 800, 0.05)
        beat = self.beat(fine)
        names = {"q_mv": "q_ms", "r_mv": "r_ms", "s_mv": "s_ms", "r2_mv": "r2_ms"}
        out = {}
        for lead, x in zip(LEADS, beat, strict=True):
            named = _labels([(wave.begin, wave.end, _extreme(x, fine, wave)) for wave in self.qrs])
            out[lead] = {names[code]: end - begin for code, (begin, end, _) in named if code in names}
        return out


def _extreme(x: Floats, ms: Floats, wave: Wave) -> float:
    inside = x[(ms >= wave.begin) & (ms <= wave.end)]
    return float(inside[np.argmax(np.abs(inside))])


#: Begin, end and height of a wave.
_Span = tuple[float, float, float]


def _labels(spans: list[_Span]) -> Iterator[tuple[str, _Span]]:
    """Yield the waves of a QRS under their names; neighbours of one sign are one wave."""
    waves: list[_Span] = []
    for begin, end, height in spans:
        if abs(height) < LEAST_MV:
            continue
        if waves and waves[-1][2] * height > 0:
            first, _, other = waves[-1]
            waves[-1] = (first, end, max(other, height, key=abs))
        else:
            waves.append((begin, end, height))
    if not any(height > 0 for _, _, height in waves):
        yield from (("s_mv", one) for one in waves[:1])
        return
    if waves[0][2] < 0:
        yield "q_mv", waves.pop(0)
    yield from zip(("r_mv", "s_mv", "r2_mv"), waves, strict=False)


# ------------------------------------------------------------------------------------------------------- the kit

SAME: Final = np.ones(8)


def _same(mv: float) -> tuple[float, ...]:
    return tuple(mv * SAME)


def calibration(
    name: str, *, family: str, q: float = 0.0, r: float = 1.0, s: float = -0.3, q_ms: float = 20.0, r_ms: float = 50.0,
    s_ms: float = 30.0, p: float = 0.15, p_ms: float = 110.0, pr: float = 160.0, t: float = 0.3, t_ms: float = 180.0,
    qt: float = 390.0, st: float = 0.0, rate: float = 66.0, shape: str = "half_sine", t_shape: str = "half_sine",
) -> Ecg:  # fmt: skip
    """Return an ECG with one waveform in each free lead; heights in mV, times in ms, a height of 0 is no wave."""
    waves = []
    begin = 0.0
    for mv, length in ((q, q_ms), (r, r_ms), (s, s_ms)):
        if mv:
            waves.append(Wave(begin, length, _same(mv), shape))
            begin += length
    return Ecg(
        name=name,
        family=family,
        p=Wave(-pr, p_ms, _same(p), "half_sine") if p else None,
        qrs=tuple(waves),
        t=Wave(qt - t_ms, t_ms, _same(t), t_shape),
        st=_same(st),
        rate=rate,
    )


#: An analytical ECG: the waves' heights by free lead, mV.
_P: Final = (0.08, 0.14, 0.05, 0.06, 0.07, 0.08, 0.08, 0.08)
_ANALYTICAL: Final = {
    "normal": (
        (-0.06, -0.10, 0.28, 0.35, 0.10, -0.06, -0.10, -0.12),
        (0.80, 1.10, -1.10, -1.60, 0.70, 1.70, 1.50, 1.20),
        (-0.15, -0.20, 0.0, 0.25, -0.60, -0.40, -0.20, -0.08),
        (0.25, 0.30, -0.08, 0.50, 0.55, 0.45, 0.35, 0.25),
    ),
    "left_axis": (
        (-0.10, 0.15, 0.20, 0.25, 0.20, 0.10, -0.05, -0.10),
        (1.20, -0.40, -1.30, -1.80, -0.50, 0.90, 1.40, 1.50),
        (-0.05, -0.30, 0.10, 0.0, -0.60, -0.50, -0.30, -0.15),
        (-0.10, 0.15, 0.30, 0.60, 0.40, 0.20, 0.10, -0.12),
    ),
    "right_axis": (
        (0.15, -0.08, -0.06, 0.20, 0.30, 0.15, 0.10, 0.10),
        (-0.60, 0.80, 0.90, 0.60, 0.90, 1.00, 0.80, 0.50),
        (-0.10, -0.15, -0.30, -0.80, -0.90, -1.00, -0.80, -0.60),
        (0.12, 0.20, -0.20, -0.25, 0.20, 0.30, 0.30, 0.20),
    ),
}


def analytical(name: str, kind: str, *, lengths: tuple[float, float, float] = (24.0, 44.0, 30.0), pr: float = 160.0,
               p_ms: float = 110.0, qt: float = 390.0, t_ms: float = 180.0, rate: float = 66.0, scale: float = 1.0,
               shape: str = "half_sine", t_shape: str = "late") -> Ecg:  # fmt: skip
    """Return an ECG with its own waveform in each lead."""
    first, second, third, t = (tuple(scale * np.array(mv)) for mv in _ANALYTICAL[kind])
    waves, begin = [], 0.0
    for mv, length in zip((first, second, third), lengths, strict=True):
        waves.append(Wave(begin, length, mv, shape))
        begin += length
    return Ecg(
        name=name,
        family="analytical",
        p=Wave(-pr, p_ms, tuple(scale * np.array(_P)), "half_sine"),
        qrs=tuple(waves),
        t=Wave(qt - t_ms, t_ms, t, t_shape),
        rate=rate,
    )


def _at_500_hz() -> Iterator[Ecg]:
    for r, s in ((0.5, -0.5), (1.0, -1.0), (1.5, -1.5), (2.0, -2.0), (3.0, -3.0), (0.5, -0.1), (2.0, -0.2)):
        yield calibration(f"amplitude R {r} S {s}", family="amplitude", r=r, s=s, t=0.2 * r, p=0.15)
    for q, q_ms in ((-0.05, 12.0), (-0.1, 20.0), (-0.3, 30.0), (-0.6, 40.0)):
        yield calibration(f"Q {q} mV {q_ms} ms", family="qrs", q=q, q_ms=q_ms)
    for lengths in ((16.0, 30.0, 24.0), (20.0, 40.0, 30.0), (20.0, 60.0, 40.0), (30.0, 70.0, 50.0)):
        q_ms, r_ms, s_ms = lengths
        yield calibration(f"QRS {sum(lengths):g} ms", family="qrs", q=-0.15, q_ms=q_ms, r_ms=r_ms, s_ms=s_ms, s=-0.5,
                          qt=400.0)  # fmt: skip
    yield calibration("R only", family="qrs", s=0.0, r=1.2, r_ms=80.0)
    yield calibration("QS", family="qrs", r=0.0, s=-1.2, s_ms=90.0)
    yield calibration("rS", family="qrs", r=0.2, r_ms=24.0, s=-1.4, s_ms=60.0)
    yield replace(
        calibration("rSR'", family="qrs"),
        qrs=(Wave(0, 24, _same(0.3)), Wave(24, 34, _same(-0.7)), Wave(58, 60, _same(0.9))),
        t=Wave(220.0, 180.0, _same(-0.25)),
    )
    for p_ms in (80.0, 100.0, 130.0):
        yield calibration(f"P {p_ms:g} ms", family="p", p_ms=p_ms, pr=170.0)
    for p in (0.06, 0.1, 0.25, -0.12):
        yield calibration(f"P {p} mV", family="p", p=p)
    for pr in (120.0, 200.0, 260.0):
        yield calibration(f"PQ {pr:g} ms", family="p", pr=pr, p_ms=min(110.0, pr - 20.0))
    for st in (-0.2, -0.1, 0.1, 0.2):
        yield calibration(f"ST {st} mV", family="st", st=st)
    for t in (0.1, 0.2, 0.6, 1.0, -0.3):
        yield calibration(f"T {t} mV", family="t", t=t)
    for qt, t_ms in ((320.0, 140.0), (360.0, 160.0), (440.0, 200.0), (480.0, 220.0)):
        yield calibration(f"QT {qt:g} ms", family="t", qt=qt, t_ms=t_ms, rate=60.0)
    for rate, qt in ((40.0, 440.0), (50.0, 420.0), (90.0, 350.0), (120.0, 300.0), (150.0, 240.0)):
        yield calibration(f"rate {rate:g}", family="rate", rate=rate, qt=qt, t_ms=0.4 * qt, pr=130.0, p_ms=90.0)
    for shape in ("triangle", "soft"):
        yield calibration(f"QRS {shape}", family="shape", shape=shape, q=-0.15, s=-0.4)
    for shape in ("triangle", "late"):
        yield calibration(f"T {shape}", family="shape", t_shape=shape)
    for kind in _ANALYTICAL:
        yield analytical(kind, kind)
        yield analytical(f"{kind}, fast", kind, rate=110.0, qt=310.0, t_ms=140.0, pr=130.0, p_ms=90.0)
    yield analytical("normal, low voltage", "normal", scale=0.4)
    yield analytical("normal, wide", "normal", lengths=(36.0, 60.0, 44.0), qt=420.0)
    yield analytical("left axis, soft", "left_axis", shape="soft")
    yield analytical("normal, triangles", "normal", shape="triangle", t_shape="triangle")


def kit() -> tuple[Ecg, ...]:
    """Return all ECGs: at 500 Hz, and a part of them at 250 and 1000 Hz."""
    usual = tuple(_at_500_hz())
    other = [replace(ecg, name=f"{ecg.name}, {fs:g} Hz", fs=fs) for fs in (250.0, 1000.0) for ecg in usual[::5]]
    every = usual + tuple(other)
    # Between two samples 2 ms apart the tip of a triangle is lost, and nobody knows how high it was.
    sharp = [ecg for ecg in every if any(wave.shape == "triangle" for wave in ecg.qrs)]
    return tuple(ecg for ecg in every if ecg not in sharp) + tuple(
        replace(ecg, fs=1000.0) for ecg in sharp if ecg in usual
    )
