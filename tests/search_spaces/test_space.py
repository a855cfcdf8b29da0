"""Factors, levels, cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.axes import factor
from search_spaces.factors import Factor, Level
from search_spaces.space import Condition, Protocol, Space, Study
from seatbelt.config.trial import TrialConfig
from seatbelt.errors import UserError


def plain(name: str, count: int) -> Factor:
    levels = tuple(Level(label=f"{name}{i}", fields={f"optimisation.{name}": i}) for i in range(count))
    return Factor(name=name, levels=levels)


@pytest.mark.slow
@given(st.lists(st.integers(1, 5), max_size=4))
def test_cells_are_numbered_one_to_one(sizes: list[int]) -> None:
    space = Space(factors=tuple(plain(f"f{i}", size) for i, size in enumerate(sizes)))
    cells = [tuple(cell.items()) for cell in space.cells()]
    product = 1
    for size in sizes:
        product *= size
    assert space.size == len(cells) == len(set(cells)) == product
    # Every combination of labels is there, and a cell names its factors in their order.
    assert all([name for name, _ in cell] == [f"f{i}" for i in range(len(sizes))] for cell in cells)
    assert cells == [tuple(space.cell(number).items()) for number in range(space.size)]


def test_the_last_factor_varies_fastest() -> None:
    space = Space(factors=(plain("a", 2), plain("b", 3)))
    assert [list(cell.values()) for cell in space.cells()] == [
        ["a0", "b0"],
        ["a0", "b1"],
        ["a0", "b2"],
        ["a1", "b0"],
        ["a1", "b1"],
        ["a1", "b2"],
    ]


def test_the_configuration_of_a_cell() -> None:
    space = Space(factors=(factor("encoder", ["resnet18@none", "resnet50"]), factor("batch_size", ["8"])))
    base = TrialConfig().with_fields({"epochs": 9})
    config = space.config(base, {"encoder": "resnet18@none", "batch_size": "8"}, seed=3)
    expected = {
        "model.encoder": "resnet18",
        "model.weights": "none",
        "optimisation.batch_size": 8,
        "epochs": 9,
        "seed": 3,
    }
    assert config == TrialConfig().with_fields(expected)


def test_levels_that_do_not_go_together() -> None:
    space = Space(factors=(factor("real", ["false"]), factor("generations", ["none"])))
    with pytest.raises(UserError, match="must hold real images or at least one generation, but both are"):
        space.config(TrialConfig(), space.cell(0), seed=0)


def test_factors_are_checked() -> None:
    with pytest.raises(UserError, match="factor 'a' has no levels; give it at least one"):
        Factor(name="a", levels=())
    level = Level(label="x", fields={"seed": 1})
    with pytest.raises(UserError, match="factor 'a' lists the level 'x' twice"):
        Factor(name="a", levels=(level, Level(label="x", fields={"seed": 2})))
    with pytest.raises(UserError, match="factor 'a' has two levels that mean the same: 'x' and 'y'"):
        Factor(name="a", levels=(level, Level(label="y", fields={"seed": 1})))


def test_two_factors_may_not_set_one_field() -> None:
    factors = (factor("encoder", ["resnet18@none", "resnet34"]), factor("weights", ["none", "imagenet"]))
    what = r"the factors 'encoder' and 'weights' both set model\.weights; use one of them"
    with pytest.raises(UserError, match=what):
        Space(factors=factors)


def test_the_base_of_a_study_is_the_thesis_table_and_its_conditions() -> None:
    study = Study(
        name="x",
        question="?",
        reference="none",
        factors=(plain("a", 2),),
        conditions={"model.decoder": Condition(value="Unet++", source="ours")},
        protocol=Protocol(epochs=12),
    )
    assert study.base() == TrialConfig().with_fields({"model.decoder": "unetplusplus", "epochs": 12})
    wrong = Study(
        name="x",
        question="?",
        reference="none",
        factors=(),
        conditions={"model.colour": Condition(value="red", source="ours")},
    )
    with pytest.raises(UserError, match=r"the trial configuration has no field 'model\.colour'"):
        wrong.base()
