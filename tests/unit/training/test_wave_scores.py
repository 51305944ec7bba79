"""What the wave scores learn from, and that what was learnt is what ships."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ecg_engine.detection import wave_inputs  # noqa: E402
from ecg_engine.detection import wave_scores as ws  # noqa: E402
from ecg_engine.kernels.qrs_net import dense_into, dense_room  # noqa: E402
from ecg_engine.kernels.wave_net import EDGE, SEEN  # noqa: E402
from tests.reference.wave_net_twin import log_odds  # noqa: E402
from training import qrs_network, wave_leads  # noqa: E402
from training import wave_scores as learning  # noqa: E402
from training.wave_leads import Lead, altered, as_it_is, classes_of, with_other_p  # noqa: E402
from training.wave_teacher import Teacher, inputs_of, taught  # noqa: E402


def a_lead(source="ludb", seconds=8.0, fs=500.0, p=0.0, t_wave=0.0):
    """A lead with one spike a second, bumps of such heights for P and T, and marks of three beats of it."""
    at = np.arange(0.5, seconds, 1.0)
    t = np.arange(int(seconds * fs)) / fs
    bumps = ((1.0, 0.0, 0.02), (p, -0.16, 0.025), (t_wave, 0.28, 0.05))
    row = sum(height * np.exp(-(((t - b - shift) / width) ** 2)) for b in at for height, shift, width in bumps)
    marks = {
        wave: np.array([[fs * (b + shift - w), fs * (b + shift), fs * (b + shift + w)] for b in at[2:5]]).astype(int)
        for wave, shift, w in (("p", -0.16, 0.04), ("N", 0.0, 0.048), ("t", 0.28, 0.08))
    }
    return Lead(source, "1", "ii", row, fs, np.rint(at * fs).astype(np.int64), marks)


def test_the_network_that_ships_says_what_the_one_that_learnt_says():
    torch.manual_seed(3)
    net = learning.Small()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(part.running_mean, 0.0, 0.3)
            torch.nn.init.uniform_(part.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, 0.0, 0.3)
    lead = a_lead(seconds=1024 * wave_inputs.STEP_S)
    rhythm = wave_inputs.Rhythm(lead.r_peaks / lead.fs)
    inputs = wave_inputs.inputs_of(lead.signal, lead.scale, lead.fs, rhythm)
    seen = wave_inputs.seen_of(inputs, rhythm, 0, 1024)
    assert seen.shape == (SEEN, 1024 + 2 * EDGE)
    with torch.no_grad():
        said = net.eval()(torch.from_numpy(seen[:, EDGE:-EDGE])[None])[0].numpy()
    expected = log_odds(said + np.array(learning.LEAN)[:, None])
    found = ws.odds_of(inputs, rhythm, ws.WaveModel.of(net.weights()))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_classes_are_those_of_the_marks_and_unknown_outside():
    lead = a_lead()
    classes = classes_of(1000, lead, lead.fs)
    of_second = {at: classes[round(at / 0.008)] for at in (1.0, 2.34, 2.5, 2.65, 2.78, 3.0, 6.0)}
    assert of_second == {1.0: -1, 2.34: 1, 2.5: 2, 2.65: 0, 2.78: 3, 3.0: 0, 6.0: -1}
    unmarked = lead._replace(marks={})
    assert (classes_of(1000, unmarked, lead.fs) == -1).all()


def test_a_teacher_speaks_of_each_point_of_the_grid_in_probabilities():
    torch.manual_seed(1)
    lead = a_lead()
    said = taught(Teacher().eval(), lead)
    assert said.shape == (4, inputs_of(lead.signal, lead.r_peaks, lead.scale, lead.fs).shape[1])
    np.testing.assert_allclose(np.exp(said).sum(axis=0), 1.0, atol=1e-5)


def test_what_is_learnt_is_half_the_readers_word_and_half_the_teachers():
    lead = a_lead()
    lesson = np.log(np.tile(np.array([[0.4], [0.3], [0.2], [0.1]], np.float32), (1, 1000)))
    targets, weights, marked = learning._to_learn(lead, lesson, 500, lead.fs)
    at_r, outside = round(2.5 / 0.016), round(1.0 / 0.016)
    assert marked[at_r] and not marked[outside]
    np.testing.assert_allclose(targets[:, at_r], [0.2, 0.15, 0.6, 0.05], atol=1e-3)
    np.testing.assert_allclose(targets[:, outside], [0.4, 0.3, 0.2, 0.1], atol=1e-3)
    assert weights[at_r] == learning.WEIGHT["ludb"] and weights[outside] == learning.BETWEEN_WEIGHT


def test_an_altered_lead_keeps_its_beats_in_place():
    lead = a_lead()
    x, fs, r_peaks, scale = altered(lead, np.random.default_rng(2))
    assert x.shape == lead.signal.shape and 0.7 < fs / lead.fs < 1.4 and 0.6 < scale / lead.scale < 1.7
    assert np.abs(r_peaks - lead.r_peaks).max() <= 0.012 * fs
    assert as_it_is(lead)[0] is lead.signal


def test_what_is_there_already_is_not_learnt_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"weights": torch.arange(3.0)}

    for _ in range(2):
        assert learning.kept(tmp_path / "one.pt", make)["weights"].tolist() == [0.0, 1.0, 2.0]
    assert made == [1] and [path.name for path in tmp_path.iterdir()] == ["one.pt"]


def test_a_lesson_is_the_mean_of_what_its_teachers_say():
    lead, nets = a_lead(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        nets.append(Teacher().eval())
    expected = (taught(nets[0], lead) + taught(nets[1], lead)) / 2
    np.testing.assert_allclose(learning.lesson_of(lead, nets), expected, atol=5e-3)


def test_the_dense_network_that_ships_says_what_the_one_that_learnt_says():
    """What is learnt from two leads, whose places are looked up when it ships, against a product with all of them."""
    leads = [a_lead()._replace(record=str(k)) for k in range(4)]
    data = qrs_network.examples(leads, learning.WEIGHT, 1)
    few = [rows[:200] for rows in data]
    few[3] = np.zeros(200, np.int8)
    tensors = {
        name: torch.randn(shape, generator=torch.Generator().manual_seed(len(name)))
        for name, shape in (
            ("first", (few[0].shape[1], 8)), ("places", (few[1].shape[1], 8)), ("second", (8, 6)), ("third", (6, 4)),
            ("bias1", 8), ("bias2", 6), ("bias3", 4),
        )
    }  # fmt: skip
    net = qrs_network.network_of(tensors)
    x, spots = (torch.from_numpy(rows.astype(np.float32)) for rows in few[:2])
    hidden = torch.relu(x @ tensors["first"] + spots @ tensors["places"] + tensors["bias1"])
    expected = torch.relu(hidden @ tensors["second"] + tensors["bias2"]) @ tensors["third"] + tensors["bias3"]
    found = np.empty((4, 200), np.float32)
    dense_into(
        np.ascontiguousarray(x.numpy().T), (spots @ tensors["places"] + tensors["bias1"]).numpy(), net.first,
        net.biases[1], net.second, net.biases[2], net.third, np.empty(dense_room(8, 6), np.float32), found,
    )  # fmt: skip
    np.testing.assert_allclose(found, expected.numpy().T, rtol=1e-4, atol=1e-3)


def test_a_network_learns_what_the_marks_say(monkeypatch):
    monkeypatch.setattr(learning, "EPOCHS", 40)
    monkeypatch.setattr(learning, "BATCH", 8)
    rng = np.random.default_rng(5)
    leads = [a_lead(p=rng.uniform(0.1, 0.2), t_wave=rng.uniform(0.2, 0.4)) for _ in range(16)]
    lesson = np.log(np.full((4, 1000), 0.25, np.float16))
    model = ws.WaveModel.of(learning.learn(leads, [lesson] * len(leads), "a few leads"))
    other = a_lead(p=0.15, t_wave=0.3, seconds=10.0)
    odds = ws.score_lead(other.signal, other.r_peaks, other.fs, model=model).odds
    for wave, shift in enumerate((-0.16, 0.0, 0.28)):
        at = np.rint((np.arange(2.5, 7.0, 1.0) + shift) / wave_inputs.STEP_S).astype(int)
        assert (odds[:, at].argmax(axis=0) == wave).all(), wave


def test_p_waves_go_elsewhere_with_their_marks(monkeypatch):
    """Without its P waves the lead is the one that never had any; moved, the one that has them there."""
    monkeypatch.setattr(wave_leads, "SHIFT_S", (0.1, 0.103))
    monkeypatch.setattr(wave_leads, "LATER", 0.0)
    monkeypatch.setattr(wave_leads, "MOVED", 1.0)
    monkeypatch.setattr(wave_leads, "REMOVED", 1.0)
    lead, bare = a_lead(p=0.2), a_lead(p=0.0)
    (early,) = with_other_p([lead], 1)
    by = lead.marks["p"][0, 1] - early.marks["p"][0, 1]
    assert by in (50, 51) and early.marks["N"] is lead.marks["N"]
    there = np.array([r - 0.16 * lead.fs - by for r in lead.r_peaks[1:-1]]).astype(int)
    np.testing.assert_allclose(early.signal[there] - bare.signal[there], 0.2, atol=0.03)
    was = (lead.r_peaks[1:-1] - 0.16 * lead.fs).astype(int)
    np.testing.assert_allclose(early.signal[was], bare.signal[was], atol=0.03)
    monkeypatch.setattr(wave_leads, "MOVED", 0.0)
    (none,) = with_other_p([lead], 1)
    assert len(none.marks["p"]) == 0
    np.testing.assert_allclose(none.signal, bare.signal, atol=0.03)


@pytest.mark.parametrize("change", ["another set", "an edge is missing", "half have none"])
def test_p_waves_stay_where_not_all_are_known(monkeypatch, change):
    monkeypatch.setattr(wave_leads, "MOVED", 1.0)
    lead = a_lead(p=0.2)
    p = lead.marks["p"]
    lacking = {
        "another set": lead._replace(source="qtdb"),
        "an edge is missing": lead._replace(marks=lead.marks | {"p": np.where(np.arange(9).reshape(3, 3) == 2, -1, p)}),
        "half have none": lead._replace(marks=lead.marks | {"p": p[:1]}),
    }
    assert with_other_p([lacking[change]], 1) == []
    assert len(with_other_p([lead], 1)) == 1
