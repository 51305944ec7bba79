"""DICOM ECG objects: the group that is the recording, scales, names, texts; what is written against the standard."""

from __future__ import annotations

import shutil
import subprocess
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts

from ecg_engine.dicom.codes import lead_of_code
from ecg_engine.errors import CorruptFormatError, FormatError, UnsupportedFormatError
from ecg_engine.formats import open_ecg, read_ecg, write_ecg
from ecg_engine.formats._common import translated
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source
from ecg_engine.vocabulary.letters import mended


@pytest.fixture
def written(recording: Recording, tmp_path: Path) -> tuple[Path, Any]:
    path = tmp_path / "a.dcm"
    write_ecg(recording, path)
    return path, pydicom.dcmread(path)


def test_sensitivity_correction_baseline_and_unit_give_millivolt(written: tuple[Path, Any]) -> None:
    path, data = written
    channels = data.WaveformSequence[0].ChannelDefinitionSequence
    channels[0].ChannelSensitivity, channels[0].ChannelSensitivityCorrectionFactor = "2.5", "2"
    channels[0].ChannelBaseline = "10"
    channels[1].ChannelSensitivityUnitsSequence[0].CodeValue = "mV"
    counts = np.frombuffer(data.WaveformSequence[0].WaveformData, "<i2").reshape(-1, 12).T
    data.save_as(path)
    read = read_ecg(path)
    np.testing.assert_allclose(read.signal[0], (counts[0] * 5.0 + 10) / 1000)
    np.testing.assert_allclose(read.signal[1], counts[1] * 1.0)
    np.testing.assert_allclose(read.source.lsb_mv[:3], [0.005, 1.0, 0.001])


@pytest.mark.parametrize(
    ("how", "bits", "kind"), [("SB", 8, "i1"), ("UB", 8, "u1"), ("US", 16, "<u2"), ("SL", 32, "<i4")]
)
def test_sample_codings(how: str, bits: int, kind: str, written: tuple[Path, Any]) -> None:
    path, data = written
    group = data.WaveformSequence[0]
    values = np.arange(12 * 50).reshape(50, 12) % 100
    group.NumberOfWaveformSamples, group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 50, bits, how
    group["WaveformData"].value = values.astype(kind).tobytes()
    data.save_as(path)
    np.testing.assert_allclose(read_ecg(path).signal, values.T / 1000)


def test_companded_sound_is_no_ecg(written: tuple[Path, Any]) -> None:
    path, data = written
    data.WaveformSequence[0].WaveformBitsAllocated, data.WaveformSequence[0].WaveformSampleInterpretation = 8, "MB"
    data.save_as(path)
    with pytest.raises(UnsupportedFormatError, match="MB of 8 bits"):
        read_ecg(path)


def test_a_gap_is_the_padding_value(recording: Recording, tmp_path: Path) -> None:
    signal = recording.signal.copy()
    signal[2, 100:200] = np.nan
    write_ecg(Recording(signal=signal, fs=500, leads=recording.leads), tmp_path / "a.dcm")
    np.testing.assert_allclose(read_ecg(tmp_path / "a.dcm").signal, signal, atol=1e-4)


def test_the_recording_is_the_longest_group_as_acquired(written: tuple[Path, Any]) -> None:
    path, data = written
    short = Dataset()
    short.update(data.WaveformSequence[0])
    long = Dataset()
    long.update(data.WaveformSequence[0])
    short.NumberOfWaveformSamples = 400
    long.WaveformOriginality, long.SamplingFrequency, long.MultiplexGroupLabel = "DERIVED", "50", "TREND"
    data.WaveformSequence = [short, long, data.WaveformSequence[0]]
    data.save_as(path)
    read = read_ecg(path)
    assert (read.n_samples, read.fs) == (1000, 500)
    assert read.source.details["other_groups"] == ["RHYTHM: 12 leads, 0.8 s", "TREND: 12 leads, 20 s, derived"]


