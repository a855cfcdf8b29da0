"""How many synthetic images, of which generation, and which of them train."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.config.data import DataConfig
from seatbelt.data.datasets.dataset import DataSet
from seatbelt.data.partition.composition import Image
from seatbelt.data.partition.mixture import apportion, draw, mixed_count
from seatbelt.data.partition.splits import count_images, partition, selection_set
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError
from tests.seatbelt.data.partition.test_splits import data_sets, dataset, make, real


def pool(generation: int, count: int) -> list[Image]:
    return [(generation, i) for i in range(count)]


def mixed(share: float | None, generations: tuple[str, ...] = ("5",), **fields: object) -> DataConfig:
    return DataConfig.model_validate({"real": True, "generations": generations, "synthetic_share": share, **fields})


# Thesis table 3.5 (its column heads are swapped): 341 real images and these many synthetic ones.
@pytest.mark.parametrize(
    ("share", "synthetic"), [(0.0, 0), (0.5, 341), (0.6, 512), (0.7, 796), (0.8, 1364), (0.9, 3069)]
)
def test_counts_match_table_3_5(share: float, synthetic: int) -> None:
    assert mixed_count(341, share) == synthetic
    drawn = draw({"5": pool(5, 3069)}, 341, mixed(share), seed=1)
    assert len(drawn.train) + len(drawn.validation) == len({*drawn.train, *drawn.validation}) == synthetic
    assert len(drawn.validation) == round(0.2 * synthetic)


def test_table_3_5_with_few_images_that_repeat() -> None:
    drawn = draw({"5": pool(5, 600)}, 341, mixed(0.9, replacement=True), seed=1)
    assert (len(drawn.train), len(drawn.validation)) == (3069 - 614, 614)
    assert (len(set(drawn.train)), len(set(drawn.validation))) == (480, 120)
    assert not set(drawn.train) & set(drawn.validation)
    # Each image comes as often as any other, give or take one.
    assert set(Counter(drawn.train).values()) == {5, 6}
    assert set(Counter(drawn.validation).values()) == {5, 6}
    assert drawn == draw({"5": pool(5, 600)}, 341, mixed(0.9, replacement=True), seed=1)
    assert drawn != draw({"5": pool(5, 600)}, 341, mixed(0.9, replacement=True), seed=2)


def test_images_do_not_repeat_where_there_are_enough() -> None:
    once, allowed = (draw({"5": pool(5, 60)}, 20, mixed(0.7, replacement=r), seed=3) for r in (False, True))
    assert once == allowed


def test_smaller_shares_are_parts_of_larger_ones() -> None:
    drawn = [draw({"5": pool(5, 300)}, 30, mixed(share), seed=4) for share in (0.5, 0.7, 0.9)]
    used = [{*synthetic.train, *synthetic.validation} for synthetic in drawn]
    assert used[0] < used[1] < used[2]


@pytest.mark.parametrize(
    ("total", "counts"),
    [(10, (2, 3, 5)), (11, (2, 3, 6)), (1, (0, 0, 1)), (0, (0, 0, 0)), (3, (1, 1, 1)), (1000, (200, 300, 500))],
)
def test_what_is_left_goes_to_the_largest_remainders(total: int, counts: tuple[int, ...]) -> None:
    assert tuple(apportion({"a": 0.2, "b": 0.3, "c": 0.5}, total).values()) == counts


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(0, 5000))
def test_shares_always_add_up(parts: list[int], total: int) -> None:
    shares = {str(i): part / sum(parts) for i, part in enumerate(parts)}
    counts = apportion(shares, total)
    assert sum(counts.values()) == total
    assert all(abs(counts[name] - share * total) < 1 for name, share in shares.items())


def test_shares_of_generations_are_exact() -> None:
    pools = {"3": pool(3, 40), "5": pool(5, 400)}
    config = mixed(0.5, ("3:0.2", "5:0.8"))
    drawn = draw(pools, 100, config, seed=1)
    assert Counter(g for g, _ in (*drawn.train, *drawn.validation)) == {3: 20, 5: 80}
    # The validation part has the same shares.
    assert Counter(g for g, _ in drawn.validation) == {3: 4, 5: 16}
    # Without a synthetic share it is as many as can have these proportions: 3 is the scarce one.
    drawn = draw(pools, 0, DataConfig(generations=("3:0.2", "5:0.8")), seed=1)
    assert Counter(g for g, _ in (*drawn.train, *drawn.validation)) == {3: 40, 5: 160}
    drawn = draw(pools, 0, DataConfig(generations=("3:0.5", "5:0.5"), replacement=True), seed=1)
    assert Counter(g for g, _ in (*drawn.train, *drawn.validation)) == {3: 220, 5: 220}


def test_a_generations_images_do_not_depend_on_the_other_one() -> None:
    pools = {"3": pool(3, 100), "4": pool(4, 100), "5": pool(5, 100)}

    def of_3(other: str) -> list[Image]:
        drawn = draw(pools, 60, mixed(0.5, ("3:0.5", f"{other}:0.5")), seed=1)
        return [image for image in drawn.train if image[0] == 3]

    assert of_3("4") == of_3("5")


@pytest.mark.parametrize(
    ("pools", "config", "what"),
    [
        (
            {"5": pool(5, 89)},
            mixed(0.9),
            "^a synthetic share of 0.9 beside 10 real images needs 90 synthetic images, but there are 89; add images "
            "or lower synthetic_share, or let images repeat by --fix replacement=true$",
        ),
        (
            {"3": pool(3, 44), "5": pool(5, 99)},
            mixed(0.9, ("3:0.5", "5:0.5")),
            "needs 45 images of generation 3, but there are 44; add images or lower",
        ),
        (
            {"5": []},
            mixed(0.5, replacement=True),
            "^no synthetic images are left beside those of the selection set",
        ),
        (
            {"3": [], "5": pool(5, 9)},
            DataConfig(generations=("3:0.5", "5:0.5"), replacement=True),
            "^no images of generation 3 are left beside those of the selection set; add images$",
        ),
    ],
)
def test_too_few_images(pools: dict[str, list[Image]], config: DataConfig, what: str) -> None:
    with pytest.raises(UserError, match=what):
        draw(pools, 10, config, seed=0)


@pytest.mark.parametrize(
    ("images", "count", "parts"), [(1, 10, (10, 0)), (2, 10, (8, 2)), (5, 10, (8, 2)), (3, 4, (3, 1)), (1, 2, (2, 0))]
)
def test_very_few_images_that_repeat(images: int, count: int, parts: tuple[int, int]) -> None:
    drawn = draw({"5": pool(5, images)}, count, mixed(0.5, replacement=True), seed=0)
    assert (len(drawn.train), len(drawn.validation)) == parts
    assert not set(drawn.train) & set(drawn.validation)


@pytest.mark.parametrize(("images", "held"), [(2, 0), (3, 1), (9, 1), (40, 1), (100, 2)])
def test_a_synthetic_arm_always_validates_on_synthetic_images(images: int, held: int) -> None:
    config = DataConfig(generations=("5",), validation_share=0.02)
    assert len(draw({"5": pool(5, images)}, 0, config, seed=0).validation) == held


CONFIGS = st.builds(
    mixed,
    st.sampled_from([None, 0.0, 0.3, 0.5, 0.8]),
    st.sampled_from([("3",), ("3", "4"), ("3:0.25", "4:0.75")]),
    replacement=st.booleans(),
    validation_share=st.sampled_from([0.05, 0.2, 0.6]),
) | st.builds(
    lambda generations, repeat: DataConfig(real=not generations, generations=generations, replacement=repeat),
    st.sampled_from([(), ("3",), ("4",), ("3", "4"), ("3:0.5", "4:0.5")]),
    st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    data=data_sets(),
    config=CONFIGS,
    domain=st.sampled_from(["real", "synthetic"]),
    seeds=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_subjects_stay_apart_and_every_count_adds_up(
    data: list[DataSet], config: DataConfig, domain: str, seeds: tuple[int, int]
) -> None:
    try:
        selection = selection_set(data, domain=domain, seed=seeds[0])
        parts = partition(data, config, selection, seed=seeds[1])
    except UserError as error:
        assert any(text in str(error) for text in ("; add", "add images", "hold no")), error
        return

    def rows(samples: tuple[Sample, ...], kind: str) -> list[Sample]:
        return [s for s in samples if data[s[0]].rows[s[1]].domain == kind]

    def people(samples: tuple[Sample, ...]) -> set[tuple[int, str]]:
        pairs = [(d, data[d].rows[r]) for d, r in samples]
        return {(d, row.subject or row.image) for d, row in pairs}

    everyone = tuple((d, r) for d, data_set in enumerate(data) for r in range(len(data_set.rows)))
    tested = people(tuple(s for s in everyone if data[s[0]].rows[s[1]].split == "test"))
    assert not people(parts.train) & people(parts.selection)
    assert not (people(parts.train) | people(parts.selection)) & tested
    assert not people(parts.validation) & tested
    assert people(parts.test) <= tested
    # Validation never trains: no image of the synthetic part, no person of the real part.
    assert not set(parts.train) & set(parts.validation)
    assert not people(tuple(rows(parts.train, "real"))) & people(tuple(rows(parts.validation, "real")))

    counts = count_images(data, parts)
    assert counts.train_real == len(rows(parts.train, "real"))
    assert counts.train_synthetic == len(rows(parts.train, "synthetic"))
    assert counts.validation_images == len(parts.validation)
    assert (counts.selection_images, counts.test_images) == (len(selection), len(parts.test))
    # Every real image trains or validates, or its person selects; the synthetic ones make up their share.
    used_real = set(rows((*parts.train, *parts.validation), "real"))
    free_real = {s for s in rows(everyone, "real") if not people((s,)) & tested}
    if config.real:
        assert free_real == used_real | {s for s in free_real if people((s,)) & people(parts.selection)}
    if config.synthetic_share is not None and domain == "real":
        synthetic = len(rows((*parts.train, *parts.validation), "synthetic"))
        assert synthetic == mixed_count(len(free_real), config.synthetic_share)
    if not config.replacement:
        assert len(set(parts.train)) == len(parts.train)
        assert len(set(parts.validation)) == len(parts.validation)


def test_no_subject_of_the_selection_set_is_drawn() -> None:
    # Persons that were also rendered: they are left out before the mixture is drawn, so that its size is exact.
    groups = [("synthetic", "3", f"p{i}", "train", 10) for i in range(7)]
    data = [dataset(*real(7, 5), *groups)]
    parts = make(data, mixed(0.5, ("3",)))
    assert len(parts.selection) == 10
    assert sum(r >= 35 for _, r in (*parts.train, *parts.validation)) == 35


def test_the_real_part_validates_by_subject_where_synthetic_images_select() -> None:
    data = [dataset(*real(7, 3), *[("synthetic", "3", f"s{i}", "train", 4) for i in range(5)])]
    selection = selection_set(data, domain="synthetic")
    parts = partition(data, DataConfig(real=True, generations=()), selection, seed=1)
    assert len(parts.selection) == 8
    assert (len(parts.train), len(parts.validation)) == (15, 6)
    held = {data[0].rows[r].subject for _, r in parts.validation}
    assert len(held) == 2
    assert not held & {data[0].rows[r].subject for _, r in parts.train}


def test_sources_narrow_what_is_trained_on_and_nothing_else() -> None:
    lab = dataset(*real(4, 2), *real(2, 3, "test", first=8), ("synthetic", "3", "", "train", 10))
    road = dataset(*real(3, 2), ("synthetic", "3", "", "train", 20), ("synthetic", "4", "", "train", 5))
    data = [DataSet(**{**vars(lab), "name": "lab"}), DataSet(**{**vars(road), "name": "road"})]
    whole = make(data, DataConfig(generations=("3",)))
    parts = make(data, DataConfig(generations=("3",), sources=("road",)))
    assert len(whole.train) + len(whole.validation) == 30
    assert {d for d, _ in (*parts.train, *parts.validation)} == {1}
    assert len(parts.train) + len(parts.validation) == 20
    assert (parts.selection, parts.test) == (whole.selection, whole.test)
    what = r"no data set is called sea, sun \(there are: lab, road\); choose with --fix sources"
    with pytest.raises(UserError, match=what):
        make(data, DataConfig(generations=("3",), sources=("road", "sea", "sun")))
    what = r"the data sets lab hold no training images of generation 4 \(they hold: 3\); add them with --data"
    with pytest.raises(UserError, match=what):
        make(data, DataConfig(generations=("4",), sources=("lab",)))
