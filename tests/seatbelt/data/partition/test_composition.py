"""Shares of what the synthetic images show: how many of which kind are drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.config.data import DataConfig
from seatbelt.data.datasets.dataset import DataSet
from seatbelt.data.partition.composition import Image, stratify
from seatbelt.data.partition.mixture import draw, most_images
from seatbelt.data.partition.splits import most_synthetic, partition, selection_set
from seatbelt.errors import UserError
from tests.seatbelt.data.partition.test_splits import dataset, real

SEATS = ["empty"] * 20 + ["unbelted"] * 30 + ["belted"] * 50
LIGHTS = ["dim", "usual"]


def tag_of(image: Image, name: str) -> str | None:
    """100 images: 20 empty, 30 unbelted, 50 belted; every second one is dim. Images from 100 on are not tagged."""
    if image[1] >= 100:
        return None
    return {"seat": SEATS[image[1]], "light": LIGHTS[image[1] % 2]}.get(name)


POOL = {"3": [(0, i) for i in range(100)]}


def composed(shares: dict[str, float], **fields: object) -> DataConfig:
    return DataConfig.model_validate({"generations": ("3",), "composition": shares, **fields})


def seats(images: tuple[Image, ...]) -> Counter[str | None]:
    return Counter(tag_of(image, "seat") for image in images)


def test_strata_are_products_of_the_sides_of_each_tag() -> None:
    config = composed({"seat=empty": 0.2, "seat=unbelted": 0.3, "light=dim": 0.4})
    images, shares = stratify(POOL, None, config.composition, tag_of)
    assert {name: (len(images[name]), round(share, 6)) for name, share in shares.items()} == {
        "with light=dim, seat=empty": (10, 0.08),
        "with light=dim, seat=unbelted": (15, 0.12),
        "with light=dim, seat not empty or unbelted": (25, 0.2),
        "with light not dim, seat=empty": (10, 0.12),
        "with light not dim, seat=unbelted": (15, 0.18),
        "with light not dim, seat not empty or unbelted": (25, 0.3),
    }


def test_a_share_of_nothing_or_of_all_leaves_the_other_side_out() -> None:
    for share, name in ((0.0, "with seat not empty"), (1.0, "with seat=empty")):
        images, shares = stratify(POOL, None, composed({"seat=empty": share}).composition, tag_of)
        assert shares == {name: 1.0}
        assert len(images[name]) == (80 if share == 0 else 20)


def test_the_number_and_the_shares_come_out_exactly() -> None:
    drawn = draw(POOL, 0, composed({"seat=empty": 0.25}, synthetic_images=40), seed=1, tag_of=tag_of)
    both = (*drawn.train, *drawn.validation)
    assert len(set(both)) == len(both) == 40
    assert seats(both)["empty"] == 10
    # The validation part has the shares, too.
    assert (len(drawn.validation), seats(drawn.validation)["empty"]) == (8, 2)
    assert drawn == draw(POOL, 0, composed({"seat=empty": 0.25}, synthetic_images=40), seed=1, tag_of=tag_of)
    assert drawn != draw(POOL, 0, composed({"seat=empty": 0.25}, synthetic_images=40), seed=2, tag_of=tag_of)


def test_without_a_number_it_is_the_most_that_can_have_the_shares() -> None:
    # 20 empty seats are 25 % of 80.
    config = composed({"seat=empty": 0.25})
    assert most_images(POOL, config, tag_of) == 80
    drawn = draw(POOL, 0, config, seed=1, tag_of=tag_of)
    assert seats((*drawn.train, *drawn.validation))["empty"] == 20
    # Among the 80 others it is 80 / 0.9 = 88.9.
    assert most_images(POOL, composed({"seat=empty": 0.1}), tag_of) == 88
    assert most_images(POOL, composed({"seat=empty": 0.1}, replacement=True), tag_of) == 100
    assert most_images(POOL, composed({}, synthetic_images=5), tag_of) == 100


def test_arms_of_one_number_train_on_the_same_number() -> None:
    many = {"seat=empty": 0.1, "seat=unbelted": 0.25, "light=dim": 0.35}
    for shares in ({}, {"seat=empty": 0.0}, {"seat=empty": 0.3}, many):
        drawn = draw(POOL, 0, composed(shares, synthetic_images=37), seed=3, tag_of=tag_of)
        assert (len(drawn.train), len(drawn.validation)) == (30, 7)


def test_images_of_a_smaller_share_are_among_those_of_a_larger_one() -> None:
    def empty(share: float) -> set[Image]:
        drawn = draw(POOL, 0, composed({"seat=empty": share}, synthetic_images=50), seed=3, tag_of=tag_of)
        return {image for image in (*drawn.train, *drawn.validation) if tag_of(image, "seat") == "empty"}

    assert empty(0.1) < empty(0.2) < empty(0.4)


def test_images_that_are_not_tagged_are_not_drawn() -> None:
    pool = {"3": [(0, i) for i in range(300)]}
    assert most_images(pool, composed({"seat=empty": 0.2}), tag_of) == 100
    assert most_images(pool, composed({}), tag_of) == 300


def test_shares_of_generations_and_of_tags_together() -> None:
    pools = {"3": [(0, i) for i in range(50)], "5": [(0, i) for i in range(10, 60)]}
    config = composed({"light=dim": 0.4}, generations=("3:0.2", "5:0.8"), synthetic_images=50)
    drawn = draw(pools, 0, config, seed=1, tag_of=tag_of)
    both = (*drawn.train, *drawn.validation)
    assert len(both) == 50
    assert Counter(tag_of(image, "light") for image in both) == {"dim": 20, "usual": 30}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (
            composed({"seat=empty": 0.3}, synthetic_images=90),
            "^synthetic_images=90 with seat=empty:0.3 needs 27 synthetic images with seat=empty, but there are 20; add "
            "images, change the shares or lower synthetic_images, or let images repeat by --fix replacement=true$",
        ),
        (
            composed({"seat=empty": 0.5}, real=True, synthetic_share=0.9),
            "^a synthetic share of 0.9 beside 10 real images with seat=empty:0.5 needs 45 synthetic images with "
            "seat=empty, but there are 20; add images, change the shares or lower synthetic_share, or",
        ),
        (
            composed({}, synthetic_images=101),
            "^synthetic_images=101 needs 101 synthetic images, but there are 100; add images or lower synthetic_images",
        ),
        (
            composed({"seat=nobody": 0.1}),
            "^no synthetic images with seat=nobody are left beside those of the selection set; add images or "
            "change the shares$",
        ),
    ],
)
def test_too_few_images(config: DataConfig, what: str) -> None:
    with pytest.raises(UserError, match=what):
        draw(POOL, 10, config, seed=0, tag_of=tag_of)


def test_few_images_repeat_where_they_may() -> None:
    config = composed({"seat=empty": 0.5}, synthetic_images=200, replacement=True)
    drawn = draw(POOL, 0, config, seed=0, tag_of=tag_of)
    assert (len(drawn.train), len(drawn.validation)) == (160, 40)
    assert seats((*drawn.train, *drawn.validation))["empty"] == 100
    assert not set(drawn.train) & set(drawn.validation)


@settings(max_examples=100, deadline=None)
@given(
    empty=st.sampled_from([0.0, 0.1, 0.35]),
    unbelted=st.sampled_from([None, 0.0, 0.2, 0.6]),
    dim=st.sampled_from([None, 0.0, 0.55, 1.0]),
    seed=st.integers(0, 9),
)
def test_the_most_images_can_always_be_drawn(
    empty: float, unbelted: float | None, dim: float | None, seed: int
) -> None:
    shares = {"seat=empty": empty, "seat=unbelted": unbelted, "light=dim": dim}
    config = composed({key: share for key, share in shares.items() if share is not None})
    most = most_images(POOL, config, tag_of)
    assert most > 0
    config = config.model_copy(update={"synthetic_images": most})
    drawn = draw(POOL, 0, config, seed=seed, tag_of=tag_of)
    assert len({*drawn.train, *drawn.validation}) == most
    assert abs(seats((*drawn.train, *drawn.validation))["empty"] - empty * most) < 2


def tagged() -> DataSet:
    """Real persons, two of whom were rendered too, and synthetic images with every second seat empty."""
    rendered = [("synthetic", "3", f"p{i}", "train", 10) for i in range(2)]
    plain = dataset(*real(4, 2), *real(2, 2, "test", first=8), *rendered, ("synthetic", "3", "", "train", 40))
    rows = [
        replace(row, tags=(("seat", "empty" if i % 2 else "belted"),)) if row.domain == "synthetic" else row
        for i, row in enumerate(plain.rows)
    ]
    return DataSet(root=plain.root, name="x", classes=plain.classes, target="seat_belt", rows=tuple(rows))


def test_persons_stay_apart_and_the_most_does_not_depend_on_the_seed() -> None:
    data = [tagged()]
    selection = selection_set(data, seed=0)
    selecting = {data[0].rows[r].subject for _, r in selection}
    free = [row for row in data[0].rows if row.domain == "synthetic" and row.subject not in selecting]
    config = composed({"seat=empty": 0.5})
    assert most_synthetic(data, config, selection) == len(free)
    parts = partition(data, config, selection, seed=4)
    assert not {data[0].rows[r].subject for _, r in parts.train} & selecting
    used = Counter(data[0].rows[r].tag("seat") for _, r in (*parts.train, *parts.validation))
    assert used["empty"] == used["belted"] == len(free) // 2


@pytest.mark.parametrize(
    ("shares", "what"),
    [
        ({"seat=emty": 0.0}, r"no synthetic image of the data sets is tagged seat=emty \(seat is belted, empty\); add"),
        ({"light=dim": 0.3}, r"no synthetic image of .* tagged light=dim \(columns of tags: seat\); add the column to"),
    ],
)
def test_a_tag_that_no_image_has(shares: dict[str, float], what: str) -> None:
    data = [tagged()]
    with pytest.raises(UserError, match=what):
        partition(data, composed(shares), selection_set(data), seed=0)
