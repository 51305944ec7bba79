"""Classifiers of other makers become ONNX and a card, and give what their own libraries give."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch (extra train) is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

POINTS = [0.01 * (i + 1) for i in range(18)]


class _Stub(types.ModuleType):
    """Stands for what TorchXRayVision imports and its DenseNet does not use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Stub(f"{self.__name__}.{name}")

    def __mro_entries__(self, bases: tuple[type, ...]) -> tuple[type, ...]:
        return (object,)

    def __call__(self, *_: object, **__: object) -> Any:
        return self


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Any:
    if importlib.util.find_spec("torchxrayvision") is None:
        pytest.skip("TorchXRayVision is not installed")
    absent = [name for name in ("imageio", "pandas", "requests", "tqdm") if importlib.util.find_spec(name) is None]
    absent += [name + ".auto" for name in absent if name == "tqdm"]
    torchvision = ("torchvision", "torchvision.transforms", "torchvision.models", "torchvision.transforms.functional")
    for name in (*torchvision, *absent):
        stub = _Stub(name)
        stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
        stub.__path__ = []
        monkeypatch.setitem(sys.modules, name, stub)
    return pytest.importorskip("torchxrayvision")


def _their_net(library: Any) -> Any:
    """Return the library's network with seeded random weights."""
    torch.manual_seed(5)
    theirs = library.models.DenseNet(
        num_classes=18, in_channels=1, growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64
    ).eval()
    torch.nn.init.normal_(theirs.classifier.bias)
    # Statistics of pictures in the library's range, as trained weights have them: logits are of the usual size.
    with torch.no_grad():
        theirs.train()
        for _ in range(8):
            theirs(torch.rand(4, 1, 224, 224) * 2048 - 1024)
    return theirs.eval()


