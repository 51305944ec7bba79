"""A set into a folder: the publisher's sums first, then file by file, each checked before it has its name."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ecg_engine.datasets.catalogue import Dataset
from ecg_engine.errors import FetchError, InputError, MissingDependencyError

__all__ = ["FetchResult", "Watcher", "fetch_dataset", "fetch_file"]

#: Half-fetched files, under the folder of the set; gone when the set is whole.
_PARTS: Final = ".parts"
#: A list of sums is a page of text; what is longer is something else.
_MOST_LIST_BYTES: Final = 64 << 20
#: What is lost where a connection breaks is less than this.
_CHUNK_BYTES: Final = 1 << 14
#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT_S: Final = (10.0, 60.0)
#: Connections that may break in one file before it is given up.
_ATTEMPTS: Final = 4
_LINE: Final = re.compile(r"([0-9a-fA-F]{64}) [ *]?(.+)")


class Watcher:
    """What is told of a fetch while it goes; does nothing by itself."""

    def planned(self, n_files: int) -> None:
        """Take note that the list is read and so many files are wanted."""

    def received(self, n_bytes: int) -> None:
        """Take note that so many bytes more have come."""

    def done(self, path: str) -> None:
        """Take note that a file is there and right, or was already."""

    def failed(self, path: str, reason: str) -> None:
        """Take note that a file could not be had, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """What came of a fetch.

    Parameters
    ----------
    folder : Path
    n_files : int
        Files that were wanted.
    n_fetched, n_kept : int
        Files that came now; files that were there and right.
    failed : tuple of (str, str)
        Files that could not be had, and why.
    """

    folder: Path
    n_files: int
    n_fetched: int
    n_kept: int
    failed: tuple[tuple[str, str], ...]


def fetch_dataset(
    dataset: Dataset, folder: str | os.PathLike[str], *, only: Sequence[str] = (), watcher: Watcher | None = None
) -> FetchResult:
    """Fetch the files of a set and check each against the publisher's own list.

    Parameters
    ----------
    dataset : Dataset
    folder : path
        Where its files go, in the publisher's folders; made where it is not there.
    only : sequence of str
        Patterns such as ``records500/*``; of the files, those that match one. All without it.
    watcher : Watcher, optional

    Returns
    -------
    FetchResult

    Raises
    ------
    InputError
        The set publishes no list, or no file matches `only`.
    FetchError
        The list cannot be had or read, or the connection is lost for good. What has come stays; call again to go on.
    MissingDependencyError
        The extra ``datasets`` is not installed.

    Notes
    -----
    A file that is there with the sum of the list is not touched; one with another sum is fetched anew and replaced only
    when the new one is right. A connection that breaks is taken up where it broke, in this call or the next (HTTP range
    requests, RFC 9110 section 14), where the server can do that.
    """
    watcher = watcher or Watcher()
    if not dataset.checksums:
        raise InputError(
            f"{dataset.name}: its publisher has no list of checksums; fetch it by hand: {dataset.page}", argument="name"
        )
    pooch, requests = _libraries()
    target = Path(folder)
    with requests.Session() as session:
        # Sums are of the bytes that are stored, not of what a server packs for the way.
        session.headers["Accept-Encoding"] = "identity"
        sums = _read_sums(session, requests, dataset)
        wanted = {path: s for path, s in sums.items() if not only or any(fnmatchcase(path, one) for one in only)}
        if not wanted:
            raise InputError(f"only: none of the {len(sums)} files matches {', '.join(only)}", argument="only")
        watcher.planned(len(wanted))
        parts = target / _PARTS
        registry = {path: f"sha256:{digest}" for path, digest in wanted.items()}
        store = pooch.create(path=target, base_url=dataset.address, registry=registry)
        counts, failed = {True: 0, False: 0}, []
        for path, digest in wanted.items():
            download = _Download(session, requests, parts / digest, watcher.received)
            reason = _fetch_one(store, path, download, requests)
            if reason is None:
                counts[download.was_called] += 1
                watcher.done(path)
            else:
                failed.append((path, reason))
                watcher.failed(path, reason)
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()
    return FetchResult(
        folder=target, n_files=len(wanted), n_fetched=counts[True], n_kept=counts[False], failed=tuple(failed)
    )


def fetch_file(url: str, target: Path, *, sha256: str, watcher: Watcher | None = None) -> Path:
    """Fetch one file from a published address and check it.

    Parameters
    ----------
    url : str
        http or https.
    target : Path
        Where it goes.
    sha256 : str
        That it must have, hexadecimal.
    watcher : Watcher, optional

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    InputError
        No address, or no hash.
    FetchError
        It cannot be had, or is another file.
    MissingDependencyError
        The extra ``datasets`` is not installed.
    """
    if not url.startswith(("https://", "http://")) or "/" not in url.split("://", 1)[1]:
        raise InputError(f"url: {url!r} is no address; give one that begins with https://", argument="url")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"sha256: {sha256!r} is no SHA-256; what is fetched must have one", argument="sha256")
    watcher = watcher or Watcher()
    pooch, requests = _libraries()
    base, _, name = url.rpartition("/")
    with requests.Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        registry = {target.name: f"sha256:{sha256.lower()}"}
        urls = {target.name: f"{base}/{name}"}
        store = pooch.create(path=target.parent, base_url=f"{base}/", registry=registry, urls=urls)
        download = _Download(session, requests, target.parent / f"{sha256.lower()}.part", watcher.received)
        reason = _fetch_one(store, target.name, download, requests)
    if reason is not None:
        raise FetchError(f"{url}: {reason}")
    watcher.done(str(target))
    return target


