"""Learn how likely each moment of a lead is P, QRS or T (``ecg_engine/detection/wave_scores.npz``).

    ECG_ENGINE_DATA=... python -m training.wave_scores [FOLDS_FOLDER]

From the marks of cardiologists: the Lobachevsky University Database (each lead has its own) and the QT Database (first
cardiologist, one set for both leads). Records are dealt into three parts; the second network learns from what the first
says of records that it has not seen, and the figures on the card are of records that neither has seen. Each lead is
seen as it is and three times altered: slower or faster, larger or smaller, noisier, R a little off, upside down, and
now and then with a straight line for each of its P or T waves: in these records nearly every QRS has its T, and what
never saw one without expects a T where there is a flat line.
FOLDS_FOLDER, if given, gets the networks of the three parts, for closer looks.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import ecg_engine as ee
from ecg_engine.detection import wave_scores as ws
from ecg_engine.detection.delineation import mark_lead
from ecg_engine.detection.parameters import SCORES
from ecg_engine.evaluation import WaveScore, score_wave

SEED = 20261128
PARTS = 3
TARGET = Path(__file__).resolve().parent.parent / "ecg_engine" / "detection" / "wave_scores.npz"
LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
WAVES = {"p": 1, "N": 2, "t": 3}
HIDDEN = {"shape": (48, 32), "context": (32, 16)}
EPOCHS = {"shape": 10, "context": 7}
BATCH, RATE = 4096, 4e-3
ALTERED = 3
#: What is taken out of an altered lead: nothing of most.
TAKEN_OUT = ((), (), (), (), (), ("t",), ("p",), ("p", "t"))
#: One of so many grid points is learnt from, in each version of a lead.
THINNED = {"shape": 4, "context": 2}
#: A record of the QT Database counts more: there are fewer, and fewer leads of each.
WEIGHT = {"ludb": 1.0, "qtdb": 2.5}


class Lead(NamedTuple):
    source: str
    record: str
    name: str
    signal: np.ndarray
    fs: float
    r_peaks: np.ndarray
    marks: dict[str, np.ndarray]  #: onset, peak, offset of each wave; -1 where not marked

    @property
    def part(self) -> int:
        return zlib.crc32((self.source + self.record).encode()) % PARTS


def marks_of(base, extension):
    import wfdb

    found = wfdb.rdann(str(base), extension)
    symbols, at = found.symbol, found.sample
    out = {wave: [] for wave in WAVES}
    for i, (symbol, sample) in enumerate(zip(symbols, at, strict=True)):
        if symbol in out:
            onset = at[i - 1] if i and symbols[i - 1] == "(" else -1
            offset = at[i + 1] if i + 1 < len(symbols) and symbols[i + 1] == ")" else -1
            out[symbol].append((onset, sample, offset))
    return {wave: np.array(v, np.int64).reshape(-1, 3) for wave, v in out.items()}


def read_leads(folder):
    """Return every lead with marks; the R peaks are those that are found in it."""
    out = []
    for source in ("ludb", "qtdb"):
        for path in sorted((folder / source).glob("*.hea")):
            base, recording = path.with_suffix(""), ee.read_ecg(path)
            for i, row in enumerate(recording.signal):
                row = np.nan_to_num(np.array(row, np.float64))
                name = LEADS[i] if source == "ludb" else str(i)
                marks = marks_of(base, name if source == "ludb" else "q1c")
                r_peaks = np.asarray(ee.detect_r_peaks(row, fs=recording.fs))
                if len(r_peaks) and ws.scale_of(row, r_peaks, recording.fs) > 0:
                    out.append(Lead(source, base.name, name, row, float(recording.fs), r_peaks, marks))
    return out


def classes_of(n, lead, fs):
    """Return the class of each grid point, -1 where nobody said."""
    known = np.sort(np.concatenate([v.ravel() for v in lead.marks.values()]))
    known = known[known >= 0] / (fs * SCORES.fine_s)
    out = np.full(n, -1, np.int8)
    if not len(known):
        return out
    out[int(np.ceil(known[0])) : int(known[-1]) + 1] = 0
    if lead.source == "qtdb":  # beats without marks between those with
        for a, b in pairwise(known):
            if b - a > 1.0 / SCORES.fine_s:
                out[int(a) + 1 : int(b)] = -1
    scale = fs * SCORES.fine_s
    for wave in ("t", "p", "N"):
        for onset, peak, offset in lead.marks[wave]:
            if onset < 0 and wave == "t":  # T begins somewhere between QRS and its peak
                before = lead.marks["N"][lead.marks["N"][:, 1] < peak]
                start = before[-1, 2] if len(before) and before[-1, 2] > 0 else peak - 0.1 * fs
                out[int(start / scale) + 1 : int(np.ceil(peak / scale))] = -1
                onset = peak
            if onset < 0 or offset < 0:
                out[max(0, int((peak - 0.08 * fs) / scale)) : int((peak + 0.08 * fs) / scale) + 1] = -1
                continue
            out[int(np.ceil(onset / scale)) : int(offset / scale) + 1] = WAVES[wave]
    return out


def without(lead, waves):
    """Return the lead with straight lines for the waves of these kinds, where all of a kind have onset and offset."""
    signal, marks = lead.signal.copy(), dict(lead.marks)
    for wave in waves:
        if (marks[wave] < 0).any():
            continue
        for onset, _, offset in marks[wave]:
            signal[onset : offset + 1] = np.linspace(signal[onset], signal[offset], offset + 1 - onset)
        marks[wave] = marks[wave][:0]
    return lead._replace(signal=signal, marks=marks)


def altered(lead, scale, rng):
    """Return another version of a lead: signal, rate, R peaks, scale."""
    n, fs = len(lead.signal), lead.fs
    level = scale * 10 ** rng.uniform(-2.7, -1.1)
    x = lead.signal + level * rng.standard_normal(n) * rng.choice([1, 1, 0])
    width = max(1, int(0.01 * fs))
    muscle = np.convolve(rng.standard_normal(n), np.ones(width) / np.sqrt(width), "same")
    x += 0.7 * level * muscle * rng.choice([1, 0])
    for f in rng.uniform(0.05, 0.6, 3):
        x += scale * rng.uniform(0, 0.25) * np.sin(2 * np.pi * (f * np.arange(n) / fs + rng.random()))
    fs *= np.exp(rng.uniform(-0.33, 0.33))
    off = int(0.012 * fs)
    r_peaks = np.unique(np.clip(lead.r_peaks + rng.integers(-off, off + 1), 0, n - 1))
    return np.ascontiguousarray(x), fs, r_peaks, scale * np.exp(rng.uniform(-0.5, 0.5))


def places(rhythm, n, step):
    """Return the dense form of the table look-up that the kernel does: (n, knots)."""
    t, usual, beats = np.arange(n) * step, rhythm.usual, rhythm.beats
    j = np.searchsorted(beats, t, side="right") - 1
    before = np.where(j >= 0, beats[np.maximum(j, 0)], beats[0] - usual)
    after = np.where(j + 1 < len(beats), beats[np.minimum(j + 1, len(beats) - 1)], beats[-1] + usual)
    gone, rr = np.maximum(t - before, 0), after - before
    values = (gone, np.maximum(after - t, 0), gone / np.maximum(rr, 0.05), rr)
    knots = (SCORES.since_s, SCORES.until_s, SCORES.share, SCORES.interval_s)
    return np.concatenate(
        [np.stack([np.interp(v, k, unit) for unit in np.eye(len(k))], 1) for v, k in zip(values, knots, strict=True)], 1
    ).astype(np.float16)


def examples(leads, models=None):
    """Return features, places, classes, parts, weights: of the second network where there are models of the first."""
    rng = np.random.default_rng(SEED)
    which = "shape" if models is None else "context"
    step = SCORES.fine_s if models is None else ws.STEP_S
    out = [[], [], [], [], []]
    for lead in leads:
        usual = ws.scale_of(lead.signal, lead.r_peaks, lead.fs)
        changed = [without(lead, TAKEN_OUT[rng.integers(len(TAKEN_OUT))]) for _ in range(ALTERED)]
        versions = [(lead, lead.signal, lead.fs, lead.r_peaks, usual)]
        versions += [(one, *altered(one, usual, rng)) for one in changed]
        for seen, x, fs, r_peaks, scale in versions:
            rhythm, boxes = ws.Rhythm.of(r_peaks, fs), ws.boxes_of(x, scale, fs)
            n = ws.points_of(boxes, 1)
            labels = classes_of(n, seen, fs)
            if models is None:
                features = ws.shape_features(boxes, 0, n, 1)
            else:
                phases, n = ws.phases_of(boxes, SCORES.finer), ws.points_of(boxes, SCORES.finer)
                odds = ws.shape_odds(phases, n, rhythm, models[lead.part].shape)
                bent, near = ws.neighbourhood(odds, boxes, rhythm)
                labels, features = labels[:: SCORES.finer], ws.context_features(bent, near, phases, 0, n)
                even = np.repeat(ws.evenness_of(rhythm)[:, None], n, axis=1)
                features = np.concatenate([features, even])
            thin = THINNED[which]
            keep = np.flatnonzero(labels >= 0)[rng.integers(0, thin) :: thin]
            new = (features.T[keep].astype(np.float16), places(rhythm, n, step)[keep], labels[keep])
            for target, rows in zip(out, new, strict=False):
                target.append(rows)
            out[3].append(np.full(len(keep), lead.part, np.int8))
            out[4].append(np.full(len(keep), WEIGHT[lead.source], np.float32))
    return [np.concatenate(rows) for rows in out]


def learn(data, which, left_out):
    """Return a network learnt from all parts but one."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    features, spots, labels, parts, weights = data
    rows = np.flatnonzero(parts != left_out)
    x, y = torch.from_numpy(np.concatenate([features, spots], 1)), torch.from_numpy(labels).long()
    w, n_features = torch.from_numpy(weights), features.shape[1]
    sizes = (x.shape[1], *HIDDEN[which], 4)
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    steps = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS[which] * steps, pct_start=0.15)
    for _ in range(EPOCHS[which]):
        order = torch.from_numpy(rng.permutation(rows))
        for i in range(steps):
            k = order[i * BATCH : (i + 1) * BATCH]
            batch = x[k].float()
            if which == "shape":
                batch[:, :n_features] *= rng.choice([-1.0, 1.0])
                # Now and then only the time since R is known: the next beat may be anywhere.
                batch[:, n_features + len(SCORES.since_s) :] *= (torch.rand(len(batch), 1) > 0.12).float()
            loss = (nn.functional.cross_entropy(net(batch), y[k], reduction="none") * w[k]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    print(f"{which}, without part {left_out}: loss {loss.item():.4f}", flush=True)
    one, two, three = (np.ascontiguousarray(layer.weight.detach().numpy().T) for layer in layers)
    biases = tuple(layer.bias.detach().numpy() for layer in layers)
    return ws.Network(one[:n_features].copy(), one[n_features:].copy(), two, three, biases)


def figures(leads, models):
    """Return lines for the card: each lead of LUDB by the networks that have not seen its record."""
    total = {(group, wave): WaveScore() for group in ("lead II", "12 leads") for wave in WAVES}
    for lead in leads:
        known = np.concatenate([v.ravel() for v in lead.marks.values()])
        known = known[known >= 0]
        if lead.source != "ludb" or not len(known):
            continue
        found = mark_lead(lead.signal, lead.r_peaks, lead.fs, model=models[lead.part])
        rows = {"p": found[:, :3], "N": np.column_stack([found[:, 3], lead.r_peaks, found[:, 4]]), "t": found[:, 5:]}
        for wave, marks in rows.items():
            score = score_wave(lead.marks[wave], marks, fs=lead.fs, between=(int(known.min()), int(known.max())))
            for group in ("lead II", "12 leads") if lead.name == "ii" else ("12 leads",):
                total[group, wave] += score
    return [
        f"{group}, {wave}: F1 {s.f1_percent:.2f}, onset {np.mean(s.onset_ms):+.1f} ± {np.std(s.onset_ms):.1f}, "
        f"offset {np.mean(s.offset_ms):+.1f} ± {np.std(s.offset_ms):.1f} ms"
        for (group, wave), s in total.items()
    ]


def save(model, target):
    parts = ("first", "places", "second", "third")
    np.savez_compressed(
        target,
        **{
            f"{name}_{part}": value.astype(np.float32)
            for name, net in (("shape", model.shape), ("context", model.context))
            for part, value in (
                *((part, getattr(net, part)) for part in parts),
                *((f"bias{i + 1}", bias) for i, bias in enumerate(net.biases)),
            )
        },
    )


def write_card(lines):
    text = [
        "# Made by training/wave_scores.py; do not edit.",
        'what = "two small networks: log odds of P, QRS and T at each moment of one lead"',
        f'sha256 = "{hashlib.sha256(TARGET.read_bytes()).hexdigest()}"',
        f"seed = {SEED}",
        "# Records of LUDB dealt into three parts, each scored by networks that had not seen it; window 150 ms.",
        "figures = [",
        *(f'    "{line}",' for line in lines),
        "]",
        "",
        "[[data]]",
        'set = "ludb"',
        'name = "Lobachevsky University Electrocardiography Database 1.0.1 (150 of its 200 records)"',
        'licence = "ODC-By 1.0"',
        "",
        "[[data]]",
        'set = "qtdb"',
        'name = "QT Database (60 of its 105 records), marks q1c"',
        'licence = "ODC-By 1.0"',
        "",
    ]
    TARGET.with_suffix(".toml").write_text("\n".join(text), encoding="utf-8")


def main():
    torch.set_num_threads(1)
    leads = read_leads(Path(os.environ["ECG_ENGINE_DATA"]) / "ecg")
    print(len(leads), "leads", flush=True)
    data = examples(leads)
    firsts = {part: learn(data, "shape", part) for part in range(PARTS)}
    first = learn(data, "shape", None)
    models = {part: ws.WaveModel(net) for part, net in firsts.items()}
    data = examples(leads, models)
    models = {part: ws.WaveModel(firsts[part], learn(data, "context", part)) for part in range(PARTS)}
    if len(sys.argv) > 1:
        for part, model in models.items():
            save(model, Path(sys.argv[1]) / f"part_{part}.npz")
    save(ws.WaveModel(first, learn(data, "context", None)), TARGET)
    lines = figures(leads, models)
    print("\n".join(lines))
    write_card(lines)


if __name__ == "__main__":
    main()