def test_the_onnx_file_gives_what_the_library_gives(library: Any, tmp_path: Path) -> None:
    """The library's own normalisation before its own network."""
    from ecg_engine.models import load_model
    from training import import_model as im

    assert list(im.FINDINGS) == list(library.datasets.default_pathologies)
    theirs = _their_net(library)
    torch.save({**theirs.state_dict(), "op_threshs": torch.tensor(POINTS)}, tmp_path / "own.pt")
    assert im.main([str(tmp_path / "own.pt"), "--out", str(tmp_path), "--name", "own"]) == 0
    model = load_model(str(tmp_path / "own.toml"))
    bytes_ = np.random.default_rng(6).integers(0, 256, (224, 224)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(library.utils.normalize(bytes_, 255))[None, None].float())[0].numpy()
    found = model.run((bytes_ / 255)[None, None])["logits"][0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [label.code for label in model.card.labels][:3] == ["atelectasis", "consolidation", "infiltration"]
    assert [label.threshold for label in model.card.labels] == pytest.approx(POINTS)
    assert {label.report for label in model.card.labels} == {"research"}


@pytest.mark.parametrize("bits", [8, 12])
def test_from_the_file_on_the_score_is_the_librarys(library: Any, tmp_path: Path, bits: int) -> None:
    """From a DICOM file to logits by the library's own reader, crop and network, and by the engine's report."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    import ecg_engine as ee
    from ecg_engine.models import load_model
    from ecg_engine.radiograph.inputs import prepared
    from training import import_model as im

    rng = np.random.default_rng(bits)
    shape, word = (500, 431), np.uint8 if bits == 8 else np.uint16
    # Some of the range only, dark as detectors are, so that a stretch would be seen.
    down, across = np.mgrid[: shape[0], : shape[1]]
    smooth = 0.15 + 0.1 * np.sin(down / 37) * np.cos(across / 23) + 0.02 * rng.random(shape)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    file = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.Rows, file.Columns, file.BitsStored, file.HighBit = *shape, bits, bits - 1
    file.BitsAllocated, file.SamplesPerPixel, file.PixelRepresentation = word().itemsize * 8, 1, 0
    file.PhotometricInterpretation = "MONOCHROME1" if bits == 12 else "MONOCHROME2"
    file.PixelData = np.round(smooth * (2**bits - 1)).astype(word).tobytes()
    file.save_as(tmp_path / "chest.dcm")

    theirs = _their_net(library)
    theirs.input_resolution = 224  # as its published weights set it
    torch.save({**theirs.state_dict(), "op_threshs": torch.tensor(POINTS)}, tmp_path / "own.pt")
    assert im.main([str(tmp_path / "own.pt"), "--out", str(tmp_path), "--name", "own"]) == 0
    read = library.utils.read_xray_dcm(tmp_path / "chest.dcm")[None]
    cropped = library.datasets.XRayCenterCrop()(read)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(cropped)[None])[0].numpy()
    model = load_model(str(tmp_path / "own.toml"))
    radiograph = ee.read_radiograph(tmp_path / "chest.dcm")
    picture = prepared(
        np.zeros((512, 512), np.float32), (0, 0, 512, 512), size=224, name=model.card.preprocessing,
        radiograph=radiograph,
    )  # fmt: skip
    np.testing.assert_allclose(model.run(picture)["logits"][0], expected, atol=1e-4)


def test_a_network_pickled_whole_is_read_without_its_code(library: Any, tmp_path: Path) -> None:
    """The library's published files are such."""
    from training.import_nets import read_weights

    theirs = _their_net(library)
    torch.save(theirs, tmp_path / "whole.pt")
    state, _ = read_weights(tmp_path / "whole.pt")
    expected = theirs.state_dict()
    assert set(state) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(state[name], value)


def _saved(path: Path, **also: object) -> Path:
    from training.import_nets import DenseNet

    torch.manual_seed(1)
    torch.save({**DenseNet().state_dict(), **also}, path)
    return path


def test_findings_that_were_not_trained_are_left_out(tmp_path: Path) -> None:
    """Weights of one collection have no operating point where it knows no such finding."""
    from ecg_engine.models import load_model
    from training import import_model as im

    points = [*POINTS[:14], *[math.nan] * 4]
    path = _saved(tmp_path / "nih.pt", op_threshs=torch.tensor(points))
    assert im.main([str(path), "--out", str(tmp_path), "--name", "nih"]) == 0
    model = load_model(str(tmp_path / "nih.toml"))
    assert [label.code for label in model.card.labels] == list(im.FINDINGS.values())[:14]
    assert model.run(np.zeros((1, 1, 224, 224), np.float32))["logits"].shape == (1, 14)


def test_what_cannot_be_imported_is_refused_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from training import import_model as im
    from training.import_nets import DenseNet

    whole = tmp_path / "whole.pt"
    torch.save(DenseNet(), whole)
    other = tmp_path / "other.pt"
    torch.save({"conv.weight": torch.zeros(3)}, other)
    wrong = _saved(tmp_path / "wrong.pt", op_threshs=torch.tensor([0.5, 2.0]))
    cases = (
        (whole, "state_dict"),
        (other, "operating points"),
        (wrong, "operating points"),
        (tmp_path / "no.pt", "no.pt"),
    )
    for path, said in cases:
        assert im.main([str(path), "--out", str(tmp_path / "out")]) == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
    points = tmp_path / "points.toml"
    points.write_text(f"op_threshs = {POINTS}", encoding="utf-8")
    assert im.main([str(other), "--out", str(tmp_path / "out"), "--thresholds", str(points)]) == 1
    assert "no weights of a TorchXRayVision DenseNet-121" in capsys.readouterr().err


GREYS = ["--labels", "effusion,_,nodule_mass", "--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"]
MEAN, STD = (torch.tensor(values).reshape(1, 3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).random((1, 1, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def operators() -> Any:
    """Two operators of torchvision's compiled part that its classifiers do not use, where that part does not load."""
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _there(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)


def _spread(net: Any) -> Any:
    """Return the network with statistics of such pictures, as trained ones have."""
    torch.manual_seed(2)
    with torch.no_grad():
        net.train()
        net(torch.randn(4, MEAN.shape[1] if next(net.parameters()).shape[1] == 3 else 1, 224, 224))
    return net.eval()


@pytest.mark.parametrize(
    ("source", "architecture"),
    [
        ("torchvision", "densenet121"), ("torchvision", "resnet18"), ("torchvision", "efficientnet_b0"),
        ("timm", "resnet18"), ("timm", "densenet121"), ("timm", "efficientnet_b0"),
    ],
)  # fmt: skip
def test_a_classifier_of_a_library_gives_what_it_gives_there(
    operators: Any, tmp_path: Path, picture: np.ndarray, source: str, architecture: str
) -> None:
    from ecg_engine.models import load_model
    from training import import_model as im

    try:
        library = importlib.import_module(source)
    except (ImportError, RuntimeError):
        pytest.skip(f"{source} is not installed")
    make = library.models.get_model if source == "torchvision" else library.create_model
    net = _spread(make(architecture, num_classes=3))
    # As trained in parallel, in a checkpoint.
    state = {f"module.{name}": value for name, value in net.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "net.pt")
    said = ["--from", source, "--architecture", architecture, "--name", "theirs", *GREYS]
    assert im.main([str(tmp_path / "net.pt"), "--out", str(tmp_path), *said]) == 0
    model = load_model(str(tmp_path / "theirs.toml"))
    assert [label.code for label in model.card.labels] == ["effusion", "nodule_mass"]
    with torch.no_grad():
        expected = net((torch.from_numpy(picture) - MEAN) / STD)[0, [0, 2]].numpy()
    np.testing.assert_allclose(model.run(picture)["logits"][0], expected, atol=1e-4)


@pytest.mark.parametrize("architecture", ["DenseNet121", "resnet18"])
def test_a_classifier_of_monai_gives_what_it_gives_there(
    tmp_path: Path, picture: np.ndarray, architecture: str
) -> None:
    """One channel, greys scaled to 0 to 1, two classes of which one is true."""
    from ecg_engine.models import load_model
    from training import import_model as im

    nets = _there("monai.networks.nets")
    sizes = {"DenseNet121": ("in_channels", "out_channels"), "resnet18": ("n_input_channels", "num_classes")}
    channels, outputs = sizes[architecture]
    net = _spread(getattr(nets, architecture)(spatial_dims=2, **{channels: 1, outputs: 2}))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    said = ["--from", "monai", "--architecture", architecture, "--name", "theirs", "--labels", "_,tuberculosis"]
    said += ["--mean", "0", "--std", "1", "--gives", "softmax"]
    assert im.main([str(tmp_path / "net.pt"), "--out", str(tmp_path), *said]) == 0
    model = load_model(str(tmp_path / "theirs.toml"))
    with torch.no_grad():
        chance = torch.softmax(net(torch.from_numpy(picture)), 1)[0, 1].item()
    assert model.scores(model.run(picture)["logits"])[0].value == pytest.approx(chance, abs=1e-5)


class _Small(torch.nn.Module):
    def __init__(self, *, softmax: bool = False) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, 2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
            torch.nn.Linear(8, 3),
        )  # fmt: skip
        self.softmax = softmax

    def forward(self, x: Any) -> Any:
        return torch.softmax(self.body(x), 1) if self.softmax else self.body(x)


@pytest.mark.parametrize("kind", ["export", "onnx"])
@pytest.mark.parametrize("gives", ["logits", "softmax", "probabilities"])
def test_an_exported_program_or_an_onnx_file_gives_the_probabilities_that_it_gave(
    tmp_path: Path, kind: str, gives: str
) -> None:
    """Resized to 256, seen in the middle 224, as torchvision's own recipe does; whatever the file says: scores."""
    from ecg_engine.models import load_model
    from training import import_model as im

    torch.manual_seed(4)
    net = _Small(softmax=gives == "probabilities").eval()
    file = tmp_path / ("net.pt2" if kind == "export" else "net.onnx")
    example = torch.zeros(1, 3, 224, 224)
    if kind == "export":
        torch.export.save(torch.export.export(net, (example,)), file)
    else:
        torch.onnx.export(net, (example,), str(file), input_names=["x"], output_names=["y"], dynamo=False)
    said = ["--from", kind, "--name", "theirs", "--resize", "256", "--gives", gives, *GREYS]
    assert im.main([str(file), "--out", str(tmp_path), *said]) == 0
    model = load_model(str(tmp_path / "theirs.toml"))
    x = np.random.default_rng(5).random((1, 1, 256, 256)).astype(np.float32)
    with torch.no_grad():
        out = net((torch.from_numpy(x[..., 16:240, 16:240]) - MEAN) / STD)
    chances = {"logits": torch.sigmoid, "softmax": lambda o: torch.softmax(o, 1), "probabilities": lambda o: o}
    found = [score.value for score in model.scores(model.run(x)["logits"])]
    assert found == pytest.approx(chances[gives](out)[0, [0, 2]].tolist(), abs=1e-5)


def test_what_was_not_said_or_does_not_fit_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from training import import_model as im

    file, other = tmp_path / "net.onnx", tmp_path / "text.onnx"
    net = _Small().eval()
    torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), str(file), dynamo=False)
    other.write_text("no network", encoding="utf-8")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    cases: tuple[tuple[list[str], str], ...] = (
        ([str(file), "--from", "onnx"], "--labels, --mean and --std"),
        ([str(file), "--from", "onnx", *GREYS[:-1], "0,1,1"], "no deviation of 0"),
        ([str(file), "--from", "onnx", *GREYS, "--size", "320"], "takes [1, 3, 224, 224]"),
        ([str(file), "--from", "onnx", *GREYS, "--labels", "a,a,b"], "each output once"),
        ([str(other), "--from", "onnx", *GREYS], "no ONNX file"),
        ([str(other), "--from", "export", *GREYS], "no program of torch.export"),
        ([str(tmp_path / "net.pt"), "--from", "timm", *GREYS], "--architecture"),
        ([str(tmp_path / "net.pt")], "operating points"),
    )
    for said, expected in cases:
        assert im.main([*said, "--out", str(tmp_path / "out")]) == 1, said
        assert expected in capsys.readouterr().err


def test_bytes_are_kept_where_they_lose_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether they are faster is the machine's matter: the loss is told either way, and a loss is never kept."""
    from ecg_engine.models import load_model
    from training import import_model as im
    from training import quantise

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    from PIL import Image

    rng = np.random.default_rng(7)
    for i in range(quantise.LEAST_PICTURES):
        grey = np.clip(rng.normal(40 + 4 * i, 20, (64, 64)), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(pictures / f"{i}.png")
    (pictures / "notes.txt").write_text("no picture", encoding="utf-8")
    torch.manual_seed(4)
    net, file = _Small().eval(), tmp_path / "net.onnx"
    torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), str(file), dynamo=False)
    said = [str(file), "--from", "onnx", "--out", str(tmp_path), "--name", "theirs", *GREYS]
    assert im.main([*said, "--int8", str(pictures)]) == 0
    assert "AUC" in capsys.readouterr().out
    assert load_model(str(tmp_path / "theirs.toml")).run(np.zeros((1, 1, 224, 224), np.float32))
    assert im.main([*said, "--int8", str(tmp_path / "nothing")]) == 1
    assert "pictures can be read" in capsys.readouterr().err
    # In bytes, by itself.
    assert im.main(said) == 0
    greys = [np.clip(rng.normal(0.02 * i, 0.1, (1, 1, 224, 224)), 0, 1).astype(np.float32) for i in range(48)]
    quantise.quantise(tmp_path / "theirs.onnx", tmp_path / "small.onnx", greys[::2])
    lost, *_ = quantise.compared(tmp_path / "theirs.onnx", tmp_path / "small.onnx", greys[1::2])
    assert 0 <= lost < 0.1


