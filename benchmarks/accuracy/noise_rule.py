"""How beats in noise are judged: the limits of its rules on simulated hearts in noise of known kinds, seeded.

No recording of a patient is used: ``python -m benchmarks.accuracy.noise_rule`` prints, for limits around those of the
table of parameters, missed and false beats over three kinds of noise at five levels and without noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecg_engine.detection._machine import Machine, rules_for
from ecg_engine.detection.parameters import QRS
from ecg_engine.evaluation.beats import match_marks
from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, simulate

FS = 250.0
#: Hearts are drawn so many times as finely and resampled, as a device does: else of a spike of 2 ms all or nothing is
#: seen.
FINER = 8
LENGTH_S = 60.0
#: Signal to noise, dB, as the noise stress test has it: a QRS of p mV peak to peak has the power p * p / 8.
LEVELS = (None, 24.0, 18.0, 12.0, 6.0, 0.0)
KINDS = ("muscle", "motion", "steps")
FLOOR_MV = 0.1


def hearts(rng: np.random.Generator) -> dict[str, EcgSpec]:
    """Return rhythms from slow to fast, even and uneven, narrow and wide, and early beats with and without a pause."""
    out = {k: PRESETS[k] for k in ("normal", "bradycardia", "fibrillation", "tachycardia", "lbbb", "paced")}
    base = PRESETS["normal"]
    for name, kind, early, pause in (("ventricular", "V", 0.55, 1.35), ("atrial", "N", 0.62, 1.1)):
        rr: list[float] = []
        kinds: list[str] = []
        while len(rr) < 200:
            plain = int(rng.integers(2, 9))
            rr += [0.8 * float(rng.normal(1, 0.02)) for _ in range(plain)] + [0.8 * early, 0.8 * pause]
            kinds += ["N"] * (plain + 1) + [kind]
        out[name] = EcgSpec(axis_deg=base.axis_deg, rr_s=tuple(rr), kinds=tuple(kinds))
    return out


def noise(kind: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise of unit mean square about its mean.

    "muscle": normal, 20 to 100 Hz, its strength swelling over seconds; "motion": half waves of 60 to 500 ms, one and a
    half a second, of normal height, as of skin that is stretched; "steps": jumps that die away within 0.1 to 1 s, one
    a second, as of an electrode's half cell potential.
    """
    t = np.arange(n) / FS
    x = np.zeros(n)
    if kind == "muscle":
        spectrum = np.fft.rfft(rng.standard_normal(n))
        hz = np.fft.rfftfreq(n, 1 / FS)
        spectrum[(hz < 20) | (hz > 100)] = 0
        x = np.fft.irfft(spectrum, n) * np.exp(0.5 * np.interp(t, np.arange(0, 99, 2.0), rng.standard_normal(50)))
    elif kind == "motion":
        for at in rng.uniform(0, t[-1], int(1.5 * t[-1])):
            wide = 0.06 * (0.5 / 0.06) ** rng.random()
            inside = (t >= at) & (t < at + wide)
            x[inside] += rng.standard_normal() * np.sin(np.pi * (t[inside] - at) / wide)
    else:
        for at in rng.uniform(0, t[-1], int(t[-1])):
            gone = np.maximum(0.0, t - at)
            x += (
                rng.standard_normal()
                * (t >= at)
                * (1 - np.exp(-gone / 0.01))
                * np.exp(-gone / 10 ** rng.uniform(-1, 0))
            )
    x -= x.mean()
    return x / np.sqrt((x * x).mean())


def signals(seed: int) -> Iterator[tuple[str, float | None, NDArray[np.float64], NDArray[np.int64]]]:
    """Yield the kind of noise, its level, the lead and its R peaks."""
    rng = np.random.default_rng(seed)
    for spec in hearts(rng).values():
        ecg, truth = simulate(spec, fs=FINER * FS, duration_s=LENGTH_S, rng=rng)
        r_peaks = np.asarray(truth.r_peaks) // FINER
        for lead in ("II", "V1"):
            clean = resample_poly(np.asarray(ecg[LEADS.index(lead)], np.float64), 1, FINER)
            half = round(0.06 * FS)
            power = np.median([np.ptp(clean[max(0, r - half) : r + half]) for r in r_peaks]) ** 2 / 8
            for kind in KINDS:
                one = noise(kind, len(clean), rng)
                for level in LEVELS:
                    if level is None and kind != KINDS[0]:
                        continue
                    share = 0.0 if level is None else np.sqrt(power * 10 ** (-level / 10))
                    yield kind if level is not None else "none", level, clean + share * one, r_peaks


def counts(made: list[Any], **changes: float) -> dict[Any, NDArray[np.int64]]:
    """Return beats, missed and false by kind and by level."""
    rules = rules_for(FS, FLOOR_MV)[0]._replace(**changes)
    out: dict[Any, NDArray[np.int64]] = {}
    for kind, level, x, r_peaks in made:
        machine = Machine(1, FS, FLOOR_MV)
        machine._table = np.array(rules)
        found = machine.feed(x[np.newaxis], 0, len(x), final=True)
        paired = len(match_marks(r_peaks, found, window=round(0.15 * FS))[0])
        one = np.array((len(r_peaks), len(r_peaks) - paired, len(found) - paired))
        for key in (kind, level, "all"):
            out[key] = out.get(key, 0) + one
    return out


def around() -> Iterator[tuple[str, dict[str, float]]]:
    """Yield a name and a change for limits around those of the table of parameters, one at a time."""
    for name, values in (
        ("noisy", (0.06, 0.08, 0.12, 0.15)),
        ("noisy_share", (0.85, 0.95, 1.0)),
        ("sharp_noise", (0.15, 0.2, 0.25, 0.3, np.inf)),
        ("sharp_most", (2.0, 4.0, 10.0, np.inf)),
        ("sharp_quiet", (1.0, 1.6, np.inf)),
        ("strong", (0.12, 0.18, 0.22, np.inf)),
        ("together", (0.5, 1.0, 2.0)),
        ("most_spread", (0.1, 0.15, 0.3)),
        ("least_spread", (0.05, 0.2)),
        ("top_odds", (2.5, 4.5)),
        ("noise_odds", (4.0, 8.0)),
        ("height_odds", (4.0, 8.0)),
        ("unlikely", (-2.5, -6.0)),
        ("odd", (-1.0, -3.0)),
    ):
        for value in values:
            if name == "together":  # s; the machine counts thinned samples
                yield f"`together_s` {value:g}, not {QRS.together_s:g}", {name: value * FS}
            else:
                yield f"`{name}` {value:g}, not {getattr(QRS, name):g}", {name: value}


def main() -> None:
    made = [one for seed in (1, 2, 3, 4) for one in signals(seed)]
    print(f"{len(made)} leads of {LENGTH_S:g} s\n")
    print("| | missed | false | of these at 12 dB |\n|---|--:|--:|--:|")
    for name, change in (("no rule of noise", {"noisy": np.inf, "strong": np.inf}), ("as set", {}), *around()):
        of = counts(made, **change)
        print(f"| {name} | {of['all'][1]} | {of['all'][2]} | {of[12.0][2]} |")
    of = counts(made)
    beats, missed, false = of["none"]
    print(f"\nWithout noise: {missed} missed, {false} false of {beats}.")


if __name__ == "__main__":
    main()
