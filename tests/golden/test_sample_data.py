"""The sample ECGs: readable by other people's libraries and ours, true to their model, and read as what they are."""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ecg_engine as ee
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.vocabulary import statements

FOLDER = Path(__file__).resolve().parents[2] / "sample_data" / "ecg"
TRUTH: dict[str, dict[str, Any]] = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
TWELVE = [name for name, row in TRUTH.items() if len(row["leads"]) == 12]
SIMULATED = [name for name in TWELVE if TRUTH[name]["seed"] is not None]
LONG = "long_30min.hea"

#: Acceptable mean differences of global measurements, ms (IEC 60601-2-25:2011, table 201.107, biological ECGs).
IEC_MS = {"pr_ms": 10.0, "qrs_ms": 10.0, "qt_ms": 25.0}


@lru_cache
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", FOLDER / "make_samples.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module
    spec.loader.exec_module(module)
    return module


def read_by_others(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    """Return (n_leads, n) mV, fs and lead names by a library that is not ours."""
    match path.suffix:
        case ".hea":
            import wfdb

            record = wfdb.rdrecord(str(path.with_suffix("")))
            assert set(record.units) == {"mV"}
            return record.p_signal.T, float(record.fs), list(record.sig_name)
        case ".edf":
            import pyedflib

            with pyedflib.EdfReader(str(path)) as file:
                scale = {"mV": 1.0, "uV": 1e-3}
                units = [file.getPhysicalDimension(i) for i in range(file.signals_in_file)]
                rows = [file.readSignal(i) * scale[unit] for i, unit in enumerate(units)]
                names = [label.removeprefix("ECG ").strip() for label in file.getSignalLabels()]
                return np.array(rows), float(file.getSampleFrequency(0)), names
        case ".dcm":
            import pydicom

            data = pydicom.dcmread(path)
            group = data.WaveformSequence[0]
            channels = group.ChannelDefinitionSequence
            scale = {"mV": 1.0, "uV": 1e-3}
            units = [c.ChannelSensitivityUnitsSequence[0].CodeValue for c in channels]
            names = [c.ChannelSourceSequence[0].CodeMeaning.removeprefix("Lead ").partition(",")[0] for c in channels]
            return (
                data.waveform_array(0).T * np.array([[scale[unit]] for unit in units]),
                float(group.SamplingFrequency),
                names,
            )
        case _:
            import pandas as pd

            fs = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# fs: "))
            table = pd.read_csv(path, comment="#")
            names = [str(name).removesuffix(" [mV]") for name in table.columns]
            return table.to_numpy(np.float64).T, float(fs.removeprefix("# fs: ")), names


@lru_cache
def report_of(name: str) -> ee.EcgReport:
    return ee.analyze_ecg(ee.read_ecg(FOLDER / name))


def test_the_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 4_000_000


def test_every_file_has_a_truth_and_every_truth_a_file() -> None:
    data = {".hea", ".edf", ".dcm", ".csv"}
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in data}
    assert files == set(TRUTH)


def test_no_file_names_a_published_patient_number() -> None:
    for name, row in TRUTH.items():
        if row["seed"] is None:
            recording = ee.read_ecg(FOLDER / name)
            assert (recording.patient.name, recording.patient.birth_date) == (None, None)
            assert (recording.patient.id or "").startswith("PTB-XL")


