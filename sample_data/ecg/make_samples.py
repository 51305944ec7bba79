"""Make the sample ECGs again: ``python sample_data/ecg/make_samples.py`` from the repository root.

All but the four real ones are simulated, so that the truth is known: twelve-lead ones by the analytic model in
``tests/reference/ecg_model.py``, the 30-minute one by NeuroKit2's ECGSYN with premature beats of that model put in.
Every file has a seed of its own, and all are written with `ecg_engine.write_ecg`. The four real ones come out of
PTB-XL in the folder that ``ECG_ENGINE_DATA`` names; without it the committed files stay as they are.

``truth.json`` says what each file is; ``README.md`` explains it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import ecg_engine as ee

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "reference"))

from ecg_model import LEADS, MARKS, PRESETS, EcgSpec, EcgTruth, Noise, beat_dipole, lead_signals, simulate, swap_arms  # noqa: E402

Floats = NDArray[np.float64]

#: Step of every sample, mV.
LSB_MV: Final = 0.001
FS: Final = 500
DURATION_S: Final = 10
START: Final = datetime(2026, 1, 15, 9, 30)

#: What an amplifier and a calm patient leave in any recording.
CALM: Final = Noise(muscle_mv=0.006, wander_mv=0.03)

#: Whatever must not be said of a sample unless its row allows it.
ALARMS: Final = (
    "sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia", "atrial_fibrillation",
    "atrial_flutter", "atrial_rhythm", "supraventricular_tachycardia", "ventricular_tachycardia",
    "ventricular_fibrillation", "asystole", "pause", "undetermined_rhythm", "bradycardia", "tachycardia",
    "premature_atrial_complex", "premature_ventricular_complex", "av_block_1", "av_block_2_mobitz_1",
    "av_block_2_mobitz_2", "av_block_3", "preexcitation", "paced_rhythm", "rbbb_complete", "lbbb_complete", "ivcd",
    "wide_qrs", "axis_left", "axis_right", "axis_extreme", "st_elevation", "st_elevation_mi", "qt_prolonged",
    "lead_reversal", "lead_flat", "lead_noisy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One simulated twelve-lead file.

    Parameters
    ----------
    file : str
        Its suffix is its format.
    what : str
        For people.
    seed : int
    spec : EcgSpec
    patient : ee.Patient
    must, may : tuple of str
        Statement codes that must and that may be said; all other `ALARMS` must not.
    after : callable, optional
        What the electrodes did to the (12, n) signal.
    flat, noisy : tuple of str
        Leads without signal, leads too noisy to read.
    axis_known : bool
        False where the recorded axis is not the heart's.
    """

    file: str
    what: str
    seed: int
    spec: EcgSpec
    patient: ee.Patient
    must: tuple[str, ...]
    may: tuple[str, ...] = ()
    after: Callable[[Floats], Floats] | None = None
    flat: tuple[str, ...] = ()
    noisy: tuple[str, ...] = ()
    axis_known: bool = True


def _v3_off(signal: Floats) -> Floats:
    """Return the leads with electrode V3 not connected: the device writes zeros."""
    out = signal.copy()
    out[LEADS.index("V3")] = 0.0
    return out


def _person(name: str, age: int, sex: str, number: int, **more: Any) -> ee.Patient:
    return ee.Patient(id=f"SAMPLE-{number:03d}", name=name, age_years=age, sex=sex, **more)


#: Strong interference at two chest electrodes, a loose left arm that only wanders.
_NOISY: Final = (
    CALM,
    Noise(muscle_mv=0.22, mains_mv=0.15, wander_mv=0.35, electrodes=("V2",)),
    Noise(muscle_mv=0.08, mains_mv=0.35, wander_mv=0.25, electrodes=("V5",)),
    Noise(muscle_mv=0.012, wander_mv=0.25, electrodes=("LA",)),
)

