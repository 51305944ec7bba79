"""What the atria do by themselves: fibrillation waves, flutter waves, P waves that belong to no beat.

The leads are thinned to about 100 Hz; atrial waves have little above 20 Hz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.detection._prepare import middle, middles, smooth_leads
from ecg_engine.detection.parameters import ATRIA, odd_samples, samples
from ecg_engine.kernels.smoothing import moving_mean_into
from ecg_engine.types import ABSENT
from ecg_engine.types.marks import MARK_NAMES

__all__ = ["AtrialSigns", "Thinned", "see_atria", "thin"]

#: Leads in which the waves of flutter are sought, and the lead of fibrillation waves: V1 lies nearest to the right
#: atrium, and the first of these that can be used is taken.
INFERIOR: Final = ("II", "III", "aVF")
NEAREST: Final = ("V1", "II", "aVF", "III", "I")
#: The second flutter wave lies so near to twice the lag of the first, samples.
FLUTTER_REACH: Final = 1
_P_PEAK, _ONSET, _OFFSET, _T_OFFSET = (
    MARK_NAMES.index(name) for name in ("p_peak", "qrs_onset", "qrs_offset", "t_offset")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtrialSigns:
    """What was seen of the atria; NaN where it could not be looked for.

    Parameters
    ----------
    f_wave_share : float
        Share of the power left without QRS and T, 3 to 15 Hz, that lies within 0.6 Hz of its highest peak between 4 and
        9.5 Hz: fibrillation waves have a rate of their own, noise and P waves have none there.
    f_wave_bpm : float
        That peak, per minute.
    flutter_evenness : float
        How alike the signal between the QRS complexes is to itself one and two flutter waves later (correlation, the
        lesser of both), where it is opposite half a wave later; 0 where no period fits.
    flutter_bpm : float
        Waves per minute at that period.
    """

    f_wave_share: float = float("nan")
    f_wave_bpm: float = float("nan")
    flutter_evenness: float = float("nan")
    flutter_bpm: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thinned:
    """Leads at about 100 Hz with their beats.

    Parameters
    ----------
    signal : (n_leads, n) float64 array
        mV, slower than about 0.5 Hz removed.
    names : tuple of str
    fs : float
        Hz.
    r_peaks : (n_beats,) int64 array
        Samples of `signal`.
    kinds : (n_beats,) '<U1' array
    begins, ends : (n_beats,) int64 arrays
        Of each QRS, with a margin.
    p_peaks, t_ends : (n_beats,) int64 arrays
        P and the end of T, `ABSENT` where unknown.
    every : int
        So many samples of the recording make one here.
    first : int
        The recording's sample at which `signal` begins.
    """

    signal: NDArray[np.float64]
    names: tuple[str, ...]
    fs: float
    r_peaks: NDArray[np.int64]
    kinds: NDArray[np.str_]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    p_peaks: NDArray[np.int64]
    t_ends: NDArray[np.int64]
    every: int
    first: int = 0
    between: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        free = np.ones(self.signal.shape[1], dtype=bool)
        for begin, end in zip(self.begins, self.ends, strict=True):
            free[max(0, begin) : end + 1] = False
        object.__setattr__(self, "between", free)

    def rows(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return the rows of those of the leads that are there."""
        return np.array([i for i, name in enumerate(self.names) if name in names], np.int64)


