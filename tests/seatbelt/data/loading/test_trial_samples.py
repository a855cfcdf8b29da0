"""The data of a sweep on one node."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seatbelt.config.loss import LossConfig
from seatbelt.config.trial import TrialConfig
from seatbelt.data.datasets.dataset import fingerprint, read
from seatbelt.data.datasets.labels import channel_codes
from seatbelt.data.loading.decoded_cache import Decoded
from seatbelt.data.loading.loader import Samples, evaluation_batches
from seatbelt.data.loading.trial_samples import SweepData, target_masks
from seatbelt.data.partition.splits import ImageCounts, selection_set
from seatbelt.errors import UserError
from seatbelt.models.losses import segmentation_loss
from seatbelt.models.weights import resolve
from seatbelt.records.sweep import DataSource
from seatbelt.training.device import Execution
from seatbelt.training.metrics import image_counts
from seatbelt.training.trainer import Trainer
from tests.conftest import MakeData


def make_config(**changes: object) -> TrialConfig:
    fields = {"data.real": True, "data.generations": (), "data.height": 32, "data.width": 64}
    return TrialConfig().with_fields(fields | {name.replace("__", "."): value for name, value in changes.items()})


def open_sweep(*roots: Path) -> SweepData:
    datasets = [read(root) for root in roots]
    sources = tuple(
        DataSource(name="data", path=str(root), fingerprint=fingerprint(dataset))
        for root, dataset in zip(roots, datasets, strict=True)
    )
    return SweepData(sources, selection_set(datasets))


def test_the_samples_of_a_trial(make_data: MakeData) -> None:
    root = make_data(subjects=5, images=2, test_subjects=2)
    data = open_sweep(root)
    samples = data.samples(make_config(data__context=("hair",)))
    assert [len(part) for part in (samples.train, samples.validation, samples.selection)] == [4, 2, 2]
    assert len(samples.test) == 4
    assert samples.counts == ImageCounts(
        train_real=4, train_synthetic=0, validation_images=2, selection_images=2, test_images=4
    )
    # Test images carry the name of their data set and their line of the manifest, in order.
    assert [(name, row.image) for name, row in samples.test_rows] == [
        ("stripes", "images/p0-0.png"),
        ("stripes", "images/p0-1.png"),
        ("stripes", "images/p1-0.png"),
        ("stripes", "images/p1-1.png"),
    ]
    image, mask = samples.train.read(0)
    assert (image.shape, mask.shape) == ((32, 64, 3), (32, 64))
    assert 2 in np.unique(mask)


def test_two_data_sets_with_other_class_indices(make_data: MakeData) -> None:
    real = make_data("real", subjects=4, images=1, test_subjects=1)
    drawn = make_data("drawn", subjects=0, images=0, generations={"3": 5})
    description = json.loads((drawn / "dataset.json").read_text())
    description["classes"] = {"background": 0, "hair": 1, "seat_belt": 2}
    (drawn / "dataset.json").write_text(json.dumps(description))
    samples = open_sweep(real, drawn).samples(make_config(data__generations=("3",)))
    synthetic = [i for i, (dataset, _) in enumerate(samples.train.indices) if dataset == 1]
    assert len(synthetic) == 4
    # The bar over the top of a picture is class 2: hair in the one set, seat_belt in the other.
    top = [samples.train.read(i)[1][:4] for i in synthetic]
    assert sorted({int(bar.max()) for bar in top}) in ([0, 1], [1])
    assert all(int(samples.selection.read(i)[1].max()) <= 1 for i in range(len(samples.selection)))


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"data__target": "bag"}, "bag"),
        ({"data__context": ("hair", "shirt", "tie")}, "shirt, tie"),
        ({"data__target": "bag", "data__context": ("tie",)}, "bag, tie"),
    ],
)
def test_a_class_that_the_data_do_not_know(make_data: MakeData, changes: dict[str, object], missing: str) -> None:
    data = open_sweep(make_data(subjects=4, images=1, test_subjects=1))
    what = rf"has no class {missing} \(it has: seat_belt, hair\); choose another with --fix target=\.\.\."
    with pytest.raises(UserError, match=what):
        data.partition(make_config(**changes))


def relabel(root: Path, classes: dict[str, int]) -> None:
    description = json.loads((root / "dataset.json").read_text())
    (root / "dataset.json").write_text(json.dumps({**description, "classes": classes, "target": "lap"}))


def test_merged_classes_across_data_sets(make_data: MakeData) -> None:
    real = make_data("real", subjects=4, images=1, test_subjects=1)
    drawn = make_data("drawn", subjects=0, images=0, generations={"3": 8})
    # The bar over the top of a picture, class 2, is hair in the one set and a part of the belt in the other.
    relabel(real, {"background": 0, "lap": 1, "hair": 2, "shoulder": 4})
    relabel(drawn, {"background": 0, "lap": 1, "shoulder": 2, "hair": 3})
    data = open_sweep(real, drawn)
    config = make_config(data__generations=("3",), data__target="belt=lap|shoulder", data__context=("hair",))
    samples = data.samples(config)
    seen = {0: set[int](), 1: set[int]()}
    for position, (dataset, _) in enumerate(samples.train.indices):
        seen[dataset] |= set(np.unique(samples.train.read(position)[1]).tolist())
    assert seen == {0: {0, 1, 2}, 1: {0, 1}}
    with pytest.raises(UserError, match=r"real: has no class tie \(it has: lap, hair, shoulder\); choose another"):
        data.partition(make_config(data__target="belt=lap|tie"))


def test_pixels_to_ignore_reach_neither_loss_nor_metrics(make_data: MakeData) -> None:
    root = make_data(subjects=5, images=2, test_subjects=2)
    for path in sorted((root / "masks").iterdir()):
        mask = np.array(Image.open(path))
        mask[20:] = 255
        Image.fromarray(mask).save(path)
    samples = open_sweep(root).samples(make_config(data__context=("hair",)))
    state = Trainer(
        make_config(data__context=("hair",), model__encoder="resnet18", model__weights="none", model__decoder="fpn"),
        samples,
        resolve("resnet18", "none"),
        Execution(),
    )
    images, masks = next(iter(evaluation_batches(samples.selection, 4)))
    logits, targets, valid = state._forward(state.network, (images, masks))
    assert not valid[:, :, 20:].any() and valid[:, :, :20].all()
    assert not targets[:, :, 20:].any()
    whole = segmentation_loss(logits, targets, valid, LossConfig())
    cut = segmentation_loss(logits[:, :, :20], targets[:, :, :20], valid[:, :, :20], LossConfig())
    assert torch.allclose(whole, cut)
    # (Boundaries differ: the border of the cut image is an edge, that of what is not annotated is none.)
    counts = (
        image_counts(logits, targets, valid),
        image_counts(logits[:, :, :20], targets[:, :, :20], valid[:, :, :20]),
    )
    assert np.array_equal(*(part[:, :3] for part in counts))


def test_context_is_only_needed_where_it_is_trained(make_data: MakeData) -> None:
    real = make_data("real", subjects=4, images=1, test_subjects=1)
    description = json.loads((real / "dataset.json").read_text())
    # The real set knows the belt alone; its hair is labelled as something else.
    description["classes"] = {"background": 0, "seat_belt": 1, "other": 2}
    (real / "dataset.json").write_text(json.dumps(description))
    data = open_sweep(real, make_data("drawn", subjects=0, images=0, generations={"3": 5}))
    only_synthetic = make_config(data__real=False, data__generations=("3",), data__context=("hair",))
    assert len(data.partition(only_synthetic).train) == 4
    with pytest.raises(UserError, match=r"real: has no class hair \(it has: seat_belt, other\)"):
        data.partition(make_config(data__generations=("3",), data__context=("hair",)))


def test_target_masks_mark_target_and_valid_pixels() -> None:
    masks = np.array([[[0, 1, 2]], [[255, 1, 1]]], np.uint8)
    decoded = Decoded(images=np.zeros((2, 1, 3, 3), np.uint8), masks=masks)
    codes = channel_codes({"hair": 1, "seat_belt": 2}, ("hair", "seat_belt"))
    target, valid = target_masks(Samples(decoded=(decoded,), codes=(codes,), indices=((0, 0), (0, 1))))
    assert target.tolist() == [[[False, True, False]], [[False, True, True]]]
    assert valid.tolist() == [[[True, True, True]], [[False, True, True]]]
