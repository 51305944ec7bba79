"""A batch from files to worklist, around a study function that plays the pipeline."""

from __future__ import annotations

import csv
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecg_engine.batch.driver import Parts
from ecg_engine.batch.progress import BatchResult, Watcher
from ecg_engine.batch.run import run_triage
from ecg_engine.errors import EcgEngineError, InputError, ModelError
from ecg_engine.settings import TriageSettings
from ecg_engine.types import StudyOutcome, StudyTask
from tests.unit.batch import fakes, films
from tests.unit.batch.films import write_film
from tests.unit.batch.here import HereEngine

PARTS = Parts(triage=fakes.triage, compare=fakes.compare, prepare=fakes.models)
PLAIN = TriageSettings()


class Ears(Watcher):
    """Remember what was told."""

    def __init__(self) -> None:
        self.files: list[int] = []
        self.plans: list[tuple[int, int]] = []
        self.refusals: dict[str, str] = {}
        self.traces: list[str] = []

    def scanning(self, n_files: int) -> None:
        self.files.append(n_files)

    def planned(self, n_studies: int, n_done: int) -> None:
        self.plans.append((n_studies, n_done))

    def refused(self, source: str, error: str) -> None:
        self.refusals[Path(source).name] = error

    def fault(self, trace: str) -> None:
        self.traces.append(trace)


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def run(tmp_path: Path, ears: Ears) -> Callable[..., BatchResult]:
    def triage(*paths: Path, parts: Parts = PARTS, settings: TriageSettings = PLAIN, **how: Any) -> BatchResult:
        where = paths or (tmp_path / "in",)
        return run_triage(where, tmp_path / "out", settings, parts=parts, engine=HereEngine(), watcher=ears, **how)

    return triage


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def report_of(out: Path, uid: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "studies" / f"{uid}.json").read_bytes())
    return found


def codes(out: Path, uid: str) -> dict[str, int | None]:
    return {n["code"]: n["facts"].get("count") for n in report_of(out, uid)["notes"] if n["stage"] == "batch"}


def counted(calls: list[StudyTask]) -> Callable[[StudyTask], StudyOutcome]:
    def triage(task: StudyTask) -> StudyOutcome:
        calls.append(task)
        return fakes.triage(task)

    return triage


def test_studies_become_a_worklist_in_the_order_of_urgency(run: Any, tmp_path: Path, ears: Ears) -> None:
    films.write_studies(tmp_path / "in", 30)
    result = run()
    rows = table(tmp_path / "out" / "worklist.csv")
    assert len(rows) == result.n_studies == result.n_done == 30 and result.n_refused == 0
    assert [row["rank"] for row in rows] == [str(n) for n in range(1, 31)]
    ranks = [("critical", "urgent", "unscored", "routine").index(row["level"]) for row in rows]
    assert ranks == sorted(ranks) and len(set(ranks)) >= 3
    for level in ("critical", "urgent", "routine"):
        priorities = [float(row["priority"]) for row in rows if row["level"] == level]
        assert priorities == sorted(priorities, reverse=True)
    assert {level: sum(row["level"] == level for row in rows) for level in result.levels} == result.levels
    assert sum(int(row["n_images"]) for row in rows) == 45
    for row in rows:
        report = json.loads((tmp_path / "out" / row["report"]).read_bytes())
        assert report["study"]["study_uid"] == row["study_uid"]
        assert (tmp_path / "out" / row["picture"]).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "out" / row["overlay"]).exists()
    assert ears.plans == [(30, 0)] and ears.files[-1] == 45


def test_a_second_run_needs_resume_and_does_nothing_twice(run: Any, tmp_path: Path, ears: Ears) -> None:
    films.write_studies(tmp_path / "in", 6)
    calls: list[StudyTask] = []
    parts = replace(PARTS, triage=counted(calls))
    run(parts=parts)
    before = (tmp_path / "out" / "worklist.csv").read_bytes()
    with pytest.raises(InputError, match="--resume") as caught:
        run(parts=parts)
    assert caught.value.argument == "out"
    assert len(calls) == 6
    result = run(parts=parts, resume=True)
    assert (len(calls), result.n_kept, result.n_done) == (6, 6, 6)
    assert (tmp_path / "out" / "worklist.csv").read_bytes() == before
    assert ears.plans == [(6, 0), (6, 6)]


