"""How the rhythm model of one lead is made: calibration, thresholds and folds against definitions; a smoke run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ecg_engine.measurement.single_lead_numbers import NUMBERS

torch = pytest.importorskip("torch", reason="PyTorch is absent: install the extra train to test training/")
pytest.importorskip("onnx", reason="onnx is absent: install the extra train")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


def drawn(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return true log probabilities and labels drawn from them."""
    rng = np.random.default_rng(seed)
    z = rng.normal((1.0, -0.5, 0.3, -1.0), 1.5, (n, 4))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    return np.log(p), np.array([rng.choice(4, p=row) for row in p])


def test_log_odds_are_those_of_the_softmax() -> None:
    from training.single_lead_rhythm import log_odds

    z = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)) * 4
    assert torch.allclose(torch.sigmoid(log_odds(z)), torch.softmax(z, 1), atol=1e-6)


def test_calibration_finds_what_was_done_to_the_truth() -> None:
    from training.single_lead_figures import fit_calibration

    z, y = drawn(20_000)
    offsets = np.array([0.6, -0.9, 0.4, -0.1])
    noise = np.random.default_rng(2).standard_normal(z.shape)
    slopes, found = fit_calibration(np.stack([(z - offsets) / 2.5, noise]), y)
    assert slopes == pytest.approx([2.5, 0.0], abs=0.08)
    np.testing.assert_allclose(found, offsets - offsets.mean(), atol=0.08)


def test_no_fold_is_calibrated_by_its_own_labels() -> None:
    from training.single_lead_figures import calibrated

    z, y = drawn(400)
    fold = np.arange(400) % 5
    other = np.where(fold == 2, (y + 1) % 4, y)
    first, second = calibrated(z[None], y, fold), calibrated(z[None], other, fold)
    np.testing.assert_array_equal(first[fold == 2], second[fold == 2])
    assert not np.array_equal(first[fold != 2], second[fold != 2])


def test_f1_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is absent")
    from training.single_lead_figures import f1_of

    z, y = drawn(300)
    np.testing.assert_allclose(f1_of(y, z.argmax(1)), metrics.f1_score(y, z.argmax(1), average=None))


def test_the_best_threshold_is_the_best_of_all() -> None:
    from training.single_lead_figures import best_threshold

    rng = np.random.default_rng(3)
    y = rng.random(200) < 0.3
    p = np.clip(0.3 * y + rng.normal(0.3, 0.2, 200), 0, 1)

    def f1(threshold: float) -> float:
        found = p >= threshold
        return float(2 * (found & y).sum() / (found.sum() + y.sum()))

    assert f1(best_threshold(y, p)) == pytest.approx(max(f1(t) for t in p))


def test_normals_are_cleared_above_all_but_one_in_a_hundred_others() -> None:
    from training.single_lead_figures import clear_from

    rng = np.random.default_rng(4)
    y = rng.integers(0, 4, 2000)
    p = rng.random((2000, 4))
    cleared = p[:, 0] >= clear_from(y, p)
    n = (y > 0).sum()
    assert cleared[y > 0].sum() == n - np.ceil(0.99 * n)


def test_trees_as_a_network_say_what_scikit_learn_says() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is absent")
    from training.single_lead_trees import boosted, trees_of

    rng = np.random.default_rng(8)
    x = np.round(rng.standard_normal((600, 7)), 2).astype(np.float32)
    y = (x[:, 0] > 0.3).astype(int) + 2 * (x[:, 1] * x[:, 2] > 0)
    model = boosted(x, y, 1, max_iter=20)
    with torch.no_grad():
        found = trees_of(model)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, model._raw_predict(x), atol=1e-5)


def test_each_label_is_dealt_evenly_into_the_folds() -> None:
    from training.single_lead_rhythm import FOLDS, folds_of

    y = np.repeat([0, 1, 2, 3], [411, 60, 195, 21])
    fold = folds_of(y)
    for label in range(4):
        counts = np.bincount(fold[y == label], minlength=FOLDS)
        assert np.ptp(counts) <= 1


def test_altered_strips_keep_their_place_and_know_what_is_known() -> None:
    """A strip that is neither slowed nor flipped nor made noisy is itself, times a gain, where it is known."""
    from dataclasses import replace

    from training.single_lead_rhythm import Recipe, Strips, augmented

    x = np.random.default_rng(5).standard_normal(900 + 3000).astype(np.float16)
    strips = Strips(x, np.array([0, 900, 3900]), np.array([0, 1]), np.ones((2, NUMBERS), np.float32))
    plain = replace(Recipe(), noisy=0.0, flipped=0.0, slowed=0.0)
    out = augmented(strips, np.array([0, 1]), plain, np.random.default_rng(6)).numpy()
    assert out.shape == (2, 2, 3072)
    for one, (a, b) in zip(out, ((0, 900), (900, 3900)), strict=True):
        known = one[1] > 0
        assert not known[b - a :].any()
        assert known.sum() > 0.5 * (b - a)
        gain = one[0, known] / x[a:b].astype(np.float32)[known[: b - a]]
        np.testing.assert_allclose(gain, gain[0], rtol=1e-3)
        assert (one[0, ~known] == 0).all()