def test_an_imported_model_takes_part_in_a_report_as_research(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The score is that of the stored pixels, read and resized by other tools."""
    import pydicom
    from PIL import Image

    import ecg_engine as ee
    from training import import_model as im

    sample = Path(__file__).resolve().parents[3] / "sample_data" / "radiographs" / "01_explicit_le.dcm"
    stored = pydicom.dcmread(sample)
    grey = stored.pixel_array / (2**stored.BitsStored - 1)
    side = min(grey.shape)
    top, left = (length // 2 - side // 2 for length in grey.shape)
    small = Image.fromarray(grey.astype(np.float32)).crop((left, top, left + side, top + side)).resize((224, 224), 2)
    torch.manual_seed(4)
    net, file = _Small().eval(), tmp_path / "net.onnx"
    torch.onnx.export(net, (torch.zeros(1, 3, 224, 224),), str(file), dynamo=False)
    kept = tmp_path / "models"
    assert im.main([str(file), "--from", "onnx", "--out", str(kept), "--name", "theirs", *GREYS]) == 0
    monkeypatch.setenv("ECG_ENGINE_MODELS", str(kept))
    report = ee.analyze_radiograph(ee.read_radiograph(sample, age_years=50, view="PA"))
    found = {f.code: f for f in report.findings if f.model.startswith("theirs")}
    with torch.no_grad():
        expected = torch.sigmoid(net((torch.from_numpy(np.asarray(small))[None, None] - MEAN) / STD))[0]
    assert found["effusion"].score == pytest.approx(expected[0].item(), abs=1e-5)
    assert {one.report for one in found.values()} == {"research"}
