"""A study's line of the worklist, and its file as a spreadsheet sees it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from ecg_engine.batch.files import remove_parts, write_files, write_whole
from ecg_engine.batch.tables import COLUMNS, cells_of, changes_cells, entry_of, write_quarantine, write_worklist


def finding(code: str, text: str, score: float, report: str = "default") -> dict[str, Any]:
    return {"code": code, "text": text, "score": score, "seen": score >= 0.5, "report": report}


def image(view: str | None, ratio: float | None, *reasons: str) -> dict[str, Any]:
    measured = {} if ratio is None else {"cardiothoracic_ratio": {"value": ratio, "unit": "1"}}
    return {
        "image": {"path": "in/a.dcm"},
        "gate": {"accepted": not reasons, "reasons": list(reasons), "view": view},
        "measurements": {"global": measured},
        "notes": [{"code": "lateral_view", "text": "a lateral view"}],
    }


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "lang": "en",
        "study": {"study_uid": "1.2", "date": "2026-01-15", "time": "23:59:60", "accession": "A1", "modality": "DX",
                  "body_part": "CHEST"},
        "patient": {"id": "007", "sex": "F", "age_years": 61.37},
        "images": [image("LATERAL", None, "lateral_view"), image("PA", 0.5432), image("PA", 0.6)],
        "findings": [finding("effusion", "pleural effusion", 0.876), finding("edema", "oedema", 0.2),
                     finding("nodule_mass", "nodule", 0.7, "research")],
        "urgency": {"level": "urgent", "because": ["effusion", "lateral_view", "no_model", "own_rule"]},
        "priority": 0.123456,
        "changes": [],
        "previous": None,
        "draft": {"conclusion": "Effusion.\nPhysician's conclusion: ___."},
        "notes": [{"stage": "batch", "code": "x", "text": "odd"}, {"stage": "reading", "code": "y", "text": "other"}],
    }  # fmt: skip


def row(tmp_path: Path, cells: dict[str, Any]) -> dict[str, str]:
    write_worklist(tmp_path / "w.csv", [cells])
    with (tmp_path / "w.csv").open(encoding="utf-8-sig", newline="") as file:
        (found,) = csv.DictReader(file)
    return found


def test_a_line_says_what_a_reader_wants(report: dict[str, Any], tmp_path: Path) -> None:
    found = row(tmp_path, cells_of(report, name="1.2", pictures=["0.png", "2.overlay.png"]))
    assert tuple(found) == COLUMNS
    assert found["because"] == "pleural effusion; a lateral view; there is no model that scores this picture; own_rule"
    assert found["findings"] == "pleural effusion 0.88; nodule 0.70 (research)"
    assert (found["priority"], found["age"], found["cardiothoracic_ratio"]) == ("0.1235", "61", "0.543")
    assert (found["view"], found["gate"]) == ("LATERAL; PA", "lateral_view; accepted")
    assert found["conclusion"] == "Effusion. Physician's conclusion: ___."
    assert (found["n_images"], found["notes"]) == ("3", "odd")
    assert found["report"] == "studies/1.2.json"
    assert (found["picture"], found["overlay"]) == ("studies/1.2.0.png", "studies/1.2.2.overlay.png")


def test_codes_stay_for_who_computes_with_them(report: dict[str, Any]) -> None:
    cells = cells_of(report, name="1.2", pictures=[])
    assert cells["because"] == "effusion; lateral_view; no_model; own_rule"
    assert cells["findings"] == "effusion 0.88; nodule_mass 0.70 (research)"
    assert cells["picture"] is cells["overlay"] is None


@pytest.mark.parametrize(("age", "shown"), [(61.37, 61), (10.0, 10), (0.04, 0.0), (2.58, 2.6), (None, None)])
def test_a_small_childs_age_has_a_decimal(report: dict[str, Any], age: float | None, shown: float | None) -> None:
    report["patient"]["age_years"] = age
    assert cells_of(report, name="x", pictures=[])["age"] == shown


@pytest.mark.parametrize(
    ("date", "time", "arrived"),
    [
        ("1970-01-02", "00:00:01", 86401.0),
        ("1970-01-02", None, 86400.0),
        ("1970-01-01", "23:59:60", 86399.0),
        (None, "12:00:00", None),
        ("2026-02-30", None, None),
    ],
)
def test_a_study_waits_since_it_was_taken(
    report: dict[str, Any], date: str | None, time: str | None, arrived: float | None
) -> None:
    report["study"] |= {"date": date, "time": time}
    assert entry_of(report, "k").arrived == arrived


def test_changes_beyond_the_error_are_told(report: dict[str, Any]) -> None:
    report["previous"] = {"study_uid": "1.1", "date": "2025-01-01"}
    report["changes"] = [
        {"text": "pleural effusion", "before": 0.1, "after": 0.876, "beyond_error": True},
        {"text": "oedema", "before": 0.1, "after": 0.2, "beyond_error": False},
    ]
    assert changes_cells(report) == {"previous": "2025-01-01", "changes": "pleural effusion 0.10 > 0.88"}


def test_a_spreadsheet_reads_the_file_as_it_is_meant(report: dict[str, Any], tmp_path: Path) -> None:
    write_worklist(tmp_path / "w.csv", [cells_of(report, name="1.2", pictures=[])])
    raw = (tmp_path / "w.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and raw.count(b"\r\n") == 2
    line = raw.decode("utf-8-sig").splitlines()[1]
    assert line.startswith('1,"urgent",') and '"007"' in line and ",0.1235," in line, "numbers bare, texts in quotes"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@A1", " =1", "\t=1", "\r\n=1", "\x00=1"])
def test_no_text_becomes_a_formula(cell: str, tmp_path: Path) -> None:
    write_quarantine(tmp_path / "q.csv", [(cell, "a = b", "-")])
    with (tmp_path / "q.csv").open(encoding="utf-8-sig", newline="") as file:
        file_cell, reason, kind = list(csv.reader(file))[1]
    assert file_cell.startswith("'") and kind == "'-" and reason == "a = b"


def test_names_with_odd_spaces_stay_whole(tmp_path: Path) -> None:
    write_quarantine(tmp_path / "q.csv", [("in/a  b .dcm", "x", "y")])
    assert '"in/a  b .dcm"' in (tmp_path / "q.csv").read_text(encoding="utf-8-sig")


def test_a_file_that_cannot_be_written_leaves_the_one_before_and_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_whole(path, b"before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecg_engine.batch.files.os.fsync", full)
    for write in (lambda: write_whole(path, b"x"), lambda: write_files({path: b"x", tmp_path / "b": b"y"})):
        with pytest.raises(OSError, match="No space"):
            write()
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".ecg-abc.part", "a.json", ".ecg-note", "x.part"):
        (tmp_path / name).touch()
    remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ecg-note", "a.json", "x.part"]


def test_files_have_the_rights_of_the_users_mask(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
