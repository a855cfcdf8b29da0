"""Scores of predictions as the thesis defines them (sections 2.1.2 and 2.1.3): IoU and Dice per image.

The mean over images misleads early in a training, because an image without a belt scores 0 or 1. So the scores include
the means over the images with and without the target, and the scores of all pixels pooled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seatbelt.errors import UserError

if TYPE_CHECKING:
    import torch

EPSILON = 1e-6
"""Added to numerator and denominator (thesis, 2.1.2): an empty prediction on an empty mask scores 1."""

THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Grid for the threshold of the mean training mask."""

BOUNDARY_SHARE = 0.02
"""Width of a boundary over the diagonal of the image, as in arXiv:2103.16562."""

Counts = npt.NDArray[np.int64]
"""(N, 3): pixels in the intersection, in the prediction and in the target of each image; or (N, 6), with the same of
their boundaries behind."""

Masks = npt.NDArray[np.bool_]
"""(N, H, W)."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of one model on one set of images, each between 0 and 1."""

    iou: float
    """Mean over all images."""
    dice: float
    iou_with_target: float | None
    """Mean over images with the target; None if there are none."""
    dice_with_target: float | None
    iou_without_target: float | None
    """Mean over images without the target, each 1 if nothing is predicted and else about 0; None if there are none."""
    dice_without_target: float | None
    iou_pooled: float
    """IoU of all pixels of all images taken as one image."""
    dice_pooled: float
    images: int
    images_with_target: int
    iou_boundary: float | None = None
    """Mean over images with the target of the IoU of the boundaries; None without such images, or not measured."""


@dataclass(frozen=True, kw_only=True)
class TrivialBaselines:
    """Scores of predictors that do not look at the image."""

    background: Scores
    """Nothing is predicted anywhere."""
    mean_mask: Scores
    """The prediction is the set of pixels where at least a share `threshold` of the training masks has the target."""
    threshold: float


def scores(counts: Counts) -> Scores:
    """Summarise the counts of a set of images.

    Args:
        counts: (N, 3) or (N, 6) of `image_counts`, N at least 1.

    Raises:
        UserError: There are no images.
    """
    _check_counts(counts)
    if len(counts) == 0:
        raise UserError("there are no images to score: the set is empty; check its split in manifest.csv")
    ious, dices = iou(counts), dice(counts)
    has_target = counts[:, 2] > 0
    pooled = counts.sum(axis=0, keepdims=True)
    return Scores(
        iou=float(ious.mean()),
        dice=float(dices.mean()),
        iou_with_target=_mean(ious[has_target]),
        dice_with_target=_mean(dices[has_target]),
        iou_without_target=_mean(ious[~has_target]),
        dice_without_target=_mean(dices[~has_target]),
        iou_pooled=float(iou(pooled)[0]),
        dice_pooled=float(dice(pooled)[0]),
        images=len(counts),
        images_with_target=int(has_target.sum()),
        iou_boundary=_mean(iou(counts[has_target, 3:])) if counts.shape[1] == 6 else None,
    )


def iou(counts: Counts) -> npt.NDArray[np.float64]:
    """Return (TP + e) / (TP + FP + FN + e) of each image, (N,): equation 2.6 with e = `EPSILON`."""
    _check_counts(counts)
    intersection, predicted, target = counts.T[:3]
    return np.asarray((intersection + EPSILON) / (predicted + target - intersection + EPSILON))


def dice(counts: Counts) -> npt.NDArray[np.float64]:
    """Return (2 TP + e) / (2 TP + FP + FN + e) of each image, (N,): equation 2.7 with e = `EPSILON`."""
    _check_counts(counts)
    intersection, predicted, target = counts.T[:3]
    return np.asarray((2 * intersection + EPSILON) / (predicted + target + EPSILON))