def test_what_changed_is_done_again_and_nothing_else(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 6)
    calls: list[StudyTask] = []
    parts = replace(PARTS, triage=counted(calls))
    run(parts=parts)
    calls.clear()
    write_film(tmp_path / "in" / "2" / "00002-0.dcm", study="1.2.826.0.1.3", image="0", seed=77)
    films.write_studies(tmp_path / "in", 1, first=6)
    os.rename(tmp_path / "in" / "3", tmp_path / "in" / "moved")
    (tmp_path / "out" / "studies" / "1.2.826.0.1.5.json").unlink()
    run(parts=parts, resume=True)
    assert sorted(task.study_uid for task in calls) == ["1.2.826.0.1.3", "1.2.826.0.1.5", "1.2.826.0.1.7"]


@pytest.mark.parametrize(
    "other",
    [
        {"settings": TriageSettings(lang="ru")},
        {"parts": replace(PARTS, prepare=lambda _: ("another model",))},
    ],
)
def test_other_settings_or_models_do_everything_again(run: Any, tmp_path: Path, other: dict[str, Any]) -> None:
    films.write_studies(tmp_path / "in", 3)
    run()
    result = run(resume=True, **other)
    assert (result.n_kept, result.n_done) == (0, 3)


def test_studies_whose_files_are_gone_leave_the_worklist_and_their_reports_stay(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 3)
    run()
    shutil.rmtree(tmp_path / "in" / "1")
    result = run(resume=True)
    assert (result.n_gone, result.n_studies) == (1, 2)
    assert len(table(tmp_path / "out" / "worklist.csv")) == 2
    assert report_of(tmp_path / "out", "1.2.826.0.1.2")


def test_resuming_without_one_of_the_paths_is_refused(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "a", 1)
    films.write_studies(tmp_path / "b", 1, first=1)
    run(tmp_path / "a")
    with pytest.raises(InputError, match="name that as well"):
        run(tmp_path / "b", resume=True)
    assert run(tmp_path / "a", tmp_path / "b", resume=True).n_done == 2


def test_the_same_image_in_several_files_is_read_once(run: Any, tmp_path: Path) -> None:
    one = write_film(tmp_path / "in" / "1.dcm", study="1.2.3")
    shutil.copy(one, tmp_path / "in" / "2.dcm")
    (tmp_path / "in" / "3.dcm").symlink_to(one)
    with zipfile.ZipFile(tmp_path / "in" / "4.zip", "w") as archive:
        archive.write(one, "a/b.dcm")
    calls: list[StudyTask] = []
    run(parts=replace(PARTS, triage=counted(calls)))
    assert [task.sources for task in calls] == [(str(one),)]
    assert codes(tmp_path / "out", "1.2.3") == {"duplicate_image": 3}
    assert "(3 more)" in table(tmp_path / "out" / "worklist.csv")[0]["notes"]


def test_different_images_with_one_uid_are_both_read(run: Any, tmp_path: Path) -> None:
    write_film(tmp_path / "in" / "1.dcm", study="1.2.3", seed=1)
    write_film(tmp_path / "in" / "2.dcm", study="1.2.3", seed=2)
    write_film(tmp_path / "in" / "3.dcm", study="1.2.4", seed=3, SOPInstanceUID="1.2.3.1.1")
    run()
    assert codes(tmp_path / "out", "1.2.3") == {"uid_conflict": 1, "uid_in_other_study": 1}
    assert codes(tmp_path / "out", "1.2.4") == {"uid_in_other_study": 1}
    assert len(report_of(tmp_path / "out", "1.2.3")["images"]) == 2


def test_two_patients_are_never_one_study(run: Any, tmp_path: Path) -> None:
    for patient in ("A", "B"):
        write_film(tmp_path / "in" / f"{patient}.dcm", study="1.2.3", image=patient, PatientID=patient)
    assert run().n_studies == 2
    rows = table(tmp_path / "out" / "worklist.csv")
    assert sorted(row["patient_id"] for row in rows) == ["A", "B"] and len({row["report"] for row in rows}) == 2
    assert all("different patients" in row["notes"] for row in rows)


