"""One radiograph of detector size: reading by transfer syntax beside pydicom, the stages of a triage, the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from benchmarks.triage import make_studies, naive
from ecg_engine.dicom.radiographs import read_radiograph
from ecg_engine.models import load_model
from ecg_engine.pipeline.radiographs import SQUARE_PX, analyze_radiograph, triage_study
from ecg_engine.radiograph.anatomy import segment
from ecg_engine.radiograph.findings import find
from ecg_engine.radiograph.gate import judge_gate, look
from ecg_engine.radiograph.inputs import stretch
from ecg_engine.radiograph.preparation import fit, prepare
from ecg_engine.report.pictures import overlay, thumbnail
from ecg_engine.types import StudyTask

SYNTAXES = tuple(make_studies.SYNTAXES)
#: Whose codestreams hold lower resolutions.
REDUCIBLE = ("jpeg_2000", "htj2k")


@pytest.fixture(scope="module")
def films(cases: dict[str, Any], root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return one file a transfer syntax, all of the same pixels."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "images").mkdir()
    grey = Image.fromarray(read_radiograph(root / cases["radiograph"]["file"]).display())
    pixels = make_studies.drawn(grey, np.random.default_rng(make_studies.SEED))
    names = [make_studies.write(make_studies.template(pixels, s), folder, i)[1] for i, s in enumerate(SYNTAXES)]
    return {syntax: folder / name for syntax, name in zip(SYNTAXES, names, strict=True)}


def ours(path: Path, least_side: int | None = None) -> Any:
    return read_radiograph(path, least_side=least_side).display()


def theirs(path: Path) -> Any:
    return np.asarray(naive.picture_of(pydicom.dcmread(path)))


@pytest.mark.parametrize("who", ["ecg_engine", "pydicom"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_file_to_greys(benchmark: Any, films: dict[str, Path], syntax: str, who: str) -> None:
    read = ours if who == "ecg_engine" else theirs
    shape = read(films[syntax]).shape
    benchmark.group = f"radiograph, {syntax} to greys"
    benchmark.extra_info.update(who=who, pixels=f"{shape[0]} x {shape[1]}")
    benchmark(read, films[syntax])


@pytest.mark.parametrize("who", ["ecg_engine", "pydicom"])
@pytest.mark.parametrize("syntax", REDUCIBLE)
def test_file_to_greys_reduced(benchmark: Any, films: dict[str, Path], syntax: str, who: str) -> None:
    """The peer has no lower resolution and decodes the whole."""

    def run() -> Any:
        return ours(films[syntax], SQUARE_PX) if who == "ecg_engine" else theirs(films[syntax])

    shape = run().shape
    benchmark.group = f"radiograph, {syntax} to greys, no more than the models need"
    benchmark.extra_info.update(who=who, pixels=f"{shape[0]} x {shape[1]}")
    benchmark(run)


@pytest.mark.parametrize("who", ["ecg_engine", "naive"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_file_to_result(benchmark: Any, films: dict[str, Path], tmp_path: Path, syntax: str, who: str) -> None:
    """Ours judges gate and quality, measures, draws a heat map and writes a report besides."""
    path = films[syntax]
    task = StudyTask(study_uid="1.2.3", sources=(str(path),))

    def run() -> Any:
        return triage_study(task) if who == "ecg_engine" else naive.work(path)

    if who == "naive":
        naive.start(naive.MODEL, tmp_path)
        assert not run()[2]
    else:
        outcome = run()
        assert outcome.report is not None and not outcome.failures
    benchmark.group = f"radiograph, {syntax} to result"
    benchmark.extra_info["who"] = who
    benchmark(run)


# -------------------------------------------------------------------------------------------------------------- stages


@pytest.fixture(scope="module")
def staged(films: dict[str, Path]) -> dict[str, Any]:
    """Return what each stage takes."""
    radiograph = read_radiograph(films["raw"])
    inside, square = fit(radiograph.shape, SQUARE_PX), prepare(radiograph, size=SQUARE_PX)
    stretched = stretch(square, inside)
    gate, _ = judge_gate(radiograph, look(stretched))
    assert gate.accepted
    return {
        "radiograph": radiograph, "inside": inside, "square": square, "stretched": stretched, "gate": gate,
        "report": analyze_radiograph(radiograph),
    }  # fmt: skip


def _prepare(s: dict[str, Any]) -> Any:
    return stretch(prepare(s["radiograph"], size=SQUARE_PX), s["inside"])


def _gate(s: dict[str, Any]) -> Any:
    return judge_gate(s["radiograph"], look(s["stretched"]))


def _anatomy(s: dict[str, Any]) -> Any:
    return segment(s["square"], inside=s["inside"])


def _findings(s: dict[str, Any]) -> Any:
    return find(s["stretched"], s["inside"], shape=s["radiograph"].full_shape, gate=s["gate"], age_years=50.0)


def _thumbnail(s: dict[str, Any]) -> Any:
    return thumbnail(s["report"], px=256)


def _overlay(s: dict[str, Any]) -> Any:
    return overlay(s["report"], px=SQUARE_PX)


STAGES = {
    "prepare": _prepare, "gate": _gate, "anatomy": _anatomy, "findings": _findings, "thumbnail": _thumbnail,
    "overlay": _overlay,
}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_stage(benchmark: Any, staged: dict[str, Any], name: str) -> None:
    load_model("chest_gate")
    STAGES[name](staged)
    benchmark.group = f"radiograph, stage: {name}"
    benchmark(STAGES[name], staged)
