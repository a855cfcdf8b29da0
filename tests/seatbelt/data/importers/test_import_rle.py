"""Run lengths against pycocotools, which decodes what it wrote itself."""

from __future__ import annotations

import numpy as np
import pytest

from seatbelt.data.importers.rle import decode_region, encode_region
from tests.seatbelt.data.importers.drawing import compressed, uncompressed


@pytest.mark.parametrize("seed", range(60))
def test_what_pycocotools_wrote_is_read_exactly(seed: int) -> None:
    draw = np.random.default_rng(seed)
    height, width = (int(side) for side in draw.integers(1, 90, 2))
    region = draw.random((height, width)) < draw.choice([0.0, 0.01, 0.3, 0.5, 0.99, 1.0])
    if seed % 3 == 0:
        # Long runs, with differences of several characters.
        region = np.repeat(np.repeat(region, 20, axis=0), 30, axis=1)
    for form in (compressed(region), uncompressed(region), encode_region(region)):
        assert np.array_equal(decode_region(form, *region.shape), region)


def test_the_compressed_form_of_a_mask_by_hand() -> None:
    # Down the columns of 2 x 3: 1 outside, 3 inside, 2 outside; 48 + each count.
    assert encode_region(np.array([[0, 1, 0], [1, 1, 0]]) == 1) == {"size": [2, 3], "counts": "132"}
    assert decode_region({"size": [2, 3], "counts": "132"}, 2, 3).tolist() == [
        [False, True, False],
        [True, True, False],
    ]