SAMPLES: Final = (
    Sample(
        file="normal.hea",
        what="normal ECG, sinus rhythm 70 a minute that breathes a little",
        seed=101,
        spec=PRESETS["normal"],
        patient=_person("Образец Норма Ивановна", 34, "F", 1),
        must=("sinus_rhythm",),
    ),
    Sample(
        file="sinus_bradycardia.csv",
        what="sinus bradycardia, 46 a minute",
        seed=102,
        spec=PRESETS["bradycardia"],
        patient=_person("Образец Медленный Пульсович", 41, "M", 2),
        must=("sinus_bradycardia",),
        may=("sinus_rhythm",),
    ),
    Sample(
        file="sinus_tachycardia.edf",
        what="sinus tachycardia, 112 a minute",
        seed=103,
        spec=PRESETS["tachycardia"],
        patient=_person("Sample Tachycardia", 29, "F", 3),
        must=("sinus_tachycardia",),
        may=("sinus_rhythm",),
    ),
    Sample(
        file="atrial_fibrillation.edf",
        what="atrial fibrillation: f waves in V1 and the inferior leads, no P, irregular",
        seed=104,
        spec=PRESETS["fibrillation"],
        patient=_person("Sample Fibrillation", 73, "M", 4),
        must=("atrial_fibrillation",),
    ),
    Sample(
        file="av_block_1.hea",
        what="first-degree AV block: PR 260 ms",
        seed=105,
        spec=PRESETS["av_block_1"],
        patient=_person("Образец Блокада Первая", 66, "M", 5),
        must=("sinus_rhythm", "av_block_1"),
    ),
    Sample(
        file="lbbb.dcm",
        what="complete left bundle branch block: QRS 152 ms, notched R in I and V6, QS in V1",
        seed=106,
        spec=PRESETS["lbbb"],
        patient=_person("Образец Левая Ножковна", 71, "F", 6),
        must=("sinus_rhythm", "lbbb_complete"),
        may=("wide_qrs", "st_elevation"),
    ),
    Sample(
        file="rbbb.dcm",
        what="complete right bundle branch block: QRS 142 ms, rSR' in V1, broad S in I and V6",
        seed=107,
        spec=PRESETS["rbbb"],
        patient=_person("Sample Rightbundle", 63, "M", 7),
        must=("sinus_rhythm", "rbbb_complete"),
        may=("wide_qrs",),
    ),
    Sample(
        file="inferior_st_elevation.dcm",
        what="acute inferior injury: ST elevation in II, III, aVF, depression in I and aVL",
        seed=108,
        spec=PRESETS["inferior_injury"],
        patient=_person("Образец Нижний Инфарктович", 58, "M", 8, complaint="Chest pain for two hours"),
        must=("sinus_rhythm", "st_elevation_mi"),
        may=("st_elevation",),
    ),
    Sample(
        file="left_axis.csv",
        what="left axis deviation: -50 degrees, QRS not wide",
        seed=109,
        spec=PRESETS["left_axis"],
        patient=_person("Образец Ось Левая", 55, "F", 9),
        must=("sinus_rhythm", "axis_left"),
    ),
    Sample(
        file="noisy.hea",
        what="a normal ECG with muscle and mains noise in V2 and V5, and a wandering left arm",
        seed=110,
        spec=replace(PRESETS["normal"], heart_rate_bpm=76.0, noise=_NOISY),
        patient=_person("Sample Noisy", 47, "M", 10),
        must=("sinus_rhythm", "lead_noisy"),
        noisy=("V2", "V5"),
    ),
    Sample(
        file="flat_lead.edf",
        what="a normal ECG with electrode V3 off",
        seed=111,
        spec=replace(PRESETS["normal"], heart_rate_bpm=66.0, axis_deg=42.0),
        patient=_person("Sample Flatlead", 38, "F", 11),
        must=("sinus_rhythm", "lead_flat"),
        after=_v3_off,
        flat=("V3",),
    ),
    Sample(
        file="swapped_arms.hea",
        what="a normal ECG recorded with the electrodes of the arms exchanged",
        seed=112,
        spec=replace(PRESETS["normal"], heart_rate_bpm=72.0, axis_deg=45.0),
        patient=_person("Образец Руки Накрест", 26, "M", 12),
        must=("lead_reversal",),
        may=("sinus_rhythm", "undetermined_rhythm", "axis_right", "axis_extreme"),
        after=swap_arms,
        axis_known=False,
    ),
    Sample(
        file="paced.dcm",
        what="ventricular pacing at 70 a minute: 2 ms pulses, QRS 172 ms, no P waves",
        seed=113,
        spec=PRESETS["paced"],
        patient=_person("Sample Paced", 80, "F", 13, pacemaker=True),
        must=("paced_rhythm",),
        may=("wide_qrs", "axis_left"),
    ),
)

