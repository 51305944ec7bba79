"""Fetching from a publisher on this machine that breaks off, lacks files and lies; sums by hashlib."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from ecg_engine.datasets import Watcher, fetch_dataset
from ecg_engine.errors import FetchError, InputError
from tests.unit.datasets.conftest import made
from tests.unit.datasets.server import sums_of

pytest.importorskip("pooch", reason="the extra datasets is not installed")


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Log(Watcher):
    def __init__(self):
        self.n_planned, self.n_bytes, self.files, self.failures = 0, 0, [], []

    def planned(self, n_files):
        self.n_planned = n_files

    def received(self, n_bytes):
        self.n_bytes += n_bytes

    def done(self, path):
        self.files.append(path)

    def failed(self, path, reason):
        self.failures.append((path, reason))


def test_every_file_comes_with_its_folders(dataset, files, tmp_path):
    log = Log()
    result = fetch_dataset(dataset, tmp_path / "new" / "made", watcher=log)
    assert tree(tmp_path / "new" / "made") == files
    assert (result.n_files, result.n_fetched, result.n_kept, result.failed) == (4, 4, 0, ())
    assert log.n_planned == 4 and sorted(log.files) == sorted(files)
    assert log.n_bytes == sum(map(len, files.values()))


def test_what_is_there_and_right_is_neither_asked_for_nor_written(dataset, publisher, files, tmp_path):
    fetch_dataset(dataset, tmp_path)
    for name in files:
        os.utime(tmp_path / name, (1, 1))
    publisher.asked.clear()
    result = fetch_dataset(dataset, tmp_path)
    assert (result.n_fetched, result.n_kept) == (0, 4)
    assert publisher.asked == [("SHA256SUMS.txt", None)]
    assert {(tmp_path / name).stat().st_mtime for name in files} == {1}


def test_a_file_that_is_not_right_is_fetched_anew(dataset, files, tmp_path):
    (tmp_path / "100.dat").write_bytes(files["100.dat"][:-1])
    (tmp_path / "notes of mine.txt").write_text("stays")
    result = fetch_dataset(dataset, tmp_path)
    assert result.n_fetched == 4
    assert tree(tmp_path) == {**files, "notes of mine.txt": b"stays"}


def test_a_wrong_sum_is_named_and_the_wrong_file_is_not_kept(dataset, publisher, files, tmp_path):
    publisher.files["100.dat"] = files["100.dat"][::-1]
    result = fetch_dataset(dataset, tmp_path)
    assert [path for path, _ in result.failed] == ["100.dat"] and "sum" in result.failed[0][1]
    assert tree(tmp_path) == {name: data for name, data in files.items() if name != "100.dat"}
    publisher.files["100.dat"] = files["100.dat"]
    assert fetch_dataset(dataset, tmp_path).failed == ()
    assert tree(tmp_path) == files


def test_a_right_file_survives_a_wrong_one(dataset, publisher, files, tmp_path):
    """The list moves on, the server sends something else: what was there stays."""
    fetch_dataset(dataset, tmp_path)
    publisher.files["SHA256SUMS.txt"] = sums_of({**files, "100.hea": b"newer"})
    assert [path for path, _ in fetch_dataset(dataset, tmp_path).failed] == ["100.hea"]
    assert tree(tmp_path) == files


def test_a_file_that_the_server_lacks_is_named_and_the_others_come(dataset, publisher, files, tmp_path):
    del publisher.files["100.dat"]
    log = Log()
    result = fetch_dataset(dataset, tmp_path, watcher=log)
    assert result.failed == (("100.dat", "the server answers 404"),) == tuple(log.failures)
    assert tree(tmp_path) == {name: data for name, data in files.items() if name != "100.dat"}


def test_a_broken_connection_is_taken_up_where_it_broke(dataset, publisher, files, tmp_path):
    publisher.breaks["100.dat"] = [33_000, 20_000]
    log = Log()
    assert fetch_dataset(dataset, tmp_path, watcher=log).failed == ()
    asked = [given for path, given in publisher.asked if path == "100.dat"]
    assert asked == [None, "bytes=32768-", "bytes=49152-"]  # whole pieces of 16 KiB are kept
    assert tree(tmp_path) == files
    assert log.n_bytes == sum(map(len, files.values()))


def test_the_next_call_goes_on_where_the_last_one_gave_up(dataset, publisher, files, tmp_path):
    publisher.breaks["100.dat"] = [40_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match="go on"):
        fetch_dataset(dataset, tmp_path)
    assert not (tmp_path / "100.dat").exists()
    publisher.breaks.clear()
    publisher.asked.clear()
    assert fetch_dataset(dataset, tmp_path).failed == ()
    assert ("100.dat", "bytes=32768-") in publisher.asked
    assert tree(tmp_path) == files


def test_a_server_without_ranges_is_asked_from_the_start(dataset, publisher, files, tmp_path):
    publisher.knows_ranges = False
    publisher.breaks["100.dat"] = [40_000]
    assert fetch_dataset(dataset, tmp_path).failed == ()
    assert tree(tmp_path) == files


def test_a_part_that_is_whole_already_is_used(dataset, publisher, files, tmp_path):
    digest = hashlib.sha256(files["100.dat"]).hexdigest()
    (tmp_path / ".parts").mkdir()
    (tmp_path / ".parts" / digest).write_bytes(files["100.dat"])
    assert fetch_dataset(dataset, tmp_path).failed == ()
    assert tree(tmp_path) == files


def test_only_what_matches_comes(dataset, files, tmp_path):
    result = fetch_dataset(dataset, tmp_path, only=["100.*"])
    assert result.n_files == 2
    assert set(tree(tmp_path)) == {"100.dat", "100.hea"}
    with pytest.raises(InputError, match="none of the 4 files"):
        fetch_dataset(dataset, tmp_path, only=["nothing*"])


def test_no_network_is_said_so(tmp_path):
    with socket.socket() as taken:  # bound, not listening: refused
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FetchError, match=r"cannot be reached .*network"):
            fetch_dataset(made(f"http://127.0.0.1:{taken.getsockname()[1]}/set/"), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_no_list_is_said_so(dataset, publisher, tmp_path):
    del publisher.files["SHA256SUMS.txt"]
    with pytest.raises(FetchError, match="404"):
        fetch_dataset(dataset, tmp_path)


@pytest.mark.parametrize(
    "line",
    [b"<html>", b"", b"%s ../out", b"%s /etc/out", b"%s a/../../out", b"%s a\\..\\out", b"%s C:out", b"%s .parts/x"],
)
def test_a_list_that_is_none_or_leads_out_is_refused(dataset, publisher, tmp_path, line):
    publisher.files["SHA256SUMS.txt"] = line.replace(b"%s", b"0" * 64) + b"\n"
    with pytest.raises(FetchError, match=r"line 1|empty"):
        fetch_dataset(dataset, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_both_forms_of_a_list_are_read(dataset, publisher, files, tmp_path):
    """``sha256sum`` writes two spaces, or a space and a star; PhysioNet writes one space."""
    lines = [f"{hashlib.sha256(data).hexdigest().upper()} *./{name}" for name, data in files.items()]
    publisher.files["SHA256SUMS.txt"] = "\r\n".join(lines).encode()
    assert fetch_dataset(dataset, tmp_path).n_fetched == 4


def test_a_set_by_hand_says_where(tmp_path):
    with pytest.raises(InputError, match=r"by hand: https://example\.org/made"):
        fetch_dataset(made("http://127.0.0.1:9/", checksums=""), tmp_path)