def test_a_picture_is_a_study_of_its_own(run: Any, tmp_path: Path) -> None:
    from PIL import Image

    for name, grey in (("a.png", 10), ("b.png", 20), ("copy.png", 10)):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("L", (16, 16), grey).save(tmp_path / "in" / name)
    assert run().n_studies == 2
    assert {Path(row["file"]).name for row in table(tmp_path / "out" / "worklist.csv")} == {"a.png", "b.png"}


def test_what_holds_no_image_is_passed_over_and_counted(run: Any, tmp_path: Path, ears: Ears) -> None:
    write_film(tmp_path / "in" / "1.2.840.1", study="1.2.3")
    for name in ("README.txt", "notes.TXT", ".DS_Store", "Thumbs.db", "table.csv", "LICENSE"):
        (tmp_path / "in" / name).write_text("words")
    sr = write_film(tmp_path / "in" / "sr.dcm", study="1.2.3", image="9")
    content = sr.read_bytes().replace(b"1.2.840.10008.5.1.4.1.1.1.1\0", b"1.2.840.10008.5.1.4.1.1.88.1")
    sr.write_bytes(content[: content.index(b"\x28\x00\x02\x00")])
    result = run()
    assert (result.n_done, result.n_refused) == (1, 0)
    assert result.skipped == {".csv": 1, ".db": 1, ".txt": 2, "hidden": 1, "license": 1, "DICOM without image": 1}
    assert run(tmp_path / "in", tmp_path / "in" / "README.txt", resume=True).n_refused == 1
    assert "README.txt" in ears.refusals, "a file that was named is no file beside the images"


def test_bad_files_are_in_quarantine_and_the_rest_is_done(run: Any, tmp_path: Path, ears: Ears) -> None:
    films.write_studies(tmp_path / "in", 5)
    kinds = films.write_bad_files(tmp_path / "in" / "bad")
    result = run()
    rows = table(tmp_path / "out" / "quarantine.csv")
    assert {Path(row["file"]).name: row["kind"] for row in rows} == kinds
    assert (result.n_done, result.n_refused) == (5, len(kinds))
    assert ears.refusals == {Path(row["file"]).name: row["reason"] for row in rows}
    assert all(str(tmp_path) not in row["reason"] for row in rows)
    result = run(resume=True)
    assert {Path(row["file"]).name: row["kind"] for row in table(tmp_path / "out" / "quarantine.csv")} == kinds


def test_a_bad_file_leaves_the_others_of_its_study(run: Any, tmp_path: Path) -> None:
    write_film(tmp_path / "in" / "good.dcm", study="1.2.3")
    bad = write_film(tmp_path / "in" / "bad.dcm", study="1.2.3", image="2")
    bad.write_bytes(bad.read_bytes()[:-100])
    result = run()
    assert (result.n_done, result.n_refused) == (1, 1)
    assert [Path(row["file"]).name for row in table(tmp_path / "out" / "quarantine.csv")] == ["bad.dcm"]


def test_uids_lead_nowhere_and_share_no_name(run: Any, tmp_path: Path) -> None:
    hostile = ["../../etc/passwd", "/etc/passwd", "..", "a\\..\\b", "1.2/3", "CON", "1.2.3 x"]
    for i, uid in enumerate(hostile):
        write_film(tmp_path / "in" / f"{i}.dcm", study=uid, SeriesInstanceUID="1", SOPInstanceUID=f"9.{i}")
    before = sorted(path for path in tmp_path.rglob("*") if "out" not in path.parts)
    assert run().n_done == len(hostile)
    assert sorted(path for path in tmp_path.rglob("*") if "out" not in path.parts) == before
    names = [row["report"] for row in table(tmp_path / "out" / "worklist.csv")]
    assert len(set(names)) == len(hostile) and all(name.startswith("studies/study-") for name in names)


