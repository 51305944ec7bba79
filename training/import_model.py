"""A classifier of one's own as an ONNX file and its card.

    python -m training.import_model WEIGHTS.pt --out FOLDER
    python -m training.import_model WEIGHTS.pt --out FOLDER --from torchvision --architecture densenet121 \\
        --labels effusion,_,pneumothorax --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225

WEIGHTS holds what `--from` says:

- ``xrv`` (default): the DenseNet-121 of TorchXRayVision, as published or its state dict; its labels and normalisation
  (-1024 to 1024) are known, its operating points are ``op_threshs`` beside it, else in ``--thresholds FILE.toml``.
- ``torchvision``, ``timm``, ``monai``: the state dict of a network of ``--architecture``; the library is to be here.
- ``export``: what ``torch.export.save`` wrote. ``onnx``: an ONNX file with one input and one output of scores.

A file that pickles a whole network can run anything when it is opened: it is refused unless told, but for plain layers
and the classes of TorchXRayVision. Every finding is `research` until a hospital's own studies have calibrated it.
"""

from __future__ import annotations

import argparse
import math
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ecg_engine.errors import ModelError
from ecg_engine.radiograph.whole_range import CROPPED, SQUASHED
from training.import_nets import Greys, build, exported, made_by, read_weights

SIZE = 224
#: No weight has so many numbers: all stay float32.
WHOLE = 1 << 40
SOURCES = ("xrv", "torchvision", "timm", "monai", "export", "onnx")
GIVES = ("logits", "softmax", "probabilities")
#: The library's normalisation, (2 x - 1) * 1024, as a mean and a standard deviation.
XRV_MEAN, XRV_STD = 0.5, 1 / 2048
#: The outputs of the library's networks, in their order, and our codes where there is one.
FINDINGS = {
    "Atelectasis": "atelectasis", "Consolidation": "consolidation", "Infiltration": "infiltration",
    "Pneumothorax": "pneumothorax", "Edema": "edema", "Emphysema": "emphysema", "Fibrosis": "fibrosis",
    "Effusion": "effusion", "Pneumonia": "pneumonia", "Pleural_Thickening": "pleural_thickening",
    "Cardiomegaly": "cardiomegaly", "Nodule": "nodule", "Mass": "mass", "Hernia": "hernia",
    "Lung Lesion": "lung_lesion", "Fracture": "fracture", "Lung Opacity": "opacity",
    "Enlarged Cardiomediastinum": "enlarged_cardiomediastinum",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """What a network's makers say of it.

    Parameters
    ----------
    labels : tuple of str
        Of its outputs; ``_`` leaves one out.
    points : tuple of float
        Threshold of each output, on the probability.
    mean, std : tuple of float
        Normalisation of greys of 0 to 1, of each channel.
    side : int
        Of the square that the network sees.
    resized : int
        Of the square that the picture is brought to, of which the network sees the middle.
    preparation : str
    gives : str
        See `import_nets.Greys`.
    """

    labels: tuple[str, ...]
    points: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int = SIZE
    resized: int = SIZE
    preparation: str = CROPPED
    gives: str = "logits"

    @property
    def kept(self) -> list[int]:
        return [i for i, label in enumerate(self.labels) if label != "_"]


def trained(points: Sequence[float] | None) -> list[int]:
    """Return the outputs that have an operating point: networks of one collection leave some findings untrained.

    Raises
    ------
    ModelError
        The operating points are missing, or are not one for each finding, in 0 to 1 or NaN.
    """
    if (
        points is None
        or len(points) != len(FINDINGS)
        or not all(math.isnan(value) or 0 <= value <= 1 for value in points)
        or all(map(math.isnan, points))
    ):
        raise ModelError(
            f"{len(FINDINGS)} operating points are needed, one for each finding, in 0 to 1, NaN where it is not "
            "trained: give --thresholds"
        )
    return [i for i, value in enumerate(points) if not math.isnan(value)]


def of_xrv(points: Sequence[float] | None) -> Classifier:
    """Return what is known of TorchXRayVision's networks.

    Raises
    ------
    ModelError
        See `trained`.
    """
    kept = trained(points)
    labels = tuple(code if i in kept else "_" for i, code in enumerate(FINDINGS.values()))
    return Classifier(labels=labels, points=tuple(points or ()), mean=(XRV_MEAN,), std=(XRV_STD,))


def of_options(said: argparse.Namespace, points: Sequence[float] | None) -> Classifier:
    """Return what the options say.

    Raises
    ------
    ModelError
        They leave something open, or contradict themselves.
    """
    if not said.labels or said.mean is None or said.std is None:
        raise ModelError("give --labels, --mean and --std: what the outputs are, and how the greys were normalised")
    labels = tuple(label.strip() for label in said.labels.split(","))
    kept = [label for label in labels if label != "_"]
    if not kept or len(set(kept)) != len(kept):
        raise ModelError("--labels: name each output once, with _ for those that are left out")
    channels = max(len(said.mean), len(said.std))
    if channels not in (1, 3) or min(said.std) <= 0 or {len(said.mean), len(said.std)} - {1, channels}:
        raise ModelError("--mean, --std: one number or three, and no deviation of 0")
    if not 32 <= said.size <= (said.resize or said.size) <= 1024:
        raise ModelError("--size, --resize: 32 to 1024 pixels, and no larger square than it is cut from")
    given = tuple(points) if points is not None else (0.5,) * len(labels)
    if len(given) != len(labels) or not all(0 <= value <= 1 for value in given):
        raise ModelError("--thresholds: one for each output, in 0 to 1")
    return Classifier(
        labels=labels, points=given, side=said.size, resized=said.resize or said.size, gives=said.gives,
        mean=tuple(said.mean) * (channels // len(said.mean)), std=tuple(said.std) * (channels // len(said.std)),
        preparation=SQUASHED if said.squashed else CROPPED,
    )  # fmt: skip


def card_of(about: Classifier, name: str, words: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the card."""
    return {
        "name": name,
        "version": "1.0",
        "weights": f"{name}.onnx",
        "sha256": "",
        "task": "radiograph_findings",
        "architecture": f"{words}; its normalisation is inside the graph",
        "input": {
            "name": "picture", "shape": [1, 1, about.resized, about.resized], "preprocessing": about.preparation,
        },
        "outputs": {key: list(shape) for key, shape in shapes.items()},
        "limits": {"views": ["PA", "AP", "FRONTAL"], "age_min_years": 18},
        "labels": [
            {
                "code": about.labels[i], "threshold": about.points[i], "chosen_for": "its makers' operating point",
                "report": "research",
            }
            for i in about.kept
        ],
        "intended_use": "As its makers say; nobody has tried it on this engine's pictures.",
        "known_failures": [
            "Stored greys go in without the file's window: a detector that uses few of its bits looks dark.",
            "Its thresholds were chosen on other hospitals: calibrate it on studies of your own.",
        ],
        "data": [{"name": "what the weights were trained on: see their publication", "licence": "see there"}],
    }  # fmt: skip


def bring(said: argparse.Namespace) -> tuple[Classifier, str]:
    """Write the ONNX file; return what is known of the network, and the words for it.

    Raises
    ------
    ModelError
        The weights cannot be read, or are not those of the network, or something needed was not said.
    """
    from training.export import export

    path = said.out / f"{said.name}.onnx"
    points = None
    if said.thresholds is not None:
        points = tomllib.loads(said.thresholds.read_text(encoding="utf-8")).get("op_threshs")
    if said.source == "onnx":
        from training.import_onnx import rewritten

        about = of_options(said, points)
        rewritten(said.weights, about, path)
        return about, f"the ONNX file {said.weights.name}"
    if said.source == "xrv":
        state, beside = read_weights(said.weights, trust_pickle=said.trust_pickle)
        about = of_xrv(beside if points is None else points)
        net, words = build(state), "DenseNet-121 of TorchXRayVision"
    elif said.source == "export":
        about = of_options(said, points)
        net, words = exported(said.weights), f"the exported program {said.weights.name}"
    else:
        about = of_options(said, points)
        if not said.architecture:
            raise ModelError("--architecture: say which network of the library it is")
        state, _ = read_weights(said.weights, trust_pickle=said.trust_pickle)
        net = made_by(
            said.source, said.architecture, state, outputs=len(about.labels), channels=len(about.mean)
        )  # fmt: skip
        words = f"{said.architecture} of {said.source}"
    whole = Greys(net, mean=about.mean, std=about.std, side=about.side, gives=about.gives, kept=about.kept).eval()
    example = torch.zeros(1, 1, about.resized, about.resized)
    try:
        with torch.no_grad():
            given = whole(example)
    except Exception as exc:
        raise ModelError(f"the network does not take such pictures: {str(exc)[:200]}") from exc
    if given.shape != (1, len(about.kept)):
        raise ModelError(f"the network gives {tuple(given.shape)}; give a label for each of its outputs")
    # Whole numbers: another program's network is to give here what it gives there.
    export(whole, {"picture": example}, ("logits",), path, halved_from=WHOLE)
    return about, words


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("weights", type=Path)
    out.add_argument("--out", type=Path, required=True)
    out.add_argument("--from", dest="source", choices=SOURCES, default="xrv")
    out.add_argument("--name", default="xrv_densenet121", help="of the model, as the engine shall call it")
    out.add_argument("--architecture", help="the library's name of the network")
    out.add_argument("--labels", help="codes of the outputs, with commas; _ leaves one out")
    out.add_argument("--mean", type=_numbers, help="of greys of 0 to 1, one or three")
    out.add_argument("--std", type=_numbers)
    out.add_argument("--size", type=int, default=SIZE, help="side of what the network sees, pixels")
    out.add_argument("--resize", type=int, help="side of the square whose middle it sees, where that is larger")
    out.add_argument("--squashed", action="store_true", help="sides made equal; else the square in the middle")
    out.add_argument("--gives", choices=GIVES, default="logits", help="softmax: logits of classes of which one is true")
    out.add_argument("--thresholds", type=Path, help="TOML: op_threshs = [a number for each output]")
    out.add_argument("--trust-pickle", action="store_true")
    out.add_argument("--int8", type=Path, metavar="FOLDER", help="pictures to calibrate a version in bytes with")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Write the ONNX file and its card."""
    from training.export import write_card

    said = parser().parse_args(argv)
    try:
        about, words = bring(said)
        if said.int8 is not None:
            from training.quantise import narrowed

            words += narrowed(said.out / f"{said.name}.onnx", said.int8, about)
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return 1
    card = card_of(about, said.name, words, {"logits": (1, len(about.kept))})
    write_card(said.out / f"{said.name}.toml", card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
