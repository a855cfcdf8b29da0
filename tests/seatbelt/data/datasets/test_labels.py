"""From classes to channels."""

from __future__ import annotations

import numpy as np
import pytest

from seatbelt.config.data import DataConfig
from seatbelt.data.datasets.dataset import IGNORE
from seatbelt.data.datasets.labels import all_context, channel_codes, labels_of, missing_classes

CLASSES = {"background": 0, "seat_belt": 3, "shirt": 1, "jacket": 7, "hair": 2, "skin": 5}


def test_the_target_is_the_first_channel() -> None:
    config = DataConfig(target="skin", context=("seat_belt", "upper=shirt|jacket"))
    assert labels_of(config) == ("skin", "jacket|shirt", "seat_belt")
    codes = channel_codes(CLASSES, labels_of(config))
    assert codes[[0, 1, 2, 3, 5, 7, IGNORE]].tolist() == [0, 2, 0, 3, 1, 2, 255]
    assert (codes.shape, codes.dtype) == ((256,), np.uint8)
    assert int((codes != 0).sum()) == 5


def test_a_merged_target_is_one_label() -> None:
    codes = channel_codes(CLASSES, labels_of(DataConfig(target="shirt|jacket", context=("hair",))))
    assert codes[[0, 1, 2, 3, 7, IGNORE]].tolist() == [0, 1, 2, 0, 1, 255]


@pytest.mark.parametrize("context", [(), ("hair", "shirt"), ("hair|shirt", "skin|jacket")])
def test_channels_are_binary_and_disjoint(context: tuple[str, ...]) -> None:
    labels = labels_of(DataConfig(context=context))
    codes = channel_codes(CLASSES, labels)
    mask = np.random.default_rng(0).choice([*CLASSES.values(), IGNORE], (20, 30)).astype(np.uint8)
    for channel, label in enumerate(labels, start=1):
        expected = np.isin(mask, [CLASSES[name] for name in label.split("|")])
        assert np.array_equal(codes[mask] == channel, expected), label
    assert np.array_equal(codes[mask] == IGNORE, mask == IGNORE)


def test_what_a_data_set_does_not_know() -> None:
    assert missing_classes(CLASSES, ("seat_belt", "tie|shirt", "bag")) == ["bag", "tie"]
    assert missing_classes(CLASSES, ()) == []


def test_all_is_every_class_but_the_targets_and_the_background() -> None:
    assert all_context([CLASSES], "seat_belt") == ("hair", "jacket", "shirt", "skin")
    assert all_context([CLASSES, {"seat_belt": 1, "tie": 2}], "jacket|seat_belt") == ("hair", "shirt", "skin", "tie")
