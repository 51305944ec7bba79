"""What `analyze_ecg` makes of bad and extreme input: it never raises, never invents, and says what it could not do."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest
from scipy.signal import butter, sosfilt

import ecg_engine as ee
from ecg_engine.detection import whole
from ecg_engine.errors import InputError, SignalError
from ecg_engine.pipeline import decode_file
from ecg_engine.report import render_bytes, report_schema
from ecg_engine.settings import DecodeSettings, PatientSettings
from ecg_engine.types import ABSENT, EcgReport, Outcome, Task
from ecg_engine.types.marks import MARK_NAMES
from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, EcgTruth, Noise, simulate

FS = 500
N = 5000
T = np.arange(N) / FS


def model(preset: str | EcgSpec = "normal", *, fs: float = FS, seconds: float = 10.0) -> tuple[np.ndarray, EcgTruth]:
    spec = PRESETS[preset] if isinstance(preset, str) else preset
    return simulate(spec, fs=fs, duration_s=seconds, rng=np.random.default_rng(5))


SIGNAL, TRUTH = model()


def recording(signal: Any, leads: tuple[str, ...] | None = None, fs: float = FS, **known: Any) -> ee.Recording:
    rows = np.atleast_2d(np.asarray(signal))
    return ee.Recording(signal=rows, fs=fs, leads=leads or LEADS[: len(rows)], **known)


def changed(how: Callable[[np.ndarray], None]) -> ee.Recording:
    copy = SIGNAL.copy()
    how(copy)
    return recording(copy)


def noise(sigma: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, sigma, (12, N))


def everywhere(wave: np.ndarray) -> ee.Recording:
    return recording(np.tile(wave, (12, 1)))


def put(rows: Any, columns: Any, value: float) -> Callable[[np.ndarray], None]:
    def how(signal: np.ndarray) -> None:
        signal[rows, columns] = value

    return how


ALL = slice(None)
#: No lead holds a heart: whatever stands here must come out unscored, without one measurement.
NO_HEART = {
    "nothing but NaN": recording(np.full((12, N), np.nan)),
    "zeros": recording(np.zeros((12, N))),
    "a constant": recording(np.full((12, N), 1.7)),
    "noise of a picovolt": recording(noise(1e-9)),
    "white noise": recording(noise(0.3)),
    "white noise of one lead": recording(noise(0.3)[:1], ("II",)),
    "loud white noise": recording(noise(2.0)),
    "square wave": everywhere(np.sign(np.sin(2 * np.pi * 1.2 * T))),
    "step": everywhere((T > 5) * 1.0),
    "one impulse": everywhere((np.arange(N) == N // 2) * 1.0),
    "mains alone": everywhere(np.sin(2 * np.pi * 50 * T)),
    "saturated": recording(np.clip(SIGNAL * 20, -1, 1)),
    "one sample": recording(SIGNAL[:, :1]),
    "two samples": recording(SIGNAL[:, :2]),
    "half of it NaN": changed(put(ALL, slice(3000, None), np.nan)),
    "every second sample NaN": changed(put(ALL, slice(None, None, 2), np.nan)),
}
#: Beats or something like them; not all of it can be judged.
SOME_HEART = {
    "normal": recording(SIGNAL),
    "float32": recording(SIGNAL.astype(np.float32)),
    "one lead": recording(SIGNAL[1], ("II",)),
    "one lead of another name": recording(SIGNAL[1], ("MLII",)),
    "names that are markup": recording(SIGNAL[:3], ("<b>&", "отв. 1", "x" * 200)),
    "half a second": recording(SIGNAL[:, :250]),
    "one beat": recording(SIGNAL[:, : TRUTH.r_peaks[0] + 300]),
    "two beats": recording(SIGNAL[:, : TRUTH.r_peaks[1] + 300]),
    "raw counts": recording(SIGNAL * 1000),
    "offset": recording(SIGNAL + 5000),
    "inverted": recording(-SIGNAL),
    "one NaN": changed(put(3, 2000, np.nan)),
    "a lead of NaN": changed(put(3, ALL, np.nan)),
    "eight leads off": changed(put(slice(0, 8), ALL, 0.0)),
    "precordial leads": recording(SIGNAL[6:], LEADS[6:]),
    "eight leads": recording(SIGNAL[[0, 1, *range(6, 12)]], ("I", "II", *LEADS[6:])),
    "fifteen leads": recording(np.vstack([SIGNAL, SIGNAL[6:9]]), (*LEADS, "V3R", "V4R", "V7")),
    "saw": everywhere((T * 2) % 1),
    "sine": everywhere(np.sin(2 * np.pi * 1.2 * T)),
    "ramp": everywhere(T),
    "brown noise": recording(np.cumsum(noise(0.01), axis=1)),
    "fibrillation": recording(model("fibrillation")[0]),
    "50 Hz": recording(model(fs=50)[0], fs=50),
}
EVERYTHING = NO_HEART | SOME_HEART
VALIDATOR = jsonschema.Draft202012Validator(report_schema())


def values(report: EcgReport) -> dict[str, float]:
    return dict(report.measurements.overall)


def codes(report: EcgReport) -> set[str]:
    return {s.code for s in report.statements}


def noted(report: EcgReport) -> set[str]:
    return {n.code for n in report.notes}


# ------------------------------------------------------------------------------------------------ for all of them


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_every_report_fits_the_published_schema_and_has_no_infinite_number(name: str, lang: str) -> None:
    plain = ee.analyze_ecg(EVERYTHING[name]).to_dict(lang=lang)
    VALIDATOR.validate(plain)
    json.dumps(plain, allow_nan=False)


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_page_is_drawn_with_finite_coordinates(name: str) -> None:
    report = ee.analyze_ecg(EVERYTHING[name])
    assert render_bytes(report, EVERYTHING[name], "pdf", lang="ru").startswith(b"%PDF")
    assert render_bytes(report, EVERYTHING[name], "png").startswith(b"\x89PNG")
    svg = render_bytes(report, EVERYTHING[name], "svg").decode()
    numbers = re.findall(r' (?:d|x|y|width|height|points|textLength)="([^"]*)"', svg)
    assert numbers
    assert not [n for n in numbers if re.search("nan|inf", n)]
    # Nothing is drawn far off the sheet either.
    assert max(abs(float(v)) for n in numbers for v in re.findall(r"-?\d+\.?\d*", n)) <= 300


# ------------------------------------------------------------------------------------- what is no heart is none


@pytest.mark.parametrize("name", NO_HEART)
def test_what_holds_no_heart_is_unscored_and_gives_no_number(name: str) -> None:
    report = ee.analyze_ecg(NO_HEART[name])
    assert report.urgency.level == "unscored"
    assert report.urgency.repeat_recording
    assert len(report.beats.r_peaks) == 0
    assert set(values(report)) <= {"pause_s"}
    assert not report.measurements.by_lead
    assert not {code for code in codes(report) if code not in ("lead_flat", "lead_noisy")}
    assert "no_usable_lead" in noted(report)


@pytest.mark.parametrize("name", ["saw", "sine", "brown noise"])
def test_no_interval_is_measured_where_beats_have_no_shape_of_a_heart(name: str) -> None:
    report = ee.analyze_ecg(SOME_HEART[name])
    # A sine has nothing that could be a beat; the others have, of no one shape.
    assert noted(report) & {"beats_unlike", "no_beats"}
    assert not {"pr_ms", "qrs_ms", "qt_ms", "qtc_bazett_ms", "qrs_axis_deg", "p_axis_deg"} & set(values(report))
    assert not report.measurements.by_lead
    assert report.urgency.level != "routine"
    assert not {"atrial_fibrillation", "sinus_rhythm", "wide_qrs", "rbbb_complete", "qt_prolonged"} & codes(report)


def test_a_flat_lead_gives_no_measurement_and_the_others_theirs() -> None:
    report = ee.analyze_ecg(changed(put(9, ALL, 0.0)))
    assert "V4" not in report.measurements.by_lead
    assert {"V3", "V5"} <= set(report.measurements.by_lead)
    assert report.quality.by_lead["V4"].reasons == ("flat",)


def test_a_lead_that_picks_up_mains_alone_is_off_and_adds_no_beats() -> None:
    report = ee.analyze_ecg(changed(lambda s: s.__setitem__(6, np.sin(2 * np.pi * 50 * T))))
    assert not report.quality.by_lead["V1"].usable
    assert len(report.beats.r_peaks) == len(TRUTH.r_peaks)
    assert "V1" not in report.measurements.by_lead


def test_one_noisy_limb_lead_makes_no_block_and_no_axis() -> None:
    report = ee.analyze_ecg(changed(lambda s: s.__setitem__(1, noise(2.0)[0])))
    assert not report.quality.by_lead["II"].usable
    assert codes(report) <= {"sinus_rhythm", "lead_noisy"}
    # P is low in what is left of the limb leads: a reader begins it early too.
    assert values(report)["pr_ms"] == pytest.approx(160, abs=15)


@pytest.mark.parametrize("value", [0.0, 0.4, np.nan])
def test_a_dead_stretch_is_neither_a_pause_nor_asystole(value: float) -> None:
    dead = changed(put(ALL, slice(2500, 4600), value))
    report = ee.analyze_ecg(dead)
    assert not {"asystole", "pause", "bradycardia", "sinus_bradycardia"} & codes(report)
    assert report.urgency.level == "unscored"
    assert "no_signal_for" in noted(report)


def test_silence_on_connected_leads_is_asystole() -> None:
    silent = np.where(T < 4, SIGNAL, 0.0) + noise(0.01)
    report = ee.analyze_ecg(recording(silent))
    assert "asystole" in codes(report)
    assert report.urgency.level == "critical"


def test_a_short_gap_leaves_rate_and_rhythm_as_they_were() -> None:
    report = ee.analyze_ecg(changed(put(ALL, slice(3000, 3900), np.nan)))
    assert values(report)["heart_rate_bpm"] == pytest.approx(70, abs=1)
    assert codes(report) == {"normal_ecg", "sinus_rhythm"}


# ------------------------------------------------------------------------------------------ what is found stays right


@pytest.mark.parametrize("name", ["float32", "offset", "one NaN", "a lead of NaN", "eight leads", "fifteen leads"])
def test_what_does_not_touch_the_heart_changes_no_measure(name: str) -> None:
    usual, report = values(ee.analyze_ecg(SOME_HEART["normal"])), ee.analyze_ecg(SOME_HEART[name])
    assert len(report.beats.r_peaks) == len(TRUTH.r_peaks)
    assert np.abs(report.beats.r_peaks - ee.analyze_ecg(SOME_HEART["normal"]).beats.r_peaks).max() <= 1
    for code in ("heart_rate_bpm", "pr_ms", "qrs_ms", "qt_ms", "qrs_axis_deg"):
        assert values(report)[code] == pytest.approx(usual[code], abs=4), code
    assert codes(report) - {"lead_flat", "normal_ecg"} == {"sinus_rhythm"}


def test_inverted_leads_keep_every_beat_where_it_is() -> None:
    report = ee.analyze_ecg(SOME_HEART["inverted"])
    assert len(report.beats.r_peaks) == len(TRUTH.r_peaks)
    assert np.abs(report.beats.r_peaks - TRUTH.r_peaks).max() <= 0.012 * FS
    assert "sinus_rhythm" not in codes(report)


def test_no_beat_is_reported_twice() -> None:
    for name in ("normal", "inverted", "fibrillation", "brown noise"):
        distance = np.diff(ee.analyze_ecg(SOME_HEART[name]).beats.r_peaks)
        assert distance.min() >= (0.15 if name == "brown noise" else 0.2) * FS, name


@pytest.mark.parametrize("name", ["one lead of another name", "names that are markup", "precordial leads"])
def test_leads_without_a_place_get_no_axis_and_no_territory(name: str) -> None:
    report = ee.analyze_ecg(SOME_HEART[name])
    assert values(report)["heart_rate_bpm"] == pytest.approx(70, abs=1)
    assert not {"qrs_axis_deg", "p_axis_deg", "t_axis_deg"} & set(values(report))
    assert {"axis_needs_limb_leads", "territory_needs_leads"} <= noted(report)


@pytest.mark.parametrize(("name", "n"), [("half a second", 1), ("one beat", 1), ("two beats", 2)])
def test_of_one_or_two_beats_no_rhythm_is_named(name: str, n: int) -> None:
    report = ee.analyze_ecg(SOME_HEART[name])
    assert len(report.beats.r_peaks) == n
    assert ("heart_rate_bpm" in values(report)) == (n == 2)
    assert report.statements == ()
    assert report.urgency.level == "unscored"
    assert {"too_short", "few_beats"} <= noted(report)


def test_a_beat_cut_off_by_the_end_is_not_measured() -> None:
    report = ee.analyze_ecg(recording(SIGNAL[:, : TRUTH.r_peaks[0] + 10]))
    assert not {"qrs_ms", "qt_ms", "qrs_axis_deg"} & set(values(report))
    assert not report.measurements.by_lead


def test_eight_of_twelve_leads_off_is_left_to_a_doctor() -> None:
    report = ee.analyze_ecg(SOME_HEART["eight leads off"])
    assert report.urgency.level == "unscored"
    assert set(report.measurements.by_lead) == {"V3", "V4", "V5", "V6"}
    assert "few_usable_leads" in report.urgency.because


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9, 3e11])
def test_raw_counts_keep_the_intervals_and_give_no_voltage(scale: float) -> None:
    report = ee.analyze_ecg(recording(SIGNAL * scale))
    usual = values(ee.analyze_ecg(SOME_HEART["normal"]))
    assert values(report)["qrs_ms"] == pytest.approx(usual["qrs_ms"], abs=4)
    assert not report.measurements.by_lead
    assert report.urgency.level == "unscored"
    assert report.urgency.because == ("unit_implausible",)
    assert all(np.isnan(q.noise_mv) for q in report.quality.by_lead.values() if q.usable)


@pytest.mark.parametrize("fs", [100, 125, 128, 250, 257, 1000, 2000, 5000, 10000])
def test_the_sampling_rate_changes_no_measure(fs: int) -> None:
    usual = values(ee.analyze_ecg(SOME_HEART["normal"]))
    report = ee.analyze_ecg(recording(model(fs=fs)[0], fs=fs))
    assert values(report)["heart_rate_bpm"] == pytest.approx(usual["heart_rate_bpm"], abs=1)
    for code in ("pr_ms", "qrs_ms", "qt_ms"):
        assert values(report)[code] == pytest.approx(usual[code], abs=18 if fs < 250 else 10), code
    assert values(report)["qrs_axis_deg"] == pytest.approx(50, abs=3)
    assert "sinus_rhythm" in codes(report)


def test_at_50_hz_rate_and_rhythm_are_told_and_no_width() -> None:
    report = ee.analyze_ecg(SOME_HEART["50 Hz"])
    assert values(report)["heart_rate_bpm"] == pytest.approx(70, abs=1)
    assert not {"qrs_ms", "qt_ms", "qtc_fridericia_ms"} & set(values(report))
    assert not report.measurements.by_lead
    assert codes(report) == {"sinus_rhythm"}
    assert report.urgency.because == ("rate_too_low",)


def test_a_clean_1000_hz_signal_shows_every_beat_from_the_first() -> None:
    signal, truth = model(fs=1000)
    found = ee.analyze_ecg(recording(signal, fs=1000)).beats.r_peaks
    assert len(found) == len(truth.r_peaks)
    assert np.abs(found - truth.r_peaks).max() <= 12


@pytest.mark.parametrize("f_wave_mv", [0.06, 0.0])
def test_no_p_wave_is_invented_in_fibrillation(f_wave_mv: float) -> None:
    signal, _ = model(replace(PRESETS["fibrillation"], f_wave_mv=f_wave_mv))
    report = ee.analyze_ecg(recording(signal))
    assert not {"pr_ms", "p_duration_ms", "p_axis_deg"} & set(values(report))
    assert "no_p_wave" in noted(report)
    assert "sinus_rhythm" not in codes(report)
    if f_wave_mv:
        assert report.delineation is not None
        assert (report.delineation.p_peak == ee.ABSENT).all()


def test_noise_that_may_hide_p_is_said_and_asks_for_another_recording() -> None:
    signal, _ = model(PRESETS["normal"])
    rng = np.random.default_rng(3)
    band = butter(2, (0.5, 8.0), "band", fs=500.0, output="sos")
    noise = sosfilt(band, rng.standard_normal(signal.shape), axis=1)
    report = ee.analyze_ecg(recording(signal + 0.2 / noise.std() * noise))
    assert "undetermined_rhythm" in codes(report) and "pr_ms" not in values(report)
    (note,) = (note for note in report.notes if note.code == "p_hidden")
    # A part of the noise is taken off as the level and slope of a quarter of a second.
    assert 0.06 <= note.facts["noise_mv"] <= 0.2
    assert "no_p_wave" not in noted(report) and "noisy" in report.urgency.repeat_recording
    quiet = ee.analyze_ecg(recording(signal))
    assert "p_hidden" not in noted(quiet) and not quiet.urgency.repeat_recording


def test_at_140_a_minute_every_beat_has_its_waves() -> None:
    spec = replace(PRESETS["tachycardia"], heart_rate_bpm=140.0, pr_ms=130.0, qt_ms=360.0)
    signal, truth = model(spec)
    report = ee.analyze_ecg(recording(signal))
    assert len(report.beats.r_peaks) == len(truth.r_peaks)
    assert report.delineation is not None
    inner = slice(1, -1)
    for name in ("p_peak", "qrs_onset", "qrs_offset", "t_peak"):
        assert (getattr(report.delineation, name)[inner] >= 0).all(), name
    # P begins 60 ms before the end of T: its onset is read off where it comes out of it.
    assert values(report)["pr_ms"] == pytest.approx(130, abs=15)
    assert "sinus_tachycardia" in codes(report)


# --------------------------------------------------------------------------------------------------- refused input


@pytest.mark.parametrize("fs", [0, -500, float("nan"), float("inf"), 5, 1e6, "fast", None])
def test_a_rate_that_is_none_is_refused_with_a_remedy(fs: Any) -> None:
    with pytest.raises(InputError, match=r"fs: .*give"):
        recording(SIGNAL, fs=fs)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1.7e308, 9.97e36])
def test_infinite_samples_and_markers_of_gaps_are_refused_by_lead_and_sample(value: float) -> None:
    signal = SIGNAL.copy()
    signal[4, 123] = value
    with pytest.raises(SignalError, match=r"lead aVL: .* at sample 123; mark gaps as NaN"):
        recording(signal)


def test_doubled_leads_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="leads: II twice"):
        recording(SIGNAL[:2], ("II", "II"))


def test_leads_of_unequal_length_are_refused() -> None:
    with pytest.raises((InputError, SignalError, ValueError)):
        ee.Recording(signal=[[0.0, 1.0], [0.0]], fs=FS, leads=("I", "II"))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- long recordings


def test_a_long_recording_seen_in_blocks_is_as_seen_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(PRESETS["normal"], noise=(Noise(muscle_mv=0.01, wander_mv=0.1),))
    signal, truth = model(spec, fs=250, seconds=130)
    once = ee.analyze_ecg(recording(signal, fs=250))
    monkeypatch.setattr(whole, "WHOLE_S", 20.0)
    monkeypatch.setattr(whole, "BLOCK_S", 30.0)
    monkeypatch.setattr(whole, "MEDIAN_S", 60.0)
    blocks = ee.analyze_ecg(recording(signal, fs=250))
    assert len(blocks.beats.r_peaks) == len(truth.r_peaks) == len(once.beats.r_peaks)
    assert np.abs(blocks.beats.r_peaks - once.beats.r_peaks).max() <= 1
    assert blocks.delineation is not None and once.delineation is not None
    assert len(blocks.delineation.by_lead) == 12
    for name in MARK_NAMES:
        for marks in (blocks.delineation, *blocks.delineation.by_lead):
            at = getattr(marks, name)
            assert (np.abs(at - blocks.beats.r_peaks)[at != ABSENT] < 250).all(), name
    both = (blocks.delineation.qrs_onset >= 0) & (once.delineation.qrs_onset >= 0)
    assert both.mean() > 0.95
    assert np.abs(blocks.delineation.qrs_onset - once.delineation.qrs_onset)[both].max() <= 5
    for code in ("heart_rate_bpm", "pr_ms", "qrs_ms", "qt_ms", "qrs_axis_deg"):
        assert values(blocks)[code] == pytest.approx(values(once)[code], abs=5), code
    assert codes(blocks) == codes(once)


def test_a_block_without_signal_is_a_gap_and_the_rest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, _ = model(fs=250, seconds=120)
    signal = signal + np.random.default_rng(2).normal(0, 0.003, signal.shape)
    signal[:, 30 * 250 : 65 * 250] = np.nan
    monkeypatch.setattr(whole, "WHOLE_S", 20.0)
    monkeypatch.setattr(whole, "BLOCK_S", 30.0)
    report = ee.analyze_ecg(recording(signal, fs=250))
    assert values(report)["heart_rate_bpm"] == pytest.approx(70, abs=1)
    assert not {"pause", "asystole"} & codes(report)
    assert any(start <= 31 * 250 and stop >= 64 * 250 for start, stop in report.beats.gaps)


def test_work_grows_with_the_length_and_no_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    # In counts, not in seconds: however long the noise, each sample is handed over about once.
    handed = 0
    see_block = whole._see_block

    def counted(signal: np.ndarray, *args: Any, **settings: Any) -> Any:
        nonlocal handed
        handed += signal.size
        return see_block(signal, *args, **settings)

    monkeypatch.setattr(whole, "_see_block", counted)
    monkeypatch.setattr(whole, "WHOLE_S", 60.0)
    monkeypatch.setattr(whole, "BLOCK_S", 120.0)
    totals = []
    for seconds in (600, 1200):
        handed = 0
        rough = np.random.default_rng(3).normal(0, 0.3, (1, seconds * 100))
        ee.analyze_ecg(recording(rough, ("II",), fs=100))
        totals.append(handed)
        assert handed <= 1.3 * seconds * 100
    assert totals[1] <= 2.1 * totals[0]


# ------------------------------------------------------------------------------------------------ what travels


def test_everything_that_travels_survives_pickle_with_arrays_read_only() -> None:
    rec = SOME_HEART["normal"]
    report = ee.analyze_ecg(rec)
    for protocol in (2, 4, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(rec, protocol))
        assert np.array_equal(again.signal, rec.signal) and not again.signal.flags.writeable
        copy = pickle.loads(pickle.dumps(report, protocol))
        assert copy.to_dict() == report.to_dict()
        assert copy.delineation is not None and copy.median_beat is not None and copy.beats.kinds is not None
        for array in (copy.beats.r_peaks, copy.beats.kinds, copy.delineation.p_peak, copy.median_beat.signal):
            assert not array.flags.writeable
        assert not copy.delineation.by_lead[0].t_peak.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            copy.beats.r_peaks[0] = 0


def test_a_task_and_its_outcome_survive_pickle(tmp_path: Any) -> None:
    path = tmp_path / "a.hea"
    ee.write_ecg(SOME_HEART["normal"], path)
    task = Task(path=str(path), settings=DecodeSettings(formats=("svg", "json"), patient=PatientSettings(age_years=61)))
    assert pickle.loads(pickle.dumps(task)) == task
    outcome = decode_file(pickle.loads(pickle.dumps(task)))
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert outcome.error is None and set(outcome.files) == {"svg", "json"}
    failed = decode_file(Task(path=str(tmp_path / "absent.hea")))
    assert (
        pickle.loads(pickle.dumps(failed))
        == failed
        == Outcome(path=failed.path, error=failed.error, error_kind="FormatError")
    )


@pytest.mark.parametrize(
    ("said", "word"),
    [({"age_years": 500.0}, "age_years"), ({"sex": "X"}, "sex"), ({"birth_date": "31.12.1960"}, "birth_date")],
)
def test_wrong_facts_of_the_patient_are_an_error_of_the_task_that_names_them(
    tmp_path: Any, said: dict[str, Any], word: str
) -> None:
    path = tmp_path / "a.hea"
    ee.write_ecg(SOME_HEART["one lead"], path)
    try:
        settings = DecodeSettings(patient=PatientSettings(**said))
    except InputError as exc:
        assert word in str(exc)
        return
    outcome = decode_file(Task(path=str(path), settings=settings))
    assert outcome.error is not None and word in outcome.error
    assert outcome.report is None and not outcome.files
