"""Our own JSON: every bit returns, hand-written files read, others are told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from ecg_engine.errors import CorruptFormatError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.formats import read_ecg, write_ecg
from ecg_engine.types import Annotation, DeviceBeat, Filters, Patient, Recording, Source

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "recording.schema.json").read_bytes())


def everything() -> Recording:
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(2, 500))
    signal[0, 7] = np.nan
    return Recording(
        signal=signal, fs=333.25, leads=("II", "CM5"),
        start=datetime(2024, 3, 5, 11, 22, 33, 125_000, tzinfo=timezone(timedelta(hours=5))),
        patient=Patient(id="7", name="Щукина Юлия", birth_date=date(1950, 1, 2), age_years=74.2, sex="F",
                        pacemaker=False, complaint="боль", drugs=("эгилок",)),
        source=Source(
            device="Acme", filters=Filters(lowpass_hz=40.0), lsb_mv=(0.005, 0.0025), measurements={"qrs_ms": 98.0},
            statements=("Sinus rhythm",), details={"room": "4", "odd": float("nan")},
            beat=DeviceBeat(signal=rng.normal(size=(2, 50)), fs=500.0, leads=("II", "CM5"), marks={"qrs_onset": 12}),
        ),
        annotations=(Annotation(sample=3, symbol="V", text="a", duration=2, lead="II"), Annotation(sample=0)),
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_everything_returns_to_the_last_bit(suffix: str, tmp_path: Path) -> None:
    given = everything()
    write_ecg(given, tmp_path / f"a{suffix}")
    read = read_ecg(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read.signal, given.signal)
    assert (read.fs, read.leads, read.start, read.patient) == (given.fs, given.leads, given.start, given.patient)
    assert read.annotations == given.annotations
    for name in ("device", "filters", "lsb_mv", "measurements", "statements"):
        assert getattr(read.source, name) == getattr(given.source, name), name
    assert read.source.details == {"room": "4", "odd": None}
    np.testing.assert_array_equal(read.source.beat.signal, given.source.beat.signal)
    assert read.source.beat.marks == {"qrs_onset": 12}


def test_the_schema_holds_for_both_ways_to_write_samples(recording: Recording, tmp_path: Path) -> None:
    gap = np.round(recording.signal * 1000) * 0.001  # a digit times a step, as readers make it
    gap[2, 5:9] = np.nan
    for given, encoding in ((replace(recording, signal=gap), "int16"), (everything(), "float64")):
        write_ecg(given, tmp_path / "a.json")
        said = json.loads((tmp_path / "a.json").read_bytes())
        jsonschema.validate(said, SCHEMA)
        assert {lead["encoding"] for lead in said["leads"]} == {encoding}
        np.testing.assert_array_equal(read_ecg(tmp_path / "a.json").signal, given.signal)


def by_hand(**change: Any) -> dict[str, Any]:
    leads = [{"name": "ii", "data": [0.1, None, -0.2]}, {"name": "V1", "data": [1, 2, 3]}]
    return {"schema": "ecg_engine.recording", "version": 1, "fs": 500, "leads": leads} | change


def test_a_file_written_by_hand(tmp_path: Path) -> None:
    jsonschema.validate(by_hand(), SCHEMA)
    (tmp_path / "a.json").write_text(json.dumps(by_hand()), encoding="utf-8-sig")
    read = read_ecg(tmp_path / "a.json")
    assert read.leads == ("II", "V1")
    np.testing.assert_array_equal(read.signal, [[0.1, np.nan, -0.2], [1, 2, 3]])


@pytest.mark.parametrize(
    "change",
    [
        {"fs": None}, {"fs": "500"}, {"fs": 0}, {"fs": True}, {"leads": []}, {"leads": {"II": [1]}},
        {"leads": [[1, 2]]},
        {"leads": [{"name": "I"}]}, {"leads": [{"name": "I", "data": "AAA", "encoding": "int16", "lsb_mv": 1}]},
        {"leads": [{"name": "I", "data": "AAAA", "encoding": "int16", "lsb_mv": 1}]},
        {"leads": [{"name": "I", "data": "AAA=", "encoding": "int16"}]},
        {"leads": [{"name": "I", "data": [1], "encoding": "zip"}]}, {"leads": [{"name": "I", "data": [[1]]}]},
        {"leads": [{"name": "I", "data": [1]}, {"name": "II", "data": [1, 2]}]},
        {"leads": [{"name": "I", "data": [1]}, {"name": "I", "data": [1]}]},
        {"patient": {"age_years": 200}}, {"patient": {"sex": "x"}}, {"patient": {"name": 5}}, {"patient": "A"},
        {"start": "yesterday"}, {"start": 5}, {"annotations": [{"sample": -1}]}, {"annotations": [{"sample": 1.5}]},
        {"annotations": [5]}, {"source": {"lsb_mv": [1]}}, {"source": {"beat": {"fs": 500, "leads": []}}},
        {"source": {"measurements": {"a": "b"}}}, {"source": {"statements": "one"}},
    ],
)  # fmt: skip
def test_what_is_not_as_described_is_corrupt(change: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(by_hand(**change)))
    with pytest.raises(CorruptFormatError):
        read_ecg(tmp_path / "a.json")


def test_other_json_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, error in (
        ('{"report": 1}', UnsupportedFormatError),
        (json.dumps(by_hand(version=2)), UnsupportedFormatError),
        (json.dumps(by_hand())[:-5], CorruptFormatError),
        (json.dumps(by_hand())[:-1] + ', "x": NaN}', CorruptFormatError),
        ("[" * 100_000, CorruptFormatError),
    ):
        path.write_text(text)
        with pytest.raises(error):
            read_ecg(path, format="json")
    with pytest.raises((UnsupportedFormatError, UnknownFormatError)):
        path.write_text('{"report": 1}')
        read_ecg(path)