def parted(data: Any, *, offset_ms: float | None = None, samples: int | None = None, again: bool = False) -> None:
    """Put limb and chest leads in groups of their own."""
    whole = data.WaveformSequence[0]
    counts = np.frombuffer(whole.WaveformData, "<i2").reshape(-1, 12)
    groups = []
    for columns in (slice(0, 6), slice(0 if again else 6, 6 if again else 12)):
        group = Dataset()
        group.update(whole)
        group.ChannelDefinitionSequence = list(whole.ChannelDefinitionSequence)[columns]
        group.NumberOfWaveformChannels = 6
        group.add_new("WaveformData", "OW", np.ascontiguousarray(counts[:, columns]).tobytes())
        groups.append(group)
    if offset_ms is not None:
        groups[1].MultiplexGroupTimeOffset = offset_ms
    if samples is not None:
        groups[1].NumberOfWaveformSamples = samples
    data.WaveformSequence = groups


def test_leads_in_several_groups_of_one_time_are_joined(recording: Recording, written: tuple[Path, Any]) -> None:
    path, data = written
    parted(data)
    data.WaveformAnnotationSequence[0].ReferencedWaveformChannels = [2, 3]
    data.save_as(path)
    read = read_ecg(path)
    assert read.leads == recording.leads and "other_groups" not in read.source.details
    np.testing.assert_allclose(read.signal, recording.signal, atol=1e-9)
    np.testing.assert_allclose(read_ecg(path, leads=("V5", "I")).signal, recording.signal[[10, 0]], atol=1e-9)
    assert [m.lead for m in read.annotations] == ["V3"]


@pytest.mark.parametrize("how", [{"offset_ms": 2000.0}, {"samples": 900}, {"again": True}])
def test_groups_of_another_time_length_or_of_the_same_leads_are_named(
    how: dict[str, Any], recording: Recording, written: tuple[Path, Any]
) -> None:
    path, data = written
    parted(data, **how)
    data.save_as(path)
    read = read_ecg(path)
    assert read.leads == recording.leads[:6] and len(read.source.details["other_groups"]) == 1


def followed(data: Any, *, starts_ms: tuple[float | None, ...], cuts: tuple[int, ...], gain: float = 1.0) -> None:
    """Cut the samples into groups of the same leads that follow each other; the second has another sensitivity."""
    whole = data.WaveformSequence[0]
    counts = np.frombuffer(whole.WaveformData, "<i2").reshape(-1, 12)
    groups = []
    for start_ms, first, last in zip(starts_ms, (0, *cuts), (*cuts, len(counts)), strict=True):
        group = deepcopy(whole)
        for channel in group.ChannelDefinitionSequence if groups else ():
            channel.ChannelSensitivityCorrectionFactor = gain
        group.NumberOfWaveformSamples = last - first
        group.add_new("WaveformData", "OW", np.ascontiguousarray(counts[first:last]).tobytes())
        if start_ms is not None:
            group.MultiplexGroupTimeOffset = start_ms
        groups.append(group)
    data.WaveformSequence = groups


def test_groups_of_the_same_leads_that_follow_are_joined_with_their_gap(
    recording: Recording, written: tuple[Path, Any]
) -> None:
    path, data = written
    followed(data, starts_ms=(40.0, 1240.0, 2040.0), cuts=(600, 900), gain=2.0)  # samples 0-600, 600-700, 1000-1100
    data.WaveformAnnotationSequence[0].ReferencedWaveformChannels = [3, 2]
    data.WaveformAnnotationSequence[0].ReferencedSamplePositions = [11]
    data.save_as(path)
    read = read_ecg(path)
    assert (read.leads, read.n_samples) == (recording.leads, 1100) and "other_groups" not in read.source.details
    np.testing.assert_allclose(read.signal[:, :600], recording.signal[:, :600], atol=1e-9)
    np.testing.assert_allclose(read.signal[:, 600:900], 2 * recording.signal[:, 600:900], atol=1e-9)
    assert np.isnan(read.signal[:, 900:1000]).all()
    np.testing.assert_allclose(read.signal[:, 1000:], 2 * recording.signal[:, 900:], atol=1e-9)
    assert [(m.sample, m.lead) for m in read.annotations] == [(1010, "II")]
    assert read.start - read_start(recording) == timedelta(milliseconds=40)
    with open_ecg(path) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(0.3)), axis=1), read.signal)


def read_start(recording: Recording) -> datetime:
    assert recording.start is not None
    return recording.start


