"""Thumbnails and overlays: what PIL reads back from them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ecg_engine.errors import InputError
from ecg_engine.report.pictures import overlay, thumbnail
from ecg_engine.report.png import encode_png
from tests.unit.report.films import PA, SIZE, anatomy, film, finding

RAMP = np.tile(np.linspace(30, 220, SIZE).astype(np.uint8), (SIZE, 1))
REGION = (900, 300, 1400, 900)


def read(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        image.load()
        return np.asarray(image).astype(int)


def heat() -> np.ndarray:
    y, x = np.mgrid[:16, :16]
    return np.exp(-((y - 9) ** 2 + (x - 4) ** 2) / 6).astype(np.float32)


def pictured(**changes: Any):
    return film(PA, **{"square": RAMP, **changes})


def coloured(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture, axis=2) > 12


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 3), (1, 1), (3, 1, 3)])
@pytest.mark.parametrize("level", [1, 6])
def test_png_files_are_what_pil_reads_back(shape: tuple[int, ...], level: int) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    assert (read(encode_png(pixels, level=level, dpi=300)) == pixels).all()
    with Image.open(io.BytesIO(encode_png(pixels, dpi=300))) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)


@pytest.mark.parametrize(
    ("rows", "columns", "size"), [(2048, 2048, (256, 256)), (2000, 1000, (256, 128)), (500, 2000, (64, 256))]
)
def test_a_thumbnail_has_the_shape_of_the_picture_without_the_squares_border(rows, columns, size) -> None:
    square = np.zeros((SIZE, SIZE), np.uint8)
    scale = SIZE / max(rows, columns)
    height, width = round(rows * scale), round(columns * scale)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    square[top : top + height, left : left + width] = 200
    picture = read(thumbnail(pictured(square=square, image={"rows": rows, "columns": columns}), px=256))
    assert picture.shape == size and (picture == 200).all()


def test_a_thumbnail_shows_the_mean_of_what_it_shrinks() -> None:
    square = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE), np.uint8)
    expected = square.reshape(256, 2, 256, 2).mean((1, 3))
    assert np.abs(read(thumbnail(pictured(square=square), px=256)) - expected).max() <= 1
    assert (read(thumbnail(pictured(square=square), px=1024)) == square).all(), "never enlarged"


@pytest.mark.parametrize("px", [256, 512, 1024])
def test_an_overlay_fits_into_its_size(px: int) -> None:
    report = pictured(findings=(finding("effusion", 0.8, region=REGION),), anatomy=anatomy(), ratio=0.46,
                      maps={"effusion": heat()})  # fmt: skip
    picture = read(overlay(report, px=px))
    assert max(picture.shape[:2]) == px and picture.shape[2] == 3


def test_with_nothing_to_draw_an_overlay_is_the_picture() -> None:
    picture = read(overlay(pictured(), px=SIZE))
    assert (picture == RAMP[..., None]).all()


def test_greys_beside_the_marks_are_untouched() -> None:
    picture = read(overlay(pictured(findings=(finding("effusion", 0.8, region=REGION),)), px=SIZE))
    top, left, bottom, right = (side // 4 for side in REGION)
    inner = np.s_[top + 6 : bottom - 6, left + 6 : right - 6]
    assert (picture[inner] == RAMP[inner][..., None]).all()
    assert (picture[: top - 40] == RAMP[: top - 40][..., None]).all()


def test_the_box_of_a_region_lies_where_the_region_is() -> None:
    picture = read(overlay(pictured(findings=(finding("effusion", 0.8, region=REGION),)), px=SIZE))
    top, left, bottom, right = (side // 4 for side in REGION)
    yellow = (picture == (240, 228, 66)).all(2)
    rows = np.flatnonzero(yellow[:, right - 12])
    assert abs(rows[-1] - bottom) <= 3
    columns = np.flatnonzero(yellow[(top + bottom) // 2])
    assert abs(columns[0] - left) <= 2 and abs(columns[-1] - right) <= 3


def test_no_box_is_drawn_of_what_was_not_seen() -> None:
    report = pictured(findings=(finding("effusion", 0.3, region=REGION),))
    assert not coloured(read(overlay(report, px=SIZE))).any()


def test_heat_lies_where_the_map_is_high_and_nowhere_below_a_third_of_its_maximum() -> None:
    report = pictured(findings=(finding("effusion", 0.8),), maps={"effusion": heat()})
    picture = read(overlay(report, px=SIZE))
    # The legend takes a line below, so the picture is smaller than the square.
    scale = picture.shape[1] / SIZE if picture.shape[1] < SIZE else 1.0
    at = lambda cell: round((cell + 0.5) * SIZE / 16 * scale)  # noqa: E731
    tinted = coloured(picture)
    assert tinted[at(9), at(4)] and not tinted[at(2), at(12)]
    share = tinted[: at(15)].mean()
    assert 0.02 < share < 0.2


def test_the_greys_under_the_heat_can_still_be_told_apart() -> None:
    flat = np.ones((16, 16), np.float32)
    checks = (np.indices((SIZE, SIZE)).sum(0) // 32 % 2 * 100 + 60).astype(np.uint8)
    picture = read(
        overlay(pictured(square=checks, findings=(finding("effusion", 0.8),), maps={"effusion": flat}), px=SIZE)
    )
    light = picture[: SIZE // 2].mean(2)
    assert np.ptp(light) > 50


def test_the_map_drawn_is_that_of_the_most_pressing_finding() -> None:
    other = heat()[::-1, ::-1]
    seen = (finding("cardiomegaly", 0.99), finding("effusion", 0.55), finding("pneumothorax", 0.99, report="research"))
    maps = {"cardiomegaly": other, "effusion": heat(), "pneumothorax": other}
    expected = overlay(pictured(findings=seen[1:2], maps={"effusion": heat()}), px=SIZE)
    assert (read(overlay(pictured(findings=seen, maps=maps), px=SIZE)) == read(expected)).all()


def test_outlines_follow_the_masks_and_are_thin() -> None:
    report = pictured(anatomy=anatomy())
    picture = read(overlay(report, px=SIZE))
    scale = picture.shape[1] / SIZE
    blue = (np.abs(picture - (86, 180, 233)).max(2) < 30)[: round(SIZE * scale * 0.95)]
    # The right lung's outer edge: 0.25 of the width at half the height.
    columns = np.flatnonzero(blue[round(0.5 * SIZE * scale)])
    assert columns.size and abs(columns[0] - 0.25 * SIZE * scale) < 3
    assert blue.mean() < 0.03


def test_outlines_of_little_confidence_are_not_drawn() -> None:
    assert not coloured(read(overlay(pictured(anatomy=anatomy(confidence=0.4)), px=SIZE))).any()


def test_diameters_are_drawn_only_with_the_ratio_that_they_make() -> None:
    with_ratio = read(overlay(pictured(anatomy=anatomy(), ratio=0.4), px=SIZE))
    without = read(overlay(pictured(anatomy=anatomy()), px=SIZE))
    assert (with_ratio != without)[:480].any()


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_many_findings_with_long_names_are_drawn_in_any_language(lang: str) -> None:
    codes = ("effusion", "nodule_mass", "pneumonia_paediatric", "own", "opacity", "cardiomegaly")
    seen = tuple(finding(code, 0.9, region=(i * 200, 1500, i * 200 + 150, 2048)) for i, code in enumerate(codes))
    assert coloured(read(overlay(pictured(findings=seen), px=256, lang=lang))).any()


def test_a_report_without_a_picture_is_refused_with_a_remedy() -> None:
    for draw in (thumbnail, overlay):
        with pytest.raises(InputError, match="square"):
            draw(film(PA), px=256)
        with pytest.raises(InputError, match="px"):
            draw(pictured(), px=8)
    with pytest.raises(InputError, match="lang"):
        overlay(pictured(anatomy=anatomy()), px=256, lang="de")
