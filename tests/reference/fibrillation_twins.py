"""Slow, plain versions of the kernels of fast ventricular rhythms, as their definitions read."""

from __future__ import annotations

import numpy as np


def likeness(signal, template, least, most):
    out = np.zeros_like(signal)
    width = template.shape[1]
    for lead, (row, shape) in enumerate(zip(signal, template, strict=True)):
        norm = np.sqrt((shape**2).sum())
        for i in range(len(row) - width + 1):
            part = row[i : i + width] - row[i : i + width].mean()
            size = np.sqrt((part**2).sum())
            if norm > 0 and size > 0 and least * norm <= size <= most * norm:
                out[lead, i] = max(0.0, part @ shape / (size * norm))
    return out


def leakage(x):
    """Kuo and Dillman: N = pi sum|x| / sum|dx|, half a period; what x(t) + x(t - N) leaves of |x(t)| + |x(t - N)|."""
    total, change = np.abs(x[1:]).sum(), np.abs(np.diff(x)).sum()
    if total == 0 or change == 0:
        return 1.0
    half = max(1, int(np.pi * total / change + 0.5))
    if half >= len(x):
        return 1.0
    left, whole = np.abs(x[half:] + x[: len(x) - half]).sum(), (np.abs(x[half:]) + np.abs(x[: len(x) - half])).sum()
    return left / whole if whole > 0 else 1.0


def window_measures(main, fast, slow, width, step, count):
    rows = []
    for w in range(count):
        part = slice(w * step, w * step + width)
        m = main[part]
        square = (m**2).mean()
        kurtosis = (m**4).mean() / square**2 if (m**2).sum() > 0 else 0.0
        swing = np.ptp(slow[part])
        rows.append([np.sqrt(square), np.sqrt((fast[part] ** 2).mean()), swing, leakage(m), kurtosis, np.abs(m).max()])
    return np.array(rows)


def evenness(main, size, width, step, every, first, last):
    rows = []
    for w, sizes in enumerate(size):
        parts = [row[w * step : w * step + width // every * every : every] for row in main]
        parts = [p - p.mean() for p, s in zip(parts, sizes, strict=True) if s > 0]
        parts = [p / np.sqrt((p**2).sum()) for p in parts if (p**2).sum() > 0]
        if not parts:
            rows.append([0.0, 0.0, 0.0])
            continue
        n = len(parts[0])
        joint = np.array([np.mean([(p[: n - k] @ p[k:]) * n / (n - k) for p in parts]) for k in range(last + 2)])
        peaks = [k for k in range(first, last + 1) if joint[k] > 0 and joint[k] >= max(joint[k - 1], joint[k + 1])]
        best = max(peaks, key=lambda k: joint[k], default=0)
        pairs = [abs(a @ b) for i, a in enumerate(parts) for b in parts[i + 1 :]]
        rows.append([joint[best] if best else 0.0, best * every, np.mean(pairs) if pairs else 0.0])
    return np.array(rows)


def window_maxima(x, width, step, reach, count):
    return np.array([max(0.0, x[w * step : w * step + width - reach + 1].max()) for w in range(count)])