@pytest.mark.parametrize("name", list(TRUTH))
def test_other_libraries_and_ours_read_the_same(name: str) -> None:
    row = TRUTH[name]
    theirs, fs, leads = read_by_others(FOLDER / name)
    ours = ee.read_ecg(FOLDER / name)
    assert (fs, leads, theirs.shape) == (row["fs"], row["leads"], (len(row["leads"]), row["n_samples"]))
    assert (ours.fs, list(ours.leads)) == (fs, leads)
    np.testing.assert_allclose(ours.signal, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", TWELVE)
def test_twelve_leads_of_ten_seconds_that_obey_einthoven(name: str) -> None:
    recording = ee.read_ecg(FOLDER / name)
    assert (recording.leads, recording.fs, recording.n_samples) == (STANDARD_LEADS, 500.0, 5000)
    one, two, three, avr, avl, avf = recording.signal[:6]
    # A real device rounds each lead by itself.
    step = 1e-6 if TRUTH[name]["seed"] is not None else 0.0021
    for what in (one + three - two, avr + (one + two) / 2, avl - (one - two / 2), avf - (two - one / 2)):
        assert np.abs(what).max() < step


@pytest.mark.parametrize("name", list(TRUTH))
def test_the_patient_comes_back(name: str) -> None:
    wanted, patient = TRUTH[name]["patient"], ee.read_ecg(FOLDER / name).patient
    assert (patient.id, patient.age_years, patient.sex) == (wanted["id"], wanted["age_years"], wanted["sex"])
    assert patient.name == wanted["name"]


@pytest.mark.parametrize("name", SIMULATED)
def test_made_again_the_samples_are_the_same(name: str, tmp_path: Path) -> None:
    truth = maker().make(tmp_path, only=[name])
    assert json.loads(json.dumps(truth[name])) == TRUTH[name]
    again, _, _ = read_by_others(tmp_path / name)
    committed, _, _ = read_by_others(FOLDER / name)
    # Another machine's last bit may round a sample to the neighbouring step.
    assert np.abs(again - committed).max() <= 0.0021
    assert np.mean(np.abs(again - committed) > 1e-9) < 0.001


@pytest.mark.parametrize("name", SIMULATED)
def test_r_peaks_stand_where_the_leads_are_largest(name: str) -> None:
    signal, _, _ = read_by_others(FOLDER / name)
    row = TRUTH[name]
    keep = [i for i, lead in enumerate(row["leads"]) if lead not in row["noisy_leads"]]
    size = np.sqrt(((signal[keep] - np.median(signal[keep], axis=1, keepdims=True)) ** 2).sum(axis=0))
    for peak in row["r_peaks"]:
        lo, hi = max(0, peak - 20), peak + 21
        assert abs(lo + int(np.argmax(size[lo:hi])) - peak) <= 3


@pytest.mark.parametrize("preset", ["normal", "lbbb", "inferior_injury"])
def test_the_model_is_exactly_zero_between_its_waves(preset: str) -> None:
    model = sys.modules[maker().simulate.__module__]
    signal, truth = model.simulate(model.PRESETS[preset], fs=1000, duration_s=5, rng=np.random.default_rng(3))
    t_s = np.arange(signal.shape[1]) / 1000
    for i in range(1, len(truth.r_peaks) - 1):
        before_p = (t_s > truth.t_offset_s[i - 1]) & (t_s < truth.p_onset_s[i])
        before_qrs = (t_s > truth.p_offset_s[i]) & (t_s < truth.qrs_onset_s[i])
        assert before_p.any() and before_qrs.any()
        assert np.abs(signal[:, before_p | before_qrs]).max() < 1e-12
        for onset in (truth.p_onset_s[i], truth.qrs_onset_s[i]):
            assert np.abs(signal[:, round(onset * 1000) + 2]).max() > 1e-4
        st = signal[:, round(truth.qrs_offset_s[i] * 1000) + 2]
        np.testing.assert_allclose(st, truth.st_mv, atol=1e-9)


def test_neurokit_finds_the_r_peaks_of_the_normal() -> None:
    import neurokit2 as nk

    signal, fs, leads = read_by_others(FOLDER / "normal.hea")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clean = nk.ecg_clean(signal[leads.index("II")], sampling_rate=int(fs))
        found = np.asarray(nk.ecg_peaks(clean, sampling_rate=int(fs))[1]["ECG_R_Peaks"])
    np.testing.assert_allclose(found, TRUTH["normal.hea"]["r_peaks"], atol=3)


def test_the_long_one_carries_its_beats() -> None:
    row, recording = TRUTH[LONG], ee.read_ecg(FOLDER / LONG)
    assert recording.duration_s == 1800.0
    marks = recording.annotations
    assert [mark.sample for mark in marks] == row["r_peaks"]
    assert [i for i, mark in enumerate(marks) if mark.symbol == "V"] == row["ventricular_beats"]


def test_beats_of_the_long_one_are_found() -> None:
    row, recording = TRUTH[LONG], ee.read_ecg(FOLDER / LONG)
    found = ee.detect_r_peaks(recording.signal[0], fs=recording.fs)
    true = np.array(row["r_peaks"])
    quiet = (true < row["noise_s"][0] * recording.fs) | (true > row["noise_s"][1] * recording.fs)
    nearest = np.abs(true[quiet][:, np.newaxis] - found).min(axis=1)
    assert np.mean(nearest <= 0.1 * recording.fs) >= 0.998
    calm = (found < row["noise_s"][0] * recording.fs) | (found > row["noise_s"][1] * recording.fs)
    nearest = np.abs(found[calm][:, np.newaxis] - true).min(axis=1)
    assert np.mean(nearest <= 0.1 * recording.fs) >= 0.998


def test_the_truth_names_statements_that_exist() -> None:
    """What must not be said is checked by its code: a code that nothing says any more would always pass."""
    assert {code for row in TRUTH.values() for code in (*row["must"], *row["must_not"])} <= set(statements())


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, row in TRUTH.items() for code in row["must"]])
def test_says_what_it_must(name: str, code: str) -> None:
    assert code in {statement.code for statement in report_of(name).statements}


