"""Radiographs in folders, DICOMDIRs and archives: lazily, bounded, and never outside."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

from ecg_engine.dicom import containers
from ecg_engine.dicom.containers import iter_radiographs
from ecg_engine.errors import CorruptFormatError, InputError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.types import Radiograph


def kinds(found: list[Any]) -> list[type]:
    return [type(what) for _, what in found]


def test_a_folder_one_bad_file_and_links_that_loop(make: Any, tmp_path: Path) -> None:
    root = tmp_path / "study"
    make("study/1.dcm")
    make("study/deep/2.dcm")
    (root / "3.txt").write_text("not an image")
    (root / "deep" / "loop").symlink_to(root)
    (root / "4.dcm").symlink_to(root / "nowhere")
    os.mkfifo(root / "5.pipe")
    found = list(iter_radiographs(root))
    assert [Path(name).name for name, _ in found] == ["1.dcm", "3.txt", "4.dcm", "5.pipe", "2.dcm"]
    assert kinds(found) == [Radiograph, UnknownFormatError, InputError, InputError, Radiograph]


def test_nothing_is_read_before_it_is_asked_for(make: Any, monkeypatch: Any) -> None:
    paths = [make("1.dcm"), make("2.dcm")]
    read: list[Path] = []
    true = containers.read_radiograph
    monkeypatch.setattr(containers, "read_radiograph", lambda path: (read.append(path), true(path))[1])
    several = iter_radiographs(paths)
    assert read == []
    next(several)
    assert read == paths[:1]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_dicomdir_gives_what_it_lists(make: Any, tmp_path: Path, pixels: np.ndarray) -> None:
    path = make(PatientID="1", StudyDate="20200101", StudyTime="101010", StudyID="1", SeriesNumber=1, InstanceNumber=1,
                AccessionNumber="")  # fmt: skip
    files = FileSet()
    files.add(path)
    files.write(tmp_path / "disc")
    files._stage["t"].cleanup()  # or pydicom leaves that to the garbage collector, with a warning
    found = list(iter_radiographs(tmp_path / "disc" / "DICOMDIR"))
    assert kinds(found) == [Radiograph]
    np.testing.assert_array_equal(found[0][1].stored, pixels)
    assert kinds(list(iter_radiographs(tmp_path / "disc"))) == [Radiograph], "the folder gives each file once"


@pytest.mark.parametrize(
    "parts",
    [["..", "1.dcm"], ["..", "disc", "in.dcm"], ["../1.dcm"], ["LINK", "1.dcm"], ["ABSENT"], ["/etc/passwd"], []],
)
def test_a_dicomdir_does_not_lead_outside(parts: list[str], make: Any, tmp_path: Path) -> None:
    make("1.dcm")
    make("disc/in.dcm")
    disc = tmp_path / "disc"
    (disc / "LINK").symlink_to(tmp_path)
    data = pydicom.dataset.FileDataset("", {}, preamble=b"\0" * 128, file_meta=pydicom.dataset.FileMetaDataset())
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = "1.2.840.10008.1.3.10", "1.2"
    record = pydicom.dataset.Dataset()
    with pydicom.config.disable_value_validation():
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", parts
        data.DirectoryRecordSequence = [record]
        data.save_as(disc / "DICOMDIR", enforce_file_format=True)
    found = list(iter_radiographs(disc / "DICOMDIR"))
    assert kinds(found) == [CorruptFormatError] and "(0004,1500)" in str(found[0][1])


def test_an_archive_is_read_in_memory_and_never_unpacked(make: Any, tmp_path: Path) -> None:
    one = make("one.dcm")
    (tmp_path / "inner.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    archive = tmp_path / "box" / "a.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as box:
        box.write(one, "study/one.dcm")
        box.write(one, "../../../outside.dcm")
        box.writestr("note.txt", "words")
        box.write(tmp_path / "inner.zip", "inner.zip")
        box.writestr("folder/", "")
    before = sorted(tmp_path.rglob("*"))
    found = list(iter_radiographs([archive]))
    assert sorted(tmp_path.rglob("*")) == before
    assert kinds(found) == [Radiograph, Radiograph, UnknownFormatError, UnsupportedFormatError]
    assert [name for name, _ in found[:2]] == [str(archive / "study" / "one.dcm"), str(archive / "outside.dcm")]


def test_archives_are_bounded(make: Any, tmp_path: Path, monkeypatch: Any) -> None:
    one = make("one.dcm")
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as box:
        box.write(one, "1.dcm")
        box.write(one, "2.dcm")
    monkeypatch.setattr(containers, "MAX_MEMBER_BYTES", 1000)
    assert kinds(list(iter_radiographs(archive))) == [UnsupportedFormatError] * 2
    monkeypatch.setattr(containers, "MAX_MEMBERS", 1)
    assert kinds(list(iter_radiographs(archive))) == [UnsupportedFormatError]


def test_damaged_archives(make: Any, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as box:
        box.write(make("one.dcm"), "1.dcm")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert kinds(list(iter_radiographs(archive))) == [CorruptFormatError]
    broken = bytearray(whole)
    broken[200:260] = bytes(60)
    archive.write_bytes(broken)
    assert kinds(list(iter_radiographs(archive))) == [CorruptFormatError]
    locked = bytearray(whole)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + at] |= 1
    archive.write_bytes(locked)
    found = list(iter_radiographs(archive))
    assert kinds(found) == [UnsupportedFormatError] and "password" in str(found[0][1])
