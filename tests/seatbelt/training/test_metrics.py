import subprocess
import sys

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.errors import UserError
from seatbelt.training.metrics import (
    EPSILON,
    THRESHOLDS,
    Counts,
    Masks,
    dice,
    image_counts,
    iou,
    scores,
    trivial_baselines,
)

# Intersection, predicted, target of four images, the last two without the target.
FOUR: Counts = np.array([[6, 8, 10], [0, 5, 5], [0, 0, 0], [0, 4, 0]], dtype=np.int64)


def test_iou_and_dice_of_four_images() -> None:
    assert iou(FOUR) == pytest.approx([6 / 12, 0, 1, 0], abs=1e-6)
    assert dice(FOUR) == pytest.approx([12 / 18, 0, 1, 0], abs=1e-6)


def test_epsilon_is_exactly_the_thesis() -> None:
    assert EPSILON == 0.000001
    assert iou(FOUR)[3] == 0.000001 / 4.000001
    assert dice(FOUR)[1] == 0.000001 / 10.000001
    assert iou(FOUR)[2] == 1.0


def test_scores_of_four_images_match_those_by_hand() -> None:
    result = scores(FOUR)
    assert result.images == 4
    assert result.images_with_target == 2
    assert result.iou == pytest.approx((0.5 + 0 + 1 + 0) / 4, abs=1e-6)
    assert result.iou_with_target == pytest.approx(0.25, abs=1e-6)
    assert result.iou_without_target == pytest.approx(0.5, abs=1e-6)
    assert result.iou_pooled == pytest.approx(6 / (17 + 15 - 6), abs=1e-6)
    assert result.dice == pytest.approx((2 / 3 + 0 + 1 + 0) / 4, abs=1e-6)
    assert result.dice_with_target == pytest.approx(1 / 3, abs=1e-6)
    assert result.dice_without_target == pytest.approx(0.5, abs=1e-6)
    assert result.dice_pooled == pytest.approx(12 / 32, abs=1e-6)


def test_groups_without_images_are_none() -> None:
    with_target, without = scores(FOUR[:2]), scores(FOUR[2:])
    assert with_target.iou_without_target is None and with_target.dice_without_target is None
    assert with_target.iou_with_target == with_target.iou
    assert without.iou_with_target is None and without.dice_with_target is None
    assert without.iou_without_target == without.iou


def test_no_images_are_an_error() -> None:
    with pytest.raises(UserError, match=r"^there are no images to score: the set is empty; check its split"):
        scores(FOUR[:0])


def test_counts_of_another_shape_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"counts must be \(N, 3\) or \(N, 6\), but are \(4, 2\)"):
        scores(FOUR[:, :2])


def test_image_counts_match_those_by_hand() -> None:
    logits = torch.tensor([[[[2.0, 2.0, -2.0, -2.0]], [[9.0, 9.0, 9.0, 9.0]]]])
    targets = torch.tensor([[[[1.0, 0.0, 1.0, 0.0]], [[1.0, 1.0, 1.0, 1.0]]]])
    valid = torch.ones(1, 1, 1, 4, dtype=torch.bool)
    assert image_counts(logits, targets, valid)[:, :3].tolist() == [[1, 2, 2]]
    valid[..., 1:3] = False
    targets[..., 1:3] = 255.0
    assert image_counts(logits, targets, valid)[:, :3].tolist() == [[1, 1, 1]]
    assert image_counts(logits, targets, valid).dtype == np.int64


@pytest.mark.parametrize(("threshold", "predicted"), [(0.5, 1), (0.25, 2), (0.75, 0), (0.1, 3)])
def test_a_pixel_is_predicted_above_the_threshold(threshold: float, predicted: int) -> None:
    logits = torch.logit(torch.tensor([0.2, 0.4, 0.7])).reshape(1, 1, 1, 3)
    valid = torch.ones(1, 1, 1, 3, dtype=torch.bool)
    assert image_counts(logits, torch.zeros(1, 1, 1, 3), valid, threshold)[0, 1] == predicted


def test_a_probability_of_exactly_one_half_is_not_predicted() -> None:
    nothing = torch.zeros(1, 1, 2, 2)
    assert image_counts(nothing, nothing, torch.ones(1, 1, 2, 2, dtype=torch.bool)).tolist() == [[0] * 6]


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1.5])
def test_a_threshold_that_is_no_probability_between_0_and_1_is_refused(threshold: float) -> None:
    nothing = torch.zeros(1, 1, 2, 2)
    with pytest.raises(AssertionError, match="threshold="):
        image_counts(nothing, nothing, torch.ones(1, 1, 2, 2, dtype=torch.bool), threshold)


@pytest.mark.parametrize("valid", [torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 3, dtype=torch.bool)])
def test_a_mask_of_valid_pixels_of_another_kind_is_refused(valid: torch.Tensor) -> None:
    nothing = torch.zeros(1, 1, 2, 2)
    with pytest.raises(AssertionError, match=r"valid\.shape="):
        image_counts(nothing, nothing, valid)


