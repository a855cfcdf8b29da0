"""A trained model on this machine: loads a model folder, and predicts images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from seatbelt.data.datasets.images import UnusableImageError, read_picture
from seatbelt.errors import UserError
from seatbelt.inference.graph import PredictionGraph, resize_logits
from seatbelt.inference.prediction import Image, Prediction
from seatbelt.inference.record import RECORD, WEIGHTS, ModelRecord, read_record
from seatbelt.inference.resizing import resize_image
from seatbelt.models.architectures import build
from seatbelt.models.inference import Normalisation, network_logits
from seatbelt.models.weights import resolve
from seatbelt.storage.base import read_file
from seatbelt.training.device import choose_device

if TYPE_CHECKING:
    from seatbelt.training.checkpoint import Tensors


class Model:
    """A model of one or more networks, whose probabilities are averaged.

    Attributes:
        record: What `model.json` holds.
        device: The torch device of the networks.
    """

    def __init__(self, record: ModelRecord, networks: list[nn.Module], device: str = "cpu") -> None:
        """Take networks in evaluation mode on a device; `load_model` reads them from a folder."""
        self.record, self.device = record, device
        self.networks = networks
        self._normalisation = Normalisation(record.mean, record.std, device)

    def predict(self, image: Image | str | os.PathLike[str]) -> Prediction:
        """Predict one image.

        Args:
            image: An array (H, W, 3), uint8, RGB, or an image file.

        Raises:
            UserError: The array has another form, or the file is no image.
        """
        pixels = read_image(image) if isinstance(image, str | os.PathLike) else _checked(image)
        return self.predict_batch([pixels])[0]

    def predict_batch(self, images: Sequence[Image]) -> list[Prediction]:
        """Predict images (H, W, 3), uint8, RGB, of any sizes."""
        logits = self.forward([self.prepare(image) for image in images])
        return [self.finish(item, image.shape[:2]) for item, image in zip(logits, images, strict=True)]

    def prepare(self, image: Image) -> Image:
        """Return an image at the training size, as training saw it."""
        return resize_image(image, self.record.height, self.record.width)

    @torch.inference_mode()
    def forward(self, images: Sequence[Image]) -> list[torch.Tensor]:
        """Return the logits (M, K, h, w) of M members for each prepared image."""
        batch = torch.from_numpy(np.stack(images)).to(self.device)
        pixels = self._normalisation(batch.permute(0, 3, 1, 2).float())
        tile = self.record.tile
        logits = [network_logits(network, pixels, tile=tile) for network in self.networks]
        members = torch.stack(logits)
        return list(members.unbind(dim=1))

    @torch.inference_mode()
    def finish(self, logits: torch.Tensor, size: tuple[int, ...]) -> Prediction:
        """Return the prediction at the size (H, W) of an image from its logits (M, K, h, w)."""
        probabilities = torch.sigmoid(resize_logits(logits, torch.Size(size))).mean(dim=0)
        return Prediction(probabilities=np.asarray(probabilities.cpu().numpy()), record=self.record)

    def graph(self) -> PredictionGraph:
        """Return the whole path from image to probabilities as one network, on the CPU."""
        return PredictionGraph([network.to("cpu") for network in self.networks], self.record).eval()

    def __repr__(self) -> str:
        model, record = self.record.architecture, self.record
        labels = ", ".join(label.name for label in record.labels)
        members = f", {record.members} members" if record.members > 1 else ""
        return f"Model({model.decoder} with {model.encoder}{members}, {record.height}x{record.width}, labels {labels})"


def load_model(folder: str | os.PathLike[str], device: str = "cpu") -> Model:
    """Load a model folder of `seatbelt model`.

    Nothing is unpickled: the folder holds tensors and JSON, and both are checked against their sha256.

    Args:
        folder: The folder.
        device: A torch device, such as `cpu` or `cuda`, or `auto`.

    Raises:
        UserError: The folder holds no model, was changed, or belongs to another version.
    """
    place = Path(folder)
    record = read_record(place)
    return load_networks(record, _read_weights(place, record), choose_device(device), place=str(place / WEIGHTS))


def load_networks(record: ModelRecord, tensors: Tensors, device: str, *, place: str) -> Model:
    """Build the networks of a record and give them their weights.

    Args:
        record: The model.
        tensors: `<member>.<name>` -> tensor.
        device: Torch device.
        place: Where the tensors come from, for messages.

    Raises:
        UserError: The tensors do not fit the architecture.
    """
    networks = []
    for member in range(record.members):
        prefix = f"{member}."
        state = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        # The trained weights replace the initial ones, whose file need not be here.
        architecture = record.architecture.model_copy(update={"weights": "none"})
        network = build(architecture, len(record.labels), weights=resolve(architecture.encoder, "none"))
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"the weights in {place} do not fit {architecture.decoder} with {architecture.encoder} ({reason}); is "
                "this the version of seatbelt that trained them?"
            ) from None
        networks.append(network.eval().to(device))
    return Model(record, networks, device)


def read_image(path: str | os.PathLike[str]) -> Image:
    """Return the pixels of an image file, upright and in sRGB.

    Raises:
        UserError: The file is no image that can be read.
    """
    try:
        return read_picture(Path(path)).pixels
    except UnusableImageError as error:
        raise UserError(f"{os.fspath(path)}: {error.what}") from None


def _read_weights(folder: Path, record: ModelRecord) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.torch import load

    place = folder / WEIGHTS
    try:
        data = read_file(place)
    except OSError as error:
        raise UserError(f"{place} cannot be read ({error.strerror}); export the model again") from None
    if hashlib.sha256(data).hexdigest() != record.files.get(WEIGHTS):
        raise UserError(f"{place} is not the file that {RECORD} describes (its sha256 differs); export the model again")
    try:
        return load(data)
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{place} holds no tensors ({error}); export the model again") from None


def _checked(image: Image) -> Image:
    """Return an array that is an image."""
    pixels = np.asarray(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape or pixels.dtype != np.uint8:
        raise UserError(
            f"an image is an array (H, W, 3) of uint8 in the order red, green, blue, but got {pixels.shape} of "
            f"{pixels.dtype}; convert it, or give the path of its file"
        )
    return np.ascontiguousarray(pixels)
