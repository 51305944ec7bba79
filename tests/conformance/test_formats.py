"""One ECG in every format that is written gives equal recordings, to us and to readers that are not ours."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_engine.formats import FORMATS, read_ecg, write_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Annotation, Filters, Patient, Recording, Source

DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = [row for row in FORMATS if row.writer is not None]
#: What a format cannot say of the patient: EDF allows printable ASCII only, so names go in passport letters.
NAMES = {"edf": "Shchukina Iuliia Petrovna"}
#: Formats that keep the symbol of an annotation beside its text.
KEEP_SYMBOLS = {"wfdb", "aecg", "csv", "ishne", "json", "npz"}
#: Formats without annotations, and without fractions of a second.
NO_ANNOTATIONS = WHOLE_SECONDS = {"scp"}
LSB_MV = 0.005


def visit(*, on_grid: bool = True) -> Recording:
    """Twelve leads of 10 s with all that a header can say; on a grid of 5 µV, or off any."""
    rng = np.random.default_rng(20240305)
    t = np.arange(5000) / 500
    beat = sum(a * np.exp(-(((t % 0.8) - m) ** 2) / (2 * s * s)) for a, m, s in
               ((0.12, 0.16, 0.02), (1.1, 0.32, 0.012), (-0.25, 0.355, 0.012), (0.3, 0.6, 0.05)))  # fmt: skip
    signal = np.outer(rng.uniform(-1, 1.5, 12), beat) + 0.02 * rng.standard_normal((12, 5000))
    return Recording(
        signal=np.round(signal / LSB_MV) * LSB_MV if on_grid else signal,
        fs=500.0,
        leads=STANDARD_LEADS,
        start=datetime(2024, 3, 5, 11, 22, 33, 500_000),
        patient=Patient(id="K-0042", name="Щукина Юлия Петровна", age_years=61, sex="F"),
        source=Source(
            device="Acme X1",
            filters=Filters(highpass_hz=0.05, lowpass_hz=150.0, notch_hz=50.0),
            lsb_mv=(LSB_MV,) * 12 if on_grid else None,
        ),
        annotations=(Annotation(sample=1234, symbol='"', text="боль в груди"),),
    )


def kept_start(given: Recording, *names: str) -> datetime | None:
    """Return what is left of the start behind formats that are passed through."""
    return given.start.replace(microsecond=0) if given.start and WHOLE_SECONDS & {*names} else given.start


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_the_recording_returns(row: object, tmp_path: Path) -> None:
    given, path = visit(), tmp_path / f"visit{row.suffixes[0]}"  # type: ignore[attr-defined]
    name = row.name  # type: ignore[attr-defined]
    write_ecg(given, path)
    read = read_ecg(path)
    assert (read.fs, read.leads, read.start) == (given.fs, given.leads, kept_start(given, name))
    np.testing.assert_allclose(read.signal, given.signal, rtol=0, atol=1e-12)
    np.testing.assert_allclose(read.source.lsb_mv, given.source.lsb_mv, rtol=1e-12)
    patient = given.patient
    assert read.patient == Patient(
        id=patient.id, name=NAMES.get(name, patient.name), age_years=patient.age_years, sex=patient.sex
    )
    assert read.annotations == (() if name in NO_ANNOTATIONS else given.annotations)
    assert (read.source.format, read.source.device, read.source.filters) == (
        name, given.source.device, given.source.filters,
    )  # fmt: skip


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_samples_off_any_grid_return_within_one_step(row: object, tmp_path: Path) -> None:
    given, path = visit(on_grid=False), tmp_path / f"visit{row.suffixes[0]}"  # type: ignore[attr-defined]
    write_ecg(given, path)
    read = read_ecg(path)
    step = np.array(read.source.lsb_mv or (1e-4,) * 12)[:, np.newaxis]
    assert (np.abs(read.signal - given.signal) <= step).all()
    assert step.max() <= 2e-4


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_converting_twice_changes_nothing_more(row: object, tmp_path: Path) -> None:
    suffix = row.suffixes[0]  # type: ignore[attr-defined]
    write_ecg(visit(on_grid=False), tmp_path / f"one{suffix}")
    once = read_ecg(tmp_path / f"one{suffix}")
    write_ecg(once, tmp_path / f"two{suffix}")
    twice = read_ecg(tmp_path / f"two{suffix}")
    np.testing.assert_allclose(twice.signal, once.signal, rtol=0, atol=1e-9)
    assert (twice.patient, twice.start, twice.annotations) == (once.patient, once.start, once.annotations)


@pytest.mark.parametrize("to", WRITTEN, ids=lambda row: f"to {row.name}")
@pytest.mark.parametrize("of", WRITTEN, ids=lambda row: f"from {row.name}")
def test_every_format_becomes_every_other(of: object, to: object, tmp_path: Path) -> None:
    given = visit()
    paths = [tmp_path / f"a{of.suffixes[0]}", tmp_path / f"b{to.suffixes[0]}"]  # type: ignore[attr-defined]
    write_ecg(given, paths[0])
    write_ecg(read_ecg(paths[0]), paths[1])
    read = read_ecg(paths[1])
    start = kept_start(given, of.name, to.name)  # type: ignore[attr-defined]
    assert (read.leads, read.start, read.source.filters) == (given.leads, start, given.source.filters)
    np.testing.assert_allclose(read.signal, given.signal, rtol=0, atol=1e-9)


@pytest.mark.parametrize("row", [row for row in WRITTEN if row.name not in NO_ANNOTATIONS], ids=lambda row: row.name)
def test_symbols_of_beats_return(row: object, tmp_path: Path) -> None:
    name, path = row.name, tmp_path / f"visit{row.suffixes[0]}"  # type: ignore[attr-defined]
    marks = (Annotation(sample=10, symbol="V"), Annotation(sample=700, symbol="+", text="(AFIB"))
    given = visit()
    write_ecg(Recording(signal=given.signal, fs=500, leads=given.leads, annotations=marks), path)
    read = read_ecg(path).annotations
    assert [(m.sample, m.text or m.symbol) for m in read] == [(10, "V"), (700, "(AFIB")]
    if name in KEEP_SYMBOLS:
        assert read == marks


#: Formats without a place for the device's own findings and for a time zone.
NO_FINDINGS = NO_ZONE = {"edf"}


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_findings_of_the_device_and_the_time_zone_return(row: object, tmp_path: Path) -> None:
    name, path = row.name, tmp_path / f"visit{row.suffixes[0]}"  # type: ignore[attr-defined]
    measured = {"rr_ms": 811.0, "heart_rate_bpm": 74.0, "pr_ms": 162.0, "p_duration_ms": 104.0, "qrs_ms": 92.0,
                "qt_ms": 402.0, "qtc_bazett_ms": 446.0, "p_axis_deg": 51.0, "qrs_axis_deg": -34.0,
                "t_axis_deg": 12.0}  # fmt: skip
    said = ("Синусовый ритм, ЧСС 74 в мин", "Отклонение ЭОС влево: -34")
    start = datetime(2024, 3, 5, 11, 22, 33, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    given = visit()
    source = replace(given.source, measurements=measured, statements=said)
    write_ecg(replace(given, start=start, source=source), path)
    read = read_ecg(path)
    assert read.source.measurements == ({} if name in NO_FINDINGS else measured)
    assert read.source.statements == (() if name in NO_FINDINGS else said)
    assert read.start is not None
    assert read.start.isoformat() == (start.replace(tzinfo=None) if name in NO_ZONE else start).isoformat()


def _wfdb(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    import wfdb

    record = wfdb.rdrecord(str(path.with_suffix("")))
    marks = wfdb.rdann(str(path.with_suffix("")), "atr")
    assert list(marks.sample) == [1234] and record.base_datetime == visit().start
    return record.p_signal.T, record.fs, record.sig_name


def _pyedflib(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    import pyedflib

    with pyedflib.EdfReader(str(path)) as file:
        n = file.signals_in_file
        assert {file.getPhysicalDimension(i) for i in range(n)} <= {"uV", "mV"}
        scale = [1e-3 if file.getPhysicalDimension(i) == "uV" else 1.0 for i in range(n)]
        onsets, _, texts = file.readAnnotations()
        np.testing.assert_allclose(onsets, [1234 / 500])
        assert list(texts) == ["боль в груди"]
        assert file.getSex() in ("Female", 0) and file.getPatientName() == NAMES["edf"]
        # Its fraction of a second comes out ten times too small (units of 100 ns taken for ns): edfio's is right.
        assert file.getStartdatetime().replace(microsecond=500_000) == visit().start
        signal = np.stack([file.readSignal(i) * scale[i] for i in range(n)])
        return signal, file.getSampleFrequency(0), [name.removeprefix("ECG ") for name in file.getSignalLabels()]


def _edfio(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    import edfio

    file = edfio.read_edf(path)
    scale = [1e-3 if s.physical_dimension == "uV" else 1.0 for s in file.signals]
    signal = np.stack([s.data * k for s, k in zip(file.signals, scale, strict=True)])
    assert file.startdatetime == visit().start and file.patient.sex == "F"
    return signal, file.signals[0].sampling_frequency, [label.removeprefix("ECG ") for label in file.labels]


def _pydicom(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    import pydicom

    data = pydicom.dcmread(path)
    group = data.WaveformSequence[0]
    assert str(data.PatientName) == "Щукина^Юлия^Петровна" and data.PatientAge == "061Y"
    return (
        data.waveform_array(0).T / 1000,
        float(group.SamplingFrequency),
        [channel.ChannelLabel for channel in group.ChannelDefinitionSequence],
    )


def _csv_module(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    head, *rows = csv.reader(lines)
    return np.array(rows, dtype=float).T, 500.0, [name.removesuffix(" [mV]") for name in head]


def _loadtxt(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    with path.open(encoding="utf-8") as file:
        head = sum(line.startswith("#") for line in file)
    return (
        np.loadtxt(path, delimiter=",", comments="#", skiprows=head + 1, encoding="utf-8").T,
        500.0,
        list(STANDARD_LEADS),
    )


def _ecgdatakit(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    from ecgdatakit import FileParser

    record = FileParser().parse(path)
    assert (record.patient.last_name, record.patient.sex, record.patient.age) == ("Щукина Юлия Петровна", "F", 61)
    assert record.recording.date == kept_start(visit(), path.suffix[1:])
    filters = record.recording.acquisition.filters
    if path.suffix != ".scp":
        assert (filters.highpass, filters.lowpass, filters.notch) == (0.05, 150, 50)
    (fs,) = {lead.sampling_rate for lead in record.leads}
    return np.stack([lead.samples for lead in record.leads]), fs, [lead.label for lead in record.leads]


def _ecgdatakit_ishne(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    from ecgdatakit import FileParser

    record = FileParser().parse(path)
    assert (record.patient.sex, record.recording.date) == ("F", visit().start.replace(microsecond=0))
    # Its texts are Latin-1: the letters are those of CP1251.
    name = f"{record.patient.last_name} {record.patient.first_name}".encode("latin-1").decode("cp1251")
    assert name == visit().patient.name
    (fs,) = {lead.sampling_rate for lead in record.leads}
    return np.stack([lead.samples for lead in record.leads]), fs, [lead.label for lead in record.leads]


def _jsonschema(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    import base64
    import json

    import jsonschema

    said = json.loads(path.read_bytes())
    jsonschema.validate(said, json.loads((DOCS / "recording.schema.json").read_bytes()))
    rows = [np.frombuffer(base64.b64decode(lead["data"]), "<i2") * lead["lsb_mv"] for lead in said["leads"]]
    assert said["patient"]["name"] == visit().patient.name
    return np.stack(rows), said["fs"], [lead["name"] for lead in said["leads"]]


def _numpy(path: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["units"] == "mV"
        return arrays["signal"], float(arrays["fs"]), list(arrays["leads"])


PEERS: list[tuple[str, Callable[[Path], tuple[NDArray[np.float64], float, list[str]]]]] = [
    ("wfdb", _wfdb),
    ("edf", _pyedflib),
    ("edf", _edfio),
    ("dicom", _pydicom),
    ("scp", _ecgdatakit),
    ("aecg", _ecgdatakit),
    ("ishne", _ecgdatakit_ishne),
    ("json", _jsonschema),
    ("npz", _numpy),
    ("csv", _csv_module),
    ("csv", _loadtxt),
]


def test_every_written_format_has_a_reader_that_is_not_ours() -> None:
    assert {name for name, _ in PEERS} == {row.name for row in WRITTEN}


@pytest.mark.parametrize(("name", "peer"), PEERS, ids=lambda value: getattr(value, "__name__", value))
def test_a_reader_that_is_not_ours_reads_the_same(
    name: str, peer: Callable[[Path], tuple[NDArray[np.float64], float, list[str]]], tmp_path: Path
) -> None:
    given = visit()
    path = tmp_path / f"visit{next(row.suffixes[0] for row in WRITTEN if row.name == name)}"
    write_ecg(given, path)
    signal, fs, leads = peer(path)
    assert (fs, tuple(leads)) == (given.fs, given.leads)
    np.testing.assert_allclose(signal, given.signal, rtol=0, atol=1e-9)


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_real_recordings_return(row: object, tmp_path: Path) -> None:
    folder = os.environ.get("ECG_ENGINE_DATA")
    if not folder or not (Path(folder) / "ecg" / "ludb").is_dir():
        pytest.skip("ECG_ENGINE_DATA names no folder with the reference data")
    for header in ("ludb/1", "ludb/101", "qtdb/sel102", "vendor/dicom/waveform_ecg.dcm", "vendor/edf/twelve_lead.edf"):
        given = read_ecg(Path(folder) / "ecg" / header)
        path = tmp_path / f"again{row.suffixes[0]}"  # type: ignore[attr-defined]
        if row.name == "scp" and given.n_samples > 30_000:  # type: ignore[attr-defined]
            given = replace(given, signal=given.signal[:, :30_000])  # a lead has 65535 bytes there
        write_ecg(given, path)
        read = read_ecg(path)
        step = np.array(read.source.lsb_mv or given.source.lsb_mv)[:, np.newaxis]
        assert (read.fs, read.leads) == (given.fs, given.leads)
        assert (np.abs(read.signal - given.signal) <= 0.51 * step).all()


def ptbxl(folder: Path, count: int) -> list[Recording]:
    """Records of PTB-XL, evenly from all, with what its table says of patient, device and start."""
    packed = np.load(folder / "raw_500hz.npz")
    with (folder / "raw_500hz.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lsb_mv = 1 / float(packed["gain_per_mV"])
    return [
        Recording(
            signal=packed["x"][i] * lsb_mv,
            fs=float(packed["fs"]),
            leads=STANDARD_LEADS,
            start=datetime.fromisoformat(rows[i]["recording_date"]),
            patient=Patient(
                id=rows[i]["patient_id"].removesuffix(".0"),
                age_years=float(rows[i]["age"]),
                sex={"0": "M", "1": "F"}[rows[i]["sex"]],
            ),
            source=Source(device=" ".join(rows[i]["device"].split()), lsb_mv=(lsb_mv,) * 12),
        )
        for i in np.linspace(0, len(rows) - 1, count).astype(int)
        if rows[i]["age"]
    ]


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_twenty_records_of_patients_return_with_their_headers(row: object, tmp_path: Path) -> None:
    folder = Path(os.environ.get("ECG_ENGINE_DATA") or "none") / "ecg" / "ptbxl"
    if not folder.is_dir():
        pytest.skip("ECG_ENGINE_DATA names no folder with the reference data")
    records = ptbxl(folder, 20)
    assert len(records) == 20
    for given in records:
        path = tmp_path / f"again{row.suffixes[0]}"  # type: ignore[attr-defined]
        write_ecg(given, path)
        read = read_ecg(path)
        np.testing.assert_allclose(read.signal, given.signal, rtol=0, atol=1e-9)
        assert (read.fs, read.leads, read.start, read.source.device) == (
            given.fs, given.leads, given.start, given.source.device,
        )  # fmt: skip
        assert read.patient == given.patient


def test_a_file_of_a_device_reads_as_another_reader_reads_it() -> None:
    folder = os.environ.get("ECG_ENGINE_DATA")
    if not folder or not (Path(folder) / "ecg" / "vendor").is_dir():
        pytest.skip("ECG_ENGINE_DATA names no folder with the reference data")
    from ecgdatakit import FileParser

    path = Path(folder) / "ecg" / "vendor" / "scp" / "Example.scp"
    read, peer = read_ecg(path), FileParser().parse(path)
    assert read.leads == tuple(lead.label for lead in peer.leads)
    np.testing.assert_allclose(read.signal, [lead.samples for lead in peer.leads], rtol=0, atol=1e-12)