def thin(
    signal: NDArray[np.float64],
    *,
    fs: float,
    leads: Sequence[str],
    usable: NDArray[np.bool_],
    r_peaks: NDArray[np.int64],
    kinds: NDArray[np.str_],
    table: NDArray[np.int64],
) -> Thinned | None:
    """Return the leads that are looked at, thinned; None where there are too few beats.

    Parameters
    ----------
    signal : (n_leads, n_samples) float64 array
        mV, mains, spikes and baseline removed, no NaN. Of a long one the middle minute is taken.
    fs : float
        Hz.
    leads : sequence of str
    usable : (n_leads,) bool array
    r_peaks : (n_beats,) int64 array
    kinds : (n_beats,) '<U1' array
    table : (n_beats, 8) int64 array
        Marks, in the order of `MARK_NAMES`.
    """
    width = samples(ATRIA.longest_s, fs)
    first = max(0, (signal.shape[1] - width) // 2)
    inside = (r_peaks >= first) & (r_peaks < first + width)
    rows = [i for i, name in enumerate(leads) if usable[i] and name in NEAREST]
    rows = rows or np.flatnonzero(usable)[:3].tolist()
    if inside.sum() < ATRIA.fewest_beats or not rows:
        return None
    every = max(1, round(fs / ATRIA.rate_hz))
    rate = fs / every
    part = signal[rows, first : first + width]
    thinned = np.ascontiguousarray(smooth_leads(part, ATRIA.smooth_s, fs)[:, ::every])
    thinned -= smooth_leads(thinned, ATRIA.wander_s, rate)
    r = (r_peaks[inside] - first) / every
    marks = np.where(table[inside] == ABSENT, np.nan, (table[inside] - first) / every)
    begins = np.fmin(r - ATRIA.qrs_s[0] * rate, marks[:, _ONSET] - 0.01 * rate)
    ends = np.fmax(r + ATRIA.qrs_s[1] * rate, marks[:, _OFFSET] + 0.02 * rate)
    return Thinned(
        signal=thinned,
        names=tuple(leads[i] for i in rows),
        fs=rate,
        r_peaks=np.rint(r).astype(np.int64),
        kinds=kinds[inside],
        begins=begins.astype(np.int64),
        ends=ends.astype(np.int64),
        p_peaks=_or_absent(marks[:, _P_PEAK]),
        t_ends=_or_absent(marks[:, _T_OFFSET]),
        every=every,
        first=first,
    )


def _or_absent(places: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.where(np.isnan(places), float(ABSENT), np.rint(places)).astype(np.int64)


def see_atria(part: Thinned) -> AtrialSigns:
    """Return what the atria do between the QRS complexes.

    Notes
    -----
    Fibrillation waves: the median beat of each class is subtracted (average beat subtraction) and the spectrum of V1
    looked at. Flutter waves: they go on through QRS
    and T, in step with the QRS where the ratio is fixed, so that subtraction would take them away too; the QRS is left
    out instead and the rest held against itself.
    """
    share, bpm = _f_waves(part)
    evenness, flutter = 0.0, float("nan")
    spectra = _Spectra.of(part)
    for names in (INFERIOR, ("V1",), part.names):
        rows = part.rows(names)
        if spectra is not None and len(rows) and (names is not part.names or not evenness):
            found = _flutter(part, spectra, rows)
            if found[0] > evenness:
                evenness, flutter = found
    return AtrialSigns(f_wave_share=share, f_wave_bpm=bpm, flutter_evenness=evenness, flutter_bpm=flutter)


def without_beats(part: Thinned, row: int, reach_s: float) -> NDArray[np.float64]:
    """Return a lead less the median beat of each class, zero where QRS complexes stand or a class has too few beats."""
    x: NDArray[np.float64] = part.signal[row]
    before, after = samples(ATRIA.beat_before_s, part.fs), samples(reach_s, part.fs)
    rest = x.copy()
    hidden = ~part.between
    for kind in set(part.kinds.tolist()):
        at = part.r_peaks[part.kinds == kind]
        whole = at[(at >= before) & (at + after < len(x))]
        if len(whole) < ATRIA.fewest_alike:
            for r in at:
                hidden[max(0, r - before) : r + after] = True
            continue
        beat = middles(x[np.arange(-before, after)[:, None] + whole])
        for r in at:
            start, stop = max(0, r - before), min(len(x), r + after)
            rest[start:stop] -= beat[start - r + before : stop - r + before]
    rest[hidden] = 0.0
    return np.asarray(rest)


def _f_waves(part: Thinned) -> tuple[float, float]:
    rr = np.diff(part.r_peaks)
    if len(rr) < ATRIA.fewest_beats:
        return float("nan"), float("nan")
    row = next(i for name in (*NEAREST, *part.names) for i in part.rows((name,)))
    reach = min(ATRIA.beat_after_s, ATRIA.beat_rr_share * middle(rr) / part.fs)
    rest = without_beats(part, int(row), reach)
    n = len(rest)
    size = 1 << int(np.ceil(np.log2(4 * n)))
    power = np.square(np.abs(np.fft.rfft(rest * np.hanning(n), size)))
    hz = part.fs / size
    smooth = np.empty_like(power)
    moving_mean_into(power, odd_samples(ATRIA.spectrum_smooth_hz / hz, 1.0), smooth)
    low, high = (round(v / hz) for v in ATRIA.f_wave_hz)
    top = low + int(np.argmax(smooth[low:high]))
    around = round(ATRIA.f_wave_width_hz / hz)
    within = power[round(ATRIA.band_hz[0] / hz) : round(ATRIA.band_hz[1] / hz)].sum()
    if not within > 0:
        return float("nan"), float("nan")
    return float(power[top - around : top + around + 1].sum() / within), float(60 * top * hz)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Spectra:
    """What the correlations of the leads with themselves are summed from, by lead: `power` and `energy` (n_leads, k).

    `energy` is that of the squared lead against the mask of the places between the QRS complexes.
    """

    lags: NDArray[np.int64]
    size: int
    power: NDArray[np.float64]
    energy: NDArray[np.complex128]

    @classmethod
    def of(cls, part: Thinned) -> _Spectra | None:
        """Return them; None where too little lies between the QRS complexes."""
        free = part.between
        if free.sum() < ATRIA.least_free_s * part.fs:
            return None
        lags = np.arange(
            int(ATRIA.flutter_s[0] / 2 * part.fs) - 1, int(2 * ATRIA.flutter_s[1] * part.fs) + FLUTTER_REACH + 3
        )
        size = 1 << int(np.ceil(np.log2(len(free) + lags[-1] + 1)))
        at = np.arange(len(free))
        rows = np.array([np.interp(at, at[free], row[free]) for row in part.signal])
        rows -= smooth_leads(rows, ATRIA.flutter_wander_s, part.fs)
        rows[:, ~free] = 0.0
        mask = np.fft.rfft(free.astype(np.float64), size)
        return cls(
            lags=lags,
            size=size,
            power=np.square(np.abs(np.fft.rfft(rows, size))),
            energy=np.conj(np.fft.rfft(np.square(rows), size)) * mask,
        )


def _flutter(part: Thinned, spectra: _Spectra, rows: NDArray[np.int64]) -> tuple[float, float]:
    """Return evenness and waves per minute of the flutter waves in some leads, taken together."""
    lags, size = spectra.lags, spectra.size
    above = np.fft.irfft(spectra.power[rows].sum(axis=0), size)[lags]
    energy = np.fft.irfft(spectra.energy[rows].sum(axis=0), size)
    alike = above / np.sqrt(np.maximum(energy[lags] * energy[-lags], 1e-18))
    best, bpm = 0.0, float("nan")
    for k in range(int(ATRIA.flutter_s[0] * part.fs), int(ATRIA.flutter_s[1] * part.fs) + 1):
        i, half, twice = k - lags[0], k // 2 - lags[0], 2 * k - lags[0]
        if alike[i] < max(alike[i - 1], alike[i + 1]) or min(alike[half], alike[half + 1]) > ATRIA.flutter_opposite:
            continue
        second = twice - FLUTTER_REACH + int(np.argmax(alike[twice - FLUTTER_REACH : twice + FLUTTER_REACH + 1]))
        even = min(float(alike[i]), float(alike[second]))
        if even > best:
            # T waves pull the first peak more than the second.
            best, bpm = even, 120 * part.fs / (second + lags[0] + _vertex(alike[second - 1 : second + 2]))
    return best, bpm


def _vertex(three: NDArray[np.float64]) -> float:
    """Return where between its neighbours the parabola through three values is highest, -0.5 to 0.5."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(np.clip(0.5 * (three[0] - three[2]) / bend, -0.5, 0.5)) if bend < 0 else 0.0