#: The 30-minute recording.
LONG_FILE: Final = "long_30min.hea"
LONG_SEED: Final = 131
LONG_FS: Final = 128
LONG_S: Final = 1800
#: Start and end of its noisy stretch, s.
LONG_NOISE_S: Final = (720, 780)

#: Angle, degrees, height and width, rad, of ECGSYN's P, Q, R, S, T. Its own make a QRS of 130 ms and a PR above 200 ms.
LONG_WAVES: Final = {
    "ti": (-60, -11, 0, 11, 95),
    "ai": (0.77, -5.0, 30.0, -7.5, 0.61),
    "bi": (0.2, 0.085, 0.09, 0.085, 0.35),
}

#: File, PTB-XL's ecg_id, what, must, must not.
REAL: Final = (
    (
        "ptbxl/normal_00437.hea",
        437,
        "normal ECG, sinus rhythm",
        ("sinus_rhythm",),
        ("atrial_fibrillation", "paced_rhythm", "av_block_1", "rbbb_complete", "lbbb_complete", "wide_qrs",
         "st_elevation_mi", "lead_reversal", "lead_flat", "axis_left", "axis_right"),
    ),
    (
        "ptbxl/atrial_fibrillation_00330.edf",
        330,
        "atrial fibrillation, otherwise nothing definite",
        ("atrial_fibrillation",),
        ("sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia", "av_block_1", "paced_rhythm",
         "rbbb_complete", "lbbb_complete", "wide_qrs", "st_elevation_mi", "lead_reversal", "lead_flat"),
    ),
    (
        "ptbxl/lbbb_00338.dcm",
        338,
        "complete left bundle branch block, sinus rhythm",
        ("sinus_rhythm", "lbbb_complete"),
        ("atrial_fibrillation", "paced_rhythm", "av_block_1", "rbbb_complete", "st_elevation_mi", "lead_reversal",
         "lead_flat"),
    ),
    (
        "ptbxl/inferior_infarction_00139.hea",
        139,
        "inferior infarction of unknown age, sinus rhythm",
        ("sinus_rhythm",),
        ("atrial_fibrillation", "paced_rhythm", "rbbb_complete", "lbbb_complete", "lead_reversal", "lead_flat"),
    ),
)  # fmt: skip


def quantise(signal: Floats) -> Floats:
    """Round (12, n) leads to `LSB_MV`, I and II to an even number of steps, so that Einthoven's law stays exact."""
    steps = np.rint(signal / LSB_MV)
    one, two = (2 * np.rint(signal[i] / (2 * LSB_MV)) for i in (0, 1))
    steps[:6] = one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2
    return np.asarray(steps * LSB_MV)


def _recording(signal: Floats, fs: float, leads: tuple[str, ...], patient: ee.Patient, **more: Any) -> ee.Recording:
    source = more.pop("source", None) or ee.Source(device="Simulated", lsb_mv=(LSB_MV,) * len(leads))
    return ee.Recording(signal=signal, fs=fs, leads=leads, patient=patient, source=source, **more)


def _rounded(values: Floats, digits: int) -> list[float | None]:
    return [round(float(v), digits) if np.isfinite(v) else None for v in values]