def _libraries() -> tuple[Any, Any]:
    try:
        import pooch
        import requests
    except ImportError as exc:
        raise MissingDependencyError("fetching reference sets", extra="datasets") from exc
    # It logs every file; the watcher is told instead.
    pooch.get_logger().setLevel(logging.WARNING)
    return pooch, requests


def _fetch_one(store: Any, path: str, download: _Download, requests: Any) -> str | None:
    """Fetch a file, or see that it is there; return why not, or None.

    Raises
    ------
    FetchError
        The connection is lost, or the disk does not take the file.
    """
    try:
        store.fetch(path, downloader=download)
    except requests.HTTPError as exc:
        return f"the server answers {exc.response.status_code}"
    except requests.RequestException as exc:
        raise FetchError(
            f"{store.get_url(path)}: the connection is lost ({_cause(exc)}); give the same command again to go on"
        ) from exc
    except OSError as exc:
        raise FetchError(f"{store.abspath / path}: cannot be written ({exc.strerror or exc})") from exc
    except ValueError:
        # Pooch's way to say that the sums differ; the wrong bytes are gone by now.
        return "its sum is not the publisher's; what came is thrown away"
    return None


def _read_sums(session: Any, requests: Any, dataset: Dataset) -> dict[str, str]:
    """Return the SHA-256 of each file of the publisher's list, hexadecimal, by path."""
    url = dataset.address + dataset.checksums
    try:
        answer = session.get(url, timeout=_TIMEOUT_S)
        answer.raise_for_status()
    except requests.HTTPError as exc:
        raise FetchError(f"{url}: the server answers {exc.response.status_code}; see {dataset.page}") from exc
    except requests.RequestException as exc:
        raise FetchError(f"{url}: cannot be reached ({_cause(exc)}); is there a network?") from exc
    if len(answer.content) > _MOST_LIST_BYTES:
        raise FetchError(f"{url}: {len(answer.content)} bytes, which is no list of checksums")
    return _parse_sums(answer.content.decode("utf-8", "replace"), url)


def _parse_sums(text: str, url: str) -> dict[str, str]:
    """Return the sums of a list in the form of ``sha256sum``; no path may lead out of the folder."""
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.rstrip())
        if not found:
            raise FetchError(f"{url}: line {number} is not a sum and a name")
        path = PurePosixPath(found[2].removeprefix("./"))
        if path.is_absolute() or ".." in path.parts or "\\" in found[2] or ":" in found[2] or path.parts[0] == _PARTS:
            raise FetchError(f"{url}: line {number}: the name leads out of the folder")
        sums[str(path)] = found[1].lower()
    if not sums:
        raise FetchError(f"{url}: the list is empty")
    return sums


def _cause(exc: BaseException) -> str:
    """Return what is at the bottom of an exception, in a few words."""
    while (inner := exc.__cause__ or exc.__context__) is not None:
        exc = inner
    text = str(exc) or type(exc).__name__
    return text if len(text) <= 120 else type(exc).__name__


class _Download:
    """One file over HTTP, taken up where an earlier try broke off; the form that pooch calls.

    Parameters
    ----------
    session : requests.Session
    requests : module
    part : Path
        What has come so far; named by the sum that it should have.
    received : callable
        Is told the bytes that come.
    """

    def __init__(self, session: Any, requests: Any, part: Path, received: Callable[[int], None]) -> None:
        self.session, self.requests, self.part, self.received = session, requests, part, received
        self.was_called = False

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Write the file at `url` to `output_file`."""
        self.was_called = True
        self.part.parent.mkdir(parents=True, exist_ok=True)
        broken = (self.requests.ConnectionError, self.requests.Timeout, self.requests.exceptions.ChunkedEncodingError)
        for attempt in range(1, _ATTEMPTS + 1):
            before = self._size()
            try:
                self._go_on(url)
                break
            except broken:
                # What brings nothing twice is no accident of the line.
                if attempt == _ATTEMPTS or (attempt > 1 and self._size() == before):
                    raise
        os.replace(self.part, output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _go_on(self, url: str) -> None:
        start = self._size()
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self.session.get(url, stream=True, timeout=_TIMEOUT_S, headers=headers) as answer:
            if answer.status_code == self.requests.codes.requested_range_not_satisfiable:
                # All is here already, or more than there should be: the sum will say.
                return
            answer.raise_for_status()
            goes_on = start and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            expected = answer.headers.get("Content-Length")
            n = 0
            with self.part.open("ab" if goes_on else "wb") as file:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
                    n += len(chunk)
                    self.received(len(chunk))
            if expected is not None and n < int(expected):
                raise self.requests.ConnectionError(f"{n} of {expected} bytes came")
