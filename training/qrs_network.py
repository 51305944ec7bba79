"""The dense network of the QRS (``ecg_engine/detection/qrs_scores.py``) learns from the marks alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from ecg_engine.detection import qrs_scores as qs
from ecg_engine.detection import wave_inputs
from ecg_engine.detection.parameters import SCORES
from training.wave_leads import altered, as_it_is, classes_of

HIDDEN = (64, 32)
EPOCHS, BATCH, RATE = 10, 4096, 4e-3
#: Each lead is seen as it is and so often altered; one of so many points is learnt from in each version.
ALTERED, THINNED = 3, 4


def places(beats, n):
    """Return the dense form of the table look-up that the kernel does: (n, knots)."""
    t, usual = np.arange(n) * SCORES.fine_s, np.median(np.diff(beats)) if len(beats) > 1 else SCORES.usual_s
    j = np.searchsorted(beats, t, side="right") - 1
    before = np.where(j >= 0, beats[np.maximum(j, 0)], beats[0] - usual)
    after = np.where(j + 1 < len(beats), beats[np.minimum(j + 1, len(beats) - 1)], beats[-1] + usual)
    gone, rr = np.maximum(t - before, 0), after - before
    values = (gone, np.maximum(after - t, 0), gone / np.maximum(rr, 0.05), rr)
    knots = (SCORES.since_s, SCORES.until_s, SCORES.share, SCORES.interval_s)
    return np.concatenate(
        [np.stack([np.interp(v, k, unit) for unit in np.eye(len(k))], 1) for v, k in zip(values, knots, strict=True)], 1
    ).astype(np.float16)


def examples(leads, weights, seed):
    """Return features, places, classes, parts, weights of points of leads with marks."""
    rng, out = np.random.default_rng(seed), [[], [], [], [], []]
    for lead in leads:
        for x, fs, r_peaks, scale in [as_it_is(lead), *(altered(lead, rng) for _ in range(ALTERED))]:
            boxes = wave_inputs.inputs_of(x, scale, fs, wave_inputs.Rhythm(r_peaks / fs)).boxes
            n = boxes.shape[1] - 2 * SCORES.pad
            labels = classes_of(n, lead, fs)
            keep = np.flatnonzero(labels >= 0)[rng.integers(0, THINNED) :: THINNED]
            features = qs.features_of(boxes, 0, n, 1)
            new = (features.T[keep].astype(np.float16), places(r_peaks / fs, n)[keep], labels[keep])
            for target, rows in zip(out, new, strict=False):
                target.append(rows)
            out[3].append(np.full(len(keep), lead.part, np.int8))
            out[4].append(np.full(len(keep), weights[lead.source], np.float32))
    return [np.concatenate(rows) for rows in out]


def learn(data, left_out, seed):
    """Return the tensors, by name, of the network learnt from all parts but one."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    features, spots, labels, parts, weights = data
    rows = np.flatnonzero(parts != left_out)
    x, y = torch.from_numpy(np.concatenate([features, spots], 1)), torch.from_numpy(labels).long()
    w, n_features = torch.from_numpy(weights), features.shape[1]
    layers = [nn.Linear(a, b) for a, b in pairwise((x.shape[1], *HIDDEN, 4))]
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4)
    steps = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * steps, pct_start=0.15)
    for _ in range(EPOCHS):
        order = torch.from_numpy(rng.permutation(rows))
        for i in range(steps):
            k = order[i * BATCH : (i + 1) * BATCH]
            batch = x[k].float()
            batch[:, :n_features] *= rng.choice([-1.0, 1.0])
            # Now and then only the time since R is known: the next beat may be anywhere.
            batch[:, n_features + len(SCORES.since_s) :] *= (torch.rand(len(batch), 1) > 0.12).float()
            loss = (nn.functional.cross_entropy(net(batch), y[k], reduction="none") * w[k]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    print(f"QRS, without part {left_out}: loss {loss.item():.4f}", flush=True)
    one, two, three = (layer.weight.detach().T.contiguous() for layer in layers)
    biases = {f"bias{i + 1}": layer.bias.detach() for i, layer in enumerate(layers)}
    return {
        "first": one[:n_features].clone(),
        "places": one[n_features:].clone(),
        "second": two,
        "third": three,
    } | biases


def network_of(tensors):
    """Return the network of what `learn` returned."""
    parts = {name: np.ascontiguousarray(value.numpy()) for name, value in tensors.items()}
    biases = (parts["bias1"], parts["bias2"], parts["bias3"])
    return qs.Network(parts["first"], parts["places"], parts["second"], parts["third"], biases)
