"""The training loss: mean of binary cross-entropy, soft Dice and soft IoU losses (thesis, section 2.1)."""

from __future__ import annotations

import torch
from torch.nn import functional

from seatbelt.config.trial import LossConfig

SMOOTHING = 1.0
"""Pixels added to numerator and denominator of Dice and IoU: empty on empty is 0, gradients are bounded."""


def segmentation_loss(
    logits: torch.Tensor, targets: torch.Tensor, valid: torch.Tensor, config: LossConfig
) -> torch.Tensor:
    """Return the weighted mean of the three losses, each of them a mean over the labels.

    With p = sigmoid(logit), y the target and all sums over the valid pixels of one label:

    * bce: mean of -(y log p + (1 - y) log(1 - p)), equation 2.8 with its missing second log;
    * dice: 1 - (2 sum(py) + s) / (sum(p) + sum(y) + s), the soft form of equation 2.7;
    * iou: 1 - (sum(py) + s) / (sum(p) + sum(y) - sum(py) + s), the soft form of equation 2.6; s = 1 pixel.

    The sums of a label are pooled over the whole batch, not taken per image. For an image without a belt the per-image
    loss is 1 - s / (sum(p) + s), which is flat unless hardly anything is predicted: false alarms would not be
    unlearned, and the loss of a batch would mostly count its empty images. With pooling, a false alarm anywhere
    increases the common denominator. Hence the value depends on the batch size.

    Everything is computed in float32 with autocast off. The loss is finite for logits up to 1e30, and 0 without valid
    pixels.

    Args:
        logits: (N, K, H, W), any floating type.
        targets: (N, K, H, W), 0 or 1 where valid, anything elsewhere.
        valid: (N, 1, H, W) bool, False where the annotation says "ignore".
        config: Weights of the three losses.

    Returns:
        Scalar, float32, at least 0.
    """
    assert logits.shape == targets.shape, f"{logits.shape=} but {targets.shape=}"
    assert valid.dtype == torch.bool and valid.shape == (len(logits), 1, *logits.shape[2:]), f"{valid.shape=}"
    with torch.autocast(logits.device.type, enabled=False):
        # Filled, not multiplied: 0 x inf would be NaN. A filled pixel passes no gradient.
        logit = logits.float().masked_fill(~valid, 0.0)
        target = targets.float().masked_fill(~valid, 0.0)
        probability = logit.sigmoid().masked_fill(~valid, 0.0)
        bce = _bce(logit, target, valid)
        intersection = _per_label(probability * target)
        total = _per_label(probability) + _per_label(target)
        dice = 1 - (2 * intersection + SMOOTHING) / (total + SMOOTHING)
        iou = 1 - (intersection + SMOOTHING) / (total - intersection + SMOOTHING)
        weighted = config.bce * bce + config.dice * dice + config.iou * iou
        return weighted.mean() / (config.bce + config.dice + config.iou)


def _bce(logit: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the mean over valid pixels for each label, (K,)."""
    losses = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    pixels = valid.sum().clamp(min=1)
    return _per_label(losses.masked_fill(~valid, 0.0) / pixels)


def _per_label(values: torch.Tensor) -> torch.Tensor:
    """Sum (N, K, H, W) over images and pixels, (K,)."""
    return values.sum(dim=(0, 2, 3))
