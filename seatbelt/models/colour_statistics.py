"""Mean and standard deviation of colours that encoders expect, red, green and blue on a scale from 0 to 1."""

from __future__ import annotations

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
HALF: Triple = (0.5, 0.5, 0.5)
