"""Windows of beats: cut, smoothed, weighed and described in one pass each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.kernels._jit import f8_2d_read, f8_2d_write, f8_read, f8_write, helper, i8, i8_read, kernel


@helper
def _smoothed_into(
    row: NDArray[np.float64], low: int, high: int, width: int, raw: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write ``row[low:high + 1]`` after two moving means of `width`, around the value at `low`; ends are held."""
    n, half = len(row), width // 2
    # The second mean at `low` begins at `first`, of which the first mean begins at ``first - half``.
    first = low - half
    many = high - low + width
    for k in range(many + width - 1):
        raw[k] = row[min(max(first - half + k, 0), n - 1)] - row[low]
    once = raw[many + width - 1 : 2 * many + width - 1]
    once[:] = 0.0
    for k in range(width):
        for i in range(many):
            once[i] += raw[k + i]
    for i in range(-first):
        once[i] = once[-first]
    for i in range(n - first, many):
        once[i] = once[n - 1 - first]
    for i in range(high - low + 1):
        out[i] = 0.0
    for k in range(width):
        for i in range(high - low + 1):
            out[i] += once[k + i]
    scale = 1.0 / (width * width)
    for i in range(high - low + 1):
        out[i] *= scale


@kernel((f8_2d_read, i8_read, f8_read, i8, f8_2d_write))
def cut_beats_into(
    signal: NDArray[np.float64],
    at: NDArray[np.int64],
    steps: NDArray[np.float64],
    width: int,
    out: NDArray[np.float64],
) -> None:
    """Write each beat's samples at ``at + steps`` (between two, by a line), all leads in one row.

    Each lead is smoothed by two moving means of `width` samples. Each cut has a level of its own.
    Caller guarantees: ``out.shape == (len(at), n_leads * len(steps))``, marks inside, `steps` increase, no NaN.
    """
    n_leads, n = signal.shape
    full = len(steps)
    room = int(steps[full - 1] - steps[0]) + 4
    raw, smooth = np.empty(2 * room + 4 * width), np.empty(room)
    for b in range(len(at)):
        low = min(int(min(max(at[b] + steps[0], 0.0), n - 1.0)), max(0, n - 2))
        high = min(int(min(max(at[b] + steps[full - 1], 0.0), n - 1.0)) + 1, n - 1)
        for lead in range(n_leads):
            _smoothed_into(signal[lead], low, high, width, raw, smooth)
            for k in range(full):
                place = min(max(at[b] + steps[k], 0.0), n - 1.0)
                before = min(int(place), max(0, n - 2))
                part = place - before
                after = min(before + 1, n - 1)
                out[b, lead * full + k] = smooth[before - low] * (1 - part) + smooth[after - low] * part


@helper
def _mean(row: NDArray[np.float64], start: int, stop: int) -> float:
    total = 0.0
    for k in range(start, stop):
        total += row[k]
    return total / (stop - start)


