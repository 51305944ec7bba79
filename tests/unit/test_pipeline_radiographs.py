"""A radiograph to its report, a study to one line, files to results: what is said, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine.errors import InputError, ModelError
from ecg_engine.models import library
from ecg_engine.pipeline import job_key, model_hashes, triage_study
from ecg_engine.report.json import radiograph_schema, study_schema
from ecg_engine.settings import DecodeSettings, TriageSettings
from ecg_engine.types import StudyTask

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data" / "radiographs"


def frontal(**said: Any) -> ee.Radiograph:
    """Return a sample of an adult's upright frontal chest."""
    path = next(
        path
        for path in sorted(SAMPLES.glob("**/*.dcm"))
        if _readable(path) and (ee.read_radiograph(path).view or "") in ("PA", "AP")
    )
    return ee.read_radiograph(path, **({"age_years": 50} | said))


def _readable(path: Path) -> bool:
    try:
        ee.read_radiograph(path)
    except ee.EcgEngineError:
        return False
    return True


def test_an_adult_chest_is_scored_and_its_report_is_what_the_schema_says() -> None:
    import jsonschema

    report = ee.analyze_radiograph(frontal())
    assert report.gate.accepted
    assert {f.code for f in report.findings} >= {"abnormal", "effusion"}
    assert all(0 <= f.score <= 1 for f in report.findings)
    for lang in ("en", "ru"):
        jsonschema.validate(json.loads(json.dumps(report.to_dict(lang))), radiograph_schema())


def test_an_outline_that_is_not_reported_still_moves_the_score_of_a_large_heart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ecg_engine.pipeline import radiographs
    from ecg_engine.types import Anatomy, HeartOutline

    usual = np.array([0.20, 0.25, 0.30, 0.38, 0.44, 0.40])

    def scored(ratio: float, error: float) -> float:
        def outlined(square: np.ndarray, **_: Any) -> Anatomy:
            right, left, nothing = np.zeros((3, *square.shape), np.bool_)
            right[100:400, 100:220], left[100:400, 280:400] = True, True
            return Anatomy(
                right_lung=right, left_lung=left, heart=nothing, confidence=0.9, method="drawn",
                outlined=HeartOutline(ratio=ratio, error=error, widths=tuple(usual * ratio / 0.5)),
            )  # fmt: skip

        monkeypatch.setattr(radiographs, "segment", outlined)
        report = ee.analyze_radiograph(frontal())
        assert "cardiothoracic_ratio" not in report.measurements.overall
        return next(f.score for f in report.findings if f.code == "cardiomegaly")

    narrow, wide, blurred = scored(0.40, 0.16), scored(0.65, 0.16), scored(0.65, 0.6)
    assert narrow < blurred < wide


def test_a_child_gets_no_score_of_a_model_for_adults() -> None:
    report = ee.analyze_radiograph(frontal(age_years=4))
    assert report.gate.child is True
    assert not [f for f in report.findings if f.report == "default"]
    assert report.urgency.level == "unscored"
    assert "child" in report.urgency.because


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_picture_is_not_scored(turns: int) -> None:
    upright = frontal()
    turned = ee.Radiograph(
        stored=np.ascontiguousarray(np.rot90(upright.display(), -turns)), bits_stored=8, photometric="MONOCHROME2",
        view="PA", patient=ee.Patient(age_years=50),
    )  # fmt: skip
    report = ee.analyze_radiograph(turned)
    assert report.gate.turned_deg == 90 * turns
    assert report.findings == ()
    assert report.urgency.level == "unscored"


def test_black_and_white_exchanged_is_seen_whatever_the_header_says() -> None:
    inverted = ee.Radiograph(
        stored=255 - frontal().display(), bits_stored=8, photometric="MONOCHROME2", view="PA",
        patient=ee.Patient(age_years=50),
    )  # fmt: skip
    report = ee.analyze_radiograph(inverted)
    assert report.gate.inverted
    assert report.findings == ()
    assert "inverted" in report.urgency.because


def test_monochrome1_and_its_negative_in_monochrome2_get_the_same_scores() -> None:
    grey = frontal().display()
    facts: dict[str, Any] = {"bits_stored": 8, "view": "PA", "patient": ee.Patient(age_years=50)}
    one = ee.analyze_radiograph(ee.Radiograph(stored=255 - grey, photometric="MONOCHROME1", **facts))
    two = ee.analyze_radiograph(ee.Radiograph(stored=grey, photometric="MONOCHROME2", **facts))
    assert [f.score for f in one.findings] == pytest.approx([f.score for f in two.findings], abs=1e-6)


def test_a_study_is_as_urgent_as_its_most_pressing_image_and_a_lateral_beside_takes_nothing_away() -> None:
    alone = ee.analyze_study([frontal()])
    both = ee.analyze_study([frontal(), frontal(view="LL")])
    assert both.images[1].urgency.level == "unscored"
    assert (both.urgency.level, both.priority) == (alone.urgency.level, alone.priority)
    assert both.findings == alone.findings


