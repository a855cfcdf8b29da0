"""Who trains, who selects, who tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbelt.config.data import DataConfig
from seatbelt.data.datasets.dataset import DataSet
from seatbelt.data.datasets.manifest import Row
from seatbelt.data.partition.splits import Partition, partition, selection_set
from seatbelt.data.partition.subjects import Sample
from seatbelt.errors import UserError

CLASSES = {"background": 0, "seat_belt": 1}


def dataset(*groups: tuple[str, str, str, str, int]) -> DataSet:
    """Return a data set of groups (domain, generation, subject, split, number of images), without files."""
    rows: list[Row] = []
    for domain, generation, subject, split, count in groups:
        for _ in range(count):
            name = f"{len(rows)}.png"
            rows.append(Row(image=name, mask=name, domain=domain, generation=generation, subject=subject, split=split))
    return DataSet(root=Path("x"), name="x", classes=CLASSES, target="seat_belt", rows=tuple(rows))


def real(subjects: int, images: int, split: str = "train", first: int = 0) -> list[tuple[str, str, str, str, int]]:
    return [("real", "", f"p{first + i}", split, images) for i in range(subjects)]


def subjects_of(data: list[DataSet], samples: tuple[Sample, ...]) -> set[str]:
    return {data[d].rows[r].subject for d, r in samples}


def make(data: list[DataSet], config: DataConfig, seed: int = 0) -> Partition:
    return partition(data, config, selection_set(data), seed=seed)


ONLY_REAL = DataConfig(real=True, generations=())


@pytest.mark.parametrize(("subjects", "selected"), [(2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (7, 2), (10, 3), (20, 6)])
def test_about_30_percent_of_the_training_subjects_select(subjects: int, selected: int) -> None:
    data = [dataset(*real(subjects, 3), *real(4, 2, "test", first=50))]
    chosen = selection_set(data)
    assert len(subjects_of(data, chosen)) == selected
    # All images of these persons, and no one who is tested on.
    assert len(chosen) == 3 * selected
    assert subjects_of(data, chosen) <= {f"p{i}" for i in range(subjects)}


def test_the_selection_set_depends_on_its_seed_alone() -> None:
    data = [dataset(*real(7, 1))]
    assert selection_set(data, seed=3) == selection_set(data, seed=3)
    assert len({selection_set(data, seed=seed) for seed in range(20)}) > 5


def test_images_without_subject_are_separate_subjects() -> None:
    data = [dataset(("real", "", "", "train", 10))]
    assert len(selection_set(data)) == 3


@pytest.mark.parametrize("domain", ["real", "synthetic"])
def test_one_subject_cannot_train_and_select(domain: str) -> None:
    data = [dataset((domain, "", "p0", "train", 9), (domain, "", "p1", "test", 9))]
    what = f"hold 1 training subjects of the {domain} domain, but a selection set needs at least 2; add images"
    with pytest.raises(UserError, match=what):
        selection_set(data, domain=domain)


@st.composite
def data_sets(draw: st.DrawFn) -> list[DataSet]:
    """Return one or two data sets; a subject has one split but may appear in both domains."""
    partitions = []
    for _ in range(draw(st.integers(1, 2))):
        groups = [*real(4, 1)]
        for number in range(4, draw(st.integers(5, 10))):
            split = draw(st.sampled_from(["train", "test", ""]))
            for domain, generation in draw(
                st.lists(st.sampled_from([("real", ""), ("synthetic", "3"), ("synthetic", "4")]), max_size=3)
            ):
                groups.append((domain, generation, f"p{number}", split, draw(st.integers(1, 3))))
        groups += [("synthetic", "3", "", "train", 2), ("synthetic", "4", "s", "", 2)]
        partitions.append(dataset(*draw(st.permutations(groups))))
    return partitions


@settings(max_examples=60, deadline=None)
@given(
    data=data_sets(),
    use_real=st.booleans(),
    generations=st.sets(st.sampled_from(["3", "4"])),
    seeds=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_no_subject_is_in_two_of_training_selection_and_test(
    data: list[DataSet], use_real: bool, generations: set[str], seeds: tuple[int, int]
) -> None:
    use_real = use_real or not generations
    selection = selection_set(data, seed=seeds[0])
    config = DataConfig(real=use_real, generations=tuple(generations))
    parts = partition(data, config, selection, seed=seeds[1])

    def people(samples: tuple[Sample, ...]) -> set[tuple[int, str]]:
        rows = {(d, r): data[d].rows[r] for d, r in samples}
        return {(d, row.subject or row.image) for (d, _), row in rows.items()}

    everyone = tuple((d, r) for d, data_set in enumerate(data) for r in range(len(data_set.rows)))
    tested = people(tuple(s for s in everyone if data[s[0]].rows[s[1]].split == "test"))
    assert not people(parts.train) & people(parts.selection)
    assert not people(parts.train) & tested
    assert not people(parts.validation) & tested
    assert not people(parts.selection) & tested
    assert not set(parts.train) & set(parts.validation)
    # Nothing is lost: every real training image trains or selects.
    if use_real:
        free = {s for s in everyone if data[s[0]].rows[s[1]].domain == "real" and people((s,)) - tested}
        assert free <= {*parts.train, *parts.selection}
    kinds = {(data[d].rows[r].domain, data[d].rows[r].generation) for d, r in parts.train}
    assert kinds <= {("real", "") if use_real else None} | {("synthetic", name) for name in generations}
    assert {data[d].rows[r].domain for d, r in (*parts.test, *parts.selection)} <= {"real"}


def test_synthetic_validation_is_a_random_fifth_drawn_by_the_seed() -> None:
    data = [dataset(*real(4, 2), ("synthetic", "3", "", "train", 50))]
    config = DataConfig(generations=("3",))
    first, again, other = make(data, config, 1), make(data, config, 1), make(data, config, 2)
    assert (len(first.train), len(first.validation)) == (40, 10)
    assert {r for _, r in (*first.train, *first.validation)} == set(range(8, 58))
    assert first == again
    assert set(first.validation) != set(other.validation)
    # The selection set and the test set are the sweep's, whatever the seed.
    assert first.selection == other.selection


def test_real_validation_is_by_subject_the_selection_set() -> None:
    data = [dataset(*real(7, 3), *real(4, 2, "test", first=7))]
    parts = make(data, ONLY_REAL)
    assert parts.validation == parts.selection
    assert len(subjects_of(data, parts.train)) == 5
    assert len(parts.train) == 15
    assert subjects_of(data, parts.test) == {"p7", "p8", "p9", "p10"}


def test_mixed_training_validates_on_both() -> None:
    data = [dataset(*real(7, 2), ("synthetic", "3", "", "train", 20))]
    parts = make(data, DataConfig(real=True, generations=("3",)))
    assert len(parts.train) == 10 + 16
    assert len(parts.validation) == 4 + 4


# Thesis table 3.5 (its column heads are swapped): the real images are constant, 341.
@pytest.mark.parametrize(("share", "images"), [(0.5, 682), (0.6, 853), (0.7, 1137), (0.8, 1705), (0.9, 3410)])
@pytest.mark.parametrize("seed", [0, 1])
def test_mixtures_have_the_sizes_of_table_3_5(share: float, images: int, seed: int) -> None:
    # Seven persons, 341 images; the mixture is drawn before the selection set is held out.
    data = [dataset(*real(6, 48), *real(1, 53, first=6), ("synthetic", "5", "", "train", 3100))]
    parts = make(data, DataConfig(real=True, generations=("5",), synthetic_share=share), seed)
    used = {*parts.train, *parts.validation, *parts.selection}
    assert len(used) == images
    assert sum(r < 341 for _, r in used) == 341


def test_a_mixture_without_synthetic_images_is_the_real_ones() -> None:
    data = [dataset(*real(7, 2), ("synthetic", "3", "", "train", 20))]
    none = make(data, DataConfig(real=True, generations=("3",), synthetic_share=0.0))
    assert none == make(data, ONLY_REAL)


def test_the_seed_draws_the_mixture() -> None:
    data = [dataset(*real(7, 2), ("synthetic", "3", "", "train", 60))]
    config = DataConfig(real=True, generations=("3",), synthetic_share=0.5)
    drawn = [{s for s in make(data, config, seed).train if s[1] >= 14} for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_too_few_synthetic_images_for_a_mixture() -> None:
    data = [dataset(*real(5, 2), ("synthetic", "3", "", "train", 89))]
    config = DataConfig(real=True, generations=("3",), synthetic_share=0.9)
    what = "share of 0.9 beside 10 real images needs 90 synthetic images, but there are 89; add images or lower"
    with pytest.raises(UserError, match=what):
        make(data, config)


def test_nothing_to_train_on_is_refused() -> None:
    synthetic = [("synthetic", "3", f"s{i}", "train", 1) for i in range(4)]
    data = [dataset(*synthetic, *real(3, 1, "test"))]
    selection = selection_set(data, domain="synthetic")
    with pytest.raises(UserError, match="hold no real training images, but the trial trains on real ones"):
        partition(data, ONLY_REAL, selection, seed=0)
    what = r"no training images of generation 4, 9 \(they hold: 3\); add them with --data"
    with pytest.raises(UserError, match=what):
        partition(data, DataConfig(generations=("3", "4", "9")), selection, seed=0)
    few = [dataset(*real(2, 1))]
    with pytest.raises(UserError, match="1 images are left to train on, but at least 2 are needed; add images"):
        make(few, ONLY_REAL)


def test_test_persons_do_not_train_in_another_domain() -> None:
    data = [dataset(*real(4, 2), *real(1, 1, "test", first=9), ("synthetic", "3", "p9", "test", 5))]
    data.append(dataset(("synthetic", "3", "x", "train", 4)))
    parts = make(data, DataConfig(generations=("3",)))
    assert {d for d, _ in (*parts.train, *parts.validation)} == {1}
    assert parts.test == ((0, 8),)