@helper
def _middle(row: NDArray[np.float64], start: int, stop: int, work: NDArray[np.float64]) -> float:
    """Return the median of a part of a row."""
    n = stop - start
    for k in range(n):
        value = row[start + k]
        i = k
        while i > 0 and work[i - 1] > value:
            work[i] = work[i - 1]
            i -= 1
        work[i] = value
    return 0.5 * (work[(n - 1) // 2] + work[n // 2])


@kernel((f8_2d_read, i8, i8, f8_2d_read, f8_2d_write, f8_2d_write))
def leads_alike_into(
    beats: NDArray[np.float64],
    start: int,
    stop: int,
    middle: NDArray[np.float64],
    length: NDArray[np.float64],
    alike: NDArray[np.float64],
) -> None:
    """Write the length of each lead's part of each beat around its mean, and its correlation with the lead's `middle`.

    Caller guarantees: ``length.shape == alike.shape == (n_beats, n_leads)``; rows of `middle` have unit length or 0.
    """
    n_leads = len(middle)
    full = beats.shape[1] // n_leads
    for b in range(len(beats)):
        for lead in range(n_leads):
            first = lead * full + start
            mean = _mean(beats[b], first, first + stop - start)
            square, dot = 0.0, 0.0
            for k in range(stop - start):
                value = beats[b, first + k] - mean
                square += value * value
                dot += value * middle[lead, k]
            length[b, lead] = np.sqrt(square)
            alike[b, lead] = dot / max(np.sqrt(square), 1e-12)


@helper
def _wide(height: NDArray[np.float64], n: int) -> float:
    """Return the root sum of squares over the leads, summed and divided by its highest."""
    total, top = 0.0, 0.0
    for k in range(n):
        value = np.sqrt(height[k])
        total += value
        top = max(top, value)
    return float(total / max(top, 1e-12))


@kernel((f8_2d_read, i8, i8, f8_write))
def widths_into(beats: NDArray[np.float64], n_leads: int, centre: int, out: NDArray[np.float64]) -> None:
    """Write how wide each beat is around `centre`, in samples, against the median of 46 samples of each lead.

    Caller guarantees: ``beats.shape == (n_beats, n_leads * full)``, ``20 <= centre <= full - 26``.
    """
    full = beats.shape[1] // n_leads
    work, height = np.empty(46), np.empty(34)
    for b in range(len(beats)):
        height[:] = 0.0
        for lead in range(n_leads):
            at = lead * full + centre
            level = _middle(beats[b], at - 20, at + 26, work)
            for k in range(34):
                height[k] += (beats[b, at - 14 + k] - level) ** 2
        out[b] = _wide(height, 34)


@kernel((f8_2d_read, i8, i8, i8_read, f8_2d_write))
def shapes_into(
    beats: NDArray[np.float64], n_leads: int, centre: int, shift: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Write each beat's width (samples), the correlation of its QRS areas to its T areas, its noise and its sharpness.

    R stands at ``centre + shift``. Noise and sharpness are root mean squares of the second difference, in the quiet
    parts and in the QRS.
    Caller guarantees: ``out.shape == (n_beats, 4)``, ``full`` samples a lead, 38 of them before R and 60 from R on.
    """
    full = beats.shape[1] // n_leads
    height = np.empty(30)
    for b in range(len(beats)):
        height[:] = 0.0
        both, qrs_square, t_square, noise, sharp = 0.0, 0.0, 0.0, 0.0, 0.0
        for lead in range(n_leads):
            at = lead * full + centre + shift[b]
            level = _mean(beats[b], at - 16, at - 8)
            qrs, t = 0.0, 0.0
            for k in range(30):
                value = beats[b, at - 12 + k] - level
                height[k] += value * value
                qrs += value
                t += beats[b, at + 18 + k] - level
            both += qrs * t
            qrs_square += qrs * qrs
            t_square += t * t
            for k in range(15):
                for first in (at - 35, at + 38):
                    i = first + k
                    noise += (beats[b, i + 2] - 2 * beats[b, i + 1] + beats[b, i]) ** 2
            for i in range(at - 12, at + 16):
                sharp += (beats[b, i + 2] - 2 * beats[b, i + 1] + beats[b, i]) ** 2
        out[b, 0] = _wide(height, 30)
        out[b, 1] = both / max(np.sqrt(qrs_square) * np.sqrt(t_square), 1e-12)
        out[b, 2] = np.sqrt(noise / (30 * n_leads))
        out[b, 3] = np.sqrt(sharp / (28 * n_leads))


@kernel((f8_2d_read, i8, i8, i8_read, f8_2d_write))
def lead_widths_into(
    beats: NDArray[np.float64], n_leads: int, centre: int, shift: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Write each lead's width of each beat, in samples, as `shapes_into` does that of all leads together.

    Caller guarantees: as `shapes_into`; ``out.shape == (n_beats, n_leads)``.
    """
    full = beats.shape[1] // n_leads
    height = np.empty(30)
    for b in range(len(beats)):
        for lead in range(n_leads):
            at = lead * full + centre + shift[b]
            level = _mean(beats[b], at - 16, at - 8)
            for k in range(30):
                height[k] = (beats[b, at - 12 + k] - level) ** 2
            out[b, lead] = _wide(height, 30)


@helper
def _level_part(row: NDArray[np.float64], at: int, out: NDArray[np.float64]) -> None:
    """Write a lead's T wave, from 18 samples after R, around the level before the QRS."""
    level = _mean(row, at - 16, at - 8)
    for k in range(30):
        out[k] = row[at + 18 + k] - level


@helper
def _line_part(row: NDArray[np.float64], at: int, out: NDArray[np.float64]) -> None:
    """Write a lead's P wave, 30 to 10 samples before R, around its own line."""
    mean = _mean(row, at - 30, at - 9)
    slope = 0.0
    for k in range(21):
        slope += (row[at - 30 + k] - mean) * (k - 10) / 10.0
    slope /= 7.7
    for k in range(21):
        out[k] = row[at - 30 + k] - mean - slope * (k - 10) / 10.0


@kernel((f8_2d_read, i8, i8, i8_read, f8_2d_write))
def t_and_p_into(
    beats: NDArray[np.float64], n_leads: int, centre: int, shift: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Write each beat's T wave around its level and P wave around its line: 30 and 21 samples for each lead.

    Caller guarantees: as `shapes_into`; ``out.shape == (n_beats, n_leads * 51)``.
    """
    full = beats.shape[1] // n_leads
    for b in range(len(beats)):
        for lead in range(n_leads):
            at = lead * full + centre + shift[b]
            _level_part(beats[b], at, out[b, lead * 51 : lead * 51 + 30])
            _line_part(beats[b], at, out[b, lead * 51 + 30 : lead * 51 + 51])


@kernel((f8_2d_read, i8, i8, i8_read, f8_read, f8_2d_write))
def t_and_p_alike_into(
    beats: NDArray[np.float64],
    n_leads: int,
    centre: int,
    shift: NDArray[np.int64],
    usual: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write how alike (correlation) each beat's T wave and P wave are to the `usual` ones.

    Caller guarantees: as `shapes_into`; `usual` as a row of `t_and_p_into`; ``out.shape == (n_beats, 2)``.
    """
    full = beats.shape[1] // n_leads
    part = np.empty(51)
    size = np.zeros(2)
    for i in range(len(usual)):
        size[int(i % 51 >= 30)] += usual[i] * usual[i]
    for b in range(len(beats)):
        t_dot, t_square, p_dot, p_square = 0.0, 0.0, 0.0, 0.0
        for lead in range(n_leads):
            at = lead * full + centre + shift[b]
            _level_part(beats[b], at, part[:30])
            _line_part(beats[b], at, part[30:])
            for k in range(30):
                t_dot += part[k] * usual[lead * 51 + k]
                t_square += part[k] * part[k]
            for k in range(30, 51):
                p_dot += part[k] * usual[lead * 51 + k]
                p_square += part[k] * part[k]
        out[b, 0] = t_dot / max(np.sqrt(t_square) * np.sqrt(size[0]), 1e-12)
        out[b, 1] = p_dot / max(np.sqrt(p_square) * np.sqrt(size[1]), 1e-12)


@kernel((f8_2d_read, i8, i8, i8_read, f8_2d_write))
def neighbours_into(
    beats: NDArray[np.float64], n_leads: int, centre: int, shift: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    """Write how alike (correlation) each beat's QRS is to those of the beats 0, 1, 2, 3 and 4 places before it.

    Where there are fewer, NaN. Caller guarantees: as `shapes_into`; ``out.shape == (n_beats, 5)``.
    """
    full = beats.shape[1] // n_leads
    size = n_leads * 30
    held = np.empty((5, size))
    for b in range(len(beats)):
        row = held[b % 5]
        square = 0.0
        for lead in range(n_leads):
            at = lead * full + centre + shift[b] - 12
            mean = _mean(beats[b], at, at + 30)
            for k in range(30):
                value = beats[b, at + k] - mean
                row[lead * 30 + k] = value
                square += value * value
        scale = 1.0 / max(np.sqrt(square), 1e-12)
        for k in range(size):
            row[k] *= scale
        for by in range(5):
            out[b, by] = np.nan
            if by <= b:
                other = held[(b - by) % 5]
                dot = 0.0
                for k in range(size):
                    dot += row[k] * other[k]
                out[b, by] = dot


@kernel((f8_read, i8, f8_write))
def running_median_into(values: NDArray[np.float64], half: int, out: NDArray[np.float64]) -> None:
    """Write the median of the values within `half` either side that are not NaN; NaN without any.

    Caller guarantees: equal lengths.
    """
    n = len(values)
    work = np.empty(2 * half + 2)
    many = 0
    for i in range(-half, n):
        come, gone = i + half, i - half - 1
        if gone >= 0 and not np.isnan(values[gone]):
            k = 0
            while work[k] != values[gone]:
                k += 1
            many -= 1
            while k < many:
                work[k] = work[k + 1]
                k += 1
        if come < n and not np.isnan(values[come]):
            k = many
            while k > 0 and work[k - 1] > values[come]:
                work[k] = work[k - 1]
                k -= 1
            work[k] = values[come]
            many += 1
        if i >= 0:
            out[i] = (work[(many - 1) // 2] + work[many // 2]) / 2 if many else np.nan
