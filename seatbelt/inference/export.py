"""Graphs that other programs load: ONNX and PT2 (`torch.export`), compared with the model before they are used."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seatbelt.errors import UserError
from seatbelt.inference.graph import PredictionGraph
from seatbelt.inference.model import Model
from seatbelt.inference.prediction import Image
from seatbelt.training.metrics import iou

GraphForm = Literal["onnx", "pt2"]
GRAPH_FILES: dict[GraphForm, str] = {"onnx": "model.onnx", "pt2": "model.pt2"}

METADATA = "seatbelt"
"""Entry of the metadata of an ONNX file that holds the text of `model.json`."""

MOST_PROBABILITY = 1e-3
"""Largest difference of a probability between a graph and the model."""
MOST_IOU = 1e-3
"""Largest difference of an IoU between a graph and the model."""

_LARGEST = 16_384
"""Largest side of an image in pixels."""

Mask = NDArray[np.bool_]
Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Maps images (N, H, W, 3) to probabilities (N, K, H, W)."""


@dataclass(frozen=True, kw_only=True)
class GraphCheck:
    """How far a graph is from the model on some images."""

    images: int
    probability: float
    """Largest absolute difference of a probability."""
    iou: float
    """Largest absolute difference of the IoU of an image."""

    @property
    def passes(self) -> bool:
        """Whether both are within their limits."""
        return self.probability <= MOST_PROBABILITY and self.iou <= MOST_IOU


@dataclass(frozen=True, kw_only=True)
class CheckImage:
    """An image on which a graph is compared with the model."""

    name: str
    pixels: Image
    target: Mask | None
    """Annotation of the target (H, W); None compares with the prediction of the model instead."""


def refuse_tiles(forms: Sequence[GraphForm], tile: tuple[int, int] | None) -> None:
    """Check that a model can be a graph.

    Raises:
        UserError: It predicts by tiles.
    """
    if forms and tile is not None:
        raise UserError(
            f"--{forms[0]}: this model predicts by overlapping tiles of {tile[0]}x{tile[1]}, which no graph holds; "
            "export it without graphs (`seatbelt predict` and seatbelt.load_model know the tiles)"
        )


def export_graph(model: Model, form: GraphForm) -> bytes:
    """Return the content of a graph file.

    Raises:
        UserError: A package that it needs is missing, or torch cannot export the model.
    """
    require_packages(form)
    try:
        program = _program(model.graph())
        return _pt2(program, model) if form == "pt2" else _onnx(program, model)
    except Exception as error:  # (exporters raise anything at layers that they do not know)
        architecture = model.record.architecture
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"--{form}: torch cannot export {architecture.decoder} with {architecture.encoder} "
            f"({type(error).__name__}: {reason}); leave --{form} out, since the model folder predicts without a graph"
        ) from None


def check_graph(content: bytes, form: GraphForm, model: Model, images: Sequence[CheckImage]) -> GraphCheck:
    """Run a graph on images, and compare its probabilities and its IoU with those of the model."""
    probability = difference = 0.0
    with _runner(content, form) as run:
        for image in images:
            expected = model.predict(image.pixels)
            actual = run(image.pixels[None])[0]
            assert actual.shape == expected.probabilities.shape, f"{actual.shape=}"
            probability = max(probability, float(np.abs(actual - expected.probabilities).max()))
            mask = actual[0] > model.record.threshold
            target = expected.mask if image.target is None else image.target
            difference = max(difference, abs(mask_iou(mask, target) - mask_iou(expected.mask, target)))
    return GraphCheck(images=len(images), probability=probability, iou=difference)


def mask_iou(predicted: Mask, target: Mask) -> float:
    """Return the IoU of two masks (H, W); 1 if both are empty."""
    counts = [int((predicted & target).sum()), int(predicted.sum()), int(target.sum())]
    return float(iou(np.asarray([counts]))[0])


def require_packages(form: GraphForm) -> None:
    """Refuse an export whose packages are missing.

    Raises:
        UserError: They are not installed.
    """
    if form == "pt2":
        return
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--onnx needs the package {error.name}; install it with: pip install 'seatbelt[onnx]'"
        ) from None
    del onnx, onnxruntime


def _program(graph: PredictionGraph) -> torch.export.ExportedProgram:
    sizes = {0: _dimension("n", 1024), 1: _dimension("h", _LARGEST), 2: _dimension("w", _LARGEST)}
    # The example is no special case: its sides differ from the training size and from each other.
    height, width = graph.size
    example = torch.zeros(2, height + 24, width + 52, 3, dtype=torch.uint8)
    with _silent():
        return torch.export.export(graph, (example,), dynamic_shapes={"images": sizes})


def _dimension(name: str, largest: int) -> Any:  # noqa: ANN401  (torch gives dimensions no public type)
    return torch.export.Dim(name, min=1, max=largest)


def _pt2(program: torch.export.ExportedProgram, model: Model) -> bytes:
    content = io.BytesIO()
    with _silent():
        torch.export.save(program, content, extra_files={"model.json": model.record.text()})
    return content.getvalue()


def _onnx(program: torch.export.ExportedProgram, model: Model) -> bytes:
    import onnx

    with tempfile.TemporaryDirectory(prefix="seatbelt-") as folder:
        path = Path(folder) / "model.onnx"
        with _silent():
            torch.onnx.export(
                program,
                (),
                path,
                dynamo=True,
                input_names=["images"],
                output_names=["probabilities"],
                external_data=False,
                verbose=False,
            )
        graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {METADATA: model.record.text()})
    content: bytes = graph.SerializeToString()
    return content


@contextlib.contextmanager
def _runner(content: bytes, form: GraphForm) -> Iterator[Run]:
    if form == "pt2":
        # Torch reads the file that it has just written; files of others are never loaded.
        with _silent():
            module = torch.export.load(io.BytesIO(content)).module()
        with torch.inference_mode():
            yield lambda images: np.asarray(module(torch.tensor(images)).numpy())
        return
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    yield lambda images: np.asarray(session.run(["probabilities"], {"images": images})[0])


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hide the progress and warnings of torch's exporters, which say nothing to a user."""
    levels = {name: logging.getLogger(name).level for name in ("torch", "onnxscript", "onnx_ir")}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