def test_bfloat16_logits_are_counted_exactly() -> None:
    logits = torch.full((1, 1, 64, 64), 0.01, dtype=torch.bfloat16)
    counts = image_counts(logits, torch.ones_like(logits), torch.ones(1, 1, 64, 64, dtype=torch.bool))
    assert counts[:, :3].tolist() == [[4096, 4096, 4096]]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), images=st.integers(1, 6), belts=st.floats(0, 1), guesses=st.floats(0, 1))
def test_mean_iou_equals_smp(seed: int, images: int, belts: float, guesses: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (images, 1, 5, 7)
    # Some images are left without target, some without prediction.
    present, guessed = (torch.rand(images, 1, 1, 1, generator=generator) < share for share in (belts, guesses))
    targets = ((torch.rand(shape, generator=generator) < 0.4) & present).float()
    logits = torch.randn(shape, generator=generator).masked_fill(~guessed, -1.0)
    result = scores(image_counts(logits, targets, torch.ones(shape, dtype=torch.bool)))

    tp, fp, fn, tn = smp.metrics.get_stats((logits > 0).long(), targets.long(), mode="binary")
    expected = smp.metrics.iou_score(tp, fp, fn, tn, reduction="micro-imagewise", zero_division=1.0)
    assert result.iou == pytest.approx(expected.item(), abs=2e-6)
    expected = smp.metrics.f1_score(tp, fp, fn, tn, reduction="micro-imagewise", zero_division=1.0)
    assert result.dice == pytest.approx(expected.item(), abs=2e-6)
    if int((tp + fp + fn).sum()) == 0:
        assert result.iou_pooled == 1.0  # where smp divides 0 by 0, whatever zero_division says
    else:
        expected = smp.metrics.iou_score(tp, fp, fn, tn, reduction="micro")
        assert result.iou_pooled == pytest.approx(expected.item(), abs=2e-6)


@given(st.lists(st.tuples(*[st.integers(0, 500)] * 3), min_size=1, max_size=20))
def test_scores_lie_between_0_and_1_and_dice_is_never_below_iou(parts: list[tuple[int, int, int]]) -> None:
    # (true positives, false positives, false negatives) make counts that can occur.
    counts = np.array([[tp, tp + fp, tp + fn] for tp, fp, fn in parts], dtype=np.int64)
    each = iou(counts)
    assert ((each > 0) & (each <= 1)).all()
    assert (dice(counts) >= each - 1e-12).all()
    result = scores(counts)
    groups = [(result.iou_with_target, result.images_with_target)]
    groups.append((result.iou_without_target, result.images - result.images_with_target))
    mean = sum(value * number for value, number in groups if value is not None) / result.images
    assert result.iou == pytest.approx(mean)


def masks(*rows: list[str]) -> Masks:
    return np.array([[[mark == "#" for mark in line] for line in image] for image in rows], dtype=np.bool_)


TRAIN = masks(["##..", "...."], ["##..", "...."], ["#...", "...#"], ["....", "...."])
SELECTION = masks(["##..", "...."], ["....", "...."])


def test_trivial_baselines_match_those_by_hand() -> None:
    result = trivial_baselines(TRAIN, SELECTION)
    assert result.background.iou == pytest.approx((0 + 1) / 2, abs=1e-6)
    assert result.background.iou_with_target == pytest.approx(0, abs=1e-6)
    assert result.background.iou_without_target == 1.0
    # The mean mask is 3/4, 2/4 and, at the bottom right, 1/4. Mean IoU on the training masks:
    # cut at 0.25 or lower, all three pixels: (2/3 + 2/3 + 2/3 + 0) / 4 = 0.5;
    # cut at 0.5 or lower, two pixels: (1 + 1 + 1/3 + 0) / 4 = 0.58;
    # cut at 0.75 or lower, one pixel: (1/2 + 1/2 + 1/2 + 0) / 4 = 0.38; higher, none: (0 + 0 + 0 + 1) / 4.
    assert result.threshold == 0.3
    assert result.mean_mask.iou == pytest.approx((1 + 0) / 2, abs=1e-6)
    assert result.mean_mask.iou_with_target == pytest.approx(1, abs=1e-6)
    assert result.mean_mask.iou_without_target == pytest.approx(0, abs=1e-6)


def test_trivial_baselines_leave_ignored_pixels_out() -> None:
    train_valid, selection_valid = np.ones_like(TRAIN), np.ones_like(SELECTION)
    selection_valid[1, 0] = False  # where the mean mask would be wrong
    train_valid[2, 1, 3] = False
    result = trivial_baselines(TRAIN, SELECTION, train_valid=train_valid, selection_valid=selection_valid)
    assert result.mean_mask.iou == pytest.approx(1, abs=1e-6)
    # No training image shows the bottom right pixel any more: the lowest threshold already excludes it.
    assert result.threshold == THRESHOLDS[0]


def test_the_mean_mask_is_a_mean_over_the_valid_images_of_each_pixel() -> None:
    # The last pixel is valid in one image, which shows the target there.
    train = masks(["##", ".#"], ["#.", ".."], ["#.", ".."])
    valid = np.ones_like(train)
    valid[1:, 1, 1] = False
    result = trivial_baselines(train, masks(["#.", ".#"]), train_valid=valid)
    # Shares 1, 1/3 and 1. Cut above 1/3: (2/3 + 1 + 1) / 3; at 1/3 or lower: (1 + 1/2 + 1/2) / 3.
    assert result.threshold == 0.35
    assert result.mean_mask.iou == pytest.approx(1, abs=1e-6)


def test_ignored_pixels_of_the_selection_set_hide_a_target_from_the_background_too() -> None:
    valid = np.ones_like(SELECTION)
    valid[0] = False
    result = trivial_baselines(TRAIN, SELECTION, selection_valid=valid)
    assert result.background.iou == 1.0
    assert result.background.images_with_target == 0


def test_a_pixel_whose_share_is_the_threshold_is_predicted() -> None:
    train = np.concatenate([masks(["#."])] * 20 + [masks([".#"])] * 19 + [masks([".."])])
    # Both pixels, shares 20/40 and 19/40, cut at 0.45 or lower: (20/2 + 19/2) / 40; the first one, cut at 0.5: 20 / 40.
    result = trivial_baselines(train, masks(["#."]))
    assert result.threshold == 0.5
    assert result.mean_mask.iou == pytest.approx(1, abs=1e-6)


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"train\.shape="):
        trivial_baselines(TRAIN, SELECTION[:, :1])


