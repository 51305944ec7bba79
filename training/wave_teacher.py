"""A larger network that says what each moment of a lead is: what the small ones of ``wave_scores.py`` learn from.

A U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28; for waves Moskalenko et al. 2019,
doi:10.1007/978-3-030-30425-6_29) with dilated convolutions at its bottom sees some 10 s at once. It is too slow to
ship, and generalises better: what it says of leads without marks is what the small networks lack.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ecg_engine.detection import wave_inputs
from ecg_engine.detection.parameters import SCORES
from training.wave_leads import altered, as_it_is, classes_of

#: Channels at 125, 62.5, 31.25 Hz and so on.
WIDTHS = (16, 24, 40, 64, 80)
EPOCHS, BATCH, RATE = 12, 24, 3e-3
SPARE = 40  #: steps of each epoch for which the schedule has room
#: Points of a crop, 6.1 s; the least of them with a known class; where a first crop begins before the first of them.
CROP, LEAST_KNOWN, BEFORE = 768, 60, 250
INPUTS, OWN, BENT = 13, 4, 8  #: rows of `inputs_of`, how many of them are the lead's, how many turn their sign with it
AVERAGED = 0.995  #: share of the running mean of the weights that is kept at each step of the second half


def inputs_of(x, r_peaks, scale, fs):
    """Return what is seen of a lead every `SCORES.fine_s`, (INPUTS, n).

    The lead, bent at three sizes, its slope; the lead in the beats beside; R, RR.
    """
    shown = wave_inputs.inputs_of(np.ascontiguousarray(x), scale, fs, wave_inputs.Rhythm(r_peaks / fs))
    grid = shown.grid
    inside = slice(SCORES.pad, len(grid) - SCORES.pad)
    smooth = np.convolve(grid, np.ones(15) / 15, "same")
    lead, wander = grid[inside], np.convolve(smooth, np.ones(61) / 61, "same")[inside]
    high, slope = lead - wander, np.diff(lead, prepend=lead[:1])
    t, beats = np.arange(len(lead)) * SCORES.fine_s, r_peaks / fs
    j = np.searchsorted(beats, t, side="right")
    since = np.where(j > 0, t - beats[np.maximum(j - 1, 0)], 1.5)
    until = np.where(j < len(beats), beats[np.minimum(j, len(beats) - 1)] - t, 1.5)
    beside = np.repeat(shown.beside, SCORES.finer, axis=1)[:, : len(lead)]
    bent = [v / (np.abs(v) + gain) for v, gain in ((high, 0.15), (high, 0.03), (slope, 0.03))]
    place = [np.exp(-np.minimum(since, until) / 0.02), np.tanh(since), beside[-1], np.tanh(until)]
    share = np.minimum(since / np.maximum(since + until, 0.05), 1)
    return np.stack([np.arcsinh(3 * high), *bent, *beside[:-1], *place, share]).astype(np.float32)


class Block(nn.Module):
    def __init__(self, a, b, width=5, dilation=1):
        super().__init__()
        pad = dilation * (width // 2)
        self.one = nn.Conv1d(a, b, width, padding=pad, dilation=dilation)
        self.norm = nn.BatchNorm1d(b)
        self.two = nn.Conv1d(b, b, width, padding=pad, dilation=dilation)
        self.norm2 = nn.BatchNorm1d(b)
        self.skip = nn.Conv1d(a, b, 1) if a != b else nn.Identity()

    def forward(self, x):
        h = functional.relu(self.norm(self.one(x)))
        return functional.relu(self.skip(x) + self.norm2(self.two(h)))


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        w = WIDTHS
        self.inp = nn.Conv1d(INPUTS, w[0], 7, padding=3)
        self.down = nn.ModuleList([Block(a, b) for a, b in pairwise((w[0], *w))])
        self.mid = nn.ModuleList([Block(w[-1], w[-1], 3, dilation) for dilation in (2, 4, 8)])
        self.up = nn.ModuleList([Block(a + b, a) for a, b in reversed(list(pairwise(w)))])
        self.drop = nn.Dropout1d(0.1)
        self.out = nn.Conv1d(w[0], 4, 1)

    def forward(self, x):
        h, seen = functional.relu(self.inp(x)), []
        for i, block in enumerate(self.down):
            h = block(functional.avg_pool1d(h, 2) if i else h)
            seen.append(h)
        for block in self.mid:
            h = block(h)
        h = self.drop(h)
        for block, other in zip(self.up, seen[-2::-1], strict=True):
            h = functional.interpolate(h, size=other.shape[-1], mode="linear", align_corners=False)
            h = block(torch.cat([h, other], 1))
        return self.out(h)


def crops(leads, weights, rng, *, alter):
    """Return inputs, classes and weight of stretches with marks, of leads as they are or altered."""
    out = []
    for lead in leads:
        x, fs, r_peaks, scale = _worse(lead, rng) if alter else as_it_is(lead)
        inputs = inputs_of(x, r_peaks, scale, fs)
        n = inputs.shape[1]
        classes = classes_of(n, lead, fs)[:n]
        known = np.flatnonzero(classes >= 0)
        low = known[0] - int(rng.integers(0, BEFORE))
        while low < known[-1]:
            start = min(max(low, 0), max(0, n - CROP))
            one, said = inputs[:, start : start + CROP], classes[start : start + CROP]
            lacks = CROP - one.shape[1]
            if lacks:
                one = np.pad(one, ((0, 0), (0, lacks)), mode="edge")
                said = np.pad(said, (0, lacks), constant_values=-1)
            if (said >= 0).sum() > LEAST_KNOWN:
                out.append((one.astype(np.float16), said, weights[lead.source]))
            low += CROP
    return out


def _worse(lead, rng):
    """Return an altered version of a lead, now and then with a piece that jumps."""
    x, fs, r_peaks, scale = altered(lead, rng)
    if rng.random() < 0.3:
        start, length = rng.integers(0, len(x)), int(rng.uniform(0.05, 0.5) * fs)
        x[start : start + length] += lead.scale * rng.uniform(-0.5, 0.5)
    return x, fs, r_peaks, scale


def teach(leads, weights, seed, name):
    """Return a network learnt from leads with marks; `weights` by their source, `name` for the log."""
    torch.manual_seed(seed)
    rng, began = np.random.default_rng(seed), time.perf_counter()
    net = Teacher()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    schedule, mean = None, None
    for epoch in range(EPOCHS):
        rows = crops(leads, weights, rng, alter=epoch % 4 > 0)
        if schedule is None:  # altered leads may give a few more crops
            half = EPOCHS * (len(rows) // BATCH) / 2
            total = int(2 * half) + EPOCHS * SPARE
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=total, pct_start=0.2)
        order = rng.permutation(len(rows))
        for i in range(len(rows) // BATCH):
            loss = _loss(net, [rows[j] for j in order[i * BATCH : (i + 1) * BATCH]], rng)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if schedule.last_epoch > half:
                mean = averaged(mean, net)
        print(f"teacher {name}, epoch {epoch}: loss {loss.item():.4f}, {time.perf_counter() - began:.0f} s", flush=True)
    net.load_state_dict(mean)
    return net.eval()


def _loss(net, rows, rng):
    x = torch.from_numpy(np.stack([one for one, _, _ in rows]).astype(np.float32))
    y = torch.from_numpy(np.stack([said for _, said, _ in rows])).long()
    w = torch.tensor([weight for _, _, weight in rows])[:, None]
    x[:, :BENT] *= torch.from_numpy(rng.choice([-1.0, 1.0], (len(rows), 1, 1))).float()
    x[:, OWN:BENT] *= (torch.rand(len(rows), 1, 1) > 0.1).float()  # now and then there are no beats beside
    x[:, BENT + 3 :] *= (torch.rand(len(rows), 1, 1) > 0.08).float()  # or the next one may be anywhere
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(x)
    each = functional.cross_entropy(logits.float(), y, ignore_index=-1, reduction="none")
    return (each * w).sum() / (w * (y >= 0)).sum()


def averaged(mean, net):
    """Return the running mean of a network's weights, begun where there is none."""
    if mean is None:
        return {name: value.detach().clone() for name, value in net.state_dict().items()}
    for name, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            mean[name].mul_(AVERAGED).add_(value, alpha=1 - AVERAGED)
    return mean


@torch.no_grad()
def taught(net, lead):
    """Return what the network says of a lead: log probabilities (4, n) of nothing, P, QRS, T."""
    seen = torch.from_numpy(inputs_of(lead.signal, lead.r_peaks, lead.scale, lead.fs))[None]
    n = seen.shape[2]
    seen = functional.pad(seen, (0, -n % 2 ** (len(WIDTHS) - 1)), mode="replicate")
    return torch.log_softmax(net(seen)[0, :, :n], 0).numpy()
