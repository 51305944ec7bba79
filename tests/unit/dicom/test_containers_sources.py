"""What the batch needs of containers: names that open again, header facts without pixels, nothing silently lost."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from ecg_engine.dicom.containers import Source, iter_radiographs, iter_sources, read_source, scan_source, source_hash
from ecg_engine.errors import CorruptFormatError, EcgEngineError, InputError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.types import Radiograph

WHEN = {"StudyDate": "20260115", "StudyTime": "101112.5", "PatientBirthDate": "19500203", "PatientSex": "F"}


def names(found: list[Source]) -> list[str]:
    return [Path(source.name).name for source in found]


def test_a_walk_lists_what_iter_radiographs_reads(make: Any, tmp_path: Path) -> None:
    make("in/b.dcm")
    make("in/a/1.dcm")
    (tmp_path / "in" / "a" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "c.dcm").symlink_to(tmp_path / "nowhere")
    with zipfile.ZipFile(tmp_path / "in" / "z.zip", "w") as box:
        box.write(tmp_path / "in" / "b.dcm", "x/1.dcm")
    found = list(iter_sources(tmp_path / "in"))
    assert [source.name for source in found] == [name for name, _ in iter_radiographs(tmp_path / "in")]
    assert names(found) == ["1.dcm", "b.dcm", "c.dcm", "1.dcm"]
    assert [type(source.error) for source in found] == [type(None), type(None), InputError, type(None)]


def test_a_walk_is_lazy(make: Any, tmp_path: Path) -> None:
    make("a/1.dcm")
    make("b/1.dcm")
    walk = iter_sources([tmp_path / "a", tmp_path / "b"])
    next(walk)
    (tmp_path / "b" / "1.dcm").unlink()
    assert list(walk) == []


def test_what_was_named_is_told_from_what_was_met(make: Any, tmp_path: Path) -> None:
    path = make("in/1.dcm")
    assert [source.is_given for source in iter_sources([path, tmp_path / "in"])] == [True, False]


def test_a_folder_left_out_is_not_entered_by_any_name(make: Any, tmp_path: Path) -> None:
    make("in/1.dcm")
    make("in/out/2.dcm")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "in" / "out")
    assert names(list(iter_sources(tmp_path / "in", leave_out=[tmp_path / "in" / "out"]))) == ["1.dcm"]
    assert names(list(iter_sources(tmp_path / "in", leave_out=[tmp_path / "absent"]))) == ["1.dcm", "2.dcm"]


def test_a_stamp_changes_with_the_content_and_not_with_the_name(make: Any, tmp_path: Path) -> None:
    def stamp() -> str:
        (source,) = iter_sources(tmp_path / "in")
        return source.stamp

    path = make("in/1.dcm")
    before = stamp()
    path.rename(path.with_name("2.dcm"))
    assert stamp() == before
    path.with_name("2.dcm").write_bytes(path.with_name("2.dcm").read_bytes() + b"\0")
    assert stamp() != before


def test_members_whose_names_become_alike_are_told_apart(make: Any, tmp_path: Path) -> None:
    one, two = make("1.dcm", InstanceNumber=1), make("2.dcm", InstanceNumber=2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        box.write(one, "x.dcm")
        box.write(two, "../x.dcm")
    found = list(iter_sources(tmp_path / "a.zip"))
    assert names(found) == ["x.dcm", "x.dcm~2"]
    assert [source_hash(source.name) for source in found] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two)
    ]


def _shape(name: str) -> tuple[int, ...]:
    return read_source(name).shape


def test_a_source_opens_by_its_name_in_another_process(make: Any, tmp_path: Path, pixels: np.ndarray) -> None:
    path = make("1.dcm")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        box.write(path, "deep/1.dcm")
    several = [source.name for source in iter_sources([path, tmp_path / "a.zip"])]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_shape, several) == [pixels.shape] * 2


def test_what_is_gone_meanwhile_is_an_input_error(make: Any, tmp_path: Path) -> None:
    path = make("1.dcm")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        box.write(path, "1.dcm")
    for name in (str(tmp_path / "absent.dcm"), str(tmp_path / "a.zip" / "2.dcm")):
        for open_it in (read_source, scan_source, source_hash):
            with pytest.raises(InputError):
                open_it(name)


def test_an_archive_written_anew_is_read_anew(make: Any, tmp_path: Path) -> None:
    box = tmp_path / "a.zip"
    for study in ("1.2.3", "1.2.4"):
        path = make("1.dcm", StudyInstanceUID=study)
        with zipfile.ZipFile(box, "w") as archive:
            archive.write(path, "1.dcm")
        os.utime(box, ns=(0, int(study[-1])))
        assert scan_source(str(box / "1.dcm")).study_uid == study


def test_a_file_that_may_not_be_read_is_an_error_of_its_own(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("in/1.dcm")
    make("in/2.dcm")
    true = Path.open

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == "1.dcm":
            raise PermissionError(13, "Permission denied")
        return true(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    bad, good = iter_sources(tmp_path / "in")
    assert isinstance(bad.error, InputError) and "Permission denied" in str(bad.error)
    assert good.error is None


# ------------------------------------------------------------------------------------------------------------ scanning


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"])
def test_a_scan_says_what_the_whole_header_says(syntax: str, make: Any) -> None:
    path = make(syntax=syntax, **WHEN)
    found, header = scan_source(str(path)), pydicom.dcmread(path)
    assert found.is_image
    assert (found.study_uid, found.series_uid) == (header.StudyInstanceUID, header.SeriesInstanceUID)
    assert (found.sop_instance_uid, found.patient_id) == (header.SOPInstanceUID, header.PatientID)
    assert (found.date, found.time, found.birth_date) == ("2026-01-15", "10:11:12", "1950-02-03")
    assert (found.sex, found.modality) == ("F", "DX")


def test_a_scan_of_a_bare_data_set_and_of_one_behind_a_long_header(make: Any) -> None:
    path = make(**WHEN)
    whole = path.read_bytes()
    bare = path.with_name("bare.dcm")
    bare.write_bytes(whole[whole.index(b"\x08\x00\x16\x00") :])
    long = make("long.dcm", ImageComments="x" * 10_000, AdditionalPatientHistory="y" * 10_000, **WHEN)
    for other in (bare, long):
        found, expected = scan_source(str(other)), scan_source(str(path))
        assert (found.study_uid, found.date, found.is_image) == (expected.study_uid, expected.date, True)


def test_pixels_are_not_read(make: Any) -> None:
    path = make()
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xe0\x7f\x10\x00")])
    assert scan_source(str(path)).is_image
    with pytest.raises(UnsupportedFormatError, match="no pixels"):
        read_source(str(path))


def test_a_deflate_bomb_costs_no_more_than_its_header(make: Any) -> None:
    import tracemalloc

    film = make(syntax="1.2.840.10008.1.2.1.99")
    raw = film.read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    header = zlib.decompress(raw[start:], -zlib.MAX_WBITS)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflater.compress(header) + b"".join(deflater.compress(bytes(1 << 22)) for _ in range(16)) + deflater.flush()
    film.write_bytes(raw[:start] + bomb)
    tracemalloc.start()
    try:
        assert scan_source(str(film)).study_uid == "1.2.3"
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"])
def test_wherever_a_file_breaks_off_it_is_never_passed_over_as_an_object_without_image(syntax: str, make: Any) -> None:
    path = make(syntax=syntax, **WHEN)
    whole = path.read_bytes()
    for n_bytes in range(0, min(len(whole), 900), 3):
        path.write_bytes(whole[:n_bytes])
        try:
            assert scan_source(str(path)).is_image, n_bytes
        except (CorruptFormatError, UnknownFormatError):
            continue


@pytest.mark.parametrize("kind", ["waveform_ecg.dcm", "reportsi.dcm", "rtplan.dcm"])
def test_objects_without_image_are_told_apart(kind: str) -> None:
    from pydicom.data import get_testdata_file

    path = get_testdata_file(kind)
    assert isinstance(path, str)
    assert scan_source(path).is_image is False


def test_a_dicomdir_in_an_archive_is_no_image(make: Any, tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        box.write(str(get_testdata_file("DICOMDIR")), "DICOMDIR")
        box.write(make("1.dcm"), "1.dcm")
    directory, film = iter_sources(tmp_path / "a.zip")
    assert scan_source(directory.name).is_image is False
    with pytest.raises(InputError, match="DICOMDIR"):
        read_source(directory.name)
    assert [type(what) for _, what in iter_radiographs(tmp_path / "a.zip")] == [Radiograph]
    assert scan_source(film.name).is_image


@pytest.mark.parametrize(
    ("absent", "study"),
    [
        ({"StudyInstanceUID": None}, "series:1.2.3.1"),
        ({"StudyInstanceUID": None, "SeriesInstanceUID": None}, "image:1.2.3.4"),
    ],
)
def test_without_a_study_uid_the_next_best_groups(absent: dict[str, None], study: str, make: Any) -> None:
    assert scan_source(str(make(**absent))).study_uid == study


def test_a_picture_is_named_by_its_content(tmp_path: Path) -> None:
    for name, grey in (("a.png", 1), ("b.png", 2), ("c.png", 1)):
        Image.new("L", (8, 8), grey).save(tmp_path / name)
    a, b, c = (scan_source(str(tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert a.study_uid == c.study_uid != b.study_uid
    assert a.study_uid == f"picture:{hashlib.sha256((tmp_path / 'a.png').read_bytes()).hexdigest()}"
    assert a.is_image and a.date is None


@pytest.mark.parametrize("content", [b"", b"words\n", b"\x00" * 500, b"%PDF-1.4 ..."])
def test_what_is_neither_dicom_nor_picture(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(UnknownFormatError):
        scan_source(str(tmp_path / "a.dcm"))


def test_an_archive_in_an_archive_is_an_error_of_that_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as box:
        box.writestr("x", "y")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as box:
        box.write(tmp_path / "inner.zip", "inner.zip")
    (inner,) = iter_sources(tmp_path / "a.zip")
    for open_it in (scan_source, read_source):
        with pytest.raises(UnsupportedFormatError, match="archive in an archive"):
            open_it(inner.name)


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("2026.01.15", "10:11:12", ("2026-01-15", "10:11:12")),
        ("20260230", "99", (None, None)),
        ("", "07", (None, "07:00:00")),
        ("19000101", "", (None, None)),
    ],
)
def test_dates_as_devices_write_them(date: str, time: str, expected: Any, make: Any) -> None:
    found = scan_source(str(make(StudyDate=date, StudyTime=time)))
    assert (found.date, found.time) == expected


def test_every_error_is_of_the_tree(make: Any, tmp_path: Path) -> None:
    whole = make(**WHEN).read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(150):
        broken = bytearray(whole[:700])
        for at in rng.integers(0, 700, 12):
            broken[at] = rng.integers(0, 256)
        (tmp_path / "broken.dcm").write_bytes(broken)
        try:
            scan_source(str(tmp_path / "broken.dcm"))
        except EcgEngineError:
            continue
