from __future__ import annotations

from runners.preview.transforms import transforms_text
from seatbelt.config.augmentation import NAMED_TRANSFORMS


def test_the_list_of_augmentations_says_what_each_scales() -> None:
    lines = transforms_text().splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(listed) == sorted(NAMED_TRANSFORMS)
    assert "  solarize                    thesis  Invert all values above 1 - s/2 of the range." in lines
    assert "  horizontal_flip             ours    Mirror left and right, for any strength above 0." in lines
