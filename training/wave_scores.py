"""Learn how likely each moment of a lead is P, QRS or T (``ecg_engine/detection/wave_scores.npz``).

    ECG_ENGINE_DATA=... python -m training.wave_scores FOLDER [PART ...]

From the marks of cardiologists: the Lobachevsky University Database (each lead has its own) and the QT Database (first
cardiologist, one set for both leads); and from what a larger network that has learnt from them (``wave_teacher.py``)
says of these and of leads without marks. The dense network of the QRS (``qrs_network.py``) learns from the marks alone.
Records are dealt into three parts; the figures on the card are of records that neither the networks nor their teacher
have seen. Leads are seen as they are and altered, another way each time: slower or faster, larger or smaller, noisier,
R a little off, upside down. FOLDER gets every network, and what is there already is not learnt again. With parts (0, 1,
2, all) only those that leave them out are learnt: several processes may share the work.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ecg_engine.detection import wave_inputs
from ecg_engine.detection import wave_scores as ws
from ecg_engine.detection.delineation import mark_lead
from ecg_engine.detection.parameters import SCORES
from ecg_engine.evaluation import WaveScore, score_wave
from ecg_engine.evaluation.waves import WINDOW_S
from ecg_engine.kernels.wave_net import EDGE, OWN
from training import qrs_network
from training.wave_leads import PARTS, WAVES, altered, as_it_is, classes_of, read_marked, read_unmarked, with_other_p
from training.wave_teacher import Teacher, averaged, taught, teach

SEED = 20261128
TARGET = Path(__file__).resolve().parent.parent / "ecg_engine" / "detection" / "wave_scores.npz"
#: Of different seeds, for each part left out.
TEACHERS = 1
EPOCHS, BATCH, RATE = 24, 32, 6e-3
SPARE = 60  #: steps of each epoch for which the schedule has room
#: Points of a crop, 6.1 s; the least of them that are inside the lead; those with marks where most beats have none.
CROP, LEAST, LEAST_MARKED = 384, 100, 30
#: A record of the QT Database counts more: there are fewer, and fewer leads of each. What only the teacher says counts
#: less, and least in leads with marks, between them.
WEIGHT, TEACHERS_WEIGHT, BETWEEN_WEIGHT = {"ludb": 1.0, "qtdb": 2.5}, 0.6, 0.2
#: Where somebody marked, this share of what is to be learnt is the teacher's.
TEACHERS_SHARE = 0.5
#: Added to the last sums of nothing, P, QRS, T: so the means of the edges of P and QRS are nearest to 0 over records
#: left out, of single leads and of all together.
LEAN = (0.0, 0.3, 0.2, 0.0)
DATA = (
    ("ludb", "Lobachevsky University Electrocardiography Database 1.0.1 (150 of its 200 records)", "ODC-By 1.0"),
    ("qtdb", "QT Database (60 of its 105 records), marks q1c", "ODC-By 1.0"),
    ("ptbxl", "PTB-XL, leads of 1,034 records, without its labels", "CC BY 4.0"),
    ("cinc2017", "PhysioNet/CinC Challenge 2017, 1,200 strips, without their labels", "ODC-By 1.0"),
    ("mitdb", "MIT-BIH Arrhythmia Database, pieces of 26 records, without their labels", "ODC-By 1.0"),
)


def kept(path, make):
    """Return the tensors that `make` returns, by name; they are kept at `path`, and not made again."""
    if not path.exists():
        part = path.with_suffix(".part")
        torch.save(make(), part)
        part.replace(path)
    return torch.load(path, weights_only=True)


def teachers_of(marked, part, folder):
    """Return the networks learnt from all parts but one, or all of them where none is left out (None)."""
    if part is None:
        return [net for each in range(PARTS) for net in teachers_of(marked, each, folder)]
    leads, nets = [lead for lead in marked if lead.part != part], []
    for k in range(TEACHERS):
        net, name = Teacher(), f"teacher_{part}_{k}"
        net.load_state_dict(
            kept(folder / f"{name}.pt", lambda k=k, name=name: teach(leads, WEIGHT, SEED + k, name).state_dict())
        )
        nets.append(net.eval())
    return nets


def lesson_of(lead, teachers):
    """Return what the teachers say of a lead, the mean of their log probabilities, (4, n) every `SCORES.fine_s`."""
    said = [taught(teacher, lead).astype(np.float16) for teacher in teachers]
    return np.mean([np.asarray(v, np.float32) for v in said], axis=0).astype(np.float16)


class Small(nn.Module):
    """The network that ships, in a form that learns: each layer but the last has its means and spreads taken off."""

    def __init__(self):
        super().__init__()
        *hidden, (n_in, n_out, _, _) = ws.layers_of()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(a, b, width, padding=reach, dilation=reach, bias=False), nn.BatchNorm1d(b), nn.ReLU()
            )
            for a, b, width, reach in hidden
        )
        self.last = nn.Conv1d(n_in, n_out, 1)

    def forward(self, x):
        layers, low = iter(self.layers), len(SCORES.channels) - 1
        kept = [next(layers)(x)]
        for level in range(1, low + 1):
            x = next(layers)(functional.avg_pool1d(kept[-1], 2))
            kept.append(next(layers)(x) if level < low else x)
        x = kept.pop()
        for _ in SCORES.reaches:
            x = x + next(layers)(x)
        for other in reversed(kept):
            x = next(layers)(torch.cat([torch.repeat_interleave(x, 2, 2), other], 1))
        return self.last(x)

    def weights(self):
        """Return what `WaveModel.of` takes: means and spreads are put into the weights."""
        out = []
        for conv, norm, _ in self.layers:
            share = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            out += [conv.weight * share[:, None, None], norm.bias - norm.running_mean * share]
        out += [self.last.weight, self.last.bias + torch.tensor(LEAN)]
        return torch.cat([one.detach().flatten() for one in out]).numpy().astype(np.float32)


def crops(leads, lessons, rng, *, alter):
    """Return what is seen, what is to be learnt and its weight, of stretches of leads as they are or altered."""
    out = []
    for lead, lesson in zip(leads, lessons, strict=True):
        x, fs, r_peaks, scale = altered(lead, rng) if alter else as_it_is(lead)
        rhythm = wave_inputs.Rhythm(r_peaks / fs)
        inputs = wave_inputs.inputs_of(x, scale, fs, rhythm)
        n = len(inputs.over) // SCORES.finer
        seen = wave_inputs.seen_of(inputs, rhythm, 0, n)[:, EDGE:-EDGE]
        targets, weights, marked = _to_learn(lead, lesson, n, fs)
        for low in range(int(rng.integers(0, 125)) - 125, n - LEAST, CROP):
            if lead.source == "qtdb" and marked[max(low, 0) : max(low + CROP, 0)].sum() <= LEAST_MARKED:
                continue
            start = min(max(low, 0), max(0, n - CROP))
            lacks = max(0, start + CROP - n)
            rows = [row[..., start : start + CROP] for row in (seen, targets, weights)]
            modes = ("edge", "constant", "constant")
            if lacks:
                rows = [np.pad(r, [(0, 0)] * (r.ndim - 1) + [(0, lacks)], m) for r, m in zip(rows, modes, strict=True)]
            out.append([row.astype(np.float16) for row in rows])
    return out


def _to_learn(lead, lesson, n, fs):
    """Return what is to be learnt, (4, n), with its weight, and where somebody marked."""
    labels = classes_of(SCORES.finer * n, lead, fs)[:: SCORES.finer]
    at = np.minimum(np.rint(np.arange(n) * SCORES.finer * fs / lead.fs).astype(int), lesson.shape[1] - 1)
    targets = np.exp(lesson[:, at].astype(np.float32))
    targets /= targets.sum(axis=0)
    marked = np.flatnonzero(labels >= 0)
    targets[:, marked] *= TEACHERS_SHARE
    targets[labels[marked], marked] += 1 - TEACHERS_SHARE
    weights = np.full(n, BETWEEN_WEIGHT if lead.marks else TEACHERS_WEIGHT, np.float32)
    weights[marked] = WEIGHT.get(lead.source, 0.0)
    return targets, weights, labels >= 0


def learn(leads, lessons, name):
    """Return the network learnt from leads and what is said of them; `name` for the log."""
    torch.manual_seed(SEED)
    rng, began = np.random.default_rng(SEED), time.perf_counter()
    net = Small()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-3)
    schedule, mean = None, None
    for epoch in range(EPOCHS):
        rows = crops(leads, lessons, rng, alter=epoch % 4 > 0)
        steps, order, total = len(rows) // BATCH, rng.permutation(len(rows)), 0.0
        if schedule is None:  # altered leads may give a few more crops
            half, most = EPOCHS * steps / 2, EPOCHS * (steps + SPARE)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=most, pct_start=0.2)
        for i in range(steps):
            loss = _loss(net, [rows[k] for k in order[i * BATCH : (i + 1) * BATCH]], rng)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            if schedule.last_epoch > half:
                mean = averaged(mean, net)
        print(
            f"{name}, epoch {epoch}: {total / steps:.4f}, {time.perf_counter() - began:.0f} s",
            flush=True,
        )
    net.load_state_dict(mean)
    return net.weights()


def _loss(net, rows, rng):
    seen, targets, weights = (
        torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*rows, strict=True)
    )
    sign = torch.from_numpy(rng.choice([-1.0, 1.0], (len(rows), 1, 1))).float()
    seen[:, :4] *= sign
    seen[:, 8:-1] *= sign
    seen[:, OWN:-1] *= (torch.rand(len(rows), 1, 1) > 0.1).float()  # now and then there are no beats beside
    seen[:, 6:8] *= (torch.rand(len(rows), 1, 1) > 0.08).float()  # or the next one may be anywhere
    each = functional.cross_entropy(net(seen), targets, reduction="none")
    return (each * weights).sum() / weights.sum()


def figures(leads, models):
    """Return lines for the card: each lead by the networks that have not seen its record."""
    total = {(group, wave): WaveScore() for group in ("lead II", "12 leads") for wave in WAVES}
    pairs = {}
    for lead in leads:
        found = mark_lead(lead.signal, lead.r_peaks, lead.fs, model=models[lead.part])
        if lead.source == "qtdb":
            pairs.setdefault(lead.record, []).append((lead, found))
            continue
        known = np.concatenate([v.ravel() for v in lead.marks.values()])
        between = (int(known[known >= 0].min()), int(known.max()))
        rows = {"p": found[:, :3], "N": np.column_stack([found[:, 3], lead.r_peaks, found[:, 4]]), "t": found[:, 5:]}
        for wave, marks in rows.items():
            score = score_wave(lead.marks[wave], marks, fs=lead.fs, between=between)
            for group in ("lead II", "12 leads") if lead.name == "ii" else ("12 leads",):
                total[group, wave] += score
    return [
        *(
            f"LUDB, {group}, {wave}: F1 {s.f1_percent:.2f}, onset {_spread(s.onset_ms)}, offset {_spread(s.offset_ms)}"
            for (group, wave), s in total.items()
        ),
        *_closer_lead(pairs.values()),
    ]


def _spread(errors_ms):
    return f"{np.mean(errors_ms):+.1f} ± {np.std(errors_ms):.1f} ms"


def _closer_lead(pairs):
    """Return lines by the literature's protocol for the QT Database: each mark takes the closer one of two leads."""
    points = {"P onset": ("p", 0, 0), "P offset": ("p", 2, 2), "QRS onset": ("N", 0, 3), "QRS offset": ("N", 2, 4)}
    for name, (wave, column, mark) in {**points, "T offset": ("t", 2, 7)}.items():
        errors = []
        for both in pairs:
            reference, fs = both[0][0].marks[wave][:, column], both[0][0].fs
            candidates = np.concatenate([found[found[:, mark] >= 0, mark] for _, found in both])
            for at in reference[reference >= 0]:
                off = candidates - at
                errors.append(off[np.argmin(np.abs(off))] / fs if len(off) else np.inf)
        near = [1000 * e for e in errors if abs(e) <= WINDOW_S]
        yield f"QTDB, {name}: found {100 * len(near) / len(errors):.2f} %, {_spread(near)}"


