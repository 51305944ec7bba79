"""Mortara ELI XML: scale, counts, patient and findings, beside another reader; made-up files only."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnsupportedFormatError
from ecg_engine.formats import read_ecg
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Filters, Patient, Recording
from tests.unit.formats.exports import counts, declared, mortara

ROWS = counts()
BEAT = '<TYPICAL_CYCLE_CHANNEL NAME="II" DATA="AQD//wIA"/>'
MORE = f"""<SOURCE MANUFACTURER="Mortara" MODEL="ELI 250" ACQUIRING_DEVICE_SERIAL_NUMBER="77" LOW_PASS_FILTER="150"/>
<SUBJECT LAST_NAME="Щукина" FIRST_NAME="Юлия" ID="K-7" GENDER="Female" DOB="19630301"/>
<AUTOMATIC_INTERPRETATION><STATEMENT TEXT="SINUS RHYTHM" REASON="rate 60"/><STATEMENT TEXT="NORMAL ECG" REASON=""/>
</AUTOMATIC_INTERPRETATION><TYPICAL_CYCLE PR_DURATION="150" QRS_DURATION="90" QT="400" QTC="410" QTB="" QRS_AXIS="30"
BITS="16" UNITS_PER_MV="1000" SAMPLE_FREQ="1000">{BEAT}</TYPICAL_CYCLE>"""
HEAD = 'ACQUISITION_TIME="20240305112233" AGE="61" AGE_UNITS="YEARS" VENT_RATE="60" AVERAGE_RR="1000"'


def read(tmp_path: Path, text: str, encoding: str = "windows-1251", **options: object) -> Recording:
    path = tmp_path / "a.xml"
    path.write_bytes(declared(text, encoding))
    return read_ecg(path, **options)  # type: ignore[arg-type]


def test_mortara(tmp_path: Path) -> None:
    found = read(tmp_path, mortara(ROWS, attributes=HEAD, more=MORE))
    assert (found.source.format, found.leads, found.fs) == ("mortara", STANDARD_LEADS, 500.0)
    np.testing.assert_allclose(found.signal, ROWS / 400, rtol=0, atol=1e-12)
    assert found.start == datetime(2024, 3, 5, 11, 22, 33)
    assert found.patient == Patient(id="K-7", name="Щукина Юлия", birth_date=date(1963, 3, 1), age_years=61, sex="F")
    source = found.source
    assert (source.device, source.filters) == ("Mortara ELI 250", Filters(lowpass_hz=150.0))
    assert source.measurements == {
        "heart_rate_bpm": 60, "rr_ms": 1000, "pr_ms": 150, "qrs_ms": 90, "qt_ms": 400, "qrs_axis_deg": 30,
    }  # fmt: skip
    assert source.statements == ("SINUS RHYTHM (rate 60)", "NORMAL ECG")
    assert source.details["device_measurements"] == ["QTC: 410 ms"]
    assert source.beat is not None and source.beat.fs == 1000
    np.testing.assert_allclose(source.beat.signal, [[0.001, -0.001, 0.002]])


def test_as_another_reader_reads_it(tmp_path: Path) -> None:
    from ecgdatakit import FileParser

    found = read(tmp_path, mortara(ROWS, attributes=HEAD, more=MORE), "utf-8")
    peer = FileParser().parse(tmp_path / "a.xml")
    assert found.leads == tuple(lead.label for lead in peer.leads)
    np.testing.assert_allclose(found.signal, [lead.samples for lead in peer.leads], rtol=0, atol=1e-9)
    assert (peer.recording.date, peer.patient.patient_id) == (found.start, found.patient.id)


def test_numbers_with_commas_and_lengths_in_ms(tmp_path: Path) -> None:
    text = '<ECG><CHANNEL NAME="V1" UNITS_PER_MV="200" SAMPLE_FREQ="500" DURATION="6" DATA="2,-4,6"/></ECG>'
    np.testing.assert_allclose(read(tmp_path, text).signal, [[0.01, -0.02, 0.03]])


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('SAMPLE_FREQ="500"', "", CorruptFormatError), ('SAMPLE_FREQ="500"', 'SAMPLE_FREQ="-5"', CorruptFormatError),
        ('UNITS_PER_MV="400"', "", CorruptFormatError), ('UNITS_PER_MV="400"', 'UNITS_PER_MV="0"', CorruptFormatError),
        ('BITS="16"', 'BITS="24"', UnsupportedFormatError), ('"SIGNED"', '"FLOAT"', UnsupportedFormatError),
        ('"BASE64"', '"HEX"', UnsupportedFormatError), ('DURATION="600"', 'DURATION="601"', CorruptFormatError),
        ("CHANNEL", "OTHER", UnsupportedFormatError), ('DATA="', 'DATA="*', CorruptFormatError),
        ('DATA="', 'DATA="AAAA', CorruptFormatError),
    ],
)  # fmt: skip
def test_what_is_not_as_described_is_refused(old: str, new: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        read(tmp_path, mortara(ROWS).replace(old, new))
