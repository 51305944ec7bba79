"""Taking the patient out: what goes, what stays, that the key decides, and that no byte is left in any format."""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import b32encode
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.errors import InputError
from ecg_engine.formats import FORMATS, Anonymizer, read_ecg, write_ecg
from ecg_engine.formats.anonymize import names_patient, read_key
from ecg_engine.types import Annotation, Patient, Recording, Source

KEY = b"0123456789abcdef"
WRITTEN = [row for row in FORMATS if row.writer is not None]
NAME, ID, BIRTH = "Щукина Юлия Петровна", "KARTA-778899", date(1941, 11, 27)


def somebody(recording: Recording) -> Recording:
    patient = Patient(
        id=ID, name=NAME, birth_date=BIRTH, age_years=82, sex="F", pacemaker=True, complaint="боль, Щукина",
        drugs=("эгилок (Щукиной)",),
    )  # fmt: skip
    source = replace(
        recording.source,
        device="Acme X1 SN 55667788",
        path="/home/Щукина.edf",
        statements=("Sinus rhythm", "Confirmed by Dr. House", "Щукина: QT 400", "Врач Иванов И.И.", "Blatt 12.03.2024"),
        measurements={"qrs_ms": 98.0},
        details={"room": "Щукина", "device_serial": "55667788"},
    )
    marks = Annotation(sample=5, symbol="V", text="Щукина Ю.П."), Annotation(sample=9, symbol="+", text="(AFIB")
    return replace(recording, patient=patient, source=source, annotations=marks)


def test_what_goes_and_what_stays(recording: Recording) -> None:
    given = somebody(recording)
    hidden = Anonymizer(key=KEY)(given)
    patient = hidden.patient
    assert (patient.name, patient.birth_date, patient.complaint, patient.drugs) == (None, None, None, ())
    assert (patient.age_years, patient.sex, patient.pacemaker) == (82, "F", True)
    assert (hidden.source.device, hidden.source.path, hidden.source.details) == ("Acme X1", None, {})
    assert hidden.source.statements == ("Sinus rhythm",)
    assert hidden.source.measurements == {"qrs_ms": 98.0} and hidden.source.filters == given.source.filters
    assert hidden.annotations == (Annotation(sample=5, symbol="V"), Annotation(sample=9, symbol="+", text="(AFIB"))
    np.testing.assert_array_equal(hidden.signal, given.signal)


def test_pseudonym_and_shift_are_the_keyed_hash_of_the_number(recording: Recording) -> None:
    hide, given = Anonymizer(key=KEY), somebody(recording)
    who = b"id\0" + ID.lower().encode()
    code = b32encode(hmac.new(KEY, b"patient\0" + who, hashlib.sha256).digest()).decode()[:12]
    assert hide(given).patient.id == f"P-{code}"
    days = 1 + int.from_bytes(hmac.new(KEY, b"days\0" + who, hashlib.sha256).digest()[:8], "big") % 3652
    assert hide.days(given) == days
    assert hide(given).start == given.start - timedelta(days=days)


def test_two_visits_keep_their_distance_and_two_patients_differ(recording: Recording) -> None:
    hide, one = Anonymizer(key=KEY), somebody(recording)
    later = replace(one, start=one.start + timedelta(days=40, hours=3), signal=one.signal + 1)
    assert hide(later).patient.id == hide(one).patient.id
    assert hide(later).start - hide(one).start == timedelta(days=40, hours=3)
    assert hide(one).start.time() == one.start.time()
    other = replace(one, patient=replace(one.patient, id="KARTA-778898"))
    assert hide(other).patient.id != hide(one).patient.id
    assert Anonymizer(key=KEY[::-1])(one).patient.id != hide(one).patient.id
    # Spelled otherwise, it is the same number; without one, name and birth date tell.
    assert hide(replace(one, patient=Patient(id=" karta-778899 "))).patient.id == hide(one).patient.id
    nameless = [replace(one, patient=Patient(name=n, birth_date=b)) for n, b in
                ((NAME, BIRTH), (NAME.upper(), BIRTH), (NAME, date(1941, 11, 28)))]  # fmt: skip
    ids = [hide(r).patient.id for r in nameless]
    assert ids[0] == ids[1] != ids[2]
    nobody = replace(one, patient=Patient())
    assert hide(nobody).patient.id != hide(replace(nobody, signal=one.signal + 1)).patient.id