@pytest.mark.parametrize(
    ("starts_ms", "kept", "named"),
    [
        ((None, None, None), 600, 2),  # no times: which follows which is not said
        ((0.0, 1000.0, 1500.0), 850, 1),  # the second overlaps the first; the third follows it after a gap
        ((0.0, 1200.0, 1e9), 600, 2),  # a gap of days: no recording of a second goes on so long
    ],
)
def test_groups_of_the_same_leads_without_times_or_that_overlap_are_named(
    starts_ms: tuple[float | None, ...], kept: int, named: int, written: tuple[Path, Any]
) -> None:
    path, data = written
    followed(data, starts_ms=starts_ms, cuts=(600, 900))
    data.save_as(path)
    read = read_ecg(path)
    assert (read.n_samples, len(read.source.details["other_groups"])) == (kept, named)


@pytest.mark.parametrize(
    ("scheme", "value", "lead"),
    [("MDC", "2:1", "I"), ("SCPECG", "5.6.3-9-61", "III"), ("MDC", "131136", "aVF"), ("MDC", "2:38", "V6"),
     ("99LOCAL", "2:1", None), ("MDC", "2:0", None)],
)  # fmt: skip
def test_codes_of_leads_follow_cid_3001(scheme: str, value: str, lead: str | None) -> None:
    assert lead_of_code(scheme, value) == lead


def test_codes_agree_with_pydicoms_copy_of_cid_3001() -> None:
    from pydicom.sr.codedict import codes

    from ecg_engine.dicom.codes import BY_NAME

    for name in ("I", "II", "III", "V1", "V2", "V3", "V4", "V5", "V6", "V7", "V8", "V9", "V3R", "V4R"):
        assert getattr(codes.cid3001, f"Lead{name}").value == f"2:{BY_NAME[name][0]}"


def test_uncoded_leads_go_by_label_and_then_by_meaning(written: tuple[Path, Any]) -> None:
    path, data = written
    channels = data.WaveformSequence[0].ChannelDefinitionSequence
    del channels[0].ChannelSourceSequence
    channels[0].ChannelLabel = "Lead aVF"
    del channels[1].ChannelLabel
    channels[1].ChannelSourceSequence[0].CodingSchemeDesignator = "99LOCAL"
    channels[1].ChannelSourceSequence[0].CodeMeaning = "Lead I (Einthoven)"
    channels[5].ChannelSourceSequence[0].CodeValue = "2:9"
    data.save_as(path)
    assert read_ecg(path).leads[:6] == ("aVF", "I", "III", "aVR", "aVL", "V7")


def test_cp1251_and_utf_8_names_that_claim_another_character_set_are_mended() -> None:
    assert mended("Иванов".encode("cp1251").decode("latin-1")) == "Иванов"
    assert mended("Иванов^Пётр".encode("cp1251").decode("latin-1")) == "Иванов^Пётр"
    assert mended("Иванов".encode().decode("latin-1")) == "Иванов"
    for kept in ("Müller^Jörg", "Ångström", "Ivanov", "Иванов", "Æsa"):
        assert mended(kept) == kept


@pytest.mark.parametrize("claimed", ["ISO_IR 100", "ISO_IR 6", ""])
def test_a_cyrillic_name_in_cp1251_is_read_whatever_it_claims(claimed: str, written: tuple[Path, Any]) -> None:
    path, data = written
    data.SpecificCharacterSet = claimed
    data["PatientName"] = pydicom.DataElement(0x00100010, "PN", "Иванов^Пётр".encode("cp1251"))
    data.save_as(path)
    assert read_ecg(path).patient.name == "Иванов Пётр"


@pytest.mark.parametrize("charset", ["ISO_IR 144", "ISO_IR 192", "ISO 2022 IR 144"])
def test_a_cyrillic_name_in_a_true_character_set_is_read(charset: str, written: tuple[Path, Any]) -> None:
    path, data = written
    data.SpecificCharacterSet = charset
    data.PatientName = "Иванов^Пётр"
    data.save_as(path)
    assert read_ecg(path).patient.name == "Иванов Пётр"


