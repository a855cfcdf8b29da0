"""A graph of `seatbelt model --onnx`, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatbelt.errors import UserError
from seatbelt.inference.export import METADATA, require_packages
from seatbelt.inference.prediction import Image, Prediction
from seatbelt.inference.record import parse_record
from seatbelt.storage.base import read_file


class OnnxModel:
    """A predictor in a file. Everything between an image and its probabilities is inside the graph.

    Attributes:
        record: What `model.json` held when the graph was exported.
    """

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            UserError: It is no graph of `seatbelt model`, or ONNX Runtime is missing.
        """
        require_packages("onnx")
        import onnxruntime

        try:
            content = read_file(path)
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror})") from None
        try:
            self._session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # (the runtime raises any exception on a file that is no graph)
            reason = " ".join(str(error).split())[:150]
            raise UserError(f"{path} cannot be opened as an ONNX graph ({reason})") from None
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA)
        if text is None:
            raise UserError(f"{path} is no graph of `seatbelt model --onnx`: it says nothing of its labels and classes")
        self.record = parse_record(text, f"{path}: its description")

    def prepare(self, image: Image) -> Image:
        """Return the image itself: the graph resizes it."""
        return image

    def forward(self, images: Sequence[Image]) -> list[NDArray[np.float32]]:
        """Return the probabilities (K, H, W) of each image."""
        return [np.asarray(self._session.run(["probabilities"], {"images": image[None]})[0])[0] for image in images]

    def finish(self, output: NDArray[np.float32], size: tuple[int, ...]) -> Prediction:
        """Return the prediction of an image from its probabilities."""
        assert output.shape[1:] == size, f"{output.shape=}, {size=}"
        return Prediction(probabilities=output, record=self.record)
