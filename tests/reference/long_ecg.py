"""Long recordings whose every beat, class and episode is known: rhythms told one after the other, then drawn.

Each beat is a sum of bumps at sample precision in three leads; ventricular beats are wide and of another direction,
atrial fibrillation has no P wave but a wave of about 6 Hz of wandering size. Nothing is imported from the package.

Examples
--------
>>> tape = Tape(seed=1).sinus(20, bpm=60).pause(2.5).sinus(10, bpm=60)
>>> signal, truth = tape.draw(fs=250)
>>> signal.shape[0], float(np.diff(truth.beat_s).max().round(2))
(3, 2.5)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEADS", "Tape", "TapeTruth"]

LEADS = ("II", "V1", "V5")
#: By lead II, V1, V5: (centre s from R, standard deviation s, mV).
_P = ((-0.16, 0.020, (0.12, 0.06, 0.10)),)
_NARROW = (
    (-0.022, 0.008, (-0.08, 0.20, -0.08)),
    (0.0, 0.011, (1.10, -0.35, 1.20)),
    (0.026, 0.010, (-0.20, -0.60, -0.25)),
)
_T = ((0.26, 0.045, (0.30, 0.10, 0.32)),)
_WIDE = (
    (-0.015, 0.018, (-0.5, 1.3, -0.9)),
    (0.040, 0.022, (-1.2, 0.6, -0.8)),
    (0.300, 0.060, (0.45, -0.45, 0.45)),
)


@dataclass(frozen=True)
class TapeTruth:
    """R of each beat in s, its class, and the spans (start, stop, kind) as they were told."""

    beat_s: NDArray[np.float64]
    kinds: NDArray[np.str_]
    spans: tuple[tuple[float, float, str], ...]
    duration_s: float


@dataclass
class Tape:
    """A tape that is told rhythm after rhythm; every method returns the tape. Times in s, rates per minute."""

    seed: int = 0
    _beats: list[tuple[float, str, bool]] = field(default_factory=list)
    _spans: list[tuple[float, float, str]] = field(default_factory=list)
    _now: float = 0.4

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    @property
    def now_s(self) -> float:
        """Where the next beat comes."""
        return self._now

    def sinus(self, seconds: float, *, bpm: float = 70.0, spread: float = 0.02) -> Tape:
        """Sinus beats; RR swings with breathing and by chance, `spread` its share."""
        stop = self._now + seconds
        while self._now < stop:
            self._beat("N", p=True)
            swing = spread * (np.sin(2 * np.pi * 0.25 * self._now) + 0.5 * self._random.standard_normal())
            self._now += 60.0 / bpm * (1 + swing)
        return self

    def fibrillation(self, seconds: float, *, bpm: float = 90.0) -> Tape:
        """Atrial fibrillation: RR of independent lengths, no P."""
        start, stop = self._now, self._now + seconds
        while self._now < stop:
            self._beat("N", p=False)
            self._now += max(0.34, 60.0 / bpm * (1 + 0.24 * self._random.standard_normal()))
        self._spans.append((start, self._now, "atrial_fibrillation"))
        return self

    def run(self, n: int, *, bpm: float = 150.0, kind: str = "V", early: float = 0.55) -> Tape:
        """`n` beats of a class at a rate, the first early by the share `early` of the RR before it, then a rest."""
        rr = self._beats[-1][0] - self._beats[-2][0]
        self._now = self._beats[-1][0] + early * rr
        start = self._now
        for i in range(n):
            self._beat(kind, p=kind == "S")
            self._now += 60.0 / bpm if i < n - 1 else (1.4 if kind == "V" else 1.05) * rr
        self._spans.append((start, self._beats[-1][0], f"run_{kind}{n}"))
        return self

    def bigeminy(self, pairs: int, *, bpm: float = 70.0, normal: int = 1) -> Tape:
        """`pairs` times `normal` ordinary beats and a ventricular one."""
        rr, start = 60.0 / bpm, self._now
        for _ in range(pairs):
            for i in range(normal):
                self._beat("N", p=True)
                self._now += rr if i < normal - 1 else 0.6 * rr
            self._beat("V", p=False)
            self._now += 1.4 * rr
        self._spans.append((start, self._beats[-1][0], "bigeminy" if normal == 1 else "trigeminy"))
        return self

    def pause(self, seconds: float) -> Tape:
        """No beat for so long after the last one."""
        start = self._beats[-1][0]
        self._now = start + seconds
        self._spans.append((start, self._now, "pause"))
        return self

    def off(self, seconds: float) -> Tape:
        """The leads are off: the signal stands still at 0."""
        start = self._now - 0.3
        self._now += seconds
        self._spans.append((start, start + seconds, "off"))
        return self

    def _beat(self, kind: str, *, p: bool) -> None:
        self._beats.append((self._now, kind, p))

    def told(self) -> TapeTruth:
        """Return the truth without a signal, beats where they were told."""
        return TapeTruth(
            beat_s=np.array([s for s, _, _ in self._beats]),
            kinds=np.array([k for _, k, _ in self._beats]),
            spans=tuple(self._spans),
            duration_s=self._now + 0.3,
        )

    def draw(self, *, fs: float, noise_mv: float = 0.01, leads: int = 3) -> tuple[NDArray[np.float32], TapeTruth]:
        """Return the signal, (leads, n) float32 mV, and the truth."""
        n = round((self._now + 0.3) * fs)
        signal = np.empty((leads, n), dtype=np.float32)
        step = 1 << 20
        for at in range(0, n, step):
            width = min(step, n - at)
            signal[:, at : at + width] = noise_mv * self._random.standard_normal((leads, width), dtype=np.float32)
        at = np.array([round(s * fs) for s, _, _ in self._beats])
        kinds = np.array([k for _, k, _ in self._beats])
        has_p = np.array([p for _, _, p in self._beats])
        narrow = kinds != "V"
        for bumps, chosen in ((_P, has_p), (_NARROW, narrow), (_T, narrow), (_WIDE, ~narrow)):
            for centre, width, sizes in bumps:
                self._add(signal, at[chosen], centre, width, sizes, fs)
        for start, stop, kind in self._spans:
            a, b = round(start * fs), round(stop * fs)
            if kind == "atrial_fibrillation":
                t = np.arange(b - a) / fs
                phase = 2 * np.pi * (6.0 * t + 0.15 * np.sin(2 * np.pi * 0.7 * t) + 0.2 * np.sin(2 * np.pi * 1.9 * t))
                wave = 0.04 * np.sin(phase) * (1 + 0.4 * np.sin(2 * np.pi * 0.23 * t))
                signal[:, a:b] += (wave * np.array([1.0, 1.4, 0.6])[:leads, None]).astype(np.float32)
            elif kind == "off":
                signal[:, a:b] = 0.0
        truth = TapeTruth(beat_s=at / fs, kinds=kinds, spans=tuple(self._spans), duration_s=n / fs)
        return signal, truth

    @staticmethod
    def _add(
        signal: NDArray[np.float32],
        at: NDArray[np.int64],
        centre: float,
        width: float,
        sizes: tuple[float, ...],
        fs: float,
    ) -> None:
        reach = round(4 * width * fs)
        shape = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (width * fs)) ** 2).astype(np.float32)
        middle = at + round(centre * fs)
        middle = middle[(middle >= reach) & (middle + reach < signal.shape[1])]
        for k, y in enumerate(shape):
            for row, size in zip(signal, sizes, strict=False):
                # Beats stand farther apart than a bump is wide at one offset: no index comes twice.
                row[middle - reach + k] += np.float32(size) * y