def save(model, target):
    dense = model.qrs
    parts = {"first": dense.first, "places": dense.places, "second": dense.second, "third": dense.third}
    parts |= {f"bias{i + 1}": bias for i, bias in enumerate(dense.biases)}
    stored = {f"qrs_{name}": value.astype(np.float32) for name, value in parts.items()}
    np.savez_compressed(target, weights=model.weights, **stored)


def write_card(lines):
    text = [
        "# Made by training/wave_scores.py; do not edit.",
        'what = "two small networks: log odds of P, QRS and T at each moment of one lead"',
        f'sha256 = "{hashlib.sha256(TARGET.read_bytes()).hexdigest()}"',
        f"seed = {SEED}",
        "# Records dealt into three parts, each scored by networks that had not seen it, nor had their teacher.",
        "# Window 150 ms; QTDB: each mark takes the closer one of the two leads.",
        "figures = [",
        *(f'    "{line}",' for line in lines),
        "]",
        "",
        *(
            line
            for code, name, licence in DATA
            for line in ("[[data]]", f'set = "{code}"', f'name = "{name}"', f'licence = "{licence}"', "")
        ),
    ]
    TARGET.with_suffix(".toml").write_text("\n".join(text), encoding="utf-8")


def network_of(part, marked, more, folder):
    """Return what ships, learnt from all parts but one; the convolutions learn from `more` leads too."""

    def convolutions():
        leads = [lead for lead in marked + more if lead.part != part]
        teachers = teachers_of([lead for lead in leads if lead.marks], part, folder)
        return {"weights": torch.from_numpy(learn(leads, [lesson_of(lead, teachers) for lead in leads], f"{part}"))}

    def dense():
        return qrs_network.learn(qrs_network.examples(marked, WEIGHT, SEED), part, SEED)

    weights = kept(folder / f"convolutions_{part}.pt", convolutions)["weights"].numpy()
    return ws.WaveModel.of(weights, qrs_network.network_of(kept(folder / f"dense_{part}.pt", dense)))


def main():
    torch.set_num_threads(1)
    folder, only = Path(sys.argv[1]), [None if part == "all" else int(part) for part in sys.argv[2:]]
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ["ECG_ENGINE_DATA"]) / "ecg"
    marked, unmarked = read_marked(data), read_unmarked(data, SEED)
    other = with_other_p(marked, SEED)
    print(
        f"leads: {len(marked)} with marks, {len(other)} with other P waves, {len(unmarked)} without marks", flush=True
    )
    models = {part: network_of(part, marked, other + unmarked, folder) for part in only or (*range(PARTS), None)}
    if only:
        return
    save(models[None], TARGET)
    lines = figures(marked, models)
    print("\n".join(lines), flush=True)
    write_card(lines)


if __name__ == "__main__":
    main()
