"""Radiographs made for the tests of the reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

Make = Callable[..., Any]


@pytest.fixture
def pixels() -> np.ndarray:
    """A smooth 12-bit picture with some noise, 40 rows of 48."""
    y, x = np.mgrid[:40, :48]
    noise = np.random.default_rng(5).integers(0, 9, (40, 48))
    return (1800 + 1500 * np.sin(x / 9) * np.cos(y / 7) + noise).astype(np.uint16)


@pytest.fixture
def make(tmp_path: Path, pixels: np.ndarray) -> Make:
    """Write a DX object of `pixels`; keywords are its attributes, `frame` a codestream in their place."""

    def write(
        name: str = "a.dcm", *, frame: bytes | None = None, syntax: str = "1.2.840.10008.1.2.1", **attributes: Any
    ) -> Path:
        data = FileDataset("", {}, preamble=b"\0" * 128, file_meta=FileMetaDataset())
        data.file_meta.TransferSyntaxUID = syntax
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3.4"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.Modality = "1.2.3", "1.2.3.1", "DX"
        data.PatientName, data.PatientID = "Secret^Anna", "SECRET-17"
        data.Rows, data.Columns = pixels.shape
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
        data.PixelData = pixels.tobytes() if frame is None else encapsulate([frame])
        if frame is not None:
            data["PixelData"].VR = "OB"
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with pydicom.config.disable_value_validation():
            for keyword, value in attributes.items():
                if value is None:
                    delattr(data, keyword)
                else:
                    setattr(data, keyword, value)
            data.save_as(path, enforce_file_format=True)
        return path

    return write
