"""A TorchXRayVision DenseNet-121 of one's own, as an ONNX file and its card.

    python -m training.import_model WEIGHTS.pt --out FOLDER [--trust-pickle]

WEIGHTS holds a state dict with the names that TorchXRayVision (Cohen et al. 2022, https://arxiv.org/abs/2111.00595)
and torchvision use, and the operating points ``op_threshs`` beside it (``--thresholds FILE.toml`` where they are not).
A file that pickles a whole network can run anything when it is opened: it is refused unless told. The network is
written here anew after Huang et al. 2017 (https://arxiv.org/abs/1608.06993). Every finding is `research` until a
hospital's own studies have calibrated it.
"""

from __future__ import annotations

import argparse
import math
import pickle
import sys
import tomllib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecg_engine.errors import ModelError

SIZE, GROWTH, BLOCKS, STEM = 224, 32, (6, 12, 24, 16), 64
#: No weight has so many numbers: all stay float32.
WHOLE = 1 << 40
#: The outputs of the library's networks, in their order, and our codes where there is one.
FINDINGS = {
    "Atelectasis": "atelectasis", "Consolidation": "consolidation", "Infiltration": "infiltration",
    "Pneumothorax": "pneumothorax", "Edema": "edema", "Emphysema": "emphysema", "Fibrosis": "fibrosis",
    "Effusion": "effusion", "Pneumonia": "pneumonia", "Pleural_Thickening": "pleural_thickening",
    "Cardiomegaly": "cardiomegaly", "Nodule": "nodule", "Mass": "mass", "Hernia": "hernia",
    "Lung Lesion": "lung_lesion", "Fracture": "fracture", "Lung Opacity": "opacity",
    "Enlarged Cardiomediastinum": "enlarged_cardiomediastinum",
}  # fmt: skip


class _Layer(nn.Sequential):
    def __init__(self, inputs: int) -> None:
        wide = 4 * GROWTH
        super().__init__(
            OrderedDict(
                norm1=nn.BatchNorm2d(inputs), relu1=nn.ReLU(), conv1=nn.Conv2d(inputs, wide, 1, bias=False),
                norm2=nn.BatchNorm2d(wide), relu2=nn.ReLU(), conv2=nn.Conv2d(wide, GROWTH, 3, padding=1, bias=False),
            )
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, super().forward(x)], 1)


class DenseNet(nn.Module):
    """DenseNet-121 for one channel: (n, 1, 224, 224), -1024 to 1024, to logits (n, findings)."""

    def __init__(self, outputs: int = len(FINDINGS)) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(1, STEM, 7, 2, 3, bias=False), norm0=nn.BatchNorm2d(STEM), relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        wide = STEM
        for b, layers in enumerate(BLOCKS, 1):
            named = OrderedDict((f"denselayer{i + 1}", _Layer(wide + i * GROWTH)) for i in range(layers))
            parts[f"denseblock{b}"] = nn.Sequential(named)  # type: ignore[arg-type]
            wide += layers * GROWTH
            if b < len(BLOCKS):
                parts[f"transition{b}"] = nn.Sequential(
                    OrderedDict(
                        norm=nn.BatchNorm2d(wide), relu=nn.ReLU(), conv=nn.Conv2d(wide, wide // 2, 1, bias=False),
                        pool=nn.AvgPool2d(2, 2),
                    )
                )  # fmt: skip
                wide //= 2
        parts["norm5"] = nn.BatchNorm2d(wide)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(wide, outputs)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(F.relu(self.features(x)).mean((2, 3)))
        return logits


class FromUnit(nn.Module):
    """The network with the library's normalisation inside: it takes greys of 0 to 1, and gives the `kept` outputs."""

    def __init__(self, net: DenseNet, kept: Sequence[int]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("kept", torch.tensor(list(kept)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net((2 * x - 1) * 1024)
        return out[:, self.kept]


def read_weights(path: Path, *, trust_pickle: bool = False) -> tuple[dict[str, Tensor], list[float] | None]:
    """Return the state dict, and the operating points where the file holds them.

    Raises
    ------
    ModelError
        It cannot be read, or it would run code and was not trusted, or it holds no state dict.
    """
    try:
        held = torch.load(path, map_location="cpu", weights_only=not trust_pickle)
    except pickle.UnpicklingError as exc:
        raise ModelError(
            f"{path}: a pickled network, which can run anything when it is opened; save its state_dict(), or give "
            "--trust-pickle where you trust whoever made it"
        ) from exc
    except (OSError, RuntimeError, EOFError) as exc:
        raise ModelError(f"{path}: cannot be read ({exc})") from exc
    if isinstance(held, nn.Module):
        points = getattr(held, "op_threshs", None)
        held = dict(held.state_dict()) | ({} if points is None else {"op_threshs": points})
    if not isinstance(held, Mapping):
        raise ModelError(f"{path}: holds no state dict; save the network's state_dict()")
    state = dict(held.get("state_dict", held))
    points = state.pop("op_threshs", held.get("op_threshs"))
    return state, None if points is None else [float(value) for value in points]


def build(state: Mapping[str, Tensor]) -> DenseNet:
    """Return the network with these weights.

    Raises
    ------
    ModelError
        Names or shapes are those of another network.
    """
    net = DenseNet()
    try:
        net.load_state_dict(dict(state))
    except (RuntimeError, AttributeError, TypeError) as exc:
        raise ModelError(f"these are no weights of a TorchXRayVision DenseNet-121: {str(exc)[:300]}") from exc
    return net.eval()


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


def card_of(points: Sequence[float], name: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the card; `points` as `trained` has judged them."""
    codes = list(FINDINGS.values())
    return {
        "name": name,
        "version": "1.0",
        "weights": f"{name}.onnx",
        "sha256": "",
        "task": "radiograph_findings",
        "architecture": "DenseNet-121 of TorchXRayVision; -1024 to 1024 is made inside the graph",
        "input": {"name": "picture", "shape": [1, 1, SIZE, SIZE], "preprocessing": "cropped_square"},
        "outputs": {key: list(shape) for key, shape in shapes.items()},
        "limits": {"views": ["PA", "AP", "FRONTAL"], "age_min_years": 18},
        "labels": [
            {
                "code": codes[i], "threshold": points[i], "chosen_for": "the library's operating point",
                "report": "research",
            }
            for i in trained(points)
        ],
        "intended_use": "As its makers say; nobody has tried it on this engine's pictures.",
        "known_failures": [
            "The engine stretches the greys of each picture before the network sees them, the library does not.",
            "Its thresholds were chosen on other hospitals: calibrate it on studies of your own.",
        ],
        "data": [{"name": "what the weights were trained on: see their publication", "licence": "see there"}],
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Write the ONNX file and its card."""
    from training.export import export, write_card

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="xrv_densenet121")
    parser.add_argument("--thresholds", type=Path, help="TOML: op_threshs = [18 numbers]")
    parser.add_argument("--trust-pickle", action="store_true")
    said = parser.parse_args(argv)
    try:
        state, points = read_weights(said.weights, trust_pickle=said.trust_pickle)
        if said.thresholds is not None:
            points = tomllib.loads(said.thresholds.read_text(encoding="utf-8")).get("op_threshs")
        kept = trained(points)
        net, path = FromUnit(build(state), kept).eval(), said.out / f"{said.name}.onnx"
        # Whole numbers: another program's network is to give here what it gives there.
        shapes = export(net, {"picture": torch.zeros(1, 1, SIZE, SIZE)}, ("logits",), path, halved_from=WHOLE)
        card = card_of(points or (), said.name, shapes)
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return 1
    write_card(said.out / f"{said.name}.toml", card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