def test_without_any_target_both_baselines_predict_nothing() -> None:
    nothing = np.zeros((3, 2, 2), dtype=np.bool_)
    result = trivial_baselines(nothing, nothing)
    assert result.background.iou == result.mean_mask.iou == 1.0


def test_trivial_baselines_need_training_masks() -> None:
    with pytest.raises(UserError, match="there are no training masks to average: the set is empty"):
        trivial_baselines(TRAIN[:0], SELECTION)


def test_importing_metrics_does_not_import_torch() -> None:
    program = "import sys, seatbelt.training.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def rectangle(top: int, left: int, height: int, width: int, *, size: int = 40) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[..., top : top + height, left : left + width] = 1
    return mask


def test_boundaries_are_counted_as_by_hand() -> None:
    # A diagonal of 56.6 pixels: boundaries are one pixel wide.
    target = rectangle(10, 10, 10, 10)
    valid = torch.ones(1, 1, 40, 40, dtype=torch.bool)
    same = image_counts(target * 2 - 1, target, valid)
    assert same.tolist() == [[100, 100, 100, 36, 36, 36]]
    # Moved by one pixel to the right: the upper and lower sides share 9 pixels each.
    moved = image_counts(rectangle(10, 11, 10, 10) * 2 - 1, target, valid)
    assert moved.tolist() == [[90, 100, 100, 18, 36, 36]]
    result = scores(moved)
    assert result.iou == pytest.approx(90 / 110, abs=1e-6)
    assert result.iou_boundary == pytest.approx(18 / 54, abs=1e-6)


def test_the_border_of_the_image_is_an_edge_and_that_of_the_annotation_is_none() -> None:
    target = torch.ones(1, 1, 40, 40)
    valid = torch.ones(1, 1, 40, 40, dtype=torch.bool)
    assert image_counts(target, target, valid)[0, 5] == 4 * 39
    valid[..., 20:] = False
    # 20 columns count: their boundary is above, below and on the left.
    assert image_counts(target, target, valid)[0, 5] == 2 * 20 + 38


def test_a_boundary_is_wider_in_larger_images() -> None:
    target = rectangle(20, 20, 160, 160, size=200)
    valid = torch.ones(1, 1, 200, 200, dtype=torch.bool)
    # 2 % of 282.8 pixels are 6.
    assert image_counts(target, target, valid)[0, 5] == 160**2 - 148**2


def test_boundaries_count_on_images_with_the_target_only() -> None:
    nothing, target = torch.full((1, 1, 40, 40), -1.0), rectangle(10, 10, 10, 10)
    valid = torch.ones(1, 1, 40, 40, dtype=torch.bool)
    counts = [image_counts(nothing, nothing.relu(), valid), image_counts(target * 2 - 1, target, valid)]
    assert scores(np.concatenate(counts)).iou_boundary == pytest.approx(1)
    assert scores(counts[0]).iou_boundary is None
    assert scores(counts[1][:, :3]).iou_boundary is None, "not measured"
