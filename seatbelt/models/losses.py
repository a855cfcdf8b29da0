"""The training loss: by default the mean of binary cross-entropy, soft Dice and soft IoU losses (thesis, section 2.1).

The sums of a label are pooled over the whole batch, not taken per image. For an image without a belt the per-image
loss is 1 - s / (sum(p) + s), which is flat unless hardly anything is predicted: false alarms would not be unlearned,
and the loss of a batch would mostly count its empty images. With pooling, a false alarm anywhere increases the common
denominator. Hence the value depends on the batch size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from segmentation_models_pytorch.losses import LovaszLoss
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from seatbelt.config.data import DataConfig
from seatbelt.config.loss import LossConfig

SMOOTHING = 1.0
"""Pixels added to numerators and denominators of shares: empty on empty is 0, gradients are bounded."""
_IGNORED = 255.0
"""The target of pixels that do not count, for losses of libraries."""
_EDGE = 3
"""Side of the square whose erosion leaves the boundary of a mask, pixels."""


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Logits, targets and probabilities, (N, K, H, W) float32 and 0 where not valid; `valid` is (N, 1, H, W)."""

    logit: torch.Tensor
    target: torch.Tensor
    probability: torch.Tensor
    valid: torch.Tensor
    hit: torch.Tensor
    """sum(py), (K,)."""
    predicted: torch.Tensor
    """sum(p), (K,)."""
    annotated: torch.Tensor
    """sum(y), (K,)."""


def segmentation_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    valid: torch.Tensor,
    config: LossConfig,
    label_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the weighted mean of the losses, each of them a mean over the labels.

    With p = sigmoid(logit), y the target, all sums over the valid pixels of one label in the batch, and s = 1 pixel:

    * bce: mean of -(w y log p + (1 - y) log(1 - p)), equation 2.8 with its missing second log; w is
      `positive_weight`, and `label_smoothing` e replaces y by y (1 - e) + (1 - y) e;
    * dice: 1 - (2 sum(py) + s) / (sum(p) + sum(y) + s), the soft form of equation 2.7;
    * iou: 1 - (sum(py) + s) / (sum(p) + sum(y) - sum(py) + s), the soft form of equation 2.6;
    * focal: mean of the cross-entropy of a pixel times (1 - p)^g for y = 1 and p^g for y = 0; g is `focal_gamma`;
    * tversky: 1 - (sum(py) + s) / (sum(py) + a sum(p (1 - y)) + b sum((1 - p) y) + s); a is `tversky_false`, b is
      `tversky_missed`;
    * lovasz: the Lovasz hinge of the logits;
    * boundary: 1 - F1 of soft boundaries, see `_boundary`.

    Everything is computed in float32 with autocast off. The loss is 0 without valid pixels, and finite for logits up to
    1e30 (up to 1e15 with `lovasz`, which grows with the logits).

    Args:
        logits: (N, K, H, W), any floating type.
        targets: (N, K, H, W), 0 or 1 where valid, anything elsewhere.
        valid: (N, 1, H, W) bool, False where the annotation says "ignore".
        config: Weights and parameters of the losses.
        label_weights: (K,), the weight of each label in the mean; None for equal ones. See `label_weights_of`.

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
        batch = _Batch(
            logit=logit,
            target=target,
            probability=probability,
            valid=valid,
            hit=_per_label(probability * target),
            predicted=_per_label(probability),
            annotated=_per_label(target),
        )
        weights = {name: weight for name, weight in config.weights.items() if weight > 0}
        parts = [weight * _LOSSES[name](batch, config) for name, weight in weights.items()]
        weighted = functools.reduce(torch.add, parts)
        total = sum(weights.values())
        if label_weights is None:
            return weighted.mean() / total
        return (weighted * label_weights).sum() / label_weights.sum() / total


def label_weights_of(config: LossConfig, data: DataConfig, device: str | torch.device) -> torch.Tensor | None:
    """Return the weight of each label, (K,), the target first; None if all are equal."""
    if not config.label_weights:
        return None
    weights = config.weights_by_label
    return torch.tensor([weights.get(label, 1.0) for label in (data.target, *data.context)], device=device)


