"""The study of the head-to-head: 256 cells of decoders, rates and five augmentations, on a ResNet18 without weights."""

from __future__ import annotations

from search_spaces.axes import factor
from search_spaces.space import Condition, Protocol, Study

SPACE = {
    "decoder": ["unet", "fpn", "linknet", "deeplabv3plus"],
    "encoder_learning_rate": ["0.0002", "0.001"],
    "random_rotate90": ["off", "on"],
    "random_crop": ["off", "on"],
    "shift_scale_rotate": ["off", "on"],
    "grid_distortion": ["off", "on"],
    "random_brightness_contrast": ["off", "on"],
}
CONDITIONS = {
    "data.real": True,
    "data.generations": (),
    "model.encoder": "resnet18",
    "model.weights": "none",
    "augmentation.transforms": (),
    "optimisation.batch_size": 8,
    "optimisation.decoder_learning_rate": 0.001,
}


def study() -> Study:
    """Return the study."""
    return Study(
        name="head_to_head",
        question="Which search finds the better model with the same number of epochs?",
        reference="none",
        factors=tuple(factor(name, levels) for name, levels in SPACE.items()),
        conditions={field: Condition(value=value, source="ours") for field, value in CONDITIONS.items()},
        protocol=Protocol(epochs=9, propose="factorial"),
    )