def test_same_seed_same_network() -> None:
    from dataclasses import replace

    from training.single_lead_rhythm import Recipe, Strips, fit

    rng = np.random.default_rng(9)
    ends = np.arange(0, 13 * 1000, 1000)
    numbers = rng.standard_normal((12, NUMBERS)).astype(np.float32)
    strips = Strips(rng.standard_normal(12_000).astype(np.float16), ends, np.arange(12) % 4, numbers)
    small = replace(Recipe(), epochs=1, batch=4, stem=8, plan=((8, 5, 2, 1),))
    one, two, other = (fit(strips, np.arange(12), small, seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(one.values(), two.values(), strict=True))
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_smoke(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it in seconds: folds, calibration, export compared with PyTorch, card, page."""
    import tomllib

    from training import single_lead_rhythm

    if not (data / "ecg" / "cinc2017").is_dir():
        pytest.skip("the strips of CinC 2017 are absent")
    monkeypatch.setenv("ECG_ENGINE_DATA", str(data))
    said = ["--smoke", "--cache", str(tmp_path), "--out", str(tmp_path / "out"), "--page", str(tmp_path / "page.md")]
    monkeypatch.setattr(sys, "argv", ["single_lead_rhythm", *said])
    single_lead_rhythm.main()
    card = tomllib.loads((tmp_path / "out" / "rhythm_single_lead.toml").read_text(encoding="utf-8"))
    assert [label["code"] for label in card["labels"]] == list(single_lead_rhythm.CODES)
    assert (tmp_path / "page.md").read_text(encoding="utf-8").startswith("# Rhythm of one lead")


def test_what_ships_is_what_the_script_makes() -> None:
    """The card tells the script's settings; of each network there are a stem, the blocks' three, and the attention."""
    import tomllib
    from dataclasses import asdict

    import onnx

    from ecg_engine import models
    from training.single_lead_rhythm import NETS, Recipe
    from training.single_lead_trees import SETTINGS

    path = Path(models.__file__).parent / "weights" / "rhythm_single_lead.toml"
    said = tomllib.loads(path.read_text(encoding="utf-8"))["training"]
    recipe = asdict(Recipe()) | {"plan": [list(block) for block in Recipe().plan]}
    assert (said["networks"], said["network"], said["trees"]) == (NETS, recipe, SETTINGS)
    graph = onnx.load(path.with_suffix(".onnx")).graph
    assert sum(node.op_type == "Conv" for node in graph.node) == NETS * (2 + 3 * len(Recipe().plan))


def test_the_page_shows_the_figures_of_the_shipped_card() -> None:
    import tomllib

    from ecg_engine import models
    from training.single_lead_figures import page_of

    root = Path(__file__).resolve().parents[3]
    path = Path(models.__file__).parent / "weights" / "rhythm_single_lead.toml"
    card = tomllib.loads(path.read_text(encoding="utf-8"))
    page = (root / "docs" / "single_lead_rhythm.md").read_text(encoding="utf-8")
    assert page == page_of(card["figures_of_unseen_strips"], card["learning_curve"], card["elsewhere"])
    figures = card["figures_of_unseen_strips"]
    # The confusion matrix holds every strip once, and says the same F1 as the folds together do.
    confusion = np.array(figures["confusion_truth_by_row"])
    assert confusion.sum() == figures["n"] == sum(label["figures"]["n_positive"] for label in card["labels"])
    pooled = 2 * np.diag(confusion) / (confusion.sum(0) + confusion.sum(1))
    assert pooled[:3].mean() == pytest.approx(figures["f1_mean_n_a_o"][0], abs=0.01)
    assert pooled[1] == pytest.approx(figures["f1"]["atrial_fibrillation"][0], abs=0.015)
    # What was once reached; these may only rise.
    assert figures["f1_mean_n_a_o"][0] >= 0.86
    # Version 1.3 had 0.857 (0.82 to 0.89): a thousandth was given for P waves that are not invented any more.
    assert figures["f1"]["atrial_fibrillation"][0] >= 0.854
    assert max(figures["calibration_error"].values()) <= 0.05