def _bce(batch: _Batch, config: LossConfig) -> torch.Tensor:
    """Return the mean over valid pixels for each label, (K,)."""
    target = batch.target
    if config.label_smoothing:
        target = target * (1 - config.label_smoothing) + (1 - target) * config.label_smoothing
    weight = None if config.positive_weight == 1 else torch.tensor(config.positive_weight, device=target.device)
    losses = functional.binary_cross_entropy_with_logits(batch.logit, target, reduction="none", pos_weight=weight)
    return _mean_of_valid(losses, batch.valid)


def _dice(batch: _Batch, config: LossConfig) -> torch.Tensor:
    return 1 - (2 * batch.hit + SMOOTHING) / (batch.predicted + batch.annotated + SMOOTHING)


def _iou(batch: _Batch, config: LossConfig) -> torch.Tensor:
    return 1 - (batch.hit + SMOOTHING) / (batch.predicted + batch.annotated - batch.hit + SMOOTHING)


def _focal(batch: _Batch, config: LossConfig) -> torch.Tensor:
    losses = sigmoid_focal_loss(batch.logit, batch.target, alpha=-1, gamma=config.focal_gamma, reduction="none")
    if config.positive_weight != 1:
        losses = losses * (1 + (config.positive_weight - 1) * batch.target)
    return _mean_of_valid(losses, batch.valid)


def _tversky(batch: _Batch, config: LossConfig) -> torch.Tensor:
    false, missed = batch.predicted - batch.hit, batch.annotated - batch.hit
    wrong = config.tversky_false * false + config.tversky_missed * missed
    return 1 - (batch.hit + SMOOTHING) / (batch.hit + wrong + SMOOTHING)


def _lovasz(batch: _Batch, config: LossConfig) -> torch.Tensor:
    loss = LovaszLoss(mode="binary", per_image=False, ignore_index=int(_IGNORED))
    targets = batch.target.masked_fill(~batch.valid, _IGNORED)
    return torch.stack([loss(batch.logit[:, k], targets[:, k]) for k in range(targets.shape[1])])


def _boundary(batch: _Batch, config: LossConfig) -> torch.Tensor:
    """Return one minus the F1 of soft boundaries for each label, (K,): arXiv:1905.07852, pooled over the batch.

    The boundary of a mask is what an erosion by 3 x 3 pixels takes away. Precision is the share of the predicted
    boundary that lies near that of the target, recall the share of the target's boundary near the predicted one; near
    is the square of `boundary_width`. The edge of what is not annotated is no boundary.
    """
    predicted, target = (_soft_boundary(mask, batch.valid) for mask in (batch.probability, batch.target))
    met = _per_label(predicted * _dilated(target, config.boundary_width))
    reached = _per_label(target * _dilated(predicted, config.boundary_width))
    precision = (met + SMOOTHING) / (_per_label(predicted) + SMOOTHING)
    recall = (reached + SMOOTHING) / (_per_label(target) + SMOOTHING)
    return 1 - 2 * precision * recall / (precision + recall)


def _soft_boundary(mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    outside = (1 - mask).masked_fill(~valid, 0.0)
    return (_dilated(outside, _EDGE) - outside).masked_fill(~valid, 0.0)


def _dilated(mask: torch.Tensor, width: int) -> torch.Tensor:
    """Return the largest value in a square around each pixel."""
    return functional.max_pool2d(mask, width, stride=1, padding=width // 2)


def _mean_of_valid(losses: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    return _per_label(losses.masked_fill(~valid, 0.0) / valid.sum().clamp(min=1))


def _per_label(values: torch.Tensor) -> torch.Tensor:
    """Sum (N, K, H, W) over images and pixels, (K,)."""
    return values.sum(dim=(0, 2, 3))


_LOSSES: dict[str, Callable[[_Batch, LossConfig], torch.Tensor]] = {
    "bce": _bce,
    "dice": _dice,
    "iou": _iou,
    "focal": _focal,
    "tversky": _tversky,
    "lovasz": _lovasz,
    "boundary": _boundary,
}
