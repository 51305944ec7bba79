"""DICOM images and ordinary pictures to `Radiograph`."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.dicom import pixels as px
from ecg_engine.dicom import waveforms as wf
from ecg_engine.dicom.datasets import inflated
from ecg_engine.errors import CorruptFormatError, FormatError, InputError, UnknownFormatError, UnsupportedFormatError
from ecg_engine.types import LookUpTable, Note, Patient, Radiograph, Window

#: Largest data set that a deflated file may become, bytes.
_MAX_INFLATED: Final = 1 << 30
_MAX_TABLE: Final = 1 << 16
#: Codes of views (CID 4010) where View Position is empty.
_VIEWS: Final = {
    "399348003": "AP", "R-10206": "AP", "272479007": "PA", "R-10214": "PA", "399173006": "LL", "R-10236": "LL",
    "399198007": "RL", "R-10232": "RL", "399067008": "LATERAL",
}  # fmt: skip
_MEDIA_DIRECTORY: Final = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"
_NEVER_PIXELS_MM: Final = 10.0
_UNKNOWN: Final = "neither DICOM nor PNG nor JPEG; give a radiograph"
_IMPLICIT, _EXPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def read_radiograph(
    path: str | PathLike[str],
    *,
    view: str | None = None,
    age_years: float | None = None,
    frame: int = 0,
    least_side: int | None = None,
) -> Radiograph:
    """Read a radiograph: a DICOM image of any transfer syntax in use, with or without preamble, or a PNG or JPEG.

    Parameters
    ----------
    path : str or PathLike
        A file. Folders, DICOMDIR and zip archives: `ecg_engine.dicom.containers.iter_radiographs`.
    view : str, optional
        ``"PA"``, ``"AP"``, ``"LL"`` ...; in place of what the file says.
    age_years : float, optional
        Age of the patient; in place of what the file says.
    frame : int
        Which frame of several, from 0.
    least_side : int, optional
        Pixels that the longer side must keep: grey JPEG 2000 and HTJ2K pictures are decoded at the lowest resolution
        that has them, which is many times faster (`Radiograph.reduction` says how many of the file's pixels each
        stands for). Everything else is decoded whole, and so is everything where it is None: what a doctor looks at is
        never reduced.

    Returns
    -------
    Radiograph

    Raises
    ------
    InputError
        No such file, a folder or an archive, a frame that the file does not have, or a side of less than one pixel.
    UnknownFormatError
        Neither DICOM nor PNG nor JPEG.
    CorruptFormatError
        Cut off, or a header that contradicts its pixels.
    UnsupportedFormatError
        No image, or one whose pixels are no greys or too many.
    MissingDependencyError
        No decoder of its transfer syntax is installed.

    Notes
    -----
    Colour becomes luminance (note ``colour_to_luminance``). A picture has no scale, and nobody knows what its greys
    went through (note ``picture_greys_unknown``); its EXIF orientation is applied.

    Examples
    --------
    >>> radiograph = read_radiograph("study/0001.dcm")  # doctest: +SKIP
    >>> radiograph.display().shape  # doctest: +SKIP
    (2500, 2048)
    """
    where = Path(fspath(path))
    if where.is_dir():
        raise InputError("path: a folder; give a file, or use iter_radiographs", argument="path")
    if not where.exists():
        raise InputError(f"path: {where} does not exist", argument="path")
    if not where.is_file():
        raise InputError(f"path: {where} is no ordinary file", argument="path")
    try:
        file = where.open("rb")
    except OSError as exc:
        raise FormatError(f"cannot be opened ({exc.strerror}); mend its permissions", path=where) from exc
    with file:
        return read_stream(file, where, view=view, age_years=age_years, frame=frame, least_side=least_side)


def read_stream(
    file: BinaryIO,
    path: Path,
    *,
    view: str | None = None,
    age_years: float | None = None,
    frame: int = 0,
    least_side: int | None = None,
) -> Radiograph:
    """Read a radiograph from an open file that can seek, as `read_radiograph`; `path` is what messages call it."""
    if least_side is not None and least_side < 1:
        raise InputError(f"least_side: {least_side} pixels; give 1 or more, or None", argument="least_side")
    head = file.read(1024)
    file.seek(0)
    if head[:8] == b"\x89PNG\r\n\x1a\n" or head[:3] == b"\xff\xd8\xff":
        image = _picture(file, path, frame)
    elif head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        raise InputError("path: a zip archive; use iter_radiographs", argument="path")
    elif is_directory(head):
        raise InputError("path: a DICOMDIR; use iter_radiographs", argument="path")
    else:
        with wf._quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of devices' slips, which the checks here judge
            image = _dicom(file, path, frame, least_side)
    patient = image.patient if age_years is None else replace(image.patient, age_years=age_years)
    return replace(image, patient=patient, view=view.strip().upper() or None if view else image.view)


# --------------------------------------------------------------------------------------------------------------- DICOM


def _dicom(file: BinaryIO, path: Path, frame: int, least_side: int | None) -> Radiograph:
    header, file, syntax = open_header(file, path)
    kind = wf._text(header, "SOPClassUID") or wf._text(header.file_meta, "MediaStorageSOPClassUID")
    if wf._value(header, "Rows") is None and wf._value(header, "PhotometricInterpretation") is None:
        raise UnsupportedFormatError("a DICOM object without an image; send the image itself", path=path)
    layout = px.layout_of(header, path)
    is_colour = layout.samples == 3
    notes: list[Note] = []
    greys = {} if is_colour else _greys(header, layout, frame, path, notes)
    if least_side is not None and not _is_padding_darkest(greys, layout):
        least_side = None
    stored, reduction = px.read_frame(file, header, layout, syntax, frame, path, least_side=least_side)
    if is_colour:
        notes.append(Note(stage="reading", code="colour_to_luminance", facts={"photometric": layout.photometric}))
    spacing, source = _spacing(header, frame)
    if spacing is None:
        notes.append(Note(stage="reading", code="spacing_unknown"))
    return Radiograph(
        stored=stored,
        bits_stored=layout.stored,
        photometric="MONOCHROME2" if is_colour else layout.photometric,
        reduction=reduction,
        file_shape=(layout.rows, layout.columns),
        spacing_mm=None if spacing is None else (spacing[0] * reduction, spacing[1] * reduction),
        spacing_source=source,
        view=_view(header),
        laterality=(wf._text(header, "ImageLaterality") or wf._text(header, "Laterality")).upper() or None,
        body_part=wf._text(header, "BodyPartExamined").upper() or None,
        modality=wf._text(header, "Modality").upper() or None,
        sop_class_uid=kind or None,
        sop_instance_uid=wf._text(header, "SOPInstanceUID") or None,
        series_uid=wf._text(header, "SeriesInstanceUID") or None,
        study_uid=wf._text(header, "StudyInstanceUID") or None,
        transfer_syntax=syntax,
        frame=frame,
        n_frames=layout.n_frames,
        burned_in={"YES": True, "NO": False}.get(wf._text(header, "BurnedInAnnotation").upper()),
        overlays=_overlays(header),
        patient=_patient(header),
        path=str(path),
        notes=tuple(notes),
        details=_details(header, layout),
        **greys,
    )


def is_directory(head: bytes) -> bool:
    """Return whether a file that begins with `head` is a DICOMDIR, by its media storage class."""
    return head[128:132] == b"DICM" and _MEDIA_DIRECTORY in head


def open_header(file: BinaryIO, path: Path) -> tuple[Any, BinaryIO, str]:
    """Parse a data set up to its pixels.

    Returns
    -------
    Dataset, the file that stands at its pixel data (another one where it was deflated), transfer syntax UID
    """
    import pydicom

    head = file.read(4096)
    has_preamble = head[128:132] == b"DICM"
    syntax = _meta_syntax(head) if has_preamble else ""
    file.seek(0)
    try:
        if syntax == px.DEFLATED:
            file = inflated(file, head, path, _MAX_INFLATED)
        header: Any = pydicom.dcmread(file, force=True, stop_before_pixels=True)
        is_known = any(keyword in header for keyword in ("SOPClassUID", "Rows", "DirectoryRecordSequence"))
    except (CorruptFormatError, UnsupportedFormatError):
        raise
    except Exception as exc:
        if has_preamble:
            raise CorruptFormatError("its DICOM header cannot be parsed; copy or export it again", path=path) from exc
        raise UnknownFormatError(_UNKNOWN, path=path) from exc
    if not has_preamble and not is_known:
        raise UnknownFormatError(_UNKNOWN, path=path)
    syntax = syntax or wf._text(getattr(header, "file_meta", None), "TransferSyntaxUID")
    if not syntax:
        is_implicit, is_little = header.original_encoding
        syntax = _IMPLICIT if is_implicit else _EXPLICIT if is_little else _BIG
    return header, file, syntax


def _meta_syntax(head: bytes) -> str:
    at = head.find(b"\x02\x00\x10\x00UI")
    return (
        head[at + 8 : at + 8 + int.from_bytes(head[at + 6 : at + 8], "little")].decode("ascii", "replace").strip(" \0")
        if at >= 0
        else ""
    )


def _greys(header: Any, layout: px.Layout, frame: int, path: Path, notes: list[Note]) -> dict[str, Any]:
    """Return the fields that lead from stored values to greys."""
    rescale = _macro(header, frame, "PixelValueTransformationSequence")
    voi = _macro(header, frame, "FrameVOILUTSequence")
    slope, intercept = wf._float(rescale, "RescaleSlope"), wf._float(rescale, "RescaleIntercept")
    if slope == 0:
        notes.append(Note(stage="reading", code="rescale_ignored", facts={"slope": 0}))
        slope = intercept = None
    modality = [_table(item, layout.is_signed, path) for item in _items(header, "ModalityLUTSequence")[:1]]
    values_signed = not modality and (layout.is_signed or (intercept or 0.0) < 0)
    tables = tuple(_table(item, values_signed, path) for item in _items(voi, "VOILUTSequence"))
    windows = _windows(voi, notes)
    if not tables and not windows:
        notes.append(Note(stage="reading", code="window_from_range"))
    shape = wf._text(header, "PresentationLUTShape").upper()
    if (shape, layout.photometric) in (("IDENTITY", "MONOCHROME1"), ("INVERSE", "MONOCHROME2")):
        notes.append(
            Note(stage="reading", code="presentation_contradiction", facts={"photometric": layout.photometric})
        )
    return {
        "presentation_shape": shape if shape in ("IDENTITY", "INVERSE") else None,
        "slope": 1.0 if slope is None else slope,
        "intercept": intercept or 0.0,
        "modality_table": modality[0] if modality else None,
        "voi_tables": tables,
        "windows": windows,
        "padding": _padding(header, layout),
    }


def _macro(header: Any, frame: int, name: str) -> Any:
    """Return where an enhanced object keeps something: its functional groups, else the data set itself."""
    every = _items(header, "PerFrameFunctionalGroupsSequence")
    for group in (every[frame] if frame < len(every) else None, wf._first(header, "SharedFunctionalGroupsSequence")):
        found = wf._first(group, name)
        if found is not None:
            return found
    return header


def _items(item: Any, keyword: str) -> list[Any]:
    value = wf._value(item, keyword)
    return list(value) if type(value).__name__ == "Sequence" else []


def _table(item: Any, is_signed: bool, path: Path) -> LookUpTable:
    """Return a Modality or VOI LUT (PS3.3 C.11.1, C.11.2)."""
    described = wf._value(item, "LUTDescriptor")
    raw = wf._value(item, "LUTData")
    try:
        length, first, bits = (int(value) for value in described)
        length = length & 0xFFFF or _MAX_TABLE
        if isinstance(raw, bytes):
            is_little = bool(getattr(item, "original_encoding", (False, True))[1])
            wide = len(raw) >= 2 * length
            data = np.frombuffer(raw, ("<u2" if is_little else ">u2") if wide else "u1")
        else:
            # Values of type SS come negative; one byte in two, where entries of 8 bits are packed.
            data = np.asarray([raw] if isinstance(raw, int) else raw, np.int64) & 0xFFFF
            if len(data) < length <= 2 * len(data) and bits <= 8:
                data = np.column_stack([data & 0xFF, data >> 8]).ravel()
        data = np.asarray(data[:length]).astype(np.uint16)
    except (TypeError, ValueError) as exc:
        raise CorruptFormatError(
            "LUTDescriptor (0028,3002) or LUTData (0028,3006) is broken; export again", path=path
        ) from exc
    if len(data) != length or not 1 <= bits <= 16:
        raise CorruptFormatError(
            f"LUTData (0028,3006) has {len(data)} entries of {bits} bits where LUTDescriptor (0028,3002) says {length}"
            "; export again",
            path=path,
        )
    first &= 0xFFFF
    return LookUpTable(
        first=first - _MAX_TABLE if is_signed and first >= _MAX_TABLE >> 1 else first, bits=bits, data=data
    )


def _windows(voi: Any, notes: list[Note]) -> tuple[Window, ...]:
    function = wf._text(voi, "VOILUTFunction").upper() or "LINEAR"
    found = []
    for center, width in zip(wf._floats(voi, "WindowCenter"), wf._floats(voi, "WindowWidth"), strict=False):
        try:
            found.append(Window(center=center, width=width, function=function))
        except InputError:
            notes.append(
                Note(stage="reading", code="window_ignored", facts={"width": width, "function": function[:16]})
            )
    return tuple(found)


def _padding(header: Any, layout: px.Layout) -> tuple[int, int] | None:
    first, last = wf._float(header, "PixelPaddingValue"), wf._float(header, "PixelPaddingRangeLimit")
    if first is None:
        return None
    ends = [int(first), int(first if last is None else last)]
    if layout.is_signed:  # some write it as US beside signed pixels
        ends = [value - _MAX_TABLE if value >= _MAX_TABLE >> 1 else value for value in ends]
    return min(ends), max(ends)


def _is_padding_darkest(greys: dict[str, Any], layout: px.Layout) -> bool:
    """Return whether padding would be black as a value too, or there is none.

    Else what a lower resolution makes of padding and the picture beside it would be a bright line around the picture.
    """
    padding = greys.get("padding")
    if padding is None:
        return True
    if not greys["voi_tables"] and not greys["windows"]:  # the window is the range of pixels that are no padding
        return False
    kind = np.int16 if layout.is_signed else np.uint16
    limits = np.iinfo(kind)
    ends = np.clip([padding], limits.min, limits.max).astype(kind)
    as_values = Radiograph(
        stored=ends, bits_stored=layout.stored, photometric=layout.photometric, **{**greys, "padding": None}
    )
    return int(as_values.display().max()) == 0


# ------------------------------------------------------------------------------------------------ view, scale, patient


def _spacing(header: Any, frame: int) -> tuple[tuple[float, float] | None, str | None]:
    """Return the spacing and its attribute; Pixel Spacing that repeats the detector's is the detector's."""
    at_detector = _pair(wf._floats(header, "ImagerPixelSpacing"))
    calibrated = _pair(wf._floats(_macro(header, frame, "PixelMeasuresSequence"), "PixelSpacing"))
    if calibrated is not None and calibrated != at_detector:
        return calibrated, "PixelSpacing"
    if at_detector is not None:
        return at_detector, "ImagerPixelSpacing"
    scanned = _pair(wf._floats(header, "NominalScannedPixelSpacing"))
    return scanned, None if scanned is None else "NominalScannedPixelSpacing"


def _pair(values: list[float]) -> tuple[float, float] | None:
    if len(values) != 2 or not all(0 < value < _NEVER_PIXELS_MM for value in values):
        return None
    return values[0], values[1]


def _view(header: Any) -> str | None:
    said = wf._text(header, "ViewPosition").upper()
    return said or _VIEWS.get(wf._text(wf._first(header, "ViewCodeSequence"), "CodeValue"))


def _overlays(header: Any) -> tuple[str, ...]:
    groups = range(0x6000, 0x6020, 2)
    # Rows of an overlay, present whether its bits stand apart or in unused bits of the pixels.
    return tuple(f"{group:04X}" for group in groups if (group, 0x0010) in header)


def _patient(header: Any) -> Patient:
    patient = wf._patient(header)
    if patient.age_years is not None or patient.birth_date is None:
        return patient
    taken = wf._date(wf._text(header, "AcquisitionDate")) or wf._date(wf._text(header, "StudyDate"))
    years = math.nan if taken is None else (taken - patient.birth_date).days / 365.25
    return replace(patient, age_years=years) if 0 <= years <= 130 else patient


def _details(header: Any, layout: px.Layout) -> dict[str, Any]:
    details: dict[str, Any] = {"photometric": layout.photometric, "bits_allocated": layout.allocated}
    for key, keyword in (
        ("presentation_intent", "PresentationIntentType"),
        ("manufacturer", "Manufacturer"),
        ("model", "ManufacturerModelName"),
        ("orientation", "PatientOrientation"),
        ("lossy", "LossyImageCompression"),
        ("accession", "AccessionNumber"),
        ("study_description", "StudyDescription"),
        ("series_description", "SeriesDescription"),
        ("institution", "InstitutionName"),
    ):
        if wf._text(header, keyword):
            details[key] = wf._text(header, keyword)
    day, hour = wf._date(wf._text(header, "StudyDate")), _clock(wf._text(header, "StudyTime"))
    if day is not None:
        details["study_date"] = day.isoformat()
    if hour is not None:
        details["study_time"] = hour
    return details


def _clock(text: str) -> str | None:
    """Return a TM value (PS3.5 6.2: ``HH``, ``HHMM``, ``HHMMSS.F``; formerly with colons) as ``HH:MM:SS``."""
    found = re.fullmatch(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.\d{1,6})?)?)?", text)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    return f"{hour:02}:{minute:02}:{second:02}" if hour < 24 and minute < 60 and second <= 60 else None


# ------------------------------------------------------------------------------------------------------------ pictures


def _picture(file: BinaryIO, path: Path, frame: int) -> Radiograph:
    from PIL import Image, ImageOps, UnidentifiedImageError

    if frame != 0:
        raise InputError(f"frame: {frame} is not among the 1 of a picture", argument="frame")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bound is below ours
            with Image.open(file, formats=("PNG", "JPEG")) as opened:
                columns, rows = opened.size
                if rows * columns > px.MAX_PIXELS:
                    raise UnsupportedFormatError(
                        f"{rows} x {columns} pixels, more than {px.MAX_PIXELS}; export it smaller", path=path
                    )
                kind, mode = str(opened.format), opened.mode
                turned = ImageOps.exif_transpose(opened)
                stored, is_colour = _greys_of(turned)
    except UnsupportedFormatError:
        raise
    except Image.DecompressionBombError as exc:
        raise UnsupportedFormatError(f"more than {px.MAX_PIXELS} pixels; export it smaller", path=path) from exc
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as exc:
        raise CorruptFormatError("a PNG or JPEG that is cut off or damaged; copy it again", path=path) from exc
    notes = [Note(stage="reading", code="picture_greys_unknown", facts={"format": kind})]
    notes.append(Note(stage="reading", code="spacing_unknown"))
    if is_colour:
        notes.append(Note(stage="reading", code="colour_to_luminance", facts={"photometric": mode}))
    bits = 8 * stored.dtype.itemsize
    return Radiograph(
        stored=stored,
        bits_stored=bits,
        photometric="MONOCHROME2",
        windows=(Window(center=2.0 ** (bits - 1), width=2.0**bits),),
        path=str(path),
        notes=tuple(notes),
        details={"format": kind, "mode": mode},
    )


def _greys_of(image: Any) -> tuple[NDArray[Any], bool]:
    if image.mode.startswith("I"):
        return np.clip(np.asarray(image), 0, 0xFFFF).astype(np.uint16), False
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L")), False
    return px.luminance(np.asarray(image.convert("RGB"))), True
