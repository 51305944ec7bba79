"""Files as devices wrote them: read by us and by readers that are not ours, sample by sample.

The files stay where they are (``$ECG_ENGINE_DATA/ecg/vendor``; some are GPL). For CardioSoft, Schiller and Kardia
there is no second reader; there the test takes the numbers out of the file by the shortest way.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, FormatError, UnsupportedFormatError
from ecg_engine.formats import FORMATS, Format, read_ecg, write_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Recording

AECG = ("hl7_example", "lir_hl7aecg_example", "subject1_0", "minimum_aecg", "minimum_aecg_effectiveTime_high",
        "minimum_aecg_effectiveTime_interval", "minimum_aecg_effectiveTime_low", "minimum_aecg_nouuid")  # fmt: skip
MUSE = ("braveheart_example1", "braveheart_example2", "braveheart_example3", "muse-sinus")
SIERRA = ("129DYPRG.XML", "3191723_ZZDEMOPTONLY_1-04_orig.xml", "ad4d3d80-d165_1-04_orig.xml")
#: What every file is, as its page says: leads, rate, samples.
KARDIA = {"1_lead.atc": (1, 9000), "6_lead.atc": (6, 9000), "test_AFib_ef.atc": (1, 8999)}


@pytest.fixture
def vendor(data: Path) -> Path:
    """The folder of devices' files, where it is."""
    folder = data / "ecg" / "vendor"
    if not folder.is_dir():
        pytest.skip("ECG_ENGINE_DATA holds no files of devices")
    return folder


def peer(path: Path):  # type: ignore[no-untyped-def]
    """The same file as ecgdatakit reads it."""
    module = pytest.importorskip("ecgdatakit", reason="the second reader, ecgdatakit, is not installed")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return module.FileParser().parse(path)


@pytest.mark.parametrize("name", AECG)
def test_aecg(name: str, vendor: Path) -> None:
    path = vendor / "aecg" / f"{name}.xml"
    found, other = read_ecg(path), peer(path)
    assert found.leads == tuple(lead.label for lead in other.leads)
    assert {found.fs} == {float(lead.sampling_rate) for lead in other.leads}
    np.testing.assert_allclose(found.signal, [lead.samples for lead in other.leads], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.source.lsb_mv, [lead.resolution / 1000 for lead in other.leads])
    assert found.start == other.recording.date


@pytest.mark.parametrize("name", MUSE)
def test_muse(name: str, vendor: Path) -> None:
    path = vendor / "muse" / f"{name}.xml"
    found, other = read_ecg(path), peer(path)
    assert (found.leads, found.fs, found.n_samples) == (STANDARD_LEADS, 500.0, 5000)
    for lead in other.leads:
        np.testing.assert_allclose(found.lead(lead.label), lead.samples, rtol=0, atol=1e-12)
    assert found.source.beat is not None
    assert {lead.label for lead in other.leads} <= set(found.source.beat.leads)
    assert found.source.measurements["heart_rate_bpm"] == other.measurements.heart_rate
    assert found.start == other.recording.date


def test_muse_says_who_and_what(vendor: Path) -> None:
    found = read_ecg(vendor / "muse" / "muse-sinus.xml")
    assert (found.patient.name, found.patient.age_years, found.patient.sex) == ("DOE JOHN", 43, "M")
    assert found.source.statements[:2] == ("Normal Sinus rhythm", "Anterior infarct, age undetermined")


