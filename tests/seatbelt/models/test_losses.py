import math

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.config.data import DataConfig
from seatbelt.config.loss import LossConfig
from seatbelt.models.losses import label_weights_of, segmentation_loss

ONE = {
    "bce": LossConfig(bce=1, dice=0, iou=0),
    "dice": LossConfig(bce=0, dice=1, iou=0),
    "iou": LossConfig(bce=0, dice=0, iou=1),
}


def everywhere(logits: torch.Tensor) -> torch.Tensor:
    return torch.ones(logits.shape[0], 1, *logits.shape[2:], dtype=torch.bool)


def random_batch(seed: int, shape: tuple[int, int, int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(shape, generator=generator)
    targets = (torch.rand(shape, generator=generator) < 0.3).float()
    valid = torch.rand(shape[0], 1, *shape[2:], generator=generator) < 0.8
    return logits, targets, valid


def naive_loss(logits: torch.Tensor, targets: torch.Tensor, valid: torch.Tensor, config: LossConfig) -> float:
    """The docstring's formulas in plain Python, pixel by pixel."""
    images, labels, height, width = logits.shape
    total = 0.0
    for k in range(labels):
        pixels = [
            (1 / (1 + math.exp(-logits[n, k, i, j].item())), targets[n, k, i, j].item())
            for n in range(images)
            for i in range(height)
            for j in range(width)
            if valid[n, 0, i, j]
        ]
        bce = sum(-(y * math.log(p) + (1 - y) * math.log(1 - p)) for p, y in pixels) / max(len(pixels), 1)
        both, p_sum, y_sum = (sum(v) for v in zip((0, 0, 0), *((p * y, p, y) for p, y in pixels), strict=True))
        dice = 1 - (2 * both + 1) / (p_sum + y_sum + 1)
        iou = 1 - (both + 1) / (p_sum + y_sum - both + 1)
        total += (config.bce * bce + config.dice * dice + config.iou * iou) / (config.bce + config.dice + config.iou)
    return total / labels


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Two pixels with p = 1/2 each, one of them target: bce = log 2, I = 1/2, P = 1, T = 1.
        ("bce", math.log(2)),
        ("dice", 1 - (2 * 0.5 + 1) / (1 + 1 + 1)),
        ("iou", 1 - (0.5 + 1) / (1 + 1 - 0.5 + 1)),
    ],
)
def test_the_loss_matches_the_one_by_hand(name: str, expected: float) -> None:
    logits = torch.zeros(1, 1, 1, 2)
    targets = torch.tensor([[[[1.0, 0.0]]]])
    assert segmentation_loss(logits, targets, everywhere(logits), ONE[name]).item() == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    weights=st.tuples(*[st.floats(0.1, 3)] * 3),
)
def test_the_loss_equals_a_naive_loop(
    seed: int, shape: tuple[int, int, int, int], weights: tuple[float, float, float]
) -> None:
    config = LossConfig(bce=weights[0], dice=weights[1], iou=weights[2])
    logits, targets, valid = random_batch(seed, shape)
    expected = naive_loss(logits, targets, valid, config)
    assert segmentation_loss(logits, targets, valid, config).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_ignored_pixels_have_no_influence_and_no_gradient() -> None:
    logits, targets, valid = random_batch(3, (2, 2, 5, 6))
    assert not valid.all()
    before = segmentation_loss(logits, targets, valid, LossConfig())
    hidden = (~valid).expand_as(logits)
    logits[hidden] = float("nan")
    targets[hidden] = 255.0
    logits.requires_grad_()
    after = segmentation_loss(logits, targets, valid, LossConfig())
    assert after.item() == before.item()
    after.backward()
    assert logits.grad is not None
    assert bool((logits.grad[hidden] == 0).all())
    assert bool((logits.grad[~hidden] != 0).all())


def test_without_valid_pixels_it_is_zero() -> None:
    logits = torch.zeros(1, 2, 3, 3, requires_grad=True)
    loss = segmentation_loss(logits, torch.ones(1, 2, 3, 3), torch.zeros(1, 1, 3, 3, dtype=torch.bool), LossConfig())
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None and not logits.grad.any()


@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_huge_logits_stay_finite(size: float, share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (size * torch.randn(2, 2, 8, 8, generator=generator)).requires_grad_()
    targets = (torch.rand(2, 2, 8, 8, generator=generator) < share).float()
    loss = segmentation_loss(logits, targets, everywhere(logits), LossConfig())
    loss.backward()
    assert math.isfinite(loss.item())
    assert logits.grad is not None and bool(logits.grad.isfinite().all())


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_perfect_predictions_cost_nothing(share: float) -> None:
    targets = (torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) < share).float()
    logits = 200 * targets - 100
    assert segmentation_loss(logits, targets, everywhere(logits), LossConfig()).item() == pytest.approx(0, abs=1e-6)


