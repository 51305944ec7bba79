"""Superclasses and statements of twelve-lead ECGs.

    python -m training.twelve_lead --out ecg_engine/models/weights     # figures, then the weight and its card
    python -m training.twelve_lead --parts 1                           # one part, kept; again until all are there
    python -m training.twelve_lead --smoke                             # half a minute, nothing kept

A small residual network on ten seconds of twelve leads, with the engine's measurements beside its last layer. It
learns from the statements of PTB-XL and, half and half, from what ridge regression on random convolutions says of each
record without having seen it (`twelve_lead_teacher`). Of several networks (`NETS`) one graph gives the mean.

Folds 7, 8 and 9 are each judged by networks that learnt from all other folds. The plan was chosen on folds 1 to 6.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training import twelve_lead_figures as figures
from training import twelve_lead_teacher as teacher
from training.twelve_lead_data import Records, load, real_noise
from training.twelve_lead_net import Plan, Together, TwelveLead, fit, logits

SEED, NETS = 20261128, 2
PLAN = Plan()
TESTS = ((7,), (8,), (9,))
#: Shares of the patients that the learning curve is drawn from.
SHARES = (0.25, 0.5, 1.0)
#: How much of what it learns is the teacher's, and the teacher's penalty.
TRUST, PENALTY = 0.5, 2.0


class Training:
    """The parts of a training, each made once and kept in a folder.

    Parameters
    ----------
    records : Records
    random : ndarray of shape (n, features)
        The teacher's features.
    noise : ndarray
    cache : Path
    plan : Plan
    """

    def __init__(
        self, records: Records, random: NDArray[np.float32], noise: NDArray[np.float32], cache: Path, plan: Plan
    ) -> None:
        self.records, self.random, self.noise, self.cache, self.plan = records, random, noise, cache, plan
        # What another plan made is not taken for this one's.
        said = repr((plan, SEED, TRUST, PENALTY, teacher.MEASURES_WEIGHT, records.signal.shape))
        self.key = hashlib.sha256(said.encode()).hexdigest()[:8]

    def taught(self, train: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the labels of all records, those of `train` mixed with the teacher's opinion of each."""
        seen = self.records
        opinion, _ = teacher.ridge(self.random, seen.measures, seen.labels, train, train[:1], PENALTY)
        labels = self.records.labels.copy()
        labels[train] = (1 - TRUST) * labels[train] + TRUST * np.clip(opinion, 0.0, 1.0)
        return labels

    def rows(self, held: tuple[int, ...], share: float = 1.0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows to learn from, a share of the patients, and those of the folds held back."""
        is_held = np.isin(self.records.folds, held)
        people = np.unique(self.records.patients[~is_held])
        some = np.random.default_rng(SEED).permutation(people)[: round(share * len(people))]
        return np.flatnonzero(~is_held & np.isin(self.records.patients, some)), np.flatnonzero(is_held)

    def net(self, train: NDArray[np.int64], seed: int) -> TwelveLead:
        """Return a network that learnt from `train`."""
        seen, labels = self.records, self.taught(train)
        return fit(seen.signal, seen.measures, labels, train, plan=self.plan, seed=seed, noise=self.noise)

    def parts(self) -> Iterator[tuple[Path, bool]]:
        """Yield the file of each part, made where it was not there, and whether it was made now."""
        for k in range(NETS):
            for held in TESTS:
                yield self._judged(held, k)
            yield self._whole(k)

    def path(self, held: tuple[int, ...], k: int) -> Path:
        """Return where the logits of the held folds stand."""
        return self.cache / f"twelve_lead_{self.key}_{'_'.join(map(str, held))}_net{k}_of100.npz"

    def _judged(self, held: tuple[int, ...], k: int) -> tuple[Path, bool]:
        path = self.path(held, k)
        if path.exists():
            return path, False
        train, test = self.rows(held)
        net = self.net(train, SEED + k)
        np.savez(path, rows=test, logits=logits(net, self.records.signal, self.records.measures, test))
        return path, True

    def _whole(self, k: int) -> tuple[Path, bool]:
        path = self.cache / f"twelve_lead_{self.key}_net{k}.pt"
        if path.exists():
            return path, False
        net = self.net(np.arange(len(self.records.ids)), SEED + k)
        torch.save(net.state_dict(), path)
        return path, True

    def unseen(self, groups: tuple[tuple[int, ...], ...]) -> NDArray[np.float64]:
        """Return (n, labels) logits by networks that had not seen the record, their mean; NaN elsewhere."""
        out = np.full((len(self.records.ids), len(self.records.codes)), np.nan)
        for held in groups:
            found = [np.load(self.path(held, k)) for k in range(NETS)]
            out[found[0]["rows"]] = np.mean([f["logits"] for f in found], axis=0)
        return out

    def opinions(self, share: float) -> NDArray[np.float64]:
        """Return what the teacher alone, of a share of the patients, says of folds 7 to 9; NaN elsewhere."""
        out = np.full(self.records.labels.shape, np.nan)
        for held in TESTS:
            train, test = self.rows(held, share)
            seen = self.records
            out[test] = teacher.ridge(self.random, seen.measures, seen.labels, train, test, PENALTY)[1]
        return out

    def whole(self) -> Together:
        """Return the networks that learnt from everything, as one."""
        nets = []
        for k in range(NETS):
            net = TwelveLead(len(self.records.codes), self.plan)
            net.load_state_dict(torch.load(self._whole(k)[0], weights_only=True))
            nets.append(net.eval())
        return Together(nets, self.records.figured).eval()


def prepare(data: Path, cache: Path, *, smoke: bool) -> Training:
    """Return a training, whose parts are not yet made; a small one for the tests."""
    cache.mkdir(parents=True, exist_ok=True)
    records = load(data, cache, limit=60 if smoke else None)
    random = teacher.features(records.signal, cache=cache, each=8 if smoke else teacher.EACH)
    plan = replace(PLAN, epochs=1, widths=(8, 8, 8, 8, 8)) if smoke else PLAN
    return Training(records, random, real_noise(data, cache), cache, plan)


def finish(training: Training, out: Path) -> dict[str, Any]:
    """Write the weight and its card to `out`; return the card."""
    from ecg_engine.measurement.twelve_lead_input import LEADS, MEASURES, SAMPLES
    from training.export import check, check_file, export, write_card

    records = training.records
    net = training.whole()
    weights = out / "ecg_12_lead.onnx"
    example = {"signal": torch.zeros(1, len(LEADS), SAMPLES), "measures": torch.zeros(1, 2, len(MEASURES))}
    shapes = export(net, example, ("logits",), weights, any_batch=True)
    curve = {share: training.opinions(share) for share in SHARES}
    card = figures.card(records, training.unseen(TESTS), curve=curve, shapes=shapes)
    write_card(weights.with_suffix(".toml"), card)
    some = {"signal": records.signal[:16], "measures": records.measures[:16]}
    apart = max(check(weights.with_suffix(".toml"), net, some), check_file(weights, net, some, ("logits",)))
    print(f"ONNX against PyTorch: {apart:.4f} at most")
    return card


def main(arguments: list[str] | None = None) -> None:
    """Train, judge, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ECG_ENGINE_DATA", "data")))
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--page", type=Path, help="file for the page of figures")
    parser.add_argument("--parts", type=int, help="make so many parts that are not there yet, then stop")
    parser.add_argument("--smoke", action="store_true", help="everything, small, in a folder that is thrown away")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as passing:
        cache = Path(passing) if options.smoke else options.cache
        training = prepare(options.data, cache, smoke=options.smoke)
        made, started = 0, time.monotonic()
        for path, is_new in training.parts():
            made += is_new
            if is_new:
                print(f"{path.name}: {time.monotonic() - started:.0f} s", flush=True)
            if options.parts is not None and made >= options.parts:
                return
        page = figures.page_of(finish(training, Path(passing) if options.smoke else options.out or options.cache))
        print(page)
        if options.page is not None:
            options.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
