"""Weights and activations in bytes, where that loses little and saves time (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877), by onnxruntime's own static quantisation.

Ranges of activations are those that the calibration pictures reach. What is lost is told by the pictures themselves:
for each output, how well the scores in bytes tell the upper half of the whole scores from the lower (an AUC; 1 loses
nothing). Where it falls short by more than `MOST_LOST`, or the file in bytes runs no faster, it is not kept.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ecg_engine.errors import EcgEngineError, ModelError

if TYPE_CHECKING:
    from training.import_model import Classifier

#: AUC that bytes may cost.
MOST_LOST = 0.005
#: Fewer pictures tell neither the ranges nor the loss.
LEAST_PICTURES = 40
#: Pictures whose activations give the ranges; the others tell the loss.
CALIBRATED_ON = 64
REPEATS = 20


def narrowed(path: Path, folder: Path, about: Classifier) -> str:
    """Put a version in bytes in the place of the ONNX file `path`, if that is worth it; return words about it.

    Raises
    ------
    ModelError
        Too few pictures of the folder can be read.
    """
    inputs = list(_inputs(folder, about))
    if len(inputs) < LEAST_PICTURES:
        raise ModelError(f"{folder}: {len(inputs)} pictures can be read; {LEAST_PICTURES} are needed for --int8")
    share = min(CALIBRATED_ON, len(inputs) // 2)
    with tempfile.TemporaryDirectory() as work:
        small = Path(work) / "bytes.onnx"
        quantise(path, small, inputs[:share])
        lost, whole_ms, bytes_ms = compared(path, small, inputs[share:])
        words = f"in bytes it loses {lost:.4f} AUC and takes {bytes_ms:.1f} ms, in whole numbers {whole_ms:.1f} ms"
        print(words)
        if lost > MOST_LOST or bytes_ms >= whole_ms:
            return ""
        path.write_bytes(small.read_bytes())
    return f"; weights and activations in bytes, ranges from {share} pictures (loses {lost:.4f} AUC)"


def _inputs(folder: Path, about: Classifier) -> Iterator[NDArray[np.float32]]:
    from ecg_engine import read_radiograph
    from ecg_engine.radiograph.whole_range import whole_range

    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            radiograph = read_radiograph(path)
        except EcgEngineError:
            continue
        yield whole_range(radiograph, size=about.resized, name=about.preparation)


def quantise(path: Path, out: Path, inputs: Sequence[NDArray[np.float32]]) -> None:
    """Write the ONNX file in bytes: weights by channel, activations by tensor, the last layer whole."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(inputs)

        def get_next(self) -> dict[str, Any] | None:
            x = next(self.left, None)
            return None if x is None else {"picture": x}

    with tempfile.TemporaryDirectory() as work:
        ready = Path(work) / "ready.onnx"
        quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)
        graph = onnx.load(str(ready)).graph
        # Convolutions alone: their inputs and weights carry the time, and what lies between keeps its digits.
        quantize_static(
            str(ready), str(out), Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
            op_types_to_quantize=["Conv"], weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
            nodes_to_exclude=[node.name for node in graph.node if node.op_type in ("Gemm", "MatMul")],
        )  # fmt: skip
    model = onnx.load(str(out))
    used = {node.domain or "" for node in model.graph.node}
    kept = [said for said in model.opset_import if said.domain in used or said.domain in ("", "ai.onnx")]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    out.write_bytes(model.SerializeToString())


def compared(whole: Path, small: Path, inputs: Sequence[NDArray[np.float32]]) -> tuple[float, float, float]:
    """Return the largest loss of AUC of any output, and the least time of each file, ms, on one thread."""
    import onnxruntime as ort

    from ecg_engine.evaluation.ranking import auc

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [ort.InferenceSession(str(p), options, providers=["CPUExecutionProvider"]) for p in (whole, small)]
    found = [np.concatenate([s.run(None, {"picture": x})[0] for x in inputs]) for s in sessions]
    lost = max(
        1.0 - auc(column >= np.median(column), other)
        for column, other in zip(found[0].T, found[1].T, strict=True)
        if np.ptp(column) > 0
    )
    times = []
    for session in sessions:
        taken = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            session.run(None, {"picture": inputs[0]})
            taken.append(time.perf_counter() - start)
        times.append(1000 * min(taken))
    return lost, times[0], times[1]
