"""Training of the twelve-lead network: who learns from whom, what is mixed, and what comes out at the end."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is absent: install the extra train to test training/")
pytest.importorskip("onnx", reason="onnx is absent: install the extra train")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def training(data: Path, tmp_path_factory: pytest.TempPathFactory):
    from training import twelve_lead

    return twelve_lead.prepare(data, tmp_path_factory.mktemp("twelve_lead"), smoke=True)


def test_smoke_training_writes_a_weight_and_its_card(training, tmp_path: Path) -> None:
    from training import twelve_lead

    made = [is_new for _, is_new in training.parts()]
    assert all(made)
    assert not any(is_new for _, is_new in training.parts())
    card = twelve_lead.finish(training, tmp_path)
    kept = tomllib.loads((tmp_path / "ecg_12_lead.toml").read_text())
    assert [label["code"] for label in kept["labels"]][:5] == ["NORM", "MI", "STTC", "CD", "HYP"]
    assert kept["outputs"]["logits"] == [1, len(kept["labels"])]
    assert len(kept["sha256"]) == 64
    assert card["figures"]["superclasses_folds_7_8_9"]["n"] == np.isin(training.records.folds, (7, 8, 9)).sum()


def test_nobody_is_judged_by_a_network_that_saw_him(training) -> None:
    from training.twelve_lead import TESTS

    patients = training.records.patients
    for held in TESTS:
        train, test = training.rows(held)
        assert not set(patients[train]) & set(patients[test])
        assert len(train) + len(test) == len(patients)
        few, same = training.rows(held, 0.25)
        assert set(few) < set(train) and np.array_equal(same, test)


def test_same_seed_same_network(training) -> None:
    train = training.rows((7,))[0]
    one, two = (training.net(train, 5).state_dict() for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.values(), two.values(), strict=True))


def test_records_are_there_once(training) -> None:
    records = training.records
    assert len(set(records.ids.tolist())) == len(records.ids)
    flat = records.signal.reshape(len(records.ids), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    alike = flat @ flat.T - np.eye(len(flat))
    assert alike.max() < 0.99


def test_teacher_that_leaves_one_out_equals_one_that_never_had_it() -> None:
    from training.twelve_lead_teacher import ridge

    rng = np.random.default_rng(3)
    x, labels = rng.normal(size=(30, 50)).astype(np.float32), (rng.random((30, 2)) < 0.4).astype(np.float32)
    rows = np.arange(30)
    nothing = np.zeros((30, 2, 3), np.float32)
    left_out, _ = ridge(x, nothing, labels, rows, rows[:1], 0.7)
    # The same regression by hand without record 4; the features' scale and the labels' mean stay those of all.
    z = (x - x.mean(0)) / x.std(0) / np.sqrt(50)
    some = rows != 4
    weights = np.linalg.solve(z[some].T @ z[some] + 0.7 * np.eye(50), z[some].T @ (labels[some] - labels.mean(0)))
    assert np.allclose(left_out[4], z[4] @ weights + labels.mean(0), atol=1e-4)


def test_limb_leads_get_back_their_proportion() -> None:
    from training.twelve_lead_data import sizes

    rng = np.random.default_rng(4)
    one, two = rng.normal(size=(2, 1000)) * [[0.4], [1.1]] + rng.normal(size=1000) * 0.3
    limb = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    leads = np.concatenate([limb, rng.normal(size=(6, 1000))])
    z = ((leads - leads.mean(1, keepdims=True)) / leads.std(1, keepdims=True)).astype(np.float32)
    found = sizes(z)[:6]
    assert np.allclose(found / found.mean(), limb.std(1) / limb.std(1).mean(), rtol=1e-3)


def test_variation_keeps_shape_and_leaves_alone_what_it_is_told_to() -> None:
    from training.twelve_lead_net import Plan, varied

    x = torch.randn(4, 12, 1000, generator=torch.Generator().manual_seed(1))
    still = Plan(lead_drop=0, noise=0, scale=0, shift=0)
    found = varied(x, still, torch.zeros(0, 2000), np.random.default_rng(1))
    ratio = found / x
    # Only each lead's size is changed.
    assert torch.allclose(ratio, ratio[:, :, :1].expand_as(ratio), rtol=1e-3)
    whole = varied(x, Plan(), torch.randn(2, 3000), np.random.default_rng(1))
    assert whole.shape == x.shape and torch.isfinite(whole).all()


def test_network_works_without_measures() -> None:
    from training.twelve_lead_net import MEASURES, Plan, TwelveLead

    torch.manual_seed(1)
    net = TwelveLead(3, Plan()).eval()
    nothing = torch.zeros(2, 2, len(MEASURES))
    garbage = nothing.clone()
    garbage[:, 0] = 99.0
    x = torch.randn(2, 12, 1000)
    with torch.no_grad():
        # A value that is not known does not count.
        assert torch.equal(net(x, nothing), net(x, garbage))


def test_card_is_that_of_the_weights() -> None:
    import hashlib

    folder = ROOT / "ecg_engine" / "models" / "weights"
    card = tomllib.loads((folder / "ecg_12_lead.toml").read_text())
    weights = folder / card["weights"]
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == card["sha256"]
    assert weights.stat().st_size <= 4_000_000
    assert card["figures"]["superclasses_folds_7_8_9"]["auc"] >= 0.934
    for label in card["labels"]:
        figures = label["figures"]
        if label["report"] == "default":
            assert figures["auc_95"][0] >= 0.9 and figures["calibration_error"] <= 0.05


def test_what_ships_is_what_the_script_makes() -> None:
    """One stem, and of each block two convolutions and the way round them, for each network."""
    import onnx

    from training.twelve_lead import NETS, PLAN

    graph = onnx.load(ROOT / "ecg_engine" / "models" / "weights" / "ecg_12_lead.onnx").graph
    n = sum(node.op_type == "Conv" for node in graph.node)
    assert n == NETS * (1 + 3 * (len(PLAN.widths) - 1))


def test_shipped_network_in_the_runtime_tells_the_superclasses_apart(data: Path) -> None:
    """What it learnt from: a check that preparation, graph and labels belong together, not a figure."""
    import onnxruntime as ort

    from ecg_engine.evaluation.ranking import auc
    from ecg_engine.measurement.twelve_lead_input import twelve_lead_input
    from training.twelve_lead_data import _labels, raw_records

    folder = ROOT / "ecg_engine" / "models" / "weights"
    card = tomllib.loads((folder / "ecg_12_lead.toml").read_text())
    session = ort.InferenceSession((folder / card["weights"]).read_bytes(), providers=["CPUExecutionProvider"])
    import ast
    import csv

    source = data / "ecg" / "ptbxl"
    with open(source / "raw_500hz.csv", newline="") as file:
        scp = {int(row["ecg_id"]): frozenset(ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(file)}
    some = [(i, twelve_lead_input(x, fs=fs, measured={})) for i, x, fs in raw_records(source)][::4]
    found = np.concatenate([session.run(["logits"], given)[0] for _, given in some])
    labels = _labels(tuple(scp[i] for i, _ in some), source)[0]
    for i in range(5):
        assert auc(labels[:, i] > 0.5, found[:, i]) > 0.9


def test_an_abnormal_record_that_is_called_normal_too_is_kept_back_by_what_else_is_said() -> None:
    """Everybody is called normal; a quarter also has a statement, which its own score knows and normal's does not."""
    from training.twelve_lead_data import Records
    from training.twelve_lead_figures import cleared, unlikely_wrong

    rng = np.random.default_rng(7)
    n = 400
    odd, sick = np.arange(n) % 4 == 0, np.arange(n) % 10 == 1
    labels = np.stack([~sick, odd], 1).astype(np.float32)
    scores = rng.normal(0.0, 0.3, (n, 2)) + np.stack([np.where(sick, -3.0, 3.0), np.where(odd, 3.0, -3.0)], 1)
    said = tuple(
        frozenset(["NORM"] * (not s) + ["MI"] * bool(s) + ["SARRH"] * bool(o)) for s, o in zip(sick, odd, strict=True)
    )
    one = np.zeros((n, 1), np.float32)
    records = Records(one, one, np.arange(n), np.arange(n), 7 + np.arange(n) % 3, said, labels, ("NORM", "SARRH"), 2)
    found = cleared(records, scores, np.arange(n))
    plain, normal = found["no_statement_but_normal_and_sinus_rhythm"], found["superclass_normal"]
    assert (plain["n"], plain["n_abnormal"]) == (np.sum(~odd & ~sick), np.sum(odd | sick))
    assert plain["cleared"] < 0.1 < 0.9 < plain["cleared_by_all_labels"]
    assert normal["cleared"] > 0.9
    assert plain["cleared_95"][0] <= plain["cleared"] <= plain["cleared_95"][1]
    assert found["said_of_the_abnormal_that_look_most_normal"][0] == "NORM SARRH"
    # Both labels are all but certain: the product is that of the two, calibrated.
    calm = np.exp(unlikely_wrong(records, scores, np.arange(n)))
    assert calm[odd | sick].max() < 0.1 and calm[~odd & ~sick].min() > 0.9
