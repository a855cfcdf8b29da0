"""What several studies share: conditions and the six architectures."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.factors import Factor
from search_spaces.space import Condition
from seatbelt.config.augmentation import TRANSFORMS

SIX_ARCHITECTURES = (
    "unetplusplus/resnet34",
    "unetplusplus/resnet50",
    "fpn/resnet101",
    "fpn/resnet34",
    "unet/resnet34",
    "unet/resnet50",
)
"""Ours, until an architecture sweep names its own (`--architectures-from`): the thesis' winner and the model that
it inherited, completed to three decoders with two encoders each, the form of its section 4.4."""

WINNER = {
    "model.encoder": Condition(value="resnet34", source="thesis"),
    "model.decoder": Condition(value="unetplusplus", source="thesis", note="its best model, section 4.1"),
}
IMAGENET = {"model.weights": Condition(value="imagenet", source="thesis")}
ALL_TRANSFORMS = {"augmentation.transforms": Condition(value=TRANSFORMS, source="ours", note="not stated: all ten on")}
SYNTHETIC = {
    "data.real": Condition(value=False, source="thesis"),
    "data.generations": Condition(value=("2", "3", "4", "5", "6"), source="ours", note="of its best model"),
}


def six_architectures() -> Factor:
    """Return the factor of the six architectures."""
    return factor("architecture", SIX_ARCHITECTURES)