def test_names_that_are_no_text_are_files_too(run: Any, tmp_path: Path) -> None:
    films.write_film(tmp_path / "a.dcm", study="1.2.3")
    name = os.fsdecode(os.fsencode(tmp_path / "in") + b"/caf\xe9 \xff.dcm")
    bad = os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xfe.dcm")
    (tmp_path / "in").mkdir()
    os.rename(tmp_path / "a.dcm", name)
    Path(bad).write_text("x")
    assert (run().n_done, run(resume=True).n_kept) == (1, 1)
    assert table(tmp_path / "out" / "worklist.csv")[0]["file"].endswith(r"caf\udce9 \udcff.dcm")
    assert table(tmp_path / "out" / "quarantine.csv")[0]["file"].endswith(r"\udcfe.dcm")


def test_no_cell_is_a_formula(run: Any, tmp_path: Path) -> None:
    write_film(tmp_path / "in" / "1.dcm", study="1.2.3", PatientID="=cmd|'/c calc'!A1", AccessionNumber="@SUM(1)",
               BodyPartExamined="+1")  # fmt: skip
    run()
    text = (tmp_path / "out" / "worklist.csv").read_text(encoding="utf-8-sig")
    row = table(tmp_path / "out" / "worklist.csv")[0]
    assert row["patient_id"] == "'=cmd|'/c calc'!A1" and row["body_part"] == "'+1"
    assert '"=' not in text and '"@' not in text and '"+' not in text


def test_the_earlier_study_of_a_patient_is_compared(run: Any, tmp_path: Path) -> None:
    def film(uid: str, date: str, **facts: Any) -> None:
        write_film(tmp_path / "in" / f"{uid}.dcm", study=uid, seed=int(uid[-1]), StudyDate=date, **facts)

    film("1.1", "20240101", PatientID="17", PatientSex="F")
    film("1.2", "20250101", PatientID="17", PatientBirthDate="19500101")
    film("1.3", "20260101", PatientID="17", PatientBirthDate="19510101")
    film("1.4", "20260301", PatientID="17", PatientSex="M", PatientBirthDate="19500101")
    film("1.5", "20240101", PatientID="ANONYMOUS")
    film("1.6", "20250101", PatientID="ANONYMOUS")
    film("1.7", "20240101")
    film("1.8", "20250101")
    run()
    out = tmp_path / "out"
    previous = {uid: report_of(out, uid)["previous"] for uid in (f"1.{n}" for n in range(1, 9))}
    assert previous.pop("1.2") == {"study_uid": "1.1", "date": "2024-01-01"}
    assert previous.pop("1.3") == {"study_uid": "1.1", "date": "2024-01-01"}, "born on another day than 1.2"
    assert previous.pop("1.4") == {"study_uid": "1.2", "date": "2025-01-01"}, "of another sex than 1.1"
    assert set(previous.values()) == {None}, "nobody's patient IDs are many patients'"
    before, after = (report_of(out, uid)["priority"] for uid in ("1.1", "1.2"))
    (change,) = report_of(out, "1.2")["changes"]
    assert (change["before"], change["after"], change["text"]) == (before, after, "Pleural effusion")
    row = next(row for row in table(out / "worklist.csv") if row["study_uid"] == "1.2")
    assert row["previous"] == "2024-01-01" and row["changes"] == f"Pleural effusion {before:.2f} > {after:.2f}"


def test_comparing_again_gives_the_same_and_follows_what_changed(run: Any, tmp_path: Path) -> None:
    for uid, date in (("1.1", "20240101"), ("1.2", "20250101")):
        write_film(tmp_path / "in" / f"{uid}.dcm", study=uid, StudyDate=date, PatientID="17", seed=len(date))
    run()
    before = (tmp_path / "out" / "studies" / "1.2.json").read_bytes()
    run(resume=True)
    assert (tmp_path / "out" / "studies" / "1.2.json").read_bytes() == before
    (tmp_path / "in" / "1.1.dcm").unlink()
    run(resume=True)
    assert report_of(tmp_path / "out", "1.2")["previous"] is None


def test_the_results_may_lie_among_the_studies(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 2)
    films.write_studies(tmp_path, 1, first=2)
    assert run(tmp_path).n_studies == 3
    again = run(tmp_path, resume=True)
    assert (again.n_studies, again.n_refused, again.skipped) == (3, 0, {})