def test_a_false_alarm_on_an_image_without_belt_is_pushed_down() -> None:
    # Image 0 shows a belt, image 1 none: pooled over the batch, every loss pulls image 1 down noticeably.
    targets = torch.zeros(2, 1, 16, 16)
    targets[0, 0, :, 4:6] = 1
    for config in ONE.values():
        logits = torch.zeros(2, 1, 16, 16, requires_grad=True)
        segmentation_loss(logits, targets, everywhere(logits), config).backward()
        assert logits.grad is not None
        assert bool((logits.grad[1] > 1e-5).all())


def test_labels_have_equal_weight() -> None:
    logits, targets, valid = random_batch(5, (2, 3, 4, 4))
    single = [
        segmentation_loss(logits[:, k : k + 1], targets[:, k : k + 1], valid, LossConfig()).item() for k in range(3)
    ]
    assert segmentation_loss(logits, targets, valid, LossConfig()).item() == pytest.approx(sum(single) / 3)


def test_only_the_ratio_of_the_weights_matters() -> None:
    logits, targets, valid = random_batch(6, (2, 1, 4, 4))
    one, other = LossConfig(bce=1, dice=2, iou=3), LossConfig(bce=10, dice=20, iou=30)
    first, second = (segmentation_loss(logits, targets, valid, config).item() for config in (one, other))
    assert first == pytest.approx(second)


def test_computed_in_float32_under_autocast() -> None:
    logits, targets, valid = random_batch(7, (2, 2, 16, 16))
    rounded = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = segmentation_loss(rounded, targets, valid, LossConfig())
    assert loss.dtype == torch.float32
    assert loss.item() == segmentation_loss(rounded.float(), targets, valid, LossConfig()).item()


def test_shapes_are_checked() -> None:
    logits = torch.zeros(1, 2, 4, 4)
    with pytest.raises(AssertionError, match="valid"):
        segmentation_loss(logits, logits, torch.ones(1, 2, 4, 4, dtype=torch.bool), LossConfig())
    with pytest.raises(AssertionError, match="targets"):
        segmentation_loss(logits, logits[:, :1], everywhere(logits), LossConfig())


def loss_of(name: str, logits: torch.Tensor, targets: torch.Tensor, valid: torch.Tensor, **fields: object) -> float:
    config = LossConfig.model_validate({"bce": 0, "dice": 0, "iou": 0, name: 1, **fields})
    return segmentation_loss(logits, targets, valid, config).item()


HALVES = torch.zeros(1, 1, 1, 2)
"""Two pixels of probability 1/2."""
ONE_OF_TWO = torch.tensor([[[[1.0, 0.0]]]])


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        # p = 1/2 on both pixels, one of them target.
        ("bce", {"positive_weight": 3}, (3 * math.log(2) + math.log(2)) / 2),
        ("bce", {"label_smoothing": 0.1}, math.log(2)),
        ("focal", {"focal_gamma": 2}, 0.25 * math.log(2)),
        ("focal", {"focal_gamma": 0}, math.log(2)),
        ("focal", {"focal_gamma": 2, "positive_weight": 3}, 0.25 * 2 * math.log(2)),
        # hit = 1/2, false = 1/2, missed = 1/2: 1 - 1.5 / (0.5 + 0.3 / 2 + 0.7 / 2 + 1)
        ("tversky", {}, 1 - 1.5 / 2),
        ("tversky", {"tversky_false": 0.0, "tversky_missed": 1.0}, 1 - 1.5 / 2),
        # Errors are 1 and 1; the Jaccard loss of both wrong is 1.
        ("lovasz", {}, 1.0),
    ],
)
def test_each_loss_is_that_by_hand(name: str, fields: dict[str, object], expected: float) -> None:
    assert loss_of(name, HALVES, ONE_OF_TWO, everywhere(HALVES), **fields) == pytest.approx(expected)


def test_label_smoothing_moves_the_targets_of_the_cross_entropy() -> None:
    logits = torch.tensor([[[[2.0]]]])
    p = 1 / (1 + math.exp(-2))
    expected = -(0.9 * math.log(p) + 0.1 * math.log(1 - p))
    assert loss_of("bce", logits, torch.ones(1, 1, 1, 1), everywhere(logits), label_smoothing=0.1) == pytest.approx(
        expected
    )


def test_the_lovasz_loss_weights_errors_by_what_they_cost() -> None:
    # Errors 1 + 1 (missed target) and 1 - 3 (right background, not positive): the missed pixel costs the whole Jaccard.
    logits = torch.tensor([[[[-1.0, -3.0]]]])
    assert loss_of("lovasz", logits, ONE_OF_TWO, everywhere(logits)) == pytest.approx(2.0)