def make_simulated(sample: Sample) -> tuple[ee.Recording, dict[str, Any]]:
    """Return one simulated twelve-lead recording and its row of the truth."""
    spec = sample.spec if sample.spec.noise else replace(sample.spec, noise=(CALM,))
    spec = replace(spec, breathing=0.02)
    signal, truth = simulate(spec, fs=FS, duration_s=DURATION_S, rng=np.random.default_rng(sample.seed))
    signal = quantise(signal)
    if sample.after is not None:
        signal = sample.after(signal)
    recording = _recording(signal, FS, LEADS, sample.patient, start=START)
    row = {
        "what": sample.what,
        "made_by": "tests/reference/ecg_model.py",
        "seed": sample.seed,
        **_shape(sample.file, recording),
        "heart_rate_bpm": round(truth.heart_rate_bpm, 2),
        "rr_ms": [round(1000 * float(rr), 1) for rr in truth.rr_s],
        "r_peaks": truth.r_peaks.tolist(),
        "p_ms": truth.p_ms,
        "pr_ms": truth.pr_ms,
        "qrs_ms": truth.qrs_ms,
        "qt_ms": _digits(truth.qt_ms, 1),
        "axis_deg": round(truth.axis_deg, 1) if sample.axis_known else None,
        "axis_peak_deg": _digits(truth.axis_peak_deg, 1) if sample.axis_known else None,
        "st_mv": {name: round(float(v), 3) for name, v in zip(LEADS, _recorded_st(sample, truth), strict=True)},
        "pacing_spikes": np.rint(truth.spikes_s * FS).astype(int).tolist(),
        "flat_leads": list(sample.flat),
        "noisy_leads": list(sample.noisy),
        "must": list(sample.must),
        "may": list(sample.may),
        "must_not": [code for code in ALARMS if code not in sample.must + sample.may],
        "marks_s": {name: _rounded(truth.seconds(name), 4) for name in MARKS},
    }
    return recording, row