def test_a_study_of_laterals_only_goes_to_a_doctor_unscored() -> None:
    study = ee.analyze_study([frontal(view="LL")])
    assert study.urgency.level == "unscored"
    assert study.priority is None


def test_a_study_without_images_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        ee.analyze_study([])


def test_study_report_is_what_the_schema_says_with_and_without_an_earlier_one() -> None:
    import jsonschema

    first = ee.analyze_study([frontal()])
    for previous in (None, first, first.to_dict()):
        study = ee.analyze_study([frontal()], previous)
        plain = json.loads(json.dumps(study.to_dict("ru")))
        jsonschema.validate(plain, study_schema())
        assert (plain["previous"] is None) == (previous is None)
        assert not [change for change in plain["changes"] if change["beyond_error"]]


def test_triage_of_files_gives_what_the_analysis_gives_and_names_what_cannot_be_read(tmp_path: Path) -> None:
    radiograph = frontal()
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(Path(str(radiograph.path)).read_bytes()[:5000])
    outcome = triage_study(StudyTask(study_uid="1.2.3", sources=(str(radiograph.path), str(broken))))
    assert outcome.report is not None
    expected = ee.analyze_study([ee.read_radiograph(str(radiograph.path))]).to_dict()
    assert outcome.report["urgency"] == expected["urgency"]
    assert [f["score"] for f in outcome.report["findings"]] == pytest.approx(
        [f["score"] for f in expected["findings"]], abs=0.005
    )
    assert [failure.source for failure in outcome.failures] == [str(broken)]
    assert outcome.pictures["0.png"].startswith(b"\x89PNG")


def test_a_study_of_broken_files_has_no_report(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no DICOM")
    outcome = triage_study(StudyTask(study_uid="1.2.3", sources=(str(tmp_path / "a.dcm"),)))
    assert outcome.report is None
    assert outcome.failures[0].error_kind == "UnknownFormatError"


def test_without_the_gates_network_nothing_is_scored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "_folders", lambda: (("user", tmp_path),))
    with pytest.raises(ModelError, match="chest_gate"):
        ee.analyze_radiograph(frontal())


def test_results_of_other_models_or_settings_have_other_names() -> None:
    hashes = model_hashes()
    assert len(hashes) >= 2
    names = {
        job_key(b"x", TriageSettings(), engine="1", models=hashes),
        job_key(b"x", TriageSettings(), engine="1", models=hashes[:1]),
        job_key(b"x", TriageSettings(lang="ru"), engine="1", models=hashes),
        job_key(b"x", DecodeSettings(), engine="1", models=hashes),
    }
    assert len(names) == 4


def _greys(name: str) -> np.ndarray:
    """Return a picture that is no radiograph."""
    rng = np.random.default_rng(1)
    if name.startswith("constant"):
        return np.full((600, 500), int(name.removeprefix("constant ")), np.uint8)
    if name == "noise":
        return rng.integers(0, 256, (600, 500)).astype(np.uint8)
    if name == "ramp":
        return np.tile(np.linspace(0, 255, 500).astype(np.uint8), (600, 1))
    if name in ("page", "page in white on black"):
        from PIL import Image, ImageDraw

        page = Image.new("L", (700, 1000), 255)
        pen = ImageDraw.Draw(page)
        for row in range(40, 960, 24):
            words = ("".join(map(chr, rng.integers(97, 123, rng.integers(2, 9)))) for _ in range(14))
            pen.text((50, row), " ".join(words), fill=0, font_size=16)
        return 255 - np.asarray(page) if name != "page" else np.asarray(page)
    pictures = pytest.importorskip("skimage.data", reason="scikit-image (extra train) is not installed")
    photograph = np.asarray(getattr(pictures, name)(), np.float64)
    photograph = photograph[..., :3].mean(2) if photograph.ndim == 3 else photograph
    return (photograph / photograph.max() * 255).astype(np.uint8)


NO_RADIOGRAPHS = (
    *(f"constant {grey}" for grey in (0, 1, 128, 255)),
    *("noise", "ramp", "page", "page in white on black", "cat", "horse", "coffee", "camera", "retina"),
)


@pytest.mark.parametrize("name", NO_RADIOGRAPHS)
def test_what_is_no_radiograph_is_left_to_a_doctor_with_a_reason(name: str, tmp_path: Path) -> None:
    """Called a frontal chest of an adult: through the report, and through the triage of files."""
    from PIL import Image

    path = tmp_path / "chest.png"
    Image.fromarray(_greys(name)).save(path)
    report = ee.analyze_radiograph(ee.read_radiograph(path, view="PA", age_years=50))
    assert report.findings == ()
    assert report.urgency.level == "unscored"
    assert report.urgency.because
    assert "cardiothoracic_ratio" not in report.measurements.overall
    outcome = triage_study(StudyTask(study_uid="1.2.3", sources=(str(path),)))
    assert outcome.report is not None
    assert outcome.report["urgency"]["level"] == "unscored"
    assert outcome.report["urgency"]["because"]
    assert not outcome.report["findings"]
