from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecg_engine.cli import files
from ecg_engine.cli.files import find_inputs, make_folder, result_names, write_whole
from ecg_engine.errors import InputError

SUFFIXES = {".hea", ".dat", ".edf", ".csv", ".txt", ".dcm"}


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names_of(folder: Path) -> list[str]:
    inputs, _ = find_inputs([folder], SUFFIXES)
    return [path.relative_to(folder).as_posix() for path in inputs]


def test_folders_are_walked_for_known_suffixes_only(tmp_path: Path) -> None:
    touch(tmp_path, "b.edf", "A.EDF", "sub/c.csv", "make_samples.py", "truth.json", "README.md", "page.pdf")
    assert names_of(tmp_path) == ["A.EDF", "b.edf", "sub/c.csv"]


def test_texts_and_hidden_files_beside_recordings_are_not_taken(tmp_path: Path) -> None:
    touch(tmp_path, "README.txt", "ATTRIBUTION.txt", "LICENSE.txt", ".hidden.edf", ".git/x.edf", "strip.txt")
    assert names_of(tmp_path) == ["strip.txt"]


def test_of_json_files_in_a_folder_only_recordings_are_taken(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"schema": "another", "measurements": {}}')
    (tmp_path / "visit.json").write_text('{\n "schema": "ecg_engine.recording",\n "version": 1}')
    assert find_inputs([tmp_path], {".json"}) == ([tmp_path / "visit.json"], [])
    # A file that was named is taken all the same: somebody is told what is wrong with it.
    assert find_inputs([tmp_path / "report.json"], {".json"})[0] == [tmp_path / "report.json"]


def test_a_wfdb_record_counts_once(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text(
        "# a comment\nr 2 500 10\nr.dat 16 200 16 0 0 0 0 I\nother.dat 16 200 16 0 0 0 0 II\n"
    )
    touch(tmp_path, "r.dat", "other.dat", "orphan.dat")
    assert names_of(tmp_path) == ["orphan.dat", "r.hea"]
    inputs, _ = find_inputs([tmp_path / "r.hea", tmp_path / "r.dat", tmp_path], SUFFIXES)
    assert [path.name for path in inputs] == ["r.hea", "orphan.dat"]


def test_segments_of_a_wfdb_record_are_parts_of_it(tmp_path: Path) -> None:
    (tmp_path / "m.hea").write_text("m/2 1 500 20\ns1 10\n~ 5\ns2 10\n")
    for name in ("s1", "s2"):
        (tmp_path / f"{name}.hea").write_text(f"{name} 1 500 10\n{name}.dat 16 200 16 0 0 0 0 I\n")
        touch(tmp_path, f"{name}.dat")
    assert names_of(tmp_path) == ["m.hea"]


def test_a_named_file_is_taken_whatever_its_suffix_and_once(tmp_path: Path) -> None:
    touch(tmp_path, "visit.bin")
    inputs, empty = find_inputs([tmp_path / "visit.bin", tmp_path / "." / "visit.bin", tmp_path / "absent"], SUFFIXES)
    assert [path.name for path in inputs] == ["visit.bin", "absent"]
    assert empty == []


def test_a_folder_without_an_ecg_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "notes.md")
    assert find_inputs([tmp_path], SUFFIXES) == ([], [tmp_path])


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["a.edf", "b.edf"], ["a", "b"]),
        (["x/a.edf", "y/a.edf"], ["a-edf", "a-edf-2"]),
        (["a.hea", "a.edf", "A.csv"], ["a-hea", "a-edf", "A-csv"]),
        (["a.hea", "a.edf", "a-edf.csv"], ["a-hea", "a-edf-2", "a-edf"]),
        (["study.v2.edf", "100"], ["study.v2", "100"]),
    ],
)
def test_results_of_one_stem_do_not_overwrite_one_another(inputs: list[str], names: list[str]) -> None:
    got = result_names([Path(name) for name in inputs])
    assert got == names
    assert len({name.casefold() for name in got}) == len(got)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.pdf"
    target.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.pdf"]
    monkeypatch.undo()
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.pdf"]


def test_results_have_the_rights_that_the_user_gives_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "a.pdf", b"")
    assert (tmp_path / "a.pdf").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        make_folder(tmp_path / "file" / "out")