@pytest.mark.parametrize("name", list(TRUTH))
def test_says_nothing_that_it_must_not(name: str) -> None:
    said = {statement.code for statement in report_of(name).statements}
    assert not said & set(TRUTH[name]["must_not"])


@pytest.mark.parametrize("name", list(TRUTH))
def test_measures_the_heart_rate(name: str) -> None:
    rate = report_of(name).measurements.get("heart_rate_bpm")
    assert rate == pytest.approx(TRUTH[name]["heart_rate_bpm"], abs=2.0)


@pytest.mark.parametrize("name", TWELVE)
def test_detects_the_beats(name: str) -> None:
    found, true = report_of(name).beats.r_peaks, np.array(TRUTH[name]["r_peaks"])
    assert len(found) == len(true)
    assert np.abs(found - true).max() <= 50


@pytest.mark.parametrize("code", list(IEC_MS))
@pytest.mark.parametrize("name", SIMULATED)
def test_measures_intervals_within_iec_60601_2_25(name: str, code: str) -> None:
    wanted, found = TRUTH[name][code], report_of(name).measurements.get(code)
    if wanted is None:
        # No P wave: no PR either.
        assert found is None
    else:
        assert found == pytest.approx(wanted, abs=IEC_MS[code])


@pytest.mark.parametrize("name", SIMULATED)
def test_measures_the_axis(name: str) -> None:
    # By area or by the largest deflections: both are in use, and they differ where the QRS turns.
    by_area, by_peak = TRUTH[name]["axis_deg"], TRUTH[name]["axis_peak_deg"]
    if by_area is None:
        pytest.skip("the recorded axis is not the heart's")
    found = report_of(name).measurements.get("qrs_axis_deg")
    assert found is not None
    assert min(by_area, by_peak) - 8 <= found <= max(by_area, by_peak) + 8


@pytest.mark.parametrize("name", SIMULATED)
def test_measures_the_st_level(name: str) -> None:
    row, report = TRUTH[name], report_of(name)
    for lead, wanted in row["st_mv"].items():
        if lead in row["flat_leads"] + row["noisy_leads"]:
            continue
        # The J point itself lies on the QRS's slope; the plateau is read 40 ms behind it.
        found = report.measurements.get("st_j40_mv", lead)
        if found is not None:
            assert found == pytest.approx(wanted, abs=0.05), lead


@pytest.mark.parametrize("name", SIMULATED)
def test_finds_the_leads_that_cannot_be_read(name: str) -> None:
    row, quality = TRUTH[name], report_of(name).quality
    reasons = {lead: set(found.reasons) for lead, found in quality.by_lead.items()}
    assert {lead for lead, found in reasons.items() if "flat" in found} == set(row["flat_leads"])
    assert {lead for lead, found in reasons.items() if found & {"noisy", "mains"}} == set(row["noisy_leads"])
    assert not set(row["flat_leads"]) & set(quality.usable_leads)