@pytest.mark.parametrize(
    ("text", "years"), [("061Y", 61), ("006M", 0.5), ("52", None), ("052W", 0.9966), ("999Y", None)]
)
def test_ages(text: str, years: float | None, written: tuple[Path, Any]) -> None:
    path, data = written
    with pydicom.config.disable_value_validation():
        data.PatientAge = text
        data.save_as(path)
    found = read_ecg(path).patient.age_years
    assert found == (None if years is None else pytest.approx(years, abs=1e-3))


def test_an_unknown_start_is_unknown_again(recording: Recording, tmp_path: Path) -> None:
    write_ecg(Recording(signal=recording.signal, fs=500, leads=recording.leads), tmp_path / "a.dcm")
    assert read_ecg(tmp_path / "a.dcm").start is None


@pytest.mark.parametrize(
    ("leads", "fs", "n", "kind"),
    [
        (12, 500, 5000, "12-lead ECG"),
        (12, 500, 20_000, "General ECG"),
        (3, 1000, 5000, "12-lead ECG"),
        (2, 250, 5000, "General ECG"),
        (3, 128, 5000, "Ambulatory ECG"),
    ],
)
def test_the_narrowest_object_that_fits_is_written(leads: int, fs: float, n: int, kind: str, tmp_path: Path) -> None:
    names = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")[:leads]
    write_ecg(Recording(signal=np.zeros((leads, n)), fs=fs, leads=names), tmp_path / "a.dcm")
    assert read_ecg(tmp_path / "a.dcm").source.details["sop_class"] == kind


@pytest.mark.parametrize(("leads", "fs"), [(12, 2000), (13, 128), (2, 30)])
def test_what_no_object_can_hold_is_refused(leads: int, fs: float, tmp_path: Path) -> None:
    names = tuple(f"ECG{i}" for i in range(leads))
    with pytest.raises(UnsupportedFormatError, match="EDF or WFDB"):
        write_ecg(Recording(signal=np.zeros((leads, 100)), fs=fs, leads=names), tmp_path / "a.dcm")


def test_marks_keep_place_length_and_lead(recording: Recording, tmp_path: Path) -> None:
    marks = (Annotation(sample=0, text="начало"), Annotation(sample=10, text="QRS", duration=40, lead="V2"))
    given = Recording(signal=recording.signal, fs=500, leads=recording.leads, annotations=marks)
    write_ecg(given, tmp_path / "a.dcm")
    assert read_ecg(tmp_path / "a.dcm").annotations == marks


