from __future__ import annotations

from collections.abc import Iterator

import pytest

from ecg_engine.datasets import Dataset
from tests.unit.datasets.server import Publisher, sums_of

FILES = {
    "RECORDS": b"100\n101\n",
    "100.dat": bytes(range(256)) * 400,
    "100.hea": b"100 2 360 5120\n",
    "data/deep/101.dat": b"\x01\x02" * 3000,
}


@pytest.fixture
def files() -> dict[str, bytes]:
    return dict(FILES)


@pytest.fixture
def publisher(files: dict[str, bytes]) -> Iterator[Publisher]:
    server = Publisher({**files, "SHA256SUMS.txt": sums_of(files)})
    yield server
    server.close()


@pytest.fixture
def dataset(publisher: Publisher) -> Dataset:
    return made(publisher.address)


def made(address: str, checksums: str = "SHA256SUMS.txt") -> Dataset:
    return Dataset(
        name="made",
        title="A made set",
        what="for tests",
        version="1.0.0",
        folder="ecg/made",
        address=address,
        checksums=checksums,
        page="https://example.org/made",
        licence="CC0-1.0",
        doi="",
        size_mb=1,
    )