@pytest.mark.parametrize(
    ("patient", "age"),
    [
        (Patient(age_years=89), 89), (Patient(age_years=90), 90), (Patient(age_years=101.5), 90),
        (Patient(age_years=0.25), 0.25), (Patient(birth_date=date(1920, 1, 1)), 90),
        (Patient(birth_date=date(1964, 3, 6)), 59), (Patient(), None),
    ],
)  # fmt: skip
def test_ages_above_89_are_90(patient: Patient, age: float | None, recording: Recording) -> None:
    assert recording.start == datetime(2024, 3, 5, 11, 22, 33, 250_000)
    assert Anonymizer(key=KEY)(replace(recording, patient=patient)).patient.age_years == age


@pytest.mark.parametrize(
    ("device", "left"),
    [
        ("Acme X1", "Acme X1"), ("Acme X1, S/N: A-7", "Acme X1"), ("Acme X1 (Serial no. 5)", "Acme X1"),
        ("Кардиограф К12 зав. № 345", "Кардиограф К12"), ("X1 9988776655", "X1"), ("Щукина", None), (None, None),
    ],
)  # fmt: skip
def test_serial_numbers_go(device: str | None, left: str | None, recording: Recording) -> None:
    given = somebody(recording)
    given = replace(given, source=replace(given.source, device=device))
    assert Anonymizer(key=KEY)(given).source.device == left


def test_keys(recording: Recording) -> None:
    with pytest.raises(InputError, match="16"):
        Anonymizer(key=b"short")
    assert read_key("  00ff" * 1 + "\n") == b"\x00\xff" and read_key(b"any words\n") == b"any words"
    assert "0123456789abcdef" not in repr(Anonymizer(key=KEY))


def test_a_files_name_may_name_the_patient() -> None:
    patient = Patient(id=ID, name=NAME)
    assert names_patient("ЩУКИНА.edf", patient) and names_patient("x_karta-778899.edf", patient)
    assert not names_patient("visit-1.edf", patient)


def traces() -> list[bytes]:
    """What could be left of name, number, birth date, serial and start, in each way to write it."""
    texts = [*NAME.split(), *NAME.upper().split(), ID, "778899", "55667788", "Shchukina", "Iuliia", "Petrovna", "House"]
    texts += [
        "27-NOV-1941",
        "1941-11-27",
        "19411127",
        "27.11.1941",
        "2024-03-05",
        "20240305",
        "05-MAR-2024",
        "05.03.24",
    ]
    encodings = ("utf-8", "cp1251", "koi8-r", "iso8859-5", "utf-16-le", "utf-16-be")
    out = [text.encode(name) for text in texts for name in encodings]
    for year, month, day in ((1941, 11, 27), (2024, 3, 5)):
        out += [struct.pack("<3h", day, month, year), struct.pack("<HBB", year, month, day)]
    return out


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
@pytest.mark.parametrize("hide", [True, False], ids=["hidden", "open"])
def test_no_byte_is_left_in_any_format(hide: bool, row: object, recording: Recording, tmp_path: Path) -> None:
    given = somebody(recording)
    path = tmp_path / f"visit{row.suffixes[0]}"  # type: ignore[attr-defined]
    write_ecg(Anonymizer(key=KEY)(given) if hide else given, path)
    raw = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
    if row.name == "npz":  # type: ignore[attr-defined]
        with np.load(path) as arrays:
            raw = str(arrays["facts"]).encode()
    found = [trace for trace in traces() if trace in raw]
    # The same search finds them where they are: it is no empty test.
    assert bool(found) is not hide, found
    if hide:
        assert read_ecg(path).patient.id == Anonymizer(key=KEY)(given).patient.id


@pytest.mark.parametrize("source", ["dicom", "scp", "aecg", "edf"])
def test_a_read_file_leaves_nothing_in_another(source: str, recording: Recording, tmp_path: Path) -> None:
    """What readers put among the details, and what file names hold, does not come through either."""
    suffix = next(row.suffixes[0] for row in FORMATS if row.name == source)
    write_ecg(somebody(recording), tmp_path / f"Щукина{suffix}")
    hidden = Anonymizer(key=KEY)(read_ecg(tmp_path / f"Щукина{suffix}"))
    write_ecg(hidden, tmp_path / "out.json")
    raw = (tmp_path / "out.json").read_bytes()
    assert [trace for trace in traces() if trace in raw] == []
    assert hidden.source == Source(
        format=source, device=hidden.source.device, filters=hidden.source.filters, lsb_mv=hidden.source.lsb_mv,
        measurements=hidden.source.measurements, statements=hidden.source.statements,
    )  # fmt: skip