def odd_below_zero(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total = a + b
    return (total < 0) & (total % 2 != 0)


@pytest.mark.parametrize("name", SIERRA)
def test_sierra(name: str, vendor: Path) -> None:
    path = vendor / "sierra" / name
    found, other = read_ecg(path), peer(path)
    assert (found.leads, found.fs) == (STANDARD_LEADS, 500.0)
    ours = np.round(found.signal / 0.005).astype(int)
    theirs = np.round(np.array([lead.samples for lead in other.leads]) / 0.005).astype(int)
    assert theirs.shape == (12, 5500) and ours.shape[1] > 5000
    # What we leave off holds the pulse that calibrates paper and nothing else.
    assert set(np.unique(theirs[:, ours.shape[1] :])) == {0, 200}
    theirs = theirs[:, : ours.shape[1]]
    same = [0, 1, 2, 6, 7, 8, 9, 10, 11]
    np.testing.assert_array_equal(ours[same], theirs[same])
    # They halve downwards, we towards zero: one step apart where an odd sum is below zero, and nowhere else.
    for row, sign, (a, b) in ((3, -1, (ours[0], ours[1])), (4, 1, (ours[0], -ours[2])), (5, 1, (ours[1], ours[2]))):
        np.testing.assert_array_equal(ours[row] - theirs[row], sign * odd_below_zero(a, b).astype(int))


@pytest.mark.parametrize("name", SIERRA)
def test_sierra_obeys_goldberger_on_both_sides_of_zero(name: str, vendor: Path) -> None:
    """Where the law gives half a step, the lead is the step above or below it, whatever the sign of either."""
    steps = np.round(read_ecg(vendor / "sierra" / name).signal / 0.005)
    one, two, three, right, left, foot = steps[:6]
    for lead, law in ((right, -(one + two) / 2), (left, (one - three) / 2), (foot, (two + three) / 2)):
        half = law % 1 != 0
        for side in (law > 0, law < 0):
            assert np.mean(np.abs(lead - law)[half & side] <= 0.5) > 0.95


@pytest.mark.parametrize("name", SIERRA)
def test_sierra_beside_the_first_reader_of_all(name: str, vendor: Path) -> None:
    module = pytest.importorskip("sierraecg", reason="the second reader, sierraecg, is not installed")
    found, other = read_ecg(vendor / "sierra" / name), module.read_file(str(vendor / "sierra" / name))
    for i in (0, 1, 2, 6, 7, 8, 9, 10, 11):
        np.testing.assert_allclose(found.signal[i], other.leads[i].samples[: found.n_samples] * 0.005, atol=1e-12)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


def test_cardiosoft(vendor: Path) -> None:
    path = vendor / "cardiosoft" / "restecg.xml"
    found = read_ecg(path)
    strip = text_of(path).split("<StripData>")[1].split("</StripData>")[0]
    rows = {lead: text.split(",") for lead, text in re.findall(r'lead="(\w+)">([-\d,\s]+)<', strip)}
    assert found.leads == tuple(rows) == STANDARD_LEADS
    np.testing.assert_allclose(found.signal, np.array(list(rows.values()), dtype=float) * 0.005, rtol=0, atol=1e-12)
    # Six limb leads of ten electrodes: the law holds to the rounding of each.
    np.testing.assert_allclose(found.lead("I") + found.lead("III"), found.lead("II"), rtol=0, atol=0.0101)
    assert (found.fs, found.source.measurements["qtc_bazett_ms"]) == (500.0, 401.0)


def test_schiller(vendor: Path) -> None:
    path = vendor / "schiller" / "schiller.xml"
    found = read_ecg(path)
    rhythm = text_of(path).split("<type>ECG_RHYTHMS")[1].split("</wavedata>")[0]
    rows = [text.split(",") for text in re.findall(r"<data>([-\d,\s]+)</data>", rhythm)]
    np.testing.assert_allclose(found.signal, np.array(rows, dtype=float) / 1000, rtol=0, atol=1e-12)
    assert (found.leads, found.fs, found.n_samples) == (STANDARD_LEADS, 500.0, 4998)
    np.testing.assert_allclose(found.lead("I") + found.lead("III"), found.lead("II"), rtol=0, atol=0.0101)


@pytest.mark.parametrize("name", sorted(KARDIA))
def test_kardia(name: str, vendor: Path) -> None:
    path = vendor / "kardia" / name
    found, raw = read_ecg(path), path.read_bytes()
    n_leads, n_samples = KARDIA[name]
    assert (found.n_leads, found.n_samples, found.fs) == (n_leads, n_samples, 300.0)
    for i, block in enumerate((b"ecg ", b"ecg2", b"ecg3", b"ecg4", b"ecg5", b"ecg6")[:n_leads]):
        at = raw.index(block + struct.pack("<I", 2 * n_samples)) + 8
        np.testing.assert_allclose(found.signal[i], np.frombuffer(raw, "<i2", n_samples, at) * 0.0005, atol=1e-12)


def test_what_is_broken_is_refused_for_its_true_reason(vendor: Path) -> None:
    with pytest.raises(CorruptFormatError, match="checksum of its block 'ecg'"):
        read_ecg(vendor / "kardia" / "broken_checksum.atc")
    with pytest.raises(UnsupportedFormatError, match="without a waveform"):
        read_ecg(vendor / "aecg" / "empty.xml")


@pytest.mark.parametrize(
    "name", ["muse/muse-sinus.xml", "sierra/129DYPRG.XML", "cardiosoft/restecg.xml", "schiller/schiller.xml",
             "kardia/6_lead.atc", "aecg/hl7_example.xml", "scp/Example.scp", "dicom/waveform_ecg.dcm"]
)  # fmt: skip
def test_a_devices_file_becomes_an_annotated_ecg_and_returns(name: str, vendor: Path, tmp_path: Path) -> None:
    given = read_ecg(vendor / name)
    write_ecg(given, tmp_path / "a.xml")
    found = read_ecg(tmp_path / "a.xml")
    step = np.array(given.source.lsb_mv)[:, np.newaxis]
    assert (np.abs(found.signal - given.signal) <= step).all()
    assert header(found) == header(given)


def header(recording: Recording) -> tuple[object, ...]:
    who, source = recording.patient, recording.source
    return (
        recording.leads, recording.fs, recording.start, who.id, who.name, who.birth_date, who.age_years, who.sex,
        source.device, source.filters, source.statements, recording.annotations,
    )  # fmt: skip


@pytest.mark.parametrize("row", [row for row in FORMATS if row.tried], ids=lambda row: row.name)
def test_the_table_of_formats_counts_the_files_it_was_tried_on(row: Format) -> None:
    folder = os.environ.get("ECG_ENGINE_DATA")
    vendor = Path(folder or "") / "ecg" / "vendor" / row.name
    if not folder or not vendor.is_dir():
        pytest.skip("no files of devices in this format")
    read = 0
    for path in vendor.iterdir():
        with contextlib.suppress(FormatError):
            read += read_ecg(path).source.format == row.name
    assert int(row.tried.split()[0]) == read