def square(row: int, column: int, *, size: int = 12, side: int = 4) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[..., row : row + side, column : column + side] = 1
    return mask


def certain(mask: torch.Tensor) -> torch.Tensor:
    return (mask * 2 - 1) * 100


def test_the_boundary_loss_counts_what_lies_near_the_other_boundary() -> None:
    target = square(4, 4)
    valid = everywhere(target)
    assert loss_of("boundary", certain(target), target, valid) == pytest.approx(0, abs=1e-6)
    # Moved by two pixels: each boundary lies within 5 x 5 pixels of the other, but not within 3 x 3.
    moved = certain(square(4, 6))
    near, far = (loss_of("boundary", moved, target, valid, boundary_width=width) for width in (5, 3))
    assert 0 <= near < 0.1 < far < 1
    # Nothing predicted: precision is 1 (s / s), recall 1 / (12 + 1), F1 2 x 1/13 / (1 + 1/13).
    assert loss_of("boundary", certain(torch.zeros_like(target)), target, valid) == pytest.approx(1 - 2 / 14)


def test_the_edge_of_what_is_not_annotated_is_no_boundary() -> None:
    target = torch.ones(1, 1, 8, 8)
    valid = everywhere(target)
    valid[..., 4:] = False
    # Without a boundary precision and recall are s / s.
    assert loss_of("boundary", certain(target), target, valid) == pytest.approx(0, abs=1e-6)


EACH = ("bce", "dice", "iou", "focal", "tversky", "lovasz", "boundary")


@pytest.mark.parametrize("name", EACH)
def test_no_loss_looks_at_ignored_pixels(name: str) -> None:
    logits, targets, valid = random_batch(3, (2, 2, 12, 12))
    config = LossConfig.model_validate({"bce": 0, "dice": 0, "iou": 0, name: 1})
    changed = torch.where(valid, logits, torch.full_like(logits, torch.inf))
    other = torch.where(valid, targets, 1 - targets)
    expected = segmentation_loss(logits, targets, valid, config).item()
    changed.requires_grad_(True)
    loss = segmentation_loss(changed, other, valid, config)
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert changed.grad is not None
    assert changed.grad.masked_select(~valid).count_nonzero() == 0
    assert torch.isfinite(changed.grad).all() and changed.grad.count_nonzero()


@pytest.mark.parametrize("name", EACH)
def test_every_loss_is_zero_without_a_valid_pixel(name: str) -> None:
    logits = torch.randn(1, 2, 4, 4)
    assert loss_of(name, logits, torch.ones_like(logits), ~everywhere(logits)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("name", EACH)
def test_a_step_against_the_gradient_lowers_every_loss(name: str) -> None:
    logits, targets, valid = random_batch(5, (2, 1, 12, 12))
    logits.requires_grad_(True)
    config = LossConfig.model_validate({"bce": 0, "dice": 0, "iou": 0, name: 1})
    before = segmentation_loss(logits, targets, valid, config)
    before.backward()
    assert logits.grad is not None
    after = segmentation_loss(logits - 0.01 * logits.grad / logits.grad.norm(), targets, valid, config)
    assert after.item() < before.item()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_tversky_focal_and_lovasz_are_those_of_smp(seed: int) -> None:
    logits, targets, valid = random_batch(seed, (2, 1, 6, 6))
    ignoring = targets.masked_fill(~valid, 255)
    focal = smp.losses.FocalLoss("binary", gamma=1.5, ignore_index=255)(logits, ignoring)
    assert loss_of("focal", logits, targets, valid, focal_gamma=1.5) == pytest.approx(focal.item(), rel=1e-4)
    lovasz = smp.losses.LovaszLoss("binary", ignore_index=255)(logits, ignoring)
    assert loss_of("lovasz", logits, targets, valid) == pytest.approx(lovasz.item(), rel=1e-4)
    everything = everywhere(logits)
    tversky = smp.losses.TverskyLoss("binary", smooth=1.0, alpha=0.3, beta=0.7)(logits, targets)
    assert loss_of("tversky", logits, targets, everything) == pytest.approx(tversky.item(), rel=1e-4)


def test_labels_count_by_their_weights() -> None:
    logits, targets, valid = random_batch(1, (2, 2, 6, 6))
    config = LossConfig.model_validate({"label_weights": ("belt:3",)})
    weights = label_weights_of(config, DataConfig(target="belt", context=("hair",)), "cpu")
    assert weights is not None and weights.tolist() == [3, 1]
    single = [
        segmentation_loss(logits[:, k : k + 1], targets[:, k : k + 1], valid, LossConfig()).item() for k in range(2)
    ]
    weighted = segmentation_loss(logits, targets, valid, config, weights).item()
    assert weighted == pytest.approx((3 * single[0] + single[1]) / 4)
    assert label_weights_of(LossConfig(), DataConfig(), "cpu") is None