def image_counts(logits: torch.Tensor, targets: torch.Tensor, valid: torch.Tensor, threshold: float = 0.5) -> Counts:
    """Count the pixels of the target class, channel 0, on each image, and those of its boundary.

    The boundary of a mask are its pixels within 2 % of the diagonal of its edge (Boundary IoU, arXiv:2103.16562). The
    border of the image is an edge, that of what is not annotated is none.

    Args:
        logits: (N, K, H, W); a pixel is predicted where sigmoid(logit) is above the threshold.
        targets: (N, K, H, W), 0 or 1 where valid, anything elsewhere.
        valid: (N, 1, H, W) bool; pixels to ignore count nowhere. An image without a valid pixel scores 1.
        threshold: Probability, above 0 and below 1.

    Returns:
        (N, 6): intersection, predicted, target; the same of the boundaries.
    """
    import torch

    assert logits.shape == targets.shape, f"{logits.shape=} but {targets.shape=}"
    assert valid.dtype == torch.bool and valid.shape == (len(logits), 1, *logits.shape[2:]), f"{valid.shape=}"
    assert 0 < threshold < 1, f"{threshold=}"
    # Compared as logits: a sigmoid in bfloat16 would round values near the threshold onto it.
    predicted = (logits[:, 0].float() > math.log(threshold / (1 - threshold))) & valid[:, 0]
    target = (targets[:, 0] > 0.5) & valid[:, 0]
    borders = (_boundary(mask, valid[:, 0]) for mask in (predicted, target))
    pairs = ((predicted, target), tuple(borders))
    counts = [mask.sum(dim=(1, 2)) for first, second in pairs for mask in (first & second, first, second)]
    return np.asarray(torch.stack(counts, dim=1).cpu().numpy(), dtype=np.int64)


def _boundary(mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the pixels of masks (N, H, W) that lie near their edge."""
    from torch.nn import functional

    height, width = mask.shape[1:]
    reach = max(1, round(BOUNDARY_SHARE * math.hypot(height, width)))
    outside = functional.pad((~mask & valid).float(), (reach,) * 4, value=1.0)
    # A square of its reach around each pixel, one axis after the other.
    wide = functional.max_pool2d(outside, (1, 2 * reach + 1), stride=1)
    return mask & (functional.max_pool2d(wide, (2 * reach + 1, 1), stride=1) > 0)


def trivial_baselines(
    train: Masks,
    selection: Masks,
    *,
    train_valid: Masks | None = None,
    selection_valid: Masks | None = None,
) -> TrivialBaselines:
    """Score two predictors that do not look at the image; a trained model should beat both.

    Args:
        train: Target masks of the training images, (N, H, W).
        selection: Target masks of the selection set, (M, H, W).
        train_valid: Pixels of `train` that count; None for all.
        selection_valid: Pixels of `selection` that count; None for all.

    Returns:
        Their scores on the selection set. The mean mask is cut at the threshold of `THRESHOLDS` with the best mean IoU
        on the training masks (the lowest one of several). If targets hardly overlap and many masks are empty, no pixel
        may reach the threshold; then both predictors are equal.
    """
    assert train.ndim == 3 and train.shape[1:] == selection.shape[1:], f"{train.shape=}, {selection.shape=}"
    share = _mean_mask(train, train_valid)
    reached = [float(iou(_counts_of(share >= t, train, train_valid)).mean()) for t in THRESHOLDS]
    threshold = THRESHOLDS[int(np.argmax(reached))]
    nothing = np.zeros(share.shape, dtype=np.bool_)
    return TrivialBaselines(
        background=scores(_counts_of(nothing, selection, selection_valid)),
        mean_mask=scores(_counts_of(share >= threshold, selection, selection_valid)),
        threshold=threshold,
    )


def _mean_mask(targets: Masks, valid: Masks | None) -> npt.NDArray[np.float64]:
    """Return the share of valid images that have the target at each pixel, (H, W)."""
    if len(targets) == 0:
        raise UserError("there are no training masks to average: the set is empty; check its split in manifest.csv")
    if valid is None:
        return np.asarray(targets.mean(axis=0, dtype=np.float64))
    return np.asarray((targets & valid).sum(axis=0) / np.maximum(valid.sum(axis=0), 1))


def _counts_of(predicted: npt.NDArray[np.bool_], targets: Masks, valid: Masks | None) -> Counts:
    """Return the counts (N, 3) of one prediction (H, W) on all images, one by one to save memory."""
    counts = np.empty((len(targets), 3), dtype=np.int64)
    for index, target in enumerate(targets):
        where = True if valid is None else valid[index]
        counted = target & where
        counts[index] = [np.count_nonzero(mask) for mask in (predicted & counted, predicted & where, counted)]
    return counts


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _check_counts(counts: Counts) -> None:
    assert counts.ndim == 2 and counts.shape[1] in (3, 6), f"counts must be (N, 3) or (N, 6), but are {counts.shape}"