def _digits(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _recorded_st(sample: Sample, truth: EcgTruth) -> Floats:
    st = truth.st_mv[:, np.newaxis]
    return (sample.after(st) if sample.after else st)[:, 0] + 0.0


def _shape(file: str, recording: ee.Recording) -> dict[str, Any]:
    names = {".hea": "wfdb", ".edf": "edf", ".dcm": "dicom", ".csv": "csv"}
    patient = recording.patient
    return {
        "format": names[Path(file).suffix],
        "fs": recording.fs,
        "leads": list(recording.leads),
        "n_samples": recording.n_samples,
        "patient": {"id": patient.id, "name": patient.name, "age_years": patient.age_years, "sex": patient.sex},
    }


def make_long() -> tuple[ee.Recording, dict[str, Any]]:
    """Return the 30-minute lead II and its row: ECGSYN's beats, some replaced by premature ventricular ones."""
    import neurokit2 as nk
    from scipy.signal import find_peaks

    rng = np.random.default_rng(LONG_SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = np.asarray(
            nk.ecg_simulate(
                duration=LONG_S, sampling_rate=LONG_FS, heart_rate=72, heart_rate_std=2, method="ecgsyn", noise=0,
                random_state=LONG_SEED, ti=LONG_WAVES["ti"], ai=LONG_WAVES["ai"], bi=LONG_WAVES["bi"],
            ),
            np.float64,
        )  # fmt: skip
    # Nothing but an R wave comes near the top in this noiseless signal. ECGSYN's range is set by its first samples:
    # R waves of 0.9 mV over a level of zero are wanted.
    clean -= np.median(clean)
    high = 0.5 * np.quantile(clean, 0.99)
    r_peaks = np.asarray(find_peaks(clean, height=high, distance=0.4 * LONG_FS)[0], np.int64)
    clean *= 0.9 / np.median(clean[r_peaks])
    rr_s = np.diff(r_peaks) / LONG_FS
    if rr_s.min() < 0.6 or rr_s.max() > 1.1:
        # Its integration can step over a narrow R wave.
        raise RuntimeError("ECGSYN left out a beat; choose another LONG_SEED")
    t_s = np.arange(clean.size) / LONG_FS
    kinds = np.full(r_peaks.size, "N")
    peaks = r_peaks.copy()
    ventricular = PRESETS["normal"]
    chosen = np.sort(rng.choice(np.arange(10, r_peaks.size - 10, 12), 45, replace=False))
    for i in chosen:
        rr = (r_peaks[i] - r_peaks[i - 1]) / LONG_FS
        # From the end of the T wave before it to the P wave behind it nothing is left of the sinus beat.
        begin = r_peaks[i - 1] + round(0.52 * rr * LONG_FS)
        end = r_peaks[i + 1] - round(0.26 * rr * LONG_FS)
        clean[begin:end] = np.linspace(clean[begin], clean[end], end - begin, endpoint=False)
        # Coupled at 0.62 to 0.68 of the interval, and a full compensatory pause behind.
        onset = r_peaks[i - 1] / LONG_FS + rng.uniform(0.58, 0.63) * rr
        dipole = beat_dipole(t_s[begin - 64 : end + 64], ventricular, qrs_onset_s=onset, qt_ms=430.0, kind="V")
        beat = lead_signals(dipole)[1]
        clean[begin - 64 : end + 64] += beat
        peaks[i] = begin - 64 + int(np.argmax(beat))
        kinds[i] = "V"
    signal = clean.copy()
    wander = 0.05 * np.sin(2 * np.pi * 0.21 * t_s) + 0.04 * np.sin(2 * np.pi * 0.034 * t_s + 1)
    signal += wander + 0.006 * rng.standard_normal(signal.size)
    a, b = (s * LONG_FS for s in LONG_NOISE_S)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal[a:b] = nk.signal_distort(
            signal[a:b], sampling_rate=LONG_FS, noise_amplitude=1.6, noise_frequency=[8, 20, 45],
            artifacts_amplitude=1.5, artifacts_number=12, artifacts_frequency=1, random_state=LONG_SEED, silent=True,
        )  # fmt: skip
    signal[a:b] += 0.08 * rng.standard_normal(b - a)
    signal = np.rint(signal / LSB_MV) * LSB_MV
    recording = _recording(
        signal[np.newaxis],
        LONG_FS,
        ("II",),
        _person("Sample Holter", 52, "F", 14),
        start=START,
        annotations=tuple(ee.Annotation(sample=int(p), symbol=str(k)) for p, k in zip(peaks, kinds, strict=True)),
    )
    rr_s = np.diff(peaks) / LONG_FS
    row = {
        "what": f"30 min of lead II at {LONG_FS} Hz, sinus rhythm 72 a minute, {chosen.size} premature ventricular"
        f" beats, noise from {LONG_NOISE_S[0]} to {LONG_NOISE_S[1]} s",
        "made_by": "neurokit2 (ecgsyn, signal_distort); premature beats of tests/reference/ecg_model.py",
        "seed": LONG_SEED,
        **_shape(LONG_FILE, recording),
        "heart_rate_bpm": round(float(60 / rr_s.mean()), 2),
        "rr_ms": None,
        "r_peaks": peaks.tolist(),
        "ventricular_beats": chosen.tolist(),
        "noise_s": list(LONG_NOISE_S),
        "p_ms": None,
        "pr_ms": None,
        "qrs_ms": None,
        "qt_ms": None,
        "axis_deg": None,
            "axis_peak_deg": None,
        "flat_leads": [],
        "noisy_leads": [],
        "must": ["sinus_rhythm"],
        "may": [],
        "must_not": ["atrial_fibrillation", "asystole", "av_block_1", "wide_qrs", "paced_rhythm", "lead_flat",
                     "lead_reversal", "ventricular_fibrillation", "st_elevation_mi"],
    }  # fmt: skip
    return recording, row


def make_real(data: Path) -> list[tuple[str, ee.Recording, dict[str, Any]]]:
    """Return the four recordings of PTB-XL with their rows: samples unchanged, patient and date left out."""
    import csv

    import neurokit2 as nk

    folder = data / "ecg" / "ptbxl"
    stored = np.load(folder / "raw_500hz.npz")
    with (folder / "raw_500hz.csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row["ecg_id"]): row for row in csv.DictReader(file)}
    out = []
    for name, ecg_id, what, must, must_not in REAL:
        steps = stored["x"][np.flatnonzero(stored["ecg_id"] == ecg_id)[0]]
        signal = steps.astype(np.float64) / float(stored["gain_per_mV"])
        about = rows[ecg_id]
        patient = ee.Patient(
            id=f"PTB-XL {ecg_id}",
            age_years=float(about["age"]),
            sex="F" if about["sex"] == "1" else "M",
        )
        source = ee.Source(device=" ".join(about["device"].split()), lsb_mv=(LSB_MV,) * 12)
        recording = _recording(signal, FS, LEADS, patient, source=source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The size of the heart's vector over all leads: no lead of a bundle branch block is large by itself.
            band = np.array([nk.signal_filter(row, sampling_rate=FS, lowcut=5, highcut=25) for row in signal])
            size = np.sqrt((band**2).sum(axis=0))
            peaks = np.asarray(nk.ecg_peaks(size, sampling_rate=FS)[1]["ECG_R_Peaks"], np.int64)
        rr_s = np.diff(peaks) / FS
        row = {
            "what": what,
            "made_by": f"PTB-XL 1.0.3, ecg_id {ecg_id}, records500; see ptbxl/ATTRIBUTION.md",
            "seed": None,
            **_shape(name, recording),
            "scp_codes": about["scp_codes"],
            "validated_by_human": about["validated_by_human"] == "True",
            "r_peaks_by": "neurokit2 on the root mean square of the leads, looked at",
            "heart_rate_bpm": round(float(60 / rr_s.mean()), 2),
            "rr_ms": [round(1000 * float(rr), 1) for rr in rr_s],
            "r_peaks": peaks.tolist(),
            "p_ms": None,
            "pr_ms": None,
            "qrs_ms": None,
            "qt_ms": None,
            "axis_deg": None,
            "axis_peak_deg": None,
            "flat_leads": [],
            "noisy_leads": [],
            "must": list(must),
            "may": [],
            "must_not": list(must_not),
        }
        out.append((name, recording, row))
    return out


def write_truth(truth: dict[str, Any], path: Path) -> None:
    """Write the truth as JSON that people can read: a list of numbers stays on one line."""
    text = json.dumps(truth, indent=2, ensure_ascii=False)
    text = re.sub(
        r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s*\n\s*", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text
    )
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def make(out: Path, *, data: Path | None = None, only: Collection[str] | None = None) -> dict[str, Any]:
    """Write the samples into a folder.

    Parameters
    ----------
    out : Path
        Made where it is not there.
    data : Path, optional
        Where PTB-XL is; None leaves the real ones out.
    only : collection of str, optional
        File names; None for all.

    Returns
    -------
    dict
        The rows of the truth, by file name.
    """
    out.mkdir(parents=True, exist_ok=True)
    truth: dict[str, Any] = {}
    made: list[tuple[str, Callable[[], tuple[ee.Recording, dict[str, Any]]]]] = [
        (sample.file, lambda sample=sample: make_simulated(sample)) for sample in SAMPLES
    ]
    made.append((LONG_FILE, make_long))
    for name, function in made:
        if only is None or name in only:
            recording, truth[name] = function()
            ee.write_ecg(recording, out / name)
    if data is not None:
        (out / "ptbxl").mkdir(exist_ok=True)
        for name, recording, row in make_real(data):
            if only is None or name in only:
                ee.write_ecg(recording, out / name)
                truth[name] = row
    return truth


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into (default: where this script is)")
    arguments = parser.parse_args()
    where = os.environ.get("ECG_ENGINE_DATA")
    data = Path(where) if where and (Path(where) / "ecg" / "ptbxl" / "raw_500hz.npz").is_file() else None
    truth = make(arguments.out, data=data)
    if data is None:
        print("ECG_ENGINE_DATA names no PTB-XL: the real recordings in ptbxl/ stay as they are")
        before = HERE / "truth.json"
        known = json.loads(before.read_text(encoding="utf-8")) if before.is_file() else {}
        truth |= {name: row for name, row in known.items() if name.startswith("ptbxl/")}
    write_truth(truth, arguments.out / "truth.json")
    size = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file())
    print(f"{len(truth)} recordings in {arguments.out}, {size / 1e6:.2f} MB in the folder")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