def test_a_folder_in_use_is_refused(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 1)
    refused: list[str] = []

    def meanwhile(task: StudyTask) -> StudyOutcome:
        try:
            run(resume=True)
        except InputError as exc:
            refused.append(str(exc))
        return fakes.triage(task)

    assert run(parts=replace(PARTS, triage=meanwhile)).n_done == 1
    assert len(refused) == 1 and "in use" in refused[0]


def test_a_folder_that_cannot_be_made_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        run()


def test_a_damaged_ledger_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "triage.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(InputError, match="damaged"):
        run(resume=True)


def test_a_ledger_that_breaks_on_the_way_is_named(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 2)
    run()
    path = tmp_path / "out" / "triage.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 : len(content) - 100] = b"\xff" * (len(content) - 4196)
    path.write_bytes(content)
    with pytest.raises(EcgEngineError, match=r"triage\.sqlite"):
        run(resume=True)


def test_interrupted_what_is_done_stays(run: Any, tmp_path: Path, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    films.write_studies(tmp_path / "in", 9)

    def stop(n_studies: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ears, "done", stop)
        result = run()
    assert result.interrupted and 0 < result.n_done < 9
    assert len(table(tmp_path / "out" / "worklist.csv")) == result.n_done
    again = run(resume=True)
    assert (again.n_kept, again.n_done, again.interrupted) == (result.n_done, 9, False)


def test_a_full_disk_stops_everything_and_says_so(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films.write_studies(tmp_path / "in", 3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ecg_engine.batch.files.os.fsync", full)
        with pytest.raises(EcgEngineError, match="No space left on device"):
            run()
    assert list((tmp_path / "out" / "studies").iterdir()) == []
    assert run(resume=True).n_done == 3


def test_missing_weights_stop_everything(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 3)

    def no_weights(_: Any) -> tuple[str, ...]:
        raise ModelError("weights missing")

    with pytest.raises(ModelError, match="weights missing"):
        run(parts=replace(PARTS, prepare=no_weights))
    assert run().n_done == 3, "nothing was begun, so nothing is there to go on with"


def test_models_that_cannot_be_loaded_stop_everything(run: Any, tmp_path: Path, ears: Ears) -> None:
    films.write_studies(tmp_path / "in", 1)

    def faulty(_: Any) -> tuple[str, ...]:
        raise KeyError("secret")

    with pytest.raises(EcgEngineError, match="models cannot be loaded") as caught:
        run(parts=replace(PARTS, prepare=faulty))
    assert "secret" not in str(caught.value) and "secret" in ears.traces[0]


def test_a_fault_of_ours_is_one_studys(run: Any, tmp_path: Path, ears: Ears) -> None:
    films.write_studies(tmp_path / "in", 3)

    def faulty(task: StudyTask) -> StudyOutcome:
        if task.study_uid == "1.2.826.0.1.1":
            raise KeyError("secret")
        outcome = fakes.triage(task)
        if task.study_uid == "1.2.826.0.1.2":
            assert outcome.report is not None
            return replace(outcome, report={**outcome.report, "priority": float("nan")})
        return outcome

    result = run(parts=replace(PARTS, triage=faulty))
    assert (result.n_done, result.n_refused) == (1, 3)
    assert all("internal error" in error and "secret" not in error for error in ears.refusals.values())
    assert len(ears.traces) == 2
    assert run(resume=True).n_done == 3


def test_the_page_gets_everything(run: Any, tmp_path: Path) -> None:
    films.write_studies(tmp_path / "in", 3)
    films.write_bad_files(tmp_path / "in" / "bad")
    seen: list[dict[str, Any]] = []

    def page(path: Path, **data: Any) -> None:
        seen.append({"path": path, **data, "rows": list(data["rows"]), "refused": list(data["refused"])})

    run(parts=replace(PARTS, summarise=page))
    last = seen[-1]
    assert last["path"] == tmp_path / "out" / "summary.html" and last["lang"] == "en"
    assert last["n_rows"] == len(last["rows"]) == 3 and len(last["refused"]) == 11
    assert last["facts"]["interrupted"] is False and last["facts"]["models"] == ["a" * 12]
    assert last["facts"]["inputs"] == [str(tmp_path / "in")]
