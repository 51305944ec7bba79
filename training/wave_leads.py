"""Leads to learn the wave scores from: with marks of cardiologists, and without any."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np

import ecg_engine as ee
from ecg_engine.detection import wave_inputs
from ecg_engine.detection.parameters import SCORES
from training.twelve_lead_data import raw_records, zscored_records

PARTS = 3
LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
WAVES = {"p": 1, "N": 2, "t": 3}
#: Leads without marks: so many of each recording of PTB-XL, records of its z-scored part and strips of CinC 2017
#: that are drawn, pieces of each record of MIT-BIH (both leads), and how long they are, s.
OF_EACH, ZSCORED, STRIPS, PIECES, SECONDS = 2, 600, 1200, 12, 10

#: Shares of the leads whose P waves go elsewhere, and from which they are taken; by how much, s, and how often to a
#: later time.
MOVED, REMOVED = 0.35, 0.1
SHIFT_S, LATER = (0.016, 0.2), 0.25


class Lead(NamedTuple):
    source: str
    record: str
    name: str
    signal: np.ndarray
    fs: float
    r_peaks: np.ndarray
    marks: dict[str, np.ndarray]  #: onset, peak, offset of each wave; -1 where not marked; none where nobody marked

    @property
    def part(self) -> int:
        return zlib.crc32((self.source + self.record).encode()) % PARTS

    @property
    def scale(self) -> float:
        return wave_inputs.scale_of(self.signal, self.r_peaks, self.fs)


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


def read_marked(folder):
    """Return every lead with marks; the R peaks are those that are found in it."""
    out = []
    for source in ("ludb", "qtdb"):
        for path in sorted((folder / source).glob("*.hea")):
            base, recording = path.with_suffix(""), ee.read_ecg(path)
            for i, row in enumerate(recording.signal):
                name = LEADS[i] if source == "ludb" else str(i)
                marks = marks_of(base, name if source == "ludb" else "q1c")
                if any(len(v) for v in marks.values()):
                    out.append(_lead(source, base.name, name, row, recording.fs, marks))
    return [lead for lead in out if lead]


def read_unmarked(folder, seed):
    """Return leads of other sets, drawn by `seed`; the R peaks are those that are found in them."""
    rng, out = np.random.default_rng(seed), []
    for ecg_id, x, fs in raw_records(folder / "ptbxl"):
        out += [_lead("ptbxl", ecg_id, k, x[k], fs) for k in rng.choice(12, OF_EACH, replace=False)]
    zscored = list(zscored_records(folder / "ptbxl"))
    for i in rng.choice(len(zscored), ZSCORED, replace=False):
        ecg_id, x = zscored[i]
        out += [_lead("ptbxl", ecg_id, k, x[k], 100.0) for k in rng.choice(12, OF_EACH, replace=False)]
    with np.load(folder / "cinc2017" / "single_lead_100hz.npz") as packed:
        x, edges, gain, fs = packed["x"], packed["offset"], float(packed["gain_per_mV"]), float(packed["fs"])
    for i in rng.choice(len(edges) - 1, STRIPS, replace=False):
        out.append(_lead("cinc2017", i, 0, x[edges[i] : edges[i + 1]][: int(SECONDS * fs)] / gain, fs))
    for path in sorted((folder / "mitdb").glob("*.hea")):
        recording = ee.read_ecg(path)
        length = int(SECONDS * recording.fs)
        for start in rng.integers(0, recording.signal.shape[1] - length, PIECES):
            for k, row in enumerate(recording.signal):
                out.append(_lead("mitdb", path.stem, f"{k} from {start}", row[start : start + length], recording.fs))
    return [lead for lead in out if lead]


def _lead(source, record, name, row, fs, marks=None):
    """Return the lead, or None where no beat is found in it."""
    row = np.nan_to_num(np.array(row, np.float64))
    # The unit of some is unknown; where marks are, R peaks are found as users find them.
    r_peaks = np.asarray(ee.detect_r_peaks(row, fs=fs, amplitude_floor_mv=0.1 if marks else None))
    lead = Lead(source, str(record), str(name), row, float(fs), r_peaks, marks or {})
    return lead if len(r_peaks) >= (1 if marks else 3) and lead.scale > 0 else None


def with_other_p(leads, seed):
    """Return some of the leads with each P at another time before R, or with none: a place alone makes no P wave."""
    rng, out = np.random.default_rng(seed), []
    for lead in leads:
        drawn = rng.random()
        if lead.source != "ludb" or drawn > MOVED + REMOVED or not _is_sinus(lead):
            continue
        beats = _every_p(lead)
        by = 0 if drawn > MOVED else _how_far(lead, beats, rng)
        if by is None:
            continue
        x, p = lead.signal.copy(), lead.marks["p"] - by
        for onset, offset in beats:
            bump = x[onset : offset + 1] - np.linspace(x[onset], x[offset], offset + 1 - onset)
            x[onset : offset + 1] -= bump
            if by:
                x[onset - by : offset + 1 - by] += bump
        t = lead.marks["t"].copy()
        for onset in p[:, 0]:  # a T wave that a P wave ends
            t[(t[:, 1] < onset) & (t[:, 2] > onset), 2] = onset
        marks = lead.marks | {"p": p if by else np.empty((0, 3), np.int64), "t": t}
        out.append(lead._replace(name=f"{lead.name}, P {by}", signal=x, marks=marks))
    return out


def _is_sinus(lead):
    """Return whether all QRS complexes with marks but one have a P wave, all with edges."""
    p, qrs = lead.marks["p"], lead.marks["N"]
    return len(p) >= 3 and len(p) >= len(qrs) - 1 and (p >= 0).all() and (qrs[:, 0] >= 0).all()


def _every_p(lead):
    """Return onset and offset of each P wave; at beats without marks where they usually are before R."""
    p = lead.marks["p"]
    r = lead.r_peaks[np.minimum(np.searchsorted(lead.r_peaks, p[:, 2]), len(lead.r_peaks) - 1)]
    usual = np.median(r[:, None] - p[:, [0, 2]], axis=0).astype(int)
    every = [tuple(one[[0, 2]]) for one in p]
    every += [(at - usual[0], at - usual[1]) for at in lead.r_peaks if at not in r and at > usual[0]]
    return sorted(every)


def _how_far(lead, beats, rng):
    """Return by how many samples the P waves go earlier (later where negative), or None where there is no room."""
    p, qrs, t = lead.marks["p"], lead.marks["N"], lead.marks["t"]
    after = [min((q - off for q in qrs[:, 0] if q > off), default=0) for off in p[:, 2]]
    before = [min((on - peak for peak in (*t[:, 1], *qrs[:, 1]) if peak < on), default=lead.fs) for on in p[:, 0]]
    near, far = int(SHIFT_S[0] * lead.fs), int(SHIFT_S[1] * lead.fs)
    if rng.random() < LATER:
        room = min(after) - near
        return -int(rng.integers(near, room)) if room > near else None
    room = min(far, min(before) - near, beats[0][0])
    return int(rng.integers(near, room)) if room > near else None


def classes_of(n, lead, fs):
    """Return the class of each grid point, -1 where nobody said."""
    out = np.full(n, -1, np.int8)
    known = np.sort(np.concatenate([v.ravel() for v in lead.marks.values()])) if lead.marks else np.empty(0)
    known = known[known >= 0] / (fs * SCORES.fine_s)
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


def altered(lead, rng):
    """Return another version of a lead: signal, rate, R peaks, scale."""
    n, fs, scale = len(lead.signal), lead.fs, lead.scale
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


def as_it_is(lead):
    """Return the lead in the same form."""
    return lead.signal, lead.fs, lead.r_peaks, lead.scale
