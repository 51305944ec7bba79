"""The table of sets: complete, and the same in the docs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from ecg_engine.datasets import find_dataset, list_datasets
from ecg_engine.errors import InputError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "datasets.md"


@pytest.mark.parametrize("dataset", list_datasets(), ids=lambda one: one.name)
def test_a_row_is_whole(dataset):
    assert dataset.title and dataset.what and dataset.licence
    assert dataset.page.startswith(("https://", "http://2019.icbeb.org/"))
    folder = PurePosixPath(dataset.folder)
    assert folder.parts[0] == "ecg" and len(folder.parts) == 2
    if dataset.checksums:
        assert dataset.address.startswith("https://") and dataset.address.endswith("/")
        assert dataset.version in dataset.address
        assert dataset.size_mb > 0


@pytest.mark.parametrize("dataset", list_datasets(), ids=lambda one: one.name)
def test_the_docs_list_it(dataset):
    row = next(
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{dataset.name}` |")
    )
    assert dataset.licence in row and (dataset.doi or "–") in row


def test_a_wrong_name_gets_the_right_ones():
    with pytest.raises(InputError, match=r"'mitdv'; there are mitdb, "):
        find_dataset("mitdv")
    assert find_dataset("mitdb").name == "mitdb"