def test_a_cut_file_is_corrupt(written: tuple[Path, Any]) -> None:
    path, _ = written
    whole = path.read_bytes()
    for share in (0.02, 0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(FormatError) as caught:
            read_ecg(path)
        assert caught.value.path == str(path)


def test_a_header_that_declares_a_million_million_samples_takes_no_memory(written: tuple[Path, Any]) -> None:
    path, data = written
    data.WaveformSequence[0].NumberOfWaveformSamples = 0xFFFFFFFF
    data.save_as(path)
    with pytest.raises(CorruptFormatError, match="bytes where its header says"):
        read_ecg(path)


@pytest.mark.parametrize("keyword", ["SamplingFrequency", "NumberOfWaveformSamples", "ChannelDefinitionSequence",
                                     "WaveformData", "WaveformBitsAllocated"])  # fmt: skip
def test_a_missing_attribute_is_a_format_error(keyword: str, written: tuple[Path, Any]) -> None:
    path, data = written
    delattr(data.WaveformSequence[0], keyword)
    data.save_as(path)
    with pytest.raises(FormatError):
        read_ecg(path)


def test_a_lead_without_sensitivity_is_named(written: tuple[Path, Any]) -> None:
    path, data = written
    del data.WaveformSequence[0].ChannelDefinitionSequence[4].ChannelSensitivity
    data.save_as(path)
    with pytest.raises(CorruptFormatError, match="lead aVL") as caught:
        read_ecg(path)
    assert caught.value.lead == "aVL"


def test_an_image_is_no_ecg(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    with pytest.raises(UnsupportedFormatError, match="without waveforms"):
        read_ecg(str(get_testdata_file("CT_small.dcm")))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize(("leads", "fs"), [(12, 500), (2, 500), (3, 128)])
def test_dciodvfy_finds_no_error(leads: int, fs: float, recording: Recording, tmp_path: Path) -> None:
    given = Recording(
        signal=recording.signal[:leads], fs=fs, leads=recording.leads[:leads], start=datetime(2024, 1, 2, 3, 4, 5),
        patient=recording.patient,
        source=replace(recording.source, measurements=MEASURED) if leads == 12 else Source(),
        annotations=recording.annotations,
    )  # fmt: skip
    write_ecg(given, tmp_path / "a.dcm")
    found = subprocess.run(["dciodvfy", str(tmp_path / "a.dcm")], capture_output=True, text=True, check=False)
    assert "Error" not in found.stderr + found.stdout


def test_a_device_file_gives_measurements_statements_and_marks(data_folder: Path) -> None:
    path = data_folder / "vendor" / "dicom" / "waveform_ecg.dcm"
    read = read_ecg(path)
    assert (read.fs, read.n_samples, read.n_leads) == (1000.0, 10_000, 12)
    np.testing.assert_allclose(read.signal, pydicom.dcmread(path).waveform_array(0).T / 1000, atol=1e-9)
    assert read.source.filters == Filters(highpass_hz=0.05, lowpass_hz=300.0)
    assert read.source.measurements["qrs_ms"] == 75
    assert len(read.source.statements) == 2
    texts = [
        item.ConceptNameCodeSequence[0].CodeMeaning
        for item in pydicom.dcmread(path).WaveformAnnotationSequence
        if "ReferencedSamplePositions" in item
    ]
    assert sorted(mark.text for mark in read.annotations) == sorted(texts)
    assert read.start == datetime(2013, 1, 25, 10, 59, 19)
    assert isinstance(read.patient, Patient) and read.patient.age_years == 42


MEASURED = {
    "rr_ms": 811.5, "heart_rate_bpm": 73.937, "p_duration_ms": 104.0, "pr_ms": 162.0, "qrs_ms": 92.0, "qt_ms": 402.0,
    "qtc_bazett_ms": 446.0, "qtc_fridericia_ms": 431.0, "p_axis_deg": 51.0, "qrs_axis_deg": -34.0, "t_axis_deg": 0.0,
}  # fmt: skip


def test_measurements_of_the_device_return(recording: Recording, tmp_path: Path) -> None:
    source = Source(measurements=MEASURED, statements=("Норма",))
    write_ecg(replace(recording, source=source), tmp_path / "a.dcm")
    read = read_ecg(tmp_path / "a.dcm").source
    assert (read.measurements, read.statements) == (MEASURED, ("Норма",))


def test_measurements_carry_the_codes_of_pydicoms_copy_of_the_standard(recording: Recording, tmp_path: Path) -> None:
    write_ecg(replace(recording, source=Source(measurements=MEASURED)), tmp_path / "a.dcm")
    known = {
        (value, meaning, cid)
        for one in concepts["MDC"].values()
        for value, (meaning, cids) in one.items()
        for cid in cids
    }  # fmt: skip
    said = {}
    for item in pydicom.dcmread(tmp_path / "a.dcm").WaveformAnnotationSequence:
        if "NumericValue" in item:
            code, unit = item.ConceptNameCodeSequence[0], item.MeasurementUnitsCodeSequence[0]
            assert unit.CodingSchemeDesignator == "UCUM"
            said[code.CodeValue] = (code.CodingSchemeDesignator, code.CodeMeaning, unit.CodeValue)
    intervals = ("2:16168", "2:15872", "2:16156", "2:16160", "2:16184", "2:15880", "2:15892")
    for value in (*intervals, "2:16128", "2:16132", "2:16136"):
        scheme, meaning, unit = said[value]
        assert (scheme, unit) == ("MDC", "ms" if value in intervals else "deg")
        assert known & {(value, meaning, cid) for cid in (3227, 3228, 3229)}
    assert said["8867-4"] == ("LN", "Heart rate", "{H.B.}/min")


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (OSError("unexpected end"), CorruptFormatError, "ends too soon.*export it again"),
        (OSError(5, "Input/output error"), FormatError, "Input/output error.*check the file"),
    ],
)
def test_library_that_runs_out_of_bytes_is_told_from_a_disk_that_fails(raised, kind, said):
    with (
        pytest.raises(FormatError, match=said) as caught,
        translated("a.dcm", what="the file", remedy="export it again"),
    ):
        raise raised
    assert type(caught.value) is kind
