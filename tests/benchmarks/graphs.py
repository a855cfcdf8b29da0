"""ONNX graphs against the model they were exported from: five architectures, two sizes, 100 images of two data sets.

The encoders have ImageNet weights where this machine has them; the decoders are random, with a head that is scaled up
so that masks are neither empty nor full. Uses the photographs beside the checkout if they are there, else scenes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import REAL_DATA

if TYPE_CHECKING:
    from seatbelt.inference.export import CheckImage
    from seatbelt.inference.model import Model

ARCHITECTURES = ("unet", "unetplusplus", "fpn", "linknet", "deeplabv3plus")
SIZES = ((96, 160), (240, 424))
IMAGES = 50
"""Of each data set."""


def measure(folder: Path) -> Iterator[str]:
    """Export, compare on every image, and time both on ten of them."""
    import torch

    from seatbelt.inference.export import check_graph, export_graph

    torch.set_num_threads(os.cpu_count() or 1)
    images = list(_images(folder))
    sizes = sorted({image.pixels.shape[:2] for image in images})
    yield f"{len(images)} images, {len(sizes)} sizes from {sizes[0]} to {sizes[-1]}"
    for height, width in SIZES:
        for decoder in ARCHITECTURES:
            model = _model(decoder, height, width)
            content = export_graph(model, "onnx")
            check = check_graph(content, "onnx", model, images)
            ours, graph = _seconds(model, content, images[:: len(images) // 10])
            yield (
                f"{decoder} with lite0 at {width}x{height}: largest difference of a probability "
                f"{check.probability:.1e}, of an IoU {check.iou:.1e}; torch {1000 * ours:.0f} ms, ONNX Runtime "
                f"{1000 * graph:.0f} ms per image: {ours / graph:.2f} x"
            )
            assert check.passes, decoder


def _images(folder: Path) -> Iterator[CheckImage]:
    import numpy as np

    from seatbelt.data.datasets.dataset import decode, read
    from seatbelt.data.scenes import write_dataset
    from seatbelt.inference.export import CheckImage

    roots = [REAL_DATA / name for name in ("belts", "photos")]
    if not all(root.exists() for root in roots):
        roots = [folder / name for name in ("camera", "5")]
        for root in roots:
            write_dataset(root, generations={root.name: IMAGES}, size=(424, 240), seed=0, processes=1)
    for root in roots:
        dataset = read(root)
        for row in dataset.rows[:: len(dataset.rows) // IMAGES][:IMAGES]:
            pixels, mask = decode(dataset, row)
            target = mask == dataset.classes[dataset.target]
            yield CheckImage(name=row.image, pixels=pixels, target=np.asarray(target))


def _model(decoder: str, height: int, width: int) -> Model:
    from seatbelt.errors import UserError
    from seatbelt.models.weights import resolve
    from seatbelt.models.weights_file import load_encoder
    from tests.seatbelt.inference.models import record, untrained

    model = untrained(record(decoder=decoder, height=height, width=width, mean=(0.5,) * 3, std=(0.5,) * 3))
    with contextlib.suppress(UserError):
        load_encoder(model.networks[0], "lite0", resolve("lite0", "imagenet"))
    return model


def _seconds(model: Model, content: bytes, images: list[CheckImage]) -> tuple[float, float]:
    """Return the seconds per image of the model and of its graph, in turn on each image."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    ours = graph = 0.0
    for image in [images[0], *images]:
        started = time.perf_counter()
        model.predict(image.pixels)
        between = time.perf_counter()
        session.run(None, {"images": image.pixels[None]})
        if image is not images[0] or ours:
            ours, graph = ours + between - started, graph + time.perf_counter() - between
    return ours / len(images), graph / len(images)
